//! Several credentials of one provider: balanced by what their provider tells of their limits, before any of them is
//! limited.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test ends where its ground gives way"
)]

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use http::Method;
use serde_json::{Value, json};
use yumen_testkit::{Client, Gateway, KEY, Received, Reply, Step, Upstream, eventually, run_program};
use yumen_tests::{CHAT, ask, record_of};

/// One provider with these credentials, and a second one that has no limits.
fn config(upstream: &Upstream, credentials: &str) -> String {
    let base = upstream.plain_base();
    format!(
        r#"
gateway: {{ listen: "127.0.0.1:0", retry_rounds: 0 }}
admin: {{ listen: "127.0.0.1:0" }}
providers:
  pool:  {{ type: openai-compatible, base_url: "{base}/pool/v1", discovery: off, credentials: [ {credentials} ], models: {{ m: {{}} }},
           passthrough: [ "GET /things" ] }}
  other: {{ type: openai-compatible, base_url: "{base}/other/v1", discovery: off, models: {{ m: {{}} }} }}
models:
  both: {{ deployments: [ {{ provider: pool, model: m }}, {{ provider: other, model: m }} ], routing: {{ strategy: priority }} }}
keys: [ {{ name: tests, secret: "{KEY}", access: ["providers/*"] }} ]
"#
    )
}

const TWO: &str = "{ name: one, secret: key-one }, { name: two, secret: key-two }";

fn answered() -> Reply {
    Reply::json(
        200,
        &json!({ "id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "m",
            "choices": [{ "index": 0, "finish_reason": "stop", "message": { "role": "assistant", "content": "here" } }],
            "usage": { "prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15 } }),
    )
}

fn limited() -> Reply {
    Reply::json(429, &json!({ "error": { "message": "slow down", "type": "rate_limit_error" } }))
}

/// The key of a request; empty where there is none.
fn key_of(request: &Received) -> String {
    request.header("authorization").trim_start_matches("Bearer ").to_owned()
}

/// How often each key was sent.
fn sent(upstream: &Upstream) -> BTreeMap<String, usize> {
    let mut sent = BTreeMap::new();
    for request in upstream.requests() {
        *sent.entry(key_of(&request)).or_default() += 1;
    }
    sent
}

/// A reply that tells these headers besides.
fn telling(reply: Reply, headers: &[(&str, String)]) -> Reply {
    headers.iter().fold(reply, |reply, (name, value)| reply.header(name, value))
}

/// A limit of one key: full at first, and again bit by bit (`per_second`).
#[derive(Debug, Clone)]
struct Bucket {
    limit: f64,
    per_second: f64,
    left: f64,
    at: Instant,
}

/// An upstream that really limits its keys, refuses whoever has nothing left, and tells what is left as OpenAI does (where limits
/// fill up bit by bit) or as Together does (where they do not). Gives how often it has refused.
fn limit(upstream: &Upstream, limits: &[(&str, f64, f64)]) -> Arc<Mutex<usize>> {
    let begin = |limit: f64, per_second: f64| Bucket { limit, per_second, left: limit, at: Instant::now() };
    let all = limits.iter().map(|(key, limit, rate)| ((*key).to_owned(), begin(*limit, *rate)));
    let buckets: Mutex<BTreeMap<String, Bucket>> = Mutex::new(all.collect());
    let refused = Arc::new(Mutex::new(0));
    let refusals = Arc::clone(&refused);
    upstream.script(move |request| {
        let mut buckets = buckets.lock().unwrap();
        let bucket = buckets.get_mut(&key_of(request))?;
        let now = Instant::now();
        bucket.left = (bucket.left + (now - bucket.at).as_secs_f64() * bucket.per_second).min(bucket.limit);
        bucket.at = now;
        let has_room = bucket.left >= 1.0;
        if has_room {
            bucket.left -= 1.0;
        } else {
            *refusals.lock().unwrap() += 1;
        }
        let (left, limit) = (format!("{:.0}", bucket.left.floor()), format!("{:.0}", bucket.limit));
        let headers = if bucket.per_second > 0.0 {
            let full = (bucket.limit - bucket.left) / bucket.per_second;
            vec![
                ("x-ratelimit-limit-requests", limit),
                ("x-ratelimit-remaining-requests", left),
                ("x-ratelimit-reset-requests", format!("{:.0}ms", full * 1000.0)),
            ]
        } else {
            let reset = "60".to_owned();
            vec![("x-ratelimit-limit", limit), ("x-ratelimit-remaining", left), ("x-ratelimit-reset", reset)]
        };
        let reply = if has_room { answered() } else { limited() };
        Some(telling(reply, &headers).after(Step::Pause(Duration::from_millis(5))))
    });
    refused
}

/// Calls in bursts of so many at the same time; all of them must be answered.
async fn bursts(client: &Client, model: &str, bursts: usize, at_once: usize) {
    for _ in 0..bursts {
        let mut burst = tokio::task::JoinSet::new();
        for _ in 0..at_once {
            let (client, body) = (client.clone(), ask(model));
            burst.spawn(async move { client.post(CHAT, &body).await });
        }
        for answer in burst.join_all().await {
            answer.expect_status(200);
        }
    }
}

/// An upstream that told nothing would refuse ten of them: all of one burst that meet the limit together.
#[tokio::test]
async fn two_hundred_calls_in_bursts_meet_nearly_no_limit() {
    let upstream = Upstream::start().await;
    let refused = limit(&upstream, &[("key-one", 150.0, 0.0), ("key-two", 70.0, 0.0)]);
    let gateway = Gateway::start(&config(&upstream, TWO)).await;
    bursts(&gateway.client(), "pool/m", 10, 20).await;
    let (sent, refused) = (sent(&upstream), *refused.lock().unwrap());
    assert!(refused <= 4, "{refused} were refused of {sent:?}");
    assert!(sent["key-two"] >= 50, "what it has is used: {sent:?}");
}

#[tokio::test]
async fn limits_that_fill_up_are_kept_to_as_well() {
    let upstream = Upstream::start().await;
    let refused = limit(&upstream, &[("key-one", 400.0, 1.0), ("key-two", 40.0, 1.0)]);
    let gateway = Gateway::start(&config(&upstream, TWO)).await;
    bursts(&gateway.client(), "pool/m", 10, 20).await;
    let refused = *refused.lock().unwrap();
    assert!(refused <= 4, "{refused} were refused of {:?}", sent(&upstream));
}

/// Each key tells the same headers with each answer.
fn tell(upstream: &Upstream, told: &'static [(&'static str, &'static [(&'static str, &'static str)])]) {
    upstream.script(move |request| {
        let key = key_of(request);
        let (_, headers) = told.iter().find(|(of, _)| *of == key)?;
        let headers: Vec<(&str, String)> =
            headers.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
        Some(telling(answered(), &headers))
    });
}

#[tokio::test]
async fn an_exhausted_key_is_left_alone_until_its_reset() {
    let upstream = Upstream::start().await;
    tell(
        &upstream,
        &[("key-one", &[("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "600")]), ("key-two", &[])],
    );
    let gateway = Gateway::start(&config(&upstream, TWO)).await;
    for _ in 0..20 {
        gateway.client().post(CHAT, &ask("pool/m")).await.expect_status(200);
    }
    assert_eq!(sent(&upstream)["key-one"], 1);
    // Calls that go through as they are have limits of their own.
    upstream.forget();
    for _ in 0..4 {
        gateway.client().get("/providers/pool/things").await.expect_status(200);
    }
    assert_eq!(sent(&upstream)["key-one"], 1);
}

#[tokio::test]
async fn an_exhausted_key_serves_again_after_its_reset() {
    let upstream = Upstream::start().await;
    let first = Mutex::new(true);
    upstream.script(move |request| {
        let is_first = key_of(request) == "key-one" && std::mem::take(&mut *first.lock().unwrap());
        let headers: &[(&str, String)] =
            &[("x-ratelimit-remaining", "0".into()), ("x-ratelimit-reset", in_a_second())];
        Some(telling(answered(), if is_first { headers } else { &[] }))
    });
    let gateway = Gateway::start(&config(&upstream, TWO)).await;
    eventually("the first key", async || {
        gateway.client().post(CHAT, &ask("pool/m")).await.expect_status(200);
        (sent(&upstream).get("key-one").copied() >= Some(3)).then_some(())
    })
    .await;
}

/// A second from now, in milliseconds since 1970.
fn in_a_second() -> String {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    (since + Duration::from_secs(1)).as_millis().to_string()
}

#[tokio::test]
async fn when_all_are_exhausted_one_is_tried_at_last_and_the_client_hears_when_to_come_back() {
    let upstream = Upstream::start().await;
    let asked = Mutex::new(0);
    upstream.script(move |request| {
        if !request.path.starts_with("/pool") {
            return Some(answered());
        }
        let mut asked = asked.lock().unwrap();
        *asked += 1;
        let reply = if *asked > 2 { limited() } else { answered() };
        Some(telling(reply, &[("x-ratelimit-remaining", "0".into()), ("x-ratelimit-reset", "42".into())]))
    });
    let gateway = Gateway::start(&config(&upstream, TWO)).await;
    let client = gateway.client();
    for _ in 0..2 {
        client.post(CHAT, &ask("pool/m")).await.expect_status(200);
    }
    assert_eq!(sent(&upstream).len(), 2, "one call for each");
    // Another deployment comes first now.
    let answer = client.post(CHAT, &ask("both")).await.expect_status(200);
    let record = record_of(&client, answer.header("x-generation-id")).await;
    assert_eq!(record["provider_responses"].as_array().unwrap().len(), 1, "{record}");
    let explained = client.clone().header("x-yumen-dry-run", "1").post(CHAT, &ask("both")).await;
    assert!(explained.text().contains("limited"), "{}", explained.text());
    // Without one a limit that is only told is tried all the same, once.
    upstream.forget();
    let answer = client.post(CHAT, &ask("pool/m")).await.expect_status(429);
    assert_eq!(upstream.requests().len(), 1, "{:?}", sent(&upstream));
    let wait: u64 = answer.header("retry-after").parse().unwrap();
    assert!((1..=42).contains(&wait), "{wait}");
}

#[tokio::test]
async fn of_exhausted_keys_the_one_that_returns_first_is_tried_and_its_wait_is_told() {
    let upstream = Upstream::start().await;
    let waits = |request: &Received| if key_of(request) == "key-one" { "500" } else { "40" };
    upstream.script(move |request| {
        Some(limited().header("retry-after", waits(request)).header("x-request-id", "r"))
    });
    let gateway = Gateway::start(&config(&upstream, TWO)).await;
    let client = gateway.client();
    // Whichever comes last, the least wait of both is told.
    for _ in 0..3 {
        let answer = client.post(CHAT, &ask("pool/m")).await.expect_status(429);
        let wait: u64 = answer.header("retry-after").parse().unwrap();
        assert!((1..=40).contains(&wait), "{wait}");
    }
    // Both were found out once; from then on only the one that returns first is asked.
    let sent = sent(&upstream);
    assert_eq!((sent["key-one"], sent["key-two"]), (1, 3), "{sent:?}");
}

#[tokio::test]
async fn of_those_that_wait_the_next_is_asked_where_one_fails_for_another_reason() {
    let upstream = Upstream::start().await;
    let later = Arc::new(Mutex::new(false));
    let is_later = Arc::clone(&later);
    upstream.script(move |request| {
        let first = request.path.starts_with("/pool");
        Some(match (*is_later.lock().unwrap(), first) {
            (false, _) => limited().header("retry-after", if first { "40" } else { "500" }),
            (true, true) => Reply::json(500, &json!({ "error": { "message": "down" } })),
            (true, false) => answered(),
        })
    });
    let all =
        config(&upstream, TWO).replace("/other/v1\"", "/other/v1\", credentials: [ { secret: key-three } ]");
    let gateway = Gateway::start(&all).await;
    let client = gateway.client();
    client.post(CHAT, &ask("both")).await.expect_status(429);
    assert_eq!(sent(&upstream).len(), 3, "all were found to be limited");
    *later.lock().unwrap() = true;
    upstream.forget();
    // The other key of a server that is down would not help, another server does.
    client.post(CHAT, &ask("both")).await.expect_status(200);
    let asked: Vec<_> = upstream.requests().iter().map(|request| request.path.clone()).collect();
    assert_eq!(asked, ["/pool/v1/chat/completions", "/other/v1/chat/completions"]);
}

#[tokio::test]
async fn weights_hold_as_long_as_there_is_enough_for_all() {
    let upstream = Upstream::start().await;
    const MUCH: &[(&str, &str)] = &[
        ("x-ratelimit-limit-requests", "1000"),
        ("x-ratelimit-remaining-requests", "999"),
        ("x-ratelimit-reset-requests", "60ms"),
    ];
    tell(&upstream, &[("key-one", MUCH), ("key-two", MUCH)]);
    let weighted = TWO.replace("secret: key-one", "secret: key-one, weight: 3");
    let gateway = Gateway::start(&config(&upstream, &weighted)).await;
    for _ in 0..40 {
        gateway.client().post(CHAT, &ask("pool/m")).await.expect_status(200);
    }
    assert_eq!((sent(&upstream)["key-one"], sent(&upstream)["key-two"]), (30, 10));
}

#[tokio::test]
async fn who_has_few_tokens_left_is_asked_short_questions_only() {
    let upstream = Upstream::start().await;
    let few: &[(&str, &str)] = &[
        ("anthropic-ratelimit-input-tokens-limit", "1000"),
        ("anthropic-ratelimit-input-tokens-remaining", "900"),
        ("anthropic-ratelimit-input-tokens-reset", "2999-01-01T00:00:00Z"),
    ];
    tell(&upstream, Box::leak(Box::new([("key-one", few), ("key-two", &[][..])])));
    let gateway = Gateway::start(&config(&upstream, TWO)).await;
    let client = gateway.client();
    let long =
        json!({ "model": "pool/m", "messages": [{ "role": "user", "content": "long ".repeat(2000) }] });
    for _ in 0..2 {
        client.post(CHAT, &ask("pool/m")).await.expect_status(200);
    }
    upstream.forget();
    for _ in 0..10 {
        client.post(CHAT, &long).await.expect_status(200);
    }
    assert_eq!(sent(&upstream).get("key-one"), None);
    for _ in 0..10 {
        client.post(CHAT, &ask("pool/m")).await.expect_status(200);
    }
    assert!(sent(&upstream)["key-one"] >= 4, "{:?}", sent(&upstream));
}

/// A provider that tells nothing: the operator's word is counted here, for streams and whole answers.
#[tokio::test]
async fn limits_that_the_operator_writes_are_counted_here() {
    let upstream = Upstream::start().await;
    upstream.script(|_| Some(answered()));
    let own = TWO.replace("secret: key-one", "secret: key-one, requests_per_minute: 5");
    let gateway = Gateway::start(&config(&upstream, &own)).await;
    bursts(&gateway.client(), "pool/m", 3, 10).await;
    let sent_first = sent(&upstream)["key-one"];
    // Two workers may both take the last place.
    assert!((3..=6).contains(&sent_first), "{sent_first}");
    upstream.forget();
    // Tokens are those that were counted at the end.
    let own = TWO.replace("secret: key-one", "secret: key-one, tokens_per_minute: 45");
    let gateway = Gateway::start(&config(&upstream, &own)).await;
    for _ in 0..30 {
        gateway.client().post(CHAT, &ask("pool/m")).await.expect_status(200);
    }
    assert!((1..=2).contains(&sent(&upstream)["key-one"]), "{:?}", sent(&upstream));
}

#[tokio::test]
async fn what_is_left_is_told() {
    let upstream = Upstream::start().await;
    limit(&upstream, &[("key-one", 100.0, 0.0), ("key-two", 100.0, 0.0)]);
    let gateway = Gateway::start(&config(&upstream, TWO)).await;
    for _ in 0..4 {
        gateway.client().post(CHAT, &ask("pool/m")).await.expect_status(200);
    }
    let status = gateway.admin().get("/status").await.expect_status(200).json();
    let reports = status["health"].as_array().unwrap();
    let of = |name: &str| reports.iter().find(|one| one["credential"] == name).unwrap().clone();
    let requests = &of("one")["allowances"][0]["requests"];
    assert_eq!((&requests["left"], &requests["limit"]), (&json!(98), &json!(100)), "{status}");
    assert_eq!(of("two")["allowances"][0]["model"], "m");
    let of_deployment = reports.iter().find(|one| one["model"] == "m").unwrap();
    assert_eq!(of_deployment.get("allowances"), None::<&Value>);
    let metrics = gateway.admin().get("/metrics").await.expect_status(200).text();
    let line =
        r#"yumen_credential_remaining{provider="pool",credential="one",model="m",unit="requests"} 98.0"#;
    assert!(metrics.contains(line), "{metrics}");
    let address = gateway.admin_url();
    let shown = run_program(&["status", "--admin", address.trim_start_matches("http://")]).await;
    assert!(shown.stdout.contains("98/100 requests"), "{} {}", shown.stdout, shown.stderr);
}

#[tokio::test]
async fn odd_headers_change_nothing() {
    let upstream = Upstream::start().await;
    let odd: &[(&str, &str)] = &[
        ("x-ratelimit-remaining", "-99999999999999999999"),
        ("x-ratelimit-limit", "nan"),
        ("x-ratelimit-reset", "1e308"),
        ("anthropic-ratelimit-requests-reset", "99999-99-99"),
        ("ratelimit", ";;;,,,===r=t=;r=;t=-1"),
        ("x-ratelimit-remaining-tokens", "18446744073709551616"),
    ];
    tell(&upstream, Box::leak(Box::new([("key-one", odd), ("key-two", odd)])));
    let gateway = Gateway::start(&config(&upstream, TWO)).await;
    for _ in 0..6 {
        gateway.client().post(CHAT, &ask("pool/m")).await.expect_status(200);
    }
    gateway.client().send(Method::GET, "/providers/pool/things", "").await.expect_status(200);
}
