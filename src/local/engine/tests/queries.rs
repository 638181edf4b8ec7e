//! Constructs of queries, beside what the corpus asks: the checker's view of them, and how far they may be driven.

use super::Warehouse;

#[tokio::test]
async fn lambdas_see_their_parameters_and_the_columns_round_them() {
    let w = Warehouse::new().await;
    let rows = w
        .rows(
            "SELECT transform(xs, X -> x + k) AS a, filter(xs, x -> x > 1) AS b, exists(xs, x -> x = k) AS c \
             FROM VALUES (array(1, 2), 2), (array(5), 10) AS t(xs, k)",
        )
        .await;
    assert_eq!(rows, ["[3,4]|[2]|true", "[15]|[5]|false"]);
    let error = w.error("SELECT upper(x -> x)").await;
    assert_eq!(error.condition, "INVALID_LAMBDA_FUNCTION_CALL.NON_HIGHER_ORDER_FUNCTION");
}
