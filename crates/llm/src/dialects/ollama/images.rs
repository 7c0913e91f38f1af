//! Pictures: base64 texts that do not say what they are.

use crate::dialects::read::{Object, strings};
use crate::dialects::{DecodeError, write};
use crate::ir::{Content, Part, Source};

/// How the base64 of each type begins, that is of its magic number.
const BEGINNINGS: [(&str, &str); 5] = [
    ("iVBORw0KGgo", "image/png"),
    ("/9j/", "image/jpeg"),
    ("R0lGOD", "image/gif"),
    ("UklGR", "image/webp"),
    ("Qk0", "image/bmp"),
];

/// Reads `images` of a message or of a whole request.
pub(in crate::dialects) fn read_images(object: &mut Object<'_, '_>) -> Result<Vec<Part>, DecodeError> {
    let Some(raw) = object.take("images") else { return Ok(Vec::new()) };
    let images = strings(raw, &object.at.key("images"))?;
    Ok(images.into_iter().map(|data| Part::new(image(data))).collect())
}

fn image(data: String) -> Content {
    let known = BEGINNINGS.iter().find(|(beginning, _)| data.starts_with(beginning));
    let media_type = known.map_or("image/jpeg", |(_, media_type)| media_type).to_owned();
    Content::Image { source: Source::Base64 { media_type, data }, detail: None }
}

/// Writes `images`, when there are any.
pub(in crate::dialects) fn write_images(images: &[&str], out: &mut write::Object<'_>) {
    if !images.is_empty() {
        out.texts("images", images.iter().copied());
    }
}
