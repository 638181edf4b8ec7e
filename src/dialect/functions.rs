//! The catalogue of Databricks SQL's built-in functions: kind, number of arguments, and what type they return.

use std::collections::HashMap;
use std::sync::LazyLock;

use super::types::DataType;
use crate::diag::did_you_mean;

/// A built-in function.
#[derive(Clone, Debug)]
pub struct Function {
    /// Its name, in lower case.
    pub name: &'static str,
    /// What it computes from.
    pub kind: FunctionKind,
    /// The fewest arguments it takes.
    pub min_args: usize,
    /// The most arguments it takes; none: any number.
    pub max_args: Option<usize>,
    /// What type it returns.
    pub returns: Returns,
}

/// What a function computes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FunctionKind {
    /// One row.
    Scalar,
    /// The rows of a group, or of a window with OVER.
    Aggregate,
    /// The rows of a window, only with OVER.
    Window,
    /// Makes rows: stands in FROM, in LATERAL VIEW, or alone in a SELECT list.
    Table,
}

/// How the type of a result follows from the arguments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Returns {
    /// Always this type.
    Type(DataType),
    /// The type of an argument, counted from 0.
    Argument(usize),
    /// The common type of all arguments from this one on.
    Common(usize),
    /// An array of an argument's type.
    ArrayOf(usize),
    /// An array of the common type of all arguments.
    ArrayOfCommon,
    /// The elements of the first argument's array, or the values of its map.
    Element,
    /// A map of alternating keys and values.
    MapOfArguments,
    /// An array of the keys of the first argument's map.
    Keys,
    /// An array of the values of the first argument's map.
    Values,
    /// As `sum`: whole numbers give BIGINT, decimals ten more digits, others DOUBLE.
    Sum,
    /// As `avg`: decimals four more digits, others DOUBLE.
    Average,
    /// As `round` with its number of places.
    Round,
    /// As `ceil` and `floor`: BIGINT, or a decimal without places.
    Whole,
    /// As `concat`: a string, binary or an array.
    Concat,
    /// As a percentile: this type, or the first argument's if none; an array if the second argument is one.
    Percentile(Option<DataType>),
    /// As `datediff`: INT for two arguments, BIGINT with a unit.
    DateDiff,
    /// As `dateadd`: DATE for two arguments, a timestamp with a unit.
    DateAdd,
    /// As `a / b`.
    Quotient,
    /// It cannot be told from the arguments' types.
    Unknown,
}

/// Finds a function by name, in any case.
pub fn function(name: &str) -> Option<&'static Function> {
    CATALOGUE.get(name.to_ascii_lowercase().as_str())
}

/// Walks all functions, in no particular order.
pub fn functions() -> impl Iterator<Item = &'static Function> {
    CATALOGUE.values()
}

/// The function with the name that is nearest to a mistaken one, if one is near.
pub fn nearest(name: &str) -> Option<&'static str> {
    let mut names: Vec<_> = functions().map(|function| function.name).collect();
    names.sort_unstable();
    did_you_mean(name, names)
}

/// Tells whether a name belongs to one of the large families of which the catalogue does not list every member.
pub fn in_known_family(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    [
        "ai_",
        "approx_top_k",
        "bitmap_",
        "h3_",
        "hll_",
        "kll_",
        "st_",
        "theta_",
        "time_",
        "try_ai_",
        "try_variant_",
        "tuple_",
        "vector_",
        "xpath",
    ]
    .iter()
    .any(|family| name.starts_with(family))
}

static CATALOGUE: LazyLock<HashMap<&'static str, Function>> =
    LazyLock::new(|| TABLE.lines().flat_map(row).map(|f| (f.name, f)).collect());

/// Reads a row of the table: kind, numbers of arguments, result, and the functions that share them.
fn row(line: &'static str) -> Vec<Function> {
    let Some((head, names)) = line.split_once(" : ") else { return Vec::new() };
    let mut words = head.splitn(3, ' ');
    let kind = match words.next() {
        Some("aggregate") => FunctionKind::Aggregate,
        Some("window") => FunctionKind::Window,
        Some("table") => FunctionKind::Table,
        _ => FunctionKind::Scalar,
    };
    let (min_args, max_args) = arity(words.next().unwrap_or("0+"));
    let returns = returns(words.next().unwrap_or("?").trim());
    names.split_whitespace().map(|name| Function { name, kind, min_args, max_args, returns: returns.clone() }).collect()
}

/// `2`, `1-3` or `1+`.
fn arity(text: &str) -> (usize, Option<usize>) {
    let number = |t: &str| t.parse().unwrap_or(0);
    if let Some(min) = text.strip_suffix('+') {
        (number(min), None)
    } else if let Some((min, max)) = text.split_once('-') {
        (number(min), Some(number(max)))
    } else {
        (number(text), Some(number(text)))
    }
}

fn returns(text: &str) -> Returns {
    match text {
        "$1" => Returns::Argument(0),
        "$3" => Returns::Argument(2),
        "common" => Returns::Common(0),
        "common-of-2" => Returns::Common(1),
        "array-of-$1" => Returns::ArrayOf(0),
        "array-of-common" => Returns::ArrayOfCommon,
        "element" => Returns::Element,
        "map" => Returns::MapOfArguments,
        "keys" => Returns::Keys,
        "values" => Returns::Values,
        "sum" => Returns::Sum,
        "average" => Returns::Average,
        "round" => Returns::Round,
        "whole" => Returns::Whole,
        "concat" => Returns::Concat,
        "percentile" => Returns::Percentile(Some(DataType::Double)),
        "percentile-of-$1" => Returns::Percentile(None),
        "date-diff" => Returns::DateDiff,
        "date-add" => Returns::DateAdd,
        "quotient" => Returns::Quotient,
        _ => DataType::parse(text).map_or(Returns::Unknown, Returns::Type),
    }
}

/// Kind, numbers of arguments, result : names. `?` is a result that cannot be told.
const TABLE: &str = "
scalar 1 $1 : abs negative positive array_compact array_distinct nullifzero zeroifnull reverse
scalar 1-2 $1 : shuffle sort_array array_sort
scalar 2 $1 : array_append array_prepend array_except array_intersect array_union array_remove filter map_filter
scalar 2 $1 : nullif shiftleft shiftright shiftrightunsigned collate
scalar 3 $1 : array_insert slice
scalar 0+ $1 : map_concat
scalar 1 DOUBLE : acos acosh asin asinh atan atanh cbrt cos cosh cot csc degrees exp expm1 ln log10 log1p log2 radians
scalar 1 DOUBLE : rint sec sign signum sin sinh sqrt tan tanh
scalar 1-2 DOUBLE : log
scalar 2 DOUBLE : atan2 hypot pow power
scalar 0 DOUBLE : e pi
scalar 0-1 DOUBLE : rand random randn
scalar 2-3 ? : uniform
scalar 1-2 STRING : randstr
scalar 1-2 whole : ceil ceiling floor
scalar 1-2 round : round
scalar 1-2 ? : bround
scalar 2 ? : mod try_mod try_add try_subtract try_multiply
scalar 2 quotient : try_divide
scalar 2 common : pmod nanvl
scalar 4 BIGINT : width_bucket
scalar 1 BIGINT : factorial crc32 bitmap_bit_position bitmap_bucket_number bitmap_count hll_sketch_estimate
scalar 3 STRING : conv
scalar 1 STRING : bin hex
scalar 1 BINARY : unhex unbase64
scalar 1 INT : bit_count
scalar 2 TINYINT : bit_get getbit
scalar 0 DATE : current_date curdate
scalar 0-1 TIMESTAMP : current_timestamp now getdate
scalar 0 STRING : current_timezone current_user user session_user current_catalog current_database current_schema
scalar 0 STRING : current_metastore version input_file_name
scalar 0-1 ? : current_version current_time localtime current_path
scalar 0+ ? : make_time to_time try_to_time time time_bucket time_diff time_trunc
scalar 0-1 STRING : current_recipient
scalar 0-1 TIMESTAMP_NTZ : localtimestamp
scalar 2 DATE : add_months date_sub next_day trunc
scalar 1 DATE : last_day date_from_unix_date
scalar 3 DATE : make_date
scalar 1-2 DATE : to_date try_to_date
scalar 2-3 date-add : date_add dateadd
scalar 3 date-add : timestampadd
scalar 2-3 date-diff : datediff date_diff
scalar 3 BIGINT : timestampdiff
scalar 2-3 DOUBLE : months_between
scalar 2 STRING : date_format
scalar 2 ? : date_part datepart extract
scalar 2 TIMESTAMP : date_trunc from_utc_timestamp to_utc_timestamp
scalar 1 INT : day dayofmonth dayofweek dayofyear weekday weekofyear month quarter year hour minute second unix_date
scalar 1 STRING : dayname monthname
scalar 1-2 TIMESTAMP : to_timestamp to_timestamp_ltz try_to_timestamp
scalar 1-2 TIMESTAMP_NTZ : to_timestamp_ntz
scalar 1-7 TIMESTAMP : make_timestamp make_timestamp_ltz try_make_timestamp try_make_timestamp_ltz
scalar 2-6 TIMESTAMP_NTZ : make_timestamp_ntz try_make_timestamp_ntz
scalar 1 TIMESTAMP : timestamp_micros timestamp_millis timestamp_seconds
scalar 1 ? : timestamp_nanos
scalar 2-3 TIMESTAMP_NTZ : convert_timezone
scalar 1-2 BIGINT : to_unix_timestamp
scalar 0-2 BIGINT : unix_timestamp
scalar 1 BIGINT : unix_micros unix_millis unix_seconds unix_nanos
scalar 1-2 STRING : from_unixtime
scalar 0-7 ? : make_interval try_make_interval
scalar 0-4 INTERVAL DAY TO SECOND : make_dt_interval
scalar 0-2 INTERVAL YEAR TO MONTH : make_ym_interval
scalar 2-4 ? : window
scalar 2 ? : session_window
scalar 1 ? : window_time
scalar 1 BIGINT : bigint
scalar 1 BINARY : binary
scalar 1 BOOLEAN : boolean
scalar 1 DATE : date
scalar 1 DECIMAL(10,0) : decimal
scalar 1 DOUBLE : double
scalar 1 FLOAT : float
scalar 1 INT : int
scalar 1 SMALLINT : smallint
scalar 1 TINYINT : tinyint
scalar 1 STRING : string
scalar 1 TIMESTAMP : timestamp
scalar 1+ ? : cast try_cast
scalar 1 INT : ascii bit_length char_length character_length length len octet_length json_array_length array_size size
scalar 1 INT : cardinality
scalar 1 STRING : base64 char chr initcap lcase lower ucase upper soundex space quote url_decode url_encode
scalar 1 STRING : try_url_decode make_valid_utf8 validate_utf8 try_validate_utf8 typeof collation md5 sha sha1
scalar 1 BOOLEAN : is_valid_utf8 luhn_check isnan isnull isnotnull is_variant_null is_member is_account_group_member
scalar 1-2 STRING : btrim ltrim rtrim trim
scalar 2-3 INT : charindex locate levenshtein position regexp_instr
scalar 2 INT : find_in_set regexp_count
scalar 2-4 INT : instr
scalar 0+ concat : concat
scalar 1+ STRING : concat_ws format_string printf
scalar 2 BOOLEAN : contains endswith startswith equal_null rlike regexp regexp_like
scalar 2-3 BOOLEAN : like ilike
scalar 2+ STRING : elt java_method reflect try_reflect
scalar 2+ ? : decode
scalar 2 BINARY : encode
scalar 2 STRING : format_number left right repeat regexp_substr to_char to_varchar get_json_object sha2
scalar 2-3 STRING : lpad rpad replace substr substring parse_url try_parse_url regexp_extract
scalar 3-4 STRING : overlay regexp_replace
scalar 3 STRING : split_part substring_index translate
scalar 1-5 STRING : mask
scalar 2-3 ARRAY<STRING> : split regexp_extract_all
scalar 1-3 ARRAY<ARRAY<STRING>> : sentences
scalar 1-3 MAP<STRING, STRING> : str_to_map
scalar 1-2 BINARY : to_binary try_to_binary
scalar 2-6 BINARY : aes_encrypt aes_decrypt try_aes_decrypt
scalar 2 ? : to_number try_to_number
scalar 1+ common : coalesce
scalar 2+ common : greatest least
scalar 2 common : ifnull nvl
scalar 3 common-of-2 : if iff nvl2
scalar 0+ array-of-common : array
scalar 2 array-of-$1 : array_repeat
scalar 2-3 array-of-$1 : sequence
scalar 2 BOOLEAN : array_contains arrays_overlap exists forall map_contains_key
scalar 2-3 STRING : array_join
scalar 1 element : array_max array_min flatten
scalar 2 element : element_at try_element_at get
scalar 2 BIGINT : array_position
scalar 0+ ? : named_struct struct
scalar 1+ ? : arrays_zip
scalar 3-4 ? : aggregate reduce
scalar 2 ? : transform transform_keys transform_values
scalar 3 ? : zip_with map_zip_with
scalar 0+ map : map
scalar 1 ? : map_entries map_from_entries
scalar 2 ? : map_from_arrays
scalar 1 keys : map_keys
scalar 1 values : map_values
scalar 2-3 ? : from_csv from_json from_xml variant_get try_variant_get from_avro
scalar 2-4 ? : from_protobuf to_protobuf
scalar 1-2 ? : to_avro
scalar 1-2 STRING : to_csv to_json to_xml schema_of_csv schema_of_json schema_of_xml
scalar 1 STRING : schema_of_variant
scalar 1 ARRAY<STRING> : json_object_keys
scalar 1 VARIANT : parse_json try_parse_json to_variant_object
scalar 1+ ? : variant_array_append variant_delete variant_insert variant_set variant_strip_nulls
scalar 1 BOOLEAN : is_valid_variant
scalar 0+ ? : hmac from_base32 to_base32 schema_of_avro jaro_winkler_similarity counter_diff
scalar 0+ INT : hash
scalar 0+ BIGINT : xxhash64
scalar 0-1 STRING : uuid
scalar 0 BIGINT : monotonically_increasing_id input_file_block_length input_file_block_start
scalar 0 INT : spark_partition_id
scalar 1-2 VOID : assert_true
scalar 1-2 ? : raise_error
scalar 2 STRING : secret try_secret
scalar 2-3 BINARY : hll_union
scalar 2 BOOLEAN : xpath_boolean
scalar 2 ARRAY<STRING> : xpath
scalar 2 DOUBLE : xpath_double xpath_number
scalar 2 FLOAT : xpath_float
scalar 2 INT : xpath_int
scalar 2 BIGINT : xpath_long
scalar 2 SMALLINT : xpath_short
scalar 2 STRING : xpath_string
scalar 1+ STRING : ai_analyze_sentiment ai_classify ai_fix_grammar ai_gen ai_mask ai_summarize ai_translate
scalar 2+ FLOAT : ai_similarity
scalar 2+ ? : ai_query ai_extract
aggregate 1 BOOLEAN : any some every bool_and bool_or
aggregate 1-2 $1 : any_value first first_value last last_value
aggregate 0-2 $1 : mode
aggregate 1 $1 : max min bit_and bit_or bit_xor
aggregate 2-3 $1 : max_by min_by
aggregate 1-2 BIGINT : approx_count_distinct
aggregate 2-3 percentile-of-$1 : approx_percentile percentile_approx
aggregate 2-3 percentile : percentile
aggregate 1 DOUBLE : percentile_cont
aggregate 1 ? : percentile_disc collect_union
aggregate 1-3 ? : approx_top_k
aggregate 1 DOUBLE : median kurtosis skewness std stddev stddev_pop stddev_samp var_pop var_samp variance
aggregate 1 array-of-$1 : array_agg collect_list collect_set
aggregate 1 average : avg mean try_avg
aggregate 1 sum : sum try_sum
aggregate 2 DOUBLE : corr covar_pop covar_samp regr_avgx regr_avgy regr_intercept regr_r2 regr_slope regr_sxx regr_sxy
aggregate 2 DOUBLE : regr_syy
aggregate 2 BIGINT : regr_count
aggregate 0+ BIGINT : count
aggregate 1 BIGINT : count_if
aggregate 3-4 BINARY : count_min_sketch
aggregate 1 TINYINT : grouping
aggregate 0+ BIGINT : grouping_id
aggregate 2 ? : histogram_numeric
aggregate 1-2 BINARY : hll_sketch_agg hll_union_agg bitmap_construct_agg bitmap_or_agg
aggregate 1-2 STRING : listagg string_agg schema_of_json_agg schema_of_variant_agg
aggregate 1 ? : measure
window 0 DOUBLE : cume_dist percent_rank
window 0 INT : dense_rank rank row_number
window 0-1 INT : ntile
window 1-4 $1 : lag lead
window 2-3 $1 : nth_value
table 1 ? : explode explode_outer posexplode posexplode_outer inline inline_outer
table 1 ? : variant_explode variant_explode_outer
table 2+ ? : json_tuple stack
table 1-4 ? : range
table 1+ ? : read_files read_kafka read_kinesis read_pubsub read_pulsar read_state_metadata read_statestore
table 1+ ? : table_changes event_log cloud_files_state ai_forecast vector_search get_warnings
table 0+ ? : list_secrets sql_keywords collations python_worker_logs
";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_of_the_table_is_read() {
        let mut names = std::collections::HashSet::new();
        let mut count = 0;
        for line in TABLE.lines().filter(|l| !l.is_empty()) {
            let functions = row(line);
            assert!(!functions.is_empty(), "{line}");
            let result = line.split(" : ").next().unwrap().splitn(3, ' ').nth(2).unwrap();
            for f in &functions {
                assert!(
                    f.name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_'),
                    "{}",
                    f.name
                );
                assert!(names.insert(f.name), "{} stands twice", f.name);
                assert!(f.max_args.is_none_or(|max| max >= f.min_args), "{line}");
                assert!((f.returns == Returns::Unknown) == (result == "?"), "{line}: {result} is not understood");
            }
            count += functions.len();
        }
        assert_eq!(count, functions().count());
        assert!(count > 350, "{count}");
    }

    #[test]
    fn functions_are_found_in_any_case() {
        let f = function("Date_Trunc").unwrap();
        assert_eq!((f.kind, f.min_args, f.max_args), (FunctionKind::Scalar, 2, Some(2)));
        assert_eq!(f.returns, Returns::Type(DataType::Timestamp));
        assert_eq!(function("row_number").unwrap().kind, FunctionKind::Window);
        assert!(function("dat_trunc").is_none());
        assert!(in_known_family("ST_Distance"));
    }
}
