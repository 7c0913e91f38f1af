//! What was done to a text: places and kinds, never the text itself.

use serde::{Deserialize, Serialize};

/// More edits than this are counted and not listed.
pub(super) const EDITS_MOST: usize = 64;

macro_rules! kinds {
    ($($(#[$doc:meta])* $kind:ident = $word:literal,)*) => {
        /// The kind of an edit.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum EditKind {
            $($(#[$doc])* $kind,)*
        }

        impl EditKind {
            /// Every kind.
            pub const ALL: &[Self] = &[$(Self::$kind),*];

            /// Its word in records and documentation.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$kind => $word,)* }
            }
        }
    };
}

kinds! {
    /// Text before the document was left out.
    LeadingText = "leading_text",
    /// Text behind the document was left out.
    TrailingText = "trailing_text",
    /// A second document behind the first was left out.
    FurtherDocument = "further_document",
    /// A Markdown fence was left out.
    Fence = "fence",
    /// A comment was left out.
    Comment = "comment",
    /// Characters that belong nowhere were left out.
    StrayText = "stray_text",
    /// White space that JSON does not know was left out.
    OddSpace = "odd_space",
    /// A comma with nothing behind or before it was left out.
    ExtraComma = "extra_comma",
    /// A comma was put in.
    MissingComma = "missing_comma",
    /// A semicolon or the like became a comma.
    WrongComma = "wrong_comma",
    /// A colon was put in.
    MissingColon = "missing_colon",
    /// An equals sign or the like became a colon.
    WrongColon = "wrong_colon",
    /// A member without a value is null.
    MissingValue = "missing_value",
    /// A quote was put in.
    MissingQuote = "missing_quote",
    /// Other quotes became double quotes.
    WrongQuote = "wrong_quote",
    /// A quote inside a text was escaped.
    InnerQuote = "inner_quote",
    /// A quote that stood twice was left out.
    ExtraQuote = "extra_quote",
    /// A key was put into quotes.
    UnquotedKey = "unquoted_key",
    /// A text was put into quotes.
    UnquotedText = "unquoted_text",
    /// A control character inside a text was escaped.
    ControlCharacter = "control_character",
    /// An escape that JSON does not know was written as one that it does.
    BadEscape = "bad_escape",
    /// A document whose quotes were escaped was unescaped.
    EscapedDocument = "escaped_document",
    /// A word of another language became JSON's.
    Literal = "literal",
    /// A number was spelt as JSON spells it.
    Number = "number",
    /// A bracket was opened.
    MissingOpener = "missing_opener",
    /// A bracket was closed.
    MissingCloser = "missing_closer",
    /// A closing bracket with nothing to close was left out.
    ExtraCloser = "extra_closer",
    /// A bracket became one of the other kind.
    WrongBracket = "wrong_bracket",
}

/// One edit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Edit {
    /// Offset in the text as it was given, in bytes.
    pub position: usize,
    /// What was done there.
    pub kind: EditKind,
}

/// What came of a text.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Status {
    /// It was valid and is as it was.
    #[default]
    Valid,
    /// It was not and is now.
    Healed,
    /// It is not valid.
    Failed,
}

/// What was done to a text.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// What came of it.
    pub status: Status,
    /// Whether it was cut off: its end is missing.
    pub cut_off: bool,
    /// The first edits, in order.
    pub edits: Vec<Edit>,
    /// How many there were.
    pub count: usize,
}

impl Report {
    pub(super) fn note(&mut self, position: usize, kind: EditKind) {
        self.count += 1;
        if self.edits.len() < EDITS_MOST {
            self.edits.push(Edit { position, kind });
        }
    }
}
