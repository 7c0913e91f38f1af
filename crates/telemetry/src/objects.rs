//! The door to what is remembered of files, batches, jobs, responses and conversations that providers keep: whose they are, and at which
//! account of which provider.
//!
//! `store` implements it, the data plane asks it. Only calls about them wait for it, requests that begin a job or continue a
//! response, and answers that are one, at their end.

use std::future::Future;
use std::pin::Pin;

use crate::LookupError;

/// What can be owned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub enum ObjectKind {
    File,
    Batch,
    Video,
    Response,
    Conversation,
    /// An item of a response or a conversation.
    Item,
}

impl ObjectKind {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::File, Self::Batch, Self::Video, Self::Response, Self::Conversation, Self::Item];

    /// The word by which it is kept.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::File => "file",
            Self::Batch => "batch",
            Self::Video => "video",
            Self::Response => "response",
            Self::Conversation => "conversation",
            Self::Item => "item",
        }
    }

    /// The kind that a word stands for.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == word)
    }
}

/// An account at a provider: one of its credentials.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Account {
    /// The provider's id.
    pub provider: String,
    /// The credential's stable id; empty for a provider that needs none.
    pub credential_id: String,
    /// What the credential is called in records.
    pub credential: String,
}

/// A file, a batch, a job, a response or a conversation of a virtual key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnedObject {
    /// What it is.
    pub kind: ObjectKind,
    /// The provider's own id, which is also the client's.
    pub id: String,
    /// The virtual key that owns it.
    pub key_id: String,
    /// Where it is.
    pub account: Account,
    /// The model that it was asked of, by the name that the key used; empty for all but jobs.
    pub model: String,
    /// Unix seconds at which it was first seen.
    pub created_at: i64,
}

/// Something that may take as long as the database does.
pub type Doing<'a, T> = Pin<Box<dyn Future<Output = Result<T, LookupError>> + Send + 'a>>;

/// Remembers whose files, batches, jobs and responses are whose.
pub trait ObjectOwners: Send + Sync {
    /// Remembers all of these; those that are known keep their owner. Says whether each of them is now its key's.
    fn remember(&self, objects: Vec<OwnedObject>) -> Doing<'_, bool>;

    /// The object with this id that this key owns.
    fn find<'a>(&'a self, kind: ObjectKind, id: &'a str, key_id: &'a str) -> Doing<'a, Option<OwnedObject>>;

    /// The accounts at which this key owns any, in the order in which it came to them.
    fn accounts<'a>(&'a self, kind: ObjectKind, key_id: &'a str) -> Doing<'a, Vec<Account>>;

    /// Those of these ids that the key owns at this provider.
    fn of_these<'a>(
        &'a self,
        kind: ObjectKind,
        key_id: &'a str,
        provider: &'a str,
        ids: Vec<String>,
    ) -> Doing<'a, Vec<String>>;

    /// Forgets an object that is deleted.
    fn forget<'a>(&'a self, object: &'a OwnedObject) -> Doing<'a, ()>;
}
