//! The embedded Fivetran over HTTP: what a client of Fivetran's API sees of a connection's life.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use kiln::fivetran::wire::{Connection, Destination, Envelope, Group, Page, SchemaConfig, SetupState, SyncState};
use kiln::local::{Server, Settings};
use reqwest::{Method, StatusCode};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

struct Api {
    server: Server,
    client: reqwest::Client,
}

impl Api {
    async fn start(dir: &Path) -> Self {
        let server = Server::start(Settings::new(dir, Arc::new(Utc::now))).await.unwrap();
        Self { server, client: reqwest::Client::new() }
    }

    fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        let url = format!("{}/v1/{path}", self.server.url());
        let request = self.client.request(method, url).basic_auth("local", Some(self.server.token().expose()));
        request.header("accept", "application/json;version=2")
    }

    async fn send(&self, method: Method, path: &str, body: Option<Value>) -> (StatusCode, Value) {
        let request = self.request(method, path);
        let request = match body {
            Some(body) => request.json(&body),
            None => request,
        };
        let answer = request.send().await.unwrap();
        (answer.status(), answer.json().await.unwrap())
    }

    async fn get<T: DeserializeOwned>(&self, path: &str) -> T {
        let (status, body) = self.send(Method::GET, path, None).await;
        assert_eq!(status, StatusCode::OK, "{path}: {body}");
        let envelope: Envelope<T> = serde_json::from_value(body).unwrap();
        assert_eq!(envelope.code, "Success");
        envelope.data.unwrap()
    }

    async fn create(&self, body: Value) -> Connection {
        let (status, answer) = self.send(Method::POST, "connections", Some(body)).await;
        assert_eq!(status, StatusCode::CREATED, "{answer}");
        serde_json::from_value(answer["data"].clone()).unwrap()
    }

    async fn connection(&self, id: &str) -> Connection {
        self.get(&format!("connections/{id}")).await
    }

    /// Triggers a sync and polls until one of the timestamps has moved, as a client has to.
    async fn sync(&self, id: &str) -> Connection {
        let before = self.connection(id).await;
        let (status, answer) =
            self.send(Method::POST, &format!("connections/{id}/sync"), Some(json!({"force": false}))).await;
        let message = format!("Sync has been successfully triggered for connection with id '{id}'");
        assert_eq!((status, answer), (StatusCode::OK, json!({"code": "Success", "message": message})));
        for _ in 0..3_000 {
            let now = self.connection(id).await;
            if now.succeeded_at != before.succeeded_at || now.failed_at != before.failed_at {
                return now;
            }
            // The pace of a polling client; the loop ends by what the server says.
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("the sync did not end: {:?}", self.connection(id).await);
    }
}

fn sample() -> Value {
    json!({"group_id": "projected_sickle", "service": "google_cloud_postgresql",
           "config": {"schema_prefix": "shop", "password": "hush", "local": {"sample": {"customers": 300, "seed": 7}}}})
}

/// Versions of the tables of the sample, by their logs.
fn versions(dir: &Path) -> Vec<(String, usize)> {
    let mut versions = Vec::new();
    for log in glob(dir, "_delta_log") {
        let commits = std::fs::read_dir(&log).unwrap().filter_map(Result::ok);
        let commits = commits.filter(|e| e.path().extension().is_some_and(|x| x == "json")).count();
        let table = log.parent().unwrap().file_name().unwrap().to_string_lossy().into_owned();
        versions.push((table, commits - 1));
    }
    versions.sort();
    versions
}

/// Folders of that name, anywhere below.
fn glob(dir: &Path, name: &str) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(dir).unwrap().filter_map(Result::ok).filter(|e| e.path().is_dir()) {
        if entry.file_name() == name {
            found.push(entry.path());
        } else {
            found.extend(glob(&entry.path(), name));
        }
    }
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_is_made_synced_and_brings_news_with_the_next_sync() {
    let folder = tempfile::tempdir().unwrap();
    let api = Api::start(folder.path()).await;
    let made = api.create(sample()).await;
    assert_eq!((made.succeeded_at, made.failed_at), (None, None));
    assert!(made.status.is_historical_sync);
    assert_eq!(made.status.setup_state, SetupState::Connected);
    assert_eq!(made.setup_tests.as_ref().unwrap()[0].status, "PASSED");
    assert_eq!(made.config.as_ref().unwrap()["password"], "******");
    assert_eq!(made.id.split('_').count(), 2);

    let path = format!("connections/{}/schemas", made.id);
    let (status, answer) = api.send(Method::GET, &path, None).await;
    assert_eq!((status, answer["code"].as_str()), (StatusCode::NOT_FOUND, Some("NotFound_SchemaConfig")));

    let first = api.sync(&made.id).await;
    assert!(first.succeeded_at.is_some() && first.failed_at.is_none());
    assert_eq!(first.status.sync_state, SyncState::Scheduled);
    assert!(!first.status.is_historical_sync);
    let schemas: SchemaConfig = api.get(&path).await;
    let public = &schemas.schemas.as_ref().unwrap()["public"];
    assert_eq!(public.name_in_destination.as_deref(), Some("shop_public"));
    assert_eq!(public.tables.as_ref().unwrap().len(), 4);
    let at = |n| {
        ["customers", "order_items", "orders", "products"].map(|t| (t.to_owned(), if t == "products" { 0 } else { n }))
    };
    assert_eq!(versions(folder.path()), at(0));

    let second = api.sync(&made.id).await;
    assert!(second.succeeded_at > first.succeeded_at);
    assert_eq!(versions(folder.path()), at(1));
    api.server.shutdown().await;

    // After a restart everything is as it was, and goes on from there.
    let api = Api::start(folder.path()).await;
    assert_eq!(api.connection(&made.id).await.succeeded_at, second.succeeded_at);
    api.sync(&made.id).await;
    assert_eq!(versions(folder.path()), at(2));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_paused_connection_does_not_sync_and_a_broken_file_is_a_task() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("x.csv");
    std::fs::write(&file, "id,amount\n1,abc\n").unwrap();
    let api = Api::start(&folder.path().join("data")).await;
    let local = json!({"files": {"public.x": {"path": file, "key": ["id"], "columns": {"amount": "DECIMAL(12,2)"}}}});
    let body = json!({"group_id": "projected_sickle", "service": "google_cloud_postgresql", "paused": true,
                      "config": {"schema_prefix": "files", "local": local}});
    let made = api.create(body).await;
    let path = format!("connections/{}", made.id);
    assert_eq!(made.status.sync_state, SyncState::Paused);
    let (status, _) = api.send(Method::POST, &format!("{path}/sync"), Some(json!({}))).await;
    assert_eq!(status, StatusCode::OK);
    let now = api.connection(&made.id).await;
    assert_eq!((now.status.sync_state, now.succeeded_at, now.failed_at), (SyncState::Paused, None, None));

    let resume = json!({"paused": false, "run_setup_tests": false});
    let (status, answer) = api.send(Method::PATCH, &path, Some(resume)).await;
    assert_eq!((status, &answer["data"]["status"]["sync_state"]), (StatusCode::OK, &json!("scheduled")));
    let failed = api.sync(&made.id).await;
    assert!(failed.failed_at.is_some() && failed.succeeded_at.is_none());
    assert_eq!(failed.status.setup_state, SetupState::Broken);
    assert!(failed.status.is_historical_sync);
    let expected = format!("{}:2: `amount` = `abc` is not a DECIMAL(12,2)", file.display());
    assert_eq!(failed.status.tasks[0].details.as_deref(), Some(expected.as_str()));
    assert_eq!(versions(&folder.path().join("data")), []);

    std::fs::write(&file, "id,amount\n1,5\n").unwrap();
    let cured = api.sync(&made.id).await;
    assert!(cured.succeeded_at > failed.failed_at && cured.failed_at == failed.failed_at);
    assert_eq!((cured.status.setup_state, cured.status.tasks.len()), (SetupState::Connected, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn tables_and_columns_that_are_blocked_are_not_replicated_and_hashed_ones_are_hashed() {
    let folder = tempfile::tempdir().unwrap();
    let api = Api::start(folder.path()).await;
    let made = api.create(sample()).await;
    let path = format!("connections/{}/schemas", made.id);
    let setup = json!({"schemas": {"public": {"enabled": true, "tables": {
        "customers": {"enabled": true, "columns": {"email": {"hashed": true}, "country": {"enabled": false}}},
        "orders": {"enabled": false}}}}});
    let (status, answer) = api.send(Method::POST, &path, Some(setup)).await;
    assert_eq!(status, StatusCode::OK, "{answer}");
    api.sync(&made.id).await;
    let tables: Vec<String> = versions(folder.path()).into_iter().map(|(table, _)| table).collect();
    assert_eq!(tables, ["customers", "order_items", "products"]);
    let log = glob(folder.path(), "customers")[0].join("_delta_log/00000000000000000000.json");
    let log = std::fs::read_to_string(log).unwrap();
    assert!(log.contains("marketing_opt_in") && !log.contains("country") && !log.contains("@example.com"), "{log}");

    let (status, _) =
        api.send(Method::PATCH, &format!("{path}/public/tables/orders"), Some(json!({"enabled": true}))).await;
    assert_eq!(status, StatusCode::OK);
    let (status, _) = api.send(Method::PATCH, &format!("{path}/Public"), Some(json!({"enabled": true}))).await;
    assert_eq!(status, StatusCode::NOT_FOUND, "names are case-sensitive");
    api.sync(&made.id).await;
    assert_eq!(versions(folder.path()).len(), 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_re_sync_is_historical_until_it_succeeds() {
    let folder = tempfile::tempdir().unwrap();
    let api = Api::start(folder.path()).await;
    let made = api.create(sample()).await;
    let path = format!("connections/{}", made.id);
    let first = api.sync(&made.id).await;
    let (status, _) = api.send(Method::POST, &format!("{path}/resync"), Some(json!({"scope": {}}))).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    let (status, answer) = api.send(Method::POST, &format!("{path}/resync"), Some(json!({}))).await;
    assert_eq!(status, StatusCode::OK, "{answer}");
    let mut now = api.connection(&made.id).await;
    while now.succeeded_at == first.succeeded_at {
        assert!(now.status.is_historical_sync);
        tokio::time::sleep(Duration::from_millis(20)).await;
        now = api.connection(&made.id).await;
    }
    assert!(!now.status.is_historical_sync);
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_have_pages_and_filters() {
    let folder = tempfile::tempdir().unwrap();
    let api = Api::start(folder.path()).await;
    let (status, group) = api.send(Method::POST, "groups", Some(json!({"name": "second"}))).await;
    assert_eq!(status, StatusCode::CREATED);
    let group: Group = serde_json::from_value(group["data"].clone()).unwrap();
    for prefix in ["a", "b", "c"] {
        let config = json!({"schema_prefix": prefix});
        let group = if prefix == "c" { group.id.as_str() } else { "projected_sickle" };
        let body = json!({"group_id": group, "service": "postgres", "config": config, "run_setup_tests": false});
        let made = api.create(body).await;
        assert_eq!(made.status.setup_state, SetupState::Incomplete);
    }
    let page: Page<Connection> = api.get("connections?limit=2").await;
    assert_eq!(page.items.len(), 2);
    let query = reqwest::Url::parse_with_params("http://x/", [("cursor", page.next_cursor.unwrap())]).unwrap();
    let rest: Page<Connection> = api.get(&format!("connections?{}", query.query().unwrap())).await;
    assert_eq!((rest.items.len(), rest.next_cursor), (1, None));
    let by_schema: Page<Connection> = api.get("connections?schema=b").await;
    assert_eq!(by_schema.items.iter().map(|c| c.schema.as_str()).collect::<Vec<_>>(), ["b"]);
    let of_group: Page<Connection> = api.get(&format!("groups/{}/connections", group.id)).await;
    assert_eq!(of_group.items.iter().map(|c| c.schema.as_str()).collect::<Vec<_>>(), ["c"]);
    let destination: Destination = api.get("destinations/projected_sickle").await;
    assert_eq!((destination.service.as_str(), destination.catalog()), ("databricks", Some("main")));
    let listed: Page<Destination> = api.get("destinations").await;
    assert!(listed.items.iter().all(|d| d.config.is_none()) && listed.items.len() == 2);
    let made_at: DateTime<Utc> = of_group.items[0].created_at.unwrap();
    assert_eq!(made_at.timestamp_subsec_nanos() % 1_000, 0, "microseconds");
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_requests_are_refused_as_fivetran_does() {
    let folder = tempfile::tempdir().unwrap();
    let api = Api::start(folder.path()).await;
    let (status, body) = api.send(Method::GET, "connections/abc123", None).await;
    let expected = json!({"code": "NotFound_Connector", "message": "Connector with id 'abc123' does not exist."});
    assert_eq!((status, body), (StatusCode::NOT_FOUND, expected));
    let made = api.create(sample()).await;
    let path = format!("connections/{}", made.id);

    let answer = api.request(Method::GET, &path).header("accept", "text/xml").send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK, "one of two accepted types fits");
    let url = format!("{}/v1/{path}", api.server.url());
    let plain = |method| api.client.request(method, &url).basic_auth("local", Some(api.server.token().expose()));
    assert_eq!(
        plain(Method::GET).header("accept", "text/xml").send().await.unwrap().status(),
        StatusCode::NOT_ACCEPTABLE
    );
    let answer =
        plain(Method::PATCH).header("content-type", "text/plain").body("{\"paused\":true}").send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::UNSUPPORTED_MEDIA_TYPE);

    for (method, path, body) in [
        (Method::PATCH, path.clone(), json!({"run_setup_tests": false})),
        (Method::PATCH, path.clone(), json!({"config": {"schema_prefix": "other"}})),
        (Method::PATCH, path.clone(), json!({"config": {"local": {"sample": {"customer": 1}}}})),
        (Method::POST, "connections".to_owned(), json!({"group_id": "projected_sickle", "service": "x", "config": {}})),
        (Method::POST, "connections".to_owned(), sample()),
    ] {
        let (status, answer) = api.send(method, &path, Some(body.clone())).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{body}: {answer}");
        assert_eq!(answer["code"], "InvalidInput");
    }
    let (status, _) = api.send(Method::POST, &format!("{path}/test"), None).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    let (status, answer) = api.send(Method::POST, &format!("{path}/test"), Some(json!({}))).await;
    assert_eq!((status, answer["data"]["setup_tests"][0]["status"].as_str()), (StatusCode::OK, Some("PASSED")));
    let (status, answer) = api.send(Method::DELETE, &path, None).await;
    assert_eq!(status, StatusCode::OK, "{answer}");
    assert_eq!(api.send(Method::GET, &path, None).await.0, StatusCode::NOT_FOUND);
}
