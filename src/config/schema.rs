//! The JSON Schema of `jobs.yaml`, for editors: what may be written where, and what it means.
//!
//! The keys of each mapping are the reader's own lists, so that neither knows a key that the other does not. The reader is
//! stricter in what no schema says well: what goes together, names that must exist, files that must be there.

use serde_json::{Map, Value, json};

use super::{
    connections, constraints, dashboard_schedules, dashboards, data_tests, environments, incremental, kept, labels,
    load, model_columns, models, notify, permissions, schedule, sources, syncs,
};
use crate::diag::{Severity, codes};

/// Returns the schema, in the draft of 2020-12.
pub fn schema() -> Value {
    let mut schema = object(
        &load::KEYS,
        vec![
            ("version", described(json!({"const": 1}), "The version of this format; always 1.")),
            ("project", described(name(), "The project's name, by which runs and objects are marked.")),
            ("variables", described(variables(), "What templates see as `{{ name }}`, with its default.")),
            (
                "macros",
                list(
                    text("A file, or a folder of *.tera and *.sql files."),
                    "Files with Tera components that every template may use.",
                ),
            ),
            (
                "environments",
                described(named(environment()), "Where the project can be deployed to. One of them is the default."),
            ),
            ("connections", described(named_or_nothing(connection()), "What Fivetran brings.")),
            (
                "sources",
                described(
                    any_or_nothing(source()),
                    "Schemas that connections land, and what is known of their tables.",
                ),
            ),
            (
                "models",
                described(
                    any_or_nothing(model()),
                    "Folders of SQL files, or single files, and what their queries become. What a file says wins over what its folder says.",
                ),
            ),
            ("lints", described(levels(), "How much the project cares for warnings and notes.")),
            ("dashboards", described(named_or_nothing(dashboard()), "Lakeview dashboards.")),
            ("jobs", described(named_or_nothing(job()), "Steps that belong together: `kiln sync-and-refresh JOB`.")),
            (
                "unit_tests",
                list(text("A YAML file, or a folder of them."), "Files with unit tests of models: `kiln test`."),
            ),
        ],
        &["version", "project", "environments"],
    );
    let head = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "jobs.yaml",
        "description": "A kiln project: what is synced, built and published on Databricks.",
    });
    if let (Value::Object(schema), Value::Object(head)) = (&mut schema, head) {
        let body = std::mem::take(schema);
        schema.extend(head.into_iter().chain(body));
    }
    schema
}

fn environment() -> Value {
    object(
        &environments::KEYS,
        vec![
            (
                "workspace",
                described(
                    json!({"const": "local"}),
                    "`local`: the embedded workspace, which the command starts itself.",
                ),
            ),
            ("host", text("Address of a Databricks workspace.")),
            ("profile", text("A profile of ~/.databrickscfg.")),
            (
                "auth_type",
                text(
                    "The only method to log in by: pat, oauth-m2m, databricks-cli, github-oidc, env-oidc, file-oidc, azure-cli.",
                ),
            ),
            ("client_id", text("Application id of a service principal.")),
            ("warehouse", text("SQL warehouse by name, id or HTTP path.")),
            (
                "concurrency",
                whole_number(
                    "How many statements of a run may be on the warehouse at once; 8 if nothing is said, and `--concurrency` wins.",
                ),
            ),
            ("catalog", text("Catalog of models, and of sources without one of their own.")),
            ("schema", text("Schema of models.")),
            ("fivetran", text("Base address of Fivetran's API, if it is not the usual one.")),
            ("dashboard_folder", text("Workspace folder that dashboards go to instead of their own.")),
            (
                "job_folder",
                text("Workspace folder of the SQL files that scheduled jobs run; /Shared/kiln if nothing is said."),
            ),
            (
                "schedules",
                described(
                    json!({"enum": ["run", "paused", "none"]}),
                    "What becomes of the schedules of jobs and dashboards here: they run, are paused, or are not there.",
                ),
            ),
            (
                "grants",
                described(
                    any_or_nothing(list(privilege(&environments::PRIVILEGES), "")),
                    "User or group: what they may do with the models' schema.",
                ),
            ),
            ("databricks_tags", described(texts(), "Tags of Unity Catalog that the models' schema has.")),
            (
                "protected",
                described(
                    protected(),
                    "Whether a deploy asks first, and takes committed files only; with `branch`, those of that branch.",
                ),
            ),
            ("notify", described(notify(), "Who is told how whatever changes this environment ended.")),
            ("default", boolean("Whether it is chosen where nobody says which.")),
            ("variables", described(variables(), "Values of variables here.")),
        ],
        &["catalog", "schema"],
    )
}

/// A privilege: in any case, with blanks or underlines. Editors are told the usual way to write them.
fn privilege(usual: &[&str]) -> Value {
    json!({"anyOf": [{"enum": usual}, {"type": "string"}]})
}

fn protected() -> Value {
    let branch = text("The branch that alone may be deployed.");
    json!({"anyOf": [boolean(""), object(&environments::PROTECTED_KEYS, vec![("branch", branch)], &["branch"])]})
}

fn connection() -> Value {
    let tables = list(text("A table."), "Tables of a schema of the source.");
    let local = object(
        &connections::LOCAL_KEYS,
        vec![
            ("sample", described(sample(), "The generated shop.")),
            ("files", described(any(file()), "Source table, as schema.table: its CSV or Parquet file.")),
            (
                "postgres",
                text("A PostgreSQL server: `${NAME}`, the variable of the environment that holds its address."),
            ),
            (
                "updated_at",
                described(
                    any(text("A column.")),
                    "Of `postgres`: table, as schema.table, and the column by which changed rows are found.",
                ),
            ),
            (
                "scenario",
                described(json!({"enum": connections::SCENARIOS}), "The bad morning that the embedded Fivetran plays."),
            ),
        ],
        &[],
    );
    let words = |words: &[&str], what: &str| described(or_variable(json!({"enum": words})), what);
    object(
        &connections::keys(),
        vec![
            ("service", text("Fivetran's id of the kind of source, such as google_cloud_postgresql.")),
            (
                "id",
                json!({"type": "string", "description": "An existing connection; without it, it is found by its schema prefix."}),
            ),
            (
                "group",
                json!({"type": "string", "description": "Fivetran's group by id or name; without it, the one that writes to the project's catalog."}),
            ),
            (
                "config",
                json!({"type": "object", "description": "How the source is reached, as the service takes it; secrets as `${NAME}`. With it, a connection that is not there is made."}),
            ),
            ("secrets", list(text("A key of `config`."), "Further keys of `config` that are secrets.")),
            ("schema_change_handling", words(&kept::HANDLINGS, "What becomes of new schemas, tables and columns.")),
            ("sync_frequency", described(duration(), "How often Fivetran syncs it by itself.")),
            ("schedule_type", words(&["auto", "manual"], "Whether Fivetran syncs it by itself.")),
            ("daily_sync_time", text("With `sync_frequency: 1d`: the hour, such as `03:00`.")),
            ("paused", boolean("Whether it is paused.")),
            (
                "exclude",
                described(
                    json!({"anyOf": [{"const": "others"}, any(list(text("A table."), ""))]}),
                    "What is not replicated: all `others` than `tables`, or tables by the schema of the source.",
                ),
            ),
            (
                "columns",
                described(
                    any(any(json!({"enum": ["include", "exclude", "hash"]}))),
                    "Source table, as schema.table: what becomes of its columns.",
                ),
            ),
            ("schema_prefix", text("First part of the schemas that it lands tables in.")),
            ("tables", described(any(tables), "Schema of the source: the tables that are replicated.")),
            (
                "sync",
                described(
                    object(&syncs::KEYS, wishes(), &[]),
                    "How it is brought up to date, unless a step says otherwise.",
                ),
            ),
            ("local", described(local, "What stands for it in the embedded workspace.")),
        ],
        &["service", "schema_prefix"],
    )
}

fn sample() -> Value {
    let keys = vec![
        ("customers", whole_number("Customers at the first sync.")),
        ("seed", whole_number("The same seed gives the same shop.")),
    ];
    nothing_or(object(&connections::SAMPLE_KEYS, keys, &[]))
}

fn file() -> Value {
    let keys = vec![
        ("path", text("The file, ending in .csv, .csv.gz or .parquet.")),
        ("key", list(text("A column."), "Its primary key.")),
        ("columns", described(columns(), "Types of columns that should not be inferred.")),
    ];
    json!({"anyOf": [text("The file."), object(&connections::FILE_KEYS, keys, &["path"])]})
}

/// How a connection is brought up to date.
fn wishes() -> Vec<(&'static str, Value)> {
    vec![
        (
            "ensure_fresh",
            described(age(), "Sync only if the last good sync is older than this; `false`: a new sync every time."),
        ),
        ("observe", described(age(), "Never sync; fail if the last good sync is older than this.")),
        (
            "when_running",
            described(json!({"enum": syncs::WHEN_RUNNING}), "What is done about a sync that runs already."),
        ),
        ("deadline", described(duration(), "How long the whole may take.")),
        ("historical_deadline", described(duration(), "The same where everything is loaded anew.")),
    ]
}

fn source() -> Value {
    let table =
        object(&sources::TABLE_KEYS, vec![("columns", described(columns(), "Column: type, such as BIGINT."))], &[]);
    object(
        &sources::KEYS,
        vec![
            ("connection", text("The connection that lands it; none if others keep it.")),
            ("catalog", text("Its catalog, if it is not the environment's.")),
            ("tables", described(any(nothing_or(table)), "Its tables, and what is known of them.")),
        ],
        &["tables"],
    )
}

fn model() -> Value {
    let columns = |what: &str| list(text("A column."), what);
    nothing_or(object(
        &models::keys(),
        vec![
            ("materialized", described(json!({"enum": ["view", "table", "incremental"]}), "What the query becomes.")),
            ("cluster_by", columns("Columns that the table is clustered by, at most four.")),
            ("description", text("Comment on the table or view; of a file, not of a folder.")),
            (
                "columns",
                described(
                    any_or_nothing(nothing_or(model_column())),
                    "What is said of columns; of a file, not of a folder.",
                ),
            ),
            (
                "constraints",
                described(
                    constraints(),
                    "What the table itself demands of rows, and its keys; of a file, not of a folder.",
                ),
            ),
            ("properties", described(texts(), "Properties of the table or view.")),
            ("databricks_tags", described(texts(), "Tags of Unity Catalog.")),
            (
                "grants",
                described(
                    any_or_nothing(list(privilege(&labels::PRIVILEGES), "")),
                    "User or group: what they may do with the table or view.",
                ),
            ),
            ("tests", list(test(), "What must hold of its rows before anybody reads them.")),
            ("allow", list(text("A lint."), "Lints that are meant to be so here.")),
            ("tags", list(text("A word."), "Words by which it can be selected: `--select tag:WORD`.")),
            ("timeout", described(duration(), "How long its build may take.")),
            ("strategy", described(json!({"enum": incremental::STRATEGIES}), "What becomes of new rows.")),
            ("unique_key", columns("Of `merge`: the columns of the key.")),
            ("soft_delete", text("Of `merge`: a column that is true in rows that are to be taken out.")),
            ("time_column", text("Of `insert_overwrite`: the column that says when a row happened.")),
            ("lookback", described(duration(), "Of `insert_overwrite` by time: how late rows may be.")),
            (
                "partition_by",
                columns(
                    "Of `insert_overwrite`, instead of `time_column`: new rows replace all that are equal in these columns.",
                ),
            ),
            (
                "on_schema_change",
                described(
                    json!({"enum": ["fail", "append", "rebuild"]}),
                    "What is done when the query returns other columns than the table has.",
                ),
            ),
        ],
        &[],
    ))
}

fn model_column() -> Value {
    let keys = vec![
        ("description", text("Comment on the column.")),
        ("databricks_tags", described(texts(), "Tags of Unity Catalog.")),
    ];
    object(&model_columns::KEYS, keys, &[])
}

fn constraints() -> Value {
    let columns = || json!({"anyOf": [text("A column."), list(text("A column."), "")]});
    object(
        &constraints::KEYS,
        vec![
            ("not_null", described(columns(), "Columns that are never NULL.")),
            ("primary_key", described(columns(), "Columns that are never NULL, and together never twice the same.")),
            (
                "check",
                described(
                    named(text("A condition.")),
                    "Name of a constraint: a condition that is not false for any row.",
                ),
            ),
            (
                "foreign_keys",
                list(any(text("model.column")), "Columns, each with that of another model's primary key."),
            ),
        ],
        &[],
    )
}

/// Keys with a text each, or what the workspace keeps as one.
fn texts() -> Value {
    any_or_nothing(json!({"type": ["string", "boolean", "number", "null"]}))
}

fn test() -> Value {
    let columns = || json!({"anyOf": [text("A column."), list(text("A column."), "")]});
    let bounds = vec![("min", whole_number("The least.")), ("max", whole_number("The most."))];
    let share = || json!({"type": "string", "pattern": "^[0-9.]+ *%$"});
    let shares = vec![
        ("down", described(share(), "The share by which it may fall.")),
        ("up", described(share(), "The share by which it may rise.")),
    ];
    let one = |value: Value| {
        let mut map = any(value);
        map["minProperties"] = json!(1);
        map["maxProperties"] = json!(1);
        map
    };
    let mut test = object(
        &data_tests::keys(),
        vec![
            ("not_null", described(columns(), "None of these columns is NULL.")),
            ("unique", described(columns(), "No two rows have the same values in these columns.")),
            (
                "accepted_values",
                described(one(json!({"type": "array", "minItems": 1})), "Column: the values that it has, or NULL."),
            ),
            (
                "relationships",
                described(one(text("model.column or schema.table.column")), "Column: where its values are found."),
            ),
            ("expression", text("A condition that is not false for any row.")),
            ("row_count", described(object(&data_tests::ROW_COUNT_KEYS, bounds, &[]), "Bounds of the number of rows.")),
            (
                "freshness",
                described(one(text("An age, such as `2 days`.")), "Column: the greatest age of its newest value."),
            ),
            (
                "change",
                described(
                    one(json!({"anyOf": [share(), object(&data_tests::CHANGE_KEYS, shares, &[])]})),
                    "A figure of all rows, such as `count(*)`: by how much it may change since the version that is read now.",
                ),
            ),
            ("no_rows", text("A file with a query that returns no row.")),
            (
                "severity",
                described(json!({"enum": ["error", "warn"]}), "`warn`: a failure is told, and the model is published."),
            ),
        ],
        &[],
    );
    test["oneOf"] = data_tests::RULES.iter().map(|rule| json!({"required": [rule]})).collect();
    test
}

/// Names of warnings and notes with the project's levels.
fn levels() -> Value {
    let names = codes().filter(|code| code.severity != Severity::Error).flat_map(|code| [code.name, code.number]);
    let level = json!({"enum": ["off", "note", "warning", "error"]});
    json!({
        "type": ["object", "null"],
        "propertyNames": {"enum": names.collect::<Vec<_>>()},
        "additionalProperties": level,
    })
}

fn dashboard() -> Value {
    let publish = vec![("embed_credentials", boolean("Whether viewers' queries run with the publisher's rights."))];
    object(
        &dashboards::KEYS,
        vec![
            ("file", text("The .lvdash.json file.")),
            ("title", text("Its name in the workspace, if not the one here.")),
            ("folder", text("Workspace folder, in full.")),
            ("publish", described(object(&dashboards::PUBLISH_KEYS, publish, &[]), "How it is published.")),
            (
                "permissions",
                described(
                    any_or_nothing(permission()),
                    "Group, e-mail address of a user, or application id of a service principal: what it may do with the dashboard.",
                ),
            ),
            (
                "schedules",
                described(
                    named_or_nothing(dashboard_schedule()),
                    "When the workspace refreshes the dashboard and sends it to whom, by names of your choice.",
                ),
            ),
            ("timeout", described(duration(), "How long a run may take to publish it, and to ask what it shows.")),
        ],
        &["file", "folder"],
    )
}

fn dashboard_schedule() -> Value {
    object(
        &dashboard_schedules::KEYS,
        vec![
            ("cron", text("Minute, hour, day of the month, month, day of the week: `0 8 * * 1`.")),
            ("timezone", text("`UTC`, or area and city, such as Europe/Berlin.")),
            ("paused", boolean("Whether it does not run.")),
            (
                "subscribers",
                list(
                    text("An e-mail address of a user, or a notification destination by name or id."),
                    "To whom it is sent.",
                ),
            ),
        ],
        &["cron", "timezone"],
    )
}

/// A permission: in any case, with blanks or underlines. Editors are told the usual way to write them.
fn permission() -> Value {
    let known = permissions::LEVELS.iter().chain([&permissions::NOTHING]).collect::<Vec<_>>();
    json!({"anyOf": [{"enum": known}, {"type": "string"}]})
}

fn job() -> Value {
    let mut keys = vec![
        ("sync", text("A connection: bring its new data.")),
        ("build", text("Models by their path: sql/**, sql/marts, a model's name.")),
        ("publish", text("A dashboard.")),
    ];
    keys.extend(wishes());
    let mut step = object(&dashboards::STEP_KEYS, keys, &[]);
    step["oneOf"] = dashboards::STEPS.iter().map(|kind| json!({"required": [kind]})).collect();
    step["dependentRequired"] = syncs::KEYS.iter().map(|key| ((*key).to_owned(), json!(["sync"]))).collect();
    let mut steps = list(step, "What it does. The order follows from what reads what, not from this list.");
    steps["minItems"] = json!(1);
    let schedule = described(schedule(), "When the workspace itself runs it, as a Databricks Job that a deploy keeps.");
    let notify = described(notify(), "Who is told how its runs ended, beside those of the environment.");
    let together = "Where not all of a run succeeds, the tables that it has changed go back to what they were, so that a dashboard \
                    never shows some of them new and some old.";
    let all_or_nothing = described(json!({"type": "boolean"}), together);
    let keys = vec![("steps", steps), ("schedule", schedule), ("notify", notify), ("all_or_nothing", all_or_nothing)];
    object(&dashboards::JOB_KEYS, keys, &["steps"])
}

/// Who is told how runs ended: one, or a list.
fn notify() -> Value {
    let word = || json!({"enum": notify::OCCASIONS.map(|(word, _)| word)});
    let mut one = object(
        &notify::KEYS,
        vec![
            (
                "webhook",
                described(
                    json!({"type": "string", "pattern": "^\\$\\{[A-Za-z_][A-Za-z0-9_]*\\}$"}),
                    "`${NAME}`: the variable of the environment that holds the address of an incoming webhook, as Slack has it.",
                ),
            ),
            (
                "email",
                described(
                    json!({"anyOf": [text("An address."), list(text("An address."), "")]}),
                    "Instead of `webhook`: e-mail addresses, to which the workspace writes.",
                ),
            ),
            (
                "when",
                described(
                    json!({"anyOf": [word(), list(word(), "")]}),
                    "On which occasions; failure, stale and recovered if nothing is said.",
                ),
            ),
        ],
        &[],
    );
    one["oneOf"] = json!([{"required": ["webhook"]}, {"required": ["email"]}]);
    json!({"anyOf": [one.clone(), list(one, "")]})
}

fn schedule() -> Value {
    let notify = vec![
        ("on_failure", list(text("An e-mail address."), "Who is told of a failure.")),
        ("on_success", list(text("An e-mail address."), "Who is told of a success.")),
    ];
    object(
        &schedule::KEYS,
        vec![
            ("cron", text("Minute, hour, day of the month, month, day of the week: `0 6 * * 1-5`.")),
            ("timezone", text("`UTC`, or area and city, such as Europe/Berlin.")),
            ("paused", boolean("Whether it does not run.")),
            (
                "run_as",
                text("Whose rights it runs with: a user's e-mail, or the application id of a service principal."),
            ),
            ("timeout", described(duration(), "How long a run may take.")),
            ("retries", whole_number("How often a step that failed is tried again.")),
            ("notify", described(object(&schedule::NOTIFY_KEYS, notify, &[]), "Who is told how a run ended.")),
        ],
        &["cron", "timezone"],
    )
}

/// A mapping with the reader's keys, each of which is described.
fn object(keys: &[&str], described: Vec<(&str, Value)>, required: &[&str]) -> Value {
    debug_assert_eq!(
        std::collections::BTreeSet::from_iter(keys.iter().copied()),
        described.iter().map(|(key, _)| *key).collect(),
        "the reader and the schema know the same keys"
    );
    let properties: Map<String, Value> = described.into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
    let mut object = json!({"type": "object", "properties": properties, "additionalProperties": false});
    if !required.is_empty() {
        object["required"] = json!(required);
    }
    object
}

/// A mapping with keys of the user's choice.
fn any(value: Value) -> Value {
    json!({"type": "object", "additionalProperties": value})
}

fn any_or_nothing(value: Value) -> Value {
    json!({"type": ["object", "null"], "additionalProperties": value})
}

/// A mapping of names that runs and objects carry.
fn named(value: Value) -> Value {
    json!({"type": "object", "propertyNames": name(), "additionalProperties": value})
}

fn named_or_nothing(value: Value) -> Value {
    json!({"type": ["object", "null"], "propertyNames": name(), "additionalProperties": value})
}

fn nothing_or(mut object: Value) -> Value {
    object["type"] = json!(["object", "null"]);
    object
}

fn variables() -> Value {
    json!({"type": ["object", "null"], "propertyNames": {"pattern": "^[A-Za-z_][A-Za-z0-9_]*$"}})
}

fn columns() -> Value {
    any_or_nothing(text("The column's type."))
}

fn name() -> Value {
    json!({"type": "string", "pattern": "^[A-Za-z0-9$][A-Za-z0-9_${}:-]{0,127}$"})
}

fn list(items: Value, description: &str) -> Value {
    described(json!({"type": "array", "items": items}), description)
}

fn text(description: &str) -> Value {
    described(json!({"type": "string", "minLength": 1}), description)
}

fn boolean(description: &str) -> Value {
    described(or_variable(json!({"type": "boolean"})), description)
}

fn whole_number(description: &str) -> Value {
    described(or_variable(json!({"type": "integer", "minimum": 0})), description)
}

fn duration() -> Value {
    or_variable(json!({"type": "string", "pattern": "^([0-9]+d)?([0-9]+h)?([0-9]+m)?([0-9]+s)?$", "minLength": 2}))
}

fn age() -> Value {
    json!({"anyOf": [{"const": false}, duration()]})
}

/// What a value is, unless a variable of the environment says it.
fn or_variable(value: Value) -> Value {
    json!({"anyOf": [value, {"type": "string", "pattern": "\\$\\{"}]})
}

fn described(mut schema: Value, description: &str) -> Value {
    if !description.is_empty() {
        schema["description"] = json!(description);
    }
    schema
}
