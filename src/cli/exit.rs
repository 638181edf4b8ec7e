//! Exit statuses, in one place.

use std::process::ExitCode;

use crate::event::RunResult;

/// What `kiln` tells its caller by its exit status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// 0: done, or there was nothing to do.
    Done,
    /// 1: the project is wrong.
    ProjectWrong,
    /// 2: the command line is wrong.
    Usage,
    /// 3: a step failed.
    StepFailed,
    /// 4: data tests failed.
    TestsFailed,
    /// 5: a source could not be brought up to date.
    Stale,
    /// 6: the environment could not be reached, or refused us.
    Unreachable,
    /// 130: interrupted.
    Interrupted,
}

/// The statuses as `--help` shows them.
pub(super) const HELP: &str = "\
Exit status: 0 done (also: nothing to do) · 1 the project is wrong · 2 usage · 3 a step failed · 4 data tests failed · 5 stale: a source \
could not be brought up to date · 6 the environment was unreachable or refused us · 130 interrupted";

impl From<Status> for ExitCode {
    fn from(status: Status) -> Self {
        Self::from(match status {
            Status::Done => 0,
            Status::ProjectWrong => 1,
            Status::Usage => 2,
            Status::StepFailed => 3,
            Status::TestsFailed => 4,
            Status::Stale => 5,
            Status::Unreachable => 6,
            Status::Interrupted => 130,
        })
    }
}

impl From<RunResult> for Status {
    fn from(result: RunResult) -> Self {
        match result {
            RunResult::Succeeded => Self::Done,
            RunResult::Failed => Self::StepFailed,
            RunResult::TestsFailed => Self::TestsFailed,
            RunResult::Stale => Self::Stale,
            RunResult::Unreachable => Self::Unreachable,
            RunResult::Interrupted => Self::Interrupted,
        }
    }
}
