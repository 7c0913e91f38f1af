//! What changes in a request that passes through: the model's name, and what the provider's quirks ask for.
//!
//! In: the client's bytes and facts of the target. Out: the same bytes with single values spliced. Whatever is not
//! named here stays as it was sent.

use std::sync::LazyLock;

use bytes::Bytes;
use memchr::memmem::Finder;
use serde_json::value::RawValue;
use smallvec::SmallVec;
use yumen_llm::dialects::{Dialect, Quirk, Target, codec, search_edits};
use yumen_llm::ir::WebSearch;
use yumen_llm::json::{Edit, Kind, Pieces, edit_value, splice};

use super::call::Call;
use crate::route::Task;

/// Fields of OpenRouter's requests, and `providerOptions` of Vercel's, that are meant for a gateway: providers would refuse
/// them. One that is such a gateway itself gets them, but for the models, which are chosen here.
pub const OURS: [&str; 9] = [
    "models",
    "provider",
    "plugins",
    "transforms",
    "usage",
    "session_id",
    "trace",
    "providerOptions",
    "heal_json",
];

/// Those of them that no provider gets.
const OURS_ALONE: [&str; 2] = ["models", "heal_json"];

static DEVELOPER: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(b"\"developer\""));

/// What goes to an upstream in its client's own dialect.
pub struct Edited {
    /// The body.
    pub pieces: Pieces,
    /// Whether it asks for usage that the client did not ask for.
    pub asks_usage: bool,
    /// What could not be said of the wish for web search.
    pub lossy: Vec<String>,
}

/// The body for the upstream. `native_json` is the model's native id as JSON; `web_search` is wished of the gateway, and said
/// here in the upstream's words.
pub fn edited(
    call: &Call,
    native_json: &Bytes,
    target: &Target<'_>,
    web_search: Option<&WebSearch>,
) -> Edited {
    let mut edits: SmallVec<[Edit; 4]> = SmallVec::new();
    if codec(call.dialect).outline().model_in_path {
        // The path names the model; a body that names another would be read by nobody knows whom.
        if call.object.get(&call.body, "model").is_some() {
            edits.push(Edit::Remove { name: "model" });
        }
    } else if let Some(version) = target.anthropic_version().filter(|_| asks_claude(call)) {
        edits.push(Edit::Remove { name: "model" });
        edits.push(Edit::Set { name: "anthropic_version", value: json(version) });
        if target.has(Quirk::ClaudeOnBedrock) {
            edits.push(Edit::Remove { name: "stream" });
        }
        if !target.betas.is_empty() {
            let value = serde_json::Value::from(target.betas).to_string().into();
            edits.push(Edit::Set { name: "anthropic_beta", value });
        }
    } else {
        edits.push(Edit::Set { name: "model", value: native_json.clone() });
    }
    let keeps = target.has(Quirk::OpenrouterFields);
    for name in OURS.iter().filter(|name| !keeps || OURS_ALONE.contains(name)) {
        if call.object.get(&call.body, name).is_some() {
            edits.push(Edit::Remove { name });
        }
    }
    let mut asks_usage = false;
    if matches!(call.dialect, Dialect::OpenAiChat | Dialect::OpenAiCompletions) {
        asks_usage = call.stream && !call.include_usage && target.asks_usage();
        if asks_usage {
            edits.push(Edit::Set { name: "stream_options", value: with_usage(call) });
        }
        if target.has(Quirk::NoStreamOptions) {
            edits.push(Edit::Remove { name: "stream_options" });
        }
    }
    if call.dialect == Dialect::OpenAiChat {
        if target.has(Quirk::MaxTokensOnly) {
            rename_limit(call, &mut edits);
        }
        if target.has(Quirk::NoDeveloperRole)
            && let Some(value) = without_developers(call)
        {
            edits.push(Edit::Set { name: "messages", value });
        }
    }
    let mut lossy = Vec::new();
    if let Some(wish) = web_search {
        let (search, lost) = search_edits(call.dialect, target, wish, (&call.body, &call.object));
        edits.extend(search);
        lossy = lost;
    }
    Edited { pieces: splice(&call.body, &call.object, &edits), asks_usage, lossy }
}

/// Whether this is a question to Claude; where tokens are counted, the body names the model wherever that is.
fn asks_claude(call: &Call) -> bool {
    call.dialect == Dialect::AnthropicMessages && call.task == Task::Generate
}

fn json(text: &str) -> Bytes {
    serde_json::Value::from(text).to_string().into()
}

/// `stream_options` of the client, with usage asked for.
fn with_usage(call: &Call) -> Bytes {
    let edit = Edit::Set { name: "include_usage", value: Bytes::from_static(b"true") };
    let field = call.object.get(&call.body, "stream_options").filter(|field| field.kind == Kind::Object);
    let options = field.and_then(|field| edit_value(&call.body, field, &[edit]));
    options.unwrap_or_else(|| Bytes::from_static(br#"{"include_usage":true}"#))
}

/// `max_completion_tokens` under its older name; where both are sent the newer one counts, as it does at OpenAI.
fn rename_limit(call: &Call, edits: &mut SmallVec<[Edit; 4]>) {
    let Some(field) = call.object.get(&call.body, "max_completion_tokens") else { return };
    edits.push(Edit::Remove { name: "max_completion_tokens" });
    if field.kind != Kind::Null {
        edits.push(Edit::Set { name: "max_tokens", value: call.body.slice_ref(field.value(&call.body)) });
    }
}

/// `messages` with the role `developer` as `system`; `None` when there is no such message.
fn without_developers(call: &Call) -> Option<Bytes> {
    #[derive(serde::Deserialize)]
    struct Message<'a> {
        #[serde(borrow)]
        role: Option<&'a RawValue>,
    }
    let value = call.object.get(&call.body, "messages")?.value(&call.body);
    // The search spares nearly every request a parse.
    DEVELOPER.find(value)?;
    let messages: Vec<Message<'_>> = serde_json::from_slice(value).ok()?;
    let roles = messages.iter().filter_map(|message| message.role.map(RawValue::get));
    let mut renamed = Vec::with_capacity(value.len());
    let mut copied = 0;
    for role in roles.filter(|role| *role == "\"developer\"") {
        let start = role.as_ptr().addr().checked_sub(value.as_ptr().addr())?;
        renamed.extend_from_slice(value.get(copied..start)?);
        renamed.extend_from_slice(b"\"system\"");
        copied = start + role.len();
    }
    renamed.extend_from_slice(value.get(copied..)?);
    (copied > 0).then(|| renamed.into())
}

#[cfg(test)]
#[allow(clippy::expect_used, reason = "a test ends where its ground gives way")]
mod tests {
    use yumen_llm::json::scan_object;

    use super::*;

    fn call(dialect: Dialect, body: &'static str) -> Box<Call> {
        let body = Bytes::from_static(body.as_bytes());
        let object = scan_object(&body, 128).expect("JSON");
        let stream = object.get(&body, "stream").is_some();
        let mut call = Call::plain((dialect, Task::Generate, crate::route::Skin::Plain), "m".into(), body);
        (call.object, call.stream) = (object, stream);
        call
    }

    fn sent(dialect: Dialect, quirks: &[Quirk], body: &'static str) -> (String, bool) {
        let target = Target { model: "n", quirks, ..Target::default() };
        let Edited { pieces, asks_usage, .. } =
            edited(&call(dialect, body), &Bytes::from_static(b"\"n\""), &target, None);
        (String::from_utf8(pieces.concat()).expect("UTF-8"), asks_usage)
    }

    #[test]
    fn usage_is_asked_for_only_where_it_can_be_and_must_be() {
        use Dialect::{AnthropicMessages, OpenAiChat, OpenAiCompletions};
        let body = r#"{"model":"m","stream":true}"#;
        let asking = r#"{"model":"n","stream":true,"stream_options":{"include_usage":true}}"#;
        let silent = r#"{"model":"n","stream":true}"#;
        for dialect in [OpenAiChat, OpenAiCompletions] {
            assert_eq!(sent(dialect, &[], body), (asking.into(), true));
            for quirk in [Quirk::NoStreamOptions, Quirk::UsageAlwaysStreamed] {
                assert_eq!(sent(dialect, &[quirk], body), (silent.into(), false));
            }
        }
        assert_eq!(sent(AnthropicMessages, &[], body), (silent.into(), false));
        let options = r#"{"model":"m","stream_options":{"x":1},"stream":true}"#;
        assert_eq!(sent(OpenAiChat, &[Quirk::NoStreamOptions], options).0, silent);
        assert_eq!(
            sent(OpenAiChat, &[Quirk::UsageAlwaysStreamed], options).0,
            r#"{"model":"n","stream_options":{"x":1},"stream":true}"#
        );
    }

    #[test]
    fn what_is_meant_for_a_gateway_goes_only_to_one() {
        let body =
            r#"{"provider":{"sort":"price"},"model":"m","models":["x"],"usage":{"include":true},"user":"u"}"#;
        assert_eq!(sent(Dialect::OpenAiChat, &[], body).0, r#"{"model":"n","user":"u"}"#);
        assert_eq!(
            sent(Dialect::OpenAiChat, &[Quirk::OpenrouterFields], body).0,
            r#"{"provider":{"sort":"price"},"model":"n","usage":{"include":true},"user":"u"}"#
        );
    }

    #[test]
    fn the_limit_keeps_its_spelling_under_its_older_name() {
        let only = &[Quirk::MaxTokensOnly];
        for (body, expected) in [
            (
                r#"{"model":"m","max_completion_tokens": 1e2 ,"x":1}"#,
                r#"{"model":"n" ,"x":1,"max_tokens":1e2}"#,
            ),
            (r#"{"max_tokens":5,"max_completion_tokens":7,"model":"m"}"#, r#"{"max_tokens":7,"model":"n"}"#),
            (r#"{"max_completion_tokens":null,"model":"m"}"#, r#"{"model":"n"}"#),
            (r#"{"model":"m","max_tokens":5}"#, r#"{"model":"n","max_tokens":5}"#),
        ] {
            assert_eq!(sent(Dialect::OpenAiChat, only, body).0, expected);
        }
        let body = r#"{"model":"n","max_completion_tokens":7}"#;
        assert_eq!(sent(Dialect::OpenAiChat, &[Quirk::MaxCompletionTokens], body).0, body);
    }

    #[test]
    fn developers_become_the_system_and_nothing_else_changes() {
        let only = &[Quirk::NoDeveloperRole];
        let body = r#"{"model":"n","messages":[ {"content":"\"developer\"", "role" :"developer"},{"role":"user","content":[{"role":"developer"}]},
            {"role":"developer","name":"developer"} ],"n":1}"#;
        let expected = r#"{"model":"n","messages":[ {"content":"\"developer\"", "role" :"system"},{"role":"user","content":[{"role":"developer"}]},
            {"role":"system","name":"developer"} ],"n":1}"#;
        assert_eq!(sent(Dialect::OpenAiChat, only, body).0, expected);
        assert_eq!(sent(Dialect::OpenAiChat, &[], body).0, body);
        // What is no list of messages is the upstream's to refuse.
        for odd in [
            r#"{"model":"n","messages":["developer"]}"#,
            r#"{"model":"n","messages":[{"role":["developer"]}]}"#,
        ] {
            assert_eq!(sent(Dialect::OpenAiChat, only, odd).0, odd);
        }
    }

    #[test]
    fn claude_elsewhere_is_named_by_the_path() {
        let body = r#"{"model":"m", "max_tokens":9,"stream":true,"anthropic_version":"x"}"#;
        let sent = |quirk, task, betas: &[&str]| {
            let quirks = [quirk];
            let target = Target { model: "n", quirks: &quirks, betas, ..Target::default() };
            let mut call = call(Dialect::AnthropicMessages, body);
            call.task = task;
            let Edited { pieces, .. } = edited(&call, &Bytes::from_static(b"\"n\""), &target, None);
            serde_json::from_slice::<serde_json::Value>(&pieces.concat()).expect("JSON")
        };
        use serde_json::json;
        assert_eq!(
            sent(Quirk::ClaudeOnVertex, Task::Generate, &["a"]),
            json!({ "max_tokens": 9, "stream": true, "anthropic_version": "vertex-2023-10-16",
                    "anthropic_beta": ["a"] })
        );
        let version = "bedrock-2023-05-31";
        assert_eq!(
            sent(Quirk::ClaudeOnBedrock, Task::Generate, &["a", "b"]),
            json!({ "max_tokens": 9, "anthropic_version": version, "anthropic_beta": ["a", "b"] })
        );
        assert_eq!(
            sent(Quirk::ClaudeOnBedrock, Task::Generate, &[]),
            json!({ "max_tokens": 9, "anthropic_version": version })
        );
        let counted = sent(Quirk::ClaudeOnVertex, Task::CountTokens, &["a"]);
        assert_eq!((&counted["model"], &counted["anthropic_version"]), (&json!("n"), &json!("x")));
        assert!(counted.get("anthropic_beta").is_none(), "where tokens are counted they stand in the head");
    }
}
