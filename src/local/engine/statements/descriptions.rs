//! Statements that describe one thing: `DESCRIBE` and `EXPLAIN`.

use std::fmt::Write as _;
use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, RecordBatch, StringArray};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType as ArrowType, Field, Schema};
use datafusion::datasource::{MemTable, provider_as_source};
use datafusion::logical_expr::TableSource;
use deltalake::kernel::CommitInfo;

use crate::dialect::{self, DataType, Name, Part};
use crate::ids::TableName;
use crate::local::engine::api::{Column, ColumnInfo, Output, TableInfo};
use crate::local::engine::catalog::{Key, Kind, quoted};
use crate::local::engine::delta::{self, CLUSTERING};
use crate::local::engine::error::SqlError;
use crate::local::engine::plan::{self, Scope};
use crate::local::engine::write::{OPERATION, STATEMENT};
use crate::local::engine::{Engine, types, write};

fn column(name: &str, data_type: &str) -> Column {
    types::column(name, &DataType::parse(data_type).unwrap_or(DataType::String))
}

pub(super) fn answer(statement_type: &'static str, columns: &[(&str, &str)], rows: Vec<Vec<Option<String>>>) -> Output {
    let columns = columns.iter().map(|(name, data_type)| column(name, data_type)).collect();
    Output { columns, rows, is_query: true, statement_type, ..Output::default() }
}

pub(super) fn texts(names: &[&'static str]) -> Vec<(&'static str, &'static str)> {
    names.iter().map(|name| (*name, "STRING")).collect()
}

/// A table or view that a header names; an unknown one with its place.
pub(super) async fn described(engine: &Engine, scope: &Scope, written: &Name) -> Result<TableInfo, SqlError> {
    let name = scope.table(written)?;
    engine.kind(&name, &scope.parts(written)?).map_err(|e| e.at(scope.place(written)))?;
    engine.describe(&name).await
}

/// A table that a header names; a view is refused.
pub(super) fn table_only(
    engine: &Engine,
    scope: &Scope,
    written: &Name,
    statement: &str,
) -> Result<TableName, SqlError> {
    let name = scope.table(written)?;
    match engine.kind(&name, &scope.parts(written)?).map_err(|e| e.at(scope.place(written)))? {
        Kind::Table => Ok(name),
        Kind::View => Err(SqlError::new(
            "EXPECT_TABLE_NOT_VIEW.NO_ALTERNATIVE",
            "42809",
            format!(
                "'{statement}' expects a table but {} is a view.",
                quoted(&[&name.catalog, &name.schema, &name.name])
            ),
        )
        .at(scope.place(written))),
    }
}

/// `DESCRIBE TABLE`
pub(super) async fn describe(
    engine: &Engine,
    scope: &Scope,
    written: &Name,
    extended: bool,
) -> Result<Output, SqlError> {
    let table = described(engine, scope, written).await?;
    let mut rows: Vec<Vec<Option<String>>> = table
        .columns
        .iter()
        .map(|c| vec![Some(c.column.name.clone()), Some(simple_type(&c.column.type_text)), c.comment.clone()])
        .collect();
    let mut row = |name: &str, value: &str, comment: &str| {
        rows.push(vec![Some(name.to_owned()), Some(value.to_owned()), Some(comment.to_owned())]);
    };
    let parted = |title: &str, columns: Vec<&ColumnInfo>, row: &mut dyn FnMut(&str, &str, &str)| {
        if !columns.is_empty() {
            row(title, "", "");
            row("# col_name", "data_type", "comment");
            for c in columns {
                row(&c.column.name, &simple_type(&c.column.type_text), c.comment.as_deref().unwrap_or_default());
            }
        }
    };
    let partitions = table.columns.iter().filter(|c| c.partition_index.is_some()).collect();
    parted("# Partition Information", partitions, &mut row);
    let clustering = clustering(&table);
    let clustered = table.columns.iter().filter(|c| clustering.contains(&c.column.name)).collect();
    parted("# Clustering Information", clustered, &mut row);
    if extended {
        let about = engine.folder().about(&table.name.parts())?;
        row("", "", "");
        row("# Detailed Table Information", "", "");
        row("Catalog", &table.name.catalog, "");
        row("Database", &table.name.schema, "");
        row("Table", &table.name.name, "");
        row("Owner", about.owner.as_deref().unwrap_or(plan::USER), "");
        row("Created Time", &table.created_at.format("%a %b %d %H:%M:%S UTC %Y").to_string(), "");
        row("Type", table.table_type.as_str(), "");
        if let Some(comment) = &table.comment {
            row("Comment", comment, "");
        }
        if let Some(text) = &table.view_definition {
            row("View Text", text, "");
        }
        if let Some(location) = &table.storage_location {
            row("Location", &location.display().to_string(), "");
            row("Provider", "delta", "");
        }
        row("Table Properties", &format!("[{}]", shown_properties(&table).join(",")), "");
        if !about.keys.is_empty() {
            row("", "", "");
            row("# Constraints", "", "");
            for key in &about.keys {
                row(&key.name, &key_text(key), "");
            }
        }
    }
    Ok(answer("DESCRIBE", &texts(&["col_name", "data_type", "comment"]), rows))
}

/// The properties that a table shows, as `key=value`.
fn shown_properties(table: &TableInfo) -> Vec<String> {
    table.properties.iter().filter(|(key, _)| *key != CLUSTERING).map(|(k, v)| format!("{k}={v}")).collect()
}

/// The columns by which a table is clustered.
pub(super) fn clustering(table: &TableInfo) -> Vec<String> {
    let text = table.properties.get(CLUSTERING);
    let columns = text.and_then(|text| serde_json::from_str::<Vec<Vec<String>>>(text).ok()).unwrap_or_default();
    columns.into_iter().map(|path| path.join(".")).collect()
}

/// A key as a `CREATE TABLE` writes it.
pub(super) fn key_text(key: &Key) -> String {
    let names = |columns: &[String]| {
        columns.iter().map(|column| crate::ids::quote_identifier(column)).collect::<Vec<_>>().join(", ")
    };
    match &key.references {
        None => format!("PRIMARY KEY ({})", names(&key.columns)),
        Some((table, columns)) => {
            format!("FOREIGN KEY ({}) REFERENCES {} ({})", names(&key.columns), table.to_sql(), names(columns))
        }
    }
}

/// `DESCRIBE TABLE t column`
pub(super) async fn describe_column(
    engine: &Engine,
    scope: &Scope,
    written: &Name,
    column: &[String],
) -> Result<Output, SqlError> {
    let table = described(engine, scope, written).await?;
    let wanted = column.join(".");
    let Some(found) = table.columns.iter().find(|c| c.column.name.eq_ignore_ascii_case(&wanted)) else {
        return Err(super::alter::no_column(&wanted, &table.name));
    };
    let row =
        |name: &str, value: Option<String>| vec![Some(name.to_owned()), value.or_else(|| Some("NULL".to_owned()))];
    let rows = vec![
        row("col_name", Some(found.column.name.clone())),
        row("data_type", Some(simple_type(&found.column.type_text))),
        row("comment", found.comment.clone()),
    ];
    Ok(answer("DESCRIBE", &texts(&["info_name", "info_value"]), rows))
}

/// `DESCRIBE TABLE EXTENDED t AS JSON`
pub(super) async fn describe_json(engine: &Engine, scope: &Scope, written: &Name) -> Result<Output, SqlError> {
    let table = described(engine, scope, written).await?;
    let about = engine.folder().about(&table.name.parts())?;
    let columns: Vec<_> = table
        .columns
        .iter()
        .map(|c| {
            let mut column = serde_json::json!({
                "name": c.column.name,
                "type": json_type(&DataType::parse(&c.column.type_text).unwrap_or(DataType::Void)),
                "nullable": c.nullable,
            });
            if let Some(comment) = &c.comment {
                column["comment"] = comment.as_str().into();
            }
            if let Some(default) = &c.default {
                column["default"] = default.as_str().into();
            }
            column
        })
        .collect();
    let partitions: Vec<_> =
        table.columns.iter().filter(|c| c.partition_index.is_some()).map(|c| c.column.name.as_str()).collect();
    let properties: serde_json::Map<_, _> = table
        .properties
        .iter()
        .filter(|(key, _)| *key != CLUSTERING)
        .map(|(key, value)| (key.clone(), value.as_str().into()))
        .collect();
    let mut json = serde_json::json!({
        "table_name": table.name.name,
        "catalog_name": table.name.catalog,
        "namespace": [table.name.schema],
        "schema_name": table.name.schema,
        "columns": columns,
        "created_time": table.created_at.format("%Y-%m-%dT%H:%M:%SZ").to_string(),
        "type": table.table_type.as_str(),
        "owner": about.owner.as_deref().unwrap_or(plan::USER),
        "table_properties": properties,
    });
    if !partitions.is_empty() {
        json["partition_columns"] = partitions.into();
    }
    let clustering = clustering(&table);
    if !clustering.is_empty() {
        json["clustering_columns"] = clustering.into();
    }
    if let Some(comment) = &table.comment {
        json["comment"] = comment.as_str().into();
    }
    if let Some(location) = &table.storage_location {
        json["location"] = location.display().to_string().into();
        json["provider"] = "delta".into();
    }
    if let Some(text) = &table.view_definition {
        json["view_text"] = text.as_str().into();
    }
    Ok(answer("DESCRIBE", &texts(&["json_metadata"]), vec![vec![Some(json.to_string())]]))
}

/// A type as `DESCRIBE … AS JSON` writes it.
fn json_type(data_type: &DataType) -> serde_json::Value {
    use serde_json::json;
    let inner = |part: &Option<Box<DataType>>| part.as_deref().map_or(json!({"name": "void"}), json_type);
    match data_type {
        DataType::Decimal(precision, scale) => json!({"name": "decimal", "precision": precision, "scale": scale}),
        DataType::String => json!({"name": "string", "collation": "UTF8_BINARY"}),
        DataType::Timestamp => json!({"name": "timestamp_ltz"}),
        DataType::Array(item) => json!({"name": "array", "element_type": inner(item), "element_nullable": true}),
        DataType::Map(key, value) => {
            json!({"name": "map", "key_type": inner(key), "value_type": inner(value), "value_nullable": true})
        }
        DataType::Struct(fields) => {
            let fields: Vec<_> = fields
                .iter()
                .map(|(name, field)| {
                    let field = field.as_ref().map_or(json!({"name": "void"}), json_type);
                    json!({"name": name, "type": field, "nullable": true})
                })
                .collect();
            json!({"name": "struct", "fields": fields})
        }
        other => json!({"name": other.to_string().to_lowercase()}),
    }
}

/// `DESCRIBE QUERY`
pub(super) async fn describe_query(engine: &Engine, scope: &Scope, query: &Part) -> Result<Output, SqlError> {
    let planned = plan::query(engine, query, scope).await?;
    let rows = planned
        .names
        .iter()
        .zip(planned.plan.schema().fields())
        .map(|(name, field)| {
            let type_text = types::from_arrow(field.data_type()).to_string();
            vec![Some(name.clone()), Some(simple_type(&type_text)), None]
        })
        .collect();
    Ok(answer("DESCRIBE", &texts(&["col_name", "data_type", "comment"]), rows))
}

/// `DESCRIBE SCHEMA`, `DESCRIBE CATALOG`
pub(super) fn describe_namespace(
    engine: &Engine,
    scope: &Scope,
    catalog: bool,
    written: &Name,
    extended: bool,
) -> Result<Output, SqlError> {
    let path = super::alter::namespace_path(engine, scope, catalog, written)?;
    let path: Vec<&str> = path.iter().map(String::as_str).collect();
    let about = engine.folder().about(&path)?;
    let row = |name: &str, value: &str| vec![Some(name.to_owned()), Some(value.to_owned())];
    let owner = about.owner.as_deref().unwrap_or(plan::USER);
    let (mut rows, info, columns) = match path.as_slice() {
        [catalog, schema] => (
            vec![row("Catalog Name", catalog), row("Namespace Name", schema)],
            engine.folder().schema(catalog, schema)?,
            ["database_description_item", "database_description_value"],
        ),
        _ => (vec![row("Catalog Name", path[0])], engine.folder().catalog(path[0])?, ["info_name", "info_value"]),
    };
    rows.push(row("Comment", info.comment.as_deref().unwrap_or_default()));
    rows.push(row("Owner", owner));
    if extended {
        rows.push(row("Created At", &info.created_at.format("%Y-%m-%d %H:%M:%S UTC").to_string()));
        let properties: Vec<_> = about.properties.iter().map(|(k, v)| format!("({k},{v})")).collect();
        rows.push(row("Properties", &format!("({})", properties.join(", "))));
    }
    Ok(answer("DESCRIBE", &texts(&columns), rows))
}

/// `DESCRIBE FUNCTION`
pub(super) fn describe_function(name: &str, extended: bool) -> Result<Output, SqlError> {
    let Some(function) = dialect::functions::function(name) else {
        return Err(plan::unknown_routine(&[name]));
    };
    let arguments = match (function.min_args, function.max_args) {
        (least, Some(most)) if least == most => format!("{least}"),
        (least, Some(most)) => format!("{least} to {most}"),
        (least, None) => format!("{least} or more"),
    };
    let mut rows = vec![
        format!("Function: {}", function.name),
        format!("Usage: {}", usage(function)),
        format!("Arguments: {arguments}"),
    ];
    if extended {
        rows.push(format!("Kind: {:?}", function.kind).to_lowercase());
    }
    Ok(answer("DESCRIBE", &texts(&["function_desc"]), rows.into_iter().map(|row| vec![Some(row)]).collect()))
}

/// How a function is called, and what it gives: `substring(arg1, arg2[, arg3]) -> STRING`.
fn usage(function: &dialect::functions::Function) -> String {
    let mut call = format!("{}(", function.name);
    let shown = function.max_args.unwrap_or(function.min_args + 1);
    for i in 1..=shown {
        let comma = if i > 1 { ", " } else { "" };
        let open = if i > function.min_args { "[" } else { "" };
        call += &format!("{open}{comma}arg{i}");
    }
    if function.max_args.is_none() {
        call += ", ...";
    }
    call += &"]".repeat(shown.saturating_sub(function.min_args));
    call += ")";
    match &function.returns {
        dialect::functions::Returns::Type(data_type) => format!("{call} -> {data_type}"),
        _ => call,
    }
}

/// A type as `DESCRIBE` writes it: in lower case, without blanks.
fn simple_type(type_text: &str) -> String {
    type_text.to_lowercase().replace(": ", ":").replace(", ", ",")
}

/// `EXPLAIN`
pub(super) async fn explain(engine: &Engine, scope: &Scope, query: &Part, extended: bool) -> Result<Output, SqlError> {
    let planned = plan::query(engine, query, scope).await?;
    let mut text = String::new();
    if extended {
        let optimized = planned.state.optimize(&planned.plan).map_err(plan::explain)?;
        let _ = write!(text, "== Analyzed Logical Plan ==\n{}\n\n", planned.plan.display_indent());
        let _ = write!(text, "== Optimized Logical Plan ==\n{}\n\n", optimized.display_indent());
    }
    let physical = planned.state.create_physical_plan(&planned.plan).await.map_err(plan::explain)?;
    let shown = datafusion::physical_plan::displayable(physical.as_ref()).indent(false);
    let _ = write!(text, "== Physical Plan ==\n{shown}");
    Ok(answer("EXPLAIN", &texts(&["plan"]), vec![vec![Some(text)]]))
}

/// The columns of a table's history: those that Delta has everywhere, and last the one that the service adds.
const HISTORY: [(&str, &str); 16] = [
    ("version", "BIGINT"),
    ("timestamp", "TIMESTAMP"),
    ("userId", "STRING"),
    ("userName", "STRING"),
    ("operation", "STRING"),
    ("operationParameters", "MAP<STRING, STRING>"),
    ("job", "STRING"),
    ("notebook", "STRING"),
    ("clusterId", "STRING"),
    ("readVersion", "BIGINT"),
    ("isolationLevel", "STRING"),
    ("isBlindAppend", "BOOLEAN"),
    ("operationMetrics", "MAP<STRING, STRING>"),
    ("userMetadata", "STRING"),
    ("engineInfo", "STRING"),
    ("queryHistoryStatementId", "STRING"),
];

/// `DESCRIBE HISTORY`
pub(super) async fn history(
    engine: &Engine,
    scope: &Scope,
    written: &Name,
    limit: Option<usize>,
) -> Result<Output, SqlError> {
    let name = table_only(engine, scope, written, "DESCRIBE HISTORY")?;
    let mut rows: Vec<_> = history_rows(engine, &name).await?.into_iter().take(limit.unwrap_or(usize::MAX)).collect();
    let columns = if write::is_known_by_id() { HISTORY.as_slice() } else { &HISTORY[..HISTORY.len() - 1] };
    rows.iter_mut().for_each(|row| row.truncate(columns.len()));
    Ok(answer("DESCRIBE", columns, rows))
}

/// The history of a table, as a query reads it that has `DESCRIBE HISTORY` for a subquery.
pub(in crate::local::engine) async fn history_source(
    engine: &Engine,
    name: &TableName,
) -> Result<Arc<dyn TableSource>, SqlError> {
    let rows = history_rows(engine, name).await?;
    let mut fields = Vec::new();
    let mut arrays: Vec<ArrayRef> = Vec::new();
    for (i, (column, type_text)) in HISTORY.into_iter().enumerate() {
        let texts: ArrayRef = Arc::new(StringArray::from_iter(rows.iter().map(|row| row[i].as_deref())));
        let kind = match type_text {
            "BIGINT" => ArrowType::Int64,
            "BOOLEAN" => ArrowType::Boolean,
            "TIMESTAMP" => types::timestamp(),
            _ => ArrowType::Utf8,
        };
        arrays.push(cast(&texts, &kind).map_err(|error| SqlError::io(format!("the history of {name}: {error}")))?);
        fields.push(Field::new(column.to_lowercase(), kind, true));
    }
    let batch = RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays)
        .map_err(|error| SqlError::io(format!("the history of {name}: {error}")))?;
    let memory = MemTable::try_new(batch.schema(), vec![vec![batch]]).map_err(plan::explain)?;
    Ok(provider_as_source(Arc::new(memory)))
}

async fn history_rows(engine: &Engine, name: &TableName) -> Result<Vec<Vec<Option<String>>>, SqlError> {
    let table = engine.open_table(name).await?;
    let versions = delta::history(&table, &engine.table_dir(name)).await?;
    let json = |value: serde_json::Value| (!value.is_null()).then(|| value.to_string());
    let row = |(version, info): (u64, CommitInfo)| {
        let timestamp = delta::time_of(&info).map(|t| t.format("%Y-%m-%dT%H:%M:%S%.3fZ").to_string());
        let parameters = info.operation_parameters.map(|p| serde_json::json!(p)).unwrap_or_default();
        let metrics = info.info.get("operationMetrics").cloned().unwrap_or_default();
        let told = |key: &str| info.info.get(key).and_then(|value| value.as_str()).map(str::to_owned);
        vec![
            Some(version.to_string()),
            timestamp,
            info.user_id,
            info.user_name,
            told(OPERATION).or(info.operation),
            json(parameters),
            None,
            None,
            None,
            info.read_version.map(|v| v.to_string()),
            info.isolation_level.map(|level| format!("{level:?}")),
            info.is_blind_append.map(|b| b.to_string()),
            json(metrics),
            info.user_metadata,
            info.engine_info,
            told(STATEMENT),
        ]
    };
    Ok(versions.into_iter().map(row).collect())
}

/// `DESCRIBE DETAIL`
pub(super) async fn detail(engine: &Engine, scope: &Scope, written: &Name) -> Result<Output, SqlError> {
    let name = table_only(engine, scope, written, "DESCRIBE DETAIL")?;
    let dir = engine.table_dir(&name);
    let table = engine.open_table(&name).await?;
    let info = engine.describe(&name).await?;
    let snapshot = table.snapshot().map_err(|e| delta::explain(&dir, &e))?;
    let files: Vec<i64> = snapshot.log_data().iter().map(|file| file.size()).collect();
    let partitions: Vec<_> = snapshot.metadata().partition_columns().to_vec();
    let clustering = clustering(&info);
    let protocol = snapshot.protocol();
    let mut features: Vec<String> =
        protocol.writer_features().unwrap_or_default().iter().map(ToString::to_string).collect();
    features.sort();
    let shown: Vec<_> = info.properties.iter().filter(|(key, _)| *key != CLUSTERING).collect();
    let time = |t: chrono::DateTime<chrono::Utc>| Some(t.format("%Y-%m-%dT%H:%M:%S%.3fZ").to_string());
    let row = vec![
        Some("delta".to_owned()),
        Some(info.id.clone()),
        Some(info.name.to_string()),
        info.comment.clone(),
        Some(dir.display().to_string()),
        time(info.created_at),
        time(info.updated_at),
        Some(serde_json::json!(partitions).to_string()),
        Some(serde_json::json!(clustering).to_string()),
        Some(files.len().to_string()),
        Some(files.iter().sum::<i64>().to_string()),
        Some(
            serde_json::Value::Object(shown.iter().map(|(k, v)| ((*k).clone(), serde_json::json!(v))).collect())
                .to_string(),
        ),
        Some(protocol.min_reader_version().to_string()),
        Some(protocol.min_writer_version().to_string()),
        Some(serde_json::json!(features).to_string()),
    ];
    let columns = [
        ("format", "STRING"),
        ("id", "STRING"),
        ("name", "STRING"),
        ("description", "STRING"),
        ("location", "STRING"),
        ("createdAt", "TIMESTAMP"),
        ("lastModified", "TIMESTAMP"),
        ("partitionColumns", "ARRAY<STRING>"),
        ("clusteringColumns", "ARRAY<STRING>"),
        ("numFiles", "BIGINT"),
        ("sizeInBytes", "BIGINT"),
        ("properties", "MAP<STRING, STRING>"),
        ("minReaderVersion", "INT"),
        ("minWriterVersion", "INT"),
        ("tableFeatures", "ARRAY<STRING>"),
    ];
    Ok(answer("DESCRIBE", &columns, vec![row]))
}
