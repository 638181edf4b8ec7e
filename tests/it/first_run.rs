//! The main job as a newcomer runs it: the repository's own project, on nothing but this machine.

use std::collections::HashSet;

use crate::support::Project;

#[test]
fn the_first_run_syncs_builds_publishes_and_shows_the_answer() {
    let project = Project::flagship(400);
    let ran = project.sync_and_refresh();
    for step in ["sync shop", "build purchases", "build cohort_retention", "publish retention", "query retention"] {
        assert!(ran.stderr.contains(&format!("✓ {step}")), "{step} is not in:\n{}", ran.stderr);
    }
    assert!(
        ran.stdout.contains("Median time to second purchase  ") && ran.stdout.contains(" days\n"),
        "{}",
        ran.stdout
    );
    assert!(ran.stdout.contains("Cohort   Periods since first purchase"), "{}", ran.stdout);
    let page = std::fs::read_to_string(project.path().join(".kiln/pages/retention.html")).unwrap();
    assert!(page.contains("<title>"), "the page is HTML");
    assert!(!ran.stderr.contains('\u{1b}'), "piped output has no terminal codes");
}

#[test]
fn a_later_run_brings_news() {
    let project = Project::flagship(400);
    let orders = |project: &Project| {
        let commits = project.snapshot();
        commits.keys().filter(|p| p.to_string_lossy().contains("shop_public/orders/_delta_log")).count()
    };
    let _ = project.sync_and_refresh();
    let first = orders(&project);
    let _ = project.sync_and_refresh();
    assert!(orders(&project) > first, "the second sync commits new orders");
}

#[test]
fn json_output_is_one_event_a_line_from_start_to_end() {
    let project = Project::tiny();
    let ran = project.kiln(&["sync-and-refresh", "--output", "json"]);
    assert_eq!(ran.status, 0, "{}", ran.stderr);
    let events: Vec<serde_json::Value> = ran.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let kinds: Vec<&str> = events.iter().filter_map(|e| e["event"].as_str()).collect();
    assert_eq!(kinds.first(), Some(&"run_started"));
    assert_eq!(kinds.last(), Some(&"run_finished"));
    let finished: Vec<&str> =
        events.iter().filter(|e| e["event"] == "step_finished").filter_map(|e| e["step"].as_str()).collect();
    assert_eq!(finished.iter().collect::<HashSet<_>>().len(), 5, "each step ends exactly once: {finished:?}");
    let recorded = std::fs::read_to_string(project.find("events.jsonl")).unwrap();
    assert_eq!(recorded, ran.stdout, "what is recorded is what was reported");
}

#[test]
fn the_same_commands_reach_a_server_in_another_process() {
    let project = Project::tiny();
    let server = Project::tiny();
    let served = server.serve(&[]);
    project.point_at(&served);
    let ran = project
        .command(&["sync-and-refresh"])
        .env("DATABRICKS_TOKEN", &served.token)
        .env("FIVETRAN_API_KEY", "local")
        .env("FIVETRAN_API_SECRET", &served.token)
        .output()
        .unwrap();
    let ran = crate::support::Ran::from(ran);
    assert_eq!(ran.status, 0, "{}", ran.stderr);
    assert!(!project.path().join(".kiln/local").exists(), "nothing was done here");
    assert!(!server.snapshot().is_empty(), "all was done there");
    for text in [&ran.stdout, &ran.stderr, &std::fs::read_to_string(project.find("events.jsonl")).unwrap()] {
        assert!(!text.contains(&served.token), "the token is nowhere to be seen");
    }
    assert_eq!(served.terminate(), 0, "SIGTERM ends the server cleanly");
}

#[test]
fn a_wrong_token_is_refused_with_the_way_to_a_right_one() {
    let project = Project::tiny();
    let server = Project::tiny();
    let served = server.serve(&[]);
    project.point_at(&served);
    let ran = project
        .command(&["sync-and-refresh"])
        .env("DATABRICKS_TOKEN", "dapi-planted-secret")
        .env("FIVETRAN_API_KEY", "local")
        .env("FIVETRAN_API_SECRET", "planted-secret-too")
        .output()
        .unwrap();
    let ran = crate::support::Ran::from(ran);
    ran.fails_with(6, &["DATABRICKS_TOKEN"]);
    assert!(!ran.stderr.contains("planted-secret"), "{}", ran.stderr);
}

#[test]
fn a_new_project_runs_at_once_and_nothing_is_written_over() {
    let folder = Project::empty();
    let made = folder.kiln(&["init", "My Shop 2"]);
    assert_eq!(made.status, 0, "{}", made.stderr);
    assert!(made.stderr.contains("made the project `my-shop-2`"), "{}", made.stderr);
    for args in [["check", "--project", "My Shop 2"], ["sync-and-refresh", "--project", "My Shop 2"]] {
        let ran = folder.kiln(&args);
        assert_eq!(ran.status, 0, "{args:?}: {}{}", ran.stdout, ran.stderr);
        assert!(!ran.stderr.contains("warning"), "{}", ran.stderr);
    }
    folder.kiln(&["init", "My Shop 2"]).fails_with(2, &["jobs.yaml is there already"]);
}

#[test]
fn a_service_principal_runs_the_job_and_its_secret_is_nowhere_at_the_highest_log_level() {
    let project = Project::tiny();
    let server = Project::tiny();
    let served = server.serve_with_token("planted-client-secret");
    project.point_at(&served);
    let ran = project
        .command(&["-vv", "sync-and-refresh"])
        .env("KILN_LOG", "trace")
        .env("DATABRICKS_CLIENT_ID", "local")
        .env("DATABRICKS_CLIENT_SECRET", &served.token)
        .env("FIVETRAN_API_KEY", "local")
        .env("FIVETRAN_API_SECRET", &served.token)
        .output()
        .unwrap();
    let ran = crate::support::Ran::from(ran);
    assert_eq!(ran.status, 0, "{}", ran.stderr);
    assert!(ran.stderr.contains("DEBUG"), "the log tells all that it can");
    // base64 of local:planted-client-secret, from where on it is the same whatever stands before
    for planted in
        ["planted-client-secret", "cGxhbnRlZC1jbGllbnQtc2VjcmV0", "bG9jYWw6cGxhbnRlZC1jbGllbnQtc2VjcmV0", "Bearer "]
    {
        for text in [&ran.stdout, &ran.stderr] {
            let line = text.lines().find(|line| line.contains(planted));
            assert_eq!(line, None, "{planted}");
        }
        for file in project.files() {
            let bytes = std::fs::read(&file).unwrap();
            assert!(!String::from_utf8_lossy(&bytes).contains(planted), "{planted} is in {}", file.display());
        }
    }
    let requests = served.requests();
    let count = |path: &str| requests.iter().filter(|request| request["path"] == path).count();
    assert_eq!(count("/oidc/v1/token"), 1, "one login for the whole run");
    assert!(requests.iter().all(|request| request["status"] != 401), "{requests:?}");
}
