//! The checked form: everything the data plane needs, immutable, swapped whole.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::Duration;

use yumen_llm::catalogue::{Operation, Quirk};
use yumen_llm::dialects::Dialect;
use yumen_llm::price::Price;

/// A secret: never shown by `Debug`, never serialised.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Arc<str>);

impl Secret {
    /// Wraps a secret.
    pub fn new(text: &str) -> Self {
        Self(Arc::from(text))
    }

    /// The secret itself; call it only where it is sent or hashed.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Secret(…)")
    }
}

/// Everything the data plane needs.
#[derive(Debug)]
pub struct Snapshot {
    /// Sockets, bounds and time-outs of the data plane.
    pub gateway: GatewaySettings,
    /// Configured providers by their entry's name.
    pub providers: BTreeMap<Arc<str>, Arc<Provider>>,
    /// Every public model name and what it stands for: aliases, canonical ids, `provider/native-id`, and native
    /// ids that only one provider has. Earlier kinds win.
    pub models: HashMap<Arc<str>, Arc<ModelTarget>>,
    /// Virtual keys by their keyed hash.
    pub keys: KeyTable,
}

/// Settings of the data plane.
#[derive(Debug, Clone)]
#[allow(missing_docs)]
pub struct GatewaySettings {
    pub listen: String,
    pub admin_listen: String,
    /// Largest request body in bytes, compressed or expanded.
    pub max_body_bytes: usize,
    /// Largest server-sent event in bytes.
    pub max_event_bytes: usize,
    /// Largest whole answer that has to be held (to convert it) in bytes.
    pub max_answer_bytes: usize,
    /// Deepest nesting of a request's JSON.
    pub max_json_depth: usize,
    /// Tries for one exchange, over all deployments.
    pub max_attempts: usize,
    /// Open client connections over all workers.
    pub max_connections: usize,
    /// How long open streams may go on after a stop was asked for.
    pub drain: Duration,
    /// How long a client may take to send its request head.
    pub header_read_timeout: Duration,
    /// How long a client may take to send its body.
    pub body_read_timeout: Duration,
}

/// Time-outs of one provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    /// To open a connection, TLS included.
    pub connect: Duration,
    /// From the request sent to the response head (and, for streams, the first content).
    pub first_byte: Duration,
    /// Between two reads of an answer.
    pub idle: Duration,
    /// For the whole exchange.
    pub total: Duration,
}

/// One configured provider.
#[derive(Debug)]
pub struct Provider {
    /// The entry's name in the configuration.
    pub id: Arc<str>,
    /// The definition's id (`type`).
    pub kind: Arc<str>,
    /// What people call it.
    pub name: Arc<str>,
    /// Where each wire format is spoken.
    pub endpoints: BTreeMap<Dialect, Endpoint>,
    /// How the credential is sent.
    pub auth: AuthHeader,
    /// Headers sent with each request; a client's own value wins for those we pass on.
    pub headers: Vec<(http::HeaderName, http::HeaderValue)>,
    /// Credentials in weighted rotation; empty when none is needed.
    pub credentials: Rotation<Arc<Credential>>,
    /// Differences from the dialects.
    pub quirks: Vec<Quirk>,
    /// Time-outs.
    pub timeouts: Timeouts,
    /// Models it is known to serve, by native id.
    pub models: BTreeMap<Arc<str>, Arc<ServedModel>>,
}

/// Where a wire format is spoken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// `http`, `https` or `builtin`.
    pub scheme: Scheme,
    /// Host name or address without brackets.
    pub host: Arc<str>,
    /// Port.
    pub port: u16,
    /// Value of the `Host` header.
    pub authority: http::HeaderValue,
    /// Path and query of the request.
    pub path: Arc<str>,
}

/// How an endpoint is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scheme {
    /// Plain HTTP.
    Http,
    /// HTTP over TLS.
    Https,
    /// Answered inside the gateway.
    Builtin,
}

/// How a credential is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AuthHeader {
    /// `Authorization: Bearer`.
    Bearer,
    /// A header of its own.
    Header(http::HeaderName),
    /// Nothing, unless a credential is configured: then as a bearer token.
    None,
}

/// A secret we hold to call a provider.
#[derive(Debug)]
pub struct Credential {
    /// Same for the same secret of the same provider entry, also after a reload: the key of its health.
    pub id: u64,
    /// What it is called in records: its configured name, else `#1`, `#2` …
    pub label: Arc<str>,
    /// The header value as it is sent, marked sensitive.
    pub header: http::HeaderValue,
}

/// A model as one provider serves it.
#[derive(Debug, PartialEq, Eq)]
pub struct ServedModel {
    /// The provider's own id.
    pub native_id: Arc<str>,
    /// The native id as a JSON string, quotes included, ready to be spliced in.
    pub native_json: bytes::Bytes,
    /// `author/slug` when the catalogue knows it.
    pub canonical_id: Option<Arc<str>>,
    /// Context window in tokens.
    pub context: Option<u64>,
    /// Largest answer in tokens.
    pub max_output: Option<u64>,
    /// Operations it serves; empty when not known (then none is ruled out).
    pub operations: Vec<Operation>,
    /// Price, when known.
    pub price: Option<Price>,
}

/// What a public model name stands for.
#[derive(Debug)]
pub struct ModelTarget {
    /// The public name.
    pub name: Arc<str>,
    /// What kind of name it is.
    pub kind: TargetKind,
    /// Deployments that share the load by weight.
    pub deployments: Rotation<Deployment>,
    /// Deployments tried after those, in order.
    pub fallbacks: Vec<Deployment>,
}

/// Kinds of public model names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum TargetKind {
    Alias,
    Canonical,
    Qualified,
    Native,
}

/// What can be called: a model at a provider.
#[derive(Debug, Clone)]
pub struct Deployment {
    /// The provider.
    pub provider: Arc<Provider>,
    /// The model as that provider serves it.
    pub model: Arc<ServedModel>,
}

/// Things in smooth weighted rotation: `order` is one whole turn as indexes, interleaved by weight.
#[derive(Debug)]
pub struct Rotation<T> {
    items: Vec<T>,
    order: Vec<u16>,
    cursor: AtomicUsize,
}

impl<T> Rotation<T> {
    /// The items in the order in which they were declared.
    pub fn items(&self) -> &[T] {
        &self.items
    }
}

/// A secret we issue to a consumer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VirtualKey {
    /// Stable id: the store's, or `file:<name>`.
    pub id: Arc<str>,
    /// What people call it.
    pub name: Arc<str>,
    /// Allowed models.
    pub models: ModelPatterns,
    /// Unix seconds after which it is no longer good.
    pub expires_at: Option<i64>,
    /// Switched off.
    pub disabled: bool,
    /// Requests per minute.
    pub requests_per_minute: Option<u32>,
    /// Exchanges at the same time.
    pub concurrency: Option<u32>,
}

/// Model names with `*` wildcards.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ModelPatterns {
    patterns: Vec<Arc<str>>,
}

/// The keyed hash of a virtual key's secret (BLAKE3, 32 bytes).
pub type KeyHash = [u8; 32];

/// Virtual keys by keyed hash: immutable; a change copies one small shard, never all keys.
#[derive(Debug, Clone, Default)]
pub struct KeyTable {
    shards: Vec<Arc<HashMap<KeyHash, Arc<VirtualKey>>>>,
}
