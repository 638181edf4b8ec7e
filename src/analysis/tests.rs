//! Queries over a small shop, with what should be found in them.

use std::sync::Arc;

use super::*;
use crate::diag::{Diagnostics, SourceFile, Span};
use crate::template::Rendered;

/// The tables of the tests.
const TABLES: &[(&str, &[(&str, &str)])] = &[
    (
        "orders",
        &[
            ("id", "BIGINT"),
            ("customer_id", "BIGINT"),
            ("ordered_at", "TIMESTAMP"),
            ("total", "DECIMAL(12,2)"),
            ("channel", "STRING"),
            ("tags", "ARRAY<STRING>"),
            ("address", "STRUCT<city: STRING, geo: STRUCT<lat: DOUBLE, lon: DOUBLE>>"),
            ("attributes", "MAP<STRING, INT>"),
            ("payload", "STRING"),
        ],
    ),
    ("customers", &[("id", "BIGINT"), ("name", "STRING"), ("country", "STRING"), ("signed_up_on", "DATE")]),
    ("main.shop.products", &[("sku", "STRING"), ("price", "DECIMAL(10,2)")]),
];

pub(super) fn relation(parts: &[String]) -> Option<Relation> {
    let name = parts.join(".").to_lowercase();
    if name == "mystery" || name.starts_with("system.") {
        return Some(Relation::Unknown);
    }
    let (_, columns) = TABLES.iter().find(|(table, _)| *table == name)?;
    let column = |(name, t): &(&str, &str)| Column { name: (*name).to_owned(), data_type: DataType::parse(t) };
    Some(Relation::Known(columns.iter().map(column).collect()))
}

pub(super) fn known() -> Vec<String> {
    TABLES.iter().map(|(name, _)| (*name).to_owned()).collect()
}

fn show(columns: Option<Vec<Column>>) -> String {
    let Some(columns) = columns else { return "?".to_owned() };
    let column = |c: Column| match c.data_type {
        Some(t) => format!("{} {t}", c.name),
        None => c.name,
    };
    columns.into_iter().map(column).collect::<Vec<_>>().join(", ")
}

fn show_problems(problems: &Diagnostics) -> Vec<String> {
    problems
        .iter()
        .map(|d| {
            let place = d.primary.as_ref().map(|(span, _)| format!("{span} ")).unwrap_or_default();
            let help = d.help.as_ref().map(|h| format!(" | {h}")).unwrap_or_default();
            format!("{place}{}: {}{help}", d.severity, d.message)
        })
        .collect()
}

fn checked(sql: &str) -> (String, Vec<String>) {
    let file = SourceFile::new("m.sql", sql);
    let parsed = match parse(&Rendered::plain(&file)) {
        Ok(parsed) => parsed,
        Err(problems) => return ("not parsed".to_owned(), show_problems(&problems)),
    };
    let (columns, problems) = resolve(&parsed, &relation, &known());
    (show(columns), show_problems(&problems))
}

/// Checks that a query has no problems and returns these columns.
fn returns(sql: &str, columns: &str) {
    let (found, problems) = checked(sql);
    assert!(problems.is_empty(), "{sql}\n{problems:#?}");
    assert_eq!(found, columns, "{sql}");
}

/// Checks that a query has exactly one problem.
fn fails(sql: &str, problem: &str) {
    let (_, problems) = checked(sql);
    assert_eq!(problems, [problem], "{sql}");
}

#[test]
fn columns_get_names_and_types() {
    for (sql, columns) in [
        ("select id, o.total, orders.id as x from orders as o join orders using (id)", "id BIGINT, total DECIMAL(12,2), x BIGINT"),
        ("select * from customers", "id BIGINT, name STRING, country STRING, signed_up_on DATE"),
        ("select c.*, 1 as one from customers c", "id BIGINT, name STRING, country STRING, signed_up_on DATE, one INT"),
        ("select * except (id, country) from customers", "name STRING, signed_up_on DATE"),
        ("select ID, `Name` from Customers", "ID BIGINT, Name STRING"),
        ("select sku, price from main.shop.products", "sku STRING, price DECIMAL(10,2)"),
        ("select products.sku, shop.products.price from main.shop.products", "sku STRING, price DECIMAL(10,2)"),
        ("select count(*) as n, sum(total) as s, avg(total) as a, min(ordered_at) as m from orders",
         "n BIGINT, s DECIMAL(22,2), a DECIMAL(16,6), m TIMESTAMP"),
        ("select count(*) c, sum(id) / count(*) as r, median(total) m from orders", "c BIGINT, r DOUBLE, m DOUBLE"),
        ("select total * 100 as cents, total / 3 as third, id % 2 as odd, id div 2 as half from orders",
         "cents DECIMAL(16,2), third DECIMAL(16,6), odd BIGINT, half BIGINT"),
        ("select case when total > 10 then 'big' else null end as size, if(id = 1, 1, 2L) as i from orders",
         "size STRING, i BIGINT"),
        ("select cast(total as double) as d, total::int as i, date(ordered_at) as day, try_cast(channel as date) as t from orders",
         "d DOUBLE, i INT, day DATE, t DATE"),
        ("select date_trunc('month', ordered_at) as m, datediff(current_date(), signed_up_on) as n, datediff(month, signed_up_on, now()) as k
          from orders join customers on customer_id = customers.id", "m TIMESTAMP, n INT, k BIGINT"),
        ("select signed_up_on + interval 7 days as w, add_months(signed_up_on, 1) as a, signed_up_on + 1 as t from customers",
         "w DATE, a DATE, t DATE"),
        ("select tags[0] as t, address.city, address.geo.lat as lat, o.address.geo.lon, attributes['x'] as x from orders o",
         "t STRING, city STRING, lat DOUBLE, lon DOUBLE, x INT"),
        ("select payload:customer.name, payload:items[0].sku::string as sku from orders", "name STRING, sku STRING"),
        ("select transform(tags, t -> length(t)) as l, filter(tags, (t, i) -> i > 0 and t <> channel) as f, exists(tags, t -> t = 'x') as e from orders",
         "l ARRAY<INT>, f ARRAY<STRING>, e BOOLEAN"),
        ("select aggregate(tags, 0, (acc, t) -> acc + length(t)) as n from orders", "n"),
        ("select row_number() over (partition by customer_id order by ordered_at) as r, lag(total) over w as p from orders
          window w as (partition by customer_id order by ordered_at)", "r INT, p DECIMAL(12,2)"),
        ("select struct(id, name as n) as s, named_struct('a', id).a as b from customers",
         "s STRUCT<id: BIGINT, n: STRING>, b BIGINT"),
        ("select :p as p, :p + 1 as q", "p, q"),
        ("select current_date as d, current_timestamp() as t, current_user as u", "d DATE, t TIMESTAMP, u STRING"),
        ("select round(total, 1) as a, round(total) as b, ceil(total) as c, floor(1.5) as d from orders",
         "a DECIMAL(12,1), b DECIMAL(11,0), c DECIMAL(11,0), d DECIMAL(2,0)"),
        ("select array(1, 2) as a, map('k', 1) as m, split(channel, ',') as s, collect_set(channel) over () as c from orders",
         "a ARRAY<INT>, m MAP<STRING, INT>, s ARRAY<STRING>, c ARRAY<STRING>"),
        ("select percentile_cont(0.5) within group (order by total) as p, percentile(total, array(0.1, 0.9)) as q, max_by(channel, total) as b from orders",
         "p DOUBLE, q ARRAY<DOUBLE>, b STRING"),
    ] {
        returns(sql, columns);
    }
}

#[test]
fn names_are_found_through_queries_and_joins() {
    for (sql, columns) in [
        ("with a as (select id from orders), b as (select id + 1 as n from a) select n from b", "n BIGINT"),
        ("with a(x, y) as (select id, name from customers) select y, x from a", "y STRING, x BIGINT"),
        ("with orders as (select id from orders) select * from orders", "id BIGINT"),
        ("with a as (with b as (select 1 as x) select x from b) select x from a", "x INT"),
        ("select s.x from (select id as x from orders) s", "x BIGINT"),
        ("select x from (select id as x from orders)", "x BIGINT"),
        ("select id, total from orders join customers using (id)", "id BIGINT, total DECIMAL(12,2)"),
        (
            "select * except (ordered_at, total, channel, tags, address, attributes, payload) from orders join customers using (id)",
            "id BIGINT, customer_id BIGINT, name STRING, country STRING, signed_up_on DATE",
        ),
        ("select id, name from orders natural join customers", "id BIGINT, name STRING"),
        ("select name from customers left semi join orders on orders.customer_id = customers.id", "name STRING"),
        (
            "select * from customers left anti join orders o on o.customer_id = customers.id",
            "id BIGINT, name STRING, country STRING, signed_up_on DATE",
        ),
        (
            "select name from customers c where exists (select 1 from orders o where o.customer_id = c.id and total > 1)",
            "name STRING",
        ),
        (
            "select name from customers where id in (select customer_id from orders where ordered_at > signed_up_on)",
            "name STRING",
        ),
        (
            "select (select max(total) from orders where customer_id = c.id) as best from customers c",
            "best DECIMAL(12,2)",
        ),
        (
            "select c.name, l.n from customers c, lateral (select count(*) as n from orders where customer_id = c.id) l",
            "name STRING, n BIGINT",
        ),
        ("select o.id, tag from orders o lateral view explode(o.tags) t as tag", "id BIGINT, tag STRING"),
        (
            "select o.id, t.tag from orders o lateral view outer posexplode(o.tags) t as pos, tag where pos < 2",
            "id BIGINT, tag STRING",
        ),
        ("select id, k, v from orders lateral view explode(attributes) a as k, v", "id BIGINT, k STRING, v INT"),
        ("select t.col from orders o, lateral explode(o.tags) t", "col STRING"),
        ("select tag from orders, lateral explode(tags) as t(tag)", "tag STRING"),
        ("select explode(tags) from orders", "col STRING"),
        ("select id, explode(sequence(1, 3)) as n from orders", "id BIGINT, n INT"),
        ("select posexplode(tags) as (p, t) from orders", "p INT, t STRING"),
        ("select explode(attributes) from orders", "key STRING, value INT"),
        ("select id from range(10)", "id BIGINT"),
        ("select r.n from range(1, 5) as r(n)", "n BIGINT"),
        ("select * from values (1, 'a'), (2, null) as t(n, s)", "n INT, s STRING"),
        ("select * from values (1), (2.5)", "col1 DECIMAL(11,1)"),
        ("values (1, 'x')", "col1 INT, col2 STRING"),
        ("select stack(2, 1, 'a', 2, 'b') as (n, s)", "n INT, s STRING"),
        ("select id from orders union all select id from customers", "id BIGINT"),
        (
            "select id, name from customers union all by name select name, 1 as extra, id from customers",
            "id BIGINT, name STRING, extra INT",
        ),
        ("(select id from orders) intersect (select id from customers) order by id", "id BIGINT"),
        ("with recursive r(n) as (select 1 union all select n + 1 from r where n < 10) select n from r", "n INT"),
        (
            "with recursive t as (select id, 0 as depth from orders union all select t.id, depth + 1 from t) select id, depth from t",
            "id BIGINT, depth INT",
        ),
        ("select * from mystery", "?"),
        ("select anything, m.other from mystery m join orders on orders.id = m.x", "anything, other"),
        ("select id, what from orders join mystery on true", "id BIGINT, what"),
        (
            "select * from (select id, channel, total from orders) pivot (sum(total) as s for channel in ('web' as web, 'shop'))",
            "id BIGINT, web DECIMAL(22,2), shop DECIMAL(22,2)",
        ),
        (
            "select web from (select channel, total from orders) pivot (sum(total) for channel in ('web' as web))",
            "web DECIMAL(22,2)",
        ),
        ("select * from read_files('/Volumes/x', format => 'csv')", "?"),
        ("select * from delta.`/data/orders`", "?"),
        ("select * from identifier(:name)", "?"),
        ("select sku from identifier('main.shop.products')", "sku STRING"),
        ("from customers |> where id > 1", "id BIGINT, name STRING, country STRING, signed_up_on DATE"),
        ("select _metadata.file_name from orders", "file_name"),
        ("select o.id from (orders o join customers c on o.customer_id = c.id)", "id BIGINT"),
        ("select o.id, name from orders o, customers c join values (1) as v(n) on id = n", "id BIGINT, name STRING"),
        ("select my.schema.udf(id) as x from orders", "x"),
    ] {
        returns(sql, columns);
    }
}

#[test]
fn aliases_can_be_seen_where_databricks_sees_them() {
    for (sql, columns) in [
        ("select total * 2 as twice, twice + 1 as more from orders", "twice DECIMAL(14,2), more DECIMAL(15,2)"),
        (
            "select date(ordered_at) as day, count(*) as n from orders group by day having n > 1 order by n desc, day",
            "day DATE, n BIGINT",
        ),
        ("select channel, count(*) from orders group by 1 order by 2", "channel STRING, count(1) BIGINT"),
        ("select channel, count(*) as n from orders group by all order by all", "channel STRING, n BIGINT"),
        (
            "select channel as c, sum(total) s from orders group by channel order by sum(total) desc",
            "c STRING, s DECIMAL(22,2)",
        ),
        ("select id, row_number() over (order by total) as r from orders qualify r = 1", "id BIGINT, r INT"),
        (
            "select id from orders qualify row_number() over (partition by customer_id order by ordered_at) = 1",
            "id BIGINT",
        ),
        ("select name from customers order by signed_up_on", "name STRING"),
        (
            "select o.id as id, c.id as cid from orders o join customers c on o.customer_id = c.id order by id",
            "id BIGINT, cid BIGINT",
        ),
        ("select upper(country) as country, count(*) as n from customers group by country", "country STRING, n BIGINT"),
        ("select window.start, count(*) as n from orders group by window(ordered_at, '1 day')", "start, n BIGINT"),
    ] {
        returns(sql, columns);
    }
}

#[test]
fn grouping_is_checked_only_where_it_is_certain() {
    for (sql, columns) in [
        (
            "select date_trunc('MONTH', ordered_at) m, sum(total) s from orders group by date_trunc('month', orders.ordered_at)",
            "m TIMESTAMP, s DECIMAL(22,2)",
        ),
        (
            "select channel, sum(count(*)) over (order by channel) as running from orders group by channel",
            "channel STRING, running BIGINT",
        ),
        (
            "select channel, customer_id, count(*) as n from orders group by grouping sets ((channel), (customer_id), ())",
            "channel STRING, customer_id BIGINT, n BIGINT",
        ),
        ("select channel, count(*) as n from orders group by channel with rollup", "channel STRING, n BIGINT"),
        ("select count(*) over () as n, id from orders", "n BIGINT, id BIGINT"),
        (
            "select id, c.name, count(*) as n from orders join customers c using (id) group by id, c.name",
            "id BIGINT, name STRING, n BIGINT",
        ),
        (
            "select channel || 'x' as c, c || 'y' as d, count(*) n from orders group by c",
            "c STRING, d STRING, n BIGINT",
        ),
        ("select concat_ws(',', transform(collect_list(channel), x -> upper(x))) as l from orders", "l STRING"),
        ("select what, count(*) as n from mystery group by other", "what, n BIGINT"),
        ("select count(*) as n, (select max(id) from customers) as m from orders", "n BIGINT, m BIGINT"),
        (
            "select first(channel) as c, any_value(total) filter (where id > 1) as t from orders",
            "c STRING, t DECIMAL(12,2)",
        ),
    ] {
        returns(sql, columns);
    }
    fails(
        "select channel, total, count(*) from orders group by channel",
        "m.sql:1:17 error: `total` is neither in GROUP BY nor inside an aggregate \
         | Add it to GROUP BY, or take `any_value(total)` if it does not matter which.",
    );
    fails(
        "select c.country, count(*) from customers c",
        "m.sql:1:8 error: `c.country` is neither in GROUP BY nor inside an aggregate \
         | Add it to GROUP BY, or take `any_value(c.country)` if it does not matter which.",
    );
}

#[test]
fn mistakes_are_named_at_their_place() {
    for (sql, problem) in [
        (
            "select custmer_id from orders",
            "m.sql:1:8 error: there is no column `custmer_id`: not in `orders` | Did you mean `customer_id`?",
        ),
        (
            "select\n  o.totl\nfrom orders o",
            "m.sql:2:3 error: there is no column `totl` in `o` | Did you mean `total`?",
        ),
        // A text has no fields, so that the table is meant, though there is a column of its name.
        (
            "select name.custmer_id from orders as name cross join customers",
            "m.sql:1:8 error: there is no column `custmer_id` in `name` | Did you mean `customer_id`?",
        ),
        (
            "select c.id from orders o",
            "m.sql:1:8 error: there is no table, alias or column `c` here | Did you mean `o`?",
        ),
        (
            "select banana from customers",
            "m.sql:1:8 error: there is no column `banana`: not in `customers` | The columns are `id`, `name`, `country` and `signed_up_on`.",
        ),
        (
            "select id from orders join customers on customer_id = customers.id",
            "m.sql:1:8 error: column `id` is ambiguous: `orders` and `customers` have it | Write `orders.id` or the other.",
        ),
        ("select x from ordrs", "m.sql:1:15 error: there is no table or view `ordrs` | Did you mean `orders`?"),
        (
            "select x from shop.prodcts",
            "m.sql:1:15 error: there is no table or view `shop.prodcts` | Did you mean `shop.products`?",
        ),
        (
            "with a as (select 1 as x) select y from a",
            "m.sql:1:34 error: there is no column `y`: not in `a` | Did you mean `x`?",
        ),
        (
            "select id from orders where exists (select 1 from customers c where c.nam = 'x')",
            "m.sql:1:69 error: there is no column `nam` in `c` | Did you mean `name`?",
        ),
        (
            "select dat_trunc('month', ordered_at) from orders",
            "m.sql:1:8 error: there is no function `dat_trunc` | Did you mean `date_trunc`?",
        ),
        (
            "select frobnicate(id) from orders",
            "m.sql:1:8 warning: `frobnicate` is no built-in function | If it is a function of your own, write it with its schema.",
        ),
        ("select date_trunc('month') from orders", "m.sql:1:8 error: `date_trunc` takes 2 arguments, not 1"),
        (
            "select row_number() from orders",
            "m.sql:1:8 error: `row_number` needs an OVER clause | Write `row_number(…) OVER (PARTITION BY … ORDER BY …)`.",
        ),
        (
            "select id from orders union select id, name from customers",
            "m.sql:1:29 error: UNION joins queries of 1 and 2 columns; both must have the same number",
        ),
        (
            "select * except (idd) from customers",
            "m.sql:1:18 error: EXCEPT names the column `idd`, which the star does not have | Did you mean `id`?",
        ),
        ("select x.* from customers", "m.sql:1:8 error: there is no table or alias `x` here"),
        (
            "select total as t from orders where t > 1",
            "m.sql:1:37 error: there is no column `t`: not in `orders` | `t` is an alias of the SELECT list, which WHERE cannot see: repeat its expression, or filter in an outer query or with QUALIFY.",
        ),
        ("select id from orders group by 2", "m.sql:1:32 error: GROUP BY 2: the query has 1 column"),
        ("select name from customers order by 3", "m.sql:1:37 error: ORDER BY 3: the query has 1 column"),
        ("with a(x) as (select 1, 2) select x from a", "m.sql:1:6 error: `a` has 2 columns, and is given names for 1"),
        (
            "select name from customers left semi join orders o on o.id = customers.id where o.total > 1",
            "m.sql:1:81 error: there is no table, alias or column `o` here | Here are `customers`.",
        ),
        (
            "select 1 from customers join orders using (name)",
            "m.sql:1:44 error: there is no column `name` in `orders`, which the join uses | The columns are `id`, `customer_id`, `ordered_at`, `total`, `channel`, `tags`, `address`, `attributes` and `payload`.",
        ),
        (
            "select transform(tags, t -> lenght(t)) from orders",
            "m.sql:1:29 error: there is no function `lenght` | Did you mean `length`?",
        ),
        (
            "select sum(totl) over (partition by channel) from orders",
            "m.sql:1:12 error: there is no column `totl`: not in `orders` | Did you mean `total`?",
        ),
        (
            "select o.id from orders o, (select o.total as t) s",
            "m.sql:1:36 error: there is no table, alias or column `o` here",
        ),
        ("select x", "m.sql:1:8 error: there is no column `x`: the query reads no table here"),
        (
            "select a, from t",
            "m.sql:1:11 error: expected an expression after `,`, found `from` | Remove the comma before `from`.",
        ),
        (
            "select id from explod(array(1))",
            "m.sql:1:16 error: there is no table function `explod` | Did you mean `explode`?",
        ),
        ("values (1, 2), (3)", "m.sql:1:16 error: a row of VALUES has 1 column, the first one has 2"),
    ] {
        fails(sql, problem);
    }
}

#[test]
fn a_query_reads_tables_and_nothing_else() {
    for (sql, reads) in [
        ("select * from orders o join Orders p on true, main.shop.products", "orders main.shop.products"),
        ("with a as (select * from x), b as (select * from a) select * from b union all select * from c.d", "x c.d"),
        ("with x as (select * from x) select * from x", "x"),
        (
            "select (select 1 from s1) from t where a in (select b from s2) and exists (select 1 from s3 where c = (select d from s4))",
            "t s2 s3 s4 s1",
        ),
        ("select * from t, lateral explode(ys) f lateral view explode(xs) e as x", "t"),
        ("select explode(a) from range(10), lateral (select * from u)", "u"),
        ("with recursive r as (select 1 as n union all select n + 1 from r join limits) select * from r", "limits"),
        ("select * from `my-cat`.`sch`.`tab`", "my-cat.sch.tab"),
        ("select * from identifier(:t)", ""),
        ("select * from delta.`/x/y` join parquet.`s3://b/c`", ""),
        ("select * from t pivot (sum(x) for m in ('a'))", "t"),
        (
            "select case when a then (select max(x) from u) end from t group by all having count(*) > (select 1 from v) order by (select 2 from w)",
            "t u v w",
        ),
        ("from t |> join u on true |> where x > (select 1 from v)", "t u v"),
        ("table t", "t"),
        ("select 1 union all table s.t", "s.t"),
        ("select filter(xs, x -> x in (select y from u)) from t", "t u"),
    ] {
        let file = SourceFile::new("m.sql", sql);
        let parsed = parse(&Rendered::plain(&file)).unwrap_or_else(|e| panic!("{sql}: {e:?}"));
        let found: Vec<_> = parsed.reads().iter().map(|r| r.parts.join(".")).collect();
        assert_eq!(found.join(" "), reads, "{sql}");
    }
}

#[test]
fn places_come_from_the_given_map() {
    let file = SourceFile::new("d.json", "{\"query\": \"select nme from customers\"}");
    let shifted = Arc::clone(&file);
    let origin = move |range: std::ops::Range<usize>| Span::new(&shifted, range.start + 11..range.end + 11);
    let (columns, problems) = columns_of_sql("select nme from customers", origin, &relation, &known());
    assert_eq!(show(columns), "nme");
    assert_eq!(
        show_problems(&problems),
        ["d.json:1:19 error: there is no column `nme`: not in `customers` | Did you mean `name`?"]
    );
    let parsed = parse(&Rendered::plain(&SourceFile::new("m.sql", "select *\nfrom\n  orders"))).unwrap();
    assert_eq!(parsed.reads()[0].span.to_string(), "m.sql:3:3");
}

#[test]
fn long_chains_are_resolved_on_a_small_stack() {
    let sum = format!("select id{} as x from orders", " + 1".repeat(1900));
    let unions = format!("select id from orders{}", " union all select id from orders".repeat(600));
    let nested = format!("select {}id{} as x from orders", "abs(".repeat(80), ")".repeat(80));
    let run = move || {
        returns(&sum, "x BIGINT");
        returns(&unions, "id BIGINT");
        returns(&nested, "x BIGINT");
    };
    std::thread::Builder::new().stack_size(2 << 20).spawn(run).unwrap().join().unwrap();
}

#[test]
fn constructs_that_the_warehouse_has_are_no_mistakes() {
    for sql in [
        "from orders |> where id > 0 |> extend id + 1 as more |> aggregate sum(more) as total group by channel",
        "from orders |> set id = id + 1 |> drop channel |> order by id |> limit 1",
        "from orders |> as a |> join orders as b on a.id = b.id |> select a.id, b.channel",
        "from orders |> select id |> union all select id from customers",
        "select id, x from orders lateral view outer explode(tags) e as x",
        "select id, e.x from orders, lateral explode(tags) as e(x)",
        "select id, p, x from orders lateral view posexplode(tags) e as p, x",
        "select id, posexplode(tags) as (p, x) from orders",
        "select * from (select id, channel from orders) pivot (count(*) for channel in ('a' as a, 'b' as b))",
        "select id, k, v from (select id, id as b, id as c from orders) unpivot (v for k in (b, c))",
        "select channel from orders group by rollup (channel) having grouping(channel) = 0",
        "select id from orders tablesample (100 percent)",
        "select id from range(3)",
        "select * from stack(2, 1, 2) as s(a)",
        "table orders",
        "select id from orders except all select 7",
        "select channel like any ('a', 'b'), channel like all ('a'), tags[0], address.city from orders",
        "select id from orders sort by id",
        "select transform(tags, x -> upper(x)), exists(tags, x -> x = channel) from orders",
        "select a.id from orders a left semi join orders b using (id)",
        "select id from orders right join customers using (id)",
        "with recursive r(n) as (select 1 union all select n + 1 from r where n < 3) select n from r",
        "select id, row_number() over w as r from orders window w as (order by id) qualify r = 1",
        "select 1.5bd, 2.5f, 1y, 2s, .5d",
        "select payload:a.b[0]::int, payload:['a b'] from orders",
        "select (from orders |> aggregate max(id)) as m",
    ] {
        let (_, problems) = checked(sql);
        assert!(problems.is_empty(), "{sql}\n{problems:#?}");
    }
}
