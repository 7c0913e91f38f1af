//! What is wrong is named with its path, and nothing that comes in makes the codecs panic.

use proptest::prelude::*;
use yumen_llm::dialects::{Dialect, Tap, Target, Thinking, codec};

use crate::support::{context, dialects, fixtures};

fn complaint(dialect: Dialect, body: &str) -> String {
    codec(dialect).decode_request(body.as_bytes()).expect_err(body).message
}

#[test]
fn wrong_types_are_named_with_their_path() {
    let chat = |rest: &str| {
        complaint(
            Dialect::OpenAiChat,
            &format!(r#"{{"model":"m","messages":[{{"role":"user","content":"a"}}]{rest}}}"#),
        )
    };
    let turns =
        |turns: &str| complaint(Dialect::OpenAiChat, &format!(r#"{{"model":"m","messages":[{turns}]}}"#));
    assert_eq!(complaint(Dialect::OpenAiChat, "[]"), "request body: expected a JSON object");
    assert_eq!(complaint(Dialect::OpenAiChat, r#"{"messages":[]}"#), "model: is required");
    assert_eq!(complaint(Dialect::OpenAiChat, r#"{"model":"m"}"#), "messages: is required");
    assert_eq!(
        complaint(Dialect::OpenAiChat, r#"{"model":"m","messages":"hi"}"#),
        "messages: expected a list"
    );
    assert_eq!(complaint(Dialect::OpenAiChat, r#"{"model":7,"messages":[]}"#), "model: expected a string");
    let good = r#"{"role":"user","content":"a"},"#;
    assert_eq!(
        turns(&format!(r#"{good}{good}{{"role":"user","content":5}}"#)),
        "messages[2].content: expected a string or a list of parts"
    );
    assert_eq!(turns(r#"{"role":"user"}"#), "messages[0].content: expected a string or a list of parts");
    assert_eq!(
        turns(r#"{"role":"king","content":"a"}"#),
        "messages[0].role: expected one of system, developer, user, assistant and tool"
    );
    assert_eq!(
        turns(r#"{"role":"user","content":[{"type":"text","text":1}]}"#),
        "messages[0].content[0].text: expected a string"
    );
    assert_eq!(
        turns(r#"{"role":"user","content":[{"type":"image_url","image_url":{}}]}"#),
        "messages[0].content[0].image_url.url: is required"
    );
    assert_eq!(turns(r#"{"role":"tool","content":"a"}"#), "messages[0].tool_call_id: is required");
    assert_eq!(
        turns(r#"{"role":"assistant","tool_calls":[{"function":{}}]}"#),
        "messages[0].tool_calls[0].function.name: is required"
    );
    assert_eq!(chat(r#","temperature":"hot""#), "temperature: expected a number");
    assert_eq!(chat(r#","max_tokens":-1"#), "max_tokens: expected a whole number that is not negative");
    assert_eq!(chat(r#","stop":[1]"#), "stop[0]: expected a string");
    assert_eq!(chat(r#","stream":"yes""#), "stream: expected true or false");
    assert_eq!(
        chat(r#","tool_choice":"maybe""#),
        "tool_choice: expected auto, none, required or an object that names a function"
    );
    assert_eq!(chat(r#","tools":[{"type":"function"}]"#), "tools[0].function: is required");
    assert_eq!(
        chat(r#","response_format":{"type":"json_schema","json_schema":{"name":"a"}}"#),
        "response_format.json_schema.schema: is required"
    );
    assert_eq!(
        chat(r#","reasoning_effort":"huge""#),
        "reasoning_effort: expected one of none, minimal, low, medium, high, xhigh and max"
    );
    assert!(chat(r#","functions":[]"#).contains("use tools"));
    let anthropic = |body: &str| complaint(Dialect::AnthropicMessages, body);
    assert_eq!(
        anthropic(
            r#"{"model":"m","messages":[{"role":"user","content":[{"type":"tool_result","content":"a"}]}]}"#
        ),
        "messages[0].content[0].tool_use_id: is required"
    );
    assert_eq!(
        anthropic(r#"{"model":"m","messages":[],"system":5}"#),
        "system: expected a string or a list of content blocks"
    );
    assert_eq!(
        anthropic(r#"{"model":"m","messages":[],"thinking":{"type":"lots"}}"#),
        "thinking.type: expected one of enabled, disabled and adaptive"
    );
    assert_eq!(
        complaint(Dialect::OpenAiCompletions, r#"{"model":"m","prompt":{}}"#),
        "prompt: expected a string, a list of strings or a list of token ids"
    );
    assert_eq!(
        complaint(Dialect::OpenAiEmbeddings, r#"{"model":"m","input":1}"#),
        "input: expected a string, a list of strings or a list of token ids"
    );
    let error = codec(Dialect::OpenAiChat)
        .decode_request(br#"{"model":"m","messages":[{"role":"user","content":[{}]}]}"#)
        .expect_err("no type");
    assert_eq!(error.param.as_deref(), Some("messages[0].content[0].type"));
}

#[test]
fn wrong_types_of_the_responses_api_are_named_with_their_path() {
    let responses = |rest: &str| complaint(Dialect::OpenAiResponses, &format!(r#"{{"model":"m"{rest}}}"#));
    let items = |items: &str| responses(&format!(r#","input":[{items}]"#));
    let rest = |rest: &str| responses(&format!(r#","input":"a",{rest}"#));
    for (said, expected) in [
        (responses(""), "input: is required"),
        (responses(r#","input":null"#), "input: is required"),
        (responses(r#","input":7"#), "input: expected a string or a list of items"),
        (complaint(Dialect::OpenAiResponses, r#"{"input":"a"}"#), "model: is required"),
        (items("1"), "input[0]: expected an object"),
        (items("{}"), "input[0].type: is required"),
        (items(r#"{"type":"message","content":"a"}"#), "input[0].role: is required"),
        (
            items(r#"{"role":"king","content":"a"}"#),
            "input[0].role: expected one of user, assistant, system and developer",
        ),
        (items(r#"{"role":"user"}"#), "input[0].content: expected a string or a list of parts"),
        (
            items(r#"{"role":"user","content":"a"},{"role":"user","content":[{"type":"input_text"}]}"#),
            "input[1].content[0].text: is required",
        ),
        (
            items(r#"{"role":"user","content":[{"type":"input_image"}]}"#),
            "input[0].content[0]: one of image_url and file_id is required",
        ),
        (
            items(r#"{"role":"user","content":[{"type":"input_file","filename":"a"}]}"#),
            "input[0].content[0]: one of file_id, file_data and file_url is required",
        ),
        (items(r#"{"type":"function_call","name":"f"}"#), "input[0].call_id: is required"),
        (items(r#"{"type":"function_call","call_id":"c"}"#), "input[0].name: is required"),
        (
            items(r#"{"type":"function_call_output","call_id":"c"}"#),
            "input[0].output: expected a string or a list of parts",
        ),
        (items(r#"{"type":"reasoning","summary":[{}]}"#), "input[0].summary[0].text: is required"),
        (rest(r#""tools":[{"name":"f"}]"#), "tools[0].type: is required"),
        (rest(r#""tools":[{"type":"function"}]"#), "tools[0].name: is required"),
        (
            rest(r#""tool_choice":"maybe""#),
            "tool_choice: expected auto, none, required or an object that names a tool",
        ),
        (rest(r#""tool_choice":{"type":"function"}"#), "tool_choice.name: is required"),
        (rest(r#""tool_choice":{"type":"allowed_tools"}"#), "tool_choice.tools: is required"),
        (
            rest(r#""reasoning":{"effort":"huge"}"#),
            "reasoning.effort: expected one of none, minimal, low, medium, high, xhigh and max",
        ),
        (
            rest(r#""text":{"format":{"type":"yaml"}}"#),
            "text.format.type: expected one of text, json_object and json_schema",
        ),
        (rest(r#""text":{"format":{"type":"json_schema"}}"#), "text.format.schema: is required"),
        (rest(r#""include":[1]"#), "include[0]: expected a string"),
        (
            rest(r#""max_output_tokens":-1"#),
            "max_output_tokens: expected a whole number that is not negative",
        ),
    ] {
        assert_eq!(said, expected);
    }
}

#[test]
fn a_conversation_without_content_is_refused_for_claude_in_words() {
    let request = codec(Dialect::OpenAiChat)
        .decode_request(br#"{"model":"m","messages":[{"role":"system","content":"a"}]}"#)
        .expect("readable");
    let error = codec(Dialect::AnthropicMessages)
        .encode_request(&request, &Target { model: "m", ..Target::default() })
        .expect_err("nothing to say");
    assert_eq!(error.message, "messages: at least one message with content is needed");
}

/// Names of events that a reader of the dialect may look at before the payload.
fn event_names(dialect: Dialect) -> &'static [&'static [u8]] {
    match dialect {
        Dialect::AnthropicMessages => &[b"", b"error", b"content_block_delta"],
        Dialect::OpenAiResponses => &[b"", b"error", b"response.output_text.delta", b"response.completed"],
        Dialect::BedrockConverse => &[
            b"",
            b"error",
            b"contentBlockStart",
            b"contentBlockDelta",
            b"contentBlockStop",
            b"messageStop",
            b"metadata",
        ],
        _ => &[b"", b"error"],
    }
}

/// One in so many dialects reads a damaged body, or says what it was read as: the walk over all places takes them in turn, for
/// the work grows with the square of their number.
const TURNS: usize = 4;

/// Everything that codecs do with bytes from outside: all of them, or the one whose text it was and those whose turn it is.
fn exercise(body: &[u8], turn: Option<(Dialect, usize)>) {
    let in_turn = |turn: usize| dialects().skip(turn % TURNS).step_by(TURNS);
    let (readers, targets): (Vec<Dialect>, Vec<Dialect>) = match turn {
        None => (dialects().collect(), dialects().collect()),
        Some((own, turn)) => (
            in_turn(turn / TURNS).filter(|other| *other != own).chain([own]).collect(),
            in_turn(turn).collect(),
        ),
    };
    let targets = || targets.iter().copied();
    for dialect in readers {
        let codec = codec(dialect);
        if let Ok(request) = codec.decode_request(body) {
            for to in targets() {
                for (thinking, model) in
                    [(Thinking::Budget, "anthropic.m"), (Thinking::Always, "amazon.nova-2-m")]
                {
                    let target = Target { model, max_output: Some(0), thinking, ..Target::default() };
                    if let Ok(encoded) = yumen_llm::dialects::codec(to).encode_request(&request, &target) {
                        serde_json::from_slice::<&serde_json::value::RawValue>(&encoded.body)
                            .expect("an encoder writes JSON");
                    }
                }
            }
        }
        if let Ok(response) = codec.decode_response(body) {
            for to in targets() {
                let said = yumen_llm::dialects::codec(to).encode_response(&response, &context());
                serde_json::from_slice::<&serde_json::value::RawValue>(&said)
                    .expect("an encoder writes JSON");
            }
        }
        let mut tap = Tap::default();
        codec.tap_response(body, &mut tap);
        tap.id = Some("known".into());
        let mut known = Vec::new();
        for event in event_names(dialect) {
            codec.tap_event(event, body, &mut tap);
            let (mut decoder, mut steps) = (codec.stream_decoder(), Vec::new());
            let _ = decoder.decode(event, body, &mut steps);
            let _ = decoder.decode(event, body, &mut steps);
            decoder.finish(&mut steps);
            // Most dialects do not look at the event's name, and the same steps are written the same.
            if known.contains(&steps) {
                continue;
            }
            for to in targets() {
                let (mut encoder, mut out) =
                    (yumen_llm::dialects::codec(to).stream_encoder(context()), Vec::new());
                steps.iter().for_each(|step| encoder.encode(step, &mut out));
                encoder.finish(&mut out);
            }
            known.push(steps);
        }
        let facts = codec.decode_error(500, body);
        assert!(!facts.message.is_empty());
        codec.encode_error_event(&facts);
    }
}

/// All fixtures as separate JSON texts: requests, and the events of streams.
fn texts() -> Vec<(Dialect, Vec<u8>)> {
    let mut found = Vec::new();
    for dialect in dialects() {
        let mut add = |text: Vec<u8>| found.push((dialect, text));
        fixtures("requests", dialect).into_iter().for_each(|(_, text)| add(text.into_bytes()));
        for (_, text) in fixtures("streams", dialect) {
            let wire = crate::support::wire(dialect, &text);
            crate::support::frames_of(dialect, &[&wire]).into_iter().for_each(|(_, data)| add(data));
        }
    }
    found
}

/// What values are replaced with to find readers that expect too much.
const ODD: [&str; 12] = [
    "null",
    "true",
    "-1",
    "1e400",
    "18446744073709551616",
    "\"\"",
    "\"\\ud83d\"",
    "[]",
    "{}",
    "[[[]]]",
    "{\"\":{}}",
    "\"\\u0000x\"",
];

#[test]
fn every_value_of_every_fixture_may_be_something_else() {
    let (mut seen, mut turn) = (std::collections::HashSet::new(), 0);
    for (own, text) in texts().into_iter().filter(|(_, text)| seen.insert(text.clone())) {
        let Ok(text) = String::from_utf8(text) else { continue };
        for (place, odd) in text.match_indices(':').map(|(place, _)| place).zip(ODD.iter().cycle()) {
            let rest = text[place + 1..].trim_start();
            let mut values =
                serde_json::Deserializer::from_str(rest).into_iter::<&serde_json::value::RawValue>();
            let Some(Ok(value)) = values.next() else { continue };
            let after = &rest[value.get().len()..];
            exercise(format!("{}:{odd}{after}", &text[..place]).as_bytes(), Some((own, turn)));
            turn += 1;
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn cut_and_flipped_bodies_do_no_harm(which in 0usize..1000, cut in any::<prop::sample::Index>(), flip in any::<(prop::sample::Index, u8)>()) {
        let texts = texts();
        let mut body = texts[which % texts.len()].1.clone();
        let place = flip.0.index(body.len());
        body[place] = flip.1;
        exercise(&body, None);
        body.truncate(cut.index(body.len()));
        exercise(&body, None);
    }

    #[test]
    fn random_bytes_do_no_harm(body in prop::collection::vec(any::<u8>(), 0..200)) {
        exercise(&body, None);
    }
}
