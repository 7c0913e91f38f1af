//! Figures between two runs of the process: what is written when it stops and taken up when it begins.
//!
//! In: the figures, dated by how long ago they were seen. Out: the same, as far as they are not too old to say anything.
//! Breakers begin closed: whether somebody is well now is seen soon enough.

use serde::{Deserialize, Serialize};

use super::figures::Called;

/// Successes and failures of one slot of a window: how many milliseconds ago, good, bad.
pub type SavedSlot = (u64, u32, u32);
/// One bucket of a histogram: how many milliseconds ago, which, how many.
pub type SavedBucket = (u64, u8, u16);

/// What is known of one deployment or credential.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct SavedFigures {
    pub(super) id: u64,
    pub(super) provider: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) model: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) credential: Option<String>,
    /// How many milliseconds ago it was used.
    pub(super) used_ago: u64,
    pub(super) minutes: Vec<SavedSlot>,
    pub(super) half_hour: Vec<SavedSlot>,
    pub(super) day: Vec<SavedSlot>,
    pub(super) first_token_ms: Vec<SavedBucket>,
    pub(super) total_ms: Vec<SavedBucket>,
    pub(super) throughput: Vec<SavedBucket>,
    /// The means of time to the first token, of whole exchanges, of tokens per second and of success.
    pub(super) means: [Option<f64>; 4],
}

/// What is known of all of them.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct SavedHealth {
    /// Deployments.
    pub deployments: Vec<SavedFigures>,
    /// Credentials.
    pub credentials: Vec<SavedFigures>,
}

impl SavedFigures {
    /// Dates everything by so much more.
    pub(super) fn grow_older(&mut self, passed_ms: u64) {
        self.used_ago = self.used_ago.saturating_add(passed_ms);
        for slot in self.minutes.iter_mut().chain(&mut self.half_hour).chain(&mut self.day) {
            slot.0 = slot.0.saturating_add(passed_ms);
        }
        for bucket in self.first_token_ms.iter_mut().chain(&mut self.total_ms).chain(&mut self.throughput) {
            bucket.0 = bucket.0.saturating_add(passed_ms);
        }
    }

    pub(super) fn called(&self) -> Called {
        let shared = |text: &Option<String>| text.as_deref().map(std::sync::Arc::from);
        Called {
            provider: self.provider.as_str().into(),
            model: shared(&self.model),
            credential: shared(&self.credential),
        }
    }
}
