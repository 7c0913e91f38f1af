//! Calls of a stream that are said whole: arguments wait until they are complete, and are written as an object.
//!
//! In: the pieces of calls as a stream brings them. Out: whole calls, in the order in which they began. The writer that
//! holds them bounds what they hold together.

use super::balance::Balance;
use super::read::is_object;
use super::{Losses, write};

/// How many bytes of arguments a writer holds back at most.
pub(super) const HELD_LIMIT: usize = 16 * 1024 * 1024;

/// Calls whose arguments are not complete, and those that wait behind them, in order.
#[derive(Default)]
pub(super) struct HeldCalls(Vec<HeldCall>);

/// One call.
pub(super) struct HeldCall {
    call: u32,
    pub(super) id: String,
    pub(super) name: String,
    pub(super) arguments: String,
    /// A signature that stands on it.
    pub(super) signature: Option<String>,
    balance: Balance,
    complete: bool,
}

impl HeldCalls {
    /// A call begins.
    pub(super) fn start(&mut self, call: u32, id: &str, name: &str, signature: Option<String>) {
        self.0.push(HeldCall {
            call,
            id: id.to_owned(),
            name: name.to_owned(),
            arguments: String::new(),
            signature,
            balance: Balance::default(),
            complete: false,
        });
    }

    /// A piece of a call's arguments. Returns whether the call is there to take it.
    pub(super) fn add(&mut self, call: u32, piece: &str) -> bool {
        let Some(held) = self.0.iter_mut().find(|held| held.call == call) else { return false };
        held.arguments.push_str(piece);
        held.balance.feed(piece);
        held.complete |= held.balance.is_complete();
        true
    }

    /// The calls that are complete, in their order; `all` of them when nothing follows.
    pub(super) fn release(&mut self, all: bool) -> Vec<HeldCall> {
        let ready = if all { self.0.len() } else { self.0.iter().take_while(|held| held.complete).count() };
        self.0.drain(..ready).collect()
    }
}

/// Writes arguments as the object that they must be: broken or cut-off ones are kept as text in one field.
pub(super) fn write_arguments(
    member: &str,
    arguments: &str,
    out: &mut write::Object<'_>,
    losses: &mut Losses,
) {
    let trimmed = arguments.trim();
    if trimmed.is_empty() || trimmed == "null" {
        out.raw(member, "{}");
    } else if is_object(trimmed) {
        out.raw(member, trimmed);
    } else {
        losses.note("messages.tool_calls.arguments");
        out.object(member, |args| args.text("raw_arguments", arguments));
    }
}
