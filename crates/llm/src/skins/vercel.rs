//! Vercel's dress of Chat Completions, for requests that have `providerOptions.gateway`: the generation id, and what its
//! gateway says of itself under `provider_metadata.gateway`. The AI SDK's clients read the same member in their own protocol.
//! <https://vercel.com/docs/ai-gateway/models-and-providers/provider-options>

use serde_json::{Map, Value, json};

use crate::price::{self, Price};
use crate::skins::openrouter;
use crate::usage::{Units, Usage};

/// What an exchange knows beside its answer.
#[derive(Debug, Clone, Copy, Default)]
pub struct Facts<'a> {
    /// The generation id.
    pub id: &'a str,
    /// The model that was asked for.
    pub requested: &'a str,
    /// The provider that answered, by the name of its entry.
    pub provider: Option<&'a str>,
    /// The provider's own id of the model.
    pub native_model: Option<&'a str>,
    /// Tokens, once they were told.
    pub usage: Option<&'a Usage>,
    /// What else was used.
    pub units: Units,
    /// What the deployment charges.
    pub price: Option<Price>,
    /// What earlier parts of the answer cost in nano-dollars, where it was gone on with elsewhere.
    pub before: u64,
}

impl Facts<'_> {
    fn cost_nanos(&self) -> Option<u64> {
        let cost = self.price?.cost_of(self.usage, &self.units)?;
        Some(cost.saturating_add(self.before))
    }
}

/// The member `gateway`: how the exchange was routed and what it cost, as a text; without a cost where that is not known.
pub fn gateway(facts: &Facts<'_>) -> Value {
    let mut gateway = json!({
        "routing": { "originalModelId": facts.requested, "resolvedProvider": facts.provider,
            "resolvedProviderApiModelId": facts.native_model, "finalProvider": facts.provider },
        "generationId": facts.id,
    });
    if let (Some(gateway), Some(nanos)) = (gateway.as_object_mut(), facts.cost_nanos()) {
        gateway.insert("cost".to_owned(), price::dollars(nanos).into());
    }
    let searches = facts.usage.map_or(0, |usage| usage.web_searches);
    if let (Some(gateway), 1..) = (gateway.as_object_mut(), searches) {
        gateway.insert("billableWebSearchCalls".to_owned(), searches.into());
    }
    gateway
}

/// Dresses a whole answer; `None` when it is no JSON object.
pub fn answer(body: &[u8], facts: &Facts<'_>) -> Option<Vec<u8>> {
    dress(body, "message", facts)
}

/// Dresses one event of a stream; `None` when it is not one to dress (`[DONE]`, no JSON object).
pub fn chunk(data: &[u8], facts: &Facts<'_>) -> Option<Vec<u8>> {
    dress(data, "delta", facts)
}

/// Choices that have ended say how they were served.
fn dress(body: &[u8], said_in: &str, facts: &Facts<'_>) -> Option<Vec<u8>> {
    let Value::Object(mut object) = serde_json::from_slice(body).ok()? else { return None };
    object.insert("generationId".to_owned(), facts.id.into());
    let choices = object.get_mut("choices").and_then(Value::as_array_mut).into_iter().flatten();
    let ended = |choice: &&mut Map<String, Value>| choice.get("finish_reason").is_some_and(Value::is_string);
    for choice in choices.filter_map(Value::as_object_mut).filter(ended) {
        if let Some(said) = choice.get_mut(said_in).and_then(Value::as_object_mut) {
            said.insert("provider_metadata".to_owned(), json!({ "gateway": gateway(facts) }));
        }
    }
    // In a stream the usage may come after all choices.
    if let (Some(usage), Some(nanos)) =
        (object.get_mut("usage").and_then(Value::as_object_mut), facts.cost_nanos())
    {
        usage.insert("cost".to_owned(), openrouter::dollars(nanos));
    }
    serde_json::to_vec(&object).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::price::PerToken;

    #[test]
    fn an_answer_says_how_it_was_served_and_what_it_cost() {
        let price = Price { input: PerToken(1_000_000_000), ..Price::default() };
        let usage = Usage { input: 5, ..Usage::default() };
        let mut facts = Facts {
            id: "gen-1",
            requested: "smart",
            provider: Some("p"),
            native_model: Some("n"),
            usage: Some(&usage),
            units: Units::default(),
            price: Some(price),
            before: 0,
        };
        let body = json!({ "id": "c", "choices": [{ "message": { "content": "a" }, "finish_reason": "stop" }],
            "usage": { "prompt_tokens": 5 } });
        let told: Value =
            serde_json::from_slice(&answer(body.to_string().as_bytes(), &facts).unwrap()).unwrap();
        assert_eq!((&told["id"], &told["generationId"]), (&json!("c"), &json!("gen-1")));
        let said = &told["choices"][0]["message"]["provider_metadata"]["gateway"];
        assert_eq!((&said["cost"], &said["routing"]["finalProvider"]), (&json!("0.000005"), &json!("p")));
        assert_eq!(told["usage"]["cost"], json!(0.000005));
        facts.price = None;
        let told: Value =
            serde_json::from_slice(&answer(body.to_string().as_bytes(), &facts).unwrap()).unwrap();
        assert!(told["usage"].get("cost").is_none() && !told.to_string().contains("\"cost\""));
    }

    #[test]
    fn only_the_end_of_a_stream_says_it() {
        let facts = Facts { id: "gen-1", ..Facts::default() };
        let said = |finish: Value| {
            let data = json!({ "choices": [{ "delta": {}, "finish_reason": finish }] }).to_string();
            String::from_utf8(chunk(data.as_bytes(), &facts).unwrap()).unwrap().contains("provider_metadata")
        };
        assert!(said(json!("stop")) && !said(Value::Null));
        assert_eq!(chunk(b"[DONE]", &facts), None);
    }
}
