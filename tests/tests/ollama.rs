//! Ollama's API over sockets: its clients before it and others, its looks at models, and others' clients before it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test ends where its ground gives way"
)]

use http::Method;
use serde_json::{Value, json};
use yumen_testkit::{Gateway, Reply, Step, Upstream, standard_config};
use yumen_tests::{CHAT, Surface, TEXT, ask_stream, chat_text, pair, payloads, record_of};

const ALIASES: &str = r#"  - { name: narrow, secret: "sk-yu-narrow-0123456789abcdefghijklmn", models: [smart] }
models:
  smart:
    deployments: [ { provider: fake-openai, model: fake-chat } ]
  tagged:latest:
    deployments: [ { provider: fake-ollama, model: fake-chat } ]
"#;

async fn with_aliases() -> (Upstream, Gateway) {
    let upstream = Upstream::start().await;
    let gateway = Gateway::start(&(standard_config(&upstream) + ALIASES)).await;
    (upstream, gateway)
}

#[tokio::test]
async fn its_own_bytes_pass_through_both_ways() {
    let (upstream, gateway) = pair().await;
    let body = r#"{"model": "fake-ollama/fake-chat",  "messages": [{"role":"user","content":"Hi"}], "options":{"num_ctx":1e4},"unknown":[1.0]}"#;
    let answer = gateway.client().send(Method::POST, "/api/chat", body).await.expect_status(200);
    assert_eq!(upstream.last().path, "/api/chat");
    assert_eq!(upstream.last().body, body.replace("fake-ollama/fake-chat", "fake-chat"));
    assert_eq!(upstream.last().header("accept"), "application/x-ndjson");
    assert_eq!(
        answer.header("content-type"),
        "application/x-ndjson",
        "a stream, since nothing else was said"
    );
    assert!(answer.text().contains("\"eval_duration\":4535599000"), "the upstream's own figures");
    for (path, more) in [
        ("/api/generate", json!({ "prompt": "def f(", "suffix": "return", "raw": true, "stream": false })),
        ("/api/generate", json!({ "prompt": "Hi", "context": [1, 2], "template": "{{ .Prompt }}" })),
        ("/api/embed", json!({ "input": ["a", "b"], "truncate": true })),
        ("/api/embeddings", json!({ "prompt": "a" })),
    ] {
        let mut body = more.clone();
        body["model"] = json!("fake-ollama/fake-embed");
        let answer = gateway.client().post(path, &body).await.expect_status(200);
        let mut sent = upstream.last().json();
        assert_eq!(sent.as_object_mut().unwrap().remove("model"), Some(json!("fake-embed")));
        assert_eq!((upstream.last().path.as_str(), sent), (path, more), "{}", answer.text());
        let record = record_of(&gateway.client(), answer.header("x-generation-id")).await;
        assert_eq!(record["outcome"], "completed", "{record}");
    }
}

#[tokio::test]
async fn prompts_are_turns_elsewhere() {
    let (upstream, gateway) = pair().await;
    let body = json!({ "model": "fake-openai/fake-chat", "prompt": "What is it?", "system": "Be brief." });
    let answer = gateway.client().post("/api/generate", &body).await.expect_status(200);
    let sent = upstream.last().json();
    assert_eq!((upstream.last().path.as_str(), &sent["stream"]), (CHAT, &json!(true)));
    assert_eq!(sent["messages"][0], json!({ "role": "system", "content": "Be brief." }));
    let lines = payloads(&answer.events());
    let text: String = lines.iter().filter_map(|line| line["response"].as_str()).collect();
    assert_eq!(text, TEXT);
    let last = lines.last().unwrap();
    assert_eq!((&last["done"], &last["eval_count"]), (&json!(true), &json!(7)));
    for name in ["total_duration", "prompt_eval_duration", "eval_duration"] {
        assert!(last[name].as_u64().is_some_and(|time| time > 0), "{name}: {last}");
    }
    let suffixed = json!({ "model": "fake-openai/fake-chat", "prompt": "a", "suffix": "b" });
    let refused = gateway.client().post("/api/generate", &suffixed).await.expect_status(400).json();
    assert!(Surface::Ollama.error_message(&refused).starts_with("suffix: "), "{refused}");
}

#[tokio::test]
async fn embeddings_cross_in_both_directions() {
    let (upstream, gateway) = pair().await;
    let ask = |path: &'static str, body: Value| {
        let client = gateway.client();
        async move { client.post(path, &body).await.expect_status(200).json() }
    };
    for provider in ["fake-openai", "fake-gemini", "fake-ollama"] {
        let model = format!("{provider}/fake-embed");
        let several = ask("/api/embed", json!({ "model": model, "input": ["a", "b"] })).await;
        assert_eq!(several["embeddings"].as_array().map(Vec::len), Some(2), "{provider}: {several}");
        let legacy = ask("/api/embeddings", json!({ "model": model, "prompt": "a" })).await;
        assert_eq!(legacy["embedding"].as_array().map(Vec::len), Some(8), "{provider}: {legacy}");
        for (format, is_text) in [(json!("float"), false), (json!("base64"), true), (Value::Null, false)] {
            let mut body = json!({ "model": model, "input": "a", "encoding_format": format });
            if format.is_null() {
                body.as_object_mut().unwrap().remove("encoding_format");
            }
            let answer = ask("/v1/embeddings", body).await;
            let vector = &answer["data"][0]["embedding"];
            assert_eq!(vector.is_string(), is_text, "{provider} as {format}: {answer}");
        }
    }
    assert_eq!(upstream.last().path, "/api/embed", "in the newer form");
}

#[tokio::test]
async fn clients_of_openai_are_served_by_its_own_api() {
    let (upstream, gateway) = pair().await;
    let mut body = ask_stream("fake-ollama/fake-parallel-tools");
    body["tools"] = json!([{ "type": "function", "function": { "name": "weather", "parameters": { "type": "object" } } }]);
    let events = gateway.client().post(CHAT, &body).await.expect_status(200).events();
    let begun = events.iter().filter(|event| event.data.contains("\"name\":\"weather\"")).count();
    assert_eq!(begun, 2, "{events:?}");
    assert!(events.iter().any(|event| event.data.contains("\"finish_reason\":\"tool_calls\"")));
    let sent = upstream.last().json();
    assert_eq!((&sent["stream"], &sent["options"]["num_predict"]), (&json!(true), &json!(64)));
    body["stream"] = json!(false);
    gateway.client().post(CHAT, &body).await.expect_status(200);
    assert_eq!(upstream.last().json()["stream"], false, "left out, it would be true");
    let text =
        gateway.client().post(CHAT, &ask_stream("fake-ollama/fake-byte-by-byte")).await.expect_status(200);
    assert_eq!(chat_text(&text.events()), TEXT);
}

/// By default an `ollama` provider is asked in the client's own API where it has that.
#[tokio::test]
async fn a_provider_of_both_is_asked_in_the_clients_own() {
    let upstream = Upstream::start().await;
    for base in [upstream.openai_base(), upstream.plain_base()] {
        let provider = format!(
            "providers:\n  ollama: {{ discovery: off, base_url: \"{base}\", models: {{ fake-chat: {{}} }} }}\n"
        );
        let gateway =
            Gateway::start(&standard_config(&upstream).replacen("providers:\n", &provider, 1)).await;
        Surface::Ollama.ask(&gateway.client(), "ollama/fake-chat", false).await.expect_status(200);
        assert_eq!(upstream.last().path, "/api/chat", "beside {base}");
        gateway
            .client()
            .post("/api/embed", &json!({ "model": "ollama/fake-chat", "input": "a" }))
            .await
            .expect_status(200);
        assert_eq!(upstream.last().path, "/api/embed");
        if base.ends_with("/v1") {
            Surface::Chat.ask(&gateway.client(), "ollama/fake-chat", false).await.expect_status(200);
            assert_eq!(upstream.last().path, CHAT);
        }
    }
}

#[tokio::test]
async fn the_usual_tag_is_added_and_left_out_as_clients_like() {
    let (upstream, gateway) = with_aliases().await;
    for (asked, path) in
        [("smart", CHAT), ("smart:latest", CHAT), ("tagged", "/api/chat"), ("tagged:latest", "/api/chat")]
    {
        let answer = Surface::Ollama.ask(&gateway.client(), asked, false).await.expect_status(200);
        assert_eq!(
            (Surface::Ollama.text(&answer), upstream.last().path.as_str()),
            (TEXT.into(), path),
            "{asked}"
        );
    }
    let narrow = gateway.anonymous().key("sk-yu-narrow-0123456789abcdefghijklmn");
    Surface::Ollama.ask(&narrow, "smart:latest", false).await.expect_status(200);
    Surface::Ollama.ask(&narrow, "tagged", false).await.expect_status(403);
    Surface::Ollama.ask(&gateway.client(), "smart:8b", false).await.expect_status(404);
    Surface::Chat.ask(&gateway.client(), "smart:latest", false).await.expect_status(404);
}

#[tokio::test]
async fn models_are_told_in_its_shapes_to_those_who_may_use_them() {
    let (_upstream, gateway) = with_aliases().await;
    let tags = gateway.client().get("/api/tags").await.expect_status(200).json();
    let names: Vec<&str> =
        tags["models"].as_array().unwrap().iter().map(|model| model["name"].as_str().unwrap()).collect();
    assert!(names.contains(&"smart") && names.contains(&"fake-ollama/fake-chat"), "{names:?}");
    let narrow = gateway.anonymous().key("sk-yu-narrow-0123456789abcdefghijklmn");
    let own = narrow.get("/api/tags").await.expect_status(200).json();
    assert_eq!(own["models"].as_array().unwrap().len(), 1, "{own}");
    let shown = narrow.post("/api/show", &json!({ "model": "smart:latest" })).await.expect_status(200).json();
    assert_eq!(shown["capabilities"], json!(["completion", "tools"]), "{shown}");
    assert!(shown["model_info"].is_object() && shown["details"].is_object());
    narrow.post("/api/show", &json!({ "name": "smart" })).await.expect_status(200);
    for (body, status) in [
        (json!({ "model": "tagged" }).to_string(), 404),
        (json!({}).to_string(), 400),
        ("{".to_owned(), 400),
        ("[]".to_owned(), 400),
    ] {
        let refused = narrow.send(Method::POST, "/api/show", body.clone()).await.expect_status(status);
        assert!(!Surface::Ollama.error_message(&refused.json()).is_empty(), "{body}");
    }
    assert!(gateway.anonymous().get("/api/version").await.expect_status(200).json()["version"].is_string());
    assert_eq!(narrow.get("/api/ps").await.expect_status(200).json(), json!({ "models": [] }));
    gateway.anonymous().send(Method::HEAD, "/", "").await.expect_status(200);
    for path in ["/api/tags", "/api/ps"] {
        let refused = gateway.anonymous().get(path).await.expect_status(401).json();
        assert!(refused["error"].is_string(), "{path}: {refused}");
    }
    let unknown = gateway.client().post("/api/pull", &json!({ "model": "smart" })).await.expect_status(404);
    assert!(unknown.json()["error"].is_string());
    // What is below a version belongs to others.
    let openrouter = gateway.client().post("/api/v1/chat/completions", &json!({})).await.expect_status(400);
    assert!(openrouter.json()["error"]["message"].is_string());
}

#[tokio::test]
async fn an_error_in_place_of_a_stream_hides_behind_another_deployment() {
    let upstream = Upstream::start().await;
    upstream.script(|request| {
        let fails = request.path == "/api/chat";
        fails.then(|| Reply::lines(["{\"error\":\"model runner has unexpectedly stopped\"}\n"]))
    });
    let fallback = "models:\n  smart:\n    deployments: [ { provider: fake-ollama, model: fake-chat } ]\n    fallbacks: [ fake-openai/fake-chat ]\n";
    let gateway = Gateway::start(&(standard_config(&upstream) + fallback)).await;
    for surface in [Surface::Ollama, Surface::Chat] {
        let answer = surface.ask(&gateway.client(), "smart", true).await.expect_status(200);
        assert_eq!(surface.stream_text(&answer.events()), TEXT, "an error line under 200 is a failed try");
        let alone = surface.ask(&gateway.client(), "fake-ollama/fake-chat", true).await.expect_status(500);
        assert!(surface.error_message(&alone.json()).contains("unexpectedly stopped"));
    }
}

/// Its command line loads a model before it asks.
#[tokio::test]
async fn a_request_that_asks_nothing_loads_the_model() {
    let (upstream, gateway) = pair().await;
    for (path, more) in [
        ("/api/chat", json!({ "messages": [ ] })),
        ("/api/generate", json!({ "prompt": "", "keep_alive": "5m" })),
        ("/api/generate", json!({ "prompt": "", "images": [], "stream": false })),
    ] {
        let mut body = more;
        body["model"] = json!("fake-openai/fake-chat");
        let answer = gateway.client().post(path, &body).await.expect_status(200);
        let said = answer.json();
        assert_eq!((&said["done"], &said["done_reason"]), (&json!(true), &json!("load")), "{said}");
        assert!(upstream.requests().is_empty(), "there is nothing to load elsewhere");
        let record = record_of(&gateway.client(), answer.header("x-generation-id")).await;
        assert_eq!(
            (&record["outcome"], &record["tokens_prompt"]),
            (&json!("completed"), &json!(0)),
            "{record}"
        );
        body["model"] = json!("fake-ollama/fake-chat");
        gateway.client().post(path, &body).await.expect_status(200);
        assert_eq!(upstream.last().path, path, "its own server loads it");
        body["model"] = json!("no-such-model");
        gateway.client().post(path, &body).await.expect_status(404);
        upstream.forget();
        if body["prompt"].is_string() {
            body["model"] = json!("fake-openai/fake-chat");
            body["images"] = json!(["iVBORw0KGgo="]);
            gateway.client().post(path, &body).await.expect_status(200);
            assert_eq!(upstream.last().path, CHAT, "a picture is a question");
            upstream.forget();
        }
    }
}

/// A proxy may say lines as events; clients read lines all the same.
#[tokio::test]
async fn lines_are_lines_whatever_frames_they_came_in() {
    let (upstream, gateway) = pair().await;
    upstream.script(|request| {
        let said = |text: &str, done: bool| {
            let message = json!({ "role": "assistant", "content": text });
            format!(
                "data: {}\n\n",
                json!({ "model": "m", "message": message, "done": done, "done_reason": "stop" })
            )
        };
        let events = [": hi\n\n".to_owned(), said(TEXT, false), ": hi\n\n".to_owned(), said("", true)];
        (request.path == "/api/chat").then(|| Reply::stream(events))
    });
    for surface in [Surface::Ollama, Surface::Messages] {
        let answer = surface.ask(&gateway.client(), "fake-ollama/fake-chat", true).await.expect_status(200);
        assert_eq!(answer.header("content-type"), surface.stream_type());
        assert_eq!(surface.stream_text(&answer.events()), TEXT, "{}", answer.text());
    }
}

#[tokio::test]
async fn a_stream_that_breaks_off_ends_with_an_error_line() {
    let (upstream, gateway) = pair().await;
    let line = "{\"model\":\"m\",\"message\":{\"role\":\"assistant\",\"content\":\"Hi\"},\"done\":false}\n";
    for broken in [Reply::lines([line]), Reply::lines([line, line]).insert(1, Step::Cut)] {
        upstream.script(move |request| (request.path == "/api/chat").then(|| broken.clone()));
        let answer =
            Surface::Ollama.ask(&gateway.client(), "fake-ollama/fake-chat", true).await.expect_status(200);
        let events = answer.events();
        assert_eq!(Surface::Ollama.stream_errors(&events).len(), 1, "{events:?}");
        assert!(events.last().unwrap().json()["error"].is_string());
    }
}
