//! What the package `litellm` says of models that make no texts: pictures, speech, transcripts, moderations, rerankings.
//!
//! In: an entry and its mode. Out: facts with prices by tokens or by the unit. A price that depends on a picture's size is
//! none that we can say, and one of nothing is none that is known, but for moderations.

use serde_json::{Map, Value, json};

use super::{decimals, fact};

/// The mode, the operations, and what goes in and comes out.
const MODES: &[(&str, &[&str], &[&str], &str)] = &[
    ("image_generation", &["images"], &["text"], "image"),
    ("image_edit", &["image_edits"], &["text", "image"], "image"),
    ("audio_speech", &["speech"], &["text"], "audio"),
    ("audio_transcription", &["transcription"], &["audio"], "text"),
    ("moderation", &["moderation"], &["text"], "text"),
    ("rerank", &["rerank"], &["text"], "text"),
];
/// Endpoints of which a model of such a mode names one at least, if it names any.
const ENDPOINTS: &[&str] =
    &["/v1/images/generations", "/v1/images/edits", "/v1/audio/speech", "/v1/audio/transcriptions"];
/// Our price, its name here, and the places by which it is moved up.
const PRICES: &[(&str, &str, i32)] = &[
    ("input", "input_cost_per_token", 6),
    ("output", "output_cost_per_token", 6),
    ("cache_read", "cache_read_input_token_cost", 6),
    ("image_input", "input_cost_per_image_token", 6),
    ("audio_input", "input_cost_per_audio_token", 6),
    ("image_output", "output_cost_per_image_token", 6),
    ("audio_output", "output_cost_per_audio_token", 6),
    ("characters", "input_cost_per_character", 6),
    ("search", "input_cost_per_query", 0),
];

/// The facts of an entry of such a mode.
pub(super) fn fact_of(mode: &str, entry: &Value) -> Option<Value> {
    let (_, operations, input, output) = MODES.iter().find(|(name, ..)| *name == mode)?;
    let endpoints = entry.get("supported_endpoints").and_then(Value::as_array);
    let names = |path: &str| endpoints.is_some_and(|endpoints| endpoints.iter().any(|named| named == path));
    if endpoints.is_some() && !ENDPOINTS.iter().any(|path| names(path)) {
        return Some(fact([("operations", Some(json!(["realtime"])))]));
    }
    let (mut operations, mut input) = (operations.to_vec(), input.to_vec());
    if mode == "image_generation" && names("/v1/images/edits") {
        operations.push("image_edits");
        input.push("image");
    }
    let number = |field: &str| entry.get(field).filter(|number| number.is_u64()).cloned();
    Some(fact([
        ("operations", Some(json!(operations))),
        ("input", Some(json!(input))),
        ("output", Some(json!([output]))),
        ("context", number("max_input_tokens").filter(|_| mode == "rerank")),
        ("deprecated", entry.get("deprecation_date").cloned()),
        ("price", price(mode, entry)),
    ]))
}

fn price(mode: &str, entry: &Value) -> Option<Value> {
    let stated = |name: &str| entry.get(name).and_then(Value::as_f64);
    if mode == "moderation" {
        let decimal = |amount: f64| if amount == 0.0 { "0".to_owned() } else { decimals::decimal(amount, 6) };
        return stated("input_cost_per_token").map(|amount| json!({ "input": decimal(amount) }));
    }
    let amount = |name: &str| stated(name).filter(|amount| *amount > 0.0);
    let mut price = Map::new();
    for (ours, theirs, shift) in PRICES {
        if let Some(amount) = amount(theirs) {
            price.insert((*ours).to_owned(), json!(decimals::decimal(amount, *shift)));
        }
    }
    if mode.starts_with("image") {
        // Some servers' prices for pictures stand here as such for tokens; only tokens of pictures tell them apart.
        if !price.contains_key("image_output") {
            let by_size = entry.as_object().into_iter().flatten().any(|(name, _)| {
                name.starts_with("output_cost_per_image_") || name.ends_with("cost_per_pixel")
            });
            let each = amount("output_cost_per_image").or(amount("input_cost_per_image"));
            price = each
                .filter(|_| !by_size)
                .map(|each| ("image".to_owned(), json!(decimals::decimal(each, 0))))
                .into_iter()
                .collect();
        }
    } else if mode == "audio_transcription"
        && let Some(second) = amount("input_cost_per_second")
    {
        price.insert("audio_hour".to_owned(), json!(hour(second)));
    }
    // Speech that is sold by tokens of sound is not sold by those of text as well.
    if price.contains_key("audio_output") {
        price.remove("output");
    }
    let sold = ["input", "image", "audio_hour", "characters", "search"];
    sold.iter().any(|name| price.contains_key(*name)).then_some(Value::Object(price))
}

/// The price of an hour from that of a second. Most are published by the minute or the hour and were divided and rounded
/// here: the shortest decimal that gives the same second is the one that was meant.
fn hour(second: f64) -> String {
    const DIGITS_LEAST: usize = 4;
    let mantissa = format!("{second:e}");
    let digits = mantissa.split('e').next().unwrap_or_default().replace('.', "").len().max(DIGITS_LEAST);
    let shown = |second: f64| format!("{second:.*e}", digits - 1);
    let meant = (0..=9)
        .map(|places| format!("{:.*}", places, second * 3600.0))
        .find(|hour| hour.parse::<f64>().is_ok_and(|hour| shown(hour / 3600.0) == shown(second)));
    meant.unwrap_or_else(|| decimals::decimal(second * 3600.0, 0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hours_are_told_as_they_were_published() {
        for (second, expected) in [
            (0.0001, "0.36"),
            (3.083e-5, "0.111"),
            (1.111e-5, "0.04"),
            (5.83333e-5, "0.21"),
            (7.5e-5, "0.27"),
            (0.000283333333333, "1.02"),
            (0.001, "3.6"),
        ] {
            assert_eq!(hour(second), expected);
        }
    }

    #[test]
    fn prices_are_told_by_what_is_sold() {
        let price = |mode: &str, entry: Value| fact_of(mode, &entry).unwrap().get("price").cloned();
        let tokens = json!({ "input_cost_per_token": 5e-6, "output_cost_per_token": 1e-5, "input_cost_per_image_token": 8e-6,
            "output_cost_per_image_token": 3.2e-5, "output_cost_per_token_batches": 5e-6 });
        let expected = json!({ "input": "5", "output": "10", "image_input": "8", "image_output": "32" });
        assert_eq!(price("image_generation", tokens), Some(expected));
        for (mode, entry, expected) in [
            ("image_generation", json!({ "input_cost_per_image": 0.02 }), Some(json!({ "image": "0.02" }))),
            (
                "image_generation",
                json!({ "output_cost_per_image": 0.1, "output_cost_per_image_4K": 0.2 }),
                None,
            ),
            ("image_generation", json!({ "input_cost_per_token": 1.3e-10 }), None),
            ("image_generation", json!({ "input_cost_per_pixel": 1e-8 }), None),
            (
                "audio_speech",
                json!({ "input_cost_per_character": 1.5e-5 }),
                Some(json!({ "characters": "15" })),
            ),
            (
                "audio_speech",
                json!({ "input_cost_per_token": 6e-7, "output_cost_per_token": 1e-5, "output_cost_per_audio_token": 1.2e-5 }),
                Some(json!({ "input": "0.6", "audio_output": "12" })),
            ),
            (
                "rerank",
                json!({ "input_cost_per_query": 0.002, "input_cost_per_token": 0.0 }),
                Some(json!({ "search": "0.002" })),
            ),
            ("rerank", json!({ "input_cost_per_token": 0.0 }), None),
            ("moderation", json!({ "input_cost_per_token": 0.0 }), Some(json!({ "input": "0" }))),
            ("audio_transcription", json!({ "output_cost_per_second": 0.1 }), None),
        ] {
            assert_eq!(price(mode, entry.clone()), expected, "{mode}: {entry}");
        }
        assert_eq!(fact_of("chat", &json!({})), None);
        let live = json!({ "supported_endpoints": ["/v1/realtime"] });
        assert_eq!(fact_of("audio_transcription", &live), Some(json!({ "operations": ["realtime"] })));
    }
}
