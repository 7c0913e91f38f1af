//! OpenRouter's dress of the OpenAI surface: generation ids, the provider's name, native finish words, costs, and its own
//! envelope for errors. The contract is that of <https://openrouter.ai/docs/api-reference/overview>.

use serde_json::{Map, Value, json};

use crate::ir::{ErrorFacts, ErrorKind};
use crate::price::Price;
use crate::usage::Usage;

/// What an exchange knows beside its answer.
#[derive(Debug, Clone, Copy, Default)]
pub struct Facts<'a> {
    /// The generation id.
    pub id: &'a str,
    /// What people call the provider that answered.
    pub provider: &'a str,
    /// The model that answered, `author/slug` where that is known.
    pub model: Option<&'a str>,
    /// The finish reason in the provider's own word, once it has come.
    pub native_finish: Option<&'a str>,
    /// Tokens, once they were told.
    pub usage: Option<&'a Usage>,
    /// What the deployment charges.
    pub price: Option<Price>,
    /// What earlier parts of the answer cost in nano-dollars, where it was gone on with elsewhere.
    pub before: u64,
    /// How the exchange was routed, when the client asked for it; shown where the answer ends.
    pub trace: Option<&'a Value>,
}

/// Dresses one event of a stream; `None` when it is not one to dress (`[DONE]`, no JSON object).
pub fn chunk(data: &[u8], facts: &Facts<'_>) -> Option<Vec<u8>> {
    let Value::Object(mut chunk) = serde_json::from_slice(data).ok()? else { return None };
    // Clients fail on a chunk without choices, and on a fingerprint or a usage that is null.
    chunk.entry("choices").or_insert_with(|| json!([]));
    for name in ["system_fingerprint", "usage"] {
        if chunk.get(name).is_some_and(Value::is_null) {
            chunk.shift_remove(name);
        }
    }
    dress(&mut chunk, "delta", facts);
    if let (Some(trace), Some(_)) = (facts.trace, chunk.get("usage").filter(|usage| usage.is_object())) {
        chunk.insert("openrouter_metadata".to_owned(), trace.clone());
    }
    serde_json::to_vec(&chunk).ok()
}

/// Dresses a whole answer; `None` when it is no JSON object.
pub fn answer(body: &[u8], facts: &Facts<'_>) -> Option<Vec<u8>> {
    let Value::Object(mut answer) = serde_json::from_slice(body).ok()? else { return None };
    if answer.get("object").and_then(Value::as_str) == Some("chat.completion") {
        // Its own library insists on the key.
        answer.entry("system_fingerprint").or_insert(Value::Null);
    }
    dress(&mut answer, "message", facts);
    if let Some(trace) = facts.trace {
        answer.insert("openrouter_metadata".to_owned(), trace.clone());
    }
    serde_json::to_vec(&answer).ok()
}

fn dress(object: &mut Map<String, Value>, said_in: &str, facts: &Facts<'_>) {
    object.insert("id".to_owned(), facts.id.into());
    object.insert("provider".to_owned(), facts.provider.into());
    if let Some(model) = facts.model {
        object.insert("model".to_owned(), model.into());
    }
    let choices = object.get_mut("choices").and_then(Value::as_array_mut).into_iter().flatten();
    for choice in choices.filter_map(Value::as_object_mut) {
        let finish = choice.entry("finish_reason").or_insert(Value::Null);
        let native = if finish.is_null() { Value::Null } else { facts.native_finish.into() };
        choice.entry("native_finish_reason").or_insert(native);
        choice.entry("logprobs").or_insert(Value::Null);
        if let Some(said) = choice.get_mut(said_in).and_then(Value::as_object_mut) {
            name_reasoning(said);
        }
    }
    if let Some(usage) = object.get_mut("usage").and_then(Value::as_object_mut) {
        add_cost(usage, facts);
    }
}

/// Its clients look for reasoning under a name of its own.
fn name_reasoning(said: &mut Map<String, Value>) {
    if let Some(reasoning) = said.get("reasoning_content").cloned() {
        said.entry("reasoning").or_insert(reasoning);
    }
}

/// What all of it cost in nano-dollars, and the prompt alone; nothing where that is not known.
pub(super) fn costs(facts: &Facts<'_>) -> Option<(u64, u64)> {
    let (counted, price) = (facts.usage?, facts.price?);
    let prompt = Usage { output: 0, reasoning: 0, ..*counted };
    Some((price.cost_with_searches(counted)?, price.cost_nanos(&prompt)))
}

/// Dollars are numbers here; they are made from whole nano-dollars and never counted with.
fn add_cost(usage: &mut Map<String, Value>, facts: &Facts<'_>) {
    usage.entry("is_byok").or_insert(Value::Bool(false));
    tell_searches(usage, facts);
    let Some((cost, prompt)) = costs(facts) else { return };
    usage.insert("cost".to_owned(), dollars(cost.saturating_add(facts.before)));
    // What the tokens cost that are told, not what all parts do: the details would not add up.
    if facts.before > 0 {
        return;
    }
    usage.insert(
        "cost_details".to_owned(),
        json!({
            "upstream_inference_cost": dollars(cost),
            "upstream_inference_prompt_cost": dollars(prompt),
            "upstream_inference_completions_cost": dollars(cost.saturating_sub(prompt)),
        }),
    );
}

/// How often the web was searched, where it was.
pub(super) fn tell_searches(usage: &mut Map<String, Value>, facts: &Facts<'_>) {
    let searches = facts.usage.map_or(0, |usage| usage.web_searches);
    if searches > 0 {
        usage.entry("server_tool_use_details").or_insert_with(|| json!({ "web_search_requests": searches }));
    }
}

/// Whole nano-dollars as the number of dollars that its clients read.
pub fn dollars(nanos: u64) -> Value {
    let text = format!("{}.{:09}", nanos / 1_000_000_000, nanos % 1_000_000_000);
    serde_json::from_str(&text).unwrap_or(Value::Null)
}

/// What an error says beside the facts of every dialect.
#[derive(Debug, Clone, Copy, Default)]
pub struct ErrorContext<'a> {
    /// What people call the provider that said it.
    pub provider: Option<&'a str>,
    /// The provider's error as it was said.
    pub raw: Option<&'a str>,
}

/// An error's body.
pub fn error(facts: &ErrorFacts, context: &ErrorContext<'_>) -> Vec<u8> {
    json!({ "error": envelope(facts, context) }).to_string().into_bytes()
}

/// The event that tells of an error after a stream has begun, and the stream's end.
pub fn error_chunk(
    facts: &ErrorFacts,
    context: &ErrorContext<'_>,
    answer: &Facts<'_>,
    created: i64,
) -> Vec<u8> {
    let choice = json!({ "index": 0, "delta": { "role": "assistant", "content": "" }, "finish_reason": "error",
                "native_finish_reason": null, "logprobs": null });
    let chunk = json!({
        "id": answer.id, "object": "chat.completion.chunk", "created": created, "model": answer.model.unwrap_or_default(),
        "provider": answer.provider, "error": envelope(facts, context), "choices": [choice],
    });
    format!("data: {chunk}\n\ndata: [DONE]\n\n").into_bytes()
}

fn envelope(facts: &ErrorFacts, context: &ErrorContext<'_>) -> Value {
    let mut metadata = match &facts.metadata {
        Some(Value::Object(metadata)) => metadata.clone(),
        _ => Map::new(),
    };
    metadata.entry("error_type").or_insert(error_type(facts).into());
    if let Some(provider) = context.provider {
        metadata.entry("provider_name").or_insert(provider.into());
    }
    if let Some(raw) = context.raw {
        metadata.entry("raw").or_insert(raw.into());
    }
    if let (Some(code), Some(_)) = (&facts.code, context.provider) {
        metadata.entry("provider_code").or_insert(code.as_str().into());
    }
    let availability = metadata.shift_remove("availability");
    let mut error = json!({ "code": facts.status, "message": facts.message, "metadata": metadata });
    if let (Some(availability), Some(error)) = (availability, error.as_object_mut()) {
        error.insert("availability".to_owned(), availability);
    }
    error
}

/// OpenRouter's word for what went wrong.
pub fn error_type(facts: &ErrorFacts) -> &'static str {
    if facts.code.as_deref().is_some_and(|code| code.contains("context_length")) {
        return "context_length_exceeded";
    }
    match facts.kind {
        ErrorKind::InvalidRequest if facts.status == 422 => "unprocessable",
        ErrorKind::InvalidRequest => "invalid_request",
        ErrorKind::Authentication => "authentication",
        ErrorKind::PermissionDenied => "permission_denied",
        ErrorKind::NotFound => "not_found",
        ErrorKind::PayloadTooLarge => "payload_too_large",
        ErrorKind::PaymentRequired => "payment_required",
        ErrorKind::RateLimited => "rate_limit_exceeded",
        ErrorKind::Overloaded => "provider_overloaded",
        ErrorKind::Timeout => "timeout",
        ErrorKind::Server if facts.status == 502 => "provider_unavailable",
        ErrorKind::Server => "server",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::price::PerToken;

    const USAGE: Usage = Usage {
        input: 1000,
        cached_input: 0,
        cache_write: 0,
        cache_write_1h: 0,
        output: 10,
        reasoning: 0,
        web_searches: 0,
    };

    fn price() -> Price {
        Price { input: PerToken(3_000_000_000), output: PerToken(15_000_000_000), ..Price::default() }
    }

    fn facts<'a>(price: &'a Price, native_finish: Option<&'a str>) -> Facts<'a> {
        Facts {
            id: "gen-1",
            provider: "Anthropic",
            model: Some("anthropic/claude"),
            native_finish,
            usage: Some(&USAGE),
            price: Some(*price),
            before: 0,
            trace: None,
        }
    }

    fn dressed(bytes: Option<Vec<u8>>) -> Value {
        serde_json::from_slice(&bytes.unwrap()).unwrap()
    }

    #[test]
    fn a_whole_answer_has_what_its_library_insists_on() {
        let body = json!({ "id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "claude-1",
            "choices": [{ "index": 0, "message": { "role": "assistant", "content": "Hi", "reasoning_content": "hm" },
                          "finish_reason": "stop" }],
            "usage": { "prompt_tokens": 1000, "completion_tokens": 10, "total_tokens": 1010 }, "x_unknown": [1.5] });
        let price = price();
        let answer = dressed(answer(body.to_string().as_bytes(), &facts(&price, Some("end_turn"))));
        assert_eq!(answer["id"], "gen-1");
        assert_eq!(answer["provider"], "Anthropic");
        assert_eq!(answer["model"], "anthropic/claude");
        assert!(answer.as_object().unwrap().contains_key("system_fingerprint"));
        assert_eq!(answer["choices"][0]["native_finish_reason"], "end_turn");
        assert_eq!(answer["choices"][0]["message"]["reasoning"], "hm");
        assert_eq!(answer["usage"]["cost"].to_string(), "0.00315");
        assert_eq!(answer["usage"]["cost_details"]["upstream_inference_prompt_cost"].to_string(), "0.003");
        assert_eq!(
            answer["usage"]["cost_details"]["upstream_inference_completions_cost"].to_string(),
            "0.00015"
        );
        assert_eq!(answer["x_unknown"], json!([1.5]));
    }

    #[test]
    fn chunks_say_the_native_word_only_where_they_end() {
        let price = price();
        let at = |finish: Value, native| {
            let chunk = json!({ "id": "c", "object": "chat.completion.chunk", "system_fingerprint": null,
                "usage": null, "choices": [{ "index": 0, "delta": { "content": "a" }, "finish_reason": finish }] });
            dressed(chunk_of(&chunk, &facts(&price, native)))
        };
        fn chunk_of(value: &Value, facts: &Facts<'_>) -> Option<Vec<u8>> {
            chunk(value.to_string().as_bytes(), facts)
        }
        let running = at(Value::Null, None);
        assert_eq!(running["choices"][0]["native_finish_reason"], Value::Null);
        assert_eq!(running["choices"][0]["finish_reason"], Value::Null);
        for name in ["system_fingerprint", "usage"] {
            assert!(running.get(name).is_none(), "{name} is something or absent, never null");
        }
        assert_eq!(at("stop".into(), Some("end_turn"))["choices"][0]["native_finish_reason"], "end_turn");
        for other in ["[DONE]", "[]", "", "{"] {
            assert_eq!(chunk(other.as_bytes(), &facts(&price, None)), None, "{other}");
        }
    }

    #[test]
    fn an_unknown_price_is_no_cost_of_nothing() {
        let body = json!({ "choices": [], "usage": { "prompt_tokens": 1 } }).to_string();
        let usage = dressed(answer(body.as_bytes(), &Facts { usage: Some(&USAGE), ..Facts::default() }));
        assert!(usage["usage"].get("cost").is_none(), "{usage}");
    }

    #[test]
    fn errors_have_the_status_as_code_and_a_word_for_their_type() {
        let mut facts = ErrorFacts {
            status: 429,
            kind: ErrorKind::RateLimited,
            message: "slow down".into(),
            code: Some("rate_limit_exceeded".into()),
            param: None,
            metadata: Some(json!({ "availability": { "code": "no_endpoints" }, "more": 1 })),
            request_id: None,
        };
        let context = ErrorContext { provider: Some("Groq"), raw: Some("{}") };
        let body: Value = serde_json::from_slice(&error(&facts, &context)).unwrap();
        let error = &body["error"];
        assert_eq!((&error["code"], &error["message"]), (&json!(429), &json!("slow down")));
        assert_eq!(
            error["metadata"],
            json!({ "more": 1, "error_type": "rate_limit_exceeded", "provider_name": "Groq", "raw": "{}",
                    "provider_code": "rate_limit_exceeded" })
        );
        assert_eq!(error["availability"]["code"], "no_endpoints");
        facts.code = Some("context_length_exceeded".into());
        assert_eq!(error_type(&facts), "context_length_exceeded");
        let chunk = String::from_utf8(error_chunk(&facts, &context, &Facts::default(), 1)).unwrap();
        assert!(chunk.contains("\"finish_reason\":\"error\"") && chunk.ends_with("data: [DONE]\n\n"));
    }
}
