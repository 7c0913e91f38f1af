//! What the fixture tests share: finding fixtures, splitting streams, converting them.

use std::fs;
use std::path::Path;

use bytes::Bytes;
use serde_json::{Value, json};
use yumen_llm::dialects::{ALL, AnswerContext, Dialect, Operation, Target, codec, encode_request};
use yumen_llm::framing::{Framer, Framing};
use yumen_llm::ir::StreamEvent;

/// Clients that stand for all others where a dialect is spoken with providers only.
pub const FOR_ALL_CLIENTS: [Dialect; 3] =
    [Dialect::OpenAiChat, Dialect::AnthropicMessages, Dialect::OpenAiEmbeddings];

/// Every dialect that can be converted.
pub fn dialects() -> impl Iterator<Item = Dialect> {
    ALL.iter().filter(|codec| codec.passing().is_none()).map(|codec| codec.dialect())
}

/// The dialects that speak of conversations: each can serve the others' clients.
pub fn chats() -> impl Iterator<Item = Dialect> {
    dialects().filter(|dialect| codec(*dialect).outline().operation == Operation::Chat)
}

/// The dialects that stream.
pub fn streamed() -> impl Iterator<Item = Dialect> {
    let streams = [Operation::Chat, Operation::Completions];
    dialects().filter(move |dialect| streams.contains(&codec(*dialect).outline().operation))
}

pub fn name(dialect: Dialect) -> String {
    serde_json::to_value(dialect).expect("a name").as_str().expect("a string").to_owned()
}

/// The fixtures of a dialect, by file name.
pub fn fixtures(kind: &str, dialect: Dialect) -> Vec<(String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(kind).join(name(dialect));
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut found: Vec<(String, String)> = entries
        .map(|entry| entry.expect("an entry").path())
        .map(|path| {
            let case = path.file_stem().expect("a name").to_string_lossy().into_owned();
            (case, fs::read_to_string(path).expect("a fixture"))
        })
        .collect();
    found.sort();
    found
}

pub fn context() -> AnswerContext {
    AnswerContext {
        id: "gen-1".to_owned(),
        model: "smart".to_owned(),
        created: 1_700_000_000,
        include_usage: true,
        ..AnswerContext::default()
    }
}

/// The events of a stream of server-sent events that comes in these pieces.
pub fn frames<'p>(pieces: impl IntoIterator<Item = &'p [u8]>) -> Vec<(Vec<u8>, Vec<u8>)> {
    frames_in(Framing::Sse, pieces)
}

/// The events of a dialect's stream that comes in these pieces.
pub fn frames_of(dialect: Dialect, pieces: &[&[u8]]) -> Vec<(Vec<u8>, Vec<u8>)> {
    frames_in(codec(dialect).outline().framing, pieces.iter().copied())
}

fn frames_in<'p>(framing: Framing, pieces: impl IntoIterator<Item = &'p [u8]>) -> Vec<(Vec<u8>, Vec<u8>)> {
    let mut framer = Framer::new(framing, 1 << 20);
    let mut found = Vec::new();
    for piece in pieces {
        framer.push(Bytes::copy_from_slice(piece));
        while let Some(frame) = framer.next_frame().expect("within the limit") {
            found.extend(frame.data.map(|data| (frame.event.to_vec(), data.to_vec())));
        }
    }
    found.extend(framer.finish().and_then(|frame| Some((frame.event.to_vec(), frame.data?.to_vec()))));
    found
}

/// A fixture's bytes as they travel. Fixtures of binary streams are written as server-sent events, an exception with `!`
/// before its name.
pub fn wire(dialect: Dialect, fixture: &str) -> Vec<u8> {
    match codec(dialect).outline().framing {
        Framing::Sse | Framing::Lines => fixture.as_bytes().to_vec(),
        Framing::AwsEventStream => {
            let mut out = Vec::new();
            for (event, data) in frames([fixture.as_bytes()]) {
                let name = String::from_utf8(event).expect("a name");
                match name.strip_prefix('!') {
                    Some(name) => yumen_llm::eventstream::write_exception(name, &data, &mut out),
                    None => yumen_llm::eventstream::write_event(&name, &data, &mut out),
                }
            }
            out
        }
    }
}

/// What a client is sent, as a text: binary messages as the events that they are.
fn shown(dialect: Dialect, said: Vec<u8>) -> String {
    match codec(dialect).outline().framing {
        Framing::Sse | Framing::Lines => String::from_utf8(said).expect("UTF-8"),
        Framing::AwsEventStream => {
            let mut out = Vec::new();
            for (event, data) in frames_of(dialect, &[&said]) {
                yumen_llm::sse::write_event(&event, &data, &mut out);
            }
            String::from_utf8(out).expect("UTF-8")
        }
    }
}

/// What a decoder makes of a stream.
pub fn decode(from: Dialect, pieces: &[&[u8]]) -> Vec<StreamEvent> {
    let mut decoder = codec(from).stream_decoder();
    let mut steps = Vec::new();
    for (event, data) in frames_of(from, pieces) {
        decoder.decode(&event, &data, &mut steps).expect("a readable stream");
    }
    decoder.finish(&mut steps);
    steps
}

/// What a client is sent for these steps.
pub fn encode(to: Dialect, steps: &[StreamEvent], context: AnswerContext) -> String {
    let mut encoder = codec(to).stream_encoder(context);
    let mut out = Vec::new();
    steps.iter().for_each(|step| encoder.encode(step, &mut out));
    encoder.finish(&mut out);
    shown(to, out)
}

/// A stream, said to a client of another dialect.
pub fn convert(from: Dialect, to: Dialect, stream: &str) -> String {
    encode(to, &decode(from, &[&wire(from, stream)]), context())
}

/// The JSON payloads of a stream of server-sent events.
pub fn payloads(stream: &str) -> Vec<serde_json::Value> {
    payloads_of(Dialect::OpenAiChat, stream)
}

/// The JSON payloads of a dialect's stream.
pub fn payloads_of(dialect: Dialect, stream: &str) -> Vec<serde_json::Value> {
    let events = frames_of(dialect, &[stream.as_bytes()]);
    events
        .iter()
        .filter(|(_, data)| data != b"[DONE]")
        .map(|(_, data)| serde_json::from_slice(data).expect("JSON"))
        .collect()
}

/// One stream fixture.
pub fn stream(dialect: Dialect, case: &str) -> String {
    let found = fixtures("streams", dialect).into_iter().find(|(name, _)| name == case);
    found.unwrap_or_else(|| panic!("no stream {case}")).1
}

/// A request, said to another dialect, as JSON.
pub fn request(from: Dialect, to: Dialect, body: &Value) -> (Value, Vec<String>) {
    request_for(&Target { model: "m", max_output: Some(8192), ..Target::default() }, from, to, body)
}

/// The same for a model and a provider of which more is known.
pub fn request_for(target: &Target<'_>, from: Dialect, to: Dialect, body: &Value) -> (Value, Vec<String>) {
    let request = codec(from).decode_request(body.to_string().as_bytes()).expect("readable");
    let encoded = encode_request(to, &request, target).expect("sayable");
    (serde_json::from_slice(&encoded.body).expect("JSON"), encoded.lossy)
}

/// An answer, said to another dialect, as JSON.
pub fn answer(from: Dialect, to: Dialect, body: &Value) -> Value {
    let response = codec(from).decode_response(body.to_string().as_bytes()).expect("readable");
    serde_json::from_slice(&codec(to).encode_response(&response, &context())).expect("JSON")
}

pub fn openai_answer(message: Value, finish: &str) -> Value {
    json!({"id":"chatcmpl-1","object":"chat.completion","created":1763600000,"model":"gpt-4o","choices":[{"index":0,"message":message,"logprobs":null,"finish_reason":finish}],"usage":{"prompt_tokens":9,"completion_tokens":3,"total_tokens":12}})
}

pub fn anthropic_answer(content: Value, stop: &str) -> Value {
    json!({"id":"msg_1","type":"message","role":"assistant","model":"claude","content":content,"stop_reason":stop,"stop_sequence":null,"usage":{"input_tokens":9,"output_tokens":3}})
}
