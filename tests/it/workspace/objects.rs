//! Workspace files and Lakeview dashboards.

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn files_and_folders_are_made_read_listed_and_deleted() {
    let local = Local::start().await;
    let status = |path: &str| format!("/api/2.0/workspace/get-status?path={path}");
    let import = "/api/2.0/workspace/import";
    let file = json!({"path": "/Workspace/Shared/a/b/x.txt", "content": base64("hello"), "format": "AUTO"});
    let (code, answer) = local.post(import, file.clone()).await;
    assert_eq!((code, &answer["error_code"]), (404, &json!("RESOURCE_DOES_NOT_EXIST")));
    assert_eq!(answer["message"], "The parent folder (/Shared/a/b) does not exist.");
    for _ in 0..2 {
        let made = local.ok(Method::POST, "/api/2.0/workspace/mkdirs", json!({"path": "/Shared/a/b/"})).await;
        assert_eq!(made, json!({}));
    }
    local.ok(Method::POST, import, file.clone()).await;
    let object = local.ok(Method::GET, &status("/Shared/a/b/x.txt"), Value::Null).await;
    assert_eq!((&object["object_type"], &object["size"]), (&json!("FILE"), &json!(5)));
    assert_eq!(object["path"], "/Workspace/Shared/a/b/x.txt");
    assert!(object["object_id"].as_i64().unwrap() > 1 << 53);
    assert_eq!(object["created_at"], START_MS);

    let (code, answer) = local.post(import, file).await;
    assert_eq!((code, &answer["error_code"]), (409, &json!("RESOURCE_ALREADY_EXISTS")));
    local.advance(TimeDelta::seconds(1));
    let again = json!({"path": "/Shared/a/b/x.txt", "content": base64("hello!"), "format": "RAW", "overwrite": true});
    local.ok(Method::POST, import, again).await;
    let changed = local.ok(Method::GET, &status("/Workspace/Shared/a/b/x.txt"), Value::Null).await;
    assert_eq!((&changed["object_id"], &changed["modified_at"]), (&object["object_id"], &json!(START_MS + 1000)));
    let export =
        local.ok(Method::GET, "/api/2.0/workspace/export?path=/Shared/a/b/x.txt&format=AUTO", Value::Null).await;
    assert_eq!(export, json!({"content": base64("hello!"), "file_type": "txt"}));
    let raw = "/api/2.0/workspace/export?path=/Shared/a/b/x.txt&format=AUTO&direct_download=true";
    assert_eq!(local.get(raw).await, (200, json!("hello!")));

    // A source file with the header becomes a notebook and loses its extension; without the header it stays a file.
    let notebook = base64("-- Databricks notebook source\nSELECT 1");
    local.ok(Method::POST, import, json!({"path": "/Shared/a/n.sql", "content": notebook, "format": "AUTO"})).await;
    local
        .ok(Method::POST, import, json!({"path": "/Shared/a/q.sql", "content": base64("SELECT 1"), "format": "AUTO"}))
        .await;
    let upload =
        local.request(Method::POST, "/api/2.0/workspace-files/import-file/Shared%2Fa%2Fraw.bin?overwrite=true");
    assert_eq!(super::answer(upload.body("bytes")).await.0, 200);
    let list = local.ok(Method::GET, "/api/2.0/workspace/list?path=/Shared/a", Value::Null).await;
    let found: Vec<(&str, &str)> = list["objects"]
        .as_array()
        .unwrap()
        .iter()
        .map(|object| (object["path"].as_str().unwrap(), object["object_type"].as_str().unwrap()))
        .collect();
    assert_eq!(
        found,
        [
            ("/Workspace/Shared/a/b", "DIRECTORY"),
            ("/Workspace/Shared/a/n", "NOTEBOOK"),
            ("/Workspace/Shared/a/q.sql", "FILE"),
            ("/Workspace/Shared/a/raw.bin", "FILE"),
        ]
    );
    let root = local.ok(Method::GET, "/api/2.0/workspace/list?path=/", Value::Null).await;
    assert_eq!(root["objects"].as_array().unwrap().len(), 2, "/Shared and /Users: {root}");

    let delete = "/api/2.0/workspace/delete";
    let (code, answer) = local.post(delete, json!({"path": "/Shared/a"})).await;
    assert_eq!((code, &answer["error_code"]), (400, &json!("DIRECTORY_NOT_EMPTY")));
    local.ok(Method::POST, delete, json!({"path": "/Shared/a", "recursive": true})).await;
    for path in ["/Shared/a", "/Shared/a/b/x.txt"] {
        let (code, answer) = local.get(&status(path)).await;
        assert_eq!((code, &answer["error_code"]), (404, &json!("RESOURCE_DOES_NOT_EXIST")));
        assert_eq!(answer["message"], format!("Path ({path}) doesn't exist."));
    }
    assert_eq!(local.post(delete, json!({"path": "/Shared/a"})).await.0, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn imports_that_cannot_be_meant_are_refused() {
    let local = Local::start().await;
    for (body, code) in [
        (json!({"path": "/Shared/x", "content": "***", "format": "AUTO"}), "INVALID_PARAMETER_VALUE"),
        (json!({"path": "/Shared/x", "content": "", "format": "SOURCE"}), "INVALID_PARAMETER_VALUE"),
        (json!({"path": "/Shared/x", "content": "", "format": "DBC"}), "INVALID_PARAMETER_VALUE"),
        (json!({"path": "Shared/x", "content": "", "format": "AUTO"}), "INVALID_PARAMETER_VALUE"),
        (json!({"path": "/Shared/../x", "content": "", "format": "AUTO"}), "INVALID_PARAMETER_VALUE"),
        (json!({"path": "/Shared/d.lvdash.json", "content": base64("{"), "format": "AUTO"}), "INVALID_PARAMETER_VALUE"),
        (
            json!({"path": "/Shared/x", "content": base64(&"x".repeat((10 << 20) + 1)), "format": "RAW"}),
            "MAX_NOTEBOOK_SIZE_EXCEEDED",
        ),
    ] {
        let (status, answer) = local.post("/api/2.0/workspace/import", body.clone()).await;
        assert_eq!((status, &answer["error_code"]), (400, &json!(code)), "{} {answer}", body["path"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dashboard_is_created_changed_published_and_trashed() {
    let local = Local::start().await;
    let path = "/api/2.0/lakeview/dashboards";
    let body = json!({"display_name": "Retention", "parent_path": "/Workspace/Shared/R", "serialized_dashboard": CONTENT, "warehouse_id": "local"});
    let (code, answer) = local.post(path, body.clone()).await;
    assert_eq!((code, &answer["message"]), (404, &json!("Path (/Shared/R) doesn't exist.")));
    local.ok(Method::POST, "/api/2.0/workspace/mkdirs", json!({"path": "/Shared/R"})).await;
    let query = "?dataset_catalog=main&dataset_schema=retention";
    let made = local.ok(Method::POST, &format!("{path}{query}"), body.clone()).await;
    let id = made["dashboard_id"].as_str().unwrap();
    assert_eq!(id.len(), 32);
    assert_eq!((&made["parent_path"], &made["path"]), (&json!("/Shared/R"), &json!("/Shared/R/Retention.lvdash.json")));
    assert_eq!((&made["lifecycle_state"], &made["create_time"]), (&json!("ACTIVE"), &json!("2026-03-01T08:00:00Z")));
    let stored: Value = serde_json::from_str(made["serialized_dashboard"].as_str().unwrap()).unwrap();
    assert_eq!(
        stored["datasets"],
        json!([{"name": "d", "displayName": "D", "queryLines": ["SELECT 1"], "catalog": "main", "schema": "retention"}])
    );
    assert_eq!(stored["pages"][0]["pageType"], "PAGE_TYPE_CANVAS");
    let (code, answer) = local.post(path, body).await;
    assert_eq!((code, &answer["error_code"]), (409, &json!("ALREADY_EXISTS")));
    let status = "/api/2.0/workspace/get-status?path=/Shared/R/Retention.lvdash.json";
    let object = local.ok(Method::GET, status, Value::Null).await;
    assert_eq!((&object["object_type"], &object["resource_id"]), (&json!("DASHBOARD"), &made["dashboard_id"]));

    // The etag moves with the content, not with the name; a stale one is refused.
    let own = format!("{path}/{id}");
    assert_eq!(local.ok(Method::GET, &own, Value::Null).await, made);
    local.advance(TimeDelta::seconds(1));
    let change = json!({"serialized_dashboard": "{\"datasets\":[],\"pages\":[]}", "etag": made["etag"]});
    let changed = local.ok(Method::PATCH, &own, change.clone()).await;
    assert_ne!(changed["etag"], made["etag"]);
    assert_eq!(changed["update_time"], "2026-03-01T08:00:01Z");
    assert_eq!(changed["warehouse_id"], "local");
    let (code, answer) = local.call(Method::PATCH, &own, Some(change)).await;
    assert_eq!(code, 409, "{answer}");
    let renamed = local.ok(Method::PATCH, &own, json!({"display_name": "Cohorts"})).await;
    assert_eq!((&renamed["etag"], &renamed["path"]), (&changed["etag"], &json!("/Shared/R/Cohorts.lvdash.json")));
    assert_eq!(local.get(status).await.0, 404);

    // Publishing copies the draft; what is published stays as it was when the draft changes.
    let published = format!("{own}/published");
    let (code, answer) = local.get(&published).await;
    assert_eq!((code, &answer["message"]), (404, &json!(format!("Unable to find published dashboard [{id}]"))));
    assert_eq!(local.post(&format!("{own}/revert"), json!({})).await.0, 404);
    local.advance(TimeDelta::seconds(1));
    let copy = local.ok(Method::POST, &published, json!({"embed_credentials": false})).await;
    let expected = json!({"display_name": "Cohorts", "warehouse_id": "local", "embed_credentials": false, "revision_create_time": "2026-03-01T08:00:02Z"});
    assert_eq!(copy, expected);
    local.ok(Method::PATCH, &own, json!({"serialized_dashboard": CONTENT})).await;
    assert_eq!(local.ok(Method::GET, &published, Value::Null).await, expected);
    let reverted = local.ok(Method::POST, &format!("{own}/revert"), json!({})).await;
    assert_eq!(reverted["dashboard"]["serialized_dashboard"], changed["serialized_dashboard"]);
    local.ok(Method::DELETE, &published, Value::Null).await;
    assert_eq!(local.get(&published).await.0, 404);
    let told_nothing = local.ok(Method::POST, &published, json!({"warehouse_id": "other"})).await;
    assert_eq!((&told_nothing["embed_credentials"], &told_nothing["warehouse_id"]), (&json!(true), &json!("other")));

    // The trash: gone from its place, still to be looked at, not to be changed.
    local.ok(Method::DELETE, &own, Value::Null).await;
    let trashed = local.ok(Method::GET, &own, Value::Null).await;
    assert_eq!(trashed["lifecycle_state"], "TRASHED");
    assert_eq!(trashed["parent_path"], "/Users/ada@example.test/Trash");
    assert_eq!(local.get(&published).await.0, 404);
    for (method, path) in [(Method::DELETE, own.clone()), (Method::PATCH, own.clone()), (Method::POST, published)] {
        let (code, answer) = local.call(method, &path, Some(json!({}))).await;
        assert_eq!((code, &answer["error_code"]), (403, &json!("PERMISSION_DENIED")));
    }
    assert_eq!(local.ok(Method::GET, path, Value::Null).await["dashboards"], json!([]));
    let all = local.ok(Method::GET, &format!("{path}?show_trashed=true"), Value::Null).await;
    assert_eq!(all["dashboards"][0]["dashboard_id"], id);
    assert_eq!(all["dashboards"][0].get("etag"), None, "lists are short");
    let (code, answer) = local.get(&format!("{path}/0123")).await;
    assert_eq!((code, &answer["error_code"]), (404, &json!("RESOURCE_DOES_NOT_EXIST")));
}

#[tokio::test(flavor = "multi_thread")]
async fn dashboards_are_listed_in_pages_and_live_at_home_by_default() {
    let local = Local::start().await;
    let path = "/api/2.0/lakeview/dashboards";
    let mut made = Vec::new();
    for name in ["a", "b", "c"] {
        local.advance(TimeDelta::seconds(1));
        let draft = local.ok(Method::POST, path, json!({"display_name": name})).await;
        assert_eq!(draft["parent_path"], "/Users/ada@example.test");
        assert_eq!(draft["serialized_dashboard"], "{}\n");
        made.push(draft["dashboard_id"].clone());
    }
    let (mut token, mut found) = (String::new(), Vec::new());
    loop {
        let page = local.ok(Method::GET, &format!("{path}?page_size=2&page_token={token}"), Value::Null).await;
        found.extend(page["dashboards"].as_array().unwrap().iter().map(|draft| draft["dashboard_id"].clone()));
        match page["next_page_token"].as_str() {
            Some(next) => token = next.to_owned(),
            None => break,
        }
    }
    assert_eq!(found, made);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_imported_dashboard_file_is_a_dashboard_and_keeps_its_id() {
    let local = Local::start().await;
    let file = "/Shared/Sales.lvdash.json";
    let import = |content: &str, overwrite: bool| json!({"path": file, "content": base64(content), "format": "AUTO", "overwrite": overwrite});
    local.ok(Method::POST, "/api/2.0/workspace/import", import(CONTENT, false)).await;
    let object = local.ok(Method::GET, &format!("/api/2.0/workspace/get-status?path={file}"), Value::Null).await;
    let own = format!("/api/2.0/lakeview/dashboards/{}", object["resource_id"].as_str().unwrap());
    let first = local.ok(Method::GET, &own, Value::Null).await;
    assert_eq!((&first["display_name"], &first["path"]), (&json!("Sales"), &json!(file)));
    assert_eq!(local.post("/api/2.0/workspace/import", import(CONTENT, false)).await.0, 409);
    local.ok(Method::POST, "/api/2.0/workspace/import", import(CONTENT, true)).await;
    let second = local.ok(Method::GET, &own, Value::Null).await;
    assert_ne!(first["etag"], second["etag"]);
    let export =
        local.ok(Method::GET, &format!("/api/2.0/workspace/export?path={file}&format=AUTO"), Value::Null).await;
    assert_eq!(export["content"], base64(second["serialized_dashboard"].as_str().unwrap()));
    local.ok(Method::POST, "/api/2.0/workspace/delete", json!({"path": file})).await;
    assert_eq!(local.get(&own).await.0, 404);
}
