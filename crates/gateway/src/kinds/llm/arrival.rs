//! The answer to one try, read as far as another deployment could still take over unseen.

mod telling;

use std::sync::{Arc, LazyLock};
use std::task::Poll;
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, StatusCode};
use memchr::memmem::Finder;
use smallvec::SmallVec;
use yumen_config::{Credential, FailureClass, Reaction};
use yumen_llm::dialects::{Answers, Dialect, Operation, Tap, codec};
use yumen_llm::framing::Framing;
use yumen_llm::ir::OwnTools;
use yumen_telemetry::HealRecord;

use super::attempt::Try;
use super::classify::{Failure, Said};
use super::dress::Dress;
use super::headers;
use super::keep::{Keep, Remembering};
use super::rescue::{Prospect, Rescue};
use super::resolve::Step;
use super::shadow::Heard;
use super::stream::StreamRelay;
use crate::exchange::Exchange;
use crate::kinds::scrub::Scrub;
use crate::rejection::Code;
use crate::route::Skin;
use crate::upstream::{AccessToken, AnswerBody, AnswerError, Tunnel};

/// A whole answer up to this size is read before its head is sent on, so that one that breaks off can still be
/// replaced by another deployment's.
const HOLD_BYTES: usize = 1 << 20;
/// Lifecycle frames of a stream are held up to this size, and no longer than this time: a client (or a proxy before
/// it) that hears nothing gives up.
const HELD_FRAMES_MOST: usize = 64 * 1024;
const HOLD_MOST: Duration = Duration::from_secs(10);
/// An error answer is read up to this size.
const ERROR_BYTES_MOST: usize = 64 * 1024;

static ERROR: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(br#""error""#));

/// What a try that succeeded has brought.
pub struct Arrival {
    /// The upstream's status.
    pub status: StatusCode,
    /// The upstream's headers.
    pub headers: HeaderMap,
    /// The upstream's dialect.
    pub dialect: Dialect,
    /// The deployment that answered; none when the gateway did it itself.
    pub step: Option<Step>,
    /// With which credential.
    pub credential: Option<Arc<Credential>>,
    /// The answer.
    pub answer: Arrived,
    /// Names of request fields that could not be carried.
    pub lossy: Vec<String>,
    /// What a whole answer is dressed with; a stream has its own.
    pub dress: Option<Dress>,
    /// Who keeps the answer, if it is to be kept.
    pub keep: Option<Keep>,
    /// What is to be remembered when a stream ends.
    pub remembering: Option<Box<Remembering>>,
    /// Who may go on with a stream that breaks off.
    pub prospect: Option<Box<Prospect>>,
    /// What came before it.
    pub earlier: Earlier,
}

/// What came before an answer, as far as whoever goes on with it has to know.
#[derive(Default)]
pub struct Earlier {
    /// Tries, the one that has answered among them.
    pub tries: usize,
    /// What failures leave of the other steps; noted where others may go on with the answer.
    pub narrowed: Vec<(Reaction, Step)>,
}

impl Earlier {
    /// Whether it leaves this step to be tried.
    pub fn leaves(&self, step: &Step) -> bool {
        self.narrowed.iter().all(|(reaction, failed)| step.is_left_by(*reaction, failed))
    }
}

/// An answer as far as it has been read.
pub enum Arrived {
    /// All of it.
    Whole {
        /// What has been learned of it.
        tap: Box<Tap>,
        /// In the client's dialect.
        told: Bytes,
        /// Whether it is told as a stream.
        streamed: bool,
        /// What was done to its JSON.
        healed: Option<Box<HealRecord>>,
        /// What the upstream said, where that is to be compared.
        heard: Option<Box<Heard>>,
    },
    /// The beginning of an answer that is large or heard while it comes, and the rest of it.
    Large(Bytes, AnswerBody),
    /// A stream, read up to its first content.
    Stream(Box<StreamRelay>, SmallVec<[Bytes; 4]>),
    /// A session, over a connection that is switched, and what knows the secrets with which it was opened.
    Session(Tunnel, Scrub),
}

impl Arrived {
    /// All of an answer that was said in this dialect.
    pub(super) fn whole(dialect: Dialect, said: &[u8], told: Bytes, streamed: bool) -> Self {
        let mut tap = Box::new(Tap::default());
        codec(dialect).tap_response(said, &mut tap);
        Self::Whole { tap, told, streamed, healed: None, heard: None }
    }

    /// The same with what was done to its JSON.
    pub(super) fn healed(mut self, record: Option<HealRecord>) -> Self {
        if let Self::Whole { healed, .. } = &mut self {
            *healed = record.map(Box::new);
        }
        self
    }

    /// The same with what the upstream said.
    pub(super) fn heard(mut self, said: Option<Box<Heard>>) -> Self {
        if let Self::Whole { heard, .. } = &mut self {
            *heard = said;
        }
        self
    }
}

/// Reads the answer to a try.
pub(super) struct Reading<'a> {
    pub attempt: &'a Try<'a>,
    /// When the request was sent: the first byte's time-out runs from here.
    pub sent: Instant,
    pub headers: &'a HeaderMap,
    pub withhold_usage: bool,
    /// The token with which it was sent, if there was one.
    pub token: Option<Arc<AccessToken>>,
    /// What the client calls its tools.
    pub own_tools: OwnTools,
    /// Who keeps the answer.
    pub keep: Option<&'a Keep>,
    /// Names of request fields that could not be carried.
    pub lossy: &'a [String],
}

impl Reading<'_> {
    pub(super) fn name(&self) -> &str {
        &self.attempt.step.provider().name
    }

    /// What knows the secrets of this try.
    pub(super) fn scrub(&self) -> Scrub {
        Scrub::new(&self.attempt.step.deployment.provider, self.attempt.credential, self.token.as_ref())
    }

    fn invalid(&self, why: &str) -> Failure {
        let message = format!("The answer of {} could not be read: {why}.", self.name());
        Failure::silent(Code::UpstreamInvalid, FailureClass::AnswerInvalid, message)
    }

    /// What a decoder complains of may be the upstream's own words.
    pub(super) fn unreadable(&self, why: &str) -> Failure {
        let why = self.scrub().text(why);
        self.invalid(why.trim_end_matches('.'))
    }

    fn broke(&self, error: &AnswerError) -> Failure {
        let message = format!("The answer of {} broke off.", self.name());
        let mut failure = Failure::silent(Code::UpstreamUnreachable, FailureClass::AnswerBroken, message);
        failure.rejection = failure.rejection.cause(error);
        failure
    }

    /// Reads an error answer.
    pub async fn refused(&self, status: StatusCode, mut body: AnswerBody) -> Failure {
        let mut text = BytesMut::new();
        let idle = self.attempt.remaining(self.attempt.step.provider().timeouts.idle);
        // What has come until then is what can be told.
        let _ = tokio::time::timeout(idle, body.read_up_to(ERROR_BYTES_MOST, &mut text)).await;
        self.said(status.as_u16(), text.freeze())
    }

    fn said(&self, status: u16, body: Bytes) -> Failure {
        let Try { call, step, .. } = self.attempt;
        let body = self.scrub().bytes(body);
        let provider = &step.provider().id;
        let (dialect, client) = (step.dialect, call.dialect);
        Failure::said(Said { status, headers: self.headers, body, dialect, client, provider })
    }

    /// Reads an answer as far as a retry would still be invisible to the client.
    pub async fn arrive(&self, exchange: &mut Exchange, body: AnswerBody) -> Result<Arrived, Failure> {
        let (kind, is_json) = (headers::media_type(self.headers), headers::is_json(self.headers));
        if self.attempt.call.rescue.begun().is_some() && is_json {
            return Err(self.invalid("it is no stream"));
        }
        match (self.attempt.call.stream, Framing::of_media_type(kind)) {
            // These pass as they come, whatever they are: sound, pictures, texts in several forms.
            (_, None) if self.attempt.call.passing().is_some() && !is_json => {
                self.begin(exchange, body).await
            }
            (true, Some(framing)) => self.hold(exchange, body, framing).await,
            // Some servers forget to say that theirs is a stream.
            (true, None) if !is_json => {
                let framing = codec(self.attempt.step.dialect).outline().framing;
                self.hold(exchange, body, framing).await
            }
            (false, Some(framing)) if self.is_gathered() => self.gather(exchange, body, framing).await,
            (false, None) if self.is_gathered() && !is_json => {
                let framing = codec(self.attempt.step.dialect).outline().framing;
                self.gather(exchange, body, framing).await
            }
            (false, Some(_)) => Err(self.invalid("it is a stream, which was not asked for")),
            _ => self.hold_whole(exchange, body).await,
        }
    }

    /// Whether a whole answer is put together from the upstream's stream.
    fn is_gathered(&self) -> bool {
        codec(self.attempt.step.dialect).outline().asking.answers == Answers::Streamed
    }

    fn is_page(&self) -> bool {
        headers::media_type(self.headers).eq_ignore_ascii_case("text/html")
    }

    /// Waits for the first bytes of an answer that is sent on as it comes.
    async fn begin(&self, exchange: &mut Exchange, mut body: AnswerBody) -> Result<Arrived, Failure> {
        if self.is_page() {
            return Err(self.invalid("it is a web page"));
        }
        let idle = self.attempt.step.provider().timeouts.idle;
        match self.next_chunk(exchange, &mut body, idle).await? {
            Some(first) => Ok(Arrived::Large(first, body)),
            None => Err(self.invalid("it is empty")),
        }
    }

    /// The next bytes; `None` at the end.
    pub(super) async fn next_chunk(
        &self,
        exchange: &mut Exchange,
        body: &mut AnswerBody,
        idle: Duration,
    ) -> Result<Option<Bytes>, Failure> {
        // Most answers have come with their head: no clock is needed then.
        let chunk = match body.chunk_at_once().await {
            Poll::Ready(chunk) => chunk,
            Poll::Pending => self.wait_for_chunk(exchange, body, idle).await?,
        };
        chunk.transpose().map_err(|error| self.broke(&error))
    }

    async fn hold_whole(&self, exchange: &mut Exchange, mut body: AnswerBody) -> Result<Arrived, Failure> {
        let attempt = self.attempt;
        let idle = attempt.step.provider().timeouts.idle;
        let only_passes = attempt.call.passing().is_some();
        let dressed = attempt.call.stream || attempt.call.skin != Skin::Plain;
        let passes = only_passes || attempt.same_dialect() && !dressed && attempt.call.healing.is_none();
        let most = if passes { HOLD_BYTES } else { attempt.settings.max_answer_bytes };
        let mut parts: SmallVec<[Bytes; 2]> = SmallVec::new();
        let mut size = 0;
        while !body.is_done() {
            let Some(chunk) = self.next_chunk(exchange, &mut body, idle).await? else { break };
            size += chunk.len();
            parts.push(chunk);
            if size > most {
                if passes {
                    return Ok(Arrived::Large(joined(parts, size), body));
                }
                let message = format!("The provider's answer is larger than {most} bytes.");
                return Err(Failure::silent(Code::UpstreamTooLarge, FailureClass::AnswerTooLarge, message));
            }
        }
        let said = joined(parts, size);
        let upstream = codec(attempt.step.dialect);
        if let Some(status) = upstream.status_within(&said).or_else(|| error_in_success(&said)) {
            return Err(self.said(status, said));
        }
        let (told, healed) = self.tell(exchange, &said).await?;
        let streamed = attempt.call.stream && !only_passes;
        let mut heard = attempt.call.shadow.hears(attempt.step.dialect, None);
        heard.iter_mut().for_each(|heard| heard.take(&said));
        Ok(Arrived::whole(attempt.step.dialect, &said, told, streamed).healed(healed).heard(heard))
    }

    async fn wait_for_chunk(
        &self,
        exchange: &mut Exchange,
        body: &mut AnswerBody,
        idle: Duration,
    ) -> Result<Option<Result<Bytes, AnswerError>>, Failure> {
        let asked = Instant::now();
        let chunk = tokio::time::timeout(self.attempt.remaining(idle), body.chunk()).await;
        exchange.waited += asked.elapsed();
        chunk.map_err(|_| {
            let message = format!("The answer of {} stopped for longer than the idle time-out.", self.name());
            Failure::silent(Code::UpstreamTimeout, FailureClass::IdleTimeout, message)
        })
    }

    /// Whether the answer is sound, which cannot be looked at.
    fn is_sound(&self) -> bool {
        let kind = headers::media_type(self.headers);
        codec(self.attempt.step.dialect).outline().operation == Operation::Speech
            && !headers::is_json(self.headers)
            && !kind.starts_with("text/")
    }

    /// The stream as the client is told it; one that goes on with another as its upstream says it.
    fn stream(&self, exchange: &Exchange, body: AnswerBody, framing: Framing) -> Box<StreamRelay> {
        let Try { settings, call, plan, step, .. } = *self.attempt;
        let from = (body, framing);
        if call.rescue.begun().is_some() {
            return Box::new(StreamRelay::raw(settings, step, self.scrub(), from));
        }
        let context = self.context(exchange);
        let mut stream = Box::new(StreamRelay::new(
            settings,
            call,
            (step, Rescue::is_on_for(call, plan, step)),
            context,
            self.scrub(),
            from,
            self.withhold_usage,
        ));
        stream.dress(Dress::of(self.attempt, exchange));
        stream.keep(self.keeper(exchange));
        stream.heard = call.shadow.hears(step.dialect, Some(framing));
        stream
    }

    /// Holds a stream's lifecycle frames until its first content, so that a fallback stays invisible.
    async fn hold(
        &self,
        exchange: &mut Exchange,
        body: AnswerBody,
        framing: Framing,
    ) -> Result<Arrived, Failure> {
        let step = self.attempt.step;
        let mut stream = self.stream(exchange, body, framing);
        let mut held: SmallVec<[Bytes; 4]> = SmallVec::new();
        let mut held_bytes = 0;
        let first_byte = (self.sent + step.provider().timeouts.first_byte).min(self.attempt.deadline);
        while !stream.has_begun() && held_bytes <= HELD_FRAMES_MOST {
            let commit =
                (!held.is_empty()).then_some(self.sent + HOLD_MOST).filter(|commit| *commit < first_byte);
            let asked = Instant::now();
            let wait = tokio::time::timeout_at(commit.unwrap_or(first_byte).into(), stream.next()).await;
            exchange.waited += asked.elapsed();
            match wait {
                Ok(Some(Ok(bytes))) => {
                    held_bytes += bytes.len();
                    held.push(bytes);
                }
                // Some servers say that their streams are web pages; this one was none.
                Ok(Some(Err(_))) if self.is_page() => return Err(self.invalid("it is a web page")),
                Ok(Some(Err(rejection))) => {
                    return Err(self.refused_in(&stream).unwrap_or_else(|| Failure::of_stream(rejection)));
                }
                Ok(None) => break,
                Err(_) if commit.is_some() => break,
                Err(_) => return Err(Failure::slow(self.name())),
            }
        }
        // Nothing has been told yet, so that another may answer unseen.
        if let Some(rejection) = stream.take_broken() {
            return Err(Failure::of_stream(rejection));
        }
        match self.refused_in(&stream) {
            Some(failure) => Err(failure),
            None => Ok(Arrived::Stream(stream, held)),
        }
    }

    /// The error that a stream has said in the place of its content, if it has said one.
    fn refused_in(&self, stream: &StreamRelay) -> Option<Failure> {
        let tap = stream.tap();
        let facts = tap.error.as_ref().filter(|_| !tap.content_seen)?;
        Some(Failure::from_facts((**facts).clone(), None, None, &self.attempt.step.provider().id))
    }
}

fn joined(mut parts: SmallVec<[Bytes; 2]>, size: usize) -> Bytes {
    if parts.len() == 1 {
        return parts.pop().unwrap_or_default();
    }
    let mut whole = BytesMut::with_capacity(size);
    for part in &parts {
        whole.extend_from_slice(part);
    }
    whole.freeze()
}

/// Some providers answer errors with status 200 and a body that only has an `error`.
fn error_in_success(body: &[u8]) -> Option<u16> {
    #[derive(serde::Deserialize)]
    struct Shape<'a> {
        #[serde(borrow)]
        error: Option<&'a serde_json::value::RawValue>,
        #[serde(borrow)]
        choices: Option<&'a serde_json::value::RawValue>,
        #[serde(borrow)]
        content: Option<&'a serde_json::value::RawValue>,
        #[serde(borrow)]
        data: Option<&'a serde_json::value::RawValue>,
    }
    // An error is short; the probe spares large answers a parse, and those that say that there was none.
    let probe = body.get(..body.len().min(ERROR_BYTES_MOST)).unwrap_or_default();
    ERROR.find_iter(probe).find(|at| !is_null(probe.get(at + ERROR.needle().len()..)))?;
    let shape: Shape<'_> = serde_json::from_slice(body).ok()?;
    let says = |part: Option<&serde_json::value::RawValue>| {
        part.is_some_and(|part| !matches!(part.get(), "null" | "[]" | "\"\"" | "{}"))
    };
    if [shape.choices, shape.content, shape.data].into_iter().any(says) {
        return None;
    }
    let error = shape.error.filter(|error| error.get() != "null")?;
    let code = serde_json::from_str::<serde_json::Value>(error.get())
        .ok()?
        .get("code")
        .and_then(serde_json::Value::as_u64);
    Some(
        code.and_then(|code| u16::try_from(code).ok())
            .filter(|code| (400..600).contains(code))
            .unwrap_or(502),
    )
}

/// Whether what follows a member's name says that it is null.
fn is_null(rest: Option<&[u8]>) -> bool {
    let value = rest.and_then(|rest| rest.trim_ascii_start().strip_prefix(b":"));
    value.is_some_and(|value| value.trim_ascii_start().starts_with(b"null"))
}
