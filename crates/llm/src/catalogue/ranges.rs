//! Whether what a file says of a model can be right: the bounds that also the generator of the catalogue keeps.
//!
//! In: a model that was read. Out: what cannot be right, in words. It mends nothing: a file is taken whole or not at all.

use super::ModelDefinition;
use crate::dialects::Operation;
use crate::price::PerToken;

/// Tokens: no window is larger.
const CONTEXT_MOST: u64 = 20_000_000;
/// The least window of what talks, and of what only embeds or makes no texts.
const CONTEXT_LEAST: u64 = 1024;
const SHORT_CONTEXT_LEAST: u64 = 256;
/// 1,000 dollars per million tokens.
const PRICE_MOST: PerToken = PerToken(1_000_000_000_000);
/// So many times what it costs to read, an answer never costs.
const OUTPUT_MOST: u64 = 40;

/// Everything that cannot be right.
pub(super) fn faults(model: &ModelDefinition) -> Vec<String> {
    let mut faults = Vec::new();
    let talks = model
        .operations
        .iter()
        .any(|operation| matches!(operation, Operation::Chat | Operation::Completions));
    let least = if talks { CONTEXT_LEAST } else { SHORT_CONTEXT_LEAST };
    if let Some(context) = model.context.filter(|context| !(least..=CONTEXT_MOST).contains(context)) {
        faults.push(format!("a context of {context} tokens cannot be right"));
    }
    let Some(price) = &model.price else { return faults };
    let moderates = model.operations.contains(&Operation::Moderation);
    let free = model.native_id.ends_with(":free") || moderates || price.units.has_units();
    let mut all =
        vec![("input", Some(price.input)), ("cache_read", price.cache_read), ("reasoning", price.reasoning)];
    all.extend([("cache_write", price.cache_write), ("cache_write_1h", price.cache_write_1h)]);
    if talks {
        all.push(("output", Some(price.output)));
    }
    if let Some(long) = &price.long {
        all.extend([("long.input", Some(long.input)), ("long.output", Some(long.output))]);
        if model.context.is_some_and(|context| long.above >= context) {
            faults.push(String::from("price.long.above must be under the context"));
        }
        if long.input < price.input || long.output < price.output {
            faults.push(String::from("price.long is under the price"));
        }
    }
    if let Some(batch) = &price.batch {
        all.extend([("batch.input", Some(batch.input)), ("batch.output", Some(batch.output))]);
        if batch.input > price.input || batch.output > price.output {
            faults.push(String::from("price.batch is over the price"));
        }
    }
    for (name, amount) in all {
        if amount.is_some_and(|amount| amount.0 == 0 && !free || amount >= PRICE_MOST) {
            faults.push(format!("price.{name} must be over 0 and under 1000 dollars"));
        }
    }
    if price.cache_read.is_some_and(|read| read > price.input) {
        faults.push(String::from("price.cache_read is over price.input"));
    }
    if !free && price.output.0 > price.input.0.saturating_mul(OUTPUT_MOST) {
        faults.push(String::from("price.output is out of all proportion to price.input"));
    }
    faults
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::Catalogue;

    #[test]
    fn all_that_is_generated_keeps_the_bounds() {
        for (id, definition) in Catalogue::builtin().unwrap().providers {
            for model in &definition.models {
                assert_eq!(faults(model), Vec::<String>::new(), "{id} {}", model.native_id);
            }
        }
    }

    #[test]
    fn what_is_out_of_bounds_is_said() {
        let catalogue = Catalogue::builtin().unwrap();
        let models = &catalogue.providers["openai"].models;
        let good = models.iter().find(|model| model.price.is_some_and(|price| price.long.is_some())).unwrap();
        let with = |change: &dyn Fn(&mut ModelDefinition)| {
            let mut model = good.clone();
            change(&mut model);
            faults(&model).join("; ")
        };
        assert!(with(&|model| model.context = Some(12)).contains("12 tokens"));
        let price =
            |change: &dyn Fn(&mut crate::price::Price)| with(&|model| change(model.price.as_mut().unwrap()));
        for (said, expected) in [
            (price(&|price| price.input = PerToken(0)), "price.input must be over 0"),
            (price(&|price| price.output = PRICE_MOST), "price.output must be over 0 and under"),
            (price(&|price| price.cache_read = Some(PerToken(price.input.0 + 1))), "cache_read is over"),
            (price(&|price| price.output = PerToken(price.input.0 * 41)), "out of all proportion"),
            (price(&|price| price.long.as_mut().unwrap().input = PerToken(1)), "price.long is under"),
            (price(&|price| price.long.as_mut().unwrap().above = u64::MAX), "under the context"),
            (
                price(&|price| price.batch.as_mut().unwrap().input = PerToken(price.input.0 + 1)),
                "price.batch is over",
            ),
        ] {
            assert!(said.contains(expected), "{expected}: {said}");
        }
    }
}
