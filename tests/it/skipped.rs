//! Tests that need what is not on every machine (a browser, the public data) and end without it. They say so where it is seen.

use std::io::Write as _;
use std::sync::atomic::{AtomicUsize, Ordering};

static SKIPPED: AtomicUsize = AtomicUsize::new(0);

/// Tells that this test ends here for want of something, and the how many-th it is. A test that passes has its output hidden, so
/// it is written past the harness; on GitHub it becomes a note of the run.
pub(crate) fn skipped(why: &str) {
    let count = SKIPPED.fetch_add(1, Ordering::Relaxed) + 1;
    let thread = std::thread::current();
    let message = format!("{count} skipped: {}: {why}\n", thread.name().unwrap_or("a test"));
    let note = if std::env::var_os("GITHUB_ACTIONS").is_some() { "::notice title=skipped test::" } else { "" };
    // Where it cannot be told, the test is skipped all the same.
    let _ = std::io::stderr().write_all(format!("{note}{message}").as_bytes());
}
