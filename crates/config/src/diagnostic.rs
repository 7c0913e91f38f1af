//! What is wrong with a configuration, where, and what to write instead.
//!
//! Diagnostics never hold the value of a secret or of an environment variable: messages show a value as it is
//! written in the file, or not at all.

use std::fmt;
use std::sync::Arc;

/// More diagnostics than this help nobody; the rest is counted and said in one line.
const MOST_SHOWN: usize = 200;

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Something was left out or refused.
    Error,
    /// It works, but probably not as meant.
    Warning,
}

/// A line and a column, both counted from 1; 0 is "nowhere in a file".
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[allow(missing_docs)]
pub struct Position {
    pub line: usize,
    pub column: usize,
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Diagnostic {
    /// How bad it is.
    pub severity: Severity,
    /// The file's name as it was given.
    pub file: Arc<str>,
    /// Where in the file.
    #[serde(flatten)]
    pub position: Position,
    /// The field, such as `providers.openai.credentials[0].secret`; empty for the file as a whole.
    pub path: String,
    /// What is wrong.
    pub message: String,
    /// What to write instead.
    pub hint: Option<String>,
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.file)?;
        if self.position.line > 0 {
            write!(formatter, ":{}:{}", self.position.line, self.position.column)?;
        }
        let severity = match self.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        write!(formatter, ": {severity}: {}", self.message)?;
        match &self.hint {
            Some(hint) => write!(formatter, "; {hint}"),
            None => Ok(()),
        }
    }
}

/// Collects diagnostics for one file.
#[derive(Debug)]
pub(crate) struct Diagnostics {
    file: Arc<str>,
    found: Vec<Diagnostic>,
    errors: usize,
    left_out: usize,
}

impl Diagnostics {
    pub(crate) fn new(file: &str) -> Self {
        Self { file: Arc::from(file), found: Vec::new(), errors: 0, left_out: 0 }
    }

    /// Adds one. Beyond the most that are shown they are only counted.
    pub(crate) fn add(
        &mut self,
        severity: Severity,
        position: Position,
        path: &str,
        message: String,
        hint: Option<String>,
    ) {
        self.errors += usize::from(severity == Severity::Error);
        if self.is_full() {
            self.left_out += 1;
            return;
        }
        let (file, path) = (Arc::clone(&self.file), path.to_owned());
        self.found.push(Diagnostic { severity, file, position, path, message, hint });
    }

    /// Whether further ones will not be shown: then searching for hints is not worth the time.
    pub(crate) fn is_full(&self) -> bool {
        self.found.len() >= MOST_SHOWN
    }

    /// How many errors there were so far.
    pub(crate) fn errors(&self) -> usize {
        self.errors
    }

    /// All of them in the order of the file.
    pub(crate) fn into_sorted(mut self) -> Vec<Diagnostic> {
        self.found.sort_by_key(|diagnostic| (diagnostic.position, diagnostic.severity));
        if self.left_out > 0 {
            self.found.push(Diagnostic {
                severity: if self.errors > 0 { Severity::Error } else { Severity::Warning },
                file: self.file,
                position: Position::default(),
                path: String::new(),
                message: format!("{} more faults are not shown", self.left_out),
                hint: None,
            });
        }
        self.found
    }
}

/// A text of the file as it is shown in a message: bounded, without control characters.
pub(crate) fn shown(text: &str) -> String {
    const LONGEST: usize = 60;
    let mut shown: String = text.chars().take(LONGEST).flat_map(char::escape_debug).collect();
    if text.chars().nth(LONGEST).is_some() {
        shown.push('…');
    }
    format!("`{}`", shown.replace("\\'", "'").replace("\\\"", "\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_like_a_compiler() {
        let mut diagnostics = Diagnostics::new("yumen.yaml");
        let message = "unknown field `credential` in providers.openai".to_owned();
        let hint = Some("write `credentials`".to_owned());
        diagnostics.add(
            Severity::Error,
            Position { line: 12, column: 7 },
            "providers.openai.credential",
            message,
            hint,
        );
        let text = diagnostics.into_sorted().first().map(ToString::to_string).unwrap_or_default();
        assert_eq!(
            text,
            "yumen.yaml:12:7: error: unknown field `credential` in providers.openai; write `credentials`"
        );
    }

    #[test]
    fn a_flood_is_bounded() {
        let mut diagnostics = Diagnostics::new("f");
        for line in 0..1000 {
            diagnostics.add(Severity::Error, Position { line, column: 1 }, "", "bad".into(), None);
        }
        assert_eq!(diagnostics.errors(), 1000);
        let found = diagnostics.into_sorted();
        assert_eq!(found.len(), MOST_SHOWN + 1);
        assert_eq!(found.last().unwrap().message, "800 more faults are not shown");
    }

    #[test]
    fn shown_text_is_short_and_printable() {
        assert_eq!(shown("a\u{1b}[31m\n"), "`a\\u{1b}[31m\\n`");
        assert_eq!(shown("it's"), "`it's`");
        assert!(shown(&"x".repeat(1000)).chars().count() < 70);
    }
}
