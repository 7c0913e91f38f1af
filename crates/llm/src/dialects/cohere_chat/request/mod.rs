//! Requests: `decode` reads what this dialect says, `encode` writes what upstreams get.

mod decode;
mod encode;

pub(super) use decode::decode;
pub(super) use encode::encode;

/// Fields that have no place in the IR and are written again as they were read.
const OWN: [&str; 5] = ["documents", "citation_options", "safety_mode", "priority", "raw_prompting"];
