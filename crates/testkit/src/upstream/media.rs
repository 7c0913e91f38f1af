//! Pictures, speech, transcripts, moderations and rerankings, as OpenAI's and Cohere's services spell them.
//!
//! In: a request, in JSON or as a form. Out: the answer as a whole or as events; none when the path is another.

use std::fmt::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde_json::{Value, json};

use super::{Received, Reply};

/// A picture of one pixel, in base64.
pub(super) const PIXEL: &str =
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";
/// What every recording says.
const TEXT: &str = "Hello from the fake gate 玉门.";

/// An answer before any fault.
pub(super) enum Media {
    Whole(Reply),
    Events(Vec<String>),
}

/// A field of the request, wherever it stands.
fn field(request: &Received, name: &str) -> String {
    match (request.part(name), &request.json()[name]) {
        (Some(part), _) => String::from_utf8_lossy(&part).into_owned(),
        (None, Value::String(text)) => text.clone(),
        (None, Value::Null) => String::new(),
        (None, other) => other.to_string(),
    }
}

/// Answers a request for anything but texts.
pub(super) fn answer(request: &Received, path: &str, model: &str) -> Option<Media> {
    let streamed = field(request, "stream") == "true";
    let told = model != "fake-no-usage";
    let (_, path) = path.split_once("/v1/").or_else(|| path.split_once("/v2/"))?;
    Some(match path {
        "images/generations" if streamed => Media::Events(picture_events("image_generation", told)),
        "images/edits" if streamed => Media::Events(picture_events("image_edit", told)),
        "images/generations" | "images/edits" | "images/variations" => json_answer(&pictures(request, told)),
        "audio/speech" if field(request, "stream_format") == "sse" => Media::Events(speech_events(told)),
        "audio/speech" => Media::Whole(speech(&field(request, "response_format"))),
        "audio/transcriptions" if streamed => Media::Events(transcript_events(told)),
        "audio/transcriptions" | "audio/translations" => {
            Media::Whole(transcript(&field(request, "response_format"), told))
        }
        "moderations" => json_answer(&json!({ "id": "modr-fake", "model": model, "results": [
            { "flagged": false, "categories": { "violence": false }, "category_scores": { "violence": 0.01 },
              "category_applied_input_types": { "violence": ["text"] } }
        ] })),
        "rerank" => json_answer(&rerank(&request.json(), told)),
        _ => return None,
    })
}

fn json_answer(body: &Value) -> Media {
    Media::Whole(Reply::json(200, body))
}

fn token_usage() -> Value {
    json!({ "total_tokens": 150, "input_tokens": 50, "output_tokens": 100,
            "input_tokens_details": { "text_tokens": 10, "image_tokens": 40 } })
}

fn pictures(request: &Received, told: bool) -> Value {
    let number: usize = field(request, "n").parse().unwrap_or(1);
    let data: Vec<Value> = (0..number).map(|_| json!({ "b64_json": PIXEL })).collect();
    let mut answer =
        json!({ "created": 1_760_000_000, "data": data, "output_format": "png", "size": "1024x1024" });
    if told {
        answer["usage"] = token_usage();
    }
    answer
}

fn event(data: &Value) -> String {
    format!("event: {}\ndata: {data}\n\n", data["type"].as_str().unwrap_or_default())
}

fn picture_events(kind: &str, told: bool) -> Vec<String> {
    let common = json!({ "b64_json": PIXEL, "created_at": 1_760_000_000, "size": "1024x1024", "quality": "low",
                         "background": "opaque", "output_format": "png" });
    let partial = |index: u64| {
        let mut partial = common.clone();
        (partial["type"], partial["partial_image_index"]) =
            (json!(format!("{kind}.partial_image")), json!(index));
        event(&partial)
    };
    let mut last = common.clone();
    last["type"] = json!(format!("{kind}.completed"));
    if told {
        last["usage"] = token_usage();
    }
    vec![partial(0), partial(1), event(&last)]
}

/// A tenth of a second of silence, as RIFF has it.
fn wave() -> Vec<u8> {
    let samples = [0x80_u8; 800];
    let mut wave = b"RIFF".to_vec();
    wave.extend_from_slice(&(36 + 800_u32).to_le_bytes());
    wave.extend_from_slice(b"WAVEfmt \x10\0\0\0\x01\0\x01\0");
    wave.extend_from_slice(&8000_u32.to_le_bytes());
    wave.extend_from_slice(&8000_u32.to_le_bytes());
    wave.extend_from_slice(b"\x01\0\x08\0data");
    wave.extend_from_slice(&800_u32.to_le_bytes());
    wave.extend_from_slice(&samples);
    wave
}

/// In several writes and without a length, as it is spoken.
fn speech(format: &str) -> Reply {
    let kind = if format == "wav" { "audio/wav" } else { "audio/mpeg" };
    Reply::flow(kind, wave().chunks(200).map(Bytes::copy_from_slice))
}

fn speech_events(told: bool) -> Vec<String> {
    let pieces = wave();
    let deltas = pieces
        .chunks(400)
        .map(|piece| event(&json!({ "type": "speech.audio.delta", "audio": STANDARD.encode(piece) })));
    let mut done = json!({ "type": "speech.audio.done" });
    if told {
        done["usage"] = json!({ "input_tokens": 14, "output_tokens": 101, "total_tokens": 115 });
    }
    deltas.chain([event(&done)]).collect()
}

fn transcript(format: &str, told: bool) -> Reply {
    let body = match format {
        "text" => return Reply::whole(200, "text/plain; charset=utf-8", format!("{TEXT}\n")),
        "srt" => {
            let text = format!("1\n00:00:00,000 --> 00:00:08,470\n{TEXT}\n\n");
            return Reply::whole(200, "text/plain; charset=utf-8", text);
        }
        "vtt" => {
            let text = format!("WEBVTT\n\n00:00:00.000 --> 00:00:08.470\n{TEXT}\n\n");
            return Reply::whole(200, "text/vtt", text);
        }
        "verbose_json" => {
            json!({ "task": "transcribe", "language": "english", "duration": 8.470_000_267_028_809, "text": TEXT,
                    "segments": [] })
        }
        _ if told => json!({ "text": TEXT, "usage": { "type": "duration", "seconds": 9 } }),
        _ => json!({ "text": TEXT }),
    };
    Reply::json(200, &body)
}

fn transcript_events(told: bool) -> Vec<String> {
    let mut events: Vec<String> = TEXT
        .split_inclusive(' ')
        .map(|word| event(&json!({ "type": "transcript.text.delta", "delta": word })))
        .collect();
    let mut done = json!({ "type": "transcript.text.done", "text": TEXT });
    if told {
        done["usage"] = json!({ "type": "tokens", "total_tokens": 16, "input_tokens": 14, "output_tokens": 2,
                                "input_token_details": { "text_tokens": 4, "audio_tokens": 10 } });
    }
    events.push(event(&done));
    events
}

fn rerank(body: &Value, told: bool) -> Value {
    let documents = body["documents"].as_array().map_or(0, Vec::len);
    let results = (0..documents).map(|index| {
        let index = documents - 1 - index;
        json!({ "index": index, "relevance_score": 0.9 })
    });
    let mut answer = json!({ "id": "rerank-fake", "results": results.collect::<Vec<_>>() });
    if told {
        let units = json!({ "search_units": 1 });
        answer["meta"] = json!({ "api_version": { "version": "2" }, "billed_units": units });
    }
    answer
}

/// A form as clients send it: parts of texts, and files with their names.
pub fn form(boundary: &str, parts: &[(&str, &[u8])]) -> Vec<u8> {
    let mut body = Vec::new();
    for (name, value) in parts {
        let mut head = format!("--{boundary}\r\nContent-Disposition: form-data; name=\"{name}\"");
        if matches!(*name, "file" | "image" | "image[]" | "mask") {
            write!(head, "; filename=\"a file\"\r\nContent-Type: application/octet-stream").expect("memory");
        }
        body.extend_from_slice(head.as_bytes());
        body.extend_from_slice(b"\r\n\r\n");
        body.extend_from_slice(value);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(format!("--{boundary}--\r\n").as_bytes());
    body
}
