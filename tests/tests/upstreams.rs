//! Dialects that are spoken with providers only, over sockets: clients of OpenAI's and Anthropic's get whole answers and
//! streams from each, what is used is recorded, errors mean what they say, and requests look as the vendors want them.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test ends where its ground gives way"
)]

use http::Method;
use serde_json::{Value, json};
use yumen_testkit::{Gateway, Reply, Step, Upstream, wide_config};
use yumen_tests::{CHAT, MESSAGES, Surface, TEXT, ask, ask_stream, record_of};

/// The providers, where each is asked for a whole answer and for a stream, and what a record says of why it ended.
const PROVIDERS: [(&str, &str, &str, Option<&str>); 6] = [
    (
        "dashscope",
        "/api/v1/services/aigc/text-generation/generation",
        "/api/v1/services/aigc/text-generation/generation",
        Some("stop"),
    ),
    ("dify", "/v1/chat-messages?app=fake-chat", "/v1/chat-messages?app=fake-chat", Some("message_end")),
    ("coze", "/v3/chat", "/v3/chat", Some("completed")),
    ("triton", "/v2/models/fake-chat/generate", "/v2/models/fake-chat/generate_stream", Some("stop")),
    ("replicate", "/v1/models/fake-chat/predictions", "/v1/files/fake-chat", Some("succeeded")),
    ("deepl", "/v2/translate", "/v2/translate", None),
];

async fn pair() -> (Upstream, Gateway) {
    let upstream = Upstream::start().await;
    let gateway = Gateway::start(&wide_config(&upstream)).await;
    (upstream, gateway)
}

#[tokio::test]
async fn clients_are_answered_whole_and_streamed_and_what_is_used_is_recorded() {
    let (upstream, gateway) = pair().await;
    for (name, whole, streamed, finish) in PROVIDERS {
        for surface in [Surface::Chat, Surface::Messages] {
            for stream in [false, true] {
                let model = format!("fake-{name}/fake-chat");
                let answer = surface.ask(&gateway.client(), &model, stream).await.expect_status(200);
                let text = if stream {
                    assert_eq!(answer.header("content-type"), surface.stream_type(), "{name}");
                    surface.stream_text(&answer.events())
                } else {
                    surface.text(&answer)
                };
                assert_eq!(text, TEXT, "{name} {surface:?} {stream}");
                let sent = upstream.last();
                assert_eq!(sent.path, if stream { streamed } else { whole });
                let scheme = if name == "deepl" { "DeepL-Auth-Key" } else { "Bearer" };
                assert_eq!(sent.header("authorization"), format!("{scheme} upstream-{name}-secret"));
                let record = record_of(&gateway.client(), answer.header("x-generation-id")).await;
                assert_eq!(record["finish_reason"].as_str(), finish, "{name}: {record}");
                assert_eq!(record["streamed"], json!(stream), "{name}");
                let counted = ["tokens_prompt", "tokens_completion"].map(|name| record[name].as_u64());
                if name == "deepl" || name == "replicate" && stream {
                    // Nobody has counted tokens: both are estimated.
                    assert!(counted.iter().all(|count| count.is_some_and(|count| count > 0)), "{record}");
                } else {
                    assert_eq!(counted, [Some(21), Some(7)], "{name} {surface:?} {stream}: {record}");
                    assert_eq!(record["cost_nanos"], json!(21 * 1_500 + 7 * 6_000), "{name}: {record}");
                }
            }
        }
    }
}

#[tokio::test]
async fn requests_look_as_the_vendors_want_them() {
    let (upstream, gateway) = pair().await;
    let client = gateway.client();
    for stream in [false, true] {
        let body =
            if stream { ask_stream("fake-dashscope/fake-chat") } else { ask("fake-dashscope/fake-chat") };
        client.post(CHAT, &body).await.expect_status(200);
        let (sent, header) = (upstream.last().json(), if stream { "enable" } else { "" });
        assert_eq!(upstream.last().header("x-dashscope-sse"), header);
        assert_eq!(sent["parameters"]["incremental_output"].as_bool(), stream.then_some(true));
        for (provider, field, value) in [
            ("fake-dify", "response_mode", json!("streaming")),
            ("fake-coze", "stream", json!(true)),
            ("fake-replicate", "input", json!({ "prompt": "What is it?", "max_tokens": 64 })),
            ("fake-deepl", "target_lang", json!("FAKE-CHAT")),
        ] {
            let mut body = ask(&format!("{provider}/fake-chat"));
            body["stream"] = json!(stream);
            client.post(CHAT, &body).await.expect_status(200);
            let asked = upstream.requests().into_iter().rev().find(|request| request.method == Method::POST);
            let asked = asked.unwrap();
            assert_eq!(asked.json()[field], value, "{provider} {stream}");
            let accept = asked.header("accept").to_owned();
            let asks_stream = matches!(provider, "fake-dify" | "fake-coze");
            let expected = if asks_stream { "text/event-stream" } else { "application/json" };
            assert_eq!(accept, expected, "{provider} {stream}");
        }
    }
    client.post(CHAT, &ask("fake-replicate/fake-chat")).await.expect_status(200);
    assert_eq!(upstream.last().header("prefer"), "wait");
    client.post(CHAT, &ask("fake-replicate/meta/llama-3")).await.expect_status(200);
    assert_eq!(upstream.last().path, "/v1/models/meta/llama-3/predictions");
    upstream.script(|request| {
        let answer = json!({ "id": "p-1", "status": "succeeded", "output": [TEXT], "metrics": {} });
        (request.path == "/v1/predictions").then(|| Reply::json(201, &answer))
    });
    client.post(CHAT, &ask("fake-replicate/owner/name:5c7d5dc6")).await.expect_status(201);
    assert_eq!(upstream.last().json()["version"], "owner/name:5c7d5dc6");
    let mut asked = ask("fake-dashscope/fake-chat");
    let url = json!({ "type": "image_url", "image_url": { "url": "https://example.com/a.png" } });
    asked["messages"][0]["content"] = json!([url, { "type": "text", "text": "What is it?" }]);
    let answer = client.post(CHAT, &asked).await.expect_status(200);
    assert_eq!(Surface::Chat.text(&answer), TEXT, "lists of parts are read");
    assert_eq!(upstream.last().path, "/api/v1/services/aigc/multimodal-generation/generation");
}

#[tokio::test]
async fn errors_mean_what_they_say() {
    let (_upstream, gateway) = pair().await;
    for (name, ..) in PROVIDERS {
        for surface in [Surface::Chat, Surface::Messages] {
            for stream in [false, true] {
                for status in [400, 401, 429] {
                    let model = format!("fake-{name}/fake-{status}");
                    let answer = surface.ask(&gateway.client(), &model, stream).await;
                    // A refused credential rests, and then there is none: whoever asks next is told the same.
                    assert_eq!(answer.status, status, "{name} {surface:?} {stream}: {}", answer.text());
                    let message = surface.error_message(&answer.json());
                    assert!(message.contains(&format!("fake upstream says {status}")), "{name}: {message}");
                }
            }
        }
    }
}

#[tokio::test]
async fn a_stream_that_breaks_off_is_no_whole_answer() {
    let (upstream, gateway) = pair().await;
    for (model, status, message) in [
        ("fake-coze/fake-error-event", 500, "fake upstream broke down"),
        ("fake-dify/fake-error-event", 500, "fake upstream broke down"),
        ("fake-coze/fake-error-first", 500, "fake upstream broke down"),
        ("fake-coze/fake-cut-mid-stream", 502, "broke off"),
        ("fake-dify/fake-cut-first", 502, "broke before an answer"),
    ] {
        let mut body = ask(model);
        let answer = gateway.client().post(CHAT, &body).await;
        assert_eq!(answer.status, status, "{model}: {}", answer.text());
        let said = Surface::Chat.error_message(&answer.json());
        assert!(said.contains(message), "{model}: {said}");
        // Nothing was told yet, so that another can take over.
        body["models"] = json!(["fake-openai/fake-chat"]);
        let answer = gateway.client().post(CHAT, &body).await.expect_status(200);
        assert_eq!(Surface::Chat.text(&answer), TEXT, "{model}");
    }
    // An end that was never said, too.
    upstream.script(|request| {
        let delta = json!({ "role": "assistant", "type": "answer", "content": "Hel" });
        let event = format!("event:conversation.message.delta\ndata:{delta}\n\n");
        (request.path == "/v3/chat").then(|| Reply::stream([event]))
    });
    let answer = gateway.client().post(CHAT, &ask("fake-coze/fake-chat")).await.expect_status(502);
    assert!(answer.text().contains("broke off"), "{}", answer.text());
}

#[tokio::test]
async fn hostile_answers_become_clear_errors() {
    let (upstream, gateway) = pair().await;
    for reply in [
        Reply::json(200, &json!({})),
        Reply::json(200, &json!([])),
        Reply::json(
            200,
            &json!({ "output": { "choices": 7 }, "translations": {}, "status": "succeeded", "code": 5000 }),
        ),
        Reply::whole(200, "application/json", "{\"output\": {\"choices\": [oops"),
        Reply::whole(200, "text/html", "<html>Hello</html>"),
        Reply::stream(["data: {oops\n\n", "data: 7\n\n"]),
        Reply::stream(["data: []\n\n"]).insert(1, Step::Cut),
        Reply::stream(Vec::<String>::new()),
    ] {
        let sent = reply.clone();
        upstream.script(move |_| Some(sent.clone()));
        for (name, ..) in PROVIDERS {
            for (surface, stream) in
                [(Surface::Chat, false), (Surface::Chat, true), (Surface::Messages, true)]
            {
                let model = format!("fake-{name}/fake-chat");
                let answer = surface.ask(&gateway.client(), &model, stream).await;
                assert!(answer.status >= 500, "{name} {stream}: {} {reply:?}", answer.text());
                assert!(!surface.error_message(&answer.json()).is_empty(), "{name}: {}", answer.text());
            }
        }
    }
    // Numbers, lists and texts where others are expected are read as nothing, not as a panic.
    let odd = json!({ "output": { "choices": [{ "message": { "content": 7, "tool_calls": [{}] } }] } });
    upstream.script(move |_| Some(Reply::json(200, &odd)));
    let answer = gateway.client().post(CHAT, &ask("fake-dashscope/fake-chat")).await.expect_status(200);
    assert_eq!(answer.json()["choices"][0]["message"]["tool_calls"][0]["function"]["name"], "");
}

#[tokio::test]
async fn coze_says_errors_under_a_good_status() {
    let (upstream, gateway) = pair().await;
    for (code, status) in [(4_000, 400), (4_011, 402), (4_013, 429), (4_100, 401), (4_200, 404), (5_000, 500)]
    {
        upstream.script(move |_| Some(Reply::json(200, &json!({ "code": code, "msg": "so it is" }))));
        for stream in [false, true] {
            let mut body = ask(&format!("fake-coze/agent-{code}"));
            body["stream"] = json!(stream);
            let answer = gateway.client().post(CHAT, &body).await.expect_status(status);
            assert_eq!(Surface::Chat.error_message(&answer.json()), "so it is", "{code}");
        }
    }
}

#[tokio::test]
async fn a_prediction_that_is_not_ready_is_told_as_timed_out() {
    let (upstream, gateway) = pair().await;
    for (status, error, told) in
        [("processing", Value::Null, 504), ("failed", json!("CUDA out of memory"), 500)]
    {
        let prediction = json!({ "id": "p-1", "status": status, "output": null, "error": error });
        upstream.script(move |_| Some(Reply::json(201, &prediction)));
        for surface in [Surface::Chat, Surface::Messages] {
            let answer = surface.ask(&gateway.client(), "fake-replicate/fake-chat", true).await;
            assert_eq!(answer.status, told, "{}", answer.text());
        }
    }
}

#[tokio::test]
async fn a_spent_account_of_deepl_is_left_for_another() {
    let upstream = Upstream::start().await;
    upstream.script(|request| {
        let spent = request.header("authorization") == "DeepL-Auth-Key spent";
        spent.then(|| Reply::json(456, &json!({ "message": "Quota exceeded" })))
    });
    let config = format!(
        "providers:\n  two-keys:\n    type: deepl\n    base_url: \"{}\"\n    credentials: [ {{ secret: spent }}, {{ secret: good }} ]\n",
        upstream.plain_base()
    );
    let gateway = Gateway::start(&wide_config(&upstream).replacen("providers:\n", &config, 1)).await;
    for _ in 0..3 {
        let answer = gateway.client().post(CHAT, &ask("two-keys/de")).await.expect_status(200);
        assert_eq!(Surface::Chat.text(&answer), TEXT);
    }
    let seen: Vec<String> =
        upstream.requests().iter().map(|request| request.header("authorization").to_owned()).collect();
    assert!(seen.iter().filter(|key| key.ends_with("spent")).count() <= 1, "it rests: {seen:?}");
}

#[tokio::test]
async fn embeddings_are_served_by_bedrock_and_vertex() {
    let upstream = Upstream::start().await;
    upstream.script(|request| {
        let body = request.json();
        let count = body["texts"].as_array().or(body["instances"].as_array()).map_or(1, Vec::len);
        let vector = json!([0.5, -1.0]);
        let prediction = json!({ "embeddings": { "values": vector, "statistics": { "token_count": 4, "truncated": false } } });
        match request.path.as_str() {
            "/model/amazon.titan-embed-text-v2%3A0/invoke" => {
                Some(Reply::json(200, &json!({ "embedding": vector, "inputTextTokenCount": 5 })))
            }
            "/model/cohere.embed-v4%3A0/invoke" => {
                let lists = vec![vector; count];
                Some(Reply::json(200, &json!({ "id": "e-1", "embeddings": { "float": lists } })))
            }
            "/v1/projects/p/locations/eu-west1/publishers/google/models/text-embedding-005:predict" => {
                Some(Reply::json(200, &json!({ "predictions": vec![prediction; count] })))
            }
            _ => None,
        }
    });
    let base = upstream.plain_base();
    let config = format!(
        "providers:\n  aws:\n    type: bedrock\n    base_url: \"{base}\"\n    parameters: {{ region: us-east-1 }}\n    credentials: [ {{ secret: s, fields: {{ access_key_id: A }} }} ]\n  google:\n    type: vertex\n    base_url: \"{base}\"\n    parameters: {{ project: p, region: eu-west1 }}\n    auth: {{ scheme: bearer }}\n    credentials: [ {{ secret: s }} ]\n"
    );
    let gateway = Gateway::start(&wide_config(&upstream).replacen("providers:\n", &config, 1)).await;
    let embed = async |model: &str, input: Value| {
        let body = json!({ "model": model, "input": input });
        let answer = gateway.client().post("/v1/embeddings", &body).await;
        (answer.status, answer.json())
    };
    let (status, told) = embed("aws/amazon.titan-embed-text-v2:0", json!("a")).await;
    assert_eq!((status, &told["data"][0]["embedding"]), (200, &json!([0.5, -1.0])), "{told}");
    assert_eq!(told["usage"]["prompt_tokens"], 5);
    assert!(upstream.last().header("authorization").starts_with("AWS4-HMAC-SHA256 "));
    assert_eq!(upstream.last().json(), json!({ "inputText": "a" }));
    let (status, told) = embed("aws/amazon.titan-embed-text-v2:0", json!(["a", "b"])).await;
    assert_eq!((status, &told["error"]["param"]), (400, &json!("input")), "{told}");
    let (status, told) = embed("aws/cohere.embed-v4:0", json!(["a", "b"])).await;
    assert_eq!((status, told["data"].as_array().unwrap().len()), (200, 2), "{told}");
    let (status, told) = embed("google/text-embedding-005", json!(["a", "b"])).await;
    assert_eq!((status, &told["usage"]["prompt_tokens"]), (200, &json!(8)), "{told}");
    let ollama = json!({ "model": "google/text-embedding-005", "input": "a" });
    let answer = gateway.client().post("/api/embed", &ollama).await.expect_status(200).json();
    assert_eq!(answer["embeddings"], json!([[0.5, -1.0]]));
}

#[tokio::test]
async fn betas_of_a_client_reach_claude_on_vertex() {
    let upstream = Upstream::start().await;
    let config = format!(
        "providers:\n  claude:\n    type: vertex-anthropic\n    base_url: \"{}\"\n    parameters: {{ project: p }}\n    auth: {{ scheme: bearer }}\n    credentials: [ {{ secret: s }} ]\n",
        upstream.plain_base()
    );
    upstream.script(|request| {
        let answer = json!({ "id": "msg_1", "type": "message", "role": "assistant", "model": "claude",
            "content": [{ "type": "text", "text": TEXT }], "stop_reason": "end_turn",
            "usage": { "input_tokens": 9, "output_tokens": 5 } });
        request.path.contains(":rawPredict").then(|| Reply::json(200, &answer))
    });
    let gateway = Gateway::start(&wide_config(&upstream).replacen("providers:\n", &config, 1)).await;
    let betas = gateway.anthropic_client().header("anthropic-beta", "context-1m-2025-08-07,other");
    betas.post(MESSAGES, &ask("claude/claude-x")).await.expect_status(200);
    let sent = upstream.last().json();
    assert_eq!(sent["anthropic_beta"], json!(["context-1m-2025-08-07", "other"]));
    assert_eq!(sent["anthropic_version"], "vertex-2023-10-16");
    gateway.client().post(CHAT, &ask("claude/claude-x")).await.expect_status(200);
    assert!(upstream.last().json().get("anthropic_beta").is_none());
}
