//! Answers that break off and are gone on with elsewhere: the providers for it, and streams that break.

use serde_json::{Value, json};
use yumen_testkit::{Gateway, Received, Reply, Step, Upstream, standard_config};

/// Those that can go on with an answer, as they are called in [`config`].
pub const ABLE: [&str; 5] = ["fake-plain", "fake-prefix", "fake-anthropic", "fake-gemini", "fake-ollama"];
/// What a model costs there, in nano-dollars for a token of the prompt and one of the answer.
pub const PRICE: (u64, u64) = (1500, 6000);

/// The standard configuration with providers of each way to go on, `fake-openai` being none, and an alias of
/// these deployments that stand in their order.
pub fn config(upstream: &Upstream, routing: &str, aliases: &[(&str, &[&str])]) -> String {
    let models =
        ["fake-chat", "fake-cut-mid-stream", "fake-hold", "fake-never-answers", "fake-400", "fake-500"]
            .map(|model| format!("{model}: {{ price: {{ input: \"1.5\", output: \"6\" }} }}"))
            .join(", ");
    let base = upstream.openai_base();
    let mut own = String::from("providers:\n");
    for (name, kind, more) in [
        ("fake-plain", "openai-compatible", "quirks: [prefill_plain], "),
        ("fake-prefix", "deepseek", ""),
        ("fake-partial", "moonshot", ""),
        ("fake-continue", "vllm", "discovery: off, "),
    ] {
        own += &format!(
            "  {name}: {{ type: {kind}, {more}base_url: \"{base}\", credentials: [ {{ secret: s }} ], models: {{ {models} }} }}\n"
        );
    }
    let config = standard_config(upstream)
        .replace("providers:\n", &own)
        .replace("type: anthropic-compatible\n", "type: anthropic-compatible\n    quirks: [prefill_plain]\n");
    let mut config = format!("{config}models:\n");
    for (alias, deployments) in aliases {
        let listed: Vec<String> = deployments
            .iter()
            .map(|one| one.split_once('/').expect("a provider and a model"))
            // Amazon's ids say whose a model is.
            .map(|(provider, model)| {
                (provider, if provider == "fake-bedrock" { "anthropic." } else { "" }, model)
            })
            .map(|(provider, maker, model)| format!("{{ provider: {provider}, model: {maker}{model} }}"))
            .collect();
        config += &format!(
            "  {alias}: {{ routing: {{ strategy: priority, {routing} }}, deployments: [ {} ] }}\n",
            listed.join(", ")
        );
    }
    config
}

/// A gateway with one alias `smart` that is rescued.
pub async fn rescuing(upstream: &Upstream, deployments: &[&str]) -> Gateway {
    Gateway::start(&config(upstream, "rescue: true", &[("smart", deployments)])).await
}

/// What a chat chunk says.
pub fn chunk(delta: &Value) -> String {
    let choice = json!({ "index": 0, "delta": delta, "finish_reason": null });
    format!(
        "data: {}\n\n",
        json!({ "id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice] })
    )
}

/// A chat chunk that says this.
pub fn says(text: &str) -> String {
    chunk(&json!({ "content": text }))
}

/// A chat stream that says these texts and breaks off.
pub fn broken(texts: &[&str]) -> Reply {
    Reply::stream(texts.iter().map(|text| says(text))).insert(texts.len(), Step::Cut)
}

/// A chat stream that says these texts, why it ends, and what it used.
pub fn ended(texts: &[&str], input: u64, output: u64) -> Reply {
    let usage =
        json!({ "prompt_tokens": input, "completion_tokens": output, "total_tokens": input + output });
    let end = json!({ "id": "c2", "object": "chat.completion.chunk", "created": 1, "model": "m",
                      "choices": [{ "index": 0, "delta": {}, "finish_reason": "stop" }], "usage": usage });
    let tail = [format!("data: {end}\n\n"), "data: [DONE]\n\n".to_owned()];
    Reply::stream(texts.iter().map(|text| says(text)).chain(tail))
}

/// The text of the assistant's message at the end of a request, in whatever dialect.
pub fn begun(request: &Received) -> String {
    let body = request.json();
    if let Some(turns) = body["contents"].as_array() {
        let last = turns.last().expect("a turn");
        assert_eq!(last["role"], "model");
        return last["parts"][0]["text"].as_str().expect("a text").to_owned();
    }
    let last = body["messages"].as_array().expect("a list").last().expect("a turn").clone();
    assert_eq!(last["role"], "assistant", "{body}");
    let text = last["content"].as_str().or_else(|| last["content"][0]["text"].as_str());
    text.expect("a text").to_owned()
}

/// A figure of a record.
pub fn nanos(value: &Value) -> u64 {
    value.as_u64().unwrap_or_else(|| panic!("no figure: {value}"))
}

/// Checks that a record holds what both parts used: the first one estimated, the second one as its upstream said.
pub fn check_sums(record: &Value) {
    let tries = record["provider_responses"].as_array().expect("a list");
    let first = &tries[0];
    assert!(first["cause"].is_string(), "{record}");
    let (input, output) = (nanos(&first["tokens"]["input"]), nanos(&first["tokens"]["output"]));
    assert!(input > 0 && output > 0, "{record}");
    assert_eq!(nanos(&first["cost_nanos"]), input * PRICE.0 + output * PRICE.1, "{record}");
    let (all_input, all_output) = (nanos(&record["tokens_prompt"]), nanos(&record["tokens_completion"]));
    assert!(all_input > input && all_output >= output, "{record}");
    let expected = all_input * PRICE.0 + all_output * PRICE.1;
    assert_eq!(nanos(&record["cost_nanos"]), expected, "{record}");
}
