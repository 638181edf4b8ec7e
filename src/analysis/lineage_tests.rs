//! Where columns of queries come from. What is expected is worked out by hand.

use super::*;
use crate::diag::SourceFile;
use crate::template::Rendered;

/// Columns of the tables; of `x` and `y` nothing is known.
fn relation(parts: &[String]) -> Option<Relation> {
    let columns: &[(&str, &str)] = match parts.join(".").to_lowercase().as_str() {
        "t" => &[("a", "INT"), ("b", "INT"), ("c", "STRING")],
        "u" => &[("a", "INT"), ("d", "INT"), ("tags", "ARRAY<STRING>"), ("s", "STRUCT<p: INT, q: INT>")],
        "x" | "y" => return Some(Relation::Unknown),
        _ => return None,
    };
    let column = |(name, t): &(&str, &str)| Column { name: (*name).to_owned(), data_type: DataType::parse(t) };
    Some(Relation::Known(columns.iter().map(column).collect()))
}

/// `a: t.a, computed t.b; b: ?` with what decides about rows behind a bar.
fn traced(sql: &str) -> (String, String, Traced) {
    let parsed = parse(&Rendered::plain(&SourceFile::new("m.sql", sql))).unwrap_or_else(|p| panic!("{sql}\n{p:?}"));
    let traced = trace(&parsed, &relation);
    let name = |read: &ColumnRead| format!("{}.{}", traced.tables[read.table].join("."), read.column);
    let columns = traced.columns.iter().map(|column| {
        let mut from: Vec<String> = column
            .from
            .iter()
            .map(|(read, how)| match how {
                How::Unchanged => name(read),
                How::Computed => format!("computed {}", name(read)),
                How::Aggregated => format!("aggregated {}", name(read)),
            })
            .collect();
        if column.unknown {
            from.push("?".to_owned());
        }
        format!("{}: {}", column.name, if from.is_empty() { "-".to_owned() } else { from.join(", ") })
    });
    let mut columns: Vec<String> = columns.collect();
    match traced.rest {
        Rest::Nothing => {}
        Rest::Of(table) => columns.push(format!("* of {}", traced.tables[table].join("."))),
        Rest::Unknown => columns.push("*?".to_owned()),
    }
    let rows = traced
        .rows
        .iter()
        .map(|(read, clauses)| format!("{} {}", name(read), clauses.words().collect::<Vec<_>>().join("+")));
    (columns.join("; "), rows.collect::<Vec<_>>().join("; "), traced.clone())
}

#[test]
fn values_and_what_decides_about_rows_are_told_apart() {
    for (sql, columns, rows) in [
        ("select a, b + 1 as n, 'x' as k from t", "a: t.a; n: computed t.b; k: -", ""),
        ("select (a) as n, t.c from t where b > 1", "n: t.a; c: t.c", "t.b filter"),
        (
            "select sum(a) as s, count(*) as n from t group by b, c having max(b) > 2",
            "s: aggregated t.a; n: -",
            "t.b filter+group; t.c group",
        ),
        ("select b, sum(a) from t group by 1", "b: t.b; sum(a): aggregated t.a", "t.b group"),
        ("select b, sum(a) s from t group by all", "b: t.b; s: aggregated t.a", "t.b group"),
        ("select distinct a from t order by b limit 1", "a: t.a", "t.a group; t.b order"),
        (
            "select a, row_number() over (partition by b order by c) n from t",
            "a: t.a; n: aggregated t.b, aggregated t.c",
            "",
        ),
        ("select a from t qualify row_number() over (order by b) = 1", "a: t.a", "t.b filter"),
        ("select sum(a) filter (where c = 'x') s from t", "s: aggregated t.a, aggregated t.c", ""),
        ("select case when a > 1 then b else 0 end n from t", "n: computed t.a, computed t.b", ""),
        ("select a * 2 as d, d + b as e from t", "d: computed t.a; e: computed t.a, computed t.b", ""),
        ("select cast(a as string) from t", "CAST(a AS STRING): computed t.a", ""),
        ("select s.p, s from u", "p: computed u.s; s: u.s", ""),
        ("select s.* from u", "p: computed u.s; q: computed u.s", ""),
    ] {
        let found = traced(sql);
        assert_eq!((found.0.as_str(), found.1.as_str()), (columns, rows), "{sql}");
    }
}

#[test]
fn stars_ctes_subqueries_and_joins_are_looked_through() {
    for (sql, columns, rows) in [
        ("select * except (b) from t", "a: t.a; c: t.c", ""),
        (
            "with w as (select *, a + b as n from t where c = 'x') select n as m, b from w",
            "m: computed t.a, computed t.b; b: t.b",
            "t.c filter",
        ),
        (
            "with w as (select a from t where b = 1), v as (select a from t where c = '') select a from v",
            "a: t.a",
            "t.c filter",
        ),
        (
            "select z.m from (select max(b) as m, a from t group by a) as z where z.a = 1",
            "m: aggregated t.b",
            "t.a filter+group",
        ),
        ("select t.a, u.d from t join u on t.a = u.a", "a: t.a; d: u.d", "t.a join; u.a join"),
        ("select a, d from t join u using (a)", "a: t.a; d: u.d", "t.a join; u.a join"),
        ("select a from t right join u using (a)", "a: u.a", "t.a join; u.a join"),
        ("select a from t full join u using (a)", "a: computed t.a, computed u.a", "t.a join; u.a join"),
        (
            "select * except (tags, s) from t natural full join u",
            "a: computed t.a, computed u.a; b: t.b; c: t.c; d: u.d",
            "t.a join; u.a join",
        ),
        ("select t.* from t left anti join u on t.b = u.d", "a: t.a; b: t.b; c: t.c", "t.b join; u.d join"),
        (
            "select a, (select max(d) from u where u.a = t.a) m from t",
            "a: t.a; m: aggregated u.d",
            "t.a filter; u.a filter",
        ),
        ("select a from t where b in (select d from u where a > 1)", "a: t.a", "t.b filter; u.a filter; u.d filter"),
        ("select a from t where exists (select 1 from u where u.d = t.b)", "a: t.a", "t.b filter; u.d filter"),
        ("select n.v from t, lateral (select t.a + u.d as v from u) n", "v: computed t.a, computed u.d", ""),
        ("select p.k, p.v from (select a as k, b as v from t) as p(k, v)", "k: t.a; v: t.b", ""),
    ] {
        let found = traced(sql);
        assert_eq!((found.0.as_str(), found.1.as_str()), (columns, rows), "{sql}");
    }
}

#[test]
fn set_operations_generators_and_recursion_are_followed() {
    for (sql, columns, rows) in [
        ("select a, b from t union all select d, a from u", "a: t.a, u.d; b: t.b, u.a", ""),
        ("select a from t union select d from u", "a: t.a, u.d", "t.a group; u.d group"),
        ("select a from t except select d from u", "a: t.a", "u.d filter"),
        ("select a, b from t union all by name select d as b, a from u", "a: t.a, u.a; b: t.b, u.d", ""),
        ("select a, e.tag from u lateral view explode(tags) e as tag", "a: u.a; tag: computed u.tags", "u.tags expand"),
        ("select explode(tags) as tag from u", "tag: computed u.tags", "u.tags expand"),
        ("select a from u, explode(tags)", "a: u.a", "u.tags expand"),
        ("select transform(tags, e -> concat(e, d)) l from u", "l: computed u.d, computed u.tags", ""),
        (
            "with recursive r as (select a, b, 0 as n from t union all select b, a, n + 1 from r where n < 3) select a, n from r",
            "a: t.a, t.b; n: -",
            "",
        ),
        (
            "with recursive r as (select a, b from t union all select r.b, u.d from r join u on r.a = u.a) select a from r",
            "a: t.a, t.b, u.d",
            "t.a join; t.b join; u.a join; u.d join",
        ),
        (
            "select k, v from t lateral view stack(2, 'a', a, 'b', b + 1) e as k, v",
            "k: -; v: computed t.a, computed t.b",
            "t.a expand; t.b expand",
        ),
        ("select v.col1 from values (1), (2) as v", "col1: -", ""),
        (
            "select * from t pivot (sum(a) for c in ('p', 'q'))",
            "b: t.b; p: aggregated t.a; q: aggregated t.a",
            "t.c expand",
        ),
        ("select * from t unpivot (v for n in (a, b))", "c: t.c; n: -; v: t.a, t.b", ""),
    ] {
        let found = traced(sql);
        assert_eq!((found.0.as_str(), found.1.as_str()), (columns, rows), "{sql}");
    }
}

#[test]
fn what_is_not_known_is_said_to_be_unknown_and_never_guessed() {
    for (sql, columns, rows) in [
        // Of one table, a name can be nothing but its column.
        ("select k, x.v + 1 as n from x where f", "k: x.k; n: computed x.v", "x.f filter"),
        ("select * from x", "* of x", ""),
        ("with w as (select *, k + 1 as n from x) select v, n from w", "v: x.v; n: computed x.k", ""),
        ("select a, k from t join x on true", "a: t.a; k: x.k", ""),
        // Of two, it can be either.
        ("select k, x.v from x join y on x.i = y.i", "k: ?; v: x.v", "x.i join; y.i join"),
        ("select * from x join y using (i)", "*?", ""),
        ("select (select max(k) from x where v = b) m from t", "m: aggregated x.k", ""),
        ("select * from t pivot (sum(a) for c in (upper('p')))", "*?", "t.c expand"),
        ("select current_date as d, k from x", "d: -; k: x.k", ""),
        ("select a from t union all select * from x", "*?", ""),
    ] {
        let found = traced(sql);
        assert_eq!(found.0, columns, "{sql}");
        if !rows.is_empty() {
            assert_eq!(found.1, rows, "{sql}");
        }
    }
}

#[test]
fn every_column_that_is_named_is_told_and_no_other() {
    for (sql, expected) in [
        ("select * from t", ""),
        ("with w as (select * from t) select a from w", "t.a"),
        ("with w as (select a, b from t) select a from w", "t.a t.b"),
        ("select 1 from t where exists (select c from u where d = b)", "t.b t.c u.d"),
        ("select a from t order by 1", "t.a"),
        ("select count(*) from x where k", "x.k"),
    ] {
        let found = traced(sql).2;
        let mut named: Vec<String> =
            found.named.iter().map(|read| format!("{}.{}", found.tables[read.table].join("."), read.column)).collect();
        named.sort();
        assert_eq!(named.join(" "), expected, "{sql}");
    }
}
