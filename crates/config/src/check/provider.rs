//! One provider: the definition that its `type` names, with what the entry says in place of it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderName, HeaderValue};
use yumen_llm::catalogue::{Auth, ProviderDefinition};

use super::{Surroundings, endpoints, models};
use crate::diagnostic::{Diagnostics, shown};
use crate::near::nearest;
use crate::place::Place;
use crate::provider::{AuthHeader, Credential, Provider, Timeouts};
use crate::read::Resource;
use crate::rotation::Rotation;
use crate::secret::{Secret, credential_id};
use crate::spec::{AuthScheme, CredentialSpec, ProviderSpec, TimeoutSpec};

/// Headers that belong to the connection or to the gateway; a configuration must not set them.
const OWN_HEADERS: [&str; 10] = [
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
    let auth = auth(spec, definition, place, found);
    let headers = headers(spec, definition, &place.field("headers"), found);
    let endpoints = endpoints::check(resource, spec, definition, found);
    let endpoints =
        endpoints.into_iter().map(|(dialect, endpoint)| (dialect, endpoint.with_headers(&headers))).collect();
    let provider = Provider {
        id: Arc::from(name),
        kind: Arc::from(&*definition.id),
        name: Arc::from(spec.name.as_deref().unwrap_or(&definition.name)),
        endpoints,
        headers,
        credentials: credentials(name, resource, definition, &auth, surroundings, found),
        auth,
        quirks: spec.quirks.clone().unwrap_or_else(|| definition.quirks.clone()),
        timeouts: timeouts(&spec.timeouts),
        models: models::check(spec, definition, &place.field("models"), found),
    };
    (resource.whole && found.errors() == errors_before).then_some(provider)
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

fn auth(
    spec: &ProviderSpec,
    definition: &ProviderDefinition,
    place: &Place<'_>,
    found: &mut Diagnostics,
) -> AuthHeader {
    let place = place.field("auth");
    let (name, place) = match (&spec.auth, &definition.auth) {
        (Some(auth), _) => match (auth.scheme, &auth.name) {
            (AuthScheme::Header, Some(name)) => (name, place.field("name")),
            (AuthScheme::Header, None) => {
                let hint = Some("write for example `name: x-api-key`".to_owned());
                place.error(found, format!("{} lacks the field `name`", place.path), hint);
                return AuthHeader::None;
            }
            (_, Some(_)) => {
                let here = place.field("name");
                let hint = Some("remove it, or write `scheme: header`".to_owned());
                here.error(found, format!("{} is for the scheme `header` only", here.path), hint);
                return AuthHeader::None;
            }
            (AuthScheme::Bearer, None) => return AuthHeader::Bearer,
            (AuthScheme::None, None) => return AuthHeader::None,
        },
        (None, Auth::Bearer) => return AuthHeader::Bearer,
        (None, Auth::None) => return AuthHeader::None,
        (None, Auth::Header { name }) => (name, place),
    };
    match HeaderName::from_bytes(name.as_bytes()) {
        Ok(header) if header == http::header::AUTHORIZATION || !OWN_HEADERS.contains(&header.as_str()) => {
            AuthHeader::Header(header)
        }
        _ => {
            place.error(
                found,
                format!("{} is no header that can carry a credential", place.with_value()),
                None,
            );
            AuthHeader::None
        }
    }
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

fn credentials(
    provider: &str,
    resource: &Resource<'_, ProviderSpec>,
    definition: &ProviderDefinition,
    auth: &AuthHeader,
    surroundings: &Surroundings<'_>,
    found: &mut Diagnostics,
) -> Rotation<Arc<Credential>> {
    let Resource { place, spec: Some(spec), whole } = resource else { return Rotation::even([]) };
    let usual = || definition.credential.iter().flat_map(|credential| &credential.env);
    let from_environment = || {
        let value = usual().filter_map(|name| (surroundings.env)(name)).find(|value| !value.is_empty());
        value.map(|value| CredentialSpec { secret: Secret::new(&value), weight: 1, name: None })
    };
    let declared = spec.credentials.clone().unwrap_or_else(|| from_environment().into_iter().collect());
    let section = place.field("credentials");
    // A server at the operator's own base URL may do without one; the vendor's own service never does.
    let needed = *auth != AuthHeader::None && spec.base_url.is_none() && definition.base_url.is_some();
    if declared.is_empty() && needed && *whole {
        let variable = usual().next().map_or("NAME", String::as_str);
        let hint = format!("set `{variable}`, or write `credentials: [ {{ secret: \"${{{variable}}}\" }} ]`");
        section.error(found, format!("{} has no credential", place.path), Some(hint));
    }
    let mut checked: Vec<(Arc<Credential>, u32)> = Vec::new();
    for (index, credential) in declared.iter().enumerate() {
        let here = if spec.credentials.is_some() { section.item(index) } else { place.clone() };
        let label = credential.name.clone().unwrap_or_else(|| format!("#{}", index + 1));
        let Some(header) = credential_header(&credential.secret, auth, &here.field("secret"), found) else {
            continue;
        };
        let id = credential_id(provider, &credential.secret);
        for (earlier, _) in &checked {
            if *earlier.label == *label {
                here.error(
                    found,
                    format!("{} is the second credential named {}", here.path, shown(&label)),
                    None,
                );
            }
            if earlier.id == id {
                let message = format!("{} has the same secret as {}", here.path, shown(&earlier.label));
                here.warn(found, message, Some("keep one and raise its weight".to_owned()));
            }
        }
        checked.push((Arc::new(Credential { id, label: Arc::from(label), header }), credential.weight));
    }
    Rotation::new(checked)
}

/// The header value that carries a secret. Messages say what is wrong with it, never what it is.
fn credential_header(
    secret: &Secret,
    auth: &AuthHeader,
    place: &Place<'_>,
    found: &mut Diagnostics,
) -> Option<HeaderValue> {
    let text = secret.expose();
    let fault = if text.is_empty() {
        "is empty"
    } else if !text.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ') || text.trim() != text {
        "has white space around it or characters that no header can carry"
    } else {
        let text = match auth {
            AuthHeader::Header(_) => HeaderValue::from_str(text),
            AuthHeader::Bearer | AuthHeader::None => HeaderValue::try_from(format!("Bearer {text}")),
        };
        if let Ok(mut value) = text {
            value.set_sensitive(true);
            return Some(value);
        }
        "cannot be sent in a header"
    };
    place.error(found, format!("{} {fault}", place.path), None);
    None
}

fn timeouts(spec: &TimeoutSpec) -> Timeouts {
    Timeouts {
        connect: Duration::from_millis(spec.connect_ms),
        first_byte: Duration::from_millis(spec.first_byte_ms),
        idle: Duration::from_millis(spec.idle_ms),
        total: Duration::from_millis(spec.total_ms),
    }
}
