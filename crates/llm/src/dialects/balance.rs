//! Whether the pieces of a call's arguments make a complete object yet, told without parsing them.

/// Follows brackets and strings over the pieces.
#[derive(Debug, Default)]
pub(super) struct Balance {
    depth: u32,
    begun: bool,
    in_string: bool,
    escaped: bool,
}

impl Balance {
    /// Takes the next piece.
    pub(super) fn feed(&mut self, piece: &str) {
        for byte in piece.bytes() {
            match (self.in_string, byte) {
                (true, _) if std::mem::take(&mut self.escaped) => {}
                (true, b'\\') => self.escaped = true,
                (_, b'"') => self.in_string = !self.in_string,
                (false, b'{' | b'[') => {
                    self.begun = true;
                    self.depth = self.depth.saturating_add(1);
                }
                (false, b'}' | b']') => self.depth = self.depth.saturating_sub(1),
                _ => {}
            }
        }
    }

    /// Whether an object was begun and ended.
    pub(super) fn is_complete(&self) -> bool {
        self.begun && self.depth == 0 && !self.in_string
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn brackets_in_strings_do_not_count() {
        let mut balance = Balance::default();
        assert!(!balance.is_complete(), "nothing has begun");
        for piece in ["{\"a\":\"}", "\\\"", "}\"", ",\"b\":[{}]"] {
            balance.feed(piece);
            assert!(!balance.is_complete(), "{piece}");
        }
        balance.feed("}");
        assert!(balance.is_complete());
    }
}
