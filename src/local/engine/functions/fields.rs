//! Fields of structs: `a.b`, on an array of structs the fields of all of them, on a map the value beside a key.

use std::sync::Arc;

use datafusion::arrow::array::BooleanArray;
use datafusion::arrow::array::{Array, ArrayRef, AsArray, ListArray, StringArray, StructArray};
use datafusion::arrow::compute::nullif;
use datafusion::arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::{
    ColumnarValue, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};

use super::nested::{element_field, entry_of, item_of, list_of};
use crate::local::engine::catalog::quoted;
use crate::local::engine::error::SqlError;
use crate::local::engine::intervals::Span;
use crate::local::engine::types;

/// The function: a value, and the name of a field of it.
pub(in crate::local::engine) fn field() -> Arc<ScalarUDF> {
    Arc::new(ScalarUDF::new_from_impl(GetField { signature: Signature::user_defined(Volatility::Immutable) }))
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct GetField {
    signature: Signature,
}

impl ScalarUDFImpl for GetField {
    fn name(&self) -> &str {
        "get_field"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, given: &[DataType]) -> Result<Vec<DataType>> {
        Ok(given.iter().map(types::canonical).collect())
    }

    fn return_type(&self, _given: &[DataType]) -> Result<DataType> {
        Err(SqlError::internal("the type of a field follows from its name").into())
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs) -> Result<FieldRef> {
        let name = match args.scalar_arguments.get(1) {
            Some(Some(ScalarValue::Utf8(Some(name)))) => name,
            _ => return Err(SqlError::unsupported("a field of a struct by a computed name").into()),
        };
        let data_type = type_of(args.arg_fields[0].data_type(), name)?;
        Ok(Arc::new(Field::new("", data_type, true)))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let [value, ColumnarValue::Scalar(ScalarValue::Utf8(Some(name)))] = args.args.as_slice() else {
            return Err(SqlError::unsupported("a field of a struct by a computed name").into());
        };
        match value {
            ColumnarValue::Array(array) => part(array, name).map(ColumnarValue::Array),
            ColumnarValue::Scalar(scalar) => {
                ScalarValue::try_from_array(&part(&scalar.to_array()?, name)?, 0).map(ColumnarValue::Scalar)
            }
        }
    }
}

/// The function: an array of structs, and other names for all their fields.
pub(in crate::local::engine) fn renamed() -> Arc<ScalarUDF> {
    Arc::new(ScalarUDF::new_from_impl(RenameFields { signature: Signature::user_defined(Volatility::Immutable) }))
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct RenameFields {
    signature: Signature,
}

impl ScalarUDFImpl for RenameFields {
    fn name(&self) -> &str {
        "rename_fields"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, given: &[DataType]) -> Result<Vec<DataType>> {
        Ok(given.to_vec())
    }

    fn return_type(&self, _given: &[DataType]) -> Result<DataType> {
        Err(SqlError::internal("the type follows from the names").into())
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs) -> Result<FieldRef> {
        let mut names = Vec::new();
        for name in args.scalar_arguments.iter().skip(1) {
            match name {
                Some(ScalarValue::Utf8(Some(name))) => names.push(name.clone()),
                _ => return Err(SqlError::internal("the names of fields are not constant").into()),
            }
        }
        let DataType::Struct(fields) = item_of(args.arg_fields[0].data_type()) else {
            return Err(SqlError::internal("an array of structs was expected").into());
        };
        let fields: Vec<_> =
            fields.iter().zip(names).map(|(field, name)| field.as_ref().clone().with_name(name)).collect();
        Ok(Arc::new(Field::new("", list_of(&DataType::Struct(fields.into())), true)))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let rows = args.number_rows;
        let array = args.args[0].to_array(rows)?;
        let lists = array.as_list::<i32>();
        let item = item_of(args.return_field.data_type());
        let DataType::Struct(fields) = &item else {
            return Err(SqlError::internal("an array of structs was expected").into());
        };
        let (_, columns, nulls) = lists.values().as_struct().clone().into_parts();
        let items = StructArray::try_new_with_length(fields.clone(), columns, nulls, lists.values().len())?;
        let lists =
            ListArray::try_new(element_field(&item), lists.offsets().clone(), Arc::new(items), lists.nulls().cloned())?;
        Ok(ColumnarValue::Array(Arc::new(lists)))
    }
}

fn type_of(base: &DataType, name: &str) -> Result<DataType, SqlError> {
    match base {
        DataType::Struct(fields) if Span::of(base).is_none() => Ok(fields[place(base, name)?].data_type().clone()),
        DataType::List(item) if matches!(item.data_type(), DataType::Struct(_)) => {
            Ok(list_of(&type_of(item.data_type(), name)?))
        }
        DataType::Map(..) => Ok(entry_of(base).1),
        DataType::Null => Ok(DataType::Null),
        other => Err(SqlError::new(
            "INVALID_EXTRACT_BASE_FIELD_TYPE",
            "42000",
            format!("Can't extract a value from an expression. Need a complex type but got {}.", types::shown(other)),
        )),
    }
}

/// Which field of a struct has the name, in any case.
pub(in crate::local::engine) fn place(base: &DataType, name: &str) -> Result<usize, SqlError> {
    let DataType::Struct(fields) = base else { return Err(SqlError::internal("a struct was expected")) };
    let mut found = fields.iter().enumerate().filter(|(_, field)| field.name().eq_ignore_ascii_case(name));
    match (found.next(), found.next()) {
        (Some((i, _)), None) => Ok(i),
        (Some(_), Some(_)) => Err(SqlError::new(
            "AMBIGUOUS_REFERENCE_TO_FIELDS",
            "42000",
            format!("Ambiguous reference to the field {}. It appears more than once.", quoted(&[name])),
        )),
        _ => {
            let known: Vec<_> = fields.iter().map(|field| quoted(&[field.name()])).collect();
            Err(SqlError::new(
                "FIELD_NOT_FOUND",
                "42704",
                format!("No such struct field {} in {}.", quoted(&[name]), known.join(", ")),
            ))
        }
    }
}

fn part(array: &ArrayRef, name: &str) -> Result<ArrayRef> {
    match array.data_type() {
        DataType::Struct(_) => {
            let all = array.as_struct();
            let column = Arc::clone(all.column(place(array.data_type(), name)?));
            match all.nulls() {
                // A field of nothing is nothing.
                Some(nulls) => Ok(nullif(&column, &BooleanArray::new(!nulls.inner(), None))?),
                None => Ok(column),
            }
        }
        DataType::List(_) => {
            let list = array.as_list::<i32>();
            let values = part(list.values(), name)?;
            let field = element_field(&item_of(&list_of(values.data_type())));
            Ok(Arc::new(ListArray::try_new(field, list.offsets().clone(), values, list.nulls().cloned())?))
        }
        DataType::Map(..) => {
            let key: ArrayRef = Arc::new(StringArray::from(vec![name; array.len()]));
            let wanted = entry_of(array.data_type()).0;
            let key = if wanted == DataType::Utf8 { key } else { super::cast::convert(&key, &wanted, false)? };
            super::arrays::value_of_key(&[Arc::clone(array), key])
        }
        _ => Ok(Arc::clone(array)),
    }
}
