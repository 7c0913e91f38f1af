//! The exchanges of an HTTP/2 connection: each a task of its own, ended when its client takes no byte for too long.
//!
//! In: the futures that the HTTP library wants to run. Out: tasks with a watch beside them. A client that keeps its
//! connection alive but gives one exchange no room looks like a good one on the socket, so it is seen here only.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use hyper::rt::Executor;

tokio::task_local! {
    static OUTFLOW: Arc<Outflow>;
}

/// How far an answer's body has been taken: odd while bytes that were given have not been followed by the wish for
/// more, and another number at each step.
#[derive(Debug, Default)]
pub(super) struct Outflow(AtomicU64);

impl Outflow {
    /// That of the task that runs now, when `Streams` has started it.
    pub(super) fn current() -> Option<Arc<Self>> {
        OUTFLOW.try_with(Arc::clone).ok()
    }

    /// More is asked for.
    pub(super) fn asked(&self) {
        let step = self.0.load(Ordering::Relaxed);
        self.0.store(step + step % 2, Ordering::Relaxed);
    }

    /// Bytes were given.
    pub(super) fn given(&self) {
        self.0.store(self.0.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
    }

    /// Ends when no more was asked for during one to two times `most`.
    async fn stalled(&self, most: Duration) {
        let mut before = 0;
        loop {
            tokio::time::sleep(most).await;
            let now = self.0.load(Ordering::Relaxed);
            if now % 2 == 1 && now == before {
                return;
            }
            before = now;
        }
    }
}

/// Runs exchanges.
#[derive(Debug, Clone, Copy)]
pub(super) struct Streams {
    /// How long a client may take no byte of an answer.
    pub write: Duration,
}

impl<F> Executor<F> for Streams
where
    F: Future + Send + 'static,
    F::Output: Send,
{
    fn execute(&self, future: F) {
        let (most, outflow) = (self.write / 2, Arc::new(Outflow::default()));
        tokio::spawn(async move {
            tokio::select! {
                biased;
                _ = OUTFLOW.scope(Arc::clone(&outflow), future) => {}
                // Dropping the exchange resets its stream.
                () = outflow.stalled(most) => {}
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::oneshot;

    use super::*;

    /// Runs an exchange that makes these steps and then waits for ever; says whether it was ended within an hour.
    async fn is_ended(steps: impl Fn(&Outflow) + Send + 'static) -> bool {
        let (held, ended) = oneshot::channel::<()>();
        Streams { write: Duration::from_secs(120) }.execute(async move {
            let _held = held;
            steps(&Outflow::current().unwrap());
            std::future::pending::<()>().await;
        });
        tokio::time::timeout(Duration::from_secs(3600), ended).await.is_ok()
    }

    #[tokio::test(start_paused = true)]
    async fn an_exchange_without_room_is_ended_and_one_that_waits_for_bytes_is_not() {
        assert!(Outflow::current().is_none());
        assert!(!is_ended(|_| {}).await);
        assert!(!is_ended(|outflow| outflow.asked()).await);
        assert!(is_ended(Outflow::given).await);
        let asked_again = |outflow: &Outflow| {
            outflow.given();
            outflow.asked();
            outflow.asked();
        };
        assert!(!is_ended(asked_again).await);
        let given_again = move |outflow: &Outflow| {
            asked_again(outflow);
            outflow.given();
        };
        assert!(is_ended(given_again).await);
    }
}
