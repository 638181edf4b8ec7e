//! What can go wrong with a call to Fivetran.

use std::sync::Arc;

use crate::http::{self, Class};

/// Why a call did not work.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A request failed.
    #[error(transparent)]
    Http(#[from] http::Error),
    /// A good answer came without what was asked for.
    #[error("Fivetran: the answer to {0} has no data")]
    NoData(String),
    /// A request that another who waits sent for both failed.
    #[error(transparent)]
    Shared(Arc<Error>),
    /// What is about to be done could not be kept on record, and so was not done.
    #[error("nothing was triggered: {0}")]
    NotKept(String),
    /// No connection has the schema prefix, or several have it.
    #[error("{count} Fivetran connections have the schema prefix `{prefix}`; exactly one is needed")]
    Prefix {
        /// The prefix.
        prefix: String,
        /// How many have it.
        count: usize,
    },
}

impl Error {
    /// Returns what the error means, for the exit status.
    pub fn class(&self) -> Class {
        match self {
            Self::Http(error) => error.class(),
            Self::Shared(error) => error.class(),
            Self::NoData(_) => Class::Bug,
            Self::Prefix { count: 0, .. } => Class::NotFound,
            Self::Prefix { .. } | Self::NotKept(_) => Class::Invalid,
        }
    }

    /// Says what to do about it.
    pub fn help(&self) -> String {
        match self {
            Self::Http(error) => error.help(),
            Self::Shared(error) => error.help(),
            Self::NoData(_) => "report this; Fivetran's API may have changed".to_owned(),
            Self::Prefix { count: 0, .. } => {
                "create the connection in Fivetran, let `kiln deploy` make it by its `config`, or correct `schema_prefix` \
                 and `group`; a key sees only what its user may see"
                    .to_owned()
            }
            Self::NotKept(_) => {
                "make room and rights under `.kiln` in the project's folder, then run it again".to_owned()
            }
            Self::Prefix { .. } => "say which one is meant by its `id`, or by its `group`".to_owned(),
        }
    }
}
