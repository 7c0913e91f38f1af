//! Data in parts: `inlineData`, and `fileData` that says where it lies.

use std::borrow::Cow;

use crate::dialects::write;
use crate::ir::{Content, Source};

/// File endings and what they mean, for addresses that come without a type.
const ENDINGS: [(&str, &str); 22] = [
    ("png", "image/png"),
    ("jpg", "image/jpeg"),
    ("jpeg", "image/jpeg"),
    ("webp", "image/webp"),
    ("gif", "image/gif"),
    ("bmp", "image/bmp"),
    ("heic", "image/heic"),
    ("heif", "image/heif"),
    ("avif", "image/avif"),
    ("pdf", "application/pdf"),
    ("json", "application/json"),
    ("txt", "text/plain"),
    ("md", "text/markdown"),
    ("csv", "text/csv"),
    ("html", "text/html"),
    ("xml", "text/xml"),
    ("mp3", "audio/mp3"),
    ("wav", "audio/wav"),
    ("flac", "audio/flac"),
    ("mp4", "video/mp4"),
    ("mov", "video/quicktime"),
    ("webm", "video/webm"),
];

/// What lies in the part itself. Python clients write base64 in its alphabet for URLs, which no one else reads.
pub(super) fn inline(mime_type: String, data: String, name: Option<String>) -> Content {
    let data = if data.contains(['-', '_']) { data.replace('-', "+").replace('_', "/") } else { data };
    if let Some(kind) = mime_type.strip_prefix("audio/") {
        let format = match kind {
            "mpeg" => "mp3",
            "x-wav" | "wave" | "vnd.wave" => "wav",
            kind => kind,
        };
        return Content::Audio { data, format: format.to_owned() };
    }
    let is_image = mime_type.starts_with("image/");
    let source = Source::Base64 { media_type: mime_type, data };
    if is_image { Content::Image { source, detail: None } } else { Content::File { source, name } }
}

/// What lies at an address.
pub(super) fn at_address(uri: String, mime_type: Option<&str>, name: Option<String>) -> Content {
    let is_image = mime_type.or_else(|| type_of_address(&uri)).is_some_and(|mime| mime.starts_with("image/"));
    let source = Source::Url(uri);
    if is_image { Content::Image { source, detail: None } } else { Content::File { source, name } }
}

fn type_of_address(uri: &str) -> Option<&'static str> {
    let path = uri.split(['?', '#']).next()?;
    let (_, file) = path.rsplit_once('/')?;
    let (_, ending) = file.rsplit_once('.')?;
    ENDINGS.iter().find(|(known, _)| ending.eq_ignore_ascii_case(known)).map(|(_, mime)| *mime)
}

/// Whether Google can read from there: from the web, and from its own storage.
pub(super) fn is_readable(uri: &str) -> bool {
    ["https://", "http://", "gs://"]
        .iter()
        .any(|scheme| uri.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme)))
}

/// Writes the member of a part that holds data, or says where it lies; `content` is known to be sayable.
pub(super) fn write_media(content: &Content, out: &mut write::Object<'_>) {
    match content {
        Content::Audio { data, format } => write_inline(&format!("audio/{format}"), data, out),
        Content::Image { source, .. } | Content::File { source, .. } => write_source(source, out),
        _ => {}
    }
}

/// The same of a picture or document.
pub(super) fn write_source(source: &Source, out: &mut write::Object<'_>) {
    match source {
        Source::Base64 { media_type, data } => write_inline(&bare(media_type), data, out),
        Source::Url(uri) => out.object("fileData", |file| {
            // Where no type is known, Google finds it out itself.
            file.maybe_text("mimeType", type_of_address(uri));
            file.text("fileUri", uri);
        }),
        Source::Text(text) => out.text("text", text),
        Source::FileId(_) | Source::Brought(_) => {}
    }
}

fn write_inline(mime_type: &str, data: &str, out: &mut write::Object<'_>) {
    out.object("inlineData", |blob| {
        blob.text("mimeType", mime_type);
        blob.text("data", data);
    });
}

/// A type without parameters: Google knows none.
fn bare(media_type: &str) -> Cow<'_, str> {
    match media_type {
        "" => Cow::Borrowed("application/octet-stream"),
        "image/jpg" => Cow::Borrowed("image/jpeg"),
        _ => Cow::Borrowed(media_type.split(';').next().unwrap_or_default().trim()),
    }
}
