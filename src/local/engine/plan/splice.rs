//! Queries made from a text of ours with pieces of a statement in it.
//!
//! The pieces are parsed where they stand in the statement, so that lines and columns in errors are the statement's.

use std::collections::HashMap;
use std::ops::ControlFlow;

use sqlparser::ast::{Expr, Ident, ObjectNamePart, Query, SetExpr, TableFactor, VisitMut, VisitorMut};

use super::{Given, Planned, Scope, bind, tree};
use crate::dialect::{Part, parse_expression, parse_query, parse_relation};
use crate::local::engine::Engine;
use crate::local::engine::error::SqlError;

/// Names in our texts that stand for pieces begin so.
const PREFIX: &str = "__kiln_piece_";

/// The pieces of one statement.
#[derive(Debug, Default)]
pub(in crate::local::engine) struct Pieces {
    expressions: HashMap<String, Expr>,
    relations: HashMap<String, TableFactor>,
}

impl Pieces {
    /// Takes an expression; returns the word that stands for it.
    pub(in crate::local::engine) fn expression(&mut self, part: &Part) -> Result<String, SqlError> {
        self.expression_over(part, None)
    }

    /// Takes an expression in which bare names of these columns belong to a table or subquery.
    pub(in crate::local::engine) fn expression_over(
        &mut self,
        part: &Part,
        owner: Option<(&str, &[String])>,
    ) -> Result<String, SqlError> {
        let mut expr = parse_expression(&part.padded).map_err(|e| SqlError::syntax(&e, &part.padded))?;
        if let Some((owner, columns)) = owner {
            let _ = VisitMut::visit(&mut expr, &mut Qualify { owner, columns });
        }
        let word = format!("{PREFIX}{}", self.expressions.len() + self.relations.len());
        self.expressions.insert(word.clone(), Expr::Nested(Box::new(expr)));
        Ok(word)
    }

    /// Takes a table or subquery; returns the word that stands for it, and the name of its columns' owner.
    pub(in crate::local::engine) fn relation(&mut self, part: &Part) -> Result<(String, Option<String>), SqlError> {
        let relation = parse_relation(&part.padded).map_err(|e| SqlError::syntax(&e, &part.padded))?;
        let owner = bind::own_name(&relation);
        let word = format!("{PREFIX}{}", self.expressions.len() + self.relations.len());
        self.relations.insert(word.clone(), relation);
        Ok((word, owner))
    }

    /// Plans a text of ours with the pieces in their places.
    pub(in crate::local::engine) async fn plan(
        &self,
        engine: &Engine,
        text: &str,
        scope: &Scope,
    ) -> Result<Planned, SqlError> {
        self.reading(engine, text, scope, &Given::default()).await
    }

    /// Plans a text of ours with the pieces in their places; it may read what is given.
    pub(in crate::local::engine) async fn reading(
        &self,
        engine: &Engine,
        text: &str,
        scope: &Scope,
        given: &Given,
    ) -> Result<Planned, SqlError> {
        let mut query: Query = parse_query(text).map_err(|e| SqlError::internal(format!("{e}: {text}")))?;
        let mut put = Put(self);
        let _ = VisitMut::visit(&mut query, &mut put);
        tree(engine, query, scope, given).await
    }
}

/// Plans the query of an INSERT. In the rows of a `VALUES`, the word DEFAULT stands for what `default` gives for the
/// column at this place.
pub(in crate::local::engine) async fn inserted(
    engine: &Engine,
    part: &Part,
    scope: &Scope,
    default: impl Fn(usize, usize) -> String,
) -> Result<Planned, SqlError> {
    let mut query = parse_query(&part.padded).map_err(|e| SqlError::syntax(&e, &part.padded))?;
    if let SetExpr::Values(values) = query.body.as_mut() {
        for row in &mut values.rows {
            let width = row.len();
            for (i, expr) in row.iter_mut().enumerate() {
                if let Expr::Identifier(ident) = expr
                    && ident.quote_style.is_none()
                    && ident.value.eq_ignore_ascii_case("default")
                {
                    let text = default(i, width);
                    let parsed = parse_expression(&text).map_err(|e| SqlError::syntax(&e, &text).without_place())?;
                    *expr = Expr::Nested(Box::new(parsed));
                }
            }
        }
    }
    tree(engine, query, scope, &Given::default()).await
}

struct Put<'a>(&'a Pieces);

// What was put in is not visited again: a piece may hold any name.
impl VisitorMut for Put<'_> {
    type Break = ();

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        if let Expr::Identifier(ident) = expr
            && let Some(piece) = self.0.expressions.get(&ident.value)
        {
            *expr = piece.clone();
        }
        ControlFlow::Continue(())
    }

    fn post_visit_table_factor(&mut self, factor: &mut TableFactor) -> ControlFlow<()> {
        if let TableFactor::Table { name, .. } = factor
            && let [ObjectNamePart::Identifier(ident)] = name.0.as_slice()
            && let Some(piece) = self.0.relations.get(&ident.value)
        {
            *factor = piece.clone();
        }
        ControlFlow::Continue(())
    }
}

struct Qualify<'a> {
    owner: &'a str,
    columns: &'a [String],
}

impl VisitorMut for Qualify<'_> {
    type Break = ();

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        if let Expr::Identifier(ident) = expr
            && self.columns.iter().any(|column| column.eq_ignore_ascii_case(&ident.value))
        {
            let owner = Ident::with_quote_and_span('`', ident.span, self.owner);
            *expr = Expr::CompoundIdentifier(vec![owner, ident.clone()]);
        }
        ControlFlow::Continue(())
    }
}
