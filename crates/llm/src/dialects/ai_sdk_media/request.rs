//! Clients' requests: the call options of the SDK's image, reranking, speech and transcription models.
//!
//! Of `providerOptions` what OpenAI's own provider of the SDK takes is read; the rest is named one by one, so that it is
//! recorded as lost.

use serde_json::value::RawValue;

use crate::dialects::DecodeError;
use crate::dialects::openai::read_url;
use crate::dialects::read::{At, Object, list, strings};
use crate::ir::{Content, Images, Json, Rerank, Source, Speech, Transcription};

/// Options that the SDK's OpenAI provider takes, and the members of OpenAI's API that they become.
type Known = [(&'static str, &'static str)];

/// <https://ai-sdk.dev/providers/ai-sdk-providers/openai#image-models>
const OF_IMAGES: &Known = &[
    ("quality", "quality"),
    ("background", "background"),
    ("style", "style"),
    ("moderation", "moderation"),
    ("outputFormat", "output_format"),
    ("outputCompression", "output_compression"),
    ("inputFidelity", "input_fidelity"),
    ("user", "user"),
];
/// <https://ai-sdk.dev/providers/ai-sdk-providers/openai#speech-models>
const OF_SPEECH: &Known = &[("instructions", "instructions"), ("speed", "speed")];
/// <https://ai-sdk.dev/providers/ai-sdk-providers/openai#transcription-models>
const OF_TRANSCRIPTIONS: &Known = &[
    ("language", "language"),
    ("prompt", "prompt"),
    ("temperature", "temperature"),
    ("include", "include"),
    ("timestampGranularities", "timestamp_granularities"),
];

/// A request for pictures.
pub(super) fn images(body: &[u8]) -> Result<Images, DecodeError> {
    let mut body = Object::body(body)?;
    let mut extra = Vec::new();
    let files = body.list("files")?.unwrap_or_default();
    let at = At::BODY.key("files");
    let files = files.into_iter().enumerate().map(|(index, raw)| file(raw, at.index(index)));
    Ok(Images {
        files: files.collect::<Result<_, _>>()?,
        mask: body.take("mask").map(|raw| file(raw, At::BODY.key("mask"))).transpose()?,
        prompt: body.string("prompt")?,
        n: body.unsigned("n")?,
        size: body.string("size")?,
        aspect_ratio: body.string("aspectRatio")?,
        seed: body.integer("seed")?,
        options: options(&mut body, OF_IMAGES, &mut extra)?,
        extra: with_rest(body, extra),
    })
}

/// A picture, as it is or where it lies.
fn file(raw: &RawValue, at: At<'_>) -> Result<Content, DecodeError> {
    let mut file = Object::read(raw, at)?;
    let source = match file.need_string("type")?.as_str() {
        "file" => {
            let media_type = file.need_string("mediaType")?;
            Source::Base64 { media_type, data: file.need_string("data")? }
        }
        "url" => read_url(file.need_string("url")?),
        _ => return Err(at.key("type").expected("file or url")),
    };
    Ok(Content::Image { source, detail: None })
}

/// A request for a ranking.
pub(super) fn rerank(body: &[u8]) -> Result<Rerank, DecodeError> {
    let mut body = Object::body(body)?;
    let mut extra = Vec::new();
    let at = At::BODY.key("documents");
    let raw = body.take("documents").ok_or_else(|| at.fault("is required"))?;
    let mut given = Object::read(raw, at)?;
    let were_objects = match given.need_string("type")?.as_str() {
        "text" => false,
        "object" => true,
        _ => return Err(at.key("type").expected("text or object")),
    };
    let at = at.key("values");
    let raw = given.take("values").ok_or_else(|| at.fault("is required"))?;
    let documents = if were_objects {
        list(raw, &at)?.into_iter().map(|raw| raw.get().to_owned()).collect()
    } else {
        strings(raw, &at)?
    };
    options(&mut body, &[], &mut extra)?;
    Ok(Rerank {
        query: body.need_string("query")?,
        documents,
        were_objects,
        top_n: body.unsigned("topN")?,
        extra: with_rest(body, extra),
    })
}

/// A request for speech.
pub(super) fn speech(body: &[u8]) -> Result<Speech, DecodeError> {
    let mut body = Object::body(body)?;
    let mut extra = Vec::new();
    Ok(Speech {
        text: body.need_string("text")?,
        voice: body.string("voice")?,
        format: body.string("outputFormat")?,
        instructions: body.string("instructions")?,
        speed: body.number("speed")?,
        language: body.string("language")?,
        options: options(&mut body, OF_SPEECH, &mut extra)?,
        extra: with_rest(body, extra),
    })
}

/// A request for a transcript.
pub(super) fn transcription(body: &[u8]) -> Result<Transcription, DecodeError> {
    let mut body = Object::body(body)?;
    let mut extra = Vec::new();
    Ok(Transcription {
        base64: body.need_string("audio")?,
        media_type: body.need_string("mediaType")?,
        options: options(&mut body, OF_TRANSCRIPTIONS, &mut extra)?,
        extra: with_rest(body, extra),
    })
}

/// Takes `providerOptions` apart: what is known goes on under OpenAI's names, the rest is named in `extra`. What is meant
/// for a gateway is acted on where requests are routed.
fn options(
    body: &mut Object<'_, '_>,
    known: &Known,
    extra: &mut Vec<(String, Json)>,
) -> Result<Vec<(String, Json)>, DecodeError> {
    let Some(raw) = body.take("providerOptions") else { return Ok(Vec::new()) };
    let at = At::BODY.key("providerOptions");
    let mut all = Object::read(raw, at)?;
    let mut found = Vec::new();
    all.take("gateway");
    if let Some(raw) = all.take("openai") {
        let mut own = Object::read(raw, at.key("openai"))?;
        for (option, member) in known {
            found.extend(own.json(option).map(|json| ((*member).to_owned(), json)));
        }
        extra.extend(
            own.rest().into_iter().map(|(name, json)| (format!("providerOptions.openai.{name}"), json)),
        );
    }
    // The SDK sends an object for a provider of which nothing is said, too.
    let said = all.rest().into_iter().filter(|(_, json)| json.get() != "{}");
    extra.extend(said.map(|(name, json)| (format!("providerOptions.{name}"), json)));
    Ok(found)
}

/// What nobody took, under names that no dialect takes for its own.
fn with_rest(mut body: Object<'_, '_>, mut extra: Vec<(String, Json)>) -> Vec<(String, Json)> {
    body.take("headers");
    extra.extend(body.rest().into_iter().map(|(name, json)| (format!("options.{name}"), json)));
    extra
}
