//! Twenty kinds of damage as models do it, each of which leaves what was meant to be seen.
//!
//! In: a valid document. Out: a broken one and what it means, or nothing where this damage has no place in it.

use serde_json::Value;

use super::lexed::{Kind, Piece, join, pieces};
use super::random::Random;

type Damage = fn(&str, &mut Random) -> Option<(String, Value)>;

/// One kind of damage.
pub(super) struct DamageKind {
    pub(super) name: &'static str,
    pub(super) damage: Damage,
}

const fn kind(name: &'static str, damage: Damage) -> DamageKind {
    DamageKind { name, damage }
}

/// All of them.
pub(super) const KINDS: [DamageKind; 20] = [
    kind("trailing comma", |text, random| {
        pick(text, random, is_filled_close, |piece| piece.text.insert(0, ','))
    }),
    kind("missing comma", |text, random| {
        pick(
            text,
            random,
            |pieces, at| is(pieces, at, Kind::Comma) && is_spaced(pieces, at),
            |piece| piece.text.clear(),
        )
    }),
    kind("comma twice", |text, random| {
        pick(text, random, |pieces, at| is(pieces, at, Kind::Comma), |piece| piece.text.push(','))
    }),
    kind("missing colon", |text, random| {
        pick(text, random, |pieces, at| is(pieces, at, Kind::Colon), |piece| piece.text = " ".into())
    }),
    kind("missing brackets at the end", missing_end),
    kind("missing bracket inside", |text, random| {
        pick(text, random, is_missable, |piece| piece.text.clear())
    }),
    kind("bracket too many", |text, random| {
        pick(
            text,
            random,
            |pieces, at| is(pieces, at, Kind::Close),
            |piece| piece.text = piece.text.repeat(2),
        )
    }),
    kind("bracket of the wrong kind", |text, random| {
        pick(text, random, |pieces, at| is(pieces, at, Kind::Close), wrong_bracket)
    }),
    kind("single quotes", single_quotes),
    kind("typographic quotes", typographic_quotes),
    kind("keys without quotes", |text, _| every(text, Kind::Key, |piece| piece.text = bare(&piece.text))),
    kind("texts without quotes", |text, random| {
        pick(text, random, is_plain_text, |piece| piece.text = bare(&piece.text))
    }),
    kind("closing quote missing", |text, random| {
        pick(text, random, is_unclosable, |piece| piece.text.truncate(piece.text.len() - 1))
    }),
    kind("opening quote missing", |text, random| {
        pick(text, random, is_plain_text_or_key, |piece| piece.text = piece.text.split_off(1))
    }),
    kind("quotes inside not escaped", |text, random| pick(text, random, has_inner_quotes, unescape_quotes)),
    kind("line ends in texts", |text, _| {
        every(text, Kind::Text, |piece| piece.text = piece.text.replace("\\n", "\n").replace("\\t", "\t"))
    }),
    kind("escapes that JSON does not know", |text, random| pick(text, random, has_odd_escape, odd_escape)),
    kind("fences and sentences around", around),
    kind("comments", comments),
    kind("words of Python and JavaScript", words),
];

fn meaning(text: &str) -> Option<Value> {
    serde_json::from_str(text).ok()
}

/// A broken text with the meaning of the whole one; nothing when it is not broken.
fn broken(whole: &str, broken: String) -> Option<(String, Value)> {
    (meaning(&broken).is_none()).then_some((broken, meaning(whole)?))
}

/// Damages one of the pieces that a test finds fit.
fn pick(
    text: &str,
    random: &mut Random,
    fits: impl Fn(&[Piece], usize) -> bool,
    damage: impl Fn(&mut Piece),
) -> Option<(String, Value)> {
    let mut all = pieces(text);
    let places: Vec<usize> = (0..all.len()).filter(|at| fits(&all, *at)).collect();
    let place = *random.pick(&places)?;
    damage(all.get_mut(place)?);
    broken(text, join(&all))
}

fn every(text: &str, kind: Kind, damage: impl Fn(&mut Piece)) -> Option<(String, Value)> {
    let mut all = pieces(text);
    all.iter_mut().filter(|piece| piece.kind == kind).for_each(damage);
    broken(text, join(&all))
}

fn is(pieces: &[Piece], at: usize, kind: Kind) -> bool {
    pieces.get(at).is_some_and(|piece| piece.kind == kind)
}

/// The next piece that is no white space.
fn next(pieces: &[Piece], at: usize) -> Option<&Piece> {
    pieces.iter().skip(at + 1).find(|piece| piece.kind != Kind::Space)
}

fn previous(pieces: &[Piece], at: usize) -> Option<&Piece> {
    pieces.iter().take(at).rev().find(|piece| piece.kind != Kind::Space)
}

/// A bracket that closes something that is not empty.
fn is_filled_close(pieces: &[Piece], at: usize) -> bool {
    is(pieces, at, Kind::Close) && previous(pieces, at).is_some_and(|piece| piece.kind != Kind::Open)
}

/// A comma without which two words do not become one.
fn is_spaced(pieces: &[Piece], at: usize) -> bool {
    let word = |piece: Option<&Piece>| piece.is_some_and(|piece| piece.kind == Kind::Word);
    !(word(previous(pieces, at)) && word(next(pieces, at))) || is(pieces, at + 1, Kind::Space)
}

/// A bracket of which what follows tells that it is missing: an array's before a member, an object's before another.
fn is_missable(pieces: &[Piece], at: usize) -> bool {
    let Some(piece) = pieces.get(at).filter(|piece| piece.kind == Kind::Close) else { return false };
    let Some(comma) = next(pieces, at).filter(|piece| piece.kind == Kind::Comma) else {
        // Before another bracket that closes it is told by that one's kind.
        return next(pieces, at).is_some_and(|next| next.kind == Kind::Close && next.text != piece.text);
    };
    let behind = pieces.iter().position(|piece| std::ptr::eq(piece, comma)).and_then(|at| next(pieces, at));
    let kind = behind.map(|piece| piece.kind);
    match piece.text.as_str() {
        "]" => kind == Some(Kind::Key) && comma.within.ends_with('{') && comma.within.len() > 1,
        _ => {
            kind == Some(Kind::Open)
                && behind.is_some_and(|piece| piece.text == "{")
                && comma.within.ends_with('[')
        }
    }
}

fn missing_end(text: &str, random: &mut Random) -> Option<(String, Value)> {
    let trimmed = text.trim_end_matches(|c: char| matches!(c, '}' | ']') || c.is_ascii_whitespace());
    let closers = text.len() - trimmed.len();
    let kept = random.below(closers);
    broken(text, text.get(..trimmed.len() + kept)?.to_owned())
}

fn wrong_bracket(piece: &mut Piece) {
    piece.text = if piece.text == "}" { "]" } else { "}" }.to_owned();
}

/// A text without its quotes, escapes undone.
fn said(quoted: &str) -> String {
    serde_json::from_str(quoted).unwrap_or_default()
}

fn bare(quoted: &str) -> String {
    said(quoted)
}

/// As Python writes texts: in single quotes, and in double ones where the text has single ones only.
fn single_quotes(text: &str, random: &mut Random) -> Option<(String, Value)> {
    let as_python = random.chance(2);
    let mut all = pieces(text);
    for piece in all.iter_mut().filter(|piece| matches!(piece.kind, Kind::Key | Kind::Text)) {
        let said = piece.text.get(1..piece.text.len() - 1)?.replace("\\\"", "\"");
        if as_python && said.contains('\'') && !said.contains('"') {
            continue;
        }
        piece.text = format!("'{}'", said.replace('\'', "\\'"));
    }
    broken(text, join(&all))
}

fn typographic_quotes(text: &str, _: &mut Random) -> Option<(String, Value)> {
    let mut all = pieces(text);
    for piece in all.iter_mut().filter(|piece| matches!(piece.kind, Kind::Key | Kind::Text)) {
        piece.text = format!("“{}”", piece.text.get(1..piece.text.len() - 1)?);
    }
    broken(text, join(&all))
}

/// A text of one word that stands for nothing else.
fn is_plain_text(pieces: &[Piece], at: usize) -> bool {
    is(pieces, at, Kind::Text) && pieces.get(at).is_some_and(|piece| is_plain(&said(&piece.text)))
}

fn is_plain(said: &str) -> bool {
    !said.is_empty() && said.chars().all(|c| c.is_alphanumeric() || matches!(c, ' ' | '.' | '/' | '_' | '-'))
}

fn is_plain_text_or_key(pieces: &[Piece], at: usize) -> bool {
    is_plain_text(pieces, at) || is(pieces, at, Kind::Key)
}

/// A key, or a text behind which a key or the next text of a list tells that it has ended.
fn is_unclosable(pieces: &[Piece], at: usize) -> bool {
    let Some(piece) = pieces.get(at) else { return false };
    match piece.kind {
        Kind::Key => true,
        Kind::Text if is_plain(&said(&piece.text)) => {
            let Some(comma) = pieces.iter().skip(at + 1).position(|piece| piece.kind != Kind::Space) else {
                return false;
            };
            let comma = at + 1 + comma;
            is(pieces, comma, Kind::Comma)
                && next(pieces, comma).is_some_and(|next| matches!(next.kind, Kind::Key | Kind::Text))
        }
        _ => false,
    }
}

fn has_inner_quotes(pieces: &[Piece], at: usize) -> bool {
    is(pieces, at, Kind::Text) && pieces.get(at).is_some_and(|piece| piece.text.contains("\\\""))
}

fn unescape_quotes(piece: &mut Piece) {
    piece.text = piece.text.replace("\\\"", "\"");
}

fn has_odd_escape(pieces: &[Piece], at: usize) -> bool {
    is(pieces, at, Kind::Text)
        && pieces.get(at).is_some_and(|piece| {
            piece.text.contains("\\\\d") || piece.text.contains('\'') || piece.text.contains("\\\\U")
        })
}

fn odd_escape(piece: &mut Piece) {
    for (whole, odd) in [("\\\\d", "\\d"), ("\\\\s", "\\s"), ("'", "\\'"), ("\\\\U", "\\U"), ("\\\\m", "\\m")]
    {
        piece.text = piece.text.replace(whole, odd);
    }
}

fn around(text: &str, random: &mut Random) -> Option<(String, Value)> {
    let (before, after) = *random.pick(&[
        ("```json\n", "\n```"),
        ("```\n", "\n```\n"),
        ("Here is the JSON you asked for:\n\n```json\n", "\n```\n\nLet me know if you need anything else!"),
        ("Sure! ", ""),
        ("", "\n\nI hope this helps."),
        ("<think>The user wants {\"x\": 1}?</think>\n", ""),
        ("Result (see [1]): ", " -- end"),
        ("```json\n", ""),
    ])?;
    broken(text, format!("{before}{text}{after}"))
}

fn comments(text: &str, random: &mut Random) -> Option<(String, Value)> {
    let mut all = pieces(text);
    let commas: Vec<usize> = (0..all.len()).filter(|at| is(&all, *at, Kind::Comma)).collect();
    for _ in 0..2 {
        let at = *random.pick(&commas)?;
        let comment = random.pick(&[" // the next one\n", " /* see \"above\", {really} */ ", " # why\n"])?;
        all.get_mut(at)?.text.push_str(comment);
    }
    broken(text, join(&all))
}

fn words(text: &str, random: &mut Random) -> Option<(String, Value)> {
    let nothing = *random.pick(&["None", "undefined", "NaN", "NULL"])?;
    every(text, Kind::Word, |piece| {
        piece.text = match piece.text.as_str() {
            "true" => "True".into(),
            "false" => "False".into(),
            "null" => nothing.into(),
            number if number.starts_with("0.") => number.get(1..).unwrap_or_default().to_owned(),
            other => other.to_owned(),
        }
    })
}
