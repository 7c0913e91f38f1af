//! OpenRouter's catalogue and account at `/api/v1`: models, their deployments, providers, the calling key and its cost.
//!
//! In: what is looked up, the live Snapshot and the request's head. Out: JSON with the keys and nulls that OpenRouter's own
//! library insists on (`@openrouter/sdk` refuses an answer in which a required one is missing). Whoever asks sees what
//! the key may use and a configured provider serves, and nothing else. What is not known is null or left out; an
//! unknown price is `-1`, as OpenRouter says it of models whose price varies.

mod account;
mod endpoint;
mod model;
mod pricing;

use std::collections::BTreeMap;
use std::sync::Arc;

use http::{HeaderMap, HeaderValue, StatusCode, header, request};
use serde::Serialize;
use serde_json::{Value, json};
use yumen_config::{Deployment, Listed, ModelPatterns, ModelQuery, Provider, Snapshot, may_use};
use yumen_llm::percent::percent_decode;

use crate::body::Body;
use crate::kinds::llm::Answer;
use crate::rejection::{Code, Rejection};
use crate::route::Lookup;
use crate::stages;
use crate::worker::{Gateway, Worker};

/// What a look-up reads, apart from the worker: lists of thousands of models are made on a thread of their own.
struct Reader {
    snapshot: Arc<Snapshot>,
    /// The models that may be seen.
    allowed: ModelPatterns,
    /// Unix seconds.
    now: i64,
    /// How deployments do.
    gateway: Arc<Gateway>,
}

/// Answers a look-up.
pub(super) async fn answer(
    worker: &Worker,
    snapshot: &Arc<Snapshot>,
    lookup: &Lookup,
    head: &request::Parts,
) -> Result<Answer, Rejection> {
    let gateway = &worker.gateway;
    if matches!(lookup, Lookup::Key | Lookup::Credits) {
        let key = stages::identify(gateway, snapshot, &head.headers, &head.uri)?;
        return account::answer(gateway, &key, lookup).await;
    }
    let now = jiff::Timestamp::now().as_second();
    let reader = Reader {
        snapshot: Arc::clone(snapshot),
        allowed: seen_by(gateway, snapshot, lookup, head)?,
        now,
        gateway: Arc::clone(gateway),
    };
    let pairs = pairs(head.uri.query().unwrap_or_default());
    let lookup = lookup.clone();
    // A few at a time: each holds megabytes while it is made. The semaphore is never closed.
    let _turn = gateway.listings.acquire().await;
    let made = tokio::task::spawn_blocking(move || reader.read(&lookup, &pairs)).await;
    made.unwrap_or_else(|error| {
        Err(Rejection::new(Code::Internal, "The list could not be made.").cause(error))
    })
}

/// The models that the caller may see: those of the key, or all where lists are public and no key is sent.
fn seen_by(
    gateway: &Gateway,
    snapshot: &Snapshot,
    lookup: &Lookup,
    head: &request::Parts,
) -> Result<ModelPatterns, Rejection> {
    match stages::identify(gateway, snapshot, &head.headers, &head.uri) {
        Ok(key) => Ok(key.models.clone()),
        Err(rejection)
            if rejection.code == Code::MissingKey
                && snapshot.gateway.public_models
                && *lookup != Lookup::UserModels =>
        {
            Ok(ModelPatterns::all())
        }
        Err(rejection) => Err(rejection),
    }
}

/// The parameters of a query, decoded.
fn pairs(query: &str) -> Vec<(String, String)> {
    let decoded = |text: &str| percent_decode(&text.replace('+', " "));
    let pairs = query.split('&').filter(|pair| !pair.is_empty());
    pairs
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decoded(name), decoded(value))
        })
        .collect()
}

impl Reader {
    fn read(&self, lookup: &Lookup, pairs: &[(String, String)]) -> Result<Answer, Rejection> {
        match lookup {
            Lookup::Models => self.models(pairs, "/api/v1/models"),
            Lookup::EmbeddingModels => {
                let only = ("output_modalities".to_owned(), "embeddings".to_owned());
                let others = pairs.iter().filter(|(name, _)| *name != only.0).cloned();
                self.models(&others.chain([only.clone()]).collect::<Vec<_>>(), "/api/v1/embeddings/models")
            }
            Lookup::UserModels => self.models(pairs, "/api/v1/models/user"),
            Lookup::ModelsCount => {
                let query = query(pairs)?;
                let models = self.snapshot.listed(&self.allowed);
                let count = models.iter().filter(|model| query.matches(**model, self.now)).count();
                Ok(json_of(&json!({ "data": { "count": count } })))
            }
            Lookup::Model(id) => self.with_model(id, |model| json_of(&Data { data: model::of(model) })),
            Lookup::Endpoints(id) => self
                .with_model(id, |model| json_of(&Data { data: model::with_endpoints(model, &self.gateway) })),
            Lookup::ZdrEndpoints => Ok(json_of(&Data { data: self.endpoints_that_keep_nothing() })),
            Lookup::Providers => Ok(json_of(&Data { data: self.providers() })),
            Lookup::Key | Lookup::Credits => {
                Err(Rejection::new(Code::Internal, "An account has come to the wrong place."))
            }
        }
    }

    fn models(&self, pairs: &[(String, String)], path: &str) -> Result<Answer, Rejection> {
        let query = query(pairs)?;
        let page = query.page(self.snapshot.listed(&self.allowed), self.now);
        let next = page.next.map(|(offset, limit)| next_page(path, pairs, offset, limit));
        let list = List {
            data: page.models.into_iter().map(model::of).collect(),
            total_count: page.total,
            links: Links { next },
        };
        Ok(json_of(&list))
    }

    fn with_model(&self, id: &str, show: impl FnOnce(Listed<'_>) -> Answer) -> Result<Answer, Rejection> {
        let target = self.snapshot.target(id).filter(|target| may_use(&self.allowed, id, target));
        let target = target.ok_or_else(|| stages::unknown_model(&self.snapshot, &self.allowed, id))?;
        Ok(show(Listed { name: &target.name, target: &target }))
    }

    /// Each deployment once, under the first name by which it can be asked for.
    fn endpoints_that_keep_nothing(&self) -> Vec<endpoint::Endpoint<'_>> {
        let mut found: BTreeMap<(&str, &str), (Listed<'_>, &Deployment)> = BTreeMap::new();
        for model in self.snapshot.listed(&self.allowed) {
            for deployment in model.deployments().filter(|deployment| deployment.provider.keeps_nothing()) {
                let place = (&*deployment.provider.id, &*deployment.model.native_id);
                found.entry(place).or_insert((model, deployment));
            }
        }
        found
            .into_values()
            .map(|(model, deployment)| endpoint::of(model, deployment, &self.gateway))
            .collect()
    }

    /// The providers of which the caller may use a model.
    fn providers(&self) -> Vec<Value> {
        let mut found: BTreeMap<&str, &Provider> = BTreeMap::new();
        for model in self.snapshot.listed(&self.allowed) {
            for deployment in model.deployments() {
                found.insert(&deployment.provider.id, &deployment.provider);
            }
        }
        // A provider that lists no models can be asked for any by `provider/native-id`.
        for (id, provider) in self.snapshot.providers.iter() {
            if provider.models.is_empty() && self.allowed.allows(&format!("{id}/*")) {
                found.insert(id, provider);
            }
        }
        found.into_values().map(provider).collect()
    }
}

fn provider(provider: &Provider) -> Value {
    let links = &provider.links;
    json!({
        "name": provider.name, "slug": provider.id,
        "privacy_policy_url": links.privacy, "terms_of_service_url": links.terms,
        "status_page_url": links.status, "headquarters": null, "datacenters": null,
    })
}

fn query(pairs: &[(String, String)]) -> Result<ModelQuery, Rejection> {
    let mut query = ModelQuery::text_models();
    for (name, value) in pairs {
        query.set(name, value).map_err(|error| {
            Rejection::new(Code::InvalidRequest, format!("{error}.")).param(&error.parameter)
        })?;
    }
    Ok(query)
}

/// Where the next page is: the same query with another offset.
fn next_page(path: &str, pairs: &[(String, String)], offset: usize, limit: usize) -> String {
    let mut link = format!("{path}?offset={offset}&limit={limit}");
    for (name, value) in pairs.iter().filter(|(name, _)| !["offset", "limit", "key"].contains(&name.as_str()))
    {
        link.push('&');
        yumen_config::push_encoded(&mut link, name.as_bytes());
        link.push('=');
        yumen_config::push_encoded(&mut link, value.as_bytes());
    }
    link
}

#[derive(Serialize)]
struct Data<T> {
    data: T,
}

#[derive(Serialize)]
struct List<'s> {
    data: Vec<model::Model<'s>>,
    total_count: usize,
    links: Links,
}

#[derive(Serialize)]
struct Links {
    next: Option<String>,
}

fn json_of(value: &impl Serialize) -> Answer {
    let mut headers = HeaderMap::with_capacity(4);
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    // Strings, numbers and lists of them always become JSON.
    let body = serde_json::to_vec(value).unwrap_or_default();
    Answer { status: StatusCode::OK, headers, body: Body::full(body) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_is_decoded_and_its_next_page_is_the_same_query() {
        let pairs = pairs("q=a+b%26&limit=2&&key=secret&flag");
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(pairs, [pair("q", "a b&"), pair("limit", "2"), pair("key", "secret"), pair("flag", "")]);
        let next = next_page("/api/v1/models", &pairs, 2, 2);
        assert_eq!(next, "/api/v1/models?offset=2&limit=2&q=a%20b%26&flag=");
    }

    #[test]
    fn what_cannot_be_answered_is_refused_with_its_name() {
        let pair = |name: &str, value: &str| vec![(name.to_owned(), value.to_owned())];
        let refused = query(&pair("sort", "best")).unwrap_err();
        assert_eq!((refused.code, refused.param.as_deref()), (Code::InvalidRequest, Some("sort")));
        assert!(refused.message.contains("pricing-low-to-high"), "{}", refused.message);
        assert!(query(&pair("client_version", "1.2")).is_ok());
    }
}
