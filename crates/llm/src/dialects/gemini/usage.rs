//! Usage: on the wire thoughts stand beside the answer's tokens, and what tools brought beside the prompt's; here the
//! totals include them.

use crate::dialects::{tier, write};
use crate::json::{Walk, whole_number};
use crate::price::Tier;
use crate::usage::Usage;

/// A usage object nests two levels: lists of tokens by modality.
const DEEPEST: usize = 16;

/// Reads a `usageMetadata` object; `None` when it counts nothing.
pub(in crate::dialects) fn read_usage(json: &str) -> Option<Usage> {
    let mut walk = Walk::object(json.as_bytes(), DEEPEST).ok()?;
    let (mut usage, mut counted) = (Usage::default(), false);
    while let Some(key) = walk.key().ok()? {
        let Some(number) = whole_number(walk.value().ok()?) else { continue };
        match key {
            b"promptTokenCount" | b"toolUsePromptTokenCount" => {
                usage.input = usage.input.saturating_add(number);
            }
            b"candidatesTokenCount" => usage.output = usage.output.saturating_add(number),
            b"thoughtsTokenCount" => {
                usage.reasoning = number;
                usage.output = usage.output.saturating_add(number);
            }
            b"cachedContentTokenCount" => usage.cached_input = number,
            b"totalTokenCount" => {}
            _ => continue,
        }
        counted = true;
    }
    counted.then_some(usage)
}

/// The service tier that a `usageMetadata` object names: AI Studio says `serviceTier`, Vertex `trafficType`. <https://ai.google.dev/api/generate-content#UsageMetadata>
pub(super) fn tier_of(json: &str) -> Tier {
    let said = |member: &[u8]| tier::of_member(json, member, DEEPEST);
    said(b"serviceTier").or(said(b"trafficType"))
}

/// Writes a `usageMetadata` object's members.
pub(super) fn write_usage(usage: &Usage, out: &mut write::Object<'_>) {
    out.number("promptTokenCount", usage.input);
    out.number("candidatesTokenCount", usage.output.saturating_sub(usage.reasoning));
    if usage.cached_input > 0 {
        out.number("cachedContentTokenCount", usage.cached_input);
    }
    if usage.reasoning > 0 {
        out.number("thoughtsTokenCount", usage.reasoning);
    }
    out.number("totalTokenCount", usage.input.saturating_add(usage.output));
}
