//! How much reasoning is asked for, in this API's terms, and whether the rest of the request allows it.

use crate::dialects::Losses;
use crate::ir::{Chat, Content, Effort, Message, Reasoning, ReasoningMode, Role, ToolChoice};

/// The least budget that the API takes.
const LEAST_BUDGET: u64 = 1024;

/// What is written as `thinking` and `output_config.effort`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Thinking {
    /// Nothing is written.
    Unsaid,
    /// `disabled`.
    Off,
    /// `enabled` with a budget.
    Budget(u64),
    /// `adaptive`, with an effort when one was named.
    Adaptive(Option<Effort>),
}

/// Decides. What is asked for but not possible is noted.
pub(super) fn thinking(chat: &Chat, max_tokens: u64, losses: &mut Losses) -> Thinking {
    let Some(reasoning) = &chat.reasoning else { return Thinking::Unsaid };
    let wanted = wanted(reasoning, max_tokens);
    if matches!(wanted, Thinking::Unsaid | Thinking::Off) {
        return wanted;
    }
    // The API refuses these together; the call that was forced is the firmer wish.
    let forced = matches!(
        &chat.tool_choice,
        Some(ToolChoice::Required | ToolChoice::Named(_) | ToolChoice::Allowed { required: true, .. })
    );
    let too_small = matches!(wanted, Thinking::Budget(budget) if budget < LEAST_BUDGET);
    if forced && !chat.tools.is_empty() || too_small || in_unsigned_tool_loop(&chat.messages) {
        losses.note("reasoning");
        return Thinking::Unsaid;
    }
    wanted
}

fn wanted(reasoning: &Reasoning, max_tokens: u64) -> Thinking {
    let by_effort = |effort: Effort| share(effort, max_tokens);
    match (reasoning.mode, reasoning.budget_tokens, reasoning.effort) {
        (Some(ReasoningMode::Off), ..) => Thinking::Off,
        (Some(ReasoningMode::Adaptive), _, effort) => Thinking::Adaptive(effort),
        (_, Some(budget), _) => Thinking::Budget(within(budget, max_tokens)),
        (_, None, Some(effort)) => Thinking::Budget(by_effort(effort)),
        (Some(ReasoningMode::On), None, None) => Thinking::Budget(by_effort(Effort::Medium)),
        (None, None, None) => Thinking::Unsaid,
    }
}

fn share(effort: Effort, max_tokens: u64) -> u64 {
    let share = u128::from(max_tokens) * u128::from(effort.share_per_mille()) / 1000;
    within(u64::try_from(share).unwrap_or(u64::MAX), max_tokens)
}

/// At least the API's least, and always less than the output limit, which must leave room for the answer.
fn within(budget: u64, max_tokens: u64) -> u64 {
    budget.max(LEAST_BUDGET).min(max_tokens.saturating_sub(1))
}

/// With thinking on, the API wants the turn that called tools to begin with its signed reasoning. A client that
/// could not keep it must go on without.
fn in_unsigned_tool_loop(messages: &[Message]) -> bool {
    let Some((Role::Tool, rest)) = messages.split_last().map(|(last, rest)| (last.role, rest)) else {
        return false;
    };
    let Some(caller) = rest.iter().rev().find(|message| message.role == Role::Assistant) else {
        return false;
    };
    !caller.parts.iter().any(|part| {
        matches!(
            part.content,
            Content::Thinking { signature: Some(_), .. } | Content::RedactedThinking { .. }
        )
    })
}
