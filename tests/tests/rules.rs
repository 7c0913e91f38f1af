//! Rules and presets as clients and operators see them: what is asked instead, refused, split and told.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test ends where its ground gives way"
)]

use serde_json::{Value, json};
use yumen_testkit::{Answer, Client, Gateway, KEY, Reply, Upstream, eventually, run_program};
use yumen_tests::{CHAT, MESSAGES, RESPONSES, ask, error_code, record_of, whole_text};

const NARROW: &str = "sk-yu-narrow-0123456789abcdefghij";

/// Two models at one upstream that answers with the model that it was asked for, and rules for all that they can read.
fn config(upstream: &Upstream) -> String {
    let base = upstream.plain_base();
    format!(
        r#"
gateway: {{ listen: "127.0.0.1:0" }}
admin: {{ listen: "127.0.0.1:0" }}
providers:
  up:
    type: openai-compatible
    base_url: "{base}/v1"
    discovery: off
    dialects: {{ openai_chat: {{}}, anthropic_messages: {{ path: /messages }}, openai_responses: {{ path: /responses }} }}
    models: {{ small: {{}}, large: {{}}, code: {{}}, next: {{}} }}
models:
  usual: {{ deployments: [{{ provider: up, model: small }}] }}
presets:
  coder:
    version: "3"
    models: [up/code, up/small]
    system: You write code.
    parameters: {{ temperature: 0.5, max_tokens: 77 }}
  brief: {{ system: "Be \"brief\".", parameters: {{ stop: ["END"] }} }}
  odd: {{ model: up/small, parameters: {{ seed: 7 }} }}
rules:
  - {{ name: broken, when: 'tokens / images > 1 && header["x-broken"] == "1"', then: {{ model: up/large }} }}
  - {{ name: gone, when: 'header["x-gone"] == "1"', then: {{ model: nothing/at-all }} }}
  - {{ name: banned, when: 'last_message.matches(r"(?i)\bsecret\s+plans?\b")', then: {{ deny: We do not talk of that. }} }}
  - {{ name: by-header, when: 'header["X-Tier"] == "gold"', then: {{ models: [up/large, up/small] }} }}
  - {{ name: by-text, when: 'messages_text.contains("ünïcode needle")', then: {{ model: up/code }} }}
  - {{ name: by-tag, when: '"beta" in tags || metadata["team"] == "red"', then: {{ model: up/next }} }}
  - {{ name: by-tools, when: '"search" in tool_names || images > 0', then: {{ model: up/large }} }}
  - {{ name: long, when: tokens > 2000, then: {{ model: up/large }} }}
  - {{ name: coding, when: 'last_message.startsWith("def ")', then: {{ preset: coder }} }}
  - {{ name: canary, when: 'model == "usual" && session != "" && split("next") < 25', then: {{ model: up/next }} }}
keys:
  - {{ name: tests, secret: "{KEY}" }}
  - {{ name: narrow, secret: "{NARROW}", models: [usual, "@preset/coder"] }}
"#
    )
}

/// An upstream that answers in either dialect with the model that it was asked for.
async fn world() -> (Upstream, Gateway) {
    let upstream = Upstream::start().await;
    upstream.script(|request| {
        let body = request.json();
        let model = body["model"].as_str()?.to_owned();
        let usage = json!({ "input_tokens": 3, "output_tokens": 2, "total_tokens": 5,
            "prompt_tokens": 3, "completion_tokens": 2 });
        let answer = if request.path.ends_with("/messages") {
            json!({ "id": "msg_1", "type": "message", "role": "assistant", "model": model, "stop_reason": "end_turn",
                "content": [{ "type": "text", "text": model }], "usage": usage })
        } else if request.path.ends_with("/responses") {
            json!({ "id": "resp_1", "object": "response", "model": model, "status": "completed", "usage": usage,
                "output": [{ "type": "message", "id": "m", "status": "completed", "role": "assistant",
                    "content": [{ "type": "output_text", "text": model, "annotations": [] }] }] })
        } else {
            json!({ "id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": model, "usage": usage,
                "choices": [{ "index": 0, "finish_reason": "stop", "message": { "role": "assistant", "content": model } }] })
        };
        Some(Reply::json(200, &answer))
    });
    let gateway = Gateway::start(&config(&upstream)).await;
    (upstream, gateway)
}

fn with(mut body: Value, more: Value) -> Value {
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    body
}

fn says(text: &str) -> Value {
    json!({ "messages": [{ "role": "user", "content": "first" }, { "role": "assistant", "content": "def no" },
        { "role": "user", "content": [{ "type": "text", "text": text }] }] })
}

/// How an exchange was routed, as its answer tells those who ask.
fn route(answer: &Answer) -> Value {
    serde_json::from_str::<Value>(answer.header("x-yumen-explain")).unwrap()["route"].clone()
}

async fn served(client: &Client, path: &str, body: &Value) -> String {
    let answer = client.post(path, body).await.expect_status(200);
    match path {
        RESPONSES => answer.json()["output"][0]["content"][0]["text"].as_str().unwrap().to_owned(),
        _ => whole_text(&answer),
    }
}

#[tokio::test]
async fn the_first_rule_that_holds_chooses_the_model_on_every_surface() {
    let (_upstream, gateway) = world().await;
    let client = gateway.client();
    let gold = client.clone().header("x-tier", "gold");
    for path in [CHAT, MESSAGES] {
        assert_eq!(served(&client, path, &ask("usual")).await, "small", "{path}");
        assert_eq!(served(&gold, path, &ask("usual")).await, "large", "{path}");
        for (more, expected) in [
            (says("an ünïcode needle in it"), "code"),
            (json!({ "metadata": { "team": "red" } }), "next"),
            (json!({ "tags": ["beta"] }), "next"),
            (json!({ "metadata": { "tags": ["beta"] } }), "next"),
            (json!({ "providerOptions": { "gateway": { "tags": ["x", "beta"] } } }), "next"),
            (
                json!({ "tools": [{ "type": "function", "name": "search", "function": { "name": "search" }, "input_schema": {} }] }),
                "large",
            ),
            (says(&"many words ".repeat(2000)), "large"),
            (says("def f():"), "code"),
        ] {
            assert_eq!(
                served(&client, path, &with(ask("usual"), more.clone())).await,
                expected,
                "{path} {more}"
            );
        }
    }
    let picture = json!({ "messages": [{ "role": "user", "content": [{ "type": "text", "text": "?" },
        { "type": "image_url", "image_url": { "url": "data:image/png;base64,aGk=" } }] }] });
    assert_eq!(served(&client, CHAT, &with(ask("usual"), picture)).await, "large");
    let input = json!({ "model": "usual", "input": "an ünïcode needle in it" });
    assert_eq!(served(&client, RESPONSES, &input).await, "code");
}

#[tokio::test]
async fn a_rule_refuses_in_the_clients_dialect_and_is_named() {
    let (upstream, gateway) = world().await;
    let body = with(ask("usual"), says("Tell me of your SECRET plans!"));
    let client = gateway.client().header("x-yumen-explain", "1");
    let refused = client.post(CHAT, &body).await.expect_status(403);
    assert_eq!(error_code(&refused), "denied_by_rule");
    let told = refused.json();
    assert_eq!(told["error"]["message"], "We do not talk of that.");
    assert_eq!(told["error"]["metadata"]["rule"], "banned", "{told}");
    let anthropic = gateway.anthropic_client().post(MESSAGES, &body).await.expect_status(403).json();
    assert_eq!(anthropic["error"]["type"], "permission_error");
    assert_eq!(upstream.requests().len(), 0, "nobody was asked");
    assert_eq!(route(&refused)["rule"], "banned");
    let id = refused.header("x-generation-id").to_owned();
    record_of(&client, &id).await;
    let shown = gateway.run(&["explain", &id]).await;
    assert!(shown.stdout.contains("by the rule `banned`"), "{}", shown.stdout);
}

#[tokio::test]
async fn a_rule_that_fails_is_passed_over_counted_and_seen() {
    let (_upstream, gateway) = world().await;
    let client = gateway.client().header("x-yumen-explain", "1");
    let failing = client.clone().header("x-broken", "1");
    for _ in 0..2 {
        let answer = failing.post(CHAT, &ask("usual")).await.expect_status(200);
        assert_eq!(whole_text(&answer), "small");
        assert_eq!(route(&answer)["failed_rules"], json!(["broken"]));
    }
    let gone = client.clone().header("x-gone", "1").post(CHAT, &ask("usual")).await.expect_status(200);
    assert_eq!(route(&gone)["failed_rules"], json!(["gone"]));
    // What the other side of an `&&` has decided needs no division.
    let plain = client.post(CHAT, &ask("usual")).await.expect_status(200);
    assert!(route(&plain).is_null());
    let counted = "yumen_rules_total{rule=\"broken\",outcome=\"failed\"} 2";
    let metrics = async || {
        let page = gateway.admin().get("/metrics").await.text();
        page.contains(counted).then_some(())
    };
    eventually("the failures are counted", metrics).await;
    let log = gateway.log();
    let said = log.lines().filter(|line| line.contains("broken") && line.contains("divides by zero")).count();
    assert_eq!(said, 1, "a rule that fails is said once in a while: {log}");
}

#[tokio::test]
async fn a_split_keeps_its_share_and_each_session_its_side() {
    let (_upstream, gateway) = world().await;
    let client = gateway.client();
    let mut next = 0;
    for session in 0..200 {
        let client = client.clone().header("x-session-id", &format!("session {session}"));
        let first = served(&client, CHAT, &ask("usual")).await;
        let again = with(ask("usual"), says("something else"));
        assert_eq!(served(&client, CHAT, &again).await, first, "session {session}");
        next += usize::from(first == "next");
    }
    // A quarter of 200: the hash is fixed, so that this is the same in every run.
    assert!((30..=70).contains(&next), "{next} of 200");
}

#[tokio::test]
async fn what_would_be_done_is_told_with_the_rule() {
    let (upstream, gateway) = world().await;
    let body = with(ask("usual"), says("def f():"));
    let dry = gateway.client().header("x-yumen-dry-run", "1");
    let told = dry.post(CHAT, &body).await.expect_status(200).json();
    assert_eq!((&told["rule"], &told["preset"]), (&json!("coding"), &json!("coder@3")), "{told}");
    assert_eq!(told["models"], json!(["up/code", "up/small"]));
    assert_eq!(upstream.requests().len(), 0);
    let folder = tempfile::tempdir().unwrap();
    let (request, settings) = (folder.path().join("request.json"), folder.path().join("yumen.yaml"));
    std::fs::write(&request, body.to_string()).unwrap();
    std::fs::write(&settings, config(&upstream)).unwrap();
    let (request, settings) = (request.to_str().unwrap(), settings.to_str().unwrap());
    let printed = run_program(&["route", request, "--config", settings]).await.stdout;
    assert!(
        printed.contains("by the rule `coding`") && printed.contains("the preset `coder@3`"),
        "{printed}"
    );
}

/// The body that the upstream got last.
fn sent(upstream: &Upstream) -> Value {
    upstream.last().json()
}

#[tokio::test]
async fn presets_set_what_a_request_does_not_say() {
    let (upstream, gateway) = world().await;
    let client = gateway.client();
    let message = json!([{ "role": "user", "content": "hi" }]);
    let answer = client.post(CHAT, &json!({ "model": "@preset/coder", "messages": message })).await;
    assert_eq!(whole_text(&answer.expect_status(200)), "code");
    let expected = json!({ "model": "code", "temperature": 0.5, "max_completion_tokens": 77,
        "messages": [{ "role": "system", "content": "You write code." }, { "role": "user", "content": "hi" }] });
    assert_eq!(sent(&upstream), expected);

    // The client's own words stay, and its model where it names one.
    let body = json!({ "model": "up/small", "preset": "coder", "temperature": 0, "max_tokens": 5, "messages": message });
    assert_eq!(served(&client, CHAT, &body).await, "small");
    let got = sent(&upstream);
    assert_eq!((&got["temperature"], &got["max_tokens"]), (&json!(0), &json!(5)));
    assert!(got.get("max_completion_tokens").is_none() && got.get("preset").is_none(), "{got}");

    let body = json!({ "model": "up/small@preset/brief", "max_tokens": 9, "system": "Be kind.", "messages": message });
    assert_eq!(served(&client, MESSAGES, &body).await, "small");
    let got = sent(&upstream);
    assert_eq!(got["system"], "Be \"brief\".\n\nBe kind.");
    assert_eq!(got["stop_sequences"], json!(["END"]));
    let blocks = json!([{ "type": "text", "text": "Be kind." }]);
    let body = with(body, json!({ "system": blocks }));
    served(&client, MESSAGES, &body).await;
    assert_eq!(sent(&upstream)["system"][0]["text"], "Be \"brief\".");

    let body = json!({ "model": "@preset/coder", "input": "hi", "instructions": "Be kind." });
    assert_eq!(served(&client, RESPONSES, &body).await, "code");
    let got = sent(&upstream);
    assert_eq!(
        (&got["instructions"], &got["max_output_tokens"]),
        (&json!("You write code.\n\nBe kind."), &json!(77))
    );
}

#[tokio::test]
async fn presets_are_permitted_by_name_and_refused_clearly() {
    let (upstream, gateway) = world().await;
    let narrow = gateway.anonymous().key(NARROW);
    assert_eq!(served(&narrow, CHAT, &ask("@preset/coder")).await, "code");
    let odd = narrow.post(CHAT, &ask("@preset/odd")).await.expect_status(403);
    assert_eq!(error_code(&odd), "model_not_allowed");
    // A rule is the operator's word: what it names needs no permission of the key.
    let gold = narrow.clone().header("x-tier", "gold");
    assert_eq!(served(&gold, CHAT, &ask("usual")).await, "large");
    let before = upstream.requests().len();
    let client = gateway.client();
    let unknown = client.post(CHAT, &ask("@preset/none")).await.expect_status(404);
    assert_eq!(error_code(&unknown), "model_not_found");
    let unnamed = client.post(CHAT, &ask("@preset/brief")).await.expect_status(400);
    assert!(unnamed.text().contains("names no model"), "{}", unnamed.text());
    let unsayable = client.post(MESSAGES, &ask("@preset/odd")).await.expect_status(400);
    assert!(unsayable.text().contains("`seed`"), "{}", unsayable.text());
    let gemini = json!({ "contents": [{ "parts": [{ "text": "hi" }] }] });
    let unsayable = client.post("/v1beta/models/@preset/coder:generateContent", &gemini).await;
    assert_eq!(unsayable.status, 400, "{}", unsayable.text());
    assert_eq!(upstream.requests().len(), before, "nobody was asked");
}

/// One server of many models that differ in price, age and what they can do.
async fn shop() -> (Upstream, Gateway) {
    let upstream = Upstream::start().await;
    upstream.script(|request| {
        let model = request.model();
        Some(Reply::json(200, &json!({ "id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": model,
            "usage": { "prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5 },
            "choices": [{ "index": 0, "finish_reason": "stop", "message": { "role": "assistant", "content": model } }] })))
    });
    let base = upstream.plain_base();
    let config = format!(
        r#"
gateway: {{ listen: "127.0.0.1:0" }}
admin: {{ listen: "127.0.0.1:0" }}
providers:
  up:
    type: openai-compatible
    base_url: "{base}/v1"
    discovery: off
    models:
      tiny: {{ canonical: a/tiny-1, context: 4000, price: {{ input: 0.1, output: 0.1 }}, supports: [] }}
      small: {{ canonical: a/tiny-2, price: {{ input: 0.2, output: 0.2 }}, supports: [tools] }}
      middle: {{ canonical: a/middle-1, price: {{ input: 1, output: 1 }} }}
      seeing: {{ canonical: b/middle-9, price: {{ input: 1, output: 2 }}, input: [text, image] }}
      large: {{ canonical: b/large-1, price: {{ input: 9, output: 9 }} }}
      larger: {{ canonical: b/large-10, price: {{ input: 9, output: 10 }} }}
keys:
  - {{ name: tests, secret: "{KEY}" }}
  - {{ name: narrow, secret: "{NARROW}", models: ["b/*"] }}
  - {{ name: nothing, secret: "sk-yu-nothing-0123456789abcdefghij", models: ["c/*"] }}
"#
    );
    let gateway = Gateway::start(&config).await;
    (upstream, gateway)
}

#[tokio::test]
async fn the_newest_of_an_author_or_a_family_is_asked() {
    let (_upstream, gateway) = shop().await;
    let client = gateway.client();
    for (name, expected) in
        [("~a/tiny-latest", "small"), ("~b/large-latest", "larger"), ("~a/latest", "small")]
    {
        assert_eq!(served(&client, CHAT, &ask(name)).await, expected, "{name}");
    }
    let body = with(ask("~a/none-latest"), json!({ "models": ["~a/middle-latest"] }));
    assert_eq!(
        error_code(&client.post(CHAT, &ask("~a/none-latest")).await.expect_status(404)),
        "model_not_found"
    );
    assert_eq!(served(&client, CHAT, &body).await, "middle");
    let narrow = gateway.anonymous().key(NARROW);
    assert_eq!(
        error_code(&narrow.post(CHAT, &ask("~a/tiny-latest")).await.expect_status(403)),
        "model_not_allowed"
    );
    assert_eq!(served(&narrow, CHAT, &ask("~b/latest")).await, "seeing");
}

#[tokio::test]
async fn auto_takes_what_fits_the_size_and_needs_of_a_request() {
    let (_upstream, gateway) = shop().await;
    let client = gateway.client();
    let plugin = |settings: Value| {
        let mut plugin = json!({ "id": "auto-router" });
        plugin.as_object_mut().unwrap().extend(settings.as_object().unwrap().clone());
        json!({ "plugins": [{ "id": "response-healing" }, plugin] })
    };
    let tool = json!({ "tools": [{ "type": "function", "function": { "name": "f" } }] });
    let picture = json!({ "messages": [{ "role": "user", "content": [
        { "type": "image_url", "image_url": { "url": "data:image/png;base64,aGk=" } }] }] });
    for (more, expected) in [
        (json!({}), ["tiny", "small"].as_slice()),
        (tool, &["middle", "seeing"]),
        (says(&"many words ".repeat(1500)), &["middle", "seeing"]),
        (says(&"many words ".repeat(9000)), &["large", "larger"]),
        (picture, &["seeing"]),
        (plugin(json!({ "cost_tier": "high" })), &["large", "larger"]),
        (plugin(json!({ "allowed_models": ["b/*"], "excluded_models": ["b/large*"] })), &["seeing"]),
        (plugin(json!({ "enabled": false, "allowed_models": ["b/*"] })), &["tiny", "small"]),
    ] {
        let asked = with(ask("openrouter/auto"), more.clone());
        let found = served(&client, CHAT, &asked).await;
        assert!(expected.contains(&found.as_str()), "{found} for {more}");
    }
    let narrow = gateway.anonymous().key(NARROW);
    assert_eq!(served(&narrow, CHAT, &ask("openrouter/auto")).await, "seeing");
    let nothing = gateway.anonymous().key("sk-yu-nothing-0123456789abcdefghij");
    for (client, more) in [(&nothing, json!({})), (&client, plugin(json!({ "allowed_models": ["z/*"] })))] {
        let refused = client.post(CHAT, &with(ask("openrouter/auto"), more)).await.expect_status(404);
        assert!(
            refused.text().contains("No models match your request and model restrictions"),
            "{}",
            refused.text()
        );
    }
    let wrong =
        client.post(CHAT, &with(ask("openrouter/auto"), plugin(json!({ "allowed_models": "b/*" })))).await;
    assert_eq!((wrong.status, wrong.json()["error"]["param"].clone()), (400, json!("plugins")));
}

#[tokio::test]
async fn names_that_leave_the_model_to_the_gateway_take_variants() {
    let upstream = Upstream::start().await;
    let openai = upstream.openai_base();
    let gateway = Gateway::start(&format!(
        "gateway: {{ listen: \"127.0.0.1:0\" }}\nadmin: {{ listen: \"127.0.0.1:0\" }}\nproviders:\n  \
         blind: {{ type: openai-compatible, base_url: \"{openai}\", discovery: off, models: {{ \
         cheap: {{ canonical: a/cheap-2, price: {{ input: 0.1, output: 0.1 }} }}, \
         free: {{ canonical: a/free-1, price: {{ input: 0, output: 0 }} }} }} }}\n  \
         seeing: {{ type: openai-compatible, base_url: \"{openai}\", discovery: off, quirks: [search_parameter], models: {{ \
         dear: {{ canonical: a/dear-1, price: {{ input: 9, output: 9 }} }} }} }}\n\
         keys:\n  - {{ name: tests, secret: \"{KEY}\" }}\n"
    ))
    .await;
    let client = gateway.client();
    let plugin = json!([{ "id": "web" }]);
    for (model, plugins, served) in [
        ("openrouter/auto:online", Value::Null, "dear"),
        ("openrouter/auto", plugin, "dear"),
        ("openrouter/auto:free", Value::Null, "free"),
        ("openrouter/auto:nitro", Value::Null, "free"),
        ("~a/dear-latest:online", Value::Null, "dear"),
        ("~a/cheap-latest:floor", Value::Null, "cheap"),
    ] {
        client.post(CHAT, &with(ask(model), json!({ "plugins": plugins }))).await.expect_status(200);
        let sent = upstream.last().json();
        assert_eq!(sent["model"], served, "{model}");
        assert_eq!(sent["enable_search"] == true, served == "dear", "{model} {sent}");
    }
    for model in ["~a/cheap-latest:online", "~a/nothing-latest:online", "~a/cheap-latest:odd"] {
        client.post(CHAT, &ask(model)).await.expect_status(404);
    }
}
