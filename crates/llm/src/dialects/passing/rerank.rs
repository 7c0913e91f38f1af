//! Rerankings asked for in another dialect: requests as Cohere made them, and answers as those who follow it give them.
//!
//! <https://docs.cohere.com/reference/rerank>, <https://docs.voyageai.com/reference/reranker-api>

use crate::dialects::read::{At, Object};
use crate::dialects::{DecodeError, Encoded, Losses, Quirk, Target, write};
use crate::ir::{Counted, Ranked, Ranking, Rerank};

/// Writes a request. Servers agree on documents that are texts; objects are said as their JSON.
pub(super) fn encode(rerank: &Rerank, target: &Target<'_>) -> Encoded {
    let mut losses = Losses::default();
    let mut body = Vec::with_capacity(256);
    write::object(&mut body, |out| {
        out.text("model", target.model);
        out.text("query", &rerank.query);
        out.texts("documents", rerank.documents.iter().map(String::as_str));
        out.maybe_number(if target.has(Quirk::RerankTopK) { "top_k" } else { "top_n" }, rerank.top_n);
    });
    losses.note_if(rerank.were_objects, "documents.object");
    losses.extra(&rerank.extra);
    Encoded { body, lossy: losses.into_names(), ..Encoded::default() }
}

/// Reads an answer, of which the counts have been read.
pub(super) fn decode(body: &[u8], counted: Counted) -> Result<Ranking, DecodeError> {
    let mut body = Object::body(body)?;
    let at = At::BODY.key("results");
    let items = match body.list("results")? {
        Some(items) => items,
        // Voyage's name for it.
        None => body.list("data")?.ok_or_else(|| at.fault("is missing from the answer"))?,
    };
    let results = items.into_iter().enumerate().map(|(place, raw)| {
        let at = at.index(place);
        let mut item = Object::read(raw, at)?;
        let score = match item.number("relevance_score")? {
            Some(score) => score,
            None => item.number("score")?.ok_or_else(|| at.key("relevance_score").fault("is missing"))?,
        };
        let index = item.unsigned("index")?.ok_or_else(|| at.key("index").fault("is missing"))?;
        Ok(Ranked { index, score })
    });
    Ok(Ranking { results: results.collect::<Result<_, DecodeError>>()?, counted })
}
