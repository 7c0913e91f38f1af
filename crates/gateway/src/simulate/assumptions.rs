//! On what a simulation rests, in words and with how many exchanges each concerns.

use yumen_llm::price::dollars;
use yumen_llm::usage::Usage;

use super::basis::Ground;
use super::report::{Assumption, Share};

const REQUESTS: &str = "No record holds what a request said: its wishes (`provider`, further `models`, `:floor`), tools, length limits \
                        and sessions are taken as absent, so nothing stays with a deployment for its session's sake.";
const LIMITS: &str = "Keys are good and within their limits; credentials have room and do not rest; prices are those of the configurations today, at \
                      the usual tier.";
const DISCOVERY: &str =
    "No server is asked which models it has: only those of the configuration and the catalogue are known.";
const DRAWN: &str = "Tries that were made in truth end as they did. Others are drawn: failures at the rate of that time, durations from \
                     recorded answers of about the same length.";
const MOVED: &str =
    "Another deployment than in truth serves them, and counts and says as many tokens as were recorded.";
const CACHED: &str = "Tokens that came from a provider's cache come from the cache of the deployment that serves instead, at its \
                      price for that.";
const USUAL: &str = "They failed or were refused in truth, so no tokens are recorded: they have the mean of completed exchanges that \
                     ask for the same model.";
const UNKNOWN_KEY: &str =
    "The configuration does not know their virtual key, which may then use every model.";
const GUESSED: &str =
    "A rule reads what no record holds (texts, headers, tools, sessions …), and finds it empty.";
const LEFT: &str = "Their clients left, and leave again: the first deployment of the plan is charged.";
const REFUSED: &str = "Their provider refused what they asked, as every other would.";
const HEDGED: &str = "`hedge` wishes second tries beside slow ones: those that the records hold are made and paid for as they were, and no \
                      others.";
const PARTS: &str = "More than one answer was paid for in truth: one was put aside, broke off, or lost to a faster one. Where the \
                     configuration would do the same again, each costs what it used at its price there; the parts of one that broke \
                     off are taken as one answer.";
const UNTIMED: &str = "No record tells how long such an answer takes: they are not in the times.";
const UNSEEN: &str = "The deployments that would serve them were never tried in this time: they fail and take as long as the same \
                      model at other providers does, or else as all deployments do.";

/// How many exchanges each assumption concerns.
#[derive(Debug, Default)]
#[allow(missing_docs)]
pub struct Counts {
    pub drawn: u64,
    pub unknown_key: u64,
    pub guessed_rules: u64,
    pub usual_tokens: u64,
    pub left: u64,
    pub refused_again: u64,
    pub untimed: u64,
    pub hedged: u64,
    pub parts: u64,
    moved: u64,
    cached: u64,
    /// What the same would cost more if nothing came from a cache.
    uncached_more: u64,
}

impl Counts {
    /// An exchange was served by another deployment than in truth.
    pub fn elsewhere(&mut self, usage: &Usage, cost: Option<u64>, uncached: Option<u64>) {
        self.moved += 1;
        if usage.cached_input > 0 {
            self.cached += 1;
            let more = uncached.unwrap_or(0).saturating_sub(cost.unwrap_or(0));
            self.uncached_more = self.uncached_more.saturating_add(more);
        }
    }

    /// All that concern anything; `has_servers` says whether the settings have servers tell of their models.
    pub fn told(&self, has_servers: bool) -> Vec<Assumption> {
        let of_all =
            [("requests", REQUESTS, true), ("limits", LIMITS, true), ("discovery", DISCOVERY, has_servers)];
        let of_some = [
            ("drawn_outcomes", DRAWN, self.drawn),
            ("tokens_elsewhere", MOVED, self.moved),
            ("cache_elsewhere", CACHED, self.cached),
            ("usual_tokens", USUAL, self.usual_tokens),
            ("unknown_keys", UNKNOWN_KEY, self.unknown_key),
            ("rules_guessed", GUESSED, self.guessed_rules),
            ("client_gone", LEFT, self.left),
            ("refused_by_provider", REFUSED, self.refused_again),
            ("hedged", HEDGED, self.hedged),
            ("several_answers", PARTS, self.parts),
            ("untimed", UNTIMED, self.untimed),
        ];
        let of_all = of_all.into_iter().filter(|(.., holds)| *holds).map(|(id, text, _)| (id, text, None));
        let of_some = of_some.into_iter().filter(|(.., count)| *count > 0);
        let of_some = of_some.map(|(id, text, count)| (id, text, Some(count)));
        let mut all: Vec<Assumption> = of_all
            .chain(of_some)
            .map(|(id, text, exchanges)| Assumption { id, exchanges, text: text.to_owned() })
            .collect();
        if let Some(cached) = all.iter_mut().find(|one| one.text == CACHED && self.uncached_more > 0) {
            let more = dollars(self.uncached_more);
            cached.text.push_str(&format!(" If none did, it would cost {more} dollars more."));
        }
        all
    }
}

/// What is assumed of deployments that no record names.
pub fn of_deployments(shares: &[Share]) -> Option<Assumption> {
    let is_borrowed = |share: &&Share| {
        share.after.exchanges > 0 && share.figures.is_some_and(|figures| figures.failures != Ground::Recorded)
    };
    let exchanges = shares.iter().filter(is_borrowed).map(|share| share.after.exchanges).sum();
    (exchanges > 0).then(|| Assumption {
        id: "unseen_deployments",
        exchanges: Some(exchanges),
        text: UNSEEN.to_owned(),
    })
}
