//! What is registered, beside the catalogue.

use std::collections::BTreeSet;

/// Names under which calls go on inside: of operators, of fields, and of calls in another form.
const INTERNAL: &[&str] = &[
    "[]",
    "array_sort_by",
    "avg_of_frame",
    "binary_lpad",
    "binary_overlay",
    "binary_rpad",
    "binary_substring",
    "bit_and_of_frame",
    "bit_not",
    "bit_or_of_frame",
    "bool_and_of_frame",
    "bool_or_of_frame",
    "corr_of_frame",
    "covar_pop_of_frame",
    "covar_samp_of_frame",
    "div",
    "extract_second",
    "get_field",
    "map_of",
    "mode_desc",
    "percentile_disc_desc",
    "percentile_weighted",
    "regexp_like",
    "rename_fields",
    "stddev_of_frame",
    "stddev_pop_of_frame",
    "timestampadd",
    "timestampdiff",
    "var_pop_of_frame",
    "var_samp_of_frame",
];

#[test]
fn functions_that_run_are_in_the_catalogue() {
    let all = super::SCALARS.keys().chain(super::HIGHER_ORDER.keys());
    let all = all.chain(super::AGGREGATES.keys()).chain(super::WINDOWS.keys());
    let unknown: BTreeSet<_> =
        all.filter(|name| !INTERNAL.contains(name) && crate::dialect::functions::function(name).is_none()).collect();
    assert!(unknown.is_empty(), "{unknown:?}");
}
