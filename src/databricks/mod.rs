//! Databricks' REST APIs: typed calls and the one place where a statement is awaited.
//!
//! [`Login`] decides about the credentials. [`Client`] gives an area each: [`Client::warehouses`], [`Client::statements`], [`Client::lakeview`],
//! [`Client::permissions`], [`Client::schedules`], [`Client::workspace`], [`Client::unity`], [`Client::jobs`]. [`Statements::execute`] is where statements are awaited,
//! [`Lakeview::deploy`] where a dashboard is put in place and published.

mod access;
mod client;
mod deploy;
mod error;
mod failure;
mod history;
mod jobs;
mod lakeview;
mod login;
mod paging;
mod schedules;
mod statements;
mod stream;
mod unity;
mod warehouses;
pub mod wire;
mod workspace;

pub use access::{Held, Permissions};
pub use client::{Caller, Client, Credentials};
pub use deploy::{Change, Contents, DashboardSpec, Deployed, is_current};
pub use error::Error;
pub use failure::{Position, StatementError};
pub use history::Bytes;
pub use jobs::Jobs;
pub use lakeview::Lakeview;
pub use login::{
    Ended, Env, Explicit, Login, LoginError, Method, NotRun, Origin, RunProgram, Surroundings, system_programs,
};
pub use schedules::{Recipients, Schedules};
pub use statements::{BRIEF, Column, Listener, Progress, Sent, Statement, StatementResult, Statements, pause_after};
pub use stream::{Chunk, ResultStream, RowFormat};
pub use unity::Unity;
pub use warehouses::Warehouses;
pub use workspace::Workspace;
