//! What a deploy keeps of a dashboard beside its content: who may do what with it.

use serde_json::json;

use crate::deploy::{changes, planned, project, short};
use crate::support::{Project, Served, deploy_at, kiln_at};

const PATH: &str = "/Shared/Tiny/Sales.lvdash.json";

/// Adds keys to the one dashboard.
fn with(project: &Project, keys: &str) {
    project.replace("jobs.yaml", "folder: /Shared/Tiny}", &format!("folder: /Shared/Tiny, {keys}}}"));
}

/// Returns the id of the dashboard at a path.
fn id_of(served: &Served, path: &str) -> String {
    let (_, object) = served.get(&format!("/api/2.0/workspace/get-status?path={path}"));
    object["resource_id"].as_str().expect("it is there").to_owned()
}

/// Returns what is had on the dashboard itself, as `name level`, sorted.
fn held(served: &Served) -> Vec<String> {
    let (_, access) = served.get(&format!("/api/2.0/permissions/dashboards/{}", id_of(served, PATH)));
    let mut held = Vec::new();
    for one in access["access_control_list"].as_array().expect("it is a list") {
        let name = ["user_name", "group_name", "service_principal_name"].iter().find_map(|key| one[*key].as_str());
        for permission in one["all_permissions"].as_array().expect("it is a list") {
            if permission["inherited"] == false {
                held.push(format!("{} {}", name.unwrap(), permission["permission_level"].as_str().unwrap()));
            }
        }
    }
    held.sort();
    held
}

#[test]
fn permissions_of_those_who_are_named_are_what_the_project_says() {
    let server = Project::tiny();
    let served = server.serve(&[]);
    let project = project(&served);
    deploy_at(&project, &served, &[]);
    with(&project, "permissions: {finance: CAN_READ, \"eve@example.test\": can edit}");
    let changes = changes(&project, &served, &[]);
    assert_eq!(changes.iter().map(short).collect::<Vec<_>>(), [format!("update permissions {PATH}")]);
    assert_eq!(
        changes[0]["fields"],
        json!([{"field": "eve@example.test", "wanted": "CAN_EDIT"}, {"field": "finance", "wanted": "CAN_READ"}])
    );
    assert_eq!(changes[0].get("drift"), None, "nobody changed anything");
    deploy_at(&project, &served, &[]);
    assert_eq!(held(&served), ["eve@example.test CAN_EDIT", "finance CAN_READ", "me@localhost CAN_MANAGE"]);

    // Somebody gives more to those who are named, and something to others.
    let id = id_of(&served, PATH);
    served.patch(
        &format!("/api/2.0/permissions/dashboards/{id}"),
        &json!({"access_control_list": [
            {"group_name": "finance", "permission_level": "CAN_MANAGE"},
            {"group_name": "others", "permission_level": "CAN_RUN"}]}),
    );
    let found = kiln_at(&project, &served, &["plan"]);
    assert!(
        found.stdout.contains(&format!("~ permissions {PATH}  (drifted)\n        finance: CAN_MANAGE → CAN_READ\n")),
        "{}",
        found.stdout
    );
    let status = kiln_at(&project, &served, &["status"]);
    assert_eq!(status.status, 3, "{}", status.stdout);
    assert!(status.stdout.contains("finance: CAN_MANAGE → CAN_READ"), "{}", status.stdout);
    deploy_at(&project, &served, &[]);
    let others = "others CAN_RUN";
    assert_eq!(held(&served), ["eve@example.test CAN_EDIT", "finance CAN_READ", "me@localhost CAN_MANAGE", others]);

    // Less than before, and nothing at all; who is no longer named is left alone.
    project.replace("jobs.yaml", "can edit", "NONE");
    project.replace("jobs.yaml", "finance: CAN_READ, ", "");
    assert_eq!(planned(&project, &served, &[]), [format!("update permissions {PATH}")]);
    deploy_at(&project, &served, &[]);
    assert_eq!(held(&served), ["finance CAN_READ", "me@localhost CAN_MANAGE", others]);

    // A dashboard with another title is another one, and gets them with its first deploy.
    project.replace("jobs.yaml", "{\"eve@example.test\": NONE}", "{finance: CAN_RUN, board: CAN_READ}");
    project.replace("jobs.yaml", "folder: /Shared/Tiny", "folder: /Shared/Board");
    deploy_at(&project, &served, &["--prune"]);
    let board = id_of(&served, "/Shared/Board/Sales.lvdash.json");
    let (_, access) = served.get(&format!("/api/2.0/permissions/dashboards/{board}"));
    assert!(access.to_string().contains("board"), "{access}");

    project.replace("jobs.yaml", "CAN_RUN", "CAN_RUM");
    kiln_at(&project, &served, &["plan"]).fails_with(1, &["Did you mean `CAN_RUN`?", "jobs.yaml:"]);
    project.replace("jobs.yaml", "CAN_RUM", "CAN_RUN, \"group:finance\": CAN_READ");
    kiln_at(&project, &served, &["plan"]).fails_with(1, &["`finance` stands twice in `permissions`"]);
    project.replace("jobs.yaml", ", \"group:finance\": CAN_READ", ", \"ada@nowhere.invalid\": CAN_READ");
    kiln_at(&project, &served, &["deploy"])
        .fails_with(3, &["permissions of dashboard `sales`", "UserName(ada@nowhere.invalid) does not exist"]);
}

#[test]
fn a_dashboard_that_is_not_kilns_keeps_its_permissions() {
    let server = Project::tiny();
    let served = server.serve(&[]);
    let project = project(&served);
    served.ask_for("/api/2.0/workspace/mkdirs", &json!({"path": "/Shared/Tiny"}));
    let body = json!({"display_name": "Sales", "parent_path": "/Shared/Tiny", "serialized_dashboard": "{}"});
    served.ask_for("/api/2.0/lakeview/dashboards", &body);
    with(&project, "permissions: {finance: CAN_READ}");
    let plan = planned(&project, &served, &[]);
    assert!(plan.contains(&format!("foreign dashboard {PATH}")), "{plan:?}");
    assert!(!plan.iter().any(|change| change.contains("permissions")), "{plan:?}");
    deploy_at(&project, &served, &["--adopt"]);
    assert_eq!(held(&served), ["finance CAN_READ", "me@localhost CAN_MANAGE"]);
}
