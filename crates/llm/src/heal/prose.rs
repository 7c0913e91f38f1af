//! What stands around a document: fences, sentences, reasoning.
//!
//! In: what comes before the first bracket of a document and after its last. Out: nothing of it, or all of it when there
//! is no document.

use super::edit::{EditKind, Status};
use super::is_json;
use super::look::{Blind, Look};
use super::machine::{HELD_MOST, Healer, Place, Step};
use super::sign::{Delimiter, Sign, is_odd_space, is_space, quote_length, sign};
use super::word::literal;

const THINK: &str = "<think>";
const THINK_END: &str = "</think>";

impl Healer {
    pub(super) fn before(&mut self) -> Step {
        let rest = self.rest();
        let begin = blank_length(rest);
        if self.looked == 0 {
            if self.looked < begin && begin == rest.len() && !self.last {
                return Step::Waits;
            }
            // What stands in the first place needs no proof.
            if matches!(
                sign(self.rest().get(begin..).and_then(|rest| rest.chars().next()).unwrap_or_default()).0,
                Sign::Open(_)
            ) {
                return self.begin_document(begin);
            }
            if !self.whole && self.rest().get(begin..).is_some_and(|rest| rest.starts_with('"')) {
                // A lone text flows on.
                self.begin_lone_text(begin);
                return Step::Moved;
            }
            match self.skip_prose(begin) {
                Some(looked) => self.looked = looked,
                None => return self.wait_or_give_up(),
            }
        }
        loop {
            let rest = self.rest().as_bytes();
            let found = rest.get(self.looked..).and_then(|rest| memchr::memchr2(b'{', b'[', rest));
            let at = found.map_or(rest.len(), |found| self.looked + found);
            self.has_looked(at.saturating_sub(self.looked));
            self.looked = at;
            if found.is_none() {
                return self.wait_or_give_up();
            }
            let look = self.look(at).afresh();
            match begins_document(look, self.is_line_start(at)) {
                Ok(true) => return self.begin_document(at),
                Err(Blind::More) => return self.wait_or_give_up(),
                Ok(false) | Err(Blind::Far) => self.looked = at + 1,
            }
        }
    }

    /// Begins a text outside of any bracket, behind white space.
    fn begin_lone_text(&mut self, begin: usize) {
        let is_plain = self.rest().bytes().take(begin).all(is_space);
        if is_plain {
            self.copy(begin);
        } else {
            self.note(EditKind::OddSpace);
            self.consume(begin);
        }
        self.consume(1);
        self.begin_text(Delimiter::Double);
    }

    /// From where on a document is looked for: behind reasoning, and at a fence where all of the text is at hand. Nothing
    /// while the reasoning goes on.
    fn skip_prose(&self, begin: usize) -> Option<usize> {
        let rest = self.rest();
        let said = rest.get(begin..).unwrap_or_default();
        if said.starts_with(THINK) {
            return match said.find(THINK_END) {
                Some(end) => Some(begin + end + THINK_END.len()),
                None if self.last => Some(begin + 1),
                None => None,
            };
        }
        if THINK.starts_with(said) && !self.last {
            return None;
        }
        let fenced = self.whole.then(|| fenced(rest)).flatten();
        Some(fenced.unwrap_or(begin).max(1))
    }

    fn wait_or_give_up(&mut self) -> Step {
        if !self.last && self.rest().len() <= HELD_MOST {
            return Step::Waits;
        }
        if self.last {
            // The end is told by `finish`.
            return self.lone_value_step();
        }
        self.fail()
    }

    fn lone_value_step(&mut self) -> Step {
        self.lone_value();
        Step::Moved
    }

    fn is_line_start(&self, at: usize) -> bool {
        let before = self.rest().get(..at).unwrap_or_default().trim_end_matches([' ', '\t']);
        before.is_empty() || before.ends_with(['\n', ':', '>'])
    }

    fn begin_document(&mut self, at: usize) -> Step {
        let before = self.rest().get(..at).unwrap_or_default();
        let blank = before.bytes().all(is_space);
        if blank {
            self.copy(at);
        } else {
            let is_fence = before.contains("```");
            let is_odd = blank_length(before) == before.len();
            self.note(match (is_fence, is_odd) {
                (true, _) => EditKind::Fence,
                (_, true) => EditKind::OddSpace,
                _ => EditKind::LeadingText,
            });
            self.consume(at);
        }
        if self.whole {
            self.balance = balance(self.rest().as_bytes());
            let rest = self.rest().len();
            self.has_looked(rest);
        }
        let c = self.next_char();
        let (Sign::Open(container), plain) = sign(c) else { return self.fail() };
        if !plain {
            self.note(EditKind::WrongBracket);
        }
        self.consume(c.len_utf8());
        if !self.open(container) {
            self.fail();
            self.out.push(c);
        }
        Step::Moved
    }

    /// There is no document: a lone word, number or text, or nothing.
    pub(super) fn lone_value(&mut self) {
        let rest = self.rest().to_owned();
        self.consume(rest.len());
        self.place = Place::Raw;
        if is_json(&rest) || rest.trim_ascii().is_empty() {
            self.out.push_str(&rest);
            return;
        }
        let trimmed = rest.trim_matches(|c: char| c.is_ascii_whitespace() || is_odd_space(c));
        let bare = without_fence(trimmed);
        let word = literal(bare.as_bytes());
        let single = bare.strip_prefix('\'').and_then(|text| text.strip_suffix('\''));
        if is_json(bare) {
            self.out.push_str(bare);
            let is_fenced = bare.len() < trimmed.len();
            self.report.note(0, if is_fenced { EditKind::Fence } else { EditKind::OddSpace });
        } else if let Some(word) = word {
            self.out.push_str(word);
            self.report.note(0, EditKind::Literal);
        } else if let Some(text) =
            single.filter(|text| !text.contains(|c| matches!(c, '\'' | '"' | '\\' | ..' ')))
        {
            self.out.push('"');
            self.out.push_str(text);
            self.out.push('"');
            self.report.note(0, EditKind::WrongQuote);
        } else {
            self.out.push_str(&rest);
            self.report.status = Status::Failed;
        }
    }

    pub(super) fn behind(&mut self) -> Step {
        let spaces = self.rest().bytes().take_while(|byte| is_space(*byte)).count();
        if spaces > 0 {
            self.copy(spaces);
            return Step::Moved;
        }
        let c = self.next_char();
        let kind = match sign(c).0 {
            Sign::Open(_) => EditKind::FurtherDocument,
            Sign::Close(_) => EditKind::ExtraCloser,
            _ if c == '`' => EditKind::Fence,
            _ => EditKind::TrailingText,
        };
        self.note(kind);
        self.place = Place::Dropped;
        Step::Moved
    }
}

/// How many bytes of a text are white space of any kind.
fn blank_length(text: &str) -> usize {
    let is_blank = |c: &char| c.is_ascii() && is_space(*c as u8) || is_odd_space(*c);
    text.chars().take_while(is_blank).map(char::len_utf8).sum()
}

/// Whether a document begins at a bracket inside a sentence.
fn begins_document(mut look: Look<'_>, line: bool) -> Result<bool, Blind> {
    let is_object = look.peek()? == Some(b'{');
    look.at += 1;
    let Some(next) = look.skip_space()?.0 else { return Ok(false) };
    Ok(match (is_object, next) {
        (_, b'/') => look.is_comment()?,
        (true, b'}') | (false, b']') => line,
        (true, b'\\') => true,
        (true, _) if quote_length(look.rest()) > 0 => true,
        (true, _) => look.bare_key()?.is_some(),
        (false, b'{' | b'[') => true,
        (false, b'"') => true,
        (false, _) => line && (next.is_ascii_digit() || matches!(next, b'-' | b'\'' | b't' | b'f' | b'n')),
    })
}

/// Where a fenced document begins, if there is one.
fn fenced(text: &str) -> Option<usize> {
    let mut from = 0;
    while let Some(found) = text.get(from..).and_then(|rest| rest.find("```")) {
        let fence = from + found + 3;
        let line = text.get(fence..)?;
        let word = line.bytes().take_while(|byte| byte.is_ascii_alphanumeric()).count();
        let body = line.get(word..)?.trim_start();
        if body.starts_with(['{', '[']) {
            return Some(text.len() - body.len());
        }
        from = fence;
    }
    None
}

fn without_fence(text: &str) -> &str {
    let Some(fenced) = text.strip_prefix("```").and_then(|rest| rest.strip_suffix("```")) else {
        return text;
    };
    let word = fenced.bytes().take_while(|byte| byte.is_ascii_alphabetic()).count();
    fenced.get(word..).unwrap_or_default().trim()
}

/// Opening brackets less closing ones, as far as texts can be told from what stands between them.
fn balance(bytes: &[u8]) -> isize {
    let (mut balance, mut in_text, mut skip) = (0, false, false);
    for byte in bytes {
        match byte {
            _ if skip => skip = false,
            b'\\' => skip = in_text,
            b'"' => in_text = !in_text,
            b'{' | b'[' if !in_text => balance += 1,
            b'}' | b']' if !in_text => balance -= 1,
            _ => {}
        }
    }
    balance
}
