//! The one HTTP core: authorisation, timeouts, retries, meanings of errors. Nothing else names `reqwest`.
