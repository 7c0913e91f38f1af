//! Dollars as whole numbers, read from decimals and written as such: every published price is exact.

use std::fmt;

/// US dollars per token, or per other unit, in units of 1e-15 dollars ("femto"), so that every published price is exact.
///
/// 1 dollar per million tokens is 1e9 of these.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct PerToken(pub u64);

/// [`PerToken`] units in one dollar per million tokens.
const PER_MILLION: u64 = 1_000_000_000;

/// [`PerToken`] units in one dollar per token.
const PER_DOLLAR: u64 = 1_000_000_000_000_000;

/// Nano-dollars in one dollar.
const NANOS_PER_DOLLAR: u64 = 1_000_000_000;

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

    /// From a decimal price in dollars for each single unit, such as `0.04`: up to nine decimals, and 18,446 dollars.
    pub fn each(decimal: &str) -> Option<Self> {
        Some(Self(Self::per_million(decimal)?.0.checked_mul(1_000_000)?))
    }
}

impl PerToken {
    /// Dollars for one token, or other unit, as an exact decimal, such as `0.0000025`.
    pub fn dollars(self) -> String {
        decimal(self.0, PER_DOLLAR)
    }
}

/// Nano-dollars as a decimal of dollars, to the last digit.
pub fn dollars(nanos: u64) -> String {
    decimal(nanos, NANOS_PER_DOLLAR)
}

/// A number of parts of which `one` (a power of ten) make a whole, as the shortest decimal.
fn decimal(parts: u64, one: u64) -> String {
    let digits = usize::try_from(one.ilog10()).unwrap_or(0);
    let text = format!("{}.{:0digits$}", parts / one, parts % one);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

impl fmt::Display for PerToken {
    /// Dollars per million tokens, in the shortest form that [`PerToken::per_million`] reads back.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&decimal(self.0, PER_MILLION))
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
    fn prices_for_single_units_are_exact() {
        assert_eq!(PerToken::each("0.04"), Some(PerToken(40_000_000_000_000)));
        assert_eq!(PerToken::each("0.000000001"), Some(PerToken(1_000_000)));
        assert_eq!(PerToken::each("18447"), None);
        for text in ["0", "0.04", "18446", "0.000000001"] {
            assert_eq!(PerToken::each(text).map(PerToken::dollars).as_deref(), Some(text));
        }
    }
}
