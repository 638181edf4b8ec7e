//! `MERGE INTO`
//!
//! Table and source are joined once, fully. Each pair gets the number of the clause that acts on it, and the columns that
//! the row then has; counts over this tell what there is to do, and the rows that remain are written in one commit.

use std::collections::BTreeSet;

use datafusion::arrow::datatypes::{Schema, SchemaRef};
use deltalake::protocol::{DeltaOperation, MergePredicate};
use tokio_util::sync::CancellationToken;

use super::assigned::{self, set_once};
use super::rows::{counters, is_default, target};
use super::touched::{self, FILE, Target};
use super::{columns, evolve};
use crate::dialect::{Assignment, Merge, MergeAction, MergeClause, MergeWhen, Part};
use crate::local::engine::api::Output;
use crate::local::engine::catalog::quoted;
use crate::local::engine::error::{SqlError, place};
use crate::local::engine::plan::{Pieces, Scope};
use crate::local::engine::rules::{By, Rules};
use crate::local::engine::{Engine, changes, files, types, write};

/// The number of pairs of which the row of the table stays as it is.
const STAYS: i64 = 0;
/// The number of rows of the source that no clause takes.
const SKIPPED: i64 = -1;

/// Columns of ours beside those of the table and of the source.
const ROW: &str = "`__kiln_row`";
const FOUND: &str = "`__kiln_found`";
const ACTION: &str = "`__kiln_action`";
/// Not NULL where a row of the table has a partner in the source.
const MET: &str = "`__kiln_met`";

/// A column as it was before.
fn old(column: usize) -> String {
    format!("`__kiln_old_{column}`")
}

pub(super) async fn merge(
    engine: &Engine,
    scope: &Scope,
    merge: &Merge,
    cancel: &CancellationToken,
) -> Result<Output, SqlError> {
    check(scope, &merge.clauses)?;
    let name = scope.table(&merge.table)?;
    let _writing = engine.write_lock(&name).await;
    let (name, table) = target(engine, scope, &merge.table).await?;
    let dir = engine.table_dir(&name);
    let owner = merge.alias.clone().unwrap_or_else(|| name.name.clone());
    let mut definition = write::definition(&table, &dir)?;
    let known = definition.schema.fields().count();
    let takes_all = |c: &MergeClause| matches!(c.action, MergeAction::UpdateAll | MergeAction::InsertAll);
    if merge.evolves && merge.clauses.iter().any(takes_all) {
        let mut pieces = Pieces::default();
        let (relation, _) = pieces.relation(&merge.source)?;
        let source = pieces.plan(engine, &format!("SELECT * FROM {relation}"), scope).await?;
        evolve::with_columns_of(&mut definition, &source, 0)?;
    }
    let evolved = definition.schema.fields().count() > known;
    let schema = columns::arrow(&definition.schema)?;
    let rules = Rules::of(&definition, &schema);
    let target = Target::new(engine, scope, &merge.table, &table, dir.clone())?;
    let mut join = Join::new(engine, scope, merge, &schema, &owner, &rules, target).await?;
    let pairs = join.pairs(merge).await?;

    let of = |wanted: fn(&MergeClause) -> bool| {
        let numbers = (1..).zip(&merge.clauses).filter(|(_, clause)| wanted(clause)).map(|(i, _)| i);
        numbers.collect::<Vec<i64>>()
    };
    let updates = of(|c| matches!(c.action, MergeAction::UpdateAll | MergeAction::Update(_)));
    let deletes = of(|c| c.action == MergeAction::Delete);
    let inserts = of(|c| c.when == MergeWhen::NotMatched);
    let matched = of(|c| c.when == MergeWhen::Matched);
    let rows_with = |among: &[i64]| format!("CASE WHEN {} THEN {ROW} END", is_among(among));
    let counts = format!(
        "SELECT {FILE} AS f, count(DISTINCT {0}) AS u, count(DISTINCT {1}) AS d, count_if({2}) AS i, count({3}) AS m, \
         count(DISTINCT {3}) AS r, count({ROW}) AS pairs, count(DISTINCT {ROW}) AS kept, count({MET}) AS met \
         FROM {pairs} AS p GROUP BY {FILE}",
        rows_with(&updates),
        rows_with(&deletes),
        is_among(&inserts),
        rows_with(&matched),
    );
    let all = join.target.all().await?;
    let counts = touched::by_file(join.pieces.reading(engine, &counts, scope, &all).await?, cancel).await?;
    let total = |i: usize| counts.iter().map(|(_, counts)| counts.get(i).copied().unwrap_or(0)).sum::<u64>();
    let (updated, deleted, inserted, acts, acted_on) = (total(0), total(1), total(2), total(3), total(4));
    // Deleting a row twice is deleting it.
    let only_deletes = matches!(merge.clauses.iter().filter(|c| c.when == MergeWhen::Matched).collect::<Vec<_>>()[..],
        [one] if one.action == MergeAction::Delete && one.condition.is_none());
    if acts > acted_on && !only_deletes {
        return Err(SqlError::new(
            "DELTA_MULTIPLE_SOURCE_ROW_MATCHING_TARGET_ROW_IN_MERGE",
            "21506",
            "Cannot perform Merge as multiple source rows matched and attempted to modify the same target row in the \
             Delta table in possibly conflicting ways.",
        )
        .at(scope.place(&merge.table)));
    }

    let columns: Vec<_> = schema.fields().iter().map(|field| quoted(&[field.name()])).collect();
    let columns = columns.join(", ");
    let given: Vec<_> = (0..schema.fields().len())
        .map(|i| (!rules.is_generated(i) || join.assigned.contains(&i)).then_some(i))
        .collect();
    let mut also = Vec::new();
    if let Some(counted) = rules.counted(&definition, &given, By::Merge, inserted)? {
        also = write::redefinition(&table, &counted, &dir)?;
    } else if evolved && updated + deleted + inserted > 0 {
        also = write::redefinition(&table, &definition, &dir)?;
    }
    let partitions = &definition.partitions;
    let tells = changes::are_told(&definition);
    if updated + deleted > 0 {
        // A row of the source has a partner, or none, in the files that are read as it has in all.
        let touched = |counts: &[u64]| counts[0] + counts[1] > 0 || inserted > 0 && counts[7] > 0;
        let touched: Vec<_> = counts.into_iter().filter(|(_, counts)| touched(counts)).collect();
        let (found, rows) = touched.iter().fold((0, 0), |(f, r), (_, counts)| (f + counts[5], r + counts[6]));
        let (source, gone) = join.target.files(touched.into_iter().filter_map(|(file, _)| file).collect()).await?;
        let dropped: Vec<i64> = deletes.iter().copied().chain([SKIPPED]).collect();
        // A row of the table that met several rows of the source stays one row: the one that a clause acted on.
        let once = found > rows;
        let (from, only) = if once {
            let order = format!("row_number() OVER (PARTITION BY {ROW} ORDER BY {ACTION} DESC)");
            (
                format!("(SELECT *, {order} AS __kiln_n FROM {pairs} AS p)"),
                format!("AND ({ROW} IS NULL OR __kiln_n = 1)"),
            )
        } else {
            (pairs, String::new())
        };
        let change = match tells {
            true => format!(
                ", CASE WHEN {} THEN 'update_postimage' WHEN {} THEN 'insert' END AS {}",
                is_among(&updates),
                is_among(&inserts),
                changes::CHANGE
            ),
            false => String::new(),
        };
        let text = format!("SELECT {columns}{change} FROM {from} AS p WHERE NOT {} {only}", is_among(&dropped));
        let planned = join.pieces.reading(engine, &text, scope, &source).await?;
        let planned = rules.applied(engine, scope, planned, &given, By::Merge).await?;
        let mut files = files::write(&planned, &dir, &schema, partitions, cancel).await?;
        files.also.extend(also);
        if tells {
            let old: Vec<_> = (0..schema.fields().len()).map(old).collect();
            let text = format!(
                "SELECT {}, CASE WHEN {} THEN 'delete' ELSE 'update_preimage' END AS {} FROM {from} AS p \
                 WHERE ({} OR {}) {only}",
                old.join(", "),
                is_among(&deletes),
                changes::CHANGE,
                is_among(&deletes),
                is_among(&updates),
            );
            let told = join.pieces.reading(engine, &text, scope, &source).await?;
            files::write_changes(&mut files, &told, &dir, &schema, partitions, cancel).await?;
        }
        write::exchange(&table, &dir, gone, Some(files), operation(merge)).await?;
    } else if inserted > 0 {
        let text = format!("SELECT {columns} FROM {pairs} AS p WHERE {}", is_among(&inserts));
        let planned = join.pieces.reading(engine, &text, scope, &all).await?;
        let planned = rules.applied(engine, scope, planned, &given, By::Merge).await?;
        let mut files = files::write(&planned, &dir, &schema, partitions, cancel).await?;
        files.also = also;
        write::add(&table, &dir, files, operation(merge)).await?;
    }
    Ok(counters(
        "MERGE",
        &[
            ("num_affected_rows", updated + deleted + inserted),
            ("num_updated_rows", updated),
            ("num_deleted_rows", deleted),
            ("num_inserted_rows", inserted),
        ],
    ))
}

/// Only the last clause for a kind of rows may be without a condition: nothing would ever come to those after it.
fn check(scope: &Scope, clauses: &[MergeClause]) -> Result<(), SqlError> {
    for (i, clause) in clauses.iter().enumerate() {
        if clause.condition.is_none() && clauses[i + 1..].iter().any(|later| later.when == clause.when) {
            let kind = match clause.when {
                MergeWhen::Matched => "MATCHED",
                MergeWhen::NotMatched => "NOT MATCHED",
                MergeWhen::NotMatchedBySource => "NOT MATCHED BY SOURCE",
            };
            return Err(SqlError::new(
                format!("NON_LAST_{}_CLAUSE_OMIT_CONDITION", kind.replace(' ', "_")),
                "42613",
                format!(
                    "When there are more than one {kind} clauses in a MERGE statement, only the last {kind} clause can \
                     omit the condition."
                ),
            )
            .at(place(&scope.statement, &clause.range)));
        }
    }
    Ok(())
}

fn is_among(numbers: &[i64]) -> String {
    if numbers.is_empty() {
        return "false".to_owned();
    }
    let numbers: Vec<_> = numbers.iter().map(i64::to_string).collect();
    format!("({ACTION} IN ({}))", numbers.join(", "))
}

fn operation(merge: &Merge) -> DeltaOperation {
    let text = Some(merge.on.text().to_owned());
    let of = |when| {
        let clauses = merge.clauses.iter().filter(|clause| clause.when == when);
        let predicate = |clause: &MergeClause| MergePredicate {
            action_type: match clause.action {
                MergeAction::UpdateAll | MergeAction::Update(_) => "update",
                MergeAction::Delete => "delete",
                MergeAction::InsertAll | MergeAction::Insert(_) => "insert",
            }
            .to_owned(),
            predicate: clause.condition.as_ref().map(|part| part.text().to_owned()),
        };
        clauses.map(predicate).collect()
    };
    DeltaOperation::Merge {
        predicate: text.clone(),
        merge_predicate: text,
        matched_predicates: of(MergeWhen::Matched),
        not_matched_predicates: of(MergeWhen::NotMatched),
        not_matched_by_source_predicates: of(MergeWhen::NotMatchedBySource),
    }
}

/// The table and the source, side by side.
struct Join<'a> {
    engine: &'a Engine,
    scope: &'a Scope,
    schema: &'a SchemaRef,
    pieces: Pieces,
    /// The name by which the table's columns go.
    table: &'a str,
    /// The name by which the source's columns go, and those columns.
    source: String,
    source_columns: Vec<String>,
    /// The word that stands for the source.
    relation: String,
    /// What the table demands of its rows.
    rules: &'a Rules,
    /// Whether the table's columns follow those of the source.
    evolves: bool,
    /// The table.
    target: Target<'a>,
    /// The columns that some clause gives a value.
    assigned: BTreeSet<usize>,
}

impl<'a> Join<'a> {
    async fn new(
        engine: &'a Engine,
        scope: &'a Scope,
        merge: &Merge,
        schema: &'a SchemaRef,
        table: &'a str,
        rules: &'a Rules,
        target: Target<'a>,
    ) -> Result<Self, SqlError> {
        let mut pieces = Pieces::default();
        let (relation, source) = pieces.relation(&merge.source)?;
        let planned = pieces.plan(engine, &format!("SELECT * FROM {relation}"), scope).await?;
        let source = source.unwrap_or_else(|| "__kiln_source".to_owned());
        Ok(Self {
            engine,
            scope,
            schema,
            pieces,
            table,
            source,
            source_columns: planned.names,
            relation,
            rules,
            evolves: merge.evolves,
            target,
            assigned: BTreeSet::new(),
        })
    }

    /// A subquery of all pairs: the columns that the row has afterwards, and what is done with it.
    async fn pairs(&mut self, merge: &Merge) -> Result<String, SqlError> {
        let on = self.pieces.expression(&merge.on)?;
        let mut conditions = Vec::new();
        for clause in &merge.clauses {
            conditions.push(match &clause.condition {
                Some(part) => self.piece(clause.when, part).await?,
                None => "true".to_owned(),
            });
        }
        let ladder = |when, otherwise: i64| {
            let cases = (1..).zip(&merge.clauses).zip(&conditions).filter(|((_, clause), _)| clause.when == when);
            let cases: String = cases.map(|((i, _), condition)| format!(" WHEN {condition} THEN {i}")).collect();
            if cases.is_empty() { format!("{otherwise}") } else { format!("CASE{cases} ELSE {otherwise} END") }
        };
        let (table, source) = (quoted(&[self.table]), quoted(&[&self.source]));
        let action = format!(
            "CASE WHEN {table}.{ROW} IS NULL THEN {} WHEN {source}.{FOUND} IS NULL THEN {} ELSE {} END",
            ladder(MergeWhen::NotMatched, SKIPPED),
            ladder(MergeWhen::NotMatchedBySource, STAYS),
            ladder(MergeWhen::Matched, STAYS),
        );
        let mut values: Vec<Vec<(usize, String)>> = Vec::new();
        for clause in &merge.clauses {
            let of_clause = self.values(clause).await?;
            for (column, _) in &of_clause {
                match clause.when {
                    MergeWhen::NotMatched => self.rules.may_give(*column)?,
                    _ => self.rules.may_set(*column)?,
                }
                self.assigned.insert(*column);
            }
            values.push(of_clause);
        }
        let mut columns = Vec::new();
        for (j, field) in self.schema.fields().iter().enumerate() {
            let sql_type = types::from_arrow(field.data_type());
            let mut cases = String::new();
            for (i, (clause, values)) in (1..).zip(merge.clauses.iter().zip(&values)) {
                let value = values.iter().find(|(column, _)| *column == j).map(|(_, value)| value.as_str());
                match value {
                    Some(value) => cases.push_str(&format!(" WHEN {i} THEN CAST({value} AS {sql_type})")),
                    None if clause.when == MergeWhen::NotMatched => {
                        let default = self.rules.default(j).unwrap_or("NULL");
                        cases.push_str(&format!(" WHEN {i} THEN CAST(({default}) AS {sql_type})"));
                    }
                    None => {}
                }
            }
            let own = match j < self.target.width() {
                true => quoted(&[self.table, field.name()]),
                false => format!("CAST(NULL AS {sql_type})"),
            };
            columns.push(format!("{own} AS {}", old(j)));
            let value = if cases.is_empty() { own } else { format!("CASE {action}{cases} ELSE {own} END") };
            columns.push(format!("{value} AS {}", quoted(&[field.name()])));
        }
        Ok(format!(
            "(SELECT {}, {table}.{ROW} AS {ROW}, {table}.{FILE} AS {FILE}, {action} AS {ACTION}, \
             CASE WHEN {source}.{FOUND} THEN {table}.{ROW} END AS {MET} \
             FROM (SELECT *, row_number() OVER (ORDER BY 'any') AS {ROW} FROM {}) AS {table} \
             FULL JOIN (SELECT *, true AS {FOUND} FROM {}) AS {source} ON {on})",
            columns.join(", "),
            self.target.text,
            self.relation,
        ))
    }

    /// The columns that a clause gives values, with these.
    async fn values(&mut self, clause: &MergeClause) -> Result<Vec<(usize, String)>, SqlError> {
        match &clause.action {
            MergeAction::Delete => Ok(Vec::new()),
            MergeAction::UpdateAll | MergeAction::InsertAll => self.all_columns(clause),
            MergeAction::Update(assignments) | MergeAction::Insert(assignments) => {
                self.given(clause.when, assignments).await
            }
        }
    }

    /// `SET *`, `INSERT *`: each column of the table by its name. Those that the table computes may be missing, and with
    /// schema evolution all others: they stay as they are, or get their default.
    fn all_columns(&self, clause: &MergeClause) -> Result<Vec<(usize, String)>, SqlError> {
        let find = |(i, name): (usize, &String)| match self.source_columns.iter().find(|c| c.eq_ignore_ascii_case(name))
        {
            Some(_) => Some(Ok((i, quoted(&[&self.source, name])))),
            None if self.rules.is_computed(i) || self.evolves => None,
            None => Some({
                let columns: Vec<_> = self.source_columns.iter().map(|c| quoted(&[c])).collect();
                Err(SqlError::new(
                    "DELTA_MERGE_UNRESOLVED_EXPRESSION",
                    "42601",
                    format!("Cannot resolve {} given the columns {}.", quoted(&[name]), columns.join(", ")),
                )
                .at(place(&self.scope.statement, &clause.range)))
            }),
        };
        self.schema.fields().iter().map(|field| field.name()).enumerate().filter_map(find).collect()
    }

    async fn given(&mut self, when: MergeWhen, assignments: &[Assignment]) -> Result<Vec<(usize, String)>, SqlError> {
        let set = set_once(self.scope, self.schema, self.table, assignments)?;
        let mut values = Vec::new();
        for (set, assignment) in set.into_iter().zip(assignments) {
            if set.is_field() && when == MergeWhen::NotMatched {
                let text = "The INSERT clause of MERGE gives values to whole columns, not to fields of structs.";
                let error = SqlError::new("DELTA_UNSUPPORTED_NESTED_FIELD_IN_OPERATION", "0AKDC", text);
                return Err(error.at(self.scope.place(&assignment.column)));
            }
            let value = match is_default(&assignment.value) {
                true if set.is_field() => "NULL".to_owned(),
                true => format!("({})", self.rules.default(set.place).unwrap_or("NULL")),
                false => self.piece(when, &assignment.value).await?,
            };
            values.push((set, value));
        }
        Ok(assigned::whole(self.schema, self.table, values))
    }

    /// Takes an expression of a clause. One for rows without a partner sees one side only.
    async fn piece(&mut self, when: MergeWhen, part: &Part) -> Result<String, SqlError> {
        let (owner, columns, from) = match when {
            MergeWhen::Matched => return self.pieces.expression(part),
            MergeWhen::NotMatched => (self.source.clone(), self.source_columns.clone(), self.relation.clone()),
            MergeWhen::NotMatchedBySource => (self.table.to_owned(), names(self.schema), String::new()),
        };
        let word = self.pieces.expression_over(part, Some((&owner, &columns)))?;
        let from = if from.is_empty() {
            let nulls = self.schema.fields().iter().map(|field| {
                format!("CAST(NULL AS {}) AS {}", types::from_arrow(field.data_type()), quoted(&[field.name()]))
            });
            format!("(SELECT {})", nulls.collect::<Vec<_>>().join(", "))
        } else {
            format!("(SELECT * FROM {from})")
        };
        // Planned alone, it fails if it names the other side.
        let alone = format!("SELECT {word} AS x FROM {from} AS {}", quoted(&[&owner]));
        self.pieces.plan(self.engine, &alone, self.scope).await?;
        Ok(word)
    }
}

fn names(schema: &Schema) -> Vec<String> {
    schema.fields().iter().map(|field| field.name().clone()).collect()
}
