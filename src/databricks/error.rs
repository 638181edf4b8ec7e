//! What can go wrong beyond a single request.

use std::time::Duration;

use super::failure::StatementError;
use super::wire::StatementState;
use crate::http::{self, Class};
use crate::ids::StatementId;

/// Why a call that takes several requests did not do what it should.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A request failed.
    #[error(transparent)]
    Http(#[from] http::Error),
    /// The statement ran and failed.
    #[error(transparent)]
    Statement(#[from] Box<StatementError>),
    /// Somebody else cancelled the statement, or its time was up.
    #[error("statement {0} was cancelled on the warehouse")]
    Canceled(StatementId),
    /// We were told to stop; the statement was cancelled and `state` is the last one it was seen in.
    #[error("interrupted; {}", interrupted(.statement_id.as_ref(), .state.as_ref()))]
    Interrupted {
        /// The statement, if its id was known by then.
        statement_id: Option<StatementId>,
        /// Its last known state. `SUCCEEDED` means that the cancel came too late.
        state: Option<StatementState>,
    },
    /// The statement did not end in the time that it was given, and was cancelled.
    #[error("statement {statement_id} had not ended after {} min ({}), and was cancelled{}", .limit.as_secs() / 60, last_seen(.state), unless_stopped(.end.as_ref()))]
    TookTooLong {
        /// The statement.
        statement_id: StatementId,
        /// The time that it was given.
        limit: Duration,
        /// The state that it was in then.
        state: StatementState,
        /// The last state that it was seen in since it was told to stop.
        end: Option<StatementState>,
    },
    /// Somebody cancelled the run that the statement belongs to.
    #[error("{0} cancelled this run, by `kiln cancel`")]
    RunCancelled(String),
    /// What is about to be done could not be kept on record, and so was not done.
    #[error("nothing was sent: {0}")]
    NotKept(String),
    /// Fewer or more rows came than the manifest announced.
    #[error("the result of statement {statement_id} is not whole: {expected} rows were announced, {received} came")]
    Incomplete {
        /// The statement.
        statement_id: StatementId,
        /// Rows in the manifest.
        expected: i64,
        /// Rows received.
        received: i64,
    },
    /// A chunk of the result did not come whole.
    #[error("chunk {chunk} of statement {statement_id} is not whole: {expected} rows were announced, {received} came")]
    IncompleteChunk {
        /// The statement.
        statement_id: StatementId,
        /// The chunk's number.
        chunk: i64,
        /// Rows announced.
        expected: i64,
        /// Rows received; 0 if they could not be read.
        received: i64,
    },
    /// The service gave no link to a chunk.
    #[error("the service gave no link to chunk {chunk} of statement {statement_id}")]
    NoLink {
        /// The statement.
        statement_id: StatementId,
        /// The chunk's number.
        chunk: i64,
    },
    /// The statement ran, and its result is gone.
    #[error("statement {0} has run, but its result has been closed")]
    ResultGone(StatementId),
    /// No warehouse is meant, or several might be.
    #[error("{message}")]
    Warehouse {
        /// What is wrong, with the names there are.
        message: String,
    },
    /// Somebody was given a permission, or it was taken, and the service does not show it.
    #[error("`{who}` was to have {wanted}, and has {held} all the same")]
    NotGranted {
        /// The user, group or service principal.
        who: String,
        /// What it was to have.
        wanted: String,
        /// What it has.
        held: String,
    },
    /// Something else than a dashboard stands at the dashboard's path.
    #[error("`{path}` is taken by a {object_type}")]
    PathTaken {
        /// The path in the workspace.
        path: String,
        /// What is there, such as `FILE`.
        object_type: String,
    },
    /// A job was refused that shall run with the rights of somebody else.
    #[error("it shall run as `{run_as}`: {source}")]
    RunAs {
        /// The user, or the service principal by its application id.
        run_as: String,
        /// What the service says.
        source: http::Error,
    },
    /// A job shall refresh a dashboard that is not there.
    #[error("its dashboard `{path}` is not in the workspace")]
    DashboardMissing {
        /// The path in the workspace.
        path: String,
    },
    /// Somebody moved a dashboard to the trash between two requests that put it in place.
    #[error("`{path}` was deleted in the workspace while it was being published")]
    DashboardDeleted {
        /// The path in the workspace.
        path: String,
    },
    /// A person changed a dashboard since it was sent, or made it.
    #[error("`{path}` was changed in the workspace, or not made by kiln")]
    Edited {
        /// The path in the workspace.
        path: String,
    },
    /// The dashboard was published, but the workspace goes on to show an older revision.
    #[error("dashboard {dashboard_id} was published, but the published copy is still older than its draft")]
    NotCurrent {
        /// The dashboard.
        dashboard_id: String,
    },
}

fn interrupted(statement_id: Option<&StatementId>, state: Option<&StatementState>) -> String {
    match (statement_id, state) {
        (None, _) => "no statement was known to run".to_owned(),
        (Some(id), Some(state)) if state.is_terminal() => format!("statement {id} ended as {state}"),
        (Some(id), Some(state)) => format!("statement {id} was told to stop and was last seen as {state}"),
        (Some(id), None) => format!("statement {id} was told to stop; whether it did is unknown"),
    }
}

/// Says what a statement did that had not ended.
fn last_seen(state: &StatementState) -> &str {
    match state {
        StatementState::Pending => "it still waited for the warehouse",
        _ => "it still ran",
    }
}

fn unless_stopped(end: Option<&StatementState>) -> &'static str {
    match end {
        Some(end) if end.is_terminal() => "",
        _ => "; whether it did end is unknown",
    }
}

impl Error {
    /// Returns what the error means, for the exit status.
    pub fn class(&self) -> Class {
        match self {
            Self::Http(error) | Self::RunAs { source: error, .. } => error.class(),
            Self::Statement(error) if error.is_transient() => Class::Transient,
            Self::Statement(error) if error.is_permission() => Class::Permission,
            Self::Statement(_) | Self::Warehouse { .. } | Self::NotKept(_) => Class::Invalid,
            Self::DashboardMissing { .. } => Class::NotFound,
            Self::PathTaken { .. } | Self::Edited { .. } | Self::DashboardDeleted { .. } => Class::Conflict,
            Self::NoLink { .. } => Class::Bug,
            Self::Canceled(_)
            | Self::TookTooLong { .. }
            | Self::RunCancelled(_)
            | Self::Interrupted { .. }
            | Self::Incomplete { .. }
            | Self::IncompleteChunk { .. }
            | Self::ResultGone(_)
            | Self::NotGranted { .. }
            | Self::NotCurrent { .. } => Class::Transient,
        }
    }

    /// Says what to do about it.
    pub fn help(&self) -> String {
        match self {
            Self::Http(error) => error.help(),
            Self::Statement(error) => error.help(),
            Self::Canceled(_) => {
                "somebody stopped it, or the warehouse's time limit did; run the command again".to_owned()
            }
            Self::Interrupted { .. } => "run the command again".to_owned(),
            Self::TookTooLong { state: StatementState::Pending, .. } => {
                "it takes seconds once it runs: see in the workspace whether the warehouse starts, and what is in its queue; \
                 then run the command again, or `kiln resume` if it was a run"
                    .to_owned()
            }
            Self::TookTooLong { .. } => {
                "it takes seconds as a rule: see in the query history what holds it up, or stop and start the warehouse; then \
                 run the command again, or `kiln resume` if it was a run"
                    .to_owned()
            }
            Self::RunCancelled(_) => "ask why; `kiln resume` goes on from here".to_owned(),
            Self::NotKept(_) => {
                "make room and rights under `.kiln` in the project's folder, then run it again".to_owned()
            }
            Self::NoLink { .. } => "report this; the statement API may have changed".to_owned(),
            Self::ResultGone(_) => "run the query again; a result is kept for an hour".to_owned(),
            Self::Incomplete { .. } | Self::IncompleteChunk { .. } | Self::NotCurrent { .. } => {
                "run the command again; if it stays so, look at the workspace".to_owned()
            }
            Self::Warehouse { .. } => "name the environment's `warehouse` by its name, id or HTTP path".to_owned(),
            Self::RunAs { run_as, .. } if run_as.contains('@') => format!(
                "only admins of the workspace may let a job run as another user: let {run_as} deploy it, or name a service \
                 principal in `run_as`"
            ),
            Self::RunAs { run_as, .. } => format!(
                "ask a manager of the service principal `{run_as}` to give whoever deploys the role `Service principal: User` \
                 on it, or leave `run_as` of the job's `schedule` away"
            ),
            Self::DashboardMissing { .. } => "somebody removed it meanwhile; deploy again".to_owned(),
            Self::DashboardDeleted { .. } => {
                "if that was a mistake, run the command again: the dashboard is made anew".to_owned()
            }
            Self::NotGranted { .. } => {
                "deploy again; if it stays so, look at the dashboard's sharing settings".to_owned()
            }
            Self::PathTaken { .. } => "move it away, or choose another `folder` or title".to_owned(),
            Self::Edited { .. } => {
                "`kiln plan` shows what differs; bring that into the project's file with `kiln dashboard \
                                    pull`, or overwrite it: \
                                    `kiln deploy --overwrite-edits`. If another environment put it there, give one of \
                                    them a `dashboard_folder` of its own"
                    .to_owned()
            }
        }
    }
}
