//! What is known of a model beside its names, limits and prices: what goes in and comes out, what can be asked of it,
//! and its days.
//!
//! In: words as `models.toml` and the configuration write them. Out: small values that are copied, because a gateway with
//! every provider holds thousands of them. It never guesses: what no source says is absent.

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// What a model reads or gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum Modality {
    Text,
    Image,
    Audio,
    File,
    Video,
}

/// What can be asked of a model beside an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Feature {
    /// It calls tools.
    Tools,
    /// It can answer after a JSON schema.
    Structured,
    /// It thinks before it answers.
    Reasoning,
    /// It refuses `temperature` and the like.
    FixedSampling,
    /// It searches the web by itself, and takes `web_search_options` where nothing else is said of its provider.
    Search,
}

/// A closed list of words, each with its place.
pub trait Word: Copy + 'static {
    /// All of them, in the order in which they are shown.
    const ALL: &'static [Self];
    /// Its place in that order, at most 31.
    fn place(self) -> u8;
    /// As it is written.
    fn word(self) -> &'static str;
}

impl Word for Modality {
    const ALL: &'static [Self] = &[Self::Text, Self::Image, Self::Audio, Self::File, Self::Video];

    fn place(self) -> u8 {
        self as u8
    }

    fn word(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Image => "image",
            Self::Audio => "audio",
            Self::File => "file",
            Self::Video => "video",
        }
    }
}

impl Word for Feature {
    const ALL: &'static [Self] =
        &[Self::Tools, Self::Structured, Self::Reasoning, Self::FixedSampling, Self::Search];

    fn place(self) -> u8 {
        self as u8
    }

    fn word(self) -> &'static str {
        match self {
            Self::Tools => "tools",
            Self::Structured => "structured",
            Self::Reasoning => "reasoning",
            Self::FixedSampling => "fixed_sampling",
            Self::Search => "search",
        }
    }
}

/// Some of a closed list of words, in four bytes.
pub struct Words<W> {
    bits: u32,
    of: PhantomData<W>,
}

impl<W: Word> Words<W> {
    /// Whether `word` is one of them.
    pub fn has(self, word: W) -> bool {
        self.bits & (1 << word.place()) != 0
    }

    /// Whether there is none.
    pub fn is_empty(self) -> bool {
        self.bits == 0
    }

    /// Those of both.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self { bits: self.bits | other.bits, of: PhantomData }
    }

    /// Each of them, in the list's order.
    pub fn iter(self) -> impl Iterator<Item = W> {
        W::ALL.iter().copied().filter(move |word| self.has(*word))
    }
}

impl<W: Word> FromIterator<W> for Words<W> {
    fn from_iter<I: IntoIterator<Item = W>>(words: I) -> Self {
        let bits = words.into_iter().fold(0, |bits, word| bits | (1 << word.place()));
        Self { bits, of: PhantomData }
    }
}

impl<W> Clone for Words<W> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<W> Copy for Words<W> {}

impl<W> Default for Words<W> {
    fn default() -> Self {
        Self { bits: 0, of: PhantomData }
    }
}

impl<W> PartialEq for Words<W> {
    fn eq(&self, other: &Self) -> bool {
        self.bits == other.bits
    }
}

impl<W> Eq for Words<W> {}

impl<W: Word> fmt::Debug for Words<W> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_list().entries(self.iter().map(Word::word)).finish()
    }
}

/// A day, or a month when the day is not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Day {
    year: u16,
    month: u8,
    /// 0 when it is not known.
    day: u8,
}

impl Day {
    /// Reads `YYYY-MM-DD`, or `YYYY-MM` where only the month is known.
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('-');
        let number = |part: Option<&str>, digits: usize| {
            let part = part.filter(|part| part.len() == digits)?;
            part.bytes().all(|byte| byte.is_ascii_digit()).then(|| part.parse::<u16>().ok()).flatten()
        };
        let year = number(parts.next(), 4)?;
        let month = number(parts.next(), 2).filter(|month| (1..=12).contains(month))?;
        let day = match parts.next() {
            None => 0,
            day => number(day, 2).filter(|day| (1..=31).contains(day))?,
        };
        let whole = parts.next().is_none();
        whole.then_some(Self { year, month: u8::try_from(month).ok()?, day: u8::try_from(day).ok()? })
    }

    /// Whether the day itself is known.
    pub fn is_whole(self) -> bool {
        self.day != 0
    }

    /// Its first moment in UTC, in Unix seconds; of a month its first day.
    pub fn unix_seconds(self) -> i64 {
        // Days since 1970 in a calendar whose years begin in March, so that the leap day comes last.
        let (year, month) = (i64::from(self.year), i64::from(self.month));
        let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
        let era = year.div_euclid(400);
        let of_era = year.rem_euclid(400);
        let of_year = (153 * month + 2) / 5 + i64::from(self.day.max(1)) - 1;
        (era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468) * 86_400
    }
}

impl fmt::Display for Day {
    /// `YYYY-MM-DD`, or `YYYY-MM` where only the month is known.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:04}-{:02}", self.year, self.month)?;
        if self.is_whole() { write!(formatter, "-{:02}", self.day) } else { Ok(()) }
    }
}

/// What is known of a model beside its names, limits and prices.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Facts {
    /// What people call it; empty when nobody has said.
    pub name: Arc<str>,
    /// What it reads; empty when not known.
    pub input: Words<Modality>,
    /// What it gives; empty when not known. Embeddings are an operation and not named here.
    pub output: Words<Modality>,
    /// What can be asked of it; `None` when no source says.
    pub supports: Option<Words<Feature>>,
    /// The end of what it has learnt.
    pub knowledge: Option<Day>,
    /// The day of its snapshot.
    pub released: Option<Day>,
    /// The day on which the provider withdraws it.
    pub deprecated: Option<Day>,
    /// Whether its weights can be had.
    pub open_weights: bool,
    /// Its weights' id at Hugging Face, `owner/name`.
    pub weights: Option<Arc<str>>,
    /// The licence of its weights: an SPDX identifier, or its own name.
    pub licence: Option<Arc<str>>,
    /// Whether what it says may be used to train another model; `None` when nobody has said.
    pub distillable: Option<bool>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_read_shown_and_counted() {
        for (text, seconds) in [
            ("1970-01-01", 0),
            ("1970-03-01", 59 * 86_400),
            ("2000-02-29", 951_782_400),
            ("2026-11-25", 1_795_564_800),
            ("2024-12", 1_733_011_200),
        ] {
            let day = Day::parse(text).unwrap();
            assert_eq!((day.unix_seconds(), day.to_string().as_str()), (seconds, text));
        }
        for bad in
            ["", "2024", "2024-13", "2024-00-01", "2024-1-01", "2024-01-32", "2024-01-01-01", "x-01-01"]
        {
            assert_eq!(Day::parse(bad), None, "{bad}");
        }
        assert!(Day::parse("2024-12") < Day::parse("2024-12-01"));
    }

    #[test]
    fn words_keep_their_order_and_are_few_bytes() {
        let words: Words<Modality> = [Modality::Video, Modality::Text].into_iter().collect();
        assert_eq!(words.iter().map(Word::word).collect::<Vec<_>>(), ["text", "video"]);
        assert!(words.has(Modality::Video) && !words.has(Modality::Image) && !words.is_empty());
        assert_eq!(size_of::<Option<Words<Feature>>>(), 8);
        assert!(size_of::<Facts>() <= 96, "{} bytes for each of thousands of models", size_of::<Facts>());
        for (place, feature) in Feature::ALL.iter().enumerate() {
            assert_eq!(usize::from(feature.place()), place);
            assert_eq!(serde_json::to_value(feature).unwrap(), feature.word());
        }
        for (place, modality) in Modality::ALL.iter().enumerate() {
            assert_eq!(usize::from(modality.place()), place);
            assert_eq!(serde_json::to_value(modality).unwrap(), modality.word());
        }
    }
}
