//! Conversations that are kept for clients: what was said before, as the input of the next request and as lists of items.
//!
//! In: inputs as clients sent them and responses as they were told, both in this dialect. Out: the same items, put together.
//! Everything stays as it was written but for what is named here; nothing is looked up, and nothing is known of who keeps it.

use bytes::Bytes;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::tap::ITEMS_MOST;
use crate::dialects::read::Loose;
use crate::json::{Edit, Kind, scan_object, splice};

mod references;

pub use references::{Reference, references};

/// A turn of a conversation: a request's own input and its response.
#[derive(Debug, Clone, Copy)]
pub struct Turn<'t> {
    /// The response's id.
    pub id: &'t str,
    /// The member `input` of the request.
    pub input: &'t [u8],
    /// The response object.
    pub response: &'t [u8],
}

/// An item that was given to the model, as it is listed.
#[derive(Debug, Clone, PartialEq)]
pub struct InputItem {
    /// Its id.
    pub id: String,
    /// The item.
    pub json: Value,
}

/// What is kept cannot be read as what it should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a kept turn cannot be read")]
pub struct Unreadable;

/// The input of a request that continues these turns: their items in order, then its own. Items of our answers go without
/// the ids that they were given here, because nobody else would know them.
pub fn continued(turns: &[Turn<'_>], input: &[u8]) -> Result<Vec<u8>, Unreadable> {
    let mut out = b"[".to_vec();
    for turn in turns {
        push_input(turn.input, &mut out)?;
        for item in output(turn.response)? {
            push(&without_id(item)?, &mut out);
        }
    }
    push_input(input, &mut out)?;
    out.push(b']');
    Ok(out)
}

/// The items that were given to the model for the last of these turns, in the order in which they stood there.
pub fn input_items(turns: &[Turn<'_>]) -> Result<Vec<InputItem>, Unreadable> {
    let mut items = Vec::new();
    for (index, turn) in turns.iter().enumerate() {
        let given = match text(turn.input) {
            Some(text) => vec![Value::Object(user_message(text))],
            None => serde_json::from_slice(turn.input).map_err(|_| Unreadable)?,
        };
        items.extend(given.into_iter().enumerate().map(|(place, item)| listed(item, turn.id, place)));
        // The last response is what they were given for.
        if index + 1 < turns.len() {
            for (place, item) in output(turn.response)?.into_iter().enumerate() {
                let item = serde_json::from_str(item.get()).map_err(|_| Unreadable)?;
                items.push(listed(item, turn.id, place));
            }
        }
    }
    Ok(items)
}

/// Where the last event of a stream begins among whole events as our encoder writes them.
pub fn last_event(events: &[u8]) -> usize {
    let within = events.strip_suffix(b"\n\n").unwrap_or(events);
    memchr::memmem::rfind(within, b"\n\n").map_or(0, |at| at + 2)
}

/// The response that an event tells at its end, complete or cut off; `None` for every other event.
pub fn ended_response(event: &Bytes) -> Option<Bytes> {
    let data = payload(event)?;
    let object = scan_object(&data, usize::MAX).ok()?;
    let kind = object.string(&data, "type").value()?;
    if !matches!(kind.as_ref(), "response.completed" | "response.incomplete") {
        return None;
    }
    let field = object.get(&data, "response").filter(|field| field.kind == Kind::Object)?;
    Some(data.slice_ref(field.value(&data)))
}

/// The same response, which says that it is not kept.
pub fn not_kept(response: &Bytes) -> Bytes {
    let Ok(object) = scan_object(response, usize::MAX) else { return response.clone() };
    let edit = Edit::Set { name: "store", value: Bytes::from_static(b"false") };
    splice(response, &object, &[edit]).concat().into()
}

/// The same event, whose response says that it is not kept.
pub fn event_not_kept(event: &Bytes) -> Bytes {
    let Some(response) = ended_response(event) else { return event.clone() };
    let start = response.as_ptr().addr().saturating_sub(event.as_ptr().addr());
    let (before, after) = (event.get(..start), event.get(start + response.len()..));
    [before.unwrap_or_default(), &not_kept(&response), after.unwrap_or_default()].concat().into()
}

/// The ids of a whole response's items.
pub fn item_ids(response: &[u8]) -> Vec<String> {
    #[derive(serde::Deserialize)]
    struct Shape<'a> {
        #[serde(borrow)]
        output: Vec<Item<'a>>,
    }
    #[derive(serde::Deserialize, Default)]
    #[serde(default)]
    struct Item<'a> {
        #[serde(borrow)]
        id: Loose<'a>,
    }
    let Ok(shape) = serde_json::from_slice::<Shape<'_>>(response) else { return Vec::new() };
    shape.output.into_iter().filter_map(|item| item.id.into_text()).take(ITEMS_MOST).collect()
}

fn payload(event: &Bytes) -> Option<Bytes> {
    let at = memchr::memmem::find(event, b"data: ")? + b"data: ".len();
    let data = event.get(at..)?.trim_ascii_end();
    Some(event.slice_ref(data))
}

fn push(item: &[u8], out: &mut Vec<u8>) {
    if out.len() > 1 {
        out.push(b',');
    }
    out.extend_from_slice(item);
}

fn push_input(input: &[u8], out: &mut Vec<u8>) -> Result<(), Unreadable> {
    if let Some(text) = text(input) {
        let text = serde_json::to_string(&text).map_err(|_| Unreadable)?;
        push(format!(r#"{{"type":"message","role":"user","content":{text}}}"#).as_bytes(), out);
        return Ok(());
    }
    let items: Vec<&RawValue> = serde_json::from_slice(input).map_err(|_| Unreadable)?;
    items.iter().for_each(|item| push(item.get().as_bytes(), out));
    Ok(())
}

/// The text that a whole input is, if it is no list.
fn text(input: &[u8]) -> Option<String> {
    input.trim_ascii_start().starts_with(b"\"").then(|| serde_json::from_slice(input).ok()).flatten()
}

fn output(response: &[u8]) -> Result<Vec<&RawValue>, Unreadable> {
    #[derive(serde::Deserialize)]
    struct Shape<'a> {
        #[serde(borrow)]
        output: Vec<&'a RawValue>,
    }
    serde_json::from_slice::<Shape<'_>>(response).map(|shape| shape.output).map_err(|_| Unreadable)
}

fn without_id(item: &RawValue) -> Result<Vec<u8>, Unreadable> {
    let item = Bytes::copy_from_slice(item.get().as_bytes());
    let object = scan_object(&item, usize::MAX).map_err(|_| Unreadable)?;
    Ok(splice(&item, &object, &[Edit::Remove { name: "id" }]).concat())
}

fn user_message(text: String) -> Map<String, Value> {
    let mut message = Map::new();
    message.insert("type".to_owned(), "message".into());
    message.insert("role".to_owned(), "user".into());
    message.insert("content".to_owned(), text.into());
    message
}

/// An item as the API lists it: with an id, a type, and content in parts.
fn listed(item: Value, response: &str, place: usize) -> InputItem {
    let Value::Object(mut item) = item else {
        return InputItem { id: item_id("item", response, place), json: item };
    };
    let said = |item: &Map<String, Value>, name: &str| {
        item.get(name).and_then(Value::as_str).filter(|text| !text.is_empty()).map(str::to_owned)
    };
    let kind = said(&item, "type").unwrap_or_else(|| "message".to_owned());
    let id = said(&item, "id").unwrap_or_else(|| item_id(prefix(&kind), response, place));
    let is_assistant = said(&item, "role").as_deref() == Some("assistant");
    if kind == "message" {
        if let Some(Value::String(text)) = item.get("content").cloned() {
            item.insert("content".to_owned(), Value::Array(vec![part(text, is_assistant)]));
        }
        item.entry("status").or_insert_with(|| "completed".into());
    }
    let mut whole = Map::new();
    whole.insert("id".to_owned(), id.clone().into());
    whole.insert("type".to_owned(), kind.into());
    item.retain(|name, _| name != "id" && name != "type");
    whole.extend(item);
    InputItem { id, json: Value::Object(whole) }
}

fn part(text: String, is_assistant: bool) -> Value {
    let mut part = Map::new();
    part.insert("type".to_owned(), if is_assistant { "output_text" } else { "input_text" }.into());
    part.insert("text".to_owned(), text.into());
    if is_assistant {
        part.insert("annotations".to_owned(), Value::Array(Vec::new()));
    }
    Value::Object(part)
}

/// The id of an item that has none: made from its place, so that it is the same whenever it is listed.
fn item_id(prefix: &str, response: &str, place: usize) -> String {
    format!("{prefix}_{}_in{place}", response.strip_prefix("resp_").unwrap_or(response))
}

fn prefix(kind: &str) -> &'static str {
    match kind {
        "message" => "msg",
        "reasoning" => "rs",
        "function_call" => "fc",
        "function_call_output" => "fco",
        "custom_tool_call" => "ctc",
        "custom_tool_call_output" => "ctco",
        _ => "item",
    }
}

#[cfg(test)]
mod tests;
