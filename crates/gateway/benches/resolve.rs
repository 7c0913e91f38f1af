//! What the choice of deployments costs: rules and resolve, with ten candidates of which all have served, five rules of which
//! the last one holds, and one or very many keys.
#![allow(clippy::expect_used, reason = "a bench ends where its ground gives way")]

use std::fmt::Write as _;
use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use criterion::{Criterion, criterion_group, criterion_main};
use serde_json::json;
use yumen_config::{Catalogue, KeyHasher, KeyTable, Snapshot, VirtualKey, parse_and_check};
use yumen_gateway::bench::Chooser;

const RULES: &str = r#"
rules:
  - { name: one, when: tokens > 100000, then: { model: p0/m } }
  - { name: two, when: 'header["x-tier"] == "gold" && stream', then: { model: p1/m } }
  - { name: three, when: '"beta" in tags || key.name.startsWith("ci-")', then: { model: p2/m } }
  - { name: four, when: 'tools > 0 && images == 0', then: { model: p3/m } }
  - { name: five, when: 'split("new") < 100 && model == "m"', then: { strategy: balanced } }
"#;

/// Ten providers of one model.
fn settings(rules: &str, keys: u32) -> Snapshot {
    let mut text = "providers:\n".to_owned();
    let mut deployments = String::new();
    for number in 0..10 {
        let _ = writeln!(
            text,
            "  p{number}: {{ type: openai-compatible, base_url: \"http://127.0.0.1:{}/v1\", discovery: off, models: \
             {{ m: {{ canonical: a/m, price: {{ input: {}, output: 2 }} }} }} }}",
            number + 1,
            number + 1
        );
        let _ = write!(deployments, "{{ provider: p{number}, model: m }}, ");
    }
    let _ = writeln!(text, "models:\n  m: {{ deployments: [ {deployments} ] }}\n{rules}");
    let catalogue = Catalogue::builtin().expect("the catalogue");
    let files = |_: &str| Err(String::new());
    let hasher = KeyHasher::new([0; 32]);
    let checked = parse_and_check(&text, "bench", &|_| None, &files, &catalogue, &hasher, None);
    assert!(!checked.has_errors(), "{:?}", checked.diagnostics);
    let snapshot = checked.snapshot.expect("a Snapshot");
    let key = Arc::new(VirtualKey::for_all());
    let all = (0..keys).map(|number| (hasher.hash(&number.to_string()), Some(Arc::clone(&key))));
    snapshot.with_keys(KeyTable::default().with_all(all))
}

fn choose(c: &mut Criterion) {
    let key = VirtualKey { name: Arc::from("app"), id: Arc::from("1"), ..VirtualKey::for_all() };
    let body = json!({ "model": "m", "max_tokens": 256, "stream": true, "messages": [
        { "role": "system", "content": "You are a helpful assistant." },
        { "role": "user", "content": "The caravan left the Jade Gate at dawn. What did its guide say?" } ] });
    let body = Bytes::from(body.to_string());
    let mut group = c.benchmark_group("choose");
    for (name, rules, keys) in [
        ("10_candidates", "", 1),
        ("10_candidates_5_rules", RULES, 1),
        ("10_candidates_5_rules_100000_keys", RULES, 100_000),
    ] {
        let chooser = Chooser::new(settings(rules, keys));
        let request = http::Request::post("/v1/chat/completions").header("x-session-id", "s1").body(());
        let (head, ()) = request.expect("a request").into_parts();
        let read = chooser.read(&head, body.clone()).expect("a call");
        assert_eq!(chooser.choose(&key, &head, &read).expect("a plan"), 10);
        assert_eq!(chooser.look(&key, &head, &read), !rules.is_empty());
        group.bench_function(name, |b| b.iter(|| chooser.choose(black_box(&key), &head, &read).is_ok()));
        if keys == 1 && !rules.is_empty() {
            group.bench_function("5_rules_alone", |b| b.iter(|| chooser.look(black_box(&key), &head, &read)));
        }
    }
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default().warm_up_time(Duration::from_millis(500)).measurement_time(Duration::from_secs(2));
    targets = choose
}
criterion_main!(benches);
