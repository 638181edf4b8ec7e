//! Brings a dashboard into the workspace and publishes it.

use std::sync::Arc;

use serde_json::Value;

use super::databricks_alter::run_all;
use super::{Context, Finished, Reporter, failure};
use crate::databricks::{Change, Contents, DashboardSpec, Error};
use crate::event::{EventKind, Outcome};
use crate::plan::PublishDashboard;

/// Judges a draft by what the plan knows of the dashboard.
#[derive(Debug)]
struct Planned(PublishDashboard);

impl Contents for Planned {
    fn is_wanted(&self, draft: &Value) -> bool {
        self.0.is_wanted(draft)
    }

    fn may_replace(&self, draft: &Value) -> bool {
        self.0.may_replace(draft)
    }
}

pub(super) async fn run(dashboard: &PublishDashboard, context: &Context, reporter: &Reporter) -> Finished {
    let client = &context.connected.databricks;
    // Noted before it is sent: should the answer be lost, what then lies there is still known as ours.
    match run_all(&dashboard.noting, context, reporter).await {
        Ok(()) => {}
        Err(Error::Interrupted { .. }) => return Finished::new(Outcome::Cancelled),
        Err(error) => {
            let message = format!("dashboard `{}` could not be noted: {error}", dashboard.dashboard);
            return Finished::failed(failure(message, error.help(), error.class()));
        }
    }
    let spec = DashboardSpec {
        folder: dashboard.folder.clone(),
        title: dashboard.title.clone(),
        former: dashboard.former.clone(),
        serialized: dashboard.content.clone(),
        contents: Arc::new(Planned(dashboard.clone())),
        warehouse: context.connected.warehouse.clone(),
        catalog: Some(context.catalog.clone()),
        schema: Some(context.schema.clone()),
        embed_credentials: dashboard.embed_credentials,
    };
    // A deploy is a few short requests of which each leaves the dashboard old or new, so an interrupt lets it end.
    let deployed = async {
        let deployed = client.lakeview().deploy(&spec).await?;
        run_all(&dashboard.settling, context, reporter).await?;
        Ok::<_, Error>(deployed)
    };
    match deployed.await {
        Ok(deployed) => {
            reporter
                .tell(EventKind::DashboardPublished {
                    step: reporter.step().clone(),
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
        Err(Error::Interrupted { .. }) => Finished::new(Outcome::Cancelled),
        Err(error) => {
            let message = format!("dashboard `{}`: {error}", dashboard.dashboard);
            Finished::failed(failure(message, error.help(), error.class()))
        }
    }
}
