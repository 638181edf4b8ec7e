//! Permissions of dashboards: who is named gets what is said, by requests that touch nobody else where that is possible.

use std::collections::BTreeMap;

use kiln::ids::Principal;

use super::*;

const PERMISSIONS: &str = "/api/2.0/permissions/dashboards/d1";

/// What the service answers: ada manages it, finance may run it, and so may admins from above.
fn access(finance: &str) -> (u16, Value) {
    let held = |level: &str, inherited: bool| json!([{"permission_level": level, "inherited": inherited}]);
    (
        200,
        json!({"object_id": "/dashboards/d1", "access_control_list": [
            {"user_name": "Ada@example.test", "display_name": "Ada", "all_permissions": held("CAN_MANAGE", false)},
            {"group_name": "finance", "all_permissions": held(finance, false)},
            {"group_name": "admins", "all_permissions": held("CAN_MANAGE", true)}]}),
    )
}

fn wanted(list: &[(&str, Option<&str>)]) -> BTreeMap<Principal, Option<String>> {
    list.iter().map(|(who, level)| (Principal::new(who), level.map(str::to_owned))).collect()
}

async fn grant(server: &MockServer, list: &[(&str, Option<&str>)]) -> Result<bool, Error> {
    client(&server.uri()).0.permissions().grant(&"d1".into(), &wanted(list)).await
}

#[tokio::test]
async fn what_is_there_already_is_only_read() {
    let server = MockServer::start().await;
    mount(&server, "GET", PERMISSIONS, [access("CAN_RUN")]).await;
    assert!(!grant(&server, &[("finance", Some("CAN_RUN")), ("admins", None)]).await.unwrap());
    assert_eq!(requests(&server).await, [format!("GET {PERMISSIONS}")]);
}

#[tokio::test]
async fn more_is_given_without_touching_others() {
    let server = MockServer::start().await;
    mount(&server, "GET", PERMISSIONS, [access("CAN_RUN")]).await;
    mount(&server, "PATCH", PERMISSIONS, [access("CAN_EDIT")]).await;
    let wanted = [("ada@example.test", Some("CAN_MANAGE")), ("finance", Some("CAN_EDIT"))];
    assert!(grant(&server, &wanted).await.unwrap());
    let sent = server.received_requests().await.unwrap();
    assert_eq!(
        sent[1].body_json::<Value>().unwrap(),
        json!({"access_control_list": [{"group_name": "finance", "permission_level": "CAN_EDIT"}]})
    );
}

#[tokio::test]
async fn less_is_sent_with_all_that_others_have_on_the_dashboard_itself() {
    let server = MockServer::start().await;
    mount(&server, "GET", PERMISSIONS, [access("CAN_RUN")]).await;
    mount(&server, "PUT", PERMISSIONS, [access("CAN_READ")]).await;
    assert!(grant(&server, &[("finance", Some("CAN_READ"))]).await.unwrap());
    let sent = server.received_requests().await.unwrap();
    assert_eq!(
        sent[1].body_json::<Value>().unwrap(),
        json!({"access_control_list": [
            {"user_name": "ada@example.test", "permission_level": "CAN_MANAGE"},
            {"group_name": "finance", "permission_level": "CAN_READ"}]})
    );
}

#[tokio::test]
async fn what_does_not_show_is_an_error_and_names_who() {
    let server = MockServer::start().await;
    mount(&server, "GET", PERMISSIONS, [access("CAN_RUN")]).await;
    mount(&server, "PUT", PERMISSIONS, [access("CAN_RUN")]).await;
    let error = grant(&server, &[("finance", None)]).await.unwrap_err();
    assert_eq!(error.to_string(), "`finance` was to have nothing, and has CAN_RUN all the same");
}
