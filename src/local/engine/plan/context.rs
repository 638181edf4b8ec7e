//! What the planner asks for while it plans a query: tables, functions, types and options.

use std::collections::BTreeMap;
use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Field, FieldRef, SchemaRef};
use datafusion::common::config::ConfigOptions;
use datafusion::common::{DataFusionError, Result, TableReference};
use datafusion::datasource::cte_worktable::CteWorkTable;
use datafusion::datasource::provider_as_source;
use datafusion::execution::SessionState;
use datafusion::logical_expr::planner::{ContextProvider, ExprPlanner, RelationPlanner, TypePlanner};
use datafusion::logical_expr::{AggregateUDF, Expr, HigherOrderUDF, ScalarUDF, TableSource, WindowUDF};

use sqlparser::ast::ExactNumberInfo;

use super::operators::SparkOperators;
use super::relations::SparkRelations;
use crate::dialect;
use crate::local::engine::error::SqlError;
use crate::local::engine::{functions, types};

/// The planner's view of one statement.
pub(super) struct Context<'a> {
    state: &'a SessionState,
    tables: &'a BTreeMap<[String; 3], Arc<dyn TableSource>>,
    planners: Vec<Arc<dyn ExprPlanner>>,
    relations: [Arc<dyn RelationPlanner>; 1],
}

impl<'a> Context<'a> {
    /// A view of these tables.
    pub(super) fn new(state: &'a SessionState, tables: &'a BTreeMap<[String; 3], Arc<dyn TableSource>>) -> Self {
        let mut planners: Vec<Arc<dyn ExprPlanner>> = vec![Arc::new(SparkOperators)];
        planners.extend(state.expr_planners().iter().cloned());
        Self { state, tables, planners, relations: [Arc::new(SparkRelations)] }
    }
}

impl ContextProvider for Context<'_> {
    fn get_table_source(&self, name: TableReference) -> Result<Arc<dyn TableSource>> {
        let found = match &name {
            TableReference::Full { catalog, schema, table } => {
                self.tables.get(&[catalog.to_string(), schema.to_string(), table.to_string()])
            }
            _ => None,
        };
        found.cloned().ok_or_else(|| SqlError::table_not_found(&name.to_string()).into())
    }

    fn get_table_function_source(&self, name: &str, _args: Vec<Expr>) -> Result<Arc<dyn TableSource>> {
        Err(SqlError::unsupported(&format!("the table function {name}")).into())
    }

    fn create_cte_work_table(&self, name: &str, schema: SchemaRef) -> Result<Arc<dyn TableSource>> {
        Ok(provider_as_source(Arc::new(CteWorkTable::new(name, schema))))
    }

    fn get_expr_planners(&self) -> &[Arc<dyn ExprPlanner>] {
        &self.planners
    }

    fn get_relation_planners(&self) -> &[Arc<dyn RelationPlanner>] {
        &self.relations
    }

    fn get_type_planner(&self) -> Option<Arc<dyn TypePlanner>> {
        Some(Arc::new(SparkTypes))
    }

    fn get_function_meta(&self, name: &str) -> Option<Arc<ScalarUDF>> {
        functions::scalar(name)
    }

    fn get_higher_order_meta(&self, name: &str) -> Option<Arc<HigherOrderUDF>> {
        functions::higher_order(name)
    }

    fn get_aggregate_meta(&self, name: &str) -> Option<Arc<AggregateUDF>> {
        functions::aggregate(name)
    }

    fn get_window_meta(&self, name: &str) -> Option<Arc<WindowUDF>> {
        functions::window(name)
    }

    fn get_variable_type(&self, _variable_names: &[String]) -> Option<DataType> {
        None
    }

    fn options(&self) -> &ConfigOptions {
        self.state.config_options()
    }

    fn udf_names(&self) -> Vec<String> {
        Vec::new()
    }

    fn higher_order_function_names(&self) -> Vec<String> {
        Vec::new()
    }

    fn udaf_names(&self) -> Vec<String> {
        Vec::new()
    }

    fn udwf_names(&self) -> Vec<String> {
        Vec::new()
    }
}

/// Types of Databricks SQL in casts.
#[derive(Debug)]
struct SparkTypes;

impl TypePlanner for SparkTypes {
    fn plan_type_field(&self, sql_type: &sqlparser::ast::DataType) -> Result<Option<FieldRef>> {
        let text = written(sql_type);
        if let sqlparser::ast::DataType::Decimal(ExactNumberInfo::PrecisionAndScale(digits @ 39.., _))
        | sqlparser::ast::DataType::Decimal(ExactNumberInfo::Precision(digits @ 39..)) = sql_type
        {
            return Err(SqlError::new(
                "DECIMAL_PRECISION_EXCEEDS_MAX_PRECISION",
                "22003",
                format!("A DECIMAL has at most 38 digits, not {digits}."),
            )
            .into());
        }
        let arrow = dialect::DataType::parse(&text).as_ref().and_then(types::to_arrow).ok_or_else(|| {
            DataFusionError::from(SqlError::new(
                "UNSUPPORTED_DATATYPE",
                "0A000",
                format!("Unsupported data type \"{text}\"."),
            ))
        })?;
        Ok(Some(Arc::new(Field::new("", arrow, true))))
    }
}

/// A type as Databricks writes it.
fn written(sql_type: &sqlparser::ast::DataType) -> String {
    use sqlparser::ast::{ArrayElemTypeDef, DataType};
    match sql_type {
        DataType::Map(key, value) => format!("MAP<{}, {}>", written(key), written(value)),
        DataType::Array(ArrayElemTypeDef::AngleBracket(item)) => format!("ARRAY<{}>", written(item)),
        DataType::Struct(fields, _) => {
            let fields: Vec<_> = fields
                .iter()
                .map(|field| match &field.field_name {
                    Some(name) => format!("`{}`: {}", name.value.replace('`', "``"), written(&field.field_type)),
                    None => written(&field.field_type),
                })
                .collect();
            format!("STRUCT<{}>", fields.join(", "))
        }
        other => other.to_string(),
    }
}
