//! The models of a provider: those of its definition, changed or added to by the entry.

use std::collections::BTreeMap;
use std::sync::Arc;

use yumen_llm::catalogue::{Facts, ModelDefinition, ProviderDefinition};
use yumen_llm::price::{BatchPrice, LongPrice, PerToken, Price, UnitPrices};

use crate::diagnostic::{Diagnostics, shown};
use crate::place::Place;
use crate::provider::ServedModel;
use crate::snapshot::is_model_id;
use crate::spec::{Decimal, LongPriceSpec, ModelSpec, PriceSpec, ProviderSpec};

/// The models of a provider by native id; what is wrong is reported.
pub(super) fn check(
    spec: &ProviderSpec,
    definition: &ProviderDefinition,
    place: &Place<'_>,
    found: &mut Diagnostics,
) -> BTreeMap<Arc<str>, Arc<ServedModel>> {
    let mut models: BTreeMap<Arc<str>, ServedModel> =
        definition.models.iter().map(|defined| (Arc::from(&*defined.native_id), served(defined))).collect();
    for (native_id, spec) in &spec.models {
        let here = place.field(native_id);
        if !is_model_id(native_id) {
            here.error(found, format!("{} is no model id", shown(native_id)), None);
            continue;
        }
        let model = models.entry(Arc::from(&**native_id)).or_insert_with(|| ServedModel::unlisted(native_id));
        change(model, spec, &here, found);
    }
    let said = spec.web_search_price.as_ref();
    let own = Prices { place, found }.each("web_search_price", said).or(definition.web_search_price);
    let prices = models.values_mut().filter_map(|model| model.price.as_mut());
    prices.for_each(|price| price.units.web_search = price.units.web_search.or(own));
    models.into_iter().map(|(native_id, model)| (native_id, Arc::new(model))).collect()
}

fn served(defined: &ModelDefinition) -> ServedModel {
    ServedModel {
        canonical_id: Some(Arc::from(&*defined.canonical_id)),
        aliases: defined.aliases.iter().map(|alias| Arc::from(&**alias)).collect(),
        context: defined.context,
        max_output: defined.max_output,
        operations: defined.operations.clone(),
        thinking: defined.thinking,
        price: defined.price,
        facts: defined.facts.clone(),
        ..ServedModel::unlisted(&defined.native_id)
    }
}

/// Puts what the entry says in the place of what the definition says.
fn change(model: &mut ServedModel, spec: &ModelSpec, place: &Place<'_>, found: &mut Diagnostics) {
    if let Some(canonical) = &spec.canonical {
        let good = canonical.len() <= 200
            && !canonical.chars().any(|letter| letter.is_control() || letter.is_whitespace())
            && canonical.split_once('/').is_some_and(|(author, slug)| !author.is_empty() && !slug.is_empty());
        if !good {
            let here = place.field("canonical");
            let hint = Some("write for example `qwen/qwen3-8b`".to_owned());
            here.error(found, format!("{} must be an author and a slug", here.with_value()), hint);
        }
        model.canonical_id = Some(Arc::from(&**canonical));
    }
    model.context = spec.context.or(model.context);
    model.max_output = spec.max_output.or(model.max_output);
    if let Some(operations) = &spec.operations {
        model.operations = operations.clone();
    }
    model.thinking = spec.thinking.unwrap_or(model.thinking);
    model.quantization = spec.quantization.unwrap_or(model.quantization);
    change_facts(&mut model.facts, spec);
    if let Some(price) = &spec.price {
        model.price = Prices { place: &place.field("price"), found }.read(price);
    }
}

fn change_facts(facts: &mut Facts, spec: &ModelSpec) {
    if let Some(name) = &spec.name {
        facts.name = Arc::from(&**name);
    }
    if let Some(input) = &spec.input {
        facts.input = input.iter().copied().collect();
    }
    if let Some(output) = &spec.output {
        facts.output = output.iter().copied().collect();
    }
    if let Some(supports) = &spec.supports {
        facts.supports = Some(supports.iter().copied().collect());
    }
    facts.distillable = spec.distillable.or(facts.distillable);
}

/// Reads the decimals of one price.
struct Prices<'p, 'n> {
    place: &'p Place<'n>,
    found: &'p mut Diagnostics,
}

impl Prices<'_, '_> {
    fn read(&mut self, spec: &PriceSpec) -> Option<Price> {
        let long = spec
            .long
            .as_ref()
            .map(|long| Prices { place: &self.place.field("long"), found: self.found }.read_long(long));
        let batch = spec.batch.as_ref().map(|batch| {
            let mut prices = Prices { place: &self.place.field("batch"), found: self.found };
            Some(BatchPrice {
                input: prices.exact("input", &batch.input)?,
                output: prices.optional("output", batch.output.as_ref()).unwrap_or_default(),
                cache_read: prices.optional("cache_read", batch.cache_read.as_ref()),
            })
        });
        let units = UnitPrices {
            image: self.each("image", spec.image.as_ref()),
            audio_hour: self.each("audio_hour", spec.audio_hour.as_ref()),
            characters: self.optional("characters", spec.characters.as_ref()),
            search: self.each("search", spec.search.as_ref()),
            video_second: self.each("video_second", spec.video_second.as_ref()),
            web_search: self.each("web_search", spec.web_search.as_ref()),
            image_input: self.optional("image_input", spec.image_input.as_ref()),
            audio_input: self.optional("audio_input", spec.audio_input.as_ref()),
            image_cache_read: self.optional("image_cache_read", spec.image_cache_read.as_ref()),
            audio_cache_read: self.optional("audio_cache_read", spec.audio_cache_read.as_ref()),
            image_output: self.optional("image_output", spec.image_output.as_ref()),
            audio_output: self.optional("audio_output", spec.audio_output.as_ref()),
        };
        let by_unit = [&spec.image, &spec.audio_hour, &spec.characters, &spec.search, &spec.video_second];
        if spec.input.is_none() && by_unit.into_iter().all(Option::is_none) {
            let hint = Some("write for example `input: 0.15`, or `image: 0.04`".to_owned());
            self.place.error(self.found, format!("{} lacks the field `input`", self.place.path), hint);
            return None;
        }
        let price = Price {
            input: match &spec.input {
                Some(input) => self.exact("input", input)?,
                None => PerToken::default(),
            },
            output: self.optional("output", spec.output.as_ref()).unwrap_or_default(),
            cache_read: self.optional("cache_read", spec.cache_read.as_ref()),
            cache_write: self.optional("cache_write", spec.cache_write.as_ref()),
            cache_write_1h: self.optional("cache_write_1h", spec.cache_write_1h.as_ref()),
            reasoning: self.optional("reasoning", spec.reasoning.as_ref()),
            long: long.flatten(),
            batch: batch.flatten(),
            units,
        };
        Some(price)
    }

    fn read_long(&mut self, spec: &LongPriceSpec) -> Option<LongPrice> {
        Some(LongPrice {
            above: spec.above,
            input: self.exact("input", &spec.input)?,
            output: self.optional("output", spec.output.as_ref()).unwrap_or_default(),
            cache_read: self.optional("cache_read", spec.cache_read.as_ref()),
            cache_write: self.optional("cache_write", spec.cache_write.as_ref()),
            cache_write_1h: self.optional("cache_write_1h", spec.cache_write_1h.as_ref()),
        })
    }

    fn optional(&mut self, field: &str, decimal: Option<&Decimal>) -> Option<PerToken> {
        self.exact(field, decimal?)
    }

    /// Dollars for each single unit.
    fn each(&mut self, field: &str, decimal: Option<&Decimal>) -> Option<PerToken> {
        let price = PerToken::each(&decimal?.0);
        if price.is_none() {
            let here = self.place.field(field);
            here.error(
                self.found,
                format!("{} is no price", here.with_value()),
                Some("write dollars, such as `0.04`".to_owned()),
            );
        }
        price
    }

    fn exact(&mut self, field: &str, decimal: &Decimal) -> Option<PerToken> {
        let price = PerToken::per_million(&decimal.0);
        if price.is_none() {
            let here = self.place.field(field);
            let hint = Some("write dollars per million tokens, such as `0.15`".to_owned());
            here.error(self.found, format!("{} is no price", here.with_value()), hint);
        }
        price
    }
}
