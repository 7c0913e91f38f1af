//! The framer at every split of the bytes, and against an oracle that sees the whole stream at once.

use bytes::Bytes;
use proptest::prelude::*;

use super::*;

const LIMIT: usize = 16 << 20;

fn drain(framer: &mut Framer, frames: &mut Vec<Frame>) {
    while let Some(frame) = framer.next_frame().unwrap() {
        frames.push(frame);
    }
}

/// All frames of a stream that comes in these chunks.
fn frames<'c>(chunks: impl IntoIterator<Item = &'c [u8]>) -> Vec<Frame> {
    let mut framer = Framer::new(LIMIT);
    let mut frames = Vec::new();
    for chunk in chunks {
        framer.push(Bytes::copy_from_slice(chunk));
        drain(&mut framer, &mut frames);
    }
    frames.extend(std::iter::from_fn(|| framer.finish()));
    assert!(framer.is_empty());
    frames
}

/// Puts an LF that came too late back to the CR that it belongs to.
fn rejoined(frames: Vec<Frame>) -> Vec<Frame> {
    let mut joined: Vec<Frame> = Vec::new();
    for frame in frames {
        match joined.last_mut() {
            Some(last) if frame.raw == "\n" && last.raw.ends_with(b"\r") => {
                last.raw = [&last.raw[..], b"\n"].concat().into();
            }
            _ => joined.push(frame),
        }
    }
    joined
}

/// The same result from the whole stream at once, written for plainness: the frames, and for each block that a
/// blank line ends, the number of bytes after which that is certain.
fn oracle(stream: &[u8]) -> (Vec<Frame>, Vec<usize>) {
    let (mut frames, mut ends) = (Vec::new(), Vec::new());
    let (mut block_start, mut at) = (0, 0);
    let (mut event, mut data) = (Vec::new(), Vec::new());
    let mut build = |raw: &[u8], event: &mut Vec<u8>, data: &mut Vec<Vec<u8>>| {
        let lines = std::mem::take(data);
        frames.push(Frame {
            raw: Bytes::copy_from_slice(raw),
            event: std::mem::take(event).into(),
            data: (!lines.is_empty()).then(|| lines.join(&b'\n').into()),
        });
    };
    while at < stream.len() {
        let start = at;
        while at < stream.len() && stream[at] != b'\n' && stream[at] != b'\r' {
            at += 1;
        }
        let mut line = &stream[start..at];
        let blank = line.is_empty() && at < stream.len();
        let certain = at + 1;
        at += if stream[at..].starts_with(b"\r\n") { 2 } else { 1 };
        at = at.min(stream.len());
        if blank {
            build(&stream[block_start..at], &mut event, &mut data);
            ends.push(certain);
            block_start = at;
            continue;
        }
        if start == 0 && line.starts_with(b"\xEF\xBB\xBF") {
            line = &line[3..];
        }
        let (name, value) = match line.iter().position(|&byte| byte == b':') {
            Some(colon) => (&line[..colon], &line[colon + 1..]),
            None => (line, &b""[..]),
        };
        let value = value.strip_prefix(b" ").unwrap_or(value);
        match name {
            b"data" => data.push(value.to_vec()),
            b"event" => event = value.to_vec(),
            _ => {}
        }
    }
    if block_start < stream.len() {
        build(&stream[block_start..], &mut event, &mut data);
    }
    (frames, ends)
}

/// The stream gives the same frames, each as soon as it can, however it is cut.
fn same_at_every_split(stream: &[u8]) -> Vec<Frame> {
    let (expected, ends) = oracle(stream);
    assert_eq!(frames([stream]), expected);
    for split in 0..=stream.len() {
        let (one, two) = stream.split_at(split);
        let mut framer = Framer::new(LIMIT);
        let mut found = Vec::new();
        framer.push(Bytes::copy_from_slice(one));
        drain(&mut framer, &mut found);
        assert_eq!(found.len(), ends.iter().filter(|&&end| end <= split).count(), "split at {split}");
        framer.push(Bytes::copy_from_slice(two));
        drain(&mut framer, &mut found);
        found.extend(std::iter::from_fn(|| framer.finish()));
        assert_eq!(found.iter().flat_map(|frame| &frame.raw[..]).copied().collect::<Vec<_>>(), stream);
        assert_eq!(rejoined(found), expected, "split at {split}");
    }
    for size in 1..stream.len() {
        assert_eq!(rejoined(frames(stream.chunks(size))), expected, "chunks of {size}");
    }
    // Several chunks before the first frame is taken.
    let mut framer = Framer::new(LIMIT);
    stream.chunks(3).for_each(|chunk| framer.push(Bytes::copy_from_slice(chunk)));
    assert_eq!(rejoined(std::iter::from_fn(|| framer.finish()).collect()), expected);
    expected
}

/// The events of a stream, after it was replayed at every split: names and data of the frames that have data.
fn events(stream: impl AsRef<[u8]>) -> Vec<(String, String)> {
    let text = |bytes: Bytes| String::from_utf8(bytes.to_vec()).unwrap();
    same_at_every_split(stream.as_ref())
        .into_iter()
        .filter_map(|frame| Some((text(frame.event), text(frame.data?))))
        .collect()
}

fn data(stream: impl AsRef<[u8]>) -> Vec<String> {
    events(stream).into_iter().map(|(_, data)| data).collect()
}

#[test]
fn pitfall_01_data_without_space() {
    assert_eq!(
        data("data:{\"a\":1}\n\ndata: b\n\ndata:  c \n\ndata:\td\n\n"),
        ["{\"a\":1}", "b", " c ", "\td"]
    );
}

#[test]
fn pitfall_02_every_kind_of_line_end() {
    for end in ["\n", "\r", "\r\n"] {
        let stream = "event: e\ndata: a\ndata: b\n\n: c\n\ndata: d\n\n\n\ndata: f\n\n".replace('\n', end);
        let named = |name: &str, data: &str| (name.to_owned(), data.to_owned());
        assert_eq!(events(stream), [named("e", "a\nb"), named("", "d"), named("", "f")], "{end:?}");
    }
    assert_eq!(
        data("data: a\r\ndata: b\rdata: c\n\r\ndata: d\r\n\ndata: e\n\rdata: f\r\r\n"),
        ["a\nb\nc", "d", "e", "f"]
    );
}

#[test]
fn pitfall_02_a_lone_cr_at_the_end_of_a_read_does_not_hold_the_event_back() {
    let mut framer = Framer::new(LIMIT);
    framer.push(Bytes::from_static(b"data: a\r\r"));
    assert_eq!(framer.next_frame().unwrap().unwrap().data.unwrap(), "a");
    assert!(framer.is_empty());
    // The LF that made the last CR a CRLF comes later: passed on, no second event.
    framer.push(Bytes::from_static(b"\ndata: b\r\n\r"));
    let late = framer.next_frame().unwrap().unwrap();
    assert_eq!((&late.raw[..], late.data), (&b"\n"[..], None));
    assert_eq!(framer.next_frame().unwrap().unwrap().data.unwrap(), "b");
    assert_eq!(framer.finish(), None);
}

#[test]
fn pitfall_03_comments_empty_data_other_fields_and_several_data_lines() {
    let stream = ": OPENROUTER PROCESSING\n\nid: 7\nretry: 10\n\ndata:\n\ndata\n\ndata: a\n:c\ndata:\nid\ndata: b\n\n\
        dataset: x\nDATA: y\ndata : z\n\n";
    assert_eq!(data(stream), ["", "", "a\n\nb"]);
    let kinds: Vec<_> = oracle(stream.as_bytes()).0.iter().map(|frame| frame.data.is_some()).collect();
    assert_eq!(kinds, [false, false, true, true, true, false]);
    assert_eq!(events("event: a\nevent: b\ndata: 1\n\nevent: c\n\n"), [("b".into(), "1".into())]);
}

#[test]
fn pitfall_03_a_byte_order_mark_at_the_start_only() {
    assert_eq!(data("\u{feff}data: a\n\n\u{feff}data: b\n\ndata: c\n\n"), ["a", "c"]);
    assert_eq!(data("\u{feff}\n\ndata: c\n\n"), ["c"]);
}

#[test]
fn pitfall_04_several_events_in_one_read_and_one_event_in_several() {
    let stream: String = (0..6).map(|n| format!("event: delta\ndata: {{\"n\":{n}}}\n\n")).collect();
    assert_eq!(data(&stream), (0..6).map(|n| format!("{{\"n\":{n}}}")).collect::<Vec<_>>());
}

#[test]
fn pitfall_05_characters_cut_between_reads() {
    assert_eq!(data("data: 玉门 😀 é\n\nevent: 事件\ndata: 2\n\n"), ["玉门 😀 é", "2"]);
}

#[test]
fn pitfall_06_last_event_without_blank_line_or_newline() {
    for end in ["", "\n", "\r", "\r\n", "\n\n"] {
        assert_eq!(data(format!("data: a\n\ndata: b{end}")), ["a", "b"], "{end:?}");
    }
    assert_eq!(data("data: a\n\n: bye"), ["a"]);
    assert_eq!(data(""), [""; 0]);
}

#[test]
fn pitfall_07_a_stream_without_done_ends_like_any_other() {
    let mut framer = Framer::new(LIMIT);
    framer.push(Bytes::from_static(b"data: {\"finish_reason\":\"stop\"}\n\n"));
    assert!(framer.next_frame().unwrap().is_some());
    assert!(framer.is_empty());
    assert_eq!((framer.finish(), framer.finish()), (None, None));
    assert_eq!(data("data: a\n\n: heartbeat\n\ndata: [DONE]\n\n: heartbeat\n\n"), ["a", "[DONE]"]);
}

#[test]
fn pitfall_08_two_events_in_one_write_stay_two_frames() {
    let found = frames([&b"data: {\"a\":1}\n\ndata: {\"b\":2}\n\n"[..]]);
    assert_eq!(
        found.iter().map(|frame| &frame.raw[..]).collect::<Vec<_>>(),
        [&b"data: {\"a\":1}\n\n"[..], b"data: {\"b\":2}\n\n"]
    );
}

#[test]
fn pitfall_12_large_events_pass_and_the_limit_holds_at_every_split() {
    let image = format!("data: {}\n\n", "A".repeat(2 << 20));
    let found = frames(image.as_bytes().chunks(16_000));
    assert_eq!((found.len(), found[0].data.as_ref().unwrap().len()), (1, 2 << 20));

    for end in ["\n", "\r", "\r\n"] {
        let stream = "data: ok\n\ndata: 56789\n\n".replace('\n', end).into_bytes();
        let (expected, ends) = oracle(&stream);
        let exact = ends[1] - expected[0].raw.len();
        for size in 1..=stream.len() {
            for (limit, fits) in [(exact, true), (exact - 1, false)] {
                let mut framer = Framer::new(limit);
                let mut events = 0;
                let mut error = None;
                for chunk in stream.chunks(size) {
                    framer.push(Bytes::copy_from_slice(chunk));
                    loop {
                        match framer.next_frame() {
                            Ok(Some(frame)) => events += usize::from(frame.data.is_some()),
                            Ok(None) => break,
                            Err(fault) => break error = Some(fault),
                        }
                    }
                    assert!(framer.held.len() <= limit);
                }
                let wanted = if fits { (2, None) } else { (1, Some(EventTooLarge { limit })) };
                assert_eq!((events, error), wanted, "{end:?} in chunks of {size}");
                if !fits {
                    assert!(framer.next_frame().is_err() && framer.is_empty() && framer.finish().is_none());
                }
            }
        }
    }
    // A stream that never ends its event is refused as soon as it is over the limit.
    let mut framer = Framer::new(10);
    framer.push(Bytes::from_static(b"data: 12345"));
    assert_eq!(framer.next_frame(), Err(EventTooLarge { limit: 10 }));
}

#[test]
fn an_event_in_a_million_pieces_takes_linear_time() {
    let event = format!("data: {}\ndata: x\n\n", "A".repeat(1 << 20));
    let mut framer = Framer::new(LIMIT);
    let bytes = Bytes::from(event);
    let mut found = Vec::new();
    for at in 0..bytes.len() {
        framer.push(bytes.slice(at..=at));
        drain(&mut framer, &mut found);
    }
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].raw, bytes);
}

#[test]
fn an_event_that_arrives_whole_is_not_copied() {
    let chunk = Bytes::from_static(b"data: a\n\nevent: e\ndata: b\n\nda");
    let mut framer = Framer::new(LIMIT);
    framer.push(chunk.clone());
    let first = framer.next_frame().unwrap().unwrap();
    let second = framer.next_frame().unwrap().unwrap();
    assert_eq!(framer.next_frame().unwrap(), None);
    assert!(!framer.is_empty());
    assert_eq!(first.raw.as_ptr(), chunk.as_ptr());
    assert_eq!(first.data.unwrap().as_ptr(), chunk[6..].as_ptr());
    assert_eq!(second.raw.as_ptr(), chunk[9..].as_ptr());
    assert_eq!(second.event.as_ptr(), chunk[16..].as_ptr());
    assert_eq!(second.data.unwrap().as_ptr(), chunk[24..].as_ptr());
}

proptest! {
    #[test]
    fn any_stream_is_framed_as_the_oracle_frames_it(
        pieces in prop::collection::vec(
            prop::sample::select(vec![
                "\n", "\r", "\r\n", "\n\n", "\r\r", "\r\n\r\n", "data", "event", "id", ":", " ", "x", "é",
                "\u{feff}", "data: y\n\n",
            ]),
            0..14,
        ),
    ) {
        same_at_every_split(pieces.concat().as_bytes());
    }

    #[test]
    fn any_bytes_come_out_as_they_went_in(
        bytes in prop::collection::vec(prop_oneof![any::<u8>(), Just(b'\n'), Just(b'\r'), Just(b':')], 0..60),
    ) {
        same_at_every_split(&bytes);
    }
}
