//! Responses that the gateway keeps itself.
//!
//! In: calls about one of them. Out: the response as it was told, its items in pages, or that it is deleted.

use http::Method;
use serde_json::{Value, json};
use yumen_config::{GatewaySettings, VirtualKey};
use yumen_llm::dialects::memory::{self, InputItem};
use yumen_telemetry::ObjectKind;

use crate::exchange::Exchange;
use crate::kinds::http::call::Call;
use crate::kinds::http::dispatch::Arrival;
use crate::kinds::http::permit::unknown;
use crate::kinds::http::query::value;
use crate::kinds::llm::{oldest, remembered, turns};
use crate::rejection::{Code, Rejection};
use crate::route::ResponsesPath;

/// How many items a page has, when nothing is said, and at most.
const PAGE_USUAL: usize = 20;
const PAGE_MOST: usize = 100;

/// Answers a call about a response that is kept here.
pub(super) async fn answer(
    exchange: &mut Exchange,
    settings: &GatewaySettings,
    key: &VirtualKey,
    call: &Call,
    path: &ResponsesPath,
) -> Result<Arrival, Rejection> {
    let keeper = std::sync::Arc::clone(&exchange.worker().gateway.keeper);
    let (id, since) = (path.id(), oldest(exchange, settings));
    let nothing = || unknown(ObjectKind::Response, id);
    match path {
        ResponsesPath::One(_) if call.method == Method::DELETE => {
            if !remembered(keeper.delete(&key.id, id, since)).await? {
                return Err(nothing());
            }
            Ok(Arrival::own(json!({ "id": id, "object": "response", "deleted": true }).to_string()))
        }
        ResponsesPath::One(_) if value(&call.query, "stream").as_deref() == Some("true") => {
            let message = "Only a response that was made in the background can be streamed again.";
            Err(Rejection::new(Code::InvalidRequest, message).param("stream"))
        }
        ResponsesPath::One(_) => {
            let found = remembered(keeper.find(&key.id, id, since)).await?;
            Ok(Arrival::own(found.ok_or_else(nothing)?.response))
        }
        ResponsesPath::Cancel(_) => {
            remembered(keeper.find(&key.id, id, since)).await?.ok_or_else(nothing)?;
            let message = "Only a response that was made in the background can be cancelled.";
            Err(Rejection::new(Code::InvalidRequest, message))
        }
        ResponsesPath::InputItems(_) => {
            let most = settings.max_answer_bytes as u64;
            let found = remembered(keeper.conversation(&key.id, id, since, most)).await?;
            let conversation = found.ok_or_else(nothing)?;
            if conversation.turns.is_empty() {
                let message = format!("The conversation is larger than {most} bytes.");
                return Err(Rejection::new(Code::BodyTooLarge, message));
            }
            let items = memory::input_items(&turns(&conversation)).map_err(|error| {
                Rejection::new(Code::Internal, "What is kept of this response cannot be read.").cause(error)
            })?;
            page(items, &call.query).map(|page| Arrival::own(page.to_string()))
        }
    }
}

/// One page, as the query asks for it.
fn page(mut items: Vec<InputItem>, query: &str) -> Result<Value, Rejection> {
    let wrong = |name: &'static str, wanted: &str| {
        Rejection::new(Code::InvalidRequest, format!("`{name}` must be {wanted}.")).param(name)
    };
    let limit = match value(query, "limit").map(|limit| limit.parse()) {
        None => PAGE_USUAL,
        Some(Ok(limit)) if (1..=PAGE_MOST).contains(&limit) => limit,
        Some(_) => return Err(wrong("limit", "a number from 1 to 100")),
    };
    match value(query, "order").as_deref() {
        None | Some("desc") => items.reverse(),
        Some("asc") => {}
        Some(_) => return Err(wrong("order", "asc or desc")),
    }
    let place = |name: &'static str| match value(query, name) {
        None => Ok(None),
        Some(id) => match items.iter().position(|item| item.id == id) {
            Some(place) => Ok(Some(place)),
            None => Err(wrong(name, "the id of one of the items")),
        },
    };
    let (after, before) = (place("after")?, place("before")?);
    let end = before.unwrap_or(items.len());
    let begin = after.map_or(0, |after| after + 1).min(end);
    let shown = items.get(begin..end.min(begin + limit)).unwrap_or_default();
    Ok(json!({
        "object": "list",
        "data": shown.iter().map(|item| &item.json).collect::<Vec<_>>(),
        "first_id": shown.first().map(|item| &item.id),
        "last_id": shown.last().map(|item| &item.id),
        "has_more": begin + shown.len() < end,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(query: &str) -> Result<(Vec<String>, bool), Code> {
        let items = ["a", "b", "c", "d"].map(|id| InputItem { id: id.into(), json: json!({ "id": id }) });
        let page = page(items.into(), query).map_err(|rejection| rejection.code)?;
        let ids: Vec<String> =
            page["data"].as_array().unwrap().iter().map(|item| item["id"].as_str().unwrap().into()).collect();
        assert_eq!(page["first_id"], json!(ids.first()));
        assert_eq!(page["last_id"], json!(ids.last()));
        Ok((ids, page["has_more"] == true))
    }

    #[test]
    fn pages_follow_each_other_in_both_orders() {
        for (query, expected, more) in [
            ("", "dcba", false),
            ("order=asc", "abcd", false),
            ("limit=3", "dcb", true),
            ("limit=3&after=b", "a", false),
            ("after=a", "", false),
            ("order=asc&limit=2&after=a", "bc", true),
            ("order=asc&after=a&before=c", "b", false),
            ("order=asc&before=a&after=c", "", false),
        ] {
            let (found, has_more) = ids(query).unwrap();
            assert_eq!((found.concat().as_str(), has_more), (expected, more), "{query}");
        }
        for query in ["limit=0", "limit=101", "limit=x", "order=up", "after=z"] {
            assert_eq!(ids(query), Err(Code::InvalidRequest), "{query}");
        }
    }
}
