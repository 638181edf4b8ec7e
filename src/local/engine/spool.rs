//! The rows of a result that is too large for an answer: in a file, as pieces that can be fetched one by one.
//!
//! Each piece is a whole Arrow IPC stream, so that it can be handed out as it lies there.

use std::fs::File;
use std::io::{self, BufWriter, Read as _, Seek as _, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use datafusion::arrow::array::{ArrayRef, RecordBatch, StringArray};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::arrow::error::ArrowError;
use datafusion::arrow::ipc::reader::StreamReader;
use datafusion::arrow::ipc::writer::StreamWriter;
use uuid::Uuid;

use super::api::Column;
use super::error::SqlError;
use super::{render, types};

/// A piece ends behind so many bytes.
const PIECE_BYTES: u64 = 8 << 20;

/// A batch of the engine is cut into parts of so many rows, so that a piece does not become much longer than it should.
const PART_ROWS: usize = 4096;

/// A result in a file, which goes when this does.
#[derive(Debug)]
pub struct Spool {
    path: PathBuf,
    pieces: Vec<Piece>,
}

/// A part of the result, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Piece {
    /// Its first row's number in the result.
    pub row_offset: usize,
    /// Its rows.
    pub rows: usize,
    /// Its bytes as Arrow.
    pub bytes: u64,
    at: u64,
}

impl Spool {
    /// A spool of rows that are there as texts, as those of `SHOW` are: every column is a STRING.
    pub(super) fn of_texts(folder: &Path, columns: &[Column], rows: &[Vec<Option<String>>]) -> Result<Self, SqlError> {
        let fields: Vec<_> = columns.iter().map(|column| Field::new(&column.name, DataType::Utf8, true)).collect();
        let names: Vec<_> = columns.iter().map(|column| column.name.clone()).collect();
        let schema = Arc::new(Schema::new(fields));
        let mut spooler = Spooler::begin(folder, &schema, &names)?;
        let arrays = (0..columns.len()).map(|i| {
            let cells = rows.iter().map(|row| row.get(i).and_then(Option::as_deref));
            Arc::new(cells.collect::<StringArray>()) as ArrayRef
        });
        let batch = RecordBatch::try_new(schema, arrays.collect());
        spooler.add(&batch.map_err(|e| SqlError::internal(format!("{e}.")))?)?;
        spooler.finish()
    }

    /// The pieces, in order.
    pub fn pieces(&self) -> &[Piece] {
        &self.pieces
    }

    /// A piece as an Arrow IPC stream; none if there is no such piece.
    pub fn arrow(&self, index: usize) -> io::Result<Option<Vec<u8>>> {
        let Some(piece) = self.pieces.get(index) else { return Ok(None) };
        let mut file = fs_err::File::open(&self.path)?;
        file.seek(SeekFrom::Start(piece.at))?;
        let mut bytes = vec![0; usize::try_from(piece.bytes).map_err(io::Error::other)?];
        file.read_exact(&mut bytes)?;
        Ok(Some(bytes))
    }

    /// A piece as cells of the `JSON_ARRAY` format; none if there is no such piece.
    pub fn rows(&self, index: usize) -> io::Result<Option<Vec<Vec<Option<String>>>>> {
        let Some(bytes) = self.arrow(index)? else { return Ok(None) };
        let mut rows = Vec::new();
        for batch in StreamReader::try_new(bytes.as_slice(), None).map_err(io::Error::other)? {
            rows.extend(batch.and_then(|batch| render::rows(&batch)).map_err(io::Error::other)?);
        }
        Ok(Some(rows))
    }
}

impl Drop for Spool {
    fn drop(&mut self) {
        // What stays behind in the scratch folder is removed when the warehouse is next opened.
        let _ = fs_err::remove_file(&self.path);
    }
}

/// Writes a [`Spool`].
pub(super) struct Spooler {
    spool: Spool,
    schema: SchemaRef,
    out: Counted,
    open: Option<StreamWriter<Counted>>,
    rows: usize,
}

impl Spooler {
    /// Begins a file in a folder for columns of a schema, under the names that are shown.
    pub(super) fn begin(folder: &Path, schema: &Schema, names: &[String]) -> Result<Self, SqlError> {
        let path = folder.join(format!("{}.arrows", Uuid::new_v4()));
        let file = File::options().read(true).write(true).create_new(true).open(&path).map_err(|e| unwritable(&e))?;
        let fields: Vec<_> = schema
            .fields()
            .iter()
            .zip(names)
            .map(|(field, name)| Field::new(name, types::canonical(field.data_type()), field.is_nullable()))
            .collect();
        let out = Counted { out: Arc::new(Mutex::new((BufWriter::new(file), 0))) };
        let spool = Spool { path, pieces: Vec::new() };
        Ok(Self { spool, schema: Arc::new(Schema::new(fields)), out, open: None, rows: 0 })
    }

    /// How many bytes have been written.
    pub(super) fn bytes(&self) -> u64 {
        self.out.written()
    }

    /// Adds rows.
    pub(super) fn add(&mut self, batch: &RecordBatch) -> Result<(), SqlError> {
        let mut from = 0;
        while from < batch.num_rows() {
            let part = batch.slice(from, PART_ROWS.min(batch.num_rows() - from));
            self.part(&part).map_err(|e| SqlError::io(format!("The result cannot be written: {e}.")))?;
            from += PART_ROWS;
        }
        Ok(())
    }

    fn part(&mut self, batch: &RecordBatch) -> Result<(), ArrowError> {
        let columns = batch.columns().iter().zip(self.schema.fields());
        let columns = columns.map(|(array, field)| match array.data_type() == field.data_type() {
            true => Ok(Arc::clone(array)),
            false => cast(array, field.data_type()),
        });
        let batch = RecordBatch::try_new(Arc::clone(&self.schema), columns.collect::<Result<_, _>>()?)?;
        let writer = match &mut self.open {
            Some(writer) => writer,
            none => {
                let piece = Piece { row_offset: self.rows, rows: 0, bytes: 0, at: self.out.written() };
                self.spool.pieces.push(piece);
                none.insert(StreamWriter::try_new(self.out.clone(), &self.schema)?)
            }
        };
        writer.write(&batch)?;
        self.rows += batch.num_rows();
        if let Some(piece) = self.spool.pieces.last_mut() {
            piece.rows += batch.num_rows();
            if self.out.written() - piece.at >= PIECE_BYTES {
                self.end_piece()?;
            }
        }
        Ok(())
    }

    fn end_piece(&mut self) -> Result<(), ArrowError> {
        if let Some(mut writer) = self.open.take() {
            writer.finish()?;
            if let Some(piece) = self.spool.pieces.last_mut() {
                piece.bytes = self.out.written() - piece.at;
            }
        }
        Ok(())
    }

    /// Ends the file.
    pub(super) fn finish(mut self) -> Result<Spool, SqlError> {
        let failed = |e: &dyn std::fmt::Display| SqlError::io(format!("The result cannot be written: {e}."));
        self.end_piece().map_err(|e| failed(&e))?;
        self.out.flush().map_err(|e| failed(&e))?;
        Ok(self.spool)
    }
}

fn unwritable(error: &io::Error) -> SqlError {
    SqlError::io(format!("The result cannot be written: {error}."))
}

/// A file that knows how much was written to it; the writer of a piece and the spooler share it.
#[derive(Clone)]
struct Counted {
    out: Arc<Mutex<(BufWriter<File>, u64)>>,
}

impl Counted {
    fn written(&self) -> u64 {
        self.out.lock().unwrap_or_else(PoisonError::into_inner).1
    }
}

impl Write for Counted {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut out = self.out.lock().unwrap_or_else(PoisonError::into_inner);
        let written = out.0.write(bytes)?;
        out.1 += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.lock().unwrap_or_else(PoisonError::into_inner).0.flush()
    }
}
