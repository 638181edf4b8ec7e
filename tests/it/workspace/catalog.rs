//! Unity Catalog, the warehouse and the caller.

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn there_is_one_warehouse_which_a_statement_starts() {
    let local = Local::start().await;
    let list = local.ok(Method::GET, "/api/2.0/sql/warehouses", Value::Null).await;
    assert_eq!(list["warehouses"].as_array().unwrap().len(), 1);
    let path = format!("/api/2.0/sql/warehouses/{WAREHOUSE_ID}");
    let warehouse = local.ok(Method::GET, &path, Value::Null).await;
    assert_eq!(warehouse, list["warehouses"][0]);
    assert_eq!((&warehouse["id"], &warehouse["name"]), (&json!("local"), &json!("local")));
    assert_eq!((&warehouse["state"], &warehouse["warehouse_type"]), (&json!("RUNNING"), &json!("PRO")));
    assert_eq!(warehouse["enable_serverless_compute"], true);
    for (act, state) in [("stop", "STOPPED"), ("start", "RUNNING"), ("stop", "STOPPED")] {
        assert_eq!(local.ok(Method::POST, &format!("{path}/{act}"), json!({})).await, json!({}));
        assert_eq!(local.ok(Method::GET, &path, Value::Null).await["state"], state);
    }
    local.sql("SELECT 1 AS a").await;
    assert_eq!(local.ok(Method::GET, &path, Value::Null).await["state"], "RUNNING");
    let (status, answer) = local.get("/api/2.0/sql/warehouses/other").await;
    assert_eq!((status, &answer["error_code"]), (404, &json!("RESOURCE_DOES_NOT_EXIST")));
}

#[tokio::test(flavor = "multi_thread")]
async fn me_is_the_user_and_the_header_names_the_workspace() {
    let local = Local::start().await;
    let response = local.request(Method::GET, "/api/2.0/preview/scim/v2/Me").send().await.unwrap();
    assert_eq!(response.headers()["x-databricks-org-id"], "1");
    let me: Value = serde_json::from_str(&response.text().await.unwrap()).unwrap();
    assert_eq!(me["userName"], "ada@example.test");
    let open = local.http.get(format!("{}/.well-known/databricks-config", local.server.url()));
    let oidc = format!("{}/oidc", local.server.url());
    assert_eq!(super::answer(open).await, (200, json!({"workspace_id": "1", "oidc_endpoint": oidc})));
}

#[tokio::test(flavor = "multi_thread")]
async fn unity_catalog_shows_what_sql_made() {
    let local = Local::start().await;
    let unity = "/api/2.1/unity-catalog";
    let schema = json!({"name": "Shop", "catalog_name": "main", "comment": "the shop"});
    local.sql("SELECT 1 AS a").await;
    let made = local.ok(Method::POST, &format!("{unity}/schemas"), schema.clone()).await;
    assert_eq!((&made["full_name"], &made["comment"]), (&json!("main.shop"), &json!("the shop")));
    let (code, answer) = local.post(&format!("{unity}/schemas"), schema).await;
    assert_eq!((code, &answer["error_code"]), (409, &json!("SCHEMA_ALREADY_EXISTS")));
    local.sql("CREATE TABLE main.shop.orders AS SELECT 1 AS id, CAST(2 AS DECIMAL(10,2)) AS amount").await;
    local.sql("CREATE VIEW main.shop.v AS SELECT id FROM main.shop.orders").await;

    let catalogs = local.ok(Method::GET, &format!("{unity}/catalogs"), Value::Null).await;
    assert!(catalogs["catalogs"].as_array().unwrap().iter().any(|catalog| catalog["name"] == "main"));
    assert_eq!(local.ok(Method::GET, &format!("{unity}/catalogs/main"), Value::Null).await["name"], "main");
    let schemas = local.ok(Method::GET, &format!("{unity}/schemas?catalog_name=main"), Value::Null).await;
    assert!(schemas["schemas"].as_array().unwrap().iter().any(|schema| schema["full_name"] == "main.shop"));
    let table = local.ok(Method::GET, &format!("{unity}/tables/main.shop.Orders"), Value::Null).await;
    assert_eq!((&table["table_type"], &table["data_source_format"]), (&json!("MANAGED"), &json!("DELTA")));
    assert_eq!(table["full_name"], "main.shop.orders");
    let columns: Vec<(&Value, &Value, &Value)> = table["columns"]
        .as_array()
        .unwrap()
        .iter()
        .map(|column| (&column["name"], &column["type_text"], &column["position"]))
        .collect();
    let (id, int, amount, decimal) = (json!("id"), json!("int"), json!("amount"), json!("decimal(10,2)"));
    assert_eq!(columns, [(&id, &int, &json!(0)), (&amount, &decimal, &json!(1))]);
    assert!(table["storage_location"].as_str().unwrap().starts_with("file:///"));
    let view = local.ok(Method::GET, &format!("{unity}/tables/main.shop.v"), Value::Null).await;
    assert_eq!(view["table_type"], "VIEW");
    assert!(view["view_definition"].as_str().unwrap().contains("main.shop.orders"));

    let tables = format!("{unity}/tables?catalog_name=main&schema_name=shop");
    let list = local.ok(Method::GET, &format!("{tables}&omit_columns=true&omit_properties=true"), Value::Null).await;
    let names: Vec<&Value> = list["tables"].as_array().unwrap().iter().map(|table| &table["name"]).collect();
    assert_eq!(names, ["orders", "v"]);
    assert_eq!((list["tables"][0].get("columns"), list["tables"][0].get("properties")), (None, None));
    let first = local.ok(Method::GET, &format!("{tables}&max_results=1"), Value::Null).await;
    let token = first["next_page_token"].as_str().unwrap();
    let second = local.ok(Method::GET, &format!("{tables}&max_results=1&page_token={token}"), Value::Null).await;
    assert_eq!((&second["tables"][0]["name"], second.get("next_page_token")), (&json!("v"), None));

    for (name, exists) in [("orders", true), ("nothing", false)] {
        let answer = local.ok(Method::GET, &format!("{unity}/tables/main.shop.{name}/exists"), Value::Null).await;
        assert_eq!(answer, json!({"table_exists": exists}));
    }
    for (path, code) in [
        ("tables/main.shop.nothing", "TABLE_DOES_NOT_EXIST"),
        ("schemas/main.nothing", "SCHEMA_DOES_NOT_EXIST"),
        ("catalogs/nothing", "CATALOG_DOES_NOT_EXIST"),
        ("schemas?catalog_name=nothing", "CATALOG_DOES_NOT_EXIST"),
        ("tables?catalog_name=main&schema_name=nothing", "SCHEMA_DOES_NOT_EXIST"),
    ] {
        let (status, answer) = local.get(&format!("{unity}/{path}")).await;
        assert_eq!((status, &answer["error_code"]), (404, &json!(code)), "{path}");
    }
    assert_eq!(local.get(&format!("{unity}/tables/orders")).await.0, 400);

    let (code, answer) = local.call(Method::DELETE, &format!("{unity}/schemas/main.shop"), None).await;
    assert_eq!((code, &answer["error_code"]), (400, &json!("SCHEMA_NOT_EMPTY")));
    local.ok(Method::DELETE, &format!("{unity}/tables/main.shop.v"), Value::Null).await;
    assert_eq!(local.get(&format!("{unity}/tables/main.shop.v")).await.0, 404);
    local.ok(Method::DELETE, &format!("{unity}/schemas/main.shop?force=true"), Value::Null).await;
    assert_eq!(local.get(&format!("{unity}/schemas/main.shop")).await.0, 404);
}
