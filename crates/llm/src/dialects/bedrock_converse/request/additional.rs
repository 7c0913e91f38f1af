//! What only models of one maker take, in that maker's words: `top_k` and how much to think.

use super::super::family::Family;
use super::asides::{self, ADDITIONAL};
use crate::dialects::claude::{self, Written};
use crate::dialects::read::{At, Object};
use crate::dialects::{DecodeError, Losses, Target, Thinking, write};
use crate::ir::{Chat, Effort, Json, Reasoning, ReasoningMode};

/// The output limit that a budget of thoughts is measured by when neither the client nor the catalogue names one.
const DEFAULT_MAX_TOKENS: u64 = 4096;

/// What is written, and what follows from it for the rest of the request.
pub(super) struct Additional {
    family: Family,
    claude: Written,
    display: Option<&'static str>,
    /// For models that take an effort in a word; nothing switches thinking off.
    effort: Option<Option<Effort>>,
    /// Whether sampling is the model's own, or must leave some to it.
    pub(super) sampling: SamplingRule,
    /// The output limit.
    pub(super) max_tokens: Option<u64>,
    top_k: Option<u64>,
}

/// Which parameters of sampling the model takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SamplingRule {
    /// Any.
    Free,
    /// Claude thinks: no temperature but 1.
    Thinking,
    /// Claude of a generation that takes none.
    Fixed,
}

impl Additional {
    /// Decides. What is asked for but not possible is noted.
    pub(super) fn of(chat: &Chat, target: &Target<'_>, losses: &mut Losses) -> Self {
        let family = Family::of(target.model);
        let mut this = Self {
            family,
            claude: Written::Unsaid,
            display: None,
            effort: None,
            sampling: SamplingRule::Free,
            max_tokens: chat.max_tokens,
            top_k: chat.sampling.top_k,
        };
        match family {
            Family::Claude => this.ask_claude(chat, target, losses),
            Family::Nova { thinks: true } => this.effort = effort(chat, true, losses),
            Family::OpenAi => {
                this.effort = effort(chat, false, losses);
                losses.note_if(this.top_k.take().is_some(), "top_k");
            }
            Family::Nova { thinks: false } | Family::Other => {
                losses.note_if(wants_thought(chat.reasoning.as_ref()), "reasoning");
                if family == Family::Other {
                    losses.note_if(this.top_k.take().is_some(), "top_k");
                }
            }
        }
        this
    }

    /// Whether the model does not go on with an answer that has begun: of all, Claude alone is known to.
    pub(super) fn begins_anew(&self, target: &Target<'_>) -> bool {
        self.family != Family::Claude || claude::begins_anew(target, self.claude)
    }

    fn ask_claude(&mut self, chat: &Chat, target: &Target<'_>, losses: &mut Losses) {
        let reasoning = chat.reasoning.as_ref();
        let budget = reasoning.and_then(|reasoning| reasoning.budget_tokens).unwrap_or(0);
        let limit = chat
            .max_tokens
            .or(target.max_output)
            .unwrap_or_else(|| DEFAULT_MAX_TOKENS.saturating_add(budget));
        self.claude = claude::thinking(chat, target, limit, losses);
        if let Written::Budget(_) = self.claude {
            // A budget must be less than the limit, so there must be one.
            self.max_tokens = Some(limit);
        }
        let off = reasoning.is_some_and(|reasoning| reasoning.mode == Some(ReasoningMode::Off));
        self.display = match reasoning.and_then(|reasoning| reasoning.hidden) {
            Some(true) => Some("omitted"),
            Some(false) => Some("summarized"),
            // Unasked, these models leave their thoughts empty; whoever asks them to think expects to see them.
            None if target.thinking != Thinking::Budget && !off => Some("summarized"),
            None => None,
        };
        self.sampling = match self.claude {
            _ if target.thinking != Thinking::Budget => SamplingRule::Fixed,
            Written::Budget(_) | Written::Adaptive(_) => SamplingRule::Thinking,
            Written::Unsaid | Written::Off => SamplingRule::Free,
        };
        if self.sampling != SamplingRule::Free {
            losses.note_if(self.top_k.take().is_some(), "top_k");
        }
    }

    /// Writes the object, when there is anything to say.
    pub(super) fn write(&self, chat: &Chat, out: &mut write::Object<'_>) {
        let mut fields = Vec::new();
        let mut written: Vec<&str> = Vec::new();
        write::object(&mut fields, |object| {
            self.write_top_k(object, &mut written);
            self.write_thinking(object, &mut written);
            for (name, value) in asides::of_model(chat) {
                if !written.contains(&name.as_str()) {
                    object.json(&name, &value);
                }
            }
        });
        if fields != b"{}" {
            out.with(ADDITIONAL, |out| out.append(&mut fields));
        }
    }

    fn write_top_k(&self, object: &mut write::Object<'_>, written: &mut Vec<&str>) {
        let Some(top_k) = self.top_k else { return };
        if let Family::Nova { .. } = self.family {
            object.object("inferenceConfig", |config| config.number("topK", top_k));
            written.push("inferenceConfig");
        } else {
            object.number("top_k", top_k);
            written.push("top_k");
        }
    }

    fn write_thinking(&self, object: &mut write::Object<'_>, written: &mut Vec<&str>) {
        let (kind, budget) = match self.claude {
            Written::Unsaid => ("", None),
            Written::Off => ("disabled", None),
            Written::Budget(budget) => ("enabled", Some(budget)),
            Written::Adaptive(_) => ("adaptive", None),
        };
        if !kind.is_empty() {
            written.push("thinking");
            object.object("thinking", |thinking| {
                thinking.text("type", kind);
                thinking.maybe_number("budget_tokens", budget);
                thinking.maybe_text("display", self.display.filter(|_| kind != "disabled"));
            });
        }
        if let Written::Adaptive(Some(effort)) = self.claude {
            written.push("output_config");
            // `minimal` is no word of Claude's.
            object.object("output_config", |config| config.text("effort", effort.max(Effort::Low).word()));
        }
        let Some(effort) = self.effort else { return };
        // Three words are known to both.
        let word = effort.map(|effort| effort.clamp(Effort::Low, Effort::High).word());
        if let Family::Nova { .. } = self.family {
            written.push("reasoningConfig");
            object.object("reasoningConfig", |config| {
                config.text("type", if word.is_some() { "enabled" } else { "disabled" });
                config.maybe_text("maxReasoningEffort", word);
            });
        } else {
            written.push("reasoning_effort");
            object.text("reasoning_effort", word.unwrap_or(Effort::Low.word()));
        }
    }
}

fn wants_thought(reasoning: Option<&Reasoning>) -> bool {
    reasoning.is_some_and(|asked| {
        asked.mode != Some(ReasoningMode::Off)
            && (asked.mode.is_some() || asked.effort.is_some() || asked.budget_tokens.is_some())
    })
}

/// The effort for a model that takes a word; `Some(None)` is none at all. `optional` says whether it can be none.
fn effort(chat: &Chat, optional: bool, losses: &mut Losses) -> Option<Option<Effort>> {
    let reasoning = chat.reasoning.as_ref()?;
    let effort = match (reasoning.mode, reasoning.effort, reasoning.budget_tokens) {
        (Some(ReasoningMode::Off), ..) => {
            losses.note_if(!optional, "reasoning");
            return Some(None);
        }
        (_, Some(effort), _) => effort,
        (_, None, Some(budget)) => {
            losses.note("reasoning.budget_tokens");
            Effort::nearest(budget, chat.max_tokens)
        }
        (Some(_), None, None) => Effort::Medium,
        (None, None, None) => return None,
    };
    losses.note_if(effort != effort.clamp(Effort::Low, Effort::High), "reasoning.effort");
    if optional && effort >= Effort::High && has_limits(chat) {
        // With its highest effort Nova takes neither sampling nor an output limit.
        losses.note("reasoning.effort");
        return Some(Some(Effort::Medium));
    }
    Some(Some(effort))
}

fn has_limits(chat: &Chat) -> bool {
    chat.max_tokens.is_some() || chat.sampling.temperature.is_some() || chat.sampling.top_p.is_some()
}

/// Reads the object into `chat`; what has no place there is kept under its path.
pub(super) fn read(body: &mut Object<'_, '_>, chat: &mut Chat) -> Result<(), DecodeError> {
    let Some(raw) = body.take(ADDITIONAL) else { return Ok(()) };
    let at = At::BODY.key(ADDITIONAL);
    let mut fields = Object::read(raw, at)?;
    chat.sampling.top_k = fields.unsigned("top_k")?;
    let mut reasoning = Reasoning::default();
    if let Some(raw) = fields.take("thinking") {
        let at = at.key("thinking");
        let mut thinking = Object::read(raw, at)?;
        reasoning.mode = Some(match thinking.need_string("type")?.as_str() {
            "enabled" => ReasoningMode::On,
            "disabled" => ReasoningMode::Off,
            "adaptive" => ReasoningMode::Adaptive,
            _ => return Err(at.key("type").expected("one of enabled, disabled and adaptive")),
        });
        reasoning.budget_tokens = thinking.unsigned("budget_tokens")?;
        reasoning.hidden = thinking.string("display")?.map(|display| display == "omitted");
    }
    let mut rest: Vec<(String, Json)> = Vec::new();
    if let Some(raw) = fields.take("output_config") {
        let mut config = Object::read(raw, at.key("output_config"))?;
        match config.string("effort")?.as_deref().and_then(Effort::from_word) {
            Some(effort) => reasoning.effort = Some(effort),
            None => rest.push(("output_config".to_owned(), Json::copied(raw))),
        }
    }
    chat.reasoning = Some(reasoning).filter(|reasoning| *reasoning != Reasoning::default());
    rest.extend(fields.rest());
    chat.extra.extend(rest.into_iter().map(|(name, value)| (format!("{ADDITIONAL}.{name}"), value)));
    Ok(())
}
