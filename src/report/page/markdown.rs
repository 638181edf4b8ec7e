//! The part of Markdown that text widgets use, turned into HTML; inline HTML in it is shown without its tags.

use super::text::{escape, safe_link};

/// Renders Markdown. Headings begin at level `top`, so that the page keeps one outline.
pub(super) fn render(markdown: &str, top: usize) -> String {
    let mut html = String::new();
    let mut list: Option<&str> = None;
    let mut paragraph: Vec<String> = Vec::new();
    let lines: Vec<&str> = markdown.lines().collect();
    let mut at = 0;
    while at < lines.len() {
        let line = lines[at].trim();
        at += 1;
        let item = list_item(line);
        if item.is_none() && !line.is_empty() && list.is_some() && lines[at - 1].starts_with([' ', '\t']) {
            html.push_str(&format!(" {}", inline(line)));
            continue;
        }
        if item.is_none() || !paragraph.is_empty() {
            close_paragraph(&mut html, &mut paragraph);
        }
        if list.is_some() && item.map(|(tag, _)| tag) != list {
            html.push_str(&format!("</li></{}>", list.take().unwrap_or("ul")));
        }
        if let Some((tag, text)) = item {
            html.push_str(&if list.is_some() { "</li><li>".to_owned() } else { format!("<{tag}><li>") });
            html.push_str(&inline(text));
            list = Some(tag);
        } else if let Some((level, text)) = heading(line) {
            let level = (top + level - 1).min(6);
            html.push_str(&format!("<h{level}>{}</h{level}>", inline(text)));
        } else if line.len() >= 3 && line.chars().all(|c| matches!(c, '-' | '*' | '_')) {
            html.push_str("<hr>");
        } else if line.starts_with('|') && at < lines.len() && is_rule(lines[at]) {
            html.push_str(&table_head(line));
            at += 1;
            while at < lines.len() && lines[at].trim().starts_with('|') {
                html.push_str(&table_row(lines[at], "td"));
                at += 1;
            }
            html.push_str("</tbody></table>");
        } else if let Some(quote) = line.strip_prefix('>') {
            html.push_str(&format!("<blockquote>{}</blockquote>", inline(quote.trim())));
        } else if !line.is_empty() {
            paragraph.push(inline(line));
            let next = lines.get(at).map_or("", |line| line.trim());
            let goes_on = !next.is_empty() && list_item(next).is_none() && heading(next).is_none();
            if goes_on {
                // Put back together on the next round: a paragraph ends at an empty line.
                while at < lines.len() {
                    let next = lines[at].trim();
                    if next.is_empty()
                        || list_item(next).is_some()
                        || heading(next).is_some()
                        || next.starts_with(['|', '>'])
                    {
                        break;
                    }
                    paragraph.push(inline(next));
                    at += 1;
                }
            }
        }
    }
    close_paragraph(&mut html, &mut paragraph);
    if let Some(tag) = list {
        html.push_str(&format!("</li></{tag}>"));
    }
    html
}

fn close_paragraph(html: &mut String, paragraph: &mut Vec<String>) {
    if !paragraph.is_empty() {
        html.push_str(&format!("<p>{}</p>", paragraph.join("\n")));
        paragraph.clear();
    }
}

fn heading(line: &str) -> Option<(usize, &str)> {
    let level = line.bytes().take_while(|b| *b == b'#').count();
    let text = line.get(level..)?;
    ((1..=6).contains(&level) && text.starts_with(' ')).then(|| (level, text.trim().trim_end_matches('#').trim_end()))
}

fn list_item(line: &str) -> Option<(&'static str, &str)> {
    if let Some(text) = ["- ", "* ", "+ "].iter().find_map(|mark| line.strip_prefix(mark)) {
        return Some(("ul", text));
    }
    let digits = line.bytes().take_while(u8::is_ascii_digit).count();
    let text = line.get(digits..)?.strip_prefix(". ")?;
    (digits > 0).then_some(("ol", text))
}

fn is_rule(line: &str) -> bool {
    let line = line.trim();
    line.starts_with('|') && line.contains('-') && line.chars().all(|c| matches!(c, '|' | '-' | ':' | ' '))
}

fn table_head(line: &str) -> String {
    format!("<table><thead>{}</thead><tbody>", table_row(line, "th"))
}

fn table_row(line: &str, tag: &str) -> String {
    let cells = line.trim().trim_matches('|').split('|');
    let cells: String = cells.map(|cell| format!("<{tag}>{}</{tag}>", inline(cell.trim()))).collect();
    format!("<tr>{cells}</tr>")
}

/// Renders what stands within a line. The text is escaped first; only what this function writes is markup.
fn inline(text: &str) -> String {
    let text = strip_tags(text);
    let mut html = String::new();
    let mut rest = text.as_str();
    while let Some(at) = rest.find(['`', '*', '_', '[', '!', '\\']) {
        let before = &rest[..at];
        html.push_str(&escape(before));
        let from = &rest[at..];
        let word_before = before.chars().last().or_else(|| html.chars().last()).is_some_and(char::is_alphanumeric);
        let (markup, length) = mark(from, word_before).unwrap_or_else(|| {
            let c = from.chars().next().map_or(1, char::len_utf8);
            (escape(&from[..c]), c)
        });
        html.push_str(&markup);
        rest = &from[length..];
    }
    html.push_str(&escape(rest));
    html
}

/// Reads one piece of markup at the start of `text`: its HTML and its length.
fn mark(text: &str, word_before: bool) -> Option<(String, usize)> {
    if let Some(rest) = text.strip_prefix('\\') {
        let c = rest.chars().next().filter(char::is_ascii_punctuation)?;
        return Some((escape(&c.to_string()), 2));
    }
    if let Some(rest) = text.strip_prefix('`') {
        let end = rest.find('`')?;
        return Some((format!("<code>{}</code>", escape(&rest[..end])), end + 2));
    }
    for (sign, tag) in [("**", "strong"), ("__", "strong"), ("*", "em"), ("_", "em")] {
        let Some(rest) = text.strip_prefix(sign) else { continue };
        // Underscores within a word are part of a name.
        if sign.starts_with('_') && word_before {
            return None;
        }
        let end = rest.find(sign).filter(|end| *end > 0 && !rest.starts_with(' '))?;
        return Some((format!("<{tag}>{}</{tag}>", inline(&rest[..end])), end + 2 * sign.len()));
    }
    let image = text.starts_with("![");
    let rest = text.strip_prefix("![").or_else(|| text.strip_prefix('['))?;
    let middle = rest.find("](")?;
    let end = rest[middle..].find(')')? + middle;
    let (label, address) = (&rest[..middle], &rest[middle + 2..end]);
    let length = end + 1 + if image { 2 } else { 1 };
    let label_html = if image { escape(label) } else { inline(label) };
    Some(match safe_link(address.split(' ').next().unwrap_or_default()) {
        // An image is shown by its name: the page loads nothing.
        Some(link) if !image => {
            (format!("<a href=\"{}\" rel=\"noopener noreferrer\">{label_html}</a>", escape(link)), length)
        }
        _ => (label_html, length),
    })
}

/// Takes HTML tags out, leaving the text between them.
fn strip_tags(text: &str) -> String {
    let mut plain = String::new();
    let mut rest = text;
    while let Some(start) = rest.find('<') {
        plain.push_str(&rest[..start]);
        let inside = &rest[start + 1..];
        let tag = inside.starts_with(|c: char| c.is_ascii_alphabetic() || matches!(c, '/' | '!'));
        match inside.find('>') {
            Some(end) if tag => rest = &inside[end + 1..],
            _ => {
                plain.push('<');
                rest = inside;
            }
        }
    }
    plain.push_str(rest);
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_usual_markup_becomes_html() {
        assert_eq!(
            render("## A *b*\n\ntext **bold**\nand `x<y`\n\n- one\n- two_words_here\n\n1. first\n", 3),
            "<h4>A <em>b</em></h4><p>text <strong>bold</strong>\nand <code>x&lt;y</code></p>\
             <ul><li>one</li><li>two_words_here</li></ul><ol><li>first</li></ol>"
        );
        assert_eq!(
            render("| a | b |\n|---|--:|\n| 1 | 2 |", 3),
            "<table><thead><tr><th>a</th><th>b</th></tr></thead><tbody><tr><td>1</td><td>2</td></tr></tbody></table>"
        );
    }

    #[test]
    fn no_markup_of_the_text_itself_survives() {
        let html = render("<script>alert(1)</script> <img src=x onerror=y> [x](javascript:alert(1)) a < b \\*c", 3);
        assert_eq!(html, "<p>alert(1)  x) a &lt; b *c</p>");
        assert_eq!(
            render("[docs](https://example.com/?a=\"b)", 3),
            "<p><a href=\"https://example.com/?a=&quot;b\" rel=\"noopener noreferrer\">docs</a></p>"
        );
        assert_eq!(render("![logo](https://example.com/l.png)", 3), "<p>logo</p>");
    }

    #[test]
    fn unfinished_markup_is_text() {
        for text in ["**", "`", "[a](", "![", "*a", "_", "|", "# ", "\\", "a\\", "é*é", "<"] {
            let _ = render(text, 3);
        }
        assert_eq!(render("2 * 3 * 4", 3), "<p>2 * 3 * 4</p>");
    }
}
