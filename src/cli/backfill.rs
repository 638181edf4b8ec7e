//! `kiln backfill`.

use chrono::NaiveDate;

use super::connect::{Environment, kiln_dir};
use super::error::Error;
use super::journal::Journal;
use super::locking::Locking;
use super::output::Output;
use super::running::{RunArgs, new_run_id};
use super::sync_and_refresh::{Begun, Doing};
use super::{ProjectArgs, Status, guard};
use crate::event::Insistence;
use crate::ids::ModelName;
use crate::plan::{self, Backfill, Batch};

/// Build a range of time of an incremental model again, window by window
///
/// For models with a `time_column`. Each window is built by the whole query, tested together with the rows that stay, and
/// then replaced in one step; all windows read the same versions of the sources. What is done stays done: `kiln resume` goes
/// on with a backfill that was broken off. A table that is not there yet is made, empty, and filled so.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The model
    model: String,
    /// The first day, as in 2024-01-01
    #[arg(long, value_name = "DAY")]
    from: NaiveDate,
    /// The day after the last
    #[arg(long, value_name = "DAY")]
    to: NaiveDate,
    /// How much to build at once
    #[arg(long, value_enum, default_value_t = Size::Month)]
    batch: Size,
    #[command(flatten)]
    project: ProjectArgs,
    #[command(flatten)]
    run: RunArgs,
    #[command(flatten)]
    locking: Locking,
    /// Do not ask, though the environment is protected
    #[arg(long)]
    yes: bool,
}

/// How much to build at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Size {
    Day,
    Week,
    Month,
}

pub(super) async fn run(args: &Args, output: &Output) -> Result<Status, Error> {
    let (project, manifest) = args.project.compile(output)?;
    let batch = match args.batch {
        Size::Day => Batch::Day,
        Size::Week => Batch::Week,
        Size::Month => Batch::Month,
    };
    let wish = Backfill { model: ModelName::new(args.model.to_lowercase()), from: args.from, to: args.to, batch };
    let run = new_run_id();
    let environment = Environment::connect(&project, output).await?;
    // What cannot be done is said before anybody is asked, and before others are kept waiting.
    let observed = environment.tables(&manifest).await?;
    plan::backfill(&manifest, &observed, &wish, &run)
        .map_err(|refusal| Error::usage(refusal.message).with_help(refusal.help))?;
    guard::pass(&project, args.yes, &format!("backfill `{}` in", wish.model)).await?;
    let journal = Journal::create(&kiln_dir(&project), &run)?;
    let insistence = Insistence { backfill: Some(wish.clone()), ..Insistence::default() };
    let doing = Doing::Backfill(wish);
    let begun =
        Begun { doing, run, journal, earlier: Vec::new(), record: None, insistence, elsewhere: None, delivered: None };
    let result = begun.go_on(&manifest, &environment, &args.locking, &args.run, &project, output).await;
    environment.close().await;
    result.map(Status::from)
}
