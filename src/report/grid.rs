//! Rows as text.

use console::{measure_text_width, truncate_str};

use crate::event::QueryResult;

/// Lays rows out in columns, under their names. A cell is at most so wide.
pub fn grid(rows: &QueryResult, widest: usize) -> Vec<String> {
    let head: Vec<&str> = rows.columns.iter().map(|(name, _)| name.as_str()).collect();
    let body = rows.rows.iter().map(|row| row.iter().map(|cell| cell.as_deref().unwrap_or("NULL")).collect());
    let lines: Vec<Vec<&str>> = std::iter::once(head).chain(body).collect();
    let width = |i: usize| lines.iter().filter_map(|line| line.get(i)).map(|cell| measure_text_width(cell)).max();
    let widths: Vec<usize> = (0..rows.columns.len()).filter_map(width).map(|width| width.min(widest)).collect();
    let cell = |text: &str, width: usize| {
        let text = truncate_str(&text.replace(['\n', '\r', '\t'], " "), width, "…").into_owned();
        let gap = width.saturating_sub(measure_text_width(&text));
        text + &" ".repeat(gap + 2)
    };
    lines.iter().map(|line| line.iter().zip(&widths).map(|(text, width)| cell(text, *width)).collect()).collect()
}
