//! Which rows of a FROM can be told apart by which columns, as its tables are joined one by one.

use std::collections::BTreeSet;

use sqlparser::ast::{Ident, JoinConstraint};

use super::super::scope::same;
use super::known::{Factor, How, Place};
use super::shapes::{columns_of, conjuncts, equated, has_subquery, last_name};

/// FROM as far as it has been read.
#[derive(Default)]
pub(super) struct Joined {
    pub(super) factors: Vec<Factor>,
    pub(super) keys: Vec<BTreeSet<Place>>,
    pub(super) one_row: bool,
}

/// More keys than this are not kept: each join multiplies them.
pub(super) const MOST_KEYS: usize = 8;

impl Joined {
    pub(super) fn add(&mut self, factor: Factor, constraint: Option<&JoinConstraint>) {
        let index = self.factors.len();
        let own: Vec<BTreeSet<Place>> =
            factor.known.keys.iter().map(|key| key.iter().map(|c| (index, c.clone())).collect()).collect();
        let (how, one_row, generated) = (factor.how, factor.known.one_row, factor.generated);
        self.factors.push(factor);
        if how == How::First {
            self.keys = own;
            self.one_row = one_row;
            return;
        }
        if how == How::Semi {
            return;
        }
        if generated && !one_row {
            self.keys.clear();
            self.one_row = false;
            return;
        }
        let bound = self.bound(constraint);
        let covered = |keys: &[BTreeSet<Place>]| keys.iter().any(|key| key.iter().all(|place| bound.contains(place)));
        // Each row so far has one partner at most, or each partner one row so far.
        let keeps_left = one_row || covered(&own);
        let keeps_right = self.one_row || covered(&self.keys);
        let mut keys = Vec::new();
        if keeps_left && matches!(how, How::Inner | How::Left | How::Cross | How::Comma | How::Bare) {
            keys.extend(self.keys.iter().cloned());
        }
        if keeps_right && matches!(how, How::Inner | How::Right | How::Cross | How::Comma | How::Bare) {
            keys.extend(own.iter().cloned());
        }
        for left in &self.keys {
            keys.extend(own.iter().map(|right| left.union(right).cloned().collect::<BTreeSet<_>>()));
        }
        keys.truncate(MOST_KEYS);
        self.keys = keys;
        self.one_row &= one_row && how != How::Full;
    }

    /// The columns that a join's condition sets equal to something of the other side, or to a constant.
    fn bound(&self, constraint: Option<&JoinConstraint>) -> BTreeSet<Place> {
        let mut bound = BTreeSet::new();
        match constraint {
            Some(JoinConstraint::On(condition)) => {
                for part in conjuncts(condition) {
                    for (column, other) in equated(part) {
                        let Some(place) = self.place(column) else { continue };
                        let last = self.factors.len() - 1;
                        let across = !has_subquery(other)
                            && columns_of(other)
                                .iter()
                                .all(|c| self.place(c).is_some_and(|(i, _)| (i == last) != (place.0 == last)));
                        if across {
                            bound.insert(place);
                        }
                    }
                }
            }
            Some(JoinConstraint::Using(names)) => {
                for name in names.iter().map(last_name) {
                    bound.extend((0..self.factors.len()).map(|i| (i, name.clone())));
                }
            }
            _ => {}
        }
        bound
    }

    /// Tells whether a column is never NULL, neither in its table nor for want of a partner.
    pub(super) fn is_not_null(&self, (index, column): &Place) -> bool {
        let factor = &self.factors[*index];
        let later = self.factors[index + 1..].iter().any(|f| matches!(f.how, How::Right | How::Full));
        factor.known.not_null.contains(column) && !matches!(factor.how, How::Left | How::Full) && !later
    }

    /// The column of FROM that a name means.
    pub(super) fn place(&self, idents: &[Ident]) -> Option<Place> {
        match idents {
            [column] => {
                let column = column.value.to_lowercase();
                if let [_] = self.factors.as_slice() {
                    return Some((0, column));
                }
                let mut having = (0..self.factors.len())
                    .filter(|i| self.factors[*i].known.columns.as_ref().is_none_or(|c| c.contains(&column)));
                let found = having.next()?;
                having.next().is_none().then_some((found, column))
            }
            [.., table, column] => {
                let found = self.factors.iter().position(|f| same(&f.name, &table.value))?;
                Some((found, column.value.to_lowercase()))
            }
            [] => None,
        }
    }
}
