//! What Gemini says of the sources of an answer: `groundingMetadata`, whose places are bytes.
//! <https://ai.google.dev/api/generate-content#GroundingMetadata>

use std::collections::{BTreeMap, HashMap};

use serde::Deserialize;
use serde_json::value::RawValue;

use super::{MOST, length};
use crate::dialects::read::Loose;
use crate::dialects::write;
use crate::ir::Citation;

/// Bytes of a source; a larger one is none.
const SOURCE_MOST: usize = 16 * 1024;
/// Bytes of the pieces of a text that are repeated beside their places; the places alone say the same.
const REPEATED_MOST: usize = 256 * 1024;

/// What is said of an answer, of which each piece is read by itself: one that cannot be read takes no other with it.
#[derive(Deserialize, Default)]
#[serde(default, rename_all = "camelCase")]
pub(in crate::dialects) struct Grounding<'a> {
    #[serde(borrow)]
    web_search_queries: Option<&'a RawValue>,
    grounding_chunks: Option<&'a RawValue>,
    grounding_supports: Option<&'a RawValue>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Chunk<'a> {
    #[serde(borrow)]
    web: Option<Web<'a>>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Web<'a> {
    #[serde(borrow)]
    uri: Loose<'a>,
    title: Loose<'a>,
}

#[derive(Deserialize, Default)]
#[serde(default, rename_all = "camelCase")]
struct Support<'a> {
    #[serde(borrow)]
    segment: Option<Segment<'a>>,
    grounding_chunk_indices: Option<Vec<usize>>,
}

#[derive(Deserialize, Default)]
#[serde(default, rename_all = "camelCase")]
struct Segment<'a> {
    #[serde(borrow)]
    part_index: Loose<'a>,
    start_index: Loose<'a>,
    end_index: Loose<'a>,
}

impl Segment<'_> {
    /// The bytes that are meant of all texts together. `starts` tells at which of them each part begins.
    fn span(&self, starts: &[usize]) -> Option<(usize, usize)> {
        let number = |number: &Loose<'_>| number.number().and_then(|number| usize::try_from(number).ok());
        let before = number(&self.part_index).and_then(|part| starts.get(part)).copied().unwrap_or(0);
        let (start, end) = (number(&self.start_index).unwrap_or(0), number(&self.end_index)?);
        Some((before.saturating_add(start), before.saturating_add(end))).filter(|_| start < end)
    }
}

fn elements(list: Option<&RawValue>) -> Vec<&RawValue> {
    list.and_then(|raw| serde_json::from_str(raw.get()).ok()).unwrap_or_default()
}

fn read_source(raw: &RawValue) -> Option<Citation> {
    let raw = Some(raw.get()).filter(|raw| raw.len() <= SOURCE_MOST)?;
    let web = serde_json::from_str::<Chunk<'_>>(raw).ok()?.web?;
    Some(Citation { url: web.uri.into_text()?, title: web.title.into_text(), ..Citation::default() })
}

impl<'a> Grounding<'a> {
    pub(in crate::dialects) fn read(raw: &'a RawValue) -> Option<Self> {
        serde_json::from_str(raw.get()).ok()
    }

    /// How often was searched.
    pub(in crate::dialects) fn searches(&self) -> u64 {
        elements(self.web_search_queries).len() as u64
    }

    /// The sources of a text, one for each place that each of them is named for; those that are named for none stand for all.
    /// `starts` tells at which byte of the text each part of the answer begins.
    pub(in crate::dialects) fn citations(&self, text: &str, starts: &[usize]) -> Vec<Citation> {
        let chunks = elements(self.grounding_chunks);
        let mut found: Vec<(Citation, Option<(usize, usize)>)> = Vec::new();
        for raw in elements(self.grounding_supports) {
            let support: Support<'_> = serde_json::from_str(raw.get()).unwrap_or_default();
            let span = support.segment.and_then(|segment| segment.span(starts));
            let sources = support.grounding_chunk_indices.into_iter().flatten();
            let sources = sources.filter_map(|index| read_source(chunks.get(index)?));
            found.extend(sources.map(|source| (source, span)).take(MOST - found.len().min(MOST)));
        }
        if found.is_empty() {
            return chunks.into_iter().take(MOST).filter_map(read_source).collect();
        }
        let places = found.iter().filter_map(|(_, span)| *span).flat_map(|(start, end)| [start, end]);
        let characters = characters_at(text, places.collect());
        let place = |byte| characters.get(&byte).copied().unwrap_or_default();
        let cited = |(source, span): (Citation, Option<(usize, usize)>)| {
            let span = span.map(|(start, end)| (place(start), place(end))).filter(|(start, end)| start < end);
            Citation { span, ..source }
        };
        found.into_iter().map(cited).collect()
    }
}

/// How many characters stand before each of these bytes. The text is gone through once.
fn characters_at(text: &str, mut places: Vec<usize>) -> BTreeMap<usize, u64> {
    places.sort_unstable();
    let (mut from, mut characters) = (0, 0);
    let mut before = |place: usize| {
        let byte = text.floor_char_boundary(place.min(text.len()));
        characters += length(text.get(from..byte).unwrap_or_default());
        from = byte;
        (place, characters)
    };
    places.into_iter().map(&mut before).collect()
}

/// At which byte each of these characters begins. The text is gone through once.
fn bytes_at(text: &str, mut places: Vec<u64>) -> BTreeMap<u64, usize> {
    places.sort_unstable();
    let mut begins = (0..).zip(text.char_indices().map(|(byte, _)| byte)).peekable();
    let mut begin = |place: u64| {
        while begins.next_if(|(character, _)| *character < place).is_some() {}
        (place, begins.peek().map_or(text.len(), |(_, byte)| *byte))
    };
    places.into_iter().map(&mut begin).collect()
}

/// A source, the text before it, and how many bytes stand before that in all texts together.
pub(in crate::dialects) type Cited<'c> = (&'c Citation, &'c str, usize);

/// Writes `groundingMetadata`: each source once, and the places of the text that they are named for.
pub(in crate::dialects) fn write_grounding(citations: &[Cited<'_>], out: &mut write::Object<'_>) {
    let mut sources: Vec<&Citation> = Vec::new();
    let mut known: HashMap<&str, usize> = HashMap::new();
    // Each place of a text with the sources that are named for it.
    let mut supports: Vec<(usize, &str, Vec<usize>)> = Vec::new();
    for of_text in citations.chunk_by(|(_, _, one), (_, _, other)| one == other) {
        let text = of_text.iter().map(|(_, text, _)| *text).max_by_key(|text| text.len()).unwrap_or_default();
        let spans: Vec<_> = of_text.iter().map(|(source, own, _)| source.span_in(length(own))).collect();
        let bytes = bytes_at(text, spans.iter().flat_map(|(start, end)| [*start, *end]).collect());
        let byte = |character| bytes.get(character).copied().unwrap_or_default();
        for ((source, _, before), (start, end)) in of_text.iter().zip(&spans) {
            let index = *known.entry(&source.url).or_insert_with(|| {
                sources.push(source);
                sources.len() - 1
            });
            let (start, end) = (byte(start), byte(end));
            let (from, piece) = (before + start, text.get(start..end).unwrap_or_default());
            match supports.last_mut() {
                Some((last, said, sources)) if *last == from && said.len() == piece.len() => {
                    sources.push(index)
                }
                _ => supports.push((from, piece, vec![index])),
            }
        }
    }
    out.object("groundingMetadata", |grounding| {
        grounding.list("groundingChunks", |list| {
            sources.iter().for_each(|source| list.object(|chunk| write_source(source, chunk)));
        });
        grounding.list("groundingSupports", |list| {
            let mut room = REPEATED_MOST;
            for (from, piece, sources) in &supports {
                list.object(|support| {
                    support.object("segment", |segment| {
                        segment.number("startIndex", *from);
                        segment.number("endIndex", from + piece.len());
                        if let Some(left) = room.checked_sub(piece.len()) {
                            room = left;
                            segment.text("text", piece);
                        }
                    });
                    support.list("groundingChunkIndices", |list| {
                        sources.iter().for_each(|index| list.number(*index));
                    });
                });
            }
        });
    });
}

fn write_source(source: &Citation, chunk: &mut write::Object<'_>) {
    chunk.object("web", |web| {
        web.text("uri", &source.url);
        web.maybe_text("title", source.title.as_deref());
    });
}

/// A text as far as places in it have to be found, which is as far as it is short.
#[derive(Default)]
pub(in crate::dialects) struct Remembered(String);

impl Remembered {
    /// Bytes of a text that is remembered.
    const BYTES_MOST: usize = 1 << 20;

    pub(in crate::dialects) fn add(&mut self, text: &str) {
        let room = Self::BYTES_MOST.saturating_sub(self.0.len());
        self.0.push_str(text.get(..text.floor_char_boundary(room)).unwrap_or_default());
    }

    pub(in crate::dialects) fn text(&self) -> &str {
        &self.0
    }
}
