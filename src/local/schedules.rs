//! Schedules of dashboards and their subscriptions, and to whom things can be sent. Nothing is ever sent.

use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::access::is_user;
use super::dashboards::{Document, find, find_active};
use super::error::ApiError;
use super::workspace::Workspace;
use crate::databricks::wire::{DashboardSchedule, Destination, Me, PauseStatus, Subscription};
use crate::ids::Fingerprint;

/// The most schedules of a dashboard, and subscriptions of a schedule, as the service says.
const MOST_SCHEDULES: usize = 10;
const MOST_SUBSCRIPTIONS: usize = 100;

/// The document that lists the notification destinations.
const DESTINATIONS: &str = "destinations.json";

/// A schedule with its subscriptions.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Scheduled {
    schedule: DashboardSchedule,
    subscriptions: Vec<Subscription>,
}

impl Scheduled {
    fn has(&self, id: &str) -> bool {
        self.schedule.schedule_id.as_deref() == Some(id)
    }
}

impl Workspace {
    /// `GET …/dashboards/{dashboard_id}/schedules`.
    pub(super) fn schedules(&self, dashboard: &str) -> Result<Vec<DashboardSchedule>, ApiError> {
        let state = self.lock();
        Ok(find(&state, dashboard)?.schedules.iter().map(|one| one.schedule.clone()).collect())
    }

    /// `GET …/schedules/{schedule_id}`.
    pub(super) fn schedule(&self, dashboard: &str, id: &str) -> Result<DashboardSchedule, ApiError> {
        let state = self.lock();
        let found = find(&state, dashboard)?.schedules.iter().find(|one| one.has(id));
        found.map(|one| one.schedule.clone()).ok_or_else(|| missing("schedule", id))
    }

    /// `POST …/dashboards/{dashboard_id}/schedules`.
    pub(super) fn create_schedule(
        &self,
        dashboard: &str,
        wanted: DashboardSchedule,
    ) -> Result<DashboardSchedule, ApiError> {
        let now = self.now();
        self.change_schedules(dashboard, |document| {
            if document.schedules.len() >= MOST_SCHEDULES {
                return Err(ApiError::invalid(format!("a dashboard has at most {MOST_SCHEDULES} schedules")));
            }
            let schedule = DashboardSchedule {
                schedule_id: Some(Uuid::new_v4().simple().to_string()),
                dashboard_id: Some(dashboard.to_owned()),
                etag: Some("1".to_owned()),
                create_time: Some(now),
                update_time: Some(now),
                ..checked(wanted)?
            };
            document.schedules.push(Scheduled { schedule: schedule.clone(), subscriptions: Vec::new() });
            Ok(schedule)
        })
    }

    /// `PUT …/schedules/{schedule_id}`, for which the etag is needed.
    pub(super) fn update_schedule(
        &self,
        dashboard: &str,
        id: &str,
        wanted: DashboardSchedule,
    ) -> Result<DashboardSchedule, ApiError> {
        let now = self.now();
        self.change_schedules(dashboard, |document| {
            let one = of(document, id)?;
            let etag = wanted.etag.clone().filter(|etag| !etag.is_empty());
            demand(one.schedule.etag.as_deref(), &etag.ok_or_else(|| ApiError::invalid("etag is required"))?)?;
            one.schedule = DashboardSchedule {
                schedule_id: one.schedule.schedule_id.clone(),
                dashboard_id: one.schedule.dashboard_id.clone(),
                etag: one.schedule.etag.as_deref().map(next),
                create_time: one.schedule.create_time,
                update_time: Some(now),
                ..checked(wanted)?
            };
            Ok(one.schedule.clone())
        })
    }

    /// `DELETE …/schedules/{schedule_id}`.
    pub(super) fn delete_schedule(&self, dashboard: &str, id: &str, etag: Option<&str>) -> Result<(), ApiError> {
        self.change_schedules(dashboard, |document| {
            let one = of(document, id)?;
            if let Some(etag) = etag {
                demand(one.schedule.etag.as_deref(), etag)?;
            }
            document.schedules.retain(|one| !one.has(id));
            Ok(())
        })
    }

    /// `GET …/schedules/{schedule_id}/subscriptions`.
    pub(super) fn subscriptions(&self, dashboard: &str, id: &str) -> Result<Vec<Subscription>, ApiError> {
        let state = self.lock();
        let found = find(&state, dashboard)?.schedules.iter().find(|one| one.has(id));
        found.map(|one| one.subscriptions.clone()).ok_or_else(|| missing("schedule", id))
    }

    /// `POST …/schedules/{schedule_id}/subscriptions`.
    pub(super) fn subscribe(&self, dashboard: &str, id: &str, wanted: Subscription) -> Result<Subscription, ApiError> {
        self.change_schedules(dashboard, |document| {
            let one = of(document, id)?;
            let subscriber = &wanted.subscriber;
            if subscriber.user_subscriber.is_some() == subscriber.destination_subscriber.is_some() {
                return Err(ApiError::invalid("exactly one of user_subscriber, destination_subscriber is required"));
            }
            if one.subscriptions.iter().any(|other| other.subscriber == wanted.subscriber) {
                return Err(ApiError::conflict("ALREADY_EXISTS", "this subscriber is subscribed already"));
            }
            if one.subscriptions.len() >= MOST_SUBSCRIPTIONS {
                let message = format!("a schedule has at most {MOST_SUBSCRIPTIONS} subscriptions");
                return Err(ApiError::invalid(message));
            }
            let subscription = Subscription {
                subscription_id: Some(Uuid::new_v4().simple().to_string()),
                dashboard_id: Some(dashboard.to_owned()),
                schedule_id: Some(id.to_owned()),
                etag: Some("1".to_owned()),
                ..wanted
            };
            one.subscriptions.push(subscription.clone());
            Ok(subscription)
        })
    }

    /// `DELETE …/subscriptions/{subscription_id}`.
    pub(super) fn unsubscribe(&self, dashboard: &str, id: &str, subscription: &str) -> Result<(), ApiError> {
        self.change_schedules(dashboard, |document| {
            let one = of(document, id)?;
            let before = one.subscriptions.len();
            one.subscriptions.retain(|other| other.subscription_id.as_deref() != Some(subscription));
            if one.subscriptions.len() == before { Err(missing("subscription", subscription)) } else { Ok(()) }
        })
    }

    /// `GET /api/2.0/preview/scim/v2/Users` with the one filter that is understood. Every user is there, but for those of the
    /// domain `.invalid`; ids are made of the names.
    pub(super) fn users(&self, filter: Option<&str>) -> Result<Vec<Me>, ApiError> {
        let me = Me { id: "1".to_owned(), user_name: self.user_name().to_owned(), ..Me::default() };
        let Some(filter) = filter else { return Ok(vec![me]) };
        let name = filter.strip_prefix("userName eq \"").and_then(|rest| rest.strip_suffix('"'));
        let name = name.ok_or_else(|| {
            ApiError::new(StatusCode::BAD_REQUEST, "INVALID_PARAMETER_VALUE", "the filter must be userName eq \"…\"")
        })?;
        if name.eq_ignore_ascii_case(self.user_name()) {
            return Ok(vec![me]);
        }
        let hash = Fingerprint::of(&[&name.to_lowercase()]);
        let id = i64::from_str_radix(&hash.as_str()[..12], 16).unwrap_or_default();
        let user = Me { id: id.to_string(), user_name: name.to_owned(), ..Me::default() };
        Ok(if is_user(name) { vec![user] } else { Vec::new() })
    }

    /// `GET /api/2.0/notification-destinations`.
    pub(super) fn destinations(&self) -> Result<Vec<Destination>, ApiError> {
        Ok(self.store.read(DESTINATIONS)?.unwrap_or_default())
    }

    /// `POST /api/2.0/notification-destinations`.
    pub(super) fn create_destination(&self, wanted: Destination) -> Result<Destination, ApiError> {
        if wanted.display_name.trim().is_empty() {
            return Err(ApiError::invalid("display_name is required"));
        }
        // Held so that two of them do not overwrite each other's list.
        let _state = self.lock();
        let mut all = self.destinations()?;
        let destination = Destination { id: Uuid::new_v4().to_string(), ..wanted };
        all.push(destination.clone());
        self.store.write(DESTINATIONS, &all)?;
        Ok(destination)
    }

    fn change_schedules<T>(
        &self,
        dashboard: &str,
        change: impl FnOnce(&mut Document) -> Result<T, ApiError>,
    ) -> Result<T, ApiError> {
        let mut state = self.lock();
        let mut document = find_active(&state, dashboard)?.clone();
        let done = change(&mut document)?;
        self.keep(&mut state, document)?;
        Ok(done)
    }
}

fn of<'a>(document: &'a mut Document, id: &str) -> Result<&'a mut Scheduled, ApiError> {
    document.schedules.iter_mut().find(|one| one.has(id)).ok_or_else(|| missing("schedule", id))
}

fn checked(wanted: DashboardSchedule) -> Result<DashboardSchedule, ApiError> {
    let cron = &wanted.cron_schedule.quartz_cron_expression;
    if !(6..=7).contains(&cron.split_whitespace().count()) {
        return Err(ApiError::invalid(format!("Invalid quartz_cron_expression: '{cron}'")));
    }
    let pause_status = wanted.pause_status.clone().or(Some(PauseStatus::Unpaused));
    Ok(DashboardSchedule { pause_status, ..wanted })
}

fn demand(there: Option<&str>, etag: &str) -> Result<(), ApiError> {
    if there == Some(etag) {
        return Ok(());
    }
    let message =
        format!("etag {etag} is stale: the schedule has been changed and is at {}", there.unwrap_or_default());
    Err(ApiError::conflict("ABORTED", message))
}

fn next(etag: &str) -> String {
    (etag.parse::<u64>().unwrap_or_default() + 1).to_string()
}

fn missing(what: &str, id: &str) -> ApiError {
    ApiError::not_found(format!("Unable to find {what} [{id}]"))
}
