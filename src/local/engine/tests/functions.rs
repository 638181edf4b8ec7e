//! The built-in functions of Spark, by name: each is answered, or refused with its name.

use super::*;

/// They are operators and clauses: called as functions, the language does not have them.
const OPERATORS: &[&str] = &["and", "between", "case", "div", "in", "not", "or", "when"];

#[tokio::test]
async fn every_function_of_spark_is_answered_or_refused_by_name() {
    let warehouse = Warehouse::new().await;
    let names = include_str!("../../../../tests/spark/functions.txt");
    let mut wrong = Vec::new();
    for name in names.lines().filter(|name| !OPERATORS.contains(name)) {
        let catalogued = crate::dialect::functions::function(name);
        let arguments = vec!["NULL"; catalogued.map_or(1, |f| f.min_args)].join(", ");
        let tried = warehouse.try_run(&format!("SELECT {name}({arguments})")).await;
        if let Err(error) = tried {
            let refused = error.message.contains("embedded warehouse does not");
            let named = error.message.to_lowercase().contains(name);
            let clear =
                !matches!(error.condition.as_str(), "UNRESOLVED_ROUTINE" | "INTERNAL_ERROR" | "CANNOT_PLAN_QUERY");
            if !clear || refused && !named {
                wrong.push(format!("{name}: {}", error.message));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
