//! What tells that requests belong together: a session that the client names, or the beginning of a conversation.

use std::borrow::Cow;

use http::HeaderMap;

use crate::affinity::key_of;
use crate::kinds::llm::call::Call;

/// So much of each text counts: a provider's cache begins with the first tokens, too.
const BEGINNING: usize = 8192;
/// The longest name of a session.
const NAME_MOST: usize = 256;
/// With it a client names a session.
const SESSION_HEADER: &str = "x-session-id";

/// The session that the client names, in the body (`session_id`), in a header, or by the key that it gives its prompts.
pub fn session(call: &Call, headers: &HeaderMap) -> Option<u64> {
    session_name(call, headers).map(|named| key_of(&*named))
}

/// The same by its name.
pub fn session_name<'a>(call: &'a Call, headers: &'a HeaderMap) -> Option<Cow<'a, str>> {
    let text = |name| call.object.string(&call.body, name).value();
    let named = text("session_id")
        .or_else(|| headers.get(SESSION_HEADER).and_then(|value| value.to_str().ok()).map(Cow::Borrowed));
    let named = named.or_else(|| text("prompt_cache_key"))?;
    (1..=NAME_MOST).contains(&named.len()).then_some(named)
}

/// What a conversation begins with: its system prompt and its first message, which stay the same in all its turns.
pub fn conversation(call: &Call) -> Option<u64> {
    let beginning = |bytes: &'_ [u8]| key_of(bytes.get(..BEGINNING).unwrap_or(bytes));
    let member = |name: &str| call.object.get(&call.body, name).map(|field| field.value(&call.body));
    let system = ["system", "instructions", "systemInstruction"].into_iter().find_map(member);
    let turns = ["messages", "input", "contents"].into_iter().find_map(member)?;
    let first = first_turns(turns);
    Some(key_of((system.map(beginning), beginning(first))))
}

/// The first two elements of a list, or the first alone where it is the user's; a text is its own beginning.
fn first_turns(turns: &[u8]) -> &[u8] {
    let beginning = turns.get(..2 * BEGINNING).unwrap_or(turns);
    let (mut depth, mut seen, mut at) = (0_u32, 0, 0);
    while let Some(next) = beginning.get(at..).and_then(|rest| memchr::memchr3(b'"', b'{', b'}', rest)) {
        at += next + 1;
        match beginning.get(at - 1) {
            Some(b'"') => at = end_of_text(beginning, at),
            Some(b'{') => depth += 1,
            _ => {
                depth = depth.saturating_sub(1);
                seen += u32::from(depth == 0);
                // Behind a system prompt comes the first question; behind a question only the answer to it.
                let first = beginning.get(..at).unwrap_or_default();
                if depth == 0 && (seen == 2 || memchr::memmem::find(first, b"\"user\"").is_some()) {
                    return first;
                }
            }
        }
    }
    beginning
}

/// Where a text has ended that began before `at`.
fn end_of_text(bytes: &[u8], mut at: usize) -> usize {
    while let Some(next) = bytes.get(at..).and_then(|rest| memchr::memchr2(b'"', b'\\', rest)) {
        at += next + 1;
        if bytes.get(at - 1) == Some(&b'"') {
            return at;
        }
        at += 1;
    }
    bytes.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_turns_of_a_conversation_begin_with_the_same() {
        let first = |text: &str| String::from_utf8(first_turns(text.as_bytes()).to_vec()).unwrap();
        let with_system = r#"[{"role":"system","content":"s"},{"role":"user","content":"{q"}]"#;
        let later = r#"[{"role":"system","content":"s"},{"role":"user","content":"{q"},{"role":"assistant","content":"a"},{"role":"user","content":"r"}]"#;
        assert_eq!(first(later), first(with_system).trim_end_matches(']'));
        let one = r#"[{"role":"user","content":"q"}]"#;
        let two = r#"[{"role":"user","content":"q"},{"role":"assistant","content":"a"}]"#;
        assert_eq!(
            (first(one), first(two)),
            (r#"[{"role":"user","content":"q"}"#.into(), r#"[{"role":"user","content":"q"}"#.into())
        );
        assert_eq!(first("\"text\""), "\"text\"");
    }
}
