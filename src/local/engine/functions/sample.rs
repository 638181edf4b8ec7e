//! Which rows a sample takes.

use std::sync::Arc;

use datafusion::arrow::array::BooleanArray;
use datafusion::arrow::datatypes::DataType;
use datafusion::common::Result;
use datafusion::common::hash_utils::{RandomState, create_hashes};
use datafusion::logical_expr::{
    ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, TypeSignature, Volatility,
};

/// Whether a row belongs to a sample of this fraction of all rows. With a seed the row's values decide, so that the
/// sample is the same each time.
pub(in crate::local::engine) fn chosen(fraction: f64, seed: Option<u64>) -> ScalarUDF {
    // The fraction of all 64-bit numbers.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "saturates")]
    let threshold = (fraction * 18_446_744_073_709_551_616.0) as u64;
    let volatility = if seed.is_some() { Volatility::Immutable } else { Volatility::Volatile };
    ScalarUDF::new_from_impl(Chosen {
        threshold,
        seed,
        signature: Signature::one_of(vec![TypeSignature::Nullary, TypeSignature::VariadicAny], volatility),
    })
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Chosen {
    threshold: u64,
    seed: Option<u64>,
    signature: Signature,
}

impl ScalarUDFImpl for Chosen {
    fn name(&self) -> &str {
        "sampled"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _args: &[DataType]) -> Result<DataType> {
        Ok(DataType::Boolean)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let mut hashes = vec![0; args.number_rows];
        match self.seed {
            Some(_) => {
                let arrays = ColumnarValue::values_to_arrays(&args.args)?;
                create_hashes(&arrays, &RandomState::with_seed(0), &mut hashes)?;
            }
            None => {
                let state = std::hash::RandomState::new();
                for (i, hash) in hashes.iter_mut().enumerate() {
                    *hash = std::hash::BuildHasher::hash_one(&state, i);
                }
            }
        }
        let seed = self.seed.unwrap_or(0);
        let taken = hashes.iter().map(|hash| Some(mixed(hash ^ mixed(seed)) < self.threshold));
        Ok(ColumnarValue::Array(Arc::new(taken.collect::<BooleanArray>())))
    }
}

/// Spreads the bits of a number over the whole of it.
fn mixed(n: u64) -> u64 {
    let n = (n ^ (n >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let n = (n ^ (n >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    n ^ (n >> 31)
}
