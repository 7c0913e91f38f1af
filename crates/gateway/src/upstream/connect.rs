//! Dialling: name, TCP, TLS.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};
use std::time::Duration;

use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use yumen_config::{Endpoint, Scheme};

/// How long an address is waited for before the next is tried beside it.
const HEAD_START: Duration = Duration::from_millis(250);
/// Addresses of one name that are tried.
const ADDRESSES_MOST: usize = 8;

/// A connection to a provider.
pub enum Stream {
    /// Without TLS.
    Plain(TcpStream),
    /// With TLS.
    Tls(Box<TlsStream<TcpStream>>),
}

/// Opens a connection to `endpoint`.
pub(super) async fn connect(endpoint: &Endpoint) -> io::Result<Stream> {
    let addresses = tokio::net::lookup_host((&*endpoint.host, endpoint.port)).await?;
    connect_to(addresses.collect(), endpoint.scheme, &endpoint.host).await
}

/// Opens a connection to the host of this name at one of these addresses, and nowhere else.
pub async fn connect_to(addresses: Vec<SocketAddr>, scheme: Scheme, host: &str) -> io::Result<Stream> {
    let tcp = first_of(alternating(addresses)).await?;
    tcp.set_nodelay(true)?;
    match scheme {
        Scheme::Https => {
            let name = ServerName::try_from(host.to_owned()).map_err(io::Error::other)?;
            let stream = tls()?.connect(name, tcp).await?;
            Ok(Stream::Tls(Box::new(stream)))
        }
        Scheme::Http | Scheme::Builtin => Ok(Stream::Plain(tcp)),
    }
}

/// The addresses with their families taking turns, so that one dead family costs one head start.
fn alternating(addresses: Vec<SocketAddr>) -> Vec<SocketAddr> {
    let first_is_v6 = addresses.first().is_some_and(SocketAddr::is_ipv6);
    let (same, other): (Vec<_>, Vec<_>) =
        addresses.into_iter().partition(|address| address.is_ipv6() == first_is_v6);
    let (mut same, mut other) = (same.into_iter(), other.into_iter());
    let mut turns = Vec::with_capacity(ADDRESSES_MOST);
    while turns.len() < ADDRESSES_MOST {
        let before = turns.len();
        turns.extend(same.next());
        turns.extend(other.next());
        if turns.len() == before {
            break;
        }
    }
    turns
}

/// The first connection that comes up: each address gets a head start before the next one is tried beside it.
async fn first_of(addresses: Vec<SocketAddr>) -> io::Result<TcpStream> {
    let mut waiting = addresses.into_iter();
    // Dropping the set ends the tries that are left.
    let mut tries = JoinSet::new();
    let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    loop {
        if let Some(address) = waiting.next() {
            tries.spawn(TcpStream::connect(address));
        }
        tokio::select! {
            done = tries.join_next() => match done {
                None => return Err(last),
                Some(Ok(Ok(stream))) => return Ok(stream),
                Some(Ok(Err(error))) => last = error,
                Some(Err(error)) => last = io::Error::other(error),
            },
            () = tokio::time::sleep(HEAD_START), if waiting.len() > 0 => {}
        }
    }
}

/// The TLS settings, made at the first use: the system's roots, or the built-in ones where it has none.
fn tls() -> io::Result<TlsConnector> {
    static CONFIG: OnceLock<Option<Arc<rustls::ClientConfig>>> = OnceLock::new();
    let config = CONFIG.get_or_init(|| {
        let mut roots = rustls::RootCertStore::empty();
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        if roots.is_empty() {
            roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
        }
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let builder = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .ok()?;
        let mut config = builder.with_root_certificates(roots).with_no_client_auth();
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Some(Arc::new(config))
    });
    let config = config.as_ref().ok_or_else(|| io::Error::other("TLS could not be set up"))?;
    Ok(TlsConnector::from(Arc::clone(config)))
}

impl AsyncRead for Stream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_read(cx, buf),
            Self::Tls(stream) => Pin::new(stream).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write(cx, buf),
            Self::Tls(stream) => Pin::new(stream).poll_write(cx, buf),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffers: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write_vectored(cx, buffers),
            Self::Tls(stream) => Pin::new(stream).poll_write_vectored(cx, buffers),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match self {
            Self::Plain(stream) => stream.is_write_vectored(),
            Self::Tls(stream) => stream.is_write_vectored(),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_flush(cx),
            Self::Tls(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn families_take_turns_and_the_resolvers_choice_goes_first() {
        let parse =
            |text: &str| text.split(' ').map(|address| address.parse().unwrap()).collect::<Vec<SocketAddr>>();
        let order = alternating(parse("[::1]:1 [::2]:1 [::3]:1 10.0.0.1:1"));
        assert_eq!(order, parse("[::1]:1 10.0.0.1:1 [::2]:1 [::3]:1"));
        assert_eq!(alternating(parse("10.0.0.1:1 [::1]:1")), parse("10.0.0.1:1 [::1]:1"));
        assert_eq!(alternating(vec![parse("10.0.0.1:1")[0]; 100]).len(), ADDRESSES_MOST);
    }

    /// A listener whose queue is full: on this system its address then swallows connections as a dead route does.
    fn swallowing() -> (socket2::Socket, Vec<socket2::Socket>, SocketAddr) {
        let new = || socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
        let listener = new();
        listener.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
        listener.listen(0).unwrap();
        let address = listener.local_addr().unwrap();
        let fill = (0..8).map(|_| {
            let socket = new();
            socket.set_nonblocking(true).unwrap();
            // In progress is all that it can be.
            let _ = socket.connect(&address);
            socket
        });
        let fill = fill.collect();
        (listener, fill, address.as_socket().unwrap())
    }

    #[tokio::test]
    async fn a_dead_family_does_not_fail_the_connection() {
        let (_listener, _fill, dead) = swallowing();
        let living = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = living.local_addr().unwrap();
        // Far below the minute or more after which the system itself gives a dead address up.
        let stream = tokio::time::timeout(Duration::from_secs(20), first_of(vec![dead, address])).await;
        assert_eq!(stream.unwrap().unwrap().peer_addr().unwrap(), address);
    }

    #[tokio::test]
    async fn a_refused_address_is_followed_by_the_next_and_told_when_it_was_the_last() {
        let closed = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
        let living = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = living.local_addr().unwrap();
        assert_eq!(first_of(vec![closed, address]).await.unwrap().peer_addr().unwrap(), address);
        assert_eq!(first_of(vec![closed]).await.unwrap_err().kind(), io::ErrorKind::ConnectionRefused);
        assert_eq!(first_of(Vec::new()).await.unwrap_err().kind(), io::ErrorKind::NotFound);
    }
}
