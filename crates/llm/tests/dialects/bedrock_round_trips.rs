//! What Converse can say, it says so that it reads it again as the same thing.

use proptest::collection::vec;
use proptest::option::of;
use proptest::prelude::*;
use yumen_llm::dialects::Dialect::BedrockConverse;
use yumen_llm::dialects::{AnswerContext, Target, Thinking, codec};
use yumen_llm::ir::{
    Answer, CacheControl, Chat, Choice, Content, Effort, Finish, FinishReason, Json, Message, Part,
    Reasoning, ReasoningMode, Request, Response, ResponseFormat, Role, Sampling, Source, StreamEvent, Tool,
    ToolChoice,
};
use yumen_llm::usage::Usage;

use crate::support::{decode, encode, wire};

const CLAUDE: &str = "us.anthropic.claude-sonnet-4-5-20250929-v1:0";
const SIGNATURE: &str = "anthropic-claude-v1";
const SEALED: &str = "bedrock-converse-v1";

fn text() -> impl Strategy<Value = String> {
    // Blank text is left out.
    "[!-~\u{4e00}-\u{4e20}🐫][ -~\n\"\\\\]{0,12}"
}

fn schema() -> impl Strategy<Value = Json> {
    prop::sample::select(vec![
        r#"{"type":"object","properties":{}}"#,
        r#"{ "a" : 1.0, "b":1e5 }"#,
        r#"{"":[]}"#,
    ])
    .prop_map(|text| Json::parse(text).expect("JSON"))
}

fn cache() -> impl Strategy<Value = Option<CacheControl>> {
    of(of(prop::sample::select(vec!["5m".to_owned(), "1h".to_owned()])).prop_map(|ttl| CacheControl { ttl }))
}

fn user_part() -> impl Strategy<Value = Part> {
    let base64 = |media_type: &str| Source::Base64 { media_type: media_type.into(), data: "aGk+/w==".into() };
    let content = prop_oneof![
        text().prop_map(Content::Text),
        Just(Content::Image { source: base64("image/png"), detail: None }),
        Just(Content::Image { source: Source::Url("s3://bucket/a.jpeg".into()), detail: None }),
        prop::sample::select(vec!["application/pdf", "text/csv", "text/markdown"])
            .prop_map(move |kind| Content::File { source: base64(kind), name: None }),
        text().prop_map(|text| Content::File { source: Source::Text(text), name: None }),
        Just(Content::Audio { data: "aGk=".into(), format: "wav".into() }),
    ];
    (content, cache()).prop_map(|(content, cache_control)| Part { content, cache_control })
}

fn thinking() -> impl Strategy<Value = Content> {
    prop_oneof![
        (text(), text()).prop_map(|(text, signature)| Content::Thinking {
            text,
            signature: Some(signature),
            format: Some(SIGNATURE.into())
        }),
        Just(Content::RedactedThinking { data: "c2VhbGVk".into(), format: Some(SEALED.into()) }),
    ]
}

fn model_parts() -> impl Strategy<Value = Vec<Part>> {
    let arguments = prop::sample::select(vec!["{}", r#"{"a":1.0}"#, r#"{ "b" : [ ] }"#]);
    let call = ("[a-zA-Z0-9_-]{1,8}", "[a-z_]{1,8}", arguments)
        .prop_map(|(id, name, arguments)| Content::ToolCall { id, name, arguments: arguments.into() });
    (vec(thinking(), 0..3), of(text()), vec(thinking(), 0..2), vec(call, 0..3)).prop_filter_map(
        "empty",
        |(before, text, between, calls)| {
            let said = text.is_some() || !calls.is_empty();
            let parts = before.into_iter().chain(text.map(Content::Text)).chain(between).chain(calls);
            said.then(|| parts.map(Part::new).collect())
        },
    )
}

fn messages() -> impl Strategy<Value = Vec<Message>> {
    let turn = |role, parts| Message { role, parts, name: None };
    let exchange = (vec(user_part(), 1..3), model_parts(), of(text()), any::<bool>());
    let system =
        (text(), cache()).prop_map(|(text, cache_control)| Part { cache_control, ..Part::text(text) });
    (vec(system, 0..3), vec(exchange, 1..4)).prop_map(move |(system, exchanges)| {
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
        // Names of documents are given once each.
        let parts = messages.iter_mut().flat_map(|message| &mut message.parts);
        let files = parts.filter_map(|part| match &mut part.content {
            Content::File { name, .. } => Some(name),
            _ => None,
        });
        files.enumerate().for_each(|(number, name)| *name = Some(format!("report-{number}")));
        messages
    })
}

fn tools() -> impl Strategy<Value = (Vec<Tool>, Option<ToolChoice>)> {
    let tool = ("[a-z]{1,6}", of(text()), schema(), of(any::<bool>()), cache()).prop_map(
        |(name, description, parameters, strict, cache_control)| Tool::Function {
            name,
            description,
            parameters: Some(parameters),
            strict,
            cache_control,
        },
    );
    let choice = prop_oneof![
        Just(ToolChoice::Auto),
        Just(ToolChoice::Required),
        "[a-z]{1,6}".prop_map(ToolChoice::Named)
    ];
    (vec(tool, 1..3), of(choice))
}

/// How much Claude is to think, as models of both kinds understand it.
fn reasoning() -> impl Strategy<Value = (Thinking, Option<Reasoning>)> {
    let off = Reasoning { mode: Some(ReasoningMode::Off), ..Reasoning::default() };
    let words = vec![Effort::Low, Effort::High, Effort::Max];
    prop_oneof![
        Just((Thinking::Budget, None)),
        Just((Thinking::Budget, Some(off))),
        (1024u64..4000, of(any::<bool>())).prop_map(|(budget, hidden)| {
            let mode = Some(ReasoningMode::On);
            (Thinking::Budget, Some(Reasoning { mode, effort: None, budget_tokens: Some(budget), hidden }))
        }),
        (of(prop::sample::select(words)), any::<bool>()).prop_map(|(effort, hidden)| {
            let mode = Some(ReasoningMode::Adaptive);
            (Thinking::Adaptive, Some(Reasoning { mode, effort, budget_tokens: None, hidden: Some(hidden) }))
        }),
    ]
}

fn format() -> impl Strategy<Value = Option<ResponseFormat>> {
    of((of("[a-z]{1,6}"), of(text()), schema()).prop_map(|(name, description, schema)| {
        ResponseFormat::JsonSchema { name, description, schema, strict: None }
    }))
}

fn again(chat: &Chat, thinking: Thinking) -> (Chat, Vec<String>) {
    let target = Target { model: CLAUDE, thinking, max_output: Some(8192), ..Target::default() };
    let encoded = codec(BedrockConverse)
        .encode_request(&Request::Chat(Box::new(chat.clone())), &target)
        .expect("sayable");
    let Request::Chat(read) = codec(BedrockConverse).decode_request(&encoded.body).expect("readable") else {
        panic!("a chat")
    };
    (*read, encoded.lossy)
}

fn an_answer() -> impl Strategy<Value = Answer> {
    let usage = (0u64..1000, 0u64..1000, 0u64..1000, 0u64..1000, 0u64..1000).prop_map(
        |(net, cached, written, long, output)| Usage {
            input: net + cached + written + long,
            cached_input: cached,
            cache_write: written,
            cache_write_1h: long,
            output,
            ..Usage::default()
        },
    );
    (model_parts(), usage, any::<bool>()).prop_map(|(parts, usage, cut)| {
        let calls = parts.iter().any(|part| matches!(part.content, Content::ToolCall { .. }));
        let reason = match (cut, calls) {
            (true, _) => FinishReason::Length,
            (false, true) => FinishReason::ToolCalls,
            (false, false) => FinishReason::Stop,
        };
        let finish = Some(Finish { reason, native: None, stop_sequence: None });
        let choices = vec![Choice { index: 0, parts, finish, logprobs: None }];
        Answer { choices, usage: Some(usage), ..Answer::default() }
    })
}

/// What a stream has said, put together as a client does.
fn collected(steps: Vec<StreamEvent>) -> Answer {
    let mut answer = Answer { choices: vec![Choice::default()], ..Answer::default() };
    let mut parts: Vec<Content> = Vec::new();
    let mut open = false;
    for step in steps {
        let last = parts.last_mut().filter(|_| open);
        open = true;
        match (step, last) {
            (StreamEvent::Text { text: more, .. }, Some(Content::Text(text))) => text.push_str(&more),
            (StreamEvent::Text { text, .. }, _) => parts.push(Content::Text(text)),
            (StreamEvent::Thinking { text, .. }, _) => {
                parts.push(Content::Thinking { text, signature: None, format: Some(SIGNATURE.to_owned()) });
            }
            (StreamEvent::Signature { signature: seal, .. }, Some(Content::Thinking { signature, .. })) => {
                *signature = Some(seal);
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
            (StreamEvent::PartEnd { .. }, _) => open = false,
            _ => {}
        }
    }
    answer.choices[0].parts = parts.into_iter().map(Part::new).collect();
    answer
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn conversations(messages in messages(), (tools, tool_choice) in tools()) {
        let chat = Chat { messages, tools, tool_choice, include_usage: true, ..Chat::default() };
        let (read, lossy) = again(&chat, Thinking::Budget);
        prop_assert_eq!(read, chat);
        prop_assert_eq!(lossy, Vec::<String>::new());
    }

    #[test]
    fn everything_else_of_a_request(
        (temperature, top_p, top_k) in (of(0.0..1.0f64), of(0.0..1.0f64), of(1u64..500)),
        stop in vec("[a-z]{1,4}", 0..3),
        (thinking, reasoning) in reasoning(),
        response_format in format(),
        max_tokens in 5000u64..100_000,
        tier in of(prop::sample::select(vec!["default".to_owned(), "flex".to_owned(), "priority".to_owned()])),
        kept in schema(),
    ) {
        // Claude that thinks has its own way of choosing.
        let free = thinking == Thinking::Budget && reasoning.as_ref().is_none_or(|asked| asked.budget_tokens.is_none());
        let names = ["additionalModelRequestFields.anthropic_beta", "guardrailConfig", "promptVariables"];
        let chat = Chat {
            messages: vec![Message { role: Role::User, parts: vec![Part::text("a")], name: None }],
            sampling: Sampling {
                temperature: temperature.filter(|_| free),
                top_p: top_p.filter(|_| thinking == Thinking::Budget),
                top_k: top_k.filter(|_| free),
                stop,
                ..Sampling::default()
            },
            reasoning,
            response_format,
            max_tokens: Some(max_tokens),
            metadata: Some(Json::parse(r#"{ "a":"b" }"#).expect("JSON")),
            service_tier: tier,
            include_usage: true,
            extra: names.map(|name| (name.to_owned(), kept.clone())).into(),
            ..Chat::default()
        };
        let (read, lossy) = again(&chat, thinking);
        prop_assert_eq!(read, chat);
        prop_assert_eq!(lossy, Vec::<String>::new());
    }

    #[test]
    fn answers(answer in an_answer()) {
        let body = codec(BedrockConverse).encode_response(&Response::Chat(Box::new(answer.clone())), &AnswerContext::default());
        let Response::Chat(mut read) = codec(BedrockConverse).decode_response(&body).expect("readable") else { panic!("a chat") };
        read.choices.iter_mut().filter_map(|choice| choice.finish.as_mut()).for_each(|finish| finish.native = None);
        prop_assert_eq!(*read, answer);
    }

    #[test]
    fn streams(answer in an_answer(), cut in any::<prop::sample::Index>()) {
        let said = wire(BedrockConverse, &encode(BedrockConverse, &answer.clone().into_events(), AnswerContext::default()));
        let (head, tail) = said.split_at(cut.index(said.len()));
        prop_assert_eq!(collected(decode(BedrockConverse, &[head, tail])), answer);
    }
}
