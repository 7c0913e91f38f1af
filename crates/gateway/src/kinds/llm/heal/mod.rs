//! Repair of broken JSON in answers, where JSON was asked for.
//!
//! In: what a request asks for and what operators have decided; answers on their way to the client. Out: the same answers
//! where their JSON is sound, else with the single texts repaired, and what was done for the record. A text of an answer
//! of which nobody asked for JSON is never touched.

mod events;
mod frames;
mod piece;
mod tally;
mod whole;
mod wish;

pub use events::EventHealer;
pub use frames::{FrameHealer, Frames};
pub use tally::{header, with_status};
pub use whole::{heal_answer, heal_body};
pub use wish::{Healing, PLUGIN, Wish, is_only_healing, wish};
