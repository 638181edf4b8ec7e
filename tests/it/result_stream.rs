//! Results behind links: read chunk by chunk, through links that end, break and lead elsewhere, with bounded memory.

use std::sync::Arc;

use kiln::databricks::{Chunk, Client, Credentials, Error, Progress, ResultStream, RowFormat, Statement};
use kiln::http::{Class, Options, RetryPolicy, base_address};
use kiln::secret::Secret;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use wiremock::matchers::{header, method, path};
use wiremock::{Mock, MockServer, Request, ResponseTemplate};

use crate::faults::clock::TestClock;
#[cfg(feature = "local")]
use crate::faults::clock::WallClock;
use crate::faults::scripted::{Act, Scripted};

const STATEMENTS: &str = "/api/2.0/sql/statements";
const SECOND: &str = "/api/2.0/sql/statements/s-1/result/chunks/1";
const SIGNED: &str = "sig=planted%2Bsignature%3D&se=2026-09-02T02%3A15%3A00Z";

fn client(address: &str) -> Client {
    let mut options = Options::new(Arc::new(TestClock::at("2026-09-02T02:00:00Z")));
    options.chance = Arc::new(|| 0.0);
    options.retry = RetryPolicy { max_attempts: 2, ..RetryPolicy::default() };
    let credentials = Credentials { host: base_address(address).unwrap(), token: Secret::new("dapi-hunter22") };
    Client::new(&credentials, options).unwrap()
}

fn link(storage: &str, index: i64, rows: &str, next: Option<i64>, end: &str) -> Value {
    let count = serde_json::from_str::<Vec<Value>>(rows).unwrap().len();
    json!({"external_link": format!("{storage}/planted-path/{index}?{SIGNED}"), "expiration": end, "chunk_index": index,
        "row_offset": index * 2, "row_count": count, "byte_count": rows.len() * 2, "next_chunk_index": next,
        "http_headers": {"x-key": "planted-header"}})
}

const LATER: &str = "2026-09-02T02:15:00Z";
const ROWS: [&str; 2] = [r#"[["1"],[null]]"#, r#"[["3"]]"#];

/// A workspace whose statement has two chunks in a storage.
async fn workspace(storage: &str, first_end: &str) -> MockServer {
    let server = MockServer::start().await;
    let columns = json!([{"name": "n", "position": 0, "type_name": "INT", "type_text": "INT"}]);
    let answer = json!({"statement_id": "s-1", "status": {"state": "SUCCEEDED"},
        "manifest": {"format": "JSON_ARRAY", "schema": {"columns": columns}, "total_row_count": 3, "truncated": false},
        "result": {"external_links": [link(storage, 0, ROWS[0], Some(1), first_end)]}});
    let respond = |body: &Value| {
        ResponseTemplate::new(200).insert_header("date", "Wed, 02 Sep 2026 02:00:00 GMT").set_body_json(body)
    };
    Mock::given(method("POST")).and(path(STATEMENTS)).respond_with(respond(&answer)).mount(&server).await;
    let again = json!({"external_links": [link(storage, 0, ROWS[0], Some(1), LATER)]});
    Mock::given(path("/api/2.0/sql/statements/s-1/result/chunks/0")).respond_with(respond(&again)).mount(&server).await;
    let second = json!({"external_links": [link(storage, 1, ROWS[1], None, LATER)]});
    Mock::given(path(SECOND)).respond_with(respond(&second)).mount(&server).await;
    server
}

async fn open(client: &Client) -> ResultStream<'_> {
    let statement = Statement { read_only: true, ..Statement::new("SELECT n FROM t", "w".into()) };
    let cancel = CancellationToken::new();
    client.statements().stream(&statement, RowFormat::Json, &cancel, &mut |_: Progress| {}).await.unwrap()
}

async fn all(stream: &mut ResultStream<'_>) -> Result<Vec<Chunk>, Error> {
    let mut chunks = Vec::new();
    while let Some(chunk) = stream.next().await? {
        chunks.push(chunk);
    }
    Ok(chunks)
}

fn rows(chunks: &[Chunk]) -> Vec<Option<String>> {
    chunks.iter().flat_map(|chunk| chunk.rows().unwrap()).map(|mut row| row.remove(0)).collect()
}

async fn storage() -> MockServer {
    let storage = MockServer::start().await;
    for (index, rows) in ROWS.iter().enumerate() {
        Mock::given(method("GET"))
            .and(path(format!("/planted-path/{index}")))
            .and(header("x-key", "planted-header"))
            .respond_with(ResponseTemplate::new(200).set_body_raw(*rows, "application/octet-stream"))
            .mount(&storage)
            .await;
    }
    storage
}

#[tokio::test]
async fn chunks_come_in_order_and_the_storage_gets_no_token() {
    let storage = storage().await;
    let server = workspace(&storage.uri(), LATER).await;
    let client = client(&server.uri());
    let mut stream = open(&client).await;
    assert_eq!((stream.total_rows(), stream.columns()[0].name.as_str()), (Some(3), "n"));
    let chunks = all(&mut stream).await.unwrap();
    assert_eq!(rows(&chunks), [Some("1".to_owned()), None, Some("3".to_owned())]);
    assert_eq!(chunks.iter().map(|chunk| chunk.row_offset).collect::<Vec<_>>(), [0, 2]);
    assert!(stream.next().await.unwrap().is_none(), "the end stays the end");
    let asked = storage.received_requests().await.unwrap();
    assert!(asked.iter().all(|request| !request.headers.contains_key("authorization")));
    assert!(asked.iter().all(|request| request.url.query() == Some(SIGNED)), "a signature covers every character");
    let sent: Value = server.received_requests().await.unwrap()[0].body_json().unwrap();
    assert_eq!((&sent["disposition"], &sent["format"]), (&json!("EXTERNAL_LINKS"), &json!("JSON_ARRAY")));
}

#[tokio::test]
async fn a_link_that_has_ended_is_not_followed_and_one_that_is_refused_is_replaced() {
    let storage = storage().await;
    let server = workspace(&storage.uri(), "2026-09-02T02:00:20Z").await;
    assert_eq!(all(&mut open(&client(&server.uri())).await).await.unwrap().len(), 2);
    let asked: Vec<Request> = server.received_requests().await.unwrap();
    assert!(asked[1].url.path().ends_with("/chunks/0"), "another link is asked for, 20 s before the end of the first");

    let refused = MockServer::start().await;
    Mock::given(path("/planted-path/0"))
        .respond_with(ResponseTemplate::new(403).set_body_string("<Error>planted-path is expired</Error>"))
        .up_to_n_times(1)
        .mount(&refused)
        .await;
    for (index, rows) in ROWS.iter().enumerate() {
        let good = ResponseTemplate::new(200).set_body_raw(*rows, "application/octet-stream");
        Mock::given(path(format!("/planted-path/{index}"))).respond_with(good).mount(&refused).await;
    }
    let server = workspace(&refused.uri(), LATER).await;
    assert_eq!(all(&mut open(&client(&server.uri())).await).await.unwrap().len(), 2);
}

#[tokio::test]
async fn links_that_never_work_are_an_error_that_shows_nothing_of_them() {
    let storage = MockServer::start().await;
    let echo = format!("no planted-header for /planted-path/0?{SIGNED}");
    Mock::given(method("GET")).respond_with(ResponseTemplate::new(403).set_body_string(echo)).mount(&storage).await;
    let server = workspace(&storage.uri(), LATER).await;
    let error = all(&mut open(&client(&server.uri())).await).await.unwrap_err();
    let shown = format!("{error} {error:?} {}", error.help());
    assert_eq!(error.class(), Class::Permission);
    assert!(!shown.contains("planted") && shown.contains("/[link]: 403"), "{shown}");
    assert_eq!(storage.received_requests().await.unwrap().len(), 3);
}

#[tokio::test]
async fn a_chunk_that_breaks_is_fetched_again_and_one_that_is_not_whole_is_an_error() {
    let good = |rows: &str| Act::answer("200 OK", "content-type: application/octet-stream\r\n", rows);
    let broken = Act::Send("HTTP/1.1 200 OK\r\ncontent-length: 14\r\n\r\n[[".to_owned());
    let storage = Scripted::start([broken, good(ROWS[0]), good("[]"), good(ROWS[1])]).await;
    let server = workspace(&storage.address(), LATER).await;
    let client = client(&server.uri());
    let mut stream = open(&client).await;
    let first = stream.next().await.unwrap().unwrap();
    let error = stream.next().await.unwrap_err();
    assert_eq!(error.to_string(), "chunk 1 of statement s-1 is not whole: 1 rows were announced, 0 came");
    let second = stream.next().await.unwrap().unwrap();
    assert_eq!(rows(&[first, second]).len(), 3, "nothing is lost, and nothing comes twice");
}

#[cfg(feature = "local")]
#[tokio::test(flavor = "multi_thread")]
async fn the_embedded_workspace_streams_its_results_in_both_forms() {
    use datafusion::arrow::ipc::reader::StreamReader;
    use kiln::local::{Server, Settings};

    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(Settings::new(dir.path(), Arc::new(chrono::Utc::now))).await.unwrap();
    let credentials = Credentials { host: base_address(&server.url()).unwrap(), token: server.token().clone() };
    let client = Client::new(&credentials, Options::new(Arc::new(WallClock))).unwrap();
    let sql = "SELECT id, CAST(id AS STRING) || 'é' AS name, CAST(id AS DECIMAL(30,2)) AS amount FROM range(0, 300000)";
    let statement = Statement { read_only: true, ..Statement::new(sql, "local".into()) };
    for format in [RowFormat::Json, RowFormat::Arrow] {
        let cancel = CancellationToken::new();
        let mut stream = client.statements().stream(&statement, format, &cancel, &mut |_: Progress| {}).await.unwrap();
        assert_eq!(stream.columns()[2].type_text, "DECIMAL(30,2)");
        let (mut rows, mut chunks) = (0, 0);
        while let Some(chunk) = stream.next().await.unwrap() {
            assert_eq!(chunk.row_offset, i64::try_from(rows).unwrap());
            rows += match format {
                RowFormat::Json => chunk.rows().unwrap().len(),
                RowFormat::Arrow => StreamReader::try_new(chunk.bytes.as_slice(), None)
                    .unwrap()
                    .map(|batch| batch.unwrap().num_rows())
                    .sum(),
            };
            chunks += 1;
        }
        assert_eq!(rows, 300_000, "in {chunks} chunks");
    }
}

/// Takes a gigabyte through loopback; the peak counts for the whole process, so it runs alone:
/// `cargo test --test it a_gigabyte -- --ignored`.
#[cfg(target_os = "linux")]
#[ignore = "measures the memory of the process, and so runs alone"]
#[tokio::test(flavor = "multi_thread")]
async fn a_gigabyte_is_read_with_bounded_memory() {
    const CHUNK: usize = 16 << 20;
    const CHUNKS: i64 = 64;
    let body = format!("[[\"{}\"]]", "x".repeat(CHUNK));
    let storage = Scripted::start([Act::answer("200 OK", "content-type: application/octet-stream\r\n", &body)]).await;
    drop(body);
    let server = MockServer::start().await;
    let address = storage.address();
    let one = move |index: i64| {
        let next = (index + 1 < CHUNKS).then_some(index + 1);
        json!({"external_link": format!("{address}/{index}"), "chunk_index": index, "row_offset": index, "row_count": 1,
            "next_chunk_index": next})
    };
    let answer = json!({"statement_id": "s-1", "status": {"state": "SUCCEEDED"}, "manifest": {"total_row_count": CHUNKS},
        "result": {"external_links": [one(0)]}});
    Mock::given(method("POST")).respond_with(ResponseTemplate::new(200).set_body_json(answer)).mount(&server).await;
    Mock::given(method("GET"))
        .respond_with(move |request: &Request| {
            let index = request.url.path().rsplit('/').next().unwrap().parse().unwrap();
            ResponseTemplate::new(200).set_body_json(json!({"external_links": [one(index)]}))
        })
        .mount(&server)
        .await;
    let client = client(&server.uri());
    let mut stream = open(&client).await;
    let (begin, mut bytes) = (std::time::Instant::now(), 0);
    while let Some(chunk) = stream.next().await.unwrap() {
        bytes += chunk.bytes.len();
    }
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap().trim().trim_end_matches(" kB");
    let peak: usize = peak.parse().unwrap();
    eprintln!("{} MiB in {:.1} s, peak {} MiB", bytes >> 20, begin.elapsed().as_secs_f64(), peak >> 10);
    assert!(bytes > 1 << 30);
    assert!(peak < 200 << 10, "the peak is {peak} KiB");
}
