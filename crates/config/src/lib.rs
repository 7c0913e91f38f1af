//! Declarative resources: YAML text -> [`Spec`] -> check -> [`Snapshot`].
//!
//! In: the text of a configuration, the environment and the files of secrets as look-up functions, the provider catalogue
//! and the previous Snapshot. Out: a Snapshot and all diagnostics. This crate never reads a file, the environment or
//! the clock itself, and never looks at a request.
//!
//! # What happens when something is wrong
//!
//! Everything that is wrong is reported at once, each with its line and column.
//!
//! - A fault in the syntax, at the top level, or in `gateway`, `admin`, `store` or `log`: there is no Snapshot.
//!   A running server keeps the one it has, a starting server stops.
//! - A fault in one provider, alias or key: it is left out and everything else works. On a reload a provider
//!   keeps the checked form that it had in the previous Snapshot. A deployment or fallback whose provider was
//!   left out is skipped. The name of an alias that was left out stands for nothing: a request for it is
//!   refused, never sent to another model of the same name.
//! - `yumen check` takes any error as failure.
//!
//! # Rooms
//!
//! `yaml` (text to a located tree) → `read` (tree to [`Spec`], by the shapes of `schema`, putting in the
//! `environment`) → `check` (Spec to the checked form in `snapshot`, `provider`, `keys`). `diagnostic` and
//! `place` say what is wrong and where; `reference` writes the documentation page.

mod access;
mod base;
pub mod cel;
mod check;
mod credential;
mod diagnostic;
mod discovered;
mod documents;
mod endpoint;
mod environment;
mod intent;
mod keys;
mod listing;
mod near;
mod network;
mod path_rules;
mod patterns;
mod place;
mod presets;
mod provider;
mod quantization;
mod read;
mod reference;
mod rotation;
mod routing;
mod rules;
mod schema;
mod secret;
mod shadow;
mod snapshot;
pub mod spec;
mod table;
mod yaml;

// Part of this crate's own interface: whoever reads a configuration hands over a catalogue and shows prices.
pub use yumen_llm::catalogue::{
    Catalogue, CatalogueUpdate, Change, ChangeKind, Day, FieldChange, Word, changes as catalogue_changes,
};
pub use yumen_llm::price::{PerToken, Price};

pub use access::{Access, AccessFault, access_word};
pub use base::Base;
pub use check::presets::is_preset_name;
pub use check::{Checked, SecretFiles, from_environment, parse_and_check};
pub use credential::{
    AwsKey, Credential, CredentialLimits, GoogleServiceAccount, GoogleUser, OauthClient, Proof, SigningKey,
    TencentKey, TokenSource,
};
pub use diagnostic::{Diagnostic, Position, Severity};
pub use discovered::Discovered;
pub use documents::{CheckedDocument, kept_preset, kept_routing, preset_document, routing_document};
pub use endpoint::{Endpoint, EndpointError, RequestPath, Scheme, encoded, push_encoded};
pub use intent::{Category, Intent, IntentBy};
pub use keys::{KeyTable, VirtualKey};
pub use listing::{Listed, ModelQuery, Page, QueryError, may_use};
pub use network::Network;
pub use path_rules::{PathFault, PathRules, PlainPath};
pub use patterns::ModelPatterns;
pub use presets::{NoPreset, PresetChange, PresetTable, PresetVersion, StorePreset};
pub use provider::{ModelSource, Probe, ProbeQuestion, Provider, ServedModel, Timeouts};
pub use quantization::Quantization;
pub use reference::reference_markdown;
pub use rotation::Rotation;
pub use routing::{
    FailureClass, Hedge, MaxPrice, Percentile, Preferences, ProviderName, Reaction, Sticky, Strategy, Wanted,
    failures_markdown,
};
pub use rules::{Effort, Preset, PresetParameters, Rule, Rules, Then};
pub use schema::json_schema;
pub use secret::{KeyHash, KeyHasher, Secret};
pub use shadow::{SHADOW_ALL, Shadow};
pub use snapshot::{
    Deployment, FetchSettings, GatewaySettings, KeepWish, LogFormat, LogLevel, ModelTarget, ProcessSettings,
    ResponsesSettings, SessionSettings, Snapshot, TargetKind,
};
pub use spec::Spec;
pub use table::{Sharded, Table};
