use yumen_llm::ir::Choice;

use super::*;

const CLAUDE: &str = "anthropic-claude-v1";
const GOOGLE: &str = "google-gemini-v1";

fn thinking(text: &str) -> Content {
    Content::Thinking { text: text.into(), signature: Some("s".into()), format: Some(CLAUDE.into()) }
}

fn sealed(data: &str, format: &str) -> Content {
    Content::RedactedThinking { data: data.into(), format: Some(format.into()) }
}

fn call(id: &str) -> Content {
    Content::ToolCall { id: id.into(), name: "f".into(), arguments: "{}".into() }
}

fn text() -> Content {
    Content::Text("t".into())
}

/// What a turn holds after what was kept of `answered` has been put back into it.
fn put_back(proofs: &Proofs, key_id: &str, turn: Vec<Content>) -> Vec<Content> {
    let parts = turn.into_iter().map(Part::new).collect();
    let mut chat =
        Chat { messages: vec![Message { role: Role::Assistant, parts, name: None }], ..Chat::default() };
    proofs.put_back(key_id, &mut chat);
    chat.messages.remove(0).parts.into_iter().map(|part| part.content).collect()
}

/// Keeps an answer, told whole or piece by piece.
fn keep(proofs: &Arc<Proofs>, answered: &[Content], whole: bool) {
    let mut keeper = Keeper::new(proofs, "k");
    let parts = answered.iter().cloned().map(Part::new).collect();
    let answer = Answer { choices: vec![Choice { parts, ..Choice::default() }], ..Answer::default() };
    if whole {
        return keeper.answer(&answer);
    }
    answer.into_events().iter().for_each(|event| keeper.event(event));
}

#[test]
fn what_proves_a_call_comes_back_before_it() {
    for whole in [true, false] {
        for (answered, turn, expected) in [
            (vec![thinking("a"), call("1")], vec![call("1")], vec![thinking("a"), call("1")]),
            // A turn of Claude's begins with its reasoning.
            (
                vec![thinking("a"), sealed("x", CLAUDE), text(), call("1"), call("2")],
                vec![text(), call("1"), call("2")],
                vec![thinking("a"), sealed("x", CLAUDE), text(), call("1"), call("2")],
            ),
            // Google's proofs stand on the call itself, and those of texts are not needed.
            (
                vec![
                    sealed("t", GOOGLE),
                    text(),
                    sealed("x", GOOGLE),
                    call("1"),
                    sealed("y", GOOGLE),
                    call("2"),
                ],
                vec![text(), call("1"), call("2")],
                vec![text(), sealed("x", GOOGLE), call("1"), sealed("y", GOOGLE), call("2")],
            ),
            // What the client has told itself stays.
            (vec![thinking("a"), call("1")], vec![thinking("b"), call("1")], vec![thinking("b"), call("1")]),
            (vec![call("1")], vec![call("1")], vec![call("1")]),
        ] {
            let proofs = Arc::new(Proofs::default());
            keep(&proofs, &answered, whole);
            assert_eq!(put_back(&proofs, "k", turn.clone()), expected);
            assert_eq!(put_back(&proofs, "another", turn.clone()), turn, "another key's");
        }
    }
}

#[test]
fn what_is_kept_is_bounded() {
    let proofs = Arc::new(Proofs::default());
    keep(&proofs, &[thinking(&"a".repeat(CALL_BYTES_MOST)), call("huge")], true);
    keep(&proofs, &[thinking(&"a".repeat(CALL_BYTES_MOST)), call("huge")], false);
    assert_eq!(proofs.lock().order.len(), 0);
    let large = "a".repeat(CALL_BYTES_MOST / 2);
    for number in 0..200 {
        keep(&proofs, &[thinking(&large), call(&number.to_string())], number % 2 == 0);
    }
    let kept = proofs.lock();
    assert!(kept.bytes <= KEPT_BYTES_MOST && kept.order.len() == kept.by_call.len());
    assert_eq!(kept.bytes, kept.by_call.values().map(|(_, bytes)| bytes).sum::<usize>());
    drop(kept);
    // The same call again and again, with more each time, is counted as it is.
    for size in [1, 1000, CALL_BYTES_MOST / 2] {
        keep(&proofs, &[thinking(&"a".repeat(size)), call("199")], true);
    }
    let kept = proofs.lock();
    assert_eq!(kept.bytes, kept.by_call.values().map(|(_, bytes)| bytes).sum::<usize>());
    drop(kept);
    assert_eq!(put_back(&proofs, "k", vec![call("0")]).len(), 1, "the oldest is gone");
    assert_eq!(put_back(&proofs, "k", vec![call("199")]).len(), 2);
}
