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

/// The first two elements of a list, or one text. They end where the same braces have closed as have opened; that a brace
/// may stand in a text only makes the key another one, the same in all turns.
fn first_turns(turns: &[u8]) -> &[u8] {
    let (mut depth, mut seen) = (0_u32, 0);
    for at in memchr::memchr2_iter(b'{', b'}', turns.get(..2 * BEGINNING).unwrap_or(turns)) {
        match turns.get(at) {
            Some(b'{') => depth += 1,
            _ => depth = depth.saturating_sub(1),
        }
        seen += u32::from(depth == 0);
        // A second turn is the first question only behind a system prompt; without one it is the first answer.
        let has_system =
            || turns.get(..at).is_some_and(|first| memchr::memmem::find(first, b"\"user\"").is_none());
        if depth == 0 && (seen == 2 || !has_system()) {
            return turns.get(..=at).unwrap_or(turns);
        }
    }
    turns
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
