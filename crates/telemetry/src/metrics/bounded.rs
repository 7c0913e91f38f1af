//! Label values that cannot grow without end.

use std::collections::HashSet;

/// What values beyond the bound are called.
pub(super) const OTHER: &str = "other";
/// What an absent value is called.
pub(super) const NONE: &str = "none";

/// A set that admits the first so many distinct values and calls all later ones "other".
#[derive(Debug)]
pub(super) struct Bounded {
    known: HashSet<Box<str>>,
    most: usize,
}

impl Bounded {
    pub(super) fn new(most: usize) -> Self {
        Self { known: HashSet::new(), most }
    }

    /// The value itself while there is room, else "other".
    pub(super) fn admit<'a>(&mut self, value: Option<&'a str>) -> &'a str {
        let Some(value) = value else { return NONE };
        if self.known.contains(value) {
            return value;
        }
        if self.known.len() >= self.most {
            return OTHER;
        }
        self.known.insert(value.into());
        value
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_values_keep_their_names() {
        let mut set = Bounded::new(2);
        assert_eq!([set.admit(Some("a")), set.admit(Some("b")), set.admit(Some("c"))], ["a", "b", OTHER]);
        assert_eq!([set.admit(Some("a")), set.admit(None)], ["a", NONE]);
    }
}
