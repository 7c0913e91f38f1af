//! How the gateway looks by itself whether a provider's deployments are well.

use std::collections::BTreeMap;
use std::time::Duration;

use yumen_llm::dialects::Dialect;

use crate::diagnostic::Diagnostics;
use crate::endpoint::{Endpoint, RequestPath, Scheme};
use crate::place::Place;
use crate::provider::{ModelSource, Probe, ProbeQuestion};
use crate::spec::{ProbeHow, ProbeSpec, ProbeWhen};

/// Where servers have the list of their models, beside the path of a dialect.
const LISTS: [(Dialect, &str, &str); 6] = [
    (Dialect::OpenAiChat, "/chat/completions", "/models"),
    (Dialect::OpenAiResponses, "/responses", "/models"),
    (Dialect::AnthropicMessages, "/messages", "/models"),
    (Dialect::Gemini, "/models/", "/models"),
    (Dialect::OllamaChat, "/chat", "/tags"),
    (Dialect::OpenAiEmbeddings, "/embeddings", "/models"),
];

/// How it looks; `None` when it does not. One that is answered inside the gateway is never asked.
pub(super) fn check(
    spec: Option<&ProbeSpec>,
    source: Option<&ModelSource>,
    endpoints: &BTreeMap<Dialect, Endpoint>,
    place: &Place<'_>,
    found: &mut Diagnostics,
) -> Option<Probe> {
    let spec = spec?;
    if endpoints.values().any(|endpoint| endpoint.scheme == Scheme::Builtin) {
        return None;
    }
    let question = match spec.how {
        ProbeHow::Off => return None,
        ProbeHow::Call => ProbeQuestion::Call,
        ProbeHow::Models => {
            let list = source.map(|source| source.list.clone()).or_else(|| list(endpoints));
            let Some(list) = list else {
                let here = place.field("probe").field("how");
                let message =
                    format!("{}: it is not known where this provider has a list of models", here.path);
                here.error(found, message, Some("write `how: call`".to_owned()));
                return None;
            };
            ProbeQuestion::Models(Box::new(list))
        }
    };
    let every = Duration::from_millis(spec.every_ms);
    Some(Probe { question, always: spec.when == ProbeWhen::Always, every })
}

/// The list beside the first dialect of which it is known where that stands.
fn list(endpoints: &BTreeMap<Dialect, Endpoint>) -> Option<Endpoint> {
    LISTS.iter().find_map(|(dialect, path, list)| {
        let endpoint = endpoints.get(dialect)?;
        let (before, query) = match &endpoint.path {
            RequestPath::Fixed(path) => (path.path(), path.query()),
            RequestPath::OfModel { before, .. } => (&**before, None),
        };
        let query = query.map(|query| format!("?{query}")).unwrap_or_default();
        let path = format!("{}{list}{query}", before.strip_suffix(path)?).try_into().ok()?;
        Some(Endpoint { path: RequestPath::Fixed(path), ..endpoint.clone() })
    })
}
