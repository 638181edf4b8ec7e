//! The `.lvdash.json` model: datasets, pages, widgets, and the queries that widgets run.
