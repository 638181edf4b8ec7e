//! Results behind links: EXTERNAL_LINKS in all three formats, from small ones to one that no answer could hold.

use datafusion::arrow::array::{AsArray, RecordBatch};
use datafusion::arrow::datatypes::{DataType, Decimal128Type, Int64Type};
use datafusion::arrow::ipc::reader::StreamReader;

use super::*;

const TYPED: &str = "SELECT * FROM VALUES (1L, 1.50, 'a,b', DATE'2024-02-29', true), (2L, NULL, NULL, NULL, false) \
                     AS t(id, price, name, day, yes) ORDER BY id";

/// Follows a link without credentials.
async fn follow(local: &Local, link: &Value) -> Vec<u8> {
    let response = local.http.get(link["external_link"].as_str().unwrap()).send().await.unwrap();
    assert_eq!(response.status(), 200, "{link}");
    response.bytes().await.unwrap().to_vec()
}

/// The links of all chunks, in order.
async fn links(local: &Local, answer: &Value) -> Vec<Value> {
    let mut found = vec![answer["result"]["external_links"][0].clone()];
    while let Some(next) = found.last().unwrap()["next_chunk_internal_link"].as_str() {
        let chunk = local.ok(Method::GET, next, Value::Null).await;
        found.push(chunk["external_links"][0].clone());
    }
    found
}

fn batches(bytes: &[u8]) -> Vec<RecordBatch> {
    StreamReader::try_new(bytes, None).unwrap().map(Result::unwrap).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_result_is_fetched_by_its_link_in_each_format() {
    let local = Local::start().await;
    let linked = |format: &str| json!({"disposition": "EXTERNAL_LINKS", "format": format});

    let answer = local.submit(TYPED, linked("JSON_ARRAY")).await;
    assert_eq!(answer["manifest"]["format"], "JSON_ARRAY");
    assert_eq!(answer["manifest"]["total_row_count"], 2);
    assert_eq!(answer["result"]["data_array"], Value::Null);
    let link = &answer["result"]["external_links"][0];
    assert_eq!(link["expiration"], "2026-03-01T08:15:00.000Z");
    let rows: Value = serde_json::from_slice(&follow(&local, link).await).unwrap();
    assert_eq!(rows, local.submit(TYPED, json!({})).await["result"]["data_array"]);

    let answer = local.submit(TYPED, linked("CSV")).await;
    let text = String::from_utf8(follow(&local, &answer["result"]["external_links"][0]).await).unwrap();
    assert_eq!(text, "id,price,name,day,yes\n1,1.50,\"a,b\",2024-02-29,true\n2,null,null,null,false\n");

    let answer = local.submit(TYPED, linked("ARROW_STREAM")).await;
    let bytes = follow(&local, &answer["result"]["external_links"][0]).await;
    assert_eq!(answer["manifest"]["total_byte_count"], bytes.len());
    let batch = &batches(&bytes)[0];
    let types: Vec<_> = batch.schema().fields().iter().map(|field| field.data_type().clone()).collect();
    assert_eq!(
        types,
        [DataType::Int64, DataType::Decimal128(3, 2), DataType::Utf8, DataType::Date32, DataType::Boolean]
    );
    assert_eq!(batch.column(0).as_primitive::<Int64Type>().values(), &[1, 2]);
    assert_eq!(batch.column(1).as_primitive::<Decimal128Type>().value(0), 150);
    assert!(batch.column(2).is_null(1));

    // What makes no query of the engine's, and what has no rows.
    let answer = local.submit("SHOW SCHEMAS", linked("ARROW_STREAM")).await;
    let batch = &batches(&follow(&local, &answer["result"]["external_links"][0]).await)[0];
    assert!(batch.column(0).as_string::<i32>().iter().any(|name| name == Some("default")));
    let answer = local.submit("SELECT 1 AS x WHERE false", linked("ARROW_STREAM")).await;
    assert_eq!((&answer["result"], &answer["manifest"]["total_chunk_count"]), (&json!({}), &json!(0)));
    let answer = local.submit("CREATE SCHEMA s", linked("JSON_ARRAY")).await;
    assert_eq!((&answer["status"]["state"], &answer["result"]), (&json!("SUCCEEDED"), &json!({})));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_result_too_large_for_answers_comes_in_several_links() {
    let local = Local::start().await;
    // 100,000 rows of some 400 bytes: 40 MB, where answers hold 25 MiB.
    let sql = over_numbers(5, "SELECT id, repeat('x', 400) AS wide FROM numbers");
    let answer = local.submit(&sql, json!({})).await;
    assert_eq!(answer["status"]["state"], "FAILED");
    assert!(answer["status"]["error"]["message"].as_str().unwrap().contains("EXTERNAL_LINKS"), "{answer}");

    let answer = local.submit(&sql, json!({"disposition": "EXTERNAL_LINKS", "format": "ARROW_STREAM"})).await;
    assert_eq!(answer["manifest"]["total_row_count"], 100_000);
    let (mut count, mut sum) = (0, 0);
    let links = links(&local, &answer).await;
    assert!(links.len() > 3 && answer["manifest"]["total_chunk_count"] == links.len(), "{}", links.len());
    for link in links {
        assert_eq!(link["row_offset"], count);
        for batch in batches(&follow(&local, &link).await) {
            count += batch.num_rows();
            sum += batch.column(0).as_primitive::<Int64Type>().values().iter().sum::<i64>();
        }
    }
    assert_eq!((count, sum), (100_000, 99_999 * 100_000 / 2));

    let scratch = local.dir.path().join("workspace/tables/.scratch");
    let files = || {
        let names = std::fs::read_dir(&scratch).unwrap().map(|entry| entry.unwrap().path());
        names.filter(|path| path.extension().is_some_and(|extension| extension == "arrows")).count()
    };
    assert!(files() > 0);
    local.ok(Method::DELETE, &statement_path(&answer["statement_id"]), Value::Null).await;
    assert_eq!(files(), 0, "a closed statement leaves no file");

    let limits = json!({"disposition": "EXTERNAL_LINKS", "row_limit": 7});
    let answer = local.submit(&sql, limits).await;
    assert_eq!((&answer["manifest"]["total_row_count"], &answer["manifest"]["truncated"]), (&json!(7), &json!(true)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_is_for_who_was_given_it_and_for_a_quarter_of_an_hour() {
    let local = Local::start().await;
    let answer = local.submit("SELECT 1", json!({"disposition": "EXTERNAL_LINKS"})).await;
    let link = answer["result"]["external_links"][0]["external_link"].as_str().unwrap();
    let status = async |address: &str| local.http.get(address).send().await.unwrap().status().as_u16();
    assert_eq!(status(link).await, 200);
    assert_eq!(status(&link.replace("signature=", "signature=0")).await, 403);
    assert_eq!(status(&link.replace("expires=1", "expires=2")).await, 403);
    assert_eq!(status(&link.replace("/0?", "/1?")).await, 403);
    assert_eq!(status(&link.replace("/0?", "/first?")).await, 400);
    let twice = local.http.get(link).bearer_auth(local.server.token().expose()).send().await.unwrap();
    assert_eq!(twice.status(), 400, "a token does not belong into a request to a link");

    local.advance(TimeDelta::minutes(15));
    assert_eq!(status(link).await, 403);
    let chunk = format!("{}/result/chunks/0", statement_path(&answer["statement_id"]));
    let again = local.ok(Method::GET, &chunk, Value::Null).await;
    assert_eq!(status(again["external_links"][0]["external_link"].as_str().unwrap()).await, 200);
}
