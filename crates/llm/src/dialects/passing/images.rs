//! Pictures asked for in another dialect: requests as JSON, or as a form where pictures go along, and answers.
//!
//! <https://platform.openai.com/docs/api-reference/images>

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::dialects::openai::read_url;
use crate::dialects::read::{At, Object};
use crate::dialects::{DecodeError, Encoded, Losses, Quirk, Target, refuse, write};
use crate::ir::{Content, Counted, Images, ImagesAnswer, Json, Picture, Source};
use crate::multipart::FormWriter;

/// These models give pictures themselves, and refuse to be asked for them.
const GIVE_BYTES: &str = "gpt-image";

/// Writes a request for pictures from a text.
pub(super) fn encode(images: &Images, target: &Target<'_>) -> Encoded {
    let mut losses = Losses::default();
    let is_gateway = target.has(Quirk::OpenrouterFields);
    let mut body = Vec::with_capacity(256);
    write::object(&mut body, |out| {
        out.text("model", target.model);
        out.maybe_text("prompt", images.prompt.as_deref());
        out.maybe_number("n", images.n);
        out.maybe_text("size", images.size.as_deref());
        if is_gateway {
            out.maybe_text("aspect_ratio", images.aspect_ratio.as_deref());
            out.maybe_number("seed", images.seed);
        } else if asks_bytes(target) {
            out.text("response_format", "b64_json");
        }
        images.options.iter().for_each(|(name, json)| out.json(name, json));
    });
    if !is_gateway {
        note_unsayable(images, &mut losses);
    }
    losses.extra(&images.extra);
    Encoded { body, lossy: losses.into_names(), ..Encoded::default() }
}

/// Writes a request for pictures from pictures.
pub(super) fn encode_form(images: &Images, target: &Target<'_>) -> Result<Encoded, DecodeError> {
    let mut losses = Losses::default();
    let mut form = FormWriter::default();
    form.text("model", target.model);
    if let Some(prompt) = &images.prompt {
        form.text("prompt", prompt);
    }
    if let Some(n) = images.n {
        form.text("n", &n.to_string());
    }
    if let Some(size) = &images.size {
        form.text("size", size);
    }
    if asks_bytes(target) {
        form.text("response_format", "b64_json");
    }
    write_options(&images.options, &mut form);
    // Servers that take one picture alone know it by the plain name.
    let name = if images.files.len() > 1 { "image[]" } else { "image" };
    for (index, picture) in images.files.iter().enumerate() {
        write_picture(name, &format!("files[{index}]"), picture, &mut form)?;
    }
    if let Some(mask) = &images.mask {
        write_picture("mask", "mask", mask, &mut form)?;
    }
    note_unsayable(images, &mut losses);
    losses.extra(&images.extra);
    let (body, boundary) = form.finish();
    Ok(Encoded { body, boundary: Some(boundary), lossy: losses.into_names() })
}

fn asks_bytes(target: &Target<'_>) -> bool {
    !target.model.contains(GIVE_BYTES)
}

fn note_unsayable(images: &Images, losses: &mut Losses) {
    losses.note_if(images.aspect_ratio.is_some(), "aspectRatio");
    losses.note_if(images.seed.is_some(), "seed");
}

/// Members of the JSON as parts of a form: texts without their quotes, lists item by item.
pub(super) fn write_options(options: &[(String, Json)], form: &mut FormWriter) {
    for (name, json) in options {
        match serde_json::from_str(json.get()) {
            Ok(serde_json::Value::String(text)) => form.text(name, &text),
            Ok(serde_json::Value::Array(items)) => {
                for item in items {
                    let text = item.as_str().map_or_else(|| item.to_string(), str::to_owned);
                    form.text(&format!("{name}[]"), &text);
                }
            }
            _ => form.text(name, json.get()),
        }
    }
}

fn write_picture(
    name: &str,
    place: &str,
    picture: &Content,
    form: &mut FormWriter,
) -> Result<(), DecodeError> {
    let Content::Image { source: Source::Base64 { media_type, data }, .. } = picture else {
        return Err(refuse(place, "this provider takes pictures only whole, send its bytes"));
    };
    let bytes = STANDARD.decode(data).map_err(|_| refuse(place, "is not base64"))?;
    let ending = media_type
        .strip_prefix("image/")
        .filter(|ending| ending.bytes().all(|byte| byte.is_ascii_alphanumeric()));
    form.file(name, &format!("image.{}", ending.unwrap_or("png")), media_type, bytes);
    Ok(())
}

/// Reads an answer, of which the counts have been read.
pub(super) fn decode(body: &[u8], counted: Counted) -> Result<ImagesAnswer, DecodeError> {
    let mut body = Object::body(body)?;
    let at = At::BODY.key("data");
    // Some servers call the list otherwise.
    let items = match body.list("data")? {
        Some(items) => items,
        None => body.list("images")?.ok_or_else(|| at.fault("is missing from the answer"))?,
    };
    let images = items.into_iter().enumerate().map(|(index, raw)| {
        let at = at.index(index);
        let mut item = Object::read(raw, at)?;
        if let Some(data) = item.string("b64_json")? {
            return Ok(Picture::Base64(data));
        }
        let url = item.string("url")?.ok_or_else(|| at.fault("has neither `b64_json` nor `url`"))?;
        Ok(match read_url(url) {
            Source::Base64 { data, .. } => Picture::Base64(data),
            Source::Url(url) | Source::FileId(url) | Source::Brought(url) | Source::Text(url) => {
                Picture::Url(url)
            }
        })
    });
    Ok(ImagesAnswer { images: images.collect::<Result<_, DecodeError>>()?, counted })
}
