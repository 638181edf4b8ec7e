//! Parquet files.

use std::path::Path;
use std::sync::Arc;

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use super::super::source::{Sink, SourceError};
use super::csv::article;
use super::types;
use super::{BATCH_ROWS, open, type_text};

fn broken(path: &Path, error: &dyn std::error::Error) -> SourceError {
    SourceError::new(format!("cannot read {} as Parquet: {}", path.display(), SourceError::chain(error)))
}

/// The columns: declared ones as declared, the others with the types of the file.
pub(super) fn schema(path: &Path, declared: &[(String, DataType)]) -> Result<SchemaRef, SourceError> {
    let file = ParquetRecordBatchReaderBuilder::try_new(open(path)?).map_err(|error| broken(path, &error))?;
    let fields: Vec<Field> = file
        .schema()
        .fields()
        .iter()
        .map(|field| {
            let declared = declared.iter().find(|(column, _)| column == field.name()).map(|(_, t)| t.clone());
            match declared.or_else(|| types::landed(field.data_type())) {
                Some(data_type) => Ok(Field::new(field.name(), data_type, true)),
                None => Err(SourceError::new(format!(
                    "{}: column `{}` is a {}, which tables do not take; declare a simple type for it, or leave it out of the file",
                    path.display(),
                    field.name(),
                    field.data_type()
                ))),
            }
        })
        .collect::<Result<_, _>>()?;
    Ok(Arc::new(Schema::new(fields)))
}

/// Reads the rows.
pub(super) fn read(path: &Path, columns: &SchemaRef, sink: &Sink) -> Result<(), SourceError> {
    let batches = ParquetRecordBatchReaderBuilder::try_new(open(path)?)
        .and_then(|file| file.with_batch_size(BATCH_ROWS).build())
        .map_err(|error| broken(path, &error))?;
    let mut before = 0;
    for batch in batches {
        let batch = batch.map_err(|error| broken(path, &error))?;
        let mut converted = Vec::with_capacity(columns.fields().len());
        for (field, array) in columns.fields().iter().zip(batch.columns()) {
            let array = types::convert(array, field.data_type()).map_err(|bad| {
                SourceError::new(format!(
                    "{}: row {}: `{}` = `{}` is not {} {}",
                    path.display(),
                    before + bad.row + 1,
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
