//! `GET /v4/ai/config`: the models as the AI SDK's gateway provider lists them.

use serde_json::{Value, json};
use yumen_config::{Listed, Snapshot, VirtualKey};

use super::json_answer;
use crate::kinds::llm::Answer;

/// The models that the key may use and that this protocol can ask.
pub(super) fn config(snapshot: &Snapshot, key: &VirtualKey, version: u8) -> Answer {
    let listed = snapshot.listed(&key.models);
    let models: Vec<Value> = listed.iter().filter_map(|model| entry(*model, version)).collect();
    json_answer(&json!({ "models": models }))
}

/// The SDK refuses a list that names another version than its own.
fn entry(model: Listed<'_>, version: u8) -> Option<Value> {
    let kind = if model.deployments().any(|deployment| deployment.chat_dialect().is_some()) {
        "language"
    } else if model.outputs() == ["embeddings"] {
        "embedding"
    } else {
        return None;
    };
    let pricing = model.price().map(|price| {
        json!({
            "input": price.input.dollars(),
            "output": price.output.dollars(),
            "input_cache_read": price.cache_read.map(|price| price.dollars()),
            "input_cache_write": price.cache_write.map(|price| price.dollars()),
        })
    });
    let provider = model.first().map_or("yumen", |deployment| &*deployment.provider.id);
    Some(json!({
        "id": model.name,
        "name": model.title(),
        "description": null,
        "pricing": pricing,
        "specification": {
            "specificationVersion": format!("v{version}"), "provider": provider, "modelId": model.name,
        },
        "modelType": kind,
    }))
}
