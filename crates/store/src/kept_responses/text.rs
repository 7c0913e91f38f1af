//! The text of a kept response before it is sealed: the length of its input, the input, the response object.

use yumen_telemetry::KeptResponse;

/// The form of what follows.
const VERSION: u8 = 1;

/// Writes it.
pub(super) fn write(response: &KeptResponse) -> Vec<u8> {
    let KeptResponse { input, response, .. } = response;
    let mut text = Vec::with_capacity(9 + input.len() + response.len() + 16);
    text.push(VERSION);
    text.extend_from_slice(&(input.len() as u64).to_le_bytes());
    text.extend_from_slice(input);
    text.extend_from_slice(response);
    text
}

/// The input and the response object.
pub(super) fn read(text: Vec<u8>) -> Option<(Vec<u8>, Vec<u8>)> {
    let rest = text.strip_prefix(&[VERSION])?;
    let (length, rest) = rest.split_first_chunk::<8>()?;
    let (input, response) = rest.split_at_checked(usize::try_from(u64::from_le_bytes(*length)).ok()?)?;
    Some((input.to_vec(), response.to_vec()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let kept = KeptResponse {
            id: String::new(),
            previous_id: None,
            created_at: 0,
            input: b"\"a\"".to_vec(),
            response: b"{}".to_vec(),
        };
        assert_eq!(read(write(&kept)), Some((kept.input, kept.response)));
        for bad in [&b""[..], &[2, 0, 0, 0, 0, 0, 0, 0, 0], &[1, 0, 0], &[1, 9, 0, 0, 0, 0, 0, 0, 0, 1]] {
            assert_eq!(read(bad.to_vec()), None);
        }
    }
}
