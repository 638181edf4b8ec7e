//! A run on a terminal: spinners for what runs and a line for what ended, or plain lines where nobody watches.

use std::collections::HashMap;
use std::io::{self, Write};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use console::{Style, measure_text_width, truncate_str};
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::Report;
use super::critical::CriticalPath;
use super::grid::grid;
use crate::event::{Event, EventKind, Failure, Outcome, QueryResult, RunResult, StepOutline};
use crate::ids::{JobName, StatementId, StepId};

/// Shows the progress of a run on the standard error.
pub struct Terminal {
    screen: Option<MultiProgress>,
    spinners: HashMap<StepId, ProgressBar>,
    /// When each running step began.
    began: HashMap<StepId, DateTime<Utc>>,
    /// Last progress of each running step, so that plain lines are not repeated.
    said: HashMap<StepId, String>,
    /// Width of the longest step id, for aligned columns.
    step_width: usize,
    width: usize,
    palette: Palette,
    path: CriticalPath,
}

/// How long a step must have run before plain lines tell of its progress.
const WORTH_A_LINE: TimeDelta = TimeDelta::seconds(5);

/// The widest a cell of a sample is shown.
const SAMPLE_CELL: usize = 32;

struct Palette {
    good: Style,
    bad: Style,
    dim: Style,
    bold: Style,
}

impl Terminal {
    /// Makes a report for a terminal of `width` columns; `interactive` draws spinners, else lines are only appended.
    pub fn new(width: usize, color: bool, interactive: bool) -> Self {
        let style = |style: Style| style.for_stderr().force_styling(color);
        Self {
            screen: interactive.then(|| MultiProgress::with_draw_target(ProgressDrawTarget::stderr_with_hz(12))),
            spinners: HashMap::new(),
            began: HashMap::new(),
            said: HashMap::new(),
            step_width: 0,
            width,
            palette: Palette {
                good: style(Style::new().green()),
                bad: style(Style::new().red().bold()),
                dim: style(Style::new().dim()),
                bold: style(Style::new().bold()),
            },
            path: CriticalPath::default(),
        }
    }

    fn line(&self, text: &str) {
        match &self.screen {
            Some(screen) => {
                // Drawing fails only if the terminal has gone, and then nobody misses the line.
                let _ = screen.println(text);
            }
            None => {
                let _ = writeln!(io::stderr().lock(), "{text}");
            }
        }
    }

    fn begin(&mut self, steps: &[StepOutline]) {
        self.step_width = steps.iter().map(|s| measure_text_width(s.step.as_str())).max().unwrap_or(0).min(40);
    }

    fn start(&mut self, step: &StepId, at: DateTime<Utc>) {
        self.began.insert(step.clone(), at);
        let Some(screen) = &self.screen else { return };
        let style = ProgressStyle::with_template("{spinner} {prefix} {elapsed:>5}  {wide_msg}")
            .unwrap_or_else(|_| ProgressStyle::default_spinner())
            .tick_chars("⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏ ");
        let spinner = screen.add(ProgressBar::new_spinner().with_style(style));
        spinner.set_prefix(self.padded(step));
        spinner.enable_steady_tick(Duration::from_millis(100));
        self.spinners.insert(step.clone(), spinner);
    }

    fn progress(&mut self, step: &StepId, message: &str, at: DateTime<Utc>) {
        if let Some(spinner) = self.spinners.get(step) {
            spinner.set_message(message.to_owned());
            return;
        }
        // Without a screen every line stays, so only a long wait is worth one, and only what changed in kind: `7 of 12`
        // is not.
        if self.began.get(step).is_none_or(|began| at - *began < WORTH_A_LINE) {
            return;
        }
        let kind: String = message.chars().filter(|c| !c.is_ascii_digit()).collect();
        if self.said.get(step) != Some(&kind) {
            self.line(&format!("  {} {}", self.padded(step), self.palette.dim.apply_to(message)));
            self.said.insert(step.clone(), kind);
        }
    }

    fn finish(&mut self, step: &StepId, outcome: &Outcome, milliseconds: u64) {
        if let Some(spinner) = self.spinners.remove(step) {
            spinner.finish_and_clear();
        }
        let took = duration(milliseconds);
        let palette = &self.palette;
        let (mark, words) = match outcome {
            Outcome::Succeeded { summary } => (palette.good.apply_to("✓"), palette.dim.apply_to(summary.clone())),
            Outcome::Failed { .. } => (palette.bad.apply_to("✗"), palette.bad.apply_to("failed".to_owned())),
            Outcome::TestsFailed { .. } => (palette.bad.apply_to("✗"), palette.bad.apply_to("tests failed".to_owned())),
            Outcome::Stale { .. } => (palette.bad.apply_to("✗"), palette.bad.apply_to("stale".to_owned())),
            Outcome::Skipped { because } => {
                (palette.dim.apply_to("-"), palette.dim.apply_to(format!("skipped, because it needs `{because}`")))
            }
            Outcome::Stopped { because } => {
                (palette.dim.apply_to("-"), palette.dim.apply_to(format!("stopped, because `{because}` failed")))
            }
            Outcome::Cancelled => (palette.dim.apply_to("-"), palette.dim.apply_to("cancelled".to_owned())),
        };
        let line = format!("{mark} {} {took:>7}  {words}", self.padded(step));
        let line = truncate_str(&line, self.width.max(40), "…");
        self.line(line.trim_end());
        if let Some(failure) = outcome.failure() {
            self.failure(failure);
        }
    }

    fn failure(&self, failure: &Failure) {
        let palette = &self.palette;
        self.line(&format!("  {} {}", palette.bad.apply_to("error:"), failure.message));
        if let Some(place) = &failure.place {
            self.line(&format!("    {} {}:{}:{}", palette.dim.apply_to("-->"), place.path, place.line, place.column));
        }
        if let Some(help) = &failure.help {
            self.line(&format!("   {} {help}", palette.bold.apply_to("help:")));
        }
        if let Some(link) = &failure.link {
            self.line(&format!("    {} {link}", palette.dim.apply_to("see")));
        }
    }

    fn test_failed(&self, step: &StepId, test: &str, warns: bool, failing: u64, sample: &QueryResult) {
        let palette = &self.palette;
        let word = if warns { palette.bold.apply_to("warning:") } else { palette.bad.apply_to("error:") };
        let rows = if failing == 1 { "1 row fails".to_owned() } else { format!("{failing} rows fail") };
        self.line(&format!("  {word} {step}: {rows} `{test}`"));
        for line in grid(sample, SAMPLE_CELL) {
            let line = truncate_str(&line, self.width.max(40).saturating_sub(6), "…").into_owned();
            self.line(&format!("      {}", palette.dim.apply_to(line.trim_end())));
        }
        if sample.truncated {
            self.line(&format!("      {}", palette.dim.apply_to("…")));
        }
    }

    fn end(&self, result: RunResult, milliseconds: u64) {
        let took = duration(milliseconds);
        let palette = &self.palette;
        self.line("");
        let path = self.path.lines();
        if !path.is_empty() {
            self.line(&palette.dim.apply_to("the time went to").to_string());
            for line in path {
                let line = truncate_str(&line, self.width.max(40) - 2, "…").into_owned();
                self.line(&format!("  {}", palette.dim.apply_to(line)));
            }
        }
        self.line(&match result {
            RunResult::Succeeded => format!("{} in {took}", palette.good.apply_to("done")),
            RunResult::TestsFailed => {
                format!(
                    "{} after {took}: data tests failed, and what they guard is as it was",
                    palette.bad.apply_to("failed")
                )
            }
            RunResult::Failed => format!("{} after {took}: a step failed", palette.bad.apply_to("failed")),
            RunResult::Stale => {
                format!("{} after {took}: a source could not be brought up to date", palette.bad.apply_to("stale"))
            }
            RunResult::Unreachable => {
                format!(
                    "{} after {took}: the environment was unreachable or refused us",
                    palette.bad.apply_to("failed")
                )
            }
            RunResult::Interrupted => format!("{} after {took}", palette.bad.apply_to("interrupted")),
        });
    }

    fn padded(&self, step: &StepId) -> String {
        let text = truncate_str(step.as_str(), self.step_width.max(8), "…");
        let gap = self.step_width.saturating_sub(measure_text_width(&text));
        format!("{text}{}", " ".repeat(gap))
    }
}

impl Report for Terminal {
    fn event(&mut self, event: &Event) {
        self.path.event(event);
        match &event.kind {
            EventKind::RunStarted { by, job, project, environment, run, steps, .. } => {
                self.begin(steps);
                let palette = &self.palette;
                self.line(&format!(
                    "{} of {} on {} {}",
                    palette.bold.apply_to(job.as_ref().map_or(by.act.as_str(), JobName::as_str)),
                    palette.bold.apply_to(project),
                    palette.bold.apply_to(environment),
                    palette.dim.apply_to(format!("({run})")),
                ));
            }
            EventKind::StepStarted { step } => self.start(step, event.at),
            EventKind::StepProgress { step, message } => self.progress(step, message, event.at),
            EventKind::TestFailed { step, test, warns, failing, sample } => {
                self.test_failed(step, test, *warns, *failing, sample);
            }
            EventKind::StatementStopped { step, statement, state } => {
                if let Some(words) = not_stopped(statement, state.as_deref()) {
                    self.line(&format!("  {} {step}: {words}", self.palette.bold.apply_to("warning:")));
                }
            }
            EventKind::StepFinished { step, outcome, milliseconds, .. } => self.finish(step, outcome, *milliseconds),
            EventKind::RunFinished { result, milliseconds } => self.end(*result, *milliseconds),
            EventKind::RunResumed { .. } => self.line(&self.palette.dim.apply_to("resumed").to_string()),
            EventKind::TableVersion { .. }
            | EventKind::StatementSending { .. }
            | EventKind::StatementAccepted { .. }
            | EventKind::DashboardPublished { .. }
            | EventKind::WidgetQueried { .. }
            | EventKind::SyncBaseline { .. }
            | EventKind::SyncDelivered { .. }
            | EventKind::SourcesPinned { .. }
            | EventKind::RunSoFar { .. }
            | EventKind::StepRead { .. }
            | EventKind::TableWritten { .. }
            | EventKind::Tested { .. } => {}
        }
    }
}

/// Says what became of a statement that was told to stop and is not known to have done so; nothing if it has.
fn not_stopped(statement: &StatementId, state: Option<&str>) -> Option<String> {
    match state {
        Some("CANCELED" | "FAILED" | "CLOSED") => None,
        Some("SUCCEEDED") => Some(format!("statement {statement} had done its work before it could be stopped")),
        Some(state) => Some(format!(
            "statement {statement} was told to stop and was last seen {}; the query history tells how it ended",
            state.to_lowercase()
        )),
        None => Some(format!(
            "statement {statement} was told to stop and did not answer; the query history tells how it ended"
        )),
    }
}

/// Writes a duration as people read it: `0.4 s`, `12.0 s`, `3:05 min`, `1:02:03 h`.
pub fn duration(milliseconds: u64) -> String {
    let seconds = milliseconds / 1000;
    match seconds {
        0..=59 => format!("{}.{} s", seconds, milliseconds % 1000 / 100),
        60..=3599 => format!("{}:{:02} min", seconds / 60, seconds % 60),
        _ => format!("{}:{:02}:{:02} h", seconds / 3600, seconds / 60 % 60, seconds % 60),
    }
}

#[cfg(test)]
mod tests {
    use super::{duration, not_stopped};

    #[test]
    fn only_what_is_not_known_to_have_stopped_is_worth_a_word() {
        let of = |state| not_stopped(&"s".into(), state).unwrap_or_default();
        assert_eq!(of(Some("CANCELED")), "");
        assert_eq!(of(Some("SUCCEEDED")), "statement s had done its work before it could be stopped");
        assert!(of(Some("RUNNING")).contains("last seen running"));
        assert!(of(None).contains("did not answer"));
    }

    #[test]
    fn durations_read_as_people_write_them() {
        assert_eq!(duration(449), "0.4 s");
        assert_eq!(duration(59_999), "59.9 s");
        assert_eq!(duration(185_000), "3:05 min");
        assert_eq!(duration(3_723_000), "1:02:03 h");
    }
}
