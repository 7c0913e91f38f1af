//! What the fake upstream answers and what the load asks, built once.
//!
//! The answer is chosen by the request's path and by a word in its model name (`paced`, `hold`), because those are
//! what every proxy hands on. Answers carry usage, so that a gateway has something to count.

use bytes::Bytes;
use memchr::memmem;
use serde_json::json;

/// Chunks of a canned stream.
pub(crate) const STREAM_CHUNKS: usize = 50;
/// Chunks of one write, after the first, which goes alone. One write for each would make the upstream and the load
/// the slowest part of the chain, and every gateway look alike.
const BURST_CHUNKS: usize = 5;
/// Stands where a paced chunk carries the time at which it was sent (16 digits: microseconds since the epoch).
pub(crate) const TIMESTAMP_MARK: &str = "sent-at-";
const WINDOW_BYTES: usize = 1024;

/// What is asked for, at the surface of a wire format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Surface {
    OpenAiChat,
    AnthropicMessages,
    OpenAiEmbeddings,
}

/// How an answer is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Delivery {
    /// One JSON document.
    Whole,
    /// An error: the model is unknown here.
    Gone,
    /// Fifty chunks in short bursts, as fast as they can be written.
    Stream,
    /// The same, each chunk with the time at which it was sent, and a pause after it.
    Paced,
    /// The first chunk, then nothing until the client leaves.
    Hold,
}

/// Everything the fake upstream can answer.
#[derive(Debug)]
pub(crate) struct Answers {
    chat: Bytes,
    messages: Bytes,
    embeddings: Bytes,
    gone: Bytes,
    chat_stream: Streamed,
    messages_stream: Streamed,
}

#[derive(Debug)]
struct Streamed {
    chunks: Vec<Bytes>,
    bursts: Vec<Bytes>,
}

impl Answers {
    pub(crate) fn new() -> Self {
        Self {
            chat: whole("200 OK", &chat_answer()),
            messages: whole("200 OK", &messages_answer()),
            embeddings: whole("200 OK", &embeddings_answer()),
            gone: whole("404 Not Found", &gone_answer()),
            chat_stream: streamed(&chat_events()),
            messages_stream: streamed(&messages_events()),
        }
    }

    /// A whole answer, head included.
    pub(crate) fn whole(&self, surface: Surface) -> &Bytes {
        match surface {
            Surface::OpenAiChat => &self.chat,
            Surface::AnthropicMessages => &self.messages,
            Surface::OpenAiEmbeddings => &self.embeddings,
        }
    }

    /// What is said of a model that is not known, head included.
    pub(crate) fn gone(&self) -> &Bytes {
        &self.gone
    }

    /// A stream as its chunks, the head with the first, the body's end with the last.
    pub(crate) fn stream(&self, surface: Surface) -> &[Bytes] {
        &self.streamed(surface).chunks
    }

    /// The same in larger writes.
    pub(crate) fn bursts(&self, surface: Surface) -> &[Bytes] {
        &self.streamed(surface).bursts
    }

    fn streamed(&self, surface: Surface) -> &Streamed {
        match surface {
            Surface::AnthropicMessages => &self.messages_stream,
            _ => &self.chat_stream,
        }
    }
}

/// What a request asks for. Only the ends of a long body are looked at: `stream` and `model` stand there.
pub(crate) fn classify(path: &str, body: &[u8]) -> (Surface, Delivery) {
    let surface = if path.contains("/embeddings") {
        Surface::OpenAiEmbeddings
    } else if path.contains("/messages") {
        Surface::AnthropicMessages
    } else {
        Surface::OpenAiChat
    };
    let head = body.get(..WINDOW_BYTES).unwrap_or(body);
    let tail = body.get(body.len().saturating_sub(WINDOW_BYTES)..).unwrap_or(body);
    let has = |word: &str| [head, tail].iter().any(|part| memmem::find(part, word.as_bytes()).is_some());
    if has("bench-gone") {
        (surface, Delivery::Gone)
    } else if !has("\"stream\":true") {
        (surface, Delivery::Whole)
    } else if has("bench-paced") {
        (surface, Delivery::Paced)
    } else if has("bench-hold") {
        (surface, Delivery::Hold)
    } else {
        (surface, Delivery::Stream)
    }
}

/// A request body of about `bytes` bytes; `model` stands first, as the SDKs send it.
pub(crate) fn request_body(surface: Surface, model: &str, bytes: usize, stream: bool) -> String {
    let filler = |used: usize| {
        let words = "the caravan passed the gate at dawn and ";
        words.chars().cycle().take(bytes.saturating_sub(used)).collect::<String>()
    };
    if surface == Surface::OpenAiEmbeddings {
        return format!(r#"{{"model":"{model}","input":"{}","encoding_format":"base64"}}"#, filler(80));
    }
    let flag = if stream { r#","stream":true"# } else { "" };
    let question = filler(190);
    format!(
        r#"{{"model":"{model}","max_tokens":256,"temperature":0.7{flag},"messages":[{{"role":"user","content":"What is asked for?"}},{{"role":"assistant","content":"Tell me."}},{{"role":"user","content":"{question}"}}]}}"#
    )
}

fn whole(status: &str, body: &serde_json::Value) -> Bytes {
    let body = body.to_string();
    Bytes::from(format!(
        "HTTP/1.1 {status}\r\ncontent-type: application/json\r\nx-request-id: req_bench\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    ))
}

fn streamed(events: &[String]) -> Streamed {
    let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncache-control: no-cache\r\nx-request-id: req_bench\r\ntransfer-encoding: chunked\r\n\r\n";
    let mut pieces: Vec<String> =
        events.iter().map(|event| format!("{:x}\r\n{event}\r\n", event.len())).collect();
    if let Some(first) = pieces.first_mut() {
        first.insert_str(0, head);
    }
    if let Some(last) = pieces.last_mut() {
        last.push_str("0\r\n\r\n");
    }
    let chunks: Vec<Bytes> = pieces.into_iter().map(Bytes::from).collect();
    let (first, rest) = chunks.split_at_checked(1).unwrap_or_default();
    let rest = rest.chunks(BURST_CHUNKS).map(|burst| Bytes::from(burst.concat()));
    let bursts = first.iter().cloned().chain(rest).collect();
    Streamed { chunks, bursts }
}

fn prose(bytes: usize) -> String {
    "Beyond the gate the road runs west through sand and wind. ".chars().cycle().take(bytes).collect()
}

fn chat_answer() -> serde_json::Value {
    json!({
        "id": "chatcmpl-bench", "object": "chat.completion", "created": 1_700_000_000, "model": "bench",
        "choices": [{ "index": 0, "message": { "role": "assistant", "content": prose(640), "refusal": null },
                      "logprobs": null, "finish_reason": "stop" }],
        "usage": { "prompt_tokens": 70, "completion_tokens": 140, "total_tokens": 210,
                   "prompt_tokens_details": { "cached_tokens": 0, "audio_tokens": 0 },
                   "completion_tokens_details": { "reasoning_tokens": 0, "audio_tokens": 0 } },
        "service_tier": "default", "system_fingerprint": "fp_bench"
    })
}

fn messages_answer() -> serde_json::Value {
    json!({
        "id": "msg_bench", "type": "message", "role": "assistant", "model": "bench-claude",
        "content": [{ "type": "text", "text": prose(700) }], "stop_reason": "end_turn", "stop_sequence": null,
        "usage": { "input_tokens": 70, "cache_creation_input_tokens": 0, "cache_read_input_tokens": 0,
                   "output_tokens": 140, "service_tier": "standard" }
    })
}

fn gone_answer() -> serde_json::Value {
    json!({ "error": { "message": "The model `bench-gone` does not exist.", "type": "invalid_request_error", "param": null,
        "code": "model_not_found" } })
}

fn embeddings_answer() -> serde_json::Value {
    json!({
        "object": "list", "model": "bench-embed",
        "data": [{ "object": "embedding", "index": 0, "embedding": "AAAAPwAAAD8".repeat(186) + "AA==" }],
        "usage": { "prompt_tokens": 70, "total_tokens": 70 }
    })
}

fn chat_events() -> Vec<String> {
    let chunk = |delta: serde_json::Value, finish: serde_json::Value| {
        let chunk = json!({ "id": "chatcmpl-bench", "object": "chat.completion.chunk", "created": 1_700_000_000,
            "model": "bench", "service_tier": "default", "system_fingerprint": "fp_bench",
            "choices": [{ "index": 0, "delta": delta, "logprobs": null, "finish_reason": finish }], "usage": null });
        format!("data: {chunk}\n\n")
    };
    let null = serde_json::Value::Null;
    let mut events =
        vec![chunk(json!({ "role": "assistant", "content": "", "refusal": null }), null.clone())];
    let content = format!("{TIMESTAMP_MARK}0000000000000000");
    events.extend((3..STREAM_CHUNKS).map(|_| chunk(json!({ "content": content }), null.clone())));
    events.push(chunk(json!({}), json!("stop")));
    let usage = json!({ "id": "chatcmpl-bench", "object": "chat.completion.chunk", "created": 1_700_000_000,
        "model": "bench", "choices": [],
        "usage": { "prompt_tokens": 70, "completion_tokens": 50, "total_tokens": 120 } });
    events.push(format!("data: {usage}\n\ndata: [DONE]\n\n"));
    events
}

fn messages_events() -> Vec<String> {
    let event = |name: &str, data: serde_json::Value| format!("event: {name}\ndata: {data}\n\n");
    let mut events = vec![
        event(
            "message_start",
            json!({ "type": "message_start", "message": { "id": "msg_bench", "type": "message",
            "role": "assistant", "model": "bench-claude", "content": [], "stop_reason": null, "stop_sequence": null,
            "usage": { "input_tokens": 70, "output_tokens": 1 } } }),
        ),
        event(
            "content_block_start",
            json!({ "type": "content_block_start", "index": 0, "content_block": { "type": "text", "text": "" } }),
        ),
    ];
    let text = format!("{TIMESTAMP_MARK}0000000000000000");
    events.extend((5..STREAM_CHUNKS).map(|_| {
        event(
            "content_block_delta",
            json!({ "type": "content_block_delta", "index": 0, "delta": { "type": "text_delta", "text": text } }),
        )
    }));
    events.push(event("content_block_stop", json!({ "type": "content_block_stop", "index": 0 })));
    events.push(event(
        "message_delta",
        json!({ "type": "message_delta", "delta": { "stop_reason": "end_turn",
        "stop_sequence": null }, "usage": { "output_tokens": 50 } }),
    ));
    events.push(event("message_stop", json!({ "type": "message_stop" })));
    events
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_have_their_size_and_are_understood() {
        for surface in [Surface::OpenAiChat, Surface::AnthropicMessages, Surface::OpenAiEmbeddings] {
            for bytes in [300, 4096, 102_400] {
                let body = request_body(surface, "bench", bytes, false);
                assert!(body.len().abs_diff(bytes) < 40, "{surface:?} {bytes}: {}", body.len());
                serde_json::from_str::<serde_json::Value>(&body).unwrap();
            }
        }
        let paced = request_body(Surface::OpenAiChat, "bench-paced", 300, true);
        assert_eq!(
            classify("/v1/chat/completions", paced.as_bytes()),
            (Surface::OpenAiChat, Delivery::Paced)
        );
        let gone = request_body(Surface::OpenAiChat, "bench-gone", 300, false);
        assert_eq!(classify("/v1/chat/completions", gone.as_bytes()), (Surface::OpenAiChat, Delivery::Gone));
        let plain = request_body(Surface::AnthropicMessages, "bench-claude", 102_400, true);
        assert_eq!(
            classify("/v1/messages", plain.as_bytes()),
            (Surface::AnthropicMessages, Delivery::Stream)
        );
        let whole = request_body(Surface::OpenAiEmbeddings, "bench-embed", 300, false);
        assert_eq!(
            classify("/v1/embeddings", whole.as_bytes()),
            (Surface::OpenAiEmbeddings, Delivery::Whole)
        );
    }
}
