//! Lists of files and batches: what the provider lists, without what is not the key's.
//!
//! In: the accounts at which the key owns something, in order. Out: one page in the provider's own words, each element byte
//! for byte as the provider said it. A page that holds nothing of the key's is not told; the next one is asked for, because
//! clients take an empty page for the end.

use std::collections::HashSet;

use bytes::Bytes;
use http::header;
use serde::Deserialize;
use serde_json::value::RawValue;
use smallvec::SmallVec;
use yumen_config::{GatewaySettings, Snapshot, VirtualKey, encoded};
use yumen_llm::json::{Edit, scan_object, splice};
use yumen_llm::percent::percent_decode;
use yumen_telemetry::ObjectKind;

use super::{owned, seen, whole};
use crate::exchange::Exchange;
use crate::kinds::accounts;
use crate::kinds::http::call::Call;
use crate::kinds::http::dispatch::{Answered, Arrival, send};
use crate::kinds::http::permit::unknown;
use crate::kinds::http::query;
use crate::kinds::http::resolve::{Plan, Step};
use crate::kinds::owned::{is_id, unavailable};
use crate::rejection::{Code, Rejection};
use crate::worker::Worker;

/// Pages that are asked for to find one that is not empty.
const PAGES_MOST: usize = 50;
/// The parameter that says behind which element a page begins.
const AFTER: &str = "after";

/// The accounts to ask, from that of the element on behind which the page is to begin. One whose credential is gone is passed
/// over, unless there is no other.
pub(super) async fn resolve(
    worker: &Worker,
    snapshot: &Snapshot,
    key: &VirtualKey,
    call: &Call,
    kind: ObjectKind,
    path: &str,
) -> Result<Plan, Rejection> {
    let owners = &worker.gateway.owners;
    let accounts = owners.accounts(kind, &key.id).await.map_err(|error| unavailable(&error))?;
    let mut steps: SmallVec<[Step; 1]> = SmallVec::new();
    let mut gone = None;
    for account in &accounts {
        match Step::at(snapshot, account, path) {
            // A credential with a new secret is the same account under two ids.
            Ok(step) if steps.iter().any(|known| known.is_same(&step)) => {}
            Ok(step) => steps.push(step),
            Err(rejection) => {
                tracing::warn!(key = &*key.name, "a list leaves out an account: {}", rejection.message);
                gone = Some(rejection);
            }
        }
    }
    if let Some(after) = after(&call.query) {
        if !is_id(&after) {
            return Err(unknown(kind, &after).param(AFTER));
        }
        let object = owned(worker, kind, &after, key).await.map_err(|rejection| rejection.param(AFTER))?;
        let first = Step::at(snapshot, &object.account, path)?;
        let place = steps.iter().position(|step| step.is_same(&first)).unwrap_or(steps.len());
        steps.drain(..place);
    }
    match gone {
        Some(rejection) if steps.is_empty() => Err(rejection),
        _ => Ok(Plan { steps, object: None }),
    }
}

/// Asks for pages until one holds something of the key's, or all have been seen.
pub(super) async fn dispatch(
    exchange: &mut Exchange,
    settings: &GatewaySettings,
    key: &VirtualKey,
    call: &Call,
    plan: &Plan,
    kind: ObjectKind,
) -> Result<Arrival, Rejection> {
    // Spelt anew, so that no second `after` goes with it.
    let mut query = behind(&call.query, after(&call.query).as_deref());
    let mut pages = 0;
    let mut last = None;
    for (index, step) in plan.steps.iter().enumerate() {
        let more_accounts = index + 1 < plan.steps.len();
        loop {
            pages += 1;
            let mut arrival = send(exchange, settings, call, step, &query).await?;
            if !arrival.status.is_success() {
                return Ok(arrival);
            }
            let said = whole(exchange, settings, &mut arrival).await?;
            let page = Page::read(&said)?;
            let own = page.own(exchange, key, &arrival, kind).await?;
            let next = page.next();
            let more = next.is_some() || more_accounts;
            if !own.is_empty() || !more {
                return told(arrival, &said, settings, &own, more);
            }
            if pages >= PAGES_MOST {
                let message = format!(
                    "Nothing of this key's is on the first {pages} pages; ask with a larger `limit`."
                );
                return Err(Rejection::new(Code::UpstreamTooLarge, message).param("limit"));
            }
            last = Some((arrival, said));
            match next {
                Some(next) => query = behind(&call.query, Some(&next)),
                None => break,
            }
        }
        // The next account is asked from its beginning.
        query = behind(&call.query, None);
    }
    match last {
        Some((arrival, said)) => told(arrival, &said, settings, &[], false),
        None => Ok(nothing()),
    }
}

/// One page as the provider tells it.
#[derive(Deserialize)]
struct Page<'a> {
    #[serde(borrow)]
    data: Vec<&'a RawValue>,
    #[serde(default)]
    has_more: Option<bool>,
}

/// An element, as far as it is looked at.
#[derive(Deserialize)]
struct Element {
    id: String,
}

fn id_of(element: &RawValue) -> Option<String> {
    serde_json::from_str::<Element>(element.get()).ok().map(|element| element.id).filter(|id| is_id(id))
}

impl<'a> Page<'a> {
    fn read(said: &'a [u8]) -> Result<Self, Rejection> {
        serde_json::from_slice(said).map_err(|error| {
            Rejection::new(Code::UpstreamInvalid, "The provider's list could not be read.").cause(error)
        })
    }

    /// The id of its last element, when there are more behind it.
    fn next(&self) -> Option<String> {
        self.has_more.unwrap_or(false).then(|| self.data.last().and_then(|last| id_of(last))).flatten()
    }

    /// Its elements that are the key's own. What batches tell of their results is noted.
    async fn own(
        &self,
        exchange: &Exchange,
        key: &VirtualKey,
        arrival: &Arrival,
        kind: ObjectKind,
    ) -> Result<Vec<&'a RawValue>, Rejection> {
        let Some(provider) = &arrival.provider else { return Ok(Vec::new()) };
        let account = accounts::of(provider, arrival.credential.as_ref());
        let ids: Vec<String> = self.data.iter().filter_map(|element| id_of(element)).collect();
        let owners = &exchange.worker().gateway.owners;
        let own = owners.of_these(kind, &key.id, &account.provider, ids).await;
        let own: HashSet<String> = own.map_err(|error| unavailable(&error))?.into_iter().collect();
        let is_own = |element: &&&RawValue| id_of(element).is_some_and(|id| own.contains(&id));
        let own: Vec<&RawValue> = self.data.iter().filter(is_own).copied().collect();
        if kind == ObjectKind::Batch {
            let batches: Vec<&[u8]> = own.iter().map(|batch| batch.get().as_bytes()).collect();
            seen::results(exchange, key, arrival, &batches).await?;
        }
        Ok(own)
    }
}

/// The page with the key's own elements alone; everything else in it stays as it is.
fn told(
    mut arrival: Arrival,
    said: &Bytes,
    settings: &GatewaySettings,
    own: &[&RawValue],
    more: bool,
) -> Result<Arrival, Rejection> {
    let object = scan_object(said, settings.max_json_depth).map_err(|error| {
        Rejection::new(Code::UpstreamInvalid, "The provider's list could not be read.").cause(error.reason)
    })?;
    let elements: Vec<&str> = own.iter().map(|element| element.get()).collect();
    let id = |element: Option<&&RawValue>| {
        Bytes::from(serde_json::Value::from(element.and_then(|element| id_of(element))).to_string())
    };
    let set = |name, value: Bytes| Edit::Set { name, value };
    let mut edits = vec![
        set("data", format!("[{}]", elements.join(",")).into()),
        set("has_more", Bytes::from_static(if more { b"true" } else { b"false" })),
    ];
    for (name, element) in [("first_id", own.first()), ("last_id", own.last())] {
        if object.get(said, name).is_some() {
            edits.push(set(name, id(element)));
        }
    }
    arrival.length = None;
    arrival.headers.remove(header::ETAG);
    arrival.answer = Answered::Whole(splice(said, &object, &edits).concat().into());
    Ok(arrival)
}

/// The list of a key that owns nothing.
fn nothing() -> Arrival {
    const EMPTY: &[u8] = br#"{"object":"list","data":[],"first_id":null,"last_id":null,"has_more":false}"#;
    Arrival::own(Bytes::from_static(EMPTY))
}

fn after(query: &str) -> Option<String> {
    query::value(query, AFTER)
}

/// The same query, for what stands behind another element.
fn behind(query: &str, after: Option<&str>) -> String {
    let is_after = |pair: &&str| percent_decode(pair.split('=').next().unwrap_or_default()) == AFTER;
    let mut pairs: Vec<String> =
        query.split('&').filter(|pair| !pair.is_empty() && !is_after(pair)).map(str::to_owned).collect();
    pairs.extend(after.map(|after| format!("{AFTER}={}", encoded(after))));
    pairs.join("&")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_begins_behind_another_element() {
        assert_eq!(behind("limit=2&after=a&order=asc", Some("b")), "limit=2&order=asc&after=b");
        assert_eq!(behind("%61fter=a", None), "");
        assert_eq!(behind("", Some("b c")), "after=b%20c");
        assert_eq!(
            (after("limit=1&after=f%2D1"), after("after="), after("x=1")),
            (Some("f-1".into()), None, None)
        );
    }
}
