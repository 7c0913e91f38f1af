//! The list of models, in the shape that the asking client knows.

use std::sync::Arc;

use http::request;
use serde_json::{Value, json};
use yumen_config::{ModelTarget, Snapshot, TargetKind, VirtualKey};

use super::json_answer;
use crate::kinds::llm::Answer;
use crate::rejection::Rejection;
use crate::route::{speaks_anthropic, speaks_google};
use crate::stages;

/// The shapes of the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    OpenAi,
    Anthropic,
    Google,
}

impl Shape {
    /// The shape that the client of this request reads.
    pub(super) fn of(head: &request::Parts) -> Self {
        if speaks_google(&head.headers, &head.uri) {
            Self::Google
        } else if speaks_anthropic(&head.headers) {
            Self::Anthropic
        } else {
            Self::OpenAi
        }
    }
}

/// The models that the key may use: aliases and canonical names; a provider's own name where there is no other.
pub(super) fn answer(
    snapshot: &Snapshot,
    key: &VirtualKey,
    id: Option<&str>,
    shape: Shape,
) -> Result<Answer, Rejection> {
    if let Some(id) = id {
        let target = snapshot.target(id).filter(|target| listed_for(key, target, id));
        let target = target.ok_or_else(|| stages::unknown_model(snapshot, key, id))?;
        return Ok(json_answer(&model(id, &target, shape)));
    }
    let names = listed(snapshot, key);
    let data: Vec<Value> =
        names.iter().filter_map(|name| Some(model(name, snapshot.models.get(*name)?, shape))).collect();
    Ok(json_answer(&match shape {
        Shape::OpenAi => json!({ "object": "list", "data": data }),
        Shape::Anthropic => {
            json!({ "data": data, "has_more": false, "first_id": names.first(), "last_id": names.last() })
        }
        Shape::Google => json!({ "models": data }),
    }))
}

/// The names in the list.
pub(super) fn listed<'s>(snapshot: &'s Snapshot, key: &VirtualKey) -> Vec<&'s Arc<str>> {
    let mut names: Vec<&Arc<str>> = Vec::new();
    for (name, target) in snapshot.models.iter() {
        let shown = match target.kind {
            TargetKind::Alias | TargetKind::Canonical => true,
            TargetKind::Qualified => {
                target.deployments.items().iter().all(|deployment| deployment.model.canonical_id.is_none())
            }
            TargetKind::Native => false,
        };
        if shown && key.models.allows(name) {
            names.push(name);
        }
    }
    names.sort_unstable();
    names
}

pub(super) fn listed_for(key: &VirtualKey, target: &ModelTarget, id: &str) -> bool {
    key.models.allows(id) || key.models.allows(&target.name)
}

fn model(name: &str, target: &ModelTarget, shape: Shape) -> Value {
    let first = target.deployments.items().first();
    match shape {
        Shape::Anthropic => {
            json!({ "type": "model", "id": name, "display_name": name, "created_at": "1970-01-01T00:00:00Z" })
        }
        Shape::Google => {
            let facts = first.map(|deployment| &deployment.model);
            json!({
                "name": format!("models/{name}"), "displayName": name, "version": "1",
                "inputTokenLimit": facts.and_then(|facts| facts.context),
                "outputTokenLimit": facts.and_then(|facts| facts.max_output),
                "supportedGenerationMethods": ["generateContent", "streamGenerateContent", "countTokens"],
            })
        }
        Shape::OpenAi => {
            let owner = match target.kind {
                TargetKind::Alias => "yumen",
                _ => match name.split_once('/') {
                    Some((author, _)) => author,
                    None => first.map_or("yumen", |deployment| &*deployment.provider.id),
                },
            };
            json!({ "id": name, "object": "model", "created": 0, "owned_by": owner })
        }
    }
}
