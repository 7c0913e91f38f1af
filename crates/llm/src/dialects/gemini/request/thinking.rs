//! How much reasoning is asked for: as a budget of tokens, or as a level.

use super::asides::keep;
use crate::dialects::read::{At, Object};
use crate::dialects::{DecodeError, Losses, Target, Thinking, write};
use crate::ir::{Chat, Effort, Json, Reasoning, ReasoningMode};

/// The model decides how much it thinks.
const DYNAMIC: i64 = -1;

/// The budgets that every model takes which is asked in tokens: they differ in the limits, and refuse what is beyond.
const LEAST_BUDGET: u64 = 512;
const MOST_BUDGET: u64 = 24_576;

/// Reads `thinkingConfig`; what else it holds is added to `asides`.
pub(super) fn read_thinking(
    config: &mut Object<'_, '_>,
    asides: &mut Vec<(String, Json)>,
) -> Result<Option<Reasoning>, DecodeError> {
    let Some(raw) = config.take("thinkingConfig") else { return Ok(None) };
    let at = config.at.key("thinkingConfig");
    let mut thinking = Object::read(raw, at)?.in_camel_case();
    let (mode, budget_tokens) = match thinking.integer("thinkingBudget")? {
        None => (None, None),
        Some(0) => (Some(ReasoningMode::Off), None),
        Some(DYNAMIC) => (Some(ReasoningMode::Adaptive), None),
        Some(budget) => {
            let budget = u64::try_from(budget)
                .map_err(|_| at.key("thinkingBudget").expected("a number of tokens, 0 or -1"))?;
            (Some(ReasoningMode::On), Some(budget))
        }
    };
    let word = thinking.string("thinkingLevel")?.map(|word| word.to_ascii_lowercase());
    let effort = read_level(word.as_deref(), &at)?;
    let hidden = thinking.boolean("includeThoughts")?.map(|included| !included);
    keep(asides, "generationConfig.thinkingConfig", thinking.rest());
    let reasoning = Reasoning { mode, effort, budget_tokens, hidden };
    Ok(Some(reasoning).filter(|reasoning| *reasoning != Reasoning::default()))
}

fn read_level(word: Option<&str>, at: &At<'_>) -> Result<Option<Effort>, DecodeError> {
    match word {
        None | Some("thinking_level_unspecified" | "") => Ok(None),
        Some(word) => Effort::from_word(word)
            .map(Some)
            .ok_or_else(|| at.key("thinkingLevel").expected("one of MINIMAL, LOW, MEDIUM and HIGH")),
    }
}

/// What is written as `thinkingConfig`.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Written {
    budget: Option<i64>,
    level: Option<&'static str>,
    include: Option<bool>,
}

/// Decides. What is asked for but not possible is noted.
pub(super) fn thinking(chat: &Chat, target: &Target<'_>, losses: &mut Losses) -> Written {
    let Some(reasoning) = &chat.reasoning else { return Written::default() };
    let off = reasoning.mode == Some(ReasoningMode::Off);
    let asked = reasoning.mode.is_some() || reasoning.effort.is_some() || reasoning.budget_tokens.is_some();
    let include = match reasoning.hidden {
        _ if off => None,
        Some(hidden) => Some(!hidden),
        // Unasked, thoughts are left out; whoever asks for them expects to see them.
        None => asked.then_some(true),
    };
    let (budget, level) = match target.thinking {
        Thinking::Budget => (by_budget(reasoning, chat.max_tokens, losses), None),
        Thinking::Adaptive | Thinking::Always => {
            (None, by_level(reasoning, chat.max_tokens, target.thinking, losses))
        }
    };
    Written { budget, level, include }
}

fn by_budget(reasoning: &Reasoning, max_tokens: Option<u64>, losses: &mut Losses) -> Option<i64> {
    let budget = match (reasoning.mode, reasoning.budget_tokens, reasoning.effort) {
        (Some(ReasoningMode::Off), ..) => return Some(0),
        (_, Some(budget), _) => {
            losses.note_if(budget > MOST_BUDGET, "reasoning.budget_tokens");
            budget.clamp(LEAST_BUDGET, MOST_BUDGET)
        }
        (_, None, Some(effort)) => budget_of(effort, max_tokens),
        (Some(ReasoningMode::On | ReasoningMode::Adaptive), None, None) => return Some(DYNAMIC),
        (None, None, None) => return None,
    };
    i64::try_from(budget).ok()
}

/// Google's own meaning of the words, within the share of the output limit that leaves room for an answer.
fn budget_of(effort: Effort, max_tokens: Option<u64>) -> u64 {
    let budget = match effort {
        Effort::Minimal => LEAST_BUDGET,
        Effort::Low => 1024,
        Effort::Medium => 8192,
        Effort::High | Effort::XHigh | Effort::Max => MOST_BUDGET,
    };
    let share = max_tokens.map_or(budget, |limit| {
        let share = u128::from(limit) * u128::from(effort.share_per_mille()) / 1000;
        u64::try_from(share).unwrap_or(u64::MAX)
    });
    budget.min(share).max(LEAST_BUDGET)
}

fn by_level(
    reasoning: &Reasoning,
    max_tokens: Option<u64>,
    model: Thinking,
    losses: &mut Losses,
) -> Option<&'static str> {
    let least = if model == Thinking::Always { "LOW" } else { "MINIMAL" };
    let effort = match (reasoning.mode, reasoning.effort, reasoning.budget_tokens) {
        (Some(ReasoningMode::Off), ..) => {
            // It thinks all the same; the least is nearest to what was asked for.
            losses.note("reasoning");
            return Some(least);
        }
        (_, Some(effort), _) => effort,
        (_, None, Some(budget)) => {
            losses.note("reasoning.budget_tokens");
            Effort::nearest(budget, max_tokens)
        }
        (_, None, None) => return None,
    };
    Some(match effort {
        Effort::Minimal => {
            losses.note_if(least != "MINIMAL", "reasoning.effort");
            least
        }
        Effort::Low => "LOW",
        Effort::Medium => "MEDIUM",
        Effort::High => "HIGH",
        Effort::XHigh | Effort::Max => {
            losses.note("reasoning.effort");
            "HIGH"
        }
    })
}

impl Written {
    /// Writes the field, when it says anything.
    pub(super) fn write(&self, out: &mut write::Object<'_>) {
        if *self == Self::default() {
            return;
        }
        out.object("thinkingConfig", |config| {
            config.maybe_number("thinkingBudget", self.budget);
            config.maybe_text("thinkingLevel", self.level);
            config.maybe_boolean("includeThoughts", self.include);
        });
    }
}
