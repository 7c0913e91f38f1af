use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::*;
use crate::upstream::AnswerBody;

const LONG: Duration = Duration::from_secs(60);
const ANSWER: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}";

/// How the fake upstream ends a connection.
#[derive(Clone, Copy)]
enum End {
    Close,
    Reset,
}

/// Reads one request with its body of two bytes; false when the connection has ended.
async fn take_request(stream: &mut TcpStream) -> bool {
    let mut read = Vec::new();
    while !read.ends_with(b"\r\n\r\n{}") {
        let mut buffer = [0; 1024];
        match stream.read(&mut buffer).await {
            Ok(0) | Err(_) => return false,
            Ok(size) => read.extend_from_slice(&buffer[..size]),
        }
    }
    true
}

/// An upstream that answers the first request of each connection and breaks off at the second.
async fn breaks_at_the_second(
    listener: TcpListener,
    end: End,
    received: Arc<std::sync::atomic::AtomicUsize>,
) {
    loop {
        let (mut stream, _) = listener.accept().await.unwrap();
        for turn in 0..2 {
            if !take_request(&mut stream).await {
                break;
            }
            received.fetch_add(1, Ordering::SeqCst);
            if turn == 0 {
                stream.write_all(ANSWER.as_bytes()).await.unwrap();
            }
        }
        if matches!(end, End::Reset) {
            socket2::SockRef::from(&stream).set_linger(Some(Duration::ZERO)).unwrap();
        }
    }
}

fn endpoint(listener: &TcpListener) -> Endpoint {
    Endpoint::join(&format!("http://{}", listener.local_addr().unwrap()), "/").unwrap()
}

fn timeouts() -> Timeouts {
    Timeouts { connect: LONG, first_byte: LONG, idle: LONG, total: LONG }
}

fn request() -> http::Request<RequestBody> {
    let mut request = http::Request::new(RequestBody::new(Pieces::from_iter([Bytes::from_static(b"{}")])));
    *request.method_mut() = http::Method::POST;
    request
}

/// Sends one request and reads its answer to the end, so that its connection is idle afterwards.
async fn ask(pool: &Arc<Pool>, endpoint: &Endpoint) -> Result<(), SendError> {
    let reply = pool.send(endpoint, &timeouts(), request).await?;
    let (_, mut body) = AnswerBody::from_reply(pool, reply, 1024);
    while let Some(chunk) = body.chunk().await {
        assert_eq!(chunk.unwrap(), "{}");
    }
    Ok(())
}

async fn ask_twice(end: End, stale_most: Duration) -> (Result<(), SendError>, usize) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = endpoint(&listener);
    let received = Arc::default();
    let upstream = tokio::spawn(breaks_at_the_second(listener, end, Arc::clone(&received)));
    let pool = Arc::new(Pool { stale_most, ..Pool::new(Arc::default()) });
    ask(&pool, &endpoint).await.unwrap();
    let second = ask(&pool, &endpoint).await;
    upstream.abort();
    (second, received.load(Ordering::SeqCst))
}

#[tokio::test]
async fn a_request_that_may_have_been_served_is_not_sent_again() {
    for end in [End::Close, End::Reset] {
        let (second, received) = ask_twice(end, Duration::ZERO).await;
        assert!(matches!(second, Err(SendError::Broken(_))));
        assert_eq!(received, 2, "the request of the broken connection was sent once");
    }
}

#[tokio::test]
async fn a_connection_that_was_closed_or_reset_while_idle_is_replaced() {
    for end in [End::Close, End::Reset] {
        let (second, received) = ask_twice(end, LONG).await;
        second.unwrap();
        assert_eq!(received, 3);
    }
}
