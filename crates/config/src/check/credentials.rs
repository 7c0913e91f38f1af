//! A provider's credentials: those of its entry, else the one that the environment has.
//!
//! In: an entry, its definition and scheme, the environment and the files of secrets. Out: credentials in rotation.
//! Messages say what is wrong with a secret, never what it is.

use std::borrow::Cow;
use std::sync::Arc;

use yumen_llm::catalogue::{Auth, ProviderDefinition};

use super::Surroundings;
use super::parameters::Parameters;
use super::proof::{Parts, sendable};
use crate::credential::Credential;
use crate::diagnostic::{Diagnostics, shown};
use crate::near::nearest;
use crate::place::Place;
use crate::read::{Resource, words};
use crate::rotation::Rotation;
use crate::secret::{Secret, credential_id};
use crate::spec::{CredentialSpec, ProviderSpec};
use crate::yaml::Content;

/// What a provider's credentials are checked against.
pub(super) struct Checking<'a> {
    pub(super) provider: &'a str,
    pub(super) resource: &'a Resource<'a, ProviderSpec>,
    pub(super) spec: &'a ProviderSpec,
    pub(super) definition: &'a ProviderDefinition,
    pub(super) auth: &'a Auth,
    pub(super) surroundings: &'a Surroundings<'a>,
}

impl Checking<'_> {
    /// The credentials; what is wrong with one is reported.
    pub(super) fn check(
        &self,
        parameters: &mut Parameters<'_>,
        found: &mut Diagnostics,
    ) -> Rotation<Arc<Credential>> {
        let section = self.resource.place.field("credentials");
        let declared = match &self.spec.credentials {
            Some(declared) => Cow::Borrowed(declared.as_slice()),
            None => Cow::Owned(self.usual().into_iter().collect()),
        };
        if declared.is_empty() {
            self.report_none(found);
        }
        let auth_place = self.resource.place.field("auth");
        let mut checked: Vec<(Arc<Credential>, u32)> = Vec::new();
        for (index, written) in declared.iter().enumerate() {
            let here = match self.spec.credentials {
                Some(_) => section.item(index),
                None => self.resource.place.clone(),
            };
            let place = here.field(if written.secret.is_some() { "secret" } else { "secret_file" });
            let errors_before = found.errors();
            let secret = self.secret(written, &here, found);
            self.check_fields(written, &here, found);
            if found.errors() > errors_before {
                continue;
            }
            let parts = Parts {
                secret: secret.as_ref(),
                fields: &written.fields,
                place: &place,
                fields_place: &here.field("fields"),
                auth_place: &auth_place,
            };
            if secret.is_none()
                && (is_written(&here.field("secret")) || is_written(&here.field("secret_file")))
            {
                continue;
            }
            let Some(proven) = parts.prove(self.auth, parameters, found) else { continue };
            let label = written.name.clone().unwrap_or_else(|| format!("#{}", index + 1));
            let identity: Vec<&str> = proven.identity.iter().map(String::as_str).collect();
            let id = credential_id(self.provider, &secret.unwrap_or_else(|| Secret::new("")), &identity);
            report_twins(&checked, id, &label, &here, found);
            let (label, proof, secrets) = (Arc::from(label), proven.proof, proven.secrets);
            let credential = Credential { id, label, proof, secrets, limits: written.limits() };
            checked.push((Arc::new(credential), written.weight));
        }
        Rotation::new(checked)
    }

    /// The credential that the environment has, if it has its secret.
    fn usual(&self) -> Option<CredentialSpec> {
        let usual = self.definition.credential.as_ref();
        let first = |names: &[String]| {
            let mut values = names.iter().filter_map(|name| (self.surroundings.env)(name));
            values.find(|value| !value.is_empty())
        };
        let secret = usual.and_then(|usual| first(&usual.env)).map(|value| Secret::new(&value));
        let secret_file = usual.filter(|_| secret.is_none()).and_then(|usual| first(&usual.file_env));
        // Google's machines have a credential of their own.
        if secret.is_none() && secret_file.is_none() && *self.auth != Auth::GoogleOauth {
            return None;
        }
        let described = usual.into_iter().flat_map(|usual| &usual.fields);
        let described =
            described.filter(|(name, _)| self.auth.parts().iter().any(|part| part.name == **name));
        let fields =
            described.filter_map(|(name, part)| Some((name.clone(), Secret::new(&first(&part.env)?))));
        Some(CredentialSpec {
            secret,
            secret_file,
            fields: fields.collect(),
            weight: 1,
            name: None,
            requests_per_minute: None,
            tokens_per_minute: None,
        })
    }

    fn report_none(&self, found: &mut Diagnostics) {
        // A server at the operator's own base URL may do without one; the vendor's own service never does.
        let needed =
            *self.auth != Auth::None && self.spec.base_url.is_none() && self.definition.base_url.is_some();
        if !needed || !self.resource.whole {
            return;
        }
        let usual = self.definition.credential.iter().flat_map(|credential| &credential.env);
        let variable = usual.clone().next().map_or("NAME", String::as_str);
        let fields: Vec<String> = self.needed_fields().map(|name| self.example(name)).collect();
        let fields = match fields.is_empty() {
            true => String::new(),
            false => format!(", fields: {{ {} }}", fields.join(", ")),
        };
        let variables: Vec<String> = std::iter::once(variable)
            .chain(self.needed_fields().filter_map(|name| self.variable(name)))
            .map(|name| format!("`{name}`"))
            .collect();
        let hint = format!(
            "set {}, or write `credentials: [ {{ secret: \"${{{variable}}}\"{fields} }} ]`",
            variables.join(" and ")
        );
        let place = &self.resource.place;
        place.error(found, format!("{} has no credential", place.path), Some(hint));
    }

    /// The secret itself, from the entry or from its file.
    fn secret(&self, written: &CredentialSpec, here: &Place<'_>, found: &mut Diagnostics) -> Option<Secret> {
        let path = match (&written.secret, &written.secret_file) {
            (Some(secret), None) => return Some(secret.clone()),
            (None, Some(path)) => path,
            (Some(_), Some(_)) => {
                let message = format!("{} has both `secret` and `secret_file`", here.path);
                here.error(found, message, Some("keep one of them".to_owned()));
                return None;
            }
            // What stands there but could not be read has been reported.
            (None, None) if is_written(&here.field("secret")) || is_written(&here.field("secret_file")) => {
                return None;
            }
            (None, None) if *self.auth == Auth::GoogleOauth => return None,
            (None, None) => {
                let hint = "write `secret: \"${NAME}\"`, or `secret_file:` with the path of a file";
                here.error(found, format!("{} has no secret", here.path), Some(hint.to_owned()));
                return None;
            }
        };
        let place = here.field("secret_file");
        match (self.surroundings.files)(path) {
            Ok(text) => Some(Secret::new(text.trim_end())),
            Err(why) => {
                let message = match place.node {
                    Some(_) => format!("{} cannot be read: {why}", place.with_value()),
                    None => format!("{}: the file with its credential cannot be read: {why}", here.path),
                };
                place.error(found, message, None);
                None
            }
        }
    }

    /// Checks that the scheme's parts are there and no others.
    fn check_fields(&self, written: &CredentialSpec, here: &Place<'_>, found: &mut Diagnostics) {
        let section = here.field("fields");
        let parts = self.auth.parts();
        let known = || parts.iter().map(|part| part.name);
        for (name, value) in &written.fields {
            let place = section.field(name);
            if !parts.iter().any(|part| part.name == *name) {
                let hint = match nearest(name, known(), 1).first() {
                    Some(near) => Some(format!("write `{near}`")),
                    None if parts.is_empty() => Some("the secret is all that this scheme takes".to_owned()),
                    None => Some(format!("this scheme takes {}", words(known()))),
                };
                place.error(found, format!("{} is no part of this scheme's credentials", place.path), hint);
            } else if let Some(fault) = sendable(value.expose()) {
                place.error(found, format!("{} {fault}", place.path), None);
            }
        }
        let lacks = |name: &&str| !written.fields.contains_key(*name) && !is_written(&section.field(name));
        for name in self.needed_fields().filter(lacks) {
            let hint = match (self.variable(name), &self.spec.credentials) {
                (Some(variable), None) => format!("set `{variable}`"),
                _ => format!("write `fields: {{ {} }}`", self.example(name)),
            };
            let message = format!("{} lacks the part `{name}` of its credential", here.path);
            here.error(found, message, Some(hint));
        }
    }

    fn needed_fields(&self) -> impl Iterator<Item = &'static str> + Clone {
        self.auth.parts().iter().filter(|part| !part.optional).map(|part| part.name)
    }

    /// The environment variable in which a part is usually found.
    fn variable(&self, name: &str) -> Option<&str> {
        let part = self.definition.credential.as_ref()?.fields.get(name)?;
        part.env.first().map(String::as_str)
    }

    fn example(&self, name: &str) -> String {
        let usual = self.variable(name).map_or_else(|| name.to_uppercase(), str::to_owned);
        format!("{name}: \"${{{usual}}}\"")
    }
}

/// Whether there is anything at this place.
fn is_written(place: &Place<'_>) -> bool {
    place.node.is_some_and(|node| !matches!(node.content, Content::Empty))
}

fn report_twins(
    earlier: &[(Arc<Credential>, u32)],
    id: u64,
    label: &str,
    here: &Place<'_>,
    found: &mut Diagnostics,
) {
    for (earlier, _) in earlier {
        if *earlier.label == *label {
            let message = format!("{} is the second credential named {}", here.path, shown(label));
            here.error(found, message, None);
        }
        if earlier.id == id {
            let message = format!("{} has the same secret as {}", here.path, shown(&earlier.label));
            here.warn(found, message, Some("keep one and raise its weight".to_owned()));
        }
    }
}
