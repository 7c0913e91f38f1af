//! The names of inputs, which differ by who has made a model. A table put together by hand; what a model really
//! takes, its own page says, such as <https://replicate.com/anthropic/claude-4.5-sonnet/api/schema>.

/// What a maker's models call what can be asked of them; none where they do not take it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Inputs {
    /// Instructions.
    pub(super) system: Option<&'static str>,
    /// The limit of generated tokens.
    pub(super) max_tokens: &'static str,
    /// Pictures: the name, and whether it takes several.
    pub(super) pictures: Option<(&'static str, bool)>,
    /// Whether `top_p` is taken.
    pub(super) top_p: bool,
    /// Whether `top_k` is taken.
    pub(super) top_k: bool,
    /// Whether both penalties are taken.
    pub(super) penalties: bool,
    /// Whether `stop_sequences` is taken: texts with commas between them.
    pub(super) stop: bool,
    /// How thinking is asked for.
    pub(super) thinking: Thinking,
}

/// How thinking is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Thinking {
    /// Not at all.
    None,
    /// By a word, `reasoning_effort`.
    Effort,
    /// By a budget of this name, and where a second is given it has to be switched on by that.
    Budget(&'static str, Option<&'static str>),
}

/// As most models are asked.
const USUAL: Inputs = Inputs {
    system: Some("system_prompt"),
    max_tokens: "max_tokens",
    pictures: None,
    top_p: true,
    top_k: true,
    penalties: true,
    stop: true,
    thinking: Thinking::None,
};

const MAKERS: [(&str, Inputs); 4] = [
    (
        "anthropic",
        Inputs {
            pictures: Some(("image", false)),
            top_p: false,
            top_k: false,
            penalties: false,
            stop: false,
            thinking: Thinking::Budget("thinking_budget_tokens", Some("extended_thinking")),
            ..USUAL
        },
    ),
    (
        "openai",
        Inputs {
            max_tokens: "max_completion_tokens",
            pictures: Some(("image_input", true)),
            top_k: false,
            stop: false,
            thinking: Thinking::Effort,
            ..USUAL
        },
    ),
    (
        "google",
        Inputs {
            system: Some("system_instruction"),
            max_tokens: "max_output_tokens",
            pictures: Some(("images", true)),
            top_k: false,
            penalties: false,
            stop: false,
            thinking: Thinking::Budget("thinking_budget", None),
            ..USUAL
        },
    ),
    ("deepseek-ai", Inputs { system: None, top_k: false, stop: false, ..USUAL }),
];

/// The inputs of a model.
pub(super) fn inputs(model: &str) -> Inputs {
    let owner = model.split('/').next().unwrap_or_default();
    MAKERS.into_iter().find(|(name, _)| *name == owner).map_or(USUAL, |(_, inputs)| inputs)
}
