//! The `response` object, which is a whole answer and the beginning and end of every stream.
//!
//! Client libraries insist on most of its members. Those that only repeat the request have the API's defaults here.

use super::error::write_error;
use super::output::OutputItem;
use super::usage::write_usage;
use crate::dialects::{AnswerContext, write};
use crate::ir::{Answer, ErrorFacts, FinishReason, Start};
use crate::usage::Usage;

/// What stays the same from a response's beginning to its end.
pub(super) struct Identity {
    pub(super) id: String,
    model: String,
    created: i64,
    service_tier: Option<String>,
    kept: bool,
    previous: Option<String>,
}

/// How far a response has come.
#[derive(Clone, Copy)]
pub(super) enum Status<'e> {
    InProgress,
    Completed,
    /// It was cut off, for this reason.
    Incomplete(&'static str),
    Failed(&'e ErrorFacts),
}

impl Identity {
    pub(super) fn of_start(start: &Start, context: &AnswerContext) -> Self {
        Self {
            id: response_id(start.id.as_deref(), context),
            model: start.model.as_deref().unwrap_or(&context.model).to_owned(),
            created: start.created.unwrap_or(context.created),
            service_tier: start.service_tier.clone(),
            kept: context.kept,
            previous: context.previous.clone(),
        }
    }

    pub(super) fn of_answer(answer: &Answer, context: &AnswerContext) -> Self {
        Self {
            id: response_id(answer.id.as_deref(), context),
            model: answer.model.as_deref().unwrap_or(&context.model).to_owned(),
            created: answer.created.unwrap_or(context.created),
            service_tier: answer.service_tier.clone(),
            kept: context.kept,
            previous: context.previous.clone(),
        }
    }

    /// Writes the object's members.
    pub(super) fn write<'i>(
        &self,
        status: Status<'_>,
        output: impl IntoIterator<Item = &'i OutputItem>,
        usage: Option<Usage>,
        out: &mut write::Object<'_>,
    ) {
        out.text("id", &self.id);
        out.text("object", "response");
        out.number("created_at", self.created);
        out.text("status", status.word());
        out.boolean("background", false);
        out.null("completed_at");
        match status {
            Status::Failed(error) => out.object("error", |object| write_error(error, object)),
            _ => out.null("error"),
        }
        out.number("frequency_penalty", 0.0);
        match status {
            Status::Incomplete(reason) => {
                out.object("incomplete_details", |details| details.text("reason", reason))
            }
            _ => out.null("incomplete_details"),
        }
        for name in ["instructions", "max_output_tokens", "max_tool_calls"] {
            out.null(name);
        }
        out.text("model", &self.model);
        out.list("output", |list| output.into_iter().for_each(|item| list.object(|out| item.write(out))));
        out.boolean("parallel_tool_calls", true);
        out.number("presence_penalty", 0.0);
        out.text_or_null("previous_response_id", self.previous.as_deref());
        out.null("prompt_cache_key");
        out.object("reasoning", |reasoning| {
            reasoning.null("effort");
            reasoning.null("summary");
        });
        out.null("safety_identifier");
        out.text("service_tier", self.service_tier.as_deref().unwrap_or("default"));
        // What has failed is not kept.
        out.boolean("store", self.kept && !matches!(status, Status::Failed(_)));
        out.number("temperature", 1.0);
        out.object("text", |text| text.object("format", |format| format.text("type", "text")));
        out.text("tool_choice", "auto");
        out.list("tools", |_| {});
        out.number("top_logprobs", 0);
        out.number("top_p", 1.0);
        out.text("truncation", "disabled");
        match usage {
            Some(usage) => out.object("usage", |object| write_usage(&usage, object)),
            None => out.null("usage"),
        }
        out.null("user");
        out.object("metadata", |_| {});
    }
}

impl Status<'_> {
    fn word(self) -> &'static str {
        match self {
            Self::InProgress => "in_progress",
            Self::Completed => "completed",
            Self::Incomplete(_) => "incomplete",
            Self::Failed(_) => "failed",
        }
    }

    /// The event that tells of it.
    pub(super) fn event(self) -> &'static str {
        match self {
            Self::InProgress => "response.in_progress",
            Self::Completed => "response.completed",
            Self::Incomplete(_) => "response.incomplete",
            Self::Failed(_) => "response.failed",
        }
    }
}

/// Why an answer with this finish is incomplete, if it is. `refused` says whether a refusal was said in words, which
/// makes it an answer like any other.
pub(super) fn incomplete(reason: FinishReason, refused: bool) -> Option<&'static str> {
    match reason {
        FinishReason::Length | FinishReason::ContextWindow => Some("max_output_tokens"),
        FinishReason::ContentFilter => Some("content_filter"),
        FinishReason::Refusal if !refused => Some("content_filter"),
        _ => None,
    }
}

/// The id in this dialect's form: that under which it is kept, or the upstream's own when it has it, otherwise one made
/// from the generation id.
fn response_id(upstream: Option<&str>, context: &AnswerContext) -> String {
    match upstream {
        // Only an answer that is kept here has such an id before it has begun.
        _ if context.id.starts_with("resp_") => context.id.clone(),
        Some(id) if id.starts_with("resp_") => id.to_owned(),
        _ => format!("resp_{}", context.id),
    }
}
