//! `generationConfig`: sampling, limits, the form of the answer, and how much to think.

use super::super::schema::{from_google, to_google};
use super::asides::{self, keep};
use super::thinking::{Written, read_thinking};
use crate::dialects::read::{At, Object, string, strings};
use crate::dialects::{DecodeError, Losses, write};
use crate::ir::{Chat, Json, ResponseFormat, Sampling};

/// Where the object stands.
const PATH: &str = "generationConfig";

/// How many stop texts the API takes.
const STOPS_MOST: usize = 5;

/// Reads the object into `chat`.
pub(super) fn read_config(
    body: &mut Object<'_, '_>,
    chat: &mut Chat,
    asides: &mut Vec<(String, Json)>,
) -> Result<(), DecodeError> {
    let Some(raw) = body.take("generationConfig") else { return Ok(()) };
    let at = body.at.key("generationConfig");
    let mut config = Object::read(raw, at)?.in_camel_case();
    let stop = config.take("stopSequences").map(|raw| strings(raw, &at.key("stopSequences"))).transpose()?;
    chat.sampling = Sampling {
        temperature: config.number("temperature")?,
        top_p: config.number("topP")?,
        top_k: config.unsigned("topK")?,
        frequency_penalty: config.number("frequencyPenalty")?,
        presence_penalty: config.number("presencePenalty")?,
        seed: config.integer("seed")?,
        stop: stop.unwrap_or_default(),
        logit_bias: None,
        logprobs: config.boolean("responseLogprobs")?,
        top_logprobs: config.unsigned("logprobs")?,
        n: config.unsigned("candidateCount")?,
    };
    chat.max_tokens = config.unsigned("maxOutputTokens")?;
    chat.reasoning = read_thinking(&mut config, asides)?;
    chat.response_format = read_format(&mut config, &at, asides)?;
    keep(asides, PATH, config.rest());
    Ok(())
}

fn read_format(
    config: &mut Object<'_, '_>,
    at: &At<'_>,
    asides: &mut Vec<(String, Json)>,
) -> Result<Option<ResponseFormat>, DecodeError> {
    let subset = config.json_object("responseSchema")?;
    let schema = config.json_object("responseJsonSchema")?.or(config.json_object("_responseJsonSchema")?);
    let schema = schema.or_else(|| subset.as_ref().map(from_google));
    let word = config.take("responseMimeType");
    let mime_type = word.map(|raw| string(raw, &at.key("responseMimeType"))).transpose()?;
    match (mime_type.as_deref(), schema) {
        (Some("application/json") | None, Some(schema)) => {
            Ok(Some(ResponseFormat::JsonSchema { name: None, description: None, schema, strict: None }))
        }
        (Some("application/json"), None) => Ok(Some(ResponseFormat::JsonObject)),
        (Some("text/plain"), None) => Ok(Some(ResponseFormat::Text)),
        // Choosing one of several words is a form that others do not know.
        (_, schema) => {
            let word = word.map(|raw| ("responseMimeType".to_owned(), Json::copied(raw)));
            let schema = schema.map(|schema| ("responseJsonSchema".to_owned(), schema));
            keep(asides, PATH, word.into_iter().chain(schema).collect());
            Ok(None)
        }
    }
}

/// Writes the object, when there is anything to say. `format` is the form of the answer that can be asked for.
pub(super) fn write_config(
    chat: &Chat,
    format: Option<&ResponseFormat>,
    thinking: &Written,
    out: &mut write::Object<'_>,
    losses: &mut Losses,
) {
    let mut config = Vec::new();
    write::object(&mut config, |config| {
        write_sampling(&chat.sampling, config, losses);
        config.maybe_number("maxOutputTokens", chat.max_tokens);
        write_format(format, config, losses);
        thinking.write(config);
        asides::of(chat, PATH).for_each(|(name, value)| config.json(name, value));
    });
    if config != b"{}" {
        out.with("generationConfig", |out| out.append(&mut config));
    }
}

fn write_sampling(sampling: &Sampling, out: &mut write::Object<'_>, losses: &mut Losses) {
    out.maybe_number("temperature", sampling.temperature);
    out.maybe_number("topP", sampling.top_p);
    out.maybe_number("topK", sampling.top_k);
    out.maybe_number("candidateCount", sampling.n);
    // Seeds have 32 bits here.
    let seed = sampling.seed.and_then(|seed| i32::try_from(seed).ok());
    losses.note_if(seed.is_none() && sampling.seed.is_some(), "seed");
    out.maybe_number("seed", seed);
    out.maybe_number("presencePenalty", sampling.presence_penalty);
    out.maybe_number("frequencyPenalty", sampling.frequency_penalty);
    out.maybe_boolean("responseLogprobs", sampling.logprobs);
    out.maybe_number("logprobs", sampling.top_logprobs);
    let stop: Vec<&str> = sampling.stop.iter().map(String::as_str).filter(|text| !text.is_empty()).collect();
    losses.note_if(stop.len() > STOPS_MOST, "stop");
    if !stop.is_empty() {
        out.texts("stopSequences", stop.into_iter().take(STOPS_MOST));
    }
    losses.note_if(sampling.logit_bias.is_some(), "logit_bias");
}

fn write_format(format: Option<&ResponseFormat>, out: &mut write::Object<'_>, losses: &mut Losses) {
    match format {
        None => {}
        Some(ResponseFormat::Text) => out.text("responseMimeType", "text/plain"),
        Some(ResponseFormat::JsonObject) => out.text("responseMimeType", "application/json"),
        Some(ResponseFormat::JsonSchema { description, schema, strict, .. }) => {
            // The schema's name is a label without effect; the schema is always enforced here.
            losses.note_if(description.is_some(), "response_format.description");
            losses.note_if(*strict == Some(false), "response_format.strict");
            out.text("responseMimeType", "application/json");
            out.raw("responseJsonSchema", &to_google(schema, "response_format.schema", losses));
        }
    }
}
