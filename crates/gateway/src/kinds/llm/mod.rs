//! Requests to language models.
//!
//! In: a body in the client's dialect. Out: an answer in the same dialect, whoever gave it. It never looks at
//! limits or keys, and never writes to the ledger itself.

mod account;
mod arrival;
mod attempt;
mod auto;
mod bare;
mod call;
mod classify;
mod comments;
mod count_tokens;
mod decode;
mod dispatch;
mod dress;
mod edits;
mod explain;
mod files;
mod flow;
mod form;
mod gather;
mod headers;
mod heal;
mod intent;
mod jobs;
mod keep;
mod large;
mod load;
mod memory;
mod nested;
mod preset;
mod probe;
mod realtime;
mod relay;
mod replay;
mod rescue;
mod resolve;
mod rules;
mod stream;
mod token;
mod transcode;
mod wishes;

pub use arrival::Arrival;
pub use auto::chosen;
pub use call::Call;
pub use classify::{Failure, retry_after};
pub use count_tokens::count_tokens;
pub use decode::{decode, tagged};
pub use dispatch::dispatch;
pub use explain::{asks, dry_run, explain, understood};
pub use intent::category;
pub use jobs::{job, remember};
pub use keep::keep;
pub use load::load;
pub use memory::{is_kept_here, oldest, recall, remembered, turns};
pub use nested::permit_nested;
pub use probe::{can_be_probed, probe};
pub use relay::{Answer, relay};
pub use replay::Replay;
pub use rescue::{Prospect, Rescue};
pub use resolve::{Live, Plan, Step, resolve};
pub use rules::{Looked, PARTS, Request, look};
pub use token::token;
