//! Every example is checked against the built-in catalogue, with the variables that its README exports.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test's own functions")]

use std::collections::HashMap;
use std::path::Path;

use yumen_config::{Checked, KeyHasher, parse_and_check};
use yumen_llm::catalogue::Catalogue;

fn check(folder: &Path) -> Checked {
    let readme = std::fs::read_to_string(folder.join("README.md")).unwrap();
    let exports = readme.lines().filter_map(|line| line.strip_prefix("export ")?.split_once('='));
    let variables: HashMap<&str, &str> = exports.collect();
    let env = |name: &str| variables.get(name).map(|value| (*value).to_owned());
    let text = std::fs::read_to_string(folder.join("yumen.yaml")).unwrap();
    let catalogue = Catalogue::builtin().unwrap();
    parse_and_check(
        &text,
        "yumen.yaml",
        &env,
        &|_| Err("no files".to_owned()),
        &catalogue,
        &KeyHasher::new([1; 32]),
        None,
    )
}

fn folders() -> Vec<std::path::PathBuf> {
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples");
    let entries = std::fs::read_dir(examples).unwrap().map(|entry| entry.unwrap().path());
    entries.filter(|path| path.is_dir()).collect()
}

#[test]
fn every_example_is_clean() {
    let folders = folders();
    assert!(folders.len() >= 5);
    for folder in folders {
        let said: Vec<_> = check(&folder).diagnostics.iter().map(ToString::to_string).collect();
        assert!(said.is_empty(), "{}:\n{}", folder.display(), said.join("\n"));
    }
}

#[test]
fn examples_do_what_their_readme_says() {
    let folders = folders();
    let target = |example: &str, name: &str| {
        let folder = folders.iter().find(|folder| folder.ends_with(example)).unwrap();
        let target = check(folder).snapshot.unwrap().target(name);
        target.unwrap_or_else(|| panic!("{example}: {name}"))
    };
    let providers = |example: &str, name: &str| -> Vec<String> {
        let target = target(example, name);
        let deployments = target.deployments.items().iter().chain(&target.fallbacks);
        deployments.map(|deployment| deployment.provider.id.to_string()).collect()
    };
    assert_eq!(providers("demo", "demo/echo"), ["demo"]);
    assert_eq!(providers("openai-and-anthropic", "anthropic/claude-sonnet-4.5"), ["anthropic"]);
    assert_eq!(providers("openai-and-anthropic", "gpt-4o-mini"), ["openai"]);
    assert_eq!(providers("self-hosted-vllm", "qwen/qwen3-8b"), ["vllm-1", "vllm-2"]);
    assert_eq!(providers("self-hosted-vllm", "lab/any-model-id"), ["lab"]);
    assert_eq!(providers("price-routing", "llama"), ["openrouter", "deepinfra", "together"]);
    assert_eq!(providers("failover", "claude"), ["anthropic", "openai"]);
    assert_eq!(providers("aliases-and-fallbacks", "smart"), ["anthropic", "openai", "my-vllm", "openai"]);
}
