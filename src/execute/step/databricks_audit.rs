//! Tests a model's new version and publishes it: one statement for all tests, one more for each that fails, one to publish.

use super::databricks_alter::run_all;
use super::databricks_build::{Built, explain, statement, thousands, was_sent};
use super::databricks_version;
use super::{Context, Finished, Reporter};
use crate::databricks::{Error, StatementResult};
use crate::event::{EventKind, Failure, Outcome, QueryResult};
use crate::ids::StatementId;
use crate::plan::{Audit, BuildModel, Pinned, PlannedTest};

/// Tests what was made aside and publishes it; `after` are statements that come right after that.
pub(super) async fn run(
    model: &BuildModel,
    audit: &Audit,
    after: &[String],
    built: Built,
    context: &Context,
    reporter: &Reporter,
) -> Finished {
    match test_and_publish(model, audit, after, built, context, reporter).await {
        Ok(finished) => finished,
        Err(Error::Interrupted { .. }) => Finished::new(Outcome::Cancelled),
        Err(error) => Finished::failed(explain(&model.model, &error)),
    }
}

async fn test_and_publish(
    model: &BuildModel,
    audit: &Audit,
    after: &[String],
    built: Built,
    context: &Context,
    reporter: &Reporter,
) -> Result<Finished, Error> {
    let Built { gaps, summary, adopted } = built;
    let write = |statement: &Pinned| statement.write(&model.query, &gaps).text;
    let publish = write(&audit.publish);
    if adopted && was_sent(&publish, context, reporter) {
        // It was sent only after the tests, and the new version may be cleared away by now.
        let id = publish_tested(publish, audit, after, context, reporter).await?;
        let summary = format!("{summary}, tested before the run was broken off");
        return Ok(Finished::succeeded(summary).writing(&model.table, id));
    }
    // What is about to be replaced can be put back later.
    let version = async {
        match model.replaces {
            true => databricks_version::note(&model.table, context, reporter).await,
            false => Ok(()),
        }
    };
    if audit.tests.is_empty() {
        version.await?;
        let id = publish_tested(publish, audit, after, context, reporter).await?;
        return Ok(Finished::succeeded(summary).writing(&model.table, id));
    }
    let (version, counted) = tokio::join!(version, statement(write(&audit.count), true, context, reporter));
    version?;
    let counted = counted.result?;
    let failed = failed_tests(audit, &counted);
    for (test, failing) in &failed {
        let sample = statement(write(&test.sample), true, context, reporter).await.result?;
        reporter
            .tell(EventKind::TestFailed {
                step: reporter.step().clone(),
                test: test.name.clone(),
                warns: test.warns,
                failing: *failing,
                sample: QueryResult {
                    columns: sample.columns.iter().map(|c| (c.name.clone(), c.type_text.clone())).collect(),
                    truncated: usize::try_from(*failing).is_ok_and(|failing| failing > sample.rows.len()),
                    rows: sample.rows,
                },
            })
            .await;
    }
    let errors: Vec<&str> = failed.iter().filter(|(test, _)| !test.warns).map(|(test, _)| test.name.as_str()).collect();
    let count = |tests: usize| u64::try_from(tests).unwrap_or(u64::MAX);
    reporter
        .tell(EventKind::Tested {
            step: reporter.step().clone(),
            passed: count(audit.tests.len() - failed.len()),
            warned: count(failed.len() - errors.len()),
            failed: count(errors.len()),
        })
        .await;
    if !errors.is_empty() {
        let names = errors.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
        return Ok(Finished::new(Outcome::TestsFailed {
            failure: Failure {
                message: format!("model `{}`: the new rows fail {names}", model.model),
                help: Some(format!(
                    "{} is as it was, and what reads it was not built. The new rows stay in _kiln_new_{} to be looked at.",
                    model.table, model.model
                )),
                ..Failure::default()
            },
        }));
    }
    let id = publish_tested(publish, audit, after, context, reporter).await?;
    let tests = match (audit.tests.len(), failed.len()) {
        (1, 0) => "1 test passed".to_owned(),
        (all, 0) => format!("{all} tests passed"),
        (all, warnings) => format!("{} of {all} tests passed, the others warn", thousands((all - warnings) as u64)),
    };
    Ok(Finished::succeeded(format!("{summary}, {tests}")).writing(&model.table, id))
}

/// Puts a new version that passed its tests in its place; returns the statement that did.
async fn publish_tested(
    publish: String,
    audit: &Audit,
    after: &[String],
    context: &Context,
    reporter: &Reporter,
) -> Result<Option<StatementId>, Error> {
    run_all(&audit.room, context, reporter).await?;
    let published = statement(publish, false, context, reporter).await;
    published.result?;
    // Before what comes after: as long as that is not done, the next deploy has something to do here, and clears away too.
    run_all(std::slice::from_ref(&audit.clear), context, reporter).await?;
    run_all(after, context, reporter).await?;
    Ok(published.id)
}

/// Reads which tests failed, and for how many rows.
fn failed_tests<'a>(audit: &'a Audit, counted: &StatementResult) -> Vec<(&'a PlannedTest, u64)> {
    let mut failed: Vec<(usize, u64)> = counted
        .rows
        .iter()
        .filter_map(|row| Some((row.first()?.as_deref()?.parse().ok()?, row.get(1)?.as_deref()?.parse().ok()?)))
        .filter(|(_, failing)| *failing > 0)
        .collect();
    failed.sort_unstable();
    failed.into_iter().filter_map(|(test, failing)| Some((audit.tests.get(test)?, failing))).collect()
}
