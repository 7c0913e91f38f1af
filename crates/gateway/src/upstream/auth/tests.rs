//! What each scheme puts on a request, and tokens over a real socket.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderName, HeaderValue};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use yumen_config::{Endpoint, OauthClient, Secret, Timeouts, TokenSource};

use super::*;
use crate::upstream::Pool;

fn credential(proof: Proof) -> Credential {
    Credential { id: 1, label: "#1".into(), proof, secrets: vec![Secret::new("client-secret")], limits: None }
}

fn stamped(pass: &Pass<'_>, uri: &str) -> Request<()> {
    let mut request = Request::builder().method("POST").uri(uri).body(()).unwrap();
    pass.put_on(&mut request, &Pieces::from_iter([Bytes::from_static(b"{}")]), SystemTime::now);
    request
}

#[test]
fn headers_and_queries_are_put_on_as_they_are() {
    let (name, value) = (HeaderName::from_static("x-api-key"), HeaderValue::from_static("secret"));
    let header = credential(Proof::Header { name, value });
    let tokens = AccessTokens::default();
    let request = stamped(&Pass::at_once(Some(&header), &tokens).unwrap(), "/v1/chat");
    assert_eq!(
        (request.headers().len(), &request.headers()["x-api-key"]),
        (1, &HeaderValue::from_static("secret"))
    );
    let query = credential(Proof::Query { pair: Secret::new("key=a%20b") });
    let pass = Pass::at_once(Some(&query), &tokens).unwrap();
    assert_eq!(stamped(&pass, "/v1/chat").uri(), "/v1/chat?key=a%20b");
    assert_eq!(stamped(&pass, "/v1/chat?alt=sse").uri(), "/v1/chat?alt=sse&key=a%20b");
    let nothing = stamped(&Pass::at_once(None, &tokens).unwrap(), "/v1/chat");
    assert!(nothing.headers().is_empty());
}

/// A server that answers each connection's first request with this, and gives what it was asked.
async fn server(answer: &'static str) -> (String, tokio::sync::mpsc::Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/token", listener.local_addr().unwrap());
    let (asked, seen) = tokio::sync::mpsc::channel(16);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut read = vec![0; 8192];
            let count = stream.read(&mut read).await.unwrap_or(0);
            let _ = asked.send(String::from_utf8_lossy(&read[..count]).into_owned()).await;
            let _ = stream.write_all(answer.as_bytes()).await;
        }
    });
    (url, seen)
}

async fn take(
    tokens: &AccessTokens,
    credential: &Credential,
) -> Result<(Arc<AccessToken>, bool), TokenError> {
    let second = Duration::from_secs(5);
    let timeouts = Timeouts { connect: second, first_byte: second, idle: second, total: second };
    let pool = Arc::new(Pool::new(Arc::default()));
    tokens.take(credential, &Door { pool: &pool, timeouts, provider: "Acme" }).await
}

const GRANTED: &str = "HTTP/1.1 200 OK\r\nmetadata-flavor: Google\r\nconnection: close\r\ncontent-length: 41\r\n\r\n\
                       {\"access_token\":\"tok-1\",\"expires_in\":600}";
const REFUSED: &str = "HTTP/1.1 401 Unauthorized\r\nconnection: close\r\ncontent-length: 26\r\n\r\n{\"error\":\"invalid_client\"}";

#[tokio::test]
async fn the_machine_is_asked_as_google_wants_and_must_show_that_it_is_one() {
    let (url, mut seen) = server(GRANTED).await;
    let machine = |url: &str| {
        credential(Proof::Token(Box::new(TokenSource::GoogleMachine {
            endpoint: Endpoint::at(url).unwrap(),
        })))
    };
    let tokens = AccessTokens::default();
    let (token, cached) = take(&tokens, &machine(&url)).await.unwrap();
    assert_eq!((token.secret(), cached), ("tok-1", false));
    let asked = seen.recv().await.unwrap();
    assert!(
        asked.starts_with("GET /token HTTP/1.1\r\n") && asked.contains("\r\nmetadata-flavor: Google\r\n"),
        "{asked}"
    );
    let machine = machine(&url);
    let pass = Pass::at_once(Some(&machine), &tokens).unwrap();
    assert_eq!(stamped(&pass, "/").headers()["authorization"], "Bearer tok-1");

    let (other, _seen) = server(REFUSED).await;
    let endpoint = Endpoint::at(&other).unwrap();
    let stranger =
        Credential { id: 2, ..credential(Proof::Token(Box::new(TokenSource::GoogleMachine { endpoint }))) };
    let error = take(&tokens, &stranger).await.unwrap_err();
    assert_eq!(error.summary, "what answered is not its token server");
}

#[tokio::test]
async fn one_asks_and_all_others_wait() {
    let (url, mut seen) = server(GRANTED).await;
    let client = OauthClient {
        id: Secret::new("my id"),
        secret: Secret::new("client-secret"),
        scope: Some("a b".into()),
        endpoint: Endpoint::at(&url).unwrap(),
    };
    let credential = Arc::new(credential(Proof::Token(Box::new(TokenSource::Oauth(client)))));
    let tokens = Arc::new(AccessTokens::default());
    let mut all = tokio::task::JoinSet::new();
    for _ in 0..20 {
        let (tokens, credential) = (Arc::clone(&tokens), Arc::clone(&credential));
        all.spawn(async move { take(&tokens, &credential).await.unwrap().0.secret().to_owned() });
    }
    assert!(all.join_all().await.iter().all(|token| token == "tok-1"));
    let asked = seen.recv().await.unwrap();
    // The id and secret in base64, each as a form has it.
    assert!(asked.contains("authorization: Basic bXklMjBpZDpjbGllbnQtc2VjcmV0\r\n"), "{asked}");
    assert!(asked.ends_with("\r\n\r\ngrant_type=client_credentials&scope=a%20b"), "{asked}");
    assert!(seen.try_recv().is_err(), "it was asked once");
}

#[tokio::test]
async fn when_the_one_who_asks_leaves_the_next_asks() {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", silent.local_addr().unwrap());
    let source = TokenSource::GoogleMachine { endpoint: Endpoint::at(&url).unwrap() };
    let credential = credential(Proof::Token(Box::new(source)));
    let tokens = AccessTokens::default();
    let first = tokio::time::timeout(Duration::from_millis(50), take(&tokens, &credential)).await;
    assert!(first.is_err(), "nobody answers");
    let second = async {
        let (mut stream, _) = silent.accept().await.unwrap();
        drop(stream.shutdown().await);
        let (mut stream, _) = silent.accept().await.unwrap();
        let mut read = [0; 4096];
        let _ = stream.read(&mut read).await.unwrap();
        stream.write_all(GRANTED.as_bytes()).await.unwrap();
        stream
    };
    let (token, _stream) = tokio::join!(take(&tokens, &credential), second);
    assert_eq!(token.unwrap().0.secret(), "tok-1");
}
