//! Prices as decimal integers, and the cost of an exchange, rounded once.
//!
//! In: published prices and what was counted of one exchange. Out: nano-dollars. Nothing here is ever a
//! float, and a price that is not known is absent, never zero.

mod decimal;

use crate::usage::{Units, Usage};

pub use decimal::{PerToken, dollars};

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
    /// Charged in place of all of them for what is answered in a batch.
    pub batch: Option<BatchPrice>,
    /// What is charged by other units, and for tokens that are no text.
    pub units: UnitPrices,
}

/// What is charged by other units than tokens, and for tokens that stand for pictures or sound; absent where a model is
/// not sold so. What is sold both by tokens and by other units is charged by tokens where those were counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct UnitPrices {
    /// Each picture that is made.
    pub image: Option<PerToken>,
    /// An hour of sound: the unit in which prices per second, minute and hour are all exact.
    pub audio_hour: Option<PerToken>,
    /// Each character that is spoken.
    pub characters: Option<PerToken>,
    /// Each search unit.
    pub search: Option<PerToken>,
    /// Each second of moving pictures.
    pub video_second: Option<PerToken>,
    /// Each search of the web, which is charged beside the tokens.
    pub web_search: Option<PerToken>,
    /// Prompt tokens that stand for pictures.
    pub image_input: Option<PerToken>,
    /// Prompt tokens that stand for sound.
    pub audio_input: Option<PerToken>,
    /// Prompt tokens read from the provider's cache that stand for pictures.
    pub image_cache_read: Option<PerToken>,
    /// Prompt tokens read from the provider's cache that stand for sound.
    pub audio_cache_read: Option<PerToken>,
    /// Generated tokens that stand for pictures.
    pub image_output: Option<PerToken>,
    /// Generated tokens that stand for sound.
    pub audio_output: Option<PerToken>,
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

/// What is charged for requests that are answered together within a day.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct BatchPrice {
    /// Prompt tokens, written to the provider's cache or not.
    pub input: PerToken,
    /// Generated tokens, reasoning included.
    pub output: PerToken,
    /// Prompt tokens read from the provider's cache.
    pub cache_read: Option<PerToken>,
}

/// At which service tier an answer was given.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Tier {
    /// The one of the price list.
    #[default]
    Usual,
    /// As one of a batch.
    Batch,
    /// Another, such as flex or priority.
    Other,
}

impl Tier {
    /// This one, unless it is the usual one.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        if self == Self::Usual { other } else { self }
    }
}

/// Femto-dollars in one nano-dollar.
const FEMTO_PER_NANO: u128 = 1_000_000;

/// Milliseconds in the hour for which sound is priced, and in the second for which moving pictures are.
const MS_PER_HOUR: u128 = 3_600_000;
const MS_PER_SECOND: u128 = 1000;

impl Price {
    /// The cost of tokens in nano-dollars (1e-9), rounded half up once.
    pub fn cost_nanos(&self, usage: &Usage) -> u64 {
        nanos(self.femto(usage, &Units::default()), FEMTO_PER_NANO)
    }

    /// The cost of tokens and of searches of the web in nano-dollars (1e-9), rounded half up once; none where was searched and
    /// nobody says what that costs.
    pub fn cost_with_searches(&self, usage: &Usage) -> Option<u64> {
        let femto = self.femto(usage, &Units::default()).saturating_add(self.searched(usage)?);
        Some(nanos(femto, FEMTO_PER_NANO))
    }

    /// What searches of the web cost, in femto-dollars.
    fn searched(&self, usage: &Usage) -> Option<u128> {
        match usage.web_searches {
            0 => Some(0),
            searches => Some(u128::from(searches) * u128::from(self.units.web_search?.0)),
        }
    }

    /// The cost in nano-dollars (1e-9) of all that was used, rounded half up once. `usage` is absent where nobody has counted
    /// tokens. `None` when the price needs a count that nobody has told, or when the web was searched and nobody says what that
    /// costs.
    pub fn cost_of(&self, usage: Option<&Usage>, units: &Units) -> Option<u64> {
        let prices = &self.units;
        match usage {
            Some(usage) if self.is_per_token() || !prices.has_units() => {
                let femto = self.femto(usage, units).saturating_add(self.searched(usage)?);
                Some(nanos(femto, FEMTO_PER_NANO))
            }
            None if !prices.has_units() => (!self.is_per_token()).then_some(0),
            _ => {
                let each = [
                    (prices.image, units.images),
                    (prices.characters, units.characters),
                    (prices.search, units.searches),
                ];
                let mut femto = usage.map_or(Some(0), |usage| self.searched(usage))?;
                for (price, count) in each {
                    femto = femto.saturating_add(amount(price, count)?);
                }
                let sound = amount(prices.audio_hour, units.audio_ms)?;
                let video = amount(prices.video_second, units.video_ms)?;
                let video = video.saturating_mul(MS_PER_HOUR / MS_PER_SECOND);
                let parts = femto.saturating_mul(MS_PER_HOUR).saturating_add(sound).saturating_add(video);
                Some(nanos(parts, FEMTO_PER_NANO * MS_PER_HOUR))
            }
        }
    }

    /// Whether any tokens are charged for.
    pub fn is_per_token(&self) -> bool {
        let UnitPrices { image_input, audio_input, image_output, audio_output, .. } = self.units;
        let special = [image_input, audio_input, image_output, audio_output].into_iter().flatten();
        special.chain([self.input, self.output]).any(|price| price.0 > 0)
    }

    /// What tokens cost, in femto-dollars. The counts come from upstreams: absurd ones must end at the maximum, not in
    /// an overflow.
    fn femto(&self, usage: &Usage, units: &Units) -> u128 {
        let price = self.at(usage.input);
        let cache_write = price.cache_write.unwrap_or(price.input);
        let cache_write_1h = price.cache_write_1h.unwrap_or(cache_write);
        let special_input =
            usage.cached_input.saturating_add(usage.cache_write).saturating_add(usage.cache_write_1h);
        let mut input = usage.input.saturating_sub(special_input);
        let mut cached = usage.cached_input;
        let mut output = usage.output.saturating_sub(usage.reasoning);
        // What has a price of its own is taken out of the rest, and is never more than that.
        let take = |rest: &mut u64, count: u64, price: Option<PerToken>| {
            let taken = price.map_or(0, |_| count.min(*rest));
            *rest -= taken;
            (taken, price.unwrap_or_default())
        };
        let parts = [
            take(&mut input, units.image_input, price.units.image_input),
            take(&mut input, units.audio_input, price.units.audio_input),
            take(&mut output, units.image_output, price.units.image_output),
            take(&mut output, units.audio_output, price.units.audio_output),
            (input, price.input),
            take(&mut cached, units.image_cached, price.units.image_cache_read),
            take(&mut cached, units.audio_cached, price.units.audio_cache_read),
            (cached, price.cache_read.unwrap_or(price.input)),
            (usage.cache_write, cache_write),
            (usage.cache_write_1h, cache_write_1h),
            (output, price.output),
            (usage.reasoning, price.reasoning.unwrap_or(price.output)),
        ];
        let amounts = parts.iter().map(|(tokens, price)| u128::from(*tokens) * u128::from(price.0));
        amounts.fold(0, u128::saturating_add)
    }

    /// The prices that hold at a service tier for a prompt of so many tokens; none where they are not known, as those of a long
    /// prompt in a batch.
    pub fn at_tier(&self, tier: Tier, input: u64) -> Option<Self> {
        match tier {
            Tier::Usual => Some(*self),
            Tier::Other => None,
            Tier::Batch if self.long.is_some_and(|long| input > long.above) => None,
            Tier::Batch => self.batch.map(|batch| Self {
                input: batch.input,
                output: batch.output,
                cache_read: batch.cache_read,
                ..Self::default()
            }),
        }
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
                batch: None,
                units: self.units,
            },
            _ => *self,
        }
    }
}

impl UnitPrices {
    /// Whether anything is charged by other units than tokens.
    pub fn has_units(&self) -> bool {
        let all = [self.image, self.audio_hour, self.characters, self.search, self.video_second];
        all.iter().any(Option::is_some)
    }
}

/// What a count costs; `None` when it is charged for and not told.
fn amount(price: Option<PerToken>, count: Option<u64>) -> Option<u128> {
    match price {
        None => Some(0),
        Some(price) => Some(u128::from(count?) * u128::from(price.0)),
    }
}

/// Parts of nano-dollars as whole ones, rounded half up.
fn nanos(parts: u128, in_one: u128) -> u64 {
    u64::try_from(parts.saturating_add(in_one / 2) / in_one).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

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
    fn a_batch_is_charged_at_its_own_prices_where_they_are_known() {
        let long = LongPrice { above: 200, ..LongPrice::default() };
        let batch = BatchPrice { input: PerToken(5), output: PerToken(6), cache_read: Some(PerToken(1)) };
        let price = Price { input: PerToken(10), long: Some(long), batch: Some(batch), ..Price::default() };
        assert_eq!(price.at_tier(Tier::Usual, 300), Some(price));
        assert_eq!(price.at_tier(Tier::Other, 1), None);
        let of_batch = Price {
            input: PerToken(5),
            output: PerToken(6),
            cache_read: Some(PerToken(1)),
            ..Price::default()
        };
        assert_eq!(price.at_tier(Tier::Batch, 200), Some(of_batch));
        assert_eq!(price.at_tier(Tier::Batch, 201), None, "nobody says what a long prompt costs there");
        assert_eq!(Price { batch: None, ..price }.at_tier(Tier::Batch, 1), None);
        assert_eq!(Tier::Usual.or(Tier::Batch), Tier::Batch);
        assert_eq!(Tier::Other.or(Tier::Batch), Tier::Other);
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
            web_searches: u64::MAX,
        };
        assert_eq!(price.cost_nanos(&usage), u64::MAX);
        let units = UnitPrices { web_search: Some(PerToken(u64::MAX)), ..UnitPrices::default() };
        assert_eq!(Price { units, ..price }.cost_of(Some(&usage), &Units::default()), Some(u64::MAX));
    }

    #[test]
    fn a_search_without_a_price_is_not_free() {
        let price = Price { input: PerToken(1_000_000), output: PerToken(2_000_000), ..Price::default() };
        let usage = Usage { input: 100, output: 10, web_searches: 2, ..Usage::default() };
        let units = UnitPrices { web_search: PerToken::each("0.01"), ..UnitPrices::default() };
        let priced = Price { units, ..price };
        for (price, cost) in [(price, None), (priced, Some(20_000_120)), (Price::default(), None)] {
            assert_eq!(price.cost_of(Some(&usage), &Units::default()), cost, "{price:?}");
            assert_eq!(price.cost_with_searches(&usage), cost, "{price:?}");
        }
        let none = Usage { web_searches: 0, ..usage };
        assert_eq!(price.cost_of(Some(&none), &Units::default()), Some(120));
        assert_eq!(priced.cost_with_searches(&none), Some(120));
        let by_picture = UnitPrices { image: PerToken::each("1"), ..UnitPrices::default() };
        let told = Units { images: Some(1), ..Units::default() };
        assert_eq!(Price { units: by_picture, ..Price::default() }.cost_of(Some(&usage), &told), None);
    }

    fn sold_by(units: UnitPrices) -> Price {
        Price { units, ..Price::default() }
    }

    #[test]
    fn pictures_sound_characters_and_searches_cost_what_they_are_sold_for() {
        let picture = sold_by(UnitPrices { image: PerToken::each("0.04"), ..UnitPrices::default() });
        let speech = sold_by(UnitPrices { characters: PerToken::per_million("15"), ..UnitPrices::default() });
        let search = sold_by(UnitPrices { search: PerToken::each("0.002"), ..UnitPrices::default() });
        let sound = sold_by(UnitPrices { audio_hour: PerToken::each("0.04"), ..UnitPrices::default() });
        let video = sold_by(UnitPrices { video_second: PerToken::each("0.1"), ..UnitPrices::default() });
        let told = Units {
            images: Some(3),
            characters: Some(7),
            searches: Some(2),
            audio_ms: Some(8_470),
            video_ms: Some(12_500),
            ..Units::default()
        };
        for (price, nanos) in [
            (picture, 120_000_000),
            (speech, 105_000),
            (search, 4_000_000),
            (video, 1_250_000_000),
            // 0.04 dollars × 8.47 s ÷ 3600 s, rounded once
            (sound, 94_111),
        ] {
            assert_eq!(price.cost_of(None, &told), Some(nanos), "{price:?}");
            // Tokens that nobody charges for change nothing.
            assert_eq!(price.cost_of(Some(&Usage { input: 9, ..Usage::default() }), &told), Some(nanos));
            assert_eq!(price.cost_of(None, &Units::default()), None, "what is not told is not guessed");
        }
        assert_eq!(sound.cost_of(None, &Units { audio_ms: Some(45), ..Units::default() }), Some(500));
        let both =
            UnitPrices { image: PerToken::each("1"), search: PerToken::each("1"), ..UnitPrices::default() };
        let half = Units { images: Some(1), ..Units::default() };
        assert_eq!(sold_by(both).cost_of(None, &half), None, "half a cost is none");
        let absurd = Units { audio_ms: Some(u64::MAX), ..Units::default() };
        let dear = UnitPrices { audio_hour: Some(PerToken(u64::MAX)), ..UnitPrices::default() };
        assert_eq!(sold_by(dear).cost_of(None, &absurd), Some(u64::MAX));
    }

    #[test]
    fn tokens_are_charged_where_they_were_counted() {
        let usage = Usage { input: 100, output: 1000, ..Usage::default() };
        let plain = Price { input: PerToken(1_000_000), output: PerToken(2_000_000), ..Price::default() };
        let units = UnitPrices { audio_hour: PerToken::each("0.36"), ..UnitPrices::default() };
        let both = Price { units, ..plain };
        let second = Units { audio_ms: Some(1000), ..Units::default() };
        assert_eq!(both.cost_of(Some(&usage), &second), Some(2100), "not both");
        assert_eq!(both.cost_of(None, &second), Some(100_000));
        assert_eq!(plain.cost_of(None, &second), None);
        assert_eq!(
            Price::default().cost_of(None, &second),
            Some(0),
            "what is free is free however much it is"
        );
    }

    #[test]
    fn tokens_of_pictures_and_sound_have_prices_of_their_own() {
        let nano = |count: u64| Some(PerToken(count * 1_000_000));
        let units = UnitPrices { image_input: nano(10), audio_output: nano(20), ..UnitPrices::default() };
        let price =
            Price { input: PerToken(1_000_000), output: PerToken(2_000_000), units, ..Price::default() };
        let usage = Usage { input: 100, cached_input: 50, output: 10, ..Usage::default() };
        let of = |image_input, audio_output| {
            let units = Units { image_input, audio_output, audio_input: 9, ..Units::default() };
            price.cost_of(Some(&usage), &units).unwrap()
        };
        assert_eq!(of(0, 0), 100 + 20);
        assert_eq!(of(30, 4), 30 * 10 + 70 + 4 * 20 + 6 * 2);
        assert_eq!(of(1000, 1000), 50 * 10 + 50 + 10 * 20, "no more than there are");
        let cached =
            UnitPrices { audio_cache_read: nano(3), image_cache_read: nano(4), ..UnitPrices::default() };
        let price = Price { cache_read: nano(2), units: cached, ..price };
        let units = Units { audio_cached: 10, image_cached: 30, ..Units::default() };
        assert_eq!(price.cost_of(Some(&usage), &units), Some(50 + 10 * 2 + 10 * 3 + 30 * 4 + 10 * 2));
    }
}
