//! Queries with what each lint says of them, and those of which it must keep silent.

use super::*;
use crate::analysis::tests::{known, relation};
use crate::analysis::{DataType, parse};
use crate::diag::SourceFile;
use crate::template::Rendered;

fn set<'a>(names: impl IntoIterator<Item = &'a str>) -> std::collections::BTreeSet<String> {
    names.into_iter().map(str::to_owned).collect()
}

/// What the tests of the shop's models hold: customers have a key, `one` has one row, `raw` is replicated.
fn facts(parts: &[String]) -> Known {
    let known = Known { is_model: true, ..Known::default() };
    match parts.join(".").to_lowercase().as_str() {
        "customers" => Known { keys: vec![set(["id"])], not_null: set(["id"]), ..known },
        "orders" => Known { not_null: set(["customer_id"]), ..known },
        "one" => Known { one_row: true, ..known },
        "raw.orders" => Known { is_source: true, soft_deletes: true, ..Known::default() },
        "mystery" => Known::default(),
        _ => known,
    }
}

fn relation_or_raw(parts: &[String]) -> Option<Relation> {
    let column = |name: &str, t: &str| Column { name: name.to_owned(), data_type: DataType::parse(t) };
    match parts.join(".").to_lowercase().as_str() {
        "raw.orders" => Some(Relation::Known(
            [
                column("id", "BIGINT"),
                column("at", "TIMESTAMP"),
                column("clock", "TIMESTAMP_NTZ"),
                column("_fivetran_deleted", "BOOLEAN"),
            ]
            .into(),
        )),
        "one" => Some(Relation::Known([column("last_day", "DATE")].into())),
        _ => relation(parts),
    }
}

fn examined(sql: &str, is_staging: bool) -> Examined {
    let parsed = parse(&Rendered::plain(&SourceFile::new("m.sql", sql))).unwrap_or_else(|e| panic!("{sql}: {e:?}"));
    let around =
        Surroundings { is_model: true, is_table: true, is_staging, time_zone: Some("Europe/Berlin"), facts: &facts };
    let examined = examine(&parsed, &relation_or_raw, &known(), &around);
    assert!(examined.problems.is_empty(), "{sql}: {:?}", examined.problems);
    examined
}

/// What is said of a query: `code text`.
fn said(sql: &str) -> Vec<String> {
    let text = |d: &Diagnostic| d.primary.as_ref().map(|(span, _)| span.text().to_owned()).unwrap_or_default();
    examined(sql, false).lints.iter().map(|d| format!("{} {}", d.code, text(d))).collect()
}

/// Fails with all queries of which something else is said than expected.
fn compare<'a>(cases: impl IntoIterator<Item = (&'a str, &'a str)>) {
    let different: String = cases
        .into_iter()
        .filter_map(|(sql, expected)| {
            let said = said(sql).join("; ");
            (said != expected).then(|| format!("{sql}\n    said {said}\n    not  {expected}\n"))
        })
        .collect();
    assert!(different.is_empty(), "\n{different}");
}

#[test]
fn lints_are_found_at_their_place() {
    compare([
        // Joins.
        ("select o.id from orders o, customers c", "cross-join customers"),
        ("select o.id from orders o, customers c where o.total > 1", "cross-join customers"),
        ("select o.id from orders o join customers c", "cross-join customers"),
        ("select o.id from orders o, (select id from customers) as s where s.id > 1", "cross-join s"),
        (
            "select o.id from orders o join customers c on c.id = o.customer_id, orders p where c.id = o.id",
            "cross-join orders",
        ),
        (
            "select c.id from customers c left join orders o on o.customer_id = c.id where o.total > 1",
            "left-join-filter o.total > 1",
        ),
        (
            "select c.id from customers c left join orders on customer_id = c.id where c.name = 'x' and channel in ('a', 'b')",
            "left-join-filter channel in ('a', 'b')",
        ),
        (
            "select c.id from customers c left join orders o on o.customer_id = c.id where o.channel <> 'a'",
            "left-join-filter o.channel <> 'a'",
        ),
        (
            "select o.id from orders o join customers c on o.customer_id = o.customer_id",
            "same-on-both-sides o.customer_id = o.customer_id",
        ),
        // Values.
        ("select id from orders where channel = null", "null-comparison channel = null"),
        ("select id, channel <> null as x from orders", "null-comparison channel <> null"),
        ("select case channel when null then 1 else 2 end as x from orders", "null-comparison null"),
        ("select id from orders where channel not in ('a', null)", "not-in-null null"),
        (
            "select id from customers where name not in (select channel from orders)",
            "not-in-null name not in (select channel from orders)",
        ),
        (
            "select count_if(total > 1) div count(*) as share from orders",
            "integer-division count_if(total > 1) div count(*)",
        ),
        (
            "select cast(count_if(total > 1) / count(*) as int) as share from orders",
            "integer-division count_if(total > 1) / count(*)",
        ),
        (
            "select 100 * (sum(case when total > 1 then 1 else 0 end) div count(id)) as p from orders",
            "integer-division sum(case when total > 1 then 1 else 0 end) div count(id)",
        ),
        ("select 100 * (id div customer_id) as p from orders", "integer-division id div customer_id"),
        (
            "select cast(months_between(ordered_at, date '2024-01-01') as int) as m from orders",
            "months-between months_between(ordered_at, date '2024-01-01')",
        ),
        (
            "select floor(months_between(ordered_at, signed_up_on)) as m from orders join customers on customers.id = customer_id",
            "months-between months_between(ordered_at, signed_up_on)",
        ),
        ("select cast(at as date) as day from raw.orders where not _fivetran_deleted", "utc-day at"),
        (
            "select date_trunc('month', o.at) as m from raw.orders o where not _fivetran_deleted",
            "utc-day date_trunc('month', o.at)",
        ),
        ("select id from raw.orders where at > clock and not _fivetran_deleted", "timestamp-mix at > clock"),
        ("select id from orders where ordered_at between '2024-01-01' and '2024-01-31'", "between-days '2024-01-31'"),
        (
            "select id from orders where ordered_at between date '2024-01-01' and date '2024-01-31'",
            "between-days '2024-01-31'",
        ),
        // Windows.
        (
            "select id, row_number() over (partition by customer_id order by ordered_at) as n from orders",
            "unordered-rank row_number",
        ),
        (
            "select * from (select payload, row_number() over (partition by channel order by total desc) as n from orders) where n = 1",
            "unordered-rank row_number",
        ),
        (
            "select id, row_number() over w as n from orders window w as (order by date(ordered_at))",
            "unordered-rank row_number",
        ),
        (
            "select id from orders qualify row_number() over (partition by customer_id order by total) = 1",
            "unordered-rank row_number",
        ),
        (
            "select id, last_value(total) over (partition by channel order by ordered_at) as l from orders",
            "last-value-frame last_value",
        ),
        // The query as a whole.
        ("select * from customers", "select-star *"),
        ("select c.* from customers c join orders o on o.customer_id = c.id", "select-star c.*"),
        ("with c as (select * from customers) select * from c", "select-star *"),
        (
            "with a as (select id from orders), b as (select * from mystery) select id from a union all select * from b",
            "select-star *",
        ),
        ("select id from orders limit 10", "unordered-limit 10"),
        ("select id from raw.orders", "fivetran-deleted raw.orders"),
        (
            "select date_trunc('month', signed_up_on) as cohort_month, count_if(id <= 90) / count(*) as r, x.n from customers, (select 1 as n) x group by all",
            "",
        ),
        (
            "with f as (select channel as cohort, id as days from orders) select cohort, count_if(days <= 90) / count(*) as rate from f group by cohort",
            "young-cohort count_if(days <= 90) / count(*)",
        ),
        (
            "with f as (select channel as cohort, id as days_to_second from orders) select cohort, \
             100.0 * sum(case when days_to_second < 30 then 1 else 0 end) / nullif(count(*), 0) as rate from f group by all",
            "young-cohort 100.0 * sum(case when days_to_second < 30 then 1 else 0 end) / nullif(count(*), 0)",
        ),
    ]);
}

#[test]
fn lints_keep_silent_where_they_cannot_be_sure() {
    compare([
        // Joins.
        "select o.id from orders o cross join customers c",
        "select o.id from orders o, one",
        "select o.id from orders o, (select max(total) as m from orders) t where o.total = t.m",
        "select o.id from orders o, customers c where o.customer_id = c.id",
        "select o.id from orders o, customers c where concat(o.customer_id, '') = concat(c.id, '')",
        "select o.id from orders o, lateral explode(o.tags) t",
        "select o.id from orders o, range(3) r",
        "select o.id, t.n from orders o, (values (1), (2)) as t(n)",
        "select m.id from mystery m, orders where x = channel",
        "select id from (select id, total from orders limit 1) a, (select 1 as x) b order by id",
        "select o.id from orders o join customers c on true",
        "select c.id from customers c left join orders o on o.customer_id = c.id where o.id is null",
        "select c.id from customers c left join orders o on o.customer_id = c.id where o.id is not null",
        "select c.id from customers c left join orders o on o.customer_id = c.id where coalesce(o.total, 0) > 1",
        "select c.id from customers c left join orders o on o.customer_id = c.id where o.total > 1 or o.total is null",
        "select c.id from customers c left join orders o on o.customer_id = c.id where o.total <=> 1",
        "select c.id from customers c left join orders o on o.customer_id = c.id where c.name = 'x'",
        "select o.id from orders o join orders p on o.customer_id = p.customer_id",
        // Values.
        "select id from orders where channel is null and channel <=> null",
        "select id from customers where id not in (select customer_id from orders)",
        "select name from customers where name not in (select channel from orders where channel is not null)",
        "select name from customers where name not in (select coalesce(channel, 'x') from orders)",
        "select id from orders where id not in (select id from mystery)",
        "select id from orders where channel not in ('a', 'b') and channel in ('c', null)",
        "select id div 2 as half, cast(total / 3 as int) as third, id / 7 as week from orders",
        "select count_if(total > 1) / count(*) as share, cast(sum(total) / count(*) as int) as mean from orders",
        "select cast(months_between(trunc(ordered_at, 'MM'), date_trunc('month', ordered_at)) as int) as m from orders",
        "select floor(months_between(current_date(), signed_up_on)) as months, months_between(signed_up_on, date '2024-01-15') as m from customers",
        "select cast(from_utc_timestamp(at, 'Europe/Berlin') as date) as day from raw.orders where not _fivetran_deleted",
        "select cast(ordered_at as date) as day from orders",
        "select date_trunc('hour', at) as h from raw.orders where not _fivetran_deleted and cast(at as date) > '2024-01-01'",
        "select id from orders where ordered_at between '2024-01-01' and '2024-01-31 23:59:59'",
        "select id from customers where signed_up_on between '2024-01-01' and '2024-01-31'",
        // Windows.
        "select id, row_number() over (partition by customer_id order by ordered_at, id) as n from orders",
        "select id, row_number() over (order by name, id) as n from customers",
        "select name, row_number() over (partition by id order by name) as n from customers",
        "select channel, total, row_number() over (partition by channel order by total) as n, count(*) over () as c from orders",
        "select channel, count(*) as c, row_number() over (order by channel) as n from orders group by channel",
        "select id, rank() over (order by total) as r, dense_rank() over (order by total) as d from orders",
        "select id, row_number() over (order by rand()) as n from orders",
        "select c.name, o.total, row_number() over (partition by c.id order by o.id) as n from customers c join orders o on o.customer_id = c.id",
        "select id, last_value(total) ignore nulls over (order by ordered_at) as l from orders",
        "select id, last_value(total) over (order by id rows between unbounded preceding and unbounded following) as l from orders",
        // The query as a whole.
        "with c as (select id, name from customers) select * from c",
        "select * from (select id from orders)",
        "select count(*) as n from (select * from orders)",
        "select max(id) as m from orders limit 1",
        "select id from orders order by id limit 10",
        "select id, _fivetran_deleted from raw.orders",
        "with f as (select channel as cohort, id as days, total as observed_days from orders) \
         select cohort, count_if(days <= 90) / count(*) as rate from f where observed_days >= 90 group by cohort",
        "select channel, count_if(id <= 90) / count(*) as rate from orders group by channel",
    ]
    .map(|sql| (sql, "")));
    assert!(examined("select * from raw.orders", true).lints.is_empty());
}

#[test]
fn what_is_allowed_is_not_said_and_what_is_not_there_is_noticed() {
    let allowed = |sql: &str| {
        let found = examined(sql, false);
        let used: Vec<bool> = found.allows.iter().map(|a| a.used).collect();
        (found.lints.len(), used)
    };
    assert_eq!(allowed("select o.id\n-- kiln: allow(cross-join) few\nfrom orders o, customers c"), (0, vec![true]));
    assert_eq!(allowed("select o.id\nfrom orders o, customers c -- kiln: allow(K401)"), (0, vec![true]));
    assert_eq!(allowed("-- kiln: allow(cross-join)\n\nselect o.id\nfrom orders o,\n customers c"), (0, vec![true]));
    assert_eq!(allowed("select o.id\n-- kiln: allow(cross-join)\nfrom orders o,\n customers c"), (1, vec![false]));
    assert_eq!(allowed("select o.id\nfrom orders o, customers c -- kiln: allow(select-star)"), (1, vec![false]));
}

#[test]
fn what_is_known_of_rows_follows_from_the_query() {
    for (sql, keys, one_row) in [
        ("select id, name from customers", "id", false),
        ("select id as customer, name from customers", "customer", false),
        ("select name from customers", "", false),
        ("select channel, count(*) as n from orders group by channel", "channel", false),
        ("select channel as c, date(ordered_at) as d, count(*) as n from orders group by 1, 2", "c+d", false),
        ("select channel, customer_id, count(*) as n from orders group by all", "channel+customer_id", false),
        ("select distinct channel, total from orders", "channel+total", false),
        ("select count(*) as n from orders", "", true),
        ("select id from orders limit 1", "", true),
        ("select 1 as x", "", true),
        (
            "select channel, customer_id from orders qualify row_number() over (partition by customer_id order by id) = 1",
            "customer_id",
            false,
        ),
        (
            "select c, t from (select customer_id as c, total as t, row_number() over (partition by customer_id order by id) as n from orders) where n = 1",
            "c",
            false,
        ),
        ("select o.total, c.id from orders o join customers c on c.id = o.customer_id", "", false),
        (
            "select c.id, n from customers c left join (select customer_id, count(*) as n from orders group by customer_id) s on s.customer_id = c.id",
            "id",
            false,
        ),
        ("select c.id, one.last_day from customers c cross join one", "id", false),
        ("select id from customers union all select id from customers", "", false),
        ("select id, explode(array(1, 2)) as x from customers", "", false),
        ("select id, tag from customers lateral view explode(array(1)) t as tag", "", false),
        ("with c as (select * from customers) select c.id, c.name from c where name = 'x'", "id", false),
    ] {
        let rows = examined(sql, true).rows;
        let shown: Vec<String> =
            rows.keys.iter().map(|key| key.iter().cloned().collect::<Vec<_>>().join("+")).collect();
        assert_eq!((shown.first().map_or("", String::as_str), rows.one_row), (keys, one_row), "{sql}");
    }
}

#[test]
fn what_is_not_analysed_is_noted_once_a_place() {
    let noted = |sql: &str| examined(sql, true).unknown.into_iter().map(|(_, what)| what).collect::<Vec<_>>();
    assert_eq!(noted("select a from mystery where b in (select c from mystery)").len(), 2);
    assert_eq!(noted("select a from mystery"), ["the columns of `mystery`, which are not declared"]);
    assert_eq!(noted("select a from read_files('/x')"), ["the columns of `read_files`"]);
    assert_eq!(noted("select a from parquet.`/x/y`"), ["the columns of the files `/x/y`"]);
    assert_eq!(noted("select a from identifier(:t)"), ["the table that IDENTIFIER names"]);
    assert_eq!(noted("select id from orders join customers using (id)"), Vec::<String>::new());
}
