//! From the text of a query to a plan with Spark's meaning.
//!
//! parse → refuse what would be ignored → `bind` markers and names → look the tables up → `rewrite` → plan →
//! (`SparkCoercion` and `SparkCasts`, as the engine analyses the plan).

mod ast;
mod bind;
mod calls;
mod casts;
mod checks;
mod coercion;
mod context;
mod dependent;
mod errors;
mod forms;
mod grouping;
mod guards;
mod lateral;
mod limits;
mod literals;
mod names;
mod never;
mod numbers;
mod operators;
mod ordering;
mod pivot;
mod records;
mod recursion;
mod refuse;
mod relations;
mod rewrite;
mod spans;
mod splice;
mod stars;
mod subqueries;
mod tuples;
mod widen;
mod windows;

use std::collections::BTreeMap;
use std::sync::Arc;

use datafusion::common::Column;
use datafusion::datasource::{ViewTable, provider_as_source};
use datafusion::execution::SessionState;
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder, TableSource};
use datafusion::sql::planner::{NullOrdering, ParserOptions, SqlToRel};
use sqlparser::ast::{Query, Statement};

pub(super) use bind::{DEFAULT_CATALOG, DEFAULT_SCHEMA, Scope, TARGET, TableUse, Version};
pub(super) use calls::{USER, unknown_routine};
pub(super) use casts::SparkCasts;
pub(super) use coercion::SparkCoercion;
pub(super) use errors::{divide_by_zero, explain, overflow};
pub(super) use names::WRITTEN_NAME;
pub(super) use never::NeverTrue;
pub(super) use ordering::SparkOrder;
pub(super) use recursion::RecursionLimits;
pub(super) use splice::{Pieces, inserted};
pub(super) use subqueries::SparkSubqueries;

use super::error::SqlError;
use super::session;
use crate::dialect::{Part, parse_query, put_names_in};
use crate::local::engine::Engine;

/// In texts of ours, the rows that a query gives: its columns are `c0`, `c1`, … there.
pub(super) const ROWS: &str = "`__kiln_rows`";

/// How deep views may stand on views.
const MAX_VIEW_DEPTH: usize = 50;

/// A query that is ready to be optimised and run.
#[derive(Debug)]
pub(super) struct Planned {
    /// The plan; names of its columns are in lower case.
    pub(super) plan: LogicalPlan,
    /// The names of the columns as they are shown.
    pub(super) names: Vec<String>,
    /// The state it was planned in.
    pub(super) state: SessionState,
}

/// Plans a query that is a part of a statement.
pub(super) async fn query(engine: &Engine, part: &Part, scope: &Scope) -> Result<Planned, SqlError> {
    if scope.depth > MAX_VIEW_DEPTH {
        return Err(SqlError::new(
            "VIEW_EXCEED_MAX_NESTED_DEPTH",
            "54K00",
            format!("The depth of a view exceeds the maximum view resolution depth ({MAX_VIEW_DEPTH})."),
        ));
    }
    let query = parse_query(&part.padded).map_err(|e| SqlError::syntax(&e, &part.padded))?;
    tree(engine, query, scope, &Given::default()).await
}

/// What our texts read beside the tables of the engine.
#[derive(Clone, Default)]
pub(super) struct Given {
    /// What [`ROWS`] stands for.
    rows: Option<Arc<dyn TableSource>>,
    /// What a table at the version [`TARGET`] stands for.
    target: Option<Arc<dyn TableSource>>,
}

impl Given {
    /// The table whose rows a statement changes.
    pub(super) fn target(source: &Arc<dyn TableSource>) -> Self {
        Self { rows: None, target: Some(Arc::clone(source)) }
    }

    /// The same, and the rows of a query: their columns are `c0`, `c1`, … there.
    pub(super) fn and_rows(self, rows: &Planned) -> Result<Self, SqlError> {
        let schema = rows.plan.schema();
        let columns = (0..schema.fields().len()).map(|i| {
            let (qualifier, field) = schema.qualified_field(i);
            Expr::Column(Column::new(qualifier.cloned(), field.name())).alias(format!("c{i}"))
        });
        let plan = LogicalPlanBuilder::from(rows.plan.clone()).project(columns).and_then(LogicalPlanBuilder::build);
        let source = provider_as_source(Arc::new(ViewTable::new(plan.map_err(explain)?, None)));
        Ok(Self { rows: Some(source), ..self })
    }

    fn source(&self, table: &TableUse) -> Option<&Arc<dyn TableSource>> {
        match &table.version {
            Some(Version::Target) => self.target.as_ref(),
            None if table.name.name == ROWS.trim_matches('`') => self.rows.as_ref(),
            _ => None,
        }
    }
}

/// Plans a text of ours over the rows of a query, which it calls [`ROWS`].
pub(super) async fn over(engine: &Engine, text: &str, scope: &Scope, rows: &Planned) -> Result<Planned, SqlError> {
    reading(engine, text, scope, &Given::default().and_rows(rows)?).await
}

/// Plans a text of ours that reads what is given.
pub(super) async fn reading(engine: &Engine, text: &str, scope: &Scope, given: &Given) -> Result<Planned, SqlError> {
    let query = parse_query(text).map_err(|e| SqlError::syntax(&e, text))?;
    tree(engine, query, scope, given).await.map_err(SqlError::without_place)
}

/// Plans a query that is parsed already.
async fn tree(engine: &Engine, mut tree: Query, scope: &Scope, given: &Given) -> Result<Planned, SqlError> {
    refuse::check(&tree)?;
    limits::check(&tree)?;
    checks::check(&tree)?;
    forms::settle(&mut tree)?;
    put_names_in(&mut tree, |args, span| scope.computed_name(args).map(Some).map_err(|e| e.at(ast::start(span))))?;
    let mut written = tree.clone();
    let uses = bind::bind(&mut tree, scope)?;
    let mut tables = BTreeMap::new();
    for (reference, table) in uses {
        let source = match given.source(&table) {
            Some(source) => Arc::clone(source),
            None => Box::pin(engine.source(&table, scope)).await.map_err(|e| e.at(table.position))?,
        };
        tables.insert(reference, source);
    }
    let now = engine.now();
    let state = session::at(engine.state(), now);
    let plan = plan_tree(&tree, &mut written, &tables, &state, scope, now)?;
    // Types are final only once the plan is analysed.
    let plan = state.analyzer().execute_and_check(plan, state.config_options(), |_, _| {}).map_err(explain)?;
    let names = names::OutputNames::of(&written).resolve(plan.schema());
    Ok(Planned { plan, names, state })
}

/// Rewrites and plans; where a name is an alias further left in the select list, puts in what it stands for and tries
/// again. Stars that are written out are so in `written`, too.
fn plan_tree(
    tree: &Query,
    written: &mut Query,
    tables: &BTreeMap<[String; 3], Arc<dyn TableSource>>,
    state: &SessionState,
    scope: &Scope,
    now: chrono::DateTime<chrono::Utc>,
) -> Result<LogicalPlan, SqlError> {
    let mut tree = tree.clone();
    let mut stars = stars::Which::Needed;
    let surroundings = rewrite::Surroundings { now, catalog: &scope.catalog, schema: &scope.schema };
    loop {
        let mut rewritten = tree.clone();
        stars::probe(&mut rewritten, stars);
        rewrite::rewrite(&mut rewritten, &surroundings)?;
        let context = context::Context::new(state, tables);
        let options = ParserOptions::new()
            .with_parse_float_as_decimal(true)
            .with_enable_ident_normalization(true)
            .with_collect_spans(true)
            .with_map_string_types_to_utf8view(false)
            .with_default_null_ordering(NullOrdering::NullsMin);
        let error = match SqlToRel::new_with_options(&context, options)
            .sql_statement_to_plan(Statement::Query(Box::new(rewritten)))
        {
            Ok(plan) => return widen::unions(plan).map_err(explain),
            Err(error) => error,
        };
        if let Some(columns) = errors::carried::<stars::Columns>(&error) {
            stars::write_out(&mut tree, columns, stars)?;
            stars::write_out(written, columns, stars)?;
            continue;
        }
        if stars == stars::Which::Needed && errors::names_twice(&error) {
            stars = stars::Which::Beside;
            continue;
        }
        let known = errors::unresolved_column(&error);
        let place = known.or_else(|| lateral::find(&tree, &errors::unresolved_name(&error)?));
        if let Some(place) = place
            && lateral::substitute(&mut tree, place)?
        {
            continue;
        }
        let error = explain(error).at(place);
        if error.condition == "MISSING_AGGREGATION" && !checks::groups(&tree) {
            let text = "The query does not include a GROUP BY clause, but mixes columns with aggregate functions. Add \
                        GROUP BY, or aggregate the columns.";
            return Err(SqlError::new("MISSING_GROUP_BY", "42803", text).at(error.position));
        }
        return Err(error);
    }
}
