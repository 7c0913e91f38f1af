//! Pictures that a chat model answers with: whole and streamed, between the dialects that have a place for them.

use serde_json::{Value, json};
use yumen_llm::dialects::{AnswerContext, Dialect, codec};
use yumen_llm::ir::{Response, Source, StreamEvent};

use crate::support::{answer, context, convert, decode, encode, payloads};

const DATA: &str = "iVBORw0KGgo=";
const URL: &str = "data:image/png;base64,iVBORw0KGgo=";

fn gemini() -> Value {
    json!({ "candidates": [{ "index": 0, "finishReason": "STOP", "content": { "role": "model", "parts": [
        { "text": "Here:" }, { "inlineData": { "mimeType": "image/png", "data": DATA } }, { "text": "Nice." } ] } }],
        "usageMetadata": { "promptTokenCount": 1, "candidatesTokenCount": 2, "totalTokenCount": 3 } })
}

fn openai(message: &str) -> Value {
    let mut said = json!({ "role": "assistant", "content": "Here:",
        "images": [{ "type": "image_url", "index": 0, "image_url": { "url": URL } }, { "odd": 1 }] });
    if message == "delta" {
        said["refusal"] = Value::Null;
    }
    json!({ "id": "c", "object": "x", "created": 1, "model": "m",
            "choices": [{ "index": 0, message: said, "finish_reason": "stop" }] })
}

#[test]
fn whole_answers_keep_their_pictures() {
    let told = answer(Dialect::Gemini, Dialect::OpenAiChat, &gemini());
    let message = &told["choices"][0]["message"];
    assert_eq!(message["content"], "Here:Nice.");
    assert_eq!(message["images"], json!([{ "type": "image_url", "image_url": { "url": URL } }]));
    let told = answer(Dialect::OpenAiChat, Dialect::Gemini, &openai("message"));
    let parts = &told["candidates"][0]["content"]["parts"];
    assert_eq!(parts[1], json!({ "inlineData": { "mimeType": "image/png", "data": DATA } }));
    // Answers without any have no such member.
    let plain =
        json!({ "candidates": [{ "finishReason": "STOP", "content": { "parts": [{ "text": "a" }] } }] });
    let told = answer(Dialect::Gemini, Dialect::OpenAiChat, &plain);
    assert_eq!(told["choices"][0]["message"].get("images"), None);
}

#[test]
fn streams_keep_their_pictures() {
    let stream = format!("data: {}\n\n", gemini());
    let chunks = payloads(&convert(Dialect::Gemini, Dialect::OpenAiChat, &stream));
    let deltas: Vec<&Value> = chunks.iter().map(|chunk| &chunk["choices"][0]["delta"]).collect();
    assert_eq!(deltas[0]["content"], "Here:");
    assert_eq!(deltas[1], &json!({ "images": [{ "type": "image_url", "image_url": { "url": URL } }] }));
    assert_eq!(deltas[2]["content"], "Nice.");
    let stream = format!("data: {}\n\ndata: [DONE]\n\n", openai("delta"));
    let chunks = payloads(&convert(Dialect::OpenAiChat, Dialect::Gemini, &stream));
    let parts = &chunks[1]["candidates"][0]["content"]["parts"];
    assert_eq!(parts, &json!([{ "inlineData": { "mimeType": "image/png", "data": DATA } }]));
}

#[test]
fn a_picture_is_a_file_to_the_ai_sdk_in_each_version() {
    let stream = format!("data: {}\n\n", gemini());
    let events = decode(Dialect::Gemini, &[stream.as_bytes()]);
    for (version, data) in [(4, json!({ "type": "data", "data": DATA })), (3, json!(DATA))] {
        let context = AnswerContext { ai_sdk_version: version, ..context() };
        let parts = payloads(&encode(Dialect::AiSdk, &events, context.clone()));
        let kinds: Vec<&str> = parts.iter().map(|part| part["type"].as_str().expect("a type")).collect();
        assert_eq!(
            kinds,
            [
                "stream-start",
                "response-metadata",
                "text-start",
                "text-delta",
                "text-end",
                "file",
                "text-start",
                "text-delta",
                "text-end",
                "finish"
            ]
        );
        assert_eq!(parts[5], json!({ "type": "file", "mediaType": "image/png", "data": data }));
        let whole =
            codec(Dialect::Gemini).decode_response(gemini().to_string().as_bytes()).expect("readable");
        let whole: Value =
            serde_json::from_slice(&codec(Dialect::AiSdk).encode_response(&whole, &context)).expect("JSON");
        assert_eq!(whole["content"][1], parts[5]);
    }
}

#[test]
fn a_whole_answer_told_as_a_stream_keeps_them_too() {
    let whole = codec(Dialect::Gemini).decode_response(gemini().to_string().as_bytes()).expect("readable");
    let Response::Chat(whole) = whole else { panic!("a chat") };
    let source = Source::Base64 { media_type: "image/png".into(), data: DATA.into() };
    assert!(whole.into_events().contains(&StreamEvent::Image { choice: 0, source }));
}

#[test]
fn dialects_without_a_place_for_them_go_on_without() {
    let stream = format!("data: {}\n\n", gemini());
    for to in [
        Dialect::AnthropicMessages,
        Dialect::OpenAiResponses,
        Dialect::BedrockConverse,
        Dialect::CohereChat,
        Dialect::OllamaChat,
        Dialect::OpenAiCompletions,
    ] {
        let told = convert(Dialect::Gemini, to, &stream);
        assert!(told.contains("Here:") && told.contains("Nice.") && !told.contains(DATA), "{to:?}: {told}");
    }
}
