//! The side reader of whole answers: what they say of themselves and of what was used.
//!
//! In: a body, whole or (of a large one) its beginning and its end. Out: what could be read of it. Never fails.

use std::sync::LazyLock;

use memchr::memmem::FinderRev;

use super::pictures::Pictures;
use crate::dialects::outline::{DEEPEST, last_key, text};
use crate::dialects::{Operation, Tap, openai, tier};
use crate::json::{Kind, ScanError, Walk, whole_number};
use crate::usage::{Units, Usage};

static USAGE_KEY: LazyLock<FinderRev<'static>> = LazyLock::new(|| FinderRev::new(br#""usage":"#));

/// Reads a whole answer.
pub(super) fn tap(operation: Operation, body: &[u8], tap: &mut Tap) {
    tap.content_seen = true;
    tap.finished = true;
    let read = Walk::object(body, DEEPEST).and_then(|walk| members(operation, walk, tap));
    if read.is_err() {
        // Of a large answer only the beginning and the end are there.
        if let Some(at) = last_key(body, &USAGE_KEY) {
            let _ = members(operation, Walk::members(body, at, DEEPEST), tap);
        }
        return;
    }
    if matches!(operation, Operation::Images | Operation::ImageEdits | Operation::ImageVariations) {
        let mut pictures = Pictures::default();
        pictures.push(body);
        tap.units.images = pictures.count();
    }
}

/// Reads the members of an answer up to its end.
fn members(operation: Operation, mut walk: Walk<'_>, tap: &mut Tap) -> Result<(), ScanError> {
    while let Some(key) = walk.key()? {
        let value = walk.value()?;
        match key {
            b"id" => tap.id = text(value).or(tap.id.take()),
            b"model" => tap.model = text(value).or(tap.model.take()),
            b"service_tier" => tap.tier = tier::of(value),
            b"usage" => usage(value, tap),
            b"status" if operation == Operation::Videos => tap.finish_reason = text(value),
            b"seconds" if operation == Operation::Videos => tap.units.video_ms = milliseconds(value),
            // Whisper's verbose answers; newer models tell it as their usage.
            b"duration" if matches!(operation, Operation::Transcription | Operation::Translation) => {
                tap.units.audio_ms = tap.units.audio_ms.or(milliseconds(value));
            }
            b"meta" if operation == Operation::Rerank => billed_units(value, tap),
            _ => {}
        }
    }
    Ok(())
}

/// Reads a usage object: tokens in any of their names, how many of them were no text, and seconds.
pub(super) fn usage(value: &[u8], tap: &mut Tap) {
    let Ok(json) = std::str::from_utf8(value) else { return };
    let mut total = None;
    let _ = Walk::object(value, DEEPEST).and_then(|walk| usage_members(walk, &mut tap.units, &mut total));
    // Rerankings have nothing but a total, which is all of it read.
    let all_read = || total.map(|input| Usage { input, ..Usage::default() });
    if let Some(usage) = openai::read_usage(json).or_else(all_read) {
        crate::dialects::raise_tap_usage(tap, Some(usage));
    }
}

fn usage_members(mut walk: Walk<'_>, units: &mut Units, total: &mut Option<u64>) -> Result<(), ScanError> {
    while let Some(key) = walk.key()? {
        let is_input = key.starts_with(b"input") || key.starts_with(b"prompt");
        if key.ends_with(b"_details") && walk.kind() == Kind::Object {
            walk.enter()?;
            while let Some(detail) = walk.key()? {
                let count = whole_number(walk.value()?).unwrap_or(0);
                let place = match detail {
                    b"image_tokens" if is_input => &mut units.image_input,
                    b"audio_tokens" if is_input => &mut units.audio_input,
                    b"image_tokens" => &mut units.image_output,
                    b"audio_tokens" => &mut units.audio_output,
                    _ => continue,
                };
                *place = count.max(*place);
            }
            continue;
        }
        let value = walk.value()?;
        match key {
            b"seconds" | b"prompt_audio_seconds" => units.audio_ms = milliseconds(value).or(units.audio_ms),
            b"total_tokens" => *total = whole_number(value),
            // OpenRouter's rerankings.
            b"search_units" => units.searches = whole_number(value).or(units.searches),
            _ => {}
        }
    }
    Ok(())
}

/// Reads what Cohere charges for, as in `{"billed_units":{"search_units":1}}`; those who follow it add tokens.
fn billed_units(meta: &[u8], tap: &mut Tap) {
    #[derive(serde::Deserialize)]
    struct Meta {
        billed_units: Billed,
    }
    #[derive(serde::Deserialize)]
    struct Billed {
        search_units: Option<f64>,
        input_tokens: Option<f64>,
    }
    let Ok(Meta { billed_units: billed }) = serde_json::from_slice(meta) else { return };
    // Cohere's own description has these as numbers of any kind.
    let whole = |number: f64| (0.0..1e15).contains(&number).then_some(number.ceil() as u64);
    tap.units.searches = billed.search_units.and_then(whole);
    if let Some(input) = billed.input_tokens.and_then(whole).filter(|input| *input > 0) {
        crate::dialects::raise_tap_usage(tap, Some(Usage { input, ..Usage::default() }));
    }
}

/// Seconds with any decimals, as a number or as text, in whole milliseconds, rounded half up. The digits are read as they
/// stand: nothing that is charged for passes through a float.
pub(in crate::dialects) fn milliseconds(value: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(value).ok()?.trim_matches('"');
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    if !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let tenths: u64 = format!("{:0<4}", fraction.get(..fraction.len().min(4))?).parse().ok()?;
    let whole = whole.parse::<u64>().ok()?.checked_mul(1000)?;
    whole.checked_add((tenths + 5) / 10)
}
