//! CSV: texts as values and back.

mod read;
mod text;
mod write;

use std::sync::Arc;

use datafusion::logical_expr::ScalarUDF;

pub(in crate::local::engine) use self::read::schema;
use super::{nested, records};

/// The functions, under Spark's names.
pub(super) fn functions() -> impl Iterator<Item = (&'static str, Arc<ScalarUDF>)> {
    [nested::udf(write::TO_CSV), records::udf(read::FROM_CSV)].into_iter()
}
