//! The embedded workspace: both vendors' REST APIs on loopback, over real Delta tables.
