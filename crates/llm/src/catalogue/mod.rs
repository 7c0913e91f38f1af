//! Providers and models as data: `providers/<id>/{provider.toml, models.toml}`, embedded at build time.
//!
//! In: TOML text. Out: checked definitions, or every fault at once. This room never reads a file itself: the
//! embedded folders come from `build.rs`, others are handed over as text. The models of an embedded provider are
//! unpacked when they are first asked for. It never knows a credential.

mod auth;
mod changes;
mod definition;
mod discovery;
mod embedded;
mod facts;
mod fields;
mod models;
mod parameters;
mod ranges;
mod shelf;
mod supported;
mod update;
mod urls;

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

pub use crate::dialects::{Operation, Quirk, Thinking};
pub use auth::{Auth, CredentialField, CredentialPart, ENTRA_TOKEN_URL, Part, is_query_name};
pub use changes::{Change, ChangeKind, FieldChange, changes};
pub use definition::{DataPolicy, DialectPath, Links, ProviderDefinition};
pub use discovery::{
    DISCOVERED_MOST, DiscoveredModel, Discovery, DiscoveryError, ModelList, add_llama_cpp_props,
    ollama_model, ollama_tags, openai_models,
};
pub use facts::{Day, Facts, Feature, Modality, Word, Words};
pub use models::ModelDefinition;
pub use parameters::{ParameterDefinition, is_parameter_value, parameters_in, with_parameters};
pub use shelf::Models;
pub use supported::{Parameter, supported_parameters};
pub use update::CatalogueUpdate;

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
    /// The day of what is known of models.
    pub made: Option<Day>,
}

impl Catalogue {
    /// The folders embedded in the binary, read once per process.
    pub fn builtin() -> Result<Self, CatalogueError> {
        static BUILTIN: OnceLock<Result<Catalogue, CatalogueError>> = OnceLock::new();
        BUILTIN.get_or_init(Self::read_embedded).clone()
    }

    /// Adds one folder given as text, in place of one with the same id. Returns every fault found; the
    /// catalogue is then as it was before.
    pub fn add(
        &mut self,
        folder: &str,
        provider_toml: &str,
        models_toml: Option<&str>,
    ) -> Result<(), Vec<CatalogueError>> {
        let mut faults = Vec::new();
        let definition = definition::read(folder, provider_toml, &mut faults);
        let models = match models_toml {
            Some(text) => models::read(&format!("{folder}/models.toml"), text, &mut faults),
            None => Vec::new(),
        };
        match definition {
            Some(definition) if faults.is_empty() => {
                let definition = ProviderDefinition { models: models.into(), ..definition };
                self.providers.insert(folder.to_owned(), Arc::new(definition));
                Ok(())
            }
            _ => Err(faults),
        }
    }

    fn read_embedded() -> Result<Self, CatalogueError> {
        let mut catalogue = Self { made: Day::parse(embedded::MADE), ..Self::default() };
        for folder in embedded::FOLDERS {
            let mut faults = Vec::new();
            let definition = definition::read(folder.id, folder.provider, &mut faults);
            let Some(definition) = definition.filter(|_| faults.is_empty()) else {
                return Err(first_of(folder.id, faults));
            };
            let definition = ProviderDefinition { models: Models::packed(folder.models), ..definition };
            catalogue.providers.insert(folder.id.to_owned(), Arc::new(definition));
        }
        Ok(catalogue)
    }
}

/// A refused folder always says why; should it not, the folder is named at least.
fn first_of(folder: &str, faults: Vec<CatalogueError>) -> CatalogueError {
    faults.into_iter().next().unwrap_or_else(|| CatalogueError {
        file: folder.to_owned(),
        message: String::from("cannot be read"),
    })
}

#[cfg(test)]
mod tests;
