//! A stop that was asked for: new work is refused, open streams finish, the exit code is 0.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test ends where its ground gives way"
)]

use http::Method;
use yumen_testkit::{Gateway, Upstream, eventually, standard_config};
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
