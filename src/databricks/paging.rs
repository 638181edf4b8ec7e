//! Lists that come in pages: the one loop that reads them all.

use serde::de::DeserializeOwned;

use super::wire::{
    Dashboard, DashboardList, DashboardSchedule, Destination, DestinationList, EffectivePermissions,
    EffectivePrivileges, Job, JobList, Permissions, Privileges, ScheduleList, Subscription, SubscriptionList, Table,
    TableList, TableSummary, TableSummaryList, Warehouse, WarehouseList,
};
use crate::http::{self, Http, Request};

/// A page of a list.
pub(super) trait Page: DeserializeOwned {
    /// What is listed.
    type Item;

    /// Returns what the page lists, and what asks for the next one. A page may be empty and still not be the last.
    fn into_parts(self) -> (Vec<Self::Item>, Option<String>);
}

/// Reads all pages of a list.
pub(super) async fn all<P: Page>(http: &Http, request: Request) -> Result<Vec<P::Item>, http::Error> {
    let mut all = Vec::new();
    let mut token: Option<String> = None;
    loop {
        let page: P = http.json(request.clone().query_opt("page_token", token.take())).await?;
        let (items, next) = page.into_parts();
        all.extend(items);
        match next.filter(|token| !token.is_empty()) {
            Some(next) => token = Some(next),
            None => return Ok(all),
        }
    }
}

macro_rules! pages {
    ($($page:ident of $item:ident in $field:ident),* $(,)?) => {
        $(impl Page for $page {
            type Item = $item;

            fn into_parts(self) -> (Vec<$item>, Option<String>) {
                (self.$field, self.next_page_token)
            }
        })*
    };
}

pages! {
    DashboardList of Dashboard in dashboards,
    DestinationList of Destination in results,
    EffectivePermissions of EffectivePrivileges in privilege_assignments,
    JobList of Job in jobs,
    Permissions of Privileges in privilege_assignments,
    ScheduleList of DashboardSchedule in schedules,
    SubscriptionList of Subscription in subscriptions,
    TableList of Table in tables,
    TableSummaryList of TableSummary in tables,
    WarehouseList of Warehouse in warehouses,
}
