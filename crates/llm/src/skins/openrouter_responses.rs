//! OpenRouter's dress of the Responses API: what an answer cost, how it was routed, and a word for what went wrong.
//! <https://openrouter.ai/docs/api-reference/responses-api/overview>
//!
//! The response keeps its own id, by which it is asked for and continued; the generation's id stands in a header.

use std::sync::LazyLock;

use memchr::memmem::Finder;
use serde_json::{Map, Value, json};

use super::openrouter::{Facts, costs, dollars, error_type, tell_searches};
use crate::ir::ErrorFacts;

/// Only events that hold a response, or an error, are dressed: a search spares the many others a parse.
static RESPONSE: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(b"\"response\""));
static ERROR: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(b"\"error\""));

/// Dresses a whole answer; `None` when it is no response.
pub fn answer(body: &[u8], facts: &Facts<'_>) -> Option<Vec<u8>> {
    let Value::Object(mut response) = serde_json::from_slice(body).ok()? else { return None };
    if response.get("object").and_then(Value::as_str) != Some("response") {
        return None;
    }
    dress(&mut response, facts, None);
    serde_json::to_vec(&response).ok()
}

/// Dresses one event of a stream, which is written with its name; `None` when it is not one to dress.
pub fn event(data: &[u8], facts: &Facts<'_>, error: Option<&ErrorFacts>) -> Option<Vec<u8>> {
    RESPONSE.find(data).or_else(|| ERROR.find(data))?;
    let Value::Object(mut event) = serde_json::from_slice(data).ok()? else { return None };
    let name = event.get("type").and_then(Value::as_str)?.to_owned();
    if let Some(response) = event.get_mut("response").and_then(Value::as_object_mut) {
        dress(response, facts, error);
    } else if let (Some(error), "error" | "response.error") = (error, &*name) {
        event.insert("error_type".to_owned(), error_type(error).into());
    } else {
        return None;
    }
    let mut out = format!("event: {name}\ndata: ").into_bytes();
    serde_json::to_writer(&mut out, &event).ok()?;
    out.extend_from_slice(b"\n\n");
    Some(out)
}

fn dress(response: &mut Map<String, Value>, facts: &Facts<'_>, error: Option<&ErrorFacts>) {
    if let Some(model) = facts.model {
        response.insert("model".to_owned(), model.into());
    }
    if let Some(usage) = response.get_mut("usage").and_then(Value::as_object_mut) {
        usage.entry("is_byok").or_insert(Value::Bool(false));
        tell_searches(usage, facts);
        if let Some((cost, prompt)) = costs(facts) {
            usage.insert("cost".to_owned(), dollars(cost.saturating_add(facts.before)));
            let details = json!({
                "upstream_inference_cost": dollars(cost),
                "upstream_inference_input_cost": dollars(prompt),
                "upstream_inference_output_cost": dollars(cost.saturating_sub(prompt)),
            });
            if facts.before == 0 {
                usage.insert("cost_details".to_owned(), details);
            }
        }
    }
    if let Some(error) = error.filter(|_| response.get("error").is_some_and(Value::is_object)) {
        response.insert("error_type".to_owned(), error_type(error).into());
    }
    let has_ended = response
        .get("status")
        .and_then(Value::as_str)
        .is_some_and(|status| !matches!(status, "in_progress" | "queued"));
    if let Some(trace) = facts.trace.filter(|_| has_ended) {
        response.insert("openrouter_metadata".to_owned(), trace.clone());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ir::ErrorKind;
    use crate::price::{PerToken, Price};
    use crate::usage::Usage;

    const USAGE: Usage = Usage {
        input: 1000,
        cached_input: 0,
        cache_write: 0,
        cache_write_1h: 0,
        output: 10,
        reasoning: 0,
        web_searches: 0,
    };

    fn with_facts<T>(see: impl FnOnce(&Facts<'_>) -> T) -> T {
        let price =
            Price { input: PerToken(3_000_000_000), output: PerToken(15_000_000_000), ..Price::default() };
        let trace = json!({ "requested": "smart" });
        see(&Facts {
            id: "gen-1",
            model: Some("a/b"),
            usage: Some(&USAGE),
            price: Some(price),
            before: 0,
            trace: Some(&trace),
            ..Facts::default()
        })
    }

    fn response(status: &str) -> Value {
        json!({ "id": "resp_1", "object": "response", "status": status, "error": null, "model": "m", "x": [1.5],
                "usage": { "input_tokens": 1000, "output_tokens": 10, "total_tokens": 1010 } })
    }

    /// What stands in one dressed event, which has its name before it.
    fn told(event: Option<Vec<u8>>, name: &str) -> Value {
        let event = String::from_utf8(event.unwrap()).unwrap();
        let data = event.strip_prefix(&format!("event: {name}\ndata: ")).unwrap();
        serde_json::from_str(data.strip_suffix("\n\n").unwrap()).unwrap()
    }

    #[test]
    fn an_ended_response_says_what_it_cost_and_keeps_its_id() {
        let body = response("completed").to_string();
        let whole: Value =
            serde_json::from_slice(&with_facts(|facts| answer(body.as_bytes(), facts)).unwrap()).unwrap();
        let data =
            json!({ "type": "response.completed", "sequence_number": 9, "response": response("completed") });
        let last = with_facts(|facts| event(data.to_string().as_bytes(), facts, None));
        let last = told(last, "response.completed");
        assert_eq!(last["sequence_number"], 9);
        for response in [&whole, &last["response"]] {
            assert_eq!((&response["id"], &response["model"]), (&json!("resp_1"), &json!("a/b")));
            assert_eq!(response["usage"]["cost"].to_string(), "0.00315");
            let details = &response["usage"]["cost_details"];
            assert_eq!(details["upstream_inference_input_cost"].to_string(), "0.003");
            assert_eq!(details["upstream_inference_output_cost"].to_string(), "0.00015");
            assert_eq!(response["openrouter_metadata"]["requested"], "smart");
            assert_eq!(response["x"], json!([1.5]));
        }
    }

    #[test]
    fn what_only_begins_or_is_no_response_is_left_alone() {
        let data = json!({ "type": "response.created", "response": response("in_progress") }).to_string();
        let begun = told(with_facts(|facts| event(data.as_bytes(), facts, None)), "response.created");
        assert_eq!(
            (begun["response"].get("openrouter_metadata"), &begun["response"]["model"]),
            (None, &json!("a/b"))
        );
        for other in [
            r#"{"type":"response.output_text.delta","delta":"\"response\":{}"}"#,
            r#"{"type":"x","response":1}"#,
            r#"{"response":{}}"#,
            "[DONE]",
            "",
        ] {
            assert_eq!(with_facts(|facts| event(other.as_bytes(), facts, None)), None, "{other}");
        }
        for other in [r#"{"object":"list"}"#, "[]", "{"] {
            assert_eq!(with_facts(|facts| answer(other.as_bytes(), facts)), None, "{other}");
        }
    }

    #[test]
    fn errors_have_a_word_for_their_type() {
        let error = ErrorFacts {
            status: 429,
            kind: ErrorKind::RateLimited,
            message: "slow down".into(),
            code: None,
            param: None,
            metadata: None,
            request_id: None,
        };
        let mut failed = response("failed");
        failed["error"] = json!({ "code": "rate_limit_exceeded", "message": "slow down" });
        let data = json!({ "type": "response.failed", "response": failed }).to_string();
        let failed = told(with_facts(|facts| event(data.as_bytes(), facts, Some(&error))), "response.failed");
        assert_eq!(failed["response"]["error_type"], "rate_limit_exceeded");
        let data = r#"{"type":"error","code":null,"message":"slow down","param":null,"sequence_number":1}"#;
        let alone = told(with_facts(|facts| event(data.as_bytes(), facts, Some(&error))), "error");
        assert_eq!(alone["error_type"], "rate_limit_exceeded");
    }
}
