#![allow(clippy::expect_used, reason = "a test ends where its ground gives way")]

use proptest::prelude::*;

use super::*;

/// The checksum by its definition, bit by bit: nothing here shares code with what is tested.
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| (crc >> 1) ^ (0xEDB8_8320 & 0u32.wrapping_sub(crc & 1)))
    })
}

/// A message of these headers, each a name, a type and the bytes of its value.
fn message(headers: &[(&str, u8, &[u8])], payload: &[u8]) -> Vec<u8> {
    let mut head = Vec::new();
    for (name, kind, value) in headers {
        head.push(name.len() as u8);
        head.extend_from_slice(name.as_bytes());
        head.push(*kind);
        head.extend_from_slice(value);
    }
    let mut out = ((16 + head.len() + payload.len()) as u32).to_be_bytes().to_vec();
    out.extend((head.len() as u32).to_be_bytes());
    out.extend(crc32(&out).to_be_bytes());
    out.extend(head);
    out.extend(payload);
    out.extend(crc32(&out).to_be_bytes());
    out
}

fn text(value: &str) -> Vec<u8> {
    [&(value.len() as u16).to_be_bytes(), value.as_bytes()].concat()
}

fn event(name: &str, payload: &str) -> Vec<u8> {
    message(&[(":event-type", 7, &text(name)), (":message-type", 7, &text("event"))], payload.as_bytes())
}

/// All frames of a stream that comes in these pieces, and why it broke.
fn frames(pieces: &[&[u8]]) -> (Vec<(String, String)>, Option<BadMessage>) {
    let mut framer = Framer::new(1 << 16);
    let mut found = Vec::new();
    for piece in pieces {
        framer.push(piece);
        loop {
            match framer.next_frame() {
                Ok(Some(frame)) => {
                    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
                    found.push((text(&frame.event), text(&frame.data.expect("data"))));
                }
                Ok(None) => break,
                Err(error) => {
                    assert_eq!(framer.next_frame(), Err(error), "the same error again");
                    return (found, Some(error));
                }
            }
        }
    }
    (found, None)
}

fn damage(bytes: &[u8]) -> &'static str {
    match frames(&[bytes]).1 {
        Some(BadMessage::Damaged { what }) => what,
        other => other.map_or("nothing", |_| "too large"),
    }
}

#[test]
fn a_stream_reads_the_same_cut_at_every_byte() {
    let events = [("messageStart", r#"{"role":"assistant"}"#), ("contentBlockDelta", "{}"), ("", "")];
    let stream: Vec<u8> = events.iter().flat_map(|(name, data)| event(name, data)).collect();
    let expected: Vec<_> = events.iter().map(|(name, data)| ((*name).into(), (*data).into())).collect();
    for cut in 0..=stream.len() {
        let (head, tail) = stream.split_at(cut);
        assert_eq!(frames(&[head, tail]), (expected.clone(), None), "cut at {cut}");
    }
    let bytes: Vec<&[u8]> = stream.chunks(1).collect();
    assert_eq!(frames(&bytes), (expected, None));
}

#[test]
fn headers_of_every_type_are_passed_over() {
    let headers: &[(&str, u8, &[u8])] = &[
        ("t", 0, &[]),
        ("f", 1, &[]),
        ("byte", 2, &[1]),
        ("short", 3, &[1; 2]),
        ("int", 4, &[1; 4]),
        ("long", 5, &[1; 8]),
        ("bytes", 6, &[0, 3, 7, 7, 7]),
        ("time", 8, &[1; 8]),
        ("uuid", 9, &[1; 16]),
        ("broken", 7, &[0, 1, 0xff]),
        (":event-type", 7, &text("metadata")),
        (":message-type", 7, &text("event")),
    ];
    assert_eq!(frames(&[&message(headers, b"{}")]), (vec![("metadata".into(), "{}".into())], None));
}

#[test]
fn what_is_damaged_is_found_at_once() {
    let good = event("metadata", "{}");
    for at in 0..good.len() {
        let mut bad = good.clone();
        bad[at] ^= 0x10;
        let expected = if at < 12 {
            "the checksum of its lengths does not agree"
        } else {
            "its checksum does not agree"
        };
        assert_eq!(damage(&bad), expected, "byte {at}");
    }
    assert_eq!(damage(b"HTTP/1.1 200 OK\r\n"), "the checksum of its lengths does not agree");
    let prelude = |total: u32, headers: u32| {
        let mut bytes = [total.to_be_bytes(), headers.to_be_bytes()].concat();
        bytes.extend(crc32(&bytes).to_be_bytes());
        bytes
    };
    assert_eq!(damage(&prelude(15, 0)), "its lengths are impossible");
    assert_eq!(damage(&prelude(100, 85)), "its lengths are impossible");
    assert_eq!(damage(&prelude(u32::MAX, 0)), "too large", "nothing is waited for");
    for headers in
        [&[("a", 10u8, &b""[..])][..], &[("a", 7, &[0])], &[("a", 7, &[0, 9, 1])], &[("a", 4, &[1])]]
    {
        assert_eq!(damage(&message(headers, b"")), "its headers cannot be read", "{headers:?}");
    }
    assert_eq!(damage(&message(&[], b"{}")), "its kind is not known");
}

#[test]
fn chunks_are_unwrapped() {
    let inner = r#"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"玉"}}"#;
    let payload = format!(r#"{{"bytes":"{}","p":"abc"}}"#, STANDARD.encode(inner));
    let expected = vec![("content_block_delta".into(), inner.into())];
    assert_eq!(frames(&[&event("chunk", &payload)]), (expected, None));
    assert_eq!(damage(&event("chunk", "{}")), "a chunk holds no `bytes`");
    assert_eq!(damage(&event("chunk", r#"{"bytes":"?"}"#)), "the bytes of a chunk are not base64");
}

#[test]
fn exceptions_and_errors_are_events() {
    let kind = text("throttlingException");
    let exception = [(":exception-type", 7, &kind[..]), (":message-type", 7, &text("exception"))];
    let told = |stream: &[u8]| frames(&[stream]).0.pop().expect("an event");
    assert_eq!(
        told(&message(&exception, br#"{"message":"Too fast.","originalStatusCode":429}"#)),
        (
            "error".into(),
            r#"{"type":"error","error":{"message":"Too fast.","originalStatusCode":429,"type":"throttlingException"}}"#
                .into()
        )
    );
    assert_eq!(
        told(&message(&exception, b"gone")).1,
        r#"{"type":"error","error":{"type":"throttlingException","message":"gone"}}"#
    );
    let (code, why) = (text("InternalFailure"), text("Sorry."));
    let error =
        [(":message-type", 7, &text("error")[..]), (":error-code", 7, &code), (":error-message", 7, &why)];
    assert_eq!(
        told(&message(&error, b"")).1,
        r#"{"type":"error","error":{"type":"InternalFailure","message":"Sorry."}}"#
    );
}

#[test]
fn what_is_written_is_what_others_write() {
    let mut out = Vec::new();
    write_event("metadata", b"{}", &mut out);
    write_exception("throttlingException", b"{\"message\":\"a\"}", &mut out);
    let json = text("application/json");
    let event = [
        (":event-type", 7, &text("metadata")[..]),
        (":content-type", 7, &json),
        (":message-type", 7, &text("event")),
    ];
    let exception = [
        (":exception-type", 7, &text("throttlingException")[..]),
        (":content-type", 7, &json),
        (":message-type", 7, &text("exception")),
    ];
    assert_eq!(out, [message(&event, b"{}"), message(&exception, b"{\"message\":\"a\"}")].concat());
}

proptest! {
    #[test]
    fn random_bytes_and_headers_do_no_harm(bytes in prop::collection::vec(any::<u8>(), 0..64), name in "[a-z:-]{0,8}", kind in any::<u8>()) {
        frames(&[&bytes]);
        frames(&[&message(&[(&name, kind, &bytes)], &bytes)]);
    }
}
