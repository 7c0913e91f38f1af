//! The server key: 32 random bytes with which virtual keys are hashed.
//!
//! In: the data folder. Out: the key, made at the first start and kept in a file of its own, so that a copy of the
//! database alone helps nobody to guess a virtual key. It is never logged and never leaves the process.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;

use crate::error::StoreError;

/// The key in `<dir>/server.key`, made when there is none. Call it while no other process does the same.
pub(crate) fn read_or_make(path: &Path) -> Result<[u8; 32], StoreError> {
    match File::open(path) {
        Ok(file) => read(file, path),
        Err(error) if error.kind() == io::ErrorKind::NotFound => make(path),
        Err(error) => Err(StoreError::file(path)(error)),
    }
}

/// What may be known of a server key: tells whether it is the one that hashed the stored keys.
pub(crate) fn fingerprint(key: &[u8; 32]) -> String {
    blake3::derive_key("yumen server key fingerprint v1", key)
        .iter()
        .take(8)
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

fn read(mut file: File, path: &Path) -> Result<[u8; 32], StoreError> {
    let mut key = [0; 32];
    let mut more = [0; 1];
    file.read_exact(&mut key).map_err(StoreError::file(path))?;
    if file.read(&mut more).map_err(StoreError::file(path))? != 0 {
        let source = io::Error::new(io::ErrorKind::InvalidData, "it is longer than 32 bytes");
        return Err(StoreError::file(path)(source));
    }
    let mode = file.metadata().map_err(StoreError::file(path))?.permissions().mode();
    if mode & 0o077 != 0 {
        tracing::warn!(path = %path.display(), mode = format!("{:o}", mode & 0o777), "others may read the server key");
    }
    Ok(key)
}

/// Written under another name first: a process that dies here leaves no short key behind.
fn make(path: &Path) -> Result<[u8; 32], StoreError> {
    let mut key = [0; 32];
    getrandom::fill(&mut key).map_err(StoreError::Random)?;
    let draft = path.with_extension("key.new");
    let write = || -> io::Result<()> {
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&draft)?;
        file.write_all(&key)?;
        file.sync_all()?;
        std::fs::rename(&draft, path)?;
        path.parent().map_or(Ok(()), |dir| File::open(dir)?.sync_all())
    };
    write().map_err(StoreError::file(path))?;
    Ok(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn made_once_and_only_for_its_owner() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("server.key");
        let key = read_or_make(&path).unwrap();
        assert_eq!(read_or_make(&path).unwrap(), key);
        assert_ne!(key, [0; 32]);
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fingerprint(&key).len(), 16);
    }

    #[test]
    fn a_key_of_another_length_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("server.key");
        for length in [0, 31, 33] {
            std::fs::write(&path, vec![7; length]).unwrap();
            assert!(matches!(read_or_make(&path), Err(StoreError::File { .. })), "{length}");
        }
    }
}
