//! The client, its credentials, and how Databricks words a refusal.

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use chrono::{DateTime, Utc};
use serde_json::Value;

use super::wire::{ErrorBody, Me};
use super::{Jobs, Lakeview, Login, Permissions, Recipients, Schedules, Statements, Unity, Warehouses, Workspace};
use crate::http::{self, Auth, Class, Http, Options, Refusal, Request, Service};
use crate::ids::DashboardId;
use crate::secret::Secret;

const SERVICE: Service =
    Service { name: "Databricks", credentials: "the Databricks token (DATABRICKS_TOKEN or the profile)", refusal };

/// Where a workspace is and who calls it.
#[derive(Clone, Debug)]
pub struct Credentials {
    /// Base address, as [`http::base_address`] gives it.
    pub host: url::Url,
    /// A personal access token, or any other bearer token.
    pub token: Secret,
}

/// A client of one workspace. Cheap to clone; clones share their connections.
#[derive(Clone)]
pub struct Client {
    pub(super) http: Http,
    /// Statements that are awaited now, by all clones.
    awaited: Arc<AtomicUsize>,
}

/// Who calls, and which workspace answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// The caller.
    pub me: Me,
    /// The workspace's id.
    pub workspace_id: Option<String>,
    /// The time on the workspace's clock.
    pub date: Option<DateTime<Utc>>,
}

impl Client {
    /// Makes a client; no request is sent yet.
    ///
    /// # Errors
    /// If the token cannot be sent, or TLS cannot be set up.
    pub fn new(credentials: &Credentials, options: Options) -> Result<Self, http::Error> {
        let auth = Auth::Bearer(credentials.token.clone());
        Ok(Self { http: Http::new(&SERVICE, credentials.host.clone(), auth, options)?, awaited: Arc::default() })
    }

    /// Makes a client of a login; no request is sent yet.
    ///
    /// # Errors
    /// If the credentials cannot be sent, or TLS cannot be set up.
    pub fn of(login: &Login, options: Options) -> Result<Self, http::Error> {
        let options = Options {
            credentials: Some(login.credentials()),
            user_agent_extra: format!("{} auth/{}", options.user_agent_extra, login.method),
            ..options
        };
        Ok(Self {
            http: Http::new(&SERVICE, login.host.clone(), login.auth.clone(), options)?,
            awaited: Arc::default(),
        })
    }

    /// Returns the workspace's address, without a trailing slash.
    pub fn host(&self) -> &str {
        self.http.base().as_str().trim_end_matches('/')
    }

    /// Asks who the caller is: the cheapest way to learn whether the credentials work. `GET …/scim/v2/Me`.
    ///
    /// # Errors
    /// If the request fails.
    pub async fn me(&self) -> Result<Caller, http::Error> {
        let answer = self.http.send::<Me>(Request::get("/api/2.0/preview/scim/v2/Me")).await?;
        let workspace_id = answer.header("x-databricks-org-id").map(str::to_owned);
        let date = answer.date();
        Ok(Caller { me: answer.body, workspace_id, date })
    }

    /// Returns the SQL warehouses.
    pub fn warehouses(&self) -> Warehouses<'_> {
        Warehouses { http: &self.http }
    }

    /// Returns the SQL Statement Execution API.
    pub fn statements(&self) -> Statements<'_> {
        Statements { http: &self.http, awaited: &self.awaited }
    }

    /// Returns the Lakeview dashboards.
    pub fn lakeview(&self) -> Lakeview<'_> {
        Lakeview { http: &self.http }
    }

    /// Returns who may do what with dashboards.
    pub fn permissions(&self) -> Permissions<'_> {
        Permissions { http: &self.http }
    }

    /// Returns the schedules of a dashboard.
    pub fn schedules<'a>(&'a self, dashboard: &'a DashboardId) -> Schedules<'a> {
        Schedules { http: &self.http, dashboard }
    }

    /// Returns to whom things can be sent.
    pub fn recipients(&self) -> Recipients<'_> {
        Recipients { http: &self.http }
    }

    /// Returns the jobs that the workspace runs by itself.
    pub fn jobs(&self) -> Jobs<'_> {
        Jobs { http: &self.http }
    }

    /// Returns the workspace's tree of files and folders.
    pub fn workspace(&self) -> Workspace<'_> {
        Workspace { http: &self.http }
    }

    /// Returns the Unity Catalog.
    pub fn unity(&self) -> Unity<'_> {
        Unity { http: &self.http }
    }
}

fn says_token_is_bad(text: &str) -> bool {
    let text = text.to_ascii_lowercase();
    text.contains("invalid access token") || text.contains("invalid token")
}

fn refusal(body: &[u8]) -> Option<Refusal> {
    let Ok(body) = serde_json::from_slice::<ErrorBody>(body) else {
        return plain_refusal(body);
    };
    let class = match body.error_code.as_deref() {
        // Some services answer 400 for what is simply missing.
        Some("RESOURCE_DOES_NOT_EXIST" | "NOT_FOUND") => Some(Class::NotFound),
        Some("ENDPOINT_NOT_FOUND") => Some(Class::Unreachable),
        Some("ALREADY_EXISTS" | "RESOURCE_ALREADY_EXISTS") => Some(Class::Conflict),
        // An expired token has been seen as a 403 of the statement API.
        _ if body.text().is_some_and(says_token_is_bad) => Some(Class::Auth),
        _ => None,
    };
    Some(Refusal {
        request_id: body.request_id().map(str::to_owned),
        message: body.text().map(str::to_owned),
        code: body.error_code,
        class,
    })
}

/// Reads `SOME_CODE: message`, which some gateways send as plain text.
fn plain_refusal(body: &[u8]) -> Option<Refusal> {
    let text = str::from_utf8(body).ok()?.trim();
    if serde_json::from_str::<Value>(text).is_ok() {
        return None;
    }
    let (code, message) = text.split_once(": ")?;
    let is_code = code.len() > 2 && code.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_');
    is_code.then(|| Refusal { code: Some(code.to_owned()), message: Some(message.to_owned()), ..Refusal::default() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shape_of_refusal_is_read() {
        let standard =
            refusal(br#"{"error_code":"RESOURCE_DOES_NOT_EXIST","message":"Path (/x) doesn't exist."}"#).unwrap();
        assert_eq!(standard.class, Some(Class::NotFound));
        assert_eq!(standard.message.as_deref(), Some("Path (/x) doesn't exist."));
        let plain = refusal(b"PERMISSION_DENIED: no").unwrap();
        assert_eq!((plain.code.as_deref(), plain.message.as_deref()), (Some("PERMISSION_DENIED"), Some("no")));
        let token = refusal(br#"{"error_code":"403","message":"Invalid access token."}"#).unwrap();
        assert_eq!(token.class, Some(Class::Auth));
        assert_eq!(refusal(b"<html><title>Bad gateway: nginx</title></html>"), None);
    }
}
