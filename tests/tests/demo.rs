//! `serve --demo`: from nothing to a first answer, without any network.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test ends where its ground gives way"
)]

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};
use yumen_testkit::{Client, GatewayBuilder, eventually, run_program, yumen_program};
use yumen_tests::{CHAT, MESSAGES, SURFACES, ask, whole_text};

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
    for surface in SURFACES {
        let whole = surface.ask(&client, model, false).await.expect_status(200);
        assert!(!surface.text(&whole).is_empty(), "{surface:?}");
        let stream = surface.ask(&client, model, true).await.expect_status(200);
        assert!(!surface.stream_text(&stream.events()).is_empty(), "{surface:?}");
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

/// Claude Code puts a turn of instructions behind what its user says.
#[tokio::test]
async fn the_demo_echoes_the_user_of_claude_code_and_not_its_instructions() {
    let key = "sk-yu-test-0123456789abcdefghijklmnop";
    let config = format!("{FREE_PORTS}keys: [ {{ name: test, secret: \"{key}\" }} ]\n");
    let gateway = GatewayBuilder::new(&config).argument("--demo").start().await;
    let mut body = ask("demo/echo");
    let instructions = json!({ "role": "system", "content": [{ "type": "text", "text": "# Environment" }] });
    body["messages"].as_array_mut().unwrap().push(instructions);
    let answer = Client::new(gateway.address()).key(key).post(MESSAGES, &body).await.expect_status(200);
    assert!(whole_text(&answer).ends_with("You said: What is it?"), "{}", answer.text());
}

#[tokio::test]
async fn the_demo_is_off_unless_asked_for() {
    let key = "sk-yu-test-0123456789abcdefghijklmnop";
    let config = format!("{FREE_PORTS}keys: [ {{ name: test, secret: \"{key}\" }} ]\n");
    let gateway = GatewayBuilder::new(&config).start().await;
    Client::new(gateway.address()).key(key).post(CHAT, &ask("demo/echo")).await.expect_status(404);
}

#[tokio::test]
async fn a_start_that_fails_uses_up_no_key() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let builder = GatewayBuilder::new(FREE_PORTS).argument("--demo");
    let folder = builder.folder().to_owned();
    let (config, data) = (folder.join("yumen.yaml"), folder.join("data"));
    let (config, data_dir) = (config.display().to_string(), data.display().to_string());
    let failed =
        run_program(&["serve", "--demo", "--listen", &address, "--config", &config, "--data-dir", &data_dir])
            .await;
    assert_eq!(failed.code, 1, "{}", failed.stderr);
    assert!(failed.stderr.contains(&address) && !failed.stderr.contains("sk-yu-"), "{}", failed.stderr);
    assert!(!data.exists(), "nothing was made");
    let gateway = builder.start().await;
    eventually("the key", async || gateway.log().contains("sk-yu-").then_some(())).await;
}

#[tokio::test]
async fn the_exchange_log_stands_alone_on_standard_output() {
    let folder = tempfile::tempdir().unwrap();
    let (data, out, err) = (folder.path().join("data"), folder.path().join("out"), folder.path().join("err"));
    let mut child = Command::new(yumen_program())
        .args(["serve", "--demo", "--data-dir"])
        .arg(&data)
        .current_dir(folder.path())
        .env("YUMEN_CONFIG", {
            let config = folder.path().join("free.yaml");
            std::fs::write(&config, format!("{FREE_PORTS}log: {{ format: json }}\n")).unwrap();
            config
        })
        .stdout(std::fs::File::create(&out).unwrap())
        .stderr(std::fs::File::create(&err).unwrap())
        .spawn()
        .unwrap();
    let read = |path: &Path| std::fs::read_to_string(path).unwrap_or_default();
    let said = async || {
        let text = read(&err);
        let key = text.split_once("(shown only now): ")?.1.split_once('\n')?.0.to_owned();
        let addresses: Value = serde_json::from_str(&read(&data.join("addresses.json"))).ok()?;
        Some((addresses["gateway"].as_str()?.parse().ok()?, key))
    };
    let (address, key) = eventually("the greeting", said).await;
    Client::new(address).key(&key).post(CHAT, &ask("demo/echo")).await.expect_status(200);
    assert!(Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap().success());
    assert_eq!(eventually("the end", async || child.try_wait().unwrap()).await.code(), Some(0));
    let lines: Vec<Value> = read(&out).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert_eq!(lines[0]["event"], "exchange");
    assert!(!read(&out).contains(&key));
    assert!(read(&err).contains("\"stopped\""), "the last line is written too: {}", read(&err));
}
