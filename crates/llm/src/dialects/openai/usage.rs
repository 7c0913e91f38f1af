//! Usage objects of OpenAI-style servers, under every name that they are known to use.

use crate::dialects::write;
use crate::json::{Kind, ScanError, Walk, whole_number};
use crate::usage::Usage;

/// A usage object nests two levels.
const DEEPEST: usize = 16;

/// Where the parts of a total stand; the newer endpoint has names of its own.
const DETAILS: [&[u8]; 7] = [
    b"prompt_tokens_details",
    b"completion_tokens_details",
    b"input_tokens_details",
    b"output_tokens_details",
    // What OpenRouter's tools did, under its newer and its older name.
    b"server_tool_use_details",
    b"server_tool_use",
    // What xAI's did. <https://docs.x.ai/developers/tools/tool-usage-details>
    b"server_side_tool_usage_details",
];

/// What the wire says, before it is brought into one meaning.
#[derive(Default)]
struct Said {
    input: Option<u64>,
    output: Option<u64>,
    total: Option<u64>,
    cached: u64,
    cache_write: u64,
    reasoning: u64,
    web_searches: u64,
}

/// Reads a usage object; `None` when it counts nothing.
pub(in crate::dialects) fn read_usage(json: &str) -> Option<Usage> {
    walk_usage(&mut Walk::object(json.as_bytes(), DEEPEST).ok()?).ok()?
}

/// Reads the members of a usage object, up to its end.
pub(in crate::dialects) fn walk_usage(walk: &mut Walk<'_>) -> Result<Option<Usage>, ScanError> {
    let mut said = Said::default();
    while let Some(key) = walk.key()? {
        if DETAILS.contains(&key) && walk.kind() == Kind::Object {
            walk.enter()?;
            while let Some(detail) = walk.key()? {
                said.detail(detail, whole_number(walk.value()?).unwrap_or(0));
            }
        } else if let Some(number) = whole_number(walk.value()?) {
            said.total(key, number);
        }
    }
    Ok(said.usage())
}

impl Said {
    fn total(&mut self, name: &[u8], number: u64) {
        match name {
            b"prompt_tokens" => self.input = Some(number),
            b"completion_tokens" => self.output = Some(number),
            // Some servers use the newer names on the older endpoint.
            b"input_tokens" => self.input = self.input.or(Some(number)),
            b"output_tokens" => self.output = self.output.or(Some(number)),
            b"total_tokens" => self.total = Some(number),
            // Perplexity says it so. What xAI says beside it is how many sources its searches found.
            b"num_search_queries" => self.web_searches = self.web_searches.max(number),
            // DeepSeek and Moonshot say it beside the totals.
            b"prompt_cache_hit_tokens" | b"cached_tokens" => self.cached = self.cached.max(number),
            _ => {}
        }
    }

    /// What stands in one of [`DETAILS`].
    fn detail(&mut self, name: &[u8], number: u64) {
        match name {
            b"cached_tokens" => self.cached = self.cached.max(number),
            b"cache_write_tokens" => self.cache_write = number,
            b"reasoning_tokens" => self.reasoning = number,
            b"web_search_requests" | b"web_search_calls" => self.web_searches = self.web_searches.max(number),
            _ => {}
        }
    }

    fn usage(self) -> Option<Usage> {
        if self.input.is_none() && self.output.is_none() {
            return None;
        }
        let (input, mut output) = (self.input.unwrap_or(0), self.output.unwrap_or(0));
        let reasoning = self.reasoning;
        // Some providers (xAI) count reasoning beside the completion and not in it; their total gives it away.
        if reasoning > 0 && self.total == input.checked_add(output).and_then(|sum| sum.checked_add(reasoning))
        {
            output = output.saturating_add(reasoning);
        }
        let Self { cached: cached_input, cache_write, web_searches, .. } = self;
        Some(Usage { input, cached_input, cache_write, output, reasoning, web_searches, ..Usage::default() })
    }
}

/// Writes a usage object's members.
pub(in crate::dialects) fn write_usage(usage: &Usage, out: &mut write::Object<'_>) {
    out.number("prompt_tokens", usage.input);
    out.number("completion_tokens", usage.output);
    out.number("total_tokens", usage.input.saturating_add(usage.output));
    out.object("prompt_tokens_details", |details| {
        details.number("cached_tokens", usage.cached_input);
        let written = usage.cache_write.saturating_add(usage.cache_write_1h);
        if written > 0 {
            details.number("cache_write_tokens", written);
        }
    });
    out.object("completion_tokens_details", |details| details.number("reasoning_tokens", usage.reasoning));
}
