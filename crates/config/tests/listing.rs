//! The list of models: what is shown of each, what filters leave, in which order, and what is refused.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test's own functions")]

mod catalogue;

use catalogue::{catalogue, environment, files, hasher};
use yumen_config::{Day, Listed, ModelPatterns, ModelQuery, Page, Snapshot, Word, may_use, parse_and_check};

const CONFIG: &str = r#"
providers:
  east:
    type: openai-compatible
    base_url: "http://127.0.0.1:1/v1"
    data_policy: { trains: false, retention_days: 0 }
    models:
      small: { canonical: acme/small, name: Acme Small, context: 8000, price: { input: 0.1, output: 0.4 } }
      seer:
        canonical: acme/seer
        context: 32000
        input: [text, image]
        supports: [tools, structured]
        price: { input: 1, output: 2 }
      riddle: {}
      vectors: { canonical: acme/vectors, operations: [embeddings], price: { input: 0.01 } }
  west:
    type: openai-compatible
    base_url: "http://127.0.0.1:2/v1"
    models:
      seer-hosted:
        canonical: acme/seer
        context: 64000
        supports: [tools, reasoning, fixed_sampling]
        distillable: true
        price: { input: 3, output: 4 }
models:
  smart:
    deployments: [ { provider: west, model: seer-hosted } ]
    fallbacks: [ acme/small ]
"#;

fn snapshot() -> Snapshot {
    let checked = parse_and_check(CONFIG, "yumen.yaml", &environment, &files, &catalogue(), &hasher(), None);
    assert!(!checked.has_errors(), "{:?}", checked.diagnostics);
    checked.snapshot.unwrap()
}

fn page<'s>(snapshot: &'s Snapshot, pairs: &[(&str, &str)]) -> Page<'s> {
    let mut query = ModelQuery::default();
    pairs.iter().for_each(|(name, value)| query.set(name, value).unwrap());
    query.page(snapshot.listed(&ModelPatterns::all()), Day::parse("2026-11-26").unwrap().unix_seconds())
}

fn names<'s>(snapshot: &'s Snapshot, pairs: &[(&str, &str)]) -> Vec<&'s str> {
    page(snapshot, pairs).models.iter().map(|model| model.name).collect()
}

fn listed<'s>(snapshot: &'s Snapshot, name: &str) -> Listed<'s> {
    let models = snapshot.listed(&ModelPatterns::all());
    *models.iter().find(|model| model.name == name).unwrap()
}

#[test]
fn each_public_name_is_listed_once_and_only_for_those_who_may_use_it() {
    let snapshot = snapshot();
    let all = ["acme/seer", "acme/small", "acme/vectors", "east/riddle", "smart"];
    assert_eq!(names(&snapshot, &[]), all);
    let some = snapshot.listed(&ModelPatterns::new(["smart", "*/small"]));
    assert_eq!(some.iter().map(|model| model.name).collect::<Vec<_>>(), ["acme/small", "smart"]);
    let allowed = ModelPatterns::new(["acme/seer"]);
    let may = |name: &str| may_use(&allowed, name, &snapshot.target(name).unwrap());
    assert!(may("acme/seer") && may("west/seer-hosted") && may("seer-hosted"));
    assert!(!may("smart"), "an alias may come to mean anything: it is allowed by its own name alone");
    assert!(!may("east/riddle"));
}

#[test]
fn what_is_known_is_gathered_over_the_deployments() {
    let snapshot = snapshot();
    let seer = listed(&snapshot, "acme/seer");
    assert_eq!(seer.first().unwrap().provider.id.as_ref(), "east", "the cheapest is told of");
    assert_eq!((seer.context(), seer.price().unwrap().input.dollars()), (Some(64_000), "0.000001".into()));
    assert_eq!(seer.input().iter().map(Word::word).collect::<Vec<_>>(), ["text", "image"]);
    let takes = |model: Listed<'_>, word: &str| model.parameters().iter().any(|taken| taken.word() == word);
    for word in ["tools", "structured_outputs", "reasoning", "temperature"] {
        assert!(takes(seer, word), "{word}");
    }
    let hosted = seer.deployments().find(|deployment| &*deployment.provider.id == "west").unwrap();
    let words: Vec<_> = hosted.parameters().iter().map(Word::word).collect();
    assert!(words.contains(&"reasoning_effort") && !words.contains(&"temperature"), "{words:?}");
    assert_eq!(
        (seer.author(), seer.canonical(), seer.title()),
        (Some("acme"), Some("acme/seer"), "acme/seer")
    );

    let smart = listed(&snapshot, "smart");
    assert_eq!((smart.canonical(), smart.title(), smart.author()), (None, "smart", None));
    assert_eq!(smart.deployments().count(), 2);
    let riddle = listed(&snapshot, "east/riddle");
    assert_eq!((riddle.price(), riddle.context(), riddle.outputs()), (None, None, vec!["text"]));
    assert_eq!(listed(&snapshot, "acme/vectors").outputs(), ["embeddings"]);
    assert_eq!(listed(&snapshot, "acme/small").title(), "Acme Small");
}

#[test]
fn filters_leave_what_is_known_to_fit() {
    let snapshot = snapshot();
    for (name, value, expected) in [
        ("q", "SEER", &["acme/seer"][..]),
        ("search", "acme small", &["acme/small"]),
        ("supported_parameters", "tools,reasoning", &["acme/seer", "smart"]),
        ("input_modalities", "image", &["acme/seer"]),
        ("output_modalities", "embeddings", &["acme/vectors"]),
        (
            "output_modalities",
            "text,all",
            &["acme/seer", "acme/small", "acme/vectors", "east/riddle", "smart"],
        ),
        ("context", "32000", &["acme/seer", "smart"]),
        ("max_price", "0.1", &["acme/small", "acme/vectors", "smart"]),
        ("min_price", "1", &["acme/seer"]),
        ("min_output_price", "0.4", &["acme/seer", "acme/small", "smart"]),
        ("model_authors", "Acme,other", &["acme/seer", "acme/small", "acme/vectors"]),
        ("providers", "west", &["acme/seer", "smart"]),
        ("zdr", "true", &["acme/seer", "acme/small", "acme/vectors", "east/riddle", "smart"]),
        ("distillable", "true", &["acme/seer", "smart"]),
        ("distillable", "false", &["acme/small", "acme/vectors", "east/riddle"]),
        ("max_age_days", "1000", &[]),
        ("arch", "GPT", &[]),
        ("unheard_of", "x", &["acme/seer", "acme/small", "acme/vectors", "east/riddle", "smart"]),
    ] {
        assert_eq!(names(&snapshot, &[(name, value)]), expected, "{name}={value}");
    }
}

#[test]
fn orders_put_last_what_is_not_known_and_pages_add_up() {
    let snapshot = snapshot();
    for (sort, expected) in [
        ("pricing-low-to-high", ["acme/vectors", "acme/small", "smart", "acme/seer", "east/riddle"]),
        ("pricing-high-to-low", ["acme/seer", "acme/small", "smart", "acme/vectors", "east/riddle"]),
        ("context-high-to-low", ["acme/seer", "smart", "acme/small", "acme/vectors", "east/riddle"]),
    ] {
        assert_eq!(names(&snapshot, &[("sort", sort)]), expected, "{sort}");
        let mut joined = Vec::new();
        let mut offset = Some(0);
        while let Some(start) = offset {
            let page = page(&snapshot, &[("sort", sort), ("limit", "2"), ("offset", &start.to_string())]);
            assert!(page.total == 5 && page.models.len() <= 2);
            joined.extend(page.models.iter().map(|model| model.name));
            offset = page.next.map(|(next, _)| next);
        }
        assert_eq!(joined, expected, "{sort}");
    }
    assert_eq!(names(&snapshot, &[("offset", "999999999999")]), [] as [&str; 0]);
}

#[test]
fn what_cannot_be_read_or_answered_is_refused_by_name() {
    let long = "x".repeat(501);
    for (name, value, expected) in [
        ("supported_parameters", "tools,tols", "\"tols\" is not a parameter; known are max_tokens"),
        ("input_modalities", "smell", "\"smell\" is not an input modality; known are text, image"),
        ("output_modalities", "smell", "is not an output modality; known are text, image, embeddings"),
        ("context", "-1", "is not a whole number"),
        ("context", "99999999999999999999", "is not a whole number"),
        ("max_price", "cheap", "is not an amount of dollars per million tokens"),
        ("min_output_price", "-1", "is not an amount"),
        ("zdr", "yes", "is neither true nor false"),
        ("limit", "0", "must be from 1 to 1000"),
        ("limit", "1001", "must be from 1 to 1000"),
        ("sort", "best", "is no order of models; write one of newest, pricing-low-to-high"),
        ("sort", "top-weekly", "needs measurements that are not kept"),
        ("category", "programming", "cannot be answered here: no categories are known"),
        ("region", "eu", "cannot be answered here: no regions"),
        ("min_coding_index", "1", "cannot be answered here: no benchmarks"),
        ("q", &long, "is longer than 500 bytes"),
    ] {
        let error = ModelQuery::default().set(name, value).unwrap_err();
        assert_eq!(error.parameter, name);
        assert!(error.message.contains(expected), "{name}={value}: {}", error.message);
    }
    assert!(ModelQuery::default().set("sort", "").is_ok(), "nothing is asked for");
}

mod any {
    use super::*;
    use proptest::prelude::*;

    const NAMES: [&str; 22] = [
        "q",
        "supported_parameters",
        "input_modalities",
        "output_modalities",
        "context",
        "min_price",
        "max_price",
        "min_output_price",
        "max_output_price",
        "min_age_days",
        "max_age_days",
        "arch",
        "model_authors",
        "providers",
        "distillable",
        "zdr",
        "sort",
        "offset",
        "limit",
        "category",
        "region",
        "x",
    ];

    proptest! {
        #[test]
        fn query_is_answered_or_refused(
            pairs in prop::collection::vec((0..NAMES.len(), "[a-z0-9.,-]{0,14}|\\PC{0,20}|[0-9]{1,15}"), 0..6),
            now in any::<i64>(),
        ) {
            let snapshot = snapshot();
            let mut query = ModelQuery::default();
            for (name, value) in &pairs {
                if let Err(error) = query.set(NAMES[*name], value) {
                    prop_assert!(error.message.len() < 1000 && error.parameter == NAMES[*name]);
                }
            }
            let page = query.page(snapshot.listed(&ModelPatterns::all()), now);
            prop_assert!(page.models.len() <= page.total && page.total <= 5);
        }
    }
}
