//! What a deploy keeps of a dashboard beside its content: who may do what with it, and when it is sent to whom.

use serde_json::{Value, json};

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

/// Returns the schedules of the dashboard at a path, each as name, cron, pause status, and how many are subscribed.
fn schedules(served: &Served, path: &str) -> Vec<(String, String, String, usize)> {
    let at = format!("/api/2.0/lakeview/dashboards/{}/schedules", id_of(served, path));
    let (_, list) = served.get(&at);
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let mut all: Vec<_> = list["schedules"]
        .as_array()
        .expect("it is a list")
        .iter()
        .map(|one| {
            let (_, subscribed) = served.get(&format!("{at}/{}/subscriptions", text(&one["schedule_id"])));
            (
                text(&one["display_name"]),
                text(&one["cron_schedule"]["quartz_cron_expression"]),
                text(&one["pause_status"]),
                subscribed["subscriptions"].as_array().map_or(0, Vec::len),
            )
        })
        .collect();
    all.sort();
    all
}

fn schedule(name: &str, cron: &str, pause: &str, subscribed: usize) -> (String, String, String, usize) {
    (name.to_owned(), cron.to_owned(), pause.to_owned(), subscribed)
}

const WEEKLY: &str = "schedules: {weekly: {cron: 0 8 * * 1, timezone: Europe/Berlin, \
                      subscribers: [Ada@example.test, Board]}, daily: {cron: 0 6 * * *, timezone: UTC}}";

#[test]
fn schedules_of_a_dashboard_are_what_the_project_says() {
    let server = Project::tiny();
    let served = server.serve(&[]);
    served
        .ask_for("/api/2.0/notification-destinations", &json!({"display_name": "Board", "destination_type": "SLACK"}));
    let project = project(&served);
    with(&project, WEEKLY);
    let plan = planned(&project, &served, &[]);
    let [weekly, daily] = ["weekly", "daily"].map(|name| format!("create schedule {PATH}: {name}"));
    assert!(plan.ends_with(&[weekly, daily]), "{plan:?}");
    deploy_at(&project, &served, &[]);
    let both = [
        schedule("daily (kiln tiny)", "0 0 6 * * ?", "UNPAUSED", 0),
        schedule("weekly (kiln tiny)", "0 0 8 ? * 2", "UNPAUSED", 2),
    ];
    assert_eq!(schedules(&served, PATH), both);

    // People's own schedules and subscriptions are left alone.
    let at = format!("/api/2.0/lakeview/dashboards/{}/schedules", id_of(&served, PATH));
    let cron = json!({"quartz_cron_expression": "0 0 9 * * ?", "timezone_id": "UTC"});
    served.ask_for(&at, &json!({"display_name": "mine", "cron_schedule": cron}));
    let (_, list) = served.get(&at);
    let of = |name: &str| {
        let all = list["schedules"].as_array().expect("it is a list").iter();
        all.clone().find(|one| one["display_name"] == name).expect("it is there").clone()
    };
    let (weekly, daily) = (of("weekly (kiln tiny)"), of("daily (kiln tiny)"));
    let id = |one: &Value| one["schedule_id"].as_str().expect("it has an id").to_owned();
    let subscriptions = format!("{at}/{}/subscriptions", id(&weekly));
    served.ask_for(&subscriptions, &json!({"subscriber": {"user_subscriber": {"user_id": 7}}}));
    assert_eq!(planned(&project, &served, &[]), Vec::<String>::new());

    // What people do to kiln's own is found, also behind another name, and put right.
    let mut paused = daily.clone();
    paused["pause_status"] = json!("PAUSED");
    paused["display_name"] = json!("our daily mail");
    served.put(&format!("{at}/{}", id(&daily)), &paused);
    let (_, subscribed) = served.get(&subscriptions);
    let board = subscribed["subscriptions"].as_array().expect("it is a list").iter();
    let board = board.clone().find(|one| one["subscriber"]["destination_subscriber"].is_object()).expect("it is there");
    served.delete(&format!("{subscriptions}/{}", board["subscription_id"].as_str().unwrap()));
    let changes = changes(&project, &served, &[]);
    let shown = |n: usize| (short(&changes[n]), changes[n]["drift"].clone(), changes[n]["fields"].clone());
    let fields = json!([{"field": "subscriber Board", "wanted": "subscribed"}]);
    assert_eq!(shown(0), (format!("update schedule {PATH}: weekly"), json!(true), fields));
    let fields = json!([{"field": "paused", "there": true, "wanted": false}]);
    assert_eq!(shown(1), (format!("update schedule {PATH}: daily"), json!(true), fields));
    let status = kiln_at(&project, &served, &["status"]);
    assert_eq!(status.status, 3, "{}", status.stdout);
    assert!(status.stdout.contains("paused: true → false"), "{}", status.stdout);
    deploy_at(&project, &served, &[]);
    let all = [
        schedule("mine", "0 0 9 * * ?", "UNPAUSED", 0),
        schedule("our daily mail", "0 0 6 * * ?", "UNPAUSED", 0),
        schedule("weekly (kiln tiny)", "0 0 8 ? * 2", "UNPAUSED", 3),
    ];
    assert_eq!(schedules(&served, PATH), all);

    // A change of the project's own is no drift; who is no longer named is unsubscribed, and nobody else.
    project.replace("jobs.yaml", "cron: 0 8 * * 1", "cron: 30 8 * * 1");
    project.replace("jobs.yaml", "[Ada@example.test, Board]", "[Board]");
    let changes = self::changes(&project, &served, &[]);
    assert_eq!(changes.len(), 1);
    assert_eq!(changes[0].get("drift"), None);
    assert_eq!(
        changes[0]["fields"],
        json!([
            {"field": "cron", "there": "0 0 8 ? * 2", "wanted": "0 30 8 ? * 2"},
            {"field": "subscriber ada@example.test", "there": "subscribed", "wanted": "NONE"},
        ])
    );
    deploy_at(&project, &served, &[]);
    assert_eq!(schedules(&served, PATH)[2], schedule("weekly (kiln tiny)", "0 30 8 ? * 2", "UNPAUSED", 2));

    // Deleted by somebody: made again. Out of the project: listed, and deleted when told.
    served.delete(&format!("{at}/{}", id(&weekly)));
    let changes = self::changes(&project, &served, &[]);
    assert_eq!((short(&changes[0]), &changes[0]["drift"]), (format!("create schedule {PATH}: weekly"), &json!(true)));
    deploy_at(&project, &served, &[]);
    project.replace("jobs.yaml", ", daily: {cron: 0 6 * * *, timezone: UTC}", "");
    assert_eq!(planned(&project, &served, &[]), [format!("orphan schedule {PATH}: daily")]);
    assert_eq!(kiln_at(&project, &served, &["deploy"]).status, 0);
    assert_eq!(schedules(&served, PATH).len(), 3, "it is not forgotten");
    deploy_at(&project, &served, &["--prune"]);
    let names: Vec<String> = schedules(&served, PATH).into_iter().map(|one| one.0).collect();
    assert_eq!(names, ["mine", "weekly (kiln tiny)"]);

    // Nobody of that name.
    project.replace("jobs.yaml", "[Board]", "[Bored, ada@nowhere.invalid]");
    let ran = kiln_at(&project, &served, &["deploy"]);
    ran.fails_with(3, &["nothing was deployed"]);
    assert!(ran.stdout.contains("the workspace has no notification destination `Bored`"), "{}", ran.stdout);
    assert!(ran.stdout.contains("the workspace has no user `ada@nowhere.invalid`"), "{}", ran.stdout);
    project.replace("jobs.yaml", "[Bored, ada@nowhere.invalid]", "[Board]");

    // With the dashboard they go, but for those of people.
    let path = at.trim_end_matches("/schedules").to_owned();
    assert_eq!(kiln_at(&project, &served, &["destroy"]).status, 0);
    assert_eq!(served.get(&path).1["lifecycle_state"], "TRASHED");
    let (_, left) = served.get(&at);
    assert_eq!(left["schedules"].as_array().map(Vec::len), Some(1), "{left}");
}

#[test]
fn an_environment_pauses_schedules_or_leaves_them_out_and_a_moved_dashboard_takes_them_along() {
    let server = Project::tiny();
    let served = server.serve(&[]);
    let project = project(&served);
    with(&project, "schedules: {daily: {cron: 0 6 * * *, timezone: UTC, subscribers: [ada@example.test]}}");
    project.replace("jobs.yaml", "schema: tiny, default: true", "schema: tiny, default: true, schedules: paused");
    deploy_at(&project, &served, &[]);
    let paused = [schedule("daily (kiln tiny)", "0 0 6 * * ?", "PAUSED", 1)];
    assert_eq!(schedules(&served, PATH), paused);

    // In another folder it is another dashboard, and nobody gets two mails.
    let old = format!("/api/2.0/lakeview/dashboards/{}/schedules", id_of(&served, PATH));
    project.replace("jobs.yaml", "folder: /Shared/Tiny", "folder: /Shared/Board");
    let moved = "/Shared/Board/Sales.lvdash.json";
    let changes = changes(&project, &served, &[]);
    let change = changes.iter().find(|change| change["kind"] == "schedule").expect("it is planned");
    assert_eq!(short(change), format!("create schedule {moved}: daily"));
    assert_eq!(change["reasons"], json!(["it moves with its dashboard"]));
    assert_eq!(kiln_at(&project, &served, &["deploy"]).status, 0);
    assert_eq!(schedules(&served, moved), paused);
    assert_eq!(served.get(&old).1["schedules"], json!([]));
    deploy_at(&project, &served, &["--prune"]);

    project.replace("jobs.yaml", "schedules: paused", "schedules: none");
    assert_eq!(planned(&project, &served, &[]), [format!("orphan schedule {moved}: daily")]);
    deploy_at(&project, &served, &["--prune"]);
    assert!(schedules(&served, moved).is_empty());

    project.replace("jobs.yaml", "cron: 0 6 * * *", "cron: 0 25 * * *");
    kiln_at(&project, &served, &["plan"]).fails_with(1, &["there is no hour `25`", "jobs.yaml:"]);
    project.replace("jobs.yaml", "cron: 0 25 * * *", "crown: 0 6 * * *");
    kiln_at(&project, &served, &["plan"]).fails_with(1, &["Did you mean `cron`?", "schedule `daily` has no `cron`"]);
}

#[test]
fn a_dashboard_with_another_title_or_name_is_renamed_and_keeps_its_address() {
    let server = Project::tiny();
    let served = server.serve(&[]);
    let project = project(&served);
    with(&project, "permissions: {finance: CAN_READ}, schedules: {daily: {cron: 0 6 * * *, timezone: UTC}}");
    deploy_at(&project, &served, &[]);
    let id = id_of(&served, PATH);
    let other = "/Shared/Tiny/Turnover.lvdash.json";
    let dashboards = |args: &[&str]| -> Vec<(String, Value)> {
        let all = changes(&project, &served, args);
        all.iter().map(|change| (short(change), change["reasons"].clone())).collect()
    };

    // The title.
    project.replace("jobs.yaml", "title: Sales,", "title: Turnover,");
    let renamed = json!([format!("it is renamed from {PATH}, and keeps its address")]);
    assert_eq!(dashboards(&[]), [(format!("update dashboard {other}"), renamed)]);
    deploy_at(&project, &served, &[]);
    assert_eq!(id_of(&served, other), id);
    assert_eq!(served.get(&format!("/api/2.0/workspace/get-status?path={PATH}")).0, 404);
    let (_, published) = served.get(&format!("/api/2.0/lakeview/dashboards/{id}/published"));
    assert_eq!(published["display_name"], "Turnover");

    // The title and the content at once.
    project.replace("jobs.yaml", "title: Turnover,", "title: Sales,");
    project.replace("dashboards/sales.lvdash.json", "\"title\":\"Sales\"", "\"title\":\"All sales\"");
    let reasons = json!([
        format!("it is renamed from {other}, and keeps its address"),
        "widget `All sales`: its title was `Sales` and is `All sales`"
    ]);
    assert_eq!(dashboards(&[]), [(format!("update dashboard {PATH}"), reasons)]);
    deploy_at(&project, &served, &["--prune"]);
    assert_eq!(id_of(&served, PATH), id);

    // The name in jobs.yaml: nothing of it is taken for something that left the project.
    project.replace("jobs.yaml", "  sales: {file", "  turnover: {file");
    let reasons = json!(["it was `sales` in jobs.yaml"]);
    assert_eq!(dashboards(&["--prune"]), [(format!("update dashboard {PATH}"), reasons)]);
    deploy_at(&project, &served, &["--prune"]);
    assert_eq!(id_of(&served, PATH), id);
    assert_eq!(schedules(&served, PATH).len(), 1);
    let notes = served.sql("SHOW TBLPROPERTIES main.tiny._kiln").to_string();
    assert!(notes.contains("kiln.schedule.tiny.turnover.daily") && !notes.contains("tiny.sales"), "{notes}");

    // Both, where the title is the name: the content tells.
    project.replace("jobs.yaml", "title: Sales, ", "");
    deploy_at(&project, &served, &[]);
    project.replace("jobs.yaml", "  turnover: {file", "  revenue: {file");
    let revenue = "/Shared/Tiny/revenue.lvdash.json";
    let reasons = json!([
        "it is renamed from /Shared/Tiny/turnover.lvdash.json, and keeps its address",
        "it was `turnover` in jobs.yaml"
    ]);
    assert_eq!(dashboards(&["--prune"]), [(format!("update dashboard {revenue}"), reasons)]);
    deploy_at(&project, &served, &[]);
    assert_eq!(id_of(&served, revenue), id);

    // One that a person has changed is left to that person, and what lies in another folder cannot be moved.
    served.patch(&format!("/api/2.0/lakeview/dashboards/{id}"), &json!({"serialized_dashboard": "{}"}));
    project.replace("jobs.yaml", "  revenue: {file", "  revenue: {title: Revenue, file");
    let acts: Vec<String> = dashboards(&[]).into_iter().map(|change| change.0).collect();
    assert!(acts.contains(&"create dashboard /Shared/Tiny/Revenue.lvdash.json".to_owned()), "{acts:?}");
    assert!(acts.contains(&format!("orphan dashboard {revenue}")), "{acts:?}");
}
