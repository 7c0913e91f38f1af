//! The table of failures, as clients see it: each class from each upstream dialect leads where the table says, and where
//! the settings say otherwise.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test ends where its ground gives way"
)]

use std::fmt::Write as _;

use serde_json::{Value, json};
use yumen_testkit::{Gateway, KEY, Reply, Step, Upstream, closed_port, standard_config};
use yumen_tests::{CHAT, MESSAGES, PROVIDERS, Page, SURFACES, TEXT, ask, record_of};

/// What upstreams say in each class. A body of `null` is no body: the connection or the time does the rest.
fn said() -> Vec<(&'static str, u16, Value)> {
    let error = |message: &str| json!({ "error": { "message": message, "type": "invalid_request_error" } });
    let mut said = vec![
        ("rate_limited", 429, error("Rate limit reached for requests")),
        ("payment_required", 402, error("pay first")),
        ("payment_required", 400, error("Your credit balance is too low to access the API.")),
        ("unauthorized", 401, error("who are you")),
        ("unauthorized", 400, error("API key not valid. Please pass a valid API key.")),
        ("forbidden", 403, error("not for you")),
        ("overloaded", 503, error("too busy")),
        ("server_error", 500, error("broken")),
        ("upstream_timeout", 504, error("took too long")),
        ("model_gone", 404, error("no such model")),
        ("context_too_long", 400, error("prompt is too long: 210000 tokens > 200000 maximum")),
        ("content_policy", 400, json!({ "error": { "message": "filtered", "code": "content_filter" } })),
        ("bad_request", 400, error("temperature must be at most 2")),
    ];
    for class in
        ["answer_invalid", "answer_broken", "connect_failed", "connection_broken", "first_byte_timeout"]
    {
        said.push((class, 0, Value::Null));
    }
    said
}

/// What the upstream answers to the case of this number.
fn reply(case: usize) -> Reply {
    let (class, status, body) = said().swap_remove(case);
    match class {
        "answer_invalid" => Reply::whole(200, "text/html", "<html>hello</html>"),
        "answer_broken" => Reply::flow("application/json", ["{"]).insert(1, Step::Cut),
        "connection_broken" => Reply::json(200, &json!({})).after(Step::Cut),
        "first_byte_timeout" => Reply::json(200, &json!({})).after(Step::Hang),
        _ => Reply::json(status, &body),
    }
}

/// Each alias `{provider}-{case}-{place}` has one deployment that fails as the case says, one more at the same kind of provider
/// whose model takes no longer requests, and one at another kind whose model does.
fn config(upstream: &Upstream, places: usize) -> String {
    let standard = standard_config(upstream);
    let (mut providers, mut models) = (String::new(), String::new());
    for provider in PROVIDERS {
        let entry = entry(&standard, provider);
        let fine = if provider == "fake-bedrock" { "anthropic.fine" } else { "fine" };
        writeln!(providers, "  same-{provider}: {{ {entry}, models: {{ {fine}: {{ context: 1000 }} }} }}")
            .unwrap();
        let other = if entry.contains("openai-compatible") { "fake-anthropic" } else { "fake-openai" };
        for (case, (class, ..)) in said().into_iter().enumerate() {
            let (mut entry, mut more) = (entry.clone(), "");
            if class == "connect_failed" {
                let base = entry.split("base_url: ").nth(1).unwrap().split(',').next().unwrap().to_owned();
                entry = entry.replace(&base, &format!("\"http://{}/v1\"", closed_port()));
            }
            if class == "first_byte_timeout" {
                more = ", timeouts: { first_byte_ms: 100 }";
            }
            for place in 0..places {
                let maker = if provider == "fake-bedrock" { "anthropic." } else { "" };
                let name = format!("{case}-{place}");
                writeln!(
                    providers,
                    "  {provider}-{name}: {{ {entry}{more}, models: {{ {maker}case-{name}: {{ context: 1000 }} }} }}"
                )
                .unwrap();
                writeln!(
                    models,
                    "  {provider}-{name}: {{ deployments: [ {{ provider: {provider}-{name}, model: {maker}case-{name} }} ], \
                     fallbacks: [ same-{provider}/{fine}, big-{other}/big ] }}"
                )
                .unwrap();
            }
        }
    }
    for provider in ["fake-openai", "fake-anthropic"] {
        let entry = entry(&standard, provider);
        writeln!(providers, "  big-{provider}: {{ {entry}, models: {{ big: {{ context: 9000 }} }} }}")
            .unwrap();
    }
    format!(
        "gateway: {{ listen: \"127.0.0.1:0\", retry_rounds: 0 }}\nadmin: {{ listen: \"127.0.0.1:0\" }}\nproviders:\n{providers}\
         models:\n{models}keys:\n  - {{ name: tests, secret: \"{KEY}\" }}\n"
    )
}

/// A provider of the standard configuration on one line, without its models.
fn entry(standard: &str, provider: &str) -> String {
    let after = standard.split(&format!("  {provider}:\n")).nth(1).unwrap();
    let lines = after.lines().take_while(|line| !line.trim_start().starts_with("models:"));
    lines.map(str::trim).collect::<Vec<_>>().join(", ")
}

fn is_compatible(provider: &str) -> bool {
    ["fake-openai", "fake-responses", "fake-anthropic"].contains(&provider)
}

/// What follows a class by the table that operators read.
fn usual<'p>(table: &'p Page, class: &str) -> &'p str {
    let row = table.text().lines().find(|line| line.starts_with(&format!("| `{class}` |"))).expect("a row");
    row.trim_end_matches(" |").rsplit("| ").next().unwrap().trim_matches('`')
}

#[tokio::test]
async fn each_class_leads_where_the_table_says_in_every_dialect() {
    let upstream = Upstream::start().await;
    upstream.script(|request| {
        let model = request.model();
        let case = model.strip_prefix("case-")?.split('-').next()?.parse().ok()?;
        Some(reply(case))
    });
    let gateway = Gateway::start(&config(&upstream, 2 * SURFACES.len())).await;
    let table = Page::read("reference/failures.md");
    for provider in PROVIDERS {
        for (case, (class, status, _)) in said().into_iter().enumerate() {
            for (place, surface) in SURFACES.into_iter().enumerate() {
                for stream in [false, true] {
                    let alias = format!("{provider}-{case}-{}", 2 * place + usize::from(stream));
                    let what = format!("{surface:?} {alias} {} {stream}", class);
                    let answer = surface.ask(&gateway.client(), &alias, stream).await;
                    let record = record_of(&gateway.client(), answer.header("x-generation-id")).await;
                    let tries = record["provider_responses"].as_array().unwrap();
                    assert_eq!(tries[0]["cause"], json!(class), "{what}: {record}");
                    let reaction = usual(&table, class);
                    if reaction == "stop" {
                        assert_eq!((answer.status, tries.len()), (status, 1), "{what}: {record}");
                        continue;
                    }
                    let answer = answer.expect_status(200);
                    let text =
                        if stream { surface.stream_text(&answer.events()) } else { surface.text(&answer) };
                    assert_eq!(text, TEXT, "{what}");
                    let expected = match reaction {
                        // Of servers that are told by their URL each is a provider of its own.
                        "other_provider" if is_compatible(provider) => "fine",
                        "larger_model" | "other_provider" => "big",
                        _ => "fine",
                    };
                    let served = tries.last().unwrap()["model"].as_str().unwrap();
                    let served = served.trim_start_matches("anthropic.");
                    assert_eq!((tries.len(), served), (2, expected), "{what}: {record}");
                }
            }
        }
    }
}

#[tokio::test]
async fn settings_change_where_a_class_leads() {
    let upstream = Upstream::start().await;
    upstream.script(|request| {
        let no = || Reply::json(400, &json!({ "error": { "message": "temperature must be at most 2" } }));
        let limited = || Reply::json(429, &json!({ "error": { "message": "later" } }));
        match request.model().as_str() {
            "picky" => Some(no()),
            "limited" => Some(limited()),
            _ => None,
        }
    });
    let (openai, plain) = (upstream.openai_base(), upstream.plain_base());
    let alias = |name: &str, model: &str, reactions: &str| {
        format!(
            "  {name}: {{ deployments: [ {{ provider: one, model: {model} }} ], \
             fallbacks: [ two/{model}, two/small, three/large ], routing: {{ on_failure: {{ {reactions} }} }} }}\n"
        )
    };
    let aliases = [
        alias("usual", "picky", ""),
        alias("next", "picky", "bad_request: next"),
        alias("next-model", "picky", "bad_request: next_model"),
        alias("larger", "picky", "bad_request: larger_model"),
        alias("other", "picky", "bad_request: other_provider"),
        alias("stop", "limited", "rate_limited: stop"),
        alias("again", "picky", "bad_request: retry"),
    ];
    let models = "{ picky: { canonical: a/picky, context: 1000 }, limited: {}, small: { context: 500 } }";
    let config = format!(
        "gateway: {{ listen: \"127.0.0.1:0\" }}\nadmin: {{ listen: \"127.0.0.1:0\" }}\nproviders:\n  \
         one: {{ type: openai-compatible, base_url: \"{openai}\", discovery: off, models: {models} }}\n  \
         two: {{ type: openai-compatible, base_url: \"{openai}\", discovery: off, models: {models} }}\n  \
         three: {{ type: anthropic, base_url: \"{plain}\", credentials: [ {{ secret: x }} ], models: {{ large: {{ context: 9000 }} }} }}\n\
         models:\n{}keys:\n  - {{ name: tests, secret: \"{KEY}\" }}\n",
        aliases.concat()
    );
    let gateway = Gateway::start(&config).await;
    for (alias, status, tried) in [
        ("usual", 400, vec!["one/picky"]),
        ("next", 200, vec!["one/picky", "two/picky", "two/small"]),
        ("next-model", 200, vec!["one/picky", "two/small"]),
        ("larger", 200, vec!["one/picky", "three/large"]),
        ("other", 200, vec!["one/picky", "two/picky", "three/large"]),
        ("stop", 429, vec!["one/limited"]),
        ("again", 200, vec!["one/picky", "two/picky", "two/small"]),
    ] {
        for path in [CHAT, MESSAGES] {
            let answer = gateway.client().post(path, &ask(alias)).await.expect_status(status);
            let record = record_of(&gateway.client(), answer.header("x-generation-id")).await;
            let tries = record["provider_responses"].as_array().unwrap().iter();
            let names = tries.map(|one| {
                format!("{}/{}", one["provider"].as_str().unwrap(), one["model"].as_str().unwrap())
            });
            assert_eq!(names.collect::<Vec<_>>(), tried, "{alias} {path}: {record}");
        }
    }
}
