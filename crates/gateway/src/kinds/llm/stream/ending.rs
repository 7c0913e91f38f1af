//! How a stream ends: as its dialect says it, or with an error.

use bytes::{Bytes, BytesMut};
use yumen_llm::dialects::ErrorFacts;

use super::{State, StreamRelay};
use crate::kinds::llm::heal::Frames;
use crate::rejection::{Code, Rejection};

impl StreamRelay {
    /// The bytes that tell the client, in its dialect, that the stream has failed.
    pub fn error_event(mut self, rejection: &Rejection, generation_id: &str) -> Bytes {
        let facts = rejection.facts(generation_id);
        if let Some(array) = &mut self.array {
            let mut out = Vec::new();
            // The dialect's error event, without what makes it an event.
            let event = self.client.encode_error_event(&facts);
            let data = event.strip_prefix(b"data: ").unwrap_or(&event).trim_ascii_end();
            array.element(&mut out, |out| out.extend_from_slice(data));
            array.finish(&mut out);
            return out.into();
        }
        if let Some(transcoder) = self.transcoder.as_mut().filter(|_| self.in_array) {
            return transcoder.fail(&facts);
        }
        match &self.dress {
            Some(dress) => dress.error_event(&facts, &self.tap),
            None => self.client.encode_error_event(&facts).into(),
        }
    }

    /// Tells the error that the upstream said, and ends the stream.
    pub fn tell_error(&mut self, facts: &ErrorFacts) -> Bytes {
        if let Some(dress) = self.telling_dress() {
            return dress.error_event(facts, &self.tap);
        }
        let told = match &mut self.transcoder {
            Some(transcoder) => transcoder.fail(facts),
            None => self.client.encode_error_event(facts).into(),
        };
        self.dressed(told)
    }

    /// What closes the client's stream behind the last event.
    pub(super) fn closing(&mut self) -> Bytes {
        let has_failed = self.tap.error.is_some();
        let is_told = has_failed && self.telling_dress().is_some();
        if let Some(transcoder) = &mut self.transcoder {
            // A dressed error ends the stream by itself.
            let end = if is_told { Bytes::new() } else { transcoder.finish() };
            return self.dressed(end);
        }
        if let Some(array) = &mut self.array {
            let mut end = Vec::new();
            array.finish(&mut end);
            return end.into();
        }
        // The upstream's own end has passed through, or an error, which is one.
        let has_end = self.tap.finished || has_failed;
        Bytes::from_static(if has_end { b"" } else { self.client.outline().stream_end })
    }

    /// Ends the stream: the upstream's body has ended cleanly, or its end is awaited no longer.
    pub fn finish(&mut self) -> Result<Bytes, Rejection> {
        let was_open = self.state == State::Open;
        self.state = State::Ended;
        if !was_open {
            return Ok(Bytes::new());
        }
        let mut out = BytesMut::new();
        while let Some(frame) = self.framer.finish() {
            let lacking = self.framing().lacking(&frame.raw);
            let said = match self.frame(frame) {
                Ok(said) => said,
                Err(rejection) => return self.ends_broken(out, rejection),
            };
            out.extend_from_slice(&said);
            let is_its_own = self.transcoder.is_none() && self.framer.framing() == self.framing();
            if !said.is_empty() && is_its_own {
                out.extend_from_slice(lacking);
            }
        }
        if let Some(mut healer) = self.healer.take() {
            let mut frames = Frames::new();
            healer.finish(&mut frames);
            self.healer = Some(healer);
            out.extend_from_slice(&self.told_all(frames)?);
        }
        // Where no word ends a stream, its body does.
        let ends_unsaid = self.upstream.outline().asking.ends_unsaid && self.tap.content_seen;
        let has_end =
            self.tap.error.is_some() || self.tap.finished || self.tap.finish_reason.is_some() || ends_unsaid;
        if !has_end {
            let message = "The provider's stream ended before the answer was complete.";
            return self.ends_broken(out, Rejection::new(Code::UpstreamBroken, message));
        }
        out.extend_from_slice(&self.closing());
        Ok(out.freeze())
    }

    /// What came before the stream broke off goes on first.
    fn ends_broken(&mut self, out: BytesMut, rejection: Rejection) -> Result<Bytes, Rejection> {
        if out.is_empty() {
            return Err(rejection);
        }
        (self.state, self.broken) = (State::Open, Some(Box::new(rejection)));
        Ok(out.freeze())
    }
}
