//! What a reader wants of a list of models: the filters, the order and the page of OpenRouter's `GET /models`
//! (https://openrouter.ai/docs/api/api-reference/models/get-models), which `yumen models` takes as options, too.
//!
//! In: names and values as text. Out: a [`ModelQuery`], or which value is wrong and what could be written. A filter that
//! nothing here can answer is refused: an unfiltered list would look like an answer.

use yumen_llm::catalogue::{Modality, Parameter, Word, Words};
use yumen_llm::price::PerToken;

/// Most models of one page.
const LIMIT_MOST: usize = 1000;
/// The longest value that is looked at.
const LONGEST_VALUE: usize = 500;

/// What a model can give, in OpenRouter's words.
const OUTPUTS: &[&str] =
    &["text", "image", "embeddings", "audio", "video", "rerank", "decisions", "speech", "transcription"];

/// Filters and orders that OpenRouter knows and that need what is not known here, and what that is.
const UNANSWERABLE: &[(&str, &str)] = &[
    ("category", "no categories are known of models"),
    ("region", "no regions are known of deployments"),
    ("use_rss", "the list is only there as JSON"),
    ("min_intelligence_index", "no benchmarks are known of models"),
    ("max_intelligence_index", "no benchmarks are known of models"),
    ("min_coding_index", "no benchmarks are known of models"),
    ("max_coding_index", "no benchmarks are known of models"),
    ("min_agentic_index", "no benchmarks are known of models"),
    ("max_agentic_index", "no benchmarks are known of models"),
    ("min_tool_success_rate", "success rates are not measured"),
    ("max_tool_success_rate", "success rates are not measured"),
];
const UNMEASURED_SORTS: &[&str] = &[
    "most-popular",
    "top-weekly",
    "throughput-high-to-low",
    "latency-low-to-high",
    "intelligence-high-to-low",
    "coding-high-to-low",
    "agentic-high-to-low",
    "design-arena-elo-high-to-low",
];

/// What is wrong with a query.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{parameter}`: {message}")]
pub struct QueryError {
    /// The parameter at fault.
    pub parameter: String,
    /// What is wrong and what could be written.
    pub message: String,
}

/// The orders of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sort {
    Newest,
    PriceUp,
    PriceDown,
    ContextDown,
}

const SORTS: &[(&str, Sort)] = &[
    ("newest", Sort::Newest),
    ("pricing-low-to-high", Sort::PriceUp),
    ("pricing-high-to-low", Sort::PriceDown),
    ("context-high-to-low", Sort::ContextDown),
];

/// A lower and an upper bound, both included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Bounds<T> {
    pub(super) least: Option<T>,
    pub(super) most: Option<T>,
}

impl<T> Default for Bounds<T> {
    fn default() -> Self {
        Self { least: None, most: None }
    }
}

impl<T: PartialOrd> Bounds<T> {
    /// What is not known is within no bound, and without bounds everything is.
    pub(super) fn hold(&self, value: Option<T>) -> bool {
        match value {
            _ if self.least.is_none() && self.most.is_none() => true,
            None => false,
            Some(value) => {
                self.least.as_ref().is_none_or(|least| value >= *least)
                    && self.most.as_ref().is_none_or(|most| value <= *most)
            }
        }
    }
}

/// Filters, order and page of a list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ModelQuery {
    pub(super) text: Option<String>,
    pub(super) parameters: Words<Parameter>,
    pub(super) input: Words<Modality>,
    /// Any of these; empty means all models.
    pub(super) outputs: Vec<&'static str>,
    pub(super) context: Option<u64>,
    pub(super) price: Bounds<PerToken>,
    pub(super) output_price: Bounds<PerToken>,
    pub(super) age_days: Bounds<i64>,
    pub(super) family: Option<String>,
    pub(super) authors: Vec<String>,
    pub(super) providers: Vec<String>,
    pub(super) distillable: Option<bool>,
    pub(super) keeps_nothing: bool,
    pub(super) sort: Option<Sort>,
    pub(super) offset: usize,
    pub(super) limit: Option<usize>,
}

impl ModelQuery {
    /// The query of a client that says nothing of outputs: models that give text, as OpenRouter has it.
    pub fn text_models() -> Self {
        Self { outputs: vec!["text"], ..Self::default() }
    }

    /// Takes one parameter. Names that are none of a list's parameters are left alone, as OpenRouter does; so are
    /// parameters without a value.
    pub fn set(&mut self, name: &str, value: &str) -> Result<(), QueryError> {
        let wrong = |message: String| QueryError { parameter: name.to_owned(), message };
        if value.is_empty() {
            return Ok(());
        }
        if value.len() > LONGEST_VALUE {
            return Err(wrong(format!("is longer than {LONGEST_VALUE} bytes")));
        }
        if let Some((_, reason)) = UNANSWERABLE.iter().find(|(known, _)| *known == name) {
            return Err(wrong(format!("cannot be answered here: {reason}")));
        }
        match name {
            "q" | "search" => self.text = Some(value.to_lowercase()),
            "supported_parameters" => self.parameters = words(value, "a parameter").map_err(wrong)?,
            "input_modalities" => self.input = words(value, "an input modality").map_err(wrong)?,
            "output_modalities" => self.outputs = outputs(value).map_err(wrong)?,
            "context" => self.context = Some(whole(value).map_err(wrong)?),
            "min_price" => self.price.least = Some(amount(value).map_err(wrong)?),
            "max_price" => self.price.most = Some(amount(value).map_err(wrong)?),
            "min_output_price" => self.output_price.least = Some(amount(value).map_err(wrong)?),
            "max_output_price" => self.output_price.most = Some(amount(value).map_err(wrong)?),
            "min_age_days" => self.age_days.least = Some(whole(value).map_err(wrong)?),
            "max_age_days" => self.age_days.most = Some(whole(value).map_err(wrong)?),
            "arch" => self.family = Some(value.to_lowercase()),
            "model_authors" => self.authors = lower(value),
            "providers" => self.providers = lower(value),
            "distillable" => self.distillable = Some(truth(value).map_err(wrong)?),
            "zdr" => self.keeps_nothing = truth(value).map_err(wrong)?,
            "sort" => self.sort = Some(sort(value).map_err(wrong)?),
            "offset" => self.offset = whole(value).map_err(wrong)?,
            "limit" => {
                let limit = whole(value).map_err(wrong)?;
                if !(1..=LIMIT_MOST).contains(&limit) {
                    return Err(wrong(format!("must be from 1 to {LIMIT_MOST}")));
                }
                self.limit = Some(limit);
            }
            _ => {}
        }
        Ok(())
    }
}

fn pieces(value: &str) -> impl Iterator<Item = &str> {
    value.split(',').map(str::trim).filter(|piece| !piece.is_empty())
}

fn lower(value: &str) -> Vec<String> {
    pieces(value).map(str::to_lowercase).collect()
}

fn words<W: Word>(value: &str, what: &str) -> Result<Words<W>, String> {
    let word = |piece: &str| {
        let found = W::ALL.iter().copied().find(|word| word.word() == piece);
        found.ok_or_else(|| {
            let known: Vec<&str> = W::ALL.iter().map(|word| word.word()).collect();
            format!("{piece:?} is not {what}; known are {}", known.join(", "))
        })
    };
    pieces(value).map(word).collect()
}

fn outputs(value: &str) -> Result<Vec<&'static str>, String> {
    if pieces(value).any(|piece| piece == "all") {
        return Ok(Vec::new());
    }
    let word = |piece: &str| {
        let found = OUTPUTS.iter().copied().find(|word| *word == piece);
        found.ok_or_else(|| {
            format!("{piece:?} is not an output modality; known are {}, all", OUTPUTS.join(", "))
        })
    };
    pieces(value).map(word).collect()
}

fn sort(value: &str) -> Result<Sort, String> {
    if UNMEASURED_SORTS.contains(&value) {
        return Err(format!("{value:?} needs measurements that are not kept; {}", sorts()));
    }
    let found = SORTS.iter().find(|(name, _)| *name == value);
    found.map(|(_, sort)| *sort).ok_or_else(|| format!("{value:?} is no order of models; {}", sorts()))
}

fn sorts() -> String {
    let names: Vec<&str> = SORTS.iter().map(|(name, _)| *name).collect();
    format!("write one of {}", names.join(", "))
}

fn whole<N: std::str::FromStr>(value: &str) -> Result<N, String> {
    let digits = (1..=12).contains(&value.len()) && value.bytes().all(|byte| byte.is_ascii_digit());
    let number = digits.then(|| value.parse().ok()).flatten();
    number.ok_or_else(|| format!("{value:?} is not a whole number"))
}

fn amount(value: &str) -> Result<PerToken, String> {
    let price = PerToken::per_million(value);
    price.ok_or_else(|| format!("{value:?} is not an amount of dollars per million tokens, such as 0.15"))
}

fn truth(value: &str) -> Result<bool, String> {
    match value {
        "true" => Ok(true),
        "false" => Ok(false),
        _ => Err(format!("{value:?} is neither true nor false")),
    }
}
