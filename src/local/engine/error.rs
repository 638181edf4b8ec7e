//! Why a statement failed, in the words of Databricks: a condition, an SQLSTATE and a text.

/// A failed statement.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{message}")]
pub struct SqlError {
    /// The error condition: `TABLE_OR_VIEW_NOT_FOUND`, `DATATYPE_MISMATCH.BINARY_OP_DIFF_TYPES`, …
    pub condition: String,
    /// Five characters: `42P01`.
    pub sqlstate: &'static str,
    /// The text as a warehouse would send it: `[CONDITION] what is wrong. SQLSTATE: 42P01`, followed by the place in
    /// the statement where one is known.
    pub message: String,
    /// Line and column in the statement, from 1, where known.
    pub position: Option<(usize, usize)>,
    /// The API's code for it: `BAD_REQUEST` for nearly every mistake, `CANCELLED`, `INTERNAL_ERROR`, `IO_ERROR`, ….
    pub error_code: &'static str,
}

impl SqlError {
    /// A mistake in the statement.
    pub(super) fn new(condition: impl Into<String>, sqlstate: &'static str, text: impl AsRef<str>) -> Self {
        let condition = condition.into();
        let message = format!("[{condition}] {} SQLSTATE: {sqlstate}", text.as_ref());
        Self { condition, sqlstate, message, position: None, error_code: "BAD_REQUEST" }
    }

    /// A name that stands for no table and no view.
    pub(super) fn table_not_found(name: &str) -> Self {
        Self::new(
            "TABLE_OR_VIEW_NOT_FOUND",
            "42P01",
            format!(
                "The table or view {name} cannot be found. Verify the spelling and correctness of the schema and \
                 catalog. If you did not qualify the name with a schema, verify the current_schema() output, or \
                 qualify the name with the correct schema and catalog."
            ),
        )
    }

    /// A kind of statement that the embedded warehouse does not run.
    pub(super) fn unsupported_statement(what: &str) -> Self {
        Self::new("UNSUPPORTED_STATEMENT", "0A000", format!("The embedded warehouse does not support {what}."))
    }
}

/// Why an engine's folder could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The folder cannot be made, read or written.
    #[error("cannot open the folder of the embedded warehouse")]
    Folder(#[source] std::io::Error),
}
