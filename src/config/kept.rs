//! What `kiln deploy` keeps of a connection as `jobs.yaml` says: its config, schedule, tables and columns. What the file
//! does not state is left as it is.

use indexmap::IndexMap;
use serde_json::{Map, Value};

use super::kept_config;
use super::syncs::parse_duration;
use super::walk::{Fields, Walk};
use super::yaml::{Meaning, Node, Value as Yaml};
use crate::diag::Diagnostic;

/// The keys of a connection that are read here.
pub(super) const KEYS: [&str; 9] = [
    "config",
    "secrets",
    "schema_change_handling",
    "sync_frequency",
    "schedule_type",
    "daily_sync_time",
    "paused",
    "exclude",
    "columns",
];

/// What is kept of a connection. What is absent is left as it is.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Kept {
    /// `config`: how the source is reached. Only a connection that has it is made where there is none.
    pub config: Option<ConnectionConfig>,
    /// `schema_change_handling`: what becomes of new schemas, tables and columns, in Fivetran's word.
    pub schema_change_handling: Option<String>,
    /// `sync_frequency`: minutes between syncs.
    pub sync_frequency: Option<i64>,
    /// `schedule_type`: `auto` or `manual`.
    pub schedule_type: Option<String>,
    /// `daily_sync_time`: `HH:00`, with a frequency of a day.
    pub daily_sync_time: Option<String>,
    /// `paused`.
    pub paused: Option<bool>,
    /// `exclude`: tables that are not replicated.
    pub exclude: Exclude,
}

/// `columns`: source table, as schema and name → what becomes of its columns.
pub type ColumnWishes = IndexMap<(String, String), IndexMap<String, ColumnWish>>;

/// The `config` of a connection: sent as it is, whatever the service.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ConnectionConfig {
    /// Its keys; `null` where a secret belongs.
    pub values: Map<String, Value>,
    /// JSON pointer into the values → the variable of the process environment that holds the secret. It is looked up when
    /// it is sent, and stands nowhere else.
    pub secrets: IndexMap<String, String>,
}

/// Tables that are not replicated.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Exclude {
    /// Nothing is said: what is replicated beside `tables` stays so.
    #[default]
    Nothing,
    /// `others`: all that `tables` does not list.
    Others,
    /// Source schema → tables.
    Tables(IndexMap<String, Vec<String>>),
}

/// What becomes of a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ColumnWish {
    /// `include`: it is replicated as it is.
    Include,
    /// `exclude`: it is not replicated.
    Exclude,
    /// `hash`: hashes take the place of its values.
    Hash,
}

pub(super) const HANDLINGS: [&str; 3] = ["ALLOW_ALL", "ALLOW_COLUMNS", "BLOCK_ALL"];
const FREQUENCIES: [i64; 10] = [1, 5, 15, 30, 60, 120, 180, 360, 480, 720];
const DAY: i64 = 1440;
const WISHES: [(&str, ColumnWish); 3] =
    [("include", ColumnWish::Include), ("exclude", ColumnWish::Exclude), ("hash", ColumnWish::Hash)];

/// Reads what is kept, none if nothing of it is stated, and what becomes of columns. `tables` are those that the connection
/// replicates, `creates` says that the connection may have to be made.
pub(super) fn read(
    walk: &mut Walk<'_>,
    fields: &Fields<'_>,
    service: Option<&str>,
    tables: &IndexMap<String, Vec<String>>,
    creates: bool,
) -> (Option<Kept>, ColumnWishes) {
    if !KEYS.iter().any(|key| fields.get(key).is_some()) {
        return (None, ColumnWishes::new());
    }
    let config = kept_config::read(walk, fields, service, creates);
    let schema_change_handling =
        fields.get("schema_change_handling").and_then(|node| word(walk, node, "`schema_change_handling`", &HANDLINGS));
    let schedule_type =
        fields.get("schedule_type").and_then(|node| word(walk, node, "`schedule_type`", &["auto", "manual"]));
    let sync_frequency = fields.get("sync_frequency").and_then(|node| frequency(walk, node));
    let daily_sync_time = fields.get("daily_sync_time").and_then(|node| daily(walk, node));
    if let Some((key, _)) = fields.entry("daily_sync_time").filter(|_| walk.resolving && sync_frequency != Some(DAY)) {
        let diagnostic = Diagnostic::error("bad-value", "`daily_sync_time` goes with `sync_frequency: 1d` only")
            .help("Fivetran heeds it for connections that sync once a day.");
        walk.report(diagnostic, &key.range);
    }
    let paused = fields.get("paused").and_then(|node| walk.boolean(node, "`paused`"));
    let exclude = fields.get("exclude").map(|node| exclude(walk, node, tables)).unwrap_or_default();
    let columns = fields.get("columns").map(|node| columns(walk, node, tables)).unwrap_or_default();
    let kept = Kept { config, schema_change_handling, sync_frequency, schedule_type, daily_sync_time, paused, exclude };
    (Some(kept), columns)
}

/// Reads one of several words.
fn word(walk: &mut Walk<'_>, node: &Node, what: &str, words: &[&str]) -> Option<String> {
    let text = walk.text(node, what)?;
    if words.contains(&text.as_str()) || walk.is_open(&text) {
        return Some(text);
    }
    let near = crate::diag::did_you_mean(&text, words.iter().copied());
    let help = near.map_or_else(
        || format!("It can be {}.", words.join(", ")),
        |near| format!("Did you mean `{near}`? It can be {}.", words.join(", ")),
    );
    walk.report(Diagnostic::error("bad-value", format!("{what} cannot be `{text}`")).help(help), &node.range);
    None
}

/// Reads minutes between syncs: a duration, or Fivetran's own number.
fn frequency(walk: &mut Walk<'_>, node: &Node) -> Option<i64> {
    let minutes = match &node.value {
        Yaml::Scalar(scalar) if matches!(scalar.meaning(), Meaning::Text) => {
            let text = walk.text(node, "`sync_frequency`")?;
            if walk.is_open(&text) {
                return None;
            }
            parse_duration(&text)
                .filter(|duration| duration.as_secs().is_multiple_of(60))
                .and_then(|duration| i64::try_from(duration.as_secs() / 60).ok())
        }
        _ => Some(walk.integer(node, "`sync_frequency`", "of minutes, or a duration such as 6h")?),
    };
    let minutes = minutes.filter(|minutes| FREQUENCIES.contains(minutes) || *minutes == DAY);
    if minutes.is_none() {
        let diagnostic = Diagnostic::error("bad-value", "`sync_frequency` is none that Fivetran has")
            .help("It has 1m, 5m, 15m, 30m, 1h, 2h, 3h, 6h, 8h, 12h and 1d.");
        walk.report(diagnostic, &node.range);
    }
    minutes
}

fn daily(walk: &mut Walk<'_>, node: &Node) -> Option<String> {
    let text = walk.text(node, "`daily_sync_time`")?;
    let hour = text.strip_suffix(":00").filter(|hour| hour.len() == 2).and_then(|hour| hour.parse::<u8>().ok());
    if hour.is_some_and(|hour| hour < 24) || walk.is_open(&text) {
        return Some(text);
    }
    let diagnostic = Diagnostic::error("bad-value", format!("`daily_sync_time` cannot be `{text}`"))
        .help("It is a whole hour of the day, as in \"03:00\".");
    walk.report(diagnostic, &node.range);
    None
}

fn exclude(walk: &mut Walk<'_>, node: &Node, tables: &IndexMap<String, Vec<String>>) -> Exclude {
    if let Yaml::Scalar(_) = &node.value {
        match walk.text(node, "`exclude`").as_deref() {
            Some("others") if tables.is_empty() => {
                walk.error("bad-value", &node.range, "`exclude: others` needs `tables`: all others are left out");
            }
            Some("others") => return Exclude::Others,
            Some(text) => {
                let diagnostic = Diagnostic::error("bad-value", format!("`exclude` cannot be `{text}`"))
                    .help("Write `others` for all that `tables` does not list, or the tables: `{public: [audit]}`.");
                walk.report(diagnostic, &node.range);
            }
            None => {}
        }
        return Exclude::Nothing;
    }
    let mut all: IndexMap<String, Vec<String>> = IndexMap::new();
    for (key, node) in walk.entries(node, "`exclude`").unwrap_or_default() {
        let names = walk.texts(node, &format!("`exclude` of schema `{}`", key.text)).unwrap_or_default();
        for (name, range) in &names {
            if tables.get(&key.text).is_some_and(|included| included.contains(name)) {
                let message = format!("table `{}.{name}` is in `tables` and in `exclude`", key.text);
                walk.error("bad-value", range, message);
            }
        }
        all.insert(key.text.clone(), names.into_iter().map(|(name, _)| name).collect());
    }
    Exclude::Tables(all)
}

fn columns(walk: &mut Walk<'_>, node: &Node, tables: &IndexMap<String, Vec<String>>) -> ColumnWishes {
    let mut all = ColumnWishes::new();
    for (key, node) in walk.entries(node, "`columns`").unwrap_or_default() {
        let Some((schema, table)) = key.text.split_once('.').filter(|(s, t)| !s.is_empty() && !t.is_empty()) else {
            let diagnostic = Diagnostic::error("bad-name", format!("`{}` is not a source table", key.text))
                .help("Write it as `schema.table`, as the source has it: `public.customers`.");
            walk.report(diagnostic, &key.range);
            continue;
        };
        let known = tables.get(schema).is_some_and(|names| names.iter().any(|name| name == table));
        if !known && !tables.is_empty() {
            let names: Vec<String> =
                tables.iter().flat_map(|(s, names)| names.iter().map(move |t| format!("{s}.{t}"))).collect();
            let what = "table in `tables` of this connection named";
            walk.unknown_name(&key.range, what, &key.text, names.iter().map(String::as_str));
        }
        let mut wishes = IndexMap::new();
        for (column, node) in walk.entries(node, &format!("`columns` of `{}`", key.text)).unwrap_or_default() {
            let what = format!("column `{}`", column.text);
            let Some(text) = word(walk, node, &what, &WISHES.map(|(word, _)| word)) else { continue };
            if let Some((_, wish)) = WISHES.iter().find(|(word, _)| *word == text) {
                wishes.insert(column.text.clone(), *wish);
            }
        }
        all.insert((schema.to_owned(), table.to_owned()), wishes);
    }
    all
}
