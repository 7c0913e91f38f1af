//! One item of an upstream's stream: what of it has been told, so that what its server repeats is told once, and what
//! its server tells only at the end is told at all.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::super::reasoning::{BETWEEN, FORMAT};
use super::super::response::{Action, is_search};
use crate::dialects::citations::{MOST, read_annotations};
use crate::dialects::openai::custom_arguments;
use crate::dialects::read::Loose;
use crate::ir::{Citation, Json, StreamEvent};

/// What kind of item it is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Message,
    Reasoning,
    Call,
    /// A call of a tool that takes free text.
    Custom,
    /// Without a place in the IR.
    Foreign,
}

/// What an event adds to an item.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Said {
    Text,
    Refusal,
    /// A summary of the model's thoughts.
    Summary,
    /// The model's thoughts as they are.
    Thoughts,
    Arguments,
    Input,
}

/// A piece of an item.
pub(super) struct Piece<'e> {
    pub(super) said: Said,
    pub(super) text: &'e str,
    /// Whether it is the whole of a part that may have come in pieces before.
    pub(super) is_whole: bool,
    /// Number of the part in its item.
    pub(super) part: u64,
    pub(super) logprobs: Option<Json>,
}

/// An item that is being streamed.
pub(super) struct Incoming {
    pub(super) index: Option<u64>,
    pub(super) id: Option<String>,
    kind: Kind,
    /// Its number among the calls, from when it has been told.
    call: Option<u32>,
    /// Arguments that came before the name.
    early: String,
    /// The part of which some has been told, and what it was.
    told: Option<(Said, u64)>,
    is_done: bool,
    /// Sources of its text that wait for the text's end, and whether any have been told.
    citations: Vec<Citation>,
    cited: bool,
}

/// An item as an event tells it.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct ReadItem<'a> {
    #[serde(borrow, rename = "type")]
    kind: Loose<'a>,
    pub(super) id: Loose<'a>,
    call_id: Loose<'a>,
    name: Loose<'a>,
    arguments: Loose<'a>,
    input: Loose<'a>,
    encrypted_content: Loose<'a>,
    summary: Option<&'a RawValue>,
    content: Option<&'a RawValue>,
    action: Option<Action<'a>>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct ReadPart<'a> {
    #[serde(borrow)]
    text: Loose<'a>,
    refusal: Loose<'a>,
    annotations: Option<&'a RawValue>,
}

impl<'a> ReadItem<'a> {
    /// Whether it is a search of the web.
    pub(super) fn is_search(&self) -> bool {
        is_search(self.kind.text(), self.action.as_ref())
    }

    pub(super) fn read(raw: &'a RawValue) -> Option<Self> {
        serde_json::from_str(raw.get()).ok()
    }
}

fn parts(raw: Option<&RawValue>) -> Vec<ReadPart<'_>> {
    raw.and_then(|raw| serde_json::from_str(raw.get()).ok()).unwrap_or_default()
}

impl Kind {
    pub(super) fn of(item: &ReadItem<'_>) -> Self {
        match item.kind.text() {
            Some("message") => Self::Message,
            Some("reasoning") => Self::Reasoning,
            Some("function_call") => Self::Call,
            Some("custom_tool_call") => Self::Custom,
            _ => Self::Foreign,
        }
    }
}

impl Said {
    /// The kind of item that it is said in.
    pub(super) fn kind(self) -> Kind {
        match self {
            Self::Text | Self::Refusal => Kind::Message,
            Self::Summary | Self::Thoughts => Kind::Reasoning,
            Self::Arguments => Kind::Call,
            Self::Input => Kind::Custom,
        }
    }
}

impl Incoming {
    pub(super) fn new(index: Option<u64>, id: Option<&str>, kind: Kind) -> Self {
        let id = id.map(str::to_owned);
        Self {
            index,
            id,
            kind,
            call: None,
            early: String::new(),
            told: None,
            is_done: false,
            citations: Vec::new(),
            cited: false,
        }
    }

    /// Keeps a source until the text that it belongs to is complete.
    pub(super) fn hold(&mut self, citation: Citation) {
        if self.citations.len() < MOST {
            self.citations.push(citation);
        }
    }

    /// Tells the sources of the text that is complete.
    pub(super) fn cite(&mut self, out: &mut Vec<StreamEvent>) {
        self.cited |= !self.citations.is_empty();
        let citations = self.citations.drain(..).map(Box::new);
        out.extend(citations.map(|citation| StreamEvent::Citation { choice: 0, citation }));
    }

    pub(super) fn is_open_call(&self) -> bool {
        self.call.is_some() && !self.is_done
    }

    /// The item's outline is known. A call is told as soon as it has a name.
    pub(super) fn begin(&mut self, item: &ReadItem<'_>, calls: &mut u32, out: &mut Vec<StreamEvent>) {
        let is_call = matches!(self.kind, Kind::Call | Kind::Custom);
        let Some(name) = item.name.text().filter(|_| is_call && self.call.is_none()) else { return };
        let number = *calls;
        *calls = calls.saturating_add(1);
        self.call = Some(number);
        let id = item.call_id.text().or(item.id.text());
        let id = id.map_or_else(|| format!("call_{number}"), str::to_owned);
        out.push(StreamEvent::ToolCallStart { choice: 0, call: number, id, name: name.to_owned() });
        let early = std::mem::take(&mut self.early);
        self.push_arguments(early, out);
    }

    /// Tells a piece, unless it repeats what was told.
    pub(super) fn add(&mut self, piece: Piece<'_>, out: &mut Vec<StreamEvent>) {
        let Piece { said, text, is_whole, part, logprobs } = piece;
        let repeated = is_whole && self.told == Some((said, part));
        let nothing = text.is_empty() && logprobs.is_none() && said != Said::Input;
        if self.is_done || said.kind() != self.kind || nothing || repeated && said != Said::Input {
            return;
        }
        let (choice, text) = (0, text.to_owned());
        match said {
            Said::Text => out.push(StreamEvent::Text { choice, text, logprobs }),
            Said::Refusal => out.push(StreamEvent::Refusal { choice, text }),
            Said::Summary | Said::Thoughts => {
                match self.told {
                    // A model shows either; a server that shows both means the same twice.
                    Some((other, _)) if other != said => return,
                    Some((Said::Summary, last)) if last != part => {
                        out.push(StreamEvent::Thinking { choice, text: BETWEEN.to_owned() });
                    }
                    _ => {}
                }
                out.push(StreamEvent::Thinking { choice, text });
            }
            Said::Arguments => {
                // The whole arguments repeat their pieces, under whatever number.
                if is_whole && self.told.is_some() {
                    return;
                }
                self.push_arguments(text, out);
            }
            Said::Input => {
                self.add_input(&text, is_whole, out);
                return;
            }
        }
        self.told = Some((said, part));
    }

    /// Free text becomes the one argument of a function, piece by piece.
    fn add_input(&mut self, text: &str, is_whole: bool, out: &mut Vec<StreamEvent>) {
        match (self.told, is_whole) {
            (None, true) => {
                self.push_arguments(custom_arguments(text), out);
                // Nothing more is to be told of it.
                self.told = Some((Said::Arguments, 0));
            }
            (None, false) => {
                let whole = custom_arguments(text);
                let open = whole.strip_suffix("\"}").unwrap_or(&whole).to_owned();
                self.push_arguments(open, out);
                self.told = Some((Said::Input, 0));
            }
            (Some((Said::Input, _)), false) => {
                let quoted = serde_json::to_string(text).unwrap_or_default();
                let inner = quoted.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
                self.push_arguments(inner.unwrap_or_default().to_owned(), out);
            }
            (Some((Said::Input, _)), true) => self.close_input(out),
            (Some(_), _) => {}
        }
    }

    fn close_input(&mut self, out: &mut Vec<StreamEvent>) {
        self.push_arguments("\"}".to_owned(), out);
        self.told = Some((Said::Arguments, 0));
    }

    fn push_arguments(&mut self, arguments: String, out: &mut Vec<StreamEvent>) {
        match self.call {
            None => self.early.push_str(&arguments),
            Some(_) if arguments.is_empty() => {}
            Some(call) => out.push(StreamEvent::ToolCallArguments { choice: 0, call, arguments }),
        }
    }

    /// The item is complete: what was not told of it is told now.
    pub(super) fn end(&mut self, item: ReadItem<'_>, out: &mut Vec<StreamEvent>) {
        if self.is_done {
            return;
        }
        match self.kind {
            Kind::Message => {
                for part in parts(item.content) {
                    if !self.cited && self.citations.is_empty() {
                        self.citations = part.annotations.map(read_annotations).unwrap_or_default();
                    }
                    if self.told.is_some() {
                        continue;
                    }
                    let choice = 0;
                    out.extend(part.text.into_text().map(|text| StreamEvent::Text {
                        choice,
                        text,
                        logprobs: None,
                    }));
                    out.extend(part.refusal.into_text().map(|text| StreamEvent::Refusal { choice, text }));
                }
                self.cite(out);
            }
            Kind::Reasoning => self.end_reasoning(item, out),
            Kind::Call if self.told.is_none() => {
                let arguments = match item.arguments {
                    Loose::Nested(value) => value.to_string(),
                    text => text.into_text().unwrap_or_default(),
                };
                if !arguments.is_empty() {
                    self.told = Some((Said::Arguments, 0));
                    self.push_arguments(arguments, out);
                }
            }
            Kind::Custom => {
                let input = item.input.text().unwrap_or_default();
                self.add_input(input, true, out);
            }
            _ => {}
        }
        self.cut(out);
    }

    fn end_reasoning(&mut self, item: ReadItem<'_>, out: &mut Vec<StreamEvent>) {
        let choice = 0;
        if self.told.is_none() {
            let texts = |raw| parts(raw).into_iter().filter_map(|part| part.text.into_text());
            let summary = texts(item.summary).collect::<Vec<_>>().join(BETWEEN);
            let text = if summary.is_empty() { texts(item.content).collect() } else { summary };
            out.extend((!text.is_empty()).then_some(StreamEvent::Thinking { choice, text }));
        }
        out.extend(item.encrypted_content.into_text().map(|signature| StreamEvent::Signature {
            choice,
            signature,
            format: Some(FORMAT.to_owned()),
        }));
    }

    /// Nothing more comes of the item. A call without arguments has had none: elsewhere that is an empty object.
    pub(super) fn cut(&mut self, out: &mut Vec<StreamEvent>) {
        if std::mem::replace(&mut self.is_done, true) {
            return;
        }
        match (self.kind, self.told) {
            (Kind::Call, None) => self.push_arguments("{}".to_owned(), out),
            (Kind::Custom, Some((Said::Input, _))) => self.close_input(out),
            _ => {}
        }
    }
}
