//! Rules compiled and presets looked up. Any fault in them is one of the whole file: a rule that refuses or guards must not
//! vanish because of a slip of the pen, and rules without one of them decide something else.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::routing;
use crate::cel::{Attribute, Program};
use crate::diagnostic::{Diagnostics, shown};
use crate::near::nearest;
use crate::patterns::ModelPatterns;
use crate::place::Place;
use crate::read::Resource;
use crate::routing::Preferences;
use crate::rules::{Preset, PresetParameters, Rule, Rules, Then};
use crate::snapshot::Snapshot;
use crate::spec::{Decimal, ParametersSpec, PresetSpec, RuleSpec, ThenSpec};

/// All rules in their order.
pub(super) fn check(
    declared: &[Resource<'_, RuleSpec>],
    snapshot: &Snapshot,
    found: &mut Diagnostics,
) -> Rules {
    let mut names: HashMap<&str, String> = HashMap::new();
    let mut rules = Rules::default();
    for resource in declared {
        let (Some(spec), here) = (&resource.spec, &resource.place) else { continue };
        if let Some(first) = names.insert(&spec.name, here.path.clone()) {
            let named = here.field("name");
            let hint = Some(format!("{first} has it already; give each rule a name of its own"));
            named.error(found, format!("{} is used twice", named.with_value()), hint);
        }
        if spec.name.chars().any(char::is_control) {
            let named = here.field("name");
            named.error(found, format!("{} must not contain control characters", named.path), None);
        }
        let when = spec.when.as_deref().and_then(|text| compile(text, &here.field("when"), found));
        let reads = when.as_ref().is_some_and(|when| when.reads(Attribute::Category));
        if reads && snapshot.intent.categories.is_empty() {
            let (here, hint) = (here.field("when"), "write categories under `intent`");
            here.error(
                found,
                format!("{} reads `category`, of which there is none", here.path),
                Some(hint.to_owned()),
            );
        }
        let (then, routing) = Outcome { snapshot, place: here.field("then"), found }.check(&spec.then);
        rules.list.push(Rule { name: Arc::from(&*spec.name), when, then, routing });
    }
    rules
}

fn compile(text: &str, place: &Place<'_>, found: &mut Diagnostics) -> Option<Program> {
    match Program::compile(text) {
        Ok(program) => Some(program),
        Err(wrong) => {
            let column = text.get(..wrong.at).map_or(0, |before| before.chars().count()) + 1;
            let message = format!("{}: {} (character {column} of the condition)", place.path, wrong.message);
            place.within(text, wrong.at).error(found, message, wrong.hint);
            None
        }
    }
}

struct Outcome<'o, 'n> {
    snapshot: &'o Snapshot,
    place: Place<'n>,
    found: &'o mut Diagnostics,
}

impl Outcome<'_, '_> {
    fn check(mut self, spec: &ThenSpec) -> (Then, Arc<Preferences>) {
        let said = [
            ("model", spec.model.is_some()),
            ("models", !spec.models.is_empty()),
            ("preset", spec.preset.is_some()),
            ("deny", spec.deny.is_some()),
        ];
        let said: Vec<&str> = said.iter().filter(|(_, is)| *is).map(|(name, _)| *name).collect();
        let routing = self.routing(spec);
        if let [first, second, ..] = said[..] {
            let message = format!("{} has both `{first}` and `{second}`", self.place.path);
            self.place.error(
                self.found,
                message,
                Some("keep one of them; several rules can do more".to_owned()),
            );
        }
        if said.is_empty() && routing.is_empty() {
            let hint = "write `model`, `models`, `preset`, `deny`, `strategy` or `routing`";
            self.place.error(self.found, format!("{} does nothing", self.place.path), Some(hint.to_owned()));
        }
        if spec.deny.is_some() && !routing.is_empty() {
            let message = format!("{} chooses deployments for what it refuses", self.place.path);
            self.place.error(self.found, message, Some("leave out `strategy` and `routing`".to_owned()));
        }
        let then = if let Some(message) = &spec.deny {
            Then::Deny(Arc::from(&**message))
        } else if let Some(name) = &spec.preset {
            self.known_preset(name);
            Then::Preset(Arc::from(&**name))
        } else {
            let models = models(spec.model.as_ref(), &spec.models, self.snapshot, &self.place, self.found);
            if models.is_empty() { Then::Keep } else { Then::Models(models) }
        };
        (then, routing)
    }

    fn routing(&mut self, spec: &ThenSpec) -> Arc<Preferences> {
        let place = self.place.field("routing");
        let checked = routing::check(&spec.routing, &place, self.found);
        match (spec.strategy, spec.routing.strategy) {
            (None, _) => checked,
            (Some(_), Some(_)) => {
                let message = format!("{} has `strategy` twice", self.place.path);
                self.place.error(self.found, message, Some("leave out `routing.strategy`".to_owned()));
                checked
            }
            (strategy, None) => Arc::new(Preferences { strategy, ..(*checked).clone() }),
        }
    }

    fn known_preset(&mut self, name: &str) {
        if self.snapshot.presets.contains_key(name) {
            return;
        }
        let here = self.place.field("preset");
        let known = self.snapshot.presets.keys().map(|known| &**known);
        let hint = match nearest(name, known, 1).first() {
            Some(near) => format!("write `{near}`"),
            None => "declare it under `presets`".to_owned(),
        };
        here.error(self.found, format!("{}: there is no such preset", here.with_value()), Some(hint));
    }
}

/// Public names of models. One that nothing serves now may be served later, by a server that tells its models; so it is only
/// warned of, and while the gateway runs such a rule is passed over.
fn models(
    one: Option<&String>,
    several: &[String],
    snapshot: &Snapshot,
    place: &Place<'_>,
    found: &mut Diagnostics,
) -> Vec<Arc<str>> {
    let one = one.map(|name| (name, place.field("model")));
    let several = several.iter().enumerate().map(|(index, name)| (name, place.field("models").item(index)));
    let mut models = Vec::new();
    for (name, here) in one.into_iter().chain(several) {
        let base = name.rsplit_once(':').map_or(&**name, |(base, _)| base);
        let is_known = snapshot.target(name).is_some()
            || snapshot.target(base).is_some()
            || snapshot.withheld.contains(&**name);
        if !is_known && !found.is_full() {
            let near = snapshot.near_names(name, &ModelPatterns::all());
            let hint = near.first().map(|near| format!("write {}", shown(near)));
            here.warn(found, format!("{}: no model is called so", here.with_value()), hint);
        }
        models.push(Arc::from(&**name));
    }
    models
}

/// All presets by their names.
pub(super) fn presets(
    declared: BTreeMap<String, Resource<'_, PresetSpec>>,
    snapshot: &Snapshot,
    found: &mut Diagnostics,
) -> BTreeMap<Arc<str>, Arc<Preset>> {
    let mut presets = BTreeMap::new();
    for (name, Resource { spec, place: here, .. }) in declared {
        let Some(spec) = spec else { continue };
        let plain = |letter: char| letter.is_alphanumeric() || "-_./".contains(letter);
        if name.is_empty() || name.len() > 100 || !name.chars().all(plain) {
            let hint = Some("write letters, digits, `-`, `_`, `.` and `/`".to_owned());
            here.error(found, format!("{} is no name for a preset", shown(&name)), hint);
        }
        if spec.model.is_some() && !spec.models.is_empty() {
            let hint = Some("keep `models`".to_owned());
            here.error(found, format!("{} has both `model` and `models`", here.path), hint);
        }
        let label = spec.version.as_ref().map_or_else(|| name.clone(), |version| format!("{name}@{version}"));
        let parameters = parameters(&spec.parameters, &here.field("parameters"), found);
        let preset = Preset {
            name: Arc::from(&*name),
            label: Arc::from(label),
            models: models(spec.model.as_ref(), &spec.models, snapshot, &here, found),
            routing: routing::check(&spec.routing, &here.field("routing"), found),
            system: spec.system.as_deref().map(Arc::from),
            parameters,
        };
        presets.insert(Arc::clone(&preset.name), Arc::new(preset));
    }
    presets
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
