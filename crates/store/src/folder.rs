//! Folders of the store: made for their owner alone.

use std::fs::DirBuilder;
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::Path;

use crate::error::StoreError;

/// Makes a folder, and those above it, when it is not there; says so when others may look into one that is.
pub(crate) fn make(dir: &Path) -> Result<(), StoreError> {
    // A file named without a folder lies in the current one, which is not the store's.
    if dir.as_os_str().is_empty() {
        return Ok(());
    }
    if !dir.is_dir() {
        return DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(StoreError::file(dir));
    }
    let mode = dir.metadata().map_err(StoreError::file(dir))?.permissions().mode();
    if mode & 0o077 != 0 {
        tracing::warn!(path = %dir.display(), mode = format!("{:o}", mode & 0o777), "others may look into the store's folder");
    }
    Ok(())
}
