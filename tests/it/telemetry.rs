//! What OpenLineage and OpenTelemetry are told of runs, held against what their specifications require.

use std::collections::BTreeSet;

use serde_json::Value;
use wiremock::matchers::{header, method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::faults::scripted::{Act, Scripted};
use crate::support::{Project, Ran, Served, command_at};

fn begin() -> (Project, Served) {
    let project = Project::tiny();
    let served = project.serve(&[]);
    project.point_at(&served);
    project.replace("sql/totals.sql", "GROUP BY customer", "GROUP BY ALL");
    (project, served)
}

fn run(project: &Project, served: &Served, args: &[&str], variables: &[(&str, &str)]) -> Ran {
    let mut command = command_at(project, served, args);
    command.envs(variables.iter().copied());
    command.output().expect("kiln can be started").into()
}

async fn bodies(server: &MockServer) -> Vec<Value> {
    server.received_requests().await.unwrap().iter().map(|request| request.body_json().unwrap()).collect()
}

/// What `spec/OpenLineage.json` and the facets' schemas require.
#[track_caller]
fn is_run_event(event: &Value) {
    for key in ["eventTime", "producer", "schemaURL", "run", "job"] {
        assert!(event.get(key).is_some(), "{key} is missing: {event}");
    }
    assert!(["START", "RUNNING", "COMPLETE", "ABORT", "FAIL", "OTHER"].contains(&event["eventType"].as_str().unwrap()));
    chrono::DateTime::parse_from_rfc3339(event["eventTime"].as_str().unwrap()).unwrap();
    let is_uuid = |value: &Value| uuid::Uuid::parse_str(value.as_str().unwrap()).unwrap();
    is_uuid(&event["run"]["runId"]);
    assert!(event["job"]["namespace"].is_string() && event["job"]["name"].is_string(), "{event}");
    let mut facets: Vec<(&String, &Value)> = Vec::new();
    let objects = [&event["run"]["facets"], &event["job"]["facets"]].into_iter();
    let datasets = ["inputs", "outputs"].iter().flat_map(|key| event[key].as_array().expect("it is a list"));
    let datasets: Vec<&Value> = datasets.collect();
    for dataset in &datasets {
        assert!(dataset["namespace"].is_string() && dataset["name"].is_string(), "{dataset}");
    }
    let of_datasets = datasets.iter().flat_map(|dataset| [&dataset["facets"], &dataset["outputFacets"]]);
    for object in objects.chain(of_datasets) {
        facets.extend(object.as_object().into_iter().flatten());
    }
    for (name, facet) in facets {
        assert!(facet["_producer"].as_str().unwrap().starts_with("https://"), "{facet}");
        let schema = facet["_schemaURL"].as_str().unwrap();
        assert!(schema.starts_with("https://openlineage.io/spec/facets/"), "{schema}");
        let required: &[&str] = match name.as_str() {
            "parent" => &["run", "job"],
            "errorMessage" => &["message", "programmingLanguage"],
            "jobType" => &["processingType", "integration"],
            "columnLineage" => &["fields"],
            "outputStatistics" => &["rowCount"],
            "schema" => &["fields"],
            other => panic!("an unknown facet: {other}"),
        };
        assert!(required.iter().all(|key| facet.get(key).is_some()), "{facet}");
        if name == "columnLineage" {
            for field in facet["fields"].as_object().unwrap().values() {
                for input in field["inputFields"].as_array().unwrap() {
                    assert!(["namespace", "name", "field"].iter().all(|key| input[key].is_string()), "{input}");
                    assert_eq!(input["transformations"][0]["type"], "DIRECT");
                }
            }
        }
        if name == "parent" {
            is_uuid(&facet["run"]["runId"]);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn openlineage_hears_of_each_step_with_its_columns() {
    let server = MockServer::start().await;
    let lineage =
        Mock::given(method("POST")).and(path("/api/v1/lineage")).and(header("authorization", "Bearer k3y-0f-lineage"));
    lineage.respond_with(ResponseTemplate::new(201)).mount(&server).await;
    let (project, served) = begin();
    project.write("sql/wrong.sql", "SELECT CAST(raise_error('no') AS INT) AS x FROM totals\n");
    project.write("sql/later.sql", "SELECT x FROM wrong\n");
    let uri = server.uri();
    let variables = [("OPENLINEAGE_URL", uri.as_str()), ("OPENLINEAGE_API_KEY", "k3y-0f-lineage")];
    let ran = run(&project, &served, &["sync-and-refresh"], &variables);
    ran.fails_with(3, &[]);
    assert!(!ran.stderr.contains("OpenLineage"), "{}", ran.stderr);
    let told = bodies(&server).await;
    told.iter().for_each(is_run_event);
    let words: Vec<(&str, &str)> =
        told.iter().map(|e| (e["eventType"].as_str().unwrap(), e["job"]["name"].as_str().unwrap())).collect();
    assert_eq!(
        (words[0], words[words.len() - 1]),
        (("START", "tiny.prod.daily"), ("FAIL", "tiny.prod.daily")),
        "{words:?}"
    );
    for step in ["sync shop", "build stg_orders", "build totals"] {
        let name = format!("tiny.prod.daily.{step}");
        let of_step: Vec<&str> = words.iter().filter(|(_, job)| *job == name).map(|(word, _)| *word).collect();
        assert_eq!(of_step, ["START", "COMPLETE"], "{words:?}");
    }
    assert!(words.contains(&("FAIL", "tiny.prod.daily.build wrong")), "{words:?}");
    assert!(words.iter().all(|(_, job)| !job.ends_with("build later")), "what never began has no run: {words:?}");
    // All runs are below the one of the job, and each step is one run.
    let ids: BTreeSet<&str> = told.iter().map(|e| e["run"]["runId"].as_str().unwrap()).collect();
    let jobs: BTreeSet<&str> = words.iter().map(|(_, job)| *job).collect();
    assert_eq!(ids.len(), jobs.len());
    let root = &told[0]["run"]["runId"];
    let below = told.iter().filter(|e| e["job"]["name"] != "tiny.prod.daily");
    assert!(below.clone().all(|e| &e["run"]["facets"]["parent"]["run"]["runId"] == root));
    let built =
        below.clone().find(|e| e["job"]["name"] == "tiny.prod.daily.build totals" && e["eventType"] == "COMPLETE");
    let built = built.expect("it was told");
    let output = &built["outputs"][0];
    assert_eq!(
        (output["name"].as_str(), output["namespace"].as_str()),
        (Some("main.tiny.totals"), Some("databricks://127.0.0.1"))
    );
    assert_eq!(built["inputs"][0]["name"], "main.tiny.stg_orders");
    let total = &output["facets"]["columnLineage"]["fields"]["total"]["inputFields"][0];
    assert_eq!((total["name"].as_str(), total["field"].as_str()), (Some("main.tiny.stg_orders"), Some("amount")));
    assert_eq!(total["transformations"][0]["subtype"], "AGGREGATION");
    let customer = &output["facets"]["columnLineage"]["fields"]["customer"]["inputFields"][0];
    assert_eq!(customer["transformations"][0]["subtype"], "IDENTITY");
    let staged = below.clone().find(|e| e["job"]["name"] == "tiny.prod.daily.build stg_orders").expect("it was told");
    assert_eq!(staged["inputs"][0]["name"], "main.shop_public.orders");
}

/// What the definition of OTLP's JSON asks for.
#[track_caller]
fn is_span(span: &Value) {
    let hex = |key: &str, length: usize| {
        let text = span[key].as_str().unwrap();
        assert!(text.len() == length && text.bytes().all(|byte| byte.is_ascii_hexdigit()), "{span}");
    };
    hex("traceId", 32);
    hex("spanId", 16);
    let time = |key: &str| span[key].as_str().unwrap().parse::<u64>().unwrap();
    assert!(time("startTimeUnixNano") <= time("endTimeUnixNano"), "{span}");
    assert!(span["name"].is_string() && span["kind"].is_u64(), "{span}");
    for attribute in span["attributes"].as_array().unwrap() {
        let value = attribute["value"].as_object().unwrap();
        assert!(attribute["key"].is_string() && value.len() == 1, "{attribute}");
        assert!(
            value.iter().all(|(kind, value)| ["stringValue", "intValue"].contains(&kind.as_str()) && value.is_string())
        );
    }
}

fn attribute<'v>(span: &'v Value, key: &str) -> &'v str {
    let found = span["attributes"].as_array().unwrap().iter().find(|attribute| attribute["key"] == key);
    let value = &found.unwrap_or_else(|| panic!("no {key}: {span}"))["value"];
    value["stringValue"].as_str().or(value["intValue"].as_str()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trace_has_a_span_for_the_run_each_step_and_each_statement() {
    let server = MockServer::start().await;
    let traces = Mock::given(method("POST")).and(path("/otlp/v1/traces")).and(header("x-api-key", "s3cr3t k3y"));
    traces.respond_with(ResponseTemplate::new(200).set_body_string("{}")).mount(&server).await;
    let (project, served) = begin();
    let endpoint = format!("{}/otlp", server.uri());
    let parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let variables = [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint.as_str()),
        ("OTEL_EXPORTER_OTLP_HEADERS", "x-api-key=s3cr3t%20k3y"),
        ("OTEL_SERVICE_NAME", "retention"),
        ("TRACEPARENT", parent),
    ];
    let ran = run(&project, &served, &["sync-and-refresh"], &variables);
    assert_eq!(ran.status, 0, "{}", ran.stderr);
    assert!(!ran.stderr.contains("s3cr3t") && !ran.stderr.contains("warning"), "{}", ran.stderr);
    let bodies = bodies(&server).await;
    assert_eq!(bodies.len(), 1, "one request for a whole run");
    let resource = &bodies[0]["resourceSpans"][0];
    assert_eq!(attribute(&resource["resource"], "service.name"), "retention");
    let spans = resource["scopeSpans"][0]["spans"].as_array().unwrap();
    spans.iter().for_each(is_span);
    assert!(spans.iter().all(|span| span["traceId"] == "4bf92f3577b34da6a3ce929d0e0e4736"));
    let find =
        |name: &str| spans.iter().find(|span| span["name"] == name).unwrap_or_else(|| panic!("{name}: {spans:#?}"));
    let root = find("daily");
    assert_eq!((root["parentSpanId"].as_str(), root["status"]["code"].as_u64()), (Some("00f067aa0ba902b7"), Some(1)));
    let totals = find("build totals");
    assert_eq!(totals["parentSpanId"], root["spanId"]);
    assert_eq!((attribute(totals, "kiln.outcome"), attribute(totals, "kiln.step.kind")), ("succeeded", "build"));
    let statement = spans.iter().find(|span| span["name"] == "statement" && span["parentSpanId"] == totals["spanId"]);
    assert_eq!(attribute(statement.expect("it has one"), "db.query.id"), attribute(totals, "db.query.id"));
    let ids: BTreeSet<&str> = spans.iter().map(|span| span["spanId"].as_str().unwrap()).collect();
    assert_eq!(ids.len(), spans.len(), "each span has its own id");
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_cannot_be_told_changes_nothing() {
    let (project, served) = begin();
    let server = Scripted::start([Act::answer("500 Internal Server Error", "", "secret-key-1 is bad")]).await;
    let address = server.address();
    let variables = [
        ("OPENLINEAGE_URL", address.as_str()),
        ("OPENLINEAGE_API_KEY", "secret-key-1"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", address.as_str()),
        ("OTEL_EXPORTER_OTLP_HEADERS", "x=secret-key-1"),
    ];
    let ran = run(&project, &served, &["sync-and-refresh", "-vv"], &variables);
    assert_eq!(ran.status, 0, "{}", ran.stderr);
    for text in ["OpenLineage was not told all of this run", "the trace of this run could not be sent"] {
        assert!(ran.stderr.contains(&format!("warning: {text}")), "{}", ran.stderr);
    }
    assert!(!ran.stderr.contains("secret-key-1"), "{}", ran.stderr);
    let nowhere = [("OPENLINEAGE_URL", "marquez"), ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector.example")];
    let with_key = [nowhere[0], nowhere[1], ("OTEL_EXPORTER_OTLP_HEADERS", "x=secret-key-1")];
    let ran = run(&project, &served, &["sync-and-refresh"], &with_key);
    assert_eq!(ran.status, 0, "{}", ran.stderr);
    for text in ["OPENLINEAGE_URL holds no address", "in clear text"] {
        assert!(ran.stderr.contains(text), "{}", ran.stderr);
    }
}
