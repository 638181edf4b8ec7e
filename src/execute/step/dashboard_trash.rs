//! Takes a dashboard out of the workspace: into the trash, from which a person can bring it back.

use super::databricks_alter::run_all;
use super::{Context, Finished, Reporter, failure};
use crate::databricks::Error;
use crate::event::Outcome;
use crate::plan::{TrashDashboard, schedule_of_title};

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
            // Sooner than the dashboard: nobody promises that one in the trash is not sent any more.
            let schedules = context.connected.databricks.schedules(&id);
            for schedule in schedules.list().await? {
                let title = schedule.display_name.as_deref().unwrap_or_default();
                if let Some(schedule) = &schedule.schedule_id
                    && (dashboard.schedules.contains(schedule) || schedule_of_title(&context.project, title).is_some())
                {
                    schedules.delete(schedule).await?;
                }
            }
            lakeview.trash(&id).await?;
        }
    }
    run_all(&dashboard.forgetting, context, reporter).await
}
