//! Calls beside the one that asks: streams that are at an address of their own, answers that are not ready, and pictures that
//! are brought before a request.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test ends where its ground gives way"
)]

use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};
use yumen_testkit::{Gateway, Received, Reply, Step, Upstream, eventually, wide_config};
use yumen_tests::{CHAT, Surface, TEXT, ask, ask_stream, error_code, record_of};

const PREDICTIONS: &str = "/v1/models/fake-chat/predictions";
const MODEL: &str = "fake-replicate/fake-chat";
/// A picture of one byte more than nothing.
const PICTURE: &str = "data:image/png;base64,iVBORw0KGgo=";

async fn pair() -> (Upstream, Gateway) {
    let upstream = Upstream::start().await;
    let gateway = Gateway::start(&wide_config(&upstream)).await;
    (upstream, gateway)
}

fn prediction(status: &str, urls: Value) -> Value {
    json!({ "id": "p-1", "model": "fake-chat", "status": status, "output": null, "error": null, "urls": urls })
}

fn event(name: &str, data: &str) -> String {
    format!("event: {name}\nid: 1:0\ndata: {data}\n\n")
}

fn output() -> Vec<String> {
    let half = TEXT.len() / 2;
    let (first, last) = TEXT.split_at(TEXT.ceil_char_boundary(half));
    vec![event("logs", "loading"), event("output", first), event("output", last), event("done", "{}")]
}

/// Answers predictions that lead to `stream`, and what is asked there.
fn streaming(upstream: &Upstream, stream: String, told: impl Fn(&Received) -> Reply + Send + Sync + 'static) {
    upstream.script(move |request| match request.path.as_str() {
        PREDICTIONS => {
            let urls = json!({ "get": "https://api.replicate.com/v1/predictions/p-1", "stream": stream });
            Some(Reply::json(201, &prediction("starting", urls)))
        }
        "/v1/files/x?token=1" => Some(told(request)),
        _ => None,
    });
}

fn here(upstream: &Upstream) -> String {
    format!("{}/v1/files/x?token=1", upstream.plain_base())
}

#[tokio::test]
async fn a_stream_is_read_where_the_prediction_says_that_it_is() {
    let (upstream, gateway) = pair().await;
    streaming(&upstream, here(&upstream), |_| Reply::stream(output()));
    for surface in [Surface::Chat, Surface::Messages] {
        upstream.forget();
        let answer = surface.ask(&gateway.client(), MODEL, true).await.expect_status(200);
        assert_eq!(surface.stream_text(&answer.events()), TEXT);
        let [asked, read] = upstream.requests().try_into().expect("two calls");
        assert_eq!((asked.header("prefer"), asked.header("accept")), ("respond-async", "application/json"));
        assert_eq!(asked.json()["stream"], true);
        assert_eq!((read.method.as_str(), read.header("accept")), ("GET", "text/event-stream"));
        assert_eq!(read.header("authorization"), "Bearer upstream-replicate-secret");
        assert_eq!((read.header("content-type"), read.body.len()), ("", 0));
        let record = record_of(&gateway.client(), answer.header("x-generation-id")).await;
        assert_eq!((&record["finish_reason"], &record["streamed"]), (&json!("succeeded"), &json!(true)));
        assert!(record["tokens_completion"].as_u64().is_some_and(|count| count > 0), "estimated: {record}");
    }
    // The pieces come as they are put out, and nobody reads on for a client that has left.
    streaming(&upstream, here(&upstream), |_| Reply::stream(output()).insert(2, Step::Gate));
    let mut opened = gateway.client().open(CHAT, &ask_stream(MODEL)).await;
    let mut told = String::new();
    while told.is_empty() {
        let event = opened.next_event().await.expect("a piece").json();
        told.push_str(event["choices"][0]["delta"]["content"].as_str().unwrap_or_default());
    }
    assert!(TEXT.starts_with(&told) && told.len() < TEXT.len(), "{told}");
    drop(opened);
    eventually("the stream is left", async || (upstream.counts().open == 0).then_some(())).await;
}

#[tokio::test]
async fn what_a_stream_says_of_its_failure_is_told() {
    let (upstream, gateway) = pair().await;
    for (events, status, said) in [
        (vec![event("error", "{\"detail\": \"CUDA out of memory\"}")], 500, "CUDA out of memory"),
        (vec![event("error", "no JSON")], 500, "no JSON"),
        (vec![event("done", "{\"reason\": \"canceled\"}")], 500, "cancelled"),
        (vec![":408: 408 Request Timeout\n\n".to_owned()], 502, ""),
    ] {
        let sent = events.clone();
        streaming(&upstream, here(&upstream), move |_| Reply::stream(sent.clone()));
        let mut body = ask_stream(MODEL);
        let answer = gateway.client().post(CHAT, &body).await.expect_status(status);
        assert!(answer.text().contains(said), "{events:?}: {}", answer.text());
        // Nothing was told yet, so that another can take over.
        body["models"] = json!(["fake-openai/fake-chat"]);
        let answer = gateway.client().post(CHAT, &body).await.expect_status(200);
        assert_eq!(Surface::Chat.stream_text(&answer.events()), TEXT);
    }
    streaming(&upstream, here(&upstream), |_| Reply::json(404, &json!({ "detail": "no such stream" })));
    let answer = gateway.client().post(CHAT, &ask_stream(MODEL)).await.expect_status(404);
    assert!(answer.text().contains("no such stream"), "{}", answer.text());
}

#[tokio::test]
async fn the_credential_is_shown_nowhere_else() {
    let (upstream, other) = (Upstream::start().await, Upstream::start().await);
    other.script(|_| Some(Reply::stream(output())));
    let gateway = Gateway::start(&wide_config(&upstream)).await;
    let elsewhere = format!("{}/v1/files/x?token=1", other.plain_base());
    for address in [
        elsewhere.as_str(),
        // The vendor's own places belong to the vendor's own base URL.
        "https://stream.replicate.com/v1/files/x",
        "http://169.254.169.254/latest",
        "file:///etc/passwd",
        "/v1/files/x",
        "",
    ] {
        streaming(&upstream, address.to_owned(), |_| Reply::stream(output()));
        let answer = gateway.client().post(CHAT, &ask_stream(MODEL)).await.expect_status(502);
        assert_eq!(error_code(&answer), "upstream_invalid");
        assert!(address.is_empty() || answer.text().contains("leads_to"), "{}", answer.text());
    }
    // Nor does a redirect lead there.
    let location = elsewhere.clone();
    let moved =
        move |_: &Received| Reply::json(307, &json!({ "detail": "moved" })).header("location", &location);
    streaming(&upstream, here(&upstream), moved);
    let answer = gateway.client().post(CHAT, &ask_stream(MODEL)).await;
    assert!(answer.status >= 400, "{}", answer.text());
    assert_eq!(other.counts().received, 0);
    // Where the operator names the place, it is asked.
    let named = wide_config(&upstream).replacen(
        "    type: replicate\n",
        &format!(
            "    type: replicate\n    dialects: {{ replicate_predictions: {{ leads_to: [\"{}\"] }} }}\n",
            other.plain_base()
        ),
        1,
    );
    let gateway = Gateway::start(&named).await;
    streaming(&upstream, elsewhere, |_| Reply::stream(output()));
    let answer = gateway.client().post(CHAT, &ask_stream(MODEL)).await.expect_status(200);
    assert_eq!(Surface::Chat.stream_text(&answer.events()), TEXT);
    assert_eq!(other.last().header("authorization"), "Bearer upstream-replicate-secret");
}

#[tokio::test]
async fn an_answer_that_is_not_ready_is_asked_for_again() {
    let (upstream, gateway) = pair().await;
    let later = format!("{}/v1/predictions/p-1", upstream.plain_base());
    for (stream, ended, status) in
        [(false, "succeeded", 200), (true, "succeeded", 200), (false, "failed", 500)]
    {
        let (asked, urls) = (AtomicUsize::new(0), json!({ "get": later }));
        upstream.script(move |request| match request.path.as_str() {
            PREDICTIONS => Some(Reply::json(201, &prediction("starting", urls.clone()))),
            "/v1/predictions/p-1" => {
                let is_ready = asked.fetch_add(1, Ordering::Relaxed) > 0;
                let mut told = prediction(if is_ready { ended } else { "processing" }, urls.clone());
                told["output"] = json!([TEXT]);
                if is_ready && ended == "failed" {
                    told["error"] = json!("CUDA out of memory");
                }
                told["metrics"] = json!({ "input_token_count": 21, "output_token_count": 7 });
                Some(Reply::json(200, &told))
            }
            _ => None,
        });
        let mut body = ask(MODEL);
        body["stream"] = json!(stream);
        let answer = gateway.client().post(CHAT, &body).await.expect_status(status);
        match (status, stream) {
            (200, false) => assert_eq!(Surface::Chat.text(&answer), TEXT),
            (200, true) => assert_eq!(Surface::Chat.stream_text(&answer.events()), TEXT),
            _ => assert!(answer.text().contains("CUDA out of memory"), "{}", answer.text()),
        }
        let read = upstream.last();
        assert_eq!((read.method.as_str(), read.header("accept")), ("GET", "application/json"));
        if status == 200 {
            let record = record_of(&gateway.client(), answer.header("x-generation-id")).await;
            assert_eq!(record["tokens_completion"], 7, "{record}");
        }
    }
}

fn with_pictures(model: &str, urls: &[&str]) -> Value {
    let mut body = ask(model);
    let mut parts = vec![json!({ "type": "text", "text": "What is it?" })];
    parts.extend(urls.iter().map(|url| json!({ "type": "image_url", "image_url": { "url": url } })));
    body["messages"][0]["content"] = json!(parts);
    body["user"] = json!("u-1");
    body
}

/// Takes pictures, and gives each a name.
fn taking(upstream: &Upstream, path: &'static str, told: impl Fn(usize) -> Value + Send + Sync + 'static) {
    let taken = AtomicUsize::new(0);
    upstream.script(move |request| {
        let reply = || Reply::json(201, &told(taken.fetch_add(1, Ordering::Relaxed)));
        (request.path == path).then(reply)
    });
}

#[tokio::test]
async fn pictures_are_brought_to_dify_and_named() {
    let (upstream, gateway) = pair().await;
    taking(&upstream, "/v1/files/upload", |number| json!({ "id": format!("f-{number}") }));
    let other = "data:image/jpeg;base64,/9j/4A==";
    let body = with_pictures("fake-dify/fake-chat", &[PICTURE, "https://example.com/a.png", other, PICTURE]);
    let answer = gateway.client().post(CHAT, &body).await.expect_status(200);
    assert_eq!((Surface::Chat.text(&answer).as_str(), answer.header("x-yumen-lossy")), (TEXT, "max_tokens"));
    let [first, second, asked] = upstream.requests().try_into().expect("each picture once, and the question");
    assert_eq!(first.part("file").unwrap(), &b"\x89PNG\r\n\x1a\n"[..]);
    assert_eq!(
        (first.part("user").unwrap(), second.part("file").unwrap()),
        ("u-1".into(), (&b"\xff\xd8\xff\xe0"[..]).into())
    );
    assert_eq!(first.header("authorization"), "Bearer upstream-dify-secret");
    let brought =
        |id: &str| json!({ "type": "image", "transfer_method": "local_file", "upload_file_id": id });
    let remote =
        json!({ "type": "image", "transfer_method": "remote_url", "url": "https://example.com/a.png" });
    assert_eq!(asked.json()["files"], json!([brought("f-0"), remote, brought("f-1"), brought("f-0")]));
    assert_eq!(asked.json()["user"], "u-1");
    // Without a place for it a picture is lost, and that is told.
    let gateway = Gateway::start(&wide_config(&upstream).replace(", upload_path: /files/upload", "")).await;
    let answer = gateway.client().post(CHAT, &body).await.expect_status(200);
    assert!(answer.header("x-yumen-lossy").contains("messages.content.image"));
}

#[tokio::test]
async fn pictures_are_brought_anew_for_another_account() {
    let upstream = Upstream::start().await;
    let (first, second) = ("{ secret: upstream-dify-secret }", "{ secret: upstream-dify-other }");
    let config = wide_config(&upstream).replacen(first, &format!("{first}, {second}"), 1);
    let gateway = Gateway::start(&config).await;
    let account = |request: &Received| request.header("authorization").replace("Bearer upstream-dify-", "");
    let refused = std::sync::Mutex::new(None);
    upstream.script(move |request| {
        let account = account(request);
        if request.path == "/v1/files/upload" {
            return Some(Reply::json(201, &json!({ "id": format!("of-{account}") })));
        }
        // Whoever asks first has no room.
        let mut refused = refused.lock().unwrap();
        let is_refused = *refused.get_or_insert_with(|| account.clone()) == account;
        is_refused.then(|| Reply::json(429, &json!({ "code": "rate_limit", "message": "later" })))
    });
    let body = with_pictures("fake-dify/fake-chat", &[PICTURE]);
    let answer = gateway.client().post(CHAT, &body).await.expect_status(200);
    assert_eq!(Surface::Chat.text(&answer), TEXT);
    let all = upstream.requests();
    assert_eq!(all.len(), 4, "each account is brought the picture, and asked");
    assert_ne!(account(&all[1]), account(&all[3]));
    for pair in all.chunks(2) {
        assert_eq!(account(&pair[0]), account(&pair[1]));
        let named = &pair[1].json()["files"][0]["upload_file_id"];
        assert_eq!(*named, json!(format!("of-{}", account(&pair[1]))));
    }
}

#[tokio::test]
async fn pictures_are_brought_to_coze_and_named() {
    let (upstream, gateway) = pair().await;
    taking(&upstream, "/v1/files/upload", |_| json!({ "code": 0, "msg": "", "data": { "id": "7369" } }));
    let body = with_pictures("fake-coze/fake-chat", &[PICTURE]);
    let answer = gateway.client().post(CHAT, &body).await.expect_status(200);
    assert_eq!((Surface::Chat.text(&answer).as_str(), answer.header("x-yumen-lossy")), (TEXT, "max_tokens"));
    let [brought, asked] = upstream.requests().try_into().expect("two calls");
    assert_eq!(brought.part("file").unwrap(), &b"\x89PNG\r\n\x1a\n"[..]);
    let content = asked.json()["additional_messages"][0]["content"].as_str().unwrap().to_owned();
    let said: Value = serde_json::from_str(&content).unwrap();
    assert_eq!(said[1], json!({ "type": "image", "file_id": "7369" }));
}

#[tokio::test]
async fn a_picture_that_is_not_taken_is_no_question_asked() {
    let (upstream, gateway) = pair().await;
    for (status, told, expected, said) in [
        (200, json!({ "code": 4000, "msg": "no such picture" }), 400, "no such picture"),
        (413, json!({ "code": 4000, "msg": "too large" }), 413, "too large"),
        (200, json!({ "code": 0, "data": {} }), 502, "tells no id"),
    ] {
        upstream.forget();
        upstream
            .script(move |request| (request.path == "/v1/files/upload").then(|| Reply::json(status, &told)));
        let body = with_pictures("fake-coze/fake-chat", &[PICTURE]);
        let answer = gateway.client().post(CHAT, &body).await;
        assert_eq!(answer.status, expected, "{}", answer.text());
        assert!(answer.text().contains(said), "{}", answer.text());
        assert!(upstream.requests().iter().all(|request| request.path == "/v1/files/upload"));
    }
    let pictures: Vec<String> = (0..17).map(|n| format!("data:image/png;base64,iVBORw0KGg{n:02}")).collect();
    let pictures: Vec<&str> = pictures.iter().map(String::as_str).collect();
    taking(&upstream, "/v1/files/upload", |n| json!({ "code": 0, "data": { "id": n.to_string() } }));
    upstream.forget();
    let refused = gateway.client().post(CHAT, &with_pictures("fake-coze/fake-chat", &pictures)).await;
    assert!(refused.expect_status(400).text().contains("at most 16"));
    assert!(upstream.requests().is_empty(), "none is brought for nothing");
}

#[tokio::test]
async fn whoever_leaves_while_a_call_is_made_beside_leaves_one_record_and_nobody_asking() {
    for (model, stream, path) in [
        ("fake-dify/fake-chat", false, "/v1/files/upload"),
        (MODEL, true, "/v1/files/x?token=1"),
        (MODEL, false, "/v1/predictions/p-1"),
    ] {
        let (upstream, gateway) = pair().await;
        let here = upstream.plain_base();
        upstream.script(move |request| match request.path.as_str() {
            PREDICTIONS => {
                let urls = json!({ "get": format!("{here}/v1/predictions/p-1"),
                                   "stream": format!("{here}/v1/files/x?token=1") });
                Some(Reply::json(201, &prediction("starting", urls)))
            }
            asked if asked != path => None,
            _ if stream => Some(Reply::stream(output()).insert(0, Step::Gate)),
            _ => Some(Reply::json(200, &json!({ "id": "x" })).insert(0, Step::Gate)),
        });
        let mut body = with_pictures(model, &[PICTURE]);
        body["stream"] = json!(stream);
        let client = gateway.client();
        let waiting = tokio::spawn(async move { client.post(CHAT, &body).await });
        let last = || upstream.requests().last().is_some_and(|request| request.path == path);
        eventually("the call beside", async || last().then_some(())).await;
        let asked = upstream.counts().received;
        waiting.abort();
        upstream.until("it is left", |counts| counts.open == 0).await;
        let record = eventually("the record", async || {
            let log = gateway.log();
            let told = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
            let records: Vec<Value> = told.filter(|line| line["outcome"] == "client_gone").collect();
            (!records.is_empty()).then_some(records)
        })
        .await;
        let [record] = &record[..] else { panic!("{path}: {record:?}") };
        let record = record_of(&gateway.client(), record["id"].as_str().unwrap()).await;
        assert_eq!(record["provider_responses"].as_array().map(Vec::len), Some(1), "{path}: {record}");
        assert_eq!(upstream.counts().received, asked, "{path}");
    }
}

#[tokio::test]
async fn what_is_never_ready_ends_with_its_time() {
    let upstream = Upstream::start().await;
    let config = wide_config(&upstream).replacen(
        "    type: replicate\n",
        "    type: replicate\n    timeouts: { total_ms: 1200 }\n",
        1,
    );
    let gateway = Gateway::start(&config).await;
    let later = format!("{}/v1/predictions/p-1", upstream.plain_base());
    upstream.script(move |request| {
        let urls = json!({ "get": later });
        let is_its = request.path == PREDICTIONS || request.path == "/v1/predictions/p-1";
        is_its.then(|| Reply::json(200, &prediction("processing", urls)))
    });
    for stream in [false, true] {
        upstream.forget();
        let mut body = ask(MODEL);
        body["stream"] = json!(stream);
        let answer = gateway.client().post(CHAT, &body).await;
        assert!(answer.expect_status(504).text().contains("not ready in time"));
        // At a quarter of a second, and at three.
        assert!((2..=3).contains(&upstream.requests().len()), "{}", upstream.requests().len());
    }
}
