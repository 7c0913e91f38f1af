//! The side reader of answers that pass through. Events of a stream and whole answers are the same object; of their
//! parts only the size is looked at.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::chunk::Chunk;
use super::usage::{read_usage, tier_of};
use crate::dialects::{Tap, fault, raise_tap_usage};

/// The content of a part, unread.
#[derive(Deserialize, Default)]
#[serde(default, rename_all = "camelCase")]
struct Sizes<'a> {
    #[serde(borrow)]
    text: Option<&'a RawValue>,
    function_call: Option<Call<'a>>,
    inline_data: Option<&'a RawValue>,
    executable_code: Option<&'a RawValue>,
    code_execution_result: Option<&'a RawValue>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Call<'a> {
    #[serde(borrow)]
    name: Option<&'a RawValue>,
    args: Option<&'a RawValue>,
}

/// Reads a whole answer.
pub(super) fn read_response(body: &[u8], tap: &mut Tap) {
    if let Some(chunk) = Chunk::read(body) {
        note(chunk, tap);
        tap.finished = true;
    }
}

/// Reads one event. Nothing marks the last one, and usage may come after the finish reason: so the end is told by the
/// transport alone, and whether it was a clean one by the reason.
pub(super) fn read_event(data: &[u8], tap: &mut Tap) {
    let Some(chunk) = Chunk::read(data) else { return };
    if chunk.error.is_some() {
        tap.error = Some(Box::new(fault::read(0, data)));
    }
    note(chunk, tap);
}

fn note(chunk: Chunk<'_>, tap: &mut Tap) {
    let mut searches: u64 = 0;
    for candidate in chunk.candidates.iter().flatten() {
        candidate.parts().for_each(|part| note_part(part, tap));
        let found = candidate.grounding().map_or(0, |grounding| grounding.searches());
        searches = searches.saturating_add(found);
        if let Some(word) = candidate.finish_word() {
            tap.finish_reason = Some(word.to_owned());
        }
    }
    if let Some(reason) = chunk.block_reason().filter(|_| tap.finish_reason.is_none()) {
        tap.finish_reason = Some(reason);
    }
    let said = chunk.usage_metadata.map(RawValue::get);
    tap.tier = tap.tier.or(said.map(tier_of).unwrap_or_default());
    raise_tap_usage(tap, said.and_then(read_usage));
    tap.units.web_searches = tap.units.web_searches.max(searches);
    if let Some(usage) = &mut tap.usage {
        usage.web_searches = usage.web_searches.max(tap.units.web_searches);
    }
    tap.id = chunk.response_id.into_text().or(tap.id.take());
    tap.model = chunk.model_version.into_text().or(tap.model.take());
}

fn note_part(part: &RawValue, tap: &mut Tap) {
    let Ok(sizes) = serde_json::from_str::<Sizes<'_>>(part.get()) else { return };
    // The quotes do not count.
    let text = |raw: Option<&RawValue>| raw.map_or(0, |raw| raw.get().len().saturating_sub(2));
    let whole = |raw: Option<&RawValue>| raw.map_or(0, |raw| raw.get().len());
    let call = sizes.function_call.map_or(0, |call| text(call.name) + whole(call.args));
    let code = whole(sizes.executable_code) + whole(sizes.code_execution_result);
    let size = text(sizes.text) + call + code;
    tap.output_bytes += size as u64;
    // A picture is content, but its bytes say nothing of its tokens.
    tap.content_seen |= size > 0 || sizes.inline_data.is_some();
}
