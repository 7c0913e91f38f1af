//! What a condition may read of a request.

use super::value::Type;

macro_rules! attributes {
    ($($variant:ident $name:literal $of:ident $sentence:literal;)*) => {
        /// What a condition may read of a request.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Attribute { $(#[doc = $sentence] $variant),* }

        impl Attribute {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// As it is written.
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $name),* }
            }

            pub(super) fn of(self) -> Type {
                match self { $(Self::$variant => Type::$of),* }
            }
        }
    };
}

attributes! {
    Model "model" Text "The model asked for, without what stands behind its name (`:floor`).";
    Preset "preset" Text "The preset that the request asks for; empty without one.";
    Path "path" Text "The path of the request, without its query.";
    Dialect "dialect" Text "The wire format, such as `openai_chat`.";
    Operation "operation" Text "What is asked for, such as `chat` or `embeddings`.";
    Stream "stream" Bool "Whether a stream is asked for.";
    Tokens "tokens" Int "About how many tokens the prompt has.";
    MaxTokens "max_tokens" Int "The most tokens that the answer may have; 0 where the request does not say.";
    Tools "tools" Int "How many tools may be called.";
    ToolNames "tool_names" Texts "What they are called.";
    Images "images" Int "How many pictures its messages have.";
    LastMessage "last_message" Text "The text of the last message of the user.";
    MessagesText "messages_text" Text "The texts of all messages, with a line break between them.";
    KeyName "key.name" Text "The name of the virtual key.";
    KeyId "key.id" Text "The id of the virtual key.";
    Team "key.team" Text "The team of the virtual key; empty without one.";
    Tags "tags" Texts "Tags of the virtual key and of the request (`tags`, `metadata.tags`, `providerOptions.gateway.tags`).";
    Session "session" Text "The session that the client names; empty without one.";
    Now "now" Int "The time, in seconds since the first of January 1970 (UTC).";
    Random "random" Double "A number from 0 up to 100, drawn once for each request.";
    Category "category" Text "What the last message of the user is about, as `intent` tells.";
}

/// What a condition reads by names of the client's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Map {
    /// A header of the request.
    Header,
    /// A member of the body's `metadata`.
    Metadata,
}

impl Map {
    pub(super) const ALL: [(&'static str, Self); 2] =
        [("header", Self::Header), ("metadata", Self::Metadata)];
}
