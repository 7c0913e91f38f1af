//! The stages that every kind of request shares: one file, one verb.
//!
//! `decode`, `resolve`, `dispatch` and `relay` differ by kind and live in `kinds`.

mod admit;
mod identify;
mod inspect;
mod record;
mod route;

pub use admit::{admit, permitted, unknown as unknown_model};
pub use identify::{good, identify, offered, presented_secret};
pub use inspect::inspect;
pub use record::{Ending, record};
pub use route::{allowed, route};
