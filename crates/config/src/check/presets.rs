//! Presets, of the configuration and of the store: their names, models, preferences and parameters.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::routing;
use super::rules::models;
use crate::diagnostic::{Diagnostics, shown};
use crate::place::Place;
use crate::read::Resource;
use crate::rules::{Preset, PresetParameters};
use crate::snapshot::Snapshot;
use crate::spec::{Decimal, ParametersSpec, PresetSpec};

/// What a preset's name looks like.
pub(crate) const NAME_HINT: &str = "write letters, digits, `-`, `_`, `.` and `/`";

/// Whether presets can be called so.
pub fn is_preset_name(name: &str) -> bool {
    let plain = |letter: char| letter.is_alphanumeric() || "-_./".contains(letter);
    (1..=100).contains(&name.len()) && name.chars().all(plain)
}

/// All presets of the configuration by their names.
pub(super) fn check(
    declared: BTreeMap<String, Resource<'_, PresetSpec>>,
    snapshot: &Snapshot,
    found: &mut Diagnostics,
) -> BTreeMap<Arc<str>, Arc<Preset>> {
    let mut presets = BTreeMap::new();
    for (name, Resource { spec, place: here, .. }) in declared {
        let Some(spec) = spec else { continue };
        if !is_preset_name(&name) {
            let message = format!("{} is no name for a preset", shown(&name));
            here.error(found, message, Some(NAME_HINT.to_owned()));
        }
        let preset = preset((&name, spec.version.as_deref()), &spec, Some(snapshot), &here, found);
        presets.insert(Arc::clone(&preset.name), Arc::new(preset));
    }
    presets
}

/// One preset by its name and version. Without settings its models are not looked up.
pub(crate) fn preset(
    (name, version): (&str, Option<&str>),
    spec: &PresetSpec,
    snapshot: Option<&Snapshot>,
    here: &Place<'_>,
    found: &mut Diagnostics,
) -> Preset {
    if spec.model.is_some() && !spec.models.is_empty() {
        let hint = Some("keep `models`".to_owned());
        here.error(found, format!("{} has both `model` and `models`", here.path), hint);
    }
    let label = version.map_or_else(|| name.to_owned(), |version| format!("{name}@{version}"));
    Preset {
        name: Arc::from(name),
        label: Arc::from(label),
        models: models(spec.model.as_ref(), &spec.models, snapshot, here, found),
        routing: routing::check(&spec.routing, &here.field("routing"), found),
        system: spec.system.as_deref().map(Arc::from),
        parameters: parameters(&spec.parameters, &here.field("parameters"), found),
    }
}

fn parameters(spec: &ParametersSpec, place: &Place<'_>, found: &mut Diagnostics) -> PresetParameters {
    let mut read = |field: &str, decimal: &Option<Decimal>, least: f64, most: f64| {
        let number = decimal.as_ref()?.0.parse::<f64>().ok().filter(|number| (least..=most).contains(number));
        if number.is_none() {
            let here = place.field(field);
            here.error(found, format!("{} must be from {least} to {most}", here.with_value()), None);
        }
        number
    };
    PresetParameters {
        temperature: read("temperature", &spec.temperature, 0.0, 2.0),
        top_p: read("top_p", &spec.top_p, 0.0, 1.0),
        frequency_penalty: read("frequency_penalty", &spec.frequency_penalty, -2.0, 2.0),
        presence_penalty: read("presence_penalty", &spec.presence_penalty, -2.0, 2.0),
        top_k: spec.top_k,
        max_tokens: spec.max_tokens,
        seed: spec.seed,
        stop: spec.stop.clone(),
        reasoning_effort: spec.reasoning_effort,
    }
}
