//! Requests that address a gateway in Vercel's way, and what they are told of how they were served.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test ends where its ground gives way"
)]

use serde_json::json;
use yumen_tests::{CHAT, ask, pair};

#[tokio::test]
async fn a_request_that_addresses_vercels_gateway_is_answered_as_by_it() {
    let (_upstream, gateway) = pair().await;
    for provider in ["fake-openai", "fake-anthropic"] {
        let mut body = ask(&format!("{provider}/fake-500"));
        body["providerOptions"] =
            json!({ "gateway": { "models": [format!("{provider}/fake-chat")], "order": ["x"] } });
        let answer = gateway.client().post(CHAT, &body).await.expect_status(200);
        let id = answer.header("x-generation-id").to_owned();
        let answer = answer.json();
        assert_eq!(answer["generationId"], *id, "{answer}");
        let said = &answer["choices"][0]["message"]["provider_metadata"]["gateway"];
        assert_eq!(said["routing"]["finalProvider"], provider, "{answer}");
        assert!(said["cost"].as_str().unwrap().parse::<f64>().unwrap() > 0.0, "{answer}");
        body["stream"] = true.into();
        let answer = gateway.client().post(CHAT, &body).await.expect_status(200);
        let last =
            answer.events().into_iter().filter(|event| event.data.contains("provider_metadata")).count();
        assert_eq!(last, 1, "{provider}");
        body["providerOptions"] = json!({ "gateway": { "models": [1] } });
        let refused = gateway.client().post(CHAT, &body).await.expect_status(400);
        assert_eq!(refused.json()["error"]["param"], "providerOptions");
    }
    // Without it nothing is put around the provider's own answer.
    let plain = gateway.client().post(CHAT, &ask("fake-openai/fake-chat")).await.expect_status(200);
    assert!(plain.json().get("generationId").is_none());
}
