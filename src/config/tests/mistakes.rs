//! What the loader says of wrong files: each kind of mistake, with its place.

use super::*;

#[test]
fn all_mistakes_of_a_file_are_reported_at_once() {
    check_whole(
        "version: 2\nprojekt: x\nenvironments:\n  local: {workspace: local, catalog: main, shema: x}\nmodels: [a]\njobs: {a: {steps: []}}\n",
        &[
            "2:1 error unknown key `projekt` in jobs.yaml (Did you mean `project`? Allowed here: version, project,",
            "1:10 error `version` must be 1",
            "1:1 error jobs.yaml has no `project`",
            "4:44 error unknown key `shema` in environment `local` (Did you mean `schema`?",
            "4:10 error environment `local` has no `schema`",
            "5:9 error `models` must be a mapping, not a list",
            "6:19 error job `a` has no steps (A step is",
        ],
    );
}

#[test]
fn wrong_types_say_what_was_expected_and_found() {
    for (yaml, expected) in [
        ("variables: 3\n", "4:12 error `variables` must be a mapping, not the number `3`"),
        ("macros: sql/macros\n", "4:9 error `macros` must be a list, not the text `sql/macros`"),
        (
            "macros: [1]\n",
            "4:10 error an entry of `macros` must be a text, not the number `1` (Put quotes round it: \"1\".)",
        ),
        ("jobs: {a: {steps: {sync: x}}}\n", "4:19 error `steps` must be a list, not a mapping"),
        ("jobs: {a: {steps: [sync]}}\n", "4:20 error a step must be a mapping, not the text `sync`"),
        ("models: {sql/marts: table}\n", "4:21 error models `sql/marts` must be a mapping, not the text `table`"),
        (
            "connections: {a: {service: true, schema_prefix: a, local: {sample: }}}\n",
            "4:28 error `service` must be a text, not the truth value `true`",
        ),
        (
            "connections: {a: {service: , schema_prefix: a, local: {sample: }}}\n",
            "4:26 error `service` must be a text, not nothing",
        ),
        ("connections: {a: {service: ' ', schema_prefix: a, local: {sample: }}}\n", "4:28 error `service` is empty"),
        (
            "connections: {a: {service: a, schema_prefix: a, local: {sample: {customers: many}}}}\n",
            "4:77 error `customers` must be a whole number from 1 to 10000000, not the text `many`",
        ),
        (
            "connections: {a: {service: a, schema_prefix: a, local: {sample: {customers: 0}}}}\n",
            "4:77 error `customers` must be from 1 to 10000000",
        ),
        (
            "connections: {a: {service: a, schema_prefix: a, local: {sample: {seed: -1}}}}\n",
            "4:72 error `seed` must be a whole number that is not negative, not the number `-1`",
        ),
        (
            "dashboards: {a: {file: dashboards/retention.lvdash.json, folder: /S, publish: {embed_credentials: yes}}}\n",
            "4:99 error `embed_credentials` must be true or false, not the text `yes`",
        ),
        ("variables: {x: 99999999999999999999}\n", "4:16 error variable `x` must be a number of at most 64 bits"),
    ] {
        check(yaml, &[expected]);
    }
    check_whole("[1, 2]\n", &["1:1 error jobs.yaml must be a mapping, not a list"]);
    check_whole("just words\n", &["1:1 error jobs.yaml must be a mapping, not the text `just words`"]);
}

#[test]
fn references_to_what_does_not_exist_are_reported_with_a_suggestion() {
    let connection =
        "connections: {shop: {service: a, schema_prefix: shop, tables: {public: [orders]}, local: {sample: }}}\n";
    for (yaml, expected) in [
        ("jobs: {a: {steps: [{sync: shp}]}}\n", "5:27 error there is no connection `shp` (Did you mean `shop`?)"),
        (
            "jobs: {a: {steps: [{publish: retention}]}}\n",
            "5:30 error there is no dashboard `retention` (There is no dashboard at all.)",
        ),
        (
            "sources: {shop_public: {connection: sop, tables: {}}}\n",
            "5:37 error there is no connection `sop` (Did you mean `shop`?)",
        ),
        (
            "sources: {shop_pulic: {connection: shop, tables: {}}}\n",
            "5:11 error connection `shop` lands nothing in schema `shop_pulic` (It lands tables in: shop_public.",
        ),
        (
            "sources: {shop_public: {connection: shop, tables: {order: }}}\n",
            "5:52 error there is no table that the connection lands here named `order` (Did you mean `orders`?)",
        ),
        (
            "models: {sql/stging: }\n",
            "5:10 error there is no folder or *.sql file `sql/stging` (Did you mean `sql/staging`?)",
        ),
        (
            "models: {sql/marts/cohort: }\n",
            "5:10 error there is no folder or *.sql file `sql/marts/cohort` (Did you mean `sql/marts/cohorts.sql`?)",
        ),
        (
            "models: {sequel/marts: }\n",
            "5:10 error there is no folder or *.sql file `sequel/marts` (There is no folder `sequel` either.)",
        ),
        ("macros: [sql/macro]\n", "5:10 error there is no folder or file `sql/macro` (Did you mean `sql/macros`?)"),
        (
            "dashboards: {a: {file: dashboards/retention.json, folder: /S}}\n",
            "5:24 error there is no dashboard file `dashboards/retention.json` (Did you mean `dashboards/retention.lvdash.json`?)",
        ),
        (
            "dashboards: {a: {file: dashboards, folder: /S}}\n",
            "5:24 error `dashboards` is a folder, not a dashboard file",
        ),
    ] {
        check(&format!("{connection}{yaml}"), &[expected]);
    }
}

#[test]
fn builds_must_match_models() {
    let models = "models: {sql/marts: , sql/staging: }\n";
    for (pattern, expected) in [
        ("sql/mart/**", "5:28 error no model matches `sql/mart/**` (Did you mean `sql/marts/**`?)"),
        ("cohrts", "5:28 error no model matches `cohrts` (Did you mean `cohorts`?)"),
        (
            "'other/*'",
            "5:28 error no model matches `other/*` (Models are in: sql, sql/marts, sql/staging, sql/staging/deep.)",
        ),
        ("'sql/{a'", "5:28 error `sql/{a` is not a pattern of paths"),
    ] {
        check(&format!("{models}jobs: {{a: {{steps: [{{build: {pattern}}}]}}}}\n"), &[expected]);
    }
    check("jobs: {a: {steps: [{build: sql}]}}\n", &["4:28 error no model matches `sql` (The project has no models"]);
}

#[test]
fn how_a_connection_is_synced_is_checked() {
    let connection = |sync: &str, local: &str| {
        format!("connections: {{shop: {{service: s, schema_prefix: shop, sync: {{{sync}}}, local: {{{local}}}}}}}\n")
    };
    for (sync, expected) in [
        (
            "deadline: 0m",
            "4:72 error `deadline` is `0m`, and nothing can be done in no time (Write it with units, as in",
        ),
        ("deadline: 90", "4:72 error `deadline` must be a duration, not the number `90` (Write it with units"),
        ("historical_deadline: soon", "4:83 error `historical_deadline` must be a duration, not `soon`"),
        ("deadline: 400d", "4:72 error `deadline` is `400d`, which is more than a year"),
        ("ensure_fresh: -1h", "4:76 error `ensure_fresh` must be a duration, not `-1h`"),
        ("ensure_fresh: true", "4:76 error `ensure_fresh` must be a duration, not the truth value `true`"),
        (
            "ensure_fresh: 2h, observe: 6h",
            "4:89 error `ensure_fresh` and `observe` exclude each other (`ensure_fresh` syncs",
        ),
        ("when_running: jion", "4:76 error `when_running` cannot be `jion` (Did you mean `join`?"),
        (
            "observe: 2h, when_running: restart",
            "4:89 error `observe` starts no sync, so none can be queued or restarted (Beside `observe` only",
        ),
        ("dedline: 1h", "4:62 error unknown key `dedline` in `sync` (Did you mean `deadline`?"),
    ] {
        check(&connection(sync, "sample: "), &[expected]);
    }
    check(&connection("", "scenario: failt"), &["4:83 error there is no scenario `failt` (Did you mean `failed`?)"]);
    check(&connection("", "sample: , updated_at: {}"), &["4:83 error `updated_at` belongs to `postgres`"]);
    check(
        &connection("", "postgres: 'postgresql://me@127.0.0.1/x'"),
        &["4:83 error `postgres` must be `${NAME}`: a variable of the environment (The address holds a password"],
    );
    check(
        &connection("", "postgres: '${SHOP_DATABASE_URL}'"),
        &[
            "4:83 error the environment variable `SHOP_DATABASE_URL` is not set (Set it before running kiln",
            "4:83 error a connection with `postgres` needs `tables`",
        ],
    );
    let shop = "connections: {shop: {service: s, schema_prefix: shop, local: {sample: }}, again: {service: s, schema_prefix: \
                shop, local: {sample: }}}\n";
    check(shop, &["4:75 error this is the connection `shop` again: both have the same `schema_prefix`"]);
    let steps = |steps: &str| {
        format!(
            "connections: {{shop: {{service: s, schema_prefix: shop, local: {{sample: }}}}}}\njobs: {{a: {{steps: [{steps}]}}}}\n"
        )
    };
    check(&steps("{sync: shop, deadline: 0s}"), &["5:43 error `deadline` is `0s`, and nothing can be done in no time"]);
    check(
        &steps("{sync: shop}, {sync: shop, observe: 2h}"),
        &["5:41 error this step stands twice in the job (The order of steps"],
    );
    check(&steps("{observe: 2h}"), &["5:20 error a step does exactly one thing"]);
}

#[test]
fn models_have_one_valid_name_each() {
    for (yaml, expected) in [
        (
            "models: {sql/staging: , twice: }\n",
            "4:25 error two files make a model `orders`: sql/staging/orders.sql and twice/orders.sql",
        ),
        ("models: {odd: }\n", "4:10 error `odd/2nd-order.sql` cannot be a model: `2nd-order` is no name of a table"),
        ("models: {sql/marts: , ./sql/marts/: }\n", "4:23 error `sql/marts` is configured twice"),
        (
            "models: {sql/marts: {materialized: tabel}}\n",
            "4:36 error unknown materialization `tabel` (Did you mean `table`?",
        ),
        ("models: {sql/marts: {description: All}}\n", "4:35 error a description says what one model holds"),
        ("models: {sql/marts: {columns: {a: }}}\n", "4:32 error columns are those of one model"),
        (
            "models: {sql/marts/cohorts: {columns: {a: , A: {description: x}}}}\n",
            "4:45 error `columns` has the column `a` twice: names of columns have no case",
        ),
        ("models: {sql/marts/cohorts: {columns: {a: {descr: x}}}}\n", "4:44 error unknown key `descr` in column `a`"),
        ("models: {sql/marts: {cluster_by: [a]}}\n", "4:10 error model `cohorts` is a view and cannot be clustered"),
        (
            "models: {sql/marts: {materialized: table, cluster_by: [a, b, c, d, e]}}\n",
            "4:55 error a table can be clustered by at most four columns",
        ),
        ("models: {/etc: }\n", "4:10 error `/etc` is an absolute path"),
        (
            "models: {dashboards/retention.lvdash.json: }\n",
            "4:10 error `dashboards/retention.lvdash.json` is no *.sql file",
        ),
        ("models: {empty: }\n", "4:10 warning folder `empty` has no *.sql files"),
    ] {
        check(yaml, &[expected]);
    }
    let project = good(&format!(
        "{HEAD}macros: [sql/macros]\nmodels: {{sql: {{materialized: table}}, sql/marts/cohorts.sql: {{materialized: view}}}}\n"
    ));
    let kinds: Vec<_> = project.models.values().map(|m| (m.name.as_str(), m.materialized)).collect();
    use Materialization::{Table, View};
    assert_eq!(kinds, [("cohorts", View), ("items", Table), ("orders", Table)], "macros are no models");
}

#[test]
fn names_keys_and_steps_are_checked() {
    for (yaml, expected) in [
        (
            "jobs: {a b: {steps: [{build: x}]}}\nmodels: {sql: }\n",
            vec!["4:8 error `a b` cannot be the name of a job", "4:30 error no model matches `x`"],
        ),
        (
            "variables: {1x: 1, loop: 2, environment: 3}\n",
            vec![
                "4:13 error `1x` cannot be the name of a variable",
                "4:20 error `loop` has a meaning",
                "4:29 error `environment` has a meaning",
            ],
        ),
        ("variables: {x: 1, x: 2}\n", vec!["4:19 error key `x` stands twice in `variables`"]),
        ("project: y\n", vec!["4:1 error key `project` stands twice in jobs.yaml"]),
        (
            "connections: {a: {service: s, schema_prefix: Shop, local: {sample: }}}\n",
            vec!["4:46 error `Shop` cannot be a schema prefix"],
        ),
        (
            "connections: {a: {service: s, schema_prefix: a}}\n",
            vec!["4:15 error connection `a` has no `local` (Say what stands for it"],
        ),
        (
            "connections: {a: {service: s, schema_prefix: a, local: {}}}\n",
            vec!["4:56 error `local` must have exactly one of `sample`, `files` and `postgres`"],
        ),
        (
            "connections: {a: {service: s, schema_prefix: a, local: {files: {orders: data/orders.csv.gz}}}}\n",
            vec!["4:65 error `orders` is not a source table"],
        ),
        (
            "connections: {a: {service: s, schema_prefix: a, local: {files: {p.orders: jobs.yaml}}}}\n",
            vec!["4:75 error `jobs.yaml` is no data file that kiln reads"],
        ),
        (
            "connections: {a: {service: s, schema_prefix: a, tables: {p: [x, orders, x]}, local: {files: {p.order: data/orders.csv.gz}}}}\n",
            vec![
                "4:73 error table `x` stands twice",
                "4:94 error there is no table in `tables` of this connection named `p.order` (Did you mean `p.orders`?)",
                "4:93 error `files` has no file for table `p.x`",
                "4:93 error `files` has no file for table `p.orders`",
            ],
        ),
        (
            "dashboards: {a: {file: dashboards/retention.lvdash.json, folder: Shared}}\n",
            vec!["4:66 error `Shared` is not a folder of the workspace"],
        ),
        (
            "models: {sql/marts: }\njobs: {a: {steps: [{build: sql/**}, {build: sql/**}, {bild: x}, {sync: a, build: sql/**}, {}]}}\n",
            vec![
                "5:45 error this step stands twice",
                "5:55 error unknown key `bild` in a step (Did you mean `build`?",
                "5:65 error a step does exactly one thing",
                "5:91 error a step does exactly one thing",
            ],
        ),
    ] {
        check(yaml, &expected);
    }
}

#[test]
fn workspaces_and_addresses_are_checked() {
    let with = |keys: &str| format!("version: 1\nproject: x\nenvironments:\n  a: {{catalog: c, schema: s, {keys}}}\n");
    for (keys, expected) in [
        ("warehouse: x", "4:6 error environment `a` has no `workspace`, `host` or `profile` (Write"),
        ("workspace: local, host: x.y", "4:30 error environment `a` has `workspace` and `host`"),
        ("profile: X, workspace: local", "4:42 error environment `a` has `workspace` and `profile`"),
        ("auth_type: pat", "4:6 error environment `a` has no `workspace`, `host` or `profile`"),
        ("profile: X, client_secret: hunter22", "4:42 error `client_secret` looks like a secret"),
        ("workspace: lokal", "4:41 error there is no workspace `lokal`"),
        (
            "host: 'http://dbc.example'",
            "4:36 error `host` is not the address of a server: `http` would send the token unencrypted",
        ),
        ("host: 'dbc.example/sql/1'", "4:36 error `host` is not the address of a server: only the host belongs here"),
        ("host: 'ftp://dbc.example'", "4:36 error `host` is not the address of a server: it begins with `ftp:`"),
        ("host: 'https://'", "4:36 error `host` is not the address of a server: "),
        ("host: 'https://me:pw@dbc.example'", "4:36 error this value looks like a secret (Secrets come from"),
        ("host: \"${NO_HOST}\"", "4:37 error the environment variable `NO_HOST` is not set"),
        (
            "host: \"${DATABRICKS_TOKEN}\"",
            "4:37 error `DATABRICKS_TOKEN` looks like a secret, and jobs.yaml must not hold secrets",
        ),
        ("host: \"${1}\"", "4:37 error `1` is not the name of an environment variable"),
        ("host: \"${EMPTY}\"", "4:36 error `host` is empty"),
    ] {
        check_whole(&with(keys), &[expected]);
    }
    check_whole(
        "version: 1\nproject: x\nenvironments: {a: {workspace: local, catalog: main.x, schema: 'a b'}}\n",
        &["3:47 error `main.x` cannot be the name of a catalog", "3:63 error `a b` cannot be the name of a schema"],
    );
}

#[test]
fn secrets_are_refused_and_shown_nowhere() {
    let yaml = format!(
        "{HEAD}variables: {{db_password: hunter2, x: dapi{}, deep: {{api_key: k3y}}}}\nfivetran_token: hunter3\n",
        "0a".repeat(16)
    );
    let problems = load_with(folder(&yaml).path(), None, &[]).unwrap_err();
    let said = shown(&problems);
    assert_eq!(said.len(), 4, "{said:?}");
    assert!(said[0].starts_with("5:1 error `fivetran_token` looks like a secret"), "{said:?}");
    for problem in problems.iter() {
        let (span, _) = problem.primary.as_ref().unwrap();
        for secret in ["hunter", "dapi", "k3y"] {
            assert!(!span.file.text.contains(secret) && !format!("{problem:?}").contains(secret));
        }
    }
}

#[test]
fn broken_yaml_is_reported_where_it_breaks() {
    for (yaml, expected) in [
        ("version: 1\n\tproject: x\n", "2:1 error YAML cannot be indented with tabs (Use spaces"),
        ("version: 1\nproject: [a\n", "2:10 error this is not valid YAML: unclosed bracket"),
        ("version: 1\nproject: a: b\n", "2:11 error this is not valid YAML: "),
        ("version: 1\nproject: {{ name }}\n", "2:"),
        ("version: 1\n---\nversion: 1\n", "2:1 error a second YAML document begins here"),
        ("version: !!int 1\n", "1:16 error YAML tags are not supported"),
        ("version: &a [*a]\n", "1:14 error this alias stands inside the value it repeats"),
        ("version: *a\n", "1:10 error this is not valid YAML: "),
        ("? [a]\n: 1\n", "1:3 error a key must be a plain text"),
        ("", "1:1 error jobs.yaml is empty"),
        ("# nothing\n", "1:1 error jobs.yaml is empty"),
    ] {
        check_whole(yaml, &[expected]);
    }
    let deep = format!("a: {}{}\n", "[".repeat(5000), "]".repeat(5000));
    assert!(problems(&deep)[0].contains("error"), "{:?}", problems(&deep));
    let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..12 {
        let previous = format!("*a{}, ", level - 1).repeat(10);
        bomb.push_str(&format!("a{level}: &a{level} [{previous}]\n"));
    }
    assert!(problems(&bomb)[0].contains("error the file holds more than 200000 values"), "{:?}", problems(&bomb));
}

#[test]
fn what_is_kept_of_a_connection_is_checked() {
    let remote =
        "version: 1\nproject: shop\nenvironments: {prod: {host: \"https://dbc.test\", catalog: main, schema: shop}}\n";
    let of = |lines: &str| {
        let yaml = format!(
            "{remote}connections:\n  shop:\n    service: google_cloud_postgresql\n    schema_prefix: shop\n{lines}"
        );
        problems(&yaml)
    };
    let config =
        "    config: {host: h, port: 1, database: d, user: u, password: '${PW}', update_method: QUERY_BASED}\n";
    assert_eq!(of(config), Vec::<String>::new(), "an unset secret is looked up when it is sent");
    for (lines, expected) in [
        (
            "    config: {host: h}\n",
            "8:13 error `config` of a google_cloud_postgresql has no `port`, no `database`, no `user`, no `password` (Fivetran",
        ),
        (
            "    config: {host: h, port: 1, database: d, user: u, password: '${PW}', update_method: WAL_PGOUTPUT}\n",
            "8:13 error `config` of a google_cloud_postgresql has no `publication_name` with `update_method: WAL_PGOUTPUT`, no",
        ),
        (
            "    id: a_b\n    config: {password: hunter2}\n",
            "9:24 error `password` looks like a secret, and jobs.yaml must not",
        ),
        ("    id: a_b\n    config: {api: [{key: k, token_2: 7}]}\n", "9:38 error `api/0/token_2` looks like a secret"),
        ("    id: a_b\n    config: {note: 'x ${API_TOKEN}'}\n", "9:23 error `API_TOKEN` looks like a secret"),
        ("    id: a_b\n    config: {schema_prefix: x}\n", "9:14 error `schema_prefix` stands at the connection itself"),
        (
            "    id: a_b\n    config: {hst: h}\n",
            "9:19 warning `hst` is no key of google_cloud_postgresql that kiln knows (Did you mean `host`?",
        ),
        (
            "    id: a_b\n    config: {update_method: XMIN}\n",
            "9:29 warning `update_method` is `XMIN`, which kiln does not know (Fivetran has QUERY_BASED, WAL_PGOUTPUT.",
        ),
        (
            "    id: a_b\n    config: {host: h}\n    secrets: [hots]\n",
            "10:15 error there is no key in `config` named `hots` (Did you mean `host`?)",
        ),
        ("    secrets: [a]\n", "8:5 error `secrets` names keys of `config`, and there is no `config`"),
        (
            "    schema_change_handling: ALLOW\n",
            "8:29 error `schema_change_handling` cannot be `ALLOW` (It can be ALLOW_ALL",
        ),
        ("    schedule_type: manuel\n", "8:20 error `schedule_type` cannot be `manuel` (Did you mean `manual`?"),
        ("    sync_frequency: 7\n", "8:21 error `sync_frequency` is none that Fivetran has (It has 1m, 5m"),
        ("    sync_frequency: 90s\n", "8:21 error `sync_frequency` is none that Fivetran has"),
        (
            "    sync_frequency: 1d\n    daily_sync_time: \"03:30\"\n",
            "9:22 error `daily_sync_time` cannot be `03:30` (It is a whole hour",
        ),
        ("    daily_sync_time: \"03:00\"\n", "8:5 error `daily_sync_time` goes with `sync_frequency: 1d` only"),
        ("    paused: maybe\n", "8:13 error `paused` must be true or false"),
        ("    exclude: others\n", "8:14 error `exclude: others` needs `tables`"),
        ("    exclude: all\n", "8:14 error `exclude` cannot be `all` (Write `others`"),
        ("    tables: {p: [a]}\n    exclude: {p: [a]}\n", "9:19 error table `p.a` is in `tables` and in `exclude`"),
        ("    tables: {p: [a]}\n    columns: {a: {x: hash}}\n", "9:15 error `a` is not a source table (Write it as"),
        (
            "    tables: {p: [a]}\n    columns: {p.b: {x: hash}}\n",
            "9:15 error there is no table in `tables` of this connection named `p.b` (Did you",
        ),
        (
            "    tables: {p: [a]}\n    columns: {p.a: {x: hashed}}\n",
            "9:24 error column `x` cannot be `hashed` (Did you mean `hash`?",
        ),
    ] {
        let found = of(lines);
        assert!(found.len() == 1 && found[0].starts_with(expected), "{lines}\n{expected}\n{found:#?}");
    }
    // In the embedded workspace none of it is needed, and what is written is looked at all the same.
    check(
        "connections: {a: {service: s, schema_prefix: a, local: {sample: }, group: '${NO}', config: {host: '${NO}', password: x}}}\n",
        &["4:118 error `password` looks like a secret"],
    );
}
