//! Statements that describe: `DESCRIBE` and `SHOW`.

use std::fmt::Write as _;

use super::namespaces::schema_name;
use crate::dialect::{DataType, Name};
use crate::ids::TableName;
use crate::local::engine::api::{Column, Output, TableInfo, TableType};
use crate::local::engine::catalog::{Kind, quoted};
use crate::local::engine::delta::{self, CLUSTERING};
use crate::local::engine::error::SqlError;
use crate::local::engine::plan::Scope;
use crate::local::engine::{Engine, types};

fn column(name: &str, data_type: &str) -> Column {
    types::column(name, &DataType::parse(data_type).unwrap_or(DataType::String))
}

pub(super) fn answer(statement_type: &'static str, columns: &[(&str, &str)], rows: Vec<Vec<Option<String>>>) -> Output {
    let columns = columns.iter().map(|(name, data_type)| column(name, data_type)).collect();
    Output { columns, rows, is_query: true, statement_type, ..Output::default() }
}

fn texts(names: &[&'static str]) -> Vec<(&'static str, &'static str)> {
    names.iter().map(|name| (*name, "STRING")).collect()
}

/// A table or view that a header names; an unknown one with its place.
async fn described(engine: &Engine, scope: &Scope, written: &Name) -> Result<TableInfo, SqlError> {
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
    let partitions: Vec<_> = table.columns.iter().filter(|c| c.partition_index.is_some()).collect();
    if !partitions.is_empty() {
        row("# Partition Information", "", "");
        row("# col_name", "data_type", "comment");
        for c in partitions {
            row(&c.column.name, &simple_type(&c.column.type_text), c.comment.as_deref().unwrap_or_default());
        }
    }
    if extended {
        row("", "", "");
        row("# Detailed Table Information", "", "");
        row("Catalog", &table.name.catalog, "");
        row("Database", &table.name.schema, "");
        row("Table", &table.name.name, "");
        row("Created Time", &table.created_at.format("%a %b %d %H:%M:%S UTC %Y").to_string(), "");
        row("Type", if table.table_type == TableType::View { "VIEW" } else { "MANAGED" }, "");
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
        let properties: Vec<_> = table.properties.iter().map(|(k, v)| format!("{k}={v}")).collect();
        row("Table Properties", &format!("[{}]", properties.join(",")), "");
    }
    Ok(answer("DESCRIBE", &texts(&["col_name", "data_type", "comment"]), rows))
}

/// A type as `DESCRIBE` writes it: in lower case, without blanks.
fn simple_type(type_text: &str) -> String {
    type_text.to_lowercase().replace(": ", ":").replace(", ", ",")
}

/// `DESCRIBE HISTORY`
pub(super) async fn history(
    engine: &Engine,
    scope: &Scope,
    written: &Name,
    limit: Option<usize>,
) -> Result<Output, SqlError> {
    let name = table_only(engine, scope, written, "DESCRIBE HISTORY")?;
    let table = engine.open_table(&name).await?;
    let versions = delta::history(&table, &engine.table_dir(&name)).await?;
    let json = |value: serde_json::Value| (!value.is_null()).then(|| value.to_string());
    let rows = versions
        .into_iter()
        .take(limit.unwrap_or(usize::MAX))
        .map(|(version, info)| {
            let timestamp = delta::time_of(&info).map(|t| t.format("%Y-%m-%dT%H:%M:%S%.3fZ").to_string());
            let parameters = info.operation_parameters.map(|p| serde_json::json!(p)).unwrap_or_default();
            let metrics = info.info.get("operationMetrics").cloned().unwrap_or_default();
            vec![
                Some(version.to_string()),
                timestamp,
                info.user_id,
                info.user_name,
                info.operation,
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
            ]
        })
        .collect();
    let columns = [
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
    ];
    Ok(answer("DESCRIBE", &columns, rows))
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
    let clustering: Vec<String> = info
        .properties
        .get(CLUSTERING)
        .and_then(|text| serde_json::from_str::<Vec<Vec<String>>>(text).ok())
        .map(|columns| columns.into_iter().map(|c| c.join(".")).collect())
        .unwrap_or_default();
    let protocol = snapshot.protocol();
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
    ];
    Ok(answer("DESCRIBE", &columns, vec![row]))
}

/// Whether a name fits a pattern of `SHOW`: `*` stands for anything, `|` parts alternatives.
fn fits(name: &str, like: Option<&str>) -> bool {
    let Some(like) = like else { return true };
    like.split('|').any(|pattern| {
        let pattern: String = pattern
            .trim()
            .chars()
            .map(|c| match c {
                '*' | '%' => ".*".to_owned(),
                c => regex::escape(&c.to_string()),
            })
            .collect();
        regex::Regex::new(&format!("(?i)^{pattern}$")).is_ok_and(|regex| regex.is_match(name))
    })
}

/// `SHOW CATALOGS`
pub(super) async fn catalogs(engine: &Engine, like: Option<&str>) -> Result<Output, SqlError> {
    let all = engine.catalogs().await?;
    let rows = all.into_iter().filter(|c| fits(&c.name, like)).map(|c| vec![Some(c.name)]).collect();
    Ok(answer("SHOW", &texts(&["catalog"]), rows))
}

/// `SHOW SCHEMAS`
pub(super) async fn schemas(
    engine: &Engine,
    scope: &Scope,
    catalog: Option<&Name>,
    like: Option<&str>,
) -> Result<Output, SqlError> {
    let catalog = match catalog {
        Some(name) => scope.parts(name)?.join(".").to_lowercase(),
        None => scope.catalog.clone(),
    };
    let all = engine.schemas(&catalog).await?;
    let rows = all.into_iter().filter(|s| fits(&s.name, like)).map(|s| vec![Some(s.name)]).collect();
    Ok(answer("SHOW", &texts(&["databaseName"]), rows))
}

/// `SHOW TABLES`, `SHOW VIEWS`
pub(super) fn tables(
    engine: &Engine,
    scope: &Scope,
    schema: Option<&Name>,
    like: Option<&str>,
    views_only: bool,
) -> Result<Output, SqlError> {
    let (catalog, schema) = match schema {
        Some(name) => schema_name(scope, name)?,
        None => (scope.catalog.clone(), scope.schema.clone()),
    };
    let all = engine.folder().relations(&catalog, &schema)?;
    let rows = all
        .into_iter()
        .filter(|(name, kind)| fits(&name.name, like) && (!views_only || *kind == Kind::View))
        .map(|(name, _)| vec![Some(name.schema), Some(name.name), Some("false".to_owned())])
        .collect();
    let name = if views_only { "viewName" } else { "tableName" };
    let namespace = if views_only { "namespace" } else { "database" };
    Ok(answer("SHOW", &[(namespace, "STRING"), (name, "STRING"), ("isTemporary", "BOOLEAN")], rows))
}

/// `SHOW COLUMNS`
pub(super) async fn columns(engine: &Engine, scope: &Scope, written: &Name) -> Result<Output, SqlError> {
    let table = described(engine, scope, written).await?;
    let rows = table.columns.into_iter().map(|c| vec![Some(c.column.name)]).collect();
    Ok(answer("SHOW", &texts(&["col_name"]), rows))
}

/// `SHOW TBLPROPERTIES`
pub(super) async fn properties(
    engine: &Engine,
    scope: &Scope,
    written: &Name,
    key: Option<&str>,
) -> Result<Output, SqlError> {
    let table = described(engine, scope, written).await?;
    let rows = match key {
        Some(key) => {
            let missing =
                || format!("Table {} does not have property: {key}", quoted(&[&table.name.schema, &table.name.name]));
            vec![vec![Some(key.to_owned()), Some(table.properties.get(key).cloned().unwrap_or_else(missing))]]
        }
        None => table.properties.into_iter().map(|(k, v)| vec![Some(k), Some(v)]).collect(),
    };
    Ok(answer("SHOW", &texts(&["key", "value"]), rows))
}

/// `SHOW CREATE TABLE`
pub(super) async fn create_statement(engine: &Engine, scope: &Scope, written: &Name) -> Result<Output, SqlError> {
    let table = described(engine, scope, written).await?;
    let literal = |text: &str| format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'"));
    let is_view = table.table_type == TableType::View;
    let mut sql = format!("CREATE {} {} (\n", if is_view { "VIEW" } else { "TABLE" }, table.name.to_sql());
    for (i, c) in table.columns.iter().enumerate() {
        let comma = if i == 0 { "  " } else { ",\n  " };
        let _ = write!(sql, "{comma}{}", crate::ids::quote_identifier(&c.column.name));
        if !is_view {
            let _ = write!(sql, " {}", c.column.type_text);
            if !c.nullable {
                sql.push_str(" NOT NULL");
            }
        }
        if let Some(comment) = &c.comment {
            let _ = write!(sql, " COMMENT {}", literal(comment));
        }
    }
    sql.push_str(")\n");
    if !is_view {
        sql.push_str("USING delta\n");
    }
    let partitions: Vec<_> = table.columns.iter().filter(|c| c.partition_index.is_some()).collect();
    if !partitions.is_empty() {
        let names: Vec<_> = partitions.iter().map(|c| crate::ids::quote_identifier(&c.column.name)).collect();
        let _ = writeln!(sql, "PARTITIONED BY ({})", names.join(", "));
    }
    if let Some(comment) = &table.comment {
        let _ = writeln!(sql, "COMMENT {}", literal(comment));
    }
    if !table.properties.is_empty() {
        let all: Vec<_> = table.properties.iter().map(|(k, v)| format!("  {} = {}", literal(k), literal(v))).collect();
        let _ = writeln!(sql, "TBLPROPERTIES (\n{})", all.join(",\n"));
    }
    if let Some(query) = &table.view_definition {
        let _ = writeln!(sql, "AS {query}");
    }
    Ok(answer("SHOW", &texts(&["createtab_stmt"]), vec![vec![Some(sql)]]))
}
