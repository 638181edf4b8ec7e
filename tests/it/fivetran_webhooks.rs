//! Deliveries of webhooks, through the binary: one that is signed and new stands for the sync, and everything else is
//! refused, or ends as stale with its reason.

use std::io::Write as _;
use std::process::Stdio;

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::{Value, json};
use sha2::Sha256;

use crate::support::killer::{Killer, Moment};
use crate::support::{Project, Ran, Served, command_at};

const SECRET: &str = "the-webhook-secret";

/// A small project against a served workspace whose connection `shop` has synced once.
struct Bench {
    served: Served,
    project: Project,
    connection: String,
    succeeded_at: DateTime<Utc>,
    _server: Project,
}

impl Bench {
    fn synced() -> Self {
        let server = Project::tiny();
        let served = server.serve(&[]);
        let project = Project::tiny();
        project.point_at(&served);
        let first = served.get("/v1/connections").1["data"]["items"][0].clone();
        let connection = first["id"].as_str().unwrap().to_owned();
        assert_eq!(served.post(&format!("/v1/connections/{connection}/sync"), &json!({"force": false})).0, 200);
        let succeeded_at = loop {
            let now = served.get(&format!("/v1/connections/{connection}")).1["data"].clone();
            assert!(now["failed_at"].is_null(), "{now}");
            if let Some(at) = now["succeeded_at"].as_str() {
                break at.parse().unwrap();
            }
        };
        Self { served, project, connection, succeeded_at, _server: server }
    }

    /// A delivery that tells of the sync's end.
    fn delivery(&self, status: &str) -> Value {
        json!({"event": "sync_end", "created": time(self.succeeded_at), "connector_type": "google_cloud_postgresql",
            "connector_id": self.connection, "connector_name": "shop", "sync_id": "b4703f73-6315-4e22-8d7a-3bfb18b2fed2",
            "destination_group_id": "projected_sickle", "data": {"status": status}})
    }

    fn run(&self, body: &str, signature: &str, stdin: bool) -> Ran {
        self.project.write("body.json", body);
        let from = if stdin { "-" } else { "body.json" };
        let mut command = command_at(
            &self.project,
            &self.served,
            &["sync-and-refresh", "--webhook", from, "--webhook-signature", signature],
        );
        command.env("FIVETRAN_WEBHOOK_SECRET", SECRET).env("COLUMNS", "400");
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("kiln can be started");
        let mut input = child.stdin.take().expect("it is piped");
        if stdin {
            input.write_all(body.as_bytes()).expect("it reads");
        }
        drop(input);
        Ran::from(child.wait_with_output().expect("it ends"))
    }

    /// Delivers it as Fivetran would.
    fn deliver(&self, delivery: &Value) -> Ran {
        let body = delivery.to_string();
        self.run(&body, &sign(&body), false)
    }

    fn triggers(&self) -> usize {
        let is = |request: &&Value| {
            request["method"] == "POST" && request["path"].as_str().is_some_and(|path| path.ends_with("/sync"))
        };
        self.served.requests().iter().filter(is).count()
    }
}

fn time(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Millis, true)
}

fn sign(body: &str) -> String {
    let mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).unwrap().chain_update(body.as_bytes());
    mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn a_success_that_was_delivered_stands_for_the_sync_and_once_more_changes_nothing() {
    let bench = Bench::synced();
    let body = bench.delivery("SUCCESSFUL").to_string();
    let ran = bench.run(&body, &sign(&body).to_uppercase(), true);
    assert_eq!(ran.status, 0, "{}{}", ran.stdout, ran.stderr);
    assert!(ran.stderr.contains("as the webhook told"), "{}", ran.stderr);
    assert_eq!(bench.triggers(), 1, "the one by hand");
    assert_eq!(bench.served.sql("SELECT count(*) FROM main.tiny.totals"), json!([["2"]]));
    let version = bench.served.version("main.tiny.totals");

    // The same delivery again, from a file to which a shell added a line's end.
    let ran = bench.run(&format!("{body}\n"), &sign(&body), false);
    assert_eq!(ran.status, 0, "{}{}", ran.stdout, ran.stderr);
    assert_eq!((bench.triggers(), bench.served.version("main.tiny.totals")), (1, version), "nothing was done twice");
    let events = bench.project.files().into_iter().filter(|file| file.ends_with("events.jsonl"));
    let told = events.filter(|file| std::fs::read_to_string(file).unwrap().contains("\"event\":\"sync_delivered\""));
    assert_eq!(told.count(), 2, "what was told is on record");
    // Its secret is not.
    for file in bench.project.files() {
        let bytes = std::fs::read(&file).unwrap();
        assert!(!bytes.windows(SECRET.len()).any(|window| window == SECRET.as_bytes()), "{}", file.display());
    }
}

#[test]
fn a_failure_that_was_delivered_ends_as_stale_with_its_reason() {
    let bench = Bench::synced();
    for (status, reason, texts) in [
        (
            "FAILURE_WITH_TASK",
            Some("FATAL: too many connections for role"),
            &["failed at", "FATAL: too many connections"][..],
        ),
        ("CANCELED", None, &["somebody cancelled it"]),
        ("RESCHEDULED", Some("Rescheduled for 2026-09-02T03:07:00.000Z"), &["rescheduled by Fivetran"]),
        ("LEVITATING", None, &["it ended as LEVITATING"]),
    ] {
        let mut delivery = bench.delivery(status);
        // Later than the last success, which so does not make up for it.
        delivery["created"] = json!(time(bench.succeeded_at + TimeDelta::seconds(5)));
        if let Some(reason) = reason {
            delivery["data"]["reason"] = json!(reason);
        }
        let ran = bench.deliver(&delivery);
        ran.fails_with(5, texts);
        assert!(ran.stderr.contains("- build stg_orders"), "what depends on it is skipped:\n{}", ran.stderr);
    }
    // What failed before the last success was made good by it.
    let mut delivery = bench.delivery("FAILURE");
    delivery["created"] = json!(time(bench.succeeded_at - TimeDelta::seconds(60)));
    assert_eq!(bench.deliver(&delivery).status, 0);
    assert_eq!(bench.triggers(), 1);
}

#[test]
fn what_is_older_than_asked_or_not_shown_by_fivetran_does_not_stand_for_fresh_data() {
    let bench = Bench::synced();
    let mut old = bench.delivery("SUCCESSFUL");
    old["created"] = json!(time(bench.succeeded_at - TimeDelta::days(21) - TimeDelta::minutes(1)));
    bench.deliver(&old).fails_with(
        5,
        &["does not stand for fresh data: its sync ended at", "21 days ago, and at most 24 hours count as new"],
    );
    // Where only an age is asked for, it is the data's that counts, whoever brought them.
    bench.project.replace("jobs.yaml", "{sync: shop}", "{sync: shop, ensure_fresh: 2h}");
    let ran = bench.deliver(&old);
    assert_eq!(ran.status, 0, "{}", ran.stderr);
    assert!(ran.stderr.contains("already fresh"), "{}", ran.stderr);
    bench.project.replace("jobs.yaml", "ensure_fresh: 2h", "deadline: 3s");
    let mut ahead = bench.delivery("SUCCESSFUL");
    ahead["created"] = json!(time(bench.succeeded_at + TimeDelta::hours(2)));
    bench.deliver(&ahead).fails_with(5, &["which Fivetran does not show: the last good one there ended at"]);
    assert_eq!(bench.triggers(), 1);
}

#[test]
fn what_is_not_ours_is_refused_before_anything_is_asked() {
    let bench = Bench::synced();
    let before = bench.served.requests().len();
    let good = bench.delivery("SUCCESSFUL").to_string();
    let refused = |body: &str, signature: &str, texts: &[&str]| bench.run(body, signature, false).fails_with(2, texts);
    let other = good.replace("SUCCESSFUL", "SUCCESSFUl");
    refused(
        &other,
        &sign(&good),
        &["the webhook was refused: the signature is not that of this body", "do not use it"],
    );
    refused(&good, &sign("other"), &["the signature is not that of this body with this secret"]);
    refused(&good, "abc", &["the signature is not 64 hexadecimal digits", "X-Fivetran-Signature-256"]);
    let event = good.replace("sync_end", "sync_start");
    refused(&event, &sign(&event), &["tells of `sync_start`, not of the end of a sync"]);
    let stranger = good.replace("\"shop\"", "\"crm\"");
    refused(&stranger, &sign(&stranger), &["(`crm`), which the job does not sync", "It syncs shop."]);
    for broken in ["", "{", "[]", "{\"event\":\"sync_end\"}", "null"] {
        refused(broken, &sign(broken), &["the body is signed rightly, and is no delivery of Fivetran's"]);
    }
    bench
        .project
        .kiln(&["sync-and-refresh", "--webhook", "body.json", "--webhook-signature", "ab"])
        .fails_with(2, &["a webhook counts only with its secret", "FIVETRAN_WEBHOOK_SECRET"]);
    bench.project.kiln(&["sync-and-refresh", "--webhook", "body.json"]).fails_with(2, &["--webhook-signature"]);
    assert_eq!(bench.served.requests().len(), before);

    // Of the same schema, in another group: only Fivetran's ids tell them apart.
    let mut twin = bench.delivery("SUCCESSFUL");
    twin["connector_id"] = json!("other_marble");
    bench.deliver(&twin).fails_with(5, &["and the webhook tells of other_marble: nothing was triggered"]);
    assert_eq!(bench.triggers(), 1);
}

#[test]
fn a_run_that_was_killed_after_it_took_a_delivery_goes_on_without_a_sync() {
    let bench = Bench::synced();
    let killer = Killer::before(&bench.served);
    let body = bench.delivery("SUCCESSFUL").to_string();
    bench.project.replace("jobs.yaml", &bench.served.url, &killer.url);
    bench.project.write("body.json", &body);
    let signature = sign(&body);
    let args = ["sync-and-refresh", "--webhook", "body.json", "--webhook-signature", &signature];
    let secret = [("FIVETRAN_WEBHOOK_SECRET", SECRET)];
    // The first request after what was told is on record.
    let took = (1..100).any(|n| {
        let (ran, _) = killer.run_with(&bench.project, &bench.served.token, &args, &secret, Some((n, Moment::Before)));
        assert_ne!(ran.status, 0, "it was not killed:\n{}", ran.stderr);
        let mut runs: Vec<_> = bench.project.files().into_iter().filter(|f| f.ends_with("events.jsonl")).collect();
        runs.sort();
        runs.last().is_some_and(|last| std::fs::read_to_string(last).unwrap().contains("\"event\":\"sync_delivered\""))
    });
    assert!(took);
    let (ran, _) = killer.run_with(&bench.project, &bench.served.token, &["resume"], &[], None);
    assert_eq!(ran.status, 0, "{}{}", ran.stdout, ran.stderr);
    assert!(ran.stderr.contains("as the webhook told"), "{}", ran.stderr);
    assert_eq!(bench.triggers(), 1, "the one by hand");
}
