//! The provider `demo`: answers without any network, so that the first request works offline.
//!
//! In: a request in one of our dialects. Out: an honest little answer in the same dialect, streamed word by
//! word when a stream is asked for. It is an upstream like any other: all stages run for it.

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde_json::{Value, json};
use yumen_llm::dialects::{AnswerContext, Dialect, codec};
use yumen_llm::ir::{Answer, Choice, Part, Response, StreamEvent};
use yumen_llm::tokens;
use yumen_llm::usage::Usage;

/// Answers a request.
pub fn answer(dialect: Dialect, body: &[u8]) -> (StatusCode, HeaderMap, Vec<Bytes>) {
    let request: Value = serde_json::from_slice(body).unwrap_or_default();
    let stream = request.get("stream").and_then(Value::as_bool).unwrap_or(false);
    let demo = Demo::new(&request);
    let (kind, chunks) = match (dialect, stream) {
        (Dialect::OpenAiEmbeddings, _) => {
            ("application/json", vec![demo.embeddings(&request).to_string().into()])
        }
        (Dialect::OpenAiChat, false) => ("application/json", vec![demo.chat().to_string().into()]),
        (Dialect::OpenAiResponses, false) => ("application/json", vec![demo.response().into()]),
        (Dialect::OpenAiCompletions, false) => {
            ("application/json", vec![demo.completion().to_string().into()])
        }
        (Dialect::AnthropicMessages, false) => ("application/json", vec![demo.message().to_string().into()]),
        (Dialect::OpenAiChat, true) => ("text/event-stream", demo.chat_stream(&request)),
        (Dialect::OpenAiResponses, true) => ("text/event-stream", demo.response_stream()),
        (Dialect::OpenAiCompletions, true) => ("text/event-stream", demo.completion_stream(&request)),
        (Dialect::AnthropicMessages, true) => ("text/event-stream", demo.message_stream()),
        // Its folder names no other.
        _ => return (StatusCode::NOT_FOUND, HeaderMap::new(), Vec::new()),
    };
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    (StatusCode::OK, headers, chunks)
}

struct Demo {
    model: String,
    /// Unix seconds.
    created: i64,
    text: String,
    input: u64,
    output: u64,
}

impl Demo {
    fn new(request: &Value) -> Self {
        let model = request.get("model").and_then(Value::as_str).unwrap_or("echo").to_owned();
        let asked = last_text(request);
        let shown: String = asked.chars().take(2000).collect();
        let text =
            format!("This is Yumen's built-in demo model; it works without any network. You said: {shown}");
        let (input, output) = (tokens::estimate(&asked).max(1), tokens::estimate(&text));
        let created = jiff::Timestamp::now().as_second();
        Self { model, created, text, input, output }
    }

    fn openai_usage(&self) -> Value {
        json!({ "prompt_tokens": self.input, "completion_tokens": self.output, "total_tokens": self.input + self.output })
    }

    fn chat(&self) -> Value {
        let message = json!({ "role": "assistant", "content": self.text, "refusal": null });
        json!({
            "id": "chatcmpl-demo", "object": "chat.completion", "created": self.created, "model": self.model,
            "choices": [{ "index": 0, "message": message, "logprobs": null, "finish_reason": "stop" }],
            "usage": self.openai_usage(),
        })
    }

    /// What the Responses API makes of the answer: its objects are too large to be written here once more.
    fn response(&self) -> Vec<u8> {
        let choice = Choice { parts: vec![Part::text(self.text.as_str())], ..Choice::default() };
        let answer = Answer { choices: vec![choice], usage: Some(self.usage()), ..Answer::default() };
        codec(Dialect::OpenAiResponses).encode_response(&Response::Chat(Box::new(answer)), &self.context())
    }

    fn response_stream(&self) -> Vec<Bytes> {
        let text = |word: &str| StreamEvent::Text { choice: 0, text: word.to_owned(), logprobs: None };
        let mut events = vec![StreamEvent::Start(Box::default())];
        events.extend(self.words().map(text));
        events.extend([StreamEvent::Usage(self.usage()), StreamEvent::End]);
        let mut encoder = codec(Dialect::OpenAiResponses).stream_encoder(self.context());
        let chunk = |event: StreamEvent| {
            let mut out = Vec::new();
            encoder.encode(&event, &mut out);
            Bytes::from(out)
        };
        events.into_iter().map(chunk).filter(|chunk| !chunk.is_empty()).collect()
    }

    fn usage(&self) -> Usage {
        Usage { input: self.input, output: self.output, ..Usage::default() }
    }

    fn context(&self) -> AnswerContext {
        AnswerContext {
            id: "demo".to_owned(),
            model: self.model.clone(),
            created: self.created,
            ..AnswerContext::default()
        }
    }

    fn completion(&self) -> Value {
        json!({
            "id": "cmpl-demo", "object": "text_completion", "created": self.created, "model": self.model,
            "choices": [{ "index": 0, "text": self.text, "logprobs": null, "finish_reason": "stop" }],
            "usage": self.openai_usage(),
        })
    }

    fn message(&self) -> Value {
        json!({
            "id": "msg_demo", "type": "message", "role": "assistant", "model": self.model,
            "content": [{ "type": "text", "text": self.text }],
            "stop_reason": "end_turn", "stop_sequence": null,
            "usage": { "input_tokens": self.input, "output_tokens": self.output },
        })
    }

    /// A small vector that depends on the text alone, so that equal texts are near each other.
    fn embeddings(&self, request: &Value) -> Value {
        let inputs: Vec<String> = match request.get("input") {
            Some(Value::Array(items)) => items
                .iter()
                .map(|item| item.as_str().map_or_else(|| item.to_string(), str::to_owned))
                .collect(),
            Some(Value::String(text)) => vec![text.clone()],
            _ => Vec::new(),
        };
        let data: Vec<Value> = inputs
            .iter()
            .enumerate()
            .map(|(index, text)| json!({ "object": "embedding", "index": index, "embedding": vector(text) }))
            .collect();
        let input: u64 = inputs.iter().map(|text| tokens::estimate(text)).sum();
        json!({
            "object": "list", "data": data, "model": self.model,
            "usage": { "prompt_tokens": input, "total_tokens": input },
        })
    }

    fn words(&self) -> impl Iterator<Item = &str> {
        self.text.split_inclusive(' ')
    }

    fn chat_stream(&self, request: &Value) -> Vec<Bytes> {
        let chunk = |choices: Value, usage: Value| {
            data(&json!({
                "id": "chatcmpl-demo", "object": "chat.completion.chunk", "created": self.created, "model": self.model,
                "choices": choices, "usage": usage,
            }))
        };
        let choice = |delta: Value, finish: Value| json!([{ "index": 0, "delta": delta, "logprobs": null, "finish_reason": finish }]);
        let mut chunks =
            vec![chunk(choice(json!({ "role": "assistant", "content": "" }), Value::Null), Value::Null)];
        chunks.extend(
            self.words().map(|word| chunk(choice(json!({ "content": word }), Value::Null), Value::Null)),
        );
        chunks.push(chunk(choice(json!({}), "stop".into()), Value::Null));
        if wants_usage(request) {
            chunks.push(chunk(json!([]), self.openai_usage()));
        }
        chunks.push(Bytes::from_static(b"data: [DONE]\n\n"));
        chunks
    }

    fn completion_stream(&self, request: &Value) -> Vec<Bytes> {
        let chunk = |choices: Value, usage: Value| {
            data(&json!({
                "id": "cmpl-demo", "object": "text_completion", "created": self.created, "model": self.model,
                "choices": choices, "usage": usage,
            }))
        };
        let choice = |text: &str, finish: Value| json!([{ "index": 0, "text": text, "logprobs": null, "finish_reason": finish }]);
        let mut chunks: Vec<Bytes> =
            self.words().map(|word| chunk(choice(word, Value::Null), Value::Null)).collect();
        chunks.push(chunk(choice("", "stop".into()), Value::Null));
        if wants_usage(request) {
            chunks.push(chunk(json!([]), self.openai_usage()));
        }
        chunks.push(Bytes::from_static(b"data: [DONE]\n\n"));
        chunks
    }

    fn message_stream(&self) -> Vec<Bytes> {
        let event = |name: &str, value: Value| Bytes::from(format!("event: {name}\ndata: {value}\n\n"));
        let start = json!({ "type": "message_start", "message": {
            "id": "msg_demo", "type": "message", "role": "assistant", "model": self.model, "content": [],
            "stop_reason": null, "stop_sequence": null, "usage": { "input_tokens": self.input, "output_tokens": 1 },
        }});
        let block = json!({ "type": "content_block_start", "index": 0, "content_block": { "type": "text", "text": "" } });
        let mut chunks = vec![event("message_start", start), event("content_block_start", block)];
        chunks.extend(self.words().map(|word| {
            let delta = json!({ "type": "text_delta", "text": word });
            event("content_block_delta", json!({ "type": "content_block_delta", "index": 0, "delta": delta }))
        }));
        chunks.push(event("content_block_stop", json!({ "type": "content_block_stop", "index": 0 })));
        chunks.push(event(
            "message_delta",
            json!({ "type": "message_delta", "delta": { "stop_reason": "end_turn", "stop_sequence": null },
                    "usage": { "output_tokens": self.output } }),
        ));
        chunks.push(event("message_stop", json!({ "type": "message_stop" })));
        chunks
    }
}

fn data(value: &Value) -> Bytes {
    format!("data: {value}\n\n").into()
}

fn wants_usage(request: &Value) -> bool {
    request.pointer("/stream_options/include_usage").and_then(Value::as_bool).unwrap_or(false)
}

/// The text of the last message, or the prompt.
fn last_text(request: &Value) -> String {
    let of_content = |content: &Value| match content {
        Value::String(text) => text.clone(),
        Value::Array(parts) => {
            let texts: Vec<&str> = parts.iter().filter_map(|part| part.get("text")?.as_str()).collect();
            texts.join(" ")
        }
        _ => String::new(),
    };
    // Some clients, such as Claude Code, put instructions behind what the user says.
    let of_user = |turn: &&Value| turn.get("role").is_some_and(|role| role == "user");
    let last = |name: &str| {
        let turns = request.get(name).and_then(Value::as_array)?;
        turns.iter().rfind(of_user).or(turns.last())
    };
    let content = last("messages").or(last("input")).and_then(|turn| turn.get("content"));
    let text = content.or(request.get("prompt")).or(request.get("input"));
    text.map_or_else(String::new, of_content)
}

fn vector(text: &str) -> Vec<f64> {
    let hash = blake3::hash(text.as_bytes());
    let raw: Vec<f64> = hash.as_bytes().iter().take(16).map(|byte| f64::from(*byte) / 127.5 - 1.0).collect();
    let length = raw.iter().map(|part| part * part).sum::<f64>().sqrt().max(f64::EPSILON);
    raw.into_iter().map(|part| part / length).collect()
}
