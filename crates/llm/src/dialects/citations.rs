//! Sources of an answer's text in the words of each dialect.
//!
//! In: what an answer says of them, read loosely: a source that cannot be read is none. Out: citations, and back. Places in a
//! text are characters (Unicode scalar values) in the IR; who counts bytes is converted here.

pub(super) mod grounding;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::read::Loose;
use super::seal::seal;
use super::write;
use crate::ir::{Citation, Content, Part};

/// Sources that are read of one answer; no answer has more.
pub(super) const MOST: usize = 1024;

/// An annotation of OpenAI's: Chat Completions has its members one level further in.
#[derive(Deserialize, Default)]
#[serde(default)]
struct Annotation<'a> {
    #[serde(borrow, rename = "type")]
    kind: Loose<'a>,
    url_citation: Option<Box<Annotation<'a>>>,
    url: Loose<'a>,
    title: Loose<'a>,
    content: Loose<'a>,
    start_index: Loose<'a>,
    end_index: Loose<'a>,
}

/// Reads a list of annotations of either of OpenAI's APIs.
pub(super) fn read_annotations(raw: &RawValue) -> Vec<Citation> {
    let list: Vec<&RawValue> = serde_json::from_str(raw.get()).unwrap_or_default();
    list.into_iter().take(MOST).filter_map(read_annotation).collect()
}

/// Reads one annotation.
pub(super) fn read_annotation(raw: &RawValue) -> Option<Citation> {
    let read: Annotation<'_> = serde_json::from_str(raw.get()).ok()?;
    if read.kind.text() != Some("url_citation") {
        return None;
    }
    let Annotation { url, title, content, start_index, end_index, .. } = match read.url_citation {
        Some(inner) => *inner,
        None => read,
    };
    // Who does not know the place says that nothing is meant.
    let span = start_index.number().zip(end_index.number()).filter(|(start, end)| start < end);
    Some(Citation { url: url.into_text()?, title: title.into_text(), quote: content.into_text(), span })
}

/// Reads what servers of Chat Completions say of their sources beside the answer: addresses, or objects that hold one.
pub(super) fn read_sources(raw: &RawValue) -> Vec<Citation> {
    #[derive(Deserialize, Default)]
    #[serde(default)]
    struct Source<'a> {
        #[serde(borrow)]
        url: Loose<'a>,
        link: Loose<'a>,
        title: Loose<'a>,
    }
    let list: Vec<&RawValue> = serde_json::from_str(raw.get()).unwrap_or_default();
    let read = |raw: &RawValue| {
        if let Ok(url) = serde_json::from_str::<String>(raw.get()) {
            return (!url.is_empty()).then(|| Citation { url, ..Citation::default() });
        }
        let source: Source<'_> = serde_json::from_str(raw.get()).ok()?;
        let url = source.url.into_text().or(source.link.into_text())?;
        Some(Citation { url, title: source.title.into_text(), ..Citation::default() })
    };
    list.into_iter().take(MOST).filter_map(read).collect()
}

/// Puts citations behind the texts that they are sources of. Their places are counted over all texts together; one without a
/// place stands behind the last text.
pub(super) fn place(parts: Vec<Part>, citations: Vec<Citation>) -> Vec<Part> {
    if citations.is_empty() {
        return parts;
    }
    let Some(last) = parts.iter().rposition(|part| matches!(part.content, Content::Text(_))) else {
        return parts;
    };
    let mut placed = Vec::with_capacity(parts.len() + citations.len());
    let (mut waiting, mut from) = (citations, 0);
    for (index, part) in parts.into_iter().enumerate() {
        let length = if let Content::Text(text) = &part.content { Some(length(text)) } else { None };
        placed.push(part);
        let Some(length) = length else { continue };
        let (own, rest): (Vec<_>, Vec<_>) = waiting.into_iter().partition(|citation| {
            index == last || citation.span.is_some_and(|(start, _)| start < from + length)
        });
        waiting = rest;
        placed.extend(own.into_iter().map(|citation| {
            let within = |(start, end): (u64, u64)| (start.saturating_sub(from), end.saturating_sub(from));
            let citation = Citation { span: citation.span.map(within), ..citation };
            Part::new(Content::Citation(Box::new(citation)))
        }));
        from += length;
    }
    placed
}

/// The characters of a text.
pub(super) fn length(text: &str) -> u64 {
    text.chars().count() as u64
}

/// Each citation with how many characters stand before the text that it is a source of, in all texts together, and how
/// many that has.
pub(super) fn placed(parts: &[Part]) -> impl Iterator<Item = (&Citation, u64, u64)> {
    let (mut from, mut own) = (0, 0);
    // Nearly no answer has any, and then nothing is counted.
    let any = parts.iter().any(|part| matches!(part.content, Content::Citation(_)));
    parts.iter().filter(move |_| any).filter_map(move |part| match &part.content {
        Content::Text(text) => {
            from += std::mem::replace(&mut own, length(text));
            None
        }
        Content::Citation(citation) => Some((&**citation, from, own)),
        _ => None,
    })
}

/// Writes an annotation of Chat Completions, whose text begins behind so many characters and has so many.
pub(super) fn write_chat(citation: &Citation, from: u64, length: u64, list: &mut write::List<'_>) {
    list.object(|out| {
        out.text("type", "url_citation");
        out.object("url_citation", |inner| {
            write_url(citation, from, length, inner);
            inner.maybe_text("content", citation.quote.as_deref());
        });
    });
}

/// Writes the members of an annotation of the Responses API.
pub(super) fn write_responses(citation: &Citation, length: u64, out: &mut write::Object<'_>) {
    out.text("type", "url_citation");
    write_url(citation, 0, length, out);
}

fn write_url(citation: &Citation, from: u64, length: u64, out: &mut write::Object<'_>) {
    let (start, end) = citation.span_in(length);
    out.text("url", &citation.url);
    out.text("title", citation.title.as_deref().unwrap_or_default());
    out.number("start_index", from.saturating_add(start));
    out.number("end_index", from.saturating_add(end));
}

/// Reads a citation of the Messages API that has an address.
pub(super) fn read_anthropic(raw: &RawValue) -> Option<Citation> {
    #[derive(Deserialize, Default)]
    #[serde(default)]
    struct Read<'a> {
        #[serde(borrow)]
        url: Loose<'a>,
        title: Loose<'a>,
        cited_text: Loose<'a>,
    }
    let Read { url, title, cited_text } = serde_json::from_str(raw.get()).ok()?;
    Some(Citation {
        url: url.into_text()?,
        title: title.into_text(),
        quote: cited_text.into_text(),
        span: None,
    })
}

/// Writes the members of a citation of the Messages API. What would let Claude find the place again is another provider's to
/// know: it is marked, so that no provider gets the citation back as it stands.
pub(super) fn write_anthropic(citation: &Citation, own: &str, out: &mut write::Object<'_>) {
    out.text("type", "web_search_result_location");
    out.text("cited_text", citation.quote.as_deref().unwrap_or_default());
    out.text("url", &citation.url);
    out.text_or_null("title", citation.title.as_deref());
    out.text("encrypted_index", &seal(own, None, false, ""));
}
