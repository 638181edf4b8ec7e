//! The query engine's errors in Databricks' words.

use datafusion::arrow::error::ArrowError;
use datafusion::common::{Column, DataFusionError, SchemaError};

use crate::local::engine::catalog::quoted;
use crate::local::engine::error::SqlError;

/// At most so many names are suggested.
const SUGGESTIONS: usize = 5;

impl From<SqlError> for DataFusionError {
    fn from(error: SqlError) -> Self {
        Self::External(Box::new(error))
    }
}

/// Line and column of a name that is no column of any table in reach.
pub(super) fn unresolved_column(error: &DataFusionError) -> Option<(usize, usize)> {
    let (place, inner) = peel(error, None);
    match inner {
        DataFusionError::SchemaError(schema, _) if matches!(**schema, SchemaError::FieldNotFound { .. }) => place,
        _ => None,
    }
}

/// The name that is no column of any table in reach, if that is what the error says.
pub(super) fn unresolved_name(error: &DataFusionError) -> Option<(Option<String>, String)> {
    match peel(error, None).1 {
        DataFusionError::SchemaError(schema, _) => match schema.as_ref() {
            SchemaError::FieldNotFound { field, .. } => {
                Some((field.relation.as_ref().map(|r| r.table().to_owned()), field.name.clone()))
            }
            _ => None,
        },
        _ => None,
    }
}

/// Whether a select list brings a name twice.
pub(super) fn names_twice(error: &DataFusionError) -> bool {
    match peel(error, None).1 {
        DataFusionError::SchemaError(error, _) => !matches!(**error, SchemaError::FieldNotFound { .. }),
        DataFusionError::Plan(message) => message.contains("require unique expression names"),
        _ => false,
    }
}

/// What we have sent through the planner as an error.
pub(super) fn carried<T: std::error::Error + 'static>(error: &DataFusionError) -> Option<&T> {
    match peel(error, None).1 {
        DataFusionError::External(inner) => inner.downcast_ref(),
        _ => None,
    }
}

/// Says what an error of the query engine means.
pub(in crate::local::engine) fn explain(error: DataFusionError) -> SqlError {
    let (place, inner) = peel(&error, None);
    translate(inner).at(place)
}

/// Takes the wrapping off; returns the place that it tells, if any.
fn peel(error: &DataFusionError, place: Option<(usize, usize)>) -> (Option<(usize, usize)>, &DataFusionError) {
    match error {
        DataFusionError::Diagnostic(diagnostic, inner) => {
            let span = diagnostic.span.filter(|span| span.start.line > 0);
            let here = span.and_then(|span| {
                Some((usize::try_from(span.start.line).ok()?, usize::try_from(span.start.column).ok()?))
            });
            peel(inner, here.or(place))
        }
        DataFusionError::Context(_, inner) => peel(inner, place),
        DataFusionError::Shared(inner) => peel(inner, place),
        DataFusionError::Collection(all) => match all.first() {
            Some(first) => peel(first, place),
            None => (place, error),
        },
        DataFusionError::External(inner) => match inner.downcast_ref::<DataFusionError>() {
            Some(inner) => peel(inner, place),
            None => (place, error),
        },
        DataFusionError::ArrowError(inner, _) => match inner.as_ref() {
            ArrowError::ExternalError(inner) => match inner.downcast_ref::<DataFusionError>() {
                Some(inner) => peel(inner, place),
                None => (place, error),
            },
            _ => (place, error),
        },
        _ => (place, error),
    }
}

fn translate(error: &DataFusionError) -> SqlError {
    if let DataFusionError::External(inner) = error
        && let Some(error) = inner.downcast_ref::<SqlError>()
    {
        return error.clone();
    }
    // An error that was met while types were matched or a file was read comes back as text.
    if let Some(error) = recovered(&error.to_string()) {
        return error;
    }
    match error {
        DataFusionError::External(inner) => match inner.downcast_ref::<SqlError>() {
            Some(error) => error.clone(),
            None => match inner.downcast_ref::<ArrowError>() {
                Some(error) => arrow(error),
                None => SqlError::internal(format!("{inner}.")),
            },
        },
        DataFusionError::SchemaError(error, _) => schema(error),
        DataFusionError::ArrowError(error, _) => arrow(error),
        DataFusionError::NotImplemented(message) => SqlError::new(
            "UNSUPPORTED_FEATURE",
            "0A000",
            format!("The embedded warehouse does not support this: {}.", message.trim_end_matches('.')),
        ),
        DataFusionError::Plan(message) => plan(message),
        DataFusionError::ResourcesExhausted(message) => {
            let error = SqlError::new("INSUFFICIENT_RESOURCES", "53200", first_line(message));
            SqlError { error_code: "RESOURCE_EXHAUSTED", ..error }
        }
        DataFusionError::ParquetError(error) => SqlError::io(format!("A data file cannot be read: {error}.")),
        DataFusionError::ObjectStore(error) => SqlError::io(format!("A data file cannot be read: {error}.")),
        DataFusionError::IoError(error) => SqlError::io(format!("A file cannot be read or written: {error}.")),
        DataFusionError::Execution(message) => execution(message),
        other => SqlError::internal(format!("{}.", first_line(&other.strip_backtrace()))),
    }
}

/// The SQLSTATEs of errors that functions raise.
const STATES: &[&str] = &[
    "22012", "22003", "22018", "22007", "22009", "22023", "42605", "42K09", "42703", "0A000", "54000", "53200",
    "42836", "42704", "42000", "21000",
];

/// An error of ours inside the text of another: `… [CONDITION] what is wrong. SQLSTATE: 22012 …`.
fn recovered(text: &str) -> Option<SqlError> {
    for (i, _) in text.match_indices('[') {
        let Some((condition, rest)) = text[i + 1..].split_once("] ") else { continue };
        let named = condition.contains('_')
            && condition.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || matches!(b, b'_' | b'.'));
        if !named {
            continue;
        }
        if let Some((said, state)) = rest.split_once(" SQLSTATE: ") {
            let state = STATES.iter().find(|known| state.starts_with(**known))?;
            return Some(SqlError::new(condition, state, said));
        }
    }
    None
}

fn first_line(message: &str) -> &str {
    message.lines().next().unwrap_or_default()
}

fn schema(error: &SchemaError) -> SqlError {
    match error {
        SchemaError::FieldNotFound { field, valid_fields } => {
            let marked = format!("{}#", field.name);
            if valid_fields.iter().filter(|known| known.name.starts_with(&marked)).count() > 1 {
                return schema(&SchemaError::AmbiguousReference { field: field.clone() });
            }
            suggested(&written(field), valid_fields.iter().map(written).collect())
        }
        SchemaError::AmbiguousReference { field } => SqlError::new(
            "AMBIGUOUS_REFERENCE",
            "42704",
            format!("Reference {} is ambiguous: several tables in reach have it.", written(field)),
        ),
        SchemaError::DuplicateQualifiedField { name, .. } | SchemaError::DuplicateUnqualifiedField { name } => {
            SqlError::new(
                "AMBIGUOUS_REFERENCE",
                "42704",
                format!("Reference {} is ambiguous: two columns have this name.", quoted(&[name])),
            )
        }
    }
}

/// The error for a name that none of these columns has.
pub(super) fn unresolved(name: &str, columns: &[String]) -> SqlError {
    suggested(&quoted(&[name]), columns.iter().map(|column| quoted(&[column])).collect())
}

fn suggested(name: &str, mut known: Vec<String>) -> SqlError {
    known
        .sort_by(|a, b| strsim::jaro_winkler(b, name).total_cmp(&strsim::jaro_winkler(a, name)).then_with(|| a.cmp(b)));
    known.dedup();
    known.truncate(SUGGESTIONS);
    if known.is_empty() {
        return SqlError::new(
            "UNRESOLVED_COLUMN.WITHOUT_SUGGESTION",
            "42703",
            format!("A column, variable, or function parameter with name {name} cannot be resolved."),
        );
    }
    SqlError::new(
        "UNRESOLVED_COLUMN.WITH_SUGGESTION",
        "42703",
        format!(
            "A column, variable, or function parameter with name {name} cannot be resolved. Did you mean one of the \
             following? [{}].",
            known.join(", ")
        ),
    )
}

/// A column as Spark shows it: `` `orders`.`id` ``, without the parts that only we have put in.
fn written(column: &Column) -> String {
    match column.relation.as_ref().map(datafusion::common::TableReference::table) {
        Some(table) => quoted(&[table, &column.name]),
        None => quoted(&[&column.name]),
    }
}

fn arrow(error: &ArrowError) -> SqlError {
    match error {
        ArrowError::DivideByZero => divide_by_zero(),
        ArrowError::ArithmeticOverflow(_) => overflow(),
        ArrowError::CastError(message) | ArrowError::ParseError(message) => SqlError::new(
            "CAST_INVALID_INPUT",
            "22018",
            format!(
                "A value cannot be cast because it is malformed: {}. Correct the value as per the syntax, or change \
                 its target type. Use `try_cast` to tolerate malformed input and return NULL instead.",
                message.trim_end_matches('.')
            ),
        ),
        ArrowError::ComputeError(message) | ArrowError::InvalidArgumentError(message) => execution(message),
        ArrowError::ExternalError(inner) => match inner.downcast_ref::<SqlError>() {
            Some(error) => error.clone(),
            None => SqlError::internal(format!("{inner}.")),
        },
        ArrowError::NotYetImplemented(what) => SqlError::unsupported(what),
        other => SqlError::internal(format!("{other}.")),
    }
}

/// Division by zero.
pub(in crate::local::engine) fn divide_by_zero() -> SqlError {
    SqlError::new(
        "DIVIDE_BY_ZERO",
        "22012",
        "Division by zero. Use `try_divide` to tolerate divisor being 0 and return NULL instead.",
    )
}

/// A result that its type does not hold.
pub(in crate::local::engine) fn overflow() -> SqlError {
    SqlError::new(
        "ARITHMETIC_OVERFLOW",
        "22003",
        "Overflow. Use try_add, try_subtract, try_multiply or try_divide to tolerate overflow and return NULL instead.",
    )
}

fn execution(message: &str) -> SqlError {
    let lower = message.to_lowercase();
    if lower.contains("divide by zero") {
        divide_by_zero()
    } else if lower.contains("overflow") {
        overflow()
    } else if lower.contains("subquery returned more than one row") {
        SqlError::new(
            "SCALAR_SUBQUERY_TOO_MANY_ROWS",
            "21000",
            "A subquery that stands for one value gave more than one row.",
        )
    } else {
        SqlError::internal(format!("{}.", first_line(message).trim_end_matches('.')))
    }
}

/// What the planner says in prose.
fn plan(message: &str) -> SqlError {
    let line = first_line(message).trim_end_matches('.');
    let mentions = |words: &[&str]| words.iter().any(|word| message.contains(word));
    if mentions(&["must appear in the GROUP BY", "must be in GROUP BY", "must appear in GROUP BY"]) {
        let column = message.split('"').nth(1).and_then(|name| name.rsplit('.').next()).unwrap_or("it");
        SqlError::new(
            "MISSING_AGGREGATION",
            "42803",
            format!(
                "The non-aggregating expression \"{column}\" is based on columns which are not participating in the \
                 GROUP BY clause. Add the columns or the expression to the GROUP BY, aggregate the expression, or use \
                 \"any_value({column})\" if you do not care which of the values within a group is returned."
            ),
        )
    } else if mentions(&["No function matches", "failed to match any signature", "coercion from", "Coercion from"]) {
        SqlError::new("DATATYPE_MISMATCH.UNEXPECTED_INPUT_TYPE", "42K09", format!("{line}."))
    } else if mentions(&["Cannot coerce arithmetic", "Cannot infer common argument type", "Incompatible inputs"]) {
        SqlError::new("DATATYPE_MISMATCH.BINARY_OP_DIFF_TYPES", "42K09", format!("{line}."))
    } else if mentions(&["Unary operator 'NOT' requires"]) {
        let text = "Cannot resolve \"NOT\" due to data type mismatch: it requires the \"BOOLEAN\" type. Compare the value \
                    with something, or cast it.";
        SqlError::new("DATATYPE_MISMATCH.UNEXPECTED_INPUT_TYPE", "42K09", text)
    } else if mentions(&["Join condition must be boolean"]) {
        let text = "The join condition must be BOOLEAN: compare the columns of both sides.";
        SqlError::new("JOIN_CONDITION_IS_NOT_BOOLEAN_TYPE", "42K0E", text)
    } else if mentions(&["ORDER BY expressions"]) && mentions(&["SELECT DISTINCT"]) {
        let name = message.split("expressions ").nth(1).and_then(|rest| rest.split(" must").next()).unwrap_or_default();
        SqlError::new(
            "UNRESOLVED_COLUMN.WITH_SUGGESTION",
            "42703",
            format!("With SELECT DISTINCT only columns of the select list can be in ORDER BY, but {name} is not."),
        )
    } else if mentions(&["Source table contains"]) {
        SqlError::new("ASSIGNMENT_ARITY_MISMATCH", "42802", format!("{line}."))
    } else if mentions(&["Invalid qualifier"]) {
        let name = line.rsplit("Invalid qualifier ").next().unwrap_or_default();
        SqlError::new(
            "CANNOT_RESOLVE_STAR_EXPAND",
            "42704",
            format!("Nothing in reach is called {name}, so {name}.* has no columns."),
        )
    } else if mentions(&["UNION queries have different number", "same number of columns"]) {
        SqlError::new("NUM_COLUMNS_MISMATCH", "42826", format!("{line}."))
    } else {
        SqlError::new("CANNOT_PLAN_QUERY", "42000", format!("The embedded warehouse cannot plan this query: {line}."))
    }
}
