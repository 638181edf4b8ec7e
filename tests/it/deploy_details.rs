//! What `kiln deploy` keeps of tables and views beside their queries: set when they are made, changed in place, put right
//! when somebody alters it, and there after everything else that makes them anew.

use serde_json::{Value, json};

use crate::deploy::{changes, short};
use crate::support::{Project, Served, deploy_at, kiln_at};

/// A tiny project at a served workspace; its models say this much.
fn project(served: &Served, totals: &str, stg_orders: &str) -> Project {
    let project = Project::tiny();
    project.point_at(served);
    say(&project, "  sql/staging: {materialized: view}\n", totals, stg_orders);
    project
}

/// Lets the models say something else.
fn say(project: &Project, before: &str, totals: &str, stg_orders: &str) {
    let models = format!(
        "  sql/staging: {{materialized: view}}\n  sql/totals: {{{totals}}}\n  sql/staging/stg_orders: {{{stg_orders}}}\n"
    );
    project.replace("jobs.yaml", before, &models);
}

/// Says what there is to do: each change with its reasons, and whether the workspace drifted.
#[track_caller]
fn planned(project: &Project, served: &Served) -> Vec<(String, Value, bool)> {
    let changes = changes(project, served, &[]);
    changes.iter().map(|change| (short(change), change["reasons"].clone(), change["drift"] == true)).collect()
}

/// Returns what the history of a table says was done, the newest first.
fn operations(served: &Served, table: &str) -> Vec<String> {
    let rows = served.sql(&format!("DESCRIBE HISTORY {table}"));
    rows.as_array().into_iter().flatten().map(|row| row[4].as_str().unwrap_or_default().to_owned()).collect()
}

/// Runs the main job, which builds everything, and expects the plan to be empty afterwards.
#[track_caller]
fn refresh(project: &Project, served: &Served) {
    let ran = kiln_at(project, served, &["sync-and-refresh", "--force"]);
    assert_eq!(ran.status, 0, "{}", ran.stderr);
    assert_eq!(planned(project, served), [], "a run leaves what a deploy leaves");
}

fn comments(served: &Served) -> Value {
    served.sql(
        "SELECT table_name || '.' || column_name, comment FROM main.information_schema.columns WHERE table_schema = \
         'tiny' AND table_name IN ('totals', 'stg_orders') AND comment <> '' ORDER BY 1",
    )
}

#[test]
fn columns_bear_what_the_project_says_of_them() {
    let server = Project::tiny();
    let served = server.serve(&[]);
    let project = project(
        &served,
        "columns: {Customer: {description: \"It's who buys\"}, total: {description: Net}}",
        "columns: {amount: {description: In euros}}",
    );
    deploy_at(&project, &served, &[]);
    let all = json!([["stg_orders.amount", "In euros"], ["totals.customer", "It's who buys"], ["totals.total", "Net"]]);
    assert_eq!(comments(&served), all);
    refresh(&project, &served);
    assert_eq!(comments(&served), all);

    // Another text costs no row; nor does one that is taken back. What others say of other columns is theirs.
    served.sql("ALTER TABLE main.tiny.totals ALTER COLUMN orders COMMENT 'theirs'");
    let builds =
        |served: &Served| operations(served, "main.tiny.totals").iter().filter(|o| o.contains("CREATE")).count();
    let before = builds(&served);
    project.replace("jobs.yaml", "It's who buys", "Who buys");
    project.replace("jobs.yaml", ", total: {description: Net}", "");
    project.replace("jobs.yaml", "In euros", "In cents");
    let table = "update table main.tiny.totals".to_owned();
    let view = "update view main.tiny.stg_orders".to_owned();
    assert_eq!(
        planned(&project, &served),
        [
            (view.clone(), json!(["the comment on `amount` is `In euros` instead of `In cents`"]), false),
            (
                table.clone(),
                json!([
                    "the comment on `customer` is `It's who buys` instead of `Who buys`",
                    "the column `total` is no longer described"
                ]),
                false
            ),
        ]
    );
    deploy_at(&project, &served, &[]);
    let all = json!([["stg_orders.amount", "In cents"], ["totals.customer", "Who buys"], ["totals.orders", "theirs"]]);
    assert_eq!((comments(&served), builds(&served)), (all, before));

    // What somebody changes in the workspace is found, and put right.
    served.sql("ALTER TABLE main.tiny.totals ALTER COLUMN customer COMMENT '', orders COMMENT ''");
    served.sql("COMMENT ON COLUMN main.tiny.stg_orders.amount IS 'Dollars'");
    assert_eq!(
        planned(&project, &served),
        [
            (view, json!(["the comment on `amount` is `Dollars` instead of `In cents`"]), true),
            (table, json!(["the column `customer` has no comment yet"]), true),
        ]
    );
    let status = kiln_at(&project, &served, &["status"]);
    assert_eq!(status.status, 3, "{}{}", status.stdout, status.stderr);
    deploy_at(&project, &served, &[]);
    assert_eq!(comments(&served), json!([["stg_orders.amount", "In cents"], ["totals.customer", "Who buys"]]));

    // All of them go with the last one, and nothing is left to do.
    project.replace("jobs.yaml", "columns: {Customer: {description: \"Who buys\"}}", "");
    project.replace("jobs.yaml", "columns: {amount: {description: In cents}}", "");
    deploy_at(&project, &served, &[]);
    assert_eq!(comments(&served), json!([]));
}

/// Returns the constraints of the schema: table, name and kind, and then the columns that are never NULL.
fn constraints(served: &Served) -> (Value, Value) {
    let named = served.sql(
        "SELECT table_name, constraint_name, constraint_type FROM main.information_schema.table_constraints WHERE \
         table_schema = 'tiny' ORDER BY 1, 2",
    );
    let strict = served.sql(
        "SELECT table_name || '.' || column_name FROM main.information_schema.columns WHERE table_schema = 'tiny' AND \
         table_name IN ('totals', 'shares') AND is_nullable = 'NO' ORDER BY 1",
    );
    (named, strict)
}

#[test]
fn constraints_are_there_after_all_that_makes_a_table_anew() {
    let server = Project::tiny();
    let served = server.serve(&[]);
    let said = "constraints: {not_null: total, primary_key: [customer], check: {positive: \"total > 0 -- at all\"}}";
    let project = project(&served, said, "");
    project.write("sql/shares.sql", "SELECT customer AS who, total / sum(total) OVER () AS share FROM totals\n");
    project.replace(
        "jobs.yaml",
        "  sql/totals: ",
        "  sql/shares: {constraints: {foreign_keys: [{who: totals.customer}]}}\n  sql/totals: ",
    );
    deploy_at(&project, &served, &[]);
    let all = (
        json!([
            ["shares", "shares_who_fk", "FOREIGN KEY"],
            ["totals", "positive", "CHECK"],
            ["totals", "totals_pk", "PRIMARY KEY"]
        ]),
        json!([["totals.customer"], ["totals.total"]]),
    );
    assert_eq!(constraints(&served), all);
    refresh(&project, &served);
    assert_eq!(constraints(&served), all);
    // A run that builds nothing sets no key.
    let ran = kiln_at(&project, &served, &["sync-and-refresh"]);
    assert_eq!(ran.status, 0, "{}", ran.stderr);
    let keys = ran.stderr.lines().find(|line| line.contains("keys shares")).expect("there is a step for its keys");
    assert!(keys.contains("unchanged"), "{}", ran.stderr);

    // Rows that break them are not published.
    project.replace("sql/totals.sql", "sum(amount) AS total", "sum(amount) - 20 AS total");
    let ran = kiln_at(&project, &served, &["deploy"]);
    ran.fails_with(4, &["the new rows fail `expression total > 0"]);
    assert_eq!(served.sql("SELECT sum(total) FROM main.tiny.totals"), json!([["34.75"]]));
    assert_eq!(constraints(&served), all);
    project.replace("sql/totals.sql", "sum(amount) - 20 AS total", "sum(amount) AS total");
    deploy_at(&project, &served, &[]);

    // What somebody takes away is found, and put back without a build.
    let builds =
        |served: &Served| operations(served, "main.tiny.totals").iter().filter(|o| o.contains("CREATE")).count();
    let before = builds(&served);
    served.sql("ALTER TABLE main.tiny.totals DROP CONSTRAINT positive");
    served.sql("ALTER TABLE main.tiny.totals DROP PRIMARY KEY CASCADE");
    served.sql("ALTER TABLE main.tiny.totals ALTER COLUMN total DROP NOT NULL");
    assert_eq!(
        planned(&project, &served),
        [
            (
                "update table main.tiny.totals".to_owned(),
                json!([
                    "the column `total` may be NULL",
                    "the constraint `positive` is missing",
                    "the primary key `totals_pk` is missing"
                ]),
                true
            ),
            ("update table main.tiny.shares".to_owned(), json!(["the foreign key `shares_who_fk` is missing"]), true),
        ]
    );
    deploy_at(&project, &served, &[]);
    assert_eq!((constraints(&served), builds(&served)), (all, before));

    // Another condition takes the place of the old one; what is no longer said goes.
    project.replace("jobs.yaml", "total > 0 -- at all", "total >= 0");
    project.replace("jobs.yaml", "not_null: total, ", "");
    let plan = planned(&project, &served);
    assert_eq!(
        plan[0].1,
        json!([
            "the column `total` shall be allowed to be NULL again",
            "the constraint `positive` is `total > 0 -- at all` instead of `total >= 0`"
        ])
    );
    deploy_at(&project, &served, &[]);
    project.replace("jobs.yaml", "{constraints: {foreign_keys: [{who: totals.customer}]}}", "");
    project.replace("jobs.yaml", "constraints: {primary_key: [customer], check: {positive: \"total >= 0\"}}", "");
    deploy_at(&project, &served, &[]);
    assert_eq!((constraints(&served), builds(&served)), ((json!([]), json!([])), before));
}

#[test]
fn constraints_that_cannot_be_are_told_before_anything_is_sent() {
    let server = Project::tiny();
    let served = server.serve(&[]);
    let project = project(&served, "constraints: {foreign_keys: [{customer: stg_orders.customer}]}", "");
    let check = || kiln_at(&project, &served, &["check"]);
    check().fails_with(1, &["does not refer to the primary key of `stg_orders`", "is a view, and views have no keys"]);
    project.replace("jobs.yaml", "stg_orders.customer}", "stg_order.customer}");
    check().fails_with(1, &["refers to `stg_order`, which is no model", "Did you mean `stg_orders`?"]);
    project.replace("jobs.yaml", "foreign_keys: [{customer: stg_order.customer}]", "primary_key: [custmer]");
    check().fails_with(1, &["custmer", "jobs.yaml:"]);
}

/// Returns tags, and then what is granted, of all tables and views of the schema.
fn labels(served: &Served) -> (Value, Value) {
    let tags = served.sql(
        "SELECT table_name, tag_name, tag_value FROM main.information_schema.table_tags WHERE schema_name = 'tiny' \
         ORDER BY 1, 2",
    );
    let grants = served.sql(
        "SELECT table_name, grantee, privilege_type FROM main.information_schema.table_privileges WHERE table_schema = \
         'tiny' ORDER BY 1, 2, 3",
    );
    (tags, grants)
}

#[test]
fn properties_tags_and_grants_are_what_the_project_says_and_what_others_say_stays() {
    let server = Project::tiny();
    let served = server.serve(&[]);
    let project = project(
        &served,
        "properties: {shop.owner: ada, shop.level: 3}, databricks_tags: {pii: \"no\"}, grants: {analysts: [select, modify]}",
        "databricks_tags: {team: board}, grants: {analysts: [SELECT]}",
    );
    project.replace(
        "jobs.yaml",
        "  sql: {materialized: table}",
        "  sql: {materialized: table, databricks_tags: {team: shop}}",
    );
    deploy_at(&project, &served, &[]);
    let tags = json!([["stg_orders", "team", "board"], ["totals", "pii", "no"], ["totals", "team", "shop"]]);
    let grants = json!([
        ["stg_orders", "analysts", "SELECT"],
        ["totals", "analysts", "MODIFY"],
        ["totals", "analysts", "SELECT"]
    ]);
    let properties = |served: &Served| {
        let rows = served.sql("SHOW TBLPROPERTIES main.tiny.totals");
        let of_shop = |row: &&Value| row[0].as_str().is_some_and(|key| key.starts_with("shop."));
        rows.as_array().into_iter().flatten().filter(of_shop).cloned().collect::<Vec<_>>()
    };
    let shop = [json!(["shop.level", "3"]), json!(["shop.owner", "ada"])];
    assert_eq!((labels(&served), properties(&served)), ((tags.clone(), grants.clone()), shop.to_vec()));
    refresh(&project, &served);
    assert_eq!((labels(&served), properties(&served)), ((tags, grants), shop.to_vec()));

    served.sql("ALTER TABLE main.tiny.totals SET TAGS ('team' = 'other', 'theirs' = 'yes')");
    served.sql("ALTER TABLE main.tiny.totals UNSET TBLPROPERTIES ('shop.owner')");
    served.sql("GRANT SELECT ON TABLE main.tiny.totals TO `others`");
    served.sql("REVOKE SELECT ON TABLE main.tiny.totals FROM `analysts`");
    served.sql("GRANT MODIFY ON TABLE main.tiny.stg_orders TO `analysts`");
    assert_eq!(
        planned(&project, &served),
        [
            ("update view main.tiny.stg_orders".to_owned(), json!(["analysts loses MODIFY"]), true),
            (
                "update table main.tiny.totals".to_owned(),
                json!([
                    "the property `shop.owner` is missing",
                    "the tag `team` is `other` instead of `shop`",
                    "analysts gets SELECT"
                ]),
                true
            ),
        ]
    );
    deploy_at(&project, &served, &[]);
    let (tags, grants) = labels(&served);
    assert_eq!(
        tags,
        json!([
            ["stg_orders", "team", "board"],
            ["totals", "pii", "no"],
            ["totals", "team", "shop"],
            ["totals", "theirs", "yes"]
        ])
    );
    assert_eq!(
        grants,
        json!([
            ["stg_orders", "analysts", "SELECT"],
            ["totals", "analysts", "MODIFY"],
            ["totals", "analysts", "SELECT"],
            ["totals", "others", "SELECT"]
        ])
    );

    // What the project no longer says goes; whom it no longer names keeps what he has.
    project.replace(
        "jobs.yaml",
        "properties: {shop.owner: ada, shop.level: 3}, databricks_tags: {pii: \"no\"}, grants: {analysts: [select, modify]}",
        "properties: {shop.owner: ada}, grants: {analysts: []}",
    );
    project.replace("jobs.yaml", "databricks_tags: {team: board}, grants: {analysts: [SELECT]}", "");
    let plan = planned(&project, &served);
    assert_eq!(
        plan[1].1,
        json!([
            "the property `shop.level` is no longer wanted",
            "the tag `pii` is no longer wanted",
            "analysts loses MODIFY, SELECT"
        ])
    );
    deploy_at(&project, &served, &[]);
    assert_eq!(properties(&served), [json!(["shop.owner", "ada"])]);
    assert_eq!(
        labels(&served),
        (
            json!([["stg_orders", "team", "shop"], ["totals", "team", "shop"], ["totals", "theirs", "yes"]]),
            json!([["stg_orders", "analysts", "SELECT"], ["totals", "others", "SELECT"]])
        )
    );
    project.replace("jobs.yaml", "analysts: []", "analysts: [SELCT]");
    kiln_at(&project, &served, &["plan"]).fails_with(1, &["Did you mean `SELECT`?", "jobs.yaml:"]);
}

/// Returns the tags of columns and then those of the schema.
fn fine_tags(served: &Served) -> (Value, Value) {
    let columns = served.sql(
        "SELECT table_name || '.' || column_name, tag_name, tag_value FROM main.information_schema.column_tags WHERE \
         schema_name = 'tiny' ORDER BY 1, 2",
    );
    let schema = served.sql(
        "SELECT tag_name, tag_value FROM main.information_schema.schema_tags WHERE schema_name = 'tiny' ORDER BY 1",
    );
    (columns, schema)
}

#[test]
fn columns_and_the_schema_have_the_tags_that_the_project_says() {
    let server = Project::tiny();
    let served = server.serve(&[]);
    let project = project(
        &served,
        "columns: {Customer: {description: Who buys, databricks_tags: {pii: \"yes\", class.: }}, total: {databricks_tags: {unit: EUR}}}",
        "columns: {amount: {databricks_tags: {unit: EUR}}}",
    );
    kiln_at(&project, &served, &["check"]).fails_with(1, &["`class.` cannot be the key of a tag", "jobs.yaml:"]);
    project.replace("jobs.yaml", "class.: ", "class: ");
    project.replace(
        "jobs.yaml",
        "schema: tiny, default",
        "schema: tiny, databricks_tags: {team: shop, cost: 7}, default",
    );
    let first: Vec<_> = planned(&project, &served).into_iter().take(2).collect();
    assert_eq!(
        first,
        [
            ("create schema main.tiny".to_owned(), json!([]), false),
            (
                "update tags on main.tiny".to_owned(),
                json!(["the tag `cost` is missing", "the tag `team` is missing"]),
                false
            ),
        ]
    );
    deploy_at(&project, &served, &[]);
    let all = (
        json!([
            ["stg_orders.amount", "unit", "EUR"],
            ["totals.customer", "class", ""],
            ["totals.customer", "pii", "yes"],
            ["totals.total", "unit", "EUR"]
        ]),
        json!([["cost", "7"], ["team", "shop"]]),
    );
    assert_eq!(fine_tags(&served), all);
    refresh(&project, &served);
    assert_eq!(fine_tags(&served), all, "a run that builds everything anew leaves them");

    // What somebody changes is found and put right without a build; what others set of their own stays.
    let builds =
        |served: &Served| operations(served, "main.tiny.totals").iter().filter(|o| o.contains("CREATE")).count();
    let before = builds(&served);
    served.sql("ALTER TABLE main.tiny.totals ALTER COLUMN customer SET TAGS ('pii' = 'no', 'theirs' = '1')");
    served.sql("ALTER TABLE main.tiny.totals ALTER COLUMN total UNSET TAGS ('unit')");
    served.sql("ALTER VIEW main.tiny.stg_orders ALTER COLUMN amount SET TAGS ('unit' = 'USD')");
    served.sql("ALTER SCHEMA main.tiny SET TAGS ('team' = 'board', 'theirs' = '1')");
    served.sql("ALTER SCHEMA main.tiny UNSET TAGS ('cost')");
    assert_eq!(
        planned(&project, &served),
        [
            (
                "update tags on main.tiny".to_owned(),
                json!(["the tag `cost` is missing", "the tag `team` is `board` instead of `shop`"]),
                true
            ),
            (
                "update view main.tiny.stg_orders".to_owned(),
                json!(["the tag `unit` of `amount` is `USD` instead of `EUR`"]),
                true
            ),
            (
                "update table main.tiny.totals".to_owned(),
                json!(["the tag `unit` of `total` is missing", "the tag `pii` of `customer` is `no` instead of `yes`"]),
                true
            ),
        ]
    );
    let status = kiln_at(&project, &served, &["status"]);
    assert_eq!(status.status, 3, "{}", status.stdout);
    assert!(status.stdout.contains("\ntags\n  ± on main.tiny"), "{}", status.stdout);
    deploy_at(&project, &served, &[]);
    assert_eq!(builds(&served), before);
    let (columns, schema) = fine_tags(&served);
    assert!(columns.to_string().contains(r#"["totals.customer","theirs","1"]"#), "{columns}");
    assert_eq!(schema, json!([["cost", "7"], ["team", "shop"], ["theirs", "1"]]));

    // What the project no longer says is taken away, and that alone.
    project.replace("jobs.yaml", "pii: \"yes\", class: ", "pii: \"yes\"");
    project.replace("jobs.yaml", "columns: {amount: {databricks_tags: {unit: EUR}}}", "");
    project.replace("jobs.yaml", "{team: shop, cost: 7}", "{team: shop}");
    assert_eq!(
        planned(&project, &served),
        [
            ("update tags on main.tiny".to_owned(), json!(["the tag `cost` is no longer wanted"]), false),
            (
                "update view main.tiny.stg_orders".to_owned(),
                json!(["the tag `unit` of `amount` is no longer wanted"]),
                false
            ),
            (
                "update table main.tiny.totals".to_owned(),
                json!(["the tag `class` of `customer` is no longer wanted"]),
                false
            ),
        ]
    );
    deploy_at(&project, &served, &[]);
    project.replace("jobs.yaml", " databricks_tags: {team: shop},", "");
    deploy_at(&project, &served, &[]);
    let left =
        json!([["totals.customer", "pii", "yes"], ["totals.customer", "theirs", "1"], ["totals.total", "unit", "EUR"]]);
    assert_eq!(fine_tags(&served), (left, json!([["theirs", "1"]])));
}

#[test]
fn a_destroy_takes_its_tags_from_a_schema_that_stays() {
    let server = Project::tiny();
    let served = server.serve(&[]);
    let project = project(&served, "", "");
    served.sql("CREATE SCHEMA main.tiny");
    served.sql("ALTER SCHEMA main.tiny SET TAGS ('theirs' = '1')");
    project.replace("jobs.yaml", "schema: tiny, default", "schema: tiny, databricks_tags: {team: shop}, default");
    deploy_at(&project, &served, &[]);
    assert_eq!(fine_tags(&served).1, json!([["team", "shop"], ["theirs", "1"]]));
    let ran = kiln_at(&project, &served, &["destroy"]);
    assert_eq!(ran.status, 0, "{}{}", ran.stdout, ran.stderr);
    assert!(ran.stdout.contains("- tags       on main.tiny"), "{}", ran.stdout);
    assert_eq!(fine_tags(&served).1, json!([["theirs", "1"]]));
    assert_eq!(served.sql("SHOW TABLES IN main.tiny"), json!([]));
}

#[test]
fn clustering_that_somebody_altered_is_found_and_put_right() {
    let server = Project::tiny();
    let served = server.serve(&[]);
    let project = project(&served, "cluster_by: [customer, orders]", "");
    deploy_at(&project, &served, &[]);
    let clustering = || served.sql("DESCRIBE DETAIL main.tiny.totals")[0][8].clone();
    assert_eq!(clustering(), json!("[\"customer\",\"orders\"]"));
    let builds =
        |served: &Served| operations(served, "main.tiny.totals").iter().filter(|o| o.contains("CREATE")).count();
    let before = builds(&served);
    for (by, now) in [("(total)", "`total`"), ("NONE", "nothing"), ("AUTO", "what the workspace chooses")] {
        served.sql(&format!("ALTER TABLE main.tiny.totals CLUSTER BY {by}"));
        let reason = format!("it is clustered by {now} instead of `customer`, `orders`");
        assert_eq!(planned(&project, &served), [("update table main.tiny.totals".to_owned(), json!([reason]), true)]);
        deploy_at(&project, &served, &[]);
    }
    assert_eq!(clustering(), json!("[\"customer\",\"orders\"]"));
    // The order of the columns does not matter; a table of which nothing is said is clustered by nothing.
    served.sql("ALTER TABLE main.tiny.totals CLUSTER BY (orders, customer)");
    assert_eq!(planned(&project, &served), []);
    project.replace("jobs.yaml", "cluster_by: [customer, orders]", "");
    deploy_at(&project, &served, &[]);
    served.sql("ALTER TABLE main.tiny.totals CLUSTER BY (total)");
    let plan = planned(&project, &served);
    assert_eq!((&plan[0].1, plan[0].2), (&json!(["it is clustered by `total` instead of nothing"]), true));
    deploy_at(&project, &served, &[]);
    served.sql("ALTER TABLE main.tiny.totals CLUSTER BY AUTO");
    assert_eq!(planned(&project, &served), [], "whose clustering the workspace chooses is left alone");
    assert_eq!(builds(&served), before);
}

#[test]
fn a_described_column_must_be_one() {
    let server = Project::tiny();
    let served = server.serve(&[]);
    let project = project(&served, "columns: {custmer: {description: Who buys}}", "");
    let message = "`totals` says something of `custmer`, which is not one of its columns";
    kiln_at(&project, &served, &["check"]).fails_with(1, &[message, "Did you mean `customer`?", "jobs.yaml:"]);
}

#[test]
fn a_plan_says_how_much_a_rebuild_reads() {
    let server = Project::tiny();
    let served = server.serve(&[]);
    let project = project(&served, "", "");
    let first = kiln_at(&project, &served, &["plan"]);
    assert!(first.stdout.contains("reads 1 table: how much is not known, for it is not there yet"), "{}", first.stdout);
    deploy_at(&project, &served, &[]);
    let statements = |served: &Served| {
        let asks = |request: &&Value| request["method"] == "POST" && request["path"] == "/api/2.0/sql/statements";
        served.requests().iter().filter(asks).count()
    };
    let before = statements(&served);
    assert_eq!(planned(&project, &served), []);
    assert_eq!(statements(&served), before, "with nothing to do, nobody counts");

    project.replace("sql/totals.sql", "count(*) AS orders", "count(*) AS n");
    let detail = served.sql("DESCRIBE DETAIL main.shop_public.orders");
    let bytes = detail[0].as_array().expect("a row")[10].as_str().expect("a size").parse::<u64>().expect("a number");
    let before = statements(&served);
    let ran = kiln_at(&project, &served, &["plan", "--output", "json", "--markdown", "plan.md"]);
    assert_eq!(statements(&served), before + 2, "one for the rows of all tables, one for the bytes of each");
    let mut lines = ran.stdout.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let plan = lines.find(|line| line["event"] == "plan").expect("it tells the plan");
    assert_eq!(plan["estimates"], json!({"main.tiny.totals": {"tables": 1, "rows": 3, "bytes": bytes}}));
    assert!(project.read("plan.md").contains("reads 1 table: 3 rows, "), "{}", project.read("plan.md"));
    let text = kiln_at(&project, &served, &["plan"]).stdout;
    assert!(text.contains("      reads 1 table: 3 rows, "), "{text}");

    // The sources live on, and a plan that was saved fits all the same.
    project.write("plan.json", &ran.stdout);
    served.sql("DELETE FROM main.shop_public.orders WHERE id = 3");
    deploy_at(&project, &served, &["--plan", "plan.json"]);
}

#[test]
fn a_model_whose_file_got_another_name_is_told_as_such() {
    let server = Project::tiny();
    let served = server.serve(&[]);
    let project = project(&served, "", "");
    project.write("sql/apart.sql", "SELECT count(*) AS n FROM shop_public.orders\n");
    deploy_at(&project, &served, &[]);
    std::fs::rename(project.path().join("sql/apart.sql"), project.path().join("sql/counted.sql")).expect("it is there");
    assert_eq!(
        planned(&project, &served),
        [
            (
                "create table main.tiny.counted".to_owned(),
                json!(["it has the definition of `apart`, which left the project"]),
                false
            ),
            ("orphan table main.tiny.apart".to_owned(), json!(["no longer in the project"]), false),
        ]
    );
    deploy_at(&project, &served, &["--prune"]);
}
