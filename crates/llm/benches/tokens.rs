//! What counting tokens costs: a megabyte of prose and of what is made to be slow, and the unpacking of a vocabulary.
//!
//! In: nothing, or `--unpack` and `--count NAME` for callgrind. Out: Markdown, and failure where a bound is passed.
#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a measuring program ends where its ground gives way"
)]

mod measure;

use std::hint::black_box;
use std::process::ExitCode;

use yumen_llm::tokens::{self, Encoding};

const BYTES: usize = 1_000_000;
/// What counting a megabyte may cost, in milliseconds.
const MS_MOST: f64 = 50.0;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|word| word != "--bench").collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        // Cargo's tests start every bench once.
        ["--test", ..] => return ExitCode::SUCCESS,
        ["--unpack"] => {
            black_box(Encoding::O200k.count("a"));
            black_box(texts());
            return ExitCode::SUCCESS;
        }
        ["--count", name] => {
            black_box(Encoding::O200k.count("a"));
            let texts = texts();
            let (_, text) = texts.iter().find(|(other, _)| *other == name).expect("a text");
            black_box(Encoding::O200k.count(text));
            return ExitCode::SUCCESS;
        }
        _ => {}
    }
    let before = resident_kb();
    let unpacked: Vec<String> = [("o200k_base", Encoding::O200k), ("cl100k_base", Encoding::Cl100k)]
        .into_iter()
        .map(|(name, encoding)| {
            let held = resident_kb();
            let ms = measure::once_ns(|| _ = black_box(encoding.count("a"))) / 1_000_000;
            let kb = resident_kb().saturating_sub(held);
            format!("{name} {ms} ms and {:.1} MB", kb as f64 / 1024.0)
        })
        .collect();
    println!(
        "A vocabulary is unpacked once, when it is first asked for: {}. Before that nothing of it is",
        unpacked.join(", ")
    );
    println!(
        "held ({:.1} MB for this program). A megabyte each, in o200k_base; at most 50 ms:\n",
        before as f64 / 1024.0
    );
    println!(
        "| text | tokens | | ms | million instructions | ms for a limit of 1,000 | ms to estimate |\n|---|---:|---|---:|---:|---:|---:|"
    );
    let ready = measure::instructions(&["--unpack"]);
    let mut most = 0.0_f64;
    for (name, text) in texts() {
        let count = Encoding::O200k.count(&text);
        let ms = |work: &dyn Fn()| measure::shortest_ns(work) as f64 / 1e6;
        let whole = ms(&|| {
            black_box(Encoding::O200k.count(&text));
        });
        let limited = ms(&|| {
            black_box(Encoding::O200k.count_up_to(&text, 1000));
        });
        let estimated = ms(&|| {
            black_box(tokens::estimate(&text));
        });
        most = most.max(whole);
        let counted = measure::instructions(&["--count", name])
            .zip(ready)
            .map(|(all, ready)| all.saturating_sub(ready));
        let counted = counted.map(|all| (all / 1_000_000).to_string()).unwrap_or_default();
        let how = if count.is_exact { "exact" } else { "cut off, then estimated" };
        println!(
            "| {name} | {} | {how} | {whole:.1} | {counted} | {limited:.2} | {estimated:.2} |",
            count.tokens
        );
    }
    if most <= MS_MOST { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn resident_kb() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or_default()
}

fn texts() -> Vec<(&'static str, String)> {
    let mut state = 88_172_645_463_325_252_u64;
    let mut random = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    let repeat = |text: &str| text.repeat(BYTES / text.len());
    let mut filled = |make: &mut dyn FnMut(u64) -> Option<char>| {
        let mut text = String::with_capacity(BYTES);
        while text.len() < BYTES {
            text.extend(make(random() >> 11));
        }
        text
    };
    let from =
        |letters: &'static str| move |number: u64| letters.chars().nth(number as usize % letters.len());
    let prose =
        repeat("The caravan left the Jade Gate at dawn, and its guide said: \"keep the wall in sight\".\n");
    vec![
        ("prose", prose),
        ("Chinese", repeat("玉门关外，春风不度。商队从这里出发。")),
        ("one letter", repeat("a")),
        ("white space", repeat(" ")),
        ("ends of lines", repeat("\n")),
        ("runs of white space", repeat(&(" ".repeat(100) + "x"))),
        (
            "mixed white space",
            filled(&mut |number| {
                [' ', '\t', '\n', '\r', '\u{a0}', '\u{2003}'].get(number as usize % 6).copied()
            }),
        ),
        ("digits", repeat("1234567890")),
        ("a word without end", filled(&mut from("abcdefghijklmnopqrstuvwxyz"))),
        ("base64", filled(&mut from("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"))),
        ("random signs", filled(&mut |number| char::from_u32(u32::try_from(0x20 + number % 95).ok()?))),
        ("pictures", repeat("😀👩\u{200d}👩\u{200d}👧\u{200d}👦🏳\u{fe0f}\u{200d}🌈")),
        ("random characters", filled(&mut |number| char::from_u32(u32::try_from(number % 0x11_0000).ok()?))),
        ("marks", repeat("a\u{301}\u{302}")),
    ]
}
