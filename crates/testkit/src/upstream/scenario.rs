//! From the model's name to an answer: the content of [`super::content`] in the dialect that the path names, then the
//! fault of the transport that the name asks for.

use std::io::Write;
use std::time::Duration;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use http::Method;
use serde_json::{Value, json};

use super::{Received, Reply, Step, anthropic, content, openai};

/// The names that mean something. `fake-NNN` (such as `fake-429`) answers with that status.
pub const SCENARIOS: &[&str] = &[
    "fake-chat",
    // Content.
    "fake-tools",
    "fake-parallel-tools",
    "fake-zero-arg",
    "fake-text-and-tools",
    "fake-cut-arguments",
    "fake-thinking",
    "fake-json",
    "fake-length",
    "fake-refusal",
    "fake-cached",
    "fake-no-usage",
    "fake-embed",
    // Answers that are errors.
    "fake-400",
    "fake-401",
    "fake-403",
    "fake-404",
    "fake-429",
    "fake-500",
    "fake-503",
    "fake-529",
    "fake-html",
    "fake-empty",
    "fake-not-json",
    // Streams by another spelling.
    "fake-crlf",
    "fake-cr",
    "fake-no-space",
    "fake-comments",
    "fake-fields",
    "fake-byte-by-byte",
    "fake-bundled",
    "fake-big-event",
    "fake-gzip",
    "fake-no-done",
    "fake-no-final-blank",
    // Streams that break or dawdle. `hold` falls silent midway, `gated` goes on when the test says so.
    "fake-cut-first",
    "fake-cut-mid-stream",
    "fake-error-first",
    "fake-error-event",
    "fake-heartbeat",
    "fake-slow",
    "fake-slow-first-byte",
    "fake-never-answers",
    "fake-hold",
    "fake-gated",
    "fake-gated-first-byte",
    "fake-gated-gzip",
];

/// Between the pieces of a slow stream: long enough for a client to be seen waiting.
const SLOW: Duration = Duration::from_millis(150);
/// Before the head of a late answer.
const LATE: Duration = Duration::from_secs(2);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Dialect {
    OpenAi,
    Anthropic,
}

/// The answer to a request.
pub(super) fn answer(request: &Received) -> Reply {
    let path = request.path.split('?').next().unwrap_or_default();
    let dialect = if path.contains("/messages") || request.headers.contains_key("anthropic-version") {
        Dialect::Anthropic
    } else {
        Dialect::OpenAi
    };
    if request.method == Method::GET && path.ends_with("/models") {
        return Reply::json(
            200,
            &match dialect {
                Dialect::OpenAi => openai::models(SCENARIOS),
                Dialect::Anthropic => anthropic::models(SCENARIOS),
            },
        );
    }
    let body = request.json();
    let Some(model) = body["model"].as_str().filter(|_| request.method == Method::POST) else {
        return error(dialect, 404);
    };
    if let Some(status) = model.strip_prefix("fake-").and_then(|text| text.parse().ok()) {
        return error(dialect, status);
    }
    if path.ends_with("/count_tokens") {
        return Reply::json(200, &json!({ "input_tokens": 42 }));
    }
    let streamed = body["stream"] == true;
    let reply = match events(path, model, &body) {
        Some(events) if streamed => stream(dialect, model, events),
        _ => match whole(path, model, &body) {
            Some(answer) => whole_fault(model, Reply::json(200, &answer)),
            None => return error(dialect, 404),
        },
    };
    head_fault(model, reply)
}

fn whole(path: &str, model: &str, body: &Value) -> Option<Value> {
    let content = content::of(model, body);
    match path.rsplit('/').next()? {
        "messages" => Some(anthropic::message(model, &content)),
        "embeddings" => Some(openai::embeddings(model, body)),
        "completions" if path.ends_with("/chat/completions") => Some(openai::chat(model, &content)),
        "completions" => Some(openai::completion(model, &content)),
        _ => None,
    }
}

fn events(path: &str, model: &str, body: &Value) -> Option<Vec<String>> {
    let content = content::of(model, body);
    let include_usage = body["stream_options"]["include_usage"] == true;
    match path.rsplit('/').next()? {
        "messages" => Some(anthropic::events(model, &content)),
        "completions" if path.ends_with("/chat/completions") => {
            Some(openai::chat_events(model, &content, include_usage))
        }
        "completions" => Some(openai::completion_events(model, &content, include_usage)),
        _ => None,
    }
}

fn stream(dialect: Dialect, model: &str, mut events: Vec<String>) -> Reply {
    let middle = events.len() / 2;
    let error_event = match dialect {
        Dialect::OpenAi => openai::error_event(),
        Dialect::Anthropic => anthropic::error_event(),
    };
    match model {
        "fake-crlf" => events.iter_mut().for_each(|event| *event = event.replace('\n', "\r\n")),
        "fake-cr" => events.iter_mut().for_each(|event| *event = event.replace('\n', "\r")),
        "fake-no-space" => {
            events
                .iter_mut()
                .for_each(|event| *event = event.replace("data: ", "data:").replace("event: ", "event:"));
        }
        "fake-comments" => {
            events.iter_mut().for_each(|event| event.insert_str(0, ": OPENROUTER PROCESSING\n\n"));
        }
        "fake-fields" => {
            events.iter_mut().for_each(|event| event.insert_str(0, ":\nid: 7\nretry: 1000\nunknown\n"));
        }
        "fake-heartbeat" => {
            events.insert(events.len() - 1, ": still here\n\n".to_owned());
            events.push(": still here\n\n".to_owned());
        }
        "fake-no-done" => drop(events.pop()),
        "fake-no-final-blank" => {
            if let Some(last) = events.last_mut() {
                last.truncate(last.trim_end().len());
            }
        }
        "fake-error-event" => {
            events.truncate(middle);
            events.push(error_event);
        }
        "fake-error-first" => events = vec![error_event],
        _ => {}
    }
    let reply = Reply::stream(events);
    match model {
        "fake-byte-by-byte" => {
            reply.recut(|bytes| bytes.iter().map(|byte| Bytes::copy_from_slice(&[*byte])).collect())
        }
        "fake-bundled" => reply.recut(|bytes| vec![Bytes::copy_from_slice(bytes)]),
        "fake-gzip" => gzip_stream(reply),
        "fake-gated-gzip" => gzip_stream(reply).insert(middle, Step::Gate),
        "fake-cut-first" => reply.insert(0, Step::Cut),
        "fake-cut-mid-stream" => reply.insert(middle, Step::Cut),
        "fake-hold" => reply.insert(middle, Step::Hang),
        "fake-gated" => reply.insert(middle, Step::Gate),
        "fake-slow" => reply.between(&Step::Pause(SLOW)),
        _ => reply,
    }
}

/// Faults of an answer that is no stream.
fn whole_fault(model: &str, reply: Reply) -> Reply {
    match model {
        "fake-gzip" => {
            let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
            encoder.write_all(&reply.bytes()).expect("memory");
            let body = encoder.finish().expect("memory");
            Reply::whole(200, "application/json", body).header("content-encoding", "gzip")
        }
        "fake-cut-first" | "fake-cut-mid-stream" => {
            let bytes = reply.bytes();
            let (first, rest) = bytes.split_at(bytes.len() / 2);
            let halves =
                reply.clone().recut(|_| vec![Bytes::copy_from_slice(first), Bytes::copy_from_slice(rest)]);
            halves.insert(1, Step::Cut)
        }
        "fake-hold" => reply.insert(0, Step::Hang),
        "fake-gated" => reply.insert(0, Step::Gate),
        "fake-empty" => Reply::whole(200, "application/json", ""),
        "fake-not-json" => Reply::whole(200, "application/json", "{\"choices\": [oops"),
        _ => reply,
    }
}

/// Faults before the head, the same for both kinds of answers.
fn head_fault(model: &str, reply: Reply) -> Reply {
    match model {
        "fake-never-answers" => reply.after(Step::Hang),
        "fake-gated-first-byte" => reply.after(Step::Gate),
        "fake-slow-first-byte" => reply.after(Step::Pause(LATE)),
        "fake-html" => Reply::whole(502, "text/html", "<html><h1>502 Bad Gateway</h1></html>"),
        _ => reply,
    }
}

fn error(dialect: Dialect, status: u16) -> Reply {
    let reply = Reply::json(
        status,
        &match dialect {
            Dialect::OpenAi => openai::error(status),
            Dialect::Anthropic => anthropic::error(status),
        },
    );
    if status == 429 { reply.header("retry-after", "7") } else { reply }
}

/// Compressed as one stream, flushed at each event, so that a reader can have each as it comes.
fn gzip_stream(reply: Reply) -> Reply {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    let mut pieces = Vec::new();
    let whole = String::from_utf8(reply.bytes()).expect("events in UTF-8");
    for event in whole.split_inclusive("\n\n") {
        encoder.write_all(event.as_bytes()).expect("memory");
        encoder.flush().expect("memory");
        pieces.push(Bytes::from(std::mem::take(encoder.get_mut())));
    }
    pieces.push(Bytes::from(encoder.finish().expect("memory")));
    Reply::stream(pieces).header("content-encoding", "gzip")
}
