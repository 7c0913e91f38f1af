//! The known ways in which gateways get translation wrong, one test each; numbers are those of the project's list.
//! Here: the course of streams, errors, usage.

use crate::support::{
    answer, anthropic_answer, context, convert, decode, encode, fixtures, payloads, request, stream,
};
use Dialect::{AnthropicMessages as Anthropic, OpenAiChat as OpenAi};
use serde_json::{Value, json};
use yumen_llm::dialects::{AnswerContext, Dialect, ErrorKind, Tap, codec};
use yumen_llm::ir::{self, StreamEvent};
use yumen_llm::usage::Usage;

#[test]
fn pitfall_07_a_missing_done_is_made_good_and_nothing_follows_the_finish() {
    for case in ["no_done", "after_the_finish"] {
        let said = convert(OpenAi, OpenAi, &stream(OpenAi, case));
        assert_eq!(said.matches("[DONE]").count(), 1, "{said}");
        assert!(!said.contains("leak"), "{said}");
        assert_eq!(said.matches("\"finish_reason\":\"stop\"").count(), 1);
        assert!(!convert(OpenAi, Anthropic, &stream(OpenAi, case)).contains("leak"));
    }
    let cut = decode(OpenAi, &[stream(OpenAi, "cut_off").as_bytes()]);
    assert!(matches!(cut.last(), Some(StreamEvent::Error(_))), "an answer that was cut off is not complete");
}

#[test]
fn pitfall_07_the_end_is_told_by_the_terminator_not_by_the_closed_connection() {
    for dialect in [OpenAi, Anthropic] {
        let case = if dialect == OpenAi { "text_with_usage" } else { "text" };
        let mut decoder = codec(dialect).stream_decoder();
        let mut steps = Vec::new();
        for (event, data) in crate::support::frames([stream(dialect, case).as_bytes()]) {
            decoder.decode(&event, &data, &mut steps).expect("readable");
        }
        assert_eq!(steps.last(), Some(&StreamEvent::End), "before the transport has ended");
        let before = steps.len();
        decoder.finish(&mut steps);
        assert_eq!(steps.len(), before, "the end is said once");
    }
}

#[test]
fn pitfall_08_every_event_has_its_own_data_line_and_blank_line() {
    for (from, to) in [(Anthropic, OpenAi), (OpenAi, Anthropic)] {
        for (case, text) in fixtures("streams", from) {
            for block in convert(from, to, &text).trim_end().split("\n\n") {
                let data = block.lines().filter(|line| line.starts_with("data: ")).count();
                assert_eq!(data, 1, "{case}: {block}");
            }
        }
    }
}

#[test]
fn pitfall_13_pings_keep_the_other_dialects_connection_alive() {
    let steps = decode(Anthropic, &[stream(Anthropic, "text").as_bytes()]);
    assert!(steps.contains(&StreamEvent::Ping));
    let chunks = payloads(&encode(OpenAi, &[StreamEvent::Ping], AnswerContext::default()));
    assert_eq!(chunks.len(), 1, "a ping is a chunk of its own: some clients fail on comments");
    assert_eq!(chunks[0]["choices"][0]["finish_reason"], Value::Null);
    assert!(encode(Anthropic, &[StreamEvent::Ping], context()).contains("event: ping\n"));
}

#[test]
fn pitfall_15_errors_before_the_stream_are_plain_json() {
    let facts = codec(OpenAi).decode_error(
        429,
        br#"{"error":{"message":"slow down","type":"requests","code":"rate_limit_exceeded"}}"#,
    );
    let said: Value = serde_json::from_slice(&codec(Anthropic).encode_error(&facts)).expect("JSON, not SSE");
    assert_eq!(said["error"], json!({"type":"rate_limit_error","message":"slow down"}));
}

#[test]
fn pitfall_16_errors_in_the_middle_become_the_other_dialects_event_and_end_the_stream() {
    let said = convert(Anthropic, OpenAi, &stream(Anthropic, "error_in_the_middle"));
    let (head, tail) = said.split_once("data: {\"error\":").expect("an error chunk");
    assert!(
        head.contains("\"content\":\"a\"")
            && tail.contains("Overloaded")
            && tail.ends_with("data: [DONE]\n\n")
    );
    let said = convert(OpenAi, Anthropic, &stream(OpenAi, "error_in_the_middle"));
    assert!(
        said.contains("event: error\ndata: {\"type\":\"error\"") && !said.contains("message_stop"),
        "{said}"
    );
}

#[test]
fn pitfall_19_an_error_with_status_200_is_an_error() {
    for (dialect, body) in [
        (OpenAi, r#"{"error":{"message":"no","code":429}}"#),
        (Anthropic, r#"{"type":"error","error":{"type":"api_error","message":"no"}}"#),
    ] {
        assert_eq!(codec(dialect).decode_response(body.as_bytes()).expect_err("no answer").message, "no");
    }
    for body in [
        "null",
        "{}",
        "[]",
        r#"{"choices":null}"#,
        r#"{"choices":[{}]}"#,
        r#"{"choices":[null]}"#,
        r#"{"content":null}"#,
    ] {
        assert!(codec(OpenAi).decode_response(body.as_bytes()).is_err(), "{body}");
        assert!(codec(Anthropic).decode_response(body.as_bytes()).is_err(), "{body}");
    }
}

#[test]
fn pitfall_24_error_codes_may_be_numbers_and_no_shape_loses_its_message() {
    let facts =
        codec(OpenAi).decode_error(400, br#"{"error":{"message":"bad","code":1301,"param":"messages"}}"#);
    assert_eq!(
        (facts.message.as_str(), facts.code.as_deref(), facts.param.as_deref()),
        ("bad", Some("1301"), Some("messages"))
    );
    assert_eq!(facts.kind, ErrorKind::InvalidRequest);
}

#[test]
fn pitfall_25_the_usage_chunk_stands_alone_and_only_for_clients_that_asked() {
    let steps = decode(OpenAi, &[stream(OpenAi, "text_with_usage").as_bytes()]);
    let asked = payloads(&encode(OpenAi, &steps, context()));
    let with_usage: Vec<&Value> = asked.iter().filter(|chunk| chunk["usage"].is_object()).collect();
    assert_eq!(with_usage.len(), 1);
    assert_eq!(with_usage[0]["choices"], json!([]));
    assert!(asked.iter().all(|chunk| chunk.get("usage").is_some()), "all other chunks say null");
    let unasked = payloads(&encode(OpenAi, &steps, AnswerContext { include_usage: false, ..context() }));
    assert!(unasked.iter().all(|chunk| chunk.get("usage").is_none() && chunk["choices"] != json!([])));
    let (sent, _) = request(
        Anthropic,
        OpenAi,
        &json!({"model":"x","max_tokens":1,"stream":true,"messages":[{"role":"user","content":"a"}]}),
    );
    assert_eq!(sent["stream_options"], json!({"include_usage":true}), "the gateway counts in any case");
}

#[test]
fn pitfall_26_stream_usage_is_the_last_or_largest_never_the_sum_never_zeroed() {
    let last = |case: &str| {
        decode(Anthropic, &[stream(Anthropic, case).as_bytes()]).into_iter().rev().find_map(|step| match step
        {
            StreamEvent::Usage(usage) => Some(usage),
            _ => None,
        })
    };
    assert_eq!(
        last("usage_zeroed_later"),
        Some(Usage { input: 503, cached_input: 500, output: 7, ..Usage::default() })
    );
    assert_eq!(
        last("usage_only_at_the_end"),
        Some(Usage { input: 100, cached_input: 60, output: 7, ..Usage::default() })
    );
    let usage = Usage {
        input: 1210,
        cached_input: 1000,
        cache_write: 150,
        cache_write_1h: 50,
        output: 89,
        reasoning: 30,
        web_searches: 0,
    };
    assert_eq!(last("thinking_and_tools"), Some(usage));
    for (case, text) in fixtures("streams", Anthropic) {
        let mut tap = Tap::default();
        crate::support::frames([text.as_bytes()])
            .iter()
            .for_each(|(event, data)| codec(Anthropic).tap_event(event, data, &mut tap));
        assert_eq!(tap.usage, last(&case), "{case}");
    }
}

#[test]
fn pitfall_27_openai_usage_reaches_the_message_delta_net_of_caches() {
    let said = payloads(&convert(OpenAi, Anthropic, &stream(OpenAi, "text_with_usage")));
    let delta = said.iter().find(|event| event["type"] == "message_delta").expect("a message_delta");
    assert_eq!(delta["usage"]["input_tokens"], 86);
    assert_eq!(delta["usage"]["cache_read_input_tokens"], 1920);
    assert_eq!(delta["usage"]["output_tokens"], 300);
}

#[test]
fn pitfall_29_cache_lifetimes_are_kept_apart_and_counted_once() {
    let mut body = anthropic_answer(json!([{"type":"text","text":"a"}]), "end_turn");
    body["usage"] = json!({"input_tokens":10,"cache_read_input_tokens":1000,"cache_creation_input_tokens":200,"cache_creation":{"ephemeral_5m_input_tokens":150,"ephemeral_1h_input_tokens":50},"output_tokens":89});
    let ir::Response::Chat(read) =
        codec(Anthropic).decode_response(body.to_string().as_bytes()).expect("readable")
    else {
        panic!("a chat")
    };
    let usage = Usage {
        input: 1210,
        cached_input: 1000,
        cache_write: 150,
        cache_write_1h: 50,
        output: 89,
        ..Usage::default()
    };
    assert_eq!(read.usage, Some(usage));
    let back = answer(Anthropic, Anthropic, &body);
    assert_eq!(back["usage"], body["usage"].as_object().map(|_| json!({"input_tokens":10,"cache_creation_input_tokens":200,"cache_read_input_tokens":1000,"cache_creation":{"ephemeral_5m_input_tokens":150,"ephemeral_1h_input_tokens":50},"output_tokens":89})).expect("an object"));
    let openai = answer(Anthropic, OpenAi, &body);
    assert_eq!(openai["usage"]["prompt_tokens"], 1210);
    assert_eq!(openai["usage"]["total_tokens"], 1299);
    assert_eq!(
        openai["usage"]["prompt_tokens_details"],
        json!({"cached_tokens":1000,"cache_write_tokens":200})
    );
}

#[test]
fn pitfall_47_taps_see_all_content() {
    let mut tap = Tap::default();
    for (event, data) in crate::support::frames([stream(Anthropic, "thinking_and_tools").as_bytes()]) {
        codec(Anthropic).tap_event(&event, &data, &mut tap);
    }
    let expected =
        "I should call.".len() + "c2VhbGVk".len() + "Looking.".len() + r#"{\"city\": \"Dunhuang\"}"#.len();
    assert_eq!(tap.output_bytes, expected as u64, "reasoning, sealed reasoning, text and arguments");
    assert_eq!((tap.finish_reason.as_deref(), tap.finished), (Some("tool_use"), true));
    assert_eq!(
        (tap.id.as_deref(), tap.model.as_deref()),
        (Some("msg_01XFDUDYJgAACzvnptvVoYEL"), Some("claude-sonnet-4-5-20250929"))
    );
}

/// Found by the fuzzer: the event went on with a number that many readers refuse.
#[test]
fn probabilities_that_no_reader_can_read_are_not_passed_on() {
    let chat = r#"{"id":"1","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{"content":"Hi"},"logprobs":{"content":[{"token":"Hi","logprob":-0.1e9925}]},"finish_reason":null}]}"#;
    let ollama = r#"{"model":"m","message":{"role":"assistant","content":"Hi"},"done":false,"logprobs":[{"token":"Hi","logprob":-0.1e9925}]}"#;
    for (dialect, bytes) in
        [(OpenAi, format!("data: {chat}\n\n")), (Dialect::OllamaChat, format!("{ollama}\n"))]
    {
        let events = decode(dialect, &[bytes.as_bytes()]);
        let said = events.iter().find_map(|event| match event {
            StreamEvent::Text { text, logprobs, .. } => Some((text.as_str(), logprobs.is_none())),
            _ => None,
        });
        assert_eq!(said, Some(("Hi", true)), "{dialect:?}: {events:?}");
    }
}
