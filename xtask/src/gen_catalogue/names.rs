//! The canonical name of a model, `author/slug`, from the id under which a provider serves it.
//!
//! In: the provider's id, and `providers/.sources/authors.toml` for what no rule can know. Out: the same name for
//! the same model, wherever it is served. Which spelling a name has (`qwen3-32b` or `qwen-3-32b`) is told by
//! whoever was learnt first. What it cannot know is the date at which a name without one began to mean another model.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use super::read;

pub(super) const AUTHORS: &str = "providers/.sources/authors.toml";

/// The hand-made table of exceptions.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    hosting: Vec<String>,
    hosted: Vec<String>,
    owners: BTreeMap<String, String>,
    families: BTreeMap<String, String>,
    redundant: BTreeMap<String, BTreeMap<String, String>>,
    vendors: BTreeMap<String, String>,
    same: BTreeMap<String, String>,
}

/// What is known of names.
#[derive(Default)]
pub(super) struct Names {
    table: Table,
    /// How each name is spelled, by the parts that it is made of.
    spelling: BTreeMap<String, String>,
}

/// What an id tells of its model.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Derived {
    pub(super) author: String,
    /// The whole of the name.
    pub(super) full: String,
    /// The name without what only says how it is hosted.
    pub(super) slug: String,
}

impl Names {
    pub(super) fn read(root: &Path) -> Result<Self> {
        let table: Table = toml::from_str(&read(&root.join(AUTHORS))?).context(AUTHORS)?;
        let lower = |key: &String| key.chars().all(|letter| !letter.is_uppercase());
        if let Some(key) = table.owners.keys().chain(table.families.keys()).find(|key| !lower(key)) {
            bail!("{AUTHORS}: write {key:?} in lower case");
        }
        Ok(Self { table, spelling: BTreeMap::new() })
    }

    /// Takes a canonical name as the way in which it is spelled, unless another spelling is known.
    pub(super) fn learn(&mut self, canonical: &str) {
        self.spelling.entry(parts(canonical)).or_insert_with(|| canonical.to_owned());
    }

    /// The canonical name of a slug, in the spelling that was learnt.
    pub(super) fn spelled(&self, author: &str, slug: &str) -> String {
        let name = format!("{author}/{slug}");
        let spelled = self.spelling.get(&parts(&name)).cloned().unwrap_or(name);
        match self.table.same.get(&spelled) {
            Some(same) => self.spelling.get(&parts(same)).unwrap_or(same).clone(),
            None => spelled,
        }
    }

    /// What an id tells. `author` is whose model it is when the id itself does not say.
    pub(super) fn derive(&self, id: &str, author: &str) -> Derived {
        let mut name = id.to_lowercase();
        let fireworks = name.starts_with("accounts/fireworks/");
        while let Some(start) = self.table.hosted.iter().find(|start| name.starts_with(start.as_str())) {
            name = name.split_off(start.len());
        }
        // `owner/app/models/name` and the like: the owner is first, the name is last.
        let mut owner = name.split('/').next().filter(|owner| owner.len() < name.len()).unwrap_or_default();
        let before_last = name.rsplit('/').nth(1).unwrap_or_default();
        if self.table.owners.get(owner).is_some_and(String::is_empty) && !before_last.is_empty() {
            owner = before_last;
        }
        let last = name.rsplit('/').next().unwrap_or_default();
        // Where it is served is a part of the whole name only.
        let (last, region) = last.split_once('@').unwrap_or((last, ""));
        let last = if fireworks { with_points(last) } else { last.to_owned() };
        let mut slug = clean(&last);
        let known = self.table.owners.get(owner).map(String::as_str);
        let author = match known {
            Some("") | None if owner.is_empty() || known == Some("") => self.author_of(&mut slug, author),
            Some(author) => author.to_owned(),
            None => clean(owner),
        };
        // Meta's models after Llama are another family.
        let author =
            if author == "meta-llama" && slug.starts_with("muse") { "meta".to_owned() } else { author };
        let full = self.without_author(&author, slug);
        let full = if author == "anthropic" { claude(&full) } else { full };
        let slug = self.without_hosting(&full);
        let full = if region.is_empty() { full } else { clean(&format!("{full}-{region}")) };
        Derived { author, full, slug }
    }

    /// The author whom the beginning of a name tells of, else `otherwise`.
    fn author_of(&self, slug: &mut String, otherwise: &str) -> String {
        for (vendor, author) in &self.table.vendors {
            let rest = slug.strip_prefix(vendor.as_str()).and_then(|rest| rest.strip_prefix('-'));
            if let Some(rest) = rest.filter(|rest| self.family(rest) == Some(author)) {
                *slug = rest.to_owned();
                return author.clone();
            }
        }
        self.family(slug).map_or_else(|| otherwise.to_owned(), String::clone)
    }

    fn family(&self, slug: &str) -> Option<&String> {
        let fits = self.table.families.iter().filter(|(start, _)| slug.starts_with(start.as_str()));
        fits.max_by_key(|(start, _)| start.len()).map(|(_, author)| author)
    }

    fn without_author(&self, author: &str, slug: String) -> String {
        let starts = self.table.redundant.get(author).into_iter().flatten();
        let fits =
            starts.filter_map(|(start, instead)| Some((start.len(), instead, slug.strip_prefix(&**start)?)));
        match fits.max_by_key(|(length, ..)| *length) {
            Some((_, instead, rest)) if rest.len() > 1 => format!("{instead}{rest}"),
            _ => slug,
        }
    }

    fn without_hosting(&self, slug: &str) -> String {
        // Together and DeepInfra call their fast copies of open models so.
        let slug = if slug.ends_with("-instruct-turbo") { slug.trim_end_matches("-turbo") } else { slug };
        let mut slug = slug;
        while let Some(rest) = self.table.hosting.iter().find_map(|end| slug.strip_suffix(end.as_str())) {
            slug = rest;
        }
        slug.to_owned()
    }
}

/// A name's parts, runs of letters and of digits: what must be the same in two spellings of one name.
fn parts(canonical: &str) -> String {
    let mut parts = String::with_capacity(canonical.len() + 8);
    let mut before = None;
    for letter in canonical.chars() {
        let kind = match letter {
            '0'..='9' => 1,
            'a'..='z' => 2,
            '/' | ':' => 3,
            _ => 0,
        };
        if kind != 0 && before.is_some_and(|before| before != kind) {
            parts.push('-');
        }
        if kind != 0 {
            parts.push(letter);
        }
        before = Some(kind);
    }
    parts
}

/// Only what a canonical name may hold; an underscore between two digits is a point, and a colon before a digit, as
/// Ollama writes sizes, a hyphen.
fn clean(name: &str) -> String {
    let letters: Vec<char> = name.chars().collect();
    let digit = |at: Option<usize>| at.and_then(|at| letters.get(at)).is_some_and(char::is_ascii_digit);
    let mut out = String::with_capacity(name.len());
    for (at, letter) in letters.iter().enumerate() {
        match letter {
            ':' if digit(Some(at + 1)) => out.push('-'),
            'a'..='z' | '0'..='9' | '.' | ':' => out.push(*letter),
            '_' if digit(at.checked_sub(1)) && digit(Some(at + 1)) => out.push('.'),
            '(' | ')' | '\'' => {}
            _ if out.ends_with('-') => {}
            _ => out.push('-'),
        }
    }
    out.trim_matches(['-', '.', ':']).to_owned()
}

/// Fireworks' spelling: `v3p1` is `v3.1`, and Llama's versions have a `v`.
fn with_points(name: &str) -> String {
    let letters: Vec<char> = name.chars().collect();
    let digit = |at: Option<usize>| at.and_then(|at| letters.get(at)).is_some_and(char::is_ascii_digit);
    let point = |at: usize| digit(at.checked_sub(1)) && digit(Some(at + 1));
    let spelled = |(at, letter): (usize, &char)| if *letter == 'p' && point(at) { '.' } else { *letter };
    letters.iter().enumerate().map(spelled).collect::<String>().replace("llama-v", "llama-")
}

/// Claude's names: the version with a point and behind the family since the fourth, without the day of the snapshot.
fn claude(slug: &str) -> String {
    if let Some((name, variant)) = slug.split_once(':') {
        return format!("{}:{variant}", claude(name));
    }
    let mut words: Vec<&str> = slug.split(['-', '.']).collect();
    let day = |word: &&str| {
        word.len() == 8 && word.starts_with("20") && word.bytes().all(|byte| byte.is_ascii_digit())
    };
    words.retain(|word| !day(word) && !["v1", "v2", "default"].contains(word));
    let is_number = |word: &&str| word.len() <= 2 && word.bytes().all(|byte| byte.is_ascii_digit());
    let Some(at) = words.iter().position(&is_number) else { return words.join("-") };
    words.retain(|word| *word != "latest");
    let minor = words.get(at + 1).copied().filter(|word| is_number(word) && word.len() == 1);
    let major = words.get(at).copied().unwrap_or_default();
    let version = minor.map_or_else(|| major.to_owned(), |minor| format!("{major}.{minor}"));
    let after = at + 1 + usize::from(minor.is_some());
    let mut names: Vec<&str> = words.get(..at).unwrap_or_default().to_vec();
    let mut rest: Vec<&str> = words.get(after..).unwrap_or_default().to_vec();
    let modern = major.parse::<u32>().is_ok_and(|major| major >= 4);
    if modern && names == ["claude"] && !rest.is_empty() {
        names.push(rest.remove(0));
    }
    names.push(&version);
    names.extend(rest);
    names.join("-")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names() -> Names {
        Names::read(Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()).unwrap()
    }

    #[test]
    fn one_model_has_one_name_wherever_it_is_served() {
        let mut names = names();
        for (canonical, ids) in [
            (
                "meta-llama/llama-3.3-70b-instruct",
                &[
                    "meta-llama/Llama-3.3-70B-Instruct",
                    "meta-llama/Llama-3.3-70B-Instruct-Turbo",
                    "accounts/fireworks/models/llama-v3p3-70b-instruct",
                    "Meta-Llama-3_3-70B-Instruct",
                    "@cf/meta/llama-3.3-70b-instruct-fp8",
                    "databricks-meta-llama-3-3-70b-instruct",
                ] as &[&str],
            ),
            (
                "z-ai/glm-5.2",
                &["zai-org/GLM-5.2-FP8", "glm-5.2", "hf:zai-org/GLM-5.2", "TEE/glm-5.2", "z-ai/glm-5.2"],
            ),
            (
                "deepseek/deepseek-v3.2",
                &[
                    "deepseek-ai/DeepSeek-V3.2",
                    "accounts/fireworks/models/deepseek-v3p2",
                    "bailian/deepseek-v3.2",
                ],
            ),
            (
                "openai/gpt-oss-120b",
                &[
                    "@cf/openai/gpt-oss-120b",
                    "openai-gpt-oss-120b",
                    "gpt-oss-120b",
                    "openai/chat-completion/models/gpt-oss-120b",
                ],
            ),
            (
                "anthropic/claude-sonnet-4.5",
                &[
                    "claude-sonnet-4-5-20250929",
                    "claude-4.5-sonnet",
                    "Claude-Sonnet-4.5",
                    "vertex/anthropic/claude-sonnet-4-5",
                ],
            ),
            (
                "anthropic/claude-3.5-haiku",
                &["claude-3-5-haiku-20241022", "anthropic-claude-3.5-haiku", "claude-3-5-haiku-latest"],
            ),
            ("anthropic/claude-opus-5", &["claude-opus-5", "anthropic/claude-opus-5"]),
            ("qwen/qwen3-32b", &["Qwen/Qwen3-32B", "qwen-3-32b", "alibaba-qwen3-32b", "Qwen/Qwen3-32B-TEE"]),
            ("meta/muse-spark-1.2", &["muse-spark-1.2", "meta/muse-spark-1.2"]),
        ] {
            names.learn(canonical);
            for id in ids {
                let derived = names.derive(id, "nobody");
                let found = names.spelled(&derived.author, &derived.slug);
                assert_eq!(found, canonical, "{id}");
            }
        }
    }

    #[test]
    fn what_differs_stays_apart() {
        for (one, other) in [
            ("qwen/qwen3-1.7b", "qwen/qwen3-17b"),
            ("openai/gpt-4.1", "openai/gpt-41"),
            ("deepseek/deepseek-r1", "deepseek/deepseek-r1:free"),
            ("a/b-c", "ab/c"),
        ] {
            assert_ne!(parts(one), parts(other), "{one} and {other}");
        }
        let names = names();
        let derived = names.derive("deepseek-ai/DeepSeek-V3-0324", "nobody");
        assert_eq!((&*derived.author, &*derived.slug), ("deepseek", "deepseek-v3-0324"));
        let derived = names.derive("some-tuner/Llama-3-Wild", "nobody");
        assert_eq!((&*derived.author, &*derived.slug), ("some-tuner", "llama-3-wild"));
        let derived = names.derive("our-model_2 (beta)", "acme");
        assert_eq!((&*derived.author, &*derived.slug), ("acme", "our-model-2-beta"));
    }
}
