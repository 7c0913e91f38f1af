//! What conversion between dialects costs: each event of a stream, and a request of 100 KB, for each pair of a client and an
//! upstream that differ.
//!
//! In: nothing, or `--once CLIENT UPSTREAM` to convert one stream for callgrind. Out: Markdown, and failure where a bound is
//! passed. Streams and requests are written by the dialects' own encoders, so that all say the same.
#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a measuring program ends where its ground gives way"
)]

mod measure;

use std::hint::black_box;
use std::process::ExitCode;

use bytes::Bytes;
use yumen_llm::dialects::{AnswerContext, Dialect, Target, Thinking, codec};
use yumen_llm::framing::Framer;
use yumen_llm::ir::{
    Chat, Content, Finish, FinishReason, Json, Message, Part, Request, Role, Start, StreamEvent, Tool,
};
use yumen_llm::usage::Usage;

const DIALECTS: [Dialect; 7] = [
    Dialect::OpenAiChat,
    Dialect::OpenAiResponses,
    Dialect::AnthropicMessages,
    Dialect::Gemini,
    Dialect::BedrockConverse,
    Dialect::OllamaChat,
    Dialect::CohereChat,
];
/// What an event of a stream may cost, in nanoseconds.
const EVENT_NS_MOST: f64 = 20_000.0;
/// What a request of 100 KB may.
const REQUEST_NS_MOST: f64 = 2_000_000.0;
const REQUEST_BYTES: usize = 100_000;
/// How often a stream is converted in one run under callgrind.
const TIMES: usize = 20;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|word| word != "--bench").collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        // Cargo's tests start every bench once.
        ["--test", ..] => ExitCode::SUCCESS,
        ["--once", client, upstream] => {
            let find = |name| DIALECTS.into_iter().find(|dialect| codec(*dialect).outline().name == name);
            once(find(client), find(upstream).expect("a dialect"));
            ExitCode::SUCCESS
        }
        _ => table(),
    }
}

/// One stream as its upstream sends it, read in pieces as a network gives them.
struct Stream {
    from: Dialect,
    pieces: Vec<Bytes>,
    events: usize,
}

impl Stream {
    fn of(from: Dialect) -> Self {
        let mut encoder = codec(from).stream_encoder(context());
        let (mut wire, mut pieces) = (Vec::new(), Vec::new());
        for step in steps() {
            encoder.encode(&step, &mut wire);
            if !wire.is_empty() {
                pieces.push(Bytes::from(std::mem::take(&mut wire)));
            }
        }
        encoder.finish(&mut wire);
        pieces.push(wire.into());
        let mut stream = Self { from, pieces, events: 0 };
        stream.events = stream.convert(None);
        stream
    }

    /// Reads the stream and says it to a client, or only reads its frames; how many there were.
    fn convert(&self, to: Option<Dialect>) -> usize {
        let mut framer = Framer::new(codec(self.from).outline().framing, 1 << 20);
        let mut ends = to.map(|to| (codec(self.from).stream_decoder(), codec(to).stream_encoder(context())));
        let (mut steps, mut out, mut events) = (Vec::new(), Vec::new(), 0);
        for piece in &self.pieces {
            framer.push(piece.clone());
            while let Some(frame) = framer.next_frame().expect("within the limit") {
                events += 1;
                if let (Some((decoder, encoder)), Some(data)) = (&mut ends, &frame.data) {
                    decoder.decode(&frame.event, data, &mut steps).expect("a readable stream");
                    steps.drain(..).for_each(|step| encoder.encode(&step, &mut out));
                }
            }
            black_box(&out);
            out.clear();
        }
        if let Some((mut decoder, mut encoder)) = ends {
            decoder.finish(&mut steps);
            steps.drain(..).for_each(|step| encoder.encode(&step, &mut out));
            encoder.finish(&mut out);
        }
        events
    }
}

/// Converts some streams, or only makes one ready.
fn once(client: Option<Dialect>, upstream: Dialect) {
    let stream = Stream::of(upstream);
    if let Some(client) = client {
        (0..TIMES).for_each(|_| {
            black_box(stream.convert(Some(client)));
        });
    }
}

fn table() -> ExitCode {
    let mut most = (0.0_f64, 0.0_f64);
    let streams = DIALECTS.map(Stream::of);
    print(
        "Nanoseconds for each event of a stream (clients in rows, upstreams in columns; at most 20,000):",
        |client, column| {
            let stream = &streams[column];
            let ns = measure::shortest_ns(|| {
                black_box(stream.convert(Some(client)));
            });
            let each = ns as f64 / stream.events as f64;
            most.0 = most.0.max(each);
            Some(format!("{each:.0}"))
        },
    );
    let ready =
        DIALECTS.map(|dialect| measure::instructions(&["--once", "-", codec(dialect).outline().name]));
    print("Instructions for each event, as callgrind counts them:", |client, column| {
        let stream = &streams[column];
        let words = ["--once", codec(client).outline().name, codec(stream.from).outline().name];
        let all = measure::instructions(&words)?.checked_sub(ready[column]?)?;
        Some((all / (TIMES * stream.events) as u64).to_string())
    });
    print("Milliseconds for a request of 100 KB, read and written (at most 2):", |client, column| {
        let body = request(client);
        let target =
            Target { model: "m", max_output: Some(8192), thinking: Thinking::Budget, ..Target::default() };
        let ns = measure::shortest_ns(|| {
            let request = codec(client).decode_request(&body).expect("a request");
            black_box(codec(DIALECTS[column]).encode_request(&request, &target).expect("a request"));
        }) as f64;
        most.1 = most.1.max(ns);
        Some(format!("{:.2}", ns / 1e6))
    });
    match most.0 <= EVENT_NS_MOST && most.1 <= REQUEST_NS_MOST {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    }
}

/// A table of all pairs that differ.
fn print(title: &str, mut cell: impl FnMut(Dialect, usize) -> Option<String>) {
    let names = DIALECTS.map(|dialect| codec(dialect).outline().name);
    println!("{title}\n\n| | {} |\n|---|{}", names.join(" | "), "---:|".repeat(names.len()));
    for client in DIALECTS {
        let cells = DIALECTS.iter().enumerate().map(|(column, upstream)| match *upstream == client {
            true => String::new(),
            false => cell(client, column).unwrap_or_default(),
        });
        println!("| {} | {} |", codec(client).outline().name, cells.collect::<Vec<_>>().join(" | "));
    }
    println!();
}

fn context() -> AnswerContext {
    AnswerContext {
        id: "gen-1".to_owned(),
        model: "smart".to_owned(),
        include_usage: true,
        ..AnswerContext::default()
    }
}

/// Forty pieces of reasoning, a hundred of text and a call with its arguments in forty.
fn steps() -> Vec<StreamEvent> {
    let mut steps =
        vec![StreamEvent::Start(Box::new(Start { id: Some("answer-1".into()), ..Start::default() }))];
    let words = ["The", " caravan", " left", " the", " Jade", " Gate", " at", " dawn,", " \"west\"", ".\n"];
    let piece = |at: usize| words[at % words.len()].to_owned();
    steps.extend((0..40).map(|at| StreamEvent::Thinking { choice: 0, text: piece(at) }));
    steps.extend((0..100).map(|at| StreamEvent::Text { choice: 0, text: piece(at), logprobs: None }));
    let (choice, call) = (0, 0);
    steps.push(StreamEvent::ToolCallStart { choice, call, id: "call-1".into(), name: "travel".into() });
    let arguments = format!("{{\"way\":\"{}\"}}", "west by the wall, ".repeat(20));
    let pieces = arguments.as_bytes().chunks(10).map(|piece| String::from_utf8_lossy(piece).into_owned());
    steps.extend(pieces.map(|arguments| StreamEvent::ToolCallArguments { choice, call, arguments }));
    steps.push(StreamEvent::PartEnd { choice });
    let finish = Finish { reason: FinishReason::ToolCalls, ..Finish::default() };
    steps.push(StreamEvent::Finish { choice, finish });
    steps.push(StreamEvent::Usage(Usage { input: 1200, output: 190, reasoning: 40, ..Usage::default() }));
    steps.push(StreamEvent::End);
    steps
}

/// A request of about 100 KB as a client of this dialect sends it: a conversation with calls, results and tools.
fn request(client: Dialect) -> Vec<u8> {
    let text = "The caravan left the Jade Gate at dawn, and its guide said: \"keep the wall in sight\".\n";
    let turn = |role, content| Message { role, parts: vec![Part::new(content)], name: None };
    let mut messages = vec![turn(Role::System, Content::Text(text.repeat(10)))];
    let schema = r#"{"type":"object","properties":{"way":{"type":"string","description":"Where to"},"days":{"type":"integer"}},"required":["way"]}"#;
    let tools = (0..20).map(|number| Tool::Function {
        name: format!("travel_{number}"),
        description: Some(text.repeat(2)),
        parameters: Json::parse(schema),
        strict: None,
        cache_control: None,
    });
    for round in 0.. {
        let (id, name) = (format!("call-{round}"), format!("travel_{}", round % 20));
        messages.push(turn(Role::User, Content::Text(text.repeat(8))));
        let arguments = r#"{"way":"west","days":3}"#.to_owned();
        messages.push(turn(Role::Assistant, Content::ToolCall { id: id.clone(), name, arguments }));
        let parts = vec![Part::text(text.repeat(12))];
        messages.push(turn(Role::Tool, Content::ToolResult { id, parts, is_error: false }));
        messages.push(turn(Role::Assistant, Content::Text(text.repeat(4))));
        let chat = Chat {
            model: "m".into(),
            messages: messages.clone(),
            tools: tools.clone().collect(),
            ..Chat::default()
        };
        let request = Request::Chat(Box::new(Chat { max_tokens: Some(4096), ..chat }));
        let target = Target { model: "m", max_output: None, thinking: Thinking::Budget, ..Target::default() };
        let body = codec(client).encode_request(&request, &target).expect("a request").body;
        if body.len() >= REQUEST_BYTES {
            return body;
        }
    }
    Vec::new()
}
