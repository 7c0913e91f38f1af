//! The events of a realtime session, which pass through: what a provider's tell of use, and which models a client's name.
//! <https://platform.openai.com/docs/api-reference/realtime>
//!
//! In: single messages. Out: facts about them, and the message in which a refusal is said. It keeps nothing between two
//! messages, and what cannot be read tells nothing. How such a session is asked for is a row of the table in `passing`.

mod client;
mod server;
#[cfg(test)]
mod tests;

pub use client::{ModelPlace, NamedModel, named_models};
pub use server::{Counted, Heard, read_event};

use super::{ErrorFacts, openai, write};

/// A message in which an error is said to a client: `event_id` is its own, `caused_by` that of the client's message.
pub fn realtime_error(error: &ErrorFacts, event_id: &str, caused_by: Option<&str>) -> Vec<u8> {
    let mut out = Vec::with_capacity(256);
    write::object(&mut out, |event| {
        event.text("type", "error");
        event.text("event_id", event_id);
        event.object("error", |object| {
            openai::write_error(error, object);
            object.text_or_null("event_id", caused_by);
        });
    });
    out
}
