//! Every bad morning that the embedded Fivetran plays, through the binary: the exit status, and what a person reads.

use serde_json::json;

use crate::support::{Project, Ran};

const FILES: &str = "local: {files: {public.orders: {path: data/orders.csv, key: [id], columns: {id: BIGINT, amount: \
                     \"DECIMAL(12,2)\"}}}}";

/// A small project whose connection plays a scenario, with further words beside its `sync`.
fn playing(scenario: &str, sync: &str) -> Project {
    let project = Project::tiny();
    set(&project, scenario, sync);
    project
}

fn set(project: &Project, scenario: &str, sync: &str) {
    let local = FILES.trim_end_matches('}');
    let line = format!("{local}}}}}}}, scenario: {scenario}}}\n    sync: {{{sync}}}");
    project.replace("jobs.yaml", FILES, &line);
}

#[test]
fn data_that_are_not_as_fresh_as_asked_end_with_5_and_say_why() {
    for (scenario, sync, texts) in [
        ("failed", "", &["failed at", "The source cannot be reached (connection refused"][..]),
        ("broken", "", &["is broken until somebody repairs it: Reconnect (FATAL: password", "Repair the connection"]),
        ("paused", "", &["paused; no sync was triggered", "kiln never does so by itself"]),
        (
            "incomplete",
            "",
            &["its setup was never completed: Authorize the connection", "Complete the connection's setup"],
        ),
        ("rescheduled", "", &["rescheduled by Fivetran until", "allow a longer `deadline`"]),
        ("never_starts", "deadline: 6s, historical_deadline: 6s", &["triggered twice, and did not begin to sync"]),
        ("slow", "deadline: 2s, historical_deadline: 2s", &["still syncing after 2 seconds", "`when_running: join`"]),
    ] {
        let project = playing(scenario, sync);
        let ran = project.kiln(&["sync-and-refresh"]);
        ran.fails_with(5, texts);
        assert!(ran.stderr.contains("- build stg_orders"), "what depends on it is skipped:\n{}", ran.stderr);
    }
}

#[test]
fn trouble_that_passes_ends_with_0_and_is_mentioned() {
    for (scenario, text) in [
        ("rescheduled_briefly", "3 rows in orders"),
        ("rescheduled_manual", "3 rows in orders"),
        ("already_running", "synced at"),
        ("historical", "older data is still to come"),
        ("unknown_state", "3 rows in orders"),
        ("stale_failure", "3 rows in orders"),
        ("lost_answer", "3 rows in orders"),
    ] {
        let project = playing(scenario, "");
        let ran = project.command(&["sync-and-refresh"]).env("COLUMNS", "200").output().expect("kiln can be started");
        let ran = Ran::from(ran);
        assert_eq!(ran.status, 0, "{scenario}:\n{}", ran.stderr);
        assert!(ran.stderr.contains(text), "{scenario}: {text:?} is not in:\n{}", ran.stderr);
    }
}

#[test]
fn a_table_made_anew_is_noticed_and_a_lost_column_is_a_failure() {
    let project = Project::tiny();
    let _ = project.sync_and_refresh();
    set(&project, "recreated_table", "");
    let ran = project.sync_and_refresh();
    assert!(ran.stderr.contains("Fivetran made orders anew"), "{}", ran.stderr);

    project.replace("jobs.yaml", "recreated_table", "dropped_column");
    project.kiln(&["sync-and-refresh"]).fails_with(
        3,
        &[
            "what landed is not what `sources` declares: main.shop_public.orders has no column `amount`",
            "Correct `sources`",
        ],
    );
    // The morning over, all is well again.
    project.replace("jobs.yaml", ", scenario: dropped_column", "");
    let _ = project.sync_and_refresh();
}

#[test]
fn what_is_fresh_enough_is_not_synced_and_a_look_never_syncs() {
    let project = Project::tiny();
    project.replace("jobs.yaml", "[{sync: shop}", "[{sync: shop, observe: 6h}");
    project
        .kiln(&["sync-and-refresh"])
        .fails_with(5, &["not fresh: no sync has ever succeeded", "nothing was triggered"]);
    project.replace("jobs.yaml", "observe: 6h", "ensure_fresh: 2h");
    assert!(project.sync_and_refresh().stderr.contains("3 rows in orders"));
    let ran = project.sync_and_refresh();
    assert!(ran.stderr.contains("already fresh: synced at"), "{}", ran.stderr);
    project.replace("jobs.yaml", "ensure_fresh: 2h", "observe: 6h");
    let ran = project.sync_and_refresh();
    assert!(ran.stderr.contains("already fresh: synced at"), "{}", ran.stderr);
    // Paused, but fresh: nothing that was asked for is missing.
    set(&project, "paused", "");
    let _ = project.sync_and_refresh();
    project.replace("jobs.yaml", "observe: 6h", "observe: 1s");
    std::thread::sleep(std::time::Duration::from_millis(1_100));
    project.kiln(&["sync-and-refresh"]).fails_with(5, &["not fresh: the last good sync ended at", "it is paused"]);
}

#[test]
fn the_connection_as_it_was_is_on_record_before_the_trigger() {
    let project = Project::tiny();
    let _ = project.sync_and_refresh();
    let lines = project.read(project.find("events.jsonl").strip_prefix(project.path()).unwrap().to_str().unwrap());
    let at = |wanted: &str| lines.lines().position(|line| line.contains(wanted));
    let baseline = at("\"event\":\"sync_baseline\"").expect("it is there");
    let triggered = at("\"message\":\"triggered\"").expect("it is there");
    assert!(baseline < triggered, "{lines}");
    assert!(lines.contains("\"succeeded_at\":null,\"failed_at\":null,\"state\":\"scheduled\""), "{lines}");
}

#[test]
fn a_connection_that_lands_its_tables_elsewhere_is_not_green() {
    let project = Project::tiny();
    project.replace("jobs.yaml", "{connection: shop, tables", "{connection: shop, catalog: raw, tables");
    project.kiln(&["sync-and-refresh"]).fails_with(
        5,
        &[
            "but there is no table raw.shop_public.orders",
            "destination writes to catalog `main`, and the project looks in `raw`",
        ],
    );
}

#[test]
fn wrong_keys_ids_prefixes_groups_and_tables_are_told_apart() {
    let server = Project::tiny();
    let served = server.serve(&[]);
    let project = Project::tiny();
    project.point_at(&served);
    let run = |secret: &str| {
        let mut command = project.command(&["sync-and-refresh"]);
        command.env("DATABRICKS_TOKEN", &served.token).env("COLUMNS", "400");
        command.env("FIVETRAN_API_KEY", "local").env("FIVETRAN_API_SECRET", secret);
        Ran::from(command.output().expect("kiln can be started"))
    };
    run("wrong").fails_with(6, &["`shop` was not synced", "401 AuthFailed", "Check the Fivetran API key and secret"]);
    let prefix = "    schema_prefix: shop\n";
    project.replace("jobs.yaml", prefix, &format!("    id: nobody_knows\n{prefix}"));
    run(&served.token).fails_with(5, &["404 NotFound_Connector: Connector with id 'nobody_knows' does not exist"]);
    // Of two connections with one prefix the group tells which is meant.
    project.replace("jobs.yaml", "    id: nobody_knows\n", "");
    let (_, group) = served.post("/v1/groups", &json!({"name": "elsewhere"}));
    let twin = json!({"group_id": group["data"]["id"], "service": "google_cloud_postgresql", "config": {"schema_prefix": "shop"}});
    assert_eq!(served.post("/v1/connections", &twin).0, 201);
    run(&served.token).fails_with(
        5,
        &[
            "2 Fivetran connections have the schema prefix `shop`; exactly one is needed",
            "by its `id`, or by its `group`",
        ],
    );
    project.replace("jobs.yaml", prefix, &format!("    group: elsewhere\n{prefix}"));
    run(&served.token).fails_with(5, &["connection `shop`: its setup was never completed"]);
    project.replace("jobs.yaml", "group: elsewhere", "group: nowhere");
    run(&served.token)
        .fails_with(5, &["0 Fivetran connections have the schema prefix `shop`", "let `kiln deploy` make it"]);
    project.replace("jobs.yaml", "group: nowhere", "group: local");
    assert_eq!(run(&served.token).status, 0);
}

#[test]
fn a_table_that_the_source_lacks_is_named_with_those_that_it_has() {
    let project = Project::tiny();
    project.replace("jobs.yaml", FILES, "local: {sample: {customers: 20, seed: 7}}");
    project.replace("jobs.yaml", "{public: [orders]}", "{public: [orders, refunds]}");
    project.replace("jobs.yaml", "{columns: {id: BIGINT, customer: STRING, amount: \"DECIMAL(12,2)\"}}", "");
    project.replace("jobs.yaml", "models:\n  sql: {materialized: table}\n  sql/staging: {materialized: view}\n", "");
    project.replace("jobs.yaml", "{build: sql/**}", "{sync: shop}");
    project.replace("jobs.yaml", "[{sync: shop}, {sync: shop}]", "[{sync: shop}]");
    project.kiln(&["sync-and-refresh"]).fails_with(
        5,
        &["the source has no table `public.refunds`, which the connection is to replicate; it has public.customers"],
    );
}
