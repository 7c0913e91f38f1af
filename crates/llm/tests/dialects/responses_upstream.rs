//! Upstreams that speak OpenAI's Responses API: what is asked of them, their answers, and what the side reader sees.

use Dialect::{AnthropicMessages as Anthropic, OpenAiChat as Chat, OpenAiResponses as Responses};
use serde_json::{Value, json};
use yumen_llm::dialects::{Dialect, ErrorKind, Tap, Target, codec};
use yumen_llm::ir::{self, Content, FinishReason, StreamEvent};
use yumen_llm::usage::Usage;

use crate::support::{answer, decode, frames, request, stream};

fn responses_answer(output: Value, status: &str, details: Value) -> Value {
    json!({"id":"resp_1","object":"response","created_at":1763600000.5,"status":status,"error":null,"incomplete_details":details,"model":"gpt-5","output":output,
        "service_tier":"default","usage":{"input_tokens":9,"input_tokens_details":{"cached_tokens":4,"cache_write_tokens":2},"output_tokens":3,"output_tokens_details":{"reasoning_tokens":1},"total_tokens":12}})
}

fn read(body: &Value) -> ir::Answer {
    let read = codec(Responses).decode_response(body.to_string().as_bytes()).expect("readable");
    let ir::Response::Chat(answer) = read else { panic!("a chat") };
    *answer
}

#[test]
fn whole_answers_of_the_api_are_understood() {
    let output = json!([
        {"id":"rs_1","type":"reasoning","summary":[{"type":"summary_text","text":"one"},{"type":"summary_text","text":"two"}],"encrypted_content":"gAAAA"},
        {"id":"ws_1","type":"web_search_call","status":"completed"},
        {"id":"msg_1","type":"message","status":"completed","role":"assistant","content":[{"type":"output_text","text":"Looking.","annotations":[{"type":"url_citation","url":"https://example.com","title":"t","start_index":0,"end_index":1}],"logprobs":[]}]},
        {"id":"fc_1","type":"function_call","status":"completed","call_id":"call_1","name":"f","arguments":"{\"a\":1}"},
        {"id":"fc_2","type":"function_call","name":"g","arguments":""}
    ]);
    let body = responses_answer(output, "completed", Value::Null);
    let parsed = read(&body);
    assert_eq!(parsed.created, Some(1_763_600_000));
    let usage = Usage {
        input: 9,
        cached_input: 4,
        cache_write: 2,
        cache_write_1h: 0,
        output: 3,
        reasoning: 1,
        web_searches: 1,
    };
    assert_eq!(parsed.usage, Some(usage));
    let finish = parsed.choices[0].finish.as_ref().expect("a finish");
    assert_eq!((finish.reason, finish.native.as_deref()), (FinishReason::ToolCalls, Some("completed")));
    let message = &answer(Responses, Chat, &body)["choices"][0]["message"];
    assert_eq!(
        (&message["content"], &message["reasoning_content"]),
        (&json!("Looking."), &json!("one\n\ntwo"))
    );
    assert_eq!(message["reasoning_details"][0]["format"], "openai-responses-v1");
    let ids: Vec<&Value> =
        message["tool_calls"].as_array().expect("calls").iter().map(|call| &call["id"]).collect();
    assert_eq!(ids, ["call_1", "fc_2"], "a call without an id for its output has one all the same");
    let said = answer(Responses, Anthropic, &body);
    assert_eq!(
        said["content"],
        json!([
            {"type":"thinking","thinking":"one\n\ntwo","signature":"yumen-sealed:openai-responses-v1::gAAAA"},
            {"type":"text","text":"Looking.","citations":[{"type":"web_search_result_location","cited_text":"",
                "url":"https://example.com","title":"t","encrypted_index":"yumen-sealed:::"}]},
            {"type":"tool_use","id":"call_1","name":"f","input":{"a":1}},
            {"type":"tool_use","id":"fc_2","name":"g","input":{}}
        ])
    );
    assert_eq!(said["stop_reason"], "tool_use");
}

#[test]
fn incomplete_refused_and_failed_answers_are_told_apart() {
    let message = |part: Value| json!([{"type":"message","role":"assistant","content":[part]}]);
    let text = || message(json!({"type":"output_text","text":"a"}));
    for (output, status, details, reason, native) in [
        (
            text(),
            "incomplete",
            json!({"reason":"max_output_tokens"}),
            FinishReason::Length,
            "max_output_tokens",
        ),
        (
            text(),
            "incomplete",
            json!({"reason":"content_filter"}),
            FinishReason::ContentFilter,
            "content_filter",
        ),
        (text(), "incomplete", Value::Null, FinishReason::Length, "incomplete"),
        (
            message(json!({"type":"refusal","refusal":"No."})),
            "completed",
            Value::Null,
            FinishReason::Refusal,
            "completed",
        ),
        (text(), "completed", Value::Null, FinishReason::Stop, "completed"),
    ] {
        let body = responses_answer(output, status, details);
        let finish = read(&body).choices[0].finish.clone().expect("a finish");
        assert_eq!((finish.reason, finish.native.as_deref()), (reason, Some(native)), "{body}");
        let mut tap = Tap::default();
        codec(Responses).tap_response(body.to_string().as_bytes(), &mut tap);
        assert_eq!(
            (tap.finish_reason.as_deref(), tap.finished, tap.content_seen),
            (Some(native), true, true)
        );
        assert_eq!(tap.usage, read(&body).usage);
    }
    let mut failed = responses_answer(json!([]), "failed", Value::Null);
    let error = codec(Responses).decode_response(failed.to_string().as_bytes()).expect_err("failed");
    assert!(error.message.contains("failed"), "{error}");
    failed["error"] = json!({"code":"server_error","message":"Broken."});
    let body = failed.to_string();
    assert_eq!(codec(Responses).decode_response(body.as_bytes()).expect_err("failed").message, "Broken.");
    let mut tap = Tap::default();
    codec(Responses).tap_response(body.as_bytes(), &mut tap);
    assert_eq!(tap.error.expect("an error").message, "Broken.");
    for broken in ["{}", "[]", r#"{"output":null}"#, r#"{"output":[null]}"#, r#"{"error":{"message":"no"}}"#]
    {
        assert!(codec(Responses).decode_response(broken.as_bytes()).is_err(), "{broken}");
    }
}

#[test]
fn without_the_event_that_ends_it_a_stream_is_cut_off() {
    let cut = decode(Responses, &[stream(Responses, "cut_off").as_bytes()]);
    let Some(StreamEvent::Error(facts)) = cut.last() else { panic!("{cut:?}") };
    assert_eq!(facts.code.as_deref(), Some("upstream_stream_truncated"));
    let done = "data: [DONE]\n\n";
    let with_mark = format!("{}{done}", stream(Responses, "cut_off"));
    assert_eq!(
        decode(Responses, &[with_mark.as_bytes()]),
        cut,
        "the mark of the older API does not stand in for it"
    );
}

#[test]
fn what_is_told_only_at_the_end_is_told_and_what_is_repeated_is_told_once() {
    for case in ["whole_items_only", "only_the_end"] {
        let steps = decode(Responses, &[stream(Responses, case).as_bytes()]);
        let texts = |steps: &[StreamEvent]| -> Vec<String> {
            let text = |step: &StreamEvent| match step {
                StreamEvent::Text { text, .. } | StreamEvent::Thinking { text, .. } => Some(text.clone()),
                StreamEvent::ToolCallArguments { arguments, .. } => Some(arguments.clone()),
                _ => None,
            };
            steps.iter().filter_map(text).collect()
        };
        assert_eq!(texts(&steps), ["Think.", "Hello", "{\"a\":1}"], "{case}");
    }
}

fn tapped(case: &str, until: usize) -> Tap {
    let mut tap = Tap::default();
    for (event, data) in frames([stream(Responses, case).as_bytes()]).into_iter().take(until) {
        codec(Responses).tap_event(&event, &data, &mut tap);
    }
    tap
}

#[test]
fn pitfall_17_frames_of_the_lifecycle_are_not_content() {
    for (until, seen) in [(1, false), (2, false), (3, false), (4, false), (5, true)] {
        assert_eq!(tapped("text", until).content_seen, seen, "{until}");
    }
    assert!(!tapped("reasoning_sealed_and_tool", 3).content_seen, "thoughts that have only begun");
    assert!(tapped("reasoning_sealed_and_tool", 4).content_seen, "thoughts that are sealed");
    assert!(tapped("tool_zero_arguments", 3).content_seen, "a call is content from its beginning");
    assert!(!tapped("failed", 4).finished && tapped("failed", 9).finished);
}

#[test]
fn pitfall_47_the_tap_sees_all_content_and_the_end() {
    let tap = tapped("reasoning_and_text", usize::MAX);
    let size = "**Looking it up**A tool will do.It is sunny.".len();
    assert_eq!(
        (tap.output_bytes, tap.finish_reason.as_deref(), tap.finished),
        (size as u64, Some("completed"), true)
    );
    assert_eq!((tap.id.as_deref(), tap.model.as_deref()), (Some("resp_68a1"), Some("gpt-5-2025-08-07")));
    assert_eq!(tap.usage, Some(Usage { input: 75, output: 1186, reasoning: 1024, ..Usage::default() }));
    for (case, reason) in
        [("incomplete", "max_output_tokens"), ("content_filter", "content_filter"), ("failed", "failed")]
    {
        let tap = tapped(case, usize::MAX);
        assert_eq!((tap.finish_reason.as_deref(), tap.finished), (Some(reason), true), "{case}");
        assert_eq!(tap.error.is_some(), case == "failed");
    }
    assert_eq!(
        tapped("names_left_out", usize::MAX),
        tapped("carriage_returns", usize::MAX),
        "names say nothing new"
    );
    let cut = tapped("cut_off", usize::MAX);
    assert_eq!((cut.finished, cut.finish_reason, cut.error), (false, None, None));
}

/// A chat client's question with these fields more, as an upstream is asked.
fn asked(more: &Value) -> (Value, Vec<String>) {
    let mut body = json!({"model":"x","messages":[{"role":"user","content":"Hi"}]});
    for (name, value) in more.as_object().expect("fields") {
        body[name] = value.clone();
    }
    request(Chat, Responses, &body)
}

#[test]
fn limits_of_the_api_are_kept_and_told() {
    let (sent, lossy) = asked(&json!({"max_tokens":5,"user":"u".repeat(65)}));
    assert_eq!((&sent["max_output_tokens"], sent.get("user")), (&json!(16), None));
    assert_eq!(lossy, ["max_tokens", "user"]);
    let (sent, lossy) = asked(&json!({"max_tokens":16,"user":"玉".repeat(64)}));
    assert_eq!((&sent["max_output_tokens"], sent["user"].is_string(), lossy.len()), (&json!(16), true, 0));
    let error = codec(Responses)
        .encode_request(
            &codec(Chat).decode_request(br#"{"model":"m","messages":[]}"#).expect("readable"),
            &Target { model: "m", ..Default::default() },
        )
        .expect_err("nothing to say");
    assert_eq!(error.message, "messages: at least one message with content is needed");
}

#[test]
fn calls_without_an_id_still_find_their_results() {
    let turns = json!([{"role":"user","content":"go"},{"role":"assistant","content":[{"type":"tool_use","id":"","name":"f","input":{}}]},{"role":"user","content":[{"type":"tool_result","tool_use_id":"","content":"ok"}]}]);
    let (sent, _) = request(Anthropic, Responses, &json!({"model":"x","max_tokens":100,"messages":turns}));
    assert_eq!(
        (&sent["input"][1]["call_id"], &sent["input"][2]["call_id"]),
        (&json!("call_0"), &json!("call_0"))
    );
}

#[test]
fn sealed_reasoning_is_asked_for_where_there_is_reasoning() {
    let include = json!(["reasoning.encrypted_content"]);
    assert_eq!(asked(&json!({})).0.get("include"), None, "models that do not think refuse it");
    assert_eq!(asked(&json!({"reasoning_effort":"none"})).0.get("include"), None);
    let (sent, _) = asked(&json!({"reasoning_effort":"low"}));
    assert_eq!((&sent["include"], &sent["reasoning"]), (&include, &json!({"effort":"low","summary":"auto"})));
    let (sent, lossy) = asked(&json!({"reasoning":{"effort":"low","exclude":true}}));
    assert_eq!(
        (&sent["reasoning"], lossy.len()),
        (&json!({"effort":"low"}), 0),
        "hidden thoughts are not summed up"
    );
    let details = json!([{"type":"reasoning.text","text":"hm","signature":"gAAAA","format":"openai-responses-v1","index":0}]);
    let turns = json!([{"role":"user","content":"go"},{"role":"assistant","content":"ok","reasoning_details":details},{"role":"user","content":"on"}]);
    let (sent, lossy) = asked(&json!({"messages":turns}));
    assert_eq!((&sent["include"], lossy.len()), (&include, 0));
    assert_eq!(
        sent["input"][1],
        json!({"type":"reasoning","summary":[{"type":"summary_text","text":"hm"}],"encrypted_content":"gAAAA"})
    );
}

#[test]
fn pitfall_46_items_tools_and_schemas_that_are_kept_keep_their_bytes() {
    let item = r#"{"type":"web_search_call", "x":1.0,"y":[1e5]}"#;
    let tool = r#"{ "type":"web_search","a":{"":12345678901234567890123} }"#;
    let body =
        format!(r#"{{"model":"m","input":[{{"role":"user","content":"a"}},{item}],"tools":[{tool}]}}"#);
    let request = codec(Responses).decode_request(body.as_bytes()).expect("readable");
    let ir::Request::Chat(chat) = &request else { panic!("a chat") };
    assert!(
        matches!(&chat.messages[1].parts[0].content, Content::Other { kind, .. } if kind == "web_search_call")
    );
    let target = Target { model: "m", ..Default::default() };
    let sent = codec(Responses).encode_request(&request, &target).expect("sayable").body;
    let sent = String::from_utf8(sent).expect("UTF-8");
    assert!(sent.contains(item) && sent.contains(tool), "{sent}");
}
#[test]
fn pitfall_23_incomplete_and_failed_responses_are_the_end_and_have_usage() {
    let usage = |case: &str| {
        let steps = decode(Responses, &[stream(Responses, case).as_bytes()]);
        let count = steps.iter().position(|step| matches!(step, StreamEvent::Usage(_))).expect("usage");
        assert!(count + 3 >= steps.len(), "{case}: {steps:?}");
        steps.last().cloned().expect("an end")
    };
    assert_eq!(usage("incomplete"), StreamEvent::End);
    assert_eq!(usage("content_filter"), StreamEvent::End);
    let StreamEvent::Error(facts) = usage("failed") else { panic!("an error") };
    assert_eq!(
        (facts.kind, facts.status, facts.message.as_str()),
        (ErrorKind::RateLimited, 429, "Rate limit reached for gpt-5.")
    );
}
