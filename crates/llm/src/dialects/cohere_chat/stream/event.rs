//! One event: borrowed, and read loosely.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::super::finish::FAILED;
use super::super::usage::read_usage;
use crate::dialects::fault;
use crate::dialects::read::Loose;
use crate::ir::ErrorFacts;
use crate::usage::Usage;

/// What an upstream says.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(in super::super) struct Event<'a> {
    #[serde(borrow, rename = "type")]
    pub(super) kind: Loose<'a>,
    pub(in super::super) id: Loose<'a>,
    pub(super) index: Loose<'a>,
    delta: Option<Delta<'a>>,
    /// A sentence, where an error has taken the place of events.
    message: Loose<'a>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Delta<'a> {
    #[serde(borrow)]
    message: Option<Message<'a>>,
    finish_reason: Loose<'a>,
    error: Loose<'a>,
    usage: Option<&'a RawValue>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Message<'a> {
    /// An object in events that fill it, a list when the message begins.
    #[serde(borrow)]
    content: Option<&'a RawValue>,
    tool_plan: Loose<'a>,
    tool_calls: Option<&'a RawValue>,
}

/// What an event adds to the content.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Piece<'a> {
    #[serde(borrow)]
    pub(super) text: Loose<'a>,
    pub(super) thinking: Loose<'a>,
}

/// What it adds to a call.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Call<'a> {
    #[serde(borrow)]
    pub(super) id: Loose<'a>,
    pub(super) function: Function<'a>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Function<'a> {
    #[serde(borrow)]
    pub(super) name: Loose<'a>,
    pub(super) arguments: Loose<'a>,
}

impl<'a> Event<'a> {
    /// Reads a payload.
    pub(in super::super) fn read(data: &'a [u8]) -> Option<Self> {
        serde_json::from_slice(data).ok()
    }

    fn message(&self) -> Option<&Message<'a>> {
        self.delta.as_ref()?.message.as_ref()
    }

    pub(super) fn piece(&self) -> Piece<'a> {
        let content = self.message().and_then(|message| message.content);
        content.and_then(|raw| serde_json::from_str(raw.get()).ok()).unwrap_or_default()
    }

    pub(super) fn plan(&self) -> Option<&str> {
        self.message()?.tool_plan.text()
    }

    pub(super) fn call(&self) -> Call<'a> {
        let call = self.message().and_then(|message| message.tool_calls);
        call.and_then(|raw| serde_json::from_str(raw.get()).ok()).unwrap_or_default()
    }

    /// Whether it is the last of its message.
    pub(in super::super) fn is_end(&self) -> bool {
        self.kind.text() == Some("message-end")
    }

    pub(in super::super) fn finish_word(&self) -> Option<&str> {
        self.delta.as_ref()?.finish_reason.text()
    }

    pub(in super::super) fn usage(&self) -> Option<Usage> {
        read_usage(self.delta.as_ref()?.usage?.get())
    }

    /// Why there is no more of the answer.
    pub(in super::super) fn error(&self) -> Option<ErrorFacts> {
        let ended = self.delta.as_ref().and_then(|delta| delta.error.text());
        let alone = self.message.text().filter(|_| matches!(self.kind.text(), None | Some("error")));
        let failed = matches!(self.finish_word(), Some("ERROR" | "TIMEOUT")) && self.is_end();
        let sentence = ended.or(alone).or(failed.then_some(FAILED))?;
        let status = if self.finish_word() == Some("TIMEOUT") { 504 } else { 500 };
        Some(fault::plain(status, sentence))
    }

    /// Bytes of what is said.
    pub(in super::super) fn size(&self) -> usize {
        let length = |text: &Loose<'_>| text.text().map_or(0, str::len);
        let (piece, call) = (self.piece(), self.call());
        let content = length(&piece.text) + length(&piece.thinking);
        let plan = self.plan().map_or(0, str::len);
        content + plan + length(&call.function.name) + length(&call.function.arguments)
    }
}
