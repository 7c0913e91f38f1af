//! Which models a client's message names: a session may hold none but those that its key may use.
//!
//! In: one message. Out: every text that a provider could take for a model's name, and where it stands. Whatever is spelt
//! so that another reader could see `model` in it is one; places that hold the client's own words are left out by name.

use smallvec::SmallVec;

use crate::dialects::outline::text;
use crate::json::{Kind, ScanError, ScanReason, Walk, decode_text, folds_to};

/// What a named model is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ModelPlace {
    /// For the whole session.
    Session,
    /// For a part of it, such as writing down what was said.
    Part,
}

/// A model that a message names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedModel {
    /// What for.
    pub place: ModelPlace,
    /// Its name.
    pub name: String,
    /// Offset of its value, quotes included.
    pub start: usize,
    /// One past the value's last byte.
    pub end: usize,
}

/// Members that hold the client's own words, texts for the model or what tools take, and no settings.
const OWN_WORDS: [&[u8]; 6] = [b"item", b"metadata", b"prompt", b"tools", b"tool_choice", b"tracing"];

/// The models that a message names, in the order in which they stand, and the message's own id. Lists are stepped over:
/// no setting that names a model stands in one.
pub fn named_models(
    message: &[u8],
    max_depth: usize,
) -> Result<(SmallVec<[NamedModel; 1]>, Option<String>), ScanError> {
    let mut found = SmallVec::new();
    let mut event_id = None;
    // For each object that has been stepped into below the outermost: whether it is the session's own.
    let mut inside: SmallVec<[bool; 8]> = SmallVec::new();
    let mut walk = Walk::object(message, max_depth)?;
    loop {
        let Some(key) = walk.key()? else {
            if inside.pop().is_none() {
                break;
            }
            continue;
        };
        let kind = walk.kind();
        if kind == Kind::Object && !OWN_WORDS.contains(&key) {
            inside.push(inside.is_empty() && is_named(key, "session"));
            walk.enter()?;
            continue;
        }
        let value = walk.value()?;
        if kind == Kind::String && is_named(key, "model") {
            let start = (value.as_ptr() as usize).saturating_sub(message.as_ptr() as usize);
            let place = match inside.as_slice() {
                [] | [true] => ModelPlace::Session,
                _ => ModelPlace::Part,
            };
            let name = decode_text(value).into_owned();
            found.push(NamedModel { place, name, start, end: start + value.len() });
        } else if inside.is_empty() && key == b"event_id" {
            event_id = text(value);
        }
    }
    if !walk.is_at_end() {
        return Err(ScanError { position: message.len(), reason: ScanReason::TrailingBytes });
    }
    Ok((found, event_id))
}

/// Whether some reader could take a key, as it is spelt, for this name.
fn is_named(key: &[u8], name: &str) -> bool {
    if key.is_ascii() && memchr::memchr(b'\\', key).is_none() {
        return key.eq_ignore_ascii_case(name.as_bytes());
    }
    let quoted = [b"\"".as_slice(), key, b"\""].concat();
    folds_to(&decode_text(&quoted), name)
}
