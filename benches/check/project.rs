//! Projects of any size: models in layers with CTEs, joins, windows and components, their sources, and dashboards over them.

use std::fmt::Write as _;
use std::path::Path;

/// One of so many models is in the first layer, and reads a source.
const SOURCES_PER_MODEL: usize = 10;
/// Layers above the first.
const LAYERS: usize = 8;

const MACROS: &str = r#"{# What the models say again and again. #}
{% component month_of(day: string) -%}
CAST(date_trunc('MONTH', {{ day }}) AS DATE)
{%- endcomponent month_of %}

{% component share(part: string, whole: string, @digits: integer) -%}
round(try_divide({{ part }}, {{ whole }}), {{ digits }})
{%- endcomponent share %}

{% component bucket(value: string, limits: array) -%}
CASE{% for limit in limits %} WHEN {{ value }} < {{ limit }} THEN 'below {{ limit }}'{% endfor %} ELSE 'more' END
{%- endcomponent bucket %}
"#;

/// Writes a project with so many models, and a dashboard for each ten of them, at most a hundred.
pub(crate) fn write(folder: &Path, models: usize) {
    let sources = (models / SOURCES_PER_MODEL).max(1);
    let dashboards = (models / 10).clamp(1, 100);
    let write = |path: String, text: String| {
        let path = folder.join(path);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("the folder can be made");
        std::fs::write(path, text).expect("the file can be written");
    };
    write("sql/macros/common.sql".to_owned(), MACROS.to_owned());
    for model in 0..models {
        write(format!("sql/{}.sql", path_of(model, sources, models)), sql(model, sources, models));
    }
    for number in 0..dashboards {
        write(format!("dashboards/d{number}.lvdash.json"), dashboard(number, models));
    }
    write("jobs.yaml".to_owned(), jobs(models, sources, dashboards));
}

fn name(model: usize) -> String {
    format!("m{model:05}")
}

/// The layer of a model; 0 reads a source.
fn layer(model: usize, sources: usize, models: usize) -> usize {
    if model < sources { 0 } else { 1 + (model - sources) * LAYERS / (models - sources).max(1) }
}

fn path_of(model: usize, sources: usize, models: usize) -> String {
    format!("layer{}/{}", layer(model, sources, models), name(model))
}

/// A model of a layer below, spread over all of them.
fn below(model: usize, sources: usize, models: usize, nth: usize) -> usize {
    let own = layer(model, sources, models);
    let first_of_own = if own <= 1 { sources } else { sources + ((own - 1) * (models - sources)).div_ceil(LAYERS) };
    (model * 7 + nth * 13) % first_of_own.max(1)
}

fn sql(model: usize, sources: usize, models: usize) -> String {
    if model < sources {
        return format!(
            "-- Orders as they landed, cleaned.\nSELECT\n  id AS order_id,\n  customer_id,\n  lower(country) AS country,\n  \
             channel,\n  CAST(ordered_at AS DATE) AS day,\n  {{{{ <month_of day=\"ordered_at\" /> }}}} AS month,\n  \
             coalesce(total, 0) AS amount,\n  discount_code IS NOT NULL AS discounted\n\
             FROM shop_public.orders_{model}\nWHERE NOT coalesce(_fivetran_deleted, false)\n{{% if first_day %}}  AND \
             ordered_at >= '{{{{ first_day }}}}'\n{{% endif %}}"
        );
    }
    let [first, second, third] = [0, 1, 2].map(|nth| name(below(model, sources, models, nth)));
    format!(
        r#"-- Customers of {first} beside {second}.
WITH ordered AS (
  SELECT
    order_id,
    customer_id,
    country,
    channel,
    day,
    month,
    amount,
    discounted,
    row_number() OVER (PARTITION BY customer_id ORDER BY day, order_id) AS position
  FROM {first}
  WHERE amount > 0
),

totals AS (
  SELECT
    customer_id,
    count(*) AS orders,
    sum(amount) AS revenue,
    min(day) AS first_day_seen,
{{%- for window in windows %}}
    count_if(datediff(day, month) <= {{{{ window }}}}) AS within_{{{{ window }}}},
{{%- endfor %}}
    max(discounted) AS ever_discounted
  FROM {second}
  GROUP BY customer_id
)

SELECT
  ordered.order_id,
  ordered.customer_id,
  ordered.country,
  coalesce(ordered.channel, 'unknown') AS channel,
  ordered.day,
  {{{{ <month_of day="totals.first_day_seen" /> }}}} AS month,
  CAST(ordered.amount + coalesce(other.amount, 0) AS DECIMAL(12,2)) AS amount,
  ordered.discounted OR totals.ever_discounted AS discounted,
  {{{{ <share part="totals.revenue" whole="totals.orders" digits={{2}} /> }}}} AS average_order,
  {{{{ <bucket value="ordered.amount" limits={{[50, 100, 200]}} /> }}}} AS bucket
FROM ordered
JOIN totals ON totals.customer_id = ordered.customer_id
LEFT JOIN {third} AS other ON other.order_id = ordered.order_id
WHERE ordered.position <= 5
"#
    )
}

fn jobs(models: usize, sources: usize, dashboards: usize) -> String {
    // Writing to a string does not fail.
    let mut yaml = String::from(
        "version: 1\nproject: generated\nvariables: {first_day: \"2020-01-01\", windows: [30, 60, 90]}\nmacros: \
         [sql/macros]\nenvironments:\n  local: {workspace: local, catalog: main, schema: shop, default: \
         true}\nconnections:\n  shop:\n    service: google_cloud_postgresql\n    schema_prefix: shop\n    local: \
         {sample: {customers: 10}}\nsources:\n  shop_public:\n    connection: shop\n    tables:\n",
    );
    for source in 0..sources {
        let _ = writeln!(
            yaml,
            "      orders_{source}: {{columns: {{id: BIGINT, customer_id: BIGINT, country: STRING, channel: STRING, \
             ordered_at: TIMESTAMP, total: \"DECIMAL(12,2)\", discount_code: STRING}}}}"
        );
    }
    yaml.push_str("models:\n");
    for layer in 0..=LAYERS.min(models - sources) {
        let what = if layer == 0 { "view" } else { "table" };
        let _ = writeln!(yaml, "  sql/layer{layer}: {{materialized: {what}}}");
    }
    // One of five says something of its own.
    for model in (0..models).step_by(5) {
        let path = path_of(model, sources, models);
        let clustered = if model < sources { "" } else { "cluster_by: [month], " };
        let _ = writeln!(
            yaml,
            "  sql/{path}: {{{clustered}description: \"Orders, number {model}\", tests: [{{not_null: [order_id]}}, \
             {{expression: \"amount >= 0\"}}]}}"
        );
    }
    yaml.push_str("dashboards:\n");
    for number in 0..dashboards {
        let _ = writeln!(yaml, "  d{number}: {{file: dashboards/d{number}.lvdash.json, folder: /Shared/D{number}}}");
    }
    yaml.push_str("jobs:\n  all: {steps: [{sync: shop}, {build: \"sql/**\"}]}\n");
    yaml
}

/// A dashboard of five datasets and twenty widgets.
fn dashboard(number: usize, models: usize) -> String {
    let datasets: Vec<String> = (0..5)
        .map(|set| {
            let model = name((number * 31 + set * 17) % models);
            format!(
                r#"{{"name": "s{set}", "displayName": "Set {set}", "queryLines": ["SELECT country, channel, day, month, amount, customer_id\n", "FROM {model}\n", "WHERE day >= :from\n"],
      "parameters": [{{"displayName": "from", "keyword": "from", "dataType": "DATE", "defaultSelection": {{"values": {{"dataType": "DATE", "values": [{{"value": "2024-01-01"}}]}}}}}}],
      "columns": [{{"displayName": "Per customer", "expression": "try_divide(SUM(amount), COUNT(DISTINCT customer_id))"}}]}}"#
            )
        })
        .collect();
    let widgets: Vec<String> = (0..20)
        .map(|widget| {
            let set = widget % 5;
            let (x, y) = (widget % 3 * 4, widget / 3 * 6);
            format!(
                r#"{{"position": {{"x": {x}, "y": {y}, "width": 4, "height": 6}}, "widget": {{"name": "w{widget}",
      "queries": [{{"name": "main_query", "query": {{"datasetName": "s{set}", "disaggregated": false, "fields": [
        {{"name": "monthly(day)", "expression": "DATE_TRUNC(\"MONTH\", `day`)"}}, {{"name": "sum(amount)", "expression": "SUM(`amount`)"}},
        {{"name": "country", "expression": "`country`"}}, {{"name": "measure(Per customer)", "expression": "MEASURE(`Per customer`)"}}],
        "filters": [{{"expression": "`channel` IN ('web', 'app')"}}]}}}}],
      "spec": {{"version": 3, "widgetType": "bar", "frame": {{"showTitle": true, "title": "Widget {widget}"}}, "encodings": {{
        "x": {{"fieldName": "monthly(day)", "scale": {{"type": "temporal"}}}}, "y": {{"fieldName": "sum(amount)", "scale": {{"type": "quantitative"}}}},
        "color": {{"fieldName": "country", "scale": {{"type": "categorical"}}}}, "extra": [{{"fieldName": "measure(Per customer)"}}]}}}}}}}}"#
            )
        })
        .collect();
    format!(
        "{{\n  \"datasets\": [\n    {}\n  ],\n  \"pages\": [{{\"name\": \"p\", \"displayName\": \"Page\", \"pageType\": \
         \"PAGE_TYPE_CANVAS\", \"layoutVersion\": \"GRID_V1\", \"layout\": [\n    {}\n  ]}}]\n}}\n",
        datasets.join(",\n    "),
        widgets.join(",\n    ")
    )
}
