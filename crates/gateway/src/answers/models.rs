//! The list of models, in the shape that the asking client knows.

use http::request;
use serde_json::{Value, json};
use yumen_config::{Listed, Snapshot, TargetKind, VirtualKey, may_use};

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
        let target = snapshot.target(id).filter(|target| may_use(&key.models, id, target));
        let target = target.ok_or_else(|| stages::unknown_model(snapshot, &key.models, id))?;
        return Ok(json_answer(&model(Listed { name: id, target: &target }, shape)));
    }
    let listed = snapshot.listed(&key.models);
    let data: Vec<Value> = listed.iter().map(|listed| model(*listed, shape)).collect();
    let name = |listed: Option<&Listed<'_>>| listed.map(|listed| listed.name.to_owned());
    Ok(json_answer(&match shape {
        Shape::OpenAi => json!({ "object": "list", "data": data }),
        Shape::Anthropic => {
            json!({ "data": data, "has_more": false, "first_id": name(listed.first()), "last_id": name(listed.last()) })
        }
        Shape::Google => json!({ "models": data }),
    }))
}

/// A model whose day nobody tells was made at the beginning of time: the shapes know no null there.
fn model(listed: Listed<'_>, shape: Shape) -> Value {
    let Listed { name, target } = listed;
    let first = target.deployments.items().first();
    let created = listed.released().map_or(0, |day| day.unix_seconds());
    match shape {
        Shape::Anthropic => {
            let created = jiff::Timestamp::from_second(created).unwrap_or_default().to_string();
            json!({ "type": "model", "id": name, "display_name": listed.title(), "created_at": created })
        }
        Shape::Google => {
            let facts = first.map(|deployment| &deployment.model);
            json!({
                "name": format!("models/{name}"), "displayName": listed.title(), "version": "1",
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
            json!({ "id": name, "object": "model", "created": created, "owned_by": owner })
        }
    }
}
