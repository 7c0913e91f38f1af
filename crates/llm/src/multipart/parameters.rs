//! Parameters of a header's value, as in `form-data; name="file"; filename="a;b.wav"`, and the boundary among them.
//!
//! In: what follows the first word. Out: names and values, or nothing where readers would differ.

use std::ops::Range;

/// The longest boundary (RFC 2046, 5.1.1).
const BOUNDARY_BYTES_MOST: usize = 70;

/// Why a content-type does not say how a form is taken apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs)]
pub enum BoundaryError {
    #[error("it is not `multipart/form-data`")]
    NotAForm,
    #[error("its parameters are malformed")]
    Malformed,
    #[error("it names no boundary")]
    Missing,
    #[error("it names the boundary twice")]
    Repeated,
    #[error("its boundary is not one to seventy of the characters that RFC 2046 allows")]
    Characters,
}

/// The boundary that a content-type names.
pub fn boundary(content_type: &str) -> Result<String, BoundaryError> {
    let (kind, rest) = content_type.split_at(content_type.find(';').unwrap_or(content_type.len()));
    if !kind.trim().eq_ignore_ascii_case("multipart/form-data") {
        return Err(BoundaryError::NotAForm);
    }
    let mut found = None;
    let read = each(rest.as_bytes(), |name, value| {
        let name = rest.get(name).unwrap_or_default();
        // An extended spelling (RFC 8187) is another boundary for some readers.
        if name.split('*').next().is_some_and(|name| name.eq_ignore_ascii_case("boundary")) {
            let text = rest.get(value).unwrap_or_default();
            let repeated = found.replace(text).is_some() || name.contains('*');
            return if repeated { Err(BoundaryError::Repeated) } else { Ok(()) };
        }
        Ok(())
    });
    read.unwrap_or(Err(BoundaryError::Malformed))?;
    let boundary = found.ok_or(BoundaryError::Missing)?;
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"'()+_,-./:=? ".contains(&byte);
    let fits = (1..=BOUNDARY_BYTES_MOST).contains(&boundary.len()) && !boundary.ends_with(' ');
    if fits && boundary.bytes().all(allowed) {
        Ok(boundary.to_owned())
    } else {
        Err(BoundaryError::Characters)
    }
}

/// Gives each parameter of `; name=value; …` as the places of its name and of its value, quotes left out. `None` when they
/// are malformed: a quote that a backslash stands before ends the text for some readers and not for others.
pub(super) fn each<E>(
    text: &[u8],
    mut take: impl FnMut(Range<usize>, Range<usize>) -> Result<(), E>,
) -> Option<Result<(), E>> {
    let mut at = skip_space(text, 0);
    while let Some(byte) = text.get(at) {
        if *byte != b';' {
            return None;
        }
        at = skip_space(text, at + 1);
        if at == text.len() {
            break;
        }
        let name = at..token_end(text, at);
        if name.is_empty() || text.get(name.end) != Some(&b'=') {
            return None;
        }
        let value = name.end + 1;
        let value = if text.get(value) == Some(&b'"') {
            let end = value + 1 + memchr::memchr(b'"', text.get(value + 1..)?)?;
            if text.get(end - 1) == Some(&b'\\') {
                return None;
            }
            at = end + 1;
            value + 1..end
        } else {
            at = token_end(text, value);
            value..at
        };
        if value.is_empty() && text.get(value.start) != Some(&b'"') {
            return None;
        }
        at = skip_space(text, at);
        if let Err(error) = take(name, value) {
            return Some(Err(error));
        }
    }
    Some(Ok(()))
}

fn skip_space(text: &[u8], at: usize) -> usize {
    let rest = text.get(at..).unwrap_or_default();
    at + rest.iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count()
}

/// Where a word without quotes ends (RFC 9110, 5.6.2).
fn token_end(text: &[u8], at: usize) -> usize {
    let rest = text.get(at..).unwrap_or_default();
    at + rest.iter().take_while(|byte| is_token(**byte)).count()
}

/// Whether a byte may stand in a word without quotes. A slash may not, yet media types are values.
pub(super) fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~/".contains(&byte)
}
