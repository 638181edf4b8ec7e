//! Permissions of workspace objects: `/api/2.0/permissions/{kind}/{id}`.

use serde::{Deserialize, Serialize};

/// Who may do what with an object: the answer of each call.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ObjectAccess {
    /// `/dashboards/<id>`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub object_id: Option<String>,
    /// Such as `dashboard`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub object_type: Option<String>,
    /// Each user, group and service principal that may do something.
    #[serde(default)]
    pub access_control_list: Vec<Access>,
}

/// What one may do. Exactly one of the three names is there.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Access {
    /// A user's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_name: Option<String>,
    /// A group's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group_name: Option<String>,
    /// A service principal's application id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service_principal_name: Option<String>,
    /// A name for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
    /// What it has, by itself and from the folders above.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub all_permissions: Vec<HeldPermission>,
}

/// A permission that somebody has.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeldPermission {
    /// `CAN_READ`, `CAN_RUN`, `CAN_EDIT`, `CAN_MANAGE`.
    pub permission_level: String,
    /// Whether it comes from a folder above, or from the workspace.
    #[serde(default)]
    pub inherited: bool,
    /// From which.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub inherited_from_object: Vec<String>,
}

/// Body of `PATCH`, which changes those that are named, and of `PUT`, which takes all others away.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccessRequest {
    /// What each shall have.
    #[serde(default)]
    pub access_control_list: Vec<AccessWish>,
}

/// What one shall have. Exactly one of the three names is there.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccessWish {
    /// A user's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_name: Option<String>,
    /// A group's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group_name: Option<String>,
    /// A service principal's application id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service_principal_name: Option<String>,
    /// `CAN_READ`, `CAN_RUN`, `CAN_EDIT`, `CAN_MANAGE`.
    pub permission_level: String,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::databricks::wire::testing::{round_trip, with_unknown_field};

    #[test]
    fn access_says_what_is_inherited() {
        let json = r#"{"object_id":"/dashboards/01ef","object_type":"dashboard","access_control_list":[
            {"user_name":"ada@example.test","display_name":"Ada","all_permissions":[
                {"permission_level":"CAN_MANAGE","inherited":false}]},
            {"group_name":"admins","all_permissions":[
                {"permission_level":"CAN_MANAGE","inherited":true,"inherited_from_object":["/directories/17"]}]},
            {"service_principal_name":"0f3c","all_permissions":[{"permission_level":"CAN_RUN","inherited":false}]}]}"#;
        let access: ObjectAccess = round_trip(json);
        assert!(access.access_control_list[1].all_permissions[0].inherited);
        assert_eq!(with_unknown_field::<ObjectAccess>(json), access);
        let short: ObjectAccess = serde_json::from_str(
            r#"{"access_control_list":[{"group_name":"a","all_permissions":[{"permission_level":"CAN_READ"}]}]}"#,
        )
        .unwrap();
        assert!(!short.access_control_list[0].all_permissions[0].inherited);
    }

    #[test]
    fn wishes_name_one_kind_of_principal() {
        round_trip::<AccessRequest>(
            r#"{"access_control_list":[{"group_name":"finance","permission_level":"CAN_READ"},
                {"user_name":"ada@example.test","permission_level":"CAN_EDIT"}]}"#,
        );
    }
}
