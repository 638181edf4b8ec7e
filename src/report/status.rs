//! How an environment stands: a line for each source, model, dashboard and job.

use std::fmt::Write as _;

use console::{Style, measure_text_width};
use serde::Serialize;
use serde_json::json;

use super::markdown::escaped;

/// How one thing stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Standing {
    /// What kind of thing it is: `connection`, `table`, `dashboard` and so on.
    pub kind: String,
    /// Its name.
    pub name: String,
    /// How it stands.
    pub state: State,
    /// The same in words: lower case, no full stop.
    pub says: Vec<String>,
    /// Where to look, for a browser.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub link: Option<String>,
}

/// How a thing stands, from good to bad.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// As the project says, and as fresh as asked.
    Good,
    /// Nothing is wrong, and a deploy would change it.
    Pending,
    /// Somebody changed it in the workspace.
    Drifted,
    /// Its last run failed.
    Failed,
    /// Its data are older than allowed.
    Stale,
}

/// Writes how all things stand for people, under a line for each kind.
pub fn text(all: &[Standing], color: bool) -> String {
    let style = |style: Style| style.force_styling(color);
    let width = all.iter().map(|one| measure_text_width(&one.name)).max().unwrap_or(0).min(48);
    let mut text = String::new();
    let mut kind = "";
    // Writing to a text cannot fail.
    for one in all {
        if one.kind != kind {
            kind = &one.kind;
            // Some kinds, such as grants, are called by their plural anyway.
            let s = if kind.ends_with('s') { "" } else { "s" };
            let _ = writeln!(text, "{}{kind}{s}", if text.is_empty() { "" } else { "\n" });
        }
        let (sign, look) = match one.state {
            State::Good => ("✓", Style::new().green()),
            State::Pending => ("~", Style::new().yellow()),
            State::Drifted => ("±", Style::new().yellow()),
            State::Failed | State::Stale => ("✗", Style::new().red()),
        };
        let gap = " ".repeat(width.saturating_sub(measure_text_width(&one.name)));
        let mut says = one.says.iter();
        let first = says.next().map(String::as_str).unwrap_or_default();
        let line = format!("  {} {}{gap}  {first}", style(look).apply_to(sign), one.name);
        let _ = writeln!(text, "{}", line.trim_end());
        for more in says.map(String::as_str).chain(one.link.as_deref()) {
            let _ = writeln!(text, "    {}  {}", " ".repeat(width), style(Style::new().dim()).apply_to(more));
        }
    }
    text
}

/// Writes each thing as one line of JSON.
pub fn json_lines(all: &[Standing]) -> String {
    let line = |one: &Standing| {
        let mut value = json!(one);
        value["event"] = json!("standing");
        value.to_string()
    };
    all.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// Writes how all things stand as Markdown.
pub fn markdown(environment: &str, all: &[Standing]) -> String {
    let mut text = format!("### Status of `{environment}`\n\n| | thing | |\n|---|---|---|\n");
    for one in all {
        let sign = match one.state {
            State::Good => "✅",
            State::Pending => "🟡",
            State::Drifted => "🟠",
            State::Failed | State::Stale => "❌",
        };
        let says: Vec<String> = one.says.iter().map(|line| escaped(line)).collect();
        let _ = writeln!(text, "| {sign} | {} `{}` | {} |", one.kind, one.name, says.join("<br>"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn things_stand_in_columns_under_their_kind() {
        let one = |kind: &str, name: &str, state, says: &[&str]| Standing {
            kind: kind.to_owned(),
            name: name.to_owned(),
            state,
            says: says.iter().map(|line| (*line).to_owned()).collect(),
            link: None,
        };
        let all = [
            one("connection", "shop", State::Stale, &["paused", "resume it"]),
            one("table", "a", State::Good, &["built"]),
            one("table", "longer", State::Drifted, &[]),
        ];
        let expected =
            "connections\n  ✗ shop    paused\n            resume it\n\ntables\n  ✓ a       built\n  ± longer\n";
        assert_eq!(text(&all, false), expected);
        assert!(text(&all, true).contains("\u{1b}[31m✗"));
    }
}
