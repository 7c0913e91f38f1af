//! Prices as decimal integers, and the cost of an exchange, rounded once.
//!
//! In: published prices and the counted tokens of one exchange. Out: nano-dollars. Nothing here is ever a
//! float, and a price that is not known is absent, never zero.

use std::fmt;

use crate::usage::Usage;

/// US dollars per token in units of 1e-15 dollars ("femto"), so that every published per-token price is exact.
///
/// 1 dollar per million tokens is 1e9 of these.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct PerToken(pub u64);

/// What a deployment charges. A missing special price falls back to the plain one of its side.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Price {
    /// Uncached prompt tokens.
    pub input: PerToken,
    /// Generated tokens.
    pub output: PerToken,
    /// Prompt tokens read from the provider's cache.
    pub cache_read: Option<PerToken>,
    /// Prompt tokens written to the provider's cache (five minutes).
    pub cache_write: Option<PerToken>,
    /// Prompt tokens written to the provider's cache (one hour).
    pub cache_write_1h: Option<PerToken>,
    /// Generated reasoning tokens.
    pub reasoning: Option<PerToken>,
    /// Charged in place of the prices above when the prompt is long.
    pub long: Option<LongPrice>,
}

/// What some providers charge for the whole exchange once its prompt passes a length.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LongPrice {
    /// Prompt tokens, cached ones included, above which these prices hold.
    pub above: u64,
    /// Uncached prompt tokens.
    pub input: PerToken,
    /// Generated tokens, reasoning included.
    pub output: PerToken,
    /// Prompt tokens read from the provider's cache.
    pub cache_read: Option<PerToken>,
    /// Prompt tokens written to the provider's cache (five minutes).
    pub cache_write: Option<PerToken>,
    /// Prompt tokens written to the provider's cache (one hour).
    pub cache_write_1h: Option<PerToken>,
}

/// Femto-dollars in one nano-dollar.
const FEMTO_PER_NANO: u128 = 1_000_000;

/// [`PerToken`] units in one dollar per million tokens.
const PER_MILLION: u64 = 1_000_000_000;

/// [`PerToken`] units in one dollar per token.
const PER_DOLLAR: u64 = 1_000_000_000_000_000;

impl PerToken {
    /// From a decimal price in dollars per million tokens, such as `0.0375` or `15`.
    ///
    /// Up to nine decimals are exact; anything else (signs, exponents, more digits) is refused.
    pub fn per_million(decimal: &str) -> Option<Self> {
        let (whole, fraction) = decimal.split_once('.').unwrap_or((decimal, "0"));
        let digits =
            |text: &str| (1..=9).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
        if !digits(whole) || !digits(fraction) {
            return None;
        }
        let whole: u64 = whole.parse().ok()?;
        let fraction: u64 = format!("{fraction:0<9}").parse().ok()?;
        Some(Self(whole * PER_MILLION + fraction))
    }
}

impl PerToken {
    /// Dollars for one token as an exact decimal, such as `0.0000025`.
    pub fn dollars(self) -> String {
        let text = format!("{}.{:015}", self.0 / PER_DOLLAR, self.0 % PER_DOLLAR);
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    }
}

/// Nano-dollars as a decimal of dollars, to the last digit.
pub fn dollars(nanos: u64) -> String {
    let text = format!("{}.{:09}", nanos / 1_000_000_000, nanos % 1_000_000_000);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

impl fmt::Display for PerToken {
    /// Dollars per million tokens, in the shortest form that [`PerToken::per_million`] reads back.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.0 / PER_MILLION)?;
        let fraction = format!("{:09}", self.0 % PER_MILLION);
        match fraction.trim_end_matches('0') {
            "" => Ok(()),
            digits => write!(formatter, ".{digits}"),
        }
    }
}

impl Price {
    /// The cost in nano-dollars (1e-9), rounded half up once.
    pub fn cost_nanos(&self, usage: &Usage) -> u64 {
        let price = self.at(usage.input);
        let cache_write = price.cache_write.unwrap_or(price.input);
        let cache_write_1h = price.cache_write_1h.unwrap_or(cache_write);
        let special_input =
            usage.cached_input.saturating_add(usage.cache_write).saturating_add(usage.cache_write_1h);
        let parts = [
            (usage.input.saturating_sub(special_input), price.input),
            (usage.cached_input, price.cache_read.unwrap_or(price.input)),
            (usage.cache_write, cache_write),
            (usage.cache_write_1h, cache_write_1h),
            (usage.output.saturating_sub(usage.reasoning), price.output),
            (usage.reasoning, price.reasoning.unwrap_or(price.output)),
        ];
        // The counts come from upstreams: absurd ones must end at the maximum, not in an overflow.
        let femto = parts
            .iter()
            .map(|(tokens, price)| u128::from(*tokens) * u128::from(price.0))
            .fold(FEMTO_PER_NANO / 2, u128::saturating_add);
        u64::try_from(femto / FEMTO_PER_NANO).unwrap_or(u64::MAX)
    }

    /// The prices that hold for a prompt of this length.
    fn at(&self, input: u64) -> Self {
        match self.long {
            Some(long) if input > long.above => Self {
                input: long.input,
                output: long.output,
                cache_read: long.cache_read,
                cache_write: long.cache_write,
                cache_write_1h: long.cache_write_1h,
                reasoning: None,
                long: None,
            },
            _ => *self,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimal_prices_are_exact() {
        assert_eq!(PerToken::per_million("15"), Some(PerToken(15_000_000_000)));
        assert_eq!(PerToken::per_million("0.0375"), Some(PerToken(37_500_000)));
        assert_eq!(PerToken::per_million("999999999.999999999"), Some(PerToken(999_999_999_999_999_999)));
        for bad in ["", "-1", "+1", "1e3", ".5", "5.", "1.0000000001", "1000000000", "1.2.3", "٣", " 1"] {
            assert_eq!(PerToken::per_million(bad), None, "{bad}");
        }
    }

    #[test]
    fn prices_are_shown_as_they_are_read() {
        for text in ["0", "15", "0.0375", "0.000000001", "999999999.999999999", "10.5"] {
            assert_eq!(PerToken::per_million(text).map(|price| price.to_string()).as_deref(), Some(text));
        }
    }

    #[test]
    fn dollars_for_one_token_are_exact() {
        for (per_million, per_token) in [
            ("2.5", "0.0000025"),
            ("15", "0.000015"),
            ("0", "0"),
            ("0.000000001", "0.000000000000001"),
            ("2000000", "2"),
        ] {
            assert_eq!(PerToken::per_million(per_million).map(PerToken::dollars).as_deref(), Some(per_token));
        }
    }

    #[test]
    fn cost_counts_each_token_once_and_rounds_once() {
        let price = Price {
            input: PerToken(3_000_000_000),
            output: PerToken(15_000_000_000),
            cache_read: Some(PerToken(300_000_000)),
            cache_write: Some(PerToken(3_750_000_000)),
            ..Price::default()
        };
        let usage = Usage {
            input: 1000,
            cached_input: 400,
            cache_write: 100,
            output: 10,
            reasoning: 4,
            ..Usage::default()
        };
        // 500 × 3000 + 400 × 300 + 100 × 3750 + 10 × 15000 nano-dollars
        assert_eq!(price.cost_nanos(&usage), 1_500_000 + 120_000 + 375_000 + 150_000);
        let third = Price { input: PerToken(500_000), ..Price::default() };
        assert_eq!(
            third.cost_nanos(&Usage { input: 1, ..Usage::default() }),
            1,
            "half a nano-dollar rounds up"
        );
    }

    #[test]
    fn a_long_prompt_is_charged_whole_at_the_long_price() {
        let long = LongPrice {
            above: 200,
            input: PerToken(2_000_000),
            output: PerToken(3_000_000),
            ..LongPrice::default()
        };
        let price = Price {
            input: PerToken(1_000_000),
            output: PerToken(1_000_000),
            reasoning: Some(PerToken(9_000_000)),
            long: Some(long),
            ..Price::default()
        };
        let usage = |input| Usage { input, output: 10, reasoning: 5, ..Usage::default() };
        assert_eq!(price.cost_nanos(&usage(200)), 200 + 5 + 45, "the limit itself is still short");
        assert_eq!(price.cost_nanos(&usage(201)), 402 + 30);
    }

    #[test]
    fn absurd_counts_end_at_the_maximum() {
        let price = Price { input: PerToken(u64::MAX), output: PerToken(u64::MAX), ..Price::default() };
        let usage = Usage {
            input: u64::MAX,
            cached_input: u64::MAX,
            cache_write: u64::MAX,
            cache_write_1h: u64::MAX,
            output: u64::MAX,
            reasoning: u64::MAX,
        };
        assert_eq!(price.cost_nanos(&usage), u64::MAX);
    }
}
