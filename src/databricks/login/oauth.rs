//! OAuth at the workspace's own login service: tokens for a client's secret, or for a token of somebody the workspace trusts.

use std::time::Duration;

use futures::future::BoxFuture;
use url::Url;

use super::Method;
use super::federation::Identity;
use crate::databricks::wire::{HostConfig, OauthError, OauthServer, OauthToken};
use crate::http::{Auth, Class, Error, Http, Options, Refusal, Request, Service, Token, TokenSource, base_address};
use crate::secret::Secret;

pub(super) const SERVICE: Service =
    Service { name: "Databricks login", credentials: "the OAuth client id and secret", refusal };

/// What a token is asked for with.
pub(super) enum Grant {
    /// A client id and its secret.
    Client {
        /// The application id of a service principal.
        id: Secret,
        /// Its secret.
        secret: Secret,
    },
    /// A token of an identity provider, which the workspace exchanges.
    Exchange {
        /// Where that token comes from.
        identity: Identity,
        /// The application id of a service principal; none for federation of the whole account.
        client_id: Option<String>,
        /// What the token is to be made out to, if it was said.
        audience: Option<String>,
        /// A group to act as.
        group: Option<String>,
    },
}

/// Gets tokens from a workspace's login service.
pub(super) struct Oauth {
    method: Method,
    host: Url,
    grant: Grant,
    options: Options,
    /// Where the service is; asked for once.
    endpoint: tokio::sync::OnceCell<Endpoint>,
}

/// Where a workspace's login service is.
#[derive(Clone, Debug)]
struct Endpoint {
    token: Url,
    /// What federated tokens are made out to, by the workspace's own word.
    audiences: Vec<String>,
}

impl TokenSource for Oauth {
    fn fetch(&self, _refused: bool) -> BoxFuture<'_, Result<Token, Error>> {
        Box::pin(self.token())
    }
}

impl Oauth {
    pub(super) fn new(method: Method, host: Url, grant: Grant, options: Options) -> Self {
        Self { method, host, grant, options, endpoint: tokio::sync::OnceCell::new() }
    }

    async fn token(&self) -> Result<Token, Error> {
        let endpoint = self.endpoint.get_or_try_init(|| self.discover()).await?;
        let path = endpoint.token.path();
        let since = self.options.clock.now();
        // A login that was carried out twice does no harm.
        let (auth, request) = match &self.grant {
            Grant::Client { id, secret } => {
                let fields = vec![("grant_type", "client_credentials".to_owned()), ("scope", "all-apis".to_owned())];
                let auth = Auth::Basic { user: id.clone(), password: secret.clone() };
                (auth, Request::post(path).form(fields).idempotent())
            }
            Grant::Exchange { identity, client_id, audience, group } => {
                let audience = audience.as_ref().or(endpoint.audiences.first());
                let audience = audience.cloned().unwrap_or_else(|| endpoint.token.to_string());
                let subject = identity.token(&audience, &self.options).await?;
                let mut fields = vec![
                    ("grant_type", "urn:ietf:params:oauth:grant-type:token-exchange".to_owned()),
                    ("subject_token", subject.expose().to_owned()),
                    ("subject_token_type", "urn:ietf:params:oauth:token-type:jwt".to_owned()),
                    ("scope", "all-apis".to_owned()),
                ];
                fields.extend(client_id.clone().map(|id| ("client_id", id)));
                fields.extend(group.clone().map(|group| ("assume_group", group)));
                (Auth::None, Request::post(path).form(fields).idempotent().secret(subject))
            }
        };
        let answer: OauthToken = self.http(auth)?.json(request).await?;
        let life = Duration::from_secs(answer.expires_in.unwrap_or(3600));
        Ok(Token::living(Secret::new(answer.access_token), since, life))
    }

    /// Finds the login service. It must be on the workspace's own host: nobody else gets the secret.
    async fn discover(&self) -> Result<Endpoint, Error> {
        let open = self.http(Auth::None)?;
        let config = match open.json::<HostConfig>(Request::get("/.well-known/databricks-config")).await {
            Ok(config) => config,
            // It is a convenience of newer hosts; what cannot be reached at all fails again below, with its reason.
            Err(error) => {
                tracing::debug!(%error, "the host says nothing of itself");
                HostConfig::default()
            }
        };
        let base = config.oidc_endpoint.as_deref().and_then(|text| self.on_host(text));
        let folder = base.map_or_else(|| "/oidc".to_owned(), |url| url.path().trim_end_matches('/').to_owned());
        let path = format!("{folder}/.well-known/oauth-authorization-server");
        let server: OauthServer = open.json(Request::get(&path)).await?;
        let Some(token) = self.on_host(&server.token_endpoint) else {
            let message = format!(
                "the login service is said to be on another host ({}), and nobody but the workspace gets its credentials",
                Url::parse(&server.token_endpoint)
                    .ok()
                    .and_then(|url| url.host_str().map(str::to_owned))
                    .unwrap_or_default()
            );
            let help = "check `host`: it must be the workspace's own address, not that of an account or of a proxy";
            return Err(Error::of_login(SERVICE.name, origin(&self.host), message, help));
        };
        Ok(Endpoint { token, audiences: config.token_federation_default_oidc_audiences })
    }

    /// Reads an address, if it is on the workspace's host.
    fn on_host(&self, text: &str) -> Option<Url> {
        Url::parse(text).ok().filter(|url| url.origin() == self.host.origin())
    }

    fn http(&self, auth: Auth) -> Result<Http, Error> {
        let mut options = self.options.clone();
        options.credentials = Some(self.method.credentials().to_owned());
        Http::new(&SERVICE, self.host.clone(), auth, options)
    }
}

/// Returns the address as messages show it.
pub(super) fn origin(url: &Url) -> &str {
    url.as_str().trim_end_matches('/')
}

/// Makes a client for another service that takes part in the login.
pub(super) fn open(service: &'static Service, url: &Url, auth: Auth, options: &Options) -> Result<Http, Error> {
    let help = "an address with https is needed";
    let base = base_address(&url.origin().ascii_serialization())
        .map_err(|error| Error::of_login(service.name, "", error.to_string(), help))?;
    Http::new(service, base, auth, Options { credentials: None, ..options.clone() })
}

fn refusal(body: &[u8]) -> Option<Refusal> {
    let body: OauthError = serde_json::from_slice(body).ok()?;
    let code = body.error.or(body.error_code);
    let class = match code.as_deref() {
        Some("invalid_client" | "invalid_grant" | "unauthorized_client" | "access_denied" | "invalid_request") => {
            Some(Class::Auth)
        }
        _ => None,
    };
    Some(Refusal { code, message: body.error_description.or(body.error_summary), request_id: None, class })
}
