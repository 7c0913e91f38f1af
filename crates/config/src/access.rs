//! What a virtual key may do beyond asking models.
//!
//! In: words as an operator writes them: `files`, `providers/openai`, `providers/*`, `*`. Out: whether something is allowed.
//! Without any word nothing is.

use std::sync::Arc;

/// What a virtual key may do beyond asking models.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Access(Vec<Arc<str>>);

impl Access {
    /// From words; one that is none allows nothing.
    pub fn new<'a>(words: impl IntoIterator<Item = &'a str>) -> Self {
        Self(words.into_iter().map(Arc::from).collect())
    }

    /// Whether files and batches may be used.
    pub fn files(&self) -> bool {
        self.has("files")
    }

    /// Whether calls may go through to this provider.
    pub fn provider(&self, id: &str) -> bool {
        let named =
            |word: &Arc<str>| word.strip_prefix(PROVIDERS).is_some_and(|name| name == "*" || name == id);
        self.has("*") || self.0.iter().any(named)
    }

    fn has(&self, wanted: &str) -> bool {
        self.0.iter().any(|word| **word == *wanted || **word == *"*")
    }
}

const PROVIDERS: &str = "providers/";

/// The provider that a word names, if it names one; `Err` when it is no word of access.
pub fn access_word(word: &str) -> Result<Option<&str>, AccessFault> {
    match word.strip_prefix(PROVIDERS) {
        Some("*") => Ok(None),
        Some(name) if !name.is_empty() && !name.contains(['*', '/']) => Ok(Some(name)),
        None if matches!(word, "files" | "*") => Ok(None),
        _ => Err(AccessFault),
    }
}

/// A word that allows nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be `files`, `providers/NAME`, `providers/*` or `*`")]
pub struct AccessFault;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_allowed_unless_it_is_named() {
        let may = |words: &[&str]| {
            let access = Access::new(words.iter().copied());
            (access.files(), access.provider("openai"), access.provider("openai-2"))
        };
        assert_eq!(may(&[]), (false, false, false));
        assert_eq!(may(&["files"]), (true, false, false));
        assert_eq!(may(&["providers/openai"]), (false, true, false));
        assert_eq!(may(&["providers/*"]), (false, true, true));
        assert_eq!(may(&["*"]), (true, true, true));
        assert_eq!(may(&["", "provider/openai", "providers/", "openai", "providers"]), (false, false, false));
    }

    #[test]
    fn words_are_known() {
        assert_eq!(access_word("providers/openai"), Ok(Some("openai")));
        for word in ["files", "*", "providers/*"] {
            assert_eq!(access_word(word), Ok(None), "{word}");
        }
        for word in ["", "Files", "providers", "providers/", "providers/a*", "providers/a/b", "files/*"] {
            assert_eq!(access_word(word), Err(AccessFault), "{word}");
        }
    }
}
