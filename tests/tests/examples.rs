//! Every example runs: the real program with its configuration, its variables set as its README says.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test ends where its ground gives way"
)]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use yumen_testkit::{Client, GatewayBuilder, workspace_root};
use yumen_tests::{CHAT, ask, whole_text};

fn folders() -> Vec<PathBuf> {
    let entries = std::fs::read_dir(workspace_root().join("examples")).unwrap();
    let mut folders: Vec<PathBuf> =
        entries.map(|entry| entry.unwrap().path()).filter(|path| path.is_dir()).collect();
    folders.sort();
    folders
}

/// The variables that the README exports.
fn variables(folder: &Path) -> BTreeMap<String, String> {
    let readme = std::fs::read_to_string(folder.join("README.md")).unwrap();
    let exports = readme.lines().filter_map(|line| line.strip_prefix("export ")?.split_once('='));
    exports.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

/// The secret of the first key: `${NAME}` or `${NAME:-default}`.
fn first_key(config: &str, variables: &BTreeMap<String, String>) -> String {
    let keys = config.split_once("\nkeys:").expect("keys").1;
    let reference = keys.split_once("secret: \"${").expect("a secret").1.split_once('}').expect("its end").0;
    let (name, default) = reference.split_once(":-").unwrap_or((reference, ""));
    let secret = variables.get(name).map_or(default, String::as_str);
    assert!(!secret.is_empty(), "the README does not export {name}");
    secret.to_owned()
}

#[tokio::test]
async fn every_example_starts_and_lists_its_models() {
    let folders = folders();
    assert!(folders.len() >= 5, "{folders:?}");
    for folder in folders {
        let variables = variables(&folder);
        let mut config = std::fs::read_to_string(folder.join("yumen.yaml")).unwrap();
        let key = first_key(&config, &variables);
        // Tests run beside each other, so no port is fixed; all else stays as it is written.
        config = config.replace("127.0.0.1:8081", "127.0.0.1:0");
        if !config.contains("\nadmin:") {
            config.push_str("admin: { listen: \"127.0.0.1:0\" }\n");
        }
        let mut builder = GatewayBuilder::new(&config).argument("--listen").argument("127.0.0.1:0");
        for (name, value) in &variables {
            builder = builder.environment(name, value);
        }
        let gateway = builder.start().await;
        let client = Client::new(gateway.address()).key(&key);
        let shown = folder.display();
        let models = client.get("/v1/models").await.expect_status(200).json();
        assert!(!models["data"].as_array().expect("a list").is_empty(), "{shown}");
        gateway.anonymous().get("/v1/models").await.expect_status(401);
        if folder.ends_with("demo") {
            let answer = client.post(CHAT, &ask("demo/echo")).await.expect_status(200);
            assert!(whole_text(&answer).contains("What is it?"), "{}", answer.text());
        }
    }
}
