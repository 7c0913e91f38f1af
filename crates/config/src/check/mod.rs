//! The `Spec` to the checked form: meanings, references between resources, and what is left out.
//!
//! In: a read document, the catalogue, the environment and the previous Snapshot. Out: a Snapshot. It never
//! stops at the first fault.

mod aliases;
mod auth;
mod credentials;
mod discovery;
mod endpoints;
mod files;
mod intent;
mod keys;
mod models;
pub(crate) mod names;
mod parameters;
pub(crate) mod presets;
mod probe;
mod proof;
mod provider;
pub(crate) mod routing;
mod rules;
mod server;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use yumen_llm::catalogue::{Catalogue, ProviderDefinition};

use crate::diagnostic::{Diagnostic, Diagnostics, Severity};
use crate::environment::Environment;
use crate::keys::KeyTable;
use crate::place::Place;
use crate::presets::PresetTable;
use crate::provider::Provider;
use crate::read::{self, Document, Resource};
use crate::secret::KeyHasher;
use crate::snapshot::Snapshot;
use crate::spec::{ProviderSpec, Spec};
use crate::yaml;

/// What came out of a configuration.
#[derive(Debug)]
pub struct Checked {
    /// The checked form of everything that was right; `None` when the top level could not be read.
    pub snapshot: Option<Snapshot>,
    /// Everything that is wrong, in the order of the file.
    pub diagnostics: Vec<Diagnostic>,
}

impl Checked {
    /// Whether there is any error, warnings aside.
    pub fn has_errors(&self) -> bool {
        self.diagnostics.iter().any(|diagnostic| diagnostic.severity == Severity::Error)
    }
}

/// A file of a secret, read: its text, or why it cannot be read.
pub type SecretFiles<'a> = &'a dyn Fn(&str) -> Result<String, String>;

/// Reads and checks a configuration file's text; the crate's page says what happens to what is wrong.
pub fn parse_and_check(
    text: &str,
    file_name: &str,
    env: &dyn Fn(&str) -> Option<String>,
    files: SecretFiles<'_>,
    catalogue: &Catalogue,
    key_hasher: &KeyHasher,
    previous: Option<&Snapshot>,
) -> Checked {
    let mut found = Diagnostics::new(file_name);
    let snapshot = match yaml::parse(text) {
        Ok(node) => {
            let document = read::document(&node, env, &mut found);
            build(document, &Surroundings { env, files, catalogue, previous }, key_hasher, &mut found)
        }
        Err(error) => {
            let hint = error.hint.map(str::to_owned);
            found.add(Severity::Error, error.position, "", error.message, hint);
            None
        }
    };
    Checked { snapshot, diagnostics: found.into_sorted() }
}

/// The Snapshot for running without a file: every provider whose usual environment variable is set, and with
/// `demo` the built-in one. A provider of which the operator must say where it is cannot be used so. A variable
/// that cannot be used is a diagnostic, and its provider is left out.
pub fn from_environment(
    env: &dyn Fn(&str) -> Option<String>,
    files: SecretFiles<'_>,
    catalogue: &Catalogue,
    demo: bool,
) -> (Snapshot, Vec<Diagnostic>) {
    let mut found = Diagnostics::new("environment");
    let surroundings = Surroundings { env, files, catalogue, previous: None };
    let is_set = |name: &String| env(name).is_some_and(|value| !value.is_empty());
    let has_credential = |definition: &ProviderDefinition| {
        let mut usual = definition.credential.iter();
        definition.base_url.is_some()
            && usual.any(|usual| usual.env.iter().chain(&usual.file_env).any(is_set))
    };
    // Variables such as `GOOGLE_APPLICATION_CREDENTIALS` are often there for something else.
    let lacks = |definition: &ProviderDefinition| {
        let mut parameters = definition.parameters.iter();
        parameters
            .find(|(_, one)| one.default.is_none() && !one.env.iter().any(is_set))
            .map(|(name, one)| (name.clone(), one.env.first().cloned()))
    };
    let mut usual = Vec::new();
    for (name, definition) in catalogue.providers.iter().filter(|(_, definition)| has_credential(definition))
    {
        match lacks(definition) {
            None => usual.push(name),
            Some((parameter, variable)) => {
                let message =
                    format!("providers.{name} is left out, for its parameter `{parameter}` is not known");
                let hint = variable.map(|variable| format!("set `{variable}` to use it"));
                Place::nowhere(&format!("providers.{name}")).warn(&mut found, message, hint);
            }
        }
    }
    let resource = |name: &String| Resource {
        place: Place::nowhere(&format!("providers.{name}")),
        spec: Some(ProviderSpec::default()),
        whole: true,
    };
    let declared = usual.into_iter().map(|name| (name.clone(), resource(name))).collect();
    let providers = check_providers(declared, &surroundings, &mut found);
    let spec = Spec::default();
    let (gateway, process) = server::settings(&spec, &Place::nowhere(""), &mut found);
    let snapshot = Snapshot {
        gateway: Arc::new(gateway),
        process: Arc::new(process),
        models: Arc::new(names::table(&providers.good)),
        providers: Arc::new(providers.good),
        routing: Arc::default(),
        rules: Arc::default(),
        presets: Arc::default(),
        intent: Arc::default(),
        files: None,
        withheld: Arc::default(),
        keys: KeyTable::default(),
        store_presets: PresetTable::default(),
    };
    let snapshot = if demo { snapshot.with_demo(catalogue) } else { snapshot };
    (snapshot, found.into_sorted())
}

impl Snapshot {
    /// The same Snapshot with the built-in provider `demo`, unless it already has an entry of that name.
    pub fn with_demo(&self, catalogue: &Catalogue) -> Self {
        const DEMO: &str = "demo";
        if self.providers.contains_key(DEMO) {
            return self.clone();
        }
        let place = Place::nowhere("providers.demo");
        let resource = Resource { place, spec: Some(ProviderSpec::default()), whole: true };
        let declared = BTreeMap::from([(DEMO.to_owned(), resource)]);
        let surroundings =
            Surroundings { env: &|_| None, files: &|_| Err(String::new()), catalogue, previous: None };
        let demo = check_providers(declared, &surroundings, &mut Diagnostics::new(""));
        let mut models = names::table(&demo.good);
        models.retain(|name, _| !self.withheld.contains(name));
        models.extend(self.models.iter().map(|(name, target)| (Arc::clone(name), Arc::clone(target))));
        let mut providers = (*self.providers).clone();
        providers.extend(demo.good);
        Self { providers: Arc::new(providers), models: Arc::new(models), ..self.clone() }
    }
}

/// What a configuration is checked against.
struct Surroundings<'a> {
    env: Environment<'a>,
    files: SecretFiles<'a>,
    catalogue: &'a Catalogue,
    previous: Option<&'a Snapshot>,
}

/// Checked providers, and the names of those that are declared but were left out.
#[derive(Default)]
struct Providers {
    good: BTreeMap<Arc<str>, Arc<Provider>>,
    left_out: BTreeSet<String>,
}

/// Checks everything, also when the top level is wrong, so that all faults are reported at once.
fn build(
    document: Document<'_>,
    surroundings: &Surroundings<'_>,
    key_hasher: &KeyHasher,
    found: &mut Diagnostics,
) -> Option<Snapshot> {
    let Document { root, server, whole, providers, models, keys, presets, rules } = document;
    if whole && providers.is_empty() {
        let hint = "write `providers: { openai: { credentials: [ { secret: \"${OPENAI_API_KEY}\" } ] } }`";
        root.field("providers").warn(found, "no provider is configured".to_owned(), Some(hint.to_owned()));
    }
    let providers = check_providers(providers, surroundings, found);
    let errors_before = found.errors();
    let (gateway, process) = server::settings(&server, &root, found);
    let routing = routing::check(&server.routing, &root.field("routing"), found);
    let files = files::check(&server.files, &providers, &root.field("files"), found);
    let top_level_is_good = whole && found.errors() == errors_before;
    let checked = aliases::check(models, &providers, names::table(&providers.good), found);
    let mut snapshot = Snapshot {
        gateway: Arc::new(gateway),
        process: Arc::new(process),
        providers: Arc::new(providers.good),
        routing,
        rules: Arc::default(),
        presets: Arc::default(),
        intent: Arc::default(),
        files,
        models: Arc::new(checked.models),
        withheld: Arc::new(checked.withheld),
        keys: KeyTable::default(),
        store_presets: PresetTable::default(),
    };
    let errors_before = found.errors();
    let are_whole = presets.values().all(|preset| preset.whole) && rules.iter().all(|rule| rule.whole);
    snapshot.presets = Arc::new(presets::check(presets, &snapshot, found));
    snapshot.intent = Arc::new(intent::check(&server.intent, &snapshot, &root.field("intent"), found));
    snapshot.rules = Arc::new(rules::check(&rules, &snapshot, found));
    let rules_are_good = are_whole && found.errors() == errors_before;
    let keys = keys::check(keys, &snapshot, key_hasher, found);
    (top_level_is_good && rules_are_good).then(|| snapshot.with_keys(keys))
}

/// Checks each provider alone. One that has become bad keeps the form that it had before.
fn check_providers(
    declared: BTreeMap<String, Resource<'_, ProviderSpec>>,
    surroundings: &Surroundings<'_>,
    found: &mut Diagnostics,
) -> Providers {
    let mut providers = Providers::default();
    for (name, resource) in declared {
        let checked = provider::check(&name, &resource, surroundings, found).map(Arc::new);
        let before = surroundings.previous.and_then(|previous| previous.providers.get(&*name));
        if let (None, Some(_)) = (&checked, before) {
            let message = format!("{} has errors and keeps the form that it had before", resource.place.path);
            resource.place.warn(found, message, None);
        }
        match checked.or_else(|| before.cloned()) {
            Some(provider) => drop(providers.good.insert(Arc::clone(&provider.id), provider)),
            None => drop(providers.left_out.insert(name)),
        }
    }
    providers
}
