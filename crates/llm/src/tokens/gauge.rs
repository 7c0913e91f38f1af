//! How to tell a model's tokens: by which vocabulary, or at which ratio.
//!
//! In: a model's name, and texts or requests. Out: counts where the vocabulary is public, estimates elsewhere. It knows models
//! only by what their names say; what providers report corrects it outside of this crate, which keeps no state.
//!
//! The ratios are between the estimate of [`super::estimate`] and what these vocabularies make of the same texts (prose in
//! English 40 %, source code 30 %, JSON 15 %, Chinese 5 %, Spanish 4 %, Japanese, Russian and other 3 % each): Gemma 3's
//! for Gemini, which shares it; Qwen 3's, Llama 3's, DeepSeek V3's and V4's, Mistral's tekken; Claude 2's for Claude,
//! whose later ones are not public, and 30 % more, as Anthropic's page on token counting states, since Opus 4.7.

use super::encoding::{Count, Counter, Encoding};
use super::{DATA_TOKENS, OBJECT_TOKENS, estimate, estimate_json};
use crate::ir::{Chat, Content, EmbeddingInput, Message, Part, Prompt, Request, Source, Tool};

/// How a model's tokens are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gauge {
    /// Its vocabulary, where it is public.
    pub encoding: Option<Encoding>,
    /// Of a hundred estimated tokens it makes so many.
    pub percent: u16,
}

/// What a conversation begins the answer with.
const PRIMING_TOKENS: u64 = 3;

const O200K: Gauge = Gauge { encoding: Some(Encoding::O200k), percent: 90 };
const CL100K: Gauge = Gauge { encoding: Some(Encoding::Cl100k), percent: 94 };
const UNKNOWN: Gauge = by(95);

const fn by(percent: u16) -> Gauge {
    Gauge { encoding: None, percent }
}

/// What a model's name begins with; the first that fits holds.
const OPENAI: &[(&str, Gauge)] = &[
    ("gpt-4o", O200K),
    ("gpt-4.1", O200K),
    ("gpt-4.5", O200K),
    ("gpt-4", CL100K),
    ("gpt-3.5", CL100K),
    ("gpt-35", CL100K),
    ("gpt-5", O200K),
    ("gpt-oss", O200K),
    ("chatgpt-4o", O200K),
    // Of later ones it is not published; it is taken for the likeliest, and what is told is said to be estimated.
    ("gpt-", by(90)),
    ("o1", O200K),
    ("o3", O200K),
    ("o4-mini", O200K),
    ("text-embedding-3-", CL100K),
    ("text-embedding-ada-002", CL100K),
    ("davinci-002", CL100K),
    ("babbage-002", CL100K),
];

/// What a model's name contains; the first that fits holds. A distilled model has the vocabulary of the one that it was
/// made from, which its name says too.
const FAMILIES: &[(&str, Gauge)] = &[
    ("qwen", by(91)),
    ("qwq", by(91)),
    ("llama", by(91)),
    ("deepseek", by(93)),
    ("gemini", by(97)),
    ("gemma", by(97)),
    ("mistral", by(95)),
    ("mixtral", by(95)),
    ("ministral", by(95)),
    ("magistral", by(95)),
    ("codestral", by(95)),
    ("devstral", by(95)),
    ("pixtral", by(95)),
    ("voxtral", by(95)),
];

/// Claude since its newer vocabulary, and before.
const CLAUDE: Gauge = by(131);
const OLDER_CLAUDE: Gauge = by(101);
/// What names of the older begin with, behind `claude-`.
const OLDER_CLAUDES: &[&str] =
    &["2", "3", "instant", "v2", "opus-4-0", "opus-4-1", "opus-4-5", "opus-4-6", "sonnet-4", "haiku-4"];

impl Gauge {
    /// How the tokens of a model are told, by a name of it: `author/slug` or a provider's own.
    pub fn of(model: &str) -> Self {
        let name = model.rsplit('/').next().unwrap_or(model).to_ascii_lowercase();
        let name = name.strip_prefix("ft:").unwrap_or(&name);
        // Some providers write the author before a point.
        let plain = name.strip_prefix("openai.").unwrap_or(name);
        let begins = |(start, _): &&(&str, Self)| {
            plain.strip_prefix(*start).is_some_and(|rest| is_end(rest) || start.ends_with('-'))
        };
        if let Some((_, gauge)) = OPENAI.iter().find(begins) {
            return *gauge;
        }
        if let Some((_, version)) = name.split_once("claude") {
            let version = version.trim_start_matches(['-', ':']).replace('.', "-");
            let version = version.replace('@', "-");
            let is_older = version == "opus-4"
                || version.starts_with("opus-4-2025")
                || OLDER_CLAUDES.iter().any(|start| version.strip_prefix(start).is_some_and(is_end));
            return if is_older { OLDER_CLAUDE } else { CLAUDE };
        }
        FAMILIES.iter().find(|(part, _)| name.contains(part)).map_or(UNKNOWN, |(_, gauge)| *gauge)
    }

    /// About how many tokens a request's body is, without a vocabulary: for every request.
    pub fn estimate_json(self, body: &[u8]) -> u64 {
        self.scaled(estimate_json(body))
    }

    /// How many tokens a request is, by the vocabulary where there is one: for those who ask for it. Only what a
    /// conversation's texts are is public: of tools, pictures and documents it is an estimate.
    pub fn count(self, request: &Request) -> Count {
        let Some(encoding) = self.encoding else {
            // The same rules, with estimates for texts.
            let mut tokens = 0_u64;
            each(request, &mut |said| {
                tokens = tokens.saturating_add(match said {
                    Said::Text(text) | Said::Schema(text) => self.scaled(estimate(text)),
                    Said::Tokens(count) | Said::About(count) => count,
                });
            });
            return Count { tokens, is_exact: false };
        };
        let mut counter: Counter = encoding.counter();
        each(request, &mut |said| match said {
            Said::Text(text) => counter.add(text),
            Said::Schema(text) => {
                counter.add(text);
                counter.add_estimated(0);
            }
            Said::Tokens(count) => counter.add_tokens(count),
            Said::About(count) => counter.add_estimated(count),
        });
        counter.count()
    }

    fn scaled(self, tokens: u64) -> u64 {
        tokens.saturating_mul(u64::from(self.percent)).div_ceil(100)
    }
}

/// Whether a name ends here, or a further part of it begins. A digit would be another version.
fn is_end(rest: &str) -> bool {
    !rest.starts_with(|next: char| next.is_ascii_digit())
}

/// What a request says, as far as it counts.
enum Said<'a> {
    Text(&'a str),
    /// A text of which nobody has published how it is put before the model.
    Schema(&'a str),
    Tokens(u64),
    About(u64),
}

/// Goes through all that a request says.
fn each(request: &Request, say: &mut dyn FnMut(Said<'_>)) {
    match request {
        Request::Chat(chat) => each_of_chat(chat, say),
        Request::Completion(completion) => {
            match &completion.prompt {
                Prompt::Text(text) => say(Said::Text(text)),
                Prompt::Texts(texts) => texts.iter().for_each(|text| say(Said::Text(text))),
                Prompt::Tokens(json) => say(Said::About(json.get().split(',').count() as u64)),
            }
            completion.suffix.iter().for_each(|text| say(Said::Schema(text)));
        }
        Request::Embeddings(embeddings) => match &embeddings.input {
            EmbeddingInput::Text(text) => say(Said::Text(text)),
            EmbeddingInput::Texts(texts) => texts.iter().for_each(|text| say(Said::Text(text))),
            EmbeddingInput::Other(json) => say(Said::About(json.get().split(',').count() as u64)),
        },
        Request::Rerank(rerank) => {
            say(Said::Text(&rerank.query));
            rerank.documents.iter().for_each(|text| say(Said::Text(text)));
        }
        Request::Images(images) => images.prompt.iter().for_each(|text| say(Said::Text(text))),
        Request::Speech(speech) => say(Said::Text(&speech.text)),
        Request::Transcription(_) => {}
    }
}

fn each_of_chat(chat: &Chat, say: &mut dyn FnMut(Said<'_>)) {
    for Message { parts, name, .. } in &chat.messages {
        // The frame of a turn, and its role, which is one.
        say(Said::Tokens(OBJECT_TOKENS + 1));
        if let Some(name) = name {
            say(Said::Tokens(1));
            say(Said::Text(name));
        }
        parts.iter().for_each(|part| each_of_part(part, say));
    }
    for tool in &chat.tools {
        match tool {
            Tool::Function { name, description, parameters, .. } => {
                say(Said::About(OBJECT_TOKENS));
                say(Said::Schema(name));
                description.iter().for_each(|text| say(Said::Schema(text)));
                parameters.iter().for_each(|schema| say(Said::Schema(schema.get())));
            }
            Tool::Other { json, .. } => say(Said::Schema(json.get())),
        }
    }
    say(Said::Tokens(PRIMING_TOKENS));
}

fn each_of_part(part: &Part, say: &mut dyn FnMut(Said<'_>)) {
    match &part.content {
        Content::Text(text) | Content::Refusal(text) => say(Said::Text(text)),
        Content::Thinking { text, .. } => say(Said::Schema(text)),
        Content::ToolCall { name, arguments, .. } => {
            say(Said::About(OBJECT_TOKENS));
            say(Said::Schema(name));
            say(Said::Schema(arguments));
        }
        Content::ToolResult { parts, .. } => {
            say(Said::About(OBJECT_TOKENS));
            parts.iter().for_each(|part| each_of_part(part, say));
        }
        Content::File { source: Source::Text(text), .. } => say(Said::Schema(text)),
        Content::Citation(_) => {}
        Content::Image { .. } | Content::File { .. } | Content::Audio { .. } => say(Said::About(DATA_TOKENS)),
        Content::RedactedThinking { data, .. } => say(Said::About(estimate(data))),
        Content::Other { json, .. } => say(Said::Schema(json.get())),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::dialects::{Dialect, codec};

    #[test]
    fn models_are_told_by_their_names() {
        for (gauge, names) in [
            (
                O200K,
                &[
                    "openai/gpt-4o-mini",
                    "gpt-4.1",
                    "gpt-5.4-nano",
                    "o3-mini",
                    "o1",
                    "openai/gpt-oss-120b",
                    "openai.gpt-oss-20b-1:0",
                    "chatgpt-4o-latest",
                    "ft:gpt-4o:me",
                    "o4-mini-2025-04-16",
                ][..],
            ),
            (
                CL100K,
                &["gpt-4", "gpt-4-turbo", "gpt-3.5-turbo", "gpt-35-turbo", "openai/text-embedding-3-small"],
            ),
            (by(90), &["openai/gpt-6.1-sol", "gpt-image-1"]),
            (
                CLAUDE,
                &[
                    "anthropic/claude-opus-4.7",
                    "claude-sonnet-5-5",
                    "claude-haiku-5-5",
                    "claude-fable-5-2",
                    "us.anthropic.claude-opus-4-8-v1:0",
                    "claude-opus-5",
                ],
            ),
            (
                OLDER_CLAUDE,
                &[
                    "claude-3-5-sonnet-20241022",
                    "anthropic/claude-sonnet-4.5",
                    "claude-opus-4-20250514",
                    "claude-opus-4@20250514",
                    "claude-opus-4-6",
                    "us.anthropic.claude-haiku-4-5-20251001-v1:0",
                    "claude-2.1",
                ],
            ),
            (
                by(91),
                &["qwen/qwen3-8b", "deepseek/deepseek-r1-distill-llama-70b", "Meta-Llama-3.1-8B", "qwq-32b"],
            ),
            (by(93), &["deepseek/deepseek-v4-pro"]),
            (by(97), &["google/gemini-4-argon", "gemma-3-27b-it"]),
            (by(95), &["mistral-large-2512", "codestral", "x-ai/grok-4.7", "", "o5", "gpt"]),
        ] {
            for name in names {
                assert_eq!(Gauge::of(name), gauge, "{name}");
            }
        }
    }

    fn counted(model: &str, dialect: Dialect, body: &serde_json::Value) -> Count {
        let request = codec(dialect).decode_request(body.to_string().as_bytes()).unwrap();
        Gauge::of(model).count(&request)
    }

    #[test]
    fn a_conversation_of_texts_is_counted_with_its_frame() {
        // As OpenAI's cookbook counts: three for each message, its role, its text, and three before the answer.
        let body = json!({ "model": "m", "messages": [
            { "role": "system", "content": "You are a helpful assistant." },
            { "role": "user", "content": "Hello, world!" },
        ]});
        assert_eq!(counted("gpt-4o", Dialect::OpenAiChat, &body), Count { tokens: 21, is_exact: true });
        assert!(!counted("claude-opus-5", Dialect::OpenAiChat, &body).is_exact);
        let named = json!({ "model": "m", "messages": [{ "role": "user", "name": "ann", "content": "Hello, world!" }] });
        assert_eq!(counted("gpt-4o", Dialect::OpenAiChat, &named), Count { tokens: 13, is_exact: true });
        let same = json!({ "model": "m", "max_tokens": 9, "system": "You are a helpful assistant.",
            "messages": [{ "role": "user", "content": "Hello, world!" }] });
        assert_eq!(
            counted("gpt-4o", Dialect::AnthropicMessages, &same),
            Count { tokens: 21, is_exact: true }
        );
    }

    #[test]
    fn what_has_no_published_form_is_estimated() {
        let of = |more: serde_json::Value| {
            let mut body =
                json!({ "model": "m", "messages": [{ "role": "user", "content": "Hello, world!" }] });
            body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            counted("gpt-4o", Dialect::OpenAiChat, &body)
        };
        let plain = of(json!({}));
        assert!(plain.is_exact);
        let tools = json!({ "tools": [{ "type": "function", "function": { "name": "weather",
            "parameters": { "type": "object", "properties": { "city": { "type": "string" } } } } }] });
        let pictures = json!({ "messages": [{ "role": "user", "content": [
            { "type": "image_url", "image_url": { "url": "data:image/png;base64,iVBORw0KGgo=" } }] }] });
        for (more, least) in [(tools, 15), (pictures, DATA_TOKENS)] {
            let count = of(more);
            assert!(!count.is_exact && count.tokens > least, "{count:?}");
        }
    }

    #[test]
    fn estimates_follow_the_family() {
        let body = json!({ "messages": [{ "content": "A caravan. ".repeat(100) }] }).to_string();
        let [claude, older, openai] = ["claude-opus-5", "claude-3-opus", "gpt-4o"]
            .map(|model| Gauge::of(model).estimate_json(body.as_bytes()));
        assert!(claude > older && older > openai, "{claude} {older} {openai}");
    }
}
