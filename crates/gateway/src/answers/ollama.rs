//! What an Ollama server says of itself and of its models.
//!
//! In: the models that a key may use. Out: answers in Ollama's shapes. A gateway holds no files of models, so what only
//! such a file could tell (size, digest, quantisation) is there and empty: clients insist on the fields.
//! Source: <https://docs.ollama.com/api>.

use std::borrow::Cow;

use serde_json::{Map, Value, json};
use yumen_config::{ModelTarget, ServedModel, Snapshot, VirtualKey};
use yumen_llm::dialects::{Operation, Thinking};
use yumen_llm::json::{Read, scan_object};

use super::json_answer;
use super::models::{listed, listed_for};
use crate::kinds::llm::{Answer, tagged};
use crate::rejection::{Code, Rejection};
use crate::stages;

/// The oldest release of Ollama that has all that is answered here; clients switch features on by it.
const SPOKEN: &str = "0.14.0";
/// Nobody knows when a model was changed.
const NEVER: &str = "1970-01-01T00:00:00Z";

/// The list of models.
pub(super) fn tags(snapshot: &Snapshot, key: &VirtualKey) -> Answer {
    let models = listed(snapshot, key).into_iter().filter_map(|name| {
        let target = snapshot.models.get(name)?;
        Some(json!({ "name": name, "model": name, "modified_at": NEVER, "size": 0, "digest": "",
                     "details": details(target) }))
    });
    json_answer(&json!({ "models": models.collect::<Vec<_>>() }))
}

/// The facts of one model.
pub(super) fn show(snapshot: &Snapshot, key: &VirtualKey, body: &[u8]) -> Result<Answer, Rejection> {
    let asked = asked_for(snapshot, body)?;
    let target = snapshot.target(&asked).filter(|target| listed_for(key, target, &asked));
    let target = target.ok_or_else(|| stages::unknown_model(snapshot, key, &asked))?;
    let family = family(&target);
    let mut info = Map::new();
    info.insert("general.architecture".to_owned(), json!(family));
    info.insert("general.basename".to_owned(), json!(target.name));
    let context = served(&target).and_then(|model| model.context);
    info.extend(context.map(|tokens| (format!("{family}.context_length"), json!(tokens))));
    Ok(json_answer(&json!({
        "modelfile": "", "parameters": "", "template": "{{ .Prompt }}", "license": "", "modified_at": NEVER,
        "details": details(&target), "model_info": info, "capabilities": capabilities(&target),
    })))
}

/// The model that a body names: under `model`, or `name` as older clients have it.
fn asked_for(snapshot: &Snapshot, body: &[u8]) -> Result<String, Rejection> {
    let object = scan_object(body, snapshot.gateway.max_json_depth).map_err(|error| {
        let message = format!("The body cannot be read: {} (byte {}).", error.reason, error.position);
        Rejection::new(Code::InvalidJson, message)
    })?;
    let named = |name| match object.string(body, name) {
        Read::Is(model) => Some(model).filter(|model| !model.is_empty()),
        _ => None,
    };
    let model = named("model").or_else(|| named("name")).map(Cow::into_owned);
    let model =
        model.ok_or_else(|| Rejection::new(Code::InvalidRequest, "`model` is missing.").param("model"))?;
    Ok(tagged(snapshot, model))
}

/// The release that is spoken.
pub(super) fn version() -> Answer {
    json_answer(&json!({ "version": SPOKEN }))
}

/// The models that are loaded.
pub(super) fn loaded() -> Answer {
    json_answer(&json!({ "models": [] }))
}

fn served(target: &ModelTarget) -> Option<&ServedModel> {
    target.deployments.items().first().map(|deployment| &*deployment.model)
}

/// Who made it; what runs it is not known.
fn family(target: &ModelTarget) -> String {
    let canonical = served(target).and_then(|model| model.canonical_id.as_deref());
    let author = canonical.and_then(|name| name.split_once('/')).map(|(author, _)| author);
    author.unwrap_or("unknown").to_owned()
}

fn details(target: &ModelTarget) -> Value {
    let family = family(target);
    json!({ "parent_model": "", "format": "", "family": family, "families": [family], "parameter_size": "",
            "quantization_level": "" })
}

/// What it can do, in Ollama's words. A model of which nothing is known is taken for one that talks.
fn capabilities(target: &ModelTarget) -> Vec<&'static str> {
    let Some(model) = served(target) else { return Vec::new() };
    let serves = |operation| model.operations.contains(&operation);
    let talks = model.operations.is_empty() || serves(Operation::Chat) || serves(Operation::Completions);
    let mut words = Vec::new();
    words.extend(talks.then_some("completion"));
    words.extend((model.operations.is_empty() || serves(Operation::Chat)).then_some("tools"));
    words.extend((model.thinking != Thinking::Budget).then_some("thinking"));
    words.extend(serves(Operation::Embeddings).then_some("embedding"));
    words
}
