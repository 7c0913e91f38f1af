//! decode: body → Call. Reads the body once and keeps its bytes; never edits them.

use std::borrow::Cow;
use std::time::Instant;

use bytes::Bytes;
use http::{HeaderMap, request};
use hyper::body::Incoming;
use smallvec::SmallVec;
use yumen_config::{GatewaySettings, Snapshot};
use yumen_llm::dialects::{Dialect, ErrorShape, Operation, Outline, codec, holds_sealed, read_plugins};
use yumen_llm::ir::WebSearch;
use yumen_llm::json::{Kind, Object, Read, ScanReason, scan_object};
use yumen_llm::usage::Units;

use super::call::Call;
use super::explain::{DRY_RUN_HEADER, asks};
use super::heal::wish;
use super::memory::Memory;
use super::preset;
use super::resolve::{Variant, split_variant};
use super::wishes::wishes;
use super::{form, realtime};
use crate::exchange::Exchange;
use crate::rejection::{Code, Rejection};
use crate::route::{LlmRoute, Skin, Task};
use crate::upload;

/// Members that the gateway acts on: one that is repeated, differs only by case or is spelt with escapes could be
/// read differently by an upstream, and would be a way around a permission.
pub(super) const ACTED_ON: &[&str] = &[
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
    "plugins",
    "fallbacks",
    "heal_json",
];

/// Members that would let an upstream choose another model than the one that was permitted here.
pub(super) const REFUSED: &[&str] = &["route", "fallbacks"];

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
) -> Result<Box<Call>, Rejection> {
    let settings = &snapshot.gateway;
    if route.task == Task::Converse {
        return understood(snapshot, realtime::open(exchange, route, head)?, &head.headers);
    }
    let asked = Instant::now();
    let uploaded = upload::collect(settings, head, body).await;
    // The client's upload is no work of ours.
    exchange.waited += asked.elapsed();
    let body = uploaded?.expand(settings.max_body_bytes)?;
    let named = route.dialect;
    let passing = codec(named).passing();
    let boundary = passing.map(|passing| form::boundary_of(passing, &head.headers)).transpose()?.flatten();
    let call = match (passing, boundary) {
        (Some(passing), Some(boundary)) => form::read(passing, route, &boundary, body)?,
        _ => read(settings, route, body)?,
    };
    if call.dialect != named {
        let Call { dialect, task, skin, .. } = *call;
        exchange.routed(&LlmRoute { dialect, task, skin, in_path: None });
    }
    understood(snapshot, call, &head.headers)
}

/// The call with what the settings and its headers make of it.
pub fn understood(
    snapshot: &Snapshot,
    mut call: Box<Call>,
    headers: &HeaderMap,
) -> Result<Box<Call>, Rejection> {
    let asked = headers.get(TRACE_HEADER).and_then(|value| value.to_str().ok());
    call.wants_trace = asked.is_some_and(|value| value.eq_ignore_ascii_case("enabled"));
    if codec(call.dialect).outline().errors == ErrorShape::Ollama {
        call.model = tagged(snapshot, call.model);
    }
    (call.model, call.variant) = unvaried(snapshot, call.model);
    for (name, variant) in &mut call.fallbacks {
        (*name, *variant) = unvaried(snapshot, std::mem::take(name));
    }
    if asks(headers, DRY_RUN_HEADER) {
        (call.task, call.stream) = (Task::Explain, false);
    }
    preset::thinks(snapshot, preset::asked(snapshot, call)?)
}

/// Reads the facts of a whole body.
pub fn read(settings: &GatewaySettings, route: LlmRoute, body: Bytes) -> Result<Box<Call>, Rejection> {
    let object = scan_object(&body, settings.max_json_depth).map_err(|error| {
        let code = if error.reason == ScanReason::TooDeep { Code::JsonTooDeep } else { Code::InvalidJson };
        Rejection::new(code, format!("The body cannot be read: {} (byte {}).", error.reason, error.position))
    })?;
    let route = LlmRoute { dialect: codec(route.dialect).dialect_of(&object, &body), ..route };
    let spoken = codec(route.dialect).spoken();
    let stream_format = codec(route.dialect).passing().and_then(|passing| passing.stream_format);
    let counted: SmallVec<[&str; 2]> = spoken.into_iter().chain(stream_format).collect();
    let ambiguous = object.ambiguous(&body, ACTED_ON).or_else(|| object.ambiguous(&body, &counted));
    if let Some((name, position)) = ambiguous {
        let message = format!(
            "The field at byte {position} could be read as a second `{name}`: it is repeated, spelt with escapes or \
             equals it but for case. Send `{name}` once, spelt plainly."
        );
        return Err(Rejection::new(Code::AmbiguousField, message).param(name));
    }
    if let Some(name) =
        REFUSED.iter().find(|name| object.get(&body, name).is_some_and(|field| field.kind != Kind::Null))
    {
        return Err(refused_choice(name));
    }
    // Google's clients may have tokens counted of a whole request inside the body.
    if !(route.task == Task::CountTokens && object.get(&body, "generateContentRequest").is_some()) {
        expect_shapes(route.dialect, &object, &body)?;
    }
    let LlmRoute { dialect, task, skin, in_path } = route;
    let passing = codec(dialect).passing();
    let json_array = in_path.as_ref().is_some_and(|said| said.json_array);
    let ai_sdk_version = in_path.as_ref().map_or(0, |said| said.ai_sdk_version);
    let (model, stream) = match in_path {
        Some(said) => (named(Some(Cow::Owned(said.model)))?, said.stream),
        None => {
            let model = expect("model", "a string", object.string(&body, "model"))?;
            let usual = passing.and_then(|passing| passing.default_model).map(Cow::Borrowed);
            (named(model.or(usual))?, streams(dialect, &object, &body)?)
        }
    };
    let addressed = addressed(&object, &body)?;
    expect(preset::MEMBER, "the name of a preset", object.string(&body, preset::MEMBER))?;
    let skin = if skin == Skin::Plain && addressed.is_some() { Skin::Vercel } else { skin };
    let fallbacks = fallbacks(&object, &body, addressed.as_ref())?;
    let mut call = Call::plain((dialect, task, skin), model, body);
    let body = &call.body;
    call.holds_sealed = codec(dialect).outline().seals && holds_sealed(body);
    call.fallbacks = fallbacks.into_iter().map(|name| (name, None)).collect();
    call.stream = stream && task == Task::Generate;
    call.json_array = json_array;
    call.ai_sdk_version = ai_sdk_version;
    call.include_usage = includes_usage(&object, body)?;
    call.web_search = web_search(dialect, &object, body)?;
    call.wishes = wishes(&object, body)?;
    call.wish = wish(dialect, &object, body)?;
    call.memory = Memory::read(dialect, &object, body)?;
    call.units = characters(spoken, &object, body)?;
    call.object = object;
    Ok(call)
}

/// How the web is to be searched for a conversation, where a plugin wishes that.
fn web_search(dialect: Dialect, object: &Object, body: &[u8]) -> Result<Option<Box<WebSearch>>, Rejection> {
    let is_chat = codec(dialect).outline().operation == Operation::Chat;
    let plugins = object.get(body, "plugins").filter(|field| is_chat && field.kind == Kind::Array);
    let read = plugins.map(|field| read_plugins(field.value(body))).transpose();
    let read = read.map_err(|error| Rejection::new(Code::InvalidRequest, error.message).param("plugins"))?;
    Ok(read.flatten().map(Box::new))
}

/// A model's name without the variant behind it.
fn unvaried(snapshot: &Snapshot, name: String) -> (String, Option<Variant>) {
    let (base, variant) = split_variant(snapshot, &name);
    match variant {
        None => (name, None),
        Some(_) => (base.to_owned(), variant),
    }
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

/// The refusal of a member that would choose models elsewhere.
pub(super) fn refused_choice(name: &str) -> Rejection {
    let message =
        format!("`{name}` chooses models at the provider, past this gateway; use a model alias or `models`.");
    Rejection::new(Code::InvalidRequest, message).param(name)
}

fn wrong(name: &'static str, expected: &str) -> Rejection {
    Rejection::new(Code::InvalidRequest, format!("`{name}` must be {expected}.")).param(name)
}

/// The value, if there is one; a wrong type is the client's mistake.
pub(super) fn expect<T>(name: &'static str, expected: &str, read: Read<T>) -> Result<Option<T>, Rejection> {
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
    let mut others = codec(dialect).passing().map_or(&[][..], |passing| passing.wants).iter();
    if object.get(body, content).is_none() && others.any(|other| object.get(body, other).is_some()) {
        return Ok(());
    }
    let given = object.get(body, content).or_else(|| content_or.and_then(|other| object.get(body, other)));
    match given {
        None => Err(Rejection::new(Code::InvalidRequest, format!("`{content}` is missing.")).param(*content)),
        Some(field) if content_kinds.contains(&field.kind) => Ok(()),
        Some(_) => Err(wrong(content, content_wanted)),
    }
}

/// Whether a stream is asked for, in the way of this dialect.
fn streams(dialect: Dialect, object: &Object, body: &[u8]) -> Result<bool, Rejection> {
    let codec = codec(dialect);
    if let Some(name) = codec.passing().and_then(|passing| passing.stream_format) {
        let format = expect(name, "a string", object.string(body, name))?;
        return Ok(format.is_some_and(|format| format == "sse"));
    }
    let stream = expect("stream", "true or false", object.bool(body, "stream"))?;
    Ok(stream.unwrap_or(codec.outline().streams_by_default))
}

/// The characters of a text that is to be spoken.
fn characters(spoken: Option<&'static str>, object: &Object, body: &[u8]) -> Result<Units, Rejection> {
    let Some(name) = spoken else { return Ok(Units::default()) };
    let text = expect(name, "a string", object.string(body, name))?;
    Ok(Units { characters: text.map(|text| text.chars().count() as u64), ..Units::default() })
}

pub(super) fn named(model: Option<Cow<'_, str>>) -> Result<String, Rejection> {
    let Some(model) = model.filter(|model| !model.is_empty()) else {
        return Err(Rejection::new(Code::InvalidRequest, "`model` is missing.").param("model"));
    };
    if model.len() > NAME_BYTES_MOST {
        return Err(wrong("model", "at most 256 bytes long"));
    }
    Ok(model.into_owned())
}

fn fallbacks(object: &Object, body: &[u8], addressed: Option<&Addressed>) -> Result<Vec<String>, Rejection> {
    let expected = "a list of at most 8 model names";
    let (name, names) = match object.get(body, "models").filter(|field| field.kind != Kind::Null) {
        Some(field) => {
            let names: Option<Vec<String>> = serde_json::from_slice(field.value(body)).ok();
            ("models", names)
        }
        None => {
            let named = addressed.and_then(|addressed| addressed.models.as_ref());
            ("providerOptions.gateway.models", Some(named.cloned().unwrap_or_default()))
        }
    };
    let names = names.ok_or_else(|| wrong(name, expected))?;
    if names.len() > FALLBACKS_MOST || names.iter().any(|name| name.len() > NAME_BYTES_MOST) {
        return Err(wrong(name, expected));
    }
    Ok(names)
}

/// What a request says to a gateway in Vercel's way; of all of it only further models are acted on.
/// <https://vercel.com/docs/ai-gateway/models-and-providers/model-fallbacks>
#[derive(serde::Deserialize)]
struct Addressed {
    #[serde(default)]
    models: Option<Vec<String>>,
}

/// `providerOptions.gateway`.
fn addressed(object: &Object, body: &[u8]) -> Result<Option<Addressed>, Rejection> {
    #[derive(serde::Deserialize)]
    struct Options {
        #[serde(default)]
        gateway: Option<Addressed>,
    }
    let Some(field) = object.get(body, "providerOptions").filter(|field| field.kind != Kind::Null) else {
        return Ok(None);
    };
    let options: Result<Options, _> = serde_json::from_slice(field.value(body));
    let expected = "an object in which `gateway.models` is a list of model names";
    Ok(options.map_err(|_| wrong("providerOptions", expected))?.gateway)
}

fn includes_usage(object: &Object, body: &[u8]) -> Result<bool, Rejection> {
    let options = expect("stream_options", "an object", object.object(body, "stream_options"))?;
    let Some(options) = options else { return Ok(false) };
    let asked = options.bool(body, "include_usage");
    Ok(expect("stream_options.include_usage", "true or false", asked)?.unwrap_or(false))
}
