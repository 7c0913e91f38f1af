//! A provider as it is written.

use std::collections::BTreeMap;
use std::fmt;

use schemars::JsonSchema;
use serde::Deserialize;
use yumen_llm::catalogue::{Feature, Modality, Operation, Quirk};
use yumen_llm::dialects::{Dialect, Thinking};

use super::{ProbeSpec, named};
use crate::credential::CredentialLimits;
use crate::quantization::Quantization;
use crate::secret::Secret;

/// A provider. What is not said here comes from the definition that `type` names.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ProviderSpec {
    /// The provider definition, such as `openai` or `openai-compatible`. Without it: the entry's own name.
    #[serde(rename = "type")]
    pub kind: Option<String>,
    /// What people call it. Without it: the name of its type; of servers that are told by their URL alone
    /// (`openai-compatible`), the entry's own.
    pub name: Option<String>,
    /// What the vendor's own SDK takes as its base: with `/v1` for OpenAI-style servers, without it for
    /// Anthropic. When it is set, only dialects below this base are spoken. Names in braces stand for parameters.
    pub base_url: Option<String>,
    /// Values that stand in its URLs, such as its region, by name. What is not said here is read from the parameter's usual
    /// environment variable, or has a default.
    pub parameters: BTreeMap<String, String>,
    /// Secrets to call it with, used in weighted rotation. Without this field the provider's usual environment
    /// variable is read (`OPENAI_API_KEY` …).
    #[schemars(length(max = 256))]
    pub credentials: Option<Vec<CredentialSpec>>,
    /// How the credential is sent.
    pub auth: Option<AuthSpec>,
    /// Headers sent with each request, added to those of the definition. Their values are treated as secrets.
    pub headers: BTreeMap<String, Secret>,
    /// Wire formats that it speaks; when given, exactly these.
    #[schemars(schema_with = "named::dialects")]
    pub dialects: Option<BTreeMap<Dialect, DialectSpec>>,
    /// Known differences from the dialects; when given, exactly these.
    #[schemars(schema_with = "named::optional_list::<Quirk>")]
    pub quirks: Option<Vec<Quirk>>,
    /// What a search of the web costs in dollars, for those of its models whose own price says nothing else. An answer for which
    /// was searched has no known cost without one.
    pub web_search_price: Option<Decimal>,
    /// How its server is asked for its models while the gateway runs: `off` asks nothing. Without it as the definition says;
    /// a server of the type `openai-compatible` is asked only when this entry names no `models`.
    pub discovery: Option<DiscoverySpec>,
    /// How often its server is asked for its models, in milliseconds. Without it: 60000.
    #[schemars(range(min = 1000, max = 86_400_000))]
    pub discovery_ms: Option<u64>,
    /// Whether the gateway looks by itself if its deployments are well again. Without it: exchanges are what tells.
    pub probe: Option<ProbeSpec>,
    /// Time-outs.
    pub timeouts: TimeoutSpec,
    /// Calls that go through to it as they are, at `/providers/NAME/…` and for keys with `access: ["providers/NAME"]`: rules
    /// such as `GET /fine_tuning/**`, `POST,DELETE /assistants/*` or `/x` for all methods. `*` stands for one segment of the
    /// path below the base URL, `**` at the end for all that follow. Without any rule nothing goes through.
    #[schemars(length(max = 256))]
    pub passthrough: Vec<String>,
    /// Where its servers stand, such as `eu-west-1`, for requests that are bound to regions. Without it: its parameter `region`
    /// or `location`.
    #[schemars(length(min = 1, max = 64))]
    pub region: Option<String>,
    /// What it does with the data it is sent, such as by a contract with it.
    pub data_policy: DataPolicySpec,
    /// Models by the provider's own id: added to those of the definition, or changed in place.
    pub models: BTreeMap<String, ModelSpec>,
}

/// What a provider does with the data it is sent. What is not said here comes from the definition.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct DataPolicySpec {
    /// Whether it trains on what it is sent.
    pub trains: Option<bool>,
    /// Days for which it keeps prompts; 0 is zero retention.
    pub retention_days: Option<u32>,
}

/// A secret that we hold to call a provider.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CredentialSpec {
    /// The secret. Keep it in the environment (`${OPENAI_API_KEY}`), or in a file (`secret_file`).
    #[serde(default)]
    pub secret: Option<Secret>,
    /// A file that holds the secret and nothing else, such as one that Kubernetes or Docker mounts. White space at its end is
    /// no part of it; a change of the file is taken while running.
    #[serde(default)]
    pub secret_file: Option<String>,
    /// The further parts that the scheme needs: `access_key_id` and, for temporary credentials, `session_token` (`aws_sigv4`);
    /// `tenant_id` and `client_id` (`azure_entra`); `secret_id` (`tencent_tc3`); `api_key` (`baidu_token`); `client_id`
    /// (`oauth_client_credentials`).
    #[serde(default)]
    pub fields: BTreeMap<String, Secret>,
    /// Its share of the load relative to the others.
    #[serde(default = "one")]
    #[schemars(range(min = 1, max = 1000))]
    pub weight: u32,
    /// What it is called in records. Without it: `#1`, `#2` … in order.
    #[serde(default)]
    #[schemars(length(min = 1, max = 100))]
    pub name: Option<String>,
    /// Requests that its provider lets it send in a minute, all models together, for providers whose answers do not tell: near
    /// this limit others are taken more often, and at it all others first. Without it: as answers tell.
    #[serde(default)]
    #[schemars(range(min = 1, max = 1_000_000_000))]
    pub requests_per_minute: Option<u64>,
    /// The same of tokens, of prompts and answers together.
    #[serde(default)]
    #[schemars(range(min = 1, max = 1_000_000_000_000_u64))]
    pub tokens_per_minute: Option<u64>,
}

impl CredentialSpec {
    /// The limits that are written, if any is.
    pub fn limits(&self) -> Option<CredentialLimits> {
        let (requests_per_minute, tokens_per_minute) = (self.requests_per_minute, self.tokens_per_minute);
        (requests_per_minute.is_some() || tokens_per_minute.is_some())
            .then_some(CredentialLimits { requests_per_minute, tokens_per_minute })
    }
}

/// How the credential is sent.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AuthSpec {
    /// The scheme.
    pub scheme: AuthScheme,
    /// The name of the header or of the query's parameter, for the schemes `header` and `query`.
    #[serde(default)]
    pub name: Option<String>,
    /// What stands before the secret, such as `DeepL-Auth-Key `, for the scheme `header`.
    #[serde(default)]
    pub prefix: Option<String>,
    /// The service that is signed for, such as `bedrock`, for the schemes `aws_sigv4` and `tencent_tc3`.
    #[serde(default)]
    pub service: Option<String>,
    /// What the token is for, for the schemes `azure_entra` and `oauth_client_credentials`.
    #[serde(default)]
    pub scope: Option<String>,
    /// Where the token is asked for, for the schemes `azure_entra` (`{tenant_id}` stands for that part of the credential),
    /// `baidu_token` and `oauth_client_credentials`.
    #[serde(default)]
    pub token_url: Option<String>,
}

/// The scheme in which a credential is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AuthScheme {
    /// `Authorization: Bearer …`.
    Bearer,
    /// A header of its own, such as `x-api-key`.
    Header,
    /// A parameter of the URL's query.
    Query,
    /// Each request is signed with AWS Signature Version 4.
    AwsSigv4,
    /// A token of Google: for a service account whose JSON key is the secret, or without one for the machine's account.
    GoogleOauth,
    /// A token of Microsoft Entra ID, for client credentials.
    AzureEntra,
    /// Each request is signed with TC3-HMAC-SHA256.
    TencentTc3,
    /// A token made from a key of Zhipu, `id.secret`.
    ZhipuJwt,
    /// A token of Baidu, sent in the query.
    BaiduToken,
    /// A token of an OAuth 2.0 server, for client credentials.
    OauthClientCredentials,
    /// No credential is needed; one that is configured is sent as a bearer token.
    None,
}

impl AuthScheme {
    /// As it is written.
    pub fn name(self) -> &'static str {
        named::names::<Self>().get(self as usize).copied().unwrap_or_default()
    }
}

/// How a server tells its models.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DiscoverySpec {
    /// It is not asked.
    Off,
    /// `GET /models` below its base URL.
    #[serde(rename = "openai")]
    OpenAi,
    /// The same, and `GET /props`.
    LlamaCpp,
    /// `GET /api/tags`, and `POST /api/show` for each model.
    Ollama,
}

/// Where a wire format is spoken.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct DialectSpec {
    /// Path below the base URL, such as `/chat/completions`; `{model}` in it stands for the provider's own model id
    /// (`{model_path}` for one whose slashes are steps of the path), other names in braces for its parameters. Without it: the
    /// definition's.
    pub path: Option<String>,
    /// The path for streams, where that is another one.
    pub stream_path: Option<String>,
    /// The path for requests of the wire format's second form (several inputs at once, pictures, or an answer that is to be
    /// gone on with), where that is another one.
    pub second_path: Option<String>,
    /// The path where tokens are counted, when it is not the dialect's usual one.
    pub count_path: Option<String>,
    /// The path to which pictures are brought that a request of the wire format can only name.
    pub upload_path: Option<String>,
    /// Other places than the base URL's own to which an answer may lead that goes on elsewhere, such as
    /// `https://stream.example.com`; the credential is shown there. Without it: the definition's, at the definition's base URL.
    pub leads_to: Option<Vec<String>>,
    /// A base URL for this wire format only.
    pub base_url: Option<String>,
}

/// Time-outs of a provider.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct TimeoutSpec {
    /// To open a connection, TLS included, in milliseconds.
    #[schemars(range(min = 1, max = 600_000))]
    pub connect_ms: u64,
    /// From the request sent to the head of the answer (of a stream: its first content), in milliseconds.
    #[schemars(range(min = 1, max = 86_400_000))]
    pub first_byte_ms: u64,
    /// Between two reads of an answer, in milliseconds.
    #[schemars(range(min = 1, max = 86_400_000))]
    pub idle_ms: u64,
    /// For the whole exchange, in milliseconds.
    #[schemars(range(min = 1, max = 86_400_000))]
    pub total_ms: u64,
}

impl Default for TimeoutSpec {
    /// Reasoning models may think for minutes before they say anything, so the first byte is waited for longest.
    fn default() -> Self {
        Self { connect_ms: 5_000, first_byte_ms: 300_000, idle_ms: 120_000, total_ms: 1_800_000 }
    }
}

/// A model as this provider serves it. What is not said here comes from the definition, when it lists the model.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ModelSpec {
    /// `author/slug`: the name that all providers of this model share.
    pub canonical: Option<String>,
    /// What people call it.
    #[schemars(length(min = 1, max = 200))]
    pub name: Option<String>,
    /// What it reads.
    #[schemars(schema_with = "named::optional_list::<Modality>")]
    pub input: Option<Vec<Modality>>,
    /// What it gives.
    #[schemars(schema_with = "named::optional_list::<Modality>")]
    pub output: Option<Vec<Modality>>,
    /// What can be asked of it: tools, answers after a JSON schema (`structured`), reasoning; that it refuses `temperature` and
    /// the like (`fixed_sampling`); or that it searches the web by itself (`search`).
    #[schemars(schema_with = "named::optional_list::<Feature>")]
    pub supports: Option<Vec<Feature>>,
    /// Whether what it says may be used to train another model.
    pub distillable: Option<bool>,
    /// How its weights are stored. Without it: as its id says, if it does.
    #[schemars(schema_with = "named::optional::<Quantization>")]
    pub quantization: Option<Quantization>,
    /// Context window in tokens.
    #[schemars(range(min = 1))]
    pub context: Option<u64>,
    /// Largest answer in tokens.
    #[schemars(range(min = 1))]
    pub max_output: Option<u64>,
    /// What can be asked of it.
    #[schemars(schema_with = "named::optional_list::<Operation>")]
    pub operations: Option<Vec<Operation>>,
    /// How it is asked to think in the Messages API: with a budget of tokens, with an effort in a word (`adaptive`),
    /// or so and without a way to switch it off (`always`).
    #[schemars(schema_with = "named::optional::<Thinking>")]
    pub thinking: Option<Thinking>,
    /// What it costs; replaces the whole price of the definition.
    pub price: Option<PriceSpec>,
}

/// Prices in US dollars per million tokens where nothing else is said, as exact decimals. One that names a price for
/// tokens and one for another unit is charged by tokens where those were counted. What nobody has counted has no cost.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PriceSpec {
    /// Uncached prompt tokens. Only what is sold by `image`, `audio_hour`, `characters`, `search` or `video_second` can go
    /// without it.
    #[serde(default)]
    pub input: Option<Decimal>,
    /// Generated tokens. Without it: free, as for embeddings.
    #[serde(default)]
    pub output: Option<Decimal>,
    /// Prompt tokens read from the provider's cache. Without it: as `input`.
    #[serde(default)]
    pub cache_read: Option<Decimal>,
    /// Prompt tokens written to the provider's cache for five minutes. Without it: as `input`.
    #[serde(default)]
    pub cache_write: Option<Decimal>,
    /// Prompt tokens written to the provider's cache for one hour. Without it: as `cache_write`.
    #[serde(default)]
    pub cache_write_1h: Option<Decimal>,
    /// Generated reasoning tokens. Without it: as `output`.
    #[serde(default)]
    pub reasoning: Option<Decimal>,
    /// What holds for the whole exchange once its prompt is long.
    #[serde(default)]
    pub long: Option<LongPriceSpec>,
    /// What is answered in a batch costs this instead. Without it, that is of unknown cost.
    #[serde(default)]
    pub batch: Option<BatchPriceSpec>,
    /// Each picture that is made, in dollars.
    #[serde(default)]
    pub image: Option<Decimal>,
    /// An hour of sound, in dollars: 60 times the price of a minute, 3600 times that of a second.
    #[serde(default)]
    pub audio_hour: Option<Decimal>,
    /// A million characters that are spoken.
    #[serde(default)]
    pub characters: Option<Decimal>,
    /// Each search unit of a reranking, in dollars.
    #[serde(default)]
    pub search: Option<Decimal>,
    /// Each second of moving pictures, in dollars.
    #[serde(default)]
    pub video_second: Option<Decimal>,
    /// Each search of the web, in dollars, beside the tokens. Without it: as the provider's `web_search_price`.
    #[serde(default)]
    pub web_search: Option<Decimal>,
    /// Prompt tokens that stand for pictures. Without it: as `input`.
    #[serde(default)]
    pub image_input: Option<Decimal>,
    /// Prompt tokens that stand for sound. Without it: as `input`.
    #[serde(default)]
    pub audio_input: Option<Decimal>,
    /// Prompt tokens read from the provider's cache that stand for pictures. Without it: as `cache_read`.
    #[serde(default)]
    pub image_cache_read: Option<Decimal>,
    /// Prompt tokens read from the provider's cache that stand for sound. Without it: as `cache_read`.
    #[serde(default)]
    pub audio_cache_read: Option<Decimal>,
    /// Generated tokens that stand for pictures. Without it: as `output`.
    #[serde(default)]
    pub image_output: Option<Decimal>,
    /// Generated tokens that stand for sound. Without it: as `output`.
    #[serde(default)]
    pub audio_output: Option<Decimal>,
}

/// Prices for requests that are answered together within a day, in US dollars per million tokens.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BatchPriceSpec {
    /// Prompt tokens.
    pub input: Decimal,
    /// Generated tokens. Without it: free.
    #[serde(default)]
    pub output: Option<Decimal>,
    /// Prompt tokens read from the provider's cache. Without it: as `input`.
    #[serde(default)]
    pub cache_read: Option<Decimal>,
}

/// Prices for exchanges with a long prompt, in US dollars per million tokens.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LongPriceSpec {
    /// Prompt tokens, cached ones included, above which these prices hold.
    pub above: u64,
    /// Uncached prompt tokens.
    pub input: Decimal,
    /// Generated tokens, reasoning included. Without it: free.
    #[serde(default)]
    pub output: Option<Decimal>,
    /// Prompt tokens read from the provider's cache. Without it: as `input`.
    #[serde(default)]
    pub cache_read: Option<Decimal>,
    /// Prompt tokens written to the provider's cache for five minutes. Without it: as `input`.
    #[serde(default)]
    pub cache_write: Option<Decimal>,
    /// Prompt tokens written to the provider's cache for one hour. Without it: as `cache_write`.
    #[serde(default)]
    pub cache_write_1h: Option<Decimal>,
}

/// A decimal number kept as it is written, so that no digit is lost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decimal(pub String);

impl JsonSchema for Decimal {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Decimal".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": ["number", "string"] })
    }

    fn inline_schema() -> bool {
        true
    }
}

impl<'de> Deserialize<'de> for Decimal {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl serde::de::Visitor<'_> for Visitor {
            type Value = Decimal;
            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a decimal number")
            }
            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Decimal, E> {
                Ok(Decimal(text.to_owned()))
            }
            fn visit_u64<E: serde::de::Error>(self, number: u64) -> Result<Decimal, E> {
                Ok(Decimal(number.to_string()))
            }
            fn visit_i64<E: serde::de::Error>(self, number: i64) -> Result<Decimal, E> {
                Ok(Decimal(number.to_string()))
            }
            fn visit_f64<E: serde::de::Error>(self, number: f64) -> Result<Decimal, E> {
                Ok(Decimal(number.to_string()))
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

/// The weight of what has none.
pub(super) fn one() -> u32 {
    1
}
