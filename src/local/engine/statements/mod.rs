//! What each kind of statement does.

mod alter;
mod descriptions;
mod merge;
mod namespaces;
mod rows;
mod tables;
mod upkeep;
mod views;

use tokio_util::sync::CancellationToken;

pub(super) use namespaces::schema_exists;

use super::Engine;
use super::api::{Output, Request};
use super::error::{SqlError, place};
use super::plan::{self, Scope};
use super::run;
use crate::dialect::{Statement, StatementError, parse_statement};

/// A statement without a result.
fn done(statement_type: &'static str) -> Output {
    Output { statement_type, ..Output::default() }
}

/// Runs one statement.
pub(super) async fn execute(
    engine: &Engine,
    request: &Request,
    cancel: &CancellationToken,
) -> Result<Output, SqlError> {
    let sql = request.sql.as_str();
    let scope = Scope::new(request.catalog.as_deref(), request.schema.as_deref(), &request.parameters, sql);
    let statement = parse_statement(sql).map_err(|error| match error {
        StatementError::Empty => {
            SqlError::new("PARSE_EMPTY_STATEMENT", "42617", "Syntax error, unexpected empty statement.")
        }
        StatementError::Syntax(error) => SqlError::syntax(&error, sql),
        StatementError::Unsupported { construct, range } => {
            SqlError::unsupported_statement(&construct).at(place(sql, &range))
        }
    })?;
    match statement {
        Statement::Query(part) => {
            let planned = plan::query(engine, &part, &scope).await?;
            run::answer(engine, planned, request).await
        }
        Statement::CreateTable(table) => tables::create_table(engine, &scope, table, cancel).await,
        Statement::CreateView(view) => views::create_view(engine, &scope, view).await,
        Statement::CreateSchema { name, if_not_exists, comment } => {
            namespaces::create_schema(engine, &scope, &name, if_not_exists, comment.as_deref())
        }
        Statement::CreateCatalog { name, if_not_exists, comment } => {
            namespaces::create_catalog(engine, &scope, &name, if_not_exists, comment.as_deref())
        }
        Statement::Drop { kind, name, if_exists } => {
            tables::drop_relation(engine, &scope, kind, &name, if_exists).await
        }
        Statement::DropSchema { name, if_exists, cascade } => {
            namespaces::drop_schema(engine, &scope, &name, if_exists, cascade).await
        }
        Statement::DropCatalog { name, if_exists, cascade } => {
            namespaces::drop_catalog(engine, &scope, &name, if_exists, cascade).await
        }
        Statement::Comment { on, name, comment } => alter::comment(engine, &scope, on, &name, comment.as_deref()).await,
        Statement::SetProperties { kind, table, properties } => {
            alter::set_properties(engine, &scope, kind, &table, &properties).await
        }
        Statement::UnsetProperties { kind, table, keys, if_exists } => {
            alter::unset_properties(engine, &scope, kind, &table, &keys, if_exists).await
        }
        Statement::Insert(insert) => rows::insert(engine, &scope, insert, cancel).await,
        Statement::Delete { table, rows, condition } => {
            rows::delete(engine, &scope, &table, &rows, condition.as_ref(), cancel).await
        }
        Statement::Update { table, alias, assignments, condition } => {
            rows::update(engine, &scope, &table, alias.as_deref(), &assignments, condition.as_ref(), cancel).await
        }
        Statement::Merge(merge) => merge::merge(engine, &scope, &merge, cancel).await,
        Statement::Truncate { table } => rows::truncate(engine, &scope, &table).await,
        Statement::Optimize { table, zorder } => upkeep::optimize(engine, &scope, &table, zorder).await,
        Statement::Vacuum { table, lite, retain, dry_run } => {
            upkeep::vacuum(engine, &scope, &table, lite, retain, dry_run).await
        }
        Statement::Restore { table, version } => upkeep::restore(engine, &scope, &table, version).await,
        Statement::Describe { table, extended } => descriptions::describe(engine, &scope, &table, extended).await,
        Statement::DescribeHistory { table, limit } => descriptions::history(engine, &scope, &table, limit).await,
        Statement::DescribeDetail { table } => descriptions::detail(engine, &scope, &table).await,
        Statement::ShowCatalogs { like } => descriptions::catalogs(engine, like.as_deref()).await,
        Statement::ShowSchemas { catalog, like } => {
            descriptions::schemas(engine, &scope, catalog.as_ref(), like.as_deref()).await
        }
        Statement::ShowTables { schema, like, views_only } => {
            descriptions::tables(engine, &scope, schema.as_ref(), like.as_deref(), views_only)
        }
        Statement::ShowColumns { table } => descriptions::columns(engine, &scope, &table).await,
        Statement::ShowCreateTable { table } => descriptions::create_statement(engine, &scope, &table).await,
        Statement::ShowProperties { table, key } => {
            descriptions::properties(engine, &scope, &table, key.as_deref()).await
        }
        Statement::Other { words, range } => Err(match words.as_str() {
            "USE" | "SET" | "RESET" => SqlError::unsupported_statement(&format!(
                "{words}: every call stands alone; give catalog and schema with the request, or write full names"
            )),
            _ => SqlError::unsupported_statement(&words),
        }
        .at(place(sql, &range))),
    }
}
