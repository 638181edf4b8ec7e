//! Headers of statements, as written by people and by tools.

use super::*;

fn parse(text: &str) -> Statement {
    parse_statement(text).unwrap_or_else(|e| panic!("{text}: {e:?}"))
}

fn parts(name: &Name) -> String {
    match name {
        Name::Parts { parts, .. } => parts.join("."),
        Name::Computed { expression, .. } => format!("IDENTIFIER({})", expression.text()),
    }
}

#[test]
fn a_ctas_gives_its_header_and_its_query_in_place() {
    let text = "CREATE OR REPLACE TABLE main.`my schema`.t\nUSING DELTA CLUSTER BY (a, b)\nCOMMENT 'it\\'s \"x\"' \
                TBLPROPERTIES ('kiln.fingerprint' = 'abc', delta.enableX = true)\nAS SELECT 1 AS a;";
    let Statement::CreateTable(table) = parse(text) else { panic!() };
    assert_eq!(parts(&table.name), "main.my schema.t");
    assert!(table.or_replace && !table.if_not_exists);
    assert_eq!(table.cluster_by, Some(ClusterBy::Columns(vec!["a".into(), "b".into()])));
    assert_eq!(table.comment.as_deref(), Some("it's \"x\""));
    assert_eq!(
        table.properties,
        [("kiln.fingerprint".to_owned(), "abc".to_owned()), ("delta.enableX".to_owned(), "true".to_owned())]
    );
    let query = table.query.unwrap();
    assert_eq!(query.text(), "SELECT 1 AS a");
    assert_eq!(query.padded.matches('\n').count(), 3);
}

#[test]
fn column_definitions_carry_type_nullability_and_comment() {
    let text = "create table if not exists t (id bigint not null comment 'key', m map<string, array<array<int>>>, \
                d decimal(12, 2)) partitioned by (d)";
    let Statement::CreateTable(table) = parse(text) else { panic!() };
    let columns: Vec<_> = table
        .columns
        .iter()
        .map(|c| (c.name.as_str(), c.data_type.as_ref().unwrap().to_string(), c.not_null, c.comment.as_deref()))
        .collect();
    assert_eq!(
        columns,
        [
            ("id", "BIGINT".to_owned(), true, Some("key")),
            ("m", "MAP<STRING, ARRAY<ARRAY<INT>>>".to_owned(), false, None),
            ("d", "DECIMAL(12,2)".to_owned(), false, None),
        ]
    );
    assert_eq!(table.partitioned_by, ["d"]);
    assert!(table.if_not_exists);
}

#[test]
fn a_view_has_columns_with_comments() {
    let text = "create view v (a comment 'first', b) comment 'c' as with x as (select 1, 2) select * from x";
    let Statement::CreateView(view) = parse(text) else { panic!() };
    assert_eq!(view.columns, [("a".to_owned(), Some("first".to_owned())), ("b".to_owned(), None)]);
    assert!(view.query.text().starts_with("with x"));
}

#[test]
fn a_delete_names_its_table_and_keeps_the_condition_in_its_place() {
    let text = "DELETE  FROM a.b AS x\nWHERE x.c > 1";
    let Statement::Delete { table, alias, condition } = parse(text) else { panic!() };
    assert_eq!((parts(&table).as_str(), alias.as_deref()), ("a.b", Some("x")));
    let condition = condition.unwrap();
    assert_eq!(condition.text(), "x.c > 1");
    assert_eq!(condition.range.start, text.find("x.c").unwrap());
}

#[test]
fn inserts_tell_columns_from_a_query() {
    for (text, columns, by_name, overwrite, query) in [
        ("insert into t (a, b) values (1, 2)", vec!["a", "b"], false, false, "values (1, 2)"),
        ("insert into table t select 1", vec![], false, false, "select 1"),
        ("insert overwrite t by name select 1 as a", vec![], true, true, "select 1 as a"),
        ("insert into t (select 1)", vec![], false, false, "(select 1)"),
    ] {
        let Statement::Insert(insert) = parse(text) else { panic!("{text}") };
        assert_eq!(insert.columns, columns, "{text}");
        assert_eq!((insert.by_name, insert.overwrite), (by_name, overwrite), "{text}");
        assert_eq!(insert.query.text(), query);
    }
}

#[test]
fn names_may_be_computed() {
    let Statement::Describe { table, extended, .. } = parse("describe extended identifier(:c || '.s.t')") else {
        panic!()
    };
    assert_eq!(parts(&table), "IDENTIFIER(:c || '.s.t')");
    assert!(extended);
    let Statement::Describe { table, extended, .. } = parse("describe table extended") else { panic!() };
    assert_eq!((parts(&table).as_str(), extended), ("extended", false));
}

#[test]
fn short_statements_are_read() {
    assert!(matches!(parse("describe history t limit 5"), Statement::DescribeHistory { limit: Some(5), .. }));
    assert!(matches!(parse("drop view if exists a.b"), Statement::Drop { kind: Relation::View, if_exists: true, .. }));
    assert!(matches!(parse("drop schema s cascade"), Statement::DropSchema { cascade: true, .. }));
    assert!(matches!(parse("show tables in a.b like 'x*'"), Statement::ShowTables { like: Some(_), .. }));
    assert!(matches!(parse("comment on table t is null"), Statement::Comment { comment: None, .. }));
    assert!(matches!(
        parse("alter table t set tblproperties ('a'='b')"),
        Statement::Alter { change: crate::dialect::Alteration::SetProperties(_), .. }
    ));
    assert!(matches!(parse("/* x */ (select 1)"), Statement::Query(_)));
}

#[test]
fn what_is_no_statement_says_where() {
    let syntax = |text: &str| match parse_statement(text) {
        Err(StatementError::Syntax(e)) => (e.message, e.range),
        other => panic!("{text}: {other:?}"),
    };
    assert_eq!(syntax("selec 1"), ("expected a statement, found `selec`".to_owned(), 0..5));
    assert_eq!(syntax("select 1; select 2").1, 10..16);
    assert_eq!(syntax("create table").0, "expected a table's name, found the end of the statement");
    assert_eq!(syntax("create table t (a frob)").0, "`frob` is not a type of Databricks SQL");
    assert_eq!(syntax("drop table a b").0, "expected the end of the statement, found `b`");
    assert_eq!(parse_statement(" -- nothing\n;"), Err(StatementError::Empty));
}

#[test]
fn what_is_not_read_yet_is_named() {
    for (text, construct) in [
        ("create streaming table v as select 1", "CREATE STREAMING"),
        ("create table t (a int check (a > 1))", "a column with CHECK"),
        ("insert into t replace on t.a = s.a select 1", "INSERT … REPLACE ON"),
        ("alter table t recover partitions", "ALTER TABLE … RECOVER PARTITIONS"),
    ] {
        let Err(StatementError::Unsupported { construct: found, .. }) = parse_statement(text) else { panic!("{text}") };
        assert_eq!(found, construct);
    }
    assert!(matches!(parse("cache table t"), Statement::Other { words, .. } if words == "CACHE TABLE"));
}

#[test]
fn a_merge_gives_its_clauses_and_their_parts_in_place() {
    let text = "MERGE INTO t AS a USING (SELECT 1 AS id, 2 AS n) b\nON a.id = CASE WHEN b.id = 1 THEN 1 END\n\
                WHEN MATCHED AND CASE WHEN b.n > 1 THEN true END THEN UPDATE SET a.n = greatest(a.n, b.n), m = 'when'\n\
                WHEN NOT MATCHED BY TARGET THEN INSERT (id, n) VALUES (b.id, b.n)\nWHEN NOT MATCHED BY SOURCE THEN DELETE";
    let Statement::Merge(merge) = parse(text) else { panic!() };
    assert_eq!((parts(&merge.table), merge.alias.as_deref()), ("t".to_owned(), Some("a")));
    assert_eq!(merge.source.text(), "(SELECT 1 AS id, 2 AS n) b");
    assert_eq!(merge.on.text(), "a.id = CASE WHEN b.id = 1 THEN 1 END");
    let [first, second, third] = &merge.clauses[..] else { panic!("{:?}", merge.clauses) };
    assert_eq!(first.condition.as_ref().unwrap().text(), "CASE WHEN b.n > 1 THEN true END");
    let MergeAction::Update(set) = &first.action else { panic!() };
    let set: Vec<_> = set.iter().map(|a| (parts(&a.column), a.value.text())).collect();
    assert_eq!(set, [("a.n".to_owned(), "greatest(a.n, b.n)"), ("m".to_owned(), "'when'")]);
    assert_eq!(second.when, MergeWhen::NotMatched);
    assert!(matches!(&second.action, MergeAction::Insert(values) if values.len() == 2));
    assert_eq!((third.when, &third.action), (MergeWhen::NotMatchedBySource, &MergeAction::Delete));
}
