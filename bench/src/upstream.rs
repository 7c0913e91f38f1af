//! The fake upstream: one thread, canned answers, far faster than any gateway in front of it.
//!
//! In: requests. Out: whole answers or streams, by path and model name. It never checks a credential and never
//! closes a connection before its peer does.

use std::rc::Rc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use bytes::Bytes;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::canned::{Answers, Delivery, Surface, TIMESTAMP_MARK, classify};
use crate::wire::Connection;

/// Between two chunks of a paced stream.
const PACE: Duration = Duration::from_millis(4);

/// Serves until the process is ended; `on_ready` learns the address once the socket listens.
pub(crate) fn serve(listen: &str, on_ready: impl FnOnce(std::net::SocketAddr) -> Result<()>) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    tokio::task::LocalSet::new().block_on(&runtime, async {
        let listener =
            TcpListener::bind(listen).await.with_context(|| format!("cannot listen on {listen}"))?;
        on_ready(listener.local_addr()?)?;
        let answers = Rc::new(Answers::new());
        loop {
            let (stream, _) = listener.accept().await?;
            let answers = Rc::clone(&answers);
            tokio::task::spawn_local(async move {
                // A peer that breaks off is the peer's affair; the load reports what it misses.
                let _ended = converse(Connection::new(stream)?, &answers).await;
                anyhow::Ok(())
            });
        }
    })
}

async fn converse(mut connection: Connection, answers: &Answers) -> Result<()> {
    let mut body = Vec::new();
    while let Some(head) = connection.request_head().await? {
        connection.request_body(&head, &mut body).await?;
        let (surface, delivery) = classify(&head.path, &body);
        match delivery {
            Delivery::Whole => connection.stream.write_all(answers.whole(surface)).await?,
            Delivery::Gone => connection.stream.write_all(answers.gone()).await?,
            Delivery::Stream => stream(&mut connection, answers, surface).await?,
            Delivery::Paced => paced(&mut connection, answers, surface).await?,
            Delivery::Hold => return hold(&mut connection, answers, surface).await,
        }
    }
    Ok(())
}

async fn stream(connection: &mut Connection, answers: &Answers, surface: Surface) -> Result<()> {
    for burst in answers.bursts(surface) {
        connection.stream.write_all(burst).await?;
        // Others may write between two of our bursts, as with a real upstream.
        tokio::task::yield_now().await;
    }
    Ok(())
}

async fn paced(connection: &mut Connection, answers: &Answers, surface: Surface) -> Result<()> {
    for piece in answers.stream(surface) {
        connection.stream.write_all(&stamped(piece)).await?;
        tokio::time::sleep(PACE).await;
    }
    Ok(())
}

async fn hold(connection: &mut Connection, answers: &Answers, surface: Surface) -> Result<()> {
    for piece in answers.stream(surface).iter().take(4) {
        connection.stream.write_all(piece).await?;
    }
    let mut rest = [0; 64];
    while connection.stream.read(&mut rest).await? > 0 {}
    Ok(())
}

/// The piece with the time of now in its mark, when it has one.
fn stamped(piece: &Bytes) -> Vec<u8> {
    let mut bytes = piece.to_vec();
    if let Some(at) = memchr::memmem::find(&bytes, TIMESTAMP_MARK.as_bytes()) {
        let start = at + TIMESTAMP_MARK.len();
        let digits = format!("{:016}", now_us());
        if let Some(place) = bytes.get_mut(start..start + digits.len()) {
            place.copy_from_slice(digits.as_bytes());
        }
    }
    bytes
}

/// Microseconds since the epoch: both ends run on one machine and read one clock.
pub(crate) fn now_us() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_micros() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stamp_keeps_the_length() {
        let answers = Answers::new();
        for surface in [Surface::OpenAiChat, Surface::AnthropicMessages] {
            let pieces = answers.stream(surface);
            assert_eq!(pieces.len(), crate::canned::STREAM_CHUNKS);
            let changed = pieces.iter().filter(|piece| {
                let stamp = stamped(piece);
                assert_eq!(stamp.len(), piece.len());
                stamp != piece.to_vec()
            });
            assert!(changed.count() > 40);
        }
    }
}
