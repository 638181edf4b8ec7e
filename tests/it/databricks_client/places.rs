//! The caller, warehouses, catalogs and the workspace's tree.

use super::*;

#[tokio::test]
async fn the_caller_and_the_workspace_are_known_by_one_request() {
    let server = MockServer::start().await;
    Mock::given(method("GET"))
        .and(path("/api/2.0/preview/scim/v2/Me"))
        .and(bearer_token("dapi-hunter22"))
        .respond_with(
            ResponseTemplate::new(200)
                .insert_header("x-databricks-org-id", "1234567890123456")
                .set_body_json(json!({"id": "1", "userName": "ada@example.test"})),
        )
        .mount(&server)
        .await;
    let caller = client(&server.uri()).0.me().await.unwrap();
    assert_eq!(
        (caller.me.user_name.as_str(), caller.workspace_id.as_deref()),
        ("ada@example.test", Some("1234567890123456"))
    );
}

fn warehouses() -> Value {
    json!([{"id": "a1", "name": "shared"}, {"id": "b2", "name": "bi"}, {"id": "c3", "name": "twin"}, {"id": "d4", "name": "twin"}])
}

#[tokio::test]
async fn a_warehouse_is_found_by_name_id_or_http_path() {
    let server = MockServer::start().await;
    let all = warehouses();
    // Two pages, so that the second is read as well.
    let (first, second) =
        (json!({"warehouses": [all[0]], "next_page_token": "p2"}), json!({"warehouses": [all[1], all[2], all[3]]}));
    let list = "/api/2.0/sql/warehouses";
    Mock::given(path(list))
        .and(query_param_is_missing("page_token"))
        .respond_with(in_turn([(200, first)]))
        .mount(&server)
        .await;
    Mock::given(path(list))
        .and(query_param("page_token", "p2"))
        .respond_with(in_turn([(200, second)]))
        .mount(&server)
        .await;
    mount(&server, "GET", "/api/2.0/sql/warehouses/b2", [(200, all[1].clone())]).await;
    let (client, _) = client(&server.uri());
    for (wanted, id) in [("shared", "a1"), ("bi", "b2"), ("b2", "b2"), ("/sql/1.0/warehouses/b2", "b2"), (" bi ", "b2")]
    {
        assert_eq!(client.warehouses().resolve(Some(wanted)).await.unwrap().id, id, "{wanted}");
    }
    let error = client.warehouses().resolve(Some("BI")).await.unwrap_err();
    assert_eq!(error.to_string(), "there is no warehouse `BI`; there are bi, shared, twin, twin");
    let error = client.warehouses().resolve(Some("twin")).await.unwrap_err();
    assert_eq!(error.to_string(), "several warehouses are named `twin`; use the id");
}

#[tokio::test]
async fn without_a_name_the_only_warehouse_is_meant_or_the_callers_default() {
    let list = "/api/2.0/sql/warehouses";
    let chosen = "/api/warehouses/v1/default-warehouse-overrides/me";
    let server = MockServer::start().await;
    mount(&server, "GET", list, [(200, json!({"warehouses": [{"id": "a1", "name": "shared"}]}))]).await;
    assert_eq!(client(&server.uri()).0.warehouses().resolve(None).await.unwrap().id, "a1");

    let server = MockServer::start().await;
    mount(&server, "GET", list, [(200, json!({"warehouses": warehouses()}))]).await;
    mount(&server, "GET", chosen, [(200, json!({"type": "CUSTOM", "warehouse_id": "b2"})), (404, json!({}))]).await;
    let (client, _) = client(&server.uri());
    assert_eq!(client.warehouses().resolve(None).await.unwrap().id, "b2");
    let error = client.warehouses().resolve(None).await.unwrap_err();
    assert!(error.to_string().starts_with("no warehouse is named, and there are several"), "{error}");
    assert_eq!(error.class(), Class::Invalid);
}

#[tokio::test]
async fn what_is_missing_in_the_catalog_is_nothing_and_not_an_error() {
    let server = MockServer::start().await;
    let missing = json!({"error_code": "SCHEMA_DOES_NOT_EXIST", "message": "Schema 'main.x' does not exist."});
    Mock::given(path_regex("/api/2.1/unity-catalog/(schemas|tables)/.*"))
        .respond_with(in_turn([(404, missing)]))
        .mount(&server)
        .await;
    let (client, _) = client(&server.uri());
    assert_eq!(client.unity().schema("main", "x").await.unwrap(), None);
    assert_eq!(client.unity().table(&TableName::new("main", "x", "t")).await.unwrap(), None);
    assert!(!client.unity().table_exists(&TableName::new("main", "x", "t")).await.unwrap());
}

#[tokio::test]
async fn tables_are_listed_past_an_empty_page() {
    let server = MockServer::start().await;
    let table = json!({"name": "t", "catalog_name": "main", "schema_name": "s"});
    let pages = [(200, json!({"tables": [], "next_page_token": "2"})), (200, json!({"tables": [table]}))];
    mount(&server, "GET", "/api/2.1/unity-catalog/tables", pages).await;
    assert_eq!(client(&server.uri()).0.unity().tables("main", "s").await.unwrap().len(), 1);
}

#[tokio::test]
async fn ids_beyond_two_to_the_53_are_kept() {
    let server = MockServer::start().await;
    let id = 9_007_199_254_740_993_i64;
    let object = json!({"path": "/a", "object_type": "DIRECTORY", "object_id": id});
    mount(&server, "GET", STATUS, [(200, object)]).await;
    let object = client(&server.uri()).0.workspace().get_status("/a").await.unwrap().unwrap();
    assert_eq!(object.object_id, Some(id));
}

/// The names of a schema's tables, by a service that answers a list without pages and pages so.
async fn tables_from(whole: &[(u16, Value)]) -> (Vec<String>, usize) {
    let server = MockServer::start().await;
    let list = "/api/2.1/unity-catalog/tables";
    let pages =
        [json!({"tables": [{"name": "a"}], "next_page_token": "p2"}), json!({"tables": [], "next_page_token": "p3"})];
    let pages = pages.into_iter().chain([json!({"tables": [{"name": "b"}]})]).map(|page| (200, page));
    let asked = || Mock::given(path(list)).and(query_param("schema_name", "s"));
    let whole = in_turn(whole.iter().cloned());
    asked().and(query_param_is_missing("max_results")).respond_with(whole).mount(&server).await;
    asked().and(query_param("max_results", "0")).respond_with(in_turn(pages)).mount(&server).await;
    let tables = client(&server.uri()).0.unity().tables("c", "s").await.unwrap();
    (tables.into_iter().map(|table| table.name).collect(), requests(&server).await.len())
}

#[tokio::test]
async fn a_schemas_tables_are_listed_by_one_request_or_in_pages_where_that_is_refused() {
    let names = |names: [&str; 2]| names.map(str::to_owned).to_vec();
    let all = (200, json!({"tables": [{"name": "b"}, {"name": "c"}]}));
    assert_eq!(tables_from(std::slice::from_ref(&all)).await, (names(["b", "c"]), 1));
    // Pages that nobody asked for are read all the same.
    let first = (200, json!({"tables": [{"name": "a"}], "next_page_token": "p2"}));
    assert_eq!(tables_from(&[first, all]).await, (vec!["a".to_owned(), "b".to_owned(), "c".to_owned()], 2));
    let refused = (400, json!({"error_code": "INVALID_PARAMETER_VALUE", "message": "max_results is required"}));
    assert_eq!(tables_from(&[refused]).await, (names(["a", "b"]), 4));
    let timed_out = (504, json!({"error_code": "TEMPORARILY_UNAVAILABLE", "message": "timed out"}));
    assert_eq!(tables_from(&[timed_out]).await, (names(["a", "b"]), 5), "two attempts, and three pages");
}
