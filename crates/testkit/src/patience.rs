//! Waiting for something to come true, with a bound.

use std::future::Future;
use std::time::{Duration, Instant};

/// How long anything may take before a test gives up. It is no measure of speed: only a hang reaches it.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// The future's value; panics when it takes longer than [`PATIENCE`].
pub async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    match tokio::time::timeout(PATIENCE, future).await {
        Ok(value) => value,
        Err(_) => panic!("{what}: nothing after {} s", PATIENCE.as_secs()),
    }
}

/// Polls until `probe` gives something; panics when that takes longer than [`PATIENCE`].
pub async fn eventually<T>(what: &str, mut probe: impl AsyncFnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    let mut pause = Duration::from_millis(1);
    loop {
        if let Some(value) = probe().await {
            return value;
        }
        assert!(Instant::now() < deadline, "{what}: not so after {} s", PATIENCE.as_secs());
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(Duration::from_millis(20));
    }
}
