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
