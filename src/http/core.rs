//! Sending: one loop for time limits, retries and the reading of answers.

use std::borrow::Cow;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue, LOCATION, RETRY_AFTER, USER_AGENT};
use serde::de::DeserializeOwned;
use tokio::time::Instant;
use url::Url;

use super::address::is_loopback;
use super::answer::{self, Answer};
use super::auth::{self, Auth};
use super::clock::Clock;
use super::error::{Class, Details, Error, class_of_status};
use super::pace::{Pace, Place};
use super::request::{Body, Method, Request};
use super::retry::{Fate, RetryPolicy};
use crate::secret::Secret;

/// How often a host is asked, as Databricks' own clients do it, …
const REQUESTS_PER_SECOND: u32 = 15;
/// … after so many requests at once.
const BURST: u32 = 64;

/// What the core has to know of a service; one constant each.
#[derive(Debug)]
pub struct Service {
    /// Its name, for messages.
    pub name: &'static str,
    /// What its credentials are called, for messages: "the token in DATABRICKS_TOKEN".
    pub credentials: &'static str,
    /// Reads the body of a refusal.
    pub refusal: fn(&[u8]) -> Option<Refusal>,
}

/// What a refusal's body says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Refusal {
    /// The service's own code.
    pub code: Option<String>,
    /// Its message.
    pub message: Option<String>,
    /// Its request id.
    pub request_id: Option<String>,
    /// What it means, where the status alone would mislead.
    pub class: Option<Class>,
}

/// Limits and surroundings of a client.
#[derive(Clone)]
pub struct Options {
    /// Where the time comes from.
    pub clock: Arc<dyn Clock>,
    /// When requests are sent again.
    pub retry: RetryPolicy,
    /// Limit of one attempt, unless the request has its own.
    pub attempt_timeout: Duration,
    /// Limit of getting a connection.
    pub connect_timeout: Duration,
    /// Bytes an answer may have.
    pub max_answer: usize,
    /// What follows `kiln/<version>` in the User-Agent, such as `cicd/github`; empty for nothing.
    pub user_agent_extra: String,
    /// Random numbers from 0 to 1, for the spread of pauses.
    pub chance: Arc<dyn Fn() -> f64 + Send + Sync>,
    /// How fast each host is asked.
    pub pace: Arc<Pace>,
    /// What the credentials are called and where they come from, for messages, if it is not what the service says.
    pub credentials: Option<String>,
}

impl Options {
    /// Returns the usual limits.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self {
            clock,
            retry: RetryPolicy::default(),
            attempt_timeout: Duration::from_secs(60),
            connect_timeout: Duration::from_secs(10),
            max_answer: 64 << 20,
            user_agent_extra: String::new(),
            // The low half of a random UUID is random but for two bits at its top.
            chance: Arc::new(|| f64::from(uuid::Uuid::new_v4().as_u128() as u32) / f64::from(u32::MAX)),
            pace: Arc::new(Pace::new(REQUESTS_PER_SECOND, BURST)),
            credentials: None,
        }
    }
}

/// A connection pool to one service under one set of credentials. Cheap to clone.
#[derive(Clone)]
pub struct Http(Arc<Inner>);

struct Inner {
    client: reqwest::Client,
    service: &'static Service,
    base: Url,
    auth: Auth,
    options: Options,
    /// How far the service's clock was ahead of ours when it last said what time it is.
    ahead: Mutex<Option<TimeDelta>>,
}

/// Reads the body of a good answer.
type Read<T> = fn(&HeaderMap, Vec<u8>) -> Result<T, Box<Failure>>;

/// What one attempt came to, if not to an answer.
struct Failure {
    class: Class,
    fate: Fate,
    status: Option<u16>,
    refusal: Refusal,
    message: String,
}

impl Http {
    /// Makes a client for the service at a base address.
    ///
    /// # Errors
    /// If the credentials cannot be sent, or TLS cannot be set up.
    pub fn new(service: &'static Service, base: Url, auth: Auth, options: Options) -> Result<Self, Error> {
        let fail = |class, message: String| {
            Error::from(Details {
                service: service.name,
                credentials: options.credentials.clone().map_or(Cow::Borrowed(service.credentials), Cow::Owned),
                class,
                method: Method::Get,
                origin: origin(&base),
                path: "/".to_owned(),
                status: None,
                code: None,
                message,
                request_id: None,
                fate: Fate::NotSent,
                attempts: 0,
                elapsed: Duration::ZERO,
                help: None,
            })
        };
        let Ok(authorization) = auth.header() else {
            return Err(fail(Class::Auth, "the credentials hold characters that no request can carry".to_owned()));
        };
        let user_agent = format!("kiln/{} {}", env!("CARGO_PKG_VERSION"), options.user_agent_extra);
        let Ok(user_agent) = HeaderValue::from_str(user_agent.trim()) else {
            return Err(fail(Class::Bug, "the User-Agent holds characters that no request can carry".to_owned()));
        };
        let mut headers = HeaderMap::from_iter([(USER_AGENT, user_agent)]);
        headers.extend(authorization.map(|authorization| (AUTHORIZATION, authorization)));
        let mut builder = reqwest::Client::builder()
            .default_headers(headers)
            .connect_timeout(options.connect_timeout)
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never());
        if is_loopback(&base) {
            // No proxy stands between a machine and itself. Without TLS no certificates are read either, which takes a while.
            builder = builder.no_proxy();
            if base.scheme() == "http" {
                builder = builder.tls_certs_only([]);
            }
        }
        let client = builder
            .build()
            .map_err(|error| fail(Class::Bug, format!("the HTTP client could not be set up: {}", cause(&error))))?;
        Ok(Self(Arc::new(Inner { client, service, base, auth, options, ahead: Mutex::default() })))
    }

    /// Returns the base address.
    pub fn base(&self) -> &Url {
        &self.0.base
    }

    /// Returns where the time comes from.
    pub fn clock(&self) -> &dyn Clock {
        &*self.0.options.clock
    }

    /// Returns the limits and surroundings, for a client of another service that belongs to this one.
    pub fn options(&self) -> Options {
        self.0.options.clone()
    }

    /// Returns a random number from 0 to 1.
    pub fn chance(&self) -> f64 {
        (self.0.options.chance)()
    }

    /// Sends a request, as often as the policy says, and reads the answer's body.
    ///
    /// # Errors
    /// If no attempt brought a good answer.
    pub async fn json<T: DeserializeOwned>(&self, request: Request) -> Result<T, Error> {
        self.send(request).await.map(|answer| answer.body)
    }

    /// Sends a request like [`Http::json`], and keeps the answer's headers.
    ///
    /// # Errors
    /// If no attempt brought a good answer.
    pub async fn send<T: DeserializeOwned>(&self, request: Request) -> Result<Answer<T>, Error> {
        self.send_and_read(request, |headers, body| parse(headers, &body)).await
    }

    /// Sends a request like [`Http::json`], and returns the answer's body as it came.
    ///
    /// # Errors
    /// If no attempt brought a good answer.
    pub async fn bytes(&self, request: Request) -> Result<Vec<u8>, Error> {
        self.send_and_read(request, |_, body| Ok(body)).await.map(|answer| answer.body)
    }

    async fn send_and_read<T>(&self, request: Request, read: Read<T>) -> Result<Answer<T>, Error> {
        let Inner { options, auth, .. } = &*self.0;
        let mut start = options.clock.instant();
        let mut attempts = 0;
        let mut renewed = false;
        loop {
            let token = match auth {
                Auth::Tokens(tokens) => Some(tokens.current().await.map_err(Error::before_sending)?),
                _ => None,
            };
            let Place { asked, row } = options.pace.place(&self.host(), options.clock.instant());
            let elapsed = since(&*options.clock, start);
            if elapsed + asked > options.retry.budget {
                let message = format!("the service wants no request for {} s", asked.as_secs());
                let failure = Failure { fate: Fate::NotSent, ..Failure::new(Class::RateLimit, message) };
                return Err(self.error(&request, failure, attempts.max(1), elapsed));
            }
            if !(asked + row).is_zero() {
                options.clock.sleep(asked + row).await;
                // Standing in our own row is no part of the time in which a request has to succeed.
                start += row;
            }
            attempts += 1;
            let left = options.retry.budget.saturating_sub(since(&*options.clock, start));
            let limit = request.timeout.unwrap_or(options.attempt_timeout).min(left.max(Duration::from_secs(1)));
            let attempt = self.attempt(&request, token.as_ref().map(|(token, _)| token), read);
            let failure = match tokio::time::timeout(limit, attempt).await {
                Ok(Ok(answer)) => {
                    tracing::debug!(
                        method = request.method.as_str(),
                        path = request.shown_path(),
                        attempts,
                        "answered"
                    );
                    return Ok(answer);
                }
                Ok(Err(failure)) => failure,
                Err(_) => Failure {
                    class: Class::Transient,
                    fate: Fate::Unknown,
                    status: None,
                    refusal: Refusal::default(),
                    message: format!("no answer within {} s", limit.as_secs_f64()),
                },
            };
            // A token that ended on the way, or was revoked: the request was not carried out, whatever its method.
            if let (Auth::Tokens(tokens), Some((_, generation)), Class::Auth, false) =
                (auth, token, failure.class, renewed)
            {
                tracing::debug!(method = request.method.as_str(), path = request.shown_path(), "the token was refused");
                tokens.refused(generation);
                renewed = true;
                continue;
            }
            if let Fate::TurnedAway(Some(asked)) = failure.fate {
                options.pace.close(&self.host(), options.clock.instant(), asked);
            }
            let elapsed = since(&*options.clock, start);
            let pause = options.retry.pause(failure.fate, request.idempotent, attempts, elapsed, self.chance());
            tracing::debug!(
                method = request.method.as_str(),
                path = request.shown_path(),
                attempts,
                status = failure.status,
                ?pause,
                "not answered"
            );
            match pause {
                Some(pause) => options.clock.sleep(pause).await,
                None => return Err(self.error(&request, failure, attempts, elapsed)),
            }
        }
    }

    async fn attempt<T>(&self, request: &Request, token: Option<&Secret>, read: Read<T>) -> Result<Answer<T>, Failure> {
        let Inner { client, base, .. } = &*self.0;
        let mut url = base.clone();
        url.set_path(&request.path);
        url.set_query(request.raw_query.as_deref());
        if !request.query.is_empty() {
            url.query_pairs_mut().extend_pairs(request.query.iter().map(|(name, value)| (name.as_ref(), value)));
        }
        let method = match request.method {
            Method::Get => reqwest::Method::GET,
            Method::Post => reqwest::Method::POST,
            Method::Put => reqwest::Method::PUT,
            Method::Patch => reqwest::Method::PATCH,
            Method::Delete => reqwest::Method::DELETE,
        };
        let mut builder = client.request(method, url).header(ACCEPT, request.accept);
        if let Some(token) = token {
            let header = auth::bearer(token).map_err(|_| {
                Failure::new(Class::Auth, "the token holds characters that no request can carry".to_owned())
            })?;
            builder = builder.header(AUTHORIZATION, header);
        }
        for (name, value) in &request.headers {
            let header = HeaderValue::from_str(value.expose()).ok().map(|mut header| {
                header.set_sensitive(true);
                header
            });
            let Some(header) = header else {
                let message = format!("the header {name} holds characters that no request can carry");
                return Err(Failure::new(Class::Bug, message));
            };
            builder = builder.header(name, header);
        }
        builder = match &request.body {
            Some(Body::Json(body)) => builder.json(body),
            Some(Body::Form(fields)) => builder.form(fields),
            None => builder,
        };
        let response = builder.send().await.map_err(|error| Failure::of_connection(&error))?;
        let status = response.status().as_u16();
        let headers = response.headers().clone();
        self.note_date(&headers);
        let body = self.read(response).await?;
        match status {
            200..=299 => {
                let body = read(&headers, body).map_err(|failure| failure.with_status(status))?;
                Ok(Answer { body, headers })
            }
            300..=399 => Err(redirected(status, &headers)),
            _ => Err(self.refused(status, &headers, &body)),
        }
    }

    async fn read(&self, mut response: reqwest::Response) -> Result<Vec<u8>, Failure> {
        let max = self.0.options.max_answer;
        let status = response.status().as_u16();
        let too_large =
            || Failure::new(Class::Invalid, format!("the answer is larger than {} MiB", max >> 20)).with_status(status);
        if response.content_length().is_some_and(|length| length > max as u64) {
            return Err(too_large());
        }
        let mut body = Vec::new();
        while let Some(chunk) =
            response.chunk().await.map_err(|error| Failure::cut_short(&error).with_status(status))?
        {
            if body.len() + chunk.len() > max {
                return Err(too_large());
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body)
    }

    fn refused(&self, status: u16, headers: &HeaderMap, body: &[u8]) -> Failure {
        let mut refusal = (self.0.service.refusal)(body).unwrap_or_default();
        let message = refusal.message.take().unwrap_or_else(|| plain_message(status, body));
        if refusal.request_id.is_none() {
            let id = headers.get("x-request-id").and_then(|id| id.to_str().ok());
            refusal.request_id = id.map(str::to_owned);
        }
        let fate = match status {
            429 | 503 => Fate::TurnedAway(retry_after(headers)),
            408 | 499 | 500 | 502 | 504..=599 => Fate::Unknown,
            _ => Fate::Answered,
        };
        Failure {
            class: refusal.class.unwrap_or_else(|| class_of_status(status)),
            fate,
            status: Some(status),
            refusal,
            message,
        }
    }

    fn error(&self, request: &Request, failure: Failure, attempts: u32, elapsed: Duration) -> Error {
        let Inner { service, base, auth, options, .. } = &*self.0;
        let redact = |text: &str| auth::redact(&auth.redact(text), &request.secrets);
        Error::from(Details {
            service: service.name,
            credentials: options.credentials.clone().map_or(Cow::Borrowed(service.credentials), Cow::Owned),
            class: failure.class,
            method: request.method,
            origin: origin(base),
            path: redact(request.shown_path()),
            status: failure.status,
            code: failure.refusal.code.map(|code| redact(&code)),
            message: redact(failure.message.trim()),
            request_id: failure.refusal.request_id,
            fate: failure.fate,
            attempts,
            elapsed,
            help: None,
        })
    }

    /// Returns what the service's clock shows when ours shows this, as far as it has said what time it is.
    pub fn on_its_clock(&self, moment: DateTime<Utc>) -> DateTime<Utc> {
        let ahead = *self.0.ahead.lock().unwrap_or_else(PoisonError::into_inner);
        ahead.and_then(|ahead| moment.checked_add_signed(ahead)).unwrap_or(moment)
    }

    fn note_date(&self, headers: &HeaderMap) {
        if let Some(date) = answer::date(headers) {
            let ahead = date - self.0.options.clock.now();
            *self.0.ahead.lock().unwrap_or_else(PoisonError::into_inner) = Some(ahead);
        }
    }

    /// Host and port, by which the pace is kept.
    fn host(&self) -> String {
        let base = &self.0.base;
        format!("{}:{}", base.host_str().unwrap_or_default(), base.port_or_known_default().unwrap_or_default())
    }
}

impl Failure {
    fn new(class: Class, message: String) -> Self {
        Self { class, fate: Fate::Answered, status: None, refusal: Refusal::default(), message }
    }

    fn with_status(mut self, status: u16) -> Self {
        self.status = Some(status);
        self
    }

    fn of_connection(error: &reqwest::Error) -> Self {
        let (class, fate, message) = if error.is_connect() {
            (Class::Unreachable, Fate::NotSent, "no connection could be made")
        } else if error.is_builder() {
            (Class::Bug, Fate::Answered, "the request could not be made")
        } else {
            (Class::Transient, Fate::Unknown, "the connection was lost before the answer came")
        };
        let message = format!("{message}: {}", cause(error));
        Self { fate, ..Self::new(class, message) }
    }

    fn cut_short(error: &reqwest::Error) -> Self {
        let message = format!("the connection was lost in the middle of the answer: {}", cause(error));
        Self { fate: Fate::Unknown, ..Self::new(Class::Transient, message) }
    }
}

/// The error at the bottom, which says what the system said: `Connection refused`, `certificate has expired`.
fn cause(error: &dyn std::error::Error) -> String {
    let mut bottom = error;
    while let Some(source) = bottom.source() {
        bottom = source;
    }
    bottom.to_string()
}

fn parse<T: DeserializeOwned>(headers: &HeaderMap, body: &[u8]) -> Result<T, Box<Failure>> {
    let content_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let body = body.trim_ascii();
    if content_type.starts_with("text/html") || body.starts_with(b"<") {
        let title = title(body).map(|title| format!(" titled `{title}`")).unwrap_or_default();
        let message = format!("a web page{title} came instead of an answer: a login page, or not the API's address");
        return Err(Box::new(Failure::new(Class::Unreachable, message)));
    }
    // Calls that have nothing to say answer with `{}` or with nothing at all.
    let body = if body.is_empty() { b"{}" } else { body };
    serde_json::from_slice(body).map_err(|error| {
        let (class, fate, message) = if error.is_eof() {
            (Class::Transient, Fate::Unknown, "the answer breaks off".to_owned())
        } else if error.is_data() {
            (Class::Bug, Fate::Answered, format!("the answer has another shape than expected: {error}"))
        } else {
            // Somebody between answered in the service's place, perhaps after it did its work.
            (Class::Bug, Fate::Unknown, format!("the answer is not JSON (its type is `{content_type}`)"))
        };
        Box::new(Failure { fate, ..Failure::new(class, message) })
    })
}

fn redirected(status: u16, headers: &HeaderMap) -> Failure {
    // Query and fragment are left out: they may hold what a login page passes on.
    let location = headers.get(LOCATION).and_then(|value| value.to_str().ok()).unwrap_or("nowhere");
    let target = location.split(['?', '#']).next().unwrap_or_default();
    let message = if location.contains("private-link-validation-error") {
        format!("redirected to {target}: the workspace can be reached by private link only")
    } else {
        format!("redirected to {target}: an API does not redirect, so this is not the API's address")
    };
    Failure::new(Class::Unreachable, message).with_status(status)
}

/// Returns what a body without the service's error shape says: gateways send pages or plain text.
fn plain_message(status: u16, body: &[u8]) -> String {
    let text = String::from_utf8_lossy(&body[..body.len().min(2000)]);
    let text = text.trim();
    let said = if text.starts_with('<') {
        title(body).unwrap_or_else(|| "a web page".to_owned())
    } else {
        text.chars().take(300).collect()
    };
    match (said.is_empty(), reqwest::StatusCode::from_u16(status).ok().and_then(|code| code.canonical_reason())) {
        (false, _) => said,
        (true, Some(reason)) => reason.to_lowercase(),
        (true, None) => "no reason given".to_owned(),
    }
}

fn title(page: &[u8]) -> Option<String> {
    let page = String::from_utf8_lossy(&page[..page.len().min(20_000)]);
    let lower = page.to_ascii_lowercase();
    ["pre", "title"].iter().find_map(|tag| {
        let start = lower.find(&format!("<{tag}"))?;
        let start = start + lower[start..].find('>')? + 1;
        let end = start + lower[start..].find("</")?;
        let text: String =
            page[start..end].split_whitespace().collect::<Vec<_>>().join(" ").chars().take(120).collect();
        (!text.is_empty()).then_some(text)
    })
}

fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    // Both services send whole seconds; a date here, or nonsense, is treated as if nothing was said.
    headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok().map(Duration::from_secs)
}

fn origin(base: &Url) -> String {
    base.as_str().trim_end_matches('/').to_owned()
}

fn since(clock: &dyn Clock, start: Instant) -> Duration {
    clock.instant().saturating_duration_since(start)
}
