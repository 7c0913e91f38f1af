//! What settings of a large installation cost: reading ten thousand aliases, taking a hundred thousand keys, and one change.
#![allow(clippy::expect_used, reason = "a bench ends where its ground gives way")]

use std::fmt::Write as _;
use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use criterion::{Criterion, criterion_group, criterion_main};
use yumen_config::{Catalogue, KeyHash, KeyHasher, KeyTable, VirtualKey, parse_and_check};

fn load(c: &mut Criterion) {
    let mut text = "providers:\n  p: { type: openai-compatible, base_url: \"http://127.0.0.1:1/v1\", models: { m: {}, n: {} } }\n\
                    models:\n"
        .to_owned();
    for number in 0..10_000 {
        let _ = writeln!(
            text,
            "  alias-{number}: {{ deployments: [ {{ provider: p, model: m, weight: 2 }}, {{ provider: p, model: n }} ] }}"
        );
    }
    let catalogue = Catalogue::builtin().expect("the catalogue");
    let hasher = KeyHasher::new([0; 32]);
    let files = |_: &str| Err(String::new());
    let read = || parse_and_check(&text, "bench", &|_| None, &files, &catalogue, &hasher, None);
    let snapshot = read().snapshot.expect("a Snapshot");
    assert!(snapshot.models.len() > 10_000);
    let keys: Vec<(KeyHash, Option<Arc<VirtualKey>>)> = (0..100_000)
        .map(|number: u32| {
            let name: Arc<str> = Arc::from(number.to_string());
            let key = VirtualKey { id: Arc::clone(&name), name, ..VirtualKey::for_all() };
            (hasher.hash(&number.to_string()), Some(Arc::new(key)))
        })
        .collect();
    let table = KeyTable::default().with_all(keys.iter().cloned());
    assert_eq!(table.len(), 100_000);
    let snapshot = snapshot.with_keys(table);
    let mut group = c.benchmark_group("settings");
    group.sample_size(10);
    group.bench_function("read_10000_aliases", |b| b.iter(|| read().snapshot.is_some()));
    group.bench_function("take_100000_keys", |b| {
        b.iter(|| KeyTable::default().with_all(keys.iter().cloned()))
    });
    let (hash, key) = keys.first().expect("a key");
    group.bench_function("change_one_of_100000_keys", |b| {
        b.iter(|| snapshot.with_keys(snapshot.keys.with(black_box(*hash), key.clone())))
    });
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default().warm_up_time(Duration::from_millis(300)).measurement_time(Duration::from_secs(2));
    targets = load
}
criterion_main!(benches);
