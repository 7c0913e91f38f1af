//! Names of documents. Each must have one, of letters, digits, single spaces, hyphens, parentheses and brackets, at most
//! 200 of them, and no two in a request may have the same.
//! <https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_DocumentBlock.html>

use std::borrow::Cow;
use std::collections::HashSet;

/// What a document without a name is called.
const NAMELESS: &str = "document";
/// How long a name may be; the rest is room for a number.
const LONGEST: usize = 180;

/// The names that a request has given so far.
#[derive(Default)]
pub(super) struct Names {
    given: HashSet<String>,
}

impl Names {
    /// The name of the next document. What cannot be said of its own, such as the point before its ending, becomes a
    /// space; a name that is taken gets a number.
    pub(super) fn next(&mut self, name: Option<&str>) -> String {
        let clean = clean(name.unwrap_or_default());
        let base = if clean.is_empty() { Cow::Borrowed(NAMELESS) } else { Cow::Owned(clean) };
        let mut name = base.clone().into_owned();
        let mut number = 2_u64;
        while !self.given.insert(name.clone()) {
            name = format!("{base} ({number})");
            number += 1;
        }
        name
    }
}

fn clean(name: &str) -> String {
    let sayable =
        |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '(' | ')' | '[' | ']');
    let words = name.split(|letter| !sayable(letter)).filter(|word| !word.is_empty());
    let mut clean = String::new();
    for word in words {
        let space = usize::from(!clean.is_empty());
        let room = LONGEST.saturating_sub(clean.len() + space);
        if room == 0 {
            break;
        }
        clean.push_str(if space == 0 { "" } else { " " });
        clean.extend(word.chars().take(room));
    }
    clean
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_sayable_and_given_once() {
        let mut names = Names::default();
        for (asked, given) in [
            (Some("Report_2024 (final).pdf"), "Report 2024 (final) pdf"),
            (Some("Report 2024 (final) pdf"), "Report 2024 (final) pdf (2)"),
            (Some("a  b"), "a b"),
            (Some("玉门"), "document"),
            (None, "document (2)"),
            (Some(""), "document (3)"),
        ] {
            assert_eq!(names.next(asked), given);
        }
        for long in ["x".repeat(500), "ab ".repeat(300)] {
            let (first, second) = (names.next(Some(&long)), names.next(Some(&long)));
            assert!(first.len() <= LONGEST && second.len() < 200 && first != second, "{first} {second}");
        }
    }
}
