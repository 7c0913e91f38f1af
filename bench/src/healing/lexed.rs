//! A valid document cut into its signs, so that single ones can be damaged.

/// What a piece of a document is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Open,
    Close,
    Comma,
    Colon,
    Key,
    Text,
    Word,
    Space,
}

/// A piece of a document.
#[derive(Debug, Clone)]
pub(super) struct Piece {
    pub(super) kind: Kind,
    pub(super) text: String,
    /// Open brackets around it, innermost last.
    pub(super) within: String,
}

/// Cuts a valid document.
pub(super) fn pieces(document: &str) -> Vec<Piece> {
    let (mut pieces, mut open, mut rest) = (Vec::new(), String::new(), document);
    while let Some(first) = rest.chars().next() {
        let (kind, length) = match first {
            '{' | '[' => (Kind::Open, 1),
            '}' | ']' => (Kind::Close, 1),
            ',' => (Kind::Comma, 1),
            ':' => (Kind::Colon, 1),
            '"' => (Kind::Text, text_length(rest)),
            c if c.is_ascii_whitespace() => (Kind::Space, rest.len() - rest.trim_ascii_start().len()),
            _ => (Kind::Word, rest.find([',', '}', ']', ' ', '\n']).unwrap_or(rest.len())),
        };
        let (text, after) = rest.split_at_checked(length).unwrap_or((rest, ""));
        if kind == Kind::Close {
            open.pop();
        }
        let kind =
            if kind == Kind::Text && after.trim_ascii_start().starts_with(':') { Kind::Key } else { kind };
        pieces.push(Piece { kind, text: text.to_owned(), within: open.clone() });
        if kind == Kind::Open {
            open.push(first);
        }
        rest = after;
    }
    pieces
}

fn text_length(rest: &str) -> usize {
    let mut escaped = false;
    for (at, c) in rest.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return at + 1,
            _ => {}
        }
    }
    rest.len()
}

/// The document again.
pub(super) fn join(pieces: &[Piece]) -> String {
    pieces.iter().map(|piece| piece.text.as_str()).collect()
}
