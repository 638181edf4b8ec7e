//! The JSON of Databricks' REST APIs, one file an area. The client reads what the embedded workspace writes through these
//! same structs; each is pinned by an example, so that the two cannot agree on an error.
//!
//! Unknown fields are ignored, enums are open, and an absent field stays absent when it is written again.

mod access;
mod error;
mod identity;
mod jobs;
mod lakeview;
mod login;
mod schedules;
mod statements;
mod unity;
mod warehouses;
mod workspace;

pub use access::{Access, AccessRequest, AccessWish, HeldPermission, ObjectAccess};
pub use error::{ErrorBody, ErrorDetail};
pub use identity::{Email, Group, Me};
pub use jobs::{
    CronSchedule, DashboardTask, EmailNotifications, Job, JobList, JobRef, JobRun, JobRunList, JobSettings,
    PauseStatus, ResetJob, RunAs, RunNow, RunRef, RunState, RunStatus, SqlFile, SqlTask, SubmitRun, Task,
    TaskDependency, Termination,
};
pub use lakeview::{
    CreateDashboard, Dashboard, DashboardList, LifecycleState, Publish, Published, Revert, UpdateDashboard,
};
pub use login::{AzToken, CliToken, GithubToken, HostConfig, OauthError, OauthServer, OauthToken};
pub use schedules::{
    DashboardSchedule, Destination, DestinationList, DestinationSubscriber, ScheduleList, Subscriber, Subscription,
    SubscriptionList, UserList, UserSubscriber,
};
pub use statements::{
    ChunkInfo, ColumnInfo, Disposition, ExternalLink, Format, HistoryPage, HistoryQuery, Manifest, OnWaitTimeout,
    Parameter, QueryTag, ResultData, ResultSchema, ServiceError, StatementRequest, StatementResponse, StatementState,
    StatementStatus,
};
pub use unity::{
    Catalog, CatalogList, CreateCatalog, CreateSchema, EffectivePermissions, EffectivePrivilege, EffectivePrivileges,
    Permissions, Privileges, Schema, SchemaList, Table, TableColumn, TableExists, TableList, TableSummary,
    TableSummaryList, TableType, UpdateComment,
};
pub use warehouses::{DefaultWarehouse, Health, OdbcParams, Warehouse, WarehouseList, WarehouseState};
pub use workspace::{Delete, Export, ExportFormat, Import, Language, Mkdirs, Object, ObjectList, ObjectType};

/// `{}`: the answer of calls that have nothing to say, and the body of those that take nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Empty {}

#[cfg(test)]
pub(crate) mod testing {
    //! What the tests of the wire files share.

    use serde::Serialize;
    use serde::de::DeserializeOwned;
    use serde_json::Value;

    /// Reads an example and demands that writing it gives the same JSON again.
    pub(crate) fn round_trip<T: DeserializeOwned + Serialize>(json: &str) -> T {
        let value: T = serde_json::from_str(json).unwrap();
        let expected: Value = serde_json::from_str(json).unwrap();
        assert_eq!(serde_json::to_value(&value).unwrap(), expected);
        value
    }

    /// Reads an example that also has a field nobody knows.
    pub(crate) fn with_unknown_field<T: DeserializeOwned>(json: &str) -> T {
        let mut value: Value = serde_json::from_str(json).unwrap();
        value.as_object_mut().unwrap().insert("added_in_2030".into(), serde_json::json!({"deep": [1, 2]}));
        serde_json::from_value(value).unwrap()
    }
}
