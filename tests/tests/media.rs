//! Pictures, sound, moderations and rerankings over real sockets: they pass through with the whole life of a request.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test ends where its ground gives way"
)]

use bytes::Bytes;
use http::Method;
use serde_json::{Value, json};
use yumen_testkit::{Answer, Client, Gateway, KEY, Reply, Step, Upstream, form};
use yumen_tests::{TEXT, error_code, payloads, record_of};

const BOUNDARY: &str = "----yumen7MA4YWxkTrZu0gW";
const IMAGES: &str = "/v1/images/generations";
const EDITS: &str = "/v1/images/edits";
const SPEECH: &str = "/v1/audio/speech";
const TRANSCRIPTIONS: &str = "/v1/audio/transcriptions";

/// Two providers on one upstream, aliases with fallbacks, and a key for some models only.
async fn pair() -> (Upstream, Gateway) {
    let upstream = Upstream::start().await;
    let models = "fake-chat: {}, fake-500: {}, fake-429: {}, fake-no-usage: { price: { image: \"0.04\", audio_hour: \"0.36\", search: \"0.002\" } }, \
                  by-token: { price: { input: \"5\", output: \"40\", image_input: \"10\" } }, by-character: { price: { characters: \"15\" } }, \
                  by-hour: { price: { audio_hour: \"0.36\" } }, by-search: { price: { search: \"0.002\" } }, by-image: { price: { image: \"0.04\" } }, \
                  free: { price: { input: 0 } }";
    let base = upstream.openai_base();
    let provider = |name: &str| {
        format!(
            "  {name}: {{ type: openai-compatible, base_url: \"{base}\", credentials: [ {{ secret: upstream-secret-{name} }} ], models: {{ {models} }} }}\n"
        )
    };
    let config = format!(
        "gateway: {{ listen: \"127.0.0.1:0\" }}\nadmin: {{ listen: \"127.0.0.1:0\" }}\nproviders:\n{}{}\
         models:\n  studio: {{ deployments: [ {{ provider: one, model: by-token }} ] }}\n\
         \x20 falls: {{ deployments: [ {{ provider: one, model: fake-500 }} ], fallbacks: [ two/fake-chat ] }}\n\
         \x20 omni-moderation-latest: {{ deployments: [ {{ provider: one, model: free }} ] }}\n\
         keys:\n  - {{ name: test, secret: \"{KEY}\", models: [\"*\"] }}\n  - {{ name: narrow, secret: \"{NARROW}\", models: [studio] }}\n",
        provider("one"),
        provider("two"),
    );
    let gateway = Gateway::start(&config).await;
    (upstream, gateway)
}

const NARROW: &str = "sk-yu-narrow-0123456789abcdefghijklmn";

/// Sends a form with these parts.
async fn send_form(client: Client, path: &str, parts: &[(&str, &[u8])]) -> Answer {
    let client = client.header("content-type", &format!("multipart/form-data; boundary={BOUNDARY}"));
    client.send(Method::POST, path, form(BOUNDARY, parts)).await
}

async fn record(gateway: &Gateway, answer: &Answer) -> Value {
    record_of(&gateway.client(), answer.header("x-generation-id")).await
}

#[tokio::test]
async fn every_path_passes_through_with_the_providers_own_model() {
    let (upstream, gateway) = pair().await;
    let client = gateway.client();
    let speech = json!({ "model": "one/fake-chat", "input": "玉门 gate", "voice": "alloy", "x": [1.0] });
    for (path, body, operation) in [
        (IMAGES, json!({ "model": "one/fake-chat", "prompt": "a gate", "n": 2 }), "image_generation"),
        (
            EDITS,
            json!({ "model": "one/fake-chat", "prompt": "p", "images": [{ "image_url": "u" }] }),
            "image_edit",
        ),
        (SPEECH, speech, "speech"),
        ("/v1/moderations", json!({ "model": "one/fake-chat", "input": ["a", "b"] }), "moderation"),
        ("/v1/rerank", json!({ "model": "one/fake-chat", "query": "q", "documents": ["a", "b"] }), "rerank"),
        ("/v2/rerank", json!({ "model": "one/fake-chat", "query": "q", "documents": ["a", "b"] }), "rerank"),
    ] {
        for prefix in ["", "/api"].into_iter().filter(|prefix| prefix.is_empty() || path.starts_with("/v1")) {
            let answer = client.post(&format!("{prefix}{path}"), &body).await.expect_status(200);
            let sent = upstream.last();
            let mut expected = body.clone();
            expected["model"] = json!("fake-chat");
            assert_eq!(sent.json(), expected, "{path}");
            assert_eq!(sent.path, path.replace("/v2/", "/v1/"));
            assert_eq!(sent.header("authorization"), "Bearer upstream-secret-one");
            let record = record(&gateway, &answer).await;
            assert_eq!((&record["api_type"], &record["provider_name"]), (&json!(operation), &json!("one")));
            assert_eq!(record["outcome"], "completed", "{path}");
        }
    }
    for (path, name) in [
        (EDITS, "image[]"),
        ("/v1/images/variations", "image"),
        (TRANSCRIPTIONS, "file"),
        ("/v1/audio/translations", "file"),
    ] {
        let file: &[u8] = b"\x89PNG\r\n\x1a\n\0--not-it\r\n";
        let parts = |model| [("model", model), (name, file), ("prompt", &b"a gate"[..])];
        let answer = send_form(client.clone(), path, &parts(b"one/fake-chat")).await.expect_status(200);
        let sent = upstream.last();
        assert_eq!(sent.body, form(BOUNDARY, &parts(b"fake-chat")), "{path}");
        assert_eq!(sent.header("content-type"), format!("multipart/form-data; boundary={BOUNDARY}"));
        assert!(answer.header("content-type").starts_with("application/json"));
        // The model may come last, and its value is still the only thing that changes.
        let parts = |model| [(name, file), ("model", model)];
        send_form(client.clone(), path, &parts(b"studio")).await.expect_status(200);
        assert_eq!(upstream.last().body, form(BOUNDARY, &parts(b"by-token")), "{path}");
    }
}

#[tokio::test]
async fn answers_come_in_the_form_in_which_they_were_given() {
    let (_upstream, gateway) = pair().await;
    let client = gateway.client();
    let pictures =
        client.post(IMAGES, &json!({ "model": "studio", "prompt": "p", "n": 3 })).await.expect_status(200);
    assert_eq!(pictures.json()["data"].as_array().unwrap().len(), 3);
    let spoken = json!({ "model": "one/by-character", "input": "hi", "response_format": "wav" });
    let sound = client.post(SPEECH, &spoken).await.expect_status(200);
    assert_eq!((sound.header("content-type"), sound.body.len()), ("audio/wav", 844));
    assert!(sound.body.starts_with(b"RIFF"));
    for (format, kind, begins) in [
        ("json", "application/json", "{"),
        ("verbose_json", "application/json", "{"),
        ("text", "text/plain; charset=utf-8", TEXT),
        ("srt", "text/plain; charset=utf-8", "1\n00:00:00,000"),
        ("vtt", "text/vtt", "WEBVTT"),
    ] {
        let parts: [(&str, &[u8]); 3] =
            [("file", b"RIFF"), ("model", b"one/by-hour"), ("response_format", format.as_bytes())];
        let answer = send_form(client.clone(), TRANSCRIPTIONS, &parts).await.expect_status(200);
        assert_eq!(answer.header("content-type"), kind, "{format}");
        assert!(answer.text().starts_with(begins) && answer.text().contains("玉门"), "{format}");
    }
}

#[tokio::test]
async fn what_is_used_is_charged_by_what_it_is_sold_by() {
    let (_upstream, gateway) = pair().await;
    let client = gateway.client();
    let file: (&str, &[u8]) = ("file", b"RIFF");
    let transcribe = async |model: &str, format: &str| {
        let parts = [file, ("model", model.as_bytes()), ("response_format", format.as_bytes())];
        let answer = send_form(client.clone(), TRANSCRIPTIONS, &parts).await.expect_status(200);
        record(&gateway, &answer).await
    };
    let ask = async |path: &str, body: Value| {
        let answer = client.post(path, &body).await.expect_status(200);
        record(&gateway, &answer).await
    };
    let pictures = |model: &str| json!({ "model": model, "prompt": "p", "n": 3 });
    let documents = |model: &str| json!({ "model": model, "query": "q", "documents": ["a"] });
    let spoken = |model: &str| json!({ "model": model, "input": "玉门 \u{1F600}!" });
    // The first gives the cost in nano-dollars.
    for (record, cost, units) in [
        // 10 text tokens at 5, 40 of pictures at 10, 100 made at 40 dollars per million.
        (ask(IMAGES, pictures("studio")).await, Some(4_450_000), json!({ "images": 3 })),
        (ask(IMAGES, pictures("one/by-image")).await, Some(120_000_000), json!({ "images": 3 })),
        (ask(SPEECH, spoken("one/by-character")).await, Some(75_000), json!({ "characters": 5 })),
        (transcribe("one/by-hour", "json").await, Some(900_000), json!({ "audio_ms": 9000 })),
        (transcribe("one/by-hour", "verbose_json").await, Some(847_000), json!({ "audio_ms": 8470 })),
        (ask("/v1/rerank", documents("one/by-search")).await, Some(2_000_000), json!({ "searches": 1 })),
        (ask("/v1/moderations", json!({ "input": "a" })).await, Some(0), json!({})),
        // Nobody says how long it was, or how many searches it took.
        (transcribe("one/by-hour", "srt").await, None, json!({})),
        (transcribe("one/fake-no-usage", "json").await, None, json!({})),
        (ask("/v1/rerank", documents("one/fake-no-usage")).await, None, json!({})),
        // Nor how many tokens the sound was.
        (ask(SPEECH, spoken("studio")).await, None, json!({ "characters": 5 })),
    ] {
        assert_eq!(record["cost_nanos"], json!(cost), "{record}");
        assert_eq!(record["units"], units, "{record}");
    }
    let sound = ask(SPEECH, spoken("one/by-character")).await;
    assert_eq!((&sound["tokens_prompt"], &sound["tokens_source"]), (&json!(0), &json!("none")));
    let told = ask(IMAGES, pictures("studio")).await;
    assert_eq!((&told["tokens_prompt"], &told["tokens_completion"]), (&json!(50), &json!(100)));
    let moderated = ask("/v1/moderations", json!({ "input": "some words to look at" })).await;
    assert_eq!(moderated["tokens_source"], "estimated");
}

#[tokio::test]
async fn another_deployment_takes_over_before_the_first_content() {
    let (upstream, gateway) = pair().await;
    let client = gateway.client();
    let file: Vec<u8> = vec![7; 100_000];
    let parts: [(&str, &[u8]); 2] = [("file", &file), ("model", b"falls")];
    let answer = send_form(client.clone(), TRANSCRIPTIONS, &parts).await.expect_status(200);
    let [first, second] = &upstream.requests()[..] else { panic!("two requests") };
    assert_eq!((first.model(), second.model()), ("fake-500".into(), "fake-chat".into()));
    assert_eq!(first.part("file"), second.part("file"));
    assert_eq!(second.header("authorization"), "Bearer upstream-secret-two");
    let attempts = record(&gateway, &answer).await["provider_responses"].clone();
    assert_eq!((&attempts[0]["status"], &attempts[1]["status"]), (&json!(500), &json!(200)));
    // What broke off before anything came, is empty, or is no sound at all is no answer either.
    for bad in [
        Reply::whole(200, "text/html", "<html>busy</html>"),
        Reply::whole(200, "audio/mpeg", ""),
        Reply::flow("audio/mpeg", ["never sent"]).insert(0, Step::Cut),
        Reply::whole(200, "application/json", "{\"error\":{\"message\":\"no\",\"code\":500}}"),
        Reply::whole(200, "application/json", "oops"),
    ] {
        upstream.script(move |request| (request.model() == "fake-500").then(|| bad.clone()));
        let body = json!({ "model": "falls", "input": "hi" });
        let answer = client.post(SPEECH, &body).await.expect_status(200);
        assert_eq!((answer.header("content-type"), answer.body.len()), ("audio/mpeg", 844));
    }
}

#[tokio::test]
async fn speech_is_heard_while_it_is_spoken_and_nothing_is_held() {
    let (upstream, gateway) = pair().await;
    let client = gateway.client();
    let piece = Bytes::from(vec![1_u8; 1000]);
    let pieces = [piece.clone(), piece.clone()];
    upstream.script(move |_| Some(Reply::flow("audio/opus", pieces.clone()).insert(1, Step::Gate)));
    let body = json!({ "model": "one/by-character", "input": "hello" });
    let mut answer = client.open(SPEECH, &body).await;
    assert_eq!(answer.status, 200);
    let first = answer.next_frame().await.unwrap().unwrap();
    assert_eq!(first, piece, "the first bytes are there while the rest is not spoken yet");
    upstream.open_gate();
    let rest = answer.collect().await;
    assert_eq!(rest.body.len(), 1000);
    let told = record(&gateway, &rest).await;
    assert_eq!((&told["cost_nanos"], &told["outcome"]), (&json!(75_000), &json!("completed")));
}

#[tokio::test]
async fn streams_pass_event_by_event() {
    let (_upstream, gateway) = pair().await;
    let client = gateway.client();
    let types = |events: &[Value]| -> Vec<String> {
        events.iter().map(|event| event["type"].as_str().unwrap().to_owned()).collect()
    };
    let body = json!({ "model": "studio", "prompt": "p", "stream": true, "partial_images": 2 });
    let answer = client.post(IMAGES, &body).await.expect_status(200);
    assert!(answer.header("content-type").starts_with("text/event-stream"));
    let events = payloads(&answer.events());
    let partial = "image_generation.partial_image";
    assert_eq!(types(&events), [partial, partial, "image_generation.completed"]);
    let told = record(&gateway, &answer).await;
    assert_eq!((&told["cost_nanos"], &told["units"]), (&json!(4_450_000), &json!({ "images": 1 })));
    assert_eq!((&told["finish_reason"], &told["streamed"]), (&json!("completed"), &json!(true)));

    let parts: [(&str, &[u8]); 3] = [("file", b"RIFF"), ("model", b"studio"), ("stream", b"true")];
    let answer = send_form(client.clone(), TRANSCRIPTIONS, &parts).await.expect_status(200);
    let events = payloads(&answer.events());
    let text: String = events.iter().filter_map(|event| event["delta"].as_str()).collect();
    assert_eq!(
        (text.as_str(), events.last().unwrap()["type"].as_str()),
        (TEXT, Some("transcript.text.done"))
    );
    // 14 tokens in at 5, 2 out at 40 dollars per million.
    assert_eq!(record(&gateway, &answer).await["cost_nanos"], 150_000);

    let body = json!({ "model": "studio", "input": "hi", "stream_format": "sse" });
    let answer = client.post(SPEECH, &body).await.expect_status(200);
    assert_eq!(types(&payloads(&answer.events())).last().unwrap(), "speech.audio.done");
    assert_eq!(record(&gateway, &answer).await["tokens_completion"], 101);

    // A model that cannot stream answers as a whole, and so it passes.
    let parts: [(&str, &[u8]); 4] =
        [("image", b"\x89PNG"), ("model", b"studio"), ("stream", b"false"), ("n", b"2")];
    let answer = send_form(client, EDITS, &parts).await.expect_status(200);
    assert_eq!(answer.json()["data"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn a_stream_that_breaks_off_says_so() {
    let (upstream, gateway) = pair().await;
    let client = gateway.client();
    let body = json!({ "model": "studio", "prompt": "p", "stream": true });
    upstream.script(|_| {
        let events = ["event: image_generation.partial_image\ndata: {\"type\":\"image_generation.partial_image\",\"b64_json\":\"AA==\"}\n\n"; 2];
        Some(Reply::stream(events).insert(1, Step::Cut))
    });
    let answer = client.post(IMAGES, &body).await.expect_status(200);
    let errors = answer.events().iter().filter(|event| event.data.contains("\"error\"")).count();
    assert_eq!(errors, 1, "{}", answer.text());
    let told = record(&gateway, &answer).await;
    assert_eq!((&told["outcome"], &told["cost_nanos"]), (&json!("failed"), &Value::Null));
}

#[tokio::test]
async fn a_key_for_some_models_cannot_reach_others() {
    let (upstream, gateway) = pair().await;
    let narrow = || Client::new(gateway.address()).key(NARROW);
    let file: (&str, &[u8]) = ("file", b"RIFF");
    let image = json!({ "model": "one/by-image", "prompt": "p" });
    assert_eq!(error_code(&narrow().post(IMAGES, &image).await.expect_status(403)), "model_not_allowed");
    let moderation = narrow().post("/v1/moderations", &json!({ "input": "x" })).await.expect_status(403);
    assert_eq!(error_code(&moderation), "model_not_allowed");
    for (parts, status, code) in [
        (vec![file, ("model", &b"one/by-hour"[..])], 403, "model_not_allowed"),
        (vec![file, ("model", b"studio"), ("model", b"one/by-hour")], 400, "ambiguous_field"),
        (vec![file, ("model", b"studio"), ("Model", b"one/by-hour")], 400, "ambiguous_field"),
        (vec![file, ("model", b"studio"), ("model[]", b"one/by-hour")], 400, "ambiguous_field"),
        (vec![file, ("model", b"studio"), ("models", b"[\"x\"]")], 400, "invalid_request"),
        (vec![file, ("model", b"studio"), ("fallback_model", b"x")], 403, "model_not_allowed"),
        (vec![file, ("model", b"studio\r\nx")], 400, "invalid_request"),
    ] {
        let answer = send_form(narrow(), TRANSCRIPTIONS, &parts).await.expect_status(status);
        assert_eq!(error_code(&answer), code, "{parts:?}");
    }
    assert_eq!(upstream.requests().len(), 0);
    send_form(narrow(), TRANSCRIPTIONS, &[file, ("model", b"studio")]).await.expect_status(200);
    Client::new(gateway.address()).post(IMAGES, &image).await.expect_status(401);
}

#[tokio::test]
async fn what_is_wrong_with_a_request_is_said() {
    let (upstream, gateway) = pair().await;
    let good = form(BOUNDARY, &[("model", b"studio"), ("file", b"RIFF")]);
    let kind = format!("multipart/form-data; boundary={BOUNDARY}");
    let cut = good[..good.len() - 6].to_vec();
    for (path, kind, body, status, code) in [
        (
            TRANSCRIPTIONS,
            "application/x-www-form-urlencoded",
            b"model=studio".to_vec(),
            415,
            "unsupported_media_type",
        ),
        (TRANSCRIPTIONS, "multipart/form-data", good.clone(), 400, "invalid_form"),
        (TRANSCRIPTIONS, "multipart/form-data; boundary=other", good.clone(), 400, "invalid_form"),
        (TRANSCRIPTIONS, &kind, cut, 400, "invalid_form"),
        (TRANSCRIPTIONS, &kind, Vec::new(), 400, "invalid_form"),
        (TRANSCRIPTIONS, "application/json", good.clone(), 400, "invalid_json"),
        (TRANSCRIPTIONS, "application/json", b"{\"model\":\"studio\"}".to_vec(), 400, "invalid_request"),
        (TRANSCRIPTIONS, &kind, form(BOUNDARY, &[("file", b"RIFF")]), 400, "invalid_request"),
        (TRANSCRIPTIONS, &kind, form(BOUNDARY, &[("model", b"studio")]), 400, "invalid_request"),
        (
            TRANSCRIPTIONS,
            &kind,
            form(BOUNDARY, &[("model", b"studio"), ("file", b"x"), ("stream", b"maybe")]),
            400,
            "invalid_request",
        ),
        (
            TRANSCRIPTIONS,
            &kind,
            form(BOUNDARY, &[("model", b"nobody"), ("file", b"x")]),
            404,
            "model_not_found",
        ),
        ("/v1/images/variations", "application/json", b"{}".to_vec(), 415, "unsupported_media_type"),
        (SPEECH, &kind, good.clone(), 415, "unsupported_media_type"),
        (SPEECH, "application/json", b"{\"model\":\"studio\"}".to_vec(), 400, "invalid_request"),
        (SPEECH, "application/json", b"{\"model\":\"studio\",\"input\":7}".to_vec(), 400, "invalid_request"),
        (IMAGES, "application/json", b"{\"prompt\":\"p\"}".to_vec(), 400, "invalid_request"),
        (
            "/v1/rerank",
            "application/json",
            b"{\"model\":\"studio\",\"query\":\"q\"}".to_vec(),
            400,
            "invalid_request",
        ),
    ] {
        let client = gateway.client().header("content-type", kind);
        let answer = client.send(Method::POST, path, body).await.expect_status(status);
        assert_eq!(error_code(&answer), code, "{path} {kind}: {}", answer.text());
        assert!(answer.json()["error"]["message"].as_str().unwrap().len() > 10);
    }
    assert_eq!(upstream.requests().len(), 0);
    // A model of texts only is refused before anything is sent; an upstream's own refusal is passed on.
    let limited = gateway.client().post(SPEECH, &json!({ "model": "one/fake-429", "input": "x" })).await;
    assert_eq!((limited.status, limited.header("retry-after")), (429, "7"));
}

#[tokio::test]
async fn large_files_pass_in_both_directions() {
    let (upstream, gateway) = pair().await;
    let client = gateway.client();
    let file: Vec<u8> =
        (0..8 << 20).map(|index: u32| (index.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    let parts: [(&str, &[u8]); 2] = [("file", &file), ("model", b"one/by-hour")];
    send_form(client.clone(), TRANSCRIPTIONS, &parts).await.expect_status(200);
    assert_eq!(upstream.last().part("file").unwrap(), file);

    let kind = format!("multipart/form-data; boundary={BOUNDARY}");
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    std::io::Write::write_all(&mut encoder, &form(BOUNDARY, &parts)).unwrap();
    let packed = client.clone().header("content-type", &kind).header("content-encoding", "gzip");
    packed.send(Method::POST, TRANSCRIPTIONS, encoder.finish().unwrap()).await.expect_status(200);
    assert_eq!(upstream.last().part("file").unwrap(), file);
    assert_eq!(upstream.last().header("content-encoding"), "");

    let huge = vec![0_u8; 33 << 20];
    let answer = send_form(client.clone(), TRANSCRIPTIONS, &[("file", &huge), ("model", b"studio")]).await;
    assert_eq!((answer.status, error_code(&answer).as_str()), (413, "body_too_large"));

    // Three pictures of three million characters, whose count and usage stand behind what is kept of them.
    let picture = "iVBORw0KGgo".repeat(300_000);
    let body = json!({ "created": 1, "data": [{ "b64_json": picture }, { "b64_json": picture }, { "b64_json": picture }],
                       "usage": { "input_tokens": 1, "output_tokens": 3, "total_tokens": 4 } });
    let sent = body.clone();
    upstream.script(move |_| Some(Reply::json(200, &sent)));
    let answer = client.post(IMAGES, &json!({ "model": "one/by-image", "prompt": "p", "n": 3 })).await;
    assert_eq!(answer.expect_status(200).json(), body);
    let answer = client.post(IMAGES, &json!({ "model": "one/by-image", "prompt": "p", "n": 3 })).await;
    let told = record(&gateway, &answer).await;
    assert_eq!((&told["units"], &told["cost_nanos"]), (&json!({ "images": 3 }), &json!(120_000_000)));
    assert_eq!(told["tokens_completion"], 3);
}
