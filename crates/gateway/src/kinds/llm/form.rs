//! Requests that are forms with files: the facts that the gateway acts on, read from where they lie.
//!
//! In: the head's content-type and a whole body. Out: a call, or what is wrong with the form. It never looks into a file
//! and never edits.

use bytes::Bytes;
use http::{HeaderMap, header};
use yumen_llm::dialects::{BodyForm, Passing};
use yumen_llm::multipart::{Form, boundary};

use super::call::Call;
use super::decode::{ACTED_ON, REFUSED, named, refused_choice};
use super::headers::{is_json, media_type};
use crate::rejection::{Code, Rejection};
use crate::route::LlmRoute;

/// Parts that the gateway acts on beside those of every request.
const ALSO_ACTED_ON: [&str; 4] = ["n", "response_format", "stream_format", "_charset_"];

/// The boundary when the body is a form, and nothing when it is JSON; what a path does not take is refused.
pub fn boundary_of(passing: &Passing, headers: &HeaderMap) -> Result<Option<String>, Rejection> {
    let mut said = headers.get_all(header::CONTENT_TYPE).iter();
    let kind = said.next().map(|value| value.to_str().unwrap_or_default());
    if said.next().is_some() {
        let message = "The head says the content-type twice.";
        return Err(Rejection::new(Code::UnsupportedMedia, message));
    }
    let is_form = media_type(headers).eq_ignore_ascii_case("multipart/form-data");
    let wanted = match passing.body {
        BodyForm::Json if media_type(headers).to_ascii_lowercase().starts_with("multipart/") => {
            "application/json"
        }
        BodyForm::Json => return Ok(None),
        BodyForm::FormOrJson if kind.is_none() || is_json(headers) => return Ok(None),
        BodyForm::Form | BodyForm::FormOrJson if is_form => {
            let found = boundary(kind.unwrap_or_default());
            return found.map(Some).map_err(|error| {
                Rejection::new(Code::InvalidForm, format!("The content-type cannot be used: {error}."))
            });
        }
        BodyForm::FormOrJson => "multipart/form-data or application/json",
        BodyForm::Form => "multipart/form-data",
    };
    let message = match kind {
        Some(kind) if kind.len() <= 100 => format!("The content-type is `{kind}`; send {wanted}."),
        Some(_) => format!("The content-type is another than {wanted}."),
        None => format!("The content-type is missing; send {wanted}."),
    };
    Err(Rejection::new(Code::UnsupportedMedia, message))
}

/// Reads the facts of a whole form.
pub fn read(passing: &Passing, route: LlmRoute, boundary: &str, body: Bytes) -> Result<Box<Call>, Rejection> {
    let form = Form::scan(&body, boundary)
        .map_err(|error| Rejection::new(Code::InvalidForm, format!("The form cannot be read: {error}.")))?;
    let acted_on: Vec<&str> = ACTED_ON.iter().copied().chain(ALSO_ACTED_ON).collect();
    if let Some((name, position)) = form.ambiguous(&body, &acted_on) {
        let message = format!(
            "The part at byte {position} could be read as another `{name}`, or otherwise than as its plain text: it is \
             repeated, spelt in another way, a file, or in another encoding. Send `{name}` once, spelt plainly."
        );
        return Err(Rejection::new(Code::AmbiguousField, message).param(name));
    }
    if let Some(name) = REFUSED.iter().chain(&["models"]).find(|name| form.has(&body, name)) {
        return Err(refused_choice(name));
    }
    if !passing.wants.iter().any(|name| form.has(&body, name)) {
        let name = passing.wants.first().copied().unwrap_or_default();
        return Err(Rejection::new(Code::InvalidRequest, format!("`{name}` is missing.")).param(name));
    }
    let text = |name: &'static str| match form.value(&body, name).map(std::str::from_utf8) {
        None => Ok(None),
        Some(Ok(text)) if !text.contains(char::is_control) => Ok(Some(text)),
        Some(_) => {
            Err(Rejection::new(Code::InvalidRequest, format!("`{name}` must be plain text.")).param(name))
        }
    };
    let stream = match text("stream")? {
        None | Some("") => false,
        Some(word) if word.eq_ignore_ascii_case("false") || word == "0" => false,
        Some(word) if word.eq_ignore_ascii_case("true") || word == "1" => true,
        Some(_) => {
            let message = "`stream` must be true or false.";
            return Err(Rejection::new(Code::InvalidRequest, message).param("stream"));
        }
    };
    let model = named(text("model")?.or(passing.default_model).map(Into::into))?;
    let LlmRoute { dialect, task, skin, in_path: _ } = route;
    let mut call = Call::plain((dialect, task, skin), model, body);
    (call.form, call.stream) = (Some(form), stream);
    Ok(call)
}

#[cfg(test)]
mod tests {
    use super::*;
    use yumen_llm::dialects::{Dialect, codec};

    fn asked(dialect: Dialect, kind: Option<&str>) -> Result<Option<String>, Code> {
        let mut headers = HeaderMap::new();
        if let Some(kind) = kind {
            headers.insert(header::CONTENT_TYPE, kind.parse().unwrap());
        }
        let passing = codec(dialect).passing().unwrap();
        boundary_of(passing, &headers).map_err(|rejection| rejection.code)
    }

    #[test]
    fn each_path_takes_what_it_can_read() {
        use Dialect::{OpenAiImageEdits, OpenAiImageVariations, OpenAiSpeech};
        let form = Some("multipart/form-data; boundary=b");
        let json = Some("application/json; charset=utf-8");
        let boundary = Ok(Some("b".to_owned()));
        for (dialect, kind, expected) in [
            (OpenAiSpeech, json, Ok(None)),
            (OpenAiSpeech, None, Ok(None)),
            (OpenAiSpeech, Some("text/plain"), Ok(None)),
            (OpenAiSpeech, form, Err(Code::UnsupportedMedia)),
            (OpenAiImageEdits, json, Ok(None)),
            (OpenAiImageEdits, None, Ok(None)),
            (OpenAiImageEdits, form, boundary.clone()),
            (OpenAiImageEdits, Some("image/png"), Err(Code::UnsupportedMedia)),
            (OpenAiImageVariations, json, Err(Code::UnsupportedMedia)),
            (OpenAiImageVariations, None, Err(Code::UnsupportedMedia)),
            (OpenAiImageVariations, form, boundary),
            (OpenAiImageVariations, Some("multipart/form-data"), Err(Code::InvalidForm)),
            (OpenAiImageVariations, Some("multipart/mixed; boundary=b"), Err(Code::UnsupportedMedia)),
        ] {
            assert_eq!(asked(dialect, kind), expected, "{dialect:?} {kind:?}");
        }
    }
}
