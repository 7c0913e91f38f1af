//! The guard before a small web server on loopback, which is closed unless a test allows it.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use yumen_config::{FetchSettings, Network};

use super::{Files, Refusal};

const PICTURE: &[u8] = b"\x89PNG\r\n\x1a\nthe rest of a picture";
const PICTURE_BASE64: &str = "iVBORw0KGgp0aGUgcmVzdCBvZiBhIHBpY3R1cmU=";

/// A web server that keeps the heads of its requests.
struct Server {
    address: SocketAddr,
    heads: Arc<Mutex<Vec<String>>>,
    task: JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Server {
    /// Answers a path by what `answer` gives, head included; says nothing where it gives nothing.
    async fn start(answer: impl Fn(&str) -> Vec<u8> + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let heads = Arc::new(Mutex::new(Vec::new()));
        let (kept, answer) = (Arc::clone(&heads), Arc::new(answer));
        let task = tokio::spawn(async move {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                let (kept, answer) = (Arc::clone(&kept), Arc::clone(&answer));
                tokio::spawn(async move {
                    let mut head = Vec::new();
                    while !head.ends_with(b"\r\n\r\n") {
                        head.push(stream.read_u8().await.unwrap());
                    }
                    let head = String::from_utf8(head).unwrap();
                    let said = answer(head.split(' ').nth(1).unwrap());
                    kept.lock().unwrap().push(head);
                    if said.is_empty() {
                        std::future::pending::<()>().await;
                    }
                    // The peer may have had enough.
                    let _ = stream.write_all(&said).await;
                });
            }
        });
        Self { address, heads, task }
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    fn heads(&self) -> Vec<String> {
        self.heads.lock().unwrap().clone()
    }
}

fn whole(body: &[u8]) -> Vec<u8> {
    let head =
        format!("HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: {}\r\n\r\n", body.len());
    [head.as_bytes(), body].concat()
}

fn moved(to: &str) -> Vec<u8> {
    format!("HTTP/1.1 302 Found\r\nlocation: {to}\r\nset-cookie: a=b\r\ncontent-length: 0\r\n\r\n")
        .into_bytes()
}

/// Settings for one server.
fn settings(server: &Server, allowed: &[&str]) -> FetchSettings {
    FetchSettings {
        enabled: true,
        allowed: allowed.iter().map(|network| Network::parse(network).unwrap()).collect(),
        ports: vec![server.address.port()],
        max_bytes: 1_000,
        max_total_bytes: 1_000_000,
        timeout: Duration::from_secs(20),
    }
}

async fn fetch(address: &str, settings: FetchSettings) -> Result<(&'static str, String), Refusal> {
    let mut files = Files::new(&Arc::new(settings), &Arc::default());
    files.fetch(&[address.to_owned()], Duration::MAX).await;
    files.get(address).map(|file| (file.media_type, file.base64.clone()))
}

const LOOPBACK: &[&str] = &["127.0.0.0/8", "::1"];

#[tokio::test]
async fn a_file_is_what_its_bytes_say_and_nothing_of_ours_is_sent() {
    let server = Server::start(|_| whole(PICTURE)).await;
    let fetched = fetch(&server.url("/a b?c#d"), settings(&server, LOOPBACK)).await;
    assert_eq!(fetched, Ok(("image/png", PICTURE_BASE64.to_owned())));
    let head = server.heads().concat().to_ascii_lowercase();
    assert!(head.starts_with("get /a%20b?c http/1.1\r\n"), "{head}");
    let names: Vec<&str> =
        head.lines().filter_map(|line| line.split_once(": ")).map(|(name, _)| name).collect();
    assert_eq!(names, ["host", "user-agent", "accept", "accept-encoding", "connection"]);
    let name = format!("http://localhost:{}/", server.address.port());
    assert_eq!(fetch(&name, settings(&server, LOOPBACK)).await.map(|(kind, _)| kind), Ok("image/png"));
}

#[tokio::test]
async fn loopback_is_closed_by_every_name_and_no_connection_is_made() {
    let server = Server::start(|_| whole(PICTURE)).await;
    let port = server.address.port();
    for host in [
        "127.0.0.1",
        "127.0.0.2",
        "localhost",
        "LOCALHOST.",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "[64:ff9b::127.0.0.1]",
        "0.0.0.0",
        "[::]",
        "no-such-host.invalid",
    ] {
        let address = format!("http://{host}:{port}/");
        assert_eq!(fetch(&address, settings(&server, &[])).await, Err(Refusal::Closed), "{address}");
    }
    for host in ["2130706433", "0x7f.1", "0177.0.0.1", "127.1", "127.0.0.1.", "[::1%25lo]"] {
        let address = format!("http://{host}:{port}/");
        assert_eq!(fetch(&address, settings(&server, LOOPBACK)).await, Err(Refusal::Spelling), "{address}");
    }
    let with_user = format!("http://a:b@127.0.0.1:{port}/");
    assert_eq!(fetch(&with_user, settings(&server, LOOPBACK)).await, Err(Refusal::Credentials));
    assert_eq!(server.heads(), [""; 0]);
}

#[tokio::test]
async fn only_ports_that_are_set_are_asked() {
    let server = Server::start(|_| whole(PICTURE)).await;
    let closed = FetchSettings { ports: vec![80, 443], ..settings(&server, LOOPBACK) };
    assert_eq!(fetch(&server.url("/"), closed).await, Err(Refusal::Port(server.address.port())));
    assert_eq!(server.heads(), [""; 0]);
}

#[tokio::test]
async fn each_redirect_is_checked_like_the_first_address() {
    let other = Server::start(|_| whole(PICTURE)).await;
    let port = other.address.port();
    let server = Server::start(move |path| match path {
        "/relative" => moved("picture"),
        "/three" => moved("/two"),
        "/two" => moved("/one"),
        "/one" => moved("/picture"),
        "/four" => moved("/three"),
        "/loop" => moved("/loop"),
        "/private" => moved(&format!("http://127.0.0.2:{port}/")),
        "/metadata" => moved("http://169.254.169.254/latest/meta-data/"),
        "/decimal" => moved(&format!("//2130706433:{port}/")),
        "/user" => moved(&format!("http://a:b@127.0.0.1:{port}/")),
        "/file" => moved("file:///etc/passwd"),
        "/port" => moved("http://127.0.0.1:22/"),
        "/nowhere" => b"HTTP/1.1 302 Found\r\ncontent-length: 0\r\n\r\n".to_vec(),
        _ => whole(PICTURE),
    })
    .await;
    let settings = || FetchSettings {
        ports: vec![server.address.port(), port, 80],
        ..settings(&server, &["127.0.0.1"])
    };
    for path in ["/relative", "/one", "/two", "/three"] {
        assert_eq!(
            fetch(&server.url(path), settings()).await.map(|(kind, _)| kind),
            Ok("image/png"),
            "{path}"
        );
    }
    assert!(!server.heads().concat().to_ascii_lowercase().contains("cookie"));
    for (path, refusal) in [
        ("/four", Refusal::Redirects(3)),
        ("/loop", Refusal::Redirects(3)),
        ("/private", Refusal::Closed),
        ("/metadata", Refusal::Closed),
        ("/decimal", Refusal::Spelling),
        ("/user", Refusal::Credentials),
        ("/file", Refusal::Spelling),
        ("/port", Refusal::Port(22)),
        ("/nowhere", Refusal::Status(302)),
    ] {
        assert_eq!(fetch(&server.url(path), settings()).await, Err(refusal), "{path}");
    }
    assert_eq!(other.heads(), [""; 0]);
}

#[tokio::test]
async fn what_is_too_large_too_slow_or_something_else_is_refused() {
    let server = Server::start(|path| {
        let large = [PICTURE, &[0; 1_000]].concat();
        match path {
            "/large" => whole(&large),
            "/said-large" => b"HTTP/1.1 200 OK\r\ncontent-length: 99999999\r\n\r\n".to_vec(),
            "/endless" => [b"HTTP/1.1 200 OK\r\n\r\n", large.as_slice()].concat(),
            "/html" => whole(b"<html>"),
            "/empty" => whole(b""),
            "/missing" => b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n".to_vec(),
            "/cut" => b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nshort".to_vec(),
            "/head" => [b"HTTP/1.1 200 OK\r\na: ".as_slice(), &[b'a'; 200_000]].concat(),
            "/no-http" => b"SSH-2.0-OpenSSH\r\n\r\n".to_vec(),
            _ => Vec::new(),
        }
    })
    .await;
    for (path, refusal) in [
        ("/large", Refusal::TooLarge(1_000)),
        ("/said-large", Refusal::TooLarge(1_000)),
        ("/endless", Refusal::TooLarge(1_000)),
        ("/html", Refusal::Kind),
        ("/empty", Refusal::Kind),
        ("/missing", Refusal::Status(404)),
        ("/cut", Refusal::Unreachable),
        ("/head", Refusal::Unreachable),
        ("/no-http", Refusal::Unreachable),
    ] {
        assert_eq!(fetch(&server.url(path), settings(&server, LOOPBACK)).await, Err(refusal), "{path}");
    }
    let soon = FetchSettings { timeout: Duration::from_millis(100), ..settings(&server, LOOPBACK) };
    assert_eq!(fetch(&server.url("/silent"), soon).await, Err(Refusal::Slow(100)));
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let gone = FetchSettings { ports: vec![closed.port()], ..settings(&server, LOOPBACK) };
    assert_eq!(fetch(&format!("http://{closed}/"), gone).await, Err(Refusal::Unreachable));
}

#[tokio::test]
async fn files_of_one_request_are_few_small_together_and_fetched_once() {
    let server = Server::start(|_| whole(&[PICTURE, &[0; 800]].concat())).await;
    let addresses: Vec<String> = (0..12).map(|number| server.url(&format!("/{number}"))).collect();
    let large = FetchSettings { max_bytes: 100_000, ..settings(&server, LOOPBACK) };
    let mut files = Files::new(&Arc::new(large), &Arc::default());
    files.fetch(&addresses, Duration::MAX).await;
    let good = addresses.iter().filter(|address| files.get(address).is_ok()).count();
    assert_eq!((good, server.heads().len()), (10, 10));
    for address in &addresses[10..] {
        assert_eq!(files.get(address).unwrap_err(), Refusal::TooMany(10));
    }
    files.fetch(&addresses[..3], Duration::MAX).await;
    assert_eq!(server.heads().len(), 10);
    // Each is small enough, and a third is too much.
    let mut files = Files::new(&Arc::new(settings(&server, LOOPBACK)), &Arc::default());
    files.fetch(&addresses[..3], Duration::MAX).await;
    let refused: Vec<Refusal> =
        addresses[..3].iter().filter_map(|address| files.get(address).err()).collect();
    assert_eq!(refused, [Refusal::TooLargeTogether(2_000)]);
}

#[tokio::test]
async fn files_of_all_requests_together_have_their_bound() {
    let server = Server::start(|path| match path {
        "/unsaid" => [b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n", PICTURE].concat(),
        _ => whole(&[PICTURE, &[0; 800]].concat()),
    })
    .await;
    let room = Arc::default();
    let bounds = |timeout| {
        let most = 2 * (PICTURE.len() + 800) - 1;
        Arc::new(FetchSettings { max_total_bytes: most, timeout, ..settings(&server, LOOPBACK) })
    };
    let (patient, hasty) = (bounds(Duration::from_secs(20)), bounds(Duration::from_millis(100)));
    let [address, other] = ["/one", "/unsaid"].map(|path| server.url(path));
    let mut first = Files::new(&patient, &room);
    first.fetch(std::slice::from_ref(&address), Duration::MAX).await;
    assert!(first.get(&address).is_ok());
    // A second one of this size has no room, nor has one that might be as large as is allowed.
    for address in [&address, &other] {
        let mut second = Files::new(&hasty, &room);
        second.fetch(std::slice::from_ref(address), Duration::MAX).await;
        assert_eq!(second.get(address).unwrap_err(), Refusal::Crowded(hasty.max_total_bytes));
    }
    // Who waits is served when the first is done with its own.
    let waiting = tokio::spawn({
        let (room, address) = (Arc::clone(&room), address.clone());
        async move {
            let mut third = Files::new(&patient, &room);
            third.fetch(std::slice::from_ref(&address), Duration::MAX).await;
            third.get(&address).map(|file| file.media_type)
        }
    });
    while server.heads().len() < 4 {
        tokio::task::yield_now().await;
    }
    drop(first);
    assert_eq!(waiting.await.unwrap(), Ok("image/png"));
    // What is not needed of the place of one that did not say its size is given back.
    let mut fourth = Files::new(&hasty, &room);
    fourth.fetch(std::slice::from_ref(&other), Duration::MAX).await;
    fourth.fetch(std::slice::from_ref(&address), Duration::MAX).await;
    assert!(fourth.get(&other).is_ok() && fourth.get(&address).is_ok());
}
