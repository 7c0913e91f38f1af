//! What Gemini can say, it says so that it reads it again as the same thing.

use proptest::collection::vec;
use proptest::option::of;
use proptest::prelude::*;
use yumen_llm::dialects::Dialect::{Gemini, GeminiEmbeddings};
use yumen_llm::dialects::{AnswerContext, Target, Thinking, codec};
use yumen_llm::ir::{
    Answer, Chat, Choice, Content, Effort, EmbeddingInput, Embeddings, Finish, FinishReason, Json, Message,
    Part, Reasoning, ReasoningMode, Request, Response, ResponseFormat, Role, Sampling, SearchTool, Source,
    StreamEvent, Tool, ToolChoice, WebSearch,
};
use yumen_llm::usage::Usage;

use crate::support::{decode, encode};

const FORMAT: &str = "google-gemini-v1";

fn text() -> impl Strategy<Value = String> {
    // Results that are objects go as they are, so no text looks like one.
    "[ -z~\u{4e00}-\u{4e20}\n\"\\\\🐫]{1,12}"
}

fn json() -> impl Strategy<Value = Json> {
    prop::sample::select(vec![
        r#"{"type":"object","properties":{}}"#,
        r#"{ "a" : 1.0, "b":1e5 }"#,
        r#"{"":[]}"#,
    ])
    .prop_map(|text| Json::parse(text).expect("JSON"))
}

fn user_part() -> impl Strategy<Value = Part> {
    let base64 = |media_type: &str| Source::Base64 { media_type: media_type.into(), data: "aGk+/w==".into() };
    prop_oneof![
        text().prop_map(Content::Text),
        Just(Content::Image { source: base64("image/png"), detail: None }),
        Just(Content::Image { source: Source::Url("https://example.com/a.png".into()), detail: None }),
        Just(Content::File { source: base64("application/pdf"), name: None }),
        Just(Content::File { source: Source::Url("gs://bucket/a".into()), name: None }),
        Just(Content::Audio { data: "aGk=".into(), format: "wav".into() }),
    ]
    .prop_map(Part::new)
}

fn thinking() -> impl Strategy<Value = Content> {
    prop_oneof![
        (of(text()), text()).prop_map(|(text, signature)| Content::Thinking {
            text: text.unwrap_or_default(),
            signature: Some(signature),
            format: Some(FORMAT.into())
        }),
        text().prop_map(|data| Content::RedactedThinking { data, format: Some(FORMAT.into()) }),
    ]
}

fn call() -> impl Strategy<Value = Content> {
    let arguments = prop::sample::select(vec!["{}", r#"{"a":1.0}"#, r#"{ "b" : [ ] }"#]);
    ("[a-zA-Z0-9_-]{1,8}", "[a-z_]{1,8}", arguments).prop_map(|(id, name, arguments)| Content::ToolCall {
        id,
        name,
        arguments: arguments.into(),
    })
}

/// A turn of the model: reasoning and signatures anywhere, one text, calls.
fn model_parts() -> impl Strategy<Value = Vec<Part>> {
    let calls = vec((of(thinking()), call()), 0..3);
    (vec(thinking(), 0..3), of(text()), calls, vec(thinking(), 0..2)).prop_filter_map(
        "empty",
        |(before, text, calls, after)| {
            let said = text.is_some() || !calls.is_empty();
            let calls = calls.into_iter().flat_map(|(seal, call)| seal.into_iter().chain([call]));
            let parts = before.into_iter().chain(text.map(Content::Text)).chain(calls).chain(after);
            said.then(|| parts.map(Part::new).collect())
        },
    )
}

fn messages() -> impl Strategy<Value = Vec<Message>> {
    let turn = |role, parts| Message { role, parts, name: None };
    let exchange = (vec(user_part(), 1..3), model_parts(), of(text()), any::<bool>());
    (vec(text().prop_map(Part::text), 0..3), vec(exchange, 1..4)).prop_map(move |(system, exchanges)| {
        let mut messages = Vec::new();
        if !system.is_empty() {
            messages.push(turn(Role::System, system));
        }
        for (user, model, result, is_error) in exchanges {
            let result_of = |part: &Part| match &part.content {
                Content::ToolCall { id, .. } => {
                    let parts = result.clone().map(Part::text).into_iter().collect();
                    Some(Part::new(Content::ToolResult { id: id.clone(), parts, is_error }))
                }
                _ => None,
            };
            let results: Vec<Part> = model.iter().filter_map(result_of).collect();
            messages.push(turn(Role::User, user));
            messages.push(turn(Role::Assistant, model));
            if !results.is_empty() {
                messages.push(turn(Role::Tool, results));
            }
        }
        messages.push(turn(Role::User, vec![Part::text("end")]));
        messages
    })
}

fn tools() -> impl Strategy<Value = (Vec<Tool>, Option<ToolChoice>)> {
    let function = ("[a-z]{1,6}", of(text()), of(json())).prop_map(|(name, description, parameters)| {
        Tool::Function { name, description, parameters, strict: None, cache_control: None }
    });
    let choice = prop_oneof![
        Just(ToolChoice::Auto),
        Just(ToolChoice::None),
        Just(ToolChoice::Required),
        "[a-z]{1,6}".prop_map(ToolChoice::Named),
        (any::<bool>(), vec("[a-z]{1,6}", 2..4))
            .prop_map(|(required, names)| ToolChoice::Allowed { required, names }),
    ];
    (vec(function, 0..3), any::<bool>(), of(choice)).prop_map(|(mut tools, reads, choice)| {
        let choice = choice.filter(|_| !tools.is_empty());
        if reads {
            let json = Json::parse(r#"{"urlContext":{}}"#).expect("JSON");
            tools.push(Tool::Other { kind: "urlContext".into(), json });
        }
        (tools, choice)
    })
}

fn search() -> impl Strategy<Value = Option<Box<WebSearch>>> {
    let json =
        prop::sample::select(vec![r#"{"googleSearch":{}}"#, r#"{"googleSearch":{"timeRangeFilter":{}}}"#]);
    of(json.prop_map(|json| {
        let tool = SearchTool { kind: "googleSearch".into(), json: Json::parse(json).expect("JSON") };
        Box::new(WebSearch { tool: Some(tool), ..WebSearch::default() })
    }))
}

fn sampling() -> impl Strategy<Value = Sampling> {
    let numbers = (of(0.0..2.0f64), of(0.0..1.0f64), of(1u64..100), of(-2.0..2.0f64), of(-2.0..2.0f64));
    let rest = (of(any::<i32>()), vec("[a-z]{1,4}", 0..5), of(any::<bool>()), of(0u64..20), of(1u64..8));
    (numbers, rest).prop_map(
        |(
            (temperature, top_p, top_k, frequency_penalty, presence_penalty),
            (seed, stop, logprobs, top_logprobs, n),
        )| {
            Sampling {
                temperature,
                top_p,
                top_k,
                frequency_penalty,
                presence_penalty,
                seed: seed.map(i64::from),
                stop,
                logit_bias: None,
                logprobs,
                top_logprobs,
                n,
            }
        },
    )
}

/// How much to think, as models that are asked in tokens (`true`) or in levels understand it.
fn reasoning() -> impl Strategy<Value = (bool, Option<Reasoning>)> {
    let shown =
        |mode, effort, budget_tokens, hidden| Reasoning { mode, effort, budget_tokens, hidden: Some(hidden) };
    let words = vec![Effort::Minimal, Effort::Low, Effort::Medium, Effort::High];
    prop_oneof![
        any::<bool>().prop_map(|by_budget| (by_budget, None)),
        Just((true, Some(Reasoning { mode: Some(ReasoningMode::Off), ..Reasoning::default() }))),
        any::<bool>()
            .prop_map(move |hidden| (true, Some(shown(Some(ReasoningMode::Adaptive), None, None, hidden)))),
        (512u64..24_576, any::<bool>()).prop_map(move |(budget, hidden)| (
            true,
            Some(shown(Some(ReasoningMode::On), None, Some(budget), hidden))
        )),
        (of(prop::sample::select(words)), any::<bool>())
            .prop_map(move |(effort, hidden)| (false, Some(shown(None, effort, None, hidden)))),
    ]
}

fn format() -> impl Strategy<Value = Option<ResponseFormat>> {
    of(prop_oneof![
        Just(ResponseFormat::Text),
        Just(ResponseFormat::JsonObject),
        json().prop_map(|schema| ResponseFormat::JsonSchema {
            name: None,
            description: None,
            schema,
            strict: None
        }),
    ])
}

fn again(chat: &Chat, thinking: Thinking) -> (Chat, Vec<String>) {
    let target = Target { model: "m", thinking, ..Target::default() };
    let encoded =
        codec(Gemini).encode_request(&Request::Chat(Box::new(chat.clone())), &target).expect("sayable");
    let Request::Chat(read) = codec(Gemini).decode_request(&encoded.body).expect("readable") else {
        panic!("a chat")
    };
    (*read, encoded.lossy)
}

fn answer() -> impl Strategy<Value = Answer> {
    let usage =
        (0u64..1000, 0u64..1000, 0u64..1000, 0u64..500).prop_map(|(input, cached, output, reasoning)| {
            Usage {
                input: input + cached,
                cached_input: cached,
                output: output + reasoning,
                reasoning,
                ..Usage::default()
            }
        });
    (model_parts(), usage, any::<bool>()).prop_map(|(parts, usage, cut)| {
        let calls = parts.iter().any(|part| matches!(part.content, Content::ToolCall { .. }));
        let reason = match (cut, calls) {
            (true, _) => FinishReason::Length,
            (false, true) => FinishReason::ToolCalls,
            (false, false) => FinishReason::Stop,
        };
        let finish = Some(Finish { reason, native: None, stop_sequence: None });
        Answer {
            id: Some("r".into()),
            model: Some("m".into()),
            choices: vec![Choice { index: 0, parts, finish, logprobs: None }],
            usage: Some(usage),
            ..Answer::default()
        }
    })
}

/// What a stream has said, put together as a client does.
fn collected(steps: Vec<StreamEvent>) -> Answer {
    let mut answer = Answer { choices: vec![Choice::default()], ..Answer::default() };
    let mut parts: Vec<Content> = Vec::new();
    let format = || Some(FORMAT.to_owned());
    for step in steps {
        match (step, parts.last_mut()) {
            (StreamEvent::Start(start), _) => (answer.id, answer.model) = (start.id, start.model),
            (StreamEvent::Text { text: more, .. }, Some(Content::Text(text))) => text.push_str(&more),
            (StreamEvent::Text { text, .. }, _) => parts.push(Content::Text(text)),
            (StreamEvent::Thinking { text, .. }, _) => {
                parts.push(Content::Thinking { text, signature: None, format: format() });
            }
            (
                StreamEvent::Signature { signature: seal, .. },
                Some(Content::Thinking { signature: signature @ None, .. }),
            ) => {
                *signature = Some(seal);
            }
            (StreamEvent::Signature { signature, .. }, _) => {
                let (text, signature) = (String::new(), Some(signature));
                parts.push(Content::Thinking { text, signature, format: format() });
            }
            (StreamEvent::RedactedThinking { data, format, .. }, _) => {
                parts.push(Content::RedactedThinking { data, format });
            }
            (StreamEvent::ToolCallStart { id, name, .. }, _) => {
                parts.push(Content::ToolCall { id, name, arguments: String::new() });
            }
            (
                StreamEvent::ToolCallArguments { arguments: more, .. },
                Some(Content::ToolCall { arguments, .. }),
            ) => {
                arguments.push_str(&more);
            }
            (StreamEvent::Usage(usage), _) => answer.usage = Some(usage),
            (StreamEvent::Finish { finish, .. }, _) => {
                answer.choices[0].finish = Some(Finish { native: None, ..finish });
            }
            _ => {}
        }
    }
    answer.choices[0].parts = parts.into_iter().map(Part::new).collect();
    answer
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn conversations(messages in messages(), (tools, tool_choice) in tools(), web_search in search()) {
        let chat = Chat { messages, tools, tool_choice, web_search, include_usage: true, ..Chat::default() };
        let (read, lossy) = again(&chat, Thinking::Budget);
        prop_assert_eq!(read, chat);
        prop_assert_eq!(lossy, Vec::<String>::new());
    }

    #[test]
    fn everything_else_of_a_request(
        sampling in sampling(),
        (by_budget, reasoning) in reasoning(),
        response_format in format(),
        max_tokens in of(1u64..100_000),
        tier in of(prop::sample::select(vec!["default".to_owned(), "flex".to_owned(), "priority".to_owned()])),
        kept in json(),
    ) {
        let names = ["safetySettings", "cachedContent", "labels", "toolConfig.retrievalConfig", "generationConfig.speechConfig"];
        let chat = Chat {
            messages: vec![Message { role: Role::User, parts: vec![Part::text("a")], name: None }],
            sampling,
            reasoning,
            response_format,
            max_tokens,
            service_tier: tier,
            include_usage: true,
            extra: names.map(|name| (name.to_owned(), kept.clone())).into(),
            ..Chat::default()
        };
        let (read, lossy) = again(&chat, if by_budget { Thinking::Budget } else { Thinking::Adaptive });
        prop_assert_eq!(read, chat);
        prop_assert_eq!(lossy, Vec::<String>::new());
    }

    #[test]
    fn answers(answer in answer()) {
        let body = codec(Gemini).encode_response(&Response::Chat(Box::new(answer.clone())), &AnswerContext::default());
        let Response::Chat(mut read) = codec(Gemini).decode_response(&body).expect("readable") else { panic!("a chat") };
        read.choices.iter_mut().filter_map(|choice| choice.finish.as_mut()).for_each(|finish| finish.native = None);
        prop_assert_eq!(*read, answer);
    }

    #[test]
    fn streams(answer in answer(), cut in any::<prop::sample::Index>()) {
        let said = encode(Gemini, &answer.clone().into_events(), AnswerContext::default());
        let (head, tail) = said.as_bytes().split_at(cut.index(said.len()));
        prop_assert_eq!(collected(decode(Gemini, &[head, tail])), answer);
    }

    #[test]
    fn embeddings(texts in vec(text(), 1..4), dimensions in of(1u64..4000), task in of(text())) {
        let input = if texts.len() == 1 { EmbeddingInput::Text(texts[0].clone()) } else { EmbeddingInput::Texts(texts) };
        let task = task.map(|task| ("taskType".to_owned(), Json::parse(&serde_json::json!(task).to_string()).expect("JSON")));
        let extra = task.into_iter().collect();
        let asked = Request::Embeddings(Box::new(Embeddings { model: String::new(), input, format: None, dimensions, user: None, extra }));
        let encoded = codec(GeminiEmbeddings).encode_request(&asked, &Target { model: "m", ..Target::default() }).expect("sayable");
        prop_assert_eq!(codec(GeminiEmbeddings).decode_request(&encoded.body).expect("readable"), asked);
        prop_assert_eq!(encoded.lossy, Vec::<String>::new());
    }
}
