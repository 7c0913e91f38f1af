//! What an upstream's error is about, beyond its status: many say everything with 400.
//!
//! In: an error's facts. Out: what it complains of, where its code or its words tell that. The words are those that
//! providers are known to say; whoever says it in others is believed by the status alone.

use super::error::ErrorFacts;

/// What an error complains of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Complaint {
    /// The request is longer than the model's context.
    TooLong,
    /// The content of the request.
    Content,
    /// The account has no money or no quota left.
    Unpaid,
    /// The credential.
    Credential,
    /// The model is not there.
    Model,
}

/// Google's word for requests that come too fast.
const GOOGLE_LIMITED: &str = "RESOURCE_EXHAUSTED";

/// How much of a message is looked at: what is wrong is said at its beginning.
const LOOKED_AT: usize = 512;

/// Codes and types, as they are compared: in small letters and without anything between the words.
const CODES: &[(&str, Complaint)] = &[
    ("contextlengthexceeded", Complaint::TooLong),
    ("modelcontextwindowexceeded", Complaint::TooLong),
    ("contextwindowexceeded", Complaint::TooLong),
    ("exceedcontextsizeerror", Complaint::TooLong),
    ("requesttoolarge", Complaint::TooLong),
    ("1261", Complaint::TooLong),
    ("contentfilter", Complaint::Content),
    ("contentpolicyviolation", Complaint::Content),
    ("moderationblocked", Complaint::Content),
    ("datainspectionfailed", Complaint::Content),
    ("inputtextsensitivecontentdetected", Complaint::Content),
    ("sensitivecontentdetected", Complaint::Content),
    ("1301", Complaint::Content),
    ("insufficientquota", Complaint::Unpaid),
    ("insufficientbalance", Complaint::Unpaid),
    ("arrearage", Complaint::Unpaid),
    ("accountoverdueerror", Complaint::Unpaid),
    ("billinghardlimitreached", Complaint::Unpaid),
    ("billingerror", Complaint::Unpaid),
    ("invalidapikey", Complaint::Credential),
    ("modelnotfound", Complaint::Model),
    ("modelnotexist", Complaint::Model),
    ("modeldecommissioned", Complaint::Model),
    ("deploymentnotfound", Complaint::Model),
];

/// Words of messages in small letters. All parts of an entry must stand in the message; what is said of an account or a credential
/// at its beginning, for messages repeat what clients have sent, and none of them is to have a credential rest for all.
const WORDS: &[(&[&str], Complaint)] = &[
    // OpenAI, Azure, DeepSeek, OpenRouter, vLLM, Mistral, TGI.
    (&["maximum context l"], Complaint::TooLong),
    // OpenAI's Responses API.
    (&["exceeds the context window"], Complaint::TooLong),
    (&["tokens exceed", "configured limit"], Complaint::TooLong),
    // Anthropic.
    (&["prompt is too long"], Complaint::TooLong),
    (&["exceed context limit"], Complaint::TooLong),
    // Google.
    (&["token count", "exceeds the maximum number of tokens"], Complaint::TooLong),
    // Amazon Bedrock.
    (&["input is too long for requested model"], Complaint::TooLong),
    (&["too many input tokens"], Complaint::TooLong),
    // xAI.
    (&["maximum prompt length is"], Complaint::TooLong),
    // Groq.
    (&["reduce the length of the messages"], Complaint::TooLong),
    // Together and others.
    (&["longer than the model's context length"], Complaint::TooLong),
    (&["`inputs` tokens + `max_new_tokens` must be <="], Complaint::TooLong),
    // Cohere.
    (&["too many tokens", "size limit exceeded"], Complaint::TooLong),
    // Alibaba.
    (&["range of input length should be"], Complaint::TooLong),
    // Moonshot.
    (&["exceeded model token limit"], Complaint::TooLong),
    // MiniMax.
    (&["context window exceeds limit"], Complaint::TooLong),
    // llama.cpp, LM Studio, Ollama.
    (&["exceeds the available context size"], Complaint::TooLong),
    (&["greater than the context length"], Complaint::TooLong),
    (&["exceeded max context length"], Complaint::TooLong),
    (&["exceeds the maximum allowed input length"], Complaint::TooLong),
    // OpenAI and Azure.
    (&["rejected as a result of our safety system"], Complaint::Content),
    (&["content management policy"], Complaint::Content),
    (&["flagged as potentially violating"], Complaint::Content),
    // Anthropic.
    (&["blocked by content filtering policy"], Complaint::Content),
    // DeepSeek.
    (&["content exists risk"], Complaint::Content),
    // MiniMax.
    (&["input new_sensitive"], Complaint::Content),
    // OpenRouter.
    (&["requires moderation", "flagged"], Complaint::Content),
    // Anthropic says 400 to accounts without money.
    (&["your credit balance is too low"], Complaint::Unpaid),
    (&["you exceeded your current quota", "billing"], Complaint::Unpaid),
    (&["insufficient balance"], Complaint::Unpaid),
    // Google says 400 to keys that it does not know, and xAI too.
    (&["api key not valid"], Complaint::Credential),
    (&["incorrect api key provided"], Complaint::Credential),
    // Groq, Together and others say so with 400.
    (&["model", "has been decommissioned"], Complaint::Model),
    (&["model", "does not exist or you do not have access"], Complaint::Model),
];

impl ErrorFacts {
    /// What it complains of; `None` where its status says all that is known. Errors of servers that failed are not read:
    /// what they say is of themselves.
    pub fn complaint(&self) -> Option<Complaint> {
        if !(400..500).contains(&self.status) {
            return None;
        }
        let code = self.code.as_deref().and_then(by_code);
        let said = code.or_else(|| by_words(&self.message));
        // Google says the same words to everybody whom it limits for a moment, as its own word for them tells.
        said.filter(|said| *said != Complaint::Unpaid || self.code.as_deref() != Some(GOOGLE_LIMITED))
    }
}

fn by_code(code: &str) -> Option<Complaint> {
    let plain = || code.bytes().filter(u8::is_ascii_alphanumeric).map(|byte| byte.to_ascii_lowercase());
    CODES.iter().find(|(known, _)| plain().eq(known.bytes())).map(|(_, complaint)| *complaint)
}

fn by_words(message: &str) -> Option<Complaint> {
    let end = message.len().min(LOOKED_AT);
    let start = message.as_bytes().get(..end)?.to_ascii_lowercase();
    let has = |word: &&str| memchr::memmem::find(&start, word.as_bytes()).is_some();
    let begins = |words: &[&str]| words.first().is_some_and(|word| start.starts_with(word.as_bytes()));
    let is_said = |(words, complaint): &&(&[&str], Complaint)| {
        let is_of_account = matches!(complaint, Complaint::Unpaid | Complaint::Credential);
        words.iter().all(has) && (!is_of_account || begins(words))
    };
    WORDS.iter().find(is_said).map(|(_, complaint)| *complaint)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialects::{Dialect, codec};

    fn of(status: u16, body: &str) -> Option<Complaint> {
        codec(Dialect::OpenAiChat).decode_error(status, body.as_bytes()).complaint()
    }

    #[test]
    fn what_providers_say_of_long_requests_is_understood() {
        for message in [
            "This model's maximum context length is 8192 tokens. However, your messages resulted in 9001 tokens.",
            "Your input exceeds the context window of this model. Please adjust your input and try again.",
            "prompt is too long: 210000 tokens > 200000 maximum",
            "input length and `max_tokens` exceed context limit: 199000 + 8192 > 200000, decrease input length",
            "The input token count (1196265) exceeds the maximum number of tokens allowed (1048575)",
            "Input is too long for requested model.",
            "This model's maximum prompt length is 131072 but the request contains 537812 tokens",
            "Please reduce the length of the messages or completion",
            "The input (516368 tokens) is longer than the model's context length (262144 tokens).",
            "Prompt contains 200000 tokens, too large for model with 131072 maximum context length",
            "Range of input length should be [1, 30720]",
            "Your request exceeded model token limit: 256000 (requested: 300000)",
            "the request exceeds the available context size, try increasing it",
        ] {
            let body =
                serde_json::json!({ "error": { "message": message, "type": "invalid_request_error" } });
            assert_eq!(of(400, &body.to_string()), Some(Complaint::TooLong), "{message}");
            assert_eq!(of(500, &body.to_string()), None, "a server's own failure");
        }
        assert_eq!(
            of(400, r#"{"error":{"message":"x","code":"context_length_exceeded"}}"#),
            Some(Complaint::TooLong)
        );
        assert_eq!(
            of(413, r#"{"type":"error","error":{"type":"request_too_large","message":"x"}}"#),
            Some(Complaint::TooLong)
        );
    }

    #[test]
    fn policies_money_keys_and_models_are_told_apart() {
        for (body, complaint) in [
            (r#"{"error":{"code":"content_filter","message":"x"}}"#, Complaint::Content),
            (
                r#"{"error":{"message":"Content Exists Risk","type":"invalid_request_error"}}"#,
                Complaint::Content,
            ),
            (r#"{"code":"data_inspection_failed","message":"x"}"#, Complaint::Content),
            (
                r#"{"type":"error","error":{"type":"invalid_request_error","message":"Your credit balance is too low to access the Anthropic API."}}"#,
                Complaint::Unpaid,
            ),
            (
                r#"{"error":{"code":"insufficient_quota","message":"You exceeded your current quota, please check your plan and billing details."}}"#,
                Complaint::Unpaid,
            ),
            (
                r#"{"error":{"code":400,"status":"INVALID_ARGUMENT","message":"API key not valid. Please pass a valid API key."}}"#,
                Complaint::Credential,
            ),
            (r#"{"error":{"code":"model_decommissioned","message":"x"}}"#, Complaint::Model),
        ] {
            assert_eq!(of(400, body), Some(complaint), "{body}");
        }
        for plain in [
            r#"{"error":{"message":"Rate limit reached for requests"}}"#,
            r#"{"error":{"message":"temperature must be at most 2","code":"invalid_value"}}"#,
            r#"{"error":{"message":"The context is large, but acceptable."}}"#,
            "",
        ] {
            assert_eq!(of(400, plain), None, "{plain}");
        }
    }

    #[test]
    fn words_that_a_client_has_sent_tell_nothing_of_a_credential() {
        for echoed in [
            "api key not valid",
            "Incorrect API key provided",
            "insufficient balance",
            "your credit balance is too low",
        ] {
            let message = format!("Invalid value: '{echoed}'. Supported values are: 'system' and 'user'.");
            let body =
                serde_json::json!({ "error": { "message": message, "type": "invalid_request_error" } });
            assert_eq!(of(400, &body.to_string()), None, "{echoed}");
        }
    }

    #[test]
    fn whom_google_limits_for_a_moment_is_not_told_to_pay() {
        let body = r#"{"error":{"code":429,"message":"You exceeded your current quota, please check your plan and billing details.\nPlease retry in 34.07s.","status":"RESOURCE_EXHAUSTED"}}"#;
        for dialect in [Dialect::Gemini, Dialect::OpenAiChat] {
            assert_eq!(codec(dialect).decode_error(429, body.as_bytes()).complaint(), None, "{dialect:?}");
        }
    }
}
