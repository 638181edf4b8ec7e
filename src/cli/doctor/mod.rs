//! `kiln doctor`.

mod checks;

use std::fmt::Write as _;

use self::checks::{Check, State};
use super::error::Error;
use super::output::{Format, Output};
use super::{ProjectArgs, Status};
use crate::diag::{Diagnostic, Diagnostics, sentence};

/// Check an environment: login, host, warehouse, rights, Fivetran; and tell what is missing and how to get it
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    project: ProjectArgs,
}

pub(super) async fn run(args: &Args, output: &Output) -> Result<Status, Error> {
    let project = args.project.load(output)?;
    let checks = checks::all(&project).await;
    match output.format {
        Format::Json => checks.iter().for_each(|check| output.data(&json(check))),
        Format::Text | Format::Sarif => output.data(&text(&checks)),
        Format::Github => {
            output.data(&text(&checks));
            let mut problems = Diagnostics::new();
            for check in checks.iter().filter(|check| check.state == State::Wrong) {
                let problem = Diagnostic::error("environment", format!("{}: {}", check.name, check.message));
                problems.push(match &check.help {
                    Some(help) => problem.help(sentence(help)),
                    None => problem,
                });
            }
            output.diagnostics(&problems);
        }
    }
    let wrong = checks.iter().any(|check| check.state == State::Wrong);
    Ok(if wrong { Status::Unreachable } else { Status::Done })
}

fn text(checks: &[Check]) -> String {
    let width = checks.iter().map(|check| check.name.chars().count()).max().unwrap_or_default();
    let indent = " ".repeat("skipped".len() + width + 4);
    let mut text = String::new();
    for check in checks {
        // Writing to a text cannot fail.
        let _ = writeln!(text, "{:7}  {:width$}  {}", check.state.as_str(), check.name, check.message);
        for line in &check.details {
            let _ = writeln!(text, "{indent}{line}");
        }
        if let Some(help) = &check.help {
            let _ = writeln!(text, "{indent}→ {}", sentence(help));
        }
    }
    text
}

fn json(check: &Check) -> String {
    let mut line = serde_json::json!({
        "event": "check", "check": check.name, "state": check.state.as_str(), "message": check.message,
    });
    if !check.details.is_empty() {
        line["details"] = serde_json::json!(check.details);
    }
    if let Some(help) = &check.help {
        line["help"] = serde_json::json!(sentence(help));
    }
    line.to_string()
}
