//! Usage: on the wire `input_tokens` leaves out what was read from and written to the cache; here it is counted in.

use crate::dialects::{tier, write};
use crate::json::{Kind, ScanError, Walk, whole_number};
use crate::price::Tier;
use crate::usage::Usage;

/// A usage object nests two levels.
const DEEPEST: usize = 16;

/// The wire's figures, merged over the events of a stream before they are made gross: a later event may repeat
/// only some of them.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct NetUsage {
    input: u64,
    cache_read: u64,
    cache_write_total: u64,
    cache_write_5m: u64,
    cache_write_1h: u64,
    output: u64,
    thinking: u64,
    web_searches: u64,
    /// The service tier that it names.
    pub(super) tier: Tier,
}

impl NetUsage {
    /// Raises the figures to those of a usage object; unreadable ones tell nothing.
    pub(super) fn raise(&mut self, json: &str) {
        if let Ok(mut walk) = Walk::object(json.as_bytes(), DEEPEST) {
            let _ = self.walk(&mut walk);
        }
    }

    /// The same for a usage object whose members come next, up to its end.
    pub(super) fn walk(&mut self, walk: &mut Walk<'_>) -> Result<(), ScanError> {
        while let Some(key) = walk.key()? {
            let is_detail = matches!(key, b"cache_creation" | b"output_tokens_details" | b"server_tool_use");
            if is_detail && walk.kind() == Kind::Object {
                walk.enter()?;
                while let Some(detail) = walk.key()? {
                    self.raise_to(detail, walk.value()?);
                }
            } else {
                self.raise_to(key, walk.value()?);
            }
        }
        Ok(())
    }

    fn raise_to(&mut self, name: &[u8], value: &[u8]) {
        if name == b"service_tier" {
            self.tier = self.tier.or(tier::of(value));
        }
        let figure = match name {
            b"input_tokens" => &mut self.input,
            b"cache_read_input_tokens" => &mut self.cache_read,
            b"cache_creation_input_tokens" => &mut self.cache_write_total,
            b"ephemeral_5m_input_tokens" => &mut self.cache_write_5m,
            b"ephemeral_1h_input_tokens" => &mut self.cache_write_1h,
            b"output_tokens" => &mut self.output,
            b"thinking_tokens" => &mut self.thinking,
            b"web_search_requests" => &mut self.web_searches,
            _ => return,
        };
        *figure = (*figure).max(whole_number(value).unwrap_or(0));
    }

    /// The figures in the IR's meaning.
    pub(super) fn gross(&self) -> Usage {
        // The total is the older field; what the lifetimes do not explain had the default one.
        let written = self.cache_write_total.max(self.cache_write_5m.saturating_add(self.cache_write_1h));
        Usage {
            input: self.input.saturating_add(self.cache_read).saturating_add(written),
            cached_input: self.cache_read,
            cache_write: written.saturating_sub(self.cache_write_1h),
            cache_write_1h: self.cache_write_1h,
            output: self.output,
            reasoning: self.thinking,
            web_searches: self.web_searches,
        }
    }
}

/// Reads a whole usage object.
pub(super) fn read_usage(json: &str) -> Usage {
    let mut net = NetUsage::default();
    net.raise(json);
    net.gross()
}

/// Writes a usage object's members.
pub(super) fn write_usage(usage: &Usage, out: &mut write::Object<'_>) {
    let written = usage.cache_write.saturating_add(usage.cache_write_1h);
    out.number("input_tokens", usage.input.saturating_sub(usage.cached_input).saturating_sub(written));
    out.number("cache_creation_input_tokens", written);
    out.number("cache_read_input_tokens", usage.cached_input);
    if written > 0 {
        out.object("cache_creation", |creation| {
            creation.number("ephemeral_5m_input_tokens", usage.cache_write);
            creation.number("ephemeral_1h_input_tokens", usage.cache_write_1h);
        });
    }
    out.number("output_tokens", usage.output);
    if usage.reasoning > 0 {
        out.object("output_tokens_details", |details| details.number("thinking_tokens", usage.reasoning));
    }
    if usage.web_searches > 0 {
        out.object("server_tool_use", |used| used.number("web_search_requests", usage.web_searches));
    }
}

impl From<Usage> for NetUsage {
    fn from(usage: Usage) -> Self {
        let written = usage.cache_write.saturating_add(usage.cache_write_1h);
        Self {
            input: usage.input.saturating_sub(usage.cached_input).saturating_sub(written),
            cache_read: usage.cached_input,
            cache_write_total: written,
            cache_write_5m: usage.cache_write,
            cache_write_1h: usage.cache_write_1h,
            output: usage.output,
            thinking: usage.reasoning,
            web_searches: usage.web_searches,
            tier: Tier::Usual,
        }
    }
}
