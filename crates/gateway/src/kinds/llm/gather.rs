//! Whole answers of upstreams that only stream: the stream is read to its end before anything is told, so that one that
//! breaks off, or says an error, can still be replaced by another deployment's.

use yumen_config::FailureClass;
use yumen_llm::dialects::{Codec, StreamDecoder, Tap, codec};
use yumen_llm::framing::{BadStream, Framer, Framing};
use yumen_llm::ir::{Gatherer, Response, StreamEvent, Ungathered};
use yumen_llm::sse::Frame;

use super::arrival::{Arrived, Reading};
use super::classify::Failure;
use crate::exchange::Exchange;
use crate::rejection::{Code, Rejection};
use crate::upstream::AnswerBody;

/// A stream as far as it has been read.
struct Gathering {
    upstream: &'static dyn Codec,
    decoder: Box<dyn StreamDecoder>,
    gatherer: Gatherer,
    events: Vec<StreamEvent>,
    tap: Box<Tap>,
}

impl Gathering {
    fn read(&mut self, frame: &Frame, reading: &Reading<'_>) -> Result<(), Failure> {
        let Some(data) = &frame.data else { return Ok(()) };
        self.upstream.tap_event(&frame.event, data, &mut self.tap);
        let read = self.decoder.decode(&frame.event, data, &mut self.events);
        self.events.drain(..).for_each(|event| self.gatherer.take(event));
        read.map_err(|error| reading.unreadable(&error.message))
    }

    /// Whether nothing that still comes is of the answer.
    fn is_over(&self) -> bool {
        self.tap.finished || self.tap.error.is_some()
    }
}

impl Reading<'_> {
    /// Reads a stream to its end and tells the answer that it makes.
    pub(super) async fn gather(
        &self,
        exchange: &mut Exchange,
        mut body: AnswerBody,
        framing: Framing,
    ) -> Result<Arrived, Failure> {
        let (settings, step) = (self.attempt.settings, self.attempt.step);
        let (idle, upstream) = (step.provider().timeouts.idle, codec(step.dialect));
        let mut framer = Framer::new(framing, settings.max_event_bytes);
        let mut gathering = Gathering {
            upstream,
            decoder: upstream.stream_decoder(),
            gatherer: Gatherer::default(),
            events: Vec::new(),
            tap: Box::default(),
        };
        let mut size = 0;
        let mut heard = self.attempt.call.shadow.hears(step.dialect, Some(framing));
        while !gathering.is_over() {
            let Some(chunk) = self.next_chunk(exchange, &mut body, idle).await? else { break };
            size += chunk.len();
            if size > settings.max_answer_bytes {
                let most = settings.max_answer_bytes;
                let message = format!("The provider's answer is larger than {most} bytes.");
                return Err(Failure::silent(Code::UpstreamTooLarge, FailureClass::AnswerTooLarge, message));
            }
            heard.iter_mut().for_each(|heard| heard.take(&chunk));
            framer.push(chunk);
            while let Some(frame) = framer.next_frame().map_err(|error| bad_stream(&error))? {
                gathering.read(&frame, self)?;
            }
        }
        while let Some(frame) = framer.finish() {
            gathering.read(&frame, self)?;
        }
        if !gathering.is_over() {
            return Err(self.broke_off());
        }
        let Gathering { mut decoder, mut gatherer, mut events, tap, .. } = gathering;
        decoder.finish(&mut events);
        events.into_iter().for_each(|event| gatherer.take(event));
        match gatherer.finish() {
            Ok(answer) => {
                let (told, healed) = self.told(exchange, Response::Chat(Box::new(answer)), false);
                Ok(Arrived::Whole { tap, told, streamed: false, healed: healed.map(Box::new), heard })
            }
            Err(Ungathered::Failed(mut facts)) => {
                self.scrub().facts(&mut facts);
                Err(Failure::from_facts(*facts, None, None, &step.provider().id))
            }
            Err(Ungathered::Unended) => Err(self.broke_off()),
        }
    }

    fn broke_off(&self) -> Failure {
        let message = format!("The answer of {} broke off.", self.name());
        Failure::silent(Code::UpstreamBroken, FailureClass::AnswerBroken, message)
    }
}

fn bad_stream(error: &BadStream) -> Failure {
    let code = if error.is_too_large() { Code::UpstreamTooLarge } else { Code::UpstreamInvalid };
    Failure::of_stream(Rejection::new(code, format!("The provider's stream: {error}.")))
}
