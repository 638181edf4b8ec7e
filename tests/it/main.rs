//! The integration tests, in one binary: it links once, and its parts share what is in `support`.

mod analysis;
#[cfg(feature = "local")]
mod bad_input;
#[cfg(feature = "local")]
mod browser;
#[cfg(feature = "local")]
mod cohort_sql;
#[cfg(feature = "local")]
mod data_tests;
mod databricks_client;
mod deploy;
mod deploy_faults;
mod doctor;
#[cfg(feature = "local")]
mod durability;
#[cfg(feature = "local")]
mod embedded_fivetran;
#[cfg(feature = "local")]
mod examples;
mod fault_matrix;
mod faults;
#[cfg(feature = "local")]
mod first_run;
mod fivetran_client;
mod fivetran_polls;
#[cfg(feature = "local")]
mod fivetran_scenarios;
mod fivetran_states;
mod github;
mod http_faults;
#[cfg(feature = "local")]
mod incremental;
#[cfg(feature = "local")]
mod interrupt;
#[cfg(feature = "local")]
mod lineage;
mod login;
#[cfg(feature = "local")]
mod measure;
#[cfg(feature = "local")]
mod mutations;
#[cfg(feature = "local")]
mod other_clients;
#[cfg(feature = "local")]
mod postgres;
#[cfg(feature = "local")]
mod preview;
mod result_stream;
#[cfg(feature = "local")]
mod resume;
#[cfg(feature = "local")]
mod runs;
#[cfg(feature = "local")]
mod support;
#[cfg(feature = "local")]
mod tables;
mod tidy;
#[cfg(feature = "local")]
mod unchanged;
#[cfg(feature = "local")]
mod workspace;
