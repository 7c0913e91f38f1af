//! Broken JSON is repaired where JSON was asked for, on every surface, whole and streamed; everything else is left alone.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test ends where its ground gives way"
)]

use serde_json::{Value, json};
use yumen_testkit::{Answer, Client, Event, Gateway, GatewayBuilder, Upstream};
use yumen_tests::{CHAT, Surface, ask, chat_text, combinations, pair, record_of};

const BROKEN: &str = "fake-broken-json";
/// What the model says.
const SAID: &str =
    "Here you are:\n```json\n{'city': 'Dunhuang', degrees: 21, \"note\": \"the \"jade\" gate\",}\n```";

fn meant() -> Value {
    json!({ "city": "Dunhuang", "degrees": 21, "note": "the \"jade\" gate" })
}

fn parsed(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

/// A question for JSON.
fn asking(surface: Surface, model: &str, stream: bool) -> Value {
    let mut body = surface.with_schema(model, &json!({ "type": "object" }));
    match surface {
        Surface::Gemini => {}
        Surface::Ollama => body["stream"] = json!(stream),
        _ if stream => body["stream"] = json!(true),
        _ => {}
    }
    body
}

async fn asked(client: &Client, surface: Surface, model: &str, stream: bool) -> Answer {
    client.post(&surface.path(model, stream), &asking(surface, model, stream)).await.expect_status(200)
}

#[tokio::test]
async fn whole_answers_are_repaired_on_every_surface_whoever_answers() {
    let (_upstream, gateway) = pair().await;
    for (surface, provider) in combinations() {
        let answer = asked(&gateway.client(), surface, &format!("{provider}/{BROKEN}"), false).await;
        assert_eq!(parsed(&surface.text(&answer)), meant(), "{surface:?} {provider}");
        assert_eq!(answer.header("x-yumen-heal-status"), "healed", "{surface:?} {provider}");
        let heal = &record_of(&gateway.client(), answer.header("x-generation-id")).await["heal"];
        assert_eq!(heal["status"], "healed");
        let edits: Vec<&str> =
            heal["edits"].as_array().unwrap().iter().map(|edit| edit["kind"].as_str().unwrap()).collect();
        for kind in ["fence", "wrong_quote", "unquoted_key", "inner_quote", "extra_comma"] {
            assert!(edits.contains(&kind), "{surface:?} {provider}: {heal}");
        }
        assert!(!heal.to_string().contains("Dunhuang"), "the record holds no text");
    }
}

#[tokio::test]
async fn streams_are_repaired_on_every_surface_whoever_answers() {
    let (_upstream, gateway) = pair().await;
    for (surface, provider) in combinations() {
        let answer = asked(&gateway.client(), surface, &format!("{provider}/{BROKEN}"), true).await;
        assert_eq!(answer.header("x-yumen-heal-status"), "on");
        let text = surface.stream_text(&answer.events());
        assert_eq!(parsed(&text), meant(), "{surface:?} {provider}");
        let record = record_of(&gateway.client(), answer.header("x-generation-id")).await;
        assert_eq!(record["heal"]["status"], "healed", "{surface:?} {provider}");
    }
}

#[tokio::test]
async fn a_stream_that_was_cut_off_is_closed_and_says_so() {
    let (_upstream, gateway) = pair().await;
    for (surface, provider) in combinations() {
        let answer = asked(&gateway.client(), surface, &format!("{provider}/fake-cut-json"), true).await;
        let text = surface.stream_text(&answer.events());
        let said = json!({ "city": "Dunhuang", "note": "the gate" });
        assert_eq!(parsed(&text), said, "{surface:?} {provider}");
        let record = record_of(&gateway.client(), answer.header("x-generation-id")).await;
        assert_eq!((&record["heal"]["status"], &record["heal"]["cut_off"]), (&json!("healed"), &json!(true)));
    }
}

#[tokio::test]
async fn sound_json_passes_byte_for_byte() {
    let (_upstream, gateway) = pair().await;
    for surface in yumen_tests::SURFACES {
        let model = format!("{}/fake-json", surface.provider());
        for stream in [false, true] {
            let mut body = asking(surface, &model, stream);
            let healed = gateway.client().post(&surface.path(&model, stream), &body).await.expect_status(200);
            body["heal_json"] = json!(false);
            let plain = gateway.client().post(&surface.path(&model, stream), &body).await.expect_status(200);
            assert_eq!(healed.text(), plain.text(), "{surface:?}");
            assert!(plain.headers.get("x-yumen-heal-status").is_none());
            if !stream {
                assert_eq!(healed.header("x-yumen-heal-status"), "skipped");
            }
        }
    }
}

/// The arguments of the first call in a stream.
fn arguments(surface: Surface, events: &[Event]) -> String {
    let data = events.iter().filter(|event| !event.data.is_empty() && !event.is_done());
    let piece = |event: &Event| {
        let data = event.json();
        let piece = match surface {
            Surface::Chat => &data["choices"][0]["delta"]["tool_calls"][0]["function"]["arguments"],
            Surface::Messages => &data["delta"]["partial_json"],
            _ if event.name == "response.function_call_arguments.delta" => &data["delta"],
            _ => &Value::Null,
        };
        piece.as_str().map(str::to_owned)
    };
    data.filter_map(piece).collect()
}

#[tokio::test]
async fn arguments_of_tool_calls_are_repaired_without_being_asked() {
    let (_upstream, gateway) = pair().await;
    let meant = json!({ "city": "Dunhuang", "days": 3 });
    for surface in [Surface::Chat, Surface::Messages, Surface::Responses] {
        for provider in ["fake-openai", "fake-responses", "fake-anthropic"] {
            let model = format!("{provider}/fake-broken-tools");
            let body = surface.with_tools(&model, true);
            let answer = gateway.client().post(&surface.path(&model, true), &body).await.expect_status(200);
            let events = answer.events();
            let said = arguments(surface, &events);
            assert_eq!(
                serde_json::from_str::<Value>(&said).ok(),
                Some(meant.clone()),
                "{surface:?} {provider} {said}"
            );
            if surface == Surface::Responses {
                let end = events.iter().rfind(|event| event.name == "response.completed").unwrap().json();
                let call = &end["response"]["output"][0]["arguments"];
                assert_eq!(parsed(call.as_str().unwrap()), meant, "the whole repeats its pieces");
            }
            if provider != "fake-anthropic" {
                let body = surface.with_tools(&model, false);
                let answer =
                    gateway.client().post(&surface.path(&model, false), &body).await.expect_status(200);
                assert_eq!(answer.header("x-yumen-heal-status"), "healed", "{surface:?} {provider}");
                assert_eq!(surface.calls(&answer.json())[0].2, meant, "{surface:?} {provider}");
            }
        }
    }
}

#[tokio::test]
async fn arguments_that_were_cut_off_are_not_completed() {
    let (_upstream, gateway) = pair().await;
    for surface in [Surface::Chat, Surface::Messages, Surface::Responses] {
        let model = format!("{}/fake-cut-arguments", surface.provider());
        let body = surface.with_tools(&model, true);
        let answer = gateway.client().post(&surface.path(&model, true), &body).await.expect_status(200);
        assert_eq!(arguments(surface, &answer.events()), r#"{"city":"Dunh"#, "{surface:?}");
        let record = record_of(&gateway.client(), answer.header("x-generation-id")).await;
        assert_eq!(record["heal"]["status"], "failed", "{surface:?}");
    }
}

#[tokio::test]
async fn nobody_who_asked_for_no_json_is_touched() {
    let (_upstream, gateway) = pair().await;
    for (surface, provider) in combinations() {
        let model = format!("{provider}/{BROKEN}");
        let answer = surface.ask(&gateway.client(), &model, false).await.expect_status(200);
        assert_eq!(surface.text(&answer), SAID);
        let body = surface.with_tools(&model, false);
        let answer = gateway.client().post(&surface.path(&model, false), &body).await.expect_status(200);
        assert_eq!(surface.text(&answer), SAID, "tools are no question for JSON");
        let events = surface.ask(&gateway.client(), &model, true).await.expect_status(200).events();
        assert_eq!(surface.stream_text(&events), SAID);
    }
}

/// A chat question with more members.
fn chat_with(model: &str, more: &Value) -> Value {
    let mut body = ask(model);
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    body
}

#[tokio::test]
async fn a_request_decides_for_itself_and_the_provider_hears_nothing_of_it() {
    let (upstream, gateway) = pair().await;
    let format = json!({ "response_format": { "type": "json_object" } });
    for (more, status) in [
        (json!({ "heal_json": true }), Some("healed")),
        (json!({ "plugins": [{ "id": "response-healing" }] }), Some("healed")),
        (format.clone(), Some("healed")),
        (json!({ "heal_json": false, "response_format": { "type": "json_object" } }), None),
        (
            json!({ "plugins": [{ "id": "response-healing", "enabled": false }], "response_format": { "type": "json_object" } }),
            None,
        ),
        (json!({}), None),
    ] {
        for provider in ["fake-openai", "fake-anthropic"] {
            let body = chat_with(&format!("{provider}/{BROKEN}"), &more);
            let answer = gateway.client().post(CHAT, &body).await.expect_status(200);
            let text = Surface::Chat.text(&answer);
            match status {
                Some(status) => {
                    assert_eq!(parsed(&text), meant(), "{more}");
                    assert_eq!(answer.json()["heal_status"], status);
                }
                None => {
                    assert_eq!(text, SAID, "{more}");
                    assert!(answer.json().get("heal_status").is_none());
                }
            }
            let sent = upstream.last().json();
            assert!(sent.get("heal_json").is_none() && sent.get("plugins").is_none(), "{sent}");
        }
    }
    let body = chat_with(&format!("fake-openai/{BROKEN}"), &json!({ "heal_json": "yes" }));
    let refused = gateway.client().post(CHAT, &body).await.expect_status(400);
    assert_eq!(refused.json()["error"]["param"], "heal_json");
}

#[tokio::test]
async fn the_last_chunk_of_a_stream_tells_the_status() {
    let (_upstream, gateway) = pair().await;
    for provider in ["fake-openai", "fake-anthropic"] {
        for (model, status) in [(BROKEN, "healed"), ("fake-json", "skipped"), ("fake-chat", "failed")] {
            let more = json!({ "heal_json": true, "stream": true });
            let body = chat_with(&format!("{provider}/{model}"), &more);
            let events = gateway.client().post(CHAT, &body).await.expect_status(200).events();
            let told: Vec<Value> = events
                .iter()
                .filter(|event| event.data.contains("heal_status"))
                .map(|event| event.json())
                .collect();
            assert_eq!(told.len(), 1, "{provider} {model}");
            assert_eq!(told[0]["heal_status"], status, "{provider} {model}");
            assert!(told[0]["choices"][0]["finish_reason"].is_string());
            if status == "failed" {
                assert_eq!(chat_text(&events), yumen_tests::TEXT, "what is no JSON goes on as it is");
            }
        }
    }
}

#[tokio::test]
async fn operators_decide_by_gateway_alias_and_key() {
    let upstream = Upstream::start().await;
    let config = format!(
        r#"
gateway: {{ listen: "127.0.0.1:0", heal_json: false }}
admin: {{ listen: "127.0.0.1:0" }}
providers:
  fake: {{ type: openai-compatible, base_url: "{}", credentials: [ {{ secret: "sk-fake" }} ], models: {{ {BROKEN}: {{}} }} }}
models:
  heals: {{ deployments: [ {{ provider: fake, model: {BROKEN} }} ], heal_json: true }}
keys:
  - {{ name: plain, secret: "sk-yu-plain-0123456789abcdef" }}
  - {{ name: healing, secret: "sk-yu-heals-0123456789abcdef", heal_json: true, models: ["heals", "{BROKEN}"] }}
  - {{ name: never, secret: "sk-yu-never-0123456789abcdef", heal_json: false }}
"#,
        upstream.openai_base()
    );
    let gateway = GatewayBuilder::new(&config).start().await;
    for (key, model, heals) in [
        ("plain", BROKEN, false),
        ("plain", "heals", true),
        ("heals", BROKEN, true),
        ("never", "heals", false),
    ] {
        let client = gateway.anonymous().key(&format!("sk-yu-{key}-0123456789abcdef"));
        let body = chat_with(model, &json!({ "response_format": { "type": "json_object" } }));
        let answer = client.post(CHAT, &body).await.expect_status(200);
        assert_eq!(Surface::Chat.text(&answer) == SAID, !heals, "{key} {model}");
        let more = json!({ "plugins": [{ "id": "response-healing" }] });
        let answer = client.post(CHAT, &chat_with(model, &more)).await.expect_status(200);
        assert_eq!(parsed(&Surface::Chat.text(&answer)), meant(), "the plugin chooses no model: {key}");
    }
}

#[tokio::test]
async fn openrouters_clients_find_it_in_their_trace() {
    let (_upstream, gateway): (Upstream, Gateway) = pair().await;
    let client = gateway.client().header("x-openrouter-metadata", "enabled");
    for stream in [false, true] {
        let more = json!({ "plugins": [{ "id": "response-healing" }], "stream": stream });
        let body = chat_with(&format!("fake-openai/{BROKEN}"), &more);
        let answer = client.post("/api/v1/chat/completions", &body).await.expect_status(200);
        let trace = match stream {
            false => answer.json()["openrouter_metadata"].clone(),
            true => {
                let events = answer.events();
                let last = events.iter().rfind(|event| event.data.contains("openrouter_metadata"));
                last.expect("a trace").json()["openrouter_metadata"].clone()
            }
        };
        let stage = &trace["pipeline"][0];
        assert_eq!(stage["type"], "response_healing", "{trace}");
        assert_eq!(stage["data"]["status"], "healed", "{trace}");
    }
}

#[tokio::test]
async fn what_was_repaired_is_judged_by_the_schema_that_was_asked_for() {
    let (_upstream, gateway) = pair().await;
    let place = |kind: &str| {
        json!({ "type": "object", "properties": { "city": { "type": "string" }, "degrees": { "type": kind } },
                "required": ["city", "degrees"] })
    };
    for (surface, provider) in combinations() {
        for (kind, valid) in [("integer", true), ("string", false)] {
            for stream in [false, true] {
                let model = format!("{provider}/{BROKEN}");
                let mut body = surface.with_schema(&model, &place(kind));
                if stream && surface != Surface::Gemini || surface == Surface::Ollama {
                    body["stream"] = json!(stream);
                }
                let answer =
                    gateway.client().post(&surface.path(&model, stream), &body).await.expect_status(200);
                let record = record_of(&gateway.client(), answer.header("x-generation-id")).await;
                assert_eq!(record["heal"]["schema_valid"], valid, "{surface:?} {provider} {kind} {stream}");
            }
        }
    }
}
