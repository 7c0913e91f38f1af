//! The configuration file changes under a running server.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test ends where its ground gives way"
)]

use std::path::Path;

use yumen_testkit::{Gateway, GatewayBuilder, KEY, Upstream, eventually, standard_config};
use yumen_tests::{CHAT, TEXT, ask, ask_stream, stream_text};

fn with_alias(upstream: &Upstream, name: &str) -> String {
    format!(
        "{}models:\n  {name}: {{ deployments: [ {{ provider: fake-openai, model: fake-chat }} ] }}\n",
        standard_config(upstream)
    )
}

async fn until_serves(gateway: &Gateway, model: &str) {
    let what = format!("the model {model}");
    eventually(&what, async || (gateway.client().post(CHAT, &ask(model)).await.status == 200).then_some(()))
        .await;
}

async fn is_unknown(gateway: &Gateway, model: &str) {
    gateway.client().post(CHAT, &ask(model)).await.expect_status(404);
}

#[tokio::test]
async fn a_rewritten_file_takes_effect() {
    let upstream = Upstream::start().await;
    let gateway = Gateway::start(&with_alias(&upstream, "one")).await;
    until_serves(&gateway, "one").await;
    std::fs::write(gateway.config_path(), with_alias(&upstream, "two")).unwrap();
    until_serves(&gateway, "two").await;
    is_unknown(&gateway, "one").await;
}

#[tokio::test]
async fn a_renamed_file_takes_effect() {
    let upstream = Upstream::start().await;
    let gateway = Gateway::start(&with_alias(&upstream, "one")).await;
    for name in ["two", "three"] {
        let new = gateway.config_path().with_extension("new");
        std::fs::write(&new, with_alias(&upstream, name)).unwrap();
        std::fs::rename(&new, gateway.config_path()).unwrap();
        until_serves(&gateway, name).await;
    }
    is_unknown(&gateway, "one").await;
}

/// As Kubernetes mounts a ConfigMap: the file is a link through `..data`, which is swapped.
#[tokio::test]
async fn a_swapped_symbolic_link_takes_effect() {
    let upstream = Upstream::start().await;
    let builder = GatewayBuilder::bare();
    let folder = builder.folder().join("mounted");
    let version = |name: &str| {
        std::fs::create_dir_all(folder.join(name)).unwrap();
        std::fs::write(folder.join(name).join("yumen.yaml"), with_alias(&upstream, name)).unwrap();
    };
    version("one");
    std::os::unix::fs::symlink("one", folder.join("..data")).unwrap();
    std::os::unix::fs::symlink(Path::new("..data").join("yumen.yaml"), folder.join("yumen.yaml")).unwrap();
    let config = folder.join("yumen.yaml").display().to_string();
    let gateway = builder.argument("--config").argument(&config).start().await;
    until_serves(&gateway, "one").await;
    for name in ["two", "three"] {
        version(name);
        std::os::unix::fs::symlink(name, folder.join("..data_tmp")).unwrap();
        std::fs::rename(folder.join("..data_tmp"), folder.join("..data")).unwrap();
        until_serves(&gateway, name).await;
    }
    is_unknown(&gateway, "one").await;
}

#[tokio::test]
async fn a_broken_file_keeps_what_there_is_and_says_why() {
    let upstream = Upstream::start().await;
    let gateway = Gateway::start(&with_alias(&upstream, "one")).await;
    for (broken, said) in [
        ("gateway: { lissten: \"x\" }\nmodles: {}\n", "lissten"),
        ("providers: [unclosed\n", "yumen.yaml"),
        ("", "it is empty"),
        ("# all is to come back later\n", "it is empty"),
    ] {
        let before = gateway.log().len();
        std::fs::write(gateway.config_path(), broken).unwrap();
        eventually("the diagnostics", async || gateway.log().get(before..)?.contains(said).then_some(()))
            .await;
        gateway.client().post(CHAT, &ask("one")).await.expect_status(200);
    }
    std::fs::write(gateway.config_path(), with_alias(&upstream, "two")).unwrap();
    until_serves(&gateway, "two").await;
}

#[tokio::test]
async fn one_bad_provider_leaves_the_others_working() {
    let upstream = Upstream::start().await;
    let gateway = Gateway::start(&with_alias(&upstream, "one")).await;
    let bad =
        "providers:\n  broken: { type: openai-compatible, base_url: \"not a url\", models: { m: {} } }\n";
    std::fs::write(gateway.config_path(), with_alias(&upstream, "two").replace("providers:\n", bad)).unwrap();
    until_serves(&gateway, "two").await;
    is_unknown(&gateway, "broken/m").await;
    assert!(gateway.log().contains("broken"), "the log says what was left out");
}

#[tokio::test]
async fn open_streams_are_not_touched() {
    let upstream = Upstream::start().await;
    let gateway = Gateway::start(&with_alias(&upstream, "one")).await;
    let mut stream = gateway.client().open(CHAT, &ask_stream("fake-openai/fake-gated")).await;
    let mut events = vec![stream.next_event().await.unwrap()];
    let without_key = with_alias(&upstream, "two").replace(KEY, "sk-yu-other-0123456789abcdefghijklmno");
    std::fs::write(gateway.config_path(), without_key).unwrap();
    let refused = async || (gateway.client().post(CHAT, &ask("one")).await.status == 401).then_some(());
    eventually("the key is gone", refused).await;
    upstream.open_gate();
    while let Some(event) = stream.next_event().await {
        events.push(event);
    }
    assert_eq!(stream_text(CHAT, &events), TEXT);
}

/// As Kubernetes and Docker mount secrets: the file changes, the configuration does not.
#[tokio::test]
async fn a_secret_in_a_file_is_taken_anew_when_the_file_changes() {
    let upstream = Upstream::start().await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("key");
    let put = |secret: &str| {
        std::fs::write(folder.path().join("new"), format!("{secret}\n")).unwrap();
        std::fs::rename(folder.path().join("new"), &file).unwrap();
    };
    put("secret-one");
    let config = with_alias(&upstream, "one")
        .replace("secret: upstream-openai-secret", &format!("secret_file: \"{}\"", file.display()));
    let gateway = Gateway::start(&config).await;
    gateway.client().post(CHAT, &ask("one")).await.expect_status(200);
    assert_eq!(upstream.last().header("authorization"), "Bearer secret-one");
    let until_sent = async |secret: &str| {
        eventually("the new secret", async || {
            gateway.client().post(CHAT, &ask("one")).await.expect_status(200);
            (upstream.last().header("authorization") == format!("Bearer {secret}")).then_some(())
        })
        .await;
    };
    put("secret-two");
    until_sent("secret-two").await;
    // What cannot be used leaves the old secret in place, and is told.
    put("");
    let told = async || gateway.log().contains("credentials[0].secret_file is empty").then_some(());
    eventually("the diagnostic", told).await;
    until_sent("secret-two").await;
    std::fs::remove_file(&file).unwrap();
    put("secret-three");
    until_sent("secret-three").await;
    let log = gateway.log();
    assert!(!log.contains("secret-two") && !log.contains("secret-three"), "{log}");
}
