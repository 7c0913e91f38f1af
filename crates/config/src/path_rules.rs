//! Paths that go through to a provider, and the rules that allow them.
//!
//! In: a path as a client sent it, rules as an operator wrote them. Out: whether it may go through. A path that two
//! readers could take for different places is no [`PlainPath`], so no rule is ever asked about it: what a rule has seen is
//! byte for byte what is sent.

use std::sync::Arc;

/// The methods that can go through. `CONNECT` opens a tunnel and `TRACE` repeats what it was sent, our credential included.
const METHODS: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];
/// Characters that stand in a path as they are (RFC 3986, `pchar`), but for `;`: some servers drop what follows it.
const PLAIN: &[u8] = b"-._~!$&'()*+,=:@";
/// Characters that must not be there in disguise: servers that decode them would see another path than the rule.
const NEVER_ENCODED: &[char] = &['/', '\\', '.', '%', ';', '?', '#'];

/// A path that can be read in one way only: segments that are neither empty nor dots, without anything encoded that could
/// stand there plainly or could part segments.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PlainPath<'a>(&'a str);

/// Why a path could be read in two ways, worded to follow "the path".
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs)]
pub enum PathFault {
    #[error("does not begin with a slash")]
    NoSlash,
    #[error("has an empty segment")]
    Empty,
    #[error("has a segment of dots")]
    Dots,
    #[error("has a character that must be percent-encoded, or a `;`")]
    Character,
    #[error("has a percent sign without two hexadecimal digits")]
    Percent,
    #[error(
        "has a character percent-encoded that must not be: a slash, a backslash, a dot, a percent sign, `;`, `?`, `#`, a \
         control character, or one that needs no encoding"
    )]
    Encoded,
    #[error("is not UTF-8 when it is decoded")]
    NotUtf8,
}

impl<'a> PlainPath<'a> {
    /// Takes a path apart.
    pub fn parse(path: &'a str) -> Result<Self, PathFault> {
        let segments = path.strip_prefix('/').ok_or(PathFault::NoSlash)?;
        segments.split('/').try_for_each(check_segment)?;
        Ok(Self(path))
    }

    /// The path as it was sent.
    pub fn as_str(self) -> &'a str {
        self.0
    }

    fn segments(self) -> impl Iterator<Item = &'a str> {
        self.0.split('/').skip(1)
    }
}

fn check_segment(segment: &str) -> Result<(), PathFault> {
    if segment.is_empty() {
        return Err(PathFault::Empty);
    }
    if segment.bytes().all(|byte| byte == b'.') {
        return Err(PathFault::Dots);
    }
    let mut decoded = Vec::with_capacity(segment.len());
    let mut encoded = false;
    let mut rest = segment.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            if !byte.is_ascii_alphanumeric() && !PLAIN.contains(&byte) {
                return Err(PathFault::Character);
            }
            decoded.push(byte);
            continue;
        }
        let mut digit = || char::from(rest.next()?).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
        let (Some(high), Some(low)) = (digit(), digit()) else { return Err(PathFault::Percent) };
        let byte = high << 4 | low;
        let letter = char::from(byte);
        let plain = byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'~');
        if plain || byte.is_ascii_control() || NEVER_ENCODED.contains(&letter) {
            return Err(PathFault::Encoded);
        }
        encoded = true;
        decoded.push(byte);
    }
    // Overlong forms of a slash or a dot are no UTF-8.
    match std::str::from_utf8(&decoded) {
        Err(_) => Err(PathFault::NotUtf8),
        Ok(text) if encoded && text.chars().any(char::is_control) => Err(PathFault::Encoded),
        Ok(_) => Ok(()),
    }
}

/// What may go through to a provider. Without any rule nothing may.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PathRules(Vec<Rule>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Rule {
    /// The methods; any of [`METHODS`] when there is none.
    methods: Vec<&'static str>,
    segments: Vec<Segment>,
    /// Whether more segments may follow, of which there must be one.
    open: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Segment {
    Any,
    Is(Arc<str>),
}

/// What is wrong with a rule, worded to follow it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs)]
pub enum RuleFault {
    #[error("names the method `{0}`, which cannot go through")]
    Method(String),
    #[error("must be a path, or methods joined by commas and a path")]
    Words,
    #[error("has `*` beside other characters; it stands for one whole segment")]
    Star,
    #[error("has `**` before its end; it stands for the rest of a path")]
    Rest,
    #[error("would never match: the path {0}")]
    Path(PathFault),
}

impl PathRules {
    /// Adds a rule such as `GET,POST /fine_tuning/**`.
    pub(crate) fn add(&mut self, text: &str) -> Result<(), RuleFault> {
        self.0.push(Rule::parse(text)?);
        Ok(())
    }

    /// Whether some rule lets this method and path through.
    pub fn allows(&self, method: &str, path: PlainPath<'_>) -> bool {
        METHODS.contains(&method) && self.0.iter().any(|rule| rule.allows(method, path))
    }

    /// Whether nothing goes through.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Rule {
    fn parse(text: &str) -> Result<Self, RuleFault> {
        let words: Vec<&str> = text.split_ascii_whitespace().collect();
        let (methods, path) = match *words.as_slice() {
            [path] => (Vec::new(), path),
            [methods, path] => (methods.split(',').map(method).collect::<Result<_, _>>()?, path),
            _ => return Err(RuleFault::Words),
        };
        let segments = path.strip_prefix('/').ok_or(RuleFault::Path(PathFault::NoSlash))?;
        let mut rule = Self { methods, segments: Vec::new(), open: false };
        for segment in segments.split('/') {
            if rule.open {
                return Err(RuleFault::Rest);
            }
            match segment {
                "**" => rule.open = true,
                "*" => rule.segments.push(Segment::Any),
                segment if segment.contains('*') => return Err(RuleFault::Star),
                segment => {
                    check_segment(segment).map_err(RuleFault::Path)?;
                    rule.segments.push(Segment::Is(Arc::from(segment)));
                }
            }
        }
        Ok(rule)
    }

    fn allows(&self, method: &str, path: PlainPath<'_>) -> bool {
        let mut given = path.segments();
        let fits = self.segments.iter().all(|wanted| match (wanted, given.next()) {
            (Segment::Any, Some(_)) => true,
            (Segment::Is(wanted), Some(given)) => **wanted == *given,
            (_, None) => false,
        });
        fits && given.next().is_some() == self.open
            && (self.methods.is_empty() || self.methods.contains(&method))
    }
}

fn method(word: &str) -> Result<&'static str, RuleFault> {
    METHODS.into_iter().find(|known| *known == word).ok_or_else(|| RuleFault::Method(word.to_owned()))
}

#[cfg(test)]
mod tests;
