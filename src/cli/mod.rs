//! Commands, settings, exit statuses. The only room that reads the process environment and the wall clock.
//!
//! A command is one file: its arguments' doc comment is the help text, and `run` does the work. What a command returns
//! decides the exit status in one place, [`exit`].

mod author;
mod backfill;
mod cancel;
mod check;
mod completions;
mod connect;
mod dashboard;
mod defer;
mod deploy;
mod destroy;
mod doctor;
mod durations;
mod error;
mod exit;
mod explain;
mod guard;
mod init;
mod journal;
mod lineage;
#[cfg(feature = "local")]
mod local;
mod locking;
mod lookup;
mod notify;
mod observing;
mod output;
mod plan;
#[cfg(feature = "local")]
mod preview;
mod project;
mod refresh;
mod render;
mod resume;
mod revision;
mod rollback;
mod running;
mod runs;
mod schema;
mod status;
mod sync_and_refresh;
mod telemetry;
#[cfg(feature = "local")]
mod unit_test;
mod watch;
mod webhook;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

pub use exit::Status;
pub use project::ProjectArgs;

use error::Error;
use output::Output;

/// Sync sources, build tested Delta tables and publish dashboards on Databricks, from one folder.
#[derive(Debug, Parser)]
#[command(name = "kiln", version, max_term_width = 100, disable_help_subcommand = true, after_help = exit::HELP)]
pub struct Cli {
    #[command(flatten)]
    global: GlobalArgs,
    #[command(subcommand)]
    command: Command,
}

/// Options of every command.
#[derive(Clone, Debug, clap::Args)]
struct GlobalArgs {
    /// How to report: for people, as JSON lines, or as GitHub workflow commands
    #[arg(long, global = true, value_enum, default_value_t = output::Format::Text)]
    output: output::Format,
    /// When to use colours
    #[arg(long, global = true, value_enum, default_value_t = output::ColorChoice::Auto)]
    color: output::ColorChoice,
    /// Tell more of what happens, on the standard error; twice tells every request
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    verbose: u8,
}

#[derive(Debug, Subcommand)]
enum Command {
    Check(check::Args),
    Explain(explain::Args),
    Render(render::Args),
    #[cfg(feature = "local")]
    Test(unit_test::Args),
    Lineage(lineage::Args),
    Plan(plan::Args),
    Deploy(deploy::Args),
    Destroy(destroy::Args),
    Status(status::Args),
    Dashboard(dashboard::Args),
    SyncAndRefresh(sync_and_refresh::Args),
    Resume(resume::Args),
    Backfill(backfill::Args),
    Cancel(cancel::Args),
    Runs(runs::Args),
    Rollback(rollback::Args),
    Doctor(doctor::Args),
    Init(init::Args),
    Schema(schema::Args),
    Completions(completions::Args),
    #[cfg(feature = "local")]
    Local(local::Args),
}

/// Runs the program with the arguments of the process.
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            let status = if error.use_stderr() { Status::Usage } else { Status::Done };
            // The reader of our help may have gone; there is nobody left to tell.
            let _ = error.print();
            return status.into();
        }
    };
    // A form that a command does not have is refused, and in words.
    let refused = refused_form(cli.global.output, &cli.command);
    let form = if refused.is_some() { output::Format::Text } else { cli.global.output };
    let output = Output::new(form, cli.global.color);
    output::start_logging(cli.global.verbose, &output);
    let status = match refused.map_or_else(|| run(cli.command, &output), Err) {
        Ok(status) => status,
        Err(error) => {
            output.error(&error);
            error.status()
        }
    };
    output.finish();
    status.into()
}

/// Returns why a command cannot report in a form.
fn refused_form(form: output::Format, command: &Command) -> Option<Error> {
    let message = match command {
        _ if form != output::Format::Sarif => return None,
        Command::Check(args) if args.is_endless() => "SARIF is one document, and a check that watches has no end",
        Command::Check(_) => return None,
        _ => "only `kiln check` has results in the form of SARIF",
    };
    Some(Error::usage(message).with_help("Use `--output json` here, which every command has."))
}

fn run(command: Command, output: &Output) -> Result<Status, Error> {
    match command {
        Command::Check(args) => check::run(&args, output),
        Command::Explain(args) => explain::run(&args, output),
        Command::Init(args) => init::run(&args, output),
        Command::Render(args) => render::run(&args, output),
        #[cfg(feature = "local")]
        Command::Test(args) => to_the_end(unit_test::run(&args, output)),
        Command::Schema(args) => schema::run(&args, output),
        Command::Completions(args) => completions::run(&args, output),
        Command::Lineage(args) => lineage::run(&args, output),
        Command::Plan(args) => to_the_end(plan::run(&args, output)),
        Command::Deploy(args) => to_the_end(deploy::run(&args, output)),
        Command::Dashboard(args) => to_the_end(dashboard::run(&args, output)),
        Command::Destroy(args) => to_the_end(destroy::run(&args, output)),
        Command::Status(args) => to_the_end(status::run(&args, output)),
        Command::Doctor(args) => to_the_end(doctor::run(&args, output)),
        Command::SyncAndRefresh(args) => to_the_end(sync_and_refresh::run(&args, output)),
        Command::Resume(args) => to_the_end(resume::run(&args, output)),
        Command::Backfill(args) => to_the_end(backfill::run(&args, output)),
        Command::Cancel(args) => to_the_end(cancel::run(&args, output)),
        Command::Runs(args) => to_the_end(runs::run(&args, output)),
        Command::Rollback(args) => to_the_end(rollback::run(&args, output)),
        #[cfg(feature = "local")]
        Command::Local(args) => to_the_end(local::run(&args, output)),
    }
}

/// Runs what a command does, after which the process ends.
fn to_the_end(work: impl Future<Output = Result<Status, Error>>) -> Result<Status, Error> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        // Long chains of operators are planned by recursion, on these threads. Of the stack only what is used takes memory.
        .thread_stack_size(1 << 30)
        .build()
        .map_err(|error| Error::refused(format!("cannot start: {error}")))?;
    let result = runtime.block_on(work);
    // Left as it is, not taken down: of a cancelled statement, a Delta reader may still wait for a file that another task
    // brings, and panics when that task is dropped under it.
    std::mem::forget(runtime);
    result
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        super::Cli::command().debug_assert();
    }
}
