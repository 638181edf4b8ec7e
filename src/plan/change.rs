//! A deploy's plan: per object what will be done, and why.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::estimate::Estimate;
use super::observed::Lock;
use super::steps::RunPlan;
use crate::ids::StepId;

/// What a deploy will do.
#[derive(Clone, Debug)]
pub struct DeployPlan {
    /// What changes, or would if it were allowed; dependent objects after those that they rest on.
    pub changes: Vec<Change>,
    /// How many objects are as they should be.
    pub unchanged: usize,
    /// What the tables that are built read, by the changes' names, if somebody looked. It changes with the data, and so is
    /// no part of what is decided.
    pub estimates: BTreeMap<String, Estimate>,
    /// Who deploys at the moment.
    pub lock: Option<Lock>,
    /// The steps that carry it out.
    pub run: RunPlan,
}

/// What happens to an object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// What kind of object it is.
    pub kind: Kind,
    /// Its name: of a table in full, of a dashboard its path.
    pub name: String,
    /// What happens to it.
    pub act: Act,
    /// Why: lower case, no full stop.
    pub reasons: Vec<String>,
    /// What differs, field by field, where it has fields.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<FieldChange>,
    /// How the workspace came to differ, if somebody changed it there.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub drift: bool,
    /// Difference of its SQL in unified form, without file names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub diff: Option<String>,
    /// The step that does it; none if nothing is done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<StepId>,
}

impl Change {
    /// Says what happens to an object, and nothing of why and how.
    pub(super) fn new(kind: Kind, name: impl Into<String>, act: Act) -> Self {
        let (reasons, fields) = (Vec::new(), Vec::new());
        Self { kind, name: name.into(), act, reasons, fields, drift: false, diff: None, step: None }
    }
}

/// A field that differs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FieldChange {
    /// Its name, such as `config.host` or `public.orders`.
    pub field: String,
    /// What is there; none where there is nothing yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub there: Option<Value>,
    /// What it becomes. Of a secret, the variable that holds it.
    pub wanted: Value,
}

/// A kind of object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// The models' schema.
    Schema,
    /// What users and groups may do with it.
    Grants,
    /// Its tags of Unity Catalog.
    Tags,
    /// A connection of Fivetran.
    Connection,
    /// A view.
    View,
    /// A table.
    Table,
    /// A dashboard.
    Dashboard,
    /// What users, groups and service principals may do with it.
    Permissions,
    /// When a dashboard is refreshed and sent to whom.
    Schedule,
    /// A job that the workspace runs by itself.
    Job,
}

/// What happens to an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Act {
    /// It is made.
    Create,
    /// It is synced, for tables that are read are not there yet.
    Sync,
    /// It is changed in place.
    Update,
    /// It is computed anew and replaced in one step.
    Rebuild,
    /// It is dropped and made as another kind of thing.
    Replace,
    /// It is read from another environment, where it is as the project says.
    Defer,
    /// Its draft is as it should be and is published.
    Publish,
    /// It left the project and is dropped.
    Drop,
    /// It left the project and stays, for nobody asked for it to be dropped.
    Orphan,
    /// It is not kiln's, and so nothing is done.
    Foreign,
    /// A person changed it in the workspace, and so nothing is done.
    Edited,
    /// It is not what the project takes it for, and so nothing is done.
    Mismatch,
}

impl Act {
    /// Tells whether the object keeps the deploy from being carried out.
    pub fn refuses(self) -> bool {
        matches!(self, Self::Foreign | Self::Edited | Self::Mismatch)
    }

    /// Tells whether something is done.
    pub fn acts(self) -> bool {
        !self.refuses() && self != Self::Orphan
    }
}

impl fmt::Display for FieldChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        match &self.there {
            Some(there) => write!(f, "{}: {} → {}", self.field, shown(there), shown(&self.wanted)),
            None => write!(f, "{}: {}", self.field, shown(&self.wanted)),
        }
    }
}

impl DeployPlan {
    /// Tells whether there is something to do.
    pub fn acts(&self) -> bool {
        self.changes.iter().any(|change| change.act.acts())
    }

    /// Returns what keeps the deploy from being carried out.
    pub fn refusals(&self) -> impl Iterator<Item = &Change> {
        self.changes.iter().filter(|change| change.act.refuses())
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Schema => "schema",
            Self::Grants => "grants",
            Self::Tags => "tags",
            Self::Connection => "connection",
            Self::View => "view",
            Self::Table => "table",
            Self::Dashboard => "dashboard",
            Self::Permissions => "permissions",
            Self::Schedule => "schedule",
            Self::Job => "job",
        })
    }
}

impl fmt::Display for Act {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Create => "create",
            Self::Sync => "sync",
            Self::Update => "update",
            Self::Rebuild => "rebuild",
            Self::Replace => "replace",
            Self::Defer => "defer",
            Self::Publish => "publish",
            Self::Drop => "drop",
            Self::Orphan => "orphan",
            Self::Foreign => "foreign",
            Self::Edited => "edited",
            Self::Mismatch => "mismatch",
        })
    }
}
