//! Dashboards put in place in as few changes as it takes, without losing what others did.

use super::*;

const DASHBOARDS: &str = "/api/2.0/lakeview/dashboards";
const DASHBOARD: &str = "/api/2.0/lakeview/dashboards/d1";
const PUBLISHED: &str = "/api/2.0/lakeview/dashboards/d1/published";
const MKDIRS: &str = "/api/2.0/workspace/mkdirs";

/// Judges as a project does that sent the content itself, or, if told so, finds other content to be a person's.
#[derive(Debug)]
struct Sent {
    edited: bool,
}

impl Contents for Sent {
    fn is_wanted(&self, draft: &Value) -> bool {
        let wanted = json!({"datasets": [{"name": "d", "query": "SELECT 1", "catalog": "main", "schema": "retention"}],
            "pages": [{"name": "p"}]});
        kiln::dashboards::same_content(draft, &wanted)
    }

    fn may_replace(&self, _: &Value) -> bool {
        !self.edited
    }
}

fn spec() -> DashboardSpec {
    DashboardSpec {
        folder: "/Workspace/Shared/Retention".into(),
        title: "Retention".into(),
        former: None,
        serialized: r#"{"datasets":[{"name":"d","query":"SELECT 1"}],"pages":[{"name":"p"}]}"#.into(),
        contents: Arc::new(Sent { edited: false }),
        warehouse: WarehouseId::new("w"),
        catalog: Some("main".into()),
        schema: Some("retention".into()),
        embed_credentials: false,
    }
}

/// The draft as the service shows it after a deploy of [`spec`], last changed at this minute.
fn draft(minute: u32) -> Value {
    let content = json!({"pages": [{"name": "p", "pageType": "PAGE_TYPE_CANVAS"}],
        "datasets": [{"name": "d", "query": "SELECT 1", "catalog": "main", "schema": "retention"}]});
    json!({"dashboard_id": "d1", "display_name": "Retention", "parent_path": "/Shared/Retention", "etag": "7",
        "path": "/Shared/Retention/Retention.lvdash.json", "serialized_dashboard": format!("{content}\n"),
        "warehouse_id": "w", "lifecycle_state": "ACTIVE", "update_time": format!("2026-09-02T02:{minute:02}:00Z")})
}

fn published(minute: u32) -> (u16, Value) {
    (
        200,
        json!({"display_name": "Retention", "warehouse_id": "w", "embed_credentials": false,
        "revision_create_time": format!("2026-09-02T02:{minute:02}:00Z")}),
    )
}

fn found() -> (u16, Value) {
    (
        200,
        json!({"path": "/Workspace/Shared/Retention/Retention.lvdash.json", "object_type": "DASHBOARD",
        "object_id": 1, "resource_id": "d1"}),
    )
}

async fn deploy(server: &MockServer) -> Result<Deployed, Error> {
    client(&server.uri()).0.lakeview().deploy(&spec()).await
}

struct HasQuery(&'static str);

impl Match for HasQuery {
    fn matches(&self, request: &Request) -> bool {
        request.url.query() == Some(self.0)
    }
}

#[tokio::test]
async fn a_new_dashboard_gets_its_folder_is_created_published_and_verified() {
    let server = MockServer::start().await;
    mount(&server, "GET", STATUS, [refused(404, MISSING)]).await;
    mount(&server, "POST", MKDIRS, [(200, json!({}))]).await;
    Mock::given(method("POST"))
        .and(path(DASHBOARDS))
        .and(HasQuery("dataset_catalog=main&dataset_schema=retention"))
        .respond_with(in_turn([refused(404, MISSING), (200, draft(5))]))
        .mount(&server)
        .await;
    mount(&server, "POST", PUBLISHED, [published(6)]).await;
    // The first read after the publish lags behind.
    mount(&server, "GET", PUBLISHED, [refused(404, MISSING), published(6)]).await;
    let deployed = deploy(&server).await.unwrap();
    assert_eq!((deployed.draft, deployed.published), (Change::Created, true));
    assert_eq!(deployed.path, "/Shared/Retention/Retention.lvdash.json");
    let get_published = format!("GET {PUBLISHED}");
    assert_eq!(
        requests(&server).await,
        [
            format!("GET {STATUS}"),
            format!("POST {DASHBOARDS}"),
            format!("POST {MKDIRS}"),
            format!("POST {DASHBOARDS}"),
            format!("POST {PUBLISHED}"),
            get_published.clone(),
            get_published,
        ]
    );
    let sent = server.received_requests().await.unwrap();
    assert_eq!(sent[2].body_json::<Value>().unwrap(), json!({"path": "/Shared/Retention"}));
    assert_eq!(sent[4].body_json::<Value>().unwrap(), json!({"embed_credentials": false, "warehouse_id": "w"}));
}

#[tokio::test]
async fn a_dashboard_that_is_as_it_should_be_is_only_read() {
    let server = MockServer::start().await;
    mount(&server, "GET", STATUS, [found()]).await;
    mount(&server, "GET", DASHBOARD, [(200, draft(5))]).await;
    mount(&server, "GET", PUBLISHED, [published(5)]).await;
    let deployed = deploy(&server).await.unwrap();
    assert_eq!((deployed.draft, deployed.published), (Change::Unchanged, false));
    assert!(requests(&server).await.iter().all(|request| request.starts_with("GET")));
}

#[tokio::test]
async fn a_published_copy_older_than_the_draft_or_published_otherwise_is_published_anew() {
    let embedded =
        json!({"warehouse_id": "w", "embed_credentials": true, "revision_create_time": "2026-09-02T02:05:00Z"});
    for old in [published(4), (200, embedded), refused(404, MISSING)] {
        let server = MockServer::start().await;
        mount(&server, "GET", STATUS, [found()]).await;
        mount(&server, "GET", DASHBOARD, [(200, draft(5))]).await;
        mount(&server, "GET", PUBLISHED, [old, published(6)]).await;
        mount(&server, "POST", PUBLISHED, [published(6)]).await;
        let deployed = deploy(&server).await.unwrap();
        assert_eq!((deployed.draft, deployed.published), (Change::Unchanged, true));
    }
}

#[tokio::test]
async fn a_dashboard_that_differs_is_changed_under_its_etag() {
    let server = MockServer::start().await;
    let mut other = draft(4);
    other["serialized_dashboard"] = json!("{}");
    mount(&server, "GET", STATUS, [found()]).await;
    mount(&server, "GET", DASHBOARD, [(200, other)]).await;
    mount(&server, "PATCH", DASHBOARD, [(200, draft(5))]).await;
    mount(&server, "POST", PUBLISHED, [published(6)]).await;
    mount(&server, "GET", PUBLISHED, [published(3), published(6)]).await;
    let deployed = deploy(&server).await.unwrap();
    assert_eq!((deployed.draft, deployed.published), (Change::Updated, true));
    let sent = server.received_requests().await.unwrap();
    let patch = sent.iter().find(|request| request.method.as_str() == "PATCH").unwrap();
    assert_eq!(patch.body_json::<Value>().unwrap()["etag"], "7");
    assert_eq!(patch.url.query(), Some("dataset_catalog=main&dataset_schema=retention"));
}

#[tokio::test]
async fn an_edit_by_somebody_else_meanwhile_is_a_conflict_and_our_own_lost_update_is_not() {
    let mut other = draft(4);
    other["serialized_dashboard"] = json!("{}");
    let server = MockServer::start().await;
    mount(&server, "GET", STATUS, [found()]).await;
    mount(&server, "GET", DASHBOARD, [(200, other.clone())]).await;
    mount(&server, "PATCH", DASHBOARD, [refused(409, "ABORTED")]).await;
    assert_eq!(deploy(&server).await.unwrap_err().class(), Class::Conflict);

    let server = MockServer::start().await;
    mount(&server, "GET", STATUS, [found()]).await;
    mount(&server, "GET", DASHBOARD, [(200, other), (200, draft(5))]).await;
    mount(&server, "PATCH", DASHBOARD, [refused(504, "DEADLINE_EXCEEDED"), refused(409, "ABORTED")]).await;
    mount(&server, "POST", PUBLISHED, [published(6)]).await;
    mount(&server, "GET", PUBLISHED, [published(6)]).await;
    assert_eq!(deploy(&server).await.unwrap().draft, Change::Updated);
}

#[tokio::test]
async fn a_dashboard_made_meanwhile_or_by_a_lost_create_is_adopted() {
    for answer in [refused(409, "ALREADY_EXISTS"), refused(504, "DEADLINE_EXCEEDED")] {
        let server = MockServer::start().await;
        mount(&server, "GET", STATUS, [refused(404, MISSING), found()]).await;
        mount(&server, "POST", DASHBOARDS, [answer]).await;
        mount(&server, "GET", DASHBOARD, [(200, draft(5))]).await;
        mount(&server, "GET", PUBLISHED, [refused(404, MISSING), published(6)]).await;
        mount(&server, "POST", PUBLISHED, [published(6)]).await;
        let deployed = deploy(&server).await.unwrap();
        assert_eq!((deployed.draft, deployed.published), (Change::Unchanged, true));
        let creates =
            requests(&server).await.iter().filter(|request| **request == format!("POST {DASHBOARDS}")).count();
        assert_eq!(creates, 1);
    }
}

#[tokio::test]
async fn a_publish_that_does_not_show_is_an_error_and_so_is_a_taken_path() {
    let server = MockServer::start().await;
    mount(&server, "GET", STATUS, [found()]).await;
    mount(&server, "GET", DASHBOARD, [(200, draft(5))]).await;
    mount(&server, "GET", PUBLISHED, [published(3)]).await;
    mount(&server, "POST", PUBLISHED, [published(6)]).await;
    assert!(matches!(deploy(&server).await, Err(Error::NotCurrent { .. })));

    let server = MockServer::start().await;
    let file = json!({"path": "/Shared/Retention/Retention.lvdash.json", "object_type": "FILE"});
    mount(&server, "GET", STATUS, [(200, file)]).await;
    let error = deploy(&server).await.unwrap_err();
    assert_eq!(error.to_string(), "`/Shared/Retention/Retention.lvdash.json` is taken by a file");
}

#[tokio::test]
async fn a_dashboard_in_the_trash_does_not_exist() {
    let server = MockServer::start().await;
    let mut trashed = draft(5);
    trashed["lifecycle_state"] = json!("TRASHED");
    mount(&server, "GET", DASHBOARD, [(200, trashed)]).await;
    assert_eq!(client(&server.uri()).0.lakeview().get(&"d1".into()).await.unwrap(), None);
}
