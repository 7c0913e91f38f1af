//! The words of a condition's text.

use super::Wrong;

/// One word, and where it begins.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Token {
    pub(super) at: usize,
    pub(super) word: Word,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Word {
    Name(String),
    Int(i64),
    Double(f64),
    Text(String),
    /// An operator or a bracket.
    Sign(&'static str),
}

/// Longer ones first, so that `<=` is not read as `<`.
const SIGNS: [&str; 26] = [
    "&&", "||", "==", "!=", "<=", ">=", "<", ">", "!", "+", "-", "*", "/", "%", "?", ":", "(", ")", "[", "]",
    ",", ".", "=", "&", "|", ";",
];

pub(super) fn tokens(source: &str) -> Result<Vec<Token>, Wrong> {
    let mut tokens = Vec::new();
    let mut at = 0;
    while let Some(rest) = source.get(at..) {
        let Some(first) = rest.chars().next() else { break };
        if first.is_whitespace() {
            at += first.len_utf8();
            continue;
        }
        let raw = rest.strip_prefix(['r', 'R']).filter(|rest| rest.starts_with(['"', '\'']));
        let (word, length) = match first {
            '"' | '\'' => text(rest, at, false)?,
            _ if raw.is_some() => {
                let (word, length) = text(raw.unwrap_or_default(), at + 1, true)?;
                (word, length + 1)
            }
            '0'..='9' => number(rest, at)?,
            'a'..='z' | 'A'..='Z' | '_' => {
                let end = rest
                    .find(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_')
                    .unwrap_or(rest.len());
                (Word::Name(rest.get(..end).unwrap_or_default().to_owned()), end)
            }
            _ => sign(rest, at, first)?,
        };
        tokens.push(Token { at, word });
        at += length;
    }
    Ok(tokens)
}

fn sign(rest: &str, at: usize, first: char) -> Result<(Word, usize), Wrong> {
    let Some(sign) = SIGNS.iter().find(|sign| rest.starts_with(**sign)) else {
        return Err(Wrong::new(at, format!("`{}` has no meaning here", first.escape_debug())));
    };
    let meant = match *sign {
        "=" => "write `==` to compare",
        "&" => "write `&&` for and",
        "|" => "write `||` for or",
        ";" => "a condition is one expression; join several with `&&`",
        sign => return Ok((Word::Sign(sign), sign.len())),
    };
    Err(Wrong::new(at, format!("`{sign}` has no meaning here")).hint(meant))
}

fn number(rest: &str, at: usize) -> Result<(Word, usize), Wrong> {
    let digits = |text: &str| text.bytes().take_while(u8::is_ascii_digit).count();
    let mut length = digits(rest);
    let mut is_whole = true;
    if let Some(fraction) = rest.get(length..).and_then(|rest| rest.strip_prefix('.'))
        && digits(fraction) > 0
    {
        (length, is_whole) = (length + 1 + digits(fraction), false);
    }
    if let Some(exponent) = rest.get(length..).and_then(|rest| rest.strip_prefix(['e', 'E'])) {
        let sign = usize::from(exponent.starts_with(['+', '-']));
        let power = exponent.get(sign..).map_or(0, digits);
        if power > 0 {
            (length, is_whole) = (length + 1 + sign + power, false);
        }
    }
    let text = rest.get(..length).unwrap_or_default();
    let behind = rest.get(length..).and_then(|rest| rest.chars().next());
    if behind.is_some_and(|letter| letter.is_ascii_alphanumeric() || letter == '_') {
        return Err(Wrong::new(at + length, format!("a letter stands behind the number `{text}`")));
    }
    let word = match is_whole {
        true => text.parse().ok().map(Word::Int),
        false => text.parse().ok().map(Word::Double),
    };
    let word = word.ok_or_else(|| Wrong::new(at, format!("the number `{text}` is too large")))?;
    Ok((word, length))
}

/// A text in quotes, at which `rest` begins.
fn text(rest: &str, at: usize, raw: bool) -> Result<(Word, usize), Wrong> {
    let mut letters = rest.char_indices();
    let quote = letters.next().map_or('"', |(_, quote)| quote);
    let mut text = String::new();
    while let Some((place, letter)) = letters.next() {
        match letter {
            _ if letter == quote => return Ok((Word::Text(text), place + 1)),
            '\\' if !raw => {
                let escaped = letters.next().map(|(_, letter)| letter);
                text.push(match escaped {
                    Some('n') => '\n',
                    Some('r') => '\r',
                    Some('t') => '\t',
                    Some(same @ ('\\' | '"' | '\'' | '`' | '?')) => same,
                    Some('u') => {
                        let digits: String = letters.by_ref().take(4).map(|(_, digit)| digit).collect();
                        let read = u32::from_str_radix(&digits, 16).ok().and_then(char::from_u32);
                        read.ok_or_else(|| {
                            Wrong::new(at + place, "four hexadecimal digits must stand behind `\\u`")
                        })?
                    }
                    _ => {
                        return Err(Wrong::new(at + place, "this escape is not known")
                            .hint("write `\\\\` for a backslash, or a raw text: `r\"…\"`"));
                    }
                });
            }
            _ => text.push(letter),
        }
    }
    Err(Wrong::new(at, format!("the text that begins here has no end; {quote} is missing")))
}
