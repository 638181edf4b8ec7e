//! Calls that read and write records: their schemas and options are constants, and are worked out before the query is
//! planned.

use std::collections::BTreeMap;

use sqlparser::ast::{BinaryOperator, Expr, Function, Value, ValueWithSpan};
use sqlparser::tokenizer::Span;

use super::ast;
use crate::dialect::DataType;
use crate::local::engine::error::SqlError;
use crate::local::engine::{functions, types};

/// Options of readers of JSON.
const READS_JSON: &[&str] = &[
    "mode",
    "columnnameofcorruptrecord",
    "dateformat",
    "timestampformat",
    "timestampntzformat",
    "timezone",
    "allowcomments",
    "allowunquotedfieldnames",
    "allowsinglequotes",
    "allownumericleadingzeros",
    "allownonnumericnumbers",
    "allowbackslashescapinganycharacter",
    "allowunquotedcontrolchars",
    "primitivesasstring",
    "prefersdecimal",
    "infertimestamp",
    "dropfieldifallnull",
    "multiline",
];
/// Options of writers of JSON.
const WRITES_JSON: &[&str] =
    &["dateformat", "timestampformat", "timestampntzformat", "timezone", "ignorenullfields", "pretty"];
/// Options of readers and writers of CSV.
const CSV: &[&str] = &[
    "mode",
    "columnnameofcorruptrecord",
    "dateformat",
    "timestampformat",
    "timestampntzformat",
    "timezone",
    "sep",
    "delimiter",
    "quote",
    "escape",
    "ignoreleadingwhitespace",
    "ignoretrailingwhitespace",
    "quoteall",
    "nullvalue",
    "emptyvalue",
    "nanvalue",
    "positiveinf",
    "negativeinf",
    "preferdate",
];

/// Works out the constants of a call: the schema becomes a type, the options a JSON object. The type of a text is a
/// constant itself. `None` leaves the call in place, perhaps changed.
pub(super) fn rewrite(
    function: &mut Function,
    name: &str,
    args: &[Expr],
    span: Span,
) -> Result<Option<Expr>, SqlError> {
    let json = name.ends_with("json");
    let writes = name.starts_with("to_");
    let given = args.get(if name.starts_with("from_") { 2 } else { 1 });
    let known = if !json {
        CSV
    } else if writes {
        WRITES_JSON
    } else {
        READS_JSON
    };
    let options = given.map(|given| options(name, given, known)).transpose()?.unwrap_or_default();
    let encoded = encode(&options);
    if name.starts_with("schema_of_") {
        let text = literal(name, args.first())?;
        let schema =
            if json { functions::json::schema(&text, &encoded)? } else { functions::csv::schema(&text, &encoded)? };
        return Ok(Some(ast::string(&schema.to_string(), span)));
    }
    let mut args = args.to_vec();
    if !writes {
        let schema = args.get(1).and_then(constant).ok_or_else(|| {
            let what = "The expression must be a constant STRING that is the schema.";
            SqlError::new(
                "INVALID_SCHEMA.NON_STRING_LITERAL",
                "42K07",
                format!("The input schema is not valid. {what}"),
            )
        })?;
        args[1] = ast::string(&schema_of(name, &schema, &options)?.to_string(), span);
    }
    if given.is_some() {
        args.pop();
        args.push(ast::string(&encoded, span));
    }
    ast::set_arguments(function, args);
    Ok(None)
}

/// The text of which the type is wanted.
fn literal(name: &str, arg: Option<&Expr>) -> Result<String, SqlError> {
    let wrong = |condition: &str, what: &str| {
        let text = format!("Cannot resolve \"{name}\" due to data type mismatch: {what}.");
        SqlError::new(format!("DATATYPE_MISMATCH.{condition}"), "42K09", text)
    };
    match arg {
        Some(Expr::Value(ValueWithSpan { value: Value::Null, .. })) => {
            Err(wrong("UNEXPECTED_NULL", "the text must not be NULL"))
        }
        Some(arg) => constant(arg).ok_or_else(|| wrong("NON_FOLDABLE_INPUT", "the text must be a constant STRING")),
        None => Err(SqlError::internal("a text was expected")),
    }
}

/// The text of a constant expression.
fn constant(expr: &Expr) -> Option<String> {
    match expr {
        Expr::Nested(inner) => constant(inner),
        Expr::Value(ValueWithSpan { value: Value::SingleQuotedString(text), .. }) => Some(text.clone()),
        Expr::BinaryOp { left, op: BinaryOperator::StringConcat, right } => Some(constant(left)? + &constant(right)?),
        Expr::Function(function) if ast::function_name(function) == "concat" => {
            ast::arguments(function)?.iter().map(constant).collect()
        }
        _ => None,
    }
}

/// Options as they were given, by name in lower case.
fn options(name: &str, given: &Expr, known: &[&str]) -> Result<BTreeMap<String, String>, SqlError> {
    let wrong = |condition: &str, what: &str| {
        Err(SqlError::new(format!("INVALID_OPTIONS.{condition}"), "42K06", format!("Invalid options: {what}")))
    };
    let pairs = match given {
        Expr::Function(function) if ast::function_name(function) == functions::maps::MAP => ast::arguments(function),
        _ => None,
    };
    let Some(pairs) = pairs else { return wrong("NON_MAP_FUNCTION", "Must use the `map()` function for options.") };
    let mut options = BTreeMap::new();
    for pair in pairs.chunks(2) {
        let (Some(key), Some(value)) = (pair.first().and_then(constant), pair.get(1).and_then(constant)) else {
            return wrong("NON_STRING_TYPE", "A type of keys and values in `map()` must be string.");
        };
        let option = key.to_lowercase();
        let is_utc = |zone: &str| matches!(zone, "UTC" | "GMT" | "Z" | "Etc/UTC");
        if !known.contains(&option.as_str()) || option == "timezone" && !name.starts_with("to_") && !is_utc(&value) {
            return Err(SqlError::unsupported(&format!("the option {key} = '{value}' of {name}")));
        }
        if option == "mode" && value.eq_ignore_ascii_case("dropmalformed") {
            let what = format!("The function {name} doesn't support the DROPMALFORMED mode.");
            return Err(SqlError::new("PARSE_MODE_UNSUPPORTED", "42601", what));
        }
        options.insert(option, value);
    }
    Ok(options)
}

fn encode(options: &BTreeMap<String, String>) -> String {
    let fields = options.iter().map(|(name, value)| (name.clone(), serde_json::Value::String(value.clone())));
    serde_json::Value::Object(fields.collect()).to_string()
}

/// Reads a schema and refuses what the reader cannot read.
fn schema_of(name: &str, text: &str, options: &BTreeMap<String, String>) -> Result<DataType, SqlError> {
    let Some((schema, limited)) = DataType::parse_schema(text) else {
        let what = format!("Syntax error in the schema '{text}' of {name}.");
        return Err(SqlError::new("PARSE_SYNTAX_ERROR", "42601", what));
    };
    if limited {
        return Err(SqlError::new(
            "UNSUPPORTED_CHAR_OR_VARCHAR_AS_STRING",
            "0A000",
            "The char/varchar type can't be used in the schema of a function. Use STRING instead.",
        ));
    }
    match &schema {
        DataType::Struct(fields) => {
            let corrupt = options.get("columnnameofcorruptrecord").map_or("_corrupt_record", String::as_str);
            if fields.iter().any(|(field, t)| field == corrupt && *t != Some(DataType::String)) {
                return Err(SqlError::new(
                    "INVALID_CORRUPT_RECORD_TYPE",
                    "42804",
                    format!("The column `{corrupt}` for corrupt records must have the nullable STRING type."),
                ));
            }
            if name == "from_csv"
                && let Some((field, Some(nested))) = fields
                    .iter()
                    .find(|(_, t)| matches!(t, Some(DataType::Array(_) | DataType::Map(..) | DataType::Struct(_))))
            {
                let what = format!("Unsupported data type \"{nested}\" of the field {field} in CSV.");
                return Err(SqlError::new("UNSUPPORTED_DATATYPE", "0A000", what));
            }
        }
        _ if name == "from_csv" => {
            let what = format!("The input expression should be evaluated to struct type, but got \"{schema}\".");
            return Err(SqlError::new("INVALID_SCHEMA.NON_STRUCT_TYPE", "42K07", what));
        }
        DataType::Array(_) | DataType::Map(..) => {}
        other => {
            return Err(SqlError::new(
                "DATATYPE_MISMATCH.INVALID_JSON_SCHEMA",
                "42K09",
                format!(
                    "Cannot resolve \"{name}\" due to data type mismatch: Input schema \"{other}\" must be a struct, \
                     an array or a map."
                ),
            ));
        }
    }
    check(name, &schema)?;
    Ok(schema)
}

/// Refuses types of which no values can be read.
fn check(name: &str, schema: &DataType) -> Result<(), SqlError> {
    match schema {
        DataType::Array(Some(item)) => check(name, item),
        DataType::Map(Some(key), Some(_)) if **key != DataType::String => Err(SqlError::new(
            "DATATYPE_MISMATCH.INVALID_JSON_MAP_KEY_TYPE",
            "42K09",
            format!(
                "Cannot resolve \"{name}\" due to data type mismatch: Input schema \"{schema}\" can only contain STRING \
                 as a key type for a MAP."
            ),
        )),
        DataType::Map(_, Some(value)) => check(name, value),
        DataType::Struct(fields) => fields.iter().filter_map(|(_, t)| t.as_ref()).try_for_each(|t| check(name, t)),
        DataType::Interval(_) => Err(SqlError::unsupported(&format!("{schema} in a schema of {name}"))),
        other if types::to_arrow(other).is_some() => Ok(()),
        other => Err(SqlError::unsupported(&format!("{other} in a schema of {name}"))),
    }
}
