//! How a plan came to be, for records and for people.

use std::sync::Arc;

use serde_json::json;
use smallvec::SmallVec;
use yumen_config::{Strategy, Word as _};
use yumen_telemetry::{ConsideredRecord, RouteRecord};

use super::candidate::{Behind, Candidate};
use super::{Ask, Reason};
use crate::rejection::{Code, Rejection};

/// Deployments of one decision that are recorded.
const RECORDED_MOST: usize = 32;

/// How a plan came to be.
#[derive(Debug)]
pub struct Decision {
    /// In which order deployments are tried.
    pub strategy: Strategy,
    /// Whether the first one was chosen because it last served this session.
    pub sticky: bool,
    /// The deployments that were looked at: those of the plan in its order, then the others. Empty where there was no choice.
    pub considered: SmallVec<[Considered; 4]>,
}

/// A deployment that was looked at.
#[derive(Debug, Clone)]
pub struct Considered {
    /// The provider's id.
    pub provider: Arc<str>,
    /// The provider's own id of the model.
    pub model: Arc<str>,
    /// Why it is not tried.
    pub out: Option<Reason>,
    /// Why it comes after others: what is wished, or how it stands.
    pub behind: Option<&'static str>,
}

impl Decision {
    /// There was no choice.
    pub fn plain(strategy: Strategy) -> Self {
        Self { strategy, sticky: false, considered: SmallVec::new() }
    }

    /// As it is recorded, with what rules and presets had to do with it; nothing where there was no choice.
    pub fn record(&self, ruled: Option<RouteRecord>) -> Option<RouteRecord> {
        let record = |considered: &Considered| ConsideredRecord {
            provider: considered.provider.to_string(),
            model: considered.model.to_string(),
            out: considered.out.map(|reason| reason.word().to_owned()),
            behind: considered.behind.map(str::to_owned),
        };
        (!self.considered.is_empty() || ruled.is_some()).then(|| RouteRecord {
            strategy: self.strategy.word().to_owned(),
            sticky: self.sticky,
            considered: self.considered.iter().take(RECORDED_MOST).map(record).collect(),
            ..ruled.unwrap_or_default()
        })
    }

    pub(super) fn of(strategy: Strategy, sticky: bool, all: &[Candidate<'_>]) -> Self {
        let considered = |candidate: &Candidate<'_>| Considered {
            provider: Arc::clone(&candidate.deployment.provider.id),
            model: Arc::clone(&candidate.deployment.model.native_id),
            out: candidate.out,
            behind: candidate.behind.map(Behind::word).or_else(|| standing(candidate)),
        };
        let (within, without) = (|c: &&Candidate<'_>| c.out.is_none(), |c: &&Candidate<'_>| c.out.is_some());
        let all = all.iter().filter(within).chain(all.iter().filter(without));
        Self { strategy, sticky, considered: all.map(considered).collect() }
    }
}

fn standing(candidate: &Candidate<'_>) -> Option<&'static str> {
    use crate::health::Standing;
    (candidate.standing != Standing::Well).then(|| candidate.standing.word())
}

/// The refusal when nothing is left to try.
pub fn nothing_left(ask: &Ask<'_>, all: &[Candidate<'_>]) -> Rejection {
    let asked = ask.models.first().map_or("", |named| named.name);
    let constrained = all
        .iter()
        .filter(|candidate| !matches!(candidate.out, None | Some(Reason::NotServed | Reason::Unspoken)));
    let constrained: SmallVec<[&Candidate<'_>; 8]> = constrained.collect();
    if constrained.is_empty() {
        let message = format!("No provider of the model `{asked}` can serve this kind of request.");
        return Rejection::new(Code::InvalidRequest, message).param("model");
    }
    let mut excluded_by: Vec<&str> = Vec::new();
    let mut providers: Vec<&str> = Vec::new();
    let mut told: Vec<String> = Vec::new();
    for candidate in constrained {
        let Some(reason) = candidate.out else { continue };
        if !excluded_by.contains(&reason.word()) {
            excluded_by.push(reason.word());
        }
        if !providers.contains(&&*candidate.deployment.provider.name) {
            providers.push(&candidate.deployment.provider.name);
            told.push(format!("{} {}", candidate.deployment.provider.name, reason.sentence()));
        }
    }
    let more = told.len().saturating_sub(3);
    told.truncate(3);
    let mut message = format!("No endpoints of the model `{asked}` match the request: {}", told.join("; "));
    message.push_str(&if more > 0 { format!("; and {more} more.") } else { ".".to_owned() });
    let mut rejection = Rejection::new(Code::NoEndpoints, message);
    let requested: Vec<&str> = ask.models.iter().map(|named| named.name).collect();
    rejection.metadata = Some(json!({ "availability": {
        "code": if excluded_by.iter().all(|word| word.starts_with("data_policy")) { "privacy_restricted" } else { "constraint_filtered" },
        "retryable": false, "excluded_by": excluded_by, "requested_models": requested,
        "affected_providers": providers,
    } }));
    rejection
}
