//! The gateway's own questions to deployments: whoever is well again serves again, and no exchange has to find out.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test ends where its ground gives way"
)]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::{Value, json};
use yumen_testkit::{Gateway, KEY, Received, Reply, Upstream, eventually};
use yumen_tests::{CHAT, ask, record_of};

fn config(upstream: &Upstream, probe: &str) -> String {
    let base = upstream.plain_base();
    format!(
        r#"
gateway: {{ listen: "127.0.0.1:0", retry_rounds: 0 }}
admin: {{ listen: "127.0.0.1:0" }}
providers:
  first:  {{ type: openai-compatible, base_url: "{base}/first/v1", discovery: off, models: {{ m: {{}} }}, probe: {probe},
            credentials: [ {{ secret: first-secret }} ] }}
  second: {{ type: openai-compatible, base_url: "{base}/second/v1", discovery: off, models: {{ m: {{}} }} }}
  held:   {{ type: openai-compatible, base_url: "{base}/v1", discovery: off, models: {{ fake-gated: {{}} }} }}
models:
  both: {{ deployments: [ {{ provider: first, model: m }}, {{ provider: second, model: m }} ], routing: {{ strategy: priority }} }}
keys: [ {{ name: tests, secret: "{KEY}" }} ]
"#
    )
}

const CALL: &str = "{ how: call, every_ms: 500 }";
const MODELS: &str = "{ how: models, every_ms: 500 }";

/// An upstream whose first server fails while it is told to.
async fn world(probe: &str) -> (Upstream, Gateway, Arc<AtomicBool>) {
    let upstream = Upstream::start().await;
    let fails = Arc::new(AtomicBool::new(false));
    let failing = Arc::clone(&fails);
    upstream.script(move |request| {
        if request.model() == "fake-gated" {
            return None;
        }
        let server = request.path.split('/').nth(1)?.to_owned();
        if server == "first" && failing.load(Ordering::Relaxed) {
            return Some(Reply::json(500, &json!({ "error": { "message": "broken", "type": "server_error" } })));
        }
        if request.path.ends_with("/models") {
            return Some(Reply::json(200, &json!({ "object": "list", "data": [{ "id": "m", "object": "model" }] })));
        }
        Some(Reply::json(
            200,
            &json!({ "id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "m",
                "choices": [{ "index": 0, "finish_reason": "stop", "message": { "role": "assistant", "content": server } }],
                "usage": { "prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15 } }),
        ))
    });
    let gateway = Gateway::start(&config(&upstream, probe)).await;
    (upstream, gateway, fails)
}

fn is_probe(request: &Received) -> bool {
    request.json()["max_tokens"] == 1 || request.path.ends_with("/models")
}

/// The probes that the first server was sent.
fn probes(upstream: &Upstream) -> usize {
    upstream.requests().iter().filter(|request| is_probe(request)).count()
}

/// Exchanges fail over until the first server's breaker is open.
async fn open(gateway: &Gateway, fails: &AtomicBool) {
    fails.store(true, Ordering::Relaxed);
    for _ in 0..5 {
        gateway.client().post(CHAT, &ask("both")).await.expect_status(200);
    }
}

async fn report(gateway: &Gateway) -> Value {
    let status = gateway.admin().get("/status").await.expect_status(200).json();
    let reports = status["health"].as_array().unwrap();
    let of_first = |one: &&Value| one["provider"] == "first" && one["model"] == "m";
    reports.iter().find(of_first).cloned().unwrap_or_default()
}

/// The server that answers an exchange, and with which tries.
async fn tried(gateway: &Gateway) -> Vec<String> {
    let answer = gateway.client().post(CHAT, &ask("both")).await.expect_status(200);
    let record = record_of(&gateway.client(), answer.header("x-generation-id")).await;
    let tries = record["provider_responses"].as_array().unwrap();
    tries.iter().map(|one| one["provider_name"].as_str().unwrap_or_default().to_owned()).collect()
}

#[tokio::test]
async fn who_is_well_again_serves_again_and_no_exchange_finds_out() {
    let (upstream, gateway, fails) = world(CALL).await;
    open(&gateway, &fails).await;
    assert_eq!(report(&gateway).await["state"], "open");
    upstream.forget();
    // While it fails only probes come to it, for longer than its breaker alone would keep exchanges away.
    eventually("probes", async || {
        gateway.client().post(CHAT, &ask("both")).await.expect_status(200);
        (probes(&upstream) >= 3).then_some(())
    })
    .await;
    let to_first = upstream.requests().into_iter().filter(|request| request.path.starts_with("/first"));
    let (by_probe, by_exchange): (Vec<_>, Vec<_>) = to_first.partition(is_probe);
    assert!(by_exchange.is_empty(), "{} exchanges beside {} probes", by_exchange.len(), by_probe.len());
    assert_eq!(by_probe[0].header("authorization"), "Bearer first-secret");
    let failed = report(&gateway).await;
    assert!(failed["state"] == "open" && failed["probes"]["failed"].as_u64() >= Some(2), "{failed}");
    fails.store(false, Ordering::Relaxed);
    eventually("the first server", async || (report(&gateway).await["state"] != "open").then_some(())).await;
    let tries = tried(&gateway).await;
    assert_eq!(tries.len(), 1, "{tries:?}");
    assert!(upstream.requests().last().unwrap().path.starts_with("/first"));
    let metrics = gateway.admin().get("/metrics").await.expect_status(200).text();
    assert!(metrics.contains(r#"yumen_probes_total{provider="first",result="good"} 1"#), "{metrics}");
}

/// Nobody is charged, and there are as many records as exchanges.
#[tokio::test]
async fn probes_leave_no_record_and_charge_nobody() {
    let (upstream, gateway, _) = world("{ how: call, when: always, every_ms: 500 }").await;
    let answer = gateway.client().post(CHAT, &ask("both")).await.expect_status(200);
    record_of(&gateway.client(), answer.header("x-generation-id")).await;
    eventually("probes", async || (probes(&upstream) >= 2).then_some(())).await;
    let last = upstream.requests().into_iter().rfind(is_probe).unwrap();
    assert_eq!(last.json()["messages"][0]["content"], "Hi");
    assert!(
        !last.headers.iter().any(|(_, value)| value.to_str().is_ok_and(|value| value.contains("sk-yu-")))
    );
    let report = report(&gateway).await;
    assert_eq!(report["uptime_5m"], json!({ "good": 1, "bad": 0 }), "probes are no exchanges");
    assert_eq!(report["open"], 0);
    let metrics = eventually("the record", async || {
        let metrics = gateway.admin().get("/metrics").await.expect_status(200).text();
        metrics.contains("yumen_requests_total{operation=\"chat\",provider=\"first\"").then_some(metrics)
    })
    .await;
    let counted = metrics.lines().filter(|line| line.starts_with("yumen_requests_total{operation=\"chat\""));
    let counted: Vec<&str> = counted.map(|line| line.rsplit(' ').next().unwrap()).collect();
    assert_eq!(counted, ["1"], "{metrics}");
}

/// A list of models tells that the server is there; an exchange tells that it is well.
#[tokio::test]
async fn a_list_of_models_lets_the_next_exchange_look() {
    let (upstream, gateway, fails) = world(MODELS).await;
    open(&gateway, &fails).await;
    upstream.forget();
    eventually("probes", async || (probes(&upstream) >= 2).then_some(())).await;
    let asked = upstream.requests();
    assert!(asked.iter().all(|request| request.path == "/first/v1/models"), "{asked:?}");
    fails.store(false, Ordering::Relaxed);
    eventually("a list", async || (report(&gateway).await["state"] == "half_open").then_some(())).await;
    assert_eq!(tried(&gateway).await.len(), 1);
    assert!(upstream.requests().iter().any(|request| request.path == "/first/v1/chat/completions"));
    assert_ne!(report(&gateway).await["state"], "open");
}

#[tokio::test]
async fn probes_stop_when_the_settings_say_so() {
    let (upstream, gateway, fails) = world(CALL).await;
    open(&gateway, &fails).await;
    eventually("probes", async || (probes(&upstream) >= 1).then_some(())).await;
    std::fs::write(gateway.config_path(), config(&upstream, "{ how: off }")).unwrap();
    // From then on exchanges look by themselves, as they do without probes.
    eventually("an exchange at the first server", async || {
        gateway.client().post(CHAT, &ask("both")).await.expect_status(200);
        let requests = upstream.requests();
        let last = requests.iter().rposition(is_probe)?;
        let looked = |request: &Received| request.path.starts_with("/first") && !is_probe(request);
        requests.get(last..)?.iter().any(looked).then_some(())
    })
    .await;
    fails.store(false, Ordering::Relaxed);
    upstream.forget();
    eventually("the first server", async || (report(&gateway).await["state"] != "open").then_some(())).await;
    tried(&gateway).await;
    assert_eq!(probes(&upstream), 0);
}

#[tokio::test]
async fn probes_stop_when_the_process_is_asked_to() {
    let (upstream, mut gateway, fails) = world(CALL).await;
    open(&gateway, &fails).await;
    eventually("a probe", async || (probes(&upstream) > 0).then_some(())).await;
    // A stream that is still open keeps the process.
    let mut stream = gateway.client().open(CHAT, &yumen_tests::ask_stream("held/fake-gated")).await;
    stream.next_event().await.unwrap();
    gateway.ask_to_stop();
    let stops = async || {
        let client = gateway.client();
        let answer = client.try_send(http::Method::POST, CHAT, ask("both").to_string()).await;
        answer.is_none_or(|answer| answer.status == 503).then_some(())
    };
    eventually("new work is refused", stops).await;
    // What was under way when it was asked to stop; then a time in which several more would have come.
    tokio::time::sleep(std::time::Duration::from_millis(500)).await;
    let before = probes(&upstream);
    tokio::time::sleep(std::time::Duration::from_millis(2000)).await;
    assert_eq!(probes(&upstream), before);
    upstream.open_gate();
    while stream.next_event().await.is_some() {}
    assert_eq!(gateway.exit_code().await, Some(0));
}
