//! JSON: parts of texts, and texts as values and back.

mod infer;
mod path;
mod read;
mod text;
mod write;

use std::sync::Arc;

use datafusion::logical_expr::ScalarUDF;

pub(in crate::local::engine) use self::infer::schema;
pub(super) use self::path::fields;
use super::{nested, records};

/// The functions, under Spark's names.
pub(super) fn functions() -> impl Iterator<Item = (&'static str, Arc<ScalarUDF>)> {
    let nested = path::FUNCTIONS.iter().chain(write::FUNCTIONS).copied().map(nested::udf);
    nested.chain(std::iter::once(records::udf(read::FROM_JSON)))
}
