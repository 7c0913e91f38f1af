//! A provider's stream on its way to the client: framed, tapped and, where dialects differ, said anew.
//!
//! The same dialect passes through in its own bytes: whole reads where they end at an event's end, single
//! events otherwise. Nothing waits for more than the event it belongs to. What comes in another framing than clients
//! read is framed anew.

use std::ops::Range;
use std::sync::LazyLock;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use memchr::memmem::Finder;
use smallvec::SmallVec;
use yumen_config::GatewaySettings;
use yumen_llm::dialects::{AnswerContext, Codec, Dialect, ErrorFacts, ErrorKind, JsonArray, Tap, codec};
use yumen_llm::framing::{Framer, Framing};
use yumen_llm::sse::Frame;
use yumen_telemetry::HealRecord;

use super::bare::Bare;
use super::call::Call;
use super::dress::Dress;
use super::heal::{EventHealer, FrameHealer, Frames};
use super::resolve::Step;
use super::shadow::Heard;
use super::transcode::Transcoder;
use crate::kinds::scrub::Scrub;
use crate::proofs::Keeper;
use crate::rejection::{Code, Rejection};
use crate::upstream::AnswerBody;

mod ending;
mod going_on;

const COMMENT: &[u8] = b": keep-alive\n\n";

static USAGE: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(br#""usage""#));

/// A stream between its upstream and its client.
pub struct StreamRelay {
    body: AnswerBody,
    framer: Framer,
    upstream: &'static dyn Codec,
    client: &'static dyn Codec,
    tap: Tap,
    transcoder: Option<Transcoder>,
    /// Repairs the JSON of a stream that passes through.
    healer: Option<Box<FrameHealer>>,
    withhold_usage: bool,
    dress: Option<Dress>,
    /// Whether the client reads one JSON array. Converted streams are written so, others are put into `array`.
    in_array: bool,
    array: Option<JsonArray>,
    /// For clients that cannot read all that a stream of events may hold.
    bare: Option<Bare>,
    scrub: Scrub,
    /// Keeps what the upstream says, where that is to be compared.
    pub heard: Option<Box<Heard>>,
    last_read: Instant,
    /// When the last event came; comments are none.
    last_event: Instant,
    /// Whether one finish reason is the whole stream's.
    has_one_answer: bool,
    /// After how long without anything to say the client is given a comment.
    comments: Option<Duration>,
    state: State,
    /// Why it has broken off, until what came before that is sent on.
    broken: Option<Box<Rejection>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Open,
    /// The dialect's own end has been seen: what still comes is read and dropped.
    Finished,
    Ended,
}

impl StreamRelay {
    /// A relay for the stream that `step` answers to `call`, and which may be gone on with elsewhere.
    pub fn new(
        settings: &GatewaySettings,
        call: &Call,
        (step, is_rescued): (&Step, bool),
        context: AnswerContext,
        scrub: Scrub,
        (body, framing): (AnswerBody, Framing),
        withhold_usage: bool,
    ) -> Self {
        let (upstream, client) = (codec(step.dialect), codec(call.dialect));
        let is_bare = call.dialect == Dialect::Gemini && !call.json_array;
        let bare = is_bare.then(|| Bare::new(client, context.clone()));
        // What a provider keeps goes through as it says it.
        let is_kept = call.dialect == step.dialect && call.memory.is_some();
        let is_rescued = is_rescued && !is_kept;
        let mut transcoder = (call.dialect != step.dialect || is_rescued)
            .then(|| Transcoder::new(upstream.stream_decoder(), client.stream_encoder(context)));
        if let Some(transcoder) = transcoder.as_mut().filter(|_| is_rescued) {
            transcoder.remember();
        }
        let said_anew = transcoder.is_some();
        let mut healer = None;
        if let Some(healing) = &call.healing {
            match &mut transcoder {
                Some(transcoder) => {
                    let tells = call.dialect == Dialect::OpenAiChat;
                    transcoder.heal(EventHealer::new(healing.clone(), tells));
                }
                None => healer = Some(Box::new(FrameHealer::new(call.dialect, healing.clone()))),
            }
        }
        Self {
            body,
            framer: Framer::new(framing, settings.max_event_bytes),
            upstream,
            client,
            tap: Tap::default(),
            transcoder,
            healer,
            withhold_usage: withhold_usage && !call.tells_usage(),
            dress: None,
            in_array: call.json_array,
            array: (call.json_array && !said_anew).then(JsonArray::default),
            bare,
            scrub,
            heard: None,
            last_read: Instant::now(),
            last_event: Instant::now(),
            has_one_answer: !call.may_have_several_answers(),
            comments: settings.stream_comments,
            state: State::Open,
            broken: None,
        }
    }

    /// Dresses what is sent on from here.
    pub fn dress(&mut self, dress: Option<Dress>) {
        self.dress = dress;
    }

    /// Notes what was paid beside this answer, for clients that are told what it costs.
    pub fn paid_before(&mut self, before: Option<u64>) {
        self.dress.iter_mut().for_each(|dress| dress.paid_before(before));
    }

    /// Has what proves the answer's calls kept, where the stream is said anew.
    pub fn keep(&mut self, keeper: Option<Keeper>) {
        if let (Some(transcoder), Some(keeper)) = (&mut self.transcoder, keeper) {
            transcoder.keep(keeper);
        }
    }

    /// What was done to its JSON; nothing where nobody asked for JSON.
    pub fn healed(&self) -> Option<&HealRecord> {
        let said_anew = self.transcoder.as_ref().and_then(Transcoder::healed);
        said_anew.or(self.healer.as_deref().map(FrameHealer::record))
    }

    /// What has been learned of the stream so far.
    pub fn tap(&self) -> &Tap {
        &self.tap
    }

    /// Whether something has come that a fallback could no longer hide.
    pub fn has_begun(&self) -> bool {
        let tap = &self.tap;
        tap.content_seen || tap.finished || tap.finish_reason.is_some() || tap.error.is_some()
    }

    /// Why it has broken off behind what it has given, if the upstream has not said an error by itself.
    pub fn take_broken(&mut self) -> Option<Rejection> {
        self.broken.take_if(|_| self.tap.error.is_none()).map(|rejection| *rejection)
    }

    /// When the upstream was last heard of.
    pub fn last_read(&self) -> Instant {
        self.last_read
    }

    /// Since when only the end is missing: the answer has its finish reason, and its dialect's end has not come.
    pub fn complete_since(&self) -> Option<Instant> {
        let complete = self.state == State::Open && self.has_one_answer && self.tap.finish_reason.is_some();
        complete.then_some(self.last_event)
    }

    /// Takes the rest of the upstream's body, to be read to its end so that the connection can be used again.
    pub fn into_rest(self) -> Option<AnswerBody> {
        (!self.body.is_done()).then_some(self.body)
    }

    /// The next bytes for the client.
    pub async fn next(&mut self) -> Option<Result<Bytes, Rejection>> {
        std::future::poll_fn(|cx| self.poll_next(cx)).await
    }

    /// The next bytes for the client; `None` when nothing more is to be said. After an error the stream is over.
    pub fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Rejection>>> {
        loop {
            if let Some(rejection) = self.broken.take() {
                self.state = State::Ended;
                return Poll::Ready(Some(Err(*rejection)));
            }
            if self.state == State::Ended {
                return Poll::Ready(None);
            }
            let bytes = match ready!(self.body.poll_chunk(cx)) {
                Some(Ok(chunk)) => {
                    self.last_read = Instant::now();
                    self.heard.iter_mut().for_each(|heard| heard.take(&chunk));
                    self.take(chunk)
                }
                Some(Err(error)) if self.state == State::Open => {
                    self.state = State::Ended;
                    let message = "The provider's stream broke off.";
                    Err(Rejection::new(Code::UpstreamBroken, message).cause(error))
                }
                Some(Err(_)) => {
                    self.state = State::Ended;
                    Ok(Bytes::new())
                }
                None => self.finish(),
            };
            match bytes {
                Ok(bytes) if bytes.is_empty() => {}
                Ok(bytes) => return Poll::Ready(Some(Ok(bytes))),
                Err(rejection) => {
                    self.state = State::Ended;
                    return Poll::Ready(Some(Err(rejection)));
                }
            }
        }
    }

    /// Whether the dialect's own end has been sent on.
    pub fn has_finished(&self) -> bool {
        self.state != State::Open
    }

    /// Takes one read of the upstream and gives what the client gets for it.
    fn take(&mut self, chunk: Bytes) -> Result<Bytes, Rejection> {
        if self.state != State::Open {
            return Ok(Bytes::new());
        }
        let fresh = self.framer.is_empty();
        let whole = chunk.clone();
        self.framer.push(chunk);
        let mut out: SmallVec<[Bytes; 4]> = SmallVec::new();
        let mut untouched = fresh && self.transcoder.is_none() && self.array.is_none();
        loop {
            let (raw, said) = match self.next_said() {
                Ok(Some(next)) => next,
                Ok(None) => break,
                Err(rejection) if out.is_empty() => return Err(rejection),
                Err(rejection) => {
                    // What came before it goes on first.
                    self.broken = Some(Box::new(rejection));
                    return Ok(join(out));
                }
            };
            // The very same bytes, not only as many: what was taken out or put in lies elsewhere.
            untouched &= said.as_ptr_range() == raw;
            if !said.is_empty() {
                out.push(said);
            }
            // After its end, or after an error, nothing that the upstream says is an answer any more.
            if self.tap.finished || self.tap.error.is_some() {
                self.state = State::Finished;
                let end = self.closing();
                if !end.is_empty() {
                    out.push(end);
                }
                break;
            }
        }
        if untouched && self.framer.is_empty() {
            return Ok(whole);
        }
        Ok(join(out))
    }

    /// The next whole frame, as where it lies, and what the client gets for it.
    fn next_said(&mut self) -> Result<Option<(Range<*const u8>, Bytes)>, Rejection> {
        let frame = self.framer.next_frame().map_err(|error| {
            let code = if error.is_too_large() { Code::UpstreamTooLarge } else { Code::UpstreamInvalid };
            Rejection::new(code, format!("The provider's stream: {error}."))
        })?;
        let Some(frame) = frame else { return Ok(None) };
        let raw = frame.raw.as_ptr_range();
        Ok(Some((raw, self.frame(frame)?)))
    }

    /// Reads one frame and gives what the client gets for it.
    fn frame(&mut self, mut frame: Frame) -> Result<Bytes, Rejection> {
        let Some(mut data) = frame.data else {
            return Ok(self.comment(frame.raw));
        };
        self.last_event = self.last_read;
        self.upstream.tap_event(&frame.event, &data, &mut self.tap);
        if let Some(facts) = &mut self.tap.error {
            self.scrub.facts(facts);
            frame.raw = self.scrub.bytes(frame.raw);
            data = self.scrub.bytes(data);
        }
        if let Some(dress) = &mut self.dress {
            let said_anew = self.transcoder.as_ref().and_then(Transcoder::healed);
            dress.healed(said_anew.or(self.healer.as_deref().map(FrameHealer::record)));
        }
        if let Some(mut healer) = self.healer.take() {
            let mut frames = Frames::new();
            frame.data = Some(data);
            if self.tap.error.is_some() {
                healer.abandon(&mut frames);
                frames.push(frame);
            } else {
                healer.push(frame, self.tap.finished, &mut frames);
            }
            self.healer = Some(healer);
            return self.told_all(frames);
        }
        self.told(frame.raw, &frame.event, data)
    }

    /// What the client gets for events that may go on.
    fn told_all(&mut self, frames: Frames) -> Result<Bytes, Rejection> {
        let mut out: SmallVec<[Bytes; 4]> = SmallVec::new();
        for Frame { raw, event, data } in frames {
            match data {
                Some(data) => out.push(self.told(raw, &event, data)?),
                None => out.push(raw),
            }
        }
        out.retain(|bytes| !bytes.is_empty());
        Ok(join(out))
    }

    /// What the client gets for one event.
    fn told(&mut self, raw: Bytes, event: &[u8], data: Bytes) -> Result<Bytes, Rejection> {
        if let Some(facts) = self.tap.error.as_ref().filter(|_| self.begun().is_some()) {
            return Err(self.said(facts));
        }
        if let (Some(dress), Some(facts)) = (self.telling_dress(), &self.tap.error) {
            return Ok(dress.error_event(facts, &self.tap));
        }
        if let Some(transcoder) = &mut self.transcoder {
            let said = transcoder.event(event, &data).map_err(|error| {
                let message = format!("An event of the provider's stream could not be read: {error}.");
                Rejection::new(Code::UpstreamInvalid, message)
            })?;
            return Ok(self.dressed(said));
        }
        if self.withhold_usage && self.tap.usage.is_some() && is_usage_only(&data) {
            return Ok(Bytes::new());
        }
        if let Some(array) = &mut self.array {
            let mut out = Vec::with_capacity(data.len() + 3);
            array.element(&mut out, |out| out.extend_from_slice(&data));
            return Ok(out.into());
        }
        if self.framer.framing() != self.framing() {
            return Ok(self.reframed(event, &data));
        }
        Ok(match &self.dress {
            Some(dress) => dress.event(raw, &data, &self.tap),
            None if self.bare.is_some() => Bare::event(raw, &data),
            None => raw,
        })
    }

    /// An event that came in another framing, as clients of the same dialect read it.
    fn reframed(&self, event: &[u8], data: &[u8]) -> Bytes {
        if let Some(facts) = &self.tap.error {
            return self.client.encode_error_event(facts).into();
        }
        let mut out = Vec::with_capacity(data.len() + event.len() + 24);
        self.framing().write(event, data, &mut out);
        out.into()
    }

    /// A comment keeps the connection alive in every dialect whose clients can read it; a JSON array has none, nor have
    /// lines, in which an empty one would be read as an answer.
    fn comment(&mut self, raw: Bytes) -> Bytes {
        // The rest of a line end may have come after its event was known to be whole.
        let is_end = raw.iter().all(|byte| matches!(byte, b'\r' | b'\n'));
        let reads_lines = self.framing() == Framing::Lines;
        let in_lines = reads_lines || self.framer.framing() == Framing::Lines;
        match (&self.bare, &mut self.transcoder) {
            _ if self.in_array => Bytes::new(),
            _ if is_end && in_lines => Bytes::new(),
            _ if is_end => raw,
            // What follows a reason would be read as more of the answer.
            (Some(_), _) if self.tap.finish_reason.is_some() => Bytes::new(),
            (Some(_), Some(transcoder)) => transcoder.ping(),
            (Some(bare), None) => bare.alive(),
            (None, Some(transcoder)) if reads_lines => transcoder.ping(),
            (None, None) if reads_lines => Bytes::new(),
            (None, _) => raw,
        }
    }

    /// After how long without anything to say the client is given a comment, if ever.
    pub fn comments(&self) -> Option<Duration> {
        self.comments
    }

    /// What tells the client that the stream goes on: a comment, or what its dialect has in its place, which may be nothing.
    pub fn alive(&mut self) -> Bytes {
        self.comment(Bytes::from_static(COMMENT))
    }

    fn framing(&self) -> Framing {
        self.client.outline().framing
    }

    /// The media type of what the client reads.
    pub fn content_type(&self) -> &'static str {
        if self.in_array { "application/json" } else { self.framing().media_type() }
    }

    /// Events that were written here, in the client's dialect.
    fn dressed(&self, said: Bytes) -> Bytes {
        match &self.dress {
            Some(dress) if !said.is_empty() => dress.events(&said, &self.tap),
            _ => said,
        }
    }

    /// The dress, if errors are told in its own words.
    fn telling_dress(&self) -> Option<&Dress> {
        self.dress.as_ref().filter(|dress| dress.tells_errors())
    }
}

/// Whether a chunk of an OpenAI stream carries usage and no choice.
fn is_usage_only(data: &[u8]) -> bool {
    #[derive(serde::Deserialize)]
    struct Shape<'a> {
        #[serde(borrow)]
        choices: Option<&'a serde_json::value::RawValue>,
        usage: Option<serde::de::IgnoredAny>,
    }
    if USAGE.find(data).is_none() {
        return false;
    }
    serde_json::from_slice::<Shape<'_>>(data).is_ok_and(|shape| {
        shape.usage.is_some()
            && shape.choices.is_none_or(|choices| {
                choices.get().bytes().all(|byte| matches!(byte, b'[' | b']') || byte.is_ascii_whitespace())
            })
    })
}

fn join(mut parts: SmallVec<[Bytes; 4]>) -> Bytes {
    if parts.len() <= 1 {
        return parts.pop().unwrap_or_default();
    }
    let mut whole = BytesMut::with_capacity(parts.iter().map(Bytes::len).sum());
    for part in &parts {
        whole.extend_from_slice(part);
    }
    whole.freeze()
}

/// The facts of an upstream's error inside a stream, for the record.
pub fn error_code(facts: &ErrorFacts) -> &'static str {
    match facts.kind {
        ErrorKind::RateLimited => "rate_limited",
        ErrorKind::Overloaded => "overloaded",
        _ => Code::UpstreamError.row().name,
    }
}
