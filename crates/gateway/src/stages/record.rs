//! record: Exchange → ExchangeRecord. Settles the permit and emits one record exactly once; never does IO beyond
//! the spool's own short write.

use yumen_llm::price::Price;
use yumen_llm::usage::{Units, Usage};
use yumen_telemetry::{Outcome, TokenSource};

use crate::exchange::Exchange;

/// How an exchange ended and what it used.
#[derive(Debug)]
pub struct Ending {
    /// How it ended.
    pub outcome: Outcome,
    /// Tokens, and whether the upstream or we counted them; none where nobody can.
    pub usage: Option<(Usage, TokenSource)>,
    /// What was used beside text tokens.
    pub units: Units,
    /// The deployment's price.
    pub price: Option<Price>,
}

/// Closes the exchange.
pub fn record(exchange: &mut Exchange, ending: &Ending) {
    exchange.counted(ending.usage, &ending.units, ending.price.as_ref());
    exchange.close(ending.outcome);
}
