//! What messages were told to be about, and the examples they are compared with.
//!
//! In: categories of messages by a hash that says nothing of anybody, and vectors of examples. Out: the same. It is bounded
//! and forgets what is old first; nothing depends on what it remembers.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Messages that are remembered, twice: the older half is dropped as a whole.
const MESSAGES_MOST: usize = 8192;
/// How long examples that could not be had are left alone.
const PAUSE: Duration = Duration::from_secs(10);

/// An example as a vector of length one, and the place of its category.
#[derive(Debug, Clone, PartialEq)]
pub struct Example {
    /// The place of its category.
    pub category: usize,
    /// Where it stands.
    pub vector: Vec<f32>,
}

/// What is remembered.
#[derive(Debug, Default)]
pub struct Intents {
    told: Mutex<Told>,
    examples: Mutex<Learnt>,
}

#[derive(Debug, Default)]
struct Told {
    young: HashMap<u64, usize>,
    old: HashMap<u64, usize>,
}

#[derive(Debug, Default)]
struct Learnt {
    /// Of which settings they are.
    of: u64,
    examples: Option<Arc<[Example]>>,
    /// When somebody began to ask for them.
    asked: Option<Instant>,
}

/// Where the examples are.
#[derive(Debug, Clone, PartialEq)]
pub enum Known {
    /// Here.
    Here(Arc<[Example]>),
    /// Whoever is told so is to ask for them.
    Yours,
    /// Somebody else asks for them.
    Asked,
}

impl Intents {
    /// The place of a message's category.
    pub fn told(&self, message: u64) -> Option<usize> {
        let told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        told.young.get(&message).or_else(|| told.old.get(&message)).copied()
    }

    /// A message was told to be in a category.
    pub fn remember(&self, message: u64, category: usize) {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if told.young.len() >= MESSAGES_MOST {
            told.old = std::mem::take(&mut told.young);
        }
        told.young.insert(message, category);
    }

    /// The examples of these settings.
    pub fn examples(&self, of: u64, now: Instant) -> Known {
        let mut learnt = self.examples.lock().unwrap_or_else(PoisonError::into_inner);
        if learnt.of != of {
            *learnt = Learnt { of, ..Learnt::default() };
        }
        if let Some(examples) = &learnt.examples {
            return Known::Here(Arc::clone(examples));
        }
        if learnt.asked.is_some_and(|asked| now.saturating_duration_since(asked) < PAUSE) {
            return Known::Asked;
        }
        learnt.asked = Some(now);
        Known::Yours
    }

    /// The examples of these settings are here.
    pub fn learn(&self, of: u64, examples: Arc<[Example]>) {
        let mut learnt = self.examples.lock().unwrap_or_else(PoisonError::into_inner);
        if learnt.of == of {
            learnt.examples = Some(examples);
        }
    }
}

/// The place of the category of the nearest example, by the angle between them.
pub fn nearest(examples: &[Example], message: &[f32]) -> Option<usize> {
    let closeness = |example: &Example| -> f32 {
        example.vector.iter().zip(message).map(|(left, right)| left * right).sum()
    };
    let same_space = examples.iter().filter(|example| example.vector.len() == message.len());
    same_space.max_by(|left, right| closeness(left).total_cmp(&closeness(right))).map(|one| one.category)
}

/// The vector in the same direction whose length is one; none for a vector that points nowhere.
pub fn unit(vector: Vec<f32>) -> Option<Vec<f32>> {
    let length = vector.iter().map(|part| part * part).sum::<f32>().sqrt();
    (length.is_finite() && length > 0.0).then(|| vector.into_iter().map(|part| part / length).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_told_is_remembered_within_bounds() {
        let intents = Intents::default();
        intents.remember(1, 7);
        assert_eq!((intents.told(1), intents.told(2)), (Some(7), None));
        for message in 10..10 + 3 * MESSAGES_MOST as u64 {
            intents.remember(message, 1);
        }
        assert_eq!(intents.told(1), None);
        let told = intents.told.lock().unwrap();
        assert!(told.young.len() + told.old.len() <= 2 * MESSAGES_MOST);
    }

    #[test]
    fn examples_are_asked_for_once_and_belong_to_their_settings() {
        let (intents, now) = (Intents::default(), Instant::now());
        assert_eq!(intents.examples(1, now), Known::Yours);
        assert_eq!(intents.examples(1, now), Known::Asked);
        assert_eq!(intents.examples(1, now + PAUSE), Known::Yours, "who asked may have failed");
        let examples: Arc<[Example]> = Arc::from([Example { category: 0, vector: vec![1.0] }]);
        intents.learn(1, Arc::clone(&examples));
        assert_eq!(intents.examples(1, now), Known::Here(Arc::clone(&examples)));
        assert_eq!(intents.examples(2, now), Known::Yours, "other settings");
        intents.learn(1, examples);
        assert_eq!(intents.examples(2, now), Known::Asked, "those of settings that are gone");
    }

    #[test]
    fn the_nearest_example_decides() {
        let example =
            |category, vector: [f32; 2]| Example { category, vector: unit(vector.to_vec()).unwrap() };
        let examples = [example(0, [1.0, 0.1]), example(1, [0.1, 5.0]), example(0, [1.0, -1.0])];
        assert_eq!(nearest(&examples, &[0.2, 0.9]), Some(1));
        assert_eq!(nearest(&examples, &[9.0, 0.0]), Some(0));
        assert_eq!(nearest(&examples, &[1.0, 2.0, 3.0]), None, "another model's vector");
        assert_eq!(unit(vec![0.0, 0.0]), None);
    }
}
