//! Reads the tables that a run left, as the embedded workspace itself reads them.

use std::sync::Arc;

use chrono::Utc;
use kiln::local::engine::{Engine, Output, Request};
use kiln::local::{Server, Settings};
use tokio::runtime::Runtime;
use tokio_util::sync::CancellationToken;

use crate::support::Project;

/// The tables of one schema of a project's local workspace.
pub(crate) struct Tables {
    runtime: Runtime,
    engine: Engine,
    schema: &'static str,
    server: Server,
}

/// What a query gave.
pub(crate) struct Answer {
    /// Name and type (`BIGINT`, `DECIMAL(12,2)`) of each column.
    pub(crate) columns: Vec<(String, String)>,
    /// Each cell as `CAST(… AS STRING)` shows it.
    pub(crate) rows: Vec<Vec<Option<String>>>,
}

impl Tables {
    /// Opens the workspace of a project in whose folder no kiln runs.
    pub(crate) fn open(project: &Project, folder: &str, schema: &'static str) -> Self {
        let runtime = Runtime::new().expect("a runtime can be made");
        let settings = Settings::new(project.path().join(folder).join(".kiln/local"), Arc::new(Utc::now));
        let server = runtime.block_on(Server::start(settings)).expect("the workspace opens");
        let engine = server.engine().clone();
        Self { runtime, engine, schema, server }
    }

    /// Closes the workspace, so that another process may open it.
    pub(crate) fn close(self) {
        drop(self.engine);
        self.runtime.block_on(self.server.shutdown());
    }

    /// Runs a query and returns each row as one text: the cells with a blank between them, NULL as `-`.
    #[track_caller]
    pub(crate) fn rows(&self, sql: &str) -> Vec<String> {
        let output = self.execute(sql);
        let text = |row: &Vec<Option<String>>| {
            row.iter().map(|cell| cell.as_deref().unwrap_or("-")).collect::<Vec<_>>().join(" ")
        };
        output.rows.iter().map(text).collect()
    }

    /// Runs a query for pairs of a key and a number, ordered, and returns the numbers of each key in one text.
    #[track_caller]
    pub(crate) fn lines(&self, sql: &str) -> Vec<String> {
        let mut lines: Vec<(String, String)> = Vec::new();
        for row in self.rows(sql) {
            let (key, number) = row.split_once(' ').expect("two columns are expected");
            match lines.last_mut() {
                Some((last, numbers)) if last == key => {
                    numbers.push(' ');
                    numbers.push_str(number);
                }
                _ => lines.push((key.to_owned(), number.to_owned())),
            }
        }
        lines.into_iter().map(|(key, numbers)| format!("{key}: {numbers}")).collect()
    }

    /// Runs a query and returns its columns, and its rows cell by cell.
    #[track_caller]
    pub(crate) fn answer(&self, sql: &str) -> Answer {
        let columns = self.execute(sql).columns.into_iter().map(|column| (column.name, column.type_text));
        let columns: Vec<(String, String)> = columns.collect();
        let names: Vec<String> = (0..columns.len()).map(|place| format!("c{place}")).collect();
        let shown: Vec<String> = names.iter().map(|name| format!("CAST({name} AS STRING)")).collect();
        let (shown, names) = (shown.join(", "), names.join(", "));
        let rows = self.execute(&format!("SELECT {shown} FROM (\n{sql}\n) AS answer({names})")).rows;
        Answer { columns, rows }
    }

    #[track_caller]
    fn execute(&self, sql: &str) -> Output {
        let request =
            Request { catalog: Some("main".to_owned()), schema: Some(self.schema.to_owned()), ..Request::new(sql) };
        self.runtime
            .block_on(self.engine.execute(request, CancellationToken::new()))
            .unwrap_or_else(|error| panic!("{error}\n{sql}"))
    }
}
