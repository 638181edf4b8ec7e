//! The one place that reads the process environment.

/// Returns a variable of the process environment; none if it is unset, empty or not Unicode.
pub(super) fn env(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}
