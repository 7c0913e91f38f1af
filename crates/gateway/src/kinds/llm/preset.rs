//! Presets put on requests: what the request does not say itself is set in its body, in its own dialect.
//!
//! In: a call and a preset. Out: the call with single members spliced, all other bytes as they were. What a dialect has no
//! words for is refused by name, never left out silently.

use std::sync::Arc;

use bytes::Bytes;
use memchr::memchr;
use serde_json::{Value, json};
use smallvec::SmallVec;
use yumen_config::{Effort, Preset, Snapshot};
use yumen_llm::dialects::Dialect;
use yumen_llm::json::{Edit, Kind, scan_object, splice};

use super::call::Call;
use super::resolve::{Variant, split_variant};
use crate::rejection::{Code, Rejection};

/// With it a model's name stands for a preset.
const MARK: &str = "@preset/";
/// The member of a request that names one.
pub const MEMBER: &str = "preset";

type Name = (String, Option<Variant>);

/// What stands before and behind the mark; most names have not even its first character.
fn marked(model: &str) -> Option<(&str, &str)> {
    memchr(b'@', model.as_bytes())?;
    model.split_once(MARK)
}

/// The preset that a request asks for, by the model's name or by a member; the call then names plain models.
pub fn asked(snapshot: &Snapshot, mut call: Box<Call>) -> Result<Box<Call>, Rejection> {
    let (model, name) = match marked(&call.model) {
        Some((model, name)) => (model.to_owned(), name.to_owned()),
        None => match call.object.string(&call.body, MEMBER).value() {
            Some(name) => (call.model.clone(), name.into_owned()),
            None => return Ok(call),
        },
    };
    let preset = found(snapshot, &name)?;
    if model.is_empty() {
        if snapshot.serves_none_of(&preset) {
            let message =
                format!("The preset `{}` asks for models of which nothing serves any now.", preset.label);
            return Err(Rejection::new(Code::ModelNotFound, message).param("model"));
        }
        let Some((first, others)) = models(snapshot, &preset) else {
            let message = format!("The preset `{name}` names no model; write `MODEL@preset/{name}`.");
            return Err(Rejection::new(Code::InvalidRequest, message).param("model"));
        };
        call.addressed_preset = true;
        (call.model, call.variant) = first;
        let own = std::mem::take(&mut call.fallbacks);
        call.fallbacks = others.into_iter().chain(own).collect();
    } else {
        let (base, variant) = split_variant(snapshot, &model);
        (call.model, call.variant) = (base.to_owned(), variant.or(call.variant));
    }
    put_on(snapshot, call, &preset)
}

fn found(snapshot: &Snapshot, name: &str) -> Result<Arc<Preset>, Rejection> {
    snapshot.preset(name).map_err(|none| Rejection::new(Code::ModelNotFound, none.to_string()).param(MEMBER))
}

/// The models of a preset: the first, and those to be tried after it.
pub fn models(snapshot: &Snapshot, preset: &Preset) -> Option<(Name, Vec<Name>)> {
    let mut names = preset.models.iter().map(|name| {
        let (base, variant) = split_variant(snapshot, name);
        (base.to_owned(), variant)
    });
    let first = names.next()?;
    Some((first, names.collect()))
}

/// The call with what a preset says and it does not.
pub fn put_on(
    snapshot: &Snapshot,
    mut call: Box<Call>,
    preset: &Arc<Preset>,
) -> Result<Box<Call>, Rejection> {
    let mut edits = edits(&call, preset)?;
    if call.object.get(&call.body, MEMBER).is_some() {
        edits.push(Edit::Remove { name: MEMBER });
    }
    if !edits.is_empty() {
        spliced(snapshot, &mut call, &edits)?;
    }
    call.preset = Some(Arc::clone(preset));
    Ok(call)
}

/// The call with the wish to think that stands behind its model's name, unless it says itself how much.
pub fn thinks(snapshot: &Snapshot, mut call: Box<Call>) -> Result<Box<Call>, Rejection> {
    if call.variant != Some(Variant::Thinking) {
        return Ok(call);
    }
    let is_said =
        |name: &str| call.object.get(&call.body, name).is_some_and(|field| field.kind != Kind::Null);
    let unsayable = |why: &str| {
        let message = format!("`:thinking` behind the model's name: {why}.");
        Err(Rejection::new(Code::InvalidRequest, message).param("model"))
    };
    let most = call.object.u64(&call.body, "max_tokens").value();
    let (name, value) = match (call.dialect, thinking(&call, Effort::Medium, is_said)) {
        (_, Thinking::Said) => return Ok(call),
        (_, Thinking::Set(name, _)) if is_said(name) => return Ok(call),
        (_, Thinking::Set(name, value)) => (name, value),
        (Dialect::AnthropicMessages, Thinking::Unsayable) => match most {
            // Half of what it may say; a budget has at least 1,024 tokens and is smaller than the whole.
            Some(most) if most > 1024 => {
                ("thinking", json!({ "type": "enabled", "budget_tokens": (most / 2).max(1024) }))
            }
            _ => return unsayable("`max_tokens` must be more than 1024"),
        },
        (Dialect::OllamaChat, Thinking::Unsayable) if is_said("think") => return Ok(call),
        (Dialect::OllamaChat, Thinking::Unsayable) => ("think", json!(true)),
        (_, Thinking::Unsayable) => return unsayable("this API has no words for it here"),
    };
    let edits = [Edit::Set { name, value: Bytes::from(value.to_string()) }];
    spliced(snapshot, &mut call, &edits)?;
    Ok(call)
}

fn spliced(snapshot: &Snapshot, call: &mut Call, edits: &[Edit]) -> Result<(), Rejection> {
    let depth = snapshot.gateway.max_json_depth.saturating_add(2);
    call.body = splice(&call.body, &call.object, edits).concat().into();
    call.object = scan_object(&call.body, depth).map_err(|error| {
        Rejection::new(Code::Internal, "The request could not be put together anew.").cause(error)
    })?;
    Ok(())
}

/// What one dialect calls what presets set.
struct Words {
    max_tokens: &'static str,
    /// Under which of these a request says it itself.
    max_tokens_said: &'static [&'static str],
    stop: Option<&'static str>,
    top_k: bool,
    penalties_and_seed: bool,
}

const CHAT: Words = Words {
    max_tokens: "max_completion_tokens",
    max_tokens_said: &["max_tokens", "max_completion_tokens"],
    stop: Some("stop"),
    top_k: false,
    penalties_and_seed: true,
};
const RESPONSES: Words = Words {
    max_tokens: "max_output_tokens",
    max_tokens_said: &["max_output_tokens"],
    stop: None,
    top_k: false,
    penalties_and_seed: false,
};
const MESSAGES: Words = Words {
    max_tokens: "max_tokens",
    max_tokens_said: &["max_tokens"],
    stop: Some("stop_sequences"),
    top_k: true,
    penalties_and_seed: false,
};

/// The words of a call's dialect; none where presets are not put into bodies.
fn words(call: &Call) -> Option<Words> {
    match call.dialect {
        _ if call.form.is_some() => None,
        Dialect::OpenAiChat => Some(CHAT),
        Dialect::OpenAiResponses => Some(RESPONSES),
        Dialect::AnthropicMessages => Some(MESSAGES),
        _ => None,
    }
}

type Edits = SmallVec<[Edit; 8]>;

fn edits(call: &Call, preset: &Preset) -> Result<Edits, Rejection> {
    let mut edits = Edits::new();
    if !preset.changes_the_body() {
        return Ok(edits);
    }
    let unsayable = |what: &str| {
        let message =
            format!("The preset `{}` sets {what}, for which this API has no words here.", preset.name);
        Err(Rejection::new(Code::InvalidRequest, message).param(MEMBER))
    };
    let Some(words) = words(call) else { return unsayable("a system prompt or parameters") };
    let parameters = &preset.parameters;
    let is_said =
        |name: &str| call.object.get(&call.body, name).is_some_and(|field| field.kind != Kind::Null);
    let mut set = |name: &'static str, value: Value| {
        if !is_said(name) {
            edits.push(Edit::Set { name, value: Bytes::from(value.to_string()) });
        }
    };
    if let Some(number) = parameters.temperature {
        set("temperature", json!(number));
    }
    if let Some(number) = parameters.top_p {
        set("top_p", json!(number));
    }
    match parameters.top_k {
        Some(number) if words.top_k => set("top_k", json!(number)),
        Some(_) if !is_said("top_k") => return unsayable("`top_k`"),
        _ => {}
    }
    if let Some(most) =
        parameters.max_tokens.filter(|_| !words.max_tokens_said.iter().any(|name| is_said(name)))
    {
        set(words.max_tokens, json!(most));
    }
    let only_chat = [
        ("seed", parameters.seed.map(|number| json!(number))),
        ("frequency_penalty", parameters.frequency_penalty.map(|number| json!(number))),
        ("presence_penalty", parameters.presence_penalty.map(|number| json!(number))),
    ];
    for (name, value) in only_chat {
        match value {
            Some(value) if words.penalties_and_seed => set(name, value),
            Some(_) if !is_said(name) => return unsayable(&format!("`{name}`")),
            _ => {}
        }
    }
    match words.stop {
        Some(name) if !parameters.stop.is_empty() => set(name, json!(parameters.stop)),
        None if !parameters.stop.is_empty() => return unsayable("`stop`"),
        _ => {}
    }
    if let Some(effort) = parameters.reasoning_effort {
        match thinking(call, effort, is_said) {
            Thinking::Said => {}
            Thinking::Set(name, value) => set(name, value),
            Thinking::Unsayable => return unsayable("`reasoning_effort`"),
        }
    }
    if let Some(system) = &preset.system {
        match instructed(call, system) {
            Some(edit) => edits.push(edit),
            None => return unsayable("a system prompt"),
        }
    }
    Ok(edits)
}

/// What becomes of the wish for how much to think.
enum Thinking {
    Said,
    Set(&'static str, Value),
    Unsayable,
}

fn thinking(call: &Call, effort: Effort, is_said: impl Fn(&str) -> bool) -> Thinking {
    match call.dialect {
        Dialect::OpenAiChat if is_said("reasoning") => Thinking::Said,
        Dialect::OpenAiChat => Thinking::Set("reasoning_effort", json!(effort)),
        Dialect::OpenAiResponses => Thinking::Set("reasoning", json!({ "effort": effort })),
        _ if is_said("thinking") || is_said("output_config") => Thinking::Said,
        _ => Thinking::Unsayable,
    }
}

/// The edit that puts a system prompt before the request's own.
fn instructed(call: &Call, system: &str) -> Option<Edit> {
    let quoted = Value::from(system).to_string();
    let member = |name: &str| call.object.get(&call.body, name).filter(|field| field.kind != Kind::Null);
    let before = |name: &str, first: String| {
        let field = member(name)?;
        let value = field.value(&call.body);
        match field.kind {
            Kind::Array => {
                let rest = value.strip_prefix(b"[")?;
                let comma = if rest.trim_ascii_start() == b"]" { "" } else { "," };
                Some(Bytes::from([b"[", first.as_bytes(), comma.as_bytes(), rest].concat()))
            }
            _ => {
                let own: String = serde_json::from_slice(value).ok()?;
                Some(Bytes::from(Value::from(format!("{system}\n\n{own}")).to_string()))
            }
        }
    };
    match call.dialect {
        Dialect::OpenAiChat => {
            let first = format!(r#"{{"role":"system","content":{quoted}}}"#);
            Some(Edit::Set { name: "messages", value: before("messages", first)? })
        }
        Dialect::OpenAiResponses => {
            let value = match member("instructions") {
                Some(_) => before("instructions", String::new())?,
                None => Bytes::from(quoted),
            };
            Some(Edit::Set { name: "instructions", value })
        }
        _ => {
            let value = match member("system") {
                Some(_) => before("system", format!(r#"{{"type":"text","text":{quoted}}}"#))?,
                None => Bytes::from(quoted),
            };
            Some(Edit::Set { name: "system", value })
        }
    }
}
