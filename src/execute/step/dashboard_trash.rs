//! Takes a dashboard out of the workspace: into the trash, from which a person can bring it back.

use super::databricks_alter::run_all;
use super::{Context, Finished, Reporter, failure};
use crate::databricks::Error;
use crate::event::Outcome;
use crate::plan::TrashDashboard;

pub(super) async fn run(dashboard: &TrashDashboard, context: &Context, reporter: &Reporter) -> Finished {
    match trash(dashboard, context, reporter).await {
        Ok(()) => Finished::succeeded("moved to the trash"),
        Err(Error::Interrupted { .. }) => Finished::new(Outcome::Cancelled),
        Err(error) => {
            let message = format!("dashboard `{}`: {error}", dashboard.dashboard);
            Finished::failed(failure(message, error.help(), error.class()))
        }
    }
}

async fn trash(dashboard: &TrashDashboard, context: &Context, reporter: &Reporter) -> Result<(), Error> {
    let lakeview = context.connected.databricks.lakeview();
    for path in &dashboard.paths {
        if let Some(id) = lakeview.find(path).await? {
            lakeview.trash(&id).await?;
        }
    }
    run_all(&dashboard.forgetting, context, reporter).await
}
