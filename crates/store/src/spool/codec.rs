//! The record's own compact form: a version byte, then fields, each with its number and length.
//!
//! Fields at their default are left out and unknown ones are stepped over, so an older and a newer version of the server
//! read each other's spool; the version byte changes only when that is no longer true. Decoding survives any bytes.

mod shadow;

use yumen_telemetry::{
    AttemptRecord, ConsideredRecord, ExchangeRecord, HEAL_EDITS_MOST, HealEdit, HealRecord, HealStatus,
    Outcome, RouteRecord, TokenCounts, TokenSource,
};

/// The form that is written here.
const VERSION: u8 = 1;
/// Longer texts are cut: nobody may fill the spool with one record.
pub(crate) const MAX_TEXT_BYTES: usize = 1024;
/// Attempts and lossy fields beyond this are left out, for the same reason.
pub(crate) const MAX_ITEMS: usize = 64;

/// Bytes that are no record of a version known here.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Unreadable;

/// Appends the record's form to `out`.
pub(crate) fn encode(record: &ExchangeRecord, out: &mut Vec<u8>) {
    out.push(VERSION);
    text(out, 1, &record.id);
    number(out, 2, record.started_at_us as u64);
    optional_text(out, 3, record.key_id.as_deref());
    optional_text(out, 4, record.key_name.as_deref());
    text(out, 5, &record.dialect);
    text(out, 6, &record.operation);
    text(out, 7, &record.model_requested);
    optional_text(out, 8, record.model_served.as_deref());
    optional_text(out, 9, record.provider.as_deref());
    optional_text(out, 10, record.upstream_id.as_deref());
    for attempt in record.attempts.iter().take(MAX_ITEMS) {
        nested(out, 11, |out| encode_attempt(attempt, out));
    }
    number(out, 12, record.status.into());
    number(out, 13, outcome_number(record.outcome));
    optional_text(out, 14, record.error_code.as_deref());
    optional_text(out, 15, record.finish_reason.as_deref());
    number(out, 16, record.streamed.into());
    number(out, 17, record.tokens.input);
    number(out, 18, record.tokens.cached_input);
    number(out, 19, record.tokens.cache_write);
    number(out, 20, record.tokens.output);
    number(out, 21, record.tokens.reasoning);
    number(out, 22, source_number(record.tokens.source));
    optional_number(out, 23, record.cost_nanos);
    optional_number(out, 24, record.first_byte_us);
    number(out, 25, record.total_us);
    number(out, 26, record.overhead_us);
    for name in record.lossy.iter().take(MAX_ITEMS) {
        optional_text(out, 27, Some(name));
    }
    for ((_, count), field) in record.units.all().into_iter().zip(28..) {
        optional_number(out, field, count);
    }
    if let Some(route) = &record.route {
        nested(out, 40, |out| encode_route(route, out));
    }
    if let Some(heal) = &record.heal {
        nested(out, 41, |out| encode_heal(heal, out));
    }
    if let Some(shadow) = &record.shadow {
        nested(out, 44, |out| shadow::encode(shadow, out));
    }
}

fn encode_route(route: &RouteRecord, out: &mut Vec<u8>) {
    text(out, 1, &route.strategy);
    optional_text(out, 2, route.rule.as_deref());
    number(out, 3, route.sticky.into());
    for rule in route.failed_rules.iter().take(MAX_ITEMS) {
        text(out, 5, rule);
    }
    optional_text(out, 6, route.preset.as_deref());
    optional_text(out, 7, route.category.as_deref());
    for considered in route.considered.iter().take(MAX_ITEMS) {
        nested(out, 4, |out| {
            text(out, 1, &considered.provider);
            text(out, 2, &considered.model);
            optional_text(out, 3, considered.out.as_deref());
            optional_text(out, 4, considered.behind.as_deref());
        });
    }
}

fn encode_heal(heal: &HealRecord, out: &mut Vec<u8>) {
    text(out, 1, heal.status.as_str());
    number(out, 2, heal.cut_off.into());
    optional_number(out, 3, heal.schema_valid.map(u64::from));
    number(out, 4, heal.count);
    for edit in heal.edits.iter().take(HEAL_EDITS_MOST) {
        nested(out, 5, |out| {
            number(out, 1, edit.position);
            text(out, 2, &edit.kind);
        });
    }
}

fn encode_attempt(attempt: &AttemptRecord, out: &mut Vec<u8>) {
    text(out, 1, &attempt.provider);
    text(out, 2, &attempt.model);
    text(out, 3, &attempt.credential);
    optional_number(out, 4, attempt.status.map(u64::from));
    optional_text(out, 5, attempt.cause.as_deref());
    number(out, 6, attempt.started_us);
    number(out, 7, attempt.duration_us);
    if let Some(tokens) = &attempt.tokens {
        nested(out, 8, |out| encode_tokens(tokens, out));
    }
    optional_number(out, 9, attempt.cost_nanos);
    number(out, 10, u64::from(attempt.rescue));
}

fn encode_tokens(tokens: &TokenCounts, out: &mut Vec<u8>) {
    number(out, 1, tokens.input);
    number(out, 2, tokens.cached_input);
    number(out, 3, tokens.cache_write);
    number(out, 4, tokens.output);
    number(out, 5, tokens.reasoning);
    number(out, 6, source_number(tokens.source));
}

/// The record that the bytes stand for.
pub(crate) fn decode(bytes: &[u8]) -> Result<ExchangeRecord, Unreadable> {
    let (version, rest) = bytes.split_first().ok_or(Unreadable)?;
    if *version != VERSION {
        return Err(Unreadable);
    }
    let mut record = ExchangeRecord::default();
    let mut fields = Fields(rest);
    while let Some((field, value)) = fields.next()? {
        match field {
            1 => record.id = value.text()?,
            2 => record.started_at_us = value.number()? as i64,
            3 => record.key_id = Some(value.text()?),
            4 => record.key_name = Some(value.text()?),
            5 => record.dialect = value.text()?,
            6 => record.operation = value.text()?,
            7 => record.model_requested = value.text()?,
            8 => record.model_served = Some(value.text()?),
            9 => record.provider = Some(value.text()?),
            10 => record.upstream_id = Some(value.text()?),
            11 => record.attempts.push(decode_attempt(value.bytes()?)?),
            12 => record.status = value.small()?,
            13 => record.outcome = outcome_of(value.number()?)?,
            14 => record.error_code = Some(value.text()?),
            15 => record.finish_reason = Some(value.text()?),
            16 => record.streamed = value.number()? != 0,
            17 => record.tokens.input = value.number()?,
            18 => record.tokens.cached_input = value.number()?,
            19 => record.tokens.cache_write = value.number()?,
            20 => record.tokens.output = value.number()?,
            21 => record.tokens.reasoning = value.number()?,
            22 => record.tokens.source = source_of(value.number()?)?,
            23 => record.cost_nanos = Some(value.number()?),
            24 => record.first_byte_us = Some(value.number()?),
            25 => record.total_us = value.number()?,
            26 => record.overhead_us = value.number()?,
            27 => record.lossy.push(value.text()?),
            28 => record.units.images = Some(value.number()?),
            29 => record.units.audio_ms = Some(value.number()?),
            30 => record.units.characters = Some(value.number()?),
            31 => record.units.searches = Some(value.number()?),
            32 => record.units.video_ms = Some(value.number()?),
            33 => record.units.web_searches = Some(value.number()?),
            40 => record.route = Some(Box::new(decode_route(value.bytes()?)?)),
            41 => record.heal = Some(Box::new(decode_heal(value.bytes()?)?)),
            44 => record.shadow = Some(Box::new(shadow::decode(value.bytes()?)?)),
            _ => {}
        }
    }
    if record.id.is_empty() { Err(Unreadable) } else { Ok(record) }
}

fn decode_route(bytes: &[u8]) -> Result<RouteRecord, Unreadable> {
    let mut route = RouteRecord::default();
    let mut fields = Fields(bytes);
    while let Some((field, value)) = fields.next()? {
        match field {
            1 => route.strategy = value.text()?,
            2 => route.rule = Some(value.text()?),
            3 => route.sticky = value.number()? != 0,
            4 => route.considered.push(decode_considered(value.bytes()?)?),
            5 => route.failed_rules.push(value.text()?),
            6 => route.preset = Some(value.text()?),
            7 => route.category = Some(value.text()?),
            _ => {}
        }
    }
    Ok(route)
}

fn decode_considered(bytes: &[u8]) -> Result<ConsideredRecord, Unreadable> {
    let mut considered = ConsideredRecord::default();
    let mut fields = Fields(bytes);
    while let Some((field, value)) = fields.next()? {
        match field {
            1 => considered.provider = value.text()?,
            2 => considered.model = value.text()?,
            3 => considered.out = Some(value.text()?),
            4 => considered.behind = Some(value.text()?),
            _ => {}
        }
    }
    Ok(considered)
}

fn decode_heal(bytes: &[u8]) -> Result<HealRecord, Unreadable> {
    let mut heal = HealRecord::default();
    let mut fields = Fields(bytes);
    while let Some((field, value)) = fields.next()? {
        match field {
            1 => heal.status = HealStatus::parse(&value.text()?).ok_or(Unreadable)?,
            2 => heal.cut_off = value.number()? != 0,
            3 => heal.schema_valid = Some(value.number()? != 0),
            4 => heal.count = value.number()?,
            5 => heal.edits.push(decode_edit(value.bytes()?)?),
            _ => {}
        }
    }
    Ok(heal)
}

fn decode_edit(bytes: &[u8]) -> Result<HealEdit, Unreadable> {
    let mut edit = HealEdit { position: 0, kind: String::new() };
    let mut fields = Fields(bytes);
    while let Some((field, value)) = fields.next()? {
        match field {
            1 => edit.position = value.number()?,
            2 => edit.kind = value.text()?,
            _ => {}
        }
    }
    Ok(edit)
}

fn decode_attempt(bytes: &[u8]) -> Result<AttemptRecord, Unreadable> {
    let mut attempt = AttemptRecord::default();
    let mut fields = Fields(bytes);
    while let Some((field, value)) = fields.next()? {
        match field {
            1 => attempt.provider = value.text()?,
            2 => attempt.model = value.text()?,
            3 => attempt.credential = value.text()?,
            4 => attempt.status = Some(value.small()?),
            5 => attempt.cause = Some(value.text()?),
            6 => attempt.started_us = value.number()?,
            7 => attempt.duration_us = value.number()?,
            8 => attempt.tokens = Some(decode_tokens(value.bytes()?)?),
            9 => attempt.cost_nanos = Some(value.number()?),
            10 => attempt.rescue = value.number()? != 0,
            _ => {}
        }
    }
    Ok(attempt)
}

fn decode_tokens(bytes: &[u8]) -> Result<TokenCounts, Unreadable> {
    let mut tokens = TokenCounts::default();
    let mut fields = Fields(bytes);
    while let Some((field, value)) = fields.next()? {
        match field {
            1 => tokens.input = value.number()?,
            2 => tokens.cached_input = value.number()?,
            3 => tokens.cache_write = value.number()?,
            4 => tokens.output = value.number()?,
            5 => tokens.reasoning = value.number()?,
            6 => tokens.source = source_of(value.number()?)?,
            _ => {}
        }
    }
    Ok(tokens)
}

fn outcome_number(outcome: Outcome) -> u64 {
    match outcome {
        Outcome::Completed => 0,
        Outcome::Refused => 1,
        Outcome::Failed => 2,
        Outcome::ClientGone => 3,
    }
}

fn outcome_of(number: u64) -> Result<Outcome, Unreadable> {
    [Outcome::Completed, Outcome::Refused, Outcome::Failed, Outcome::ClientGone]
        .into_iter()
        .find(|outcome| outcome_number(*outcome) == number)
        .ok_or(Unreadable)
}

fn source_number(source: TokenSource) -> u64 {
    match source {
        TokenSource::None => 0,
        TokenSource::Reported => 1,
        TokenSource::Estimated => 2,
    }
}

fn source_of(number: u64) -> Result<TokenSource, Unreadable> {
    [TokenSource::None, TokenSource::Reported, TokenSource::Estimated]
        .into_iter()
        .find(|source| source_number(*source) == number)
        .ok_or(Unreadable)
}

// A field begins with its number and, in the lowest bit, whether a text (1) or a number (0) follows.

fn text(out: &mut Vec<u8>, field: u8, value: &str) {
    if !value.is_empty() {
        optional_text(out, field, Some(value));
    }
}

fn optional_text(out: &mut Vec<u8>, field: u8, value: Option<&str>) {
    let Some(value) = value else { return };
    let end = value.floor_char_boundary(MAX_TEXT_BYTES);
    let bytes = value.as_bytes().get(..end).unwrap_or_default();
    out.push(field << 1 | 1);
    varint(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

fn number(out: &mut Vec<u8>, field: u8, value: u64) {
    if value != 0 {
        optional_number(out, field, Some(value));
    }
}

fn optional_number(out: &mut Vec<u8>, field: u8, value: Option<u64>) {
    let Some(value) = value else { return };
    out.push(field << 1);
    varint(out, value);
}

/// The length stands before the content, as three bytes that are filled in afterwards.
fn nested(out: &mut Vec<u8>, field: u8, write: impl FnOnce(&mut Vec<u8>)) {
    out.push(field << 1 | 1);
    let start = out.len();
    out.extend_from_slice(&[0; 3]);
    write(out);
    let length = out.len() - start - 3;
    let seven = |shift: usize| (length >> shift) as u8 & 0x7F;
    if let Some(slot) = out.get_mut(start..start + 3) {
        slot.copy_from_slice(&[seven(0) | 0x80, seven(7) | 0x80, seven(14)]);
    }
}

fn varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// What a field holds.
enum Value<'a> {
    Number(u64),
    Bytes(&'a [u8]),
}

impl<'a> Value<'a> {
    fn number(self) -> Result<u64, Unreadable> {
        match self {
            Self::Number(number) => Ok(number),
            Self::Bytes(_) => Err(Unreadable),
        }
    }

    fn small(self) -> Result<u16, Unreadable> {
        u16::try_from(self.number()?).map_err(|_| Unreadable)
    }

    fn bytes(self) -> Result<&'a [u8], Unreadable> {
        match self {
            Self::Bytes(bytes) => Ok(bytes),
            Self::Number(_) => Err(Unreadable),
        }
    }

    fn text(self) -> Result<String, Unreadable> {
        std::str::from_utf8(self.bytes()?).map(str::to_owned).map_err(|_| Unreadable)
    }
}

/// Reads fields off the front of some bytes.
struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    fn next(&mut self) -> Result<Option<(u8, Value<'a>)>, Unreadable> {
        let Some((head, rest)) = self.0.split_first() else { return Ok(None) };
        self.0 = rest;
        let number = self.varint()?;
        if head & 1 == 0 {
            return Ok(Some((head >> 1, Value::Number(number))));
        }
        let length = usize::try_from(number).map_err(|_| Unreadable)?;
        let (bytes, rest) = self.0.split_at_checked(length).ok_or(Unreadable)?;
        self.0 = rest;
        Ok(Some((head >> 1, Value::Bytes(bytes))))
    }

    fn varint(&mut self) -> Result<u64, Unreadable> {
        let mut value = 0u64;
        for shift in (0..64).step_by(7) {
            let (byte, rest) = self.0.split_first().ok_or(Unreadable)?;
            self.0 = rest;
            value |= u64::from(byte & 0x7F) << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(Unreadable)
    }
}

#[cfg(test)]
mod tests;
