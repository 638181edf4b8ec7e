//! The integration tests, in one binary: it links once, and its parts share what is in `support`.

mod databricks_client;
mod faults;
mod fivetran_client;
mod http_faults;
#[cfg(feature = "local")]
mod workspace;
