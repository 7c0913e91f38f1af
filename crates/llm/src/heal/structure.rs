//! Between values: brackets, commas, colons, comments.
//!
//! In: what stands where a key, a colon, a value or a separator must come. Out: the one that must come, and an edit where
//! it was another.

use super::Purpose;
use super::edit::EditKind;
use super::look::Blind;
use super::machine::{Comment, Healer, Place, Step};
use super::sign::{Container, Delimiter, Sign, is_odd_space, is_space, sign};

impl Healer {
    pub(super) fn structure(&mut self) -> Step {
        if let Some(comment) = self.comment {
            return self.in_comment(comment);
        }
        let c = self.next_char();
        let spaces = self.rest().bytes().take_while(|byte| is_space(*byte)).count();
        if spaces > 0 {
            self.copy(spaces);
            return Step::Moved;
        }
        if is_odd_space(c) {
            self.note(EditKind::OddSpace);
            self.consume(c.len_utf8());
            return Step::Moved;
        }
        let special = match c {
            '/' | '#' => self.comment_begins(c),
            '\\' => self.escaped_sign(),
            '`' => self.fence(),
            '.' | '…' => self.ellipsis(c),
            _ => Ok(None),
        };
        match special {
            Ok(Some(step)) => return step,
            Err(Blind::More) => return Step::Waits,
            Ok(None) | Err(Blind::Far) => {}
        }
        let (sign, plain) = sign(c);
        match self.place {
            Place::Key => self.key(sign, c, plain),
            Place::Colon => self.colon(sign, c, plain),
            Place::Value => self.value(sign, c, plain),
            _ => self.after(sign, c, plain),
        }
    }

    fn comment_begins(&mut self, c: char) -> Result<Option<Step>, Blind> {
        let kind = match (c, self.look(0).second()?) {
            ('/', Some(b'*')) => Comment::Block,
            ('/', Some(b'/')) => Comment::Line,
            // Behind a colon it begins a colour or the like.
            ('#', Some(next)) if self.place != Place::Value || is_space(next) => Comment::Line,
            _ => return Ok(None),
        };
        self.note(EditKind::Comment);
        self.consume(if c == '#' { 1 } else { 2 });
        self.comment = Some(kind);
        Ok(Some(Step::Moved))
    }

    fn in_comment(&mut self, comment: Comment) -> Step {
        let rest = self.rest().as_bytes();
        let length = rest.len();
        let found = match comment {
            Comment::Line => memchr::memchr(b'\n', rest),
            Comment::Block => memchr::memmem::find(rest, b"*/"),
        };
        if let Some(at) = found {
            self.comment = None;
            self.consume(if comment == Comment::Block { at + 2 } else { at });
            return Step::Moved;
        }
        // A star at the end may be half of the comment's.
        let kept = usize::from(!self.last && comment == Comment::Block && rest.ends_with(b"*"));
        self.consume(length - kept);
        if kept > 0 && length == kept { Step::Waits } else { Step::Moved }
    }

    /// Quotes and line ends in a document that was escaped as a whole.
    fn escaped_sign(&mut self) -> Result<Option<Step>, Blind> {
        match self.look(0).second()? {
            Some(b'"') if matches!(self.place, Place::Value) => {
                self.note(EditKind::EscapedDocument);
                self.consume(2);
                self.begin_text(Delimiter::Escaped);
                Ok(Some(Step::Moved))
            }
            Some(b'"') if self.place == Place::Key => self.escaped_key(),
            Some(b'"') if self.place == Place::After => Ok(Some(self.missing_comma())),
            Some(b'n' | b'r' | b't') => Ok(Some(self.stray(2))),
            _ => Ok(Some(self.stray(1))),
        }
    }

    /// A closing fence where the document should go on: it has ended.
    fn fence(&mut self) -> Result<Option<Step>, Blind> {
        if !self.look(0).is_fence()? {
            return Ok(None);
        }
        self.note(EditKind::Fence);
        self.close_all();
        if !self.has_failed() {
            self.place = Place::Dropped;
        }
        Ok(Some(Step::Moved))
    }

    /// What stands for "and so on" says nothing.
    fn ellipsis(&mut self, c: char) -> Result<Option<Step>, Blind> {
        if c == '…' {
            return Ok(Some(self.stray(c.len_utf8())));
        }
        let mut dots = self.look(0);
        while dots.peek()? == Some(b'.') {
            dots.at += 1;
        }
        let count = dots.at;
        Ok((count >= 3).then(|| self.stray(count)))
    }

    fn colon(&mut self, sign: Sign, c: char, plain: bool) -> Step {
        match sign {
            Sign::Colon => {
                if !plain {
                    self.note(EditKind::WrongColon);
                }
                self.emit(":");
                self.consume(c.len_utf8());
            }
            Sign::Comma | Sign::Close(_) => {
                self.note(EditKind::MissingValue);
                self.emit(":null");
                self.flush();
                self.key_is_out = false;
                self.place = Place::After;
                return Step::Moved;
            }
            _ if c == '=' => {
                let arrow = match self.look(0).second() {
                    Err(Blind::More) => return Step::Waits,
                    next => next == Ok(Some(b'>')),
                };
                self.note(EditKind::WrongColon);
                self.emit(":");
                self.consume(1 + usize::from(arrow));
            }
            _ => {
                self.note(EditKind::MissingColon);
                self.emit(":");
            }
        }
        self.place = Place::Value;
        Step::Moved
    }

    fn value(&mut self, sign: Sign, c: char, plain: bool) -> Step {
        let in_object = self.top() == Some(Container::Object);
        match sign {
            Sign::Open(container) => {
                if !plain {
                    self.note(EditKind::WrongBracket);
                }
                self.key_is_out = false;
                self.consume(c.len_utf8());
                if self.open(container) { Step::Moved } else { self.too_deep(c) }
            }
            Sign::Quote(delimiter) => {
                if !plain {
                    self.note(EditKind::WrongQuote);
                }
                self.consume(c.len_utf8());
                self.begin_text(delimiter);
                Step::Moved
            }
            Sign::Close(container) => self.close(container, c),
            Sign::Comma if in_object => {
                self.note(EditKind::MissingValue);
                self.emit("null");
                self.value_ends();
                Step::Moved
            }
            Sign::Comma => {
                self.note(EditKind::ExtraComma);
                self.consume(c.len_utf8());
                Step::Moved
            }
            Sign::Colon => self.stray(c.len_utf8()),
            Sign::Other => self.word(c),
        }
    }

    /// Gives up where too many brackets are open; the one that is too many passes as it came.
    fn too_deep(&mut self, c: char) -> Step {
        self.fail();
        self.out.push(c);
        Step::Moved
    }

    /// Begins a text; the quote that opens it has been read.
    pub(super) fn begin_text(&mut self, delimiter: Delimiter) {
        let comma_at = self.out.len();
        self.flush();
        self.key_is_out = false;
        self.element = Some((comma_at, self.out.len()));
        self.out.push('"');
        self.place = Place::Text;
        self.text.delimiter = delimiter;
        self.text.is_key = false;
        self.text.is_empty = true;
        self.text.inner_quotes = 0;
    }

    /// A value has been written.
    pub(super) fn value_ends(&mut self) {
        self.flush();
        self.key_is_out = false;
        self.element = None;
        self.place = Place::After;
    }

    fn after(&mut self, sign: Sign, c: char, plain: bool) -> Step {
        let in_object = self.top() == Some(Container::Object);
        match sign {
            Sign::Comma => {
                if !plain {
                    self.note(EditKind::WrongComma);
                }
                self.consume(c.len_utf8());
                self.comma();
                Step::Moved
            }
            Sign::Close(container) => self.close(container, c),
            Sign::Colon if !in_object => self.colon_in_array(c),
            Sign::Colon => self.stray(c.len_utf8()),
            Sign::Quote(_) => self.missing_comma(),
            Sign::Open(_) if !in_object => self.missing_comma(),
            Sign::Open(_) => self.stray(c.len_utf8()),
            Sign::Other if in_object => match self.look(0).bare_key() {
                Ok(Some(_)) => self.missing_comma(),
                Err(Blind::More) => Step::Waits,
                Ok(None) | Err(Blind::Far) => self.stray_word(c),
            },
            Sign::Other if c.is_ascii_alphanumeric() || c == '-' => self.missing_comma(),
            Sign::Other => self.stray_word(c),
        }
    }

    pub(super) fn stray_word(&mut self, c: char) -> Step {
        let word = self.rest().chars().take_while(|c| c.is_alphanumeric()).map(char::len_utf8).sum::<usize>();
        if word == self.rest().len() && !self.last && word > 0 && word < super::look::LOOK_MOST {
            return Step::Waits;
        }
        self.stray(word.max(c.len_utf8()))
    }

    pub(super) fn comma(&mut self) {
        self.head.push(',');
        self.place = if self.top() == Some(Container::Object) { Place::Key } else { Place::Value };
    }

    pub(super) fn missing_comma(&mut self) -> Step {
        self.note(EditKind::MissingComma);
        self.comma();
        Step::Moved
    }

    /// A colon behind a text in an array: the text is a key. Where all is still at hand the bracket is put right.
    fn colon_in_array(&mut self, c: char) -> Step {
        let parent = self.stack.len().checked_sub(2).and_then(|at| self.stack.get(at));
        let in_object = parent.is_some_and(|level| level.container == Container::Object);
        let (Some((comma_at, text_at)), true) = (self.element, self.whole) else {
            self.note(EditKind::WrongComma);
            self.consume(c.len_utf8());
            self.comma();
            return Step::Moved;
        };
        if self.out.as_bytes().get(comma_at) != Some(&b',') {
            // It is the first: the bracket was the wrong one.
            self.note(EditKind::WrongBracket);
            if let Some(level) = self.stack.last_mut() {
                let at = level.written_at;
                level.container = Container::Object;
                self.objects += 1;
                self.out.replace_range(at..=at, "{");
            }
            self.balance_of(1);
        } else if in_object {
            self.note(EditKind::MissingCloser);
            self.out.insert(comma_at, ']');
            self.stack.pop();
            self.balance_of(-1);
        } else {
            self.note(EditKind::MissingOpener);
            self.out.insert(text_at, '{');
            self.stack.push(super::machine::Level { container: Container::Object, written_at: text_at });
            self.objects += 1;
        }
        let moved = self.out.len() - comma_at;
        self.has_looked(moved);
        self.element = None;
        self.key_is_out = true;
        self.place = Place::Colon;
        Step::Moved
    }

    fn balance_of(&mut self, change: isize) {
        if change < 0 {
            self.balance += change;
        }
    }

    /// Closes a bracket, or finds out what else a closing one means here.
    pub(super) fn close(&mut self, container: Container, c: char) -> Step {
        if self.top() == Some(container) {
            match self.goes_on(container) {
                Err(Blind::More) => return Step::Waits,
                Ok(true) => {
                    self.note(EditKind::ExtraCloser);
                    self.balance += 1;
                    self.settle();
                    self.consume(c.len_utf8());
                    self.place = Place::After;
                    return Step::Moved;
                }
                _ => {}
            }
        } else if !self.has_open(container) || self.whole && self.balance < 0 {
            if self.whole && self.balance == 0 {
                return self.close_wrongly(c);
            }
            self.note(EditKind::ExtraCloser);
            self.balance += 1;
            self.consume(c.len_utf8());
            return Step::Moved;
        } else if self.whole && self.balance == 0 {
            return self.close_wrongly(c);
        }
        while let Some(top) = self.top()
            && top != container
        {
            self.settle();
            self.note(EditKind::MissingCloser);
            self.balance -= 1;
            self.pop();
        }
        self.settle();
        if c != container.closer() {
            self.note(EditKind::WrongBracket);
        }
        self.consume(c.len_utf8());
        self.pop();
        Step::Moved
    }

    /// There are as many closing brackets as opening ones: this one is of the wrong kind.
    fn close_wrongly(&mut self, c: char) -> Step {
        self.settle();
        self.note(EditKind::WrongBracket);
        self.consume(c.len_utf8());
        self.pop();
        Step::Moved
    }

    /// Whether the outermost bracket is closed too early: what follows goes on with what is inside it. That can only be
    /// looked at where all is at hand.
    fn goes_on(&mut self, container: Container) -> Result<bool, Blind> {
        if !self.whole || self.stack.len() > 1 || self.balance >= 0 {
            return Ok(false);
        }
        let mut look = self.look(1);
        if look.skip_space()?.0 != Some(b',') {
            return Ok(false);
        }
        look.at += 1;
        look.skip_space()?;
        match container {
            Container::Object => look.is_key(),
            Container::Array => Ok(look
                .peek()?
                .is_some_and(|byte| matches!(byte, b'"' | b'{' | b'[' | b'-') || byte.is_ascii_digit())),
        }
    }

    /// What must be written before a bracket closes: a value that is missing; a comma with nothing behind it is not.
    fn settle(&mut self) {
        let in_object = self.top() == Some(Container::Object);
        match self.place {
            Place::Value if in_object && (!self.head.is_empty() || self.key_is_out) => {
                self.note(EditKind::MissingValue);
                self.emit("null");
            }
            Place::Key | Place::Value if self.head.starts_with(',') => {
                self.note(EditKind::ExtraComma);
                self.head.remove(0);
            }
            _ => {}
        }
        self.flush();
        self.key_is_out = false;
    }

    /// Takes back the comma that belongs behind a bracket which is put in before it.
    pub(super) fn settle_unseen(&mut self) {
        self.head.remove(0);
        self.flush();
    }

    /// Whether a value that ends the text without a mark of its own may be taken for whole.
    pub(super) fn trusts_end(&self) -> bool {
        self.purpose == Purpose::Answer || self.stack.is_empty()
    }
}
