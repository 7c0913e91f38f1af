//! What is left of the limits that providers set for our credentials: as the heads of their answers tell it, and as the
//! operator has written it for those that tell nothing.
//!
//! In: what is sent with a credential, and the heads of answers. Out: how much room a credential has for one more request of a
//! model. It never refuses anything: who has no room is tried last. Bounded memory; nothing is looked at for credentials
//! of which nothing is known.

mod minute;
mod told;

use std::hash::Hash;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use foldhash::{HashMap, HashMapExt as _};
use http::HeaderMap;
use yumen_config::{Credential, CredentialLimits};
use yumen_telemetry::{AllowanceReport, Left};

use minute::{Minute, Spent};
use told::{Told, Window};

const SHARDS: usize = 16;
/// Pairs of credential and model, and credentials with limits of the operator's, that one shard remembers.
const ENTRIES_MOST: usize = 256;
/// Below this share of what is left a credential is taken less often, in proportion.
const LOW_SHARE: f64 = 0.2;
/// Calls that go through as they are have no model.
pub const WITHOUT_MODEL: u64 = 0;

/// The room that a credential has for one more request.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Room {
    /// Nothing is known, or enough is left.
    Free,
    /// So much of it is left, as a share of what is enough: below 1.
    Low(f64),
    /// Nothing is left, or too little.
    None,
}

/// A request that was sent with a credential.
#[derive(Debug, Clone, Copy, Default)]
pub struct Sent {
    credential: u64,
    /// Requests and tokens that were sent so far with this credential to this model, this one among them.
    mark: Spent,
    /// Its tokens as they were estimated, where they count against a limit of the operator's.
    estimated: Option<u64>,
}

/// What is left of all limits.
#[derive(Debug)]
pub struct Allowances {
    epoch: Instant,
    /// Looked at without a lock while nothing is known, which is usual.
    known: AtomicUsize,
    shards: [Mutex<Shard>; SHARDS],
}

#[derive(Debug, Default)]
struct Shard {
    told: HashMap<(u64, u64), Known>,
    own: HashMap<u64, Own>,
}

/// What a provider has told of one credential for one model.
#[derive(Debug, Default)]
struct Known {
    model: Arc<str>,
    /// What was sent so far.
    sent: Spent,
    /// What had been sent when the answer's request was: what was sent later is not in what it tells.
    mark: Spent,
    at_ms: u64,
    used_ms: u64,
    told: Told,
}

/// What was sent with a credential for which the operator has written limits.
#[derive(Debug)]
struct Own {
    limits: CredentialLimits,
    minute: Minute,
    used_ms: u64,
}

impl Default for Allowances {
    fn default() -> Self {
        Self { epoch: Instant::now(), known: AtomicUsize::default(), shards: Default::default() }
    }
}

impl Allowances {
    /// Whether anything is known of any credential.
    pub fn is_empty(&self) -> bool {
        self.known.load(Ordering::Relaxed) == 0
    }

    /// The room that a credential has for one more request of so many tokens to a model.
    pub fn room(&self, credential: &Credential, model: u64, tokens: u64) -> Room {
        if self.is_empty() {
            return Room::Free;
        }
        let now_ms = self.now_ms();
        let mut shard = self.shard(credential.id);
        let mut share = 1.0_f64;
        if let Some(known) = shard.told.get(&(credential.id, model)) {
            share = share.min(known.share(now_ms, tokens));
        }
        if let (Some(limits), Some(own)) = (credential.limits, shard.own.get_mut(&credential.id)) {
            share = share.min(own.share(limits, now_ms, tokens));
        }
        match share {
            share if share <= 0.0 => Room::None,
            share if share >= LOW_SHARE => Room::Free,
            share => Room::Low(share / LOW_SHARE),
        }
    }

    /// After how long a credential is expected to have room for one more request; nothing where it has some.
    pub fn returns_in(&self, credential: &Credential, model: u64, tokens: u64) -> Option<Duration> {
        if self.is_empty() {
            return None;
        }
        let now_ms = self.now_ms();
        let mut shard = self.shard(credential.id);
        let told = shard.told.get(&(credential.id, model));
        let told_ms = told.and_then(|known| known.returns_in_ms(now_ms, tokens));
        let own_ms = credential.limits.and_then(|limits| {
            let own = shard.own.get_mut(&credential.id)?;
            (own.share(limits, now_ms, tokens) <= 0.0).then(|| own.minute.eases_in(now_ms))
        });
        told_ms.max(own_ms).map(Duration::from_millis)
    }

    /// Notes that a request of about so many tokens is sent now.
    pub fn send(&self, credential: &Credential, model: u64, tokens: u64) -> Sent {
        let mut sent = Sent { credential: credential.id, ..Sent::default() };
        if self.is_empty() && credential.limits.is_none() {
            return sent;
        }
        let (now_ms, one) = (self.now_ms(), Spent { requests: 1, tokens });
        let mut shard = self.shard(credential.id);
        if let Some(known) = shard.told.get_mut(&(credential.id, model)) {
            known.sent = known.sent.and(one);
            known.used_ms = now_ms;
            sent.mark = known.sent;
        }
        if let Some(limits) = credential.limits {
            let make = || Own { limits, minute: Minute::default(), used_ms: now_ms };
            let own = self.entry(&mut shard.own, credential.id, |own| own.used_ms, make);
            (own.limits, own.used_ms) = (limits, now_ms);
            own.minute.add(now_ms, one);
            sent.estimated = Some(tokens);
        }
        sent
    }

    /// Takes up what the head of an answer tells. `model` is the number and the name of what was asked.
    pub fn tell(&self, sent: &Sent, (id, name): (u64, &str), headers: &HeaderMap) {
        let Some(told) = told::told(headers, unix_ms) else { return };
        let now_ms = self.now_ms();
        let mut shard = self.shard(sent.credential);
        let make = || Known { model: Arc::from(name), ..Known::default() };
        let known = self.entry(&mut shard.told, (sent.credential, id), |known| known.used_ms, make);
        known.used_ms = now_ms;
        // Answers may overtake one another: what tells of an earlier request says less.
        if sent.mark.requests < known.mark.requests && !known.is_over(now_ms) {
            return;
        }
        let same = sent.mark.requests == known.mark.requests && !known.is_over(now_ms);
        known.told = if same { known.told.nearer(told) } else { told };
        (known.mark, known.at_ms) = (sent.mark, now_ms);
    }

    /// An exchange has ended for which so many tokens were counted.
    pub fn settle(&self, sent: &Sent, tokens: u64) {
        let Some(more) = sent.estimated.and_then(|estimated| tokens.checked_sub(estimated)) else { return };
        if let Some(own) = self.shard(sent.credential).own.get_mut(&sent.credential) {
            own.minute.add(self.now_ms(), Spent { requests: 0, tokens: more });
        }
    }

    /// All that is known, by the credentials' ids.
    pub fn reports(&self) -> HashMap<u64, Vec<AllowanceReport>> {
        let mut reports: HashMap<u64, Vec<AllowanceReport>> = HashMap::new();
        if self.is_empty() {
            return reports;
        }
        let now_ms = self.now_ms();
        for shard in &self.shards {
            let mut shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
            for ((credential, _), known) in &shard.told {
                if let Some(report) = known.report(now_ms) {
                    reports.entry(*credential).or_default().push(report);
                }
            }
            for (credential, own) in &mut shard.own {
                reports.entry(*credential).or_default().push(own.report(now_ms));
            }
        }
        for of_one in reports.values_mut() {
            of_one.sort_by(|one, other| one.model.cmp(&other.model));
        }
        reports
    }

    /// The entry of a key, which begins with what `make` gives. Of too many the one that was used least lately gives way.
    fn entry<'e, K: Copy + Eq + Hash, V>(
        &self,
        entries: &'e mut HashMap<K, V>,
        key: K,
        used_ms: impl Fn(&V) -> u64,
        make: impl FnOnce() -> V,
    ) -> &'e mut V {
        if !entries.contains_key(&key) {
            let oldest = entries.iter().min_by_key(|(_, entry)| used_ms(entry)).map(|(key, _)| *key);
            match oldest.filter(|_| entries.len() >= ENTRIES_MOST) {
                Some(oldest) => drop(entries.remove(&oldest)),
                None => drop(self.known.fetch_add(1, Ordering::Relaxed)),
            }
        }
        entries.entry(key).or_insert_with(make)
    }

    fn now_ms(&self) -> u64 {
        u64::try_from(self.epoch.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    fn shard(&self, credential: u64) -> MutexGuard<'_, Shard> {
        let slot = usize::try_from(credential % SHARDS as u64).unwrap_or(0);
        let shard = self.shards.get(slot).unwrap_or(&self.shards[0]);
        shard.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How long a limited credential is to rest, by the limit that its answer tells to be used up.
pub fn limited_for(status: u16, headers: &HeaderMap) -> Option<Duration> {
    if status != 429 {
        return None;
    }
    told::told(headers, unix_ms)?.exhausted_for()
}

fn unix_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

impl Spent {
    fn and(self, more: Self) -> Self {
        Self {
            requests: self.requests.saturating_add(more.requests),
            tokens: self.tokens.saturating_add(more.tokens),
        }
    }
}

impl Told {
    /// Of what two answers tell of the same time, that which is nearer to its end.
    fn nearer(self, other: Self) -> Self {
        let of = |one: Option<Window>, other: Option<Window>| match (one, other) {
            (Some(one), Some(other)) => Some(if one.left < other.left { one } else { other }),
            (one, other) => one.or(other),
        };
        Self {
            requests: of(self.requests, other.requests),
            tokens: of(self.tokens, other.tokens),
            output: of(self.output, other.output),
        }
    }
}

impl Window {
    /// What is left so long after it was told, when so much was sent meanwhile; `None` when all of it is there again.
    fn left_after(&self, passed_ms: u64, sent: u64) -> Option<u64> {
        let resets_ms = u64::try_from(self.resets.as_millis()).unwrap_or(u64::MAX);
        if passed_ms >= resets_ms {
            return None;
        }
        let missing = self.limit.filter(|_| self.steady).map_or(0, |limit| limit.saturating_sub(self.left));
        let filled = u128::from(missing) * u128::from(passed_ms) / u128::from(resets_ms.max(1));
        let left = self.left.saturating_add(u64::try_from(filled).unwrap_or(u64::MAX));
        Some(left.saturating_sub(sent))
    }

    /// After how long so much is left of it that is lacking now; nothing where it is not.
    fn has_in_ms(&self, passed_ms: u64, sent: u64, needed: u64) -> Option<u64> {
        self.left_after(passed_ms, sent).filter(|left| *left < needed)?;
        let resets_ms = u64::try_from(self.resets.as_millis()).unwrap_or(u64::MAX);
        let missing = self.limit.filter(|_| self.steady).map_or(0, |limit| limit.saturating_sub(self.left));
        let lacking = needed.saturating_add(sent).saturating_sub(self.left);
        let filled = u128::from(lacking) * u128::from(resets_ms);
        let filled_ms = filled.checked_div(u128::from(missing)).and_then(|ms| u64::try_from(ms).ok());
        Some(filled_ms.unwrap_or(resets_ms).min(resets_ms).saturating_sub(passed_ms))
    }

    fn told(&self, passed_ms: u64, sent: u64) -> Option<Left> {
        let left = self.left_after(passed_ms, sent)?;
        let resets_ms = u64::try_from(self.resets.as_millis()).unwrap_or(u64::MAX);
        Some(Left { left, limit: self.limit, resets_in_ms: resets_ms.saturating_sub(passed_ms) })
    }
}

impl Known {
    /// Each window, what was sent of its unit meanwhile, and what one more request needs of it.
    fn windows(&self, tokens: u64) -> [(Option<Window>, u64, u64); 3] {
        let meanwhile = |sent: u64, mark: u64| sent.saturating_sub(mark);
        [
            (self.told.requests, meanwhile(self.sent.requests, self.mark.requests), 1),
            (self.told.tokens, meanwhile(self.sent.tokens, self.mark.tokens), tokens.max(1)),
            // Of answers nobody knows yet how long they will be.
            (self.told.output, 0, 1),
        ]
    }

    /// The least share that is left; 0 where it is too little.
    fn share(&self, now_ms: u64, tokens: u64) -> f64 {
        let passed_ms = now_ms.saturating_sub(self.at_ms);
        let shares = self.windows(tokens).into_iter().map(|(window, sent, needed)| {
            let Some(window) = window else { return 1.0 };
            match window.left_after(passed_ms, sent) {
                None => 1.0,
                Some(left) if left < needed => 0.0,
                Some(left) => share_of(left, window.limit),
            }
        });
        shares.fold(1.0, f64::min)
    }

    /// After how long everything that is lacking for one more request is there; nothing where nothing is lacking.
    fn returns_in_ms(&self, now_ms: u64, tokens: u64) -> Option<u64> {
        let passed_ms = now_ms.saturating_sub(self.at_ms);
        let windows = self.windows(tokens).into_iter();
        windows.filter_map(|(window, sent, needed)| window?.has_in_ms(passed_ms, sent, needed)).max()
    }

    /// Whether nothing that was told still holds.
    fn is_over(&self, now_ms: u64) -> bool {
        let passed_ms = now_ms.saturating_sub(self.at_ms);
        self.windows(0)
            .iter()
            .all(|(window, ..)| window.is_none_or(|window| window.left_after(passed_ms, 0).is_none()))
    }

    fn report(&self, now_ms: u64) -> Option<AllowanceReport> {
        let passed_ms = now_ms.saturating_sub(self.at_ms);
        let told = |(window, sent, _): (Option<Window>, u64, u64)| window?.told(passed_ms, sent);
        let [requests, tokens, output] = self.windows(0).map(told);
        let tokens = [tokens, output]
            .into_iter()
            .flatten()
            .min_by(|one, other| share_of(one.left, one.limit).total_cmp(&share_of(other.left, other.limit)));
        (requests.is_some() || tokens.is_some()).then(|| AllowanceReport {
            model: self.model.to_string(),
            requests,
            tokens,
        })
    }
}

impl Own {
    fn share(&mut self, limits: CredentialLimits, now_ms: u64, tokens: u64) -> f64 {
        let spent = self.minute.sum(now_ms);
        let share = |limit: Option<u64>, spent: u64, needed: u64| match limit {
            Some(limit) if spent.saturating_add(needed) > limit => 0.0,
            Some(limit) => share_of(limit - spent, Some(limit)),
            None => 1.0,
        };
        let requests = share(limits.requests_per_minute, spent.requests, 1);
        requests.min(share(limits.tokens_per_minute, spent.tokens, tokens.max(1)))
    }

    fn report(&mut self, now_ms: u64) -> AllowanceReport {
        let (spent, resets_in_ms) = (self.minute.sum(now_ms), self.minute.eases_in(now_ms));
        let left = |limit: Option<u64>, spent: u64| {
            Some(Left { left: limit?.saturating_sub(spent), limit, resets_in_ms })
        };
        AllowanceReport {
            model: String::new(),
            requests: left(self.limits.requests_per_minute, spent.requests),
            tokens: left(self.limits.tokens_per_minute, spent.tokens),
        }
    }
}

fn share_of(left: u64, limit: Option<u64>) -> f64 {
    match limit {
        Some(limit) if limit > 0 => left as f64 / limit as f64,
        _ if left > 0 => 1.0,
        _ => 0.0,
    }
}

#[cfg(test)]
mod tests;
