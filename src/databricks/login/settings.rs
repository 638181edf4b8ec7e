//! Where each setting of a login comes from: the environment of `jobs.yaml`, the process environment, a profile.

use std::fmt;
use std::path::{Path, PathBuf};

use super::config_file::ConfigFile;
use super::{LoginError, Surroundings};
use crate::secret::Secret;

/// What an environment of `jobs.yaml` says about its login. No secrets.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Explicit {
    /// `host`.
    pub host: Option<String>,
    /// `profile`.
    pub profile: Option<String>,
    /// `auth_type`.
    pub auth_type: Option<String>,
    /// `client_id`.
    pub client_id: Option<String>,
}

/// Where a value comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The environment of `jobs.yaml`.
    JobsYaml,
    /// A variable of the process environment.
    Variable(&'static str),
    /// A profile of a file.
    Profile {
        /// The profile.
        name: String,
        /// The file.
        file: PathBuf,
    },
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::JobsYaml => f.write_str("jobs.yaml"),
            Self::Variable(name) => f.write_str(name),
            Self::Profile { name, file } => write!(f, "profile `{name}` of {}", file.display()),
        }
    }
}

/// A value, and where it comes from. Every value is treated as a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Setting {
    pub(super) value: Secret,
    pub(super) origin: Origin,
}

impl Setting {
    pub(super) fn text(&self) -> &str {
        self.value.expose()
    }
}

/// A setting as the file and the process environment call it. `family` says which kind of credentials it belongs to: having
/// some of two families leaves open which are meant.
struct Attribute {
    key: &'static str,
    variables: &'static [&'static str],
    family: Option<&'static str>,
}

const fn attribute(key: &'static str, variables: &'static [&'static str], family: Option<&'static str>) -> Attribute {
    Attribute { key, variables, family }
}

const ATTRIBUTES: [Attribute; 20] = [
    attribute("host", &["DATABRICKS_HOST"], None),
    attribute("auth_type", &["DATABRICKS_AUTH_TYPE"], None),
    attribute("token", &["DATABRICKS_TOKEN"], Some("pat")),
    attribute("client_id", &["DATABRICKS_CLIENT_ID"], Some("oauth")),
    attribute("client_secret", &["DATABRICKS_CLIENT_SECRET"], Some("oauth")),
    attribute("username", &["DATABRICKS_USERNAME"], Some("basic")),
    attribute("password", &["DATABRICKS_PASSWORD"], Some("basic")),
    attribute("azure_client_id", &["ARM_CLIENT_ID"], Some("azure")),
    attribute("azure_client_secret", &["ARM_CLIENT_SECRET"], Some("azure")),
    attribute("azure_tenant_id", &["ARM_TENANT_ID"], Some("azure")),
    attribute("azure_workspace_resource_id", &["DATABRICKS_AZURE_RESOURCE_ID"], Some("azure")),
    attribute("google_service_account", &["DATABRICKS_GOOGLE_SERVICE_ACCOUNT"], Some("google")),
    attribute("google_credentials", &["GOOGLE_CREDENTIALS"], Some("google")),
    attribute("account_id", &["DATABRICKS_ACCOUNT_ID"], None),
    attribute("token_audience", &["DATABRICKS_TOKEN_AUDIENCE"], None),
    attribute("oidc_token_env", &["DATABRICKS_OIDC_TOKEN_ENV"], None),
    attribute("oidc_token_filepath", &["DATABRICKS_OIDC_TOKEN_FILEPATH", "DATABRICKS_OIDC_TOKEN_FILE"], None),
    attribute("group_id", &["DATABRICKS_GROUP_ID"], None),
    attribute("databricks_cli_path", &["DATABRICKS_CLI_PATH"], None),
    attribute("warehouse_id", &["DATABRICKS_WAREHOUSE_ID"], None),
];

/// All settings of one login.
#[derive(Clone, Debug)]
pub(super) struct Settings {
    values: Vec<(&'static str, Setting)>,
    /// The profile that was read.
    pub(super) profile: Option<String>,
    /// The file of profiles, whether or not a profile of it was read.
    pub(super) file: PathBuf,
    /// What should be told, though it keeps nobody from logging in.
    pub(super) warnings: Vec<String>,
}

impl Settings {
    /// Looks everywhere, in the order of all of Databricks' tools: what is found first is never replaced by what comes later.
    pub(super) fn gather(explicit: &Explicit, around: &Surroundings) -> Result<Self, LoginError> {
        let file = config_path(around);
        let mut settings = Self { values: Vec::new(), profile: None, file, warnings: Vec::new() };
        for (key, value) in
            [("host", &explicit.host), ("auth_type", &explicit.auth_type), ("client_id", &explicit.client_id)]
        {
            if let Some(value) = value {
                settings.add(key, value, Origin::JobsYaml);
            }
        }
        for attribute in &ATTRIBUTES {
            if let Some((name, value)) = attribute.variables.iter().find_map(|name| Some((*name, (around.env)(name)?)))
            {
                settings.add(attribute.key, &value, Origin::Variable(name));
            }
        }
        let asked = explicit.profile.clone().or_else(|| (around.env)("DATABRICKS_CONFIG_PROFILE"));
        settings.read_profile(asked)?;
        settings.check_families()?;
        Ok(settings)
    }

    pub(super) fn get(&self, key: &str) -> Option<&Setting> {
        self.values.iter().find(|(name, _)| *name == key).map(|(_, setting)| setting)
    }

    fn add(&mut self, key: &'static str, value: &str, origin: Origin) {
        if self.get(key).is_none() && !value.trim().is_empty() {
            self.values.push((key, Setting { value: Secret::new(value.trim()), origin }));
        }
    }

    fn has_credentials(&self) -> bool {
        let has = |attribute: &Attribute| attribute.family.is_some() && self.get(attribute.key).is_some();
        ATTRIBUTES.iter().any(has)
    }

    /// Reads the profile that was asked for; without one, the default one, but only if nothing else says where to go.
    fn read_profile(&mut self, asked: Option<String>) -> Result<(), LoginError> {
        if asked.is_none() && (self.get("host").is_some() || self.has_credentials()) {
            return Ok(());
        }
        let Some(file) = ConfigFile::read(&self.file)? else {
            return match asked {
                Some(profile) => Err(LoginError::NoProfile { profile, file: self.file.clone(), known: None }),
                None => Ok(()),
            };
        };
        let Some(name) = asked.clone().or_else(|| file.default_profile().map(str::to_owned)) else { return Ok(()) };
        let Some(keys) = file.profile(&name) else {
            if asked.is_none() {
                return Ok(());
            }
            let known = file.profiles().map(|(name, _)| name.to_owned()).collect();
            return Err(LoginError::NoProfile { profile: name, file: file.path, known: Some(known) });
        };
        if file.is_open {
            let path = file.path.display();
            self.warnings.push(format!("{path} can be read by others than you; run `chmod 600 {path}`"));
        }
        for attribute in &ATTRIBUTES {
            let Some(value) = keys.get(attribute.key) else { continue };
            if let Some(earlier) = self.get(attribute.key).filter(|earlier| earlier.text() != value.trim()) {
                let origin = &earlier.origin;
                let warning = format!("`{}` of profile `{name}` is not used: {origin} goes before it", attribute.key);
                self.warnings.push(warning);
                continue;
            }
            self.add(attribute.key, value, Origin::Profile { name: name.clone(), file: file.path.clone() });
        }
        self.profile = Some(name);
        Ok(())
    }

    /// Credentials of two kinds without a word which are meant are refused, as by all of Databricks' tools.
    fn check_families(&self) -> Result<(), LoginError> {
        if self.get("auth_type").is_some() {
            return Ok(());
        }
        let mut found: Vec<(&'static str, Origin)> = Vec::new();
        for attribute in &ATTRIBUTES {
            if let (Some(family), Some(setting)) = (attribute.family, self.get(attribute.key))
                && found.iter().all(|(other, _)| *other != family)
            {
                found.push((family, setting.origin.clone()));
            }
        }
        if found.len() < 2 {
            return Ok(());
        }
        found.sort_by_key(|(family, _)| *family);
        Err(LoginError::SeveralMethods { found })
    }
}

/// Returns the names of the profiles that have an address.
pub(super) fn profiles_of(file: &Path, host: &url::Url) -> Vec<String> {
    let Ok(Some(file)) = ConfigFile::read(file) else { return Vec::new() };
    let same = |keys: &indexmap::IndexMap<String, String>| {
        keys.get("host").and_then(|text| crate::http::base_address(text).ok()).as_ref() == Some(host)
    };
    file.profiles().filter(|(_, keys)| same(keys)).map(|(name, _)| name.to_owned()).collect()
}

fn config_path(around: &Surroundings) -> PathBuf {
    let home = || (around.env)("HOME").or_else(|| (around.env)("USERPROFILE")).unwrap_or_default();
    match (around.env)("DATABRICKS_CONFIG_FILE") {
        Some(path) => match path.strip_prefix("~/") {
            Some(rest) => Path::new(&home()).join(rest),
            None => PathBuf::from(path),
        },
        None => Path::new(&home()).join(".databrickscfg"),
    }
}
