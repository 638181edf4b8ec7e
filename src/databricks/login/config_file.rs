//! `~/.databrickscfg`: profiles in INI form, shared with Databricks' own tools.
//!
//! The form is read here and not by a library: `#` begins a comment only at a line's start or behind a space, for
//! passwords may hold one; keys keep their meaning whatever their case; and nothing is ever escaped or inherited.

use std::path::{Path, PathBuf};

use indexmap::IndexMap;

use super::LoginError;

/// The section that holds settings of the tools, not a profile.
const SETTINGS: &str = "__settings__";

/// A file of profiles.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct ConfigFile {
    pub(super) path: PathBuf,
    sections: IndexMap<String, IndexMap<String, String>>,
    /// Whether others than its owner may read it.
    pub(super) is_open: bool,
}

impl ConfigFile {
    /// Reads the file; nothing if there is none.
    pub(super) fn read(path: &Path) -> Result<Option<Self>, LoginError> {
        let text = match fs_err::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => {
                return Err(LoginError::File { path: path.to_owned(), message: error.kind().to_string() });
            }
        };
        let sections = parse(&text).map_err(|line| LoginError::File {
            path: path.to_owned(),
            message: format!("line {line} is neither `[profile]` nor `key = value`"),
        })?;
        Ok(Some(Self { path: path.to_owned(), sections, is_open: is_open(path) }))
    }

    /// Returns the name of the profile that is meant when none is named: `default_profile` of the settings, or `DEFAULT`.
    pub(super) fn default_profile(&self) -> Option<&str> {
        if let Some(name) = self.sections.get(SETTINGS).and_then(|settings| settings.get("default_profile")) {
            return Some(name);
        }
        self.sections.get("DEFAULT").filter(|keys| !keys.is_empty()).map(|_| "DEFAULT")
    }

    /// Returns a profile's keys.
    pub(super) fn profile(&self, name: &str) -> Option<&IndexMap<String, String>> {
        self.sections.get(name).filter(|_| name != SETTINGS)
    }

    /// Returns the profiles by name.
    pub(super) fn profiles(&self) -> impl Iterator<Item = (&str, &IndexMap<String, String>)> {
        self.sections.iter().map(|(name, keys)| (name.as_str(), keys)).filter(|(name, _)| *name != SETTINGS)
    }
}

/// Reads sections of keys; the number of the first line that is neither otherwise.
fn parse(text: &str) -> Result<IndexMap<String, IndexMap<String, String>>, usize> {
    let mut sections: IndexMap<String, IndexMap<String, String>> = IndexMap::new();
    let mut section = "DEFAULT".to_owned();
    for (index, line) in text.trim_start_matches('\u{feff}').lines().enumerate() {
        let line = without_comment(line).trim();
        if line.is_empty() {
            continue;
        }
        if let Some(name) = line.strip_prefix('[') {
            section = name.strip_suffix(']').ok_or(index + 1)?.trim().to_owned();
            sections.entry(section.clone()).or_default();
            continue;
        }
        let (key, value) = line.split_once('=').ok_or(index + 1)?;
        let keys = sections.entry(section.clone()).or_default();
        keys.insert(key.trim().to_ascii_lowercase(), value.trim().to_owned());
    }
    Ok(sections)
}

fn without_comment(line: &str) -> &str {
    if line.trim_start().starts_with(['#', ';']) {
        return "";
    }
    let comment = line.match_indices('#').find(|(at, _)| line[..*at].ends_with([' ', '\t']));
    comment.map_or(line, |(at, _)| &line[..at])
}

#[cfg(unix)]
fn is_open(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    path.metadata().is_ok_and(|metadata| metadata.permissions().mode() & 0o077 != 0)
}

#[cfg(not(unix))]
fn is_open(_: &Path) -> bool {
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(text: &str) -> ConfigFile {
        ConfigFile { path: PathBuf::new(), sections: parse(text).unwrap(), is_open: false }
    }

    #[test]
    fn profiles_comments_and_hashes_in_passwords_are_read() {
        let file = file(
            "\u{feff}; first\nhost=https://top.test\r\n# all of it\n[DEV]\n host = https://dev.test # ours\n\
             client_secret = a#b=c\nHOST_TYPE=x\n[empty]\n[ PROD ]\ntoken=dapi1\t# theirs\n",
        );
        assert_eq!(file.profile("DEFAULT").unwrap()["host"], "https://top.test");
        let dev = file.profile("DEV").unwrap();
        assert_eq!((dev["host"].as_str(), dev["client_secret"].as_str()), ("https://dev.test", "a#b=c"));
        assert_eq!(dev["host_type"], "x");
        assert_eq!(file.profile("PROD").unwrap()["token"], "dapi1");
        assert!(file.profile("empty").unwrap().is_empty());
        assert_eq!(file.profile("dev"), None, "profiles are named exactly");
    }

    #[test]
    fn the_default_profile_is_the_chosen_one_or_default_if_it_has_keys() {
        assert_eq!(file("[__settings__]\ndefault_profile = DEV\n[DEFAULT]\nhost=x\n").default_profile(), Some("DEV"));
        assert_eq!(file("[DEFAULT]\nhost=x\n").default_profile(), Some("DEFAULT"));
        assert_eq!(file("[DEFAULT]\n[A]\nhost=x\n").default_profile(), None);
        assert_eq!(file("[__settings__]\nx=1\n").profile("__settings__"), None);
    }

    #[test]
    fn what_is_no_profile_file_is_refused_by_line() {
        assert_eq!(parse("[a]\nhost=x\n{\"json\": 1}\n"), Err(3));
        assert_eq!(parse("[a\n"), Err(1));
    }
}
