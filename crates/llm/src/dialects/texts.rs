//! Where the generated texts of an answer stand in its own bytes: what a repair has to look at and may splice.
//!
//! In: a whole answer or one event, in a dialect that has texts in its JSON. Out: the strings, where each stands, whose
//! piece it is, and which texts have ended. It reads nothing else and changes nothing.

use std::ops::Range;

use serde::Deserialize;
use serde_json::value::RawValue;
use smallvec::SmallVec;

use super::Dialect;

/// One of an answer's texts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TextId {
    /// Of which choice.
    pub choice: u32,
    /// Its number in the choice.
    pub number: u32,
    /// Whether it is the arguments of a tool call and not text for a reader.
    pub is_arguments: bool,
}

/// A string that is a text or a piece of one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Span {
    /// Which text.
    pub text: TextId,
    /// Where the string stands, quotes included.
    pub at: Range<usize>,
    /// Whether it says all of the text once more, in a stream.
    pub is_all: bool,
}

/// Which texts have ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// This one.
    Text(TextId),
    /// Those of a choice; whether the answer was cut off at its limit.
    Choice(u32, bool),
    /// All of them.
    All,
}

/// What an event or an answer holds of texts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Texts {
    /// The strings, in order.
    pub spans: SmallVec<[Span; 2]>,
    /// What ends with it.
    pub ends: SmallVec<[End; 1]>,
}

/// The texts of a whole answer, or of one event of a stream; none in dialects that have none in their JSON.
pub fn texts(dialect: Dialect, data: &[u8]) -> Texts {
    let mut found = Found { data, texts: Texts::default() };
    match dialect {
        Dialect::OpenAiChat | Dialect::OpenAiCompletions => found.openai(),
        Dialect::OpenAiResponses => found.responses(),
        Dialect::AnthropicMessages => found.anthropic(),
        Dialect::Gemini => found.gemini(),
        Dialect::OllamaChat | Dialect::OllamaGenerate => found.ollama(),
        Dialect::CohereChat => found.cohere(),
        _ => {}
    }
    found.texts
}

/// A member that may be of any type.
type Raw<'a> = Option<&'a RawValue>;

#[derive(Deserialize, Default)]
#[serde(default)]
struct OpenAi<'a> {
    #[serde(borrow)]
    choices: Option<Vec<Choice<'a>>>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Choice<'a> {
    index: Option<u32>,
    #[serde(borrow, alias = "message")]
    delta: Option<Message<'a>>,
    #[serde(borrow)]
    text: Raw<'a>,
    #[serde(borrow)]
    finish_reason: Raw<'a>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Message<'a> {
    #[serde(borrow)]
    content: Raw<'a>,
    #[serde(borrow)]
    tool_calls: Raw<'a>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Call<'a> {
    index: Option<u32>,
    #[serde(borrow)]
    function: Option<Function<'a>>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Function<'a> {
    #[serde(borrow)]
    arguments: Raw<'a>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Item<'a> {
    #[serde(borrow)]
    content: Raw<'a>,
    #[serde(borrow)]
    arguments: Raw<'a>,
}

/// A part of a message; an event's `delta` has the same members.
#[derive(Deserialize, Default)]
#[serde(default)]
struct Part<'a> {
    #[serde(borrow, rename = "type")]
    kind: Option<std::borrow::Cow<'a, str>>,
    #[serde(borrow)]
    text: Raw<'a>,
    #[serde(borrow)]
    partial_json: Raw<'a>,
    thought: Option<bool>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Event<'a> {
    #[serde(borrow, rename = "type")]
    kind: Option<std::borrow::Cow<'a, str>>,
    index: Option<u32>,
    output_index: Option<u32>,
    content_index: Option<u32>,
    #[serde(borrow)]
    delta: Raw<'a>,
    #[serde(borrow)]
    text: Raw<'a>,
    #[serde(borrow)]
    arguments: Raw<'a>,
    #[serde(borrow)]
    part: Raw<'a>,
    #[serde(borrow)]
    item: Raw<'a>,
    #[serde(borrow)]
    response: Raw<'a>,
    #[serde(borrow)]
    output: Raw<'a>,
    #[serde(borrow)]
    content: Raw<'a>,
    #[serde(borrow)]
    message: Raw<'a>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Gemini<'a> {
    #[serde(borrow)]
    candidates: Option<Vec<Candidate<'a>>>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Candidate<'a> {
    index: Option<u32>,
    #[serde(borrow)]
    content: Option<Content<'a>>,
    #[serde(borrow, rename = "finishReason", alias = "finish_reason")]
    finish_reason: Raw<'a>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Content<'a> {
    #[serde(borrow)]
    parts: Raw<'a>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Ollama<'a> {
    #[serde(borrow)]
    message: Option<Message<'a>>,
    #[serde(borrow)]
    response: Raw<'a>,
    done: Option<bool>,
}

/// Texts of one part after the other may be in one item: each has a number of its own.
const PARTS_MOST: u32 = 256;

struct Found<'d> {
    data: &'d [u8],
    texts: Texts,
}

fn read<'a, T: Deserialize<'a> + Default>(raw: Raw<'a>) -> T {
    raw.and_then(|raw| serde_json::from_str(raw.get()).ok()).unwrap_or_default()
}

impl<'d> Found<'d> {
    fn body<T: Deserialize<'d> + Default>(&self) -> T {
        serde_json::from_slice(self.data).unwrap_or_default()
    }

    /// Notes a string; what is no string is no text.
    fn string(&mut self, raw: Raw<'_>, text: TextId, is_all: bool) {
        let Some(raw) = raw.filter(|raw| raw.get().starts_with('"')) else { return };
        // It is a part of the data, so that its place is the distance between the two.
        let Some(start) = raw.get().as_ptr().addr().checked_sub(self.data.as_ptr().addr()) else { return };
        self.texts.spans.push(Span { text, at: start..start + raw.get().len(), is_all });
    }

    fn calls(&mut self, raw: Raw<'_>, choice: u32) {
        // Cohere's events hold one call, all others a list.
        let one = raw.is_some_and(|raw| raw.get().starts_with('{'));
        let calls: Vec<Call<'_>> = if one { vec![read(raw)] } else { read(raw) };
        for (at, call) in (0..).zip(calls) {
            let text = TextId { choice, number: call.index.unwrap_or(at), is_arguments: true };
            self.string(call.function.unwrap_or_default().arguments, text, false);
        }
    }

    /// A string, or parts of which some are texts.
    fn content(&mut self, raw: Raw<'_>, choice: u32, first: u32, is_all: bool) {
        self.string(raw, TextId { choice, number: first, is_arguments: false }, is_all);
        if !raw.is_some_and(|raw| raw.get().starts_with('[')) {
            return;
        }
        for (at, part) in (0..).zip(read::<Vec<Part<'_>>>(raw)) {
            let is_text = part.kind.as_deref().is_none_or(|kind| kind == "text" || kind == "output_text");
            if is_text && part.thought != Some(true) {
                self.string(part.text, TextId { choice, number: first + at, is_arguments: false }, is_all);
            }
        }
    }

    fn openai(&mut self) {
        for (at, choice) in (0..).zip(self.body::<OpenAi<'_>>().choices.unwrap_or_default()) {
            let number = choice.index.unwrap_or(at);
            let said = choice.delta.unwrap_or_default();
            self.content(said.content, number, 0, false);
            self.string(choice.text, TextId { choice: number, number: 0, is_arguments: false }, false);
            self.calls(said.tool_calls, number);
            if let Some(reason) = choice.finish_reason.filter(|reason| reason.get() != "null") {
                self.texts.ends.push(End::Choice(number, reason.get() == "\"length\""));
            }
        }
    }

    fn responses(&mut self) {
        let event: Event<'_> = self.body();
        let item = event.output_index.unwrap_or(0) * PARTS_MOST;
        let text = TextId { choice: 0, number: item + event.content_index.unwrap_or(0), is_arguments: false };
        let arguments = TextId { number: item, is_arguments: true, ..text };
        match event.kind.as_deref().unwrap_or_default() {
            "response.output_text.delta" => self.string(event.delta, text, false),
            "response.function_call_arguments.delta" => self.string(event.delta, arguments, false),
            "response.output_text.done" => {
                self.string(event.text, text, true);
                self.texts.ends.push(End::Text(text));
            }
            "response.function_call_arguments.done" => {
                self.string(event.arguments, arguments, true);
                self.texts.ends.push(End::Text(arguments));
            }
            "response.content_part.done" => self.string(read::<Part<'_>>(event.part).text, text, true),
            "response.output_item.done" => self.item(read(event.item), item, true),
            "response.completed" | "response.incomplete" => {
                let response: Event<'_> = read(event.response);
                self.items(response.output, true);
                self.texts.ends.push(End::All);
            }
            _ => self.items(event.output, false),
        }
    }

    fn items(&mut self, raw: Raw<'_>, is_all: bool) {
        for (at, item) in (0..).zip(read::<Vec<Item<'_>>>(raw)) {
            self.item(item, at * PARTS_MOST, is_all);
        }
    }

    fn item(&mut self, item: Item<'_>, number: u32, is_all: bool) {
        self.content(item.content, 0, number, is_all);
        self.string(item.arguments, TextId { choice: 0, number, is_arguments: true }, is_all);
    }

    fn anthropic(&mut self) {
        let event: Event<'_> = self.body();
        let number = event.index.unwrap_or(0);
        let id = |is_arguments| TextId { choice: 0, number, is_arguments };
        match event.kind.as_deref().unwrap_or_default() {
            "content_block_delta" => {
                let delta: Part<'_> = read(event.delta);
                self.string(delta.text, id(false), false);
                self.string(delta.partial_json, id(true), false);
            }
            "content_block_stop" => {
                self.texts.ends.extend([id(false), id(true)].map(End::Text));
            }
            "message_stop" => self.texts.ends.push(End::All),
            "message" => self.content(event.content, 0, 0, false),
            _ => {}
        }
    }

    fn gemini(&mut self) {
        for (at, candidate) in (0..).zip(self.body::<Gemini<'_>>().candidates.unwrap_or_default()) {
            let choice = candidate.index.unwrap_or(at);
            // All parts of a candidate are one text, cut anywhere.
            for part in read::<Vec<Part<'_>>>(candidate.content.unwrap_or_default().parts) {
                if part.thought != Some(true) {
                    self.string(part.text, TextId { choice, number: 0, is_arguments: false }, false);
                }
            }
            if let Some(reason) = candidate.finish_reason.filter(|reason| reason.get() != "null") {
                self.texts.ends.push(End::Choice(choice, reason.get() == "\"MAX_TOKENS\""));
            }
        }
    }

    fn ollama(&mut self) {
        let chunk: Ollama<'_> = self.body();
        let text = TextId { choice: 0, number: 0, is_arguments: false };
        self.string(chunk.message.unwrap_or_default().content, text, false);
        self.string(chunk.response, text, false);
        if chunk.done == Some(true) {
            self.texts.ends.push(End::All);
        }
    }

    fn cohere(&mut self) {
        let event: Event<'_> = self.body();
        let number = event.index.unwrap_or(0);
        let id = |is_arguments| TextId { choice: 0, number, is_arguments };
        let delta: Event<'_> = read(event.delta);
        match event.kind.as_deref().unwrap_or_default() {
            "content-delta" => {
                let message: Message<'_> = read(delta.message);
                self.string(read::<Part<'_>>(message.content).text, id(false), false);
            }
            "tool-call-delta" => {
                let message: Message<'_> = read(delta.message);
                let call: Call<'_> = read(message.tool_calls);
                self.string(call.function.unwrap_or_default().arguments, id(true), false);
            }
            "content-end" => self.texts.ends.push(End::Text(id(false))),
            "tool-call-end" => self.texts.ends.push(End::Text(id(true))),
            "message-end" => self.texts.ends.push(End::All),
            "" => {
                let message: Message<'_> = read(event.message);
                self.content(message.content, 0, 0, false);
                self.calls(message.tool_calls, 0);
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The strings that are found, and whether anything ends.
    fn found(dialect: Dialect, data: &str) -> (Vec<&str>, bool) {
        let texts = texts(dialect, data.as_bytes());
        let strings = texts.spans.iter().map(|span| data.get(span.at.clone()).unwrap()).collect();
        (strings, !texts.ends.is_empty())
    }

    #[test]
    fn every_text_is_found_where_it_stands() {
        use Dialect::{AnthropicMessages, CohereChat, Gemini, OllamaChat, OpenAiChat, OpenAiResponses};
        for (dialect, data, strings, ends) in [
            (
                OpenAiChat,
                r#"{"choices":[{"index":0,"delta":{"role":"assistant","content":"a\"b"},"finish_reason":null}]}"#,
                vec![r#""a\"b""#],
                false,
            ),
            (
                OpenAiChat,
                r#"{"choices":[{"index":0,"message":{"content":"x","tool_calls":[{"id":"c","function":{"name":"f","arguments":"{}"}}]},"finish_reason":"stop"}]}"#,
                vec!["\"x\"", "\"{}\""],
                true,
            ),
            (OpenAiChat, r#"{"choices":[],"usage":{}}"#, vec![], false),
            (OpenAiChat, "[DONE]", vec![], false),
            (
                OpenAiResponses,
                r#"{"type":"response.output_text.delta","output_index":1,"content_index":0,"delta":"x"}"#,
                vec!["\"x\""],
                false,
            ),
            (
                OpenAiResponses,
                r#"{"type":"response.completed","response":{"output":[{"type":"message","content":[{"type":"output_text","text":"x"}]},{"type":"function_call","arguments":"{}"}]}}"#,
                vec!["\"x\"", "\"{}\""],
                true,
            ),
            (
                AnthropicMessages,
                r#"{"type":"content_block_delta","index":0,"delta":{"type":"input_json_delta","partial_json":"{"}}"#,
                vec!["\"{\""],
                false,
            ),
            (
                AnthropicMessages,
                r#"{"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta","thinking":"{"}}"#,
                vec![],
                false,
            ),
            (
                AnthropicMessages,
                r#"{"type":"message","content":[{"type":"thinking","thinking":"h"},{"type":"text","text":"x"}]}"#,
                vec!["\"x\""],
                false,
            ),
            (
                Gemini,
                r#"{"candidates":[{"content":{"parts":[{"text":"t","thought":true},{"text":"x"}]},"finishReason":"STOP"}]}"#,
                vec!["\"x\""],
                true,
            ),
            (OllamaChat, r#"{"message":{"content":"x","thinking":"y"},"done":false}"#, vec!["\"x\""], false),
            (
                CohereChat,
                r#"{"type":"content-delta","index":0,"delta":{"message":{"content":{"text":"x"}}}}"#,
                vec!["\"x\""],
                false,
            ),
            (
                CohereChat,
                r#"{"type":"tool-call-delta","index":1,"delta":{"message":{"tool_calls":{"function":{"arguments":"{"}}}}}"#,
                vec!["\"{\""],
                false,
            ),
            (
                CohereChat,
                r#"{"id":"1","message":{"content":[{"type":"text","text":"x"}],"tool_calls":[{"function":{"arguments":"{}"}}]}}"#,
                vec!["\"x\"", "\"{}\""],
                false,
            ),
        ] {
            assert_eq!(found(dialect, data), (strings, ends), "{data}");
        }
    }
}
