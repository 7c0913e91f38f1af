//! Wire dialects, the IR between them, the provider catalogue, prices and token counting.
//!
//! In: bytes of requests, answers and streams. Out: facts about them, or the same thing said in another
//! dialect. This crate never touches a clock, a socket, a file, the environment or a runtime, so every part
//! of it can be fuzzed and tested alone.

pub mod catalogue;
pub mod dialects;
pub mod eventstream;
pub mod framing;
pub mod heal;
pub mod ir;
pub mod json;
pub mod lines;
pub mod multipart;
pub mod percent;
pub mod price;
pub mod skins;
pub mod sse;
pub mod tokens;
pub mod usage;
