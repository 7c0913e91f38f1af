//! What the integration tests in `tests/tests/` share: requests as clients send them, and how to read answers.
#![allow(clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "only tests use this")]

mod files;
pub mod install;
pub mod memory;
mod page;
pub mod rescue;
mod responses;
mod surface;
mod turns;
mod usage;
mod videos;

use serde_json::{Value, json};
use yumen_testkit::{Answer, Client, Event, Gateway, Upstream, eventually};

pub use files::{FakeFiles, form};
pub use page::Page;
pub use responses::FakeResponses;
pub use surface::{MORE_PROVIDERS, PROVIDERS, SURFACES, Surface, combinations};
pub use turns::{Call, PIXEL};
pub use videos::{FakeVideos, VIDEO};

/// What every fake model says unless its scenario says otherwise.
pub const TEXT: &str = "Hello from the fake gate 玉门.";
/// Path of the OpenAI chat surface.
pub const CHAT: &str = "/v1/chat/completions";
/// Path of the Anthropic surface.
pub const MESSAGES: &str = "/v1/messages";
/// Path of the OpenAI Responses surface.
pub const RESPONSES: &str = "/v1/responses";

/// A fake upstream and a gateway with the standard configuration in front of it.
pub async fn pair() -> (Upstream, Gateway) {
    let upstream = Upstream::start().await;
    let gateway = Gateway::before(&upstream).await;
    (upstream, gateway)
}

/// A question in the form that both chat surfaces understand.
pub fn ask(model: &str) -> Value {
    json!({ "model": model, "max_tokens": 64, "messages": [{ "role": "user", "content": "What is it?" }] })
}

/// The same, to be answered as a stream.
pub fn ask_stream(model: &str) -> Value {
    let mut body = ask(model);
    body["stream"] = json!(true);
    body
}

/// The text of a stream on the OpenAI surface.
pub fn chat_text(events: &[Event]) -> String {
    let data = events.iter().filter(|event| !event.data.is_empty() && !event.is_done());
    data.filter_map(|event| event.json()["choices"][0]["delta"]["content"].as_str().map(str::to_owned))
        .collect()
}

/// The text of a stream on the Anthropic surface.
pub fn messages_text(events: &[Event]) -> String {
    let deltas = events.iter().filter(|event| event.name == "content_block_delta");
    deltas.filter_map(|event| event.json()["delta"]["text"].as_str().map(str::to_owned)).collect()
}

/// The text of a whole answer on either surface.
pub fn whole_text(answer: &Answer) -> String {
    let body = answer.json();
    let text =
        body["choices"][0]["message"]["content"].as_str().or_else(|| body["content"][0]["text"].as_str());
    text.unwrap_or_else(|| panic!("no text: {body}")).to_owned()
}

/// The text of a stream on the surface of this path; checks that it ended as it should.
pub fn stream_text(path: &str, events: &[Event]) -> String {
    let last = events.iter().rfind(|event| !event.data.is_empty()).expect("an event");
    if path == CHAT {
        assert!(last.is_done(), "the last event is {last:?}");
        chat_text(events)
    } else {
        assert_eq!(last.name, "message_stop");
        messages_text(events)
    }
}

/// The code of an error on the OpenAI surface.
pub fn error_code(answer: &Answer) -> String {
    answer.json()["error"]["code"].as_str().unwrap_or_default().to_owned()
}

/// The record of an exchange by its answer's generation id, as soon as it is there.
pub async fn record_of(client: &Client, generation_id: &str) -> Value {
    assert!(generation_id.starts_with("gen-"), "no generation id: `{generation_id}`");
    let path = format!("/api/v1/generation?id={generation_id}");
    let found = async || {
        let answer = client.get(&path).await;
        (answer.status == 200).then(|| answer.json()["data"].clone())
    };
    eventually("the exchange's record", found).await
}

/// The payloads of a stream.
pub fn payloads(events: &[Event]) -> Vec<Value> {
    events.iter().filter(|event| !event.data.is_empty() && !event.is_done()).map(Event::json).collect()
}
