//! How what is said of a table or view differs from what is there: in words, and as the statements that put it right.

use std::collections::{BTreeMap, BTreeSet};

use super::super::statement::properties;
use super::Noted;
use super::aspect::{Aspect, Said, column_and_key};
use crate::config::Materialization;
use crate::ids::{quote_identifier, string_literal};
use crate::manifest::{CompiledKey, CompiledModel};

/// How an aspect differs from what is there.
pub(super) struct Gap {
    pub(super) aspect: Aspect,
    /// Names with what shall be said of them, and what is said there.
    set: Vec<(String, String, Option<String>)>,
    /// Names of which something is said that kiln said and the project no longer says.
    unset: Vec<String>,
}

impl Gap {
    pub(super) fn of(aspect: Aspect, wanted: Said, there: &Said, noted: Option<&Noted>) -> Self {
        // What users and groups may do that the project no longer names is left to others, as on the schema.
        let of_kiln: BTreeSet<&String> = match aspect {
            Aspect::Grants => BTreeSet::new(),
            _ => noted.iter().flat_map(|noted| &noted.names).collect(),
        };
        let unset = of_kiln.into_iter().filter(|name| !wanted.contains_key(*name) && there.contains_key(*name));
        let unset = unset.cloned().collect();
        let is_said = |name: &String, said: &String| match (aspect, there.get(name)) {
            (Aspect::Grants, None) => said.is_empty(),
            (_, None) => false,
            (_, Some(there)) => aspect.same(there, said),
        };
        let set = wanted.into_iter().filter(|(name, said)| !is_said(name, said));
        let set = set.map(|(name, said)| (name.clone(), said, there.get(&name).cloned())).collect();
        Self { aspect, set, unset }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.set.is_empty() && self.unset.is_empty()
    }

    /// Says what differs: lower case, no full stop.
    pub(super) fn reasons(&self) -> Vec<String> {
        let quoted = |name: &String| match self.aspect {
            Aspect::ColumnTags => {
                let (column, key) = column_and_key(name);
                format!("`{key}` of `{column}`")
            }
            _ => format!("`{name}`"),
        };
        if self.aspect == Aspect::Grants {
            let says = |who: &str, verb: &str, what: String| (!what.is_empty()).then(|| format!("{who} {verb} {what}"));
            let each = self.set.iter().flat_map(|(who, wanted, there)| {
                let (gains, loses) = gains_and_losses(wanted, there.as_deref());
                [says(who, "gets", gains), says(who, "loses", loses)]
            });
            return each.flatten().collect();
        }
        let missing: Vec<String> =
            self.set.iter().filter(|(.., there)| there.is_none()).map(|(name, ..)| quoted(name)).collect();
        let unset: Vec<String> = self.unset.iter().map(quoted).collect();
        let (noun, of_missing, of_unset) = match self.aspect {
            Aspect::Columns => (
                "column",
                ["has no comment yet", "have no comments yet"],
                ["is no longer described", "are no longer described"],
            ),
            Aspect::NotNull => (
                "column",
                ["may be NULL", "may be NULL"],
                ["shall be allowed to be NULL again", "shall be allowed to be NULL again"],
            ),
            Aspect::Checks
            | Aspect::PrimaryKey
            | Aspect::ForeignKeys
            | Aspect::Properties
            | Aspect::Tags
            | Aspect::ColumnTags => {
                let noun = match self.aspect {
                    Aspect::Checks => "constraint",
                    Aspect::PrimaryKey => "primary key",
                    Aspect::ForeignKeys => "foreign key",
                    Aspect::Properties => "property",
                    _ => "tag",
                };
                (noun, ["is missing", "are missing"], ["is no longer wanted", "are no longer wanted"])
            }
            Aspect::Grants => return Vec::new(),
        };
        let other = self.set.iter().filter_map(|(name, wanted, there)| {
            let [there, wanted] = excerpts([there.as_ref()?, wanted]);
            Some(match self.aspect {
                Aspect::Columns => format!("the comment on `{name}` is `{there}` instead of `{wanted}`"),
                _ => format!("the {noun} {} is `{there}` instead of `{wanted}`", quoted(name)),
            })
        });
        let missing = in_words(&missing, noun, of_missing);
        missing.into_iter().chain(other).chain(in_words(&unset, noun, of_unset)).collect()
    }

    /// Writes the statements that take away what is no longer said.
    pub(super) fn unsetting(&self, model: &CompiledModel) -> Vec<String> {
        if self.unset.is_empty() {
            return Vec::new();
        }
        let alter = alter(model);
        let keys = || self.unset.iter().map(|name| string_literal(name)).collect::<Vec<_>>().join(", ");
        match self.aspect {
            Aspect::Columns => comments(model, self.unset.iter().map(|name| (name, ""))),
            Aspect::NotNull => vec![of_columns(model, &self.unset, "DROP NOT NULL")],
            Aspect::Checks | Aspect::ForeignKeys => {
                self.unset.iter().map(|name| drop_constraint(model, name)).collect()
            }
            Aspect::PrimaryKey => vec![drop_primary_key(model)],
            Aspect::Properties => vec![format!("{alter} UNSET TBLPROPERTIES IF EXISTS ({})", keys())],
            Aspect::Tags => vec![format!("{alter} UNSET TAGS ({})", keys())],
            Aspect::ColumnTags => of_each_column(model, self.unset.iter().map(|name| (name, String::new())), |keys| {
                let keys: Vec<String> = keys.iter().map(|(key, _)| string_literal(key)).collect();
                format!("UNSET TAGS ({})", keys.join(", "))
            }),
            Aspect::Grants => Vec::new(),
        }
    }

    /// Writes the statements that say what is not said yet. Where it is not known what is there (`anew`), they first take
    /// away what would be in the way.
    pub(super) fn setting(&self, model: &CompiledModel, anew: bool) -> Vec<String> {
        if self.set.is_empty() {
            return Vec::new();
        }
        let table = model.table.to_sql();
        let alter = alter(model);
        let pairs = || {
            let pairs = self.set.iter().map(|(key, value, _)| (key.clone(), value.clone()));
            properties(&pairs.collect::<Vec<_>>())
        };
        match self.aspect {
            Aspect::Columns => comments(model, self.set.iter().map(|(name, comment, _)| (name, comment.as_str()))),
            Aspect::NotNull => {
                let names: Vec<String> = self.set.iter().map(|(name, ..)| name.clone()).collect();
                vec![of_columns(model, &names, "SET NOT NULL")]
            }
            Aspect::Checks => {
                let check = |(name, condition, there): &(String, String, Option<String>)| {
                    let name_sql = quote_identifier(name);
                    // On lines of its own, so that a comment at its end does not swallow the parenthesis.
                    let add = format!("{alter} ADD CONSTRAINT {name_sql} CHECK (\n{condition}\n)");
                    let in_the_way = anew || there.is_some();
                    in_the_way.then(|| drop_constraint(model, name)).into_iter().chain([add]).collect::<Vec<_>>()
                };
                self.set.iter().flat_map(check).collect()
            }
            Aspect::PrimaryKey => {
                let columns = model.config.constraints.iter().flat_map(|all| &all.primary_key);
                let columns = columns.map(|column| quote_identifier(column)).collect::<Vec<_>>().join(", ");
                let add = |(name, ..): &(String, String, Option<String>)| {
                    format!("{alter} ADD CONSTRAINT {} PRIMARY KEY ({columns})", quote_identifier(name))
                };
                // A table has at most one, whatever its name.
                std::iter::once(drop_primary_key(model)).chain(self.set.iter().map(add)).collect()
            }
            Aspect::ForeignKeys => {
                let named = |name: &String| model.foreign_keys.iter().find(|key| key.name == *name);
                let keys = self.set.iter().filter_map(|(name, ..)| named(name));
                keys.flat_map(|key| [drop_constraint(model, &key.name), add_foreign_key(model, key)]).collect()
            }
            Aspect::Properties => vec![format!("{alter} SET TBLPROPERTIES {}", pairs())],
            Aspect::Tags => vec![format!("{alter} SET TAGS {}", pairs())],
            Aspect::ColumnTags => {
                let tags = self.set.iter().map(|(name, value, _)| (name, value.clone()));
                of_each_column(model, tags, |tags| format!("SET TAGS {}", properties(tags)))
            }
            Aspect::Grants => {
                let each = self.set.iter().filter_map(|(who, wanted, there)| {
                    let (gains, _) = gains_and_losses(wanted, there.as_deref());
                    (!gains.is_empty()).then(|| format!("GRANT {gains} ON TABLE {table} TO {}", principal(who)))
                });
                each.chain(self.revoking(model)).collect()
            }
        }
    }

    /// Writes the statements that take away what users and groups hold beyond what the project says.
    pub(super) fn revoking(&self, model: &CompiledModel) -> Vec<String> {
        let each = self.set.iter().filter_map(|(who, wanted, there)| {
            let (_, loses) = gains_and_losses(wanted, there.as_deref());
            let table = model.table.to_sql();
            (!loses.is_empty()).then(|| format!("REVOKE {loses} ON TABLE {table} FROM {}", principal(who)))
        });
        each.collect()
    }
}

/// Writes the begin of a statement that alters a model's table or view.
pub(super) fn alter(model: &CompiledModel) -> String {
    let kind = match model.config.materialized {
        Materialization::View => "VIEW",
        Materialization::Table => "TABLE",
    };
    format!("ALTER {kind} {}", model.table.to_sql())
}

/// Writes comments on columns: of a table by one statement, of a view by one each.
fn comments<'a>(model: &CompiledModel, all: impl Iterator<Item = (&'a String, &'a str)>) -> Vec<String> {
    let table = model.table.to_sql();
    let all = all.map(|(name, comment)| (quote_identifier(name), string_literal(comment)));
    match model.config.materialized {
        Materialization::View => {
            all.map(|(name, comment)| format!("COMMENT ON COLUMN {table}.{name} IS {comment}")).collect()
        }
        Materialization::Table => {
            let each: Vec<String> = all.map(|(name, comment)| format!("{name} COMMENT {comment}")).collect();
            vec![format!("ALTER TABLE {table} ALTER COLUMN {}", each.join(", "))]
        }
    }
}

/// Changes the same of several columns by one statement.
fn of_columns(model: &CompiledModel, columns: &[String], change: &str) -> String {
    let each: Vec<String> = columns.iter().map(|name| format!("{} {change}", quote_identifier(name))).collect();
    format!("{} ALTER COLUMN {}", alter(model), each.join(", "))
}

/// Changes tags of columns, of which a statement can change one; of views as of tables.
fn of_each_column<'a>(
    model: &CompiledModel,
    tags: impl Iterator<Item = (&'a String, String)>,
    change: impl Fn(&[(String, String)]) -> String,
) -> Vec<String> {
    let mut columns: BTreeMap<&str, Vec<(String, String)>> = BTreeMap::new();
    for (name, value) in tags {
        let (column, key) = column_and_key(name);
        columns.entry(column).or_default().push((key.to_owned(), value));
    }
    let table = model.table.to_sql();
    let each = columns.iter().map(|(column, tags)| {
        format!("ALTER TABLE {table} ALTER COLUMN {} {}", quote_identifier(column), change(tags))
    });
    each.collect()
}

fn drop_constraint(model: &CompiledModel, name: &str) -> String {
    format!("{} DROP CONSTRAINT IF EXISTS {}", alter(model), quote_identifier(name))
}

/// Foreign keys that refer to it go with it; those of the project are set again.
fn drop_primary_key(model: &CompiledModel) -> String {
    format!("{} DROP PRIMARY KEY IF EXISTS CASCADE", alter(model))
}

fn add_foreign_key(model: &CompiledModel, key: &CompiledKey) -> String {
    let list = |columns: &[String]| columns.iter().map(|c| quote_identifier(c)).collect::<Vec<_>>().join(", ");
    format!(
        "{} ADD CONSTRAINT {} FOREIGN KEY ({}) REFERENCES {} ({})",
        alter(model),
        quote_identifier(&key.name),
        list(&key.columns),
        key.table.to_sql(),
        list(&key.references)
    )
}

fn principal(name: &str) -> String {
    format!("`{}`", name.replace('`', "``"))
}

/// Returns what has to be granted and revoked, as lists.
fn gains_and_losses(wanted: &str, there: Option<&str>) -> (String, String) {
    let set = |list: &str| -> BTreeSet<String> {
        list.split(", ").filter(|privilege| !privilege.is_empty()).map(str::to_owned).collect()
    };
    let (wanted, there) = (set(wanted), set(there.unwrap_or_default()));
    let list = |privileges: Vec<&String>| privileges.into_iter().cloned().collect::<Vec<_>>().join(", ");
    (list(wanted.difference(&there).collect()), list(there.difference(&wanted).collect()))
}

/// Says something of names: `the column `a` has …`, `the columns `a`, `b` have …`; nothing of none.
fn in_words(names: &[String], noun: &str, [of_one, of_many]: [&str; 2]) -> Option<String> {
    match names {
        [] => None,
        [one] => Some(format!("the {noun} {one} {of_one}")),
        many => {
            let nouns = noun.strip_suffix('y').filter(|_| noun == "property").map(|stem| format!("{stem}ies"));
            let nouns = nouns.unwrap_or_else(|| format!("{noun}s"));
            Some(format!("the {nouns} {} {of_many}", many.join(", ")))
        }
    }
}

/// Cuts two texts that differ to what fits into a line, so that what differs is seen.
fn excerpts(texts: [&str; 2]) -> [String; 2] {
    const MOST: usize = 60;
    /// So much of what they have in common before it differs.
    const BEFORE: usize = 20;
    let [one, other] = texts.map(|text| text.split_whitespace().collect::<Vec<_>>().join(" "));
    let same = one.chars().zip(other.chars()).take_while(|(a, b)| a == b).count();
    let fits = one.chars().count().max(other.chars().count()) <= MOST;
    let begin = if fits { 0 } else { same.saturating_sub(BEFORE) };
    [one, other].map(|text| {
        let mut rest = text.chars().skip(begin);
        let shown: String = rest.by_ref().take(MOST).collect();
        let [cut, goes_on] = [begin > 0, rest.next().is_some()].map(|cut| if cut { "…" } else { "" });
        format!("{cut}{shown}{goes_on}")
    })
}

#[cfg(test)]
mod tests {
    use super::excerpts;

    #[test]
    fn what_differs_is_seen() {
        assert_eq!(excerpts(["ada", "bob\n by\tname"]), ["ada", "bob by name"]);
        let long = "The first day of the month in which the customers of the cohort bought for the first time";
        let [there, wanted] = excerpts([long, &format!("{long}, in the shop's time zone")]);
        assert_eq!(there, "…t for the first time");
        assert!(wanted.starts_with("…") && wanted.ends_with("first time, in the shop's time zone"), "{wanted}");
        let [there, wanted] = excerpts([&long.replace("first day", "last day"), long]);
        assert!(there.starts_with("The last day of") && there.ends_with('…'), "{there}");
        assert!(wanted.starts_with("The first day of") && wanted.ends_with('…'), "{wanted}");
    }
}
