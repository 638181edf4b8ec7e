//! What is said of a table or view beside its query: set by the statement that makes it where the language lets it, else
//! right after it; compared with what is there, and changed in place.
//!
//! Each aspect is a list of names with what is said of each. Of the names that the project lists, what is there is kept
//! exactly so; names that nobody listed are other people's. Which names kiln has set is noted in a property, for of those
//! that the project no longer lists it takes away what it set.

mod aspect;
mod gap;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use self::aspect::{ASPECTS, Aspect, Said, column_and_key};
use self::gap::Gap;
use super::observed::{Observed, ObservedTable, TableKind};
use super::statement::{clustering, properties};
use super::{marks, schema_tags};
use crate::config::Materialization;
use crate::ids::{Fingerprint, quote_identifier, string_literal};
use crate::manifest::{CompiledModel, Manifest};

/// What kiln noted of an aspect when it set it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Noted {
    /// The fingerprint of all that was said.
    said: Fingerprint,
    /// The names of which something was said.
    names: Vec<String>,
}

/// The longest notes that are kept with the names, in bytes.
const LONGEST_NOTES: usize = 4000;

/// What was noted, by the aspects' names.
pub type AllNoted = BTreeMap<String, Noted>;

/// What of a schema, its tables and its views the list of its tables does not tell, and a plan needs to know.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Questions {
    /// The tags of the schema itself.
    pub schema_tags: bool,
    /// Tags of tables and views.
    pub tags: bool,
    /// Tags of columns.
    pub column_tags: bool,
    /// What is granted on them.
    pub grants: bool,
    /// Their primary and foreign keys.
    pub keys: bool,
}

impl Questions {
    /// Tells whether there are any.
    pub fn any(self) -> bool {
        self.schema_tags || self.tags || self.column_tags || self.grants || self.keys
    }
}

/// Returns what a deploy needs to know besides the list of tables: what some model says something of, or said.
pub fn questions(manifest: &Manifest, observed: &Observed) -> Questions {
    let asks = |aspect: Aspect| {
        let noted = |table: &ObservedTable| {
            let marks = table.marks.as_ref().filter(|marks| marks.project == manifest.project);
            marks.is_some_and(|marks| marks.details.contains_key(aspect.as_str()))
        };
        manifest.models.values().any(|model| !aspect.wanted(model).is_empty()) || observed.tables.values().any(noted)
    };
    Questions {
        schema_tags: schema_tags::matter(manifest, observed),
        tags: asks(Aspect::Tags),
        column_tags: asks(Aspect::ColumnTags),
        grants: asks(Aspect::Grants),
        keys: asks(Aspect::PrimaryKey) || asks(Aspect::ForeignKeys),
    }
}

/// What differs from what a model says, and can be changed without computing rows anew.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct InPlace {
    /// Why: lower case, no full stop.
    pub(super) reasons: Vec<String>,
    /// Whether somebody changed it in the workspace.
    pub(super) drift: bool,
    /// The statements that put it right; each may be repeated.
    pub(super) statements: Vec<String>,
    /// Those that set foreign keys, which come when all tables are as they shall be.
    pub(super) foreign_keys: Vec<String>,
    /// Whether its primary key is made anew, and so foreign keys that refer to it.
    pub(super) primary_key: bool,
}

/// What stood in the place of a table or view that is made anew.
#[derive(Clone, Copy)]
pub(super) enum Before<'a> {
    /// This, or nothing.
    Known(Option<&'a ObservedTable>),
    /// Nobody looks.
    Unknown,
}

/// Writes the list of a view's columns with what is said of them, for the statement that makes the view; nothing if
/// nothing is said, or the columns are not known.
pub(super) fn column_list(model: &CompiledModel) -> Option<String> {
    let said = Aspect::Columns.wanted(model);
    let columns = model.columns.as_ref().filter(|_| !said.is_empty())?;
    let column = |name: &String| {
        let comment = said.get(&name.to_lowercase()).map(|comment| format!(" COMMENT {}", string_literal(comment)));
        quote_identifier(name) + &comment.unwrap_or_default()
    };
    Some(columns.iter().map(|c| column(&c.name)).collect::<Vec<_>>().join(", "))
}

/// Writes the statements that come right after the one that makes a model's table or view anew: what that could not say,
/// but for foreign keys. What is kept of what stood there is settled for grants on tables alone, so they say all the rest.
pub(super) fn after(model: &CompiledModel, before: Before<'_>) -> Vec<String> {
    let is_table = model.config.materialized == Materialization::Table;
    let there = match before {
        Before::Known(there) => there,
        Before::Unknown => None,
    };
    let replaced = there.filter(|there| is_table == (there.kind == TableKind::Table));
    let anew = replaced.is_some() || matches!(before, Before::Unknown);
    let mut statements = Vec::new();
    if model.config.description.is_none() && replaced.is_some_and(|table| table.comment.is_some()) {
        statements.push(comment(model));
    }
    for aspect in ASPECTS.into_iter().filter(|aspect| !aspect.is_made_with(model)) {
        let wanted = aspect.wanted(model);
        let noted = replaced.and_then(|there| there.marks.as_ref()?.details.get(aspect.as_str()));
        let seen = replaced.map(|there| aspect.there(there));
        let there = match aspect {
            Aspect::ForeignKeys => continue,
            Aspect::Grants if is_table => match (seen, before) {
                (Some(Some(held)), _) => held,
                // They are kept, and nobody looked, as in a run.
                (Some(None), _) | (None, Before::Unknown) => continue,
                (None, Before::Known(_)) => Said::new(),
            },
            // A view that is replaced loses them.
            Aspect::Grants => {
                if let Some(Some(held)) = seen {
                    statements.extend(Gap::of(aspect, wanted.clone(), &held, noted).revoking(model));
                }
                Said::new()
            }
            Aspect::Tags => {
                let mut others = seen.flatten().unwrap_or_default();
                others.retain(|name, _| !wanted.contains_key(name));
                others
            }
            // Of what is no longer listed something may be left.
            _ => left(aspect, model, noted, &wanted),
        };
        let gap = Gap::of(aspect, wanted, &there, noted);
        statements.extend(gap.unsetting(model));
        statements.extend(gap.setting(model, anew));
    }
    statements
}

/// Returns the names of which something was said and no longer is, where what was said may be left.
fn left(aspect: Aspect, model: &CompiledModel, noted: Option<&Noted>, wanted: &Said) -> Said {
    let columns = model.columns.as_deref().unwrap_or_default().iter().map(|column| column.name.to_lowercase());
    let columns: BTreeSet<String> = columns.collect();
    let may_be_left = |name: &&String| match aspect {
        Aspect::Columns => columns.contains(*name),
        Aspect::ColumnTags => columns.contains(column_and_key(name).0),
        // Columns that a query yields may be NULL.
        Aspect::NotNull => false,
        _ => true,
    };
    let names = noted.into_iter().flat_map(|noted| &noted.names);
    let left = names.filter(may_be_left).filter(|name| !wanted.contains_key(*name));
    left.map(|name| (name.clone(), String::new())).collect()
}

/// Finds what differs and can be changed without computing the rows anew.
pub(super) fn in_place(model: &CompiledModel, there: &ObservedTable) -> InPlace {
    let mut found = InPlace::default();
    let is_table = model.config.materialized == Materialization::Table;
    let marks = there.marks.as_ref();
    if there.comment.as_deref().unwrap_or_default() != model.config.description.as_deref().unwrap_or_default() {
        found.reasons.push("its description differs".to_owned());
        found.statements.push(comment(model));
    }
    let by = marks.map(|marks| marks.cluster_by.as_slice()).unwrap_or_default();
    let noted_clustering = is_table && by != model.config.cluster_by;
    if let Some(reason) = clustering_gap(model, there, by).filter(|_| is_table) {
        found.reasons.push(reason);
        found.drift |= !noted_clustering;
        let by = clustering(&model.config.cluster_by);
        found.statements.push(format!("ALTER TABLE {} CLUSTER BY {by}", model.table.to_sql()));
    }
    let wanted_notes = notes(model);
    let (mut stale, mut gaps) = (noted_clustering, Vec::new());
    for aspect in ASPECTS {
        let Some(said) = aspect.there(there) else { continue };
        let noted = marks.and_then(|marks| marks.details.get(aspect.as_str()));
        let gap = Gap::of(aspect, aspect.wanted(model), &said, noted);
        let same_note = noted == wanted_notes.get(aspect.as_str());
        found.drift |= same_note && !gap.is_empty();
        stale |= !same_note;
        found.reasons.extend(gap.reasons());
        found.primary_key |= aspect == Aspect::PrimaryKey && !gap.is_empty();
        gaps.push(gap);
    }
    // In the other order: what a key needs goes after the key.
    for gap in gaps.iter().rev() {
        found.statements.extend(gap.unsetting(model));
    }
    for gap in &gaps {
        let setting = gap.setting(model, false);
        if gap.aspect == Aspect::ForeignKeys {
            found.foreign_keys = setting;
        } else {
            found.statements.extend(setting);
        }
    }
    if stale && found.reasons.is_empty() {
        // As after a run that was killed before it could write them.
        found.reasons.push("what is noted of it is not up to date".to_owned());
    }
    // The notes come last: until they are written, it is known that something may be left to do.
    if stale {
        let mut noted = if is_table { marks::of_clustering(&model.config.cluster_by) } else { Vec::new() };
        noted.push((marks::DETAILS.to_owned(), mark(model).unwrap_or_else(|| "{}".to_owned())));
        found.statements.push(format!("{} SET TBLPROPERTIES {}", gap::alter(model), properties(&noted)));
    }
    found
}

/// Says how a table is clustered otherwise than its model says; nothing if it is so. Of a table that does not show it, what
/// is `noted` counts.
fn clustering_gap(model: &CompiledModel, there: &ObservedTable, noted: &[String]) -> Option<String> {
    let wanted = &model.config.cluster_by;
    let property = |key: &str| there.properties.get(key).map(String::as_str);
    let is_chosen = property("clusterByAuto") == Some("true");
    let shown = property("clusteringColumns").and_then(|text| serde_json::from_str::<Vec<Vec<String>>>(text).ok());
    let shown: Option<Vec<String>> = shown.map(|columns| columns.iter().map(|path| path.join(".")).collect());
    let set = |columns: &[String]| columns.iter().map(|column| column.to_lowercase()).collect::<BTreeSet<_>>();
    let as_wanted = match &shown {
        // A table of which the project says nothing may be one for which the workspace chooses.
        _ if is_chosen => wanted.is_empty(),
        // The order of the columns does not matter.
        Some(shown) => set(shown) == set(wanted),
        None => noted == wanted,
    };
    let words = |columns: &[String]| match columns {
        [] => "nothing".to_owned(),
        columns => format!("`{}`", columns.join("`, `")),
    };
    let now =
        if is_chosen { "what the workspace chooses".to_owned() } else { words(shown.as_deref().unwrap_or(noted)) };
    (!as_wanted).then(|| format!("it is clustered by {now} instead of {}", words(wanted)))
}

/// Writes the statements that set all foreign keys of a model anew, and take away those that it no longer has.
pub(super) fn foreign_keys(model: &CompiledModel, there: Option<&ObservedTable>) -> Vec<String> {
    let wanted = Aspect::ForeignKeys.wanted(model);
    let noted = there.and_then(|there| there.marks.as_ref()?.details.get(Aspect::ForeignKeys.as_str()));
    let left = left(Aspect::ForeignKeys, model, noted, &wanted);
    let gap = Gap::of(Aspect::ForeignKeys, wanted, &left, noted);
    [gap.unsetting(model), gap.setting(model, true)].concat()
}

/// Returns what is noted of all that a model says, as the value of a property; nothing if it says nothing.
pub(super) fn mark(model: &CompiledModel) -> Option<String> {
    let notes = notes(model);
    (!notes.is_empty()).then(|| serde_json::to_string(&notes).expect("notes are JSON"))
}

/// Takes the fingerprint of all that a model says beside its query.
pub(super) fn fingerprint(model: &CompiledModel) -> Fingerprint {
    Fingerprint::of(&[model.config.description.as_deref().unwrap_or_default(), &mark(model).unwrap_or_default()])
}

fn notes(model: &CompiledModel) -> AllNoted {
    let note = |aspect: Aspect| {
        let said = aspect.wanted(model);
        let fingerprint = Fingerprint::of(&said.iter().flat_map(|(n, s)| [n.as_str(), s.as_str()]).collect::<Vec<_>>());
        let noted = Noted { said: fingerprint, names: said.into_keys().collect() };
        (!noted.names.is_empty()).then(|| (aspect.as_str().to_owned(), noted))
    };
    let mut notes: AllNoted = ASPECTS.into_iter().filter_map(note).collect();
    // Some catalogs keep no longer property. Without the names, what leaves the project stays where it is.
    if serde_json::to_string(&notes).is_ok_and(|text| text.len() > LONGEST_NOTES) {
        notes.values_mut().for_each(|noted| noted.names.clear());
    }
    notes
}

fn comment(model: &CompiledModel) -> String {
    let comment = model.config.description.as_deref().map_or_else(|| "NULL".to_owned(), string_literal);
    let kind = if model.config.materialized == Materialization::View { "VIEW" } else { "TABLE" };
    format!("COMMENT ON {kind} {} IS {comment}", model.table.to_sql())
}
