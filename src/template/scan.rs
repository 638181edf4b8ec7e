//! A template cut into text, `{{ … }}`, `{% … %}`, comments and raw blocks, by the rules of Tera's own reader.

use std::ops::Range;

/// A piece of a template.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Piece {
    pub(super) kind: Kind,
    pub(super) range: Range<usize>,
    /// Begins with `{{-` or its like: white space before it is dropped.
    trims_before: bool,
    /// Ends with `-}}` or its like: white space after it is dropped.
    trims_after: bool,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Kind {
    /// Literal text, with the part of it that is left after white-space control.
    Text(Range<usize>),
    /// `{{ … }}`
    Print,
    /// `{% name … %}`; `<` is the name of a component's call.
    Tag(String),
    Comment,
}

impl Piece {
    pub(super) fn trims_before(&self) -> bool {
        self.trims_before
    }

    pub(super) fn trims_after(&self) -> bool {
        self.trims_after
    }
}

/// Tells whether there is anything in a text for Tera to do.
pub(super) fn is_template(text: &str) -> bool {
    ["{{", "{%", "{#"].iter().any(|start| text.contains(start))
}

/// Cuts a template. A part that is never closed is the last piece that is returned: Tera will complain of it.
pub(super) fn pieces(text: &str) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut at = 0;
    while at < text.len() {
        let start = text.as_bytes()[at..]
            .windows(2)
            .position(|pair| matches!(pair, b"{{" | b"{%" | b"{#"))
            .map_or(text.len(), |found| at + found);
        if start > at {
            pieces.push(piece(Kind::Text(at..start), at..start, false, false));
            at = start;
            continue;
        }
        let trims_before = text.as_bytes().get(at + 2) == Some(&b'-');
        let body = at + 2 + usize::from(trims_before);
        let found = match &text[at..at + 2] {
            "{#" => text[body..].find("#}").map(|i| (Kind::Comment, body + i)),
            "{{" => end_of_code(text, body, "}}").map(|end| (Kind::Print, end)),
            _ => match raw_block(text, body) {
                Some((content, end, trims_after)) => {
                    let mut raw = piece(Kind::Text(content), at..end, trims_before, trims_after);
                    trim_raw(text, &mut raw);
                    pieces.push(raw);
                    at = end;
                    continue;
                }
                None => end_of_code(text, body, "%}").map(|end| (Kind::Tag(tag_name(&text[body..end])), end)),
            },
        };
        let Some((kind, end)) = found else { break };
        let trims_after = end > body && text.as_bytes()[end - 1] == b'-';
        pieces.push(piece(kind, at..end + 2, trims_before, trims_after));
        at = end + 2;
    }
    apply_trims(text, &mut pieces);
    pieces
}

fn piece(kind: Kind, range: Range<usize>, trims_before: bool, trims_after: bool) -> Piece {
    Piece { kind, range, trims_before, trims_after }
}

/// Finds where code ends, leaving out what stands in strings.
fn end_of_code(text: &str, start: usize, close: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let mut at = start;
    while at < bytes.len() {
        match bytes[at] {
            quote @ (b'"' | b'\'' | b'`') => {
                at += 1;
                while *bytes.get(at)? != quote {
                    at += if bytes[at] == b'\\' { 2 } else { 1 };
                }
                at += 1;
            }
            _ if bytes[at..].starts_with(close.as_bytes()) => return Some(at),
            _ => at += 1,
        }
    }
    None
}

/// Returns code with every string in it blanked, so that it can be searched for names; lengths stay the same.
pub(super) fn without_strings(code: &str) -> String {
    let mut quote = None;
    let mut escaped = false;
    let mut out = String::with_capacity(code.len());
    for c in code.chars() {
        match quote {
            None if matches!(c, '"' | '\'' | '`') => quote = Some(c),
            Some(open) if c == open && !escaped => quote = None,
            _ => {}
        }
        let inside = quote.is_some();
        escaped = inside && c == '\\' && !escaped;
        if inside { out.extend(std::iter::repeat_n(' ', c.len_utf8())) } else { out.push(c) }
    }
    out
}

fn tag_name(code: &str) -> String {
    let code = code.trim_start();
    if code.starts_with('<') {
        return "<".into();
    }
    code.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect()
}

/// Reads `{% raw %}…{% endraw %}` from behind its first `{%`: content, end of the block, and whether it trims after.
fn raw_block(text: &str, body: usize) -> Option<(Range<usize>, usize, bool)> {
    let (content, _) = block_tag(text, body, "raw")?;
    let mut from = content;
    loop {
        let open = from + text[from..].find("{%")?;
        if let Some((end, trims_after)) = block_tag(text, open + 2, "endraw") {
            return Some((content..open, end, trims_after));
        }
        from = open + 2;
    }
}

/// Reads `-? name -? %}`; returns where it ends and whether it has the second dash.
fn block_tag(text: &str, at: usize, name: &str) -> Option<(usize, bool)> {
    let rest = &text[at..];
    let rest = rest.strip_prefix('-').unwrap_or(rest).trim_ascii_start();
    let rest = rest.strip_prefix(name)?.trim_ascii_start();
    let (rest, dash) = rest.strip_prefix('-').map_or((rest, false), |rest| (rest, true));
    let rest = rest.strip_prefix("%}")?;
    Some((text.len() - rest.len(), dash))
}

/// Applies the dashes on the inner sides of a raw block's two tags.
fn trim_raw(text: &str, raw: &mut Piece) {
    let Kind::Text(content) = &mut raw.kind else { return };
    if text[..content.start].ends_with("-%}") {
        *content = trim_start(text, content);
    }
    if text.as_bytes().get(content.end + 2) == Some(&b'-') {
        *content = trim_end(text, content);
    }
}

/// Applies white-space control: what a dash drops is no part of the text beside it.
fn apply_trims(text: &str, pieces: &mut [Piece]) {
    let mut trim = false;
    for index in 0..pieces.len() {
        let trim_end_too = pieces.get(index + 1).is_some_and(Piece::trims_before);
        let piece = &mut pieces[index];
        match &mut piece.kind {
            Kind::Text(content) => {
                if trim {
                    *content = trim_start(text, content);
                }
                if trim_end_too {
                    *content = trim_end(text, content);
                }
                trim = piece.trims_after;
            }
            // A comment leaves a dash before it in force.
            Kind::Comment => trim |= piece.trims_after,
            Kind::Print | Kind::Tag(_) => trim = piece.trims_after,
        }
    }
}

fn trim_start(text: &str, range: &Range<usize>) -> Range<usize> {
    range.end - text[range.clone()].trim_start().len()..range.end
}

fn trim_end(text: &str, range: &Range<usize>) -> Range<usize> {
    range.start..range.start + text[range.clone()].trim_end().len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(template: &str) -> Vec<&str> {
        pieces(template)
            .into_iter()
            .filter_map(|piece| match piece.kind {
                Kind::Text(range) => Some(&template[range]),
                _ => None,
            })
            .collect()
    }

    #[test]
    fn literal_text_is_found_as_tera_sees_it() {
        for (template, expected) in [
            ("select {{ a }} from t", vec!["select ", " from t"]),
            ("a {{- \"}}\" -}} b", vec!["a", "b"]),
            ("{% if x == '%}' %} y {%- endif %}", vec![" y"]),
            ("x {# {{ no }} #} y", vec!["x ", " y"]),
            ("x {% if a -%}{# c #}  y{% endif %}", vec!["x ", "y"]),
            ("{% raw %} {{ x }} {% endraw %}z", vec![" {{ x }} ", "z"]),
            ("a {%- raw -%} {% x %} {%- endraw -%} z", vec!["a", "{% x %}", "z"]),
            ("'{{ `a}}b` }}' größe {", vec!["'", "' größe {"]),
            ("a {{ open", vec!["a "]),
        ] {
            assert_eq!(texts(template), expected, "{template}");
        }
    }
}
