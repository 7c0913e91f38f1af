//! One record for each exchange, however it ended, and the sums over them.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test ends where its ground gives way"
)]

use std::process::{Command, Stdio};

use serde_json::{Value, json};
use yumen_testkit::{Client, Gateway, Upstream, eventually, run_program};
use yumen_tests::{CHAT, ask, ask_stream, combinations, pair, record_of};

#[tokio::test]
async fn each_ending_leaves_its_record() {
    let (_upstream, gateway) = pair().await;
    let client = gateway.client();
    for (surface, provider) in combinations() {
        for (model, status, outcome) in [
            (format!("{provider}/fake-chat"), 200, "completed"),
            (format!("{provider}/fake-400"), 400, "failed"),
            ("no/such/model".to_owned(), 404, "refused"),
        ] {
            let answer = surface.ask(&client, &model, false).await.expect_status(status);
            let record = record_of(&client, answer.header("x-generation-id")).await;
            assert_eq!(record["outcome"], outcome, "{record}");
            assert_eq!(record["status"], status, "{record}");
            assert_eq!(record["model_requested"], model, "{record}");
            let code = match status {
                200 => Value::Null,
                400 => json!("bad_request"),
                _ => json!("model_not_found"),
            };
            assert_eq!(record["error_code"], code, "{record}");
            if outcome == "completed" {
                let (reason, id) = match provider {
                    "fake-openai" => ("stop", json!("chatcmpl-fake")),
                    "fake-responses" => ("completed", json!("resp_fake")),
                    "fake-anthropic" => ("end_turn", json!("msg_fake")),
                    // Ollama's answers have no ids.
                    "fake-ollama" => ("stop", Value::Null),
                    // Its answers have no id.
                    "fake-bedrock" => ("end_turn", Value::Null),
                    _ => ("STOP", json!("resp-fake")),
                };
                assert_eq!((&record["finish_reason"], &record["upstream_id"]), (&json!(reason), &id));
                assert_eq!(record["provider_name"], provider, "{record}");
                let tries = record["provider_responses"].as_array().unwrap();
                assert_eq!((tries.len(), &tries[0]["status"]), (1, &json!(200)), "{record}");
                let total = record["total_us"].as_u64().unwrap();
                let within = |name: &str| record[name].as_u64().unwrap() <= total;
                assert!(within("overhead_us") && within("first_byte_us"), "{record}");
            }
        }
    }
}

#[tokio::test]
async fn a_failure_of_the_upstream_is_recorded_with_its_class() {
    let (_upstream, gateway) = pair().await;
    let answer = gateway.client().post(CHAT, &ask("fake-anthropic/fake-500")).await.expect_status(500);
    let record = record_of(&gateway.client(), answer.header("x-generation-id")).await;
    assert_eq!((&record["outcome"], &record["error_code"]), (&json!("failed"), &json!("server_error")));
}

#[tokio::test]
async fn a_record_is_readable_as_soon_as_the_answer_ended() {
    let (_upstream, gateway) = pair().await;
    let client = gateway.client();
    for round in 0..20 {
        let body = if round % 2 == 0 {
            ask("fake-openai/fake-chat")
        } else {
            ask_stream("fake-anthropic/fake-chat")
        };
        let answer = client.post(CHAT, &body).await.expect_status(200);
        let path = format!("/api/v1/generation?id={}", answer.header("x-generation-id"));
        let record = client.get(&path).await.expect_status(200).json();
        assert_eq!(record["data"]["outcome"], "completed", "at the first look");
        let same = client.get(&path.replace("/api", "")).await.expect_status(200).json();
        assert_eq!(same, record);
    }
}

#[tokio::test]
async fn a_record_is_shown_to_its_own_key_only() {
    let upstream = Upstream::start().await;
    let other = "sk-yu-other-0123456789abcdefghijklmno";
    let more =
        format!("{}  - {{ name: other, secret: \"{other}\" }}\n", yumen_testkit::standard_config(&upstream));
    let gateway = Gateway::start(&more).await;
    let answer = gateway.client().post(CHAT, &ask("fake-openai/fake-chat")).await.expect_status(200);
    let path = format!("/api/v1/generation?id={}", answer.header("x-generation-id"));
    gateway.client().get(&path).await.expect_status(200);
    gateway.anonymous().key(other).get(&path).await.expect_status(404);
    gateway.anonymous().get(&path).await.expect_status(401);
    gateway.client().get("/api/v1/generation?id=gen-0-nothing").await.expect_status(404);
    gateway.client().get("/api/v1/generation").await.expect_status(400);
}

#[tokio::test]
async fn usage_sums_what_was_used() {
    let (_upstream, gateway) = pair().await;
    for provider in ["fake-openai", "fake-openai", "fake-anthropic"] {
        gateway.client().post(CHAT, &ask(&format!("{provider}/fake-chat"))).await.expect_status(200);
    }
    gateway.client().post(CHAT, &ask("fake-openai/fake-400")).await.expect_status(400);
    let rows = async |arguments: &[&str]| {
        let all: Vec<&str> = ["usage", "--json"].iter().chain(arguments).copied().collect();
        let output = gateway.run(&all).await;
        assert_eq!(output.code, 0, "{}", output.stderr);
        let rows: Vec<Value> = serde_json::from_str(&output.stdout).unwrap();
        rows
    };
    eventually("all records in the ledger", async || {
        let rows = rows(&[]).await;
        (rows.first().map(|row| row["requests"].clone()) == Some(json!(4))).then_some(())
    })
    .await;
    let total = &rows(&["--since", "1h"]).await[0];
    assert_eq!(
        (&total["errors"], &total["input_tokens"], &total["output_tokens"]),
        (&json!(1), &json!(63), &json!(21))
    );
    assert_eq!(total["cost_nanos"], 3 * (21 * 1_500 + 7 * 6_000));
    let mut by_provider: Vec<(String, u64)> = rows(&["--by", "provider"])
        .await
        .iter()
        .map(|row| (row["group"].as_str().unwrap().to_owned(), row["requests"].as_u64().unwrap()))
        .collect();
    by_provider.sort();
    assert_eq!(by_provider, [("fake-anthropic".to_owned(), 1), ("fake-openai".to_owned(), 3)]);
    assert_eq!(rows(&["--by", "key"]).await[0]["name"], "test");
}

#[tokio::test]
async fn figures_and_log_tell_of_each_exchange_and_of_no_text() {
    let (_upstream, gateway) = pair().await;
    let mut body = ask_stream("fake-openai/fake-chat");
    body["messages"][0]["content"] = json!("a very private question");
    gateway.client().post(CHAT, &body).await.expect_status(200);
    let metrics = async || {
        let text = gateway.admin().get("/metrics").await.expect_status(200).text();
        text.contains("gen_ai_client_token_usage").then_some(text)
    };
    let metrics = eventually("the figures of the exchange", metrics).await;
    assert!(metrics.contains("fake-openai"), "{metrics}");
    eventually("the log line", async || gateway.log().contains("gen-").then_some(())).await;
    for text in [metrics, gateway.log()] {
        assert!(!text.contains("private question") && !text.contains("Hello from"), "{text}");
    }
}

#[tokio::test]
async fn usage_says_what_a_killed_server_left_in_the_spool() {
    let upstream = Upstream::start().await;
    let gateway = Gateway::before(&upstream).await;
    // While somebody holds the database, no record can leave the spool.
    let url = format!("sqlite://{}", gateway.data_dir().join("yumen.db").display());
    let database = sqlx::SqlitePool::connect(&url).await.unwrap();
    let held = database.begin_with("BEGIN IMMEDIATE").await.unwrap();
    for _ in 0..3 {
        gateway.client().post(CHAT, &ask("fake-openai/fake-chat")).await.expect_status(200);
    }
    let data_dir = gateway.data_dir().display().to_string();
    let stopped = gateway.kill();
    drop(held);
    database.close().await;
    let output = run_program(&["usage", "--data-dir", &data_dir]).await;
    assert_eq!(output.code, 0, "{}", output.stderr);
    assert!(output.stderr.contains("3 records wait in the spool"), "{}", output.stderr);
    let gateway = stopped.start().await;
    let stored = async || {
        let output = gateway.run(&["usage"]).await;
        (output.stderr.is_empty() && output.stdout.contains("all")).then_some(())
    };
    eventually("all records in the sums", stored).await;
}

#[tokio::test]
async fn a_span_that_is_nearly_right_is_told_how_to_write_it() {
    for (near, right) in [("24", "24h"), ("7days", "7d"), ("1.5h", "90s")] {
        let output = run_program(&["usage", "--since", near]).await;
        assert_ne!(output.code, 0);
        assert!(output.stderr.contains("--since") && output.stderr.contains(right), "{}", output.stderr);
    }
}

/// Standard output is a pipe that nobody reads: lines are lost, records and answers are not.
#[tokio::test]
async fn a_stalled_reader_of_the_log_stops_nothing() {
    let upstream = Upstream::start().await;
    let folder = tempfile::tempdir().unwrap();
    let (data, config) = (folder.path().join("data"), folder.path().join("yumen.yaml"));
    std::fs::write(&config, yumen_testkit::standard_config(&upstream)).unwrap();
    let mut child = Command::new(yumen_testkit::yumen_program())
        .args(["serve", "--config"])
        .arg(&config)
        .arg("--data-dir")
        .arg(&data)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let address = eventually("a listening gateway", async || {
        let text = std::fs::read_to_string(data.join("addresses.json")).ok()?;
        serde_json::from_str::<Value>(&text).ok()?["gateway"].as_str()?.parse().ok()
    })
    .await;
    // Far more lines than a pipe takes.
    let client = Client::new(address).key(yumen_testkit::KEY);
    let mut last = String::new();
    for _ in 0..300 {
        let answer = client.post(CHAT, &ask("fake-openai/fake-chat")).await.expect_status(200);
        last = answer.header("x-generation-id").to_owned();
    }
    record_of(&client, &last).await;
    let terminate = Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap();
    assert!(terminate.success());
    assert_eq!(eventually("the end", async || child.try_wait().unwrap()).await.code(), Some(0));
    let output = run_program(&["usage", "--json", "--data-dir", &data.display().to_string()]).await;
    let rows: Value = serde_json::from_str(&output.stdout).unwrap();
    assert_eq!((&rows[0]["requests"], output.stderr.as_str()), (&json!(300), ""));
    let mut lines = String::new();
    std::io::Read::read_to_string(child.stdout.as_mut().unwrap(), &mut lines).unwrap();
    assert!(lines.lines().count() < 300, "the pipe was full");
}
