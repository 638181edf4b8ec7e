//! Functions that tell or fail: `typeof`, `assert_true`, `raise_error`, and the chance of `rand`.

use std::hash::{Hash, Hasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use datafusion::arrow::array::{Array, ArrayRef, AsArray, Float64Array, Int64Array, StringArray, new_null_array};
use datafusion::arrow::datatypes::DataType;
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility};
use rand::rngs::ChaCha8Rng;
use rand::{RngExt, SeedableRng};

use super::simple::{Simple, Takes, wrong_number};
use crate::local::engine::error::SqlError;
use crate::local::engine::types;

/// The functions without chance.
pub(super) fn functions() -> Vec<Simple> {
    vec![
        Simple {
            name: "typeof",
            takes: &[Takes::Any],
            required: 1,
            returns: |_| DataType::Utf8,
            eval: |a| Ok(Arc::new(StringArray::from(vec![types::lower(a[0].data_type()); a[0].len()]))),
        },
        Simple {
            name: "raise_error",
            takes: &[Takes::Text],
            required: 1,
            returns: |_| DataType::Null,
            eval: |a| {
                let texts = a[0].as_string::<i32>();
                match (!texts.is_empty()).then(|| raised(texts, 0)) {
                    Some(error) => Err(error.into()),
                    None => Ok(new_null_array(&DataType::Null, 0)),
                }
            },
        },
        Simple {
            name: "assert_true",
            takes: &[Takes::Boolean, Takes::Text],
            required: 1,
            returns: |_| DataType::Null,
            eval: |a| {
                let truths = a[0].as_boolean();
                match (0..truths.len()).find(|i| truths.is_null(*i) || !truths.value(*i)) {
                    None => Ok(new_null_array(&DataType::Null, truths.len())),
                    Some(i) => Err(match a.get(1) {
                        Some(texts) => raised(texts.as_string::<i32>(), i),
                        None => {
                            SqlError::new("USER_RAISED_EXCEPTION", "P0001", "The condition of assert_true is not true.")
                        }
                    }
                    .into()),
                }
            },
        },
    ]
}

/// `monotonically_increasing_id()`: every plan counts its rows from 0.
pub(super) fn increasing_id() -> Arc<ScalarUDF> {
    Arc::new(ScalarUDF::new_from_impl(IncreasingId {
        next: Arc::new(AtomicI64::new(0)),
        signature: Signature::exact(Vec::new(), Volatility::Volatile),
    }))
}

#[derive(Debug)]
struct IncreasingId {
    next: Arc<AtomicI64>,
    signature: Signature,
}

impl PartialEq for IncreasingId {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.next, &other.next)
    }
}

impl Eq for IncreasingId {}

impl Hash for IncreasingId {
    fn hash<H: Hasher>(&self, state: &mut H) {
        Arc::as_ptr(&self.next).hash(state);
    }
}

impl ScalarUDFImpl for IncreasingId {
    fn name(&self) -> &str {
        "monotonically_increasing_id"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _given: &[DataType]) -> Result<DataType> {
        Ok(DataType::Int64)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let rows = i64::try_from(args.number_rows).unwrap_or(0);
        let first = self.next.fetch_add(rows, Ordering::Relaxed);
        Ok(ColumnarValue::Array(Arc::new(Int64Array::from_iter_values(first..first + rows))))
    }
}

fn raised(texts: &StringArray, i: usize) -> SqlError {
    let text = if texts.is_null(i) { "null" } else { texts.value(i) };
    SqlError::new("USER_RAISED_EXCEPTION", "P0001", text)
}

/// `rand([seed])`, from 0 to 1; `randn([seed])`, around 0. The numbers are not those that Spark draws.
pub(super) fn chance(normal: bool) -> Arc<ScalarUDF> {
    Arc::new(ScalarUDF::new_from_impl(Chance { normal, signature: Signature::user_defined(Volatility::Volatile) }))
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Chance {
    normal: bool,
    signature: Signature,
}

impl ScalarUDFImpl for Chance {
    fn name(&self) -> &str {
        if self.normal { "randn" } else { "rand" }
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, given: &[DataType]) -> Result<Vec<DataType>> {
        if given.len() > 1 {
            return Err(wrong_number(self.name(), 0, 1, given.len()).into());
        }
        Ok(vec![DataType::Int64; given.len()])
    }

    fn return_type(&self, _given: &[DataType]) -> Result<DataType> {
        Ok(DataType::Float64)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let mut chance = match args.args.first() {
            Some(ColumnarValue::Scalar(ScalarValue::Int64(Some(seed)))) => {
                ChaCha8Rng::seed_from_u64(seed.cast_unsigned())
            }
            _ => ChaCha8Rng::seed_from_u64(rand::random()),
        };
        let mut even = || chance.random::<f64>();
        let found: Float64Array = (0..args.number_rows)
            .map(|_| {
                if !self.normal {
                    return Some(even());
                }
                let (size, angle) = ((-2.0 * (1.0 - even()).ln()).sqrt(), std::f64::consts::TAU * even());
                Some(size * angle.cos())
            })
            .collect();
        Ok(ColumnarValue::Array(Arc::new(found) as ArrayRef))
    }
}
