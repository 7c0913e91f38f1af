//! On what a simulation rests, in words and with how many exchanges each concerns.

use yumen_llm::price::dollars;
use yumen_llm::usage::Usage;

use super::basis::Ground;
use super::report::{Assumption, Share};

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
        let all = |id, text: &str| Assumption { id, exchanges: None, text: text.to_owned() };
        let some =
            |id, exchanges, text: &str| Assumption { id, exchanges: Some(exchanges), text: text.to_owned() };
        let mut cached = "Tokens that came from a provider's cache come from the cache of the deployment that serves instead, at \
                          its price for that."
            .to_owned();
        if self.uncached_more > 0 {
            cached.push_str(&format!(
                " If none did, it would cost {} dollars more.",
                dollars(self.uncached_more)
            ));
        }
        let list = [
            all(
                "requests",
                "No record holds what a request said: its wishes (`provider`, further `models`, `:floor`), tools, length limits \
                 and sessions are taken as absent, so nothing stays with a deployment for its session's sake.",
            ),
            all(
                "limits",
                "Keys are good and within their limits; credentials do not rest; prices are those of the configurations today, at \
                 the usual tier.",
            ),
            Assumption {
                exchanges: if has_servers { None } else { Some(0) },
                ..all(
                    "discovery",
                    "No server is asked which models it has: only those of the configuration and the catalogue are known.",
                )
            },
            some(
                "drawn_outcomes",
                self.drawn,
                "Tries that were made in truth end as they did. Others are drawn: failures at the rate of that time, durations from \
                 recorded answers of about the same length.",
            ),
            some(
                "tokens_elsewhere",
                self.moved,
                "Another deployment than in truth serves them, and counts and says as many tokens as were recorded.",
            ),
            some("cache_elsewhere", self.cached, &cached),
            some(
                "usual_tokens",
                self.usual_tokens,
                "They failed or were refused in truth, so no tokens are recorded: they have the mean of completed exchanges that \
                 ask for the same model.",
            ),
            some(
                "unknown_keys",
                self.unknown_key,
                "The configuration does not know their virtual key, which may then use every model.",
            ),
            some(
                "rules_guessed",
                self.guessed_rules,
                "A rule reads what no record holds (texts, headers, tools, sessions …), and finds it empty.",
            ),
            some(
                "client_gone",
                self.left,
                "Their clients left, and leave again: the first deployment of the plan is charged.",
            ),
            some(
                "refused_by_provider",
                self.refused_again,
                "Their provider refused what they asked, as every other would.",
            ),
            some(
                "hedged",
                self.hedged,
                "No second deployment is asked beside a slow one, though `hedge` wishes it.",
            ),
            some(
                "untimed",
                self.untimed,
                "No record tells how long such an answer takes: they are not in the times.",
            ),
        ];
        list.into_iter().filter(|one| one.exchanges != Some(0)).collect()
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
        text: "The deployments that would serve them were never tried in this time: they fail and take as long as the same model \
               at other providers does, or else as all deployments do."
            .to_owned(),
    })
}
