//! `hash` (Murmur3) and `xxhash64`, with the values that Spark computes.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, Int32Array, Int64Array};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{
    DataType, Date32Type, Decimal128Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type,
    TimestampMicrosecondType,
};
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility};

use super::simple::wrong_number;
use crate::local::engine::error::SqlError;
use crate::local::engine::types;

/// Both functions begin with this.
const SEED: i64 = 42;

/// `hash(…)`: 32 bits.
pub(super) fn murmur3() -> Arc<ScalarUDF> {
    Arc::new(ScalarUDF::new_from_impl(Hash { long: false, signature: Signature::user_defined(Volatility::Immutable) }))
}

/// `xxhash64(…)`: 64 bits.
pub(super) fn xxhash64() -> Arc<ScalarUDF> {
    Arc::new(ScalarUDF::new_from_impl(Hash { long: true, signature: Signature::user_defined(Volatility::Immutable) }))
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Hash {
    long: bool,
    signature: Signature,
}

impl ScalarUDFImpl for Hash {
    fn name(&self) -> &str {
        if self.long { "xxhash64" } else { "hash" }
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, given: &[DataType]) -> Result<Vec<DataType>> {
        if given.is_empty() {
            return Err(wrong_number(self.name(), 1, usize::MAX, 0).into());
        }
        if given.iter().any(holds_map) {
            return Err(SqlError::new(
                "DATATYPE_MISMATCH.HASH_MAP_TYPE",
                "42K09",
                format!("Input to the function {} cannot contain elements of the \"MAP\" type.", self.name()),
            )
            .into());
        }
        Ok(given.iter().map(types::canonical).collect())
    }

    fn return_type(&self, _given: &[DataType]) -> Result<DataType> {
        Ok(if self.long { DataType::Int64 } else { DataType::Int32 })
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let constant = args.args.iter().all(|arg| matches!(arg, ColumnarValue::Scalar(_)));
        let rows = if constant { 1 } else { args.number_rows };
        let mut found = vec![SEED; rows];
        for arg in &args.args {
            let array = arg.to_array(rows)?;
            let array = cast(&array, &types::canonical(array.data_type()))?;
            for (i, state) in found.iter_mut().enumerate() {
                *state = value(&array, i, *state, self.long)?;
            }
        }
        let result: ArrayRef = if self.long {
            Arc::new(Int64Array::from(found))
        } else {
            Arc::new(found.into_iter().map(|h| Some(low(h))).collect::<Int32Array>())
        };
        if constant {
            return ScalarValue::try_from_array(&result, 0).map(ColumnarValue::Scalar);
        }
        Ok(ColumnarValue::Array(result))
    }
}

fn holds_map(t: &DataType) -> bool {
    match t {
        DataType::Map(..) => true,
        DataType::List(field) => holds_map(field.data_type()),
        DataType::Struct(fields) => fields.iter().any(|f| holds_map(f.data_type())),
        _ => false,
    }
}

fn low(value: i64) -> i32 {
    (value & 0xffff_ffff) as u32 as i32
}

/// Adds a value to the state; NULL leaves it.
fn value(array: &ArrayRef, i: usize, state: i64, long: bool) -> Result<i64> {
    if array.is_null(i) {
        return Ok(state);
    }
    let int = |v: i32| if long { xx::int(v, state) } else { murmur::int(v, low(state)).into() };
    let wide = |v: i64| if long { xx::long(v, state) } else { murmur::long(v, low(state)).into() };
    let bytes = |v: &[u8]| if long { xx::bytes(v, state) } else { murmur::bytes(v, low(state)).into() };
    Ok(match array.data_type() {
        DataType::Null => state,
        DataType::Boolean => int(array.as_boolean().value(i).into()),
        DataType::Int8 => int(array.as_primitive::<Int8Type>().value(i).into()),
        DataType::Int16 => int(array.as_primitive::<Int16Type>().value(i).into()),
        DataType::Int32 => int(array.as_primitive::<Int32Type>().value(i)),
        DataType::Int64 => wide(array.as_primitive::<Int64Type>().value(i)),
        DataType::Date32 => int(array.as_primitive::<Date32Type>().value(i)),
        DataType::Timestamp(..) => wide(array.as_primitive::<TimestampMicrosecondType>().value(i)),
        // Both zeros are one value, and so is everything that is no number.
        DataType::Float32 => {
            let v = array.as_primitive::<Float32Type>().value(i);
            int(if v == 0.0 {
                0
            } else if v.is_nan() {
                0x7fc0_0000
            } else {
                v.to_bits().cast_signed()
            })
        }
        DataType::Float64 => {
            let v = array.as_primitive::<Float64Type>().value(i);
            wide(if v == 0.0 {
                0
            } else if v.is_nan() {
                0x7ff8_0000_0000_0000
            } else {
                v.to_bits().cast_signed()
            })
        }
        DataType::Decimal128(precision, _) => {
            let v = array.as_primitive::<Decimal128Type>().value(i);
            if *precision <= 18 { wide(v as i64) } else { bytes(shortest(&v.to_be_bytes())) }
        }
        DataType::Utf8 => bytes(array.as_string::<i32>().value(i).as_bytes()),
        DataType::Binary => bytes(array.as_binary::<i32>().value(i)),
        DataType::List(_) => {
            let items = array.as_list::<i32>().value(i);
            (0..items.len()).try_fold(state, |state, n| value(&items, n, state, long))?
        }
        DataType::Struct(_) => {
            let columns = array.as_struct().columns();
            columns.iter().try_fold(state, |state, column| value(column, i, state, long))?
        }
        other => return Err(SqlError::unsupported(&format!("a hash of {}", types::shown(other))).into()),
    })
}

/// The fewest bytes of a number in two's complement that say it.
fn shortest(bytes: &[u8]) -> &[u8] {
    let mut rest = bytes;
    while let [first, second, ..] = rest
        && (*first == 0 && second & 0x80 == 0 || *first == 0xff && second & 0x80 != 0)
    {
        rest = &rest[1..];
    }
    rest
}

/// Murmur3 with 32 bits; the bytes after the last four are mixed one by one, each with its sign.
mod murmur {
    fn mix_value(k: i32) -> i32 {
        k.wrapping_mul(0xcc9e_2d51_u32.cast_signed()).rotate_left(15).wrapping_mul(0x1b87_3593)
    }

    fn mix(h: i32, k: i32) -> i32 {
        (h ^ mix_value(k)).rotate_left(13).wrapping_mul(5).wrapping_add(0xe654_6b64_u32.cast_signed())
    }

    fn finish(h: i32, length: i32) -> i32 {
        let mut h = (h ^ length).cast_unsigned();
        h ^= h >> 16;
        h = h.wrapping_mul(0x85eb_ca6b);
        h ^= h >> 13;
        h = h.wrapping_mul(0xc2b2_ae35);
        (h ^ (h >> 16)).cast_signed()
    }

    pub(super) fn int(value: i32, seed: i32) -> i32 {
        finish(mix(seed, value), 4)
    }

    pub(super) fn long(value: i64, seed: i32) -> i32 {
        finish(mix(mix(seed, super::low(value)), super::low(value >> 32)), 8)
    }

    pub(super) fn bytes(value: &[u8], seed: i32) -> i32 {
        let (words, rest) = value.as_chunks::<4>();
        let h = words.iter().fold(seed, |h, word| mix(h, i32::from_le_bytes(*word)));
        let h = rest.iter().fold(h, |h, byte| mix(h, byte.cast_signed().into()));
        finish(h, i32::try_from(value.len()).unwrap_or(i32::MAX))
    }
}

/// XXH64.
mod xx {
    const P1: u64 = 0x9E37_79B1_85EB_CA87;
    const P2: u64 = 0xC2B2_AE3D_27D4_EB4F;
    const P3: u64 = 0x1656_67B1_9E37_79F9;
    const P4: u64 = 0x85EB_CA77_C2B2_AE63;
    const P5: u64 = 0x27D4_EB2F_1656_67C5;

    fn finish(mut h: u64) -> i64 {
        h ^= h >> 33;
        h = h.wrapping_mul(P2);
        h ^= h >> 29;
        h = h.wrapping_mul(P3);
        (h ^ (h >> 32)).cast_signed()
    }

    fn round(state: u64, word: u64) -> u64 {
        state.wrapping_add(word.wrapping_mul(P2)).rotate_left(31).wrapping_mul(P1)
    }

    fn eight(h: u64, word: u64) -> u64 {
        (h ^ round(0, word)).rotate_left(27).wrapping_mul(P1).wrapping_add(P4)
    }

    fn four(h: u64, word: u32) -> u64 {
        (h ^ u64::from(word).wrapping_mul(P1)).rotate_left(23).wrapping_mul(P2).wrapping_add(P3)
    }

    pub(super) fn int(value: i32, seed: i64) -> i64 {
        finish(four(seed.cast_unsigned().wrapping_add(P5).wrapping_add(4), value.cast_unsigned()))
    }

    pub(super) fn long(value: i64, seed: i64) -> i64 {
        finish(eight(seed.cast_unsigned().wrapping_add(P5).wrapping_add(8), value.cast_unsigned()))
    }

    pub(super) fn bytes(value: &[u8], seed: i64) -> i64 {
        let seed = seed.cast_unsigned();
        let (blocks, tail) = value.as_chunks::<32>();
        let mut h = if blocks.is_empty() {
            seed.wrapping_add(P5)
        } else {
            let mut lanes =
                [seed.wrapping_add(P1).wrapping_add(P2), seed.wrapping_add(P2), seed, seed.wrapping_sub(P1)];
            for block in blocks {
                for (lane, word) in lanes.iter_mut().zip(block.as_chunks::<8>().0) {
                    *lane = round(*lane, u64::from_le_bytes(*word));
                }
            }
            let [a, b, c, d] = lanes;
            let h = a.rotate_left(1).wrapping_add(b.rotate_left(7)).wrapping_add(c.rotate_left(12));
            let h = h.wrapping_add(d.rotate_left(18));
            lanes.iter().fold(h, |h, lane| (h ^ round(0, *lane)).wrapping_mul(P1).wrapping_add(P4))
        };
        h = h.wrapping_add(value.len() as u64);
        let (words, tail) = tail.as_chunks::<8>();
        h = words.iter().fold(h, |h, word| eight(h, u64::from_le_bytes(*word)));
        let (words, tail) = tail.as_chunks::<4>();
        h = words.iter().fold(h, |h, word| four(h, u32::from_le_bytes(*word)));
        for byte in tail {
            h = (h ^ u64::from(*byte).wrapping_mul(P5)).rotate_left(11).wrapping_mul(P1);
        }
        finish(h)
    }
}
