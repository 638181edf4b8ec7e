//! The client, its credentials, and how Fivetran words a refusal.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::error::Error;
use super::watch::Watch;
use super::wire::{
    AccountInfo, Connection, CreateConnection, Destination, Envelope, ExcludeMode, Group, Page, ReloadSchemas,
    SchemaConfig, SyncRecord, TriggerSync, UpdateConnection,
};
use crate::http::{self, Auth, Class, Http, Options, Refusal, Request, Service};
use crate::ids::ConnectionId;
use crate::secret::Secret;

/// The address of Fivetran's API.
pub const DEFAULT_ADDRESS: &str = "https://api.fivetran.com";

const CONNECTIONS: &str = "/v1/connections";

/// What connections and destinations want in `Accept`; the rest takes plain JSON.
const VERSION_2: &str = "application/json;version=2";

/// Calls that change something may take more than a minute, and work although they answer with an error then.
const CHANGE_TIMEOUT: Duration = Duration::from_secs(90);

/// How often an account is asked: its limit is 20,000 requests an hour, which is 5.5 a second, …
pub const REQUESTS_PER_SECOND: u32 = 5;
/// … after so many requests at once.
pub const BURST: u32 = 20;

const SERVICE: Service = Service {
    name: "Fivetran",
    credentials: "the Fivetran API key and secret (FIVETRAN_API_KEY, FIVETRAN_API_SECRET)",
    refusal,
};

/// Where Fivetran is and who calls it.
#[derive(Clone, Debug)]
pub struct Credentials {
    /// Base address, as [`http::base_address`] gives it.
    pub base: url::Url,
    /// API key.
    pub key: Secret,
    /// API secret.
    pub secret: Secret,
}

/// A secret of a connection's config.
#[derive(Clone, Debug)]
pub struct ConfigSecret {
    /// Its place: a JSON pointer into the config.
    pub pointer: String,
    /// The secret.
    pub secret: Secret,
}

/// A client of one account. Cheap to clone; clones share their connections.
#[derive(Clone)]
pub struct Client {
    http: Http,
    watch: Arc<Watch>,
}

/// Returns the page on which people see a connection.
pub fn dashboard_link(id: &ConnectionId) -> String {
    format!("https://fivetran.com/dashboard/connections/{id}")
}

impl Client {
    /// Makes a client; no request is sent yet.
    ///
    /// # Errors
    /// If the credentials cannot be sent, or TLS cannot be set up.
    pub fn new(credentials: &Credentials, options: Options) -> Result<Self, http::Error> {
        let auth = Auth::Basic { user: credentials.key.clone(), password: credentials.secret.clone() };
        let http = Http::new(&SERVICE, credentials.base.clone(), auth, options)?;
        Ok(Self { http, watch: Arc::default() })
    }

    /// Returns the page on which people see a connection; none for a server that only speaks as Fivetran does.
    pub fn link(&self, id: &ConnectionId) -> Option<String> {
        let is_fivetran = self.http.base().as_str().trim_end_matches('/') == DEFAULT_ADDRESS;
        is_fivetran.then(|| dashboard_link(id))
    }

    pub(super) fn http(&self) -> &Http {
        &self.http
    }

    pub(super) fn watch(&self) -> &Watch {
        &self.watch
    }

    /// Asks whose key this is: the cheapest way to learn whether the credentials work. `GET /v1/account/info`.
    ///
    /// # Errors
    /// If the request fails.
    pub async fn account_info(&self) -> Result<AccountInfo, Error> {
        self.data(Request::get("/v1/account/info")).await
    }

    /// Lists all groups. `GET /v1/groups`.
    ///
    /// # Errors
    /// If a request fails.
    pub async fn groups(&self) -> Result<Vec<Group>, Error> {
        self.all(|| Request::get("/v1/groups")).await
    }

    /// Reads a destination, which has its group's id. `GET /v1/destinations/{id}`.
    ///
    /// # Errors
    /// If the request fails.
    pub async fn destination(&self, id: &str) -> Result<Destination, Error> {
        self.data(Request::get("/v1/destinations").segment(id).accept(VERSION_2)).await
    }

    /// Lists all connections, or those with exactly this schema (for databases: schema prefix). `GET /v1/connections`.
    ///
    /// # Errors
    /// If a request fails.
    pub async fn connections(&self, schema: Option<&str>) -> Result<Vec<Connection>, Error> {
        self.all(|| Request::get(CONNECTIONS).accept(VERSION_2).query_opt("schema", schema)).await
    }

    /// Lists all connections of a group, with the number of requests that it took. `GET /v1/groups/{id}/connections`.
    ///
    /// # Errors
    /// If a request fails.
    pub async fn group_connections(&self, group: &str) -> Result<(Vec<Connection>, usize), Error> {
        self.pages(|| Request::get("/v1/groups").segment(group).then("connections").accept(VERSION_2)).await
    }

    /// Reads the syncs of a time, at most a week; nothing where the account has no such history.
    /// `GET /v1/connections/{id}/sync-history`.
    ///
    /// # Errors
    /// If a request fails.
    pub async fn sync_history(
        &self,
        id: &ConnectionId,
        from: DateTime<Utc>,
        to: DateTime<Utc>,
    ) -> Result<Option<Vec<SyncRecord>>, Error> {
        let time = |at: DateTime<Utc>| at.to_rfc3339_opts(chrono::SecondsFormat::Secs, true);
        let request = || {
            let request = one(Request::get, id).then("sync-history");
            request.query("start_time", time(from)).query("end_time", time(to))
        };
        match self.all(request).await {
            Ok(syncs) => Ok(Some(syncs)),
            Err(Error::Http(error)) if matches!(error.class(), Class::NotFound | Class::Invalid) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Reads a connection. `GET /v1/connections/{id}`.
    ///
    /// # Errors
    /// If the request fails.
    pub async fn connection(&self, id: &ConnectionId) -> Result<Connection, Error> {
        self.data(one(Request::get, id)).await
    }

    /// Finds the connection that lands tables under a schema prefix, in a group if one is named by its id or name.
    ///
    /// # Errors
    /// If a request fails, or not exactly one connection has the prefix.
    pub async fn find_by_prefix(&self, prefix: &str, group: Option<&str>) -> Result<Connection, Error> {
        let mut found = self.connections(Some(prefix)).await?;
        if let Some(group) = group
            && found.iter().any(|connection| connection.group_id != group)
        {
            let groups = self.groups().await?;
            let id = groups.iter().find(|other| other.id == group || other.name == group).map(|group| group.id.clone());
            found.retain(|connection| Some(&connection.group_id) == id.as_ref());
        }
        match found.len() {
            1 => Ok(found.remove(0)),
            count => Err(Error::Prefix { prefix: prefix.to_owned(), count }),
        }
    }

    /// Makes a connection. `secrets` are put into its config when it is sent. `POST /v1/connections`.
    ///
    /// # Errors
    /// If the request fails. A time limit leaves open whether the connection was made.
    pub async fn create_connection(
        &self,
        body: &CreateConnection,
        secrets: &[ConfigSecret],
    ) -> Result<Connection, Error> {
        let request = Request::post(CONNECTIONS).accept(VERSION_2).timeout(CHANGE_TIMEOUT);
        self.data(with_secrets(request, body, secrets)).await
    }

    /// Changes a connection; what the body leaves out stays as it is. `secrets` are put into its config when it is sent.
    /// `PATCH /v1/connections/{id}`.
    ///
    /// # Errors
    /// If the request fails. A time limit leaves open whether the change was made.
    pub async fn update_connection(
        &self,
        id: &ConnectionId,
        body: &UpdateConnection,
        secrets: &[ConfigSecret],
    ) -> Result<Connection, Error> {
        self.data(with_secrets(one(Request::patch, id).timeout(CHANGE_TIMEOUT), body, secrets)).await
    }

    /// Runs a connection's setup tests; doing so twice does no harm. `POST /v1/connections/{id}/test`.
    ///
    /// # Errors
    /// If the request fails. Tests that fail are in the answer.
    pub async fn test_connection(&self, id: &ConnectionId) -> Result<Connection, Error> {
        let request = one(Request::post, id).then("test").timeout(CHANGE_TIMEOUT).idempotent();
        self.data(request.json(&serde_json::json!({}))).await
    }

    /// Takes a connection away; what it has landed stays. `DELETE /v1/connections/{id}`.
    ///
    /// # Errors
    /// If the request fails. A time limit leaves open whether it is gone.
    pub async fn delete_connection(&self, id: &ConnectionId) -> Result<(), http::Error> {
        let request = one(Request::delete, id).timeout(CHANGE_TIMEOUT);
        self.http.json::<Envelope<serde_json::Value>>(request).await.map(drop)
    }

    /// Asks for a sync. While one is running nothing happens, or, with `force`, that one is ended and a new one starts. The
    /// answer does not say which. Await it with [`super::sync::run`].
    /// `POST /v1/connections/{id}/sync`.
    ///
    /// # Errors
    /// If the request fails. It is not sent again if its answer was lost: read the connection first.
    pub async fn trigger_sync(&self, id: &ConnectionId, force: bool) -> Result<(), http::Error> {
        let body = TriggerSync { force };
        let request = one(Request::post, id).then("sync").timeout(CHANGE_TIMEOUT).json(&body);
        self.http.json::<Envelope<serde_json::Value>>(request).await.map(drop)
    }

    /// Reads which tables are replicated and under which names; nothing if that is not known yet, as before a first sync.
    /// `GET /v1/connections/{id}/schemas`.
    ///
    /// # Errors
    /// If the request fails.
    pub async fn schemas(&self, id: &ConnectionId) -> Result<Option<SchemaConfig>, Error> {
        let request = Request::get(CONNECTIONS).segment(id.as_str()).then("schemas");
        match self.data::<SchemaConfig>(request).await {
            Ok(config) if config.schemas.is_none() => Ok(None),
            Ok(config) => Ok(Some(config)),
            Err(Error::Http(error)) if error.code() == Some("NotFound_SchemaConfig") => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Has the source asked for its tables and columns, and reads which are replicated; what somebody chose stays. Doing so
    /// twice does no harm. `POST /v1/connections/{id}/schemas/reload`.
    ///
    /// # Errors
    /// If the request fails.
    pub async fn reload_schemas(&self, id: &ConnectionId) -> Result<SchemaConfig, Error> {
        let request = Request::post(CONNECTIONS).segment(id.as_str()).then("schemas/reload").idempotent();
        let body = ReloadSchemas { exclude_mode: ExcludeMode::Preserve };
        self.data(request.timeout(CHANGE_TIMEOUT).json(&body)).await
    }

    /// Changes which tables are replicated; what the body leaves out stays as it is. `PATCH /v1/connections/{id}/schemas`.
    ///
    /// # Errors
    /// If the request fails.
    pub async fn update_schemas(&self, id: &ConnectionId, body: &SchemaConfig) -> Result<SchemaConfig, Error> {
        let request = Request::patch(CONNECTIONS).segment(id.as_str()).then("schemas");
        self.data(request.timeout(CHANGE_TIMEOUT).json(body)).await
    }

    async fn data<T: DeserializeOwned>(&self, request: Request) -> Result<T, Error> {
        let asked = request.to_string();
        self.http.json::<Envelope<T>>(request).await?.data.ok_or(Error::NoData(asked))
    }

    async fn all<T: DeserializeOwned>(&self, request: impl Fn() -> Request) -> Result<Vec<T>, Error> {
        self.pages(request).await.map(|(all, _)| all)
    }

    async fn pages<T: DeserializeOwned>(&self, request: impl Fn() -> Request) -> Result<(Vec<T>, usize), Error> {
        let (mut all, mut pages) = (Vec::new(), 0);
        let mut cursor: Option<String> = None;
        loop {
            let page: Page<T> = self.data(request().query("limit", "1000").query_opt("cursor", cursor.take())).await?;
            all.extend(page.items);
            pages += 1;
            match page.next_cursor.filter(|cursor| !cursor.is_empty()) {
                Some(next) => cursor = Some(next),
                None => return Ok((all, pages)),
            }
        }
    }
}

fn one(method: fn(&str) -> Request, id: &ConnectionId) -> Request {
    method(CONNECTIONS).segment(id.as_str()).accept(VERSION_2)
}

/// Sets the body, with secrets in their places, and has them blotted out of every message.
fn with_secrets(request: Request, body: &impl Serialize, secrets: &[ConfigSecret]) -> Request {
    let mut body = serde_json::to_value(body).expect("wire structs have text keys and serialise without error");
    let mut request = request;
    for ConfigSecret { pointer, secret } in secrets {
        if let Some(place) = body.get_mut("config").and_then(|config| config.pointer_mut(pointer)) {
            *place = serde_json::Value::String(secret.expose().to_owned());
        }
        request = request.secret(secret.clone());
    }
    request.json(&body)
}

fn refusal(body: &[u8]) -> Option<Refusal> {
    let body: Envelope<serde_json::Value> = serde_json::from_slice(body).ok()?;
    let class = body.code.starts_with("NotFound_").then_some(Class::NotFound);
    Some(Refusal { code: Some(body.code), message: body.message, request_id: None, class })
}
