//! What happened in a run: data only, versioned, serialisable; reports are made of nothing else.
//!
//! A run's events form one stream, in the order in which things became known. It begins with one
//! [`EventKind::RunStarted`] and ends with one [`EventKind::RunFinished`]; each step has at most one
//! [`EventKind::StepStarted`] and exactly one [`EventKind::StepFinished`]. The stream is the run's journal: it is kept on
//! disk, every report can be made again from it, and what must not be done twice is in it before it is done. In the journal
//! of a run that was resumed, [`standing`] tells what still holds of it.

use std::collections::HashSet;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::ids::{ConnectionId, DashboardName, Fingerprint, JobName, RunId, StatementId, StepId, TableName};
use crate::plan::{Action, Backfill, Version};

/// Version of the events' shape; it grows when a reader of older events could misunderstand newer ones.
pub const VERSION: u32 = 1;

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// When, by the clock of the machine that runs kiln.
    pub at: DateTime<Utc>,
    /// What.
    #[serde(flatten)]
    pub kind: EventKind,
}

/// What can happen in a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum EventKind {
    /// The run begins. First event, once.
    RunStarted {
        /// Version of the events' shape.
        version: u32,
        /// The run.
        run: RunId,
        /// Who carries it out, where, and from which commit.
        #[serde(default)]
        by: Author,
        /// The job that is run; none for a deploy.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        job: Option<JobName>,
        /// The project's name.
        project: String,
        /// The environment's name.
        environment: String,
        /// What the plan comes to: a run can be resumed only by the same plan.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        plan: Option<Fingerprint>,
        /// What is built though it need not be, and what is left out.
        #[serde(flatten)]
        insistence: Insistence,
        /// Syncs that were triggered before, while the warehouse started.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        ahead: Vec<SyncAhead>,
        /// All steps, in the order of the plan.
        steps: Vec<StepOutline>,
    },
    /// A run that was broken off or failed goes on in another process. What of it did not succeed is told again.
    RunResumed {
        /// The run.
        run: RunId,
    },
    /// A step begins. At most once a step; a skipped step never begins.
    StepStarted {
        /// The step.
        step: StepId,
    },
    /// A step has news of itself. May repeat.
    StepProgress {
        /// The step.
        step: StepId,
        /// What is going on, in a few words: `syncing`, `statement running`, `7 of 12 queries`.
        message: String,
    },
    /// Fivetran is about to be asked for a sync, and this is the connection as it was before: kept on disk before the
    /// request, so that a wait that is broken off can be taken up without a second sync. Once for each sync awaited.
    SyncBaseline {
        /// The step.
        step: StepId,
        /// The connection.
        connection: ConnectionId,
        /// End of its last good sync.
        succeeded_at: Option<DateTime<Utc>>,
        /// End of its last failed sync.
        failed_at: Option<DateTime<Utc>>,
        /// What it was doing, in Fivetran's word.
        state: String,
    },
    /// A webhook told how a connection's sync ended: kept on disk before that is taken for the sync that is wanted, so that
    /// none is triggered if the run is resumed. Once, in place of a baseline.
    SyncDelivered {
        /// The step.
        step: StepId,
        /// The connection.
        connection: ConnectionId,
        /// The sync.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        sync_id: Option<String>,
        /// When it ended, by Fivetran's clock.
        ended_at: DateTime<Utc>,
        /// How, in Fivetran's word.
        status: String,
        /// Why it did not succeed.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
    },
    /// The versions at which tables of sources are read were fixed. Kept on disk before anything is built from them. Once a
    /// step that does so.
    SourcesPinned {
        /// The step.
        step: StepId,
        /// The tables, each with its version.
        versions: Vec<SourceVersion>,
    },
    /// The version that a table had before the step changed it. Once a step that changes one; again if the run is resumed.
    TableVersion {
        /// The step.
        step: StepId,
        /// The table.
        table: TableName,
        /// Its version.
        version: u64,
    },
    /// A statement that may write is about to be sent: kept on disk before it is, so that it is not sent twice. Again, with
    /// another mark, if it is run again.
    StatementSending {
        /// The step.
        step: StepId,
        /// The mark by which the query history knows it.
        mark: String,
        /// What its text comes to.
        statement: Fingerprint,
    },
    /// The warehouse took such a statement.
    StatementAccepted {
        /// The step.
        step: StepId,
        /// Its mark.
        mark: String,
        /// Its id.
        statement: StatementId,
    },
    /// A statement was told to stop, for the run was interrupted or another step had failed. Once a statement.
    StatementStopped {
        /// The step.
        step: StepId,
        /// Its id.
        statement: StatementId,
        /// The state that it was seen in last, in the workspace's word: `CANCELED`, or `SUCCEEDED` where the wish came too late;
        /// none if nobody answered.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        state: Option<String>,
    },
    /// A dashboard was brought into the workspace. Once a publish step that succeeded.
    DashboardPublished {
        /// The step.
        step: StepId,
        /// The dashboard.
        dashboard: DashboardName,
        /// Its title.
        title: String,
        /// Its address in the workspace, for a browser.
        link: String,
        /// Its content as sent: the text of a `.lvdash.json` file.
        content: String,
    },
    /// A widget's query was answered. Once a query of a published dashboard.
    WidgetQueried {
        /// The step.
        step: StepId,
        /// The dashboard.
        dashboard: DashboardName,
        /// The widget's name.
        widget: String,
        /// The query: its JSON pointer in the dashboard's content.
        query: String,
        /// The answer, or why there is none.
        result: Result<QueryResult, String>,
    },
    /// A dashboard that shows the history of runs is about to be asked: what the run has done so far is written there before
    /// its widgets are. Once a query step of such a dashboard.
    RunSoFar {
        /// The step.
        step: StepId,
    },
    /// A model's new version was tested. Once a model with tests that is built anew.
    Tested {
        /// The step that builds the model.
        step: StepId,
        /// Tests that it passed.
        passed: u64,
        /// Tests that it failed, and which only warn.
        warned: u64,
        /// Tests that it failed, so that it is not published.
        failed: u64,
    },
    /// Rows of a model's new version failed a data test. Once a test that failed.
    TestFailed {
        /// The step that builds the model.
        step: StepId,
        /// What the test says, in short.
        test: String,
        /// Whether it only warns.
        warns: bool,
        /// How many rows of its query say so.
        failing: u64,
        /// A few of them.
        sample: QueryResult,
    },
    /// A step ended. Terminal for the step, exactly once.
    StepFinished {
        /// The step.
        step: StepId,
        /// How it ended.
        outcome: Outcome,
        /// How long it took, in milliseconds; zero if it never began.
        milliseconds: u64,
        /// The statement it ran on the warehouse, where it was one.
        statement: Option<StatementId>,
        /// What it did on the warehouse, and how long it waited for that.
        #[serde(default, skip_serializing_if = "Work::is_none")]
        work: Work,
    },
    /// It became known how many bytes a step's statement read, which the query history tells after the statement's end. At
    /// most once a step that ended.
    StepRead {
        /// The step.
        step: StepId,
        /// Bytes of data.
        bytes: u64,
        /// Bytes that it wrote; none if the history does not tell.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        written: Option<u64>,
    },
    /// It became known which version of a table a step made. At most once a step that ended.
    TableWritten {
        /// The step.
        step: StepId,
        /// The table.
        table: TableName,
        /// The version.
        version: u64,
    },
    /// The run ended. Last event, once.
    RunFinished {
        /// How it ended: the worst of its steps.
        result: RunResult,
        /// How long it took, in milliseconds.
        milliseconds: u64,
    },
}

impl EventKind {
    /// Returns the step that it is about; none if it is about the run.
    pub fn step(&self) -> Option<&StepId> {
        match self {
            Self::RunStarted { .. } | Self::RunResumed { .. } | Self::RunFinished { .. } => None,
            Self::StepStarted { step }
            | Self::StepProgress { step, .. }
            | Self::SyncBaseline { step, .. }
            | Self::SyncDelivered { step, .. }
            | Self::SourcesPinned { step, .. }
            | Self::TableVersion { step, .. }
            | Self::StatementSending { step, .. }
            | Self::StatementAccepted { step, .. }
            | Self::StatementStopped { step, .. }
            | Self::DashboardPublished { step, .. }
            | Self::WidgetQueried { step, .. }
            | Self::RunSoFar { step }
            | Self::Tested { step, .. }
            | Self::TestFailed { step, .. }
            | Self::StepFinished { step, .. }
            | Self::StepRead { step, .. }
            | Self::TableWritten { step, .. } => Some(step),
        }
    }

    /// Returns the step that goes on only when this is kept on disk; none if nobody waits.
    pub fn awaited_by(&self) -> Option<&StepId> {
        match self {
            Self::SyncBaseline { step, .. }
            | Self::SyncDelivered { step, .. }
            | Self::SourcesPinned { step, .. }
            | Self::RunSoFar { step }
            | Self::StatementSending { step, .. } => Some(step),
            _ => None,
        }
    }
}

/// Returns the events of a journal that still hold: those of the run's beginning, and of steps that succeeded. With what a
/// run that is resumed adds, they are one stream again.
pub fn standing(journal: &[Event]) -> Vec<Event> {
    let last_end = |step: &StepId| {
        journal.iter().rev().find_map(|event| match &event.kind {
            EventKind::StepFinished { step: ended, outcome, .. } if ended == step => Some(outcome),
            _ => None,
        })
    };
    let succeeded: HashSet<&StepId> = journal
        .iter()
        .filter_map(|event| event.kind.step())
        .filter(|step| last_end(step).is_some_and(Outcome::succeeded))
        .collect();
    let holds = |event: &&Event| match &event.kind {
        // What a table was before is not what it is found to be when its step goes on.
        EventKind::RunStarted { .. } | EventKind::TableVersion { .. } => true,
        EventKind::RunResumed { .. } | EventKind::RunFinished { .. } => false,
        kind => kind.step().is_some_and(|step| succeeded.contains(step)),
    };
    journal.iter().filter(holds).cloned().collect()
}

/// A sync that was triggered before its step began, with the connection as it was before that.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SyncAhead {
    /// The step.
    pub step: StepId,
    /// The connection.
    pub connection: ConnectionId,
    /// End of its last good sync.
    pub succeeded_at: Option<DateTime<Utc>>,
    /// End of its last failed sync.
    pub failed_at: Option<DateTime<Utc>>,
    /// What it was doing.
    pub state: String,
}

/// Who carries a run out.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Author {
    /// What is done, as a command: `sync-and-refresh daily`.
    pub act: String,
    /// The user, as the workspace knows it.
    pub user: Option<String>,
    /// The machine.
    pub machine: String,
    /// The commit of the project's files, where they are in a repository.
    pub commit: Option<String>,
}

/// What a run builds though it need not, and what it leaves out.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Insistence {
    /// Models that are unchanged.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub force: bool,
    /// Incremental models, as a whole.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub full_refresh: bool,
    /// Which models are built, as expressions; empty: all of the job.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub select: Vec<String>,
    /// Which of them are not.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub exclude: Vec<String>,
    /// Windows of time of a model; nothing else then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backfill: Option<Backfill>,
    /// The environment from which models are read that stand there as the project says; none: all are built here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub defer: Option<String>,
}

/// What a step did on the warehouse, as far as the statement API tells. A step's time is what it waited for a place, what it
/// was queued, and the rest, in which something of it ran.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Work {
    /// Statements that ended.
    pub statements: u32,
    /// How long it waited until fewer statements of this run were under way than may be, in milliseconds.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub waited: u64,
    /// How long the warehouse had taken its statements and ran none of them, in milliseconds: it was starting, or busy.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub queued: u64,
    /// Rows that its largest statement wrote.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rows: Option<u64>,
    /// Bytes that its statement read; none if that is not known, or not yet ([`EventKind::StepRead`]).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub read: Option<u64>,
    /// Bytes that it wrote, likewise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub written: Option<u64>,
}

impl Work {
    /// Tells whether the warehouse had nothing to do with it.
    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }
}

fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// A source's table and the version at which it is read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceVersion {
    /// The table.
    #[serde(flatten)]
    pub table: TableName,
    /// Its version.
    #[serde(flatten)]
    pub version: Version,
}

/// A step as the run's beginning announces it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepOutline {
    /// The step.
    pub step: StepId,
    /// What it does.
    pub kind: StepKind,
    /// Steps that must have succeeded first.
    pub needs: Vec<StepId>,
    /// Tables of sources that it reads, be it through views, if it makes a table.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reads: Vec<TableName>,
}

/// What a step does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StepKind {
    /// Makes sure that the models' schema exists.
    CreateSchema,
    /// Makes a connection, or brings it in line with what is declared.
    Connection,
    /// Takes a connection away.
    Remove,
    /// Brings a connection's new data.
    Sync,
    /// Fixes the versions at which tables of sources are read.
    Pin,
    /// Builds a model's table or view.
    Build,
    /// Builds a window of an incremental model again.
    Backfill,
    /// Publishes a dashboard.
    Publish,
    /// Lets a model be read from another environment.
    Defer,
    /// Asks what the widgets of a published dashboard show.
    Query,
    /// Puts a table back to an earlier version.
    Restore,
    /// Changes a table or view in place.
    Alter,
    /// Drops a table or view.
    Drop,
    /// Gives permissions on a dashboard.
    Permissions,
    /// Brings the schedules of a dashboard in line with the project.
    DashboardSchedules,
    /// Takes a dashboard out of the workspace.
    Trash,
    /// Puts a job in its place, which the workspace then runs by itself.
    Schedule,
    /// Takes such a job out of the workspace.
    Unschedule,
    /// Says why something may not be done.
    Refuse,
}

impl From<&Action> for StepKind {
    fn from(action: &Action) -> Self {
        match action {
            Action::CreateSchema { .. } => Self::CreateSchema,
            Action::Keep(_) => Self::Connection,
            Action::Remove(_) => Self::Remove,
            Action::Sync(_) => Self::Sync,
            Action::Pin(_) => Self::Pin,
            Action::Build(_) => Self::Build,
            Action::Backfill(_) => Self::Backfill,
            Action::Defer(_) => Self::Defer,
            Action::Publish(_) => Self::Publish,
            Action::Grant(_) => Self::Permissions,
            Action::Send(_) => Self::DashboardSchedules,
            Action::Query(_) => Self::Query,
            Action::Restore(_) => Self::Restore,
            Action::Alter(alter) if alter.drops => Self::Drop,
            Action::Alter(_) => Self::Alter,
            Action::Trash(_) => Self::Trash,
            Action::Schedule(_) => Self::Schedule,
            Action::Unschedule(_) => Self::Unschedule,
            Action::Refuse(_) => Self::Refuse,
        }
    }
}

/// How a step ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum Outcome {
    /// It did what it is for.
    Succeeded {
        /// What came of it, in a few words, where there is something to say.
        summary: String,
    },
    /// It failed.
    Failed {
        /// Why, and what to do.
        failure: Failure,
    },
    /// Its new version did not pass its tests, and the old one stays.
    TestsFailed {
        /// Which, and what to do.
        failure: Failure,
    },
    /// A source could not be brought up to date: what depends on it must not be taken as fresh.
    Stale {
        /// Why, and what to do.
        failure: Failure,
    },
    /// It never began, because a step that it needs did not succeed.
    Skipped {
        /// That step.
        because: StepId,
    },
    /// It was cancelled, or never began, because another step failed in a run that ends with its first failure.
    Stopped {
        /// The step that failed.
        because: StepId,
    },
    /// Somebody interrupted the run.
    Cancelled,
}

/// Why a step did not succeed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// What happened: lower case, no full stop.
    pub message: String,
    /// What to do, as full sentences.
    pub help: Option<String>,
    /// The place in the project's files that it happened at.
    pub place: Option<Place>,
    /// A page of the vendor's that shows more.
    pub link: Option<String>,
    /// Whether the environment could not be reached, or refused us, so that nothing is said about the project itself.
    pub unreachable: bool,
}

/// A place in a file of the project.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// Path relative to the project's folder.
    pub path: String,
    /// Line, counted from 1.
    pub line: usize,
    /// Column in characters, counted from 1.
    pub column: usize,
}

/// Rows that a query gave.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueryResult {
    /// Name and Databricks type (`BIGINT`, `DECIMAL(12,2)`) of each column.
    pub columns: Vec<(String, String)>,
    /// Each row's values as text; `None` is NULL.
    pub rows: Vec<Vec<Option<String>>>,
    /// Whether rows were left out because there were too many.
    pub truncated: bool,
}

/// How a run ended, from good to bad: a run's result is the worst that happened in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunResult {
    /// All steps succeeded.
    Succeeded,
    /// Data tests failed.
    TestsFailed,
    /// A step failed.
    Failed,
    /// A source could not be brought up to date.
    Stale,
    /// The environment could not be reached, or refused us.
    Unreachable,
    /// Somebody interrupted the run.
    Interrupted,
}

impl Outcome {
    /// Returns what this outcome of a step makes of the run.
    pub fn result(&self) -> RunResult {
        match self {
            Self::Succeeded { .. } | Self::Skipped { .. } | Self::Stopped { .. } => RunResult::Succeeded,
            Self::Failed { failure } | Self::Stale { failure } if failure.unreachable => RunResult::Unreachable,
            Self::TestsFailed { .. } => RunResult::TestsFailed,
            Self::Failed { .. } => RunResult::Failed,
            Self::Stale { .. } => RunResult::Stale,
            Self::Cancelled => RunResult::Interrupted,
        }
    }

    /// Returns why it failed, if it did.
    pub fn failure(&self) -> Option<&Failure> {
        match self {
            Self::Failed { failure } | Self::TestsFailed { failure } | Self::Stale { failure } => Some(failure),
            Self::Succeeded { .. } | Self::Skipped { .. } | Self::Stopped { .. } | Self::Cancelled => None,
        }
    }

    /// Tells whether steps that need this one may begin.
    pub fn succeeded(&self) -> bool {
        matches!(self, Self::Succeeded { .. })
    }
}
