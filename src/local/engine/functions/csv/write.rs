//! `to_csv(struct[, options])`

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, StringArray};
use datafusion::arrow::datatypes::{DataType, Date32Type, TimestampMicrosecondType};
use datafusion::common::Result;

use super::super::complex_text;
use super::super::nested::{Nested, mismatch};
use super::super::records::Options;
use super::text::Format;
use crate::local::engine::error::SqlError;
use crate::local::engine::functions::patterns::Use;

pub(super) const TO_CSV: Nested = Nested {
    name: "to_csv",
    coerce: |given| {
        let DataType::Struct(fields) = &given[0] else {
            return Err(mismatch("UNSUPPORTED_INPUT_TYPE", "to_csv", given));
        };
        if fields.iter().any(|field| crate::local::engine::intervals::are_in(field.data_type())) {
            return Err(SqlError::unsupported("to_csv of an interval"));
        }
        Ok(given.iter().enumerate().map(|(i, t)| if i == 0 { t.clone() } else { DataType::Utf8 }).collect())
    },
    returns: |_| DataType::Utf8,
    eval: |args, _| {
        let options = match args.get(1) {
            Some(options) if !options.is_empty() => Options::decode(options.as_string::<i32>().value(0), Use::Write)?,
            _ => Options::default(),
        };
        let format = Format::of(&options, true);
        let rows = args[0].as_struct();
        let columns = rows.columns().iter().map(|column| texts(column, &options)).collect::<Result<Vec<_>>>()?;
        let line = |i: usize| {
            let mut line = String::new();
            for (n, column) in columns.iter().enumerate() {
                format.write(column.is_valid(i).then(|| column.value(i)), n == 0, &mut line);
            }
            line
        };
        let found: StringArray = (0..rows.len()).map(|i| rows.is_valid(i).then(|| line(i))).collect();
        Ok(Arc::new(found))
    },
};

/// A column of values as texts.
fn texts(column: &ArrayRef, options: &Options) -> Result<StringArray> {
    let each = |show: &dyn Fn(usize) -> Result<String, SqlError>| {
        let shown = (0..column.len()).map(|i| if column.is_null(i) { Ok(None) } else { show(i).map(Some) });
        Ok(StringArray::from(shown.collect::<Result<Vec<_>, SqlError>>()?))
    };
    match column.data_type() {
        DataType::Date32 => {
            let days = column.as_primitive::<Date32Type>();
            each(&|i| options.show_date(days.value(i)))
        }
        DataType::Timestamp(_, zone) => {
            let micros = column.as_primitive::<TimestampMicrosecondType>();
            each(&|i| options.show_timestamp(micros.value(i), zone.is_some()))
        }
        _ => complex_text::texts(column),
    }
}
