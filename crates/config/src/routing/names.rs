//! How preferences name providers.

use std::sync::Arc;

use crate::provider::Provider;

/// The longest name that is looked at.
const LONGEST: usize = 128;

/// A provider as it is named in preferences: `azure` is every entry of that name, type or title; `azure/eastus` only one
/// whose servers stand there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProviderName {
    base: Arc<str>,
    region: Option<Arc<str>>,
}

impl ProviderName {
    /// Reads a name; `None` when it can be none.
    pub fn parse(text: &str) -> Option<Self> {
        let good =
            |part: &str| !part.is_empty() && part.len() <= LONGEST && !part.chars().any(char::is_control);
        let (base, region) = match text.split_once('/') {
            Some((base, region)) => (base, Some(region)),
            None => (text, None),
        };
        (good(base) && region.is_none_or(good))
            .then(|| Self { base: Arc::from(base), region: region.map(Arc::from) })
    }

    /// Whether a provider is meant.
    pub fn is(&self, provider: &Provider) -> bool {
        let named =
            [&provider.id, &provider.kind].into_iter().any(|name| name.eq_ignore_ascii_case(&self.base))
                || is_slug_of(&self.base, &provider.name);
        named && self.region.as_deref().is_none_or(|region| provider.stands_in(region))
    }
}

impl std::fmt::Display for ProviderName {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.base)?;
        match &self.region {
            Some(region) => write!(formatter, "/{region}"),
            None => Ok(()),
        }
    }
}

/// Whether `slug` is a title but for capitals and with `-` for white space: `amazon-bedrock` of `Amazon Bedrock`.
fn is_slug_of(slug: &str, title: &str) -> bool {
    slug.len() == title.len()
        && slug.bytes().zip(title.bytes()).all(|(ours, theirs)| {
            ours.eq_ignore_ascii_case(&theirs) || (matches!(ours, b'-' | b' ') && theirs == b' ')
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn titles_are_found_by_their_slugs() {
        assert!(is_slug_of("amazon-bedrock", "Amazon Bedrock") && is_slug_of("OpenAI", "OpenAI"));
        assert!(!is_slug_of("amazon", "Amazon Bedrock") && !is_slug_of("amazonxbedrock", "Amazon Bedrock"));
        assert_eq!(ProviderName::parse("azure/eastus").unwrap().to_string(), "azure/eastus");
        for bad in ["", "/x", "x/", "a\nb"] {
            assert_eq!(ProviderName::parse(bad), None, "{bad:?}");
        }
    }
}
