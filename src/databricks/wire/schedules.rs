//! Schedules of dashboards, who is subscribed to them, and where those are looked up.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::identity::Me;
use super::jobs::{CronSchedule, PauseStatus};

/// When a dashboard is refreshed and sent to its subscribers:
/// `/api/2.0/lakeview/dashboards/{dashboard_id}/schedules[/{schedule_id}]`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DashboardSchedule {
    /// Its id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schedule_id: Option<String>,
    /// The dashboard.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dashboard_id: Option<String>,
    /// Its name for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
    /// When.
    pub cron_schedule: CronSchedule,
    /// Whether it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pause_status: Option<PauseStatus>,
    /// The warehouse; the dashboard's own if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub warehouse_id: Option<String>,
    /// Its version: needed to change it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub etag: Option<String>,
    /// When it was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub create_time: Option<DateTime<Utc>>,
    /// When it was changed last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub update_time: Option<DateTime<Utc>>,
}

/// A page of a dashboard's schedules.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScheduleList {
    /// The schedules.
    #[serde(default)]
    pub schedules: Vec<DashboardSchedule>,
    /// Asks for the next page; absent on the last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_page_token: Option<String>,
}

/// Somebody, or something, to which a dashboard is sent: `…/schedules/{schedule_id}/subscriptions[/{subscription_id}]`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subscription {
    /// Its id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subscription_id: Option<String>,
    /// The dashboard.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dashboard_id: Option<String>,
    /// The schedule.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schedule_id: Option<String>,
    /// To whom it is sent.
    pub subscriber: Subscriber,
    /// Whether nobody is told of the subscription itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub skip_notify: Option<bool>,
    /// Its version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub etag: Option<String>,
}

/// To whom a dashboard is sent: exactly one of the two.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subscriber {
    /// A user.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_subscriber: Option<UserSubscriber>,
    /// A notification destination, such as a channel of Slack.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub destination_subscriber: Option<DestinationSubscriber>,
}

/// A user by the id.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserSubscriber {
    /// The user's id.
    pub user_id: i64,
}

/// A notification destination by its id.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DestinationSubscriber {
    /// The destination's id.
    pub destination_id: String,
}

/// A page of a schedule's subscriptions.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SubscriptionList {
    /// The subscriptions.
    #[serde(default)]
    pub subscriptions: Vec<Subscription>,
    /// Asks for the next page; absent on the last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_page_token: Option<String>,
}

/// Answer of `GET /api/2.0/preview/scim/v2/Users?filter=…`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserList {
    /// The users.
    #[serde(default, rename = "Resources")]
    pub resources: Vec<Me>,
}

/// A notification destination: `/api/2.0/notification-destinations`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Destination {
    /// Its id.
    #[serde(default)]
    pub id: String,
    /// Its name.
    #[serde(default)]
    pub display_name: String,
    /// `SLACK`, `EMAIL`, `MICROSOFT_TEAMS`, `WEBHOOK`, …
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub destination_type: Option<String>,
}

/// A page of the notification destinations.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DestinationList {
    /// The destinations.
    #[serde(default)]
    pub results: Vec<Destination>,
    /// Asks for the next page; absent on the last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_page_token: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::databricks::wire::testing::{round_trip, with_unknown_field};

    #[test]
    fn a_schedule_round_trips() {
        let json = r#"{"schedule_id":"5d2e","dashboard_id":"01ef","display_name":"weekly","etag":"80611980",
            "cron_schedule":{"quartz_cron_expression":"0 0 8 ? * 2","timezone_id":"Europe/Berlin"},
            "pause_status":"PAUSED","warehouse_id":"abc123",
            "create_time":"2026-09-01T02:14:29.013Z","update_time":"2026-09-02T02:14:29.013Z"}"#;
        let schedule: DashboardSchedule = round_trip(json);
        assert_eq!(schedule.pause_status, Some(PauseStatus::Paused));
        assert_eq!(with_unknown_field::<DashboardSchedule>(json), schedule);
        round_trip::<ScheduleList>(
            r#"{"schedules":[{"cron_schedule":{"quartz_cron_expression":"0 0 8 * * ?","timezone_id":"UTC"}}],
                "next_page_token":"n"}"#,
        );
    }

    #[test]
    fn a_subscriber_is_a_user_or_a_destination() {
        let list: SubscriptionList = round_trip(
            r#"{"subscriptions":[
                {"subscription_id":"a","schedule_id":"5d2e","dashboard_id":"01ef","etag":"1","skip_notify":false,
                 "subscriber":{"user_subscriber":{"user_id":6319425193822}}},
                {"subscriber":{"destination_subscriber":{"destination_id":"4e0c"}}}]}"#,
        );
        assert!(list.subscriptions[0].subscriber.destination_subscriber.is_none());
    }

    #[test]
    fn users_and_destinations_are_found_in_lists() {
        let users: UserList = round_trip(r#"{"Resources":[{"id":"6319425193822","userName":"ada@example.test"}]}"#);
        assert_eq!(users.resources[0].id, "6319425193822");
        assert_eq!(serde_json::from_str::<UserList>(r#"{"totalResults":0}"#).unwrap(), UserList::default());
        round_trip::<DestinationList>(
            r#"{"results":[{"id":"4e0c","display_name":"Board","destination_type":"SLACK"}],"next_page_token":"n"}"#,
        );
    }
}
