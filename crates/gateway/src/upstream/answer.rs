//! A provider's answer body: decoded, with its connection given back at the end.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};

use bytes::{Bytes, BytesMut};
use http_body::Body as _;
use hyper::body::Incoming;

use super::encoding::{Decoder, Encoding};
use super::pool::{Lease, Pool, Reply};

/// The answer broke off or could not be read.
#[derive(Debug, thiserror::Error)]
pub enum AnswerError {
    /// The connection broke.
    #[error("{0}")]
    Broken(#[source] hyper::Error),
    /// The content-encoding's bytes are not what they should be, or expand beyond the limit.
    #[error("content-encoding: {0}")]
    Encoding(#[source] std::io::Error),
}

/// A provider's answer, polled for chunks of bytes.
pub struct AnswerBody {
    source: Source,
}

enum Source {
    Network {
        body: Incoming,
        lease: Option<Lease>,
        pool: Arc<Pool>,
        decoder: Option<Box<Decoder>>,
    },
    Memory(std::vec::IntoIter<Bytes>),
    /// Encoded in a way that is not known; whether that has been said.
    Unreadable {
        said: bool,
    },
}

impl AnswerBody {
    /// The body of a reply that came over the network.
    pub fn network(
        pool: &Arc<Pool>,
        reply_body: Incoming,
        lease: Lease,
        encoding: Encoding,
        limit: usize,
    ) -> Self {
        let decoder = Decoder::new(encoding, limit).map(Box::new);
        Self {
            source: Source::Network { body: reply_body, lease: Some(lease), pool: Arc::clone(pool), decoder },
        }
    }

    /// A body made inside the gateway.
    pub fn memory(chunks: Vec<Bytes>) -> Self {
        Self { source: Source::Memory(chunks.into_iter()) }
    }

    /// Splits a reply into its head and its body, decoding what the provider has encoded unasked. A body whose
    /// encoding is not known is not read at all: nobody was asked whether he understands it.
    pub fn from_reply(pool: &Arc<Pool>, reply: Reply, limit: usize) -> (http::response::Parts, Self) {
        let mut head = reply.head;
        let Some(encoding) = Encoding::of(&head.headers) else {
            return (head, Self { source: Source::Unreadable { said: false } });
        };
        if encoding != Encoding::Identity {
            head.headers.remove(http::header::CONTENT_ENCODING);
            head.headers.remove(http::header::CONTENT_LENGTH);
        }
        let body = Self::network(pool, reply.body, reply.lease, encoding, limit);
        (head, body)
    }

    /// The next bytes; `None` at the clean end.
    pub fn poll_chunk(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, AnswerError>>> {
        let (body, lease, pool, decoder) = match &mut self.source {
            Source::Memory(chunks) => return Poll::Ready(chunks.next().map(Ok)),
            Source::Unreadable { said } => {
                let first = !std::mem::replace(said, true);
                let error = || AnswerError::Encoding(std::io::ErrorKind::Unsupported.into());
                return Poll::Ready(first.then(|| Err(error())));
            }
            Source::Network { body, lease, pool, decoder } => (body, lease, pool, decoder),
        };
        loop {
            let Some(line) = lease else { return Poll::Ready(None) };
            // Only the connection, driven here, can bring more: the body need not wake this task.
            let quiet = &mut Context::from_waker(Waker::noop());
            let polled = match Pin::new(&mut *body).poll_frame(quiet) {
                Poll::Pending => {
                    line.drive(cx);
                    Pin::new(&mut *body).poll_frame(quiet)
                }
                ready => ready,
            };
            let chunk = match ready!(polled) {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(chunk) => chunk,
                    Err(_trailers) => continue,
                },
                Some(Err(error)) => {
                    *lease = None;
                    return Poll::Ready(Some(Err(AnswerError::Broken(error))));
                }
                None => {
                    settle(lease, pool);
                    let rest = decoder.as_mut().map(|decoder| decoder.finish());
                    return Poll::Ready(match rest {
                        None => None,
                        Some(Ok(bytes)) if bytes.is_empty() => None,
                        Some(result) => Some(result.map_err(AnswerError::Encoding)),
                    });
                }
            };
            let chunk = match decoder {
                None => chunk,
                Some(decoder) => match decoder.push(&chunk) {
                    Ok(bytes) => bytes,
                    Err(error) => {
                        *lease = None;
                        return Poll::Ready(Some(Err(AnswerError::Encoding(error))));
                    }
                },
            };
            // Only known without decoding: the end then needs no further read.
            if decoder.is_none() && body.is_end_stream() {
                settle(lease, pool);
            }
            if !chunk.is_empty() {
                return Poll::Ready(Some(Ok(chunk)));
            }
        }
    }

    /// Waits for the next bytes.
    pub async fn chunk(&mut self) -> Option<Result<Bytes, AnswerError>> {
        std::future::poll_fn(|cx| self.poll_chunk(cx)).await
    }

    /// The next bytes, if they are there.
    pub async fn chunk_at_once(&mut self) -> Poll<Option<Result<Bytes, AnswerError>>> {
        std::future::poll_fn(|cx| Poll::Ready(self.poll_chunk(cx))).await
    }

    /// Adds to `text` what comes, until the end or until it is of this size. What had come before an error stays there.
    pub async fn read_up_to(&mut self, most: usize, text: &mut BytesMut) -> Result<(), AnswerError> {
        while text.len() < most {
            let Some(chunk) = self.chunk().await else { break };
            let chunk = chunk?;
            let room = chunk.len().min(most - text.len());
            text.extend_from_slice(chunk.get(..room).unwrap_or_default());
        }
        Ok(())
    }

    /// Whether the end is known to have been reached.
    pub fn is_done(&self) -> bool {
        match &self.source {
            Source::Network { lease, .. } => lease.is_none(),
            Source::Memory(chunks) => chunks.len() == 0,
            Source::Unreadable { said } => *said,
        }
    }

    /// Whether it is encoded in a way that is not known, so that it can only be given up.
    pub fn is_unreadable(&self) -> bool {
        matches!(self.source, Source::Unreadable { .. })
    }
}

fn settle(lease: &mut Option<Lease>, pool: &Arc<Pool>) {
    if let Some(lease) = lease.take() {
        pool.give_back(lease);
    }
}
