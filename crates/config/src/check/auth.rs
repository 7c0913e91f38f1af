//! How a provider wants its credential: its entry's scheme, else the definition's.
//!
//! In: an entry and its definition. Out: the scheme with its settings. A setting that the entry leaves out comes from the
//! definition, where that has the same scheme.

use http::HeaderName;
use yumen_llm::catalogue::{Auth, ENTRA_TOKEN_URL, ProviderDefinition, is_query_name, with_parameters};

use super::provider::OWN_HEADERS;
use crate::diagnostic::Diagnostics;
use crate::endpoint::Endpoint;
use crate::place::Place;
use crate::read::words;
use crate::spec::{AuthScheme, AuthSpec, ProviderSpec};

/// The settings of `auth`, the schemes that have each, and an example.
const SETTINGS: [(&str, &[AuthScheme], &str); 5] = [
    ("name", &[AuthScheme::Header, AuthScheme::Query], "x-api-key"),
    ("prefix", &[AuthScheme::Header], "Key "),
    ("service", &[AuthScheme::AwsSigv4, AuthScheme::TencentTc3], "bedrock"),
    ("scope", &[AuthScheme::AzureEntra, AuthScheme::OauthClientCredentials], "https://example.com/.default"),
    (
        "token_url",
        &[AuthScheme::AzureEntra, AuthScheme::BaiduToken, AuthScheme::OauthClientCredentials],
        "https://example.com/oauth/token",
    ),
];

/// The scheme that holds; `None` when something is wrong with it, which has been reported.
pub(super) fn check(
    spec: &ProviderSpec,
    definition: &ProviderDefinition,
    place: &Place<'_>,
    found: &mut Diagnostics,
) -> Option<Auth> {
    let auth_place = place.field("auth");
    let (auth, name_place) = match &spec.auth {
        None => (definition.auth.clone(), auth_place.clone()),
        Some(written) => {
            let (written, defined) = (Settings::written(written), Settings::defined(&definition.auth));
            let reading = Reading { written, defined, place: &auth_place };
            (reading.scheme(found)?, auth_place.field("name"))
        }
    };
    if let Some(url) = auth.token_url() {
        let url = with_parameters(url, |_| Some("x"));
        if let Err(error) = Endpoint::at(&url) {
            let here = auth_place.field("token_url");
            here.error(found, format!("{} {error}", here.path), None);
            return None;
        }
    }
    let fault = match &auth {
        Auth::Header { name, .. } => match HeaderName::from_bytes(name.as_bytes()) {
            Ok(name) if name == http::header::AUTHORIZATION => return Some(auth),
            Ok(name) if !OWN_HEADERS.contains(&name.as_str()) => return Some(auth),
            _ => "is no header that can carry a credential",
        },
        Auth::Query { name } if !is_query_name(name) => "must be letters, digits, `-`, `_` and `.`",
        _ => return Some(auth),
    };
    name_place.error(found, format!("{} {fault}", name_place.with_value()), None);
    None
}

/// The settings of a scheme, by name.
struct Settings<'a> {
    scheme: AuthScheme,
    name: Option<&'a str>,
    prefix: Option<&'a str>,
    service: Option<&'a str>,
    scope: Option<&'a str>,
    token_url: Option<&'a str>,
}

impl<'a> Settings<'a> {
    fn written(spec: &'a AuthSpec) -> Self {
        Self {
            scheme: spec.scheme,
            name: spec.name.as_deref(),
            prefix: spec.prefix.as_deref(),
            service: spec.service.as_deref(),
            scope: spec.scope.as_deref(),
            token_url: spec.token_url.as_deref(),
        }
    }

    fn defined(auth: &'a Auth) -> Self {
        let mut settings = Self {
            scheme: AuthScheme::None,
            name: None,
            prefix: None,
            service: None,
            scope: None,
            token_url: auth.token_url(),
        };
        settings.scheme = match auth {
            Auth::Bearer => AuthScheme::Bearer,
            Auth::Header { name, prefix } => {
                settings.name = Some(name);
                settings.prefix = Some(prefix);
                AuthScheme::Header
            }
            Auth::Query { name } => {
                settings.name = Some(name);
                AuthScheme::Query
            }
            Auth::AwsSigv4 { service } => {
                settings.service = Some(service);
                AuthScheme::AwsSigv4
            }
            Auth::GoogleOauth => AuthScheme::GoogleOauth,
            Auth::AzureEntra { scope, .. } => {
                settings.scope = Some(scope);
                AuthScheme::AzureEntra
            }
            Auth::TencentTc3 { service } => {
                settings.service = Some(service);
                AuthScheme::TencentTc3
            }
            Auth::ZhipuJwt => AuthScheme::ZhipuJwt,
            Auth::BaiduToken { .. } => AuthScheme::BaiduToken,
            Auth::OauthClientCredentials { scope, .. } => {
                settings.scope = scope.as_deref();
                AuthScheme::OauthClientCredentials
            }
            Auth::None => AuthScheme::None,
        };
        settings
    }

    fn get(&self, setting: &str) -> Option<&'a str> {
        match setting {
            "name" => self.name,
            "prefix" => self.prefix,
            "service" => self.service,
            "scope" => self.scope,
            _ => self.token_url,
        }
    }
}

struct Reading<'a> {
    written: Settings<'a>,
    defined: Settings<'a>,
    place: &'a Place<'a>,
}

impl Reading<'_> {
    fn scheme(&self, found: &mut Diagnostics) -> Option<Auth> {
        let scheme = self.written.scheme;
        let mut fits = true;
        for (setting, schemes, _) in SETTINGS {
            if self.written.get(setting).is_some() && !schemes.contains(&scheme) {
                fits = false;
                let here = self.place.field(setting);
                let schemes = words(schemes.iter().map(|scheme| scheme.name()));
                let hint = Some(format!("remove it, or write `scheme:` with one of {schemes}"));
                here.error(found, format!("{} is not for the scheme `{}`", here.path, scheme.name()), hint);
            }
        }
        let inherits = self.defined.scheme == scheme;
        let optional = |setting: &str| {
            let value = self.written.get(setting).or_else(|| self.defined.get(setting).filter(|_| inherits));
            value.map(str::to_owned)
        };
        let mut needed = |setting: &str| {
            let value = optional(setting);
            if value.is_none() {
                let example = SETTINGS.iter().find(|(name, ..)| *name == setting).map_or("", |row| row.2);
                let hint = Some(format!("write for example `{setting}: {example}`"));
                self.place.error(found, format!("{} lacks the field `{setting}`", self.place.path), hint);
            }
            value
        };
        let auth = match scheme {
            AuthScheme::Bearer => Auth::Bearer,
            AuthScheme::Header => {
                Auth::Header { name: needed("name")?, prefix: optional("prefix").unwrap_or_default() }
            }
            AuthScheme::Query => Auth::Query { name: needed("name")? },
            AuthScheme::AwsSigv4 => Auth::AwsSigv4 { service: needed("service")? },
            AuthScheme::GoogleOauth => Auth::GoogleOauth,
            AuthScheme::AzureEntra => Auth::AzureEntra {
                scope: needed("scope")?,
                token_url: optional("token_url").unwrap_or_else(|| ENTRA_TOKEN_URL.to_owned()),
            },
            AuthScheme::TencentTc3 => Auth::TencentTc3 { service: needed("service")? },
            AuthScheme::ZhipuJwt => Auth::ZhipuJwt,
            AuthScheme::BaiduToken => Auth::BaiduToken { token_url: needed("token_url")? },
            AuthScheme::OauthClientCredentials => {
                Auth::OauthClientCredentials { token_url: needed("token_url")?, scope: optional("scope") }
            }
            AuthScheme::None => Auth::None,
        };
        fits.then_some(auth)
    }
}
