//! The deployment that serves an exchange, from its first content to the end.
//!
//! In: an exchange that opened there, and how it ended. Out: what is learnt of the deployment, and where the session finds
//! it again.

use std::time::Instant;

use yumen_telemetry::{ExchangeRecord, Outcome, TokenSource};

use crate::clock::micros;
use crate::health::Opened;
use crate::rejection::Code;
use crate::worker::Gateway;

/// How an exchange is served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Manner {
    /// With an answer that is told as a whole.
    Whole,
    /// With a stream.
    Streamed,
    /// With a session, which lasts as long as its client likes: that tells nothing of how fast anybody is.
    Session,
}

/// The deployment that serves an exchange.
#[derive(Debug)]
pub struct Serving {
    /// As the deployment sees it.
    opened: Opened,
    /// As the credential sees it, with which it is called.
    held: Option<Opened>,
    /// The deployment's number.
    deployment: u64,
    /// When it was asked.
    began: Instant,
    /// When its first content had come.
    first: Instant,
    manner: Manner,
    /// The session that is to find it again, and whether at once or only if it reads from its cache.
    session: Option<(u64, bool)>,
}

impl Serving {
    /// It has answered.
    pub fn new(
        gateway: &Gateway,
        (mut opened, mut held): (Opened, Option<Opened>),
        deployment: u64,
        began: Instant,
        manner: Manner,
        session: Option<(u64, bool)>,
    ) -> Self {
        let first = Instant::now();
        let now_ms = gateway.health.at(first);
        opened.answered(now_ms);
        if let Some(held) = &mut held {
            held.answered(now_ms);
        }
        if manner == Manner::Streamed {
            opened.first_token(now_ms, micros(first.saturating_duration_since(began)));
        }
        Self { opened, held, deployment, began, first, manner, session }
    }

    /// The exchange has ended.
    pub fn end(mut self, gateway: &Gateway, record: &ExchangeRecord, outcome: Outcome) {
        let now = Instant::now();
        let now_ms = gateway.health.at(now);
        match outcome {
            Outcome::Completed => {
                let since = |begin: Instant| micros(now.saturating_duration_since(begin));
                // What was not counted by the upstream tells of no rate.
                let counted = record.tokens.source == TokenSource::Reported;
                let output = if counted { record.tokens.output } else { 0 };
                let spent = since(if self.manner == Manner::Streamed { self.first } else { self.began });
                for opened in std::iter::once(&self.opened).chain(&self.held) {
                    match self.manner {
                        Manner::Session => opened.left(now_ms),
                        _ => opened.completed(now_ms, since(self.began), output, spent),
                    }
                }
                if let Some((session, at_once)) = self.session
                    && (at_once || record.tokens.cached_input > 0)
                {
                    gateway.affinity.remember(session, self.deployment, now_ms);
                }
            }
            Outcome::ClientGone | Outcome::Refused => {
                self.opened.left(now_ms);
                if let Some(held) = &self.held {
                    held.left(now_ms);
                }
            }
            // What this process cut off by itself says nothing of the deployment.
            Outcome::Failed if record.error_code.as_deref() == Some(Code::Draining.row().name) => {}
            Outcome::Failed => {
                self.opened.failed(now_ms, None);
                if let Some(held) = &mut self.held {
                    held.failed(now_ms, None);
                }
                if let Some((session, _)) = self.session {
                    gateway.affinity.forget(session);
                }
            }
        }
    }
}
