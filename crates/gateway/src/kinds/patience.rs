//! How long an answer that flows is waited for.
//!
//! In: when something came. Out: which time has passed. It never looks at an answer.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use tokio::time::Sleep;
use yumen_config::Timeouts;

use crate::exchange::Exchange;

/// How long the end of a stream is awaited whose answer is complete: some servers forget it and stay connected.
const END_MOST: Duration = Duration::from_secs(3);

/// Watches for silence of the upstream and for the end of the time allowed.
pub struct Patience {
    idle: Duration,
    deadline: Instant,
    last: Instant,
    /// When the end of a complete answer is awaited no longer.
    end: Option<Instant>,
    timer: Pin<Box<Sleep>>,
}

/// What is over.
pub enum Over {
    /// A time-out has passed.
    TimeOut(&'static str),
    /// The wait for the end of a complete answer.
    End,
}

impl Patience {
    /// From now on.
    pub fn new(exchange: &Exchange, timeouts: &Timeouts) -> Self {
        let now = Instant::now();
        let deadline = exchange.started + timeouts.total;
        let timer = Box::pin(tokio::time::sleep_until(deadline.min(now + timeouts.idle).into()));
        Self { idle: timeouts.idle, deadline, last: now, end: None, timer }
    }

    /// Something came of the upstream.
    pub fn heard(&mut self, when: Instant) {
        self.last = when;
    }

    /// Whether the time allowed for the whole exchange is over.
    pub fn is_past_deadline(&self) -> bool {
        self.last >= self.deadline
    }

    /// The answer is complete since then: only its end is awaited.
    pub fn await_end(&mut self, since: Instant) {
        let end = since + END_MOST;
        if self.end.is_none() {
            self.timer.as_mut().reset(end.min(self.deadline).into());
        }
        self.end = Some(end);
    }

    /// Whether a time has passed. The timer is only moved when it fires: a busy stream costs it nothing.
    pub fn poll_over(&mut self, cx: &mut Context<'_>) -> Poll<Over> {
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
