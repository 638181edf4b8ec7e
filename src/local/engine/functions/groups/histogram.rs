//! `histogram_numeric(x, n)`: at most `n` bars that stand where the values lie close together.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, Float64Array, StructArray, new_null_array};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Field, Float64Type, Int32Type};
use datafusion::common::Result;

use super::super::cast::convert;
use super::super::nested::{item_of, list_of, unexpected};
use super::super::percentile::one_list;
use super::Group;
use crate::local::engine::error::SqlError;

pub(super) const FUNCTIONS: &[Group] = &[Group {
    name: "histogram_numeric",
    coerce: |given| {
        if !given[0].is_numeric() && given[0] != DataType::Null {
            return Err(unexpected("histogram_numeric", "first", "NUMERIC", &given[0]));
        }
        Ok(vec![given[0].clone(), DataType::Int32])
    },
    returns: |given| {
        let fields = vec![Field::new("x", given[0].clone(), true), Field::new("y", DataType::Float64, true)];
        list_of(&DataType::Struct(fields.into()))
    },
    finish: histogram,
    reduce: None,
}];

/// A place and how much stands there.
type Bar = (f64, f64);

fn histogram(all: &[ArrayRef], result: &DataType) -> Result<ArrayRef> {
    let values = cast(&all[0], &DataType::Float64)?;
    let most = if all[1].is_empty() { 2 } else { all[1].as_primitive::<Int32Type>().value(0) };
    let Some(most) = usize::try_from(most).ok().filter(|most| *most >= 2) else {
        return Err(SqlError::new(
            "DATATYPE_MISMATCH.VALUE_OUT_OF_RANGE",
            "42K09",
            format!("The number of bars of histogram_numeric must be 2 or more, but is {most}."),
        )
        .into());
    };
    let mut bars: Vec<Bar> = Vec::new();
    let mut dice = Dice::new(31183);
    for value in values.as_primitive::<Float64Type>().iter().flatten() {
        match bars.binary_search_by(|bar| bar.0.total_cmp(&value)) {
            Ok(i) => bars[i].1 += 1.0,
            Err(i) => bars.insert(i, (value, 1.0)),
        }
        if bars.len() > most {
            merge_closest(&mut bars, &mut dice);
        }
    }
    if bars.is_empty() {
        return Ok(new_null_array(result, 1));
    }
    let places: ArrayRef = Arc::new(bars.iter().map(|bar| Some(bar.0)).collect::<Float64Array>());
    let heights: ArrayRef = Arc::new(bars.iter().map(|bar| Some(bar.1)).collect::<Float64Array>());
    let DataType::Struct(fields) = item_of(result) else {
        return Err(SqlError::internal("a struct was expected").into());
    };
    let places = match fields[0].data_type() {
        DataType::Float64 => places,
        other => convert(&places, other, false)?,
    };
    Ok(Arc::new(one_list(Arc::new(StructArray::try_new(fields, vec![places, heights], None)?))?))
}

/// Makes one of the two bars that stand closest; of several such pairs a random one, the same each time.
fn merge_closest(bars: &mut Vec<Bar>, dice: &mut Dice) {
    let (mut closest, mut at, mut equal) = (bars[1].0 - bars[0].0, 0, 1);
    for i in 1..bars.len() - 1 {
        let distance = bars[i + 1].0 - bars[i].0;
        if distance < closest {
            (closest, at, equal) = (distance, i, 1);
        } else if distance == closest {
            equal += 1;
            if dice.next() <= 1.0 / f64::from(equal) {
                at = i;
            }
        }
    }
    let (a, b) = (bars[at], bars.remove(at + 1));
    let height = a.1 + b.1;
    bars[at] = (a.0 * (a.1 / height) + b.0 / height * b.1, height);
}

/// Java's random numbers.
struct Dice {
    seed: i64,
}

impl Dice {
    const MULTIPLIER: i64 = 0x5_DEEC_E66D;
    const MASK: i64 = (1 << 48) - 1;

    fn new(seed: i64) -> Self {
        Self { seed: (seed ^ Self::MULTIPLIER) & Self::MASK }
    }

    fn bits(&mut self, count: u32) -> i64 {
        self.seed = (self.seed.wrapping_mul(Self::MULTIPLIER).wrapping_add(0xB)) & Self::MASK;
        self.seed >> (48 - count)
    }

    /// From 0 to 1.
    fn next(&mut self) -> f64 {
        let high = self.bits(26) << 27;
        (high + self.bits(27)) as f64 / (1_i64 << 53) as f64
    }
}
