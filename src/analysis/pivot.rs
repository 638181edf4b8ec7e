//! PIVOT and UNPIVOT: the columns that they make.

use sqlparser::ast::{Expr, ExprWithAlias, Ident, PivotValueSource, TableFactor, Value};

use super::expr::{children, output_name};
use super::from::unknown_source;
use super::lineage::{Clauses, How};
use super::resolve::Resolver;
use super::scope::{Offered, Output, Scope, Source, same};
use super::{Column, DataType, types};

impl Resolver<'_> {
    /// PIVOT gives the columns that neither its aggregates nor its FOR name, and one for each value and aggregate.
    pub(super) fn pivot(&mut self, factor: &TableFactor, parent: Option<&Scope<'_>>) -> Source {
        let TableFactor::Pivot { table, aggregate_functions, value_column, value_source, .. } = factor else {
            return unknown_source("pivot");
        };
        let inner = self.inner(table, parent);
        let made: Vec<_> = aggregate_functions
            .iter()
            .map(|function| {
                let mark = self.mark();
                let data_type = self.expr(&function.expr, &inner.scope);
                self.raise(mark, How::Aggregated);
                (data_type, self.origin(mark))
            })
            .collect();
        let mark = self.mark();
        for column in value_column {
            self.expr(column, &inner.scope);
        }
        self.influence(mark, Clauses::EXPAND);
        let PivotValueSource::List(values) = value_source else { return unknown_source("pivot") };
        let used: Vec<Ident> =
            aggregate_functions.iter().map(|f| &f.expr).chain(value_column).flat_map(names).collect();
        let is_used = |column: &&Offered| used.iter().any(|name| same(&name.value, &column.name));
        let mut columns: Vec<Offered> = inner.star.columns.iter().filter(|c| !is_used(c)).cloned().collect();
        for value in values {
            let Some(value) = value_name(value) else { return unknown_source("pivot") };
            for (function, (data_type, origin)) in aggregate_functions.iter().zip(&made) {
                let name = match (aggregate_functions.len(), &function.alias) {
                    (1, _) => value.clone(),
                    (_, Some(alias)) => format!("{value}_{}", alias.value),
                    (_, None) => format!("{value}_{}", output_name(&function.expr)),
                };
                columns.push(Offered::new(name, data_type.clone(), *origin));
            }
        }
        let output = Output { columns, passes: None, ..inner.star };
        Source { names: Vec::new(), label: "pivot".to_owned(), output }
    }

    /// UNPIVOT gives the columns that it does not take, the name that each value had, and the values.
    pub(super) fn unpivot(&mut self, factor: &TableFactor, parent: Option<&Scope<'_>>) -> Source {
        let TableFactor::Unpivot { table, value, name, columns, .. } = factor else { return unknown_source("unpivot") };
        let inner = self.inner(table, parent);
        let mut taken = Vec::new();
        let mut found = Vec::new();
        let mark = self.mark();
        for column in columns {
            found.push(self.expr(&column.expr, &inner.scope));
            taken.extend(names(&column.expr));
        }
        // Each value is that of one of them.
        let origin = self.origin(mark);
        let is_taken = |column: &&Offered| taken.iter().any(|name| same(&name.value, &column.name));
        let mut made: Vec<Offered> = inner.star.columns.iter().filter(|c| !is_taken(c)).cloned().collect();
        made.push(Offered::from(Column { name: name.value.clone(), data_type: Some(DataType::String) }));
        match value {
            Expr::Tuple(values) => {
                made.extend(values.iter().map(|value| Offered::new(output_name(value), None, origin)));
            }
            single => {
                let data_type = types::common(found.iter().map(Option::as_ref));
                made.push(Offered::new(output_name(single), data_type, origin));
            }
        }
        let output = Output { columns: made, passes: None, ..inner.star };
        Source { names: Vec::new(), label: "unpivot".to_owned(), output }
    }
}

/// The names of the columns that an expression refers to, each without its table.
fn names(e: &Expr) -> Vec<Ident> {
    let mut found = Vec::new();
    let mut open = vec![e];
    while let Some(e) = open.pop() {
        match e {
            Expr::Identifier(ident) => found.push(ident.clone()),
            Expr::CompoundIdentifier(idents) => found.extend(idents.last().cloned()),
            other => open.extend(children(other)),
        }
    }
    found
}

/// The name that a value of PIVOT gives to its columns; none where it follows from how Spark writes the value.
fn value_name(value: &ExprWithAlias) -> Option<String> {
    if let Some(alias) = &value.alias {
        return Some(alias.value.clone());
    }
    match &value.expr {
        Expr::Value(literal) => match &literal.value {
            Value::SingleQuotedString(text) | Value::DoubleQuotedString(text) => Some(text.clone()),
            Value::Number(number, false) if number.bytes().all(|b| b.is_ascii_digit()) => Some(number.clone()),
            Value::Boolean(value) => Some(value.to_string()),
            _ => None,
        },
        _ => None,
    }
}
