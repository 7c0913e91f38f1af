//! A provider's models, read when they are first asked for.
//!
//! In: models that were read from a folder, or the packed ones of the binary or of an update. Out: a slice of them, the same each
//! time. Reading happens once and only for the providers that are used, because all of them together take longer
//! and more memory than a gateway with one provider should need.

use std::fmt;
use std::ops::Deref;
use std::sync::{Arc, OnceLock};

use super::{ModelDefinition, embedded};

/// The models of one provider.
#[derive(Clone, Default)]
pub struct Models {
    packed: Option<Packed>,
    read: OnceLock<Vec<ModelDefinition>>,
}

/// Models that are read later.
#[derive(Clone)]
enum Packed {
    Embedded(&'static [u8]),
    Told(Arc<[u8]>),
}

impl Models {
    /// Models that lie in the binary and are read later.
    pub(super) fn packed(packed: Option<&'static [u8]>) -> Self {
        Self { packed: packed.map(Packed::Embedded), read: OnceLock::new() }
    }

    /// Models that came in a file and are read later.
    pub(super) fn told(packed: Arc<[u8]>) -> Self {
        Self { packed: Some(Packed::Told(packed)), read: OnceLock::new() }
    }

    /// What they are read from, if they are packed.
    pub(super) fn packed_bytes(&self) -> Option<&[u8]> {
        Some(match self.packed.as_ref()? {
            Packed::Embedded(bytes) => bytes,
            Packed::Told(bytes) => bytes,
        })
    }
}

impl From<Vec<ModelDefinition>> for Models {
    fn from(models: Vec<ModelDefinition>) -> Self {
        Self { packed: None, read: OnceLock::from(models) }
    }
}

impl Deref for Models {
    type Target = [ModelDefinition];

    fn deref(&self) -> &[ModelDefinition] {
        self.read.get_or_init(|| self.packed_bytes().map(embedded::models).unwrap_or_default())
    }
}

impl<'a> IntoIterator for &'a Models {
    type Item = &'a ModelDefinition;
    type IntoIter = std::slice::Iter<'a, ModelDefinition>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl PartialEq for Models {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl Eq for Models {}

impl fmt::Debug for Models {
    /// What has not been read is not read for a message.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.read.get() {
            Some(models) => formatter.debug_list().entries(models).finish(),
            None => formatter.write_str("Models(not read)"),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may fail by panicking")]
mod tests {
    use super::*;
    use crate::catalogue::Catalogue;

    #[test]
    fn models_are_read_when_they_are_asked_for() {
        let folder = embedded::FOLDERS.iter().find(|folder| folder.id == "openrouter").unwrap();
        let models = Models::packed(folder.models);
        assert_eq!(format!("{models:?}"), "Models(not read)");
        assert!(models.len() > 300);
        assert!(models.iter().any(|model| model.native_id == "openrouter/auto"));
        assert_eq!(models, Models::from(models.to_vec()));
        assert_eq!(Models::packed(Some(b"damaged")).len(), 0);
    }

    #[test]
    fn the_catalogue_reads_no_models_that_nobody_asks_for() {
        let catalogue = Catalogue::read_embedded().unwrap();
        assert!(catalogue.providers.values().all(|definition| definition.models.read.get().is_none()));
    }
}
