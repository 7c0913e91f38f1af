//! A client's socket with patience: one that is silent between requests, slow with a head or does not take its
//! answer is given up, in HTTP/1 and HTTP/2 alike.
//!
//! In: bytes of the socket. Out: the same bytes, the end of the stream when the client was silent for too long,
//! an error when a write did. It counts `content-length` lines on the way and never changes a byte. A busy
//! connection moves no timer: the one for reading is only looked at again when it fires.

use std::future::Future as _;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, Interest, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep};

use super::activity::Activity;

/// How a connection that begins with HTTP/2's preface begins.
const PREFACE: [u8; 3] = *b"PRI";
/// A line that announces a length, with the end of the line before it.
const LENGTH_LINE: &[u8] = b"\ncontent-length:";

/// Stands for the exchanges begun when the timer was set while one was open: its firing then says nothing yet.
const BUSY: u64 = u64::MAX;
/// What is written between two looks at an idle connection: more than this is an answer, not a protocol's own
/// frames.
const QUIET_BYTES_MOST: usize = 4096;

/// How often it is looked whether a client is still there whose bytes nobody reads.
const LOOK: Duration = Duration::from_millis(250);

/// What can tell without reading whether its other side is there.
pub(super) trait Peer {
    /// Whether the other side has closed the connection.
    fn has_left(&self) -> bool;
}

impl Peer for TcpStream {
    fn has_left(&self) -> bool {
        // Nothing is awaited: the runtime knows of an end as soon as the kernel tells, whatever is still to be read.
        let mut cx = Context::from_waker(Waker::noop());
        let ready = tokio::task::coop::unconstrained(self.ready(Interest::READABLE));
        matches!(std::pin::pin!(ready).poll(&mut cx), Poll::Ready(Ok(ready)) if ready.is_read_closed())
    }
}

/// How long a client may be silent.
#[derive(Debug, Clone, Copy)]
pub(super) struct Waits {
    /// From the first byte of a head to its last, and from the connection's start to its first request.
    pub head: Duration,
    /// Between two requests; a connection is closed after one to two times this.
    pub idle: Duration,
    /// With an answer's bytes waiting for it.
    pub write: Duration,
}

/// A client's socket.
#[derive(Debug)]
pub(super) struct ClientSocket<S> {
    socket: S,
    activity: Arc<Activity>,
    waits: Waits,
    /// The connection's first bytes, read to know its protocol and not yet given on.
    start: [u8; PREFACE.len()],
    start_length: usize,
    http2: bool,
    lengths: LengthScan,
    /// How many exchanges had begun when bytes of a further head came.
    head_after: Option<u64>,
    silence: Pin<Box<Sleep>>,
    /// For what `silence` was set: exchanges begun by then, and whether a head was on its way.
    armed: (u64, bool),
    /// Bytes written since then: an answer whose exchange has ended may still be on its way.
    written: usize,
    /// Runs while a write waits; made at the first that does.
    stall: Option<Pin<Box<Sleep>>>,
    stalled: bool,
    /// How many exchanges had begun when the socket was last asked for bytes.
    asked_after: u64,
    /// Runs while an exchange is open and nobody asks for bytes; made at the first time that this is so.
    look: Option<Pin<Box<Sleep>>>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> ClientSocket<S> {
    /// Reads as much of the socket as tells the protocol. `None` when the client says too little in time.
    pub(super) async fn open(mut socket: S, activity: Arc<Activity>, waits: Waits) -> Option<Self> {
        let deadline = Instant::now() + waits.head;
        let mut start = [0; PREFACE.len()];
        let mut start_length = 0;
        while start_length < PREFACE.len() && start.get(..start_length) == PREFACE.get(..start_length) {
            let room = start.get_mut(start_length..)?;
            match tokio::time::timeout_at(deadline, socket.read(room)).await {
                Ok(Ok(length @ 1..)) => start_length += length,
                _ => return None,
            }
        }
        Some(Self {
            socket,
            activity,
            waits,
            start,
            start_length,
            http2: start == PREFACE,
            lengths: LengthScan::default(),
            head_after: Some(0),
            silence: Box::pin(tokio::time::sleep_until(deadline)),
            armed: (0, true),
            written: 0,
            stall: None,
            stalled: false,
            asked_after: 0,
            look: None,
        })
    }

    /// Whether the client speaks HTTP/2.
    pub(super) fn is_http2(&self) -> bool {
        self.http2
    }

    /// Bytes have been read. In HTTP/2 those that follow the first request may be pings, so only the time between
    /// requests is watched there.
    fn note(&mut self, bytes: &[u8]) {
        if self.http2 {
            return;
        }
        if self.activity.is_idle() {
            self.head_after = Some(self.activity.begun());
        }
        self.activity.lengths_read(self.lengths.count(bytes));
    }

    /// Whether the client has been silent for too long while no exchange is open. The timer runs while one is open,
    /// too: when it ends, nobody asks the socket again until something wakes the connection.
    fn poll_silence(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.stalled {
            return Poll::Pending;
        }
        let (idle, begun) = (self.activity.is_idle(), self.activity.begun());
        let head = idle && self.head_after == Some(begun);
        // A timer that was set for a head is no measure for the time between two, nor the other way round.
        let due = head != self.armed.1 || poll_timer(&mut self.silence, cx).is_ready();
        if !due {
            return Poll::Pending;
        }
        if idle && self.armed == (begun, head) && self.written < QUIET_BYTES_MOST {
            return Poll::Ready(());
        }
        (self.armed, self.written) = ((if idle { begun } else { BUSY }, head), 0);
        let wait = if head { self.waits.head } else { self.waits.idle };
        self.silence.as_mut().reset(Instant::now() + wait);
        match poll_timer(&mut self.silence, cx) {
            Poll::Ready(()) if idle => Poll::Ready(()),
            _ => Poll::Pending,
        }
    }

    /// Looks whether a client has left while its exchange is open and nobody asks the socket for bytes: the HTTP/1
    /// library does not, as long as it holds bytes behind the request, be it only an empty line.
    fn poll_left(&mut self, cx: &mut Context<'_>) -> Poll<()>
    where
        S: Peer,
    {
        if self.http2 || self.activity.is_idle() || self.asked_after == self.activity.begun() {
            self.look = None;
            return Poll::Pending;
        }
        loop {
            let look = self.look.get_or_insert_with(|| Box::pin(tokio::time::sleep(LOOK)));
            if poll_timer(look, cx).is_pending() {
                return Poll::Pending;
            }
            if self.socket.has_left() {
                return Poll::Ready(());
            }
            self.look = None;
        }
    }

    /// The outcome of a write that cannot go on.
    fn poll_stalled<T>(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<T>> {
        let end = || Instant::now() + self.waits.write;
        let timer = self.stall.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(end())));
        if !std::mem::replace(&mut self.stalled, true) {
            timer.as_mut().reset(end());
        }
        poll_timer(timer, cx)
            .map(|()| Err(io::Error::new(io::ErrorKind::TimedOut, "the client takes no bytes")))
    }

    fn wrote<T>(&mut self, polled: Poll<io::Result<T>>, cx: &mut Context<'_>) -> Poll<io::Result<T>> {
        if polled.is_pending() {
            return self.poll_stalled(cx);
        }
        self.stalled = false;
        polled
    }

    fn wrote_bytes(
        &mut self,
        polled: Poll<io::Result<usize>>,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        if let Poll::Ready(Ok(length)) = &polled {
            self.written = self.written.saturating_add(*length);
        }
        self.wrote(polled, cx)
    }
}

/// Polls outside the task's budget: a timer that the budget has kept from being registered would never wake us.
fn poll_timer(timer: &mut Pin<Box<Sleep>>, cx: &mut Context<'_>) -> Poll<()> {
    std::pin::pin!(tokio::task::coop::unconstrained(timer.as_mut())).poll(cx)
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for ClientSocket<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        this.asked_after = this.activity.begun();
        let before = buffer.filled().len();
        if this.start_length > 0 && buffer.remaining() >= this.start_length {
            buffer.put_slice(this.start.get(..this.start_length).unwrap_or_default());
            this.start_length = 0;
        }
        let polled = match Pin::new(&mut this.socket).poll_read(cx, buffer) {
            Poll::Pending if buffer.filled().len() > before => Poll::Ready(Ok(())),
            Poll::Pending => this.poll_silence(cx).map(Ok),
            ready => ready,
        };
        if let Some(new) = buffer.filled().get(before..).filter(|new| !new.is_empty()) {
            this.note(new);
        }
        polled
    }
}

impl<S: AsyncRead + AsyncWrite + Peer + Unpin> AsyncWrite for ClientSocket<S> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let polled = Pin::new(&mut this.socket).poll_write(cx, bytes);
        this.wrote_bytes(polled, cx)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let polled = Pin::new(&mut this.socket).poll_write_vectored(cx, pieces);
        this.wrote_bytes(polled, cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.poll_left(cx).is_ready() {
            return Poll::Ready(Err(io::Error::new(io::ErrorKind::ConnectionReset, "the client has left")));
        }
        let polled = Pin::new(&mut this.socket).poll_flush(cx);
        this.wrote(polled, cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let polled = Pin::new(&mut this.socket).poll_shutdown(cx);
        this.wrote(polled, cx)
    }
}

/// Counts lines that begin with `content-length:`, wherever the bytes are cut.
#[derive(Debug, Default)]
struct LengthScan {
    matched: usize,
}

impl LengthScan {
    fn count(&mut self, mut bytes: &[u8]) -> u64 {
        let mut lines = 0;
        loop {
            if self.matched == 0 {
                let Some(end) = memchr::memchr(b'\n', bytes) else { return lines };
                bytes = bytes.get(end + 1..).unwrap_or_default();
                self.matched = 1;
            }
            let wanted = LENGTH_LINE.get(self.matched..).unwrap_or_default();
            let same = wanted
                .iter()
                .zip(bytes)
                .take_while(|(wanted, byte)| byte.eq_ignore_ascii_case(wanted))
                .count();
            bytes = bytes.get(same..).unwrap_or_default();
            self.matched += same;
            if self.matched == LENGTH_LINE.len() {
                lines += 1;
            } else if bytes.is_empty() {
                return lines;
            }
            // The byte that differs may itself end a line: the search for one begins with it.
            self.matched = 0;
        }
    }
}

#[cfg(test)]
mod tests;
