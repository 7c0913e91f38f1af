//! Bounds on prices, and wishes for speed.

use yumen_llm::price::{PerToken, Price};

/// The most that may be charged; what is absent is not looked at.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct MaxPrice {
    /// For a prompt token.
    pub prompt: Option<PerToken>,
    /// For a generated token.
    pub completion: Option<PerToken>,
    /// For a picture that is made.
    pub image: Option<PerToken>,
    /// For a prompt token that stands for sound.
    pub audio: Option<PerToken>,
}

impl MaxPrice {
    /// Whether there is no bound.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Whether a price is known and below every bound. What a model does not charge for is below.
    pub fn allows(&self, price: Option<&Price>) -> bool {
        let Some(price) = price else { return self.is_empty() };
        let below = |most: Option<PerToken>, own: Option<PerToken>| {
            most.is_none_or(|most| own.is_none_or(|own| own <= most))
        };
        below(self.prompt, Some(price.input))
            && below(self.completion, Some(price.output))
            && below(self.image, price.units.image)
            && below(self.audio, price.units.audio_input)
    }
}

/// A share of the exchanges of the last minutes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Percentile {
    P50,
    P75,
    P90,
    P99,
}

impl Percentile {
    /// The share as parts of a hundred.
    pub fn of_hundred(self) -> u32 {
        match self {
            Self::P50 => 50,
            Self::P75 => 75,
            Self::P90 => 90,
            Self::P99 => 99,
        }
    }
}

/// A figure that is wished for in a share of the exchanges.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Wanted {
    /// In which.
    pub percentile: Percentile,
    /// The figure: tokens per second, or seconds.
    pub figure: f64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bound_rules_out_what_is_dearer_and_what_is_not_known() {
        let most = MaxPrice { prompt: PerToken::per_million("1"), ..MaxPrice::default() };
        let price = |input: &str| Price { input: PerToken::per_million(input).unwrap(), ..Price::default() };
        assert!(most.allows(Some(&price("1"))) && most.allows(Some(&price("0"))));
        assert!(!most.allows(Some(&price("1.000000001"))) && !most.allows(None));
        assert!(MaxPrice::default().allows(None));
        let image = MaxPrice { image: PerToken::each("0.04"), ..MaxPrice::default() };
        assert!(image.allows(Some(&price("100"))), "it makes no pictures");
    }
}
