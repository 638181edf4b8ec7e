//! Brings a dashboard into the workspace and publishes it.

use super::{Context, Finished, Reporter, failure};
use crate::databricks::{Change, DashboardSpec};
use crate::event::EventKind;
use crate::plan::PublishDashboard;

pub(super) async fn run(dashboard: &PublishDashboard, context: &Context, reporter: &Reporter) -> Finished {
    let client = &context.connected.databricks;
    let spec = DashboardSpec {
        folder: dashboard.folder.clone(),
        title: dashboard.title.clone(),
        serialized: dashboard.content.clone(),
        warehouse: context.connected.warehouse.clone(),
        catalog: Some(context.catalog.clone()),
        schema: Some(context.schema.clone()),
        embed_credentials: dashboard.embed_credentials,
    };
    // A deploy is a few short requests of which each leaves the dashboard old or new, so an interrupt lets it end.
    match client.lakeview().deploy(&spec).await {
        Ok(deployed) => {
            reporter
                .tell(EventKind::DashboardPublished {
                    dashboard: dashboard.dashboard.clone(),
                    title: dashboard.title.clone(),
                    link: format!("{}/dashboardsv3/{}/published", client.host(), deployed.dashboard_id),
                    content: dashboard.content.clone(),
                })
                .await;
            Finished::succeeded(match (deployed.draft, deployed.published) {
                (Change::Created, _) => "created and published",
                (Change::Updated, _) => "updated and published",
                (Change::Unchanged, true) => "published",
                (Change::Unchanged, false) => "unchanged",
            })
        }
        Err(error) => {
            let message = format!("dashboard `{}`: {error}", dashboard.dashboard);
            Finished::failed(failure(message, error.help(), error.class()))
        }
    }
}
