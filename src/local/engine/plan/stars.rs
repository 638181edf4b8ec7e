//! Stars whose columns have to be known before the query is planned: `s.*` of a struct, `struct(*)` and other calls
//! with a star, and a bare star beside another.
//!
//! The FROM of such a select is planned alone, under a probe: the planner comes back with its columns, and they are
//! written out in the tree.

use std::collections::HashSet;
use std::fmt;
use std::ops::ControlFlow;

use datafusion::arrow::datatypes::{DataType, Field};
use datafusion::common::{DataFusionError, Result, TableReference};
use datafusion::logical_expr::utils::expand_wildcard;
use datafusion::logical_expr::{Expr as Planned, LogicalPlan};
use sqlparser::ast::{
    Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments, Ident, ObjectNamePart, Query, Select, SelectItem,
    SelectItemQualifiedWildcardKind, TableFactor, Visit, VisitMut, Visitor, VisitorMut,
};

use super::{ast, forms, names};
use crate::dialect::select_star;
use crate::local::engine::error::SqlError;
use crate::local::engine::functions::fields;

/// The alias of a FROM that is planned for its columns alone.
const PROBE: &str = "__kiln_probe";

/// Whether what stands in FROM is a probe.
pub(super) fn is_probe(factor: &TableFactor) -> bool {
    matches!(factor, TableFactor::NestedJoin { alias: Some(alias), .. } if alias.name.value == PROBE)
}

/// The columns of a FROM, on their way back from the planner.
#[derive(Debug)]
pub(super) struct Columns {
    all: Vec<Column>,
    /// Those that a bare star means, as places in `all`.
    starred: Vec<usize>,
}

#[derive(Debug)]
struct Column {
    path: Vec<String>,
    data_type: DataType,
}

impl fmt::Display for Columns {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a FROM with {} columns", self.all.len())
    }
}

impl std::error::Error for Columns {}

/// What the planner answers to a probe.
pub(super) fn found(plan: &LogicalPlan) -> DataFusionError {
    let columns = || -> Result<Columns> {
        let schema = plan.schema();
        let path = |relation: Option<&TableReference>, field: &Field| {
            let parts = relation.map(TableReference::to_vec).unwrap_or_default();
            parts.into_iter().chain([names::written_name(field).unwrap_or(field.name()).to_owned()]).collect()
        };
        let all: Vec<_> = schema
            .iter()
            .map(|(relation, field)| Column { path: path(relation, field), data_type: field.data_type().clone() })
            .collect();
        let starred = expand_wildcard(schema, plan, None)?
            .iter()
            .filter_map(|expr| match expr {
                Planned::Column(column) => schema.index_of_column(column).ok(),
                _ => None,
            })
            .collect();
        Ok(Columns { all, starred })
    };
    columns().map_or_else(|error| error, |columns| DataFusionError::External(Box::new(columns)))
}

/// Which stars are written out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Which {
    /// Those that cannot be planned otherwise.
    Needed,
    /// Also those beside other items, which may bring a name twice.
    Beside,
}

/// Puts a probe into the first select, from the inside out, that has such a star.
pub(super) fn probe(query: &mut Query, which: Which) {
    let _ = query.visit(&mut First(which, |select: &mut Select| {
        let from = forms::joined(std::mem::take(&mut select.from));
        let alias = Some(ast::table_alias(PROBE));
        let from = TableFactor::NestedJoin { table_with_joins: Box::new(from), alias };
        *select = select_star(vec![forms::alone(from)]);
        Ok(())
    }));
}

/// Writes the columns out that the probe has found.
pub(super) fn write_out(query: &mut Query, columns: &Columns, which: Which) -> Result<(), SqlError> {
    match query.visit(&mut First(which, |select: &mut Select| columns.write_into(select, which))) {
        ControlFlow::Break(Err(error)) => Err(*error),
        _ => Ok(()),
    }
}

/// Does something with the first select that has stars to write out, and stops.
struct First<F>(Which, F);

impl<F: FnMut(&mut Select) -> Result<(), SqlError>> VisitorMut for First<F> {
    type Break = Result<(), Box<SqlError>>;

    fn post_visit_select(&mut self, select: &mut Select) -> ControlFlow<Self::Break> {
        if select.from.is_empty() || !(lists(select, self.0) || calls(select)) {
            return ControlFlow::Continue(());
        }
        ControlFlow::Break((self.1)(select).map_err(Box::new))
    }
}

/// Whether the list has the star of a struct, or a star and another item that bring a name twice.
fn lists(select: &Select, which: Which) -> bool {
    let relations = names::relations(select);
    let of_struct = select.projection.iter().any(|item| struct_star(item, &relations).is_some());
    of_struct || beside_another(select, which)
}

fn beside_another(select: &Select, which: Which) -> bool {
    let is_star = |item: &&SelectItem| matches!(item, SelectItem::Wildcard(_) | SelectItem::QualifiedWildcard(..));
    let stars = select.projection.iter().filter(is_star);
    match which {
        Which::Needed => {
            stars.clone().count() > 1
                && stars.clone().any(|item| matches!(item, SelectItem::Wildcard(_)) && may_write(item))
        }
        Which::Beside => select.projection.len() > 1 && stars.clone().any(may_write),
    }
}

/// The path of a star that is not that of a table.
fn struct_star<'a>(item: &'a SelectItem, relations: &HashSet<String>) -> Option<Vec<&'a Ident>> {
    let SelectItem::QualifiedWildcard(SelectItemQualifiedWildcardKind::ObjectName(name), _) = item else { return None };
    let path: Option<Vec<_>> = name.0.iter().map(ObjectNamePart::as_ident).collect();
    path.filter(|path| path.last().is_some_and(|last| !relations.contains(&last.value.to_lowercase())))
}

/// Whether a star is one whose columns can be written out: nothing is put in.
fn may_write(item: &SelectItem) -> bool {
    let (SelectItem::Wildcard(options) | SelectItem::QualifiedWildcard(_, options)) = item else { return false };
    options.opt_exclude.is_none()
        && options.opt_replace.is_none()
        && options.opt_rename.is_none()
        && options.opt_ilike.is_none()
}

fn calls(select: &Select) -> bool {
    struct Starred;
    impl Visitor for Starred {
        type Break = ();
        fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
            match expr {
                Expr::Function(function) if is_starred(function) => ControlFlow::Break(()),
                _ => ControlFlow::Continue(()),
            }
        }
    }
    select.visit(&mut Starred).is_break()
}

/// Whether a call has a star that stands for columns: in `count(*)` it stands for rows.
fn is_starred(function: &Function) -> bool {
    let FunctionArguments::List(list) = &function.args else { return false };
    let counts = ast::function_name(function) == "count" && !ast::is_distinct(function);
    list.args.iter().any(|arg| match arg {
        FunctionArg::Unnamed(FunctionArgExpr::Wildcard) => !counts,
        FunctionArg::Unnamed(FunctionArgExpr::QualifiedWildcard(_)) => true,
        _ => false,
    })
}

impl Columns {
    fn write_into(&self, select: &mut Select, which: Which) -> Result<(), SqlError> {
        let relations = names::relations(select);
        let all = beside_another(select, which);
        let mut items = Vec::with_capacity(select.projection.len());
        for item in std::mem::take(&mut select.projection) {
            if let Some(path) = struct_star(&item, &relations) {
                let path: Vec<Ident> = path.into_iter().cloned().collect();
                let fields = self.fields(&path)?;
                let left_out = left_out(&item);
                for field in fields.iter().filter(|field| !left_out.contains(&field.to_lowercase())) {
                    let alias = Ident::with_quote('`', field);
                    let expr = Expr::CompoundIdentifier(path.iter().cloned().chain([alias.clone()]).collect());
                    items.push(SelectItem::ExprWithAlias { expr, alias });
                }
            } else if all && may_write(&item) {
                let left_out = left_out(&item);
                let kept =
                    |column: &&Column| !column.path.last().is_some_and(|name| left_out.contains(&name.to_lowercase()));
                let columns: Vec<_> = match &item {
                    SelectItem::QualifiedWildcard(SelectItemQualifiedWildcardKind::ObjectName(name), _) => {
                        let relation = ast::last_name(name);
                        self.all.iter().filter(|column| column.is_of(&relation)).collect()
                    }
                    _ => self.starred().collect(),
                };
                let kept = columns.into_iter().filter(kept);
                items.extend(kept.map(|column| SelectItem::UnnamedExpr(column.reference())));
            } else {
                items.push(item);
            }
        }
        select.projection = items;
        match select.visit(&mut Calls(self)) {
            ControlFlow::Continue(()) => Ok(()),
            ControlFlow::Break(error) => Err(*error),
        }
    }

    fn starred(&self) -> impl Iterator<Item = &Column> {
        self.starred.iter().filter_map(|i| self.all.get(*i))
    }

    /// The names of the fields of a struct.
    fn fields(&self, path: &[Ident]) -> Result<Vec<String>, SqlError> {
        let same = |a: &str, b: &Ident| a.to_lowercase() == b.value.to_lowercase();
        // A column may be called by its name alone, or with its table's before it.
        let reached = self.all.iter().find_map(|column| {
            (1..=column.path.len().min(path.len())).rev().find_map(|n| {
                let tail = &column.path[column.path.len() - n..];
                let is = tail.iter().zip(path).all(|(a, b)| same(a, b));
                is.then_some((&column.data_type, &path[n..]))
            })
        });
        let mut data_type = reached.map(|(data_type, _)| data_type);
        for part in reached.map(|(_, rest)| rest).unwrap_or_default() {
            let Some(DataType::Struct(fields)) = data_type else { break };
            let place = fields::place(&DataType::Struct(fields.clone()), &part.value)?;
            data_type = Some(fields[place].data_type());
        }
        match data_type {
            Some(DataType::Struct(fields)) => Ok(fields.iter().map(|field| field.name().clone()).collect()),
            _ => {
                let name = path.iter().map(|part| part.value.as_str()).collect::<Vec<_>>().join(".");
                let place = path.first().and_then(|first| ast::start(first.span));
                Err(SqlError::new(
                    "CANNOT_RESOLVE_STAR_EXPAND",
                    "42704",
                    format!("No table in reach is called {name}, and no struct, so {name}.* has no columns."),
                )
                .at(place))
            }
        }
    }
}

impl Column {
    fn is_of(&self, relation: &str) -> bool {
        self.path.iter().rev().nth(1).is_some_and(|name| name.eq_ignore_ascii_case(relation))
    }

    fn reference(&self) -> Expr {
        let mut parts: Vec<Ident> = self.path.iter().map(|part| Ident::with_quote('`', part)).collect();
        if parts.len() == 1 { Expr::Identifier(parts.remove(0)) } else { Expr::CompoundIdentifier(parts) }
    }
}

/// The names behind EXCEPT, in lower case.
fn left_out(item: &SelectItem) -> HashSet<String> {
    let (SelectItem::Wildcard(options) | SelectItem::QualifiedWildcard(_, options)) = item else {
        return HashSet::new();
    };
    let except = options.opt_except.iter();
    except
        .flat_map(|except| std::iter::once(&except.first_element).chain(&except.additional_elements))
        .map(|ident| ident.value.to_lowercase())
        .collect()
}

/// Writes the columns into calls.
struct Calls<'a>(&'a Columns);

impl VisitorMut for Calls<'_> {
    type Break = Box<SqlError>;

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<Self::Break> {
        if let Expr::Function(function) = expr
            && is_starred(function)
        {
            if ast::function_name(function) == "count" && !ast::is_distinct(function) {
                let text = "count does not take the columns of a table: count its rows with count(*), or name columns.";
                let error = SqlError::new("INVALID_USAGE_OF_STAR_WITH_TABLE_IDENTIFIER_IN_COUNT", "42000", text);
                return ControlFlow::Break(Box::new(error.at(ast::start(ast::name_span(&function.name)))));
            }
            self.write_into(function);
        }
        ControlFlow::Continue(())
    }
}

impl Calls<'_> {
    fn write_into(&self, function: &mut Function) {
        if let FunctionArguments::List(list) = &mut function.args {
            let plain = |expr| FunctionArg::Unnamed(FunctionArgExpr::Expr(expr));
            let mut args = Vec::new();
            for arg in std::mem::take(&mut list.args) {
                match arg {
                    FunctionArg::Unnamed(FunctionArgExpr::Wildcard) => {
                        args.extend(self.0.starred().map(Column::reference).map(plain))
                    }
                    FunctionArg::Unnamed(FunctionArgExpr::QualifiedWildcard(name)) => {
                        let relation = ast::last_name(&name);
                        let of = self.0.all.iter().filter(|column| column.is_of(&relation));
                        args.extend(of.map(Column::reference).map(plain));
                    }
                    other => args.push(other),
                }
            }
            list.args = args;
        }
    }
}
