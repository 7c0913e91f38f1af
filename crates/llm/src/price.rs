//! Prices as decimal integers, and the cost of an exchange, rounded once.

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
}

/// Femto-dollars in one nano-dollar.
const FEMTO_PER_NANO: u128 = 1_000_000;

impl PerToken {
    /// From a decimal price in dollars per million tokens, such as `0.0375` or `15`.
    ///
    /// Up to nine decimals are exact; anything else (signs, exponents, more digits) is refused.
    pub fn per_million(decimal: &str) -> Option<Self> {
        let (whole, fraction) = decimal.split_once('.').unwrap_or((decimal, ""));
        let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        if whole.is_empty() || whole.len() > 9 || fraction.len() > 9 || !digits(whole) || !digits(fraction) {
            return None;
        }
        let whole: u64 = whole.parse().ok()?;
        let fraction: u64 = if fraction.is_empty() { 0 } else { format!("{fraction:0<9}").parse().ok()? };
        Some(Self(whole * 1_000_000_000 + fraction))
    }
}

impl Price {
    /// The cost in nano-dollars (1e-9), rounded half up once.
    pub fn cost_nanos(&self, usage: &Usage) -> u64 {
        let cache_write = self.cache_write.unwrap_or(self.input);
        let cache_write_1h = self.cache_write_1h.unwrap_or(cache_write);
        let special_input = usage.cached_input.saturating_add(usage.cache_write).saturating_add(usage.cache_write_1h);
        let parts = [
            (usage.input.saturating_sub(special_input), self.input),
            (usage.cached_input, self.cache_read.unwrap_or(self.input)),
            (usage.cache_write, cache_write),
            (usage.cache_write_1h, cache_write_1h),
            (usage.output.saturating_sub(usage.reasoning), self.output),
            (usage.reasoning, self.reasoning.unwrap_or(self.output)),
        ];
        let femto: u128 = parts.iter().map(|(tokens, price)| u128::from(*tokens) * u128::from(price.0)).sum();
        u64::try_from((femto + FEMTO_PER_NANO / 2) / FEMTO_PER_NANO).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimal_prices_are_exact() {
        assert_eq!(PerToken::per_million("15"), Some(PerToken(15_000_000_000)));
        assert_eq!(PerToken::per_million("0.0375"), Some(PerToken(37_500_000)));
        for bad in ["", "-1", "1e3", ".5", "1.0000000001", "٣"] {
            assert_eq!(PerToken::per_million(bad), None, "{bad}");
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
        let usage = Usage { input: 1000, cached_input: 400, cache_write: 100, output: 10, reasoning: 4, ..Usage::default() };
        // 500 × 3000 + 400 × 300 + 100 × 3750 + 10 × 15000 nano-dollars
        assert_eq!(price.cost_nanos(&usage), 1_500_000 + 120_000 + 375_000 + 150_000);
        let third = Price { input: PerToken(500_000), ..Price::default() };
        assert_eq!(third.cost_nanos(&Usage { input: 1, ..Usage::default() }), 1, "half a nano-dollar rounds up");
    }
}
