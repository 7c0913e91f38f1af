//! How one catalogue differs from another, for the one who has to approve it.
//!
//! In: two catalogues. Out: models that came, went or changed, by provider and in the order of names. Facts without which no
//! request runs or is charged otherwise are not compared.

use std::collections::BTreeMap;

use super::{Catalogue, ModelDefinition};
use crate::price::{PerToken, Price};

/// One model of one provider that differs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The provider's id.
    pub provider: String,
    /// The provider's own id of the model.
    pub model: String,
    /// How it differs.
    pub kind: ChangeKind,
}

/// How a model differs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChangeKind {
    /// It was not there.
    Added,
    /// It is not there any more.
    Removed,
    /// It is told otherwise.
    Changed(Vec<FieldChange>),
}

/// A fact that differs; what is not known is an empty text.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct FieldChange {
    pub field: &'static str,
    pub old: String,
    pub new: String,
}

impl FieldChange {
    /// Whether it is a price.
    pub fn is_price(&self) -> bool {
        self.field.starts_with("price")
    }
}

/// What must be done to the old catalogue for it to be the new one.
pub fn changes(old: &Catalogue, new: &Catalogue) -> Vec<Change> {
    let mut changes = Vec::new();
    let none = BTreeMap::new();
    let olds: BTreeMap<&str, _> =
        old.providers.iter().map(|(id, one)| (id.as_str(), by_id(&one.models))).collect();
    let news: BTreeMap<&str, _> =
        new.providers.iter().map(|(id, one)| (id.as_str(), by_id(&one.models))).collect();
    let providers: std::collections::BTreeSet<&str> = olds.keys().chain(news.keys()).copied().collect();
    for provider in providers {
        let (before, after) = (olds.get(provider).unwrap_or(&none), news.get(provider).unwrap_or(&none));
        let ids: std::collections::BTreeSet<&str> = before.keys().chain(after.keys()).copied().collect();
        changes.extend(ids.into_iter().filter_map(|id| {
            let kind = match (before.get(id), after.get(id)) {
                (None, _) => ChangeKind::Added,
                (_, None) => ChangeKind::Removed,
                (Some(before), Some(after)) => ChangeKind::Changed(fields(before, after)),
            };
            let differs = !matches!(&kind, ChangeKind::Changed(fields) if fields.is_empty());
            differs.then(|| Change { provider: provider.to_owned(), model: id.to_owned(), kind })
        }));
    }
    changes
}

fn by_id(models: &[ModelDefinition]) -> BTreeMap<&str, &ModelDefinition> {
    models.iter().map(|model| (model.native_id.as_str(), model)).collect()
}

fn fields(old: &ModelDefinition, new: &ModelDefinition) -> Vec<FieldChange> {
    let shown = |number: Option<u64>| number.map(|number| number.to_string()).unwrap_or_default();
    let plain = |model: &ModelDefinition| {
        vec![
            ("name", model.canonical_id.clone()),
            ("context", shown(model.context)),
            ("max output", shown(model.max_output)),
            ("withdrawn on", model.facts.deprecated.map(|day| day.to_string()).unwrap_or_default()),
        ]
    };
    let all = |model: &ModelDefinition| [plain(model), prices(model.price.as_ref())].concat();
    let pairs = all(old).into_iter().zip(all(new));
    let differing = pairs.filter(|(old, new)| old != new);
    differing.map(|((field, old), (_, new))| FieldChange { field, old, new }).collect()
}

/// Every price, in dollars per million tokens or for each unit.
fn prices(price: Option<&Price>) -> Vec<(&'static str, String)> {
    let million = |amount: Option<PerToken>| amount.map(|amount| amount.to_string()).unwrap_or_default();
    let each = |amount: Option<PerToken>| amount.map(PerToken::dollars).unwrap_or_default();
    let of = |part: fn(&Price) -> Option<PerToken>| price.and_then(part);
    vec![
        ("price of input", million(of(|price| Some(price.input)))),
        ("price of output", million(of(|price| Some(price.output)))),
        ("price of cache reads", million(of(|price| price.cache_read))),
        ("price of cache writes", million(of(|price| price.cache_write))),
        ("price of cache writes for an hour", million(of(|price| price.cache_write_1h))),
        ("price of reasoning", million(of(|price| price.reasoning))),
        ("price of long input", million(of(|price| Some(price.long?.input)))),
        ("price of long output", million(of(|price| Some(price.long?.output)))),
        ("price of input in a batch", million(of(|price| Some(price.batch?.input)))),
        ("price of output in a batch", million(of(|price| Some(price.batch?.output)))),
        ("price of characters", million(of(|price| price.units.characters))),
        ("price of picture tokens read", million(of(|price| price.units.image_input))),
        ("price of picture tokens", million(of(|price| price.units.image_output))),
        ("price of sound tokens read", million(of(|price| price.units.audio_input))),
        ("price of sound tokens", million(of(|price| price.units.audio_output))),
        ("price of a picture", each(of(|price| price.units.image))),
        ("price of an hour of sound", each(of(|price| price.units.audio_hour))),
        ("price of a search", each(of(|price| price.units.search))),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROVIDER: &str = "id = \"acme\"\nname = \"Acme\"\nbase_url = \"https://a.example\"\nauth = { scheme = \"none\" }\n\
                            [dialects]\nopenai_chat = { path = \"/c\" }\n";

    fn catalogue(models: &[(&str, &str)]) -> Catalogue {
        let mut catalogue = Catalogue::default();
        let models = models.iter().map(|(id, more)| {
            format!(
                "{{ id = \"{id}\", canonical = \"acme/{id}\", name = \"N\", operations = [\"chat\"], input = [\"text\"]{more} }}"
            )
        });
        let text = format!("model = [{}]", models.collect::<Vec<_>>().join(", "));
        catalogue.add("acme", PROVIDER, Some(&text)).unwrap();
        catalogue
    }

    #[test]
    fn models_come_go_and_change() {
        let price = ", context = 8192, price = { input = \"1\", output = \"2\" }";
        let dearer = ", context = 16384, price = { input = \"1.5\", output = \"2\", batch = { input = \"1\", output = \"1\" } }";
        let old = catalogue(&[("gone", ""), ("same", price), ("moved", price)]);
        let new = catalogue(&[("moved", dearer), ("same", price), ("new", "")]);
        let change = |model: &str, kind| Change { provider: "acme".into(), model: model.into(), kind };
        let field = |field, old: &str, new: &str| FieldChange { field, old: old.into(), new: new.into() };
        let moved = vec![
            field("context", "8192", "16384"),
            field("price of input", "1", "1.5"),
            field("price of input in a batch", "", "1"),
            field("price of output in a batch", "", "1"),
        ];
        assert!(!moved[0].is_price() && moved[1].is_price());
        let expected = [
            change("gone", ChangeKind::Removed),
            change("moved", ChangeKind::Changed(moved)),
            change("new", ChangeKind::Added),
        ];
        assert_eq!(changes(&old, &new), expected);
        assert_eq!(changes(&old, &old), []);
        assert_eq!(changes(&Catalogue::default(), &old).len(), 3);
    }
}
