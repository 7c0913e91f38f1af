//! Web search that a client asks for: how each provider is asked, who cannot be, how sources are told, and what it costs.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test ends where its ground gives way"
)]

use serde_json::{Value, json};
use yumen_testkit::{Gateway, KEY, Received, Reply, Upstream};
use yumen_tests::{CHAT, record_of};

const MESSAGES: &str = "/v1/messages";
const URL: &str = "https://example.org/gate";

/// A gateway before one upstream that serves a model in each way of searching, and one that cannot search.
async fn gateway(upstream: &Upstream) -> Gateway {
    let (openai, plain) = (upstream.openai_base(), upstream.plain_base());
    let model = "models: { m: { price: { input: 1, output: 1 } } }";
    let credential = "credentials: [ { secret: s } ]";
    Gateway::start(&format!(
        "gateway: {{ listen: \"127.0.0.1:0\" }}\nadmin: {{ listen: \"127.0.0.1:0\" }}\nproviders:\n  \
         claude: {{ type: anthropic, base_url: \"{plain}\", {credential}, {model} }}\n  \
         google: {{ type: gemini, base_url: \"{plain}\", {credential}, {model} }}\n  \
         responses: {{ type: openai, base_url: \"{openai}\", {credential}, {model} }}\n  \
         router: {{ type: openrouter, base_url: \"{openai}\", {credential}, web_search_price: 0.004, {model} }}\n  \
         plain: {{ type: openai-compatible, base_url: \"{openai}\", discovery: off, {model} }}\n\
         models:\n  both: {{ deployments: [ {{ provider: plain, model: m }}, {{ provider: claude, model: m }} ], \
         routing: {{ strategy: priority }} }}\n  \
         blind: {{ deployments: [ {{ provider: plain, model: m }} ] }}\n\
         keys:\n  - {{ name: tests, secret: \"{KEY}\" }}\n"
    ))
    .await
}

/// What an upstream answers that has searched twice, by the path that it was asked at.
fn searched(request: &Received) -> Option<Reply> {
    let path = request.path.as_str();
    let streams = request.json()["stream"] == json!(true) || path.contains(":streamGenerateContent");
    Some(match (path, streams) {
        (path, false) if path.ends_with("/messages") => Reply::json(200, &anthropic_whole()),
        (path, true) if path.ends_with("/messages") => Reply::stream(anthropic_stream()),
        (path, false) if path.ends_with("/responses") => Reply::json(200, &responses_whole()),
        (path, true) if path.ends_with("/responses") => Reply::stream(responses_stream()),
        (path, false) if path.contains("generateContent") => Reply::json(200, &gemini(true, true)),
        (path, true) if path.contains("GenerateContent") => Reply::stream([
            format!("data: {}\n\n", gemini(true, false)),
            format!("data: {}\n\n", gemini(false, true)),
        ]),
        (_, false) => Reply::json(200, &chat_whole()),
        (_, true) => Reply::stream(chat_stream()),
    })
}

fn anthropic_citation() -> Value {
    json!({ "type": "web_search_result_location", "cited_text": "The gate.", "url": URL, "title": "Gate", "encrypted_index": "E" })
}

fn anthropic_usage() -> Value {
    json!({ "input_tokens": 100, "output_tokens": 10, "server_tool_use": { "web_search_requests": 2 } })
}

fn anthropic_whole() -> Value {
    json!({ "id": "msg_1", "type": "message", "role": "assistant", "model": "m", "stop_reason": "end_turn", "stop_sequence": null,
        "content": [
            { "type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": { "query": "gate" } },
            { "type": "web_search_tool_result", "tool_use_id": "srvtoolu_1", "content": [
                { "type": "web_search_result", "url": URL, "title": "Gate", "encrypted_content": "C", "page_age": null }] },
            { "type": "text", "text": "Look: " },
            { "type": "text", "text": "Yümen.", "citations": [anthropic_citation()] }],
        "usage": anthropic_usage() })
}

fn anthropic_stream() -> Vec<String> {
    let event = |name: &str, mut data: Value| {
        data["type"] = json!(name);
        format!("event: {name}\ndata: {data}\n\n")
    };
    let text = |text: &str| json!({ "index": 1, "delta": { "type": "text_delta", "text": text } });
    vec![
        event(
            "message_start",
            json!({ "message": { "id": "msg_1", "type": "message", "role": "assistant", "model": "m",
            "content": [], "usage": { "input_tokens": 100, "output_tokens": 1 } } }),
        ),
        event(
            "content_block_start",
            json!({ "index": 0, "content_block": { "type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {} } }),
        ),
        event(
            "content_block_delta",
            json!({ "index": 0, "delta": { "type": "input_json_delta", "partial_json": "{\"query\":\"gate\"}" } }),
        ),
        event("content_block_stop", json!({ "index": 0 })),
        event("content_block_start", json!({ "index": 1, "content_block": { "type": "text", "text": "" } })),
        event("content_block_delta", text("Look: ")),
        event("content_block_stop", json!({ "index": 1 })),
        event(
            "content_block_start",
            json!({ "index": 2, "content_block": { "type": "text", "text": "", "citations": [] } }),
        ),
        event(
            "content_block_delta",
            json!({ "index": 2, "delta": { "type": "citations_delta", "citation": anthropic_citation() } }),
        ),
        event("content_block_delta", text("Yüm")),
        event("content_block_delta", text("en.")),
        event("content_block_stop", json!({ "index": 2 })),
        event(
            "message_delta",
            json!({ "delta": { "stop_reason": "end_turn", "stop_sequence": null }, "usage": anthropic_usage() }),
        ),
        event("message_stop", json!({})),
    ]
}

fn annotation() -> Value {
    json!({ "type": "url_citation", "url": URL, "title": "Gate", "start_index": 6, "end_index": 12 })
}

fn responses_whole() -> Value {
    json!({ "id": "resp_1", "object": "response", "created_at": 1, "model": "m", "status": "completed", "error": null,
        "output": [
            { "type": "web_search_call", "id": "ws_1", "status": "completed", "action": { "type": "search", "query": "gate" } },
            { "type": "web_search_call", "id": "ws_2", "status": "completed", "action": { "type": "open_page", "url": URL } },
            { "type": "web_search_call", "id": "ws_3", "status": "completed", "action": { "type": "search", "query": "yumen" } },
            { "type": "message", "id": "msg_1", "role": "assistant", "status": "completed", "content": [
                { "type": "output_text", "text": "Look: Yümen.", "annotations": [annotation()], "logprobs": [] }] }],
        "usage": { "input_tokens": 100, "output_tokens": 10, "total_tokens": 110 } })
}

fn responses_stream() -> Vec<String> {
    let whole = responses_whole();
    let event = |name: &str, mut data: Value| {
        data["type"] = json!(name);
        format!("event: {name}\ndata: {data}\n\n")
    };
    let mut events = vec![event(
        "response.created",
        json!({ "response": { "id": "resp_1", "model": "m", "status": "in_progress", "output": [] } }),
    )];
    for (index, item) in whole["output"].as_array().unwrap().iter().enumerate() {
        let place = json!({ "output_index": index, "item": item });
        if item["type"] == "message" {
            events.push(event("response.output_item.added", json!({ "output_index": index,
                "item": { "type": "message", "id": "msg_1", "role": "assistant", "status": "in_progress", "content": [] } })));
            let part = |mut data: Value| {
                (data["item_id"], data["output_index"], data["content_index"]) =
                    (json!("msg_1"), json!(index), json!(0));
                data
            };
            events.push(event("response.output_text.delta", part(json!({ "delta": "Look: Yümen." }))));
            events.push(event(
                "response.output_text.annotation.added",
                part(json!({ "annotation_index": 0, "annotation": annotation() })),
            ));
            events.push(event("response.output_text.done", part(json!({ "text": "Look: Yümen." }))));
            events.push(event("response.content_part.done", part(json!({ "part": item["content"][0] }))));
        }
        events.push(event("response.output_item.done", place));
    }
    events.push(event("response.completed", json!({ "response": whole })));
    events
}

fn gemini(begins: bool, ends: bool) -> Value {
    let text = match (begins, ends) {
        (true, true) => "Look: Yümen.",
        (true, false) => "Look: Yü",
        _ => "men.",
    };
    let mut answer = json!({ "candidates": [{ "content": { "role": "model", "parts": [{ "text": text }] }, "index": 0 }],
        "modelVersion": "m", "responseId": "r" });
    if ends {
        answer["candidates"][0]["finishReason"] = json!("STOP");
        answer["candidates"][0]["groundingMetadata"] = json!({
            "webSearchQueries": ["gate", "yumen"],
            "groundingChunks": [{ "web": { "uri": URL, "title": "Gate" } }],
            // Places are bytes.
            "groundingSupports": [{ "segment": { "startIndex": 6, "endIndex": 13, "text": "Yümen." }, "groundingChunkIndices": [0] }],
        });
        answer["usageMetadata"] =
            json!({ "promptTokenCount": 100, "candidatesTokenCount": 10, "totalTokenCount": 110 });
    }
    answer
}

fn chat_annotation() -> Value {
    json!({ "type": "url_citation", "url_citation": { "url": URL, "title": "Gate", "start_index": 6, "end_index": 12 } })
}

fn chat_usage() -> Value {
    json!({ "prompt_tokens": 100, "completion_tokens": 10, "total_tokens": 110, "server_tool_use_details": { "web_search_requests": 2 } })
}

fn chat_whole() -> Value {
    json!({ "id": "c", "object": "chat.completion", "created": 1, "model": "m", "usage": chat_usage(),
        "choices": [{ "index": 0, "finish_reason": "stop", "message": { "role": "assistant", "content": "Look: Yümen.",
            "annotations": [chat_annotation()] } }] })
}

fn chat_stream() -> Vec<String> {
    let chunk = |delta: Value, finish: Value, usage: Value| {
        let chunk = json!({ "id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", "usage": usage,
            "choices": [{ "index": 0, "delta": delta, "finish_reason": finish }] });
        format!("data: {chunk}\n\n")
    };
    vec![
        chunk(json!({ "role": "assistant", "content": "Look: " }), Value::Null, Value::Null),
        chunk(json!({ "content": "Yümen." }), Value::Null, Value::Null),
        chunk(json!({ "content": "", "annotations": [chat_annotation()] }), Value::Null, Value::Null),
        chunk(json!({}), json!("stop"), chat_usage()),
        "data: [DONE]\n\n".to_owned(),
    ]
}

fn chat(model: &str, stream: bool) -> Value {
    json!({ "model": model, "stream": stream, "messages": [{ "role": "user", "content": "Which gate?" }] })
}

fn messages(model: &str, stream: bool) -> Value {
    json!({ "model": model, "stream": stream, "max_tokens": 64, "messages": [{ "role": "user", "content": "Which gate?" }] })
}

/// The providers that search, and what each is asked that is to search.
fn asked() -> [(&'static str, Value); 4] {
    [
        ("claude", json!({ "tools": [{ "type": "web_search_20250305", "name": "web_search" }] })),
        ("google", json!({ "tools": [{ "googleSearch": {} }] })),
        ("responses", json!({ "tools": [{ "type": "web_search" }] })),
        ("router", json!({ "plugins": [{ "id": "web" }] })),
    ]
}

#[tokio::test]
async fn each_provider_is_asked_in_its_own_words() {
    let upstream = Upstream::start().await;
    upstream.script(searched);
    let gateway = gateway(&upstream).await;
    let anthropic = gateway.anthropic_client();
    for (provider, words) in asked() {
        let model = format!("{provider}/m:online");
        let clients = [
            (gateway.client(), CHAT, chat(&model, false)),
            (anthropic.clone(), MESSAGES, messages(&model, false)),
        ];
        for (client, path, body) in clients {
            let answer = client.post(path, &body).await.expect_status(200);
            let sent = upstream.last().json();
            for (name, value) in words.as_object().unwrap() {
                assert_eq!(&sent[name], value, "{provider} {path}: {sent}");
            }
            assert_eq!(answer.header("x-yumen-lossy"), "", "{provider} {path}");
        }
    }
}

#[tokio::test]
async fn what_a_plugin_says_is_said_or_told_as_lost() {
    let upstream = Upstream::start().await;
    upstream.script(searched);
    let gateway = gateway(&upstream).await;
    let plugin = json!({ "id": "web", "max_uses": 3, "max_results": 2, "include_domains": ["example.org"],
        "user_location": { "type": "approximate", "country": "CN" } });
    let mut body = chat("claude/m", false);
    body["plugins"] = json!([plugin]);
    let answer = gateway.client().post(CHAT, &body).await.expect_status(200);
    let tool = json!({ "type": "web_search_20250305", "name": "web_search", "max_uses": 3, "allowed_domains": ["example.org"],
        "user_location": { "type": "approximate", "country": "CN" } });
    assert_eq!(upstream.last().json()["tools"], json!([tool]));
    assert_eq!(answer.header("x-yumen-lossy"), "web_search.max_results");
    // A gateway that knows the plugin gets it as it is.
    body["model"] = json!("router/m");
    gateway.client().post(CHAT, &body).await.expect_status(200);
    assert_eq!(upstream.last().json()["plugins"], json!([plugin]));
    // On the passing path it is said in the provider's own words, beside the client's tools.
    let mut body = messages("claude/m", false);
    body["plugins"] = json!([plugin]);
    body["tools"] = json!([{ "name": "f", "input_schema": { "type": "object" } }]);
    let answer = gateway.anthropic_client().post(MESSAGES, &body).await.expect_status(200);
    let sent = upstream.last().json();
    assert_eq!(
        (&sent["tools"][0]["name"], &sent["tools"][1], sent.get("plugins")),
        (&json!("f"), &tool, None)
    );
    assert_eq!(answer.header("x-yumen-lossy"), "web_search.max_results");
}

#[tokio::test]
async fn who_cannot_search_is_out_or_behind() {
    let upstream = Upstream::start().await;
    upstream.script(searched);
    let gateway = gateway(&upstream).await;
    let mut with_plugin = chat("blind", false);
    with_plugin["plugins"] = json!([{ "id": "web" }]);
    for body in [chat("blind:online", false), with_plugin] {
        let answer = gateway.client().post(CHAT, &body).await;
        let error = answer.json();
        assert_eq!(answer.status, 404, "{error}");
        assert_eq!(
            error["error"]["metadata"]["availability"]["excluded_by"],
            json!(["web_search"]),
            "{error}"
        );
        assert!(error["error"]["message"].as_str().unwrap().contains("search the web"), "{error}");
    }
    assert_eq!(upstream.counts().received, 0);
    let record_by = |body: Value| {
        let client = gateway.client();
        async move {
            let answer = client.post(CHAT, &body).await.expect_status(200);
            record_of(&client, answer.header("x-generation-id")).await["provider_responses"][0]["provider"]
                .clone()
        }
    };
    assert_eq!(record_by(chat("both", false)).await, "plain");
    assert_eq!(record_by(chat("both:online", false)).await, "claude");
    // A softer wish: who can search comes first, and who cannot answers all the same.
    let mut soft = chat("both", false);
    soft["web_search_options"] = json!({ "search_context_size": "low" });
    assert_eq!(record_by(soft.clone()).await, "claude");
    soft["model"] = json!("blind");
    assert_eq!(record_by(soft.clone()).await, "plain");
    soft["provider"] = json!({ "require_parameters": true });
    let answer = gateway.client().post(CHAT, &soft).await;
    assert_eq!(answer.status, 404, "{}", answer.text());
    // A plugin that is switched off wishes nothing.
    let mut off = chat("blind", false);
    off["plugins"] = json!([{ "id": "web", "enabled": false }]);
    gateway.client().post(CHAT, &off).await.expect_status(200);
}

#[tokio::test]
async fn sources_arrive_whole_and_streamed() {
    let upstream = Upstream::start().await;
    upstream.script(searched);
    let gateway = gateway(&upstream).await;
    for (provider, _) in asked() {
        let model = format!("{provider}/m:online");
        let whole = gateway.client().post(CHAT, &chat(&model, false)).await.expect_status(200).json();
        let message = &whole["choices"][0]["message"];
        assert_eq!(message["content"], "Look: Yümen.", "{provider}");
        let source = &message["annotations"][0]["url_citation"];
        let place = |source: &Value| {
            (source["url"].clone(), source["start_index"].clone(), source["end_index"].clone())
        };
        let expected = (json!(URL), json!(6), json!(12));
        assert_eq!(place(source), expected, "{provider}: {whole}");

        let streamed = gateway.client().post(CHAT, &chat(&model, true)).await.expect_status(200);
        let deltas = streamed
            .events()
            .iter()
            .filter(|event| !event.is_done())
            .map(|event| event.json()["choices"][0]["delta"].clone())
            .collect::<Vec<_>>();
        let sources: Vec<&Value> =
            deltas.iter().flat_map(|delta| delta["annotations"].as_array().into_iter().flatten()).collect();
        assert_eq!(sources.len(), 1, "{provider}: {}", streamed.text());
        assert_eq!(place(&sources[0]["url_citation"]), expected, "{provider}");

        let client = gateway.anthropic_client();
        let whole = client.post(MESSAGES, &messages(&model, false)).await.expect_status(200).json();
        let cited =
            whole["content"].as_array().unwrap().iter().find(|block| block.get("citations").is_some());
        let cited = cited.unwrap_or_else(|| panic!("{provider}: {whole}"));
        assert_eq!(cited["citations"][0]["url"], URL, "{provider}");
        let streamed = client.post(MESSAGES, &messages(&model, true)).await.expect_status(200);
        let events = streamed.events();
        let sources =
            events.iter().filter(|event| event.json()["delta"]["type"] == "citations_delta").count();
        assert_eq!(sources, 1, "{provider}: {}", streamed.text());
    }
    // What a client of the same dialect gets is its provider's own.
    let own = gateway.anthropic_client().post(MESSAGES, &messages("claude/m:online", false)).await;
    assert_eq!(own.json(), anthropic_whole());
}

/// A citation that was another provider's tells Claude nothing: it must not come back to it as it stands.
#[tokio::test]
async fn sources_of_others_do_not_reach_claude_again() {
    let upstream = Upstream::start().await;
    upstream.script(searched);
    let gateway = gateway(&upstream).await;
    let client = gateway.anthropic_client();
    let first = client.post(MESSAGES, &messages("google/m:online", false)).await.expect_status(200).json();
    let mut body = messages("claude/m", false);
    body["messages"] = json!([{ "role": "user", "content": "Which gate?" },
        { "role": "assistant", "content": first["content"] }, { "role": "user", "content": "Since when?" }]);
    let answer = client.post(MESSAGES, &body).await.expect_status(200);
    let sent = upstream.last().json();
    assert_eq!(sent["messages"][1]["content"], "Look: Yümen.", "{sent}");
    assert_eq!(answer.header("x-yumen-lossy"), "messages.content.citation");
}

#[tokio::test]
async fn searches_are_counted_and_paid() {
    let upstream = Upstream::start().await;
    upstream.script(searched);
    let gateway = gateway(&upstream).await;
    // 110 tokens at a dollar for a million, and two searches; Gemini's have no price that is known.
    let tokens = 110_000;
    for (provider, cost) in [
        ("claude", json!(tokens + 20_000_000)),
        ("google", Value::Null),
        ("responses", json!(tokens + 20_000_000)),
        ("router", json!(tokens + 8_000_000)),
    ] {
        let model = format!("{provider}/m:online");
        let requests = [
            (CHAT, chat(&model, false)),
            (CHAT, chat(&model, true)),
            (MESSAGES, messages(&model, false)),
            (MESSAGES, messages(&model, true)),
        ];
        for (path, body) in requests {
            let client = if path == CHAT { gateway.client() } else { gateway.anthropic_client() };
            let answer = client.post(path, &body).await.expect_status(200);
            let record = record_of(&gateway.client(), answer.header("x-generation-id")).await;
            let told = (
                &record["units"]["web_searches"],
                &record["billable_web_search_calls"],
                &record["cost_nanos"],
            );
            assert_eq!(told, (&json!(2), &json!(2), &cost), "{provider} {path} {record}");
        }
        let dressed = gateway
            .client()
            .post("/api/v1/chat/completions", &chat(&model, false))
            .await
            .expect_status(200)
            .json();
        assert_eq!(dressed["usage"]["server_tool_use_details"]["web_search_requests"], 2, "{dressed}");
        assert_eq!(dressed["usage"]["cost"].is_null(), cost.is_null(), "{dressed}");
    }
    // Who has not searched pays for tokens alone.
    upstream.script(|_| None);
    let answer = gateway.client().post(CHAT, &chat("claude/m", false)).await.expect_status(200);
    let record = record_of(&gateway.client(), answer.header("x-generation-id")).await;
    assert!(record["units"].get("web_searches").is_none() && record["cost_nanos"].is_number(), "{record}");
}

/// Whoever has no list there means another's field, as before there was anything to wish.
#[tokio::test]
async fn plugins_that_are_no_list_are_left_alone() {
    let upstream = Upstream::start().await;
    let gateway = gateway(&upstream).await;
    for plugins in [json!({ "id": "web" }), json!("web"), Value::Null] {
        let mut body = chat("router/m", false);
        body["plugins"] = plugins.clone();
        gateway.client().post(CHAT, &body).await.expect_status(200);
        assert_eq!(upstream.last().json()["plugins"], plugins);
    }
}

/// Perplexity always searches and tells how often: what it charges for that is known, so that its users' costs are.
#[tokio::test]
async fn searches_that_cannot_be_left_out_have_a_known_cost() {
    let upstream = Upstream::start().await;
    upstream.script(|_| {
        let mut answer = chat_whole();
        answer["usage"] = json!({ "prompt_tokens": 100, "completion_tokens": 10, "num_search_queries": 3 });
        Some(Reply::json(200, &answer))
    });
    let gateway = Gateway::start(&format!(
        "gateway: {{ listen: \"127.0.0.1:0\" }}\nadmin: {{ listen: \"127.0.0.1:0\" }}\nproviders:\n  \
         perplexity: {{ type: perplexity, base_url: \"{}\", credentials: [ {{ secret: s }} ], \
         models: {{ m: {{ price: {{ input: 1, output: 1 }} }} }} }}\n\
         keys:\n  - {{ name: tests, secret: \"{KEY}\" }}\n",
        upstream.openai_base()
    ))
    .await;
    let answer = gateway.client().post(CHAT, &chat("perplexity/m", false)).await.expect_status(200);
    let record = record_of(&gateway.client(), answer.header("x-generation-id")).await;
    assert_eq!(record["cost_nanos"], 110_000 + 15_000_000, "{record}");
}
