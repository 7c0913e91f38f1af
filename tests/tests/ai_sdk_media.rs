//! The AI SDK's clients who ask for pictures, rankings, speech and transcripts, in front of upstreams that speak OpenAI's and
//! Cohere's APIs.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test ends where its ground gives way"
)]

use serde_json::{Value, json};
use yumen_testkit::{Answer, Client, Gateway, KEY, Reply, Upstream};
use yumen_tests::{PIXEL, TEXT, record_of};

const NARROW: &str = "sk-yu-narrow-0123456789abcdefghijklmn";
const PICTURE: &[u8] = b"GIF89a the gate";
const PICTURE_BASE64: &str = "R0lGODlhIHRoZSBnYXRl";

async fn gateway(upstream: &Upstream) -> Gateway {
    let config = format!(
        "gateway: {{ listen: \"127.0.0.1:0\", fetch: {{ allow_private: [127.0.0.0/8], ports: [{}] }} }}\n\
         admin: {{ listen: \"127.0.0.1:0\" }}\nproviders:\n\
         \x20 one: {{ type: openai-compatible, base_url: \"{}\", credentials: [ {{ secret: upstream-secret }} ], models: {{\n\
         \x20   painter: {{ operations: [images, image_edits], price: {{ image: \"0.04\" }} }}, fake-500: {{}},\n\
         \x20   judge: {{ operations: [rerank], price: {{ search: \"0.002\" }} }},\n\
         \x20   speaker: {{ operations: [speech], price: {{ characters: \"15\" }} }},\n\
         \x20   whisper: {{ operations: [transcription], price: {{ audio_hour: \"0.36\" }} }} }} }}\n\
         models:\n  falls: {{ deployments: [ {{ provider: one, model: fake-500 }} ], fallbacks: [ one/painter ] }}\n\
         keys:\n  - {{ name: test, secret: \"{KEY}\", models: [\"*\"] }}\n  - {{ name: narrow, secret: \"{NARROW}\", models: [one/judge] }}\n",
        upstream.address().port(),
        upstream.openai_base(),
    );
    Gateway::start(&config).await
}

async fn ask(client: Client, base: &str, kind: &str, model: &str, body: &Value) -> Answer {
    client.header("ai-model-id", model).post(&format!("{base}/{kind}-model"), body).await
}

async fn asked(gateway: &Gateway, kind: &str, model: &str, body: &Value) -> Answer {
    ask(gateway.client(), "/v4/ai", kind, model, body).await.expect_status(200)
}

async fn record(gateway: &Gateway, answer: &Answer) -> Value {
    record_of(&gateway.client(), answer.header("x-generation-id")).await
}

#[tokio::test]
async fn each_kind_is_asked_counted_and_told_at_every_base() {
    let upstream = Upstream::start().await;
    let gateway = gateway(&upstream).await;
    let documents = json!({ "type": "text", "values": ["a", "b"] });
    let file = json!({ "type": "file", "mediaType": "image/png", "data": PIXEL });
    for (kind, model, body, path, operation, cost) in [
        (
            "image",
            "painter",
            json!({ "prompt": "p", "n": 2 }),
            "/v1/images/generations",
            "image_generation",
            80_000_000,
        ),
        (
            "image",
            "painter",
            json!({ "prompt": "p", "n": 1, "files": [file] }),
            "/v1/images/edits",
            "image_edit",
            40_000_000,
        ),
        (
            "reranking",
            "judge",
            json!({ "documents": documents, "query": "q", "topN": 1 }),
            "/v1/rerank",
            "rerank",
            2_000_000,
        ),
        ("speech", "speaker", json!({ "text": "玉门" }), "/v1/audio/speech", "speech", 30_000),
        (
            "transcription",
            "whisper",
            json!({ "audio": "UklGRg==", "mediaType": "audio/wav" }),
            "/v1/audio/transcriptions",
            "transcription",
            847_000,
        ),
    ] {
        for base in ["/v1/ai", "/v2/ai", "/v3/ai", "/v4/ai"] {
            let answer =
                ask(gateway.client(), base, kind, &format!("one/{model}"), &body).await.expect_status(200);
            assert_eq!(answer.header("content-type"), "application/json");
            let sent = upstream.last();
            assert_eq!((&*sent.path, sent.model()), (path, model.to_owned()));
            let told = answer.json();
            let gateway_said = &told["providerMetadata"]["gateway"];
            assert_eq!(gateway_said["routing"]["finalProvider"], "one");
            let record = record(&gateway, &answer).await;
            assert_eq!(
                (&record["api_type"], &record["cost_nanos"]),
                (&json!(operation), &json!(cost)),
                "{record}"
            );
            assert_eq!(gateway_said["cost"], yumen_llm_dollars(cost));
        }
    }
}

/// Nano-dollars as the answers say them.
fn yumen_llm_dollars(nanos: u64) -> String {
    let text = format!("{}.{:09}", nanos / 1_000_000_000, nanos % 1_000_000_000);
    text.trim_end_matches('0').to_owned()
}

#[tokio::test]
async fn what_is_answered_is_what_the_sdk_reads() {
    let upstream = Upstream::start().await;
    let gateway = gateway(&upstream).await;
    let body = json!({ "prompt": "p", "n": 2, "seed": 7 });
    let answer = asked(&gateway, "image", "one/painter", &body).await;
    assert_eq!(answer.header("x-yumen-lossy"), "seed");
    let told = answer.json();
    assert_eq!(told["images"], json!([PIXEL, PIXEL]));
    assert_eq!(told["warnings"], json!([{ "type": "unsupported", "feature": "seed" }]));
    assert_eq!(upstream.last().json()["response_format"], "b64_json");

    let body = json!({ "documents": { "type": "text", "values": ["a", "b"] }, "query": "q" });
    let told = asked(&gateway, "reranking", "one/judge", &body).await.json();
    assert_eq!(told["ranking"][0], json!({ "index": 1, "relevanceScore": 0.9 }));

    let told = asked(&gateway, "speech", "one/speaker", &json!({ "text": "hi", "outputFormat": "wav" }))
        .await
        .json();
    assert!(told["audio"].as_str().unwrap().starts_with("UklGR"));
    assert_eq!(upstream.last().header("accept"), "*/*");

    let body = json!({ "audio": "UklGRg==", "mediaType": "audio/wav" });
    let told = asked(&gateway, "transcription", "one/whisper", &body).await.json();
    assert_eq!((&told["text"], &told["language"]), (&json!(TEXT), &json!("english")));
    assert_eq!(upstream.last().part("file").unwrap(), "RIFF");
}

#[tokio::test]
async fn pictures_at_addresses_are_brought_both_ways() {
    let upstream = Upstream::start().await;
    let gateway = gateway(&upstream).await;
    let base = upstream.plain_base();
    let address = format!("{base}/gate");
    let there = address.clone();
    upstream.script(move |request| match request.path.as_str() {
        "/gate" => Some(Reply::whole(200, "text/plain", PICTURE)),
        "/v1/images/generations" => Some(Reply::json(200, &json!({ "data": [{ "url": there }] }))),
        _ => None,
    });
    let told = asked(&gateway, "image", "one/painter", &json!({ "prompt": "p", "n": 1 })).await.json();
    assert_eq!(told["images"], json!([PICTURE_BASE64]));
    let body = json!({ "prompt": "p", "n": 1, "files": [{ "type": "url", "url": address }] });
    asked(&gateway, "image", "one/painter", &body).await;
    assert_eq!(upstream.last().part("image").unwrap(), PICTURE);
    // What is no picture is none, on either side.
    upstream.script(move |request| {
        let elsewhere = json!({ "data": [{ "url": format!("{base}/page") }] });
        match request.path.as_str() {
            "/v1/images/generations" => Some(Reply::json(200, &elsewhere)),
            "/page" => Some(Reply::whole(200, "image/png", "<html>")),
            _ => None,
        }
    });
    let body = json!({ "prompt": "p", "n": 1 });
    let answer = ask(gateway.client(), "/v4/ai", "image", "one/painter", &body).await.expect_status(502);
    let error = &answer.json()["error"];
    assert!(error["message"].as_str().unwrap().contains("neither a picture nor"), "{error}");
    assert_eq!(error["type"], "failed_dependency");
}

#[tokio::test]
async fn permissions_fallbacks_and_complaints_are_those_of_every_request() {
    let upstream = Upstream::start().await;
    let gateway = gateway(&upstream).await;
    let body = json!({ "prompt": "p", "n": 1 });
    let answer = asked(&gateway, "image", "falls", &body).await;
    let attempts = record(&gateway, &answer).await["provider_responses"].clone();
    assert_eq!((&attempts[0]["status"], &attempts[1]["status"]), (&json!(500), &json!(200)));
    let further =
        json!({ "prompt": "p", "n": 1, "providerOptions": { "gateway": { "models": ["one/painter"] } } });
    asked(&gateway, "image", "one/fake-500", &further).await;

    let narrow = gateway.anonymous().key(NARROW);
    let denied = ask(narrow, "/v4/ai", "image", "one/painter", &body).await;
    assert_eq!((denied.status, &denied.json()["error"]["type"]), (403, &json!("forbidden")));
    for (kind, model, body, complaint) in [
        ("image", "one/painter", json!({ "n": 1 }), "`prompt` is missing"),
        ("image", "one/painter", json!({ "prompt": ["p"] }), "`prompt` must be a string"),
        ("image", "one/painter", json!({ "files": [{ "type": "file" }] }), "files[0].mediaType: is required"),
        (
            "reranking",
            "one/judge",
            json!({ "documents": ["a"], "query": "q" }),
            "`documents` must be an object",
        ),
        ("speech", "one/speaker", json!({ "text": 1 }), "`text` must be a string"),
        (
            "transcription",
            "one/whisper",
            json!({ "audio": "?", "mediaType": "audio/wav" }),
            "audio: is not base64",
        ),
    ] {
        let answer = ask(gateway.client(), "/v4/ai", kind, model, &body).await.expect_status(400);
        let message = answer.json()["error"]["message"].as_str().unwrap().to_owned();
        assert!(message.contains(complaint), "{kind}: {message}");
    }
    // A model that does something else is asked for nothing.
    let before = upstream.counts().received;
    let answer = ask(gateway.client(), "/v4/ai", "speech", "one/judge", &json!({ "text": "hi" })).await;
    assert!((400..500).contains(&answer.status), "{}", answer.text());
    assert_eq!(upstream.counts().received, before);
}

#[tokio::test]
async fn models_are_listed_as_what_they_are() {
    let upstream = Upstream::start().await;
    let gateway = gateway(&upstream).await;
    let models = gateway.client().get("/v4/ai/config").await.expect_status(200).json()["models"].clone();
    for (model, kind) in
        [("painter", "image"), ("judge", "reranking"), ("speaker", "speech"), ("whisper", "transcription")]
    {
        let name = format!("one/{model}");
        let entry = models.as_array().unwrap().iter().find(|entry| entry["id"] == *name).unwrap();
        assert_eq!(entry["modelType"], kind);
    }
}
