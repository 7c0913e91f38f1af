//! Declarative resources: YAML text -> [`Spec`] -> check -> [`Snapshot`].
//!
//! In: the text of a configuration, the environment as a look-up function, the provider catalogue and the
//! previous Snapshot. Out: a Snapshot and all diagnostics. This crate never reads a file, the environment or
//! the clock itself, and never looks at a request.

mod snapshot;

pub use snapshot::*;
