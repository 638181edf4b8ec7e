//! The JSON of Fivetran's REST API, one file a subject. The client reads what the embedded workspace writes through these
//! same structs; each is pinned by an example, so that the two cannot agree on an error.
//!
//! Unknown fields are ignored and enums are open. Timestamps that never happened are `null`, and are written so.

mod account;
mod connection;
mod envelope;
mod history;
mod schemas;
mod webhook;

pub use account::{AccountInfo, Destination, Group};
pub use connection::{
    Connection, ConnectionStatus, CreateConnection, Resync, ScheduleType, SetupState, SetupTest, SyncState, Task,
    TriggerSync, UpdateConnection, UpdateState,
};
pub use envelope::{Envelope, Page, SUCCESS};
pub use history::SyncRecord;
pub use schemas::{
    ColumnConfig, ExcludeMode, PatchSettings, ReloadSchemas, SchemaChangeHandling, SchemaConfig, SchemaNode, SyncMode,
    TableConfig,
};
pub use webhook::{SyncEnd, WebhookBody, WebhookData};

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
}
