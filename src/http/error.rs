//! The one error of requests: what was asked, what came back, what it means and what to do.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use super::request::Method;
use super::retry::Fate;

/// What an error means, whichever status or cause it came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Class {
    /// The credentials are missing, wrong or expired.
    Auth,
    /// The caller may not do this.
    Permission,
    /// There is no such thing, or the caller may not see it.
    NotFound,
    /// It exists already, or somebody changed it meanwhile.
    Conflict,
    /// Too many requests, for longer than we were ready to wait.
    RateLimit,
    /// The service failed or was interrupted; later it may work.
    Transient,
    /// The service does not accept the request as it is.
    Invalid,
    /// No service answered at this address.
    Unreachable,
    /// The service and this program misunderstand each other.
    Bug,
}

/// A request that did not work. `Display` names the service, the request and the reason; never a secret, never a query.
#[derive(Clone, Debug)]
pub struct Error(Box<Details>);

#[derive(Clone, Debug)]
pub(super) struct Details {
    pub(super) service: &'static str,
    pub(super) credentials: Cow<'static, str>,
    pub(super) class: Class,
    pub(super) method: Method,
    /// Scheme, host and port.
    pub(super) origin: String,
    pub(super) path: String,
    pub(super) status: Option<u16>,
    pub(super) code: Option<String>,
    pub(super) message: String,
    pub(super) request_id: Option<String>,
    pub(super) fate: Fate,
    pub(super) attempts: u32,
    pub(super) elapsed: Duration,
    /// What to do, where it is not what the class suggests.
    pub(super) help: Option<String>,
}

impl From<Details> for Error {
    fn from(details: Details) -> Self {
        Self(Box::new(details))
    }
}

impl Error {
    /// Says that a login did not work out: no token for `origin` could be got, before any request to the service itself.
    pub fn of_login(service: &'static str, origin: &str, message: impl Into<String>, help: impl Into<String>) -> Self {
        Self::from(Details {
            service,
            credentials: Cow::Borrowed(""),
            class: Class::Auth,
            method: Method::Get,
            origin: origin.to_owned(),
            path: String::new(),
            status: None,
            code: None,
            message: message.into(),
            request_id: None,
            fate: Fate::NotSent,
            attempts: 0,
            elapsed: Duration::ZERO,
            help: Some(help.into()),
        })
    }

    /// Says of the failure of a login that the request it was for was not sent.
    pub(super) fn before_sending(mut self) -> Self {
        self.0.fate = Fate::NotSent;
        self
    }

    /// Returns what the error means.
    pub fn class(&self) -> Class {
        self.0.class
    }

    /// Returns the method of the request.
    pub fn method(&self) -> Method {
        self.0.method
    }

    /// Returns the path of the request, without its query.
    pub fn path(&self) -> &str {
        &self.0.path
    }

    /// Returns the HTTP status, if there was an answer.
    pub fn status(&self) -> Option<u16> {
        self.0.status
    }

    /// Returns the service's own code, such as `RESOURCE_DOES_NOT_EXIST`.
    pub fn code(&self) -> Option<&str> {
        self.0.code.as_deref()
    }

    /// Returns the reason alone: the service's message, or what happened to the connection.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// Returns the id by which the service's support finds the request.
    pub fn request_id(&self) -> Option<&str> {
        self.0.request_id.as_deref()
    }

    /// Returns how often the request was sent, or tried to be.
    pub fn attempts(&self) -> u32 {
        self.0.attempts
    }

    /// Returns how long all attempts took, pauses included.
    pub fn elapsed(&self) -> Duration {
        self.0.elapsed
    }

    /// Tells whether the service may have carried the request out although no good answer came back.
    pub fn may_have_arrived(&self) -> bool {
        self.0.fate == Fate::Unknown
    }

    /// Says what to do about it.
    pub fn help(&self) -> String {
        let Details { service, credentials, origin, help, .. } = &*self.0;
        if let Some(help) = help {
            return help.clone();
        }
        match self.0.class {
            Class::Auth => {
                format!(
                    "check {credentials}: what is wrong, expired, or made for another place than {origin} is refused"
                )
            }
            Class::Permission => {
                format!("ask whoever administers {service} to grant this, or use credentials that may do it")
            }
            Class::NotFound => "check the name or id; what one may not see looks missing too".to_owned(),
            Class::Conflict => "look at what is there now, then run the command again".to_owned(),
            Class::RateLimit => format!("wait some minutes; other programs share {service}'s limit with this one"),
            Class::Transient => format!("run the command again; if it stays so, look at {service}'s status page"),
            Class::Invalid => "correct what the message names, then run the command again".to_owned(),
            Class::Unreachable => format!("check the address {origin}, the network and any proxy or private link"),
            Class::Bug => format!("report this with the message above; {service}'s API may have changed"),
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Details { service, method, origin, path, status, code, message, request_id, attempts, elapsed, .. } =
            &*self.0;
        if *attempts == 0 {
            return write!(f, "{service}: {origin}: {message}");
        }
        write!(f, "{service}: {} {origin}{path}: ", method.as_str())?;
        if let Some(status) = status {
            write!(f, "{status} ")?;
        }
        if let Some(code) = code {
            write!(f, "{code}: ")?;
        }
        f.write_str(message)?;
        if let Some(id) = request_id {
            write!(f, " (request id {id})")?;
        }
        if *attempts > 1 {
            write!(f, " (after {attempts} attempts in {:.1} s)", elapsed.as_secs_f64())?;
        }
        Ok(())
    }
}

impl std::error::Error for Error {}

/// Returns what a status means where the service's own code does not say more.
pub(super) fn class_of_status(status: u16) -> Class {
    match status {
        401 => Class::Auth,
        403 => Class::Permission,
        404 | 410 => Class::NotFound,
        409 | 412 => Class::Conflict,
        429 => Class::RateLimit,
        408 | 499 => Class::Transient,
        300..=399 => Class::Unreachable,
        400..=498 => Class::Invalid,
        501 => Class::Bug,
        500..=599 => Class::Transient,
        _ => Class::Bug,
    }
}
