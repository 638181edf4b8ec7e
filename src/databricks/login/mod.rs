//! Logging in: which credentials are used, where they come from, and the tokens they bring.
//!
//! The order is that of Databricks' own tools ("unified authentication"): what `jobs.yaml` says, then `DATABRICKS_*`
//! variables, then a profile of `~/.databrickscfg`; and among the methods, those of [`Method::ORDER`], the first that has
//! all it needs. A program that gives no token is passed over, unless `auth_type` says that it is meant.

mod config_file;
mod error;
mod federation;
mod oauth;
mod programs;
mod settings;

use std::fmt;
use std::sync::Arc;

use url::Url;

use self::federation::Identity;
use self::oauth::{Grant, Oauth};
use self::programs::{Kind, Program};
use self::settings::Settings;
use crate::http::{Auth, Options, Token, TokenSource, Tokens, base_address};
use crate::secret::Secret;

pub use error::LoginError;
pub use programs::{Ended, NotRun, RunProgram, system_programs};
pub use settings::{Explicit, Origin};

/// The process environment: the value of a variable, by its name.
pub type Env = Arc<dyn Fn(&str) -> Option<String> + Send + Sync>;

/// What a login may look at: nothing else decides about it.
#[derive(Clone)]
pub struct Surroundings {
    /// The process environment.
    pub env: Env,
    /// How other programs are run.
    pub run: RunProgram,
    /// Limits and clock of the requests to login services.
    pub options: Options,
}

/// A way to log in, by the name that `auth_type` has for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// A personal access token.
    Pat,
    /// OAuth with a service principal's client id and secret.
    OauthM2m,
    /// The login of Databricks' command line.
    DatabricksCli,
    /// OAuth with the token of a GitHub Actions job; no secret is kept anywhere.
    GithubOidc,
    /// OAuth with a token of an identity provider in a variable.
    EnvOidc,
    /// OAuth with a token of an identity provider in a file.
    FileOidc,
    /// The login of Azure's command line.
    AzureCli,
}

impl Method {
    /// The order in which methods are tried; that of Databricks' command line.
    pub const ORDER: [Self; 7] = [
        Self::Pat,
        Self::OauthM2m,
        Self::DatabricksCli,
        Self::GithubOidc,
        Self::EnvOidc,
        Self::FileOidc,
        Self::AzureCli,
    ];

    /// Returns its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pat => "pat",
            Self::OauthM2m => "oauth-m2m",
            Self::DatabricksCli => "databricks-cli",
            Self::GithubOidc => "github-oidc",
            Self::EnvOidc => "env-oidc",
            Self::FileOidc => "file-oidc",
            Self::AzureCli => "azure-cli",
        }
    }

    /// What has to be right if it fails, for messages.
    fn credentials(self) -> &'static str {
        match self {
            Self::Pat => "the personal access token",
            Self::OauthM2m => "the client id and secret of the service principal",
            Self::DatabricksCli => "the login of the Databricks CLI",
            Self::GithubOidc => {
                "the service principal's federation policy for this repository (issuer, subject, audience)"
            }
            Self::EnvOidc | Self::FileOidc => "the service principal's federation policy (issuer, subject, audience)",
            Self::AzureCli => "the login of the Azure CLI",
        }
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A login: where to, as whom, and how that came about.
#[derive(Clone, Debug)]
pub struct Login {
    /// The workspace's address.
    pub host: Url,
    /// Where the address comes from.
    pub host_origin: Origin,
    /// The method that was chosen.
    pub method: Method,
    /// Where its credentials come from.
    pub source: String,
    /// The methods before it, each with why it was passed over.
    pub passed_over: Vec<(Method, String)>,
    /// What should be told, though the login works.
    pub warnings: Vec<String>,
    /// The warehouse of the process environment or the profile.
    pub warehouse: Option<String>,
    /// What requests are authorised with.
    pub(super) auth: Auth,
}

/// What one method has to say for itself.
enum Offer {
    /// It has all it needs.
    Take { auth: Auth, source: String },
    /// It has not.
    Pass(String),
}

impl Login {
    /// Decides about the login. Other programs may be run for it; no request is sent yet.
    ///
    /// # Errors
    /// If no method has all it needs, or what there is contradicts itself.
    pub async fn choose(explicit: &Explicit, around: &Surroundings) -> Result<Self, LoginError> {
        let settings = Settings::gather(explicit, around)?;
        let Some(host) = settings.get("host") else {
            return Err(LoginError::NoHost { file: settings.file, profile: settings.profile });
        };
        let address = base_address(host.text())
            .map_err(|error| LoginError::Host { origin: host.origin.clone(), message: error.to_string() })?;
        let wanted = match settings.get("auth_type") {
            None => None,
            Some(name) => {
                Some(Method::ORDER.into_iter().find(|method| method.as_str() == name.text()).ok_or_else(|| {
                    LoginError::UnknownMethod { name: name.text().to_owned(), origin: name.origin.clone() }
                })?)
            }
        };
        let mut passed_over = Vec::new();
        for method in wanted.map_or(Method::ORDER.to_vec(), |method| vec![method]) {
            match offer(method, &settings, &address, around).await {
                Offer::Take { auth, source } => {
                    return Ok(Self {
                        host: address,
                        host_origin: host.origin.clone(),
                        method,
                        source,
                        passed_over,
                        warnings: settings.warnings.clone(),
                        warehouse: settings.get("warehouse_id").map(|setting| setting.text().to_owned()),
                        auth,
                    });
                }
                Offer::Pass(why) => passed_over.push((method, why)),
            }
        }
        let profiles = settings::profiles_of(&settings.file, &address);
        Err(LoginError::NoMethod {
            host: oauth::origin(&address).to_owned(),
            passed_over,
            chosen: wanted,
            profiles: if settings.profile.is_some() { Vec::new() } else { profiles },
            file: settings.file,
        })
    }

    /// Says what the credentials are and where they come from: "the personal access token from DATABRICKS_TOKEN".
    pub fn credentials(&self) -> String {
        match self.method {
            Method::Pat | Method::OauthM2m => format!("{} from {}", self.method.credentials(), self.source),
            _ => self.method.credentials().to_owned(),
        }
    }
}

/// Asks a method whether it has all it needs.
async fn offer(method: Method, settings: &Settings, host: &Url, around: &Surroundings) -> Offer {
    match method {
        Method::Pat => match settings.get("token") {
            Some(token) => Offer::Take { auth: Auth::Bearer(token.value.clone()), source: token.origin.to_string() },
            None => Offer::Pass("no token (DATABRICKS_TOKEN)".to_owned()),
        },
        Method::OauthM2m => match (settings.get("client_id"), settings.get("client_secret")) {
            (Some(id), Some(secret)) => {
                let source = match (id.origin.to_string(), secret.origin.to_string()) {
                    (id, secret) if id == secret => id,
                    (id, secret) => format!("{id} and {secret}"),
                };
                let grant = Grant::Client { id: id.value.clone(), secret: secret.value.clone() };
                take(method, host, grant, source, around)
            }
            (Some(_), None) => Offer::Pass("no client_secret (DATABRICKS_CLIENT_SECRET)".to_owned()),
            (None, Some(_)) => Offer::Pass("no client_id (DATABRICKS_CLIENT_ID)".to_owned()),
            (None, None) => {
                Offer::Pass("no client id and secret (DATABRICKS_CLIENT_ID, DATABRICKS_CLIENT_SECRET)".to_owned())
            }
        },
        Method::GithubOidc => {
            let variable = |name: &str| (around.env)(name);
            match (variable("ACTIONS_ID_TOKEN_REQUEST_URL"), variable("ACTIONS_ID_TOKEN_REQUEST_TOKEN")) {
                (Some(url), Some(token)) => {
                    let identity = Identity::Github { url, token: Secret::new(token) };
                    take(method, host, exchange(identity, settings), "the job of GitHub Actions".to_owned(), around)
                }
                _ if variable("GITHUB_ACTIONS").is_some() => {
                    Offer::Pass("the workflow's job lacks the permission `id-token: write`".to_owned())
                }
                _ => Offer::Pass("this is no job of GitHub Actions".to_owned()),
            }
        }
        Method::EnvOidc => {
            let name = settings.get("oidc_token_env").map_or("DATABRICKS_OIDC_TOKEN", |name| name.text()).to_owned();
            if (around.env)(&name).is_none() {
                return Offer::Pass(format!("no token in {name}"));
            }
            let identity = Identity::Variable { name: name.clone(), env: Arc::clone(&around.env) };
            take(method, host, exchange(identity, settings), name, around)
        }
        Method::FileOidc => match settings.get("oidc_token_filepath") {
            Some(path) => {
                let identity = Identity::File(path.text().into());
                take(method, host, exchange(identity, settings), format!("the file {}", path.text()), around)
            }
            None => Offer::Pass("no file of a token (DATABRICKS_OIDC_TOKEN_FILEPATH)".to_owned()),
        },
        Method::DatabricksCli => {
            let program = settings.get("databricks_cli_path").map_or("databricks", |path| path.text()).to_owned();
            let kind = Kind::Databricks { profile: settings.profile.clone() };
            ask(method, Program { kind, program, ..of_program(host, around) }, around).await
        }
        Method::AzureCli if !is_azure(host) => Offer::Pass("the workspace is not on Azure".to_owned()),
        Method::AzureCli => {
            let tenant = settings.get("azure_tenant_id").map(|tenant| tenant.text().to_owned());
            ask(method, Program { kind: Kind::Azure { tenant }, ..of_program(host, around) }, around).await
        }
    }
}

fn of_program(host: &Url, around: &Surroundings) -> Program {
    Program {
        kind: Kind::Azure { tenant: None },
        program: "az".to_owned(),
        run: Arc::clone(&around.run),
        clock: Arc::clone(&around.options.clock),
        host: oauth::origin(host).to_owned(),
    }
}

fn exchange(identity: Identity, settings: &Settings) -> Grant {
    let text = |key: &str| settings.get(key).map(|setting| setting.text().to_owned());
    Grant::Exchange {
        identity,
        client_id: text("client_id"),
        audience: text("token_audience"),
        group: text("group_id"),
    }
}

fn take(method: Method, host: &Url, grant: Grant, source: String, around: &Surroundings) -> Offer {
    let oauth = Oauth::new(method, host.clone(), grant, around.options.clone());
    Offer::Take { auth: tokens(oauth, around, None), source }
}

/// Runs a program to see whether somebody is logged in with it.
async fn ask(method: Method, program: Program, around: &Surroundings) -> Offer {
    match program.token(false).await {
        Ok(token) => {
            let source = match &program.kind {
                Kind::Databricks { profile: Some(profile) } => format!("profile `{profile}`, by `{}`", program.program),
                _ => format!("the program `{}`", program.program),
            };
            Offer::Take { auth: tokens(program, around, Some(token)), source }
        }
        Err(no) => {
            tracing::debug!(%method, reason = no.message, "no token");
            Offer::Pass(format!("{}; {}", no.message, no.help))
        }
    }
}

fn tokens(source: impl TokenSource + 'static, around: &Surroundings, first: Option<Token>) -> Auth {
    Auth::Tokens(Arc::new(Tokens::new(Box::new(source), Arc::clone(&around.options.clock), first)))
}

/// Tells by its name whether a workspace is on Azure.
fn is_azure(host: &Url) -> bool {
    let name = host.host_str().unwrap_or_default();
    [".azuredatabricks.net", ".databricks.azure.us", ".databricks.azure.cn"].iter().any(|end| name.ends_with(end))
}
