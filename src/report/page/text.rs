//! Text on its way into the page: nothing that came from data or from a dashboard is markup there.

/// Escapes text for HTML content and for attributes in double quotes.
pub(in crate::report) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            // Other control characters are not allowed in HTML at all.
            c if c.is_control() && !matches!(c, '\n' | '\t') => escaped.push('\u{FFFD}'),
            c => escaped.push(c),
        }
    }
    escaped
}

/// Escapes text that plotly draws: it reads a few HTML tags, and shows entities as their characters.
pub(super) fn plot_text(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// Makes JSON safe to stand inside a `<script>` element.
pub(in crate::report) fn script_json(json: &serde_json::Value) -> String {
    json.to_string().replace('<', "\\u003c").replace('\u{2028}', "\\u2028").replace('\u{2029}', "\\u2029")
}

/// Keeps an address only if following it can do no harm; the page itself loads nothing.
pub(super) fn safe_link(address: &str) -> Option<&str> {
    let address = address.trim();
    let lower = address.to_ascii_lowercase();
    let known = ["https://", "http://", "mailto:"].iter().any(|scheme| lower.starts_with(scheme));
    (known && !address.chars().any(|c| c.is_whitespace() || c.is_control())).then_some(address)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_in_text_stays_text() {
        assert_eq!(
            escape("<a href=\"x\" onclick='y'>&\u{0}"),
            "&lt;a href=&quot;x&quot; onclick=&#39;y&#39;&gt;&amp;\u{FFFD}"
        );
        let json = serde_json::json!({"a": "</script><script>alert(1)</script>\u{2028}"});
        assert_eq!(script_json(&json), r#"{"a":"\u003c/script>\u003cscript>alert(1)\u003c/script>\u2028"}"#);
    }

    #[test]
    fn only_harmless_addresses_become_links() {
        assert_eq!(safe_link(" https://example.com/a?b=c "), Some("https://example.com/a?b=c"));
        for bad in ["javascript:alert(1)", "JAVASCRIPT:x", "data:text/html,x", "//example.com", "https://a b", ""] {
            assert_eq!(safe_link(bad), None, "{bad}");
        }
    }
}
