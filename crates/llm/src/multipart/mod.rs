//! Forms with files (`multipart/form-data`, RFC 7578), read where they lie: no part is copied.
//!
//! In: the boundary that the head names, and the body's bytes. Out: where each part's name and value stand, or the first
//! fault. A body that two readers could take apart differently is refused, because the upstream would be the second one:
//! whatever it might take for a delimiter, a second `model` or a value in another encoding is a fault here. It never
//! looks into a file.

mod head;
mod parameters;
#[cfg(test)]
mod tests;
mod write;

use std::fmt;
use std::ops::Range;

use bytes::Bytes;
use memchr::memmem::Finder;

use crate::json::{Pieces, folds_to};
use crate::percent::percent_decode;
use head::Head;

pub use parameters::{BoundaryError, boundary};
pub(crate) use write::FormWriter;

/// Parts of one form: more than any of OpenAI's takes.
const PARTS_MOST: usize = 256;
/// Bytes of one part's head, of which a file's name is the longest.
const HEAD_BYTES_MOST: usize = 8 * 1024;

/// What is wrong with a form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum FormReason {
    NoDelimiter,
    BeforeFirst,
    BrokenDelimiter,
    DelimiterInPart,
    EndsEarly,
    AfterLast,
    TooManyParts,
    HeadTooLarge,
    HeadUnended,
    HeadLine,
    HeadRepeated,
    NoDisposition,
    NotFormData,
    NoName,
    OddName,
    Charset,
}

impl fmt::Display for FormReason {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::NoDelimiter => "the boundary that the content-type names does not stand in it",
            Self::BeforeFirst => "something stands before the first delimiter",
            Self::BrokenDelimiter => "the delimiter is followed by neither a line end nor `--`",
            Self::DelimiterInPart => "the boundary stands where no line of its own begins",
            Self::EndsEarly => "it ends before its closing delimiter",
            Self::AfterLast => "something follows the closing delimiter",
            Self::TooManyParts => "it has more than 256 parts",
            Self::HeadTooLarge => "the head of the part is larger than 8192 bytes",
            Self::HeadUnended => "no empty line ends the head of the part",
            Self::HeadLine => "the line is no header field of a part",
            Self::HeadRepeated => "the part says this header field twice",
            Self::NoDisposition => "the part has no content-disposition",
            Self::NotFormData => "the part's content-disposition is not a well-formed `form-data`",
            Self::NoName => "the part has no name",
            Self::OddName => "the part's name is not one plain `name=\"…\"`",
            Self::Charset => "`_charset_` would have the values read in another encoding than UTF-8",
        })
    }
}

/// A fault in a form and where it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{reason} (byte {position})")]
pub struct FormError {
    /// Byte offset of the fault.
    pub position: usize,
    /// What is wrong there.
    pub reason: FormReason,
}

/// One part: byte offsets into the scanned body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// Its name as it is spelt, without quotes.
    pub name: Range<usize>,
    /// Its value.
    pub value: Range<usize>,
    /// Whether it is a file: it has a file's name.
    pub is_file: bool,
    /// Whether its head says that the value is not plain UTF-8 text.
    pub is_encoded: bool,
}

/// A form, taken apart.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Form {
    /// The parts in the order in which they stand.
    pub parts: Vec<Part>,
    /// Two hyphens and the boundary.
    delimiter: Vec<u8>,
    /// Where the first delimiter stands.
    first: usize,
}

impl Form {
    /// Takes a body apart. The boundary is what [`boundary`] gives.
    pub fn scan(body: &[u8], boundary: &str) -> Result<Self, FormError> {
        let delimiter = format!("--{boundary}").into_bytes();
        let finder = Finder::new(&delimiter);
        let mut at = finder.find(body).ok_or_else(|| fault(0, FormReason::NoDelimiter))?;
        if !matches!(body.get(..at), Some(b"" | b"\r\n")) {
            return Err(fault(0, FormReason::BeforeFirst));
        }
        let (first, mut parts) = (at, Vec::new());
        loop {
            let after = at + delimiter.len();
            let start = match body.get(after..).unwrap_or_default() {
                b"--" | b"--\r\n" => break,
                [b'-', b'-', ..] => return Err(fault(after + 2, FormReason::AfterLast)),
                [b'\r', b'\n', ..] => after + 2,
                b"" | b"-" | b"\r" => return Err(fault(body.len(), FormReason::EndsEarly)),
                _ => return Err(fault(after, FormReason::BrokenDelimiter)),
            };
            let found = finder.find(body.get(start..).unwrap_or_default());
            at = start + found.ok_or_else(|| fault(body.len(), FormReason::EndsEarly))?;
            if parts.len() == PARTS_MOST {
                return Err(fault(start, FormReason::TooManyParts));
            }
            let end = at.checked_sub(2).filter(|end| body.get(*end..at) == Some(b"\r\n"));
            let end = end.ok_or_else(|| fault(at, FormReason::DelimiterInPart))?;
            // An end before the start: the line end behind the last delimiter is the one before the next.
            parts.push(part(body, start..end.max(start))?);
        }
        Ok(Self { parts, delimiter, first })
    }

    /// The value of the part of this name, which is spelt plainly.
    pub fn value<'b>(&self, body: &'b [u8], name: &str) -> Option<&'b [u8]> {
        body.get(self.part(body, name)?.value.clone())
    }

    fn part(&self, body: &[u8], name: &str) -> Option<&Part> {
        self.parts.iter().find(|part| body.get(part.name.clone()) == Some(name.as_bytes()))
    }

    /// Whether there is a part of this name, or one of a list of that name, as in `image[]`.
    pub fn has(&self, body: &[u8], name: &str) -> bool {
        self.parts.iter().any(|part| is_taken_for(body.get(part.name.clone()).unwrap_or_default(), name))
    }

    /// The first part that a reader might take for one of `names` although we would not, and where it stands: a
    /// repeated name, one that is spelt otherwise or means a list, a file, a value in another encoding.
    pub fn ambiguous<'n>(&self, body: &[u8], names: &[&'n str]) -> Option<(&'n str, usize)> {
        self.parts.iter().enumerate().find_map(|(index, part)| {
            let spelt = body.get(part.name.clone())?;
            let name = names.iter().copied().find(|name| is_taken_for(spelt, name))?;
            let plain = spelt == name.as_bytes() && !part.is_file && !part.is_encoded;
            let earlier = self.parts.iter().take(index);
            let repeated = || earlier.clone().any(|part| body.get(part.name.clone()) == Some(spelt));
            (!plain || repeated()).then_some((name, part.name.start))
        })
    }

    /// The names of all parts as an upstream might read them.
    pub fn names<'b>(&self, body: &'b [u8]) -> impl Iterator<Item = String> + use<'_, 'b> {
        self.parts.iter().map(|part| meant(body.get(part.name.clone()).unwrap_or_default()))
    }

    /// The body with this value of one part, which is added as the first one where there is none. Unedited bytes are slices
    /// of the original. `None` when the value could end its part.
    pub fn with_value(&self, body: &Bytes, name: &str, value: Bytes) -> Option<Pieces> {
        if value.iter().any(|byte| matches!(byte, b'\r' | b'\n')) {
            return None;
        }
        let slice = |range: Range<usize>| body.get(range).map(|bytes| body.slice_ref(bytes));
        let mut pieces = Pieces::new();
        match self.part(body, name) {
            Some(part) => {
                pieces.extend([slice(0..part.value.start)?, value, slice(part.value.end..body.len())?]);
            }
            None => {
                let mut head = self.delimiter.clone();
                head.extend_from_slice(b"\r\nContent-Disposition: form-data; name=\"");
                head.extend_from_slice(name.as_bytes());
                head.extend_from_slice(b"\"\r\n\r\n");
                pieces.extend([Bytes::from(head), value, Bytes::from_static(b"\r\n")]);
                pieces.push(slice(self.first..body.len())?);
            }
        }
        pieces.retain(|piece| !piece.is_empty());
        Some(pieces)
    }
}

fn fault(position: usize, reason: FormReason) -> FormError {
    FormError { position, reason }
}

/// Reads what stands between two delimiters.
fn part(body: &[u8], place: Range<usize>) -> Result<Part, FormError> {
    let bytes = body.get(place.clone()).unwrap_or_default();
    // The end of the last line and the empty line after it.
    let within = bytes.get(..bytes.len().min(HEAD_BYTES_MOST + 4)).unwrap_or_default();
    let size = match memchr::memmem::find(within, b"\r\n\r\n") {
        Some(size) => size,
        None if within.starts_with(b"\r\n") => return Err(fault(place.start, FormReason::NoDisposition)),
        None if bytes.len() > within.len() => return Err(fault(place.start, FormReason::HeadTooLarge)),
        None => return Err(fault(place.start, FormReason::HeadUnended)),
    };
    let Head { name, is_file, is_encoded } = Head::read(body, place.start..place.start + size)?;
    let value = place.start + size + 4..place.end;
    if body.get(name.clone()) == Some(b"_charset_")
        && !body.get(value.clone()).is_some_and(|value| value.eq_ignore_ascii_case(b"utf-8"))
    {
        return Err(fault(name.start, FormReason::Charset));
    }
    Ok(Part { name, value, is_file, is_encoded })
}

/// Whether some reader takes a part that is spelt so for the member `name`, or for a list of that name.
fn is_taken_for(spelt: &[u8], name: &str) -> bool {
    spelt == name.as_bytes() || folds_to(&meant(spelt), name)
}

/// A part's name as the most lenient of readers understands it: escapes of either kind undone, spaces around it and what
/// makes it a list left out.
fn meant(spelt: &[u8]) -> String {
    let text = percent_decode(&String::from_utf8_lossy(spelt)).replace('\\', "");
    let base = text.trim_start().trim_start_matches('[');
    base.split(['[', ']', '\0']).next().unwrap_or_default().trim().to_owned()
}
