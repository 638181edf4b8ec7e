//! The integration tests, in one binary: it links once, and its parts share what is in `support`.

#[cfg(feature = "local")]
mod ahead;
mod analysis;
#[cfg(feature = "local")]
mod backfill;
#[cfg(feature = "local")]
mod bad_input;
#[cfg(feature = "local")]
mod browser;
#[cfg(feature = "local")]
mod check_output;
mod codes;
#[cfg(feature = "local")]
mod cohort_sql;
#[cfg(feature = "local")]
mod corpus_pages;
#[cfg(feature = "local")]
mod dashboard_estimates;
#[cfg(feature = "local")]
mod data_tests;
mod databricks_client;
#[cfg(feature = "local")]
mod defer;
mod deploy;
mod deploy_dashboards;
mod deploy_details;
mod deploy_faults;
mod doctor;
#[cfg(feature = "local")]
mod durability;
#[cfg(feature = "local")]
mod elsewhere;
#[cfg(feature = "local")]
mod embedded_fivetran;
#[cfg(feature = "local")]
mod examples;
mod fault_matrix;
mod faults;
#[cfg(feature = "local")]
mod first_page;
#[cfg(feature = "local")]
mod first_run;
mod fivetran_changes;
mod fivetran_client;
#[cfg(feature = "local")]
mod fivetran_connections;
mod fivetran_polls;
#[cfg(feature = "local")]
mod fivetran_scenarios;
mod fivetran_states;
#[cfg(feature = "local")]
mod fivetran_webhooks;
mod fuzz;
mod github;
#[cfg(feature = "local")]
mod hostile_files;
mod http_faults;
mod hung;
#[cfg(feature = "local")]
mod in_flight;
mod incremental;
mod incremental_twins;
#[cfg(feature = "local")]
mod interrupt;
mod lineage;
#[cfg(feature = "local")]
mod lints;
mod login;
#[cfg(feature = "local")]
mod measure;
#[cfg(feature = "local")]
mod metamorphic;
#[cfg(feature = "local")]
mod midway;
mod model_pack;
#[cfg(feature = "local")]
mod mutations;
#[cfg(feature = "local")]
mod notifications;
#[cfg(feature = "local")]
mod other_clients;
#[cfg(feature = "local")]
mod postgres;
#[cfg(feature = "local")]
mod preview;
#[cfg(feature = "local")]
mod preview_browser;
mod result_stream;
#[cfg(feature = "local")]
mod resume;
#[cfg(feature = "local")]
mod retarget;
#[cfg(feature = "local")]
mod runs;
#[cfg(feature = "local")]
mod scheduled_jobs;
#[cfg(feature = "local")]
mod segment_statistics;
#[cfg(feature = "local")]
mod selection;
mod skipped;
#[cfg(feature = "local")]
mod spark_marts;
mod spark_queries;
#[cfg(feature = "local")]
mod status;
#[cfg(feature = "local")]
mod support;
#[cfg(feature = "local")]
mod tables;
#[cfg(feature = "local")]
mod telemetry;
mod tidy;
mod together;
#[cfg(feature = "local")]
mod unchanged;
#[cfg(feature = "local")]
mod unit_tests;
#[cfg(feature = "local")]
mod walk;
#[cfg(feature = "local")]
mod watch;
#[cfg(feature = "local")]
mod workspace;
