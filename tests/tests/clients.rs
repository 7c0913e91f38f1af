//! The official client libraries against the gateway in front of the fake upstreams.
//!
//! The libraries are pinned in `tests/clients/` and installed once into `target/clients/`.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test ends where its ground gives way")]

use std::path::{Path, PathBuf};
use std::process::Command;

use yumen_testkit::{Gateway, KEY, Upstream, standard_config, workspace_root};
use yumen_tests::FakeFiles;

const MORE_CONFIG: &str = r#"  - { name: narrow, secret: "sk-yu-narrow-0123456789abcdefghijklmn", models: [smart] }
  - { name: slow, secret: "sk-yu-slow-0123456789abcdefghijklmnop", models: ["*"], requests_per_minute: 1 }
  - { name: filing, secret: "sk-yu-filing-0123456789abcdefghijklmn", access: [files] }
files: { provider: fake-openai }
models:
  smart:
    deployments: [ { provider: fake-openai, model: fake-chat } ]
"#;

#[tokio::test(flavor = "multi_thread")]
async fn python_clients() {
    let folder = tokio::task::spawn_blocking(prepare_python).await.unwrap();
    let mut command = Command::new(python_of(&folder));
    command
        .args(["-m", "pytest", "-q", "-p", "no:cacheprovider", "--tb=short", "--maxfail=20"])
        .arg(source("python"))
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env("PYTHONPATH", folder.join("packages"));
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
    upstream.script(move |request| files.answer(request));
    let config =
        standard_config(&upstream).replace("models: [\"*\"] }", "models: [\"*\"], access: [files] }");
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

/// A virtual environment with the pinned libraries; where the system's Python cannot make one, a folder of packages.
fn prepare_python() -> PathBuf {
    let folder = target("python");
    let requirements = source("python/requirements.txt");
    let version = said(
        Command::new("python3").arg("--version"),
        "python3 is missing: apt-get install python3 python3-venv",
    );
    let stamp = version + &std::fs::read_to_string(&requirements).unwrap();
    once(&folder, &stamp, || {
        if succeeds(Command::new("python3").args(["-c", "import venv, ensurepip"])) {
            run(Command::new("python3").args(["-m", "venv"]).arg(folder.join("venv")));
            run(Command::new(python_of(&folder))
                .args(["-m", "pip", "install", "-q", "-r"])
                .arg(&requirements));
        } else {
            let hint = "neither venv nor pip is there for python3: apt-get install python3-venv";
            said(Command::new("python3").args(["-m", "pip", "--version"]), hint);
            let mut install = Command::new("python3");
            install.args(["-m", "pip", "install", "-q", "--target"]).arg(folder.join("packages"));
            run(install.arg("-r").arg(&requirements));
        }
    });
    folder
}

fn python_of(folder: &Path) -> PathBuf {
    let own = folder.join("venv/bin/python");
    if own.exists() { own } else { PathBuf::from("python3") }
}

fn prepare_node() -> PathBuf {
    let folder = target("node");
    let version = said(Command::new("node").arg("--version"), "node is missing: apt-get install nodejs npm");
    let stamp = version + &std::fs::read_to_string(source("node/package-lock.json")).unwrap();
    once(&folder, &stamp, || {
        for name in ["package.json", "package-lock.json", ".npmrc"] {
            std::fs::copy(source("node").join(name), folder.join(name)).unwrap();
        }
        run(Command::new("npm").args(["ci", "--ignore-scripts"]).current_dir(&folder));
    });
    // Those of an older checkout are gone.
    modules(&folder).for_each(|name| std::fs::remove_file(folder.join(name)).unwrap());
    for name in modules(&source("node")) {
        std::fs::copy(source("node").join(&name), folder.join(&name)).unwrap();
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

/// Does the work unless it was done for this stamp before; what was left half done is begun anew.
fn once(folder: &Path, stamp: &str, work: impl FnOnce()) {
    let file = folder.join("stamp");
    if std::fs::read_to_string(&file).is_ok_and(|old| old == stamp) {
        return;
    }
    if folder.exists() {
        std::fs::remove_dir_all(folder).unwrap();
    }
    std::fs::create_dir_all(folder).unwrap();
    work();
    std::fs::write(file, stamp).unwrap();
}

fn source(name: &str) -> PathBuf {
    workspace_root().join("tests/clients").join(name)
}

fn target(name: &str) -> PathBuf {
    let program = yumen_testkit::yumen_program();
    program.ancestors().nth(2).unwrap().join("clients").join(name)
}

fn succeeds(command: &mut Command) -> bool {
    command.output().is_ok_and(|output| output.status.success())
}

fn said(command: &mut Command, hint: &str) -> String {
    match command.output() {
        Ok(output) if output.status.success() => String::from_utf8_lossy(&output.stdout).into_owned(),
        _ => panic!("{hint}"),
    }
}

fn run(command: &mut Command) {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let words = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "{command:?} failed:\n{}\n{words}",
        String::from_utf8_lossy(&output.stdout)
    );
}
