//! Speech and transcripts asked for in another dialect.
//!
//! <https://platform.openai.com/docs/api-reference/audio>

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::value::RawValue;

use super::images::write_options;
use crate::dialects::read::{At, Object};
use crate::dialects::{DecodeError, Encoded, Losses, Target, refuse, write};
use crate::ir::{Counted, Segment, Speech, SpeechAnswer, Transcript, Transcription};
use crate::multipart::FormWriter;

/// OpenAI wants a voice; this is the one that the libraries of other dialects take when none is named.
const USUAL_VOICE: &str = "alloy";
/// Models of this name tell times and the language, where they are asked in this way; OpenAI's others refuse it.
const TELLS_TIMES: &str = "whisper";

/// Writes a request for speech.
pub(super) fn encode_speech(speech: &Speech, target: &Target<'_>) -> Encoded {
    let mut losses = Losses::default();
    let mut body = Vec::with_capacity(256);
    write::object(&mut body, |out| {
        out.text("model", target.model);
        out.text("input", &speech.text);
        out.text("voice", speech.voice.as_deref().unwrap_or(USUAL_VOICE));
        out.maybe_text("response_format", speech.format.as_deref());
        out.maybe_text("instructions", speech.instructions.as_deref());
        out.maybe_number("speed", speech.speed);
        let is_said = |name: &str| match name {
            "instructions" => speech.instructions.is_some(),
            "speed" => speech.speed.is_some(),
            _ => false,
        };
        let further = speech.options.iter().filter(|(name, _)| !is_said(name));
        further.for_each(|(name, json)| out.json(name, json));
    });
    losses.note_if(speech.language.is_some(), "language");
    losses.extra(&speech.extra);
    Encoded { body, lossy: losses.into_names(), ..Encoded::default() }
}

/// Reads an answer, which is sound and nothing else.
pub(super) fn decode_speech(body: &[u8]) -> Result<SpeechAnswer, DecodeError> {
    if body.is_empty() {
        return Err(DecodeError { message: "it is empty".to_owned(), param: None });
    }
    Ok(SpeechAnswer { base64: STANDARD.encode(body) })
}

/// Writes a request for a transcript.
pub(super) fn encode_transcription(
    transcription: &Transcription,
    target: &Target<'_>,
) -> Result<Encoded, DecodeError> {
    let mut losses = Losses::default();
    let bytes = STANDARD.decode(&transcription.base64).map_err(|_| refuse("audio", "is not base64"))?;
    let mut form = FormWriter::default();
    form.text("model", target.model);
    let tells_times = target.model.contains(TELLS_TIMES);
    form.text("response_format", if tells_times { "verbose_json" } else { "json" });
    write_options(&transcription.options, &mut form);
    let file_name = format!("audio.{}", ending(&transcription.media_type));
    form.file("file", &file_name, &transcription.media_type, bytes);
    losses.extra(&transcription.extra);
    let (body, boundary) = form.finish();
    Ok(Encoded { body, boundary: Some(boundary), lossy: losses.into_names() })
}

/// The ending of a file's name, by which OpenAI tells what it is.
fn ending(media_type: &str) -> &str {
    let kind = media_type.split(';').next().unwrap_or_default().trim();
    match kind.strip_prefix("audio/").or_else(|| kind.strip_prefix("video/")).unwrap_or_default() {
        "mpeg" => "mp3",
        "x-wav" | "wave" => "wav",
        "x-m4a" | "mp4" => "m4a",
        "x-flac" => "flac",
        plain if !plain.is_empty() && plain.bytes().all(|byte| byte.is_ascii_alphanumeric()) => plain,
        _ => "wav",
    }
}

/// Reads an answer, of which the counts have been read.
pub(super) fn decode_transcript(body: &[u8], counted: Counted) -> Result<Transcript, DecodeError> {
    let mut body = Object::body(body)?;
    Ok(Transcript {
        text: body.need_string("text")?,
        segments: segments(&mut body, "segments", "text")?,
        words: segments(&mut body, "words", "word")?,
        language: body.string("language")?,
        // Some servers write it as a text.
        seconds: body.number("duration").ok().flatten(),
        counted,
    })
}

fn segments(body: &mut Object<'_, '_>, name: &str, said_in: &str) -> Result<Vec<Segment>, DecodeError> {
    let at = At::BODY.key(name);
    let items: Vec<&RawValue> = body.list(name)?.unwrap_or_default();
    let read = items.into_iter().enumerate().map(|(index, raw)| {
        let mut item = Object::read(raw, at.index(index))?;
        Ok(Segment {
            text: item.need_string(said_in)?,
            start: item.number("start")?.unwrap_or_default(),
            end: item.number("end")?.unwrap_or_default(),
        })
    });
    read.collect()
}
