//! What looking at bodies and streams costs: the scan, the splice, the framer, the estimate and the
//! repair.

use std::hint::black_box;
use std::time::Duration;

use bytes::Bytes;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use serde_json::{Value, json};
use yumen_llm::heal::{Healer, Purpose, heal};
use yumen_llm::json::{Edit, scan_object, splice};
use yumen_llm::{sse, tokens};

/// A chat request whose messages hold about `bytes` bytes of text, with the escapes that prose and code have.
fn chat(bytes: usize) -> Bytes {
    let line = "The caravan left the Jade Gate at dawn, and its guide said: \"keep the wall in sight\".\n";
    let content: String = line.chars().cycle().take(bytes).collect();
    body(&content)
}

fn body(content: &str) -> Bytes {
    let request = json!({
        "model": "openai/gpt-4o-mini",
        "messages": [
            {"role": "system", "content": "You are a helpful assistant."},
            {"role": "user", "content": content},
        ],
        "temperature": 0.7,
        "max_tokens": 256,
        "stream": true,
    });
    request.to_string().into()
}

fn scan(c: &mut Criterion) {
    let bodies = [
        ("300B", chat(120)),
        ("4KB", chat(3_850)),
        ("100KB", chat(99_000)),
        ("100KB_plain", body(&"a plain run of words ".repeat(4_800))),
        ("100KB_chinese", body(&"玉门关外，春风不度。".repeat(3_400))),
    ];
    for (name, body) in &bodies {
        let mut group = c.benchmark_group(format!("body_{name}"));
        group.throughput(Throughput::Bytes(body.len() as u64));
        group.bench_function("scan_object", |b| b.iter(|| scan_object(black_box(body), 128)));
        group.bench_function("serde_ignored", |b| {
            b.iter(|| serde_json::from_slice::<serde::de::IgnoredAny>(black_box(body)))
        });
        group.bench_function("serde_value", |b| b.iter(|| serde_json::from_slice::<Value>(black_box(body))));
        group.bench_function("estimate_json", |b| b.iter(|| tokens::estimate_json(black_box(body))));
        group.finish();
    }
}

fn look_and_splice(c: &mut Criterion) {
    let body = chat(120);
    let names =
        ["model", "models", "stream", "stream_options", "max_tokens", "max_completion_tokens", "provider"];
    let object = scan_object(&body, 128).unwrap_or_default();
    let edits = [Edit::Set { name: "model", value: Bytes::from_static(b"\"gpt-4o-mini\"") }];
    let mut group = c.benchmark_group("members_300B");
    group.bench_function("ambiguous", |b| b.iter(|| object.ambiguous(black_box(&body), &names)));
    group.bench_function("string_model", |b| b.iter(|| object.string(black_box(&body), "model")));
    group.bench_function("splice_model", |b| b.iter(|| splice(black_box(&body), &object, &edits)));
    group.finish();
}

fn frame(c: &mut Criterion) {
    let event = "data: {\"id\":\"chatcmpl-1\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"m\",\
                 \"choices\":[{\"index\":0,\"delta\":{\"content\":\" gate\"},\"finish_reason\":null}]}\n\n";
    let stream = Bytes::from(format!("{}data: [DONE]\n\n", event.repeat(50)));
    let mut group = c.benchmark_group("stream_50_events");
    group.throughput(Throughput::Bytes(stream.len() as u64));
    for (name, size) in
        [("one_chunk", stream.len()), ("chunk_per_event", event.len()), ("chunks_of_100", 100)]
    {
        group.bench_function(name, |b| {
            b.iter(|| {
                let mut framer = sse::Framer::new(16 << 20);
                let mut data = 0;
                for at in (0..stream.len()).step_by(size) {
                    framer.push(stream.slice(at..stream.len().min(at + size)));
                    while let Ok(Some(frame)) = framer.next_frame() {
                        data += frame.data.map_or(0, |data| data.len());
                    }
                }
                data
            })
        });
    }
    group.finish();
}

/// One megabyte of which every byte asks for a look ahead, whole and in pieces of 64 bytes.
fn heal_hostile(c: &mut Criterion) {
    const SIZE: usize = 1 << 20;
    let mut group = c.benchmark_group("heal_1MiB");
    group.throughput(Throughput::Bytes(SIZE as u64)).sample_size(10);
    for (name, begin, unit) in [
        ("opening_brackets", "", "["),
        ("brackets_in_turn", "", "[]"),
        ("closing_brackets", "[[[[[[[[", "}"),
        ("quotes", "{\"a\":", "\""),
        ("quotes_in_a_key", "{", "\"a"),
        ("quotes_and_commas_in_a_text", "{\"a\":\"", "\","),
        ("half_keys_in_a_text", "{\"a\":\"", ",\"a"),
        ("brackets_in_a_text", "{\"a\":\"", "}"),
        ("keys_in_an_array", "[", "\"a\":"),
        ("words", "[", "a b "),
    ] {
        let text = format!("{begin}{}", unit.repeat(SIZE / unit.len()));
        group.bench_function(format!("{name}/whole"), |b| {
            b.iter(|| heal(black_box(&text), Purpose::Answer, 128))
        });
        group.bench_function(format!("{name}/pieces"), |b| {
            b.iter(|| {
                let (mut healer, mut out) = (Healer::new(Purpose::Answer, 128), String::new());
                for piece in text.as_bytes().chunks(64) {
                    healer.push(std::str::from_utf8(piece).unwrap_or_default(), &mut out);
                }
                healer.finish(&mut out);
                out
            })
        });
    }
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default().warm_up_time(Duration::from_millis(300)).measurement_time(Duration::from_secs(1));
    targets = scan, look_and_splice, frame, heal_hostile
}
criterion_main!(benches);
