//! Operators and calls whose meaning or type is another in Spark than in the planner.

use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Field};
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::common::{Column, DFSchema, Diagnostic, Result, ScalarValue, TableReference};
use datafusion::logical_expr::expr::{AggregateFunction, ScalarFunction, WindowFunction, WindowFunctionParams};
use datafusion::logical_expr::planner::{
    ExprPlanner, PlannerResult, RawAggregateExpr, RawBinaryExpr, RawFieldAccessExpr, RawWindowExpr,
};
use datafusion::logical_expr::{Expr, ExprSchemable, GetFieldAccess, WindowFunctionDefinition, cast, lit};
use sqlparser::ast::BinaryOperator;

use super::spans;
use crate::local::engine::error::SqlError;
use crate::local::engine::functions::arithmetic::{self, Operation};
use crate::local::engine::functions::{compare, datetime, fields, text};
use crate::local::engine::types;

/// Plans operators as Spark does.
#[derive(Debug)]
pub(super) struct SparkOperators;

impl ExprPlanner for SparkOperators {
    fn plan_binary_op(&self, raw: RawBinaryExpr, schema: &DFSchema) -> Result<PlannerResult<RawBinaryExpr>> {
        let (left, right) = (type_of(&raw.left, schema)?, type_of(&raw.right, schema)?);
        let mut tolerant = false;
        let operation = match &raw.op {
            BinaryOperator::Custom(name) if name == "pmod" => Operation::PositiveRemainder,
            BinaryOperator::Custom(name) if arithmetic::tolerant(name).is_some() => {
                tolerant = true;
                arithmetic::tolerant(name).unwrap_or(Operation::Add)
            }
            BinaryOperator::Plus => Operation::Add,
            BinaryOperator::Minus => Operation::Subtract,
            BinaryOperator::Multiply => Operation::Multiply,
            BinaryOperator::Divide => Operation::Divide,
            BinaryOperator::Modulo => Operation::Remainder,
            BinaryOperator::MyIntegerDivide | BinaryOperator::DuckIntegerDivide => Operation::IntegerDivide,
            BinaryOperator::StringConcat => {
                return Ok(planned(text::concat(), vec![raw.left, raw.right]));
            }
            BinaryOperator::Eq
            | BinaryOperator::NotEq
            | BinaryOperator::Lt
            | BinaryOperator::LtEq
            | BinaryOperator::Gt
            | BinaryOperator::GtEq
            | BinaryOperator::Spaceship => {
                if left.is_nested() || right.is_nested() {
                    let name = if raw.op == BinaryOperator::Spaceship { "<=>".to_owned() } else { raw.op.to_string() };
                    let function = compare::function(&name)
                        .ok_or_else(|| SqlError::internal(format!("{name} is no comparison")))?;
                    return Ok(planned(function, vec![raw.left, raw.right]));
                }
                let raw = truths(raw, &left, &right);
                comparable(&raw, &type_of(&raw.left, schema)?, &type_of(&raw.right, schema)?)?;
                return Ok(PlannerResult::Original(raw));
            }
            BinaryOperator::And | BinaryOperator::Or => {
                return Ok(PlannerResult::Original(truths(raw, &left, &right)));
            }
            _ => return Ok(PlannerResult::Original(raw)),
        };
        if let Some(call) = spans::operated(operation, tolerant, [(&raw.left, &left), (&raw.right, &right)])? {
            return Ok(PlannerResult::Planned(call));
        }
        match operation {
            Operation::Add if left == DataType::Date32 && types::is_integer(&right) => {
                Ok(planned(datetime::date_add(), vec![raw.left, raw.right]))
            }
            Operation::Add if right == DataType::Date32 && types::is_integer(&left) => {
                Ok(planned(datetime::date_add(), vec![raw.right, raw.left]))
            }
            Operation::Subtract if left == DataType::Date32 && types::is_integer(&right) => {
                Ok(planned(datetime::date_sub(), vec![raw.left, raw.right]))
            }
            operation => {
                let function = arithmetic::function(operation, tolerant);
                if arithmetic::result_type(operation, &left, &right).is_none() {
                    return Err(arithmetic::mismatch(operation, &left, &right).into());
                }
                let (first, second) = (narrowed(raw.left, &right), narrowed(raw.right, &left));
                Ok(planned(function, vec![first, second]))
            }
        }
    }

    /// Fields are found in any case, in structs, in arrays of them, and as keys of maps.
    fn plan_field_access(
        &self,
        raw: RawFieldAccessExpr,
        _schema: &DFSchema,
    ) -> Result<PlannerResult<RawFieldAccessExpr>> {
        match raw.field_access {
            GetFieldAccess::NamedStructField { name } => {
                Ok(planned(fields::field(), vec![raw.expr, Expr::Literal(name, None)]))
            }
            _ => Err(SqlError::unsupported("a subscript of this form").into()),
        }
    }

    fn plan_compound_identifier(
        &self,
        field: &Field,
        qualifier: Option<&TableReference>,
        nested_names: &[String],
    ) -> Result<PlannerResult<Vec<Expr>>> {
        let column = Expr::Column(Column::new(qualifier.cloned(), field.name()));
        Ok(PlannerResult::Planned(nested_names.iter().fold(column, |value, name| {
            Expr::ScalarFunction(ScalarFunction::new_udf(fields::field(), vec![value, lit(name.as_str())]))
        })))
    }

    /// Counts are BIGINT; the average of NULL is a DOUBLE.
    fn plan_aggregate(&self, mut raw: RawAggregateExpr) -> Result<PlannerResult<RawAggregateExpr>> {
        let target = match raw.func.name() {
            "avg" if matches!(raw.args[..], [Expr::Literal(ScalarValue::Null, _)]) => {
                raw.args = vec![lit(ScalarValue::Float64(None))];
                return Ok(PlannerResult::Original(raw));
            }
            "approx_distinct" => DataType::Int64,
            "grouping" => DataType::Int8,
            _ => return Ok(PlannerResult::Original(raw)),
        };
        let call =
            AggregateFunction::new_udf(raw.func, raw.args, raw.distinct, raw.filter, raw.order_by, raw.null_treatment);
        Ok(PlannerResult::Planned(cast(Expr::AggregateFunction(call), target)))
    }

    /// Numbers of rows are INT.
    fn plan_window(&self, raw: RawWindowExpr) -> Result<PlannerResult<RawWindowExpr>> {
        let name = match &raw.func_def {
            WindowFunctionDefinition::WindowUDF(function) => function.name().to_owned(),
            WindowFunctionDefinition::AggregateUDF(function) => function.name().to_owned(),
        };
        let target = match name.as_str() {
            "row_number" | "rank" | "dense_rank" | "ntile" => DataType::Int32,
            "approx_distinct" => DataType::Int64,
            _ => return Ok(PlannerResult::Original(raw)),
        };
        let call = WindowFunction {
            fun: raw.func_def,
            params: WindowFunctionParams {
                args: raw.args,
                partition_by: raw.partition_by,
                order_by: raw.order_by,
                window_frame: raw.window_frame,
                filter: raw.filter,
                null_treatment: raw.null_treatment,
                distinct: raw.distinct,
            },
        };
        Ok(PlannerResult::Planned(cast(Expr::from(call), target)))
    }
}

/// Text beside a truth value is read as one.
fn truths(raw: RawBinaryExpr, left: &DataType, right: &DataType) -> RawBinaryExpr {
    let read = |expr: Expr, its: &DataType, other: &DataType| {
        if types::is_string(its) && *other == DataType::Boolean { cast(expr, DataType::Boolean) } else { expr }
    };
    RawBinaryExpr { left: read(raw.left, left, right), right: read(raw.right, right, left), op: raw.op }
}

fn planned<T>(function: Arc<datafusion::logical_expr::ScalarUDF>, args: Vec<Expr>) -> PlannerResult<T> {
    PlannerResult::Planned(Expr::ScalarFunction(ScalarFunction::new_udf(function, args)))
}

/// An expression's type; a name that is unknown is shown with its place.
fn type_of(expr: &Expr, schema: &DFSchema) -> Result<DataType> {
    expr.get_type(schema).map_err(|error| {
        let mut span = None;
        let _ = expr.apply(|part| {
            if let Expr::Column(column) = part
                && !schema.has_column(column)
            {
                span = column.spans.first();
                return Ok(TreeNodeRecursion::Stop);
            }
            Ok(TreeNodeRecursion::Continue)
        });
        error.with_diagnostic(Diagnostic::new_error("the name is not known", span))
    })
}

/// Beside a decimal, a whole number that is written out has as many digits as it shows.
fn narrowed(expr: Expr, other: &DataType) -> Expr {
    match written_out(&expr) {
        Some(n) if matches!(other, DataType::Decimal128(..)) => {
            let digits = u8::try_from(n.unsigned_abs().to_string().len()).unwrap_or(20);
            Expr::Literal(ScalarValue::Decimal128(Some(n), digits, 0), None)
        }
        _ => expr,
    }
}

/// The whole number that an expression writes out, unless it is a TINYINT, which stays as wide as its type.
fn written_out(expr: &Expr) -> Option<i128> {
    match expr {
        Expr::Literal(ScalarValue::Int64(n), _) => n.map(i128::from),
        Expr::Cast(cast) => match cast.field.data_type() {
            DataType::Int16 | DataType::Int32 | DataType::Int64 => match cast.expr.as_ref() {
                Expr::Literal(ScalarValue::Int64(n), _) => n.map(i128::from),
                _ => None,
            },
            _ => None,
        },
        Expr::Negative(inner) => match inner.as_ref() {
            literal @ (Expr::Literal(..) | Expr::Cast(_)) => written_out(literal).map(|n| -n),
            _ => None,
        },
        _ => None,
    }
}

/// Refuses comparisons of types that have nothing in common.
fn comparable(raw: &RawBinaryExpr, left: &DataType, right: &DataType) -> Result<()> {
    let family = |t: &DataType| match t {
        DataType::Null => 0,
        t if types::is_string(t) => 0,
        DataType::Boolean => 1,
        DataType::Date32 | DataType::Date64 | DataType::Timestamp(..) => 2,
        t if t.is_numeric() => 3,
        DataType::Binary | DataType::LargeBinary | DataType::BinaryView => 0,
        _ => 5,
    };
    let (a, b) = (family(left), family(right));
    if a == 0 || b == 0 || a == b {
        return Ok(());
    }
    Err(SqlError::new(
        "DATATYPE_MISMATCH.BINARY_OP_DIFF_TYPES",
        "42K09",
        format!(
            "Cannot resolve \"({} {} {})\" due to data type mismatch: the left and right operands of the binary \
             operator have incompatible types ({} and {}).",
            raw.left,
            raw.op,
            raw.right,
            types::shown(left),
            types::shown(right)
        ),
    )
    .into())
}
