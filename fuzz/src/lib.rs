//! Invariants of the decoders under damaged input.
//!
//! Each target is one function that takes any bytes and panics when an invariant breaks. In: the seeds in
//! `seeds/<target>`, which [`Fuzzer`] damages at random. Out: the number of executions, or the input that broke
//! something. Nothing here needs a special toolchain: `tests/bounded.rs` runs every target for a fixed number of
//! inputs, the binary for as long as it is asked to.

mod bytes;
mod config;
mod dialects;
mod egress;
mod healing;
mod media;
mod mutate;
mod words;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::{fs, io};

pub use mutate::Mutator;
use words::{
    BEDROCK, BROKEN, CHAT, COHERE, FORM, GEMINI, JSON, MEDIA, MESSAGES, OLLAMA, PASSING, PROVIDERS_ONLY,
    REALTIME, RESPONSES, SSE, TEXT, VALUES, YAML,
};

/// One thing to fuzz.
#[derive(Debug, Clone, Copy)]
pub struct Target {
    /// Its name, and that of its folder of seeds.
    pub name: &'static str,
    /// Takes any bytes; panics when an invariant breaks.
    pub run: fn(&[u8]),
    /// Words that its input is made of.
    pub words: &'static [&'static [&'static str]],
}

/// Every target, one line each.
pub const TARGETS: &[Target] = &[
    Target { name: "scan", run: bytes::scan, words: &[JSON] },
    Target { name: "splice", run: bytes::splice, words: &[JSON] },
    Target { name: "sse", run: bytes::sse, words: &[SSE] },
    Target { name: "lines", run: bytes::lines, words: &[SSE] },
    Target { name: "multipart", run: bytes::multipart, words: &[FORM] },
    Target { name: "passing", run: bytes::passing, words: &[PASSING] },
    Target { name: "media", run: media::media, words: &[VALUES, MEDIA] },
    Target { name: "realtime", run: bytes::realtime, words: &[JSON, REALTIME] },
    Target { name: "openai_chat_request", run: dialects::openai_chat_request, words: &[VALUES, CHAT] },
    Target { name: "openai_chat_response", run: dialects::openai_chat_response, words: &[VALUES, CHAT] },
    Target { name: "openai_chat_stream", run: dialects::openai_chat_stream, words: &[VALUES, CHAT] },
    Target {
        name: "openai_responses_request",
        run: dialects::openai_responses_request,
        words: &[VALUES, RESPONSES],
    },
    Target {
        name: "openai_responses_response",
        run: dialects::openai_responses_response,
        words: &[VALUES, RESPONSES],
    },
    Target {
        name: "openai_responses_stream",
        run: dialects::openai_responses_stream,
        words: &[VALUES, RESPONSES],
    },
    Target { name: "anthropic_request", run: dialects::anthropic_request, words: &[VALUES, CHAT] },
    Target { name: "anthropic_response", run: dialects::anthropic_response, words: &[VALUES, CHAT] },
    Target { name: "anthropic_stream", run: dialects::anthropic_stream, words: &[VALUES, CHAT] },
    Target { name: "gemini_request", run: dialects::gemini_request, words: &[VALUES, GEMINI] },
    Target { name: "gemini_response", run: dialects::gemini_response, words: &[VALUES, GEMINI] },
    Target { name: "gemini_stream", run: dialects::gemini_stream, words: &[VALUES, GEMINI] },
    Target { name: "ollama_request", run: dialects::ollama_request, words: &[VALUES, OLLAMA] },
    Target { name: "ollama_response", run: dialects::ollama_response, words: &[VALUES, OLLAMA] },
    Target { name: "ollama_stream", run: dialects::ollama_stream, words: &[VALUES, OLLAMA] },
    Target { name: "cohere_request", run: dialects::cohere_request, words: &[VALUES, COHERE] },
    Target { name: "cohere_response", run: dialects::cohere_response, words: &[VALUES, COHERE] },
    Target { name: "cohere_stream", run: dialects::cohere_stream, words: &[VALUES, COHERE] },
    Target { name: "bedrock_request", run: dialects::bedrock_request, words: &[VALUES, BEDROCK] },
    Target { name: "bedrock_response", run: dialects::bedrock_response, words: &[VALUES, BEDROCK] },
    Target { name: "bedrock_stream", run: dialects::bedrock_stream, words: &[VALUES, BEDROCK] },
    Target {
        name: "dashscope_response",
        run: dialects::dashscope_response,
        words: &[VALUES, PROVIDERS_ONLY],
    },
    Target { name: "dashscope_stream", run: dialects::dashscope_stream, words: &[VALUES, PROVIDERS_ONLY] },
    Target { name: "dify_response", run: dialects::dify_response, words: &[VALUES, PROVIDERS_ONLY] },
    Target { name: "dify_stream", run: dialects::dify_stream, words: &[VALUES, PROVIDERS_ONLY] },
    Target { name: "coze_response", run: dialects::coze_response, words: &[VALUES, PROVIDERS_ONLY] },
    Target { name: "coze_stream", run: dialects::coze_stream, words: &[VALUES, PROVIDERS_ONLY] },
    Target { name: "triton_response", run: dialects::triton_response, words: &[VALUES, PROVIDERS_ONLY] },
    Target { name: "triton_stream", run: dialects::triton_stream, words: &[VALUES, PROVIDERS_ONLY] },
    Target {
        name: "replicate_response",
        run: dialects::replicate_response,
        words: &[VALUES, PROVIDERS_ONLY],
    },
    Target {
        name: "replicate_stream",
        run: dialects::replicate_stream,
        words: &[SSE, VALUES, PROVIDERS_ONLY],
    },
    Target { name: "deepl_response", run: dialects::deepl_response, words: &[VALUES, PROVIDERS_ONLY] },
    Target {
        name: "embeddings_response",
        run: dialects::embeddings_response,
        words: &[VALUES, PROVIDERS_ONLY],
    },
    Target { name: "event_stream", run: bytes::event_stream, words: &[MESSAGES] },
    Target { name: "tokens", run: bytes::tokens, words: &[TEXT] },
    Target { name: "catalogue_update", run: config::catalogue_update, words: &[JSON] },
    Target { name: "healing", run: healing::healing, words: &[JSON, BROKEN] },
    Target { name: "egress", run: egress::egress, words: &[egress::ADDRESSES] },
    Target { name: "config", run: config::config, words: &[YAML] },
];

/// An input that broke a target.
#[derive(Debug)]
pub struct Broken {
    /// The input.
    pub input: Vec<u8>,
    /// What the target said.
    pub message: String,
}

/// Runs `target` on its seeds as they are, and then on damaged ones for as long as `go_on`, which is told the
/// number of executions. The same `seed` gives the same inputs.
pub fn fuzz(
    target: &Target,
    seed: u64,
    mut go_on: impl FnMut(u64) -> bool,
) -> io::Result<Result<u64, Broken>> {
    let seeds = seeds(target)?;
    let mut executions = 0;
    for input in &seeds {
        if let Err(broken) = execute(target, input) {
            return Ok(Err(broken));
        }
        executions += 1;
    }
    let mut mutator = Mutator::new(seeds, target.words, seed);
    while go_on(executions) {
        if let Err(broken) = execute(target, mutator.next_input()) {
            return Ok(Err(broken));
        }
        executions += 1;
    }
    Ok(Ok(executions))
}

fn execute(target: &Target, input: &[u8]) -> Result<(), Broken> {
    catch_unwind(AssertUnwindSafe(|| (target.run)(input))).map_err(|payload| {
        let text = payload.downcast_ref::<String>().map(String::as_str);
        let message = text.or(payload.downcast_ref::<&str>().copied()).unwrap_or_default().to_owned();
        Broken { input: input.to_vec(), message }
    })
}

/// A folder of this crate.
pub fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

/// The target's seeds in the order of their names, so that runs can be repeated.
fn seeds(target: &Target) -> io::Result<Vec<Vec<u8>>> {
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder("seeds").join(target.name))? {
        paths.push(entry?.path());
    }
    paths.sort();
    paths.iter().map(fs::read).collect()
}
