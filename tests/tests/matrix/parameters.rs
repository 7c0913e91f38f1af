//! Which parameters of a request reach upstreams of each dialect. They are asked for on the surface that knows the
//! most of them, and what is lost is read where clients read it.

use serde_json::{Value, json};
use yumen_testkit::{Client, Upstream};
use yumen_tests::{CHAT, ask};

use crate::every_provider;

/// A parameter, and the providers whose dialects cannot say it.
pub struct Loss {
    pub name: &'static str,
    pub lost: Vec<&'static str>,
}

/// What is asked for.
fn parameters() -> Vec<(&'static str, Value)> {
    vec![
        ("temperature", json!(0.5)),
        ("top_p", json!(0.9)),
        ("top_k", json!(40)),
        ("max_tokens", json!(64)),
        ("stop", json!(["END"])),
        ("seed", json!(7)),
        ("frequency_penalty", json!(0.5)),
        ("presence_penalty", json!(0.5)),
        ("logit_bias", json!({ "50256": -100 })),
        ("logprobs", json!(true)),
        ("n", json!(2)),
        ("parallel_tool_calls", json!(false)),
        ("reasoning_effort", json!("low")),
        ("response_format", json!({ "type": "json_object" })),
        ("service_tier", json!("flex")),
        ("user", json!("someone")),
        ("metadata", json!({ "ground": "test" })),
        ("verbosity", json!("low")),
        ("prediction", json!({ "type": "content", "content": "a" })),
    ]
}

/// What is lost of each parameter, as told in the header.
pub async fn losses(upstream: &Upstream, client: &Client) -> Vec<Loss> {
    let mut losses = Vec::new();
    for (name, value) in parameters() {
        let mut lost = Vec::new();
        for provider in every_provider() {
            let mut body = ask(&format!("{provider}/fake-chat"));
            body["max_tokens"] = json!(4096);
            // Without any: what is lost then says nothing of the parameter.
            body.as_object_mut().expect("an object").retain(|field, _| field != name);
            let before = client.post(CHAT, &body).await.expect_status(200);
            let before = before.header("x-yumen-lossy").to_owned();
            assert!(matches!(before.as_str(), "" | "max_tokens"), "{provider}: {before}");
            body[name] = value.clone();
            if name == "parallel_tool_calls" {
                let function = json!({ "name": "weather", "parameters": { "type": "object" } });
                body["tools"] = json!([{ "type": "function", "function": function }]);
            }
            let answer = client.post(CHAT, &body).await.expect_status(200);
            let told = answer.header("x-yumen-lossy");
            if told != before {
                lost.push(provider);
            } else if provider == "fake-openai" {
                assert_eq!(upstream.last().json()[name], value);
            }
        }
        losses.push(Loss { name, lost });
    }
    losses
}
