//! `serve --demo`: from nothing to a first answer, without any network.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test ends where its ground gives way"
)]

use yumen_testkit::{Client, GatewayBuilder, eventually};
use yumen_tests::{CHAT, MESSAGES, ask, ask_stream};

const FREE_PORTS: &str = "gateway: { listen: \"127.0.0.1:0\" }\nadmin: { listen: \"127.0.0.1:0\" }\n";

#[tokio::test]
async fn the_printed_key_gets_an_answer_offline() {
    let gateway = GatewayBuilder::new(FREE_PORTS).argument("--demo").start().await;
    let printed = async || {
        let log = gateway.log();
        let at = log.find("sk-yu-")?;
        let key: String = log
            .get(at..)?
            .chars()
            .take_while(|letter| letter.is_ascii_alphanumeric() || "-_".contains(*letter))
            .collect();
        (key.len() > 20).then_some(key)
    };
    let key = eventually("the printed key", printed).await;
    let client = Client::new(gateway.address()).key(&key);
    let models = client.get("/v1/models").await.expect_status(200).json();
    let names: Vec<&str> =
        models["data"].as_array().unwrap().iter().filter_map(|model| model["id"].as_str()).collect();
    let model = *names.iter().find(|name| name.starts_with("demo/")).unwrap_or_else(|| panic!("{names:?}"));
    for path in [CHAT, MESSAGES] {
        let whole = client.post(path, &ask(model)).await.expect_status(200);
        assert!(!yumen_tests::whole_text(&whole).is_empty());
        let stream = client.post(path, &ask_stream(model)).await.expect_status(200);
        assert!(!yumen_tests::stream_text(path, &stream.events()).is_empty());
    }
    let log_before = gateway.log();
    let gateway = gateway.kill().start().await;
    Client::new(gateway.address()).key(&key).post(CHAT, &ask(model)).await.expect_status(200);
    assert_eq!(
        gateway.log().matches(&key).count(),
        log_before.matches(&key).count(),
        "printed at the first start only"
    );
}

#[tokio::test]
async fn the_demo_is_off_unless_asked_for() {
    let key = "sk-yu-test-0123456789abcdefghijklmnop";
    let config = format!("{FREE_PORTS}keys: [ {{ name: test, secret: \"{key}\" }} ]\n");
    let gateway = GatewayBuilder::new(&config).start().await;
    Client::new(gateway.address()).key(key).post(CHAT, &ask("demo/echo")).await.expect_status(404);
}
