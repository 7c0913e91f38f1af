//! A stop that was asked for: new work is refused, open streams finish, the exit code is 0.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test ends where its ground gives way"
)]

use std::process::Command;

use http::Method;
use yumen_testkit::{Gateway, Upstream, eventually, standard_config, yumen_program};
use yumen_tests::{CHAT, TEXT, ask, ask_stream, stream_text};

#[tokio::test]
async fn streams_finish_and_new_work_is_refused() {
    let upstream = Upstream::start().await;
    let mut gateway = Gateway::before(&upstream).await;
    let mut stream = gateway.client().open(CHAT, &ask_stream("fake-openai/fake-gated")).await;
    let mut events = vec![stream.next_event().await.unwrap()];
    gateway.ask_to_stop();
    let client = gateway.client();
    let refused = async || {
        let answer = client.try_send(Method::POST, CHAT, ask("fake-openai/fake-chat").to_string()).await;
        answer.is_none_or(|answer| answer.status == 503).then_some(())
    };
    eventually("new work is refused", refused).await;
    upstream.open_gate();
    while let Some(event) = stream.next_event().await {
        events.push(event);
    }
    assert_eq!(stream_text(CHAT, &events), TEXT);
    assert_eq!(gateway.exit_code().await, Some(0));
}

#[tokio::test]
async fn an_idle_gateway_stops_at_once_and_keeps_its_records() {
    let upstream = Upstream::start().await;
    let mut gateway = Gateway::before(&upstream).await;
    let answer = gateway.client().post(CHAT, &ask("fake-openai/fake-chat")).await.expect_status(200);
    assert_eq!(gateway.terminate().await, Some(0));
    let gateway = gateway.kill().start().await;
    let record = yumen_tests::record_of(&gateway.client(), answer.header("x-generation-id")).await;
    assert_eq!(record["outcome"], "completed");
}

#[tokio::test]
async fn what_does_not_finish_within_the_limit_is_cut_off() {
    let upstream = Upstream::start().await;
    let config = standard_config(&upstream).replace("gateway: {", "gateway: { drain_ms: 300,");
    let mut gateway = Gateway::start(&config).await;
    let mut stream = gateway.client().open(CHAT, &ask_stream("fake-openai/fake-hold")).await;
    stream.next_event().await.unwrap();
    assert_eq!(gateway.terminate().await, Some(0));
    upstream.until("nothing left open upstream", |counts| counts.open == 0).await;
}

#[tokio::test]
async fn a_second_signal_cuts_what_is_open_and_keeps_its_record() {
    let upstream = Upstream::start().await;
    let mut gateway = Gateway::before(&upstream).await;
    let mut stream = gateway.client().open(CHAT, &ask_stream("fake-openai/fake-hold")).await;
    stream.next_event().await.unwrap();
    let id = stream.headers["x-generation-id"].to_str().unwrap().to_owned();
    gateway.ask_to_stop();
    eventually("the drain", async || gateway.log().contains("streams finish").then_some(())).await;
    assert_eq!(gateway.terminate().await, Some(0));
    let gateway = gateway.kill().start().await;
    let record = yumen_tests::record_of(&gateway.client(), &id).await;
    assert_ne!(record["outcome"], "completed", "{record}");
}

/// The store cannot be opened yet, since somebody else is opening it: a signal ends the start all the same.
#[tokio::test]
async fn a_signal_while_it_starts_is_a_stop() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    std::fs::create_dir(&data).unwrap();
    let opening = std::fs::File::create(data.join("opening.lock")).unwrap();
    opening.lock().unwrap();
    let config = folder.path().join("yumen.yaml");
    let ports = "gateway: { listen: \"127.0.0.1:0\" }\nadmin: { listen: \"127.0.0.1:0\" }\n";
    std::fs::write(&config, format!("{ports}providers: {{ odd: {{ type: no-such-type }} }}\n")).unwrap();
    let log = folder.path().join("log");
    let mut child = Command::new(yumen_program())
        .args(["serve", "--config"])
        .arg(&config)
        .arg("--data-dir")
        .arg(&data)
        .stderr(std::fs::File::create(&log).unwrap())
        .spawn()
        .unwrap();
    let begun = || std::fs::read_to_string(&log).is_ok_and(|text| text.contains("odd"));
    eventually("a first word in the log", async || begun().then_some(())).await;
    assert!(Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap().success());
    // The thread that waits for the lock is left behind after a moment.
    let code = eventually("the end", async || child.try_wait().unwrap()).await.code();
    assert_eq!(code, Some(0), "{}", std::fs::read_to_string(&log).unwrap());
    drop(opening);
}
