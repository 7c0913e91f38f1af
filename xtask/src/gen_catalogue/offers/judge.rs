//! Whether facts can be right.
//!
//! In: a completed model, or the same model at several providers. Out: what cannot be right, in words. Of a model
//! that a source brought, the wrong fact is taken out; one that is listed by hand must be mended there.

use std::collections::BTreeMap;

use serde_json::Value;

use super::super::list::List;
use super::super::{Model, text};
use super::Offer;

/// Tokens: no window is larger.
const CONTEXT_MOST: u64 = 20_000_000;
/// Dollars per million tokens.
const PRICE_MOST: f64 = 1000.0;
/// The same for embeddings, which are cheap.
const EMBEDDING_MOST: f64 = 10.0;
/// So many times what it costs to read, an answer never costs.
const OUTPUT_MOST: f64 = 40.0;
/// So many times dearer or cheaper than elsewhere no price is meant to be.
const APART_MOST: f64 = 40.0;
/// So many other prices must be known for the comparison.
const COMPARED_LEAST: usize = 4;

/// Everything that cannot be right.
pub(super) fn faults(model: &Model) -> Vec<String> {
    let mut faults = Vec::new();
    for field in ["id", "canonical", "name"] {
        if text(model, field).is_empty() {
            faults.push(format!("no source gives `{field}`; write it into the list"));
        }
    }
    faults.extend(limits(model).into_iter().map(|(_, fault)| fault));
    faults.extend(model.get("price").into_iter().flat_map(|price| price_faults(model, price)));
    faults
}

/// Takes out what cannot be right, and tells of it.
pub(super) fn mend(model: &mut Model) -> Vec<String> {
    let mut told = Vec::new();
    for (field, fault) in limits(model) {
        model.remove(field);
        told.push(fault);
    }
    let mut faults = model.get("price").map(|price| price_faults(model, price)).unwrap_or_default();
    // A wrong step beside a price that can be right would make long prompts look cheap: neither is taken.
    if !faults.is_empty() {
        model.remove("price");
        told.append(&mut faults);
    }
    told
}

fn limits(model: &Model) -> Vec<(&'static str, String)> {
    let number = |field: &str| model.get(field).and_then(Value::as_u64);
    let mut faults = Vec::new();
    let context = number("context");
    let least = if embeds(model) || !talks(model) { 256 } else { 1024 };
    if model.contains_key("context")
        && !context.is_some_and(|context| (least..=CONTEXT_MOST).contains(&context))
    {
        faults.push(("context", format!("a context of {context:?} tokens cannot be right")));
    }
    if number("max_output") == Some(0) {
        faults.push(("max_output", "an answer of no tokens".to_owned()));
    }
    let date = text(model, "deprecated");
    let shape =
        |(at, byte): (usize, u8)| if at == 4 || at == 7 { byte == b'-' } else { byte.is_ascii_digit() };
    if model.contains_key("deprecated") && !(date.len() == 10 && date.bytes().enumerate().all(shape)) {
        faults.push(("deprecated", format!("{date:?} is no day")));
    }
    faults
}

fn embeds(model: &Model) -> bool {
    model.get("operations").and_then(|operations| operations.get(0)) == Some(&Value::from("embeddings"))
}

/// Whether it makes texts, which have a length and are sold by it.
fn talks(model: &Model) -> bool {
    let operations = model.get("operations").and_then(Value::as_array);
    let talks = |operation: &Value| ["chat", "completions"].iter().any(|talks| operation == talks);
    operations.is_none_or(|operations| operations.iter().any(talks))
}

fn price_faults(model: &Model, price: &Value) -> Vec<String> {
    let mut faults = Vec::new();
    let amount = |of: &Value, name: &str| of.get(name)?.as_str()?.parse::<f64>().ok();
    let (long, batch) = (price.get("long"), price.get("batch"));
    let moderates =
        model.get("operations").and_then(|operations| operations.get(0)) == Some(&Value::from("moderation"));
    let free = text(model, "id").ends_with(":free") || moderates;
    for (place, prices) in [("price", Some(price)), ("price.long", long), ("price.batch", batch)] {
        let Some(fields) = prices.and_then(Value::as_object) else { continue };
        for name in fields.keys().filter(|name| !["long", "batch", "above"].contains(&name.as_str())) {
            let right = amount(&Value::Object(fields.clone()), name)
                .is_some_and(|amount| (amount > 0.0 || free) && amount < PRICE_MOST);
            if !right {
                faults.push(format!("{place}.{name} must be over 0 and under 1000 dollars"));
            }
        }
    }
    if embeds(model) && amount(price, "input").is_some_and(|amount| amount >= EMBEDDING_MOST) {
        faults.push(format!("price.input must be under {EMBEDDING_MOST} dollars for embeddings"));
    }
    if talks(model) && price.get("output").is_none() {
        faults.push("price.output is not known".to_owned());
    }
    if amount(price, "output") > amount(price, "input").map(|input| input * OUTPUT_MOST) && !free {
        faults.push("price.output is out of all proportion to price.input".to_owned());
    }
    if amount(price, "cache_read") > amount(price, "input") {
        faults.push("price.cache_read is over price.input".to_owned());
    }
    // A day's patience makes nothing dearer.
    for name in ["input", "output", "cache_read"] {
        if batch.and_then(|batch| amount(batch, name)) > amount(price, name).or(amount(price, "input")) {
            faults.push(format!("price.batch.{name} is over the price"));
        }
    }
    let Some(long) = long else { return faults };
    let context = model.get("context").and_then(Value::as_u64);
    let above = long.get("above").and_then(Value::as_u64);
    if above.is_none_or(|above| context.is_some_and(|context| above >= context)) {
        faults.push("price.long.above must be under the context".to_owned());
    }
    if amount(long, "input") < amount(price, "input") || amount(long, "output") < amount(price, "output") {
        faults.push("price.long is under the price".to_owned());
    }
    faults
}

/// Takes out prices that are out of all proportion to what others charge for the same model: a slip of the unit.
pub(super) fn compare(offers: &mut BTreeMap<String, Offer>, list: &List) {
    let mut all: BTreeMap<String, Vec<f64>> = BTreeMap::new();
    for model in offers.values().flat_map(|offer| &offer.models) {
        all.entry(text(model, "canonical").to_owned()).or_default().extend(input_price(model));
    }
    all.values_mut().for_each(|prices| prices.sort_by(f64::total_cmp));
    for (provider, offer) in offers {
        let by_hand = |id: &str| {
            let section = list.sections.get(provider);
            section.is_some_and(|section| section.models.iter().any(|listed| text(&listed.entry, "id") == id))
        };
        for model in &mut offer.models {
            let prices = all.get(text(model, "canonical")).map(Vec::as_slice).unwrap_or_default();
            let (Some(price), Some(middle)) = (input_price(model), prices.get(prices.len() / 2)) else {
                continue;
            };
            let apart = price > middle * APART_MOST || price * APART_MOST < *middle;
            if apart && prices.len() > COMPARED_LEAST && !by_hand(text(model, "id")) {
                model.remove("price");
                let id = text(model, "id");
                offer.notes.refused.push(format!("{id}: input at {price}, but elsewhere at {middle}"));
            }
        }
    }
}

fn input_price(model: &Model) -> Option<f64> {
    let price = model.get("price")?.get("input")?.as_str()?.parse().ok()?;
    Some(price).filter(|price| *price > 0.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn model(value: Value) -> Model {
        value.as_object().unwrap().clone()
    }

    #[test]
    fn what_cannot_be_right_is_told() {
        for (fields, expected) in [
            (json!({ "price": { "input": "1000", "output": "1" } }), "price.input must be over 0"),
            (json!({ "price": { "input": "1", "output": "0" } }), "price.output must be over 0"),
            (json!({ "price": { "input": "1" } }), "price.output is not known"),
            (json!({ "price": { "input": "0.1", "output": "8" } }), "out of all proportion"),
            (json!({ "price": { "input": "1", "output": "1", "cache_read": "2" } }), "cache_read is over"),
            (
                json!({ "price": { "input": "1", "output": "1", "batch": { "input": "2", "output": "1" } } }),
                "price.batch.input is over",
            ),
            (
                json!({ "price": { "input": "1", "output": "1", "batch": { "input": "0", "output": "1" } } }),
                "price.batch.input must be",
            ),
            (json!({ "context": 12 }), "cannot be right"),
            (json!({ "deprecated": "soon" }), "is no day"),
            (
                json!({ "context": 2048, "price": { "input": "1", "output": "1", "long": { "input": "2", "output": "2", "above": 4096 } } }),
                "must be under the context",
            ),
            (
                json!({ "price": { "input": "2", "output": "2", "long": { "input": "1", "output": "2", "above": 4096 } } }),
                "price.long is under the price",
            ),
        ] {
            let mut model = model(fields);
            model.extend(self::model(
                json!({ "id": "a", "canonical": "a/a", "name": "A", "operations": ["chat"] }),
            ));
            assert!(
                faults(&model).iter().any(|fault| fault.contains(expected)),
                "{expected}: {:?}",
                faults(&model)
            );
            assert!(!mend(&mut model).is_empty());
            assert_eq!(faults(&model), Vec::<String>::new());
            assert_eq!(mend(&mut model), Vec::<String>::new());
        }
    }

    #[test]
    fn what_is_free_by_its_name_may_cost_nothing() {
        let price = json!({ "input": "0", "output": "0" });
        let named = |id: &str| {
            model(
                json!({ "id": id, "canonical": "a/a", "name": "A", "operations": ["chat"], "price": price }),
            )
        };
        assert_eq!(faults(&named("a:free")), Vec::<String>::new());
        assert_eq!(faults(&named("a")).len(), 2);
        let embeds = json!({ "id": "e", "canonical": "a/e", "name": "E", "operations": ["embeddings"], "price": { "input": "0.1" } });
        assert_eq!(faults(&model(embeds.clone())), Vec::<String>::new());
        let mut dear = model(embeds);
        dear.insert("price".to_owned(), json!({ "input": "100" }));
        assert_eq!(faults(&dear).len(), 1);
    }
}
