//! Writes flat JSON objects whose members' names are known.
//!
//! In: names and values, in their order. Out: text at the end of a string. Each exchange writes some forty members (its
//! line in the log, its attempts in the ledger), so names are copied as they stand and a text is looked through at once.

use serde_json::to_string;

/// An object that is being written; [`Object::end`] closes it.
#[derive(Debug)]
pub struct Object<'a> {
    out: &'a mut String,
    before: &'static str,
}

impl<'a> Object<'a> {
    /// Begins an object at the end of `out`.
    pub fn begin(out: &'a mut String) -> Self {
        Self { out, before: "{\"" }
    }

    fn name(&mut self, name: &'static str) {
        self.out.push_str(self.before);
        self.out.push_str(name);
        self.out.push_str("\":");
        self.before = ",\"";
    }

    /// A text. The name is written as it is.
    pub fn text(&mut self, name: &'static str, value: &str) {
        self.name(name);
        text(self.out, value);
    }

    /// A whole number.
    pub fn number(&mut self, name: &'static str, value: u64) {
        self.name(name);
        self.out.push_str(itoa::Buffer::new().format(value));
    }

    /// A value that is JSON already.
    pub fn raw(&mut self, name: &'static str, json: &str) {
        self.name(name);
        self.out.push_str(json);
    }

    /// Yes or no.
    pub fn truth(&mut self, name: &'static str, value: bool) {
        self.name(name);
        self.out.push_str(if value { "true" } else { "false" });
    }

    /// A text, or `null`.
    pub fn optional_text(&mut self, name: &'static str, value: Option<&str>) {
        match value {
            Some(value) => self.text(name, value),
            None => self.null(name),
        }
    }

    /// A whole number, or `null`.
    pub fn optional_number(&mut self, name: &'static str, value: Option<u64>) {
        match value {
            Some(value) => self.number(name, value),
            None => self.null(name),
        }
    }

    /// A list of texts.
    pub fn texts<T: AsRef<str>>(&mut self, name: &'static str, values: impl IntoIterator<Item = T>) {
        self.name(name);
        let mut before = "[";
        for value in values {
            self.out.push_str(before);
            text(self.out, value.as_ref());
            before = ",";
        }
        self.out.push_str(if before == "[" { "[]" } else { "]" });
    }

    fn null(&mut self, name: &'static str) {
        self.name(name);
        self.out.push_str("null");
    }

    /// Ends the object.
    pub fn end(self) {
        self.out.push_str(if self.before == "{\"" { "{}" } else { "}" });
    }
}

fn text(out: &mut String, value: &str) {
    // No way out in the middle, so that many bytes are looked at together.
    let odd = value.bytes().fold(false, |odd, byte| odd | (byte < b' ') | (byte == b'"') | (byte == b'\\'));
    if !odd {
        out.push('"');
        out.push_str(value);
        out.push('"');
    } else if let Ok(escaped) = to_string(value) {
        out.push_str(&escaped);
    } else {
        out.push_str("\"\"");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_again() {
        let mut out = String::from("before ");
        let mut object = Object::begin(&mut out);
        object.text("plain", "玉门");
        object.text("odd", "a\"b\\c\n\u{0}\u{7f}");
        object.number("most", u64::MAX);
        object.truth("yes", true);
        object.optional_text("none", None);
        object.optional_number("some", Some(0));
        object.texts("many", ["a", "\t"]);
        object.texts("no", [""; 0]);
        object.end();
        let read: serde_json::Value = serde_json::from_str(out.strip_prefix("before ").unwrap()).unwrap();
        let meant = serde_json::json!({
            "plain": "玉门", "odd": "a\"b\\c\n\u{0}\u{7f}", "most": u64::MAX, "yes": true, "none": null, "some": 0,
            "many": ["a", "\t"], "no": [],
        });
        assert_eq!(read, meant);
    }

    #[test]
    fn an_object_may_be_empty() {
        let mut out = String::new();
        Object::begin(&mut out).end();
        assert_eq!(out, "{}");
    }
}
