//! CSV files: comma-separated, quoted with `"`, UTF-8, with a header; an empty field is null.

use std::io::{BufReader, Read};
use std::path::Path;
use std::sync::Arc;

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::csv::ReaderBuilder;
use datafusion::arrow::csv::reader::Format;
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use flate2::read::MultiGzDecoder;

use super::super::source::{Sink, SourceError};
use super::types;
use super::{BATCH_ROWS, open, type_text};

fn reader(path: &Path, gzip: bool) -> Result<Box<dyn Read>, SourceError> {
    let file = BufReader::with_capacity(1 << 16, open(path)?);
    Ok(if gzip { Box::new(MultiGzDecoder::new(file)) } else { Box::new(file) })
}

fn broken(path: &Path, error: &dyn std::error::Error) -> SourceError {
    SourceError::new(format!("{}: {}", path.display(), SourceError::chain(error)))
}

/// The columns: declared ones as declared, the others as the whole file has them. Without a column to infer, only
/// the header is read.
pub(super) fn schema(path: &Path, gzip: bool, declared: &[(String, DataType)]) -> Result<SchemaRef, SourceError> {
    let infer = |most: Option<usize>| {
        let format = Format::default().with_header(true);
        format.infer_schema(reader(path, gzip)?, most).map_err(|error| broken(path, &error)).map(|(schema, _)| schema)
    };
    let header = infer(Some(0))?;
    if header.fields().is_empty() {
        return Err(SourceError::new(format!(
            "{} has no header: its first line must name the columns",
            path.display()
        )));
    }
    let mut seen = std::collections::HashSet::new();
    for field in header.fields() {
        if field.name().is_empty() || !seen.insert(field.name().as_str()) {
            return Err(SourceError::new(format!(
                "{}:1: the header names the column `{}` {}",
                path.display(),
                field.name(),
                if field.name().is_empty() { "with nothing" } else { "twice" }
            )));
        }
    }
    let declared_type = |name: &str| declared.iter().find(|(column, _)| column == name).map(|(_, t)| t.clone());
    let all_declared = header.fields().iter().all(|f| declared_type(f.name()).is_some());
    let inferred = if all_declared { header } else { infer(None)? };
    let fields: Vec<Field> = inferred
        .fields()
        .iter()
        .map(|field| {
            let inferred = || types::landed(field.data_type()).unwrap_or(DataType::Utf8);
            Field::new(field.name(), declared_type(field.name()).unwrap_or_else(inferred), true)
        })
        .collect();
    Ok(Arc::new(Schema::new(fields)))
}

/// Reads the rows: as texts first, so that a value that does not fit can be shown with its line.
pub(super) fn read(path: &Path, gzip: bool, columns: &SchemaRef, sink: &Sink) -> Result<(), SourceError> {
    let texts: Vec<Field> = columns.fields().iter().map(|f| Field::new(f.name(), DataType::Utf8, true)).collect();
    let batches = ReaderBuilder::new(Arc::new(Schema::new(texts)))
        .with_header(true)
        .with_batch_size(BATCH_ROWS)
        .build(reader(path, gzip)?)
        .map_err(|error| broken(path, &error))?;
    let mut before = 0;
    for batch in batches {
        let batch = batch.map_err(|error| broken(path, &error))?;
        let mut converted = Vec::with_capacity(columns.fields().len());
        for (field, array) in columns.fields().iter().zip(batch.columns()) {
            let array = types::convert(array, field.data_type()).map_err(|bad| {
                let line = line_of_record(path, gzip, before + bad.row + 1);
                SourceError::new(format!(
                    "{}:{line}: `{}` = `{}` is not {} {}",
                    path.display(),
                    field.name(),
                    bad.text,
                    article(&type_text(field.data_type())),
                    type_text(field.data_type())
                ))
            })?;
            converted.push(array);
        }
        before += batch.num_rows();
        let batch = RecordBatch::try_new(Arc::clone(columns), converted).map_err(|error| broken(path, &error))?;
        sink.send(batch)?;
    }
    Ok(())
}

/// `a` or `an`, before a type's name.
pub(super) fn article(name: &str) -> &'static str {
    if name.starts_with(['A', 'E', 'I', 'O', 'U']) { "an" } else { "a" }
}

/// The line on which a record begins, where the header is record 0. Fields in quotes may hold line ends, so records are
/// not lines; the file is read again for it, as this happens but once and then the sync is over.
fn line_of_record(path: &Path, gzip: bool, record: usize) -> usize {
    let Ok(reader) = reader(path, gzip) else { return record + 1 };
    let (mut line, mut ended, mut quoted, mut empty, mut start) = (1, 0, false, true, 1);
    for byte in BufReader::new(reader).bytes() {
        let Ok(byte) = byte else { break };
        match byte {
            b'\n' => {
                line += 1;
                if !quoted {
                    // Empty lines are no records.
                    if !empty {
                        if ended == record {
                            return start;
                        }
                        ended += 1;
                    }
                    empty = true;
                    start = line;
                }
            }
            b'\r' => {}
            other => {
                quoted ^= other == b'"';
                empty = false;
            }
        }
    }
    start
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    #[test]
    fn records_are_found_by_line_past_quoted_line_ends_and_empty_lines() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(b"a,b\n1,\"x\ny\"\n\n2,z\n3,w").unwrap();
        let lines: Vec<usize> = (0..4).map(|record| line_of_record(file.path(), false, record)).collect();
        assert_eq!(lines, [1, 2, 5, 6]);
    }
}
