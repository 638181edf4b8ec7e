//! Tokens of other programs in which somebody logged in already: Databricks' and Azure's command lines.

use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use futures::future::BoxFuture;

use crate::databricks::wire::{AzToken, CliToken};
use crate::http::{Clock, Error, Token, TokenSource};
use crate::secret::Secret;

/// Databricks' own application in every Azure tenant: what Azure's tokens for a workspace are made out to.
const AZURE_DATABRICKS: &str = "2ff814a6-3304-4ab8-85cb-cd0e6f879c1d";

/// How long a program may take; some wait for a browser.
const PATIENCE: Duration = Duration::from_secs(60);

/// What a program that ended left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ended {
    /// Whether it says that it did well.
    pub success: bool,
    /// Its standard output.
    pub stdout: String,
    /// Its standard error.
    pub stderr: String,
}

/// Why a program could not be run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotRun {
    /// There is none of this name.
    NotFound,
    /// It could not be started, or did not end.
    Failed(String),
}

/// Runs a program with its arguments.
pub type RunProgram = Arc<dyn Fn(&str, Vec<String>) -> BoxFuture<'static, Result<Ended, NotRun>> + Send + Sync>;

/// Runs programs of this machine.
pub fn system_programs() -> RunProgram {
    Arc::new(|program, args| {
        let mut command = tokio::process::Command::new(program);
        command.args(args).stdin(Stdio::null()).kill_on_drop(true);
        Box::pin(async move {
            match tokio::time::timeout(PATIENCE, command.output()).await {
                Err(_) => Err(NotRun::Failed(format!("it did not end within {} s", PATIENCE.as_secs()))),
                Ok(Err(error)) if error.kind() == std::io::ErrorKind::NotFound => Err(NotRun::NotFound),
                Ok(Err(error)) => Err(NotRun::Failed(error.kind().to_string())),
                Ok(Ok(output)) => Ok(Ended {
                    success: output.status.success(),
                    stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
                    stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
                }),
            }
        })
    })
}

/// Asks a program for tokens.
pub(super) struct Program {
    pub(super) kind: Kind,
    /// Its name, or its path.
    pub(super) program: String,
    pub(super) run: RunProgram,
    pub(super) clock: Arc<dyn Clock>,
    /// The workspace, for messages.
    pub(super) host: String,
}

/// Which program, and what it has to know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Databricks' command line.
    Databricks {
        /// The profile in which somebody logged in; without one, it goes by the host.
        profile: Option<String>,
    },
    /// Azure's command line.
    Azure {
        /// The tenant of the workspace, if it was said.
        tenant: Option<String>,
    },
}

/// Why a program gave no token: in short, and what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct NoToken {
    pub(super) message: String,
    pub(super) help: String,
}

impl TokenSource for Program {
    fn fetch(&self, refused: bool) -> BoxFuture<'_, Result<Token, Error>> {
        Box::pin(async move {
            self.token(refused).await.map_err(|no| Error::of_login(self.kind.title(), &self.host, no.message, no.help))
        })
    }
}

impl Program {
    /// Runs the program and reads its token.
    pub(super) async fn token(&self, refused: bool) -> Result<Token, NoToken> {
        let since = self.clock.now();
        let mut answer = self.ask(self.args(refused)).await?;
        // Older versions do not know how to be told that their token is bad.
        if refused && !answer.success && answer.stderr.contains("unknown flag") {
            answer = self.ask(self.args(false)).await?;
        }
        let ran = format!("`{} {}`", self.program, self.kind.verb());
        if !answer.success {
            let said = answer.stderr.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or("no reason given");
            let said = said.trim_start_matches("Error: ").trim_start_matches("ERROR: ");
            return Err(NoToken { message: format!("{ran} failed: {}", cut(said)), help: self.kind.help(&self.host) });
        }
        let (secret, until) = match &self.kind {
            Kind::Databricks { .. } => {
                let token: Option<CliToken> = serde_json::from_str(&answer.stdout).ok();
                token.map(|token| (token.access_token, token.expiry))
            }
            Kind::Azure { .. } => {
                let token: Option<AzToken> = serde_json::from_str(&answer.stdout).ok();
                token.map(|token| {
                    (token.access_token, token.expires_on.and_then(|s| DateTime::<Utc>::from_timestamp(s, 0)))
                })
            }
        }
        .filter(|(secret, _)| !secret.is_empty())
        .ok_or_else(|| NoToken {
            message: format!("{ran} answered something else than a token"),
            help: format!("install a current version of it; {}", self.kind.help(&self.host)),
        })?;
        Ok(Token { secret: Secret::new(secret), since, until })
    }

    async fn ask(&self, args: Vec<String>) -> Result<Ended, NoToken> {
        (self.run)(&self.program, args).await.map_err(|not_run| {
            let message = match not_run {
                NotRun::NotFound => format!("the program `{}` is not installed", self.program),
                NotRun::Failed(why) => format!("the program `{}` could not be run: {why}", self.program),
            };
            NoToken { message, help: self.kind.help(&self.host) }
        })
    }

    fn args(&self, refused: bool) -> Vec<String> {
        let args: Vec<&str> = match &self.kind {
            Kind::Databricks { profile } => {
                let mut args = vec!["auth", "token"];
                args.extend(match profile {
                    Some(profile) => ["--profile", profile],
                    None => ["--host", &self.host],
                });
                args.extend(refused.then_some("--force-refresh"));
                args
            }
            Kind::Azure { tenant } => {
                let mut args = vec!["account", "get-access-token", "--resource", AZURE_DATABRICKS, "--output", "json"];
                args.extend(tenant.iter().flat_map(|tenant| ["--tenant", tenant]));
                args
            }
        };
        args.into_iter().map(str::to_owned).collect()
    }
}

impl Kind {
    fn title(&self) -> &'static str {
        match self {
            Self::Databricks { .. } => "Databricks CLI",
            Self::Azure { .. } => "Azure CLI",
        }
    }

    fn verb(&self) -> &'static str {
        match self {
            Self::Databricks { .. } => "auth token",
            Self::Azure { .. } => "account get-access-token",
        }
    }

    fn help(&self, host: &str) -> String {
        match self {
            Self::Databricks { profile: Some(profile) } => format!("run `databricks auth login --profile {profile}`"),
            Self::Databricks { profile: None } => format!("run `databricks auth login --host {host}`"),
            Self::Azure { tenant: Some(tenant) } => format!("run `az login --tenant {tenant}`"),
            Self::Azure { tenant: None } => "run `az login`".to_owned(),
        }
    }
}

fn cut(text: &str) -> String {
    text.chars().take(300).collect()
}
