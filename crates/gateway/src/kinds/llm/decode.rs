//! decode: body → Call. Reads the body once and keeps its bytes; never edits them.

use std::borrow::Cow;
use std::time::Instant;

use bytes::Bytes;
use http::request;
use hyper::body::Incoming;
use yumen_config::{GatewaySettings, Snapshot};
use yumen_llm::dialects::{Dialect, ErrorShape, Outline, codec, holds_sealed};
use yumen_llm::json::{Kind, Object, Read, ScanReason, scan_object};

use super::call::Call;
use crate::exchange::Exchange;
use crate::rejection::{Code, Rejection};
use crate::route::{LlmRoute, Task};
use crate::upload;

/// Members that the gateway acts on: one that is repeated, differs only by case or is spelt with escapes could be
/// read differently by an upstream, and would be a way around a permission.
const ACTED_ON: &[&str] = &[
    "model",
    "models",
    "stream",
    "stream_options",
    "max_tokens",
    "max_completion_tokens",
    "messages",
    "provider",
    "providerOptions",
    "route",
    "preset",
    "fallbacks",
];

/// Members that would let an upstream choose another model than the one that was permitted here.
const REFUSED: &[&str] = &["route", "preset", "fallbacks"];

/// With it a client asks how its request was routed.
const TRACE_HEADER: &str = "x-openrouter-metadata";

/// Models that a client may name in `models`.
const FALLBACKS_MOST: usize = 8;
/// The longest model name, in bytes.
const NAME_BYTES_MOST: usize = 256;

/// Reads the request. What it does not read of the body is left to the caller.
pub async fn decode(
    exchange: &mut Exchange,
    snapshot: &Snapshot,
    route: LlmRoute,
    head: &request::Parts,
    body: &mut Incoming,
) -> Result<Call, Rejection> {
    let settings = &snapshot.gateway;
    let asked = Instant::now();
    let uploaded = upload::collect(settings, head, body).await;
    // The client's upload is no work of ours.
    exchange.waited += asked.elapsed();
    let body = uploaded?.expand(settings.max_body_bytes)?;
    let mut call = read(settings, route, body)?;
    let asked = head.headers.get(TRACE_HEADER).and_then(|value| value.to_str().ok());
    call.wants_trace = asked.is_some_and(|value| value.eq_ignore_ascii_case("enabled"));
    if codec(call.dialect).outline().errors == ErrorShape::Ollama {
        call.model = tagged(snapshot, call.model);
    }
    Ok(call)
}

/// Reads the facts of a whole body.
pub fn read(settings: &GatewaySettings, route: LlmRoute, body: Bytes) -> Result<Call, Rejection> {
    let object = scan_object(&body, settings.max_json_depth).map_err(|error| {
        let code = if error.reason == ScanReason::TooDeep { Code::JsonTooDeep } else { Code::InvalidJson };
        Rejection::new(code, format!("The body cannot be read: {} (byte {}).", error.reason, error.position))
    })?;
    if let Some((name, position)) = object.ambiguous(&body, ACTED_ON) {
        let message = format!(
            "The field at byte {position} could be read as a second `{name}`: it is repeated, spelt with escapes or \
             equals it but for case. Send `{name}` once, spelt plainly."
        );
        return Err(Rejection::new(Code::AmbiguousField, message).param(name));
    }
    if let Some(name) =
        REFUSED.iter().find(|name| object.get(&body, name).is_some_and(|field| field.kind != Kind::Null))
    {
        let message = format!(
            "`{name}` chooses models at the provider, past this gateway; use a model alias or `models`."
        );
        return Err(Rejection::new(Code::InvalidRequest, message).param(*name));
    }
    // Google's clients may have tokens counted of a whole request inside the body.
    if !(route.task == Task::CountTokens && object.get(&body, "generateContentRequest").is_some()) {
        expect_shapes(route.dialect, &object, &body)?;
    }
    let LlmRoute { dialect, task, skin, in_path } = route;
    let json_array = in_path.as_ref().is_some_and(|said| said.json_array);
    let ai_sdk_version = in_path.as_ref().map_or(0, |said| said.ai_sdk_version);
    let (model, stream) = match in_path {
        Some(said) => (named(Some(Cow::Owned(said.model)))?, said.stream),
        None => {
            let stream = expect("stream", "true or false", object.bool(&body, "stream"))?;
            let model = expect("model", "a string", object.string(&body, "model"))?;
            (named(model)?, stream.unwrap_or(codec(dialect).outline().streams_by_default))
        }
    };
    Ok(Call {
        dialect,
        task,
        skin,
        holds_sealed: codec(dialect).outline().seals && holds_sealed(&body),
        model,
        fallbacks: fallbacks(&object, &body)?,
        stream: stream && task == Task::Generate,
        json_array,
        ai_sdk_version,
        include_usage: includes_usage(&object, &body)?,
        require_parameters: requires_parameters(&object, &body)?,
        wants_trace: false,
        body,
        object,
    })
}

/// The tag that Ollama's clients add to a model's name, or leave out, as they like.
const TAG: &str = ":latest";

/// The model that an Ollama client means: as it says, else with or without the usual tag.
pub fn tagged(snapshot: &Snapshot, model: String) -> String {
    if snapshot.models.contains_key(&*model) {
        return model;
    }
    let other = model.strip_suffix(TAG).map_or_else(|| format!("{model}{TAG}"), str::to_owned);
    if snapshot.models.contains_key(&*other) { other } else { model }
}

fn wrong(name: &'static str, expected: &str) -> Rejection {
    Rejection::new(Code::InvalidRequest, format!("`{name}` must be {expected}.")).param(name)
}

/// The value, if there is one; a wrong type is the client's mistake.
fn expect<T>(name: &'static str, expected: &str, read: Read<T>) -> Result<Option<T>, Rejection> {
    match read {
        Read::Is(value) => Ok(Some(value)),
        Read::Missing | Read::Null => Ok(None),
        Read::Wrong(_) => Err(wrong(name, expected)),
    }
}

/// The fields whose type an upstream would only complain about in words of its own.
fn expect_shapes(dialect: Dialect, object: &Object, body: &[u8]) -> Result<(), Rejection> {
    for name in ["max_tokens", "max_completion_tokens"] {
        expect(name, "a whole number that is not negative", object.u64(body, name))?;
    }
    let Outline { content, content_or, content_kinds, content_wanted, .. } = codec(dialect).outline();
    let given = object.get(body, content).or_else(|| content_or.and_then(|other| object.get(body, other)));
    match given {
        None => Err(Rejection::new(Code::InvalidRequest, format!("`{content}` is missing.")).param(*content)),
        Some(field) if content_kinds.contains(&field.kind) => Ok(()),
        Some(_) => Err(wrong(content, content_wanted)),
    }
}

fn named(model: Option<Cow<'_, str>>) -> Result<String, Rejection> {
    let Some(model) = model.filter(|model| !model.is_empty()) else {
        return Err(Rejection::new(Code::InvalidRequest, "`model` is missing.").param("model"));
    };
    if model.len() > NAME_BYTES_MOST {
        return Err(wrong("model", "at most 256 bytes long"));
    }
    Ok(model.into_owned())
}

fn fallbacks(object: &Object, body: &[u8]) -> Result<Vec<String>, Rejection> {
    let expected = "a list of at most 8 model names";
    let (name, names) = match object.get(body, "models").filter(|field| field.kind != Kind::Null) {
        Some(field) => {
            let names: Option<Vec<String>> = serde_json::from_slice(field.value(body)).ok();
            ("models", names)
        }
        None => ("providerOptions.gateway.models", vercels_fallbacks(object, body)),
    };
    let names = names.ok_or_else(|| wrong(name, expected))?;
    if names.len() > FALLBACKS_MOST || names.iter().any(|name| name.len() > NAME_BYTES_MOST) {
        return Err(wrong(name, expected));
    }
    Ok(names)
}

/// `providerOptions.gateway.models`, Vercel's way to name further models; none where it cannot be read.
/// <https://vercel.com/docs/ai-gateway/models-and-providers/model-fallbacks>
fn vercels_fallbacks(object: &Object, body: &[u8]) -> Option<Vec<String>> {
    #[derive(serde::Deserialize, Default)]
    struct Options {
        #[serde(default)]
        gateway: Option<Gateway>,
    }
    #[derive(serde::Deserialize)]
    struct Gateway {
        #[serde(default)]
        models: Option<Vec<String>>,
    }
    let Some(field) = object.get(body, "providerOptions").filter(|field| field.kind != Kind::Null) else {
        return Some(Vec::new());
    };
    let options: Options = serde_json::from_slice(field.value(body)).ok()?;
    Some(options.gateway.and_then(|gateway| gateway.models).unwrap_or_default())
}

fn includes_usage(object: &Object, body: &[u8]) -> Result<bool, Rejection> {
    let options = expect("stream_options", "an object", object.object(body, "stream_options"))?;
    let Some(options) = options else { return Ok(false) };
    let asked = options.bool(body, "include_usage");
    Ok(expect("stream_options.include_usage", "true or false", asked)?.unwrap_or(false))
}

/// `provider.require_parameters`, OpenRouter's way to say that nothing of the request may be lost.
fn requires_parameters(object: &Object, body: &[u8]) -> Result<bool, Rejection> {
    let provider = expect("provider", "an object", object.object(body, "provider"))?;
    let Some(provider) = provider else { return Ok(false) };
    let asked = provider.bool(body, "require_parameters");
    Ok(expect("provider.require_parameters", "true or false", asked)?.unwrap_or(false))
}
