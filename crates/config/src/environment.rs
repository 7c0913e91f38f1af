//! `${NAME}` and `${NAME:-default}` in a scalar.
//!
//! In: the text of a scalar and the environment as a look-up function. Out: the text it stands for. What is
//! put in is never read again, neither for further references nor as YAML. Messages name the variable only.

use std::borrow::Cow;

/// The environment as a look-up function.
pub(crate) type Environment<'a> = &'a dyn Fn(&str) -> Option<String>;

/// What is wrong with a reference.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ReferenceError {
    #[error("the environment variable `{0}` is not set")]
    NotSet(String),
    #[error("a `${{` is not closed by a `}}`")]
    NotClosed,
    #[error("`${{…}}` must name a variable: letters, digits and `_`, not beginning with a digit")]
    BadName,
}

impl ReferenceError {
    /// What to write instead.
    pub(crate) fn hint(&self) -> String {
        match self {
            Self::NotSet(name) => format!("set it, or give a default: `${{{name}:-default}}`"),
            Self::NotClosed | Self::BadName => {
                "write `${NAME}` or `${NAME:-default}`; `$$` is a plain `$`".to_owned()
            }
        }
    }
}

/// Puts in what the references stand for. As in a shell, `:-` also applies to a variable that is empty.
pub(crate) fn expand<'t>(text: &'t str, env: Environment<'_>) -> Result<Cow<'t, str>, ReferenceError> {
    if !text.contains('$') {
        return Ok(Cow::Borrowed(text));
    }
    let mut expanded = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('$') {
        expanded.push_str(before);
        if let Some(reference) = after.strip_prefix('{') {
            let (reference, behind) = reference.split_once('}').ok_or(ReferenceError::NotClosed)?;
            expanded.push_str(&look_up(reference, env)?);
            rest = behind;
        } else {
            expanded.push('$');
            rest = after.strip_prefix('$').unwrap_or(after);
        }
    }
    expanded.push_str(rest);
    Ok(Cow::Owned(expanded))
}

fn look_up(reference: &str, env: Environment<'_>) -> Result<String, ReferenceError> {
    let (name, default) = match reference.split_once(":-") {
        Some((name, default)) => (name, Some(default)),
        None => (reference, None),
    };
    let word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    if !name.bytes().all(word) || name.bytes().next().is_none_or(|first| first.is_ascii_digit()) {
        return Err(ReferenceError::BadName);
    }
    match (env(name), default) {
        (Some(value), None) => Ok(value),
        (Some(value), Some(_)) if !value.is_empty() => Ok(value),
        (_, Some(default)) => Ok(default.to_owned()),
        (None, None) => Err(ReferenceError::NotSet(name.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn env(name: &str) -> Option<String> {
        match name {
            "A" => Some("one".into()),
            "EMPTY" => Some(String::new()),
            "TRICK" => Some("${A}".into()),
            _ => None,
        }
    }

    #[test]
    fn references_are_put_in_once() {
        for (text, expected) in [
            ("plain", "plain"),
            ("${A}", "one"),
            ("x-${A}-${A}", "x-one-one"),
            ("${B:-two}", "two"),
            ("${EMPTY:-two}", "two"),
            ("${EMPTY}", ""),
            ("${B:-}", ""),
            ("$${A} costs $5 and $$", "${A} costs $5 and $"),
            ("${TRICK}", "${A}"),
            ("${B:-http://h:1/v1}", "http://h:1/v1"),
        ] {
            assert_eq!(expand(text, &env).unwrap(), expected, "{text}");
        }
    }

    #[test]
    fn faults_name_the_variable() {
        assert_eq!(expand("${B}", &env), Err(ReferenceError::NotSet("B".into())));
        assert_eq!(expand("${A", &env), Err(ReferenceError::NotClosed));
        for bad in ["${}", "${1A}", "${A B}", "${A-x}", "${Ä}"] {
            assert_eq!(expand(bad, &env), Err(ReferenceError::BadName), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn any_text_ends_without_a_panic(text in "[$A{}:\\-ü]{0,40}") {
            let _ = expand(&text, &env);
        }
    }
}
