//! Reading a whole body that is to be held.

use std::time::Instant;

use bytes::{Bytes, BytesMut};
use yumen_config::{FailureClass, GatewaySettings, Provider};

use super::llm::Failure;
use crate::rejection::Code;
use crate::upstream::AnswerBody;

/// Reads a whole body, up to the size that answers may have.
pub async fn read_whole(
    provider: &Provider,
    settings: &GatewaySettings,
    deadline: Instant,
    mut body: AnswerBody,
) -> Result<Bytes, Failure> {
    let mut whole = BytesMut::new();
    loop {
        let idle = provider.timeouts.idle.min(deadline.saturating_duration_since(Instant::now()));
        let chunk = tokio::time::timeout(idle, body.chunk()).await.map_err(|_| {
            let message = format!("The answer of {} stopped for longer than its time-outs.", provider.name);
            Failure::silent(Code::UpstreamTimeout, FailureClass::IdleTimeout, message)
        })?;
        let Some(chunk) = chunk else { return Ok(whole.freeze()) };
        let chunk = chunk.map_err(|error| {
            let message = format!("The answer of {} broke off.", provider.name);
            let mut failure = Failure::silent(Code::UpstreamBroken, FailureClass::AnswerBroken, message);
            failure.rejection = failure.rejection.cause(error);
            failure
        })?;
        if whole.len() + chunk.len() > settings.max_answer_bytes {
            let most = settings.max_answer_bytes;
            let message = format!("The answer of {} is larger than {most} bytes.", provider.name);
            return Err(Failure::silent(Code::UpstreamTooLarge, FailureClass::AnswerTooLarge, message));
        }
        whole.extend_from_slice(&chunk);
    }
}
