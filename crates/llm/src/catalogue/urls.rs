//! The URLs of a definition: its base URLs, its paths, and where its tokens are asked for.
//!
//! In: the texts as `provider.toml` has them, parameters in braces. Out: faults. The parameters' examples stand for what the
//! operator will write.

use std::collections::BTreeMap;

use super::auth::Auth;
use super::definition::DialectPath;
use super::fields::Faults;
use super::parameters::{ParameterDefinition, with_examples};
use crate::dialects::Dialect;

/// Everything in a definition that is a URL or a part of one.
pub(super) struct Urls<'a> {
    pub(super) base_url: Option<&'a str>,
    pub(super) dialects: Option<&'a BTreeMap<Dialect, DialectPath>>,
    pub(super) auth: Option<&'a Auth>,
    pub(super) parameters: &'a BTreeMap<String, ParameterDefinition>,
}

impl<'a> Urls<'a> {
    /// All of them as they are written.
    pub(super) fn texts(&self) -> impl Iterator<Item = &'a str> {
        let entries = self.dialects.into_iter().flat_map(|dialects| dialects.values());
        let below = entries.flat_map(|entry| {
            let others = [
                &entry.stream_path,
                &entry.second_path,
                &entry.count_path,
                &entry.upload_path,
                &entry.base_url,
            ];
            std::iter::once(entry.path.as_str()).chain(others.into_iter().filter_map(|text| text.as_deref()))
        });
        let bases = self.parameters.values().flat_map(|parameter| parameter.base_urls.values());
        let token_url = self.auth.and_then(Auth::token_url);
        self.base_url.into_iter().chain(below).chain(bases.map(String::as_str)).chain(token_url)
    }

    /// Checks all of them.
    pub(super) fn check(&self, faults: &mut Faults<'_>) {
        if let Some(url) = self.base_url {
            self.check_base_url("base_url", url, faults);
        }
        for (name, parameter) in self.parameters {
            for (value, url) in &parameter.base_urls {
                self.check_base_url(&format!("parameters.{name}.base_urls.{value}"), url, faults);
            }
        }
        self.check_token_url(faults);
        let Some(dialects) = self.dialects else { return };
        if dialects.is_empty() {
            faults.add(String::from(
                "`dialects` is empty; write for example `openai_chat = { path = \"/chat/completions\" }`",
            ));
        }
        for (dialect, entry) in dialects {
            let paths = [
                ("path", Some(&entry.path)),
                ("stream_path", entry.stream_path.as_ref()),
                ("second_path", entry.second_path.as_ref()),
                ("count_path", entry.count_path.as_ref()),
                ("upload_path", entry.upload_path.as_ref()),
            ];
            for (name, path) in paths.into_iter().filter_map(|(name, path)| Some((name, path?))) {
                self.check_path(*dialect, name, path, faults);
            }
            if let Some(end) = &entry.beside {
                self.check_path(*dialect, "beside", end, faults);
                let is_end = |url: &str| url.len() > end.len() && url.ends_with(end.as_str());
                if entry.base_url.is_some() || !self.base_url.is_some_and(is_end) {
                    let problem =
                        "must be the end of the provider's `base_url`, and has no use beside one's own";
                    faults.add(format!("{dialect:?}: `beside` {end:?} {problem}"));
                }
            }
            for place in &entry.leads_to {
                self.check_base_url(&format!("{dialect:?}: leads_to"), place, faults);
            }
            if let Some(url) = &entry.base_url {
                self.check_base_url(&format!("{dialect:?}: base_url"), url, faults);
            }
        }
    }

    fn check_base_url(&self, place: &str, written: &str, faults: &mut Faults<'_>) {
        let url = with_examples(written, self.parameters);
        let host = ["https://", "http://", "builtin://"].iter().find_map(|scheme| url.strip_prefix(scheme));
        let host = host.map(|rest| rest.split('/').next().unwrap_or_default());
        let problem = match host {
            None => "must begin with https://, http:// or builtin://",
            Some("") => "has no host",
            Some(host) if host.contains('@') => "must not hold a user or a password; use the credential",
            _ if url.ends_with('/') => "must not end with `/`: the paths of `dialects` begin with one",
            _ if url.contains(['?', '#']) => "must not have a query or a fragment",
            _ if !url.bytes().all(|byte| byte.is_ascii_graphic()) => "must be plain ASCII without spaces",
            _ if url.contains(['{', '}']) => {
                "has braces that name no parameter; describe it under `parameters`"
            }
            _ => return,
        };
        faults.add(format!("`{place}` {written:?} {problem}"));
    }

    fn check_token_url(&self, faults: &mut Faults<'_>) {
        let Some(written) = self.auth.and_then(Auth::token_url) else { return };
        let mut url = with_examples(written, self.parameters).into_owned();
        if let Some(Auth::AzureEntra { .. }) = self.auth {
            url = url.replace("{tenant_id}", "tenant");
        }
        let plain = url.bytes().all(|byte| byte.is_ascii_graphic());
        if !url.starts_with("https://") || url.contains(['{', '}', '#', '@']) || !plain {
            let problem = "must begin with https:// and hold no braces but those of parameters";
            faults.add(format!("`auth.token_url` {written:?} {problem}"));
        }
    }

    fn check_path(&self, dialect: Dialect, name: &str, written: &str, faults: &mut Faults<'_>) {
        let path = with_examples(written, self.parameters);
        let plain = path.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'#');
        if !path.starts_with('/') || path.starts_with("//") || !plain {
            let problem = "must begin with one `/` and hold no spaces or `#`";
            faults.add(format!("{dialect:?}: `{name}` {written:?} {problem}"));
        }
        let model = if path.contains("{model_path}") { "{model_path}" } else { "{model}" };
        if path.replacen(model, "", 1).contains(['{', '}']) {
            let problem = "may hold `{model}` or `{model_path}` once and no braces but those of parameters";
            faults.add(format!("{dialect:?}: `{name}` {written:?} {problem}"));
        }
    }
}
