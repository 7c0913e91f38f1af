//! Calls to addresses that a client names: the one guard between a request and the network around the gateway.
//!
//! In: addresses from a request, and the settings of `gateway.fetch`. Out: the bytes of pictures and documents, or why there
//! are none. Only public addresses are connected to, and those that the operator has allowed; the very address that was
//! checked is the one that is connected to, so a name cannot change its mind in between; each redirect is checked
//! anew. Bounds: ports, redirects, bytes, time, files, and the bytes of all requests together. It sends nothing of the client's or ours, never believes what the
//! other side says of its bytes, and does not tell hosts that may not be reached from those that do not exist.

mod address;
mod fetch;
mod files;
mod kind;
mod place;
mod refusal;
mod room;
#[cfg(test)]
mod tests;

pub use files::Files;
pub use refusal::Refusal;
pub use room::Room;
