//! How long steps took in earlier runs: from the journals here, else from the history of the environment.

use std::collections::HashMap;
use std::path::Path;
use std::time::Duration;

use super::connect::Environment;
use super::journal;
use crate::event::{EventKind, Outcome};
use crate::ids::{StepId, TableName};
use crate::plan::{Action, RunPlan};
use crate::report::history::History;

/// The newest runs that are asked; what they say is more than a guess and does not have to be more.
const RUNS: usize = 5;

/// Returns how long steps took before, as far as anybody knows. The workspace is asked only where that can be of use: with
/// more builds than may run at once, of which no journal here knows any.
pub(super) async fn expected(
    plan: &RunPlan,
    concurrency: usize,
    kiln_dir: &Path,
    history: &TableName,
    environment: &Environment,
) -> HashMap<StepId, Duration> {
    let builds = || plan.steps.values().filter(|step| matches!(step.action, Action::Build(_)));
    if builds().count() <= concurrency {
        return HashMap::new();
    }
    let here = of_journals(kiln_dir, &plan.environment);
    if builds().any(|step| here.contains_key(&step.id)) {
        return here;
    }
    of_history(plan, history, environment).await
}

/// Reads the newest journals of an environment: for each step the median.
fn of_journals(kiln_dir: &Path, environment: &str) -> HashMap<StepId, Duration> {
    let mut took: HashMap<StepId, Vec<u64>> = HashMap::new();
    let journals = journal::runs(kiln_dir).into_iter().filter_map(|run| journal::read(kiln_dir, &run).ok());
    let of_environment = journals.filter(|events| {
        events.first().is_some_and(
            |event| matches!(&event.kind, EventKind::RunStarted { environment: its, .. } if its == environment),
        )
    });
    for event in of_environment.take(RUNS).flatten() {
        if let EventKind::StepFinished { step, outcome: Outcome::Succeeded { summary }, milliseconds, work, .. } =
            event.kind
            && summary != "unchanged"
        {
            took.entry(step).or_default().push(milliseconds.saturating_sub(work.waited + work.queued));
        }
    }
    took.into_iter()
        .map(|(step, mut all)| {
            all.sort_unstable();
            (step, Duration::from_millis(all[all.len() / 2]))
        })
        .collect()
}

/// Asks the history of the environment. What it does not tell is not known: it may be the first run, or an older table.
async fn of_history(plan: &RunPlan, history: &TableName, environment: &Environment) -> HashMap<StepId, Duration> {
    let sql = History::durations(history, &plan.project, &plan.environment);
    let rows = match environment.rows(sql).await {
        Ok(rows) => rows,
        Err(error) => {
            tracing::debug!(%error, "nobody knows how long the steps will take");
            Vec::new()
        }
    };
    let read = |row: Vec<Option<String>>| {
        let mut cells = row.into_iter().flatten();
        Some((StepId::new(cells.next()?), Duration::from_millis(cells.next()?.parse().ok()?)))
    };
    rows.into_iter().filter_map(read).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn journals_tell_the_median_of_what_was_built_in_the_environment() {
        let dir = tempfile::tempdir().unwrap();
        let write = |run: &str, environment: &str, took: &[(u64, u64, &str)]| {
            let mut lines = vec![format!(
                r#"{{"at":"2026-01-01T00:00:00Z","event":"run_started","version":1,"run":"{run}","project":"p","environment":"{environment}","steps":[]}}"#
            )];
            for (milliseconds, waited, summary) in took {
                lines.push(format!(
                    r#"{{"at":"2026-01-01T00:00:00Z","event":"step_finished","step":"build a","outcome":{{"outcome":"succeeded","summary":"{summary}"}},"milliseconds":{milliseconds},"statement":null,"work":{{"statements":1,"waited":{waited}}}}}"#
                ));
            }
            let folder = dir.path().join("runs").join(run);
            std::fs::create_dir_all(&folder).unwrap();
            std::fs::write(folder.join("events.jsonl"), lines.join("\n") + "\n").unwrap();
        };
        assert!(of_journals(dir.path(), "prod").is_empty());
        write("20260101T000000000Z-000000", "prod", &[(999_000, 0, "table")]);
        for (i, took) in [3_000, 50_000, 4_000].into_iter().enumerate() {
            write(&format!("2026020{}T000000000Z-000000", i + 1), "prod", &[(took + 500, 500, "table")]);
        }
        write("20260205T000000000Z-000000", "prod", &[(1, 0, "unchanged")]);
        write("20260206T000000000Z-000000", "dev", &[(70_000, 0, "table")]);
        let expected = [(StepId::from("build a"), Duration::from_secs(50))].into();
        // The five newest are 50, 4, 3 and 999 seconds, and one in which it was not built.
        assert_eq!(of_journals(dir.path(), "prod"), expected);
        write("20260207T000000000Z-000000", "prod", &[(5_000, 0, "table")]);
        let expected = [(StepId::from("build a"), Duration::from_secs(5))].into();
        assert_eq!(of_journals(dir.path(), "prod"), expected);
    }
}
