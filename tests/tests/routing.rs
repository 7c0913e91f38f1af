//! The choice of deployments as clients and operators see it: wishes, filters, sessions, breakers, and what is told of it.
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
use yumen_testkit::{Client, Gateway, KEY, Reply, Upstream, eventually, run_program};
use yumen_tests::{CHAT, MESSAGES, ask, error_code, record_of};

/// Three servers of one model that differ in price, region and data policy, each told apart by its base URL.
fn config(upstream: &Upstream) -> String {
    let base = upstream.plain_base();
    format!(
        r#"
gateway: {{ listen: "127.0.0.1:0" }}
admin: {{ listen: "127.0.0.1:0" }}
providers:
  cheap:  {{ type: openai-compatible, base_url: "{base}/cheap/v1", discovery: off, region: us,
            models: {{ m: {{ canonical: a/m, price: {{ input: 1, output: 1 }} }} }} }}
  middle: {{ type: openai-compatible, base_url: "{base}/middle/v1", discovery: off, region: eu-west-1,
            data_policy: {{ trains: false, retention_days: 0 }},
            models: {{ m: {{ canonical: a/m, price: {{ input: 2, output: 2 }} }} }} }}
  dear:   {{ type: openai-compatible, base_url: "{base}/dear/v1", discovery: off, region: eu,
            data_policy: {{ trains: false }},
            models: {{ m: {{ canonical: a/m, price: {{ input: 9, output: 9 }} }} }} }}
models:
  even: {{ deployments: [ {{ provider: cheap, model: m }}, {{ provider: middle, model: m }} ] }}
  listed: {{ deployments: [ {{ provider: dear, model: m }}, {{ provider: cheap, model: m }} ], routing: {{ strategy: priority }} }}
keys:
  - {{ name: tests, secret: "{KEY}" }}
  - {{ name: private, secret: "sk-yu-private-0123456789abcdefghij", routing: {{ zdr: true }} }}
"#
    )
}

/// An upstream whose servers answer each for itself; `cheap` fails while it is told to.
async fn world() -> (Upstream, Gateway, Arc<AtomicBool>) {
    let upstream = Upstream::start().await;
    let fails = Arc::new(AtomicBool::new(false));
    let failing = Arc::clone(&fails);
    upstream.script(move |request| {
        let server = request.path.split('/').nth(1)?.to_owned();
        if server == "cheap" && failing.load(Ordering::Relaxed) {
            return Some(Reply::json(500, &json!({ "error": { "message": "broken", "type": "server_error" } })));
        }
        Some(Reply::json(
            200,
            &json!({ "id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "m",
                "choices": [{ "index": 0, "finish_reason": "stop", "message": { "role": "assistant", "content": server } }],
                "usage": { "prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15 } }),
        ))
    });
    let gateway = Gateway::start(&config(&upstream)).await;
    (upstream, gateway, fails)
}

fn wish(model: &str, more: &Value) -> Value {
    let mut body = ask(model);
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    body
}

/// Which server answered, on either surface.
async fn served(client: &Client, path: &str, body: &Value) -> String {
    let answer = client.post(path, body).await.expect_status(200);
    yumen_tests::whole_text(&answer)
}

#[tokio::test]
async fn wishes_of_a_request_are_granted_on_both_surfaces() {
    let (_upstream, gateway, _) = world().await;
    for path in [CHAT, MESSAGES] {
        let client = gateway.client();
        for (wishes, expected) in [
            (json!({ "provider": { "sort": "price" } }), "cheap"),
            (json!({ "provider": { "order": ["dear"] } }), "dear"),
            (json!({ "provider": { "only": ["middle"] } }), "middle"),
            (json!({ "provider": { "sort": "price", "ignore": ["cheap"] } }), "middle"),
            (json!({ "provider": { "sort": "price", "data_collection": "deny" } }), "middle"),
            (json!({ "provider": { "zdr": true } }), "middle"),
            (json!({ "provider": { "max_price": { "prompt": 1 } } }), "cheap"),
            (json!({ "providerOptions": { "gateway": { "sort": "cost" } } }), "cheap"),
            (json!({ "providerOptions": { "gateway": { "order": ["dear", "cheap"] } } }), "dear"),
            (json!({ "providerOptions": { "gateway": { "zeroDataRetention": true } } }), "middle"),
        ] {
            let body = wish("a/m", &wishes);
            assert_eq!(served(&client, path, &body).await, expected, "{path} {wishes}");
        }
        assert_eq!(served(&client, path, &wish("a/m:floor", &json!({}))).await, "cheap");
        assert_eq!(served(&client, path, &wish("listed", &json!({}))).await, "dear");
    }
    let free = gateway.client().post(CHAT, &ask("a/m:free")).await;
    assert_eq!(error_code(&free.expect_status(404)), "no_endpoints");
}

#[tokio::test]
async fn what_nobody_may_serve_is_refused_and_says_why() {
    let (upstream, gateway, _) = world().await;
    let body = wish("a/m", &json!({ "provider": { "only": ["cheap"], "zdr": true } }));
    let answer = gateway.client().post(CHAT, &body).await.expect_status(404);
    assert_eq!(error_code(&answer), "no_endpoints");
    let dressed = gateway.client().post("/api/v1/chat/completions", &body).await.expect_status(404).json();
    let availability = &dressed["error"]["availability"];
    assert_eq!(availability["code"], "constraint_filtered", "{dressed}");
    assert!(availability["excluded_by"].as_array().unwrap().contains(&json!("data_policy:zdr")));
    let anthropic = gateway.anthropic_client().post(MESSAGES, &body).await.expect_status(404).json();
    assert_eq!(anthropic["error"]["type"], "not_found_error");
    for (wishes, param) in [
        (json!({ "provider": { "sort": "best" } }), "provider.sort"),
        (json!({ "provider": { "order": [3] } }), "provider.order"),
        (json!({ "providerOptions": { "gateway": { "sort": "price" } } }), "providerOptions.gateway.sort"),
    ] {
        let answer = gateway.client().post(CHAT, &wish("a/m", &wishes)).await.expect_status(400);
        assert_eq!(answer.json()["error"]["param"], param);
    }
    assert_eq!(upstream.requests().len(), 0, "nobody was asked");
}

#[tokio::test]
async fn a_keys_own_demands_hold_whatever_its_client_wishes() {
    let (_upstream, gateway, _) = world().await;
    let private = gateway.anonymous().key("sk-yu-private-0123456789abcdefghij");
    assert_eq!(served(&private, CHAT, &ask("a/m")).await, "middle");
    let wished = wish("a/m", &json!({ "provider": { "only": ["cheap"], "zdr": false } }));
    assert_eq!(error_code(&private.post(CHAT, &wished).await.expect_status(404)), "no_endpoints");
}

#[tokio::test]
async fn a_session_stays_where_it_is() {
    let (_upstream, gateway, fails) = world().await;
    let client = gateway.client();
    let mut all = std::collections::BTreeSet::new();
    for session in 0..12 {
        let body = wish("even", &json!({ "session_id": format!("session {session}") }));
        let first = served(&client, CHAT, &body).await;
        for _ in 0..3 {
            assert_eq!(served(&client, CHAT, &body).await, first, "session {session}");
        }
        let by_header = client.clone().header("x-session-id", &format!("session {session}"));
        assert_eq!(served(&by_header, MESSAGES, &ask("even")).await, first);
        all.insert(first);
    }
    assert_eq!(all.len(), 2, "sessions are shared between both");
    fails.store(true, Ordering::Relaxed);
    for session in 0..12 {
        let body = wish("even", &json!({ "session_id": format!("session {session}") }));
        assert_eq!(served(&client, CHAT, &body).await, "middle", "it lets go of a dead one");
    }
}

#[tokio::test]
async fn a_deployment_that_fails_is_left_alone_and_comes_back() {
    let (upstream, gateway, fails) = world().await;
    let client = gateway.client();
    let by_price = wish("a/m", &json!({ "provider": { "sort": "price" } }));
    fails.store(true, Ordering::Relaxed);
    for _ in 0..20 {
        assert_eq!(served(&client, CHAT, &by_price).await, "middle");
    }
    let asked = |server: &str| upstream.requests().iter().filter(|one| one.path.contains(server)).count();
    let tried = asked("cheap");
    assert!((5..=9).contains(&tried), "it is left alone after five failures: {tried}");
    let last = client.post(CHAT, &by_price).await.expect_status(200);
    let record = record_of(&client, last.header("x-generation-id")).await;
    assert_eq!(record["provider_responses"].as_array().unwrap().len(), 1, "no try is wasted: {record}");
    // When nobody else may be asked it is asked all the same.
    let alone = wish("a/m", &json!({ "provider": { "only": ["cheap"] } }));
    client.post(CHAT, &alone).await.expect_status(500);
    fails.store(false, Ordering::Relaxed);
    let back = eventually("it serves again", async || {
        let answer = served(&client, CHAT, &by_price).await;
        (answer == "cheap").then_some(answer)
    });
    back.await;
}

#[tokio::test]
async fn mistakes_of_clients_never_open_a_breaker() {
    let upstream = Upstream::start().await;
    let gateway = Gateway::start(&config(&upstream)).await;
    upstream.script(|request| {
        let message = json!({ "error": { "message": "no", "type": "invalid_request_error" } });
        request.json().get("bad").map(|_| Reply::json(400, &message))
    });
    let client = gateway.client();
    let bad = wish("cheap/m", &json!({ "bad": true }));
    for _ in 0..30 {
        client.post(CHAT, &bad).await.expect_status(400);
    }
    let (dry, by_price) =
        (client.header("x-yumen-dry-run", "1"), wish("a/m", &json!({ "provider": { "sort": "price" } })));
    let told = dry.post(CHAT, &by_price).await.expect_status(200).json();
    assert_eq!(told["plan"][0]["provider"], "cheap", "{told}");
    assert_eq!(told["behind"], json!([]));
}

#[tokio::test]
async fn a_dry_run_tells_the_choice_and_asks_nobody() {
    let (upstream, gateway, _) = world().await;
    let dry = gateway.client().header("x-yumen-dry-run", "1");
    let body = wish("a/m", &json!({ "stream": true, "provider": { "sort": "price", "ignore": ["dear"] } }));
    for path in [CHAT, MESSAGES] {
        let told = dry.post(path, &body).await.expect_status(200).json();
        assert_eq!((&told["object"], &told["strategy"]), (&json!("route"), &json!("price")));
        let plan: Vec<&str> =
            told["plan"].as_array().unwrap().iter().map(|step| step["provider"].as_str().unwrap()).collect();
        assert_eq!(plan, ["cheap", "middle"]);
        assert_eq!(
            told["out"],
            json!([{ "provider": "dear", "model": "m", "because": "allowed_providers" }])
        );
        assert!(told["plan"][0]["expected_cost_usd"].is_string());
    }
    assert_eq!(upstream.requests().len(), 0);
}

#[tokio::test]
async fn how_a_request_was_routed_is_told_when_asked_and_kept() {
    let (_upstream, gateway, fails) = world().await;
    fails.store(true, Ordering::Relaxed);
    let client = gateway.client();
    let body = wish("a/m", &json!({ "provider": { "sort": "price", "ignore": ["dear"] } }));
    let told = client.clone().header("x-yumen-explain", "1").post(CHAT, &body).await.expect_status(200);
    let explained: Value = serde_json::from_str(told.header("x-yumen-explain")).unwrap();
    assert_eq!(explained["route"]["strategy"], "price");
    assert_eq!(explained["route"]["considered"][2]["out"], "allowed_providers");
    assert_eq!(
        (&explained["attempts"][0]["cause"], &explained["attempts"][1]["provider"]),
        (&json!("server_error"), &json!("middle"))
    );
    let silent = client.post(CHAT, &body).await.expect_status(200);
    assert!(silent.headers.get("x-yumen-explain").is_none());
    let id = told.header("x-generation-id").to_owned();
    record_of(&client, &id).await;
    let shown = gateway.run(&["explain", &id]).await;
    assert_eq!(shown.code, 0, "{}", shown.stderr);
    for word in ["price", "allowed_providers", "server_error", "middle"] {
        assert!(shown.stdout.contains(word), "{word}: {}", shown.stdout);
    }
    let nothing = gateway.run(&["explain", "gen-1-x"]).await;
    assert_eq!(nothing.code, 1);
}

#[tokio::test]
async fn the_command_line_tells_where_a_request_would_go() {
    let (_upstream, gateway, _) = world().await;
    let file = gateway.data_dir().join("request.json");
    std::fs::write(&file, wish("a/m", &json!({ "provider": { "sort": "price", "zdr": true } })).to_string())
        .unwrap();
    let (file, config) = (file.display().to_string(), gateway.config_path().display().to_string());
    let shown = run_program(&["route", "--explain", &file, "--config", &config]).await;
    assert_eq!(shown.code, 0, "{}", shown.stderr);
    assert!(shown.stdout.contains("middle") && shown.stdout.contains("data_policy:zdr"), "{}", shown.stdout);
    let json = run_program(&["route", &file, "--config", &config, "--key", "private", "--json"]).await;
    let told: Value = serde_json::from_str(&json.stdout).unwrap();
    assert_eq!(told["plan"][0]["provider"], "middle");
    let unknown = run_program(&["route", &file, "--config", &config, "--key", "nobody"]).await;
    assert!(unknown.code == 1 && unknown.stderr.contains("nobody"), "{}", unknown.stderr);
}

#[tokio::test]
async fn how_deployments_do_is_shown_and_outlives_a_restart() {
    let (_upstream, mut gateway, fails) = world().await;
    let client = gateway.client();
    for _ in 0..4 {
        client.post(CHAT, &ask("middle/m")).await.expect_status(200);
    }
    fails.store(true, Ordering::Relaxed);
    client.post(CHAT, &ask("cheap/m")).await.expect_status(500);
    let shown = gateway.run(&["status"]).await;
    assert_eq!(shown.code, 0, "{}", shown.stderr);
    for word in ["middle", "100.0 %", "cheap", "0.0 %"] {
        assert!(shown.stdout.contains(word), "{word}: {}", shown.stdout);
    }
    let metrics = gateway.admin().get("/metrics").await.expect_status(200).text();
    let ratio =
        "yumen_upstream_success_ratio{provider=\"middle\",model=\"m\",credential=\"\",window=\"5m\"} 1.0";
    assert!(metrics.contains(ratio), "{metrics}");
    let endpoints = "/api/v1/models/a/m/endpoints";
    let uptime = |answer: &Value, provider: &str| {
        let all = answer["data"]["endpoints"].as_array().unwrap().clone();
        all.into_iter().find(|one| one["tag"] == provider).unwrap()["uptime_last_5m"].clone()
    };
    let told = client.get(endpoints).await.expect_status(200).json();
    assert_eq!((uptime(&told, "middle"), uptime(&told, "dear")), (json!(100.0), Value::Null));
    gateway.terminate().await;
    let gateway = gateway.kill().start().await;
    let told = gateway.client().get(endpoints).await.expect_status(200).json();
    assert_eq!(uptime(&told, "middle"), json!(100.0), "{told}");
    let nobody = run_program(&["status", "--admin", "127.0.0.1:1"]).await;
    assert!(nobody.code == 1 && nobody.stderr.contains("127.0.0.1:1"), "{}", nobody.stderr);
}

/// A credential that rests is tried when no other is left; what it answers counts like any other answer.
#[tokio::test]
async fn an_answer_to_a_resting_credential_counts_for_its_deployment() {
    let (upstream, limited) = (Upstream::start().await, AtomicBool::new(true));
    upstream.script(move |_| {
        let limit = json!({ "error": { "message": "slow down", "type": "rate_limit_error" } });
        limited.swap(false, Ordering::Relaxed).then(|| Reply::json(429, &limit))
    });
    let secret = "cheap:  { type: openai-compatible, credentials: [ { secret: only-one } ],";
    let config = config(&upstream).replace("cheap:  { type: openai-compatible,", secret);
    let gateway = Gateway::start(&config).await;
    let client = gateway.client();
    client.post(CHAT, &ask("cheap/m")).await.expect_status(429);
    client.post(CHAT, &ask("cheap/m")).await.expect_status(200);
    let status = gateway.admin().get("/status").await.expect_status(200).json();
    let reports = status["health"].as_array().unwrap();
    let of = |name: &str, value: &str| reports.iter().find(|one| one[name] == value).unwrap().clone();
    assert_eq!(of("model", "m")["uptime_5m"], json!({ "good": 1, "bad": 0 }), "{status}");
    assert_eq!(of("credential", "#1")["uptime_5m"], json!({ "good": 1, "bad": 1 }), "{status}");
}

#[tokio::test]
async fn thinking_behind_a_models_name_is_asked_for_unless_the_request_says_how_much() {
    let upstream = Upstream::start().await;
    let gateway = Gateway::before(&upstream).await;
    let sent = async |path: &str, body: Value| {
        gateway.client().post(path, &body).await.expect_status(200);
        upstream.last().json()
    };
    let chat = sent(CHAT, ask("fake-openai/fake-chat:thinking")).await;
    assert_eq!((&chat["model"], &chat["reasoning_effort"]), (&json!("fake-chat"), &json!("medium")));
    let mut own = ask("fake-openai/fake-chat:thinking");
    own["reasoning_effort"] = json!("low");
    assert_eq!(sent(CHAT, own).await["reasoning_effort"], "low");
    let mut long = ask("fake-anthropic/fake-chat:thinking");
    long["max_tokens"] = json!(8000);
    let messages = sent(MESSAGES, long).await;
    assert_eq!(messages["thinking"], json!({ "type": "enabled", "budget_tokens": 4000 }));
    let short = gateway.client().post(MESSAGES, &ask("fake-anthropic/fake-chat:thinking")).await;
    assert!(short.expect_status(400).text().contains(":thinking"));
}

/// The tables of `yumen route --explain` as they are committed; `UPDATE_EXPECTED=1` writes them anew.
#[tokio::test]
async fn the_tables_that_explain_a_choice_are_as_they_are_committed() {
    let (_upstream, gateway, _) = world().await;
    let config = gateway.config_path().display().to_string();
    let folder = yumen_testkit::workspace_root().join("tests/expected/route");
    for (name, key, model, more) in [
        ("listed", None, "listed", json!({})),
        ("price", None, "a/m", json!({ "provider": { "sort": "price" } })),
        ("zero_retention", None, "a/m", json!({ "provider": { "sort": "price", "zdr": true } })),
        ("of_the_key", Some("private"), "a/m", json!({ "provider": { "sort": "price" } })),
        (
            "no_fallbacks",
            None,
            "a/m",
            json!({ "provider": { "sort": "price", "order": ["dear"], "allow_fallbacks": false } }),
        ),
        ("dearer", None, "a/m", json!({ "provider": { "sort": "price", "max_price": { "prompt": 2 } } })),
        ("contradictory", None, "a/m", json!({ "provider": { "only": ["cheap"], "zdr": true } })),
        ("further_models", None, "cheap/m", json!({ "models": ["dear/m"] })),
    ] {
        let file = gateway.data_dir().join("request.json");
        std::fs::write(&file, wish(model, &more).to_string()).unwrap();
        let file = file.display().to_string();
        let mut arguments = vec!["route", "--explain", &file, "--config", &config];
        arguments.extend(key.iter().flat_map(|key| ["--key", *key]));
        let shown = run_program(&arguments).await;
        let text = format!("exit code {}\n{}{}", shown.code, shown.stdout, shown.stderr)
            .replace(&file, "request.json");
        let path = folder.join(format!("{name}.txt"));
        if std::env::var_os("UPDATE_EXPECTED").is_some() {
            std::fs::create_dir_all(&folder).unwrap();
            std::fs::write(&path, &text).unwrap();
        }
        assert_eq!(text, std::fs::read_to_string(&path).unwrap_or_default(), "{name}");
    }
}
