//! A stream as one JSON array, for clients that ask for one without `alt=sse`.
//!
//! In: whole JSON values, one by one. Out: their bytes with the brackets and commas that make them one array at any
//! time of its growth. It knows nothing of what the values mean, so it also frames an upstream's own.

/// The array that is being written.
#[derive(Debug, Default)]
pub struct JsonArray {
    begun: bool,
    ended: bool,
}

impl JsonArray {
    /// Appends the next element, which `write` writes; nothing after the end.
    pub fn element(&mut self, out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
        if self.ended {
            return;
        }
        out.extend_from_slice(if std::mem::replace(&mut self.begun, true) { b"\r\n," } else { b"[" });
        write(out);
    }

    /// Appends what closes the array, once.
    pub fn finish(&mut self, out: &mut Vec<u8>) {
        if std::mem::replace(&mut self.ended, true) {
            return;
        }
        out.extend_from_slice(if self.begun { b"]" } else { b"[]" });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_array_is_closed_once_whatever_it_holds() {
        for (count, expected) in [(0, "[]"), (1, "[1]"), (3, "[1\r\n,1\r\n,1]")] {
            let (mut array, mut out) = (JsonArray::default(), Vec::new());
            (0..count).for_each(|_| array.element(&mut out, |out| out.push(b'1')));
            array.finish(&mut out);
            array.element(&mut out, |out| out.push(b'1'));
            array.finish(&mut out);
            assert_eq!(String::from_utf8(out).unwrap(), expected);
        }
    }
}
