//! Answers that flow to the client while they come, and the closing of their exchange at the end.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::Bytes;
use smallvec::SmallVec;
use tokio::time::Sleep;
use yumen_config::Timeouts;
use yumen_llm::dialects::{Dialect, Operation, Tap, codec};
use yumen_telemetry::Outcome;

use super::account::Account;
use super::stream::{StreamRelay, error_code};
use crate::body::{BrokenOff, Flow};
use crate::exchange::Exchange;
use crate::rejection::{Code, Rejection};
use crate::upstream::AnswerBody;

/// How long the rest of a finished answer is awaited so that its connection can be used again.
const REST_MOST: Duration = Duration::from_secs(2);

/// How long the end of a stream is awaited whose answer is complete: some servers forget it and stay connected.
const END_MOST: Duration = Duration::from_secs(3);

/// What a large answer says of itself stands before or behind its content: so much of both is kept.
const HEAD_MOST: usize = 16 * 1024;
const TAIL_LEAST: usize = 64 * 1024;

/// Watches for silence of the upstream and for the end of the time allowed.
struct Patience {
    idle: Duration,
    deadline: Instant,
    last: Instant,
    /// When the end of a complete answer is awaited no longer.
    end: Option<Instant>,
    timer: Pin<Box<Sleep>>,
}

/// What is over.
enum Over {
    /// A time-out has passed.
    TimeOut(&'static str),
    /// The wait for the end of a complete answer.
    End,
}

impl Patience {
    fn new(exchange: &Exchange, timeouts: &Timeouts) -> Self {
        let now = Instant::now();
        let deadline = exchange.started + timeouts.total;
        let timer = Box::pin(tokio::time::sleep_until(deadline.min(now + timeouts.idle).into()));
        Self { idle: timeouts.idle, deadline, last: now, end: None, timer }
    }

    /// Whether the time allowed for the whole exchange is over.
    fn is_past_deadline(&self) -> bool {
        self.last >= self.deadline
    }

    /// The answer is complete since then: only its end is awaited.
    fn await_end(&mut self, since: Instant) {
        let end = since + END_MOST;
        if self.end.is_none() {
            self.timer.as_mut().reset(end.min(self.deadline).into());
        }
        self.end = Some(end);
    }

    /// Whether a time has passed. The timer is only moved when it fires: a busy stream costs it nothing.
    fn poll_over(&mut self, cx: &mut Context<'_>) -> Poll<Over> {
        while self.timer.as_mut().poll(cx).is_ready() {
            let now = Instant::now();
            if self.end.is_some_and(|end| now >= end) {
                return Poll::Ready(Over::End);
            }
            if now >= self.deadline {
                return Poll::Ready(Over::TimeOut("total"));
            }
            let idle = self.last + self.idle;
            if now >= idle {
                return Poll::Ready(Over::TimeOut("idle"));
            }
            self.timer.as_mut().reset(self.end.unwrap_or(idle).min(idle).min(self.deadline).into());
        }
        Poll::Pending
    }
}

/// A stream on its way to the client.
pub struct StreamFlow {
    exchange: Box<Exchange>,
    stream: Option<Box<StreamRelay>>,
    held: SmallVec<[Bytes; 4]>,
    account: Account,
    patience: Patience,
}

impl StreamFlow {
    /// The stream, with the frames that were held until its first content.
    pub fn new(
        exchange: Box<Exchange>,
        stream: Box<StreamRelay>,
        mut held: SmallVec<[Bytes; 4]>,
        account: Account,
        timeouts: &Timeouts,
    ) -> Self {
        held.reverse();
        let patience = Patience::new(&exchange, timeouts);
        Self { exchange, stream: Some(stream), held, account, patience }
    }

    fn close(&mut self, tap: &Tap, outcome: Outcome) {
        if outcome != Outcome::Completed {
            blame(&mut self.exchange, outcome);
        }
        self.account.close(&mut self.exchange, tap, outcome);
    }

    /// Notes what the stream has reached; closes the exchange before its last event is released.
    fn settle(&mut self) {
        let Some(stream) = &self.stream else { return };
        if stream.tap().content_seen {
            self.exchange.first_byte();
        }
        if let Some(facts) = &stream.tap().error {
            self.exchange.record.error_code = Some(error_code(facts).to_owned());
            let tap = stream.tap().clone();
            self.close(&tap, Outcome::Failed);
        } else if stream.has_finished() {
            let tap = stream.tap().clone();
            self.close(&tap, Outcome::Completed);
        }
    }

    fn fail(&mut self, rejection: &Rejection) -> Bytes {
        let Some(stream) = self.stream.take() else { return Bytes::new() };
        self.exchange.record.error_code = Some(rejection.code.row().name.to_owned());
        tracing::warn!(id = self.exchange.record.id, cause = rejection.cause, "{}", rejection.message);
        self.close(&stream.tap().clone(), Outcome::Failed);
        stream.error_event(rejection, &self.exchange.record.id)
    }

    /// The client has all it needs: the rest of the upstream's body is read aside.
    fn leave_rest(&mut self) {
        if let Some(mut rest) = self.stream.take().and_then(|stream| stream.into_rest()) {
            tokio::spawn(async move {
                let _ =
                    tokio::time::timeout(REST_MOST, async { while let Some(Ok(_)) = rest.chunk().await {} })
                        .await;
            });
        }
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        if let Some(bytes) = self.held.pop() {
            if self.held.is_empty() {
                self.settle();
            }
            return Poll::Ready(Some(bytes));
        }
        let Some(stream) = &mut self.stream else { return Poll::Ready(None) };
        let polled = stream.poll_next(cx);
        self.patience.last = stream.last_read();
        if let Some(since) = stream.complete_since() {
            self.patience.await_end(since);
        }
        let finished = stream.has_finished();
        match polled {
            Poll::Ready(Some(Ok(_))) if !finished && self.patience.is_past_deadline() => {
                Poll::Ready(Some(self.fail(&timed_out("total"))))
            }
            Poll::Ready(Some(Ok(bytes))) => {
                self.settle();
                Poll::Ready(Some(bytes))
            }
            Poll::Ready(Some(Err(rejection))) => Poll::Ready(Some(self.fail(&rejection))),
            Poll::Ready(None) => {
                self.settle();
                self.stream = None;
                Poll::Ready(None)
            }
            Poll::Pending if finished => {
                self.leave_rest();
                Poll::Ready(None)
            }
            Poll::Pending => match self.patience.poll_over(cx) {
                Poll::Ready(Over::TimeOut(phase)) => Poll::Ready(Some(self.fail(&timed_out(phase)))),
                Poll::Ready(Over::End) => Poll::Ready(self.finish()),
                Poll::Pending => Poll::Pending,
            },
        }
    }

    /// Says the end that the upstream does not say, and leaves its connection.
    fn finish(&mut self) -> Option<Bytes> {
        let end = match self.stream.as_mut()?.finish() {
            Ok(end) => end,
            Err(rejection) => return Some(self.fail(&rejection)),
        };
        self.settle();
        self.stream = None;
        (!end.is_empty()).then_some(end)
    }
}

impl Flow for StreamFlow {
    fn poll_bytes(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, BrokenOff>>> {
        let entered = Instant::now();
        let polled = self.poll(cx);
        self.exchange.worked += entered.elapsed();
        polled.map(|next| next.map(Ok))
    }
}

impl Drop for StreamFlow {
    fn drop(&mut self) {
        if let Some(stream) = &self.stream {
            let tap = stream.tap().clone();
            let outcome = self.exchange.gone();
            self.close(&tap, outcome);
        }
    }
}

fn timed_out(phase: &str) -> Rejection {
    Rejection::new(Code::UpstreamTimeout, format!("The provider's stream passed its {phase} time-out."))
}

/// Notes at the last try why its answer did not come to its end.
fn blame(exchange: &mut Exchange, outcome: Outcome) {
    let code = exchange.record.error_code.clone();
    if let Some(attempt) = exchange.record.attempts.last_mut() {
        attempt.cause = code.or_else(|| (outcome == Outcome::ClientGone).then(|| "client_gone".to_owned()));
    }
}

/// The beginning and the end of what has passed.
struct Seen {
    head: Bytes,
    tail: VecDeque<Bytes>,
    tail_size: usize,
    passed: u64,
}

impl Seen {
    fn new(begin: &Bytes) -> Self {
        let head = Bytes::copy_from_slice(begin.get(..HEAD_MOST).unwrap_or(begin));
        let mut seen = Self { head, tail: VecDeque::new(), tail_size: 0, passed: 0 };
        seen.push(begin.clone());
        seen
    }

    fn push(&mut self, bytes: Bytes) {
        self.passed += bytes.len() as u64;
        self.tail_size += bytes.len();
        self.tail.push_back(bytes);
        while let Some(first) = self.tail.front()
            && self.tail_size - first.len() >= TAIL_LEAST
        {
            self.tail_size -= first.len();
            self.tail.pop_front();
        }
    }

    /// What is left, as one: all of it, or its beginning and its end.
    fn joined(&self) -> Vec<u8> {
        let whole = self.tail_size as u64 == self.passed;
        let mut joined = Vec::with_capacity(HEAD_MOST + self.tail_size);
        joined.extend_from_slice(if whole { b"" } else { &self.head });
        self.tail.iter().for_each(|bytes| joined.extend_from_slice(bytes));
        joined
    }
}

/// A large whole answer that passes through while it comes.
pub struct LargeFlow {
    exchange: Box<Exchange>,
    begin: Option<Bytes>,
    rest: AnswerBody,
    dialect: Dialect,
    seen: Seen,
    account: Account,
    patience: Patience,
    over: bool,
}

impl LargeFlow {
    /// The answer whose beginning has been read.
    pub fn new(
        exchange: Box<Exchange>,
        begin: Bytes,
        rest: AnswerBody,
        account: Account,
        dialect: Dialect,
        timeouts: &Timeouts,
    ) -> Self {
        let patience = Patience::new(&exchange, timeouts);
        let seen = Seen::new(&begin);
        Self { exchange, begin: Some(begin), rest, dialect, seen, account, patience, over: false }
    }

    fn close(&mut self, outcome: Outcome) {
        self.over = true;
        let (codec, mut tap) = (codec(self.dialect), Tap::default());
        codec.tap_response(&self.seen.joined(), &mut tap);
        // Vectors are no tokens.
        if tap.usage.is_none() && tap.output_bytes == 0 && codec.outline().operation != Operation::Embeddings
        {
            tap.output_bytes = self.seen.passed;
        }
        if outcome != Outcome::Completed {
            blame(&mut self.exchange, outcome);
        }
        self.account.close(&mut self.exchange, &tap, outcome);
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, BrokenOff>>> {
        if let Some(begin) = self.begin.take() {
            self.exchange.first_byte();
            return Poll::Ready(Some(Ok(begin)));
        }
        if self.over {
            return Poll::Ready(None);
        }
        match self.rest.poll_chunk(cx) {
            Poll::Ready(Some(Ok(bytes))) => {
                self.patience.last = Instant::now();
                self.seen.push(bytes.clone());
                if self.rest.is_done() {
                    self.close(Outcome::Completed);
                }
                Poll::Ready(Some(Ok(bytes)))
            }
            Poll::Ready(None) => {
                self.close(Outcome::Completed);
                Poll::Ready(None)
            }
            Poll::Ready(Some(Err(_))) => self.fail(Code::UpstreamBroken),
            Poll::Pending => match self.patience.poll_over(cx) {
                Poll::Ready(_) => self.fail(Code::UpstreamTimeout),
                Poll::Pending => Poll::Pending,
            },
        }
    }

    fn fail(&mut self, code: Code) -> Poll<Option<Result<Bytes, BrokenOff>>> {
        self.exchange.record.error_code = Some(code.row().name.to_owned());
        self.close(Outcome::Failed);
        Poll::Ready(Some(Err(BrokenOff)))
    }
}

impl Flow for LargeFlow {
    fn poll_bytes(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, BrokenOff>>> {
        let entered = Instant::now();
        let polled = self.poll(cx);
        self.exchange.worked += entered.elapsed();
        polled
    }
}

impl Drop for LargeFlow {
    fn drop(&mut self) {
        if !self.over {
            let outcome = self.exchange.gone();
            self.close(outcome);
        }
    }
}
