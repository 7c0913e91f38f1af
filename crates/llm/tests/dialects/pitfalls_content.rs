//! The known ways in which gateways get translation wrong, one test each; numbers are those of the project's list.
//! Here: tools, reasoning, order, fidelity.

use crate::support::{
    answer, anthropic_answer, context, convert, decode, fixtures, openai_answer, payloads, request, stream,
};
use Dialect::{AnthropicMessages as Anthropic, OpenAiChat as OpenAi};
use serde_json::{Value, json};
use yumen_llm::dialects::{Dialect, Target, codec};
use yumen_llm::ir::{self, Content, FinishReason, StreamEvent};

#[test]
fn pitfall_31_tools_without_arguments_have_an_empty_object() {
    let chunks = payloads(&convert(Anthropic, OpenAi, &stream(Anthropic, "thinking_and_tools")));
    let mut arguments = vec![String::new(); 3];
    for call in chunks.iter().filter_map(|chunk| chunk.pointer("/choices/0/delta/tool_calls/0")) {
        let index = call["index"].as_u64().expect("an index") as usize;
        arguments[index].push_str(call["function"]["arguments"].as_str().expect("a string"));
    }
    assert_eq!(
        arguments,
        [r#"{"city": "Dunhuang"}"#, "{}", "{}"],
        "and no empty object stands before real arguments"
    );
    let said = answer(
        Anthropic,
        OpenAi,
        &anthropic_answer(json!([{"type":"tool_use","id":"t","name":"f","input":{}}]), "tool_use"),
    );
    assert_eq!(said["choices"][0]["message"]["tool_calls"][0]["function"]["arguments"], "{}");
    for arguments in ["", "{}", " ", "null"] {
        let call = json!({"role":"assistant","content":null,"tool_calls":[{"id":"c","type":"function","function":{"name":"f","arguments":arguments}}]});
        assert_eq!(
            answer(OpenAi, Anthropic, &openai_answer(call, "tool_calls"))["content"][0]["input"],
            json!({})
        );
    }
}

#[test]
fn pitfall_32_the_role_stands_in_the_first_delta_only() {
    for (case, text) in fixtures("streams", Anthropic) {
        let chunks = payloads(&convert(Anthropic, OpenAi, &text));
        let deltas: Vec<&Value> =
            chunks.iter().filter_map(|chunk| chunk.pointer("/choices/0/delta")).collect();
        let roles: Vec<bool> = deltas.iter().map(|delta| delta.get("role").is_some()).collect();
        assert!(roles[0] && roles[1..].iter().all(|role| !role), "{case}: {roles:?}");
    }
}

#[test]
fn pitfall_33_tool_numbers_are_contiguous_from_zero_whatever_the_blocks_are() {
    for (from, case, count) in [
        (Anthropic, "thinking_and_tools", 3),
        (OpenAi, "tools_odd_numbers", 2),
        (OpenAi, "tools_whole_same_index", 2),
    ] {
        let chunks = payloads(&convert(from, OpenAi, &stream(from, case)));
        let starts: Vec<u64> = chunks
            .iter()
            .filter_map(|chunk| chunk.pointer("/choices/0/delta/tool_calls/0"))
            .filter(|call| call.get("id").is_some())
            .map(|call| call["index"].as_u64().expect("an index"))
            .collect();
        assert_eq!(starts, (0..count).collect::<Vec<u64>>(), "{case}");
    }
}

#[test]
fn pitfall_34_a_plain_stop_after_tool_calls_still_runs_the_tools() {
    let call = json!({"role":"assistant","content":null,"tool_calls":[{"id":"c","type":"function","function":{"name":"f","arguments":"{}"}}]});
    assert_eq!(answer(OpenAi, Anthropic, &openai_answer(call, "stop"))["stop_reason"], "tool_use");
    let said = convert(OpenAi, Anthropic, &stream(OpenAi, "tools_whole_same_index"));
    assert!(said.contains("\"stop_reason\":\"tool_use\""), "{said}");
}

#[test]
fn pitfall_35_empty_content_between_tool_deltas_opens_no_block() {
    let said = payloads(&convert(OpenAi, Anthropic, &stream(OpenAi, "tools_odd_numbers")));
    let kinds: Vec<&Value> = said
        .iter()
        .filter(|event| event["type"] == "content_block_start")
        .map(|event| &event["content_block"]["type"])
        .collect();
    assert_eq!(kinds, ["tool_use", "tool_use"]);
}

#[test]
fn pitfall_36_each_delta_is_sent_on_as_it_comes() {
    for (from, to, case) in [(Anthropic, OpenAi, "thinking_and_tools"), (OpenAi, Anthropic, "tools_parallel")]
    {
        let mut decoder = codec(from).stream_decoder();
        let mut encoder = codec(to).stream_encoder(context());
        for (event, data) in crate::support::frames([stream(from, case).as_bytes()]) {
            let (mut steps, mut out) = (Vec::new(), Vec::new());
            decoder.decode(&event, &data, &mut steps).expect("readable");
            steps.iter().for_each(|step| encoder.encode(step, &mut out));
            let text = String::from_utf8_lossy(&data);
            let content =
                ["\"partial_json\":\"{", "\"text_delta\"", "\"arguments\":\"{", "\"arguments\":\"ty"]
                    .iter()
                    .any(|mark| text.contains(mark));
            assert!(!content || !out.is_empty(), "{case}: held back {text}");
        }
    }
}

#[test]
fn pitfall_36_arguments_cut_off_by_the_limit_are_flagged_as_length() {
    assert!(
        convert(Anthropic, OpenAi, &stream(Anthropic, "tool_truncated"))
            .contains("\"finish_reason\":\"length\"")
    );
    assert!(
        convert(OpenAi, Anthropic, &stream(OpenAi, "tool_truncated"))
            .contains("\"stop_reason\":\"max_tokens\"")
    );
    let call = json!({"role":"assistant","content":null,"tool_calls":[{"id":"c","type":"function","function":{"name":"f","arguments":"{\"text\":\"once"}}]});
    let said = answer(OpenAi, Anthropic, &openai_answer(call, "length"));
    assert_eq!(said["stop_reason"], "max_tokens");
    assert_eq!(
        said["content"][0]["input"],
        json!({"raw_arguments":"{\"text\":\"once"}),
        "an input is an object, and nothing is lost"
    );
}

#[test]
fn pitfall_36_interleaved_calls_become_one_block_after_the_other() {
    let said = payloads(&convert(OpenAi, Anthropic, &stream(OpenAi, "tools_interleaved")));
    let mut arguments = [String::new(), String::new()];
    for event in said.iter().filter(|event| event["type"] == "content_block_delta") {
        arguments[event["index"].as_u64().expect("an index") as usize]
            .push_str(event["delta"]["partial_json"].as_str().expect("a piece"));
    }
    assert_eq!(arguments, [r#"{"a":1}"#, r#"{"b":2}"#]);
}

#[test]
fn pitfall_37_the_finish_chunk_has_a_delta() {
    let chunks = payloads(&convert(Anthropic, OpenAi, &stream(Anthropic, "text")));
    let last =
        chunks.iter().find(|chunk| chunk["choices"][0]["finish_reason"].is_string()).expect("a finish");
    assert_eq!(last["choices"][0]["delta"], json!({}));
    for chunk in chunks.iter().filter(|chunk| chunk["choices"] != json!([])) {
        assert!(chunk["choices"][0].get("finish_reason").is_some(), "null is said, not left out");
        assert!(chunk.get("system_fingerprint").is_none_or(Value::is_string));
    }
}

#[test]
fn pitfall_39_reasoning_is_understood_in_every_spelling_and_survives_turns() {
    let spellings = [
        json!({"role":"assistant","content":"4","reasoning_content":"two and two"}),
        json!({"role":"assistant","content":"4","reasoning":"two and two"}),
        json!({"role":"assistant","content":"4","reasoning_content":[{"type":"text","text":"two and two"}]}),
        json!({"role":"assistant","content":[{"type":"thinking","thinking":[{"type":"text","text":"two and two"}]},{"type":"text","text":"4"}]}),
        json!({"role":"assistant","content":"4","reasoning":"two and two","reasoning_details":[{"type":"reasoning.text","text":"two and two"}]}),
        json!({"role":"assistant","content":"4","reasoning_details":[{"type":"reasoning.summary","summary":"two and two"}]}),
    ];
    for message in spellings {
        let said = answer(OpenAi, Anthropic, &openai_answer(message.clone(), "stop"));
        let expected =
            json!([{"type":"thinking","thinking":"two and two","signature":""},{"type":"text","text":"4"}]);
        assert_eq!(said["content"], expected, "{message}");
        // The client sends it back, and the next upstream is told.
        let turn = json!({"model":"x","max_tokens":9,"messages":[{"role":"user","content":"2+2"},{"role":"assistant","content":said["content"]},{"role":"user","content":"sure?"}]});
        let (sent, _) = request(Anthropic, OpenAi, &turn);
        assert_eq!(sent["messages"][1]["reasoning_content"], "two and two");
    }
    for case in ["reasoning_content", "reasoning_blocks", "reasoning_details"] {
        let steps = decode(OpenAi, &[stream(OpenAi, case).as_bytes()]);
        assert!(matches!(steps.get(1), Some(StreamEvent::Thinking { .. })), "{case}: {steps:?}");
    }
}

#[test]
fn pitfall_40_signatures_stay_with_their_block_and_order_is_kept() {
    let content = json!([
        {"type":"text","text":"First."},
        {"type":"thinking","thinking":"one","signature":"S1"},
        {"type":"redacted_thinking","data":"c2VhbGVk"},
        {"type":"thinking","thinking":"two","signature":"S2"},
        {"type":"tool_use","id":"toolu_1","name":"f","input":{"a":1}}
    ]);
    let said = answer(Anthropic, OpenAi, &anthropic_answer(content.clone(), "tool_use"));
    let message = &said["choices"][0]["message"];
    assert_eq!(message["reasoning_content"], "onetwo");
    let turn = json!({"model":"x","messages":[{"role":"user","content":"go"},message,{"role":"tool","tool_call_id":"toolu_1","content":"ok"}],"reasoning":{"max_tokens":2000}});
    let (sent, lossy) = request(OpenAi, Anthropic, &turn);
    assert_eq!(sent["messages"][1]["content"], content);
    assert_eq!(lossy, Vec::<String>::new());
}

#[test]
fn pitfall_40_unsigned_and_foreign_reasoning_does_not_reach_claude() {
    let details = json!([{"type":"reasoning.encrypted","data":"abc","format":"openai-responses-v1","index":0},{"type":"reasoning.text","text":"mine","index":1}]);
    let turn = json!({"model":"x","messages":[{"role":"user","content":"go"},{"role":"assistant","content":"ok","reasoning_details":details},{"role":"user","content":"on"}]});
    let (sent, lossy) = request(OpenAi, Anthropic, &turn);
    assert_eq!(sent["messages"][1], json!({"role":"assistant","content":"ok"}));
    assert_eq!(lossy, ["messages.content.redacted_thinking", "messages.content.thinking"]);
}

#[test]
fn pitfall_40_the_budget_is_less_than_the_limit_and_at_least_the_least() {
    let ask = |body: Value| {
        let mut whole = json!({"model":"x","messages":[{"role":"user","content":"go"}]});
        whole.as_object_mut().expect("an object").extend(body.as_object().expect("an object").clone());
        request(OpenAi, Anthropic, &whole)
    };
    for (effort, budget) in
        [("max", 9500), ("xhigh", 9500), ("high", 8000), ("medium", 5000), ("low", 2000), ("minimal", 1024)]
    {
        let (sent, _) = ask(json!({"reasoning_effort":effort,"max_tokens":10_000}));
        assert_eq!(sent["thinking"], json!({"type":"enabled","budget_tokens":budget}), "{effort}");
    }
    let (sent, _) = ask(json!({"reasoning":{"max_tokens":50_000},"max_tokens":3000}));
    assert_eq!(sent["thinking"]["budget_tokens"], 2999);
    let (sent, lossy) = ask(json!({"reasoning_effort":"high","max_tokens":1024}));
    assert_eq!(
        (sent.get("thinking"), lossy.as_slice()),
        (None, ["reasoning".to_owned()].as_slice()),
        "no room to think"
    );
    let (sent, _) = ask(json!({"reasoning_effort":"medium"}));
    assert_eq!(
        (&sent["max_tokens"], &sent["thinking"]["budget_tokens"]),
        (&json!(8192), &json!(4096)),
        "the model's limit stands in"
    );
}

#[test]
fn pitfall_43_anthropic_events_come_in_the_one_order() {
    for from in [OpenAi, Anthropic] {
        for (case, text) in fixtures("streams", from) {
            let said = payloads(&convert(from, Anthropic, &text));
            let (mut open, mut next, mut closed) = (None, 0, false);
            for (place, event) in said.iter().enumerate() {
                let index = event["index"].as_u64();
                assert!(!closed, "{case}: {event} after the end");
                match event["type"].as_str().expect("a type") {
                    "message_start" => assert_eq!(place, 0, "{case}"),
                    "content_block_start" => {
                        assert_eq!((open, index), (None, Some(next)), "{case}");
                        open = index;
                        next += 1;
                    }
                    "content_block_delta" => assert_eq!((open.is_some(), index), (true, open), "{case}"),
                    "content_block_stop" => assert_eq!(open.take(), index, "{case}"),
                    "message_delta" => assert_eq!(open, None, "{case}"),
                    "message_stop" => {
                        assert_eq!(said[place - 1]["type"], "message_delta", "{case}");
                        closed = true;
                    }
                    "error" => closed = true,
                    kind => assert_eq!(kind, "ping", "{case}"),
                }
            }
            assert!(closed, "{case}");
        }
    }
}

#[test]
fn pitfall_45_system_blocks_are_kept_apart_with_their_markers() {
    let system = json!([{"type":"text","text":"a"},{"type":"text","text":"b","cache_control":{"type":"ephemeral","ttl":"1h"}},{"type":"text","text":"c"}]);
    let (sent, _) = request(
        OpenAi,
        Anthropic,
        &json!({"model":"x","messages":[{"role":"system","content":system},{"role":"user","content":"go"}]}),
    );
    assert_eq!(sent["system"], system);
    let (sent, _) = request(
        Anthropic,
        OpenAi,
        &json!({"model":"x","max_tokens":1,"system":system,"messages":[{"role":"user","content":"go"}]}),
    );
    assert_eq!(sent["messages"][0]["content"].as_array().map(Vec::len), Some(3));
}

#[test]
fn pitfall_45_empty_keys_and_unknown_tool_types_are_kept() {
    let input = r#"{"":1,"a":{"":[]}}"#;
    let body = format!(
        r#"{{"model":"x","max_tokens":1,"tools":[{{"type":"bash_20250124","name":"bash"}}],"messages":[{{"role":"user","content":"go"}},{{"role":"assistant","content":[{{"type":"tool_use","id":"t","name":"f","input":{input}}}]}}]}}"#
    );
    let ir::Request::Chat(chat) = codec(Anthropic).decode_request(body.as_bytes()).expect("readable") else {
        panic!("a chat")
    };
    assert!(
        matches!(&chat.messages[1].parts[0].content, Content::ToolCall { arguments, .. } if arguments == input)
    );
    assert!(
        matches!(&chat.tools[0], ir::Tool::Other { kind, json } if kind == "bash_20250124" && json.get().contains("\"bash\""))
    );
}

#[test]
fn pitfall_46_schemas_and_arguments_keep_their_bytes() {
    let schema = r#"{ "type":"object", "properties":{"b":{"minimum":1.0,"maximum":1e5,"const":12345678901234567890123},"a":{"pattern":"\u4e2d\/"}} }"#;
    let body = format!(
        r#"{{"model":"x","messages":[{{"role":"user","content":"go"}},{{"role":"assistant","tool_calls":[{{"id":"t","type":"function","function":{{"name":"f","arguments":"{{\"n\": 1.0,\"m\":1e5}}"}}}}]}}],"tools":[{{"type":"function","function":{{"name":"f","parameters":{schema}}}}}]}}"#
    );
    let request = codec(OpenAi).decode_request(body.as_bytes()).expect("readable");
    let sent = codec(Anthropic)
        .encode_request(&request, &Target { model: "m", ..Target::default() })
        .expect("sayable")
        .body;
    let sent = String::from_utf8(sent).expect("UTF-8");
    assert!(sent.contains(schema) && sent.contains(r#""input":{"n": 1.0,"m":1e5}"#), "{sent}");
}

#[test]
fn finish_reasons_are_said_in_the_other_dialects_words() {
    let text = || json!([{"type":"text","text":"a"}]);
    for (anthropic, openai, reason) in [
        ("end_turn", "stop", FinishReason::Stop),
        ("stop_sequence", "stop", FinishReason::StopSequence),
        ("max_tokens", "length", FinishReason::Length),
        ("model_context_window_exceeded", "length", FinishReason::ContextWindow),
        ("tool_use", "tool_calls", FinishReason::ToolCalls),
        ("refusal", "content_filter", FinishReason::Refusal),
        ("pause_turn", "stop", FinishReason::PauseTurn),
    ] {
        let body = anthropic_answer(text(), anthropic);
        let ir::Response::Chat(read) =
            codec(Anthropic).decode_response(body.to_string().as_bytes()).expect("readable")
        else {
            panic!("a chat")
        };
        assert_eq!(read.choices[0].finish.as_ref().map(|finish| finish.reason), Some(reason));
        assert_eq!(answer(Anthropic, OpenAi, &body)["choices"][0]["finish_reason"], openai);
        assert_eq!(answer(Anthropic, Anthropic, &body)["stop_reason"], anthropic);
    }
    for (openai, anthropic) in [
        ("stop", "end_turn"),
        ("length", "max_tokens"),
        ("tool_calls", "tool_use"),
        ("function_call", "tool_use"),
        ("content_filter", "refusal"),
    ] {
        let said =
            answer(OpenAi, Anthropic, &openai_answer(json!({"role":"assistant","content":"a"}), openai));
        assert_eq!(said["stop_reason"], anthropic);
    }
    let refused = openai_answer(json!({"role":"assistant","content":null,"refusal":"No."}), "stop");
    let said = answer(OpenAi, Anthropic, &refused);
    assert_eq!(
        (&said["content"], &said["stop_reason"]),
        (&json!([{"type":"text","text":"No."}]), &json!("refusal"))
    );
    assert_eq!(answer(OpenAi, OpenAi, &refused)["choices"][0]["message"]["refusal"], "No.");
}
