//! The official client libraries against the gateway in front of the fake upstreams.
//!
//! The libraries are pinned in `tests/clients/` and installed once into `target/clients/`.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test ends where its ground gives way")]

use std::path::{Path, PathBuf};
use std::process::Command;

use yumen_testkit::{Gateway, KEY, Upstream, standard_config};
use yumen_tests::{FakeFiles, FakeResponses, FakeVideos, install};

/// Providers that keep responses themselves.
const KEEPING: [&str; 2] = ["keeping-a", "keeping-b"];
const MORE_CONFIG: &str = r#"  - { name: narrow, secret: "sk-yu-narrow-0123456789abcdefghijklmn", models: [smart] }
  - { name: slow, secret: "sk-yu-slow-0123456789abcdefghijklmnop", models: ["*"], requests_per_minute: 1 }
  - { name: filing, secret: "sk-yu-filing-0123456789abcdefghijklmn", access: [files] }
files: { provider: fake-openai }
models:
  smart:
    deployments: [ { provider: fake-openai, model: fake-chat } ]
  smart-voice:
    deployments: [ { provider: fake-openai, model: fake-chat } ]
  keeping:
    deployments: [ { provider: keeping-a, model: one }, { provider: keeping-b, model: one } ]
"#;

#[tokio::test(flavor = "multi_thread")]
async fn python_clients() {
    let folder = tokio::task::spawn_blocking(|| install::python("python")).await.unwrap();
    let mut command = install::python_in(&folder.unwrap_or_else(|reason| panic!("{reason}")));
    command
        .args(["-m", "pytest", "-q", "-p", "no:cacheprovider", "--tb=short", "--maxfail=20"])
        .arg(install::source("python"));
    run_against_gateway(command).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn node_clients() {
    let folder = tokio::task::spawn_blocking(prepare_node).await.unwrap();
    let mut command = Command::new("node");
    command.args(["--test", "--test-concurrency=1"]).current_dir(&folder);
    command.args(modules(&folder).filter(|name| name.ends_with(".test.mjs")));
    run_against_gateway(command).await;
}

async fn run_against_gateway(mut command: Command) {
    let upstream = Upstream::start().await;
    let files = FakeFiles::default();
    let videos = FakeVideos::default();
    let keeping = KEEPING.map(|name| (format!("/{name}/v1"), FakeResponses::default()));
    let bases = upstream.plain_base();
    upstream.script(move |request| {
        let mut kept = keeping.iter().filter_map(|(base, kept)| kept.answer_below(base, request));
        files.answer(request).or_else(|| videos.answer(request)).or_else(|| kept.next())
    });
    let providers = KEEPING.map(|name| {
        format!(
            "  {name}: {{ type: openai-compatible, discovery: off, base_url: \"{bases}/{name}/v1\", \
             dialects: {{ openai_responses: {{ path: /responses }} }}, credentials: [ {{ secret: {name}-secret }} ] }}\n"
        )
    });
    let config = standard_config(&upstream)
        .replace("models: [\"*\"] }", "models: [\"*\"], access: [files] }")
        .replace("providers:\n", &format!("providers:\n{}", providers.concat()));
    let gateway = Gateway::start(&(config + MORE_CONFIG)).await;
    command
        .env("YUMEN_URL", gateway.url())
        .env("YUMEN_KEY", KEY)
        .env("YUMEN_UPSTREAM", upstream.plain_base())
        .env("NO_PROXY", "*");
    let output = tokio::task::spawn_blocking(move || command.output()).await.unwrap().unwrap();
    assert!(
        output.status.success(),
        "{}\n{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}

/// The pinned packages with this checkout's test modules beside them.
fn prepare_node() -> PathBuf {
    let folder = install::node("node").unwrap_or_else(|reason| panic!("{reason}"));
    // Those of an older checkout are gone.
    modules(&folder).for_each(|name| std::fs::remove_file(folder.join(name)).unwrap());
    for name in modules(&install::source("node")) {
        std::fs::copy(install::source("node").join(&name), folder.join(&name)).unwrap();
    }
    folder
}

/// The names of the test modules in a folder.
fn modules(folder: &Path) -> impl Iterator<Item = String> {
    let names =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = names.filter(|name| name.ends_with(".mjs")).collect();
    names.sort();
    names.into_iter()
}
