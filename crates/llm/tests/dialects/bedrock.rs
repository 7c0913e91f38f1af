//! Converse: what is peculiar to it.

use serde_json::{Value, json};
use yumen_llm::dialects::Dialect::{AnthropicMessages, BedrockConverse, OpenAiChat};
use yumen_llm::dialects::{ErrorKind, Tap, Target, Thinking, codec};
use yumen_llm::ir::StreamEvent;

use crate::support::{answer, decode, frames_of, request, request_for, wire};

const CLAUDE: &str = "us.anthropic.claude-sonnet-4-5-20250929-v1:0";

fn target(model: &str, thinking: Thinking) -> Target<'_> {
    Target { model, thinking, max_output: Some(8192), ..Target::default() }
}

fn ask(more: &Value) -> Value {
    let mut body = json!({ "model": "m", "messages": [{ "role": "user", "content": "Hi" }] });
    more.as_object().expect("an object").iter().for_each(|(name, value)| body[name] = value.clone());
    body
}

#[test]
fn what_only_one_makers_models_take_is_said_in_its_words() {
    let asked = ask(&json!({ "max_tokens": 4096, "top_k": 40, "reasoning_effort": "low", "temperature": 1 }));
    for (model, thinking, additional, lost) in [
        (
            CLAUDE,
            Thinking::Budget,
            json!({ "thinking": { "type": "enabled", "budget_tokens": 1024 } }),
            vec!["top_k"],
        ),
        (
            CLAUDE,
            Thinking::Adaptive,
            json!({ "thinking": { "type": "adaptive", "display": "summarized" }, "output_config": { "effort": "low" } }),
            vec!["top_k"],
        ),
        (
            "amazon.nova-2-lite-v1:0",
            Thinking::Budget,
            json!({ "inferenceConfig": { "topK": 40 },
                    "reasoningConfig": { "type": "enabled", "maxReasoningEffort": "low" } }),
            vec![],
        ),
        (
            "amazon.nova-pro-v1:0",
            Thinking::Budget,
            json!({ "inferenceConfig": { "topK": 40 } }),
            vec!["reasoning"],
        ),
        ("openai.gpt-oss-120b-1:0", Thinking::Budget, json!({ "reasoning_effort": "low" }), vec!["top_k"]),
        ("meta.llama3-3-70b-instruct-v1:0", Thinking::Budget, Value::Null, vec!["reasoning", "top_k"]),
    ] {
        let (sent, lossy) = request_for(&target(model, thinking), OpenAiChat, BedrockConverse, &asked);
        assert_eq!(sent["additionalModelRequestFields"], additional, "{model}");
        assert_eq!(lossy, lost, "{model}");
        assert_eq!(sent["inferenceConfig"]["maxTokens"], 4096, "{model}");
        assert_eq!((sent.get("model"), sent.get("stream")), (None, None), "both stand in the path");
    }
    let plain = ask(&json!({ "top_k": 40, "reasoning_effort": "high" }));
    let (sent, _) = request_for(&target(CLAUDE, Thinking::Budget), OpenAiChat, BedrockConverse, &plain);
    assert_eq!(sent["inferenceConfig"]["maxTokens"], 8192, "a budget needs a limit");
    let (sent, lossy) = request_for(
        &target("amazon.nova-2-lite-v1:0", Thinking::Budget),
        OpenAiChat,
        BedrockConverse,
        &asked_high(),
    );
    assert_eq!(sent["additionalModelRequestFields"]["reasoningConfig"]["maxReasoningEffort"], "medium");
    assert_eq!(lossy, ["reasoning.effort"], "the highest takes no limit");
}

fn asked_high() -> Value {
    ask(&json!({ "max_tokens": 4096, "reasoning_effort": "high" }))
}

#[test]
fn a_clients_own_fields_for_the_model_are_sent_but_not_twice() {
    let own = json!({ "additionalModelRequestFields": { "thinking": 1, "anthropic_beta": ["a"] },
                      "guardrailConfig": { "guardrailIdentifier": "g" }, "reasoning_effort": "low", "max_tokens": 4096,
                      "other": 1 });
    let (sent, lossy) =
        request_for(&target(CLAUDE, Thinking::Budget), OpenAiChat, BedrockConverse, &ask(&own));
    let fields = json!({ "thinking": { "type": "enabled", "budget_tokens": 1024 }, "anthropic_beta": ["a"] });
    assert_eq!(sent["additionalModelRequestFields"], fields);
    assert_eq!(sent["guardrailConfig"], json!({ "guardrailIdentifier": "g" }));
    assert_eq!(lossy, ["other"]);
}

#[test]
fn a_conversation_that_holds_calls_always_offers_tools() {
    let call =
        json!({ "id": "call|1", "type": "function", "function": { "name": "weather", "arguments": "{}" } });
    let turns = json!([{ "role": "user", "content": "Hi" }, { "role": "assistant", "tool_calls": [call] },
                       { "role": "tool", "tool_call_id": "call|1", "content": "21" }]);
    let (sent, lossy) = request(OpenAiChat, BedrockConverse, &json!({ "model": "m", "messages": turns }));
    assert_eq!(sent["toolConfig"]["tools"][0]["toolSpec"]["name"], "weather");
    assert_eq!(lossy, Vec::<String>::new());
    let id = &sent["messages"][1]["content"][0]["toolUse"]["toolUseId"];
    assert_eq!(
        id, &sent["messages"][2]["content"][0]["toolResult"]["toolUseId"],
        "an id is cleaned the same way"
    );
    assert!(id.as_str().is_some_and(|id| id.len() <= 64 && !id.contains('|')), "{id}");

    let tools = json!([{ "type": "function", "function": { "name": "weather" } }]);
    let none = json!({ "model": "m", "messages": turns, "tools": tools, "tool_choice": "none" });
    let (sent, lossy) = request(OpenAiChat, BedrockConverse, &none);
    assert_eq!((sent["toolConfig"].get("toolChoice"), lossy), (None, vec!["tool_choice".to_owned()]));
    let (sent, lossy) =
        request(OpenAiChat, BedrockConverse, &ask(&json!({ "tools": tools, "tool_choice": "none" })));
    assert_eq!(
        (sent.get("toolConfig"), lossy),
        (None, vec![]),
        "nothing can be called where nothing is offered"
    );
}

#[test]
fn the_whole_prompt_is_marked_behind_its_last_block() {
    let body = json!({ "model": "m", "max_tokens": 9, "cache_control": { "type": "ephemeral", "ttl": "1h" },
                       "messages": [{ "role": "user", "content": "Hi" }] });
    let (sent, lossy) = request(AnthropicMessages, BedrockConverse, &body);
    let point = json!({ "cachePoint": { "type": "default", "ttl": "1h" } });
    assert_eq!(sent["messages"][0]["content"], json!([{ "text": "Hi" }, point]));
    assert_eq!(lossy, Vec::<String>::new());
}

fn whole(content: &Value, stop: &str) -> Value {
    json!({ "output": { "message": { "role": "assistant", "content": content } }, "stopReason": stop,
            "usage": { "inputTokens": 9, "outputTokens": 3, "totalTokens": 12 }, "metrics": { "latencyMs": 412 } })
}

#[test]
fn answers_are_read_whatever_the_model_leaves_out() {
    let call = json!([{ "toolUse": { "toolUseId": "t", "name": "f", "input": { "a": 1.0 } } }]);
    let said = answer(BedrockConverse, OpenAiChat, &whole(&call, "end_turn"));
    assert_eq!(said["choices"][0]["finish_reason"], "tool_calls", "not every model says so");
    assert_eq!(said["choices"][0]["message"]["tool_calls"][0]["function"]["arguments"], r#"{"a":1.0}"#);
    let cited = json!([{ "text": "So " }, { "citationsContent": { "content": [{ "text": "it is." }], "citations": [] } }]);
    let said = answer(BedrockConverse, OpenAiChat, &whole(&cited, "end_turn"));
    assert_eq!(said["choices"][0]["message"]["content"], "So it is.");
    for (word, finish) in [
        ("max_tokens", "length"),
        ("stop_sequence", "stop"),
        ("guardrail_intervened", "content_filter"),
        ("content_filtered", "content_filter"),
        ("model_context_window_exceeded", "length"),
        ("brand_new", "stop"),
    ] {
        let said = answer(BedrockConverse, OpenAiChat, &whole(&json!([{ "text": "a" }]), word));
        assert_eq!(said["choices"][0]["finish_reason"], finish, "{word}");
    }
    for broken in [json!({}), json!({ "output": {} }), json!({ "output": { "message": { "content": 1 } } })] {
        assert!(codec(BedrockConverse).decode_response(broken.to_string().as_bytes()).is_err(), "{broken}");
    }
    let mut tap = Tap::default();
    codec(BedrockConverse).tap_response(whole(&cited, "end_turn").to_string().as_bytes(), &mut tap);
    assert_eq!((tap.output_bytes, tap.finish_reason.as_deref()), (9, Some("end_turn")));
    assert_eq!(tap.usage.map(|usage| (usage.input, usage.output)), Some((9, 3)));
}

#[test]
fn errors_are_those_of_amazon() {
    let read = |status, body: &str| {
        let facts = codec(BedrockConverse).decode_error(status, body.as_bytes());
        (facts.status, facts.kind, facts.message)
    };
    for (status, body, expected) in [
        (429, r#"{"message":"Too many requests"}"#, (429, ErrorKind::RateLimited, "Too many requests")),
        (403, r#"{"Message":"not authorized"}"#, (403, ErrorKind::PermissionDenied, "not authorized")),
        (
            400,
            r#"{"message":"blank","__type":"ValidationException"}"#,
            (400, ErrorKind::InvalidRequest, "blank"),
        ),
        (424, r#"{"message":"m","originalStatusCode":429}"#, (429, ErrorKind::RateLimited, "m")),
        (424, r#"{"message":"m","originalStatusCode":200}"#, (502, ErrorKind::Server, "m")),
        (424, "oops", (502, ErrorKind::Server, "oops")),
    ] {
        assert_eq!(read(status, body), (expected.0, expected.1, expected.2.to_owned()), "{status} {body}");
    }
}

#[test]
fn every_exception_within_a_stream_has_the_status_it_would_have_had() {
    for (name, status, kind) in [
        ("throttlingException", 429, ErrorKind::RateLimited),
        ("validationException", 400, ErrorKind::InvalidRequest),
        ("internalServerException", 500, ErrorKind::Server),
        ("modelStreamErrorException", 500, ErrorKind::Server),
        ("serviceUnavailableException", 529, ErrorKind::Overloaded),
        ("modelTimeoutException", 504, ErrorKind::Timeout),
        ("brandNewException", 500, ErrorKind::Server),
    ] {
        let stream =
            wire(BedrockConverse, &format!("event: !{name}\ndata: {{\"message\":\"Because.\"}}\n\n"));
        let mut tap = Tap::default();
        for (event, data) in frames_of(BedrockConverse, &[&stream]) {
            codec(BedrockConverse).tap_event(&event, &data, &mut tap);
        }
        let steps = decode(BedrockConverse, &[&stream]);
        let [StreamEvent::Error(facts)] = steps.as_slice() else { panic!("{steps:?}") };
        assert_eq!((facts.status, facts.kind, facts.message.as_str()), (status, kind, "Because."), "{name}");
        assert_eq!(tap.error.as_ref(), Some(facts));
    }
}

#[test]
fn too_many_blocks_and_calls_break_a_stream() {
    let mut decoder = codec(BedrockConverse).stream_decoder();
    let mut steps = Vec::new();
    let mut feed = |number: u64| {
        let start =
            json!({ "contentBlockIndex": number, "start": { "toolUse": { "toolUseId": "t", "name": "f" } } });
        decoder.decode(b"contentBlockStart", start.to_string().as_bytes(), &mut steps)
    };
    let broken = (0..5000).find_map(|number| feed(number).err());
    assert_eq!(broken.expect("a limit").message, "the stream has too many calls");
}
