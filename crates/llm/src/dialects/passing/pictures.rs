//! Counting the pictures of an answer while it passes: its bytes are large, and only their number is wanted.
//!
//! In: the pieces of a JSON object, cut anywhere. Out: how many objects its member `data` lists. Nothing is kept.

use memchr::memchr2;

/// The name of the list.
const LIST: &[u8] = b"data";

/// A counter.
#[derive(Debug, Clone, Default)]
pub struct Pictures {
    depth: u32,
    in_string: bool,
    escaped: bool,
    /// Whether the next string at the top level is a member's name.
    before_name: bool,
    /// How many bytes of the name were those of [`LIST`]; `None` once one was not.
    matched: Option<usize>,
    /// Whether the innermost list at the top level is [`LIST`].
    in_list: bool,
    count: Option<u64>,
}

impl Pictures {
    /// How many there were; `None` when the answer has no such list.
    pub fn count(&self) -> Option<u64> {
        self.count
    }

    /// Takes the next bytes.
    pub fn push(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            if self.in_string {
                bytes = self.string(bytes);
            } else if let Some((byte, rest)) = bytes.split_first() {
                self.outside(*byte);
                bytes = rest;
            }
        }
    }

    fn outside(&mut self, byte: u8) {
        match byte {
            b'"' => {
                self.in_string = true;
                if self.before_name {
                    self.matched = Some(0);
                }
            }
            b'{' | b'[' => {
                match self.depth {
                    0 => self.before_name = byte == b'{',
                    1 if byte == b'[' && self.matched == Some(LIST.len()) => {
                        self.in_list = true;
                        self.count = Some(0);
                    }
                    2 if byte == b'{' && self.in_list => self.count = self.count.map(|count| count + 1),
                    _ => {}
                }
                self.depth = self.depth.saturating_add(1);
            }
            b'}' | b']' => {
                self.depth = self.depth.saturating_sub(1);
                self.in_list &= self.depth > 1;
            }
            b':' if self.depth == 1 => self.before_name = false,
            b',' if self.depth == 1 => (self.before_name, self.matched) = (true, None),
            _ => {}
        }
    }

    /// Takes bytes of a string, and gives those behind its end.
    fn string<'b>(&mut self, bytes: &'b [u8]) -> &'b [u8] {
        if std::mem::take(&mut self.escaped) {
            return bytes.get(1..).unwrap_or_default();
        }
        let stop = memchr2(b'"', b'\\', bytes).unwrap_or(bytes.len());
        let (text, rest) = bytes.split_at_checked(stop).unwrap_or_default();
        let is_name = self.depth == 1 && self.before_name;
        if is_name {
            let end = self.matched.map(|matched| matched + text.len());
            let wanted = self.matched.zip(end).and_then(|(start, end)| LIST.get(start..end));
            self.matched = end.filter(|_| wanted == Some(text));
        }
        match rest.split_first() {
            Some((b'"', rest)) => {
                self.in_string = false;
                rest
            }
            Some((_, rest)) => {
                self.escaped = true;
                if is_name {
                    self.matched = None;
                }
                rest
            }
            None => rest,
        }
    }
}
