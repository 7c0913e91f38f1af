//! Messages of answers, whole and in pieces: read loosely, for one reader serves both.

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::dialects::openai::read_finish as read_word;
use crate::dialects::read::Loose;
use crate::ir::Finish;

/// A whole answer, or an event.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Said<'a> {
    #[serde(borrow)]
    pub(super) request_id: Loose<'a>,
    pub(super) code: Loose<'a>,
    pub(super) output: Option<Output<'a>>,
    pub(super) usage: Option<&'a RawValue>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Output<'a> {
    /// In place of choices, where a server knows messages not.
    #[serde(borrow)]
    text: Loose<'a>,
    finish_reason: Loose<'a>,
    choices: Vec<SaidChoice<'a>>,
}

/// One choice: a message and why it has ended.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct SaidChoice<'a> {
    #[serde(borrow)]
    pub(super) message: Message<'a>,
    pub(super) finish_reason: Loose<'a>,
    pub(super) logprobs: Option<&'a RawValue>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Message<'a> {
    /// A text, or a list of parts in the second form.
    #[serde(borrow)]
    content: Option<&'a RawValue>,
    /// The same from beside the choices.
    #[serde(skip)]
    plain: Loose<'a>,
    reasoning_content: Loose<'a>,
    pub(super) tool_calls: Option<Vec<Call<'a>>>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Call<'a> {
    #[serde(borrow)]
    pub(super) index: Loose<'a>,
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

impl<'a> Said<'a> {
    /// Reads an answer or an event; `None` when it is none.
    pub(super) fn read(body: &'a [u8]) -> Option<Self> {
        serde_json::from_slice(body).ok()
    }

    /// Whether it tells of an error.
    pub(super) fn is_error(&self) -> bool {
        self.output.is_none() && self.code.text().is_some()
    }
}

impl<'a> Output<'a> {
    /// Its choices; there is one.
    pub(super) fn into_choice(self) -> SaidChoice<'a> {
        let plain = self.text;
        let mut choice = self.choices.into_iter().next().unwrap_or_default();
        if choice.finish_reason.text().is_none() {
            choice.finish_reason = self.finish_reason;
        }
        if choice.message.content.is_none() && plain.text().is_some() {
            choice.message.plain = plain;
        }
        choice
    }
}

impl Message<'_> {
    /// Its text; empty when there is none.
    pub(super) fn text(&self) -> String {
        #[derive(Deserialize, Default)]
        #[serde(default)]
        struct Piece<'a> {
            #[serde(borrow)]
            text: Loose<'a>,
        }
        let Some(raw) = self.content else { return self.plain.text().unwrap_or_default().to_owned() };
        if raw.get().starts_with('[') {
            let pieces: Vec<Piece<'_>> = serde_json::from_str(raw.get()).unwrap_or_default();
            return pieces.iter().filter_map(|piece| piece.text.text()).collect();
        }
        serde_json::from_str(raw.get()).unwrap_or_default()
    }

    /// Its thoughts; empty when there are none.
    pub(super) fn thoughts(&self) -> &str {
        self.reasoning_content.text().unwrap_or_default()
    }
}

/// Why an answer has ended; `None` while it goes on, which is said by the word `null`.
pub(super) fn read_finish(word: &Loose<'_>) -> Option<Finish> {
    let word = word.text().filter(|word| *word != "null")?;
    Some(Finish { reason: read_word(word), native: Some(word.to_owned()), stop_sequence: None })
}
