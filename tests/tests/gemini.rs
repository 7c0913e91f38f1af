//! Google's dialect over sockets: its clients before every upstream, and every client before its upstream.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test ends where its ground gives way"
)]

use serde_json::{Value, json};
use yumen_testkit::{Client, Gateway, KEY, Received, Reply, Step, Upstream, standard_config};
use yumen_tests::{CHAT, MESSAGES, TEXT, ask, ask_stream, record_of, stream_text, whole_text};

const PIECES: [&str; 3] = ["Hello from ", "the fake ", "gate 玉门."];

fn event(text: &str, finish: Option<&str>) -> Value {
    let mut candidate = json!({ "content": { "parts": [{ "text": text }], "role": "model" }, "index": 0 });
    if let Some(finish) = finish {
        candidate["finishReason"] = finish.into();
    }
    json!({ "candidates": [candidate], "modelVersion": "gemini-fake", "responseId": "resp-1",
            "usageMetadata": { "promptTokenCount": 9, "candidatesTokenCount": 5, "thoughtsTokenCount": 2, "totalTokenCount": 16 } })
}

fn stream() -> Reply {
    let count = PIECES.len();
    Reply::stream(PIECES.iter().enumerate().map(|(index, text)| {
        let finish = (index + 1 == count).then_some("STOP");
        format!("data: {}\r\n\r\n", event(text, finish))
    }))
}

/// A Gemini server: what it answers depends on the path, as with Google's.
fn google(request: &Received) -> Option<Reply> {
    let path = request.path.strip_prefix("/v1beta/models/")?;
    let (model, verb) = path.rsplit_once(':')?;
    Some(match (model, verb) {
        ("gemini-gone", _) => Reply::json(
            404,
            &json!({ "error": { "code": 404, "message": "models/gemini-gone is not found", "status": "NOT_FOUND" } }),
        ),
        ("gemini-cut", "streamGenerateContent?alt=sse") => stream().insert(1, Step::Cut),
        ("gemini-sick", "streamGenerateContent?alt=sse") => {
            let error = json!({ "error": { "code": 503, "message": "overloaded", "status": "UNAVAILABLE" } });
            Reply::stream([format!("data: {}\n\n", event("Hello", None)), format!("data: {error}\n\n")])
        }
        (_, "generateContent") => Reply::json(200, &event(TEXT, Some("STOP"))),
        (_, "streamGenerateContent?alt=sse") => stream(),
        (_, "countTokens") => Reply::json(200, &json!({ "totalTokens": 42 })),
        (_, "embedContent") => Reply::json(200, &json!({ "embedding": { "values": [0.25, -0.5] } })),
        (_, "batchEmbedContents") => {
            let count = request.json()["requests"].as_array().map_or(0, Vec::len);
            let vectors: Vec<Value> = (0..count).map(|at| json!({ "values": [at as f64, 0.5] })).collect();
            Reply::json(200, &json!({ "embeddings": vectors }))
        }
        _ => return None,
    })
}

async fn pair() -> (Upstream, Gateway) {
    let upstream = Upstream::start().await;
    upstream.script(google);
    let config = standard_config(&upstream).replace(
        "providers:\n",
        &format!(
            "providers:\n  google:\n    type: gemini\n    base_url: \"http://{}\"\n    credentials: [ {{ secret: upstream-google-secret }} ]\n    models: {{ gemini-fake: {{ price: {{ input: \"1.5\", output: \"6\" }} }} }}\n",
            upstream.address()
        ),
    );
    let gateway = Gateway::start(&config).await;
    (upstream, gateway)
}

/// As Google's libraries send their key.
fn client(gateway: &Gateway) -> Client {
    gateway.anonymous().header("x-goog-api-key", KEY)
}

fn question() -> Value {
    json!({ "contents": [{ "role": "user", "parts": [{ "text": "What is it?" }] }] })
}

fn text_of(answer: &Value) -> String {
    let parts = answer["candidates"][0]["content"]["parts"].as_array().cloned().unwrap_or_default();
    parts.iter().filter_map(|part| part["text"].as_str()).collect()
}

#[tokio::test]
async fn googles_clients_reach_google_byte_for_byte() {
    let (upstream, gateway) = pair().await;
    let body = r#"{"contents": [{"parts":[{"text":"Hi"}]}],  "generationConfig":{"temperature":1.0},"xUnknown":1e5}"#;
    let path = "/v1beta/models/google/gemini-fake:generateContent";
    let answer = client(&gateway).send(http::Method::POST, path, body).await.expect_status(200);
    assert_eq!(answer.json(), event(TEXT, Some("STOP")));
    let seen = upstream.last();
    assert_eq!(
        (seen.path.as_str(), seen.body.as_ref()),
        ("/v1beta/models/gemini-fake:generateContent", body.as_bytes())
    );
    assert_eq!((seen.header("x-goog-api-key"), seen.header("authorization")), ("upstream-google-secret", ""));
    let record = record_of(&gateway.client(), answer.header("x-generation-id")).await;
    assert_eq!(
        (&record["native_tokens_prompt"], &record["native_tokens_completion"]),
        (&json!(9), &json!(7))
    );
    assert_eq!((&record["native_tokens_reasoning"], &record["dialect"]), (&json!(2), &json!("gemini")));
}

#[tokio::test]
async fn googles_clients_reach_every_upstream_whole_and_streamed() {
    let (_upstream, gateway) = pair().await;
    for model in [
        "google/gemini-fake",
        "fake-openai/fake-chat",
        "fake-responses/fake-chat",
        "fake-anthropic/fake-chat",
    ] {
        for version in ["v1beta", "v1"] {
            let path = |verb: &str| format!("/{version}/models/{model}:{verb}");
            let whole = client(&gateway).post(&path("generateContent"), &question()).await.expect_status(200);
            assert_eq!(text_of(&whole.json()), TEXT, "{model}");
            assert_eq!(whole.json()["candidates"][0]["finishReason"], "STOP", "{model}");

            let events = client(&gateway).post(&path("streamGenerateContent?alt=sse"), &question()).await;
            let events = events.expect_status(200);
            assert_eq!(events.header("content-type"), "text/event-stream");
            let chunks: Vec<Value> = events.events().iter().map(|event| event.json()).collect();
            assert_eq!(chunks.iter().map(text_of).collect::<String>(), TEXT, "{model}");
            assert_eq!(chunks.last().unwrap()["candidates"][0]["finishReason"], "STOP", "{model}");
            assert!(chunks.last().unwrap()["usageMetadata"]["totalTokenCount"].is_u64(), "{model}");

            let array =
                client(&gateway).post(&path("streamGenerateContent"), &question()).await.expect_status(200);
            assert_eq!(array.header("content-type"), "application/json");
            let elements = array.json();
            let told: String = elements.as_array().unwrap().iter().map(text_of).collect();
            assert_eq!(told, TEXT, "{model}");
        }
    }
}

#[tokio::test]
async fn other_clients_reach_google() {
    let (upstream, gateway) = pair().await;
    for path in [CHAT, MESSAGES] {
        let answer = gateway.client().post(path, &ask("google/gemini-fake")).await.expect_status(200);
        assert_eq!(whole_text(&answer), TEXT, "{path}");
        let answer = gateway.client().post(path, &ask_stream("google/gemini-fake")).await.expect_status(200);
        assert_eq!(stream_text(path, &answer.events()), TEXT, "{path}");
        let seen = upstream.last();
        assert_eq!(seen.path, "/v1beta/models/gemini-fake:streamGenerateContent?alt=sse");
        assert!(seen.json().get("model").is_none() && seen.json().get("stream").is_none(), "{}", seen.json());
    }
    // A model's name never changes the path.
    for (model, path) in [
        ("a/b", "a%2Fb"),
        ("../../x", "..%2F..%2Fx"),
        ("a%2fb", "a%252fb"),
        ("a:b", "a%3Ab"),
        ("a?b#c", "a%3Fb%23c"),
    ] {
        gateway.client().post(CHAT, &ask(&format!("google/{model}"))).await.expect_status(200);
        assert_eq!(upstream.last().path, format!("/v1beta/models/{path}:generateContent"));
    }
}

/// What Google signed goes to an Anthropic client under a mark, comes back to Google as it was, and never reaches a
/// provider that would refuse it.
#[tokio::test]
async fn signatures_find_their_owner_again_and_nobody_else() {
    let (upstream, gateway) = pair().await;
    upstream.script(|request| {
        let call = json!({ "functionCall": { "name": "look", "args": {} }, "thoughtSignature": "c2lnbmVk" });
        let answer = json!({ "candidates": [{ "content": { "parts": [call], "role": "model" }, "finishReason": "STOP" }] });
        request.path.contains("gemini-fake").then(|| Reply::json(200, &answer))
    });
    let mut body = ask("google/gemini-fake");
    body["tools"] = json!([{ "name": "look", "input_schema": { "type": "object" } }]);
    let answer = gateway.anthropic_client().post(MESSAGES, &body).await.expect_status(200).json();
    let called =
        answer["content"].as_array().unwrap().iter().find(|block| block["type"] == "tool_use").unwrap();
    let result = json!({ "type": "tool_result", "tool_use_id": called["id"], "content": "seen" });
    body["messages"] = json!([
        body["messages"][0],
        { "role": "assistant", "content": answer["content"] },
        { "role": "user", "content": [result] },
    ]);
    gateway.anthropic_client().post(MESSAGES, &body).await.expect_status(200);
    let sent = upstream.last().json();
    assert_eq!(sent["contents"][1]["parts"][0]["thoughtSignature"], "c2lnbmVk", "{sent}");
    assert_eq!(sent["contents"][1]["parts"][0]["functionCall"]["name"], "look");

    body["model"] = json!("fake-anthropic/fake-chat");
    body["stream"] = json!(true);
    let answer = gateway.anthropic_client().post(MESSAGES, &body).await.expect_status(200);
    assert_eq!(stream_text(MESSAGES, &answer.events()), TEXT);
    let sent = String::from_utf8_lossy(&upstream.last().body).into_owned();
    assert!(!sent.contains("yumen-sealed:") && sent.contains("tool_use"), "{sent}");
}

#[tokio::test]
async fn tokens_are_counted_by_google_or_estimated() {
    let (_upstream, gateway) = pair().await;
    let count = async |model: &str, body: &Value| {
        let path = format!("/v1beta/models/{model}:countTokens");
        client(&gateway).post(&path, body).await.expect_status(200).json()["totalTokens"].as_u64().unwrap()
    };
    assert_eq!(count("google/gemini-fake", &question()).await, 42);
    assert!((1..20).contains(&count("fake-openai/fake-chat", &question()).await));
    let whole = json!({ "generateContentRequest": { "model": "models/another", "contents": question()["contents"] } });
    assert!((1..30).contains(&count("google/gemini-fake", &whole).await));
}

#[tokio::test]
async fn embeddings_go_both_ways() {
    let (upstream, gateway) = pair().await;
    for (input, verb) in [(json!("a"), "embedContent"), (json!(["a", "b"]), "batchEmbedContents")] {
        let body = json!({ "model": "google/gemini-fake", "input": input });
        let answer = gateway.client().post("/v1/embeddings", &body).await.expect_status(200).json();
        assert_eq!(
            answer["data"].as_array().unwrap().len(),
            input.as_array().map_or(1, Vec::len),
            "{answer}"
        );
        assert_eq!(upstream.last().path, format!("/v1beta/models/gemini-fake:{verb}"));
    }
    let batch = json!({ "requests": [
        { "model": "models/smuggled", "content": { "parts": [{ "text": "a" }] } },
        { "model": "models/smuggled", "content": { "parts": [{ "text": "b" }] } },
    ] });
    let path = "/v1beta/models/google/gemini-fake:batchEmbedContents";
    let answer = client(&gateway).post(path, &batch).await.expect_status(200).json();
    assert_eq!(answer["embeddings"].as_array().unwrap().len(), 2);
    assert!(!String::from_utf8_lossy(&upstream.last().body).contains("smuggled"));
    let path = "/v1beta/models/fake-openai/fake-embed:embedContent";
    let one = json!({ "content": { "parts": [{ "text": "a" }] } });
    let answer = client(&gateway).post(path, &one).await.expect_status(200).json();
    assert!(answer["embedding"]["values"].is_array(), "{answer}");
}

#[tokio::test]
async fn errors_are_said_in_googles_shape_to_its_clients_and_in_theirs_to_others() {
    let (_upstream, gateway) = pair().await;
    let path = |model: &str, verb: &str| format!("/v1beta/models/{model}:{verb}");
    let nobody = gateway.anonymous().post(&path("google/gemini-fake", "generateContent"), &question()).await;
    let error = nobody.expect_status(401).json();
    assert_eq!(
        (&error["error"]["code"], &error["error"]["status"]),
        (&json!(401), &json!("UNAUTHENTICATED"))
    );
    for model in ["google/gemini-gone", "no-such-model"] {
        let answer =
            client(&gateway).post(&path(model, "generateContent"), &question()).await.expect_status(404);
        assert_eq!(answer.json()["error"]["status"], "NOT_FOUND");
    }
    let answer = gateway.client().post(CHAT, &ask("google/gemini-gone")).await.expect_status(404);
    assert!(answer.text().contains("models/gemini-gone is not found"), "{}", answer.text());
    let empty = client(&gateway).post(&path("google/gemini-fake", "generateContent"), &json!({})).await;
    assert!(empty.expect_status(400).text().contains("contents"));

    for verb in ["streamGenerateContent?alt=sse", "streamGenerateContent"] {
        for model in ["gemini-cut", "gemini-sick"] {
            let path = path(&format!("google/{model}"), verb);
            let cut = client(&gateway).post(&path, &question()).await.expect_status(200);
            let last: Value = match cut.header("content-type") {
                "application/json" => cut.json().as_array().unwrap().last().unwrap().clone(),
                _ => cut.events().last().unwrap().json(),
            };
            assert!(last["error"]["message"].is_string(), "{verb} {model}: {last}");
        }
    }
    let cut = gateway.client().post(CHAT, &ask_stream("google/gemini-cut")).await.expect_status(200);
    assert!(cut.events().iter().any(|event| event.data.contains("\"error\"")));
}

#[tokio::test]
async fn the_list_of_models_has_googles_shape_for_its_clients() {
    let (_upstream, gateway) = pair().await;
    for path in ["/v1beta/models", "/v1/models"] {
        let list = client(&gateway).get(path).await.expect_status(200).json();
        let names: Vec<&str> =
            list["models"].as_array().unwrap().iter().filter_map(|model| model["name"].as_str()).collect();
        assert!(names.contains(&"models/google/gemini-fake"), "{names:?}");
    }
    let by_query = gateway.anonymous().get(&format!("/v1beta/models?key={KEY}")).await.expect_status(200);
    assert!(by_query.json()["models"].is_array());
    let plain = gateway.client().get("/v1/models").await.expect_status(200).json();
    assert!(plain["data"].is_array());
}
