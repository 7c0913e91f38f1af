//! Inside a text: what flows on, what is escaped, where it ends.

use super::edit::EditKind;
use super::escape::{Escape, escape, write_control};
use super::look::Blind;
use super::machine::{Healer, Place, Step};
use super::sign::{Container, Delimiter, is_space, quote_length};
use super::verdict::{Known, Verdict, judge, misses_quote};

impl Healer {
    pub(super) fn in_text(&mut self) -> Step {
        let delimiter = self.text.delimiter;
        let plain = plain_length(self.rest().as_bytes(), delimiter);
        if plain > 0 {
            self.text.is_empty = false;
            self.copy(plain);
            return Step::Moved;
        }
        let c = self.next_char();
        match c {
            '\\' if delimiter == Delimiter::Escaped => self.escaped_escape(),
            '\\' => self.escape(),
            _ if delimiter.may_end(c) => self.quote(c),
            '"' | '\'' if matches!(delimiter, Delimiter::Triple(_)) => self.triple_quote(c),
            '"' if delimiter == Delimiter::Escaped => {
                self.consume(1);
                self.end_text();
                Step::Moved
            }
            _ if delimiter == Delimiter::Bare => self.bare(c),
            ',' | '}' | ']' | '\n' | '\r' if !self.text.is_key && !self.stack.is_empty() => self.pause(),
            _ => self.character(c),
        }
    }

    /// Ends the text that is being read.
    pub(super) fn end_text(&mut self) {
        self.out.push('"');
        if self.text.is_key {
            self.place = Place::Colon;
            return;
        }
        self.place = if self.stack.is_empty() { Place::Behind } else { Place::After };
    }

    /// One character of the text, spelt as it must be.
    fn character(&mut self, c: char) -> Step {
        self.text.is_empty = false;
        match c {
            '"' => {
                self.out.push_str("\\\"");
                self.consume(1);
            }
            '\0'..='\u{1f}' => {
                if !matches!(self.text.delimiter, Delimiter::Triple(_) | Delimiter::Backtick) {
                    self.note(EditKind::ControlCharacter);
                }
                write_control(c as u8, &mut self.out);
                self.consume(1);
            }
            _ => self.copy(c.len_utf8()),
        }
        Step::Moved
    }

    fn escape(&mut self) -> Step {
        self.text.is_empty = false;
        match escape(self.rest().as_bytes(), self.last) {
            Escape::More => Step::Waits,
            Escape::Copy(bytes) => {
                self.copy(bytes);
                Step::Moved
            }
            Escape::Write(bytes, written) => {
                self.note(EditKind::BadEscape);
                written.write(&mut self.out);
                self.consume(bytes);
                Step::Moved
            }
        }
    }

    /// A backslash in a document that was escaped as a whole.
    fn escaped_escape(&mut self) -> Step {
        let bytes = self.rest().as_bytes();
        let (written, read): (&str, usize) = match (bytes.get(1), bytes.get(2), bytes.get(3)) {
            (Some(b'"'), ..) => {
                self.consume(2);
                self.end_text();
                return Step::Moved;
            }
            (None, ..) | (Some(b'\\'), None, _) | (Some(b'\\'), Some(b'\\'), None) if !self.last => {
                return Step::Waits;
            }
            (Some(b'\\'), Some(b'\\'), Some(b'"')) => ("\\\"", 4),
            (Some(b'\\'), Some(b'\\'), Some(b'\\')) => ("\\\\", 4),
            (Some(b'\\'), Some(b'n'), _) => ("\\n", 3),
            (Some(b'\\'), Some(b't'), _) => ("\\t", 3),
            (Some(b'\\'), Some(b'r'), _) => ("\\r", 3),
            (Some(b'\\'), Some(b'/'), _) => ("/", 3),
            (Some(b'\\'), ..) => ("\\\\", 2),
            _ => return self.escape(),
        };
        self.text.is_empty = false;
        self.out.push_str(written);
        self.consume(read);
        Step::Moved
    }

    fn known<'a>(&self, quote: &'a str) -> Known<'a> {
        Known {
            in_object: self.top() == Some(Container::Object),
            has_array: self.has_open(Container::Array),
            has_object: self.has_open(Container::Object),
            depth: self.stack.len(),
            is_empty: self.text.is_empty,
            is_paired: self.text.inner_quotes.is_multiple_of(2),
            quote,
        }
    }

    /// A quote that may end the text.
    fn quote(&mut self, c: char) -> Step {
        let mut buffer = [0; 4];
        let quote: &str = c.encode_utf8(&mut buffer);
        let verdict = match judge(self.look(c.len_utf8()), &self.known(quote)) {
            _ if self.text.is_key || self.stack.is_empty() => Verdict::Ends,
            Err(Blind::More) => return Step::Waits,
            Err(Blind::Far) => Verdict::Ends,
            Ok(verdict) => verdict,
        };
        match verdict {
            Verdict::Ends => {
                self.consume(c.len_utf8());
                self.end_text();
            }
            Verdict::EndsTwice => {
                self.note(EditKind::ExtraQuote);
                self.consume(2 * c.len_utf8());
                self.end_text();
            }
            Verdict::Inner => {
                self.note(EditKind::InnerQuote);
                self.text.inner_quotes += 1;
                self.character(c);
            }
            Verdict::Triple => {
                self.note(EditKind::WrongQuote);
                self.text.delimiter = Delimiter::Triple(c as u8);
                self.consume(2);
            }
        }
        Step::Moved
    }

    fn triple_quote(&mut self, c: char) -> Step {
        let Delimiter::Triple(quote) = self.text.delimiter else { return self.character(c) };
        let run = self.rest().bytes().take_while(|byte| *byte == quote).take(3).count();
        if run == self.rest().len() && run < 3 && !self.last {
            return Step::Waits;
        }
        if run < 3 {
            return self.character(c);
        }
        self.consume(3);
        self.end_text();
        Step::Moved
    }

    /// A comma, a line end or a bracket: part of the text, unless its closing quote is missing.
    fn pause(&mut self) -> Step {
        let open: smallvec::SmallVec<[Container; 16]> = match self.last {
            true => self.stack.iter().map(|level| level.container).collect(),
            false => smallvec::SmallVec::new(),
        };
        let look = self.look(0);
        let misses = match misses_quote(look, &self.known("\""), &open) {
            Err(Blind::More) => return Step::Waits,
            Err(Blind::Far) => false,
            Ok(misses) => misses,
        };
        if misses {
            self.note(EditKind::MissingQuote);
            self.end_text();
            return Step::Moved;
        }
        // All of the run is part of the text.
        let is_run = |byte: &u8| matches!(byte, b',' | b'}' | b']' | b'{' | b'[') || is_space(*byte);
        let run = self.rest().bytes().take_while(is_run).count();
        self.has_looked(run);
        let end = self.rest().len() - run;
        while self.rest().len() > end {
            let c = self.next_char();
            self.character(c);
        }
        Step::Moved
    }

    /// Begins a text that has no quotes.
    pub(super) fn begin_bare(&mut self) -> Step {
        self.note(EditKind::UnquotedText);
        self.begin_text(Delimiter::Bare);
        // Whatever its first character is, it is part of it.
        let c = self.next_char();
        self.character(c)
    }

    /// A character of a text without quotes that may end it.
    fn bare(&mut self, c: char) -> Step {
        let ends = match self.bare_ends(c) {
            Err(Blind::More) => return Step::Waits,
            Err(Blind::Far) => false,
            Ok(ends) => ends,
        };
        if !ends {
            return if is_space(c as u8) && c.is_ascii() { self.bare_spaces() } else { self.character(c) };
        }
        if quote_length(self.rest().as_bytes()) > 0 || c == '"' {
            self.note(EditKind::MissingQuote);
            self.consume(c.len_utf8());
        }
        self.end_text();
        Step::Moved
    }

    fn bare_spaces(&mut self) -> Step {
        let spaces = self.rest().bytes().take_while(|byte| is_space(*byte)).count();
        for _ in 0..spaces {
            let c = self.next_char();
            self.character(c);
        }
        Step::Moved
    }

    fn bare_ends(&self, c: char) -> Result<bool, Blind> {
        let in_object = self.top() == Some(Container::Object);
        let mut look = self.look(0);
        if quote_length(look.rest()) > 0 {
            look.at += c.len_utf8();
            return Ok(matches!(look.skip_space()?.0, None | Some(b',' | b'}' | b']')));
        }
        match c {
            ',' if in_object => {
                look.at += 1;
                Ok(match look.skip_space()?.0 {
                    None | Some(b'"' | b'\'' | b'}' | b']') => true,
                    Some(b'/') => look.is_comment()?,
                    Some(_) => quote_length(look.rest()) > 0 || look.bare_key()?.is_some(),
                })
            }
            ',' => Ok(true),
            '}' => Ok(self.has_open(Container::Object)),
            ']' => Ok(self.has_open(Container::Array)),
            '`' => look.is_fence(),
            _ => {
                let (next, line) = look.skip_space()?;
                Ok(match next {
                    None | Some(b',' | b'}' | b']') => true,
                    Some(b'/') => look.is_comment()?,
                    Some(b'`') => look.is_fence()?,
                    Some(b'"') => line,
                    Some(_) => line && in_object && look.bare_key()?.is_some(),
                })
            }
        }
    }
}

/// How many bytes of a text are nothing but text.
fn plain_length(bytes: &[u8], delimiter: Delimiter) -> usize {
    let stops = |byte: u8| match byte {
        b'"' | b'\\' | b',' | b'}' | b']' | 0..=0x1F => true,
        b' ' => delimiter == Delimiter::Bare,
        b'\'' => !matches!(delimiter, Delimiter::Double | Delimiter::Escaped | Delimiter::Backtick),
        b'`' => matches!(delimiter, Delimiter::Backtick | Delimiter::Bare),
        0xE2 | 0xEF => matches!(delimiter, Delimiter::Smart | Delimiter::SmartSingle | Delimiter::Bare),
        _ => false,
    };
    bytes.iter().position(|byte| stops(*byte)).unwrap_or(bytes.len())
}
