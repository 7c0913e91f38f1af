//! `yumen simulate` on the records of a real gateway: costs to the nano-dollar, shares, refusals, and what is said of them.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test ends where its ground gives way"
)]

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::{Value, json};
use yumen_testkit::{Gateway, KEY, Reply, RunOutput, Upstream, eventually};
use yumen_tests::{CHAT, MESSAGES, ask, ask_stream};

/// Two servers of one model, told apart by their base URLs, behind one alias.
fn config(upstream: &Upstream, models: &str) -> String {
    let base = upstream.plain_base();
    format!(
        r#"
gateway: {{ listen: "127.0.0.1:0" }}
admin: {{ listen: "127.0.0.1:0" }}
providers:
  cheap: {{ type: openai-compatible, base_url: "{base}/cheap/v1", discovery: off,
           models: {{ m: {{ canonical: a/m, price: {{ input: 1, output: 1 }} }} }} }}
  dear:  {{ type: openai-compatible, base_url: "{base}/dear/v1", discovery: off,
           models: {{ m: {{ canonical: a/m, price: {{ input: 9, output: 9 }} }} }} }}
models: {{ {models} }}
keys: [ {{ name: tests, secret: "{KEY}" }} ]
"#
    )
}

const DEAR_FIRST: &str = "smart: { deployments: [ { provider: dear, model: m }, { provider: cheap, model: m } ], routing: { strategy: priority } }";
const CHEAP_FIRST: &str = "smart: { deployments: [ { provider: cheap, model: m }, { provider: dear, model: m } ], routing: { strategy: priority } }";

/// A gateway that has served sixty exchanges: four of them in the second place, because the first one failed.
async fn world() -> (Upstream, Gateway) {
    let upstream = Upstream::start().await;
    let fails = Arc::new(AtomicBool::new(false));
    let failing = Arc::clone(&fails);
    upstream.script(move |request| {
        if request.path.starts_with("/dear/") && failing.load(Ordering::Relaxed) {
            return Some(Reply::json(500, &json!({ "error": { "message": "broken", "type": "server_error" } })));
        }
        let usage = json!({ "prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15 });
        let chunk = |more: Value| {
            let mut chunk = json!({ "id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "m" });
            chunk.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            format!("data: {chunk}\n\n")
        };
        if request.json()["stream"] == json!(true) {
            return Some(Reply::stream([
                chunk(json!({ "choices": [{ "index": 0, "delta": { "role": "assistant", "content": "Hi" } }] })),
                chunk(json!({ "choices": [{ "index": 0, "delta": {}, "finish_reason": "stop" }] })),
                chunk(json!({ "choices": [], "usage": usage })),
                "data: [DONE]\n\n".to_owned(),
            ]));
        }
        Some(Reply::json(
            200,
            &json!({ "id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "m",
                "choices": [{ "index": 0, "finish_reason": "stop", "message": { "role": "assistant", "content": "Hi" } }],
                "usage": usage }),
        ))
    });
    let gateway = Gateway::start(&config(&upstream, DEAR_FIRST)).await;
    let client = gateway.client();
    for number in 0..60 {
        fails.store((20..24).contains(&number), Ordering::Relaxed);
        match number % 4 {
            0 => drop(client.post(CHAT, &ask_stream("smart")).await.expect_status(200)),
            1 => drop(gateway.anthropic_client().post(MESSAGES, &ask("smart")).await.expect_status(200)),
            _ => drop(client.post(CHAT, &ask("smart")).await.expect_status(200)),
        }
    }
    (upstream, gateway)
}

/// A configuration beside the gateway's own.
fn write(gateway: &Gateway, name: &str, text: &str) -> String {
    let file: PathBuf = gateway.config_path().with_file_name(name);
    std::fs::write(&file, text).unwrap();
    file.display().to_string()
}

async fn simulate(gateway: &Gateway, config: &str, more: &[&str]) -> RunOutput {
    let arguments: Vec<&str> =
        ["simulate", "--config", config].into_iter().chain(more.iter().copied()).collect();
    gateway.run(&arguments).await
}

/// The report in JSON, once all sixty exchanges are in the database.
async fn report(gateway: &Gateway, config: &str, more: &[&str]) -> Value {
    report_of(60, gateway, config, more).await
}

/// The same once so many that were served are.
async fn report_of(served: u64, gateway: &Gateway, config: &str, more: &[&str]) -> Value {
    let arguments: Vec<&str> = ["--json"].into_iter().chain(more.iter().copied()).collect();
    let whole = async || {
        let output = simulate(gateway, config, &arguments).await;
        assert_eq!(output.code, 0, "{}", output.stderr);
        let report: Value = serde_json::from_str(&output.stdout).unwrap();
        (report["before"]["served"] == json!(served)).then_some(report)
    };
    eventually("all records", whole).await
}

fn share<'r>(report: &'r Value, provider: &str) -> &'r Value {
    let shares = report["deployments"].as_array().unwrap();
    shares.iter().find(|share| share["provider"] == provider).unwrap_or_else(|| panic!("no share: {report}"))
}

#[tokio::test]
async fn a_changed_order_changes_cost_and_shares() {
    let (upstream, gateway) = world().await;
    let new = write(&gateway, "new.yaml", &config(&upstream, CHEAP_FIRST));
    let told = report(&gateway, &new, &["--since", "1h"]).await;
    assert_eq!(told["object"], "simulation");
    assert_eq!((&told["baseline"], &told["limit_reached"]), (&json!("recorded"), &json!(false)));
    // Fifteen tokens each, at nine dollars a million for fifty-six and at one for the others.
    assert_eq!(told["before"]["cost_nanos"], 56 * 135_000 + 4 * 15_000);
    assert_eq!(told["after"]["cost_nanos"], 60 * 15_000);
    assert_eq!(told["change"]["cost_nanos"], 56 * (15_000 - 135_000));
    assert_eq!((&told["before"]["tries"], &told["after"]["tries"]), (&json!(64), &json!(60)));
    assert_eq!((&told["before"]["served"], &told["after"]["served"]), (&json!(60), &json!(60)));
    assert_eq!(share(&told, "cheap")["before"]["exchanges"], 4);
    assert_eq!(share(&told, "cheap")["after_percent"], 100.0);
    assert_eq!(share(&told, "dear")["after"]["exchanges"], 0);
    assert_eq!(share(&told, "cheap")["figures"]["failures"], "recorded");
    for side in ["before", "after"] {
        for times in ["first_token_us", "total_us"] {
            assert!(told[side][times]["p50"].as_u64().unwrap() > 0, "{side} {times}");
        }
    }
    let text = simulate(&gateway, &new, &[]).await;
    assert_eq!(text.code, 0, "{}", text.stderr);
    for part in [
        "60 exchanges",
        "cost $",
        "0.007620",
        "0.000900",
        "-88.2 %",
        "first token, ms, P50",
        "It rests on this:",
    ] {
        assert!(text.stdout.contains(part), "no `{part}` in\n{}", text.stdout);
    }
}

#[tokio::test]
async fn the_same_settings_change_nothing_and_a_baseline_can_be_simulated() {
    let (upstream, gateway) = world().await;
    let own = gateway.config_path().display().to_string();
    let told = report(&gateway, &own, &[]).await;
    for field in ["served", "failed", "refused", "tries", "cost_nanos"] {
        assert_eq!(told["before"][field], told["after"][field], "{field}: {told}");
    }
    let new = write(&gateway, "new.yaml", &config(&upstream, CHEAP_FIRST));
    let beside = report(&gateway, &own, &["--baseline", &new]).await;
    assert_eq!(
        (&beside["baseline"], &beside["before"]["cost_nanos"]),
        (&json!("simulated"), &json!(900_000))
    );
    assert_eq!(
        report(&gateway, &own, &["--baseline", &new]).await["after"],
        beside["after"],
        "the seed repeats it"
    );
    let dearer = simulate(&gateway, &own, &["--baseline", &new, "--fail-if-cost-above", "20"]).await;
    assert_eq!(dearer.code, 1);
    assert!(dearer.stderr.contains("more than 20 %"), "{}", dearer.stderr);
    assert_eq!(simulate(&gateway, &new, &["--fail-if-cost-above", "20"]).await.code, 0);
}

#[tokio::test]
async fn keys_of_the_store_are_known_with_what_they_may() {
    let (upstream, gateway) = world().await;
    let made = gateway.run(&["keys", "create", "app", "--model", "smart", "--json"]).await;
    let key: Value = serde_json::from_str(&made.stdout).unwrap();
    let client = gateway.anonymous().key(key["secret"].as_str().unwrap());
    let served = async || (client.post(CHAT, &ask("smart")).await.status == 200).then_some(());
    eventually("a key that is known", served).await;
    let own = gateway.config_path().display().to_string();
    let told = report_of(61, &gateway, &own, &[]).await;
    assert_eq!((&told["after"]["served"], &told["after"]["refused"]), (&json!(61), &json!(0)), "{told}");
    // The file's key may no longer ask for the alias; the store's still may.
    let narrower = write(
        &gateway,
        "narrower.yaml",
        &config(&upstream, DEAR_FIRST).replace("name: tests,", "name: tests, models: [\"other\"],"),
    );
    let told = report_of(61, &gateway, &narrower, &[]).await;
    assert!(told["assumptions"].as_array().unwrap().iter().all(|one| one["id"] != "unknown_keys"), "{told}");
    assert_eq!((&told["after"]["served"], &told["after"]["refused"]), (&json!(1), &json!(60)));
    assert_eq!(told["after"]["refusals"][0]["code"], "model_not_allowed");
}

#[tokio::test]
async fn what_would_be_refused_is_told_and_bad_settings_are_not_simulated() {
    let (upstream, gateway) = world().await;
    let without =
        write(&gateway, "without.yaml", &config(&upstream, &DEAR_FIRST.replace("smart", "smarter")));
    let told = report(&gateway, &without, &[]).await;
    assert_eq!(told["after"]["refused"], 60);
    let refusal = &told["after"]["refusals"][0];
    assert_eq!((&refusal["code"], &refusal["model"]), (&json!("model_not_found"), &json!("smart")));
    let strangers = config(&upstream, DEAR_FIRST).replace("name: tests", "name: others");
    let told = report(&gateway, &write(&gateway, "strangers.yaml", &strangers), &[]).await;
    let unknown = |one: &&Value| one["id"] == "unknown_keys";
    let assumption = told["assumptions"].as_array().unwrap().iter().find(unknown).expect("an assumption");
    assert_eq!(assumption["exchanges"], 60);

    let wrong = write(
        &gateway,
        "wrong.yaml",
        &config(&upstream, DEAR_FIRST).replace("discovery: off", "discovery: maybe"),
    );
    let output = simulate(&gateway, &wrong, &[]).await;
    assert_eq!((output.code, &*output.stdout), (1, ""));
    assert!(output.stderr.contains("wrong.yaml:5:"), "{}", output.stderr);
    let limited = simulate(&gateway, &without, &["--limit", "10", "--json"]).await;
    let report: Value = serde_json::from_str(&limited.stdout).unwrap();
    assert_eq!((&report["records"], &report["limit_reached"]), (&json!(10), &json!(true)));
    assert!(limited.stderr.contains("only the newest"), "{}", limited.stderr);
    let nothing = simulate(&gateway, &without, &["--since", "2020-01-01", "--until", "2020-01-02"]).await;
    assert!(nothing.stdout.contains("0 exchanges"), "{}", nothing.stdout);
    let turned = simulate(&gateway, &without, &["--since", "1h", "--until", "2h"]).await;
    assert!(turned.code == 1 && turned.stderr.contains("--until"), "{}", turned.stderr);
}
