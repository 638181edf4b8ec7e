//! Login services: what hosts say of themselves, OAuth's answers, and the tokens of other programs.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Deserializer, Serialize};

/// Answer of `GET /.well-known/databricks-config`, which not every host gives.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostConfig {
    /// Where the login service is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub oidc_endpoint: Option<String>,
    /// The account's id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account_id: Option<String>,
    /// The workspace's id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workspace_id: Option<String>,
    /// Such as `AWS`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cloud: Option<String>,
    /// What tokens for an exchange are made out to.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub token_federation_default_oidc_audiences: Vec<String>,
}

/// Answer of `GET /oidc/.well-known/oauth-authorization-server`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OauthServer {
    /// Where people log in.
    #[serde(default)]
    pub authorization_endpoint: String,
    /// Where programs get tokens.
    pub token_endpoint: String,
}

/// Answer of `POST {token_endpoint}`. The token is a secret.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OauthToken {
    /// The token.
    pub access_token: String,
    /// `Bearer`.
    #[serde(default)]
    pub token_type: String,
    /// Seconds it lives; some services send it as a text.
    #[serde(default, deserialize_with = "seconds", skip_serializing_if = "Option::is_none")]
    pub expires_in: Option<u64>,
    /// What it is good for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<String>,
}

/// A refusal of `POST {token_endpoint}`, in both of the shapes it comes in.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OauthError {
    /// Such as `invalid_client`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// For people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_description: Option<String>,
    /// The code in the other shape.
    #[serde(rename = "errorCode", default, skip_serializing_if = "Option::is_none")]
    pub error_code: Option<String>,
    /// The message in the other shape.
    #[serde(rename = "errorSummary", default, skip_serializing_if = "Option::is_none")]
    pub error_summary: Option<String>,
}

/// What `databricks auth token` prints. The token is a secret.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CliToken {
    /// The token.
    pub access_token: String,
    /// `Bearer`.
    #[serde(default)]
    pub token_type: String,
    /// When it ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expiry: Option<DateTime<Utc>>,
}

/// What `az account get-access-token` prints. The token is a secret. `expiresOn`, in the machine's own time zone, is left out:
/// it does not say which moment is meant when the clock is put back.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AzToken {
    /// The token.
    #[serde(rename = "accessToken")]
    pub access_token: String,
    /// `Bearer`.
    #[serde(rename = "tokenType", default)]
    pub token_type: String,
    /// When it ends, in seconds since 1970; versions before 2.54 do not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_on: Option<i64>,
}

/// Answer of GitHub's service for tokens of jobs. The token is a secret.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GithubToken {
    /// The token.
    pub value: String,
}

fn seconds<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Either {
        Number(u64),
        Text(String),
    }
    Ok(match Option::<Either>::deserialize(deserializer)? {
        Some(Either::Number(seconds)) => Some(seconds),
        Some(Either::Text(text)) => text.trim().parse().ok(),
        None => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::databricks::wire::testing::{round_trip, with_unknown_field};

    #[test]
    fn a_host_says_where_its_login_is() {
        let config: HostConfig = round_trip(
            r#"{"oidc_endpoint":"https://dbc-1.cloud.databricks.com/oidc","account_id":"a-1","workspace_id":"12","cloud":"AWS",
                "token_federation_default_oidc_audiences":["a-1"]}"#,
        );
        assert_eq!(config.token_federation_default_oidc_audiences, ["a-1"]);
        let server: OauthServer = with_unknown_field(
            r#"{"authorization_endpoint":"https://h/oidc/v1/authorize","token_endpoint":"https://h/oidc/v1/token"}"#,
        );
        assert_eq!(server.token_endpoint, "https://h/oidc/v1/token");
    }

    #[test]
    fn a_tokens_life_is_a_number_or_a_text() {
        let json = r#"{"access_token":"t","token_type":"Bearer","expires_in":3600,"scope":"all-apis"}"#;
        assert_eq!(round_trip::<OauthToken>(json).expires_in, Some(3600));
        for (text, life) in [(r#""3599""#, Some(3599)), ("null", None), (r#""soon""#, None)] {
            let json = format!(r#"{{"access_token":"t","expires_in":{text}}}"#);
            assert_eq!(serde_json::from_str::<OauthToken>(&json).unwrap().expires_in, life, "{text}");
        }
    }

    #[test]
    fn both_shapes_of_a_refusal_are_read() {
        let new: OauthError =
            round_trip(r#"{"error":"invalid_client","error_description":"Client authentication failed"}"#);
        assert_eq!(new.error.as_deref(), Some("invalid_client"));
        let old: OauthError = round_trip(r#"{"errorCode":"invalid_client","errorSummary":"Invalid value"}"#);
        assert_eq!(old.error_summary.as_deref(), Some("Invalid value"));
    }

    #[test]
    fn the_tokens_of_other_programs_are_read() {
        let cli: CliToken = with_unknown_field(
            r#"{"access_token":"t","token_type":"Bearer","expiry":"2026-09-02T04:05:06.123456+02:00"}"#,
        );
        assert_eq!(cli.expiry.unwrap().to_rfc3339(), "2026-09-02T02:05:06.123456+00:00");
        let az: AzToken = serde_json::from_str(
            r#"{"accessToken":"t","expiresOn":"2026-09-02 04:05:06.000000","expires_on":1788314706,"tenant":"x","tokenType":"Bearer"}"#,
        )
        .unwrap();
        assert_eq!(az.expires_on, Some(1_788_314_706));
        assert_eq!(round_trip::<GithubToken>(r#"{"value":"eyJ"}"#).value, "eyJ");
    }
}
