//! Why the store could not do what it was asked for.

use std::io;
use std::path::{Path, PathBuf};

/// A failure of the store.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The address names a database that is not spoken.
    #[error("the store's address `{0}` is not understood: use sqlite://FILE")]
    Address(String),
    /// A store was to be there and is not.
    #[error("there is no store at {}; is it the data folder, or the `store.url`, of the gateway?", path.display())]
    NoStore {
        /// The database file that was looked for.
        path: PathBuf,
    },
    /// A file or folder of the data folder cannot be used.
    #[error("{} cannot be used", path.display())]
    File {
        /// Which one.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The database refused or could not be reached.
    #[error("the database refused")]
    Database(#[from] sqlx::Error),
    /// The tables could not be brought up to date.
    #[error("the tables cannot be brought up to date")]
    Migrate(#[from] sqlx::migrate::MigrateError),
    /// The virtual keys were hashed with another server key.
    #[error("the stored virtual keys were made with another server key than {}: put the right file back", path.display())]
    ServerKey {
        /// The file that holds the server key.
        path: PathBuf,
    },
    /// Another process keeps its records in the same spool.
    #[error("another process is using the spool {}", path.display())]
    SpoolInUse {
        /// The spool's folder.
        path: PathBuf,
    },
    /// There is no such virtual key.
    #[error("there is no virtual key `{0}`")]
    NoSuchKey(String),
    /// The name is taken.
    #[error("there is a virtual key `{0}` already")]
    NameTaken(String),
    /// The name cannot be used.
    #[error("a virtual key's name has 1 to 100 characters, no control characters and no space at its ends")]
    BadName,
    /// A virtual key's tags cannot be used.
    #[error(
        "a virtual key has at most 64 tags, each of 1 to 100 characters and none of them a control character"
    )]
    BadTags,
    /// A virtual key's team cannot be used.
    #[error("the name of a team has 1 to 100 characters and none of them a control character")]
    BadTeam,
    /// A virtual key's preferences cannot be used.
    #[error("the routing of a virtual key cannot be used: {0}")]
    BadRouting(String),
    /// There is no such preset, or no such version of it.
    #[error("the store has no preset `{0}`")]
    NoSuchPreset(String),
    /// A preset cannot be kept.
    #[error("the preset cannot be kept: {0}")]
    BadPreset(String),
    /// A stored row holds what this version does not understand.
    #[error("a stored row is not understood: {0}")]
    Row(String),
    /// A text cannot be sealed, or was sealed with another server key or for another place.
    #[error("a kept text cannot be sealed or opened")]
    Sealed,
    /// The system gave no random bytes.
    #[error("the system gives no random bytes: {0}")]
    Random(getrandom::Error),
}

impl StoreError {
    /// Turns the failure of a file operation into an error that names the file.
    pub(crate) fn file(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_path_buf();
        move |source| Self::File { path, source }
    }
}
