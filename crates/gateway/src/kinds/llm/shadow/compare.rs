//! How two answers compare: figures alone, cheap ones.
//!
//! In: the answer that a client got and a candidate's. Out: what is recorded of both. It judges neither.

use std::collections::HashMap;

use serde_json::Value;
use yumen_llm::ir::{Answer, Content, FinishReason};
use yumen_telemetry::{AnswerFacts, ComparedRecord};

/// What is compared of an answer: its first choice.
struct Looked {
    text: String,
    calls: Vec<(String, Value)>,
    finish: Option<FinishReason>,
}

impl Looked {
    fn of(answer: Answer) -> Self {
        let mut looked = Self { text: String::new(), calls: Vec::new(), finish: None };
        let Some(choice) = answer.choices.into_iter().next() else { return looked };
        // Not every dialect tells a stop text from an end.
        looked.finish = choice.finish.map(|finish| match finish.reason {
            FinishReason::StopSequence => FinishReason::Stop,
            reason => reason,
        });
        for part in choice.parts {
            match part.content {
                Content::Text(text) => looked.text.push_str(&text),
                Content::ToolCall { name, arguments, .. } => looked.calls.push((name, value(arguments))),
                _ => {}
            }
        }
        looked
    }

    fn facts(&self, json: bool) -> AnswerFacts {
        let is_json = || serde_json::from_str::<serde::de::IgnoredAny>(&self.text).is_ok();
        AnswerFacts {
            characters: self.text.chars().count() as u64,
            tool_calls: self.calls.len() as u64,
            valid_json: json.then(is_json),
        }
    }
}

/// Arguments as the value that they stand for; what is no JSON stands for itself.
fn value(arguments: String) -> Value {
    if arguments.trim().is_empty() {
        return Value::Object(serde_json::Map::new());
    }
    serde_json::from_str(&arguments).unwrap_or(Value::String(arguments))
}

/// How the answers compare; `json` when JSON was asked for.
pub fn compare(original: Answer, copy: Answer, json: bool) -> ComparedRecord {
    let (original, copy) = (Looked::of(original), Looked::of(copy));
    let calls = !original.calls.is_empty() || !copy.calls.is_empty();
    let names = |looked: &Looked| looked.calls.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>();
    ComparedRecord {
        same_finish: original.finish == copy.finish,
        same_tools: calls.then(|| names(&original) == names(&copy)),
        same_arguments: calls.then(|| original.calls == copy.calls),
        common_words: common_words(&original.text, &copy.text),
        original: original.facts(json),
        copy: copy.facts(json),
    }
}

/// How many in a thousand of the words of both texts the other one has too, each as often as it has it.
fn common_words(left: &str, right: &str) -> Option<u16> {
    let mut counts: HashMap<String, (u64, u64)> = HashMap::new();
    words(left, |word| counts.entry(word).or_default().0 += 1);
    words(right, |word| counts.entry(word).or_default().1 += 1);
    let all: u64 = counts.values().map(|(left, right)| left + right).sum();
    let common: u64 = counts.values().map(|(left, right)| 2 * left.min(right)).sum();
    (common * 1000).checked_div(all).and_then(|share| u16::try_from(share).ok())
}

/// Words without their case; where letters are written without spaces between words, each is one.
fn words(text: &str, mut take: impl FnMut(String)) {
    let mut word = String::new();
    for letter in text.chars() {
        let alone = ('\u{2E80}'..='\u{9FFF}').contains(&letter) || letter >= '\u{20000}';
        if letter.is_alphanumeric() && !alone {
            word.extend(letter.to_lowercase());
            continue;
        }
        if !word.is_empty() {
            take(std::mem::take(&mut word));
        }
        if letter.is_alphanumeric() {
            take(letter.to_string());
        }
    }
    if !word.is_empty() {
        take(word);
    }
}

#[cfg(test)]
mod tests {
    use yumen_llm::ir::{Choice, Finish, Part};

    use super::*;

    fn answer(text: &str, calls: &[(&str, &str)], reason: FinishReason) -> Answer {
        let calls = calls.iter().map(|(name, arguments)| Content::ToolCall {
            id: format!("{name}-{arguments}"),
            name: (*name).into(),
            arguments: (*arguments).into(),
        });
        let contents = std::iter::once(Content::Text(text.into())).chain(calls);
        let finish = Some(Finish { reason, native: Some("x".into()), stop_sequence: None });
        let choice = Choice { parts: contents.map(Part::new).collect(), finish, ..Choice::default() };
        Answer { choices: vec![choice], ..Answer::default() }
    }

    #[test]
    fn texts_are_compared_by_their_words() {
        for (left, right, common) in [
            ("One, two. THREE!", "three two one", Some(1000)),
            ("a b c d", "a x y z", Some(250)),
            ("a a a", "a", Some(500)),
            ("", "word", Some(0)),
            ("…", " ", None),
            ("玉门关", "玉门", Some(800)),
        ] {
            assert_eq!(common_words(left, right), common, "{left} | {right}");
        }
    }

    #[test]
    fn calls_are_the_same_by_name_and_by_value() {
        let of = |left: &[(&str, &str)], right: &[(&str, &str)]| {
            let (left, right) =
                (answer("", left, FinishReason::ToolCalls), answer("", right, FinishReason::ToolCalls));
            let compared = compare(left, right, false);
            (compared.same_tools, compared.same_arguments)
        };
        assert_eq!(of(&[], &[]), (None, None));
        assert_eq!(
            of(&[("f", r#"{"a":1,"b":2}"#)], &[("f", r#"{ "b": 2, "a": 1 }"#)]),
            (Some(true), Some(true))
        );
        assert_eq!(of(&[("f", "")], &[("f", "{}")]), (Some(true), Some(true)));
        assert_eq!(of(&[("f", "{\"a\":1}")], &[("f", "{\"a\":2}")]), (Some(true), Some(false)));
        assert_eq!(of(&[("f", "{"), ("g", "")], &[("g", ""), ("f", "{")]), (Some(false), Some(false)));
        assert_eq!(of(&[("f", "")], &[]), (Some(false), Some(false)));
    }

    #[test]
    fn ends_and_json_are_looked_at() {
        let left = answer(r#"{"a":1}"#, &[], FinishReason::Stop);
        let right = answer("no", &[("f", "{}")], FinishReason::StopSequence);
        let compared = compare(left.clone(), right, true);
        let facts =
            |characters, tool_calls, valid| AnswerFacts { characters, tool_calls, valid_json: Some(valid) };
        assert_eq!((compared.original, compared.copy), (facts(7, 0, true), facts(2, 1, false)));
        assert!(compared.same_finish);
        let compared = compare(left, answer("", &[], FinishReason::Length), false);
        assert!(!compared.same_finish && compared.original.valid_json.is_none());
        assert_eq!(compare(Answer::default(), Answer::default(), true).common_words, None);
    }
}
