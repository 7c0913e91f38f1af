//! `provider.toml`: who serves, where, in which wire formats and how it wants its credential.
//!
//! In: the file's text and the name of its folder. Out: a [`ProviderDefinition`] that can be relied on (URLs
//! have a host, paths begin with `/`, header names can be sent), or faults. Models are read elsewhere.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::auth::{self, Auth, CredentialField};
use super::discovery::Discovery;
use super::fields::{Faults, Fields};
use super::models::each;
use super::parameters::{self, ParameterDefinition};
use super::urls::Urls;
use super::{CatalogueError, ModelDefinition, Models};
use crate::dialects::{Dialect, Quirk};
use crate::price::PerToken;

/// One wire format that a provider speaks and where.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DialectPath {
    /// Path below the base URL, such as `/chat/completions`. `{model}` in it stands for the provider's own model id
    /// (`{model_path}` for one whose slashes are steps of the path), other names in braces for parameters.
    pub path: String,
    /// The path for streams, where that is another one.
    #[serde(default)]
    pub stream_path: Option<String>,
    /// The path for requests of the wire format's second form (several inputs at once, pictures, or an answer that is to be
    /// gone on with), where that is another one.
    #[serde(default)]
    pub second_path: Option<String>,
    /// The path where tokens are counted, when it is not the dialect's usual one.
    #[serde(default)]
    pub count_path: Option<String>,
    /// The path to which pictures are brought that a request of the wire format can only name.
    #[serde(default)]
    pub upload_path: Option<String>,
    /// Other places than the base URL's own to which an answer may lead that goes on elsewhere, such as
    /// `https://stream.example.com`. The credential is shown there. Like `base_url` they belong to the provider's default base.
    #[serde(default)]
    pub leads_to: Vec<String>,
    /// A base of this wire format's own, where it is not the provider's. It belongs to the provider's default
    /// base: an operator who sets another base and says nothing of this one must not be served from here.
    #[serde(default)]
    pub base_url: Option<String>,
    /// An end of the provider's base URL, such as `/v1`, below which this wire format is not: its path stands beside it.
    /// It holds for a base that an operator sets, too, which may lack it.
    #[serde(default)]
    pub beside: Option<String>,
}

impl DialectPath {
    /// The base URL of this wire format, where `base` is the provider's.
    pub fn base_of<'b>(&self, base: &'b str) -> &'b str {
        let base = base.trim_end_matches('/');
        self.beside.as_deref().and_then(|end| base.strip_suffix(end)).unwrap_or(base)
    }
}

/// What a provider does with the data it is sent, as its own documents say.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DataPolicy {
    /// Whether it trains on API data by default.
    #[serde(default)]
    pub trains: Option<bool>,
    /// Days for which it keeps prompts; `0` is zero retention.
    #[serde(default)]
    pub retention_days: Option<u32>,
}

/// Pages for people.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct Links {
    #[serde(default)]
    pub docs: Option<String>,
    #[serde(default)]
    pub keys: Option<String>,
    #[serde(default)]
    pub status: Option<String>,
    #[serde(default)]
    pub pricing: Option<String>,
    #[serde(default)]
    pub privacy: Option<String>,
    #[serde(default)]
    pub terms: Option<String>,
}

/// `provider.toml`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProviderDefinition {
    /// The folder's name.
    pub id: String,
    /// What people call it.
    pub name: String,
    /// What the vendor's own SDK takes as its base, parameters in braces; absent when the operator must say it.
    /// `builtin://demo` is answered inside the gateway.
    #[serde(default)]
    pub base_url: Option<String>,
    /// How the credential is sent.
    pub auth: Auth,
    /// The credential's field.
    #[serde(default)]
    pub credential: Option<CredentialField>,
    /// What the operator fills in of the URLs, by name.
    pub parameters: BTreeMap<String, ParameterDefinition>,
    /// Headers sent with each request, such as a default `anthropic-version`; a client's own value wins.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// Wire formats and their paths.
    pub dialects: BTreeMap<Dialect, DialectPath>,
    /// Differences from the dialects.
    #[serde(default)]
    pub quirks: Vec<Quirk>,
    /// What a search of the web costs in dollars, for those of its models that say nothing else.
    #[serde(skip)]
    pub web_search_price: Option<PerToken>,
    /// How its server tells which models it has, where that is for the server to say.
    #[serde(default)]
    pub discovery: Option<Discovery>,
    /// Regions, when there are several.
    #[serde(default)]
    pub regions: Vec<String>,
    /// Data policy.
    #[serde(default)]
    pub data_policy: DataPolicy,
    /// Pages for people.
    #[serde(default)]
    pub links: Links,
    /// Its models, from `models.toml`.
    #[serde(skip)]
    pub models: Models,
}

impl ProviderDefinition {
    /// Where a wire format is spoken, when the provider speaks it and has a base URL for it. Parameters stand as they are.
    pub fn url(&self, dialect: Dialect) -> Option<String> {
        let entry = self.dialects.get(&dialect)?;
        let own = entry.base_url.as_deref().map(|base| base.trim_end_matches('/'));
        let base = own.or_else(|| Some(entry.base_of(self.base_url.as_deref()?)))?;
        Some(format!("{base}{}", entry.path))
    }

    /// The model that an operator means by `name`: a native id, else a canonical id, else an alias.
    pub fn model(&self, name: &str) -> Option<&ModelDefinition> {
        let find =
            |matches: &dyn Fn(&ModelDefinition) -> bool| self.models.iter().find(|model| matches(model));
        find(&|model| model.native_id == name)
            .or_else(|| find(&|model| model.canonical_id == name))
            .or_else(|| find(&|model| model.aliases.iter().any(|alias| alias == name)))
    }
}

/// Headers that the gateway itself decides on.
const OWN_HEADERS: &[&str] = &[
    "authorization",
    "connection",
    "content-length",
    "host",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// Reads `<folder>/provider.toml`. `None` comes with at least one fault.
pub(super) fn read(folder: &str, text: &str, found: &mut Vec<CatalogueError>) -> Option<ProviderDefinition> {
    let file = format!("{folder}/provider.toml");
    let mut faults = Faults::new(&file, found);
    let table = faults.parse(text)?;
    let mut fields = Fields::new(table, "", &mut faults);

    let id: Option<String> = fields.required("id", &format!("{folder:?}"));
    let name: Option<String> = fields.required("name", r#""Example""#);
    let base_url: Option<String> = fields.optional("base_url", r#""https://api.example.com/v1""#);
    let auth: Option<Auth> = fields.required("auth", r#"{ scheme = "bearer" }"#);
    let credential: Option<CredentialField> =
        fields.optional("credential", r#"{ label = "API key", env = ["EXAMPLE_API_KEY"] }"#);
    let parameters: Option<BTreeMap<String, ParameterDefinition>> =
        fields.optional("parameters", r#"{ region = { label = "Region", example = "eu" } }"#);
    let headers: Option<BTreeMap<String, String>> = fields.optional("headers", r#"{ "x-example" = "1" }"#);
    let dialects: Option<BTreeMap<Dialect, DialectPath>> =
        fields.required("dialects", r#"{ openai_chat = { path = "/chat/completions" } }"#);
    let quirks: Option<Vec<Quirk>> = fields.optional("quirks", r#"["no_stream_options"]"#);
    let web_search_price = each("web_search_price", &mut fields);
    let discovery: Option<Discovery> = fields.optional("discovery", r#""openai""#);
    let regions = fields.optional("regions", r#"["eu"]"#);
    let data_policy = fields.optional("data_policy", "{ trains = false, retention_days = 30 }");
    let links: Option<Links> = fields.optional("links", r#"{ docs = "https://example.com/docs" }"#);
    fields.finish();

    // Each value is checked even when another is missing, so that one look at the file mends all of it.
    check_names(folder, id.as_deref(), name.as_deref(), &mut faults);
    let parameters = parameters.unwrap_or_default();
    auth::check(auth.as_ref(), credential.as_ref(), &mut faults);
    check_headers(auth.as_ref(), headers.as_ref(), &mut faults);
    let urls = Urls {
        base_url: base_url.as_deref(),
        dialects: dialects.as_ref(),
        auth: auth.as_ref(),
        parameters: &parameters,
    };
    urls.check(&mut faults);
    parameters::check(&parameters, urls.texts(), auth.as_ref(), &mut faults);
    check_quirks(quirks.as_deref().unwrap_or_default(), &mut faults);
    check_links(links.as_ref(), &mut faults);

    Some(ProviderDefinition {
        id: id?,
        name: name?,
        base_url,
        auth: auth?,
        credential,
        parameters,
        headers: headers.unwrap_or_default(),
        dialects: dialects?,
        quirks: quirks.unwrap_or_default(),
        web_search_price,
        discovery,
        regions: regions.unwrap_or_default(),
        data_policy: data_policy.unwrap_or_default(),
        links: links.unwrap_or_default(),
        models: Models::default(),
    })
}

fn check_names(folder: &str, id: Option<&str>, name: Option<&str>, faults: &mut Faults<'_>) {
    if let Some(id) = id {
        if id != folder {
            faults.add(format!("`id` is {id:?} but the folder is called {folder:?}; write the same"));
        }
        if !is_id(id) {
            faults
                .add(format!("`id` {id:?} must be made of a-z, 0-9 and single `-`, such as \"my-provider\""));
        }
    }
    if name.is_some_and(|name| name.trim().is_empty()) {
        faults.add(String::from("`name` is empty; write what people call the provider"));
    }
}

fn check_quirks(quirks: &[Quirk], faults: &mut Faults<'_>) {
    for (index, quirk) in quirks.iter().enumerate() {
        if quirks.iter().take(index).any(|earlier| earlier == quirk) {
            faults.add(format!("`quirks` says {quirk:?} twice"));
        }
    }
}

fn check_links(links: Option<&Links>, faults: &mut Faults<'_>) {
    let Some(links) = links else { return };
    for (name, link) in [
        ("docs", &links.docs),
        ("keys", &links.keys),
        ("status", &links.status),
        ("pricing", &links.pricing),
        ("privacy", &links.privacy),
        ("terms", &links.terms),
    ] {
        if link.as_ref().is_some_and(|link| !link.starts_with("https://")) {
            faults.add(format!("`links.{name}` must begin with https://"));
        }
    }
}

fn check_headers(auth: Option<&Auth>, headers: Option<&BTreeMap<String, String>>, faults: &mut Faults<'_>) {
    if let Some(Auth::Header { name, .. }) = auth {
        // The header that carries credentials may carry one in another form, too.
        if name != "authorization" {
            check_header_name("auth.name", name, faults);
        }
    }
    for (name, value) in headers.into_iter().flatten() {
        check_header_name("headers", name, faults);
        if !value.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic()) {
            faults.add(format!("`headers`: the value of {name:?} must be printable ASCII"));
        }
    }
}

fn check_header_name(place: &str, name: &str, faults: &mut Faults<'_>) {
    let token = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'_');
    if name.is_empty() || !name.bytes().all(token) {
        faults.add(format!("`{place}`: {name:?} must be a header name in lower case, such as \"x-api-key\""));
    } else if OWN_HEADERS.contains(&name) {
        faults.add(format!("`{place}`: {name:?} is set by the gateway itself; leave it out"));
    }
}

/// Lower-case words joined by single hyphens.
fn is_id(id: &str) -> bool {
    id.split('-').all(|word| {
        !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
    })
}
