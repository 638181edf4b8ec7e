//! Parts of values: `xs[0]`, `m['key']`, `s.field`, and `xs.field` for arrays of structs.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, ListArray, MapArray, StructArray, UInt32Array, make_comparator};
use datafusion::arrow::compute::{SortOptions, cast, take};
use datafusion::arrow::datatypes::{DataType, Field, FieldRef, Int64Type};
use datafusion::common::{Result, ScalarValue, exec_err};
use datafusion::logical_expr::{
    ColumnarValue, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};

use crate::local::engine::catalog::quoted;
use crate::local::engine::error::SqlError;
use crate::local::engine::types;

/// `value[key]`
pub(super) fn subscript() -> Arc<ScalarUDF> {
    Arc::new(ScalarUDF::new_from_impl(Subscript { signature: Signature::user_defined(Volatility::Immutable) }))
}

/// `value.field`
pub(in crate::local::engine) fn field_of() -> Arc<ScalarUDF> {
    Arc::new(ScalarUDF::new_from_impl(FieldOf { signature: Signature::any(2, Volatility::Immutable) }))
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Subscript {
    signature: Signature,
}

fn wrong(found: &DataType, wanted: &str) -> SqlError {
    SqlError::new(
        "DATATYPE_MISMATCH.UNEXPECTED_INPUT_TYPE",
        "42K09",
        format!("A subscript requires the \"{wanted}\" type, but has {}.", types::shown(found)),
    )
}

impl ScalarUDFImpl for Subscript {
    fn name(&self) -> &str {
        "subscript"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, given: &[DataType]) -> Result<Vec<DataType>> {
        let [value, key] = given else { return exec_err!("a subscript has two sides") };
        let value = types::canonical(value);
        let key = match &value {
            DataType::List(_) if types::is_integer(key) || *key == DataType::Null => DataType::Int64,
            DataType::List(_) => return Err(wrong(key, "INTEGRAL").into()),
            DataType::Map(entries, _) => match entries.data_type() {
                DataType::Struct(parts) => types::canonical(parts[0].data_type()),
                _ => return Err(base(&value).into()),
            },
            DataType::Null => key.clone(),
            _ => return Err(base(&value).into()),
        };
        Ok(vec![value, key])
    }

    fn return_type(&self, args: &[DataType]) -> Result<DataType> {
        Ok(match &args[0] {
            DataType::List(item) => item.data_type().clone(),
            DataType::Map(entries, _) => match entries.data_type() {
                DataType::Struct(parts) => parts[1].data_type().clone(),
                _ => return Err(base(&args[0]).into()),
            },
            _ => DataType::Null,
        })
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let arrays = ColumnarValue::values_to_arrays(&args.args)?;
        let found = match arrays[0].data_type() {
            DataType::List(_) => item_at(arrays[0].as_list(), &arrays[1])?,
            DataType::Map(..) => value_of(arrays[0].as_map(), &arrays[1])?,
            _ => return Ok(ColumnarValue::Scalar(ScalarValue::Null)),
        };
        Ok(ColumnarValue::Array(found))
    }
}

fn item_at(list: &ListArray, keys: &ArrayRef) -> Result<ArrayRef> {
    let keys = cast(keys, &DataType::Int64)?;
    let keys = keys.as_primitive::<Int64Type>();
    let mut index = Vec::with_capacity(list.len());
    for row in 0..list.len() {
        if list.is_null(row) || keys.is_null(row) {
            index.push(None);
            continue;
        }
        let (start, length) = (list.value_offsets()[row], i64::from(list.value_length(row)));
        let key = keys.value(row);
        if !(0..length).contains(&key) {
            return Err(SqlError::new(
                "INVALID_ARRAY_INDEX",
                "22003",
                format!(
                    "The index {key} is out of bounds. The array has {length} elements. Use the SQL function `get()` \
                     to tolerate accessing element at invalid index and return NULL instead."
                ),
            )
            .into());
        }
        index.push(u32::try_from(i64::from(start) + key).ok());
    }
    Ok(take(list.values(), &UInt32Array::from(index), None)?)
}

fn value_of(map: &MapArray, keys: &ArrayRef) -> Result<ArrayRef> {
    let keys = cast(keys, map.keys().data_type())?;
    let same = make_comparator(map.keys(), &keys, SortOptions::default())?;
    let index: UInt32Array = (0..map.len())
        .map(|row| {
            if map.is_null(row) || keys.is_null(row) {
                return None;
            }
            let (start, end) = (map.value_offsets()[row], map.value_offsets()[row + 1]);
            (start..end)
                .find(|i| usize::try_from(*i).is_ok_and(|i| same(i, row).is_eq()))
                .and_then(|i| u32::try_from(i).ok())
        })
        .collect();
    Ok(take(map.values(), &index, None)?)
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct FieldOf {
    signature: Signature,
}

fn base(found: &DataType) -> SqlError {
    SqlError::new(
        "INVALID_EXTRACT_BASE_FIELD_TYPE",
        "42000",
        format!(
            "Can't extract a value from a value of the type {}. Need a complex type [STRUCT, ARRAY, MAP].",
            types::shown(found)
        ),
    )
}

/// The position and the field of a struct that has this name in any case.
fn find<'a>(fields: &'a datafusion::arrow::datatypes::Fields, name: &str) -> Result<(usize, &'a FieldRef)> {
    fields.iter().enumerate().find(|(_, field)| field.name().eq_ignore_ascii_case(name) || field.name().to_lowercase() == name.to_lowercase()).ok_or_else(|| {
        let known: Vec<_> = fields.iter().map(|field| quoted(&[field.name()])).collect();
        SqlError::new(
            "FIELD_NOT_FOUND",
            "42704",
            format!("No such struct field {} in {}.", quoted(&[name]), known.join(", ")),
        )
        .into()
    })
}

fn name_in(args: &ReturnFieldArgs<'_>) -> Option<String> {
    match args.scalar_arguments.get(1)? {
        Some(ScalarValue::Utf8(Some(name)) | ScalarValue::LargeUtf8(Some(name)) | ScalarValue::Utf8View(Some(name))) => Some(name.clone()),
        _ => None,
    }
}

impl ScalarUDFImpl for FieldOf {
    fn name(&self) -> &str {
        "field_of"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _args: &[DataType]) -> Result<DataType> {
        exec_err!("the type of a field depends on its name")
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs) -> Result<FieldRef> {
        let Some(name) = name_in(&args) else { return exec_err!("a field has a name") };
        let found = match args.arg_fields[0].data_type() {
            DataType::Struct(fields) => find(fields, &name)?.1.data_type().clone(),
            DataType::List(item) => match item.data_type() {
                DataType::Struct(fields) => DataType::List(Arc::new(Field::new("element", find(fields, &name)?.1.data_type().clone(), true))),
                _ => return Err(base(args.arg_fields[0].data_type()).into()),
            },
            DataType::Map(entries, _) => match entries.data_type() {
                DataType::Struct(parts) if types::is_string(parts[0].data_type()) => parts[1].data_type().clone(),
                _ => return Err(base(args.arg_fields[0].data_type()).into()),
            },
            other => return Err(base(other).into()),
        };
        Ok(Arc::new(Field::new(name, found, true)))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let ColumnarValue::Scalar(name) = &args.args[1] else { return exec_err!("a field has a name") };
        let name = name.try_as_str().flatten().unwrap_or_default().to_owned();
        let arrays = ColumnarValue::values_to_arrays(&args.args)?;
        let found: ArrayRef = match arrays[0].data_type() {
            DataType::Struct(fields) => part(arrays[0].as_struct(), find(fields, &name)?.0)?,
            DataType::List(_) => {
                let list: &ListArray = arrays[0].as_list();
                let structs = list.values().as_struct();
                let values = part(structs, find(structs.fields(), &name)?.0)?;
                let item = Arc::new(Field::new("element", values.data_type().clone(), true));
                Arc::new(ListArray::try_new(item, list.offsets().clone(), values, list.nulls().cloned())?)
            }
            DataType::Map(..) => value_of(arrays[0].as_map(), &arrays[1])?,
            other => return Err(base(other).into()),
        };
        Ok(ColumnarValue::Array(found))
    }
}

/// A field's values; NULL where the struct is.
fn part(structs: &StructArray, i: usize) -> Result<ArrayRef> {
    let column = structs.column(i);
    Ok(match structs.nulls() {
        Some(nulls) if nulls.null_count() > 0 => {
            let index: UInt32Array =
                (0..column.len()).map(|row| nulls.is_valid(row).then(|| u32::try_from(row).unwrap_or(0))).collect();
            take(column, &index, None)?
        }
        _ => column.clone(),
    })
}
