//! The `.lvdash.json` model: datasets, pages, widgets, and the queries that widgets run.
//!
//! The format has no public schema and changes without notice, so reading is lenient and nothing that is not
//! understood gets lost: [`LvDash`] keeps the JSON as it came, with its unknown keys and their order, beside a typed
//! view of what this crate does understand. [`LvDash::check`] says what is wrong with a file, at line and column, and
//! [`resolve`] what is wrong with it over the tables that there are; [`widget_queries`] is the SQL that a workspace would run for each widget; [`same_content`] compares two files
//! without crying wolf over what the service rewrites on its own.

mod bind;
mod calc;
mod check;
mod columns;
mod compare;
mod controls;
mod differences;
mod fields;
mod file;
mod fit;
mod grid;
mod kinds;
mod located;
mod model;
mod pull;
mod read;
mod relative;
mod retarget;
mod texts;
mod widget_sql;

pub use columns::{Offered, Resolved, Tables, resolve};
pub use compare::{normalise, same_content};
pub use controls::{Control, ControlKind};
pub use differences::{changed_queries, differences};
pub use fields::{DatasetQueries, FieldQuery, dataset_queries, field_queries};
pub use file::LvDash;
pub use located::Located;
pub use model::{
    Calculation, DataType, Dataset, DatasetSource, Field, FieldReference, Page, PageKind, Parameter, ParameterBinding,
    ParameterKind, Position, Query, Selection, Sort, Spec, Widget, WidgetKind,
};
pub use pull::pulled;
pub use relative::relative_date_in_words;
pub use retarget::{Naming, Retargeted, as_written, retarget};
pub use widget_sql::{TOTALS_FIELD, WidgetQuery, dataset_sql, widget_queries};

#[cfg(test)]
mod resolve_tests;
#[cfg(test)]
mod tests;
