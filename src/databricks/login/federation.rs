//! Tokens of identity providers that a workspace may trust: GitHub Actions, a variable, a file.

use std::path::PathBuf;

use serde_json::Value;
use url::Url;

use super::{Env, oauth};
use crate::databricks::wire::GithubToken;
use crate::http::{Auth, Class, Error, Options, Refusal, Request, Service};
use crate::secret::Secret;

const GITHUB: Service =
    Service { name: "GitHub Actions", credentials: "the permission `id-token: write` of the workflow's job", refusal };

/// Where a token of an identity provider comes from. It is asked for anew at each login, for it ends soon.
pub(super) enum Identity {
    /// GitHub's own service for jobs of workflows.
    Github {
        /// `ACTIONS_ID_TOKEN_REQUEST_URL`.
        url: String,
        /// `ACTIONS_ID_TOKEN_REQUEST_TOKEN`.
        token: Secret,
    },
    /// A variable of the process environment.
    Variable {
        /// Its name.
        name: String,
        /// The process environment.
        env: Env,
    },
    /// A file, which somebody keeps fresh.
    File(PathBuf),
}

impl Identity {
    pub(super) async fn token(&self, audience: &str, options: &Options) -> Result<Secret, Error> {
        match self {
            Self::Github { url, token } => github(url, token, audience, options).await,
            Self::Variable { name, env } => env(name).map(|text| Secret::new(text.trim())).ok_or_else(|| {
                Error::of_login(
                    oauth::SERVICE.name,
                    name,
                    "the variable is empty",
                    "set it to a token of your identity provider",
                )
            }),
            Self::File(path) => {
                let read = fs_err::read_to_string(path).map_err(|error| error.kind().to_string());
                let text = read.and_then(|text| match text.trim() {
                    "" => Err("the file is empty".to_owned()),
                    text => Ok(text.to_owned()),
                });
                text.map(Secret::new).map_err(|message| {
                    let help = "write a token of your identity provider into it";
                    Error::of_login(oauth::SERVICE.name, &path.display().to_string(), message, help)
                })
            }
        }
    }
}

async fn github(url: &str, token: &Secret, audience: &str, options: &Options) -> Result<Secret, Error> {
    let Ok(url) = Url::parse(url) else {
        let help = "GitHub sets it for jobs with the permission `id-token: write`; do not set it yourself";
        return Err(Error::of_login(GITHUB.name, "ACTIONS_ID_TOKEN_REQUEST_URL", "this is no address", help));
    };
    let http = oauth::open(&GITHUB, &url, Auth::Bearer(token.clone()), options)?;
    let mut request = Request::get(url.path());
    for (name, value) in url.query_pairs() {
        request = request.query(name.into_owned(), value);
    }
    let answer: GithubToken = http.json(request.query("audience", audience)).await?;
    Ok(Secret::new(answer.value))
}

fn refusal(body: &[u8]) -> Option<Refusal> {
    let body: Value = serde_json::from_slice(body).ok()?;
    let message = body["message"].as_str()?.to_owned();
    Some(Refusal { message: Some(message), class: Some(Class::Auth), ..Refusal::default() })
}
