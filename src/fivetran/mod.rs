//! Fivetran's REST API: typed calls and the one place where a sync is awaited.

pub mod wire;
