//! What generators make of a row: an array of structs, one for each row that comes of it.

use std::sync::Arc;

use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, Int32Array, ListArray, MapArray, StringBuilder, StructArray, UInt32Array, new_null_array,
};
use datafusion::arrow::buffer::{NullBuffer, OffsetBuffer};
use datafusion::arrow::compute::{cast, interleave, take};
use datafusion::arrow::datatypes::{DataType, Field, Fields};
use datafusion::common::{Result, exec_err};
use datafusion::logical_expr::type_coercion::binary::type_union_coercion;
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility};

use crate::local::engine::error::SqlError;
use crate::local::engine::types;

/// Names that are generators: they make rows of a row.
const GENERATORS: &[&str] =
    &["explode", "explode_outer", "posexplode", "posexplode_outer", "inline", "inline_outer", "stack", "json_tuple"];

/// Whether a name in lower case is a generator's.
pub(in crate::local::engine) fn is_generator(name: &str) -> bool {
    GENERATORS.contains(&name)
}

/// A generator as a function from its arguments to an array of structs.
pub(in crate::local::engine) fn rows(kind: Kind) -> ScalarUDF {
    ScalarUDF::new_from_impl(Rows { kind, signature: Signature::user_defined(Volatility::Immutable) })
}

/// Which generator.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(in crate::local::engine) enum Kind {
    /// `explode`, or `posexplode` if positions are wanted.
    Explode { positions: bool },
    /// `inline`
    Inline,
    /// `stack` into so many rows.
    Stack(usize),
    /// `json_tuple`
    JsonTuple,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Explode { positions: false } => "explode",
            Self::Explode { positions: true } => "posexplode",
            Self::Inline => "inline",
            Self::Stack(_) => "stack",
            Self::JsonTuple => "json_tuple",
        }
    }

    /// The columns of the rows that it makes of such arguments.
    fn fields(self, args: &[DataType]) -> Result<Fields> {
        let field = |name: &str, data_type: &DataType| Field::new(name, data_type.clone(), true);
        Ok(match (self, args) {
            (Self::Explode { positions }, [arg]) => {
                let mut fields = Vec::new();
                if positions {
                    fields.push(field("pos", &DataType::Int32));
                }
                match arg {
                    DataType::List(item) => fields.push(field("col", item.data_type())),
                    DataType::Map(entries, _) => match entries.data_type() {
                        DataType::Struct(parts) if parts.len() == 2 => {
                            fields.push(field("key", parts[0].data_type()));
                            fields.push(field("value", parts[1].data_type()));
                        }
                        _ => return Err(self.unexpected(arg, "ARRAY\" or \"MAP")),
                    },
                    _ => return Err(self.unexpected(arg, "ARRAY\" or \"MAP")),
                }
                fields.into()
            }
            (Self::Inline, [DataType::List(item)]) => match item.data_type() {
                DataType::Struct(parts) => parts.iter().map(|part| field(part.name(), part.data_type())).collect(),
                _ => return Err(self.unexpected(&args[0], "ARRAY<STRUCT>")),
            },
            (Self::Inline, [arg]) => return Err(self.unexpected(arg, "ARRAY<STRUCT>")),
            (Self::Stack(n), args) => {
                let width = args.len().div_ceil(n);
                (0..width).map(|i| field(&format!("col{i}"), &args[i])).collect()
            }
            (Self::JsonTuple, [_, keys @ ..]) => {
                (0..keys.len()).map(|i| field(&format!("c{i}"), &DataType::Utf8)).collect()
            }
            _ => {
                return Err(SqlError::new(
                    "WRONG_NUM_ARGS.WITHOUT_SUGGESTION",
                    "42605",
                    format!("The `{}` was called with {} arguments.", self.name(), args.len()),
                )
                .into());
            }
        })
    }

    fn unexpected(self, arg: &DataType, wanted: &str) -> datafusion::common::DataFusionError {
        SqlError::new(
            "DATATYPE_MISMATCH.UNEXPECTED_INPUT_TYPE",
            "42K09",
            format!(
                "The first parameter of {} requires the \"{wanted}\" type, but has {}.",
                self.name(),
                types::shown(arg)
            ),
        )
        .into()
    }
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Rows {
    kind: Kind,
    signature: Signature,
}

impl ScalarUDFImpl for Rows {
    fn name(&self) -> &str {
        self.kind.name()
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, given: &[DataType]) -> Result<Vec<DataType>> {
        let mut wanted: Vec<_> = given.iter().map(types::canonical).collect();
        match self.kind {
            Kind::Stack(n) => {
                // Values one below the other share a type.
                let width = wanted.len().div_ceil(n).max(1);
                for column in 0..width {
                    let cells: Vec<_> = (column..wanted.len()).step_by(width).collect();
                    let mut common = DataType::Null;
                    for cell in &cells {
                        common = type_union_coercion(&common, &wanted[*cell]).ok_or_else(|| {
                            SqlError::new(
                                "DATATYPE_MISMATCH.STACK_COLUMN_DIFF_TYPES",
                                "42K09",
                                format!(
                                    "The columns of stack have different types: {} and {}.",
                                    types::shown(&common),
                                    types::shown(&wanted[*cell])
                                ),
                            )
                        })?;
                    }
                    cells.into_iter().for_each(|cell| wanted[cell] = common.clone());
                }
            }
            Kind::JsonTuple => wanted.iter_mut().for_each(|t| *t = DataType::Utf8),
            _ => {}
        }
        self.kind.fields(&wanted)?;
        Ok(wanted)
    }

    fn return_type(&self, args: &[DataType]) -> Result<DataType> {
        Ok(DataType::List(item(self.kind.fields(args)?)))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let types: Vec<_> = args.arg_fields.iter().map(|f| f.data_type().clone()).collect();
        let fields = self.kind.fields(&types)?;
        let rows = args.number_rows;
        let arrays = ColumnarValue::values_to_arrays(&args.args)?;
        let arrays = arrays
            .into_iter()
            .map(|array| {
                if array.len() == rows { Ok(array) } else { Ok(take(&array, &UInt32Array::from(vec![0; rows]), None)?) }
            })
            .collect::<Result<Vec<ArrayRef>>>()?;
        let list = match self.kind {
            Kind::Explode { positions } => exploded(&arrays[0], positions, &fields)?,
            Kind::Inline => inline(arrays[0].as_list(), &fields)?,
            Kind::Stack(n) => stacked(&arrays, n, rows, &fields)?,
            Kind::JsonTuple => json_tuple(&arrays, rows, &fields)?,
        };
        Ok(ColumnarValue::Array(Arc::new(list)))
    }
}

fn item(fields: Fields) -> Arc<Field> {
    Arc::new(Field::new("element", DataType::Struct(fields), true))
}

/// Packs columns into a list of structs.
fn packed(
    fields: &Fields,
    columns: Vec<ArrayRef>,
    offsets: OffsetBuffer<i32>,
    nulls: Option<NullBuffer>,
) -> Result<ListArray> {
    let rows = StructArray::try_new(fields.clone(), columns, None)?;
    Ok(ListArray::try_new(item(fields.clone()), offsets, Arc::new(rows), nulls)?)
}

fn exploded(array: &ArrayRef, positions: bool, fields: &Fields) -> Result<ListArray> {
    let (offsets, nulls, mut columns) = match array.data_type() {
        DataType::List(_) => {
            let list: &ListArray = array.as_list();
            (list.offsets().clone(), list.nulls().cloned(), vec![list.values().clone()])
        }
        DataType::Map(..) => {
            let map: &MapArray = array.as_map();
            (map.offsets().clone(), map.nulls().cloned(), vec![map.keys().clone(), map.values().clone()])
        }
        other => return exec_err!("explode of {other}"),
    };
    if positions {
        let mut all = vec![0; columns[0].len()];
        for pair in offsets.windows(2) {
            let (start, end) = (usize::try_from(pair[0]).unwrap_or(0), usize::try_from(pair[1]).unwrap_or(0));
            for (position, slot) in (0..).zip(&mut all[start..end]) {
                *slot = position;
            }
        }
        columns.insert(0, Arc::new(Int32Array::from(all)));
    }
    packed(fields, columns, offsets, nulls)
}

fn inline(list: &ListArray, fields: &Fields) -> Result<ListArray> {
    let structs = list.values().as_struct();
    // A struct that is NULL is a row of nulls.
    let columns = structs
        .columns()
        .iter()
        .map(|column| match structs.nulls() {
            Some(nulls) => {
                let index: UInt32Array =
                    (0..column.len()).map(|i| nulls.is_valid(i).then(|| u32::try_from(i).unwrap_or(0))).collect();
                Ok(take(column, &index, None)?)
            }
            None => Ok(column.clone()),
        })
        .collect::<Result<Vec<_>>>()?;
    packed(fields, columns, list.offsets().clone(), list.nulls().cloned())
}

fn stacked(arrays: &[ArrayRef], n: usize, rows: usize, fields: &Fields) -> Result<ListArray> {
    let width = fields.len();
    let mut columns = Vec::new();
    for (c, field) in fields.iter().enumerate() {
        let cells: Vec<ArrayRef> = (0..n)
            .map(|r| match arrays.get(r * width + c) {
                Some(array) => Ok(cast(array, field.data_type())?),
                None => Ok(new_null_array(field.data_type(), rows)),
            })
            .collect::<Result<_>>()?;
        let cells: Vec<&dyn Array> = cells.iter().map(AsRef::as_ref).collect();
        let order: Vec<_> = (0..rows).flat_map(|row| (0..n).map(move |r| (r, row))).collect();
        columns.push(if rows == 0 { new_null_array(field.data_type(), 0) } else { interleave(&cells, &order)? });
    }
    packed(fields, columns, OffsetBuffer::from_lengths(std::iter::repeat_n(n, rows)), None)
}

fn json_tuple(arrays: &[ArrayRef], rows: usize, fields: &Fields) -> Result<ListArray> {
    let texts = arrays[0].as_string::<i32>();
    let mut columns: Vec<_> = fields.iter().map(|_| StringBuilder::new()).collect();
    for row in 0..rows {
        let found = if texts.is_null(row) { None } else { super::json::fields(texts.value(row)) };
        for (column, keys) in columns.iter_mut().zip(&arrays[1..]) {
            let keys = keys.as_string::<i32>();
            let value = found.iter().flatten().find(|(name, _)| keys.is_valid(row) && name == keys.value(row));
            column.append_option(value.and_then(|(_, value)| value.as_deref()));
        }
    }
    let columns = columns.into_iter().map(|mut column| Arc::new(column.finish()) as ArrayRef).collect();
    packed(fields, columns, OffsetBuffer::from_lengths(std::iter::repeat_n(1, rows)), None)
}
