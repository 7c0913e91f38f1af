//! The choice of deployments as it is written.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use super::{Decimal, named};
pub use crate::quantization::Quantization;
pub use crate::routing::{FailureClass, Reaction, Sticky, Strategy};

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
    /// Models beside which none is tried: their names in the catalogue, with `*` for any rest, as in `anthropic/*`. Without it
    /// all are.
    #[schemars(length(max = 256))]
    pub models: Vec<String>,
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
    /// Who is tried after which failure, where it is not what is usual: classes of failures and reactions, as in
    /// `context_too_long: stop`. The narrowest level that names a class counts.
    #[schemars(schema_with = "named::on_failure")]
    pub on_failure: Option<BTreeMap<FailureClass, Reaction>>,
    /// A second deployment is asked when the first one is slow to begin; the first content wins and the other one is
    /// given up. Without it there is only one at a time. Second tries cost money: they are recorded, and bounded.
    pub hedge: Option<HedgeSpec>,
}

/// When a second deployment is asked beside the first, and how often.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct HedgeSpec {
    /// After how many milliseconds. Without it: when the first is slower than `percentile` says, once at least twenty
    /// answers of the last five minutes are known.
    #[schemars(range(min = 1, max = 600_000))]
    pub after_ms: Option<u64>,
    /// The share of its answers of the last five minutes, in a hundred, than which the first is to be slower: by the time to
    /// the first token of streams, and to the end of other answers.
    #[schemars(range(min = 50, max = 99))]
    pub percentile: u32,
    /// What second tries may cost at most, in hundredths of what the first ones of the last five minutes do; one is always
    /// allowed.
    #[schemars(range(min = 1, max = 1000))]
    pub max_percent: u32,
}

impl Default for HedgeSpec {
    fn default() -> Self {
        Self { after_ms: None, percentile: 95, max_percent: 10 }
    }
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
