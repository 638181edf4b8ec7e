//! The one HTTP core: auth hook, timeout, retry, redaction, meanings of errors.

mod open_enum;

pub(crate) use open_enum::open_enum;
