//! What tests of the clients share: a clock that is wound by hand, and a server that fails on demand.

pub(crate) mod clock;
pub(crate) mod scripted;
