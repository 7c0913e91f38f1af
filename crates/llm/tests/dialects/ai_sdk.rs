//! The AI SDK's gateway protocol: what its clients send is understood, what they are told is what they read.

use serde_json::{Value, json};
use yumen_llm::dialects::{AnswerContext, Dialect, Target, codec};
use yumen_llm::ir::{
    Chat, Content, ErrorFacts, ErrorKind, Finish, FinishReason, Request, Source, Start, StreamEvent, Tool,
    ToolChoice, WebSearch,
};
use yumen_llm::price::{PerToken, Price};
use yumen_llm::usage::Usage;

use crate::support::context;

fn read(body: &Value) -> Chat {
    match codec(Dialect::AiSdk).decode_request(body.to_string().as_bytes()).expect("a request") {
        Request::Chat(chat) => *chat,
        other => panic!("{other:?}"),
    }
}

fn refused(body: &Value) -> String {
    codec(Dialect::AiSdk).decode_request(body.to_string().as_bytes()).expect_err("a complaint").message
}

fn user(parts: &Value) -> Value {
    json!({ "prompt": [{ "role": "user", "content": parts }] })
}

fn one_part(part: &Value) -> Content {
    read(&user(&json!([part]))).messages.remove(0).parts.remove(0).content
}

/// A request with everything that the SDK's core says, as every other chat dialect says it.
#[test]
fn a_request_of_the_sdk_is_said_in_every_dialect() {
    let body = json!({
        "prompt": [
            { "role": "system", "content": "Be brief.", "providerOptions": { "anthropic": { "cacheControl": { "type": "ephemeral" } } } },
            { "role": "user", "content": [
                { "type": "text", "text": "Look." },
                { "type": "file", "mediaType": "image/*", "data": { "type": "data", "data": "iVBORw0KGgo=" } },
                { "type": "file", "mediaType": "application/pdf", "filename": "a.pdf", "data": { "type": "url", "url": "https://example.com/a.pdf" } },
            ] },
            { "role": "assistant", "content": [
                { "type": "reasoning", "text": "Hm.", "providerOptions": { "anthropic": { "signature": "sig" } } },
                { "type": "text", "text": "I ask." },
                { "type": "tool-call", "toolCallId": "c1", "toolName": "weather", "input": { "city": "Dunhuang" } },
            ] },
            { "role": "tool", "content": [
                { "type": "tool-result", "toolCallId": "c1", "toolName": "weather", "output": { "type": "json", "value": { "degrees": 21 } } },
            ] },
        ],
        "maxOutputTokens": 100, "temperature": 0.5, "topP": 0.9, "topK": 5, "presencePenalty": 0.1,
        "frequencyPenalty": 0.2, "stopSequences": ["END"], "seed": 7,
        "responseFormat": { "type": "json", "schema": { "type": "object" }, "name": "place" },
        "tools": [{ "type": "function", "name": "weather", "description": "d", "inputSchema": { "type": "object" }, "strict": true }],
        "toolChoice": { "type": "tool", "toolName": "weather" },
        "reasoning": "high", "includeRawChunks": false, "headers": { "user-agent": "ai" },
    });
    let chat = read(&body);
    assert_eq!(chat.extra, []);
    assert_eq!(chat.tool_choice, Some(ToolChoice::Named("weather".into())));
    for dialect in
        [Dialect::OpenAiChat, Dialect::OpenAiResponses, Dialect::AnthropicMessages, Dialect::Gemini]
    {
        let target = Target { model: "m", ..Target::default() };
        let request = Request::Chat(Box::new(chat.clone()));
        let said = codec(dialect).encode_request(&request, &target).expect("sayable");
        insta::assert_snapshot!(
            format!("ai_sdk__{}", codec(dialect).outline().name),
            format!("{}\n\nlost: {}", pretty(&said.body), said.lossy.join(", "))
        );
    }
}

fn pretty(body: &[u8]) -> String {
    let value: Value = serde_json::from_slice(body).expect("JSON");
    serde_json::to_string_pretty(&value).expect("JSON")
}

#[test]
fn files_are_read_in_the_form_of_every_version() {
    let base64 =
        |media_type: &str, data: &str| Source::Base64 { media_type: media_type.into(), data: data.into() };
    let image = |source| Content::Image { source, detail: None };
    let file = |source| Content::File { source, name: None };
    for (media_type, data, expected) in [
        ("image/png", json!({ "type": "data", "data": "AAAA" }), image(base64("image/png", "AAAA"))),
        ("image/png", json!("AAAA"), image(base64("image/png", "AAAA"))),
        ("image/png", json!("data:image/webp;base64,AAAA"), image(base64("image/webp", "AAAA"))),
        ("image/*", json!("/9j/AAAA"), image(base64("image/jpeg", "/9j/AAAA"))),
        ("image/*", json!("https://example.com/a"), image(Source::Url("https://example.com/a".into()))),
        (
            "application/pdf",
            json!({ "type": "url", "url": "https://example.com/a" }),
            file(Source::Url("https://example.com/a".into())),
        ),
        ("text/plain", json!({ "type": "text", "text": "t" }), file(Source::Text("t".into()))),
        (
            "application/pdf",
            json!({ "type": "reference", "reference": { "openai": "file-1" } }),
            file(Source::FileId("file-1".into())),
        ),
        ("audio/mpeg", json!("AAAA"), Content::Audio { data: "AAAA".into(), format: "mp3".into() }),
    ] {
        assert_eq!(
            one_part(&json!({ "type": "file", "mediaType": media_type, "data": data })),
            expected,
            "{data}"
        );
    }
}

#[test]
fn proofs_come_back_as_they_went() {
    let context = context();
    for format in [
        Some("anthropic-claude-v1"),
        Some("google-gemini-v1"),
        Some("openai-responses-v1"),
        Some("other"),
        None,
    ] {
        let thinking = Content::Thinking {
            text: "Hm.".into(),
            signature: Some("s".into()),
            format: format.map(Into::into),
        };
        let sealed = Content::RedactedThinking { data: "d".into(), format: format.map(Into::into) };
        let events = |content: &Content| match content {
            Content::Thinking { text, signature, format } => vec![
                StreamEvent::Thinking { choice: 0, text: text.clone() },
                StreamEvent::Signature {
                    choice: 0,
                    signature: signature.clone().expect("one"),
                    format: format.clone(),
                },
            ],
            Content::RedactedThinking { data, format } => {
                vec![StreamEvent::RedactedThinking { choice: 0, data: data.clone(), format: format.clone() }]
            }
            other => panic!("{other:?}"),
        };
        for content in [thinking, sealed] {
            // Whole: the part of the answer is the part of the next request, with its metadata as options.
            let answer = yumen_llm::ir::Answer {
                choices: vec![yumen_llm::ir::Choice {
                    parts: vec![yumen_llm::ir::Part::new(content.clone())],
                    ..Default::default()
                }],
                ..Default::default()
            };
            let body = codec(Dialect::AiSdk)
                .encode_response(&yumen_llm::ir::Response::Chat(Box::new(answer)), &context);
            let mut part = serde_json::from_slice::<Value>(&body).expect("JSON")["content"][0].take();
            let metadata = part.as_object_mut().expect("a part").remove("providerMetadata").expect("a proof");
            part["providerOptions"] = metadata.clone();
            let back = read(&json!({ "prompt": [{ "role": "assistant", "content": [part] }] }));
            assert_eq!(back.messages[0].parts[0].content, content);
            // Streamed: said at the end of the reasoning.
            let parts = streamed(&events(&content), &context);
            let end = parts.iter().find(|part| part["type"] == "reasoning-end").expect("an end");
            assert_eq!(end["providerMetadata"], metadata);
        }
    }
}

fn streamed(events: &[StreamEvent], context: &AnswerContext) -> Vec<Value> {
    let mut encoder = codec(Dialect::AiSdk).stream_encoder(context.clone());
    let mut out = Vec::new();
    events.iter().for_each(|event| encoder.encode(event, &mut out));
    encoder.finish(&mut out);
    let text = String::from_utf8(out).expect("UTF-8");
    let data = text.split("\n\n").filter_map(|event| event.strip_prefix("data: "));
    data.map(|data| serde_json::from_str(data).expect("JSON")).collect()
}

#[test]
fn a_stream_is_told_in_parts_that_are_begun_and_ended() {
    let arguments = |call, arguments: &str| StreamEvent::ToolCallArguments {
        choice: 0,
        call,
        arguments: arguments.into(),
    };
    let start =
        |call, id: &str| StreamEvent::ToolCallStart { choice: 0, call, id: id.into(), name: "f".into() };
    let text = |text: &str| StreamEvent::Text { choice: 0, text: text.into(), logprobs: None };
    let events = [
        StreamEvent::Start(Box::new(Start {
            id: Some("u".into()),
            model: Some("m".into()),
            created: Some(0),
            ..Start::default()
        })),
        StreamEvent::Thinking { choice: 0, text: "Hm.".into() },
        text("a"),
        StreamEvent::Ping,
        text(""),
        text("b"),
        start(0, "c0"),
        start(1, "c1"),
        arguments(1, "{\"x\""),
        arguments(0, "{}"),
        arguments(1, ":1}"),
        StreamEvent::Finish {
            choice: 0,
            finish: Finish { reason: FinishReason::Stop, native: Some("stop".into()), stop_sequence: None },
        },
        StreamEvent::Usage(Usage { input: 10, cached_input: 4, output: 3, reasoning: 1, ..Usage::default() }),
        StreamEvent::End,
    ];
    let price = Price {
        input: PerToken::per_million("1").expect("a price"),
        output: PerToken::per_million("2").expect("a price"),
        ..Price::default()
    };
    for version in [2, 4] {
        let context = AnswerContext {
            ai_sdk_version: version,
            provider: Some("p".into()),
            native_model: Some("n".into()),
            price: Some(price),
            ..context()
        };
        let parts = streamed(&events, &context);
        insta::assert_snapshot!(
            format!("ai_sdk__stream_v{version}"),
            parts.iter().map(Value::to_string).collect::<Vec<_>>().join("\n")
        );
    }
}

#[test]
fn what_another_tier_costs_is_not_said() {
    let price = Price { input: PerToken::per_million("1").expect("a price"), ..Price::default() };
    let cost = |tier: &str| {
        let context = AnswerContext { ai_sdk_version: 4, price: Some(price), ..context() };
        let start = Start { service_tier: Some(tier.into()), ..Start::default() };
        let usage = Usage { input: 1_000_000, ..Usage::default() };
        let parts = streamed(
            &[StreamEvent::Start(Box::new(start)), StreamEvent::Usage(usage), StreamEvent::End],
            &context,
        );
        parts.last().expect("a finish")["providerMetadata"]["gateway"]["cost"].clone()
    };
    assert_eq!(cost("default"), "1");
    assert_eq!(cost("flex"), Value::Null);
}

#[test]
fn options_of_providers_are_read_and_what_nobody_knows_is_named() {
    let chat = read(&json!({ "prompt": [], "providerOptions": {
        "gateway": { "models": ["x"], "user": "u", "tags": ["t"] },
        "openai": { "reasoningEffort": "low", "parallelToolCalls": false, "store": true },
        "anthropic": { "thinking": { "type": "enabled", "budgetTokens": 2000 }, "container": {} },
        "groq": { "x": 1 },
    } }));
    assert_eq!((chat.user.as_deref(), chat.parallel_tool_calls), (Some("u"), Some(false)));
    assert_eq!(chat.reasoning.and_then(|reasoning| reasoning.budget_tokens), Some(2000));
    let names: Vec<&str> = chat.extra.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(
        names,
        ["providerOptions.openai.store", "providerOptions.anthropic.container", "providerOptions.groq"]
    );
}

#[test]
fn tools_of_providers_and_their_results_are_kept_or_named() {
    let chat = read(&json!({
        "prompt": [
            { "role": "assistant", "content": [{ "type": "tool-result", "toolCallId": "c", "toolName": "t", "output": { "type": "text", "value": "x" } }] },
            { "role": "tool", "content": [{ "type": "tool-approval-response", "approvalId": "a", "approved": true }] },
        ],
        "tools": [
            { "type": "provider", "id": "openai.web_search", "name": "web_search", "args": {} },
            { "type": "provider-defined", "id": "google.google_search", "name": "google_search", "args": {} },
            { "type": "provider", "id": "anthropic.bash_20250124", "name": "bash", "args": {} },
        ],
    }));
    let kinds: Vec<&str> = chat
        .tools
        .iter()
        .map(|tool| match tool {
            Tool::Other { kind, .. } => kind.as_str(),
            Tool::Function { name, .. } => name.as_str(),
        })
        .collect();
    assert_eq!(kinds, ["provider.google.google_search", "provider.anthropic.bash_20250124"]);
    assert_eq!(chat.web_search.as_deref(), Some(&WebSearch::default()), "the first that searches is a wish");
    let names: Vec<&str> = chat.extra.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["prompt.tool-result", "prompt.tool-approval-response"]);
}

#[test]
fn members_that_nobody_knows_reach_no_provider_under_their_own_names() {
    let body = json!({ "prompt": [{ "role": "user", "content": [{ "type": "text", "text": "a" }] }],
        "additionalModelRequestFields": { "tools": [{ "model": "large" }] }, "model": "large",
        "tools": [{ "type": "provider", "id": "image_generation", "name": "x", "model": "large" },
            { "type": "provider", "id": "openai.x\",\"model\":\"large", "name": "x" }] });
    for dialect in [
        Dialect::OpenAiChat,
        Dialect::OpenAiResponses,
        Dialect::AnthropicMessages,
        Dialect::Gemini,
        Dialect::BedrockConverse,
        Dialect::OllamaChat,
        Dialect::CohereChat,
    ] {
        let request = Request::Chat(Box::new(read(&body)));
        let target = Target { model: "m", ..Target::default() };
        let said = codec(dialect).encode_request(&request, &target).expect("sayable");
        let sent = String::from_utf8(said.body).expect("UTF-8");
        assert!(!sent.contains("large"), "{dialect:?}: {sent}");
    }
}

#[test]
fn a_text_between_the_pieces_of_a_call_takes_nothing_from_it() {
    let events = [
        StreamEvent::ToolCallStart { choice: 0, call: 0, id: "c".into(), name: "f".into() },
        StreamEvent::ToolCallArguments { choice: 0, call: 0, arguments: "{\"a\":".into() },
        StreamEvent::Text { choice: 0, text: "t".into(), logprobs: None },
        StreamEvent::ToolCallArguments { choice: 0, call: 0, arguments: "1}".into() },
        StreamEvent::End,
    ];
    let parts = streamed(&events, &context());
    let call = parts.iter().find(|part| part["type"] == "tool-call").expect("a call");
    assert_eq!(call["input"], "{\"a\":1}");
}

#[test]
fn complaints_name_the_place() {
    for (body, place) in [
        (json!({}), "prompt"),
        (json!({ "prompt": [{ "role": "x" }] }), "prompt[0].role"),
        (json!({ "prompt": [{ "role": "user" }] }), "prompt[0].content"),
        (user(&json!([{ "type": "file", "mediaType": "image/png" }])), "prompt[0].content[0].data"),
        (user(&json!([{ "type": "tool-call", "toolName": "t" }])), "prompt[0].content[0].toolCallId"),
        (json!({ "prompt": [], "toolChoice": { "type": "x" } }), "toolChoice.type"),
        (json!({ "prompt": [], "responseFormat": { "type": "xml" } }), "responseFormat.type"),
        (json!({ "prompt": [], "tools": [{ "type": "x" }] }), "tools[0].type"),
    ] {
        let said = refused(&body);
        assert!(said.starts_with(&format!("{place}:")), "{said}");
    }
}

#[test]
fn errors_choose_the_sdks_class() {
    let facts = |status, kind, code: Option<&str>| ErrorFacts {
        status,
        kind,
        message: "no".into(),
        code: code.map(Into::into),
        param: None,
        metadata: Some(json!({ "availability": { "requested_models": ["m"] } })),
        request_id: Some("gen-1".into()),
    };
    for (facts, word, param) in [
        (facts(401, ErrorKind::Authentication, None), "authentication_error", json!(null)),
        (
            facts(404, ErrorKind::NotFound, Some("model_not_found")),
            "model_not_found",
            json!({ "modelId": "m" }),
        ),
        (facts(404, ErrorKind::NotFound, None), "not_found", json!(null)),
        (facts(429, ErrorKind::RateLimited, None), "rate_limit_exceeded", json!(null)),
        (facts(502, ErrorKind::Server, None), "failed_dependency", json!(null)),
        (facts(500, ErrorKind::Server, None), "internal_server_error", json!(null)),
    ] {
        let body: Value = serde_json::from_slice(&codec(Dialect::AiSdk).encode_error(&facts)).expect("JSON");
        assert_eq!(body["error"]["type"], word);
        assert_eq!(body["error"]["param"], param);
        assert_eq!(body["generationId"], "gen-1");
    }
}

#[test]
fn embeddings_are_lists_of_numbers() {
    let body = json!({ "values": ["a", "b"], "dimensions": 2, "providerOptions": { "openai": { "user": "u", "x": 1 } } });
    let request =
        codec(Dialect::AiSdkEmbeddings).decode_request(body.to_string().as_bytes()).expect("a request");
    let target = Target { model: "m", ..Target::default() };
    let said = codec(Dialect::OpenAiEmbeddings).encode_request(&request, &target).expect("sayable");
    let sent: Value = serde_json::from_slice(&said.body).expect("JSON");
    assert_eq!(
        (&sent["input"], &sent["dimensions"], &sent["user"]),
        (&json!(["a", "b"]), &json!(2), &json!("u"))
    );
    assert_eq!(said.lossy, ["providerOptions.openai.x"]);
    let answer = json!({ "data": [
        { "index": 1, "embedding": "AACAPwAAAEA=" }, { "index": 0, "embedding": [0.5, 1] },
    ], "usage": { "prompt_tokens": 4, "total_tokens": 4 } });
    let answer =
        codec(Dialect::OpenAiEmbeddings).decode_response(answer.to_string().as_bytes()).expect("an answer");
    let told = codec(Dialect::AiSdkEmbeddings).encode_response(&answer, &context());
    let told: Value = serde_json::from_slice(&told).expect("JSON");
    assert_eq!(
        (&told["embeddings"], &told["usage"]),
        (&json!([[0.5, 1.0], [1.0, 2.0]]), &json!({ "tokens": 4 }))
    );
}
