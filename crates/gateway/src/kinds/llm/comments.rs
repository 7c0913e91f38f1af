//! The time after which a client is given a comment, because nothing has come from its upstream for so long.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::time::{Instant, Sleep};

/// When the next comment is due.
pub struct Comments {
    every: Duration,
    sleep: Pin<Box<Sleep>>,
    /// When the last comment was given.
    given: Instant,
}

impl Comments {
    /// The first is due after this time.
    pub fn new(every: Duration) -> Self {
        Self { every, sleep: Box::pin(tokio::time::sleep(every)), given: Instant::now() }
    }

    /// Waits until nothing has been heard and no comment given for so long. Whoever is told has to give one.
    pub fn poll_due(&mut self, heard: std::time::Instant, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            ready!(self.sleep.as_mut().poll(cx));
            let now = Instant::now();
            let due = Instant::from_std(heard).max(self.given) + self.every;
            if due <= now {
                self.given = now;
                self.sleep.as_mut().reset(now + self.every);
                return Poll::Ready(());
            }
            self.sleep.as_mut().reset(due);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn each_comes_when_nothing_was_heard_or_given_for_so_long() {
        let seconds = Duration::from_secs;
        let begun = Instant::now();
        let mut comments = Comments::new(seconds(10));
        for (heard, due) in [(0, 10), (0, 20), (25, 35), (35, 45)] {
            let heard = (begun + seconds(heard)).into_std();
            std::future::poll_fn(|cx| comments.poll_due(heard, cx)).await;
            assert_eq!(begun.elapsed().as_secs(), due);
        }
    }
}
