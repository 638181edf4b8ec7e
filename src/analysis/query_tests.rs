//! A table of queries over the small shop of [`super::tests`]: right ones, of which nothing is said, and wrong ones with
//! the code of the mistake and the text at its place.

use super::resolve;
use super::tests::{known, relation};
use crate::analysis::parse;
use crate::diag::SourceFile;
use crate::template::Rendered;

/// Fails with all queries of which something else is said than expected.
fn compare<'a>(cases: impl IntoIterator<Item = (&'a str, Vec<&'a str>)>) {
    let different: String = cases
        .into_iter()
        .filter_map(|(sql, expected)| {
            let said = said(sql);
            (said != expected).then(|| format!("{sql}\n    said {said:?}\n    not  {expected:?}\n"))
        })
        .collect();
    assert!(different.is_empty(), "\n{different}");
}

/// What is said of a query: `code text`.
fn said(sql: &str) -> Vec<String> {
    let parsed = match parse(&Rendered::plain(&SourceFile::new("m.sql", sql))) {
        Ok(parsed) => parsed,
        Err(problems) => return problems.iter().map(|p| format!("{} {}", p.code, p.message)).collect(),
    };
    let (_, problems) = resolve(&parsed, &relation, &known());
    let text =
        |p: &crate::diag::Diagnostic| p.primary.as_ref().map(|(span, _)| span.text().to_owned()).unwrap_or_default();
    problems.iter().map(|p| format!("{} {}", p.code, text(p))).collect()
}

#[test]
fn nothing_is_said_of_right_queries() {
    compare([
        // Stars.
        "select * from orders",
        "select o.* except (payload), c.name from orders o join customers c on c.id = o.customer_id",
        "select * except (id), id + 1 as id from customers",
        "select address.* from orders",
        "select x.* from (select struct(1 as a, 2 as b) as x)",
        "select a, b from (select x.* from (select struct(1 as a, 2 as b) as x))",
        "select id, name from (select * from customers) where country = 'DE'",
        "with c as (select * from customers) select id, name, country, signed_up_on from c",
        // CTEs and subqueries.
        "with a as (select id from orders), b as (select a.id from a) select id from b where id in (select id from a)",
        "with t(x, y) as (values (1, 2)) select x + y as s from t",
        "with orders as (select 1 as mine) select mine from orders",
        "select (select max(total) from orders o where o.customer_id = c.id) as best from customers c",
        "select id from customers c where exists (select 1 from orders where customer_id = c.id)",
        "select id from customers where id not in (select customer_id from orders where customer_id is not null)",
        "select id from orders where (customer_id, channel) in (select id, country from customers)",
        "select * from (values (1, 'a')) as v(n, s) where n > 0",
        // Joins.
        "select id, total, name from orders join customers using (id)",
        "select orders.id, customers.id as cid from orders join customers using (id)",
        "select id, name, total from orders natural join customers",
        "select o.id from orders o left anti join customers c on c.id = o.customer_id",
        "select c.id, o.total from customers c left join orders o on o.customer_id = c.id and o.total > 10",
        "select a.id from orders a, orders b where a.id = b.customer_id",
        "select o.id, p.sku from orders o cross join main.shop.products p",
        "select o.id, t.col from orders o, lateral explode(o.tags) t",
        "select c.id, l.n from customers c left join lateral (select count(*) as n from orders o where o.customer_id = c.id) l",
        "select o.id from orders o full outer join customers c on o.customer_id = c.id where coalesce(c.country, 'x') <> 'y'",
        // Grouping.
        "select channel, count(*) as n from orders group by channel having count(*) > 1",
        "select channel as c, sum(total) as s from orders group by c order by s desc",
        "select channel, date_trunc('month', ordered_at) as m, count(*) as n from orders group by 1, 2",
        "select channel, count(*) as n from orders group by all",
        "select upper(channel) as u, max(total) - min(total) as spread from orders group by upper(channel)",
        "select channel, customer_id, sum(total) as s from orders group by cube (channel, customer_id)",
        "select channel, grouping(channel) as g, count(*) as n from orders group by rollup (channel)",
        "select max(total) as m from orders having max(total) > 5",
        "select count(distinct channel, customer_id) as n from orders",
        "select any_value(channel) as c, count_if(total > 5) as n from orders",
        "select sum(total) filter (where channel = 'web') as web from orders",
        "select channel, collect_list(struct(id, total)) as l from orders group by channel",
        "select percentile_cont(0.5) within group (order by total) as p from orders",
        "select channel, 'x' as constant, current_date() as today, count(*) as n from orders group by channel",
        "select channel, total from orders group by channel, total",
        "select o.channel, count(*) as n from orders o group by channel",
        // Windows.
        "select id, row_number() over (partition by channel order by total desc) as n from orders",
        "select id, sum(total) over (partition by channel) as s, count(*) over () as n from orders",
        "select id, lag(total, 1, 0) over w as before from orders window w as (order by id)",
        "select channel, sum(sum(total)) over (order by channel) as running from orders group by channel",
        "select channel, rank() over (order by count(*) desc) as r from orders group by channel",
        "select id from orders qualify row_number() over (partition by customer_id order by id) = 1",
        "select id, row_number() over (order by id) as n from orders qualify n = 1",
        "select id, avg(total) over (order by ordered_at range between interval 7 days preceding and current row) as a from orders",
        "select id, first_value(total) ignore nulls over (order by id) as f from orders",
        // Aliases.
        "select total * 2 as twice, twice + 1 as more from orders where total > 1",
        "select id as order_id from orders order by order_id, total",
        "select date(ordered_at) as day, count(*) as n from orders group by day having n > 1",
        // Generators.
        "select id, tag from orders lateral view explode(tags) t as tag where tag <> ''",
        "select id, k, v from orders lateral view outer explode(attributes) a as k, v",
        "select id, explode(tags) as tag from orders",
        "select pos, col from (select posexplode(tags) from orders)",
        "select d from (select explode(sequence(date '2024-01-01', date '2024-12-01', interval 1 month)) as d)",
        "select id from range(1, 10, 2)",
        "select a, b from (select stack(2, 1, 'x', 2, 'y') as (a, b))",
        // Nested values.
        "select address.city, address.geo.lat, tags[0], attributes['k'], payload:items[0].sku::int from orders",
        "select transform(tags, t -> upper(t)), aggregate(tags, 0, (a, t) -> a + length(t)), map_keys(attributes) from orders",
        "select named_struct('a', id, 'b', name).b as b from customers",
        "select filter(tags, (t, i) -> i > 0 and t <> channel) as f from orders",
        // Pivots.
        "select customer_id, web, shop from (select customer_id, channel, total from orders) pivot (sum(total) for channel in ('web' as web, 'shop' as shop))",
        "select web_s, web_n from (select channel, total from orders) pivot (sum(total) as s, count(*) as n for channel in ('web'))",
        "select * from (select channel, id from orders) pivot (count(id) for channel in ('a', 'b'))",
        "select id, what, value from (select id, name, country from customers) unpivot (value for what in (name, country))",
        "select id, k, v from (select id, id as b, id as c from orders) unpivot include nulls (v for k in (b as x, c as y))",
        // Pipes.
        "from orders |> where total > 1 |> aggregate sum(total) as s group by channel |> order by s",
        "from orders |> extend total * 2 as twice |> select id, twice |> limit 5",
        "from customers |> as c |> join orders o on o.customer_id = c.id |> select c.name, o.total",
        "from orders |> drop payload |> set channel = upper(channel) |> select channel",
        // Sets.
        "select id, name from customers union all select id, channel from orders",
        "select id from orders except select id from customers order by 1",
        "select id, name from customers union by name select name, id from customers",
        "with recursive r as (select 1 as n union all select n + 1 from r where n < 5) select sum(n) from r",
        // Functions and types.
        "select datediff(day, signed_up_on, current_date()), datediff(current_date(), signed_up_on) from customers",
        "select dateadd(month, 1, signed_up_on), date_add(signed_up_on, 7), signed_up_on + interval 1 week from customers",
        "select coalesce(total, 0), nullif(total, 0), try_divide(total, 0), total / 2, id div 2, id % 2 from orders",
        "select sum(payload) as from_text, avg(id) as a, sum(cast(channel as int)) as s from orders",
        "select case channel when 'a' then 1 else 2 end, if(total > 1, 'x', 'y'), iff(id = 1, 1, 0) from orders",
        "select id from orders where channel like any ('a%', 'b%') and channel rlike '^x'",
        "select id from orders where not (total > 1) and tags is not null and contains(channel, 'x')",
        "select id from orders where channel = 5 or ordered_at > '2024-01-01' or total = '5'",
        "select extract(year from ordered_at), date_part('month', ordered_at), year(ordered_at) from orders",
        "select main.shop.my_function(id) as x from orders",
        "select id, name from customers tablesample (10 percent)",
        "select id from orders version as of 3",
        "select :p as p, id from orders where id = :id",
        "select signed_up_on - date '2024-01-01' as d, make_interval(1) as i from customers",
        "select array_contains(tags, 'x') and true as b, exists(tags, t -> t = 'y') as e from orders",
        "select id from orders where tags = array('a') and address is null",
        "select bool_or(total > 1) as any_large, every(total > 0) as all_paid from orders",
        "select anything from mystery where other > 1 group by whatever, anything",
        "select m.x, o.id from mystery m join orders o using (id)",
    ]
    .map(|sql| (sql, Vec::new())));
}

#[test]
fn mistakes_are_told_with_their_code_and_place() {
    compare([
        // Tables and columns.
        ("select id from ordrs", "unknown-table ordrs"),
        ("select id from shop.nothing", "unknown-table shop.nothing"),
        ("with a as (select 1 as x) select x from b", "unknown-table b"),
        ("select custmer_id from orders", "unknown-column custmer_id"),
        ("select o.nam from orders o", "unknown-column o.nam"),
        ("select c.id from orders o", "unknown-column c.id"),
        ("select z from (select x.* from (select struct(1 as a, 2 as b) as x))", "unknown-column z"),
        ("select payload from (select * except (payload) from orders)", "unknown-column payload"),
        ("with c as (select id as customer from customers) select id from c", "unknown-column id"),
        ("with t(x) as (values (1)) select y from t", "unknown-column y"),
        ("select n from (values (1)) as v(m)", "unknown-column n"),
        ("select * except (nothing) from customers", "unknown-column nothing"),
        ("select nothing.* from customers", "unknown-table nothing"),
        ("select id from customers where id in (select nothing from orders)", "unknown-column nothing"),
        ("select (select max(nothing) from orders) as m from customers", "unknown-column nothing"),
        ("select total from orders join customers using (country)", "unknown-column country"),
        ("select o.id from orders o join customers c on c.order_id = o.id", "unknown-column c.order_id"),
        (
            "select o.id from orders o left anti join customers c on c.id = o.id where c.name = 'x'",
            "unknown-column c.name",
        ),
        ("select id from orders order by nothing", "unknown-column nothing"),
        ("select channel, count(*) as n from orders group by chanel", "unknown-column chanel"),
        ("select max(id) as m from orders having nothing > 1", "unknown-column nothing"),
        ("select id from orders qualify nothing = 1", "unknown-column nothing"),
        ("select sum(total) over (partition by nothing) as s from orders", "unknown-column nothing"),
        ("select sum(total) over w as s from orders window w as (order by nothing)", "unknown-column nothing"),
        ("select total as t from orders where t > 1", "unknown-column t"),
        ("select transform(tags, t -> upper(u)) as x from orders", "unknown-column u"),
        ("select id, tag from orders lateral view explode(tagz) t as tag", "unknown-column tagz"),
        ("select id, t.tg from orders lateral view explode(tags) t as tag", "unknown-column t.tg"),
        ("select id, colour from (select id, explode(tags) from orders)", "unknown-column colour"),
        ("select case when nothing then 1 end as x from orders", "unknown-column nothing"),
        ("select payload:a.b, nothing:a from orders", "unknown-column nothing"),
        ("from orders |> select id |> where channel = 'x'", "unknown-column channel"),
        ("from orders |> aggregate count(*) as n group by channel |> select id", "unknown-column id"),
        ("from orders |> drop id |> select id", "unknown-column id"),
        (
            "select shop from (select channel, total from orders) pivot (sum(total) for channel in ('web' as web))",
            "unknown-column shop",
        ),
        (
            "select total from (select id, channel, total from orders) pivot (sum(total) for channel in ('web' as web))",
            "unknown-column total",
        ),
        (
            "select 1 as x from (select id, channel from orders) pivot (sum(total) for channel in ('web'))",
            "unknown-column total",
        ),
        (
            "select name from (select id, name, country from customers) unpivot (v for k in (name, country))",
            "unknown-column name",
        ),
        (
            "select k from (select id, name from customers) unpivot (v for k in (name, country))",
            "unknown-column country",
        ),
        ("with recursive r as (select 1 as n union all select m + 1 from r) select n from r", "unknown-column m"),
        // Ambiguous and double columns.
        ("select id from orders join customers on customer_id = customers.id", "ambiguous-column id"),
        ("select o.id from orders o join customers c on o.customer_id = c.id where id > 1", "ambiguous-column id"),
        ("select x from (select id as x, total as x from orders)", "ambiguous-column x"),
        // Fields and windows.
        ("select address.cty from orders", "unknown-column cty"),
        ("select address.geo.lat.x from orders", "unknown-column x"),
        ("select o.total.x from orders o", "unknown-column x"),
        ("select sum(total) over nowhere as s from orders", "unknown-name nowhere"),
        ("with a as (select 1 as x), A as (select 2 as y) select 3 as z", "duplicate-name A"),
        // Counts and positions.
        ("select (select id, total from orders) as x", "column-count select"),
        ("select id from customers where id in (select id, total from orders)", "column-count select"),
        ("select id from customers where (id, name) in (select id from orders)", "column-count select"),
        ("select id from orders union all select id, name from customers", "column-count select"),
        ("select id, name from customers intersect select id from orders", "column-count select"),
        ("with a(x, y) as (select 1) select x from a", "column-count a"),
        ("values (1, 2), (3)", "column-count ("),
        ("select id from orders order by 2", "column-position 2"),
        ("select channel, count(*) as n from orders group by 3", "column-position 3"),
        // Grouping.
        ("select channel, total, count(*) as n from orders group by channel", "not-grouped total"),
        ("select id, max(total) as m from orders", "not-grouped id"),
        ("select channel, count(*) as n, o.id from orders o group by channel", "not-grouped o.id"),
        ("select channel, upper(payload) as p from orders group by channel", "not-grouped payload"),
        ("select id from orders having id > 1", "not-grouped id"),
        ("select total as channel, count(*) as n from orders group by channel", "not-grouped total"),
        // Aggregates and windows.
        ("select channel from orders where count(*) > 1 group by channel", "misplaced-aggregate count"),
        ("select id from orders where total = max(total)", "misplaced-aggregate max"),
        ("select count(*) as n from orders group by count(*)", "misplaced-aggregate count"),
        ("select channel, count(*) as n from orders group by channel, n", "misplaced-aggregate n"),
        ("select channel, count(*) as n from orders group by 1, 2", "misplaced-aggregate 2"),
        ("select o.id from orders o join customers c on c.id = max(o.id)", "misplaced-aggregate max"),
        ("select max(count(*)) as m from orders group by channel", "nested-aggregate count"),
        ("select sum(total) filter (where max(id) > 1) as s from orders", "nested-aggregate max"),
        ("select id from orders where row_number() over (order by id) = 1", "misplaced-window row_number"),
        (
            "select channel from orders group by channel having rank() over (order by channel) = 1",
            "misplaced-window rank",
        ),
        ("select count(*) as n from orders group by ntile(4) over (order by id)", "misplaced-window ntile"),
        ("select sum(row_number() over (order by id)) as s from orders", "misplaced-window row_number"),
        ("select row_number() as n from orders", "missing-over row_number"),
        ("select lag(total) as n from orders", "missing-over lag"),
        ("select rank() over (partition by channel) as r from orders", "missing-order rank"),
        ("select lead(total) over () as l from orders", "missing-order lead"),
        ("select row_number() over w as r from orders window w as (partition by channel)", "missing-order row_number"),
        // Functions.
        ("select dat_trunc('month', ordered_at) as m from orders", "unknown-function dat_trunc"),
        ("select frobnicate(id) as x from orders", "unknown-function frobnicate"),
        ("select id from orders where lenght(channel) > 1", "unknown-function lenght"),
        ("select x from explod(array(1)) as t(x)", "unknown-function explod"),
        ("select date_trunc('month') as m from orders", "wrong-arguments date_trunc"),
        ("select coalesce() as c from orders", "wrong-arguments coalesce"),
        ("select upper(channel, 'x') as u from orders", "wrong-arguments upper"),
        ("select months_between(ordered_at) as m from orders", "wrong-arguments months_between"),
        // Types.
        ("select sum(signed_up_on) as s from customers", "type-mismatch sum"),
        ("select avg(tags) as a from orders", "type-mismatch avg"),
        ("select sum(total > 1) as n from orders", "type-mismatch sum"),
        ("select id from orders where total", "type-mismatch total"),
        ("select channel from orders group by channel having count(*)", "type-mismatch count(*)"),
        ("select o.id from orders o join customers c on c.id", "type-mismatch c.id"),
        ("select tags + 1 as t from orders", "type-mismatch 1"),
        ("select id from orders where tags = 'a'", "type-mismatch 'a'"),
        ("select id from customers where signed_up_on = 5", "type-mismatch 5"),
        ("select id from customers where id and name = 'x'", "type-mismatch name = 'x'"),
        ("select id from orders where not id", "type-mismatch id"),
        ("select id from orders union all select tags from orders", "type-mismatch select"),
        ("select signed_up_on from customers union select id from orders", "type-mismatch select"),
        // Syntax.
        ("select a, from t", "sql-syntax expected an expression after `,`, found `from`"),
        ("select 1; select 2", "sql-syntax expected one query, found a second statement that begins with `select`"),
    ]
    .map(|(sql, expected)| (sql, vec![expected])));
}

#[test]
fn one_mistake_makes_no_others() {
    compare([
        // What cannot be told of the CTE is not asked of its readers.
        ("with a as (select * from nothing) select x, y from a where z > 1", vec!["unknown-table nothing"]),
        ("with a as (select idd as id from orders) select id + 1 as n from a where id > 1", vec!["unknown-column idd"]),
        (
            "select t.a, t.b from (select * from nothing) t join orders using (c)",
            vec!["unknown-table nothing", "unknown-column c"],
        ),
        (
            "select x + 1 as y, y + 1 as z from (select frobnicat(id) as x from orders)",
            vec!["unknown-function frobnicat"],
        ),
        (
            "with a as (select id from orders union all select id, name from customers) select other from a",
            vec!["column-count select"],
        ),
        ("select totl * 2 as twice, twice + 1 as more, more / 2 as half from orders", vec!["unknown-column totl"]),
    ]);
}
