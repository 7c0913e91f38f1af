//! What a connection's socket and its exchanges tell each other: how many exchanges have begun and ended, and
//! how many lengths the bytes read have announced.
//!
//! Both sides live on one worker, so every number is written by plain relaxed loads and stores.

use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use http::{HeaderMap, header};
use http_body::{Frame, SizeHint};

use super::streams::Outflow;
use crate::body::{Body, BrokenOff, Session};

/// The numbers of one connection.
#[derive(Default)]
pub(super) struct Activity {
    begun: AtomicU64,
    ended: AtomicU64,
    /// `content-length` lines read, less those that the requests taken so far carry.
    lengths: AtomicU64,
    /// What goes on over the connection when the HTTP library is done with it.
    session: Mutex<Option<Box<dyn Session>>>,
}

fn add(number: &AtomicU64, more: u64) {
    number.store(number.load(Ordering::Relaxed).wrapping_add(more), Ordering::Relaxed);
}

impl Activity {
    /// Exchanges begun so far.
    pub(super) fn begun(&self) -> u64 {
        self.begun.load(Ordering::Relaxed)
    }

    /// Whether no exchange is open.
    pub(super) fn is_idle(&self) -> bool {
        self.begun() == self.ended.load(Ordering::Relaxed)
    }

    /// An exchange begins; it is open until the value given is dropped.
    pub(super) fn begin(self: &Arc<Self>) -> Open {
        add(&self.begun, 1);
        Open(Arc::clone(self))
    }

    /// Notes what goes on when the connection has been switched.
    fn switch(&self, session: Box<dyn Session>) {
        *self.session.lock().unwrap_or_else(PoisonError::into_inner) = Some(session);
    }

    /// What goes on over the connection, if it was switched.
    pub(super) fn switched(&self) -> Option<Box<dyn Session>> {
        self.session.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Notes `content-length` lines among the bytes read.
    pub(super) fn lengths_read(&self, lines: u64) {
        if lines > 0 {
            add(&self.lengths, lines);
        }
    }

    /// Whether a request said its length in two ways. The HTTP library removes the length of a chunked request,
    /// so one that was read and belongs to no request is the second way. Bytes of a body or of a request sent
    /// ahead can only make this too strict, never too lax.
    pub(super) fn has_two_lengths(&self, headers: &HeaderMap) -> bool {
        let read = self.lengths.load(Ordering::Relaxed);
        if read == 0 {
            return false;
        }
        let own = u64::from(headers.contains_key(header::CONTENT_LENGTH));
        self.lengths.store(read.saturating_sub(own), Ordering::Relaxed);
        read > own && headers.contains_key(header::TRANSFER_ENCODING)
    }
}

impl std::fmt::Debug for Activity {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Activity")
    }
}

/// An open exchange.
#[derive(Debug)]
pub(super) struct Open(Arc<Activity>);

impl Drop for Open {
    fn drop(&mut self) {
        add(&self.0.ended, 1);
    }
}

/// An answer's body; its exchange is open until the body has been sent or given up.
pub(super) struct Held {
    body: Body,
    /// Where it is noted how far the body was taken, in HTTP/2.
    outflow: Option<Arc<Outflow>>,
    _open: Open,
}

impl Held {
    pub(super) fn new(body: Body, outflow: Option<Arc<Outflow>>, open: Open) -> Self {
        let body = match body {
            Body::Session(session) => {
                open.0.switch(session);
                Body::full(bytes::Bytes::new())
            }
            body => body,
        };
        Self { body, outflow, _open: open }
    }
}

impl http_body::Body for Held {
    type Data = bytes::Bytes;
    type Error = BrokenOff;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<bytes::Bytes>, BrokenOff>>> {
        let this = &mut *self;
        let Some(outflow) = &this.outflow else { return Pin::new(&mut this.body).poll_frame(cx) };
        outflow.asked();
        let polled = Pin::new(&mut this.body).poll_frame(cx);
        if matches!(polled, Poll::Ready(Some(_))) {
            outflow.given();
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(names: &[header::HeaderName]) -> HeaderMap {
        names.iter().map(|name| (name.clone(), http::HeaderValue::from_static("1"))).collect()
    }

    #[test]
    fn a_length_without_its_request_is_a_second_one() {
        let (sized, chunked) = (headers(&[header::CONTENT_LENGTH]), headers(&[header::TRANSFER_ENCODING]));
        let activity = Activity::default();
        assert!(!activity.has_two_lengths(&chunked));
        activity.lengths_read(1);
        assert!(activity.has_two_lengths(&chunked));
        let activity = Activity::default();
        // Two requests in one read, the second with both.
        activity.lengths_read(2);
        assert!(!activity.has_two_lengths(&sized));
        assert!(activity.has_two_lengths(&chunked));
    }

    #[test]
    fn an_exchange_is_open_until_it_is_dropped() {
        let activity = Arc::new(Activity::default());
        let (first, second) = (activity.begin(), activity.begin());
        drop(first);
        assert!(!activity.is_idle());
        drop(second);
        assert!(activity.is_idle() && activity.begun() == 2);
    }
}
