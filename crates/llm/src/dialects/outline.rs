//! Looking at the beginning and the end of a whole answer without reading what lies between.

use memchr::memmem::FinderRev;

use super::tier;
use crate::json::{Kind, Walk, decode_text};
use crate::price::Tier;

/// An answer nested deeper is read by the parser, which has a limit of its own.
pub(super) const DEEPEST: usize = 128;

/// Id and model of an answer that names them before anything that is not a single value.
#[derive(Default)]
pub(super) struct Head {
    pub(super) id: Option<String>,
    pub(super) model: Option<String>,
    /// What it says of its service tier.
    pub(super) tier: Option<Tier>,
}

impl Head {
    pub(super) fn read(body: &[u8]) -> Option<Self> {
        let mut head = Self::default();
        let mut walk = Walk::object(body, DEEPEST).ok()?;
        while let Some(key) = walk.key().ok()? {
            if matches!(walk.kind(), Kind::Object | Kind::Array) {
                break;
            }
            let value = walk.value().ok()?;
            match key {
                b"id" => head.id = text(value),
                b"model" => head.model = text(value),
                b"service_tier" => head.tier = Some(tier::of(value)),
                _ => {}
            }
        }
        Some(head)
    }
}

/// A string that is not empty.
pub(super) fn text(value: &[u8]) -> Option<String> {
    Some(decode_text(value).into_owned()).filter(|text| !text.is_empty())
}

/// Offset of the last place where `key` (quoted, with its colon) stands as a member's name and not inside a text, where
/// its quotes would be escaped.
pub(super) fn last_key(body: &[u8], key: &FinderRev<'_>) -> Option<usize> {
    let at = key.rfind(body)?;
    let before = body.get(..at)?.trim_ascii_end().last()?;
    matches!(before, b',' | b'{').then_some(at)
}

/// Offset of the quote that ends a JSON string whose text begins at the start of `bytes`.
pub(super) fn string_end(bytes: &[u8]) -> Option<usize> {
    let mut from = 0;
    loop {
        let found = from + memchr::memchr2(b'"', b'\\', bytes.get(from..)?)?;
        if bytes.get(found) == Some(&b'"') {
            return Some(found);
        }
        from = found + 2;
    }
}
