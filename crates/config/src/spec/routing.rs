//! The choice of deployments as it is written.

use schemars::JsonSchema;
use serde::Deserialize;

use super::{Decimal, named};
pub use crate::quantization::Quantization;
pub use crate::routing::{Sticky, Strategy};

/// How deployments are chosen. What rules out holds at every level that says it (the gateway, an alias, a key, a request);
/// of what only orders, the narrowest level counts.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RoutingSpec {
    /// In which order deployments are tried. Without it: `weighted` for aliases, `balanced` for models of the catalogue.
    #[schemars(schema_with = "named::optional::<Strategy>")]
    pub strategy: Option<Strategy>,
    /// What keeps a conversation at the deployment whose cache knows it: a session that the client names, and without one the
    /// conversation once its deployment has read from its cache (`auto`); only a named session (`session`); either at once
    /// (`prompt`); nothing (`off`). Without it: `auto`.
    #[schemars(schema_with = "named::optional::<Sticky>")]
    pub sticky: Option<Sticky>,
    /// Providers that are tried before all others, in this order: names of entries, types or titles, `azure/eastus` for one
    /// region.
    #[schemars(length(max = 64))]
    pub order: Vec<String>,
    /// Providers beside which none is tried.
    #[schemars(length(max = 64))]
    pub only: Vec<String>,
    /// Providers that are not tried.
    #[schemars(length(max = 64))]
    pub ignore: Vec<String>,
    /// Whether others are tried when the first one does not answer, or when those of `order` do not.
    pub allow_fallbacks: Option<bool>,
    /// Whether a streamed chat answer that breaks off is gone on with by the next deployment that can; requests cannot ask
    /// for it. Such streams are said anew, also where client and provider speak the same dialect. Without it: no.
    pub rescue: Option<bool>,
    /// Whether only those are tried that understand every field of the request.
    pub require_parameters: bool,
    /// `deny`: only providers that do not train on what they are sent, as far as their documents or the operator say so.
    #[schemars(schema_with = "named::optional::<DataCollection>")]
    pub data_collection: Option<DataCollection>,
    /// Only providers that keep nothing of what they are sent, as far as their documents or the operator say so.
    pub zdr: bool,
    /// Only models whose answers may be used to train others.
    pub enforce_distillable_text: bool,
    /// How weights may be stored; where it is not known they are `unknown`.
    #[schemars(schema_with = "named::optional_list::<Quantization>")]
    pub quantizations: Option<Vec<Quantization>>,
    /// Where servers may stand, such as `eu` (which `eu-west-1` is in). A provider's region is its parameter `region` or
    /// `location`, or what its entry says in `region`; where none is known, none is tried.
    #[schemars(length(max = 64))]
    pub regions: Vec<String>,
    /// Prices above which no deployment is tried, nor one whose price is not known.
    pub max_price: MaxPriceSpec,
    /// Tokens per second that deployments should give to come first, at the median of the last five minutes.
    #[schemars(range(min = 1))]
    pub preferred_min_throughput: Option<u64>,
    /// Milliseconds to the first token that deployments should need at most to come first, at the median of the last five
    /// minutes.
    #[schemars(range(min = 1))]
    pub preferred_max_latency_ms: Option<u64>,
}

/// What providers may do with what they are sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs)]
pub enum DataCollection {
    Allow,
    Deny,
}

/// The most that may be charged.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct MaxPriceSpec {
    /// US dollars per million prompt tokens.
    pub prompt: Option<Decimal>,
    /// US dollars per million generated tokens.
    pub completion: Option<Decimal>,
    /// US dollars for each picture that is made.
    pub image: Option<Decimal>,
    /// US dollars per million prompt tokens that stand for sound.
    pub audio: Option<Decimal>,
}
