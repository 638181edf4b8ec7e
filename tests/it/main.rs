//! The integration tests, in one binary: it links once, and its parts share what is in `support`.

mod analysis;
#[cfg(feature = "local")]
mod bad_input;
#[cfg(feature = "local")]
mod cohort_sql;
#[cfg(feature = "local")]
mod embedded_fivetran;
#[cfg(feature = "local")]
mod examples;
mod faults;
#[cfg(feature = "local")]
mod first_run;
mod http_faults;
#[cfg(feature = "local")]
mod support;
#[cfg(feature = "local")]
mod tables;
mod tidy;
#[cfg(feature = "local")]
mod workspace;

// These two need wiremock; they come back together with its line in Cargo.toml.
// mod databricks_client;
// mod fivetran_client;
