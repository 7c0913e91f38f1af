//! A stream that another one goes on with: the client's side stays as it is, the upstream's is replaced.

use std::time::Instant;

use bytes::Bytes;
use smallvec::SmallVec;
use yumen_config::GatewaySettings;
use yumen_llm::dialects::{ErrorFacts, Tap, codec};
use yumen_llm::framing::{Framer, Framing};

use super::{State, StreamRelay, join};
use crate::kinds::llm::dress::Dress;
use crate::kinds::llm::resolve::Step;
use crate::kinds::llm::transcode::Transcoder;
use crate::kinds::scrub::Scrub;
use crate::rejection::{Code, Rejection};
use crate::upstream::AnswerBody;

impl StreamRelay {
    /// A stream that nobody is told as it is: its frames as they come, to be read again where it goes on with another.
    pub fn raw(
        settings: &GatewaySettings,
        step: &Step,
        scrub: Scrub,
        (body, framing): (AnswerBody, Framing),
    ) -> Self {
        let upstream = codec(step.dialect);
        Self {
            body,
            framer: Framer::new(framing, settings.max_event_bytes),
            upstream,
            client: upstream,
            tap: Tap::default(),
            transcoder: None,
            healer: None,
            withhold_usage: false,
            dress: None,
            in_array: false,
            array: None,
            bare: None,
            scrub,
            last_read: Instant::now(),
            last_event: Instant::now(),
            has_one_answer: true,
            comments: None,
            state: State::Open,
            broken: None,
        }
    }

    /// Whether what it tells is remembered, for another to go on with.
    pub fn can_be_rescued(&self) -> bool {
        self.transcoder.as_ref().is_some_and(Transcoder::remembers)
    }

    /// What it has told, if another can go on with that.
    pub fn begun(&self) -> Option<&str> {
        self.transcoder.as_ref().and_then(Transcoder::begun)
    }

    /// Hears no more of its upstream.
    pub fn hang_up(&mut self) {
        self.body = AnswerBody::memory(Vec::new());
    }

    /// Goes on with another one, of which these frames have been read; gives what the client gets for them.
    pub fn go_on(
        &mut self,
        next: Self,
        held: SmallVec<[Bytes; 4]>,
        dress: Option<Dress>,
        max_event_bytes: usize,
    ) -> Result<Bytes, Rejection> {
        if let Some(transcoder) = &mut self.transcoder {
            transcoder.go_on(next.upstream.stream_decoder());
        }
        self.framer = Framer::new(next.framing(), max_event_bytes);
        self.body = next.body;
        self.upstream = next.upstream;
        self.scrub = next.scrub;
        self.tap = Tap::default();
        self.dress = dress;
        self.state = State::Open;
        self.broken = None;
        (self.last_read, self.last_event) = (next.last_read, next.last_event);
        let mut out: SmallVec<[Bytes; 4]> = SmallVec::new();
        for frames in held {
            match self.take(frames) {
                Ok(said) => out.push(said),
                Err(rejection) => {
                    self.broken = Some(Box::new(rejection));
                    break;
                }
            }
        }
        // What has come of the next frame is in here.
        self.framer = next.framer;
        out.retain(|said| !said.is_empty());
        match self.broken.take() {
            Some(rejection) if out.is_empty() => Err(*rejection),
            broken => {
                self.broken = broken;
                Ok(join(out))
            }
        }
    }

    /// Why a stream that said an error broke off, where another may go on with it.
    pub(super) fn said(&self, facts: &ErrorFacts) -> Rejection {
        Rejection::new(Code::UpstreamError, facts.message.clone())
    }
}
