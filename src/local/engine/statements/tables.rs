//! Statements that make and drop tables.

use std::collections::HashSet;
use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType as Arrow, Field, Schema, SchemaRef};
use deltalake::kernel::engine::arrow_conversion::TryIntoKernel as _;
use deltalake::kernel::{MetadataValue, StructField, StructType};
use tokio_util::sync::CancellationToken;

use super::done;
use crate::dialect::{ClusterBy, ColumnDefinition, CreateTable, Name, Relation};
use crate::ids::TableName;
use crate::local::engine::api::Output;
use crate::local::engine::catalog::{Kind, check_name, quoted};
use crate::local::engine::delta::{CLUSTERING, COMMENT};
use crate::local::engine::error::{SqlError, place};
use crate::local::engine::plan::{self, Planned, Scope};
use crate::local::engine::write::{self, Definition};
use crate::local::engine::{Engine, types};

/// `CREATE [OR REPLACE] TABLE`
pub(super) async fn create_table(
    engine: &Engine,
    scope: &Scope,
    table: CreateTable,
    cancel: &CancellationToken,
) -> Result<Output, SqlError> {
    let name = scope.table(&table.name)?;
    check_name(&name.name)?;
    engine.folder().require_schema(&name.catalog, &name.schema)?;
    let _writing = engine.write_lock(&name).await;
    match engine.folder().kind(&name) {
        Some(Kind::View) => return Err(wrong_kind(&name, "table", "view").at(scope.place(&table.name))),
        Some(Kind::Table) if table.if_not_exists => return Ok(done("CREATE")),
        Some(Kind::Table) if !table.or_replace => return Err(exists(&name).at(scope.place(&table.name))),
        _ => {}
    }
    let dir = engine.folder().table_dir(&name);
    let (schema, planned) = match &table.query {
        Some(query) => {
            let planned = plan::query(engine, query, scope).await?;
            (selected_schema(&planned, &table.columns, scope)?, Some(planned))
        }
        None => (defined_schema(&table.columns, scope)?, None),
    };
    let definition = definition(&table, &schema)?;
    let files = match &planned {
        Some(planned) => Some(write::files(planned, &dir, &schema, &definition.partitions, cancel).await?),
        None => None,
    };
    match engine.folder().kind(&name) {
        Some(_) => {
            let current = engine.open_table(&name).await?;
            write::replace(&current, &dir, definition, files).await?;
        }
        None => write::create(&dir, definition, files).await?,
    }
    Ok(done("CREATE"))
}

pub(super) fn exists(name: &TableName) -> SqlError {
    SqlError::new(
        "TABLE_OR_VIEW_ALREADY_EXISTS",
        "42P07",
        format!(
            "Cannot create table or view {} because it already exists. Choose a different name, drop or replace the \
             existing object, add the IF NOT EXISTS clause to tolerate pre-existing objects, or refresh streaming \
             table/materialized view.",
            shown(name)
        ),
    )
}

pub(super) fn wrong_kind(name: &TableName, wanted: &str, found: &str) -> SqlError {
    let (condition, sqlstate) = if wanted == "view" {
        ("EXPECT_VIEW_NOT_TABLE.NO_ALTERNATIVE", "42809")
    } else {
        ("EXPECT_TABLE_NOT_VIEW.NO_ALTERNATIVE", "42809")
    };
    SqlError::new(condition, sqlstate, format!("The statement expects a {wanted}, but {} is a {found}.", shown(name)))
}

pub(super) fn shown(name: &TableName) -> String {
    quoted(&[&name.catalog, &name.schema, &name.name])
}

/// The schema of `CREATE TABLE … (columns)`.
fn defined_schema(columns: &[ColumnDefinition], scope: &Scope) -> Result<SchemaRef, SqlError> {
    if columns.is_empty() {
        return Err(SqlError::unsupported_statement("CREATE TABLE without columns and without a query"));
    }
    let mut fields = Vec::new();
    for column in columns {
        let at = place(&scope.statement, &column.range);
        let Some(data_type) = &column.data_type else {
            return Err(SqlError::unsupported(&format!("the column {} without a type", column.name)).at(at));
        };
        let arrow = types::to_arrow(data_type).filter(is_stored).ok_or_else(|| {
            SqlError::unsupported(&format!("columns of the type {data_type}, as in {}", column.name)).at(at)
        })?;
        fields.push(described(&column.name, arrow, !column.not_null, column.comment.as_deref()));
    }
    checked(Schema::new(fields))
}

/// The schema of `CREATE TABLE … AS query`.
fn selected_schema(planned: &Planned, columns: &[ColumnDefinition], scope: &Scope) -> Result<SchemaRef, SqlError> {
    let fields = planned.plan.schema().fields();
    if !columns.is_empty() && columns.len() != fields.len() {
        return Err(arity(columns.len(), fields.len()));
    }
    let mut stored = Vec::new();
    for (i, (name, field)) in planned.names.iter().zip(fields).enumerate() {
        let column = columns.get(i);
        if let Some(column) = column.filter(|c| c.data_type.is_some() || c.not_null) {
            return Err(SqlError::unsupported_statement("CREATE TABLE … AS with types of columns: cast in the query")
                .at(place(&scope.statement, &column.range)));
        }
        let name = column.map_or(name.as_str(), |c| c.name.as_str());
        let arrow = types::canonical(field.data_type());
        if !is_stored(&arrow) {
            return Err(SqlError::unsupported(&format!(
                "columns of the type {}, as in {name}: cast it",
                types::from_arrow(&arrow)
            )));
        }
        stored.push(described(name, arrow, true, column.and_then(|c| c.comment.as_deref())));
    }
    checked(Schema::new(stored))
}

pub(super) fn arity(wanted: usize, given: usize) -> SqlError {
    let (condition, what) = if wanted > given {
        ("CREATE_VIEW_COLUMN_ARITY_MISMATCH.NOT_ENOUGH_DATA_COLUMNS", "not enough data columns")
    } else {
        ("CREATE_VIEW_COLUMN_ARITY_MISMATCH.TOO_MANY_DATA_COLUMNS", "too many data columns")
    };
    SqlError::new(
        condition,
        "21S01",
        format!("Cannot create it, the reason is {what}: {wanted} are named, the query has {given}."),
    )
}

fn is_stored(arrow: &Arrow) -> bool {
    match arrow {
        Arrow::Null | Arrow::Interval(_) | Arrow::Duration(_) => false,
        Arrow::List(field) => is_stored(field.data_type()),
        Arrow::Map(field, _) => is_stored(field.data_type()),
        Arrow::Struct(fields) => fields.iter().all(|f| is_stored(f.data_type())),
        _ => true,
    }
}

fn described(name: &str, arrow: Arrow, nullable: bool, comment: Option<&str>) -> Field {
    let field = Field::new(name, arrow, nullable);
    match comment {
        Some(comment) => field.with_metadata([(COMMENT.to_owned(), comment.to_owned())].into()),
        None => field,
    }
}

/// Refuses a name that comes twice, and names that Delta does not store.
fn checked(schema: Schema) -> Result<SchemaRef, SqlError> {
    let mut seen = HashSet::new();
    for field in schema.fields() {
        if !seen.insert(field.name().to_lowercase()) {
            return Err(twice(field.name()));
        }
        if field.name().is_empty() || field.name().contains([' ', ',', ';', '{', '}', '(', ')', '\n', '\t', '=']) {
            return Err(SqlError::new(
                "DELTA_INVALID_CHARACTERS_IN_COLUMN_NAMES",
                "42K05",
                format!(
                    "Found invalid character(s) among ' ,;{{}}()\\n\\t=' in the column names of your schema: {}. Give \
                     the column an alias.",
                    field.name()
                ),
            ));
        }
    }
    Ok(Arc::new(schema))
}

pub(super) fn twice(name: &str) -> SqlError {
    SqlError::new(
        "COLUMN_ALREADY_EXISTS",
        "42711",
        format!("The column {} already exists. Choose another name or rename the existing column.", quoted(&[name])),
    )
}

/// The columns as Delta writes them down.
fn delta_schema(schema: &Schema) -> Result<StructType, SqlError> {
    let fail = |e: &dyn std::fmt::Display| SqlError::unsupported(&format!("this schema in Delta: {e}"));
    let mut fields = Vec::new();
    for field in schema.fields() {
        let bare = field.as_ref().clone().with_metadata(std::collections::HashMap::new());
        let mut kernel: StructField = (&bare).try_into_kernel().map_err(|e| fail(&e))?;
        if let Some(comment) = field.metadata().get(COMMENT) {
            kernel = kernel.with_metadata([(COMMENT.to_owned(), MetadataValue::String(comment.clone()))]);
        }
        fields.push(kernel);
    }
    StructType::try_new(fields).map_err(|e| fail(&e))
}

fn definition(table: &CreateTable, schema: &Schema) -> Result<Definition, SqlError> {
    let known = |names: &[String]| -> Result<Vec<String>, SqlError> {
        names
            .iter()
            .map(|name| {
                let field = schema.fields().iter().find(|f| f.name().eq_ignore_ascii_case(name));
                field.map(|f| f.name().clone()).ok_or_else(|| {
                    SqlError::new(
                        "COLUMN_NOT_DEFINED_IN_TABLE",
                        "42703",
                        format!("The column {} is not defined in the table.", quoted(&[name])),
                    )
                })
            })
            .collect()
    };
    let mut properties = table.properties.clone();
    if let Some((key, _)) = properties.iter().find(|(key, _)| key == "delta.columnMapping.mode") {
        return Err(SqlError::unsupported(&format!("the table property {key}")));
    }
    if let Some(ClusterBy::Columns(columns)) = &table.cluster_by {
        let columns: Vec<Vec<String>> = known(columns)?.into_iter().map(|c| vec![c]).collect();
        let text = serde_json::to_string(&columns).map_err(|e| SqlError::internal(e.to_string()))?;
        properties.push((CLUSTERING.to_owned(), text));
    }
    if table.cluster_by == Some(ClusterBy::Auto) {
        properties.push(("clusterByAuto".to_owned(), "true".to_owned()));
    }
    Ok(Definition {
        schema: delta_schema(schema)?,
        partitions: known(&table.partitioned_by)?,
        comment: table.comment.clone(),
        properties,
    })
}

/// `DROP TABLE`, `DROP VIEW`
pub(super) async fn drop_relation(
    engine: &Engine,
    scope: &Scope,
    kind: Relation,
    written: &Name,
    if_exists: bool,
) -> Result<Output, SqlError> {
    let name = scope.table(written)?;
    let _writing = engine.write_lock(&name).await;
    let found = match engine.kind(&name, &scope.parts(written)?) {
        Ok(found) => found,
        Err(_) if if_exists => return Ok(done("DROP")),
        Err(error) => return Err(error.at(scope.place(written))),
    };
    match (kind, found) {
        (Relation::Table, Kind::Table) => engine.folder().remove_table(&name)?,
        (Relation::View, Kind::View) => engine.folder().remove_view(&name)?,
        (Relation::Table, Kind::View) => {
            return Err(wrong_kind(&name, "table", "view").at(scope.place(written)));
        }
        (Relation::View, Kind::Table) => {
            return Err(wrong_kind(&name, "view", "table").at(scope.place(written)));
        }
    }
    Ok(done("DROP"))
}
