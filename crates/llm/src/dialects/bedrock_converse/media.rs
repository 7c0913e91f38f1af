//! Pictures, documents and sound: a format by its ending, and where the bytes are.

use crate::dialects::read::{At, Object};
use crate::dialects::{DecodeError, write};
use crate::ir::Source;

/// Formats of pictures; their media types are `image/` and the same.
const IMAGES: [&str; 4] = ["png", "jpeg", "gif", "webp"];

/// Formats of documents and their media types.
const DOCUMENTS: [(&str, &str); 9] = [
    ("pdf", "application/pdf"),
    ("csv", "text/csv"),
    ("doc", "application/msword"),
    ("docx", "application/vnd.openxmlformats-officedocument.wordprocessingml.document"),
    ("xls", "application/vnd.ms-excel"),
    ("xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
    ("html", "text/html"),
    ("md", "text/markdown"),
    ("txt", "text/plain"),
];

/// Formats of sound.
const SOUNDS: [&str; 8] = ["mp3", "opus", "wav", "aac", "flac", "mp4", "ogg", "mkv"];

/// The format of a picture; `None` when Bedrock cannot read it.
pub(super) fn image_format(source: &Source) -> Option<&'static str> {
    let name = match source {
        Source::Base64 { media_type, .. } => bare(media_type).strip_prefix("image/")?,
        Source::Url(uri) => ending(uri)?,
        Source::FileId(_) | Source::Brought(_) | Source::Text(_) => return None,
    };
    let name = if name.eq_ignore_ascii_case("jpg") { "jpeg" } else { name };
    IMAGES.into_iter().find(|known| name.eq_ignore_ascii_case(known))
}

/// The format of a document; `None` when Bedrock cannot read it.
pub(super) fn document_format(source: &Source) -> Option<&'static str> {
    match source {
        Source::Base64 { media_type, .. } => {
            let bare = bare(media_type);
            let known = DOCUMENTS.iter().find(|(_, known)| bare.eq_ignore_ascii_case(known));
            // Any other text is read as one.
            let is_text = bare.starts_with("text/") || bare == "application/json";
            known.map(|(format, _)| *format).or(is_text.then_some("txt"))
        }
        Source::Text(_) => Some("txt"),
        Source::Url(uri) => {
            let ending = ending(uri)?;
            DOCUMENTS.iter().map(|(format, _)| *format).find(|known| ending.eq_ignore_ascii_case(known))
        }
        Source::FileId(_) | Source::Brought(_) => None,
    }
}

/// The format of sound, when it is known here.
pub(super) fn sound_format(format: &str) -> Option<&'static str> {
    SOUNDS.into_iter().find(|known| format.eq_ignore_ascii_case(known))
}

/// A media type without parameters.
fn bare(media_type: &str) -> &str {
    media_type.split(';').next().unwrap_or_default().trim()
}

/// What follows the last point of an address in Amazon's storage, the only ones that can be read.
fn ending(uri: &str) -> Option<&str> {
    let key = uri.strip_prefix("s3://")?;
    key.rsplit_once('.').map(|(_, ending)| ending)
}

/// The media type of a document's format.
pub(super) fn document_type(format: &str) -> String {
    let known = DOCUMENTS.iter().find(|(known, _)| *known == format);
    known.map_or_else(|| format!("application/{format}"), |(_, media_type)| (*media_type).to_owned())
}

/// Reads a source; `None` when it has a form without a place in the IR.
pub(super) fn read_source(
    holder: &mut Object<'_, '_>,
    media_type: String,
) -> Result<Option<Source>, DecodeError> {
    let at = holder.at;
    let raw = holder.take("source").ok_or_else(|| at.key("source").fault("is required"))?;
    let at = at.key("source");
    let mut source = Object::read(raw, at)?;
    if let Some(data) = source.string("bytes")? {
        return Ok(Some(Source::Base64 { media_type, data }));
    }
    if let Some(text) = source.string("text")? {
        return Ok(Some(Source::Text(text)));
    }
    let Some(location) = source.take("s3Location") else { return Ok(None) };
    Ok(Some(Source::Url(read_uri(location, at.key("s3Location"))?)))
}

fn read_uri(raw: &serde_json::value::RawValue, at: At<'_>) -> Result<String, DecodeError> {
    Object::read(raw, at)?.need_string("uri")
}

/// Writes a source that has a format.
pub(super) fn write_source(source: &Source, out: &mut write::Object<'_>) {
    out.object("source", |object| match source {
        Source::Base64 { data, .. } => object.text("bytes", data),
        Source::Text(text) => object.text("text", text),
        Source::Url(uri) => object.object("s3Location", |location| location.text("uri", uri)),
        Source::FileId(_) | Source::Brought(_) => {}
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_are_those_that_bedrock_reads() {
        let base64 = |media_type: &str| Source::Base64 { media_type: media_type.into(), data: String::new() };
        let url = |uri: &str| Source::Url(uri.into());
        for (source, image, document) in [
            (base64("image/png"), Some("png"), None),
            (base64("image/JPG; q=1"), Some("jpeg"), None),
            (base64("image/bmp"), None, None),
            (base64("application/pdf"), None, Some("pdf")),
            (base64("text/x-python"), None, Some("txt")),
            (base64("application/json"), None, Some("txt")),
            (base64("application/zip"), None, None),
            (url("s3://bucket/a.b/c.PNG"), Some("png"), None),
            (url("s3://bucket/c.docx"), None, Some("docx")),
            (url("https://example.com/a.png"), None, None),
            (url("s3://bucket"), None, None),
            (Source::Text("a".into()), None, Some("txt")),
            (Source::FileId("f".into()), None, None),
        ] {
            assert_eq!((image_format(&source), document_format(&source)), (image, document), "{source:?}");
        }
        assert_eq!((sound_format("MP3"), sound_format("pcm16")), (Some("mp3"), None));
        for (format, media_type) in DOCUMENTS {
            assert_eq!(document_type(format), media_type);
        }
    }
}
