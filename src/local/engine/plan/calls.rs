//! Calls of functions: those that are short for something else, and those that do not exist.

use sqlparser::ast::{
    BinaryOperator, DataType, Expr, Function, Ident, NullTreatment, OneOrManyWithParens, Spanned, TimezoneInfo, Value,
    ValueWithSpan,
};
use sqlparser::tokenizer::Span;

use super::rewrite::Surroundings;
use super::{ast, records, windows};
use crate::local::engine::catalog::quoted;
use crate::local::engine::error::SqlError;
use crate::local::engine::functions;

/// The user under which everything runs.
/// Who runs the statements.
pub(in crate::local::engine) const USER: &str = "local";

/// Functions whose result has the type of their arguments: a whole number among these is an INT, not a mere count.
const TYPED: &[&str] = &[
    "abs",
    "any_value",
    "approx_percentile",
    "array",
    "array_agg",
    "array_append",
    "array_contains",
    "array_position",
    "array_prepend",
    "array_remove",
    "array_repeat",
    "avg",
    "bit_count",
    "bit_get",
    "getbit",
    "hash",
    "nanvl",
    "shiftleft",
    "shiftright",
    "shiftrightunsigned",
    "try_mod",
    "xxhash64",
    "bigint",
    "bround",
    "ceil",
    "ceiling",
    "coalesce",
    "collect_list",
    "collect_set",
    "count",
    "count_if",
    "decode",
    "div",
    "explode",
    "explode_outer",
    "first",
    "first_value",
    "floor",
    "greatest",
    "if",
    "ifnull",
    "iff",
    "int",
    "lag",
    "last",
    "last_value",
    "lead",
    "least",
    "map",
    "max",
    "max_by",
    "mean",
    "min",
    "min_by",
    "mod",
    "named_struct",
    "negative",
    "nth_value",
    "nullif",
    "nullifzero",
    "nvl",
    "nvl2",
    "percentile_approx",
    "pmod",
    "positive",
    "round",
    "sequence",
    "sign",
    "signum",
    "string",
    "struct",
    "sum",
    "try_add",
    "try_divide",
    "try_multiply",
    "try_subtract",
    "try_sum",
    "try_avg",
    "typeof",
    "unnest",
    "unnest_outer",
    "zeroifnull",
    "smallint",
    "tinyint",
    "double",
    "float",
    "decimal",
    "boolean",
];

/// Whether a whole number as this argument of a call has the type INT.
pub(super) fn is_typed_argument(name: &str, i: usize) -> bool {
    match name {
        "round" | "bround" | "percentile_approx" | "approx_percentile" | "ceil" | "ceiling" | "floor" => i == 0,
        "lag" | "lead" | "nth_value" => i != 1,
        "array_repeat" => i == 0,
        name => {
            TYPED.contains(&name)
                || name == "reduce"
                || functions::takes_any_type(name)
                || functions::higher_order(name).is_some()
        }
    }
}

/// Words that are calls without parentheses.
pub(super) fn word(word: &str, span: Span, surroundings: &Surroundings<'_>) -> Option<Expr> {
    match word.to_ascii_lowercase().as_str() {
        name @ ("current_timestamp" | "current_date" | "current_user" | "session_user" | "localtimestamp") => {
            constant(name, span, surroundings)
        }
        _ => None,
    }
}

/// Functions whose value is known before the statement runs.
fn constant(name: &str, span: Span, surroundings: &Surroundings<'_>) -> Option<Expr> {
    let now = surroundings.now;
    Some(match name {
        "current_timestamp" | "now" => ast::cast(
            ast::string(&now.format("%Y-%m-%d %H:%M:%S%.6fZ").to_string(), span),
            DataType::Timestamp(None, TimezoneInfo::None),
        ),
        "localtimestamp" => {
            ast::cast(ast::string(&now.format("%Y-%m-%d %H:%M:%S%.6f").to_string(), span), DataType::TimestampNtz(None))
        }
        "current_date" | "curdate" => ast::cast(ast::string(&now.format("%Y-%m-%d").to_string(), span), DataType::Date),
        "current_timezone" => ast::string("UTC", span),
        "version" => ast::string(concat!("4.0.0 kiln-", env!("CARGO_PKG_VERSION")), span),
        "current_catalog" => ast::string(surroundings.catalog, span),
        "current_schema" | "current_database" => ast::string(surroundings.schema, span),
        "current_user" | "session_user" | "user" => ast::string(USER, span),
        // A statement is one piece of work, and its rows come from no file of their own.
        "spark_partition_id" => ast::cast(ast::number("0", span), DataType::Int(None)),
        "pi" => ast::cast(ast::string("3.141592653589793", span), double()),
        "e" => ast::cast(ast::string("2.718281828459045", span), double()),
        _ => return None,
    })
}

fn double() -> DataType {
    DataType::Double(sqlparser::ast::ExactNumberInfo::None)
}

/// `struct(a, b AS c)`
pub(super) fn named_struct(values: &[Expr], span: Span) -> Expr {
    let mut args = Vec::new();
    for (i, value) in values.iter().enumerate() {
        let (name, value) = match value {
            Expr::Named { expr, name } => (name.value.clone(), (**expr).clone()),
            Expr::Identifier(ident) => (ident.value.clone(), value.clone()),
            Expr::CompoundIdentifier(parts) => {
                (parts.last().map(|p| p.value.clone()).unwrap_or_default(), value.clone())
            }
            _ => (format!("col{}", i + 1), value.clone()),
        };
        args.push(ast::string(&name, span));
        args.push(value);
    }
    ast::call("named_struct", args, span)
}

/// The name of a column, if it is one that is meant.
fn column_name(expr: &Expr) -> Option<&str> {
    match expr {
        Expr::Identifier(ident) => Some(&ident.value),
        Expr::CompoundIdentifier(path) => path.last().map(|ident| ident.value.as_str()),
        _ => None,
    }
}

/// Units of time, as `datediff(MONTH, …)` takes them.
const UNITS: &[&str] =
    &["year", "quarter", "month", "week", "day", "dayofyear", "hour", "minute", "second", "millisecond", "microsecond"];

/// A call in another form, where it is short for one; `None` leaves it in place, perhaps changed.
pub(super) fn rewrite(function: &mut Function, surroundings: &Surroundings<'_>) -> Result<Option<Expr>, SqlError> {
    let name = ast::function_name(function);
    let span = ast::name_span(&function.name);
    let Some(mut args) = ast::arguments(function) else {
        if name == "struct" {
            // Its star is written out once the columns are known.
            return Ok(None);
        }
        return known(function, &name).map(|()| None);
    };
    check_count(&name, args.len()).map_err(|e| e.at(ast::start(span)))?;
    windows::check(function, &name, &args).map_err(|e| e.at(ast::start(span)))?;
    check_lambdas(function, &name, &args).map_err(|e| e.at(ast::start(span)))?;
    if args.is_empty()
        && let Some(value) = constant(&name, span, surroundings)
    {
        return Ok(Some(value));
    }
    if let Some(expr) = conversion(&name, &args) {
        return Ok(Some(expr));
    }
    match (name.as_str(), args.len()) {
        ("datediff" | "date_diff" | "timestampdiff" | "dateadd" | "date_add" | "timestampadd", 3) => {
            let unit = match &args[0] {
                Expr::Identifier(unit) => unit.value.to_lowercase(),
                Expr::Value(ValueWithSpan { value: Value::SingleQuotedString(_), .. }) => {
                    return Err(SqlError::new(
                        "INVALID_PARAMETER_VALUE.DATETIME_UNIT",
                        "22023",
                        format!(
                            "The value of parameter(s) `unit` in `{name}` is invalid: expects one of the units without \
                             quotes YEAR, QUARTER, MONTH, WEEK, DAY, DAYOFYEAR, HOUR, MINUTE, SECOND, MILLISECOND, \
                             MICROSECOND, but got the string literal {}.",
                            args[0]
                        ),
                    )
                    .at(ast::start(span)));
                }
                other => other.to_string().to_lowercase(),
            };
            if !UNITS.contains(&unit.as_str()) {
                return Err(SqlError::unsupported(&format!("the unit {unit} in {name}")).at(ast::start(span)));
            }
            args[0] = ast::string(&unit, span);
            let name = if name.ends_with("diff") { "timestampdiff" } else { "timestampadd" };
            return Ok(Some(ast::call(name, args, span)));
        }
        ("dateadd", 2) => ast::rename(function, "date_add"),
        ("date_diff", 2) => ast::rename(function, "datediff"),
        ("nvl" | "ifnull", 2) => ast::rename(function, "coalesce"),
        ("nvl2", 3) => {
            let condition = Expr::IsNotNull(Box::new(args.remove(0)));
            let otherwise = args.pop();
            return Ok(Some(ast::case(condition, args.remove(0), otherwise)));
        }
        ("if" | "iff", 3) => {
            let otherwise = args.pop();
            let then = args.remove(1);
            return Ok(Some(ast::case(args.remove(0), then, otherwise)));
        }
        ("nullif", 2) => {
            let condition = ast::binary(args[0].clone(), BinaryOperator::Eq, args[1].clone());
            return Ok(Some(ast::case(condition, ast::null(span), Some(args.remove(0)))));
        }
        ("zeroifnull", 1) => {
            args.push(ast::cast(ast::number("0", span), DataType::Int(None)));
            return Ok(Some(ast::call("coalesce", args, span)));
        }
        ("nullifzero", 1) => {
            let zero = ast::cast(ast::number("0", span), DataType::Int(None));
            let condition = ast::binary(args[0].clone(), BinaryOperator::Eq, zero);
            return Ok(Some(ast::case(condition, ast::null(span), Some(args.remove(0)))));
        }
        ("isnull", 1) => return Ok(Some(Expr::IsNull(Box::new(args.remove(0))))),
        ("isnotnull", 1) => return Ok(Some(Expr::IsNotNull(Box::new(args.remove(0))))),
        ("equal_null", 2) => {
            let right = args.pop().unwrap_or_else(|| ast::null(span));
            return Ok(Some(ast::binary(args.remove(0), BinaryOperator::Spaceship, right)));
        }
        ("mod", 2) => {
            let right = args.pop().unwrap_or_else(|| ast::null(span));
            return Ok(Some(ast::binary(args.remove(0), BinaryOperator::Modulo, right)));
        }
        ("try_add" | "try_subtract" | "try_multiply" | "try_divide" | "try_mod", 2) => {
            // As an operator it sees which of its operands are written out.
            let right = args.pop().unwrap_or_else(|| ast::null(span));
            return Ok(Some(ast::binary(args.remove(0), BinaryOperator::Custom(name), right)));
        }
        ("from_json" | "from_csv", 2 | 3) | ("to_json" | "to_csv", 2) | ("schema_of_json" | "schema_of_csv", 1 | 2) => {
            return records::rewrite(function, &name, &args, span).map_err(|e| e.at(ast::start(span)));
        }
        ("map", _) => ast::rename(function, functions::maps::MAP),
        ("named_struct", n) if n % 2 == 1 => {
            return Err(SqlError::new(
                "WRONG_NUM_ARGS.WITHOUT_SUGGESTION",
                "42605",
                format!("The `named_struct` requires 2n (n > 0) parameters but the actual number is {n}."),
            )
            .at(ast::start(span)));
        }
        ("array_sort", 2) => ast::rename(function, functions::lambdas::SORT_BY),
        ("reduce", _) => ast::rename(function, "aggregate"),
        ("struct", _) => return Ok(Some(named_struct(&args, span))),
        ("arrays_zip", 1..) if args.iter().any(|arg| column_name(arg).is_some()) => {
            let names = args.iter().enumerate();
            let names = names.map(|(i, arg)| column_name(arg).map_or_else(|| i.to_string(), str::to_owned));
            let names: Vec<_> = names.map(|name| ast::string(&name, span)).collect();
            let zipped = std::iter::once(ast::call("arrays_zip", args, span));
            return Ok(Some(ast::call("rename_fields", zipped.chain(names).collect(), span)));
        }
        (name, _) if functions::rows::is_generator(name) => {
            return Err(SqlError::new(
                "UNSUPPORTED_GENERATOR.NESTED_IN_EXPRESSIONS",
                "42K0E",
                format!("The generator {name} is only supported as an item of a select list or in FROM."),
            )
            .at(ast::start(span)));
        }
        ("count_if", 1) => {
            let one = ast::cast(ast::number("1", span), DataType::Int(None));
            ast::set_arguments(function, vec![ast::case(args.remove(0), one, None)]);
            ast::rename(function, "count");
        }
        ("mode", 0) if function.within_group.len() == 1 => {
            let order = function.within_group.remove(0);
            ast::set_arguments(function, vec![order.expr]);
            ast::rename(function, if order.options.asc == Some(false) { "mode_desc" } else { "mode" });
        }
        ("mode", 0) | ("percentile_disc" | "percentile_cont", 1) if function.within_group.is_empty() => {
            return Err(SqlError::new(
                "INVALID_WITHIN_GROUP_EXPRESSION.WITHIN_GROUP_MISSING",
                "42K0K",
                format!("Invalid function `{name}` with WITHIN GROUP. WITHIN GROUP is required for `{name}`."),
            )
            .at(ast::start(span)));
        }
        ("percentile", 3) => ast::rename(function, "percentile_weighted"),
        ("percentile", 2) if ast::is_distinct(function) => ast::rename(function, "percentile_weighted"),
        ("percentile_disc", 1) if function.within_group.len() == 1 => {
            let order = function.within_group.remove(0);
            ast::set_arguments(function, vec![order.expr, args.remove(0)]);
            if order.options.asc == Some(false) {
                ast::rename(function, "percentile_disc_desc");
            }
        }
        ("listagg" | "string_agg", 1 | 2) => windows::listagg(function, args, span)?,
        ("try_avg", 1) => ast::rename(function, "avg"),
        ("count", 2..) if ast::is_distinct(function) => {
            // Rows in which one is NULL do not count.
            let known = args.iter().map(|arg| Expr::IsNotNull(Box::new(arg.clone())));
            let known = known.reduce(|all, next| ast::binary(all, BinaryOperator::And, next));
            let one = named_struct(&args, span);
            ast::set_arguments(function, vec![ast::case(known.unwrap_or_else(|| ast::null(span)), one, None)]);
        }
        ("grouping_id", 1..) => {
            let bits = args.into_iter().map(|arg| ast::call("grouping", vec![arg], span));
            let two = || ast::cast(ast::number("2", span), DataType::BigInt(None));
            let all = bits.map(|bit| ast::cast(bit, DataType::BigInt(None))).reduce(|all, bit| {
                let moved = ast::binary(all, BinaryOperator::Multiply, two());
                ast::binary(Expr::Nested(Box::new(moved)), BinaryOperator::Plus, bit)
            });
            return Ok(all.map(|all| Expr::Nested(Box::new(all))));
        }
        ("first" | "last" | "any_value" | "first_value" | "last_value", 1 | 2) => {
            if let Some(ignore) = args.get(1) {
                match ignore {
                    Expr::Value(ValueWithSpan { value: Value::Boolean(ignore), .. }) => {
                        let treatment = if *ignore { NullTreatment::IgnoreNulls } else { NullTreatment::RespectNulls };
                        function.null_treatment = Some(treatment);
                    }
                    _ => {
                        return Err(SqlError::unsupported(&format!("{name} with a computed second argument"))
                            .at(ast::start(span)));
                    }
                }
                args.truncate(1);
                ast::set_arguments(function, args);
            }
            ast::rename(function, if name.starts_with("last") { "last_value" } else { "first_value" });
        }
        ("median", 1) => {
            args.push(ast::cast(ast::string("0.5", span), double()));
            ast::set_arguments(function, args);
            ast::rename(function, if ast::is_distinct(function) { "percentile_weighted" } else { "percentile" });
        }
        ("approx_percentile", _) => ast::rename(function, "percentile_approx"),
        ("percentile_cont", 1) if function.within_group.len() == 1 => {
            let order = function.within_group.remove(0);
            if order.options.asc == Some(false) {
                args[0] = ast::binary(
                    ast::cast(ast::string("1", span), double()),
                    BinaryOperator::Minus,
                    ast::cast(args[0].clone(), double()),
                );
            }
            ast::set_arguments(function, vec![order.expr, args.remove(0)]);
            ast::rename(function, "percentile");
        }
        ("approx_count_distinct", 1 | 2) => {
            args.truncate(1);
            ast::set_arguments(function, args);
        }
        ("any" | "some", 1) => ast::rename(function, "bool_or"),
        ("every", 1) => ast::rename(function, "bool_and"),
        ("mean", 1) => ast::rename(function, "avg"),
        ("std" | "stddev_samp", 1) => ast::rename(function, "stddev"),
        ("variance", 1) => ast::rename(function, "var_samp"),
        ("array_agg", 1) => ast::rename(function, "collect_list"),
        ("last_day", 1) | ("count", _) => {}
        ("ceiling", 1 | 2) => ast::rename(function, "ceil"),
        ("ucase", 1) => ast::rename(function, "upper"),
        ("lcase", 1) => ast::rename(function, "lower"),
        ("char_length" | "character_length" | "len", 1) => ast::rename(function, "length"),
        ("substr", 2 | 3) => ast::rename(function, "substring"),
        ("regexp" | "rlike", 2) => ast::rename(function, "regexp_like"),
        ("getbit", 2) => ast::rename(function, "bit_get"),
        ("sha", 1) => ast::rename(function, "sha1"),
        ("printf", _) => ast::rename(function, "format_string"),
        ("chr", 1) => ast::rename(function, "char"),
        ("random", 0 | 1) => ast::rename(function, "rand"),
        ("log", 1) => ast::rename(function, "ln"),
        ("to_varchar", 2) => ast::rename(function, "to_char"),
        ("to_unix_timestamp", 1 | 2) => ast::rename(function, "unix_timestamp"),
        ("to_timestamp_ltz", 1 | 2) => ast::rename(function, "to_timestamp"),
        ("like" | "ilike", 2 | 3) => return like(&name, args, span).map(Some),
        ("btrim", 1 | 2) => ast::rename(function, "trim"),
        // Called as a function, it takes what is cut off first.
        ("ltrim" | "rtrim", 2) => {
            args.swap(0, 1);
            ast::set_arguments(function, args);
        }
        ("position", 2 | 3) => ast::rename(function, "locate"),
        ("charindex", 3) => ast::rename(function, "locate"),
        ("decode", 3..) => return Ok(Some(decode(args, span))),
        ("binary", 1) => return Ok(Some(ast::cast(args.remove(0), DataType::Binary(None)))),
        ("pmod", 2) => {
            let right = args.pop().unwrap_or_else(|| ast::null(span));
            return Ok(Some(ast::binary(args.remove(0), BinaryOperator::Custom(name), right)));
        }
        ("convert_timezone", 2) => {
            args.insert(0, ast::string("UTC", span));
            ast::set_arguments(function, args);
        }
        ("date_part" | "datepart", 2) if is_second(&args[0]) => {
            return Ok(Some(ast::call("extract_second", vec![args.remove(1)], span)));
        }
        ("unix_timestamp", 0) => {
            let now = constant("now", span, surroundings).unwrap_or_else(|| ast::null(span));
            return Ok(Some(ast::call("unix_timestamp", vec![now], span)));
        }
        ("power", 2) => ast::rename(function, "pow"),
        ("signum", 1) => ast::rename(function, "sign"),
        ("dayofmonth", 1) => ast::rename(function, "day"),
        ("datepart", 2) => ast::rename(function, "date_part"),
        ("cardinality", 1) => ast::rename(function, "size"),
        _ => {}
    }
    windows::recompute(function);
    let name = ast::function_name(function);
    known(function, &name).map(|()| None)
}

/// Refuses too few and too many arguments, as the catalogue has them.
fn check_count(name: &str, given: usize) -> Result<(), SqlError> {
    let Some(known) = crate::dialect::functions::function(name) else { return Ok(()) };
    let most = known.max_args.unwrap_or(usize::MAX);
    if (known.min_args..=most).contains(&given) {
        return Ok(());
    }
    Err(functions::wrong_number(name, known.min_args, most, given))
}

/// Refuses lambdas where no function takes them, and lambdas with other parameters than are given to them.
fn check_lambdas(function: &Function, name: &str, args: &[Expr]) -> Result<(), SqlError> {
    let wrong = |kind: &str, what: String| {
        SqlError::new(
            format!("INVALID_LAMBDA_FUNCTION_CALL.{kind}"),
            "42K0D",
            format!("Invalid lambda function call. {what}"),
        )
    };
    for (i, arg) in args.iter().enumerate() {
        let Expr::Lambda(lambda) = arg else { continue };
        let Some((least, most)) = functions::lambdas::parameters(name, i) else {
            known(function, name)?;
            let what = "A lambda function should only be used in a higher order function.";
            return Err(wrong("NON_HIGHER_ORDER_FUNCTION", format!("{what} However, {name} is none.")));
        };
        let params = match &lambda.params {
            OneOrManyWithParens::One(param) => std::slice::from_ref(param),
            OneOrManyWithParens::Many(params) => params.as_slice(),
        };
        if !(least..=most).contains(&params.len()) {
            let what = format!("A higher order function expects {most} arguments, but got {}.", params.len());
            return Err(wrong("NUM_ARGS_MISMATCH", what));
        }
        let mut names: Vec<_> = params.iter().map(|param| param.name.value.to_lowercase()).collect();
        names.sort();
        if names.windows(2).any(|pair| pair[0] == pair[1]) {
            let what = "The lambda function has duplicate arguments. Please, consider to rename them.";
            return Err(wrong("DUPLICATE_ARG_NAMES", what.to_owned()));
        }
    }
    Ok(())
}

/// Whether a field of `date_part` is the second with its fraction.
pub(super) fn is_second(field: &Expr) -> bool {
    matches!(field, Expr::Value(ValueWithSpan { value: Value::SingleQuotedString(name), .. })
        if matches!(name.to_ascii_lowercase().as_str(), "second" | "s" | "sec" | "seconds" | "secs"))
}

/// `decode(value, search, result, …[, default])`: NULL is found too.
fn decode(mut args: Vec<Expr>, span: Span) -> Expr {
    let value = args.remove(0);
    let otherwise = if args.len() % 2 == 1 { args.pop() } else { None };
    let mut result = otherwise.unwrap_or_else(|| ast::null(span));
    let mut pairs = Vec::new();
    while args.len() >= 2 {
        let then = args.split_off(args.len() - 2);
        pairs.push(then);
    }
    for mut pair in pairs {
        let (Some(then), Some(search)) = (pair.pop(), pair.pop()) else { continue };
        let condition = ast::binary(value.clone(), BinaryOperator::Spaceship, search);
        result = ast::case(condition, then, Some(result));
    }
    result
}

/// `like(text, pattern[, escape])`
fn like(name: &str, mut args: Vec<Expr>, span: Span) -> Result<Expr, SqlError> {
    let escape_char = match args.get(2) {
        None => None,
        Some(Expr::Value(value)) => Some(value.clone()),
        Some(_) => return Err(SqlError::unsupported("a computed escape character in like").at(ast::start(span))),
    };
    let (expr, mut pattern) = (Box::new(args.remove(0)), Box::new(args.remove(0)));
    super::literals::unescaped(&mut pattern, escape_char, "INVALID_ESCAPE_CHAR").map_err(|e| e.at(ast::start(span)))?;
    Ok(if name == "like" {
        Expr::Like { negated: false, any: false, expr, pattern, escape_char: None }
    } else {
        Expr::ILike { negated: false, any: false, expr, pattern, escape_char: None }
    })
}

/// Types are functions too: `int('5')`, `date(x)`.
fn conversion(name: &str, args: &[Expr]) -> Option<Expr> {
    let [arg] = args else { return None };
    let data_type = match name {
        "bigint" => DataType::BigInt(None),
        "int" => DataType::Int(None),
        "smallint" => DataType::SmallInt(None),
        "tinyint" => DataType::TinyInt(None),
        "double" => double(),
        "float" => DataType::Float(sqlparser::ast::ExactNumberInfo::None),
        "decimal" => DataType::Decimal(sqlparser::ast::ExactNumberInfo::None),
        "string" => DataType::String(None),
        "boolean" => DataType::Boolean,
        "date" => DataType::Date,
        "timestamp" => DataType::Timestamp(None, TimezoneInfo::None),
        _ => return None,
    };
    Some(ast::cast(arg.clone(), data_type))
}

/// Refuses functions that do not exist, and those that exist only on Databricks.
fn known(function: &Function, name: &str) -> Result<(), SqlError> {
    if functions::exists(name) { Ok(()) } else { Err(unknown(function)) }
}

/// The error for a function that is not known.
pub(super) fn unknown(function: &Function) -> SqlError {
    let place = ast::start(function.span());
    let name = ast::function_name(function);
    if crate::dialect::functions::function(&name).is_some() || crate::dialect::functions::in_known_family(&name) {
        return SqlError::unsupported(&format!("the function {name}")).at(place);
    }
    let parts: Vec<String> =
        function.name.0.iter().filter_map(|part| part.as_ident().map(|ident: &Ident| ident.value.clone())).collect();
    unknown_routine(&parts.iter().map(String::as_str).collect::<Vec<_>>()).at(place)
}

/// The error for the name of a function that is not known.
pub(in crate::local::engine) fn unknown_routine(path: &[&str]) -> SqlError {
    let nearest = path.last().and_then(|name| crate::dialect::functions::nearest(name));
    let hint = nearest.map(|name| format!(" Did you mean {}?", quoted(&[name]))).unwrap_or_default();
    SqlError::new(
        "UNRESOLVED_ROUTINE",
        "42883",
        format!(
            "Cannot resolve routine {} on search path [`system`.`builtin`, `system`.`session`].{hint}",
            quoted(path)
        ),
    )
}
