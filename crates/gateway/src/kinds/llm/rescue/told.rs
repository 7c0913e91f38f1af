//! What a stream has told so far, and the seam at which another one goes on with it.
//!
//! In: what an upstream says, before anything is made of it. Out: the same; of a second upstream without what the client has
//! had already. It never waits for more than a few words, unless the second one says the first one's text again.

use yumen_llm::ir::StreamEvent;

/// A shorter text is not taken to be repeated: that a second one begins with so few words again may be chance.
const REPEATED_BYTES_LEAST: usize = 12;
/// A longer text is not gone on with.
const TEXT_BYTES_MOST: usize = 1 << 20;

/// What has been told.
#[derive(Default)]
pub struct Told {
    text: String,
    /// Whether there is more than text, or an end: nobody can go on with that.
    is_closed: bool,
    /// Whether reasoning came last, which nobody can go on with.
    in_thought: bool,
    /// The seam to what the first one has told, while a second one goes on.
    seam: Option<Seam>,
}

impl Told {
    /// The text that another can go on with; none when nobody can.
    pub fn begun(&self) -> Option<&str> {
        (!self.is_closed && !self.in_thought).then_some(&*self.text)
    }

    /// Another upstream goes on from here.
    pub fn goes_on(&mut self) {
        self.in_thought = false;
        self.seam = Some(Seam::new(&self.text));
    }

    /// Takes what an upstream says, and leaves what is to be told.
    pub fn run(&mut self, events: &mut Vec<StreamEvent>) {
        if self.seam.is_some() {
            let said = std::mem::take(events);
            said.into_iter().for_each(|event| self.join(event, events));
        }
        events.iter().for_each(|event| self.note(event));
    }

    fn note(&mut self, event: &StreamEvent) {
        match event {
            StreamEvent::Text { choice: 0, text, .. } => {
                self.in_thought = false;
                if self.text.len().saturating_add(text.len()) > TEXT_BYTES_MOST {
                    self.close();
                } else if !self.is_closed {
                    self.text.push_str(text);
                }
            }
            StreamEvent::Thinking { .. }
            | StreamEvent::Signature { .. }
            | StreamEvent::RedactedThinking { .. } => self.in_thought = true,
            StreamEvent::Start(_)
            | StreamEvent::Usage(_)
            | StreamEvent::Ping
            | StreamEvent::Citation { .. }
            | StreamEvent::PartEnd { .. } => {}
            StreamEvent::Text { .. }
            | StreamEvent::ToolCallStart { .. }
            | StreamEvent::ToolCallArguments { .. }
            | StreamEvent::Refusal { .. }
            | StreamEvent::Image { .. }
            | StreamEvent::Finish { .. }
            | StreamEvent::Error(_)
            | StreamEvent::End => self.close(),
        }
    }

    fn close(&mut self) {
        self.is_closed = true;
        self.text = String::new();
    }

    /// Puts what the second one says to what the first one has told: one start, one text, and no reasoning in its middle.
    fn join(&mut self, event: StreamEvent, out: &mut Vec<StreamEvent>) {
        let Some(seam) = &mut self.seam else { return out.push(event) };
        match event {
            StreamEvent::Start(_) => {}
            StreamEvent::Thinking { .. } => seam.in_thought = true,
            StreamEvent::Signature { .. } | StreamEvent::RedactedThinking { .. } if seam.in_thought => {}
            StreamEvent::PartEnd { .. } if std::mem::take(&mut seam.in_thought) => {}
            StreamEvent::Text { choice: 0, text, logprobs } => {
                seam.in_thought = false;
                if let Some(text) = seam.push(text) {
                    out.push(StreamEvent::Text { choice: 0, text, logprobs });
                }
            }
            StreamEvent::Usage(_) | StreamEvent::Ping | StreamEvent::Error(_) => out.push(event),
            event => {
                seam.in_thought = false;
                let held = seam.end();
                out.extend(held.map(|text| StreamEvent::Text { choice: 0, text, logprobs: None }));
                out.push(event);
            }
        }
    }
}

/// Where a second text is joined to a first one. The second one is asked to go on without the white space at the end, which
/// models would rather write themselves and some refuse, and some repeat all of what they were given.
struct Seam {
    /// The first text without the white space at its end.
    text: String,
    /// That white space.
    space: String,
    /// How much of both has come again.
    place: Place,
    in_thought: bool,
}

enum Place {
    /// So much of the text, from its begin.
    Text(usize),
    /// So much of the white space.
    Space(usize),
    /// What comes is new.
    Past,
}

impl Seam {
    fn new(told: &str) -> Self {
        let text = told.trim_end();
        let space = told.get(text.len()..).unwrap_or_default();
        let is_long = text.len() >= REPEATED_BYTES_LEAST;
        let place = if is_long { Place::Text(0) } else { Place::Space(0) };
        Self { text: text.to_owned(), space: space.to_owned(), place, in_thought: false }
    }

    /// What is new in a piece of the second text; nothing while it may be the first one again.
    fn push(&mut self, mut piece: String) -> Option<String> {
        if let Place::Text(come) = self.place {
            let ahead = self.text.get(come..).unwrap_or_default();
            if ahead.len() > piece.len() && ahead.starts_with(&*piece) {
                self.place = Place::Text(come + piece.len());
                return None;
            }
            piece = match piece.strip_prefix(ahead) {
                Some(rest) => rest.to_owned(),
                // Its begin was alike, no more.
                None => self.text.get(..come).unwrap_or_default().to_owned() + &piece,
            };
            self.place = Place::Space(0);
        }
        if let Place::Space(come) = self.place {
            let ahead = self.space.get(come..).unwrap_or_default();
            let alike = ahead.chars().zip(piece.chars()).take_while(|(one, other)| one == other);
            let alike: usize = alike.map(|(one, _)| one.len_utf8()).sum();
            piece = piece.split_off(alike);
            if piece.is_empty() {
                self.place = Place::Space(come + alike);
                return None;
            }
            self.place = Place::Past;
        }
        (!piece.is_empty()).then_some(piece)
    }

    /// The second text has ended: what was held back as a repetition was none.
    fn end(&mut self) -> Option<String> {
        let held = match self.place {
            Place::Text(come) => self.text.get(..come).unwrap_or_default().to_owned(),
            Place::Space(_) | Place::Past => String::new(),
        };
        self.place = Place::Past;
        (!held.is_empty()).then_some(held)
    }
}

#[cfg(test)]
mod tests;
