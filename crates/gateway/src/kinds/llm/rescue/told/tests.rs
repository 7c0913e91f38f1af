use yumen_llm::ir::Finish;

use super::*;

fn text(text: &str) -> StreamEvent {
    StreamEvent::Text { choice: 0, text: text.to_owned(), logprobs: None }
}

fn end() -> StreamEvent {
    StreamEvent::Finish { choice: 0, finish: Finish::default() }
}

fn thought() -> StreamEvent {
    StreamEvent::Thinking { choice: 0, text: "hm".to_owned() }
}

/// All that the client reads of a first answer and of what goes on with it, in pieces of so many characters.
fn joined(first: &str, second: &str, size: usize) -> String {
    let mut told = Told::default();
    let mut all = vec![StreamEvent::Start(Box::default()), text(first)];
    told.run(&mut all);
    assert_eq!(told.begun(), Some(first));
    told.goes_on();
    let characters: Vec<char> = second.chars().collect();
    let pieces = characters.chunks(size).map(|piece| text(&piece.iter().collect::<String>()));
    for event in std::iter::once(StreamEvent::Start(Box::default())).chain(pieces).chain([end()]) {
        let mut events = vec![event];
        told.run(&mut events);
        all.extend(events);
    }
    assert_eq!(all.iter().filter(|event| matches!(event, StreamEvent::Start(_))).count(), 1);
    let texts = all.iter().map(|event| match event {
        StreamEvent::Text { text, .. } => text.as_str(),
        _ => "",
    });
    texts.collect()
}

#[test]
fn a_text_is_told_once_whatever_the_second_one_repeats() {
    for (first, second, whole) in [
        ("One two", " three.", "One two three."),
        ("One, two and three", "One, two and three, four.", "One, two and three, four."),
        ("One two ", " three.", "One two three."),
        ("One two ", "three.", "One two three."),
        ("One, two and three ", "One, two and three four.", "One, two and three four."),
        ("One two\n\n", "\nthree.", "One two\n\nthree."),
        ("One two\n", "  three.", "One two\n  three."),
        // Alike at first, and then not, or not to the end.
        ("One, two and three", "One, two and four.", "One, two and threeOne, two and four."),
        ("One, two and three", "One, two", "One, two and threeOne, two"),
        ("玉门、嘉峪 玉", "玉门、嘉峪 玉门关", "玉门、嘉峪 玉门关"),
        ("  \n", "\n Well.", "  \n\n Well."),
        ("", "One.", "One."),
        ("One ", "", "One "),
    ] {
        for size in 1..=second.chars().count().max(1) {
            assert_eq!(joined(first, second, size), whole, "{first:?} {second:?} {size}");
        }
    }
}

#[test]
fn a_few_words_that_begin_alike_are_no_repetition() {
    for (first, second, whole) in [
        ("ha", "ha ha", "haha ha"),
        ("1", "1", "11"),
        ("No, ", "No, no.", "No, No, no."),
        ("玉门 ", "玉门关", "玉门 玉门关"),
    ] {
        for size in 1..=second.chars().count() {
            assert_eq!(joined(first, second, size), whole, "{first:?} {second:?} {size}");
        }
    }
}

#[test]
fn what_is_no_plain_text_is_not_gone_on_with() {
    let call = StreamEvent::ToolCallStart { choice: 0, call: 0, id: "1".into(), name: "f".into() };
    let other = StreamEvent::Text { choice: 1, text: "x".into(), logprobs: None };
    for closing in [call, other, end(), StreamEvent::End] {
        let mut told = Told::default();
        told.run(&mut vec![text("One"), closing.clone()]);
        assert_eq!(told.begun(), None, "{closing:?}");
    }
    let mut told = Told::default();
    told.run(&mut vec![thought()]);
    assert_eq!(told.begun(), None, "reasoning cannot be gone on with");
    told.run(&mut vec![StreamEvent::PartEnd { choice: 0 }, text("One")]);
    assert_eq!(told.begun(), Some("One"), "what follows it can");
}

#[test]
fn a_text_beyond_the_bound_is_not_kept() {
    let mut told = Told::default();
    told.run(&mut vec![text(&"x".repeat(TEXT_BYTES_MOST))]);
    assert_eq!(told.begun().map(str::len), Some(TEXT_BYTES_MOST));
    told.run(&mut vec![text("x")]);
    assert_eq!((told.begun(), told.text.capacity()), (None, 0));
}

#[test]
fn a_second_ones_reasoning_does_not_divide_the_text() {
    let mut told = Told::default();
    told.run(&mut vec![text("One")]);
    told.goes_on();
    let signature = StreamEvent::Signature { choice: 0, signature: "s".into(), format: None };
    let mut events =
        vec![thought(), signature, StreamEvent::PartEnd { choice: 0 }, text(" two"), StreamEvent::Ping];
    told.run(&mut events);
    assert_eq!(events, [text(" two"), StreamEvent::Ping]);
    assert_eq!(told.begun(), Some("One two"));
}

#[test]
fn what_was_held_back_is_not_told_when_the_second_one_breaks_too() {
    let mut told = Told::default();
    told.run(&mut vec![text("One, two and three")]);
    told.goes_on();
    let mut events = vec![text("One")];
    told.run(&mut events);
    assert_eq!((events.len(), told.begun()), (0, Some("One, two and three")));
}
