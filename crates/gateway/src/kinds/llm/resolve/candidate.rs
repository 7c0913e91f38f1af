//! A deployment that could serve, while it is being judged.

use std::sync::Arc;

use smallvec::SmallVec;
use yumen_config::{Deployment, Scheme};
use yumen_llm::dialects::{Dialect, Outline, SearchForm, codec, sayable_in};

use super::{Live, Reason, Step};
use crate::health::{Figures, Standing};

/// All of a request.
pub type Candidates<'c> = SmallVec<[Candidate<'c>; 8]>;

/// A deployment that could serve.
pub struct Candidate<'c> {
    pub deployment: &'c Deployment,
    pub dialect: Dialect,
    /// Whether the web is to be searched, and whether it can do that.
    pub online: bool,
    pub searches: bool,
    /// Its model's place among those asked for, times two; one more for a fallback of that model.
    pub segment: usize,
    /// Why it cannot be tried.
    pub out: Option<Reason>,
    /// Why it comes after others.
    pub behind: Option<Behind>,
    pub standing: Standing,
    pub figures: Option<Arc<Figures>>,
}

/// Why a deployment comes after others of its kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Behind {
    /// It is not known to call tools.
    Tools,
    /// It is not known to search the web.
    WebSearch,
    /// The request looks too long for it.
    Length,
    /// No credential of its provider has room for one more request.
    Limited,
    /// It is slower than was wished for.
    Latency,
    /// It gives fewer tokens than were wished for.
    Throughput,
}

impl Behind {
    pub fn word(self) -> &'static str {
        match self {
            Self::Tools => "tools",
            Self::WebSearch => "web_search",
            Self::Length => "context_length",
            Self::Limited => "limited",
            Self::Latency => "preferred_max_latency",
            Self::Throughput => "preferred_min_throughput",
        }
    }
}

impl<'c> Candidate<'c> {
    pub fn new(deployment: &'c Deployment, segment: usize) -> Self {
        Self {
            deployment,
            dialect: Dialect::OpenAiChat,
            online: false,
            searches: false,
            segment,
            out: None,
            behind: None,
            standing: Standing::Well,
            figures: None,
        }
    }

    /// Looks up how it does.
    pub fn look_up(&mut self, live: &Live<'_>) {
        self.figures = live.health.known(self.deployment.id);
        self.standing = self.figures.as_ref().map_or(Standing::Well, |figures| figures.standing(live.now_ms));
    }

    pub fn step(&self) -> Step {
        Step { deployment: self.deployment.clone(), dialect: self.dialect, online: self.online }
    }
}

/// Whether there can be such a model: a network provider may know more than we, the built-in one knows only its own.
pub fn exists(deployment: &Deployment) -> bool {
    let provider = &deployment.provider;
    let builtin = provider.endpoints.values().any(|endpoint| endpoint.scheme == Scheme::Builtin);
    !builtin || provider.models.contains_key(&deployment.model.native_id)
}

/// The dialect in which to speak to a deployment: the client's own where possible, so that bytes pass through.
pub fn spoken(client: Dialect, deployment: &Deployment) -> Option<Dialect> {
    spoken_in(client, deployment).next()
}

/// The same, but one in which it can be asked to search the web comes before all others.
pub fn spoken_with_search(client: Dialect, deployment: &Deployment) -> Option<Dialect> {
    let can = |dialect: &Dialect| searches(*dialect, deployment);
    spoken_in(client, deployment).find(can).or_else(|| spoken(client, deployment))
}

/// Whether a deployment can be asked to search the web for a client of this dialect.
pub fn can_search(client: Dialect, deployment: &Deployment) -> bool {
    spoken_in(client, deployment).any(|dialect| searches(dialect, deployment))
}

/// Whether a deployment that is spoken to in `dialect` can be asked to search the web.
pub fn searches(dialect: Dialect, deployment: &Deployment) -> bool {
    SearchForm::of(dialect, &deployment.provider.quirks, deployment.model.searches()).is_some()
}

/// The dialect in which a deployment can be asked to go on with an answer that another has begun.
pub fn going_on(client: Dialect, deployment: &Deployment) -> Option<Dialect> {
    let quirks = &deployment.provider.quirks;
    spoken_in(client, deployment).find(|dialect| codec(*dialect).outline().prefills(quirks))
}

fn spoken_in(client: Dialect, deployment: &Deployment) -> impl Iterator<Item = Dialect> {
    let known = &deployment.model.operations;
    let can = |outline: &&Outline| known.is_empty() || known.contains(&outline.operation);
    let speaks = |outline: &&Outline| deployment.provider.endpoints.contains_key(&outline.dialect);
    sayable_in(client).filter(can).filter(speaks).map(|outline| outline.dialect)
}
