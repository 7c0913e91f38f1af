//! What an answer has used: from the upstream's own count, or estimated and marked so.

use std::sync::Arc;

use yumen_config::Timeouts;
use yumen_llm::dialects::Tap;
use yumen_llm::price::Price;
use yumen_llm::tokens;
use yumen_llm::usage::{Units, Usage};
use yumen_telemetry::{Outcome, TokenSource};

use super::resolve::Step;
use crate::exchange::{Asked, Exchange};
use crate::stages::{Ending, record};

/// What is needed to count an answer when it has ended.
#[derive(Debug)]
pub struct Account {
    /// The deployment's price.
    pub price: Option<Price>,
    /// What the request tells by itself, kept until the upstream has counted.
    pub asked: Asked,
}

/// What an answer has used, and at which price.
struct Counted {
    usage: Option<(Usage, TokenSource)>,
    units: Units,
    price: Option<Price>,
}

impl Account {
    /// Notes who serves the exchange from here on; gives how long that one may take.
    pub fn served_by(&mut self, exchange: &mut Exchange, step: &Step) -> Timeouts {
        let model = &step.deployment.model;
        exchange.record.provider = Some(step.provider().id.to_string());
        exchange.record.model_served = Some(model.name().to_string());
        self.asked.model = Some(Arc::clone(model.name()));
        self.price = model.price;
        step.provider().timeouts
    }

    /// Closes the exchange with what the tap has learned.
    pub fn close(&self, exchange: &mut Exchange, tap: &Tap, outcome: Outcome) {
        exchange.record.upstream_id.clone_from(&tap.id);
        exchange.record.finish_reason.clone_from(&tap.finish_reason);
        let Counted { usage, units, price } = self.count(exchange, tap, outcome);
        record(exchange, &Ending { outcome, usage, units, price });
    }

    /// Closes an exchange of which all is counted already, as parts.
    pub fn close_counted(exchange: &mut Exchange, tap: &Tap, outcome: Outcome) {
        exchange.record.upstream_id.clone_from(&tap.id);
        record(exchange, &Ending { outcome, usage: None, units: Units::default(), price: None });
    }

    /// Notes an answer that broke off and is to be gone on with elsewhere, at its try, which is the last one.
    pub fn part(&self, exchange: &mut Exchange, tap: &Tap) {
        let Counted { usage, units, price } = self.count(exchange, tap, Outcome::Failed);
        let last = exchange.record.attempts.len().saturating_sub(1);
        exchange.part(last, usage, &units, price.as_ref());
    }

    /// What was used. A count that came with or after the finish reason is the upstream's last word, whoever left afterwards.
    /// The rule for an answer that broke off or that the client left: the upstream's count of the input stands, of the
    /// output the larger of its count and the estimate of what was seen; without a count both are estimates, where the request
    /// and the answer are texts.
    fn count(&self, exchange: &Exchange, tap: &Tap, outcome: Outcome) -> Counted {
        let counted = outcome == Outcome::Completed || tap.finish_reason.is_some();
        let Asked { text, units, model } = &self.asked;
        let estimates = &exchange.worker().gateway.estimates;
        let usage = match (tap.usage, text) {
            (Some(usage), text) if counted => {
                if let (Some(model), Some(text)) = (model, text) {
                    estimates.learn(model, text, usage.input);
                }
                Some((usage, TokenSource::Reported))
            }
            (Some(usage), _) => {
                let output = usage.output.max(tokens::estimate_bytes(tap.output_bytes));
                Some((Usage { output, ..usage }, TokenSource::Estimated))
            }
            (None, Some(text)) => {
                let input = estimates.estimate(model.as_deref(), text);
                let output = tokens::estimate_bytes(tap.output_bytes);
                Some((Usage { input, output, ..Usage::default() }, TokenSource::Estimated))
            }
            // Of sound and pictures no tokens can be told.
            (None, None) => None,
        };
        let searched = |(usage, source): (Usage, _)| {
            (Usage { web_searches: usage.web_searches.max(tap.units.web_searches), ..usage }, source)
        };
        let usage = usage.map(searched);
        let units = Units { characters: units.characters.or(tap.units.characters), ..tap.units };
        // What another service tier costs is not known, but for batches; an empty cost is better than a wrong one.
        let input = usage.map_or(0, |(usage, _)| usage.input);
        let price = self.price.and_then(|price| price.at_tier(tap.tier, input));
        Counted { usage, units, price }
    }
}
