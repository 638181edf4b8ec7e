//! A statement's rows as the API hands them out: cut into chunks, within the limits of an inline result.

use crate::databricks::wire::{ChunkInfo, ColumnInfo, Format, Manifest, ResultData, ResultSchema};
use crate::local::engine::{Column, Output};

/// A chunk ends at so many rows, or so many bytes.
const CHUNK_ROWS: usize = 10_000;
const CHUNK_BYTES: usize = 4 << 20;

/// The largest result that may travel inside answers.
const INLINE_BYTES: usize = 25 << 20;

/// The result is larger than [`INLINE_BYTES`].
#[derive(Debug)]
pub(super) struct TooLarge;

impl TooLarge {
    /// What the statement's status says.
    pub(super) fn message() -> String {
        format!(
            "Inline byte limit exceeded. Statements executed with disposition=INLINE can have a result size of at most \
             {INLINE_BYTES} bytes. Add a row_limit, or select fewer rows or columns."
        )
    }
}

/// A finished statement's result.
#[derive(Debug)]
pub(super) struct Results {
    columns: Vec<Column>,
    chunks: Vec<Chunk>,
    row_count: usize,
    truncated: bool,
    /// What it takes in memory, roughly.
    pub(super) bytes: usize,
}

#[derive(Debug)]
struct Chunk {
    row_offset: usize,
    rows: Vec<Vec<Option<String>>>,
}

impl Results {
    /// Cuts the rows into chunks, and off behind `byte_limit` bytes.
    pub(super) fn new(output: Output, byte_limit: Option<usize>) -> Result<Self, TooLarge> {
        let mut results =
            Self { columns: output.columns, chunks: Vec::new(), row_count: 0, truncated: output.truncated, bytes: 0 };
        let mut chunk_bytes = 0;
        for row in output.rows {
            let row_bytes = 2 + row.iter().map(|cell| cell.as_ref().map_or(4, String::len) + 3).sum::<usize>();
            if byte_limit.is_some_and(|limit| results.bytes + row_bytes > limit) {
                results.truncated = true;
                break;
            }
            results.bytes += row_bytes;
            if results.bytes > INLINE_BYTES {
                return Err(TooLarge);
            }
            chunk_bytes += row_bytes;
            match results.chunks.last_mut() {
                Some(chunk) if chunk.rows.len() < CHUNK_ROWS && chunk_bytes <= CHUNK_BYTES => chunk.rows.push(row),
                _ => {
                    results.chunks.push(Chunk { row_offset: results.row_count, rows: vec![row] });
                    chunk_bytes = row_bytes;
                }
            }
            results.row_count += 1;
        }
        Ok(results)
    }

    /// Returns how many rows there are.
    pub(super) fn row_count(&self) -> usize {
        self.row_count
    }

    /// Returns how many chunks there are.
    pub(super) fn chunk_count(&self) -> usize {
        self.chunks.len()
    }

    /// Describes the result. Statements without a result set have no schema.
    pub(super) fn manifest(&self) -> Manifest {
        let chunks = self.chunks.iter().enumerate().map(|(index, chunk)| ChunkInfo {
            chunk_index: int(index),
            row_offset: int(chunk.row_offset),
            row_count: int(chunk.rows.len()),
            byte_count: None,
        });
        Manifest {
            format: Some(Format::JsonArray),
            schema: (!self.columns.is_empty()).then(|| ResultSchema {
                column_count: int(self.columns.len()),
                columns: self.columns.iter().enumerate().map(|(index, column)| column_info(index, column)).collect(),
            }),
            total_row_count: Some(int(self.row_count)),
            total_chunk_count: Some(int(self.chunks.len())),
            total_byte_count: None,
            truncated: self.truncated,
            chunks: (!self.chunks.is_empty()).then(|| chunks.collect()),
        }
    }

    /// Returns a chunk, with the way to the next. A result without rows has none, and is `{}`.
    pub(super) fn chunk(&self, statement_id: &str, index: usize) -> ResultData {
        let Some(chunk) = self.chunks.get(index) else { return ResultData::default() };
        let next = self.chunks.get(index + 1).map(|chunk| (index + 1, chunk.row_offset));
        ResultData {
            chunk_index: Some(int(index)),
            row_offset: Some(int(chunk.row_offset)),
            row_count: Some(int(chunk.rows.len())),
            data_array: Some(chunk.rows.clone()),
            external_links: None,
            next_chunk_index: next.map(|(index, _)| int(index)),
            next_chunk_internal_link: next.map(|(index, offset)| {
                format!("/api/2.0/sql/statements/{statement_id}/result/chunks/{index}?row_offset={offset}")
            }),
        }
    }
}

fn column_info(index: usize, column: &Column) -> ColumnInfo {
    ColumnInfo {
        name: column.name.clone(),
        position: Some(int(index)),
        type_name: Some(column.type_name.clone()),
        type_text: Some(column.type_text.clone()),
        type_precision: column.precision.map(i64::from),
        type_scale: column.scale.map(i64::from),
        type_interval_type: column.interval_type.clone(),
    }
}

/// Counts in memory always fit.
fn int(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn output(rows: usize, cell: &str) -> Output {
        let column = Column {
            name: "c".into(),
            type_name: "STRING".into(),
            type_text: "STRING".into(),
            precision: None,
            scale: None,
            interval_type: None,
        };
        Output {
            columns: vec![column],
            rows: (0..rows).map(|_| vec![Some(cell.to_owned())]).collect(),
            truncated: false,
            is_query: true,
            statement_type: "SELECT",
        }
    }

    #[test]
    fn rows_are_cut_into_chunks_that_follow_one_another() {
        let results = Results::new(output(25_000, "x"), None).unwrap();
        let manifest = results.manifest();
        let chunks: Vec<_> =
            manifest.chunks.unwrap().iter().map(|c| (c.chunk_index, c.row_offset, c.row_count)).collect();
        assert_eq!(chunks, [(0, 0, 10_000), (1, 10_000, 10_000), (2, 20_000, 5_000)]);
        assert_eq!((manifest.total_row_count, manifest.total_chunk_count), (Some(25_000), Some(3)));
        let middle = results.chunk("id", 1);
        assert_eq!(middle.next_chunk_index, Some(2));
        assert_eq!(
            middle.next_chunk_internal_link.as_deref(),
            Some("/api/2.0/sql/statements/id/result/chunks/2?row_offset=20000")
        );
        let last = results.chunk("id", 2);
        assert_eq!((last.data_array.unwrap().len(), last.next_chunk_index), (5_000, None));
    }

    #[test]
    fn wide_rows_end_a_chunk_early() {
        // 5 bytes of punctuation a row: four rows of a megabyte each stay below 4 MiB, a fifth does not.
        let results = Results::new(output(9, &"x".repeat(1_000_000)), None).unwrap();
        let counts: Vec<_> = results.manifest().chunks.unwrap().iter().map(|chunk| chunk.row_count).collect();
        assert_eq!(counts, [4, 4, 1]);
    }

    #[test]
    fn a_result_without_rows_is_an_empty_object() {
        let results = Results::new(output(0, ""), None).unwrap();
        assert_eq!(serde_json::to_string(&results.chunk("id", 0)).unwrap(), "{}");
        let manifest = results.manifest();
        assert_eq!((manifest.total_chunk_count, manifest.chunks), (Some(0), None));
        assert_eq!(manifest.schema.unwrap().column_count, 1);
        assert_eq!(Results::new(Output::default(), None).unwrap().manifest().schema, None);
    }

    #[test]
    fn limits_cut_off_or_refuse() {
        let results = Results::new(output(10, "12345"), Some(25)).unwrap();
        assert_eq!((results.row_count(), results.manifest().truncated), (2, true));
        assert!(Results::new(output(26, &"x".repeat(1 << 20)), None).is_err());
        assert!(Results::new(output(26, &"x".repeat(1 << 20)), Some(2 << 20)).is_ok());
    }
}
