//! At which service tier an answer says that it was served: list prices hold for the usual one only.
//!
//! In: the value of the member that names it. Out: the tier. A word that is not known counts as another: no cost is better
//! than a wrong one.
//! <https://platform.openai.com/docs/guides/flex-processing>, <https://docs.anthropic.com/en/api/service-tiers>

use crate::json::{Walk, decode_text};
use crate::price::Tier;

/// The words for the usual tier: OpenAI's, Anthropic's, Groq's, Google's.
const USUAL: [&str; 5] = ["default", "standard", "auto", "on_demand", "unspecified"];
/// Anthropic's word, in the results of a batch.
const BATCH: &str = "batch";

/// The tier that a value, as JSON, names; what is no string names none.
pub(super) fn of(value: &[u8]) -> Tier {
    if value.first() == Some(&b'"') { of_word(&decode_text(value)) } else { Tier::Usual }
}

/// The tier that a word names.
pub(super) fn of_word(word: &str) -> Tier {
    let is = |tier: &str| word.eq_ignore_ascii_case(tier);
    match () {
        () if word.is_empty() || USUAL.iter().any(|usual| is(usual)) => Tier::Usual,
        () if is(BATCH) => Tier::Batch,
        () => Tier::Other,
    }
}

/// The tier that a word names, if there is one.
pub(super) fn of_said(word: Option<&str>) -> Tier {
    word.map(of_word).unwrap_or_default()
}

/// The tier that a member of this object names.
pub(super) fn of_member(object: &str, member: &[u8], deepest: usize) -> Tier {
    let Ok(mut walk) = Walk::object(object.as_bytes(), deepest) else { return Tier::Usual };
    while let Ok(Some(key)) = walk.key() {
        let Ok(value) = walk.value() else { return Tier::Usual };
        if key == member {
            return of(value);
        }
    }
    Tier::Usual
}
