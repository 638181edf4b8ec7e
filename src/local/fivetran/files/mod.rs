//! CSV and Parquet files as source tables.
//!
//! A file that has not changed since the last sync is not read. Rows are read in batches, whatever the file's size.
//! Types are those declared, else those inferred from the whole CSV file or written in the Parquet file; timestamps
//! without a zone are taken as UTC, as Fivetran lands them. A value that is not of its column's type fails the sync.

mod csv;
mod parquet;
mod types;

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;
use std::time::UNIX_EPOCH;

use datafusion::arrow::datatypes::{DataType, SchemaRef};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::config::FileSource;
use super::source::{Sink, SourceError, SourceTable};

pub(super) use types::type_text;

/// Rows of a batch.
const BATCH_ROWS: usize = 16_384;

/// How a file is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    Csv { gzip: bool },
    Parquet,
}

fn format(path: &Path) -> Result<Format, SourceError> {
    let name = path.file_name().map(|n| n.to_string_lossy().to_lowercase()).unwrap_or_default();
    if name.ends_with(".csv") {
        Ok(Format::Csv { gzip: false })
    } else if name.ends_with(".csv.gz") {
        Ok(Format::Csv { gzip: true })
    } else if name.ends_with(".parquet") {
        Ok(Format::Parquet)
    } else {
        Err(SourceError::new(format!(
            "cannot tell the format of {}: its name ends with neither `.csv`, `.csv.gz` nor `.parquet`",
            path.display()
        )))
    }
}

fn open(path: &Path) -> Result<File, SourceError> {
    File::open(path).map_err(|error| SourceError::new(format!("cannot open {}: {error}", path.display())))
}

/// Describes the table that a file stands for; `name` is `schema.table`.
pub(super) fn table(name: &str, file: &FileSource) -> Result<SourceTable, SourceError> {
    let Some((schema, table)) = name.split_once('.').filter(|(schema, table)| !schema.is_empty() && !table.is_empty())
    else {
        return Err(SourceError::new(format!(
            "`{name}` does not name a table: write `schema.table`, as in `public.orders`"
        )));
    };
    let declared: Vec<(String, DataType)> = file
        .columns
        .iter()
        .map(|(column, text)| match types::parse(text) {
            Some(data_type) => Ok((column.clone(), data_type)),
            None => Err(SourceError::new(format!(
                "`{text}`, declared for column `{column}` of `{name}`, is not a type that files can be read with; \
                 there are BOOLEAN, TINYINT, SMALLINT, INT, BIGINT, FLOAT, DOUBLE, DECIMAL(p,s), STRING, DATE and TIMESTAMP"
            ))),
        })
        .collect::<Result<_, _>>()?;
    let columns = match format(&file.path)? {
        Format::Csv { gzip } => csv::schema(&file.path, gzip, &declared)?,
        Format::Parquet => parquet::schema(&file.path, &declared)?,
    };
    let has = |column: &String| columns.column_with_name(column).is_some();
    let missing =
        declared.iter().map(|(c, _)| ("columns", c)).chain(file.key.iter().map(|c| ("key", c))).find(|(_, c)| !has(c));
    if let Some((place, column)) = missing {
        let names: Vec<&str> = columns.fields().iter().map(|f| f.name().as_str()).collect();
        return Err(SourceError::new(format!(
            "{} has no column `{column}`, which `{place}` of `{name}` names; it has {}",
            file.path.display(),
            names.join(", ")
        )));
    }
    Ok(SourceTable { schema: schema.to_owned(), name: table.to_owned(), columns, key: file.key.clone() })
}

/// Whether a file is what it was at the last sync.
pub(super) enum State {
    /// It is; the cursor may have to be renewed all the same.
    Same(Value),
    /// It is not, or was never read.
    Changed(Value),
}

/// Compares a file with the cursor of the last sync: size and time of change first, then the content.
pub(super) fn state(file: &FileSource, columns: &SchemaRef, cursor: Option<&Value>) -> Result<State, SourceError> {
    let path = &file.path;
    let failed = |error: std::io::Error| SourceError::new(format!("cannot read {}: {error}", path.display()));
    let metadata = std::fs::metadata(path).map_err(failed)?;
    let modified = metadata.modified().map_err(failed)?.duration_since(UNIX_EPOCH).unwrap_or_default();
    let modified = format!("{}.{:09}", modified.as_secs(), modified.subsec_nanos());
    // Another reading of the same bytes gives other rows.
    let reading: Vec<String> =
        columns.fields().iter().map(|f| format!("{} {}", f.name(), type_text(f.data_type()))).collect();
    let place = json!({"path": path, "size": metadata.len(), "modified": modified, "columns": reading});
    let with_hash = |hash: &Value| {
        let mut cursor = place.clone();
        cursor["sha256"] = hash.clone();
        cursor
    };
    if let Some(old) = cursor
        && with_hash(&old["sha256"]) == *old
    {
        return Ok(State::Same(old.clone()));
    }
    let mut hasher = Sha256::new();
    let mut reader = BufReader::new(open(path)?);
    let mut buffer = vec![0; 1 << 16];
    loop {
        match reader.read(&mut buffer).map_err(failed)? {
            0 => break,
            n => hasher.update(&buffer[..n]),
        }
    }
    let hash: String = hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    let hash = Value::String(hash);
    let same = cursor.is_some_and(|old| old["sha256"] == hash && old["columns"] == place["columns"]);
    Ok(if same { State::Same(with_hash(&hash)) } else { State::Changed(with_hash(&hash)) })
}

/// Reads a file's rows, with the given columns.
pub(super) fn read(file: &FileSource, columns: &SchemaRef, sink: &Sink) -> Result<(), SourceError> {
    match format(&file.path)? {
        Format::Csv { gzip } => csv::read(&file.path, gzip, columns, sink),
        Format::Parquet => parquet::read(&file.path, columns, sink),
    }
}
