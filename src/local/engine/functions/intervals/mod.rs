//! Intervals in operators, casts and functions.

mod convert;
mod operate;
mod overloads;
mod totals;

use datafusion::logical_expr::ScalarUDF;
use std::sync::Arc;

pub(super) use convert::{cast_way, convert};
pub(in crate::local::engine) use operate::{Operation, function};
pub(super) use overloads::over;
pub(super) use totals::total;

use crate::local::engine::error::SqlError;

/// All functions of this family.
pub(super) fn functions() -> impl Iterator<Item = (&'static str, Arc<ScalarUDF>)> {
    operate::makers()
}

/// The result is too long for its type.
fn overflow() -> SqlError {
    SqlError::new(
        "INTERVAL_ARITHMETIC_OVERFLOW.WITHOUT_SUGGESTION",
        "22015",
        "Integer overflow while operating with intervals.",
    )
}

/// The result is too long for its type, and a function of another name would tell so by NULL.
fn overflow_of(tolerant: &str) -> SqlError {
    SqlError::new(
        "INTERVAL_ARITHMETIC_OVERFLOW.WITH_SUGGESTION",
        "22015",
        format!(
            "Integer overflow while operating with intervals. Use {tolerant} to tolerate it and return NULL instead."
        ),
    )
}
