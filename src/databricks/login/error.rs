//! Why nobody could be logged in, before any request.

use std::path::PathBuf;

use super::{Method, Origin};

/// Why there are no credentials to use. No message holds one.
#[derive(Clone, Debug, thiserror::Error)]
pub enum LoginError {
    /// Nothing says where the workspace is.
    #[error("{}", no_host(.profile.as_deref()))]
    NoHost {
        /// The file of profiles that was looked at.
        file: PathBuf,
        /// The profile that was read, if one was.
        profile: Option<String>,
    },
    /// The workspace's address cannot be used.
    #[error("the workspace's address from {origin} cannot be used: {message}")]
    Host {
        /// Where it comes from.
        origin: Origin,
        /// What is wrong with it.
        message: String,
    },
    /// The file of profiles cannot be read.
    #[error("{} cannot be read: {message}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        message: String,
    },
    /// The profile that was asked for does not exist.
    #[error("there is no profile `{profile}` in {}{}", file.display(), if known.is_none() { ", for there is no such file" } else { "" })]
    NoProfile {
        /// The profile.
        profile: String,
        /// The file.
        file: PathBuf,
        /// The profiles there are; none if there is no file.
        known: Option<Vec<String>>,
    },
    /// `auth_type` names no method that kiln has.
    #[error("the auth_type `{name}` from {origin} is not one that kiln can use")]
    UnknownMethod {
        /// The name.
        name: String,
        /// Where it comes from.
        origin: Origin,
    },
    /// Credentials of several kinds are there.
    #[error("credentials of more than one kind are set: {}", several(.found))]
    SeveralMethods {
        /// The kinds, and where the first of each was found.
        found: Vec<(&'static str, Origin)>,
    },
    /// No method has all it needs.
    #[error("{}", no_method(host, *.chosen, .passed_over))]
    NoMethod {
        /// The workspace.
        host: String,
        /// The methods, each with why it was passed over.
        passed_over: Vec<(Method, String)>,
        /// The one that `auth_type` names, if it names one.
        chosen: Option<Method>,
        /// Profiles with this address that nobody asked for.
        profiles: Vec<String>,
        /// The file of profiles.
        file: PathBuf,
    },
}

fn no_host(profile: Option<&str>) -> String {
    match profile {
        Some(profile) => format!("profile `{profile}` has no `host`, and nothing else says where the workspace is"),
        None => "nothing says where the workspace is".to_owned(),
    }
}

fn several(found: &[(&'static str, Origin)]) -> String {
    let found: Vec<String> = found.iter().map(|(family, origin)| format!("{family} (from {origin})")).collect();
    found.join(" and ")
}

fn no_method(host: &str, chosen: Option<Method>, passed_over: &[(Method, String)]) -> String {
    match (chosen, passed_over) {
        (Some(method), [(_, why)]) => format!("no login to {host} by {method}: {why}"),
        _ => format!("no credentials for {host} were found"),
    }
}

impl LoginError {
    /// Says what to do about it.
    pub fn help(&self) -> String {
        match self {
            Self::NoHost { file, .. } => format!(
                "write `host: ADDRESS` or `profile: NAME` into the environment, or set DATABRICKS_HOST, or add a profile \
                 with `host` to {}",
                file.display()
            ),
            Self::Host { .. } => "write it like `https://adb-1234567890123456.7.azuredatabricks.net`".to_owned(),
            Self::File { path, .. } => format!("correct {}, or name another file by DATABRICKS_CONFIG_FILE", path.display()),
            Self::NoProfile { profile, known: Some(known), .. } if !known.is_empty() => {
                format!("there are {}; or run `databricks auth login --profile {profile}`", known.join(", "))
            }
            Self::NoProfile { profile, .. } => {
                format!("run `databricks auth login --profile {profile}`, or name another file by DATABRICKS_CONFIG_FILE")
            }
            Self::UnknownMethod { .. } => {
                let names: Vec<&str> = Method::ORDER.into_iter().map(Method::as_str).collect();
                format!("use one of {}", names.join(", "))
            }
            Self::SeveralMethods { .. } => {
                "unset one of them, or say which is meant by `auth_type` in the environment or DATABRICKS_AUTH_TYPE".to_owned()
            }
            Self::NoMethod { chosen: Some(method), .. } => match method {
                Method::Pat => "set DATABRICKS_TOKEN to a personal access token of that workspace".to_owned(),
                Method::OauthM2m => {
                    "set DATABRICKS_CLIENT_ID and DATABRICKS_CLIENT_SECRET to those of a service principal".to_owned()
                }
                Method::GithubOidc => {
                    "give the workflow's job `permissions: {id-token: write}`, and the service principal a federation policy"
                        .to_owned()
                }
                _ => "do what the message says, or choose another `auth_type`".to_owned(),
            },
            Self::NoMethod { profiles, file, .. } if !profiles.is_empty() => format!(
                "profile {} of {} has this address: write `profile:` into the environment, or set DATABRICKS_CONFIG_PROFILE",
                profiles.iter().map(|profile| format!("`{profile}`")).collect::<Vec<_>>().join(" or "),
                file.display()
            ),
            Self::NoMethod { .. } => {
                "set DATABRICKS_TOKEN, or DATABRICKS_CLIENT_ID and DATABRICKS_CLIENT_SECRET, or log in with \
                 `databricks auth login`"
                    .to_owned()
            }
        }
    }
}
