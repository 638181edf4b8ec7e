//! Taking a line apart, and putting one together: what comes between values, what surrounds them, what escapes.

use super::super::records::Options;

/// How a line is written.
pub(super) struct Format {
    between: String,
    quote: char,
    escape: char,
    skips_leading: bool,
    skips_trailing: bool,
    quotes_all: bool,
    /// What stands for NULL.
    pub(super) null: String,
    /// What stands for a text of no length.
    empty: String,
}

impl Format {
    /// The format that options ask for, in a reader or a writer.
    pub(super) fn of(options: &Options, writes: bool) -> Self {
        let one = |name: &str, default| options.text(name).map_or(default, |text| text.chars().next().unwrap_or('\0'));
        let between = options.text("sep").or_else(|| options.text("delimiter")).filter(|text| !text.is_empty());
        Self {
            between: between.unwrap_or(",").replace("\\t", "\t"),
            quote: one("quote", '"'),
            escape: one("escape", '\\'),
            skips_leading: options.is_on("ignoreleadingwhitespace", writes),
            skips_trailing: options.is_on("ignoretrailingwhitespace", writes),
            quotes_all: options.is_on("quoteall", false),
            null: options.text("nullvalue").unwrap_or("").to_owned(),
            empty: options.text("emptyvalue").unwrap_or(if writes { "\"\"" } else { "" }).to_owned(),
        }
    }

    /// The values of the first line of a text.
    pub(super) fn parts(&self, line: &str) -> Vec<String> {
        let (mut parts, mut rest) = (Vec::new(), line);
        loop {
            if self.skips_leading {
                rest = rest.trim_start_matches([' ', '\t']);
            }
            let (part, after) = self.quoted(rest).unwrap_or_else(|| self.bare(rest));
            parts.push(part);
            match after.strip_prefix(&self.between) {
                Some(next) => rest = next,
                None => return parts,
            }
        }
    }

    /// A value without quotes, and what follows it.
    fn bare<'a>(&self, text: &'a str) -> (String, &'a str) {
        let line = text.find(['\n', '\r']).unwrap_or(text.len());
        let end = text[..line].find(&self.between).unwrap_or(line);
        let part = if self.skips_trailing { text[..end].trim_end_matches([' ', '\t']) } else { &text[..end] };
        (part.to_owned(), &text[end..])
    }

    /// A value in quotes, and what follows it; none: its quotes do not surround it.
    fn quoted<'a>(&self, text: &'a str) -> Option<(String, &'a str)> {
        let mut chars = text.strip_prefix(self.quote)?.chars();
        let mut part = String::new();
        loop {
            match chars.next() {
                // Never closed: all of it is the value.
                None => return Some((part, "")),
                Some(c) if c == self.escape && chars.as_str().starts_with(self.quote) => {
                    part.push(self.quote);
                    chars.next();
                    // A quote that escapes quotes closes the value where none follows.
                }
                Some(c) if c == self.quote => {
                    let rest = chars.as_str().trim_start_matches([' ', '\t']);
                    let ends = rest.is_empty() || rest.starts_with(['\n', '\r']) || rest.starts_with(&self.between);
                    let part = if part.is_empty() { self.empty.clone() } else { part };
                    return ends.then_some((part, rest));
                }
                Some(c) => part.push(c),
            }
        }
    }

    /// Writes a value; none: it is NULL.
    pub(super) fn write(&self, value: Option<&str>, first: bool, line: &mut String) {
        if !first {
            line.push_str(&self.between);
        }
        let Some(value) = value else {
            self.put(&self.null, line);
            return;
        };
        if value.is_empty() {
            line.push_str(&self.empty);
            return;
        }
        let value = if self.skips_leading { value.trim_start_matches([' ', '\t']) } else { value };
        self.put(if self.skips_trailing { value.trim_end_matches([' ', '\t']) } else { value }, line);
    }

    fn put(&self, value: &str, line: &mut String) {
        let special = |c| c == self.quote || c == '\n' || c == '\r';
        if !(self.quotes_all || value.contains(&self.between) || value.contains(special)) {
            line.push_str(value);
            return;
        }
        line.push(self.quote);
        for c in value.chars() {
            if c == self.quote {
                line.push(self.escape);
            }
            line.push(c);
        }
        line.push(self.quote);
    }
}
