//! The provider folders that `build.rs` has put into the binary.
//!
//! In: the generated table. Out: [`FOLDERS`], sorted by id. Nothing is read or checked here.

/// One folder as text.
pub(super) struct Folder {
    pub(super) id: &'static str,
    pub(super) provider: &'static str,
    pub(super) models: Option<&'static str>,
}

/// All of them.
pub(super) const FOLDERS: &[Folder] = include!(concat!(env!("OUT_DIR"), "/embedded_folders.rs"));
