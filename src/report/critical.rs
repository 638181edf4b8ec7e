//! What the time of a run went to: the chain of steps of which none could begin before the one before it had ended.

use std::collections::HashMap;
use std::fmt::Write as _;

use chrono::{DateTime, Utc};
use console::measure_text_width;

use super::Report;
use super::estimate::size;
use super::terminal::duration;
use crate::event::{Event, EventKind, StepOutline, Work};
use crate::ids::StepId;

/// Collects from a run's events what its length consists of.
#[derive(Debug, Default)]
pub struct CriticalPath {
    steps: Vec<StepOutline>,
    ended: HashMap<StepId, Ended>,
    milliseconds: u64,
}

#[derive(Debug)]
struct Ended {
    at: DateTime<Utc>,
    milliseconds: u64,
    work: Work,
}

/// A step of the chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// The step.
    pub step: StepId,
    /// How long it took, in milliseconds.
    pub milliseconds: u64,
    /// What it did on the warehouse.
    pub work: Work,
}

/// Shorter runs are not worth a word about their time, in milliseconds.
const WORTH_A_WORD: u64 = 1_000;
/// A shorter wait is as long as it takes to see that it is over, in milliseconds.
const WORTH_TELLING: u64 = 500;

impl Report for CriticalPath {
    fn event(&mut self, event: &Event) {
        match &event.kind {
            EventKind::RunStarted { steps, .. } => self.steps.clone_from(steps),
            EventKind::StepFinished { step, milliseconds, work, .. } => {
                let ended = Ended { at: event.at, milliseconds: *milliseconds, work: *work };
                self.ended.insert(step.clone(), ended);
            }
            EventKind::StepRead { step, bytes, .. } => {
                if let Some(ended) = self.ended.get_mut(step) {
                    ended.work.read = Some(*bytes);
                }
            }
            EventKind::RunFinished { milliseconds, .. } => self.milliseconds = *milliseconds,
            _ => {}
        }
    }
}

impl CriticalPath {
    /// Returns the chain, in the order in which it ran.
    pub fn links(&self) -> Vec<Link> {
        let needs: HashMap<&StepId, &Vec<StepId>> = self.steps.iter().map(|o| (&o.step, &o.needs)).collect();
        let last = |steps: &mut dyn Iterator<Item = &StepId>| {
            // Steps that never began have taken no time; of equals, the one that the plan names last.
            let ended = steps.filter_map(|step| Some((step.clone(), self.ended.get(step)?)));
            ended.filter(|(_, ended)| ended.milliseconds > 0).max_by_key(|(_, ended)| ended.at)
        };
        let mut links = Vec::new();
        let mut next = last(&mut self.steps.iter().map(|outline| &outline.step));
        while let Some((step, ended)) = next {
            next = needs.get(&step).and_then(|needs| last(&mut needs.iter()));
            links.push(Link { step, milliseconds: ended.milliseconds, work: ended.work });
        }
        links.reverse();
        links
    }

    /// Writes it as lines of text: each step, how long it took, which share of the run that is, and what it waited for. None
    /// for a run that was over soon, or had one step.
    pub fn lines(&self) -> Vec<String> {
        let links = self.links();
        if self.milliseconds < WORTH_A_WORD || links.len() < 2 {
            return Vec::new();
        }
        let (long, short): (Vec<&Link>, Vec<&Link>) = links.iter().partition(|link| self.percent(link) >= 1);
        let width = long.iter().map(|link| measure_text_width(link.step.as_str())).max().unwrap_or(0);
        let mut lines: Vec<String> = long
            .into_iter()
            .map(|link| {
                let gap = " ".repeat(width - measure_text_width(link.step.as_str()));
                let (took, percent) = (duration(link.milliseconds), self.percent(link));
                let line = format!("{}{gap}  {took:>9}  {percent:>3} %  {}", link.step, words(&link.work));
                line.trim_end().to_owned()
            })
            .collect();
        if !short.is_empty() {
            let sum = short.iter().map(|link| link.milliseconds).sum();
            let steps = if short.len() == 1 { "step" } else { "steps" };
            lines.push(format!("{} short {steps} more, {}", short.len(), duration(sum)));
        }
        lines
    }

    /// Writes it as a table of Markdown, folded away; nothing where there is nothing to say.
    pub fn markdown(&self) -> String {
        if self.lines().is_empty() {
            return String::new();
        }
        let mut text = String::from(
            "\n<details><summary>What the time went to</summary>\n\n| step | took | | |\n|---|---:|---:|---|\n",
        );
        for link in self.links() {
            let (took, percent) = (duration(link.milliseconds), self.percent(&link));
            // Writing to a text cannot fail.
            let _ = writeln!(text, "| {} | {took} | {percent} % | {} |", link.step, words(&link.work));
        }
        text.push_str("\n</details>\n");
        text
    }

    fn percent(&self, link: &Link) -> u64 {
        (link.milliseconds * 100 + self.milliseconds / 2) / self.milliseconds.max(1)
    }
}

/// Says what a step waited for and wrote.
fn words(work: &Work) -> String {
    let mut words = Vec::new();
    if work.waited >= WORTH_TELLING {
        words.push(format!("{} waiting for a place (--concurrency)", duration(work.waited)));
    }
    if work.queued >= WORTH_TELLING {
        words.push(format!("{} queued in the warehouse", duration(work.queued)));
    }
    match work.rows {
        Some(1) => words.push("1 row".to_owned()),
        Some(rows) => words.push(format!("{rows} rows")),
        None => {}
    }
    words.extend(work.read.map(|bytes| format!("{} read", size(bytes))));
    words.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Author, Insistence, Outcome, RunResult, StepKind};

    fn at(milliseconds: i64, kind: EventKind) -> Event {
        Event { at: DateTime::from_timestamp_millis(milliseconds).unwrap(), kind }
    }

    fn path(steps: &[(&str, &[&str], i64, u64, Work)], took: u64) -> CriticalPath {
        let mut path = CriticalPath::default();
        let outline = |(step, needs, ..): &(&str, &[&str], i64, u64, Work)| StepOutline {
            step: StepId::from(*step),
            kind: StepKind::Build,
            needs: needs.iter().map(|need| StepId::from(*need)).collect(),
            reads: Vec::new(),
        };
        path.event(&at(
            0,
            EventKind::RunStarted {
                version: 1,
                run: "r".into(),
                by: Author::default(),
                job: None,
                project: "p".into(),
                environment: "e".into(),
                plan: None,
                insistence: Insistence::default(),
                ahead: Vec::new(),
                steps: steps.iter().map(outline).collect(),
            },
        ));
        for (step, _, ended, milliseconds, work) in steps {
            let outcome = Outcome::Succeeded { summary: String::new() };
            let (step, milliseconds) = (StepId::from(*step), *milliseconds);
            path.event(&at(
                *ended,
                EventKind::StepFinished { step, outcome, milliseconds, statement: None, work: *work },
            ));
        }
        path.event(&at(took as i64, EventKind::RunFinished { result: RunResult::Succeeded, milliseconds: took }));
        path
    }

    #[test]
    fn the_chain_goes_back_from_the_last_end_over_the_need_that_ended_last() {
        let none = Work::default();
        let busy =
            Work { statements: 2, waited: 1_500, queued: 750, rows: Some(1234), read: Some(5_250_000), written: None };
        let path = path(
            &[
                ("sync a", &[], 4_000, 4_000, none),
                ("sync b", &[], 2_000, 2_000, none),
                ("build a", &["sync a"], 9_000, 5_000, busy),
                ("build b", &["sync b"], 9_500, 7_500, none),
                ("build c", &["build a", "sync b"], 9_950, 950, none),
                ("tiny", &["build c"], 10_000, 30, none),
                ("skipped", &["tiny"], 10_000, 0, none),
            ],
            10_000,
        );
        let steps: Vec<String> = path.links().iter().map(|link| link.step.to_string()).collect();
        assert_eq!(steps, ["sync a", "build a", "build c", "tiny"]);
        assert_eq!(
            path.lines(),
            [
                "sync a       4.0 s   40 %",
                "build a      5.0 s   50 %  1.5 s waiting for a place (--concurrency), 0.7 s queued in the warehouse, 1234 rows, 5.2 MB read",
                "build c      0.9 s   10 %",
                "1 short step more, 0.0 s",
            ]
        );
        assert!(path.markdown().contains("| build c | 0.9 s | 10 % |  |"), "{}", path.markdown());
    }

    #[test]
    fn a_short_run_and_a_run_of_one_step_say_nothing() {
        let none = Work::default();
        assert!(path(&[("a", &[], 400, 400, none), ("b", &["a"], 900, 500, none)], 900).lines().is_empty());
        assert!(path(&[("a", &[], 4_000, 4_000, none)], 4_000).lines().is_empty());
        assert_eq!(path(&[("a", &[], 4_000, 4_000, none)], 4_000).markdown(), "");
    }
}
