//! The models that can be asked for, as lists show them: one entry for each public name.
//!
//! In: a Snapshot and the names that a reader may see. Out: [`Listed`] models with what is known of them over all of
//! their deployments, and the choice and order that a [`ModelQuery`] asks for. It writes no wire format, and what no
//! source says it leaves open.

mod latest;
mod query;
mod select;

use yumen_llm::catalogue::{
    Day, Facts, Modality, Operation, Parameter, Word as _, Words, supported_parameters,
};
use yumen_llm::dialects::{Dialect, Outline, sayable_in};
use yumen_llm::price::{PerToken, Price};

use crate::patterns::ModelPatterns;
use crate::snapshot::{Deployment, ModelTarget, Snapshot, TargetKind};

pub use query::{ModelQuery, QueryError};
pub use select::Page;

/// One public name and what it stands for.
#[derive(Debug, Clone, Copy)]
pub struct Listed<'s> {
    /// The name under which it is asked for.
    pub name: &'s str,
    /// What it stands for.
    pub target: &'s ModelTarget,
}

impl Snapshot {
    /// The models whose names `allowed` matches, by name: aliases and canonical names; a provider's own name where there
    /// is no other.
    pub fn listed(&self, allowed: &ModelPatterns) -> Vec<Listed<'_>> {
        let shown = |target: &ModelTarget| match target.kind {
            TargetKind::Alias | TargetKind::Canonical => true,
            TargetKind::Qualified => {
                target.deployments.items().iter().all(|deployment| deployment.model.canonical_id.is_none())
            }
            TargetKind::Native => false,
        };
        let models = self.models.iter().filter(|(name, target)| shown(target) && allowed.allows(name));
        let mut listed: Vec<Listed<'_>> = models.map(|(name, target)| Listed { name, target }).collect();
        listed.sort_unstable_by_key(|model| model.name);
        listed
    }
}

impl<'s> Listed<'s> {
    /// What can be called: those that share the load, then the fallbacks.
    pub fn deployments(self) -> impl Iterator<Item = &'s Deployment> {
        self.target.deployments.items().iter().chain(&self.target.fallbacks)
    }

    /// The deployment that stands for the model where only one can be told of: the cheapest of known price, else the first.
    pub fn first(self) -> Option<&'s Deployment> {
        let priced =
            self.deployments().filter_map(|deployment| Some((average(deployment.model.price?), deployment)));
        // Of equal prices the first wins.
        let cheapest = priced.min_by_key(|(price, _)| *price).map(|(_, deployment)| deployment);
        cheapest.or_else(|| self.deployments().next())
    }

    /// Its price at that deployment.
    pub fn price(self) -> Option<Price> {
        self.first()?.model.price
    }

    /// The largest window of its deployments.
    pub fn context(self) -> Option<u64> {
        self.deployments().filter_map(|deployment| deployment.model.context).max()
    }

    /// What people call it.
    pub fn title(self) -> &'s str {
        let named = self.facts().map(|facts| &*facts.name).find(|name| !name.is_empty());
        named.filter(|_| self.target.kind != TargetKind::Alias).unwrap_or(self.name)
    }

    /// The name that all of its deployments share; of an alias over several models there is none.
    pub fn canonical(self) -> Option<&'s str> {
        let mut names = self.deployments().map(|deployment| deployment.model.canonical_id.as_deref());
        let first = names.next()??;
        names.all(|name| name == Some(first)).then_some(first)
    }

    /// Who made it, as its canonical name says; else as the name says by which it is asked for.
    pub fn author(self) -> Option<&'s str> {
        self.canonical().unwrap_or(self.name).split_once('/').map(|(author, _)| author)
    }

    /// What it reads at one deployment at least; text when nothing is known.
    pub fn input(self) -> Words<Modality> {
        some_or_text(self.facts().fold(Words::default(), |all, facts| all.and(facts.input)))
    }

    /// What it gives, in OpenRouter's words, among which are embeddings.
    pub fn outputs(self) -> Vec<&'static str> {
        self.first().map(Deployment::outputs).unwrap_or_default()
    }

    /// The parameters that one deployment at least takes.
    pub fn parameters(self) -> Words<Parameter> {
        self.deployments().fold(Words::default(), |all, deployment| all.and(deployment.parameters()))
    }

    /// The end of what it has learnt.
    pub fn knowledge(self) -> Option<Day> {
        self.facts().find_map(|facts| facts.knowledge)
    }

    /// The day of its snapshot.
    pub fn released(self) -> Option<Day> {
        self.facts().find_map(|facts| facts.released)
    }

    /// The day on which the last of its deployments is withdrawn; none while one is there to stay.
    pub fn withdrawn(self) -> Option<Day> {
        let days: Option<Vec<Day>> = self.facts().map(|facts| facts.deprecated).collect();
        days?.into_iter().max()
    }

    /// Whether what it says may be used to train another model; `None` when nobody has said.
    pub fn distillable(self) -> Option<bool> {
        self.facts().find_map(|facts| facts.distillable)
    }

    /// Its weights' id at Hugging Face.
    pub fn weights(self) -> Option<&'s str> {
        self.facts().find_map(|facts| facts.weights.as_deref())
    }

    /// The licence of its weights, as its SPDX identifier or its own name.
    pub fn licence(self) -> Option<&'s str> {
        self.facts().find_map(|facts| facts.licence.as_deref())
    }

    /// The family whose tokenizer it has, in OpenRouter's words.
    pub fn family(self) -> &'static str {
        let first = || self.first().and_then(|deployment| deployment.model.canonical_id.as_deref());
        let name = self.canonical().or_else(first).unwrap_or(self.name);
        let families = FAMILIES.iter().find(|(start, _)| name.starts_with(start));
        families.map_or("Other", |(_, family)| family)
    }

    fn facts(self) -> impl Iterator<Item = &'s Facts> {
        self.deployments().map(|deployment| &deployment.model.facts)
    }
}

impl Deployment {
    /// The dialect in which a client of Chat Completions is served, where one is.
    pub fn chat_dialect(&self) -> Option<Dialect> {
        let known = &self.model.operations;
        let can = |outline: &&Outline| known.is_empty() || known.contains(&outline.operation);
        let speaks = |outline: &&Outline| self.provider.endpoints.contains_key(&outline.dialect);
        sayable_in(Dialect::OpenAiChat).filter(can).find(speaks).map(|outline| outline.dialect)
    }

    /// The parameters that reach the model here and that it is known to heed.
    pub fn parameters(&self) -> Words<Parameter> {
        let supported = |dialect| supported_parameters(dialect, self.model.facts.supports);
        self.chat_dialect().map(supported).unwrap_or_default()
    }

    /// What it reads; text when nothing is known.
    pub fn input(&self) -> Words<Modality> {
        some_or_text(self.model.facts.input)
    }

    /// What it gives, in OpenRouter's words, among which are embeddings.
    pub fn outputs(&self) -> Vec<&'static str> {
        let operations = &self.model.operations;
        if !operations.is_empty() && operations.iter().all(|operation| *operation == Operation::Embeddings) {
            return vec!["embeddings"];
        }
        some_or_text(self.model.facts.output).iter().map(Modality::word).collect()
    }
}

/// The mean of what a token costs to read and to write, twice: it is only compared.
fn average(price: Price) -> PerToken {
    PerToken(price.input.0.saturating_add(price.output.0))
}

fn some_or_text(modalities: Words<Modality>) -> Words<Modality> {
    if modalities.is_empty() { Words::from_iter([Modality::Text]) } else { modalities }
}

/// How a canonical name begins, and the family; the first that fits holds.
const FAMILIES: &[(&str, &str)] = &[
    ("openrouter/", "Router"),
    ("openai/", "GPT"),
    ("anthropic/", "Claude"),
    ("google/gemini", "Gemini"),
    ("google/gemma", "Gemma"),
    ("google/palm", "PaLM"),
    ("x-ai/", "Grok"),
    ("cohere/", "Cohere"),
    ("amazon/nova", "Nova"),
    ("qwen/qwen3", "Qwen3"),
    ("qwen/", "Qwen"),
    ("01-ai/yi", "Yi"),
    ("deepseek/", "DeepSeek"),
    ("mistralai/", "Mistral"),
    ("meta-llama/llama-2", "Llama2"),
    ("meta-llama/llama-3", "Llama3"),
    ("meta-llama/llama-4", "Llama4"),
];

/// Whether those who may use the names that `allowed` matches may use a model: by the name asked for, or by the canonical
/// name of all that it stands for.
pub fn may_use(allowed: &ModelPatterns, name: &str, target: &ModelTarget) -> bool {
    let by_canonical_name = || {
        target.kind != TargetKind::Alias
            && target.deployments.items().iter().all(|deployment| {
                deployment.model.canonical_id.as_deref().is_some_and(|canonical| allowed.allows(canonical))
            })
    };
    allowed.allows(name) || by_canonical_name()
}
