//! `kiln completions`.

use clap::CommandFactory;
use clap_complete::Shell;

use super::error::Error;
use super::output::Output;
use super::{Cli, Status};

/// Print a script that completes kiln's commands and options in a shell
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The shell
    #[arg(value_enum)]
    shell: Shell,
}

pub(super) fn run(args: &Args, output: &Output) -> Result<Status, Error> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "kiln", &mut script);
    output.data(&String::from_utf8_lossy(&script));
    Ok(Status::Done)
}
