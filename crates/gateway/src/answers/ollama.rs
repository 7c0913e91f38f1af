//! What an Ollama server says of itself and of its models.
//!
//! In: the models that a key may use. Out: answers in Ollama's shapes. A gateway holds no files of models, so what only
//! such a file could tell (size, digest, quantisation) is there and empty: clients insist on the fields.
//! Source: <https://docs.ollama.com/api>.

use std::borrow::Cow;

use serde_json::{Map, Value, json};
use yumen_config::{Listed, Snapshot, VirtualKey, may_use};
use yumen_llm::catalogue::{Feature, Modality, Operation};
use yumen_llm::json::{Read, scan_object};

use super::json_answer;
use crate::kinds::llm::{Answer, tagged};
use crate::rejection::{Code, Rejection};
use crate::stages;

/// The oldest release of Ollama that has all that is answered here; clients switch features on by it.
const SPOKEN: &str = "0.14.0";

/// The list of models.
pub(super) fn tags(snapshot: &Snapshot, key: &VirtualKey) -> Answer {
    let models: Vec<Value> = snapshot
        .listed(&key.models)
        .into_iter()
        .map(|listed| {
            json!({ "name": listed.name, "model": listed.name, "modified_at": modified(listed), "size": 0,
                    "digest": "", "details": details(listed) })
        })
        .collect();
    json_answer(&json!({ "models": models }))
}

/// The facts of one model.
pub(super) fn show(snapshot: &Snapshot, key: &VirtualKey, body: &[u8]) -> Result<Answer, Rejection> {
    let asked = asked_for(snapshot, body)?;
    let target = snapshot.target(&asked).filter(|target| may_use(&key.models, &asked, target));
    let target = target.ok_or_else(|| stages::unknown_model(snapshot, &key.models, &asked))?;
    let listed = Listed { name: &asked, target: &target };
    let family = family(listed);
    let mut info = Map::new();
    info.insert("general.architecture".to_owned(), json!(family));
    info.insert("general.basename".to_owned(), json!(listed.title()));
    info.extend(listed.context().map(|tokens| (format!("{family}.context_length"), json!(tokens))));
    Ok(json_answer(&json!({
        "modelfile": "", "parameters": "", "template": "{{ .Prompt }}", "license": "", "modified_at": modified(listed),
        "details": details(listed), "model_info": info, "capabilities": capabilities(listed),
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

/// The day on which it came out; the shape knows no null.
fn modified(listed: Listed<'_>) -> String {
    let seconds = listed.released().map_or(0, |day| day.unix_seconds());
    jiff::Timestamp::from_second(seconds).unwrap_or_default().to_string()
}

/// Who made it; what runs it is not known.
fn family(listed: Listed<'_>) -> &str {
    listed.author().unwrap_or("unknown")
}

fn details(listed: Listed<'_>) -> Value {
    let family = family(listed);
    json!({ "parent_model": "", "format": "", "family": family, "families": [family], "parameter_size": "",
            "quantization_level": "" })
}

/// What it can do, in Ollama's words. A model of which nothing is known is taken for one that talks and calls.
fn capabilities(listed: Listed<'_>) -> Vec<&'static str> {
    let Some(model) = listed.first().map(|deployment| &deployment.model) else { return Vec::new() };
    let serves = |operation| model.operations.contains(&operation);
    let chats = model.operations.is_empty() || serves(Operation::Chat);
    let supports = |feature| model.facts.supports.map(|features| features.has(feature));
    let mut words = Vec::new();
    words.extend((chats || serves(Operation::Completions)).then_some("completion"));
    words.extend((chats && supports(Feature::Tools).unwrap_or(true)).then_some("tools"));
    words.extend((chats && listed.input().has(Modality::Image)).then_some("vision"));
    words.extend((chats && supports(Feature::Reasoning).unwrap_or(false)).then_some("thinking"));
    words.extend(serves(Operation::Embeddings).then_some("embedding"));
    words
}
