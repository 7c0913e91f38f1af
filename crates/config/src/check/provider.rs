//! One provider: the definition that its `type` names, with what the entry says in place of it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderName, HeaderValue};
use yumen_llm::catalogue::{DataPolicy, ProviderDefinition};
use yumen_llm::dialects::Dialect;

use super::credentials::Checking;
use super::parameters::Parameters;
use super::{Surroundings, auth, discovery, endpoints, models, probe};
use crate::base::Base;
use crate::diagnostic::{Diagnostics, shown};
use crate::endpoint::Endpoint;
use crate::near::nearest;
use crate::path_rules::PathRules;
use crate::place::Place;
use crate::provider::{Provider, Timeouts, told_by_url};
use crate::read::Resource;
use crate::rotation::Rotation;
use crate::spec::{ProviderSpec, TimeoutSpec};

/// Headers that belong to the connection or to the gateway; a configuration must not set them.
pub(super) const OWN_HEADERS: [&str; 10] = [
    "authorization",
    "connection",
    "content-length",
    "content-type",
    "expect",
    "host",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// The checked provider; `None` when anything is wrong with it, all of which has been reported.
pub(super) fn check(
    name: &str,
    resource: &Resource<'_, ProviderSpec>,
    surroundings: &Surroundings<'_>,
    found: &mut Diagnostics,
) -> Option<Provider> {
    let (spec, place) = (resource.spec.as_ref()?, &resource.place);
    let errors_before = found.errors();
    let word = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    if !(1..=64).contains(&name.len()) || !name.bytes().all(word) {
        let message = format!("{} is no name for a provider", shown(name));
        place.error(found, message, Some("use at most 64 letters, digits, `.`, `_` and `-`".to_owned()));
    }
    let definition = definition(name, spec, place, surroundings, found)?;
    let auth = auth::check(spec, definition, place, found);
    let mut parameters = Parameters::gather(resource, spec, definition, auth.as_ref(), surroundings, found);
    let headers = headers(spec, definition, &place.field("headers"), found);
    let places = endpoints::check(resource, spec, definition, &mut parameters, found);
    let base = places.base.as_deref().and_then(|base| base_of(base, &mut parameters, &headers, place, found));
    let passthrough = passthrough(spec, base.as_ref(), &place.field("passthrough"), found);
    let endpoints: BTreeMap<Dialect, Endpoint> = places
        .endpoints
        .into_iter()
        .map(|(dialect, endpoint)| (dialect, endpoint.with_headers(&headers)))
        .collect();
    let model_source = match found.errors() == errors_before {
        true => discovery::check(spec, definition, &mut parameters, place, found),
        false => None,
    };
    let probe = match found.errors() == errors_before {
        true => probe::check(spec.probe.as_ref(), model_source.as_ref(), &endpoints, place, found),
        false => None,
    };
    let credentials = match &auth {
        Some(auth) => {
            let checking = Checking { provider: name, resource, spec, definition, auth, surroundings };
            checking.check(&mut parameters, found)
        }
        None => Rotation::even([]),
    };
    let region = spec.region.as_deref().or_else(|| parameters.value("region"));
    let region = region.or_else(|| parameters.value("location")).map(Arc::from);
    // What all servers of a kind are called would name none of them.
    let usual = if told_by_url(&definition.id) { name } else { &definition.name };
    let provider = Provider {
        id: Arc::from(name),
        kind: Arc::from(&*definition.id),
        name: Arc::from(spec.name.as_deref().unwrap_or(usual)),
        endpoints,
        base,
        passthrough,
        headers,
        credentials: Arc::new(credentials),
        model_source,
        probe,
        quirks: spec.quirks.clone().unwrap_or_else(|| definition.quirks.clone()),
        timeouts: timeouts(&spec.timeouts),
        region,
        data_policy: DataPolicy {
            trains: spec.data_policy.trains.or(definition.data_policy.trains),
            retention_days: spec.data_policy.retention_days.or(definition.data_policy.retention_days),
        },
        links: definition.links.clone(),
        models: models::check(spec, definition, &place.field("models"), found),
    };
    (resource.whole && found.errors() == errors_before).then_some(provider)
}

/// The base URL below which calls go through. One that the definition gives is filled in here; an operator's own is already.
/// What is wrong with it has been reported where it is needed.
fn base_of(
    base: &str,
    parameters: &mut Parameters<'_>,
    headers: &[(HeaderName, HeaderValue)],
    place: &Place<'_>,
    found: &mut Diagnostics,
) -> Option<Base> {
    let base = parameters.fill(base, &place.field("base_url"), found)?;
    Base::new(&base, headers).ok()
}

fn passthrough(
    spec: &ProviderSpec,
    base: Option<&Base>,
    place: &Place<'_>,
    found: &mut Diagnostics,
) -> PathRules {
    let mut rules = PathRules::default();
    for (index, text) in spec.passthrough.iter().enumerate() {
        if let Err(fault) = rules.add(text) {
            let here = place.item(index);
            let hint = "write for example `GET /fine_tuning/**`, `POST,DELETE /assistants/*` or `/x`";
            here.error(found, format!("{} {fault}", here.with_value()), Some(hint.to_owned()));
        }
    }
    if base.is_none() && !rules.is_empty() {
        let hint = "set `base_url` to where they are to go".to_owned();
        place.error(
            found,
            format!("{}: there is no base URL below which calls could go", place.path),
            Some(hint),
        );
    }
    rules
}

fn definition<'c>(
    name: &str,
    spec: &ProviderSpec,
    place: &Place<'_>,
    surroundings: &Surroundings<'c>,
    found: &mut Diagnostics,
) -> Option<&'c ProviderDefinition> {
    let known = &surroundings.catalogue.providers;
    let kind = spec.kind.as_deref().unwrap_or(name);
    if let Some(definition) = known.get(kind) {
        return Some(definition);
    }
    let near = nearest(kind, known.keys().map(String::as_str), 1);
    let otherwise =
        "write `type: openai-compatible` and a `base_url` for a server that is not in the catalogue";
    let hint = match (near.first(), &spec.kind) {
        (Some(near), _) => format!("write `type: {near}`, or {}", otherwise.trim_start_matches("write ")),
        (None, _) => otherwise.to_owned(),
    };
    let here = if spec.kind.is_some() { place.field("type") } else { place.clone() };
    let message = match here.as_written().filter(|_| spec.kind.is_some()) {
        Some(written) => format!("{}: no provider type is called {written}", here.path),
        None => format!("no provider type is called {}", shown(kind)),
    };
    here.error(found, message, Some(hint));
    None
}

fn headers(
    spec: &ProviderSpec,
    definition: &ProviderDefinition,
    place: &Place<'_>,
    found: &mut Diagnostics,
) -> Vec<(HeaderName, HeaderValue)> {
    let mut headers = BTreeMap::new();
    for (name, value) in &definition.headers {
        match (HeaderName::from_bytes(name.as_bytes()), HeaderValue::from_str(value)) {
            (Ok(name), Ok(value)) => drop(headers.insert(name.as_str().to_owned(), (name, value))),
            _ => place.error(found, format!("the definition's header {} cannot be sent", shown(name)), None),
        }
    }
    for (name, value) in &spec.headers {
        let here = place.field(name);
        let Ok(name) = HeaderName::from_bytes(name.as_bytes()) else {
            here.error(found, format!("{} is no header name", here.path), None);
            continue;
        };
        if OWN_HEADERS.contains(&name.as_str()) {
            let hint = Some("a credential goes into `credentials`, its form into `auth`".to_owned());
            here.error(found, format!("{} is a header that the gateway itself sets", here.path), hint);
            continue;
        }
        match HeaderValue::from_str(value.expose()) {
            Ok(mut value) => {
                value.set_sensitive(true);
                headers.insert(name.as_str().to_owned(), (name, value));
            }
            Err(_) => {
                here.error(found, format!("{} has characters that no header can carry", here.path), None)
            }
        }
    }
    headers.into_values().collect()
}

fn timeouts(spec: &TimeoutSpec) -> Timeouts {
    Timeouts {
        connect: Duration::from_millis(spec.connect_ms),
        first_byte: Duration::from_millis(spec.first_byte_ms),
        idle: Duration::from_millis(spec.idle_ms),
        total: Duration::from_millis(spec.total_ms),
    }
}
