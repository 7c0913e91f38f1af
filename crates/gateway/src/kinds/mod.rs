//! The kinds of requests: each implements decode, resolve, dispatch and relay.

pub mod llm;
