//! First pass over a query's tree: markers get their values, names of tables their catalog and schema.
//!
//! Afterwards every table is named by three lower-case parts, and what it means is listed apart; names of CTEs stay
//! single words.

use std::collections::{BTreeMap, HashMap};
use std::ops::ControlFlow;

use sqlparser::ast::{
    CastKind, Expr, FunctionArg, FunctionArgExpr, Ident, ObjectName, ObjectNamePart, Query, Select, TableAlias,
    TableFactor, TableVersion, TableWithJoins, Value, ValueWithSpan, VisitMut, VisitorMut,
};
use sqlparser::tokenizer::Span;

use super::ast;
use crate::dialect::{self, DataType, HISTORY, Name, name_parts, parse_query};
use crate::ids::TableName;
use crate::local::engine::api::Parameter;
use crate::local::engine::catalog::quoted;
use crate::local::engine::error::{SqlError, place};

/// The catalog of requests that name none.
pub(in crate::local::engine) const DEFAULT_CATALOG: &str = "main";
/// The schema of requests that name none.
pub(in crate::local::engine) const DEFAULT_SCHEMA: &str = "default";

/// What names and markers mean in a statement.
#[derive(Clone, Debug)]
pub(in crate::local::engine) struct Scope {
    /// The catalog of names that do not say theirs.
    pub(in crate::local::engine) catalog: String,
    /// The schema of names that do not say theirs.
    pub(in crate::local::engine) schema: String,
    /// Values of markers, by name in lower case.
    parameters: HashMap<String, Parameter>,
    /// The whole statement.
    pub(in crate::local::engine) statement: String,
    /// How many views one inside the other this is.
    pub(in crate::local::engine) depth: usize,
}

impl Scope {
    /// The scope of a statement that comes from a request.
    pub(in crate::local::engine) fn new(
        catalog: Option<&str>,
        schema: Option<&str>,
        parameters: &[Parameter],
        statement: &str,
    ) -> Self {
        Self {
            catalog: catalog.unwrap_or(DEFAULT_CATALOG).to_lowercase(),
            schema: schema.unwrap_or(DEFAULT_SCHEMA).to_lowercase(),
            parameters: parameters.iter().map(|p| (p.name.to_lowercase(), p.clone())).collect(),
            statement: statement.to_owned(),
            depth: 0,
        }
    }

    /// The scope of a view's query: names mean what they meant when the view was made, and there are no markers.
    pub(in crate::local::engine) fn of_view(&self, catalog: &str, schema: &str, query: &str) -> Self {
        Self {
            catalog: catalog.to_owned(),
            schema: schema.to_owned(),
            parameters: HashMap::new(),
            statement: query.to_owned(),
            depth: self.depth + 1,
        }
    }

    /// The full name of a table that a header names.
    pub(in crate::local::engine) fn table(&self, name: &Name) -> Result<TableName, SqlError> {
        let parts = self.parts(name)?;
        self.qualify(&parts).ok_or_else(|| too_many_parts(&parts)).map_err(|e| e.at(self.place(name)))
    }

    /// The parts of a name in a header.
    pub(in crate::local::engine) fn parts(&self, name: &Name) -> Result<Vec<String>, SqlError> {
        match name {
            Name::Parts { parts, .. } => Ok(parts.clone()),
            Name::Computed { expression, .. } => {
                let text = format!("SELECT {}", expression.text());
                let query = parse_query(&text).map_err(|e| SqlError::syntax(&e, &text))?;
                let parts = ast::only_expression(&query).and_then(|e| self.constant(e)).map(|text| name_parts(&text));
                parts.ok_or_else(|| not_constant().at(self.place(name)))
            }
        }
    }

    /// Line and column of a name in a header.
    pub(in crate::local::engine) fn place(&self, name: &Name) -> Option<(usize, usize)> {
        place(&self.statement, &name.range())
    }

    fn qualify(&self, parts: &[String]) -> Option<TableName> {
        match parts {
            [name] => Some(TableName::new(&self.catalog, &self.schema, name)),
            [schema, name] => Some(TableName::new(&self.catalog, schema, name)),
            [catalog, schema, name] => Some(TableName::new(catalog, schema, name)),
            _ => None,
        }
    }

    /// The text that a constant expression of strings and markers gives.
    fn constant(&self, expr: &Expr) -> Option<String> {
        dialect::constant(expr, &|marker| self.value(marker))
    }

    fn value(&self, marker: &str) -> Option<String> {
        self.parameters.get(&marker_name(marker))?.value.clone()
    }

    /// The parts of the name that `IDENTIFIER(args)` gives.
    pub(super) fn computed_name(&self, args: &[FunctionArg]) -> Result<Vec<String>, SqlError> {
        let text = dialect::constant_text(args, &|marker| self.value(marker));
        text.map(|text| name_parts(&text)).ok_or_else(not_constant)
    }

    /// What a marker stands for: a typed literal.
    fn marker(&self, marker: &str, span: Span) -> Result<Expr, SqlError> {
        let name = marker_name(marker);
        let Some(parameter) = self.parameters.get(&name).filter(|_| marker.starts_with(':')) else {
            return Err(SqlError::new(
                "UNBOUND_SQL_PARAMETER",
                "42P02",
                format!(
                    "Found the unbound parameter: {name}. Please, fix `args` and provide a mapping of the parameter to \
                     either a SQL literal or collection constructor functions such as `map()`, `array()`, `struct()`."
                ),
            )
            .at(ast::start(span)));
        };
        let text = parameter.type_.as_deref().unwrap_or("STRING");
        let data_type = DataType::parse(text).and_then(|t| ast::sql_type(&t)).ok_or_else(|| {
            SqlError::new(
                "UNSUPPORTED_DATATYPE",
                "0A000",
                format!("Unsupported data type \"{text}\" of the parameter {name}."),
            )
        })?;
        let value = match &parameter.value {
            Some(value) => Value::SingleQuotedString(value.clone()),
            None => Value::Null,
        };
        let expr = Box::new(Expr::Value(ValueWithSpan { value, span }));
        Ok(Expr::Cast { kind: CastKind::Cast, expr, data_type, array: false, format: None })
    }
}

fn marker_name(marker: &str) -> String {
    marker.trim_start_matches(':').to_lowercase()
}

fn not_constant() -> SqlError {
    SqlError::new(
        "NOT_A_CONSTANT_STRING.NOT_CONSTANT",
        "42601",
        "The expression used for the routine or clause IDENTIFIER must be a constant STRING which is NOT NULL. To be \
         considered constant the expression must not depend on any columns, subqueries, aggregations, or window \
         functions.",
    )
}

fn too_many_parts(parts: &[String]) -> SqlError {
    let parts: Vec<_> = parts.iter().map(String::as_str).collect();
    SqlError::new(
        "IDENTIFIER_TOO_MANY_NAME_PARTS",
        "42601",
        format!("{} is not a valid identifier as it has more than 3 name parts.", quoted(&parts)),
    )
}

/// Which version of a table.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::local::engine) enum Version {
    /// `VERSION AS OF n`
    Number(u64),
    /// `TIMESTAMP AS OF …`, as text.
    Time(String),
    /// `table_changes('t', from [, to])`: the rows that came and went, from one version or time to another.
    Changes(Box<Version>, Option<Box<Version>>),
    /// What `DESCRIBE HISTORY` tells of it, as rows: see [`HISTORY`].
    History,
    /// The rows that a statement of ours reads of the table that it changes: see [`TARGET`].
    Target,
}

impl Version {
    /// What tells references to several versions of a table apart.
    fn tag(&self) -> String {
        match self {
            Self::Number(n) => format!("v{n}"),
            Self::Time(text) => text.clone(),
            Self::Changes(from, to) => {
                format!("changes {} {}", from.tag(), to.as_ref().map(|to| to.tag()).unwrap_or_default())
            }
            Self::History => HISTORY.to_owned(),
            Self::Target => TARGET.to_owned(),
        }
    }
}

/// In texts of ours, the time of the table whose rows a statement changes: each of its rows comes with its file.
pub(in crate::local::engine) const TARGET: &str = "__kiln_target";

/// A table that a query reads.
#[derive(Clone, Debug)]
pub(in crate::local::engine) struct TableUse {
    /// The table or view.
    pub(in crate::local::engine) name: TableName,
    /// The version; `None` is the latest.
    pub(in crate::local::engine) version: Option<Version>,
    /// The parts as the query wrote them.
    pub(in crate::local::engine) written: Vec<String>,
    /// Line and column.
    pub(in crate::local::engine) position: Option<(usize, usize)>,
    /// Whether its columns are known under the table's own name alone.
    aliased: bool,
}

/// Binds a query in place; returns the tables it reads, by the reference that now stands in the tree.
pub(super) fn bind(query: &mut Query, scope: &Scope) -> Result<BTreeMap<[String; 3], TableUse>, SqlError> {
    let mut binder = Binder { scope, frames: Vec::new(), tables: BTreeMap::new() };
    match query.visit(&mut binder) {
        ControlFlow::Continue(()) => Ok(binder.tables),
        ControlFlow::Break(error) => Err(*error),
    }
}

/// The CTEs of one query: where each one's query lies in memory, its name, and the name under which it is planned,
/// which is another where an outer CTE has the name already.
struct Frame {
    ctes: Vec<(usize, String, String)>,
    /// How many of them can be seen from where the walk is.
    visible: usize,
    recursive: bool,
}

struct Binder<'a> {
    scope: &'a Scope,
    frames: Vec<Frame>,
    tables: BTreeMap<[String; 3], TableUse>,
}

impl Binder<'_> {
    /// The CTE that a name means, by the name under which it is planned.
    fn cte(&self, name: &str) -> Option<String> {
        let mut seen = self.frames.iter().rev().flat_map(|f| f.ctes[..f.visible].iter().rev());
        seen.find(|(_, cte, _)| cte == name).map(|(_, _, planned)| planned.clone())
    }

    fn table(
        &mut self,
        name: &mut ObjectName,
        alias: &mut Option<TableAlias>,
        version: &mut Option<TableVersion>,
    ) -> Result<(), SqlError> {
        let span = ast::name_span(name);
        let parts = self.parts(name)?;
        if let ([single], None) = (parts.as_slice(), &version)
            && let Some(planned) = self.cte(&single.to_lowercase())
        {
            *name = ast::object_name(&[&planned], span);
            return Ok(());
        }
        let table =
            self.scope.qualify(&parts).ok_or_else(|| too_many_parts(&parts)).map_err(|e| e.at(ast::start(span)))?;
        let version = version.take().map(|version| self.version(version)).transpose()?;
        let mut reference = [table.catalog.clone(), table.schema.clone(), table.name.clone()];
        if let Some(version) = &version {
            reference[2].push('@');
            reference[2].push_str(&version.tag());
        }
        if alias.is_none() && version.is_some() {
            *alias = Some(ast::table_alias(&table.name));
        }
        *name = ast::object_name(&[&reference[0], &reference[1], &reference[2]], span);
        let aliased = alias.as_ref().is_some_and(|alias| alias.name.value.to_lowercase() == table.name);
        let table = TableUse { name: table, version, written: parts, position: ast::start(span), aliased };
        self.tables.entry(reference).or_insert(table);
        Ok(())
    }

    fn parts(&self, name: &ObjectName) -> Result<Vec<String>, SqlError> {
        let mut parts = Vec::new();
        for part in &name.0 {
            match part {
                ObjectNamePart::Identifier(ident) => parts.push(ident.value.clone()),
                ObjectNamePart::Function(function) => {
                    let named = self.scope.computed_name(&function.args);
                    parts.extend(named.map_err(|e| e.at(ast::start(function.name.span)))?);
                }
            }
        }
        Ok(parts)
    }

    /// `table_changes('t', from [, to])` becomes a version of the table.
    fn changes(&mut self, factor: &mut TableFactor) -> Result<(), SqlError> {
        let TableFactor::Table { name, alias, args, .. } = factor else { return Ok(()) };
        let at = ast::start(ast::name_span(name));
        let given = args.take().map(|args| args.args).unwrap_or_default();
        let wrong = || {
            SqlError::new(
                "INVALID_PARAMETER_VALUE.TABLE_CHANGES",
                "22023",
                "table_changes takes the table's name as a string, and the first and maybe the last version (or \
                 timestamp) of the changes, as literals.",
            )
            .at(at)
        };
        let mut values = Vec::new();
        for arg in &given {
            let FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) = arg else { return Err(wrong()) };
            values.push(expr);
        }
        let (table, from, to) = match values.as_slice() {
            [table, from] => (table, from, None),
            [table, from, to] => (table, from, Some(to)),
            _ => return Err(wrong()),
        };
        let parts = name_parts(&self.scope.constant(table).ok_or_else(wrong)?);
        let bound = |expr: &Expr| match expr {
            Expr::Value(ValueWithSpan { value: Value::Number(text, _), .. }) => text.parse().ok().map(Version::Number),
            Expr::Value(ValueWithSpan { value: Value::Placeholder(marker), .. }) => {
                let text = self.scope.value(marker)?;
                Some(text.parse().map_or(Version::Time(text), Version::Number))
            }
            Expr::TypedString(typed) => match &typed.value.value {
                Value::SingleQuotedString(text) | Value::DoubleQuotedString(text) => Some(Version::Time(text.clone())),
                _ => None,
            },
            Expr::Cast { expr, .. } => self.scope.constant(expr).map(Version::Time),
            expr => self.scope.constant(expr).map(Version::Time),
        };
        let from = Box::new(bound(from).ok_or_else(wrong)?);
        let to = to.map(|to| bound(to).ok_or_else(wrong)).transpose()?.map(Box::new);
        let table = self.scope.qualify(&parts).ok_or_else(|| too_many_parts(&parts)).map_err(|e| e.at(at))?;
        let version = Version::Changes(from, to);
        let reference = [table.catalog.clone(), table.schema.clone(), format!("{}@{}", table.name, version.tag())];
        *name = ast::object_name(&[&reference[0], &reference[1], &reference[2]], ast::name_span(name));
        alias.get_or_insert_with(|| ast::table_alias("table_changes"));
        let used = TableUse { name: table, version: Some(version), written: parts, position: at, aliased: false };
        self.tables.entry(reference).or_insert(used);
        Ok(())
    }

    fn version(&self, version: TableVersion) -> Result<Version, SqlError> {
        let unsupported = || SqlError::unsupported("this form of time travel: use a literal version or timestamp");
        match version {
            TableVersion::VersionAsOf(Expr::Value(ValueWithSpan { value: Value::Number(text, _), .. })) => {
                text.parse().map(Version::Number).map_err(|_| unsupported())
            }
            TableVersion::VersionAsOf(expr) => {
                let text = self.scope.constant(&expr).ok_or_else(unsupported)?;
                text.parse().map(Version::Number).map_err(|_| unsupported())
            }
            TableVersion::TimestampAsOf(Expr::TypedString(typed)) => match typed.value.value {
                Value::SingleQuotedString(text) | Value::DoubleQuotedString(text) => Ok(Version::Time(text)),
                _ => Err(unsupported()),
            },
            TableVersion::TimestampAsOf(Expr::Cast { expr, .. }) => {
                self.scope.constant(&expr).map(Version::Time).ok_or_else(unsupported)
            }
            TableVersion::TimestampAsOf(expr) => match self.scope.constant(&expr).ok_or_else(unsupported)? {
                text if text == TARGET => Ok(Version::Target),
                text if text == HISTORY => Ok(Version::History),
                text => Ok(Version::Time(text)),
            },
            _ => Err(unsupported()),
        }
    }
}

impl VisitorMut for Binder<'_> {
    type Break = Box<SqlError>;

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<Self::Break> {
        let here = std::ptr::from_ref::<Query>(query) as usize;
        // The query of a CTE sees the CTEs before it, and itself where the list is recursive.
        if let Some(frame) = self.frames.last_mut()
            && let Some(i) = frame.ctes.iter().position(|(address, ..)| *address == here)
        {
            frame.visible = if frame.recursive { i + 1 } else { i };
        }
        let (ctes, recursive) = match &mut query.with {
            Some(with) => {
                let mut ctes = Vec::new();
                for cte in &mut with.cte_tables {
                    ast::fold(&mut cte.alias.name);
                    let name = cte.alias.name.value.clone();
                    if self.frames.iter().any(|frame| frame.ctes.iter().any(|(_, outer, _)| *outer == name)) {
                        cte.alias.name.value = format!("{name}#{}", self.frames.len());
                    }
                    if let Some(level) = crate::dialect::recursion_level(cte) {
                        cte.alias.name.value = super::recursion::with_level(&cte.alias.name.value, level);
                        cte.alias.at = None;
                    }
                    let address = std::ptr::from_ref::<Query>(&cte.query) as usize;
                    ctes.push((address, name, cte.alias.name.value.clone()));
                }
                (ctes, with.recursive)
            }
            None => (Vec::new(), false),
        };
        let visible = ctes.len();
        self.frames.push(Frame { ctes, visible, recursive });
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, query: &mut Query) -> ControlFlow<Self::Break> {
        self.frames.pop();
        let here = std::ptr::from_ref::<Query>(query) as usize;
        if let Some(frame) = self.frames.last_mut()
            && frame.ctes.iter().any(|(address, ..)| *address == here)
        {
            frame.visible = frame.ctes.len();
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_select(&mut self, select: &mut Select) -> ControlFlow<Self::Break> {
        // A table without an alias gets its own name as one, so that `orders.*` and `orders.id` find it. Where two
        // tables of one name stand side by side, only longer names tell them apart.
        let mut seen = HashMap::new();
        for factor in factors(select) {
            if let Some(name) = own_name(factor) {
                *seen.entry(name).or_insert(0) += 1;
            }
        }
        for factor in factors(select) {
            let Some(name) = own_name(factor).filter(|name| seen.get(name) == Some(&1)) else { continue };
            if let TableFactor::Table { alias: alias @ None, args: None, .. } = factor {
                *alias = Some(ast::table_alias(&name));
            }
        }
        // Calls of functions, side by side, may give columns of one name.
        let mut calls: Vec<_> = factors(select)
            .into_iter()
            .filter_map(|factor| match factor {
                TableFactor::Table { name, alias: alias @ None, args: Some(_), .. } => {
                    Some((alias, ast::last_name(name)))
                }
                _ => None,
            })
            .collect();
        if calls.len() > 1 {
            for (i, (alias, name)) in calls.iter_mut().enumerate() {
                **alias = Some(ast::table_alias(&format!("{name}#{i}")));
            }
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_table_factor(&mut self, factor: &mut TableFactor) -> ControlFlow<Self::Break> {
        let is_changes = matches!(factor, TableFactor::Table { name, args: Some(_), .. }
            if ast::last_name(name) == "table_changes");
        if is_changes {
            return match self.changes(factor) {
                Ok(()) => ControlFlow::Continue(()),
                Err(error) => ControlFlow::Break(Box::new(error)),
            };
        }
        if let TableFactor::Table { name, alias, args: None, version, .. } = factor
            && let Err(error) = self.table(name, alias, version)
        {
            return ControlFlow::Break(Box::new(error));
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<Self::Break> {
        // `schema.table.column`: the table now goes by its own name.
        if let Expr::CompoundIdentifier(parts) = expr
            && parts.len() > 2
        {
            let lower: Vec<String> = parts.iter().map(|part| part.value.to_lowercase()).collect();
            let tables = self.tables.values().filter(|table| table.aliased).map(|table| &table.name);
            let skip = tables.filter_map(|name| match lower.as_slice() {
                [catalog, schema, table, _, ..]
                    if *catalog == name.catalog && *schema == name.schema && *table == name.name =>
                {
                    Some(2)
                }
                [schema, table, _, ..] if *schema == name.schema && *table == name.name => Some(1),
                _ => None,
            });
            if let Some(skip) = skip.max() {
                parts.drain(..skip);
            }
        }
        if let Expr::Value(ValueWithSpan { value: Value::Placeholder(marker), span }) = expr {
            match self.scope.marker(marker, *span) {
                Ok(bound) => *expr = bound,
                Err(error) => return ControlFlow::Break(Box::new(error)),
            }
        }
        ControlFlow::Continue(())
    }
}

/// The tables, subqueries and calls in a FROM, also those inside joins in parentheses.
fn factors(select: &mut Select) -> Vec<&mut TableFactor> {
    let mut open: Vec<&mut TableFactor> = select.from.iter_mut().flat_map(members).collect();
    let mut found = Vec::new();
    while let Some(factor) = open.pop() {
        match factor {
            TableFactor::NestedJoin { table_with_joins, alias: None } => open.extend(members(table_with_joins)),
            TableFactor::Pivot { table, .. } | TableFactor::Unpivot { table, .. } => open.push(table),
            other => found.push(other),
        }
    }
    found
}

fn members(table: &mut TableWithJoins) -> impl Iterator<Item = &mut TableFactor> {
    std::iter::once(&mut table.relation).chain(table.joins.iter_mut().map(|join| &mut join.relation))
}

/// The name under which columns of an item of FROM are known: its alias, or the last part of a table's name.
pub(super) fn own_name(factor: &TableFactor) -> Option<String> {
    match factor {
        TableFactor::Table { alias: Some(alias), .. } | TableFactor::Derived { alias: Some(alias), .. } => {
            Some(alias.name.value.to_lowercase())
        }
        TableFactor::Table { name, args: None, .. } => match name.0.last()? {
            ObjectNamePart::Identifier(ident) => Some(ident.value.to_lowercase()),
            ObjectNamePart::Function(_) => None,
        },
        _ => None,
    }
}

/// An alias that is the bare name.
pub(super) fn bare(name: &str) -> Ident {
    Ident::with_quote('`', name)
}
