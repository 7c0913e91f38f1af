//! Command-line agents: the commands of their pages, once for words and once for an errand with a tool of theirs.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use yumen_tests::{PROVIDERS, TEXT, install};

use crate::trial::{SECRET_OF_THE_GATE, Trial, installed, node_version, python_version};

/// Three programs from one folder, installed by whoever comes first.
fn node_programs() -> &'static Result<PathBuf, String> {
    static FOLDER: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    FOLDER.get_or_init(|| install::node("agents/node"))
}

/// Has a program read `gate.txt` with its own tool, from providers of every dialect.
async fn reads_a_file(trial: &Trial, order: &str, programs: &Path, settle: impl Fn(&str)) {
    for provider in PROVIDERS {
        let model = Trial::model(provider);
        settle(&model);
        let said = trial.shell(order, &model, programs, &[]).await;
        assert!(said.contains("The tool said:") && said.contains(SECRET_OF_THE_GATE), "{provider}: {said}");
        trial.expect_records(&model).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn claude_code() {
    let program = "Claude Code";
    let folder = installed(program, tokio::task::spawn_blocking(node_programs).await.unwrap());
    let trial = Trial::begin(program, "claude-code.md").await;
    let programs = own_claude(&folder);
    let said = trial.shell("What is it?", "fake-anthropic/fake-thinking", &programs, &[]).await;
    assert_eq!(said.trim(), TEXT);
    trial.expect_records("fake-anthropic/fake-thinking").await;
    let file = trial.work().join("gate.txt");
    let order = format!("Use the tool Read with {{\"file_path\":\"{}\"}}", file.display());
    reads_a_file(&trial, &order, &programs, |_| {}).await;
    let version = node_version(&folder, "@anthropic-ai/claude-code");
    trial.ran(&version, "claude_code", "words, thoughts, its tool Read");
}

/// A folder with `claude` in it. The package's own link to its program is made by a script of the package's, which is
/// not run; the program itself is in a package of its own for each platform.
fn own_claude(folder: &Path) -> PathBuf {
    let packages = std::fs::read_dir(folder.join("node_modules/@anthropic-ai")).unwrap();
    let mut folders = packages.map(|entry| entry.unwrap().path());
    folders.find(|folder| folder.join("claude").is_file()).unwrap_or_else(|| {
        panic!("@anthropic-ai/claude-code has no program for this platform");
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn codex() {
    let program = "Codex CLI";
    let folder = installed(program, tokio::task::spawn_blocking(node_programs).await.unwrap());
    let trial = Trial::begin(program, "codex.md").await;
    let programs = folder.join("node_modules/.bin");
    let settle = |model: &str| trial.settle(".codex/config.toml", "toml", model);
    settle("fake-responses/fake-thinking");
    let said = trial.shell("What is it?", "smart", &programs, &[]).await;
    assert_eq!(said.trim(), TEXT);
    trial.expect_records("fake-responses/fake-thinking").await;
    let order = "Use the tool exec_command with {\"cmd\":\"cat gate.txt\"}";
    reads_a_file(&trial, order, &programs, settle).await;
    calls_an_mcp_tool(&trial, &programs).await;
    let what = "words, thoughts, its tool exec_command, a tool of an MCP server";
    trial.ran(&node_version(&folder, "@openai/codex"), "codex", what);
}

/// Codex says tools of MCP servers in a namespace each, which Responses alone has. There they pass through as they are,
/// and the fake upstream would have to know of them; elsewhere the gateway must say them in another way and back.
async fn calls_an_mcp_tool(trial: &Trial, programs: &Path) {
    let server = trial.work().join("gate.mjs");
    std::fs::write(&server, include_str!("gate.mjs")).unwrap();
    let more = format!("\n[mcp_servers.gate]\ncommand = \"node\"\nargs = [\"{}\"]\n", server.display());
    let order = "Use the tool mcp__gate__weather with {\"city\":\"Dunhuang\"}";
    for provider in PROVIDERS.into_iter().filter(|provider| *provider != "fake-responses") {
        let model = Trial::model(provider);
        trial.settle_with(".codex/config.toml", "toml", &model, &more);
        let said = trial.shell(order, &model, programs, &[]).await;
        assert!(
            said.contains("The tool said:") && said.contains("21 degrees in Dunhuang"),
            "{provider}: {said}"
        );
        trial.expect_records(&model).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn gemini_cli() {
    let program = "Gemini CLI";
    let folder = installed(program, tokio::task::spawn_blocking(node_programs).await.unwrap());
    let trial = Trial::begin(program, "gemini-cli.md").await;
    let programs = folder.join("node_modules/.bin");
    trial.settle(".gemini/settings.json", "json", "smart");
    let said = trial.shell("What is it?", "fake-gemini/fake-thinking", &programs, &[]).await;
    assert_eq!(said.trim(), TEXT);
    trial.expect_records("fake-gemini/fake-thinking").await;
    let order = "Use the tool read_file with {\"file_path\":\"gate.txt\"}";
    reads_a_file(&trial, order, &programs, |_| {}).await;
    trial.ran(
        &node_version(&folder, "@google/gemini-cli"),
        "gemini_cli",
        "words, thoughts, its tool read_file",
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn aider() {
    let program = "Aider";
    let set = "agents/aider";
    let folder = tokio::task::spawn_blocking(move || install::python(set)).await.unwrap();
    let folder = installed(program, &folder);
    let trial = Trial::begin(program, "aider.md").await;
    // No questions at a terminal, and nothing asked of other servers than ours.
    let extra = [
        ("AIDER_YES_ALWAYS", "true"),
        ("AIDER_CHECK_UPDATE", "false"),
        ("AIDER_ANALYTICS", "false"),
        ("AIDER_SHOW_MODEL_WARNINGS", "false"),
        ("AIDER_PRETTY", "false"),
        ("LITELLM_LOCAL_MODEL_COST_MAP", "True"),
    ];
    let programs = folder.join("venv/bin");
    for provider in PROVIDERS {
        let words = trial.shell("What is it?", &Trial::model(provider), &programs, &extra).await;
        assert!(words.contains(TEXT), "{provider}: {words}");
        // Its own loop: the model answers with a file, Aider writes and commits it.
        let order = format!("Say \"{provider}.txt\\n```\\nThe gate of {provider}.\\n```\\n\"");
        trial.shell(&order, &Trial::model(provider), &programs, &extra).await;
        let written = std::fs::read_to_string(trial.work().join(format!("{provider}.txt"))).unwrap();
        assert_eq!(written.trim(), format!("The gate of {provider}."));
        trial.expect_records(&Trial::model(provider)).await;
    }
    trial.ran(&python_version(set, "aider-chat"), "aider", "words, an edited file");
}
