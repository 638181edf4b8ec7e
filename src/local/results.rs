//! A statement's rows as the API hands them out: cut into chunks, inside answers or behind links.

use std::io;

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::databricks::wire::{ChunkInfo, ColumnInfo, ExternalLink, Format, Manifest, ResultData, ResultSchema};
use crate::local::engine::{Column, Output, Spool, row_bytes};

/// A chunk inside answers ends at so many rows, or so many bytes.
const CHUNK_ROWS: usize = 10_000;
const CHUNK_BYTES: usize = 4 << 20;

/// The largest result that may travel inside answers.
pub(super) const INLINE_BYTES: usize = 25 << 20;

/// For how long a link can be followed.
const LINK_LIFE: TimeDelta = TimeDelta::minutes(15);

/// The result is larger than [`INLINE_BYTES`].
#[derive(Debug)]
pub(super) struct TooLarge;

impl TooLarge {
    /// What the statement's status says.
    pub(super) fn message() -> String {
        format!(
            "Inline byte limit exceeded. Statements executed with disposition=INLINE can have a result size of at most \
             {INLINE_BYTES} bytes. Use disposition=EXTERNAL_LINKS, add a row_limit, or select fewer rows or columns."
        )
    }
}

/// A finished statement's result.
#[derive(Debug)]
pub(super) struct Results {
    columns: Vec<Column>,
    body: Body,
    row_count: usize,
    truncated: bool,
    /// What it takes in memory, roughly.
    pub(super) bytes: usize,
}

#[derive(Debug)]
enum Body {
    /// Inside answers.
    Inline(Vec<Chunk>),
    /// Behind links, which only who was given one can make up.
    Linked { spool: Spool, format: Format, key: Uuid },
}

#[derive(Debug)]
struct Chunk {
    row_offset: usize,
    rows: Vec<Vec<Option<String>>>,
}

/// What links are made of: where the server is, and the time.
pub(super) struct Links<'a> {
    /// Such as `http://127.0.0.1:8080`.
    pub(super) base: &'a str,
    pub(super) now: DateTime<Utc>,
}

impl Results {
    /// Cuts the rows into chunks, and off behind `byte_limit` bytes; rows that were spooled are handed out behind links.
    pub(super) fn new(output: Output, format: Format, byte_limit: Option<usize>) -> Result<Self, TooLarge> {
        let Output { columns, truncated, spool, rows, .. } = output;
        if let Some(spool) = spool {
            let row_count = spool.pieces().iter().map(|piece| piece.rows).sum();
            let body = Body::Linked { spool, format, key: Uuid::new_v4() };
            return Ok(Self { columns, body, row_count, truncated, bytes: 0 });
        }
        let mut results = Self { columns, body: Body::Inline(Vec::new()), row_count: 0, truncated, bytes: 0 };
        let mut chunks: Vec<Chunk> = Vec::new();
        let mut chunk_bytes = 0;
        for row in rows {
            let row_bytes = row_bytes(&row);
            if byte_limit.is_some_and(|limit| results.bytes + row_bytes > limit) {
                results.truncated = true;
                break;
            }
            results.bytes += row_bytes;
            if results.bytes > INLINE_BYTES {
                return Err(TooLarge);
            }
            chunk_bytes += row_bytes;
            match chunks.last_mut() {
                Some(chunk) if chunk.rows.len() < CHUNK_ROWS && chunk_bytes <= CHUNK_BYTES => chunk.rows.push(row),
                _ => {
                    chunks.push(Chunk { row_offset: results.row_count, rows: vec![row] });
                    chunk_bytes = row_bytes;
                }
            }
            results.row_count += 1;
        }
        results.body = Body::Inline(chunks);
        Ok(results)
    }

    /// Returns how many rows there are.
    pub(super) fn row_count(&self) -> usize {
        self.row_count
    }

    /// Returns how many chunks there are.
    pub(super) fn chunk_count(&self) -> usize {
        match &self.body {
            Body::Inline(chunks) => chunks.len(),
            Body::Linked { spool, .. } => spool.pieces().len(),
        }
    }

    /// Describes the result. Statements without a result set have no schema.
    pub(super) fn manifest(&self) -> Manifest {
        let info = |index, row_offset, rows, bytes| ChunkInfo {
            chunk_index: int(index),
            row_offset: int(row_offset),
            row_count: int(rows),
            byte_count: bytes,
        };
        let (format, chunks): (_, Vec<_>) = match &self.body {
            Body::Inline(chunks) => {
                let chunks = chunks.iter().enumerate();
                let chunks = chunks.map(|(index, chunk)| info(index, chunk.row_offset, chunk.rows.len(), None));
                (Format::JsonArray, chunks.collect())
            }
            Body::Linked { spool, format, .. } => {
                let pieces = spool.pieces().iter().enumerate();
                let chunks = pieces.map(|(index, p)| info(index, p.row_offset, p.rows, i64::try_from(p.bytes).ok()));
                (format.clone(), chunks.collect())
            }
        };
        let bytes: Option<i64> = chunks.iter().map(|chunk| chunk.byte_count).sum();
        Manifest {
            format: Some(format),
            schema: (!self.columns.is_empty()).then(|| ResultSchema {
                column_count: int(self.columns.len()),
                columns: self.columns.iter().enumerate().map(|(index, column)| column_info(index, column)).collect(),
            }),
            total_row_count: Some(int(self.row_count)),
            total_chunk_count: Some(int(chunks.len())),
            total_byte_count: bytes.filter(|_| matches!(self.body, Body::Linked { .. })),
            truncated: self.truncated,
            chunks: (!chunks.is_empty()).then_some(chunks),
        }
    }

    /// Returns a chunk, or a link to it, with the way to the next. A result without rows has none, and is `{}`.
    pub(super) fn chunk(&self, statement_id: &str, index: usize, links: &Links<'_>) -> ResultData {
        let manifest = self.manifest();
        let Some(info) = manifest.chunks.as_ref().and_then(|chunks| chunks.get(index)) else {
            return ResultData::default();
        };
        let next = manifest.chunks.as_ref().and_then(|chunks| chunks.get(index + 1));
        let next_chunk_index = next.map(|next| next.chunk_index);
        let next_chunk_internal_link = next.map(|next| {
            let (index, offset) = (next.chunk_index, next.row_offset);
            format!("/api/2.0/sql/statements/{statement_id}/result/chunks/{index}?row_offset={offset}")
        });
        match &self.body {
            Body::Inline(chunks) => ResultData {
                chunk_index: Some(info.chunk_index),
                row_offset: Some(info.row_offset),
                row_count: Some(info.row_count),
                data_array: chunks.get(index).map(|chunk| chunk.rows.clone()),
                external_links: None,
                next_chunk_index,
                next_chunk_internal_link,
            },
            Body::Linked { key, .. } => {
                let expires = links.now + LINK_LIFE;
                let (until, signature) =
                    (expires.timestamp_millis(), signature(key, index, expires.timestamp_millis()));
                let base = links.base;
                let link = ExternalLink {
                    external_link: format!(
                        "{base}/_kiln/results/{statement_id}/{index}?expires={until}&signature={signature}"
                    ),
                    expiration: Some(expires.to_rfc3339_opts(SecondsFormat::Millis, true)),
                    http_headers: None,
                    chunk_index: info.chunk_index,
                    row_offset: info.row_offset,
                    row_count: info.row_count,
                    byte_count: info.byte_count,
                    next_chunk_index,
                    next_chunk_internal_link,
                };
                ResultData { external_links: Some(vec![link]), ..ResultData::default() }
            }
        }
    }

    /// Whether a link to a chunk is one of ours.
    pub(super) fn signed(&self, index: usize, expires: i64, shown: &str) -> bool {
        matches!(&self.body, Body::Linked { key, .. } if signature(key, index, expires) == shown)
    }

    /// What is behind the link to a chunk; none if there is no such chunk.
    pub(super) fn linked(&self, index: usize) -> io::Result<Option<Vec<u8>>> {
        let Body::Linked { spool, format, .. } = &self.body else { return Ok(None) };
        match format {
            Format::ArrowStream => spool.arrow(index),
            Format::Csv => {
                let head: Vec<_> = self.columns.iter().map(|column| Some(column.name.clone())).collect();
                let head = if index == 0 { csv_line(&head) } else { String::new() };
                let rows = spool.rows(index)?;
                Ok(rows.map(|rows| (head + &rows.iter().map(|row| csv_line(row)).collect::<String>()).into_bytes()))
            }
            _ => spool.rows(index)?.map(|rows| serde_json::to_vec(&rows).map_err(io::Error::other)).transpose(),
        }
    }
}

/// Proves that a link was handed out by who knows the key.
fn signature(key: &Uuid, index: usize, expires: i64) -> String {
    let digest = Sha256::digest(format!("{key}:{index}:{expires}"));
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A line of CSV; NULL is written as `null`.
fn csv_line(cells: &[Option<String>]) -> String {
    let cell = |cell: &Option<String>| match cell.as_deref() {
        None => "null".to_owned(),
        Some(text) if text.contains([',', '"', '\n', '\r']) => format!("\"{}\"", text.replace('"', "\"\"")),
        Some(text) => text.to_owned(),
    };
    cells.iter().map(cell).collect::<Vec<_>>().join(",") + "\n"
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
        let rows = (0..rows).map(|_| vec![Some(cell.to_owned())]).collect();
        Output { columns: vec![column], rows, is_query: true, statement_type: "SELECT", ..Output::default() }
    }

    fn inline(output: Output, byte_limit: Option<usize>) -> Result<Results, TooLarge> {
        Results::new(output, Format::JsonArray, byte_limit)
    }

    fn chunk(results: &Results, index: usize) -> ResultData {
        results.chunk("id", index, &Links { base: "http://127.0.0.1:1", now: DateTime::UNIX_EPOCH })
    }

    #[test]
    fn cells_of_csv_are_quoted_where_they_must_be() {
        let cells = ["a", "b,c", "say \"x\"", "two\nlines", ""].map(|cell| Some(cell.to_owned()));
        assert_eq!(csv_line(&cells), "a,\"b,c\",\"say \"\"x\"\"\",\"two\nlines\",\n");
        assert_eq!(csv_line(&[None, Some("x".into())]), "null,x\n");
    }

    #[test]
    fn rows_are_cut_into_chunks_that_follow_one_another() {
        let results = inline(output(25_000, "x"), None).unwrap();
        let manifest = results.manifest();
        let chunks: Vec<_> =
            manifest.chunks.unwrap().iter().map(|c| (c.chunk_index, c.row_offset, c.row_count)).collect();
        assert_eq!(chunks, [(0, 0, 10_000), (1, 10_000, 10_000), (2, 20_000, 5_000)]);
        assert_eq!((manifest.total_row_count, manifest.total_chunk_count), (Some(25_000), Some(3)));
        let middle = chunk(&results, 1);
        assert_eq!(middle.next_chunk_index, Some(2));
        assert_eq!(
            middle.next_chunk_internal_link.as_deref(),
            Some("/api/2.0/sql/statements/id/result/chunks/2?row_offset=20000")
        );
        let last = chunk(&results, 2);
        assert_eq!((last.data_array.unwrap().len(), last.next_chunk_index), (5_000, None));
    }

    #[test]
    fn wide_rows_end_a_chunk_early() {
        // 5 bytes of punctuation a row: four rows of a megabyte each stay below 4 MiB, a fifth does not.
        let results = inline(output(9, &"x".repeat(1_000_000)), None).unwrap();
        let counts: Vec<_> = results.manifest().chunks.unwrap().iter().map(|chunk| chunk.row_count).collect();
        assert_eq!(counts, [4, 4, 1]);
    }

    #[test]
    fn a_result_without_rows_is_an_empty_object() {
        let results = inline(output(0, ""), None).unwrap();
        assert_eq!(serde_json::to_string(&chunk(&results, 0)).unwrap(), "{}");
        let manifest = results.manifest();
        assert_eq!((manifest.total_chunk_count, manifest.chunks), (Some(0), None));
        assert_eq!(manifest.schema.unwrap().column_count, 1);
        assert_eq!(inline(Output::default(), None).unwrap().manifest().schema, None);
    }

    #[test]
    fn limits_cut_off_or_refuse() {
        let results = inline(output(10, "12345"), Some(25)).unwrap();
        assert_eq!((results.row_count(), results.manifest().truncated), (2, true));
        assert!(inline(output(26, &"x".repeat(1 << 20)), None).is_err());
        assert!(inline(output(26, &"x".repeat(1 << 20)), Some(2 << 20)).is_ok());
    }
}
