//! What each kind of statement does.

mod alter;
mod assigned;
mod clone;
mod columns;
mod copy;
mod descriptions;
mod evolve;
mod insert;
mod keys;
mod listings;
mod merge;
mod namespaces;
mod privileges;
mod restructure;
mod rows;
mod tables;
mod touched;
mod upkeep;
mod views;

use tokio_util::sync::CancellationToken;

pub(super) use descriptions::history_source;
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
        Statement::CreateView(view) if view.materialized => {
            views::create_materialized(engine, &scope, view, cancel).await
        }
        Statement::CreateView(view) => views::create_view(engine, &scope, view).await,
        Statement::Refresh { kind, name } => views::refresh(engine, &scope, kind, &name, cancel).await,
        Statement::Clone(table) => clone::clone(engine, &scope, table).await,
        Statement::CopyInto(copy) => copy::copy_into(engine, &scope, copy, cancel).await,
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
        Statement::Alter { kind, table, change } => alter::alter(engine, &scope, kind, &table, change, cancel).await,
        Statement::AlterNamespace { catalog, name, change } => alter::namespace(engine, &scope, catalog, &name, change),
        Statement::Grant(grant) => privileges::grant(engine, &scope, &grant),
        Statement::ShowGrants { principal, on, name } => {
            privileges::show_grants(engine, &scope, principal.as_deref(), on, &name)
        }
        Statement::Insert(insert) => insert::insert(engine, &scope, insert, cancel).await,
        Statement::Delete { table, alias, condition } => {
            rows::delete(engine, &scope, &table, alias.as_deref(), condition.as_ref(), cancel).await
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
        Statement::Describe { table, json: true, .. } => descriptions::describe_json(engine, &scope, &table).await,
        Statement::Describe { table, column: Some(column), .. } => {
            descriptions::describe_column(engine, &scope, &table, &column).await
        }
        Statement::Describe { table, extended, .. } => descriptions::describe(engine, &scope, &table, extended).await,
        Statement::DescribeQuery(query) => descriptions::describe_query(engine, &scope, &query).await,
        Statement::DescribeNamespace { catalog, name, extended } => {
            descriptions::describe_namespace(engine, &scope, catalog, &name, extended)
        }
        Statement::DescribeFunction { name, extended } => descriptions::describe_function(&name, extended),
        Statement::Explain { extended, query } => descriptions::explain(engine, &scope, &query, extended).await,
        Statement::DescribeHistory { table, limit } => descriptions::history(engine, &scope, &table, limit).await,
        Statement::DescribeDetail { table } => descriptions::detail(engine, &scope, &table).await,
        Statement::ShowCatalogs { like } => listings::catalogs(engine, like.as_deref()).await,
        Statement::ShowSchemas { catalog, like } => {
            listings::schemas(engine, &scope, catalog.as_ref(), like.as_deref()).await
        }
        Statement::ShowTables { schema, like, views_only } => {
            listings::tables(engine, &scope, schema.as_ref(), like.as_deref(), views_only)
        }
        Statement::ShowTableExtended { schema, like } => {
            listings::tables_extended(engine, &scope, schema.as_ref(), &like).await
        }
        Statement::ShowPartitions { table } => listings::partitions(engine, &scope, &table).await,
        Statement::ShowFunctions { system, like } => Ok(listings::functions(system, like.as_deref())),
        Statement::ShowColumns { table } => listings::columns(engine, &scope, &table).await,
        Statement::ShowCreateTable { table } => listings::create_statement(engine, &scope, &table).await,
        Statement::ShowProperties { table, key } => listings::properties(engine, &scope, &table, key.as_deref()).await,
        Statement::Other { words, range } => Err(match words.as_str() {
            "USE" | "SET" | "RESET" => SqlError::unsupported_statement(&format!(
                "{words}: every call stands alone; give catalog and schema with the request, or write full names"
            )),
            _ => SqlError::unsupported_statement(&words),
        }
        .at(place(sql, &range))),
    }
}
