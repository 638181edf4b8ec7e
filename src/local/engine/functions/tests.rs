//! What is registered, beside the catalogue.

use std::collections::BTreeSet;

/// Names under which calls go on inside: of operators, of fields, and of calls in another form.
const INTERNAL: &[&str] = &[
    "[]",
    "array_sort_by",
    "binary_lpad",
    "binary_rpad",
    "binary_substring",
    "bit_not",
    "div",
    "extract_second",
    "get_field",
    "map_of",
    "mode_desc",
    "percentile_disc_desc",
    "percentile_weighted",
    "regexp_like",
    "timestampadd",
    "timestampdiff",
];

#[test]
fn functions_that_run_are_in_the_catalogue() {
    let all = super::SCALARS.keys().chain(super::HIGHER_ORDER.keys());
    let all = all.chain(super::AGGREGATES.keys()).chain(super::WINDOWS.keys());
    let unknown: BTreeSet<_> =
        all.filter(|name| !INTERNAL.contains(name) && crate::dialect::functions::function(name).is_none()).collect();
    assert!(unknown.is_empty(), "{unknown:?}");
}
