//! How tries fail, and who is tried next: one table for `dispatch`, the settings and the reference.

use std::fmt::Write as _;

use yumen_llm::catalogue::Word;

macro_rules! failures {
    ($($variant:ident $word:literal $reaction:ident $sentence:literal;)+) => {
        /// How a try has failed. Each attempt of a record is marked with its word.
        #[derive(
            Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash,
            serde::Deserialize, serde::Serialize, schemars::JsonSchema,
        )]
        #[serde(rename_all = "snake_case")]
        pub enum FailureClass {
            $(#[doc = $sentence] $variant,)+
        }

        impl Word for FailureClass {
            const ALL: &'static [Self] = &[$(Self::$variant,)+];

            fn place(self) -> u8 {
                self as u8
            }

            fn word(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)+
                }
            }
        }

        impl FailureClass {
            /// What follows where the settings say nothing.
            pub fn usual(self) -> Reaction {
                match self {
                    $(Self::$variant => Reaction::$reaction,)+
                }
            }

            /// What has happened, in a sentence.
            pub fn sentence(self) -> &'static str {
                match self {
                    $(Self::$variant => $sentence,)+
                }
            }
        }
    };
}

failures! {
    RateLimited "rate_limited" Next "The provider says that there are too many requests or tokens (429).";
    PaymentRequired "payment_required" Next "The provider's account has no money or no quota left (402, and what other statuses say of it).";
    Unauthorized "unauthorized" Next "The provider does not take the credential (401, and what other statuses say of it).";
    Forbidden "forbidden" Next "The credential may not do this (403).";
    AuthFailed "auth_failed" Next "There is no access token: the server that gives them refuses or cannot be reached.";
    Overloaded "overloaded" Retry "The provider says that it has too much to do (503, 529).";
    ServerError "server_error" Retry "The provider failed (500, 502 and other statuses from 500).";
    UpstreamTimeout "upstream_timeout" Next "The provider itself ran out of time (408, 504).";
    ConnectFailed "connect_failed" Retry "No connection could be made; nothing was sent.";
    ConnectTimeout "connect_timeout" Next "No connection within the connect time-out.";
    ConnectionBroken "connection_broken" Next "The connection broke before an answer.";
    FirstByteTimeout "first_byte_timeout" Next "No answer, or no content of a stream, within the first-byte time-out.";
    IdleTimeout "idle_timeout" Next "The answer stopped for longer than the idle time-out before anything of it could be sent on.";
    AnswerBroken "answer_broken" Next "The answer broke off before anything of it could be sent on.";
    AnswerInvalid "answer_invalid" Next "The answer is none: not JSON, a web page, or without what an answer has.";
    AnswerTooLarge "answer_too_large" Next "The answer is larger than `max_answer_bytes`.";
    ModelGone "model_gone" Next "The provider does not know the model, or no longer has it (404, and what other statuses say of it).";
    ContextTooLong "context_too_long" LargerModel "The request is longer than the model's context.";
    ContentPolicy "content_policy" OtherProvider "The provider refuses the content of the request.";
    BadRequest "bad_request" Stop "The provider calls the request itself wrong (400 and other statuses from 400).";
    SchemaUnmet "schema_unmet" Stop "The whole answer does not fit the JSON schema that was asked for, or is no JSON, also after its repair. `stop` is to send it on as it is; so is what comes of every other reaction where nobody answers better.";
    NotConvertible "not_convertible" Next "The request cannot be said in the provider's dialect; nothing was sent.";
    FileNotFetched "file_not_fetched" Next "The provider takes files only whole, and one was not fetched; nothing was sent.";
}

/// Who is tried after a failure.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Deserialize, serde::Serialize, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Reaction {
    /// The other deployments; when none of them answers this one again, after a pause and within the retry budget.
    Retry,
    /// The other deployments.
    Next,
    /// Those of other models.
    NextModel,
    /// Those whose models take longer requests.
    LargerModel,
    /// Those of other providers.
    OtherProvider,
    /// None: the client is told.
    Stop,
}

impl Reaction {
    const ALL: [Self; 6] =
        [Self::Retry, Self::Next, Self::NextModel, Self::LargerModel, Self::OtherProvider, Self::Stop];

    /// The word of the settings.
    pub fn word(self) -> &'static str {
        match self {
            Self::Retry => "retry",
            Self::Next => "next",
            Self::NextModel => "next_model",
            Self::LargerModel => "larger_model",
            Self::OtherProvider => "other_provider",
            Self::Stop => "stop",
        }
    }

    fn sentence(self) -> &'static str {
        match self {
            Self::Retry => {
                "The other deployments; when none of them answers this one again, after a pause and within the retry \
                 budget. What a provider asks for in `Retry-After` is kept to."
            }
            Self::Next => "The other deployments.",
            Self::NextModel => "Only deployments of other models.",
            Self::LargerModel => {
                "Only deployments whose models take longer requests; where that is not known, those of other models."
            }
            Self::OtherProvider => {
                "Only deployments of providers of another `type`; of `…-compatible` ones, those of another entry."
            }
            Self::Stop => "None: the client is told of this failure at once.",
        }
    }
}

/// The generated page `docs/reference/failures.md`.
pub fn failures_markdown() -> String {
    let mut page = String::from(
        "# Failures\n\nHow a try at a deployment can fail, and who is tried next, until the first content of an answer is sent on. \
         The words are those of `attempts[].cause` in records, of `yumen explain` and of `routing.on_failure`, which changes the \
         reaction for the gateway, an alias, a key, a preset or a rule:\n\n```yaml\nmodels:\n  careful:\n    deployments:\n      - { provider: openai, model: gpt-5.2 }\n      - { provider: azure, model: gpt-5.2 }\n    \
         routing:\n      on_failure: { content_policy: stop, rate_limited: retry }\n```\n\n## Classes\n\n\
         | class | what has happened | usual reaction |\n| --- | --- | --- |\n",
    );
    for class in FailureClass::ALL {
        let reaction = class.usual().word();
        let _ = writeln!(page, "| `{}` | {} | `{reaction}` |", class.word(), class.sentence());
    }
    page.push_str(
        "\nAfter `rate_limited`, `payment_required`, `unauthorized`, `forbidden` and `auth_failed` the credential rests, and with `next` and \
         `retry` the other credentials of the same provider are tried first; the reactions that leave a model or a provider leave all of \
         its credentials. Neither these nor what only the request is \
         to blame for (`model_gone`, `answer_too_large`, `context_too_long`, `content_policy`, `bad_request`, `schema_unmet`) count against a \
         deployment.\n\n## Reactions\n\n| reaction | who is tried |\n| --- | --- |\n",
    );
    for reaction in Reaction::ALL {
        let _ = writeln!(page, "| `{}` | {} |", reaction.word(), reaction.sentence());
    }
    page
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_and_reactions_are_called_what_serde_calls_them() {
        for (place, class) in FailureClass::ALL.iter().enumerate() {
            assert_eq!(serde_json::to_value(class).unwrap(), class.word());
            assert_eq!(usize::from(class.place()), place);
        }
        for reaction in Reaction::ALL {
            assert_eq!(serde_json::to_value(reaction).unwrap(), reaction.word());
        }
    }
}
