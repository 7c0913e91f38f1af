//! The guard of clients' addresses for the fuzzer, which sees only what is public.
//!
//! In: an address as a client writes it. Out: where it leads. Nothing else may use this.

pub use crate::egress::{Led, led};
