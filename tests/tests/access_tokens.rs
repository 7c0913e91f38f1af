//! The life of a token: kept over requests, asked for once by many, taken anew when it is refused, and what happens when
//! there is none.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test ends where its ground gives way"
)]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};
use yumen_testkit::{Client, Gateway, KEY, Received, Reply, Step, Upstream, closed_port};
use yumen_tests::{CHAT, MESSAGES, TEXT, ask, ask_stream, error_code, record_of, stream_text, whole_text};

const SECRET: &str = "the-client-secret";

/// A provider `one` with tokens from `token_url`, and a provider `spare` with a plain key, for the alias `both`.
fn config(upstream: &Upstream, token_url: &str) -> String {
    format!(
        "gateway: {{ listen: \"127.0.0.1:0\" }}
admin: {{ listen: \"127.0.0.1:0\" }}
providers:
  one:
    type: openai-compatible
    discovery: off
    base_url: \"{base}\"
    auth: {{ scheme: oauth_client_credentials, token_url: \"{token_url}\" }}
    credentials: [ {{ secret: {SECRET}, fields: {{ client_id: the-client-id }} }} ]
    timeouts: {{ first_byte_ms: 2000, connect_ms: 2000 }}
  spare:
    type: openai-compatible
    discovery: off
    base_url: \"{base}\"
    credentials: [ {{ secret: spare-secret }} ]
models:
  both:
    deployments: [ {{ provider: one, model: fake-chat }} ]
    fallbacks: [ spare/fake-chat ]
keys:
  - {{ name: test, secret: \"{KEY}\" }}
",
        base = upstream.openai_base()
    )
}

async fn start(upstream: &Upstream) -> Gateway {
    Gateway::start(&config(upstream, &format!("http://{}/token", upstream.address()))).await
}

fn grant(token: &str) -> Reply {
    Reply::json(200, &json!({ "access_token": token, "expires_in": 3600 }))
}

fn asks_token(request: &Received) -> bool {
    request.path == "/token"
}

fn asked(upstream: &Upstream) -> usize {
    upstream.requests().iter().filter(|request| asks_token(request)).count()
}

async fn tries(client: &Client, generation_id: &str) -> Vec<(Value, Value)> {
    let record = record_of(client, generation_id).await;
    let tries = record["provider_responses"].as_array().cloned().unwrap_or_default();
    tries.iter().map(|one| (one["status"].clone(), one["cause"].clone())).collect()
}

/// A token server that gives `tok-1`, `tok-2` …, and a provider that takes only the token of the number that is said.
fn only_takes(upstream: &Upstream, number: &Arc<AtomicUsize>) {
    let (given, number) = (AtomicUsize::new(0), Arc::clone(number));
    upstream.script(move |request| {
        if asks_token(request) {
            return Some(grant(&format!("tok-{}", given.fetch_add(1, Ordering::SeqCst) + 1)));
        }
        let good =
            [format!("Bearer tok-{}", number.load(Ordering::SeqCst)), "Bearer spare-secret".to_owned()];
        let refused = json!({ "error": { "message": "token expired", "type": "authentication_error" } });
        (!good.iter().any(|one| one == request.header("authorization"))).then(|| Reply::json(401, &refused))
    });
}

#[tokio::test]
async fn twenty_at_once_ask_for_one_token() {
    let upstream = Upstream::start().await;
    upstream.script(|request| asks_token(request).then(|| grant("tok-1").after(Step::Gate)));
    let gateway = start(&upstream).await;
    let mut all = tokio::task::JoinSet::new();
    for number in 0..20 {
        let client = gateway.client();
        all.spawn(async move {
            if number % 2 == 0 {
                let answer = client.post(CHAT, &ask("one/fake-chat")).await.expect_status(200);
                whole_text(&answer)
            } else {
                let answer = client.post(MESSAGES, &ask_stream("one/fake-chat")).await.expect_status(200);
                stream_text(MESSAGES, &answer.events())
            }
        });
    }
    upstream.until("the token to be asked for", |counts| counts.open == 1).await;
    // Time for the others to come and wait: each of them is a connection that the gateway has accepted.
    let metrics = async || gateway.admin().get("/metrics").await.text().to_owned();
    let open = async || {
        let page = metrics().await;
        let line = page.lines().find(|line| line.starts_with("yumen_exchanges_in_flight"));
        line.is_some_and(|line| line.ends_with(" 20")).then_some(())
    };
    yumen_testkit::eventually("twenty open exchanges", open).await;
    upstream.open_gate();
    assert!(all.join_all().await.iter().all(|text| text == TEXT));
    assert_eq!(asked(&upstream), 1);
    for request in upstream.requests().iter().filter(|request| !asks_token(request)) {
        assert_eq!(request.header("authorization"), "Bearer tok-1");
    }
}

#[tokio::test]
async fn a_token_that_was_given_up_is_replaced_unseen() {
    let upstream = Upstream::start().await;
    let number = Arc::new(AtomicUsize::new(1));
    only_takes(&upstream, &number);
    let gateway = start(&upstream).await;
    gateway.client().post(CHAT, &ask("one/fake-chat")).await.expect_status(200);
    number.store(2, Ordering::SeqCst);
    let answer = gateway.client().post(CHAT, &ask("one/fake-chat")).await.expect_status(200);
    assert_eq!(whole_text(&answer), TEXT);
    let tries = tries(&gateway.client(), answer.header("x-generation-id")).await;
    assert_eq!(tries, [(json!(401), json!("unauthorized")), (json!(200), Value::Null)]);
    // Neither the credential nor its new token has suffered.
    for _ in 0..3 {
        gateway.client().post(CHAT, &ask_stream("one/fake-chat")).await.expect_status(200);
    }
    assert_eq!(asked(&upstream), 2);
}

#[tokio::test]
async fn a_fresh_token_that_is_refused_is_not_replaced_again() {
    let upstream = Upstream::start().await;
    let number = Arc::new(AtomicUsize::new(1));
    only_takes(&upstream, &number);
    let gateway = start(&upstream).await;
    gateway.client().post(CHAT, &ask("one/fake-chat")).await.expect_status(200);
    number.store(99, Ordering::SeqCst);
    let before = upstream.requests().len();
    let answer = gateway.client().post(CHAT, &ask("one/fake-chat")).await.expect_status(401);
    assert!(answer.text().contains("token expired"), "{}", answer.text());
    let seen = upstream.requests();
    let paths: Vec<&str> = seen[before..].iter().map(|request| request.path.as_str()).collect();
    assert_eq!(paths, ["/v1/chat/completions", "/token", "/v1/chat/completions"]);
    // Now the credential rests as any other that was refused: the spare one serves at once.
    let before = upstream.requests().len();
    gateway.client().post(CHAT, &ask("both")).await.expect_status(200);
    assert_eq!(upstream.requests().len(), before + 1);
}

#[tokio::test]
async fn without_a_token_another_deployment_serves_and_the_client_hears_why_not() {
    let upstream = Upstream::start().await;
    upstream.script(|request| {
        let said = format!("{SECRET} is no secret of the-client-id");
        let refusal = json!({ "error": "invalid_client", "error_description": said });
        asks_token(request).then(|| Reply::json(401, &refusal))
    });
    let mut gateway = start(&upstream).await;
    let answer = gateway.client().post(CHAT, &ask("both")).await.expect_status(200);
    assert_eq!(whole_text(&answer), TEXT);
    let tried = tries(&gateway.client(), answer.header("x-generation-id")).await;
    assert_eq!(tried, [(Value::Null, json!("auth_failed")), (json!(200), Value::Null)]);
    // The credential rests: it is not asked with again while another serves.
    gateway.client().post(CHAT, &ask("both")).await.expect_status(200);
    assert_eq!(asked(&upstream), 1);
    // Where nobody else serves, it is tried after all.
    for path in [CHAT, MESSAGES] {
        let answer = gateway.client().post(path, &ask("one/fake-chat")).await.expect_status(502);
        let text = answer.text();
        assert!(
            text.contains("there is no token: its token server answered 401 (invalid_client)."),
            "{text}"
        );
        assert!(!text.contains(SECRET) && !text.contains("the-client-id"), "{text}");
    }
    let answer = gateway.client().post(CHAT, &ask("one/fake-chat")).await;
    assert_eq!(error_code(&answer), "upstream_auth_failed");
    let counted = gateway.client().post("/v1/messages/count_tokens", &ask("one/fake-chat")).await;
    counted.expect_status(200);
    gateway.terminate().await;
    let log = gateway.log();
    assert!(log.contains("no token: its token server answered 401 (invalid_client)"), "{log}");
    assert!(log.contains("[redacted] is no secret of [redacted]"), "{log}");
    assert!(!log.contains(SECRET), "{log}");
}

#[tokio::test]
async fn token_servers_that_are_broken_silent_or_away() {
    let upstream = Upstream::start().await;
    upstream.script(|request| match request.path.as_str() {
        "/html" => Some(Reply::whole(200, "text/html", "<html>".repeat(50_000))),
        "/unfit" => Some(grant("a\nb")),
        "/hang" => Some(grant("tok").after(Step::Hang)),
        "/cut" => Some(grant("tok").insert(0, Step::Cut)),
        "/busy" => Some(Reply::json(503, &json!({}))),
        _ => None,
    });
    let at = |path: &str| format!("http://{}{path}", upstream.address());
    for (url, said) in [
        (at("/html"), "answered without a token"),
        (at("/unfit"), "gave something that no header can carry"),
        (at("/hang"), "did not answer in time"),
        (at("/cut"), "the connection to its token server broke"),
        (at("/busy"), "answered 503"),
        (format!("http://{}/token", closed_port()), "cannot be reached"),
    ] {
        let gateway = Gateway::start(&config(&upstream, &url)).await;
        let answer = gateway.client().post(CHAT, &ask("one/fake-chat")).await.expect_status(502);
        assert!(answer.text().contains(said), "{url}: {}", answer.text());
        let answer = gateway.client().post(CHAT, &ask("both")).await.expect_status(200);
        assert_eq!(whole_text(&answer), TEXT, "{url}");
    }
}
