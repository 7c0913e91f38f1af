//! What settings of a large installation cost: reading ten thousand aliases, taking a hundred thousand keys, and one change
//! of a key or of a preset beside ten thousand others.
#![allow(clippy::expect_used, reason = "a bench ends where its ground gives way")]

use std::fmt::Write as _;
use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use criterion::{Criterion, criterion_group, criterion_main};
use yumen_config::{
    Catalogue, KeyHash, KeyHasher, KeyTable, PresetChange, PresetTable, PresetVersion, VirtualKey,
    kept_preset, parse_and_check,
};

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
    let kept = |number: u32, version: u32| {
        let json = format!(
            r#"{{"models":["alias-{number}","p/n"],"system":"You write code.","parameters":{{"temperature":"0.5"}}}}"#
        );
        (version, kept_preset(&format!("preset-{number}"), version, &json).map(Arc::new).map_err(Arc::from))
    };
    let change = |number: u32, added: Vec<(u32, PresetVersion)>| {
        let used = added.last().map(|(version, _)| *version);
        PresetChange { name: Arc::from(format!("preset-{number}")), used, added }
    };
    let presets = (0..10_000).map(|number| change(number, vec![kept(number, 1), kept(number, 2)]));
    let presets = PresetTable::default().with_changes(presets);
    assert_eq!(presets.len(), 10_000);
    let snapshot = snapshot.with_keys(table).with_store_presets(presets);
    assert!(snapshot.preset("preset-77@1").is_ok() && snapshot.preset("preset-77").is_ok());
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
    group.bench_function("change_one_of_10000_presets", |b| {
        b.iter(|| {
            let changed = change(77, vec![kept(77, 3)]);
            snapshot.with_store_presets(snapshot.store_presets.with_changes([changed]))
        })
    });
    group.bench_function("find_one_of_10000_presets", |b| b.iter(|| snapshot.preset(black_box("preset-77"))));
    group.bench_function("look_over_10000_presets", |b| {
        let faulty =
            || snapshot.store_presets.iter().filter_map(|(name, kept)| snapshot.fault_of(name, kept));
        b.iter(|| faulty().count())
    });
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default().warm_up_time(Duration::from_millis(300)).measurement_time(Duration::from_secs(2));
    targets = load
}
criterion_main!(benches);
