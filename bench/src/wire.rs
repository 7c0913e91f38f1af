//! Just enough HTTP/1.1 for both ends of a benchmark: reads one message at a time from a connection.
//!
//! In: a TCP stream. Out: heads and body slices, not copied. It must stay far lighter than what is measured, and it
//! must never take a broken or cut-off message for a whole one.

use anyhow::{Context, Result, bail};
use bytes::{Buf, BytesMut};
use httparse::Status;
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;

/// Heads longer than this are refused.
const HEAD_LIMIT_BYTES: usize = 64 * 1024;
const HEADERS: usize = 48;
const READ_BYTES: usize = 32 * 1024;

/// How a body's end is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Framing {
    Length(u64),
    Chunked,
}

/// The head of a request as far as the fake upstream cares.
#[derive(Debug)]
pub(crate) struct RequestHead {
    pub(crate) path: String,
    framing: Framing,
}

/// The head of an answer as far as the load cares.
#[derive(Debug)]
pub(crate) struct ResponseHead {
    pub(crate) status: u16,
    framing: Framing,
}

/// One end of a connection with what was read and not yet used.
#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) stream: TcpStream,
    buffer: BytesMut,
}

impl Connection {
    /// Takes over an open socket.
    pub(crate) fn new(stream: TcpStream) -> Result<Self> {
        stream.set_nodelay(true)?;
        Ok(Self { stream, buffer: BytesMut::with_capacity(READ_BYTES) })
    }

    /// Opens a connection.
    pub(crate) async fn open(address: std::net::SocketAddr) -> Result<Self> {
        Self::new(TcpStream::connect(address).await.with_context(|| format!("cannot connect to {address}"))?)
    }

    /// The next request's head; `None` when the peer closed between two requests.
    pub(crate) async fn request_head(&mut self) -> Result<Option<RequestHead>> {
        loop {
            let mut headers = [httparse::EMPTY_HEADER; HEADERS];
            let mut request = httparse::Request::new(&mut headers);
            if let Status::Complete(length) = request.parse(&self.buffer)? {
                let path = request.path.unwrap_or("/").to_owned();
                let framing = framing(request.headers)?;
                self.buffer.advance(length);
                return Ok(Some(RequestHead { path, framing }));
            }
            let idle = self.buffer.is_empty();
            if self.fill().await? == 0 {
                if idle {
                    return Ok(None);
                }
                bail!("closed within a request's head");
            }
        }
    }

    /// Reads a request's body to its end and keeps it in `body` (cleared first).
    pub(crate) async fn request_body(&mut self, head: &RequestHead, body: &mut Vec<u8>) -> Result<()> {
        body.clear();
        self.body(head.framing, |part| body.extend_from_slice(part)).await
    }

    /// The next answer's head.
    pub(crate) async fn response_head(&mut self) -> Result<ResponseHead> {
        loop {
            let mut headers = [httparse::EMPTY_HEADER; HEADERS];
            let mut response = httparse::Response::new(&mut headers);
            if let Status::Complete(length) = response.parse(&self.buffer)? {
                let status = response.code.unwrap_or(0);
                let framing = framing(response.headers)?;
                self.buffer.advance(length);
                return Ok(ResponseHead { status, framing });
            }
            if self.fill().await? == 0 {
                bail!("closed before the answer's head");
            }
        }
    }

    /// Reads an answer's body to its end, each piece handed to `on_part` as soon as it was read.
    pub(crate) async fn response_body(
        &mut self,
        head: &ResponseHead,
        on_part: impl FnMut(&[u8]),
    ) -> Result<()> {
        self.body(head.framing, on_part).await
    }

    /// Waits until something of the answer's body is there, and leaves it.
    pub(crate) async fn body_began(&mut self) -> Result<()> {
        if self.buffer.is_empty() { self.fill_some().await } else { Ok(()) }
    }

    async fn body(&mut self, framing: Framing, mut on_part: impl FnMut(&[u8])) -> Result<()> {
        match framing {
            Framing::Length(length) => self.piece(length, &mut on_part).await,
            Framing::Chunked => loop {
                let size = self.chunk_size().await?;
                if size > 0 {
                    self.piece(size, &mut on_part).await?;
                }
                self.line_end().await?;
                if size == 0 {
                    return Ok(());
                }
            },
        }
    }

    async fn chunk_size(&mut self) -> Result<u64> {
        loop {
            match httparse::parse_chunk_size(&self.buffer) {
                Ok(Status::Complete((length, size))) => {
                    self.buffer.advance(length);
                    return Ok(size);
                }
                Ok(Status::Partial) => self.fill_some().await?,
                Err(_) => bail!("not a chunk size"),
            }
        }
    }

    /// The CRLF behind a chunk, or behind the last one (no trailers are expected here).
    async fn line_end(&mut self) -> Result<()> {
        while self.buffer.len() < 2 {
            self.fill_some().await?;
        }
        if !self.buffer.starts_with(b"\r\n") {
            bail!("a chunk does not end where its size says");
        }
        self.buffer.advance(2);
        Ok(())
    }

    async fn piece(&mut self, length: u64, on_part: &mut impl FnMut(&[u8])) -> Result<()> {
        let mut left = length;
        while left > 0 {
            if self.buffer.is_empty() {
                self.fill_some().await?;
            }
            let take = self.buffer.len().min(usize::try_from(left).unwrap_or(usize::MAX));
            on_part(self.buffer.get(..take).unwrap_or_default());
            self.buffer.advance(take);
            left -= take as u64;
        }
        Ok(())
    }

    async fn fill_some(&mut self) -> Result<()> {
        if self.fill().await? == 0 {
            bail!("closed within a message");
        }
        Ok(())
    }

    async fn fill(&mut self) -> Result<usize> {
        if self.buffer.len() > HEAD_LIMIT_BYTES {
            bail!("a head longer than {HEAD_LIMIT_BYTES} bytes");
        }
        self.buffer.reserve(READ_BYTES);
        Ok(self.stream.read_buf(&mut self.buffer).await?)
    }
}

fn framing(headers: &[httparse::Header<'_>]) -> Result<Framing> {
    for header in headers {
        if header.name.eq_ignore_ascii_case("content-length") {
            let text = std::str::from_utf8(header.value)?;
            return Ok(Framing::Length(text.trim().parse().context("content-length")?));
        }
        if header.name.eq_ignore_ascii_case("transfer-encoding") {
            return Ok(Framing::Chunked);
        }
    }
    Ok(Framing::Length(0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::AsyncWriteExt;
    use tokio::net::TcpListener;

    async fn exchange(parts: &'static [&'static str]) -> Result<(u16, Vec<u8>)> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let server = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await?;
            for part in parts {
                stream.write_all(part.as_bytes()).await?;
                tokio::task::yield_now().await;
            }
            anyhow::Ok(())
        });
        let mut connection = Connection::open(address).await?;
        let head = connection.response_head().await?;
        let mut body = Vec::new();
        connection.response_body(&head, |part| body.extend_from_slice(part)).await?;
        server.await??;
        Ok((head.status, body))
    }

    #[tokio::test]
    async fn reads_both_framings_across_reads() {
        let sized = exchange(&["HTTP/1.1 200 OK\r\nContent-Le", "ngth: 5\r\n\r\nhe", "llo"]).await.unwrap();
        assert_eq!(sized, (200, b"hello".to_vec()));
        let chunked = exchange(&[
            "HTTP/1.1 429 No\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r",
            "\n2\r\nde\r\n0\r\n",
            "\r\n",
        ]);
        assert_eq!(chunked.await.unwrap(), (429, b"abcde".to_vec()));
    }

    #[tokio::test]
    async fn a_cut_body_is_an_error() {
        assert!(exchange(&["HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhel"]).await.is_err());
        assert!(exchange(&["HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabcd"]).await.is_err());
    }
}
