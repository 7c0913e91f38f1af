//! A provider as the data plane sees it: endpoints, credentials and models, all checked.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use yumen_llm::catalogue::{DataPolicy, Discovery, Facts, Feature, Links, Operation, Quirk};
use yumen_llm::dialects::{Dialect, Thinking};
use yumen_llm::price::Price;

use crate::base::Base;
use crate::credential::Credential;
use crate::endpoint::Endpoint;
use crate::path_rules::PathRules;
use crate::quantization::Quantization;
use crate::rotation::Rotation;

/// One configured provider.
#[derive(Debug, Clone)]
pub struct Provider {
    /// The entry's name in the configuration.
    pub id: Arc<str>,
    /// The definition's id (`type`).
    pub kind: Arc<str>,
    /// What people call it.
    pub name: Arc<str>,
    /// Where each wire format is spoken.
    pub endpoints: BTreeMap<Dialect, Endpoint>,
    /// Its base URL, below which calls go through; none for what is answered inside the gateway.
    pub base: Option<Base>,
    /// Which calls go through.
    pub passthrough: PathRules,
    /// Headers of its own, which all endpoints send with each request; a client's own value wins for those we pass on.
    pub headers: Vec<(http::HeaderName, http::HeaderValue)>,
    /// Credentials in weighted rotation; empty when none is needed. Copies of the provider share the turns.
    pub credentials: Arc<Rotation<Arc<Credential>>>,
    /// Differences from the dialects.
    pub quirks: Vec<Quirk>,
    /// Time-outs.
    pub timeouts: Timeouts,
    /// Where its servers stand, where that is known.
    pub region: Option<Arc<str>>,
    /// What it does with the data it is sent.
    pub data_policy: DataPolicy,
    /// Its pages for people.
    pub links: Links,
    /// Where its server is asked for its models; `None` when it is not asked.
    pub model_source: Option<ModelSource>,
    /// How the gateway looks by itself whether its deployments are well; `None` when it does not.
    pub probe: Option<Probe>,
    /// Models it is known to serve, by native id.
    pub models: BTreeMap<Arc<str>, Arc<ServedModel>>,
}

/// Time-outs of one provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    /// To open a connection, TLS included.
    pub connect: Duration,
    /// From the request sent to the response head (and, for streams, the first content).
    pub first_byte: Duration,
    /// Between two reads of an answer.
    pub idle: Duration,
    /// For the whole exchange.
    pub total: Duration,
}

/// Where a provider's server tells which models it has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelSource {
    /// How it tells.
    pub discovery: Discovery,
    /// Where its list is.
    pub list: Endpoint,
    /// Where it tells more, if it does.
    pub detail: Option<Endpoint>,
    /// How often it is asked.
    pub interval: Duration,
}

impl ModelSource {
    /// Whether both ask the same of the same server, however often.
    pub fn is_same_place(&self, other: &Self) -> bool {
        let parts = |source: &Self| (source.discovery, source.list.clone(), source.detail.clone());
        parts(self) == parts(other)
    }
}

/// How the gateway looks by itself whether deployments are well.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Probe {
    /// What is asked.
    pub question: ProbeQuestion,
    /// Whether those are asked as well that seem to be well.
    pub always: bool,
    /// How often each is asked.
    pub every: Duration,
}

/// What is asked to see whether a deployment is well.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProbeQuestion {
    /// For the list of models, which is there.
    Models(Box<Endpoint>),
    /// For an answer of one token.
    Call,
}

/// A model as one provider serves it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServedModel {
    /// The provider's own id.
    pub native_id: Arc<str>,
    /// The native id as a JSON string, quotes included, ready to be spliced in.
    pub native_json: bytes::Bytes,
    /// `author/slug` when the catalogue knows it.
    pub canonical_id: Option<Arc<str>>,
    /// Other names under which it is found, such as `claude-sonnet-4.5`.
    pub aliases: Vec<Arc<str>>,
    /// Context window in tokens.
    pub context: Option<u64>,
    /// Largest answer in tokens.
    pub max_output: Option<u64>,
    /// Operations it serves; empty when not known (then none is ruled out).
    pub operations: Vec<Operation>,
    /// How it is asked to think.
    pub thinking: Thinking,
    /// How its weights are stored.
    pub quantization: Quantization,
    /// Price, when known.
    pub price: Option<Price>,
    /// What else is known of it.
    pub facts: Facts,
}

impl ServedModel {
    /// Whether it is known to search the web by itself.
    pub fn searches(&self) -> bool {
        self.facts.supports.is_some_and(|known| known.has(Feature::Search))
    }

    /// By which name it is called in records: the canonical one where it has one.
    pub fn name(&self) -> &Arc<str> {
        self.canonical_id.as_ref().unwrap_or(&self.native_id)
    }

    /// A model of which nothing but its native id is known.
    pub fn unlisted(native_id: &str) -> Self {
        Self {
            native_id: Arc::from(native_id),
            native_json: serde_json::Value::from(native_id).to_string().into(),
            canonical_id: None,
            aliases: Vec::new(),
            context: None,
            max_output: None,
            operations: Vec::new(),
            thinking: Thinking::default(),
            quantization: Quantization::of(native_id),
            price: None,
            facts: Facts::default(),
        }
    }
}

/// Whether servers of this type are no vendor's, and told by their URL alone.
pub(crate) fn told_by_url(kind: &str) -> bool {
    kind.ends_with("-compatible")
}

impl Provider {
    /// Whose servers it calls: the type's, but of servers that are told by their URL alone each entry is one of its own.
    pub fn vendor(&self) -> &str {
        if told_by_url(&self.kind) { &self.id } else { &self.kind }
    }

    /// Whether nothing that it is sent is kept or trained on, as far as its documents or the operator say so.
    pub fn keeps_nothing(&self) -> bool {
        self.data_policy.retention_days == Some(0) && self.data_policy.trains == Some(false)
    }

    /// The model that is meant by `name`: a native id, else a canonical id, else another name of it.
    pub fn model(&self, name: &str) -> Option<&Arc<ServedModel>> {
        let find = |matches: &dyn Fn(&ServedModel) -> bool| self.models.values().find(|model| matches(model));
        self.models
            .get(name)
            .or_else(|| find(&|model| model.canonical_id.as_deref() == Some(name)))
            .or_else(|| find(&|model| model.aliases.iter().any(|alias| **alias == *name)))
    }
}
