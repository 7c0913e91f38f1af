//! What a Snapshot answers: model names, keys, providers found in the environment, and what a reload keeps.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test's own functions")]

mod catalogue;

use catalogue::{catalogue, environment, files, hasher};
use yumen_config::{
    Checked, ModelPatterns, ModelTarget, Proof, Scheme, Snapshot, TargetKind, from_environment,
    parse_and_check,
};
use yumen_llm::dialects::{Dialect, Thinking};
use yumen_llm::price::PerToken;

fn check(text: &str, previous: Option<&Snapshot>) -> Checked {
    parse_and_check(text, "yumen.yaml", &environment, &files, &catalogue(), &hasher(), previous)
}

fn snapshot(text: &str) -> Snapshot {
    let checked = check(text, None);
    assert!(!checked.has_errors(), "{:?}", checked.diagnostics);
    checked.snapshot.unwrap()
}

/// A target as `kind: deployments | fallbacks`.
fn shown(target: Option<&ModelTarget>) -> String {
    let Some(target) = target else { return "nothing".to_owned() };
    let called = |deployment: &yumen_config::Deployment| {
        format!("{}/{}", deployment.provider.id, deployment.model.native_id)
    };
    let first: Vec<_> = target.deployments.items().iter().map(called).collect();
    let then: Vec<_> = target.fallbacks.iter().map(called).collect();
    format!("{:?}: {} | {}", target.kind, first.join(" "), then.join(" "))
}

/// Name and value of a header that is ready to be sent.
fn header(proof: &Proof) -> (&str, &str) {
    let Proof::Header { name, value } = proof else { panic!("{proof:?}") };
    assert!(value.is_sensitive());
    (name.as_str(), value.to_str().unwrap())
}

const TWO_OPENAI: &str = r#"
providers:
  openai:
  second: { type: openai, credentials: [{ secret: other-secret }], models: { only-here: {} } }
  anthropic: { credentials: [{ secret: "${KEY_1}" }] }
models:
  openai/gpt-4o-mini: { deployments: [{ provider: second, model: only-here }] }
"#;

#[test]
fn names_are_looked_up_in_order() {
    let snapshot = snapshot(TWO_OPENAI);
    for (name, expected) in [
        ("openai/gpt-4o-mini", "Alias: second/only-here | "),
        ("openai/gpt-4o", "Canonical: openai/gpt-4o second/gpt-4o | "),
        ("second/gpt-4o", "Qualified: second/gpt-4o | "),
        ("second/gpt-4o-latest", "Qualified: second/gpt-4o | "),
        ("only-here", "Native: second/only-here | "),
        ("claude-sonnet-4.5", "Native: anthropic/claude-sonnet-4-5 | "),
        ("anthropic/claude-sonnet-4.5", "Canonical: anthropic/claude-sonnet-4-5 | "),
        ("gpt-4o", "nothing"),
        ("openai/not/listed", "Qualified: openai/not/listed | "),
        ("openai/", "nothing"),
        ("openai/a\nb", "nothing"),
        ("nobody/gpt-4o", "nothing"),
        ("", "nothing"),
    ] {
        assert_eq!(shown(snapshot.target(name).as_deref()), expected, "{name}");
    }
    assert!(snapshot.target(&format!("openai/{}", "x".repeat(300))).is_none());
    let unlisted = snapshot.target("openai/with\"quote").unwrap();
    let model = &unlisted.deployments.items()[0].model;
    assert_eq!(&model.native_json[..], br#""with\"quote""#);
}

#[test]
fn deployments_may_be_written_as_one_text() {
    let text = TWO_OPENAI
        .replace("[{ provider: second, model: only-here }]", "[ second/only-here, openai/with/slash ]");
    let target = snapshot(&text).target("openai/gpt-4o-mini").unwrap();
    assert_eq!(shown(Some(&*target)), "Alias: second/only-here openai/with/slash | ");
}

#[test]
fn servers_that_are_told_by_their_url_are_called_as_the_entry_is() {
    let text = "providers:\n  mine: { type: openai-compatible, base_url: \"http://127.0.0.1:1/v1\", discovery: off }\n  \
                named: { type: openai-compatible, name: Ours, base_url: \"http://127.0.0.1:2/v1\", discovery: off }\n  \
                claude: { type: anthropic, credentials: [{ secret: s }] }\n";
    let snapshot = snapshot(text);
    let called = ["mine", "named", "claude"].map(|id| snapshot.providers[id].name.to_string());
    assert_eq!(called, ["mine", "Ours", "Anthropic"]);
}

#[test]
fn equal_turns_are_taken_between_the_providers_of_a_model() {
    let snapshot = snapshot(TWO_OPENAI);
    let target = snapshot.target("openai/gpt-4o").unwrap();
    let first = || target.deployments.turn().next().unwrap().provider.id.to_string();
    assert_eq!([first(), first(), first()], ["openai", "second", "openai"]);
}

#[test]
fn near_names_are_those_that_are_allowed() {
    let snapshot = snapshot(TWO_OPENAI);
    let near = snapshot.near_names("openai/gpt4o", &ModelPatterns::all());
    assert_eq!(near.first().map(|name| &**name), Some("openai/gpt-4o"));
    assert!(near.len() <= 3);
    let near = snapshot.near_names("openai/gpt4o", &ModelPatterns::new(["anthropic/*"]));
    assert!(near.iter().all(|name| name.starts_with("anthropic/")), "{near:?}");
    assert!(snapshot.near_names("openai/gpt-4o", &ModelPatterns::default()).is_empty());
}

#[test]
fn a_provider_is_its_definition_with_the_entry_in_place_of_it() {
    let good =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/check/good.yaml")).unwrap();
    let snapshot = snapshot(&good);
    let claude = &snapshot.providers["claude"];
    assert_eq!((&*claude.kind, &*claude.name), ("anthropic", "Claude"));
    let headers: Vec<_> =
        claude.headers.iter().map(|(name, value)| (name.as_str(), value.is_sensitive())).collect();
    assert_eq!(headers, [("anthropic-version", false), ("x-team", true)]);
    let labels: Vec<_> = claude.credentials.items().iter().map(|credential| &*credential.label).collect();
    assert_eq!(labels, ["main", "#2"]);
    assert_eq!(header(&claude.credentials.items()[1].proof), ("x-api-key", "sk-hidden-literal"));
    assert_eq!(claude.timeouts.total.as_secs(), 60);

    let vllm = &snapshot.providers["my-vllm"];
    let endpoint = &vllm.endpoints[&Dialect::OpenAiChat];
    assert_eq!((endpoint.scheme, &*endpoint.host, endpoint.port), (Scheme::Http, "127.0.0.1", 8000));
    assert_eq!(endpoint.path.for_model("m").unwrap(), "/v1/chat/completions");
    let embeddings = &vllm.endpoints[&Dialect::OpenAiEmbeddings];
    assert_eq!((embeddings.port, embeddings.path.for_model("m").unwrap().as_str()), (8001, "/embed"));
    let model = &vllm.models["qwen3:32b"];
    assert_eq!((model.canonical_id.as_deref(), model.context), (Some("qwen/qwen3-32b"), Some(32768)));
    let thinks = |name: &str| vllm.models[name].thinking;
    assert_eq!((thinks("qwen3:32b"), thinks("qwen3-8b")), (Thinking::Always, Thinking::Budget));
    let price = model.price.unwrap();
    assert_eq!((price.input, price.output), (PerToken(100_000_000), PerToken(250_000_000)));
    assert_eq!(price.cache_read, Some(PerToken(10_000_000)));
    assert_eq!(price.long.map(|long| (long.above, long.output)), Some((1000, PerToken(2_000_000_000))));

    assert_eq!(claude.models["claude-sonnet-4-5"].thinking, Thinking::Adaptive, "from the definition");
    let openai = &snapshot.providers["openai"];
    let from_the_usual_variable = header(&openai.credentials.items()[0].proof);
    assert_eq!(from_the_usual_variable, ("authorization", "Bearer sk-proj-hidden-1"));
    assert_eq!(snapshot.gateway.listen, "127.0.0.1:9000");
    assert_eq!((snapshot.gateway.max_body_bytes, snapshot.gateway.drain.as_millis()), (1_048_576, 0));

    let key = snapshot.keys.get(&hasher().hash("sk-proj-hidden-1")).unwrap();
    assert_eq!((&*key.id, key.expires_at, key.disabled), ("file:night", Some(1_801_353_600), true));
    assert!(key.models.allows("openai/gpt-4o") && !key.models.allows("cheap"));
}

#[test]
fn another_base_url_never_sends_to_the_old_host() {
    let snapshot = snapshot(
        "providers: { two-bases: { base_url: 'https://proxy.example/v1', credentials: [{ secret: abc }] } }",
    );
    let endpoints = &snapshot.providers["two-bases"].endpoints;
    let hosts: Vec<_> = endpoints.values().map(|endpoint| &*endpoint.host).collect();
    assert_eq!(hosts, ["proxy.example"]);
}

#[test]
fn a_reload_keeps_what_became_bad_and_takes_the_rest() {
    let before =
        snapshot("providers: { openai: , my: { type: openai-compatible, base_url: 'http://a/v1' } }");
    let after = "providers: { openai: { base_ur: x }, new: { bad: 1 }, my: { type: openai-compatible, base_url: 'http://b/v1' } }";
    let checked = check(after, Some(&before));
    assert!(checked.has_errors());
    let after = checked.snapshot.unwrap();
    let host =
        |snapshot: &Snapshot| snapshot.providers["my"].endpoints[&Dialect::OpenAiChat].host.to_string();
    assert_eq!((host(&before).as_str(), host(&after).as_str()), ("a", "b"));
    assert!(std::sync::Arc::ptr_eq(&before.providers["openai"], &after.providers["openai"]));
    assert!(!after.providers.contains_key("new"));
    assert!(after.target("openai/gpt-4o").is_some());
    assert!(check("gateway: { listen: 1 }", Some(&before)).snapshot.is_none());
    let ids = |snapshot: &Snapshot| snapshot.providers["openai"].credentials.items()[0].id;
    assert_eq!(ids(&before), ids(&snapshot_of_openai()), "a credential's id survives a reload");
}

fn snapshot_of_openai() -> Snapshot {
    snapshot("providers: { openai: { name: Other } }")
}

#[test]
fn the_name_of_a_bad_alias_stands_for_nothing() {
    let checked = check(
        "providers: { openai: }\nmodels: { openai/gpt-4o: { deploymens: [] }, gpt-4o: 1, openai/x: { deployments: [{}] } }",
        None,
    );
    let snapshot = checked.snapshot.unwrap();
    for name in ["openai/gpt-4o", "gpt-4o", "openai/x"] {
        assert!(snapshot.target(name).is_none(), "{name}");
    }
    assert!(snapshot.target("gpt-4o-mini").is_some());
}

#[test]
fn without_a_file_providers_come_from_the_environment() {
    let (found, diagnostics) = from_environment(&environment, &files, &catalogue(), false);
    assert_eq!(diagnostics, []);
    assert_eq!(found.providers.keys().map(|name| &**name).collect::<Vec<_>>(), ["openai"]);
    assert_eq!(found.gateway.listen, "127.0.0.1:8080");
    assert!(found.keys.is_empty());

    let newline = |name: &str| (name == "OPENAI_API_KEY").then(|| "sk-hidden-literal\n".to_owned());
    let (found, diagnostics) = from_environment(&newline, &files, &catalogue(), true);
    assert_eq!(diagnostics.len(), 1);
    let said = diagnostics[0].to_string();
    assert!(said.starts_with("environment: error: providers.openai.secret has white space"), "{said}");
    assert!(!said.contains("hidden"));
    assert_eq!(shown(found.target("echo").as_deref()), "Native: demo/echo | ");
    assert_eq!(found.providers["demo"].endpoints[&Dialect::OpenAiChat].scheme, Scheme::Builtin);
}

#[test]
fn the_demo_provider_is_added_to_a_file_and_never_replaces_an_entry() {
    let plain = snapshot("providers: { openai: }");
    assert!(plain.target("demo/echo").is_none());
    let with = plain.with_demo(&catalogue());
    assert!(with.target("demo/echo").is_some() && with.target("gpt-4o").is_some());
    let own = snapshot("providers: { demo: { type: openai } }");
    assert_eq!(&*own.with_demo(&catalogue()).providers["demo"].kind, "openai");
    let alias = snapshot(
        "providers: { openai: }\nmodels: { echo: { deployments: [{ provider: openai, model: gpt-4o }] } }",
    );
    let target = alias.with_demo(&catalogue()).target("echo").unwrap();
    assert_eq!(target.kind, TargetKind::Alias);
}

#[test]
fn other_keys_leave_everything_else_shared() {
    let snapshot = snapshot("providers: { openai: }\nkeys: [{ name: a, secret: sk-hidden-literal-a }]");
    let hash = hasher().hash("sk-hidden-literal-a");
    let without = snapshot.with_keys(snapshot.keys.with(hash, None));
    assert!(snapshot.keys.get(&hash).is_some() && without.keys.get(&hash).is_none());
    assert!(std::sync::Arc::ptr_eq(&snapshot.models, &without.models));
}
