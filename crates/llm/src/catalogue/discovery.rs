//! What a server says of its own models: the lists of OpenAI-style servers, of llama.cpp and of Ollama.
//!
//! In: the bodies of a server's answers. Out: its models with what it says of them, or why the answer is no list. A server
//! may be anybody's: lists and names have bounds, and what cannot be a model is left out. It never asks and never guesses.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use super::facts::{Feature, Modality, Words};
use crate::dialects::Operation;

/// Models that are taken from one server; the others are left out and counted.
pub const DISCOVERED_MOST: usize = 2_000;
/// Longest id of a model in bytes.
const ID_BYTES_MOST: usize = 256;
/// No window is longer, in tokens.
const CONTEXT_MOST: u64 = 1 << 40;

/// How a server tells its models.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Discovery {
    /// `GET /models` below the base URL, as OpenAI has it; many servers add how long the window is.
    #[serde(rename = "openai")]
    OpenAi,
    /// The same, and `GET /props` beside it for the window that the server was started with.
    /// Source: <https://github.com/ggml-org/llama.cpp/tree/master/tools/server#get-props-get-server-global-properties>.
    LlamaCpp,
    /// `GET /api/tags`, and `POST /api/show` for each model. Source: <https://docs.ollama.com/api/tags>.
    Ollama,
}

impl Discovery {
    /// The path of the list, and whether it stands beside a `/v1` at the end of the base URL rather than below it.
    pub fn list_path(self) -> (&'static str, bool) {
        match self {
            Self::OpenAi | Self::LlamaCpp => ("/models", false),
            Self::Ollama => ("/api/tags", true),
        }
    }

    /// The path beside `/v1` at which more is asked.
    pub fn detail_path(self) -> Option<&'static str> {
        match self {
            Self::OpenAi => None,
            Self::LlamaCpp => Some("/props"),
            Self::Ollama => Some("/api/show"),
        }
    }
}

/// A model as its server tells of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DiscoveredModel {
    /// The server's own id.
    pub id: String,
    /// Another name of exactly this model there.
    pub alias: Option<String>,
    /// Context window in tokens.
    pub context: Option<u64>,
    /// What it reads; empty when the server does not say.
    pub input: Words<Modality>,
    /// What can be asked of it; `None` when the server does not say.
    pub supports: Option<Words<Feature>>,
    /// Which operations it serves; empty when the server does not say.
    pub operations: Vec<Operation>,
}

/// A server's models by id.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ModelList<M> {
    /// Each id once.
    pub models: BTreeMap<String, M>,
    /// How many entries were not taken: too many, or with an id that can be none.
    pub left_out: usize,
}

/// What came is no list of models, or nothing that tells of one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DiscoveryError {
    /// It is no JSON.
    #[error("the answer is no JSON")]
    NotJson,
    /// What must be there is not.
    #[error("the answer has no `{0}`")]
    Lacks(&'static str),
}

/// Reads a list of models as OpenAI has it. The window is called `max_model_len` by vLLM and its like, `context_length` or
/// `context_window` by others, and `max_context_length` by LM Studio.
pub fn openai_models(body: &[u8]) -> Result<ModelList<DiscoveredModel>, DiscoveryError> {
    const WINDOWS: [&str; 4] = ["max_model_len", "context_length", "context_window", "max_context_length"];
    list(body, "data", &["id"], |entry| DiscoveredModel {
        context: WINDOWS.iter().find_map(|name| tokens(entry.get(name)?)),
        ..DiscoveredModel::default()
    })
}

/// Adds what `GET /props` of llama.cpp tells: the window of one request, and what the model reads. It tells of the model
/// that is loaded, so that of several it says nothing.
pub fn add_llama_cpp_props(list: &mut ModelList<DiscoveredModel>, body: &[u8]) -> Result<(), DiscoveryError> {
    let props = json(body)?;
    let settings = props.get("default_generation_settings");
    let settings = settings.ok_or(DiscoveryError::Lacks("default_generation_settings"))?;
    let mut models = list.models.values_mut();
    let (Some(model), None) = (models.next(), models.next()) else { return Ok(()) };
    model.context = settings.get("n_ctx").and_then(tokens).or(model.context);
    if let Some(modalities) = props.get("modalities").filter(|modalities| modalities.is_object()) {
        let reads = |name: &str| modalities.get(name) == Some(&Value::Bool(true));
        let more = [("vision", Modality::Image), ("audio", Modality::Audio)];
        let more = more.into_iter().filter(|(name, _)| reads(name)).map(|(_, modality)| modality);
        model.input = std::iter::once(Modality::Text).chain(more).collect();
    }
    Ok(())
}

/// Reads Ollama's list: ids, each with the digest of what it stands for, which changes with the model.
pub fn ollama_tags(body: &[u8]) -> Result<ModelList<String>, DiscoveryError> {
    list(body, "models", &["model", "name"], |entry| text(entry, "digest").unwrap_or_default().to_owned())
}

/// Reads what Ollama shows of a model: its window (under `<architecture>.context_length`) and its capabilities. Every model
/// that completes answers after a schema, for the server holds it to one
/// (<https://docs.ollama.com/capabilities/structured-outputs>).
pub fn ollama_model(body: &[u8]) -> Result<DiscoveredModel, DiscoveryError> {
    let shown = json(body)?;
    let info = shown.get("model_info").and_then(Value::as_object);
    let architecture = info.and_then(|info| info.get("general.architecture")).and_then(Value::as_str);
    let own = architecture.map(|name| format!("{name}.context_length"));
    let window = info.and_then(|info| match own.and_then(|own| info.get(&own)) {
        Some(window) => Some(window),
        None => info.iter().find(|(name, _)| name.ends_with(".context_length")).map(|(_, window)| window),
    });
    let mut model = DiscoveredModel { context: window.and_then(tokens), ..DiscoveredModel::default() };
    let Some(capabilities) = shown.get("capabilities").and_then(Value::as_array) else { return Ok(model) };
    let can = |word: &str| capabilities.iter().any(|capability| capability.as_str() == Some(word));
    if can("completion") {
        model.operations.extend([Operation::Chat, Operation::Completions]);
        let features = [
            (true, Feature::Structured),
            (can("tools"), Feature::Tools),
            (can("thinking"), Feature::Reasoning),
        ];
        model.supports =
            Some(features.into_iter().filter(|(has, _)| *has).map(|(_, feature)| feature).collect());
    }
    model.operations.extend(can("embedding").then_some(Operation::Embeddings));
    let inputs = [(true, Modality::Text), (can("vision"), Modality::Image), (can("audio"), Modality::Audio)];
    model.input = inputs.into_iter().filter(|(reads, _)| *reads).map(|(_, modality)| modality).collect();
    Ok(model)
}

impl ModelList<DiscoveredModel> {
    /// Its models, each with its id; without the tag `:latest`, which is meant when none is said.
    pub fn into_models(self) -> Vec<DiscoveredModel> {
        let named = |(id, model): (String, DiscoveredModel)| DiscoveredModel {
            alias: id.strip_suffix(":latest").filter(|name| !name.is_empty()).map(str::to_owned),
            id,
            ..model
        };
        self.models.into_iter().map(named).collect()
    }
}

fn json(body: &[u8]) -> Result<Value, DiscoveryError> {
    serde_json::from_slice(body).map_err(|_| DiscoveryError::NotJson)
}

/// Reads the array under `name`, whose entries have their id under one of `ids`.
fn list<M>(
    body: &[u8],
    name: &'static str,
    ids: &[&str],
    read: impl Fn(&Value) -> M,
) -> Result<ModelList<M>, DiscoveryError> {
    let answer = json(body)?;
    let entries = answer.get(name).and_then(Value::as_array).ok_or(DiscoveryError::Lacks(name))?;
    let mut list = ModelList { models: BTreeMap::new(), left_out: 0 };
    for entry in entries {
        let id = ids.iter().find_map(|name| text(entry, name)).filter(|id| is_id(id));
        match id {
            Some(id) if list.models.contains_key(id) => {}
            Some(id) if list.models.len() < DISCOVERED_MOST => {
                list.models.insert(id.to_owned(), read(entry));
            }
            _ => list.left_out += 1,
        }
    }
    Ok(list)
}

fn text<'v>(entry: &'v Value, name: &str) -> Option<&'v str> {
    entry.get(name).and_then(Value::as_str)
}

fn is_id(id: &str) -> bool {
    (1..=ID_BYTES_MOST).contains(&id.len()) && !id.contains(char::is_control)
}

/// A whole number of tokens that can be a window.
fn tokens(value: &Value) -> Option<u64> {
    value.as_u64().filter(|tokens| (1..=CONTEXT_MOST).contains(tokens))
}

#[cfg(test)]
mod tests;
