//! Valid documents of the kinds that models are asked for: records, lists, settings, tool arguments, prose, code.

use serde_json::{Map, Value, json};

use super::random::Random;

const KEYS: [&str; 24] = [
    "id",
    "name",
    "title",
    "summary",
    "tags",
    "items",
    "price",
    "count",
    "is_active",
    "created_at",
    "author",
    "address",
    "steps",
    "result",
    "score",
    "notes",
    "options",
    "path",
    "command",
    "query",
    "first name",
    "snake_case_key",
    "kebab-key",
    "größe",
];
const WORDS: [&str; 16] = [
    "alpha", "report", "Zürich", "model", "green", "fast", "data", "玉门", "river", "basic", "Köln", "open",
    "north", "paper", "seven", "light",
];
const TEXTS: [&str; 14] = [
    "A short summary of the meeting.",
    "She said \"yes\" and left the room.",
    "The \"best\", \"fastest\" and \"cheapest\" option.",
    "Line one\nLine two\n\tindented",
    "It's the user's choice; don't ask.",
    "See https://example.com/a?b=1&c=2#frag for more",
    "if (x > 0) { return [1, 2]; } // done",
    "C:\\Users\\me\\file.txt",
    "Regex: ^\\d+\\s*$ matches numbers",
    "Price: 5 €, discount 10 %",
    "def f(x):\n    return {\"a\": x}",
    "Steps: first, second, third.",
    "<p class=\"lead\">Hello</p>",
    "Emoji 😀 and 漢字",
];

/// One document as a text, compact or set out.
pub(super) fn document(random: &mut Random) -> String {
    let value = match random.below(6) {
        0 => record(random),
        1 => json!({ "items": (0..1 + random.below(4)).map(|_| record(random)).collect::<Vec<_>>() }),
        2 => Value::Array((0..2 + random.below(3)).map(|_| record(random)).collect()),
        3 => arguments(random),
        4 => object(random, 3),
        _ => {
            json!({ "answer": text(random), "sources": words(random), "score": number(random), "ok": random.chance(2) })
        }
    };
    spelt(&value, random)
}

fn spelt(value: &Value, random: &mut Random) -> String {
    let text = match random.below(3) {
        0 => Ok(value.to_string()),
        1 => serde_json::to_string_pretty(value),
        // As Python writes it.
        _ => Ok(spaced(value)),
    };
    text.unwrap_or_default()
}

/// On one line, with a space behind commas and colons.
fn spaced(value: &Value) -> String {
    let join = |parts: Vec<String>| parts.join(", ");
    match value {
        Value::Object(members) => {
            let members = members
                .iter()
                .map(|(key, value)| format!("{}: {}", Value::from(key.as_str()), spaced(value)));
            format!("{{{}}}", join(members.collect()))
        }
        Value::Array(items) => format!("[{}]", join(items.iter().map(spaced).collect())),
        other => other.to_string(),
    }
}

fn record(random: &mut Random) -> Value {
    json!({
        "id": random.below(10_000), "name": word(random), "summary": text(random), "tags": words(random),
        "price": number(random), "is_active": random.chance(2), "parent": null,
        "address": { "city": word(random), "lines": words(random) },
    })
}

fn arguments(random: &mut Random) -> Value {
    json!({
        "path": format!("src/{}.rs", word(random)), "content": text(random), "overwrite": random.chance(2),
        "limit": random.below(500), "filters": [{ "field": word(random), "op": "eq", "value": number(random) }],
    })
}

fn object(random: &mut Random, depth: usize) -> Value {
    let mut members = Map::new();
    for _ in 0..2 + random.below(4) {
        let key = random.pick(&KEYS).copied().unwrap_or_default();
        let value = match random.below(if depth == 0 { 5 } else { 7 }) {
            0 => number(random),
            1 => random.chance(2).into(),
            2 => Value::Null,
            3 => text(random).into(),
            4 => words(random).into(),
            5 => object(random, depth - 1),
            _ => (0..1 + random.below(3)).map(|_| object(random, depth - 1)).collect(),
        };
        members.insert(key.to_owned(), value);
    }
    Value::Object(members)
}

fn number(random: &mut Random) -> Value {
    match random.below(4) {
        0 => json!(random.below(100)),
        1 => json!(-(random.below(1000) as i64)),
        2 => json!(random.below(10_000) as f64 / 100.0),
        _ => json!(random.below(90) as f64 * 1e-7),
    }
}

fn word(random: &mut Random) -> String {
    random.pick(&WORDS).copied().unwrap_or_default().to_owned()
}

fn words(random: &mut Random) -> Vec<String> {
    (0..2 + random.below(3)).map(|_| word(random)).collect()
}

fn text(random: &mut Random) -> String {
    random.pick(&TEXTS).copied().unwrap_or_default().to_owned()
}
