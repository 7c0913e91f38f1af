//! What a file is, told by its first bytes: what its server says of it is not believed.

/// What stands at the beginning of files, and their media types. A `?` is any byte.
const SIGNS: [(&[u8], &str); 13] = [
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"RIFF????WEBP", "image/webp"),
    (b"????ftypavif", "image/avif"),
    (b"????ftypheic", "image/heic"),
    (b"????ftypheix", "image/heic"),
    (b"????ftypmif1", "image/heif"),
    (b"II*\0", "image/tiff"),
    (b"MM\0*", "image/tiff"),
    // The size of the head that follows is that of the format's common form.
    (b"BM????\0\0\0\0", "image/bmp"),
    (b"%PDF-", "application/pdf"),
];

/// The media type of a picture or a PDF document; none for anything else.
pub(super) fn media_type(bytes: &[u8]) -> Option<&'static str> {
    let fits = |sign: &[u8]| {
        bytes.len() >= sign.len() && sign.iter().zip(bytes).all(|(sign, byte)| *sign == b'?' || sign == byte)
    };
    SIGNS.iter().find(|(sign, _)| fits(sign)).map(|(_, media_type)| *media_type)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_and_documents_are_known_by_their_first_bytes() {
        for (bytes, expected) in [
            (b"\x89PNG\r\n\x1a\nrest".as_slice(), Some("image/png")),
            (b"\xff\xd8\xff\xe0rest", Some("image/jpeg")),
            (b"GIF89a", Some("image/gif")),
            (b"RIFF\x10\0\0\0WEBPVP8 ", Some("image/webp")),
            (b"RIFF\x10\0\0\0WAVEfmt ", None),
            (b"\0\0\0\x1cftypavif", Some("image/avif")),
            (b"\0\0\0\x1cftypisom", None),
            (b"%PDF-1.7", Some("application/pdf")),
            (b"BM\x46\0\0\0\0\0\0\0", Some("image/bmp")),
            (b"BMW is a maker of cars", None),
            (b"<svg xmlns=\"http://www.w3.org/2000/svg\"/>", None),
            (b"<!DOCTYPE html>", None),
            (b"{\"AccessKeyId\": \"\"}", None),
            (b"\x89PNG", None),
            (b"", None),
        ] {
            assert_eq!(media_type(bytes), expected, "{bytes:?}");
        }
    }
}
