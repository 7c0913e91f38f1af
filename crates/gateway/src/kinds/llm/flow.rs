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
use super::arrival::{Arrival, Arrived};
use super::classify::Failure;
use super::comments::Comments;
use super::keep::{LOST, Remembering, tell};
use super::rescue::{Rescued, Rescuer};
use super::shadow::Due;
use super::stream::{StreamRelay, error_code};
use crate::body::{BrokenOff, Flow};
use crate::exchange::Exchange;
use crate::kinds::patience::{Over, Patience};
use crate::rejection::{Code, Rejection};
use crate::shadows::Fate;

/// How long the rest of a finished answer is awaited so that its connection can be used again.
const REST_MOST: Duration = Duration::from_secs(2);

/// A stream on its way to the client.
pub struct StreamFlow {
    /// Not while a rescue runs, which has it then.
    exchange: Option<Box<Exchange>>,
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
    /// Who goes on with a stream that breaks off, where that is wanted.
    rescuer: Option<Box<Rescuer>>,
    /// Whether all that was used is counted already.
    counted: bool,
}

impl StreamFlow {
    /// The stream, with the frames that were held until its first content.
    pub fn new(
        exchange: Box<Exchange>,
        stream: Box<StreamRelay>,
        mut held: SmallVec<[Bytes; 4]>,
        (account, rescuer): (Account, Option<Box<Rescuer>>),
        timeouts: &Timeouts,
        remembering: Option<Box<Remembering>>,
        due: Option<Arc<Due>>,
    ) -> Self {
        held.reverse();
        let patience = Patience::new(&exchange, timeouts);
        let comments = stream.comments().map(Comments::new);
        Self {
            exchange: Some(exchange),
            stream: Some(stream),
            held,
            account,
            patience,
            comments,
            remembering,
            last: None,
            rescuer,
            counted: false,
            due,
        }
    }

    fn close(&mut self, tap: &Tap, outcome: Outcome) {
        let Some(exchange) = &mut self.exchange else { return };
        if let Some(healed) = self.stream.as_ref().and_then(|stream| stream.healed()) {
            exchange.record.heal = Some(Box::new(healed.clone()));
        }
        if outcome != Outcome::Completed {
            exchange.blame(outcome);
        }
        if self.counted {
            Account::close_counted(exchange, tap, outcome);
        } else {
            self.account.close(exchange, tap, outcome);
        }
        let due = self.due.take().filter(|_| outcome == Outcome::Completed);
        if let (Some(due), Some(stream)) = (due, &mut self.stream) {
            due.send(exchange, stream.heard.take());
        }
    }

    /// Notes what the stream has reached; closes the exchange before its last event is released.
    fn settle(&mut self) {
        let (Some(stream), Some(exchange)) = (&self.stream, &mut self.exchange) else { return };
        if stream.tap().content_seen {
            exchange.first_byte();
        }
        if let Some(facts) = &stream.tap().error {
            exchange.record.error_code = Some(error_code(facts).to_owned());
            let tap = stream.tap().clone();
            self.close(&tap, Outcome::Failed);
        } else if stream.has_finished() {
            let tap = stream.tap().clone();
            self.close(&tap, Outcome::Completed);
        }
    }

    fn fail(&mut self, rejection: &Rejection) -> Bytes {
        let (Some(stream), Some(exchange)) = (&self.stream, &mut self.exchange) else { return Bytes::new() };
        let tap = stream.tap().clone();
        exchange.record.error_code = Some(code_of(&tap, rejection).to_owned());
        if tap.error.is_none() {
            tracing::warn!(id = exchange.record.id, cause = rejection.cause, "{}", rejection.message);
        }
        let id = exchange.record.id.clone();
        self.close(&tap, Outcome::Failed);
        let Some(mut stream) = self.stream.take() else { return Bytes::new() };
        match &tap.error {
            Some(facts) => stream.tell_error(facts),
            None => stream.error_event(rejection, &id),
        }
    }

    /// The stream has broken off: others go on with it, or the client is told.
    fn broke(&mut self, rejection: Rejection, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        match self.begin_rescue(rejection) {
            Ok(()) => self.poll_rescue(cx),
            Err(rejection) => Poll::Ready(Some(self.fail(&rejection))),
        }
    }

    /// Has others go on with what was told, where they can. What the first one used is counted now.
    fn begin_rescue(&mut self, rejection: Rejection) -> Result<(), Rejection> {
        let (Some(rescuer), Some(stream)) = (&mut self.rescuer, &mut self.stream) else {
            return Err(rejection);
        };
        let Some(mut exchange) = self.exchange.take() else { return Err(rejection) };
        let class = Failure::of_break(&rejection, stream.tap().error.as_deref());
        let Some(begun) = stream.begun().filter(|begun| rescuer.can(begun, class)) else {
            self.exchange = Some(exchange);
            return Err(rejection);
        };
        // Not in the provider's own words, which may be the client's.
        let code = code_of(stream.tap(), &rejection);
        let (id, cause) = (&exchange.record.id, &rejection.cause);
        tracing::warn!(id, code, cause, "a stream broke off; others are asked to go on with it");
        // What two deployments have said together is nobody's answer to compare with.
        if let Some(due) = self.due.take() {
            due.leave_out(&exchange, Fate::Unfit);
        }
        exchange.broke_off(code);
        self.account.part(&mut exchange, stream.tap());
        self.counted = true;
        rescuer.begin(exchange, begun, (class, rejection));
        stream.hang_up();
        stream.heard = None;
        Ok(())
    }

    fn poll_rescue(&mut self, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        let Some(rescuer) = &mut self.rescuer else { return Poll::Ready(None) };
        let Poll::Ready(rescued) = rescuer.poll(cx) else { return self.poll_comment(cx) };
        let Some(Rescued { exchange, result }) = rescued else { return Poll::Ready(None) };
        self.exchange = Some(exchange);
        match result.and_then(|arrival| self.go_on(arrival)) {
            Ok(said) if said.is_empty() => {
                self.settle();
                self.poll(cx)
            }
            Ok(said) => self.release(said, cx),
            // What has come of the second one may have broken off in its turn.
            Err(rejection) if !self.counted => self.broke(rejection, cx),
            Err(rejection) => Poll::Ready(Some(self.fail(&rejection))),
        }
    }

    /// Goes on with what another deployment answers.
    fn go_on(&mut self, arrival: Box<Arrival>) -> Result<Bytes, Rejection> {
        let (Some(stream), Some(exchange), Some(rescuer)) =
            (&mut self.stream, &mut self.exchange, &self.rescuer)
        else {
            return Ok(Bytes::new());
        };
        let (Arrived::Stream(next, held), Some(step)) = (arrival.answer, &arrival.step) else {
            let message = "What was to go on with the provider's stream is none.";
            return Err(Rejection::new(Code::UpstreamInvalid, message));
        };
        self.account.asked = rescuer.asked();
        let timeouts = self.account.served_by(exchange, step);
        self.counted = false;
        self.patience = Patience::new(exchange, &timeouts);
        for name in arrival.lossy {
            if !exchange.record.lossy.contains(&name) {
                exchange.record.lossy.push(name);
            }
        }
        stream.go_on(*next, held, arrival.dress, rescuer.max_event_bytes())
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
        if self.rescuer.as_ref().is_some_and(|rescuer| rescuer.is_running()) {
            return self.poll_rescue(cx);
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
            Poll::Ready(Some(Err(rejection))) => self.broke(rejection, cx),
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
                Poll::Ready(Over::TimeOut("idle")) => self.broke(timed_out("idle"), cx),
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
            Err(rejection) => self.broke(rejection, cx),
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
        if let Some(exchange) = &mut self.exchange {
            exchange.first_byte();
        }
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
                if let Some(exchange) = &mut self.exchange {
                    tell(exchange, &why);
                    exchange.record.lossy.push(LOST.to_owned());
                }
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
        if let Some(exchange) = &mut self.exchange {
            exchange.worked += entered.elapsed();
        }
        polled.map(|next| next.map(Ok))
    }
}

impl Drop for StreamFlow {
    fn drop(&mut self) {
        // A rescue that runs has the exchange, which closes when it is dropped.
        if let (Some(stream), Some(exchange)) = (&self.stream, &mut self.exchange) {
            let tap = stream.tap().clone();
            let outcome = exchange.gone();
            self.close(&tap, outcome);
        }
    }
}

/// Why a stream broke off, as the record has it.
fn code_of(tap: &Tap, rejection: &Rejection) -> &'static str {
    tap.error.as_ref().map_or(rejection.code.row().name, |facts| error_code(facts))
}

fn timed_out(phase: &str) -> Rejection {
    Rejection::new(Code::UpstreamTimeout, format!("The provider's stream passed its {phase} time-out."))
}
