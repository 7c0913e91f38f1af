//! The surfaces on which clients ask: how a question is put on each, and how its answers are read.

use serde_json::{Value, json};
use yumen_testkit::{Answer, Client, Event, Incoming};

use crate::{CHAT, MESSAGES, RESPONSES, ask, payloads};

/// One provider of [`yumen_testkit::standard_config`] for each dialect of upstreams.
pub const PROVIDERS: [&str; 6] =
    ["fake-openai", "fake-responses", "fake-anthropic", "fake-gemini", "fake-ollama", "fake-bedrock"];

/// One provider of [`yumen_testkit::wide_config`] for each dialect of upstreams in which no client of ours asks.
pub const MORE_PROVIDERS: [&str; 7] = [
    "fake-cohere",
    "fake-dashscope",
    "fake-dify",
    "fake-coze",
    "fake-triton",
    "fake-replicate",
    "fake-deepl",
];

/// A surface of the gateway.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Surface {
    /// OpenAI Chat Completions.
    Chat,
    /// OpenAI Responses.
    Responses,
    /// Anthropic Messages.
    Messages,
    /// Google's generateContent.
    Gemini,
    /// Ollama's chat.
    Ollama,
}

/// Every surface.
pub const SURFACES: [Surface; 5] =
    [Surface::Chat, Surface::Responses, Surface::Messages, Surface::Gemini, Surface::Ollama];

/// Every pair of a client's surface and an upstream's provider.
pub fn combinations() -> impl Iterator<Item = (Surface, &'static str)> {
    SURFACES.into_iter().flat_map(|surface| PROVIDERS.map(|provider| (surface, provider)))
}

impl Surface {
    /// The provider whose upstream speaks this surface's dialect.
    pub fn provider(self) -> &'static str {
        match self {
            Self::Chat => "fake-openai",
            Self::Responses => "fake-responses",
            Self::Messages => "fake-anthropic",
            Self::Gemini => "fake-gemini",
            Self::Ollama => "fake-ollama",
        }
    }

    /// Where a question to this model goes.
    pub fn path(self, model: &str, stream: bool) -> String {
        match self {
            Self::Chat => CHAT.to_owned(),
            Self::Responses => RESPONSES.to_owned(),
            Self::Messages => MESSAGES.to_owned(),
            Self::Ollama => "/api/chat".to_owned(),
            Self::Gemini if stream => format!("/v1beta/models/{model}:streamGenerateContent?alt=sse"),
            Self::Gemini => format!("/v1beta/models/{model}:generateContent"),
        }
    }

    /// The body of a question to this model.
    pub fn body(self, model: &str, stream: bool) -> Value {
        let mut body = match self {
            Self::Chat | Self::Messages => ask(model),
            Self::Responses => json!({ "model": model, "max_output_tokens": 64, "input": "What is it?" }),
            Self::Gemini => {
                return json!({ "contents": [{ "role": "user", "parts": [{ "text": "What is it?" }] }],
                               "generationConfig": { "maxOutputTokens": 64 } });
            }
            Self::Ollama => {
                // Streams are the default here.
                let mut body = ask(model);
                body.as_object_mut().expect("an object").remove("max_tokens");
                body["options"] = json!({ "num_predict": 64 });
                if !stream {
                    body["stream"] = json!(false);
                }
                return body;
            }
        };
        if stream {
            body["stream"] = json!(true);
        }
        body
    }

    /// The media type of its streams.
    pub fn stream_type(self) -> &'static str {
        if self == Self::Ollama { "application/x-ndjson" } else { "text/event-stream" }
    }

    /// Asks and waits for the whole answer; with `stream`, for the whole stream.
    pub async fn ask(self, client: &Client, model: &str, stream: bool) -> Answer {
        client.post(&self.path(model, stream), &self.body(model, stream)).await
    }

    /// Asks for a stream and waits for its head.
    pub async fn open(self, client: &Client, model: &str) -> Incoming {
        client.open(&self.path(model, true), &self.body(model, true)).await
    }

    /// The text of a whole answer.
    pub fn text(self, answer: &Answer) -> String {
        let body = answer.json();
        let text = match self {
            Self::Chat => body["choices"][0]["message"]["content"].as_str().map(str::to_owned),
            Self::Messages => joined(&body["content"], |part| part["text"].as_str()),
            Self::Responses => output_text(&body),
            Self::Gemini => joined(&body["candidates"][0]["content"]["parts"], spoken),
            Self::Ollama => body["message"]["content"].as_str().map(str::to_owned),
        };
        text.unwrap_or_else(|| panic!("no text: {body}"))
    }

    /// The text of a stream; checks that it ended as it should.
    pub fn stream_text(self, events: &[Event]) -> String {
        let last = events.iter().rfind(|event| !event.data.is_empty()).expect("an event");
        match self {
            Self::Chat => {
                assert!(last.is_done(), "the last event is {last:?}");
                crate::chat_text(events)
            }
            Self::Messages => {
                assert_eq!(last.name, "message_stop");
                crate::messages_text(events)
            }
            Self::Responses => {
                assert!(
                    ["response.completed", "response.incomplete"].contains(&last.name.as_str()),
                    "{last:?}"
                );
                let deltas = events.iter().filter(|event| event.name == "response.output_text.delta");
                let text: String = deltas.map(|event| said(&event.json()["delta"])).collect();
                assert_eq!(
                    output_text(&last.json()["response"]).unwrap_or_default(),
                    text,
                    "the whole repeats its pieces"
                );
                text
            }
            Self::Gemini => {
                let chunks = payloads(events);
                let end = &chunks.last().expect("a chunk")["candidates"][0];
                assert!(end["finishReason"].is_string(), "the last chunk is {end}");
                let parts = chunks.iter().map(|chunk| &chunk["candidates"][0]["content"]["parts"]);
                parts.filter_map(|parts| joined(parts, spoken)).collect()
            }
            Self::Ollama => {
                let lines = payloads(events);
                let end = lines.last().expect("a line");
                assert!(end["done"] == true && end["done_reason"].is_string(), "the last line is {end}");
                lines.iter().map(|line| said(&line["message"]["content"])).collect()
            }
        }
    }

    /// The message of an error answer; panics when it has another shape.
    pub fn error_message(self, body: &Value) -> String {
        let message = if self == Self::Ollama { &body["error"] } else { &body["error"]["message"] };
        message.as_str().unwrap_or_else(|| panic!("an error without a message: {body}")).to_owned()
    }

    /// The messages of the errors in a stream, in this surface's shape; panics when one has another.
    pub fn stream_errors(self, events: &[Event]) -> Vec<String> {
        let told = events.iter().filter(|event| !event.data.is_empty() && !event.is_done());
        let message = |event: &Event| {
            let data = event.json();
            let error = match (self, event.name.as_str()) {
                (Self::Responses, "error") => &data,
                (Self::Responses, "response.failed") => &data["response"]["error"],
                (Self::Responses, _) => return None,
                (Self::Messages, name) if data["error"].is_object() => {
                    assert_eq!((name, &data["type"]), ("error", &json!("error")), "{data}");
                    &data["error"]
                }
                (Self::Ollama, _) => return data.get("error").map(said),
                _ => data.get("error").filter(|error| !error.is_null())?,
            };
            Some(
                error["message"]
                    .as_str()
                    .unwrap_or_else(|| panic!("an error without a message: {data}"))
                    .to_owned(),
            )
        };
        told.filter_map(message).collect()
    }

    /// Whether an event ends a stream of this surface well.
    pub fn is_end(self, event: &Event) -> bool {
        match self {
            Self::Chat => event.is_done(),
            Self::Messages => event.name == "message_stop",
            Self::Responses => event.name == "response.completed",
            Self::Gemini => event.data.contains("\"finishReason\""),
            Self::Ollama => event.data.contains("\"done\":true"),
        }
    }
}

fn output_text(response: &Value) -> Option<String> {
    let mut messages = response["output"].as_array()?.iter().filter(|item| item["type"] == "message");
    joined(&messages.next()?["content"], |part| part["text"].as_str())
}

/// What a part says aloud: thoughts are none of it.
fn spoken(part: &Value) -> Option<&str> {
    part["text"].as_str().filter(|_| part["thought"] != true)
}

fn joined(parts: &Value, text: impl Fn(&Value) -> Option<&str>) -> Option<String> {
    Some(parts.as_array()?.iter().filter_map(text).collect())
}

fn said(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
