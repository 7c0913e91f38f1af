//! The targets that decode a dialect and say it again in every dialect of the same operation.

use bytes::Bytes;
use yumen_llm::dialects::{ALL, AnswerContext, Codec, Dialect, Operation, Tap, Target, codec, memory};
use yumen_llm::framing::Framing;
use yumen_llm::ir;
use yumen_llm::json::scan_object;

use crate::bytes::{frames, frames_in};

/// The nesting that the gateway allows to a request.
const DEPTH: usize = 128;

/// The dialects that speak of chats, whose requests can be said in one another.
fn chats() -> impl Iterator<Item = &'static dyn Codec> {
    ALL.into_iter().filter(|codec| codec.outline().operation == Operation::Chat)
}

/// Those that clients speak, in which every answer can be said.
fn clients() -> impl Iterator<Item = &'static dyn Codec> {
    chats().filter(|codec| codec.outline().clients)
}

pub(crate) fn openai_chat_request(data: &[u8]) {
    request(Dialect::OpenAiChat, data);
}

pub(crate) fn openai_chat_response(data: &[u8]) {
    response(Dialect::OpenAiChat, data);
}

pub(crate) fn openai_chat_stream(data: &[u8]) {
    stream(Dialect::OpenAiChat, data);
}

pub(crate) fn anthropic_request(data: &[u8]) {
    request(Dialect::AnthropicMessages, data);
}

pub(crate) fn anthropic_response(data: &[u8]) {
    response(Dialect::AnthropicMessages, data);
}

pub(crate) fn anthropic_stream(data: &[u8]) {
    stream(Dialect::AnthropicMessages, data);
}

pub(crate) fn openai_responses_request(data: &[u8]) {
    request(Dialect::OpenAiResponses, data);
}

pub(crate) fn openai_responses_response(data: &[u8]) {
    response(Dialect::OpenAiResponses, data);
    kept(data);
}

pub(crate) fn openai_responses_stream(data: &[u8]) {
    stream(Dialect::OpenAiResponses, data);
    kept(data);
}

/// Whatever was kept of a conversation, what goes on from it is JSON that the same dialect reads.
fn kept(data: &[u8]) {
    let turn = |input, response| memory::Turn { id: "resp_1", input, response };
    for turns in [[turn(data, b"{\"output\":[]}")], [turn(b"\"Hello\"", data)]] {
        if let Ok(input) = memory::continued(&turns, b"\"Hello\"") {
            assert_object(&[b"{\"input\":", &input[..], b"}"].concat(), "a conversation");
        }
        let _ = memory::input_items(&turns);
    }
    let events = Bytes::copy_from_slice(data);
    let last = events.slice(memory::last_event(&events)..);
    let told = memory::event_not_kept(&last);
    if let Some(response) = memory::ended_response(&told) {
        assert!(memory::ended_response(&last).is_some());
        assert_object(&response, "a response that is not kept");
    }
}

pub(crate) fn gemini_request(data: &[u8]) {
    request(Dialect::Gemini, data);
}

pub(crate) fn gemini_response(data: &[u8]) {
    response(Dialect::Gemini, data);
}

pub(crate) fn gemini_stream(data: &[u8]) {
    stream(Dialect::Gemini, data);
}

pub(crate) fn ollama_request(data: &[u8]) {
    request(Dialect::OllamaChat, data);
    request(Dialect::OllamaGenerate, data);
}

pub(crate) fn ollama_response(data: &[u8]) {
    response(Dialect::OllamaChat, data);
}

pub(crate) fn ollama_stream(data: &[u8]) {
    stream(Dialect::OllamaChat, data);
}

pub(crate) fn cohere_request(data: &[u8]) {
    request(Dialect::CohereChat, data);
}

pub(crate) fn cohere_response(data: &[u8]) {
    response(Dialect::CohereChat, data);
}

pub(crate) fn cohere_stream(data: &[u8]) {
    stream(Dialect::CohereChat, data);
}

pub(crate) fn bedrock_request(data: &[u8]) {
    request(Dialect::BedrockConverse, data);
}

pub(crate) fn bedrock_response(data: &[u8]) {
    response(Dialect::BedrockConverse, data);
}

/// Its events are given as server-sent ones, which random damage leaves readable; `event_stream` damages messages.
pub(crate) fn bedrock_stream(data: &[u8]) {
    stream(Dialect::BedrockConverse, data);
}

pub(crate) fn dashscope_response(data: &[u8]) {
    response(Dialect::DashScopeChat, data);
}

pub(crate) fn dashscope_stream(data: &[u8]) {
    stream(Dialect::DashScopeChat, data);
}

pub(crate) fn dify_response(data: &[u8]) {
    response(Dialect::DifyChat, data);
}

pub(crate) fn dify_stream(data: &[u8]) {
    stream(Dialect::DifyChat, data);
}

/// What is no stream is an error.
pub(crate) fn coze_response(data: &[u8]) {
    response(Dialect::CozeChat, data);
}

pub(crate) fn coze_stream(data: &[u8]) {
    stream(Dialect::CozeChat, data);
}

pub(crate) fn triton_response(data: &[u8]) {
    response(Dialect::TritonGenerate, data);
}

pub(crate) fn triton_stream(data: &[u8]) {
    stream(Dialect::TritonGenerate, data);
}

pub(crate) fn replicate_stream(data: &[u8]) {
    stream(Dialect::ReplicatePredictions, data);
}

pub(crate) fn replicate_response(data: &[u8]) {
    response(Dialect::ReplicatePredictions, data);
}

pub(crate) fn deepl_response(data: &[u8]) {
    response(Dialect::DeepLTranslate, data);
}

/// Vectors of Bedrock's and Vertex's, as clients of embeddings are told them.
pub(crate) fn embeddings_response(data: &[u8]) {
    for from in [Dialect::BedrockEmbeddings, Dialect::VertexEmbeddings] {
        codec(from).tap_response(data, &mut Tap::default());
        let Ok(response) = codec(from).decode_response(data) else { continue };
        for to in ALL.into_iter().filter(|to| to.outline().operation == Operation::Embeddings) {
            assert_object(&to.encode_response(&response, &context()), "answer");
        }
    }
}

/// What a dialect reads as a request, each dialect writes as JSON that it can read itself.
fn request(from: Dialect, data: &[u8]) {
    if scan_object(data, DEPTH).is_err() {
        return;
    }
    let Ok(request) = codec(from).decode_request(data) else { return };
    let target = Target { model: "native-model", max_output: Some(4096), ..Target::default() };
    for to in chats() {
        let Ok(encoded) = to.encode_request(&request, &target) else { continue };
        assert_object(&encoded.body, "request");
        to.is_second_form(&encoded.body);
        if !to.outline().clients {
            continue;
        }
        let again = to.decode_request(&encoded.body);
        assert!(again.is_ok(), "{:?} cannot read its own request: {again:?}", to.dialect());
    }
}

fn has_failed(response: &ir::Response) -> bool {
    let ir::Response::Chat(answer) = response else { return false };
    let mut ends = answer.choices.iter().filter_map(|choice| choice.finish.as_ref());
    ends.any(|finish| finish.reason == ir::FinishReason::Error)
}

/// The same for answers; and an error of any shape can be said.
fn response(from: Dialect, data: &[u8]) {
    let reader = codec(from);
    reader.tap_response(data, &mut Tap::default());
    assert!(reader.status_within(data).is_none_or(|status| (400..600).contains(&status)));
    let error = reader.decode_error(400, data);
    for to in clients() {
        assert_object(&to.encode_error(&error), "error");
        assert_frames(to, &to.encode_error_event(&error));
    }
    let Ok(response) = reader.decode_response(data) else { return };
    for to in clients() {
        let body = to.encode_response(&response, &context());
        assert_object(&body, "answer");
        // No provider answers in the AI SDK's protocol: nothing reads what is written in it.
        if to.dialect() == Dialect::AiSdk {
            continue;
        }
        let again = to.decode_response(&body);
        // An answer that has failed is none to those whose dialect says so.
        assert!(
            again.is_ok() || has_failed(&response),
            "{:?} cannot read its own answer: {again:?}",
            to.dialect()
        );
    }
}

/// Whatever an upstream streams, the client gets whole events, and its end.
fn stream(from: Dialect, data: &[u8]) {
    let reader = codec(from);
    let mut tap = Tap::default();
    let mut decoder = reader.stream_decoder();
    let mut events = Vec::new();
    // Damaged messages are no messages: those are given as the events that they are.
    let framing = match reader.outline().framing {
        Framing::AwsEventStream => Framing::Sse,
        framing => framing,
    };
    for frame in frames(framing, data, data.len().max(1)) {
        let Some(data) = frame.data else { continue };
        reader.tap_event(&frame.event, &data, &mut tap);
        if decoder.decode(&frame.event, &data, &mut events).is_err() {
            break;
        }
    }
    decoder.finish(&mut events);
    let mut gatherer = ir::Gatherer::default();
    events.iter().for_each(|event| gatherer.take(event.clone()));
    // Whoever has said an error or an end has an answer or none; nobody says neither.
    assert_ne!(gatherer.finish(), Err(ir::Ungathered::Unended));
    for to in clients() {
        assert_frames(to, &encode(to, &events, context()));
    }
    let array = AnswerContext { json_array: true, ..context() };
    let array = encode(codec(Dialect::Gemini), &events, array);
    let read: Result<Vec<&serde_json::value::RawValue>, _> = serde_json::from_slice(&array);
    assert!(read.is_ok_and(|elements| !elements.is_empty()), "{}", String::from_utf8_lossy(&array));
}

fn encode(to: &dyn Codec, events: &[ir::StreamEvent], context: AnswerContext) -> Vec<u8> {
    let mut encoder = to.stream_encoder(context);
    let mut out = Vec::new();
    for event in events {
        encoder.encode(event, &mut out);
    }
    encoder.finish(&mut out);
    out
}

fn own_tools() -> ir::OwnTools {
    let mut namespace = ir::Namespace { name: "mcp__gate".into(), ..ir::Namespace::default() };
    namespace.push("weather".into());
    ir::OwnTools { custom: vec!["apply_patch".into()], namespaces: vec![namespace] }
}

fn context() -> AnswerContext {
    AnswerContext {
        id: "gen-1".into(),
        model: "author/model".into(),
        created: 1,
        include_usage: true,
        own_tools: own_tools(),
        ..AnswerContext::default()
    }
}

#[track_caller]
fn assert_object(body: &[u8], what: &str) {
    let scanned = scan_object(body, usize::MAX);
    assert!(scanned.is_ok(), "the {what} is not JSON: {scanned:?} {}", String::from_utf8_lossy(body));
}

/// Every frame of a stream that we write is whole, and its data is JSON or the end mark.
#[track_caller]
fn assert_frames(to: &dyn Codec, stream: &[u8]) {
    let framing = to.outline().framing;
    let frames = frames_in(framing, stream);
    let whole = match framing {
        Framing::AwsEventStream => frames.iter().map(|frame| frame.raw.len()).sum::<usize>() == stream.len(),
        _ => stream.is_empty() || framing.lacking(stream).is_empty(),
    };
    assert!(whole, "the last frame is not whole");
    for frame in frames {
        if let Some(data) = frame.data.filter(|data| data != "[DONE]") {
            assert_object(&data, "event");
        }
    }
}
