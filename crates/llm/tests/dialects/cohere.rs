//! What is peculiar to Cohere: plans before calls, choices said by what is offered, what is billed, its limits; and what
//! it can say, it says so that it reads it again as the same thing.

use proptest::collection::vec;
use proptest::option::of;
use proptest::prelude::*;
use serde_json::{Value, json};
use yumen_llm::dialects::Dialect::{CohereChat, CohereEmbeddings, OpenAiChat, OpenAiEmbeddings};
use yumen_llm::dialects::{AnswerContext, ErrorKind, Tap, Target, codec};
use yumen_llm::ir::{
    Answer, Chat, Choice, Content, Finish, FinishReason, Json, Message, Part, Reasoning, ReasoningMode,
    Request, Response, ResponseFormat, Role, Sampling, Source, StreamEvent, Tool, ToolChoice,
};
use yumen_llm::usage::Usage;

use crate::support::{answer, context, decode, encode, openai_answer, request, stream};

fn ask(more: &Value) -> (Value, Vec<String>) {
    let mut body = json!({ "model": "m", "messages": [{ "role": "user", "content": "a" }] });
    for (name, value) in more.as_object().expect("fields") {
        body[name] = value.clone();
    }
    request(OpenAiChat, CohereChat, &body)
}

fn offer(names: &[&str]) -> Value {
    names.iter().map(|name| json!({ "type": "function", "function": { "name": name } })).collect()
}

#[test]
fn a_choice_among_tools_is_said_by_offering_no_others() {
    let named = |name: &str| json!({ "type": "function", "function": { "name": name } });
    let allowed = json!({ "type": "allowed_tools",
        "allowed_tools": { "mode": "auto", "tools": [named("g")] } });
    for (choice, word, offered) in [
        (json!("auto"), Value::Null, vec!["f", "g"]),
        (json!("none"), json!("NONE"), vec!["f", "g"]),
        (json!("required"), json!("REQUIRED"), vec!["f", "g"]),
        (named("f"), json!("REQUIRED"), vec!["f"]),
        (allowed, Value::Null, vec!["g"]),
    ] {
        let (sent, lossy) = ask(&json!({ "tools": offer(&["f", "g"]), "tool_choice": choice }));
        assert_eq!((&sent["tool_choice"], lossy.len()), (&word, 0), "{choice}: {lossy:?}");
        assert_eq!(sent["tools"], offer(&offered), "{choice}");
    }
    let (sent, lossy) = ask(&json!({ "tools": offer(&["f"]), "tool_choice": named("h") }));
    assert_eq!((sent.get("tools"), lossy), (None, vec!["tool_choice".to_owned()]));
}

#[test]
fn limits_of_the_api_are_kept_and_told() {
    for (asked, name, sent_as, lost) in [
        (json!({ "top_p": 1 }), "p", json!(0.99), vec![]),
        (json!({ "top_p": 0.001 }), "p", json!(0.01), vec!["top_p"]),
        (json!({ "top_k": 9000 }), "k", json!(500), vec!["top_k"]),
        (json!({ "seed": -7 }), "seed", Value::Null, vec!["seed"]),
        (json!({ "presence_penalty": -1 }), "presence_penalty", json!(0.0), vec!["presence_penalty"]),
        (json!({ "frequency_penalty": 0.5 }), "frequency_penalty", json!(0.5), vec![]),
        (
            json!({ "stop": ["a", "b", "c", "d", "e", "f"] }),
            "stop_sequences",
            json!(["a", "b", "c", "d", "e"]),
            vec!["stop"],
        ),
        (json!({ "logprobs": true }), "logprobs", Value::Null, vec!["logprobs"]),
        (json!({ "user": "u" }), "user", Value::Null, vec!["user"]),
        (json!({ "safety_mode": "OFF" }), "safety_mode", json!("OFF"), vec![]),
    ] {
        let (sent, lossy) = ask(&asked);
        assert_eq!(
            (&sent[name], &lossy),
            (&sent_as, &lost.into_iter().map(str::to_owned).collect()),
            "{asked}"
        );
    }
    let format = json!({ "type": "json_object" });
    let (sent, lossy) = ask(&json!({ "response_format": format, "tools": offer(&["f"]) }));
    assert_eq!((sent.get("response_format"), lossy), (None, vec!["response_format".to_owned()]));
}

#[test]
fn thinking_is_a_budget() {
    for (asked, expected, lost) in [
        (json!({ "reasoning_effort": "none" }), json!({ "type": "disabled" }), false),
        (
            json!({ "reasoning_effort": "low", "max_tokens": 1000 }),
            json!({ "type": "enabled", "token_budget": 200 }),
            false,
        ),
        (json!({ "reasoning_effort": "low" }), json!({ "type": "enabled" }), true),
        (
            json!({ "reasoning": { "max_tokens": 77 } }),
            json!({ "type": "enabled", "token_budget": 77 }),
            false,
        ),
        (json!({}), Value::Null, false),
    ] {
        let (sent, lossy) = ask(&asked);
        assert_eq!((&sent["thinking"], !lossy.is_empty()), (&expected, lost), "{asked}: {lossy:?}");
    }
}

#[test]
fn what_is_billed_is_counted() {
    let said = json!({ "id": "1", "finish_reason": "COMPLETE",
        "message": { "role": "assistant", "content": [{ "type": "text", "text": "Hi" }],
            "citations": [{ "start": 0, "end": 2, "text": "Hi", "sources": [] }] },
        "usage": { "billed_units": { "input_tokens": 5, "output_tokens": 4 },
            "tokens": { "input_tokens": 71, "output_tokens": 6 }, "cached_tokens": 3 } });
    let told = answer(CohereChat, OpenAiChat, &said);
    assert_eq!(told["choices"][0]["message"]["content"], "Hi");
    assert_eq!(
        (&told["usage"]["prompt_tokens"], &told["usage"]["completion_tokens"]),
        (&json!(5), &json!(4))
    );
    assert_eq!(told["usage"]["prompt_tokens_details"]["cached_tokens"], 3);
    let mut tap = Tap::default();
    codec(CohereChat).tap_response(said.to_string().as_bytes(), &mut tap);
    let usage = Usage { input: 5, output: 4, cached_input: 3, ..Usage::default() };
    assert_eq!((tap.usage, tap.finish_reason.as_deref()), (Some(usage), Some("COMPLETE")));
    let unbilled = json!({ "message": { "content": [] }, "usage": { "tokens": { "input_tokens": 71 } } });
    assert_eq!(answer(CohereChat, OpenAiChat, &unbilled)["usage"]["prompt_tokens"], 71);
}

#[test]
fn errors_are_sentences() {
    let facts = codec(CohereChat).decode_error(429, br#"{"id":"1","message":"too many"}"#);
    assert_eq!((facts.message.as_str(), facts.kind), ("too many", ErrorKind::RateLimited));
    assert_eq!(
        codec(CohereChat).decode_response(br#"{"message":"no"}"#).expect_err("an error").message,
        "no"
    );
    for text in [stream(CohereChat, "error_at_the_end"), "data: {\"message\":\"internal error\"}\n\n".into()]
    {
        let steps = decode(CohereChat, &[text.as_bytes()]);
        let Some(StreamEvent::Error(facts)) = steps.last() else { panic!("{steps:?}") };
        assert_eq!((facts.message.as_str(), facts.status), ("internal error", 500));
        assert!(encode(CohereChat, &steps, context()).ends_with(
            "data: {\"type\":\"message-end\",\"delta\":{\"finish_reason\":\"ERROR\",\"error\":\"internal error\"}}\n\n"
        ));
    }
}

#[test]
fn embeddings_cross() {
    let (sent, lossy) = request(OpenAiEmbeddings, CohereEmbeddings, &json!({ "model": "x", "input": "a" }));
    let expected = json!({ "model": "m", "texts": ["a"], "input_type": "search_document", "embedding_types": ["float"] });
    assert_eq!((sent, lossy.len()), (expected, 0));
    let asked =
        json!({ "model": "x", "input": ["a"], "input_type": "clustering", "dimensions": 256, "user": "u" });
    let (sent, lossy) = request(OpenAiEmbeddings, CohereEmbeddings, &asked);
    assert_eq!((&sent["input_type"], &sent["output_dimension"]), (&json!("clustering"), &json!(256)));
    assert_eq!(lossy, ["user"]);
    let said = json!({ "id": "1", "embeddings": { "float": [[0.5, 1.0], [2.0, 3.0]] }, "texts": ["a", "b"],
        "meta": { "api_version": { "version": "2" }, "billed_units": { "input_tokens": 2 } } });
    let told = answer(CohereEmbeddings, OpenAiEmbeddings, &said);
    assert_eq!(
        (&told["data"][1]["embedding"], &told["usage"]["prompt_tokens"]),
        (&json!([2.0, 3.0]), &json!(2))
    );
    let again = answer(CohereEmbeddings, CohereEmbeddings, &said);
    assert_eq!(again["embeddings"], said["embeddings"]);
    let tokens = codec(OpenAiEmbeddings).decode_request(br#"{"model":"m","input":[1]}"#).expect("readable");
    let error = codec(CohereEmbeddings).encode_request(&tokens, &Target::default()).expect_err("token ids");
    assert_eq!(error.param.as_deref(), Some("input"));
}

#[test]
fn what_comes_before_a_call_is_its_plan() {
    let call = json!({ "id": "c", "type": "function", "function": { "name": "f", "arguments": "{}" } });
    let message =
        json!({ "role": "assistant", "content": null, "reasoning_content": "I plan.", "tool_calls": [call] });
    let said = answer(OpenAiChat, CohereChat, &openai_answer(message, "tool_calls"));
    assert_eq!(
        (&said["message"]["tool_plan"], &said["finish_reason"]),
        (&json!("I plan."), &json!("TOOL_CALL"))
    );
    assert!(said["message"].get("content").is_none());
}

fn text() -> impl Strategy<Value = String> {
    "[ -~\u{4e00}-\u{4e20}\n\"\\\\🐫]{1,12}"
}

fn json_value() -> impl Strategy<Value = Json> {
    prop::sample::select(vec![r#"{"type":"object","properties":{}}"#, r#"{ "a" : 1.0, "b":1e5 }"#])
        .prop_map(|text| Json::parse(text).expect("JSON"))
}

fn user_part() -> impl Strategy<Value = Part> {
    let source = prop_oneof![
        Just(Source::Base64 { media_type: "image/png".into(), data: "iVBORw0=".into() }),
        Just(Source::Url("https://example.com/a.png".into())),
    ];
    let detail = of(prop::sample::select(vec!["low".to_owned(), "high".to_owned()]));
    prop_oneof![
        text().prop_map(Content::Text),
        (source, detail).prop_map(|(source, detail)| Content::Image { source, detail }),
    ]
    .prop_map(Part::new)
}

fn call() -> impl Strategy<Value = Content> {
    ("[a-zA-Z0-9_-]{1,8}", "[a-z_]{1,8}", prop::sample::select(vec!["{}", r#"{"a":1.0}"#]))
        .prop_map(|(id, name, arguments)| Content::ToolCall { id, name, arguments: arguments.into() })
}

fn model_parts() -> impl Strategy<Value = Vec<Part>> {
    (of(text()), of(text()), vec(call(), 0..3)).prop_filter_map("empty", |(thinking, text, calls)| {
        let said = text.is_some() || !calls.is_empty();
        let thinking = thinking.map(|text| Content::Thinking { text, signature: None, format: None });
        let parts = thinking.into_iter().chain(text.map(Content::Text)).chain(calls);
        said.then(|| parts.map(Part::new).collect())
    })
}

fn messages() -> impl Strategy<Value = Vec<Message>> {
    let turn = |role, parts| Message { role, parts, name: None };
    let exchange = (vec(user_part(), 1..3), model_parts(), of(text()));
    (of(text()), vec(exchange, 1..3)).prop_map(move |(system, exchanges)| {
        let system = system.map(|text| turn(Role::System, vec![Part::text(text)]));
        let mut messages: Vec<Message> = system.into_iter().collect();
        for (user, model, result) in exchanges {
            let results: Vec<Message> = model
                .iter()
                .filter_map(|part| match &part.content {
                    Content::ToolCall { id, .. } => {
                        let parts = result.clone().map(Part::text).into_iter().collect();
                        let result = Content::ToolResult { id: id.clone(), parts, is_error: false };
                        Some(turn(Role::Tool, vec![Part::new(result)]))
                    }
                    _ => None,
                })
                .collect();
            messages.push(turn(Role::User, user));
            messages.push(turn(Role::Assistant, model));
            messages.extend(results);
        }
        messages.push(turn(Role::User, vec![Part::text("end")]));
        messages
    })
}

fn chat() -> impl Strategy<Value = Chat> {
    let tools = (vec(("[a-z]{1,6}", of(text()), of(json_value())), 0..3), of(Just(true)), of(any::<bool>()))
        .prop_map(|(tools, strict, required)| {
            let tool = |(name, description, parameters)| Tool::Function {
                name,
                description,
                parameters,
                strict,
                cache_control: None,
            };
            let tools: Vec<Tool> = tools.into_iter().map(tool).collect();
            let choice =
                required.map(|required| if required { ToolChoice::Required } else { ToolChoice::None });
            (choice.filter(|_| !tools.is_empty()), tools)
        });
    let numbers = (of(0.0..1.0f64), of(0.01..0.99f64), of(0u64..500), of(0.0..1.0f64), of(0.0..1.0f64));
    let sampling = (numbers, of(0..i64::MAX), vec("[a-z]{1,4}", 0..5)).prop_map(
        |((temperature, top_p, top_k, frequency_penalty, presence_penalty), seed, stop)| Sampling {
            temperature,
            top_p,
            top_k,
            frequency_penalty,
            presence_penalty,
            seed,
            stop,
            ..Sampling::default()
        },
    );
    let reasoning = of(prop_oneof![
        Just(Reasoning { mode: Some(ReasoningMode::Off), ..Reasoning::default() }),
        of(1u64..5000).prop_map(|budget_tokens| Reasoning {
            mode: Some(ReasoningMode::On),
            budget_tokens,
            ..Reasoning::default()
        }),
    ]);
    let format = of(prop_oneof![
        Just(ResponseFormat::JsonObject),
        json_value().prop_map(|schema| ResponseFormat::JsonSchema {
            name: None,
            description: None,
            schema,
            strict: None
        }),
    ]);
    (messages(), tools, sampling, reasoning, format, of(1u64..9000), any::<bool>()).prop_map(
        |(messages, (tool_choice, tools), sampling, reasoning, format, max_tokens, stream)| Chat {
            model: "m".into(),
            messages,
            // The API takes neither of these together with the other.
            response_format: format.filter(|_| tools.is_empty()),
            tools,
            tool_choice,
            sampling,
            reasoning,
            max_tokens,
            stream,
            include_usage: true,
            extra: vec![("safety_mode".into(), Json::parse("\"STRICT\"").expect("JSON"))],
            ..Chat::default()
        },
    )
}

fn whole() -> impl Strategy<Value = Answer> {
    (model_parts(), 0u64..1000, 0u64..1000).prop_map(|(parts, input, output)| {
        let calls = parts.iter().any(|part| matches!(part.content, Content::ToolCall { .. }));
        let (reason, word) =
            if calls { (FinishReason::ToolCalls, "TOOL_CALL") } else { (FinishReason::Length, "MAX_TOKENS") };
        let finish = Some(Finish { reason, native: Some(word.to_owned()), stop_sequence: None });
        Answer {
            id: Some("1".into()),
            choices: vec![Choice { index: 0, parts, finish, logprobs: None }],
            usage: Some(Usage { input, output, ..Usage::default() }),
            ..Answer::default()
        }
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn requests(chat in chat()) {
        let codec = codec(CohereChat);
        let target = Target { model: "m", ..Target::default() };
        let encoded = codec.encode_request(&Request::Chat(Box::new(chat.clone())), &target).expect("sayable");
        let Request::Chat(read) = codec.decode_request(&encoded.body).expect("readable") else { panic!("a chat") };
        prop_assert_eq!(encoded.lossy, Vec::<String>::new());
        prop_assert_eq!(*read, chat);
    }

    #[test]
    fn answers(answer in whole()) {
        let codec = codec(CohereChat);
        let body = codec.encode_response(&Response::Chat(Box::new(answer.clone())), &AnswerContext::default());
        let Response::Chat(read) = codec.decode_response(&body).expect("readable") else { panic!("a chat") };
        prop_assert_eq!(*read, answer);
    }

    #[test]
    fn streams(answer in whole()) {
        let events = answer.clone().into_events();
        let steps = decode(CohereChat, &[encode(CohereChat, &events, AnswerContext::default()).as_bytes()]);
        let kept = |step: &&StreamEvent| !matches!(step, StreamEvent::PartEnd { .. } | StreamEvent::Usage(_));
        prop_assert_eq!(steps.iter().filter(kept).collect::<Vec<_>>(), events.iter().filter(kept).collect::<Vec<_>>());
        let usage = steps.iter().find_map(|step| if let StreamEvent::Usage(usage) = step { Some(*usage) } else { None });
        prop_assert_eq!(usage, answer.usage);
    }
}

/// Found by the fuzzer: an answer that had failed was passed on as one that had ended.
#[test]
fn an_answer_that_ended_with_an_error_is_none() {
    for (word, is_answer) in [("ERROR", false), ("TIMEOUT", false), ("ERROR_LIMIT", true), ("COMPLETE", true)]
    {
        let body = json!({ "id": "1", "finish_reason": word,
            "message": { "role": "assistant", "content": [{ "type": "text", "text": "half" }] } });
        assert_eq!(
            codec(CohereChat).decode_response(body.to_string().as_bytes()).is_ok(),
            is_answer,
            "{word}"
        );
    }
}
