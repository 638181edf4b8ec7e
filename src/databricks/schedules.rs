//! Schedules of dashboards and their subscriptions: the single calls.

use super::paging;
use super::wire::{
    DashboardSchedule, Destination, DestinationList, Empty, ScheduleList, Subscription, SubscriptionList, UserList,
};
use crate::http::{self, Class, Http, Request};
use crate::ids::DashboardId;

/// The schedules of one dashboard.
pub struct Schedules<'a> {
    pub(super) http: &'a Http,
    pub(super) dashboard: &'a DashboardId,
}

impl Schedules<'_> {
    /// Lists the schedules; none if there is no such dashboard. `GET …/dashboards/{id}/schedules`.
    ///
    /// # Errors
    /// If a request fails.
    pub async fn list(&self) -> Result<Vec<DashboardSchedule>, http::Error> {
        none_if_missing(paging::all::<ScheduleList>(self.http, self.all(Request::get)).await)
    }

    /// Makes a schedule. Sent twice it would make two. `POST …/dashboards/{id}/schedules`.
    ///
    /// # Errors
    /// If the request fails.
    pub async fn create(&self, schedule: &DashboardSchedule) -> Result<DashboardSchedule, http::Error> {
        self.http.json(self.all(Request::post).json(schedule)).await
    }

    /// Replaces a schedule. `PUT …/schedules/{schedule_id}`.
    ///
    /// # Errors
    /// If the request fails: `Conflict` if the body's etag is stale.
    pub async fn update(&self, id: &str, schedule: &DashboardSchedule) -> Result<DashboardSchedule, http::Error> {
        self.http.json(self.one(Request::put, id).idempotent().json(schedule)).await
    }

    /// Deletes a schedule with its subscriptions; does nothing if it is gone. `DELETE …/schedules/{schedule_id}`.
    ///
    /// # Errors
    /// If the request fails.
    pub async fn delete(&self, id: &str) -> Result<(), http::Error> {
        none_if_missing(self.http.json::<Empty>(self.one(Request::delete, id).idempotent()).await.map(drop))
    }

    /// Lists who is subscribed to a schedule. `GET …/schedules/{schedule_id}/subscriptions`.
    ///
    /// # Errors
    /// If a request fails.
    pub async fn subscriptions(&self, id: &str) -> Result<Vec<Subscription>, http::Error> {
        let request = self.one(Request::get, id).then("subscriptions");
        none_if_missing(paging::all::<SubscriptionList>(self.http, request).await)
    }

    /// Subscribes somebody. `POST …/schedules/{schedule_id}/subscriptions`.
    ///
    /// # Errors
    /// If the request fails: `Conflict` if that is so already.
    pub async fn subscribe(&self, id: &str, subscription: &Subscription) -> Result<Subscription, http::Error> {
        self.http.json(self.one(Request::post, id).then("subscriptions").json(subscription)).await
    }

    /// Ends a subscription; does nothing if it is gone. `DELETE …/subscriptions/{subscription_id}`.
    ///
    /// # Errors
    /// If the request fails.
    pub async fn unsubscribe(&self, id: &str, subscription: &str) -> Result<(), http::Error> {
        let request = self.one(Request::delete, id).then("subscriptions").segment(subscription);
        none_if_missing(self.http.json::<Empty>(request.idempotent()).await.map(drop))
    }

    fn all(&self, method: fn(&str) -> Request) -> Request {
        method("/api/2.0/lakeview/dashboards").segment(self.dashboard.as_str()).then("schedules")
    }

    fn one(&self, method: fn(&str) -> Request, id: &str) -> Request {
        self.all(method).segment(id)
    }
}

/// To whom things of a workspace can be sent.
pub struct Recipients<'a> {
    pub(super) http: &'a Http,
}

impl Recipients<'_> {
    /// Finds a user's id by the name, which is an e-mail address; none if there is no such user.
    /// `GET /api/2.0/preview/scim/v2/Users`.
    ///
    /// # Errors
    /// If the request fails.
    pub async fn user(&self, name: &str) -> Result<Option<i64>, http::Error> {
        let quoted = name.replace('\\', "\\\\").replace('"', "\\\"");
        let request = Request::get("/api/2.0/preview/scim/v2/Users")
            .query("filter", format!("userName eq \"{quoted}\""))
            .query("attributes", "id,userName");
        let found: UserList = self.http.json(request).await?;
        // The service's comparison may be wider than ours.
        let user = found.resources.iter().find(|user| user.user_name.eq_ignore_ascii_case(name));
        Ok(user.and_then(|user| user.id.parse().ok()))
    }

    /// Lists the notification destinations. `GET /api/2.0/notification-destinations`.
    ///
    /// # Errors
    /// If a request fails.
    pub async fn destinations(&self) -> Result<Vec<Destination>, http::Error> {
        paging::all::<DestinationList>(self.http, Request::get("/api/2.0/notification-destinations")).await
    }
}

fn none_if_missing<T: Default>(answer: Result<T, http::Error>) -> Result<T, http::Error> {
    match answer {
        Err(error) if error.class() == Class::NotFound => Ok(T::default()),
        answer => answer,
    }
}
