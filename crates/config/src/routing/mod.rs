//! How deployments are chosen: preferences that settings and requests state in the same words.
//!
//! In: what an operator or a client wishes. Out: values that `resolve` in the data plane reads. What is wished at several
//! levels (all of the gateway, an alias, a key, a request) holds together: what rules out holds at every level, of what
//! only orders the narrowest level that says something counts.

mod bounds;
mod failures;
mod hedge;
mod names;

pub use bounds::{MaxPrice, Percentile, Wanted};
pub use failures::{FailureClass, Reaction, failures_markdown};
pub use hedge::Hedge;
pub use names::ProviderName;

use std::sync::{Arc, LazyLock};

use yumen_llm::catalogue::Word;

use crate::patterns::ModelPatterns;
use crate::provider::Provider;
use crate::quantization::Quantization;

/// In which order deployments are tried.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Deserialize, serde::Serialize, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Strategy {
    /// By their weights, in smooth rotation; the others follow as they are listed. Usual for aliases.
    Weighted,
    /// As they are listed.
    Priority,
    /// Those that are well first, drawn by lot with weight 1/price², then the others by price. Usual for models of the
    /// catalogue that several providers serve.
    Balanced,
    /// The least expected cost of the request first.
    Price,
    /// The shortest time to the first token first, as lately measured.
    Latency,
    /// The most tokens per second first, as lately measured.
    Throughput,
    /// Of two that are drawn by lot the one with fewer open exchanges.
    LeastBusy,
    /// The highest rate of success first, then the most tokens per second.
    Exacto,
    /// Always the same one for a session, as long as it is there.
    ConsistentHash,
}

impl Word for Strategy {
    const ALL: &'static [Self] = &[
        Self::Weighted,
        Self::Priority,
        Self::Balanced,
        Self::Price,
        Self::Latency,
        Self::Throughput,
        Self::LeastBusy,
        Self::Exacto,
        Self::ConsistentHash,
    ];

    fn place(self) -> u8 {
        self as u8
    }

    fn word(self) -> &'static str {
        match self {
            Self::Weighted => "weighted",
            Self::Priority => "priority",
            Self::Balanced => "balanced",
            Self::Price => "price",
            Self::Latency => "latency",
            Self::Throughput => "throughput",
            Self::LeastBusy => "least_busy",
            Self::Exacto => "exacto",
            Self::ConsistentHash => "consistent_hash",
        }
    }
}

/// What keeps a conversation at the deployment whose cache knows it.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, serde::Deserialize, serde::Serialize, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Sticky {
    /// A session that the client names, at once; without one a conversation, once its deployment has read from its cache.
    #[default]
    Auto,
    /// Only a session that the client names.
    Session,
    /// A session or a conversation, at once.
    Prompt,
    /// Nothing.
    Off,
}

/// What is wished of the choice at one level.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Preferences {
    /// In which order deployments are tried.
    pub strategy: Option<Strategy>,
    /// What keeps a conversation where it is.
    pub sticky: Option<Sticky>,
    /// Providers that are tried before all others, in this order.
    pub order: Vec<ProviderName>,
    /// Providers beside which none is tried; empty allows all.
    pub only: Vec<ProviderName>,
    /// Providers that are not tried.
    pub ignore: Vec<ProviderName>,
    /// Models beside which none is tried; nothing allows all.
    pub models: Option<ModelPatterns>,
    /// Whether others are tried when the first does not answer, or when those of `order` do not.
    pub allow_fallbacks: Option<bool>,
    /// Whether an answer that breaks off is gone on with elsewhere.
    pub rescue: Option<bool>,
    /// Whether only those are tried that understand every field of the request.
    pub require_parameters: bool,
    /// Whether only those are tried that do not train on what they are sent.
    pub no_training: bool,
    /// Whether only those are tried that keep nothing of what they are sent.
    pub zero_retention: bool,
    /// Whether only models are tried whose answers may be used to train others.
    pub distillable: bool,
    /// How weights may be stored; empty allows all, also where it is not known.
    pub quantizations: Vec<Quantization>,
    /// Where servers may stand; empty allows all, also where it is not known.
    pub regions: Vec<Arc<str>>,
    /// Prices above which none is tried, nor one whose price is not known.
    pub max_price: MaxPrice,
    /// Tokens per second that those should give that come first.
    pub min_throughput: Vec<Wanted>,
    /// Seconds to the first token that those should need at most that come first.
    pub max_latency: Vec<Wanted>,
    /// Whether the deployments of all models that a request names are put in order together.
    pub across_models: bool,
    /// Who is tried after which failure, where it is not what is usual.
    pub on_failure: Vec<(FailureClass, Reaction)>,
    /// When a second deployment is asked beside a slow one.
    pub hedge: Option<Hedge>,
}

impl Preferences {
    /// Whether nothing is wished.
    pub fn is_empty(&self) -> bool {
        static NOTHING: LazyLock<Preferences> = LazyLock::new(Preferences::default);
        *self == *NOTHING
    }
}

impl Provider {
    /// Whether its servers stand in a region: `eu` is also that of `eu-west-1`. Where they stand must be known.
    pub fn stands_in(&self, region: &str) -> bool {
        self.region.as_deref().is_some_and(|own| {
            own.get(..region.len()).is_some_and(|start| start.eq_ignore_ascii_case(region))
                && own.get(region.len()..).is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strategies_are_called_what_serde_calls_them() {
        for (place, strategy) in Strategy::ALL.iter().enumerate() {
            assert_eq!(serde_json::to_value(strategy).unwrap(), strategy.word());
            assert_eq!(usize::from(strategy.place()), place);
        }
    }
}
