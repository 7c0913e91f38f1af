//! What a dialect can say, it says so that it reads it again as the same thing.

use std::collections::HashMap;

use proptest::collection::vec;
use proptest::option::of;
use proptest::prelude::*;
use serde_json::value::RawValue;
use yumen_llm::dialects::{AnswerContext, Dialect, Target, codec};
use yumen_llm::ir::{
    Answer, CacheControl, Chat, Choice, Content, Effort, Finish, FinishReason, Json, Message, Part,
    Reasoning, ReasoningMode, Request, Response, ResponseFormat, Role, Sampling, Source, Tool, ToolChoice,
};
use yumen_llm::usage::Usage;

const CLAUDE: &str = "anthropic-claude-v1";
const OPENAI: &str = "openai-responses-v1";

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

fn source() -> impl Strategy<Value = Source> {
    prop_oneof![
        Just(Source::Base64 { media_type: "image/png".into(), data: "iVBORw0=".into() }),
        Just(Source::Url("https://example.com/a.png".into())),
    ]
}

fn plain(content: impl Strategy<Value = Content>) -> impl Strategy<Value = Part> {
    content.prop_map(Part::new)
}

/// A part of a user's turn that both chat dialects can say.
fn user_part() -> impl Strategy<Value = Part> {
    plain(prop_oneof![
        text().prop_map(Content::Text),
        source().prop_map(|source| Content::Image { source, detail: None }),
        of(text()).prop_map(|name| Content::File {
            source: Source::Base64 { media_type: "application/pdf".into(), data: "JVBERi0=".into() },
            name
        }),
    ])
}

/// Reasoning that belongs to the providers of one dialect.
fn thinking(format: &'static str) -> impl Strategy<Value = Content> {
    prop_oneof![
        (text(), text()).prop_map(move |(text, signature)| Content::Thinking {
            text,
            signature: Some(signature),
            format: Some(format.into())
        }),
        text().prop_map(move |data| Content::RedactedThinking { data, format: Some(format.into()) }),
    ]
}

fn call() -> impl Strategy<Value = Content> {
    (
        "[a-zA-Z0-9_-]{1,8}",
        "[a-z_]{1,8}",
        prop::sample::select(vec!["{}", r#"{"a":1.0}"#, r#"{ "b" : [ ] }"#]),
    )
        .prop_map(|(id, name, arguments)| Content::ToolCall { id, name, arguments: arguments.into() })
}

/// A turn of the assistant: reasoning anywhere, one text, calls at the end.
fn assistant_parts(format: &'static str) -> impl Strategy<Value = Vec<Part>> {
    (vec(thinking(format), 0..3), of(text()), vec(thinking(format), 0..2), vec(call(), 0..3)).prop_filter_map(
        "empty",
        |(before, text, between, calls)| {
            let said = text.is_some() || !calls.is_empty();
            let parts = before.into_iter().chain(text.map(Content::Text)).chain(between).chain(calls);
            said.then(|| parts.map(Part::new).collect())
        },
    )
}

/// A conversation that both chat dialects can say: turns alternate, results follow calls.
fn messages(format: &'static str) -> impl Strategy<Value = Vec<Message>> {
    let turn = |role, parts| Message { role, parts, name: None };
    let exchange = (vec(user_part(), 1..3), assistant_parts(format), of(text()));
    (vec(text().prop_map(Part::text), 0..3), vec(exchange, 1..4)).prop_map(move |(system, exchanges)| {
        let mut messages = Vec::new();
        if !system.is_empty() {
            messages.push(turn(Role::System, system));
        }
        for (user, assistant, result) in exchanges {
            let result = result.unwrap_or_default();
            let ids: Vec<String> = assistant
                .iter()
                .filter_map(|part| {
                    if let Content::ToolCall { id, .. } = &part.content { Some(id.clone()) } else { None }
                })
                .collect();
            messages.push(turn(Role::User, user));
            messages.push(turn(Role::Assistant, assistant));
            for id in ids {
                let parts = if result.is_empty() { Vec::new() } else { vec![Part::text(result.clone())] };
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

fn tools() -> impl Strategy<Value = (Vec<Tool>, Option<ToolChoice>, Option<bool>)> {
    let tool = ("[a-z]{1,6}", of(text()), json(), of(any::<bool>())).prop_map(
        |(name, description, parameters, strict)| Tool::Function {
            name,
            description,
            parameters: Some(parameters),
            strict,
            cache_control: None,
        },
    );
    let choice = prop_oneof![
        Just(ToolChoice::Auto),
        Just(ToolChoice::None),
        Just(ToolChoice::Required),
        "[a-z]{1,6}".prop_map(ToolChoice::Named)
    ];
    (vec(tool, 0..3), of(choice), of(Just(false))).prop_map(|(tools, choice, parallel)| {
        let choice = choice.filter(|_| !tools.is_empty());
        // Only a choice can carry the flag in one dialect, and not the choice of none.
        let parallel = parallel.filter(|_| choice.as_ref().is_some_and(|choice| *choice != ToolChoice::None));
        (tools, choice, parallel)
    })
}

fn chat(format: &'static str) -> impl Strategy<Value = Chat> {
    let sampling = (of(0.0..1.0f64), of(0.0..1.0f64), vec("[a-z]{1,4}", 0..3))
        .prop_map(|(temperature, top_p, stop)| Sampling { temperature, top_p, stop, ..Sampling::default() });
    let tier = of(prop::sample::select(vec!["auto".to_owned(), "default".to_owned()]));
    (messages(format), tools(), sampling, 1u64..100_000, of(text()), any::<bool>(), tier).prop_map(
        |(
            messages,
            (tools, tool_choice, parallel_tool_calls),
            sampling,
            max_tokens,
            user,
            stream,
            service_tier,
        )| Chat {
            model: "m".into(),
            messages,
            tools,
            tool_choice,
            parallel_tool_calls,
            sampling,
            max_tokens: Some(max_tokens),
            user,
            stream,
            service_tier,
            ..Chat::default()
        },
    )
}

/// What only Anthropic can say.
fn anthropic_only() -> impl Strategy<Value = (Option<Reasoning>, Option<CacheControl>, Option<u64>)> {
    let reasoning = prop_oneof![
        Just(Reasoning { mode: Some(ReasoningMode::Off), ..Reasoning::default() }),
        of(prop::sample::select(vec![Effort::Low, Effort::High, Effort::Max])).prop_map(|effort| Reasoning {
            mode: Some(ReasoningMode::Adaptive),
            effort,
            hidden: Some(true),
            ..Reasoning::default()
        }),
    ];
    let cache =
        of(prop::sample::select(vec!["5m".to_owned(), "1h".to_owned()])).prop_map(|ttl| CacheControl { ttl });
    (of(reasoning), of(cache), of(1u64..500))
}

fn again(dialect: Dialect, chat: &Chat) -> (Chat, Vec<String>) {
    let codec = codec(dialect);
    let encoded = codec
        .encode_request(&Request::Chat(Box::new(chat.clone())), &Target { model: "m", ..Target::default() })
        .expect("sayable");
    let Request::Chat(read) = codec.decode_request(&encoded.body).expect("readable") else {
        panic!("a chat")
    };
    (*read, encoded.lossy)
}

/// Anthropic joins neighbouring results into one turn.
fn joined(mut chat: Chat) -> Chat {
    chat.messages.dedup_by(|next, last| {
        let both = last.role == Role::Tool && next.role == Role::Tool;
        if both {
            last.parts.append(&mut next.parts);
        }
        both
    });
    chat
}

fn answer(format: &'static str) -> impl Strategy<Value = Answer> {
    let usage = (0u64..1000, 0u64..1000, 0u64..1000, 0u64..1000, 0u64..500).prop_map(
        |(net, cached, written, output, reasoning)| Usage {
            input: net + cached + written,
            cached_input: cached,
            cache_write: written,
            output: output + reasoning,
            reasoning,
            ..Usage::default()
        },
    );
    (assistant_parts(format), usage).prop_map(|(parts, usage)| {
        let calls = parts.iter().any(|part| matches!(part.content, Content::ToolCall { .. }));
        let reason = if calls { FinishReason::ToolCalls } else { FinishReason::Length };
        let finish = Some(Finish { reason, native: None, stop_sequence: None });
        Answer {
            id: Some("msg_1".into()),
            model: Some("m".into()),
            choices: vec![Choice { index: 0, parts, finish, logprobs: None }],
            usage: Some(usage),
            ..Answer::default()
        }
    })
}

/// Sealed reasoning of this dialect's own looks like reasoning of which nothing is shown.
fn sealed_as_responses_says(parts: &mut [Part]) {
    for part in parts {
        if let Content::RedactedThinking { data, format } = &part.content
            && format.as_deref() == Some(OPENAI)
        {
            let (text, signature) = (String::new(), Some(data.clone()));
            part.content = Content::Thinking { text, signature, format: format.clone() };
        }
    }
}

/// The chat as that API says it: files have names, schemas are followed or not.
fn as_responses_says(mut chat: Chat) -> Chat {
    for message in &mut chat.messages {
        sealed_as_responses_says(&mut message.parts);
        for part in &mut message.parts {
            if let Content::File { name, .. } = &mut part.content {
                name.get_or_insert_with(|| "document.pdf".to_owned());
            }
        }
    }
    for tool in &mut chat.tools {
        if let Tool::Function { strict, .. } = tool {
            strict.get_or_insert(false);
        }
    }
    chat
}

/// A request in which a client gives an answer back as its second turn, byte for byte.
fn given_back(dialect: Dialect, answer: &[u8]) -> Option<String> {
    let member = |object: &str, name: &str| -> String {
        let members: HashMap<&str, &RawValue> = serde_json::from_str(object).expect("an object");
        members[name].get().to_owned()
    };
    let answer = std::str::from_utf8(answer).expect("UTF-8");
    let question = r#"{"role":"user","content":"a"}"#;
    Some(match dialect {
        Dialect::OpenAiChat => {
            let choices: Vec<Box<RawValue>> =
                serde_json::from_str(&member(answer, "choices")).expect("choices");
            let message = member(choices[0].get(), "message");
            format!(r#"{{"model":"m","messages":[{question},{message}]}}"#)
        }
        Dialect::OpenAiResponses => {
            let output = member(answer, "output");
            format!(r#"{{"model":"m","input":[{question},{}}}"#, output.strip_prefix('[')?)
        }
        Dialect::AnthropicMessages => {
            let turn = format!(r#"{{"role":"assistant","content":{}}}"#, member(answer, "content"));
            format!(r#"{{"model":"m","max_tokens":1,"messages":[{question},{turn}]}}"#)
        }
        _ => return None,
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn openai_chat_requests(mut chat in chat(CLAUDE), format in of(json()), include in Just(true)) {
        chat.include_usage = chat.stream && include;
        chat.response_format = format.map(|schema| ResponseFormat::JsonSchema { name: Some("n".into()), description: None, schema, strict: Some(true) });
        let (read, lossy) = again(Dialect::OpenAiChat, &chat);
        prop_assert_eq!(read, chat);
        prop_assert_eq!(lossy, Vec::<String>::new());
    }

    #[test]
    fn anthropic_requests(mut chat in chat(CLAUDE), (reasoning, cache, top_k) in anthropic_only(), format in of(json())) {
        chat.include_usage = true;
        chat.cache_control = cache.clone();
        if let Some(part) = chat.messages.last_mut().and_then(|message| message.parts.last_mut()) {
            part.cache_control = cache;
        }
        let thinks = reasoning.as_ref().is_some_and(|reasoning| reasoning.mode != Some(ReasoningMode::Off));
        if thinks {
            // The API takes neither of these together with thinking.
            chat.sampling.temperature = None;
            chat.tool_choice = None;
            chat.parallel_tool_calls = None;
        }
        chat.reasoning = reasoning;
        chat.sampling.top_k = top_k.filter(|_| !thinks);
        chat.response_format = format.map(|schema| ResponseFormat::JsonSchema { name: None, description: None, schema, strict: None });
        let (read, lossy) = again(Dialect::AnthropicMessages, &chat);
        prop_assert_eq!(read, joined(chat));
        prop_assert_eq!(lossy, Vec::<String>::new());
    }

    #[test]
    fn a_request_survives_the_way_through_both_dialects(mut chat in chat(CLAUDE)) {
        chat.include_usage = true;
        let (through_openai, _) = again(Dialect::OpenAiChat, &chat);
        let (read, lossy) = again(Dialect::AnthropicMessages, &through_openai);
        prop_assert_eq!(lossy, Vec::<String>::new());
        prop_assert_eq!(read, joined(chat));
    }

    #[test]
    fn openai_responses_requests(chat in chat(OPENAI), summed in any::<bool>(), effort in any::<bool>(), format in of(json())) {
        let mut chat = joined(as_responses_says(chat));
        chat.include_usage = true;
        chat.sampling.stop = Vec::new();
        chat.max_tokens = chat.max_tokens.map(|limit| limit.max(16));
        chat.reasoning = summed.then(|| Reasoning { effort: effort.then_some(Effort::High), hidden: Some(false), ..Reasoning::default() });
        chat.response_format = format.map(|schema| ResponseFormat::JsonSchema { name: Some("n".into()), description: Some("d".into()), schema, strict: Some(true) });
        let (read, lossy) = again(Dialect::OpenAiResponses, &chat);
        prop_assert_eq!(read, chat);
        prop_assert_eq!(lossy, Vec::<String>::new());
    }

    #[test]
    fn openai_responses_answers(mut answer in answer(OPENAI)) {
        answer.choices.iter_mut().for_each(|choice| sealed_as_responses_says(&mut choice.parts));
        answer.id = Some("resp_1".into());
        answer.service_tier = Some("default".into());
        let codec = codec(Dialect::OpenAiResponses);
        let body = codec.encode_response(&Response::Chat(Box::new(answer.clone())), &AnswerContext::default());
        let Response::Chat(mut read) = codec.decode_response(&body).expect("readable") else { panic!("a chat") };
        read.created = None;
        if let (Some(read), Some(said)) = (read.choices[0].finish.as_mut(), answer.choices[0].finish.as_ref()) {
            read.native = None;
            prop_assert_eq!(&*read, said);
        }
        prop_assert_eq!(*read, answer);
    }

    #[test]
    fn what_clients_give_back_is_what_they_were_given(answer in prop_oneof![answer(CLAUDE), answer(OPENAI)]) {
        for dialect in crate::support::chats() {
            let codec = codec(dialect);
            let Choice { parts, .. } = &answer.choices[0];
            let body = codec.encode_response(&Response::Chat(Box::new(answer.clone())), &AnswerContext::default());
            let Some(turn) = given_back(dialect, &body) else { continue };
            let Request::Chat(read) = codec.decode_request(turn.as_bytes()).expect("readable") else { panic!("a chat") };
            let mut expected = parts.clone();
            if dialect == Dialect::OpenAiResponses {
                sealed_as_responses_says(&mut expected);
            }
            prop_assert_eq!(&read.messages[1].parts, &expected, "{:?} {}", dialect, turn);
        }
    }

    #[test]
    fn answers(answer in answer(CLAUDE)) {
        for dialect in [Dialect::OpenAiChat, Dialect::AnthropicMessages] {
            let codec = codec(dialect);
            let body = codec.encode_response(&Response::Chat(Box::new(answer.clone())), &AnswerContext::default());
            let Response::Chat(mut read) = codec.decode_response(&body).expect("readable") else { panic!("a chat") };
            read.created = None;
            read.choices.iter_mut().filter_map(|choice| choice.finish.as_mut()).for_each(|finish| finish.native = None);
            prop_assert_eq!(*read, answer.clone());
        }
    }
}
