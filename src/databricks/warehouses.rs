//! SQL warehouses.

use super::error::Error;
use super::paging;
use super::wire::{DefaultWarehouse, Empty, Warehouse, WarehouseList};
use crate::http::{self, Class, Http, Request};
use crate::ids::WarehouseId;

const PATH: &str = "/api/2.0/sql/warehouses";

/// The SQL warehouses of a workspace.
pub struct Warehouses<'a> {
    pub(super) http: &'a Http,
}

impl Warehouses<'_> {
    /// Lists all warehouses the caller may see.
    ///
    /// # Errors
    /// If a request fails.
    pub async fn list(&self) -> Result<Vec<Warehouse>, http::Error> {
        paging::all::<WarehouseList>(self.http, Request::get(PATH)).await
    }

    /// Reads one warehouse.
    ///
    /// # Errors
    /// If the request fails.
    pub async fn get(&self, id: &WarehouseId) -> Result<Warehouse, http::Error> {
        self.http.json(Request::get(PATH).segment(id.as_str())).await
    }

    /// Starts a warehouse; a statement would start it too. Does not wait.
    ///
    /// # Errors
    /// If the request fails.
    pub async fn start(&self, id: &WarehouseId) -> Result<(), http::Error> {
        let request = Request::post(PATH).segment(id.as_str()).then("start").idempotent().json(&Empty {});
        self.http.json::<Empty>(request).await.map(drop)
    }

    /// Finds the warehouse that is meant by a name, an id or an HTTP path; without one, the only warehouse, or the one the
    /// caller chose as their default.
    ///
    /// # Errors
    /// If a request fails, or not exactly one warehouse is meant.
    pub async fn resolve(&self, wanted: Option<&str>) -> Result<Warehouse, Error> {
        let Some(wanted) = wanted.map(str::trim).filter(|wanted| !wanted.is_empty()) else {
            return self.default().await;
        };
        if wanted.contains('/') {
            let id = wanted.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
            return Ok(self.get(&WarehouseId::new(id)).await?);
        }
        let mut all = self.list().await?;
        let named: Vec<usize> = (0..all.len()).filter(|&i| all[i].name == wanted).collect();
        let found = match named.as_slice() {
            [one] => Some(*one),
            [] => all.iter().position(|warehouse| warehouse.id == wanted),
            _ => {
                return Err(Error::Warehouse {
                    message: format!("several warehouses are named `{wanted}`; use the id"),
                });
            }
        };
        match found {
            Some(found) => Ok(all.swap_remove(found)),
            None => Err(Error::Warehouse { message: format!("there is no warehouse `{wanted}`{}", choice(&all)) }),
        }
    }

    async fn default(&self) -> Result<Warehouse, Error> {
        let mut all = self.list().await?;
        if all.len() == 1 {
            return Ok(all.remove(0));
        }
        if all.is_empty() {
            let message = "the workspace has no SQL warehouse that the caller may use".to_owned();
            return Err(Error::Warehouse { message });
        }
        let request = Request::get("/api/warehouses/v1/default-warehouse-overrides/me");
        let chosen = match self.http.json::<DefaultWarehouse>(request).await {
            Ok(chosen) => chosen.warehouse_id,
            Err(error) if matches!(error.class(), Class::NotFound | Class::Unreachable | Class::Permission) => None,
            Err(error) => return Err(error.into()),
        };
        match all.iter().position(|warehouse| chosen.as_ref() == Some(&warehouse.id)) {
            Some(found) => Ok(all.swap_remove(found)),
            None => Err(Error::Warehouse {
                message: format!("no warehouse is named, and there are several{}", choice(&all)),
            }),
        }
    }
}

fn choice(all: &[Warehouse]) -> String {
    if all.is_empty() {
        return "; the caller can see none".to_owned();
    }
    let mut names: Vec<&str> = all.iter().map(|warehouse| warehouse.name.as_str()).collect();
    names.sort_unstable();
    format!("; there are {}", names.join(", "))
}
