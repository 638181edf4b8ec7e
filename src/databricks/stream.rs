//! Results too large for one answer: fetched chunk by chunk through links, with one chunk in memory at a time.
//!
//! A link is an address on other storage, and a secret: it goes there without the workspace's credentials and is shown
//! nowhere. It lives for minutes; for one that has ended, the chunk is asked for again.

use chrono::{DateTime, TimeDelta};
use serde::de::IgnoredAny;
use tokio_util::sync::CancellationToken;
use url::Url;

use super::error::Error;
use super::statements::{Column, Listener, Rows, Statement, Statements, columns};
use super::wire::{ExternalLink, ResultData, StatementState};
use crate::http::{self, Auth, Class, Http, Options, Request, Service, base_address};
use crate::ids::StatementId;
use crate::secret::Secret;

const STORAGE: Service = Service {
    name: "Databricks results",
    credentials: "that this machine may reach the storage behind the workspace",
    refusal: |_| None,
};

/// The largest chunk that is taken; services make them far smaller.
const MAX_CHUNK: usize = 100 << 20;

/// How many links are tried for one chunk.
const MAX_LINKS: u32 = 3;

/// A link that ends within so short a time is not followed.
const SHORT: TimeDelta = TimeDelta::seconds(30);

/// The form in which rows come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RowFormat {
    /// Each chunk is a JSON array of rows: see [`Chunk::rows`].
    Json,
    /// Each chunk is an Arrow IPC stream, with the types as they are.
    Arrow,
}

/// A part of a result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chunk {
    /// Its number, from 0.
    pub index: i64,
    /// The number of its first row in the result.
    pub row_offset: i64,
    /// How many rows it has.
    pub row_count: i64,
    /// Its bytes, in the form that was asked for.
    pub bytes: Vec<u8>,
}

impl Chunk {
    /// Reads the rows of a chunk of JSON: every value a text, NULL `None`.
    ///
    /// # Errors
    /// If the chunk is something else.
    pub fn rows(&self) -> Result<Vec<Vec<Option<String>>>, serde_json::Error> {
        serde_json::from_slice(&self.bytes)
    }
}

/// A result that is read from its beginning to its end.
pub struct ResultStream<'a> {
    statements: Statements<'a>,
    id: StatementId,
    columns: Vec<Column>,
    total_rows: Option<i64>,
    truncated: bool,
    format: RowFormat,
    /// Where the next chunk is.
    next: Next,
    /// Rows handed out so far.
    rows: i64,
    /// The client of the storage that links led to last.
    storage: Option<(url::Origin, Http)>,
}

enum Next {
    /// Behind this link.
    Link(Box<ExternalLink>),
    /// Behind a link that has to be asked for.
    Index(i64),
    /// There is none.
    End,
}

impl<'a> Statements<'a> {
    /// Runs a statement to its end, and returns its result to be read chunk by chunk. On cancellation the statement is
    /// cancelled too.
    ///
    /// # Errors
    /// If it could not be sent, failed, was cancelled, or ended with its result gone.
    pub async fn stream(
        self,
        statement: &Statement,
        format: RowFormat,
        cancel: &CancellationToken,
        listener: &mut dyn Listener,
    ) -> Result<ResultStream<'a>, Error> {
        let rows = match format {
            RowFormat::Json => Rows::Json,
            RowFormat::Arrow => Rows::Arrow,
        };
        let (id, response) = self.start(statement, rows, cancel, listener).await?;
        let response = self.until_end(&id, response, statement.within, cancel, listener).await?;
        if response.status.state == StatementState::Closed {
            return Err(Error::ResultGone(id));
        }
        let manifest = response.manifest.unwrap_or_default();
        Ok(ResultStream {
            statements: self,
            id,
            total_rows: manifest.total_row_count,
            truncated: manifest.truncated,
            format,
            columns: columns(manifest),
            next: first(response.result.unwrap_or_default()),
            rows: 0,
            storage: None,
        })
    }
}

impl ResultStream<'_> {
    /// Returns the columns.
    pub fn columns(&self) -> &[Column] {
        &self.columns
    }

    /// Returns how many rows were announced.
    pub fn total_rows(&self) -> Option<i64> {
        self.total_rows
    }

    /// Tells whether a limit cut rows off.
    pub fn is_truncated(&self) -> bool {
        self.truncated
    }

    /// Fetches the next chunk; nothing after the last. What was handed out before is no longer held.
    ///
    /// # Errors
    /// If a request fails, the result has expired, or rows are missing in the end. After an error the same chunk is fetched
    /// by the next call.
    pub async fn next(&mut self) -> Result<Option<Chunk>, Error> {
        let mut tried = 0;
        loop {
            let link = match &self.next {
                Next::End => return self.end(),
                Next::Link(link) if !self.is_ending(link) => link.clone(),
                Next::Link(link) => self.ask(link.chunk_index).await?,
                Next::Index(index) => self.ask(*index).await?,
            };
            tried += 1;
            match self.follow(&link).await {
                Ok(bytes) => return self.take(*link, bytes).map(Some),
                // Storage words the end of a link in its own ways, mostly as 403; the next link shows whether it was that.
                Err(error) if tried < MAX_LINKS && error.class() != Class::Invalid && error.class() != Class::Bug => {
                    tracing::debug!(%error, chunk = link.chunk_index, "the link did not work; another one is asked for");
                    self.next = Next::Index(link.chunk_index);
                }
                Err(error) => {
                    self.next = Next::Index(link.chunk_index);
                    return Err(error.into());
                }
            }
        }
    }

    fn is_ending(&self, link: &ExternalLink) -> bool {
        let http = self.statements.http;
        let end = link.expiration.as_deref().and_then(|text| DateTime::parse_from_rfc3339(text).ok());
        end.is_some_and(|end| end.to_utc() - SHORT <= http.on_its_clock(http.clock().now()))
    }

    async fn ask(&self, index: i64) -> Result<Box<ExternalLink>, Error> {
        let data = self.statements.chunk(&self.id, index).await?;
        let link = data.external_links.unwrap_or_default().into_iter().find(|link| link.chunk_index == index);
        link.map(Box::new).ok_or_else(|| Error::NoLink { statement_id: self.id.clone(), chunk: index })
    }

    /// Fetches what is behind a link.
    async fn follow(&mut self, link: &ExternalLink) -> Result<Vec<u8>, http::Error> {
        let bad = |message: String| {
            http::Error::of_login(
                STORAGE.name,
                "a link of the result",
                message,
                "report this; the API may have changed",
            )
        };
        let url = Url::parse(&link.external_link).map_err(|_| bad("it is no address".to_owned()))?;
        let base = base_address(&url.origin().ascii_serialization()).map_err(|error| bad(error.to_string()))?;
        let http = match &self.storage {
            Some((origin, http)) if *origin == url.origin() => http.clone(),
            _ => {
                let options = Options { credentials: None, max_answer: MAX_CHUNK, ..self.statements.http.options() };
                let http = Http::new(&STORAGE, base, Auth::None, options)?;
                self.storage = Some((url.origin(), http.clone()));
                http
            }
        };
        let mut request = Request::get(url.path()).accept("*/*").shown_as("/[link]").secret(Secret::new(url.path()));
        if let Some(query) = url.query() {
            // As it is: a signature covers every character of it.
            request = request.raw_query(query).secret(Secret::new(query));
        }
        let headers = link.http_headers.as_ref().and_then(serde_json::Value::as_object);
        for (name, value) in headers.into_iter().flatten() {
            if let Some(value) = value.as_str() {
                request = request.secret(Secret::new(value)).header(name, Secret::new(value));
            }
        }
        http.bytes(request).await
    }

    /// Takes a chunk that came, if it is whole. What its announced bytes count is not the length of every form, so rows are
    /// counted where that is possible.
    fn take(&mut self, link: ExternalLink, bytes: Vec<u8>) -> Result<Chunk, Error> {
        if self.format == RowFormat::Json {
            // Nothing is kept of the rows here, only their number.
            let rows = serde_json::from_slice::<Vec<IgnoredAny>>(&bytes).map_or(0, |rows| rows.len());
            let received = i64::try_from(rows).unwrap_or(i64::MAX);
            if received != link.row_count {
                let (statement_id, chunk, expected) = (self.id.clone(), link.chunk_index, link.row_count);
                self.next = Next::Index(chunk);
                return Err(Error::IncompleteChunk { statement_id, chunk, expected, received });
            }
        }
        self.rows += link.row_count;
        self.next = match link.next_chunk_index {
            // An index that does not grow would go round in circles.
            Some(next) if next > link.chunk_index => Next::Index(next),
            _ => Next::End,
        };
        Ok(Chunk { index: link.chunk_index, row_offset: link.row_offset, row_count: link.row_count, bytes })
    }

    fn end(&self) -> Result<Option<Chunk>, Error> {
        match self.total_rows.filter(|&total| total != self.rows && !self.truncated) {
            Some(expected) => Err(Error::Incomplete { statement_id: self.id.clone(), expected, received: self.rows }),
            None => Ok(None),
        }
    }
}

/// Says where the first chunk is.
fn first(data: ResultData) -> Next {
    match data.external_links.unwrap_or_default().into_iter().next() {
        Some(link) => Next::Link(Box::new(link)),
        None => Next::End,
    }
}
