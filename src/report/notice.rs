//! What is told of a run to those who were not there: the answer and the reason in a sentence, with a link.

use serde_json::{Value, json};

use super::Report;
use super::terminal::duration;
use crate::event::{Event, EventKind, Failure, Outcome, RunResult};
use crate::ids::{JobName, StepId};

/// The longest reason that is told whole, in characters; more of it is in the history.
const LONGEST: usize = 600;

/// Collects from a run's events what is told of it.
#[derive(Debug, Default)]
pub struct Notice {
    act: String,
    environment: String,
    run: String,
    failures: Vec<(StepId, Failure, RunResult)>,
    /// Title and address of what was published.
    dashboards: Vec<(String, String)>,
    result: Option<RunResult>,
    milliseconds: u64,
}

impl Report for Notice {
    fn event(&mut self, event: &Event) {
        match &event.kind {
            EventKind::RunStarted { by, job, environment, run, .. } => {
                self.act = job.as_ref().map_or_else(|| by.act.clone(), |job| JobName::as_str(job).to_owned());
                (self.environment, self.run) = (environment.clone(), run.to_string());
            }
            EventKind::DashboardPublished { title, link, .. } => {
                self.dashboards.retain(|(_, other)| other != link);
                self.dashboards.push((title.clone(), link.clone()));
            }
            EventKind::StepFinished { step, outcome, .. } => {
                self.failures.retain(|(other, ..)| other != step);
                if let Some(failure) = Outcome::failure(outcome) {
                    self.failures.push((step.clone(), failure.clone(), outcome.result()));
                }
            }
            EventKind::RunFinished { result, milliseconds } => {
                (self.result, self.milliseconds) = (Some(*result), *milliseconds);
            }
            _ => {}
        }
    }
}

impl Notice {
    /// Returns how the run ended; none if it has not.
    pub fn result(&self) -> Option<RunResult> {
        self.result
    }

    /// Writes the message as Slack's incoming webhooks take it, and those of others that speak its language. `figures` are
    /// the answer: labels and values of what the dashboards show. `recovered`: the run before had not succeeded.
    pub fn message(&self, figures: &[(String, String)], recovered: bool) -> Value {
        json!({"text": self.text(figures, recovered, Form::Markup)})
    }

    /// Writes the same as plain text, without signs and links.
    pub fn sentence(&self, figures: &[(String, String)], recovered: bool) -> String {
        self.text(figures, recovered, Form::Plain)
    }

    fn text(&self, figures: &[(String, String)], recovered: bool, form: Form) -> String {
        let escaped = |text: &str| if form == Form::Markup { escaped(text) } else { text.to_owned() };
        let (act, environment) = (escaped(&self.act), escaped(&self.environment));
        let result = self.result.unwrap_or(RunResult::Interrupted);
        let (sign, ended) = match result {
            RunResult::Succeeded if recovered => ("white_check_mark", "works again"),
            RunResult::Succeeded => ("white_check_mark", "is up to date"),
            RunResult::TestsFailed => ("x", "failed its data tests, and what they guard stays as it was"),
            RunResult::Failed => ("x", "failed"),
            RunResult::Stale => ("warning", "is stale"),
            RunResult::Unreachable => ("x", "could not reach its environment, or was refused"),
            RunResult::Interrupted => ("warning", "was interrupted"),
        };
        let mut text = match form {
            Form::Markup => format!(":{sign}: *{act}* on `{environment}` {ended}"),
            Form::Plain => format!("{act} on {environment} {ended}"),
        };
        let worst = self.failures.iter().find(|(.., its)| *its == result).or(self.failures.first());
        if let Some((step, failure, _)) = worst.filter(|_| result != RunResult::Succeeded) {
            text.push_str(&format!(": {}: {}", escaped(step.as_str()), escaped(&cut(&failure.message))));
            match self.failures.len() {
                0 | 1 => {}
                2 => text.push_str(" (and 1 step more failed)"),
                n => text.push_str(&format!(" (and {} steps more failed)", n - 1)),
            }
            if let Some(link) = failure.link.as_ref().filter(|_| form == Form::Markup) {
                text.push_str(&format!(". {}", link_to(link, "See why")));
            }
        } else if result == RunResult::Succeeded {
            let figures: Vec<String> =
                figures.iter().map(|(label, value)| format!("{}: {}", escaped(label), escaped(value))).collect();
            if !figures.is_empty() {
                text.push_str(&format!(": {}", figures.join(", ")));
            }
        }
        for (title, link) in self.dashboards.iter().filter(|_| form == Form::Markup) {
            text.push_str(&format!(". {}", link_to(link, title)));
        }
        text.push_str(&format!(". After {}, run {}.", duration(self.milliseconds), escaped(&self.run)));
        text
    }
}

/// How a message is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    /// As Slack's webhooks take it.
    Markup,
    /// As text that is shown as it is.
    Plain,
}

/// Writes the message about a run that ended before its first step.
pub fn not_begun(act: &str, environment: &str, why: &str) -> Value {
    let (act, environment, why) = (escaped(act), escaped(environment), escaped(&cut(why)));
    json!({"text": format!(":x: *{act}* on `{environment}` could not begin: {why}.")})
}

fn cut(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(LONGEST) {
        Some((at, _)) => format!("{}…", &line[..at]),
        None => line,
    }
}

/// Writes text so that nothing in it calls people, or looks like a link.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

fn link_to(address: &str, title: &str) -> String {
    format!("<{}|{}>", address.replace(['<', '>', '|'], ""), escaped(title).replace('|', "/"))
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;

    use super::*;
    use crate::event::{Author, Insistence, Work};

    fn notice(outcomes: &[(&str, Outcome)], result: RunResult) -> Notice {
        let mut notice = Notice::default();
        let mut tell = |kind| notice.event(&Event { at: DateTime::UNIX_EPOCH, kind });
        tell(EventKind::RunStarted {
            version: 1,
            run: "r-1".into(),
            by: Author::default(),
            job: Some("retention".into()),
            project: "shop".into(),
            environment: "prod".into(),
            plan: None,
            insistence: Insistence::default(),
            ahead: Vec::new(),
            steps: Vec::new(),
        });
        for (step, outcome) in outcomes {
            let (step, outcome) = (StepId::from(*step), outcome.clone());
            tell(EventKind::StepFinished { step, outcome, milliseconds: 1, statement: None, work: Work::default() });
        }
        tell(EventKind::RunFinished { result, milliseconds: 363_000 });
        notice
    }

    fn failure(message: &str, link: Option<&str>) -> Failure {
        Failure { message: message.into(), link: link.map(str::to_owned), ..Failure::default() }
    }

    #[test]
    fn the_worst_reason_is_told_and_nothing_in_it_is_taken_for_markup() {
        let failed = Outcome::Failed { failure: failure("model `a`: <!channel> & no", None) };
        let stale = Outcome::Stale { failure: failure("it is paused", Some("https://fivetran.test/c|x")) };
        let skipped = Outcome::Skipped { because: "sync shop".into() };
        let told = notice(&[("build a", failed), ("sync shop", stale), ("build b", skipped)], RunResult::Stale);
        assert_eq!(
            told.message(&[("Rate".into(), "31 %".into())], true)["text"],
            ":warning: *retention* on `prod` is stale: sync shop: it is paused (and 1 step more failed). \
             <https://fivetran.test/cx|See why>. After 6:03 min, run r-1."
        );
        assert_eq!(
            told.sentence(&[], false),
            "retention on prod is stale: sync shop: it is paused (and 1 step more failed). After 6:03 min, run r-1."
        );
        let failed = Outcome::Failed { failure: failure("model `a`: <!channel> & no", None) };
        let told = notice(&[("build a", failed)], RunResult::Failed);
        assert_eq!(
            told.message(&[], false)["text"],
            ":x: *retention* on `prod` failed: build a: model `a`: &lt;!channel&gt; &amp; no. After 6:03 min, run r-1."
        );
    }

    #[test]
    fn a_good_run_tells_the_answer_and_where_to_look() {
        let mut told = notice(&[], RunResult::Succeeded);
        let published = EventKind::DashboardPublished {
            step: "publish r".into(),
            dashboard: "r".into(),
            title: "R|R".into(),
            link: "https://x.test/d".into(),
            content: String::new(),
        };
        told.event(&Event { at: DateTime::UNIX_EPOCH, kind: published });
        assert_eq!(
            told.message(&[("Rate".into(), "31 %".into()), ("Customers".into(), "5".into())], false)["text"],
            ":white_check_mark: *retention* on `prod` is up to date: Rate: 31 %, Customers: 5. <https://x.test/d|R/R>. \
             After 6:03 min, run r-1."
        );
        assert!(told.message(&[], true)["text"].as_str().unwrap().contains("works again. <https"));
    }

    #[test]
    fn a_long_reason_is_cut() {
        let text = not_begun("a", "b", &"ä ".repeat(2_000))["text"].as_str().unwrap().chars().count();
        assert!((600..700).contains(&text), "{text}");
    }
}
