//! OpenRouter's dress at `/api/v1`: what its clients read beside the answer, and its errors.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test ends where its ground gives way"
)]

use serde_json::{Value, json};
use yumen_testkit::{Gateway, KEY, Upstream};
use yumen_tests::{CHAT, TEXT, ask, ask_stream, chat_text, error_code, pair, whole_text};

const DRESSED: &str = "/api/v1/chat/completions";

/// Every kind of upstream, and its word for an answer that ended well.
const NATIVE: [(&str, &str); 4] = [
    ("fake-openai", "stop"),
    ("fake-responses", "completed"),
    ("fake-anthropic", "end_turn"),
    ("fake-gemini", "STOP"),
];

/// The fields that its own library insists on.
fn check_answer(answer: &Value, id: &str) {
    assert_eq!(answer["id"], id);
    assert!(answer["provider"].is_string() && answer["created"].is_u64() && answer["model"].is_string());
    assert!(answer.as_object().unwrap().contains_key("system_fingerprint"));
    let choice = &answer["choices"][0];
    assert!(choice["finish_reason"].is_string() && choice["native_finish_reason"].is_string(), "{choice}");
    assert!(answer["usage"]["cost"].is_number(), "{answer}");
    for name in
        ["upstream_inference_cost", "upstream_inference_prompt_cost", "upstream_inference_completions_cost"]
    {
        assert!(answer["usage"]["cost_details"][name].is_number(), "{name}: {answer}");
    }
}

#[tokio::test]
async fn whole_answers_carry_id_provider_native_word_and_cost() {
    let (_upstream, gateway) = pair().await;
    for (provider, native) in NATIVE {
        let model = format!("{provider}/fake-chat");
        let answer = gateway.client().post(DRESSED, &ask(&model)).await.expect_status(200);
        assert_eq!(whole_text(&answer), TEXT);
        let id = answer.header("x-generation-id").to_owned();
        let answer = answer.json();
        check_answer(&answer, &id);
        assert_eq!(answer["choices"][0]["native_finish_reason"], native);
        let record = gateway.client().get(&format!("/api/v1/generation?id={id}")).await.expect_status(200);
        assert_eq!(record.json()["data"]["total_cost"], answer["usage"]["cost"]);
        // The same question on the plain surface comes back as the provider said it.
        let plain = gateway.client().post(CHAT, &ask(&model)).await.expect_status(200).json();
        assert!(plain.get("provider").is_none() && plain["usage"].get("cost").is_none());
    }
}

#[tokio::test]
async fn streams_carry_the_same_in_every_chunk() {
    let (_upstream, gateway) = pair().await;
    for (provider, native) in NATIVE {
        let body = ask_stream(&format!("{provider}/fake-chat"));
        let answer = gateway.client().post(DRESSED, &body).await.expect_status(200);
        let events = answer.events();
        assert_eq!(chat_text(&events), TEXT);
        assert!(events.last().unwrap().is_done());
        let chunks: Vec<Value> =
            events.iter().filter(|event| !event.is_done()).map(|event| event.json()).collect();
        for chunk in &chunks {
            assert_eq!(chunk["id"], answer.header("x-generation-id"), "{chunk}");
            assert!(chunk["provider"].is_string() && chunk["choices"].is_array(), "{chunk}");
            assert!(chunk.get("system_fingerprint").is_none_or(Value::is_string), "{chunk}");
            assert!(chunk.get("usage").is_none_or(Value::is_object), "its library fails at null: {chunk}");
        }
        let finishes: Vec<&Value> = chunks
            .iter()
            .filter(|chunk| chunk["choices"][0]["finish_reason"].is_string())
            .map(|chunk| &chunk["choices"][0]["native_finish_reason"])
            .collect();
        assert_eq!(finishes, [native]);
        // Usage is told although it was not asked for.
        let usage = chunks.iter().rfind(|chunk| chunk["usage"].is_object()).expect("usage");
        assert!(usage["usage"]["cost"].is_number(), "{usage}");
    }
}

#[tokio::test]
async fn embeddings_carry_provider_and_cost() {
    let (_upstream, gateway) = pair().await;
    let body = json!({ "model": "fake-openai/fake-chat", "input": ["a", "b"] });
    let answer = gateway.client().post("/api/v1/embeddings", &body).await.expect_status(200).json();
    assert!(answer["id"].as_str().unwrap().starts_with("gen-") && answer["provider"].is_string());
    assert!(answer["data"].is_array() && answer["usage"]["cost"].is_number(), "{answer}");
}

#[tokio::test]
async fn errors_have_its_envelope_from_the_gateway_and_from_the_provider() {
    let (_upstream, gateway) = pair().await;
    let nobody = gateway.anonymous().post(DRESSED, &ask("fake-openai/fake-chat")).await.expect_status(401);
    assert_eq!(nobody.json()["error"]["code"], 401);
    assert_eq!(nobody.json()["error"]["metadata"]["error_type"], "authentication");
    assert!(!nobody.header("x-generation-id").is_empty());

    let unknown = gateway.client().post(DRESSED, &ask("no-such-model")).await.expect_status(404).json();
    assert_eq!(unknown["error"]["metadata"]["error_type"], "not_found");
    assert_eq!(unknown["error"]["availability"]["code"], "model_not_found");
    assert_eq!(unknown["error"]["availability"]["requested_models"], json!(["no-such-model"]));

    for body in NATIVE.iter().flat_map(|(provider, _)| {
        let model = format!("{provider}/fake-429");
        [ask(&model), ask_stream(&model)]
    }) {
        let said = gateway.client().post(DRESSED, &body).await.expect_status(429);
        assert!(!said.header("retry-after").is_empty());
        let error = &said.json()["error"];
        assert_eq!(
            (&error["code"], &error["metadata"]["error_type"]),
            (&json!(429), &json!("rate_limit_exceeded"))
        );
        assert!(error["metadata"]["provider_name"].is_string(), "{error}");
    }
}

#[tokio::test]
async fn an_error_after_the_content_is_a_chunk_that_says_so() {
    let (_upstream, gateway) = pair().await;
    for model in NATIVE.iter().flat_map(|(provider, _)| {
        [format!("{provider}/fake-error-event"), format!("{provider}/fake-cut-mid-stream")]
    }) {
        let answer = gateway.client().post(DRESSED, &ask_stream(&model)).await.expect_status(200);
        let events = answer.events();
        assert!(events.last().unwrap().is_done(), "{model}");
        let errors: Vec<Value> = events
            .iter()
            .filter(|event| !event.is_done() && event.data.contains("\"error\":{"))
            .map(|event| event.json())
            .collect();
        assert_eq!(errors.len(), 1, "{model}: {events:?}");
        let error = &errors[0];
        assert_eq!(error["choices"][0]["finish_reason"], "error");
        assert!(error["error"]["code"].is_u64() && error["error"]["message"].is_string(), "{error}");
        assert_eq!(error["id"], answer.header("x-generation-id"));
    }
}

#[tokio::test]
async fn responses_carry_cost_and_trace_whole_and_streamed() {
    let (_upstream, gateway) = pair().await;
    let curious = gateway.client().header("x-openrouter-metadata", "enabled");
    for (provider, _) in NATIVE {
        let model = format!("{provider}/fake-chat");
        let body = |stream: bool| json!({ "model": model, "input": "What is it?", "stream": stream });
        let whole = curious.post("/api/v1/responses", &body(false)).await.expect_status(200);
        let id = whole.header("x-generation-id").to_owned();
        let whole = whole.json();
        let stream = curious.post("/api/v1/responses", &body(true)).await.expect_status(200);
        let events = stream.events();
        let last = events.last().unwrap();
        assert_eq!(
            (&*last.name, last.json()["type"].as_str()),
            ("response.completed", Some("response.completed"))
        );
        let first = events.first().unwrap().json();
        assert_eq!(first["response"].get("openrouter_metadata"), None, "{first}");
        for response in [&whole, &last.json()["response"]] {
            let usage = &response["usage"];
            assert_eq!(
                (&usage["cost"], &usage["is_byok"]),
                (&json!((21.0 * 1.5 + 7.0 * 6.0) / 1e6), &json!(false))
            );
            assert_eq!(usage["cost_details"]["upstream_inference_input_cost"], 0.0000315);
            assert_eq!(response["openrouter_metadata"]["requested"], *model, "{response}");
        }
        let record = gateway.client().get(&format!("/api/v1/generation?id={id}")).await.expect_status(200);
        assert_eq!(record.json()["data"]["total_cost"], whole["usage"]["cost"]);
        // Numbers of events go on without a gap.
        let numbers: Vec<u64> =
            events.iter().map(|event| event.json()["sequence_number"].as_u64().unwrap()).collect();
        assert!(numbers.windows(2).all(|pair| pair[1] == pair[0] + 1), "{numbers:?}");
        let plain = gateway.client().post("/v1/responses", &body(false)).await.expect_status(200).json();
        assert!(plain["usage"].get("cost").is_none() && plain.get("openrouter_metadata").is_none());
    }
}

#[tokio::test]
async fn errors_inside_a_response_have_a_word_for_their_type() {
    let (_upstream, gateway) = pair().await;
    for (provider, _) in NATIVE {
        for scenario in ["fake-error-event", "fake-cut-mid-stream"] {
            let body =
                json!({ "model": format!("{provider}/{scenario}"), "input": "What is it?", "stream": true });
            let answer = gateway.client().post("/api/v1/responses", &body).await.expect_status(200);
            let events = answer.events();
            let told: Vec<Value> = events
                .iter()
                .map(|event| event.json())
                .filter(|event| event.to_string().contains("error_type"))
                .collect();
            let [told] = &told[..] else { panic!("{provider}/{scenario}: {events:?}") };
            let word = told["error_type"].as_str().or(told["response"]["error_type"].as_str());
            assert!(word.is_some(), "{told}");
            assert_eq!(events.last().unwrap().json(), *told, "nothing follows it");
        }
    }
}

#[tokio::test]
async fn the_way_of_a_request_is_told_to_who_asks() {
    let upstream = Upstream::start().await;
    let config = format!(
        "{}models:\n  smart:\n    deployments: [ {{ provider: fake-openai, model: fake-500 }} ]\n    fallbacks: [ fake-anthropic/fake-chat ]\n",
        yumen_testkit::standard_config(&upstream)
    );
    let gateway = Gateway::start(&config).await;
    let curious = gateway.client().header("x-openrouter-metadata", "enabled");
    let answer = curious.post(DRESSED, &ask("smart")).await.expect_status(200).json();
    let trace = &answer["openrouter_metadata"];
    assert_eq!((&trace["requested"], &trace["attempt"]), (&json!("smart"), &json!(2)), "{trace}");
    assert_eq!(trace["attempts"][0]["status"], 500);
    assert_eq!(trace["endpoints"]["total"], 2);
    let stream = curious.post(DRESSED, &ask_stream("smart")).await.expect_status(200);
    let traced = stream.events().iter().filter(|event| event.data.contains("openrouter_metadata")).count();
    assert_eq!(traced, 1);
    let quiet = gateway.client().post(DRESSED, &ask("smart")).await.expect_status(200).json();
    assert!(quiet.get("openrouter_metadata").is_none());
}

#[tokio::test]
async fn what_is_lost_is_told_and_with_require_parameters_refused() {
    let (upstream, gateway) = pair().await;
    let mut body = ask("fake-anthropic/fake-chat");
    body["seed"] = json!(7);
    let answer = gateway.client().post(CHAT, &body).await.expect_status(200);
    assert_eq!(answer.header("x-yumen-lossy"), "seed");
    body["provider"] = json!({ "require_parameters": true });
    let refused = gateway.client().post(CHAT, &body).await.expect_status(400);
    assert!(refused.text().contains("seed"), "{}", refused.text());
    assert_eq!(error_code(&refused), "invalid_request");
    let refused = gateway.client().post(DRESSED, &body).await.expect_status(400).json();
    assert_eq!(refused["error"]["availability"]["excluded_by"], json!(["require_parameters"]));
    // Where nothing is lost nothing is refused, and the gateway's own fields are no loss.
    body.as_object_mut().unwrap().remove("seed");
    let answer = gateway.client().post(CHAT, &body).await.expect_status(200);
    assert_eq!(answer.header("x-yumen-lossy"), "");
    body["model"] = json!("fake-openai/fake-chat");
    gateway.client().post(CHAT, &body).await.expect_status(200);
    assert!(upstream.last().json().get("provider").is_none(), "providers would refuse it");
    assert!(upstream.requests().iter().all(|request| !request.header("authorization").contains(KEY)));
}
