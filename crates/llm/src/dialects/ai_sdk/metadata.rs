//! What a provider proves of its reasoning, where the SDK's own providers put it: under the provider's name in
//! `providerMetadata` of an answer, which a client gives back as `providerOptions` of the part.
//!
//! Proofs of other providers stand under our own name, with the word for whose they are.

use crate::dialects::DecodeError;
use crate::dialects::read::{At, Object};
use crate::dialects::write;
use crate::ir::{CacheControl, Content};
use serde_json::value::RawValue;

/// Under this name stands what no provider of the SDK's has a word for.
const OURS: &str = "yumen";

/// A provider of the SDK's and the members in which it puts its proofs.
struct Place {
    format: &'static str,
    provider: &'static str,
    signature: &'static str,
    sealed: &'static str,
}

/// <https://ai-sdk.dev/providers/ai-sdk-providers/anthropic#reasoning>, and the like for the others.
const PLACES: [Place; 3] = [
    Place {
        format: "anthropic-claude-v1",
        provider: "anthropic",
        signature: "signature",
        sealed: "redactedData",
    },
    Place {
        format: "google-gemini-v1",
        provider: "google",
        signature: "thoughtSignature",
        sealed: "thoughtSignature",
    },
    Place {
        format: "openai-responses-v1",
        provider: "openai",
        signature: "reasoningEncryptedContent",
        sealed: "reasoningEncryptedContent",
    },
];

/// A proof that is written or was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Proof {
    pub(super) format: Option<String>,
    /// Whether it is sealed reasoning, and not the signature of some.
    pub(super) sealed: bool,
    pub(super) text: String,
}

impl Proof {
    /// Writes it as `providerMetadata`.
    pub(super) fn write(&self, out: &mut write::Object<'_>) {
        let place = PLACES.iter().find(|place| self.format.as_deref() == Some(place.format));
        // Google and OpenAI have one member for both; which it is is said beside, for nobody would know.
        let told_apart = |place: &&Place| place.signature != place.sealed || !self.sealed;
        out.object("providerMetadata", |metadata| match place.filter(told_apart) {
            Some(place) => metadata.object(place.provider, |own| {
                own.text(if self.sealed { place.sealed } else { place.signature }, &self.text);
            }),
            None => metadata.object(OURS, |own| {
                own.text(if self.sealed { "sealed" } else { "signature" }, &self.text);
                own.maybe_text("format", self.format.as_deref());
            }),
        });
    }
}

/// What a part's `providerOptions` say.
#[derive(Debug, Default)]
pub(super) struct Said {
    pub(super) proof: Option<Proof>,
    pub(super) cache_control: Option<CacheControl>,
}

/// Reads a part's `providerOptions`, or its `providerMetadata`, which some clients hand back instead.
pub(super) fn read(part: &mut Object<'_, '_>) -> Result<Said, DecodeError> {
    let mut said = Said::default();
    for name in ["providerOptions", "providerMetadata"] {
        let Some(raw) = part.take(name) else { continue };
        read_options(raw, part.at.key(name), &mut said)?;
    }
    Ok(said)
}

fn read_options(raw: &RawValue, at: At<'_>, said: &mut Said) -> Result<(), DecodeError> {
    let mut options = Object::read(raw, at)?;
    if let Some(raw) = options.take(OURS) {
        let mut own = Object::read(raw, at.key(OURS))?;
        let (signature, sealed, format) =
            (own.string("signature")?, own.string("sealed")?, own.string("format")?);
        let is_sealed = sealed.is_some();
        said.proof = sealed.or(signature).map(|text| Proof { format, sealed: is_sealed, text });
    }
    for Place { format, provider, signature, sealed } in PLACES {
        let Some(raw) = options.take(provider) else { continue };
        let mut own = Object::read(raw, at.key(provider))?;
        if provider == "anthropic" {
            said.cache_control = read_cache_control(&mut own)?.or(said.cache_control.take());
        }
        let proof = |text, sealed| Proof { format: Some(format.to_owned()), sealed, text };
        let found = own.string(signature)?.map(|text| proof(text, false));
        let found = match found {
            None => own.string(sealed)?.map(|text| proof(text, true)),
            found => found,
        };
        said.proof = said.proof.take().or(found);
    }
    Ok(())
}

/// Anthropic's marker, under either of the names that the SDK takes.
fn read_cache_control(own: &mut Object<'_, '_>) -> Result<Option<CacheControl>, DecodeError> {
    let parent = own.at;
    for name in ["cacheControl", "cache_control"] {
        if let Some(raw) = own.take(name) {
            return Ok(Some(CacheControl { ttl: Object::read(raw, parent.key(name))?.string("ttl")? }));
        }
    }
    Ok(None)
}

/// Reasoning with what proves it.
pub(super) fn reasoning(text: String, proof: Option<Proof>) -> Content {
    match proof {
        None => Content::Thinking { text, signature: None, format: None },
        Some(Proof { format, sealed: true, text: data }) => Content::RedactedThinking { data, format },
        Some(Proof { format, sealed: false, text: signature }) => {
            Content::Thinking { text, signature: Some(signature), format }
        }
    }
}
