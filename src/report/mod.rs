//! Consumers of plans, events and diagnostics: terminal, JSON lines, GitHub, HTML.
