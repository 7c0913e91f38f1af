//! Clients of OpenAI's Responses API: whole answers, the growth of streamed ones, errors.

use Dialect::{AnthropicMessages as Anthropic, OpenAiChat as Chat, OpenAiResponses as Responses};
use serde_json::{Value, json};
use yumen_llm::dialects::{AnswerContext, Dialect, ErrorFacts, ErrorKind, codec};
use yumen_llm::ir::{self, StreamEvent};

use crate::support::{
    answer, anthropic_answer, context, convert, decode, encode, fixtures, frames, openai_answer, payloads,
    request, stream, streamed,
};

/// Members of the response object that client libraries want to find.
const MEMBERS: [&str; 32] = [
    "id",
    "object",
    "created_at",
    "status",
    "background",
    "completed_at",
    "error",
    "frequency_penalty",
    "incomplete_details",
    "instructions",
    "max_output_tokens",
    "max_tool_calls",
    "model",
    "output",
    "parallel_tool_calls",
    "presence_penalty",
    "previous_response_id",
    "prompt_cache_key",
    "reasoning",
    "safety_identifier",
    "service_tier",
    "store",
    "temperature",
    "text",
    "tool_choice",
    "tools",
    "top_logprobs",
    "top_p",
    "truncation",
    "usage",
    "user",
    "metadata",
];

#[test]
fn pitfall_30_a_whole_answer_has_every_member_that_client_libraries_want() {
    let message = json!({"role":"assistant","content":"Hi","reasoning_content":"hm"});
    let said = answer(Chat, Responses, &openai_answer(message, "stop"));
    let names: Vec<&str> = said.as_object().expect("an object").keys().map(String::as_str).collect();
    for name in MEMBERS {
        assert!(names.contains(&name), "{name} is missing: {names:?}");
    }
    assert_eq!(
        said["output"],
        json!([
            {"id":"rs_gen-1_0","type":"reasoning","summary":[{"type":"summary_text","text":"hm"}]},
            {"id":"msg_gen-1_1","type":"message","status":"completed","role":"assistant","content":[{"type":"output_text","text":"Hi","annotations":[],"logprobs":[]}]}
        ])
    );
    assert_eq!(
        said["usage"],
        json!({"input_tokens":9,"input_tokens_details":{"cached_tokens":0,"cache_write_tokens":0},"output_tokens":3,"output_tokens_details":{"reasoning_tokens":0},"total_tokens":12})
    );
    assert_eq!((&said["id"], &said["status"]), (&json!("resp_gen-1"), &json!("completed")));
    let mut uncounted = openai_answer(json!({"role":"assistant","content":"Hi"}), "stop");
    uncounted["usage"] = Value::Null;
    assert_eq!(answer(Chat, Responses, &uncounted)["usage"]["input_tokens_details"]["cached_tokens"], 0);
}

#[test]
fn why_an_answer_ended_is_its_status() {
    let text = || json!([{"type":"text","text":"a"}]);
    for (stop, status, reason, item) in [
        ("end_turn", "completed", Value::Null, "completed"),
        ("stop_sequence", "completed", Value::Null, "completed"),
        ("tool_use", "completed", Value::Null, "completed"),
        ("max_tokens", "incomplete", json!({"reason":"max_output_tokens"}), "incomplete"),
        ("model_context_window_exceeded", "incomplete", json!({"reason":"max_output_tokens"}), "incomplete"),
        ("refusal", "incomplete", json!({"reason":"content_filter"}), "incomplete"),
    ] {
        let said = answer(Anthropic, Responses, &anthropic_answer(text(), stop));
        assert_eq!((&said["status"], &said["incomplete_details"]), (&json!(status), &reason), "{stop}");
        assert_eq!(said["output"][0]["status"], item, "{stop}");
    }
    let refused = openai_answer(json!({"role":"assistant","content":null,"refusal":"No."}), "stop");
    let said = answer(Chat, Responses, &refused);
    assert_eq!(said["status"], "completed", "a refusal in words is an answer");
    assert_eq!(said["output"][0]["content"], json!([{"type":"refusal","refusal":"No."}]));
    let failed = answer(Chat, Responses, &openai_answer(json!({"role":"assistant","content":"a"}), "error"));
    assert_eq!((&failed["status"], &failed["error"]["code"]), (&json!("failed"), &json!("server_error")));
}

/// What is known of an item while its stream is followed.
#[derive(Default)]
struct Followed {
    item: Value,
    /// Text of each part, as the deltas tell it.
    parts: Vec<String>,
    done: Option<Value>,
}

/// Follows a stream as the strictest client would; returns the last event.
fn follow(case: &str, said: &str) -> Value {
    let mut items: Vec<Followed> = Vec::new();
    let mut last = Value::Null;
    for (number, (name, data)) in frames([said.as_bytes()]).into_iter().enumerate() {
        let event: Value = serde_json::from_slice(&data).expect("JSON");
        let kind = event["type"].as_str().expect("a type").to_owned();
        assert_eq!(name, kind.as_bytes(), "{case}");
        assert_eq!(event["sequence_number"], number, "{case}: {event}");
        if let Some(response) = event.get("response") {
            assert_eq!(response.as_object().expect("an object").len(), MEMBERS.len(), "{case}");
            assert!(number == 0 || response["id"] == last["response_id"], "{case}: {response}");
        }
        let response_id = event.pointer("/response/id").or(last.get("response_id")).cloned();
        follow_event(case, &kind, &event, &mut items);
        last = event;
        last["response_id"] = response_id.unwrap_or_default();
    }
    if ["response.completed", "response.incomplete"].map(Value::from).contains(&last["type"]) {
        let done: Vec<Value> = items.into_iter().map(|item| item.done.expect("done")).collect();
        assert_eq!(last["response"]["output"], Value::Array(done), "{case}");
        assert!(last["response"]["usage"]["input_tokens_details"]["cached_tokens"].is_u64(), "{case}");
        assert!(last["response"]["usage"]["output_tokens_details"]["reasoning_tokens"].is_u64(), "{case}");
    }
    last
}

fn follow_event(case: &str, kind: &str, event: &Value, items: &mut Vec<Followed>) {
    let index = event["output_index"].as_u64().map(|index| usize::try_from(index).expect("small"));
    let Some(index) = index else {
        assert!(
            kind.starts_with("response.") && event["response"].is_object() || kind == "error",
            "{case}: {event}"
        );
        return;
    };
    if kind == "response.output_item.added" {
        assert_eq!(index, items.len(), "{case}: items are numbered without gaps");
        items.push(Followed { item: event["item"].clone(), ..Followed::default() });
        return;
    }
    let followed = &mut items[index];
    assert!(followed.done.is_none(), "{case}: {event} after its item was done");
    if kind == "response.output_item.done" {
        for name in ["id", "type", "call_id", "name"] {
            assert_eq!(event["item"][name], followed.item[name], "{case}");
        }
        followed.done = Some(event["item"].clone());
        return;
    }
    assert_eq!(event["item_id"], followed.item["id"], "{case}: {event}");
    let part = event
        .get("content_index")
        .or(event.get("summary_index"))
        .map_or(0, |part| part.as_u64().expect("a number"));
    let part = usize::try_from(part).expect("small");
    let (what, stage) = kind.rsplit_once('.').expect("a stage");
    if what.ends_with(".annotation") {
        return;
    }
    if stage == "added" || followed.parts.len() <= part && what.ends_with("_call_arguments") {
        assert_eq!(part, followed.parts.len(), "{case}: parts are numbered without gaps");
        followed.parts.push(String::new());
    }
    if stage == "delta" {
        followed.parts[part].push_str(event["delta"].as_str().expect("a piece"));
    } else if stage == "done" && event.get("part").is_none() {
        let whole =
            ["text", "refusal", "arguments"].iter().find_map(|name| event.get(*name)).expect("the whole");
        assert_eq!(whole, &followed.parts[part], "{case}: the whole is what its pieces were");
    }
}

#[test]
fn pitfalls_33_and_42_every_stream_grows_as_strict_clients_want_it() {
    let mut seen = 0;
    for from in streamed().filter(|from| *from != Dialect::OpenAiCompletions) {
        for (case, text) in fixtures("streams", from) {
            let last = follow(&case, &convert(from, Responses, &text));
            assert!(last.get("response").is_some(), "{case}: {last}");
            seen += 1;
        }
    }
    assert!(seen > 55, "{seen}");
}

#[test]
fn pitfall_23_a_failed_response_tells_its_usage_and_what_was_said() {
    let last = follow("failed", &convert(Responses, Responses, &stream(Responses, "failed")));
    assert_eq!(
        (&last["type"], &last["response"]["usage"]["total_tokens"]),
        (&json!("response.failed"), &json!(13))
    );
    assert_eq!(last["response"]["output"][0]["status"], "incomplete", "what was said is in it");
}

/// The client's own word for a tool that takes free text.
fn with_custom_tool() -> AnswerContext {
    AnswerContext {
        own_tools: ir::OwnTools { custom: vec!["apply_patch".to_owned()], ..ir::OwnTools::default() },
        ..context()
    }
}

#[test]
fn calls_of_custom_tools_come_back_as_the_client_knows_them() {
    let arguments = r#"{"input":"patch \"a\"\n+b"}"#;
    let call = json!({"role":"assistant","content":null,"tool_calls":[{"id":"call_1","type":"function","function":{"name":"apply_patch","arguments":arguments}},{"id":"call_2","type":"function","function":{"name":"f","arguments":"{}"}}]});
    let body = openai_answer(call, "tool_calls");
    let whole = codec(Chat).decode_response(body.to_string().as_bytes()).expect("readable");
    let said: Value =
        serde_json::from_slice(&codec(Responses).encode_response(&whole, &with_custom_tool())).expect("JSON");
    let custom = json!({"id":"ctc_gen-1_0","type":"custom_tool_call","status":"completed","call_id":"call_1","name":"apply_patch","input":"patch \"a\"\n+b"});
    assert_eq!((&said["output"][0], &said["output"][1]["type"]), (&custom, &json!("function_call")));
    let ir::Response::Chat(whole) = whole else { panic!("a chat") };
    let events = payloads(&encode(Responses, &whole.into_events(), with_custom_tool()));
    let of =
        |kind: &str| events.iter().find(|event| event["type"] == kind).unwrap_or_else(|| panic!("{kind}"));
    assert_eq!(of("response.custom_tool_call_input.delta")["delta"], "patch \"a\"\n+b");
    assert_eq!(of("response.custom_tool_call_input.done")["input"], "patch \"a\"\n+b");
    assert_eq!(of("response.completed")["response"]["output"][0], custom);
    let request = codec(Responses)
        .decode_request(br#"{"model":"m","input":"x","tools":[{"type":"custom","name":"apply_patch"}]}"#)
        .expect("readable");
    let ir::Request::Chat(chat) = request else { panic!("a chat") };
    assert_eq!(chat.own_tools.custom, ["apply_patch"]);
}

/// Codex puts the tools of an MCP server into a namespace, and finds them by both names only.
#[test]
fn codex_gets_calls_of_mcp_tools_in_their_namespace() {
    let asked = json!({"model":"m","input":[
        {"role":"user","content":"x"},
        {"type":"function_call","call_id":"call_0","namespace":"mcp__gate","name":"weather","arguments":"{}"},
        {"type":"function_call_output","call_id":"call_0","output":"21 degrees"},
    ],"tools":[{"type":"namespace","name":"mcp__gate","description":"Tools of the gate.","tools":[
        {"type":"function","name":"weather","parameters":{"type":"object"}}, {"type":"custom","name":"say"}]}],
    "tool_choice":{"type":"function","namespace":"mcp__gate","name":"weather"}});
    let (sent, lossy) = request(Responses, Chat, &asked);
    assert_eq!(lossy, ["tools.namespace.description"]);
    let names: Vec<&Value> = (0..2).map(|tool| &sent["tools"][tool]["function"]["name"]).collect();
    assert_eq!(names, ["mcp__gate__weather", "mcp__gate__say"]);
    assert_eq!(sent["tool_choice"]["function"]["name"], "mcp__gate__weather");
    assert_eq!(sent["messages"][1]["tool_calls"][0]["function"]["name"], "mcp__gate__weather");
    // In its own dialect it is what it was.
    let (again, lossy) = request(Responses, Responses, &asked);
    assert!(lossy.is_empty(), "{lossy:?}");
    assert_eq!(again["tools"][0]["tools"][1], json!({"type":"custom","name":"say"}));
    assert_eq!(again["tools"][0]["name"], "mcp__gate");
    assert_eq!(again["tool_choice"], json!({"type":"function","name":"weather","namespace":"mcp__gate"}));
    assert_eq!(
        (&again["input"][1]["name"], &again["input"][1]["namespace"]),
        (&json!("weather"), &json!("mcp__gate"))
    );

    let read = codec(Responses).decode_request(asked.to_string().as_bytes()).expect("readable");
    let ir::Request::Chat(read) = read else { panic!("a chat") };
    let calls = json!({"role":"assistant","content":null,"tool_calls":[
        {"id":"call_1","type":"function","function":{"name":"mcp__gate__weather","arguments":"{}"}},
        {"id":"call_2","type":"function","function":{"name":"mcp__gate__say","arguments":"{\"input\":\"hi\"}"}}]});
    let body = openai_answer(calls, "tool_calls");
    let whole = codec(Chat).decode_response(body.to_string().as_bytes()).expect("readable");
    let known = || AnswerContext { own_tools: read.own_tools.clone(), ..context() };
    let said: Value =
        serde_json::from_slice(&codec(Responses).encode_response(&whole, &known())).expect("JSON");
    let ir::Response::Chat(whole) = whole else { panic!("a chat") };
    let events = payloads(&encode(Responses, &whole.into_events(), known()));
    let last = &events.last().expect("an end")["response"];
    for output in [&said["output"], &last["output"]] {
        let of = |item: usize| (&output[item]["type"], &output[item]["namespace"], &output[item]["name"]);
        assert_eq!(of(0), (&json!("function_call"), &json!("mcp__gate"), &json!("weather")));
        assert_eq!(of(1), (&json!("custom_tool_call"), &json!("mcp__gate"), &json!("say")));
        assert_eq!(output[1]["input"], "hi");
    }
}

#[test]
fn a_ping_tells_how_far_the_response_has_come() {
    let text = |text: &str| StreamEvent::Text { choice: 0, text: text.to_owned(), logprobs: None };
    let said = encode(
        Responses,
        &[StreamEvent::Ping, text("a"), StreamEvent::Ping, text("b"), StreamEvent::End],
        context(),
    );
    follow("ping", &said);
    let events = payloads(&said);
    let kinds: Vec<&str> = events.iter().map(|event| event["type"].as_str().expect("a type")).collect();
    assert_eq!(kinds[..3], ["response.created", "response.in_progress", "response.output_item.added"]);
    assert_eq!(kinds[5], "response.in_progress");
    // Client libraries take what it tells for all that there is: nothing of the answer may be missing.
    assert_eq!(events[5]["response"]["output"][0]["content"][0]["text"], "a");
    let back = decode(Responses, &[said.as_bytes()]);
    assert_eq!(back.iter().filter(|step| **step == StreamEvent::Ping).count(), 1);
}

#[test]
fn errors_are_events_before_the_response_and_part_of_it_after() {
    let facts = ErrorFacts {
        status: 503,
        kind: ErrorKind::Overloaded,
        message: "Busy.".into(),
        code: Some("overloaded_error".into()),
        param: None,
        metadata: None,
        request_id: None,
    };
    let expected = "event: error\ndata: {\"type\":\"error\",\"code\":\"overloaded_error\",\"message\":\"Busy.\",\"param\":null,\"sequence_number\":0}\n\n";
    assert_eq!(codec(Responses).encode_error_event(&facts), expected.as_bytes());
    let error = StreamEvent::Error(Box::new(facts.clone()));
    assert_eq!(encode(Responses, std::slice::from_ref(&error), context()), expected);
    let said = encode(Responses, &[StreamEvent::Start(Box::default()), error], context());
    let last = follow("error", &said);
    assert_eq!((&last["type"], &last["sequence_number"]), (&json!("response.failed"), &json!(2)));
    assert_eq!(last["response"]["error"], json!({"code":"server_error","message":"Busy."}));
    assert_eq!(last["response"]["usage"], Value::Null, "nothing was counted");
    for (kind, code, word) in [
        (ErrorKind::RateLimited, None, "rate_limit_exceeded"),
        (ErrorKind::PaymentRequired, None, "insufficient_quota"),
        (ErrorKind::InvalidRequest, Some("context_length_exceeded"), "context_length_exceeded"),
        (ErrorKind::InvalidRequest, Some("1301"), "invalid_prompt"),
        (ErrorKind::Server, Some("upstream_stream_truncated"), "server_error"),
    ] {
        let error = ErrorFacts { kind, code: code.map(str::to_owned), ..facts.clone() };
        let steps = [StreamEvent::Start(Box::default()), StreamEvent::Error(Box::new(error))];
        let last = payloads(&encode(Responses, &steps, context())).pop().expect("an event");
        assert_eq!(last["response"]["error"]["code"], word);
    }
}

#[test]
fn an_answer_too_large_to_be_told_again_is_failed() {
    let text = "a".repeat(1 << 20);
    let step = StreamEvent::Text { choice: 0, text, logprobs: None };
    let mut encoder = codec(Responses).stream_encoder(context());
    let mut out = Vec::new();
    for _ in 0..64 {
        out.clear();
        encoder.encode(&step, &mut out);
        assert!(!out.is_empty());
    }
    out.clear();
    encoder.encode(&StreamEvent::Text { choice: 0, text: "b".into(), logprobs: None }, &mut out);
    let text = String::from_utf8_lossy(&out);
    assert!(text.contains("event: response.failed\n") && text.contains("too large to be told whole"));
    out.clear();
    encoder.encode(&step, &mut out);
    encoder.finish(&mut out);
    assert!(out.is_empty(), "nothing follows");
}
