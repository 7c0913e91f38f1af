//! What only Gemini does with requests: signatures, ways to think, names, schemas, forms of answers.

use serde_json::{Value, json};
use yumen_llm::dialects::Dialect::{AnthropicMessages, Gemini, OpenAiChat};
use yumen_llm::dialects::{Target, Thinking, codec};
use yumen_llm::ir::{Content, Message, Part, Request, Role};

use crate::support::{request, request_for};

/// An OpenAI client's question with these fields more, as a model of this way to think is asked.
fn asked(thinking: Thinking, more: &Value) -> (Value, Vec<String>) {
    let target = Target { model: "m", thinking, ..Target::default() };
    let mut body = json!({ "model": "x", "messages": [{ "role": "user", "content": "Prove it" }] });
    for (name, value) in more.as_object().expect("fields") {
        body[name] = value.clone();
    }
    request_for(&target, OpenAiChat, Gemini, &body)
}

#[test]
fn neither_model_nor_streaming_stand_in_the_body() {
    let (sent, _) = asked(Thinking::Budget, &json!({ "stream": true }));
    assert_eq!((sent.get("model"), sent.get("stream")), (None, None));
    let body = br#"{"contents":[{"parts":[{"text":"a"}]}]}"#;
    let Request::Chat(chat) = codec(Gemini).decode_request(body).expect("readable") else { panic!("a chat") };
    assert_eq!((chat.model.as_str(), chat.stream, chat.include_usage), ("", false, true));
    assert!(codec(Gemini).outline().model_in_path && !codec(OpenAiChat).outline().model_in_path);
}

#[test]
fn reasoning_is_asked_for_as_a_budget_or_as_a_level() {
    for (fields, budget, level, lost) in [
        (json!({ "reasoning_effort": "minimal" }), 512, "MINIMAL", vec![]),
        (json!({ "reasoning_effort": "low" }), 1024, "LOW", vec![]),
        (json!({ "reasoning_effort": "medium" }), 8192, "MEDIUM", vec![]),
        (json!({ "reasoning_effort": "high" }), 24_576, "HIGH", vec![]),
        (json!({ "reasoning_effort": "xhigh" }), 24_576, "HIGH", vec!["reasoning.effort"]),
        (json!({ "reasoning_effort": "high", "max_tokens": 10_000 }), 8000, "HIGH", vec![]),
        (
            json!({ "reasoning": { "max_tokens": 2000 }, "max_tokens": 4000 }),
            2000,
            "MEDIUM",
            vec!["reasoning.budget_tokens"],
        ),
    ] {
        let (sent, lossy) = asked(Thinking::Budget, &fields);
        let expected = json!({ "thinkingBudget": budget, "includeThoughts": true });
        assert_eq!((&sent["generationConfig"]["thinkingConfig"], lossy.len()), (&expected, 0), "{fields}");
        let (sent, lossy) = asked(Thinking::Adaptive, &fields);
        let expected = json!({ "thinkingLevel": level, "includeThoughts": true });
        assert_eq!(sent["generationConfig"]["thinkingConfig"], expected, "{fields}");
        assert_eq!(lossy, lost, "{fields}");
    }
}

#[test]
fn thinking_is_switched_off_or_made_as_little_as_the_model_allows() {
    let off = json!({ "reasoning_effort": "none" });
    for (thinking, expected, lost) in [
        (Thinking::Budget, json!({ "thinkingBudget": 0 }), vec![]),
        (Thinking::Adaptive, json!({ "thinkingLevel": "MINIMAL" }), vec!["reasoning"]),
        (Thinking::Always, json!({ "thinkingLevel": "LOW" }), vec!["reasoning"]),
    ] {
        let (sent, lossy) = asked(thinking, &off);
        assert_eq!(sent["generationConfig"]["thinkingConfig"], expected);
        assert_eq!(lossy, lost);
    }
    let (sent, lossy) = asked(Thinking::Always, &json!({ "reasoning_effort": "minimal" }));
    assert_eq!(sent["generationConfig"]["thinkingConfig"]["thinkingLevel"], "LOW");
    assert_eq!(lossy, ["reasoning.effort"]);
}

#[test]
fn how_much_to_think_may_be_left_to_the_model() {
    let on = json!({ "reasoning": { "enabled": true, "exclude": true } });
    let (sent, _) = asked(Thinking::Budget, &on);
    let expected = json!({ "thinkingBudget": -1, "includeThoughts": false });
    assert_eq!(sent["generationConfig"]["thinkingConfig"], expected);
    let (sent, _) = asked(Thinking::Adaptive, &on);
    assert_eq!(sent["generationConfig"]["thinkingConfig"], json!({ "includeThoughts": false }));
    for thinking in [Thinking::Budget, Thinking::Adaptive, Thinking::Always] {
        assert_eq!(asked(thinking, &json!({})).0.get("generationConfig"), None);
    }
    let (sent, lossy) = asked(Thinking::Budget, &json!({ "reasoning": { "max_tokens": 100_000 } }));
    assert_eq!(sent["generationConfig"]["thinkingConfig"]["thinkingBudget"], 24_576);
    assert_eq!(lossy, ["reasoning.budget_tokens"], "no model takes that much");
}

#[test]
fn pitfall_41_calls_without_signature_get_the_placeholder_where_signatures_are_checked() {
    let call =
        |id: &str| json!({ "id": id, "type": "function", "function": { "name": "f", "arguments": "{}" } });
    let messages = json!([
        { "role": "user", "content": "Weather?" },
        { "role": "assistant", "content": "Both.", "tool_calls": [call("a"), call("b")] },
        { "role": "tool", "tool_call_id": "a", "content": "1" },
        { "role": "tool", "tool_call_id": "b", "content": "2" },
        { "role": "assistant", "tool_calls": [call("c")],
          "reasoning_details": [{ "type": "reasoning.encrypted", "data": "c2ln", "format": "google-gemini-v1", "index": 0 }] },
        { "role": "tool", "tool_call_id": "c", "content": "3" },
    ]);
    let signatures = |thinking| {
        let (sent, lossy) = asked(thinking, &json!({ "messages": messages }));
        assert_eq!(lossy, Vec::<String>::new());
        let turn = |index: usize| sent["contents"][index]["parts"].as_array().expect("parts").clone();
        [turn(1), turn(3)].concat().iter().map(|part| part["thoughtSignature"].clone()).collect::<Vec<_>>()
    };
    let null = Value::Null;
    assert_eq!(signatures(Thinking::Budget), [null.clone(), null.clone(), null.clone(), json!("c2ln")]);
    for thinking in [Thinking::Adaptive, Thinking::Always] {
        let skip = json!("skip_thought_signature_validator");
        assert_eq!(signatures(thinking), [null.clone(), skip, null.clone(), json!("c2ln")]);
    }
}

#[test]
fn signatures_of_others_are_left_out_and_named() {
    let details = json!([
        { "type": "reasoning.text", "text": "hm", "signature": "S", "format": "anthropic-claude-v1", "index": 0 },
        { "type": "reasoning.encrypted", "data": "abc", "format": "openai-responses-v1", "index": 1 },
        { "type": "reasoning.text", "text": "mine", "index": 2 },
    ]);
    let messages = json!([
        { "role": "user", "content": "go" },
        { "role": "assistant", "content": "ok", "reasoning_details": details },
        { "role": "user", "content": "on" },
    ]);
    let (sent, lossy) = request(OpenAiChat, Gemini, &json!({ "model": "x", "messages": messages }));
    assert_eq!(sent["contents"][1]["parts"], json!([{ "text": "mine", "thought": true }, { "text": "ok" }]));
    assert_eq!(lossy, ["messages.content.thinking", "messages.content.redacted_thinking"]);
}

#[test]
fn a_signature_without_a_part_to_stand_on_stands_on_an_empty_text() {
    let seal = |data: &str| {
        Part::new(Content::RedactedThinking { data: data.into(), format: Some("google-gemini-v1".into()) })
    };
    let turn = |role, parts| Message { role, parts, name: None };
    let messages = vec![
        turn(Role::User, vec![Part::text("a")]),
        turn(Role::Assistant, vec![seal("1"), seal("2"), Part::text("b"), seal("3")]),
        turn(Role::Assistant, vec![Part::text("c")]),
    ];
    let chat = yumen_llm::ir::Chat { messages, ..Default::default() };
    let encoded =
        codec(Gemini).encode_request(&Request::Chat(Box::new(chat)), &Target::default()).expect("sayable");
    let sent: Value = serde_json::from_slice(&encoded.body).expect("JSON");
    let expected = json!([
        { "text": "", "thoughtSignature": "1" },
        { "text": "b", "thoughtSignature": "2" },
        { "text": "", "thoughtSignature": "3" },
        { "text": "c" },
    ]);
    assert_eq!(sent["contents"][1]["parts"], expected, "and none wanders into the next turn");
}

#[test]
fn results_are_objects_of_the_calls_name() {
    let results = [
        (json!("sunny"), json!({ "result": "sunny" })),
        (json!("{\"a\": 1.0}"), json!({ "a": 1.0 })),
        (json!("[1]"), json!({ "result": "[1]" })),
        (json!("{broken"), json!({ "result": "{broken" })),
        (json!("{\"x\":{\"$ref\":\"#/a\"}}"), json!({ "result": "{\"x\":{\"$ref\":\"#/a\"}}" })),
        (
            json!([{ "type": "text", "text": "a" }, { "type": "text", "text": "b" }]),
            json!({ "result": "a\nb" }),
        ),
        (json!([]), json!({ "result": "" })),
    ];
    for (content, response) in results {
        let body = json!({ "model": "x", "max_tokens": 9, "messages": [
            { "role": "user", "content": "go" },
            { "role": "assistant", "content": [{ "type": "tool_use", "id": "t", "name": "look", "input": {} }] },
            { "role": "user", "content": [{ "type": "tool_result", "tool_use_id": "t", "content": content }] },
        ] });
        let (sent, _) = request(AnthropicMessages, Gemini, &body);
        let expected = json!({ "id": "t", "name": "look", "response": response });
        assert_eq!(sent["contents"][2]["parts"][0]["functionResponse"], expected);
    }
    let orphan =
        json!({ "model": "x", "messages": [{ "role": "tool", "tool_call_id": "lost", "content": "a" }] });
    let (sent, _) = request(OpenAiChat, Gemini, &orphan);
    assert_eq!(sent["contents"][0]["parts"][0]["functionResponse"]["name"], "lost");
}

#[test]
fn json_and_functions_together_are_asked_for_only_where_that_is_possible() {
    let tools = json!([{ "type": "function", "function": { "name": "f" } }]);
    let schema = json!({ "type": "object", "properties": { "a": { "type": "string" } } });
    let format = json!({ "type": "json_schema", "json_schema": { "name": "n", "schema": schema } });
    let fields = json!({ "tools": tools, "response_format": format });
    let (sent, lossy) = asked(Thinking::Adaptive, &fields);
    assert_eq!((&sent["generationConfig"]["responseJsonSchema"], lossy.len()), (&schema, 0));
    let (sent, lossy) = asked(Thinking::Budget, &fields);
    assert_eq!((sent.get("generationConfig"), lossy), (None, vec!["response_format".to_owned()]));
    let instruction = sent["systemInstruction"]["parts"][0]["text"].as_str().expect("an instruction");
    assert!(instruction.contains(r#""properties":{"a":{"type":"string"}}"#), "{instruction}");
    let (sent, lossy) = asked(Thinking::Budget, &json!({ "response_format": format }));
    assert_eq!((&sent["generationConfig"]["responseJsonSchema"], lossy.len()), (&schema, 0));
}

#[test]
fn limits_of_the_api_are_kept_and_named() {
    let fields = json!({ "seed": 5_000_000_000_i64, "stop": ["", "1", "2", "3", "4", "5", "6"], "service_tier": "scale" });
    let (sent, lossy) = asked(Thinking::Budget, &fields);
    assert_eq!(sent["generationConfig"], json!({ "stopSequences": ["1", "2", "3", "4", "5"] }));
    assert_eq!(lossy, ["seed", "stop", "service_tier"]);
    for (asked_for, sent_as) in
        [("default", json!("standard")), ("priority", json!("priority")), ("auto", Value::Null)]
    {
        let (sent, lossy) = asked(Thinking::Budget, &json!({ "service_tier": asked_for }));
        assert_eq!((&sent["serviceTier"], lossy.len()), (&sent_as, 0));
    }
}

#[test]
fn only_what_google_can_read_is_sent_as_an_address() {
    let image = |url: &str| json!({ "type": "image_url", "image_url": { "url": url } });
    let content =
        json!([image("https://a.b/c"), image("HTTP://a.b/c.webp#x"), image("ftp://a.b/c.png"), image("")]);
    let body = json!({ "model": "x", "messages": [{ "role": "user", "content": content }] });
    let (sent, lossy) = request(OpenAiChat, Gemini, &body);
    let expected = json!([
        { "fileData": { "fileUri": "https://a.b/c" } },
        { "fileData": { "mimeType": "image/webp", "fileUri": "HTTP://a.b/c.webp#x" } },
    ]);
    assert_eq!(
        (&sent["contents"][0]["parts"], lossy),
        (&expected, vec!["messages.content.image".to_owned()])
    );
}

#[test]
fn a_conversation_without_content_is_refused_in_words() {
    let body = json!({ "model": "x", "messages": [{ "role": "system", "content": "a" }] });
    let request = codec(OpenAiChat).decode_request(body.to_string().as_bytes()).expect("readable");
    let error = codec(Gemini).encode_request(&request, &Target::default()).expect_err("nothing to say");
    assert_eq!(error.message, "messages: at least one message with content is needed");
}

#[test]
fn both_spellings_mean_the_same() {
    let camel = json!({
        "contents": [{ "role": "model", "parts": [{ "functionCall": { "name": "f", "args": { "a_b": 1 } }, "thoughtSignature": "s" }] },
                     { "role": "user", "parts": [{ "inlineData": { "mimeType": "image/png", "data": "aGk=" } }] }],
        "generationConfig": { "topP": 0.5, "maxOutputTokens": 5, "thinkingConfig": { "thinkingBudget": 700, "includeThoughts": true } },
    });
    let snake = json!({
        "contents": [{ "role": "model", "parts": [{ "function_call": { "name": "f", "args": { "a_b": 1 } }, "thought_signature": "s" }] },
                     { "role": "user", "parts": [{ "inline_data": { "mime_type": "image/png", "data": "aGk=" } }] }],
        "generation_config": { "top_p": 0.5, "max_output_tokens": 5, "thinking_config": { "thinking_budget": 700, "include_thoughts": true } },
    });
    let read = |body: &Value| codec(Gemini).decode_request(body.to_string().as_bytes()).expect("readable");
    assert_eq!(read(&camel), read(&snake));
    assert_eq!(
        request(Gemini, Gemini, &snake).0["contents"][0]["parts"][0]["functionCall"]["args"],
        json!({ "a_b": 1 })
    );
}

#[test]
fn what_is_wrong_is_named_with_its_path() {
    let complaint = |body: &str| codec(Gemini).decode_request(body.as_bytes()).expect_err(body).message;
    let part = |part: &str| complaint(&format!(r#"{{"contents":[{{"parts":[{{"text":"a"}},{part}]}}]}}"#));
    let with = |rest: &str| complaint(&format!(r#"{{"contents":[],{rest}}}"#));
    assert_eq!(complaint("{}"), "contents: is required");
    assert_eq!(complaint(r#"{"contents":"hi"}"#), "contents: expected a list");
    assert_eq!(complaint(r#"{"contents":["hi"]}"#), "contents[0]: expected an object");
    assert_eq!(
        part("{}"),
        "contents[0].parts[1]: expected one of text, inlineData, fileData, functionCall and functionResponse"
    );
    assert_eq!(part(r#"{"text":1}"#), "contents[0].parts[1].text: expected a string");
    assert_eq!(
        part(r#"{"inline_data":{"data":""}}"#),
        "contents[0].parts[1].inlineData.mimeType: is required"
    );
    assert_eq!(
        part(r#"{"functionCall":{"args":{}}}"#),
        "contents[0].parts[1].functionCall.name: is required"
    );
    assert_eq!(
        part(r#"{"functionCall":{"name":"f","args":[]}}"#),
        "contents[0].parts[1].functionCall.args: expected an object"
    );
    assert_eq!(
        with(r#""tools":[{"functionDeclarations":[{}]}]"#),
        "tools[0].functionDeclarations[0].name: is required"
    );
    assert_eq!(
        with(r#""toolConfig":{"functionCallingConfig":{"mode":"MUST"}}"#),
        "toolConfig.functionCallingConfig.mode: expected one of AUTO, ANY, NONE and VALIDATED"
    );
    assert_eq!(
        with(r#""generationConfig":{"maxOutputTokens":-1}"#),
        "generationConfig.maxOutputTokens: expected a whole number that is not negative"
    );
    assert_eq!(
        with(r#""generationConfig":{"thinkingConfig":{"thinkingBudget":-2}}"#),
        "generationConfig.thinkingConfig.thinkingBudget: expected a number of tokens, 0 or -1"
    );
    assert_eq!(
        with(r#""generationConfig":{"thinkingConfig":{"thinkingLevel":"lots"}}"#),
        "generationConfig.thinkingConfig.thinkingLevel: expected one of MINIMAL, LOW, MEDIUM and HIGH"
    );
    assert_eq!(with(r#""systemInstruction":5"#), "systemInstruction: expected an object");
    let embeddings = |body: &str| {
        codec(yumen_llm::dialects::Dialect::GeminiEmbeddings)
            .decode_request(body.as_bytes())
            .expect_err(body)
            .message
    };
    assert_eq!(embeddings("{}"), "content: is required");
    assert_eq!(embeddings(r#"{"requests":[{"content":{}}]}"#), "requests[0].content.parts: is required");
    assert_eq!(embeddings(r#"{"requests":[]}"#), "requests: expected at least one request");
}
