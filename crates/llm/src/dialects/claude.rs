//! How Claude is asked to think, whichever interface it is asked through: how much reasoning is asked for, in the model's
//! terms, and whether the rest of the request allows it.

use crate::dialects::{Losses, Target, Thinking};
use crate::ir::{Chat, Content, Effort, Message, Reasoning, ReasoningMode, Role, ToolChoice};

/// The least budget that the API takes.
const LEAST_BUDGET: u64 = 1024;

/// What is written as `thinking` and `output_config.effort`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Written {
    /// Nothing is written.
    Unsaid,
    /// `disabled`.
    Off,
    /// `enabled` with a budget.
    Budget(u64),
    /// `adaptive`, with an effort when one was named.
    Adaptive(Option<Effort>),
}

/// Why a model is not asked to go on with what another has begun.
pub(super) const BEGINS_ANEW: &str = "the model does not go on with an answer that has begun";

/// Decides. What is asked for but not possible is noted.
pub(super) fn thinking(chat: &Chat, target: &Target<'_>, max_tokens: u64, losses: &mut Losses) -> Written {
    let Some(reasoning) = &chat.reasoning else { return Written::Unsaid };
    let wanted = match target.thinking {
        Thinking::Budget => by_budget(reasoning, max_tokens),
        Thinking::Adaptive | Thinking::Always => by_effort(reasoning, chat.max_tokens, losses),
    };
    if target.thinking == Thinking::Always {
        if wanted == Written::Off {
            // It thinks all the same; the least is nearest to what was asked for.
            losses.note("reasoning");
            return Written::Adaptive(Some(Effort::Low));
        }
        return wanted;
    }
    let possible = match wanted {
        Written::Unsaid | Written::Off => return wanted,
        Written::Budget(budget) => budget >= LEAST_BUDGET && !in_unsigned_tool_loop(&chat.messages),
        Written::Adaptive(_) => true,
    };
    // The API refuses these together; the call that was forced is the firmer wish.
    if !possible || forces_a_call(chat) {
        losses.note("reasoning");
        return Written::Unsaid;
    }
    wanted
}

/// Whether such a model refuses to go on with what another has begun: those that are asked to think in words, and all
/// while they think. <https://platform.claude.com/docs/en/about-claude/models/whats-new-claude-4-6#prefill-removal>
pub(super) fn begins_anew(target: &Target<'_>, thinking: Written) -> bool {
    target.thinking != Thinking::Budget || matches!(thinking, Written::Budget(_) | Written::Adaptive(_))
}

/// Whether the model has no choice but to call a tool.
pub(super) fn forces_a_call(chat: &Chat) -> bool {
    let forced = matches!(
        &chat.tool_choice,
        Some(ToolChoice::Required | ToolChoice::Named(_) | ToolChoice::Allowed { required: true, .. })
    );
    forced && !chat.tools.is_empty()
}

fn by_budget(reasoning: &Reasoning, max_tokens: u64) -> Written {
    let by_effort = |effort: Effort| share(effort, max_tokens);
    match (reasoning.mode, reasoning.budget_tokens, reasoning.effort) {
        (Some(ReasoningMode::Off), ..) => Written::Off,
        (Some(ReasoningMode::Adaptive), _, effort) => Written::Adaptive(effort),
        (_, Some(budget), _) => Written::Budget(within(budget, max_tokens)),
        (_, None, Some(effort)) => Written::Budget(by_effort(effort)),
        (Some(ReasoningMode::On), None, None) => Written::Budget(by_effort(Effort::Medium)),
        (None, None, None) => Written::Unsaid,
    }
}

/// A budget becomes the nearest effort.
fn by_effort(reasoning: &Reasoning, max_tokens: Option<u64>, losses: &mut Losses) -> Written {
    match (reasoning.mode, reasoning.budget_tokens, reasoning.effort) {
        (Some(ReasoningMode::Off), ..) => Written::Off,
        (_, _, Some(effort)) => Written::Adaptive(Some(effort)),
        (_, Some(budget), None) => {
            losses.note("reasoning.budget_tokens");
            Written::Adaptive(Some(Effort::nearest(budget, max_tokens)))
        }
        (Some(ReasoningMode::On | ReasoningMode::Adaptive), None, None) => Written::Adaptive(None),
        (None, None, None) => Written::Unsaid,
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

/// With a budget, the API wants the turn that called tools to begin with its signed reasoning. A client that
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
