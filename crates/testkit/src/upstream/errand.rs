//! What the scenario `fake-errand` is to do: its user says so, in words that pass through any program unharmed.
//!
//! In: a request in any dialect. Out: the tool to call, or what to say. So one scenario serves programs whose tools and
//! prompts differ: `Use the tool Bash with {"command":"ls"}` calls it, and when its result comes back it is told;
//! `Say "Good morning."` is said.

use serde_json::Value;

use super::content::list;

/// What the user wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Errand {
    /// A call of this tool with these arguments, as JSON.
    Call(String, String),
    /// These words.
    Say(String),
}

/// The newest errand in the words of the user, or what its tool has given back.
pub(super) fn of(request: &Value) -> Option<Errand> {
    let results = results(request);
    if !results.is_empty() {
        return Some(Errand::Say(format!("The tool said: {}", results.join("\n"))));
    }
    users_words(request).into_iter().rev().find_map(read)
}

fn read(words: &str) -> Option<Errand> {
    if let Some((_, order)) = words.rsplit_once("Use the tool ") {
        let (name, arguments) = order.split_once(" with ")?;
        let arguments = first_value(arguments).filter(Value::is_object)?;
        return Some(Errand::Call(name.to_owned(), arguments.to_string()));
    }
    let words = first_value(words.rsplit_once("Say ")?.1)?;
    words.as_str().map(|words| Errand::Say(words.to_owned()))
}

/// The JSON with which a text begins, whatever comes after it.
fn first_value(text: &str) -> Option<Value> {
    serde_json::Deserializer::from_str(text).into_iter().next()?.ok()
}

/// Every text of what tools gave back, in the words of any dialect.
fn results(request: &Value) -> Vec<&str> {
    let mut found = Vec::new();
    for message in list(&request["messages"]) {
        if message["role"] == "tool" {
            texts(&message["content"], &mut found);
        }
        for part in list(&message["content"]) {
            if part["type"] == "tool_result" {
                texts(&part["content"], &mut found);
            }
            texts(&part["toolResult"]["content"], &mut found);
        }
    }
    for item in list(&request["input"]).iter().filter(|item| item["type"] == "function_call_output") {
        texts(&item["output"], &mut found);
    }
    for part in list(&request["contents"]).iter().flat_map(|turn| list(&turn["parts"])) {
        texts(&part["functionResponse"]["response"], &mut found);
    }
    found
}

fn users_words(request: &Value) -> Vec<&str> {
    let turns = ["messages", "input", "contents"].into_iter().flat_map(|name| list(&request[name]));
    let mut found = Vec::new();
    for turn in turns.filter(|turn| turn["role"] == "user") {
        texts(&turn["content"], &mut found);
        texts(&turn["parts"], &mut found);
    }
    found
}

/// All texts within a value.
fn texts<'v>(value: &'v Value, found: &mut Vec<&'v str>) {
    match value {
        Value::String(text) => found.push(text),
        Value::Array(list) => list.iter().for_each(|inner| texts(inner, found)),
        Value::Object(object) => object.values().for_each(|inner| texts(inner, found)),
        _ => {}
    }
}
