//! Unity Catalog 2.1: catalogs, schemas and tables, as the engine has them.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::get;
use axum::{Json, Router};
use serde_json::Value;
use tokio_util::sync::CancellationToken;
use url::Url;

use super::super::engine::{ColumnInfo, NamespaceInfo, Request, SqlError, TableInfo, TableType as EngineTableType};
use super::super::error::ApiError;
use super::super::server::App;
use super::extract::{JsonBody, Params, page};
use crate::databricks::wire::{
    Catalog, CatalogList, CreateCatalog, CreateSchema, Empty, Permissions, Privileges, Schema, SchemaList, Table,
    TableColumn, TableExists, TableList, TableSummary, TableSummaryList, TableType, UpdateComment,
};
use crate::ids::TableName;

/// The page size behind `max_results=0`.
const SERVER_PAGE: usize = 50;

pub(super) fn router() -> Router<Arc<App>> {
    Router::new()
        .route("/api/2.1/unity-catalog/catalogs", get(catalogs).post(create_catalog))
        .route("/api/2.1/unity-catalog/catalogs/{name}", get(catalog).patch(update_catalog).delete(delete_catalog))
        .route("/api/2.1/unity-catalog/schemas", get(schemas).post(create_schema))
        .route("/api/2.1/unity-catalog/schemas/{full_name}", get(schema).patch(update_schema).delete(delete_schema))
        .route("/api/2.1/unity-catalog/permissions/{kind}/{full_name}", get(permissions))
        .route("/api/2.1/unity-catalog/table-summaries", get(summaries))
        .route("/api/2.1/unity-catalog/tables", get(tables))
        .route("/api/2.1/unity-catalog/tables/{full_name}", get(table).delete(delete_table))
        .route("/api/2.1/unity-catalog/tables/{full_name}/exists", get(exists))
}

async fn catalogs(State(app): State<Arc<App>>, params: Params) -> Result<Json<CatalogList>, ApiError> {
    let all = app.engine.catalogs().await.map_err(failed)?;
    let (page, next_page_token) = cut(all, &params)?;
    let catalogs = page.into_iter().map(|info| catalog_info(&app, info)).collect();
    Ok(Json(CatalogList { catalogs, next_page_token }))
}

async fn catalog(State(app): State<Arc<App>>, Path(name): Path<String>) -> Result<Json<Catalog>, ApiError> {
    let name = name.to_lowercase();
    let mut all = app.engine.catalogs().await.map_err(failed)?.into_iter();
    let info = all.find(|info| info.name == name).ok_or_else(|| no_catalog(&name))?;
    Ok(Json(catalog_info(&app, info)))
}

async fn create_catalog(
    State(app): State<Arc<App>>,
    JsonBody(body): JsonBody<CreateCatalog>,
) -> Result<Json<Catalog>, ApiError> {
    let name = body.name.to_lowercase();
    if body.properties.is_some_and(|properties| !properties.is_empty()) || body.storage_root.is_some() {
        return Err(ApiError::invalid("the local workspace keeps no properties and no storage root of catalogs"));
    }
    if app.engine.catalog(&name).await.is_ok() {
        let message = format!("Catalog '{name}' already exists");
        return Err(ApiError::conflict("CATALOG_ALREADY_EXISTS", message));
    }
    let comment = body.comment.map(|comment| format!(" COMMENT {}", literal(&comment))).unwrap_or_default();
    run(&app, format!("CREATE CATALOG {}{comment}", quoted(&[&name]))).await.map_err(failed)?;
    catalog(State(app), Path(name)).await
}

async fn update_catalog(
    State(app): State<Arc<App>>,
    Path(name): Path<String>,
    JsonBody(body): JsonBody<UpdateComment>,
) -> Result<Json<Catalog>, ApiError> {
    let name = name.to_lowercase();
    let sql = format!("COMMENT ON CATALOG {} IS {}", quoted(&[&name]), comment_of(body)?);
    run(&app, sql).await.map_err(|error| missing(error, &name, "", ""))?;
    catalog(State(app), Path(name)).await
}

async fn delete_catalog(
    State(app): State<Arc<App>>,
    Path(name): Path<String>,
    params: Params,
) -> Result<Json<Empty>, ApiError> {
    let name = name.to_lowercase();
    let cascade = if params.flag("force")? { " CASCADE" } else { "" };
    let dropped = run(&app, format!("DROP CATALOG {}{cascade}", quoted(&[&name]))).await;
    dropped.map_err(|error| missing(error, &name, "", ""))?;
    Ok(Json(Empty {}))
}

async fn schemas(State(app): State<Arc<App>>, params: Params) -> Result<Json<SchemaList>, ApiError> {
    let catalog = params.required("catalog_name")?.to_lowercase();
    let all = app.engine.schemas(&catalog).await.map_err(|error| missing(error, &catalog, "", ""))?;
    let (page, next_page_token) = cut(all, &params)?;
    let schemas = page.into_iter().map(|info| schema_info(&app, &catalog, info)).collect();
    Ok(Json(SchemaList { schemas, next_page_token }))
}

async fn schema(State(app): State<Arc<App>>, Path(full_name): Path<String>) -> Result<Json<Schema>, ApiError> {
    let [catalog, name] = parts(&full_name)?;
    let all = app.engine.schemas(&catalog).await.map_err(|error| missing(error, &catalog, &name, ""))?;
    let info = all.into_iter().find(|info| info.name == name).ok_or_else(|| no_schema(&catalog, &name))?;
    Ok(Json(schema_info(&app, &catalog, info)))
}

async fn create_schema(
    State(app): State<Arc<App>>,
    JsonBody(body): JsonBody<CreateSchema>,
) -> Result<Json<Schema>, ApiError> {
    let (catalog, name) = (body.catalog_name.to_lowercase(), body.name.to_lowercase());
    if name.is_empty() || catalog.is_empty() {
        return Err(ApiError::invalid("name and catalog_name must not be empty"));
    }
    if body.properties.is_some_and(|properties| !properties.is_empty()) {
        return Err(ApiError::invalid("the local workspace does not keep properties of schemas"));
    }
    let made = app.engine.create_schema(&catalog, &name, body.comment.as_deref()).await;
    let info = made.map_err(|error| missing(error, &catalog, &name, ""))?;
    Ok(Json(schema_info(&app, &catalog, info)))
}

async fn update_schema(
    State(app): State<Arc<App>>,
    Path(full_name): Path<String>,
    JsonBody(body): JsonBody<UpdateComment>,
) -> Result<Json<Schema>, ApiError> {
    let [catalog, name] = parts(&full_name)?;
    let sql = format!("COMMENT ON SCHEMA {} IS {}", quoted(&[&catalog, &name]), comment_of(body)?);
    run(&app, sql).await.map_err(|error| missing(error, &catalog, &name, ""))?;
    schema(State(app), Path(full_name)).await
}

async fn delete_schema(
    State(app): State<Arc<App>>,
    Path(full_name): Path<String>,
    params: Params,
) -> Result<Json<Empty>, ApiError> {
    let [catalog, name] = parts(&full_name)?;
    let dropped = app.engine.drop_schema(&catalog, &name, params.flag("force")?).await;
    dropped.map_err(|error| missing(error, &catalog, &name, ""))?;
    Ok(Json(Empty {}))
}

async fn tables(State(app): State<Arc<App>>, params: Params) -> Result<Json<TableList>, ApiError> {
    let catalog = params.required("catalog_name")?.to_lowercase();
    let schema = params.required("schema_name")?.to_lowercase();
    let all = app.engine.table_names(&catalog, &schema).map_err(|error| missing(error, &catalog, &schema, ""))?;
    let (omit_columns, omit_properties) = (params.flag("omit_columns")?, params.flag("omit_properties")?);
    let (page, next_page_token) = cut(all, &params)?;
    let mut tables = Vec::with_capacity(page.len());
    for name in page {
        // One that cannot be described, or was dropped meanwhile, is left out.
        let Ok(info) = app.engine.table(&name).await else { continue };
        let mut table = table_info(&app, info);
        if omit_columns {
            table.columns = None;
        }
        if omit_properties {
            table.properties = None;
        }
        tables.push(table);
    }
    Ok(Json(TableList { tables, next_page_token }))
}

/// What is granted on a thing itself. REST has underscores where SQL has blanks.
async fn permissions(
    State(app): State<Arc<App>>,
    Path((kind, full_name)): Path<(String, String)>,
) -> Result<Json<Permissions>, ApiError> {
    let full_name = full_name.to_lowercase();
    let path: Vec<&str> = full_name.split('.').collect();
    let missing = |error| missing(error, path[0], path.get(1).unwrap_or(&""), path.get(2).unwrap_or(&""));
    match (kind.as_str(), path.as_slice()) {
        ("catalog", [catalog]) => app.engine.catalog(catalog).await.map(drop).map_err(missing)?,
        ("schema", [catalog, schema]) => {
            let all = app.engine.schemas(catalog).await.map_err(missing)?;
            if all.iter().all(|info| info.name != *schema) {
                return Err(no_schema(catalog, schema));
            }
        }
        ("table", [catalog, schema, table]) => {
            app.engine.table(&TableName::new(catalog, schema, table)).await.map(drop).map_err(missing)?;
        }
        _ => return Err(ApiError::invalid(format!("there is no {kind} named {full_name}"))),
    }
    let granted = app.engine.grants(&path).map_err(failed)?;
    let assignment = |(principal, privileges): (String, Vec<String>)| Privileges {
        principal,
        privileges: privileges.into_iter().map(|privilege| privilege.replace(' ', "_")).collect(),
    };
    let privilege_assignments = granted.into_iter().map(assignment).collect();
    Ok(Json(Permissions { privilege_assignments, next_page_token: None }))
}

/// Names and kinds of the tables of the schemas whose names fit a pattern, in which `%` stands for anything.
async fn summaries(State(app): State<Arc<App>>, params: Params) -> Result<Json<TableSummaryList>, ApiError> {
    let catalog = params.required("catalog_name")?.to_lowercase();
    let (of_schema, of_table) = (params.get("schema_name_pattern"), params.get("table_name_pattern"));
    let schemas = app.engine.schemas(&catalog).await.map_err(|error| missing(error, &catalog, "", ""))?;
    let mut found = Vec::new();
    for schema in schemas.into_iter().filter(|schema| fits(&schema.name, of_schema)) {
        let tables = app.engine.tables(&catalog, &schema.name).await.map_err(failed)?;
        found.extend(
            tables
                .into_iter()
                .filter(|table| fits(&table.name.name, of_table))
                .map(|table| TableSummary { full_name: table.name.to_string(), table_type: Some(table_type(&table)) }),
        );
    }
    let (tables, next_page_token) = cut(found, &params)?;
    Ok(Json(TableSummaryList { tables, next_page_token }))
}

/// Whether a name fits a pattern of SQL's LIKE; no pattern fits all.
fn fits(name: &str, pattern: Option<&str>) -> bool {
    let Some(pattern) = pattern else { return true };
    let (name, pattern): (Vec<char>, Vec<char>) = (name.chars().collect(), pattern.to_lowercase().chars().collect());
    let (mut n, mut p) = (0, 0);
    // Where the last `%` stands, and up to where of the name it reaches so far.
    let mut any: Option<(usize, usize)> = None;
    while n < name.len() {
        match pattern.get(p) {
            Some('%') => {
                any = Some((p, n));
                p += 1;
            }
            Some(c) if *c == '_' || *c == name[n] => {
                n += 1;
                p += 1;
            }
            _ => match &mut any {
                Some((at, reach)) => {
                    *reach += 1;
                    n = *reach;
                    p = *at + 1;
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|c| *c == '%')
}

async fn table(State(app): State<Arc<App>>, Path(full_name): Path<String>) -> Result<Json<Table>, ApiError> {
    let [catalog, schema, name] = parts(&full_name)?;
    let info = app.engine.table(&TableName::new(&catalog, &schema, &name)).await;
    info.map(|info| Json(table_info(&app, info))).map_err(|error| missing(error, &catalog, &schema, &name))
}

async fn exists(State(app): State<Arc<App>>, Path(full_name): Path<String>) -> Result<Json<TableExists>, ApiError> {
    let [catalog, schema, name] = parts(&full_name)?;
    match app.engine.table(&TableName::new(&catalog, &schema, &name)).await {
        Ok(_) => Ok(Json(TableExists { table_exists: true })),
        Err(error) if is_missing(&error) => Ok(Json(TableExists { table_exists: false })),
        Err(error) => Err(failed(error)),
    }
}

async fn delete_table(State(app): State<Arc<App>>, Path(full_name): Path<String>) -> Result<Json<Empty>, ApiError> {
    let [catalog, schema, name] = parts(&full_name)?;
    let dropped = app.engine.drop_table(&TableName::new(&catalog, &schema, &name)).await;
    dropped.map_err(|error| missing(error, &catalog, &schema, &name))?;
    Ok(Json(Empty {}))
}

/// Runs a statement for a route that has the same meaning.
async fn run(app: &App, sql: String) -> Result<(), SqlError> {
    app.engine.execute(Request::new(sql), CancellationToken::new()).await.map(drop)
}

/// A name as SQL writes it.
fn quoted(parts: &[&str]) -> String {
    parts.iter().map(|part| format!("`{}`", part.replace('`', "``"))).collect::<Vec<_>>().join(".")
}

/// A text as SQL writes it.
fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'"))
}

fn comment_of(body: UpdateComment) -> Result<String, ApiError> {
    match body.comment {
        Some(comment) => Ok(literal(&comment)),
        None => Err(ApiError::invalid("the local workspace changes nothing of a catalog or schema but its comment")),
    }
}

/// Cuts a list into pages only for clients that ask for them.
fn cut<T>(all: Vec<T>, params: &Params) -> Result<(Vec<T>, Option<String>), ApiError> {
    let size = match params.parsed::<usize>("max_results")? {
        None => usize::MAX,
        Some(0) => SERVER_PAGE,
        Some(size) => size,
    };
    page(all, size, params.get("page_token"))
}

/// Splits a name of the form `catalog.schema.table`, which has no back-quotes here; lower case, as names are stored.
fn parts<const N: usize>(full_name: &str) -> Result<[String; N], ApiError> {
    let parts: Vec<String> = full_name.split('.').map(str::to_lowercase).collect();
    match <[String; N]>::try_from(parts) {
        Ok(parts) if parts.iter().all(|part| !part.is_empty()) => Ok(parts),
        _ => Err(ApiError::invalid(format!("'{full_name}' is not a full name of {N} parts"))),
    }
}

fn is_missing(error: &SqlError) -> bool {
    matches!(
        error.condition.as_str(),
        "TABLE_OR_VIEW_NOT_FOUND" | "SCHEMA_NOT_FOUND" | "NO_SUCH_CATALOG_EXCEPTION" | "CATALOG_NOT_FOUND"
    )
}

/// Says an engine's error as Unity Catalog does.
fn missing(error: SqlError, catalog: &str, schema: &str, table: &str) -> ApiError {
    match error.condition.as_str() {
        "NO_SUCH_CATALOG_EXCEPTION" | "CATALOG_NOT_FOUND" => no_catalog(catalog),
        "SCHEMA_NOT_FOUND" => no_schema(catalog, schema),
        "TABLE_OR_VIEW_NOT_FOUND" => ApiError::new(
            StatusCode::NOT_FOUND,
            "TABLE_DOES_NOT_EXIST",
            format!("Table '{catalog}.{schema}.{table}' does not exist."),
        ),
        "SCHEMA_ALREADY_EXISTS" => {
            ApiError::conflict("SCHEMA_ALREADY_EXISTS", format!("Schema '{catalog}.{schema}' already exists"))
        }
        "SCHEMA_NOT_EMPTY" => ApiError::new(
            StatusCode::BAD_REQUEST,
            "SCHEMA_NOT_EMPTY",
            format!("Schema '{catalog}.{schema}' is not empty. The schema has tables or views; delete them first."),
        ),
        _ => failed(error),
    }
}

fn no_catalog(catalog: &str) -> ApiError {
    let message = format!("Catalog '{catalog}' does not exist.");
    ApiError::new(StatusCode::NOT_FOUND, "CATALOG_DOES_NOT_EXIST", message)
}

fn no_schema(catalog: &str, schema: &str) -> ApiError {
    let message = format!("Schema '{catalog}.{schema}' does not exist.");
    ApiError::new(StatusCode::NOT_FOUND, "SCHEMA_DOES_NOT_EXIST", message)
}

/// What the caller got wrong is a 400 with the engine's words; the rest is the workspace's own fault.
fn failed(error: SqlError) -> ApiError {
    if error.error_code == "BAD_REQUEST" { ApiError::invalid(error.message) } else { ApiError::internal(error.message) }
}

fn catalog_info(app: &App, info: NamespaceInfo) -> Catalog {
    Catalog {
        name: info.name,
        catalog_type: Some("MANAGED_CATALOG".to_owned()),
        comment: info.comment,
        owner: Some(app.user_name.clone()),
        created_at: Some(info.created_at.timestamp_millis()),
    }
}

fn schema_info(app: &App, catalog: &str, info: NamespaceInfo) -> Schema {
    Schema {
        full_name: Some(format!("{catalog}.{}", info.name)),
        name: info.name,
        catalog_name: catalog.to_owned(),
        comment: info.comment,
        properties: None,
        owner: Some(app.user_name.clone()),
        created_at: Some(info.created_at.timestamp_millis()),
        updated_at: Some(info.updated_at.timestamp_millis()),
    }
}

fn table_type(info: &TableInfo) -> TableType {
    match info.table_type {
        EngineTableType::View => TableType::View,
        EngineTableType::Managed => TableType::Managed,
        EngineTableType::MaterializedView => TableType::MaterializedView,
    }
}

fn table_info(app: &App, info: TableInfo) -> Table {
    let is_view = info.table_type == EngineTableType::View;
    let table_type = table_type(&info);
    let properties = info.properties.into_iter().map(|(key, value)| (key, Value::String(value))).collect();
    Table {
        full_name: Some(info.name.to_string()),
        name: info.name.name,
        catalog_name: info.name.catalog,
        schema_name: info.name.schema,
        table_type: Some(table_type),
        data_source_format: (!is_view).then(|| "DELTA".to_owned()),
        columns: Some(info.columns.into_iter().map(column_info).collect()),
        comment: info.comment,
        owner: Some(app.user_name.clone()),
        properties: Some(properties),
        storage_location: info.storage_location.and_then(|path| Url::from_file_path(path).ok()).map(String::from),
        table_id: Some(info.id),
        view_definition: info.view_definition,
        created_at: Some(info.created_at.timestamp_millis()),
        created_by: Some(app.user_name.clone()),
        updated_at: Some(info.updated_at.timestamp_millis()),
        updated_by: Some(app.user_name.clone()),
    }
}

fn column_info(info: ColumnInfo) -> TableColumn {
    let text = info.column.type_text;
    // Types are in lower case here. The fields of a STRUCT have names whose case must stay.
    let text = if text.contains("STRUCT<") { text } else { text.to_lowercase() };
    TableColumn {
        name: info.column.name,
        type_text: Some(text),
        type_name: Some(info.column.type_name),
        type_json: None,
        type_precision: info.column.precision.map(i32::from),
        type_scale: info.column.scale.map(i32::from),
        position: i32::try_from(info.position).ok(),
        nullable: Some(info.nullable),
        comment: info.comment,
        partition_index: info.partition_index.and_then(|index| i32::try_from(index).ok()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_are_those_of_like() {
        for (name, pattern, expected) in [
            ("orders", "orders", true),
            ("orders", "Orders", true),
            ("orders", "order_", true),
            ("orders", "order", false),
            ("orders", "%", true),
            ("orders", "o%r%s", true),
            ("orders", "%der%", true),
            ("orders", "%ders_", false),
            ("", "%", true),
            ("", "_", false),
            ("aab", "%ab", true),
            ("aaba", "%ab", false),
        ] {
            assert_eq!(fits(name, Some(pattern)), expected, "{name} {pattern}");
        }
        assert!(fits("orders", None));
    }

    #[test]
    fn names_and_texts_are_quoted() {
        assert_eq!(quoted(&["a`b", "c"]), "`a``b`.`c`");
        assert_eq!(literal("it's \\"), "'it\\'s \\\\'");
    }
}
