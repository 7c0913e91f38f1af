//! WebSockets (RFC 6455): the words of the handshake, and frames read from one side and written to the other.
//!
//! In: heads, and the bytes of a connection that has been switched. Out: frames, each whole and unmasked, with the size of
//! its message bounded. Headers are read and written by the library; messages are never put together here. It knows no
//! dialect, opens no connection and answers no ping.

mod frame;
mod handshake;
mod reader;
#[cfg(test)]
mod tests;
mod writer;

pub use frame::{Close, Fault, Frame, Kind, Side};
pub use handshake::{Nonce, PROTOCOL, asks, beginning, confirms};
pub use reader::Reader;
pub use writer::Writer;
