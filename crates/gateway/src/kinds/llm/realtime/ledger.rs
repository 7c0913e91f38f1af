//! What a session has used: the sum of what its answers and transcripts have, each charged by itself.

use std::sync::Arc;
use std::time::Instant;

use yumen_llm::dialects::{Counted, Heard};
use yumen_llm::price::Price;
use yumen_llm::usage::{Units, Usage};
use yumen_telemetry::{Outcome, TokenSource};

use crate::exchange::Exchange;

/// The account of a session.
pub struct Ledger {
    /// What its model charges.
    price: Option<Price>,
    /// The model that writes down what was said, if the client has named one, and what it charges.
    transcriber: Option<(Arc<str>, Option<Price>)>,
    session_id: Option<String>,
    status: Option<String>,
    usage: Usage,
    audio_ms: Option<u64>,
    has_usage: bool,
    /// Whether something was used that the provider did not count.
    lacks_count: bool,
    cost: Option<u64>,
    answers_open: u32,
    /// When one side was last heard of, and when the provider was.
    pub heard: Instant,
    /// The same of the provider alone.
    pub told: Instant,
}

impl Ledger {
    /// An empty one.
    pub fn new(price: Option<Price>) -> Self {
        let now = Instant::now();
        Self {
            price,
            transcriber: None,
            session_id: None,
            status: None,
            usage: Usage::default(),
            audio_ms: None,
            has_usage: false,
            lacks_count: false,
            cost: price.map(|_| 0),
            answers_open: 0,
            heard: now,
            told: now,
        }
    }

    /// Whether an answer is under way.
    pub fn is_answering(&self) -> bool {
        self.answers_open > 0
    }

    /// The client has named who writes down what it says.
    pub fn transcribed_by(&mut self, native_id: Arc<str>, price: Option<Price>) {
        self.transcriber = Some((native_id, price));
    }

    /// Takes what a message of the provider tells.
    pub fn hear(&mut self, heard: Heard) {
        match heard {
            Heard::Session { id } => self.session_id = id.or(self.session_id.take()),
            Heard::Begun => self.answers_open = self.answers_open.saturating_add(1),
            Heard::Ended { status, counted } => {
                self.answers_open = self.answers_open.saturating_sub(1);
                self.status = status;
                self.add(counted, self.price);
            }
            Heard::Transcribed { counted } => {
                let price = self.transcriber.as_ref().and_then(|(_, price)| *price);
                self.add(counted, price);
            }
            Heard::Failed | Heard::Other => {}
        }
    }

    /// Adds one count. Each has its own cost, because some prices depend on the length of a single answer's prompt.
    fn add(&mut self, counted: Option<Counted>, price: Option<Price>) {
        let Some(Counted { usage, units }) = counted else {
            (self.lacks_count, self.cost) = (true, None);
            return;
        };
        if let Some(usage) = usage {
            self.has_usage = true;
            self.usage = sum(&self.usage, &usage);
        }
        if let Some(more) = units.audio_ms {
            self.audio_ms = Some(self.audio_ms.unwrap_or(0).saturating_add(more));
        }
        let cost = price.and_then(|price| price.cost_of(usage.as_ref(), &units));
        self.cost = self.cost.zip(cost).map(|(before, more)| before.saturating_add(more));
    }

    /// Closes the exchange, if it is still open. What an answer has used that was still under way is not known.
    pub fn close(&self, exchange: &mut Exchange, outcome: Outcome) {
        exchange.record.upstream_id.clone_from(&self.session_id);
        exchange.record.finish_reason.clone_from(&self.status);
        let is_whole = !self.lacks_count && !self.is_answering();
        let source = if is_whole { TokenSource::Reported } else { TokenSource::Estimated };
        let tokens = (self.has_usage || !is_whole).then_some((self.usage, source));
        let units = Units { audio_ms: self.audio_ms, ..Units::default() };
        exchange.charged(tokens, &units, self.cost);
        if outcome != Outcome::Completed {
            exchange.blame(outcome);
        }
        exchange.close(outcome);
    }
}

fn sum(one: &Usage, other: &Usage) -> Usage {
    Usage {
        input: one.input.saturating_add(other.input),
        cached_input: one.cached_input.saturating_add(other.cached_input),
        cache_write: one.cache_write.saturating_add(other.cache_write),
        cache_write_1h: one.cache_write_1h.saturating_add(other.cache_write_1h),
        output: one.output.saturating_add(other.output),
        reasoning: one.reasoning.saturating_add(other.reasoning),
        web_searches: one.web_searches.saturating_add(other.web_searches),
    }
}

#[cfg(test)]
mod tests {
    use yumen_llm::price::{LongPrice, PerToken, UnitPrices};

    use super::*;

    fn ended(input: u64, output: u64) -> Heard {
        let usage = Some(Usage { input, output, ..Usage::default() });
        Heard::Ended {
            status: Some("completed".into()),
            counted: Some(Counted { usage, units: Units::default() }),
        }
    }

    fn per_million(price: &str) -> PerToken {
        PerToken::per_million(price).unwrap()
    }

    #[test]
    fn answers_are_charged_one_by_one_and_summed() {
        let long = LongPrice { above: 1000, input: per_million("10"), ..LongPrice::default() };
        let price = Price { input: per_million("1"), long: Some(long), ..Price::default() };
        let mut ledger = Ledger::new(Some(price));
        for _ in 0..2 {
            ledger.hear(Heard::Begun);
            assert!(ledger.is_answering());
            ledger.hear(ended(800, 5));
        }
        // Two short prompts are no long one.
        assert_eq!((ledger.usage.input, ledger.usage.output, ledger.cost), (1600, 10, Some(1_600_000)));
        assert!(!ledger.is_answering());
        ledger.hear(ended(2000, 0));
        assert_eq!(ledger.cost, Some(21_600_000));
    }

    #[test]
    fn transcripts_are_charged_by_their_own_model() {
        let price = Price { input: per_million("1"), ..Price::default() };
        let audio = UnitPrices { audio_hour: PerToken::each("0.36"), ..UnitPrices::default() };
        let counted = Counted { usage: None, units: Units { audio_ms: Some(1000), ..Units::default() } };
        let said = || Heard::Transcribed { counted: Some(counted) };
        let mut ledger = Ledger::new(Some(price));
        ledger.transcribed_by(Arc::from("whisper-1"), Some(Price { units: audio, ..Price::default() }));
        ledger.hear(said());
        ledger.hear(said());
        assert_eq!((ledger.cost, ledger.audio_ms), (Some(200_000), Some(2000)));
        // Of one that nobody has named no price is known: half a cost is none.
        ledger.transcriber = None;
        ledger.hear(said());
        assert_eq!(ledger.cost, None);
    }

    #[test]
    fn what_nobody_counts_has_no_cost() {
        let mut ledger = Ledger::new(Some(Price::default()));
        assert_eq!(ledger.cost, Some(0));
        ledger.hear(Heard::Ended { status: None, counted: None });
        assert!(ledger.lacks_count && ledger.cost.is_none());
        assert_eq!(Ledger::new(None).cost, None);
    }
}
