//! What is asked, as far as the choice depends on it.

use std::cell::OnceCell;
use std::sync::Arc;

use http::HeaderMap;
use smallvec::SmallVec;
use yumen_config::{Credential, Preferences, Preset, Snapshot, VirtualKey};
use yumen_llm::dialects::{Dialect, tools_search};
use yumen_llm::tokens;

use super::pin::pin;
use super::{Step, Variant, conversation, session};
use crate::kinds::llm::call::Call;
use crate::kinds::llm::shadow::Role;
use crate::rejection::Rejection;
use crate::route::Task;

/// A longer body is not weighed letter by letter.
const WEIGHED_MOST: usize = 32 * 1024;
/// Mean bytes of a body for each of its tokens.
const BYTES_PER_TOKEN: u64 = 4;

/// A model as it is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Named<'a> {
    /// Its public name.
    pub name: &'a str,
    /// What stood behind it.
    pub variant: Option<Variant>,
}

/// What is asked, as far as the choice depends on it.
pub struct Ask<'a> {
    /// The client's dialect.
    pub dialect: Dialect,
    /// The models, in the client's order.
    pub models: SmallVec<[Named<'a>; 2]>,
    /// What the request itself wishes.
    pub wishes: Option<&'a Preferences>,
    /// The preset that was put on it.
    pub preset: Option<&'a Preset>,
    /// What is wished by the rule that decided.
    pub rule: Option<&'a Preferences>,
    /// What protects a request of which this is a copy.
    pub guard: Option<&'a Preferences>,
    /// The most tokens that the answer may have.
    pub max_output: Option<u64>,
    /// Whether tools are to be called.
    pub needs_tools: bool,
    /// Whether an answer is asked for, and not only how many tokens a request has.
    pub answers: bool,
    /// Whether the web is to be searched, whichever model answers.
    pub online: bool,
    /// The request, of which the rest is looked at only where the choice depends on it.
    pub source: Source<'a>,
    /// About how many tokens its prompt has, once somebody wants to know.
    tokens: OnceCell<u64>,
    /// Whether its tools or options wish that the web is searched, once somebody wants to know.
    searches: OnceCell<bool>,
}

/// Where the rest comes from.
pub enum Source<'a> {
    /// A request.
    Call(&'a Call, &'a HeaderMap),
    /// None of which more is known than the tokens of its prompt.
    #[cfg(test)]
    Tokens {
        /// Of its prompt.
        prompt: u64,
        /// The session that it names.
        session: Option<u64>,
    },
}

impl<'a> Ask<'a> {
    /// What a call asks.
    pub fn of(call: &'a Call, headers: &'a HeaderMap) -> Self {
        let limit = |name| call.object.u64(&call.body, name).value();
        let limits = ["max_tokens", "max_completion_tokens", "max_output_tokens"];
        Self {
            dialect: call.dialect,
            models: call.models().collect(),
            wishes: call.wishes.as_deref(),
            preset: call.preset.as_deref(),
            rule: None,
            guard: None,
            max_output: limits.into_iter().find_map(limit),
            needs_tools: call.object.get(&call.body, "tools").is_some(),
            answers: call.task != Task::CountTokens,
            online: call.web_search.is_some() && call.task != Task::CountTokens,
            source: Source::Call(call, headers),
            tokens: OnceCell::new(),
            searches: OnceCell::new(),
        }
    }

    /// The same for models of which nothing is asked but an answer.
    #[cfg(test)]
    pub fn for_models(models: &[&'a str], wishes: Option<&'a Preferences>, prompt_tokens: u64) -> Self {
        Self {
            dialect: Dialect::OpenAiChat,
            models: models.iter().map(|name| Named { name, variant: None }).collect(),
            wishes,
            preset: None,
            rule: None,
            guard: None,
            max_output: None,
            needs_tools: false,
            answers: true,
            online: false,
            source: Source::Tokens { prompt: prompt_tokens, session: None },
            tokens: OnceCell::new(),
            searches: OnceCell::new(),
        }
    }

    /// Leaves the steps at the account that keeps what it continues, if it continues something; gives the only credential
    /// that may be used then.
    pub fn pinned(
        &self,
        snapshot: &Snapshot,
        key: &VirtualKey,
        steps: &mut SmallVec<[Step; 2]>,
    ) -> Result<Option<Arc<Credential>>, Rejection> {
        let memory = match self.source {
            Source::Call(call, _) => call.memory.as_ref(),
            #[cfg(test)]
            Source::Tokens { .. } => None,
        };
        let Some(memory) = memory else { return Ok(None) };
        memory.referred.permit(snapshot, key, steps)?;
        let Some((account, field)) = memory.account() else { return Ok(None) };
        pin(snapshot, steps, account, (field, self.models.first().map_or("", |named| named.name)))
    }

    /// About how many tokens its prompt has.
    pub fn prompt_tokens(&self) -> u64 {
        *self.tokens.get_or_init(|| match self.source {
            Source::Call(Call { recorded_tokens: Some(tokens), .. }, _) => *tokens,
            Source::Call(call, _) if call.body.len() <= WEIGHED_MOST => tokens::estimate_json(&call.body),
            Source::Call(call, _) => call.body.len() as u64 / BYTES_PER_TOKEN,
            #[cfg(test)]
            Source::Tokens { prompt, .. } => prompt,
        })
    }

    /// Whether it has options for a search of the web.
    pub fn has_search_options(&self) -> bool {
        match self.source {
            Source::Call(call, _) => self.answers && call.has_search_options(),
            #[cfg(test)]
            Source::Tokens { .. } => false,
        }
    }

    /// Whether it wishes by its options or its tools that the web is searched: whoever cannot may answer all the same.
    pub fn wishes_search(&self) -> bool {
        *self.searches.get_or_init(|| match self.source {
            Source::Call(call, _) if self.answers && self.needs_tools => {
                let tools = call.object.get(&call.body, "tools").map(|field| field.value(&call.body));
                call.has_search_options() || tools.is_some_and(|tools| tools_search(call.dialect, tools))
            }
            _ => self.has_search_options(),
        })
    }

    /// The same without looking at it.
    pub fn rough_tokens(&self) -> u64 {
        match self.source {
            Source::Call(call, _) => call.rough_tokens(),
            #[cfg(test)]
            Source::Tokens { prompt, .. } => prompt,
        }
    }

    /// Whether its prompt is surely longer than a context. Most are so short that nothing has to be counted.
    pub fn is_longer_than(&self, context: u64) -> bool {
        match self.source {
            Source::Call(call, _) if call.recorded_tokens.is_none() && call.body.len() as u64 <= context => {
                false
            }
            _ => self.prompt_tokens() > context,
        }
    }

    /// Whether it is a copy of what a client asked, for a candidate.
    pub fn is_copy(&self) -> bool {
        match self.source {
            Source::Call(call, _) => matches!(call.shadow, Role::Copy(_)),
            #[cfg(test)]
            Source::Tokens { .. } => false,
        }
    }

    /// The session that the client names.
    pub fn session(&self) -> Option<u64> {
        match self.source {
            Source::Call(call, headers) => session(call, headers),
            #[cfg(test)]
            Source::Tokens { session, .. } => session,
        }
    }

    /// What a conversation begins with.
    pub fn conversation(&self) -> Option<u64> {
        match self.source {
            Source::Call(call, _) if call.recorded_tokens.is_some() => None,
            Source::Call(call, _) => conversation(call),
            #[cfg(test)]
            Source::Tokens { .. } => None,
        }
    }
}
