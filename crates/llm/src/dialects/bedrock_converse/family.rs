//! Whose a model is, as its id says: `anthropic.claude-…`, `us.amazon.nova-…`, or the same at the end of an ARN.
//! <https://docs.aws.amazon.com/bedrock/latest/userguide/models-supported.html>
//!
//! The id of an application inference profile or of an imported model says nothing: such a model gets what all take.

/// Makers whose own fields are known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Family {
    /// Anthropic's. <https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-anthropic-claude-messages.html>
    Claude,
    /// Amazon's, of the generation that can think and those before it.
    /// <https://docs.aws.amazon.com/nova/latest/userguide/complete-request-schema.html>
    Nova {
        /// Whether it can think.
        thinks: bool,
    },
    /// OpenAI's open-weight models.
    /// <https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-openai.html>
    OpenAi,
    /// Any other.
    Other,
}

impl Family {
    /// The family of the model with this id.
    pub(super) fn of(model: &str) -> Self {
        let id = model.rsplit('/').next().unwrap_or_default();
        let is_of = |maker: &str| id.split('.').zip(id.split('.').skip(1)).any(|(before, _)| before == maker);
        let name = id.rsplit("amazon.").next().unwrap_or_default();
        if is_of("anthropic") {
            Self::Claude
        } else if is_of("amazon") && name.starts_with("nova-") {
            Self::Nova { thinks: name.starts_with("nova-2-") }
        } else if is_of("openai") {
            Self::OpenAi
        } else {
            Self::Other
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_says_whose_the_model_is() {
        for (id, family) in [
            ("anthropic.claude-3-haiku-20240307-v1:0", Family::Claude),
            ("global.anthropic.claude-sonnet-4-5-20250929-v1:0", Family::Claude),
            (
                "arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.anthropic.claude-opus-4-1-20250805-v1:0",
                Family::Claude,
            ),
            ("amazon.nova-pro-v1:0", Family::Nova { thinks: false }),
            ("us.amazon.nova-2-lite-v1:0", Family::Nova { thinks: true }),
            ("amazon.titan-text-express-v1", Family::Other),
            ("openai.gpt-oss-120b-1:0", Family::OpenAi),
            ("meta.llama3-70b-instruct-v1:0", Family::Other),
            ("arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/abc", Family::Other),
            ("anthropic", Family::Other),
            ("", Family::Other),
        ] {
            assert_eq!(Family::of(id), family, "{id}");
        }
    }
}
