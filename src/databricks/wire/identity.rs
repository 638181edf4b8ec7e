//! SCIM: who the caller is.

use serde::{Deserialize, Serialize};

/// Answer of `GET /api/2.0/preview/scim/v2/Me`. The workspace's id is in its header `x-databricks-org-id`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Me {
    /// The caller's id.
    pub id: String,
    /// E-mail address of a user, application id of a service principal.
    pub user_name: String,
    /// Name for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
    /// Addresses.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub emails: Vec<Email>,
    /// The groups the caller is in, directly or by others.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub groups: Vec<Group>,
    /// Whether the account may be used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub active: Option<bool>,
}

/// A group of a user.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Group {
    /// Its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub display: Option<String>,
    /// Its id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
}

/// An address of a user.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Email {
    /// The address itself.
    pub value: String,
    /// Whether it is the main one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub primary: Option<bool>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::databricks::wire::testing::{round_trip, with_unknown_field};

    #[test]
    fn the_caller_has_an_id_and_a_name() {
        let json = r#"{"id":"6319425193822","userName":"ada@example.test","displayName":"Ada","active":true,
            "groups":[{"display":"analysts","value":"17"}],
            "emails":[{"value":"ada@example.test","primary":true}]}"#;
        let me: Me = round_trip(json);
        assert_eq!(me.user_name, "ada@example.test");
        assert_eq!(with_unknown_field::<Me>(json), me);
    }
}
