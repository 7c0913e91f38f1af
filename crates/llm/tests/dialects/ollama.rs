//! What is peculiar to Ollama: lines, arguments as objects, calls without ids, streams unless told otherwise.

use serde_json::{Value, json};
use yumen_llm::dialects::Dialect::{
    AnthropicMessages, DashScopeChat, Gemini, OllamaChat, OllamaEmbeddings, OllamaGenerate, OpenAiChat,
    OpenAiEmbeddings,
};
use yumen_llm::dialects::{AnswerContext, ErrorFacts, ErrorKind, Stopwatch, Target, Thinking, codec};
use yumen_llm::ir::{Request, StreamEvent};

use crate::support::{
    answer, context, convert, decode, encode, openai_answer, payloads_of, request, request_for, stream,
};

fn ask(more: &Value) -> Value {
    let mut body = json!({ "model": "m", "messages": [{ "role": "user", "content": "a" }] });
    for (name, value) in more.as_object().expect("fields") {
        body[name] = value.clone();
    }
    body
}

#[test]
fn streams_are_the_default_and_said_to_upstreams_either_way() {
    for (dialect, body) in [
        (OllamaChat, json!({ "model": "m", "messages": [] })),
        (OllamaGenerate, json!({ "model": "m", "prompt": "a" })),
    ] {
        let streams = |body: &Value| {
            let read = codec(dialect).decode_request(body.to_string().as_bytes()).expect("readable");
            matches!(read, Request::Chat(chat) if chat.stream)
        };
        assert!(streams(&body), "{dialect:?}");
        for (said, expected) in [(json!(true), true), (json!(false), false), (Value::Null, true)] {
            let mut body = body.clone();
            body["stream"] = said;
            assert_eq!(streams(&body), expected, "{body}");
        }
        assert!(codec(dialect).outline().streams_by_default);
    }
    for stream in [true, false] {
        let (sent, _) = request(OpenAiChat, OllamaChat, &ask(&json!({ "stream": stream })));
        assert_eq!(sent["stream"], stream, "left out, it would be true");
    }
}

#[test]
fn a_limit_beyond_what_ollama_reads_is_its_largest() {
    for (asked, sent_on) in [(json!(256), json!(256)), (json!(u64::MAX), json!(i64::MAX))] {
        let (sent, lossy) = request(AnthropicMessages, OllamaChat, &ask(&json!({ "max_tokens": asked })));
        assert_eq!(sent["options"]["num_predict"], sent_on);
        assert!(lossy.is_empty(), "{lossy:?}");
        codec(OllamaChat).decode_request(sent.to_string().as_bytes()).expect("what we write can be read");
    }
}

#[test]
fn arguments_are_objects_whatever_the_model_wrote() {
    for (written, expected, lost) in [
        (r#"{"a": 1.0}"#, json!({ "a": 1.0 }), false),
        ("", json!({}), false),
        (r#"{"city":"Dunh"#, json!({ "raw_arguments": r#"{"city":"Dunh"# }), true),
        ("[1]", json!({ "raw_arguments": "[1]" }), true),
    ] {
        let call =
            json!({ "id": "call_1", "type": "function", "function": { "name": "f", "arguments": written } });
        let turn = json!({ "role": "assistant", "content": null, "tool_calls": [call] });
        let result = json!({ "role": "tool", "tool_call_id": "call_1", "content": "b" });
        let body = json!({ "model": "m", "messages": [{ "role": "user", "content": "a" }, turn, result] });
        let (sent, lossy) = request(OpenAiChat, OllamaChat, &body);
        assert_eq!(sent["messages"][1]["tool_calls"][0]["function"]["arguments"], expected, "{written}");
        let result = json!({ "role": "tool", "content": "b", "tool_name": "f", "tool_call_id": "call_1" });
        assert_eq!(sent["messages"][2], result);
        assert_eq!(!lossy.is_empty(), lost, "{lossy:?}");
        let said = answer(OpenAiChat, OllamaChat, &openai_answer(turn, "tool_calls"));
        assert_eq!(said["message"]["tool_calls"][0]["function"]["arguments"], expected);
        assert_eq!(said["done_reason"], "stop");
    }
}

#[test]
fn a_call_in_pieces_is_one_line_when_it_is_whole() {
    let said =
        payloads_of(OllamaChat, &convert(OpenAiChat, OllamaChat, &stream(OpenAiChat, "tools_interleaved")));
    let calls: Vec<&Value> =
        said.iter().flat_map(|line| line["message"]["tool_calls"].as_array()).flatten().collect();
    assert!(calls.len() >= 2, "{said:?}");
    for call in calls {
        assert!(call["function"]["arguments"].is_object() && call["id"].is_string(), "{call}");
    }
}

#[test]
fn calls_without_ids_get_some_that_are_the_same_each_time_and_no_others() {
    let ids = |text: &str| -> Vec<String> {
        let steps = decode(OllamaChat, &[text.as_bytes()]);
        let id = |step: &StreamEvent| match step {
            StreamEvent::ToolCallStart { id, .. } => Some(id.clone()),
            _ => None,
        };
        steps.iter().filter_map(id).collect()
    };
    let text = stream(OllamaChat, "tools_without_ids");
    let first = ids(&text);
    assert!(first.len() == 2 && first[0] != first[1], "{first:?}");
    assert_eq!(ids(&text), first);
    let later = ids(&text.replace("08:00:00", "08:00:01"));
    assert!(later.iter().all(|id| !first.contains(id)), "another answer's calls are others");
    assert_eq!(ids(&stream(OllamaChat, "tools_with_ids")), ["call_x1"]);
}

#[test]
fn an_error_is_a_line_and_the_last() {
    for (text, message) in [
        (
            stream(OllamaChat, "error_line"),
            "an error was encountered while running the model: unexpected EOF",
        ),
        (
            r#"{"error":"model runner has unexpectedly stopped"}"#.into(),
            "model runner has unexpectedly stopped",
        ),
    ] {
        let steps = decode(OllamaChat, &[text.as_bytes()]);
        let Some(StreamEvent::Error(facts)) = steps.last() else { panic!("{steps:?}") };
        assert_eq!((facts.message.as_str(), facts.kind, facts.status), (message, ErrorKind::Server, 500));
        let told = encode(OllamaChat, &steps, context());
        assert!(told.ends_with(&format!("{{\"error\":\"{message}\"}}\n")), "{told}");
    }
    let facts = ErrorFacts {
        status: 404,
        kind: ErrorKind::NotFound,
        message: "model \"x\" not found".into(),
        code: Some("model_not_found".into()),
        param: Some("model".into()),
        metadata: None,
        request_id: Some("gen-1".into()),
    };
    for dialect in [OllamaChat, OllamaGenerate, OllamaEmbeddings] {
        let said = codec(dialect).encode_error(&facts);
        assert_eq!(said, br#"{"error":"model \"x\" not found"}"#);
        assert_eq!(codec(dialect).decode_error(404, &said).message, facts.message);
    }
}

#[test]
fn thinking_is_asked_for_as_the_model_knows_it() {
    for (asked, plain, leveled) in [
        (json!({ "reasoning_effort": "none" }), json!(false), json!(false)),
        (json!({ "reasoning": { "enabled": true } }), json!(true), json!(true)),
        (json!({ "reasoning_effort": "minimal" }), json!(true), json!("low")),
        (json!({ "reasoning_effort": "medium" }), json!(true), json!("medium")),
        (json!({ "reasoning": { "max_tokens": 900 }, "max_tokens": 1000 }), json!(true), json!("high")),
        (json!({}), Value::Null, Value::Null),
    ] {
        for (thinking, expected) in [(Thinking::Budget, &plain), (Thinking::Adaptive, &leveled)] {
            let target = Target { model: "m", thinking, ..Target::default() };
            let (sent, lossy) = request_for(&target, OpenAiChat, OllamaChat, &ask(&asked));
            assert_eq!(&sent["think"], expected, "{asked}");
            let exact = asked.get("reasoning_effort").and_then(Value::as_str);
            let exact = matches!((thinking, exact), (Thinking::Adaptive, Some("medium")) | (_, Some("none")));
            let says_more =
                asked["reasoning_effort"].is_string() || asked["reasoning"]["max_tokens"].is_u64();
            assert_eq!(lossy.is_empty(), exact || !says_more, "{asked}: {lossy:?}");
        }
    }
}

#[test]
fn pictures_are_told_by_how_they_begin() {
    for (data, media_type) in [
        ("iVBORw0KGgoAAA==", "image/png"),
        ("/9j/4AAQ", "image/jpeg"),
        ("R0lGODlh", "image/gif"),
        ("UklGRhoA", "image/webp"),
        ("AAAA", "image/jpeg"),
    ] {
        let body =
            json!({ "model": "m", "messages": [{ "role": "user", "content": "a", "images": [data] }] });
        let (sent, lossy) = request(OllamaChat, AnthropicMessages, &body);
        let source = &sent["messages"][0]["content"][1]["source"];
        assert_eq!((&source["media_type"], &source["data"]), (&json!(media_type), &json!(data)));
        assert!(lossy.is_empty(), "{lossy:?}");
        let (back, _) = request(OllamaChat, OllamaChat, &body);
        assert_eq!(back["messages"], body["messages"]);
    }
    let by_address = json!([{ "type": "image_url", "image_url": { "url": "https://example.com/a.png" } },
        { "type": "text", "text": "a" }]);
    let body = json!({ "model": "m", "messages": [{ "role": "user", "content": by_address }] });
    let (_, lossy) = request(OpenAiChat, OllamaChat, &body);
    assert_eq!(lossy, ["messages.content.image"], "Ollama fetches nothing");
}

#[test]
fn what_only_ollama_can_do_is_refused_elsewhere_in_words() {
    for (name, value) in
        [("suffix", json!("b")), ("raw", json!(true)), ("context", json!([1])), ("prompt", json!(7))]
    {
        let mut body = json!({ "model": "m", "prompt": "a" });
        body[name] = value;
        let error = codec(OllamaGenerate).decode_request(body.to_string().as_bytes()).expect_err(name);
        assert_eq!(error.param.as_deref(), Some(name), "{error}");
    }
    let body =
        json!({ "model": "m", "prompt": "a", "suffix": "", "raw": false, "context": [], "template": "" });
    let (_, lossy) = request(OllamaGenerate, OpenAiChat, &body);
    assert!(lossy.is_empty(), "what Ollama's own client writes says nothing: {lossy:?}");
}

#[test]
fn an_answer_says_its_text_where_its_endpoint_has_it() {
    let said =
        openai_answer(json!({ "role": "assistant", "content": "Hi", "reasoning_content": "hm" }), "length");
    let chat = answer(OpenAiChat, OllamaChat, &said);
    assert_eq!(chat["message"], json!({ "role": "assistant", "content": "Hi", "thinking": "hm" }));
    let generate = answer(OpenAiChat, OllamaGenerate, &said);
    assert_eq!((&generate["response"], &generate["thinking"]), (&json!("Hi"), &json!("hm")));
    for answer in [chat, generate] {
        assert_eq!((&answer["done"], &answer["done_reason"]), (&json!(true), &json!("length")));
        assert_eq!((&answer["prompt_eval_count"], &answer["eval_count"]), (&json!(9), &json!(3)));
        assert_eq!(answer["created_at"], "2025-11-20T00:53:20Z");
        assert!(answer.get("total_duration").is_none(), "nobody knows it here");
    }
}

#[test]
fn durations_are_told_where_there_is_a_clock() {
    use std::sync::atomic::{AtomicU64, Ordering};
    static NOW: AtomicU64 = AtomicU64::new(1_000);
    let stopwatch = Stopwatch::since(NOW.load(Ordering::Relaxed), || NOW.fetch_add(500, Ordering::Relaxed));
    let timed = AnswerContext { stopwatch, ..context() };
    let steps = decode(OpenAiChat, &[stream(OpenAiChat, "text_with_usage").as_bytes()]);
    let lines = payloads_of(OllamaChat, &encode(OllamaChat, &steps, timed));
    let last = lines.last().expect("a line");
    let number = |name: &str| last[name].as_u64().unwrap_or_else(|| panic!("no {name}: {last}"));
    assert_eq!(number("load_duration"), 0);
    assert!(number("total_duration") >= number("prompt_eval_duration"));
    assert!(number("eval_duration") > 0, "clients divide by it");
}

#[test]
fn embeddings_are_answered_as_they_were_asked_for() {
    let upstream = json!({ "model": "all-minilm", "embeddings": [[0.5, -1.0]], "prompt_eval_count": 4 });
    for (body, expected) in [
        (json!({ "model": "m", "prompt": "a" }), json!({ "embedding": [0.5, -1.0] })),
        (json!({ "model": "m", "input": "a" }), upstream.clone()),
        (json!({ "model": "m", "input": ["a"] }), upstream.clone()),
    ] {
        let codec = codec(OllamaEmbeddings);
        let embeds_batch = codec.is_second_form(body.to_string().as_bytes());
        let read = codec.decode_response(upstream.to_string().as_bytes()).expect("readable");
        let said = codec.encode_response(&read, &AnswerContext { embeds_batch, ..context() });
        assert_eq!(serde_json::from_slice::<Value>(&said).expect("JSON"), expected, "{body}");
        let (sent, _) = request(OllamaEmbeddings, OllamaEmbeddings, &body);
        assert!(codec.is_second_form(sent.to_string().as_bytes()), "upstreams are asked in the newer form");
    }
    let openai = answer(OllamaEmbeddings, OpenAiEmbeddings, &upstream);
    assert_eq!(
        (&openai["data"][0]["embedding"], &openai["usage"]["prompt_tokens"]),
        (&json!([0.5, -1.0]), &json!(4))
    );
    let older = answer(OllamaEmbeddings, OpenAiEmbeddings, &json!({ "embedding": [1.0] }));
    assert_eq!(older["data"][0]["embedding"], json!([1.0]));
    let tokens = json!({ "model": "m", "input": [[1, 2]] }).to_string();
    let tokens = codec(OpenAiEmbeddings).decode_request(tokens.as_bytes()).expect("readable");
    let error = codec(OllamaEmbeddings).encode_request(&tokens, &Target::default()).expect_err("token ids");
    assert_eq!(error.param.as_deref(), Some("input"));
}

#[test]
fn what_is_wrong_is_named_with_its_path() {
    for (dialect, body, expected) in [
        (OllamaChat, r#"{"messages":[]}"#, "model: is required"),
        (OllamaChat, r#"{"model":"m"}"#, "messages: is required"),
        (OllamaChat, r#"{"model":"m","messages":[{"content":"a"}]}"#, "messages[0].role: is required"),
        (
            OllamaChat,
            r#"{"model":"m","messages":[{"role":"king"}]}"#,
            "messages[0].role: expected one of system, user, assistant and tool",
        ),
        (
            OllamaChat,
            r#"{"model":"m","messages":[{"role":"user","images":[1]}]}"#,
            "messages[0].images[0]: expected a string",
        ),
        (
            OllamaChat,
            r#"{"model":"m","messages":[{"role":"assistant","tool_calls":[{"function":{"name":"f","arguments":7}}]}]}"#,
            "messages[0].tool_calls[0].function.arguments: expected an object",
        ),
        (OllamaChat, r#"{"model":"m","messages":[],"options":[]}"#, "options: expected an object"),
        (
            OllamaChat,
            r#"{"model":"m","messages":[],"options":{"temperature":"hot"}}"#,
            "options.temperature: expected a number",
        ),
        (
            OllamaChat,
            r#"{"model":"m","messages":[],"format":"xml"}"#,
            "format: expected json or a JSON schema",
        ),
        (
            OllamaChat,
            r#"{"model":"m","messages":[],"think":"a lot"}"#,
            "think: expected true, false or one of low, medium and high",
        ),
        (OllamaGenerate, r#"{"model":"m"}"#, "prompt: is required"),
        (OllamaEmbeddings, r#"{"model":"m"}"#, "input: is required"),
        (OllamaEmbeddings, r#"{"model":"m","input":7}"#, "input: expected a string or a list of strings"),
    ] {
        let error = codec(dialect).decode_request(body.as_bytes()).expect_err(body);
        assert_eq!(error.message, expected);
    }
    let nothing = codec(Gemini)
        .decode_request(br#"{"contents":[]}"#)
        .and_then(|read| codec(OllamaChat).encode_request(&read, &Target::default()));
    assert_eq!(nothing.expect_err("nothing to say").param.as_deref(), Some("messages"));
}

#[test]
fn ends_of_lines_between_probabilities_end_no_event() {
    let probability = "[{\"token\":\"Hi\",\"logprob\":\r0.25,\"bytes\":[72,105],\"top_logprobs\":[]}]";
    let chunk = format!(
        "{{\"model\":\"m\",\"message\":{{\"role\":\"assistant\",\"content\":\"Hi\"}},\"done\":false,\"logprobs\":{probability}}}\n"
    );
    let end = "{\"model\":\"m\",\"message\":{\"content\":\"\"},\"done\":true,\"done_reason\":\"stop\"}\n";
    let told = convert(OllamaChat, OpenAiChat, &format!("{chunk}{end}"));
    let said = payloads_of(OpenAiChat, &told);
    let found =
        said.iter().find_map(|event| event["choices"][0]["logprobs"]["content"][0]["logprob"].as_f64());
    assert_eq!(found, Some(0.25), "{told}");
    // Data of several lines, in the middle of an object.
    let lines =
        "{\"content\":\n[{\"token\":\"Hi\",\n\"logprob\":0.25}],\"refusal\":null}".replace('\n', "\ndata: ");
    let chunk = format!(
        "data: {{\"choices\":[{{\"index\":0,\"delta\":{{\"content\":\"Hi\"}},\"logprobs\":{lines}}}]}}\n\ndata: [DONE]\n\n"
    );
    let told = convert(OpenAiChat, OpenAiChat, &chunk);
    assert!(
        payloads_of(OpenAiChat, &told).iter().any(|event| !event["choices"][0]["logprobs"].is_null()),
        "{told}"
    );
    let chunk = format!(
        "data:{{\"output\":{{\"choices\":[{{\"message\":{{\"content\":\"Hi\"}},\"logprobs\":{lines},\"finish_reason\":\"stop\"}}]}}}}\n\n"
    );
    let told = convert(DashScopeChat, OpenAiChat, &chunk);
    assert!(
        payloads_of(OpenAiChat, &told).iter().any(|event| !event["choices"][0]["logprobs"].is_null()),
        "{told}"
    );
}
