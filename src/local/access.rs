//! Who may do what with dashboards. Nothing here is ever refused for it: the workspace has one user.
//!
//! Groups and service principals of any name are there, and so is every user but those of the domain `.invalid`, which is
//! reserved for names that do not exist.

use std::collections::BTreeMap;

use super::dashboards::{Document, find, find_active};
use super::error::ApiError;
use super::workspace::Workspace;
use crate::databricks::wire::{Access, AccessRequest, AccessWish, HeldPermission, ObjectAccess};
use crate::ids::Principal;

/// What can be had on a dashboard.
const LEVELS: [&str; 4] = ["CAN_READ", "CAN_RUN", "CAN_EDIT", "CAN_MANAGE"];

/// Those who have everything on everything, by the workspace's root folder.
const ADMINS: &str = "admins";

/// Tells whether there is a user of a name.
pub(super) fn is_user(name: &str) -> bool {
    name.split_once('@').is_some_and(|(_, host)| !host.to_lowercase().ends_with(".invalid"))
}

impl Workspace {
    /// `GET /api/2.0/permissions/dashboards/{dashboard_id}`.
    pub(super) fn dashboard_access(&self, id: &str) -> Result<ObjectAccess, ApiError> {
        find(&self.lock(), id).map(answer)
    }

    /// `PATCH` and `PUT /api/2.0/permissions/dashboards/{dashboard_id}`; `replace` takes away what is not named.
    pub(super) fn change_dashboard_access(
        &self,
        id: &str,
        request: AccessRequest,
        replace: bool,
    ) -> Result<ObjectAccess, ApiError> {
        let wanted = request.access_control_list.into_iter().map(checked).collect::<Result<BTreeMap<_, _>, _>>()?;
        let mut state = self.lock();
        let mut document = find_active(&state, id)?.clone();
        if replace {
            document.access.clear();
        }
        document.access.extend(wanted);
        let answer = answer(&document);
        self.keep(&mut state, document)?;
        Ok(answer)
    }
}

fn checked(wish: AccessWish) -> Result<(Principal, String), ApiError> {
    let AccessWish { user_name, group_name, service_principal_name, permission_level } = wish;
    let principal = match (user_name, group_name, service_principal_name) {
        (Some(name), None, None) if is_user(&name) => Principal::User(name.to_lowercase()),
        (Some(name), None, None) => {
            return Err(ApiError::not_found(format!("Principal: UserName({name}) does not exist")));
        }
        (None, Some(name), None) => Principal::Group(name),
        (None, None, Some(name)) => Principal::ServicePrincipal(name.to_lowercase()),
        _ => return Err(ApiError::invalid("exactly one of user_name, group_name, service_principal_name is required")),
    };
    if !LEVELS.contains(&permission_level.as_str()) {
        return Err(ApiError::invalid(format!("'{permission_level}' is not a permission level of dashboards")));
    }
    Ok((principal, permission_level))
}

fn answer(document: &Document) -> ObjectAccess {
    let direct = document.access.iter().map(|(who, level)| {
        let held = HeldPermission { permission_level: level.clone(), ..HeldPermission::default() };
        let access = Access { all_permissions: vec![held], ..Access::default() };
        match who.clone() {
            Principal::User(name) => Access { user_name: Some(name.clone()), display_name: Some(name), ..access },
            Principal::Group(name) => Access { group_name: Some(name), ..access },
            Principal::ServicePrincipal(name) => Access { service_principal_name: Some(name), ..access },
        }
    });
    let mut list: Vec<Access> = direct.collect();
    let inherited = HeldPermission {
        permission_level: "CAN_MANAGE".to_owned(),
        inherited: true,
        inherited_from_object: vec!["/directories/".to_owned()],
    };
    match list.iter_mut().find(|access| access.group_name.as_deref() == Some(ADMINS)) {
        Some(admins) => admins.all_permissions.push(inherited),
        None => list.push(Access {
            group_name: Some(ADMINS.to_owned()),
            all_permissions: vec![inherited],
            ..Access::default()
        }),
    }
    ObjectAccess {
        object_id: Some(format!("/dashboards/{}", document.dashboard_id)),
        object_type: Some("dashboard".to_owned()),
        access_control_list: list,
    }
}
