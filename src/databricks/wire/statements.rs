//! SQL Statement Execution and query history.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::http::open_enum;

/// Body of `POST /api/2.0/sql/statements`: one SQL statement.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatementRequest {
    /// The SQL text, at most 16 MiB.
    pub statement: String,
    /// Where it runs.
    pub warehouse_id: String,
    /// Default catalog of names, for this statement only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub catalog: Option<String>,
    /// Default schema of names, for this statement only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schema: Option<String>,
    /// Values for `:name` markers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parameters: Vec<Parameter>,
    /// `0s`, or `5s` to `50s`; the service takes `10s` if it is absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wait_timeout: Option<String>,
    /// What happens when the wait is over; the service takes `CONTINUE` if it is absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_wait_timeout: Option<OnWaitTimeout>,
    /// How the result comes; the service takes `INLINE` if it is absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disposition: Option<Disposition>,
    /// What the result looks like; the service takes `JSON_ARRAY` if it is absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub format: Option<Format>,
    /// At most so many rows; more are cut off and the manifest says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub row_limit: Option<i64>,
    /// At most so many bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub byte_limit: Option<i64>,
    /// Marks by which the statement is found again in the query history; at most 20, no secrets.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub query_tags: Vec<QueryTag>,
}

/// A value for a `:name` marker.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parameter {
    /// The marker's name, without the colon.
    pub name: String,
    /// The value as text; absent or `null` means NULL.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// SQL type the text is cast to; `STRING` if absent.
    #[serde(rename = "type", default, skip_serializing_if = "Option::is_none")]
    pub type_text: Option<String>,
}

/// A mark on a statement.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueryTag {
    /// The key; one value is kept for each.
    pub key: String,
    /// At most 128 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
}

open_enum! {
    /// `on_wait_timeout`.
    pub enum OnWaitTimeout {
        /// The statement goes on.
        Continue = "CONTINUE",
        /// The statement is cancelled.
        Cancel = "CANCEL",
    }
}

open_enum! {
    /// `disposition`.
    pub enum Disposition {
        /// The rows are in the answer, at most 25 MiB.
        Inline = "INLINE",
        /// The rows are behind links.
        ExternalLinks = "EXTERNAL_LINKS",
    }
}

open_enum! {
    /// `format` of a result.
    pub enum Format {
        /// Arrays of texts.
        JsonArray = "JSON_ARRAY",
        /// Arrow, only with external links.
        ArrowStream = "ARROW_STREAM",
        /// CSV, only with external links.
        Csv = "CSV",
    }
}

/// Answer of submit and poll.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatementResponse {
    /// The statement's id.
    pub statement_id: String,
    /// How far it is.
    pub status: StatementStatus,
    /// What the result is like, once it succeeded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub manifest: Option<Manifest>,
    /// The first chunk; `{}` if there are no rows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result: Option<ResultData>,
}

/// `status` of a statement.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatementStatus {
    /// The state.
    pub state: StatementState,
    /// Why it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<ServiceError>,
    /// SQLSTATE, with `FAILED` only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sql_state: Option<String>,
}

open_enum! {
    /// `status.state`.
    pub enum StatementState {
        /// Waits for the warehouse.
        Pending = "PENDING",
        /// Runs.
        Running = "RUNNING",
        /// Done; the result can be fetched.
        Succeeded = "SUCCEEDED",
        /// Did not work.
        Failed = "FAILED",
        /// Ended by a cancel call or a timeout.
        Canceled = "CANCELED",
        /// Done, and the result is gone.
        Closed = "CLOSED",
    }
}

impl StatementState {
    /// Tells whether the state is final. An unknown state counts as not final: polling goes on.
    pub fn is_terminal(&self) -> bool {
        matches!(self, Self::Succeeded | Self::Failed | Self::Canceled | Self::Closed)
    }
}

/// `status.error`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceError {
    /// Such as `BAD_REQUEST`; the condition at the message's start says more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_code: Option<String>,
    /// `[CONDITION] text SQLSTATE: …`.
    #[serde(default)]
    pub message: String,
}

/// `manifest`: what the result is like.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// The format asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub format: Option<Format>,
    /// The columns; absent for DDL.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schema: Option<ResultSchema>,
    /// Rows in all chunks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub total_row_count: Option<i64>,
    /// Chunks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub total_chunk_count: Option<i64>,
    /// Bytes in all chunks; not with `INLINE`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub total_byte_count: Option<i64>,
    /// Whether a limit cut the result off.
    #[serde(default)]
    pub truncated: bool,
    /// The chunks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chunks: Option<Vec<ChunkInfo>>,
}

/// `manifest.schema`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResultSchema {
    /// How many columns.
    #[serde(default)]
    pub column_count: i64,
    /// The columns, in order.
    #[serde(default)]
    pub columns: Vec<ColumnInfo>,
}

/// A column of a result.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ColumnInfo {
    /// Its name.
    pub name: String,
    /// Place, from 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub position: Option<i64>,
    /// Such as `DECIMAL`; newer types are not in the documented list.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub type_name: Option<String>,
    /// Such as `DECIMAL(10,2)`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub type_text: Option<String>,
    /// Digits of a decimal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub type_precision: Option<i64>,
    /// Digits of a decimal behind the point.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub type_scale: Option<i64>,
    /// Unit of an interval.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub type_interval_type: Option<String>,
}

/// A chunk as the manifest announces it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChunkInfo {
    /// Number, from 0.
    pub chunk_index: i64,
    /// Its first row's number in the result.
    #[serde(default)]
    pub row_offset: i64,
    /// Its rows.
    #[serde(default)]
    pub row_count: i64,
    /// Its bytes; not with `INLINE`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub byte_count: Option<i64>,
}

/// `result`, and the answer of `GET …/result/chunks/{chunk_index}`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResultData {
    /// Number of this chunk, from 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chunk_index: Option<i64>,
    /// Its first row's number in the result.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub row_offset: Option<i64>,
    /// Its rows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub row_count: Option<i64>,
    /// The rows: every value a text, NULL `null`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data_array: Option<Vec<Vec<Option<String>>>>,
    /// Where the rows are, with external links.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub external_links: Option<Vec<ExternalLink>>,
    /// The chunk after this one; absent on the last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_chunk_index: Option<i64>,
    /// Absolute path of the chunk after this one, on the same host.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_chunk_internal_link: Option<String>,
}

/// A link to a chunk. Address and headers are secrets: whoever has them can read the rows.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExternalLink {
    /// The address.
    pub external_link: String,
    /// When it stops to work, at most 15 minutes on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expiration: Option<String>,
    /// Headers to send along.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub http_headers: Option<Value>,
    /// Number of the chunk.
    #[serde(default)]
    pub chunk_index: i64,
    /// Its first row's number in the result.
    #[serde(default)]
    pub row_offset: i64,
    /// Its rows.
    #[serde(default)]
    pub row_count: i64,
    /// Its bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub byte_count: Option<i64>,
    /// The chunk after it; absent on the last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_chunk_index: Option<i64>,
    /// Absolute path of the chunk after it, on the same host.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_chunk_internal_link: Option<String>,
}

impl std::fmt::Debug for ExternalLink {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ExternalLink")
            .field("external_link", &"[secret]")
            .field("expiration", &self.expiration)
            .field("chunk_index", &self.chunk_index)
            .field("row_count", &self.row_count)
            .finish_non_exhaustive()
    }
}

/// A page of `GET /api/2.0/sql/history/queries`, newest first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HistoryPage {
    /// The entries.
    #[serde(default)]
    pub res: Vec<HistoryQuery>,
    /// Asks for the next page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_page_token: Option<String>,
    /// Whether there is a next page.
    #[serde(default)]
    pub has_next_page: bool,
}

/// A statement in the query history. Times are milliseconds since 1970.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HistoryQuery {
    /// The query's id; believed, not promised, to be the statement's.
    pub query_id: String,
    /// The SQL text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub query_text: Option<String>,
    /// `QUEUED`, `STARTED`, `COMPILING`, `COMPILED`, `RUNNING`, `CANCELED`, `FAILED` or `FINISHED`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
    /// Whether the entry will not change any more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub is_final: Option<bool>,
    /// Such as `SELECT`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub statement_type: Option<String>,
    /// Why it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_message: Option<String>,
    /// Where it ran.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub warehouse_id: Option<String>,
    /// Who sent it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_name: Option<String>,
    /// When it began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub query_start_time_ms: Option<i64>,
    /// When its execution ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub execution_end_time_ms: Option<i64>,
    /// When its result was fetched.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub query_end_time_ms: Option<i64>,
    /// How long it took, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration: Option<i64>,
    /// Rows of its result.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rows_produced: Option<i64>,
    /// Its marks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub query_tags: Option<Vec<QueryTag>>,
    /// The program that sent it, from its User-Agent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_application: Option<String>,
    /// Figures, if they were asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metrics: Option<Value>,
}

#[cfg(test)]
#[path = "statements_tests.rs"]
mod tests;
