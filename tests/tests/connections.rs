//! Connections of clients that send too much, too slowly or no HTTP at all, or leave: none is kept, none does harm.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test ends where its ground gives way"
)]

use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use yumen_testkit::{Gateway, KEY, Reply, Upstream, raw_exchange, standard_config, within};
use yumen_tests::{CHAT, MESSAGES, ask, ask_stream, pair, record_of};

/// The head of a `POST` with the key and these further lines.
fn post_head(path: &str, lines: &str) -> String {
    format!(
        "POST {path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {KEY}\r\ncontent-type: application/json\r\n{lines}\r\n"
    )
}

/// What comes back until the gateway closes; our side stays open.
async fn answer_and_close(gateway: &Gateway, bytes: &[u8]) -> String {
    String::from_utf8(raw_exchange(gateway.address(), bytes, false).await).unwrap()
}

#[tokio::test]
async fn conflicting_lengths_are_refused_and_the_connection_closed() {
    let (upstream, gateway) = pair().await;
    let body = ask("fake-openai/fake-chat").to_string();
    let (length, hex) = (body.len(), format!("{:x}", body.len()));
    let chunks = format!("{hex}\r\n{body}\r\n0\r\n\r\n");
    for (lines, spoken) in [
        (format!("content-length: {length}\r\ntransfer-encoding: chunked\r\n"), true),
        (format!("transfer-encoding: chunked\r\nCONTENT-Length:{length}\r\n"), true),
        (format!("content-length: {length}\r\ncontent-length: {}\r\n", length + 1), false),
        (format!("content-length: +{length}\r\n"), false),
        ("transfer-encoding: gzip\r\n".to_owned(), false),
        ("transfer-encoding: chunked, identity\r\n".to_owned(), false),
    ] {
        let body = if lines.contains("chunked") { &chunks } else { &body };
        for (path, mark) in [(CHAT, "\"code\":\"conflicting_lengths\""), (MESSAGES, "\"type\":\"error\"")] {
            let answer = answer_and_close(&gateway, (post_head(path, &lines) + body).as_bytes()).await;
            assert!(answer.starts_with("HTTP/1.1 400"), "{lines}: {answer}");
            assert!(!spoken || answer.contains(mark), "{lines}: {answer}");
        }
    }
    // The same as the second request of its connection.
    let good = post_head(CHAT, &format!("content-length: {length}\r\n")) + &body;
    let bad =
        post_head(CHAT, &format!("content-length: {length}\r\ntransfer-encoding: chunked\r\n")) + &chunks;
    let answer = answer_and_close(&gateway, (good.clone() + &bad + &good).as_bytes()).await;
    assert_eq!(answer.matches("HTTP/1.1 ").count(), 2, "{answer}");
    assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("conflicting_lengths"), "{answer}");
    assert_eq!(upstream.counts().received, 1);
    let chunked = post_head(CHAT, "transfer-encoding: chunked\r\nconnection: close\r\n") + &chunks;
    let answer = answer_and_close(&gateway, (good + &chunked).as_bytes()).await;
    assert_eq!(answer.matches("HTTP/1.1 200").count(), 2, "{answer}");
}

#[tokio::test]
async fn a_refusal_reaches_a_client_that_sends_its_whole_body_first() {
    let (upstream, gateway) = pair().await;
    let close = "connection: close\r\n";
    for (length, head, status) in [
        (40 << 20, post_head(CHAT, &format!("content-length: {}\r\n{close}", 40 << 20)), "413"),
        (
            4 << 20,
            post_head(CHAT, &format!("content-length: {}\r\n{close}", 4 << 20)).replace(KEY, "wrong"),
            "401",
        ),
        (4 << 20, post_head("/v1/nothing", &format!("content-length: {}\r\n{close}", 4 << 20)), "404"),
        (
            4 << 20,
            post_head(CHAT, &format!("content-encoding: sdch\r\ncontent-length: {}\r\n{close}", 4 << 20)),
            "415",
        ),
    ] {
        let mut bytes = head.into_bytes();
        bytes.resize(bytes.len() + length, b' ');
        let answer = answer_and_close(&gateway, &bytes).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{status}: {answer}");
    }
    // A client that waits to be asked is not asked.
    let waits = format!("content-length: {}\r\nexpect: 100-continue\r\n{close}", 40 << 20);
    let answer = answer_and_close(&gateway, post_head(CHAT, &waits).as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 413") && !answer.contains("100 Continue"), "{answer}");
    assert_eq!(upstream.counts().received, 0);
}

#[tokio::test]
async fn a_body_that_drips_has_one_deadline_for_the_whole() {
    let upstream = Upstream::start().await;
    let config = standard_config(&upstream).replace("gateway: {", "gateway: { body_read_timeout_ms: 200,");
    let gateway = Gateway::start(&config).await;
    let mut stream = TcpStream::connect(gateway.address()).await.unwrap();
    stream.set_nodelay(true).unwrap();
    stream.write_all(post_head(CHAT, "content-length: 30000000\r\n").as_bytes()).await.unwrap();
    let mut answer = [0; 12];
    let answered = async {
        loop {
            tokio::select! {
                biased;
                read = stream.readable() => return read.unwrap(),
                () = tokio::task::yield_now() => assert_eq!(stream.try_write(b" ").unwrap_or(1), 1),
            }
        }
    };
    within("an answer to a body without end", answered).await;
    stream.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 408");
    assert_eq!(upstream.counts().received, 0);
}

#[tokio::test]
async fn a_client_that_leaves_while_uploading_is_recorded_as_gone() {
    let (upstream, gateway) = pair().await;
    let cut = post_head(CHAT, "content-length: 500\r\n") + "{\"mod";
    let chunked = post_head(CHAT, "transfer-encoding: chunked\r\n") + "10\r\n{\"mod";
    let broken = post_head(CHAT, "transfer-encoding: chunked\r\n") + "zz\r\n{\"mod";
    for (bytes, status, outcome) in
        [(cut, 499, "client_gone"), (chunked, 499, "client_gone"), (broken, 400, "refused")]
    {
        let answer = raw_exchange(gateway.address(), bytes.as_bytes(), true).await;
        let answer = String::from_utf8(answer).unwrap();
        let id = answer.lines().find_map(|line| line.strip_prefix("x-generation-id: ")).expect(&answer);
        let record = record_of(&gateway.client(), id).await;
        assert_eq!((&record["status"], &record["outcome"]), (&json!(status), &json!(outcome)), "{record}");
    }
    assert_eq!(upstream.counts().received, 0);
}

#[tokio::test]
async fn heads_over_the_limit_are_431() {
    let (upstream, gateway) = pair().await;
    for (length, status) in [(60_000, "200"), (70_000, "431"), (1 << 20, "431")] {
        let head = format!("GET /healthz HTTP/1.1\r\nconnection: close\r\nx: {}\r\n\r\n", "y".repeat(length));
        let answer = answer_and_close(&gateway, head.as_bytes()).await;
        // Bytes of a head that is never read may make the kernel reset the connection over the answer.
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status}")) || (length > 1 << 17 && answer.is_empty()),
            "{length}: {answer}"
        );
    }
    assert_eq!(upstream.counts().received, 0);
}

#[tokio::test]
async fn a_head_that_does_not_end_is_given_up() {
    let upstream = Upstream::start().await;
    let config = standard_config(&upstream).replace("gateway: {", "gateway: { header_read_timeout_ms: 100,");
    let gateway = Gateway::start(&config).await;
    for start in ["", "G", "GET / HTTP/1.1\r\nx: ", "PRI", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"] {
        raw_exchange(gateway.address(), start.as_bytes(), false).await;
    }
}

#[tokio::test]
async fn a_connection_without_any_exchange_is_closed() {
    let upstream = Upstream::start().await;
    let config = standard_config(&upstream).replace("gateway: {", "gateway: { idle_timeout_ms: 100,");
    let gateway = Gateway::start(&config).await;
    let answer = raw_exchange(gateway.address(), b"GET /healthz HTTP/1.1\r\n\r\n", false).await;
    assert!(answer.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&answer));
}

/// A client that takes nothing of its answer is given up: the upstream is freed and the record says so.
#[tokio::test]
async fn a_client_that_stops_reading_is_given_up() {
    let upstream = Upstream::start().await;
    let line =
        format!("data: {{\"choices\":[{{\"delta\":{{\"content\":\"{}\"}}}}]}}\n\n", "x".repeat(1 << 20));
    upstream.script(move |_| Some(Reply::stream(vec![line.clone(); 64])));
    let config = standard_config(&upstream).replace("gateway: {", "gateway: { write_timeout_ms: 200,");
    let gateway = Gateway::start(&config).await;
    let body = ask_stream("fake-openai/fake-chat").to_string();
    let mut stuck = TcpStream::connect(gateway.address()).await.unwrap();
    let head = format!(
        "POST {CHAT} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {KEY}\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    stuck.write_all(head.as_bytes()).await.unwrap();
    upstream.until("the upstream's answer to be broken off", |counts| counts.aborted == 1).await;
    drop(stuck);
}

#[tokio::test]
async fn garbage_on_the_socket_leaves_the_gateway_well() {
    let (upstream, gateway) = pair().await;
    let long = format!("GET / HTTP/1.1\r\nx: {}\r\n\r\n", "y".repeat(2 << 20));
    let cut = format!(
        "POST {CHAT} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {KEY}\r\ncontent-length: 500\r\n\r\n{{\"mod"
    );
    for bytes in [
        &b"\x16\x03\x01\x02\x00"[..],
        b"\r\n\r\n\r\n",
        b"GET\r\n\r\n",
        b"\0\0\0\0",
        long.as_bytes(),
        cut.as_bytes(),
    ] {
        raw_exchange(gateway.address(), bytes, true).await;
    }
    gateway.client().post(CHAT, &ask("fake-openai/fake-chat")).await.expect_status(200);
    assert_eq!(upstream.counts().received, 1);
}
