//! The wish for web search in the words of each dialect, and the sources of answers between them.

use bytes::Bytes;
use proptest::collection::vec;
use proptest::option::of;
use proptest::prelude::*;
use serde_json::{Value, json};
use yumen_llm::dialects::Dialect::{
    self, AiSdk, AnthropicMessages, DashScopeChat, Gemini, OpenAiChat, OpenAiResponses,
};
use yumen_llm::dialects::{Quirk, Target, codec, encode_request, read_plugins, search_edits, tools_search};
use yumen_llm::ir::{
    Answer, Chat, Choice, Citation, Content, Finish, FinishReason, Gatherer, Message, Part, Request,
    Response, Role, SearchContext, SearchLocation, WebSearch,
};
use yumen_llm::json::{scan_object, splice};

use crate::support::{context, decode, encode};

fn read(dialect: Dialect, body: &Value) -> Chat {
    let Request::Chat(chat) = codec(dialect).decode_request(body.to_string().as_bytes()).expect("readable")
    else {
        panic!("a chat")
    };
    *chat
}

fn location() -> Option<SearchLocation> {
    Some(SearchLocation {
        city: Some("Dunhuang".into()),
        country: Some("CN".into()),
        ..SearchLocation::default()
    })
}

#[test]
fn each_form_of_the_wish_is_read() {
    let user = json!([{ "role": "user", "content": "a" }]);
    let place = json!({ "type": "approximate", "city": "Dunhuang", "country": "CN" });
    let domains = vec!["a.org".to_owned()];
    let low = Some(SearchContext::Low);
    for (dialect, body, wish) in [
        (OpenAiChat, json!({ "web_search_options": {} }), WebSearch::default()),
        (
            OpenAiChat,
            json!({ "web_search_options": { "search_context_size": "low", "user_location": { "type": "approximate",
                "approximate": { "city": "Dunhuang", "country": "CN" } } } }),
            WebSearch { context: low, location: location(), ..WebSearch::default() },
        ),
        (
            OpenAiChat,
            json!({ "tools": [{ "type": "openrouter:web_search", "parameters": { "engine": "exa", "max_results": 3,
                "excluded_domains": ["a.org"] } }] }),
            WebSearch {
                engine: Some("exa".into()),
                max_results: Some(3),
                blocked_domains: domains.clone(),
                ..WebSearch::default()
            },
        ),
        (
            OpenAiResponses,
            json!({ "tools": [{ "type": "web_search_preview_2025_03_11", "search_context_size": "low", "user_location": place,
                "filters": { "allowed_domains": ["a.org"] } }] }),
            WebSearch {
                context: low,
                location: location(),
                allowed_domains: domains.clone(),
                ..WebSearch::default()
            },
        ),
        (
            AnthropicMessages,
            json!({ "max_tokens": 9, "tools": [{ "type": "web_search_20260209", "name": "web_search", "max_uses": 2,
                "blocked_domains": ["a.org"], "user_location": place }] }),
            WebSearch {
                max_uses: Some(2),
                blocked_domains: domains.clone(),
                location: location(),
                ..WebSearch::default()
            },
        ),
        (Gemini, json!({ "tools": [{ "google_search": {} }] }), WebSearch::default()),
        (
            AiSdk,
            json!({ "tools": [{ "type": "provider", "id": "anthropic.web_search_20250305", "name": "web_search",
                "args": { "maxUses": 2, "allowedDomains": ["a.org"] } }] }),
            WebSearch { max_uses: Some(2), allowed_domains: domains.clone(), ..WebSearch::default() },
        ),
    ] {
        let mut whole = body.clone();
        whole["model"] = json!("m");
        match dialect {
            OpenAiResponses => whole["input"] = json!("a"),
            Gemini => whole["contents"] = json!([{ "role": "user", "parts": [{ "text": "a" }] }]),
            AiSdk => {
                whole["prompt"] = json!([{ "role": "user", "content": [{ "type": "text", "text": "a" }] }])
            }
            _ => whole["messages"] = user.clone(),
        }
        let chat = read(dialect, &whole);
        let found = chat.web_search.unwrap_or_else(|| panic!("{body}"));
        assert_eq!(WebSearch { tool: None, ..*found }, wish, "{body}");
        assert!(chat.tools.is_empty(), "{body}");
        if let Some(tools) = body.get("tools") {
            assert!(tools_search(dialect, tools.to_string().as_bytes()), "{body}");
        }
    }
    for (dialect, tools) in [
        (OpenAiChat, json!([{ "type": "function", "function": { "name": "web_search" } }])),
        (AnthropicMessages, json!([{ "name": "web_search", "input_schema": {} }])),
        (OpenAiResponses, json!([{ "type": "file_search" }, { "type": "web_searcher" }])),
        (Gemini, json!([{ "functionDeclarations": [{ "name": "google_search" }] }])),
    ] {
        assert!(!tools_search(dialect, tools.to_string().as_bytes()), "{tools}");
    }
}

#[test]
fn the_plugin_is_read_out_of_all_plugins() {
    let plugin = br#"[{"id":"response-healing"},7,{"id":"web","max_uses":2,"search_prompt":"p","include_domains":["a.org"]}]"#;
    let wish = read_plugins(plugin).expect("readable").expect("a wish");
    assert_eq!((wish.max_uses, wish.prompt.as_deref(), wish.allowed_domains.len()), (Some(2), Some("p"), 1));
    // What is no list is somebody else's.
    for nothing in [
        &b"[]"[..],
        br#"[{"id":"web","enabled":false}]"#,
        br#"[{"id":"moderation"}]"#,
        b"{}",
        b"null",
        b"true",
    ] {
        assert_eq!(read_plugins(nothing), Ok(None));
    }
    let param = |json: &[u8]| read_plugins(json).expect_err("refused").param;
    assert_eq!(param(br#"[{"id":"web","max_uses":-1}]"#).as_deref(), Some("plugins[0].max_uses"));
}

#[test]
fn there_are_never_two_plugins_that_search() {
    let target = Target { model: "m", quirks: &[Quirk::OpenrouterFields], ..Target::default() };
    for (said, expected) in [
        ("null", r#"[{"id":"web"}]"#),
        (r#"[ {"id":"a"} ]"#, r#"[{"id":"a"},{"id":"web"}]"#),
        (r#"[{"id":"web","enabled":false}, {"id":"a"}]"#, r#"[{"id":"a"},{"id":"web"}]"#),
        (r#"[{"id":"web","max_results":1}]"#, r#"[{"id":"web","max_results":1}]"#),
        ("{}", "{}"),
    ] {
        let body = Bytes::from(format!(r#"{{"plugins":{said}}}"#));
        let object = scan_object(&body, 64).expect("an object");
        let wish = WebSearch::default();
        let (edits, lost) = search_edits(OpenAiChat, &target, &wish, (&body, &object));
        let sent = splice(&body, &object, &edits).concat();
        let expected = format!(r#"{{"plugins":{expected}}}"#);
        assert_eq!((sent.as_ref(), lost.len()), (expected.as_bytes(), 0), "{said}");
    }
}

fn asking(wish: WebSearch) -> Request {
    let messages = vec![Message { role: Role::User, parts: vec![Part::text("a")], name: None }];
    Request::Chat(Box::new(Chat { messages, web_search: Some(Box::new(wish)), ..Chat::default() }))
}

fn sent(dialect: Dialect, quirks: &[Quirk], searches: bool, wish: WebSearch) -> (Value, Vec<String>) {
    let target = Target { model: "m", quirks, searches, ..Target::default() };
    let encoded = encode_request(dialect, &asking(wish), &target).expect("sayable");
    (serde_json::from_slice(&encoded.body).expect("JSON"), encoded.lossy)
}

#[test]
fn each_provider_is_asked_in_its_own_words() {
    let wish =
        || WebSearch { context: Some(SearchContext::High), location: location(), ..WebSearch::default() };
    let zoned = json!({ "type": "approximate", "city": "Dunhuang", "country": "CN" });
    for (dialect, quirks, searches, member, value, lossy) in [
        (
            OpenAiResponses,
            &[Quirk::SearchTool][..],
            false,
            "tools",
            json!([{ "type": "web_search", "search_context_size": "high", "user_location": zoned }]),
            &[][..],
        ),
        (
            AnthropicMessages,
            &[Quirk::SearchTool],
            false,
            "tools",
            json!([{ "type": "web_search_20250305", "name": "web_search", "user_location": zoned }]),
            &["search_context_size"],
        ),
        (
            Gemini,
            &[Quirk::SearchTool],
            false,
            "tools",
            json!([{ "googleSearch": {} }]),
            &["search_context_size", "user_location"],
        ),
        (
            OpenAiChat,
            &[],
            true,
            "web_search_options",
            json!({ "search_context_size": "high", "user_location": { "type": "approximate",
            "approximate": { "city": "Dunhuang", "country": "CN" } } }),
            &[],
        ),
        (
            OpenAiChat,
            &[Quirk::OpenrouterFields],
            false,
            "plugins",
            json!([{ "id": "web", "user_location": zoned }]),
            &[],
        ),
        (
            OpenAiChat,
            &[Quirk::SearchParameter],
            false,
            "enable_search",
            json!(true),
            &["search_context_size", "user_location"],
        ),
        (
            OpenAiChat,
            &[Quirk::SearchZhipu],
            false,
            "tools",
            json!([{ "type": "web_search", "web_search": { "enable": true,
            "search_engine": "search_std", "search_result": true } }]),
            &["search_context_size", "user_location"],
        ),
        (
            OpenAiChat,
            &[Quirk::SearchAlways],
            false,
            "web_search_options",
            json!({ "search_context_size": "high",
            "user_location": { "city": "Dunhuang", "country": "CN" } }),
            &[],
        ),
        (
            OpenAiChat,
            &[Quirk::SearchSettings],
            true,
            "search_settings",
            Value::Null,
            &["search_context_size", "user_location"],
        ),
    ] {
        let (body, lost) = sent(dialect, quirks, searches, wish());
        assert_eq!(body.get(member).cloned().unwrap_or_default(), value, "{quirks:?} {body}");
        let named: Vec<String> = lossy.iter().map(|name| format!("web_search.{name}")).collect();
        assert_eq!(lost, named, "{quirks:?}");
    }
    let (body, _) = sent(DashScopeChat, &[Quirk::SearchParameter], false, WebSearch::default());
    assert_eq!(body["parameters"]["enable_search"], true);
    // Who has no words for it says that it was lost.
    for dialect in [
        OpenAiChat,
        OpenAiResponses,
        AnthropicMessages,
        Gemini,
        DashScopeChat,
        Dialect::CohereChat,
        Dialect::OllamaChat,
    ] {
        let (_, lost) = sent(dialect, &[], false, WebSearch::default());
        assert_eq!(lost, ["web_search"], "{dialect:?}");
    }
}

#[test]
fn domains_are_said_as_each_provider_has_them() {
    let wish = || WebSearch {
        allowed_domains: vec!["a.org".into()],
        blocked_domains: vec!["b.org".into()],
        ..WebSearch::default()
    };
    let (body, lost) = sent(OpenAiChat, &[Quirk::SearchAlways], false, wish());
    assert_eq!((&body["search_domain_filter"], lost.len()), (&json!(["a.org", "-b.org"]), 0));
    let (body, _) = sent(OpenAiChat, &[Quirk::SearchSettings], true, wish());
    assert_eq!(
        body["search_settings"],
        json!({ "include_domains": ["a.org"], "exclude_domains": ["b.org"] })
    );
    let (body, lost) = sent(AnthropicMessages, &[Quirk::SearchTool], false, wish());
    assert_eq!(body["tools"][0]["allowed_domains"], json!(["a.org"]));
    assert_eq!(
        (body["tools"][0].get("blocked_domains"), lost.as_slice()),
        (None, &["web_search.blocked_domains".to_owned()][..])
    );
}

#[test]
fn a_function_cannot_have_the_name_of_claudes_tool() {
    let mut request = asking(WebSearch::default());
    let Request::Chat(chat) = &mut request else { panic!("a chat") };
    chat.tools = read(
        OpenAiChat,
        &json!({ "model": "m", "messages": [], "tools": [
        { "type": "function", "function": { "name": "web_search" } }] }),
    )
    .tools;
    let target = Target { model: "m", quirks: &[Quirk::SearchTool], ..Target::default() };
    let refused = encode_request(AnthropicMessages, &request, &target).expect_err("refused");
    assert_eq!(refused.param.as_deref(), Some("tools.web_search"));
}

#[test]
fn sources_beside_an_answer_stand_for_all_of_it() {
    let answer = |beside: (&str, Value)| {
        let mut body = json!({ "choices": [{ "message": { "content": "a" }, "finish_reason": "stop" }] });
        body[beside.0] = beside.1;
        let Response::Chat(answer) =
            codec(OpenAiChat).decode_response(body.to_string().as_bytes()).expect("readable")
        else {
            panic!("a chat")
        };
        answer.choices[0].parts.clone()
    };
    for beside in [
        ("citations", json!(["https://a.org", "", 7])),
        ("search_results", json!([{ "url": "https://a.org", "title": "" }, {}])),
        ("web_search", json!([{ "link": "https://a.org" }])),
    ] {
        let source = Citation { url: "https://a.org".into(), ..Citation::default() };
        assert_eq!(answer(beside), [Part::text("a"), Part::new(Content::Citation(Box::new(source)))]);
    }
}

/// Texts with their sources, which need not be ASCII.
fn cited() -> impl Strategy<Value = Vec<(String, Vec<Citation>)>> {
    let citation = ("https://[a-c]\\.org", of("[a-zü]{1,5}"), (0u64..4, 1u64..4));
    let text = ("[a-zü玉]{8,12}", vec(citation, 0..3));
    vec(text, 1..3).prop_map(|texts| {
        let of_text = |(text, citations): (String, Vec<_>)| {
            let citations = citations.into_iter().map(|(url, title, (start, length))| Citation {
                url,
                title,
                quote: None,
                span: Some((start, start + length)),
            });
            (text, citations.collect())
        };
        texts.into_iter().map(of_text).collect()
    })
}

fn answer_of(texts: &[(String, Vec<Citation>)]) -> Answer {
    let mut parts = Vec::new();
    for (text, citations) in texts {
        parts.push(Part::text(text.as_str()));
        parts.extend(citations.iter().cloned().map(|one| Part::new(Content::Citation(Box::new(one)))));
    }
    let finish = Some(Finish { reason: FinishReason::Stop, native: None, stop_sequence: None });
    Answer { choices: vec![Choice { index: 0, parts, finish, logprobs: None }], ..Answer::default() }
}

/// All of the text, and each source with the piece that it stands for.
fn told(answer: &Answer) -> (String, Vec<(String, String)>) {
    let (mut all, mut last, mut sources) = (String::new(), String::new(), Vec::new());
    for part in &answer.choices[0].parts {
        match &part.content {
            Content::Text(text) => {
                all.push_str(text);
                last.clone_from(text);
            }
            Content::Citation(citation) => {
                let (start, end) = citation.span_in(last.chars().count() as u64);
                let piece = last.chars().skip(start as usize).take((end - start) as usize).collect();
                sources.push((citation.url.clone(), piece));
            }
            other => panic!("{other:?}"),
        }
    }
    sources.sort();
    (all, sources)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn sources_keep_their_places(texts in cited()) {
        let answer = answer_of(&texts);
        let (text, sources) = told(&answer);
        for dialect in [OpenAiChat, OpenAiResponses, AnthropicMessages, Gemini] {
            let whole = codec(dialect).encode_response(&Response::Chat(Box::new(answer.clone())), &context());
            let Response::Chat(read) = codec(dialect).decode_response(&whole).expect("readable") else { panic!("a chat") };
            let stream = encode(dialect, &answer.clone().into_events(), context());
            let mut gatherer = Gatherer::default();
            decode(dialect, &[stream.as_bytes()]).into_iter().for_each(|step| gatherer.take(step));
            let streamed = gatherer.finish().expect("an answer");
            for (how, read) in [("whole", *read), ("streamed", streamed)] {
                let (read_text, read_sources) = told(&read);
                prop_assert_eq!(&read_text, &text, "{:?} {}", dialect, how);
                if dialect == AnthropicMessages {
                    // A citation stands for its whole block there.
                    let urls = |all: &[(String, String)]| all.iter().map(|(url, _)| url.clone()).collect::<Vec<_>>();
                    prop_assert_eq!(urls(&read_sources), urls(&sources), "{}", how);
                } else {
                    prop_assert_eq!(&read_sources, &sources, "{:?} {}", dialect, how);
                }
            }
        }
    }

    #[test]
    fn a_wish_is_read_as_it_was_written(
        context in of(prop::sample::select(vec![SearchContext::Low, SearchContext::Medium, SearchContext::High])),
        max_uses in of(1u64..9), allowed in vec("[a-z]{1,5}\\.org", 0..3), city in of("[a-zü]{1,6}"),
    ) {
        let location = city.map(|city| SearchLocation { city: Some(city), ..SearchLocation::default() });
        let plain = WebSearch { location, ..WebSearch::default() };
        for (dialect, quirks, wish) in [
            (OpenAiResponses, &[Quirk::SearchTool][..], WebSearch { context, allowed_domains: allowed.clone(), ..plain.clone() }),
            (AnthropicMessages, &[Quirk::SearchTool], WebSearch { max_uses, allowed_domains: allowed.clone(), ..plain.clone() }),
            (OpenAiChat, &[], WebSearch { context, ..plain.clone() }),
        ] {
            let (body, lost) = sent(dialect, quirks, true, wish.clone());
            prop_assert_eq!(lost, Vec::<String>::new());
            let found = read(dialect, &body).web_search.expect("a wish");
            prop_assert_eq!(WebSearch { tool: None, ..*found }, wish);
        }
    }
}
