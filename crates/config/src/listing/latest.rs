//! Names that stand for the newest model of an author or a family: `~author/latest`, `~author/family-latest`.
//! <https://openrouter.ai/docs/guides/routing/routers/latest-resolution>
//!
//! In: such a name. Out: the canonical name that it stands for now. A family is a model's name without what tells its
//! versions: `~google/gemini-flash-latest` is the newest of `google/gemini-2.5-flash`, `google/gemini-3-flash` and so on.

use yumen_llm::catalogue::Operation;

use super::Listed;
use crate::snapshot::{Snapshot, TargetKind};

const LATEST: &str = "latest";

impl Snapshot {
    /// The newest model that such a name stands for, by the day of its release; `None` for any other name, and where nothing
    /// of the family is served.
    pub fn latest(&self, name: &str) -> Option<&str> {
        let (author, family) = name.strip_prefix('~')?.split_once('/')?;
        let family = match family.strip_suffix(LATEST)? {
            "" => None,
            family => Some(family.strip_suffix('-')?),
        };
        let of_author = |name: &str| {
            name.split_once('/').filter(|(by, _)| *by == author).map(|(_, slug)| slug.to_owned())
        };
        let is_of_family = |slug: &str| family.is_none_or(|family| family_of(slug) == family);
        let all = self.models.iter().filter(|(_, target)| target.kind == TargetKind::Canonical);
        let all = all.filter(|(name, _)| of_author(name).is_some_and(|slug| is_of_family(&slug)));
        let all = all.map(|(name, target)| Listed { name, target }).filter(|model| model.converses());
        // Of the same day the higher version, which is the later name.
        all.max_by_key(|model| (model.released(), model.name)).map(|model| model.name)
    }
}

impl Listed<'_> {
    /// Whether conversations can be had with it, and nobody has said that it is withdrawn.
    pub fn converses(self) -> bool {
        let converses =
            |operations: &[Operation]| operations.is_empty() || operations.contains(&Operation::Chat);
        self.withdrawn().is_none() && self.deployments().any(|one| converses(&one.model.operations))
    }
}

/// A slug without the words that tell versions: those that begin with a digit.
fn family_of(slug: &str) -> String {
    let slug = slug.split_once(':').map_or(slug, |(base, _)| base);
    let words = slug
        .split('-')
        .filter(|word| !word.trim_start_matches('v').starts_with(|letter: char| letter.is_ascii_digit()));
    words.collect::<Vec<_>>().join("-")
}

#[cfg(test)]
mod tests {
    use super::family_of;

    #[test]
    fn a_family_is_a_name_without_versions() {
        for (slug, family) in [
            ("claude-opus-4.8", "claude-opus"),
            ("claude-3.7-sonnet", "claude-sonnet"),
            ("gemini-2.5-flash", "gemini-flash"),
            ("gemini-3-pro-preview", "gemini-pro-preview"),
            ("gpt-5.1", "gpt"),
            ("gpt-5-mini", "gpt-mini"),
            ("gpt-oss-120b", "gpt-oss"),
            ("deepseek-v3.2", "deepseek"),
            ("qwen3-8b:free", "qwen3"),
        ] {
            assert_eq!(family_of(slug), family, "{slug}");
        }
    }
}
