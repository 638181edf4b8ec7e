//! Consumers of plans, events and diagnostics: terminal, JSON lines, GitHub, HTML.

pub mod diagnostics;
pub mod page;
