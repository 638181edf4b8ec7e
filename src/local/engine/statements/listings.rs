//! Statements that list: `SHOW`.

use std::fmt::Write as _;

use super::descriptions::{answer, clustering, described, key_text, table_only, texts};
use super::namespaces::schema_name;
use crate::dialect::{self, Name, Part};
use crate::ids::TableName;
use crate::local::engine::api::{Output, TableType};
use crate::local::engine::catalog::{Kind, quoted};
use crate::local::engine::delta::CLUSTERING;
use crate::local::engine::error::SqlError;
use crate::local::engine::features::{CONSTRAINT, is_reserved};
use crate::local::engine::plan::{self, Scope};
use crate::local::engine::{Engine, information_schema, run};

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
    let all = match schema.as_str() {
        information_schema::NAME if !views_only => {
            engine.folder().catalog(&catalog)?;
            let names = information_schema::TABLES.iter().map(|name| TableName::new(&catalog, &schema, name));
            names.map(|name| (name, Kind::Table)).collect()
        }
        _ => engine.folder().relations(&catalog, &schema)?,
    };
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
    let about = engine.folder().about(&table.name.parts())?;
    let literal = |text: &str| format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'"));
    let kind = match table.table_type {
        TableType::View => "VIEW",
        TableType::MaterializedView => "MATERIALIZED VIEW",
        TableType::Managed => "TABLE",
    };
    let is_table = table.table_type == TableType::Managed;
    let mut sql = format!("CREATE {kind} {} (\n", table.name.to_sql());
    for (i, c) in table.columns.iter().enumerate() {
        let comma = if i == 0 { "  " } else { ",\n  " };
        let _ = write!(sql, "{comma}{}", crate::ids::quote_identifier(&c.column.name));
        if is_table {
            let _ = write!(sql, " {}", c.column.type_text);
            if let Some(generated) = &c.generated {
                let _ = write!(sql, " {generated}");
            }
            if !c.nullable {
                sql.push_str(" NOT NULL");
            }
            if let Some(default) = &c.default {
                let _ = write!(sql, " DEFAULT {default}");
            }
        }
        if let Some(comment) = &c.comment {
            let _ = write!(sql, " COMMENT {}", literal(comment));
        }
    }
    let constraints: Vec<_> = table
        .properties
        .iter()
        .filter_map(|(key, condition)| Some((key.strip_prefix(CONSTRAINT)?, format!("CHECK (\n{condition}\n)"))))
        .chain(about.keys.iter().map(|key| (key.name.as_str(), key_text(key))))
        .collect();
    for (name, rule) in constraints {
        let _ = write!(sql, ",\n  CONSTRAINT {} {rule}", crate::ids::quote_identifier(name));
    }
    sql.push_str(")\n");
    if is_table {
        sql.push_str("USING delta\n");
    }
    let partitions: Vec<_> = table.columns.iter().filter(|c| c.partition_index.is_some()).collect();
    if !partitions.is_empty() {
        let names: Vec<_> = partitions.iter().map(|c| crate::ids::quote_identifier(&c.column.name)).collect();
        let _ = writeln!(sql, "PARTITIONED BY ({})", names.join(", "));
    }
    let clustering = clustering(&table);
    if !clustering.is_empty() {
        let names: Vec<_> = clustering.iter().map(|name| crate::ids::quote_identifier(name)).collect();
        let _ = writeln!(sql, "CLUSTER BY ({})", names.join(", "));
    }
    if let Some(comment) = &table.comment {
        let _ = writeln!(sql, "COMMENT {}", literal(comment));
    }
    let properties: Vec<_> = table
        .properties
        .iter()
        .filter(|(key, _)| *key != CLUSTERING && !is_reserved(key))
        .map(|(k, v)| format!("  {} = {}", literal(k), literal(v)))
        .collect();
    if !properties.is_empty() {
        let _ = writeln!(sql, "TBLPROPERTIES (\n{})", properties.join(",\n"));
    }
    if let Some(query) = &table.view_definition {
        let _ = writeln!(sql, "AS {query}");
    }
    Ok(answer("SHOW", &texts(&["createtab_stmt"]), vec![vec![Some(sql)]]))
}

/// `SHOW TABLE EXTENDED`
pub(super) async fn tables_extended(
    engine: &Engine,
    scope: &Scope,
    schema: Option<&Name>,
    like: &str,
) -> Result<Output, SqlError> {
    let (catalog, schema) = match schema {
        Some(name) => schema_name(scope, name)?,
        None => (scope.catalog.clone(), scope.schema.clone()),
    };
    engine.folder().require_schema(&catalog, &schema)?;
    let mut rows = Vec::new();
    for table in engine.tables(&catalog, &schema).await? {
        if !fits(&table.name.name, Some(like)) {
            continue;
        }
        let mut text = format!(
            "Catalog: {}\nDatabase: {}\nTable: {}\nCreated Time: {}\nType: {}\n",
            table.name.catalog,
            table.name.schema,
            table.name.name,
            table.created_at.format("%a %b %d %H:%M:%S UTC %Y"),
            table.table_type.as_str()
        );
        if let Some(comment) = &table.comment {
            let _ = writeln!(text, "Comment: {comment}");
        }
        if let Some(query) = &table.view_definition {
            let _ = writeln!(text, "View Text: {query}");
        }
        if let Some(location) = &table.storage_location {
            let _ = writeln!(text, "Provider: delta\nLocation: {}", location.display());
        }
        text.push_str("Schema: root\n");
        for c in &table.columns {
            let _ = writeln!(
                text,
                " |-- {}: {} (nullable = {})",
                c.column.name,
                c.column.type_text.to_lowercase(),
                c.nullable
            );
        }
        let name = table.name;
        rows.push(vec![Some(name.schema), Some(name.name), Some("false".to_owned()), Some(text)]);
    }
    let columns =
        [("database", "STRING"), ("tableName", "STRING"), ("isTemporary", "BOOLEAN"), ("information", "STRING")];
    Ok(answer("SHOW", &columns, rows))
}

/// `SHOW PARTITIONS`: each that holds rows.
pub(super) async fn partitions(engine: &Engine, scope: &Scope, written: &Name) -> Result<Output, SqlError> {
    let name = table_only(engine, scope, written, "SHOW PARTITIONS")?;
    let table = engine.describe(&name).await?;
    let mut columns: Vec<_> = table.columns.iter().filter(|c| c.partition_index.is_some()).collect();
    columns.sort_by_key(|c| c.partition_index);
    if columns.is_empty() {
        let text = format!("{} is not partitioned.", name.to_sql());
        return Err(
            SqlError::new("DELTA_SHOW_PARTITION_IN_NON_PARTITIONED_TABLE", "42809", text).at(scope.place(written))
        );
    }
    let names: Vec<_> = columns.iter().map(|c| quoted(&[&c.column.name])).collect();
    let text = format!("SELECT DISTINCT {0} FROM {1} ORDER BY {0}", names.join(", "), name.to_sql());
    let part = Part { range: 0..text.len(), padded: text };
    let planned = plan::query(engine, &part, scope).await.map_err(SqlError::without_place)?;
    Ok(Output { statement_type: "SHOW", ..run::collect(planned, None).await? })
}

/// `SHOW FUNCTIONS`
pub(super) fn functions(system: bool, like: Option<&str>) -> Output {
    let mut names: Vec<&str> = match system {
        true => dialect::functions::functions().map(|function| function.name).collect(),
        false => Vec::new(),
    };
    names.sort_unstable();
    names.dedup();
    let rows = names.into_iter().filter(|name| fits(name, like)).map(|name| vec![Some(name.to_owned())]).collect();
    answer("SHOW", &texts(&["function"]), rows)
}
