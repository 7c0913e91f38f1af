//! Fields that are this dialect's own: they have no place in the IR, and are written again as they were read.
//!
//! They are kept under their path, such as `generationConfig.speechConfig`. Only those of this list are written, since
//! a client of another dialect can send any name: nothing that is decided elsewhere may be said twice.

use crate::ir::{Chat, Json};

/// Their paths.
const OWN: [&str; 19] = [
    "safetySettings",
    "cachedContent",
    "labels",
    "toolConfig.retrievalConfig",
    "toolConfig.includeServerSideToolInvocations",
    "generationConfig.responseModalities",
    "generationConfig.mediaResolution",
    "generationConfig.speechConfig",
    "generationConfig.imageConfig",
    "generationConfig.audioTimestamp",
    "generationConfig.audioTranscriptionConfig",
    "generationConfig.translationConfig",
    "generationConfig.routingConfig",
    "generationConfig.modelSelectionConfig",
    "generationConfig.enableAffectiveDialog",
    "generationConfig.enableEnhancedCivicAnswers",
    "generationConfig.responseFormat",
    // Only where no form of the answer is known to the IR.
    "generationConfig.responseMimeType",
    "generationConfig.responseJsonSchema",
];

/// Adds fields that no one took, under the path of the object that held them; each path once.
pub(super) fn keep(asides: &mut Vec<(String, Json)>, path: &str, rest: Vec<(String, Json)>) {
    for (name, value) in rest {
        let name = format!("{path}.{name}");
        if !asides.iter().any(|(known, _)| *known == name) {
            asides.push((name, value));
        }
    }
}

/// The fields of the object at `path` (the body itself is at the empty one) that are to be written.
pub(super) fn of<'c>(chat: &'c Chat, path: &'static str) -> impl Iterator<Item = (&'c str, &'c Json)> {
    chat.extra.iter().filter(move |(name, _)| is_own(chat, name)).filter_map(move |(name, value)| {
        let name = match path {
            "" => Some(name.as_str()),
            path => name.strip_prefix(path)?.strip_prefix('.'),
        };
        name.filter(|name| !name.contains('.')).map(|name| (name, value))
    })
}

/// Whether a field is written.
pub(super) fn is_own(chat: &Chat, name: &str) -> bool {
    let is_format =
        matches!(name, "generationConfig.responseMimeType" | "generationConfig.responseJsonSchema");
    OWN.contains(&name) && !(is_format && chat.response_format.is_some())
}
