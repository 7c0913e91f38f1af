//! Secrets stay where they belong: the provider's credential never leaves towards the client, the client's key never
//! towards the provider, and neither is written down.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test ends where its ground gives way"
)]

use std::path::Path;

use serde_json::json;
use yumen_testkit::{Gateway, KEY, Reply, Upstream, standard_config};
use yumen_tests::{SURFACES, combinations};

const CREDENTIALS: [&str; 4] = [
    "upstream-openai-secret",
    "upstream-responses-secret",
    "upstream-anthropic-secret",
    "upstream-gemini-secret",
];

#[tokio::test]
async fn no_secret_is_anywhere_it_should_not_be() {
    let upstream = Upstream::start().await;
    // As some providers do, this one repeats the credential that it was given in its refusal.
    upstream.script(|request| {
        let sent =
            ["authorization", "x-api-key", "x-goog-api-key"].map(|name| request.header(name)).join(" ");
        let message =
            json!({ "error": { "type": "authentication_error", "message": format!("bad key: {sent}") } });
        (request.model() == "fake-401").then(|| Reply::json(401, &message))
    });
    // What fails for a moment is not tried anew: that would only take time.
    let config = standard_config(&upstream).replace("gateway: {", "gateway: { retry_rounds: 0,");
    let mut gateway = Gateway::start(&config).await;
    let mut answers = Vec::new();
    for (surface, provider) in combinations() {
        for model in ["fake-chat", "fake-401", "fake-500", "fake-error-event", "fake-html", "fake-404"] {
            for stream in [false, true] {
                answers.push(surface.ask(&gateway.client(), &format!("{provider}/{model}"), stream).await);
            }
        }
    }
    for surface in SURFACES {
        let (path, body) = (surface.path("no-such-model", false), surface.body("no-such-model", false));
        answers.push(gateway.client().post(&format!("{path}?key={KEY}"), &body).await);
        answers.push(gateway.anonymous().key("sk-yu-guess-secret").post(&path, &body).await);
    }
    answers.push(gateway.client().get("/v1/models").await);
    answers.push(gateway.admin().get("/metrics").await);
    for answer in &answers {
        let text = format!("{:?} {}", answer.headers, String::from_utf8_lossy(&answer.body));
        for secret in CREDENTIALS.iter().chain([&KEY]) {
            assert!(!text.contains(secret), "an answer shows {secret}: {text}");
        }
    }
    for request in upstream.requests() {
        assert!(!format!("{request:?}").contains(KEY), "the upstream was told the client's key: {request:?}");
    }
    assert_eq!(gateway.terminate().await, Some(0));
    let log = gateway.log();
    for secret in CREDENTIALS.iter().chain([&KEY, &"sk-yu-guess-secret"]) {
        assert!(!log.contains(secret), "the log shows {secret}");
        assert_eq!(files_with(&gateway.data_dir(), secret), Vec::<String>::new(), "{secret}");
    }
}

fn files_with(folder: &Path, secret: &str) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(files_with(&path, secret));
        } else {
            let bytes = std::fs::read(&path).unwrap();
            if bytes.windows(secret.len()).any(|part| part == secret.as_bytes()) {
                found.push(path.display().to_string());
            }
        }
    }
    found
}
