//! What only Gemini does with answers and streams: ids, signatures, blocked prompts, arrays, errors.

use serde_json::{Value, json};
use yumen_llm::dialects::Dialect::{
    AnthropicMessages, Gemini, GeminiEmbeddings, OpenAiChat, OpenAiEmbeddings,
};
use yumen_llm::dialects::{
    AnswerContext, ErrorFacts, ErrorKind, JsonArray, Tap, codec, gemini_count_tokens_answer, holds_sealed,
    read_gemini_count_tokens,
};
use yumen_llm::ir::{Content, FinishReason, Response, StreamEvent};
use yumen_llm::usage::Usage;

use crate::support::{answer, context, convert, decode, encode, fixtures, payloads, stream};

fn gemini_answer(parts: &Value, finish: &str) -> Value {
    json!({
        "candidates": [{ "content": { "parts": parts, "role": "model" }, "finishReason": finish, "index": 0, "safetyRatings": [] }],
        "usageMetadata": { "promptTokenCount": 9, "candidatesTokenCount": 3, "thoughtsTokenCount": 4, "totalTokenCount": 16 },
        "modelVersion": "gemini-3-pro", "responseId": "resp_1",
    })
}

fn read(body: &Value) -> yumen_llm::ir::Answer {
    match codec(Gemini).decode_response(body.to_string().as_bytes()).expect("readable") {
        Response::Chat(answer) => *answer,
        _ => panic!("a chat"),
    }
}

#[test]
fn pitfall_28_thoughts_are_counted_once_in_every_dialect() {
    let body = gemini_answer(&json!([{ "text": "hm", "thought": true }, { "text": "4" }]), "STOP");
    assert_eq!(read(&body).usage, Some(Usage { input: 9, output: 7, reasoning: 4, ..Usage::default() }));
    let said = answer(Gemini, OpenAiChat, &body);
    assert_eq!(said["usage"]["completion_tokens"], 7);
    assert_eq!(said["usage"]["completion_tokens_details"]["reasoning_tokens"], 4);
    assert_eq!(said["choices"][0]["message"]["reasoning_content"], "hm");
    assert_eq!(answer(Gemini, Gemini, &body)["usageMetadata"], body["usageMetadata"]);
    let mut tap = Tap::default();
    codec(Gemini).tap_response(body.to_string().as_bytes(), &mut tap);
    assert_eq!((tap.usage, tap.output_bytes, tap.finished), (read(&body).usage, 3, true));
    assert_eq!(
        (tap.id.as_deref(), tap.model.as_deref(), tap.finish_reason.as_deref()),
        (Some("resp_1"), Some("gemini-3-pro"), Some("STOP"))
    );
}

#[test]
fn pitfall_34_calls_without_ids_have_stable_ones_and_stop_means_calls() {
    let parts = json!([{ "functionCall": { "name": "f", "args": {} } }, { "functionCall": { "name": "f" } }, { "functionCall": { "id": "own", "name": "g" } }]);
    let mut body = gemini_answer(&parts, "STOP");
    let ids = |body: &Value| -> Vec<String> {
        let parts = read(body).choices.remove(0).parts;
        parts
            .into_iter()
            .filter_map(|part| if let Content::ToolCall { id, .. } = part.content { Some(id) } else { None })
            .collect()
    };
    assert_eq!(ids(&body), ["call_resp_1_0", "call_resp_1_1", "own"]);
    let finish = answer(Gemini, OpenAiChat, &body)["choices"][0]["finish_reason"].clone();
    assert_eq!(finish, "tool_calls");
    assert_eq!(answer(Gemini, AnthropicMessages, &body)["stop_reason"], "tool_use");
    body.as_object_mut().expect("an object").remove("responseId");
    let anonymous = ids(&body);
    assert_eq!(ids(&body), anonymous, "the same answer has the same ids");
    body["usageMetadata"]["promptTokenCount"] = json!(10);
    assert_ne!(ids(&body)[0], anonymous[0], "and another has others");
    assert!(anonymous[0].len() <= 40, "as long as OpenAI allows");
}

#[test]
fn pitfall_41_signatures_come_back_on_their_part_through_an_openai_client() {
    let parts = json!([
        { "text": "why", "thought": true, "thoughtSignature": "dGhvdWdodA==" },
        { "text": "I look.", "thoughtSignature": "dGV4dA==" },
        { "functionCall": { "id": "a", "name": "f", "args": { "x": 1.0 } }, "thoughtSignature": "Y2FsbA==" },
        { "functionCall": { "id": "b", "name": "f", "args": {} } },
        { "text": "", "thoughtSignature": "ZW5k" },
    ]);
    let said = answer(Gemini, OpenAiChat, &gemini_answer(&parts, "STOP"));
    let message = &said["choices"][0]["message"];
    assert_eq!(message["reasoning_details"].as_array().map(Vec::len), Some(4));
    let turn = json!({ "model": "x", "messages": [{ "role": "user", "content": "go" }, message, { "role": "user", "content": "on" }] });
    let (sent, lossy) = crate::support::request(OpenAiChat, Gemini, &turn);
    assert_eq!((&sent["contents"][1]["parts"], lossy.len()), (&parts, 0));
    for (case, text) in fixtures("streams", Gemini) {
        let direct = convert(Gemini, Gemini, &text);
        let there = convert(Gemini, OpenAiChat, &text);
        if there.contains("\"error\"") {
            continue;
        }
        let back = encode(Gemini, &decode(OpenAiChat, &[there.as_bytes()]), context());
        let content = |text: &str| -> Vec<Value> {
            payloads(text).into_iter().map(|event| event["candidates"][0]["content"].clone()).collect()
        };
        assert_eq!(content(&back), content(&direct), "{case}");
    }
}

#[test]
fn pitfall_41_proofs_come_back_through_clients_that_cannot_say_whose_they_are() {
    let parts = json!([
        { "text": "why", "thought": true, "thoughtSignature": "UzE=" },
        { "functionCall": { "id": "a", "name": "f", "args": {} }, "thoughtSignature": "UzI=" },
    ]);
    let said = answer(Gemini, AnthropicMessages, &gemini_answer(&parts, "STOP"));
    let turn = |content: &Value| json!({ "model": "x", "max_tokens": 9, "messages": [{ "role": "user", "content": "go" }, { "role": "assistant", "content": content }] });
    let (sent, lossy) = crate::support::request(AnthropicMessages, Gemini, &turn(&said["content"]));
    assert_eq!((&sent["contents"][1]["parts"], lossy.len()), (&parts, 0));
    let content = json!([
        { "type": "thinking", "thinking": "hm", "signature": "C1??" },
        { "type": "redacted_thinking", "data": "C2>>" },
        { "type": "tool_use", "id": "a", "name": "f", "input": {} },
    ]);
    let claude = json!({ "id": "msg_1", "type": "message", "role": "assistant", "model": "claude", "stop_reason": "tool_use", "stop_sequence": null, "usage": {}, "content": content });
    let said = answer(AnthropicMessages, Gemini, &claude);
    let parts = said["candidates"][0]["content"]["parts"].clone();
    for part in parts.as_array().expect("parts") {
        let signature = part["thoughtSignature"].as_str().expect("a signature");
        assert!(base64_bytes(signature), "clients read it as bytes: {signature}");
    }
    let turn = json!({ "contents": [{ "parts": [{ "text": "go" }] }, { "role": "model", "parts": parts }] });
    let (sent, lossy) = crate::support::request(Gemini, AnthropicMessages, &turn);
    assert_eq!((&sent["messages"][1]["content"], lossy.len()), (&content, 0));
    assert!(holds_sealed(turn.to_string().as_bytes()) && codec(Gemini).outline().seals);
    let (sent, lossy) = crate::support::request(Gemini, Gemini, &turn);
    assert_eq!(
        sent["contents"][1]["parts"],
        json!([{ "functionCall": { "id": "a", "name": "f", "args": {} } }]),
        "Google gets none of them"
    );
    assert_eq!(lossy, ["messages.content.thinking", "messages.content.redacted_thinking"]);
}

fn base64_bytes(text: &str) -> bool {
    let sign = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/');
    text.len().is_multiple_of(4) && text.trim_end_matches('=').bytes().all(sign)
}

#[test]
fn a_blocked_prompt_is_an_answer_that_a_filter_ended() {
    let body = json!({ "promptFeedback": { "blockReason": "SAFETY" }, "usageMetadata": { "promptTokenCount": 4, "totalTokenCount": 4 }, "modelVersion": "m" });
    let finish = read(&body).choices.remove(0).finish.expect("a finish");
    assert_eq!((finish.reason, finish.native.as_deref()), (FinishReason::ContentFilter, Some("SAFETY")));
    assert_eq!(answer(Gemini, OpenAiChat, &body)["choices"][0]["finish_reason"], "content_filter");
    let mut tap = Tap::default();
    codec(Gemini).tap_event(b"", body.to_string().as_bytes(), &mut tap);
    assert_eq!(
        (tap.finish_reason.as_deref(), tap.finished, tap.content_seen),
        (Some("SAFETY"), false, false)
    );
    for body in [
        "null",
        "[]",
        "{}",
        r#"{"candidates":[]}"#,
        r#"{"candidates":{}}"#,
        r#"{"candidates":[{"content":[]}]}"#,
    ] {
        let read = codec(Gemini).decode_response(body.as_bytes());
        assert!(read.is_err() || body.contains("content"), "{body}: {read:?}");
    }
    let error = codec(Gemini)
        .decode_response(br#"{"error":{"code":429,"message":"no","status":"RESOURCE_EXHAUSTED"}}"#);
    assert_eq!(error.expect_err("no answer").message, "no");
}

#[test]
fn finish_words_have_one_meaning_in_both_directions() {
    let text = json!([{ "text": "a" }]);
    for (word, reason, openai) in [
        ("STOP", FinishReason::Stop, "stop"),
        ("MAX_TOKENS", FinishReason::Length, "length"),
        ("SAFETY", FinishReason::ContentFilter, "content_filter"),
        ("RECITATION", FinishReason::ContentFilter, "content_filter"),
        ("LANGUAGE", FinishReason::ContentFilter, "content_filter"),
        ("BLOCKLIST", FinishReason::ContentFilter, "content_filter"),
        ("PROHIBITED_CONTENT", FinishReason::ContentFilter, "content_filter"),
        ("SPII", FinishReason::ContentFilter, "content_filter"),
        ("IMAGE_SAFETY", FinishReason::ContentFilter, "content_filter"),
        ("OTHER", FinishReason::Error, "error"),
        ("MALFORMED_FUNCTION_CALL", FinishReason::Error, "error"),
    ] {
        let body = gemini_answer(&text, word);
        assert_eq!(
            read(&body).choices[0].finish.as_ref().map(|finish| finish.reason),
            Some(reason),
            "{word}"
        );
        assert_eq!(answer(Gemini, OpenAiChat, &body)["choices"][0]["finish_reason"], openai, "{word}");
        assert_eq!(answer(Gemini, Gemini, &body)["candidates"][0]["finishReason"], word);
    }
    assert_eq!(
        read(&gemini_answer(&text, "SOMETHING_NEW")).choices[0].finish.as_ref().map(|finish| finish.reason),
        Some(FinishReason::Stop)
    );
}

#[test]
fn parts_of_other_kinds_are_kept_and_pictures_are_pictures() {
    let parts = json!([
        { "executableCode": { "language": "PYTHON", "code": "1" }, "thoughtSignature": "Y29kZQ==" },
        { "inlineData": { "mimeType": "image/png", "data": "iVBORw0=" }, "thoughtSignature": "cGlj" },
        { "someNewPart": { "a": 1 } },
        { "thought": "odd", "text": 7 },
    ]);
    let said = answer(Gemini, Gemini, &gemini_answer(&parts, "STOP"));
    let kept = parts.as_array().expect("parts")[..3].to_vec();
    assert_eq!(said["candidates"][0]["content"]["parts"], Value::Array(kept));
    assert!(matches!(
        &read(&gemini_answer(&parts, "STOP")).choices[0].parts[2].content,
        Content::Image { .. }
    ));
}

#[test]
fn a_stream_may_be_one_array() {
    for (case, text) in fixtures("streams", Gemini) {
        let steps = decode(Gemini, &[text.as_bytes()]);
        let events = payloads(&encode(Gemini, &steps, context()));
        let array = encode(Gemini, &steps, AnswerContext { json_array: true, ..context() });
        let elements: Vec<Value> =
            serde_json::from_str(&array).unwrap_or_else(|error| panic!("{case}: {error}: {array}"));
        assert_eq!(elements, events, "{case}");
        assert_eq!(array.matches("\r\n,").count(), events.len() - 1, "{case}: {array}");
    }
    let (mut array, mut out) = (JsonArray::default(), Vec::new());
    array.element(&mut out, |out| out.extend_from_slice(b"{}"));
    array.finish(&mut out);
    assert_eq!(out, b"[{}]");
}

#[test]
fn arguments_in_several_lines_do_not_cut_the_event() {
    let arguments = "{\n  \"a\": \"x\\ny\",\r\n  \"b\": [\n1]\n}";
    let steps = [
        StreamEvent::ToolCallStart { choice: 0, call: 0, id: "c".into(), name: "f".into() },
        StreamEvent::ToolCallArguments { choice: 0, call: 0, arguments: arguments.into() },
        StreamEvent::End,
    ];
    let said = payloads(&encode(Gemini, &steps, context()));
    assert_eq!(
        said[0]["candidates"][0]["content"]["parts"][0]["functionCall"]["args"],
        json!({ "a": "x\ny", "b": [1] })
    );
    assert_eq!(said.len(), 2);
}

#[test]
fn calls_wait_for_their_arguments_and_for_those_before_them_within_bounds() {
    let start =
        |call: u32| StreamEvent::ToolCallStart { choice: 0, call, id: format!("c{call}"), name: "f".into() };
    let more = |call: u32, arguments: &str| StreamEvent::ToolCallArguments {
        choice: 0,
        call,
        arguments: arguments.into(),
    };
    let mut encoder = codec(Gemini).stream_encoder(context());
    let mut said = |step: StreamEvent| {
        let mut out = Vec::new();
        encoder.encode(&step, &mut out);
        String::from_utf8(out).expect("UTF-8")
    };
    for step in [start(0), start(1), more(0, "{\"a\":"), more(1, "{}")] {
        assert_eq!(said(step.clone()), "", "{step:?}");
    }
    let both = said(more(0, "1}"));
    assert!(
        both.contains("\"c0\"") && both.contains("\"c1\"") && both.matches("data: ").count() == 2,
        "{both}"
    );
    assert_eq!(said(start(2)), "");
    let large = "x".repeat(9 << 20);
    assert_eq!(said(more(2, &large)), "");
    let failed = said(more(2, &large));
    assert!(failed.starts_with("data: {\"error\":{\"code\":502,"), "{failed}");
    assert_eq!(said(StreamEvent::End), "", "nothing follows an error");
}

#[test]
fn an_upstream_without_an_end_is_cut_off() {
    let cut = decode(Gemini, &[stream(Gemini, "cut_off").as_bytes()]);
    assert!(matches!(cut.last(), Some(StreamEvent::Error(_))));
    let mut decoder = codec(Gemini).stream_decoder();
    let mut steps = Vec::new();
    decoder.finish(&mut steps);
    assert!(matches!(steps.as_slice(), [StreamEvent::Error(_)]), "{steps:?}");
    assert!(codec(Gemini).stream_decoder().decode(b"", b"<html>", &mut steps).is_err());
}

#[test]
fn googles_errors_are_read_whole_and_said_in_its_shape() {
    let body = json!({ "error": { "code": 429, "message": "Quota exceeded.", "status": "RESOURCE_EXHAUSTED",
        "details": [{ "@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "34s" }] } });
    let facts = codec(Gemini).decode_error(429, body.to_string().as_bytes());
    assert_eq!((facts.kind, facts.code.as_deref()), (ErrorKind::RateLimited, Some("RESOURCE_EXHAUSTED")));
    assert_eq!(
        facts.metadata.as_ref().and_then(|metadata| metadata.pointer("/details/0/retryDelay")),
        Some(&json!("34s"))
    );
    let said: Value = serde_json::from_slice(&codec(Gemini).encode_error(&facts)).expect("JSON");
    assert_eq!(said, body);
    let event = String::from_utf8(codec(Gemini).encode_error_event(&facts)).expect("UTF-8");
    assert_eq!(
        event,
        format!("data: {}\n\n", String::from_utf8(codec(Gemini).encode_error(&facts)).expect("UTF-8"))
    );
    let key = json!({ "error": { "code": 400, "message": "API key not valid.", "status": "INVALID_ARGUMENT",
        "details": [{ "@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "API_KEY_INVALID" }] } });
    let facts = codec(Gemini).decode_error(400, key.to_string().as_bytes());
    assert_eq!((facts.status, facts.kind), (401, ErrorKind::Authentication), "so that another key is tried");
    let listed = format!("[{body}]");
    assert_eq!(codec(Gemini).decode_error(429, listed.as_bytes()).message, "Quota exceeded.");
}

#[test]
fn our_own_errors_have_googles_words() {
    for (kind, word) in [
        (ErrorKind::InvalidRequest, "INVALID_ARGUMENT"),
        (ErrorKind::Authentication, "UNAUTHENTICATED"),
        (ErrorKind::PermissionDenied, "PERMISSION_DENIED"),
        (ErrorKind::NotFound, "NOT_FOUND"),
        (ErrorKind::PayloadTooLarge, "INVALID_ARGUMENT"),
        (ErrorKind::PaymentRequired, "FAILED_PRECONDITION"),
        (ErrorKind::RateLimited, "RESOURCE_EXHAUSTED"),
        (ErrorKind::Overloaded, "UNAVAILABLE"),
        (ErrorKind::Timeout, "DEADLINE_EXCEEDED"),
        (ErrorKind::Server, "INTERNAL"),
    ] {
        let facts = ErrorFacts {
            status: 400,
            kind,
            message: "Because.".into(),
            code: None,
            param: None,
            metadata: None,
            request_id: None,
        };
        for dialect in [Gemini, GeminiEmbeddings] {
            let said: Value = serde_json::from_slice(&codec(dialect).encode_error(&facts)).expect("JSON");
            assert_eq!(said, json!({ "error": { "code": 400, "message": "Because.", "status": word } }));
        }
    }
    let facts = ErrorFacts {
        status: 404,
        kind: ErrorKind::NotFound,
        message: "No.".into(),
        code: Some("model_not_found".into()),
        param: Some("model".into()),
        metadata: Some(json!({ "near": [] })),
        request_id: Some("gen-1".into()),
    };
    let said: Value = serde_json::from_slice(&codec(Gemini).encode_error(&facts)).expect("JSON");
    assert_eq!(
        said["error"]["details"],
        json!([
            { "@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "model_not_found" },
            { "@type": "type.googleapis.com/google.rpc.BadRequest", "fieldViolations": [{ "field": "model", "description": "No." }] },
            { "@type": "type.googleapis.com/google.rpc.RequestInfo", "requestId": "gen-1" },
        ])
    );
    let again = codec(OpenAiChat).decode_error(404, said.to_string().as_bytes());
    assert_eq!((again.param.as_deref(), again.kind), (Some("model"), ErrorKind::NotFound));
}

#[test]
fn count_tokens_bodies() {
    let body = gemini_count_tokens_answer(31);
    assert_eq!(body, br#"{"totalTokens":31}"#);
    assert_eq!(read_gemini_count_tokens(&body), Some(31));
    assert_eq!(read_gemini_count_tokens(br#"{"totalTokens":31,"promptTokensDetails":[]}"#), Some(31));
    assert_eq!(read_gemini_count_tokens(b"[]"), None);
}

#[test]
fn embeddings_answer_one_or_many() {
    let one = json!({ "embedding": { "values": [0.5, -1.25] } });
    let many = json!({ "embeddings": [{ "values": [1.0] }, { "values": [2.0] }], "usageMetadata": { "promptTokenCount": 6, "totalTokenCount": 6 } });
    for body in [&one, &many] {
        assert_eq!(&answer(GeminiEmbeddings, GeminiEmbeddings, body), body);
        let mut tap = Tap::default();
        codec(GeminiEmbeddings).tap_response(body.to_string().as_bytes(), &mut tap);
        assert!(tap.finished && tap.content_seen);
        assert_eq!(
            tap.usage.map(|usage| usage.input),
            body.pointer("/usageMetadata/promptTokenCount").and_then(Value::as_u64)
        );
    }
    let said = answer(GeminiEmbeddings, OpenAiEmbeddings, &many);
    assert_eq!(
        (&said["data"][1], &said["model"]),
        (&json!({ "object": "embedding", "index": 1, "embedding": [2.0] }), &json!("smart"))
    );
    let openai = json!({ "object": "list", "model": "small", "usage": { "prompt_tokens": 5, "total_tokens": 5 },
        "data": [{ "object": "embedding", "index": 1, "embedding": "AACAPwAAAEA=" }, { "object": "embedding", "index": 0, "embedding": [3.0] }] });
    let said = answer(OpenAiEmbeddings, GeminiEmbeddings, &openai);
    assert_eq!(
        said["embeddings"],
        json!([{ "values": [3.0] }, { "values": [1.0, 2.0] }]),
        "in the texts' order"
    );
    let read = codec(GeminiEmbeddings).decode_response(one.to_string().as_bytes()).expect("readable");
    let batch =
        codec(GeminiEmbeddings).encode_response(&read, &AnswerContext { embeds_batch: true, ..context() });
    assert_eq!(
        serde_json::from_slice::<Value>(&batch).expect("JSON"),
        json!({ "embeddings": [one["embedding"]] })
    );
    let is_batch = |body: &[u8]| codec(GeminiEmbeddings).is_second_form(body);
    assert!(is_batch(br#"{"requests":[]}"#) && !is_batch(br#"{"content":{}}"#) && !is_batch(b"[]"));
    for body in
        ["{}", r#"{"embedding":{}}"#, r#"{"embeddings":[{"values":["a"]}]}"#, r#"{"error":{"message":"no"}}"#]
    {
        assert!(codec(GeminiEmbeddings).decode_response(body.as_bytes()).is_err(), "{body}");
    }
}
