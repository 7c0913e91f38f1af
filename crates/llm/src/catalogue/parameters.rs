//! Values of the operator's that stand in a provider's URLs, such as its region: `{region}`.
//!
//! In: the table `parameters` of `provider.toml`, and texts with names in braces. Out: what the table says, or faults; the
//! texts with values in place of the names. `{model}` is none of them: it is filled in with each request.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::Deserialize;

use super::auth::{Auth, check_label, check_names};
use super::fields::Faults;

/// What stands for the model's id in a path: as one step, or as several.
const MODEL: [&str; 2] = ["model", "model_path"];

/// A value that the operator fills in.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ParameterDefinition {
    /// What a person calls it.
    pub label: String,
    /// The environment variables in which it is usually found, in order.
    #[serde(default)]
    pub env: Vec<String>,
    /// What holds when nothing is said; without it, it must be said.
    #[serde(default)]
    pub default: Option<String>,
    /// A value that it could have.
    pub example: String,
    /// Values for which another base URL holds in place of the provider's.
    #[serde(default)]
    pub base_urls: BTreeMap<String, String>,
}

/// Whether a text can be a parameter's value: it cannot leave its place in a URL.
pub fn is_parameter_value(value: &str) -> bool {
    (1..=128).contains(&value.len())
        && value.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
        && value.bytes().any(|byte| byte.is_ascii_alphanumeric())
}

/// The names of the parameters that stand in a text.
pub fn parameters_in(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        loop {
            let (_, after) = rest.split_once('{')?;
            let (name, behind) = after.split_once('}')?;
            rest = behind;
            if !MODEL.contains(&name) {
                return Some(name);
            }
        }
    })
}

/// The text with values in place of its parameters; one that has no value is left as it stands.
pub fn with_parameters<'t, 'v>(text: &'t str, value: impl Fn(&str) -> Option<&'v str>) -> Cow<'t, str> {
    if parameters_in(text).next().is_none() {
        return Cow::Borrowed(text);
    }
    let mut filled = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        filled.push_str(before);
        let known = after.split_once('}').filter(|(name, _)| !MODEL.contains(name));
        match known.and_then(|(name, behind)| Some((value(name)?, behind))) {
            Some((value, behind)) => {
                filled.push_str(value);
                rest = behind;
            }
            None => {
                filled.push('{');
                rest = after;
            }
        }
    }
    filled.push_str(rest);
    Cow::Owned(filled)
}

/// Checks the parameters, and that each of them stands in a URL or is read by the scheme.
pub(super) fn check<'t>(
    parameters: &BTreeMap<String, ParameterDefinition>,
    urls: impl Iterator<Item = &'t str>,
    auth: Option<&Auth>,
    faults: &mut Faults<'_>,
) {
    let region = auth.and_then(Auth::region);
    if region.is_some_and(|region| !region.optional) && !parameters.contains_key("region") {
        faults.add(String::from("`parameters.region` is missing, which the scheme of `auth` needs"));
    }
    let used: Vec<&str> = urls.flat_map(parameters_in).collect();
    for (name, parameter) in parameters {
        let place = format!("parameters.{name}");
        if !is_name(name) {
            faults.add(format!(
                "`{place}` must be named in lower-case letters, digits and `_`, not `model` or `model_path`"
            ));
        }
        if !used.contains(&&**name) && region.is_none_or(|region| region.name != name) {
            faults.add(format!("`{place}` stands in no URL; write `{{{name}}}` in one, or leave it out"));
        }
        check_label(&place, &parameter.label, faults);
        check_names(&format!("{place}.env"), &parameter.env, faults);
        let values = [("example", Some(&parameter.example)), ("default", parameter.default.as_ref())];
        let values = values.into_iter().filter_map(|(field, value)| Some((field, value?)));
        for (field, value) in values.chain(parameter.base_urls.keys().map(|value| ("base_urls", value))) {
            if !is_parameter_value(value) {
                faults.add(format!("`{place}.{field}` {value:?} must be letters, digits, `-`, `_` and `.`"));
            }
        }
    }
}

/// The text as it looks with each parameter's example.
pub(super) fn with_examples<'t>(
    text: &'t str,
    parameters: &BTreeMap<String, ParameterDefinition>,
) -> Cow<'t, str> {
    with_parameters(text, |name| parameters.get(name).map(|parameter| parameter.example.as_str()))
}

fn is_name(name: &str) -> bool {
    !MODEL.contains(&name)
        && name.starts_with(|first: char| first.is_ascii_lowercase())
        && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_take_the_place_of_their_names() {
        let value = |name: &str| (name == "region").then_some("eu-west1");
        for (text, expected) in [
            ("https://{region}-api.test", "https://eu-west1-api.test"),
            ("/l/{region}/m/{model}:x", "/l/eu-west1/m/{model}:x"),
            ("/{other}/{region}", "/{other}/eu-west1"),
            ("/{region", "/{region"),
            ("/{{region}}", "/{eu-west1}"),
            ("/plain", "/plain"),
        ] {
            assert_eq!(with_parameters(text, value), expected, "{text}");
        }
        assert_eq!(parameters_in("/{a}/{model}/{b}{").collect::<Vec<_>>(), ["a", "b"]);
    }

    #[test]
    fn a_value_cannot_leave_its_place() {
        for good in ["eu-central-1", "my_resource", "a.b", "global"] {
            assert!(is_parameter_value(good), "{good}");
        }
        for bad in ["", "..", "-", "a/b", "a b", "a@b", "a:1", "a?b", "a%2f", "ü", "{a}"] {
            assert!(!is_parameter_value(bad), "{bad}");
        }
        assert!(!is_parameter_value(&"a".repeat(200)));
    }
}
