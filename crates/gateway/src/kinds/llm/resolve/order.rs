//! The strategies: deployments of one model put in order.

use yumen_config::{Deployment, Rotation, Strategy, VirtualKey};

use super::candidate::{Behind, Candidate};
use super::{Ask, Live};
use crate::affinity::key_of;
use crate::health::Standing;

/// Tokens of an answer of which nobody says how long it may be, as a share of its prompt.
const USUAL_SHARE: u64 = 3;
/// Turns that are taken to find a deployment that can serve.
const TURNS_MOST: usize = 64;
/// Rates of success are told apart by so much.
const RATE_STEP: f64 = 0.05;

/// Puts deployments in order.
pub struct Ordering<'o, 'a> {
    pub live: &'o Live<'o>,
    pub ask: &'o Ask<'a>,
    pub key: &'o VirtualKey,
}

impl Ordering<'_, '_> {
    /// Puts those of one model in order; `rotation` is where they came from, in the same order.
    pub fn order(
        &self,
        own: &mut [Candidate<'_>],
        strategy: Strategy,
        rotation: Option<&Rotation<Deployment>>,
    ) {
        match strategy {
            Strategy::Weighted => rotate(own, rotation),
            Strategy::Priority => {}
            Strategy::Balanced => self.balance(own),
            Strategy::Price => sort(own, |candidate| self.cost(candidate).unwrap_or(f64::INFINITY)),
            Strategy::Latency => sort(own, |candidate| self.latency(candidate)),
            Strategy::Throughput => sort(own, |candidate| -throughput(candidate)),
            Strategy::LeastBusy => self.least_busy(own),
            Strategy::Exacto => {
                sort(own, |candidate| -throughput(candidate));
                sort(own, |candidate| -(success(candidate) / RATE_STEP).ceil());
            }
            Strategy::ConsistentHash => {
                let session = self.ask.session().unwrap_or_else(|| key_of(&self.key.id));
                own.sort_by_key(|candidate| std::cmp::Reverse(key_of((session, candidate.deployment.id))));
            }
        }
    }

    /// Of those that are well one is drawn with weight 1/price²; the others follow by price, then those that are not well.
    fn balance(&self, own: &mut [Candidate<'_>]) {
        let mut costs: smallvec::SmallVec<[f64; 8]> =
            own.iter().map(|candidate| self.cost(candidate).unwrap_or(f64::INFINITY)).collect();
        let positive = costs.iter().copied().filter(|cost| *cost > 0.0 && cost.is_finite());
        let (least, most) =
            positive.fold((f64::INFINITY, 0.0_f64), |(least, most), cost| (least.min(cost), most.max(cost)));
        for cost in &mut costs {
            // What costs nothing is a tenth of the cheapest; of what nobody knows the price the dearest is assumed.
            *cost = match *cost {
                cost if !cost.is_finite() => {
                    if most > 0.0 {
                        most
                    } else {
                        1.0
                    }
                }
                cost if cost <= 0.0 => {
                    if least.is_finite() {
                        least / 10.0
                    } else {
                        1.0
                    }
                }
                cost => cost,
            };
        }
        let is_well =
            |candidate: &Candidate<'_>| is_usable(candidate) && candidate.standing != Standing::Shaky;
        // Against the cheapest, so that no weight is too small to count.
        let cheapest = costs.iter().copied().fold(f64::INFINITY, f64::min);
        let weight = |at: usize| costs.get(at).map_or(0.0, |cost| (cheapest / cost).powi(2));
        let all: f64 = own.iter().enumerate().filter(|(_, one)| is_well(one)).map(|(at, _)| weight(at)).sum();
        const PARTS: u64 = 1 << 32;
        let mut left = (self.live.draw)(PARTS) as f64 / PARTS as f64 * all;
        let mut drawn = None;
        for (at, _) in own.iter().enumerate().filter(|(_, one)| is_well(one)) {
            drawn = Some(at);
            left -= weight(at);
            if left < 0.0 {
                break;
            }
        }
        let drawn = drawn.and_then(|at| own.get(at)).map(|one| one.deployment.id);
        sort(own, |candidate| self.cost(candidate).unwrap_or(f64::INFINITY));
        own.sort_by_key(|candidate| (!is_well(candidate), Some(candidate.deployment.id) != drawn));
    }

    /// Of two that are drawn the one with fewer open exchanges; the others follow, the quieter first.
    fn least_busy(&self, own: &mut [Candidate<'_>]) {
        let open = |candidate: &Candidate<'_>| candidate.figures.as_ref().map_or(0, |figures| figures.open());
        let usable: smallvec::SmallVec<[usize; 8]> =
            (0..own.len()).filter(|at| own.get(*at).is_some_and(is_usable)).collect();
        let count = usable.len() as u64;
        let mut drawn = None;
        if count > 1 {
            let first = (self.live.draw)(count);
            let second = (first + 1 + (self.live.draw)(count - 1)) % count;
            let at = |place: u64| usable.get(usize::try_from(place).unwrap_or(0)).and_then(|at| own.get(*at));
            drawn = [at(first), at(second)]
                .into_iter()
                .flatten()
                .min_by_key(|one| open(one))
                .map(|one| one.deployment.id);
        }
        own.sort_by_key(|candidate| (Some(candidate.deployment.id) != drawn, open(candidate)));
    }

    /// What the request is expected to cost, in any unit; none where nobody knows the price.
    fn cost(&self, candidate: &Candidate<'_>) -> Option<f64> {
        let price = candidate.deployment.model.price?;
        let prompt = self.ask.prompt_tokens().max(1);
        let output = self.ask.max_output.unwrap_or(prompt / USUAL_SHARE).max(1);
        Some(price.input.0 as f64 * prompt as f64 + price.output.0 as f64 * output as f64)
    }

    /// Whoever has not been measured is tried first, so that it is.
    fn latency(&self, candidate: &Candidate<'_>) -> f64 {
        candidate.figures.as_ref().and_then(|figures| figures.latency_us(self.live.now_ms)).unwrap_or(0.0)
    }
}

fn throughput(candidate: &Candidate<'_>) -> f64 {
    candidate.figures.as_ref().and_then(|figures| figures.tokens_per_second()).unwrap_or(f64::INFINITY)
}

fn success(candidate: &Candidate<'_>) -> f64 {
    candidate.figures.as_ref().and_then(|figures| figures.success_rate()).unwrap_or(1.0)
}

fn is_usable(candidate: &Candidate<'_>) -> bool {
    candidate.out.is_none()
        && candidate.standing != Standing::Open
        && candidate.behind != Some(Behind::Limited)
}

fn sort(own: &mut [Candidate<'_>], by: impl Fn(&Candidate<'_>) -> f64) {
    own.sort_by(|left, right| by(left).total_cmp(&by(right)));
}

/// Begins with the deployment whose turn it is; the others follow as they are listed. Turns of those that cannot serve go
/// to the next, so that the others keep their shares.
fn rotate(own: &mut [Candidate<'_>], rotation: Option<&Rotation<Deployment>>) {
    let Some(rotation) = rotation else { return };
    let turns = std::iter::repeat_with(|| rotation.next()).take(TURNS_MOST);
    let usable = |at: &usize| own.get(*at).is_some_and(is_usable);
    if !own.iter().any(is_usable) {
        return;
    }
    let first = turns.into_iter().find(usable).unwrap_or(0);
    own.rotate_left(first.min(own.len()));
}
