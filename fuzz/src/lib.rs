//! Invariants of the decoders under damaged input.
//!
//! Each target is one function that takes any bytes and panics when an invariant breaks. In: the seeds in
//! `seeds/<target>`, which [`Fuzzer`] damages at random. Out: the number of executions, or the input that broke
//! something. Nothing here needs a special toolchain: `tests/bounded.rs` runs every target for a fixed number of
//! inputs, the binary for as long as it is asked to.

mod bytes;
mod config;
mod dialects;
mod mutate;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::{fs, io};

pub use mutate::Mutator;

/// One thing to fuzz.
#[derive(Debug, Clone, Copy)]
pub struct Target {
    /// Its name, and that of its folder of seeds.
    pub name: &'static str,
    /// Takes any bytes; panics when an invariant breaks.
    pub run: fn(&[u8]),
    /// Words that its input is made of.
    pub words: &'static [&'static str],
}

/// Every target, one line each.
pub const TARGETS: &[Target] = &[
    Target { name: "scan", run: bytes::scan, words: JSON },
    Target { name: "splice", run: bytes::splice, words: JSON },
    Target { name: "sse", run: bytes::sse, words: SSE },
    Target { name: "lines", run: bytes::lines, words: SSE },
    Target { name: "multipart", run: bytes::multipart, words: FORM },
    Target { name: "passing", run: bytes::passing, words: PASSING },
    Target { name: "openai_chat_request", run: dialects::openai_chat_request, words: CHAT },
    Target { name: "openai_chat_response", run: dialects::openai_chat_response, words: CHAT },
    Target { name: "openai_chat_stream", run: dialects::openai_chat_stream, words: CHAT },
    Target { name: "openai_responses_request", run: dialects::openai_responses_request, words: RESPONSES },
    Target { name: "openai_responses_response", run: dialects::openai_responses_response, words: RESPONSES },
    Target { name: "openai_responses_stream", run: dialects::openai_responses_stream, words: RESPONSES },
    Target { name: "anthropic_request", run: dialects::anthropic_request, words: CHAT },
    Target { name: "anthropic_response", run: dialects::anthropic_response, words: CHAT },
    Target { name: "anthropic_stream", run: dialects::anthropic_stream, words: CHAT },
    Target { name: "gemini_request", run: dialects::gemini_request, words: GEMINI },
    Target { name: "gemini_response", run: dialects::gemini_response, words: GEMINI },
    Target { name: "gemini_stream", run: dialects::gemini_stream, words: GEMINI },
    Target { name: "ollama_request", run: dialects::ollama_request, words: OLLAMA },
    Target { name: "ollama_response", run: dialects::ollama_response, words: OLLAMA },
    Target { name: "ollama_stream", run: dialects::ollama_stream, words: OLLAMA },
    Target { name: "cohere_request", run: dialects::cohere_request, words: COHERE },
    Target { name: "cohere_response", run: dialects::cohere_response, words: COHERE },
    Target { name: "cohere_stream", run: dialects::cohere_stream, words: COHERE },
    Target { name: "bedrock_request", run: dialects::bedrock_request, words: BEDROCK },
    Target { name: "bedrock_response", run: dialects::bedrock_response, words: BEDROCK },
    Target { name: "bedrock_stream", run: dialects::bedrock_stream, words: BEDROCK },
    Target { name: "event_stream", run: bytes::event_stream, words: MESSAGES },
    Target { name: "config", run: config::config, words: YAML },
];

const FORM: &[&str] = &[
    "--b1",
    "--b1--",
    "\r\n",
    "\n",
    "\r",
    "Content-Disposition: form-data; ",
    "Content-Type: text/plain; charset=utf-16",
    "Content-Transfer-Encoding: base64",
    "name=\"model\"",
    "name=\"Model[]\"",
    "name*=utf-8\'\'model",
    "filename=\"f\"",
    "name=\"m%6Fdel\"",
    "\"",
    ";",
    "\\",
];
const PASSING: &[&str] = &[
    "{",
    "}",
    "[",
    "]",
    ",",
    "\"",
    "\\",
    "\"data\":[",
    "\"usage\":{",
    "\"seconds\":",
    "\"duration\":",
    "\"type\":\"speech.audio.done\"",
    "99999999999999999999",
    "0.00049999",
    "\"search_units\":1",
    "\"error\":{",
];
const JSON: &[&str] = &[
    "{",
    "}",
    "[",
    "]",
    ":",
    ",",
    "\"",
    "\\",
    "\\\"",
    "\\u00e9",
    "\\ud83d\\ude00",
    "\\ud800",
    "null",
    "true",
    "false",
    "0",
    "-",
    "1e5",
    "1e400",
    ".5",
    "{}",
    "[]",
    "\"\"",
    "\"a\":",
    "\"model\":",
    "\"mod\\u0065l\":",
    "\"Model\":",
    ",\"model\":1",
    "\n",
    "\t",
    " ",
    "\0",
    "\u{7f}",
    "é",
    "玉",
    "😀",
    "\u{17f}",
];
const SSE: &[&str] =
    &["\n", "\r", "\r\n", "\n\n", "\r\r", "data:", "data: ", "event: ", "id: ", "retry: ", ":", "\u{feff}"];
const MESSAGES: &[&str] = &[
    "\0",
    "\0\0",
    "\0\0\0",
    "\u{7}",
    "\u{6}",
    "\u{9}",
    "\r:message-type",
    "\u{b}:event-type",
    "\u{f}:exception-type",
    "\u{b}:error-code",
    "\u{7}\0\u{5}event",
    "\u{7}\0\u{9}exception",
    "\u{7}\0\u{5}error",
    "\u{7}\0\u{5}chunk",
    "{\"bytes\":\"e30=\"}",
    "{\"message\":\"a\"}",
];
const BEDROCK: &[&str] = &[
    "null",
    "true",
    "-1",
    "1e99",
    "18446744073709551616",
    "{}",
    "[]",
    "\"\"",
    "[null]",
    "[{}]",
    "{\"text\":\"a\"}",
    "\"user\"",
    "\"assistant\"",
    "\"content\":",
    "\"image\":",
    "\"document\":",
    "\"audio\":",
    "\"source\":",
    "\"bytes\":",
    "\"s3Location\":",
    "\"cachePoint\":",
    "\"toolUse\":",
    "\"toolUseId\":",
    "\"toolResult\":",
    "\"reasoningContent\":",
    "\"reasoningText\":",
    "\"redactedContent\":",
    "\"signature\":",
    "\"inferenceConfig\":",
    "\"toolConfig\":",
    "\"toolChoice\":",
    "\"additionalModelRequestFields\":",
    "\"thinking\":",
    "\"outputConfig\":",
    "\"contentBlockIndex\":",
    "\"delta\":",
    "\"start\":",
    "\"stopReason\":",
    "\"tool_use\"",
    "\"usage\":",
    "\"cacheDetails\":",
    "event: contentBlockStart\n",
    "event: contentBlockDelta\n",
    "event: contentBlockStop\n",
    "event: messageStop\n",
    "event: metadata\n",
    "event: error\n",
    "data: ",
    "\n\n",
];
const CHAT: &[&str] = &[
    "null",
    "true",
    "false",
    "0",
    "-1",
    "1.5",
    "18446744073709551616",
    "1e99",
    "{}",
    "[]",
    "\"\"",
    "[null]",
    "[{}]",
    "{\"type\":\"text\",\"text\":\"a\"}",
    "\"user\"",
    "\"assistant\"",
    "\"tool\"",
    "\"system\"",
    "\"developer\"",
    "\"type\":",
    "\"content\":",
    "\"text\"",
    "\"tool_use\"",
    "\"tool_result\"",
    "\"thinking\"",
    "\"image\"",
    "\"input_json_delta\"",
    "\"tool_calls\":",
    "\"function\":",
    "\"arguments\":",
    "\"usage\":",
    "\"index\":",
    "\"id\":",
    "\"delta\":",
    "\"finish_reason\":",
    "\"stop_reason\":",
    "\"error\":",
    "data: ",
    "\n\n",
    "event: error\n",
    "[DONE]",
];
const RESPONSES: &[&str] = &[
    "null",
    "true",
    "-1",
    "1.5",
    "18446744073709551616",
    "{}",
    "[]",
    "\"\"",
    "[null]",
    "[{}]",
    "\"type\":",
    "\"message\"",
    "\"reasoning\"",
    "\"function_call\"",
    "\"function_call_output\"",
    "\"custom_tool_call\"",
    "\"item_reference\"",
    "\"web_search_call\"",
    "\"input_text\"",
    "\"output_text\"",
    "\"refusal\"",
    "\"summary\":",
    "\"encrypted_content\":",
    "\"yumen-sealed:anthropic-claude-v1:redacted:x\"",
    "\"custom\"",
    "\"call_id\":",
    "\"output_index\":",
    "\"content_index\":",
    "\"item_id\":",
    "\"delta\":",
    "\"arguments\":",
    "\"logprobs\":[{}]",
    "\"usage\":",
    "\"incomplete_details\":",
    "\"error\":",
    "response.created",
    "response.output_item.added",
    "response.output_item.done",
    "response.output_text.delta",
    "response.output_text.done",
    "response.reasoning_summary_text.delta",
    "response.function_call_arguments.delta",
    "response.function_call_arguments.done",
    "response.custom_tool_call_input.delta",
    "response.completed",
    "response.failed",
    "data: ",
    "event: error\n",
    "\n\n",
];
const GEMINI: &[&str] = &[
    "null",
    "true",
    "0",
    "-1",
    "1.5",
    "1e99",
    "{}",
    "[]",
    "\"\"",
    "[null]",
    "[{}]",
    "{\"text\":\"a\"}",
    "\"user\"",
    "\"model\"",
    "\"function\"",
    "\"role\":",
    "\"parts\":",
    "\"text\":",
    "\"thought\":true,",
    "\"thoughtSignature\":\"c2ln\",",
    "\"thought_signature\":",
    "\"functionCall\":",
    "\"functionResponse\":",
    "\"inlineData\":",
    "\"fileData\":",
    "\"executableCode\":{},",
    "\"args\":",
    "\"id\":",
    "\"name\":\"f\",",
    "\"nullable\":true,",
    "\"type\":\"STRING\",",
    "\"$ref\":\"#/$defs/A\",",
    "\"finishReason\":\"STOP\",",
    "\"promptFeedback\":{\"blockReason\":\"OTHER\"},",
    "\"usageMetadata\":",
    "\"index\":1,",
    "\"error\":",
    "data: ",
    "\n\n",
];
const OLLAMA: &[&str] = &[
    "null",
    "true",
    "false",
    "0",
    "-1",
    "1.5",
    "1e99",
    "{}",
    "[]",
    "\"\"",
    "[null]",
    "[{}]",
    "\"user\"",
    "\"assistant\"",
    "\"tool\"",
    "\"role\":",
    "\"content\":",
    "\"thinking\":",
    "\"images\":[\"iVBORw0KGgo\"],",
    "\"tool_calls\":",
    "\"function\":",
    "\"arguments\":",
    "\"name\":\"f\",",
    "\"id\":",
    "\"tool_name\":\"f\",",
    "\"options\":",
    "\"num_predict\":",
    "\"stop\":",
    "\"format\":\"json\",",
    "\"think\":",
    "\"message\":",
    "\"response\":",
    "\"done\":true,",
    "\"done_reason\":\"length\",",
    "\"prompt_eval_count\":",
    "\"error\":",
    "\n",
    "\r\n",
];
const COHERE: &[&str] = &[
    "null",
    "true",
    "0",
    "-1",
    "1.5",
    "1e99",
    "{}",
    "[]",
    "\"\"",
    "[null]",
    "[{}]",
    "\"user\"",
    "\"assistant\"",
    "\"tool\"",
    "\"role\":",
    "\"content\":",
    "\"type\":\"thinking\",",
    "\"type\":\"text\",",
    "\"tool_plan\":",
    "\"tool_calls\":",
    "\"tool_call_id\":",
    "\"function\":",
    "\"arguments\":",
    "\"thinking\":",
    "\"message\":",
    "\"delta\":",
    "\"index\":1,",
    "\"error\":",
    "\"finish_reason\":\"TIMEOUT\",",
    "\"billed_units\":",
    "\"type\":\"message-end\",",
    "\"type\":\"tool-call-start\",",
    "\"type\":\"content-delta\",",
    "data: ",
    "\n\n",
];
const YAML: &[&str] = &[
    "\n",
    "\n  ",
    "\n    - ",
    ": ",
    "- ",
    "{",
    "}",
    "[",
    "]",
    ",",
    "\"",
    "'",
    "#",
    "&a ",
    "*a",
    "!!str ",
    "|\n",
    "?",
    "${",
    "${NAME}",
    "${NAME:-x}",
    "gateway",
    "providers",
    "models",
    "keys",
    "deployments",
    "null",
    "~",
    "0x10",
    "1e9",
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
