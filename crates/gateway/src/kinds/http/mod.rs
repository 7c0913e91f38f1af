//! Calls that go through to a provider as they are: any path that a rule allows, files and batches, and responses that are
//! kept, some of them by the gateway itself.
//!
//! In: a request that names no model. Out: the provider's own answer. The gateway checks who calls and what he may do, puts
//! its credential on, and leaves one record; it reads no dialect, counts no tokens and tries no second provider.

mod call;
mod decode;
mod dispatch;
mod files;
mod headers;
mod model_paths;
mod permit;
mod query;
mod relay;
mod resolve;
mod responses;

pub use decode::decode;
pub use dispatch::{Arrival, dispatch};
pub use permit::{lets_through, permit};
pub use relay::relay;
pub use resolve::resolve;
