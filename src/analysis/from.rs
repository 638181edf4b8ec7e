//! FROM: tables, subqueries, joins, table functions and lateral views, and what each of them offers.

use sqlparser::ast::{
    Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments, Ident, Join, JoinConstraint, JoinOperator,
    LateralView, ObjectName, ObjectNamePart, Spanned, TableAlias, TableFactor, TableVersion, TableWithJoins, Value,
};

use super::expr::integer;
use super::lineage::{Clauses, How, Origin};
use super::resolve::{Resolver, suggestion};
use super::scope::{Offered, Output, Scope, Source, same};
use super::{DataType, ReadPlace, TableRead};
use crate::diag::{Diagnostic, did_you_mean};
use crate::dialect;

/// FROM as far as it has been read: the names it offers, and what `*` stands for.
pub(super) struct From<'p> {
    pub scope: Scope<'p>,
    pub star: Output,
    /// What a subquery in it can see that is not LATERAL.
    outer: Option<&'p Scope<'p>>,
}

impl<'p> From<'p> {
    fn new(parent: Option<&'p Scope<'p>>, outer: Option<&'p Scope<'p>>) -> Self {
        Self { scope: Scope { parent, ..Scope::default() }, star: Output::default(), outer }
    }
}

/// Formats that may stand before a path, as in ``delta.`/path` ``.
const FILE_FORMATS: [&str; 9] = ["avro", "binaryfile", "csv", "delta", "json", "orc", "parquet", "text", "xml"];

impl Resolver<'_> {
    /// Resolves the whole FROM clause.
    pub(super) fn from<'p>(&mut self, tables: &[TableWithJoins], parent: Option<&'p Scope<'p>>) -> From<'p> {
        let mut from = From::new(parent, parent);
        for table in tables {
            // What stands before a comma can be seen by what is LATERAL after it; its columns do not count as equals.
            let mut own = From::new(Some(&from.scope), parent);
            self.table_with_joins(table, &mut own);
            let (Scope { sources, merged, merged_origins, .. }, star) = (own.scope, own.star);
            from.scope.sources.extend(sources);
            from.scope.merged.extend(merged);
            from.scope.merged_origins.extend(merged_origins);
            from.star.extend(&star);
        }
        from
    }

    fn table_with_joins(&mut self, table: &TableWithJoins, from: &mut From<'_>) {
        self.factor(&table.relation, from);
        for join in &table.joins {
            self.join(join, from);
        }
    }

    fn join(&mut self, join: &Join, from: &mut From<'_>) {
        use JoinOperator as J;
        let left_sources = from.scope.sources.len();
        let left_star = std::mem::take(&mut from.star);
        self.factor(&join.relation, from);
        let right_star = std::mem::take(&mut from.star);
        let mut keeps = (true, true);
        let constraint = match &join.join_operator {
            J::Join(c) | J::Inner(c) | J::Left(c) | J::LeftOuter(c) | J::Right(c) | J::RightOuter(c) => c,
            J::FullOuter(c) | J::CrossJoin(c) | J::StraightJoin(c) => c,
            J::Semi(c) | J::LeftSemi(c) | J::Anti(c) | J::LeftAnti(c) => {
                keeps = (true, false);
                c
            }
            J::RightSemi(c) | J::RightAnti(c) => {
                keeps = (false, true);
                c
            }
            J::AsOf { match_condition, constraint } => {
                let mark = self.mark();
                self.expr(match_condition, &from.scope);
                self.influence(mark, Clauses::JOIN);
                constraint
            }
            J::CrossApply | J::OuterApply | J::ArrayJoin | J::LeftArrayJoin | J::InnerArrayJoin => {
                &JoinConstraint::None
            }
        };
        let mut merged = Vec::new();
        match constraint {
            JoinConstraint::On(condition) => {
                let mark = self.mark();
                let data_type = self.expr(condition, &from.scope);
                self.influence(mark, Clauses::JOIN);
                self.check_truth_value(condition, "the join", data_type);
                self.check_join_condition(condition, &from.scope);
            }
            JoinConstraint::Using(names) => {
                for name in names {
                    let Some(ident) = name.0.last().and_then(ObjectNamePart::as_ident) else { continue };
                    self.using_column(ident, &from.scope.sources[..left_sources]);
                    self.using_column(ident, &from.scope.sources[left_sources..]);
                    merged.push(ident.value.clone());
                }
            }
            JoinConstraint::Natural => {
                let both =
                    left_star.columns.iter().filter(|l| right_star.columns.iter().any(|r| same(&l.name, &r.name)));
                merged.extend(both.map(|c| c.name.clone()));
            }
            JoinConstraint::None => {}
        }
        if self.trace.is_some() {
            self.merged_origins(&join.join_operator, &merged, left_sources, &mut from.scope);
        }
        from.scope.merged.extend(merged.iter().map(|name| name.to_lowercase()));
        from.star = match keeps {
            (true, false) => {
                from.scope.sources.truncate(left_sources);
                left_star
            }
            (false, true) => {
                from.scope.sources.drain(..left_sources);
                right_star
            }
            _ => joined_star(left_star, right_star, &merged, &from.scope),
        };
    }

    /// Notes where columns come from that USING or NATURAL makes one, and that they join.
    fn merged_origins(&mut self, join: &JoinOperator, merged: &[String], left: usize, scope: &mut Scope<'_>) {
        use JoinOperator as J;
        for name in merged {
            let of =
                |sources: &[Source]| sources.iter().find_map(|s| s.column(name)).map(|c| c.origin).unwrap_or_default();
            let earlier = scope.merged_origins.get(&name.to_lowercase()).copied();
            let (left, right) = (earlier.unwrap_or_else(|| of(&scope.sources[..left])), of(&scope.sources[left..]));
            let mark = self.mark();
            self.note(left);
            self.note(right);
            self.influence(mark, Clauses::JOIN);
            let origin = match join {
                J::Right(_) | J::RightOuter(_) => right,
                J::FullOuter(_) => self.both(left, right, How::Computed),
                _ => continue,
            };
            scope.merged_origins.insert(name.to_lowercase(), origin);
        }
    }

    fn using_column(&mut self, ident: &Ident, sources: &[Source]) {
        if sources.iter().any(|s| s.output.open || s.column(&ident.value).is_some()) {
            return;
        }
        let labels: Vec<_> = sources.iter().map(|s| format!("`{}`", s.label)).collect();
        let columns: Vec<String> =
            sources.iter().flat_map(|s| s.output.columns.iter().map(|c| c.name.clone())).collect();
        let message = format!("there is no column `{}` in {}, which the join uses", ident.value, labels.join(", "));
        self.error(ident.span, "unknown-column", message, Some(suggestion(&ident.value, &columns)));
    }

    /// Adds one entry of FROM.
    fn factor(&mut self, factor: &TableFactor, from: &mut From<'_>) {
        let (source, alias) = match factor {
            // Its columns are those of `DESCRIBE HISTORY`, which grow with the service.
            TableFactor::Table { alias, version: Some(version), .. } if is_history(version) => {
                (Source::named("history", Output::unknown()), alias)
            }
            TableFactor::Table { name, alias, args: None, .. } => {
                let (names, output) = self.table(name);
                let label = names.last().cloned().unwrap_or_default();
                (Source { names, label, output }, alias)
            }
            TableFactor::Table { name, alias, args: Some(args), .. } => {
                (self.table_function(name, &args.args, &from.scope), alias)
            }
            TableFactor::Function { name, args, alias, .. } => (self.table_function(name, args, &from.scope), alias),
            TableFactor::TableFunction { expr, alias } => {
                let output = match expr {
                    Expr::Function(function) => self.generator(function, &from.scope),
                    other => {
                        let mark = self.mark();
                        self.expr(other, &from.scope);
                        self.influence(mark, Clauses::EXPAND);
                        None
                    }
                };
                (Source::named("table", output.unwrap_or_else(Output::unknown)), alias)
            }
            TableFactor::Derived { lateral, subquery, alias, .. } => {
                let output = match lateral {
                    true => self.query(subquery, Some(&from.scope)),
                    false => self.query(subquery, from.outer),
                };
                (Source { names: Vec::new(), label: "subquery".to_owned(), output }, alias)
            }
            TableFactor::NestedJoin { table_with_joins, alias: None } => {
                return self.table_with_joins(table_with_joins, from);
            }
            TableFactor::NestedJoin { table_with_joins, alias } => {
                let inner = self.from(std::slice::from_ref(&**table_with_joins), from.outer);
                (Source { names: Vec::new(), label: "join".to_owned(), output: inner.star }, alias)
            }
            TableFactor::Pivot { alias, .. } => {
                let source = self.pivot(factor, from.outer);
                self.noted(&source, factor.span());
                (source, alias)
            }
            TableFactor::Unpivot { alias, .. } => {
                let source = self.unpivot(factor, from.outer);
                self.noted(&source, factor.span());
                (source, alias)
            }
            TableFactor::MatchRecognize { table, alias, .. } => {
                self.inner(table, from.outer);
                self.unknown(factor.span(), || "the columns of MATCH_RECOGNIZE".to_owned());
                (unknown_source("match_recognize"), alias)
            }
            TableFactor::UNNEST { alias, .. }
            | TableFactor::JsonTable { alias, .. }
            | TableFactor::OpenJsonTable { alias, .. }
            | TableFactor::XmlTable { alias, .. }
            | TableFactor::SemanticView { alias, .. } => {
                self.unknown(factor.span(), || "the columns of this table function".to_owned());
                (unknown_source("table"), alias)
            }
        };
        let source = self.aliased(source, alias.as_ref());
        self.adopt(source.output.rows);
        from.star.extend(&source.output);
        from.scope.sources.push(source);
    }

    /// A table that stands inside a PIVOT or the like.
    pub(super) fn inner<'p>(&mut self, table: &TableFactor, parent: Option<&'p Scope<'p>>) -> From<'p> {
        let mut from = From::new(parent, parent);
        self.factor(table, &mut from);
        from
    }

    /// Notes that a PIVOT or UNPIVOT gives columns that cannot be told, unless that is so of what it reads.
    fn noted(&mut self, source: &Source, span: sqlparser::tokenizer::Span) {
        if source.output.open && source.output.columns.is_empty() {
            self.unknown(span, || format!("the columns of {}", source.label.to_uppercase()));
        }
    }

    fn aliased(&mut self, source: Source, alias: Option<&TableAlias>) -> Source {
        let Some(alias) = alias else { return source };
        let output = self.renamed(source.output, &alias.columns, &alias.name);
        Source { names: vec![alias.name.value.to_lowercase()], label: alias.name.value.clone(), output }
    }

    /// Looks a table up: a CTE, a file, or a table or view, which counts as read.
    pub(super) fn table(&mut self, name: &ObjectName) -> (Vec<String>, Output) {
        let mut parts = Vec::new();
        for part in &name.0 {
            match part {
                ObjectNamePart::Identifier(ident) => parts.push(ident.value.clone()),
                ObjectNamePart::Function(function) => match dialect::constant_text(&function.args, &|_| None) {
                    Some(name) => parts.extend(dialect::name_parts(&name)),
                    None => {
                        self.unknown(name.span(), || "the table that IDENTIFIER names".to_owned());
                        return (Vec::new(), Output::unknown());
                    }
                },
            }
        }
        let names: Vec<String> = parts.iter().map(|p| p.to_lowercase()).collect();
        if let [single] = parts.as_slice()
            && let Some((_, output)) = self.ctes.iter().rev().find(|(cte, _)| same(cte, single))
        {
            return (names, output.clone());
        }
        if let [format, path] = names.as_slice()
            && FILE_FORMATS.contains(&format.as_str())
            && path.contains(['/', ':'])
        {
            self.unknown(name.span(), || format!("the columns of the files `{path}`"));
            return (names, Output::unknown());
        }
        let span = name.span();
        let range = self.map.range(span);
        if !range.is_empty() && self.places.iter().all(|place| place.range != range) {
            self.places.push(ReadPlace { parts: parts.clone(), range });
        }
        if !self
            .reads
            .iter()
            .any(|r| r.parts.len() == parts.len() && r.parts.iter().zip(&parts).all(|(a, b)| same(a, b)))
        {
            let span = self.span(span);
            self.reads.push(TableRead { parts: parts.clone(), span });
        }
        let output = match (self.relation)(&parts) {
            Some(relation) => {
                if relation == super::Relation::Unknown {
                    self.unknown_relation(span, &parts);
                }
                self.offered(&parts, relation)
            }
            None => {
                self.unknown_table(&parts, span);
                Output::unknown()
            }
        };
        (names, output)
    }

    fn unknown_table(&mut self, parts: &[String], span: sqlparser::tokenizer::Span) {
        let written = parts.join(".");
        let ctes = self.ctes.iter().map(|(name, _)| name.as_str());
        // A name with fewer parts is compared with the last parts of the known ones.
        let ends = self.known.iter().map(|known| last_parts(known, parts.len()));
        let near = did_you_mean(&written, ends.chain(ctes.filter(|_| parts.len() == 1))).map(str::to_owned);
        let help = near.map(|near| format!("Did you mean `{near}`?"));
        self.error(span, "unknown-table", format!("there is no table or view `{written}`"), help);
    }

    /// A table function in FROM, with arguments that may refer to what stands before it.
    fn table_function(&mut self, name: &ObjectName, args: &[FunctionArg], scope: &Scope<'_>) -> Source {
        let label = name.0.last().and_then(ObjectNamePart::as_ident).map_or("function", |i| i.value.as_str());
        let (types, origins) = self.made_from(args, scope);
        let mut output = match name.0.as_slice() {
            [ObjectNamePart::Identifier(ident)] => {
                let args: Vec<Option<&Expr>> = args.iter().map(argument_expr).collect();
                generated(&ident.value, &types, &args)
            }
            _ => None,
        };
        self.made_of(&origins, output.as_mut(), label);
        if name.0.len() == 1 {
            self.check_table_function(name);
        }
        if output.is_none() {
            self.unknown(name.span(), || format!("the columns of `{label}`"));
        }
        Source::named(label, output.unwrap_or_else(Output::unknown))
    }

    fn check_table_function(&mut self, name: &ObjectName) {
        use crate::dialect::functions::{FunctionKind, function, functions, in_known_family};
        let Some(ident) = name.0.last().and_then(ObjectNamePart::as_ident) else { return };
        if function(&ident.value).is_some() || in_known_family(&ident.value) {
            return;
        }
        let tables = functions().filter(|f| f.kind == FunctionKind::Table).map(|f| f.name);
        match did_you_mean(&ident.value, tables) {
            Some(near) => {
                let message = format!("there is no table function `{}`", ident.value);
                self.error(ident.span, "unknown-function", message, Some(format!("Did you mean `{near}`?")));
            }
            None => {
                let message = format!("`{}` is no built-in table function", ident.value);
                let help = "If it is a function of your own, write it with its schema.".to_owned();
                self.report(ident.span, Diagnostic::warning("unknown-function", message), Some(help));
            }
        }
    }

    /// What a call of a function that makes rows offers; none if it is not such a call.
    pub(super) fn generator(&mut self, function: &Function, scope: &Scope<'_>) -> Option<Output> {
        let [ObjectNamePart::Identifier(ident)] = function.name.0.as_slice() else { return None };
        let FunctionArguments::List(list) = &function.args else { return None };
        let (types, origins) = self.made_from(&list.args, scope);
        let args: Vec<_> = list.args.iter().map(argument_expr).collect();
        let mut made = generated(&ident.value, &types, &args);
        self.made_of(&origins, made.as_mut(), &ident.value);
        made
    }

    /// Resolves the arguments of a function that makes rows: their types, and where each comes from.
    fn made_from(&mut self, args: &[FunctionArg], scope: &Scope<'_>) -> (Vec<Option<DataType>>, Vec<Origin>) {
        let mut types = Vec::with_capacity(args.len());
        let mut origins = Vec::new();
        for arg in args {
            let mark = self.mark();
            types.push(self.argument(arg, scope));
            if self.trace.is_some() {
                self.raise(mark, How::Computed);
                origins.push(self.origin(mark));
            }
        }
        (types, origins)
    }

    /// Notes that rows are made of these arguments, and the columns that come with them.
    fn made_of(&mut self, origins: &[Origin], made: Option<&mut Output>, name: &str) {
        if self.trace.is_none() {
            return;
        }
        origins.iter().for_each(|origin| self.decides(*origin, Clauses::EXPAND));
        let Some(made) = made else { return };
        let width = made.columns.len();
        // `stack` deals its values out to the columns in turn; of others, each column has something of each argument.
        let is_dealt = name.eq_ignore_ascii_case("stack");
        for (index, column) in made.columns.iter_mut().enumerate() {
            let all = origins.iter().enumerate();
            let own = all.filter(|(at, _)| !is_dealt || (*at > 0 && (at - 1) % width == index));
            column.origin = own.fold(Origin::default(), |both, (_, origin)| self.both(both, *origin, How::Unchanged));
        }
    }

    /// Adds LATERAL VIEW to FROM.
    pub(super) fn lateral_view(&mut self, view: &LateralView, from: &mut From<'_>) {
        let output = match &view.lateral_view {
            Expr::Function(function) => self.generator(function, &from.scope),
            other => {
                let mark = self.mark();
                self.expr(other, &from.scope);
                self.influence(mark, Clauses::EXPAND);
                None
            }
        };
        let mut output = output.unwrap_or_else(Output::unknown);
        let name = view.lateral_view_name.0.last().and_then(ObjectNamePart::as_ident);
        if !view.lateral_col_alias.is_empty() {
            let names = view.lateral_col_alias.iter().map(|name| name.value.clone()).collect();
            output = self.with_names(output, names);
        }
        from.star.extend(&output);
        from.scope.sources.push(Source::named(name.map_or("lateral view", |i| i.value.as_str()), output));
    }
}

/// The last `count` parts of a name with dots.
fn last_parts(name: &str, count: usize) -> &str {
    let start = name.rmatch_indices('.').nth(count - 1).map_or(0, |(i, _)| i + 1);
    &name[start..]
}

pub(super) fn unknown_source(label: &str) -> Source {
    Source { names: Vec::new(), label: label.to_owned(), output: Output::unknown() }
}

/// `*` over a join: columns that were made one come first, once.
fn joined_star(left: Output, right: Output, merged: &[String], scope: &Scope<'_>) -> Output {
    let is_merged = |c: &Offered| merged.iter().any(|m| same(m, &c.name));
    let one = |name: &String| {
        let mut column = left.columns.iter().find(|c| same(&c.name, name)).cloned()?;
        column.origin = scope.merged_origins.get(&name.to_lowercase()).copied().unwrap_or(column.origin);
        Some(column)
    };
    let mut star = Output { columns: merged.iter().filter_map(one).collect(), ..Output::default() };
    star.extend(&Output { columns: left.columns.into_iter().filter(|c| !is_merged(c)).collect(), ..left });
    star.extend(&Output { columns: right.columns.into_iter().filter(|c| !is_merged(c)).collect(), ..right });
    star
}

fn argument_expr(arg: &FunctionArg) -> Option<&Expr> {
    match arg {
        FunctionArg::Unnamed(FunctionArgExpr::Expr(e)) => Some(e),
        _ => None,
    }
}

/// The columns of a function that makes rows; none if they cannot be told.
fn generated(name: &str, types: &[Option<DataType>], args: &[Option<&Expr>]) -> Option<Output> {
    let first = types.first().and_then(Option::as_ref);
    let column = |name: &str, data_type: Option<DataType>| Offered::new(name, data_type, Origin::default());
    let unboxed = |t: &Option<Box<DataType>>| t.as_deref().cloned();
    let name = name.to_ascii_lowercase();
    let mut columns = Vec::new();
    if name.starts_with("posexplode") {
        columns.push(column("pos", Some(DataType::Int)));
    }
    match name.trim_end_matches("_outer") {
        "explode" | "posexplode" => match first? {
            DataType::Array(element) => columns.push(column("col", unboxed(element))),
            DataType::Map(key, value) => {
                columns.push(column("key", unboxed(key)));
                columns.push(column("value", unboxed(value)));
            }
            _ => return None,
        },
        "inline" => match first? {
            DataType::Array(Some(element)) => match &**element {
                DataType::Struct(fields) => columns.extend(fields.iter().map(|(n, t)| column(n, t.clone()))),
                _ => return None,
            },
            _ => return None,
        },
        "range" => columns.push(column("id", Some(DataType::BigInt))),
        "json_tuple" => {
            columns.extend((0..args.len().saturating_sub(1)).map(|i| column(&format!("c{i}"), Some(DataType::String))));
        }
        "stack" => {
            let rows = usize::try_from(integer((*args.first()?)?)?).ok().filter(|n| *n > 0)?;
            let width = (args.len() - 1).div_ceil(rows);
            for i in 0..width {
                let cells = types.iter().skip(1 + i).step_by(width).map(Option::as_ref);
                columns.push(column(&format!("col{i}"), super::types::common(cells)));
            }
        }
        _ => return None,
    }
    Some(Output { columns, ..Output::default() })
}

/// Tells whether the history of a table is read, and not its rows.
fn is_history(version: &TableVersion) -> bool {
    let TableVersion::TimestampAsOf(Expr::Value(at)) = version else { return false };
    matches!(&at.value, Value::SingleQuotedString(text) if text == dialect::HISTORY)
}
