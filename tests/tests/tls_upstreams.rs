//! Upstreams over TLS: who is trusted, who is not, and that what breaks off inside TLS is seen.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test ends where its ground gives way"
)]

use yumen_testkit::{Gateway, GatewayBuilder, Reply, Upstream, eventually, standard_config};
use yumen_tests::{CHAT, MESSAGES, Surface, TEXT, ask, ask_stream, combinations, error_code, record_of};

/// A gateway that trusts the upstream's authority, as an operator makes it trust one of his own.
async fn trusting(upstream: &Upstream, config: &str) -> Gateway {
    let authority = upstream.authority().expect("TLS").display().to_string();
    GatewayBuilder::new(config).environment("SSL_CERT_FILE", &authority).start().await
}

#[tokio::test]
async fn answers_and_streams_come_through_tls() {
    let upstream = Upstream::start_tls().await;
    let gateway = trusting(&upstream, &standard_config(&upstream)).await;
    for (surface, provider) in combinations() {
        let model = format!("{provider}/fake-chat");
        let answer = surface.ask(&gateway.client(), &model, false).await.expect_status(200);
        assert_eq!(surface.text(&answer), TEXT, "{surface:?} {model}");
        let answer = surface.ask(&gateway.client(), &model, true).await.expect_status(200);
        assert_eq!(surface.stream_text(&answer.events()), TEXT, "{surface:?} {model}");
    }
    let counts = upstream.counts();
    assert_eq!((counts.received, counts.aborted), (2 * combinations().count(), 0));
    assert!(counts.connections <= 4, "TLS connections are used again: {counts:?}");
}

#[tokio::test]
async fn an_unknown_authority_and_another_name_are_refused() {
    let (known, unknown) = (Upstream::start_tls().await, Upstream::start_tls().await);
    let gateway = trusting(&known, &standard_config(&unknown)).await;
    let answer = gateway.client().post(CHAT, &ask("fake-openai/fake-chat")).await.expect_status(502);
    assert_eq!(error_code(&answer), "upstream_unreachable");
    let record = record_of(&gateway.client(), answer.header("x-generation-id")).await;
    assert_eq!(record["provider_responses"][0]["cause"], "connect_failed");

    let other_name = standard_config(&known).replace("https://localhost:", "https://127.0.0.1:");
    let gateway = trusting(&known, &other_name).await;
    let answer = gateway.client().post(CHAT, &ask("fake-openai/fake-chat")).await.expect_status(502);
    assert_eq!(error_code(&answer), "upstream_unreachable");
    // The log is written behind the request.
    eventually("the cause in the log", async || gateway.log().contains("certificate").then_some(())).await;
    assert_eq!((known.counts().received, unknown.counts().received), (0, 0));
}

#[tokio::test]
async fn a_stream_that_breaks_off_inside_tls_is_no_whole_answer() {
    let upstream = Upstream::start_tls().await;
    let gateway = trusting(&upstream, &standard_config(&upstream)).await;
    let answer =
        gateway.client().post(CHAT, &ask_stream("fake-openai/fake-cut-mid-stream")).await.expect_status(200);
    assert!(answer.events().iter().any(|event| event.data.contains("\"upstream_broken\"")));
    let record = record_of(&gateway.client(), answer.header("x-generation-id")).await;
    assert_eq!(record["outcome"], "failed");
}

/// Files at addresses are fetched from servers that a known authority vouches for, as providers are asked.
#[tokio::test]
async fn a_picture_is_fetched_only_from_a_server_that_proves_its_name() {
    let (known, unknown) = (Upstream::start_tls().await, Upstream::start_tls().await);
    for files in [&known, &unknown] {
        files.script(|request| {
            (request.path == "/gate.gif").then(|| Reply::whole(200, "image/gif", "GIF89a the gate"))
        });
    }
    let ports = [&known, &unknown].map(|files| files.address().port());
    let fetch = format!("gateway: {{ fetch: {{ allow_private: [127.0.0.0/8, \"::1\"], ports: {ports:?} }},");
    let gateway = trusting(&known, &standard_config(&known).replace("gateway: {", &fetch)).await;
    for (files, host, status) in
        [(&known, "localhost", 200), (&known, "127.0.0.1", 400), (&unknown, "localhost", 400)]
    {
        let address = format!("https://{host}:{}/gate.gif", files.address().port());
        let body = Surface::Messages.with_pictures("fake-ollama/fake-chat", &address);
        let answer = gateway.client().post(MESSAGES, &body).await.expect_status(status);
        assert!(status == 200 || answer.text().contains("cannot be reached"), "{address}: {}", answer.text());
    }
    assert_eq!(unknown.counts().received, 0);
}

/// A plain server behind an `https` address is a failed connection, not a hang.
#[tokio::test]
async fn a_server_without_tls_is_unreachable_over_https() {
    let upstream = Upstream::start().await;
    let gateway = Gateway::start(&standard_config(&upstream).replace("http://", "https://")).await;
    let answer = gateway.client().post(CHAT, &ask("fake-openai/fake-chat")).await.expect_status(502);
    assert_eq!(error_code(&answer), "upstream_unreachable");
}
