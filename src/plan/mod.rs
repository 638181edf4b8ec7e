//! What will be done: pure, complete, with nothing left to decide while it is carried out.
//!
//! [`run`] plans a run of a job, [`deploy`] what makes the workspace what the project says. Both come to steps, each with
//! an [`Action`], and both look at what is there ([`Observed`]), so that nothing of other people's is touched.

mod action;
mod audit;
mod backfill;
mod change;
mod compare;
mod connection;
mod connection_config;
mod dashboard_schedules;
mod defer;
mod deploy;
mod destroy;
mod details;
mod estimate;
mod fingerprint;
mod history;
mod increment;
mod landed;
mod marks;
mod observed;
mod permissions;
mod pins;
mod rename;
mod replication;
mod rollback;
mod run;
mod scheduled;
mod schema_tags;
mod select;
mod statement;
mod steps;
#[cfg(test)]
mod tests;
mod unit_test;

pub use action::{
    Action, Alter, Audit, BuildModel, Done, Increment, PlannedTest, PublishDashboard, QueryDashboard, Refusal, Restore,
    Step, SyncConnection, TrashDashboard, WidgetStatement,
};
pub use backfill::{Backfill, Batch, backfill};
pub use change::{Act, Change, DeployPlan, FieldChange, Kind};
pub use connection::{
    KeepConnection, ObservedConnection, ObservedGroup, RemoveConnection, Settings, Sighting, Sought, schema_of, sought,
    to_remove,
};
pub use connection_config::SentConfig;
pub use dashboard_schedules::{
    KeepDashboardSchedule, KeepDashboardSchedules, ObservedDashboardSchedule, Recipient, ScheduleNote, SchedulePlace,
    Timing, schedule_of_title, unknown_subscribers,
};
pub use defer::{DeferModel, Elsewhere, deferral};
pub use deploy::deploy;
pub use destroy::destroy;
pub use details::{AllNoted, Noted, Questions, questions};
pub use estimate::{Estimate, Size, reads};
pub use history::{history_creation, last_changes, standing_models};
pub use landed::LandedTable;
pub use marks::{JobNote, LOCK_TABLE, Marks, NOTES_TABLE, Note};
pub use observed::{
    CANCELLED, Lock, Observed, ObservedColumn, ObservedDashboard, ObservedKey, ObservedTable, Published, TableKind,
    Waiting,
};
pub use permissions::{GrantPermissions, PermissionsNote};
pub use pins::{Gaps, Inputs, Pinned, Version, Versions, Written};
pub use rename::{former_places, recognise};
pub use replication::{
    Replicated, ReplicatedColumn, ReplicatedSchema, ReplicatedTable, ReplicationChanges, ReplicationWish,
};
pub use rollback::rollback;
pub use run::{RunWishes, choose_job, run};
pub use scheduled::{
    Cron, FINGERPRINT_TAG, JOB_TAG, ObservedJob, Runs, ScheduleJob, ScheduledJob, ScheduledTask, UnscheduleJob,
    own_tags,
};
pub use schema_tags::SchemaTagsNote;
pub use statement::{SCHEMA_COMMENT, properties, schema_creation, statement};
pub use steps::{Consent, RunPlan, dashboard_path};
pub use unit_test::{UnitTestPlan, unit_test};

pub use crate::manifest::HISTORY_TABLE;
