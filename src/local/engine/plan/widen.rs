//! The types of set operations: where sides differ, Spark's wider type.

use datafusion::arrow::datatypes::DataType;
use datafusion::common::tree_node::Transformed;
use datafusion::common::{Column, DFSchema, Result};
use datafusion::logical_expr::type_coercion::binary::type_union_coercion;
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder, Union, cast};

use std::sync::Arc;

use crate::local::engine::error::SqlError;
use crate::local::engine::intervals::Span;
use crate::local::engine::types;

/// Gives both sides of a set operation the same types.
pub(super) fn agreed(left: LogicalPlan, right: LogicalPlan) -> Result<(LogicalPlan, LogicalPlan)> {
    if left.schema().fields().len() != right.schema().fields().len() {
        return Err(SqlError::new(
            "NUM_COLUMNS_MISMATCH",
            "42826",
            "A set operation can only be performed on inputs with the same number of columns.",
        )
        .into());
    }
    let wanted = common([&left, &right])?;
    Ok((converted(left, &wanted)?, converted(right, &wanted)?))
}

/// Refuses maps where rows are compared.
pub(super) fn check_comparable(schema: &DFSchema) -> Result<()> {
    match schema.fields().iter().find(|field| holds_map(field.data_type())) {
        None => Ok(()),
        Some(field) => Err(SqlError::new(
            "UNSUPPORTED_FEATURE.SET_OPERATION_ON_MAP_TYPE",
            "0A000",
            format!(
                "Maps cannot be compared, so the column `{}` cannot be in DISTINCT or a set operation.",
                field.name()
            ),
        )
        .into()),
    }
}

fn holds_map(data_type: &DataType) -> bool {
    match data_type {
        DataType::Map(..) => true,
        DataType::List(item) => holds_map(item.data_type()),
        DataType::Struct(fields) => fields.iter().any(|field| holds_map(field.data_type())),
        _ => false,
    }
}

/// Gives the sides of every UNION the same types.
pub(super) fn unions(plan: LogicalPlan) -> Result<LogicalPlan> {
    plan.transform_up_with_subqueries(|node| match node {
        LogicalPlan::Union(union) => {
            let width = union.inputs[0].schema().fields().len();
            if union.inputs.iter().any(|input| input.schema().fields().len() != width) {
                return Ok(Transformed::no(LogicalPlan::Union(union)));
            }
            let wanted = common(union.inputs.iter().map(AsRef::as_ref))?;
            let mut inputs = Vec::with_capacity(union.inputs.len());
            for input in union.inputs {
                inputs.push(Arc::new(converted(Arc::unwrap_or_clone(input), &wanted)?));
            }
            Ok(Transformed::yes(LogicalPlan::Union(Union::try_new_with_loose_types(inputs)?)))
        }
        other => {
            if let LogicalPlan::Distinct(distinct) = &other {
                check_comparable(distinct.input().schema())?;
            }
            Ok(Transformed::yes(other.recompute_schema()?))
        }
    })
    .map(|changed| changed.data)
}

/// The types that hold the values of all these, column by column.
fn common<'a>(plans: impl IntoIterator<Item = &'a LogicalPlan>) -> Result<Vec<DataType>> {
    let mut wanted: Vec<DataType> = Vec::new();
    for plan in plans {
        let found: Vec<_> = plan.schema().fields().iter().map(|f| f.data_type().clone()).collect();
        if wanted.is_empty() {
            wanted = found;
            continue;
        }
        for (i, (wanted, found)) in wanted.iter_mut().zip(found).enumerate() {
            *wanted = wider(wanted, &found).ok_or_else(|| {
                SqlError::new(
                    "INCOMPATIBLE_COLUMN_TYPE",
                    "42825",
                    format!(
                        "A set operation needs compatible types, but column {} is {} on one side and {} on the other.",
                        i + 1,
                        types::shown(wanted),
                        types::shown(&found)
                    ),
                )
            })?;
        }
    }
    Ok(wanted)
}

/// Spark's common type of two, in ANSI mode.
fn wider(a: &DataType, b: &DataType) -> Option<DataType> {
    if a == b {
        return Some(a.clone());
    }
    match (Span::of(a), Span::of(b)) {
        (None, None) => {}
        (Some(x), Some(y)) => return x.with(y).map(Span::arrow),
        _ => {
            return [a, b].contains(&&DataType::Null).then(|| if *a == DataType::Null { b.clone() } else { a.clone() });
        }
    }
    let is_time = |t: &DataType| matches!(t, DataType::Date32 | DataType::Timestamp(..));
    let is_float = |t: &DataType| matches!(t, DataType::Float32 | DataType::Float64);
    match (a, b) {
        (DataType::Null, other) | (other, DataType::Null) => Some(other.clone()),
        (DataType::Boolean, other) | (other, DataType::Boolean) => types::is_string(other).then_some(DataType::Boolean),
        (DataType::Date32, other) | (other, DataType::Date32) if matches!(other, DataType::Timestamp(..)) => {
            Some(other.clone())
        }
        (DataType::Timestamp(..), DataType::Timestamp(..)) => Some(types::timestamp()),
        // Text beside a number or a time is read as one.
        (text, other) | (other, text) if types::is_string(text) => {
            if types::is_string(other) {
                Some(DataType::Utf8)
            } else if types::is_integer(other) {
                Some(DataType::Int64)
            } else if is_float(other) || matches!(other, DataType::Decimal128(..)) {
                Some(DataType::Float64)
            } else if is_time(other) {
                Some(other.clone())
            } else {
                None
            }
        }
        (float, DataType::Decimal128(..)) | (DataType::Decimal128(..), float) if is_float(float) => {
            Some(DataType::Float64)
        }
        (DataType::Decimal128(..), other) | (other, DataType::Decimal128(..)) => {
            let ((p1, s1), (p2, s2)) = (types::decimal_of(a)?, types::decimal_of(b)?);
            let _ = other;
            let scale = s1.max(s2);
            let whole = (i16::from(p1) - i16::from(s1)).max(i16::from(p2) - i16::from(s2));
            let precision = u8::try_from((whole + i16::from(scale)).min(38)).ok()?;
            Some(DataType::Decimal128(precision, scale))
        }
        (a, b) if a.is_numeric() && b.is_numeric() => {
            let float_wins = is_float(a) != is_float(b) && [a, b].contains(&&DataType::Float32);
            if float_wins { Some(DataType::Float32) } else { type_union_coercion(a, b) }
        }
        (a, b) if a.is_numeric() || b.is_numeric() || is_time(a) || is_time(b) => None,
        (DataType::List(_), DataType::List(_)) | (DataType::Struct(_), DataType::Struct(_)) => {
            type_union_coercion(a, b)
        }
        _ => None,
    }
}

fn converted(plan: LogicalPlan, wanted: &[DataType]) -> Result<LogicalPlan> {
    let schema = plan.schema().clone();
    if schema.fields().iter().zip(wanted).all(|(field, wanted)| field.data_type() == wanted) {
        return Ok(plan);
    }
    let columns = schema.iter().zip(wanted).map(|((qualifier, field), wanted)| {
        let column = Expr::Column(Column::new(qualifier.cloned(), field.name()));
        match field.data_type() == wanted {
            true => column,
            false => cast(column, wanted.clone()).alias_qualified(qualifier.cloned(), field.name()),
        }
    });
    let columns: Vec<_> = columns.collect();
    LogicalPlanBuilder::from(plan).project(columns)?.build()
}
