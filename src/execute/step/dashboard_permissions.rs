//! Gives users, groups and service principals what they shall be able to do with a dashboard.

use super::databricks_alter::run_all;
use super::{Context, Finished, Reporter, failure};
use crate::databricks::Error;
use crate::event::Outcome;
use crate::plan::{GrantPermissions, PermissionsNote};

pub(super) async fn run(grant: &GrantPermissions, context: &Context, reporter: &Reporter) -> Finished {
    match give(grant, context, reporter).await {
        Ok(true) => Finished::succeeded("given"),
        Ok(false) => Finished::succeeded("unchanged"),
        Err(Error::Interrupted { .. }) => Finished::new(Outcome::Cancelled),
        Err(error) => {
            let message = format!("permissions of dashboard `{}`: {error}", grant.note.dashboard);
            Finished::failed(failure(message, error.help(), error.class()))
        }
    }
}

async fn give(grant: &GrantPermissions, context: &Context, reporter: &Reporter) -> Result<bool, Error> {
    let client = &context.connected.databricks;
    let found = client.lakeview().find(&grant.path).await?;
    let id = found.ok_or_else(|| Error::DashboardMissing { path: grant.path.clone() })?;
    let changed = client.permissions().grant(&id, &grant.note.given).await?;
    // Only afterwards: what is noted is what they have, so whatever differs from it then, a person has changed.
    let note = PermissionsNote { id, ..grant.note.clone() };
    run_all(&note.statements(&grant.notes_table), context, reporter).await?;
    Ok(changed)
}
