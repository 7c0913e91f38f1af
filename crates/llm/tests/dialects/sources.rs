//! Searches and sources as upstreams tell them: counted once, in their places, and never more than an answer can have.

use serde_json::{Value, json};
use yumen_llm::dialects::Dialect::{self, Gemini, OpenAiChat, OpenAiResponses};
use yumen_llm::dialects::codec;
use yumen_llm::ir::{Answer, Choice, Citation, Content, Gatherer, Part, Response};

use crate::support::{context, decode};

fn read(dialect: Dialect, body: &Value) -> Answer {
    let Response::Chat(answer) =
        codec(dialect).decode_response(body.to_string().as_bytes()).expect("readable")
    else {
        panic!("a chat")
    };
    *answer
}

fn streamed(dialect: Dialect, events: &[Value]) -> Answer {
    let mut stream: String = events.iter().map(|event| format!("data: {event}\n\n")).collect();
    if dialect == OpenAiChat {
        stream.push_str("data: [DONE]\n\n");
    }
    let mut gatherer = Gatherer::default();
    decode(dialect, &[stream.as_bytes()]).into_iter().for_each(|event| gatherer.take(event));
    gatherer.finish().expect("an answer")
}

/// Each source with the piece of the text before it that it stands for.
fn sources(answer: &Answer) -> Vec<(String, String)> {
    let (mut last, mut sources) = (String::new(), Vec::new());
    for part in answer.choices.iter().flat_map(|choice| &choice.parts) {
        match &part.content {
            Content::Text(text) => last.clone_from(text),
            Content::Citation(citation) => {
                let (start, end) = citation.span_in(last.chars().count() as u64);
                let piece = last.chars().skip(start as usize).take((end - start) as usize).collect();
                sources.push((citation.url.clone(), piece));
            }
            _ => {}
        }
    }
    sources
}

fn searches(answer: &Answer) -> u64 {
    answer.usage.expect("usage").web_searches
}

#[test]
fn what_searches_found_is_not_counted_as_searches() {
    let usage = json!({ "input_tokens": 1, "output_tokens": 1, "total_tokens": 2, "num_sources_used": 12,
        "num_server_side_tools_used": 5, "server_side_tool_usage_details": { "web_search_calls": 3, "x_search_calls": 2 } });
    let body = json!({ "id": "r", "status": "completed", "usage": usage, "output": [
        { "type": "web_search_call", "id": "w", "status": "completed", "action": { "type": "search", "query": "q" } }] });
    assert_eq!(searches(&read(OpenAiResponses, &body)), 3);
    let usage = json!({ "prompt_tokens": 1, "completion_tokens": 1, "num_sources_used": 12 });
    let body =
        json!({ "choices": [{ "message": { "content": "a" }, "finish_reason": "stop" }], "usage": usage });
    assert_eq!(searches(&read(OpenAiChat, &body)), 0);
}

#[test]
fn sources_beside_a_stream_may_come_with_any_piece_of_it() {
    let chunk = |delta: &str, finish: Value| json!({ "choices": [{ "index": 0, "delta": { "content": delta }, "finish_reason": finish }] });
    let with = |mut chunk: Value, url: &str| {
        chunk["web_search"] = json!([{ "link": url }]);
        chunk
    };
    let (first, last) = (chunk("a", Value::Null), chunk("", json!("stop")));
    let expected = [("https://a.org".to_owned(), "ab".to_owned())];
    for events in [
        [with(first.clone(), "https://a.org"), chunk("b", Value::Null), last.clone()],
        [first.clone(), chunk("b", Value::Null), with(last.clone(), "https://a.org")],
        [with(first, "https://b.org"), chunk("b", Value::Null), with(last, "https://a.org")],
    ] {
        assert_eq!(sources(&streamed(OpenAiChat, &events)), expected, "{events:?}");
    }
}

#[test]
fn sources_beside_an_answer_are_not_repeated_for_each_choice() {
    let choice = |index: u32| json!({ "index": index, "message": { "content": "a" }, "delta": { "content": "a" }, "finish_reason": "stop" });
    let body = json!({ "citations": ["https://a.org"], "choices": [choice(0), choice(1)] });
    for answer in [read(OpenAiChat, &body), streamed(OpenAiChat, &[body])] {
        assert_eq!((answer.choices.len(), sources(&answer).len()), (2, 1));
    }
}

fn grounded(parts: Value, grounding: Value) -> Value {
    json!({ "candidates": [{ "content": { "parts": parts }, "finishReason": "STOP", "index": 0, "groundingMetadata": grounding }],
        "usageMetadata": { "promptTokenCount": 1, "candidatesTokenCount": 1 } })
}

#[test]
fn places_are_counted_in_the_part_that_they_name() {
    let parts = json!([{ "text": "Hm.", "thought": true }, { "text": "Yü " }, { "text": "玉门" }]);
    let support = |part: Value, end: u64| json!({ "segment": { "partIndex": part, "startIndex": 0, "endIndex": end }, "groundingChunkIndices": [0] });
    let chunks = json!([{ "web": { "uri": "https://a.org" } }]);
    for (part, end, piece) in
        [(json!(2), 3, "玉"), (json!(1), 3, "Yü"), (Value::Null, 3, "Yü"), (json!(7), 3, "Yü")]
    {
        let grounding =
            json!({ "groundingChunks": chunks, "groundingSupports": [support(part.clone(), end)] });
        let answer = read(Gemini, &grounded(parts.clone(), grounding));
        assert_eq!(sources(&answer), [("https://a.org".to_owned(), piece.to_owned())], "{part}");
    }
}

#[test]
fn a_source_that_cannot_be_read_hides_no_search_and_no_other_source() {
    let grounding = json!({ "webSearchQueries": ["a", "b"], "groundingChunks": [null, 7, { "web": { "uri": "https://a.org" } }],
        "groundingSupports": [null, { "groundingChunkIndices": "x" }, { "segment": { "endIndex": -1 }, "groundingChunkIndices": [0, 2, 99] }] });
    let body = grounded(json!([{ "text": "a" }]), grounding);
    for answer in [read(Gemini, &body), streamed(Gemini, &[body])] {
        assert_eq!((searches(&answer), sources(&answer).len()), (2, 1));
    }
}

#[test]
fn few_bytes_of_an_upstream_do_not_become_very_many_sources() {
    let many = vec![0; 100_000];
    let huge = format!("https://a.org/{}", "a".repeat(100_000));
    let text = "玉".repeat(100_000);
    let grounding = json!({ "groundingChunks": [{ "web": { "uri": "https://a.org" } }, { "web": { "uri": huge } }],
        "groundingSupports": [{ "groundingChunkIndices": [1, 1, 1] }, { "groundingChunkIndices": many }] });
    let body = grounded(json!([{ "text": text }]), grounding);
    let answer = read(Gemini, &body);
    assert_eq!(sources(&answer).len(), 1024);
    assert!(sources(&answer).iter().all(|(url, _)| url == "https://a.org"));
    // Nor is a text said again for each of its sources.
    let whole = codec(Gemini).encode_response(&Response::Chat(Box::new(answer)), &context());
    assert!(whole.len() < 3 * text.len(), "{}", whole.len());
    let overlapping = |start: u64| {
        let citation = Citation { url: "u".into(), span: Some((start, 100_000)), ..Citation::default() };
        Part::new(Content::Citation(Box::new(citation)))
    };
    let mut parts = vec![Part::text(text.as_str())];
    parts.extend((0..500).map(overlapping));
    let answer = Answer { choices: vec![Choice { parts, ..Choice::default() }], ..Answer::default() };
    let whole = codec(Gemini).encode_response(&Response::Chat(Box::new(answer)), &context());
    assert!(whole.len() < 3 * text.len(), "{}", whole.len());
}
