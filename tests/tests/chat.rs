//! Chat, completions, embeddings, models: the plain way through, and what must not be touched on it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test ends where its ground gives way"
)]

use http::Method;
use serde_json::{Value, json};
use yumen_testkit::{Gateway, KEY, Reply, Upstream, standard_config};
use yumen_tests::{
    CHAT, MESSAGES, PROVIDERS, RESPONSES, SURFACES, Surface, TEXT, ask, ask_stream, pair, record_of,
    stream_text, whole_text,
};

#[tokio::test]
async fn the_bytes_pass_through_but_for_the_model() {
    let (upstream, gateway) = pair().await;
    let chat = "{\n \"temperature\": 1.0, \"model\" : \"fake-openai/fake-chat\",\"seed\":12345678901234567890, \"messages\":[{\"role\":\"user\",\"content\":\"caf\\u00e9 \\ud83d\\ude00 玉\"}],\t\"x\":{\"b\":1e5,\"a\":[ ]},\"top_p\":0.10 }";
    let answer = gateway.client().send(Method::POST, CHAT, chat).await.expect_status(200);
    assert_eq!(upstream.last().body, chat.replace("fake-openai/fake-chat", "fake-chat"));
    assert_eq!(upstream.last().path, "/v1/chat/completions");
    assert_eq!(whole_text(&answer), TEXT);
    assert_eq!(answer.header("content-type"), "application/json");
    let messages = chat.replace("fake-openai", "fake-anthropic").replace("\"x\"", "\"max_tokens\":9, \"x\"");
    gateway.anthropic_client().send(Method::POST, MESSAGES, messages.clone()).await.expect_status(200);
    assert_eq!(upstream.last().body, messages.replace("fake-anthropic/fake-chat", "fake-chat"));
    assert_eq!(upstream.last().path, "/v1/messages");
    let responses = chat.replace("fake-openai", "fake-responses").replace("\"messages\"", "\"input\"");
    gateway.client().send(Method::POST, RESPONSES, responses.clone()).await.expect_status(200);
    assert_eq!(upstream.last().body, responses.replace("fake-responses/fake-chat", "fake-chat"));
    assert_eq!(upstream.last().path, RESPONSES);
    // The model stands in the path and in no body.
    let gemini = "{\n \"contents\" : [{\"parts\":[{\"text\":\"caf\\u00e9 \\ud83d\\ude00 玉\"}]}],\t\"generation_config\":{\"topP\":0.10,\"seed\":1e5} }";
    let path = Surface::Gemini.path("fake-gemini/fake-chat", false);
    gateway.client().send(Method::POST, &path, gemini).await.expect_status(200);
    assert_eq!(upstream.last().body, gemini);
    assert_eq!(upstream.last().path, Surface::Gemini.path("fake-chat", false));
}

#[tokio::test]
async fn answers_pass_through_but_for_nothing() {
    let (_upstream, gateway) = pair().await;
    let direct = yumen_testkit::Client::new(_upstream.address());
    for surface in SURFACES {
        for stream in [false, true] {
            let ask = async |client: &yumen_testkit::Client, model: &str| {
                let mut body = surface.body(model, stream);
                if surface == Surface::Chat && stream {
                    body["stream_options"] = json!({ "include_usage": true });
                }
                client.post(&surface.path(model, stream), &body).await.expect_status(200).body
            };
            let expected = ask(&direct, "fake-chat").await;
            let model = format!("{}/fake-chat", surface.provider());
            assert_eq!(ask(&gateway.client(), &model).await, expected, "{surface:?} {stream}");
        }
    }
}

#[tokio::test]
async fn every_answer_carries_its_id_and_overhead() {
    let (_upstream, gateway) = pair().await;
    let client = gateway.client();
    for answer in [
        client.post(CHAT, &ask("fake-openai/fake-chat")).await,
        client.post(CHAT, &ask_stream("fake-openai/fake-chat")).await,
        client.post(CHAT, &ask("nothing")).await,
        client.get("/v1/models").await,
        gateway.anonymous().post(CHAT, &ask("fake-openai/fake-chat")).await,
        client.get("/no/such/path").await,
    ] {
        assert!(answer.header("x-generation-id").starts_with("gen-"), "{:?}", answer.headers);
        answer.header("x-yumen-overhead-us").parse::<u64>().expect("microseconds");
    }
}

#[tokio::test]
async fn embeddings_pass_in_both_encodings() {
    let (upstream, gateway) = pair().await;
    for encoding in ["float", "base64"] {
        let body =
            json!({ "model": "fake-openai/fake-embed", "input": ["a", "b"], "encoding_format": encoding });
        let answer = gateway.client().post("/v1/embeddings", &body).await.expect_status(200);
        assert_eq!(answer.json()["data"].as_array().unwrap().len(), 2);
        assert_eq!(answer.json()["data"][0]["embedding"].is_string(), encoding == "base64");
        assert_eq!(upstream.last().path, "/v1/embeddings");
        let record = record_of(&gateway.client(), answer.header("x-generation-id")).await;
        assert_eq!((&record["api_type"], &record["tokens_prompt"]), (&json!("embeddings"), &json!(9)));
    }
}

#[tokio::test]
async fn legacy_completions_pass() {
    let (upstream, gateway) = pair().await;
    let mut body = json!({ "model": "fake-openai/fake-chat", "prompt": "Once" });
    let answer = gateway.client().post("/v1/completions", &body).await.expect_status(200);
    assert_eq!(answer.json()["choices"][0]["text"], TEXT);
    assert_eq!(upstream.last().path, "/v1/completions");
    body["stream"] = json!(true);
    let events = gateway.client().post("/v1/completions", &body).await.expect_status(200).events();
    assert!(events.last().unwrap().is_done());
    let text = events.iter().filter(|event| !event.is_done());
    let text: String =
        text.filter_map(|event| event.json()["choices"][0]["text"].as_str().map(str::to_owned)).collect();
    assert_eq!(text, TEXT);
}

#[tokio::test]
async fn models_are_listed_in_the_clients_shape() {
    let (_upstream, gateway) = pair().await;
    let ids = |body: &Value| -> Vec<String> {
        body["data"]
            .as_array()
            .unwrap()
            .iter()
            .map(|model| model["id"].as_str().unwrap().to_owned())
            .collect()
    };
    let openai = gateway.client().get("/v1/models").await.expect_status(200).json();
    assert_eq!(openai["object"], "list");
    assert_eq!(openai["data"][0]["object"], "model");
    let anthropic = gateway.anthropic_client().get("/v1/models").await.expect_status(200).json();
    assert_eq!((&anthropic["has_more"], &anthropic["data"][0]["type"]), (&json!(false), &json!("model")));
    assert_eq!(ids(&openai), ids(&anthropic));
    assert!(ids(&openai).contains(&"fake-openai/fake-chat".to_owned()), "{:?}", ids(&openai));
    let openrouter =
        gateway.client().get("/api/v1/models?output_modalities=all").await.expect_status(200).json();
    assert_eq!(ids(&openrouter), ids(&openai));
    let one = gateway.client().get("/v1/models/fake-openai%2Ffake-chat").await.expect_status(200).json();
    assert_eq!(one["id"], "fake-openai/fake-chat");
    gateway.anonymous().get("/v1/models").await.expect_status(401);
}

#[tokio::test]
async fn the_key_is_found_wherever_clients_put_it() {
    let (upstream, gateway) = pair().await;
    let body = ask("fake-openai/fake-chat");
    for (name, value) in [
        ("authorization", format!("Bearer {KEY}")),
        ("authorization", format!("bearer {KEY}")),
        ("x-api-key", KEY.to_owned()),
        ("x-goog-api-key", KEY.to_owned()),
    ] {
        gateway.anonymous().header(name, &value).post(CHAT, &body).await.expect_status(200);
    }
    gateway.anonymous().post(&format!("{CHAT}?key={KEY}"), &body).await.expect_status(200);
    for request in upstream.requests() {
        assert!(!format!("{request:?}").contains(KEY), "{request:?}");
    }
    gateway.anonymous().header("authorization", "Basic abc").post(CHAT, &body).await.expect_status(401);
}

#[tokio::test]
async fn the_same_surface_below_api_and_the_heads() {
    let (_upstream, gateway) = pair().await;
    gateway.client().post("/api/v1/chat/completions", &ask("fake-openai/fake-chat")).await.expect_status(200);
    gateway.client().post("/api/v1/messages", &ask("fake-openai/fake-chat")).await.expect_status(200);
    let head = gateway.anonymous().send(Method::HEAD, "/", "").await.expect_status(200);
    assert!(head.body.is_empty());
    gateway.anonymous().get("/healthz").await.expect_status(200);
    gateway.anonymous().get("/readyz").await.expect_status(200);
    gateway.admin().get("/healthz").await.expect_status(200);
    let metrics = gateway.admin().get("/metrics").await.expect_status(200).text();
    assert!(metrics.contains("# TYPE") && metrics.ends_with("# EOF\n"), "{metrics}");
}

#[tokio::test]
async fn tokens_are_counted_where_the_upstream_speaks_the_clients_dialect_and_estimated_elsewhere() {
    let (upstream, gateway) = pair().await;
    for provider in PROVIDERS {
        let path = "/v1/messages/count_tokens";
        let answer = gateway.anthropic_client().post(path, &ask(&format!("{provider}/fake-chat"))).await;
        let counted = answer.expect_status(200).json()["input_tokens"].as_u64().unwrap();
        if provider == "fake-anthropic" {
            assert_eq!((counted, upstream.last().path.as_str()), (42, path));
        } else {
            assert!((1..40).contains(&counted), "{provider}: {counted}");
        }
        let path = format!("/v1beta/models/{provider}/fake-chat:countTokens");
        let question = json!({ "contents": [{ "parts": [{ "text": "What is it?" }] }] });
        let answer = gateway.client().post(&path, &question).await.expect_status(200);
        let counted = answer.json()["totalTokens"].as_u64().unwrap();
        if provider == "fake-gemini" {
            assert_eq!(
                (counted, upstream.last().path.as_str()),
                (42, "/v1beta/models/fake-chat:countTokens")
            );
        } else {
            assert!((1..40).contains(&counted), "{provider}: {counted}");
        }
    }
}

#[tokio::test]
async fn tokens_are_counted_by_a_public_vocabulary_and_what_is_told_says_so() {
    let (_upstream, gateway) = pair().await;
    let long = "The caravan left the Jade Gate at dawn. ".repeat(500);
    let count = async |model: &str, text: &str| {
        let body = json!({ "model": model, "system": "You are a helpful assistant.",
            "messages": [{ "role": "user", "content": text }] });
        let answer =
            gateway.anthropic_client().post("/v1/messages/count_tokens", &body).await.expect_status(200);
        let source = answer.header("x-yumen-token-source").to_owned();
        (answer.json()["input_tokens"].as_u64().unwrap(), source)
    };
    let counted = |tokens: u64| (tokens, "counted".to_owned());
    assert_eq!(count("fake-openai/gpt-4o", "Hello, world!").await, counted(21));
    assert_eq!(count("fake-openai/gpt-4", "Hello, world!").await, counted(21));
    // Nine tokens in a sentence, and a space at the end.
    assert_eq!(count("fake-openai/gpt-4o", &long).await, counted(17 + 4501));
    let (_, source) = count("fake-openai/fake-chat", "Hello, world!").await;
    assert_eq!(source, "estimated");
    let (told, source) = count("fake-anthropic/fake-chat", "Hello, world!").await;
    assert_eq!((told, source.as_str()), (42, ""), "the provider has counted");
}

#[tokio::test]
async fn estimates_come_to_what_the_provider_reports() {
    let (_upstream, gateway) = pair().await;
    let estimate = async || {
        let body = json!({ "model": "fake-openai/fake-chat", "messages": [{ "role": "user",
            "content": "The caravan left the Jade Gate at dawn. ".repeat(10) }] });
        let path = "/v1/messages/count_tokens";
        let answer = gateway.anthropic_client().post(path, &body).await.expect_status(200);
        answer.json()["input_tokens"].as_u64().unwrap()
    };
    let before = estimate().await;
    // The fake provider reports the same few tokens whatever it is asked.
    let mut long = ask("fake-openai/fake-chat");
    long["messages"][0]["content"] = json!("The caravan left the Jade Gate at dawn. ".repeat(10));
    gateway.client().post(CHAT, &long).await.expect_status(200);
    let after = estimate().await;
    assert!(after < before / 2 && after >= before / 4, "{before} {after}");
}

/// A gateway before an OpenAI-style upstream with these quirks and no others.
async fn quirky(quirks: &str) -> (Upstream, Gateway) {
    let upstream = Upstream::start().await;
    let kind = "type: openai-compatible\n";
    let config = standard_config(&upstream).replacen(kind, &format!("{kind}    quirks: [{quirks}]\n"), 1);
    let gateway = Gateway::start(&config).await;
    (upstream, gateway)
}

#[tokio::test]
async fn no_stream_options_reach_a_provider_that_refuses_them() {
    let (upstream, gateway) = quirky("no_stream_options").await;
    let mut asking = ask_stream("fake-openai/fake-chat");
    asking["stream_options"] = json!({ "include_usage": true });
    for (path, body) in [(CHAT, &asking), (CHAT, &ask_stream("fake-openai/fake-chat")), (MESSAGES, &asking)] {
        let answer = gateway.client().post(path, body).await.expect_status(200);
        assert_eq!(stream_text(path, &answer.events()), TEXT, "{path}");
        let sent = upstream.last().json();
        assert_eq!((&sent["stream"], sent.get("stream_options")), (&json!(true), None), "{path}");
    }
}

#[tokio::test]
async fn usage_that_comes_unasked_is_not_asked_for() {
    let (upstream, gateway) = quirky("usage_always_streamed").await;
    upstream.script(|_| {
        let chunk = |fields: &str| {
            format!("data: {{\"id\":\"c\",\"object\":\"chat.completion.chunk\",{fields}}}\n\n")
        };
        Some(Reply::stream([
            chunk(r#""choices":[{"index":0,"delta":{"content":"Yes."},"finish_reason":"stop"}]"#),
            chunk(r#""choices":[],"usage":{"prompt_tokens":5,"completion_tokens":2,"total_tokens":7}"#),
            "data: [DONE]\n\n".to_owned(),
        ]))
    });
    for path in [CHAT, MESSAGES] {
        let answer =
            gateway.client().post(path, &ask_stream("fake-openai/fake-chat")).await.expect_status(200);
        assert_eq!(stream_text(path, &answer.events()), "Yes.", "{path}");
        assert_eq!(upstream.last().json().get("stream_options"), None, "{path}");
        let record = record_of(&gateway.client(), answer.header("x-generation-id")).await;
        assert_eq!((&record["tokens_prompt"], &record["tokens_completion"]), (&json!(5), &json!(2)));
    }
}

#[tokio::test]
async fn the_newer_limit_is_renamed_for_a_provider_that_knows_only_the_older() {
    let (upstream, gateway) = quirky("max_tokens_only").await;
    let body = "{\"model\":\"fake-openai/fake-chat\", \"max_completion_tokens\": 64, \"messages\":[{\"role\":\"user\",\"content\":\"Hi\"}],\"n\":1 }";
    let sent = "{\"model\":\"fake-chat\", \"messages\":[{\"role\":\"user\",\"content\":\"Hi\"}],\"n\":1 ,\"max_tokens\":64}";
    gateway.client().send(Method::POST, CHAT, body).await.expect_status(200);
    assert_eq!(upstream.last().body, sent);
    gateway.client().post(MESSAGES, &ask("fake-openai/fake-chat")).await.expect_status(200);
    assert_eq!(upstream.last().json()["max_tokens"], 64);
}

#[tokio::test]
async fn a_converted_request_has_the_newer_limit_where_the_older_is_refused() {
    let (upstream, gateway) = quirky("max_completion_tokens").await;
    gateway.client().post(MESSAGES, &ask("fake-openai/fake-chat")).await.expect_status(200);
    let sent = upstream.last().json();
    assert_eq!((&sent["max_completion_tokens"], sent.get("max_tokens")), (&json!(64), None));
    gateway.client().post(CHAT, &ask("fake-openai/fake-chat")).await.expect_status(200);
    assert_eq!(upstream.last().json()["max_tokens"], 64, "what passes through is the client's own affair");
}

#[tokio::test]
async fn developers_are_the_system_where_that_role_is_not_known() {
    let body = "{\"messages\":[ {\"role\" : \"developer\",\"content\":\"\\\"developer\\\"\"},{\"content\":\"Hi\",\"role\":\"user\"} ],\"model\":\"fake-openai/fake-chat\"}";
    for (quirks, role) in [("no_developer_role", "system"), ("", "developer")] {
        let (upstream, gateway) = quirky(quirks).await;
        gateway.client().send(Method::POST, CHAT, body).await.expect_status(200);
        let sent = body
            .replace("\"role\" : \"developer\"", &format!("\"role\" : \"{role}\""))
            .replace("fake-openai/", "");
        assert_eq!(upstream.last().body, sent);
    }
}
