//! Keys: read at once, because what follows a key tells whether it is one.

use super::Purpose;
use super::edit::EditKind;
use super::escape::write_text;
use super::look::{Blind, KEY_MOST};
use super::machine::{Healer, Place, Step};
use super::sign::{Container, Delimiter, Sign};

/// How often a key may go on behind a quote.
const INNER_QUOTES_MOST: usize = 3;

impl Healer {
    pub(super) fn key(&mut self, sign: Sign, c: char, plain: bool) -> Step {
        match sign {
            Sign::Quote(delimiter) => self.quoted_key(delimiter, c, plain),
            Sign::Close(container) => self.close(container, c),
            Sign::Comma => {
                self.note(EditKind::ExtraComma);
                self.consume(c.len_utf8());
                Step::Moved
            }
            Sign::Open(Container::Object) if self.is_next_element() => {
                self.settle_unseen();
                self.note(EditKind::MissingCloser);
                self.balance -= 1;
                self.pop();
                self.comma();
                Step::Moved
            }
            Sign::Open(_) | Sign::Colon => self.stray(c.len_utf8()),
            Sign::Other => match self.look(0).bare_key() {
                Ok(Some(key)) => {
                    self.note(if key.misses_opening {
                        EditKind::MissingQuote
                    } else {
                        EditKind::UnquotedKey
                    });
                    let word = self.rest().get(..key.end).unwrap_or_default().trim_end().to_owned();
                    self.write_key(&word, Delimiter::Bare);
                    self.consume(key.consumed);
                    Step::Moved
                }
                Err(Blind::More) => Step::Waits,
                Ok(None) | Err(Blind::Far) => self.stray_word(c),
            },
        }
    }

    /// Whether an object begins behind a comma in an object that is an array's element: that one was not closed.
    fn is_next_element(&self) -> bool {
        let parent = self.stack.len().checked_sub(2).and_then(|at| self.stack.get(at));
        self.head.starts_with(',') && parent.is_some_and(|level| level.container == Container::Array)
    }

    fn write_key(&mut self, raw: &str, delimiter: Delimiter) {
        self.head.push('"');
        let edits = write_text(raw, delimiter, &mut self.head);
        self.head.push('"');
        if let Some(kind) = edits {
            self.note(kind);
        }
        self.has_looked(raw.len());
        self.place = Place::Colon;
    }

    fn quoted_key(&mut self, delimiter: Delimiter, c: char, plain: bool) -> Step {
        let quote = c.len_utf8();
        let found = self.find_key_end(quote, delimiter);
        let end = match found {
            Err(Blind::More) => return Step::Waits,
            Err(Blind::Far) => return self.long_key(delimiter, quote),
            Ok(end) => end,
        };
        if !plain {
            self.note(EditKind::WrongQuote);
        }
        let body = self.rest().get(quote..).unwrap_or_default();
        let (key, consumed) = match end {
            KeyEnd::Quote { end, inner } => {
                let closing = body.get(end..).and_then(|rest| rest.chars().next()).map_or(0, char::len_utf8);
                let key = body.get(..end).unwrap_or_default().to_owned();
                if inner {
                    self.note(EditKind::InnerQuote);
                }
                (key, quote + end + closing)
            }
            KeyEnd::Colon(at) => {
                let key = body.get(..at).unwrap_or_default().trim_end();
                let key = key.strip_suffix(['\'', '"', '`', '”', '’']).unwrap_or(key).to_owned();
                self.note(EditKind::MissingQuote);
                (key, quote + at)
            }
            KeyEnd::CutOff => {
                // Half of a key says nothing.
                let all = self.rest().len();
                self.head.push('"');
                self.consume(all);
                return Step::Moved;
            }
        };
        self.write_key(&key, delimiter);
        self.consume(consumed);
        Step::Moved
    }

    /// A key in a document that was escaped as a whole.
    pub(super) fn escaped_key(&mut self) -> Result<Option<Step>, Blind> {
        let rest = self.rest();
        let body = rest.get(2..).unwrap_or_default();
        let found = memchr::memmem::find(body.as_bytes().get(..KEY_MOST).unwrap_or(body.as_bytes()), b"\\\"");
        let Some(end) = found else {
            if body.len() < KEY_MOST && !self.last {
                return Err(Blind::More);
            }
            return Ok(Some(self.stray(2)));
        };
        let key = body.get(..end).unwrap_or_default().to_owned();
        self.note(EditKind::EscapedDocument);
        self.write_key(&key, Delimiter::Double);
        self.consume(end + 4);
        Ok(Some(Step::Moved))
    }

    /// A key too long to be held back flows on like a text.
    fn long_key(&mut self, delimiter: Delimiter, quote: usize) -> Step {
        self.consume(quote);
        self.begin_text(delimiter);
        self.text.is_key = true;
        self.key_is_out = true;
        Step::Moved
    }

    /// Where a quoted key ends whose text begins `quote` bytes ahead.
    fn find_key_end(&mut self, quote: usize, delimiter: Delimiter) -> Result<KeyEnd, Blind> {
        let body = self.rest().get(quote..).unwrap_or_default();
        let (mut from, mut first, mut seen) = (0, None, 0);
        let ends = loop {
            let Some(end) = next_quote(body, from, delimiter) else { break Err(body.len()) };
            seen = end;
            match self.judge_key(quote, end, body, first.is_none())? {
                Some(KeyEnd::Quote { end, .. }) => break Ok(KeyEnd::Quote { end, inner: first.is_some() }),
                Some(other) => break Ok(other),
                None => {}
            }
            let (first_end, count) = first.unwrap_or((end, 0));
            if count == INNER_QUOTES_MOST {
                break Ok(KeyEnd::Quote { end: first_end, inner: false });
            }
            first = Some((first_end, count + 1));
            from = end + 1;
        };
        let (has_enough, last) = (body.len() > KEY_MOST, self.last);
        let colon = || memchr::memchr(b':', body.as_bytes().get(..KEY_MOST).unwrap_or(body.as_bytes()));
        let found = match (ends, first) {
            (Ok(end), _) => Ok(end),
            (Err(_), _) if !last && !has_enough => Err(Blind::More),
            (Err(_), Some((end, _))) => Ok(KeyEnd::Quote { end, inner: false }),
            (Err(_), None) if !last => Err(Blind::Far),
            (Err(_), None) if self.purpose == Purpose::Arguments => Ok(KeyEnd::CutOff),
            (Err(_), None) => Ok(colon().filter(|at| *at > 0).map_or(KeyEnd::CutOff, KeyEnd::Colon)),
        };
        self.has_looked(seen);
        found
    }

    /// What the quote at `end` of a key's `body` means; nothing when the key goes on behind it.
    fn judge_key(
        &self,
        quote: usize,
        end: usize,
        body: &str,
        may_split: bool,
    ) -> Result<Option<KeyEnd>, Blind> {
        let closing = body.get(end..).and_then(|rest| rest.chars().next()).map_or(1, char::len_utf8);
        let ends = Some(KeyEnd::Quote { end, inner: false });
        // What has been read of the key does not count for how far the look goes.
        let mut look = self.look(quote + end + closing).afresh();
        let next = match look.skip_space() {
            Err(Blind::Far) => return Ok(ends),
            next => next?.0,
        };
        let Some(next) = next else { return Ok(ends) };
        if matches!(next, b':' | b'=' | b',' | b'}') {
            return Ok(ends);
        }
        let before = body.get(..end).unwrap_or_default();
        if let Some(colon) = memchr::memchr(b':', before.as_bytes()).filter(|_| may_split) {
            return Ok(Some(KeyEnd::Colon(colon)));
        }
        let goes_on = look.at == 0 && (next.is_ascii_alphanumeric() || next >= 0x80);
        Ok(if goes_on { None } else { ends })
    }
}

/// Where a key ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum KeyEnd {
    /// At a quote this far into it.
    Quote { end: usize, inner: bool },
    /// Before a colon, because its quote is missing.
    Colon(usize),
    /// The text ends in it.
    CutOff,
}

/// The next quote that may end a key, from `from` on and not too far away.
fn next_quote(body: &str, from: usize, delimiter: Delimiter) -> Option<usize> {
    let mut skip = false;
    for (at, c) in body.get(from..)?.char_indices() {
        if at > KEY_MOST {
            return None;
        }
        match c {
            _ if skip => skip = false,
            '\\' => skip = true,
            c if delimiter.may_end(c) => return Some(from + at),
            _ => {}
        }
    }
    None
}
