//! What the head of an answer tells of limits: the rate-limit headers of many providers, read in one walk over the head.
//!
//! In: headers and the time. Out: how much is left of requests and tokens, and until when. Values may be anything: what
//! cannot be read is left out, and nothing fails.
//!
//! Sources: OpenAI, Azure and Groq (`x-ratelimit-remaining-requests`), <https://platform.openai.com/docs/guides/rate-limits>;
//! Anthropic, <https://docs.anthropic.com/en/api/rate-limits>; Cerebras (`-requests-day`, `-tokens-minute`),
//! <https://inference-docs.cerebras.ai/support/rate-limits>; Mistral (`-req-minute`, before that `ratelimitbysize-`);
//! Together (`x-ratelimit-remaining`, `x-tokenlimit-`), <https://docs.together.ai/docs/rate-limits>; Fireworks
//! (`-tokens-prompt`, `-tokens-generated`), <https://docs.fireworks.ai/guides/quotas_usage/rate-limits>; OpenRouter
//! (`x-ratelimit-reset` in milliseconds since 1970); `RateLimit` and `RateLimit-Policy` as the IETF drafts them,
//! <https://datatracker.ietf.org/doc/draft-ietf-httpapi-ratelimit-headers/>.

use std::cell::OnceCell;
use std::time::Duration;

use http::{HeaderMap, header};
use smallvec::SmallVec;

/// No window is taken to last longer.
const RESET_MOST: Duration = Duration::from_secs(86_400);
/// How long what is left holds where nobody says: nearly all limits are of a minute.
const RESET_USUAL: Duration = Duration::from_secs(60);
/// The same at most for windows whose length alone is known.
const RESET_ASSUMED_MOST: Duration = Duration::from_secs(3600);
/// Larger counts are none.
const COUNT_MOST: f64 = 1e15;
/// Headers of one answer that are looked at.
const DRAFTS_MOST: usize = 16;

/// What is limited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Requests.
    Requests,
    /// Tokens of prompts, or of prompts and answers together.
    Tokens,
    /// Tokens of answers.
    Output,
}

/// How much is left of one limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// The whole of it, where it is told.
    pub limit: Option<u64>,
    /// What is left.
    pub left: u64,
    /// When all of it is there again.
    pub resets: Duration,
    /// Whether it fills up bit by bit until then, and not at once.
    pub steady: bool,
}

/// What an answer tells: of several limits of one unit the one that is nearest to its end.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Told {
    /// Of requests.
    pub requests: Option<Window>,
    /// Of tokens.
    pub tokens: Option<Window>,
    /// Of tokens of answers.
    pub output: Option<Window>,
}

/// Reads the head of an answer; nothing for most. `now_ms` gives Unix milliseconds, for dates in answers that do not tell their
/// own time.
pub fn told(headers: &HeaderMap, now_ms: impl Fn() -> u64) -> Option<Told> {
    let told_ms = OnceCell::new();
    let now_ms = || *told_ms.get_or_init(|| date_ms(headers).unwrap_or_else(&now_ms));
    let mut drafts: SmallVec<[Draft; 4]> = SmallVec::new();
    let (mut structured, mut policy) = (None, None);
    for (name, value) in headers {
        let name = name.as_str();
        let Some((family, rest)) = family(name) else { continue };
        let Ok(value) = value.to_str() else { continue };
        let value = value.trim();
        match (family, rest) {
            (Family::Ietf, "") => structured = Some(value),
            (Family::Ietf, "-policy") => policy = Some(value),
            _ => {
                let Some((about, part)) = about(family, rest) else { continue };
                let known = drafts.iter().position(|draft| draft.about == about);
                let at = known.unwrap_or(drafts.len());
                if known.is_none() && drafts.len() < DRAFTS_MOST {
                    drafts.push(Draft::new(about));
                }
                if let Some(draft) = drafts.get_mut(at) {
                    draft.put(part, value, family == Family::Anthropic, &now_ms);
                }
            }
        }
    }
    if let Some(structured) = structured {
        read_structured(structured, policy, &mut drafts);
    }
    // A limit of tokens whose end nobody tells ends with that of requests.
    let shared = drafts.iter().find(|draft| draft.about == REQUESTS).and_then(|draft| draft.resets);
    let mut told = Told::default();
    for draft in &drafts {
        let Some(window) = draft.window(shared) else { continue };
        let place = match draft.about.unit {
            Unit::Requests => &mut told.requests,
            Unit::Tokens => &mut told.tokens,
            Unit::Output => &mut told.output,
        };
        if place.is_none_or(|held| (window.left, held.resets) < (held.left, window.resets)) {
            *place = Some(window);
        }
    }
    (told != Told::default()).then_some(told)
}

impl Told {
    /// How long nothing is left of something; `None` where something is left of all.
    pub fn exhausted_for(&self) -> Option<Duration> {
        let all = [self.requests, self.tokens, self.output].into_iter().flatten();
        all.filter(|window| window.left == 0).map(|window| window.resets).max()
    }
}

/// What time it was at the provider: its dates are by its own clock.
fn date_ms(headers: &HeaderMap) -> Option<u64> {
    let date = headers.get(header::DATE)?.to_str().ok()?;
    u64::try_from(jiff::fmt::rfc2822::parse(date).ok()?.timestamp().as_millisecond()).ok()
}

/// Whose names a header is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Family {
    /// `x-ratelimit-PART` or `x-ratelimit-PART-WHAT`.
    Usual,
    /// `anthropic-ratelimit-WHAT-PART`.
    Anthropic,
    /// The same parts for tokens alone: `ratelimitbysize-PART`, `x-tokenlimit-PART`.
    Tokens,
    /// `ratelimit`, `ratelimit-policy` and, in older drafts, `ratelimit-PART`.
    Ietf,
}

/// The family of a header, and what stands behind its prefix.
fn family(name: &str) -> Option<(Family, &str)> {
    // Most names are told apart by their first letter.
    match name.as_bytes().first()? {
        b'x' => match name.strip_prefix("x-ratelimit-") {
            Some(rest) => Some((Family::Usual, rest)),
            None => {
                let rest =
                    name.strip_prefix("x-tokenlimit-").or_else(|| name.strip_prefix("x-ratelimitbysize-"));
                Some((Family::Tokens, rest?))
            }
        },
        b'a' => Some((Family::Anthropic, name.strip_prefix("anthropic-ratelimit-")?)),
        b'r' => match name.strip_prefix("ratelimitbysize-") {
            Some(rest) => Some((Family::Tokens, rest)),
            None => Some((Family::Ietf, name.strip_prefix("ratelimit")?)),
        },
        _ => None,
    }
}

/// What a limit is about: a unit, whose name tells it apart from others of the same unit, and how long its window is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct About {
    unit: Unit,
    /// Its place in [`SUBJECTS`].
    subject: usize,
    window_s: Option<u64>,
}

const REQUESTS: About = About { unit: Unit::Requests, subject: 0, window_s: None };

/// How limits are called.
const SUBJECTS: [(&str, Unit); 12] = [
    ("", Unit::Requests),
    ("requests", Unit::Requests),
    ("req", Unit::Requests),
    ("project-requests", Unit::Requests),
    ("tokens", Unit::Tokens),
    ("project-tokens", Unit::Tokens),
    ("input-tokens", Unit::Tokens),
    ("tokens-input", Unit::Tokens),
    ("tokens-prompt", Unit::Tokens),
    ("output-tokens", Unit::Output),
    ("tokens-output", Unit::Output),
    ("tokens-generated", Unit::Output),
];

/// How long windows are.
const PERIODS: [(&str, u64); 5] =
    [("second", 1), ("minute", 60), ("hour", 3600), ("day", 86_400), ("month", 30 * 86_400)];

#[derive(Debug, Clone, Copy)]
enum Part {
    Limit,
    Left,
    Resets,
}

/// What a header is about, and which part of it it tells.
fn about(family: Family, rest: &str) -> Option<(About, Part)> {
    let part = |word: &str| match word {
        "limit" => Some(Part::Limit),
        "remaining" => Some(Part::Left),
        "reset" => Some(Part::Resets),
        _ => None,
    };
    let (word, what) = match family {
        Family::Anthropic => rest.rsplit_once('-').map(|(what, word)| (word, what))?,
        Family::Ietf => (rest.strip_prefix('-')?, ""),
        Family::Usual | Family::Tokens => rest.split_once('-').unwrap_or((rest, "")),
    };
    let part = part(word)?;
    let period = |what: &'_ str| PERIODS.iter().find(|(name, _)| what.ends_with(name)).copied();
    let (what, window_s) = match period(what) {
        Some((name, seconds)) => {
            let what = what.strip_suffix(name).unwrap_or(what).trim_end_matches('-');
            (what.strip_suffix("-per").unwrap_or(what), Some(seconds))
        }
        None => (what, None),
    };
    let what = if family == Family::Tokens && what.is_empty() { "tokens" } else { what };
    let subject = SUBJECTS.iter().position(|(name, _)| *name == what)?;
    let (_, unit) = SUBJECTS.get(subject)?;
    Some((About { unit: *unit, subject, window_s }, part))
}

/// What is being told of one limit.
#[derive(Debug, Clone, Copy)]
struct Draft {
    about: About,
    limit: Option<u64>,
    left: Option<u64>,
    resets: Option<(Duration, bool)>,
}

impl Draft {
    fn new(about: About) -> Self {
        Self { about, limit: None, left: None, resets: None }
    }

    fn put(&mut self, part: Part, value: &str, is_steady: bool, now_ms: &impl Fn() -> u64) {
        match part {
            Part::Limit => self.limit = count(value),
            Part::Left => self.left = count(value),
            Part::Resets => {
                self.resets = wait(value, now_ms).map(|(wait, spoken)| (wait, spoken || is_steady));
            }
        }
    }

    fn window(&self, shared: Option<(Duration, bool)>) -> Option<Window> {
        let usual = || {
            let length = self.about.window_s.map_or(RESET_USUAL, Duration::from_secs);
            (length.min(RESET_ASSUMED_MOST), false)
        };
        let shared = shared.filter(|_| self.about.window_s.is_none());
        let (resets, steady) = self.resets.or(shared).unwrap_or_else(usual);
        let left = self.left?;
        // Nobody is left more than he has.
        let limit = self.limit.filter(|limit| *limit > 0).map(|limit| limit.max(left));
        Some(Window { limit, left, resets: resets.min(RESET_MOST), steady: steady && limit.is_some() })
    }
}

/// A count, as `100`, `99.0` or, in older drafts, `100, 100;w=60`; what is below nothing is nothing.
fn count(text: &str) -> Option<u64> {
    let number = text.split([',', ';']).next()?.trim().parse::<f64>().ok()?;
    (number.is_finite() && number <= COUNT_MOST).then(|| number.max(0.0) as u64)
}

/// How long from now, and whether it is written with units, as by those whose limits fill up bit by bit: `6m0s`, `20ms`; a
/// number of seconds, or of seconds or milliseconds since 1970; a date.
fn wait(text: &str, now_ms: &impl Fn() -> u64) -> Option<(Duration, bool)> {
    let until = |at_ms: f64| Duration::from_millis((at_ms as u64).saturating_sub(now_ms()));
    if let Ok(number) = text.parse::<f64>() {
        return match number {
            number if !number.is_finite() || number < 0.0 => None,
            number if number >= 1e11 => Some((until(number), false)),
            number if number >= 1e9 => Some((until(number * 1000.0), false)),
            number => Some((Duration::try_from_secs_f64(number).ok()?, false)),
        };
    }
    if let Some(wait) = spoken(text) {
        return Some((wait, true));
    }
    let at = text.parse::<jiff::Timestamp>().ok();
    let at = at.or_else(|| Some(jiff::fmt::rfc2822::parse(text).ok()?.timestamp()))?;
    Some((until(at.as_millisecond().max(0) as f64), false))
}

/// A duration as Go writes it: `1h2m3.5s`.
fn spoken(text: &str) -> Option<Duration> {
    let mut rest = text;
    let mut seconds = 0.0;
    while !rest.is_empty() {
        let digits = rest.find(|letter: char| !letter.is_ascii_digit() && letter != '.')?;
        let (number, after) = rest.split_at_checked(digits)?;
        let letters = after.find(|letter: char| letter.is_ascii_digit()).unwrap_or(after.len());
        let (unit, after) = after.split_at_checked(letters)?;
        let scale = match unit {
            "d" => 86_400.0,
            "h" => 3600.0,
            "m" => 60.0,
            "s" => 1.0,
            "ms" => 1e-3,
            "us" | "µs" => 1e-6,
            "ns" => 1e-9,
            _ => return None,
        };
        seconds += number.parse::<f64>().ok()? * scale;
        rest = after;
    }
    (!text.is_empty()).then(|| Duration::try_from_secs_f64(seconds).ok()).flatten()
}

/// `RateLimit: "name";r=50;t=30` with `RateLimit-Policy: "name";q=100;w=60`, or `limit=100, remaining=50, reset=30` as one
/// older draft has it. Limits of anything but requests are left out.
fn read_structured(value: &str, policy: Option<&str>, drafts: &mut SmallVec<[Draft; 4]>) {
    let mut older = Draft::new(REQUESTS);
    for item in value.split(',').take(DRAFTS_MOST) {
        let mut parts = item.split(';').map(str::trim);
        let name = parts.next().unwrap_or_default();
        let (parameter, seconds) = (|part: &str, key: &str| parameter(part, key), Duration::from_secs);
        older.limit = older.limit.or_else(|| parameter(name, "limit"));
        older.left = older.left.or_else(|| parameter(name, "remaining"));
        older.resets = older.resets.or_else(|| Some((seconds(parameter(name, "reset")?), false)));
        let mut draft = Draft::new(REQUESTS);
        for part in parts {
            draft.left = draft.left.or_else(|| parameter(part, "r"));
            draft.resets = draft.resets.or_else(|| Some((seconds(parameter(part, "t")?), false)));
        }
        let mut policies = policy.unwrap_or_default().split(',').take(DRAFTS_MOST);
        if let Some(policy) = policies.find(|policy| policy.split(';').next().map(str::trim) == Some(name)) {
            if policy.contains("qu=") && !policy.contains("qu=\"requests\"") {
                continue;
            }
            draft.limit = policy.split(';').find_map(|part| parameter(part.trim(), "q"));
        }
        drafts.push(draft);
    }
    drafts.push(older);
}

fn parameter(part: &str, key: &str) -> Option<u64> {
    count(part.strip_prefix(key)?.strip_prefix('=')?)
}

#[cfg(test)]
mod tests;
