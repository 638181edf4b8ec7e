//! Every kind of request against every fault of network and service: what recovers, what is told, and that nothing that
//! changes something is ever sent twice without knowing. A new kind of request is one line in [`kinds`].

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use kiln::databricks::Held;
use kiln::databricks::wire::{
    CreateDashboard, CreateSchema, DashboardSchedule, ExportFormat, JobSettings, Publish, StatementRequest, SubmitRun,
    Subscription, UpdateDashboard,
};
use kiln::fivetran::wire::{CreateConnection, SchemaConfig, UpdateConnection};
use kiln::http::{Class, Options, RetryPolicy, base_address};
use kiln::ids::{ConnectionId, DashboardId, StatementId, TableName, WarehouseId};
use kiln::secret::Secret;
use kiln::{databricks, fivetran};
use serde_json::{Value, json};

use crate::faults::clock::TestClock;
use crate::faults::scripted::{Act, Scripted};

/// The limit of an attempt, and of all pauses together; longer than any fault asks to wait.
const LIMIT: Duration = Duration::from_secs(2);

type Outcome<'a> = Pin<Box<dyn Future<Output = Result<(), Class>> + Send + 'a>>;

/// Both clients, of one server.
struct Clients {
    databricks: databricks::Client,
    fivetran: fivetran::Client,
}

/// A kind of request.
struct Kind {
    name: &'static str,
    /// Whether it may be sent twice.
    harmless: bool,
    /// A good answer.
    good: Value,
    call: fn(&Clients) -> Outcome<'_>,
}

/// Declares a kind: its name, whether it may be sent twice, a good answer, and the call.
macro_rules! kind {
    ($name:literal, $harmless:ident, $good:tt, |$clients:ident| $call:expr) => {
        Kind {
            name: $name,
            harmless: kind!(@ $harmless),
            good: json!($good),
            call: |$clients| Box::pin(async move { $call.await.map(drop).map_err(|error| error.class()) }),
        }
    };
    (@ harmless) => { true };
    (@ once) => { false };
}

#[rustfmt::skip]
fn kinds() -> Vec<Kind> {
    vec![
        kind!("me", harmless, {"id": "1", "userName": "a"}, |c| c.databricks.me()),
        kind!("list warehouses", harmless, {"warehouses": []}, |c| c.databricks.warehouses().list()),
        kind!("get warehouse", harmless, {"id": "w", "name": "w"}, |c| c.databricks.warehouses().get(&WarehouseId::new("w"))),
        kind!("start warehouse", harmless, {}, |c| c.databricks.warehouses().start(&WarehouseId::new("w"))),
        kind!("submit a write", once, {"statement_id": "s", "status": {"state": "PENDING"}}, |c| c.databricks.statements().submit(&StatementRequest::default(), false)),
        kind!("submit a read", harmless, {"statement_id": "s", "status": {"state": "PENDING"}}, |c| c.databricks.statements().submit(&StatementRequest::default(), true)),
        kind!("poll", harmless, {"statement_id": "s", "status": {"state": "RUNNING"}}, |c| c.databricks.statements().poll(&StatementId::new("s"))),
        kind!("cancel", harmless, {}, |c| c.databricks.statements().cancel(&StatementId::new("s"))),
        kind!("chunk", harmless, {"data_array": [["1"]]}, |c| c.databricks.statements().chunk(&StatementId::new("s"), 1)),
        kind!("create dashboard", once, {"dashboard_id": "d"}, |c| c.databricks.lakeview().create(&CreateDashboard::default(), None, None)),
        kind!("get dashboard", harmless, {"dashboard_id": "d"}, |c| c.databricks.lakeview().get(&DashboardId::new("d"))),
        kind!("update dashboard", harmless, {"dashboard_id": "d"}, |c| c.databricks.lakeview().update(&DashboardId::new("d"), &UpdateDashboard::default(), None, None)),
        kind!("list dashboards", harmless, {"dashboards": []}, |c| c.databricks.lakeview().list()),
        kind!("trash dashboard", once, {}, |c| c.databricks.lakeview().trash(&DashboardId::new("d"))),
        kind!("publish", harmless, {"embed_credentials": false}, |c| c.databricks.lakeview().publish(&DashboardId::new("d"), &Publish::default())),
        kind!("get published", harmless, {"embed_credentials": false}, |c| c.databricks.lakeview().get_published(&DashboardId::new("d"))),
        kind!("permissions of a dashboard", harmless, {"access_control_list": []}, |c| c.databricks.permissions().of_dashboard(&DashboardId::new("d"))),
        kind!("update permissions", harmless, {"access_control_list": []}, |c| c.databricks.permissions().update(&DashboardId::new("d"), &Held::new())),
        kind!("replace permissions", harmless, {"access_control_list": []}, |c| c.databricks.permissions().replace(&DashboardId::new("d"), &Held::new())),
        kind!("schedules of a dashboard", harmless, {"schedules": []}, |c| c.databricks.schedules(&DashboardId::new("d")).list()),
        kind!("create schedule of a dashboard", once, {"cron_schedule": {"quartz_cron_expression": "", "timezone_id": ""}}, |c| c.databricks.schedules(&DashboardId::new("d")).create(&DashboardSchedule::default())),
        kind!("update schedule of a dashboard", harmless, {"cron_schedule": {"quartz_cron_expression": "", "timezone_id": ""}}, |c| c.databricks.schedules(&DashboardId::new("d")).update("s", &DashboardSchedule::default())),
        kind!("delete schedule of a dashboard", harmless, {}, |c| c.databricks.schedules(&DashboardId::new("d")).delete("s")),
        kind!("subscriptions", harmless, {"subscriptions": []}, |c| c.databricks.schedules(&DashboardId::new("d")).subscriptions("s")),
        kind!("subscribe", once, {"subscriber": {}}, |c| c.databricks.schedules(&DashboardId::new("d")).subscribe("s", &Subscription::default())),
        kind!("unsubscribe", harmless, {}, |c| c.databricks.schedules(&DashboardId::new("d")).unsubscribe("s", "t")),
        kind!("user by name", harmless, {"Resources": []}, |c| c.databricks.recipients().user("a@b")),
        kind!("notification destinations", harmless, {"results": []}, |c| c.databricks.recipients().destinations()),
        kind!("mkdirs", harmless, {}, |c| c.databricks.workspace().mkdirs("/a")),
        kind!("get status", harmless, {"path": "/a", "object_type": "FILE"}, |c| c.databricks.workspace().get_status("/a")),
        kind!("import", harmless, {}, |c| c.databricks.workspace().import("/a", b"x", ExportFormat::Auto)),
        kind!("export", harmless, {"content": ""}, |c| c.databricks.workspace().export("/a", &ExportFormat::Auto)),
        kind!("delete object", once, {}, |c| c.databricks.workspace().delete("/a", false)),
        kind!("list folder", harmless, {"objects": []}, |c| c.databricks.workspace().list("/a")),
        kind!("list jobs", harmless, {"jobs": []}, |c| c.databricks.jobs().list()),
        kind!("jobs of a name", harmless, {"jobs": []}, |c| c.databricks.jobs().named("a")),
        kind!("get job", harmless, {"job_id": 1}, |c| c.databricks.jobs().get(1)),
        kind!("last run of a job", harmless, {"runs": []}, |c| c.databricks.jobs().last_run(1)),
        kind!("create job", once, {"job_id": 1}, |c| c.databricks.jobs().create(&JobSettings::default())),
        kind!("reset job", harmless, {}, |c| c.databricks.jobs().reset(1, JobSettings::default())),
        kind!("submit run", once, {"run_id": 1}, |c| c.databricks.jobs().submit(&SubmitRun::default())),
        kind!("submit run with a token", harmless, {"run_id": 1}, |c| c.databricks.jobs().submit(&SubmitRun { idempotency_token: Some("t".into()), ..SubmitRun::default() })),
        kind!("delete job", harmless, {}, |c| c.databricks.jobs().delete(1)),
        kind!("get catalog", harmless, {"name": "c"}, |c| c.databricks.unity().catalog("c")),
        kind!("get schema", harmless, {"name": "s", "catalog_name": "c"}, |c| c.databricks.unity().schema("c", "s")),
        kind!("create schema", once, {"name": "s", "catalog_name": "c"}, |c| c.databricks.unity().create_schema(&CreateSchema::default())),
        kind!("get table", harmless, {"name": "t", "catalog_name": "c", "schema_name": "s"}, |c| c.databricks.unity().table(&TableName::new("c", "s", "t"))),
        kind!("table exists", harmless, {"table_exists": true}, |c| c.databricks.unity().table_exists(&TableName::new("c", "s", "t"))),
        kind!("list tables", harmless, {"tables": []}, |c| c.databricks.unity().tables("c", "s")),
        kind!("table summaries", harmless, {"tables": []}, |c| c.databricks.unity().table_summaries("c", "s")),
        kind!("grants", harmless, {"privilege_assignments": []}, |c| c.databricks.unity().permissions("schema", "c.s")),
        kind!("rights", harmless, {"privilege_assignments": []}, |c| c.databricks.unity().effective_permissions("catalog", "c")),
        kind!("account", harmless, {"code": "Success", "data": {"account_id": "a"}}, |c| c.fivetran.account_info()),
        kind!("groups", harmless, {"code": "Success", "data": {"items": []}}, |c| c.fivetran.groups()),
        kind!("list connections", harmless, {"code": "Success", "data": {"items": []}}, |c| c.fivetran.connections(None)),
        kind!("get connection", harmless, {"code": "Success", "data": {"id": "a", "status": {"setup_state": "connected", "sync_state": "scheduled"}}}, |c| c.fivetran.connection(&ConnectionId::new("a"))),
        kind!("create connection", once, {"code": "Success", "data": {"id": "a", "status": {"setup_state": "connected", "sync_state": "scheduled"}}}, |c| c.fivetran.create_connection(&CreateConnection::default(), &[])),
        kind!("update connection", once, {"code": "Success", "data": {"id": "a", "status": {"setup_state": "connected", "sync_state": "scheduled"}}}, |c| c.fivetran.update_connection(&ConnectionId::new("a"), &UpdateConnection::default(), &[])),
        kind!("trigger sync", once, {"code": "Success"}, |c| c.fivetran.trigger_sync(&ConnectionId::new("a"), false)),
        kind!("get schemas", harmless, {"code": "Success", "data": {"schemas": {}}}, |c| c.fivetran.schemas(&ConnectionId::new("a"))),
        kind!("get destination", harmless, {"code": "Success", "data": {"id": "g", "group_id": "g", "service": "databricks"}}, |c| c.fivetran.destination("g")),
        kind!("list a group", harmless, {"code": "Success", "data": {"items": []}}, |c| c.fivetran.group_connections("g")),
        kind!("run setup tests", harmless, {"code": "Success", "data": {"id": "a", "status": {"setup_state": "connected", "sync_state": "scheduled"}}}, |c| c.fivetran.test_connection(&ConnectionId::new("a"))),
        kind!("delete connection", once, {"code": "Success"}, |c| c.fivetran.delete_connection(&ConnectionId::new("a"))),
        kind!("reload schemas", harmless, {"code": "Success", "data": {"schemas": {}}}, |c| c.fivetran.reload_schemas(&ConnectionId::new("a"))),
        kind!("update schemas", once, {"code": "Success", "data": {"schemas": {}}}, |c| c.fivetran.update_schemas(&ConnectionId::new("a"), &SchemaConfig::default())),
    ]
}

/// What becomes of a request that meets a fault once.
#[derive(Clone, Copy)]
enum Expected {
    /// It is sent again and works: nothing was carried out the first time.
    Recovers,
    /// It may have been carried out: sent again if it is harmless, and told otherwise.
    RecoversIfHarmless,
    /// The fault does no harm.
    Works,
    /// It is told at once.
    Fails(Class),
}

/// A fault: what the server does with the first request, before it answers well.
struct Fault {
    name: &'static str,
    act: fn(&str) -> Act,
    expected: Expected,
}

fn status(status: &'static str) -> Act {
    Act::json(status, r#"{"error_code":"X","code":"X","message":"m"}"#)
}

#[rustfmt::skip]
fn faults() -> Vec<Fault> {
    use Expected::{Fails, Recovers, RecoversIfHarmless, Works};
    let fault = |name, act, expected| Fault { name, act, expected };
    vec![
        fault("reset before the request is read", |_| Act::Reset, RecoversIfHarmless),
        fault("lost answer", |_| Act::Drop, RecoversIfHarmless),
        fault("reset in the head", |_| Act::Send("HTTP/1.1 200 OK\r\ncontent-".into()), RecoversIfHarmless),
        fault("reset in the body", |good| Act::Send(format!("HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n{good}")), RecoversIfHarmless),
        fault("closed after the body", |good| Act::Send(format!("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{good}", good.len())), Works),
        fault("slow body", |good| Act::SendAndHang(format!("HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n{good}")), RecoversIfHarmless),
        fault("no answer", |_| Act::Hang, RecoversIfHarmless),
        fault("429", |_| status("429 Too Many Requests"), Recovers),
        fault("429 with Retry-After", |_| Act::answer("429 Too Many Requests", "retry-after: 1\r\n", ""), Recovers),
        fault("429 with a date in Retry-After", |_| Act::answer("429 Too Many Requests", "retry-after: Wed, 21 Oct 2026 07:28:00 GMT\r\n", ""), Recovers),
        fault("500", |_| status("500 Internal Server Error"), RecoversIfHarmless),
        fault("502", |_| Act::answer("502 Bad Gateway", "content-type: text/html\r\n", "<html><title>Bad gateway</title></html>"), RecoversIfHarmless),
        fault("503", |_| status("503 Service Unavailable"), Recovers),
        fault("504", |_| status("504 Gateway Timeout"), RecoversIfHarmless),
        fault("truncated JSON", |_| Act::json("200 OK", r#"{"id": "1", "na"#), RecoversIfHarmless),
        fault("no JSON", |_| Act::answer("200 OK", "content-type: text/plain\r\n", "all is well"), RecoversIfHarmless),
        fault("login page with status 200", |_| Act::answer("200 OK", "content-type: text/html\r\n", "<html><title>Sign in</title></html>"), Fails(Class::Unreachable)),
        fault("redirect", |_| Act::answer("302 Found", "location: /login.html\r\n", ""), Fails(Class::Unreachable)),
        fault("401", |_| status("401 Unauthorized"), Fails(Class::Auth)),
        fault("403", |_| status("403 Forbidden"), Fails(Class::Permission)),
        fault("too large", |_| Act::json("200 OK", &format!("\"{}\"", "x".repeat(2 << 20))), Fails(Class::Invalid)),
        fault("fields and values nobody knows", |good| Act::json("200 OK", &strange(good)), Works),
    ]
}

/// Adds a field to every object.
fn strange(good: &str) -> String {
    fn add(value: &mut Value) {
        match value {
            Value::Object(fields) => {
                fields.values_mut().for_each(add);
                fields.insert("added_in_2030".into(), json!({"deep": [1, 2]}));
                if let Some(state) = fields.get_mut("state") {
                    *state = json!("LEVITATING");
                }
            }
            Value::Array(items) => items.iter_mut().for_each(add),
            _ => {}
        }
    }
    let mut value: Value = serde_json::from_str(good).unwrap();
    // A map's keys are the user's own names there, so nothing can be added among them.
    if good.contains("\"schemas\"") {
        value["added_in_2030"] = json!(1);
    } else {
        add(&mut value);
    }
    value.to_string()
}

fn clients(address: &str, clock: &Arc<TestClock>) -> Clients {
    let mut options = Options::new(clock.clone());
    options.chance = Arc::new(|| 0.5);
    // The limit of the whole bounds each attempt too, also of calls with a limit of their own. Only the faults that hang
    // wait for it; all other time is the clock's.
    options.retry = RetryPolicy { max_attempts: 3, budget: LIMIT, ..RetryPolicy::default() };
    options.attempt_timeout = LIMIT;
    options.max_answer = 1 << 20;
    let base = base_address(address).unwrap();
    let credentials = databricks::Credentials { host: base.clone(), token: Secret::new("dapi-hunter22") };
    let databricks = databricks::Client::new(&credentials, options.clone()).unwrap();
    let credentials = fivetran::Credentials { base, key: Secret::new("key"), secret: Secret::new("hunter22") };
    Clients { databricks, fivetran: fivetran::Client::new(&credentials, options).unwrap() }
}

#[tokio::test]
async fn every_kind_of_request_meets_every_fault() {
    let kinds = kinds();
    let mut wrong = Vec::new();
    for fault in faults() {
        let all = kinds.iter().map(|kind| meets(kind, &fault));
        wrong.extend(futures::future::join_all(all).await.into_iter().flatten());
    }
    assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
}

/// Says what is wrong with how a kind of request bears a fault.
async fn meets(kind: &Kind, fault: &Fault) -> Option<String> {
    let good = kind.good.to_string();
    let server = Scripted::start([(fault.act)(&good), Act::json("200 OK", &good)]).await;
    let clock = Arc::new(TestClock::at("2026-09-02T02:00:00Z"));
    let outcome = (kind.call)(&clients(&server.address(), &clock)).await;
    let arrived = server.requests().len();
    let expected = match (kind.name, fault.name) {
        // It is asked for in pages then.
        ("list tables", "too large") => Expected::Recovers,
        _ => fault.expected,
    };
    let fits = match expected {
        Expected::Recovers => outcome.is_ok() && arrived == 2,
        Expected::RecoversIfHarmless if kind.harmless => outcome.is_ok() && arrived <= 2,
        Expected::RecoversIfHarmless => outcome.is_err() && arrived <= 1,
        Expected::Works => outcome.is_ok() && arrived == 1,
        Expected::Fails(class) => outcome == Err(class) && arrived == 1,
    };
    (!fits).then(|| format!("{} × {}: {outcome:?}, {arrived} requests", kind.name, fault.name))
}

#[tokio::test]
async fn every_kind_of_request_waits_for_a_server_that_comes_up_late() {
    for kind in kinds() {
        let address = Scripted::free_address().await;
        let good = kind.good.to_string();
        let clock = Arc::new(TestClock::at("2026-09-02T02:00:00Z"));
        clock.at_first_sleep(Box::pin(async move {
            Scripted::start_at(address, [Act::json("200 OK", &good)]).await;
        }));
        let outcome = (kind.call)(&clients(&format!("http://{address}"), &clock)).await;
        assert_eq!((outcome, clock.sleeps().len()), (Ok(()), 1), "{}", kind.name);
    }
}
