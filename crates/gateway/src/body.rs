//! The body of an answer to the client, as hyper polls it.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Frame, SizeHint};

/// The answer broke off after its head had been sent: the connection is cut, so that the client sees it.
#[derive(Debug, thiserror::Error)]
#[error("the answer broke off")]
pub struct BrokenOff;

/// An answer's body.
pub enum Body {
    /// All bytes at once.
    Full(Option<Bytes>),
    /// Bytes as they come.
    Flow(Box<dyn Flow>),
    /// None: the connection is switched to another protocol, in which this goes on.
    Session(Box<dyn Session>),
}

/// What goes on over a connection when it has been switched to another protocol.
pub trait Session: Send {
    /// Goes on to the end. To be called when the HTTP library is done with the connection.
    fn run(self: Box<Self>) -> Pin<Box<dyn Future<Output = ()> + Send>>;
}

/// Bytes as they come.
pub trait Flow: Send {
    /// The next bytes; `None` at the end.
    fn poll_bytes(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, BrokenOff>>>;

    /// How many bytes are still to come, when that is known.
    fn remaining(&self) -> Option<u64> {
        None
    }
}

impl Body {
    /// A body of these bytes.
    pub fn full(bytes: impl Into<Bytes>) -> Self {
        Self::Full(Some(bytes.into()))
    }
}

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = BrokenOff;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BrokenOff>>> {
        match self.get_mut() {
            Self::Full(bytes) => Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes)))),
            Self::Flow(flow) => flow.poll_bytes(cx).map(|next| next.map(|bytes| bytes.map(Frame::data))),
            Self::Session(_) => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Full(bytes) => bytes.as_ref().is_none_or(Bytes::is_empty),
            Self::Flow(_) => false,
            Self::Session(_) => true,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Full(bytes) => SizeHint::with_exact(bytes.as_ref().map_or(0, |bytes| bytes.len() as u64)),
            Self::Flow(flow) => flow.remaining().map_or_else(SizeHint::default, SizeHint::with_exact),
            Self::Session(_) => SizeHint::with_exact(0),
        }
    }
}
