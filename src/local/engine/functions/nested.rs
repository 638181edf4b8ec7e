//! What functions on arrays and maps have in common: a description of each in a few lines, comparison as Spark
//! compares, and results that are put together from elements of the arguments.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, Float32Array, Float64Array, ListArray, MapArray, StructArray, make_array, new_null_array,
};
use datafusion::arrow::buffer::{NullBuffer, OffsetBuffer};
use datafusion::arrow::compute::interleave;
use datafusion::arrow::datatypes::{DataType, Field, FieldRef, Fields, Float32Type, Float64Type};
use datafusion::arrow::row::{RowConverter, Rows, SortField};
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility};

use crate::local::engine::error::SqlError;
use crate::local::engine::types;

/// A function whose types follow from those of its arguments. The number of arguments is the catalogue's business.
#[derive(Clone, Copy)]
pub(super) struct Nested {
    /// The name, in lower case.
    pub(super) name: &'static str,
    /// The types to which arguments of these types are converted.
    pub(super) coerce: fn(&[DataType]) -> Result<Vec<DataType>, SqlError>,
    /// The type of the result.
    pub(super) returns: fn(&[DataType]) -> DataType,
    /// Computes a batch of this type.
    pub(super) eval: fn(&[ArrayRef], &DataType) -> Result<ArrayRef>,
}

/// Makes a function that the planner can use.
pub(super) fn udf(function: Nested) -> (&'static str, Arc<ScalarUDF>) {
    let signature = Signature::user_defined(Volatility::Immutable);
    (function.name, Arc::new(ScalarUDF::new_from_impl(NestedUdf { function, signature })))
}

struct NestedUdf {
    function: Nested,
    signature: Signature,
}

impl fmt::Debug for NestedUdf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.function.name)
    }
}

impl PartialEq for NestedUdf {
    fn eq(&self, other: &Self) -> bool {
        self.function.name == other.function.name
    }
}

impl Eq for NestedUdf {}

impl Hash for NestedUdf {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.function.name.hash(state);
    }
}

impl ScalarUDFImpl for NestedUdf {
    fn name(&self) -> &str {
        self.function.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, given: &[DataType]) -> Result<Vec<DataType>> {
        let given: Vec<_> = given.iter().map(types::nullable).collect();
        Ok((self.function.coerce)(&given)?)
    }

    fn return_type(&self, given: &[DataType]) -> Result<DataType> {
        Ok((self.function.returns)(given))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let constant = args.args.iter().all(|arg| matches!(arg, ColumnarValue::Scalar(_)));
        let rows = if constant { 1 } else { args.number_rows };
        let arrays = args.args.iter().map(|arg| arg.to_array(rows)).collect::<Result<Vec<_>>>()?;
        let result = (self.function.eval)(&arrays, args.return_field.data_type())?;
        if constant && result.len() == 1 {
            return ScalarValue::try_from_array(&result, 0).map(ColumnarValue::Scalar);
        }
        Ok(ColumnarValue::Array(result))
    }
}

/// The field of an array's elements.
pub(super) fn element_field(item: &DataType) -> FieldRef {
    Arc::new(Field::new("element", item.clone(), true))
}

/// An array of such elements.
pub(super) fn list_of(item: &DataType) -> DataType {
    DataType::List(element_field(item))
}

/// The type of an array's elements.
pub(super) fn item_of(list: &DataType) -> DataType {
    match list {
        DataType::List(field) => field.data_type().clone(),
        _ => DataType::Null,
    }
}

/// A map of such keys and values.
pub(super) fn map_of(key: &DataType, value: &DataType) -> DataType {
    let fields = Fields::from(vec![Field::new("key", key.clone(), false), Field::new("value", value.clone(), true)]);
    DataType::Map(Arc::new(Field::new("key_value", DataType::Struct(fields), false)), false)
}

/// The types of a map's keys and values.
pub(super) fn entry_of(map: &DataType) -> (DataType, DataType) {
    match map {
        DataType::Map(entries, _) => match entries.data_type() {
            DataType::Struct(fields) if fields.len() == 2 => {
                (fields[0].data_type().clone(), fields[1].data_type().clone())
            }
            _ => (DataType::Null, DataType::Null),
        },
        _ => (DataType::Null, DataType::Null),
    }
}

/// An argument that is of another type than the function takes.
pub(super) fn unexpected(name: &str, place: &str, wanted: &str, given: &DataType) -> SqlError {
    SqlError::new(
        "DATATYPE_MISMATCH.UNEXPECTED_INPUT_TYPE",
        "42K09",
        format!(
            "Cannot resolve \"{name}\" due to data type mismatch: The {place} parameter requires the \"{wanted}\" \
             type, however it has the type {}.",
            types::shown(given)
        ),
    )
}

/// Arguments whose types do not go together, under the condition that Spark has for the case.
pub(super) fn mismatch(condition: &str, name: &str, given: &[DataType]) -> SqlError {
    let given: Vec<_> = given.iter().map(types::shown).collect();
    SqlError::new(
        format!("DATATYPE_MISMATCH.{condition}"),
        "42K09",
        format!(
            "Cannot resolve \"{name}\" due to data type mismatch: the types of the arguments do not go together: {}.",
            given.join(", ")
        ),
    )
}

/// The argument as an array; a bare NULL is an array of nothing.
pub(super) fn as_list(name: &str, place: &str, given: &DataType) -> Result<DataType, SqlError> {
    match given {
        DataType::List(_) => Ok(given.clone()),
        DataType::Null => Ok(list_of(&DataType::Null)),
        other => Err(unexpected(name, place, "ARRAY", other)),
    }
}

/// Keys of values that compare as bytes in the way that Spark compares values: NULL first, then by value, arrays and
/// structs by their parts from the left, NaN as the greatest number and equal to itself, -0.0 equal to 0.0.
pub(super) fn keys(arrays: &[&ArrayRef]) -> Result<Vec<Rows>> {
    let Some(first) = arrays.first() else { return Ok(Vec::new()) };
    let converter = RowConverter::new(vec![SortField::new(first.data_type().clone())])?;
    arrays.iter().map(|array| Ok(converter.convert_columns(&[normalized(array)?])?)).collect()
}

/// The same values, with one NaN and one zero.
pub(super) fn normalized(array: &ArrayRef) -> Result<ArrayRef> {
    Ok(match array.data_type() {
        DataType::Float64 => {
            let values: Float64Array =
                array.as_primitive::<Float64Type>().unary(|v| if v.is_nan() { f64::NAN } else { v + 0.0 });
            Arc::new(values)
        }
        DataType::Float32 => {
            let values: Float32Array =
                array.as_primitive::<Float32Type>().unary(|v| if v.is_nan() { f32::NAN } else { v + 0.0 });
            Arc::new(values)
        }
        data_type if data_type.is_nested() && has_floats(data_type) => {
            let data = array.to_data();
            let children = data
                .child_data()
                .iter()
                .map(|child| normalized(&make_array(child.clone())).map(|child| child.to_data()))
                .collect::<Result<Vec<_>>>()?;
            make_array(data.into_builder().child_data(children).build()?)
        }
        _ => Arc::clone(array),
    })
}

/// Whether floating point numbers are part of a type.
pub(in crate::local::engine) fn has_floats(data_type: &DataType) -> bool {
    match data_type {
        DataType::Float32 | DataType::Float64 => true,
        DataType::List(field) | DataType::Map(field, _) => has_floats(field.data_type()),
        DataType::Struct(fields) => fields.iter().any(|field| has_floats(field.data_type())),
        _ => false,
    }
}

/// Whether values of a type can be put in order: all but those with maps in them.
pub(super) fn orderable(data_type: &DataType) -> bool {
    match data_type {
        DataType::Map(..) => false,
        DataType::List(field) => orderable(field.data_type()),
        DataType::Struct(fields) => fields.iter().all(|field| orderable(field.data_type())),
        _ => true,
    }
}

/// Whether a row has a value.
pub(super) fn present(array: &ArrayRef, i: usize) -> bool {
    *array.data_type() != DataType::Null && array.is_valid(i)
}

/// The rows of an array column: where the elements of each lie among all of them.
pub(super) struct Lists<'a> {
    list: &'a ListArray,
}

impl<'a> Lists<'a> {
    /// The rows of a column of arrays.
    pub(super) fn of(array: &'a ArrayRef) -> Self {
        Self { list: array.as_list::<i32>() }
    }

    /// The elements of all rows.
    pub(super) fn values(&self) -> &'a ArrayRef {
        self.list.values()
    }

    /// Where the elements of a row lie; none: it is NULL.
    pub(super) fn row(&self, i: usize) -> Option<std::ops::Range<usize>> {
        if self.list.is_null(i) {
            return None;
        }
        let offsets = self.list.value_offsets();
        // Offsets are never negative.
        Some(usize::try_from(offsets[i]).unwrap_or(0)..usize::try_from(offsets[i + 1]).unwrap_or(0))
    }
}

/// Where the entries of a map lie among all of them; none: it is NULL.
pub(super) fn map_row(map: &MapArray, i: usize) -> Option<std::ops::Range<usize>> {
    if map.is_null(i) {
        return None;
    }
    let offsets = map.value_offsets();
    Some(usize::try_from(offsets[i]).unwrap_or(0)..usize::try_from(offsets[i + 1]).unwrap_or(0))
}

/// A column of arrays in the making, whose elements are picked from other columns.
#[derive(Default)]
pub(super) struct Picked {
    picks: Vec<(usize, usize)>,
    lengths: Vec<usize>,
    valid: Vec<bool>,
    begun: usize,
}

impl Picked {
    /// Adds an element of a source to the row that is being made.
    pub(super) fn pick(&mut self, source: usize, i: usize) {
        self.picks.push((source + 1, i));
    }

    /// Adds NULL to the row that is being made.
    pub(super) fn pick_null(&mut self) {
        self.picks.push((0, 0));
    }

    /// Ends the row that is being made.
    pub(super) fn end(&mut self) {
        self.lengths.push(self.picks.len() - self.begun);
        self.begun = self.picks.len();
        self.valid.push(true);
    }

    /// Makes the row NULL.
    pub(super) fn end_null(&mut self) {
        self.picks.truncate(self.begun);
        self.lengths.push(0);
        self.valid.push(false);
    }

    /// How many elements the row that is being made has.
    pub(super) fn len(&self) -> usize {
        self.picks.len() - self.begun
    }

    /// The picked elements, where each row's begin and end, and which rows are NULL.
    pub(super) fn parts(
        self,
        sources: &[ArrayRef],
        item: &DataType,
    ) -> Result<(ArrayRef, OffsetBuffer<i32>, NullBuffer)> {
        let total: usize = self.lengths.iter().sum();
        if i32::try_from(total).is_err() {
            return Err(too_long(total).into());
        }
        let null = new_null_array(item, 1);
        let mut all: Vec<&dyn Array> = vec![&null];
        all.extend(sources.iter().map(AsRef::as_ref));
        let values = interleave(&all, &self.picks)?;
        Ok((values, OffsetBuffer::from_lengths(self.lengths), NullBuffer::from(self.valid)))
    }

    /// The column of arrays of this type.
    pub(super) fn finish(self, sources: &[ArrayRef], list: &DataType) -> Result<ArrayRef> {
        let item = item_of(list);
        let (values, offsets, nulls) = self.parts(sources, &item)?;
        Ok(Arc::new(ListArray::try_new(element_field(&item), offsets, values, Some(nulls))?))
    }
}

/// An array that would hold more than an array can.
pub(super) fn too_long(count: usize) -> SqlError {
    SqlError::new(
        "COLLECTION_SIZE_LIMIT_EXCEEDED.FUNCTION",
        "54000",
        format!("Can't create array with {count} elements which exceeding the array size limit 2147483632."),
    )
}

/// A column of maps of this type from keys and values that lie side by side.
pub(super) fn maps(
    keys: ArrayRef,
    values: ArrayRef,
    offsets: OffsetBuffer<i32>,
    nulls: Option<NullBuffer>,
    map: &DataType,
) -> Result<ArrayRef> {
    let DataType::Map(entries, _) = map else { return Err(SqlError::internal("a map was expected").into()) };
    let DataType::Struct(fields) = entries.data_type() else {
        return Err(SqlError::internal("a map has entries").into());
    };
    let items = StructArray::try_new(fields.clone(), vec![keys, values], None)?;
    Ok(Arc::new(MapArray::try_new(Arc::clone(entries), offsets, items, nulls, false)?))
}
