//! Tests of what datasets offer and widgets ask: on real files, and on small ones with one mistake each.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::tests::{corpus, dash, listed};
use super::*;
use crate::analysis::{Column, Relation};
use crate::diag::{Diagnostics, Severity};

/// All that is wrong with a dashboard, over tables of which nothing is known.
fn all_problems(dash: &LvDash) -> Diagnostics {
    let shorter = |parts: &[String]| (parts.len() == 3 && parts[0] != "system").then(|| parts[2].clone());
    let tables = Tables { relation: &|_| Some(Relation::Unknown), known: &[], shorter: &shorter };
    let mut problems = dash.check();
    problems.extend(resolve(dash, &tables).problems);
    problems
}

#[test]
fn real_files_have_exactly_the_defects_that_they_have() {
    let files = corpus();
    if files.is_empty() {
        return;
    }
    let mut counts: BTreeMap<(Severity, &str), (usize, Vec<String>)> = BTreeMap::new();
    for file in &files {
        let name = file.path.display().to_string();
        let project = name.split("__").next().unwrap().to_owned();
        for problem in all_problems(&LvDash::parse(file).unwrap()).iter() {
            let place = problem.primary.as_ref().unwrap().0.line_column();
            println!("{} {} {name}:{}:{} {}", problem.severity, problem.code, place.0, place.1, problem.message);
            let entry = counts.entry((problem.severity, problem.code)).or_default();
            entry.0 += 1;
            entry.1.push(project.clone());
        }
    }
    let shown: Vec<String> = counts
        .into_iter()
        .map(|((severity, code), (count, mut projects))| {
            projects.sort();
            projects.dedup();
            format!("{severity} {code}: {count} in {}", projects.join(", "))
        })
        .collect();
    // Of each the place has been looked at by hand or by a script that knows nothing of this code: none is wrong.
    insta::assert_snapshot!(shown.join("\n"), @r"
    note select-star: 3 in AbhinavJFT, hurcy
    note unknown-columns: 1 in iamdj25
    note unused-dataset: 32 in AbhinavJFT, anakin-skynnet, hurcy
    warning duplicate-name: 5 in Yousefuwk20
    warning hard-coded-catalog: 165 in AbhinavJFT, HuyD0, Yousefuwk20, anakin-skynnet, anirvandecodes, hurcy, iamdj25, mughees3
    warning outside-grid: 15 in AbhinavJFT, Rafavermar, anakin-skynnet
    error glued-lines: 6 in marcosmatalab
    error no-fields: 1 in iamdj25
    error placeholder: 29 in anakin-skynnet, andre-salvati
    error unknown-dataset: 10 in anakin-skynnet
    error unknown-field: 3 in hurcy
    error widget-type: 11 in anakin-skynnet
    error widget-version: 16 in anakin-skynnet
    ");
}

/// A table `sales` with a column of each kind, read by a dataset, drawn by a widget of the given fields and encodings.
fn drawn(sql: &str, calculations: Value, fields: Value, more: Value, spec: Value) -> Vec<String> {
    let mut query = json!({"datasetName": "d", "fields": fields, "disaggregated": false});
    for (key, value) in more.as_object().unwrap() {
        query[key] = value.clone();
    }
    let dash = dash(&json!({
        "datasets": [{"name": "d", "displayName": "Sales", "queryLines": [sql], "columns": calculations}],
        "pages": [{"name": "p", "layout": [{"position": {"x": 0, "y": 0, "width": 6, "height": 3}, "widget": {
            "name": "w", "queries": [{"name": "main_query", "query": query}], "spec": spec}}]}]
    }));
    let columns = [("day", "DATE"), ("country", "STRING"), ("amount", "DECIMAL(12,2)"), ("paid", "BOOLEAN")];
    let columns = columns.map(|(name, data_type)| Column {
        name: name.to_owned(),
        data_type: crate::analysis::DataType::parse(data_type),
    });
    let relation = |parts: &[String]| (parts == ["sales"]).then(|| Relation::Known(columns.to_vec().into()));
    let known = ["sales".to_owned()];
    let tables = Tables { relation: &relation, known: &known, shorter: &|_| None };
    let mut problems = dash.check();
    problems.extend(resolve(&dash, &tables).problems);
    let with_text = problems.iter().map(|p| {
        let (severity, code) = (p.severity, p.code);
        format!("{severity} {code} at {}: {}", p.primary.as_ref().unwrap().0.text(), p.message)
    });
    with_text.collect()
}

const SQL: &str = "SELECT day, country, amount, paid FROM sales";

#[test]
fn every_expression_of_a_widget_is_resolved_at_its_place() {
    let bar = json!({"version": 3, "widgetType": "bar", "encodings": {
        "x": {"fieldName": "x", "scale": {"type": "categorical"}}, "y": {"fieldName": "y", "scale": {"type": "quantitative"}}}});
    let check = |x: &str, y: &str, more: Value| {
        let fields = json!([{"name": "x", "expression": x}, {"name": "y", "expression": y}]);
        let rate = json!([{"displayName": "Rate", "expression": "SUM(amount) / COUNT(*)"}, {"displayName": "Big", "expression": "amount > 100"}]);
        drawn(SQL, rate, fields, more, bar.clone())
    };
    for (x, y, more) in [
        ("`country`", "SUM(`amount`)", json!({})),
        ("DATE_TRUNC(\"MONTH\", `day`)", "COUNT(`*`)", json!({})),
        ("`Big`", "MEASURE(`Rate`)", json!({"filters": [{"expression": "IN_RANGE(`amount`, 1D, NULL)"}]})),
        ("BIN_FLOOR(`amount`, 5)", "COUNT_IF(`associative_filter_predicate_group`)", json!({})),
        (
            "`country`",
            "SUM(`amount`) / COUNT(DISTINCT `day`) -- per day",
            json!({"orders": [{"expression": "`y`", "direction": "DESC"}]}),
        ),
        (
            "`country`",
            "SUM(CASE WHEN `paid` THEN `amount` END)",
            json!({"filters": [{"expression": "`country` IN ('DE')"}]}),
        ),
    ] {
        assert_eq!(check(x, y, more), [""; 0], "{x}, {y}");
    }
    for (x, y, more, expected) in [
        (
            "`county`",
            "SUM(`amount`)",
            json!({}),
            "error unknown-column at `county`: widget `w`: there is no column `county`: not in `Sales`",
        ),
        (
            "`country`",
            "SUM(`amout`)",
            json!({}),
            "error unknown-column at `amout`: widget `w`: there is no column `amout`: not in `Sales`",
        ),
        (
            "`country`",
            "MEASURE(`Rat`)",
            json!({}),
            "error unknown-column at `Rat`: widget `w`: there is no column `Rat`: not in `Sales`",
        ),
        (
            "`country`",
            "SUM(`amount`)",
            json!({"filters": [{"expression": "`pai` = TRUE"}]}),
            "error unknown-column at `pai`: widget `w`: there is no column `pai`: not in `Sales`",
        ),
        (
            "`country`",
            "SUM(`amount`)",
            json!({"orders": [{"expression": "`dy`"}]}),
            "error unknown-column at `dy`: widget `w`: there is no column `dy`: not in `Sales`",
        ),
        (
            "`Country`",
            "SUM(`amount`)",
            json!({}),
            "warning column-case at `Country`: widget `w`: the column `Country` is written `country` in the dataset",
        ),
        (
            "`country`",
            "SUMM(`amount`)",
            json!({}),
            "error unknown-function at SUMM: widget `w`: there is no function `SUMM`",
        ),
        (
            "`country`",
            "SUM(`day`)",
            json!({}),
            "error type-mismatch at SUM: widget `w`: `SUM` adds numbers up, and its argument is of type DATE",
        ),
        (
            "`country`",
            "AVG(`country`)",
            json!({}),
            "warning argument-type at AVG(`country`): widget `w`: `AVG` takes a number, but `country` is STRING",
        ),
        (
            "DATE_TRUNC('MONTH', `amount`)",
            "COUNT(`*`)",
            json!({}),
            "error argument-type at DATE_TRUNC('MONTH', `amount`): widget `w`: `DATE_TRUNC` takes a date or a timestamp, but `amount` is DECIMAL(12,2)",
        ),
        (
            "`country`",
            "SUM(`amount`",
            json!({}),
            "warning expression-syntax at SUM(`amount`: widget `w`: the expression `SUM(`amount`` cannot be read",
        ),
        (
            "`country`",
            "`day`",
            json!({}),
            "warning field-type at \"y\": the widget `w` draws the field `y` on a quantitative scale, but it is DATE",
        ),
    ] {
        assert_eq!(check(x, y, more), [expected], "{x}, {y}");
    }
    // What is grouped by is found by the query that the dashboard's engine runs.
    let grouped = check("`country`", "SUM(`amount`) / `day`", json!({}));
    assert_eq!(grouped.len(), 1, "{grouped:?}");
    assert!(
        grouped[0].starts_with("error not-grouped")
            && grouped[0].ends_with("neither in GROUP BY nor inside an aggregate"),
        "{grouped:?}"
    );
}

#[test]
fn what_is_drawn_fits_its_scale_and_its_format() {
    let check = |kind: &str, version: i64, encodings: Value| {
        let fields =
            ["day", "country", "amount", "paid"].map(|name| json!({"name": name, "expression": format!("`{name}`")}));
        drawn(
            SQL,
            json!([]),
            json!(fields),
            json!({}),
            json!({"version": version, "widgetType": kind, "encodings": encodings}),
        )
    };
    let on = |field: &str, scale: &str| json!({"fieldName": field, "scale": {"type": scale}});
    assert_eq!(
        check(
            "line",
            3,
            json!({"x": on("day", "temporal"), "y": on("amount", "quantitative"), "color": on("country", "categorical")})
        ),
        [""; 0]
    );
    assert_eq!(check("counter", 2, json!({"value": {"fieldName": "country"}})), [""; 0], "a counter may show a text");
    for (kind, version, encodings, expected) in [
        (
            "line",
            3,
            json!({"x": on("amount", "temporal"), "y": on("amount", "quantitative")}),
            "the widget `w` draws the field `amount` on a temporal scale, but it is DECIMAL(12,2)",
        ),
        (
            "line",
            3,
            json!({"x": on("day", "temporal"), "y": {"scale": {"type": "quantitative"}, "fields": [{"fieldName": "amount"}, {"fieldName": "country"}]}}),
            "the widget `w` draws the field `country` on a quantitative scale, but it is STRING",
        ),
        (
            "combo",
            1,
            json!({"x": on("day", "temporal"), "y": {"primary": {"fields": [{"fieldName": "paid"}], "scale": {"type": "quantitative"}}}}),
            "the widget `w` draws the field `paid` on a quantitative scale, but it is BOOLEAN",
        ),
        (
            "counter",
            2,
            json!({"value": {"fieldName": "country", "format": {"type": "number-percent"}}}),
            "the widget `w` draws the field `country` as `number-percent`, but it is STRING",
        ),
        (
            "table",
            2,
            json!({"columns": [{"fieldName": "amount", "format": {"type": "date-time"}}]}),
            "the widget `w` draws the field `amount` as `date-time`, but it is DECIMAL(12,2)",
        ),
    ] {
        let found = check(kind, version, encodings);
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].ends_with(expected), "{found:?}");
    }
    for (kind, version, encodings, expected) in [
        ("counter", 3, json!({"value": {"fieldName": "amount"}}), "error widget-version"),
        ("bar-chart", 2, json!({"x": on("day", "temporal")}), "error widget-type"),
        ("", 3, json!({}), "error widget-type"),
        ("counterr", 2, json!({"value": {"fieldName": "amount"}}), "warning widget-type"),
        ("bar", 7, json!({"x": on("day", "temporal")}), "warning widget-version"),
        ("lava-lamp", 1, json!({"x": on("day", "temporal")}), "note widget-type"),
        ("table", 2, json!({"columns": []}), "error no-fields"),
        ("bar", 3, json!({"x": {"fieldName": "day"}}), "warning missing-scale"),
    ] {
        let found = check(kind, version, encodings);
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].starts_with(expected), "{found:?}");
    }
}

#[test]
fn a_mistake_in_a_dataset_is_told_once_and_nothing_that_follows_from_it() {
    let fields = json!([{"name": "x", "expression": "`country`"}]);
    let table = json!({"version": 2, "widgetType": "table", "encodings": {"columns": [{"fieldName": "x"}]}});
    let check = |sql: &str| drawn(sql, json!([]), fields.clone(), json!({}), table.clone());
    for (sql, expected) in [
        ("SELECT country FROM sale", "error unknown-table at sale: there is no table or view `sale`"),
        ("SELECT contry FROM sales", "error unknown-column at contry: there is no column `contry`: not in `sales`"),
        (
            "SET a = 1; SELECT country FROM sales WHERE pad; -- done",
            "error unknown-column at pad: there is no column `pad`: not in `sales`",
        ),
        (
            "SELECT country FROM ${catalog}.sales",
            "error placeholder at ${catalog}: the placeholder `${catalog}` stands in dataset `Sales` as it is",
        ),
        (
            "SELECT country FROM sales WHERE day > :from",
            "error undeclared-parameter at :from: dataset `Sales` uses the parameter `:from`, and declares none",
        ),
        ("SELECT * FROM sales", "note select-star at *: dataset `Sales` takes all columns (`SELECT *`)"),
        ("SELECT 2 * amount AS country FROM sales", ""),
        (
            "SELECT day FROM sales",
            "error unknown-column at `country`: widget `w`: there is no column `country`: not in `Sales`",
        ),
    ] {
        let expected: Vec<&str> = [expected].into_iter().filter(|e| !e.is_empty()).collect();
        assert_eq!(check(sql), expected, "{sql}");
    }
}

#[test]
fn parameters_are_used_as_what_they_are() {
    let check = |kind: &str, sql: &str| {
        let dash = dash(&json!({"datasets": [{"name": "d", "displayName": "D", "queryLines": [sql],
            "parameters": [{"keyword": "p", "dataType": "DATE", "complexType": kind}]}],
            "pages": [{"name": "p", "layout": [{"position": {}, "widget": {"name": "w", "multilineTextboxSpec": {"lines": ["x"]},
                "queries": [{"name": "q", "query": {"datasetName": "d", "fields": []}}]}}]}]}));
        listed(&dash.check()).join("; ").split_once(' ').map(|(_, rest)| rest.to_owned()).unwrap_or_default()
    };
    assert_eq!(check("RANGE", "SELECT 1 WHERE 1 BETWEEN :p.min AND :p.max"), "");
    assert_eq!(check("MULTI", "SELECT 1 WHERE array_contains(:p, 1)"), "");
    assert_eq!(check("ONE", "SELECT 1 WHERE x IN (:p)"), "");
    assert_eq!(
        check("ONE", "SELECT 1 WHERE x > :p.min"),
        "warning the parameter `p` is no range, and has no `.min` and `.max`"
    );
    assert_eq!(
        check("RANGE", "SELECT 1 WHERE x > :p"),
        "warning the parameter `p` is a range, which no operator takes as a whole"
    );
    assert_eq!(
        check("MULTI", "SELECT 1 WHERE x IN ( :p )"),
        "warning the parameter `p` is a list, and `IN (…)` compares with the whole of it"
    );
}

#[test]
fn names_that_hold_in_one_environment_only_are_told_with_what_to_write() {
    let page = |query: Value| {
        json!([{"name": "p", "layout": [{"position": {}, "widget": {"name": "w", "queries": [{"name": "main_query", "query": query}],
        "spec": {"version": 2, "widgetType": "table", "encodings": {"columns": [{"fieldName": "a"}]}}}}]}])
    };
    let query = json!({"datasetName": "d", "fields": [{"name": "a", "expression": "`a`"}]});
    let check = |dataset: Value| {
        let dash = dash(&json!({"datasets": [dataset], "pages": page(query.clone())}));
        let problems = all_problems(&dash);
        problems
            .iter()
            .map(|p| format!("{}: {}", p.primary.as_ref().unwrap().0.text(), p.help.as_deref().unwrap_or_default()))
            .collect::<Vec<_>>()
    };
    let deployed = "kiln deploys the dashboard to where each environment has its tables.";
    assert_eq!(
        check(json!({"name": "d", "query": "SELECT a FROM prod.gold.orders"})),
        [format!("prod.gold.orders: Write `orders`: {deployed}")]
    );
    assert_eq!(
        check(json!({"name": "d", "query": "SELECT a FROM gold.orders JOIN system.billing.usage USING (b)"})),
        [""; 0]
    );
    assert_eq!(
        check(json!({"name": "d", "schema": "gold", "query": "SELECT a FROM orders"})),
        ["\"gold\": Take it out: a deploy sets the environment's for all datasets."]
    );
    assert!(
        check(json!({"name": "d", "asset_name": "prod.gold.orders"}))[0]
            .contains("Write `\"queryLines\": [\"SELECT … FROM orders\"]`")
    );
    let view = json!({"name": "d", "config": {"source": "prod.gold.orders", "dimensions": [{"name": "country", "expr": "b"}]}});
    let found = check(view);
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(
        found[0].starts_with("prod.gold.orders: Write") && found[1] == "`a`: The only column is `country`.",
        "{found:?}"
    );
}
