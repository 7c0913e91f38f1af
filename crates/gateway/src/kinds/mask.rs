//! Takes our own secrets out of an answer that flows: each is struck out by as many stars, so that lengths stay true.
//!
//! In: an answer's bytes, piece by piece. Out: the same, with nothing held back but what could be the beginning of a secret.

use bytes::{Bytes, BytesMut};
use memchr::memmem;

/// Shorter ones could stand in a large file by chance.
const SECRET_BYTES_LEAST: usize = 16;

/// Strikes secrets out.
#[derive(Debug, Default)]
pub struct Mask {
    secrets: Vec<Vec<u8>>,
    held: Bytes,
}

impl Mask {
    /// For these secrets.
    pub fn new<'a>(secrets: impl Iterator<Item = &'a [u8]>) -> Self {
        let secrets = secrets.filter(|secret| secret.len() >= SECRET_BYTES_LEAST).map(<[u8]>::to_vec);
        let mut secrets: Vec<Vec<u8>> = secrets.collect();
        // One that is a part of another comes after it.
        secrets.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
        Self { secrets, held: Bytes::new() }
    }

    /// The next piece, as far as it can be told.
    pub fn push(&mut self, piece: Bytes) -> Bytes {
        let clean = |bytes: &[u8]| !self.secrets.iter().any(|secret| memmem::find(bytes, secret).is_some());
        if self.held.is_empty() && self.open_end(&piece) == 0 && clean(&piece) {
            return piece;
        }
        let mut whole = BytesMut::with_capacity(self.held.len() + piece.len());
        whole.extend_from_slice(&self.held);
        whole.extend_from_slice(&piece);
        for secret in &self.secrets {
            let mut from = 0;
            while let Some(place) = whole.get(from..).and_then(|rest| memmem::find(rest, secret)) {
                let (start, end) = (from + place, from + place + secret.len());
                whole.get_mut(start..end).into_iter().flatten().for_each(|byte| *byte = b'*');
                from = end;
            }
        }
        let told = whole.len() - self.open_end(&whole);
        self.held = whole.split_off(told).freeze();
        whole.freeze()
    }

    /// What is still held at the end: no secret, for it never became whole.
    pub fn finish(&mut self) -> Bytes {
        std::mem::take(&mut self.held)
    }

    /// A whole answer.
    pub fn whole(&mut self, bytes: Bytes) -> Bytes {
        let told = self.push(bytes);
        let rest = self.finish();
        if rest.is_empty() { told } else { [told, rest].concat().into() }
    }

    /// How many bytes at the end could be the beginning of a secret.
    fn open_end(&self, bytes: &[u8]) -> usize {
        let of_one = |secret: &Vec<u8>| {
            let most = secret.len().saturating_sub(1).min(bytes.len());
            (1..=most).rev().find(|length| secret.get(..*length).is_some_and(|begin| bytes.ends_with(begin)))
        };
        self.secrets.iter().filter_map(of_one).max().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SECRETS: [&str; 3] = ["secretsecret-0123", "secretsecret-0123-longer", "short"];

    fn mask() -> Mask {
        Mask::new(SECRETS.iter().map(|secret| secret.as_bytes()))
    }

    #[test]
    fn a_piece_without_a_secret_goes_on_at_once() {
        let piece = Bytes::from_static(b"data: {\"short\": 1}\n\n");
        assert_eq!(mask().push(piece.clone()), piece);
        let mut mask = mask();
        assert_eq!(mask.push(Bytes::from_static(b"a secretsecr")), "a ");
        assert_eq!(mask.push(Bytes::from_static(b"et-0123 b")), "***************** b");
        assert_eq!(mask.push(Bytes::from_static(b"secret")), "");
        assert_eq!(mask.finish(), "secret");
    }

    proptest! {
        #[test]
        fn no_secret_gets_through_however_it_is_cut(parts in prop::collection::vec("(secretsecret-0123(-longer)?|secret|s|[a-z0-9-]{1,3}){1,4}", 1..8), cut in 1_usize..9) {
            let text = parts.concat();
            let mut mask = mask();
            let mut told = Vec::new();
            for piece in text.as_bytes().chunks(cut) {
                told.extend_from_slice(&mask.push(Bytes::copy_from_slice(piece)));
            }
            told.extend_from_slice(&mask.finish());
            prop_assert_eq!(told.len(), text.len());
            prop_assert!(memmem::find(&told, SECRETS[0].as_bytes()).is_none());
            let same = told.iter().zip(text.as_bytes()).all(|(told, was)| told == was || *told == b'*');
            prop_assert!(same);
            if !text.contains(SECRETS[0]) {
                prop_assert_eq!(told, text.into_bytes());
            }
        }
    }
}
