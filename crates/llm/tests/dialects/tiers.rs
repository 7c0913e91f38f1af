//! What an answer says of the tier at which it was served: the price list holds for the usual one.

use serde_json::{Value, json};
use yumen_llm::dialects::{Dialect, Tap, codec};
use yumen_llm::price::Tier;

fn whole(dialect: Dialect, body: &Value) -> Tier {
    let mut tap = Tap::default();
    codec(dialect).tap_response(body.to_string().as_bytes(), &mut tap);
    assert!(tap.usage.is_some() && tap.finished, "{body}");
    tap.tier
}

fn streamed(dialect: Dialect, events: &[Value]) -> Tier {
    let mut tap = Tap::default();
    for event in events {
        let name = event["type"].as_str().unwrap_or_default();
        codec(dialect).tap_event(name.as_bytes(), event.to_string().as_bytes(), &mut tap);
    }
    assert!(tap.usage.is_some(), "{events:?}");
    tap.tier
}

/// Words and the tiers that they stand for.
fn words() -> [(Value, Tier); 8] {
    [
        (json!(null), Tier::Usual),
        (json!("default"), Tier::Usual),
        (json!("standard"), Tier::Usual),
        (json!("auto"), Tier::Usual),
        (json!("flex"), Tier::Other),
        (json!("priority"), Tier::Other),
        (json!("batch"), Tier::Batch),
        (json!("some-new-one"), Tier::Other),
    ]
}

#[test]
fn chat_answers_say_it_wherever_it_stands() {
    let usage = json!({ "prompt_tokens": 1, "completion_tokens": 1 });
    let choices = json!([{ "index": 0, "message": { "content": "\"service_tier\":\"flex\"" }, "finish_reason": "stop" }]);
    for (tier, meant) in words() {
        let delta = json!([{ "index": 0, "delta": { "content": "a" }, "finish_reason": null }]);
        for body in [
            json!({ "id": "1", "model": "m", "choices": choices, "usage": usage, "service_tier": tier }),
            json!({ "id": "1", "service_tier": tier, "model": "m", "choices": choices, "usage": usage }),
            json!({ "id": "1", "model": "m", "choices": choices, "service_tier": tier, "usage": usage }),
        ] {
            assert_eq!(whole(Dialect::OpenAiChat, &body), meant, "{body}");
        }
        let chunk = |choices: &Value, usage: &Value| json!({ "id": "1", "model": "m", "choices": choices, "service_tier": tier, "usage": usage });
        let events = [chunk(&delta, &json!(null)), chunk(&delta, &json!(null)), chunk(&json!([]), &usage)];
        assert_eq!(streamed(Dialect::OpenAiChat, &events), meant, "{tier}");
    }
    let silent = json!({ "id": "1", "model": "m", "choices": choices, "usage": usage });
    assert_eq!(whole(Dialect::OpenAiChat, &silent), Tier::Usual);
}

#[test]
fn the_other_dialects_say_it_in_places_of_their_own() {
    for (tier, meant) in words() {
        let usage = json!({ "input_tokens": 1, "output_tokens": 1, "service_tier": tier });
        let message = json!({ "id": "1", "type": "message", "model": "m", "content": [{ "type": "text", "text": "a" }],
            "stop_reason": "end_turn", "usage": usage });
        assert_eq!(whole(Dialect::AnthropicMessages, &message), meant, "{tier}");
        let events = [
            json!({ "type": "message_start", "message": message }),
            json!({ "type": "message_delta", "delta": { "stop_reason": "end_turn" }, "usage": { "output_tokens": 2 } }),
        ];
        assert_eq!(streamed(Dialect::AnthropicMessages, &events), meant, "{tier}");

        // A client's own words come back in the answer, and say nothing.
        let response = json!({ "id": "1", "model": "m", "status": "completed", "metadata": { "service_tier": "flex" },
            "output": [], "usage": { "input_tokens": 1, "output_tokens": 1 }, "service_tier": tier });
        assert_eq!(whole(Dialect::OpenAiResponses, &response), meant, "{tier}");
        let events = [json!({ "type": "response.completed", "response": response })];
        assert_eq!(streamed(Dialect::OpenAiResponses, &events), meant, "{tier}");

        let said = json!({ "type": tier });
        let usage = json!({ "inputTokens": 1, "outputTokens": 1, "totalTokens": 2 });
        let body = json!({ "output": { "message": { "role": "assistant", "content": [{ "text": "a" }] } },
            "stopReason": "end_turn", "usage": usage, "serviceTier": said });
        assert_eq!(whole(Dialect::BedrockConverse, &body), meant, "{tier}");
        let mut tap = Tap::default();
        let metadata = json!({ "usage": usage, "serviceTier": said });
        codec(Dialect::BedrockConverse).tap_event(b"metadata", metadata.to_string().as_bytes(), &mut tap);
        assert_eq!(tap.tier, meant, "{tier}");

        for member in ["serviceTier", "trafficType"] {
            let said = tier.as_str().map(str::to_uppercase);
            let body = json!({ "candidates": [{ "content": { "parts": [{ "text": "a" }] }, "finishReason": "STOP" }],
                "usageMetadata": { "promptTokenCount": 1, "candidatesTokenCount": 1, member: said } });
            assert_eq!(whole(Dialect::Gemini, &body), meant, "{tier}");
            assert_eq!(streamed(Dialect::Gemini, &[body]), meant, "{tier}");
        }
    }
}
