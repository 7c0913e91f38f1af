//! inspect: Call → Call, answer or refusal. The door for request plugins and guardrails; never picks an upstream.

use crate::rejection::Rejection;

/// Shows the call to the request plugins in their declared order. None can be declared in this version, so the
/// call goes through as it is.
pub fn inspect<C>(call: C) -> Result<C, Rejection> {
    Ok(call)
}
