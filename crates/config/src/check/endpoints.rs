//! Where a provider is reached: its definition's dialects at the base URL that holds for each.

use std::borrow::Cow;
use std::collections::BTreeMap;

use yumen_llm::catalogue::{DialectPath, ProviderDefinition};
use yumen_llm::dialects::{Dialect, Upstream, codec};

use super::parameters::Parameters;
use crate::diagnostic::Diagnostics;
use crate::endpoint::{Endpoint, EndpointError, Paths, Scheme};
use crate::place::Place;
use crate::read::Resource;
use crate::spec::{DialectSpec, ProviderSpec};

/// Where a provider is reached.
#[derive(Default)]
pub(super) struct Places {
    /// Its base URL, filled in.
    pub(super) base: Option<String>,
    /// Where each wire format is spoken.
    pub(super) endpoints: BTreeMap<Dialect, Endpoint>,
}

/// The base URL of a provider and its endpoints by dialect; what is wrong is reported.
///
/// A base URL that the definition gives for one dialect belongs to the definition's own base URL: when the
/// operator sets another base, that dialect is not spoken unless the operator says where. Otherwise the
/// operator's requests and credential would go to a host that was replaced.
pub(super) fn check(
    resource: &Resource<'_, ProviderSpec>,
    spec: &ProviderSpec,
    definition: &ProviderDefinition,
    parameters: &mut Parameters<'_>,
    found: &mut Diagnostics,
) -> Places {
    let place = &resource.place;
    let base = match &spec.base_url {
        Some(base) => {
            let here = place.field("base_url");
            let Some(base) = parameters.fill(base, &here, found) else { return Places::default() };
            if !check_base(&base, definition, &here, found) {
                return Places::default();
            }
            Some(base.into_owned())
        }
        None => parameters.base_url().map(str::to_owned),
    };
    let inherited: BTreeMap<Dialect, DialectSpec> = definition
        .dialects
        .iter()
        .filter(|(_, defined)| spec.base_url.is_none() || defined.base_url.is_none())
        .map(|(dialect, _)| (*dialect, DialectSpec::default()))
        .collect();
    let dialects = spec.dialects.as_ref().unwrap_or(&inherited);
    let errors_before = found.errors();
    let (mut endpoints, mut incomplete) = (BTreeMap::new(), false);
    for (dialect, chosen) in dialects {
        let here = place.field("dialects").field(codec(*dialect).outline().name);
        let defined = definition.dialects.get(dialect);
        if codec(*dialect).outline().upstream == Upstream::Never {
            let hint = "clients speak it with the gateway; name the format in which the provider is asked";
            here.error(found, format!("{} is spoken by no provider", here.path), Some(hint.to_owned()));
            continue;
        }
        let Some(paths) = paths(*dialect, chosen, defined) else {
            let hint = "write for example `path: /chat/completions`".to_owned();
            here.error(found, format!("{} lacks the field `path`", here.path), Some(hint));
            continue;
        };
        let own = chosen.base_url.as_deref();
        // What stands beside the definition's base belongs to the definition's path.
        let beside = defined.filter(|_| chosen.path.is_none());
        let base = base.as_deref().map(|base| beside.map_or(base, |defined| defined.base_of(base)));
        let defined_base = defined.and_then(|defined| defined.base_url.as_deref());
        let Some(base) = own.or(defined_base.filter(|_| spec.base_url.is_none())).or(base) else {
            if resource.whole {
                let hint = Some("write for example `base_url: http://127.0.0.1:8000/v1`".to_owned());
                place.error(found, format!("{} lacks the field `base_url`", place.path), hint);
            }
            return Places { base: None, endpoints };
        };
        let filled = parameters.fill(base, &here.field("base_url"), found);
        let Some((base, paths)) = filled.zip(filled_paths(paths, parameters, &here, found)) else {
            incomplete = true;
            continue;
        };
        if own.is_some() && !check_base(&base, definition, &here.field("base_url"), found) {
            continue;
        }
        match Endpoint::join_all(&base, &paths) {
            Ok(mut endpoint) => {
                let is_own = spec.base_url.is_some() || own.is_some();
                let usual = defined.filter(|_| !is_own).map(|defined| &defined.leads_to);
                for address in chosen.leads_to.as_ref().or(usual).into_iter().flatten() {
                    match Endpoint::join(address, "/") {
                        Ok(other) => endpoint.leads_to.push(other),
                        Err(error) => {
                            let here = here.field("leads_to");
                            here.error(found, format!("{} {error}", here.path), None);
                        }
                    }
                }
                endpoints.insert(*dialect, endpoint);
            }
            Err(error) => here.field("path").error(found, format!("{}.path {error}", here.path), None),
        }
    }
    if endpoints.is_empty() && !incomplete && resource.whole && found.errors() == errors_before {
        let message = format!("{} speaks no wire format", place.path);
        let hint = "write for example `dialects: { openai_chat: { path: /chat/completions } }`".to_owned();
        place.error(found, message, Some(hint));
    }
    Places { base, endpoints }
}

/// The paths of a wire format. The definition's others belong to the definition's own path: where the operator sets that
/// one, only what he says of the others holds.
fn paths<'a>(
    dialect: Dialect,
    chosen: &'a DialectSpec,
    defined: Option<&'a DialectPath>,
) -> Option<Paths<'a>> {
    let inherited = defined.filter(|_| chosen.path.is_none());
    let pick = |chosen: &'a Option<String>, inherited: Option<&'a Option<String>>| {
        chosen.as_deref().or(inherited.and_then(|inherited| inherited.as_deref()))
    };
    let path: &'a str = chosen.path.as_deref().or(inherited.map(|defined| &*defined.path))?;
    let count_path = pick(&chosen.count_path, inherited.map(|defined| &defined.count_path));
    let suffixed = || {
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        let query = if query.is_empty() { String::new() } else { format!("?{query}") };
        codec(dialect).outline().count_suffix.map(|suffix| Cow::Owned(format!("{path}{suffix}{query}")))
    };
    Some(Paths {
        path: Cow::Borrowed(path),
        stream_path: pick(&chosen.stream_path, inherited.map(|defined| &defined.stream_path))
            .map(Cow::Borrowed),
        second_path: pick(&chosen.second_path, inherited.map(|defined| &defined.second_path))
            .map(Cow::Borrowed),
        count_path: count_path.map(Cow::Borrowed).or_else(suffixed),
        upload_path: pick(&chosen.upload_path, inherited.map(|defined| &defined.upload_path))
            .map(Cow::Borrowed),
    })
}

/// The paths with the provider's parameters in them.
fn filled_paths<'a>(
    paths: Paths<'a>,
    parameters: &mut Parameters<'_>,
    place: &Place<'_>,
    found: &mut Diagnostics,
) -> Option<Paths<'a>> {
    let mut fill = |name: &str, path: Cow<'a, str>| match path {
        Cow::Borrowed(path) => parameters.fill(path, &place.field(name), found),
        Cow::Owned(path) => {
            parameters.fill(&path, &place.field(name), found).map(|path| Cow::Owned(path.into_owned()))
        }
    };
    let mut all = |name: &str, path: Option<Cow<'a, str>>| match path {
        Some(path) => fill(name, path).map(Some),
        None => Some(None),
    };
    Some(Paths {
        stream_path: all("stream_path", paths.stream_path)?,
        second_path: all("second_path", paths.second_path)?,
        count_path: all("count_path", paths.count_path)?,
        upload_path: all("upload_path", paths.upload_path)?,
        path: fill("path", paths.path)?,
    })
}

/// Checks a base URL alone, so that its faults are reported once and at its place.
fn check_base(
    base: &str,
    definition: &ProviderDefinition,
    place: &Place<'_>,
    found: &mut Diagnostics,
) -> bool {
    let inside = definition.base_url.as_deref().is_some_and(|base| base.starts_with("builtin://"));
    let fault = match Endpoint::join(base, "/") {
        Ok(endpoint) if endpoint.scheme == Scheme::Builtin && !inside => EndpointError::Scheme,
        Ok(_) => return true,
        Err(fault) => fault,
    };
    place.error(found, format!("{} {fault}", place.path), None);
    false
}
