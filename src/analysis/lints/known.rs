//! What is known of a query's rows beyond its columns: which columns no two rows share, where NULL cannot be, and
//! whether there is one row at most.
//!
//! It follows from the tests of the models that are read, and from the query itself: GROUP BY, DISTINCT, a row number,
//! joins by a key. What is not understood is not known, so a lint that asks here keeps silent or not as it decides.

use std::collections::{BTreeSet, HashMap};
use std::rc::Rc;

use sqlparser::ast::{
    Expr, FunctionArguments, Join, JoinConstraint, JoinOperator, LimitClause, ObjectName, Query, Select, SetExpr,
    TableFactor, TableWithJoins,
};

use super::super::Relation;
use super::super::expr::{children, whole_number};
use super::super::scope::same;
use super::joined::Joined;
use super::rows::output;
use super::shapes::{expressions, last_name};

/// What is known of the rows of a table, a view or a query. Names of columns are in lower case.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Known {
    /// Sets of columns of which no two rows have the same values.
    pub keys: Vec<BTreeSet<String>>,
    /// Columns that are never NULL.
    pub not_null: BTreeSet<String>,
    /// Whether there is one row at most.
    pub one_row: bool,
    /// The names of all columns, where they can be told.
    pub columns: Option<Vec<String>>,
    /// Whether it is a model, of which all has been said at its own place.
    pub is_model: bool,
    /// Whether it is a table of the project's sources.
    pub is_source: bool,
    /// Whether its deleted rows are only marked, as Fivetran does.
    pub soft_deletes: bool,
}

/// How an entry of FROM comes to those before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum How {
    /// It is the first one.
    First,
    /// Behind a comma.
    Comma,
    /// By JOIN without a condition.
    Bare,
    /// By CROSS JOIN.
    Cross,
    /// By a condition that must hold.
    Inner,
    /// It may have no partner.
    Left,
    /// Those before it may have no partner.
    Right,
    /// Both.
    Full,
    /// It only decides which rows of the others stay, or the other way round.
    Semi,
}

/// An entry of FROM.
#[derive(Clone, Debug)]
pub(super) struct Factor {
    /// The name by which its columns are called, in lower case; empty if there is none.
    pub name: String,
    pub known: Known,
    pub how: How,
    /// Whether it makes rows out of the others', or is written out in the query.
    pub generated: bool,
    /// Counts the commas before it.
    pub group: usize,
}

/// What is known of every part of a query, by the addresses of the parts.
#[derive(Default)]
pub(super) struct Parts {
    factors: HashMap<*const Select, Rc<[Factor]>>,
    keys: HashMap<*const Select, Vec<BTreeSet<Place>>>,
    queries: HashMap<*const Query, Known>,
}

impl Parts {
    /// The entries of a SELECT's FROM.
    pub(super) fn factors(&self, select: &Select) -> Rc<[Factor]> {
        self.factors.get(&std::ptr::from_ref(select)).cloned().unwrap_or_default()
    }

    /// The columns of a SELECT's FROM of which no two rows have the same values.
    pub(super) fn keys(&self, select: &Select) -> &[BTreeSet<Place>] {
        self.keys.get(&std::ptr::from_ref(select)).map_or(&[], Vec::as_slice)
    }

    /// What is known of a subquery.
    pub(super) fn query(&self, query: &Query) -> Option<&Known> {
        self.queries.get(&std::ptr::from_ref(query))
    }
}

/// A column of an entry of FROM: its index and the column's name in lower case.
pub(super) type Place = (usize, String);

/// Finds out what is known.
pub(super) struct Finder<'a> {
    pub(super) parts: Parts,
    ctes: Vec<(String, Known)>,
    /// What is known of a table by its name.
    facts: &'a dyn Fn(&[String]) -> Known,
    relation: &'a dyn Fn(&[String]) -> Option<Relation>,
}

impl<'a> Finder<'a> {
    pub(super) fn new(
        facts: &'a dyn Fn(&[String]) -> Known,
        relation: &'a dyn Fn(&[String]) -> Option<Relation>,
    ) -> Self {
        Self { parts: Parts::default(), ctes: Vec::new(), facts, relation }
    }

    pub(super) fn query(&mut self, query: &Query) -> Known {
        let outer = self.ctes.len();
        for cte in query.with.iter().flat_map(|with| &with.cte_tables) {
            let mut known = match query.with.as_ref().is_some_and(|with| with.recursive) {
                true => {
                    // Nothing is known of it while it is read.
                    self.ctes.push((cte.alias.name.value.clone(), Known::default()));
                    self.query(&cte.query);
                    self.ctes.pop();
                    Known::default()
                }
                false => self.query(&cte.query),
            };
            if !cte.alias.columns.is_empty() {
                let names: Vec<&str> = cte.alias.columns.iter().map(|c| c.name.value.as_str()).collect();
                known = renamed(known, &names);
            }
            self.ctes.push((cte.alias.name.value.clone(), known));
        }
        let mut known = self.body(&query.body);
        if let Some(LimitClause::LimitOffset { limit: Some(limit), .. }) = &query.limit_clause {
            known.one_row |= matches!(whole_number(limit), Some(0 | 1));
        }
        self.ctes.truncate(outer);
        self.parts.queries.insert(std::ptr::from_ref(query), known.clone());
        known
    }

    fn body(&mut self, body: &SetExpr) -> Known {
        let mut first = body;
        let mut is_single = true;
        while let SetExpr::SetOperation { left, right, .. } = first {
            is_single = false;
            self.body(right);
            first = left;
        }
        let known = match first {
            SetExpr::Select(select) => self.select(select),
            SetExpr::Query(query) => self.query(query),
            SetExpr::Values(values) => Known { one_row: values.rows.len() == 1, ..Known::default() },
            _ => Known::default(),
        };
        match is_single {
            true => known,
            false => Known { columns: known.columns, ..Known::default() },
        }
    }

    fn select(&mut self, select: &Select) -> Known {
        let mut from = Joined { one_row: true, ..Joined::default() };
        for (group, table) in select.from.iter().enumerate() {
            let how = if group == 0 { How::First } else { How::Comma };
            self.table(table, how, group, &mut from);
        }
        if !select.lateral_views.is_empty() {
            from.keys.clear();
            from.one_row = false;
        }
        for e in expressions(select) {
            self.subqueries(e);
        }
        let known = output(select, &from);
        self.parts.keys.insert(std::ptr::from_ref(select), from.keys);
        self.parts.factors.insert(std::ptr::from_ref(select), from.factors.into());
        known
    }

    /// Looks into the subqueries of an expression.
    fn subqueries(&mut self, e: &Expr) {
        let mut open = vec![e];
        while let Some(e) = open.pop() {
            match e {
                Expr::Subquery(query) | Expr::Exists { subquery: query, .. } => drop(self.query(query)),
                Expr::InSubquery { expr, subquery, .. } => {
                    self.query(subquery);
                    open.push(expr);
                }
                Expr::Function(call) => {
                    if let FunctionArguments::Subquery(query) = &call.args {
                        self.query(query);
                    }
                    open.extend(children(e));
                }
                Expr::Lambda(lambda) => open.push(&lambda.body),
                other => open.extend(children(other)),
            }
        }
    }

    fn table(&mut self, table: &TableWithJoins, how: How, group: usize, from: &mut Joined) {
        self.factor(&table.relation, how, None, group, from);
        for join in &table.joins {
            let (how, constraint) = joined_how(join);
            self.factor(&join.relation, how, constraint, group, from);
            if let Some(JoinConstraint::On(condition)) = constraint {
                self.subqueries(condition);
            }
        }
    }

    fn factor(
        &mut self,
        factor: &TableFactor,
        how: How,
        constraint: Option<&JoinConstraint>,
        group: usize,
        from: &mut Joined,
    ) {
        let mut generated = false;
        let (known, alias, own_name) = match factor {
            TableFactor::Table { name, alias, args: None, .. } => (self.named(name), alias, last_name(name)),
            TableFactor::Derived { subquery, alias, lateral, .. } => {
                generated = *lateral || matches!(*subquery.body, SetExpr::Values(_));
                (self.query(subquery), alias, String::new())
            }
            TableFactor::NestedJoin { table_with_joins, alias: None } if how == How::First || how == How::Comma => {
                return self.table(table_with_joins, how, group, from);
            }
            TableFactor::NestedJoin { table_with_joins, alias } => {
                let mut inner = Joined { one_row: true, ..Joined::default() };
                self.table(table_with_joins, How::First, 0, &mut inner);
                (Known { one_row: inner.one_row, ..Known::default() }, alias, String::new())
            }
            TableFactor::Pivot { table, alias, .. } | TableFactor::Unpivot { table, alias, .. } => {
                self.factor(table, How::First, None, 0, &mut Joined::default());
                (Known::default(), alias, String::new())
            }
            TableFactor::Table { alias, .. } | TableFactor::Function { alias, .. } => {
                generated = true;
                (Known::default(), alias, String::new())
            }
            TableFactor::TableFunction { alias, .. } | TableFactor::UNNEST { alias, .. } => {
                generated = true;
                (Known::default(), alias, String::new())
            }
            _ => (Known::default(), &None, String::new()),
        };
        let (name, known) = match alias {
            Some(alias) if alias.columns.is_empty() => (alias.name.value.to_lowercase(), known),
            Some(alias) => {
                let names: Vec<&str> = alias.columns.iter().map(|c| c.name.value.as_str()).collect();
                (alias.name.value.to_lowercase(), renamed(known, &names))
            }
            None => (own_name, known),
        };
        from.add(Factor { name, known, how, generated, group }, constraint);
    }

    fn named(&self, name: &ObjectName) -> Known {
        let parts: Vec<String> = name.0.iter().filter_map(|p| p.as_ident()).map(|ident| ident.value.clone()).collect();
        if parts.len() != name.0.len() {
            return Known::default();
        }
        if let [single] = parts.as_slice()
            && let Some((_, known)) = self.ctes.iter().rev().find(|(cte, _)| same(cte, single))
        {
            return Known { is_source: false, soft_deletes: false, ..known.clone() };
        }
        let mut known = (self.facts)(&parts);
        if known.columns.is_none()
            && let Some(Relation::Known(columns)) = (self.relation)(&parts)
        {
            known.columns = Some(columns.iter().map(|c| c.name.to_lowercase()).collect());
        }
        known
    }
}

fn joined_how(join: &Join) -> (How, Option<&JoinConstraint>) {
    use JoinOperator as J;
    let (how, constraint) = match &join.join_operator {
        J::Join(c) | J::Inner(c) | J::StraightJoin(c) => (How::Inner, c),
        J::Left(c) | J::LeftOuter(c) => (How::Left, c),
        J::Right(c) | J::RightOuter(c) => (How::Right, c),
        J::FullOuter(c) => (How::Full, c),
        J::CrossJoin(c) => (How::Cross, c),
        J::Semi(c) | J::LeftSemi(c) | J::Anti(c) | J::LeftAnti(c) | J::RightSemi(c) | J::RightAnti(c) => (How::Semi, c),
        J::AsOf { constraint, .. } => (How::Left, constraint),
        J::CrossApply | J::OuterApply | J::ArrayJoin | J::LeftArrayJoin | J::InnerArrayJoin => {
            return (How::Cross, None);
        }
    };
    match (how, constraint) {
        (How::Cross, _) => (How::Cross, None),
        (How::Semi, c) => (How::Semi, Some(c)),
        (_, JoinConstraint::None) => (How::Bare, None),
        (how, c) => (how, Some(c)),
    }
}

/// Gives columns other names.
fn renamed(known: Known, names: &[&str]) -> Known {
    let Some(old) = known.columns.clone().filter(|old| old.len() == names.len()) else {
        let columns = names.iter().map(|n| n.to_lowercase()).collect();
        return Known { one_row: known.one_row, columns: Some(columns), ..Known::default() };
    };
    let new = |column: &String| {
        old.iter().position(|o| o == column).map_or_else(|| column.clone(), |i| names[i].to_lowercase())
    };
    Known {
        keys: known.keys.iter().map(|key| key.iter().map(new).collect()).collect(),
        not_null: known.not_null.iter().map(new).collect(),
        columns: Some(names.iter().map(|n| n.to_lowercase()).collect()),
        ..known
    }
}
