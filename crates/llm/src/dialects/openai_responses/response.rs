//! Whole answers, and why they ended.

use super::item::{Item, Place, read_item};
use super::object::{Identity, Status, incomplete};
use super::output::{ItemKind, ItemStatus, NO_ARGUMENTS, OutputItem, items};
use crate::dialects::openai::read_usage;
use crate::dialects::read::{At, Loose, Object, list};
use crate::dialects::{AnswerContext, DecodeError, fault, write};
use crate::ir::{Answer, Choice, Content, ErrorFacts, Finish, FinishReason, Json, Part, Response};
use crate::usage::Usage;
use serde_json::value::RawValue;

/// Reads an upstream's answer. Fields that only describe it are read loosely.
pub(super) fn decode(body: &[u8]) -> Result<Answer, DecodeError> {
    let mut object = Object::body(body)?;
    let status = object.string("status").ok().flatten();
    let error = object.take("error");
    if error.is_some() || matches!(status.as_deref(), Some("failed" | "cancelled")) {
        return Err(DecodeError { message: read_failure(error).message, param: None });
    }
    let at = At::BODY.key("output");
    let output = object.take("output").ok_or_else(|| at.fault("is missing from the answer"))?;
    let (parts, logprobs) = read_output(output, &at)?;
    let searches = searches(&parts);
    let usage = object.take("usage").and_then(|raw| read_usage(raw.get()));
    let details = object.take("incomplete_details");
    let finish = read_finish(status.as_deref(), details, parts.iter().map(|part| &part.content));
    Ok(Answer {
        id: object.string("id").ok().flatten().filter(|id| !id.is_empty()),
        model: object.string("model").ok().flatten(),
        created: object.number("created_at").ok().flatten().map(|seconds| seconds as i64),
        choices: vec![Choice { index: 0, parts, finish: Some(finish), logprobs }],
        usage: usage.map(|usage| Usage { web_searches: usage.web_searches.max(searches), ..usage }),
        system_fingerprint: None,
        service_tier: object.string("service_tier").ok().flatten(),
    })
}

/// Reads the items of an answer, and the probabilities of its tokens.
pub(super) fn read_output(raw: &RawValue, at: &At<'_>) -> Result<(Vec<Part>, Option<Json>), DecodeError> {
    let (mut parts, mut unused) = (Vec::new(), Vec::new());
    let mut probabilities = Vec::new();
    for (index, raw) in list(raw, at)?.into_iter().enumerate() {
        match read_item(raw, at.index(index), Place::Answer(index), &mut unused)? {
            Item::Said(said) => parts.extend(said),
            Item::Given(part) | Item::Result(part) => parts.push(part),
            Item::Message(message) => parts.extend(message.parts),
        }
        probabilities.extend(item_logprobs(raw));
    }
    Ok((parts, chat_logprobs(&probabilities.join(","))))
}

/// How often the provider's own tool has searched the web.
pub(super) fn searches(parts: &[Part]) -> u64 {
    #[derive(serde::Deserialize, Default)]
    #[serde(default)]
    struct Call<'a> {
        #[serde(borrow)]
        action: Option<Action<'a>>,
    }
    let searched = |part: &&Part| {
        let Content::Other { kind, json } = &part.content else { return false };
        let call: Call<'_> = serde_json::from_str(json.get()).unwrap_or_default();
        is_search(Some(kind), call.action.as_ref())
    };
    parts.iter().filter(searched).count() as u64
}

/// What a tool of the provider's own did.
#[derive(serde::Deserialize, Default)]
#[serde(default)]
pub(super) struct Action<'a> {
    #[serde(borrow, rename = "type")]
    kind: Loose<'a>,
}

/// Whether an item is a search of the web: what only follows a link, or looks for a word on a page, costs nothing.
/// <https://developers.openai.com/api/docs/guides/tools-web-search>
pub(super) fn is_search(kind: Option<&str>, action: Option<&Action<'_>>) -> bool {
    let did = action.and_then(|action| action.kind.text());
    kind == Some("web_search_call") && did.is_none_or(|did| did == "search")
}

/// The members of the lists of probabilities in a message.
fn item_logprobs(raw: &RawValue) -> Option<String> {
    #[derive(serde::Deserialize)]
    struct Message<'a> {
        #[serde(borrow)]
        content: Vec<Text<'a>>,
    }
    #[derive(serde::Deserialize)]
    struct Text<'a> {
        #[serde(borrow, default)]
        logprobs: Option<&'a RawValue>,
    }
    // Nearly no answer has any; the search spares it a second reading.
    memchr::memmem::find(raw.get().as_bytes(), b"\"logprobs\"")?;
    let message: Message<'_> = serde_json::from_str(raw.get()).ok()?;
    let lists = message.content.iter().filter_map(|text| members(text.logprobs?.get()));
    let joined = lists.collect::<Vec<_>>().join(",");
    (!joined.is_empty()).then_some(joined)
}

/// What stands between the brackets of a list that is not empty.
fn members(list: &str) -> Option<&str> {
    let members = list.strip_prefix('[')?.strip_suffix(']')?.trim();
    (!members.is_empty()).then_some(members)
}

/// A list of probabilities in the shape of Chat Completions.
pub(super) fn read_logprobs(list: &RawValue) -> Option<Json> {
    chat_logprobs(members(list.get())?)
}

fn chat_logprobs(members: &str) -> Option<Json> {
    if members.is_empty() {
        return None;
    }
    Json::object(&format!("{{\"content\":[{members}],\"refusal\":null}}"))
}

/// Why the answer ended: the API has words only for why one is incomplete.
pub(super) fn read_finish<'c>(
    status: Option<&str>,
    details: Option<&RawValue>,
    mut contents: impl Iterator<Item = &'c Content>,
) -> Finish {
    let word = details
        .and_then(|raw| Object::read(raw, At::BODY).ok())
        .and_then(|mut details| details.string("reason").ok().flatten());
    let mut calls = false;
    let refused = contents.any(|content| {
        calls |= matches!(content, Content::ToolCall { .. });
        matches!(content, Content::Refusal(_))
    });
    let native = word.clone().or_else(|| status.map(str::to_owned));
    let reason = finish_reason(status, word.as_deref(), refused, calls);
    Finish { reason, native, stop_sequence: None }
}

/// The meaning of a status and its details.
pub(super) fn finish_reason(
    status: Option<&str>,
    word: Option<&str>,
    refused: bool,
    calls: bool,
) -> FinishReason {
    match (status, word) {
        (Some("incomplete"), Some("content_filter")) => FinishReason::ContentFilter,
        (Some("incomplete"), _) => FinishReason::Length,
        _ if refused => FinishReason::Refusal,
        _ if calls => FinishReason::ToolCalls,
        _ => FinishReason::Stop,
    }
}

/// Writes a client's answer. The dialect knows one choice: the first.
pub(super) fn encode(response: &Response, context: &AnswerContext) -> Vec<u8> {
    let mut out = Vec::with_capacity(1536);
    let Response::Chat(answer) = response else {
        write::object(&mut out, |_| {});
        return out;
    };
    let nothing = Choice::default();
    let choice = answer.choices.first().unwrap_or(&nothing);
    let reason = choice.finish.as_ref().map_or(FinishReason::Stop, |finish| finish.reason);
    let refused = choice.parts.iter().any(|part| matches!(part.content, Content::Refusal(_)));
    let mut output = items(&choice.parts, choice.logprobs.as_ref(), context);
    let cut = incomplete(reason, refused);
    close(&mut output, cut.is_some());
    let failure = failure();
    let status = match cut {
        _ if reason == FinishReason::Error => Status::Failed(&failure),
        Some(why) => Status::Incomplete(why),
        None => Status::Completed,
    };
    let identity = Identity::of_answer(answer, context);
    let usage = answer.usage.unwrap_or_default();
    write::object(&mut out, |body| identity.write(status, &output, Some(usage), body));
    out
}

/// Ends the items: all are complete, but for the last of an answer that was cut off.
fn close(output: &mut [OutputItem], cut: bool) {
    for item in output.iter_mut() {
        item.status = ItemStatus::Complete;
        if let ItemKind::Call { arguments, custom: false, .. } = &mut item.kind
            && arguments.is_empty()
        {
            NO_ARGUMENTS.clone_into(arguments);
        }
    }
    if let (true, Some(last)) = (cut, output.last_mut()) {
        last.status = ItemStatus::Cut;
    }
}

/// Why a response has failed, as far as its upstream says.
pub(super) fn read_failure(error: Option<&RawValue>) -> ErrorFacts {
    error.map_or_else(failure, |error| fault::read(0, error.get().as_bytes()))
}

/// What is said of an answer whose upstream has only said that it failed.
pub(super) fn failure() -> ErrorFacts {
    fault::plain(502, "The provider failed while it answered.")
}
