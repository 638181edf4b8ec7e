//! Schedules of dashboards, and to whom they are sent, as plans look at them.

use std::collections::{BTreeMap, BTreeSet};

use futures::{StreamExt as _, TryStreamExt as _, stream};

use super::AT_ONCE;
use crate::databricks::wire::{DashboardSchedule, PauseStatus, Subscription};
use crate::databricks::{Client, Error};
use crate::ids::{DashboardId, DashboardName};
use crate::plan::{Observed, ObservedDashboardSchedule, Recipient, Timing};

/// Reads the schedules that kiln made of dashboards: one request for each dashboard, and one for each of these schedules.
///
/// # Errors
/// If a request fails.
pub async fn schedules(
    client: &Client,
    project: &str,
    observed: &Observed,
    dashboards: impl Iterator<Item = (&DashboardName, &DashboardId)>,
) -> Result<BTreeMap<DashboardName, Vec<ObservedDashboardSchedule>>, Error> {
    let found = dashboards.map(async |(dashboard, id)| {
        let schedules = client.schedules(id);
        let mut own = Vec::new();
        for schedule in schedules.list().await? {
            let Some(schedule_id) = schedule.schedule_id.clone() else { continue };
            let title = schedule.display_name.as_deref();
            let Some(name) = observed.own_schedule(project, id, &schedule_id, title) else { continue };
            let subscriptions = schedules.subscriptions(&schedule_id).await?;
            own.push(ObservedDashboardSchedule {
                id: schedule_id,
                name,
                timing: timing(&schedule),
                recipients: subscriptions.iter().filter_map(recipient).collect(),
            });
        }
        Ok::<_, Error>((dashboard.clone(), own))
    });
    stream::iter(found).buffered(AT_ONCE).try_collect().await
}

/// Finds out who subscribers are: users by their e-mail addresses, one request for each, and notification destinations by
/// their names or ids, one request for each page of all. Those that are not there are listed as none.
///
/// # Errors
/// If a request fails.
pub async fn recipients(
    client: &Client,
    names: &BTreeSet<String>,
) -> Result<BTreeMap<String, Option<Recipient>>, Error> {
    let mut found = BTreeMap::new();
    let mut destinations = None;
    for name in names {
        let recipient = if name.contains('@') {
            client.recipients().user(name).await?.map(Recipient::User)
        } else {
            if destinations.is_none() {
                destinations = Some(client.recipients().destinations().await?);
            }
            let all = destinations.iter().flatten();
            let one = all.into_iter().find(|one| one.id == *name || one.display_name == *name);
            one.map(|one| Recipient::Destination(one.id.clone()))
        };
        found.insert(name.clone(), recipient);
    }
    Ok(found)
}

/// Returns when a schedule sends.
pub fn timing(schedule: &DashboardSchedule) -> Timing {
    Timing {
        cron: schedule.cron_schedule.quartz_cron_expression.clone(),
        timezone: schedule.cron_schedule.timezone_id.clone(),
        paused: schedule.pause_status == Some(PauseStatus::Paused),
    }
}

/// Returns to whom a subscription sends; none if that is of a kind that is not known.
pub fn recipient(subscription: &Subscription) -> Option<Recipient> {
    let user = subscription.subscriber.user_subscriber.as_ref().map(|user| Recipient::User(user.user_id));
    let destination = subscription.subscriber.destination_subscriber.as_ref();
    user.or_else(|| Some(Recipient::Destination(destination?.destination_id.clone())))
}
