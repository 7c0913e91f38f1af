//! The provider folders that `build.rs` has put into the binary.
//!
//! In: the generated table. Out: [`FOLDERS`], sorted by id, and [`models`], which unpacks the models of one of them.
//! Nothing is read before it is asked for: a gateway uses few of the providers that are known.

use super::ModelDefinition;
use super::models;
use super::update::unpacked;

/// One folder: a definition as text, and models as deflated text.
pub(super) struct Folder {
    pub(super) id: &'static str,
    pub(super) provider: &'static str,
    pub(super) models: Option<&'static [u8]>,
}

/// The day of the packages that the models are from.
pub(super) const MADE: &str = include_str!(concat!(env!("OUT_DIR"), "/catalogue_day"));

/// All of them.
pub(super) const FOLDERS: &[Folder] = include!(concat!(env!("OUT_DIR"), "/embedded_folders.rs"));

/// The models of a folder. Whether all can be read is tested with the crate (`tests/providers.rs`) and looked at before an
/// update is taken, so that what cannot be read here can only be a damaged binary, whose models are then unknown.
pub(super) fn models(packed: &[u8]) -> Vec<ModelDefinition> {
    let text = unpacked(packed).unwrap_or_default();
    models::read("models.toml", &text, &mut Vec::new())
}
