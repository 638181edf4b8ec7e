//! Incremental models: what is new is put aside, tested together with what is there, and taken in by one statement.

use std::sync::Arc;

use super::action::{Audit, Increment, PlannedTest};
use super::audit::{SAMPLE_ROWS, count, tests};
use super::marks::{INPUTS, NEW_PREFIX, TESTS, of_tests};
use super::observed::ObservedTable;
use super::pins::{Pinned, Query};
use super::statement::{properties, soft_delete};
use crate::config::Strategy;
use crate::ids::{TableName, quote_identifier, string_literal};
use crate::manifest::{CompiledModel, Manifest};

/// Plans how a table takes in what is new; none if it is not incremental, or its columns are not known.
pub(super) fn increment(manifest: &Manifest, model: &CompiledModel, there: &ObservedTable) -> Option<Increment> {
    let settings = model.config.incremental.as_ref()?;
    let compiled = model.increment.as_ref().filter(|_| !there.columns.is_empty())?;
    let new = TableName::new(&manifest.catalog, &manifest.schema, &format!("{NEW_PREFIX}{}", model.config.name));
    let parts = Parts { table: model.table.to_sql(), new: new.to_sql(), deleted: soft_delete(model) };
    let comment =
        string_literal(&format!("New rows of {}, which wait for its tests or did not pass them", model.table));
    let statement = Pinned::default()
        .own(format!("CREATE OR REPLACE TABLE {} COMMENT {comment} AS\n", parts.new))
        .pinned_query(manifest, Query::increment(compiled), newest(&settings.strategy));
    let rows = parts.rows(&settings.strategy);
    let own = parts.own_test(&settings.strategy);
    let more: Vec<String> = own.iter().map(|(_, failing)| failing.clone()).collect();
    let mut tests = tests(model, Some(there), &rows);
    tests.extend(own.map(|(name, failing)| PlannedTest {
        name,
        sample: Pinned::default().own(format!("{failing} LIMIT {SAMPLE_ROWS}")),
        warns: false,
    }));
    let passed = [(TESTS.to_owned(), of_tests(model).to_string())];
    let marks = properties(&passed);
    Some(Increment {
        window: parts.window(&settings.strategy),
        statement,
        query: Arc::clone(&compiled.query),
        audit: Audit {
            count: count(model, Some(there), &rows, &more),
            tests,
            room: Vec::new(),
            publish: parts.publish(&settings.strategy),
            clear: format!("DROP TABLE IF EXISTS {}", parts.new),
        },
        new,
        columns: there.column_names(),
        types: there.columns.iter().map(|column| column.type_text.clone()).collect(),
        on_schema_change: settings.on_schema_change,
        mark: Pinned::default()
            .own(format!(
                "ALTER TABLE {} SET TBLPROPERTIES {}, {} = '",
                parts.table,
                marks.trim_end_matches(')'),
                string_literal(INPUTS)
            ))
            .inputs()
            .own("')"),
        verb: match settings.strategy {
            Strategy::Append => "appended",
            Strategy::Merge { .. } => "merged",
            Strategy::InsertOverwrite { .. } | Strategy::OverwritePartitions { .. } => "replaced",
        },
    })
}

/// What the statements are made of, as SQL.
struct Parts {
    /// The model's table.
    table: String,
    /// The table of its new rows.
    new: String,
    /// The column that is true in deleted rows.
    deleted: Option<String>,
}

impl Parts {
    /// The rows that the table will have.
    fn rows(&self, strategy: &Strategy) -> Pinned {
        let (table, new) = (&self.table, &self.new);
        let kept = Pinned::default().own("SELECT ").columns();
        let kept = match strategy {
            Strategy::Append => kept.own(format!(" FROM {table}")),
            Strategy::Merge { unique_key, .. } => {
                let same = same(unique_key, "<=>");
                kept.own(format!(" FROM {table} AS kiln_old LEFT ANTI JOIN {new} AS kiln_new ON {same}"))
            }
            Strategy::OverwritePartitions { partition_by } => {
                let same = same(partition_by, "=");
                kept.own(format!(" FROM {table} AS kiln_old LEFT ANTI JOIN {new} AS kiln_new ON {same}"))
            }
            Strategy::InsertOverwrite { time_column, .. } => {
                kept.own(format!(" FROM {table} WHERE NOT (")).then(since(time_column)).own(")")
            }
        };
        let taken = match &self.deleted {
            Some(flag) => format!(" FROM {new} WHERE NOT coalesce({flag}, false)"),
            None => format!(" FROM {new}"),
        };
        kept.own("\nUNION ALL\nSELECT ").columns().own(taken)
    }

    /// The one statement that takes new rows in.
    fn publish(&self, strategy: &Strategy) -> Pinned {
        let (table, new) = (&self.table, &self.new);
        match strategy {
            Strategy::Append => {
                let into = Pinned::default().own(format!("INSERT INTO {table} (")).columns();
                into.own(")\nSELECT ").columns().own(format!(" FROM {new}"))
            }
            Strategy::Merge { unique_key, .. } => {
                let (delete, insert) = match &self.deleted {
                    Some(flag) => (
                        format!("WHEN MATCHED AND coalesce(kiln_new.{flag}, false) THEN DELETE\n"),
                        format!("WHEN NOT MATCHED AND NOT coalesce(kiln_new.{flag}, false) THEN INSERT *"),
                    ),
                    None => (String::new(), "WHEN NOT MATCHED THEN INSERT *".to_owned()),
                };
                let on = same(unique_key, "<=>");
                Pinned::default().own(format!(
                    "MERGE INTO {table} AS kiln_old\nUSING {new} AS kiln_new\nON {on}\n{delete}WHEN MATCHED THEN UPDATE SET \
                     *\n{insert}"
                ))
            }
            Strategy::InsertOverwrite { time_column, .. } => {
                let into =
                    Pinned::default().own(format!("INSERT INTO {table} REPLACE WHERE ")).then(since(time_column));
                into.own("\nSELECT ").columns().own(format!(" FROM {new}"))
            }
            Strategy::OverwritePartitions { partition_by } => {
                let into = format!("INSERT INTO {table} REPLACE USING ({})\nSELECT ", list(partition_by));
                Pinned::default().own(into).columns().own(format!(" FROM {new}"))
            }
        }
    }

    /// The query for the moment from which on rows are replaced.
    fn window(&self, strategy: &Strategy) -> Option<String> {
        let Strategy::InsertOverwrite { time_column, lookback } = strategy else { return None };
        let column = quote_identifier(time_column);
        Some(format!(
            "SELECT CAST(CAST(max({column}) AS TIMESTAMP) - INTERVAL '{}' SECOND AS STRING) FROM {}",
            lookback.as_secs(),
            self.table
        ))
    }

    /// What new rows must be for the strategy to do what it says, as a test of them: the name, and the query for the rows
    /// that fail it. A key is one; and as NULL equals nothing, a row without a partition would come again with each run.
    fn own_test(&self, strategy: &Strategy) -> Option<(String, String)> {
        let new = &self.new;
        match strategy {
            Strategy::Merge { unique_key, .. } => {
                let list = list(unique_key);
                let failing =
                    format!("SELECT {list}, count(*) AS row_count FROM {new} GROUP BY {list} HAVING count(*) > 1");
                Some((format!("unique_key {}", unique_key.join(", ")), failing))
            }
            Strategy::OverwritePartitions { partition_by } => {
                let without = partition_by.iter().map(|column| format!("{} IS NULL", quote_identifier(column)));
                let failing = format!("SELECT * FROM {new} WHERE {}", without.collect::<Vec<_>>().join(" OR "));
                Some((format!("partition_by {}", partition_by.join(", ")), failing))
            }
            Strategy::Append | Strategy::InsertOverwrite { .. } => None,
        }
    }
}

fn list(columns: &[String]) -> String {
    columns.iter().map(|column| quote_identifier(column)).collect::<Vec<_>>().join(", ")
}

/// Tells that a row of the table and a new one have the same values in these columns.
fn same(columns: &[String], equal: &str) -> String {
    let columns = columns.iter().map(|column| quote_identifier(column));
    columns.map(|column| format!("kiln_old.{column} {equal} kiln_new.{column}")).collect::<Vec<_>>().join(" AND ")
}

/// Tells rows that are replaced. Those without a time belong to no window, and are replaced each time.
fn since(time_column: &str) -> Pinned {
    let column = quote_identifier(time_column);
    Pinned::default().own(format!("coalesce({column} >= ")).since().own(", true)")
}

/// What is left of the query: of replaced days the newest, else all of it.
fn newest(strategy: &Strategy) -> Pinned {
    match strategy {
        Strategy::InsertOverwrite { time_column, .. } => Pinned::default().own("\nWHERE ").then(since(time_column)),
        Strategy::Append | Strategy::Merge { .. } | Strategy::OverwritePartitions { .. } => Pinned::default(),
    }
}
