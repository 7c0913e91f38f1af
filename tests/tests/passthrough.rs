//! Calls that go through to a provider as they are: only where a rule and a key allow it, byte for byte, and without
//! anything of ours or of the client's that is not theirs to know.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test ends where its ground gives way"
)]

use bytes::Bytes;
use http::Method;
use serde_json::json;
use yumen_testkit::{Client, Gateway, KEY, Reply, Step, Upstream, closed_port, eventually, raw_exchange};
use yumen_tests::{CHAT, ask, error_code, record_of};

const SECRET: &str = "upstream-secret-of-ours";
const SLOW: &str = "sk-yu-slow-0123456789abcdefghijklmnopq";
const TOKEN: &str = "token-that-was-asked-for";
const NARROW: &str = "sk-yu-narrow-0123456789abcdefghijklmn";
const BARE: &str = "sk-yu-bare-0123456789abcdefghijklmnopq";

fn config(upstream: &Upstream, more: &str) -> String {
    format!(
        r#"gateway: {{ listen: "127.0.0.1:0", max_body_bytes: 4096 }}
admin: {{ listen: "127.0.0.1:0" }}
providers:
  up:
    type: openai-compatible
    discovery: off
    base_url: "{base}"
    credentials: [ {{ secret: {SECRET} }} ]
    headers: {{ x-organisation: "organisation-of-ours" }}
    passthrough: ["GET /fine_tuning/**", "POST,DELETE,HEAD /assistants/*", "/x", "POST /chat/completions", "/echo/**"]
    timeouts: {{ first_byte_ms: 2000, idle_ms: 1000 }}
  closed: {{ type: openai-compatible, discovery: off, base_url: "{base}", credentials: [ {{ secret: {SECRET} }} ] }}
  other: {{ type: openai-compatible, discovery: off, base_url: "{base}", credentials: [ {{ secret: {SECRET} }} ], passthrough: ["/**"] }}
  gone: {{ type: openai-compatible, discovery: off, base_url: "http://{closed}/v1", auth: {{ scheme: none }}, passthrough: ["/**"] }}
{more}keys:
  - {{ name: test, secret: "{KEY}", access: ["providers/up", "providers/closed", "providers/by-query", "providers/gone"] }}
  - {{ name: narrow, secret: "{NARROW}", models: [up/fake-chat], access: ["*"] }}
  - {{ name: bare, secret: "{BARE}" }}
  - {{ name: slow, secret: "{SLOW}", access: ["providers/up", files], requests_per_minute: 1 }}
"#,
        base = upstream.openai_base(),
        closed = closed_port(),
    )
}

async fn pair() -> (Upstream, Gateway) {
    let upstream = Upstream::start().await;
    upstream.script(|request| match request.path.as_str() {
        path if path.contains("/chat/completions") => None,
        _ => Some(Reply::json(200, &json!({ "ok": true }))),
    });
    let gateway = Gateway::start(&config(&upstream, "")).await;
    (upstream, gateway)
}

#[tokio::test]
async fn nothing_goes_through_unless_a_key_and_a_rule_allow_it() {
    let (upstream, gateway) = pair().await;
    let with = |key: &str| gateway.anonymous().key(key);
    for (method, path) in [
        (Method::GET, "/providers/up/fine_tuning/jobs"),
        (Method::POST, "/providers/up/assistants/a1"),
        (Method::PATCH, "/providers/up/x"),
    ] {
        let ask = async |client: Client| client.send(method.clone(), path, Bytes::new()).await;
        assert_eq!(error_code(&ask(gateway.anonymous()).await.expect_status(401)), "missing_key");
        let refused = ask(with(BARE)).await.expect_status(403);
        assert_eq!(error_code(&refused), "access_denied");
        assert!(refused.text().contains("providers/up"), "{}", refused.text());
        assert_eq!(ask(with(KEY)).await.expect_status(200).text(), r#"{"ok":true}"#);
        // What has a body may name a model.
        let narrow = ask(with(NARROW)).await;
        if method == Method::GET {
            assert_eq!(narrow.expect_status(200).text(), r#"{"ok":true}"#);
        } else {
            assert_eq!(error_code(&narrow.expect_status(403)), "model_not_allowed");
        }
    }
    assert_eq!(upstream.counts().received, 4);
    for (key, method, path, status, code) in [
        (KEY, Method::POST, "/providers/up/fine_tuning/jobs", 403, "path_not_allowed"),
        (KEY, Method::GET, "/providers/up/fine_tuning", 403, "path_not_allowed"),
        (KEY, Method::GET, "/providers/up/assistants/a1", 403, "path_not_allowed"),
        (KEY, Method::POST, "/providers/up/assistants/a/b", 403, "path_not_allowed"),
        (KEY, Method::GET, "/providers/up/secret", 403, "path_not_allowed"),
        (KEY, Method::TRACE, "/providers/up/x", 403, "path_not_allowed"),
        (KEY, Method::GET, "/providers/closed/x", 403, "path_not_allowed"),
        (KEY, Method::GET, "/providers/other/x", 403, "access_denied"),
        (KEY, Method::GET, "/providers/nobody/x", 403, "access_denied"),
        (NARROW, Method::GET, "/providers/nobody/x", 404, "route_not_found"),
        (NARROW, Method::POST, "/providers/up/chat/completions", 403, "model_not_allowed"),
        (NARROW, Method::POST, "/providers/other/v2/Chat/Completions", 403, "model_not_allowed"),
        (KEY, Method::GET, "/providers/up", 404, "route_not_found"),
    ] {
        let answer = with(key).send(method.clone(), path, Bytes::new()).await;
        assert_eq!((answer.status, error_code(&answer).as_str()), (status, code), "{method} {path}");
        assert!(answer.header("x-generation-id").starts_with("gen-"));
    }
    assert_eq!(upstream.counts().received, 4, "none of these reached the provider");
    let chat = with(KEY).post("/providers/up/chat/completions", &ask("fake-chat")).await.expect_status(200);
    assert_eq!(chat.json()["object"], "chat.completion");
}

#[tokio::test]
async fn the_limits_of_a_key_hold_for_what_goes_through() {
    let (upstream, gateway) = pair().await;
    let slow = gateway.anonymous().key(SLOW);
    // What is refused for its path has used nothing up.
    slow.get("/providers/up/nothing").await.expect_status(403);
    slow.get("/providers/up/x").await.expect_status(200);
    let refused = slow.get("/providers/up/x").await.expect_status(429);
    assert_eq!(error_code(&refused), "rate_limited");
    assert!(refused.header("retry-after").parse::<u64>().is_ok_and(|seconds| (1..=61).contains(&seconds)));
    assert_eq!(upstream.counts().received, 1);
}

#[tokio::test]
async fn hostile_paths_reach_nobody() {
    let (upstream, gateway) = pair().await;
    for path in [
        "/fine_tuning/../secret",
        "/fine_tuning/..%2fsecret",
        "/fine_tuning/%2e%2e/secret",
        "/fine_tuning/.%2E/secret",
        "/fine_tuning/./jobs",
        "/fine_tuning//jobs",
        "/fine_tuning/jobs/",
        "/fine_tuning/a%2Fb",
        "/fine_tuning/a%5cb",
        "/fine_tuning/a%00",
        "/fine_tuning/a%0d%0aHost:%20evil",
        "/fine_tuning/%252e%252e/secret",
        "/fine_tuning/a;b=/../../secret",
        "/fine_tuning/%C0%AE%C0%AE/secret",
        "/fine_tuning/a%3Fb",
        "/%66ine_tuning/jobs",
        "//evil.example/fine_tuning/jobs",
    ] {
        let head = format!(
            "GET /providers/up{path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {KEY}\r\nconnection: close\r\n\r\n"
        );
        let answer = raw_exchange(gateway.address(), head.as_bytes(), false).await;
        let answer = String::from_utf8_lossy(&answer);
        assert!(answer.starts_with("HTTP/1.1 400") && answer.contains("path_ambiguous"), "{path}: {answer}");
    }
    let absolute = format!(
        "GET http://evil.example/providers/up/fine_tuning/a\\b HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {KEY}\r\nconnection: close\r\n\r\n"
    );
    let answer = raw_exchange(gateway.address(), absolute.as_bytes(), false).await;
    assert!(answer.starts_with(b"HTTP/1.1 400"), "{}", String::from_utf8_lossy(&answer));
    let answer =
        gateway.client().http2().get("/providers/up/fine_tuning/%2e%2e/secret").await.expect_status(400);
    assert_eq!(error_code(&answer), "path_ambiguous");
    assert_eq!(upstream.counts().received, 0);
}

#[tokio::test]
async fn a_call_arrives_as_it_was_sent_but_for_who_sent_it() {
    let (upstream, gateway) = pair().await;
    let client = gateway
        .client()
        .header("content-type", "multipart/form-data; boundary=b")
        .header("openai-beta", "assistants=v2")
        .header("user-agent", "mine/1")
        .header("x-organisation", "another")
        .header("x-api-key", KEY)
        .header("cookie", "session=1")
        .header("x-forwarded-for", "10.1.2.3")
        .header("accept-encoding", "br")
        .header("x-http-method-override", "DELETE")
        .header("x-yumen-debug", "1")
        .header("x-note", &format!("a {KEY}"))
        .header("connection", "x-hop")
        .header("x-hop", "1");
    let body: Vec<u8> = (0..=255).collect();
    let path = format!("/echo/a%20b/~c,d:e@f%E7%8E%89?b=2&a=%31&key={KEY}&b=1&y={KEY}z");
    let answer =
        client.send(Method::PUT, &format!("/providers/up{path}"), body.clone()).await.expect_status(200);
    assert!(answer.header("x-yumen-overhead-us").parse::<u64>().is_ok());
    let seen = upstream.last();
    assert_eq!(
        (seen.method.clone(), seen.path.as_str()),
        (Method::PUT, "/v1/echo/a%20b/~c,d:e@f%E7%8E%89?b=2&a=%31&b=1")
    );
    assert_eq!(seen.body, body);
    assert_eq!(seen.header("authorization"), format!("Bearer {SECRET}"));
    assert_eq!(seen.header("host"), upstream.address().to_string());
    assert_eq!(seen.header("content-type"), "multipart/form-data; boundary=b");
    assert_eq!((seen.header("openai-beta"), seen.header("user-agent")), ("assistants=v2", "mine/1"));
    assert_eq!(seen.header("x-organisation"), "organisation-of-ours");
    assert_eq!(seen.header("accept-encoding"), "identity");
    for name in [
        "x-api-key",
        "cookie",
        "x-forwarded-for",
        "x-http-method-override",
        "x-yumen-debug",
        "x-note",
        "x-hop",
    ] {
        assert_eq!(seen.header(name), "", "{name}");
    }
    assert!(!format!("{seen:?}").contains(KEY));
    // A call that names no type of its body is not given one.
    gateway
        .client()
        .header("content-type", "text/csv")
        .send(Method::GET, "/providers/up/x", Bytes::new())
        .await;
    assert_eq!(
        (upstream.last().header("content-type"), upstream.last().header("content-length")),
        ("text/csv", "")
    );
    let answer =
        gateway.client().send(Method::POST, "/providers/up/x", vec![b'x'; 4097]).await.expect_status(413);
    assert_eq!(error_code(&answer), "body_too_large");
}

#[tokio::test]
async fn an_answer_comes_as_it_was_given_but_for_the_connections_own() {
    let (upstream, gateway) = pair().await;
    let elsewhere = "https://evil.example/x?y";
    let there = format!("{}/v1/y", upstream.plain_base());
    let there_too = there.clone();
    upstream.script(move |request| {
        let reply = match request.path.as_str() {
            "/v1/echo/teapot" => {
                Reply::whole(418, "text/plain", "short and stout").header("x-rate-limit", "7")
            }
            "/v1/echo/none" => Reply::whole(204, "text/plain", ""),
            "/v1/echo/empty" => Reply::whole(200, "text/plain", ""),
            "/v1/echo/away" => Reply::whole(302, "text/plain", "moved").header("location", elsewhere),
            "/v1/echo/here" => Reply::whole(307, "text/plain", "moved").header("location", &there_too),
            _ => Reply::whole(200, "application/octet-stream", vec![7_u8; 200_000]).header("x-end", "to end"),
        };
        let reply = reply.header("set-cookie", "a=b").header("keep-alive", "timeout=5");
        Some(reply.header("x-yumen-lossy", "no").header("x-generation-id", "gen-0-theirs"))
    });
    let get = async |path: &str| gateway.client().get(&format!("/providers/up/echo/{path}")).await;
    let large = get("large").await.expect_status(200);
    assert_eq!((large.body.len(), large.header("content-type")), (200_000, "application/octet-stream"));
    assert_eq!((large.header("content-length"), large.header("x-end")), ("200000", "to end"));
    let pot = get("teapot").await.expect_status(418);
    assert_eq!((pot.text().as_str(), pot.header("x-rate-limit")), ("short and stout", "7"));
    assert_eq!(get("none").await.expect_status(204).text(), "");
    assert_eq!(get("empty").await.expect_status(200).text(), "");
    assert_eq!(get("away").await.expect_status(302).header("location"), "");
    assert_eq!(get("here").await.expect_status(307).header("location"), there);
    for answer in [&large, &pot] {
        for name in ["set-cookie", "keep-alive", "x-yumen-lossy"] {
            assert_eq!(answer.header(name), "", "{name}");
        }
        assert!(answer.header("x-generation-id").starts_with("gen-1"));
    }
    let head = gateway.client().send(Method::HEAD, "/providers/up/assistants/a", Bytes::new()).await;
    assert_eq!((head.status, head.header("content-length"), head.body.len()), (200, "200000", 0));
    for (answer, outcome, code) in [
        (&large, "completed", json!(null)),
        (&pot, "failed", json!("bad_request")),
        (&get("none").await, "completed", json!(null)),
        (&get("empty").await, "completed", json!(null)),
        (&head, "completed", json!(null)),
    ] {
        let record = record_of(&gateway.client(), answer.header("x-generation-id")).await;
        assert_eq!((&record["outcome"], &record["error_code"]), (&json!(outcome), &code), "{record}");
    }
}

#[tokio::test]
async fn streams_flow_and_end_with_their_client() {
    let (upstream, gateway) = pair().await;
    upstream.script(|request| {
        let stream = Reply::stream(["data: 1\n\n", "data: 2\n\n"]);
        Some(match request.path.as_str() {
            "/v1/echo/gated" => stream.insert(1, Step::Gate),
            "/v1/echo/cut" => stream.insert(1, Step::Cut),
            "/v1/echo/head" => stream.after(Step::Hang),
            _ => stream.insert(1, Step::Hang),
        })
    });
    let open = async |path: &str| gateway.client().begin(Method::GET, path, Bytes::new()).await;
    let mut gated = open("/providers/up/echo/gated").await;
    assert_eq!(gated.headers["content-type"], "text/event-stream; charset=utf-8");
    assert_eq!(gated.next_event().await.unwrap().data, "1");
    upstream.open_gate();
    assert_eq!(gated.next_event().await.unwrap().data, "2");
    assert!(gated.next_event().await.is_none());
    let mut cut = open("/providers/up/echo/cut").await;
    let id = cut.headers["x-generation-id"].to_str().unwrap().to_owned();
    assert_eq!(cut.next_event().await.unwrap().data, "1");
    assert!(cut.next_frame().await.unwrap().is_err());
    assert_eq!(record_of(&gateway.client(), &id).await["error_code"], "upstream_broken");
    // Silence for longer than the idle time-out ends it as well.
    let mut silent = open("/providers/up/echo/silent").await;
    let id = silent.headers["x-generation-id"].to_str().unwrap().to_owned();
    assert_eq!(silent.next_event().await.unwrap().data, "1");
    assert!(silent.next_frame().await.unwrap().is_err());
    assert_eq!(record_of(&gateway.client(), &id).await["error_code"], "upstream_timeout");
    let late = gateway.client().get("/providers/up/echo/head").await.expect_status(504);
    assert_eq!(error_code(&late), "upstream_timeout");
    let aborted = upstream.until("those ends", |counts| counts.open == 0).await.aborted;
    let left = open("/providers/up/echo/left").await;
    let id = left.headers["x-generation-id"].to_str().unwrap().to_owned();
    drop(left);
    upstream.until("the end of what nobody reads", |counts| counts.aborted == aborted + 1).await;
    let record = record_of(&gateway.client(), &id).await;
    assert_eq!((&record["outcome"], &record["cancelled"]), (&json!("client_gone"), &json!(true)));
    assert_eq!((&record["tokens_source"], &record["total_cost"]), (&json!("none"), &json!(null)));
}

#[tokio::test]
async fn one_record_tells_of_a_call_and_usage_counts_it() {
    let (_upstream, gateway) = pair().await;
    let answer = gateway.client().get("/providers/up/fine_tuning/jobs").await.expect_status(200);
    let refused = gateway.client().get("/providers/up/nothing").await.expect_status(403);
    let record = record_of(&gateway.client(), answer.header("x-generation-id")).await;
    for (name, value) in [
        ("api_type", json!("passthrough")),
        ("dialect", json!("http")),
        ("provider_name", json!("up")),
        ("model_requested", json!("")),
        ("status", json!(200)),
        ("outcome", json!("completed")),
        ("streamed", json!(false)),
        ("tokens_source", json!("none")),
        ("tokens_prompt", json!(0)),
        ("total_cost", json!(null)),
    ] {
        assert_eq!(record[name], value, "{name}");
    }
    let tries = record["provider_responses"].as_array().unwrap();
    assert_eq!(tries.len(), 1);
    assert_eq!(
        (&tries[0]["provider"], &tries[0]["credential"], &tries[0]["status"]),
        (&json!("up"), &json!("#1"), &json!(200))
    );
    let record = record_of(&gateway.client(), refused.header("x-generation-id")).await;
    assert_eq!((&record["outcome"], &record["error_code"]), (&json!("refused"), &json!("path_not_allowed")));
    let unreachable = gateway.client().get("/providers/gone/x").await.expect_status(502);
    assert_eq!(error_code(&unreachable), "upstream_unreachable");
    let by_provider = eventually("usage of three calls", async || {
        let shown = gateway.run(&["usage", "--by", "provider", "--json"]).await;
        let rows: serde_json::Value = serde_json::from_str(&shown.stdout).ok()?;
        let requests: u64 = rows.as_array()?.iter().filter_map(|row| row["requests"].as_u64()).sum();
        (requests == 3).then_some(rows)
    });
    let rows = by_provider.await;
    assert!(rows.to_string().contains("\"up\""), "{rows}");
    let metrics = gateway.admin().get("/metrics").await.text();
    assert!(metrics.contains("operation=\"passthrough\"") && !metrics.contains("fine_tuning"), "{metrics}");
}

#[tokio::test]
async fn no_answer_shows_a_secret_and_no_call_takes_another_along() {
    let upstream = Upstream::start().await;
    // This provider repeats all that it was told, in its errors and redirects.
    upstream.script(|request| {
        let told = format!("{} {:?}", request.path, request.headers);
        let status = if request.path.contains("/moved") { 302 } else { 401 };
        if request.path.contains("/told") {
            let (first, rest) = told.split_at(told.find(SECRET)? + 5);
            return Some(Reply::stream([first.to_owned(), rest.to_owned()]));
        }
        if request.path == "/token" {
            return Some(Reply::json(200, &json!({ "access_token": TOKEN, "expires_in": 600 })));
        }
        let here = format!("http://{}{}", request.header("host"), request.path);
        Some(
            Reply::whole(status, "text/html", told)
                .header("location", &here)
                .header("x-told", request.header("authorization")),
        )
    });
    let more = format!(
        "  by-query: {{ type: openai-compatible, discovery: off, base_url: \"{}?version=1\", auth: {{ scheme: query, name: token }}, credentials: \
         [ {{ secret: {SECRET} }} ], passthrough: [\"/**\"] }}\n",
        upstream.openai_base()
    );
    let asked = format!(
        "  asked: {{ type: openai-compatible, discovery: off, base_url: \"{}\", auth: {{ scheme: oauth_client_credentials, token_url: \
         \"{}/token\" }}, credentials: [ {{ secret: {SECRET}, fields: {{ client_id: me }} }} ], passthrough: [\"/**\"] }}\n",
        upstream.openai_base(),
        upstream.plain_base()
    );
    let gateway = Gateway::start(&config(&upstream, &(more + &asked))).await;
    let by_token = gateway.anonymous().key(NARROW).get("/providers/asked/x").await.expect_status(401);
    assert!(
        by_token.text().contains("Bearer [redacted]") && !by_token.text().contains(TOKEN),
        "{}",
        by_token.text()
    );
    assert_eq!(upstream.last().header("authorization"), format!("Bearer {TOKEN}"));
    let told = gateway.client().get("/providers/up/echo/told").await.expect_status(200);
    let struck = "*".repeat(SECRET.len());
    assert!(
        told.text().contains(&format!("Bearer {struck}\"")) && !told.text().contains(SECRET),
        "{}",
        told.text()
    );
    for path in ["up/echo/x", "up/echo/moved", "by-query/x?token=theirs&VERSION=2&a=b", "by-query/moved"] {
        let answer = gateway.client().get(&format!("/providers/{path}")).await;
        let text = format!("{:?} {}", answer.headers, answer.text());
        assert!(text.contains("[redacted]") && !text.contains(SECRET) && !text.contains(KEY), "{text}");
        assert!(!text.contains("x-told") || path.starts_with("by-query"), "{text}");
    }
    let asked = upstream.requests().into_iter().find(|request| request.path.contains("a=b")).unwrap();
    assert_eq!(asked.path, format!("/v1/x?version=1&a=b&token={SECRET}"));
}

#[tokio::test]
async fn a_refused_credential_rests_for_such_calls_and_serves_models_on() {
    let upstream = Upstream::start().await;
    upstream.script(|request| {
        let first = request.header("authorization") == "Bearer first-secret";
        let refused = || Reply::json(401, &json!({ "error": { "message": "no" } }));
        (request.path.starts_with("/v1/echo"))
            .then(|| if first { refused() } else { Reply::json(200, &json!({ "ok": true })) })
    });
    let config = config(&upstream, "").replacen(
        &format!("credentials: [ {{ secret: {SECRET} }} ]"),
        "credentials: [ { secret: first-secret }, { secret: second-secret } ]",
        1,
    );
    let gateway = Gateway::start(&config).await;
    let mut statuses = Vec::new();
    for _ in 0..6 {
        statuses.push(gateway.client().get("/providers/up/echo/x").await.status);
    }
    assert_eq!(statuses.iter().filter(|status| **status == 401).count(), 1, "{statuses:?}");
    upstream.forget();
    for _ in 0..2 {
        gateway.client().post(CHAT, &ask("up/fake-chat")).await.expect_status(200);
    }
    let used = |secret: &str| {
        upstream.requests().iter().any(|request| request.header("authorization").ends_with(secret))
    };
    assert!(used("first-secret") && used("second-secret"));
}
