//! The value of a scalar subquery that may have only one row.

use std::sync::{Arc, LazyLock};

use datafusion::arrow::array::AsArray;
use datafusion::arrow::datatypes::{DataType, Int64Type};
use datafusion::common::Result;
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility};

use crate::local::engine::error::SqlError;

/// `only_row(value, rows)`: the value, unless there are several rows.
pub(in crate::local::engine) fn only_row() -> Arc<ScalarUDF> {
    static FUNCTION: LazyLock<Arc<ScalarUDF>> = LazyLock::new(|| {
        Arc::new(ScalarUDF::new_from_impl(OnlyRow { signature: Signature::any(2, Volatility::Immutable) }))
    });
    FUNCTION.clone()
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct OnlyRow {
    signature: Signature,
}

impl ScalarUDFImpl for OnlyRow {
    fn name(&self) -> &str {
        "only_row"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, args: &[DataType]) -> Result<DataType> {
        Ok(args[0].clone())
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let rows = args.args[1].to_array(args.number_rows)?;
        if rows.as_primitive::<Int64Type>().iter().flatten().any(|n| n > 1) {
            return Err(SqlError::new(
                "SCALAR_SUBQUERY_TOO_MANY_ROWS",
                "21000",
                "A subquery that stands for one value gave more than one row.",
            )
            .into());
        }
        Ok(args.args[0].clone())
    }
}
