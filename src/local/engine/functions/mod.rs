//! The functions of Databricks SQL that the engine computes, under Spark's names.
//!
//! Only what is registered here exists for a query. Functions of the query engine's own library are taken over where
//! their meaning is Spark's; the tests compare each with what Spark says.

pub(super) mod arithmetic;
pub(super) mod arrays;
pub(super) mod cast;
mod coalesce;
pub(super) mod common_type;
pub(super) mod compare;
mod complex_text;
pub(super) mod csv;
pub(super) mod datetime;
pub(super) mod fields;
mod format_number;
mod format_string;
mod groups;
mod hash;
mod instants;
pub(super) mod intervals;
mod java_pattern;
pub(super) mod json;
pub(super) mod lambdas;
pub(super) mod maps;
mod math;
mod moments;
mod nans;
mod nested;
mod number_pattern;
mod numbers;
pub(super) mod only_row;
mod patterns;
mod percentile;
mod range;
mod records;
mod regex;
mod round;
pub(super) mod rows;
pub(super) mod sample;
mod sequence;
mod session;
mod signs;
mod simple;
mod strings;
mod sum;
#[cfg(test)]
mod tests;
pub(super) mod text;
mod time_text;
mod to_char;
mod url;

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, LazyLock};

use datafusion::functions::string;
use datafusion::functions_aggregate as aggregates;
use datafusion::functions_window as windows;
use datafusion::logical_expr::{AggregateUDF, HigherOrderUDF, ScalarUDF, WindowUDF};
use datafusion_spark::function as spark;

pub(super) use simple::wrong_number;

static SCALARS: LazyLock<HashMap<&'static str, Arc<ScalarUDF>>> = LazyLock::new(scalars);
static HIGHER_ORDER: LazyLock<HashMap<&'static str, Arc<HigherOrderUDF>>> = LazyLock::new(higher_order_functions);
static ANY_TYPE: LazyLock<HashSet<&'static str>> =
    LazyLock::new(|| arrays::functions().chain(maps::functions()).map(|(name, _)| name).collect());
static AGGREGATES: LazyLock<HashMap<&'static str, Arc<AggregateUDF>>> = LazyLock::new(aggregate_functions);
static WINDOWS: LazyLock<HashMap<&'static str, Arc<WindowUDF>>> = LazyLock::new(window_functions);

const INCREASING_ID: &str = "monotonically_increasing_id";

/// A scalar function by its name in lower case.
pub(super) fn scalar(name: &str) -> Option<Arc<ScalarUDF>> {
    if name == INCREASING_ID {
        // Each use counts for itself.
        return Some(session::increasing_id());
    }
    SCALARS.get(name).cloned()
}

pub(super) use range::range;

/// Whether the function takes its arguments in whatever type they have.
pub(super) fn takes_any_type(name: &str) -> bool {
    ANY_TYPE.contains(name)
}

/// A function that takes lambdas, by its name in lower case.
pub(super) fn higher_order(name: &str) -> Option<Arc<HigherOrderUDF>> {
    HIGHER_ORDER.get(name).cloned()
}

/// An aggregate function by its name in lower case.
pub(super) fn aggregate(name: &str) -> Option<Arc<AggregateUDF>> {
    AGGREGATES.get(name).cloned()
}

/// A window function by its name in lower case.
pub(super) fn window(name: &str) -> Option<Arc<WindowUDF>> {
    WINDOWS.get(name).cloned()
}

/// A day from text as `CAST` reads it, in days.
pub(super) fn parse_date(text: &str) -> Option<i32> {
    moments::parse_date(text)
}

/// A day as text, from its number.
pub(super) fn show_date(days: i64) -> String {
    moments::show_date(days)
}

/// An instant from text as `CAST` reads it, in microseconds.
pub(super) fn parse_timestamp(text: &str) -> Option<i64> {
    moments::parse_timestamp(text, true)
}

/// Whether the engine has such a function.
pub(super) fn exists(name: &str) -> bool {
    name == INCREASING_ID
        || SCALARS.contains_key(name)
        || HIGHER_ORDER.contains_key(name)
        || AGGREGATES.contains_key(name)
        || WINDOWS.contains_key(name)
        || rows::is_generator(name)
}

/// The functions that are described in one line.
fn all_simple() -> impl Iterator<Item = simple::Simple> {
    [
        datetime::functions(),
        time_text::functions(),
        instants::functions(),
        text::functions(),
        strings::functions(),
        url::functions(),
        regex::functions(),
        math::functions(),
        signs::functions(),
        session::functions(),
    ]
    .into_iter()
    .flatten()
}

fn scalars() -> HashMap<&'static str, Arc<ScalarUDF>> {
    let mut all: HashMap<&'static str, Arc<ScalarUDF>> = HashMap::new();
    for function in all_simple() {
        all.insert(function.name, simple::udf(function));
    }
    all.extend(arithmetic::functions());
    all.insert("concat", text::concat());
    all.insert("sequence", sequence::sequence());
    all.extend(arrays::functions());
    all.extend(maps::functions());
    all.extend(json::functions());
    all.extend(csv::functions());
    all.extend(intervals::functions());
    all.extend([
        ("coalesce", coalesce::coalesce()),
        ("greatest", datafusion::functions::core::greatest()),
        ("least", datafusion::functions::core::least()),
        ("get_field", fields::field()),
        ("rename_fields", fields::renamed()),
        ("named_struct", datafusion::functions::core::named_struct()),
        ("round", round::round(round::To::HalfUp)),
        ("bround", round::round(round::To::HalfEven)),
        ("ceil", round::round(round::To::Above)),
        ("floor", round::round(round::To::Below)),
        ("expm1", spark::math::expm1()),
        ("unhex", spark::math::unhex()),
        ("bit_not", spark::bitwise::bitwise_not()),
        ("rand", session::chance(false)),
        ("randn", session::chance(true)),
        ("hash", hash::murmur3()),
        ("xxhash64", hash::xxhash64()),
        ("md5", datafusion::functions::crypto::md5()),
        ("sha1", spark::hash::sha1()),
        ("sha2", spark::hash::sha2()),
        ("crc32", spark::hash::crc32()),
        ("concat_ws", spark::string::concat_ws()),
        ("format_number", format_number::format_number()),
        ("to_char", to_char::to_char()),
        ("to_number", to_char::to_number(false)),
        ("try_to_number", to_char::to_number(true)),
        ("elt", text::elt()),
        ("format_string", format_string::format_string()),
        ("luhn_check", spark::string::luhn_check()),
        ("is_valid_utf8", spark::string::is_valid_utf8()),
        ("make_valid_utf8", spark::string::make_valid_utf8()),
        ("quote", spark::string::quote()),
        ("soundex", spark::string::soundex()),
        ("url_encode", spark::url::url_encode()),
        ("uuid", string::uuid()),
        ("shuffle", spark::array::shuffle()),
    ]);
    for (name, function) in &mut all {
        if let Some(over) = intervals::over(name, function) {
            *function = over;
        }
    }
    all
}

/// Functions that take lambdas, `transform(xs, x -> x + 1)`.
fn higher_order_functions() -> HashMap<&'static str, Arc<HigherOrderUDF>> {
    lambdas::functions().collect()
}

fn aggregate_functions() -> HashMap<&'static str, Arc<AggregateUDF>> {
    let mut all: HashMap<&'static str, Arc<AggregateUDF>> = HashMap::from([
        ("count", aggregates::count::count_udaf()),
        ("sum", intervals::total(sum::sum())),
        ("min", aggregates::min_max::min_udaf()),
        ("max", aggregates::min_max::max_udaf()),
        ("avg", intervals::total(aggregates::average::avg_udaf())),
        ("stddev", aggregates::stddev::stddev_udaf()),
        ("stddev_pop", aggregates::stddev::stddev_pop_udaf()),
        ("var_samp", aggregates::variance::var_samp_udaf()),
        ("var_pop", aggregates::variance::var_pop_udaf()),
        ("corr", aggregates::correlation::corr_udaf()),
        ("covar_samp", aggregates::covariance::covar_samp_udaf()),
        ("covar_pop", aggregates::covariance::covar_pop_udaf()),
        ("bool_and", aggregates::bool_and_or::bool_and_udaf()),
        ("bool_or", aggregates::bool_and_or::bool_or_udaf()),
        ("first_value", aggregates::first_last::first_value_udaf()),
        ("last_value", aggregates::first_last::last_value_udaf()),
        ("approx_count_distinct", aggregates::approx_distinct::approx_distinct_udaf()),
        ("bit_and", aggregates::bit_and_or_xor::bit_and_udaf()),
        ("bit_or", aggregates::bit_and_or_xor::bit_or_udaf()),
        ("bit_xor", aggregates::bit_and_or_xor::bit_xor_udaf()),
        ("try_sum", spark::aggregate::try_sum()),
        ("grouping", aggregates::grouping::grouping_udaf()),
    ]);
    all.extend(percentile::functions());
    all.extend(groups::functions());
    for name in nans::NAMES {
        if let Some(function) = all.get_mut(name) {
            *function = nans::one(Arc::clone(function));
        }
    }
    all
}

fn window_functions() -> HashMap<&'static str, Arc<WindowUDF>> {
    HashMap::from([
        ("row_number", windows::row_number::row_number_udwf()),
        ("rank", windows::rank::rank_udwf()),
        ("dense_rank", windows::rank::dense_rank_udwf()),
        ("percent_rank", windows::rank::percent_rank_udwf()),
        ("cume_dist", windows::cume_dist::cume_dist_udwf()),
        ("ntile", windows::ntile::ntile_udwf()),
        ("lag", windows::lead_lag::lag_udwf()),
        ("lead", windows::lead_lag::lead_udwf()),
        ("nth_value", windows::nth_value::nth_value_udwf()),
        ("first_value", windows::nth_value::first_value_udwf()),
        ("last_value", windows::nth_value::last_value_udwf()),
    ])
}
