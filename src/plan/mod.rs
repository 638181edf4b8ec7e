//! What a run will do: pure, complete, with nothing left to decide while it is carried out.

mod run;

pub use run::{
    Action, BuildModel, PublishDashboard, QueryDashboard, RunPlan, Step, SyncConnection, WidgetStatement, run,
    statement,
};
