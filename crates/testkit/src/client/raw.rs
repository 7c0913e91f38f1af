//! Bytes on a socket, for requests that no HTTP library would send.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::patience::within;

/// Sends the bytes and gives everything that comes back until the peer closes. `half_close` ends our side after the
/// bytes. A reset counts as the end: what came before it is given.
pub async fn raw_exchange(address: SocketAddr, bytes: &[u8], half_close: bool) -> Vec<u8> {
    let exchange = async {
        let mut stream = TcpStream::connect(address).await.expect("a connection");
        // The peer may refuse and close before it has read everything.
        let _sent = stream.write_all(bytes).await;
        if half_close {
            let _closed = stream.shutdown().await;
        }
        let mut answer = Vec::new();
        let mut piece = [0; 4096];
        while let Ok(length @ 1..) = stream.read(&mut piece).await {
            answer.extend_from_slice(&piece[..length]);
        }
        answer
    };
    within("the end of a raw exchange", exchange).await
}
