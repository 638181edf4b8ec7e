//! The server itself: who may talk to it, what it logs, and how it starts, stops and starts again.

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn whoever_lacks_the_token_is_refused_in_the_vendors_shape() {
    let local = Local::start().await;
    let url = |path: &str| format!("{}{path}", local.server.url());
    let me = "/api/2.0/preview/scim/v2/Me";
    for request in [local.http.get(url(me)), local.http.get(url(me)).bearer_auth("wrong")] {
        let (status, answer) = super::answer(request).await;
        assert_eq!((status, &answer["error_code"]), (401, &json!("UNAUTHENTICATED")));
        assert!(answer["message"].is_string());
    }
    let token = local.server.token().expose();
    let account = "/v1/account/info";
    for (key, secret, code) in [("local", "wrong", 401), ("other", token, 401)] {
        let (status, answer) = super::answer(local.http.get(url(account)).basic_auth(key, Some(secret))).await;
        assert_eq!((status, &answer["code"]), (code, &json!("AuthFailed")));
    }
    assert_ne!(super::answer(local.http.get(url(account)).basic_auth("local", Some(token))).await.0, 401);
    assert_eq!(super::answer(local.http.get(url(me)).basic_auth("local", Some(token))).await.0, 401);
    assert_eq!(super::answer(local.http.get(url("/_kiln/requests"))).await.0, 401);
    assert_eq!(super::answer(local.http.get(url("/_kiln/health"))).await, (200, json!({"status": "ok"})));
    let statuses: Vec<Option<u16>> = local.server.requests().iter().map(|request| request.status).collect();
    assert_eq!(statuses[..4], [Some(401); 4], "refused requests are in the log too");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_request_is_logged_and_unknown_routes_stand_out() {
    let local = Local::start().await;
    local.ok(Method::GET, "/api/2.0/sql/warehouses?page_size=5", Value::Null).await;
    let (status, answer) = local.post("/api/2.0/pipelines", json!({"name": "x"})).await;
    assert_eq!((status, &answer["error_code"]), (404, &json!("ENDPOINT_NOT_FOUND")));
    let (status, answer) = local.call(Method::DELETE, "/api/2.0/sql/warehouses/local", None).await;
    assert_eq!((status, &answer["error_code"]), (404, &json!("ENDPOINT_NOT_FOUND")), "known path, unknown method");
    let (status, answer) = local.get("/v1/hvr/hubs").await;
    assert_eq!((status, answer.get("error_code")), (404, None));
    assert!(answer["code"].is_string());

    let log = local.ok(Method::GET, "/_kiln/requests", Value::Null).await;
    let first = json!({
        "sequence": 1, "vendor": "databricks", "method": "GET", "path": "/api/2.0/sql/warehouses", "query": "page_size=5",
        "body_bytes": 0, "status": 200, "unknown": false,
    });
    assert_eq!(log[0], first);
    let seen: Vec<(&Value, &Value, &Value)> =
        log.as_array().unwrap().iter().map(|entry| (&entry["vendor"], &entry["status"], &entry["unknown"])).collect();
    let (databricks, fivetran, yes) = (json!("databricks"), json!("fivetran"), json!(true));
    let missing = json!(404);
    assert_eq!(seen[1..], [(&databricks, &missing, &yes), (&databricks, &missing, &yes), (&fivetran, &missing, &yes)]);
    assert_eq!(log[1]["body_bytes"], 12);
    local.ok(Method::DELETE, "/_kiln/requests", Value::Null).await;
    assert!(local.server.requests().is_empty());
    local.ok(Method::GET, "/api/2.0/sql/warehouses", Value::Null).await;
    assert_eq!(local.server.requests()[0].sequence, 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_survives_a_restart() {
    let local = Local::start().await;
    local.sql("CREATE SCHEMA IF NOT EXISTS main.shop").await;
    local.sql("CREATE TABLE main.shop.t AS SELECT 7 AS a").await;
    let failed = local.submit("SELECT x FROM nowhere", json!({})).await;
    let path = "/api/2.0/lakeview/dashboards";
    let draft = local.ok(Method::POST, path, json!({"display_name": "D", "serialized_dashboard": CONTENT})).await;
    let own = format!("{path}/{}", draft["dashboard_id"].as_str().unwrap());
    local.ok(Method::POST, &format!("{own}/published"), json!({"embed_credentials": true})).await;
    let gone = local.ok(Method::POST, path, json!({"display_name": "gone"})).await;
    let trash = format!("{path}/{}", gone["dashboard_id"].as_str().unwrap());
    local.ok(Method::DELETE, &trash, Value::Null).await;
    let file = json!({"path": "/Shared/x.sql", "content": base64("SELECT 1"), "format": "AUTO"});
    local.ok(Method::POST, "/api/2.0/workspace/import", file).await;
    let status = "/api/2.0/workspace/get-status?path=/Shared/x.sql";
    let object = local.ok(Method::GET, status, Value::Null).await;
    let done = local.sql("SELECT a FROM main.shop.t").await;
    let token = local.server.token().clone();

    let local = local.restarted().await;
    assert!(*local.server.token() != token, "a random token is for one life only");
    assert_eq!(local.ok(Method::GET, &own, Value::Null).await, draft);
    assert_eq!(local.ok(Method::GET, &format!("{own}/published"), Value::Null).await["embed_credentials"], true);
    assert_eq!(local.ok(Method::GET, &trash, Value::Null).await["lifecycle_state"], "TRASHED");
    assert_eq!(local.ok(Method::GET, status, Value::Null).await, object);
    let export = local.ok(Method::GET, "/api/2.0/workspace/export?path=/Shared/x.sql", Value::Null).await;
    assert_eq!(export["content"], base64("SELECT 1"));
    assert_eq!(local.sql("SELECT a FROM main.shop.t").await["result"]["data_array"], json!([["7"]]));
    let old = local.ok(Method::GET, &statement_path(&done["statement_id"]), Value::Null).await;
    assert_eq!(old["status"], json!({"state": "CLOSED"}), "it succeeded, and its result is gone");
    let old = local.ok(Method::GET, &statement_path(&failed["statement_id"]), Value::Null).await;
    assert_eq!(old["status"]["error"]["message"], failed["status"]["error"]["message"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_or_port_in_use_is_refused() {
    let local = Local::start().await;
    let pid = std::process::id();
    let error = Server::start(settings(&local.dir, &local.now_ms)).await.err().unwrap();
    let dir = local.dir.path().join("workspace");
    assert!(
        error.to_string().starts_with(&format!("`{}` is in use by another kiln (process {pid})", dir.display())),
        "{error}"
    );
    let other = tempfile::tempdir().unwrap();
    let mut wanted = settings(&other, &local.now_ms);
    wanted.port = Some(local.server.address().port());
    assert!(matches!(Server::start(wanted).await.err(), Some(StartError::Port { .. })));
    local.server.shutdown().await;
    let mut wanted = settings(&local.dir, &local.now_ms);
    wanted.token = Some(Secret::new("chosen"));
    let again = Server::start(wanted).await.unwrap();
    assert_eq!(again.token().expose(), "chosen");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_document_is_named_at_the_start() {
    let local = Local::start().await;
    let path = "/api/2.0/lakeview/dashboards";
    let draft = local.ok(Method::POST, path, json!({"display_name": "D"})).await;
    let Local { server, dir, now_ms, .. } = local;
    server.shutdown().await;
    let name = format!("workspace/dashboards/{}.json", draft["dashboard_id"].as_str().unwrap());
    std::fs::write(dir.path().join(&name), "{\"dashboard_id\":").unwrap();
    let error = Server::start(settings(&dir, &now_ms)).await.err().unwrap();
    assert!(matches!(error, StartError::Damaged { .. }));
    let cause = std::error::Error::source(&error).unwrap();
    assert_eq!(cause.to_string(), format!("{} is damaged", dir.path().join(name).display()));
}

#[tokio::test(flavor = "multi_thread")]
async fn shutdown_cancels_what_runs_and_ends_soon() {
    let local = Local::start().await;
    let answer = local.submit(&endless(), json!({"wait_timeout": "0s"})).await;
    let id = answer["statement_id"].clone();
    local.until(&id, &["RUNNING"]).await;
    let url = local.server.url();
    let begun = Instant::now();
    let local = local.restarted().await;
    assert!(begun.elapsed() < Duration::from_secs(8), "{:?}", begun.elapsed());
    assert!(local.http.get(format!("{url}/_kiln/health")).send().await.is_err() || url == local.server.url());
    let state = local.ok(Method::GET, &statement_path(&id), Value::Null).await;
    assert_eq!(state["status"], json!({"state": "CANCELED"}));
}
