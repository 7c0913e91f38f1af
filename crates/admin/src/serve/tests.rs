use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use yumen_telemetry::{AppendError, BuildInfo, Metrics, Reading, RecordSink, RecordWriter};

use super::*;

/// A spool of which only the room matters here.
struct Spool(AtomicBool);

impl RecordSink for Spool {
    fn writer(&self) -> Result<Box<dyn RecordWriter>, AppendError> {
        Err(AppendError::Full { bytes: 0 })
    }
    fn has_room(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
    fn has_ample_room(&self) -> bool {
        self.has_room()
    }
}

struct Running {
    address: SocketAddr,
    state: Arc<AdminState>,
    spool: Arc<Spool>,
    stop: oneshot::Sender<()>,
    served: JoinHandle<()>,
}

async fn run(bounds: Bounds) -> Running {
    let build = BuildInfo { version: "0.1.0".into(), commit: "unknown".into() };
    let metrics =
        Metrics::new(&build, vec![(Reading::ExchangesInFlight, Box::new(|| 7))], Box::new(Vec::new));
    let spool = Arc::new(Spool(AtomicBool::new(true)));
    let state =
        Arc::new(AdminState::new(metrics, Box::new(Vec::new), Arc::clone(&spool) as Arc<dyn RecordSink>));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel::<()>();
    let shutdown = async {
        let _ = stopped.await;
    };
    let served = tokio::spawn(serve_within(bounds, listener, Arc::clone(&state), shutdown));
    Running { address, state, spool, stop, served }
}

/// Sends text on a connection of its own and reads until the server closes it.
async fn send(address: SocketAddr, request: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

async fn get(address: SocketAddr, path: &str) -> String {
    send(address, &format!("GET {path} HTTP/1.1\r\nhost: admin\r\nconnection: close\r\n\r\n")).await
}

#[tokio::test]
async fn metrics_and_health() {
    let running = run(BOUNDS).await;
    let metrics = get(running.address, "/metrics").await;
    assert!(metrics.starts_with("HTTP/1.1 200 OK\r\n"), "{metrics}");
    assert!(metrics.contains("content-type: application/openmetrics-text; version=1.0.0; charset=utf-8\r\n"));
    assert!(metrics.contains("\nyumen_exchanges_in_flight 7\n") && metrics.ends_with("# EOF\n"));
    assert!(get(running.address, "/healthz?x=1").await.ends_with(r#"{"status":"ok"}"#));
    let head = send(running.address, "HEAD /metrics HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n").await;
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n") && head.ends_with("\r\n\r\n"), "{head}");
}

#[tokio::test]
async fn readiness_names_its_reasons() {
    let running = run(BOUNDS).await;
    let answer = get(running.address, "/readyz").await;
    assert!(
        answer.starts_with("HTTP/1.1 503") && answer.ends_with(r#""reasons":["no_snapshot"]}"#),
        "{answer}"
    );
    running.state.set_snapshot_loaded();
    assert!(get(running.address, "/readyz").await.starts_with("HTTP/1.1 200"));
    running.spool.0.store(false, Ordering::Relaxed);
    running.state.set_draining();
    let answer = get(running.address, "/readyz").await;
    assert!(answer.ends_with(r#"{"status":"unready","reasons":["draining","spool_full"]}"#), "{answer}");
}

#[tokio::test]
async fn everything_else_is_an_error_in_json() {
    let running = run(BOUNDS).await;
    let answer = get(running.address, "/admin").await;
    assert!(
        answer.starts_with("HTTP/1.1 404") && answer.contains("content-type: application/json"),
        "{answer}"
    );
    let post = "POST /metrics HTTP/1.1\r\nhost: a\r\ncontent-length: 3\r\nconnection: close\r\n\r\nabc";
    let answer = send(running.address, post).await;
    assert!(answer.starts_with("HTTP/1.1 405") && answer.contains("allow: GET, HEAD"), "{answer}");
    assert!(send(running.address, "nonsense\r\n\r\n").await.starts_with("HTTP/1.1 400"));
    let long = format!("GET /{} HTTP/1.1\r\n\r\n", "x".repeat(2 * MAX_HEAD_BYTES));
    let mut stream = TcpStream::connect(running.address).await.unwrap();
    let _ = stream.write_all(long.as_bytes()).await;
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    assert!(!answer.starts_with(b"HTTP/1.1 2"));
    assert!(get(running.address, "/healthz").await.starts_with("HTTP/1.1 200"), "it still answers");
}

#[tokio::test]
async fn silent_clients_lose_their_place() {
    let bounds = Bounds { connections: 2, header_read: Duration::from_millis(50), ..BOUNDS };
    let running = run(bounds).await;
    let mut silent = Vec::new();
    for _ in 0..2 {
        let mut stream = TcpStream::connect(running.address).await.unwrap();
        stream.write_all(b"GET /healthz HT").await.unwrap();
        silent.push(stream);
    }
    assert!(get(running.address, "/healthz").await.starts_with("HTTP/1.1 200"));
}

#[tokio::test]
async fn an_old_connection_ends() {
    let bounds = Bounds { age: Duration::from_millis(20), ..BOUNDS };
    let running = run(bounds).await;
    let answer = send(running.address, "GET /healthz HTTP/1.1\r\nhost: a\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

#[tokio::test]
async fn a_stop_ends_idle_connections_and_returns() {
    let running = run(BOUNDS).await;
    let mut idle = TcpStream::connect(running.address).await.unwrap();
    idle.write_all(b"GET /healthz HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
    let mut first = [0; 12];
    idle.read_exact(&mut first).await.unwrap();
    assert_eq!(&first, b"HTTP/1.1 200");
    running.stop.send(()).unwrap();
    running.served.await.unwrap();
    let mut rest = Vec::new();
    idle.read_to_end(&mut rest).await.unwrap();
    assert!(TcpStream::connect(running.address).await.is_err());
}
