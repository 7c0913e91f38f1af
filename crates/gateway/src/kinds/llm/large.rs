//! Whole answers that are too large to be held, or that are heard while they come, and the closing of their exchange at
//! the end.
//!
//! In: the beginning of an answer and the rest as the client takes it. Out: the same bytes, and what they say of
//! themselves. It keeps a beginning and an end of them, and of sound nothing.

use std::collections::VecDeque;
use std::task::{Context, Poll};
use std::time::Instant;

use bytes::Bytes;
use yumen_config::Timeouts;
use yumen_llm::dialects::{Dialect, Operation, Pictures, Tap, codec};
use yumen_telemetry::Outcome;

use super::account::Account;
use crate::body::{BrokenOff, Flow};
use crate::exchange::Exchange;
use crate::kinds::patience::Patience;
use crate::rejection::Code;
use crate::upstream::AnswerBody;

/// What a large answer says of itself stands before or behind its content: so much of both is kept.
const HEAD_MOST: usize = 16 * 1024;
const TAIL_LEAST: usize = 64 * 1024;

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

/// What is learned of an answer while it passes.
pub struct Watch {
    dialect: Dialect,
    /// What it says of itself; nothing in sound.
    seen: Option<Seen>,
    pictures: Option<Pictures>,
}

impl Watch {
    /// For an answer in this dialect that begins so; `is_told` when it can say anything of itself.
    pub fn new(dialect: Dialect, is_told: bool, begin: &Bytes) -> Self {
        let makes_pictures = codec(dialect).passing().is_some_and(|passing| passing.makes_pictures);
        let mut pictures = (is_told && makes_pictures).then(Pictures::default);
        if let Some(pictures) = &mut pictures {
            pictures.push(begin);
        }
        Self { dialect, seen: is_told.then(|| Seen::new(begin)), pictures }
    }

    fn push(&mut self, bytes: &Bytes) {
        if let Some(seen) = &mut self.seen {
            seen.push(bytes.clone());
        }
        if let Some(pictures) = &mut self.pictures {
            pictures.push(bytes);
        }
    }

    fn tap(&self, outcome: Outcome) -> Tap {
        let (codec, mut tap) = (codec(self.dialect), Tap::default());
        let Some(seen) = &self.seen else { return tap };
        codec.tap_response(&seen.joined(), &mut tap);
        let makes_text = codec.passing().is_none() && codec.outline().operation != Operation::Embeddings;
        // Vectors and pictures are no tokens.
        if tap.usage.is_none() && tap.output_bytes == 0 && makes_text {
            tap.output_bytes = seen.passed;
        }
        // Of an answer that broke off not all have been seen.
        let all = self.pictures.as_ref().filter(|_| outcome == Outcome::Completed);
        tap.units.images = all.and_then(Pictures::count);
        tap
    }
}

/// A whole answer that passes through while it comes.
pub struct LargeFlow {
    exchange: Box<Exchange>,
    begin: Option<Bytes>,
    rest: AnswerBody,
    watch: Watch,
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
        watch: Watch,
        timeouts: &Timeouts,
    ) -> Self {
        let patience = Patience::new(&exchange, timeouts);
        let over = false;
        Self { exchange, begin: Some(begin), rest, watch, account, patience, over }
    }

    fn close(&mut self, outcome: Outcome) {
        self.over = true;
        let tap = self.watch.tap(outcome);
        if outcome != Outcome::Completed {
            self.exchange.blame(outcome);
        }
        self.account.close(&mut self.exchange, &tap, outcome);
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, BrokenOff>>> {
        if let Some(begin) = self.begin.take() {
            self.exchange.first_byte();
            if self.rest.is_done() {
                self.close(Outcome::Completed);
            }
            return Poll::Ready(Some(Ok(begin)));
        }
        if self.over {
            return Poll::Ready(None);
        }
        match self.rest.poll_chunk(cx) {
            Poll::Ready(Some(Ok(bytes))) => {
                self.patience.heard(Instant::now());
                if self.patience.is_past_deadline() {
                    return self.fail(Code::UpstreamTimeout);
                }
                self.watch.push(&bytes);
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
