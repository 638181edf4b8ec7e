//! The one HTTP core: base address, authorization, time limits, retries, redaction and the meanings of errors.
//!
//! No client has a retry loop or compares status numbers of its own. A client describes its service once ([`Service`]),
//! makes an [`Http`], and sends [`Request`]s; what comes back is the typed body or one [`Error`] with a [`Class`].

mod address;
mod answer;
mod auth;
mod clock;
mod core;
mod error;
mod open_enum;
mod pace;
mod request;
mod retry;
mod tokens;

pub use address::{AddressError, base_address};
pub use answer::Answer;
pub use auth::{Auth, redact};
pub use clock::Clock;
pub use core::{Http, Options, Refusal, Service};
pub use error::{Class, Error};
pub(crate) use open_enum::open_enum;
pub use pace::Pace;
pub use request::{Method, Request};
pub use retry::{Fate, RetryPolicy};
pub use tokens::{Token, TokenSource, Tokens};
