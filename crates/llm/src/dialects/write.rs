//! Writing JSON straight into the bytes that are sent: no tree in between, raw JSON goes in verbatim.

use crate::ir::Json;

/// Writes `{…}` with the members that `fill` adds.
pub(super) fn object(out: &mut Vec<u8>, fill: impl FnOnce(&mut Object<'_>)) {
    out.push(b'{');
    fill(&mut Object { out, first: true });
    out.push(b'}');
}

/// An object that is being written.
pub(super) struct Object<'o> {
    out: &'o mut Vec<u8>,
    first: bool,
}

/// A list that is being written.
pub(super) struct List<'o> {
    out: &'o mut Vec<u8>,
    first: bool,
}

/// Writes `text` as a JSON string.
pub(super) fn text(out: &mut Vec<u8>, text: &str) {
    // Writing to a vector cannot fail.
    let _ = serde_json::to_writer(out, text);
}

impl Object<'_> {
    fn name(&mut self, name: &str) -> &mut Vec<u8> {
        if !std::mem::take(&mut self.first) {
            self.out.push(b',');
        }
        text(self.out, name);
        self.out.push(b':');
        self.out
    }

    pub(super) fn text(&mut self, name: &str, value: &str) {
        text(self.name(name), value);
    }

    pub(super) fn maybe_text(&mut self, name: &str, value: Option<&str>) {
        if let Some(value) = value {
            self.text(name, value);
        }
    }

    pub(super) fn text_or_null(&mut self, name: &str, value: Option<&str>) {
        match value {
            Some(value) => self.text(name, value),
            None => self.null(name),
        }
    }

    pub(super) fn null(&mut self, name: &str) {
        self.raw(name, "null");
    }

    pub(super) fn boolean(&mut self, name: &str, value: bool) {
        self.raw(name, if value { "true" } else { "false" });
    }

    pub(super) fn maybe_boolean(&mut self, name: &str, value: Option<bool>) {
        if let Some(value) = value {
            self.boolean(name, value);
        }
    }

    /// Any number; one that JSON cannot say becomes `null`.
    pub(super) fn number(&mut self, name: &str, value: impl serde::Serialize) {
        let _ = serde_json::to_writer(self.name(name), &value);
    }

    pub(super) fn maybe_number(&mut self, name: &str, value: Option<impl serde::Serialize>) {
        if let Some(value) = value {
            self.number(name, value);
        }
    }

    pub(super) fn json(&mut self, name: &str, value: &Json) {
        self.raw(name, value.get());
    }

    pub(super) fn maybe_json(&mut self, name: &str, value: Option<&Json>) {
        if let Some(value) = value {
            self.json(name, value);
        }
    }

    /// Writes text that is JSON already.
    pub(super) fn raw(&mut self, name: &str, json: &str) {
        self.name(name).extend_from_slice(json.as_bytes());
    }

    pub(super) fn object(&mut self, name: &str, fill: impl FnOnce(&mut Object<'_>)) {
        object(self.name(name), fill);
    }

    pub(super) fn list(&mut self, name: &str, fill: impl FnOnce(&mut List<'_>)) {
        let out = self.name(name);
        out.push(b'[');
        fill(&mut List { out, first: true });
        out.push(b']');
    }

    pub(super) fn texts<'t>(&mut self, name: &str, values: impl IntoIterator<Item = &'t str>) {
        self.list(name, |list| values.into_iter().for_each(|value| list.text(value)));
    }

    /// The value of `name` is written by `fill`.
    pub(super) fn with(&mut self, name: &str, fill: impl FnOnce(&mut Vec<u8>)) {
        fill(self.name(name));
    }
}

impl List<'_> {
    fn next(&mut self) -> &mut Vec<u8> {
        if !std::mem::take(&mut self.first) {
            self.out.push(b',');
        }
        self.out
    }

    pub(super) fn text(&mut self, value: &str) {
        text(self.next(), value);
    }

    pub(super) fn number(&mut self, value: impl serde::Serialize) {
        let _ = serde_json::to_writer(self.next(), &value);
    }

    pub(super) fn object(&mut self, fill: impl FnOnce(&mut Object<'_>)) {
        object(self.next(), fill);
    }

    /// Writes text that is JSON already.
    pub(super) fn raw(&mut self, json: &str) {
        self.next().extend_from_slice(json.as_bytes());
    }

    pub(super) fn json(&mut self, value: &Json) {
        self.raw(value.get());
    }
}
