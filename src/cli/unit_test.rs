//! `kiln test`.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use chrono::{DateTime, Utc};
use tokio_util::sync::CancellationToken;

use super::connect::{self, start_error};
use super::error::Error;
use super::output::{Format, Output};
use super::{ProjectArgs, Status};
use crate::config::{Project, Selection, UnitTest};
use crate::databricks::{self, Client, Progress, Statement};
use crate::diag::{Diagnostic, did_you_mean};
use crate::event::QueryResult;
use crate::http::RetryPolicy;
use crate::ids::WarehouseId;
use crate::local::{Server, Settings, WAREHOUSE_ID};
use crate::manifest::{self, Manifest};
use crate::plan::{self, UnitTestPlan};
use crate::report::unit_tests::{self, Verdict};

/// Run the unit tests of models, here: what each makes of given rows, against the rows that are expected
///
/// The embedded workspace runs them in a folder of its own, which is thrown away. Exit status 4 if one fails.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Models whose tests are run, by name, path or glob [default: all]
    models: Vec<String>,
    #[command(flatten)]
    project: ProjectArgs,
}

/// What `current_timestamp()` gives, if a test says so.
type Now = Arc<Mutex<Option<DateTime<Utc>>>>;

pub(super) async fn run(args: &Args, output: &Output) -> Result<Status, Error> {
    let (project, manifest) = args.project.compile(output)?;
    let tests = chosen(&project, &args.models)?;
    if tests.is_empty() {
        output.status("there are no unit tests; name their files under `unit_tests` in jobs.yaml");
        return Ok(Status::Done);
    }
    let dir =
        tempfile::tempdir().map_err(|error| Error::refused(format!("cannot make a folder for tests: {error}")))?;
    let now: Now = Arc::default();
    let clock = {
        let now = Arc::clone(&now);
        Arc::new(move || now.lock().unwrap_or_else(PoisonError::into_inner).unwrap_or_else(Utc::now))
    };
    let server = Server::start(Settings::new(dir.path(), clock)).await.map_err(|error| start_error(&error))?;
    let (client, ..) = connect::databricks_of(&server, RetryPolicy::default())?;
    let mut compiled: HashMap<Vec<(String, String)>, (Project, Manifest)> = HashMap::new();
    compiled.insert(Vec::new(), (project.clone(), manifest));
    let mut verdicts = Vec::new();
    for test in &tests {
        if !compiled.contains_key(&test.variables) {
            let other = args.project.with_variables(&test.variables).compile_quietly()?;
            compiled.insert(test.variables.clone(), other);
        }
        let (project, manifest) = &compiled[&test.variables];
        let Some(model) = manifest.models.get(&test.model.value) else { continue };
        let inputs = manifest::inputs(project, &manifest.models, model);
        *now.lock().unwrap_or_else(PoisonError::into_inner) = test.now;
        let outcome = judge(&client, manifest, &plan::unit_test(manifest, model, &inputs, test)).await;
        let verdict =
            Verdict { model: test.model.value.clone(), test: test.name.clone(), place: test.span.clone(), outcome };
        print(
            output,
            &match output.format {
                Format::Json => unit_tests::json(&verdict),
                Format::Text | Format::Github | Format::Sarif => unit_tests::text(&verdict, output.stdout_color()),
            },
        );
        verdicts.push(verdict);
    }
    server.shutdown().await;
    if output.format == Format::Github {
        print(output, &unit_tests::annotations(&verdicts));
    }
    output.status(&unit_tests::sum(&verdicts));
    Ok(if verdicts.iter().all(Verdict::passed) { Status::Done } else { Status::TestsFailed })
}

/// Returns the tests of the models that are meant.
fn chosen(project: &Project, models: &[String]) -> Result<Vec<UnitTest>, Error> {
    let mut tests = project.unit_tests.clone();
    if models.is_empty() {
        return Ok(tests);
    }
    let mut wanted = Vec::new();
    for pattern in models {
        let selection = Selection::new(pattern)
            .map_err(|why| Error::usage(format!("`{pattern}` is not a pattern of models: {why}")))?;
        let found: Vec<_> = project.models.values().filter(|model| selection.matches(model)).collect();
        if found.is_empty() {
            let near = did_you_mean(pattern, project.models.keys().map(crate::ids::ModelName::as_str));
            let diagnostic = Diagnostic::error("empty-selection", format!("`{pattern}` means no model"));
            let near = near.map(|near| format!("Did you mean `{near}`?"));
            return Err(Error::Project(match near {
                Some(near) => diagnostic.help(near).into(),
                None => diagnostic.into(),
            }));
        }
        wanted.extend(found.into_iter().map(|model| model.name.clone()));
    }
    tests.retain(|test| wanted.contains(&test.model.value));
    Ok(tests)
}

/// Runs a test; the error is the warehouse's, in words.
async fn judge(client: &Client, manifest: &Manifest, plan: &UnitTestPlan) -> Result<QueryResult, String> {
    let run = async |sql: &str| {
        let statement = Statement {
            catalog: Some(manifest.catalog.clone()),
            schema: Some(manifest.schema.clone()),
            ..Statement::new(sql, WarehouseId::new(WAREHOUSE_ID))
        };
        let never = CancellationToken::new();
        client.statements().execute(&statement, &never, &mut |_: Progress| {}).await
    };
    let words = |error: databricks::Error| error.to_string();
    for statement in &plan.setup {
        run(statement).await.map_err(words)?;
    }
    let result = run(&plan.differences).await.map_err(words)?;
    Ok(QueryResult {
        columns: result.columns.into_iter().map(|column| (column.name, column.type_text)).collect(),
        rows: result.rows,
        truncated: result.truncated,
    })
}

fn print(output: &Output, text: &str) {
    if !text.is_empty() {
        output.data(text);
    }
}
