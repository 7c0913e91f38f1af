//! record: Exchange → ExchangeRecord. Settles the permit and emits one record exactly once; never does IO beyond
//! the spool's own short write.

use yumen_llm::price::Price;
use yumen_llm::usage::Usage;
use yumen_telemetry::{Outcome, TokenCounts, TokenSource};

use crate::exchange::Exchange;

/// How an exchange ended and what it used.
#[derive(Debug)]
pub struct Ending {
    /// How it ended.
    pub outcome: Outcome,
    /// Tokens, and whether the upstream or we counted them.
    pub usage: Option<(Usage, TokenSource)>,
    /// The deployment's price.
    pub price: Option<Price>,
}

/// Closes the exchange.
pub fn record(exchange: &mut Exchange, ending: &Ending) {
    if let Some((usage, source)) = &ending.usage {
        exchange.record.tokens = TokenCounts {
            input: usage.input,
            cached_input: usage.cached_input,
            cache_write: usage.cache_write.saturating_add(usage.cache_write_1h),
            output: usage.output,
            reasoning: usage.reasoning,
            source: *source,
        };
        exchange.record.cost_nanos = ending.price.map(|price| price.cost_nanos(usage));
    }
    exchange.close(ending.outcome);
}
