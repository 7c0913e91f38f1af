//! At which service tier an answer says that it was served: list prices hold for the usual one only.
//!
//! In: the value of the member that names it. Out: whether it is another. A word that is not known counts as another: no
//! cost is better than a wrong one.
//! <https://platform.openai.com/docs/guides/flex-processing>, <https://docs.anthropic.com/en/api/service-tiers>

use crate::json::{Walk, decode_text};

/// The words for the usual tier: OpenAI's, Anthropic's, Groq's, Google's.
const USUAL: [&str; 5] = ["default", "standard", "auto", "on_demand", "unspecified"];

/// Whether a value, as JSON, names a tier that is not the usual one.
pub(super) fn is_other(value: &[u8]) -> bool {
    value.first() == Some(&b'"') && is_other_word(&decode_text(value))
}

/// The same of a word.
pub(super) fn is_other_word(word: &str) -> bool {
    !word.is_empty() && !USUAL.iter().any(|usual| word.eq_ignore_ascii_case(usual))
}

/// Whether a member of this object names such a tier.
pub(super) fn is_other_in(object: &str, member: &[u8], deepest: usize) -> bool {
    let Ok(mut walk) = Walk::object(object.as_bytes(), deepest) else { return false };
    while let Ok(Some(key)) = walk.key() {
        let Ok(value) = walk.value() else { return false };
        if key == member {
            return is_other(value);
        }
    }
    false
}
