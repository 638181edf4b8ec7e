//! Reads the connections that kiln keeps: one list for those without an id, then two requests for each.

use std::collections::{BTreeMap, HashMap};

use futures::StreamExt as _;

use crate::fivetran::wire::{Connection, Group, PatchSettings, SchemaConfig};
use crate::fivetran::{Client, Error};
use crate::http::Class;
use crate::ids::{ConnectionId, ConnectionName};
use crate::plan::{
    ObservedConnection, ObservedGroup, Replicated, ReplicatedColumn, ReplicatedSchema, ReplicatedTable, Settings,
    Sighting, Sought,
};

/// So many connections are read at once.
const AT_ONCE: usize = 8;

/// Finds connections by their ids or schemas, and reads what plans look at.
///
/// # Errors
/// If a request fails.
pub async fn connections(client: &Client, sought: &[Sought]) -> Result<BTreeMap<ConnectionName, Sighting>, Error> {
    if sought.is_empty() {
        return Ok(BTreeMap::new());
    }
    let mut found = Groups { client, groups: client.groups().await?, seen: HashMap::new() };
    let listed = match sought.iter().any(|one| one.id.is_none()) {
        true => client.connections(None).await?,
        false => Vec::new(),
    };
    let mut places = Vec::with_capacity(sought.len());
    for one in sought {
        places.push((one, found.place(one, &listed).await?));
    }
    let read = places.into_iter().map(|(one, place)| async move {
        let read = match place {
            Place::At(id) => read(client, &id, one.tables).await?.ok_or_else(|| gone(&id)),
            Place::Nowhere(sighting) => Err(sighting),
        };
        Ok::<_, Error>((one, read))
    });
    let read: Vec<_> = futures::stream::iter(read).buffered(AT_ONCE).collect().await;
    let mut sightings = BTreeMap::new();
    for one in read {
        let (one, read) = one?;
        let sighting = match read {
            Ok((connection, replicated)) => found.sighting(one, connection, replicated).await?,
            Err(sighting) => sighting,
        };
        sightings.insert(one.connection.clone(), sighting);
    }
    Ok(sightings)
}

/// Reads which tables are replicated, as plans look at it.
pub fn replicated(config: &SchemaConfig) -> Replicated {
    let schemas = config.schemas.iter().flatten().map(|(name, node)| {
        let tables = node.tables.iter().flatten().map(|(name, table)| {
            let columns = table.columns.iter().flatten().map(|(name, column)| {
                let fixed = fixed(column.enabled_patch_settings.as_ref());
                (name.clone(), ReplicatedColumn { enabled: column.enabled, hashed: column.hashed, fixed })
            });
            let table = ReplicatedTable {
                enabled: table.enabled,
                fixed: fixed(table.enabled_patch_settings.as_ref()),
                columns: columns.collect(),
            };
            (name.clone(), table)
        });
        (name.clone(), ReplicatedSchema { enabled: node.enabled, tables: tables.collect() })
    });
    Replicated { handling: config.schema_change_handling.as_ref().map(ToString::to_string), schemas: schemas.collect() }
}

/// Says why it cannot be chosen whether something is replicated; none if it can.
fn fixed(settings: Option<&PatchSettings>) -> Option<String> {
    let settings = settings.filter(|settings| !settings.allowed)?;
    let why = settings.reason.as_ref().or(settings.reason_code.as_ref());
    Some(why.cloned().unwrap_or_else(|| "Fivetran gives no reason".to_owned()))
}

/// Where a connection is.
enum Place {
    At(ConnectionId),
    Nowhere(Sighting),
}

/// The groups of the account, and their destinations as far as they were read.
struct Groups<'a> {
    client: &'a Client,
    groups: Vec<Group>,
    seen: HashMap<String, ObservedGroup>,
}

fn unclear(message: String, help: &str) -> Sighting {
    Sighting::Unclear { message, help: help.to_owned() }
}

fn gone(id: &ConnectionId) -> Sighting {
    unclear(
        format!("Fivetran has no connection `{id}`, or the key may not see it"),
        "Correct its `id` in jobs.yaml, or remove it to have the connection found by its schema.",
    )
}

/// Reads a connection and, if that matters, what it replicates; none if there is none of that id.
async fn read(
    client: &Client,
    id: &ConnectionId,
    tables: bool,
) -> Result<Option<(Connection, Option<Replicated>)>, Error> {
    let connection = match client.connection(id).await {
        Ok(connection) => connection,
        Err(error) if error.class() == Class::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let config = if tables { client.schemas(id).await? } else { None };
    Ok(Some((connection, config.as_ref().map(replicated))))
}

impl Groups<'_> {
    /// Finds out where a connection is, without reading it.
    async fn place(&mut self, sought: &Sought, listed: &[Connection]) -> Result<Place, Error> {
        let named = match &sought.group {
            None => None,
            Some(name) => match self.groups.iter().find(|group| group.id == *name || group.name == *name) {
                Some(group) => Some(group.id.clone()),
                None => {
                    let names: Vec<String> = self.groups.iter().map(|g| format!("{} ({})", g.name, g.id)).collect();
                    let message = format!("Fivetran has no group `{name}`; it has {}", names.join(", "));
                    let help = "Correct `group` of the connection in jobs.yaml: a name or an id.";
                    return Ok(Place::Nowhere(unclear(message, help)));
                }
            },
        };
        if let Some(id) = &sought.id {
            return Ok(Place::At(ConnectionId::new(id)));
        }
        let mut fitting: Vec<&Connection> = listed.iter().filter(|other| other.schema == sought.schema).collect();
        if let Some(group) = &named {
            fitting.retain(|other| other.group_id == *group);
        }
        if named.is_none() && fitting.len() > 1 {
            let mut of_catalog = Vec::new();
            for other in &fitting {
                let catalog = self.group(&other.group_id).await?.catalog;
                if catalog.is_some_and(|catalog| sought.catalogs.contains(&catalog.to_lowercase())) {
                    of_catalog.push(*other);
                }
            }
            fitting = of_catalog;
        }
        match fitting.as_slice() {
            [one] => Ok(Place::At(ConnectionId::new(&one.id))),
            [] => self.nowhere(sought, named).await.map(Place::Nowhere),
            several => {
                let ids: Vec<&str> = several.iter().map(|other| other.id.as_str()).collect();
                let message = format!("several connections have the schema `{}`: {}", sought.schema, ids.join(", "));
                Ok(Place::Nowhere(unclear(message, "Say which one is meant by its `id`, or by its `group`.")))
            }
        }
    }

    /// Finds the group that a connection would be made in: the one that is named, the only one, or the one of the catalog.
    async fn nowhere(&mut self, sought: &Sought, named: Option<String>) -> Result<Sighting, Error> {
        let only = match (named, self.groups.as_slice()) {
            (Some(id), _) => Some(id),
            (None, [only]) => Some(only.id.clone()),
            _ => None,
        };
        if let Some(id) = only {
            return self.group(&id).await.map(Sighting::Absent);
        }
        let mut right = Vec::new();
        for id in self.groups.iter().map(|group| group.id.clone()).collect::<Vec<_>>() {
            let group = self.group(&id).await?;
            if group.catalog.as_ref().is_some_and(|catalog| sought.catalogs.contains(&catalog.to_lowercase())) {
                right.push(group);
            }
        }
        let catalogs = sought.catalogs.join("`, `");
        Ok(match right.len() {
            1 => Sighting::Absent(right.remove(0)),
            0 => unclear(
                format!("no group of Fivetran's has a destination that writes to catalog `{catalogs}`"),
                "Make one in Fivetran, or say which group is meant by the connection's `group`.",
            ),
            _ => {
                let names: Vec<String> = right.iter().map(|group| format!("{} ({})", group.name, group.id)).collect();
                let message = format!("several groups write to catalog `{catalogs}`: {}", names.join(", "));
                unclear(message, "Say which one is meant by the connection's `group`.")
            }
        })
    }

    /// Reads a group's destination, once.
    async fn group(&mut self, id: &str) -> Result<ObservedGroup, Error> {
        if let Some(seen) = self.seen.get(id) {
            return Ok(seen.clone());
        }
        let name = self.groups.iter().find(|group| group.id == id).map(|group| group.name.clone()).unwrap_or_default();
        let destination = match self.client.destination(id).await {
            Ok(destination) => Some(destination),
            // A group may have none yet, and not every key may see it.
            Err(error) if matches!(error.class(), Class::NotFound | Class::Permission) => None,
            Err(error) => return Err(error),
        };
        let group = ObservedGroup {
            id: id.to_owned(),
            name,
            service: destination.as_ref().map(|destination| destination.service.clone()),
            catalog: destination.as_ref().and_then(|destination| destination.catalog().map(str::to_owned)),
        };
        self.seen.insert(id.to_owned(), group.clone());
        Ok(group)
    }

    async fn sighting(
        &mut self,
        sought: &Sought,
        connection: Connection,
        replicated: Option<Replicated>,
    ) -> Result<Sighting, Error> {
        let group = self.group(&connection.group_id).await?;
        if let Some(wanted) = sought.group.as_ref().filter(|name| **name != group.id && **name != group.name) {
            let message = format!("{} belongs to group {} ({}), not `{wanted}`", connection.id, group.name, group.id);
            let help = "A connection keeps its group: correct `group` or `id` of the connection in jobs.yaml.";
            return Ok(unclear(message, help));
        }
        if sought.id.is_some() && connection.schema != sought.schema {
            let message =
                format!("{} lands under the schema `{}`, not `{}`", connection.id, connection.schema, sought.schema);
            let help = "A connection keeps its schema: correct `schema_prefix` or `id` of the connection in jobs.yaml.";
            return Ok(unclear(message, help));
        }
        let tasks = connection.status.tasks.iter().map(|task| match task.details.as_deref() {
            Some(details) if !details.is_empty() => format!("{} ({details})", task.message),
            _ => task.message.clone(),
        });
        let setup = connection.status.setup_state.to_string();
        Ok(Sighting::Found(Box::new(ObservedConnection {
            id: ConnectionId::new(&connection.id),
            service: connection.service,
            group,
            setup,
            tasks: tasks.collect(),
            settings: Settings {
                paused: Some(connection.paused),
                schedule_type: connection.schedule_type.map(|kind| kind.to_string()),
                sync_frequency: connection.sync_frequency,
                daily_sync_time: connection.daily_sync_time,
            },
            config: connection.config.unwrap_or_default(),
            replicated,
        })))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_chosen_is_known_with_its_reason() {
        let config: SchemaConfig = serde_json::from_value(serde_json::json!({
            "schema_change_handling": "ALLOW_COLUMNS", "schemas": {"public": {"enabled": true, "tables": {
                "orders": {"enabled": true, "enabled_patch_settings": {"allowed": true}, "columns": {
                    "id": {"enabled": true, "hashed": false,
                        "enabled_patch_settings": {"allowed": false, "reason_code": "SYSTEM_COLUMN"}}}},
                "audit_tmp": {"enabled": false, "enabled_patch_settings": {"allowed": false, "reason_code": "OTHER",
                    "reason": "The table was excluded by the system"}}}}}}))
        .unwrap();
        let known = replicated(&config);
        let tables = &known.schemas["public"].tables;
        assert_eq!(tables["orders"].fixed, None);
        assert_eq!(tables["orders"].columns["id"].fixed.as_deref(), Some("SYSTEM_COLUMN"));
        assert_eq!(tables["audit_tmp"].fixed.as_deref(), Some("The table was excluded by the system"));
    }
}
