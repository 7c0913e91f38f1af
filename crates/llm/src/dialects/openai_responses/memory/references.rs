//! What a request names of that which only its provider keeps: a conversation, and items of earlier answers.
//! <https://platform.openai.com/docs/guides/conversation-state>

use serde_json::value::RawValue;

use crate::json::{Kind, Object, decode_text, scan_object, scan_value};

/// Something that a request names by its id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reference {
    /// A conversation.
    Conversation(String),
    /// An item.
    Item(String),
}

/// Everything that a request names, in whatever way one reader or another could take it: a name that is said twice is all that
/// it is said to be.
pub fn references(object: &Object, body: &[u8]) -> Vec<Reference> {
    let mut found = Vec::new();
    if let Some(field) = object.get(body, "conversation") {
        match field.kind {
            Kind::String => found.push(Reference::Conversation(decode_text(field.value(body)).into_owned())),
            Kind::Object => {
                let ids = scan_value(body, field, usize::MAX).map(|object| texts(&object, body, "id"));
                found.extend(ids.unwrap_or_else(|_| unknown()).into_iter().map(Reference::Conversation));
            }
            _ => {}
        }
    }
    if let Some(field) = object.get(body, "input")
        && may_refer(field.value(body))
    {
        let input = field.value(body);
        let ids = match field.kind {
            Kind::Array => serde_json::from_slice::<Vec<&RawValue>>(input)
                .map(|items| items.iter().flat_map(|item| referred(item.get().as_bytes())).collect())
                .unwrap_or_else(|_| unknown()),
            // Nobody is known to take an item outside a list.
            _ => referred(input),
        };
        found.extend(ids.into_iter().map(Reference::Item));
    }
    found
}

/// Whether there could be a reference in an input: most requests hold none, and are not read for it.
fn may_refer(input: &[u8]) -> bool {
    let holds = |part: &[u8]| memchr::memmem::find(input, part).is_some();
    holds(b"\"id\"") || holds(b"\\u00")
}

/// The ids of an item that is a reference: it says so, or nothing else than an id.
fn referred(item: &[u8]) -> Vec<String> {
    if !item.starts_with(b"{") {
        return Vec::new();
    }
    let Ok(object) = scan_object(item, usize::MAX) else { return unknown() };
    let is_named = texts(&object, item, "type").iter().any(|kind| kind == "item_reference");
    let is_bare = || ["type", "role"].iter().all(|name| can_lack(&object, item, name));
    if is_named || is_bare() { texts(&object, item, "id") } else { Vec::new() }
}

/// What cannot be read could name anything: it names what nobody has.
fn unknown() -> Vec<String> {
    vec![String::new()]
}

/// Whether one reader or another finds no text under a name.
fn can_lack(object: &Object, body: &[u8], name: &str) -> bool {
    let mut named = object.fields.iter().filter(|field| field.is_named(body, name)).peekable();
    named.peek().is_none() || named.any(|field| field.kind != Kind::String)
}

/// All texts under a name.
fn texts(object: &Object, body: &[u8], name: &str) -> Vec<String> {
    let named = object.fields.iter().filter(|field| field.is_named(body, name));
    let texts = named.filter(|field| field.kind == Kind::String);
    texts.map(|field| decode_text(field.value(body)).into_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(body: &str) -> Vec<String> {
        let object = scan_object(body.as_bytes(), 64).unwrap();
        let found = references(&object, body.as_bytes());
        found
            .into_iter()
            .map(|one| match one {
                Reference::Conversation(id) => format!("conversation {id}"),
                Reference::Item(id) => id,
            })
            .collect()
    }

    #[test]
    fn what_a_request_names_is_found_in_every_spelling() {
        for (body, expected) in [
            (r#"{"input":"\"id\""}"#, &[][..]),
            (r#"{"conversation":null,"input":[]}"#, &[]),
            (r#"{"conversation":"conv_\u0031"}"#, &["conversation conv_1"]),
            (
                r#"{"conversation":{"id":"conv_1","id":"conv_2"}}"#,
                &["conversation conv_1", "conversation conv_2"],
            ),
            (
                r#"{"input":[{"type":"item_reference","id":"a"},{"id":"b"},{"id":"c","type":null}]}"#,
                &["a", "b", "c"],
            ),
            (r#"{"input":[{"type":"item_\u0072eference","\u0069d":"a"}]}"#, &["a"]),
            (r#"{"input":[{"type":"message","type":"item_reference","id":"a","id":"b"}]}"#, &["a", "b"]),
            (r#"{"input":{"type":"item_reference","id":"a"}}"#, &["a"]),
            (r#"{"input":[{"type":"message","type":null,"id":"a"}]}"#, &["a"]),
            (r#"{"input":[{"role":"user","\u0072ole":null,"id":"a"}]}"#, &["a"]),
            (r#"{"input":[{"role":"user","id":"a","content":"?"},{"type":"message","id":"b"},7,"x"]}"#, &[]),
            (r#"{"input":[{"type":"function_call_output","output":"{\"id\":\"item_reference\"}"}]}"#, &[]),
        ] {
            assert_eq!(of(body), expected, "{body}");
        }
    }
}
