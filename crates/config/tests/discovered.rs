//! What servers tell of their models, as a layer over a checked Snapshot.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test's own functions")]

mod catalogue;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use catalogue::{environment, files, hasher};
use yumen_config::{
    Catalogue, Discovered, ModelPatterns, ModelSource, Snapshot, TargetKind, parse_and_check,
};
use yumen_llm::catalogue::{DiscoveredModel, Discovery};

fn snapshot(text: &str) -> Snapshot {
    let catalogue = Catalogue::builtin().unwrap();
    let checked = parse_and_check(text, "yumen.yaml", &environment, &files, &catalogue, &hasher(), None);
    checked.snapshot.unwrap_or_else(|| panic!("{:?}", checked.diagnostics))
}

fn source(snapshot: &Snapshot, provider: &str) -> Option<ModelSource> {
    snapshot.providers[provider].model_source.clone()
}

/// What the server of a provider tells: ids and windows.
fn told(snapshot: &Snapshot, provider: &str, models: &[(&str, u64)]) -> (Arc<str>, Discovered) {
    let models = models.iter().map(|(id, context)| DiscoveredModel {
        id: (*id).to_owned(),
        context: Some(*context),
        ..DiscoveredModel::default()
    });
    let source = Arc::new(source(snapshot, provider).unwrap());
    (Arc::from(provider), Discovered { source, models: models.collect() })
}

fn context(snapshot: &Snapshot, name: &str) -> Option<u64> {
    snapshot.models.get(name)?.deployments.items()[0].model.context
}

const SERVERS: &str = "
providers:
  one: { type: openai-compatible, base_url: 'http://one.example/v1' }
  two: { type: openai-compatible, base_url: 'http://two.example', discovery: ollama, discovery_ms: 5000 }
models:
  smart: { deployments: [ { provider: one, model: m, weight: 3 }, { provider: two, model: n } ], fallbacks: [ two/m ] }
  bad: { deployments: [ { provider: nowhere, model: m } ] }
";

#[test]
fn the_place_is_beside_or_below_the_base() {
    let path = |endpoint: &yumen_config::Endpoint| endpoint.path.for_model("").unwrap().to_string();
    let shown = |entry: &str| {
        let entry = format!("providers: {{ s: {{ {entry} }} }}");
        source(&snapshot(&entry), "s").map(|source| {
            let detail = source.detail.as_ref().map(path);
            format!("{:?} {}{}", source.discovery, source.list.host, path(&source.list))
                + &detail.map(|detail| format!(" {detail}")).unwrap_or_default()
        })
    };
    for (entry, expected) in [
        ("type: openai-compatible, base_url: 'http://a/v1/'", Some("OpenAi a/v1/models")),
        ("type: openai-compatible, base_url: 'http://a/v1', models: { m: {} }", None),
        ("type: openai-compatible, base_url: 'http://a/v1', discovery: off", None),
        (
            "type: openai-compatible, base_url: 'http://a/v1', models: { m: {} }, discovery: llama_cpp",
            Some("LlamaCpp a/v1/models /props"),
        ),
        (
            "type: openai-compatible, base_url: 'http://a/v1', discovery: ollama",
            Some("Ollama a/api/tags /api/show"),
        ),
        (
            "type: openai-compatible, base_url: 'http://a/x', discovery: ollama",
            Some("Ollama a/x/api/tags /x/api/show"),
        ),
        ("type: openai, credentials: [ { secret: sk-test-0123456789 } ]", None),
    ] {
        assert_eq!(shown(entry).as_deref(), expected, "{entry}");
    }
    let two = source(&snapshot(SERVERS), "two").unwrap();
    assert_eq!((two.interval, two.discovery), (Duration::from_secs(5), Discovery::Ollama));
    assert_eq!(source(&snapshot(SERVERS), "one").unwrap().interval, Duration::from_secs(60));
}

#[test]
fn names_follow_the_usual_order() {
    let before = snapshot(SERVERS);
    let found = BTreeMap::from([
        told(&before, "one", &[("m", 1), ("own", 2), ("smart", 3), ("bad", 4)]),
        told(&before, "two", &[("m", 5)]),
    ]);
    let after = before.with_discovered(&found);
    for (name, expected) in [
        ("one/m", Some(1)),
        ("two/m", Some(5)),
        ("own", Some(2)),
        ("m", None),
        ("one/smart", Some(3)),
        ("bad", None),
    ] {
        assert_eq!(context(&after, name), expected, "{name}");
    }
    let smart = after.target("smart").unwrap();
    assert_eq!((smart.kind, smart.fallbacks[0].model.context), (TargetKind::Alias, Some(5)));
    assert_eq!(smart.deployments.items()[1].model.context, None);
    assert!(Arc::ptr_eq(&smart.deployments.items()[0].provider, &after.providers["one"]));
    assert!(after.target("bad").is_none(), "an alias that was left out stands for nothing");
    let near: Vec<_> = after.near_names("owm", &ModelPatterns::all());
    assert_eq!(near.first().map(|name| &**name), Some("own"));
    // What it was before is as it was, and is what the next list is laid over.
    assert!(before.models.get("own").is_none() && before.providers["one"].models.is_empty());
}

#[test]
fn turns_go_on_where_they_were() {
    let before = snapshot(SERVERS);
    let turns = |snapshot: &Snapshot, count: usize| -> Vec<usize> {
        let smart = snapshot.target("smart").unwrap();
        (0..count).map(|_| smart.deployments.next()).collect()
    };
    let whole = turns(&snapshot(SERVERS), 8);
    let mut halves = turns(&before, 3);
    let after = before.with_discovered(&BTreeMap::from([told(&before, "one", &[("m", 1)])]));
    halves.extend(turns(&after, 5));
    assert_eq!(halves, whole);
}

#[test]
fn a_list_counts_for_the_place_that_gave_it() {
    let before = snapshot(SERVERS);
    let found = BTreeMap::from([told(&before, "one", &[("m", 1)])]);
    let slower = snapshot(&SERVERS.replace("example/v1'", "example/v1', discovery_ms: 9000"));
    assert_eq!(context(&slower.with_discovered(&found), "one/m"), Some(1));
    for moved in [
        ("one.example", "other.example"),
        ("example/v1'", "example/v1', discovery: off"),
        ("  one:", "  three:"),
    ] {
        let moved = SERVERS.replace(moved.0, moved.1);
        assert_eq!(context(&snapshot(&moved).with_discovered(&found), "one/m"), None, "{moved}");
    }
}
