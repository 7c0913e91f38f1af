//! The door to responses that the gateway keeps itself, so that a later request can continue them.
//!
//! `store` implements it, the data plane asks it. Only requests that continue or look up a response, and answers that are to
//! be kept, wait for it.

use crate::objects::Doing;

/// A response with what was asked for it. Texts are kept as they were said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptResponse {
    /// Its id.
    pub id: String,
    /// The kept response that it continues.
    pub previous_id: Option<String>,
    /// Unix seconds at which it was made.
    pub created_at: i64,
    /// The request's own input, as JSON.
    pub input: Vec<u8>,
    /// The response object as it was told, as JSON.
    pub response: Vec<u8>,
}

/// A conversation up to one of its responses.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Conversation {
    /// Its responses, the first one first.
    pub turns: Vec<KeptResponse>,
    /// Whether it begins with its beginning: nothing before it was deleted, and there are not too many.
    pub is_whole: bool,
    /// Its bytes, about. Where they are more than was asked for, there are no turns.
    pub bytes: u64,
}

/// How much is kept, and for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeepLimits {
    /// Bytes of one response with its input.
    pub response_bytes: u64,
    /// Bytes of one virtual key.
    pub key_bytes: u64,
    /// Bytes of all keys together.
    pub total_bytes: u64,
    /// Conversations that were last continued before this Unix second count as forgotten.
    pub since: i64,
}

/// A response was not kept.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotKept {
    /// It is larger than one may be.
    #[error("it has {bytes} bytes with its input, and {most} may be kept of one response")]
    TooLarge {
        /// Its size.
        bytes: u64,
        /// The most that there may be.
        most: u64,
    },
    /// There is no room for it.
    #[error("responses of {most} bytes may be kept, and are")]
    Full {
        /// The most that there may be.
        most: u64,
    },
    /// What it continues was deleted meanwhile.
    #[error("the response that it continues was deleted meanwhile")]
    PreviousGone,
    /// Its provider has given its id to another virtual key before.
    #[error("its provider has given its id before")]
    IdTaken,
    /// The store did not take it.
    #[error("the store did not take it: {0}")]
    Unavailable(String),
}

/// Something that is kept, or not, as fast as the database is.
pub type Keeping<'a> = std::pin::Pin<Box<dyn Future<Output = Result<(), NotKept>> + Send + 'a>>;

/// Keeps responses, each for the virtual key that asked for it. What belongs to another key is as if it were not there.
pub trait ResponseKeeper: Send + Sync {
    /// Keeps one. After it has returned, the response is found, also when the process was killed meanwhile. The key's own
    /// oldest conversations make room.
    fn keep<'a>(&'a self, key_id: &'a str, response: KeptResponse, limits: KeepLimits) -> Keeping<'a>;

    /// The conversation that ends with this response; `None` when there is no such response.
    fn conversation<'a>(
        &'a self,
        key_id: &'a str,
        id: &'a str,
        since: i64,
        most_bytes: u64,
    ) -> Doing<'a, Option<Conversation>>;

    /// One response.
    fn find<'a>(&'a self, key_id: &'a str, id: &'a str, since: i64) -> Doing<'a, Option<KeptResponse>>;

    /// Deletes one; says whether it was there.
    fn delete<'a>(&'a self, key_id: &'a str, id: &'a str, since: i64) -> Doing<'a, bool>;
}
