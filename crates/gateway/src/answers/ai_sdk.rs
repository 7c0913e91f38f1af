//! `GET /v4/ai/config`: the models as the AI SDK's gateway provider lists them.

use serde_json::{Value, json};
use yumen_config::{Listed, Snapshot, VirtualKey};
use yumen_llm::dialects::Operation;

use super::json_answer;
use crate::kinds::llm::Answer;

/// The models that the key may use and that this protocol can ask.
pub(super) fn config(snapshot: &Snapshot, key: &VirtualKey, version: u8) -> Answer {
    let listed = snapshot.listed(&key.models);
    let models: Vec<Value> = listed.iter().filter_map(|model| entry(*model, version)).collect();
    json_answer(&json!({ "models": models }))
}

/// What the SDK calls a model of its kind: the first that one of its deployments can be asked for.
fn kind(model: Listed<'_>) -> Option<&'static str> {
    if model.deployments().any(|deployment| deployment.chat_dialect().is_some()) {
        return Some("language");
    }
    const KINDS: [(Operation, &str); 6] = [
        (Operation::Embeddings, "embedding"),
        (Operation::Images, "image"),
        (Operation::ImageEdits, "image"),
        (Operation::Rerank, "reranking"),
        (Operation::Speech, "speech"),
        (Operation::Transcription, "transcription"),
    ];
    let does =
        |operation| model.deployments().any(|deployment| deployment.model.operations.contains(operation));
    KINDS.iter().find(|(operation, _)| does(operation)).map(|(_, kind)| *kind)
}

/// The SDK refuses a list that names another version than its own.
fn entry(model: Listed<'_>, version: u8) -> Option<Value> {
    let kind = kind(model)?;
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
