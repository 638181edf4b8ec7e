//! Texts that hold records, as JSON or CSV: what their readers and writers have in common.

mod cells;
mod options;

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray};
use datafusion::arrow::datatypes::{DataType, Field, FieldRef, Fields};
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::{
    ColumnarValue, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};

pub(super) use self::cells::{Cell, Read, column};
pub(super) use self::options::Options;
use super::nested::unexpected;
use crate::dialect::DataType as SqlType;
use crate::local::engine::error::SqlError;
use crate::local::engine::functions::patterns::Use;
use crate::local::engine::types;

/// A function from text, a schema and options to values of that schema. Schema and options are constants: the schema
/// a type as text, the options a JSON object of texts.
#[derive(Clone, Copy)]
pub(super) struct Reader {
    /// The name, in lower case.
    pub(super) name: &'static str,
    /// Reads one record of a type.
    pub(super) read: fn(&str, &DataType, &Options) -> Result<Read, SqlError>,
}

/// Makes a function that the planner can use.
pub(super) fn udf(reader: Reader) -> (&'static str, Arc<ScalarUDF>) {
    let signature = Signature::user_defined(Volatility::Immutable);
    (reader.name, Arc::new(ScalarUDF::new_from_impl(FromText { reader, signature })))
}

struct FromText {
    reader: Reader,
    signature: Signature,
}

impl fmt::Debug for FromText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.reader.name)
    }
}

impl PartialEq for FromText {
    fn eq(&self, other: &Self) -> bool {
        self.reader.name == other.reader.name
    }
}

impl Eq for FromText {}

impl Hash for FromText {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.reader.name.hash(state);
    }
}

impl ScalarUDFImpl for FromText {
    fn name(&self) -> &str {
        self.reader.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, given: &[DataType]) -> Result<Vec<DataType>> {
        match given {
            [text, rest @ ..] if types::is_string(text) || *text == DataType::Null => {
                Ok(vec![DataType::Utf8; 1 + rest.len()])
            }
            [other, ..] => Err(unexpected(self.reader.name, "first", "STRING", other).into()),
            [] => Err(SqlError::internal("a text was expected").into()),
        }
    }

    fn return_type(&self, _given: &[DataType]) -> Result<DataType> {
        Err(SqlError::internal("the type of a record follows from its schema").into())
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs) -> Result<FieldRef> {
        let schema = match args.scalar_arguments.get(1) {
            Some(Some(ScalarValue::Utf8(Some(schema)))) => SqlType::parse(schema).and_then(|t| types::to_arrow(&t)),
            _ => None,
        };
        let schema = schema.ok_or_else(|| SqlError::internal("a schema is a constant"))?;
        Ok(Arc::new(Field::new(self.reader.name, schema, true)))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let options = match args.args.get(2) {
            Some(ColumnarValue::Scalar(ScalarValue::Utf8(Some(options)))) => Options::decode(options, Use::Read)?,
            _ => Options::default(),
        };
        let target = args.return_field.data_type();
        let texts = match &args.args[0] {
            ColumnarValue::Array(array) => Arc::clone(array),
            ColumnarValue::Scalar(scalar) => scalar.to_array()?,
        };
        let found = records(&texts, target, &options, self.reader.read)?;
        match &args.args[0] {
            ColumnarValue::Scalar(_) => ScalarValue::try_from_array(&found, 0).map(ColumnarValue::Scalar),
            ColumnarValue::Array(_) => Ok(ColumnarValue::Array(found)),
        }
    }
}

/// Reads a column of texts. A record that cannot be read is NULL as far as it cannot, its text going to the column for
/// such texts if the schema has one; or it is an error.
fn records(
    texts: &ArrayRef,
    target: &DataType,
    options: &Options,
    read: fn(&str, &DataType, &Options) -> Result<Read, SqlError>,
) -> Result<ArrayRef> {
    let texts = texts.as_string::<i32>();
    let corrupt = options.text("columnnameofcorruptrecord").unwrap_or("_corrupt_record");
    let (schema, place) = without(target, corrupt);
    let mut cells = Vec::with_capacity(texts.len());
    for text in texts {
        let Some(text) = text else {
            cells.push(Cell::Null);
            continue;
        };
        let (cell, good) = match read(text, &schema, options)? {
            Read::Good(cell) => (cell, true),
            Read::Partly(cell) => (cell, false),
            Read::Bad => (Cell::nothing(&schema), false),
        };
        if !good && options.fails_fast() {
            return Err(malformed(text).into());
        }
        cells.push(match (cell, place) {
            (Cell::Row(mut row), Some(place)) => {
                row.insert(place, if good { Cell::Null } else { Cell::Text(text.to_owned()) });
                Cell::Row(row)
            }
            (cell, _) => cell,
        });
    }
    column(&cells.iter().collect::<Vec<_>>(), target)
}

/// A struct's type without the field for texts that cannot be read, and that field's place.
fn without(target: &DataType, corrupt: &str) -> (DataType, Option<usize>) {
    let DataType::Struct(fields) = target else { return (target.clone(), None) };
    let Some(place) = fields.iter().position(|field| field.name() == corrupt) else { return (target.clone(), None) };
    let others: Fields = fields.iter().filter(|field| field.name() != corrupt).cloned().collect();
    (DataType::Struct(others), Some(place))
}

/// A record that cannot be read, where that is an error.
pub(super) fn malformed(text: &str) -> SqlError {
    SqlError::new(
        "MALFORMED_RECORD_IN_PARSING.WITHOUT_SUGGESTION",
        "22023",
        format!(
            "Malformed records are detected in record parsing: {text}. Parse Mode: FAILFAST. To process malformed \
             records as null result, try setting the option 'mode' as 'PERMISSIVE'."
        ),
    )
}
