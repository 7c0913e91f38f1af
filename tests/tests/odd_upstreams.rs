//! Upstreams that answer in other ways than they were asked, or fail where it is easy to overlook.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::string_slice,
    reason = "a test ends where its ground gives way"
)]

use serde_json::json;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use yumen_testkit::{Gateway, KEY, Reply, Step, Upstream, eventually};
use yumen_tests::{CHAT, SURFACES, ask, ask_stream, combinations, record_of};

fn chunk(choices: &str, usage: &str) -> String {
    format!(
        "data: {{\"id\":\"c\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"m\",\"choices\":{choices},\"usage\":{usage}}}\n\n"
    )
}

#[tokio::test]
async fn pitfall_25_usage_that_was_told_twice_is_withheld_all_the_same() {
    let upstream = Upstream::start().await;
    upstream.script(|_| {
        let usage = r#"{"prompt_tokens":3,"completion_tokens":2,"total_tokens":5}"#;
        Some(Reply::stream([
            chunk(
                r#"[{"index":0,"delta":{"role":"assistant","content":"Hi"},"finish_reason":null}]"#,
                "null",
            ),
            chunk(r#"[{"index":0,"delta":{},"finish_reason":"stop"}]"#, usage),
            chunk("[]", usage),
            "data: [DONE]\n\n".to_owned(),
        ]))
    });
    let gateway = Gateway::before(&upstream).await;
    let answer = gateway.client().post(CHAT, &ask_stream("fake-openai/fake-chat")).await.expect_status(200);
    for event in answer.events().iter().filter(|event| !event.is_done()) {
        assert_eq!(event.json()["choices"].as_array().unwrap().len(), 1, "{event:?}");
    }
    let record = record_of(&gateway.client(), answer.header("x-generation-id")).await;
    assert_eq!((&record["tokens_prompt"], &record["tokens_completion"]), (&json!(3), &json!(2)));
}

#[tokio::test]
async fn pitfall_47_a_whole_answer_is_told_as_the_stream_that_was_asked_for() {
    let upstream = Upstream::start().await;
    upstream.script(|request| Some(whole_answer(&request.path)));
    let gateway = Gateway::before(&upstream).await;
    for (surface, provider) in combinations() {
        let answer = surface.ask(&gateway.client(), &format!("{provider}/fake-chat"), true).await;
        let what = format!("{surface:?} {provider}: {}", answer.text());
        assert_eq!((answer.status, answer.header("content-type")), (200, surface.stream_type()), "{what}");
        assert_eq!(surface.stream_text(&answer.events()), "All at once.", "{what}");
        let record = record_of(&gateway.client(), answer.header("x-generation-id")).await;
        assert_eq!(
            (&record["tokens_prompt"], &record["tokens_completion"]),
            (&json!(4), &json!(3)),
            "{what}"
        );
    }
}

fn whole_answer(path: &str) -> Reply {
    let usage = json!({ "input_tokens": 4, "output_tokens": 3 });
    let text = "All at once.";
    let whole = match path {
        "/v1/messages" => json!({ "id": "msg_1", "type": "message", "role": "assistant", "model": "m",
            "stop_reason": "end_turn", "stop_sequence": null, "content": [{ "type": "text", "text": text }],
            "usage": usage }),
        "/v1/responses" => {
            json!({ "id": "resp_1", "object": "response", "created_at": 1, "status": "completed",
            "model": "m", "output": [{ "id": "msg_1", "type": "message", "status": "completed", "role": "assistant",
                "content": [{ "type": "output_text", "text": text, "annotations": [] }] }], "usage": usage })
        }
        "/v1/chat/completions" => json!({ "id": "c", "object": "chat.completion", "created": 1, "model": "m",
            "choices": [{ "index": 0, "finish_reason": "stop", "message": { "role": "assistant", "content": text } }],
            "usage": { "prompt_tokens": 4, "completion_tokens": 3, "total_tokens": 7 } }),
        "/api/chat" => {
            json!({ "model": "m", "message": { "role": "assistant", "content": text }, "done": true,
            "done_reason": "stop", "prompt_eval_count": 4, "eval_count": 3 })
        }
        path if path.starts_with("/model/") => json!({ "stopReason": "end_turn",
            "output": { "message": { "role": "assistant", "content": [{ "text": text }] } },
            "usage": { "inputTokens": 4, "outputTokens": 3, "totalTokens": 7 } }),
        _ => json!({ "candidates": [{ "content": { "parts": [{ "text": text }], "role": "model" },
                "finishReason": "STOP", "index": 0 }], "modelVersion": "m", "responseId": "r",
            "usageMetadata": { "promptTokenCount": 4, "candidatesTokenCount": 3, "totalTokenCount": 7 } }),
    };
    Reply::json(200, &whole)
}

#[tokio::test]
async fn a_stream_without_its_media_type_is_still_a_stream() {
    let upstream = Upstream::start().await;
    let body = [
        chunk(r#"[{"index":0,"delta":{"role":"assistant","content":"Hi"},"finish_reason":"stop"}]"#, "null"),
        "data: [DONE]\n\n".to_owned(),
    ]
    .concat();
    upstream.script(move |_| Some(Reply::whole(200, "text/plain", body.clone())));
    let gateway = Gateway::before(&upstream).await;
    for surface in SURFACES {
        let answer = surface.ask(&gateway.client(), "fake-openai/fake-chat", true).await.expect_status(200);
        assert_eq!(surface.stream_text(&answer.events()), "Hi", "{surface:?}");
    }
}

#[tokio::test]
async fn a_stream_that_was_not_asked_for_is_no_answer() {
    let upstream = Upstream::start().await;
    upstream.script(|_| Some(Reply::stream(["data: [DONE]\n\n"])));
    let gateway = Gateway::before(&upstream).await;
    let answer = gateway.client().post(CHAT, &ask("fake-openai/fake-chat")).await.expect_status(502);
    assert_eq!(answer.json()["error"]["code"], "upstream_invalid");
}

#[tokio::test]
async fn what_is_no_answer_at_all_is_an_error() {
    let upstream = Upstream::start().await;
    let gateway = Gateway::before(&upstream).await;
    for body in ["", "<html>a portal</html>", "[]"] {
        upstream.script(move |_| Some(Reply::whole(200, "application/json", body)));
        for (surface, provider) in combinations() {
            surface.ask(&gateway.client(), &format!("{provider}/fake-chat"), false).await.expect_status(502);
        }
    }
    upstream.script(|_| {
        Some(Reply::whole(302, "text/plain", "elsewhere").header("location", "http://127.0.0.1:1/"))
    });
    let answer = gateway.client().post(CHAT, &ask("fake-openai/fake-chat")).await.expect_status(502);
    assert_eq!(answer.header("location"), "");
}

#[tokio::test]
async fn a_credential_in_a_streams_error_is_taken_out() {
    let upstream = Upstream::start().await;
    upstream.script(|request| {
        let [content, error] = match request.path.as_str() {
            "/v1/messages" => [
                "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"Hi\"}}\n\n".to_owned(),
                "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"api_error\",\"message\":\"invalid key upstream-anthropic-secret\"}}\n\n".to_owned(),
            ],
            "/v1/responses" => [
                "event: response.output_text.delta\ndata: {\"type\":\"response.output_text.delta\",\"sequence_number\":1,\"item_id\":\"m\",\"output_index\":0,\"content_index\":0,\"delta\":\"Hi\"}\n\n".to_owned(),
                "event: error\ndata: {\"type\":\"error\",\"sequence_number\":2,\"code\":\"server_error\",\"message\":\"invalid key upstream-responses-secret\",\"param\":null}\n\n".to_owned(),
            ],
            "/v1/chat/completions" => [
                chunk(r#"[{"index":0,"delta":{"role":"assistant","content":"Hi"},"finish_reason":null}]"#, "null"),
                "data: {\"error\":{\"type\":\"api_error\",\"message\":\"invalid key upstream-openai-secret\"}}\n\n".to_owned(),
            ],
            "/api/chat" => [
                "{\"message\":{\"role\":\"assistant\",\"content\":\"Hi\"},\"done\":false}\n".to_owned(),
                "{\"error\":\"invalid key upstream-ollama-secret\"}\n".to_owned(),
            ],
            path if path.starts_with("/model/") => {
                let content = "event: contentBlockDelta\ndata: {\"contentBlockIndex\":0,\"delta\":{\"text\":\"Hi\"}}\n\n";
                let error = "exception: validationException\ndata: {\"message\":\"invalid key upstream-bedrock-secret\"}\n\n";
                return Some(Reply::binary_stream([content, error]));
            }
            _ => [
                "data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"Hi\"}],\"role\":\"model\"},\"index\":0}]}\r\n\r\n".to_owned(),
                "data: {\"error\":{\"code\":401,\"message\":\"invalid key upstream-gemini-secret\",\"status\":\"UNAUTHENTICATED\"}}\r\n\r\n".to_owned(),
            ],
        };
        let in_lines = request.path == "/api/chat";
        Some(if in_lines { Reply::lines([content, error]) } else { Reply::stream([content, error]) })
    });
    let gateway = Gateway::before(&upstream).await;
    for (surface, provider) in combinations() {
        let answer = surface.ask(&gateway.client(), &format!("{provider}/fake-chat"), true).await;
        let text = answer.expect_status(200).text();
        assert!(
            text.contains("invalid key [redacted]") && !text.contains("-secret"),
            "{surface:?} {provider}: {text}"
        );
    }
}

#[tokio::test]
async fn after_an_error_event_the_stream_is_over() {
    let upstream = Upstream::start().await;
    upstream.script(|_| {
        let content = chunk(
            r#"[{"index":0,"delta":{"role":"assistant","content":"Hi"},"finish_reason":null}]"#,
            "null",
        );
        let error = "data: {\"error\":{\"message\":\"overloaded\",\"type\":\"server_error\"}}\n\n".to_owned();
        Some(Reply::stream([content, error]).insert(2, Step::Hang))
    });
    let gateway = Gateway::before(&upstream).await;
    for surface in SURFACES {
        let answer = surface.ask(&gateway.client(), "fake-openai/fake-chat", true).await;
        let errors = surface.stream_errors(&answer.events());
        assert_eq!(errors, ["overloaded"], "{surface:?}: {}", answer.text());
        let record = record_of(&gateway.client(), answer.header("x-generation-id")).await;
        assert_eq!(record["outcome"], "failed");
        assert!(record["provider_responses"][0]["cause"].is_string(), "{record}");
    }
}

#[tokio::test]
async fn a_client_that_leaves_while_the_upstream_works_is_recorded_with_its_attempt() {
    let upstream = Upstream::start().await;
    let gateway = Gateway::before(&upstream).await;
    let client = gateway.client();
    let waiting =
        tokio::spawn(async move { client.post(CHAT, &ask("fake-openai/fake-never-answers")).await });
    upstream.until("the request upstream", |counts| counts.open == 1).await;
    waiting.abort();
    let logged = async || {
        let log = gateway.log();
        let line = log.lines().find(|line| line.contains("\"client_gone\""))?;
        serde_json::from_str::<serde_json::Value>(&line[line.find('{')?..]).ok()
    };
    let line = eventually("the exchange's log line", logged).await;
    assert_eq!(line["provider"], "fake-openai");
    assert_eq!(line["attempts"], 1);
    assert!(line["input_tokens"].as_u64().unwrap() > 0 && line["cost_nanos"].as_u64().unwrap() > 0, "{line}");
    assert_eq!(line["token_source"], "estimated");
    assert!(line["overhead_us"].as_u64().unwrap() < line["total_us"].as_u64().unwrap(), "{line}");
}

#[tokio::test]
async fn vectors_come_in_the_form_that_was_asked_for() {
    let upstream = Upstream::start().await;
    upstream.script(|_| {
        Some(Reply::json(
            200,
            &json!({ "object": "list", "model": "m", "usage": { "prompt_tokens": 1, "total_tokens": 1 },
            "data": [{ "object": "embedding", "index": 0, "embedding": [1.0, -2.5] }] }),
        ))
    });
    let gateway = Gateway::before(&upstream).await;
    let ask = |form: &str| json!({ "model": "fake-openai/fake-chat", "input": "x", "encoding_format": form });
    let floats = gateway.client().post("/v1/embeddings", &ask("float")).await.expect_status(200);
    assert_eq!(floats.json()["data"][0]["embedding"], json!([1.0, -2.5]));
    let packed = gateway.client().post("/v1/embeddings", &ask("base64")).await.expect_status(200);
    assert_eq!(packed.json()["data"][0]["embedding"], "AACAPwAAIMA=");
}

#[tokio::test]
async fn pitfall_14_event_names_are_kept() {
    let upstream = Upstream::start().await;
    let named = "event: message\ndata: {\"id\":\"c\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"Hi\"},\"finish_reason\":\"stop\"}]}\n\n";
    let unknown = "event: vendor.note\nid: 7\ndata: {\"note\":1}\n\n";
    upstream.script(move |_| Some(Reply::stream([named, unknown, "data: [DONE]\n\n"])));
    let gateway = Gateway::before(&upstream).await;
    let answer = gateway.client().post(CHAT, &ask_stream("fake-openai/fake-chat")).await.expect_status(200);
    assert_eq!(
        answer.text(),
        [named, unknown, "data: [DONE]\n\n"].concat(),
        "every byte, names and ids included"
    );
}

#[tokio::test]
async fn pitfall_23_incomplete_and_failed_answers_are_terminal_and_counted() {
    let upstream = Upstream::start().await;
    let gateway = Gateway::before(&upstream).await;
    let usage = r#"{"prompt_tokens":9,"completion_tokens":4,"total_tokens":13}"#;
    let begun =
        chunk(r#"[{"index":0,"delta":{"role":"assistant","content":"Hi"},"finish_reason":null}]"#, usage);
    for (last, outcome, reason) in [
        (chunk(r#"[{"index":0,"delta":{},"finish_reason":"length"}]"#, usage), "completed", json!("length")),
        (
            "data: {\"error\":{\"message\":\"gone\",\"type\":\"server_error\"}}\n\n".to_owned(),
            "failed",
            json!(null),
        ),
    ] {
        let begun = begun.clone();
        upstream.script(move |_| Some(Reply::stream([begun.clone(), last.clone()])));
        for surface in SURFACES {
            let answer =
                surface.ask(&gateway.client(), "fake-openai/fake-chat", true).await.expect_status(200);
            let record = record_of(&gateway.client(), answer.header("x-generation-id")).await;
            let what = format!("{surface:?}: {record}");
            assert_eq!((&record["outcome"], &record["finish_reason"]), (&json!(outcome), &reason), "{what}");
            let tokens = (&record["tokens_prompt"], &record["tokens_completion"]);
            assert_eq!(tokens, (&json!(9), &json!(4)), "{what}");
        }
    }
}

/// The HTTP library does not look for the end of a connection as long as it holds bytes behind the request.
#[tokio::test]
async fn a_client_that_leaves_with_bytes_behind_its_request_is_noticed() {
    let upstream = Upstream::start().await;
    let gateway = Gateway::before(&upstream).await;
    let body = ask("fake-openai/fake-never-answers").to_string();
    let head = format!(
        "POST {CHAT} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {KEY}\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    for behind in ["\r\n", head.as_str(), "GET / HTTP/1.1\r\nhost: x\r\n\r\n"] {
        let aborted = upstream.counts().aborted;
        let mut stream = TcpStream::connect(gateway.address()).await.unwrap();
        stream.write_all(format!("{head}{body}{behind}").as_bytes()).await.unwrap();
        upstream.until("the request upstream", |counts| counts.open == 1).await;
        drop(stream);
        upstream
            .until("the abort upstream", |counts| counts.aborted == aborted + 1 && counts.open == 0)
            .await;
    }
}

#[tokio::test]
async fn large_vectors_are_no_tokens() {
    let upstream = Upstream::start().await;
    upstream.script(|request| {
        let numbers = vec!["0.123456789"; 300_000].join(",");
        let usage = if request.model() == "fake-slow" { ",\"usage\":{\"prompt_tokens\":7,\"total_tokens\":7}" } else { "" };
        Some(Reply::whole(
            200,
            "application/json",
            format!("{{\"object\":\"list\",\"data\":[{{\"object\":\"embedding\",\"index\":0,\"embedding\":[{numbers}]}}],\"model\":\"m\"{usage}}}"),
        ))
    });
    let gateway = Gateway::before(&upstream).await;
    for (model, source) in [("fake-slow", "reported"), ("fake-chat", "estimated")] {
        let body = json!({ "model": format!("fake-openai/{model}"), "input": "Hi" });
        let answer = gateway.client().post("/v1/embeddings", &body).await.expect_status(200);
        assert!(answer.body.len() > 3_000_000);
        let record = record_of(&gateway.client(), answer.header("x-generation-id")).await;
        assert_eq!(record["tokens_completion"], 0, "{model}: {record}");
        assert_eq!(record["tokens_source"], source, "{model}: {record}");
    }
}

#[tokio::test]
async fn counts_beyond_all_measure_cost_no_fortune() {
    let upstream = Upstream::start().await;
    upstream.script(|_| {
        let message = json!({ "role": "assistant", "content": "Hi" });
        Some(Reply::json(
            200,
            &json!({ "id": "x", "object": "chat.completion", "created": 1, "model": "m",
                "choices": [{ "index": 0, "message": message, "finish_reason": "stop" }],
                "usage": { "prompt_tokens": u64::MAX, "completion_tokens": u64::MAX, "total_tokens": u64::MAX } }),
        ))
    });
    let gateway = Gateway::before(&upstream).await;
    let answer = gateway.client().post(CHAT, &ask("fake-openai/fake-chat")).await.expect_status(200);
    let record = record_of(&gateway.client(), answer.header("x-generation-id")).await;
    assert!(record["tokens_prompt"].as_u64().unwrap() <= 1_000_000_000, "{record}");
    assert!(record["total_cost"].as_f64().unwrap() <= 10_000.0, "{record}");
}

#[tokio::test]
async fn what_another_service_tier_costs_is_left_empty() {
    let upstream = Upstream::start().await;
    upstream.script(|request| {
        let body: serde_json::Value = serde_json::from_slice(&request.body).unwrap_or_default();
        let (tier, usage) = (
            &body["service_tier"],
            json!({ "prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10 }),
        );
        if body["stream"] == true {
            let chunk = |choices: serde_json::Value, usage: &serde_json::Value| {
                let chunk = json!({ "id": "x", "object": "chat.completion.chunk", "created": 1, "model": "m",
                    "choices": choices, "service_tier": tier, "usage": usage });
                format!("data: {chunk}\n\n")
            };
            let delta = json!({ "role": "assistant", "content": "Hi" });
            return Some(Reply::stream([
                chunk(json!([{ "index": 0, "delta": delta, "finish_reason": "stop" }]), &json!(null)),
                chunk(json!([]), &usage),
                "data: [DONE]\n\n".to_owned(),
            ]));
        }
        let message = json!({ "role": "assistant", "content": "Hi" });
        Some(Reply::json(
            200,
            &json!({ "id": "x", "object": "chat.completion", "created": 1, "model": "m",
                "choices": [{ "index": 0, "message": message, "finish_reason": "stop" }],
                "usage": usage, "service_tier": tier }),
        ))
    });
    let gateway = Gateway::before(&upstream).await;
    for (tier, priced) in [("default", true), ("flex", false), ("priority", false)] {
        for mut body in [ask("fake-openai/fake-chat"), ask_stream("fake-openai/fake-chat")] {
            body["service_tier"] = tier.into();
            let answer = gateway.client().post(CHAT, &body).await.expect_status(200);
            let record = record_of(&gateway.client(), answer.header("x-generation-id")).await;
            assert_eq!(record["tokens_prompt"], 7, "{record}");
            assert_eq!(record["total_cost"].as_f64().is_some_and(|cost| cost > 0.0), priced, "{record}");
        }
    }
}

#[tokio::test]
async fn an_error_in_a_success_tells_no_secret() {
    let upstream = Upstream::start().await;
    upstream.script(|request| {
        let sent = ["authorization", "x-api-key", "x-goog-api-key"].map(|name| request.header(name)).concat();
        let secret = sent.replace("Bearer ", "");
        Some(Reply::json(200, &json!({ "error": { "message": format!("bad key {secret}"), "code": 400 } })))
    });
    let gateway = Gateway::before(&upstream).await;
    for (surface, provider) in combinations() {
        let answer = surface.ask(&gateway.client(), &format!("{provider}/fake-chat"), false).await;
        let text = answer.expect_status(400).text();
        assert!(text.contains("bad key") && !text.contains("-secret"), "{surface:?} {provider}: {text}");
    }
}
