//! Keeps lambdas where they were planned.
//!
//! DataFusion's rule that moves projections towards the sources gives columns new places, but not the parameters of
//! lambdas, which are counted behind them: a moved lambda reads a column in place of its parameter.

use std::sync::Arc;

use datafusion::common::Result;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{TreeNode as _, TreeNodeRecursion};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::expressions::LambdaExpr;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_optimizer::optimizer::PhysicalOptimizer;
use datafusion::physical_plan::ExecutionPlan;

/// The rules that plans are made better by, of which one lets lambdas alone.
pub(super) fn physical_rules() -> Vec<Arc<dyn PhysicalOptimizerRule + Send + Sync>> {
    let mut rules = PhysicalOptimizer::new().rules;
    for rule in &mut rules {
        if rule.name() == "ProjectionPushdown" {
            *rule = Arc::new(LambdasStay { moves: Arc::clone(rule) });
        }
    }
    rules
}

/// A rule that is only used for plans without lambdas.
#[derive(Debug)]
struct LambdasStay {
    moves: Arc<dyn PhysicalOptimizerRule + Send + Sync>,
}

impl PhysicalOptimizerRule for LambdasStay {
    fn name(&self) -> &str {
        self.moves.name()
    }

    fn optimize(&self, plan: Arc<dyn ExecutionPlan>, config: &ConfigOptions) -> Result<Arc<dyn ExecutionPlan>> {
        if has_lambdas(&plan)? { Ok(plan) } else { self.moves.optimize(plan, config) }
    }

    fn schema_check(&self) -> bool {
        self.moves.schema_check()
    }
}

fn has_lambdas(plan: &Arc<dyn ExecutionPlan>) -> Result<bool> {
    let mut found = false;
    plan.apply(|node| {
        node.apply_expressions(&mut |expr: &Arc<dyn PhysicalExpr>| {
            found |= expr.exists(|part| Ok(part.downcast_ref::<LambdaExpr>().is_some()))?;
            Ok(TreeNodeRecursion::Continue)
        })?;
        Ok(if found { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
    })?;
    Ok(found)
}
