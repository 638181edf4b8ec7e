//! Which tables and columns a connection replicates: what is wanted, what is known, and what has to change.

use indexmap::IndexMap;
use serde_json::json;

use super::change::FieldChange;
use crate::config::{ColumnWish, ColumnWishes, Exclude};

/// What Fivetran replicates, or what of it is to be changed: `None` is unknown, or left as it is. All names are the source's.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Replicated {
    /// What becomes of new schemas, tables and columns.
    pub handling: Option<String>,
    /// The schemas.
    pub schemas: IndexMap<String, ReplicatedSchema>,
}

/// A schema.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReplicatedSchema {
    /// Whether it is replicated.
    pub enabled: Option<bool>,
    /// Its tables.
    pub tables: IndexMap<String, ReplicatedTable>,
}

/// A table.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReplicatedTable {
    /// Whether it is replicated.
    pub enabled: Option<bool>,
    /// Why that cannot be changed; none if it can.
    pub fixed: Option<String>,
    /// Its columns, as far as somebody chose something about them.
    pub columns: IndexMap<String, ReplicatedColumn>,
}

/// A column.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReplicatedColumn {
    /// Whether it is replicated.
    pub enabled: Option<bool>,
    /// Whether hashes take the place of its values.
    pub hashed: Option<bool>,
    /// Why the former cannot be changed; none if it can.
    pub fixed: Option<String>,
}

/// What is wanted of the tables and columns; what is absent is left as it is.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ReplicationWish {
    /// What becomes of new schemas, tables and columns.
    pub handling: Option<String>,
    /// Tables that are replicated.
    pub tables: IndexMap<String, Vec<String>>,
    /// Tables that are not.
    pub exclude: Exclude,
    /// What becomes of columns.
    pub columns: ColumnWishes,
}

/// What has to change.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ReplicationChanges {
    /// Field by field.
    pub fields: Vec<FieldChange>,
    /// What Fivetran is told.
    pub patch: Replicated,
    /// Tables that Fivetran does not know.
    pub unknown: Vec<String>,
    /// What Fivetran does not allow, with its reason.
    pub refused: Vec<String>,
}

const REPLICATED: &str = "replicated";
const LEFT_OUT: &str = "not replicated";
const HASHED: &str = "hashed";

impl ReplicationWish {
    /// Tells whether nothing is wanted.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Compares what is wanted with what is known.
    pub fn changes(&self, known: &Replicated) -> ReplicationChanges {
        let mut changes = ReplicationChanges::default();
        if let Some(handling) = self.handling.as_ref().filter(|wanted| known.handling.as_ref() != Some(wanted)) {
            changes.fields.push(FieldChange {
                field: "schema_change_handling".to_owned(),
                there: known.handling.as_ref().map(|there| json!(there)),
                wanted: json!(handling),
            });
            changes.patch.handling = Some(handling.clone());
        }
        for (schema, tables) in &self.tables {
            let there = known.schemas.get(schema);
            if let Some(there) = there.filter(|there| there.enabled != Some(true)) {
                changes.schema(schema, there.enabled, true);
            }
            for table in tables {
                match there.and_then(|there| there.tables.get(table)) {
                    None => changes.unknown.push(format!("{schema}.{table}")),
                    Some(there) => changes.table(schema, table, there, true),
                }
            }
        }
        self.leave_out(known, &mut changes);
        for ((schema, table), wishes) in &self.columns {
            match known.schemas.get(schema).and_then(|there| there.tables.get(table)) {
                Some(there) => wishes.iter().for_each(|(column, wish)| {
                    changes.column(schema, table, column, there.columns.get(column), *wish);
                }),
                None => {
                    let name = format!("{schema}.{table}");
                    if !changes.unknown.contains(&name) {
                        changes.unknown.push(name);
                    }
                }
            }
        }
        changes
    }

    fn leave_out(&self, known: &Replicated, changes: &mut ReplicationChanges) {
        match &self.exclude {
            Exclude::Nothing => {}
            Exclude::Tables(all) => {
                for (schema, tables) in all {
                    let Some(there) = known.schemas.get(schema).filter(|there| there.enabled != Some(false)) else {
                        continue;
                    };
                    for table in tables {
                        // What Fivetran does not know it does not replicate either.
                        if let Some(there) = there.tables.get(table) {
                            changes.table(schema, table, there, false);
                        }
                    }
                }
            }
            Exclude::Others => {
                for (schema, there) in known.schemas.iter().filter(|(_, there)| there.enabled != Some(false)) {
                    let Some(wanted) = self.tables.get(schema) else {
                        changes.schema(schema, there.enabled, false);
                        continue;
                    };
                    // Of what Fivetran itself needs nobody can be asked to do without.
                    for (table, there) in there.tables.iter().filter(|(_, there)| there.fixed.is_none()) {
                        if !wanted.contains(table) {
                            changes.table(schema, table, there, false);
                        }
                    }
                }
            }
        }
    }
}

fn of_table(enabled: bool) -> &'static str {
    if enabled { REPLICATED } else { LEFT_OUT }
}

impl ReplicationChanges {
    /// Tells whether all is as wanted.
    pub fn is_empty(&self) -> bool {
        self.fields.is_empty() && self.unknown.is_empty() && self.refused.is_empty()
    }

    fn schema(&mut self, schema: &str, there: Option<bool>, wanted: bool) {
        self.patch.schemas.entry(schema.to_owned()).or_default().enabled = Some(wanted);
        self.field(schema.to_owned(), there.map(of_table), of_table(wanted));
    }

    fn table(&mut self, schema: &str, table: &str, there: &ReplicatedTable, wanted: bool) {
        if there.enabled == Some(wanted) {
            return;
        }
        let name = format!("{schema}.{table}");
        if let Some(why) = &there.fixed {
            let verb = if wanted { "replicated" } else { "left out" };
            self.refused.push(format!("table `{name}` cannot be {verb}: {why}"));
            return;
        }
        self.patched(schema, table).enabled = Some(wanted);
        self.field(name, there.enabled.map(of_table), of_table(wanted));
    }

    fn column(&mut self, schema: &str, table: &str, column: &str, there: Option<&ReplicatedColumn>, wish: ColumnWish) {
        // A column about which nobody chose anything is replicated as it is.
        let enabled = there.and_then(|there| there.enabled).unwrap_or(true);
        let hashed = there.and_then(|there| there.hashed).unwrap_or(false);
        let is = match (enabled, hashed) {
            (false, _) => LEFT_OUT,
            (true, true) => HASHED,
            (true, false) => REPLICATED,
        };
        let becomes = match wish {
            ColumnWish::Include => REPLICATED,
            ColumnWish::Exclude => LEFT_OUT,
            ColumnWish::Hash => HASHED,
        };
        if is == becomes {
            return;
        }
        let name = format!("{schema}.{table}.{column}");
        let wanted = becomes != LEFT_OUT;
        if wanted != enabled
            && let Some(why) = there.and_then(|there| there.fixed.as_ref())
        {
            let verb = if wanted { "replicated" } else { "left out" };
            self.refused.push(format!("column `{name}` cannot be {verb}: {why}"));
            return;
        }
        let patch = ReplicatedColumn {
            enabled: (wanted != enabled).then_some(wanted),
            hashed: (wanted && hashed != (becomes == HASHED)).then_some(becomes == HASHED),
            fixed: None,
        };
        self.patched(schema, table).columns.insert(column.to_owned(), patch);
        self.field(name, Some(is), becomes);
    }

    fn patched(&mut self, schema: &str, table: &str) -> &mut ReplicatedTable {
        let schema = self.patch.schemas.entry(schema.to_owned()).or_default();
        schema.tables.entry(table.to_owned()).or_default()
    }

    fn field(&mut self, field: String, there: Option<&str>, wanted: &str) {
        self.fields.push(FieldChange { field, there: there.map(|there| json!(there)), wanted: json!(wanted) });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(enabled: bool, columns: &[(&str, bool, bool)]) -> ReplicatedTable {
        let column = |(name, enabled, hashed): &(&str, bool, bool)| {
            let column = ReplicatedColumn { enabled: Some(*enabled), hashed: Some(*hashed), fixed: None };
            ((*name).to_owned(), column)
        };
        ReplicatedTable { enabled: Some(enabled), fixed: None, columns: columns.iter().map(column).collect() }
    }

    fn known() -> Replicated {
        let public = ReplicatedSchema {
            enabled: Some(true),
            tables: IndexMap::from([
                ("orders".to_owned(), table(true, &[])),
                ("customers".to_owned(), table(false, &[("email", true, false), ("phone", false, false)])),
                ("audit".to_owned(), table(true, &[])),
                ("system".to_owned(), ReplicatedTable { fixed: Some("SYSTEM_TABLE".to_owned()), ..table(true, &[]) }),
            ]),
        };
        let other = ReplicatedSchema { enabled: Some(true), ..ReplicatedSchema::default() };
        Replicated {
            handling: Some("ALLOW_ALL".to_owned()),
            schemas: IndexMap::from([("public".to_owned(), public), ("crm".to_owned(), other)]),
        }
    }

    fn tables(names: &[&str]) -> IndexMap<String, Vec<String>> {
        IndexMap::from([("public".to_owned(), names.iter().map(|name| (*name).to_owned()).collect())])
    }

    /// What changes, a line a field; then what is unknown and what is refused.
    #[track_caller]
    fn check(wish: &ReplicationWish, expected: &[&str]) {
        let changes = wish.changes(&known());
        let mut lines: Vec<String> = changes.fields.iter().map(ToString::to_string).collect();
        lines.extend(changes.unknown.iter().map(|name| format!("unknown {name}")));
        lines.extend(changes.refused);
        assert_eq!(lines, expected);
        // What was changed so is as wanted.
        let mut after = known();
        after.handling = changes.patch.handling.or(after.handling);
        for (name, patch) in changes.patch.schemas {
            let schema = after.schemas.entry(name).or_default();
            schema.enabled = patch.enabled.or(schema.enabled);
            for (name, patch) in patch.tables {
                let table = schema.tables.entry(name).or_default();
                table.enabled = patch.enabled.or(table.enabled);
                for (name, patch) in patch.columns {
                    let column = table.columns.entry(name).or_default();
                    column.enabled = patch.enabled.or(column.enabled);
                    column.hashed = patch.hashed.or(column.hashed);
                }
            }
        }
        assert_eq!(wish.changes(&after).fields, []);
    }

    #[test]
    fn only_what_is_stated_changes() {
        check(&ReplicationWish::default(), &[]);
        check(&ReplicationWish { tables: tables(&["orders"]), ..ReplicationWish::default() }, &[]);
        check(
            &ReplicationWish {
                tables: tables(&["customers", "nowhere"]),
                handling: Some("BLOCK_ALL".to_owned()),
                ..ReplicationWish::default()
            },
            &[
                "schema_change_handling: ALLOW_ALL → BLOCK_ALL",
                "public.customers: not replicated → replicated",
                "unknown public.nowhere",
            ],
        );
    }

    #[test]
    fn tables_are_left_out_by_name_or_all_others() {
        let named =
            |names: &[&str]| ReplicationWish { exclude: Exclude::Tables(tables(names)), ..ReplicationWish::default() };
        check(&named(&["audit", "nowhere", "customers"]), &["public.audit: replicated → not replicated"]);
        check(&named(&["system"]), &["table `public.system` cannot be left out: SYSTEM_TABLE"]);
        check(
            &ReplicationWish { tables: tables(&["orders"]), exclude: Exclude::Others, ..ReplicationWish::default() },
            &["public.audit: replicated → not replicated", "crm: replicated → not replicated"],
        );
    }

    #[test]
    fn columns_are_hashed_left_out_and_brought_back() {
        let wishes = IndexMap::from([
            ("email".to_owned(), ColumnWish::Hash),
            ("phone".to_owned(), ColumnWish::Include),
            ("name".to_owned(), ColumnWish::Exclude),
            ("id".to_owned(), ColumnWish::Include),
        ]);
        let columns = IndexMap::from([(("public".to_owned(), "customers".to_owned()), wishes)]);
        check(
            &ReplicationWish { columns, ..ReplicationWish::default() },
            &[
                "public.customers.email: replicated → hashed",
                "public.customers.phone: not replicated → replicated",
                "public.customers.name: replicated → not replicated",
            ],
        );
    }
}
