//! Prices as OpenRouter's clients read them: decimal strings of dollars for one token.
//!
//! In: a price of the catalogue. Out: the strings, exact to the last digit. A price that is not known is never zero.

use serde::Serialize;
use yumen_llm::price::{LongPrice, PerToken, Price};

/// What OpenRouter says where no price holds: of its routers, whose price is that of the model they choose.
const UNKNOWN: &str = "-1";

/// What a deployment charges.
#[derive(Debug, Serialize, PartialEq, Eq)]
pub(super) struct Pricing {
    prompt: String,
    completion: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    input_cache_read: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    input_cache_write: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    input_cache_write_1h: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    internal_reasoning: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    web_search: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    overrides: Option<[Override; 1]>,
}

/// Prices that hold above a number of prompt tokens.
#[derive(Debug, Serialize, PartialEq, Eq)]
struct Override {
    min_prompt_tokens: u64,
    prompt: String,
    completion: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    input_cache_read: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    input_cache_write: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    input_cache_write_1h: Option<String>,
}

impl Pricing {
    pub(super) fn of(price: Option<Price>) -> Self {
        let dollars = |price: Option<PerToken>| price.map(PerToken::dollars);
        // What is sold by the picture or the hour has no price for tokens, which is not one of nothing.
        let price = price.filter(|price| price.is_per_token() || !price.units.has_units());
        Self {
            prompt: price.map_or_else(|| UNKNOWN.to_owned(), |price| price.input.dollars()),
            completion: price.map_or_else(|| UNKNOWN.to_owned(), |price| price.output.dollars()),
            input_cache_read: dollars(price.and_then(|price| price.cache_read)),
            input_cache_write: dollars(price.and_then(|price| price.cache_write)),
            input_cache_write_1h: dollars(price.and_then(|price| price.cache_write_1h)),
            internal_reasoning: dollars(price.and_then(|price| price.reasoning)),
            web_search: dollars(price.and_then(|price| price.units.web_search)),
            overrides: price.and_then(|price| price.long).map(|long| [Override::of(long)]),
        }
    }
}

impl Override {
    fn of(long: LongPrice) -> Self {
        Self {
            min_prompt_tokens: long.above,
            prompt: long.input.dollars(),
            completion: long.output.dollars(),
            input_cache_read: long.cache_read.map(PerToken::dollars),
            input_cache_write: long.cache_write.map(PerToken::dollars),
            input_cache_write_1h: long.cache_write_1h.map(PerToken::dollars),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{json, to_value};
    use yumen_llm::price::UnitPrices;

    #[test]
    fn prices_are_exact_strings_and_unknown_ones_are_not_free() {
        assert_eq!(to_value(Pricing::of(None)).unwrap(), json!({ "prompt": "-1", "completion": "-1" }));
        let price = Price {
            input: PerToken(2_500_000_000),
            output: PerToken(15_000_000_000),
            cache_read: Some(PerToken(250_000_000)),
            long: Some(LongPrice {
                above: 272_000,
                input: PerToken(5_000_000_000),
                output: PerToken(22_500_000_000),
                ..LongPrice::default()
            }),
            ..Price::default()
        };
        let expected = json!({
            "prompt": "0.0000025", "completion": "0.000015", "input_cache_read": "0.00000025",
            "overrides": [{ "min_prompt_tokens": 272_000, "prompt": "0.000005", "completion": "0.0000225" }],
        });
        assert_eq!(to_value(Pricing::of(Some(price))).unwrap(), expected);
        let units = UnitPrices { image: PerToken::each("0.04"), ..UnitPrices::default() };
        let by_picture = Price { units, ..Price::default() };
        assert_eq!(
            Pricing::of(Some(by_picture)),
            Pricing::of(None),
            "no price for tokens is not one of nothing"
        );
        assert_eq!(to_value(Pricing::of(Some(Price::default()))).unwrap()["prompt"], "0");
    }
}
