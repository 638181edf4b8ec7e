//! Gathering the rows of a group, as partial results and over sliding windows too.

use std::collections::{HashSet, VecDeque};
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, UInt64Array, new_empty_array};
use datafusion::arrow::compute::concat;
use datafusion::arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::arrow::row::{RowConverter, SortField};
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::{Accumulator, AggregateUDF, AggregateUDFImpl, Signature, Volatility};

use super::super::nested::{list_of, normalized};
use super::super::percentile::one_list;
use super::{Group, rows};
use crate::local::engine::types;

/// From so many rows on, those are dropped that the result does not depend on.
const MANY: usize = 4096;

/// Makes an aggregate that the planner can use.
pub(super) fn udaf(group: Group) -> Arc<AggregateUDF> {
    let signature = Signature::user_defined(Volatility::Immutable);
    Arc::new(AggregateUDF::new_from_impl(Gathering { group, signature }))
}

struct Gathering {
    group: Group,
    signature: Signature,
}

impl fmt::Debug for Gathering {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.group.name)
    }
}

impl PartialEq for Gathering {
    fn eq(&self, other: &Self) -> bool {
        self.group.name == other.group.name
    }
}

impl Eq for Gathering {}

impl Hash for Gathering {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.group.name.hash(state);
    }
}

impl Gathering {
    fn gathered(&self, args: &AccumulatorArgs, slides: bool) -> Gathered {
        Gathered {
            group: self.group,
            types: args.expr_fields.iter().map(|field| field.data_type().clone()).collect(),
            result: args.return_field.data_type().clone(),
            distinct: args.is_distinct,
            slides,
            pieces: VecDeque::new(),
            count: 0,
        }
    }
}

impl AggregateUDFImpl for Gathering {
    fn name(&self) -> &str {
        self.group.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, given: &[DataType]) -> Result<Vec<DataType>> {
        let given: Vec<_> = given.iter().map(types::nullable).collect();
        Ok((self.group.coerce)(&given)?)
    }

    fn return_type(&self, given: &[DataType]) -> Result<DataType> {
        Ok((self.group.returns)(given))
    }

    fn state_fields(&self, args: StateFieldsArgs) -> Result<Vec<FieldRef>> {
        let field = |(i, field): (usize, &FieldRef)| {
            Arc::new(Field::new(format!("{}[{i}]", args.name), list_of(field.data_type()), true))
        };
        Ok(args.input_fields.iter().enumerate().map(field).collect())
    }

    fn accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        Ok(Box::new(self.gathered(&args, false)))
    }

    fn create_sliding_accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        Ok(Box::new(self.gathered(&args, true)))
    }
}

/// The rows of one group.
struct Gathered {
    group: Group,
    types: Vec<DataType>,
    result: DataType,
    distinct: bool,
    /// Whether rows leave at the front again, so that none may be dropped.
    slides: bool,
    pieces: VecDeque<Vec<ArrayRef>>,
    /// How many rows there are.
    count: usize,
}

impl fmt::Debug for Gathered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {} rows", self.group.name, self.count)
    }
}

impl Gathered {
    fn push(&mut self, columns: Vec<ArrayRef>) -> Result<()> {
        let count = columns.first().map_or(0, |column| column.len());
        if count == 0 {
            return Ok(());
        }
        self.count += count;
        self.pieces.push_back(columns);
        if let (Some(reduce), false, true) = (self.group.reduce, self.slides || self.distinct, self.count > MANY) {
            let all = self.joined()?;
            let kept = rows(&all, &reduce(&all)?)?;
            self.count = kept.first().map_or(0, |column| column.len());
            self.pieces = VecDeque::from([kept]);
        }
        Ok(())
    }

    /// All rows, in as many columns as there are arguments.
    fn joined(&self) -> Result<Vec<ArrayRef>> {
        (0..self.types.len())
            .map(|i| {
                let pieces: Vec<&dyn Array> = self.pieces.iter().map(|piece| piece[i].as_ref()).collect();
                if pieces.is_empty() { Ok(new_empty_array(&self.types[i])) } else { Ok(concat(&pieces)?) }
            })
            .collect()
    }
}

/// The first row of each that differ.
fn distinct(columns: &[ArrayRef]) -> Result<UInt64Array> {
    let columns = columns.iter().map(normalized).collect::<Result<Vec<_>>>()?;
    let fields = columns.iter().map(|column| SortField::new(column.data_type().clone())).collect();
    let keys = RowConverter::new(fields)?.convert_columns(&columns)?;
    let mut seen = HashSet::new();
    Ok((0..keys.num_rows()).filter(|i| seen.insert(keys.row(*i))).map(|i| i as u64).collect())
}

impl Accumulator for Gathered {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        self.push(values.to_vec())
    }

    fn retract_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        let mut leaving = values.first().map_or(0, |column| column.len());
        self.count -= leaving.min(self.count);
        while leaving > 0 {
            let Some(piece) = self.pieces.front_mut() else { break };
            let len = piece[0].len();
            if len <= leaving {
                leaving -= len;
                self.pieces.pop_front();
            } else {
                piece.iter_mut().for_each(|column| *column = column.slice(leaving, len - leaving));
                leaving = 0;
            }
        }
        Ok(())
    }

    fn supports_retract_batch(&self) -> bool {
        true
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        let mut all = self.joined()?;
        if self.distinct {
            all = rows(&all, &distinct(&all)?)?;
        }
        ScalarValue::try_from_array(&(self.group.finish)(&all, &self.result)?, 0)
    }

    fn size(&self) -> usize {
        let memory = |piece: &Vec<ArrayRef>| piece.iter().map(|column| column.get_array_memory_size()).sum::<usize>();
        size_of_val(self) + self.pieces.iter().map(memory).sum::<usize>()
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        let all = self.joined()?;
        all.into_iter().map(|column| Ok(ScalarValue::List(Arc::new(one_list(column)?)))).collect()
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        for i in 0..states.first().map_or(0, |state| state.len()) {
            self.push(states.iter().map(|state| state.as_list::<i32>().value(i)).collect())?;
        }
        Ok(())
    }
}
