//! From whose figures is drawn what a deployment does: its own, else those of the same model elsewhere, else those of all.

use serde::Serialize;
use yumen_config::{Deployment, FailureClass};

use super::dice::Dice;
use super::seen::{Answer, Observed, Seen};

/// Deployments from which is drawn together; those with most tries.
const TOGETHER_MOST: usize = 64;
/// Answers that are drawn, of which the one nearest in length is taken.
const DRAWN: usize = 8;
/// Shorter answers tell nothing of a rate.
const TOKENS_LEAST: u64 = 8;
/// An answer's time is stretched or shortened at most so many times for its length.
const STRETCH_MOST: f64 = 4.0;

/// Whose figures are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Ground {
    /// Its own.
    Recorded,
    /// Those of the same model at other providers.
    SameModel,
    /// Those of all deployments.
    All,
    /// There are none.
    Nothing,
}

/// From what is drawn for one deployment.
#[derive(Debug)]
pub struct Basis {
    /// Its own tries in the records.
    pub tries: u64,
    failures: (Ground, Vec<usize>),
    streamed: (Ground, Vec<usize>),
    whole: (Ground, Vec<usize>),
}

impl Basis {
    /// Looks which figures there are for a deployment.
    pub fn of(seen: &Seen, deployment: &Deployment) -> Self {
        let own = seen.find(&deployment.provider.id, &deployment.model.native_id);
        let name = &**deployment.model.name();
        let all = || 0..seen.all().len();
        let at = |place: usize| seen.all().get(place);
        let is_same = |place: &usize| at(*place).is_some_and(|one| one.name.as_deref() == Some(name));
        let same: Vec<usize> = all().filter(is_same).collect();
        let pick = |count: &dyn Fn(&Observed) -> u64| {
            let count = |place: &usize| at(*place).map_or(0, count);
            let among = |places: &mut dyn Iterator<Item = usize>| {
                let mut found: Vec<usize> = places.filter(|place| count(place) > 0).collect();
                found.sort_by_key(|place| std::cmp::Reverse(count(place)));
                found.truncate(TOGETHER_MOST);
                found
            };
            [
                (Ground::Recorded, among(&mut own.into_iter())),
                (Ground::SameModel, among(&mut same.iter().copied())),
                (Ground::All, among(&mut all())),
            ]
            .into_iter()
            .find(|(_, found)| !found.is_empty())
            .unwrap_or((Ground::Nothing, Vec::new()))
        };
        Self {
            tries: own.and_then(at).map_or(0, |observed| observed.tries),
            failures: pick(&|observed| observed.tries),
            streamed: pick(&|observed| observed.streamed.all()),
            whole: pick(&|observed| observed.whole.all()),
        }
    }

    /// Whose figures tell of failures, streams and whole answers.
    pub fn grounds(&self) -> [Ground; 3] {
        [self.failures.0, self.streamed.0, self.whole.0]
    }

    /// Draws whether a try fails at this time, and if so how and after how long.
    pub fn fails(&self, seen: &Seen, slot: i64, dice: &Dice) -> Option<(FailureClass, u64)> {
        let members = || self.failures.1.iter().filter_map(|place| seen.all().get(*place));
        let sums = members().map(|observed| observed.at(slot));
        let (tries, failed) = sums.fold((0.0, 0.0), |sum, one| (sum.0 + one.0, sum.1 + one.1));
        if !dice.happens(failed, tries) {
            return None;
        }
        let observed = weighted(members(), |one| one.failures(), dice)?;
        let class = weighted(observed.failed.iter(), |(_, count)| **count, dice).map(|(class, _)| *class)?;
        Some((class, observed.failed_us.draw(dice).unwrap_or(0)))
    }

    /// Draws whether an answer that has begun breaks off.
    pub fn breaks(&self, seen: &Seen, dice: &Dice) -> bool {
        let members = self.failures.1.iter().filter_map(|place| seen.all().get(*place));
        let (broken, answers) = members.fold((0, 0), |sum, one| (sum.0 + one.broken, sum.1 + one.answers));
        dice.happens(broken as f64, answers as f64)
    }

    /// Draws how long an answer of so many tokens takes: of some that are recorded the one nearest in length, stretched or
    /// shortened by what it is longer or shorter.
    pub fn answers(&self, seen: &Seen, streamed: bool, output: u64, dice: &Dice) -> Option<Answer> {
        let places = if streamed { &self.streamed.1 } else { &self.whole.1 };
        let members = || places.iter().filter_map(|place| seen.all().get(*place));
        let draw = |_| {
            let observed = weighted(members(), |one| one.answered(streamed).all(), dice)?;
            observed.answered(streamed).draw(dice)
        };
        let apart = |answer: &Answer| ratio(answer.output, output).ln().abs();
        let drawn = (0..DRAWN).filter_map(draw);
        let nearest = drawn.min_by(|left, right| apart(left).total_cmp(&apart(right)))?;
        let stretch = if nearest.output.min(output) < TOKENS_LEAST {
            1.0
        } else {
            ratio(output, nearest.output).clamp(1.0 / STRETCH_MOST, STRETCH_MOST)
        };
        let first_us = nearest.first_us;
        let waited = first_us.unwrap_or(0);
        let spoken = nearest.total_us.saturating_sub(waited) as f64 * stretch;
        Some(Answer { first_us, total_us: waited.saturating_add(spoken as u64), output })
    }
}

fn ratio(of: u64, to: u64) -> f64 {
    of.max(1) as f64 / to.max(1) as f64
}

/// Draws one of some, each with its weight.
fn weighted<T>(some: impl Iterator<Item = T> + Clone, weight: impl Fn(&T) -> u64, dice: &Dice) -> Option<T> {
    let all: u64 = some.clone().map(|one| weight(&one)).fold(0, u64::saturating_add);
    let mut left = dice.below(all);
    let mut some = some;
    some.find(|one| {
        let own = weight(one);
        let is_drawn = left < own;
        left = left.saturating_sub(own);
        is_drawn
    })
}
