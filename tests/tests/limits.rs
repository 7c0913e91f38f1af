//! Bad input and limits: each refused with its own code, none hanging, none reaching the upstream.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test ends where its ground gives way"
)]

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use http::Method;
use serde_json::{Value, json};
use yumen_testkit::{Answer, Gateway, KEY, Reply, Upstream, eventually, raw_exchange, standard_config};
use yumen_tests::{CHAT, MESSAGES, SURFACES, TEXT, ask, ask_stream, error_code, pair, whole_text};

async fn post(gateway: &Gateway, body: impl Into<bytes::Bytes>) -> Answer {
    gateway.client().send(Method::POST, CHAT, body).await
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[tokio::test]
async fn wrong_and_missing_keys_are_401_in_the_clients_dialect() {
    let (upstream, gateway) = pair().await;
    for client in [gateway.anonymous(), gateway.anonymous().key("sk-yu-wrong")] {
        let openai = client.post(CHAT, &ask("fake-openai/fake-chat")).await.expect_status(401);
        assert_eq!(openai.header("www-authenticate"), "Bearer realm=\"yumen\"");
        let openai = openai.json();
        assert!(openai["error"]["message"].is_string() && openai["error"]["code"].is_string(), "{openai}");
        let anthropic = client.post(MESSAGES, &ask("fake-openai/fake-chat")).await.expect_status(401).json();
        assert_eq!(
            (&anthropic["type"], &anthropic["error"]["type"]),
            (&json!("error"), &json!("authentication_error"))
        );
    }
    assert_eq!(upstream.counts().received, 0);
}

#[tokio::test]
async fn bodies_that_are_no_json_are_400_with_the_position() {
    let (upstream, gateway) = pair().await;
    for (body, position) in [
        ("{\"model\": \"x\",, }", Some("14")),
        ("", None),
        ("[]", None),
        ("\"text\"", None),
        ("{\"model\":\"x\"", None),
        ("{} {}", None),
    ] {
        let answer = post(&gateway, body.to_owned()).await.expect_status(400);
        assert_eq!(error_code(&answer), "invalid_json", "{body}");
        let message = answer.json()["error"]["message"].as_str().unwrap().to_owned();
        assert!(position.is_none_or(|position| message.contains(position)), "{message}");
    }
    let answer = post(
        &gateway,
        b"{\"model\":\"fake-openai/fake-chat\",\"messages\":[{\"role\":\"user\",\"content\":\"\xff\xfe\"}]}"
            .to_vec(),
    )
    .await;
    assert_eq!(answer.expect_status(400).json()["error"]["type"], "invalid_request_error");
    assert_eq!(upstream.counts().received, 0);
}

#[tokio::test]
async fn wrong_types_are_400_with_the_field() {
    let (upstream, gateway) = pair().await;
    for (provider, path, field, value) in [
        ("fake-openai", CHAT, "model", json!(7)),
        ("fake-openai", CHAT, "stream", json!("yes")),
        ("fake-anthropic", CHAT, "messages", json!("hello")),
        ("fake-anthropic", CHAT, "max_tokens", json!("many")),
        ("fake-openai", MESSAGES, "messages", json!({})),
        ("fake-openai", MESSAGES, "max_tokens", json!("many")),
    ] {
        let mut body = ask(&format!("{provider}/fake-chat"));
        body[field] = value;
        let answer = gateway.client().post(path, &body).await.expect_status(400);
        assert!(answer.json()["error"]["message"].as_str().unwrap().contains(field), "{}", answer.text());
        if path == CHAT {
            assert_eq!(answer.json()["error"]["param"], field);
        }
    }
    let mut without = ask("x");
    without.as_object_mut().unwrap().remove("model");
    let answer = gateway.client().post(CHAT, &without).await.expect_status(400);
    assert_eq!(answer.json()["error"]["param"], "model");
    assert_eq!(upstream.counts().received, 0);
}

#[tokio::test]
async fn unknown_models_are_404_with_near_names() {
    let (_upstream, gateway) = pair().await;
    let answer = gateway.client().post(CHAT, &ask("fake-openia/fake-chat")).await.expect_status(404);
    assert_eq!(error_code(&answer), "model_not_found");
    assert!(answer.text().contains("fake-openai/fake-chat"), "{}", answer.text());
    let answer = gateway.client().post(MESSAGES, &ask("fake-openia/fake-chat")).await.expect_status(404);
    assert_eq!(answer.json()["error"]["type"], "not_found_error");
}

#[tokio::test]
async fn repeated_and_disguised_keys_are_no_way_around_a_permission() {
    let upstream = Upstream::start().await;
    let config =
        standard_config(&upstream).replace("models: [\"*\"] }", "models: [\"fake-openai/fake-chat\"] }");
    let gateway = Gateway::start(&config).await;
    let forbidden = post(&gateway, ask("fake-openai/fake-tools").to_string()).await.expect_status(403);
    assert_eq!(error_code(&forbidden), "model_not_allowed");
    let (good, bad) = ("\"fake-openai/fake-chat\"", "\"fake-openai/fake-tools\"");
    let rest = "\"messages\":[{\"role\":\"user\",\"content\":\"Hi\"}]";
    for (first, second) in [
        ("model", "model"),
        ("model", "Model"),
        ("MODEL", "model"),
        ("model", "mod\\u0065l"),
        ("\\u006dodel", "model"),
    ] {
        for (a, b) in [(good, bad), (bad, good), (good, good)] {
            let body = format!("{{\"{first}\":{a},{rest},\"{second}\":{b}}}");
            let answer = post(&gateway, body.clone()).await;
            assert!([400, 403].contains(&answer.status), "{body}: {}", answer.text());
        }
    }
    for key in ["stream", "max_tokens", "provider"] {
        let body = format!("{{\"model\":{good},{rest},\"{key}\":null,\"{key}\":null}}");
        let answer = post(&gateway, body).await.expect_status(400);
        assert_eq!(error_code(&answer), "ambiguous_field");
    }
    assert_eq!(upstream.counts().received, 0);
    post(&gateway, format!("{{\"mod\\u0065l\":{good},{rest}}}")).await;
    for request in upstream.requests() {
        assert_eq!(request.model(), "fake-chat");
    }
}

#[tokio::test]
async fn deep_nesting_is_400_and_what_is_allowed_passes() {
    let (_upstream, gateway) = pair().await;
    let nested = |depth: usize| {
        let (open, close) = ("[".repeat(depth), "]".repeat(depth));
        format!("{{\"model\":\"fake-openai/fake-chat\",\"messages\":[],\"x\":{open}{close}}}")
    };
    post(&gateway, nested(100)).await.expect_status(200);
    for depth in [129, 5_000, 200_000] {
        assert_eq!(error_code(&post(&gateway, nested(depth)).await.expect_status(400)), "json_too_deep");
    }
}

#[tokio::test]
async fn bodies_over_the_limit_are_413() {
    let upstream = Upstream::start().await;
    let config = standard_config(&upstream).replace("gateway: {", "gateway: { max_body_bytes: 20000,");
    let gateway = Gateway::start(&config).await;
    let mut large = ask("fake-openai/fake-chat");
    large["x"] = json!("y".repeat(30_000));
    let answer = post(&gateway, large.to_string()).await.expect_status(413);
    assert_eq!(error_code(&answer), "body_too_large");
    let chunked = "POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer KEY\r\ntransfer-encoding: chunked\r\n\r\n".replace("KEY", KEY);
    let mut bytes = chunked.into_bytes();
    for _ in 0..40 {
        bytes.extend_from_slice(format!("400\r\n{}\r\n", " ".repeat(1024)).as_bytes());
    }
    bytes.extend_from_slice(b"0\r\n\r\n");
    let answer = raw_exchange(gateway.address(), &bytes, true).await;
    assert!(answer.starts_with(b"HTTP/1.1 413"), "{}", String::from_utf8_lossy(&answer));
    let bomb = gzip(&large.to_string().into_bytes());
    assert!(bomb.len() < 2_000);
    let answer = gateway.client().header("content-encoding", "gzip").send(Method::POST, CHAT, bomb).await;
    assert_eq!(error_code(&answer.expect_status(413)), "body_too_large");
    assert_eq!(upstream.counts().received, 0);
}

#[tokio::test]
async fn a_bomb_is_stopped_at_the_limit_of_expanded_bytes() {
    let upstream = Upstream::start().await;
    let config = standard_config(&upstream).replace("gateway: {", "gateway: { max_body_bytes: 100000,");
    let gateway = Gateway::start(&config).await;
    let bomb = gzip(&vec![b' '; 16 * 1024 * 1024]);
    assert!(bomb.len() < 100_000, "{}", bomb.len());
    let answer = gateway.client().header("content-encoding", "gzip").send(Method::POST, CHAT, bomb).await;
    assert_eq!(error_code(&answer.expect_status(413)), "body_too_large");
    assert_eq!(upstream.counts().received, 0);
}

#[tokio::test]
async fn pitfall_11_compressed_requests_are_understood() {
    let (upstream, gateway) = pair().await;
    let body = ask("fake-openai/fake-chat").to_string();
    let client = gateway.client().header("content-encoding", "gzip");
    let answer = client.send(Method::POST, CHAT, gzip(body.as_bytes())).await.expect_status(200);
    assert_eq!(whole_text(&answer), TEXT);
    assert_eq!(upstream.last().header("content-encoding"), "");
    assert_eq!(upstream.last().model(), "fake-chat");
    let mut cut = gzip(body.as_bytes());
    cut.truncate(cut.len() / 2);
    assert_eq!(error_code(&client.send(Method::POST, CHAT, cut).await.expect_status(400)), "body_unreadable");
    assert_eq!(
        error_code(&client.send(Method::POST, CHAT, body.clone()).await.expect_status(400)),
        "body_unreadable"
    );
    let strange = gateway.client().header("content-encoding", "sdch");
    assert_eq!(
        error_code(&strange.send(Method::POST, CHAT, body).await.expect_status(415)),
        "unsupported_encoding"
    );
}

#[tokio::test]
async fn models_named_below_the_top_level_are_no_way_around_a_permission() {
    let upstream = Upstream::start().await;
    let all = "sk-yu-all-0123456789abcdefghijklmnopq";
    let config =
        standard_config(&upstream).replace("models: [\"*\"] }", "models: [\"fake-openai/fake-chat\"] }");
    let gateway =
        Gateway::start(&format!("{config}  - {{ name: all, secret: \"{all}\", models: [\"*\"] }}\n")).await;
    for (field, value) in [
        ("tools", json!([{ "type": "advisor_20260301", "name": "advisor", "model": "claude-opus" }])),
        ("tools", json!([{ "type": "openrouter:advisor", "parameters": { "model": "big" } }])),
        ("plugins", json!([{ "id": "fusion", "model": "big" }])),
        ("providerOptions", json!({ "gateway": { "models": ["big"] } })),
        ("compound_custom", json!({ "models": { "answering_model": "big" } })),
    ] {
        let mut body = ask("fake-openai/fake-chat");
        body[field] = value;
        for surface in SURFACES {
            let mut asked = surface.body("fake-openai/fake-chat", false);
            asked[field] = body[field].clone();
            let path = surface.path("fake-openai/fake-chat", false);
            let answer = gateway.client().post(&path, &asked).await.expect_status(403);
            assert!(answer.text().contains(field), "{surface:?}: {}", answer.text());
        }
        let answer = gateway.client().post(CHAT, &body).await.expect_status(403);
        assert_eq!(error_code(&answer), "model_not_allowed");
        let text =
            body.to_string().replace(&format!("\"{field}\""), &format!("\"{}\"", field.to_uppercase()));
        let code = error_code(&post(&gateway, text).await);
        assert!(["ambiguous_field", "model_not_allowed"].contains(&code.as_str()), "{code}");
        assert_eq!(upstream.requests().len(), 0);
        gateway.anonymous().key(all).post(CHAT, &body).await.expect_status(200);
        let plain =
            json!([{ "type": "function", "function": { "name": "f", "parameters": { "model": "x" } } }]);
        body.as_object_mut().unwrap().remove(field);
        body["tools"] = plain;
        gateway.client().post(CHAT, &body).await.expect_status(200);
        upstream.forget();
    }
}

#[tokio::test]
async fn requests_per_minute_are_429_with_retry_after() {
    let upstream = Upstream::start().await;
    let config =
        standard_config(&upstream).replace("models: [\"*\"] }", "models: [\"*\"], requests_per_minute: 3 }");
    let gateway = Gateway::start(&config).await;
    for _ in 0..3 {
        gateway.client().post(CHAT, &ask("fake-openai/fake-chat")).await.expect_status(200);
    }
    let answer = gateway.client().post(CHAT, &ask("fake-openai/fake-chat")).await.expect_status(429);
    assert_eq!(error_code(&answer), "rate_limited");
    assert!((1..=121).contains(&answer.header("retry-after").parse::<u32>().unwrap()));
    let answer = gateway.client().post(MESSAGES, &ask("fake-openai/fake-chat")).await.expect_status(429);
    assert_eq!(answer.json()["error"]["type"], "rate_limit_error");
    assert_eq!(upstream.counts().received, 3);
    gateway.client().get("/v1/models").await.expect_status(200);
}

#[tokio::test]
async fn concurrency_is_429_and_comes_free() {
    let upstream = Upstream::start().await;
    let config = standard_config(&upstream).replace("models: [\"*\"] }", "models: [\"*\"], concurrency: 2 }");
    let gateway = Gateway::start(&config).await;
    let body = ask_stream("fake-openai/fake-gated");
    let (first, second) =
        (gateway.client().open(CHAT, &body).await, gateway.client().open(CHAT, &body).await);
    let answer = gateway.client().post(CHAT, &body).await.expect_status(429);
    assert_eq!(error_code(&answer), "concurrency_limited");
    upstream.open_gate();
    first.collect().await;
    second.collect().await;
    let free = async || {
        (gateway.client().post(CHAT, &ask("fake-openai/fake-chat")).await.status == 200).then_some(())
    };
    eventually("a free slot", free).await;
}

#[tokio::test]
async fn wrong_methods_and_paths_are_told_apart() {
    let (_upstream, gateway) = pair().await;
    let answer = gateway.client().get(CHAT).await.expect_status(405);
    assert_eq!((error_code(&answer).as_str(), answer.header("allow")), ("method_not_allowed", "POST"));
    let answer = gateway.client().post("/v1/models", &Value::Null).await.expect_status(405);
    assert_eq!(answer.header("allow"), "GET, HEAD");
    let answer = gateway.client().post("/v1/nothing", &Value::Null).await.expect_status(404);
    assert_eq!(error_code(&answer), "route_not_found");
}

#[tokio::test]
async fn what_libraries_read_of_an_upstreams_refusal_reaches_them() {
    let (upstream, gateway) = pair().await;
    upstream.script(|_| {
        let reply =
            Reply::json(400, &json!({ "error": { "message": "no", "type": "invalid_request_error" } }));
        Some(reply.header("x-should-retry", "false").header("retry-after-ms", "7"))
    });
    let answer = gateway.client().post(CHAT, &ask("fake-openai/fake-chat")).await.expect_status(400);
    for (name, value) in [("x-should-retry", "false"), ("retry-after-ms", "7"), ("x-request-id", "req_fake")]
    {
        assert_eq!(answer.header(name), value, "{name}");
    }
}
