//! The head of one part: its header fields, of which three matter.
//!
//! In: the body and where the head stands in it. Out: the part's name and what its value is, or the first fault.

use std::ops::Range;

use super::parameters::{each, is_token};
use super::{FormError, FormReason, fault};

/// What a part's head says.
#[derive(Default)]
pub(super) struct Head {
    pub(super) name: Range<usize>,
    pub(super) is_file: bool,
    pub(super) is_encoded: bool,
}

impl Head {
    /// Reads the lines in `place`, the last of which has no line end.
    pub(super) fn read(body: &[u8], place: Range<usize>) -> Result<Self, FormError> {
        let (mut head, mut seen): (Self, [bool; 3]) = (Self::default(), [false; 3]);
        let mut at = place.start;
        while at < place.end {
            let rest = body.get(at..place.end).unwrap_or_default();
            let size = memchr::memmem::find(rest, b"\r\n").unwrap_or(rest.len());
            let line = rest.get(..size).unwrap_or_default();
            let colon = line.iter().position(|byte| *byte == b':').unwrap_or(0);
            let (name, value) = (line.get(..colon).unwrap_or_default(), at + colon + 1..at + size);
            // A line that begins with a space would go on with the one before it.
            let readable = !name.is_empty() && name.iter().all(|byte| is_token(*byte));
            if !readable || line.iter().any(|byte| matches!(byte, b'\r' | b'\n' | b'\0')) {
                return Err(fault(at, FormReason::HeadLine));
            }
            const KNOWN: [&[u8]; 3] = [b"content-disposition", b"content-type", b"content-transfer-encoding"];
            let known = KNOWN.iter().position(|known| name.eq_ignore_ascii_case(known));
            if let Some(seen) = known.and_then(|known| seen.get_mut(known))
                && std::mem::replace(seen, true)
            {
                return Err(fault(at, FormReason::HeadRepeated));
            }
            let text = body.get(value.clone()).unwrap_or_default();
            match known {
                Some(0) => head.disposition(text, value.start)?,
                Some(1) => head.is_encoded |= !is_utf8(text),
                Some(_) => {
                    let plain = [&b"7bit"[..], b"8bit", b"binary"];
                    head.is_encoded |= !plain.iter().any(|word| text.trim_ascii().eq_ignore_ascii_case(word));
                }
                None => {}
            }
            at += size + 2;
        }
        match seen {
            [true, ..] => Ok(head),
            _ => Err(fault(place.start, FormReason::NoDisposition)),
        }
    }

    /// Reads `form-data; name="…"; filename="…"`, which stands at `offset` of the body.
    fn disposition(&mut self, text: &[u8], offset: usize) -> Result<(), FormError> {
        let size = text.iter().position(|byte| *byte == b';').unwrap_or(text.len());
        let (kind, rest) = text.split_at_checked(size).unwrap_or_default();
        if !kind.trim_ascii().eq_ignore_ascii_case(b"form-data") {
            return Err(fault(offset, FormReason::NotFormData));
        }
        let (offset, mut found) = (offset + size, false);
        let read = each(rest, |name, value| {
            let word = rest.get(name.clone()).unwrap_or_default();
            let base = word.split(|byte| *byte == b'*').next().unwrap_or_default();
            if base.eq_ignore_ascii_case(b"name") {
                // Extended and continued spellings (RFC 2231) are read by some and not by others.
                if std::mem::replace(&mut found, true) || base.len() < word.len() {
                    return Err(fault(offset + name.start, FormReason::OddName));
                }
                self.name = offset + value.start..offset + value.end;
            }
            self.is_file |= base.eq_ignore_ascii_case(b"filename");
            Ok(())
        });
        read.unwrap_or_else(|| Err(fault(offset, FormReason::NotFormData)))?;
        if self.name.is_empty() { Err(fault(offset, FormReason::NoName)) } else { Ok(()) }
    }
}

/// Whether a content-type leaves a value to be read as UTF-8: it names no charset, or that one.
fn is_utf8(text: &[u8]) -> bool {
    let rest = text.iter().position(|byte| *byte == b';').and_then(|at| text.get(at..)).unwrap_or_default();
    let read = each(rest, |name, value| {
        let is_charset = rest.get(name).is_some_and(|name| {
            name.split(|byte| *byte == b'*').next().is_some_and(|name| name.eq_ignore_ascii_case(b"charset"))
        });
        let value = rest.get(value).unwrap_or_default();
        let plain = [&b"utf-8"[..], b"us-ascii"].iter().any(|known| value.eq_ignore_ascii_case(known));
        if is_charset && !plain { Err(()) } else { Ok(()) }
    });
    read == Some(Ok(()))
}
