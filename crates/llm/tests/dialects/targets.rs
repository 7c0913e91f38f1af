//! What an encoder does for a model or a provider that differs: the way to think, and each quirk.

use serde_json::{Value, json};
use yumen_llm::dialects::Dialect::{AnthropicMessages, OpenAiChat, OpenAiCompletions, OpenAiResponses};
use yumen_llm::dialects::{Quirk, Target, Thinking};

use crate::support::request_for;

/// An OpenAI client's question with these fields more, as a model of this way to think is asked.
fn thought(thinking: Thinking, more: &Value) -> (Value, Vec<String>) {
    let target = Target { model: "m", max_output: Some(10_000), thinking, ..Target::default() };
    let mut body = json!({ "model": "x", "messages": [{ "role": "user", "content": "Prove it" }] });
    for (name, value) in more.as_object().expect("fields") {
        body[name] = value.clone();
    }
    request_for(&target, OpenAiChat, AnthropicMessages, &body)
}

#[test]
fn reasoning_is_asked_for_in_the_models_own_way() {
    let adaptive = json!({ "type": "adaptive", "display": "summarized" });
    for (asked, budget, effort, lost) in [
        (json!({ "reasoning_effort": "minimal" }), json!(1024), json!("low"), vec![]),
        (json!({ "reasoning_effort": "low" }), json!(2000), json!("low"), vec![]),
        (json!({ "reasoning_effort": "medium" }), json!(5000), json!("medium"), vec![]),
        (json!({ "reasoning_effort": "high" }), json!(8000), json!("high"), vec![]),
        (json!({ "reasoning_effort": "xhigh" }), json!(9500), json!("xhigh"), vec![]),
        (json!({ "reasoning": { "effort": "max" } }), json!(9500), json!("max"), vec![]),
        (json!({ "reasoning": { "enabled": true } }), json!(5000), Value::Null, vec![]),
        (
            json!({ "reasoning": { "max_tokens": 2000 }, "max_tokens": 4000 }),
            json!(2000),
            json!("medium"),
            vec!["reasoning.budget_tokens"],
        ),
    ] {
        let (sent, lossy) = thought(Thinking::Budget, &asked);
        assert_eq!(sent["thinking"], json!({ "type": "enabled", "budget_tokens": budget }), "{asked}");
        assert_eq!((&sent["output_config"], lossy.len()), (&Value::Null, 0), "{asked}");
        for thinking in [Thinking::Adaptive, Thinking::Always] {
            let (sent, lossy) = thought(thinking, &asked);
            assert_eq!(
                (&sent["thinking"], &sent["output_config"]["effort"]),
                (&adaptive, &effort),
                "{asked}"
            );
            assert_eq!(lossy, lost, "{asked}");
        }
    }
    for thinking in [Thinking::Budget, Thinking::Adaptive, Thinking::Always] {
        let (sent, lossy) = thought(thinking, &json!({}));
        assert_eq!((sent.get("thinking"), sent.get("output_config"), lossy.len()), (None, None, 0));
    }
}

#[test]
fn effort_and_schema_share_one_object() {
    let format =
        json!({ "type": "json_schema", "json_schema": { "name": "n", "schema": { "type": "object" } } });
    let asked = json!({ "reasoning_effort": "high", "response_format": format });
    let (sent, _) = thought(Thinking::Adaptive, &asked);
    let expected =
        json!({ "effort": "high", "format": { "type": "json_schema", "schema": { "type": "object" } } });
    assert_eq!(sent["output_config"], expected);
}

#[test]
fn thinking_is_switched_off_where_the_model_allows_it() {
    let off = json!({ "reasoning_effort": "none" });
    for thinking in [Thinking::Budget, Thinking::Adaptive] {
        let (sent, lossy) = thought(thinking, &off);
        assert_eq!((&sent["thinking"], lossy.len()), (&json!({ "type": "disabled" }), 0));
        assert_eq!(sent.get("output_config"), None);
    }
    let (sent, lossy) = thought(Thinking::Always, &off);
    assert_eq!(sent["thinking"], json!({ "type": "adaptive" }), "its thoughts were not asked for");
    assert_eq!((&sent["output_config"]["effort"], lossy), (&json!("low"), vec!["reasoning".to_owned()]));
}

#[test]
fn hidden_reasoning_stays_hidden_whichever_way_it_is_asked_for() {
    for (exclude, display) in [(true, "omitted"), (false, "summarized")] {
        for thinking in [Thinking::Budget, Thinking::Adaptive, Thinking::Always] {
            let asked = json!({ "reasoning": { "effort": "high", "exclude": exclude } });
            assert_eq!(thought(thinking, &asked).0["thinking"]["display"], display);
        }
    }
}

#[test]
fn sampling_of_the_clients_own_is_left_out_where_it_is_refused() {
    let sampling = json!({ "temperature": 0.2, "top_p": 0.9, "top_k": 40 });
    let (sent, lossy) = thought(Thinking::Budget, &sampling);
    assert_eq!((&sent["temperature"], &sent["top_p"]), (&json!(0.2), &json!(0.9)));
    assert_eq!((&sent["top_k"], lossy.len()), (&json!(40), 0));
    for thinking in [Thinking::Adaptive, Thinking::Always] {
        let (sent, lossy) = thought(thinking, &sampling);
        for name in ["temperature", "top_p", "top_k"] {
            assert_eq!(sent.get(name), None, "{name}");
        }
        assert_eq!(lossy, ["temperature", "top_p", "top_k"]);
        assert_eq!(
            thought(thinking, &json!({ "temperature": 1, "top_p": 1 })).1.len(),
            0,
            "their own values"
        );
    }
}

#[test]
fn a_forced_call_ends_the_thinking_or_where_that_cannot_be_is_not_forced() {
    let tools = json!([{ "type": "function", "function": { "name": "f" } }]);
    for choice in [json!("required"), json!({ "type": "function", "function": { "name": "f" } })] {
        let asked = json!({ "reasoning_effort": "low", "tools": tools, "tool_choice": choice });
        for thinking in [Thinking::Budget, Thinking::Adaptive] {
            let (sent, lossy) = thought(thinking, &asked);
            assert_eq!((sent.get("thinking"), lossy), (None, vec!["reasoning".to_owned()]));
            assert_ne!(sent["tool_choice"]["type"], "auto");
        }
        let (sent, lossy) = thought(Thinking::Always, &asked);
        assert_eq!(sent["thinking"]["type"], "adaptive");
        assert_eq!(
            (&sent["tool_choice"], lossy),
            (&json!({ "type": "auto" }), vec!["tool_choice".to_owned()])
        );
    }
}

#[test]
fn only_a_budget_wants_signed_reasoning_before_tool_results() {
    let messages = json!([
        { "role": "user", "content": "Weather?" },
        { "role": "assistant", "tool_calls": [{ "id": "t", "type": "function", "function": { "name": "f", "arguments": "{}" } }] },
        { "role": "tool", "tool_call_id": "t", "content": "sunny" },
    ]);
    let tools = json!([{ "type": "function", "function": { "name": "f" } }]);
    let asked = json!({ "messages": messages, "tools": tools, "reasoning_effort": "high" });
    let (sent, lossy) = thought(Thinking::Budget, &asked);
    assert_eq!((sent.get("thinking"), lossy), (None, vec!["reasoning".to_owned()]));
    let (sent, lossy) = thought(Thinking::Adaptive, &asked);
    assert_eq!((&sent["thinking"]["type"], lossy.len()), (&json!("adaptive"), 0));
}

/// A streaming question of an Anthropic client, as an OpenAI-style provider with this quirk is asked.
fn quirky(quirks: &[Quirk]) -> Value {
    let body = json!({ "model": "x", "max_tokens": 9, "stream": true, "messages": [{ "role": "user", "content": "Hi" }] });
    let target = Target { model: "m", quirks, ..Target::default() };
    request_for(&target, AnthropicMessages, OpenAiChat, &body).0
}

#[test]
fn usage_is_asked_for_only_where_it_can_be_and_must_be() {
    assert_eq!(quirky(&[])["stream_options"], json!({ "include_usage": true }));
    let completion = json!({ "model": "x", "prompt": "Once", "stream": true });
    for quirk in [Quirk::NoStreamOptions, Quirk::UsageAlwaysStreamed] {
        let target = Target { model: "m", quirks: &[quirk], ..Target::default() };
        let completed = request_for(&target, OpenAiCompletions, OpenAiCompletions, &completion).0;
        for sent in [quirky(&[quirk]), completed] {
            assert_eq!((&sent["stream"], sent.get("stream_options")), (&json!(true), None), "{quirk:?}");
        }
    }
}

#[test]
fn the_limit_has_the_name_that_the_provider_knows() {
    for (quirks, known, unknown) in [
        (&[][..], "max_tokens", "max_completion_tokens"),
        (&[Quirk::MaxTokensOnly], "max_tokens", "max_completion_tokens"),
        (&[Quirk::MaxCompletionTokens], "max_completion_tokens", "max_tokens"),
    ] {
        let sent = quirky(quirks);
        assert_eq!((&sent[known], sent.get(unknown)), (&json!(9), None), "{quirks:?}");
    }
}

#[test]
fn developers_become_the_system_where_that_role_is_not_known() {
    let body = json!({ "model": "x", "messages": [
        { "role": "developer", "content": "Be kind." }, { "role": "user", "content": "Hi" },
    ] });
    for (quirks, role) in [(&[][..], "developer"), (&[Quirk::NoDeveloperRole], "system")] {
        let target = Target { model: "m", quirks, ..Target::default() };
        for (dialect, turns) in [(OpenAiChat, "messages"), (OpenAiResponses, "input")] {
            let (sent, lossy) = request_for(&target, OpenAiChat, dialect, &body);
            assert_eq!((&sent[turns][0]["role"], lossy.len()), (&json!(role), 0));
        }
    }
}
