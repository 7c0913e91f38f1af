//! What looking at bodies and streams costs: the scan, the splice, the framer and the estimate.

use std::hint::black_box;
use std::time::Duration;

use bytes::Bytes;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use serde_json::{Value, json};
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

criterion_group! {
    name = benches;
    config = Criterion::default().warm_up_time(Duration::from_millis(300)).measurement_time(Duration::from_secs(1));
    targets = scan, look_and_splice, frame
}
criterion_main!(benches);
