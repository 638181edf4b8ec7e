//! Plans and runs as Markdown, as GitHub shows it in job summaries and comments.

use std::fmt::Write as _;

use super::changes::sum;
use super::estimate;
use super::terminal::duration;
use crate::event::Outcome;
use crate::ids::StepId;
use crate::plan::{Act, DeployPlan};

/// The longest text of a comment that GitHub takes, less some room for what is round it.
const LONGEST: usize = 60_000;

/// Writes a plan: its sum, a table of what changes and why, and the SQL differences folded away.
pub fn plan(plan: &DeployPlan) -> String {
    let mut text = format!("### Plan for `{}`\n\n{}\n", plan.run.environment, escaped(&sum(plan)));
    if plan.changes.is_empty() {
        return text;
    }
    // Writing to a text cannot fail.
    let _ = writeln!(text, "\n| | object | why |\n|---|---|---|");
    for change in &plan.changes {
        let stop = if change.act.refuses() { " ⛔" } else { "" };
        let drift = if change.drift { " (drifted)" } else { "" };
        let fields = change.fields.iter().map(|field| escaped(&field.to_string()));
        let reads = plan.estimates.get(&change.name).map(|estimate| escaped(&estimate::in_words(estimate)));
        let why = change
            .reasons
            .iter()
            .map(|reason| escaped(reason))
            .chain(reads)
            .chain(fields)
            .collect::<Vec<_>>()
            .join("<br>");
        let act = if change.act == Act::Orphan { "left behind".to_owned() } else { change.act.to_string() };
        let _ = writeln!(text, "| {act}{stop} | {} `{}`{drift} | {why} |", change.kind, change.name);
    }
    for change in &plan.changes {
        let Some(diff) = &change.diff else { continue };
        let more = format!(
            "\n<details><summary><code>{}</code></summary>\n\n{}\n</details>\n",
            change.name,
            fenced("diff", diff)
        );
        if text.len() + more.len() > LONGEST {
            text.push_str("\nFurther differences are in the log.\n");
            break;
        }
        text.push_str(&more);
    }
    text
}

/// Writes a run: how it ended, what failed, what its dashboards say, and its steps folded away.
pub fn run(title: &str, steps: &[(StepId, Outcome, u64)], answer: &str) -> String {
    let failed: Vec<_> = steps.iter().filter_map(|(step, outcome, _)| Some((step, outcome.failure()?))).collect();
    let sign = if failed.is_empty() { "✅" } else { "❌" };
    let mut text = format!("### {sign} {}\n", escaped(title));
    for (step, failure) in failed {
        let _ = write!(text, "\n**{step}**: {}", escaped(&failure.message));
        if let Some(help) = &failure.help {
            let _ = write!(text, "<br>{}", escaped(help));
        }
        if let Some(link) = &failure.link {
            let _ = write!(text, "<br>{link}");
        }
        text.push('\n');
    }
    if !answer.trim().is_empty() {
        let _ = write!(text, "\n{}", fenced("", answer.trim_matches('\n')));
    }
    let _ = writeln!(text, "\n<details><summary>Steps</summary>\n\n| step | | took |\n|---|---|---:|");
    for (step, outcome, milliseconds) in steps {
        let _ = writeln!(text, "| {step} | {} | {} |", escaped(&ended(outcome)), duration(*milliseconds));
    }
    text.push_str("\n</details>\n");
    text
}

fn ended(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Succeeded { summary } if summary.is_empty() => "done".to_owned(),
        Outcome::Succeeded { summary } => summary.clone(),
        Outcome::Failed { .. } => "failed".to_owned(),
        Outcome::TestsFailed { .. } => "tests failed".to_owned(),
        Outcome::Stale { .. } => "stale".to_owned(),
        Outcome::Skipped { because } => format!("skipped, because it needs {because}"),
        Outcome::Stopped { because } => format!("stopped, because {because} failed"),
        Outcome::Cancelled => "cancelled".to_owned(),
    }
}

/// Fences text in so many back-quotes that none in it ends the fence.
fn fenced(language: &str, text: &str) -> String {
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or_default();
    let fence = "`".repeat(longest.max(2) + 1);
    format!("{fence}{language}\n{}\n{fence}\n", text.trim_end())
}

/// Writes text so that a cell of a table and the text round it stay whole.
pub(super) fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('|', "\\|").replace('<', "&lt;").replace(['\n', '\r'], " ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Failure;

    #[test]
    fn what_could_break_a_table_or_a_fence_does_not() {
        assert_eq!(escaped("a|b\n<c>"), "a\\|b &lt;c>");
        assert_eq!(fenced("diff", "+ ```\n"), "````diff\n+ ```\n````\n");
    }

    #[test]
    fn a_run_says_first_what_failed() {
        let failure = Failure { message: "model `a`: no".into(), help: Some("Look.".into()), ..Failure::default() };
        let steps = [
            (StepId::from("build a"), Outcome::Failed { failure }, 1500),
            (StepId::from("build b"), Outcome::Skipped { because: StepId::from("build a") }, 0),
        ];
        assert_eq!(
            run("shop on prod", &steps, ""),
            "### ❌ shop on prod\n\n**build a**: model `a`: no<br>Look.\n\n<details><summary>Steps</summary>\n\n\
             | step | | took |\n|---|---|---:|\n| build a | failed | 1.5 s |\n\
             | build b | skipped, because it needs build a | 0.0 s |\n\n</details>\n"
        );
    }
}
