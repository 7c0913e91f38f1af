//! Answers that have begun, for an upstream to go on with.

use serde_json::{Value, json};
use yumen_llm::dialects::{Dialect, Quirk, Target, Thinking, codec};
use yumen_llm::ir::{Chat, Request};

fn chat(body: &Value) -> Chat {
    let request = codec(Dialect::OpenAiChat).decode_request(body.to_string().as_bytes()).expect("a request");
    let Request::Chat(chat) = request else { panic!("a conversation") };
    *chat
}

fn begun(body: &Value, text: &str) -> Request {
    let mut chat = chat(body);
    chat.go_on_with(text);
    Request::Chat(Box::new(chat))
}

fn said(dialect: Dialect, request: &Request, target: &Target<'_>) -> Option<Value> {
    let encoded = codec(dialect).encode_request(request, target).ok()?;
    Some(serde_json::from_slice(&encoded.body).expect("JSON"))
}

fn ask() -> Value {
    json!({ "model": "m", "max_tokens": 4096, "messages": [{ "role": "user", "content": "Well?" }] })
}

#[test]
fn what_the_client_has_begun_is_the_same_answer() {
    let mut body = ask();
    body["messages"].as_array_mut().expect("a list").push(json!({ "role": "assistant", "content": "{" }));
    let request = begun(&body, "\"a\":");
    let target = Target { model: "m", quirks: &[Quirk::PrefillPartial], ..Target::default() };
    let said = said(Dialect::OpenAiChat, &request, &target).expect("a request");
    assert_eq!(said["messages"][1], json!({ "role": "assistant", "content": "{\"a\":", "partial": true }));
    assert_eq!(said["messages"].as_array().map(Vec::len), Some(2));
}

#[test]
fn an_answer_before_it_has_no_mark() {
    let mut body = ask();
    let more =
        [json!({ "role": "assistant", "content": "So." }), json!({ "role": "user", "content": "And?" })];
    body["messages"].as_array_mut().expect("a list").extend(more);
    let target = Target { model: "m", quirks: &[Quirk::PrefillPrefix], ..Target::default() };
    let told = said(Dialect::OpenAiChat, &begun(&body, "It"), &target).expect("a request");
    assert_eq!((told["messages"][1].get("prefix"), &told["messages"][3]["prefix"]), (None, &json!(true)));
    let plain = said(Dialect::OpenAiChat, &Request::Chat(Box::new(chat(&body))), &target).expect("a request");
    assert!(!plain.to_string().contains("prefix"), "{plain}");
}

#[test]
fn claude_is_not_asked_to_go_on_while_it_thinks() {
    let mut thinking = ask();
    thinking["reasoning_effort"] = json!("low");
    for (dialect, model) in [
        (Dialect::AnthropicMessages, "claude-sonnet-4-5"),
        (Dialect::BedrockConverse, "anthropic.claude-sonnet-4-5-20250929-v1:0"),
    ] {
        let budget = Target { model, ..Target::default() };
        let told = said(dialect, &begun(&ask(), "It"), &budget).expect("a request");
        assert_eq!(told["messages"][1]["role"], "assistant", "{told}");
        assert_eq!(said(dialect, &begun(&thinking, "It"), &budget), None);
        let in_words = Target { thinking: Thinking::Adaptive, ..budget };
        assert_eq!(said(dialect, &begun(&ask(), "It"), &in_words), None, "such a model refuses it");
        assert!(said(dialect, &Request::Chat(Box::new(chat(&thinking))), &in_words).is_some());
    }
    let nova = Target { model: "amazon.nova-pro-v1:0", ..Target::default() };
    assert_eq!(said(Dialect::BedrockConverse, &begun(&ask(), "It"), &nova), None);
}

#[test]
fn a_dialect_says_who_goes_on() {
    for (dialect, quirks, goes_on) in [
        (Dialect::Gemini, &[][..], true),
        (Dialect::OllamaChat, &[], true),
        (Dialect::OpenAiChat, &[], false),
        (Dialect::OpenAiChat, &[Quirk::PrefillContinue], true),
        (Dialect::AnthropicMessages, &[], false),
        (Dialect::AnthropicMessages, &[Quirk::PrefillPrefix], false),
        (Dialect::AnthropicMessages, &[Quirk::PrefillPlain], true),
        (Dialect::OpenAiResponses, &[Quirk::PrefillPlain], false),
    ] {
        assert_eq!(codec(dialect).outline().prefills(quirks), goes_on, "{dialect:?} {quirks:?}");
    }
}
