//! Who may do what with a dashboard, beside what comes from the folders above it.

use std::collections::BTreeMap;

use super::error::Error;
use super::wire::{Access, AccessRequest, AccessWish, ObjectAccess};
use crate::http::{self, Class, Http, Request};
use crate::ids::{DashboardId, Principal};

const DASHBOARDS: &str = "/api/2.0/permissions/dashboards";

/// From the least to the most; each holds those before it.
const LEVELS: [&str; 4] = ["CAN_READ", "CAN_RUN", "CAN_EDIT", "CAN_MANAGE"];

/// What each has on a dashboard itself: principal → level.
pub type Held = BTreeMap<Principal, String>;

/// The permissions of a workspace's dashboards.
pub struct Permissions<'a> {
    pub(super) http: &'a Http,
}

impl Permissions<'_> {
    /// Reads what each has on a dashboard itself; nothing if there is no such dashboard.
    /// `GET /api/2.0/permissions/dashboards/{id}`.
    ///
    /// # Errors
    /// If the request fails.
    pub async fn of_dashboard(&self, id: &DashboardId) -> Result<Held, http::Error> {
        match self.http.json::<ObjectAccess>(one(Request::get, id)).await {
            Ok(access) => Ok(held(&access)),
            Err(error) if error.class() == Class::NotFound => Ok(Held::new()),
            Err(error) => Err(error),
        }
    }

    /// Changes what those that are named have, and leaves others alone.
    /// `PATCH /api/2.0/permissions/dashboards/{id}`.
    ///
    /// # Errors
    /// If the request fails: `NotFound` if there is no such principal.
    pub async fn update(&self, id: &DashboardId, wanted: &Held) -> Result<Held, http::Error> {
        let request = one(Request::patch, id).idempotent().json(&body(wanted));
        Ok(held(&self.http.json(request).await?))
    }

    /// Replaces what all have on a dashboard itself. `PUT /api/2.0/permissions/dashboards/{id}`.
    ///
    /// # Errors
    /// If the request fails: `NotFound` if there is no such principal.
    pub async fn replace(&self, id: &DashboardId, wanted: &Held) -> Result<Held, http::Error> {
        let request = one(Request::put, id).idempotent().json(&body(wanted));
        Ok(held(&self.http.json(request).await?))
    }

    /// Gives those that are named what they shall have, or takes it from them; tells whether there was anything to do.
    ///
    /// More than before is given by a request that touches nobody else. The service has none for less: then all that is
    /// there is sent again without it, as it is read right before.
    ///
    /// # Errors
    /// If a request fails, or what it shall come to does not show in its answer.
    pub async fn grant(&self, id: &DashboardId, wanted: &BTreeMap<Principal, Option<String>>) -> Result<bool, Error> {
        let there = self.of_dashboard(id).await?;
        let differs: Vec<_> = wanted.iter().filter(|(who, level)| there.get(who) != level.as_ref()).collect();
        if differs.is_empty() {
            return Ok(false);
        }
        let is_more = |who: &Principal, level: &Option<String>| {
            level.as_deref().is_some_and(|level| there.get(who).is_none_or(|there| rank(there) < rank(level)))
        };
        let after = if differs.iter().all(|(who, level)| is_more(who, level)) {
            let more = differs.iter().filter_map(|(who, level)| Some(((*who).clone(), (*level).clone()?)));
            self.update(id, &more.collect()).await?
        } else {
            let mut all = there.clone();
            for (who, level) in &differs {
                match level {
                    Some(level) => all.insert((*who).clone(), level.clone()),
                    None => all.remove(*who),
                };
            }
            self.replace(id, &all).await?
        };
        match wanted.iter().find(|(who, level)| after.get(who) != level.as_ref()) {
            None => Ok(true),
            Some((who, level)) => {
                let word = |level: Option<&String>| level.map_or("nothing", String::as_str).to_owned();
                Err(Error::NotGranted {
                    who: who.to_string(),
                    wanted: word(level.as_ref()),
                    held: word(after.get(who)),
                })
            }
        }
    }
}

fn one(method: impl FnOnce(&str) -> Request, id: &DashboardId) -> Request {
    method(DASHBOARDS).segment(id.as_str())
}

/// Returns how much a level holds; nothing is known of one that is none of the usual.
fn rank(level: &str) -> Option<usize> {
    LEVELS.iter().position(|other| *other == level)
}

/// Returns what each has on the object itself; of several levels, the one that holds the others.
fn held(access: &ObjectAccess) -> Held {
    let own = |one: &Access| {
        let levels = one.all_permissions.iter().filter(|held| !held.inherited);
        levels.map(|held| held.permission_level.clone()).max_by_key(|level| rank(level))
    };
    access.access_control_list.iter().filter_map(|one| Some((principal(one)?, own(one)?))).collect()
}

fn principal(access: &Access) -> Option<Principal> {
    let user = access.user_name.as_ref().map(|name| Principal::User(name.to_lowercase()));
    let group = access.group_name.as_ref().map(|name| Principal::Group(name.clone()));
    let service = access.service_principal_name.as_ref();
    user.or(group).or_else(|| Some(Principal::ServicePrincipal(service?.to_lowercase())))
}

fn body(wanted: &Held) -> AccessRequest {
    let wish = |(who, level): (&Principal, &String)| {
        let wish = AccessWish { permission_level: level.clone(), ..AccessWish::default() };
        match who.clone() {
            Principal::User(name) => AccessWish { user_name: Some(name), ..wish },
            Principal::Group(name) => AccessWish { group_name: Some(name), ..wish },
            Principal::ServicePrincipal(name) => AccessWish { service_principal_name: Some(name), ..wish },
        }
    };
    AccessRequest { access_control_list: wanted.iter().map(wish).collect() }
}
