use bytes::BytesMut;
use proptest::prelude::*;
use tokio::io::AsyncWriteExt as _;

use super::*;

/// The frames that are read of these bytes, and why no more come.
fn read(bytes: &[u8], side: Side, most: usize) -> (Vec<Frame>, Fault) {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let (mut reader, mut frames) = (Reader::new(bytes, side, most), Vec::new());
        loop {
            match reader.next().await {
                Ok(frame) => frames.push(frame),
                Err(fault) => return (frames, fault),
            }
        }
    })
}

async fn written(frames: Vec<Frame>, side: Side) -> Vec<u8> {
    let mut out = Vec::new();
    let mut writer = Writer::new(&mut out, side);
    for frame in frames {
        writer.write(frame).await.unwrap();
    }
    out
}

fn frame(kind: Kind, last: bool, payload: &[u8]) -> Frame {
    Frame { kind, last, payload: BytesMut::from(payload) }
}

#[test]
fn the_standards_own_example_is_confirmed() {
    let (head, ()) = http::Request::builder()
        .header("connection", "keep-alive, Upgrade")
        .header("upgrade", "WebSocket")
        .header("sec-websocket-version", "13")
        .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")
        .body(())
        .unwrap()
        .into_parts();
    let nonce = asks(&head).unwrap();
    let mut answer = http::HeaderMap::new();
    confirms(&nonce, &mut answer);
    assert_eq!(answer["sec-websocket-accept"], "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    assert!(nonce.is_confirmed(&answer) && !Nonce::fresh().unwrap().is_confirmed(&answer));
    answer.insert("sec-websocket-extensions", "permessage-deflate".parse().unwrap());
    assert!(!nonce.is_confirmed(&answer));
    for name in ["connection", "upgrade", "sec-websocket-version", "sec-websocket-key"] {
        let mut lacking = head.clone();
        lacking.headers.remove(name);
        assert!(asks(&lacking).is_none(), "{name}");
        lacking.headers.insert(name, "x".parse().unwrap());
        assert!(asks(&lacking).is_none(), "{name}");
    }
}

#[tokio::test]
async fn frames_come_as_they_were_written_wherever_the_bytes_are_cut() {
    let large = vec![7; 70_000];
    let frames = || {
        vec![
            frame(Kind::Text, false, b"one "),
            frame(Kind::Ping, true, b"are you there"),
            frame(Kind::More, true, b"message"),
            frame(Kind::Binary, true, &large),
            frame(Kind::Pong, true, b""),
            Close::with(1000, "bye").frame(),
        ]
    };
    for side in [Side::Client, Side::Server] {
        let bytes = written(frames(), side).await;
        for cut in (0..300).chain([bytes.len() - 3, bytes.len()]) {
            let (first, rest) = bytes.split_at(cut);
            let (mut sender, receiver) = tokio::io::duplex(1 << 20);
            let mut reader = Reader::new(receiver, side, 100_000);
            sender.write_all(first).await.unwrap();
            // A wait that is given up loses nothing.
            let mut read = Vec::new();
            while let Ok(frame) = tokio::time::timeout(std::time::Duration::ZERO, reader.next()).await {
                read.push(frame.unwrap());
            }
            sender.write_all(rest).await.unwrap();
            while read.len() < frames().len() {
                read.push(reader.next().await.unwrap());
            }
            for (read, sent) in read.iter().zip(frames()) {
                assert_eq!((read.kind, read.last, &read.payload), (sent.kind, sent.last, &sent.payload));
            }
        }
    }
}

#[test]
fn what_may_not_come_is_told() {
    let server = |bytes: &[u8]| read(bytes, Side::Server, 100).1;
    assert!(matches!(server(b""), Fault::Gone(_)));
    assert!(matches!(server(b"\x81\x05ab"), Fault::Gone(_)));
    for (bytes, what) in [
        (&b"\x81\x80\0\0\0\0"[..], "a masked frame of a server"),
        (b"\xc1\x00", "an extension"),
        (b"\x83\x00", "an unknown kind"),
        (b"\x80\x00", "more of nothing"),
        (b"\x01\x00\x81\x00", "a message within a message"),
        (b"\x09\x00", "a ping that is cut"),
        (b"\x89\x7e\x00\x7e", "a long ping"),
    ] {
        assert!(matches!(server(bytes), Fault::Protocol(_)), "{what}");
    }
    assert!(matches!(read(b"\x81\x00", Side::Client, 100).1, Fault::Protocol(_)));
    // The limit holds for a message, however it is cut, and before any of it has come.
    assert!(matches!(server(b"\x81\x65"), Fault::TooLarge(100)));
    assert!(matches!(server(b"\x82\x7f\xff\xff\xff\xff\xff\xff\xff\xff"), Fault::TooLarge(100)));
    let halves = [&b"\x01\x3c"[..], &[b'a'; 60], b"\x80\x3c"].concat();
    let (frames, fault) = read(&halves, Side::Server, 100);
    assert!(frames.len() == 1 && matches!(fault, Fault::TooLarge(100)));
}

#[test]
fn codes_that_nobody_may_send_are_refused() {
    assert_eq!(Close::read(b"").unwrap(), Close { code: None, reason: String::new() });
    assert_eq!(Close::read(b"\x0f\xa0why").unwrap(), Close::with(4000, "why"));
    for bytes in [&b"\x03"[..], b"\x03\xed", b"\x03\xee", b"\x00\x00", b"\x03\xe8\xff"] {
        assert!(Close::read(bytes).is_err(), "{bytes:?}");
    }
    let long = Close::with(1008, "玉".repeat(100)).frame();
    assert_eq!((long.payload.len(), Close::read(&long.payload).unwrap().code), (125, Some(1008)));
    assert!(Close::with(1001, "").is_normal() && !Close::with(1011, "").is_normal());
}

#[tokio::test]
async fn nothing_follows_a_close() {
    let frames = vec![Close::with(1000, "").frame(), Frame::text("late")];
    assert_eq!(written(frames, Side::Server).await, b"\x88\x02\x03\xe8");
}

proptest! {
    #[test]
    fn no_bytes_are_too_odd(bytes in proptest::collection::vec(any::<u8>(), 0..400), masked: bool) {
        let side = if masked { Side::Client } else { Side::Server };
        let (frames, _) = read(&bytes, side, 64);
        prop_assert!(frames.iter().all(|frame| frame.payload.len() <= 125));
    }
}
