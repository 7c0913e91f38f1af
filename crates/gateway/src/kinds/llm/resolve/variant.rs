//! What may stand behind a model's name, as in `openai/gpt-4o:floor`.
//! <https://openrouter.ai/docs/guides/routing/model-variants>

use yumen_config::{Snapshot, Strategy};

use crate::kinds::llm::auto::is_open;

/// What stands behind a model's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Variant {
    /// Only deployments that cost nothing.
    Free,
    /// The most tokens per second first.
    Nitro,
    /// The least cost first.
    Floor,
    /// The highest rate of success first.
    Exacto,
    /// The model is to think before it answers.
    Thinking,
    /// The web is searched for the answer.
    Online,
}

impl Variant {
    const ALL: [(&'static str, Self); 6] = [
        (":free", Self::Free),
        (":nitro", Self::Nitro),
        (":floor", Self::Floor),
        (":exacto", Self::Exacto),
        (":thinking", Self::Thinking),
        (":online", Self::Online),
    ];

    /// The order that it asks for.
    pub fn strategy(self) -> Option<Strategy> {
        match self {
            Self::Free | Self::Thinking | Self::Online => None,
            Self::Nitro => Some(Strategy::Throughput),
            Self::Floor => Some(Strategy::Price),
            Self::Exacto => Some(Strategy::Exacto),
        }
    }
}

/// Takes a variant off a name, unless a model is called so with it. What is left is a model's name, or one that leaves the
/// model to the gateway.
pub fn split_variant<'n>(snapshot: &Snapshot, name: &'n str) -> (&'n str, Option<Variant>) {
    if !name.contains(':') || snapshot.models.contains_key(name) || snapshot.withheld.contains(name) {
        return (name, None);
    }
    let found = Variant::ALL.iter().find_map(|(end, variant)| Some((name.strip_suffix(end)?, *variant)));
    match found {
        Some((base, variant)) if snapshot.models.contains_key(base) || is_open(snapshot, base) => {
            (base, Some(variant))
        }
        _ => (name, None),
    }
}
