//! Sessions of OpenAI's realtime API: a WebSocket to the client and one to the provider, and between them every frame as it
//! was sent.
//!
//! In: a request that asks for a session, and then frames of both sides. Out: one connection that is switched, and one
//! record when it ends. The model is chosen before; nothing that a client says later chooses one that its key may not use.
//! <https://platform.openai.com/docs/guides/realtime-websocket>

mod conversation;
mod dial;
mod end;
mod ledger;
mod models;
mod opening;
mod pumps;
mod watch;

pub use conversation::Conversation;
pub use opening::{Opening, open};
