//! Field expressions: from what the dashboard's own engine understands to plain Databricks SQL.

use std::ops::ControlFlow;

use sqlparser::ast::{
    Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments, Ident, Value, ValueWithSpan, VisitMut, VisitorMut,
};
use sqlparser::dialect::DatabricksDialect;
use sqlparser::parser::Parser;
use sqlparser::tokenizer::{Token, Tokenizer};

use super::model::Calculation;

/// How often a calculation may refer to another one; beyond it they are taken to go in a circle.
const DEPTH: usize = 16;

/// Functions that aggregate rows. A measure and a grouping key are told apart by them.
const AGGREGATES: &[&str] = &[
    "any",
    "any_value",
    "approx_count_distinct",
    "approx_percentile",
    "approx_top_k",
    "array_agg",
    "avg",
    "bit_and",
    "bit_or",
    "bit_xor",
    "bool_and",
    "bool_or",
    "collect_list",
    "collect_set",
    "corr",
    "count",
    "count_if",
    "count_min_sketch",
    "covar_pop",
    "covar_samp",
    "every",
    "first",
    "first_value",
    "grouping",
    "grouping_id",
    "kurtosis",
    "last",
    "last_value",
    "listagg",
    "max",
    "max_by",
    "mean",
    "measure",
    "median",
    "min",
    "min_by",
    "mode",
    "percentile",
    "percentile_approx",
    "percentile_cont",
    "percentile_disc",
    "regr_avgx",
    "regr_avgy",
    "regr_count",
    "regr_intercept",
    "regr_r2",
    "regr_slope",
    "regr_sxx",
    "regr_sxy",
    "regr_syy",
    "skewness",
    "some",
    "std",
    "stddev",
    "stddev_pop",
    "stddev_samp",
    "string_agg",
    "sum",
    "try_avg",
    "try_sum",
    "var_pop",
    "var_samp",
    "variance",
];

/// A translated expression.
pub(super) struct Translated {
    /// Plain Databricks SQL.
    pub(super) sql: String,
    /// Whether it aggregates rows.
    pub(super) aggregate: bool,
    /// Whether it is a constant, which needs no grouping.
    pub(super) constant: bool,
}

/// Translates an expression over a dataset's columns and calculations. What the parser does not read stays as it is.
pub(super) fn translate(expression: &str, calculations: &[Calculation]) -> Translated {
    let Some(mut expr) = parse(expression) else {
        return Translated { sql: expression.to_owned(), aggregate: looks_aggregate(expression), constant: false };
    };
    expand(&mut expr, calculations, DEPTH);
    let mut search = Search { aggregate: false, columns: false };
    let _ = expr.visit(&mut search);
    Translated { sql: expr.to_string(), aggregate: search.aggregate, constant: !search.columns && !search.aggregate }
}

/// Parses an expression of the Databricks dialect; the whole text has to be one.
fn parse(expression: &str) -> Option<Expr> {
    let dialect = DatabricksDialect {};
    let tokens = Tokenizer::new(&dialect, expression).tokenize().ok()?;
    let mut parser = Parser::new(&dialect).with_tokens(plain_numbers(tokens));
    let expr = parser.parse_expr().ok()?;
    (parser.peek_token().token == Token::EOF).then_some(expr)
}

/// Takes the `D` off numbers (`10D`, `0.5D`): the dialect's mark of a double, which not every engine reads.
fn plain_numbers(tokens: Vec<Token>) -> Vec<Token> {
    let mut plain: Vec<Token> = Vec::with_capacity(tokens.len());
    for token in tokens {
        match &token {
            Token::Word(word) if word.quote_style.is_none() => {
                let digits = word.value.strip_suffix(['D', 'd']);
                if let Some(digits) = digits.filter(|digits| digits.parse::<f64>().is_ok()) {
                    plain.push(Token::Number(digits.to_owned(), false));
                } else if digits == Some("") && matches!(plain.last(), Some(Token::Number(..))) {
                    continue;
                } else {
                    plain.push(token);
                }
            }
            _ => plain.push(token),
        }
    }
    plain
}

/// Replaces, in an expression and all its parts, what only the dashboard's engine knows.
fn expand(expr: &mut Expr, calculations: &[Calculation], depth: usize) {
    let _ = expr.visit(&mut Expand { calculations, depth });
}

struct Expand<'a> {
    calculations: &'a [Calculation],
    depth: usize,
}

impl VisitorMut for Expand<'_> {
    type Break = ();

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        if let Some(replacement) = self.replacement(expr) {
            *expr = replacement;
        }
        ControlFlow::Continue(())
    }
}

impl Expand<'_> {
    fn replacement(&self, expr: &mut Expr) -> Option<Expr> {
        match expr {
            // A string in double quotes: only a Databricks parser takes it for one.
            Expr::Value(ValueWithSpan { value: Value::DoubleQuotedString(text), .. }) => {
                Some(Expr::value(Value::SingleQuotedString(std::mem::take(text))))
            }
            Expr::Identifier(name) => self.calculation(&name.value),
            Expr::Function(function) => self.function(function),
            _ => None,
        }
    }

    fn calculation(&self, name: &str) -> Option<Expr> {
        let calculation = self.calculations.iter().find(|calculation| calculation.name == name)?;
        if self.depth == 0 {
            return None;
        }
        let mut expr = parse(calculation.expression.text())?;
        // Within its own expression a calculation's name means the column that it hides.
        let others: Vec<Calculation> = self.calculations.iter().filter(|c| c.name != name).cloned().collect();
        expand(&mut expr, &others, self.depth - 1);
        Some(Expr::Nested(Box::new(expr)))
    }

    fn function(&self, function: &mut Function) -> Option<Expr> {
        let name = function.name.to_string().to_lowercase();
        let arguments = arguments(function)?;
        match (name.as_str(), arguments.as_slice()) {
            // The calculation in the argument has been put in already, since parts come first.
            ("measure", [inner @ Expr::Nested(_)]) => Some(inner.clone()),
            ("count", [Expr::Identifier(Ident { value, quote_style: Some('`'), .. })]) if value == "*" => {
                if let FunctionArguments::List(list) = &mut function.args {
                    list.args = vec![FunctionArg::Unnamed(FunctionArgExpr::Wildcard)];
                }
                None
            }
            ("bin_floor", [x, width]) => parse(&format!("floor({0} / {1}) * {1}", operand(x), operand(width))),
            ("in_range", [x, low, high]) => {
                let x = operand(x);
                let null = |e: &Expr| e.to_string().eq_ignore_ascii_case("null");
                let low = (!null(low)).then(|| format!("{x} >= {low}"));
                let high = (!null(high)).then(|| format!("{x} <= {high}"));
                let ends: Vec<String> = low.into_iter().chain(high).collect();
                parse(&if ends.is_empty() { "TRUE".to_owned() } else { format!("({})", ends.join(" AND ")) })
            }
            _ => None,
        }
    }
}

/// Writes an expression so that an operator can stand beside it.
fn operand(expr: &Expr) -> String {
    match expr {
        Expr::Identifier(_) | Expr::CompoundIdentifier(_) | Expr::Value(_) | Expr::Nested(_) | Expr::Function(_) => {
            expr.to_string()
        }
        _ => format!("({expr})"),
    }
}

/// Returns a function's arguments if all of them are plain expressions.
fn arguments(function: &Function) -> Option<Vec<Expr>> {
    let FunctionArguments::List(list) = &function.args else { return None };
    list.args
        .iter()
        .map(|argument| match argument {
            FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) => Some(expr.clone()),
            _ => None,
        })
        .collect()
}

struct Search {
    aggregate: bool,
    columns: bool,
}

impl VisitorMut for Search {
    type Break = ();

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        match expr {
            Expr::Identifier(_) | Expr::CompoundIdentifier(_) => self.columns = true,
            Expr::Function(function) if function.over.is_none() => {
                let name = function.name.to_string().to_lowercase();
                self.aggregate |= AGGREGATES.binary_search(&name.as_str()).is_ok();
            }
            _ => {}
        }
        ControlFlow::Continue(())
    }
}

/// Judges an expression that does not parse by its looks: an aggregate function's name before a parenthesis.
fn looks_aggregate(expression: &str) -> bool {
    let lower = expression.to_lowercase();
    lower.match_indices('(').any(|(at, _)| {
        let before = lower[..at].trim_end();
        let start = before.rfind(|c: char| !c.is_alphanumeric() && c != '_').map_or(0, |i| i + 1);
        before.is_char_boundary(start) && AGGREGATES.binary_search(&&before[start..]).is_ok()
    })
}

/// Quotes a name as an identifier.
pub(super) fn quote(name: &str) -> String {
    format!("`{}`", name.replace('`', "``"))
}

#[cfg(test)]
mod tests {
    use super::super::located::Located;
    use super::*;

    fn sql(expression: &str) -> String {
        translate(expression, &[]).sql
    }

    #[test]
    fn the_list_of_aggregates_is_sorted() {
        assert!(AGGREGATES.is_sorted());
    }

    #[test]
    fn what_only_the_dashboard_engine_knows_becomes_plain_sql() {
        assert_eq!(sql("DATE_TRUNC(\"MONTH\", `d`)"), "DATE_TRUNC('MONTH', `d`)");
        assert_eq!(sql("COUNT(`*`)"), "COUNT(*)");
        assert_eq!(sql("COUNT(DISTINCT `id`)"), "COUNT(DISTINCT `id`)");
        assert_eq!(sql("BIN_FLOOR(`age`, 0.5)"), "FLOOR(`age` / 0.5) * 0.5");
        assert_eq!(sql("IN_RANGE(`x`, 1.5D, NULL)"), "(`x` >= 1.5)");
        assert_eq!(sql("IN_RANGE(`x`, 10D, 20D)"), "(`x` >= 10 AND `x` <= 20)");
        assert_eq!(sql("IN_RANGE(`x`, NULL, NULL)"), "true");
        assert_eq!(sql("`c` <=> `c`"), "`c` <=> `c`");
        assert_eq!(sql("this is ( not sql"), "this is ( not sql");
    }

    #[test]
    fn calculations_are_put_in_and_a_circle_of_them_ends() {
        let calculation = |name: &str, expression: &str| Calculation {
            name: name.into(),
            expression: Located::plain(expression, 0),
            path: String::new(),
        };
        let all = [
            calculation("Repeat rate", "SUM(repeaters) / SUM(customers)"),
            calculation("Tier", "CASE WHEN amount > 100 THEN 'high' ELSE 'low' END"),
            calculation("a", "b + 1"),
            calculation("b", "a + 1"),
        ];
        let rate = translate("MEASURE(`Repeat rate`)", &all);
        assert_eq!(rate.sql, "(SUM(repeaters) / SUM(customers))");
        assert!(rate.aggregate);
        let tier = translate("`Tier`", &all);
        assert_eq!(tier.sql, "(CASE WHEN amount > 100 THEN 'high' ELSE 'low' END)");
        assert!(!tier.aggregate && !tier.constant);
        assert_eq!(translate("`a`", &all).sql, "((a + 1) + 1)");
        assert!(translate("MEASURE(`elsewhere`)", &all).aggregate, "a measure of the metric view behind the dataset");
        assert!(translate("'avg'", &all).constant);
        assert!(!translate("SUM(`x`) OVER (PARTITION BY `y`)", &all).aggregate);
    }
}
