//! Carries a plan out: order, concurrency, cancellation. Prints nothing: what happens leaves as events.
//!
//! The dispatcher owns the order: it starts a step when all that it needs has succeeded, and puts everything that
//! becomes known into one stream of events. A step's own work is in the file named after it.

mod ahead;
mod dispatcher;
mod earlier;
mod estimate;
pub mod lock;
mod permits;
mod reads;
mod receipts;
mod record;
mod step;
mod tally;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};

use crate::databricks;
use crate::event::{Author, Insistence};
use crate::fivetran;
use crate::fivetran::sync::Delivered;
use crate::ids::{ConnectionName, RunId, StepId, WarehouseId};
use crate::secret::Secret;

pub use ahead::Ahead;
pub use dispatcher::run;
pub use earlier::Earlier;
pub use receipts::Receipts;
pub use record::Record;

/// A clock; the wall's comes from `cli`, tests bring their own.
pub type Clock = Arc<dyn Fn() -> DateTime<Utc> + Send + Sync>;

/// Looks a secret up by the name of its variable; the process environment comes from `cli`.
pub type Secrets = Arc<dyn Fn(&str) -> Option<Secret> + Send + Sync>;

/// An environment as the steps reach it: addresses and credentials, all alike for every environment.
#[derive(Clone)]
pub struct Connected {
    /// Databricks.
    pub databricks: databricks::Client,
    /// The warehouse that statements run on.
    pub warehouse: WarehouseId,
    /// Fivetran; none if the environment has no credentials for it and the plan has no sync.
    pub fivetran: Option<fivetran::Client>,
    /// Where secrets come from that are sent on: by the names of their variables.
    pub secrets: Secrets,
}

/// How a run is carried out.
#[derive(Clone)]
pub struct Settings {
    /// The run.
    pub run: RunId,
    /// How many statements may run at once.
    pub concurrency: usize,
    /// How long steps took in earlier runs, as far as that is known: of the steps that wait for a place on the warehouse, the
    /// one goes first with which the longest way to the end of the run begins.
    pub expected: HashMap<StepId, Duration>,
    /// Whether the first failure ends the run: nothing further begins, and what runs is cancelled. Otherwise all that does
    /// not depend on the failure is still carried out.
    pub fail_fast: bool,
    /// Who carries it out.
    pub by: Author,
    /// What is built though it need not be.
    pub insistence: Insistence,
    /// The connection whose sync has ended already, as a webhook told; none: all are asked for.
    pub delivered: Option<(ConnectionName, Delivered)>,
    /// The clock that events are stamped with.
    pub clock: Clock,
    /// Who gives receipts for events that must be kept on disk before a step goes on; none: nobody keeps them.
    pub receipts: Option<Arc<Receipts>>,
}
