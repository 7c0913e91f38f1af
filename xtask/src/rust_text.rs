//! Rust source as words and marks: enough to find functions, paths and modules, nothing more.
//!
//! In: the text of a file. Out: tokens with their lines, comments and literals out of the way. It is not a
//! parser: it never fails, and what it does not understand it passes over. A real parser would be the heaviest
//! thing in this tool.

/// What a token is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// An identifier, keyword or number.
    Word,
    /// `::`, or one character of punctuation.
    Mark,
    /// A string literal; the text is what stands between its quotes, escapes as written.
    Text,
}

/// One token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token<'a> {
    /// What it is.
    pub kind: Kind,
    /// Its text.
    pub text: &'a str,
    /// Line, from 1.
    pub line: usize,
}

impl Token<'_> {
    /// Whether this is the given word or mark.
    pub fn is(&self, text: &str) -> bool {
        self.kind != Kind::Text && self.text == text
    }
}

/// A function with its extent.
#[derive(Debug, PartialEq, Eq)]
pub struct Function<'a> {
    /// Its name.
    pub name: &'a str,
    /// The line of `fn`.
    pub line: usize,
    /// Lines from `fn` to the closing brace.
    pub lines: usize,
}

/// A path such as `crate::a::b`, with the line it stands on and the inline modules around it.
#[derive(Debug, PartialEq, Eq)]
pub struct SourcePath<'a> {
    /// Its segments.
    pub segments: Vec<&'a str>,
    /// The line of its first segment.
    pub line: usize,
    /// How many `mod name { … }` enclose it.
    pub inline_depth: usize,
}

/// Splits a file into tokens.
pub fn tokens(text: &str) -> Vec<Token<'_>> {
    let mut lexer = Lexer { text, at: 0, line: 1, out: Vec::new() };
    while lexer.step() {}
    lexer.out
}

/// The tokens without what is compiled for tests only (`#[cfg(test)]`, `#[test]`).
pub fn without_tests<'a>(tokens: &[Token<'a>]) -> Vec<Token<'a>> {
    let mut kept = Vec::with_capacity(tokens.len());
    let mut at = 0;
    while let Some(token) = tokens.get(at) {
        if token.is("#") && is_test_attribute(tokens, at) {
            at = end_of_item(tokens, at);
        } else {
            kept.push(token.clone());
            at += 1;
        }
    }
    kept
}

/// Names of the modules that are declared at any depth, with or without a body.
pub fn declared_modules<'a>(tokens: &[Token<'a>]) -> Vec<&'a str> {
    let windows = tokens.windows(3);
    windows
        .filter_map(|window| match window {
            [word, name, end]
                if word.is("mod") && name.kind == Kind::Word && (end.is(";") || end.is("{")) =>
            {
                Some(name.text)
            }
            _ => None,
        })
        .collect()
}

/// Every function that has a body.
pub fn functions<'a>(tokens: &[Token<'a>]) -> Vec<Function<'a>> {
    let mut found = Vec::new();
    for (at, token) in tokens.iter().enumerate() {
        let Some(name) = tokens.get(at + 1).filter(|next| token.is("fn") && next.kind == Kind::Word) else {
            continue;
        };
        let Some(body) = body_of(tokens, at + 2) else { continue };
        let last = closing(tokens, body);
        let end = tokens.get(last).map_or(token.line, |token| token.line);
        found.push(Function { name: name.text, line: token.line, lines: end - token.line + 1 });
    }
    found
}

/// Every path that starts with one of `roots`, groups in braces spelt out.
pub fn paths<'a>(tokens: &[Token<'a>], roots: &[&str]) -> Vec<SourcePath<'a>> {
    let mut found = Vec::new();
    let mut inline_ends: Vec<usize> = Vec::new();
    for (at, token) in tokens.iter().enumerate() {
        while inline_ends.last().is_some_and(|end| *end <= at) {
            inline_ends.pop();
        }
        if token.is("mod") && tokens.get(at + 2).is_some_and(|next| next.is("{")) {
            inline_ends.push(closing(tokens, at + 2));
        }
        let starts = token.kind == Kind::Word && roots.contains(&token.text) && !follows_path(tokens, at);
        if starts && tokens.get(at + 1).is_some_and(|next| next.is("::")) {
            let mut all = Vec::new();
            spell_out(tokens, at, &mut Vec::new(), &mut all);
            found.extend(all.into_iter().map(|segments| SourcePath {
                segments,
                line: token.line,
                inline_depth: inline_ends.len(),
            }));
        }
    }
    found
}

/// Whether the word continues a path (`a::crate` is none of ours, a leading `::` is).
fn follows_path(tokens: &[Token<'_>], at: usize) -> bool {
    let before = |back: usize| at.checked_sub(back).and_then(|index| tokens.get(index));
    before(1).is_some_and(|mark| mark.is("::"))
        && before(2).is_some_and(|word| word.kind == Kind::Word && word.text != "use")
}

/// Follows one path from its first segment; returns the index behind it.
fn spell_out<'a>(
    tokens: &[Token<'a>],
    at: usize,
    so_far: &mut Vec<&'a str>,
    out: &mut Vec<Vec<&'a str>>,
) -> usize {
    let depth = so_far.len();
    let mut at = at;
    let mut grouped = false;
    while let Some(token) = tokens.get(at) {
        if token.is("{") {
            grouped = true;
            at = spell_out_group(tokens, at + 1, so_far, out);
            break;
        }
        if token.kind != Kind::Word && !token.is("*") {
            break;
        }
        so_far.push(token.text);
        at += 1;
        if !tokens.get(at).is_some_and(|next| next.is("::")) {
            break;
        }
        at += 1;
    }
    if !grouped && so_far.len() > depth {
        out.push(so_far.clone());
    }
    so_far.truncate(depth);
    at
}

fn spell_out_group<'a>(
    tokens: &[Token<'a>],
    at: usize,
    so_far: &mut Vec<&'a str>,
    out: &mut Vec<Vec<&'a str>>,
) -> usize {
    let mut at = at;
    while let Some(token) = tokens.get(at) {
        if token.is("}") {
            return at + 1;
        }
        // `as name` and commas stand between the branches; none of them lengthens a path.
        at = match token.kind {
            Kind::Word if token.text == "as" => at + 2,
            Kind::Word => spell_out(tokens, at, so_far, out),
            _ if token.is("{") || token.is("*") => spell_out(tokens, at, so_far, out).max(at + 1),
            _ => at + 1,
        };
    }
    at
}

/// Whether an attribute for tests begins here (`#` is at `at`).
fn is_test_attribute(tokens: &[Token<'_>], at: usize) -> bool {
    let words: Vec<&str> = tokens.iter().skip(at).take(6).map(|token| token.text).collect();
    match words.as_slice() {
        ["#", "[", "test", "]", ..] | ["#", "[", "cfg", "(", "test", ")"] => true,
        ["#", "[", "cfg", "(", "all", "("] => tokens.get(at + 6).is_some_and(|token| token.is("test")),
        _ => false,
    }
}

/// The index behind the item whose first attribute is at `at`.
fn end_of_item(tokens: &[Token<'_>], at: usize) -> usize {
    let mut at = at;
    while tokens.get(at).is_some_and(|token| token.is("#")) {
        at = closing(tokens, at + 1) + 1;
    }
    let ends_with_semicolon = is_value_or_use(tokens, at);
    while let Some(token) = tokens.get(at) {
        if token.is(";") {
            return at + 1;
        }
        if ["(", "[", "{"].iter().any(|open| token.is(open)) {
            let body = token.is("{");
            at = closing(tokens, at) + 1;
            if body && !ends_with_semicolon {
                return at;
            }
            continue;
        }
        if token.is("}") {
            return at;
        }
        at += 1;
    }
    at
}

/// Whether the item at `at` ends with a semicolon even after braces: there they belong to a value or a group.
fn is_value_or_use(tokens: &[Token<'_>], at: usize) -> bool {
    let mut at = at;
    if tokens.get(at).is_some_and(|token| token.is("pub")) {
        at += 1;
        if tokens.get(at).is_some_and(|token| token.is("(")) {
            at = closing(tokens, at) + 1;
        }
    }
    let word = |index: usize| tokens.get(index).map_or("", |token| token.text);
    match word(at) {
        "use" | "static" | "let" | "type" => true,
        "const" => !["fn", "unsafe", "async", "extern"].contains(&word(at + 1)),
        _ => false,
    }
}

/// Where a function's body opens, looking from behind its name; none for a declaration.
fn body_of(tokens: &[Token<'_>], from: usize) -> Option<usize> {
    let mut at = from;
    while let Some(token) = tokens.get(at) {
        if token.is("{") {
            return Some(at);
        }
        if token.is(";") || token.is("}") {
            return None;
        }
        at = if token.is("(") || token.is("[") { closing(tokens, at) + 1 } else { at + 1 };
    }
    None
}

/// The index of the bracket that closes the one at `open`, or the last index.
fn closing(tokens: &[Token<'_>], open: usize) -> usize {
    let mut depth = 0usize;
    for (at, token) in tokens.iter().enumerate().skip(open) {
        if token.kind != Kind::Mark {
            continue;
        }
        match token.text {
            "(" | "[" | "{" => depth += 1,
            ")" | "]" | "}" => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth == 0 {
            return at;
        }
    }
    tokens.len().saturating_sub(1)
}

struct Lexer<'a> {
    text: &'a str,
    at: usize,
    line: usize,
    out: Vec<Token<'a>>,
}

impl<'a> Lexer<'a> {
    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn step(&mut self) -> bool {
        let rest = self.rest();
        let Some(first) = rest.chars().next() else { return false };
        if rest.starts_with("//") {
            self.skip(rest.find('\n').unwrap_or(rest.len()));
        } else if rest.starts_with("/*") {
            self.skip(length_of_block_comment(rest));
        } else if let Some(quotes) = string_quotes(rest) {
            self.string(&quotes);
        } else if first == '\'' {
            self.skip(length_of_character(rest));
        } else if first.is_alphanumeric() || first == '_' {
            let length =
                rest.find(|letter: char| !letter.is_alphanumeric() && letter != '_').unwrap_or(rest.len());
            self.push(Kind::Word, length);
        } else if rest.starts_with("::") {
            self.push(Kind::Mark, 2);
        } else if first.is_whitespace() {
            self.skip(first.len_utf8());
        } else {
            self.push(Kind::Mark, first.len_utf8());
        }
        true
    }

    fn skip(&mut self, length: usize) {
        let passed = self.rest().get(..length).unwrap_or_default();
        self.line += passed.matches('\n').count();
        self.at += length;
    }

    fn push(&mut self, kind: Kind, length: usize) {
        let text = self.rest().get(..length).unwrap_or_default();
        self.out.push(Token { kind, text, line: self.line });
        self.skip(length);
    }

    fn string(&mut self, quotes: &Quotes) {
        self.skip(quotes.opening);
        let rest = self.rest();
        let length = if quotes.raw {
            rest.find(&quotes.closing).unwrap_or(rest.len())
        } else {
            length_of_plain_string(rest)
        };
        self.push(Kind::Text, length);
        self.skip(quotes.closing.len());
    }
}

/// How a string literal opens and closes.
struct Quotes {
    opening: usize,
    closing: String,
    raw: bool,
}

fn string_quotes(rest: &str) -> Option<Quotes> {
    let letters = ["br", "cr", "r", "b", "c", ""].into_iter().find(|prefix| rest.starts_with(prefix))?;
    let behind = rest.get(letters.len()..)?;
    let hashes = behind.len() - behind.trim_start_matches('#').len();
    let raw = letters.ends_with('r');
    if !behind.get(hashes..)?.starts_with('"') || (hashes > 0 && !raw) {
        return None;
    }
    Some(Quotes { opening: letters.len() + hashes + 1, closing: format!("\"{}", "#".repeat(hashes)), raw })
}

fn length_of_plain_string(rest: &str) -> usize {
    let mut escaped = false;
    for (at, letter) in rest.char_indices() {
        match letter {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return at,
            _ => {}
        }
    }
    rest.len()
}

fn length_of_block_comment(rest: &str) -> usize {
    let mut depth = 0usize;
    let mut at = 0;
    while let Some(here) = rest.as_bytes().get(at..) {
        if here.is_empty() {
            break;
        }
        if here.starts_with(b"/*") {
            depth += 1;
            at += 2;
        } else if here.starts_with(b"*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += 1;
        }
    }
    rest.len()
}

/// The length of a character literal, or of the quote alone where it begins a lifetime.
fn length_of_character(rest: &str) -> usize {
    let mut letters = rest.char_indices().skip(1);
    match letters.next() {
        Some((_, '\\')) => {
            letters.next();
            letters.find(|(_, letter)| *letter == '\'').map_or(rest.len(), |(at, _)| at + 1)
        }
        Some(_) => match letters.next() {
            Some((at, '\'')) => at + 1,
            _ => 1,
        },
        None => 1,
    }
}

#[cfg(test)]
mod tests;
