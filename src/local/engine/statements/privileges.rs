//! Privileges: recorded, so that scripts which grant them run and can be looked at; whoever has the token may do all.

use super::alter::namespace_path;
use super::descriptions::{answer, texts};
use super::done;
use crate::dialect::{Grant, Name, Securable};
use crate::local::engine::Engine;
use crate::local::engine::api::Output;
use crate::local::engine::error::{SqlError, place};
use crate::local::engine::plan::Scope;

/// `GRANT`, `REVOKE`
pub(super) fn grant(engine: &Engine, scope: &Scope, grant: &Grant) -> Result<Output, SqlError> {
    let path = path(engine, scope, grant.on, &grant.name)?;
    let path: Vec<&str> = path.iter().map(String::as_str).collect();
    if let Some(privilege) = grant.privileges.iter().find(|privilege| !applies(privilege, grant.on)) {
        let text = format!("Privilege {privilege} is not applicable to a {}.", kind(grant.on).to_lowercase());
        return Err(SqlError::new("INVALID_PARAMETER_VALUE", "22023", text).at(place(&scope.statement, &grant.range)));
    }
    let mut about = engine.folder().about(&path)?;
    let held = about.grants.entry(grant.principal.clone()).or_default();
    if !grant.revoke {
        held.extend(grant.privileges.iter().cloned());
    } else if grant.privileges.iter().any(|privilege| privilege == "ALL PRIVILEGES") {
        held.clear();
    } else {
        held.retain(|privilege| !grant.privileges.contains(privilege));
    }
    about.grants.retain(|_, privileges| !privileges.is_empty());
    engine.folder().put_about(&path, &about)?;
    Ok(done(if grant.revoke { "REVOKE" } else { "GRANT" }))
}

/// `SHOW GRANTS`: those on the thing itself, and those it inherits from its schema and catalog.
pub(super) fn show_grants(
    engine: &Engine,
    scope: &Scope,
    principal: Option<&str>,
    on: Securable,
    name: &Name,
) -> Result<Output, SqlError> {
    let path = path(engine, scope, on, name)?;
    let mut rows = Vec::new();
    for depth in (1..=path.len()).rev() {
        let here: Vec<&str> = path[..depth].iter().map(String::as_str).collect();
        let object = ["CATALOG", "SCHEMA", "TABLE"][depth - 1];
        for (who, privileges) in engine.folder().about(&here)?.grants {
            if principal.is_some_and(|wanted| wanted != who) {
                continue;
            }
            for privilege in privileges {
                rows.push(vec![Some(who.clone()), Some(privilege), Some(object.to_owned()), Some(here.join("."))]);
            }
        }
    }
    Ok(answer("SHOW", &texts(&["Principal", "ActionType", "ObjectType", "ObjectKey"]), rows))
}

fn path(engine: &Engine, scope: &Scope, on: Securable, name: &Name) -> Result<Vec<String>, SqlError> {
    if on != Securable::Table {
        return namespace_path(engine, scope, on == Securable::Catalog, name);
    }
    let table = scope.table(name)?;
    engine.kind(&table, &scope.parts(name)?).map_err(|e| e.at(scope.place(name)))?;
    Ok(table.parts().map(str::to_owned).to_vec())
}

fn kind(on: Securable) -> &'static str {
    match on {
        Securable::Catalog => "CATALOG",
        Securable::Schema => "SCHEMA",
        Securable::Table => "TABLE",
    }
}

/// Whether a privilege can be held on such a thing. What is granted on a catalog or schema holds for all that is in it.
fn applies(privilege: &str, on: Securable) -> bool {
    match on {
        Securable::Catalog => true,
        Securable::Schema => !matches!(privilege, "USE CATALOG" | "CREATE SCHEMA"),
        Securable::Table => {
            matches!(privilege, "ALL PRIVILEGES" | "APPLY TAG" | "BROWSE" | "MANAGE" | "MODIFY" | "REFRESH" | "SELECT")
        }
    }
}
