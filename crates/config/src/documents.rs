//! Single documents that the store keeps: a preset, the preferences of a key.
//!
//! In: what an operator writes, checked as the same is in the configuration, with its place in the file. Out: JSON to keep, and
//! later the checked form of it. References to the environment are put in when a document is written, never when it is read
//! again.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::Value;

use crate::check::{presets, routing};
use crate::diagnostic::{Diagnostic, Diagnostics, Severity};
use crate::environment::Environment;
use crate::place::Place;
use crate::read;
use crate::routing::Preferences;
use crate::rules::Preset;
use crate::schema::Shape;
use crate::snapshot::Snapshot;
use crate::spec::{PresetSpec, RoutingSpec};
use crate::yaml;

/// A document that was read and checked.
#[derive(Debug)]
pub struct CheckedDocument {
    /// What is to be kept; `None` when there is any error.
    pub json: Option<Value>,
    /// Everything that is wrong, in the order of the file.
    pub diagnostics: Vec<Diagnostic>,
}

/// A preset in YAML or JSON. With `settings`, models that nothing serves are warned of.
pub fn preset_document(
    text: &str,
    file_name: &str,
    env: Environment<'_>,
    settings: Option<&Snapshot>,
) -> CheckedDocument {
    document(text, file_name, "presets", env, |spec: &PresetSpec, json, place, found| {
        if spec.version.is_some() {
            let message = format!("{} is left out", place.field("version").path);
            let hint = "the store numbers versions itself".to_owned();
            place.field("version").warn(found, message, Some(hint));
            json.as_object_mut().map(|fields| fields.remove("version"));
        }
        presets::preset(("", None), spec, settings, place, found);
    })
}

/// Preferences of the choice (`routing`) in YAML or JSON.
pub fn routing_document(text: &str, file_name: &str, env: Environment<'_>) -> CheckedDocument {
    document(text, file_name, "routing", env, |spec: &RoutingSpec, _, place, found| {
        routing::check(spec, place, found);
    })
}

/// Reads and checks the one document of a text, which is what an entry of a section of the configuration would be.
fn document<T: for<'de> Deserialize<'de>>(
    text: &str,
    file_name: &str,
    section: &str,
    env: Environment<'_>,
    check: impl FnOnce(&T, &mut Value, &Place<'_>, &mut Diagnostics),
) -> CheckedDocument {
    let mut found = Diagnostics::new(file_name);
    let read = match yaml::parse(text) {
        Ok(node) => {
            let path = section.trim_end_matches('s').to_owned();
            let place = Place { path, ..Place::root(&node) };
            let shape = Shape::section(section);
            let read = shape.and_then(|shape| read::part::<T>(&place, shape, env, &mut found));
            read.map(|(mut json, spec)| {
                check(&spec, &mut json, &place, &mut found);
                json
            })
        }
        Err(error) => {
            let hint = error.hint.map(str::to_owned);
            found.add(Severity::Error, error.position, "", error.message, hint);
            None
        }
    };
    let json = read.filter(|_| found.errors() == 0);
    CheckedDocument { json, diagnostics: found.into_sorted() }
}

/// The checked form of a version of a preset that was kept, or why it cannot be used.
pub fn kept_preset(name: &str, version: u32, json: &str) -> Result<Preset, String> {
    let spec: PresetSpec = serde_json::from_str(json).map_err(|error| error.to_string())?;
    let version = version.to_string();
    checked(|found| presets::preset((name, Some(&version)), &spec, None, &Place::nowhere("preset"), found))
}

/// The checked form of preferences that were kept, or why they cannot be used.
pub fn kept_routing(json: &Value) -> Result<Arc<Preferences>, String> {
    let spec = RoutingSpec::deserialize(json).map_err(|error| error.to_string())?;
    checked(|found| routing::check(&spec, &Place::nowhere("routing"), found))
}

fn checked<T>(check: impl FnOnce(&mut Diagnostics) -> T) -> Result<T, String> {
    let mut found = Diagnostics::new("");
    let checked = check(&mut found);
    let is_good = found.errors() == 0;
    match found.into_sorted().into_iter().find(|one| one.severity == Severity::Error && !is_good) {
        Some(error) => Err(error.message),
        None => Ok(checked),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn preset(text: &str) -> CheckedDocument {
        let env = |name: &str| (name == "TONE").then(|| "kind $ly".to_owned());
        preset_document(text, "coder.yaml", &env, None)
    }

    #[test]
    fn a_preset_is_read_once_and_kept_without_references() {
        let text = "version: 7\nmodels: [a/b]\nsystem: Be ${TONE}.\nparameters: { temperature: 0.50 }\nrouting: { zdr: true }\n";
        let read = preset(text);
        let told: Vec<_> = read.diagnostics.iter().map(ToString::to_string).collect();
        assert_eq!(
            told,
            ["coder.yaml:1:10: warning: preset.version is left out; the store numbers versions itself"]
        );
        let json = read.json.unwrap().to_string();
        let kept = kept_preset("coder", 3, &json).unwrap();
        assert_eq!((&*kept.name, &*kept.label), ("coder", "coder@3"));
        assert_eq!(kept.system.as_deref(), Some("Be kind $ly."));
        assert_eq!(kept.parameters.temperature, Some(0.5));
        assert!(kept.routing.zero_retention);
        // The same in JSON.
        assert_eq!(preset(&json).json.unwrap().to_string(), json);
    }

    #[test]
    fn what_is_wrong_is_told_with_its_place_and_nothing_is_kept() {
        let read = preset("model: a\nmodels: [b]\nparameters:\n  temperature: 3\n");
        let told: Vec<_> = read.diagnostics.iter().map(ToString::to_string).collect();
        assert_eq!(told.len(), 2, "{told:?}");
        assert!(told.iter().any(|line| line.starts_with("coder.yaml:4:16: error:")), "{told:?}");
        assert!(read.json.is_none());
        let unknown = preset("modle: a\n");
        assert_eq!(
            unknown.diagnostics.first().unwrap().to_string(),
            "coder.yaml:1:1: error: unknown field `modle` in preset; write `model`"
        );
        assert!(preset("{").json.is_none() && preset("- a\n").json.is_none());
        assert!(kept_preset("x", 1, r#"{"later":1}"#).is_err());
        let routing = routing_document("{ zdr: true, max_price: { prompt: '-1' } }", "options", &|_| None);
        assert!(routing.json.is_none() && routing.diagnostics.len() == 1, "{routing:?}");
        assert!(kept_routing(&serde_json::json!({ "later": true })).is_err());
    }
}
