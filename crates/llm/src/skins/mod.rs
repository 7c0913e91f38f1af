//! Answers of the OpenAI dialects as other gateways dress them: the same contents with further facts beside them.
//!
//! In: a body or an event in an OpenAI-style dialect, and facts of its exchange. Out: the same with what clients of the
//! other gateway look for. A skin never takes anything away and never changes what was generated.

pub mod openrouter;
pub mod openrouter_responses;
pub mod vercel;
