//! Every request fixture, said to every target dialect: what is sent, and what is listed as lost. The snapshots
//! are the specification of the conversion.

use serde_json::{Value, json};
use yumen_llm::dialects::{Dialect, Target, Thinking, Upstream, codec, encode_request, sayable_in};

use crate::support::{FOR_ALL_CLIENTS, dialects, fixtures, name};

const TARGET: Target<'static> = Target {
    model: "native-model",
    max_output: None,
    sees: false,
    searches: false,
    thinking: Thinking::Budget,
    quirks: &[],
    betas: &[],
};

fn convert(from: Dialect, to: Dialect, body: &str) -> Value {
    let request = match codec(from).decode_request(body.as_bytes()) {
        Ok(request) => request,
        Err(error) => return json!({ "decode_error": { "message": error.message, "param": error.param } }),
    };
    match encode_request(to, &request, &TARGET) {
        Ok(encoded) => {
            let sent: Value = serde_json::from_slice(&encoded.body).expect("an encoder writes JSON");
            json!({ "lossy": encoded.lossy, "sent": sent })
        }
        Err(error) => json!({ "encode_error": { "message": error.message, "param": error.param } }),
    }
}

/// The targets that can serve requests of a dialect.
fn targets(from: Dialect) -> Vec<Dialect> {
    sayable_in(from).map(|outline| outline.dialect).collect()
}

/// Whether a conversion is written down: what is spoken with providers only is met in the IR by all clients alike.
fn is_shown(from: Dialect, to: Dialect) -> bool {
    codec(to).outline().clients || FOR_ALL_CLIENTS.contains(&from)
}

#[test]
fn every_request_in_every_dialect_that_can_serve_it() {
    let mut seen = 0;
    for from in dialects() {
        for (case, body) in fixtures("requests", from) {
            for to in targets(from).into_iter().filter(|to| is_shown(from, *to)) {
                let label = format!("{}__{case}__to__{}", name(from), name(to));
                insta::assert_json_snapshot!(label, convert(from, to, &body));
                seen += 1;
            }
        }
    }
    assert!(seen > 300, "the matrix has shrunk to {seen}");
}

#[test]
fn operations_that_a_dialect_does_not_serve_are_refused_in_words() {
    for from in dialects() {
        for (case, body) in fixtures("requests", from) {
            let others = dialects().filter(|to| codec(*to).outline().upstream == Upstream::ForAll);
            for to in others.filter(|to| !targets(from).contains(to)) {
                let answer = convert(from, to, &body);
                if answer.get("decode_error").is_some() {
                    continue;
                }
                let message =
                    answer.pointer("/encode_error/message").and_then(Value::as_str).unwrap_or_default();
                assert!(message.starts_with("model: this model "), "{case} to {}: {answer}", name(to));
            }
        }
    }
}

#[test]
fn every_dialect_of_the_list_is_found_by_its_name() {
    let listed: Vec<Dialect> = yumen_llm::dialects::ALL.iter().map(|codec| codec.dialect()).collect();
    let distinct: std::collections::BTreeSet<Dialect> = listed.iter().copied().collect();
    assert_eq!(distinct.len(), listed.len());
    for dialect in listed {
        assert_eq!(codec(dialect).dialect(), dialect);
        assert_eq!(codec(dialect).outline().name, name(dialect));
    }
}
