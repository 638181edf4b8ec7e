//! Brings the schedules of a dashboard in line with the project: made, changed, deleted, and sent to whom they shall be.

use std::collections::BTreeSet;

use super::databricks_alter::run_all;
use super::{Context, Finished, Reporter, failure};
use crate::databricks::wire::{
    CronSchedule, DashboardSchedule, DestinationSubscriber, PauseStatus, Subscriber, Subscription, UserSubscriber,
};
use crate::databricks::{Error, Schedules};
use crate::event::Outcome;
use crate::http::Class;
use crate::ids::DashboardId;
use crate::observe::{recipient, timing};
use crate::plan::{KeepDashboardSchedule, KeepDashboardSchedules, Recipient, ScheduleNote, SchedulePlace, Timing};

pub(super) async fn run(work: &KeepDashboardSchedules, context: &Context, reporter: &Reporter) -> Finished {
    match keep_all(work, context, reporter).await {
        Ok(()) => Finished::succeeded(summary(work)),
        Err(Error::Interrupted { .. }) => Finished::new(Outcome::Cancelled),
        Err(error) => {
            let message = format!("schedules of dashboard `{}`: {error}", work.dashboard);
            Finished::failed(failure(message, error.help(), error.class()))
        }
    }
}

fn summary(work: &KeepDashboardSchedules) -> String {
    let parts = [(work.keep.len(), "kept"), (work.remove.len(), "deleted")];
    let parts = parts.iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}"));
    parts.collect::<Vec<_>>().join(", ")
}

async fn keep_all(work: &KeepDashboardSchedules, context: &Context, reporter: &Reporter) -> Result<(), Error> {
    let client = &context.connected.databricks;
    let found = client.lakeview().find(&work.path).await?;
    let dashboard = found.ok_or_else(|| Error::DashboardMissing { path: work.path.clone() })?;
    let schedules = client.schedules(&dashboard);
    for keep in &work.keep {
        keep_one(keep, work, &dashboard, context, reporter).await?;
    }
    for id in &work.remove {
        schedules.delete(id).await?;
    }
    run_all(&work.forgetting, context, reporter).await
}

async fn keep_one(
    keep: &KeepDashboardSchedule,
    work: &KeepDashboardSchedules,
    dashboard: &DashboardId,
    context: &Context,
    reporter: &Reporter,
) -> Result<(), Error> {
    let client = &context.connected.databricks;
    let schedules = client.schedules(dashboard);
    let there = match find(&schedules, keep).await? {
        Some(there) => change(&schedules, there, keep).await?,
        None => {
            // Noted before it is made: whatever becomes of the answer, somebody will look for it.
            run_all(&keep.note.statements(&work.notes_table), context, reporter).await?;
            create(&schedules, keep).await?
        }
    };
    let id = there.schedule_id.clone().unwrap_or_default();
    subscribe(&schedules, &id, keep).await?;
    if let Some(former) = &keep.note.former {
        let old = DashboardId::new(&former.dashboard);
        match client.schedules(&old).delete(&former.id).await {
            // With its dashboard it is in the trash, where nothing is sent and nothing can be changed.
            Err(error) if error.class() != Class::Permission => return Err(error.into()),
            _ => {}
        }
    }
    let place = SchedulePlace { dashboard: dashboard.to_string(), id };
    let note = ScheduleNote { place, former: None, ..keep.note.clone() };
    run_all(&note.statements(&work.notes_table), context, reporter).await
}

/// Finds the schedule by its id or, where an earlier deploy made it without learning so, by its name.
async fn find(schedules: &Schedules<'_>, keep: &KeepDashboardSchedule) -> Result<Option<DashboardSchedule>, Error> {
    let all = schedules.list().await?;
    let by_id = all.iter().find(|one| keep.id.is_some() && one.schedule_id == keep.id);
    let found = by_id.or_else(|| all.iter().find(|one| one.display_name.as_deref() == Some(&keep.title)));
    Ok(found.cloned())
}

async fn create(schedules: &Schedules<'_>, keep: &KeepDashboardSchedule) -> Result<DashboardSchedule, Error> {
    let wanted = DashboardSchedule { display_name: Some(keep.title.clone()), ..DashboardSchedule::default() };
    match schedules.create(&with_timing(wanted, &keep.note.timing)).await {
        Err(error) if error.may_have_arrived() => match find(schedules, keep).await? {
            Some(made) => change(schedules, made, keep).await,
            None => Err(error.into()),
        },
        made => Ok(made?),
    }
}

/// Changes when it sends, if that differs. What kiln knows nothing of, such as the warehouse, stays as people set it.
async fn change(
    schedules: &Schedules<'_>,
    there: DashboardSchedule,
    keep: &KeepDashboardSchedule,
) -> Result<DashboardSchedule, Error> {
    if timing(&there) == keep.note.timing {
        return Ok(there);
    }
    let id = there.schedule_id.clone().unwrap_or_default();
    match schedules.update(&id, &with_timing(there, &keep.note.timing)).await {
        // A repeated update meets the etag that its lost first try left behind.
        Err(error) if error.class() == Class::Conflict && error.attempts() > 1 => match find(schedules, keep).await? {
            Some(there) if timing(&there) == keep.note.timing => Ok(there),
            _ => Err(error.into()),
        },
        changed => Ok(changed?),
    }
}

fn with_timing(schedule: DashboardSchedule, timing: &Timing) -> DashboardSchedule {
    let cron_schedule = CronSchedule {
        quartz_cron_expression: timing.cron.clone(),
        timezone_id: timing.timezone.clone(),
        pause_status: None,
    };
    let pause_status = Some(if timing.paused { PauseStatus::Paused } else { PauseStatus::Unpaused });
    DashboardSchedule { cron_schedule, pause_status, ..schedule }
}

/// Subscribes those that are missing, and ends what kiln subscribed and the project no longer has. Who subscribed by
/// themselves stay.
async fn subscribe(schedules: &Schedules<'_>, id: &str, keep: &KeepDashboardSchedule) -> Result<(), Error> {
    let there = schedules.subscriptions(id).await?;
    let sent: BTreeSet<Recipient> = there.iter().filter_map(recipient).collect();
    for to in keep.note.subscribers.values().filter(|to| !sent.contains(to)) {
        match schedules.subscribe(id, &subscription(to)).await {
            Err(error) if error.class() == Class::Conflict => {}
            subscribed => drop(subscribed?),
        }
    }
    let gone = |one: &&Subscription| recipient(one).is_some_and(|to| keep.unsubscribe.contains(&to));
    for one in there.iter().filter(gone) {
        schedules.unsubscribe(id, one.subscription_id.as_deref().unwrap_or_default()).await?;
    }
    Ok(())
}

fn subscription(to: &Recipient) -> Subscription {
    let subscriber = match to {
        Recipient::User(user_id) => {
            Subscriber { user_subscriber: Some(UserSubscriber { user_id: *user_id }), ..Subscriber::default() }
        }
        Recipient::Destination(id) => Subscriber {
            destination_subscriber: Some(DestinationSubscriber { destination_id: id.clone() }),
            ..Subscriber::default()
        },
    };
    Subscription { subscriber, ..Subscription::default() }
}
