//! Reasoning items: what the model has shown of its thoughts, and their sealed form that only the provider can read.

use serde_json::value::RawValue;

use crate::dialects::read::{At, Object, list, string};
use crate::dialects::seal::unseal;
use crate::dialects::{DecodeError, write};
use crate::ir::{Content, Part};

/// Marks reasoning as this dialect's own.
pub(super) const FORMAT: &str = "openai-responses-v1";

/// What stands between the parts of a summary that become one text.
pub(super) const BETWEEN: &str = "\n\n";

/// Reads a reasoning item; nothing when it holds nothing. What a client gives back may be sealed for another dialect's
/// provider; what an upstream gives is its own.
pub(super) fn read_reasoning(
    item: &mut Object<'_, '_>,
    is_answer: bool,
) -> Result<Option<Part>, DecodeError> {
    let summary = texts(item, "summary")?;
    // Models that show their thoughts as they are write no summary of them.
    let thoughts = texts(item, "content")?;
    let text = if summary.is_empty() { thoughts.concat() } else { summary.join(BETWEEN) };
    let Some(sealed) = item.string("encrypted_content")?.filter(|sealed| !sealed.is_empty()) else {
        let content = Content::Thinking { text, signature: None, format: None };
        return Ok(Some(Part::new(content)).filter(|part| !is_empty(part)));
    };
    if is_answer {
        let format = Some(FORMAT.to_owned());
        return Ok(Some(Part::new(Content::Thinking { text, signature: Some(sealed), format })));
    }
    let proof = unseal(FORMAT, sealed);
    Ok(Some(Part::new(if proof.redacted {
        Content::RedactedThinking { data: proof.text, format: proof.format }
    } else {
        Content::Thinking { text, signature: Some(proof.text), format: proof.format }
    })))
}

fn is_empty(part: &Part) -> bool {
    matches!(&part.content, Content::Thinking { text, signature: None, .. } if text.is_empty())
}

/// The texts of a list of `{type, text}`.
fn texts(item: &mut Object<'_, '_>, name: &'static str) -> Result<Vec<String>, DecodeError> {
    let Some(raw) = item.take(name) else { return Ok(Vec::new()) };
    let at = item.at.key(name);
    list(raw, &at)?.into_iter().enumerate().map(|(index, raw)| text(raw, at.index(index))).collect()
}

fn text(raw: &RawValue, at: At<'_>) -> Result<String, DecodeError> {
    if raw.get().starts_with('"') {
        return string(raw, &at);
    }
    Object::read(raw, at)?.need_string("text")
}

/// Writes a reasoning item's members beside its type and id.
pub(super) fn write_reasoning(text: &str, sealed: Option<&str>, out: &mut write::Object<'_>) {
    out.list("summary", |list| {
        if !text.is_empty() {
            list.object(|part| write_summary(text, part));
        }
    });
    out.maybe_text("encrypted_content", sealed);
}

/// Writes a part of a summary.
pub(super) fn write_summary(text: &str, out: &mut write::Object<'_>) {
    out.text("type", "summary_text");
    out.text("text", text);
}
