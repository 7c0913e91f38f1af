//! Proofs of reasoning (signatures, sealed texts) on their way through clients whose dialect cannot say whose they are.
//!
//! A client gives back what it was given, word for word. So a proof that is not the dialect's own goes out with a mark
//! that names its owner, and comes back as what it was: reasoning stays whole over the turns of a conversation,
//! whichever dialects client and provider speak.

use std::borrow::Cow;
use std::sync::LazyLock;

use memchr::memmem::Finder;

/// What every mark begins with. Neither signatures nor sealed texts hold colons.
const MARK: &str = "yumen-sealed:";
/// The beginning of the same in base64, for dialects whose proofs are bytes.
pub(super) const BASE64_MARK: &str = "eXVtZW4tc2VhbGVk";
/// Says that the text is sealed reasoning, and not the signature of some.
const REDACTED: &str = "redacted";

/// Whether a request may hold proofs that another dialect's provider made: a provider would refuse them, so such a
/// request cannot go to one as it stands.
pub fn holds_sealed(body: &[u8]) -> bool {
    static MARKED: LazyLock<[Finder<'static>; 2]> =
        LazyLock::new(|| [Finder::new(b"\"yumen-sealed:"), Finder::new(b"\"eXVtZW4tc2VhbGVk")]);
    MARKED.iter().any(|mark| mark.find(body).is_some())
}

/// A proof that came back.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Proof {
    /// Whose it is; absent when that was never said.
    pub(super) format: Option<String>,
    /// Whether it is sealed reasoning, and not the signature of some.
    pub(super) redacted: bool,
    /// As its owner wrote it.
    pub(super) text: String,
}

/// Marks a proof, unless its owner is `own`, the dialect's.
pub(super) fn seal<'t>(own: &str, format: Option<&str>, redacted: bool, text: &'t str) -> Cow<'t, str> {
    if format == Some(own) && !redacted {
        return Cow::Borrowed(text);
    }
    let redacted = if redacted { REDACTED } else { "" };
    Cow::Owned(format!("{MARK}{}:{redacted}:{text}", format.unwrap_or_default()))
}

/// Reads a proof; one without a mark belongs to `own`.
pub(super) fn unseal(own: &str, text: String) -> Proof {
    let marked = text.strip_prefix(MARK).and_then(|rest| {
        let (format, rest) = rest.split_once(':')?;
        let (kind, text) = rest.split_once(':')?;
        Some(Proof {
            format: Some(format).filter(|format| !format.is_empty()).map(str::to_owned),
            redacted: kind == REDACTED,
            text: text.to_owned(),
        })
    });
    marked.unwrap_or_else(|| Proof { format: Some(own.to_owned()), redacted: false, text })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proof_comes_back_as_its_owners() {
        for (format, redacted) in
            [(Some("theirs"), false), (Some("theirs"), true), (Some("own"), true), (None, false)]
        {
            let sealed = seal("own", format, redacted, "a:b").into_owned();
            assert_ne!(sealed, "a:b");
            let proof = Proof { format: format.map(str::to_owned), redacted, text: "a:b".into() };
            assert_eq!(unseal("own", sealed), proof);
        }
    }

    #[test]
    fn sealed_proofs_are_found_in_a_body() {
        let sealed = seal("own", Some("theirs"), false, "abc");
        assert!(holds_sealed(format!(r#"{{"signature": "{sealed}"}}"#).as_bytes()));
        assert!(!holds_sealed(br#"{"signature":"abc","text":"sealed: twice"}"#));
    }

    #[test]
    fn the_dialects_own_proofs_stay_as_they_are() {
        assert_eq!(seal("own", Some("own"), false, "abc"), "abc");
        for text in ["abc", "yumen-sealed:", "sealed:x"] {
            let proof = unseal("own", text.into());
            assert_eq!((proof.format.as_deref(), proof.text.as_str()), (Some("own"), text));
        }
    }
}
