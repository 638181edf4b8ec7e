//! The integration tests, in one binary: it links once, and its parts share what is in `support`.

#[cfg(feature = "local")]
mod workspace;
