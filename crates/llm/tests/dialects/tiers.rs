//! What an answer says of the tier at which it was served: the price list holds for the usual one.

use serde_json::{Value, json};
use yumen_llm::dialects::{Dialect, Tap, codec};

fn whole(dialect: Dialect, body: &Value) -> bool {
    let mut tap = Tap::default();
    codec(dialect).tap_response(body.to_string().as_bytes(), &mut tap);
    assert!(tap.usage.is_some() && tap.finished, "{body}");
    tap.other_tier
}

fn streamed(dialect: Dialect, events: &[Value]) -> bool {
    let mut tap = Tap::default();
    for event in events {
        let name = event["type"].as_str().unwrap_or_default();
        codec(dialect).tap_event(name.as_bytes(), event.to_string().as_bytes(), &mut tap);
    }
    assert!(tap.usage.is_some(), "{events:?}");
    tap.other_tier
}

/// Words and whether they stand for another tier than the usual one.
fn words() -> [(Value, bool); 8] {
    [
        (json!(null), false),
        (json!("default"), false),
        (json!("standard"), false),
        (json!("auto"), false),
        (json!("flex"), true),
        (json!("priority"), true),
        (json!("batch"), true),
        (json!("some-new-one"), true),
    ]
}

#[test]
fn chat_answers_say_it_wherever_it_stands() {
    let usage = json!({ "prompt_tokens": 1, "completion_tokens": 1 });
    let choices = json!([{ "index": 0, "message": { "content": "\"service_tier\":\"flex\"" }, "finish_reason": "stop" }]);
    for (tier, other) in words() {
        let delta = json!([{ "index": 0, "delta": { "content": "a" }, "finish_reason": null }]);
        for body in [
            json!({ "id": "1", "model": "m", "choices": choices, "usage": usage, "service_tier": tier }),
            json!({ "id": "1", "service_tier": tier, "model": "m", "choices": choices, "usage": usage }),
            json!({ "id": "1", "model": "m", "choices": choices, "service_tier": tier, "usage": usage }),
        ] {
            assert_eq!(whole(Dialect::OpenAiChat, &body), other, "{body}");
        }
        let chunk = |choices: &Value, usage: &Value| json!({ "id": "1", "model": "m", "choices": choices, "service_tier": tier, "usage": usage });
        let events = [chunk(&delta, &json!(null)), chunk(&delta, &json!(null)), chunk(&json!([]), &usage)];
        assert_eq!(streamed(Dialect::OpenAiChat, &events), other, "{tier}");
    }
    let silent = json!({ "id": "1", "model": "m", "choices": choices, "usage": usage });
    assert!(!whole(Dialect::OpenAiChat, &silent));
}

#[test]
fn the_other_dialects_say_it_in_places_of_their_own() {
    for (tier, other) in words() {
        let usage = json!({ "input_tokens": 1, "output_tokens": 1, "service_tier": tier });
        let message = json!({ "id": "1", "type": "message", "model": "m", "content": [{ "type": "text", "text": "a" }],
            "stop_reason": "end_turn", "usage": usage });
        assert_eq!(whole(Dialect::AnthropicMessages, &message), other, "{tier}");
        let events = [
            json!({ "type": "message_start", "message": message }),
            json!({ "type": "message_delta", "delta": { "stop_reason": "end_turn" }, "usage": { "output_tokens": 2 } }),
        ];
        assert_eq!(streamed(Dialect::AnthropicMessages, &events), other, "{tier}");

        // A client's own words come back in the answer, and say nothing.
        let response = json!({ "id": "1", "model": "m", "status": "completed", "metadata": { "service_tier": "flex" },
            "output": [], "usage": { "input_tokens": 1, "output_tokens": 1 }, "service_tier": tier });
        assert_eq!(whole(Dialect::OpenAiResponses, &response), other, "{tier}");
        let events = [json!({ "type": "response.completed", "response": response })];
        assert_eq!(streamed(Dialect::OpenAiResponses, &events), other, "{tier}");

        let said = json!({ "type": tier });
        let usage = json!({ "inputTokens": 1, "outputTokens": 1, "totalTokens": 2 });
        let body = json!({ "output": { "message": { "role": "assistant", "content": [{ "text": "a" }] } },
            "stopReason": "end_turn", "usage": usage, "serviceTier": said });
        assert_eq!(whole(Dialect::BedrockConverse, &body), other, "{tier}");
        let mut tap = Tap::default();
        let metadata = json!({ "usage": usage, "serviceTier": said });
        codec(Dialect::BedrockConverse).tap_event(b"metadata", metadata.to_string().as_bytes(), &mut tap);
        assert_eq!(tap.other_tier, other, "{tier}");

        for member in ["serviceTier", "trafficType"] {
            let said = tier.as_str().map(str::to_uppercase);
            let body = json!({ "candidates": [{ "content": { "parts": [{ "text": "a" }] }, "finishReason": "STOP" }],
                "usageMetadata": { "promptTokenCount": 1, "candidatesTokenCount": 1, member: said } });
            assert_eq!(whole(Dialect::Gemini, &body), other, "{tier}");
            assert_eq!(streamed(Dialect::Gemini, &[body]), other, "{tier}");
        }
    }
}
