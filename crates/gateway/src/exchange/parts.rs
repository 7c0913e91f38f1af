//! What an exchange does at several deployments: tries beside each other, answers that another one goes on with, and
//! what each of them has used.
//!
//! In: tries that were given up, and parts that do not end the exchange. Out: their tokens and costs at the attempts, and the
//! sum in the record when it closes.

use std::sync::{Arc, PoisonError};
use std::time::Instant;

use yumen_llm::price::Price;
use yumen_llm::usage::{Units, Usage};
use yumen_telemetry::{AttemptRecord, ExchangeRecord, TokenCounts, TokenSource};

use super::{Asked, COST_NANOS_MOST, Exchange, TOKENS_MOST};
use crate::clock::micros;

impl Exchange {
    /// Another side of the same exchange, for a try beside its own. It leaves no record: what it comes to is taken by
    /// [`Exchange::join`], and what it gives up is told to this one.
    pub fn beside(&mut self) -> Self {
        let Self { worker, started, record, aside, .. } = self;
        let draft = ExchangeRecord {
            id: record.id.clone(),
            started_at_us: record.started_at_us,
            key_id: record.key_id.clone(),
            attempts: record.attempts.clone(),
            ..ExchangeRecord::default()
        };
        let mut beside = Self::drafted(worker, *started, draft);
        beside.inherited = beside.record.attempts.len();
        beside.aside = Some(Arc::clone(aside.get_or_insert_default()));
        beside
    }

    /// Takes what another side of it has come to.
    pub fn join(&mut self, mut other: Self) {
        let own = other.record.attempts.drain(other.inherited.min(other.record.attempts.len())..);
        self.record.attempts.extend(own);
        if other.serving.is_some() {
            (self.serving, self.sent) = (other.serving.take(), other.sent.take());
            // An answer has begun, and needs them no more.
            self.files = None;
        }
    }

    /// Gives up the try under way for another one. It is counted as far as its provider will bill it: its input.
    pub fn give_up(&mut self, cause: &str) {
        let Some(trying) = self.trying.take() else { return };
        let (tokens, units) = (self.estimated(&trying.asked), trying.asked.units);
        let mut attempt = ended(trying.attempt, trying.began, cause);
        if let Some((usage, source)) = tokens {
            attempt.tokens = Some(counts(&usage, source));
        }
        let usage = tokens.map(|(usage, _)| usage);
        attempt.cost_nanos = trying.price.and_then(|price| price.cost_of(usage.as_ref(), &units));
        self.attempted(attempt);
    }

    /// Notes what a try has used whose answer does not end the exchange: one that broke off and was gone on with elsewhere,
    /// or one that was not taken. It stands with the try, which is the `index`th, and in what the exchange has used
    /// altogether when that closes.
    pub fn part(
        &mut self,
        index: usize,
        tokens: Option<(Usage, TokenSource)>,
        units: &Units,
        price: Option<&Price>,
    ) {
        let (usage, counts) = tokens.map(|(usage, source)| bounded(&usage, source)).unzip();
        if let Some(attempt) = self.record.attempts.get_mut(index) {
            (attempt.tokens, attempt.cost_nanos) = (counts, cost_of(usage.as_ref(), units, price));
        }
        let counts = counts.unwrap_or_default();
        if let Some(sent) = self.sent.take() {
            self.worker.gateway.allowances.settle(&sent, counts.input.saturating_add(counts.output));
        }
        self.before.get_or_insert_default().add(&counts);
    }

    /// The try of this index, whose part was noted, answers after all: it is the last one, and its part the end of the exchange.
    pub fn take_part(&mut self, index: usize) {
        if index >= self.record.attempts.len() {
            return;
        }
        // Its tokens are settled with its part; what was sent last was another one's.
        self.sent = None;
        let mut attempt = self.record.attempts.remove(index);
        (attempt.cause, attempt.cost_nanos) = (None, None);
        if let (Some(tokens), Some(before)) = (attempt.tokens.take(), &mut self.before) {
            before.remove(&tokens);
        }
        self.record.attempts.push(attempt);
    }

    /// What those of its tries cost so far that it has used a part of, those beside its own among them; nothing where that is
    /// not known of one.
    pub fn cost_before(&self) -> Option<u64> {
        let beside = self
            .aside
            .as_ref()
            .and_then(|aside| parts(aside.lock().unwrap_or_else(PoisonError::into_inner).iter()));
        let own = parts(self.record.attempts.iter());
        own.into_iter().chain(beside).reduce(both).unwrap_or(Some(0))
    }

    /// The input of a request of which nothing was counted yet.
    pub(super) fn estimated(&self, asked: &Asked) -> Option<(Usage, TokenSource)> {
        let estimates = &self.worker.gateway.estimates;
        let input = estimates.estimate(asked.model.as_deref(), asked.text.as_ref()?);
        Some((Usage { input, ..Usage::default() }, TokenSource::Estimated))
    }

    /// Adds what was tried beside it, and what that cost. The try that answered stays the last one.
    pub(super) fn sum_up(&mut self) {
        if let Some(aside) = self.aside.take() {
            let last = self.record.attempts.pop();
            self.record.attempts.append(&mut aside.lock().unwrap_or_else(PoisonError::into_inner));
            self.record.attempts.extend(last);
        }
        if let Some(parts) = parts(self.record.attempts.iter()) {
            // Where nothing was counted there is no other cost; where a price is not known, neither is the sum.
            let nothing = self.record.tokens.source == TokenSource::None && self.record.units.is_empty();
            let own = self.record.cost_nanos.or_else(|| nothing.then_some(0));
            self.record.cost_nanos = both(own, parts).map(|sum| sum.min(COST_NANOS_MOST));
        }
    }

    /// Tells the exchange beside which it was made what it comes to.
    pub(super) fn tell_aside(&mut self) {
        let Some(aside) = self.aside.take() else { return };
        self.give_up("client_gone");
        let own = self.record.attempts.drain(self.inherited.min(self.record.attempts.len())..);
        aside.lock().unwrap_or_else(PoisonError::into_inner).extend(own);
    }
}

/// What those of these tries cost of which a part was used; none at all where there is no such try.
fn parts<'a>(attempts: impl Iterator<Item = &'a AttemptRecord>) -> Option<Option<u64>> {
    let used = |attempt: &&AttemptRecord| attempt.tokens.is_some() || attempt.cost_nanos.is_some();
    attempts.filter(used).map(|attempt| attempt.cost_nanos).reduce(both)
}

/// The sum; nothing where one is not known.
fn both(one: Option<u64>, other: Option<u64>) -> Option<u64> {
    one.zip(other).map(|(one, other)| one.saturating_add(other))
}

/// A try that was given up.
pub(super) fn ended(mut attempt: AttemptRecord, began: Instant, cause: &str) -> AttemptRecord {
    attempt.duration_us = micros(began.elapsed());
    attempt.cause = Some(cause.to_owned());
    attempt
}

pub(super) fn counts(usage: &Usage, source: TokenSource) -> TokenCounts {
    let Usage { input, cached_input, cache_write, cache_write_1h, output, reasoning, web_searches: _ } =
        *usage;
    TokenCounts {
        input,
        cached_input,
        cache_write: cache_write.saturating_add(cache_write_1h),
        output,
        reasoning,
        source,
    }
}

/// Tokens as far as an exchange can have so many.
pub(super) fn bounded(usage: &Usage, source: TokenSource) -> (Usage, TokenCounts) {
    let figures = [
        usage.input,
        usage.cached_input,
        usage.cache_write,
        usage.cache_write_1h,
        usage.output,
        usage.reasoning,
        usage.web_searches,
    ];
    let absurd = figures.iter().any(|figure| *figure > TOKENS_MOST);
    let [input, cached_input, cache_write, cache_write_1h, output, reasoning, web_searches] =
        figures.map(|figure| figure.min(TOKENS_MOST));
    let usage = Usage { input, cached_input, cache_write, cache_write_1h, output, reasoning, web_searches };
    let counts = counts(&usage, if absurd { TokenSource::Estimated } else { source });
    (usage, counts)
}

/// What it costs, as far as anything can cost so much.
pub(super) fn cost_of(usage: Option<&Usage>, units: &Units, price: Option<&Price>) -> Option<u64> {
    price.and_then(|price| price.cost_of(usage, units)).map(|cost| cost.min(COST_NANOS_MOST))
}
