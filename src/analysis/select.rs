//! SELECT: its list with stars and aliases, its clauses, and the rule of GROUP BY.

use std::collections::HashSet;

use sqlparser::ast::{
    Expr, GroupByExpr, Ident, NamedWindowExpr, ObjectName, ObjectNamePart, Select, SelectItem,
    SelectItemQualifiedWildcardKind, Spanned, WildcardAdditionalOptions,
};

use super::DataType;
use super::expr::{children, is_aggregate, output_name, whole_number};
use super::from::From;
use super::lineage::{Clauses, How, Origin};
use super::resolve::{Resolver, suggestion};
use super::scope::{Found, Offered, Output, Scope, same};

impl Resolver<'_> {
    /// Resolves a SELECT; returns what it offers, and the scope that ORDER BY may use.
    pub(super) fn select<'p>(&mut self, select: &Select, parent: Option<&'p Scope<'p>>) -> (Output, Scope<'p>) {
        let mut from = self.from(&select.from, parent);
        for view in &select.lateral_views {
            self.lateral_view(view, &mut from);
        }
        if let Some(condition) = &select.selection {
            from.scope.unseen = select.projection.iter().flat_map(aliases).map(|a| a.value.clone()).collect();
            let mark = self.mark();
            let data_type = self.expr(condition, &from.scope);
            self.influence(mark, Clauses::FILTER);
            self.check_truth_value(condition, "WHERE", data_type);
            from.scope.unseen.clear();
        }
        let output = self.select_list(select, &mut from);
        let scope = from.scope;
        self.group_by(&select.group_by, &output, &scope);
        if select.distinct.is_some() {
            output.columns.iter().for_each(|column| self.decides(column.origin, Clauses::GROUP));
        }
        let mark = self.mark();
        for (clause, condition) in [("HAVING", &select.having), ("QUALIFY", &select.qualify)] {
            if let Some(condition) = condition {
                let data_type = self.expr(condition, &scope);
                self.check_truth_value(condition, clause, data_type);
            }
        }
        self.influence(mark, Clauses::FILTER);
        let mark = self.mark();
        for window in &select.named_window {
            if let NamedWindowExpr::WindowSpec(spec) = &window.1 {
                for part in spec.partition_by.iter().chain(spec.order_by.iter().map(|o| &o.expr)) {
                    self.expr(part, &scope);
                }
            }
        }
        let sorted = select.sort_by.iter().map(|o| &o.expr);
        for key in select.cluster_by.iter().chain(&select.distribute_by).chain(sorted) {
            self.expr(key, &scope);
        }
        self.influence(mark, Clauses::ORDER);
        self.check_grouping(select, &scope);
        self.check_misuse(select, &scope);
        self.lint_select(select, &scope);
        (output, scope)
    }

    /// Resolves the SELECT list. Each alias can be seen by what follows it, and stays in the scope for later clauses.
    fn select_list(&mut self, select: &Select, from: &mut From<'_>) -> Output {
        let mut output = Output::default();
        if select.projection.is_empty() {
            return from.star.clone();
        }
        for item in &select.projection {
            match item {
                SelectItem::UnnamedExpr(e) => match self.generated_columns(e, &from.scope) {
                    Some(made) => {
                        output.extend(&made);
                    }
                    None => {
                        let (data_type, origin) = self.value(e, &from.scope);
                        output.columns.push(Offered::new(output_name(e), data_type, origin));
                    }
                },
                SelectItem::ExprWithAlias { expr, alias } => {
                    let (data_type, origin) = match self.generated_columns(expr, &from.scope) {
                        Some(made) => {
                            let only = made.columns.len() == 1;
                            let first = made.columns.into_iter().next();
                            first.map_or((None, self.unknown_origin()), |c| {
                                (c.column.data_type.filter(|_| only), c.origin)
                            })
                        }
                        None => self.value(expr, &from.scope),
                    };
                    self.named(alias, data_type, origin, from, &mut output);
                }
                SelectItem::ExprWithAliases { expr, aliases } => {
                    let made = self.generated_columns(expr, &from.scope);
                    let whole = match &made {
                        None => self.value(expr, &from.scope).1,
                        Some(_) => self.unknown_origin(),
                    };
                    let made = made.map(|o| o.columns).unwrap_or_default();
                    for (i, alias) in aliases.iter().enumerate() {
                        let data_type = made.get(i).and_then(|c| c.data_type.clone());
                        let origin = made.get(i).map_or(whole, |c| c.origin);
                        self.named(alias, data_type, origin, from, &mut output);
                    }
                }
                SelectItem::Wildcard(options) => {
                    let star = from.star.clone();
                    self.star(star, options, &from.scope, &mut output);
                }
                SelectItem::QualifiedWildcard(SelectItemQualifiedWildcardKind::ObjectName(name), options) => {
                    let mark = self.mark();
                    let star = self.qualified_star(name, &from.scope);
                    let star = self.struct_star(mark, star);
                    self.star(star, options, &from.scope, &mut output);
                }
                SelectItem::QualifiedWildcard(SelectItemQualifiedWildcardKind::Expr(e), options) => {
                    let mark = self.mark();
                    let star = fields(self.expr(e, &from.scope));
                    let star = self.struct_star(mark, star);
                    self.star(star, options, &from.scope, &mut output);
                }
            }
        }
        output
    }

    fn named(
        &mut self,
        alias: &Ident,
        data_type: Option<DataType>,
        origin: Origin,
        from: &mut From<'_>,
        output: &mut Output,
    ) {
        let column = Offered::new(alias.value.clone(), data_type, origin);
        from.scope.aliases.push(column.clone());
        output.columns.push(column);
    }

    /// Resolves an expression that becomes a column: its type, and where it comes from.
    fn value(&mut self, e: &Expr, scope: &Scope<'_>) -> (Option<DataType>, Origin) {
        let mark = self.mark();
        let data_type = self.expr(e, scope);
        let mut inner = e;
        while let Expr::Nested(nested) = inner {
            inner = nested;
        }
        if !matches!(inner, Expr::Identifier(_) | Expr::CompoundIdentifier(_)) {
            self.raise(mark, How::Computed);
        }
        (data_type, self.origin(mark))
    }

    /// The star of a struct that was read since a mark: its fields come from there. Any other star stays as it is.
    fn struct_star(&mut self, mark: usize, mut star: Output) -> Output {
        if self.trace.is_none() || self.mark() == mark {
            return star;
        }
        self.raise(mark, How::Computed);
        let origin = self.origin(mark);
        star.columns.iter_mut().for_each(|column| column.origin = origin);
        star.passes = None;
        star
    }

    /// The columns that a function such as `explode` makes; none if the expression is no such call.
    fn generated_columns(&mut self, e: &Expr, scope: &Scope<'_>) -> Option<Output> {
        use crate::dialect::functions::{FunctionKind, function};
        let Expr::Function(call) = e else { return None };
        let [ObjectNamePart::Identifier(name)] = call.name.0.as_slice() else { return None };
        if function(&name.value).is_none_or(|f| f.kind != FunctionKind::Table) {
            return None;
        }
        Some(self.generator(call, scope).unwrap_or_else(Output::unknown))
    }

    /// What `t.*` stands for: a source's columns, or a struct's fields.
    fn qualified_star(&mut self, name: &ObjectName, scope: &Scope<'_>) -> Output {
        let idents: Vec<Ident> = name.0.iter().filter_map(|p| p.as_ident().cloned()).collect();
        let parts: Vec<String> = idents.iter().map(|i| i.value.clone()).collect();
        if let Some(output) = scope.source_named(&parts) {
            return output.clone();
        }
        if let Found::Missing = scope.find(&parts) {
            let labels = scope.labels();
            let near = crate::diag::did_you_mean(&name.to_string(), labels.iter().map(String::as_str));
            let help = near.map(|near| format!("Did you mean `{near}`?"));
            self.error(name.span(), "unknown-table", format!("there is no table or alias `{name}` here"), help);
            return Output::unknown();
        }
        fields(self.name(&idents, scope))
    }

    /// Adds the columns of a star, with its EXCEPT.
    fn star(&mut self, star: Output, options: &WildcardAdditionalOptions, scope: &Scope<'_>, output: &mut Output) {
        let Output { mut columns, .. } = star;
        if let Some(except) = &options.opt_except {
            for ident in std::iter::once(&except.first_element).chain(&except.additional_elements) {
                if !star.open && !columns.iter().any(|c| same(&c.name, &ident.value)) {
                    let names: Vec<String> = columns.iter().map(|c| c.name.clone()).collect();
                    let message = format!("EXCEPT names the column `{}`, which the star does not have", ident.value);
                    self.error(ident.span, "unknown-column", message, Some(suggestion(&ident.value, &names)));
                }
                columns.retain(|c| !same(&c.name, &ident.value));
            }
        }
        if let Some(replace) = &options.opt_replace {
            for element in &replace.items {
                let (data_type, origin) = self.value(&element.expr, scope);
                if let Some(column) = columns.iter_mut().find(|c| same(&c.name, &element.column_name.value)) {
                    *column = Offered::new(column.name.clone(), data_type, origin);
                }
            }
        }
        let other = options.opt_ilike.is_some() || options.opt_exclude.is_some() || options.opt_rename.is_some();
        output.extend(&Output {
            columns,
            open: star.open || other,
            passes: star.passes.filter(|_| !other),
            rows: star.rows,
        });
    }

    fn group_by(&mut self, group_by: &GroupByExpr, output: &Output, scope: &Scope<'_>) {
        let GroupByExpr::Expressions(keys, _) = group_by else {
            for column in &output.columns {
                if self.is_of_one_row(column.origin) {
                    self.decides(column.origin, Clauses::GROUP);
                }
            }
            return;
        };
        let mark = self.mark();
        for key in keys.iter().flat_map(grouping_keys) {
            self.position(key, output, "GROUP BY");
            self.expr(key, scope);
        }
        self.influence(mark, Clauses::GROUP);
    }

    /// Checks that what a grouped SELECT shows is grouped or aggregated. A column that occurs in GROUP BY in any way
    /// passes: whether two expressions mean the same is not decided here.
    fn check_grouping(&mut self, select: &Select, scope: &Scope<'_>) {
        let GroupByExpr::Expressions(keys, modifiers) = &select.group_by else { return };
        if !modifiers.is_empty() {
            return;
        }
        let items: Vec<(&Expr, Option<&Ident>)> = select
            .projection
            .iter()
            .filter_map(|item| match item {
                SelectItem::UnnamedExpr(e) => Some((e, None)),
                SelectItem::ExprWithAlias { expr, alias } => Some((expr, Some(alias))),
                SelectItem::ExprWithAliases { expr, .. } => Some((expr, None)),
                _ => None,
            })
            .collect();
        // HAVING without GROUP BY makes one group of all rows.
        if keys.is_empty() && select.having.is_none() && !items.iter().any(|(e, _)| has_aggregate(e)) {
            return;
        }
        // What is grouped by is not known where a key is none of the columns.
        if keys.iter().flat_map(grouping_keys).any(|key| is_missing(key, scope, &items)) {
            return;
        }
        let stars = select.projection.len() != items.len();
        let mut grouped = HashSet::new();
        for key in keys.iter().flat_map(grouping_keys) {
            match whole_number(key) {
                // Stars before it move the positions.
                Some(_) if stars => return,
                Some(n) => match usize::try_from(n - 1).ok().and_then(|i| items.get(i)) {
                    Some((e, _)) => collect(e, scope, &items, &mut grouped, false, 0),
                    None => return,
                },
                None => collect(key, scope, &items, &mut grouped, false, 0),
            }
        }
        for (e, _) in &items {
            let mut shown = HashSet::new();
            collect(e, scope, &[], &mut shown, true, 0);
            let mut missing: Vec<_> = shown.into_iter().filter(|c| !grouped.iter().any(|g| g.same_column(c))).collect();
            missing.sort_by_key(|c| c.idents.first().map(|i| i.span.start));
            for column in missing {
                let (Some(first), Some(last)) = (column.idents.first(), column.idents.last()) else { continue };
                let name = column.idents.iter().map(|i| i.value.as_str()).collect::<Vec<_>>().join(".");
                let message = format!("`{name}` is neither in GROUP BY nor inside an aggregate");
                let help = format!("Add it to GROUP BY, or take `any_value({name})` if it does not matter which.");
                self.error(first.span.union(&last.span), "not-grouped", message, Some(help));
            }
        }
    }
}

/// Tells whether an expression names something that is not there.
fn is_missing(e: &Expr, scope: &Scope<'_>, items: &[(&Expr, Option<&Ident>)]) -> bool {
    let mut open = vec![e];
    while let Some(e) = open.pop() {
        let idents: &[Ident] = match e {
            Expr::Identifier(ident) => std::slice::from_ref(ident),
            Expr::CompoundIdentifier(idents) => idents,
            Expr::Lambda(_) => continue,
            other => {
                open.extend(children(other));
                continue;
            }
        };
        let is_alias = |name: &str| items.iter().any(|(_, alias)| alias.is_some_and(|alias| same(&alias.value, name)));
        let parts: Vec<String> = idents.iter().map(|i| i.value.clone()).collect();
        let found = scope.find(&parts);
        let there = matches!(found, Found::Column { .. } | Found::Other { .. } | Found::Perhaps);
        let is_there = there || matches!(parts.as_slice(), [name] if is_alias(name));
        if !is_there {
            return true;
        }
    }
    false
}

/// The aliases that an item of a SELECT list gives.
fn aliases(item: &SelectItem) -> &[Ident] {
    match item {
        SelectItem::ExprWithAlias { alias, .. } => std::slice::from_ref(alias),
        SelectItem::ExprWithAliases { aliases, .. } => aliases,
        _ => &[],
    }
}

/// A column that an expression refers to.
#[derive(PartialEq, Eq, Hash)]
struct Reference {
    /// The source; none where USING made the columns of several sources one.
    source: Option<usize>,
    /// The column, in lower case.
    column: String,
    idents: Vec<Ident>,
}

impl Reference {
    fn same_column(&self, other: &Self) -> bool {
        let same_source = self.source.is_none() || other.source.is_none() || self.source == other.source;
        same_source && self.column == other.column
    }
}

/// Collects the columns of this very SELECT that an expression refers to, looking through aliases, and on demand
/// leaving out what stands inside aggregates. Subqueries and lambdas are left out.
fn collect(
    e: &Expr,
    scope: &Scope<'_>,
    items: &[(&Expr, Option<&Ident>)],
    into: &mut HashSet<Reference>,
    outside_aggregates: bool,
    depth: usize,
) {
    const MOST_ALIASES: usize = 20;
    let mut open = vec![e];
    while let Some(e) = open.pop() {
        let idents: &[Ident] = match e {
            Expr::Identifier(ident) => std::slice::from_ref(ident),
            Expr::CompoundIdentifier(idents) => idents,
            Expr::Lambda(_) => continue,
            Expr::CompoundFieldAccess { root, .. } if matches!(**root, Expr::Identifier(_)) => {
                // Which part is the column is not decided here; shown, it passes.
                if !outside_aggregates {
                    open.push(root);
                }
                continue;
            }
            Expr::Function(call) if outside_aggregates && is_aggregate(call) => continue,
            Expr::Function(call) if super::expr::takes_lambda(call) && outside_aggregates => continue,
            other => {
                open.extend(children(other));
                continue;
            }
        };
        let parts: Vec<String> = idents.iter().map(|i| i.value.clone()).collect();
        // A column goes before an alias of that name.
        if let Found::Column { source, used, .. } = scope.find(&parts) {
            let column = parts[used - 1].to_lowercase();
            let source = (!scope.merged.contains(&column)).then_some(source);
            into.insert(Reference { source, column, idents: idents.to_vec() });
        } else if let ([single], true) = (parts.as_slice(), depth < MOST_ALIASES) {
            for (aliased, _) in items.iter().filter(|(_, a)| a.is_some_and(|a| same(&a.value, single))) {
                collect(aliased, scope, items, into, outside_aggregates, depth + 1);
            }
        }
    }
}

pub(super) fn has_aggregate(e: &Expr) -> bool {
    let mut open = vec![e];
    while let Some(e) = open.pop() {
        match e {
            Expr::Function(call) if is_aggregate(call) => return true,
            other => open.extend(children(other)),
        }
    }
    false
}

/// The expressions of GROUPING SETS, CUBE, ROLLUP and parentheses.
pub(super) fn grouping_keys(key: &Expr) -> Vec<&Expr> {
    match key {
        Expr::GroupingSets(sets) | Expr::Cube(sets) | Expr::Rollup(sets) => {
            sets.iter().flatten().flat_map(grouping_keys).collect()
        }
        Expr::Tuple(keys) => keys.iter().flat_map(grouping_keys).collect(),
        Expr::Nested(inner) => grouping_keys(inner),
        other => vec![other],
    }
}

/// The fields of a struct as columns.
fn fields(data_type: Option<DataType>) -> Output {
    match data_type {
        Some(DataType::Struct(fields)) => {
            let columns = fields.into_iter().map(|(name, data_type)| Offered::new(name, data_type, Origin::default()));
            Output { columns: columns.collect(), ..Output::default() }
        }
        _ => Output::unknown(),
    }
}
