//! From the model's name to an answer: the content of [`super::content`] in the dialect that the path names, then the
//! fault of the transport that the name asks for. What a dialect cannot have is answered as the plain one.

use std::io::Write;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use http::Method;
use serde_json::{Value, json};

use super::content::{self, Content};
use super::media::{self, Media};
use super::{
    Received, Reply, Step, agents, anthropic, bedrock, cohere, dashscope, gemini, ollama, openai, plain,
    realtime, responses,
};

/// The names that mean something. `fake-NNN` (such as `fake-429`) answers with that status.
pub const SCENARIOS: &[&str] = &[
    "fake-chat",
    // Content.
    "fake-tools",
    "fake-parallel-tools",
    "fake-zero-arg",
    "fake-text-and-tools",
    "fake-cut-arguments",
    "fake-signed-tools",
    "fake-errand",
    "fake-thinking",
    "fake-json",
    "fake-broken-json",
    "fake-cut-json",
    "fake-broken-tools",
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
    "fake-lf",
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

/// The dialect of a request, with what is asked in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Dialect {
    OpenAi,
    Responses,
    Anthropic,
    Gemini,
    Ollama,
    Bedrock,
    Cohere,
    DashScope,
    Dify,
    Coze,
    Triton,
    Replicate,
    DeepL,
}

/// The dialects that no client speaks, by what their paths hold.
const BY_PATH: [(&str, Dialect); 7] = [
    ("/v2/chat", Dialect::Cohere),
    ("/services/aigc/", Dialect::DashScope),
    ("/chat-messages", Dialect::Dify),
    ("/v3/chat", Dialect::Coze),
    ("/v2/models/", Dialect::Triton),
    ("/predictions", Dialect::Replicate),
    ("/v2/translate", Dialect::DeepL),
];

/// Where Replicate's streams are, before the model's name.
const REPLICATE_STREAMS: &str = "/v1/files/";

/// What a request asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Task {
    Chat,
    Completion,
    Embeddings,
    CountTokens,
}

/// The answer to a request.
pub(super) fn answer(request: &Received) -> Reply {
    let path = request.path.split('?').next().unwrap_or_default();
    let dialect = dialect_of(request, path);
    if request.method == Method::GET && path.ends_with("/models") {
        return Reply::json(200, &models(dialect));
    }
    if let Some(model) = path.strip_prefix(REPLICATE_STREAMS).filter(|_| request.method == Method::GET) {
        let content = content::of(model, &Value::Null);
        return stream(Dialect::Replicate, model, plain::replicate_events(&content));
    }
    if let Some(file) = request.part("file").filter(|_| path.ends_with("/files/upload")) {
        // Its name is what it holds, so that whoever sees the name knows.
        let id = STANDARD.encode(file);
        return Reply::json(201, &json!({ "id": id, "code": 0, "data": { "id": id } }));
    }
    let (model, body) = (request.model(), request.json());
    if path.ends_with("/realtime") {
        return realtime::handshake(request)
            .map(|reply| {
                status_of(&model).map_or_else(|| head_fault(&model, reply), |status| error(dialect, status))
            })
            .unwrap_or_else(|| error(dialect, 400));
    }
    let media = media::answer(request, path, &model).filter(|_| request.method == Method::POST);
    if let Some(media) = media.filter(|_| !model.is_empty()) {
        return match status_of(&model) {
            Some(status) => error(dialect, status),
            None => head_fault(
                &model,
                match media {
                    Media::Events(events) => stream(dialect, &model, events),
                    Media::Whole(reply) => whole_fault(&model, reply),
                },
            ),
        };
    }
    let by_path = BY_PATH.iter().any(|(_, known)| *known == dialect);
    let task = if by_path { Some(Task::Chat) } else { task_of(path) };
    let Some(task) = task.filter(|_| request.method == Method::POST && !model.is_empty()) else {
        return error(dialect, 404);
    };
    if let Some(status) = status_of(&model) {
        return error(dialect, status);
    }
    let checks = matches!(dialect, Dialect::Anthropic | Dialect::Gemini | Dialect::Bedrock);
    if checks && content::lacks_proof(&model, &body) {
        return error(dialect, 400);
    }
    if dialect == Dialect::Anthropic && body["thread"].is_object() {
        return Reply::json(400, &anthropic::no_threads());
    }
    let content = content::of(possible(dialect, &model), &body);
    let by_default = dialect == Dialect::Ollama && body["stream"] != false;
    let streamed = body["stream"] == true
        || by_default
        || body["response_mode"] == "streaming"
        || request.header("x-dashscope-sse") == "enable"
        || path.ends_with(":streamGenerateContent")
        || path.ends_with("/generate_stream")
        || path.ends_with("/converse-stream");
    if streamed && dialect == Dialect::Replicate {
        let address = format!("http://{}{REPLICATE_STREAMS}{model}", request.header("host"));
        return head_fault(&model, Reply::json(201, &plain::replicate_begun(&model, &address)));
    }
    let reply = match events(dialect, task, &model, &content, &body) {
        Some(events) if streamed => stream(dialect, &model, events),
        _ => whole_fault(&model, Reply::json(200, &whole(dialect, task, &model, &content, &body))),
    };
    head_fault(&model, reply)
}

/// The status with which a model of this name answers.
fn status_of(model: &str) -> Option<u16> {
    model.strip_prefix("fake-")?.parse().ok()
}

fn dialect_of(request: &Received, path: &str) -> Dialect {
    if let Some((_, known)) = BY_PATH.iter().find(|(held, _)| path.contains(held)) {
        *known
    } else if path.starts_with("/v1beta/") {
        Dialect::Gemini
    } else if path.starts_with("/api/") {
        Dialect::Ollama
    } else if path.starts_with("/model/") {
        Dialect::Bedrock
    } else if path.contains("/messages") || request.headers.contains_key("anthropic-version") {
        Dialect::Anthropic
    } else if path.ends_with("/responses") {
        Dialect::Responses
    } else {
        Dialect::OpenAi
    }
}

fn task_of(path: &str) -> Option<Task> {
    match path.rsplit(['/', ':']).next()? {
        "completions" if !path.ends_with("/chat/completions") => Some(Task::Completion),
        "completions"
        | "messages"
        | "responses"
        | "generateContent"
        | "streamGenerateContent"
        | "converse"
        | "converse-stream"
        | "chat" => Some(Task::Chat),
        "generate" => Some(Task::Completion),
        "embeddings" | "embedContent" | "batchEmbedContents" | "embed" => Some(Task::Embeddings),
        "count_tokens" | "countTokens" => Some(Task::CountTokens),
        _ => None,
    }
}

/// The scenario, or the plain one where the dialect cannot have it: arguments of a call are whole in Google's and
/// Ollama's.
fn possible(dialect: Dialect, model: &str) -> &str {
    let whole_calls = matches!(dialect, Dialect::Gemini | Dialect::Ollama);
    if whole_calls && model == "fake-cut-arguments" { "fake-chat" } else { model }
}

fn models(dialect: Dialect) -> Value {
    match dialect {
        Dialect::OpenAi | Dialect::Responses => openai::models(SCENARIOS),
        Dialect::Anthropic => anthropic::models(SCENARIOS),
        Dialect::Gemini => gemini::models(SCENARIOS),
        Dialect::Ollama => ollama::models(SCENARIOS),
        // Their models are listed by another service, in another way, or nowhere.
        _ => json!({}),
    }
}

fn whole(dialect: Dialect, task: Task, model: &str, content: &Content, body: &Value) -> Value {
    match (task, dialect) {
        (Task::CountTokens, Dialect::Gemini) => json!({ "totalTokens": 42 }),
        (Task::CountTokens, _) => json!({ "input_tokens": 42 }),
        (Task::Embeddings, Dialect::Gemini) => gemini::embeddings(body),
        (Task::Embeddings, Dialect::Ollama) => ollama::embeddings(model, body),
        (Task::Embeddings, _) => openai::embeddings(model, body),
        (Task::Completion, Dialect::Ollama) => ollama::generate(model, content),
        (Task::Completion, _) => openai::completion(model, content),
        (Task::Chat, Dialect::OpenAi) => openai::chat(model, content),
        (Task::Chat, Dialect::Responses) => responses::response(model, content),
        (Task::Chat, Dialect::Anthropic) => anthropic::message(model, content),
        (Task::Chat, Dialect::Gemini) => gemini::answer(model, content),
        (Task::Chat, Dialect::Ollama) => ollama::chat(model, content),
        (Task::Chat, Dialect::Bedrock) => bedrock::answer(content),
        (Task::Chat, Dialect::Cohere) => cohere::answer(content),
        (Task::Chat, Dialect::DashScope) => dashscope::answer(content, has_lists(body)),
        (Task::Chat, Dialect::Dify) => agents::dify(content),
        // It answers with a stream, or with something else to ask.
        (Task::Chat, Dialect::Coze) => agents::coze_error(400),
        (Task::Chat, Dialect::Triton) => plain::triton(model, content),
        (Task::Chat, Dialect::Replicate) => plain::replicate(model, content),
        (Task::Chat, Dialect::DeepL) => plain::deepl(content, body),
    }
}

/// Whether a request of DashScope's has the second form, in which answers have it, too.
fn has_lists(body: &Value) -> bool {
    content::list(&body["input"]["messages"]).iter().any(|message| message["content"].is_array())
}

fn events(dialect: Dialect, task: Task, model: &str, content: &Content, body: &Value) -> Option<Vec<String>> {
    let include_usage = body["stream_options"]["include_usage"] == true;
    match (task, dialect) {
        (Task::CountTokens | Task::Embeddings, _) => None,
        (Task::Completion, Dialect::Ollama) => Some(ollama::generate_lines(model, content)),
        (Task::Completion, _) => Some(openai::completion_events(model, content, include_usage)),
        (Task::Chat, Dialect::OpenAi) => Some(openai::chat_events(model, content, include_usage)),
        (Task::Chat, Dialect::Responses) => Some(responses::events(model, content)),
        (Task::Chat, Dialect::Anthropic) => Some(anthropic::events(model, content)),
        (Task::Chat, Dialect::Gemini) => Some(gemini::events(model, content)),
        (Task::Chat, Dialect::Ollama) => Some(ollama::chat_lines(model, content)),
        (Task::Chat, Dialect::Bedrock) => Some(bedrock::events(content)),
        (Task::Chat, Dialect::Cohere) => Some(cohere::events(content)),
        (Task::Chat, Dialect::DashScope) => Some(dashscope::events(content, has_lists(body))),
        (Task::Chat, Dialect::Dify) => Some(agents::dify_events(content)),
        (Task::Chat, Dialect::Coze) => Some(agents::coze_events(content)),
        (Task::Chat, Dialect::Triton) => Some(plain::triton_events(model, content)),
        (Task::Chat, Dialect::Replicate | Dialect::DeepL) => None,
    }
}

fn stream(dialect: Dialect, model: &str, mut events: Vec<String>) -> Reply {
    let middle = events.len() / 2;
    let error_event = match dialect {
        Dialect::OpenAi => openai::error_event(),
        Dialect::Responses => responses::error_event(),
        Dialect::Anthropic => anthropic::error_event(),
        Dialect::Gemini => gemini::error_event(),
        Dialect::Ollama => ollama::error_line(),
        Dialect::Bedrock => bedrock::error_event(),
        Dialect::Cohere => cohere::error_event(),
        Dialect::DashScope => dashscope::error_event(),
        Dialect::Dify => agents::dify_error_event(),
        Dialect::Coze => agents::coze_error_event(),
        Dialect::Triton => plain::triton_error_event(),
        Dialect::Replicate => plain::replicate_error_event(),
        // It does not stream.
        Dialect::DeepL => String::new(),
    };
    // Lines have neither comments nor fields, and one way to end; an empty one is all that can stand between them.
    let in_lines = dialect == Dialect::Ollama;
    let comment = |text: &str| if in_lines { "\n".to_owned() } else { format!(": {text}\n\n") };
    let respell = |events: &mut Vec<String>, end: &str| {
        events.iter_mut().for_each(|event| *event = event.replace("\r\n", "\n").replace('\n', end));
    };
    match model {
        "fake-lf" => respell(&mut events, "\n"),
        "fake-crlf" => respell(&mut events, "\r\n"),
        "fake-cr" | "fake-no-space" | "fake-fields" if in_lines => {}
        "fake-cr" => respell(&mut events, "\r"),
        "fake-no-space" => {
            events
                .iter_mut()
                .for_each(|event| *event = event.replace("data: ", "data:").replace("event: ", "event:"));
        }
        "fake-comments" => {
            events.iter_mut().for_each(|event| event.insert_str(0, &comment("OPENROUTER PROCESSING")));
        }
        "fake-fields" => {
            events.iter_mut().for_each(|event| event.insert_str(0, ":\nid: 7\nretry: 1000\nunknown\n"));
        }
        "fake-heartbeat" => {
            events.insert(events.len() - 1, comment("still here"));
            events.push(comment("still here"));
        }
        // The others' last event holds what makes the answer complete.
        "fake-no-done" if matches!(dialect, Dialect::OpenAi | Dialect::Anthropic) => drop(events.pop()),
        "fake-no-final-blank" => {
            if let Some(last) = events.last_mut() {
                last.truncate(last.trim_end().len());
            }
        }
        "fake-error-event" => {
            events.truncate(middle);
            events.push(error_event);
        }
        "fake-error-first" if dialect == Dialect::Responses => events = responses::failed_events(model),
        "fake-error-first" => events = vec![error_event],
        _ => {}
    }
    let reply = match dialect {
        Dialect::Bedrock => Reply::binary_stream(events),
        Dialect::Ollama => Reply::lines(events),
        _ => Reply::stream(events),
    };
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
    let said_as = if dialect == Dialect::Coze && status != 401 { 200 } else { status };
    let reply = Reply::json(
        said_as,
        &match dialect {
            Dialect::OpenAi | Dialect::Responses => openai::error(status),
            Dialect::Anthropic => anthropic::error(status),
            Dialect::Gemini => gemini::error(status),
            Dialect::Ollama => ollama::error(status),
            Dialect::Bedrock => bedrock::error(status),
            Dialect::Cohere => cohere::error(status),
            Dialect::DashScope => dashscope::error(status),
            Dialect::Dify => agents::dify_error(status),
            Dialect::Coze => agents::coze_error(status),
            Dialect::Triton => plain::triton_error(status),
            Dialect::Replicate => plain::replicate_error(status),
            Dialect::DeepL => plain::deepl_error(status),
        },
    );
    let reply = match dialect {
        Dialect::Bedrock => reply.header("x-amzn-errortype", bedrock::error_name(status)),
        _ => reply,
    };
    if status == 429 && dialect != Dialect::Gemini { reply.header("retry-after", "7") } else { reply }
}

/// Compressed as one stream, flushed at each event, so that a reader can have each as it comes.
fn gzip_stream(reply: Reply) -> Reply {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    let mut pieces = Vec::new();
    for event in reply.pieces() {
        encoder.write_all(event).expect("memory");
        encoder.flush().expect("memory");
        pieces.push(Bytes::from(std::mem::take(encoder.get_mut())));
    }
    pieces.push(Bytes::from(encoder.finish().expect("memory")));
    reply.in_pieces(pieces).header("content-encoding", "gzip")
}
