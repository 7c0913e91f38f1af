//! Messages of the assistant, alike in requests and answers: text, reasoning, tool calls, refusal.
//!
//! Chat Completions has one place for text, so the order of parts is lost on the wire. Reasoning is carried as
//! `reasoning_content` (text, for everyone) and as `reasoning_details` (with signatures and sealed parts), whose
//! `index` is the part's place in the turn: from it the order is put back when a client echoes the message.

use serde_json::value::RawValue;

use super::parts::read_content;
use crate::dialects::openai::{custom_arguments, read_url, write_url};
use crate::dialects::read::{At, Object, list, string};
use crate::dialects::{DecodeError, citations, write};
use crate::ir::{Content, Part, Source};

/// Whose signatures are meant when nothing else is said.
const ANTHROPIC_FORMAT: &str = "anthropic-claude-v1";

/// Reads the parts of an assistant's message.
pub(super) fn read_parts(message: &mut Object<'_, '_>, fallback_id: &str) -> Result<Vec<Part>, DecodeError> {
    let at = message.at;
    let mut parts = match message.take("content") {
        Some(raw) => read_content(raw, &at.key("content"))?,
        None => Vec::new(),
    };
    parts.retain(|part| !matches!(&part.content, Content::Text(text) if text.is_empty()));
    if let Some(refusal) = message.string("refusal")?.filter(|text| !text.is_empty()) {
        parts.push(Part::new(Content::Refusal(refusal)));
    }
    if let Some(calls) = message.list("tool_calls")? {
        let at = at.key("tool_calls");
        for (index, raw) in calls.into_iter().enumerate() {
            parts.push(read_call(raw, at.index(index), || format!("{fallback_id}_{index}"))?);
        }
    }
    if let Some(raw) = message.take("function_call") {
        let mut call = Object::read(raw, at.key("function_call"))?;
        let name = call.need_string("name")?;
        let arguments = read_arguments(&mut call)?;
        parts.push(Part::new(Content::ToolCall { id: name.clone(), name, arguments }));
    }
    let thoughts = read_reasoning(message)?;
    Ok(weave(thoughts, parts))
}

fn read_call(raw: &RawValue, at: At<'_>, fallback_id: impl Fn() -> String) -> Result<Part, DecodeError> {
    let mut call = Object::read(raw, at)?;
    let id = call.string("id")?.filter(|id| !id.is_empty()).unwrap_or_else(fallback_id);
    if let Some(raw) = call.take("custom") {
        // A custom tool takes free text; as a function it is one argument.
        let mut custom = Object::read(raw, at.key("custom"))?;
        let name = custom.need_string("name")?;
        let arguments = custom_arguments(&custom.string("input")?.unwrap_or_default());
        return Ok(Part::new(Content::ToolCall { id, name, arguments }));
    }
    let raw = call.take("function").ok_or_else(|| at.key("function").fault("is required"))?;
    let mut function = Object::read(raw, at.key("function"))?;
    let name = function.need_string("name")?;
    let arguments = read_arguments(&mut function)?;
    Ok(Part::new(Content::ToolCall { id, name, arguments }))
}

/// Arguments are JSON in a string; some servers write the object itself.
fn read_arguments(function: &mut Object<'_, '_>) -> Result<String, DecodeError> {
    let Some(raw) = function.take("arguments") else { return Ok(String::new()) };
    match raw.get().as_bytes().first() {
        Some(b'{') => Ok(raw.get().to_owned()),
        _ => string(raw, &function.at.key("arguments")),
    }
}

/// Reasoning with its place in the turn, when that is known.
type Thought = (Option<u64>, Part);

fn read_reasoning(message: &mut Object<'_, '_>) -> Result<Vec<Thought>, DecodeError> {
    let details = message.take("reasoning_details").filter(|raw| raw.get().starts_with('['));
    let (content, plain) = (message.take("reasoning_content"), message.take("reasoning"));
    if let Some(raw) = details {
        let at = message.at.key("reasoning_details");
        let mut thoughts = Vec::new();
        for (index, raw) in list(raw, &at)?.into_iter().enumerate() {
            read_detail(Object::read(raw, at.index(index))?, &mut thoughts)?;
        }
        if !thoughts.is_empty() {
            return Ok(thoughts);
        }
    }
    for (name, raw) in [("reasoning_content", content), ("reasoning", plain)] {
        let Some(raw) = raw.filter(|raw| raw.get().starts_with(['"', '['])) else { continue };
        let texts =
            read_content(raw, &message.at.key(name))?.into_iter().filter_map(|part| match part.content {
                Content::Text(text) => Some(thought(text, None, None)),
                Content::Thinking { text, signature, format } => Some(thought(text, signature, format)),
                Content::RedactedThinking { .. } => Some(Part::new(part.content)),
                _ => None,
            });
        let thoughts: Vec<Thought> = texts.filter(|part| !is_empty(part)).map(|part| (None, part)).collect();
        if !thoughts.is_empty() {
            return Ok(thoughts);
        }
    }
    Ok(Vec::new())
}

fn thought(text: String, signature: Option<String>, format: Option<String>) -> Part {
    Part::new(Content::Thinking { text, signature, format })
}

fn is_empty(part: &Part) -> bool {
    matches!(&part.content, Content::Thinking { text, signature: None, .. } if text.is_empty())
}

/// Adds one entry. A client that has collected a stream echoes one entry per delta: those of one place are joined.
fn read_detail(mut detail: Object<'_, '_>, thoughts: &mut Vec<Thought>) -> Result<(), DecodeError> {
    let place = detail.unsigned("index")?;
    let format = detail.string("format")?;
    let kind = detail.string("type")?.unwrap_or_default();
    if kind == "reasoning.encrypted" {
        let data = detail.string("data")?.unwrap_or_default();
        thoughts.push((place, Part::new(Content::RedactedThinking { data, format })));
        return Ok(());
    }
    let more =
        detail.string(if kind == "reasoning.summary" { "summary" } else { "text" })?.unwrap_or_default();
    let seal = detail.string("signature")?.filter(|signature| !signature.is_empty());
    let last =
        thoughts.last_mut().filter(|(last_place, _)| *last_place == place).map(|(_, part)| &mut part.content);
    if let Some(Content::Thinking { text, signature: signature @ None, format: known }) = last {
        text.push_str(&more);
        *signature = seal;
        *known = known.take().or(format);
    } else if !more.is_empty() || seal.is_some() {
        thoughts.push((place, thought(more, seal, format)));
    }
    Ok(())
}

/// Puts reasoning back to its places among the other parts; reasoning without a place goes first.
fn weave(thoughts: Vec<Thought>, parts: Vec<Part>) -> Vec<Part> {
    let mut woven = Vec::with_capacity(thoughts.len() + parts.len());
    let mut parts = parts.into_iter();
    for (place, thought) in thoughts {
        let place = usize::try_from(place.unwrap_or(0)).unwrap_or(0);
        while woven.len() < place {
            match parts.next() {
                Some(part) => woven.push(part),
                None => break,
            }
        }
        woven.push(thought);
    }
    woven.extend(parts);
    woven
}

/// Writes what an assistant's message holds beside its role. Returns whether a refusal was said.
pub(super) fn write_parts(parts: &[Part], in_answer: bool, out: &mut write::Object<'_>) -> bool {
    let texts: Vec<&str> = parts
        .iter()
        .filter_map(|part| if let Content::Text(text) = &part.content { Some(text.as_str()) } else { None })
        .collect();
    let speechless = !in_answer
        && !parts.iter().any(|part| matches!(part.content, Content::ToolCall { .. } | Content::Refusal(_)));
    match texts.as_slice() {
        // A turn without content needs tool calls; one without either is an empty text.
        [] if speechless => out.text("content", ""),
        [] => out.null("content"),
        [text] => out.text("content", text),
        several => out.text("content", &several.concat()),
    }
    let refusal: String = parts
        .iter()
        .filter_map(
            |part| if let Content::Refusal(text) = &part.content { Some(text.as_str()) } else { None },
        )
        .collect();
    if !refusal.is_empty() {
        out.text("refusal", &refusal);
    } else if in_answer {
        out.null("refusal");
    }
    write_reasoning(parts, in_answer, out);
    let mut cited = citations::placed(parts).filter(|_| in_answer).peekable();
    if cited.peek().is_some() {
        out.list("annotations", |list| {
            cited.for_each(|(citation, from, length)| citations::write_chat(citation, from, length, list));
        });
    }
    let images = || parts.iter().filter_map(|part| image(&part.content)).filter(|_| in_answer);
    if images().next().is_some() {
        out.list("images", |list| images().for_each(|source| write_image(source, list)));
    }
    let mut calls = parts.iter().filter(|part| matches!(part.content, Content::ToolCall { .. })).peekable();
    if calls.peek().is_some() {
        out.list("tool_calls", |list| {
            for part in calls {
                let Content::ToolCall { id, name, arguments } = &part.content else { continue };
                list.object(|call| {
                    call.text("id", id);
                    call.text("type", "function");
                    call.object("function", |function| {
                        function.text("name", name);
                        function.text("arguments", if arguments.is_empty() { "{}" } else { arguments });
                    });
                });
            }
        });
    }
    !refusal.is_empty()
}

fn image(content: &Content) -> Option<&Source> {
    if let Content::Image { source, .. } = content { Some(source) } else { None }
}

/// Writes a picture as OpenRouter does, which is the only one whose answers of this API hold any.
pub(super) fn write_image(source: &Source, list: &mut write::List<'_>) {
    list.object(|item| {
        item.text("type", "image_url");
        item.object("image_url", |image| image.text("url", &write_url(source)));
    });
}

/// Reads the pictures of an answer, whatever else stands in the list.
pub(super) fn read_images(raw: &RawValue) -> Vec<Source> {
    #[derive(serde::Deserialize)]
    struct Item {
        image_url: Address,
    }
    #[derive(serde::Deserialize)]
    struct Address {
        url: String,
    }
    let items: Vec<&RawValue> = serde_json::from_str(raw.get()).unwrap_or_default();
    let read = items.into_iter().filter_map(|item| serde_json::from_str::<Item>(item.get()).ok());
    read.map(|item| read_url(item.image_url.url)).collect()
}

fn write_reasoning(parts: &[Part], in_answer: bool, out: &mut write::Object<'_>) {
    let text: String = parts
        .iter()
        .filter_map(|part| {
            if let Content::Thinking { text, .. } = &part.content { Some(text.as_str()) } else { None }
        })
        .collect();
    if !text.is_empty() {
        out.text("reasoning_content", &text);
    }
    // Upstreams that know only the plain text are spared the details unless something would be lost.
    let sealed = |part: &Part| {
        matches!(
            &part.content,
            Content::Thinking { signature: Some(_), .. } | Content::RedactedThinking { .. }
        )
    };
    if !(parts.iter().any(sealed) || in_answer && !text.is_empty()) {
        return;
    }
    out.list("reasoning_details", |list| {
        let mut place = Place::default();
        for part in parts {
            if matches!(part.content, Content::Citation(_)) {
                continue;
            }
            let index = place.of(&part.content);
            match &part.content {
                Content::Thinking { text, signature, format } => list.object(|detail| {
                    write_detail(
                        detail,
                        Detail::Text(Some(text), signature.as_deref()),
                        format.as_deref(),
                        index,
                    );
                }),
                Content::RedactedThinking { data, format } => {
                    list.object(|detail| {
                        write_detail(detail, Detail::Sealed(data), format.as_deref(), index)
                    });
                }
                _ => {}
            }
        }
    });
}

/// What one entry of `reasoning_details` says.
pub(super) enum Detail<'a> {
    /// Text and signature, either of which may be missing in a delta.
    Text(Option<&'a str>, Option<&'a str>),
    /// Sealed text.
    Sealed(&'a str),
}

pub(super) fn write_detail(
    out: &mut write::Object<'_>,
    detail: Detail<'_>,
    format: Option<&str>,
    index: u64,
) {
    match detail {
        Detail::Text(text, signature) => {
            out.text("type", "reasoning.text");
            out.maybe_text("text", text);
            out.maybe_text("signature", signature);
            // The format tells whose signature it is; plain text is nobody's.
            if signature.is_some() || format.is_some() {
                out.text("format", format.unwrap_or(ANTHROPIC_FORMAT));
            }
        }
        Detail::Sealed(data) => {
            out.text("type", "reasoning.encrypted");
            out.text("data", data);
            out.text("format", format.unwrap_or(ANTHROPIC_FORMAT));
        }
    }
    out.number("index", index);
}

/// Counts parts as a reader of the message will find them again: neighbouring texts are one.
#[derive(Default)]
pub(super) struct Place {
    next: u64,
    in_text: bool,
}

impl Place {
    pub(super) fn of(&mut self, content: &Content) -> u64 {
        let is_text = matches!(content, Content::Text(_));
        if !(is_text && self.in_text) {
            self.next += 1;
        }
        self.in_text = is_text;
        self.next.saturating_sub(1)
    }
}
