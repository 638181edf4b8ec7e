//! Rows from PostgreSQL's binary `COPY`.

use std::sync::Arc;

use datafusion::arrow::array::{
    ArrayRef, BinaryBuilder, BooleanBuilder, Date32Builder, Decimal128Builder, Float32Builder, Float64Builder,
    Int16Builder, Int32Builder, Int64Builder, RecordBatch, RecordBatchOptions, StringBuilder,
    TimestampMicrosecondBuilder,
};
use datafusion::arrow::datatypes::SchemaRef;
use futures::stream::BoxStream;
use futures::{Stream, StreamExt as _};

use super::types::Kind;
use super::{Database, failed};
use crate::local::fivetran::source::SourceError;

/// Rows of a batch, …
const BATCH_ROWS: usize = 16_384;
/// … and bytes, if those are reached first.
const BATCH_BYTES: usize = 16 << 20;
/// What every binary copy begins with.
const SIGNATURE: &[u8] = b"PGCOPY\n\xff\r\n\0";
/// Days from 1970 to 2000, PostgreSQL's beginning of time, …
const EPOCH_DAYS: i32 = 10_957;
/// … and the microseconds in them.
const EPOCH_MICROS: i64 = EPOCH_DAYS as i64 * 86_400_000_000;
/// First and last day, and one past the last microsecond, that a table may hold: years 1 to 9999.
const FIRST_DAY: i32 = -719_162;
const LAST_DAY: i32 = 2_932_896;

enum Column {
    Bool(BooleanBuilder),
    Int2(Int16Builder),
    Int4(Int32Builder),
    Int8(Int64Builder),
    Float4(Float32Builder),
    Float8(Float64Builder),
    Numeric(Decimal128Builder, u8, u8),
    Date(Date32Builder),
    Timestamp(TimestampMicrosecondBuilder),
    Bytes(BinaryBuilder),
    Text(StringBuilder),
}

/// Makes batches out of the bytes of a copy.
pub(super) struct Decoder {
    table: String,
    schema: SchemaRef,
    columns: Vec<Column>,
    /// Bytes that are not read yet, from `read` on.
    buffer: Vec<u8>,
    read: usize,
    begun: bool,
    ended: bool,
    rows: usize,
    bytes: usize,
    before: u64,
}

/// Turns a copy's bytes into batches.
pub(super) fn batches<B: AsRef<[u8]> + Send + 'static>(
    database: Database,
    bytes: BoxStream<'static, Result<B, tokio_postgres::Error>>,
    decoder: Decoder,
) -> impl Stream<Item = Result<RecordBatch, SourceError>> + Send {
    // The database goes along so that its connection lives as long as this.
    futures::stream::try_unfold((database, bytes, decoder), |(database, mut bytes, mut decoder)| async move {
        while !decoder.is_full() {
            match bytes.next().await {
                Some(part) => decoder.take(part.map_err(|error| failed(&error))?.as_ref())?,
                None => break,
            }
        }
        let batch = decoder.finish()?;
        Ok(batch.map(|batch| (batch, (database, bytes, decoder))))
    })
}

impl Decoder {
    pub(super) fn new(table: String, schema: SchemaRef, kinds: Vec<Kind>) -> Self {
        let column = |kind: Kind| match kind {
            Kind::Bool => Column::Bool(BooleanBuilder::new()),
            Kind::Int2 => Column::Int2(Int16Builder::new()),
            Kind::Int4 => Column::Int4(Int32Builder::new()),
            Kind::Int8 => Column::Int8(Int64Builder::new()),
            Kind::Float4 => Column::Float4(Float32Builder::new()),
            Kind::Float8 | Kind::WideNumeric => Column::Float8(Float64Builder::new()),
            Kind::Numeric(precision, scale) => {
                let builder = Decimal128Builder::new().with_data_type(kind.arrow());
                Column::Numeric(builder, precision, scale)
            }
            Kind::Date => Column::Date(Date32Builder::new()),
            Kind::Timestamp => Column::Timestamp(TimestampMicrosecondBuilder::new().with_data_type(kind.arrow())),
            Kind::Bytes => Column::Bytes(BinaryBuilder::new()),
            Kind::Text | Kind::Json => Column::Text(StringBuilder::new()),
        };
        Self {
            table,
            schema,
            columns: kinds.into_iter().map(column).collect(),
            buffer: Vec::new(),
            read: 0,
            begun: false,
            ended: false,
            rows: 0,
            bytes: 0,
            before: 0,
        }
    }

    fn is_full(&self) -> bool {
        self.rows >= BATCH_ROWS || self.bytes >= BATCH_BYTES
    }

    /// Takes bytes, and reads the rows that are whole.
    fn take(&mut self, part: &[u8]) -> Result<(), SourceError> {
        self.buffer.extend_from_slice(part);
        if !self.begun {
            let Some(header) = self.buffer.get(..SIGNATURE.len() + 8) else { return Ok(()) };
            if !header.starts_with(SIGNATURE) {
                return Err(SourceError::new(format!("{}: the server sent no binary copy", self.table)));
            }
            let extension = int(&header[SIGNATURE.len() + 4..]).max(0) as usize;
            if self.buffer.len() < header.len() + extension {
                return Ok(());
            }
            self.read = SIGNATURE.len() + 8 + extension;
            self.begun = true;
        }
        while !self.ended && self.read_row()? {}
        // A row is seldom cut in two, so there is little to move.
        self.buffer.drain(..self.read);
        self.read = 0;
        Ok(())
    }

    /// Reads a row if all of it is there.
    fn read_row(&mut self) -> Result<bool, SourceError> {
        let bytes = &self.buffer[self.read..];
        let Some(count) = bytes.get(..2).map(|two| i16::from_be_bytes([two[0], two[1]])) else { return Ok(false) };
        if count == -1 {
            self.ended = true;
            self.read += 2;
            return Ok(true);
        }
        if usize::try_from(count) != Ok(self.columns.len()) {
            return Err(SourceError::new(format!("{}: the server sent {count} columns", self.table)));
        }
        let mut fields = Vec::with_capacity(self.columns.len());
        let mut at = 2;
        for _ in 0..self.columns.len() {
            let Some(length) = bytes.get(at..at + 4).map(int) else { return Ok(false) };
            at += 4;
            let Ok(length) = usize::try_from(length) else {
                fields.push(None);
                continue;
            };
            let Some(field) = bytes.get(at..at + length) else { return Ok(false) };
            at += length;
            fields.push(Some(field));
        }
        for (i, (column, field)) in self.columns.iter_mut().zip(fields).enumerate() {
            if column.append(field).is_none() {
                let text = field.map(|field| String::from_utf8_lossy(field).chars().take(80).collect::<String>());
                return Err(SourceError::new(format!(
                    "{}: row {}: `{}` = `{}` does not fit its column",
                    self.table,
                    self.before + self.rows as u64 + 1,
                    self.schema.field(i).name(),
                    text.unwrap_or_default()
                )));
            }
        }
        self.read += at;
        self.bytes += at;
        self.rows += 1;
        Ok(true)
    }

    /// Gives the rows that were read; none at the end.
    fn finish(&mut self) -> Result<Option<RecordBatch>, SourceError> {
        if self.rows == 0 {
            return Ok(None);
        }
        let arrays: Vec<ArrayRef> = self.columns.iter_mut().map(Column::finish).collect();
        let options = RecordBatchOptions::new().with_row_count(Some(self.rows));
        self.before += self.rows as u64;
        (self.rows, self.bytes) = (0, 0);
        RecordBatch::try_new_with_options(Arc::clone(&self.schema), arrays, &options)
            .map(Some)
            .map_err(|error| SourceError::chain(&error))
    }
}

fn int(bytes: &[u8]) -> i32 {
    bytes.first_chunk().map_or(0, |bytes| i32::from_be_bytes(*bytes))
}

impl Column {
    /// Appends a value; none if it is not one of the column.
    fn append(&mut self, field: Option<&[u8]>) -> Option<()> {
        match self {
            Self::Bool(builder) => builder.append_option(field.map(|field| field.first() == Some(&1))),
            Self::Int2(builder) => builder.append_option(number(field, i16::from_be_bytes)?),
            Self::Int4(builder) => builder.append_option(number(field, i32::from_be_bytes)?),
            Self::Int8(builder) => builder.append_option(number(field, i64::from_be_bytes)?),
            Self::Float4(builder) => builder.append_option(number(field, f32::from_be_bytes)?),
            Self::Float8(builder) => builder.append_option(number(field, f64::from_be_bytes)?),
            Self::Numeric(builder, precision, scale) => {
                let value = match field {
                    None => None,
                    Some(field) => Some(decimal(std::str::from_utf8(field).ok()?, *precision, *scale)?),
                };
                builder.append_option(value);
            }
            // Infinities, and years that a table cannot hold, are nothing.
            Self::Date(builder) => {
                let day = number(field, i32::from_be_bytes)?.and_then(|day| day.checked_add(EPOCH_DAYS));
                builder.append_option(day.filter(|day| (FIRST_DAY..=LAST_DAY).contains(day)));
            }
            Self::Timestamp(builder) => {
                let at = number(field, i64::from_be_bytes)?.and_then(|at| at.checked_add(EPOCH_MICROS));
                let day = |at: &i64| i32::try_from(at.div_euclid(86_400_000_000)).ok();
                builder.append_option(at.filter(|at| day(at).is_some_and(|day| (FIRST_DAY..=LAST_DAY).contains(&day))));
            }
            Self::Bytes(builder) => builder.append_option(field),
            Self::Text(builder) => {
                builder.append_option(field.map(std::str::from_utf8).transpose().ok()?);
            }
        }
        Some(())
    }

    fn finish(&mut self) -> ArrayRef {
        match self {
            Self::Bool(builder) => Arc::new(builder.finish()),
            Self::Int2(builder) => Arc::new(builder.finish()),
            Self::Int4(builder) => Arc::new(builder.finish()),
            Self::Int8(builder) => Arc::new(builder.finish()),
            Self::Float4(builder) => Arc::new(builder.finish()),
            Self::Float8(builder) => Arc::new(builder.finish()),
            Self::Numeric(builder, ..) => Arc::new(builder.finish()),
            Self::Date(builder) => Arc::new(builder.finish()),
            Self::Timestamp(builder) => Arc::new(builder.finish()),
            Self::Bytes(builder) => Arc::new(builder.finish()),
            Self::Text(builder) => Arc::new(builder.finish()),
        }
    }
}

/// Reads a number of a fixed size, or NULL; none at all if the bytes are not as many.
fn number<const N: usize, T>(field: Option<&[u8]>, read: fn([u8; N]) -> T) -> Option<Option<T>> {
    match field {
        None => Some(None),
        Some(field) => Some(Some(read(field.try_into().ok()?))),
    }
}

/// Reads a decimal number; digits beyond the scale are rounded, half away from zero. None if it is too large, or none at
/// all, as `NaN` is.
fn decimal(text: &str, precision: u8, scale: u8) -> Option<i128> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let kept = fraction.get(..fraction.len().min(usize::from(scale)))?;
    let mut value: i128 = 0;
    for digit in whole.bytes().chain(kept.bytes()) {
        if !digit.is_ascii_digit() {
            return None;
        }
        value = value.checked_mul(10)?.checked_add(i128::from(digit - b'0'))?;
    }
    for _ in kept.len()..usize::from(scale) {
        value = value.checked_mul(10)?;
    }
    if fraction.as_bytes().get(usize::from(scale)).is_some_and(|digit| *digit >= b'5') {
        value += 1;
    }
    let fits = value < 10_i128.pow(u32::from(precision.min(38)));
    fits.then_some(if negative { -value } else { value })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_are_read_exactly_and_those_that_do_not_fit_are_refused() {
        for (text, precision, scale, expected) in [
            ("12.5", 12, 2, Some(1_250)),
            ("-0.005", 12, 2, Some(-1)),
            ("0.0049", 12, 2, Some(0)),
            ("7", 38, 10, Some(70_000_000_000)),
            ("999.99", 5, 2, Some(99_999)),
            ("1000", 5, 2, None),
            ("999.995", 5, 2, None),
            ("NaN", 12, 2, None),
            ("Infinity", 12, 2, None),
            ("99999999999999999999999999999999999999", 38, 0, Some(10_i128.pow(38) - 1)),
            ("100000000000000000000000000000000000000", 38, 0, None),
        ] {
            assert_eq!(decimal(text, precision, scale), expected, "{text}");
        }
    }
}
