//! A newer catalogue in a file: what it takes to be taken, and what a running server makes of it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test ends where its ground gives way"
)]

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use yumen_testkit::{Gateway, KEY, RunOutput, eventually};

fn config() -> String {
    format!(
        "gateway: {{ listen: \"127.0.0.1:0\" }}\nadmin: {{ listen: \"127.0.0.1:0\" }}\n\
         providers: {{ deepseek: {{ credentials: [{{ secret: s }}] }} }}\n\
         keys:\n  - {{ name: test, secret: \"{KEY}\", models: [\"*\"] }}\n"
    )
}

/// What the gateway's catalogue says, in which DeepSeek offers what Groq does.
async fn other_catalogue(gateway: &Gateway, made: &str) -> (PathBuf, String) {
    let file = gateway.data_dir().join("newer.json");
    let out = gateway.run(&["catalogue", "export", "--out", &file.display().to_string()]).await;
    assert!(out.code == 0, "{}", out.stderr);
    let mut catalogue: Value = serde_json::from_str(&fs::read_to_string(&file).unwrap()).unwrap();
    catalogue["models"]["deepseek"] = catalogue["models"]["groq"].clone();
    catalogue["models"]["nobody"] = catalogue["models"]["groq"].clone();
    catalogue["made"] = made.into();
    fs::write(&file, catalogue.to_string()).unwrap();
    let said = update(gateway, &file, &["--dry-run"]).await;
    let sha256 = said.stdout.split_once("SHA-256 ").unwrap().1.get(..64).unwrap().to_owned();
    (file, sha256)
}

async fn update(gateway: &Gateway, file: &Path, more: &[&str]) -> RunOutput {
    let file = file.display().to_string();
    let arguments: Vec<&str> =
        ["catalogue", "update", &file].into_iter().chain(more.iter().copied()).collect();
    gateway.run(&arguments).await
}

async fn models(gateway: &Gateway) -> String {
    gateway.client().get("/v1/models").await.expect_status(200).text()
}

/// Waits until a running server offers a model, or does not.
async fn until(gateway: &Gateway, model: &str, is_offered: bool) {
    eventually("the server takes what was approved", async || {
        (models(gateway).await.contains(model) == is_offered).then_some(())
    })
    .await;
}

const GROQS: &str = "openai/gpt-oss-20b";

#[tokio::test]
async fn an_approved_catalogue_reaches_a_running_server_and_leaves_again() {
    let gateway = Gateway::start(&config()).await;
    assert!(!models(&gateway).await.contains(GROQS));
    let (file, sha256) = other_catalogue(&gateway, "2100-01-01").await;
    let told = update(&gateway, &file, &["--dry-run", "--verbose"]).await;
    for part in ["offers added", "added", "removed", "does not know such providers: nobody", &*sha256] {
        assert!(told.stdout.contains(part), "{part}: {}", told.stdout);
    }
    assert!(!models(&gateway).await.contains(GROQS), "a dry run changes nothing");

    let taken = update(&gateway, &file, &["--sha256", &sha256]).await;
    assert!(taken.code == 0, "{}", taken.stderr);
    until(&gateway, GROQS, true).await;
    let shown = gateway.run(&["catalogue", "show"]).await;
    assert!(shown.stdout.contains(&sha256) && shown.stdout.contains("2100-01-01"), "{}", shown.stdout);
    let path = gateway.config_path().display().to_string();
    let listed = gateway.run(&["models", "--no-discovery", "gpt-oss-20b", "--config", &path]).await;
    assert!(listed.stdout.contains(GROQS), "{}{}", listed.stdout, listed.stderr);

    // A file that was changed in its place is not taken, and the server goes on with what it has.
    let kept = gateway.data_dir().join("catalogue").join(format!("{sha256}.json"));
    fs::write(&kept, "{}").unwrap();
    let shown = gateway.run(&["catalogue", "show"]).await;
    assert!(shown.stderr.contains("not what was approved"), "{}", shown.stderr);
    assert!(models(&gateway).await.contains(GROQS));
    let reset = gateway.run(&["catalogue", "reset"]).await;
    assert!(reset.code == 0, "{}", reset.stderr);
    until(&gateway, GROQS, false).await;
}

#[tokio::test]
async fn what_nobody_approves_or_cannot_be_right_is_not_taken() {
    let gateway = Gateway::start(&config()).await;
    let (file, sha256) = other_catalogue(&gateway, "2100-01-01").await;
    let wrong = "0".repeat(64);
    for (arguments, said) in [(&[][..], "nobody has approved it"), (&["--sha256", &wrong][..], &*sha256)] {
        let refused = update(&gateway, &file, arguments).await;
        assert!(refused.code != 0 && refused.stderr.contains(said), "{said}: {}", refused.stderr);
    }
    let old = gateway.data_dir().join("old.json");
    fs::write(&old, fs::read_to_string(&file).unwrap().replace("2100-01-01", "2020-01-01")).unwrap();
    let refused = update(&gateway, &old, &["--yes"]).await;
    assert!(refused.stderr.contains("older than the one that is built in"), "{}", refused.stderr);
    let broken = gateway.data_dir().join("broken.json");
    fs::write(&broken, "{\"format\":").unwrap();
    assert_ne!(update(&gateway, &broken, &["--yes"]).await.code, 0);
    let shown = gateway.run(&["catalogue", "show"]).await;
    assert!(shown.stdout.contains("The built-in catalogue"), "{}", shown.stdout);
    let taken = update(&gateway, &file, &["--yes"]).await;
    assert!(taken.code == 0, "{}", taken.stderr);
}
