//! Conversations of the Responses API that are continued by `previous_response_id`: kept here where the provider knows no such
//! thing.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test ends where its ground gives way"
)]

use http::Method;
use serde_json::{Value, json};
use yumen_testkit::{Answer, Client, Gateway, GatewayBuilder, Reply, Upstream, eventually, standard_config};
use yumen_tests::memory::{ask, delete, go_on, path, respond, told};
use yumen_tests::{RESPONSES, TEXT, error_code, pair, record_of};

const OTHER: &str = "sk-yu-other-0123456789abcdefghijklmnop";
/// Providers that know no Responses API.
const SIDES: [&str; 4] = ["fake-openai", "fake-anthropic", "fake-gemini", "fake-bedrock"];

fn two_keys(upstream: &Upstream) -> String {
    format!("{}  - {{ name: other, secret: \"{OTHER}\" }}\n", standard_config(upstream))
}

/// The standard configuration with these settings of responses.
fn with_settings(upstream: &Upstream, settings: &str) -> String {
    let listen = "gateway: { listen: \"127.0.0.1:0\"";
    standard_config(upstream).replace(listen, &format!("{listen}, responses: {{ {settings} }}"))
}

async fn database(gateway: &Gateway, writes: bool) -> sqlx::SqlitePool {
    let mode = if writes { "rw" } else { "ro" };
    let url = format!("sqlite://{}?mode={mode}", gateway.data_dir().join("yumen.db").display());
    sqlx::SqlitePool::connect(&url).await.unwrap()
}

#[tokio::test]
async fn a_conversation_goes_on_where_the_provider_has_no_memory() {
    let (upstream, gateway) = pair().await;
    let client = gateway.client();
    for side in SIDES {
        for stream in [false, true] {
            let model = format!("{side}/fake-chat");
            let mut body = ask(&model, "Where is the gate?");
            body["instructions"] = json!("Answer as a pirate.");
            let first = respond(&client, body, stream).await;
            let id = first["id"].as_str().unwrap();
            assert!(id.starts_with("resp_yu_") && id.len() == 56, "{id}");
            assert_eq!((&first["store"], &first["previous_response_id"]), (&json!(true), &Value::Null));
            let mut body = go_on(&model, &first, "And who keeps it?");
            body["instructions"] = json!("Answer as a poet.");
            let second = respond(&client, body, stream).await;
            assert_eq!(second["previous_response_id"], first["id"]);
            let sent = upstream.last().json().to_string();
            let place = |text: &str| sent.find(text).unwrap_or_else(|| panic!("{side}: no {text} in {sent}"));
            assert!(place("Where is the gate?") < place(TEXT) && place(TEXT) < place("And who keeps it?"));
            place("Answer as a poet.");
            assert!(!sent.contains("pirate") && !sent.contains("resp_yu_") && !sent.contains("\"store\""));
            let third = respond(&client, go_on(&model, &second, "Why?"), !stream).await;
            let sent = upstream.last().json().to_string();
            assert!(sent.matches(TEXT).count() == 2 && sent.contains("And who keeps it?"), "{sent}");
            for response in [&first, &second, &third] {
                assert_eq!(client.get(&path(response)).await.expect_status(200).json(), *response);
            }
            assert_items(&client, &third).await;
            let deleted = delete(&client, &first).await.expect_status(200).json();
            assert_eq!(deleted, json!({ "id": first["id"], "object": "response", "deleted": true }));
            assert_eq!(error_code(&client.get(&path(&first)).await.expect_status(404)), "object_not_found");
            assert_eq!(error_code(&delete(&client, &first).await.expect_status(404)), "object_not_found");
            for gone in [&first, &second] {
                let refused = client.post(RESPONSES, &go_on(&model, gone, "?")).await.expect_status(400);
                assert_eq!(error_code(&refused), "previous_response_not_found");
                assert!(refused.text().contains("whole conversation"));
            }
            assert_eq!(client.get(&path(&second)).await.status, 200, "its own turn is still there");
        }
    }
}

/// The items that were given for the last of three turns, in pages.
async fn assert_items(client: &Client, third: &Value) {
    let items = format!("{}/input_items", path(third));
    let all = client.get(&format!("{items}?order=asc")).await.expect_status(200).json();
    let texts: Vec<&Value> =
        all["data"].as_array().unwrap().iter().map(|item| &item["content"][0]["text"]).collect();
    assert_eq!(json!(texts), json!(["Where is the gate?", TEXT, "And who keeps it?", TEXT, "Why?"]));
    assert_eq!((&all["object"], &all["has_more"]), (&json!("list"), &json!(false)));
    let mut backwards = Vec::new();
    let mut after = String::new();
    loop {
        let page = client.get(&format!("{items}?limit=2{after}")).await.expect_status(200).json();
        backwards.extend(page["data"].as_array().unwrap().clone());
        after = format!("&after={}", page["last_id"].as_str().unwrap());
        if page["has_more"] == false {
            break;
        }
    }
    backwards.reverse();
    assert_eq!(json!(backwards), all["data"]);
    assert_eq!(client.get(&format!("{items}?limit=0")).await.status, 400);
}

#[tokio::test]
async fn calls_and_proofs_of_reasoning_come_back_to_whom_they_belong() {
    let (upstream, gateway) = pair().await;
    let tool = json!({ "type": "function", "name": "weather", "parameters": { "type": "object" } });
    for side in ["fake-anthropic", "fake-gemini", "fake-bedrock"] {
        for stream in [false, true] {
            let mut body = ask(&format!("{side}/fake-signed-tools"), "How warm is it?");
            (body["tools"], body["reasoning"]) = (json!([tool]), json!({ "effort": "low" }));
            let first = respond(&gateway.client(), body.clone(), stream).await;
            let call =
                first["output"].as_array().unwrap().iter().find(|item| item["type"] == "function_call");
            let output = json!({ "type": "function_call_output", "call_id": call.unwrap()["call_id"], "output": "21 degrees" });
            body["input"] = json!([output]);
            body["previous_response_id"] = first["id"].clone();
            // The fake provider refuses a result whose call has lost its proof.
            let second = respond(&gateway.client(), body, stream).await;
            assert!(second.to_string().contains("It is 21 degrees in Dunhuang."), "{side}: {second}");
            let items =
                gateway.client().get(&format!("{}/input_items?order=asc", path(&second))).await.json();
            let kinds: Vec<&str> =
                items["data"].as_array().unwrap().iter().map(|item| item["type"].as_str().unwrap()).collect();
            assert_eq!((kinds[0], kinds[1]), ("message", "reasoning"));
            assert!(kinds.ends_with(&["function_call", "function_call_output"]), "{kinds:?}");
        }
    }
    assert!(upstream.counts().received > 0);
}

#[tokio::test]
async fn what_was_kept_outlives_a_kill() {
    let upstream = Upstream::start().await;
    let mut gateway = Gateway::before(&upstream).await;
    let mut previous = Value::Null;
    for turn in 0..4 {
        let stream = turn % 2 == 0;
        let mut body = ask("fake-anthropic/fake-chat", &format!("turn {turn}"));
        body["previous_response_id"] = previous["id"].clone();
        previous = respond(&gateway.client(), body, stream).await;
        gateway = gateway.kill().start().await;
        assert_eq!(gateway.client().get(&path(&previous)).await.expect_status(200).json(), previous);
    }
    let sent = upstream.last().json().to_string();
    assert!((0..4).all(|turn| sent.contains(&format!("turn {turn}"))), "{sent}");
}

#[tokio::test]
async fn another_keys_response_is_as_if_it_were_not_there() {
    let upstream = Upstream::start().await;
    let gateway = Gateway::start(&two_keys(&upstream)).await;
    let (mine, theirs) = (gateway.client(), gateway.anonymous().key(OTHER));
    let first = respond(&mine, ask("fake-openai/fake-chat", "mine"), false).await;
    let asked = upstream.counts().received;
    let mut never = first.clone();
    never["id"] = json!(format!("resp_yu_{}", "0".repeat(48)));
    let unnamed = |answer: &Answer, response: &Value| {
        let (id, own) = (response["id"].as_str().unwrap(), answer.header("x-generation-id"));
        (answer.status, answer.text().replace(id, "ID").replace(own, "GEN"))
    };
    for suffix in ["", "/input_items"] {
        let refused = theirs.get(&format!("{}{suffix}", path(&first))).await.expect_status(404);
        let unknown = theirs.get(&format!("{}{suffix}", path(&never))).await;
        assert_eq!(unnamed(&refused, &first), unnamed(&unknown, &never));
    }
    for (path_of, method) in [("", Method::DELETE), ("/cancel", Method::POST)] {
        let send = async |response: &Value| {
            theirs.send(method.clone(), &format!("{}{path_of}", path(response)), "").await
        };
        assert_eq!(unnamed(&send(&first).await, &first), unnamed(&send(&never).await, &never));
        assert_eq!(send(&first).await.status, 404);
    }
    let refused =
        theirs.post(RESPONSES, &go_on("fake-openai/fake-chat", &first, "?")).await.expect_status(400);
    let unknown = theirs.post(RESPONSES, &go_on("fake-openai/fake-chat", &never, "?")).await;
    assert_eq!(unnamed(&refused, &first), unnamed(&unknown, &never));
    assert_eq!(upstream.counts().received, asked, "nobody was asked");
    assert_eq!(mine.get(&path(&first)).await.status, 200);
    for nobody in [gateway.anonymous(), gateway.anonymous().key("sk-yu-wrong")] {
        assert_eq!(nobody.get(&path(&first)).await.status, 401);
        assert_eq!(delete(&nobody, &first).await.status, 401);
        assert_eq!(nobody.post(RESPONSES, &ask("fake-openai/fake-chat", "?")).await.status, 401);
    }
    let kept: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM kept_responses")
        .fetch_one(&database(&gateway, false).await)
        .await
        .unwrap();
    assert_eq!(kept, 1);
}

#[tokio::test]
async fn a_key_that_is_switched_off_reads_nothing() {
    let (_upstream, gateway) = pair().await;
    let first = respond(&gateway.client(), ask("fake-openai/fake-chat", "mine"), false).await;
    let on = std::fs::read_to_string(gateway.config_path()).unwrap();
    std::fs::write(
        gateway.config_path(),
        on.replace("models: [\"*\"] }", "models: [\"*\"], disabled: true }"),
    )
    .unwrap();
    let off = async || (gateway.client().get(&path(&first)).await.status == 401).then_some(());
    eventually("a key that is switched off", off).await;
    assert_eq!(delete(&gateway.client(), &first).await.status, 401);
    assert_eq!(
        gateway.client().post(RESPONSES, &go_on("fake-openai/fake-chat", &first, "?")).await.status,
        401
    );
}

#[tokio::test]
async fn texts_are_sealed_and_the_calls_are_recorded() {
    let (_upstream, gateway) = pair().await;
    let first =
        respond(&gateway.client(), ask("fake-openai/fake-chat", "a very secret question"), true).await;
    for answer in [gateway.client().get(&path(&first)).await, delete(&gateway.client(), &first).await] {
        let record = record_of(&gateway.client(), answer.header("x-generation-id")).await;
        assert_eq!((&record["api_type"], &record["status"]), (&json!("responses"), &json!(200)), "{record}");
    }
    respond(&gateway.client(), ask("fake-openai/fake-chat", "a very secret question"), false).await;
    for entry in std::fs::read_dir(gateway.data_dir()).unwrap() {
        let file = entry.unwrap().path();
        let bytes = if file.is_file() { std::fs::read(&file).unwrap() } else { Vec::new() };
        let found = |text: &str| bytes.windows(text.len()).any(|window| window == text.as_bytes());
        assert!(!found("a very secret question") && !found("fake gate"), "{}", file.display());
    }
    assert!(!gateway.log().contains("a very secret question"));
}

#[tokio::test]
async fn the_operator_says_what_is_kept() {
    let upstream = Upstream::start().await;
    for (setting, unsaid, asked) in
        [("never", false, false), ("when_asked", false, true), ("unless_refused", true, true)]
    {
        let gateway = Gateway::start(&with_settings(&upstream, &format!("store: {setting}"))).await;
        for (store, kept) in [(Value::Null, unsaid), (json!(true), asked), (json!(false), false)] {
            for stream in [false, true] {
                let mut body = ask("fake-openai/fake-chat", "?");
                (body["store"], body["stream"]) = (store.clone(), json!(stream));
                let answer = gateway.client().post(RESPONSES, &body).await.expect_status(200);
                let response = told(&answer, stream);
                let what = format!("{setting}, {store}, stream {stream}");
                assert_eq!(response["store"], kept, "{what}");
                // What was wished and is not done is named.
                let lost = store == true && !kept;
                assert_eq!(answer.header("x-yumen-lossy").contains("store"), lost, "{what}");
                assert_eq!(gateway.client().get(&path(&response)).await.status, if kept { 200 } else { 404 });
                let next =
                    gateway.client().post(RESPONSES, &go_on("fake-openai/fake-chat", &response, "?")).await;
                assert_eq!(next.status, if kept { 200 } else { 400 }, "{what}");
                if !kept {
                    assert_eq!(next.json()["error"]["param"], "previous_response_id");
                    let how = match setting {
                        "never" => "`gateway.responses.store` is `never`",
                        "when_asked" => "`store: true`",
                        _ => "`store: false`",
                    };
                    assert!(next.text().contains(how), "{}", next.text());
                }
            }
        }
    }
}

#[tokio::test]
async fn what_has_no_room_is_answered_and_not_kept() {
    let upstream = Upstream::start().await;
    let gateway =
        Gateway::start(&with_settings(&upstream, "max_response_bytes: 4096, max_key_bytes: 8192")).await;
    let client = gateway.client();
    let large = "x".repeat(4096);
    for stream in [false, true] {
        let mut body = ask("fake-anthropic/fake-chat", &large);
        body["stream"] = json!(stream);
        let answer = client.post(RESPONSES, &body).await.expect_status(200);
        let response = told(&answer, stream);
        assert_eq!((&response["store"], &response["status"]), (&json!(false), &json!("completed")));
        assert_eq!(response["output"][0]["content"][0]["text"], TEXT);
        let record = record_of(&client, answer.header("x-generation-id")).await;
        assert_eq!(record["lossy"], json!(["store"]), "stream {stream}");
        assert_eq!(client.get(&path(&response)).await.status, 404);
        assert!(gateway.log().contains("a response was not kept"));
    }
    // The oldest conversations of the key make room for new ones.
    let mut kept = Vec::new();
    for turn in 0..6 {
        kept.push(respond(&client, ask("fake-openai/fake-chat", &format!("turn {turn}")), false).await);
    }
    let mut gone = 0;
    for response in &kept {
        gone += usize::from(client.get(&path(response)).await.status == 404);
    }
    assert!((1..6).contains(&gone), "{gone} of 6");
    assert_eq!(client.get(&path(&kept[5])).await.status, 200);
}

#[tokio::test]
async fn a_conversation_that_has_grown_too_large_is_refused() {
    let upstream = Upstream::start().await;
    let config = standard_config(&upstream).replace("gateway: {", "gateway: { max_body_bytes: 4096,");
    let gateway = Gateway::start(&config).await;
    let first = respond(&gateway.client(), ask("fake-openai/fake-chat", &"x".repeat(2500)), false).await;
    let asked = upstream.counts().received;
    let refused =
        gateway.client().post(RESPONSES, &go_on("fake-openai/fake-chat", &first, &"y".repeat(2500))).await;
    assert_eq!((refused.status, error_code(&refused).as_str()), (413, "body_too_large"));
    assert_eq!(refused.json()["error"]["param"], "previous_response_id");
    assert_eq!(upstream.counts().received, asked);
}

#[tokio::test]
async fn conversations_are_forgotten_after_their_time() {
    let upstream = Upstream::start().await;
    let gateway = Gateway::start(&with_settings(&upstream, "retention_days: 2")).await;
    let client = gateway.client();
    let old = respond(&client, ask("fake-openai/fake-chat", "old"), false).await;
    let new = respond(&client, ask("fake-openai/fake-chat", "new"), false).await;
    let age = "UPDATE conversations SET used_at = used_at - 3 * 86400 WHERE id = $1";
    let writer = database(&gateway, true).await;
    sqlx::query(age).bind(old["id"].as_str()).execute(&writer).await.unwrap();
    assert_eq!(client.get(&path(&old)).await.status, 404, "it counts as forgotten at once");
    assert_eq!(client.post(RESPONSES, &go_on("fake-openai/fake-chat", &old, "?")).await.status, 400);
    assert_eq!(client.get(&path(&new)).await.status, 200);
    // Its row goes at the next look, which is the first thing of each start.
    let gateway = gateway.kill().start().await;
    let reader = database(&gateway, false).await;
    let left = async || {
        let ids = sqlx::query_scalar::<_, String>("SELECT id FROM kept_responses").fetch_all(&reader).await;
        ids.ok().filter(|ids| ids.len() == 1)
    };
    assert_eq!(eventually("the old response's end", left).await, [new["id"].as_str().unwrap()]);
}

#[tokio::test]
async fn a_store_that_takes_nothing_is_told_and_stops_no_answer() {
    let (_upstream, gateway) = pair().await;
    let first = respond(&gateway.client(), ask("fake-openai/fake-chat", "?"), false).await;
    let mut lock = database(&gateway, true).await.acquire().await.unwrap();
    sqlx::query("BEGIN IMMEDIATE").execute(&mut *lock).await.unwrap();
    for stream in [false, true] {
        let response = respond(&gateway.client(), go_on("fake-openai/fake-chat", &first, "?"), stream).await;
        assert_eq!((&response["store"], &response["status"]), (&json!(false), &json!("completed")));
    }
    sqlx::query("ROLLBACK").execute(&mut *lock).await.unwrap();
    let again = async || {
        let response = respond(&gateway.client(), go_on("fake-openai/fake-chat", &first, "?"), true).await;
        (response["store"] == true).then_some(())
    };
    eventually("a store that takes something again", again).await;
}

#[tokio::test]
async fn an_answer_that_did_not_come_whole_is_not_kept() {
    let (upstream, gateway) = pair().await;
    for model in ["fake-anthropic/fake-error-event", "fake-openai/fake-cut-mid-stream"] {
        let mut body = ask(model, "?");
        body["stream"] = json!(true);
        let answer = gateway.client().post(RESPONSES, &body).await;
        let events = answer.events();
        let begun = events.iter().find(|event| event.name == "response.created").unwrap().json();
        let last = events.last().unwrap().json();
        assert_ne!(last["response"]["store"], true, "{last}");
        assert_eq!(gateway.client().get(&path(&begun["response"])).await.status, 404, "{model}");
    }
    let mut body = ask("fake-openai/fake-gated", "?");
    body["stream"] = json!(true);
    let mut leaving = gateway.client().open(RESPONSES, &body).await;
    let begun = leaving.next_event().await.unwrap().json();
    drop(leaving);
    upstream.until("the client's leaving", |counts| counts.open == 0).await;
    assert_eq!(gateway.client().get(&path(&begun["response"])).await.status, 404);
}

#[tokio::test]
async fn nothing_before_the_last_event_waits_for_the_store() {
    let (upstream, gateway) = pair().await;
    let mut lock = database(&gateway, true).await.acquire().await.unwrap();
    sqlx::query("BEGIN IMMEDIATE").execute(&mut *lock).await.unwrap();
    upstream.script(|request| {
        // All of it in one piece.
        let chunk = |delta: Value, reason: Value| {
            json!({ "id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m",
                "choices": [{ "index": 0, "delta": delta, "finish_reason": reason }] })
        };
        let events = format!(
            "data: {}\n\ndata: {}\n\ndata: [DONE]\n\n",
            chunk(json!({ "role": "assistant", "content": "All at once." }), Value::Null),
            chunk(json!({}), json!("stop"))
        );
        request.path.ends_with("/chat/completions").then(|| Reply::stream([events]))
    });
    let mut body = ask("fake-openai/fake-chat", "?");
    body["stream"] = json!(true);
    let mut answer = gateway.client().open(RESPONSES, &body).await;
    loop {
        let event = answer.next_event().await.unwrap();
        assert_ne!(event.name, "response.completed");
        if event.name == "response.output_item.done" {
            break;
        }
    }
    // Until here the database was held. Now it takes what waits.
    sqlx::query("ROLLBACK").execute(&mut *lock).await.unwrap();
    let last = answer.next_event().await.unwrap();
    assert_eq!((last.name.as_str(), &last.json()["response"]["store"]), ("response.completed", &json!(true)));
    assert_eq!(gateway.client().get(&path(&last.json()["response"])).await.status, 200);
}

#[tokio::test]
async fn what_needs_a_background_is_refused() {
    let (upstream, gateway) = pair().await;
    let mut body = ask("fake-anthropic/fake-chat", "?");
    body["background"] = json!(true);
    let refused = gateway.client().post(RESPONSES, &body).await.expect_status(400);
    assert_eq!(refused.json()["error"]["param"], "background");
    assert_eq!(upstream.counts().received, 0);
    let first = respond(&gateway.client(), ask("fake-anthropic/fake-chat", "?"), false).await;
    let cancelled = gateway.client().send(Method::POST, &format!("{}/cancel", path(&first)), "").await;
    assert_eq!((cancelled.status, error_code(&cancelled).as_str()), (400, "invalid_request"));
    let streamed = gateway.client().get(&format!("{}?stream=true", path(&first))).await;
    assert_eq!((streamed.status, &streamed.json()["error"]["param"]), (400, &json!("stream")));
}

#[tokio::test]
async fn openrouters_prefix_leads_to_the_same_responses() {
    let (_upstream, gateway) = pair().await;
    let first = gateway.client().post("/api/v1/responses", &ask("fake-gemini/fake-chat", "?")).await.json();
    let second = respond(&gateway.client(), go_on("fake-gemini/fake-chat", &first, "?"), false).await;
    let looked = gateway.client().get(&format!("/api{}", path(&second))).await.expect_status(200);
    assert_eq!(looked.json()["previous_response_id"], first["id"]);
    let missing = gateway.client().get("/api/v1/responses/resp_yu_0").await.expect_status(404);
    assert_eq!(missing.json()["error"]["code"], 404, "in OpenRouter's words: {}", missing.text());
}

#[tokio::test]
async fn the_demo_remembers_without_any_network() {
    let gateway = GatewayBuilder::bare().argument("--demo").argument("--listen").argument("127.0.0.1:0");
    let made = gateway.start().await;
    let created = made.run(&["keys", "create", "ci"]).await;
    let key = created.stdout.split_whitespace().find(|word| word.starts_with("sk-yu-")).unwrap().to_owned();
    let client = made.anonymous().key(&key);
    let known = async || (client.get("/v1/models").await.status == 200).then_some(());
    eventually("a key that is known", known).await;
    let first = respond(&client, ask("demo/echo", "one"), false).await;
    let second = respond(&client, go_on("demo/echo", &first, "two"), true).await;
    assert_eq!((&second["store"], &second["previous_response_id"]), (&json!(true), &first["id"]));
}
