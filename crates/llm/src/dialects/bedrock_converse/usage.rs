//! Usage: on the wire `inputTokens` leaves out what was read from and written to the cache; here it is counted in.
//! <https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_TokenUsage.html>

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::dialects::read::Loose;
use crate::dialects::write;
use crate::usage::Usage;

#[derive(Deserialize, Default)]
#[serde(default, rename_all = "camelCase")]
struct Wire<'a> {
    #[serde(borrow)]
    input_tokens: Loose<'a>,
    output_tokens: Loose<'a>,
    cache_read_input_tokens: Loose<'a>,
    cache_write_input_tokens: Loose<'a>,
    cache_details: Option<&'a RawValue>,
}

/// What was written to the cache for one lifetime.
#[derive(Deserialize, Default)]
#[serde(default, rename_all = "camelCase")]
struct Detail<'a> {
    #[serde(borrow)]
    ttl: Loose<'a>,
    input_tokens: Loose<'a>,
}

/// Reads a usage object; `None` when it counts nothing.
pub(super) fn read_usage(json: &str) -> Option<Usage> {
    let wire: Wire<'_> = serde_json::from_str(json).ok()?;
    let figures = [
        wire.input_tokens.number(),
        wire.output_tokens.number(),
        wire.cache_read_input_tokens.number(),
        wire.cache_write_input_tokens.number(),
    ];
    figures.iter().any(Option::is_some).then_some(())?;
    let [input, output, cached, written] = figures.map(Option::unwrap_or_default);
    let details = wire.cache_details.and_then(|raw| serde_json::from_str::<Vec<Detail<'_>>>(raw.get()).ok());
    let long = details.iter().flatten().filter(|detail| detail.ttl.text() == Some("1h"));
    let long = long.filter_map(|detail| detail.input_tokens.number()).fold(0_u64, u64::saturating_add);
    let written = written.max(long);
    Some(Usage {
        input: input.saturating_add(cached).saturating_add(written),
        cached_input: cached,
        cache_write: written - long,
        cache_write_1h: long,
        output,
        ..Usage::default()
    })
}

/// Writes a usage object's members.
pub(super) fn write_usage(usage: &Usage, out: &mut write::Object<'_>) {
    let written = usage.cache_write.saturating_add(usage.cache_write_1h);
    out.number("inputTokens", usage.input.saturating_sub(usage.cached_input).saturating_sub(written));
    out.number("outputTokens", usage.output);
    out.number("totalTokens", usage.input.saturating_add(usage.output));
    out.number("cacheReadInputTokens", usage.cached_input);
    out.number("cacheWriteInputTokens", written);
    let lifetimes = [("1h", usage.cache_write_1h), ("5m", usage.cache_write)];
    if usage.cache_write_1h > 0 {
        out.list("cacheDetails", |list| {
            for (ttl, tokens) in lifetimes.into_iter().filter(|(_, tokens)| *tokens > 0) {
                list.object(|detail| {
                    detail.text("ttl", ttl);
                    detail.number("inputTokens", tokens);
                });
            }
        });
    }
}
