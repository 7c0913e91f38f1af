//! Clients that speak HTTP/2: the same answers, and each exchange ends by itself.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test ends where its ground gives way"
)]

use http::Method;
use yumen_testkit::{Gateway, Upstream, standard_config};
use yumen_tests::{CHAT, TEXT, ask, ask_stream, combinations, record_of};

#[tokio::test]
async fn answers_streams_and_errors_are_those_of_http1() {
    let upstream = Upstream::start().await;
    let gateway = Gateway::before(&upstream).await;
    let client = gateway.client().http2();
    for (surface, provider) in combinations() {
        let model = format!("{provider}/fake-chat");
        let answer = surface.ask(&client, &model, false).await.expect_status(200);
        assert_eq!(surface.text(&answer), TEXT, "{surface:?} {provider}");
        assert!(!answer.header("x-generation-id").is_empty());
        let answer = surface.ask(&client, &model, true).await.expect_status(200);
        assert_eq!(surface.stream_text(&answer.events()), TEXT, "{surface:?} {provider}");
        let answer = surface.ask(&client, &format!("{provider}/fake-400"), false).await.expect_status(400);
        assert!(answer.text().contains("fake upstream says 400"));
    }
    client.get("/healthz").await.expect_status(200);
    client.get("/v1/nothing").await.expect_status(404);
}

#[tokio::test]
async fn a_body_over_the_limit_is_413_and_a_large_one_passes() {
    let upstream = Upstream::start().await;
    let config = standard_config(&upstream).replace("gateway: {", "gateway: { max_body_bytes: 200000,");
    let gateway = Gateway::start(&config).await;
    let body = |size: usize| {
        let mut body = ask("fake-openai/fake-chat");
        body["messages"][0]["content"] = "x".repeat(size).into();
        body.to_string()
    };
    let client = gateway.client().http2();
    client.send(Method::POST, CHAT, body(150_000)).await.expect_status(200);
    client.send(Method::POST, CHAT, body(300_000)).await.expect_status(413);
    assert_eq!(upstream.counts().received, 1);
}

#[tokio::test]
async fn pitfall_20_a_client_that_resets_its_stream_frees_the_upstream() {
    let upstream = Upstream::start().await;
    let gateway = Gateway::before(&upstream).await;
    let mut incoming = gateway.client().http2().open(CHAT, &ask_stream("fake-openai/fake-hold")).await;
    assert!(incoming.next_event().await.is_some());
    let id = incoming.headers["x-generation-id"].to_str().unwrap().to_owned();
    drop(incoming);
    upstream.until("the upstream's answer to be broken off", |counts| counts.aborted == 1).await;
    let record = record_of(&gateway.client(), &id).await;
    assert_eq!(record["outcome"], "client_gone", "{record}");
}

#[tokio::test]
async fn heads_over_the_limit_are_refused_in_http2_too() {
    let upstream = Upstream::start().await;
    let config = standard_config(&upstream).replace("gateway: {", "gateway: { max_head_bytes: 8192,");
    let gateway = Gateway::start(&config).await;
    let client = |length: usize| gateway.client().http2().header("x-long", &"y".repeat(length));
    client(4_000).get("/healthz").await.expect_status(200);
    let answer = client(20_000).try_send(Method::GET, "/healthz", "").await;
    assert!(answer.is_none_or(|answer| answer.status == 431));
    client(10).get("/healthz").await.expect_status(200);
}
