//! The checked form: everything the data plane needs, immutable, swapped whole.
//!
//! In: what [`crate::parse_and_check`] has checked. Out: look-ups. Nothing here can fail or refuse; what was
//! wrong was reported before and is not in here.

use std::collections::{BTreeMap, HashSet};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::Arc;
use std::time::Duration;

use foldhash::HashMap;

use crate::intent::Intent;
use crate::keys::KeyTable;
use crate::near;
use crate::network::Network;
use crate::patterns::ModelPatterns;
use crate::presets::{NoPreset, PresetTable, StorePreset};
use crate::provider::{Provider, ServedModel};
use crate::rotation::Rotation;
use crate::routing::{Preferences, Strategy};
use crate::rules::{Preset, Rules};
use crate::shadow::Shadow;

/// Longest model name that is looked at; a longer one is unknown.
const LONGEST_MODEL_NAME: usize = 256;

/// Whether a text can be a model's name or id at all.
pub(crate) fn is_model_id(text: &str) -> bool {
    (1..=LONGEST_MODEL_NAME).contains(&text.len()) && !text.chars().any(char::is_control)
}

/// Everything the data plane needs. Its parts are shared, so a copy with other keys costs nothing to speak of.
#[derive(Debug, Clone)]
pub struct Snapshot {
    /// Sockets, bounds and time-outs of the data plane.
    pub gateway: Arc<GatewaySettings>,
    /// What the process around the data plane needs.
    pub process: Arc<ProcessSettings>,
    /// Configured providers by their entry's name.
    pub providers: Arc<BTreeMap<Arc<str>, Arc<Provider>>>,
    /// What is wished of every choice.
    pub routing: Arc<Preferences>,
    /// What happens with requests that meet a condition.
    pub rules: Arc<Rules>,
    /// How messages are told apart for them.
    pub intent: Arc<Intent>,
    /// Presets of the configuration by their names. What is asked for is found by [`Snapshot::preset`].
    pub presets: Arc<BTreeMap<Arc<str>, Arc<Preset>>>,
    /// The provider that keeps files and batches.
    pub files: Option<Arc<str>>,
    /// Every public model name and what it stands for: aliases, canonical ids, `provider/native-id`, and native
    /// ids that only one provider has. Earlier kinds win.
    pub models: Arc<HashMap<Arc<str>, Arc<ModelTarget>>>,
    /// Names of aliases that were left out because of their errors. They stand for nothing, so that a name
    /// never silently falls through to another model.
    pub withheld: Arc<HashSet<Arc<str>>>,
    /// Virtual keys by their keyed hash.
    pub keys: KeyTable,
    /// Presets of the store by their names.
    pub store_presets: PresetTable,
}

/// Settings of the data plane.
#[derive(Debug, Clone, PartialEq, Eq)]
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
    /// Rounds in which what failed for a moment is tried anew.
    pub retry_rounds: u32,
    /// Tries anew at a deployment, in hundredths of the tries of the last half minute.
    pub retry_percent: u32,
    /// Open client connections over all workers.
    pub max_connections: usize,
    /// How long open streams may go on after a stop was asked for.
    pub drain: Duration,
    /// How long a client may take to send its request head.
    pub header_read_timeout: Duration,
    /// How long a client may take to send its body.
    pub body_read_timeout: Duration,
    /// How long a client may take no byte of an answer.
    pub write_timeout: Duration,
    /// How long a connection may be without any exchange.
    pub idle_timeout: Duration,
    /// How often an HTTP/2 client is asked whether it is still there.
    pub ping_interval: Duration,
    /// How long it may take to say so.
    pub ping_timeout: Duration,
    /// After how long without anything to say a stream is given a comment, if ever.
    pub stream_comments: Option<Duration>,
    /// Largest request head in bytes.
    pub max_head_bytes: usize,
    /// Whether the lists of models and providers are there for those without a key.
    pub public_models: bool,
    /// Whether broken JSON is repaired where JSON was asked for.
    pub heal_json: bool,
    /// Exchanges that one HTTP/2 connection may have open.
    pub max_streams: u32,
    /// The fetching of files whose address a request gives.
    pub fetch: Arc<FetchSettings>,
    /// Sessions of the realtime API.
    pub session: SessionSettings,
    /// Responses that the gateway keeps itself.
    pub responses: ResponsesSettings,
}

/// How long sessions of the realtime API may go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionSettings {
    /// While neither side says anything.
    pub idle: Duration,
    /// In all.
    pub total: Duration,
}

/// Responses that the gateway keeps itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ResponsesSettings {
    /// Which are.
    pub store: KeepWish,
    /// How long a conversation is kept after its last turn.
    pub retention: Duration,
    /// Bytes of one response with its input.
    pub max_response_bytes: u64,
    /// Bytes of one virtual key.
    pub max_key_bytes: u64,
    /// Bytes of all virtual keys together.
    pub max_bytes: u64,
}

/// Which responses the gateway keeps itself.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, serde::Deserialize, serde::Serialize, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum KeepWish {
    /// None.
    Never,
    /// Those whose request says `store: true`.
    #[default]
    WhenAsked,
    /// All but those whose request says `store: false`, as OpenAI does.
    UnlessRefused,
}

impl KeepWish {
    /// Whether a response is kept whose request says this of `store`.
    pub fn keeps(self, store: Option<bool>) -> bool {
        match self {
            Self::Never => false,
            Self::WhenAsked => store == Some(true),
            Self::UnlessRefused => store != Some(false),
        }
    }
}

/// How files are fetched whose address a request gives, where the provider takes only their bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FetchSettings {
    /// Whether they are; if not, they are left out and named as lost.
    pub enabled: bool,
    /// Networks from which may be fetched although they are not public.
    pub allowed: Vec<Network>,
    /// Ports from which may be fetched.
    pub ports: Vec<u16>,
    /// Largest file in bytes.
    pub max_bytes: usize,
    /// What all files that are held for requests may have in bytes.
    pub max_total_bytes: usize,
    /// For all files of a request together.
    pub timeout: Duration,
}

/// Settings of the process around the data plane; a change takes effect at the next start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProcessSettings {
    /// Where the store is (`sqlite://…`); `None` is a file in the data folder.
    pub store_url: Option<String>,
    /// How log lines are written.
    pub log_format: LogFormat,
    /// Which log lines are written.
    pub log_level: LogLevel,
}

/// How log lines are written.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, serde::Deserialize, serde::Serialize, schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object per line, for machines.
    Json,
}

/// Which log lines are written: those of this level and of the levels before it.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, serde::Deserialize, serde::Serialize, schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum LogLevel {
    /// What went wrong.
    Error,
    /// What looks wrong.
    Warn,
    /// One line per exchange and each change of state.
    #[default]
    Info,
    /// Each attempt and decision.
    Debug,
    /// Everything.
    Trace,
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
    /// What is wished of the choice.
    pub routing: Arc<Preferences>,
    /// Whether broken JSON is repaired under this name; nothing where the gateway's own setting counts.
    pub heal_json: Option<bool>,
    /// The candidate that is asked a copy of some of its requests.
    pub shadow: Option<Arc<Shadow>>,
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
    /// A number that the same model at the same provider always has; with it goes what is learnt of it while it serves.
    pub id: u64,
    /// The provider.
    pub provider: Arc<Provider>,
    /// The model as that provider serves it.
    pub model: Arc<ServedModel>,
}

impl Deployment {
    /// A model at a provider.
    pub fn new(provider: &Arc<Provider>, model: &Arc<ServedModel>) -> Self {
        let mut hasher = DefaultHasher::new();
        (&provider.id, &model.native_id).hash(&mut hasher);
        Self { id: hasher.finish(), provider: Arc::clone(provider), model: Arc::clone(model) }
    }

    /// Whether both are the same model at the same provider.
    pub fn is_same(&self, other: &Self) -> bool {
        self.id == other.id
            && self.provider.id == other.provider.id
            && self.model.native_id == other.model.native_id
    }
}

impl ModelTarget {
    /// A name that stands for one deployment.
    pub fn single(name: &str, kind: TargetKind, deployment: Deployment) -> Self {
        let deployments = Rotation::even([deployment]);
        Self {
            name: Arc::from(name),
            kind,
            deployments,
            fallbacks: Vec::new(),
            routing: Arc::default(),
            heal_json: None,
            shadow: None,
        }
    }

    /// In which order its deployments are tried where nobody says otherwise.
    pub fn usual_strategy(&self) -> Strategy {
        match self.kind {
            TargetKind::Alias => Strategy::Weighted,
            TargetKind::Canonical | TargetKind::Qualified | TargetKind::Native => Strategy::Balanced,
        }
    }
}

impl Snapshot {
    /// What a public model name stands for: one look-up; a `provider/native-id` that is not listed is built.
    pub fn target(&self, name: &str) -> Option<Arc<ModelTarget>> {
        if let Some(target) = self.models.get(name) {
            return Some(Arc::clone(target));
        }
        if name.len() > LONGEST_MODEL_NAME || self.withheld.contains(name) {
            return None;
        }
        let (provider, native_id) = name.split_once('/')?;
        let provider = self.providers.get(provider)?;
        if !is_model_id(native_id) {
            return None;
        }
        let model = Arc::new(ServedModel::unlisted(native_id));
        Some(Arc::new(ModelTarget::single(name, TargetKind::Qualified, Deployment::new(provider, &model))))
    }

    /// Up to three allowed model names that look like `name`, the likeliest first.
    pub fn near_names(&self, name: &str, allowed: &ModelPatterns) -> Vec<Arc<str>> {
        let candidates = self.models.keys().filter(|known| allowed.allows(known)).map(|known| &**known);
        near::nearest(name, candidates, 3).into_iter().map(Arc::from).collect()
    }

    /// The preset that is asked for as `NAME` or `NAME@VERSION`; one of the configuration wins over one of the store.
    pub fn preset(&self, asked: &str) -> Result<Arc<Preset>, NoPreset> {
        let (name, version) = match asked.rsplit_once('@') {
            Some((name, version)) => (name, Some(version)),
            None => (asked, None),
        };
        if let Some(preset) = self.presets.get(name) {
            let own = preset.label.strip_prefix(name).and_then(|rest| rest.strip_prefix('@'));
            return match version {
                Some(version) if own != Some(version) => Err(NoPreset::version(name, version, own)),
                _ => Ok(Arc::clone(preset)),
            };
        }
        let kept = self.store_presets.get(name).ok_or_else(|| NoPreset::unknown(asked))?;
        kept.version(name, version)
    }

    /// Whether a preset has models of its own and nothing serves any of them now.
    pub fn serves_none_of(&self, preset: &Preset) -> bool {
        let serves = |name: &Arc<str>| {
            let base = name.rsplit_once(':').map_or(&**name, |(base, _)| base);
            self.target(name).is_some() || self.target(base).is_some()
        };
        !preset.models.is_empty() && !preset.models.iter().any(serves)
    }

    /// Why a preset of the store cannot be asked for by its name alone.
    pub fn fault_of(&self, name: &str, preset: &StorePreset) -> Option<String> {
        if self.presets.contains_key(name) {
            return Some("the configuration has a preset of this name, which wins".to_owned());
        }
        match preset.version(name, None) {
            Err(fault) => Some(fault.to_string()),
            Ok(used) if self.serves_none_of(&used) => {
                let models: Vec<&str> = used.models.iter().map(|model| &**model).collect();
                Some(format!("nothing serves what it asks for ({})", models.join(", ")))
            }
            Ok(_) => None,
        }
    }

    /// The same Snapshot with other presets of the store.
    pub fn with_store_presets(&self, store_presets: PresetTable) -> Self {
        Self { store_presets, ..self.clone() }
    }

    /// The same Snapshot with other virtual keys.
    pub fn with_keys(&self, keys: KeyTable) -> Self {
        Self { keys, ..self.clone() }
    }
}
