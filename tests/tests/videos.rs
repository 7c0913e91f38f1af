//! Videos over real sockets: asked of a model, then asked after by id, each by the key that had it made and by no other.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test ends where its ground gives way"
)]

use http::Method;
use serde_json::{Value, json};
use yumen_testkit::{Answer, Client, Gateway, KEY, Reply, Upstream, form};
use yumen_tests::{FakeVideos, VIDEO, error_code, record_of};

const VIDEOS: &str = "/v1/videos";
const OTHER: &str = "sk-yu-other-0123456789abcdefghijklmno";
const BOUNDARY: &str = "----yumen7MA4YWxkTrZu0gW";

fn config(upstream: &Upstream) -> String {
    let base = upstream.openai_base();
    let models = "clip: { price: { video_second: \"0.1\" } }, unpriced: {}, fake-429: {}, fake-500: {}";
    format!(
        "gateway: {{ listen: \"127.0.0.1:0\" }}\nadmin: {{ listen: \"127.0.0.1:0\" }}\nproviders:\n\
         \x20 one: {{ type: openai-compatible, base_url: \"{base}\", credentials: [ {{ secret: first-secret }}, {{ secret: second-secret }} ], models: {{ {models} }} }}\n\
         \x20 two: {{ type: openai-compatible, base_url: \"{base}\", credentials: [ {{ secret: third-secret }} ], models: {{ {models} }} }}\n\
         models:\n  film: {{ deployments: [ {{ provider: one, model: clip }} ] }}\n\
         \x20 falls: {{ deployments: [ {{ provider: one, model: fake-500 }} ], fallbacks: [ two/clip ] }}\n\
         keys:\n  - {{ name: test, secret: \"{KEY}\", models: [\"*\"] }}\n  - {{ name: other, secret: \"{OTHER}\", models: [film] }}\n"
    )
}

async fn pair() -> (Upstream, Gateway) {
    let upstream = Upstream::start().await;
    let videos = FakeVideos::default();
    upstream.script(move |request| videos.answer(request));
    let gateway = Gateway::start(&config(&upstream)).await;
    (upstream, gateway)
}

async fn record(client: &Client, answer: &Answer) -> Value {
    record_of(client, answer.header("x-generation-id")).await
}

fn asked(model: &str) -> Value {
    json!({ "model": model, "prompt": "a gate in the west", "seconds": "8", "odd": [1.0] })
}

fn id_of(answer: &Answer) -> String {
    answer.json()["id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_video_from_its_prompt_to_its_end() {
    let (upstream, gateway) = pair().await;
    let client = gateway.client();
    let made = client.post(VIDEOS, &asked("film")).await.expect_status(200);
    let sent = upstream.last();
    assert_eq!((sent.path.as_str(), &sent.json()), ("/v1/videos", &asked("clip")));
    let account = sent.header("authorization").to_owned();
    assert_eq!(made.json()["status"], "queued");
    let told = record(&client, &made).await;
    assert_eq!((&told["api_type"], &told["provider_name"]), (&json!("video_generation"), &json!("one")));
    assert_eq!((&told["cost_nanos"], &told["units"]), (&json!(800_000_000), &json!({ "video_ms": 8000 })));
    let path = format!("{VIDEOS}/{}", id_of(&made));
    assert_eq!(told["upstream_id"], id_of(&made));
    for status in ["in_progress", "completed"] {
        let looked = client.get(&path).await.expect_status(200);
        assert_eq!(looked.json()["status"], status);
        assert_eq!(upstream.last().header("authorization"), account, "the account that made it");
        let told = record(&client, &looked).await;
        assert_eq!((&told["api_type"], &told["cost_nanos"]), (&json!("videos"), &Value::Null));
        assert_eq!((&told["outcome"], &told["upstream_id"]), (&json!("completed"), &json!(id_of(&made))));
    }
    let whole = client.get(&format!("{path}/content?variant=video")).await.expect_status(200);
    assert_eq!((whole.header("content-type"), whole.body.as_ref()), ("video/mp4", VIDEO));
    assert_eq!(upstream.last().path, format!("{path}/content?variant=video"));
    let part =
        client.clone().header("range", "bytes=4-7").get(&format!("{path}/content")).await.expect_status(206);
    assert_eq!(part.text(), "ftyp");
    assert_eq!(part.header("content-range"), format!("bytes 4-7/{}", VIDEO.len()));
    let gone = client.send(Method::DELETE, &path, "").await.expect_status(200);
    assert_eq!(gone.json()["deleted"], true);
    assert_eq!(error_code(&client.get(&path).await.expect_status(404)), "object_not_found");
}

#[tokio::test]
async fn a_form_with_a_picture_is_a_prompt_too() {
    let (upstream, gateway) = pair().await;
    let client =
        gateway.client().header("content-type", &format!("multipart/form-data; boundary={BOUNDARY}"));
    let parts = |model| {
        [
            ("prompt", &b"a gate"[..]),
            ("model", model),
            ("seconds", b"12"),
            ("input_reference", &b"\x89PNG\0"[..]),
        ]
    };
    let made = client.send(Method::POST, VIDEOS, form(BOUNDARY, &parts(b"film"))).await.expect_status(200);
    assert_eq!(upstream.last().body, form(BOUNDARY, &parts(b"clip")));
    assert_eq!(record(&client, &made).await["cost_nanos"], 1_200_000_000);
    gateway.client().get(&format!("{VIDEOS}/{}", id_of(&made))).await.expect_status(200);
}

#[tokio::test]
async fn each_key_sees_what_it_had_made_and_nothing_else() {
    let (upstream, gateway) = pair().await;
    let (client, other) = (gateway.client(), gateway.anonymous().key(OTHER));
    // Two accounts of one provider, and a second provider.
    let mut own = Vec::new();
    for model in ["film", "film", "two/clip"] {
        own.push(id_of(&client.post(VIDEOS, &asked(model)).await.expect_status(200)));
    }
    let others = id_of(&other.post(VIDEOS, &asked("film")).await.expect_status(200));
    assert_eq!(
        error_code(&other.post(VIDEOS, &asked("two/clip")).await.expect_status(403)),
        "model_not_allowed"
    );
    let listed = async |client: &Client| {
        let mut ids = Vec::new();
        let mut path = format!("{VIDEOS}?limit=10");
        loop {
            let page = client.get(&path).await.expect_status(200).json();
            let data = page["data"].as_array().unwrap().clone();
            ids.extend(data.iter().map(|job| job["id"].as_str().unwrap().to_owned()));
            match page["has_more"] == true {
                true => path = format!("{VIDEOS}?limit=10&after={}", ids.last().unwrap()),
                false => break,
            }
        }
        ids.sort();
        ids
    };
    own.sort();
    assert_eq!(listed(&client).await, own);
    assert_eq!(listed(&other).await, std::slice::from_ref(&others));
    let before = upstream.counts().received;
    for (method, end) in [(Method::GET, ""), (Method::GET, "/content"), (Method::DELETE, "")] {
        let answer = client.send(method, &format!("{VIDEOS}/{others}{end}"), "").await;
        assert_eq!((answer.status, error_code(&answer)), (404, "object_not_found".into()));
    }
    let remix = client.post(&format!("{VIDEOS}/{others}/remix"), &json!({ "prompt": "p" })).await;
    assert_eq!(remix.status, 404);
    for odd in ["..", "a%2Fb", "a b"] {
        let path = format!("{VIDEOS}/{}", odd.replace(' ', "%20"));
        assert_eq!(client.get(&path).await.status, 404, "{odd}");
    }
    assert_eq!(upstream.counts().received, before, "nobody was asked");
    assert_eq!(gateway.anonymous().get(VIDEOS).await.status, 401);
}

#[tokio::test]
async fn a_remix_is_charged_and_owned_like_its_source() {
    let (upstream, gateway) = pair().await;
    let client = gateway.client();
    let source = client.post(VIDEOS, &asked("film")).await.expect_status(200);
    let account = upstream.last().header("authorization").to_owned();
    let path = format!("{VIDEOS}/{}/remix", id_of(&source));
    let made = client.post(&path, &json!({ "prompt": "at night" })).await.expect_status(200);
    assert_eq!(
        (made.json()["remixed_from_video_id"].as_str().unwrap(), upstream.last().header("authorization")),
        (id_of(&source).as_str(), account.as_str())
    );
    let told = record(&client, &made).await;
    assert_eq!((&told["api_type"], &told["cost_nanos"]), (&json!("video_generation"), &json!(800_000_000)));
    assert_eq!((&told["units"], &told["model"]), (&json!({ "video_ms": 8000 }), &json!("clip")));
    client.get(&format!("{VIDEOS}/{}", id_of(&made))).await.expect_status(200);
    for body in [json!({ "prompt": "p", "model": "other" }), json!({ "prompt": "p", "MODEL": "other" })] {
        assert_eq!(client.post(&path, &body).await.status, 400);
    }
    assert_eq!(client.clone().header("content-type", "text/plain").post(&path, &json!({})).await.status, 400);
    // The permission is asked for anew: this key lost the model meanwhile.
    let other = gateway.anonymous().key(OTHER);
    let source = other.post(VIDEOS, &asked("film")).await.expect_status(200);
    let narrowed = config(&upstream).replace("models: [film]", "models: [clip]");
    std::fs::write(gateway.config_path(), narrowed).unwrap();
    let path = format!("{VIDEOS}/{}", id_of(&source));
    let refused = async || {
        let answer = other.post(&format!("{path}/remix"), &json!({ "prompt": "p" })).await;
        (error_code(&answer) == "model_not_allowed").then_some(())
    };
    yumen_testkit::eventually("the refusal", refused).await;
    other.get(&path).await.expect_status(200);
}

#[tokio::test]
async fn a_video_that_failed_is_told_by_a_record_and_what_is_not_told_has_no_cost() {
    let (upstream, gateway) = pair().await;
    let client = gateway.client();
    let mut body = asked("film");
    body["prompt"] = json!("please fail");
    let made = client.post(VIDEOS, &body).await.expect_status(200);
    let path = format!("{VIDEOS}/{}", id_of(&made));
    client.get(&path).await.expect_status(200);
    let failed = client.get(&path).await.expect_status(200);
    assert_eq!(failed.json()["status"], "failed");
    let told = record(&client, &failed).await;
    assert_eq!((&told["outcome"], &told["error_code"]), (&json!("failed"), &json!("job_failed")));
    assert_eq!((&told["upstream_id"], &told["cost_nanos"]), (&json!(id_of(&made)), &Value::Null));
    assert_eq!(
        record(&client, &made).await["cost_nanos"],
        800_000_000,
        "what was charged stands where it was"
    );
    let unpriced = client.post(VIDEOS, &asked("one/unpriced")).await.expect_status(200);
    assert_eq!(record(&client, &unpriced).await["cost_nanos"], Value::Null);
    upstream
        .script(|_| Some(Reply::json(200, &json!({ "id": "v1", "object": "video", "status": "queued" }))));
    let silent = client.post(VIDEOS, &asked("film")).await.expect_status(200);
    assert_eq!(record(&client, &silent).await["cost_nanos"], Value::Null);
}

#[tokio::test]
async fn faults_are_told_and_an_answer_without_an_id_is_none() {
    let (upstream, gateway) = pair().await;
    let client = gateway.client();
    let made = client.post(VIDEOS, &asked("falls")).await.expect_status(200);
    assert_eq!(record(&client, &made).await["provider_name"], "two");
    assert_eq!(client.post(VIDEOS, &asked("one/fake-429")).await.status, 429);
    assert_eq!(
        error_code(&client.post(VIDEOS, &json!({ "model": "film" })).await.expect_status(400)),
        "invalid_request"
    );
    for (body, code) in
        [("{\"object\":\"video\"}", "upstream_invalid"), ("{\"id\":\"a/b\"}", "upstream_invalid")]
    {
        upstream.script(move |_| Some(Reply::whole(200, "application/json", body)));
        let answer = client.post(VIDEOS, &asked("film")).await;
        assert_eq!((answer.status, error_code(&answer).as_str()), (502, code));
        assert_eq!(record(&client, &answer).await["outcome"], "failed");
    }
    // One that the key has already stays where it was; no second one has the same id.
    upstream.script(move |_| Some(Reply::json(200, &json!({ "id": "same", "seconds": "4" }))));
    client.post(VIDEOS, &asked("film")).await.expect_status(200);
    let other = gateway.anonymous().key(OTHER);
    let second = other.post(VIDEOS, &asked("film")).await;
    assert_eq!((second.status, error_code(&second)), (502, "upstream_invalid".into()));
    assert_eq!(
        record(&other, &second).await["cost_nanos"],
        400_000_000,
        "the provider has begun it all the same"
    );
}

#[tokio::test]
async fn what_is_owned_survives_a_restart() {
    let (_upstream, gateway) = pair().await;
    let made = gateway.client().post(VIDEOS, &asked("film")).await.expect_status(200);
    let gateway = gateway.kill().start().await;
    let looked = gateway.client().get(&format!("{VIDEOS}/{}", id_of(&made))).await.expect_status(200);
    assert_eq!(looked.json()["id"], id_of(&made));
    let told = record(&gateway.client(), &made).await;
    assert_eq!(told["cost_nanos"], 800_000_000);
}
