//! What Ollama can say, it says so that it reads it again as the same thing.

use proptest::collection::vec;
use proptest::option::of;
use proptest::prelude::*;
use yumen_llm::dialects::Dialect::{OllamaChat, OllamaEmbeddings, OllamaGenerate};
use yumen_llm::dialects::{AnswerContext, Target, Thinking, codec};
use yumen_llm::ir::{
    Answer, Chat, Choice, Content, Effort, EmbeddingInput, Embeddings, Finish, FinishReason, Json, Message,
    Part, Reasoning, ReasoningMode, Request, Response, ResponseFormat, Role, Sampling, Source, StreamEvent,
    Tool,
};
use yumen_llm::usage::Usage;

use crate::support::{decode, encode};

fn text() -> impl Strategy<Value = String> {
    "[ -~\u{4e00}-\u{4e20}\n\"\\\\🐫]{1,12}"
}

fn json() -> impl Strategy<Value = Json> {
    prop::sample::select(vec![
        r#"{"type":"object","properties":{}}"#,
        r#"{ "a" : 1.0, "b":1e5 }"#,
        r#"{"":[]}"#,
    ])
    .prop_map(|text| Json::parse(text).expect("JSON"))
}

fn picture() -> Part {
    let source = Source::Base64 { media_type: "image/png".into(), data: "iVBORw0KGgo=".into() };
    Part::new(Content::Image { source, detail: None })
}

/// A text and pictures behind it.
fn user_parts() -> impl Strategy<Value = Vec<Part>> {
    (text(), 0usize..3).prop_map(|(text, pictures)| {
        std::iter::once(Part::text(text)).chain(std::iter::repeat_n(picture(), pictures)).collect()
    })
}

fn call() -> impl Strategy<Value = Content> {
    let arguments = prop::sample::select(vec!["{}", r#"{"a":1.0}"#, r#"{ "b" : [ ] }"#]);
    ("[a-zA-Z0-9_-]{1,8}", "[a-z_]{1,8}", arguments).prop_map(|(id, name, arguments)| Content::ToolCall {
        id,
        name,
        arguments: arguments.into(),
    })
}

fn model_parts() -> impl Strategy<Value = Vec<Part>> {
    (of(text()), of(text()), vec(call(), 0..3)).prop_filter_map("empty", |(thinking, text, mut calls)| {
        // Each id once: results find their call by it.
        let mut seen = std::collections::HashSet::new();
        calls.retain(|call| matches!(call, Content::ToolCall { id, .. } if seen.insert(id.clone())));
        let said = text.is_some() || !calls.is_empty();
        let thinking = thinking.map(|text| Content::Thinking { text, signature: None, format: None });
        let parts = thinking.into_iter().chain(text.map(Content::Text)).chain(calls);
        said.then(|| parts.map(Part::new).collect())
    })
}

fn messages() -> impl Strategy<Value = Vec<Message>> {
    let turn = |role, parts| Message { role, parts, name: None };
    let exchange = (user_parts(), model_parts(), of(text()));
    (of(text()), vec(exchange, 1..4)).prop_map(move |(system, exchanges)| {
        let system = system.map(|text| turn(Role::System, vec![Part::text(text)]));
        let mut messages: Vec<Message> = system.into_iter().collect();
        for (user, model, result) in exchanges {
            let ids: Vec<String> = model
                .iter()
                .filter_map(|part| match &part.content {
                    Content::ToolCall { id, .. } => Some(id.clone()),
                    _ => None,
                })
                .collect();
            messages.push(turn(Role::User, user));
            messages.push(turn(Role::Assistant, model));
            for id in ids {
                let parts = result.clone().map(Part::text).into_iter().collect();
                messages.push(turn(
                    Role::Tool,
                    vec![Part::new(Content::ToolResult { id, parts, is_error: false })],
                ));
            }
        }
        messages.push(turn(Role::User, vec![Part::text("end")]));
        messages
    })
}

fn sampling() -> impl Strategy<Value = Sampling> {
    let numbers = (of(0.0..2.0f64), of(0.0..1.0f64), of(1u64..100), of(-2.0..2.0f64), of(-2.0..2.0f64));
    let rest = (of(any::<i64>()), vec("[a-z]{1,4}", 0..5), of(any::<bool>()), of(0u64..20));
    (numbers, rest).prop_map(
        |(
            (temperature, top_p, top_k, frequency_penalty, presence_penalty),
            (seed, stop, logprobs, top_logprobs),
        )| {
            Sampling {
                temperature,
                top_p,
                top_k,
                frequency_penalty,
                presence_penalty,
                seed,
                stop,
                logprobs,
                top_logprobs,
                ..Sampling::default()
            }
        },
    )
}

/// How much to think, as models that know only whether (`false`) or a word understand it.
fn reasoning() -> impl Strategy<Value = (bool, Option<Reasoning>)> {
    let mode = |mode| Some(Reasoning { mode: Some(mode), ..Reasoning::default() });
    let words = prop::sample::select(vec![Effort::Low, Effort::Medium, Effort::High]);
    prop_oneof![
        any::<bool>().prop_map(|by_word| (by_word, None)),
        any::<bool>().prop_map(move |by_word| (by_word, mode(ReasoningMode::Off))),
        any::<bool>().prop_map(move |by_word| (by_word, mode(ReasoningMode::On))),
        words.prop_map(|effort| (true, Some(Reasoning { effort: Some(effort), ..Reasoning::default() }))),
    ]
}

fn format() -> impl Strategy<Value = Option<ResponseFormat>> {
    let schema = json().prop_map(|schema| ResponseFormat::JsonSchema {
        name: None,
        description: None,
        schema,
        strict: None,
    });
    of(prop_oneof![Just(ResponseFormat::JsonObject), schema])
}

fn chat() -> impl Strategy<Value = (bool, Chat)> {
    let tool = ("[a-z]{1,6}", of(text()), of(json())).prop_map(|(name, description, parameters)| {
        Tool::Function { name, description, parameters, strict: None, cache_control: None }
    });
    let own = prop::sample::subsequence(
        vec![
            ("keep_alive", "\"5m\""),
            ("truncate", "true"),
            ("options.num_ctx", "4096"),
            ("options.min_p", "0.05"),
        ],
        0..4,
    );
    (messages(), vec(tool, 0..3), sampling(), of(1u64..100_000), reasoning(), format(), any::<bool>(), own)
        .prop_map(
            |(messages, tools, sampling, max_tokens, (by_word, reasoning), response_format, stream, own)| {
                let field =
                    |(name, value): (&str, &str)| (name.to_owned(), Json::parse(value).expect("JSON"));
                let extra = own.into_iter().map(field).collect();
                let chat = Chat {
                    model: "m".into(),
                    messages,
                    tools,
                    sampling,
                    max_tokens,
                    reasoning,
                    response_format,
                    stream,
                    include_usage: true,
                    extra,
                    ..Chat::default()
                };
                (by_word, chat)
            },
        )
}

fn answer() -> impl Strategy<Value = Answer> {
    (model_parts(), 0u64..1000, 0u64..1000).prop_map(|(parts, input, output)| {
        let calls = parts.iter().any(|part| matches!(part.content, Content::ToolCall { .. }));
        let (reason, word) =
            if calls { (FinishReason::ToolCalls, "stop") } else { (FinishReason::Length, "length") };
        let finish = Some(Finish { reason, native: Some(word.to_owned()), stop_sequence: None });
        Answer {
            model: Some("m".into()),
            choices: vec![Choice { index: 0, parts, finish, logprobs: None }],
            usage: Some(Usage { input, output, ..Usage::default() }),
            ..Answer::default()
        }
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn requests((by_word, chat) in chat()) {
        let thinking = if by_word { Thinking::Adaptive } else { Thinking::Budget };
        let target = Target { model: "m", thinking, ..Target::default() };
        let codec = codec(OllamaChat);
        let encoded = codec.encode_request(&Request::Chat(Box::new(chat.clone())), &target).expect("sayable");
        let Request::Chat(read) = codec.decode_request(&encoded.body).expect("readable") else { panic!("a chat") };
        prop_assert_eq!(encoded.lossy, Vec::<String>::new());
        prop_assert_eq!(*read, chat);
    }

    #[test]
    fn prompts((_, chat) in chat(), system in of(text()), user in user_parts()) {
        let turn = |role, parts| Message { role, parts, name: None };
        let system = system.map(|text| turn(Role::System, vec![Part::text(text)]));
        let messages = system.into_iter().chain([turn(Role::User, user)]).collect();
        let chat = Chat { messages, tools: Vec::new(), reasoning: None, ..chat };
        let codec = codec(OllamaGenerate);
        let target = Target { model: "m", ..Target::default() };
        let encoded = codec.encode_request(&Request::Chat(Box::new(chat.clone())), &target).expect("sayable");
        let Request::Chat(read) = codec.decode_request(&encoded.body).expect("readable") else { panic!("a chat") };
        prop_assert_eq!(encoded.lossy, Vec::<String>::new());
        prop_assert_eq!(*read, chat);
    }

    #[test]
    fn answers(answer in answer()) {
        let codec = codec(OllamaChat);
        let body = codec.encode_response(&Response::Chat(Box::new(answer.clone())), &AnswerContext::default());
        let Response::Chat(read) = codec.decode_response(&body).expect("readable") else { panic!("a chat") };
        prop_assert_eq!(*read, answer);
    }

    #[test]
    fn streams(answer in answer()) {
        let said = encode(OllamaChat, &answer.clone().into_events(), AnswerContext::default());
        let steps = decode(OllamaChat, &[said.as_bytes()]);
        let kept = |step: &&StreamEvent| {
            !matches!(step, StreamEvent::Start(_) | StreamEvent::PartEnd { .. } | StreamEvent::Usage(_))
        };
        let events = answer.clone().into_events();
        prop_assert_eq!(steps.iter().filter(kept).collect::<Vec<_>>(), events.iter().filter(kept).collect::<Vec<_>>());
        let usage = steps.iter().find_map(|step| if let StreamEvent::Usage(usage) = step { Some(*usage) } else { None });
        prop_assert_eq!(usage, answer.usage);
    }

    #[test]
    fn embeddings(texts in vec(text(), 1..4), dimensions in of(1u64..4096)) {
        let asked = Embeddings {
            model: "m".into(),
            input: EmbeddingInput::Texts(texts),
            format: None,
            dimensions,
            user: None,
            extra: vec![("truncate".into(), Json::parse("true").expect("JSON"))],
        };
        let codec = codec(OllamaEmbeddings);
        let target = Target { model: "m", ..Target::default() };
        let encoded = codec.encode_request(&Request::Embeddings(Box::new(asked.clone())), &target).expect("sayable");
        let Request::Embeddings(read) = codec.decode_request(&encoded.body).expect("readable") else { panic!("texts") };
        prop_assert_eq!(encoded.lossy, Vec::<String>::new());
        prop_assert_eq!(*read, asked);
    }
}
