//! What a fake model says, before any dialect: chosen by the model's name and the request.

use std::borrow::Cow;

use serde_json::Value;

use super::errand::{self, Errand};

/// An answer's content.
#[derive(Debug, Clone, Default)]
pub(super) struct Content {
    /// Thinking and its signature.
    pub(super) thinking: Option<(Vec<&'static str>, &'static str)>,
    /// Text as the pieces in which it streams.
    pub(super) text: Vec<String>,
    pub(super) calls: Vec<Call>,
    pub(super) finish: Finish,
    /// `None` when the upstream reports none.
    pub(super) usage: Option<Usage>,
    pub(super) logprobs: bool,
    /// Whether sealed reasoning was asked for, where one must ask.
    pub(super) sealed: bool,
}

/// A tool call; its arguments as the pieces in which they stream.
#[derive(Debug, Clone)]
pub(super) struct Call {
    pub(super) id: &'static str,
    pub(super) name: Cow<'static, str>,
    pub(super) arguments: Vec<Cow<'static, str>>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Finish {
    #[default]
    Stop,
    Length,
    Tool,
    Refusal,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Usage {
    /// All prompt tokens, cached ones included.
    pub(super) input: u64,
    pub(super) cached: u64,
    pub(super) cache_write: u64,
    pub(super) output: u64,
    pub(super) reasoning: u64,
}

const THOUGHTS: [&str; 2] = ["The gate", " is in the west."];
/// What proves them.
const PROOF: &str = "c2lnbmF0dXJlLW9mLXRoZS1nYXRl";

/// Whether the results of a tool come back without what proves the thoughts that led to its call: Anthropic, Google and
/// Amazon refuse that.
pub(super) fn lacks_proof(scenario: &str, request: &Value) -> bool {
    scenario == "fake-signed-tools" && has_tool_result(request) && !request.to_string().contains(PROOF)
}

/// What this model says to this request.
pub(super) fn of(scenario: &str, request: &Value) -> Content {
    let usage = Usage { input: 21, cached: 0, cache_write: 0, output: 7, reasoning: 0 };
    let plain = Content {
        text: ["Hello", " from", " the", " fake", " gate", " 玉门", "."].map(str::to_owned).to_vec(),
        usage: Some(usage),
        logprobs: wants_logprobs(request),
        sealed: includes(request, "reasoning.encrypted_content"),
        ..Content::default()
    };
    let tools = |calls: Vec<Call>| match has_tool_result(request) {
        true => Content { text: vec!["It is 21 degrees".into(), " in Dunhuang.".into()], ..plain.clone() },
        false => Content { text: Vec::new(), calls, finish: Finish::Tool, ..plain.clone() },
    };
    let weather = |id, city: Vec<&'static str>| Call {
        id,
        name: "weather".into(),
        arguments: city.into_iter().map(Cow::from).collect(),
    };
    match scenario {
        "fake-tools" => tools(vec![weather("1", vec!["{\"city\":", "\"Dun", "huang\"}"])]),
        "fake-parallel-tools" => tools(vec![
            weather("1", vec!["{\"city\":", "\"Dunhuang\"}"]),
            weather("2", vec!["{\"city\":\"", "Kashgar", "\"}"]),
        ]),
        "fake-zero-arg" => tools(vec![Call { id: "1", name: "now".into(), arguments: Vec::new() }]),
        "fake-text-and-tools" => Content {
            text: vec!["Let me look.".into()],
            ..tools(vec![weather("1", vec!["{\"city\":\"Dunhuang\"}"])])
        },
        "fake-signed-tools" => Content {
            thinking: Some((THOUGHTS.to_vec(), PROOF)),
            ..tools(vec![weather("1", vec!["{\"city\":", "\"Dunhuang\"}"])])
        },
        "fake-cut-arguments" => {
            Content { finish: Finish::Length, ..tools(vec![weather("1", vec!["{\"city\":", "\"Dunh"])]) }
        }
        "fake-errand" => match errand::of(request) {
            Some(Errand::Call(name, arguments)) => Content {
                text: Vec::new(),
                calls: vec![Call { id: "1", name: name.into(), arguments: vec![arguments.into()] }],
                finish: Finish::Tool,
                ..plain
            },
            Some(Errand::Say(words)) => Content { text: vec![words], ..plain },
            None => plain,
        },
        "fake-thinking" => Content {
            thinking: Some((THOUGHTS.to_vec(), PROOF)),
            usage: Some(Usage { output: 19, reasoning: 12, ..usage }),
            ..plain
        },
        "fake-json" => Content {
            text: ["{\"city\":", "\"Dunhuang\"", ",\"degrees\":21}"].map(str::to_owned).to_vec(),
            ..plain
        },
        "fake-length" => Content { text: vec!["Hello from".into()], finish: Finish::Length, ..plain },
        "fake-refusal" => Content {
            text: vec!["I cannot".into(), " help with that.".into()],
            finish: Finish::Refusal,
            ..plain
        },
        "fake-cached" => {
            Content { usage: Some(Usage { input: 1_021, cached: 800, cache_write: 200, ..usage }), ..plain }
        }
        "fake-no-usage" => Content { usage: None, ..plain },
        "fake-big-event" => Content { text: vec!["x".repeat(2 * 1024 * 1024)], ..plain },
        _ => plain,
    }
}

/// Whether probabilities were asked for, in the words of any dialect.
fn wants_logprobs(request: &Value) -> bool {
    request["logprobs"] == true
        || request["generationConfig"]["responseLogprobs"] == true
        || includes(request, "message.output_text.logprobs")
}

/// Whether a Responses request wants this in its answer.
fn includes(request: &Value, name: &str) -> bool {
    list(&request["include"]).iter().any(|wanted| wanted == name)
}

/// Whether a tool has already been called: then the model answers in words.
fn has_tool_result(request: &Value) -> bool {
    let is_result = |part: &Value| {
        part["type"] == "tool_result"
            || part["toolResult"].is_object()
            || part["functionResponse"].is_object()
            || part["function_response"].is_object()
    };
    list(&request["messages"])
        .iter()
        .any(|message| message["role"] == "tool" || list(&message["content"]).iter().any(is_result))
        || list(&request["input"]["messages"]).iter().any(|message| message["role"] == "tool")
        || list(&request["input"]).iter().any(|item| item["type"] == "function_call_output")
        || list(&request["contents"]).iter().any(|turn| list(&turn["parts"]).iter().any(is_result))
}

/// The entries of an array; none where it is no array.
pub(super) fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

impl Call {
    /// The whole arguments; an empty object when it has none.
    pub(super) fn object(&self) -> String {
        if self.arguments.is_empty() { "{}".to_owned() } else { self.arguments.concat() }
    }
}
