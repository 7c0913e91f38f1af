//! relay: the provider's answer → client, as it comes. Nothing in it is read, and nothing is retried.

use std::task::{Context, Poll, ready};
use std::time::Instant;

use bytes::Bytes;
use http::{HeaderValue, header};
use yumen_telemetry::Outcome;

use super::dispatch::{Answered, Arrival};
use crate::body::{Body, BrokenOff, Flow};
use crate::exchange::Exchange;
use crate::kinds::llm::Answer;
use crate::kinds::mask::Mask;
use crate::kinds::patience::Patience;
use crate::rejection::Code;
use crate::upstream::{AnswerBody, AnswerError};

/// Sends an answer on. The exchange closes when the last of it is handed to the socket's writer.
pub fn relay(mut exchange: Box<Exchange>, arrival: Arrival) -> Answer {
    let Arrival { status, mut headers, length, answer, mask, provider, cause, .. } = arrival;
    exchange.record.provider = provider.as_ref().map(|provider| provider.id.to_string());
    exchange.record.status = status.as_u16();
    exchange.record.error_code = cause.map(str::to_owned);
    let kind = headers.get(header::CONTENT_TYPE).map(HeaderValue::as_bytes).unwrap_or_default();
    exchange.record.streamed = kind.to_ascii_lowercase().starts_with(b"text/event-stream");
    exchange.stamp(&mut headers);
    let body = match (answer, provider) {
        (Answered::Flow(rest), Some(provider)) => {
            let patience = Patience::new(&exchange, &provider.timeouts);
            Body::Flow(Box::new(PlainFlow {
                exchange,
                rest,
                mask,
                patience,
                left: length,
                over: false,
                broken: false,
            }))
        }
        (Answered::Whole(bytes), _) => {
            exchange.first_byte();
            exchange.close(if cause.is_some() { Outcome::Failed } else { Outcome::Completed });
            // The answer to HEAD tells the length of a body that does not come.
            if let (true, Some(length)) = (bytes.is_empty(), length) {
                headers.insert(header::CONTENT_LENGTH, length.into());
            }
            Body::full(bytes)
        }
        (Answered::Flow(_), None) => Body::full(Bytes::new()),
    };
    Answer { status, headers, body }
}

/// An answer that passes through while it comes.
struct PlainFlow {
    exchange: Box<Exchange>,
    rest: AnswerBody,
    mask: Mask,
    patience: Patience,
    /// Bytes that are still to come, where that is known.
    left: Option<u64>,
    over: bool,
    /// Whether it did not come to its end.
    broken: bool,
}

impl PlainFlow {
    fn close(&mut self, outcome: Outcome) {
        self.over = true;
        if outcome != Outcome::Completed {
            self.exchange.blame(outcome);
        }
        self.exchange.close(outcome);
    }

    /// Notes the end. It is told at the next poll: until then the connection sends what it was given before.
    fn fail(&mut self, code: Code, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, BrokenOff>>> {
        self.exchange.record.error_code = Some(code.row().name.to_owned());
        self.close(Outcome::Failed);
        self.broken = true;
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, BrokenOff>>> {
        if self.over {
            return Poll::Ready(self.broken.then_some(Err(BrokenOff)));
        }
        match self.poll_told(cx) {
            Poll::Ready(Some(Ok(bytes))) => {
                if self.patience.is_past_deadline() {
                    return self.fail(Code::UpstreamTimeout, cx);
                }
                self.exchange.first_byte();
                self.left = self.left.map(|left| left.saturating_sub(bytes.len() as u64));
                if self.rest.is_done() || self.left == Some(0) {
                    self.close(Outcome::Completed);
                }
                Poll::Ready(Some(Ok(bytes)))
            }
            Poll::Ready(None) => {
                self.close(Outcome::Completed);
                Poll::Ready(None)
            }
            Poll::Ready(Some(Err(_))) => self.fail(Code::UpstreamBroken, cx),
            Poll::Pending => match self.patience.poll_over(cx) {
                Poll::Ready(_) => self.fail(Code::UpstreamTimeout, cx),
                Poll::Pending => Poll::Pending,
            },
        }
    }
}

impl PlainFlow {
    /// The next bytes that can be told.
    fn poll_told(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, AnswerError>>> {
        loop {
            let Some(piece) = ready!(self.rest.poll_chunk(cx)?) else {
                let held = self.mask.finish();
                return Poll::Ready((!held.is_empty()).then_some(Ok(held)));
            };
            self.patience.heard(Instant::now());
            let told = if self.rest.is_done() { self.mask.whole(piece) } else { self.mask.push(piece) };
            if !told.is_empty() {
                return Poll::Ready(Some(Ok(told)));
            }
        }
    }
}

impl Flow for PlainFlow {
    fn poll_bytes(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, BrokenOff>>> {
        let entered = Instant::now();
        let polled = self.poll(cx);
        self.exchange.worked += entered.elapsed();
        polled
    }

    fn remaining(&self) -> Option<u64> {
        self.left
    }
}

impl Drop for PlainFlow {
    fn drop(&mut self) {
        if !self.over {
            let outcome = self.exchange.gone();
            self.close(outcome);
        }
    }
}
