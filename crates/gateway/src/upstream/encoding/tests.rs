use std::io::Write as _;

use super::*;

fn sample() -> Vec<u8> {
    (0..60)
        .flat_map(|line| format!("data: {{\"n\":{line},\"text\":\"玉门 {}\"}}\n\n", line * 7919).into_bytes())
        .collect()
}

fn encoded(encoding: Encoding, plain: &[u8]) -> Vec<u8> {
    match encoding {
        Encoding::Identity => plain.to_vec(),
        Encoding::Gzip => {
            let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
            encoder.write_all(plain).unwrap();
            encoder.finish().unwrap()
        }
        Encoding::Deflate => {
            let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::default());
            encoder.write_all(plain).unwrap();
            encoder.finish().unwrap()
        }
        Encoding::Brotli => {
            let mut out = Vec::new();
            let parameters = brotli::enc::BrotliEncoderParams { quality: 5, ..Default::default() };
            brotli::BrotliCompress(&mut &*plain, &mut out, &parameters).unwrap();
            out
        }
        Encoding::Zstd => {
            ruzstd::encoding::compress_to_vec(plain, ruzstd::encoding::CompressionLevel::Fastest)
        }
    }
}

const ALL: [Encoding; 4] = [Encoding::Gzip, Encoding::Deflate, Encoding::Brotli, Encoding::Zstd];

#[test]
fn every_encoding_at_every_piece_size() {
    let plain = sample();
    for encoding in ALL {
        let wire = encoded(encoding, &plain);
        for size in [1, 7, 100, wire.len()] {
            let mut decoder = Decoder::new(encoding, plain.len()).unwrap();
            let mut out = Vec::new();
            for piece in wire.chunks(size) {
                out.extend_from_slice(&decoder.push(piece).unwrap());
            }
            out.extend_from_slice(&decoder.finish().unwrap());
            assert!(out == plain, "{encoding:?} in pieces of {size}");
        }
    }
}

#[test]
fn pitfall_09_a_flushed_event_comes_out_at_once() {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    let mut decoder = Decoder::new(Encoding::Gzip, 1 << 20).unwrap();
    for event in ["data: one\n\n", "data: two\n\n"] {
        encoder.write_all(event.as_bytes()).unwrap();
        encoder.flush().unwrap();
        let wire = std::mem::take(encoder.get_mut());
        assert_eq!(decoder.push(&wire).unwrap(), event);
    }
}

#[test]
fn a_bomb_is_refused_at_the_limit() {
    let bomb = vec![b' '; 2 << 20];
    for encoding in ALL {
        let wire = Bytes::from(encoded(encoding, &bomb));
        assert!(wire.len() < 100_000, "{encoding:?} is a bomb");
        assert_eq!(expand(encoding, &wire, 1 << 20).unwrap(), None, "{encoding:?}");
    }
}

#[test]
fn what_is_no_such_encoding_is_an_error() {
    for encoding in ALL {
        let noise = Bytes::from_static(b"{\"model\":\"not compressed at all\", \"more\": [1,2,3]}");
        assert!(expand(encoding, &noise, 1 << 20).is_err(), "{encoding:?}");
        let wire = encoded(encoding, &sample());
        let cut = Bytes::copy_from_slice(&wire[..wire.len() / 2]);
        assert!(expand(encoding, &cut, 1 << 20).is_err(), "{encoding:?} cut in half");
    }
}

/// A zstd frame with these header bytes and one empty last block.
fn frame(header: &[u8]) -> Bytes {
    [&ZSTD_MAGIC, header, &[1, 0, 0], &[0; ZSTD_HEADER_MOST]].concat().into()
}

#[test]
fn a_zstd_window_is_refused_before_it_is_held() {
    let limit = 16 << 20;
    let push = |wire: &Bytes| Decoder::new(Encoding::Zstd, limit).unwrap().push(wire);
    // 10 + 17 bits: 128 MiB; 10 + 13 bits and one eighth: 9 MiB.
    for window in [17 << 3, 13 << 3 | 1] {
        assert_eq!(push(&frame(&[0, window])).unwrap_err().kind(), io::ErrorKind::FileTooLarge, "{window}");
        assert_eq!(expand(Encoding::Zstd, &frame(&[0, window]), limit).unwrap(), None);
    }
    // One segment: the window is the content, 17 MiB by four bytes, then by eight.
    for header in [&[0xA0, 0, 0, 0x10, 1][..], &[0xE0, 0, 0, 0x10, 1, 0, 0, 0, 0], &[0xA1, 7, 0, 0, 0x10, 1]]
    {
        assert_eq!(push(&frame(header)).unwrap_err().kind(), io::ErrorKind::FileTooLarge, "{header:?}");
    }
    let allowed = [&ZSTD_MAGIC[..], &[0, 13 << 3], &[1, 0, 0]].concat();
    assert_eq!(
        expand(Encoding::Zstd, &allowed.into(), limit).unwrap(),
        Some(Bytes::new()),
        "8 MiB are allowed"
    );
}

#[test]
fn zstd_frames_follow_each_other_and_nothing_else_does() {
    let plain = sample();
    let wire = encoded(Encoding::Zstd, &plain);
    for size in [1, 50, usize::MAX] {
        let two = wire.repeat(2);
        let mut decoder = Decoder::new(Encoding::Zstd, 2 * plain.len()).unwrap();
        let mut out = Vec::new();
        for piece in two.chunks(size.min(two.len())) {
            out.extend_from_slice(&decoder.push(piece).unwrap());
        }
        out.extend_from_slice(&decoder.finish().unwrap());
        assert!(out == plain.repeat(2), "in pieces of {size}");
    }
    let rubbish = [&wire[..], &[0; 100]].concat();
    assert!(
        Decoder::new(Encoding::Zstd, 1 << 20).unwrap().push(&rubbish).is_err(),
        "it would pile up unread"
    );
}

#[test]
fn encodings_that_are_not_known_or_piled_up_are_none() {
    let of = |values: &[&'static str]| {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(http::header::CONTENT_ENCODING, http::HeaderValue::from_static(value));
        }
        Encoding::of(&headers)
    };
    assert_eq!(of(&[]), Some(Encoding::Identity));
    assert_eq!(of(&[" GZip "]), Some(Encoding::Gzip));
    for unknown in [&["compress"][..], &["gzip, br"], &["gzip", "br"]] {
        assert_eq!(of(unknown), None, "{unknown:?}");
    }
}
