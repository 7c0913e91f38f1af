//! An answer as a list of steps: what is sent, where it waits, and how it breaks.

use std::time::Duration;

use bytes::Bytes;
use serde_json::Value;

/// One step of sending a body.
#[derive(Debug, Clone)]
pub enum Step {
    /// Sends these bytes in a write of their own.
    Send(Bytes),
    /// Waits; only for scenarios that a real client's time-out must meet.
    Pause(Duration),
    /// Waits until the test opens the gate.
    Gate,
    /// Waits until the peer leaves.
    Hang,
    /// Breaks the connection off.
    Cut,
}

/// What to answer.
#[derive(Debug, Clone)]
pub struct Reply {
    pub(super) status: u16,
    pub(super) headers: Vec<(String, String)>,
    /// Before the head.
    pub(super) delay: Vec<Step>,
    pub(super) body: Vec<Step>,
    /// Whether the body's length is told in the head.
    pub(super) sized: bool,
}

impl Reply {
    /// A body of this type with its length.
    pub fn whole(status: u16, content_type: &str, body: impl Into<Bytes>) -> Self {
        let headers =
            vec![("content-type".into(), content_type.into()), ("x-request-id".into(), "req_fake".into())];
        Self { status, headers, delay: Vec::new(), body: vec![Step::Send(body.into())], sized: true }
    }

    /// A connection that is switched to another protocol.
    pub(super) fn switching() -> Self {
        Self { status: 101, headers: Vec::new(), delay: Vec::new(), body: Vec::new(), sized: false }
    }

    /// A JSON body.
    pub fn json(status: u16, body: &Value) -> Self {
        Self::whole(status, "application/json", body.to_string())
    }

    /// A stream of server-sent events, each text in a write of its own.
    pub fn stream<T: Into<Bytes>>(pieces: impl IntoIterator<Item = T>) -> Self {
        Self::flow("text/event-stream; charset=utf-8", pieces).header("cache-control", "no-cache")
    }

    /// A body of this type without its length, each piece in a write of its own.
    pub fn flow<T: Into<Bytes>>(content_type: &str, pieces: impl IntoIterator<Item = T>) -> Self {
        let body = pieces.into_iter().map(|piece| Step::Send(piece.into())).collect();
        Self { body, sized: false, ..Self::whole(200, content_type, Bytes::new()) }
    }

    /// A stream of JSON objects, one on a line.
    pub fn lines<T: Into<Bytes>>(pieces: impl IntoIterator<Item = T>) -> Self {
        let mut reply = Self::stream(pieces);
        reply.headers.retain(|(name, _)| name != "content-type");
        reply.header("content-type", "application/x-ndjson")
    }

    /// A stream of Amazon's binary messages, each in a write of its own. Given are they as server-sent events, exceptions
    /// with `exception` in place of `event`; what has no name is none of them and left out.
    pub fn binary_stream<T: AsRef<str>>(events: impl IntoIterator<Item = T>) -> Self {
        let messages = events.into_iter().filter_map(|event| super::bedrock::message(event.as_ref()));
        let mut reply = Self::stream(messages);
        reply.headers.retain(|(name, _)| name != "content-type");
        reply.header("content-type", "application/vnd.amazon.eventstream")
    }

    /// The same with one more header.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// The same with a step before the head.
    pub fn after(mut self, step: Step) -> Self {
        self.delay.push(step);
        self
    }

    /// The same with a step after the first `place` ones.
    pub fn insert(mut self, place: usize, step: Step) -> Self {
        let place = place.min(self.body.len());
        self.body.insert(place, step);
        self
    }

    /// The same with this step between all.
    pub fn between(mut self, step: &Step) -> Self {
        self.body = self.body.into_iter().flat_map(|part| [part, step.clone()]).collect();
        self
    }

    /// The same body sent anew: all its bytes given to `split`, its pieces sent one by one.
    pub fn recut(self, split: impl Fn(&[u8]) -> Vec<Bytes>) -> Self {
        let pieces = split(&self.bytes());
        self.in_pieces(pieces)
    }

    /// The same with these pieces as its body, sent one by one.
    pub(super) fn in_pieces(mut self, pieces: Vec<Bytes>) -> Self {
        self.body = pieces.into_iter().map(Step::Send).collect();
        self
    }

    /// All bytes of the body.
    pub fn bytes(&self) -> Vec<u8> {
        self.pieces().collect::<Vec<_>>().concat()
    }

    /// What is sent of the body, write by write.
    pub(super) fn pieces(&self) -> impl Iterator<Item = &[u8]> {
        self.body.iter().filter_map(|step| match step {
            Step::Send(bytes) => Some(bytes.as_ref()),
            _ => None,
        })
    }
}
