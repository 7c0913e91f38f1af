//! The targets that read what operators bring: a configuration, a newer catalogue.

use std::sync::LazyLock;

use yumen_config::{KeyHasher, parse_and_check};
use yumen_llm::catalogue::{Catalogue, CatalogueUpdate};

static CATALOGUE: LazyLock<Catalogue> = LazyLock::new(|| Catalogue::builtin().unwrap_or_default());

/// Any text gives diagnostics or a Snapshot, and never nothing at all.
pub(crate) fn config(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let env = |name: &str| (name == "NAME").then(|| "value".to_owned());
    let checked = parse_and_check(
        &text,
        "yumen.yaml",
        &env,
        &|_| Ok("secret".to_owned()),
        &CATALOGUE,
        &KeyHasher::new([7; 32]),
        None,
    );
    assert!(checked.snapshot.is_some() || checked.has_errors(), "refused without a reason");
    for diagnostic in &checked.diagnostics {
        assert!(!diagnostic.message.is_empty());
    }
}

/// A catalogue that is taken can be read and written again.
pub(crate) fn catalogue_update(data: &[u8]) {
    let Ok(update) = CatalogueUpdate::read(&String::from_utf8_lossy(data)) else { return };
    if !update.faults().is_empty() {
        return;
    }
    let updated = CATALOGUE.updated(&update);
    let again = CatalogueUpdate::read(&updated.export());
    assert!(again.is_ok_and(|again| again.made == update.made && again.faults().is_empty()));
}
