//! From a credential's parts to what its scheme needs, and to what must never be shown of it.
//!
//! In: a scheme and a credential's secret and further parts. Out: the checked form. Messages say what is wrong with a
//! secret, never what it is.

use std::collections::BTreeMap;
use std::sync::Arc;

use http::{HeaderName, HeaderValue, header};
use serde_json::Value;
use yumen_llm::catalogue::{Auth, is_parameter_value};

use super::parameters::Parameters;
use crate::credential::{
    AwsKey, GoogleServiceAccount, GoogleUser, OauthClient, Proof, SigningKey, TencentKey, TokenSource,
};
use crate::diagnostic::{Diagnostics, shown};
use crate::endpoint::{Endpoint, encoded};
use crate::place::Place;
use crate::secret::Secret;

/// Where Google gives tokens when a key does not say it.
const GOOGLE_TOKEN_URL: &str = "https://oauth2.googleapis.com/token";
/// Where a machine of Google's is told its own account's token: this host, and no other.
const GOOGLE_METADATA_URL: &str =
    "http://metadata.google.internal/computeMetadata/v1/instance/service-accounts/default/token";

/// A further part that is shorter is no secret.
const PART_BYTES_LEAST: usize = 8;

/// What a proof is made of.
pub(super) struct Parts<'a> {
    /// The secret; none only where the scheme can do without.
    pub(super) secret: Option<&'a Secret>,
    /// The further parts. All that the scheme needs are there.
    pub(super) fields: &'a BTreeMap<String, Secret>,
    /// Where the secret stands.
    pub(super) place: &'a Place<'a>,
    /// Where the further parts stand.
    pub(super) fields_place: &'a Place<'a>,
    /// Where the scheme stands.
    pub(super) auth_place: &'a Place<'a>,
}

/// A proof, what must not be shown of it, and what else it takes for two credentials to be the same.
pub(super) struct Proven {
    pub(super) proof: Proof,
    pub(super) secrets: Vec<Secret>,
    pub(super) identity: Vec<String>,
}

impl Parts<'_> {
    /// The proof in this scheme; `None` when something is wrong, which has been reported.
    pub(super) fn prove(
        &self,
        auth: &Auth,
        parameters: &mut Parameters<'_>,
        found: &mut Diagnostics,
    ) -> Option<Proven> {
        if *auth == Auth::GoogleOauth {
            return self.google(found);
        }
        let secret = self.secret?;
        if let Some(fault) = sendable(secret.expose()) {
            self.place.error(found, format!("{} {fault}", self.place.path), None);
            return None;
        }
        let proof = match auth {
            Auth::Bearer | Auth::None => self.header(header::AUTHORIZATION, "Bearer ", found)?,
            Auth::Header { name, prefix } => {
                self.header(HeaderName::from_bytes(name.as_bytes()).ok()?, prefix, found)?
            }
            Auth::Query { name } => {
                let pair = format!("{name}={}", encoded(secret.expose()));
                Proof::Query { pair: Secret::new(&pair) }
            }
            Auth::AwsSigv4 { service } => Proof::AwsSigv4(Box::new(AwsKey {
                access_key_id: self.field("access_key_id")?.clone(),
                secret_access_key: secret.clone(),
                session_token: self.field("session_token").and_then(|token| sensitive(token.expose())),
                region: Arc::from(parameters.needed("region", found)?),
                service: Arc::from(service.as_str()),
            })),
            Auth::TencentTc3 { service } => Proof::TencentTc3(Box::new(TencentKey {
                secret_id: self.field("secret_id")?.clone(),
                secret_key: secret.clone(),
                service: Arc::from(service.as_str()),
                region: parameters.value("region").and_then(|region| HeaderValue::from_str(region).ok()),
            })),
            Auth::ZhipuJwt => token(self.zhipu(secret, found)?),
            Auth::AzureEntra { scope, token_url } => {
                let client = self.client(token_url, "client_id", Some(scope), parameters, found)?;
                token(TokenSource::Entra(client))
            }
            Auth::BaiduToken { token_url } => {
                token(TokenSource::Baidu(self.client(token_url, "api_key", None, parameters, found)?))
            }
            Auth::OauthClientCredentials { token_url, scope } => {
                let scope = scope.as_deref();
                token(TokenSource::Oauth(self.client(token_url, "client_id", scope, parameters, found)?))
            }
            Auth::GoogleOauth => return None,
        };
        let identity = self.identity(auth, &proof, parameters);
        Some(Proven { secrets: self.hidden(&proof), identity, proof })
    }

    /// What must not be shown, in each form in which an error may repeat it.
    fn hidden(&self, proof: &Proof) -> Vec<Secret> {
        // A short part, such as the id `gateway`, is a plain word that errors may need.
        let fields = self.fields.values().filter(|field| field.expose().len() >= PART_BYTES_LEAST);
        let mut hidden: Vec<Secret> = self.secret.into_iter().chain(fields).cloned().collect();
        if let Proof::Token(source) = proof
            && let TokenSource::Zhipu { secret, .. } = &**source
        {
            hidden.push(secret.clone());
        }
        let forms = hidden.iter().flat_map(|secret| {
            let text = secret.expose();
            let quoted = Value::from(text).to_string();
            let in_json = quoted.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).map(str::to_owned);
            in_json.into_iter().chain([encoded(text)]).filter(move |form| form != text)
        });
        let forms: Vec<Secret> = forms.map(|form| Secret::new(&form)).collect();
        hidden.extend(forms);
        hidden
    }

    fn zhipu(&self, secret: &Secret, found: &mut Diagnostics) -> Option<TokenSource> {
        let halves = secret.expose().split_once('.');
        let Some((id, rest)) = halves.filter(|(id, rest)| !id.is_empty() && !rest.is_empty()) else {
            let hint = Some("write the whole key, of the form `id.secret`".to_owned());
            self.place.error(found, format!("{} is no key of Zhipu", self.place.path), hint);
            return None;
        };
        Some(TokenSource::Zhipu { id: Secret::new(id), secret: Secret::new(rest) })
    }

    fn field(&self, name: &str) -> Option<&Secret> {
        self.fields.get(name)
    }

    /// What tells two credentials with the same secret apart: nothing where the secret is all that is sent.
    fn identity(&self, auth: &Auth, proof: &Proof, parameters: &Parameters<'_>) -> Vec<String> {
        if let Proof::Header { .. } | Proof::Query { .. } = proof {
            return Vec::new();
        }
        let region = parameters.value("region").filter(|_| auth.region().is_some()).map(str::to_owned);
        let fields = self.fields.values().map(|field| field.expose().to_owned());
        let endpoint = match proof {
            Proof::Token(source) => match &**source {
                TokenSource::Entra(client) | TokenSource::Oauth(client) | TokenSource::Baidu(client) => {
                    let Endpoint { scheme, host, port, path, .. } = &client.endpoint;
                    Some(format!("{scheme:?} {host} {port} {path:?}"))
                }
                _ => None,
            },
            _ => None,
        };
        std::iter::once(format!("{auth:?}")).chain(fields).chain(region).chain(endpoint).collect()
    }

    fn header(&self, name: HeaderName, prefix: &str, found: &mut Diagnostics) -> Option<Proof> {
        let value = self.secret.and_then(|secret| sensitive(&format!("{prefix}{}", secret.expose())));
        if value.is_none() {
            self.place.error(found, format!("{} cannot be sent in a header", self.place.path), None);
        }
        Some(Proof::Header { name, value: value? })
    }

    fn client(
        &self,
        token_url: &str,
        id: &str,
        scope: Option<&str>,
        parameters: &mut Parameters<'_>,
        found: &mut Diagnostics,
    ) -> Option<OauthClient> {
        const TENANT: &str = "{tenant_id}";
        let place = self.auth_place.field("token_url");
        let mut url = token_url.to_owned();
        if url.contains(TENANT)
            && let Some(tenant) = self.field("tenant_id")
        {
            if !is_parameter_value(tenant.expose()) {
                let here = self.fields_place.field("tenant_id");
                let message = format!("{} must be letters, digits, `-`, `_` and `.`", here.path);
                here.error(found, message, None);
                return None;
            }
            url = url.replace(TENANT, tenant.expose());
        }
        let url = parameters.fill(&url, &place, found)?.into_owned();
        let endpoint = endpoint(&url, &place, found)?;
        let (id, secret) = (self.field(id)?.clone(), self.secret?.clone());
        Some(OauthClient { id, secret, scope: scope.map(Arc::from), endpoint })
    }

    fn google(&self, found: &mut Diagnostics) -> Option<Proven> {
        let Some(secret) = self.secret else {
            let endpoint = endpoint(GOOGLE_METADATA_URL, self.place, found)?;
            let proof = token(TokenSource::GoogleMachine { endpoint });
            return Some(Proven { proof, secrets: Vec::new(), identity: vec!["machine".to_owned()] });
        };
        let key: Value = serde_json::from_str(secret.expose()).unwrap_or_default();
        let text = |name: &str| key.get(name).and_then(Value::as_str);
        let needed = |name: &str, found: &mut Diagnostics| {
            let value = text(name).filter(|value| !value.is_empty());
            if value.is_none() {
                let message = format!("{} is a key of Google's without `{name}`", self.place.path);
                self.place.error(found, message, None);
            }
            value.map(str::to_owned)
        };
        let url = text("token_uri").unwrap_or(GOOGLE_TOKEN_URL);
        let source = match text("type") {
            Some("service_account") => {
                let key = SigningKey::from_pem(&needed("private_key", found)?);
                if key.is_none() {
                    let message = format!(
                        "{} is a key of Google's whose `private_key` cannot be read",
                        self.place.path
                    );
                    self.place.error(found, message, None);
                }
                TokenSource::GoogleServiceAccount(GoogleServiceAccount {
                    email: Arc::from(needed("client_email", found)?),
                    key_id: text("private_key_id").map(Arc::from),
                    key: key?,
                    endpoint: endpoint(url, self.place, found)?,
                    audience: Arc::from(url),
                })
            }
            Some("authorized_user") => TokenSource::GoogleUser(GoogleUser {
                client_id: Secret::new(&needed("client_id", found)?),
                client_secret: Secret::new(&needed("client_secret", found)?),
                refresh_token: Secret::new(&needed("refresh_token", found)?),
                endpoint: endpoint(url, self.place, found)?,
            }),
            other => {
                const KNOWN: [&str; 4] = [
                    "external_account",
                    "external_account_authorized_user",
                    "impersonated_service_account",
                    "gdch_service_account",
                ];
                let kind = other
                    .filter(|kind| KNOWN.contains(kind))
                    .map(|kind| format!(" of the type {}", shown(kind)));
                let message = match kind {
                    Some(kind) => format!("{} is a key{kind}, which is not supported", self.place.path),
                    None => format!("{} is no key of Google's in JSON", self.place.path),
                };
                let hint = "take the whole JSON key of a service account, or leave it out for the account of the machine";
                self.place.error(found, message, Some(hint.to_owned()));
                return None;
            }
        };
        let secrets = match &source {
            TokenSource::GoogleUser(user) => vec![user.client_secret.clone(), user.refresh_token.clone()],
            _ => Vec::new(),
        };
        // What is the same key has the same text.
        Some(Proven { proof: token(source), secrets, identity: vec!["google".to_owned()] })
    }
}

fn token(source: TokenSource) -> Proof {
    Proof::Token(Box::new(source))
}

fn endpoint(url: &str, place: &Place<'_>, found: &mut Diagnostics) -> Option<Endpoint> {
    match Endpoint::at(url) {
        Ok(endpoint) => Some(endpoint),
        Err(error) => {
            place.error(found, format!("{}: where tokens are asked for {error}", place.path), None);
            None
        }
    }
}

/// What is wrong with a secret that is sent, if anything is.
pub(super) fn sendable(text: &str) -> Option<&'static str> {
    let graphic = text.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ');
    match text {
        "" => Some("is empty"),
        _ if !graphic || text.trim() != text => {
            Some("has white space around it or characters that no header can carry")
        }
        _ => None,
    }
}

fn sensitive(text: &str) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_str(text).ok()?;
    value.set_sensitive(true);
    Some(value)
}
