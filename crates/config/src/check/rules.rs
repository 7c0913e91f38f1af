//! Rules compiled, the models and presets that they name looked up. Any fault in them is one of the whole file: a rule that
//! refuses or guards must not vanish because of a slip of the pen, and rules without one of them decide something else.

use std::collections::HashMap;
use std::sync::Arc;

use super::routing;
use crate::cel::{Attribute, Program};
use crate::diagnostic::{Diagnostics, shown};
use crate::near::nearest;
use crate::patterns::ModelPatterns;
use crate::place::Place;
use crate::read::Resource;
use crate::routing::Preferences;
use crate::rules::{Rule, Rules, Then};
use crate::snapshot::Snapshot;
use crate::spec::{RuleSpec, ThenSpec};

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
            let models =
                models(spec.model.as_ref(), &spec.models, Some(self.snapshot), &self.place, self.found);
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
/// warned of, and while the gateway runs such a rule is passed over. Without settings nothing is looked up.
pub(super) fn models(
    one: Option<&String>,
    several: &[String],
    snapshot: Option<&Snapshot>,
    place: &Place<'_>,
    found: &mut Diagnostics,
) -> Vec<Arc<str>> {
    let one = one.map(|name| (name, place.field("model")));
    let several = several.iter().enumerate().map(|(index, name)| (name, place.field("models").item(index)));
    let mut models = Vec::new();
    for (name, here) in one.into_iter().chain(several) {
        let base = name.rsplit_once(':').map_or(&**name, |(base, _)| base);
        let is_known = |snapshot: &Snapshot| {
            snapshot.target(name).is_some()
                || snapshot.target(base).is_some()
                || snapshot.withheld.contains(&**name)
        };
        if let Some(snapshot) = snapshot.filter(|snapshot| !found.is_full() && !is_known(snapshot)) {
            let near = snapshot.near_names(name, &ModelPatterns::all());
            let hint = near.first().map(|near| format!("write {}", shown(near)));
            here.warn(found, format!("{}: no model is called so", here.with_value()), hint);
        }
        models.push(Arc::from(&**name));
    }
    models
}
