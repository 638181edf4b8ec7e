//! A run as a trace of OpenTelemetry, in the JSON of OTLP over HTTP: a span for the run, for each step, and for each statement
//! that writes.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::Report;
use crate::event::{Event, EventKind, Outcome, RunResult, StepKind};
use crate::ids::{Fingerprint, JobName, StepId};

/// Spans of one request at most.
const BATCH: usize = 1_000;

/// The span of another program that this run is part of: `traceparent` of the W3C.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parent {
    trace: String,
    span: String,
}

impl Parent {
    /// Reads `00-<trace>-<span>-<flags>`; none if it is something else.
    pub fn read(text: &str) -> Option<Self> {
        let parts: Vec<&str> = text.trim().split('-').collect();
        let [version, trace, span, _] = parts.as_slice() else { return None };
        let is_hex = |text: &str, length: usize| {
            text.len() == length
                && text.bytes().all(|byte| byte.is_ascii_hexdigit() && !byte.is_ascii_uppercase())
                && text.bytes().any(|byte| byte != b'0')
        };
        (version.len() == 2 && is_hex(trace, 32) && is_hex(span, 16))
            .then(|| Self { trace: (*trace).to_owned(), span: (*span).to_owned() })
    }
}

/// Collects spans from a run's events.
#[derive(Debug, Default)]
pub struct Trace {
    service: String,
    parent: Option<Parent>,
    run: Option<Run>,
    kinds: HashMap<StepId, StepKind>,
    /// When steps that run began.
    begun: HashMap<StepId, DateTime<Utc>>,
    /// The statement that each step has sent and not seen the end of: its mark, its id, and when.
    sent: HashMap<StepId, Vec<Sent>>,
    spans: Vec<Value>,
}

#[derive(Debug)]
struct Run {
    id: String,
    name: String,
    began: DateTime<Utc>,
    attributes: Vec<Value>,
}

#[derive(Debug)]
struct Sent {
    mark: String,
    id: Option<String>,
    at: DateTime<Utc>,
}

/// How a span ended, as OTLP counts it.
enum Status {
    Ok,
    Error(String),
    Unset,
}

impl Trace {
    /// Makes it, for a service of this name.
    pub fn new(service: String, parent: Option<Parent>) -> Self {
        Self { service, parent, ..Self::default() }
    }

    /// Writes the requests that carry the spans.
    pub fn requests(&self) -> Vec<Value> {
        let resource = json!({"attributes": [
            text("service.name", &self.service),
            text("service.version", env!("CARGO_PKG_VERSION")),
        ]});
        let scope = json!({"name": "kiln", "version": env!("CARGO_PKG_VERSION")});
        let request = |spans: &[Value]| json!({"resourceSpans": [{"resource": resource, "scopeSpans": [{"scope": scope, "spans": spans}]}]});
        self.spans.chunks(BATCH).map(request).collect()
    }

    /// Ends the statements that a step has sent.
    fn end_statements(&mut self, step: &StepId, at: DateTime<Utc>) {
        let Some(run) = self.run.as_ref().map(|run| run.id.clone()) else { return };
        for sent in self.sent.remove(step).unwrap_or_default() {
            let id = sent.id.iter().map(|id| text("db.query.id", id));
            let attributes = std::iter::once(text("db.system.name", "databricks")).chain(id).collect();
            let (name, parent) = ("statement", Some(span_id(&[&run, step.as_str()])));
            self.add(name, &[step.as_str(), &sent.mark], parent, (sent.at, at), 3, attributes, &Status::Unset);
        }
    }

    #[expect(clippy::too_many_arguments, reason = "these are the parts of a span")]
    fn add(
        &mut self,
        name: &str,
        names: &[&str],
        parent: Option<String>,
        (from, to): (DateTime<Utc>, DateTime<Utc>),
        kind: u8,
        attributes: Vec<Value>,
        status: &Status,
    ) {
        let Some(run) = &self.run else { return };
        let nanoseconds = |at: DateTime<Utc>| at.timestamp_nanos_opt().unwrap_or_default().to_string();
        let trace = self.parent.as_ref().map_or_else(|| trace_id(&run.id), |parent| parent.trace.clone());
        let mut span = json!({
            "traceId": trace,
            "spanId": span_id(&[&[run.id.as_str()], names].concat()),
            "name": name,
            "kind": kind,
            "startTimeUnixNano": nanoseconds(from),
            // A clock that was set back makes no span that ends before it begins.
            "endTimeUnixNano": nanoseconds(to.max(from)),
            "attributes": attributes,
            "status": match status {
                Status::Unset => json!({}),
                Status::Ok => json!({"code": 1}),
                Status::Error(why) => json!({"code": 2, "message": why}),
            },
        });
        if let Some(parent) = parent {
            span["parentSpanId"] = json!(parent);
        }
        self.spans.push(span);
    }

    /// Adds to a step's span what became known after it.
    fn read(&mut self, step: &StepId, bytes: u64) {
        let Some(run) = &self.run else { return };
        let id = span_id(&[run.id.as_str(), step.as_str()]);
        let span = self.spans.iter_mut().find(|span| span["spanId"] == id);
        if let Some(attributes) = span.and_then(|span| span["attributes"].as_array_mut()) {
            attributes.push(number("kiln.bytes_read", bytes));
        }
    }

    fn end_step(&mut self, step: &StepId, event: &Event, outcome: &Outcome) {
        self.end_statements(step, event.at);
        // One that never began has taken no time.
        let Some(began) = self.begun.remove(step) else { return };
        let EventKind::StepFinished { work, statement, .. } = &event.kind else { return };
        let mut attributes = vec![text("kiln.step", step.as_str()), text("kiln.outcome", &word(outcome, "outcome"))];
        attributes.extend(self.kinds.get(step).map(|kind| text("kiln.step.kind", &word(kind, ""))));
        attributes.extend(statement.iter().map(|id| text("db.query.id", id.as_str())));
        attributes.push(number("kiln.statements", work.statements.into()));
        attributes.push(number("kiln.waited_ms", work.waited));
        attributes.push(number("kiln.queued_ms", work.queued));
        attributes.extend(work.rows.map(|rows| number("kiln.rows_written", rows)));
        let status = match outcome {
            Outcome::Succeeded { .. } => Status::Ok,
            Outcome::Failed { failure } | Outcome::TestsFailed { failure } | Outcome::Stale { failure } => {
                Status::Error(failure.message.clone())
            }
            Outcome::Cancelled | Outcome::Stopped { .. } | Outcome::Skipped { .. } => Status::Unset,
        };
        let parent = self.run.as_ref().map(|run| span_id(&[run.id.as_str()]));
        self.add(step.as_str(), &[step.as_str()], parent, (began, event.at), 1, attributes, &status);
    }
}

impl Report for Trace {
    fn event(&mut self, event: &Event) {
        match &event.kind {
            EventKind::StepRead { step, bytes, .. } => self.read(step, *bytes),
            EventKind::RunStarted { run, by, job, project, environment, steps, .. } => {
                let name = job.as_ref().map_or_else(|| by.act.as_str(), JobName::as_str);
                let mut attributes = vec![
                    text("kiln.run", run.as_str()),
                    text("kiln.project", project),
                    text("kiln.environment", environment),
                    text("kiln.act", &by.act),
                ];
                attributes.extend(by.commit.iter().map(|commit| text("vcs.ref.head.revision", commit)));
                self.kinds = steps.iter().map(|outline| (outline.step.clone(), outline.kind)).collect();
                self.run = Some(Run { id: run.to_string(), name: name.to_owned(), began: event.at, attributes });
            }
            EventKind::StepStarted { step } => {
                self.begun.insert(step.clone(), event.at);
            }
            EventKind::StatementSending { step, mark, .. } => {
                // Those of a step that writes come one after the other.
                self.end_statements(step, event.at);
                let sent = Sent { mark: mark.clone(), id: None, at: event.at };
                self.sent.entry(step.clone()).or_default().push(sent);
            }
            EventKind::StatementAccepted { step, mark, statement } => {
                let sent = self.sent.get_mut(step).and_then(|all| all.iter_mut().find(|sent| sent.mark == *mark));
                if let Some(sent) = sent {
                    sent.id = Some(statement.to_string());
                }
            }
            EventKind::StepFinished { step, outcome, .. } => self.end_step(step, event, outcome),
            EventKind::RunFinished { result, .. } => {
                let Some(run) = &self.run else { return };
                let (name, began, mut attributes) = (run.name.clone(), run.began, run.attributes.clone());
                attributes.push(text("kiln.result", &word(result, "")));
                let status = match result {
                    RunResult::Succeeded => Status::Ok,
                    RunResult::Interrupted => Status::Unset,
                    other => Status::Error(word(other, "")),
                };
                let parent = self.parent.as_ref().map(|parent| parent.span.clone());
                self.add(&name, &[], parent, (began, event.at), 1, attributes, &status);
            }
            _ => {}
        }
    }
}

/// Returns the word that events have for a value, or for a part of it.
fn word(value: &impl serde::Serialize, part: &str) -> String {
    let value = serde_json::to_value(value).unwrap_or_default();
    let word = if part.is_empty() { &value } else { &value[part] };
    word.as_str().unwrap_or_default().to_owned()
}

fn text(key: &str, value: &str) -> Value {
    json!({"key": key, "value": {"stringValue": value}})
}

/// Whole numbers of 64 bits are texts in the JSON of Protocol Buffers.
fn number(key: &str, value: u64) -> Value {
    json!({"key": key, "value": {"intValue": value.to_string()}})
}

fn trace_id(run: &str) -> String {
    Fingerprint::of(&["trace", run]).as_str().to_owned()
}

fn span_id(names: &[&str]) -> String {
    Fingerprint::of(&[&["span"], names].concat()).as_str()[..16].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parent_is_read_as_the_w3c_writes_it() {
        let good = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        let parent = Parent { trace: "4bf92f3577b34da6a3ce929d0e0e4736".into(), span: "00f067aa0ba902b7".into() };
        assert_eq!(Parent::read(good), Some(parent));
        for bad in [
            "",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-4bf9-00f067aa0ba902b7-01",
        ] {
            assert_eq!(Parent::read(bad), None, "{bad}");
        }
    }
}
