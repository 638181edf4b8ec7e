//! The query engine's set-up: one memory budget and one spill folder for all statements, Spark's meaning by default.

use std::path::Path;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use datafusion::common::config::Dialect;
use datafusion::execution::disk_manager::{DiskManagerBuilder, DiskManagerMode};
use datafusion::execution::memory_pool::{FairSpillPool, TrackConsumersPool};
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::execution::{SessionState, SessionStateBuilder};
use datafusion::optimizer::{Analyzer, Optimizer, OptimizerRule};
use datafusion::prelude::SessionConfig;
use deltalake::delta_datafusion::planner::DeltaPlanner;

use super::error::OpenError;
use super::lambdas;
use super::plan::{NeverTrue, RecursionLimits, SparkCasts, SparkCoercion, SparkOrder, SparkSubqueries};
use super::yields::GiveWay;

/// How many consumers of memory an error names.
const NAMED_CONSUMERS: std::num::NonZeroUsize = std::num::NonZeroUsize::new(3).expect("three is not zero");

/// Makes the state that every statement begins with.
pub(super) fn state(spill: &Path, memory_limit: usize) -> Result<SessionState, OpenError> {
    let disk = DiskManagerBuilder::default().with_mode(DiskManagerMode::Directories(vec![spill.to_owned()]));
    let runtime = RuntimeEnvBuilder::new()
        .with_memory_pool(Arc::new(TrackConsumersPool::new(FairSpillPool::new(memory_limit), NAMED_CONSUMERS)))
        .with_disk_manager_builder(disk)
        .build_arc()
        .map_err(|e| OpenError::Setup(e.to_string()))?;
    // Types agree as Spark says before the planner's own rule sees them; casts are replaced once all are there.
    let mut rules = Analyzer::new().rules;
    rules.insert(0, Arc::new(SparkCoercion));
    rules.push(Arc::new(SparkSubqueries));
    rules.push(Arc::new(SparkCasts));
    rules.push(Arc::new(SparkOrder));
    // Behind each simplification, before conditions are handed down to the readers of files.
    let mut optimizer: Vec<Arc<dyn OptimizerRule + Send + Sync>> = Vec::new();
    for rule in Optimizer::new().rules {
        let simplifies = rule.name() == "simplify_expressions";
        optimizer.push(rule);
        if simplifies {
            optimizer.push(Arc::new(NeverTrue));
        }
    }
    let state = SessionStateBuilder::new()
        .with_default_features()
        .with_config(config())
        .with_runtime_env(runtime)
        .with_query_planner(DeltaPlanner::new())
        .with_analyzer_rules(rules)
        .with_optimizer_rules(optimizer)
        .with_physical_optimizer_rules(lambdas::physical_rules())
        .with_physical_optimizer_rule(Arc::new(RecursionLimits))
        .with_physical_optimizer_rule(Arc::new(GiveWay))
        .build();
    Ok(state)
}

/// The state of one statement: its clock stands still.
pub(super) fn at(state: &SessionState, now: DateTime<Utc>) -> SessionState {
    let mut state = state.clone();
    state.execution_props_mut().query_execution_start_time = Some(now);
    state
}

fn config() -> SessionConfig {
    let cores = std::thread::available_parallelism().map_or(2, std::num::NonZeroUsize::get);
    let mut config = SessionConfig::new().with_target_partitions(cores).with_batch_size(8192);
    let options = config.options_mut();
    options.sql_parser.dialect = Dialect::Databricks;
    options.sql_parser.parse_float_as_decimal = true;
    options.sql_parser.collect_spans = true;
    options.sql_parser.map_string_types_to_utf8view = false;
    // The order that a subquery gives its rows is kept where nothing needs another.
    options.sql_parser.enable_subquery_sort_elimination = false;
    // NULL is the least of all values.
    options.sql_parser.default_null_ordering = "nulls_min".to_owned();
    options.execution.enable_ansi_mode = true;
    options.execution.parquet.schema_force_view_types = false;
    options.execution.parquet.pushdown_filters = true;
    // Filters that a hash join makes while it runs fail on the dictionaries of partition columns.
    options.optimizer.hash_join_inlist_pushdown_max_size = 0;
    options.optimizer.hash_join_inlist_pushdown_max_distinct_values = 0;
    config
}
