//! Types that must agree — of comparisons, lists, branches and unions — made to agree as Spark does in ANSI mode.

use std::sync::Arc;

use datafusion::arrow::datatypes::DataType;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{DFSchema, Result};
use datafusion::logical_expr::expr::{Between, BinaryExpr, Case, InList, ScalarFunction};
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::utils::merge_schema;
use datafusion::logical_expr::{Expr, ExprSchemable, LogicalPlan, Operator, Projection, Union, cast, lit};
use datafusion::optimizer::AnalyzerRule;

use crate::local::engine::error::SqlError;
use crate::local::engine::functions::common_type;
use crate::local::engine::{functions, types};

/// Puts in the casts that Spark puts in, before the planner would put in its own.
#[derive(Debug)]
pub(in crate::local::engine) struct SparkCoercion;

impl AnalyzerRule for SparkCoercion {
    fn name(&self) -> &str {
        "spark_coercion"
    }

    fn analyze(&self, plan: LogicalPlan, _config: &ConfigOptions) -> Result<LogicalPlan> {
        plan.transform_up_with_subqueries(|node| {
            let mut schema = merge_schema(&node.inputs());
            if let LogicalPlan::TableScan(scan) = &node {
                let source = DFSchema::try_from_qualified_schema(scan.table_name.clone(), &scan.source.schema())?;
                schema.merge(&source);
            }
            let names = NamePreserver::new(&node);
            let node = node.map_expressions(|expr| {
                let name = names.save(&expr);
                let changed = expr.transform_up(|expr| agreed(expr, &schema))?;
                Ok(changed.update_data(|expr| name.restore(expr)))
            })?;
            let changed = node.transformed;
            let node = match node.data {
                LogicalPlan::Union(union) => Transformed::new_transformed(united(union)?, true),
                other if changed => Transformed::yes(other.recompute_schema()?),
                other => Transformed::no(other),
            };
            Ok(node)
        })
        .map(|changed| changed.data)
    }
}

/// An expression whose parts are of one type, where they have to be.
fn agreed(expr: Expr, schema: &DFSchema) -> Result<Transformed<Expr>> {
    match expr {
        Expr::BinaryExpr(BinaryExpr { left, op, right }) if is_comparison(op) => {
            let (a, b) = (left.get_type(schema)?, right.get_type(schema)?);
            let Some(common) = differing(&[&a, &b], "BINARY_OP_DIFF_TYPES")? else {
                return Ok(Transformed::no(Expr::BinaryExpr(BinaryExpr { left, op, right })));
            };
            let (left, right) = (to(*left, &a, &common), to(*right, &b, &common));
            Ok(Transformed::yes(Expr::BinaryExpr(BinaryExpr::new(Box::new(left), op, Box::new(right)))))
        }
        Expr::Between(Between { expr, negated, low, high }) => {
            let all = [expr.get_type(schema)?, low.get_type(schema)?, high.get_type(schema)?];
            let Some(common) = differing(&all.iter().collect::<Vec<_>>(), "BINARY_OP_DIFF_TYPES")? else {
                return Ok(Transformed::no(Expr::Between(Between { expr, negated, low, high })));
            };
            let [expr, low, high] = [(expr, 0), (low, 1), (high, 2)].map(|(e, i)| Box::new(to(*e, &all[i], &common)));
            Ok(Transformed::yes(Expr::Between(Between { expr, negated, low, high })))
        }
        Expr::InList(InList { expr, list, negated }) => {
            let mut all = vec![*expr];
            all.extend(list);
            let (mut all, changed) = unified(all, schema)?;
            let list = all.split_off(1);
            let expr = all.pop().map(Box::new).ok_or_else(|| SqlError::internal("A list has lost its value."))?;
            Ok(Transformed::new_transformed(Expr::InList(InList { expr, list, negated }), changed))
        }
        Expr::Case(case) => branches(case, schema),
        Expr::Not(inner) => {
            let (inner, changed) = condition(*inner, schema, "NOT")?;
            Ok(Transformed::new_transformed(Expr::Not(Box::new(inner)), changed))
        }
        Expr::BinaryExpr(BinaryExpr { left, op: op @ (Operator::And | Operator::Or), right }) => {
            let (left, first) = condition(*left, schema, &op.to_string())?;
            let (right, second) = condition(*right, schema, &op.to_string())?;
            let both = Expr::BinaryExpr(BinaryExpr::new(Box::new(left), op, Box::new(right)));
            Ok(Transformed::new_transformed(both, first || second))
        }
        Expr::ScalarFunction(call) if matches!(call.func.name(), "coalesce" | "greatest" | "least" | "nanvl") => {
            if matches!(call.func.name(), "greatest" | "least") {
                same_kind(&call, schema)?;
            }
            let (args, changed) = unified(call.args, schema)?;
            let call = ScalarFunction::new_udf(call.func, args);
            Ok(Transformed::new_transformed(Expr::ScalarFunction(call), changed))
        }
        // The value is not looked at, however wrong it is.
        Expr::ScalarFunction(call) if call.func.name() == "typeof" && call.args.len() == 1 => {
            Ok(Transformed::yes(lit(types::lower(&call.args[0].get_type(schema)?))))
        }
        Expr::ScalarFunction(call) => match of_bytes(&call, schema)? {
            Some(other) => Ok(Transformed::yes(Expr::ScalarFunction(other))),
            None => Ok(Transformed::no(Expr::ScalarFunction(call))),
        },
        other => Ok(Transformed::no(other)),
    }
}

/// A function of text that is called for BINARY, as the one that counts bytes.
fn of_bytes(call: &ScalarFunction, schema: &DFSchema) -> Result<Option<ScalarFunction>> {
    let name = match call.func.name() {
        "substring" | "left" => "binary_substring",
        "lpad" => "binary_lpad",
        "rpad" => "binary_rpad",
        "overlay" => "binary_overlay",
        _ => return Ok(None),
    };
    let Some(first) = call.args.first() else { return Ok(None) };
    if types::canonical(&first.get_type(schema)?) != DataType::Binary {
        return Ok(None);
    }
    let mut args = call.args.clone();
    if call.func.name() == "left" {
        args.insert(1, lit(1_i64));
    }
    Ok(functions::scalar(name).map(|function| ScalarFunction::new_udf(function, args)))
}

/// Something that has to be true or false: text is read, other types are refused.
fn condition(expr: Expr, schema: &DFSchema, of: &str) -> Result<(Expr, bool)> {
    match types::canonical(&expr.get_type(schema)?) {
        DataType::Boolean | DataType::Null => Ok((expr, false)),
        DataType::Utf8 => Ok((cast(expr, DataType::Boolean), true)),
        other => Err(no_truth(of, &other).into()),
    }
}

fn no_truth(of: &str, given: &DataType) -> SqlError {
    SqlError::new(
        "DATATYPE_MISMATCH.UNEXPECTED_INPUT_TYPE",
        "42K09",
        format!(
            "Cannot resolve \"{of}\" due to data type mismatch: it requires the \"BOOLEAN\" type, but was given {}.",
            types::shown(given)
        ),
    )
}

/// `greatest` and `least` do not compare text with anything else.
fn same_kind(call: &ScalarFunction, schema: &DFSchema) -> Result<()> {
    let mut all = Vec::new();
    for arg in &call.args {
        all.push(types::canonical(&arg.get_type(schema)?));
    }
    let known: Vec<_> = all.iter().filter(|t| **t != DataType::Null).collect();
    let texts = known.iter().filter(|t| types::is_string(t)).count();
    if texts == 0 || texts == known.len() {
        return Ok(());
    }
    let shown: Vec<String> = all.iter().map(types::shown).collect();
    Err(SqlError::new(
        "DATATYPE_MISMATCH.DATA_DIFF_TYPES",
        "42K09",
        format!(
            "Cannot resolve \"{}\" due to data type mismatch: its arguments should have one type, but they are [{}].",
            call.func.name(),
            shown.join(", ")
        ),
    )
    .into())
}

fn is_comparison(op: Operator) -> bool {
    matches!(
        op,
        Operator::Eq
            | Operator::NotEq
            | Operator::Lt
            | Operator::LtEq
            | Operator::Gt
            | Operator::GtEq
            | Operator::IsDistinctFrom
            | Operator::IsNotDistinctFrom
    )
}

/// The common type of types that are not all one; an error if they have none.
fn differing(all: &[&DataType], condition: &str) -> Result<Option<DataType>> {
    if all.windows(2).all(|pair| pair[0] == pair[1]) {
        return Ok(None);
    }
    let given: Vec<_> = all.iter().map(|t| types::nullable(t)).collect();
    let common = common_type::of_all(&given).ok_or_else(|| {
        let shown: Vec<String> = all.iter().map(|t| types::shown(t)).collect();
        SqlError::new(
            format!("DATATYPE_MISMATCH.{condition}"),
            "42K09",
            format!(
                "Cannot resolve an expression due to data type mismatch: its parts should have one type, but they are \
                 [{}].",
                shown.join(", ")
            ),
        )
    })?;
    Ok(Some(common))
}

/// Expressions cast to their common type, and whether any had to be.
fn unified(all: Vec<Expr>, schema: &DFSchema) -> Result<(Vec<Expr>, bool)> {
    let found = all.iter().map(|e| e.get_type(schema)).collect::<Result<Vec<_>>>()?;
    match differing(&found.iter().collect::<Vec<_>>(), "DATA_DIFF_TYPES")? {
        None => Ok((all, false)),
        Some(common) => Ok((all.into_iter().zip(&found).map(|(expr, from)| to(expr, from, &common)).collect(), true)),
    }
}

fn branches(case: Case, schema: &DFSchema) -> Result<Transformed<Expr>> {
    let Case { expr, when_then_expr, else_expr } = case;
    let (conditions, mut results): (Vec<_>, Vec<_>) = when_then_expr.into_iter().map(|(w, t)| (*w, *t)).unzip();
    let branches = results.len();
    results.extend(else_expr.map(|e| *e));
    let (mut results, mut changed) = unified(results, schema)?;
    let otherwise = (results.len() > branches).then(|| results.pop()).flatten().map(Box::new);
    let (expr, conditions) = match expr {
        Some(expr) => {
            let mut all = vec![*expr];
            all.extend(conditions);
            let (mut all, compared) = unified(all, schema)?;
            changed |= compared;
            let conditions = all.split_off(1);
            (all.pop().map(Box::new), conditions)
        }
        None => {
            let mut judged = Vec::with_capacity(conditions.len());
            for one in conditions {
                // Text is not read here, as it is beside AND and OR.
                let given = types::canonical(&one.get_type(schema)?);
                if !matches!(given, DataType::Boolean | DataType::Null) {
                    return Err(no_truth("CASE WHEN", &given).into());
                }
                judged.push(one);
            }
            (None, judged)
        }
    };
    let pairs = conditions.into_iter().zip(results).map(|(w, t)| (Box::new(w), Box::new(t))).collect();
    Ok(Transformed::new_transformed(Expr::Case(Case::new(expr, pairs, otherwise)), changed))
}

fn to(expr: Expr, from: &DataType, common: &DataType) -> Expr {
    if from == common { expr } else { cast(expr, common.clone()) }
}

/// A union whose inputs have the same types.
fn united(union: Union) -> Result<LogicalPlan> {
    let inputs = union.inputs;
    let width = inputs.first().map_or(0, |input| input.schema().fields().len());
    let mut wanted = Vec::with_capacity(width);
    for i in 0..width {
        let all: Vec<&DataType> = inputs.iter().filter_map(|p| Some(p.schema().fields().get(i)?.data_type())).collect();
        let found = differing(&all, "DATA_DIFF_TYPES").map_err(|_| {
            let shown: Vec<String> = all.iter().map(|t| types::shown(t)).collect();
            SqlError::new(
                "INCOMPATIBLE_COLUMN_TYPE",
                "42825",
                format!(
                    "UNION can only be performed on inputs with compatible column types: column {} has the types [{}].",
                    i + 1,
                    shown.join(", ")
                ),
            )
        })?;
        wanted.push(found);
    }
    if wanted.iter().all(Option::is_none) {
        return Ok(LogicalPlan::Union(Union { inputs, schema: union.schema }));
    }
    let mut cast_inputs = Vec::with_capacity(inputs.len());
    for input in inputs {
        let columns = input.schema().columns();
        let exprs = columns.into_iter().zip(&wanted).enumerate().map(|(i, (column, wanted))| {
            let from = input.schema().field(i).data_type();
            match wanted {
                Some(common) if common != from => {
                    let (relation, name) = (column.relation.clone(), column.name.clone());
                    cast(Expr::Column(column), common.clone()).alias_qualified(relation, name)
                }
                _ => Expr::Column(column),
            }
        });
        let exprs: Vec<Expr> = exprs.collect();
        cast_inputs.push(Arc::new(LogicalPlan::Projection(Projection::try_new(exprs, input)?)));
    }
    Ok(LogicalPlan::Union(Union::try_new_with_loose_types(cast_inputs)?))
}
