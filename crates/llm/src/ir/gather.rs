//! A whole answer put together from its stream, for a client that did not ask for one when its upstream only streams.
//!
//! In: the events of one stream, in order. Out: the answer that they make, or the error that has taken its place. It holds
//! what the answer holds and nothing more; whoever reads the stream bounds its size.

use std::collections::BTreeMap;

use serde_json::value::RawValue;

use super::{Answer, Choice, Content, ErrorFacts, Json, Part, Start, StreamEvent};

/// What has been gathered so far. The way back is [`Answer::into_events`].
#[derive(Debug, Default)]
pub struct Gatherer {
    answer: Answer,
    choices: BTreeMap<u32, Gathered>,
    error: Option<Box<ErrorFacts>>,
    ended: bool,
}

/// One choice.
#[derive(Debug, Default)]
struct Gathered {
    choice: Choice,
    /// Whether its last part is still being generated.
    open: bool,
    /// The number of each call, and the place of its part.
    calls: Vec<(u32, usize)>,
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ungathered {
    /// The upstream said an error.
    Failed(Box<ErrorFacts>),
    /// Neither an error nor an end was said.
    Unended,
}

impl Gatherer {
    /// Takes the next event.
    pub fn take(&mut self, event: StreamEvent) {
        match event {
            StreamEvent::Start(start) => self.start(*start),
            StreamEvent::Text { choice, text, logprobs } => {
                let gathered = self.choice(choice);
                gathered.text(text);
                gathered.add_logprobs(logprobs);
            }
            StreamEvent::Thinking { choice, text } => self.choice(choice).thinking(text),
            StreamEvent::Signature { choice, signature, format } => {
                self.choice(choice).sign(signature, format);
            }
            StreamEvent::RedactedThinking { choice, data, format } => {
                self.choice(choice).push(Content::RedactedThinking { data, format });
            }
            StreamEvent::ToolCallStart { choice, call, id, name } => {
                let gathered = self.choice(choice);
                gathered.calls.push((call, gathered.choice.parts.len()));
                gathered.push(Content::ToolCall { id, name, arguments: String::new() });
            }
            StreamEvent::ToolCallArguments { choice, call, arguments } => {
                self.choice(choice).add_arguments(call, &arguments);
            }
            StreamEvent::Refusal { choice, text } => self.choice(choice).refuse(text),
            StreamEvent::Citation { choice, citation } => {
                self.choice(choice).whole(Content::Citation(citation));
            }
            StreamEvent::Image { choice, source } => {
                self.choice(choice).whole(Content::Image { source, detail: None });
            }
            StreamEvent::PartEnd { choice } => self.choice(choice).open = false,
            StreamEvent::Usage(usage) => self.answer.usage = Some(usage),
            StreamEvent::Finish { choice, finish } => {
                self.choice(choice).choice.finish.get_or_insert(finish);
            }
            StreamEvent::Ping => {}
            StreamEvent::Error(error) => self.error = self.error.take().or(Some(error)),
            StreamEvent::End => self.ended = true,
        }
    }

    /// The answer, when the stream has come to its end.
    pub fn finish(self) -> Result<Answer, Ungathered> {
        match self.error {
            Some(error) => Err(Ungathered::Failed(error)),
            None if !self.ended => Err(Ungathered::Unended),
            None => {
                let choices = self.choices.into_iter();
                let choices = choices.map(|(index, gathered)| Choice { index, ..gathered.choice }).collect();
                Ok(Answer { choices, ..self.answer })
            }
        }
    }

    fn start(&mut self, start: Start) {
        let Start { id, model, created, system_fingerprint, service_tier } = start;
        let usage = self.answer.usage;
        self.answer =
            Answer { id, model, created, choices: Vec::new(), usage, system_fingerprint, service_tier };
    }

    fn choice(&mut self, index: u32) -> &mut Gathered {
        self.choices.entry(index).or_default()
    }
}

impl Gathered {
    fn push(&mut self, content: Content) {
        self.choice.parts.push(Part::new(content));
        self.open = true;
    }

    /// A part of which nothing more comes.
    fn whole(&mut self, content: Content) {
        self.push(content);
        self.open = false;
    }

    /// The content that is being generated.
    fn current(&mut self) -> Option<&mut Content> {
        self.choice.parts.last_mut().filter(|_| self.open).map(|part| &mut part.content)
    }

    fn text(&mut self, text: String) {
        match self.current() {
            Some(Content::Text(known)) => known.push_str(&text),
            _ => self.push(Content::Text(text)),
        }
    }

    fn thinking(&mut self, text: String) {
        match self.current() {
            Some(Content::Thinking { text: known, .. }) => known.push_str(&text),
            _ => self.push(Content::Thinking { text, signature: None, format: None }),
        }
    }

    fn refuse(&mut self, text: String) {
        match self.current() {
            Some(Content::Refusal(known)) => known.push_str(&text),
            _ => self.push(Content::Refusal(text)),
        }
    }

    /// Signs the thoughts directly before, or none: a proof may stand alone.
    fn sign(&mut self, signature: String, format: Option<String>) {
        match self.choice.parts.last_mut().map(|part| &mut part.content) {
            Some(Content::Thinking { signature: known @ None, format: whose, .. }) => {
                (*known, *whose) = (Some(signature), format);
            }
            _ => {
                self.push(Content::Thinking { text: String::new(), signature: Some(signature), format });
            }
        }
    }

    fn add_arguments(&mut self, call: u32, piece: &str) {
        let place = self.calls.iter().rfind(|(number, _)| *number == call).map(|(_, place)| *place);
        let part = place.and_then(|place| self.choice.parts.get_mut(place));
        if let Some(Content::ToolCall { arguments, .. }) = part.map(|part| &mut part.content) {
            arguments.push_str(piece);
        }
    }

    fn add_logprobs(&mut self, more: Option<Json>) {
        let known = self.choice.logprobs.take();
        self.choice.logprobs = match (known, more) {
            (Some(known), Some(more)) => Some(joined(&known, &more).unwrap_or(known)),
            (known, more) => known.or(more),
        };
    }
}

/// Probabilities of more tokens behind those that are known.
fn joined(known: &Json, more: &Json) -> Option<Json> {
    #[derive(serde::Deserialize)]
    struct Tokens<'a> {
        #[serde(borrow)]
        content: Vec<&'a RawValue>,
    }
    let (known, more): (Tokens<'_>, Tokens<'_>) =
        (serde_json::from_str(known.get()).ok()?, serde_json::from_str(more.get()).ok()?);
    let tokens: Vec<&str> = known.content.into_iter().chain(more.content).map(RawValue::get).collect();
    Json::parse(&format!(r#"{{"content":[{}]}}"#, tokens.join(",")))
}
