//! Which paths of a provider ask a model: a call that goes through to one of them passes by the permission of models and
//! by the account of tokens.
//!
//! In: a provider and the path as it is sent. Out: whether a model is asked there. It rather takes a path for one too many
//! than for one too few: whoever may use every model is not held up by it.

use http::uri::PathAndQuery;
use yumen_config::{Provider, RequestPath};
use yumen_llm::percent::percent_decode;

/// How paths end that ask a model, or that have others ask one later, in the formats that are known.
const ENDS: [&str; 23] = [
    "/chat/completions",
    "/completions",
    "/responses",
    "/embeddings",
    "/messages",
    "/messages/count_tokens",
    "/messages/batches",
    "/batches",
    "/images/generations",
    "/images/edits",
    "/images/variations",
    "/audio/speech",
    "/audio/transcriptions",
    "/audio/translations",
    "/moderations",
    "/rerank",
    "/converse",
    "/converse-stream",
    "/invoke",
    "/invoke-with-response-stream",
    "/api/chat",
    "/api/generate",
    "/api/embed",
];

/// Google's verbs behind a model.
const VERBS: [&str; 8] = [
    "generatecontent",
    "streamgeneratecontent",
    "embedcontent",
    "batchembedcontents",
    "batchgeneratecontent",
    "predict",
    "rawpredict",
    "streamrawpredict",
];

/// Whether a model is asked at this path, the base URL's own path included.
pub fn asks_model(provider: &Provider, path: &str) -> bool {
    let path = folded(path);
    let verb = path.rsplit_once(':').map(|(_, verb)| verb);
    ENDS.iter().any(|end| path.ends_with(end))
        || verb.is_some_and(|verb| VERBS.contains(&verb))
        || provider.endpoints.values().any(|endpoint| {
            let others = [endpoint.second_path.as_ref(), endpoint.count_path.as_ref()];
            [Some(&endpoint.path), Some(&endpoint.stream_path)]
                .into_iter()
                .chain(others)
                .flatten()
                .any(|own| is_like(own, &path))
        })
}

fn is_like(own: &RequestPath, path: &str) -> bool {
    match own {
        RequestPath::Fixed(own) => folded(PathAndQuery::path(own)) == path,
        RequestPath::OfModel { before, after, .. } => {
            let after = after.split('?').next().unwrap_or_default();
            let rest = path.strip_prefix(&before.to_ascii_lowercase());
            rest.is_some_and(|rest| !rest.is_empty() && rest.ends_with(&after.to_ascii_lowercase()))
        }
    }
}

/// A path as the most lenient of servers would take it: decoded, in small letters, without dots and spaces at the ends of
/// its segments.
fn folded(path: &str) -> String {
    let decoded = percent_decode(path).to_lowercase();
    let segments: Vec<&str> =
        decoded.split('/').map(|segment| segment.trim_end_matches(['.', ' '])).collect();
    segments.join("/")
}

#[cfg(test)]
mod tests {
    use super::*;
    use yumen_config::{Catalogue, KeyHasher, parse_and_check};

    #[test]
    fn paths_that_ask_a_model_are_known() {
        let config = "providers: { odd: { type: openai-compatible, base_url: \"http://h/v1\", dialects: \
                      { openai_chat: { path: /ask/here }, gemini: { path: \"/m/{model}/go\" } }, auth: { scheme: none } } }";
        let catalogue = Catalogue::builtin().unwrap();
        let checked = parse_and_check(
            config,
            "f",
            &|_| None,
            &|_| Err(String::new()),
            &catalogue,
            &KeyHasher::new([0; 32]),
            None,
        );
        let snapshot = checked.snapshot.unwrap();
        let provider = snapshot.providers.get("odd").unwrap_or_else(|| panic!("{:?}", checked.diagnostics));
        for (path, expected) in [
            ("/v1/ask/here", true),
            ("/v1/Ask/HERE.", true),
            ("/v1/ask/here/x", false),
            ("/v1/m/any/go", true),
            ("/v1/m/go", false),
            ("/v1/chat/completions", true),
            ("/v1/CHAT/Completions%20", true),
            ("/deep/below/v1/messages", true),
            ("/v1beta/models/gemini:generateContent", true),
            ("/v1beta/models/gemini%3AstreamGenerateContent", true),
            ("/v1/batches", true),
            ("/v1/fine_tuning/jobs", false),
            ("/v1/files", false),
            ("/v1/models/gpt-4o", false),
        ] {
            assert_eq!(asks_model(provider, path), expected, "{path}");
        }
    }
}
