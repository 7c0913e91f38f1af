//! Preferences of the choice, checked: names that can be providers, prices that can be read.

use std::sync::Arc;
use std::time::Duration;

use yumen_llm::price::PerToken;

use crate::diagnostic::Diagnostics;
use crate::patterns::ModelPatterns;
use crate::place::Place;
use crate::routing::{Hedge, MaxPrice, Percentile, Preferences, ProviderName, Wanted};
use crate::spec::{DataCollection, Decimal, MaxPriceSpec, RoutingSpec};

/// The checked form; what is wrong is reported.
pub(crate) fn check(spec: &RoutingSpec, place: &Place<'_>, found: &mut Diagnostics) -> Arc<Preferences> {
    let median = |figure: f64| vec![Wanted { percentile: Percentile::P50, figure }];
    let seconds = |ms: u64| Duration::from_millis(ms).as_secs_f64();
    Arc::new(Preferences {
        strategy: spec.strategy,
        sticky: spec.sticky,
        order: names(&spec.order, &place.field("order"), found),
        only: names(&spec.only, &place.field("only"), found),
        ignore: names(&spec.ignore, &place.field("ignore"), found),
        models: (!spec.models.is_empty()).then(|| ModelPatterns::new(spec.models.iter().map(|name| &**name))),
        allow_fallbacks: spec.allow_fallbacks,
        rescue: spec.rescue,
        require_parameters: spec.require_parameters,
        no_training: spec.data_collection == Some(DataCollection::Deny),
        zero_retention: spec.zdr,
        distillable: spec.enforce_distillable_text,
        quantizations: spec.quantizations.clone().unwrap_or_default(),
        regions: spec.regions.iter().map(|region| Arc::from(&**region)).collect(),
        max_price: max_price(&spec.max_price, &place.field("max_price"), found),
        min_throughput: spec.preferred_min_throughput.map(|least| median(least as f64)).unwrap_or_default(),
        max_latency: spec.preferred_max_latency_ms.map(|most| median(seconds(most))).unwrap_or_default(),
        across_models: false,
        on_failure: spec.on_failure.clone().unwrap_or_default().into_iter().collect(),
        hedge: spec.hedge.as_ref().map(|hedge| Hedge {
            after: hedge.after_ms.map(Duration::from_millis),
            percentile: hedge.percentile,
            max_percent: hedge.max_percent,
        }),
    })
}

fn names(texts: &[String], place: &Place<'_>, found: &mut Diagnostics) -> Vec<ProviderName> {
    let mut names = Vec::with_capacity(texts.len());
    for (index, text) in texts.iter().enumerate() {
        match ProviderName::parse(text) {
            Some(name) => names.push(name),
            None => {
                let here = place.item(index);
                let hint = Some("write for example `openai` or `azure/eastus`".to_owned());
                here.error(found, format!("{} is no name of a provider", here.with_value()), hint);
            }
        }
    }
    names
}

fn max_price(spec: &MaxPriceSpec, place: &Place<'_>, found: &mut Diagnostics) -> MaxPrice {
    let mut read = |field: &str, decimal: &Option<Decimal>, parse: fn(&str) -> Option<PerToken>| {
        let price = parse(&decimal.as_ref()?.0);
        if price.is_none() {
            let here = place.field(field);
            let hint = Some("write dollars, such as `0.15`".to_owned());
            here.error(found, format!("{} is no price", here.with_value()), hint);
        }
        price
    };
    MaxPrice {
        prompt: read("prompt", &spec.prompt, PerToken::per_million),
        completion: read("completion", &spec.completion, PerToken::per_million),
        image: read("image", &spec.image, PerToken::each),
        audio: read("audio", &spec.audio, PerToken::per_million),
    }
}
