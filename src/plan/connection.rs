//! Connections that kiln keeps: what has to become of each, field by field, and nothing that the project does not state.

use serde_json::{Map, Value, json};

use super::change::{Act, Change, FieldChange, Kind};
use super::connection_config::{SentConfig, differs, with_variables};
use super::replication::{Replicated, ReplicationWish};
use super::steps::Planner;
use crate::config::pointer::first_key;
use crate::config::{ColumnWish, Connection, ConnectionConfig, Exclude, Kept};
use crate::ids::{ConnectionId, ConnectionName};
use crate::manifest::Manifest;

/// A connection that is to be looked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sought {
    /// Its name in the project.
    pub connection: ConnectionName,
    /// Its id; without one it is found by its schema.
    pub id: Option<String>,
    /// The group that it shall belong to, by id or name; none: the one whose destination has a right catalog.
    pub group: Option<String>,
    /// Its schema, or the prefix of its schemas.
    pub schema: String,
    /// The catalogs that it may write to.
    pub catalogs: Vec<String>,
    /// Whether it matters which tables it replicates.
    pub tables: bool,
}

/// How a connection was found.
#[derive(Clone, Debug, PartialEq)]
pub enum Sighting {
    /// It is there.
    Found(Box<ObservedConnection>),
    /// There is none. It would be made in this group.
    Absent(ObservedGroup),
    /// Nothing can be done before somebody clears up something.
    Unclear {
        /// What: lower case, no full stop.
        message: String,
        /// What to do, as full sentences.
        help: String,
    },
}

/// A group of connections, and its destination.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ObservedGroup {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// The destination's kind, as far as it may be seen.
    pub service: Option<String>,
    /// The catalog that the destination writes to, as far as it may be seen.
    pub catalog: Option<String>,
}

/// A connection as it is.
#[derive(Clone, Debug, PartialEq)]
pub struct ObservedConnection {
    /// Its id.
    pub id: ConnectionId,
    /// Kind of source.
    pub service: String,
    /// The group it belongs to.
    pub group: ObservedGroup,
    /// Whether its setup is complete: Fivetran's word.
    pub setup: String,
    /// What Fivetran wants people to do.
    pub tasks: Vec<String>,
    /// Its settings.
    pub settings: Settings,
    /// Its config; secrets are masked.
    pub config: Map<String, Value>,
    /// What it replicates; none if Fivetran does not know yet.
    pub replicated: Option<Replicated>,
}

/// Settings of a connection; `None` is unknown, or left as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// Whether it is paused.
    pub paused: Option<bool>,
    /// Who starts its syncs.
    pub schedule_type: Option<String>,
    /// Minutes between syncs.
    pub sync_frequency: Option<i64>,
    /// When it syncs, with a frequency of a day.
    pub daily_sync_time: Option<String>,
}

impl Settings {
    /// Tells whether nothing is said.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// What is needed to make a connection, or to bring it in line with what is declared.
#[derive(Clone, Debug, PartialEq)]
pub struct KeepConnection {
    /// Its name in the project.
    pub connection: ConnectionName,
    /// Its id; none: it is made.
    pub id: Option<ConnectionId>,
    /// Kind of source.
    pub service: String,
    /// The group that it belongs to.
    pub group: String,
    /// Its schema, or the prefix of its schemas.
    pub schema: String,
    /// What is sent of its config; none: nothing.
    pub config: Option<SentConfig>,
    /// Settings that change.
    pub settings: Settings,
    /// Whether its setup tests are run though its config stays as it is.
    pub tests: bool,
    /// What it has to replicate; none if it does.
    pub replication: Option<ReplicationWish>,
    /// Whether its source is asked for its tables first.
    pub reload: bool,
}

/// What is needed to take a connection away.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RemoveConnection {
    /// Its name in the project.
    pub connection: ConnectionName,
    /// Its id.
    pub id: ConnectionId,
}

/// Lists the connections of which kiln keeps something.
pub fn sought(manifest: &Manifest) -> Vec<Sought> {
    let kept = manifest.connections.iter().filter_map(|(name, connection)| {
        let kept = connection.kept.as_ref()?;
        Some(Sought {
            connection: name.clone(),
            id: connection.id.as_ref().map(|id| id.value.clone()),
            group: connection.group.clone(),
            schema: schema_of(connection),
            catalogs: catalogs(manifest, name),
            tables: !wish(connection, kept).is_empty(),
        })
    });
    kept.collect()
}

/// Lists the connections that go when all is taken away: those that kiln makes, and none that the project names by its id,
/// for that was there before.
pub fn to_remove(manifest: &Manifest) -> Vec<Sought> {
    let made = |name: &ConnectionName| {
        let connection = &manifest.connections[name];
        connection.id.is_none() && connection.kept.as_ref().is_some_and(|kept| kept.config.is_some())
    };
    let all = sought(manifest).into_iter().filter(|sought| made(&sought.connection));
    all.map(|sought| Sought { tables: false, ..sought }).collect()
}

/// Returns the schema by which Fivetran knows a connection: its prefix, or for services that have one schema, that.
pub fn schema_of(connection: &Connection) -> String {
    let config = connection.kept.as_ref().and_then(|kept| kept.config.as_ref());
    let text = |key: &str| config.and_then(|config| config.values.get(key)?.as_str());
    match (text("schema"), text("table")) {
        (Some(schema), Some(table)) => format!("{schema}.{table}"),
        (Some(schema), None) => schema.to_owned(),
        (None, _) => connection.schema_prefix.clone(),
    }
}

/// The catalogs in which the project reads what a connection lands.
fn catalogs(manifest: &Manifest, name: &ConnectionName) -> Vec<String> {
    let sources = manifest.sources.values().filter(|s| s.connection.as_ref().is_some_and(|by| by.value == *name));
    let mut all: Vec<String> =
        sources.map(|source| source.catalog.as_ref().unwrap_or(&manifest.catalog).to_lowercase()).collect();
    if all.is_empty() {
        all.push(manifest.catalog.to_lowercase());
    }
    all.sort_unstable();
    all.dedup();
    all
}

fn wish(connection: &Connection, kept: &Kept) -> ReplicationWish {
    ReplicationWish {
        handling: kept.schema_change_handling.clone(),
        tables: connection.tables.clone(),
        exclude: kept.exclude.clone(),
        columns: connection.columns.clone(),
    }
}

/// Tells whether a connection that was found is the one that the project means.
pub(super) fn is_meant(manifest: &Manifest, name: &ConnectionName, there: &ObservedConnection) -> bool {
    let same_service = manifest.connections.get(name).is_some_and(|connection| connection.service == there.service);
    same_service && wrong_group(&there.group, &catalogs(manifest, name)).is_none()
}

/// Plans what becomes of the connections.
pub(super) fn keep(planner: &mut Planner<'_>, changes: &mut Vec<Change>, unchanged: &mut usize) {
    let (manifest, observed) = (planner.manifest, planner.observed);
    for (name, sighting) in &observed.connections {
        let Some((connection, kept)) = manifest.connections.get(name).and_then(|c| Some((c, c.kept.as_ref()?))) else {
            continue;
        };
        let mismatch = |reasons| Change { reasons, ..change(name, Act::Mismatch) };
        match sighting {
            Sighting::Unclear { message, help } => changes.push(mismatch(vec![message.clone(), help.clone()])),
            Sighting::Absent(group) => match (wrong_group(group, &catalogs(manifest, name)), &kept.config) {
                (Some(why), _) => changes.push(mismatch(why)),
                (None, None) => changes.push(mismatch(vec![
                    format!("Fivetran has no connection with the schema `{}`", schema_of(connection)),
                    "Create it in Fivetran, name it by its `id`, or let kiln make it: `config`.".to_owned(),
                ])),
                (None, Some(config)) => {
                    let (keep, fields) = make(name, connection, kept, config, group);
                    let step = Some(planner.add_keep(keep));
                    let reasons = vec![format!("a {} in group {}", connection.service, shown_group(group))];
                    changes.push(Change { reasons, fields, step, ..change(name, Act::Create) });
                }
            },
            Sighting::Found(there) => {
                let wrong = wrong_group(&there.group, &catalogs(manifest, name))
                    .or_else(|| (there.service != connection.service).then(|| wrong_service(connection, there)));
                if let Some(why) = wrong {
                    changes.push(mismatch(why));
                    continue;
                }
                let found = compare(name, connection, kept, there, planner.consent.resend_secrets);
                if !found.refused.is_empty() {
                    changes.push(Change { fields: found.fields, ..mismatch(found.refused) });
                } else if found.fields.is_empty() && found.reasons.is_empty() {
                    *unchanged += 1;
                } else {
                    let step = Some(planner.add_keep(found.keep));
                    let (reasons, fields) = (found.reasons, found.fields);
                    changes.push(Change { reasons, fields, step, ..change(name, Act::Update) });
                }
            }
        }
    }
}

fn change(name: &ConnectionName, act: Act) -> Change {
    Change::new(Kind::Connection, name.as_str(), act)
}

fn shown_group(group: &ObservedGroup) -> String {
    if group.name.is_empty() { group.id.clone() } else { format!("{} ({})", group.name, group.id) }
}

/// Says why a group is not the one that is wanted, if it is not: what it lands would never be found.
fn wrong_group(group: &ObservedGroup, catalogs: &[String]) -> Option<Vec<String>> {
    let (shown, wanted) = (shown_group(group), catalogs.join("`, `"));
    let what = match (&group.service, &group.catalog) {
        (_, Some(catalog)) if catalogs.iter().any(|wanted| wanted.eq_ignore_ascii_case(catalog)) => return None,
        (_, Some(catalog)) => {
            format!(
                "group {shown} has a destination that writes to catalog `{catalog}`, and the project reads `{wanted}`"
            )
        }
        (Some(service), None) if service != "databricks" => {
            format!("group {shown} has a destination of the kind {service}, and the project reads catalog `{wanted}`")
        }
        // What may not be seen may be right.
        _ => return None,
    };
    let help = "Is it the connection of another environment? Correct its `group`, its `id`, or the catalog.";
    Some(vec![what, help.to_owned()])
}

fn wrong_service(connection: &Connection, there: &ObservedConnection) -> Vec<String> {
    vec![
        format!("{} is of service {}, not {}", there.id, there.service, connection.service),
        "A connection keeps its service: correct `service`, or name another connection.".to_owned(),
    ]
}

/// Plans to make a connection. Nobody but kiln starts its syncs unless the project says so, so that none begins before
/// the tables are chosen.
fn make(
    name: &ConnectionName,
    connection: &Connection,
    kept: &Kept,
    config: &ConnectionConfig,
    group: &ObservedGroup,
) -> (KeepConnection, Vec<FieldChange>) {
    let mut values = config.values.clone();
    if !values.contains_key("schema") {
        values.insert("schema_prefix".to_owned(), json!(connection.schema_prefix));
    }
    let settings = Settings {
        schedule_type: Some(kept.schedule_type.clone().unwrap_or_else(|| "manual".to_owned())),
        ..wanted_settings(kept)
    };
    let mut fields: Vec<FieldChange> = values
        .iter()
        .map(|(key, value)| FieldChange {
            field: format!("config.{key}"),
            there: None,
            wanted: with_variables(key, value, &config.secrets),
        })
        .collect();
    fields.extend(differing_settings(&settings, &Settings::default()).1);
    let wish = wish(connection, kept);
    // Nothing is known of it, so all of it is new.
    fields.extend(wish.changes(&Replicated::default()).fields);
    for (schema, tables) in &wish.tables {
        let field = |table: &String| FieldChange {
            field: format!("{schema}.{table}"),
            there: None,
            wanted: json!("replicated"),
        };
        fields.extend(tables.iter().map(field));
    }
    fields.extend(columns_and_others(&wish));
    let keep = KeepConnection {
        connection: name.clone(),
        id: None,
        service: connection.service.clone(),
        group: group.id.clone(),
        schema: schema_of(connection),
        config: Some(SentConfig { values, secrets: config.secrets.clone() }),
        settings,
        tests: false,
        reload: !wish.is_empty(),
        replication: (!wish.is_empty()).then_some(wish),
    };
    (keep, fields)
}

/// What is wanted of the columns and the other tables of a connection that is made.
fn columns_and_others(wish: &ReplicationWish) -> Vec<FieldChange> {
    let field = |field: String, wanted: &str| FieldChange { field, there: None, wanted: json!(wanted) };
    let word = |wish: &ColumnWish| match wish {
        ColumnWish::Include => "replicated",
        ColumnWish::Exclude => "not replicated",
        ColumnWish::Hash => "hashed",
    };
    let columns = wish.columns.iter().flat_map(|((schema, table), columns)| {
        columns.iter().map(move |(column, wish)| field(format!("{schema}.{table}.{column}"), word(wish)))
    });
    let mut fields: Vec<FieldChange> = columns.collect();
    match &wish.exclude {
        Exclude::Nothing => {}
        Exclude::Others => fields.push(field("other tables".to_owned(), "not replicated")),
        Exclude::Tables(all) => fields.extend(all.iter().flat_map(|(schema, tables)| {
            tables.iter().map(move |table| field(format!("{schema}.{table}"), "not replicated"))
        })),
    }
    fields
}

fn wanted_settings(kept: &Kept) -> Settings {
    Settings {
        paused: kept.paused,
        schedule_type: kept.schedule_type.clone(),
        sync_frequency: kept.sync_frequency,
        daily_sync_time: kept.daily_sync_time.clone(),
    }
}

/// What has to become of a connection that is there.
struct Compared {
    keep: KeepConnection,
    reasons: Vec<String>,
    fields: Vec<FieldChange>,
    refused: Vec<String>,
}

fn compare(
    name: &ConnectionName,
    connection: &Connection,
    kept: &Kept,
    there: &ObservedConnection,
    resend: bool,
) -> Compared {
    let (mut reasons, mut fields, mut refused) = (Vec::new(), Vec::new(), Vec::new());
    let mut sent = SentConfig::default();
    if let Some(config) = &kept.config {
        for (key, wanted) in &config.values {
            let is = there.config.get(key);
            if !differs(key, wanted, is, config, resend) {
                continue;
            }
            if matches!(key.as_str(), "schema" | "table") {
                refused.push(format!("`config.{key}` is permanent: {} has another", there.id));
            }
            let is = is.filter(|is| !is.is_null());
            fields.push(FieldChange {
                field: format!("config.{key}"),
                there: is.cloned(),
                wanted: with_variables(key, wanted, &config.secrets),
            });
            sent.values.insert(key.clone(), wanted.clone());
        }
        sent.secrets = config.secrets.clone();
        sent.secrets.retain(|pointer, _| sent.values.contains_key(&first_key(pointer)));
        if sent.values.is_empty() && matches!(there.setup.as_str(), "incomplete" | "broken") {
            let tasks = if there.tasks.is_empty() { String::new() } else { format!(": {}", there.tasks.join("; ")) };
            reasons.push(format!("its setup is {}{tasks}; its setup tests are run again", there.setup));
        }
    }
    let (settings, more) = differing_settings(&wanted_settings(kept), &there.settings);
    fields.extend(more);
    let wish = wish(connection, kept);
    let mut reload = false;
    let mut replication = None;
    match &there.replicated {
        _ if wish.is_empty() => {}
        None => {
            reload = true;
            reasons.push("Fivetran does not know its tables yet; the source is asked for them".to_owned());
            replication = Some(wish);
        }
        Some(known) => {
            let found = wish.changes(known);
            if !found.unknown.is_empty() {
                reload = true;
                let (names, verb) = (found.unknown.join(", "), if found.unknown.len() == 1 { "is" } else { "are" });
                reasons.push(format!("{names} {verb} not known to Fivetran yet; the source is asked again"));
            }
            if !found.is_empty() {
                replication = Some(wish);
            }
            fields.extend(found.fields);
            refused.extend(found.refused);
        }
    }
    let keep = KeepConnection {
        connection: name.clone(),
        id: Some(there.id.clone()),
        service: there.service.clone(),
        group: there.group.id.clone(),
        schema: schema_of(connection),
        tests: sent.values.is_empty() && reasons.iter().any(|reason| reason.starts_with("its setup")),
        config: (!sent.values.is_empty()).then_some(sent),
        settings,
        replication,
        reload,
    };
    Compared { keep, reasons, fields, refused }
}

/// Returns the settings that differ, also field by field.
fn differing_settings(wanted: &Settings, there: &Settings) -> (Settings, Vec<FieldChange>) {
    let mut fields = Vec::new();
    let mut field = |name: &str, wanted: Option<Value>, there: Option<Value>| {
        let Some(wanted) = wanted.filter(|wanted| there.as_ref() != Some(wanted)) else { return false };
        fields.push(FieldChange { field: name.to_owned(), there, wanted });
        true
    };
    let settings = Settings {
        schedule_type: wanted.schedule_type.clone().filter(|wanted| {
            field("schedule_type", Some(json!(wanted)), there.schedule_type.as_ref().map(|there| json!(there)))
        }),
        sync_frequency: wanted.sync_frequency.filter(|wanted| {
            field("sync_frequency", Some(json!(wanted)), there.sync_frequency.map(|there| json!(there)))
        }),
        daily_sync_time: wanted.daily_sync_time.clone().filter(|wanted| {
            field("daily_sync_time", Some(json!(wanted)), there.daily_sync_time.as_ref().map(|there| json!(there)))
        }),
        paused: wanted
            .paused
            .filter(|wanted| field("paused", Some(json!(wanted)), there.paused.map(|there| json!(there)))),
    };
    (settings, fields)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_is_wrong_if_its_destination_is_seen_to_write_elsewhere() {
        let group = |service: Option<&str>, catalog: Option<&str>| ObservedGroup {
            id: "sickle".to_owned(),
            name: "warehouse".to_owned(),
            service: service.map(str::to_owned),
            catalog: catalog.map(str::to_owned),
        };
        let wrong = |group| wrong_group(&group, &["main".to_owned()]).map(|why| why[0].clone());
        assert_eq!(wrong(group(Some("databricks"), Some("MAIN"))), None);
        assert_eq!(wrong(group(None, None)), None, "what may not be seen may be right");
        assert_eq!(
            wrong(group(Some("databricks"), Some("dev"))).unwrap(),
            "group warehouse (sickle) has a destination that writes to catalog `dev`, and the project reads `main`"
        );
        assert!(wrong(group(Some("snowflake"), None)).unwrap().contains("of the kind snowflake"));
    }
}
