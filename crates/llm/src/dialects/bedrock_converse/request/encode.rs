//! Writes an upstream's request.

use std::collections::BTreeMap;

use super::additional::{Additional, SamplingRule};
use super::asides;
use super::tools::write_tools;
use super::turns::{turns, write_system, write_turns};
use crate::dialects::claude::BEGINS_ANEW;
use crate::dialects::json_mode::JSON_INSTRUCTION;
use crate::dialects::{DecodeError, Encoded, Losses, Target, refuse, write};
use crate::ir::{Chat, Json, ResponseFormat};

/// Writes a Converse request. Model and streaming are chosen by the path.
pub(in super::super) fn encode(chat: &Chat, target: &Target<'_>) -> Result<Encoded, DecodeError> {
    let mut losses = Losses::default();
    let turns = turns(&chat.messages, &mut losses);
    if turns.is_empty() {
        return Err(refuse("messages", "at least one message with content is needed"));
    }
    let additional = Additional::of(chat, target, &mut losses);
    if chat.continues && additional.begins_anew(target) {
        return Err(refuse("messages", BEGINS_ANEW));
    }
    let json_mode = chat.response_format == Some(ResponseFormat::JsonObject);
    losses.note_if(json_mode, "response_format");
    let mut body = Vec::with_capacity(1024);
    write::object(&mut body, |out| {
        write_system(&chat.messages, json_mode.then_some(JSON_INSTRUCTION), out, &mut losses);
        write_turns(&turns, chat.cache_control.as_ref(), out, &mut losses);
        write_inference(chat, &additional, out, &mut losses);
        write_tools(chat, &turns, target, out, &mut losses);
        write_format(chat.response_format.as_ref(), out, &mut losses);
        additional.write(chat, out);
        match &chat.metadata {
            Some(metadata) if is_sayable(metadata) => out.json("requestMetadata", metadata),
            metadata => losses.note_if(metadata.is_some(), "metadata"),
        }
        match chat.service_tier.as_deref() {
            None | Some("auto") => {}
            Some(tier @ ("default" | "flex" | "priority" | "reserved")) => {
                out.object("serviceTier", |object| object.text("type", tier));
            }
            Some(_) => losses.note("service_tier"),
        }
        asides::of_body(chat).for_each(|(name, value)| out.json(name, value));
    });
    losses.note_if(chat.user.is_some(), "user");
    chat.extra
        .iter()
        .filter(|(name, value)| !asides::is_own(name, value))
        .for_each(|(name, _)| losses.note(name));
    Ok(Encoded { body, lossy: losses.into_names(), ..Encoded::default() })
}

/// Metadata are texts under names.
fn is_sayable(metadata: &Json) -> bool {
    serde_json::from_str::<BTreeMap<String, String>>(metadata.get()).is_ok()
}

fn write_inference(chat: &Chat, additional: &Additional, out: &mut write::Object<'_>, losses: &mut Losses) {
    let sampling = &chat.sampling;
    let mut config = Vec::new();
    write::object(&mut config, |config| {
        config.maybe_number("maxTokens", additional.max_tokens);
        let free = |value: f64| additional.sampling == SamplingRule::Free || value == 1.0;
        // No model takes more.
        let temperature = sampling.temperature.map(|temperature| temperature.clamp(0.0, 1.0));
        losses.note_if(temperature != sampling.temperature, "temperature");
        losses.note_if(temperature.is_some_and(|temperature| !free(temperature)), "temperature");
        config.maybe_number("temperature", temperature.filter(|temperature| free(*temperature)));
        let fixed = additional.sampling == SamplingRule::Fixed;
        losses.note_if(fixed && sampling.top_p.is_some_and(|share| share != 1.0), "top_p");
        config.maybe_number("topP", sampling.top_p.filter(|_| !fixed));
        // Stop texts of white space only are refused.
        let stop: Vec<&str> =
            sampling.stop.iter().map(String::as_str).filter(|text| !text.trim().is_empty()).collect();
        losses.note_if(stop.len() != sampling.stop.len(), "stop");
        if !stop.is_empty() {
            config.texts("stopSequences", stop);
        }
    });
    if config != b"{}" {
        out.with("inferenceConfig", |out| out.append(&mut config));
    }
    for (lost, name) in [
        (sampling.frequency_penalty.is_some_and(|penalty| penalty != 0.0), "frequency_penalty"),
        (sampling.presence_penalty.is_some_and(|penalty| penalty != 0.0), "presence_penalty"),
        (sampling.seed.is_some(), "seed"),
        (sampling.logit_bias.is_some(), "logit_bias"),
        (sampling.logprobs == Some(true), "logprobs"),
        (sampling.top_logprobs.is_some(), "top_logprobs"),
        (sampling.n.is_some_and(|n| n != 1), "n"),
    ] {
        losses.note_if(lost, name);
    }
}

/// Writes the schema that the answer must follow: as JSON within a text.
fn write_format(format: Option<&ResponseFormat>, out: &mut write::Object<'_>, losses: &mut Losses) {
    let Some(ResponseFormat::JsonSchema { name, description, schema, strict }) = format else { return };
    losses.note_if(*strict == Some(false), "response_format.strict");
    out.object("outputConfig", |config| {
        config.object("textFormat", |format| {
            format.text("type", "json_schema");
            format.object("structure", |structure| {
                structure.object("jsonSchema", |object| {
                    object.text("schema", schema.get());
                    object.maybe_text("name", name.as_deref());
                    object.maybe_text("description", description.as_deref());
                });
            });
        });
    });
}
