//! Usage: on the wire `input_tokens` leaves out what was read from and written to the cache; here it is counted in.

use serde::Deserialize;

use crate::dialects::read::Loose;
use crate::dialects::write;
use crate::usage::Usage;

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
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct WireUsage<'a> {
    #[serde(borrow)]
    input_tokens: Loose<'a>,
    cache_read_input_tokens: Loose<'a>,
    cache_creation_input_tokens: Loose<'a>,
    cache_creation: Option<CacheCreation<'a>>,
    output_tokens: Loose<'a>,
    output_tokens_details: Option<OutputDetails<'a>>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct CacheCreation<'a> {
    #[serde(borrow)]
    ephemeral_5m_input_tokens: Loose<'a>,
    ephemeral_1h_input_tokens: Loose<'a>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct OutputDetails<'a> {
    #[serde(borrow)]
    thinking_tokens: Loose<'a>,
}

impl NetUsage {
    /// Raises the figures to those of a usage object; unreadable ones tell nothing.
    pub(super) fn raise(&mut self, json: &str) {
        let Ok(wire) = serde_json::from_str::<WireUsage<'_>>(json) else { return };
        let creation = wire.cache_creation.unwrap_or_default();
        let thinking = wire.output_tokens_details.unwrap_or_default().thinking_tokens;
        for (figure, told) in [
            (&mut self.input, wire.input_tokens),
            (&mut self.cache_read, wire.cache_read_input_tokens),
            (&mut self.cache_write_total, wire.cache_creation_input_tokens),
            (&mut self.cache_write_5m, creation.ephemeral_5m_input_tokens),
            (&mut self.cache_write_1h, creation.ephemeral_1h_input_tokens),
            (&mut self.output, wire.output_tokens),
            (&mut self.thinking, thinking),
        ] {
            *figure = (*figure).max(told.number().unwrap_or(0));
        }
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
        }
    }
}
