//! `config` of a connection: passed through for every service, with its secrets kept apart, and looked at where Fivetran's
//! own words are known.

use std::ops::Range;

use indexmap::IndexMap;
use serde_json::{Map, Value};

use super::kept::ConnectionConfig;
use super::pointer::child;
use super::secrets::{is_secret_key, is_secret_name};
use super::walk::{Fields, Walk, is_identifier};
use super::yaml::{Meaning, Node, Value as Yaml};
use crate::diag::{Diagnostic, did_you_mean};

/// What is known of a service.
struct Service {
    id: &'static str,
    /// Keys without which no connection works.
    needs: &'static [&'static str],
    /// Further keys that it has.
    knows: &'static [&'static str],
    /// Keys of which Fivetran takes certain words only.
    words: &'static [(&'static str, &'static [&'static str])],
    /// A key with a value that makes others necessary.
    also: &'static [(&'static str, &'static str, &'static [&'static str])],
}

const TUNNEL: (&str, &str, &[&str]) = ("connection_type", "SshTunnel", &["tunnel_host", "tunnel_port", "tunnel_user"]);
const REACHED_BY: (&str, &[&str]) = ("connection_type", &["Directly", "PrivateLink", "SshTunnel", "ProxyAgent"]);

const SERVICES: [Service; 4] = [
    Service {
        id: "google_cloud_postgresql",
        needs: &["host", "port", "database", "user"],
        knows: &[
            "password",
            "auth_method",
            "client_public_certificate",
            "client_private_key",
            "update_method",
            "publication_name",
            "replication_slot",
            "delete_capture_enabled",
            "always_encrypted",
            "connection_type",
            "tunnel_host",
            "tunnel_port",
            "tunnel_user",
            "entra_app_id",
            "entra_tenant_id",
        ],
        words: &[
            ("update_method", &["QUERY_BASED", "WAL_PGOUTPUT"]),
            ("auth_method", &["PASSWORD", "CLIENT_CERTIFICATE"]),
            REACHED_BY,
        ],
        also: &[
            ("auth_method", "PASSWORD", &["password"]),
            ("auth_method", "CLIENT_CERTIFICATE", &["client_public_certificate", "client_private_key"]),
            ("update_method", "WAL_PGOUTPUT", &["publication_name", "replication_slot"]),
            TUNNEL,
        ],
    },
    Service {
        id: "google_cloud_mysql",
        needs: &["host", "port", "user", "password"],
        knows: &[
            "database",
            "replica_id",
            "update_method",
            "always_encrypted",
            "connection_type",
            "tunnel_host",
            "tunnel_port",
            "tunnel_user",
        ],
        words: &[("update_method", &["BINLOG", "TELEPORT"]), REACHED_BY],
        also: &[TUNNEL],
    },
    Service {
        id: "google_cloud_sqlserver",
        needs: &["host", "port", "database", "user", "password"],
        knows: &["update_method", "always_encrypted", "connection_type", "tunnel_host", "tunnel_port", "tunnel_user"],
        words: &[("update_method", &["NATIVE_UPDATE", "TELEPORT"]), REACHED_BY],
        also: &[TUNNEL],
    },
    Service {
        id: "bigquery_db",
        needs: &["project_id", "data_set_name"],
        knows: &[
            "quota_project_id",
            "use_service_account",
            "secret_key",
            "use_workspace",
            "workspace_name",
            "workspace_same_as_source",
            "connection_type",
        ],
        words: &[],
        also: &[("use_service_account", "true", &["secret_key"]), ("use_workspace", "true", &["workspace_name"])],
    },
];

/// Reads `config` and the list `secrets` beside it.
pub(super) fn read(
    walk: &mut Walk<'_>,
    fields: &Fields<'_>,
    service: Option<&str>,
    creates: bool,
) -> Option<ConnectionConfig> {
    let marked: Vec<(String, Range<usize>)> =
        fields.get("secrets").and_then(|node| walk.texts(node, "`secrets`")).unwrap_or_default();
    let Some(node) = fields.get("config") else {
        if let Some((key, _)) = fields.entry("secrets") {
            walk.error("bad-value", &key.range, "`secrets` names keys of `config`, and there is no `config`");
        }
        return None;
    };
    let entries = walk.entries(node, "`config`")?;
    for (name, range) in &marked {
        if !entries.iter().any(|(key, _)| key.text == *name) {
            walk.unknown_name(range, "key in `config` named", name, entries.iter().map(|(key, _)| key.text.as_str()));
        }
    }
    let mut read = ConnectionConfig::default();
    for (key, node) in &entries {
        if key.text == "schema_prefix" {
            let diagnostic = Diagnostic::error("bad-value", "`schema_prefix` stands at the connection itself")
                .help("Remove it from `config`; kiln sends the connection's own.");
            walk.report(diagnostic, &key.range);
            continue;
        }
        let secret = is_secret_key(&key.text) || marked.iter().any(|(name, _)| *name == key.text);
        let pointer = child("", &key.text);
        if let Some(value) = value(walk, node, secret, &pointer, &mut read.secrets) {
            read.values.insert(key.text.clone(), value);
        }
    }
    if let Some(service) = service {
        check(walk, service, node, &entries.iter().map(|(key, node)| (key.text.as_str(), *node)).collect(), creates);
    }
    Some(read)
}

/// Reads a value; a secret leaves `null` in its place and its variable's name among `secrets`.
fn value(
    walk: &mut Walk<'_>,
    node: &Node,
    secret: bool,
    pointer: &str,
    secrets: &mut IndexMap<String, String>,
) -> Option<Value> {
    match &node.value {
        Yaml::Scalar(scalar) => {
            let text = scalar.text.trim();
            let variable = text.strip_prefix("${").and_then(|rest| rest.strip_suffix('}'));
            match variable.filter(|name| is_identifier(name)) {
                Some(name) if secret || is_secret_name(name) => {
                    secrets.insert(pointer.to_owned(), name.to_owned());
                    Some(Value::Null)
                }
                _ if secret && !matches!(scalar.meaning(), Meaning::Null | Meaning::Bool(_)) => {
                    let key = pointer.trim_start_matches('/');
                    let message = format!("`{key}` looks like a secret, and jobs.yaml must not hold secrets");
                    let diagnostic = Diagnostic::error("secret-in-file", message)
                        .help("Write `${NAME}`: a variable of the environment, read when it is sent to Fivetran.");
                    walk.report(diagnostic, &node.range);
                    None
                }
                _ => walk.json(node, "a value of `config`"),
            }
        }
        Yaml::Sequence(items) => {
            let mut all = Vec::new();
            for (i, item) in items.iter().enumerate() {
                all.push(value(walk, item, false, &format!("{pointer}/{i}"), secrets)?);
            }
            Some(Value::Array(all))
        }
        Yaml::Mapping(_) => {
            let mut map = Map::new();
            for (key, node) in walk.entries(node, "a value of `config`")? {
                let pointer = child(pointer, &key.text);
                if let Some(value) = value(walk, node, is_secret_key(&key.text), &pointer, secrets) {
                    map.insert(key.text.clone(), value);
                }
            }
            Some(Value::Object(map))
        }
    }
}

/// Looks at the config of a service that is known. Only what a connection that is made cannot do without is an error; what
/// Fivetran may have learned since is a warning.
fn check(walk: &mut Walk<'_>, service: &str, node: &Node, given: &IndexMap<&str, &Node>, creates: bool) {
    if matches!(service, "bigquery" | "big_query") {
        let message = format!("`{service}` is no source of Fivetran's");
        let range = walk.first_line(&node.range);
        walk.report(
            Diagnostic::warning("unknown-name", message)
                .help("BigQuery as a source is `bigquery_db`; `big_query` is the destination."),
            &range,
        );
    }
    let Some(known) = SERVICES.iter().find(|known| known.id == service) else { return };
    let text = |key: &str| match given.get(key).map(|node| &node.value) {
        Some(Yaml::Scalar(scalar)) => Some(scalar.text.as_str()),
        _ => None,
    };
    let mut needed: Vec<(&str, String)> = known.needs.iter().map(|key| (*key, String::new())).collect();
    for (key, value, more) in known.also {
        // Without a word Fivetran asks for a password.
        if text(key).unwrap_or(if *key == "auth_method" { "PASSWORD" } else { "" }) == *value {
            let why = if text(key).is_some() { format!(" with `{key}: {value}`") } else { String::new() };
            needed.extend(more.iter().map(|key| (*key, why.clone())));
        }
    }
    let missing: Vec<String> = needed
        .iter()
        .filter(|(key, _)| creates && !given.contains_key(key))
        .map(|(key, why)| format!("`{key}`{why}"))
        .collect();
    if !missing.is_empty() {
        let range = walk.first_line(&node.range);
        let message = format!("`config` of a {service} has no {}", missing.join(", no "));
        let help = "Fivetran cannot make the connection without. Add it, or name an existing connection by its `id`.";
        walk.report(Diagnostic::error("missing-key", message).help(help), &range);
    }
    for (key, value) in given {
        let keys = || known.needs.iter().chain(known.knows).copied();
        if !keys().any(|known| known == *key)
            && let Some(near) = did_you_mean(key, keys())
        {
            let diagnostic =
                Diagnostic::warning("unknown-key", format!("`{key}` is no key of {service} that kiln knows"))
                    .help(format!("Did you mean `{near}`? It is sent as it is."));
            walk.report(diagnostic, &value.range);
        }
        let words = known.words.iter().find(|(word, _)| word == key).map(|(_, words)| *words);
        if let (Some(words), Some(text)) = (words, text(key))
            && !words.contains(&text)
            && !text.contains("${")
        {
            let diagnostic = Diagnostic::warning("bad-value", format!("`{key}` is `{text}`, which kiln does not know"))
                .help(format!("Fivetran has {}.", words.join(", ")));
            walk.report(diagnostic, &value.range);
        }
    }
}
