//! The grid of a page: widgets that lie outside it or on each other.

use super::check::Checker;
use super::model::{Page, PageKind, Widget};
use crate::diag::Diagnostic;

/// The most widgets of a page that are compared with each other; a workspace takes a tenth of them.
const MOST_WIDGETS: usize = 1_000;

/// Checks where a page's widgets lie. Each problem is told once a page: who made it made it throughout.
pub(super) fn check(checker: &mut Checker<'_>, page: &Page) {
    // The panel of global filters has no grid of its own.
    if page.kind == PageKind::GlobalFilters {
        return;
    }
    outside(checker, page);
    overlaps(checker, page);
}

fn outside(checker: &mut Checker<'_>, page: &Page) {
    let right = |widget: &Widget| widget.position.x.saturating_add(widget.position.width);
    let Some(widget) = page.widgets.iter().find(|widget| right(widget) > page.columns) else { return };
    let message = format!(
        "the page `{}` has {} columns, but the widget `{}` reaches to column {}",
        page.display_name,
        page.columns,
        widget.label(),
        right(widget)
    );
    let help = match page.columns {
        6 => "Add `\"layoutVersion\": \"GRID_V1\"` to the page for a grid of 12 columns.",
        _ => "Keep `x + width` within 12.",
    };
    let place = checker.dash.span(&position(widget));
    checker.found.push(Diagnostic::warning("outside-grid", message).at(place).help(help));
}

fn overlaps(checker: &mut Checker<'_>, page: &Page) {
    if page.widgets.len() > MOST_WIDGETS {
        return;
    }
    // From the top down, so that a widget is compared only with those that begin above its end.
    let mut widgets: Vec<&Widget> = page.widgets.iter().collect();
    widgets.sort_by_key(|widget| widget.position.y);
    let mut first = None;
    let mut count = 0;
    for (index, upper) in widgets.iter().enumerate() {
        let end = upper.position.y.saturating_add(upper.position.height);
        for lower in widgets[index + 1..].iter().take_while(|lower| lower.position.y < end) {
            let (a, b) = (upper.position, lower.position);
            if a.x < b.x.saturating_add(b.width) && b.x < a.x.saturating_add(a.width) && b.height > 0 {
                first.get_or_insert((upper, lower));
                count += 1;
            }
        }
    }
    let Some((upper, lower)) = first else { return };
    let more = match count {
        1 => String::new(),
        _ => format!(" ({} such pairs on the page)", count),
    };
    let message = format!(
        "the widgets `{}` and `{}` lie on each other on the page `{}`{more}",
        upper.label(),
        lower.label(),
        page.display_name
    );
    checker.found.push(
        Diagnostic::warning("overlap", message)
            .at(checker.dash.span(&position(lower)))
            .related(checker.dash.span(&position(upper)), "the other one lies here")
            .help("Move one of them: `y` of the lower one is at least `y + height` of the upper one."),
    );
}

/// The JSON pointer of a widget's position, which stands beside it.
fn position(widget: &Widget) -> String {
    format!("{}/position", widget.path.trim_end_matches("/widget"))
}
