//! Proofs of other providers' reasoning, as signatures of this dialect.
//!
//! A client gives them back like Google's own. They are marked, and since signatures are bytes here, which some
//! clients read from base64 and write as base64 again, the mark is written in base64.

use std::borrow::Cow;

use base64::Engine;
use base64::alphabet::STANDARD as ALPHABET;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, STANDARD};

use super::FORMAT;
use crate::dialects::seal::{BASE64_MARK, Proof, seal, unseal};

/// Clients may leave padding out.
const READER: GeneralPurpose = GeneralPurpose::new(
    &ALPHABET,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// A proof as a signature: Google's own as it is.
pub(super) fn signature<'t>(format: Option<&str>, text: &'t str) -> Cow<'t, str> {
    match seal(FORMAT, format, false, text) {
        Cow::Borrowed(own) => Cow::Borrowed(own),
        Cow::Owned(sealed) => Cow::Owned(STANDARD.encode(sealed)),
    }
}

/// A signature that came back: the proof, and whose it is.
pub(super) fn proof(signature: String) -> (String, Option<String>) {
    let sealed = signature.starts_with(BASE64_MARK).then(|| {
        let standard = signature.replace('-', "+").replace('_', "/");
        String::from_utf8(READER.decode(standard).ok()?).ok()
    });
    match sealed.flatten() {
        Some(sealed) => {
            let Proof { text, format, .. } = unseal(FORMAT, sealed);
            (text, format)
        }
        None => (signature, Some(FORMAT.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proof_comes_back_as_its_owners_however_its_base64_is_written() {
        for (format, text) in
            [(Some("theirs"), "a:b"), (Some("theirs"), "??>>~~"), (None, "c"), (Some(FORMAT), "d/+=")]
        {
            let said = signature(format, text).into_owned();
            let url_safe = said.replace('+', "-").replace('/', "_");
            for back in [said.clone(), url_safe.trim_end_matches('=').to_owned(), url_safe] {
                let own = format == Some(FORMAT);
                let expected = if own { back.clone() } else { text.to_owned() };
                assert_eq!(proof(back), (expected, format.map(str::to_owned)));
            }
            assert_eq!(
                crate::dialects::holds_sealed(format!("{{\"s\":\"{said}\"}}").as_bytes()),
                format != Some(FORMAT)
            );
        }
    }
}
