//! Streams that break off after their first content, and are gone on with elsewhere: what the client is told, and what is counted.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test ends where its ground gives way"
)]

use std::time::Duration;

use serde_json::{Value, json};
use yumen_testkit::{Event, Gateway, Reply, Upstream};
use yumen_tests::rescue::{ABLE, begun, broken, check_sums, config, ended, nanos, rescuing, says};
use yumen_tests::{
    CHAT, PROVIDERS, SURFACES, Surface, TEXT, ask_stream, chat_text, payloads, record_of, stream_text,
};

#[tokio::test]
async fn an_answer_that_breaks_off_is_told_once_and_to_its_end() {
    for surface in SURFACES {
        for second in ABLE {
            let upstream = Upstream::start().await;
            let names: Vec<(String, [String; 2])> = PROVIDERS
                .iter()
                .flat_map(|first| ["cut-mid-stream", "error-event"].map(|fault| (first, fault)))
                .map(|(first, fault)| {
                    (
                        format!("{first}-{fault}"),
                        [format!("{first}/fake-{fault}"), format!("{second}/fake-chat")],
                    )
                })
                .collect();
            let lists: Vec<[&str; 2]> =
                names.iter().map(|(_, [one, other])| [one.as_str(), other.as_str()]).collect();
            let aliases: Vec<(&str, &[&str])> =
                names.iter().zip(&lists).map(|((name, _), list)| (name.as_str(), &list[..])).collect();
            let gateway = Gateway::start(&config(&upstream, "rescue: true", &aliases)).await;
            for (alias, _) in &names {
                let what = format!("{surface:?} {alias} {second}");
                let answer = surface.ask(&gateway.client(), alias, true).await.expect_status(200);
                let events = answer.events();
                // What a provider keeps goes through as it says it.
                if surface == Surface::Responses && alias.starts_with("fake-responses") {
                    assert_eq!(surface.stream_errors(&events).len(), 1, "{what}");
                    continue;
                }
                assert_eq!(surface.stream_errors(&events), [""; 0], "{what}: {}", answer.text());
                assert_eq!(surface.stream_text(&events), TEXT, "{what}");
                let record = record_of(&gateway.client(), answer.header("x-generation-id")).await;
                assert_eq!(record["outcome"], "completed", "{what}: {record}");
                let tries = record["provider_responses"].as_array().unwrap();
                assert_eq!(tries.len(), 2, "{what}: {record}");
                assert_eq!(
                    (&tries[1]["rescue"], &tries[1]["cause"]),
                    (&json!(true), &json!(null)),
                    "{record}"
                );
                assert_eq!(tries[0].get("rescue"), None, "{record}");
                check_sums(&record);
            }
        }
    }
}

#[tokio::test]
async fn a_stream_of_messages_keeps_its_order() {
    let upstream = Upstream::start().await;
    let gateway = rescuing(&upstream, &["fake-anthropic/fake-cut-mid-stream", "fake-gemini/fake-chat"]).await;
    let events = Surface::Messages.ask(&gateway.client(), "smart", true).await.events();
    let mut names: Vec<&str> = events.iter().map(|event| event.name.as_str()).collect();
    names.retain(|name| !["ping", "content_block_delta", ""].contains(name));
    let order =
        ["message_start", "content_block_start", "content_block_stop", "message_delta", "message_stop"];
    assert_eq!(names, order);
    let end = events.iter().find(|event| event.name == "message_delta").unwrap().json();
    assert_eq!(end["delta"]["stop_reason"], "end_turn");
}

#[tokio::test]
async fn a_chat_stream_has_one_head_one_finish_and_the_second_ones_usage() {
    let upstream = Upstream::start().await;
    upstream.script(|request| match request.model().as_str() {
        "fake-cut-mid-stream" => Some(broken(&["One ", "two "])),
        _ => Some(ended(&["three", " four."], 20, 5)),
    });
    let gateway = rescuing(&upstream, &["fake-openai/fake-cut-mid-stream", "fake-plain/fake-chat"]).await;
    let mut body = ask_stream("smart");
    body["stream_options"] = json!({ "include_usage": true });
    let answer = gateway.client().post(CHAT, &body).await.expect_status(200);
    let events = answer.events();
    assert_eq!(stream_text(CHAT, &events), "One two three four.");
    let chunks = payloads(&events);
    assert!(chunks.iter().all(|chunk| chunk["id"] == "c1"), "one id: {chunks:?}");
    let count = |holds: &dyn Fn(&Value) -> bool| chunks.iter().filter(|chunk| holds(chunk)).count();
    assert_eq!(count(&|chunk| chunk["choices"][0]["delta"]["role"].is_string()), 1);
    assert_eq!(count(&|chunk| chunk["choices"][0]["finish_reason"].is_string()), 1);
    assert_eq!(count(&|chunk| chunk["usage"].is_object()), 1);
    let usage = &chunks.last().unwrap()["usage"];
    assert_eq!((&usage["prompt_tokens"], &usage["completion_tokens"]), (&json!(20), &json!(5)));
    let record = record_of(&gateway.client(), answer.header("x-generation-id")).await;
    check_sums(&record);
    let first = &record["provider_responses"][0]["tokens"];
    assert_eq!(nanos(&record["tokens_prompt"]), nanos(&first["input"]) + 20, "{record}");
    assert_eq!(nanos(&record["tokens_completion"]), nanos(&first["output"]) + 5, "{record}");
    assert_eq!(record["provider_name"], "fake-plain", "who served it to its end: {record}");
}

/// How each provider is asked to go on.
#[tokio::test]
async fn the_beginning_is_said_in_each_dialects_way() {
    for (provider, wanted) in [
        ("fake-plain", json!({ "path": "/v1/chat/completions" })),
        ("fake-prefix", json!({ "path": "/v1/beta/chat/completions", "message": { "prefix": true } })),
        ("fake-partial", json!({ "path": "/v1/chat/completions", "message": { "partial": true } })),
        (
            "fake-continue",
            json!({ "path": "/v1/chat/completions",
            "body": { "continue_final_message": true, "add_generation_prompt": false } }),
        ),
        ("fake-anthropic", json!({ "path": "/v1/messages" })),
        ("fake-gemini", json!({ "path": "/v1beta/models/fake-chat:streamGenerateContent?alt=sse" })),
        ("fake-ollama", json!({ "path": "/api/chat" })),
        ("fake-bedrock", json!({ "path": "/model/anthropic.fake-chat/converse-stream" })),
    ] {
        let upstream = Upstream::start().await;
        upstream.script(|request| {
            (request.model() == "fake-cut-mid-stream").then(|| broken(&["Hello ", "from \n"]))
        });
        let second = format!("{provider}/fake-chat");
        let gateway = rescuing(&upstream, &["fake-openai/fake-cut-mid-stream", &second]).await;
        let answer = gateway.client().post(CHAT, &ask_stream("smart")).await.expect_status(200);
        assert!(stream_text(CHAT, &answer.events()).starts_with("Hello from \n"), "{provider}");
        let requests = upstream.requests();
        let [_, request] = &requests[..] else { panic!("{provider}: {} requests", requests.len()) };
        assert_eq!(begun(request), "Hello from", "{provider}: without the white space at its end");
        assert_eq!(request.path, wanted["path"].as_str().unwrap(), "{provider}");
        let body = request.json();
        let last =
            body["messages"].as_array().and_then(|messages| messages.last()).cloned().unwrap_or_default();
        for mark in ["prefix", "partial"] {
            assert_eq!(last.get(mark), wanted["message"].get(mark), "{provider}");
        }
        for mark in ["continue_final_message", "add_generation_prompt"] {
            assert_eq!(body.get(mark), wanted["body"].get(mark), "{provider}");
        }
    }
}

/// Providers repeat in their errors what they were sent.
#[tokio::test]
async fn what_a_provider_says_when_it_breaks_off_is_not_in_the_log() {
    let upstream = Upstream::start().await;
    upstream.script(|request| {
        let error =
            json!({ "error": { "message": "Cannot go on with: a very secret question", "code": 500 } });
        let said = [says("One "), format!("data: {error}\n\n")];
        (request.model() == "fake-cut-mid-stream").then(|| Reply::stream(said))
    });
    let gateway = rescuing(&upstream, &["fake-openai/fake-cut-mid-stream", "fake-plain/fake-chat"]).await;
    let answer = Surface::Chat.ask(&gateway.client(), "smart", true).await;
    assert_eq!(Surface::Chat.stream_errors(&answer.events()), [""; 0], "{}", answer.text());
    record_of(&gateway.client(), answer.header("x-generation-id")).await;
    let log = gateway.log();
    assert!(log.contains("others are asked to go on with it"), "{log}");
    assert!(!log.contains("a very secret question"), "{log}");
}

#[tokio::test]
async fn a_client_that_leaves_meanwhile_leaves_one_record_with_both_costs() {
    for second in ["fake-never-answers", "fake-hold"] {
        for surface in SURFACES {
            let upstream = Upstream::start().await;
            let second = format!("fake-plain/{second}");
            let gateway = rescuing(&upstream, &["fake-gemini/fake-cut-mid-stream", &second]).await;
            let mut stream = surface.open(&gateway.client(), "smart").await;
            let id = stream.headers["x-generation-id"].to_str().unwrap().to_owned();
            upstream.until("the second one is asked", |counts| counts.received == 2).await;
            // All that there is to hear; the second one falls silent in the middle, or says nothing.
            while stream.has_event_within(Duration::from_millis(200)).await {
                stream.next_event().await;
            }
            drop(stream);
            upstream.until("nothing is open upstream", |counts| counts.open == 0).await;
            let record = record_of(&gateway.client(), &id).await;
            assert_eq!(record["outcome"], "client_gone", "{surface:?} {second}: {record}");
            let tries = record["provider_responses"].as_array().unwrap();
            assert_eq!((tries.len(), &tries[1]["cause"]), (2, &json!("client_gone")), "{record}");
            check_sums(&record);
        }
    }
}

#[tokio::test]
async fn openrouters_clients_are_told_all_that_it_cost() {
    let upstream = Upstream::start().await;
    let gateway = rescuing(&upstream, &["fake-openai/fake-cut-mid-stream", "fake-anthropic/fake-chat"]).await;
    let answer = gateway
        .client()
        .header("x-openrouter-metadata", "enabled")
        .post("/api/v1/chat/completions", &ask_stream("smart"))
        .await
        .expect_status(200);
    let events: Vec<Event> = answer.events();
    assert_eq!(chat_text(&events), TEXT);
    let chunks = payloads(&events);
    let told = chunks.iter().find_map(|chunk| chunk["usage"]["cost"].as_f64()).expect("a cost");
    let record = record_of(&gateway.client(), answer.header("x-generation-id")).await;
    assert!((told - record["total_cost"].as_f64().unwrap()).abs() < 1e-12, "{told}: {record}");
    let trace = chunks.iter().find_map(|chunk| chunk.get("openrouter_metadata")).expect("a trace");
    assert_eq!(trace["attempts"].as_array().unwrap().len(), 2, "{trace}");
    assert_eq!(trace["attempts"][1]["rescue"], true, "{trace}");
    check_sums(&record);
}

/// What its parts cost together cannot be said in the AI SDK's stream; a wrong cost is not.
#[tokio::test]
async fn the_ai_sdk_is_told_one_text_and_no_wrong_cost() {
    let upstream = Upstream::start().await;
    let gateway = rescuing(&upstream, &["fake-openai/fake-cut-mid-stream", "fake-anthropic/fake-chat"]).await;
    let client = gateway
        .client()
        .header("ai-language-model-specification-version", "3")
        .header("ai-language-model-id", "smart")
        .header("ai-language-model-streaming", "true");
    let prompt = json!([{ "role": "user", "content": [{ "type": "text", "text": "What is it?" }] }]);
    let answer = client.post("/v4/ai/language-model", &json!({ "prompt": prompt })).await.expect_status(200);
    let parts = payloads(&answer.events());
    assert!(parts.iter().all(|part| part["type"] != "error"), "{parts:?}");
    let deltas = parts.iter().filter(|part| part["type"] == "text-delta");
    assert_eq!(deltas.filter_map(|part| part["delta"].as_str()).collect::<String>(), TEXT);
    for once in ["text-start", "text-end", "finish"] {
        assert_eq!(parts.iter().filter(|part| part["type"] == once).count(), 1, "{once}: {parts:?}");
    }
    let finish = parts.iter().find(|part| part["type"] == "finish").unwrap();
    assert_eq!(finish["providerMetadata"]["gateway"].get("cost"), None, "{finish}");
}

/// Google's clients that read one JSON array, and those of Responses whose answers are kept here.
#[tokio::test]
async fn what_is_told_in_one_piece_or_kept_is_whole() {
    let upstream = Upstream::start().await;
    let gateway = rescuing(&upstream, &["fake-gemini/fake-cut-mid-stream", "fake-plain/fake-chat"]).await;
    let path = "/v1beta/models/smart:streamGenerateContent";
    let answer =
        gateway.client().post(path, &Surface::Gemini.body("smart", true)).await.expect_status(200).json();
    let chunks = answer.as_array().expect("an array");
    let texts =
        chunks.iter().filter_map(|chunk| chunk["candidates"][0]["content"]["parts"][0]["text"].as_str());
    assert_eq!(texts.collect::<String>(), TEXT, "{answer}");
    assert_eq!(chunks.last().unwrap()["candidates"][0]["finishReason"], "STOP");

    let mut body = Surface::Responses.body("smart", true);
    body["store"] = json!(true);
    let answer = gateway.client().post("/v1/responses", &body).await.expect_status(200);
    assert_eq!(Surface::Responses.stream_text(&answer.events()), TEXT);
    let told = answer.events().last().unwrap().json()["response"].clone();
    let kept = gateway.client().get(&format!("/v1/responses/{}", told["id"].as_str().unwrap())).await;
    assert_eq!(kept.expect_status(200).json(), told);
}

/// A sum of which a part is not known is none.
#[tokio::test]
async fn a_part_without_a_price_leaves_the_whole_without_a_cost() {
    let upstream = Upstream::start().await;
    let gateway = rescuing(&upstream, &["fake-plain/fake-error-event", "fake-gemini/fake-chat"]).await;
    let answer = Surface::Chat.ask(&gateway.client(), "smart", true).await;
    assert_eq!(Surface::Chat.stream_text(&answer.events()), TEXT);
    let record = record_of(&gateway.client(), answer.header("x-generation-id")).await;
    let first = &record["provider_responses"][0];
    assert_eq!((first.get("cost_nanos"), &record["cost_nanos"]), (None, &Value::Null), "{record}");
    assert!(nanos(&record["tokens_prompt"]) > nanos(&first["tokens"]["input"]), "{record}");
}

/// JSON is repaired over the seam.
#[tokio::test]
async fn json_is_repaired_across_the_seam() {
    let upstream = Upstream::start().await;
    upstream.script(|request| match request.model().as_str() {
        "fake-cut-mid-stream" => Some(broken(&["{\"gate\": 'ja", "de'"])),
        _ => Some(ended(&[", \"west\": true,", " }"], 20, 5)),
    });
    let gateway = rescuing(&upstream, &["fake-openai/fake-cut-mid-stream", "fake-plain/fake-chat"]).await;
    let mut body = ask_stream("smart");
    body["response_format"] = json!({ "type": "json_object" });
    body["heal_json"] = json!(true);
    let answer = gateway.client().post(CHAT, &body).await.expect_status(200);
    let text = stream_text(CHAT, &answer.events());
    let read: Value = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
    assert_eq!(read, json!({ "gate": "jade", "west": true }));
    assert_eq!(begun(upstream.requests().last().unwrap()), "{\"gate\": 'jade'", "in its own words");
}

#[tokio::test]
async fn whoever_asks_is_told_of_a_rescue() {
    let upstream = Upstream::start().await;
    let gateway = rescuing(&upstream, &["fake-openai/fake-cut-mid-stream", "fake-plain/fake-chat"]).await;
    let answer = Surface::Chat.ask(&gateway.client(), "smart", true).await;
    let id = answer.header("x-generation-id").to_owned();
    record_of(&gateway.client(), &id).await;
    let told = gateway.run(&["explain", &id]).await.stdout;
    assert!(told.contains("try 2 went on with the answer") && told.contains("try 1 used "), "{told}");
    // One record, whatever happened.
    let counted = gateway.admin().get("/metrics").await.text();
    let requests = counted.lines().filter(|line| line.starts_with("yumen_requests_total{"));
    let sum: f64 = requests.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum();
    assert_eq!(sum, 1.0, "{counted}");
}
