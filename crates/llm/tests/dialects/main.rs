//! The dialects as their users see them: fixtures in, requests, answers and streams of the other dialect out.
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "a test that meets the unexpected stops there"
)]

mod ai_sdk;
mod ai_sdk_media;
mod bad_input;
mod bedrock;
mod bedrock_round_trips;
mod beside;
mod cohere;
mod completions;
mod embeddings;
mod errors;
mod gemini_answers;
mod gemini_requests;
mod gemini_round_trips;
mod ollama;
mod ollama_round_trips;
mod pictures;
mod pitfalls_content;
mod pitfalls_streams;
mod prefills;
mod providers_only;
mod requests;
mod responses;
mod responses_upstream;
mod round_trips;
mod sources;
mod streams;
mod support;
mod targets;
mod tiers;
mod web_search;
