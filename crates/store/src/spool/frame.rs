//! Frames: how a record lies in a segment file.
//!
//! A frame is four bytes of mark and length (little endian: one byte of mark on top of three of length), four bytes of
//! CRC-32 over those and the payload, and the payload. What is not a whole frame is told apart as cut short or damaged.

/// The top byte of a frame's first word: a run of zeros is never taken for a frame.
const MARK: u32 = 0xA7 << 24;
const LENGTH_MASK: u32 = (1 << 24) - 1;
/// Bytes before the payload.
pub(crate) const HEADER_BYTES: usize = 8;
/// The largest payload; the codec bounds every field, so a record stays far below.
pub(crate) const MAX_PAYLOAD_BYTES: usize = 4 * 1024 * 1024;

/// What lies at the start of some bytes.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Found<'a> {
    /// A whole frame of `size` bytes.
    Frame { payload: &'a [u8], size: usize },
    /// The beginning of a frame that needs `size` bytes.
    CutShort { size: usize },
    /// No frame: `size` is told when only the checksum is wrong.
    Damaged { size: Option<usize> },
}

/// Makes room for the header; the payload is to be written behind it.
pub(crate) fn begin(buffer: &mut Vec<u8>) {
    buffer.clear();
    buffer.resize(HEADER_BYTES, 0);
}

/// Fills in the header; `false` when the payload is empty or too large for a frame.
pub(crate) fn finish(buffer: &mut [u8]) -> bool {
    let Some((header, payload)) = buffer.split_first_chunk_mut::<HEADER_BYTES>() else { return false };
    if payload.is_empty() || payload.len() > MAX_PAYLOAD_BYTES {
        return false;
    }
    let word = (MARK | payload.len() as u32).to_le_bytes();
    let [w0, w1, w2, w3] = word;
    let [c0, c1, c2, c3] = checksum(&word, payload).to_le_bytes();
    *header = [w0, w1, w2, w3, c0, c1, c2, c3];
    true
}

/// Looks at the first frame of `bytes`.
pub(crate) fn find(bytes: &[u8]) -> Found<'_> {
    let Some((header, rest)) = bytes.split_first_chunk::<HEADER_BYTES>() else {
        return Found::CutShort { size: HEADER_BYTES };
    };
    let [w0, w1, w2, w3, c0, c1, c2, c3] = *header;
    let word = u32::from_le_bytes([w0, w1, w2, w3]);
    let length = (word & LENGTH_MASK) as usize;
    if word & !LENGTH_MASK != MARK || length == 0 || length > MAX_PAYLOAD_BYTES {
        return Found::Damaged { size: None };
    }
    let size = HEADER_BYTES + length;
    let Some((payload, _)) = rest.split_at_checked(length) else { return Found::CutShort { size } };
    if checksum(&[w0, w1, w2, w3], payload) != u32::from_le_bytes([c0, c1, c2, c3]) {
        return Found::Damaged { size: Some(size) };
    }
    Found::Frame { payload, size }
}

/// The length is part of what is checked, so a frame is never read with a wrong one.
fn checksum(word: &[u8; 4], payload: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(word);
    hasher.update(payload);
    hasher.finalize()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn frame(payload: &[u8]) -> Vec<u8> {
        let mut buffer = Vec::new();
        begin(&mut buffer);
        buffer.extend_from_slice(payload);
        assert!(finish(&mut buffer));
        buffer
    }

    #[test]
    fn empty_and_huge_payloads_are_no_frames() {
        let mut empty = Vec::new();
        begin(&mut empty);
        assert!(!finish(&mut empty));
        let mut huge = vec![0; HEADER_BYTES + MAX_PAYLOAD_BYTES + 1];
        assert!(!finish(&mut huge));
        assert_eq!(find(&[0; 64]), Found::Damaged { size: None }, "zeros of a lost block are no frame");
    }

    proptest! {
        #[test]
        fn frames_come_back(payload in proptest::collection::vec(any::<u8>(), 1..300), tail in proptest::collection::vec(any::<u8>(), 0..20)) {
            let mut bytes = frame(&payload);
            let size = bytes.len();
            bytes.extend(tail);
            prop_assert_eq!(find(&bytes), Found::Frame { payload: &payload, size });
        }

        #[test]
        fn every_cut_is_seen(payload in proptest::collection::vec(any::<u8>(), 1..60)) {
            let bytes = frame(&payload);
            for cut in 0..bytes.len() {
                prop_assert!(matches!(find(&bytes[..cut]), Found::CutShort { .. }), "cut at {}", cut);
            }
        }

        #[test]
        fn no_flipped_bit_passes(payload in proptest::collection::vec(any::<u8>(), 1..60), place in any::<prop::sample::Index>(), bit in 0..8u8) {
            let mut bytes = frame(&payload);
            let place = place.index(bytes.len());
            bytes[place] ^= 1u8 << bit;
            let passed = matches!(find(&bytes), Found::Frame { .. });
            prop_assert!(!passed);
        }

        #[test]
        fn any_bytes_are_survived(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            let _ = find(&bytes);
        }
    }
}
