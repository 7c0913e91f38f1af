//! A place in a configuration: its path for people and its position in the file.

use crate::diagnostic::{Diagnostics, Position, Severity, shown};
use crate::yaml::{Content, Node};

/// A place in a configuration. What is not in the file (a default) has the position of what surrounds it.
#[derive(Debug, Clone)]
pub(crate) struct Place<'n> {
    pub(crate) path: String,
    pub(crate) position: Position,
    pub(crate) node: Option<&'n Node>,
}

impl<'n> Place<'n> {
    /// The whole file.
    pub(crate) fn root(node: &'n Node) -> Self {
        Self { path: String::new(), position: node.position, node: Some(node) }
    }

    /// A place in no file.
    pub(crate) fn nowhere(path: &str) -> Self {
        Self { path: path.to_owned(), position: Position::default(), node: None }
    }

    /// An entry of a mapping, known to stand there. A single value is pointed at itself, anything else by its key.
    pub(crate) fn entry(&self, key: &str, key_position: Position, value: &'n Node) -> Self {
        let position = match value.content {
            Content::Scalar(_) => value.position,
            _ => key_position,
        };
        Self { path: self.path_of(key), position, node: Some(value) }
    }

    /// A field, whether it stands in the file or not.
    pub(crate) fn field(&self, key: &str) -> Self {
        if let Some(Content::Mapping(mapping)) = self.node.map(|node| &node.content)
            && let Some(found) = mapping.get(key)
        {
            return self.entry(key, found.key_position, &found.value);
        }
        Self { path: self.path_of(key), position: self.position, node: None }
    }

    /// An item of a list.
    pub(crate) fn item(&self, index: usize) -> Self {
        let node = match self.node.map(|node| &node.content) {
            Some(Content::List(items)) => items.get(index),
            _ => None,
        };
        let path = format!("{}[{index}]", self.path);
        Self { path, position: node.map_or(self.position, |node| node.position), node }
    }

    /// A place within the text of a scalar, at this byte of it.
    pub(crate) fn within(&self, text: &str, at: usize) -> Self {
        let Some(node) = self.node else { return self.clone() };
        let before = text.get(..at).unwrap_or_default();
        let position = match before.rsplit_once('\n') {
            None => Position { column: node.text.column + before.chars().count(), ..node.text },
            Some((lines, last)) => Position {
                line: node.text.line + lines.matches('\n').count() + 1,
                column: node.text.column + last.chars().count(),
            },
        };
        Self { position, ..self.clone() }
    }

    /// Whether a single value stands here.
    pub(crate) fn is_scalar(&self) -> bool {
        matches!(self.node.map(|node| &node.content), Some(Content::Scalar(_)))
    }

    /// The value as it is written in the file, references to the environment included and not put in.
    pub(crate) fn as_written(&self) -> Option<String> {
        match self.node.map(|node| &node.content) {
            Some(Content::Scalar(text)) => Some(shown(text)),
            _ => None,
        }
    }

    /// The path with the value as written, to begin a sentence about it.
    pub(crate) fn with_value(&self) -> String {
        match self.as_written() {
            Some(text) => format!("{} {text}", self.path),
            None => self.path.clone(),
        }
    }

    /// Reports an error here.
    pub(crate) fn error(&self, diagnostics: &mut Diagnostics, message: String, hint: Option<String>) {
        diagnostics.add(Severity::Error, self.position, &self.path, message, hint);
    }

    /// Reports a warning here.
    pub(crate) fn warn(&self, diagnostics: &mut Diagnostics, message: String, hint: Option<String>) {
        diagnostics.add(Severity::Warning, self.position, &self.path, message, hint);
    }

    fn path_of(&self, key: &str) -> String {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
        let short = (1..=60).contains(&key.len());
        match (self.path.is_empty(), short && key.bytes().all(plain)) {
            (true, true) => key.to_owned(),
            (false, true) => format!("{}.{key}", self.path),
            (_, false) => format!("{}[{}]", self.path, shown(key).replace('`', "\"")),
        }
    }
}
