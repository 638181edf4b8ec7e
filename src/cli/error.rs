//! What can keep a command from its work, and the exit status that follows.

use super::Status;
use crate::diag::Diagnostics;

/// Why a command could not do its work.
#[derive(Debug)]
pub(super) enum Error {
    /// The project is wrong.
    Project(Diagnostics),
    /// The command line asks for something that does not go.
    Usage(Message),
    /// The environment, or the machine, could not be reached or refused us.
    Refused(Message),
    /// Somebody interrupted it before it had begun.
    Interrupted,
}

/// A message with the next action.
#[derive(Debug)]
pub(super) struct Message {
    /// What happened: lower case, no full stop.
    pub(super) text: String,
    /// What to do, as full sentences.
    pub(super) help: Option<String>,
}

impl Error {
    pub(super) fn usage(text: impl Into<String>) -> Self {
        Self::Usage(Message { text: text.into(), help: None })
    }

    pub(super) fn refused(text: impl Into<String>) -> Self {
        Self::Refused(Message { text: text.into(), help: None })
    }

    /// Says what to do.
    pub(super) fn with_help(mut self, help: impl Into<String>) -> Self {
        match &mut self {
            Self::Usage(message) | Self::Refused(message) => message.help = Some(help.into()),
            Self::Project(_) | Self::Interrupted => {}
        }
        self
    }

    pub(super) fn status(&self) -> Status {
        match self {
            Self::Project(_) => Status::ProjectWrong,
            Self::Usage(_) => Status::Usage,
            Self::Refused(_) => Status::Unreachable,
            Self::Interrupted => Status::Interrupted,
        }
    }
}

impl From<Diagnostics> for Error {
    fn from(diagnostics: Diagnostics) -> Self {
        Self::Project(diagnostics)
    }
}
