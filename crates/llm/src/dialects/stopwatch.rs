//! Time as the caller tells it: this crate has no clock, and some dialects say how long an answer took.

/// Tells how long a client has been waiting; the default one does not know.
#[derive(Debug, Clone, Copy, Default)]
pub struct Stopwatch {
    /// Nanoseconds at which the wait began, and what tells the nanoseconds of now.
    running: Option<(u64, fn() -> u64)>,
}

impl Stopwatch {
    /// A stopwatch that began at this reading of a clock that counts nanoseconds.
    pub fn since(began_ns: u64, now_ns: fn() -> u64) -> Self {
        Self { running: Some((began_ns, now_ns)) }
    }

    /// Nanoseconds since it began.
    pub(super) fn elapsed_ns(&self) -> Option<u64> {
        self.running.map(|(began, now)| now().saturating_sub(began))
    }
}
