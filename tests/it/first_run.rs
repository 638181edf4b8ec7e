//! The main job as a newcomer runs it: the repository's own project, on nothing but this machine.

use std::collections::HashSet;

use crate::support::Project;
use crate::tables::Tables;

#[test]
fn the_first_run_syncs_builds_publishes_and_shows_the_answer() {
    let project = Project::flagship(400);
    let ran = project.sync_and_refresh();
    for step in ["sync shop", "build purchases", "build cohort_retention", "publish retention", "query retention"] {
        assert!(ran.stderr.contains(&format!("✓ {step}")), "{step} is not in:\n{}", ran.stderr);
    }
    assert!(
        ran.stdout.contains("Median time, of those back within a year  ") && ran.stdout.contains(" days\n"),
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

/// Returns the cells of a table of the page, row by row.
fn table(html: &str, title: &str) -> Vec<Vec<String>> {
    let (_, tile) = html.split_once(&format!("aria-label=\"{title}\"")).expect("the table is on the page");
    let (_, body) = tile.split_once("<tbody>").expect("it has rows");
    let (body, _) = body.split_once("</tbody>").expect("they end");
    let cell = |cell: &str| cell.split_once('>').expect("a cell begins").1.trim_end_matches("</td>").to_owned();
    body.split("</tr>")
        .map(|row| row.split("<td").skip(1).map(cell).collect())
        .filter(|row: &Vec<_>| !row.is_empty())
        .collect()
}

#[test]
fn the_page_tells_how_fresh_its_figures_are_and_what_was_tested_from_the_first_run_on() {
    let project = Project::flagship(300);
    let ran = project.sync_and_refresh();
    // Nobody had run before, and the run itself is on its page: all that it had done when the page was asked for.
    let page = std::fs::read_to_string(project.path().join(".kiln/pages/retention.html")).unwrap();
    let runs = table(&page, "Runs");
    let told = |row: &[String]| row[1..8].join(" | ");
    let tables = Tables::open(&project, "", "retention");
    let count =
        |what: &str, filter: &str| tables.rows(&format!("SELECT {what} FROM _kiln_runs WHERE {filter}"))[0].clone();
    let (builds, passed) = (count("count(*)", "kind = 'build'"), count("sum(tests_passed)", "true"));
    let before_the_page = count("count(*)", "kind <> 'query'");
    assert_eq!(
        runs.iter().map(|row| told(row)).collect::<Vec<_>>(),
        [format!("sync-and-refresh retention | not ended | {before_the_page} | 0 | {passed} | 0 | 0")]
    );
    assert_eq!(builds.parse::<usize>().unwrap(), ran.stderr.matches("✓ build ").count());
    let tests = table(&page, "Tests, model by model");
    assert!(tests.len() > 10 && tests.iter().all(|row| row[1] == "passed"), "{tests:?}");
    let models = tests.iter().map(|row| row[2].parse::<u64>().unwrap()).sum::<u64>();
    assert_eq!(models.to_string(), passed);
    // As far as the sources reach, by the sources themselves.
    let newest = tables
        .rows("SELECT 'orders', count(*), date_format(max(ordered_at), 'yyyy-MM-dd HH:mm') FROM shop_public.orders");
    let orders = table(&page, "Source tables").into_iter().find(|row| row[0] == "orders").expect("it is told");
    assert_eq!(format!("{} {} {}", orders[0], orders[1].replace(',', ""), orders[3]), newest[0]);
    // What the workspace keeps of the run is how it ended, each step once.
    assert_eq!(count("count(*)", "run_result <> 'succeeded'"), "0");
    assert_eq!(count("count(*) - count(DISTINCT step)", "true"), "0");
    tables.close();

    project.replace(
        "jobs.yaml",
        "    tests: [{unique: [cohort_month, months_since, channel, country, first_category]}]",
        "    tests: [{expression: \"cohort_size < 0\"}, {expression: \"revenue >= 0\"}]",
    );
    let failed = project.kiln(&["sync-and-refresh"]);
    failed.fails_with(4, &["cohort_size < 0"]);
    let data_page = || {
        let ran = project.kiln(&["dashboard", "preview", "--export", "data.html", "--page", "Data"]);
        assert_eq!(ran.status, 0, "{}", ran.stderr);
        std::fs::read_to_string(project.path().join("data.html")).unwrap()
    };
    let page = data_page();
    let tests = table(&page, "Tests, model by model");
    let value = tests.iter().find(|row| row[0] == "cohort_value").expect("it was tested");
    assert_eq!(value[1..5], ["failed: the older rows stay", "2", "0", "1"], "its row count and its revenue are right");
    // The job is all or nothing: what was published beside it went back, views with the tables that they read, and nothing
    // else did.
    let lines = |begin: &str| failed.stderr.lines().filter(|line| line.starts_with(begin)).collect::<Vec<_>>();
    let is_view = |line: &&&str| line.contains(" view, ");
    let (restored, views) = (lines("✓ restore "), lines("✓ build ").iter().filter(is_view).count());
    let went_back = |model: &str| {
        let of_model = |line: &&str| line.split_whitespace().nth(2) == Some(model);
        restored.iter().any(of_model) || lines("✓ build ").iter().filter(is_view).any(of_model)
    };
    let back = restored.len() + views;
    assert!(restored.len() > 5 && views > 0, "{}", failed.stderr);
    for row in tests.iter().filter(|row| row[0] != "cohort_value") {
        assert_eq!(row[1], if went_back(&row[0]) { "put back to older rows" } else { "passed" }, "{row:?}");
    }
    let runs = table(&page, "Runs");
    let ends: Vec<&str> = runs.iter().map(|run| run[2].as_str()).collect();
    assert_eq!(ends, ["succeeded", "tests failed", "succeeded"], "the newest put back what the failed one had changed");
    let older = back + 1;
    // In red.
    let counter = format!("<p class=\"value\" title=\"{older}\" style=\"color:light-dark(#C8321F,");
    assert!(page.contains(&counter), "{older} models show older rows: {}", failed.stderr);

    // Whoever rolls the rollback back sees what the failed run had published.
    let again = project.kiln(&["rollback"]);
    assert_eq!(again.status, 0, "{}", again.stderr);
    let tests = table(&data_page(), "Tests, model by model");
    assert!(tests.iter().filter(|row| row[0] != "cohort_value").all(|row| row[1] == "passed"), "{tests:?}");
}
