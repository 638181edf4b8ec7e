//! Who may do something in a workspace: users, groups and service principals.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A user, a group or a service principal.
///
/// As a text it is the bare name, whose kind shows by its looks: an e-mail address is a user, an application id (a UUID) a
/// service principal, all else a group. Where looks deceive, the kind stands before it: `group:NAME`, `user:NAME`,
/// `service_principal:NAME`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub enum Principal {
    /// A user, by the name that is an e-mail address; in lower case.
    User(String),
    /// A group, by its name.
    Group(String),
    /// A service principal, by its application id; in lower case.
    ServicePrincipal(String),
}

const USER: &str = "user:";
const GROUP: &str = "group:";
const SERVICE_PRINCIPAL: &str = "service_principal:";

impl Principal {
    /// Reads who is meant.
    pub fn new(text: &str) -> Self {
        if let Some(name) = text.strip_prefix(USER) {
            Self::User(name.to_lowercase())
        } else if let Some(name) = text.strip_prefix(GROUP) {
            Self::Group(name.to_owned())
        } else if let Some(name) = text.strip_prefix(SERVICE_PRINCIPAL) {
            Self::ServicePrincipal(name.to_lowercase())
        } else {
            Self::by_looks(text)
        }
    }

    fn by_looks(name: &str) -> Self {
        if name.contains('@') {
            Self::User(name.to_lowercase())
        } else if is_uuid(name) {
            Self::ServicePrincipal(name.to_lowercase())
        } else {
            Self::Group(name.to_owned())
        }
    }

    /// Returns the bare name.
    pub fn name(&self) -> &str {
        match self {
            Self::User(name) | Self::Group(name) | Self::ServicePrincipal(name) => name,
        }
    }
}

fn is_uuid(text: &str) -> bool {
    let lengths = text.split('-').map(str::len);
    lengths.eq([8, 4, 4, 4, 12]) && text.chars().all(|c| c == '-' || c.is_ascii_hexdigit())
}

impl fmt::Display for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.name();
        if Self::new(name) == *self {
            return f.write_str(name);
        }
        let kind = match self {
            Self::User(_) => USER,
            Self::Group(_) => GROUP,
            Self::ServicePrincipal(_) => SERVICE_PRINCIPAL,
        };
        write!(f, "{kind}{name}")
    }
}

impl From<String> for Principal {
    fn from(text: String) -> Self {
        Self::new(&text)
    }
}

impl From<Principal> for String {
    fn from(principal: Principal) -> Self {
        principal.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kind_shows_by_the_looks_of_a_name_or_stands_before_it() {
        let id = "0f3cA5b6-1111-2222-3333-444455556666";
        for (text, principal, shown) in [
            ("finance", Principal::Group("finance".into()), "finance"),
            ("group:finance", Principal::Group("finance".into()), "finance"),
            ("Ada@Example.test", Principal::User("ada@example.test".into()), "ada@example.test"),
            ("group:a@b", Principal::Group("a@b".into()), "group:a@b"),
            ("user:ada", Principal::User("ada".into()), "user:ada"),
            (id, Principal::ServicePrincipal(id.to_lowercase()), &id.to_lowercase()),
            ("service_principal:bot", Principal::ServicePrincipal("bot".into()), "service_principal:bot"),
            ("group:user:x", Principal::Group("user:x".into()), "group:user:x"),
        ] {
            assert_eq!(Principal::new(text), principal, "{text}");
            assert_eq!(principal.to_string(), shown);
            assert_eq!(Principal::new(&principal.to_string()), principal, "it is read as it is written");
        }
    }
}
