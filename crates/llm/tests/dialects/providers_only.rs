//! Dialects that are spoken with providers only: their answers and errors as clients are told them, what they say of requests
//! that others say otherwise, and streams gathered into answers.

use proptest::collection::vec;
use proptest::option::of;
use proptest::prelude::*;
use serde_json::{Value, json};
use yumen_llm::dialects::Dialect::{
    AnthropicMessages, BedrockEmbeddings, CozeChat, DashScopeChat, DeepLTranslate, DifyChat, OpenAiChat,
    OpenAiEmbeddings, ReplicatePredictions, TritonGenerate, VertexEmbeddings,
};
use yumen_llm::dialects::{ALL, Answers, Dialect, ErrorKind, Operation, Quirk, Tap, Target, Upstream, codec};
use yumen_llm::ir::{
    Answer, Choice, Content, Finish, FinishReason, Gatherer, Json, Part, Response, StreamEvent, Ungathered,
};
use yumen_llm::usage::Usage;

use crate::support::{context, decode, fixtures, name, payloads, request, request_for, stream, wire};

pub fn ask(to: Dialect, model: &str, more: &Value) -> (Value, Vec<String>) {
    let mut body = json!({ "model": "m", "messages": [{ "role": "user", "content": "Hi" }] });
    for (name, value) in more.as_object().expect("fields") {
        body[name] = value.clone();
    }
    request_for(&Target { model, ..Target::default() }, OpenAiChat, to, &body)
}

fn conversation() -> Value {
    json!({ "messages": [{ "role": "system", "content": "Be brief." }, { "role": "user", "content": "Hi" },
        { "role": "assistant", "content": "Hello" }, { "role": "user", "content": "Who?" }] })
}

fn provider_only() -> impl Iterator<Item = Dialect> {
    ALL.iter().filter(|codec| !codec.outline().clients).map(|codec| codec.dialect())
}

#[test]
fn what_is_spoken_with_providers_only_refuses_clients_in_words() {
    assert_eq!(provider_only().count(), 8);
    for dialect in provider_only() {
        let (codec, outline) = (codec(dialect), codec(dialect).outline());
        assert_eq!(outline.upstream, Upstream::ForAll, "{dialect:?}");
        let refused = codec.decode_request(b"{}").expect_err("no client").message;
        assert_eq!(refused, format!("model: {} is spoken with providers only", outline.name));
        let said = codec.encode_response(&Response::Chat(Box::default()), &context());
        let said: Value = serde_json::from_slice(&said).expect("JSON");
        assert!(said.to_string().contains(&refused), "{said}");
    }
    for dialect in [Dialect::AiSdk, Dialect::AiSdkEmbeddings] {
        let refused = codec(dialect).decode_response(b"{}").expect_err("no provider").message;
        assert_eq!(refused, format!("model: {} is spoken with clients only", name(dialect)));
    }
}

#[test]
fn every_answer_in_the_words_of_clients() {
    for from in provider_only() {
        for (case, body) in fixtures("answers", from) {
            let read = codec(from).decode_response(body.as_bytes());
            let mut tap = Tap::default();
            codec(from).tap_response(body.as_bytes(), &mut tap);
            let told = match read {
                Err(error) => json!({ "unreadable": error.message }),
                Ok(response) => {
                    let clients: &[Dialect] = match codec(from).outline().operation {
                        Operation::Embeddings => &[OpenAiEmbeddings],
                        _ => &[OpenAiChat, AnthropicMessages],
                    };
                    let said = |to: &Dialect| {
                        let body = codec(*to).encode_response(&response, &context());
                        (name(*to), serde_json::from_slice::<Value>(&body).expect("JSON"))
                    };
                    if let Response::Chat(answer) = &response {
                        assert_eq!(tap.usage, answer.usage, "{case}");
                        let native =
                            answer.choices[0].finish.as_ref().and_then(|finish| finish.native.clone());
                        assert_eq!((tap.finish_reason, tap.finished), (native, true), "{case}");
                        let empty = answer.choices[0].parts.is_empty();
                        assert_eq!((tap.content_seen, tap.output_bytes > 0), (!empty, !empty), "{case}");
                    }
                    clients.iter().map(said).collect::<serde_json::Map<_, _>>().into()
                }
            };
            insta::assert_json_snapshot!(format!("{}__{case}", name(from)), told);
        }
    }
}

/// A fixture's name begins with the status under which it comes; 0 is within a stream.
#[test]
fn every_error_as_facts() {
    for from in provider_only() {
        for (case, body) in fixtures("errors", from) {
            let came: u16 = case.split('_').next().and_then(|status| status.parse().ok()).expect("a status");
            let within = codec(from).status_within(body.as_bytes());
            assert_eq!(
                within.is_some(),
                (200..300).contains(&came) || from == CozeChat,
                "{case}: {within:?}"
            );
            let status = if came >= 400 { came } else { within.unwrap_or(0) };
            let facts = codec(from).decode_error(status, body.as_bytes());
            let told = json!({ "status": facts.status, "kind": format!("{:?}", facts.kind), "code": facts.code,
                "message": facts.message });
            insta::assert_json_snapshot!(format!("{}__error_{case}", name(from)), told);
        }
    }
}

#[test]
fn errors_that_come_in_no_shape_are_errors_all_the_same() {
    for dialect in provider_only() {
        for body in ["", "<html>502</html>", "[]", "null", "{}", "{\"output\":7}", "{\"code\":\"x\"}"] {
            let facts = codec(dialect).decode_error(502, body.as_bytes());
            assert_eq!((facts.status, facts.kind), (502, ErrorKind::Server), "{dialect:?}: {body}");
            assert!(!facts.message.is_empty());
            let read = codec(dialect).decode_response(body.as_bytes());
            let empty = matches!(&read, Ok(Response::Chat(answer)) if answer.choices[0].parts.is_empty());
            assert!(read.is_err() || dialect == DashScopeChat && empty, "{dialect:?}: {body}: {read:?}");
        }
    }
}

#[test]
fn dashscope_has_a_form_for_pictures() {
    let (sent, lossy) = ask(DashScopeChat, "qwen-plus", &json!({ "stream": true, "max_tokens": 9 }));
    let parameters = json!({ "result_format": "message", "incremental_output": true, "max_tokens": 9 });
    assert_eq!((&sent["parameters"], lossy.len()), (&parameters, 0));
    assert_eq!(sent["input"]["messages"], json!([{ "role": "user", "content": "Hi" }]));
    let second = |sent: &Value| codec(DashScopeChat).is_second_form(sent.to_string().as_bytes());
    assert!(!second(&sent));
    let sees = Target { model: "qwen3-vl-plus", sees: true, ..Target::default() };
    let body = json!({ "model": "m", "messages": [{ "role": "user", "content": "Hi" }] });
    let (sent, _) = request_for(&sees, OpenAiChat, DashScopeChat, &body);
    assert_eq!(sent["input"]["messages"][0]["content"], json!([{ "text": "Hi" }]));
    assert!(second(&sent));
    let picture = json!({ "type": "image_url", "image_url": { "url": "data:image/png;base64,iVBORw0=" } });
    let turns = json!({ "messages": [{ "role": "user", "content": [picture, { "type": "text", "text": "What?" }] }] });
    let (sent, _) = ask(DashScopeChat, "unknown", &turns);
    let content = json!([{ "image": "data:image/png;base64,iVBORw0=" }, { "text": "What?" }]);
    assert_eq!(sent["input"]["messages"][0]["content"], content);
    assert!(second(&sent) && !second(&json!([])) && !second(&json!({ "input": { "messages": "x" } })));
}

#[test]
fn dashscope_thinks_within_a_budget() {
    for (asked, enabled, budget, lost) in [
        (json!({ "reasoning_effort": "low", "max_tokens": 1000 }), json!(true), json!(200), false),
        (json!({ "reasoning_effort": "none" }), json!(false), Value::Null, false),
        (json!({ "reasoning_effort": "high" }), json!(true), Value::Null, true),
        (json!({ "enable_thinking": true, "thinking_budget": 50 }), json!(true), json!(50), false),
        (json!({}), Value::Null, Value::Null, false),
    ] {
        let (sent, lossy) = ask(DashScopeChat, "m", &asked);
        let parameters = &sent["parameters"];
        assert_eq!(
            (&parameters["enable_thinking"], &parameters["thinking_budget"], !lossy.is_empty()),
            (&enabled, &budget, lost),
            "{asked}: {lossy:?}"
        );
    }
}

#[test]
fn dify_keeps_conversations_that_it_knows() {
    let (sent, lossy) = ask(DifyChat, "m", &json!({ "user": "u-1", "max_tokens": 9, "stream": false }));
    assert_eq!(
        sent,
        json!({ "query": "Hi", "inputs": { "query": "Hi" }, "response_mode": "streaming", "user": "u-1" })
    );
    assert_eq!(lossy, ["max_tokens"]);
    let (sent, _) = ask(DifyChat, "m", &conversation());
    assert_eq!(sent["query"], "System: Be brief.\n\nUser: Hi\n\nAssistant: Hello\n\nUser: Who?");
    let mut known = conversation();
    (known["conversation_id"], known["inputs"]) = (json!("c-1"), json!({ "city": "Dunhuang" }));
    let (sent, lossy) = ask(DifyChat, "m", &known);
    assert_eq!((&sent["query"], &sent["conversation_id"]), (&json!("Who?"), &json!("c-1")));
    assert_eq!((&sent["inputs"], lossy.len()), (&json!({ "city": "Dunhuang" }), 0));
    let url = json!({ "type": "image_url", "image_url": { "url": "https://example.com/a.png" } });
    let whole = json!({ "type": "image_url", "image_url": { "url": "data:image/png;base64,iVBORw0=" } });
    let turns =
        json!({ "messages": [{ "role": "user", "content": [url, whole, { "type": "text", "text": "?" }] }] });
    let (sent, lossy) = ask(DifyChat, "m", &turns);
    let files =
        json!([{ "type": "image", "transfer_method": "remote_url", "url": "https://example.com/a.png" }]);
    assert_eq!((&sent["files"], lossy), (&files, vec!["messages.content.image".to_owned()]));
}

#[test]
fn coze_is_told_the_conversation() {
    let (sent, lossy) = ask(CozeChat, "738", &conversation());
    let turn = |role: &str, kind: &str, content: &str| json!({ "role": role, "type": kind, "content_type": "text", "content": content });
    assert_eq!(
        sent,
        json!({ "bot_id": "738", "user_id": "yumen", "stream": true, "auto_save_history": false,
            "additional_messages": [turn("user", "question", "Be brief."), turn("user", "question", "Hi"),
                turn("assistant", "answer", "Hello"), turn("user", "question", "Who?")] })
    );
    assert!(lossy.is_empty());
    let url = json!({ "type": "image_url", "image_url": { "url": "https://example.com/a.png" } });
    let turns = json!({ "messages": [{ "role": "user", "content": [url, { "type": "text", "text": "What?" }] }],
        "auto_save_history": true });
    let (sent, _) = ask(CozeChat, "738", &turns);
    let message = &sent["additional_messages"][0];
    let objects: Value =
        serde_json::from_str(message["content"].as_str().expect("a string")).expect("a list in a string");
    let expected = json!([{ "type": "text", "text": "What?" },
        { "type": "image", "file_url": "https://example.com/a.png" }]);
    assert_eq!((&message["content_type"], objects), (&json!("object_string"), expected));
    assert_eq!(sent["auto_save_history"], true);
}

#[test]
fn triton_gets_one_text_and_the_names_of_its_engine() {
    let asked = json!({ "stop": ["END"], "seed": 7, "max_tokens": 9, "stream": true, "min_p": 0.1 });
    let (sent, lossy) = ask(TritonGenerate, "m", &asked);
    let (parameters, text) = (&sent["parameters"], &sent["text_input"]);
    assert_eq!((text, &parameters["stop"], &parameters["seed"]), (&json!("Hi"), &json!(["END"]), &json!(7)));
    assert_eq!((&parameters["stream"], &parameters["return_num_input_tokens"]), (&json!(true), &json!(true)));
    assert_eq!((&parameters["min_p"], lossy.len()), (&json!(0.1), 0));
    let target = Target { model: "ensemble", quirks: &[Quirk::TensorrtLlm], ..Target::default() };
    let body =
        json!({ "model": "m", "messages": [{ "role": "user", "content": "Hi" }], "stop": "END", "seed": 7 });
    let (sent, _) = request_for(&target, OpenAiChat, TritonGenerate, &body);
    let expected = json!({ "stream": false, "random_seed": 7, "stop_words": ["END"] });
    assert_eq!(sent["parameters"], expected);
    let (sent, _) = ask(TritonGenerate, "m", &conversation());
    let text = "System: Be brief.\n\nUser: Hi\n\nAssistant: Hello\n\nUser: Who?\n\nAssistant:";
    assert_eq!(sent["text_input"], text);
    let prompt = json!({ "model": "m", "prompt": "Once", "max_tokens": 5 });
    let (sent, _) = request(Dialect::OpenAiCompletions, TritonGenerate, &prompt);
    assert_eq!((&sent["text_input"], &sent["parameters"]["max_tokens"]), (&json!("Once"), &json!(5)));
}

#[test]
fn deepl_translates_what_was_said_last() {
    let mut asked = conversation();
    asked["formality"] = json!("prefer_less");
    let (sent, lossy) = ask(DeepLTranslate, "en-us", &asked);
    let expected = json!({ "text": ["Who?"], "target_lang": "EN-US", "show_billed_characters": true,
        "formality": "prefer_less" });
    assert_eq!((sent, lossy), (expected, vec!["messages".to_owned()]));
    let body = json!({ "model": "m", "messages": [{ "role": "assistant", "content": "Hello" }] });
    let request = codec(OpenAiChat).decode_request(body.to_string().as_bytes()).expect("readable");
    let error = codec(DeepLTranslate).encode_request(&request, &Target::default()).expect_err("no text");
    assert_eq!(error.param.as_deref(), Some("messages"));
    let mut tap = Tap::default();
    let body =
        &fixtures("answers", DeepLTranslate).into_iter().find(|(case, _)| case == "text").expect("it").1;
    codec(DeepLTranslate).tap_response(body.as_bytes(), &mut tap);
    assert_eq!((tap.units.characters, tap.usage), (Some(14), None));
}

#[test]
fn replicate_asks_each_maker_in_its_words() {
    let mut asked = conversation();
    (asked["max_tokens"], asked["stop"], asked["top_k"]) = (json!(2000), json!(["a", "b"]), json!(5));
    asked["reasoning_effort"] = json!("low");
    let prompt = "User: Hi\n\nAssistant: Hello\n\nUser: Who?";
    let lost = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    for (model, input, lossy) in [
        (
            "meta/meta-llama-3-70b-instruct",
            json!({ "prompt": prompt, "system_prompt": "Be brief.", "max_tokens": 2000, "top_k": 5,
                    "stop_sequences": "a,b" }),
            lost(&["reasoning"]),
        ),
        (
            "anthropic/claude-4.5-sonnet",
            json!({ "prompt": prompt, "system_prompt": "Be brief.", "max_tokens": 2000,
                    "extended_thinking": true, "thinking_budget_tokens": 400 }),
            lost(&["top_k", "stop"]),
        ),
        (
            "openai/gpt-5",
            json!({ "prompt": prompt, "system_prompt": "Be brief.", "max_completion_tokens": 2000,
                    "reasoning_effort": "low" }),
            lost(&["top_k", "stop"]),
        ),
        (
            "google/gemini-2.5-flash",
            json!({ "prompt": prompt, "system_instruction": "Be brief.", "max_output_tokens": 2000,
                    "thinking_budget": 400 }),
            lost(&["top_k", "stop"]),
        ),
        (
            "deepseek-ai/deepseek-v3.1",
            json!({ "prompt": format!("System: Be brief.\n\n{prompt}"), "max_tokens": 2000 }),
            lost(&["top_k", "stop", "reasoning"]),
        ),
    ] {
        let (sent, told) = ask(ReplicatePredictions, model, &asked);
        assert_eq!((&sent, told), (&json!({ "input": input }), lossy), "{model}");
        assert!(!codec(ReplicatePredictions).is_second_form(sent.to_string().as_bytes()));
    }
    let version = "5c7d5dc6dd8bf75c1acaa8565735e7986bc5b66206b55cca93cb72c9bf15ccaa";
    for model in [version.to_owned(), format!("owner/name:{version}")] {
        let (sent, _) = ask(ReplicatePredictions, &model, &json!({}));
        assert_eq!(sent["version"], json!(model));
        assert!(codec(ReplicatePredictions).is_second_form(sent.to_string().as_bytes()));
    }
}

#[test]
fn embeddings_are_asked_for_in_their_makers_words() {
    let ask = |model: &str, to: Dialect, body: &Value| {
        request_for(&Target { model, ..Target::default() }, OpenAiEmbeddings, to, body)
    };
    let one = json!({ "model": "m", "input": "a", "dimensions": 256, "user": "u", "normalize": false });
    let (sent, lossy) = ask("amazon.titan-embed-text-v2:0", BedrockEmbeddings, &one);
    assert_eq!(sent, json!({ "inputText": "a", "dimensions": 256, "normalize": false }));
    assert_eq!(lossy, ["user"]);
    let (sent, lossy) = ask(
        "amazon.titan-embed-text-v1",
        BedrockEmbeddings,
        &json!({ "model": "m", "input": "a", "dimensions": 9 }),
    );
    assert_eq!((sent, lossy), (json!({ "inputText": "a" }), vec!["dimensions".to_owned()]));
    let two = json!({ "model": "m", "input": ["a", "b"], "input_type": "search_query" });
    let (sent, _) = ask("us.cohere.embed-v4:0", BedrockEmbeddings, &two);
    assert_eq!(
        sent,
        json!({ "texts": ["a", "b"], "embedding_types": ["float"], "input_type": "search_query" })
    );
    let refused = |model: &str, body: &Value| {
        let request = codec(OpenAiEmbeddings).decode_request(body.to_string().as_bytes()).expect("readable");
        let target = Target { model, ..Target::default() };
        codec(BedrockEmbeddings)
            .encode_request(&request, &target)
            .expect_err("refused")
            .param
            .expect("a field")
    };
    assert_eq!(refused("amazon.titan-embed-text-v2:0", &two), "input");
    assert_eq!(refused("twelvelabs.marengo", &one), "model");
    assert_eq!(refused("cohere.embed-v4:0", &json!({ "model": "m", "input": [1, 2] })), "input");
    let asked = json!({ "model": "m", "input": ["a", "b"], "dimensions": 256, "task_type": "CLUSTERING", "autoTruncate": false });
    let (sent, lossy) = ask("gemini-embedding-001", VertexEmbeddings, &asked);
    let expected = json!({ "instances": [{ "content": "a", "task_type": "CLUSTERING" }, { "content": "b", "task_type": "CLUSTERING" }],
        "parameters": { "outputDimensionality": 256, "autoTruncate": false } });
    assert_eq!((sent, lossy.len()), (expected, 0));
}

#[test]
fn betas_of_the_messages_api_stand_in_the_bodies_of_bedrock_and_vertex() {
    let body = json!({ "model": "m", "max_tokens": 9, "messages": [{ "role": "user", "content": "Hi" }] });
    for (quirks, expected) in [
        (&[Quirk::ClaudeOnBedrock][..], json!(["a", "b"])),
        (&[Quirk::ClaudeOnVertex], json!(["a", "b"])),
        (&[], Value::Null),
    ] {
        let target = Target { model: "m", quirks, betas: &["a", "b"], ..Target::default() };
        let (sent, _) = request_for(&target, AnthropicMessages, AnthropicMessages, &body);
        assert_eq!(sent["anthropic_beta"], expected);
    }
}

pub fn gather(steps: Vec<StreamEvent>) -> Result<Answer, Ungathered> {
    let mut gatherer = Gatherer::default();
    steps.into_iter().for_each(|step| gatherer.take(step));
    gatherer.finish()
}

#[test]
fn streams_that_are_always_asked_for_are_gathered() {
    let always = |dialect: &Dialect| codec(*dialect).outline().asking.answers == Answers::Streamed;
    assert_eq!(provider_only().filter(always).collect::<Vec<_>>(), [DifyChat, CozeChat]);
    for (dialect, case, text, usage) in [
        (CozeChat, "chat", "It is June, 玉门.", (614, 19)),
        (CozeChat, "in_one", "It is June.", (614, 19)),
        (DifyChat, "chat", "I am an app, 玉门.", (1033, 135)),
        (DifyChat, "agent", "It is 21 degrees.", (1033, 135)),
        (DashScopeChat, "text", "I am Qwen, 玉门", (22, 17)),
        (TritonGenerate, "vllm", "I am a server, 玉门.", (7, 7)),
    ] {
        let answer = gather(decode(dialect, &[&wire(dialect, &stream(dialect, case))])).expect("an answer");
        assert_eq!(answer.choices[0].parts, [Part::text(text)], "{case}");
        let counted = answer.usage.map(|usage| (usage.input, usage.output));
        assert_eq!(counted, Some(usage), "{case}");
    }
    for (dialect, case, status) in [
        (CozeChat, "failed", 429),
        (CozeChat, "error_event", 500),
        (CozeChat, "requires_action", 400),
        (DifyChat, "error_event", 402),
        (DifyChat, "workflow_failed", 500),
        (DashScopeChat, "error_event", 429),
        (DashScopeChat, "cut_off", 502),
        (TritonGenerate, "error_event", 500),
        (ReplicatePredictions, "failed", 500),
        (ReplicatePredictions, "cancelled", 500),
    ] {
        let steps = decode(dialect, &[&wire(dialect, &stream(dialect, case))]);
        let Err(Ungathered::Failed(facts)) = gather(steps) else { panic!("{case} has an answer") };
        assert_eq!(facts.status, status, "{case}: {facts:?}");
    }
    assert_eq!(gather(vec![StreamEvent::Ping]), Err(Ungathered::Unended));
    let steps = decode(ReplicatePredictions, &[b":408: 408 Request Timeout\n\n"]);
    let Err(Ungathered::Failed(facts)) = gather(steps) else { panic!("nothing is an answer") };
    assert_eq!(facts.status, 502);
}

#[test]
fn probabilities_of_pieces_are_those_of_the_whole() {
    let piece = |text: &str, logprobs: &str| StreamEvent::Text {
        choice: 0,
        text: text.to_owned(),
        logprobs: Json::parse(logprobs),
    };
    let answer = gather(vec![
        piece("a", r#"{"content":[{"token":"a","logprob":-0.10}]}"#),
        piece("b", r#"{"content":[{"token":"b","logprob":-1e-5}]}"#),
        piece("c", "7"),
        StreamEvent::End,
    ]);
    let choice = answer.expect("an answer").choices.remove(0);
    let expected = r#"{"content":[{"token":"a","logprob":-0.10},{"token":"b","logprob":-1e-5}]}"#;
    assert_eq!((choice.parts, choice.logprobs), (vec![Part::text("abc")], Json::parse(expected)));
}

fn part() -> impl Strategy<Value = Content> {
    let text = || "[ -~玉]{1,12}";
    prop_oneof![
        text().prop_map(Content::Text),
        text().prop_map(Content::Refusal),
        (text(), of("[a-z]{4}"), of(Just("anthropic-claude-v1".to_owned()))).prop_map(
            |(text, signature, format)| {
                let format = format.filter(|_| signature.is_some());
                Content::Thinking { text, signature, format }
            }
        ),
        "[a-z]{4}".prop_map(|data| Content::RedactedThinking { data, format: None }),
        ("[a-z]{3}", "[a-z]{3}", of(Just("{\"a\":1}".to_owned()))).prop_map(|(id, name, arguments)| {
            Content::ToolCall { id, name, arguments: arguments.unwrap_or_default() }
        }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    /// An answer told as a stream is gathered as the same answer.
    #[test]
    fn gathered_is_what_was_streamed(
        choices in vec(vec(part(), 0..5), 1..3),
        id in of("[a-z]{3}"),
        counts in of((0u64..9, 0u64..9)),
    ) {
        let choice = |(index, parts): (usize, Vec<Content>)| Choice {
            index: u32::try_from(index).expect("few"),
            parts: parts.into_iter().map(Part::new).collect(),
            finish: Some(Finish { reason: FinishReason::Length, native: Some("x".into()), stop_sequence: None }),
            logprobs: None,
        };
        let answer = Answer {
            id,
            model: Some("m".into()),
            created: Some(7),
            choices: choices.into_iter().enumerate().map(choice).collect(),
            usage: counts.map(|(input, output)| Usage { input, output, ..Usage::default() }),
            ..Answer::default()
        };
        prop_assert_eq!(gather(answer.clone().into_events()), Ok(answer));
    }
}

#[test]
fn a_client_of_messages_reads_an_agent_of_coze() {
    let told = crate::support::convert(CozeChat, AnthropicMessages, &stream(CozeChat, "chat"));
    let events = payloads(&told);
    assert_eq!(events.last().expect("an event")["type"], "message_stop");
}
