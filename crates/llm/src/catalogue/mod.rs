//! Providers and models as data: `providers/<id>/{provider.toml, models.toml}`, embedded at build time.
//!
//! In: TOML text. Out: checked definitions. This room never reads a file itself: the embedded folders come
//! from `build.rs`, others are handed over as text.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Deserialize;

use crate::dialects::Dialect;
use crate::price::Price;

/// How a provider wants its credential.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(tag = "scheme", rename_all = "snake_case", deny_unknown_fields)]
pub enum Auth {
    /// `Authorization: Bearer <secret>`.
    Bearer,
    /// A header of its own, such as `x-api-key`.
    Header {
        /// The header's name, lower case.
        name: String,
    },
    /// No credential (self-hosted servers); one that is configured is sent as a bearer token.
    None,
}

/// Known differences from a dialect, a closed list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Quirk {
    /// Refuses `stream_options`: do not ask for usage in streams.
    NoStreamOptions,
    /// Sends usage in every stream without being asked.
    UsageAlwaysStreamed,
    /// Knows only `max_tokens`: `max_completion_tokens` is renamed.
    MaxTokensOnly,
    /// Wants `max_completion_tokens`: `max_tokens` is renamed when a request is converted from another dialect.
    MaxCompletionTokens,
    /// Does not know the `developer` role: it is sent as `system` when a request is converted.
    NoDeveloperRole,
}

/// One wire format that a provider speaks and where.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DialectPath {
    /// Path below the base URL, such as `/chat/completions`.
    pub path: String,
}

/// A field that the operator fills in.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CredentialField {
    /// What a person calls it.
    pub label: String,
    /// The environment variables in which it is usually found, in order.
    #[serde(default)]
    pub env: Vec<String>,
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
}

/// `provider.toml`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProviderDefinition {
    /// The folder's name.
    pub id: String,
    /// What people call it.
    pub name: String,
    /// What the vendor's own SDK takes as its base; absent when the operator must say it. `builtin://demo`
    /// is answered inside the gateway.
    #[serde(default)]
    pub base_url: Option<String>,
    /// How the credential is sent.
    pub auth: Auth,
    /// The credential's field.
    #[serde(default)]
    pub credential: Option<CredentialField>,
    /// Headers sent with each request, such as a default `anthropic-version`; a client's own value wins.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// Wire formats and their paths.
    pub dialects: BTreeMap<Dialect, DialectPath>,
    /// Differences from the dialects.
    #[serde(default)]
    pub quirks: Vec<Quirk>,
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
    pub models: Vec<ModelDefinition>,
}

/// One entry of `models.toml`, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelDefinition {
    /// The provider's own id.
    pub native_id: String,
    /// `author/slug`; the same for every provider that serves the model.
    pub canonical_id: String,
    /// What people call it.
    pub name: String,
    /// Context window in tokens.
    pub context: Option<u64>,
    /// Largest answer in tokens.
    pub max_output: Option<u64>,
    /// Which operations it serves: `chat`, `completions`, `embeddings`.
    pub operations: Vec<Operation>,
    /// Input modalities: `text`, `image`, `audio`, `file`, `video`.
    pub input_modalities: Vec<String>,
    /// Its price; `None` when it is not known (never taken as free).
    pub price: Option<Price>,
}

/// What is asked of a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize, serde::Serialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum Operation {
    Chat,
    Completions,
    Embeddings,
}

/// What is wrong with a provider folder.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{file}: {message}")]
pub struct CatalogueError {
    /// The file, relative to the folder of all providers.
    pub file: String,
    /// What is wrong and what to write instead.
    pub message: String,
}

/// All provider definitions that are known.
#[derive(Debug, Clone, Default)]
pub struct Catalogue {
    /// By id.
    pub providers: BTreeMap<String, Arc<ProviderDefinition>>,
}

impl Catalogue {
    /// The folders embedded in the binary.
    pub fn builtin() -> Result<Self, CatalogueError> {
        Ok(Self::default())
    }

    /// Adds one folder given as text, in place of one with the same id. Returns every fault found.
    pub fn add(&mut self, _folder: &str, _provider_toml: &str, _models_toml: Option<&str>) -> Result<(), Vec<CatalogueError>> {
        Ok(())
    }
}
