//! What an encoder is told of the model and the provider for which it writes.
//!
//! In: facts of the catalogue and the configuration, as plain data. It names no provider and no model of its own,
//! and decides nothing but what a single fact says.

use serde::{Deserialize, Serialize};

/// What the encoder of an upstream request needs to know beside the request itself.
#[derive(Debug, Clone, Copy, Default)]
pub struct Target<'a> {
    /// The provider's own model id, written to the body.
    pub model: &'a str,
    /// The model's output limit, for dialects in which a limit is mandatory and the client gave none.
    pub max_output: Option<u64>,
    /// Whether the model is known to read more than texts, for dialects that ask such models otherwise.
    pub sees: bool,
    /// Whether the model is known to search the web by itself.
    pub searches: bool,
    /// How the model is asked to think, in dialects that know more than one way.
    pub thinking: Thinking,
    /// The provider's differences from the dialect.
    pub quirks: &'a [Quirk],
    /// Betas of Anthropic's API that the client uses, for requests that name them in their bodies.
    pub betas: &'a [&'a str],
}

impl Target<'_> {
    /// Whether the provider has this difference.
    pub fn has(&self, quirk: Quirk) -> bool {
        self.quirks.contains(&quirk)
    }

    /// The `anthropic_version` that a request for Claude names in its body, where its path names the model.
    pub fn anthropic_version(&self) -> Option<&'static str> {
        if self.has(Quirk::ClaudeOnVertex) {
            Some("vertex-2023-10-16")
        } else {
            self.has(Quirk::ClaudeOnBedrock).then_some("bedrock-2023-05-31")
        }
    }

    /// The member by which a message of Chat Completions says that it is to be gone on with.
    pub fn prefill_mark(&self) -> Option<&'static str> {
        if self.has(Quirk::PrefillPrefix) {
            Some("prefix")
        } else {
            self.has(Quirk::PrefillPartial).then_some("partial")
        }
    }

    /// Whether usage must, and can, be asked for in an OpenAI-style stream.
    pub fn asks_usage(&self) -> bool {
        !self.has(Quirk::NoStreamOptions) && !self.has(Quirk::UsageAlwaysStreamed)
    }
}

/// How a model of the Messages API, or of Gemini's, is asked to think.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Thinking {
    /// With a budget of tokens.
    #[default]
    Budget,
    /// With an effort in a word. Such a model refuses budgets; one of the Messages API also any sampling of the
    /// client's own, and Gemini's (from its third generation on) calls without their signature.
    Adaptive,
    /// As `Adaptive`, and it cannot be told not to: thinking switched off and forced tool calls are refused, too.
    Always,
}

/// Known differences from a dialect, a closed list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Quirk {
    /// Refuses `stream_options`: usage is not asked for in streams, and a client's own options are taken out.
    NoStreamOptions,
    /// Sends usage in every stream without being asked.
    UsageAlwaysStreamed,
    /// Knows only `max_tokens`: `max_completion_tokens` is renamed.
    MaxTokensOnly,
    /// Wants `max_completion_tokens`: `max_tokens` is renamed when a request is converted from another dialect.
    MaxCompletionTokens,
    /// Does not know the `developer` role: it is sent as `system`.
    NoDeveloperRole,
    /// Serves Claude as Google's Vertex AI does: the path names the model, and the body `anthropic_version` in its place, and
    /// which betas are used (`anthropic_beta`).
    /// Tokens are counted as at Anthropic.
    /// <https://cloud.google.com/vertex-ai/generative-ai/docs/partner-models/claude/use-claude>
    ClaudeOnVertex,
    /// Serves Claude as `invoke` of Amazon Bedrock does: the same, and the path says whether there is a stream.
    /// <https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-anthropic-claude-messages.html>
    ClaudeOnBedrock,
    /// Calls the number of documents that a reranking is to give `top_k`, and knows no `top_n`.
    RerankTopK,
    /// Is a Triton server with TensorRT-LLM behind it: stop texts and the seed have that engine's names, and nothing but the
    /// answer is asked for.
    /// <https://github.com/triton-inference-server/tensorrtllm_backend/blob/main/docs/model_config.md>
    TensorrtLlm,
    /// Is a gateway that understands OpenRouter's own fields (`provider`, `plugins` …): they are sent on.
    OpenrouterFields,
    /// Goes on with the last message of a request in Chat Completions or Messages, when that is the assistant's.
    /// <https://platform.claude.com/docs/en/build-with-claude/prompt-engineering/prefill-claudes-response>
    /// <https://openrouter.ai/docs/api-reference/overview#assistant-prefill> <https://github.com/ollama/ollama/issues/6778>
    PrefillPlain,
    /// The same in Chat Completions, when the message says `prefix: true`. Mistral's answers repeat it; DeepSeek's beta has a path of its own.
    /// <https://docs.mistral.ai/guides/prefix/> <https://api-docs.deepseek.com/guides/chat_prefix_completion>
    PrefillPrefix,
    /// The same, when the message says `partial: true`.
    /// <https://platform.kimi.ai/docs/api/partial> <https://help.aliyun.com/en/model-studio/partial-mode>
    PrefillPartial,
    /// The same, when the request says `continue_final_message: true` and `add_generation_prompt: false`.
    /// <https://docs.vllm.ai/en/latest/serving/openai_compatible_server.html>
    /// <https://github.com/sgl-project/sglang/issues/3971>
    PrefillContinue,
    /// Searches the web with the tool that the Responses API, Messages or Gemini have for it, whichever of its models is asked.
    /// <https://developers.openai.com/api/docs/guides/tools-web-search>
    /// <https://platform.claude.com/docs/en/agents-and-tools/tool-use/web-search-tool>
    /// <https://ai.google.dev/gemini-api/docs/google-search>
    SearchTool,
    /// Searches when `enable_search` says so. <https://help.aliyun.com/en/model-studio/web-search>
    SearchParameter,
    /// Searches by a tool of Chat Completions that it alone has. <https://docs.bigmodel.cn/cn/guide/tools/web-search>
    SearchZhipu,
    /// Searches always, and takes `web_search_options` and `search_domain_filter`.
    /// <https://docs.perplexity.ai/api-reference/chat-completions-post>
    SearchAlways,
    /// Its models that search (a fact of theirs) do so by themselves, and take `search_settings`.
    /// <https://console.groq.com/docs/web-search>
    SearchSettings,
}
