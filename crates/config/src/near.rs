//! Near names for messages: "did you mean".

/// Names longer than this are nobody's slip of the finger; comparing them would only cost time.
const LONGEST_NAME: usize = 100;

/// More candidates than this are not looked at: a suggestion is not worth more time.
const MOST_CANDIDATES: usize = 10_000;

/// Below this likeness (0 to 1) a name is not worth suggesting.
const LIKELY: f64 = 0.5;

/// Up to `limit` candidates that look like `name`, the likeliest first.
pub(crate) fn nearest<'a>(
    name: &str,
    candidates: impl IntoIterator<Item = &'a str>,
    limit: usize,
) -> Vec<&'a str> {
    if name.len() > LONGEST_NAME {
        return Vec::new();
    }
    let mut scored: Vec<(f64, &str)> = candidates
        .into_iter()
        .take(MOST_CANDIDATES)
        .filter(|candidate| candidate.len() <= LONGEST_NAME)
        .map(|candidate| (likeness(name, candidate), candidate))
        .filter(|(score, _)| *score >= LIKELY)
        .collect();
    scored.sort_by(|(left, a), (right, b)| right.total_cmp(left).then_with(|| a.cmp(b)));
    scored.dedup_by(|left, right| left.1 == right.1);
    scored.into_iter().take(limit).map(|(_, candidate)| candidate).collect()
}

/// Likeness of two names, whatever their case and with or without the author before the slash. Among names with the
/// same slug, the author decides.
fn likeness(left: &str, right: &str) -> f64 {
    let (left, right) = (left.to_lowercase(), right.to_lowercase());
    let slug = |name: &str| name.rsplit('/').next().unwrap_or_default().to_owned();
    let whole = strsim::normalized_damerau_levenshtein(&left, &right);
    let slugs = strsim::normalized_damerau_levenshtein(&slug(&left), &slug(&right)) * 0.9 + whole * 0.08;
    let begins = if left.len() >= 3 && right.starts_with(&left) { 0.75 } else { 0.0 };
    whole.max(slugs).max(begins)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_are_found_and_strangers_are_not() {
        let names = ["openai/gpt-4o", "gpt-4o", "gpt-4o-mini", "claude-sonnet-4.5", "smart"];
        assert_eq!(nearest("gpt4o", names, 2), ["gpt-4o", "openai/gpt-4o"]);
        assert_eq!(nearest("SMRT", names, 3), ["smart"]);
        assert_eq!(nearest("claude", names, 3), ["claude-sonnet-4.5"]);
        let authors = ["anthropic/same", "gemini/same", "openai/same", "responses/same"];
        assert_eq!(nearest("respones/same", authors, 1), ["responses/same"]);
        assert!(nearest("zzz", names, 3).is_empty());
        assert!(nearest(&"gpt-4o".repeat(100_000), names, 3).is_empty());
    }
}
