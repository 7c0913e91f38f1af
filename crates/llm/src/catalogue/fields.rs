//! One TOML table read field by field, so that every fault is found and not only the first.
//!
//! In: a table and where it stands. Out: values, and faults that say what is wrong and what to write instead.
//! What is left when the reader is finished nobody has asked for: those fields are faults too.

use serde::de::DeserializeOwned;

use super::CatalogueError;

/// Two names further apart than this are not taken for one another.
const NEAR_ENOUGH: f64 = 0.75;

/// The faults found in one file.
pub(super) struct Faults<'a> {
    file: &'a str,
    found: &'a mut Vec<CatalogueError>,
}

impl<'a> Faults<'a> {
    /// Collects the faults of `file` into `found`.
    pub(super) fn new(file: &'a str, found: &'a mut Vec<CatalogueError>) -> Self {
        Self { file, found }
    }

    /// Notes one fault.
    pub(super) fn add(&mut self, message: String) {
        self.found.push(CatalogueError { file: self.file.to_owned(), message });
    }

    /// Reads a whole file; a fault of its syntax is the only one that can be found in it.
    pub(super) fn parse(&mut self, text: &str) -> Option<toml::Table> {
        match text.parse::<toml::Table>() {
            Ok(table) => Some(table),
            Err(error) => {
                self.add(format!("is not TOML: {}", error.to_string().trim_end()));
                None
            }
        }
    }
}

/// A table whose fields are taken out one by one.
pub(super) struct Fields<'a, 'f> {
    table: toml::Table,
    place: String,
    known: Vec<&'static str>,
    faults: &'a mut Faults<'f>,
}

impl<'a, 'f> Fields<'a, 'f> {
    /// `place` names the table in messages; it is empty for a whole file.
    pub(super) fn new(table: toml::Table, place: &str, faults: &'a mut Faults<'f>) -> Self {
        let place = if place.is_empty() { String::new() } else { format!("{place}: ") };
        Self { table, place, known: Vec::new(), faults }
    }

    /// A field that must be there. `example` is shown when it is not.
    pub(super) fn required<T: DeserializeOwned>(&mut self, name: &'static str, example: &str) -> Option<T> {
        if !self.table.contains_key(name) {
            self.known.push(name);
            self.fault(format!("`{name}` is missing; write for example `{name} = {example}`"));
            return None;
        }
        self.optional(name, example)
    }

    /// A field that may be there.
    pub(super) fn optional<T: DeserializeOwned>(&mut self, name: &'static str, example: &str) -> Option<T> {
        let value = self.value(name)?;
        match value.try_into::<T>() {
            Ok(value) => Some(value),
            Err(error) => {
                // The library adds the source's lines below the sentence; a value has none.
                let error = error.to_string();
                let sentence = error.lines().next().unwrap_or_default();
                self.fault(format!("`{name}`: {sentence}; write for example `{name} = {example}`"));
                None
            }
        }
    }

    /// A field as it stands.
    pub(super) fn value(&mut self, name: &'static str) -> Option<toml::Value> {
        self.known.push(name);
        self.table.remove(name)
    }

    /// Notes a fault of this table.
    pub(super) fn fault(&mut self, message: String) {
        self.faults.add(format!("{}{message}", self.place));
    }

    /// Reports the fields that nobody has asked for.
    pub(super) fn finish(mut self) {
        let unknown: Vec<String> = self.table.keys().cloned().collect();
        for name in unknown {
            let hint = match nearest(&name, self.known.iter().copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("known are {}", listed(&self.known)),
            };
            self.fault(format!("unknown field `{name}`; {hint}"));
        }
    }
}

/// The known name that `name` was most likely meant to be.
pub(super) fn nearest<'n>(name: &str, known: impl Iterator<Item = &'n str>) -> Option<&'n str> {
    known
        .map(|candidate| (strsim::jaro_winkler(name, candidate), candidate))
        .filter(|(likeness, _)| *likeness >= NEAR_ENOUGH)
        .max_by(|left, right| left.0.total_cmp(&right.0))
        .map(|(_, candidate)| candidate)
}

fn listed(names: &[&str]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}
