//! The hand-made table of licences, `providers/.sources/licences.toml`.
//!
//! In: the file. Out: for a canonical name, the licence of its weights and whether what the model says may train another.
//! It guesses nothing: a name that no row fits has neither.

use std::path::Path;

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use super::read;

pub(super) const LICENCES: &str = "providers/.sources/licences.toml";

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Licences {
    row: Vec<Row>,
}

/// What holds for some models.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Row {
    models: Vec<String>,
    pub(super) licence: Option<String>,
    pub(super) distillable: Option<bool>,
    source: String,
}

impl Licences {
    pub(super) fn read(root: &Path) -> Result<Self> {
        let file = root.join(LICENCES);
        if !file.exists() {
            return Ok(Self::default());
        }
        let licences: Self = toml::from_str(&read(&file)?).context(LICENCES)?;
        for row in &licences.row {
            if !row.source.starts_with("https://") {
                bail!("{LICENCES}: {:?}: write the page that says so", row.models);
            }
            if row.licence.is_none() && row.distillable.is_none() {
                bail!("{LICENCES}: {:?} says nothing", row.models);
            }
        }
        Ok(licences)
    }

    /// The first row that fits; `open` says whether the model's weights are open.
    pub(super) fn of(&self, canonical: &str, open: bool) -> Option<&Row> {
        let fits = |pattern: &String| match pattern.strip_suffix('*') {
            Some(start) => canonical.starts_with(start),
            None => canonical == pattern,
        };
        self.row.iter().filter(|row| open || row.licence.is_none()).find(|row| row.models.iter().any(fits))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_licence_is_one_of_open_weights_alone() {
        let table = r#"row = [
            { models = ["a/open*"], licence = "mit", distillable = true, source = "https://x" },
            { models = ["a/*"], distillable = false, source = "https://y" },
        ]"#;
        let licences: Licences = toml::from_str(table).unwrap();
        let of =
            |name: &str, open| licences.of(name, open).map(|row| (row.licence.as_deref(), row.distillable));
        assert_eq!(of("a/open-1", true), Some((Some("mit"), Some(true))));
        assert_eq!(of("a/open-1", false), Some((None, Some(false))));
        assert_eq!(of("b/open-1", true), None);
    }
}
