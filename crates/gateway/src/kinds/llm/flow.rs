//! Streams that flow to the client while they come, and the closing of their exchange at the end.

use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use bytes::Bytes;
use smallvec::SmallVec;
use yumen_config::Timeouts;
use yumen_llm::dialects::Tap;
use yumen_telemetry::Outcome;

use super::account::Account;
use super::comments::Comments;
use super::keep::{LOST, Remembering, tell};
use super::shadow::Due;
use super::stream::{StreamRelay, error_code};
use crate::body::{BrokenOff, Flow};
use crate::exchange::Exchange;
use crate::kinds::patience::{Over, Patience};
use crate::rejection::{Code, Rejection};

/// How long the rest of a finished answer is awaited so that its connection can be used again.
const REST_MOST: Duration = Duration::from_secs(2);

/// A stream on its way to the client.
pub struct StreamFlow {
    exchange: Box<Exchange>,
    stream: Option<Box<StreamRelay>>,
    held: SmallVec<[Bytes; 4]>,
    account: Account,
    patience: Patience,
    /// Comments while the upstream is silent.
    comments: Option<Comments>,
    /// What is to be remembered before the last event is told, and that event.
    remembering: Option<Box<Remembering>>,
    last: Option<Bytes>,
    /// What is needed for the copy that follows it, if one does.
    due: Option<Arc<Due>>,
}

impl StreamFlow {
    /// The stream, with the frames that were held until its first content.
    pub fn new(
        exchange: Box<Exchange>,
        stream: Box<StreamRelay>,
        mut held: SmallVec<[Bytes; 4]>,
        account: Account,
        timeouts: &Timeouts,
        remembering: Option<Box<Remembering>>,
        due: Option<Arc<Due>>,
    ) -> Self {
        held.reverse();
        let patience = Patience::new(&exchange, timeouts);
        let comments = stream.comments().map(Comments::new);
        let (stream, last) = (Some(stream), None);
        Self { exchange, stream, held, account, patience, comments, remembering, last, due }
    }

    fn close(&mut self, tap: &Tap, outcome: Outcome) {
        if let Some(healed) = self.stream.as_ref().and_then(|stream| stream.healed()) {
            self.exchange.record.heal = Some(Box::new(healed.clone()));
        }
        if outcome != Outcome::Completed {
            self.exchange.blame(outcome);
        }
        self.account.close(&mut self.exchange, tap, outcome);
        let due = self.due.take().filter(|_| outcome == Outcome::Completed);
        if let (Some(due), Some(stream)) = (due, &mut self.stream) {
            due.send(&self.exchange, stream.heard.take());
        }
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
        let Some(tap) = self.stream.as_ref().map(|stream| stream.tap().clone()) else { return Bytes::new() };
        self.exchange.record.error_code = Some(rejection.code.row().name.to_owned());
        tracing::warn!(id = self.exchange.record.id, cause = rejection.cause, "{}", rejection.message);
        self.close(&tap, Outcome::Failed);
        let Some(stream) = self.stream.take() else { return Bytes::new() };
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
            return if self.held.is_empty() { self.release(bytes, cx) } else { Poll::Ready(Some(bytes)) };
        }
        if self.last.is_some() {
            return self.poll_last(cx);
        }
        let Some(stream) = &mut self.stream else { return Poll::Ready(None) };
        let polled = stream.poll_next(cx);
        self.patience.heard(stream.last_read());
        if let Some(since) = stream.complete_since() {
            self.patience.await_end(since);
        }
        let finished = stream.has_finished();
        match polled {
            Poll::Ready(Some(Ok(_))) if !finished && self.patience.is_past_deadline() => {
                Poll::Ready(Some(self.fail(&timed_out("total"))))
            }
            Poll::Ready(Some(Ok(bytes))) => self.release(bytes, cx),
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
                Poll::Ready(Over::End) => self.finish(cx),
                Poll::Pending => self.poll_comment(cx),
            },
        }
    }

    /// A comment, when nothing has come for so long. Bytes that were given end with an event, so that one may stand there.
    fn poll_comment(&mut self, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        let (Some(stream), Some(comments)) = (&mut self.stream, &mut self.comments) else {
            return Poll::Pending;
        };
        loop {
            ready!(comments.poll_due(stream.last_read(), cx));
            let comment = stream.alive();
            if !comment.is_empty() {
                return Poll::Ready(Some(comment));
            }
        }
    }

    /// Says the end that the upstream does not say; its connection is left at the next poll.
    fn finish(&mut self, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        let Some(stream) = &mut self.stream else { return Poll::Ready(None) };
        match stream.finish() {
            Ok(end) if end.is_empty() => {
                self.settle();
                self.stream = None;
                Poll::Ready(None)
            }
            Ok(end) => self.release(end, cx),
            Err(rejection) => Poll::Ready(Some(self.fail(&rejection))),
        }
    }

    /// Releases bytes; the last ones when what is to be remembered of the answer is.
    fn release(&mut self, bytes: Bytes, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        let (Some(stream), Some(remembering)) = (&self.stream, &mut self.remembering) else {
            self.settle();
            return Poll::Ready(Some(bytes));
        };
        remembering.seen(stream.tap());
        if !stream.has_finished() || stream.tap().error.is_some() {
            self.settle();
            return Poll::Ready(Some(bytes));
        }
        let at = remembering.hold_from(&bytes);
        let last = bytes.slice(at..);
        remembering.ended(&last, true);
        self.last = Some(last);
        if at == 0 {
            return self.poll_last(cx);
        }
        self.exchange.first_byte();
        Poll::Ready(Some(bytes.slice(..at)))
    }

    /// The last bytes, which say what became of the answer.
    fn poll_last(&mut self, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        let kept = match &mut self.remembering {
            Some(remembering) => ready!(remembering.poll_finished(cx)),
            None => Ok(()),
        };
        let (last, remembering) = (self.last.take(), self.remembering.take());
        let last = match (last, remembering, kept) {
            (Some(last), Some(remembering), Err(why)) => {
                tell(&self.exchange, &why);
                self.exchange.record.lossy.push(LOST.to_owned());
                Some(remembering.denied(last, true))
            }
            (last, ..) => last,
        };
        self.settle();
        Poll::Ready(last)
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
