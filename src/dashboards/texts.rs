//! What is wrong with a dataset's SQL by its looks: lines that run into each other, placeholders that nobody replaced,
//! and parameters that are declared or used only.

use std::ops::Range;

use super::bind::{self, End, Mention, Piece, mentions, pieces};
use super::check::Checker;
use super::file::LvDash;
use super::located::Located;
use super::model::{Dataset, DatasetSource, ParameterKind};
use crate::analysis;
use crate::diag::{Diagnostic, did_you_mean};

/// Checks the texts of a dataset.
pub(super) fn check(checker: &mut Checker<'_>, dataset: &Dataset) {
    glued_lines(checker, dataset);
    match &dataset.source {
        DatasetSource::Sql(sql) => {
            placeholders(checker, dataset, sql);
            parameters(checker, dataset, sql);
        }
        DatasetSource::Asset(name) => placeholders(checker, dataset, name),
        DatasetSource::MetricView(_) | DatasetSource::Missing => {}
    }
}

/// Tells whether a text has a placeholder outside its strings: it is no SQL yet.
pub(super) fn has_placeholder(sql: &str) -> bool {
    found_placeholders(sql).iter().any(|(_, in_string)| !in_string)
}

/// Tells whether elements of a dataset's `queryLines` run into each other.
pub(super) fn is_glued(dash: &LvDash, dataset: &Dataset) -> bool {
    first_glued(dash, dataset).is_some()
}

/// Reports elements of `queryLines` that run into each other for want of a line end.
fn glued_lines(checker: &mut Checker<'_>, dataset: &Dataset) {
    // One report a dataset: whoever wrote it did so throughout.
    let Some((index, what)) = first_glued(checker.dash, dataset) else { return };
    let message = format!("{what} in dataset `{}`", dataset.display_name);
    // A name may have been cut in two on purpose; then it is SQL all the same.
    let works = dataset.sql().is_some_and(|sql| analysis::is_query(bind::last_statement(sql.text())));
    let diagnostic = match works {
        true => Diagnostic::warning("glued-lines", message),
        false => Diagnostic::error("glued-lines", message),
    };
    let place = checker.dash.span(&format!("{}/queryLines/{index}", dataset.path));
    let help = "The elements of `queryLines` are joined as they are: end each of them with `\\n`.";
    checker.found.push(diagnostic.at(place).help(help));
}

/// Finds the first element of `queryLines` that runs into the next one, and says how.
fn first_glued(dash: &LvDash, dataset: &Dataset) -> Option<(usize, String)> {
    let lines = dash.json().pointer(&format!("{}/queryLines", dataset.path))?.as_array()?;
    let lines: Vec<&str> = lines.iter().filter_map(|line| line.as_str()).collect();
    let word = |c: char| c.is_alphanumeric() || c == '_';
    lines.windows(2).enumerate().find_map(|(index, pair)| {
        let [before, after] = pair else { return None };
        let (last, first) = (before.chars().next_back()?, after.chars().next()?);
        let last_line = before.rsplit('\n').next().unwrap_or(before);
        if last_line.trim_start().starts_with("--") && last != '\n' {
            return Some((index, "a comment without a line end swallows the line after it".to_owned()));
        }
        let left: String = before.chars().rev().take_while(|c| word(*c)).collect();
        let right: String = after.chars().take_while(|c| word(*c)).collect();
        let joined = format!("{}{right}", left.chars().rev().collect::<String>());
        (word(last) && word(first)).then(|| (index, format!("two lines of SQL run together as `{joined}`")))
    })
}

/// Reports a text in the place of which something else should stand by now: nobody replaces it in a workspace.
fn placeholders(checker: &mut Checker<'_>, dataset: &Dataset, text: &Located) {
    let found = found_placeholders(text.text());
    let Some((range, in_string)) = found.iter().min_by_key(|(range, in_string)| (*in_string, range.start)) else {
        return;
    };
    let written = &text.text()[range.clone()];
    let message = format!("the placeholder `{written}` stands in dataset `{}` as it is", dataset.display_name);
    let diagnostic = match in_string {
        true => Diagnostic::warning("placeholder", message),
        false => Diagnostic::error("placeholder", message),
    };
    checker.found.push(diagnostic.at(checker.dash.span_in(text, range.clone())).help(
        "Nothing is replaced in a dashboard's file. Name models and sources without catalog: kiln says where they are. \
         For a value use a parameter: `:name`.",
    ));
}

/// Finds `${x}`, `{{ x }}`, `<your_x>` and `__X__`, and whether each stands in a string.
fn found_placeholders(text: &str) -> Vec<(Range<usize>, bool)> {
    let mut found = Vec::new();
    let mut resume = 0;
    for (range, piece) in pieces(text) {
        if range.start < resume {
            continue;
        }
        match piece {
            Piece::Char(_) => {
                if let Some(length) = placeholder_at(text, range.start) {
                    resume = range.start + length;
                    found.push((range.start..resume, false));
                }
            }
            Piece::Opaque if text[range.clone()].starts_with(['-', '/']) => {}
            Piece::Opaque => {
                // A name in back-quotes is as much code as one without.
                let in_string = !text[range.clone()].starts_with('`');
                let mut at = range.start + 1;
                while at < range.end {
                    match braces_at(&text[at..range.end]) {
                        Some(length) => {
                            found.push((at..at + length, in_string));
                            at += length;
                        }
                        None => at += text[at..].chars().next().map_or(1, char::len_utf8),
                    }
                }
            }
        }
    }
    found
}

/// The length of a placeholder that begins at an offset of code.
fn placeholder_at(text: &str, at: usize) -> Option<usize> {
    let rest = &text[at..];
    let before = text[..at].chars().next_back();
    let name = |c: char| c.is_alphanumeric() || c == '_';
    let length = match rest.chars().next()? {
        '$' | '{' => return braces_at(rest),
        // `ARRAY<STRING>` is a type, and `a < b` is not written like this.
        '<' if !before.is_some_and(|c| name(c) || c == '<') => {
            let length = rest.find('>')? + 1;
            let inner = &rest[1..length - 1];
            let fits = inner.starts_with(|c: char| c.is_alphabetic()) && inner.chars().all(|c| name(c) || c == '-');
            let typed = text[..at].trim_end().to_lowercase();
            let typed = ["array", "map", "struct"].iter().any(|word| typed.ends_with(word));
            (fits && !typed && !rest[length..].starts_with(|c: char| name(c) || c == '=')).then_some(length)?
        }
        '_' if !before.is_some_and(name) => {
            let length = rest.find(|c| !name(c)).unwrap_or(rest.len());
            let word = &rest[..length];
            let inner = word.strip_prefix("__")?.strip_suffix("__")?;
            let capital = inner.starts_with(|c: char| c.is_ascii_uppercase());
            (capital && inner.chars().all(|c| c.is_ascii_uppercase() || c == '_' || c.is_ascii_digit()))
                .then_some(length)?
        }
        _ => return None,
    };
    Some(length)
}

/// The length of `${x}` or `{{ x }}` at the beginning of a text.
fn braces_at(text: &str) -> Option<usize> {
    let (open, close) = if text.starts_with("${") {
        ("${", "}")
    } else if text.starts_with("{{") {
        ("{{", "}}")
    } else {
        return None;
    };
    let inner = &text[open.len()..];
    let length = inner.find(close)?;
    let name = inner[..length].trim();
    // `'{{ @formatted }}'` and the like are formats of somebody else's.
    let fits = name.starts_with(|c: char| c.is_alphabetic() || c == '_') && !name.contains(['\n', '\'', '"']);
    fits.then_some(open.len() + length + close.len())
}

/// Checks that what is declared is used, and what is used is declared, and as what it is.
fn parameters(checker: &mut Checker<'_>, dataset: &Dataset, sql: &Located) {
    let mentioned = mentions(sql.text());
    let calculated: Vec<Mention> =
        dataset.calculations.iter().flat_map(|calculation| mentions(calculation.expression.text())).collect();
    let asked = checker.asked.get(dataset.name.as_str()).into_iter().flatten();
    let asked: Vec<Mention> = asked
        .flat_map(|(_, query)| {
            let fields = query.fields.iter().flatten().map(|field| &field.expression);
            fields.chain(&query.filters).filter(|text| text.text().contains(':')).flat_map(|text| mentions(text.text()))
        })
        .collect();
    for parameter in &dataset.parameters {
        let used = |mention: &Mention| mention.keyword == parameter.keyword;
        if !mentioned.iter().chain(&calculated).chain(&asked).any(used) {
            let message = format!(
                "the parameter `{}` of dataset `{}` is not used by its SQL",
                parameter.keyword, dataset.display_name
            );
            checker.found.push(
                Diagnostic::warning("unused-parameter", message)
                    .at(checker.dash.span(&format!("{}/keyword", parameter.path)))
                    .help(format!("Use it as `:{}`, or remove it with its filter.", parameter.keyword)),
            );
        }
    }
    let mut reported: Vec<(&str, Option<End>)> = Vec::new();
    for mention in &mentioned {
        let key = (mention.keyword.as_str(), mention.end);
        if reported.contains(&key) {
            continue;
        }
        let place = checker.dash.span_in(sql, mention.range.clone());
        let Some(parameter) = dataset.parameters.iter().find(|parameter| parameter.keyword == mention.keyword) else {
            reported.push(key);
            let keyword = &mention.keyword;
            let message =
                format!("dataset `{}` uses the parameter `:{keyword}`, and declares none", dataset.display_name);
            let near = did_you_mean(keyword, dataset.parameters.iter().map(|parameter| parameter.keyword.as_str()));
            let help = match near {
                Some(near) => format!("Did you mean `:{near}`?"),
                None => format!(
                    "Declare it in the dataset's `parameters`: `{{\"displayName\": \"{keyword}\", \"keyword\": \
                     \"{keyword}\", \"dataType\": \"STRING\", \"defaultSelection\": {{}}}}`."
                ),
            };
            checker.found.push(Diagnostic::error("undeclared-parameter", message).at(place).help(help));
            continue;
        };
        let range = parameter.kind == ParameterKind::Range;
        let (problem, help) = match mention.end {
            Some(_) if !range => (
                format!("the parameter `{}` is no range, and has no `.min` and `.max`", mention.keyword),
                "Give it `\"complexType\": \"RANGE\"`, or use it without an end.",
            ),
            None if range => (
                format!("the parameter `{}` is a range, which no operator takes as a whole", mention.keyword),
                "Use its ends: `BETWEEN :name.min AND :name.max`.",
            ),
            None if parameter.kind == ParameterKind::Many && is_in_list(sql.text(), &mention.range) => (
                format!("the parameter `{}` is a list, and `IN (…)` compares with the whole of it", mention.keyword),
                "Write `array_contains(:name, column)`.",
            ),
            _ => continue,
        };
        reported.push(key);
        checker.found.push(Diagnostic::warning("parameter-kind", problem).at(place).help(help));
    }
}

/// Tells whether a mention stands alone in the parentheses of IN.
fn is_in_list(sql: &str, mention: &Range<usize>) -> bool {
    let before = sql[..mention.start].trim_end().strip_suffix('(').map(str::trim_end);
    let word = before.is_some_and(|text| {
        let start = text.rfind(|c: char| !c.is_alphanumeric() && c != '_').map_or(0, |at| at + 1);
        text.get(start..).is_some_and(|word| word.eq_ignore_ascii_case("in"))
    });
    word && sql[mention.end..].trim_start().starts_with(')')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_are_told_from_sql() {
        let found = |sql: &str| {
            let found = found_placeholders(sql).into_iter();
            found
                .map(|(range, in_string)| format!("{}{}", &sql[range], if in_string { " in a string" } else { "" }))
                .collect::<Vec<_>>()
        };
        for (sql, expected) in [
            ("SELECT * FROM ${var.catalog}.gold.t", vec!["${var.catalog}"]),
            ("SELECT * FROM `${catalog}`.gold.t", vec!["${catalog}"]),
            ("SELECT * FROM {{ catalog }}.t", vec!["{{ catalog }}"]),
            ("SELECT * FROM <your_catalog>.<your-schema>.t", vec!["<your_catalog>", "<your-schema>"]),
            ("SELECT * FROM __CATALOG__.__SCHEMA__.t", vec!["__CATALOG__", "__SCHEMA__"]),
            ("WHERE env = '${env}' -- ${not_this}", vec!["${env} in a string"]),
            ("SELECT CAST(x AS ARRAY<STRING>), a<b, a <> b, a<=>b, ARRAY <INT>, __index_level_0__, a.__x", vec![]),
            ("SELECT '$5', '{}', map('a', '{\"b\": {}}'), '{{ @formatted }}', x -> x > 1 /* {{ x }} */", vec![]),
            ("SELECT a <b> c", vec!["<b>"]),
            ("SELECT größe, \"${", vec![]),
        ] {
            assert_eq!(found(sql), expected, "{sql}");
        }
        assert!(has_placeholder("${a}") && !has_placeholder("'${a}'"));
    }
}
