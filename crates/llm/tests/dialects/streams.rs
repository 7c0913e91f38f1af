//! Every stream fixture, said to every dialect that can say it. The snapshots are the specification.
//!
//! Each conversion is repeated with the stream cut in two at every byte: nothing may depend on the cut.

use yumen_llm::dialects::{Dialect, Tap, codec, sayable_in};

use crate::support::{
    FOR_ALL_CLIENTS, context, convert, decode, encode, fixtures, frames_of, name, payloads_of, streamed, wire,
};

/// The dialects whose clients such a stream may have to answer.
fn clients(from: Dialect) -> Vec<Dialect> {
    let clients = streamed().filter(|client| codec(*client).outline().clients);
    clients.filter(|client| sayable_in(*client).any(|outline| outline.dialect == from)).collect()
}

#[test]
fn every_stream_in_every_dialect() {
    let mut seen = 0;
    for from in streamed() {
        for (case, stream) in fixtures("streams", from) {
            let is_shown = |to: &Dialect| codec(from).outline().clients || FOR_ALL_CLIENTS.contains(to);
            for to in clients(from).into_iter().filter(is_shown) {
                let label = format!("{}__{case}__to__{}", name(from), name(to));
                insta::assert_snapshot!(label, convert(from, to, &stream));
                seen += 1;
            }
        }
    }
    assert!(seen > 200, "the matrix has shrunk to {seen}");
}

#[test]
fn pitfall_04_streams_cut_at_every_byte_are_read_the_same() {
    for from in streamed() {
        for (case, stream) in fixtures("streams", from) {
            let stream = wire(from, &stream);
            let whole = decode(from, &[&stream]);
            for cut in 0..=stream.len() {
                let (head, tail) = stream.split_at(cut);
                assert_eq!(decode(from, &[head, tail]), whole, "{case} cut at {cut}");
            }
        }
    }
}

#[test]
fn a_stream_ends_exactly_once_whatever_the_upstream_does() {
    for from in streamed() {
        for (case, stream) in fixtures("streams", from) {
            let openai = convert(from, Dialect::OpenAiChat, &stream);
            assert_eq!(openai.matches("data: [DONE]\n\n").count(), 1, "{case}: {openai}");
            assert!(openai.ends_with("data: [DONE]\n\n"), "{case}: {openai}");
            let anthropic = convert(from, Dialect::AnthropicMessages, &stream);
            let ends = anthropic.matches("event: message_stop\n").count()
                + anthropic.matches("event: error\n").count();
            assert_eq!(ends, 1, "{case}: {anthropic}");
            let gemini = crate::support::payloads(&convert(from, Dialect::Gemini, &stream));
            let is_end = |event: &&serde_json::Value| {
                event.get("error").is_some() || event["candidates"][0].get("finishReason").is_some()
            };
            assert_eq!(gemini.iter().filter(is_end).count(), 1, "{case}: {gemini:?}");
            assert!(gemini.last().as_ref().is_some_and(is_end), "{case}: {gemini:?}");
            let responses = convert(from, Dialect::OpenAiResponses, &stream);
            let ends: usize = ["response.completed", "response.incomplete", "response.failed", "error"]
                .iter()
                .map(|end| responses.matches(&format!("event: {end}\n")).count())
                .sum();
            assert_eq!(ends, 1, "{case}: {responses}");
            for to in [Dialect::OllamaChat, Dialect::OllamaGenerate] {
                let lines = payloads_of(to, &convert(from, to, &stream));
                let is_end = |line: &&serde_json::Value| line["done"] == true || line["error"].is_string();
                assert_eq!(lines.iter().filter(is_end).count(), 1, "{case}: {lines:?}");
                assert!(lines.last().as_ref().is_some_and(is_end), "{case}: {lines:?}");
            }
        }
    }
}

#[test]
fn what_is_said_survives_the_way_through_the_other_dialect_and_back() {
    for (case, stream) in fixtures("streams", Dialect::AnthropicMessages) {
        let direct = convert(Dialect::AnthropicMessages, Dialect::AnthropicMessages, &stream);
        let there = convert(Dialect::AnthropicMessages, Dialect::OpenAiChat, &stream);
        if there.contains("\"error\"") {
            continue;
        }
        let back =
            encode(Dialect::AnthropicMessages, &decode(Dialect::OpenAiChat, &[there.as_bytes()]), context());
        let content = |text: &str| -> Vec<serde_json::Value> {
            let events = crate::support::payloads(text);
            let kept = |event: &serde_json::Value| {
                event["type"].as_str().is_some_and(|kind| kind.starts_with("content_block"))
            };
            events.into_iter().filter(kept).collect()
        };
        assert_eq!(content(&back), content(&direct), "{case}");
    }
}

#[test]
fn taps_and_decoders_count_the_same() {
    for from in streamed() {
        for (case, stream) in fixtures("streams", from) {
            let codec = codec(from);
            let (mut tap, mut decoder, mut steps) = (Tap::default(), codec.stream_decoder(), Vec::new());
            for (event, data) in frames_of(from, &[&wire(from, &stream)]) {
                if tap.finished {
                    break;
                }
                codec.tap_event(&event, &data, &mut tap);
                decoder.decode(&event, &data, &mut steps).expect("readable");
            }
            let usage = steps.iter().rev().find_map(|step| match step {
                yumen_llm::ir::StreamEvent::Usage(usage) => Some(*usage),
                _ => None,
            });
            assert_eq!(tap.usage, usage, "{case}");
            let failed = steps.iter().any(|step| matches!(step, yumen_llm::ir::StreamEvent::Error(_)));
            assert_eq!(tap.error.is_some(), failed, "{case}");
            let said = steps.iter().any(|step| {
                use yumen_llm::ir::StreamEvent::{Refusal, Text, Thinking, ToolCallStart};
                matches!(step, Text { .. } | Thinking { .. } | ToolCallStart { .. } | Refusal { .. })
            });
            assert_eq!((tap.content_seen, tap.output_bytes > 0), (said, said), "{case}: {tap:?}");
        }
    }
}
