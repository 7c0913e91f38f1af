//! Model names with `*` wildcards.
//!
//! In: patterns as an operator writes them. Out: whether a name is allowed, in time linear in the name for
//! each pattern, whatever both contain.

use std::sync::Arc;

/// Model names with `*` wildcards. Without any pattern nothing is allowed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ModelPatterns {
    patterns: Vec<Arc<str>>,
}

impl ModelPatterns {
    /// From patterns such as `openai/*` or `smart`.
    pub fn new<'a>(patterns: impl IntoIterator<Item = &'a str>) -> Self {
        Self { patterns: patterns.into_iter().map(Arc::from).collect() }
    }

    /// Every model.
    pub fn all() -> Self {
        Self::new(["*"])
    }

    /// Whether some pattern matches the whole name.
    pub fn allows(&self, name: &str) -> bool {
        self.patterns.iter().any(|pattern| matches(pattern, name))
    }

    /// Whether every model is allowed, also those that nobody knows yet.
    pub fn allows_every(&self) -> bool {
        self.patterns.iter().any(|pattern| !pattern.is_empty() && pattern.bytes().all(|byte| byte == b'*'))
    }

    /// The patterns as they were written.
    pub fn as_slice(&self) -> &[Arc<str>] {
        &self.patterns
    }
}

/// Matches greedily from the left: each piece between two wildcards at its first place, the last piece at the
/// end. No backtracking is needed because a later place never allows more than an earlier one.
fn matches(pattern: &str, name: &str) -> bool {
    let Some((head, rest)) = pattern.split_once('*') else { return pattern == name };
    let Some(mut name) = name.strip_prefix(head) else { return false };
    let (middle, tail) = rest.rsplit_once('*').unwrap_or(("", rest));
    for piece in middle.split('*').filter(|piece| !piece.is_empty()) {
        match name.split_once(piece) {
            Some((_, after)) => name = after,
            None => return false,
        }
    }
    name.ends_with(tail)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn wildcards() {
        for (pattern, name, expected) in [
            ("*", "", true),
            ("*", "anything/at:all", true),
            ("openai/*", "openai/gpt-4o", true),
            ("openai/*", "azure/openai/gpt-4o", false),
            ("gpt-4o", "gpt-4o-mini", false),
            ("*mini", "gpt-4o-mini", true),
            ("*/*:free", "x/y:free", true),
            ("a*a", "a", false),
            ("a**b*c", "a-b-b-c", true),
            ("a*bc*bc", "abc", false),
            ("", "", true),
            ("", "x", false),
        ] {
            assert_eq!(ModelPatterns::new([pattern]).allows(name), expected, "{pattern} {name}");
        }
        assert!(!ModelPatterns::default().allows("gpt-4o"), "no pattern allows nothing");
        assert!(
            ModelPatterns::new(["x", "*"]).allows_every()
                && !ModelPatterns::new(["*/*", "", "x"]).allows_every()
        );
    }

    /// The obvious matcher that tries everything.
    fn reference(pattern: &[u8], name: &[u8]) -> bool {
        match pattern.split_first() {
            None => name.is_empty(),
            Some((b'*', rest)) => (0..=name.len()).any(|skip| reference(rest, &name[skip..])),
            Some((first, rest)) => {
                name.split_first().is_some_and(|(n, after)| n == first && reference(rest, after))
            }
        }
    }

    proptest! {
        #[test]
        fn agrees_with_trying_everything(pattern in "[ab*]{0,8}", name in "[ab]{0,8}") {
            prop_assert_eq!(matches(&pattern, &name), reference(pattern.as_bytes(), name.as_bytes()));
        }
    }
}
