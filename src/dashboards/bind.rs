//! Parameters in a dataset's SQL: where they are mentioned, and the SQL with their values in place.

use std::ops::Range;

use super::model::{DataType, ParameterKind, Selection};
use super::relative;

/// A mention of a parameter in SQL.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Mention {
    /// Bytes of the whole mention, from the colon.
    pub(super) range: Range<usize>,
    /// The parameter's keyword.
    pub(super) keyword: String,
    /// `min` or `max` of a range.
    pub(super) end: Option<End>,
}

/// An end of a range parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    Min,
    Max,
}

/// What stands for a parameter.
pub(super) struct Bound {
    pub(super) keyword: String,
    pub(super) kind: ParameterKind,
    pub(super) data_type: DataType,
    pub(super) selection: Selection,
}

/// A piece of SQL, as far as telling text from code needs it.
pub(super) enum Piece {
    /// A string, a quoted name or a comment: nothing in it is code.
    Opaque,
    /// Any other single character.
    Char(char),
}

/// Walks SQL piece by piece; strings may be in single or double quotes, with backslash escapes.
pub(super) fn pieces(sql: &str) -> impl Iterator<Item = (Range<usize>, Piece)> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let rest = &sql[at..];
        let first = rest.chars().next()?;
        let length = match first {
            '\'' | '"' | '`' => quoted_length(rest, first),
            '-' if rest.starts_with("--") => rest.find('\n').unwrap_or(rest.len()),
            '/' if rest.starts_with("/*") => rest.find("*/").map_or(rest.len(), |end| end + 2),
            _ => 0,
        };
        let (length, piece) =
            if length == 0 { (first.len_utf8(), Piece::Char(first)) } else { (length, Piece::Opaque) };
        let range = at..at + length;
        at = range.end;
        Some((range, piece))
    })
}

fn quoted_length(text: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        if escaped {
            escaped = false;
        } else if c == '\\' && quote != '`' {
            escaped = true;
        } else if c == quote {
            return at + c.len_utf8();
        }
    }
    text.len()
}

/// Finds the parameters that SQL mentions. A cast (`::`), a JSON path (`col:field`) and text in quotes are none.
pub(super) fn mentions(sql: &str) -> Vec<Mention> {
    let mut found = Vec::new();
    let mut before = ' ';
    let mut resume = 0;
    for (range, piece) in pieces(sql) {
        if range.start < resume {
            continue;
        }
        let Piece::Char(c) = piece else {
            before = '"';
            continue;
        };
        // A JSON path follows a name, an index or a call without a space; a parameter follows anything else.
        let path = before.is_alphanumeric() || matches!(before, '_' | '"' | ')' | ']' | ':');
        before = c;
        if c != ':' || path {
            continue;
        }
        let rest = &sql[range.end..];
        let (keyword, length) = match rest.chars().next() {
            Some('`') => {
                let length = quoted_length(rest, '`');
                (rest[1..length].trim_end_matches('`').to_owned(), length)
            }
            Some(first) if first.is_alphabetic() || first == '_' => {
                let length = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
                (rest[..length].to_owned(), length)
            }
            _ => continue,
        };
        let after = &rest[length..];
        let ends = [(".min", End::Min), (".max", End::Max)];
        let end = ends.into_iter().find(|(name, _)| {
            let following = after.get(name.len()..).and_then(|rest| rest.chars().next());
            after.starts_with(name) && !following.is_some_and(|c| c.is_alphanumeric() || c == '_')
        });
        resume = range.end + length + end.map_or(0, |(name, _)| name.len());
        found.push(Mention { range: range.start..resume, keyword, end: end.map(|(_, end)| end) });
        before = '"';
    }
    found
}

/// Returns the last statement of a text, without what ends it: `SET` and `USE` may stand before a dataset's query.
pub(super) fn last_statement(sql: &str) -> &str {
    &sql[last_statement_range(sql)]
}

/// Returns where the last statement of a text stands: see [`last_statement`].
pub(super) fn last_statement_range(sql: &str) -> Range<usize> {
    let mut start = 0;
    let mut last = 0..sql.len();
    for (range, piece) in pieces(sql) {
        if matches!(piece, Piece::Char(';')) {
            last = start..range.start;
            start = range.end;
        }
    }
    let range = if start > 0 && is_blank(&sql[start..]) { last } else { start..sql.len() };
    let lead = sql[range.clone()].len() - sql[range.clone()].trim_start().len();
    let start = range.start + lead;
    start..start + sql[start..range.end.max(start)].trim_end().len()
}

/// Tells whether a text holds nothing but blanks and comments.
pub(super) fn is_blank(sql: &str) -> bool {
    pieces(sql).all(|(range, piece)| match piece {
        Piece::Opaque => sql[range].starts_with(['-', '/']),
        Piece::Char(c) => c.is_whitespace(),
    })
}

/// Puts values in the place of parameters; a parameter that nothing is known about stays.
pub(super) fn bind(sql: &str, values: &[Bound]) -> String {
    let mut bound = String::with_capacity(sql.len());
    let mut copied = 0;
    for mention in mentions(sql) {
        if let Some(value) = values.iter().find(|value| value.keyword == mention.keyword) {
            bound.push_str(&sql[copied..mention.range.start]);
            bound.push_str(&value.sql(mention.end));
            copied = mention.range.end;
        }
    }
    bound.push_str(&sql[copied..]);
    bound
}

impl Bound {
    fn sql(&self, end: Option<End>) -> String {
        let null = || "NULL".to_owned();
        let literal = |text: &String, end| literal(text, self.data_type, end);
        match (&self.selection, end) {
            (Selection::Range(_, min, _), Some(End::Min)) => min.as_ref().map_or_else(null, |t| literal(t, End::Min)),
            (Selection::Range(_, _, max), Some(End::Max)) => max.as_ref().map_or_else(null, |t| literal(t, End::Max)),
            (Selection::Values(_, texts), _) if self.kind == ParameterKind::Many => {
                let items: Vec<String> = texts.iter().map(|text| literal(text, End::Min)).collect();
                if items.is_empty() { self.empty_array() } else { format!("array({})", items.join(", ")) }
            }
            (Selection::Values(_, texts), _) => texts.first().map_or_else(null, |text| literal(text, End::Min)),
            _ if self.kind == ParameterKind::Many => self.empty_array(),
            _ => null(),
        }
    }

    fn empty_array(&self) -> String {
        format!("CAST(array() AS ARRAY<{}>)", type_name(self.data_type))
    }
}

fn type_name(data_type: DataType) -> &'static str {
    match data_type {
        DataType::String => "STRING",
        DataType::Date => "DATE",
        DataType::DateTime => "TIMESTAMP",
        DataType::Decimal => "DOUBLE",
        DataType::Integer => "BIGINT",
    }
}

/// Writes a selected value as a SQL literal. `end` says which end of a period a rounded relative date means.
pub(super) fn literal(text: &str, data_type: DataType, end: End) -> String {
    match data_type {
        DataType::String => string_literal(text),
        DataType::Integer | DataType::Decimal if text.trim().parse::<f64>().is_ok_and(f64::is_finite) => {
            text.trim().to_owned()
        }
        DataType::Date | DataType::DateTime => {
            let date = data_type == DataType::Date;
            match relative::parse(text) {
                Some(moment) => moment.sql(date, end == End::Max),
                None if date => {
                    let day = text.split(['T', ' ']).next().unwrap_or(text);
                    format!("CAST({} AS DATE)", string_literal(day))
                }
                None => format!("CAST({} AS TIMESTAMP)", string_literal(&text.replacen('T', " ", 1))),
            }
        }
        DataType::Integer | DataType::Decimal => {
            format!("CAST({} AS {})", string_literal(text), type_name(data_type))
        }
    }
}

/// Writes text as a SQL string. Engines disagree on how a quote or a backslash is escaped, so those are put in by
/// their number, which means the same everywhere.
pub(super) fn string_literal(text: &str) -> String {
    if !text.contains(['\'', '\\']) {
        return format!("'{text}'");
    }
    let mut parts: Vec<String> = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find(['\'', '\\']) {
        if at > 0 {
            parts.push(format!("'{}'", &rest[..at]));
        }
        parts.push(format!("chr({})", rest.as_bytes()[at]));
        rest = &rest[at + 1..];
    }
    if !rest.is_empty() {
        parts.push(format!("'{rest}'"));
    }
    format!("concat({})", parts.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keywords(sql: &str) -> Vec<String> {
        mentions(sql).into_iter().map(|m| sql[m.range].to_owned()).collect()
    }

    #[test]
    fn a_colon_in_text_a_cast_or_a_json_path_is_no_parameter() {
        assert_eq!(
            keywords("SELECT a::int, j:a.b, j['x']:y, `c d`:e, ':t', \":u\", '\\':v' -- :w\n /* :x */"),
            [""; 0]
        );
        assert_eq!(
            keywords(
                "WHERE a=:p AND b >= :d.min AND c<:d.max AND e = :`Time Window` AND array_contains(:p, :q.minute)"
            ),
            [":p", ":d.min", ":d.max", ":`Time Window`", ":p", ":q"]
        );
    }

    #[test]
    fn only_the_last_statement_is_the_query() {
        assert_eq!(last_statement("SET a = 1;\nSELECT ';' AS x; -- done"), "SELECT ';' AS x");
        assert_eq!(last_statement("SELECT 1 -- one"), "SELECT 1 -- one");
        assert_eq!(last_statement("SELECT 1;"), "SELECT 1");
        assert_eq!(last_statement(""), "");
    }

    #[test]
    fn a_quote_or_backslash_in_a_value_cannot_end_the_string() {
        assert_eq!(string_literal("it's \\"), "concat('it', chr(39), 's ', chr(92))");
        assert_eq!(literal("1; DROP TABLE t", DataType::Integer, End::Min), "CAST('1; DROP TABLE t' AS BIGINT)");
    }

    #[test]
    fn values_take_the_place_of_parameters() {
        let one =
            |keyword: &str, kind, data_type, selection| Bound { keyword: keyword.into(), kind, data_type, selection };
        let values = [
            one("c", ParameterKind::One, DataType::String, Selection::Values(DataType::String, vec!["DE".into()])),
            one("m", ParameterKind::Many, DataType::String, Selection::Values(DataType::String, vec![])),
            one(
                "d",
                ParameterKind::Range,
                DataType::Date,
                Selection::Range(DataType::Date, Some("2025-01-01".into()), None),
            ),
        ];
        assert_eq!(
            bind("c = :c AND size(:m) = 0 AND d BETWEEN :d.min AND :d.max AND x = :unknown", &values),
            "c = 'DE' AND size(CAST(array() AS ARRAY<STRING>)) = 0 AND d BETWEEN CAST('2025-01-01' AS DATE) AND NULL \
             AND x = :unknown"
        );
    }
}
