//! The values of a provider's parameters: those of its entry, else of the environment, else the definition's defaults.
//!
//! In: an entry, its definition and the environment. Out: URLs with the values in place of the names. What is missing is
//! reported where it is first needed, once: a parameter that stands in no URL that is used need not be known.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use yumen_llm::catalogue::{
    Auth, ParameterDefinition, ProviderDefinition, is_parameter_value, parameters_in, with_parameters,
};

use super::Surroundings;
use crate::diagnostic::{Diagnostics, shown};
use crate::near::nearest;
use crate::place::Place;
use crate::read::{Resource, words};
use crate::spec::ProviderSpec;

/// The values of a provider's parameters.
pub(super) struct Parameters<'a> {
    definition: &'a ProviderDefinition,
    place: Place<'a>,
    /// Whether all of the entry could be read: otherwise what seems to be missing may only be unreadable.
    whole: bool,
    /// Those that its scheme of authentication reads, known to the definition or not.
    of_scheme: Option<&'static str>,
    values: BTreeMap<String, String>,
    reported: BTreeSet<String>,
}

impl<'a> Parameters<'a> {
    /// Gathers the values; those that cannot be used are reported.
    pub(super) fn gather(
        resource: &Resource<'a, ProviderSpec>,
        spec: &ProviderSpec,
        definition: &'a ProviderDefinition,
        auth: Option<&Auth>,
        surroundings: &Surroundings<'_>,
        found: &mut Diagnostics,
    ) -> Self {
        let of_scheme = auth.and_then(Auth::region).map(|region| region.name);
        let (place, whole) = (resource.place.clone(), resource.whole);
        let (values, reported) = (BTreeMap::new(), BTreeSet::new());
        let mut parameters = Self { definition, place, whole, of_scheme, values, reported };
        for (name, value) in &spec.parameters {
            let here = parameters.place.field("parameters").field(name);
            if !parameters.is_known(name) {
                let near = nearest(name, parameters.known(), 1).first().map(|near| format!("write `{near}`"));
                let message = format!("{}: the provider has no parameter {}", here.path, shown(name));
                here.error(found, message, near.or_else(|| parameters.listed()));
            } else if is_parameter_value(value) {
                parameters.values.insert(name.clone(), value.clone());
                continue;
            } else {
                let hint = parameters.example(name).map(|example| format!("write for example `{example}`"));
                let message = format!("{} must be letters, digits, `-`, `_` and `.`", here.with_value());
                here.error(found, message, hint);
            }
            parameters.reported.insert(name.clone());
        }
        for (name, parameter) in &definition.parameters {
            if spec.parameters.contains_key(name) {
                continue;
            }
            let from_environment = parameter.env.iter().filter_map(|variable| {
                let value = (surroundings.env)(variable).filter(|value| !value.is_empty())?;
                Some((variable, value))
            });
            match from_environment.into_iter().next() {
                Some((_, value)) if is_parameter_value(&value) => {
                    parameters.values.insert(name.clone(), value);
                }
                Some((variable, _)) => {
                    let message = format!(
                        "{}: the environment variable `{variable}` must be letters, digits, `-`, `_` and `.` to be the \
                         parameter `{name}`",
                        parameters.place.path
                    );
                    parameters.place.error(found, message, None);
                    parameters.reported.insert(name.clone());
                }
                None => {
                    parameters.values.extend(parameter.default.clone().map(|value| (name.clone(), value)))
                }
            }
        }
        parameters
    }

    /// The value of a parameter, where there is one.
    pub(super) fn value(&self, name: &str) -> Option<&str> {
        self.values.get(name).map(String::as_str)
    }

    /// The value of a parameter that is needed.
    pub(super) fn needed(&mut self, name: &str, found: &mut Diagnostics) -> Option<&str> {
        if !self.values.contains_key(name) {
            self.report_missing(name, found);
        }
        self.value(name)
    }

    /// The definition's base URL, or the one that holds for the value of a parameter.
    pub(super) fn base_url(&self) -> Option<&'a str> {
        let of_value = |(name, parameter): (&String, &'a ParameterDefinition)| {
            parameter.base_urls.get(self.value(name)?).map(String::as_str)
        };
        let special = self.definition.parameters.iter().find_map(of_value);
        special.or(self.definition.base_url.as_deref())
    }

    /// A URL, or a part of one, with the values in it. `here` is where it stands, if that is in the file.
    pub(super) fn fill<'t>(
        &mut self,
        text: &'t str,
        here: &Place<'_>,
        found: &mut Diagnostics,
    ) -> Option<Cow<'t, str>> {
        let mut complete = true;
        for name in parameters_in(text) {
            if self.values.contains_key(name) {
                continue;
            }
            complete = false;
            if self.is_known(name) {
                self.report_missing(name, found);
            } else {
                let message =
                    format!("{}: the provider has no parameter {} for its braces", here.path, shown(name));
                here.error(found, message, self.listed());
            }
        }
        complete.then(|| with_parameters(text, |name| self.value(name)))
    }

    fn report_missing(&mut self, name: &str, found: &mut Diagnostics) {
        if !self.whole || !self.reported.insert(name.to_owned()) {
            return;
        }
        let written = format!("`parameters: {{ {name}: {} }}`", self.example(name).unwrap_or("us-east-1"));
        let variable = self.definition.parameters.get(name).and_then(|parameter| parameter.env.first());
        let hint = match variable {
            Some(variable) => format!("set `{variable}`, or write {written}"),
            None => format!("write {written}"),
        };
        self.place.error(found, format!("{} lacks the parameter `{name}`", self.place.path), Some(hint));
    }

    fn is_known(&self, name: &str) -> bool {
        self.definition.parameters.contains_key(name) || self.of_scheme == Some(name)
    }

    fn known(&self) -> impl Iterator<Item = &str> {
        let names = self.definition.parameters.keys().map(String::as_str);
        names.chain(self.of_scheme.filter(|name| !self.definition.parameters.contains_key(*name)))
    }

    fn listed(&self) -> Option<String> {
        self.known().next().map(|_| format!("its parameters are {}", words(self.known())))
    }

    fn example(&self, name: &str) -> Option<&'a str> {
        self.definition.parameters.get(name).map(|parameter| parameter.example.as_str())
    }
}
