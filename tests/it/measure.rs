//! What the client costs: measurements, to be run alone and read: `cargo test --test it measure -- --ignored --nocapture`.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::StreamExt as _;
use kiln::databricks::{Client, Credentials, Progress, Statement};
use kiln::http::{Options, Pace, base_address};
use kiln::local::{Server, Settings};
use tokio_util::sync::CancellationToken;

use crate::faults::clock::WallClock;

/// Compares statements of the client with the bare requests to the same server.
#[ignore = "measures time, and so runs alone"]
#[tokio::test(flavor = "multi_thread")]
async fn the_overhead_of_a_statement() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(Settings::new(dir.path(), Arc::new(chrono::Utc::now))).await.unwrap();
    let options = Options { pace: Arc::new(Pace::unlimited()), ..Options::new(Arc::new(WallClock)) };
    let credentials = Credentials { host: base_address(&server.url()).unwrap(), token: server.token().clone() };
    let client = Client::new(&credentials, options).unwrap();
    let statement = Statement { read_only: true, ..Statement::new("SELECT 1 AS one", "local".into()) };
    let bare = reqwest::Client::new();
    let url = format!("{}/api/2.0/sql/statements", server.url());
    for width in [1, 16, 64] {
        let count = 40 * width;
        let ours = time(width, count, || async {
            let cancel = CancellationToken::new();
            client.statements().execute(&statement, &cancel, &mut |_: Progress| {}).await.unwrap();
        })
        .await;
        let theirs = time(width, count, || async {
            let body =
                serde_json::json!({"statement": "SELECT 1 AS one", "warehouse_id": "local", "wait_timeout": "10s"});
            let sent = bare.post(&url).bearer_auth(server.token().expose()).json(&body).send().await.unwrap();
            assert!(sent.text().await.unwrap().contains("SUCCEEDED"));
        })
        .await;
        eprintln!("{width} in flight: {ours:?} a statement, {theirs:?} by bare requests");
    }
}

/// Returns the time one takes, of so many with so many at once, after some to warm up.
async fn time<F: Future<Output = ()>>(width: usize, count: usize, run: impl Fn() -> F) -> Duration {
    futures::stream::iter(0..width).for_each_concurrent(width, |_| run()).await;
    let begin = Instant::now();
    futures::stream::iter(0..count).for_each_concurrent(width, |_| run()).await;
    begin.elapsed() / u32::try_from(count).unwrap()
}
