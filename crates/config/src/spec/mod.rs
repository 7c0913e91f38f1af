//! The configuration as it is written: one struct per mapping, a comment on every field, defaults beside.
//!
//! These structs are the only place where a field is declared. The JSON Schema, the reference page, the check
//! of names and values, and reading itself all come from them.

mod intent;
mod named;
mod probe;
mod provider;
mod routing;
mod rules;
mod shadow;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

pub use crate::snapshot::{KeepWish, LogFormat, LogLevel};
pub use intent::{CategorySpec, IntentBy, IntentSpec};
pub use probe::{ProbeHow, ProbeSpec, ProbeWhen};
pub use provider::{
    AuthScheme, AuthSpec, BatchPriceSpec, CredentialSpec, Decimal, DialectSpec, DiscoverySpec, LongPriceSpec,
    ModelSpec, PriceSpec, ProviderSpec, TimeoutSpec,
};
pub use routing::{DataCollection, HedgeSpec, MaxPriceSpec, RoutingSpec};
pub use rules::{Effort, ParametersSpec, PresetSpec, RuleSpec, ThenSpec};
pub use shadow::ShadowSpec;

use crate::secret::Secret;

/// The configuration of Yumen, usually in `yumen.yaml`.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(title = "Configuration of Yumen")]
pub struct Spec {
    /// The data plane: the listener that clients call, its bounds and time-outs.
    pub gateway: GatewaySpec,
    /// The control plane, on a listener of its own.
    pub admin: AdminSpec,
    /// Where keys and usage are kept.
    pub store: StoreSpec,
    /// The log on standard error.
    pub log: LogSpec,
    /// Who serves models, by a name of your choice (letters, digits, `.`, `_` and `-`).
    pub providers: BTreeMap<String, ProviderSpec>,
    /// How deployments are chosen, for all models.
    pub routing: RoutingSpec,
    /// Model aliases: public names that stand for deployments. An alias wins over a model of the same name.
    pub models: BTreeMap<String, AliasSpec>,
    /// Presets: models, preferences, a system prompt and parameters under names of your choice.
    pub presets: BTreeMap<String, PresetSpec>,
    /// Rules that requests are compared with, in their order; the first one that holds decides.
    #[schemars(length(max = 256))]
    pub rules: Vec<RuleSpec>,
    /// What the last message of the user is about, for rules that read `category`.
    pub intent: IntentSpec,
    /// Files and batches (`/v1/files`, `/v1/batches`), for keys with `access: [files]`.
    pub files: FilesSpec,
    /// Virtual keys: the secrets that we issue to consumers.
    pub keys: Vec<KeySpec>,
}

/// Files and batches, which one provider keeps.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct FilesSpec {
    /// The name of an entry under `providers`, which must have OpenAI's `/files` and `/batches` below its base URL. Without
    /// it there are no files.
    pub provider: Option<String>,
}

/// The data plane: the listener that clients call, its bounds and time-outs.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct GatewaySpec {
    /// Address and port for clients; port 0 takes a free one.
    pub listen: String,
    /// Largest request body in bytes, compressed or expanded.
    #[schemars(range(min = 1024, max = 1_073_741_824))]
    pub max_body_bytes: usize,
    /// Largest server-sent event in bytes.
    #[schemars(range(min = 1024, max = 1_073_741_824))]
    pub max_event_bytes: usize,
    /// Largest whole answer in bytes that is held in memory to convert it to another dialect.
    #[schemars(range(min = 1024, max = 1_073_741_824))]
    pub max_answer_bytes: usize,
    /// Deepest nesting of a request's JSON.
    #[schemars(range(min = 8, max = 128))]
    pub max_json_depth: usize,
    /// Most tries for one exchange, over all deployments and fallbacks.
    #[schemars(range(min = 1, max = 20))]
    pub max_attempts: usize,
    /// How often deployments that failed for a moment (no connection, or an answer of 5xx) are tried anew after a short
    /// pause, when no other has answered.
    #[schemars(range(min = 0, max = 5))]
    pub retry_rounds: u32,
    /// How many such tries anew a deployment gets at most, in hundredths of the tries of the last half minute; ten are
    /// always allowed. So a provider that fails is not asked ever more.
    #[schemars(range(min = 0, max = 100))]
    pub retry_percent: u32,
    /// Most client connections open at the same time.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub max_connections: usize,
    /// How long open streams may go on after a stop was asked for, in milliseconds.
    #[schemars(range(min = 0, max = 3_600_000))]
    pub drain_ms: u64,
    /// How long a client may take to send its request head, in milliseconds.
    #[schemars(range(min = 100, max = 3_600_000))]
    pub header_read_timeout_ms: u64,
    /// How long a client may take to send its body, in milliseconds.
    #[schemars(range(min = 100, max = 3_600_000))]
    pub body_read_timeout_ms: u64,
    /// How long a client may take no byte of an answer, in milliseconds.
    #[schemars(range(min = 100, max = 3_600_000))]
    pub write_timeout_ms: u64,
    /// How long a connection may stay open without any exchange, in milliseconds; at most twice this goes by.
    #[schemars(range(min = 100, max = 3_600_000))]
    pub idle_timeout_ms: u64,
    /// How often an HTTP/2 client is asked whether it is still there, in milliseconds.
    #[schemars(range(min = 100, max = 3_600_000))]
    pub ping_interval_ms: u64,
    /// How long an HTTP/2 client may take to say so, in milliseconds.
    #[schemars(range(min = 100, max = 3_600_000))]
    pub ping_timeout_ms: u64,
    /// After how long without anything to say a stream of events is given a comment, in milliseconds, so that clients and the
    /// proxies before them know that it goes on; 0 is never. Only once the stream has begun; clients that cannot read
    /// comments are given what their dialect has in their place, or nothing. Some libraries fail at comments.
    #[schemars(range(min = 0, max = 3_600_000))]
    pub stream_comments_ms: u64,
    /// Largest request head in bytes.
    #[schemars(range(min = 4096, max = 1_048_576))]
    pub max_head_bytes: usize,
    /// Most exchanges that one HTTP/2 connection may have open.
    #[schemars(range(min = 1, max = 10_000))]
    pub max_streams: u32,
    /// Whether OpenRouter's lists of models, deployments and providers (`/api/v1/models` …) are there for those without a
    /// virtual key, as OpenRouter has them. They then see every model.
    pub public_models: bool,
    /// Whether broken JSON is repaired in answers to requests that ask for JSON, and in arguments of tool calls. Aliases, keys and
    /// requests may say otherwise.
    pub heal_json: bool,
    /// Files of which a request gives the address, where the provider takes only their bytes.
    pub fetch: FetchSpec,
    /// Sessions of the realtime API.
    pub session: SessionSpec,
    /// Responses (`/v1/responses`) that the gateway keeps itself, so that `previous_response_id` works at providers which
    /// do not speak that API.
    pub responses: ResponsesSpec,
}

/// Sessions of the realtime API: connections that stay open while a client and a model talk.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SessionSpec {
    /// How long neither side may say anything, in milliseconds. In the midst of an answer the provider's `idle_ms` holds.
    #[schemars(range(min = 1000, max = 86_400_000))]
    pub idle_ms: u64,
    /// How long a session may last, in milliseconds.
    #[schemars(range(min = 1000, max = 86_400_000))]
    pub total_ms: u64,
}

impl Default for SessionSpec {
    fn default() -> Self {
        Self { idle_ms: 900_000, total_ms: 7_200_000 }
    }
}

/// Responses (`/v1/responses`) that the gateway keeps itself, so that `previous_response_id` works at providers which do not
/// speak that API.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ResponsesSpec {
    /// Which are kept.
    pub store: KeepWish,
    /// After how many days without a further turn a conversation is deleted. Ids of responses that providers keep are
    /// forgotten after as many.
    #[schemars(range(min = 1, max = 3650))]
    pub retention_days: u32,
    /// Most bytes of one response with its input.
    #[schemars(range(min = 1024, max = 1_073_741_824))]
    pub max_response_bytes: u64,
    /// Most bytes of one virtual key; its own oldest conversations make room.
    #[schemars(range(min = 1024, max = 1_099_511_627_776_u64))]
    pub max_key_bytes: u64,
    /// Most bytes of all virtual keys together; when they are reached, no more is kept. The least of the three bounds counts.
    #[schemars(range(min = 1024, max = 1_099_511_627_776_u64))]
    pub max_bytes: u64,
}

impl Default for ResponsesSpec {
    fn default() -> Self {
        Self {
            store: KeepWish::default(),
            retention_days: 30,
            max_response_bytes: 16 * 1024 * 1024,
            max_key_bytes: 256 * 1024 * 1024,
            max_bytes: 4 * 1024 * 1024 * 1024,
        }
    }
}

/// Files of which a request gives the address, where the provider takes only their bytes.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct FetchSpec {
    /// Whether they are fetched. If not, such a file is left out and named as lost.
    pub enabled: bool,
    /// Networks that are none of the public Internet's and from which may be fetched all the same, such as `10.1.0.0/16`.
    /// Addresses at which clouds give credentials to their machines stay closed.
    #[schemars(length(max = 64))]
    pub allow_private: Vec<String>,
    /// Ports from which may be fetched.
    #[schemars(length(min = 1, max = 32))]
    pub ports: Vec<u16>,
    /// Largest file in bytes; all files of one request may have twice as many.
    #[schemars(range(min = 1024, max = 536_870_912))]
    pub max_bytes: usize,
    /// What the files of all requests together may have in bytes, from when they are fetched until they are sent on; who
    /// finds no room waits. In memory each takes about three times its size for a while.
    #[schemars(range(min = 1024, max = 1_099_511_627_776_u64))]
    pub max_total_bytes: usize,
    /// How long the fetching may take for all files of a request together, in milliseconds.
    #[schemars(range(min = 100, max = 600_000))]
    pub timeout_ms: u64,
}

impl Default for FetchSpec {
    fn default() -> Self {
        Self {
            enabled: true,
            allow_private: Vec::new(),
            ports: vec![80, 443],
            max_bytes: 20 * 1024 * 1024,
            max_total_bytes: 256 * 1024 * 1024,
            timeout_ms: 10_000,
        }
    }
}

impl Default for GatewaySpec {
    fn default() -> Self {
        Self {
            listen: "127.0.0.1:8080".to_owned(),
            max_body_bytes: 32 * 1024 * 1024,
            max_event_bytes: 16 * 1024 * 1024,
            max_answer_bytes: 64 * 1024 * 1024,
            max_json_depth: 128,
            max_attempts: 4,
            retry_rounds: 1,
            retry_percent: 20,
            max_connections: 16_384,
            drain_ms: 30_000,
            header_read_timeout_ms: 30_000,
            body_read_timeout_ms: 120_000,
            write_timeout_ms: 120_000,
            idle_timeout_ms: 60_000,
            ping_interval_ms: 30_000,
            ping_timeout_ms: 20_000,
            stream_comments_ms: 0,
            max_head_bytes: 64 * 1024,
            max_streams: 256,
            public_models: false,
            heal_json: true,
            fetch: FetchSpec::default(),
            session: SessionSpec::default(),
            responses: ResponsesSpec::default(),
        }
    }
}

/// The control plane, on a listener of its own.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct AdminSpec {
    /// Address and port for metrics and health; port 0 takes a free one.
    pub listen: String,
}

impl Default for AdminSpec {
    fn default() -> Self {
        Self { listen: "127.0.0.1:8081".to_owned() }
    }
}

/// Where keys and usage are kept.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct StoreSpec {
    /// `sqlite://` and a path. Without it: a file in the data folder.
    pub url: Option<String>,
}

/// The log on standard error.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct LogSpec {
    /// How lines are written.
    pub format: LogFormat,
    /// Which lines are written: those of this level and of the levels before it.
    pub level: LogLevel,
}

/// A model alias: a public name that stands for deployments.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AliasSpec {
    /// Deployments that share the load by weight, each `provider/model` or `{ provider, model, weight }`.
    #[schemars(length(min = 1, max = 256))]
    pub deployments: Vec<DeploymentSpec>,
    /// Public model names that are tried after those, in order.
    #[serde(default)]
    #[schemars(length(max = 32))]
    pub fallbacks: Vec<String>,
    /// How its deployments are chosen.
    #[serde(default)]
    pub routing: RoutingSpec,
    /// Whether broken JSON is repaired in answers under this name, as `gateway.heal_json` has it. Without it: as there.
    #[serde(default)]
    pub heal_json: Option<bool>,
    /// A candidate that is asked a copy of some of its requests, to compare it with what answers them. Without it: nobody is.
    #[serde(default)]
    pub shadow: Option<ShadowSpec>,
}

/// A model at a provider; `provider/model` is short for both with a weight of 1.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(transform = in_short)]
pub struct DeploymentSpec {
    /// The name of an entry under `providers`.
    pub provider: String,
    /// The provider's own id of the model, or another name by which the provider's model is known.
    pub model: String,
    /// Its share of the load relative to the others.
    #[serde(default = "provider::one")]
    #[schemars(range(min = 1, max = 1000))]
    pub weight: u32,
}

/// It may be written as one text, too.
fn in_short(schema: &mut schemars::Schema) {
    schema.insert("type".to_owned(), serde_json::json!(["object", "string"]));
}

/// A virtual key: a secret that we issue to a consumer.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct KeySpec {
    /// What people call it; it identifies the key in records, so it must be the only one of this name.
    #[schemars(length(min = 1, max = 100))]
    pub name: String,
    /// The secret that the client sends, such as `sk-yu-…`. Keep it in the environment: `${YUMEN_KEY}`.
    pub secret: Secret,
    /// Model names that it may use; `*` stands for any text.
    #[serde(default = "every_model")]
    #[schemars(length(max = 1000))]
    pub models: Vec<String>,
    /// What it may do beyond asking models: `files` (files and batches), `providers/NAME` (calls that go through to that
    /// provider as its `passthrough` allows), `providers/*`, or `*` for all of it. Without it: nothing.
    #[serde(default)]
    #[schemars(length(max = 256))]
    pub access: Vec<String>,
    /// When it stops being good, such as `2027-01-31T00:00:00Z` (RFC 3339). Without it: never.
    #[serde(default)]
    pub expires: Option<String>,
    /// Most requests per minute. Without it: no limit.
    #[serde(default)]
    #[schemars(range(min = 1))]
    pub requests_per_minute: Option<u32>,
    /// Most exchanges at the same time. Without it: no limit.
    #[serde(default)]
    #[schemars(range(min = 1))]
    pub concurrency: Option<u32>,
    /// How deployments are chosen for it.
    #[serde(default)]
    pub routing: RoutingSpec,
    /// Whether broken JSON is repaired in answers to this key, as `gateway.heal_json` has it. Without it: as the alias or the
    /// gateway says.
    #[serde(default)]
    pub heal_json: Option<bool>,
    /// Words that rules can read (`tags`).
    #[serde(default)]
    #[schemars(length(max = 64))]
    pub tags: Vec<String>,
    /// The team that it belongs to, for rules to read (`key.team`).
    #[serde(default)]
    #[schemars(length(min = 1, max = 100))]
    pub team: Option<String>,
    /// Switches the key off without removing it.
    #[serde(default)]
    pub disabled: bool,
}

fn every_model() -> Vec<String> {
    vec!["*".to_owned()]
}
