//! The template engine as kiln sets it up: filters for SQL, and an end to templates that would not end.

use std::sync::atomic::{AtomicU32, Ordering};

use tera::{Error, Kwargs, State, Tera, Value};

/// How many rounds all loops, and calls all components, may have in one rendering.
const MAX_STEPS: u32 = 100_000;
/// Largest text or list that a template may put together in a variable.
const MAX_VALUE_BYTES: usize = 16 << 20;
const MAX_LIST_ITEMS: usize = 1_000_000;

/// Name of the function that counts steps. It stands in no template of the user's.
pub(super) const STEP: &str = "__kiln_step";

/// Message of the error that ends a template with too many steps.
pub(super) const TOO_MANY_STEPS: &str = "the template's loops go round more than 100000 times";
/// Message of the error that ends a template with too large a variable.
pub(super) const TOO_LARGE: &str = "a variable of the template grows beyond 16 MiB";

/// Filters, tests and functions that templates may use, for suggestions: Tera's own and kiln's.
pub(super) const FILTERS: [&str; 39] = [
    "safe",
    "default",
    "upper",
    "lower",
    "wordcount",
    "escape",
    "escape_html",
    "escape_xml",
    "newlines_to_br",
    "pluralize",
    "trim",
    "trim_start",
    "trim_end",
    "replace",
    "capitalize",
    "title",
    "truncate",
    "indent",
    "str",
    "int",
    "float",
    "length",
    "reverse",
    "split",
    "abs",
    "round",
    "first",
    "last",
    "nth",
    "join",
    "sort",
    "unique",
    "get",
    "values",
    "keys",
    "pairs",
    "group_by",
    "sql_string",
    "ident",
];
pub(super) const TESTS: [&str; 17] = [
    "string",
    "number",
    "map",
    "bool",
    "array",
    "integer",
    "float",
    "none",
    "iterable",
    "defined",
    "undefined",
    "odd",
    "even",
    "divisible_by",
    "starting_with",
    "ending_with",
    "containing",
];
pub(super) const FUNCTIONS: [&str; 2] = ["range", "throw"];

/// Makes an engine that knows no template yet.
pub(super) fn engine() -> Tera {
    let mut tera = Tera::new();
    tera.autoescape_on(Vec::<&str>::new());
    tera.register_filter("sql_string", sql_string);
    tera.register_filter("ident", ident);
    tera.register_function(STEP, |_: Kwargs, _: &State| false);
    tera
}

/// `| sql_string`: a text as a string literal of Databricks SQL, in which a backslash escapes.
fn sql_string(text: &str, _: Kwargs, _: &State) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'"))
}

/// `| ident`: a text as one identifier, always in back-quotes.
fn ident(text: &str, _: Kwargs, _: &State) -> Result<String, Error> {
    if text.is_empty() {
        return Err(Error::message("an empty text is no identifier"));
    }
    Ok(format!("`{}`", text.replace('`', "``")))
}

/// Starts counting steps for one rendering. The variables that the template assigns to are watched too, because a text
/// that is joined to itself in a loop doubles each time.
pub(super) fn limit_steps(tera: &mut Tera, assigned: Vec<String>) {
    let steps = AtomicU32::new(0);
    tera.register_function(STEP, move |_: Kwargs, state: &State| {
        if steps.fetch_add(1, Ordering::Relaxed) >= MAX_STEPS {
            return Err(Error::message(TOO_MANY_STEPS));
        }
        for name in &assigned {
            let value = state.get::<Value>(name)?;
            let too_large = value.as_ref().is_some_and(|value| {
                value.as_str().is_some_and(|text| text.len() > MAX_VALUE_BYTES)
                    || value.as_array().is_some_and(|items| items.len() > MAX_LIST_ITEMS)
            });
            if too_large {
                return Err(Error::message(TOO_LARGE));
            }
        }
        Ok(false)
    });
}
