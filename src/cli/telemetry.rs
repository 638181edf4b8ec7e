//! What others are told of a run while it goes on: OpenLineage's events and OpenTelemetry's spans. Whether they could be
//! told never changes how it ends.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use url::Url;

use super::connect::Environment;
use super::lookup;
use super::notify::WallClock;
use super::output::Output;
use crate::config::Project;
use crate::diag::sentence;
use crate::event::Event;
use crate::http::{Auth, Http, Options, Pace, Request, RetryPolicy, Service};
use crate::ids::TableName;
use crate::manifest;
use crate::manifest::lineage::Lineage;
use crate::report::Report;
use crate::report::openlineage::{Datasets, OpenLineage};
use crate::report::otlp::{Parent, Trace};
use crate::secret::Secret;

const LINEAGE: Service = Service { name: "OpenLineage", credentials: "OPENLINEAGE_API_KEY", refusal: |_| None };
const TRACES: Service = Service { name: "OpenTelemetry", credentials: "OTEL_EXPORTER_OTLP_HEADERS", refusal: |_| None };

/// Limits of one attempt, of all attempts at one message, and of all that is left when the run has ended.
const ATTEMPT: Duration = Duration::from_secs(5);
const MESSAGE: Duration = Duration::from_secs(15);
const REST: Duration = Duration::from_secs(20);

/// Messages in a run that could not be delivered, after which no more is tried.
const MOST_FAILED: usize = 3;

/// Who is told of a run.
pub(super) struct Telemetry {
    lineage: Option<(OpenLineage, mpsc::UnboundedSender<Value>, JoinHandle<Delivered>)>,
    trace: Option<(Trace, Target)>,
    /// Why somebody is not told who should be.
    problems: Vec<String>,
}

/// What became of messages.
#[derive(Default)]
struct Delivered {
    failed: usize,
    why: Option<String>,
}

impl Telemetry {
    /// Finds out from the process environment who wants to be told.
    pub(super) fn of(project: &Project, environment: &Environment) -> Self {
        let mut problems = Vec::new();
        let mut usable = |target: Option<Result<Target, String>>| match target {
            Some(Ok(target)) => Some(target),
            Some(Err(why)) => {
                problems.push(why);
                None
            }
            None => None,
        };
        let lineage = usable(Target::of_lineage()).map(|target| {
            let namespace = lookup::env("OPENLINEAGE_NAMESPACE").unwrap_or_else(|| "kiln".to_owned());
            let (send, messages) = mpsc::unbounded_channel();
            let delivering = tokio::spawn(deliver(target, messages));
            (OpenLineage::new(namespace, datasets(project, environment)), send, delivering)
        });
        let trace = usable(Target::of_traces()).map(|target| {
            let service = lookup::env("OTEL_SERVICE_NAME").unwrap_or_else(|| "kiln".to_owned());
            let parent = lookup::env("TRACEPARENT").and_then(|text| Parent::read(&text));
            (Trace::new(service, parent), target)
        });
        Self { lineage, trace, problems }
    }

    /// Takes the next event; `told`, where another process told of it.
    pub(super) fn event(&mut self, event: &Event, told: bool) {
        if let Some((lineage, send, _)) = &mut self.lineage
            && let Some(message) = lineage.event(event, told)
        {
            // Who delivers it ends only when this does.
            let _ = send.send(message);
        }
        if let Some((trace, _)) = &mut self.trace {
            trace.event(event);
        }
    }

    /// Delivers what is left, for some seconds.
    pub(super) async fn finish(self, output: &Output) {
        for why in &self.problems {
            output.status(&format!("warning: {why}"));
        }
        if let Some((_, send, mut delivering)) = self.lineage {
            drop(send);
            let delivered = match tokio::time::timeout(REST, &mut delivering).await {
                Ok(delivered) => delivered.unwrap_or_default(),
                Err(_) => {
                    delivering.abort();
                    Delivered { failed: 1, why: Some(format!("it took longer than {} s", REST.as_secs())) }
                }
            };
            if let (1.., Some(why)) = (delivered.failed, delivered.why) {
                output.status(&format!("warning: OpenLineage was not told all of this run: {why}"));
            }
        }
        if let Some((trace, target)) = self.trace {
            for request in trace.requests() {
                if let Err(why) = target.post(&request).await {
                    output.status(&format!("warning: the trace of this run could not be sent: {why}"));
                    break;
                }
            }
        }
    }
}

/// Delivers messages in their order. After some that could not be delivered, no more is tried.
async fn deliver(target: Target, mut messages: mpsc::UnboundedReceiver<Value>) -> Delivered {
    let mut delivered = Delivered::default();
    while let Some(message) = messages.recv().await {
        if let Err(why) = target.post(&message).await {
            tracing::debug!(%why, "OpenLineage could not be told");
            delivered.failed += 1;
            delivered.why.get_or_insert(why);
            if delivered.failed >= MOST_FAILED {
                // Nobody is there; the run is not to wait for each of hundreds of messages in the end.
                messages.close();
                break;
            }
        }
    }
    delivered
}

/// Where messages go.
struct Target {
    http: Http,
    path: String,
    query: Option<String>,
    headers: Vec<(String, Secret)>,
}

impl Target {
    fn of_lineage() -> Option<Result<Self, String>> {
        let address = lookup::env("OPENLINEAGE_URL")?;
        if lookup::env("OPENLINEAGE_DISABLED").is_some_and(|text| text.eq_ignore_ascii_case("true")) {
            return None;
        }
        let endpoint = lookup::env("OPENLINEAGE_ENDPOINT").unwrap_or_else(|| "api/v1/lineage".to_owned());
        let auth = match lookup::env("OPENLINEAGE_API_KEY") {
            Some(key) => Auth::Bearer(Secret::new(key)),
            None => Auth::None,
        };
        Some(Self::new(&LINEAGE, "OPENLINEAGE_URL", &address, Some(&endpoint), auth, Vec::new()))
    }

    fn of_traces() -> Option<Result<Self, String>> {
        let of_traces = lookup::env("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT");
        let (variable, address, below) = match of_traces {
            Some(address) => ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", address, None),
            None => ("OTEL_EXPORTER_OTLP_ENDPOINT", lookup::env("OTEL_EXPORTER_OTLP_ENDPOINT")?, Some("v1/traces")),
        };
        if lookup::env("OTEL_SDK_DISABLED").is_some_and(|text| text.eq_ignore_ascii_case("true")) {
            return None;
        }
        let headers =
            lookup::env("OTEL_EXPORTER_OTLP_TRACES_HEADERS").or_else(|| lookup::env("OTEL_EXPORTER_OTLP_HEADERS"));
        let headers = headers.map(|text| headers_of(&text)).unwrap_or_default();
        Some(Self::new(&TRACES, variable, &address, below, Auth::None, headers))
    }

    fn new(
        service: &'static Service,
        variable: &str,
        address: &str,
        below: Option<&str>,
        auth: Auth,
        headers: Vec<(String, Secret)>,
    ) -> Result<Self, String> {
        let no_address =
            || format!("{service} is not told of this run: {variable} holds no address", service = service.name);
        let mut url = Url::parse(address.trim()).map_err(|_| no_address())?;
        if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none_or(str::is_empty) {
            return Err(no_address());
        }
        let has_credentials = !url.username().is_empty() || url.password().is_some();
        let is_secret = !matches!(auth, Auth::None) || !headers.is_empty() || has_credentials;
        if url.scheme() == "http" && is_secret && !is_loopback(&url) {
            return Err(format!(
                "{} is not told of this run: {variable} begins with `http`, which would send credentials in clear text",
                service.name
            ));
        }
        if has_credentials {
            return Err(format!("{} is not told of this run: {variable} holds a user name or password", service.name));
        }
        if let Some(below) = below {
            let path = format!("{}/{}", url.path().trim_end_matches('/'), below.trim_start_matches('/'));
            url.set_path(&path);
        }
        let (path, query) = (url.path().to_owned(), url.query().map(str::to_owned));
        let mut base = url;
        base.set_path("");
        base.set_query(None);
        base.set_fragment(None);
        let options = Options {
            retry: RetryPolicy { max_attempts: 3, budget: MESSAGE, ..RetryPolicy::default() },
            attempt_timeout: ATTEMPT,
            connect_timeout: ATTEMPT,
            max_answer: 1 << 20,
            pace: Arc::new(Pace::unlimited()),
            ..Options::new(Arc::new(WallClock))
        };
        let http = Http::new(service, base, auth, options).map_err(|error| error.to_string())?;
        Ok(Self { http, path, query, headers })
    }

    async fn post(&self, message: &Value) -> Result<(), String> {
        // Both take the same message twice for one: by its run, or by its spans.
        let mut request = Request::post(&self.path).idempotent().json(message);
        if let Some(query) = &self.query {
            request = request.raw_query(query).secret(Secret::new(query));
        }
        for (name, value) in &self.headers {
            request = request.header(name, value.clone()).secret(value.clone());
        }
        self.http.bytes(request).await.map(drop).map_err(|error| format!("{error}; {}", sentence(&error.help())))
    }
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(url::Host::Domain(name)) => name == "localhost",
        Some(url::Host::Ipv4(ip)) => ip.is_loopback(),
        Some(url::Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    }
}

/// Reads `name=value,name=value`, whose values are encoded as in an address.
fn headers_of(text: &str) -> Vec<(String, Secret)> {
    let pairs = text.split(',').filter_map(|pair| pair.split_once('='));
    pairs
        .map(|(name, value)| {
            // A plus is a plus here, and not a blank.
            let query = format!("v={}", value.trim().replace('+', "%2B").replace('&', "%26"));
            let decoded = url::form_urlencoded::parse(query.as_bytes()).next().map(|(_, value)| value.into_owned());
            (name.trim().to_owned(), Secret::new(decoded.unwrap_or_default()))
        })
        .collect()
}

/// Finds out what is known of the project's tables and views.
fn datasets(project: &Project, environment: &Environment) -> Datasets {
    // It was compiled before, or there would be no run.
    let Ok((compiled, _)) = manifest::compile(project) else { return Datasets::default() };
    let mut tables: BTreeMap<String, TableName> = BTreeMap::new();
    for (schema, source) in &compiled.sources {
        let catalog = source.catalog.as_ref().unwrap_or(&compiled.catalog);
        for table in source.tables.keys() {
            tables.insert(format!("{schema}.{table}"), TableName::new(catalog, schema, table));
        }
    }
    for model in compiled.models.values() {
        tables.insert(model.config.name.to_string(), model.table.clone());
    }
    let host = Url::parse(environment.connected.databricks.host()).ok();
    let host = host.as_ref().and_then(Url::host_str).unwrap_or("unknown").to_owned();
    Datasets { namespace: format!("databricks://{host}"), tables, lineage: Lineage::of(project, &compiled) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_read_as_opentelemetry_writes_them() {
        let read: Vec<(String, String)> = headers_of("api-key=a%20b+c, x = y%3D ,nonsense")
            .into_iter()
            .map(|(name, value)| (name, value.expose().to_owned()))
            .collect();
        assert_eq!(read, [("api-key".into(), "a b+c".into()), ("x".into(), "y=".to_owned())]);
    }

    #[test]
    fn credentials_are_sent_in_clear_text_to_nobody_else() {
        let target =
            |address: &str, auth| Target::new(&LINEAGE, "V", address, Some("api/v1/lineage"), auth, Vec::new());
        let key = || Auth::Bearer(Secret::new("k3y"));
        assert_eq!(target("https://m.test/base/", key()).ok().unwrap().path, "/base/api/v1/lineage");
        assert!(target("http://collector:5000", Auth::None).is_ok());
        assert!(target("http://127.0.0.1:5000", key()).is_ok());
        for (address, why) in [
            ("http://collector:5000", "clear text"),
            ("https://u:p@m.test", "user name or password"),
            ("m.test", "holds no address"),
            ("ftp://m.test", "holds no address"),
        ] {
            let error = target(address, key()).err().unwrap();
            assert!(error.contains(why) && !error.contains("u:p"), "{error}");
        }
    }
}
