//! `kiln schema`.

use super::Status;
use super::error::Error;
use super::output::Output;
use crate::config;

/// Print the JSON Schema of jobs.yaml, for editors
#[derive(Debug, clap::Args)]
pub(super) struct Args {}

pub(super) fn run(_: &Args, output: &Output) -> Result<Status, Error> {
    output.data(&format!("{:#}", config::schema()));
    Ok(Status::Done)
}
