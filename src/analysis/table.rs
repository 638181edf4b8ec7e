//! Whether the columns that a query returns can become the columns of a table.

use sqlparser::ast::{Ident, Select, SelectItem, SetExpr, Spanned};
use sqlparser::tokenizer::Span as TreeSpan;

use super::expr::output_name;
use super::scope::same;
use super::{Column, Parsed};
use crate::diag::{Diagnostic, Diagnostics};

/// Characters that a plain Delta table refuses in names of columns.
const REFUSED: [char; 10] = [' ', ',', ';', '{', '}', '(', ')', '\n', '\t', '='];

/// Checks that a table or view can have these columns, which [`super::resolve`] found: no name may come twice (an
/// error), and names should not need quoting (a warning: a plain Delta table refuses them).
pub fn check_table_columns(parsed: &Parsed, columns: &[Column]) -> Diagnostics {
    let mut problems = Diagnostics::new();
    for (i, column) in columns.iter().enumerate() {
        let name = &column.name;
        let span = parsed.span(parsed.map.range(place(parsed, name)));
        if columns[..i].iter().any(|c| same(&c.name, name)) {
            let message = format!("two columns of the query are named `{name}`");
            let help = "Give one of them another name, or leave it out with `* EXCEPT (…)`.";
            problems.push(Diagnostic::error("duplicate-column", message).at(span).help(help));
        } else if name.contains(REFUSED) {
            let message = format!("the column `{name}` has a name that a Delta table refuses");
            problems.push(Diagnostic::warning("column-name", message).at(span).help("Give it an alias: `… AS name`."));
        }
    }
    problems
}

/// Where a column of this name is made: the last item of the SELECT list that gives it, or the first star.
fn place(parsed: &Parsed, name: &str) -> TreeSpan {
    let Some(select) = first_select(&parsed.query.body) else { return TreeSpan::empty() };
    let named = select.projection.iter().rev().find_map(|item| match item {
        SelectItem::UnnamedExpr(e) => same(&output_name(e), name).then(|| e.span()),
        SelectItem::ExprWithAlias { alias, .. } => alias_span(alias, name),
        SelectItem::ExprWithAliases { aliases, .. } => aliases.iter().find_map(|alias| alias_span(alias, name)),
        _ => None,
    });
    let star = select.projection.iter().find_map(|item| match item {
        SelectItem::Wildcard(_) | SelectItem::QualifiedWildcard(..) => Some(item.span()),
        _ => None,
    });
    named.or(star).unwrap_or(select.select_token.0.span)
}

fn alias_span(alias: &Ident, name: &str) -> Option<TreeSpan> {
    same(&alias.value, name).then_some(alias.span)
}

/// The SELECT that gives a query's columns their names.
fn first_select(mut body: &SetExpr) -> Option<&Select> {
    loop {
        body = match body {
            SetExpr::Select(select) => return Some(select),
            SetExpr::Query(query) => &query.body,
            SetExpr::SetOperation { left, .. } => left,
            _ => return None,
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::{Relation, parse, resolve};
    use crate::diag::SourceFile;
    use crate::template::Rendered;

    #[test]
    fn names_that_cannot_be_columns_are_found_at_their_place() {
        let table = Relation::Known(["id", "a"].map(|name| Column { name: name.to_owned(), data_type: None }).into());
        for (sql, expected) in [
            ("select id, a from t", ""),
            ("select id, a as ID from t", "m.sql:1:17 error: two columns of the query are named `ID`"),
            ("select *, a + 1 as a from t", "m.sql:1:20 error: two columns of the query are named `a`"),
            (
                "select t.*, s.* from t cross join t as s",
                "m.sql:1:8 error: two columns of the query are named `id`; m.sql:1:8 error: two columns of the query are named `a`",
            ),
            (
                "select id, count(*) from t group by id",
                "m.sql:1:12 warning: the column `count(1)` has a name that a Delta table refuses",
            ),
            ("with x as (select 1 as n, 2 as n) select 1 as one union select 2 as one", ""),
        ] {
            let parsed = parse(&Rendered::plain(&SourceFile::new("m.sql", sql))).unwrap();
            let (columns, _) = resolve(&parsed, &|_| Some(table.clone()), &[]);
            let problems = check_table_columns(&parsed, &columns.unwrap());
            let shown: Vec<_> = problems
                .iter()
                .map(|d| format!("{} {}: {}", d.primary.as_ref().unwrap().0, d.severity, d.message))
                .collect();
            assert_eq!(shown.join("; "), expected, "{sql}");
        }
    }
}
