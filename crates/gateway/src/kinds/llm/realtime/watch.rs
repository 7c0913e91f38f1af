//! What ends a session from outside: its key, its limits, a stop of the process.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use yumen_config::may_use;

use super::end::End;
use super::pumps::Ways;
use crate::rejection::Code;
use crate::websocket::Close;

/// How often it is looked: a key that was switched off talks no longer than this.
const LOOK: Duration = Duration::from_secs(1);

impl Ways {
    /// Waits until the session has to end. `idle_most` is how long the provider may be silent in the midst of an answer.
    pub async fn watch(&self, idle_most: Duration) -> End {
        let mut looks = tokio::time::interval(LOOK);
        looks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            looks.tick().await;
            if let Some(end) = self.look(idle_most) {
                return end;
            }
        }
    }

    fn look(&self, idle_most: Duration) -> Option<End> {
        let (answering, heard, told) =
            self.account(|ledger| (ledger.is_answering(), ledger.heard, ledger.told));
        let ours =
            |code: u16, reason: &str, why| Some(End::Ours { close: Close::with(code, reason), code: why });
        let session = &self.settings.session;
        let now = Instant::now();
        // A stop lets an answer that is under way end, as it does with streams.
        if self.gateway.draining.load(Ordering::Relaxed) && !answering {
            return ours(Close::GOING_AWAY, "The gateway is stopping.", None);
        }
        if !self.may_go_on() {
            return ours(
                Close::POLICY,
                "The virtual key is no longer good for this.",
                Some(Code::InvalidKey),
            );
        }
        if answering && now.duration_since(told) >= idle_most {
            return ours(Close::FAILED, "The provider fell silent.", Some(Code::UpstreamTimeout));
        }
        if now.duration_since(heard) >= session.idle {
            return ours(Close::GOING_AWAY, "Neither side has said anything for too long.", None);
        }
        if now.duration_since(self.started) >= session.total {
            return ours(Close::GOING_AWAY, "The session has lasted as long as one may.", None);
        }
        None
    }

    /// Whether the key is still good, and may still use the session's model. A model whose name is gone from the
    /// configuration says nothing of the key.
    fn may_go_on(&self) -> bool {
        let snapshot = self.gateway.snapshot.load();
        let Some(key) = self.key(&snapshot) else { return false };
        let asked = &self.chosen.asked;
        key.models.allows(asked)
            || snapshot.target(asked).is_none_or(|target| may_use(&key.models, asked, &target))
    }
}
