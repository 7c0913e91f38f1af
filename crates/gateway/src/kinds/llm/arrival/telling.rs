//! A whole answer said in the client's dialect.
//!
//! In: what the upstream has said. Out: the same bytes where they may pass, else the answer said anew, repaired where JSON was
//! asked for.

use std::sync::LazyLock;

use bytes::Bytes;
use memchr::memmem::Finder;
use yumen_llm::dialects::{AnswerContext, Dialect, Tap, codec, recode_embeddings};
use yumen_llm::ir::{EmbeddingFormat, Response};
use yumen_telemetry::{HealRecord, HealStatus};

use super::super::attempt::Try;
use super::super::call::Call;
use super::super::classify::Failure;
use super::super::heal::{heal_answer, heal_body, with_status};
use super::super::keep::Keep;
use super::super::shadow::Role;
use super::Reading;
use crate::exchange::Exchange;
use crate::proofs::{Keeper, needs_keeping};

static EMBEDDING: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(br#""embedding":"#));

impl Reading<'_> {
    /// Says a whole answer in the client's dialect. One that is no answer at all may come from another deployment.
    pub(super) async fn tell(
        &self,
        exchange: &mut Exchange,
        said: &Bytes,
    ) -> Result<(Bytes, Option<HealRecord>), Failure> {
        let Try { call, step, .. } = self.attempt;
        if !self.is_sound() && said.trim_ascii_start().first() != Some(&b'{') {
            return Err(self.invalid("it is not a JSON object"));
        }
        if call.passing().is_some() {
            return Ok((said.clone(), None));
        }
        if self.attempt.same_dialect() && !call.stream {
            let Some(healing) = &call.healing else { return Ok((recoded(call, said.clone()), None)) };
            let (told, record) = heal_body(call.dialect, said, healing);
            return Ok((self.with_status(told, &record), Some(record)));
        }
        let mut response =
            codec(step.dialect).decode_response(said).map_err(|error| self.unreadable(&error.message))?;
        // What is said anew of a provider's own answer says of its keeping what the provider says.
        let stored = self.attempt.same_dialect() && {
            let mut tap = Tap::default();
            codec(step.dialect).tap_response(said, &mut tap);
            tap.stored == Some(true)
        };
        if let Response::Images(answer) = &mut response {
            Box::pin(self.attempt.bring_pictures(exchange, answer)).await?;
        }
        Ok(self.told(exchange, response, stored))
    }

    /// A whole answer in the client's dialect, as a stream where it asked for one; `stored` when its provider keeps it.
    pub(in crate::kinds::llm) fn told(
        &self,
        exchange: &Exchange,
        mut response: Response,
        stored: bool,
    ) -> (Bytes, Option<HealRecord>) {
        let call = self.attempt.call;
        if let (Response::Chat(answer), Some(keeper)) = (&response, self.keeper(exchange)) {
            keeper.answer(answer);
        }
        let mut healed = None;
        if let (Response::Chat(answer), Some(healing)) = (&mut response, &call.healing) {
            healed = Some(heal_answer(answer, healing));
        }
        let (client, mut context) = (codec(call.dialect), self.context(exchange));
        if self.attempt.same_dialect() {
            context.kept = stored;
        }
        match response {
            Response::Chat(answer) if call.stream => {
                let (mut encoder, mut out) = (client.stream_encoder(context), Vec::new());
                for event in answer.into_events() {
                    encoder.encode(&event, &mut out);
                }
                encoder.finish(&mut out);
                (out.into(), healed)
            }
            response => {
                let told = recoded(call, client.encode_response(&response, &context).into());
                let told = match &healed {
                    Some(record) => self.with_status(told, record),
                    None => told,
                };
                (told, healed)
            }
        }
    }

    /// A whole answer that tells what came of its JSON, where its clients can read that.
    fn with_status(&self, told: Bytes, record: &HealRecord) -> Bytes {
        let Call { dialect, healing, .. } = self.attempt.call;
        let is_told = healing.as_ref().is_some_and(|healing| healing.is_explicit)
            || record.status != HealStatus::Skipped;
        match dialect {
            Dialect::OpenAiChat | Dialect::OpenAiResponses | Dialect::AnthropicMessages if is_told => {
                with_status(told, record.status)
            }
            _ => told,
        }
    }

    /// What keeps proofs for a client that may not carry them.
    pub(super) fn keeper(&self, exchange: &Exchange) -> Option<Keeper> {
        let call = self.attempt.call;
        let is_kept = needs_keeping(call.dialect) && !matches!(call.shadow, Role::Copy(_));
        let key_id = exchange.record.key_id.as_deref().filter(|_| is_kept)?;
        Some(Keeper::new(&exchange.worker().gateway.proofs, key_id))
    }

    /// What a converted answer takes from the exchange where the upstream says nothing.
    pub(super) fn context(&self, exchange: &Exchange) -> AnswerContext {
        let Try { call, step, .. } = self.attempt;
        // Only the AI SDK is told who serves it in the answer itself.
        let told = call.ai_sdk_version > 0;
        let id = match self.keep {
            Some(Keep::Here(id)) => id.clone(),
            _ => exchange.record.id.clone(),
        };
        AnswerContext {
            id,
            kept: matches!(self.keep, Some(Keep::Here(_))),
            previous: call.memory.as_ref().and_then(|memory| memory.kept().map(str::to_owned)),
            model: call.model.clone(),
            created: exchange.created(),
            include_usage: call.tells_usage(),
            json_array: call.json_array,
            embeds_batch: codec(call.dialect).is_second_form(&call.body),
            stopwatch: exchange.stopwatch(),
            own_tools: self.own_tools.clone(),
            ai_sdk_version: call.ai_sdk_version,
            provider: told.then(|| step.provider().id.to_string()),
            native_model: told.then(|| step.deployment.model.native_id.to_string()),
            price: step.deployment.model.price.filter(|_| told),
            asked: call.units,
            lossy: if told { self.lossy.to_vec() } else { Vec::new() },
        }
    }
}

/// An answer to a client of OpenAI's embeddings with its vectors in the form that was asked for.
fn recoded(call: &Call, told: Bytes) -> Bytes {
    let other = (call.dialect == Dialect::OpenAiEmbeddings).then(|| in_other_form(call, &told)).flatten();
    other.unwrap_or(told)
}

/// Vectors in the form that was asked for, when the upstream has given the other one.
fn in_other_form(call: &Call, said: &[u8]) -> Option<Bytes> {
    let asked = call.object.string(&call.body, "encoding_format").value();
    let format =
        if asked.as_deref() == Some("base64") { EmbeddingFormat::Base64 } else { EmbeddingFormat::Float };
    let at = EMBEDDING.find(said)?;
    let first = said.get(at + EMBEDDING.needle().len()..)?.trim_ascii_start().first()?;
    if (*first == b'"') == (format == EmbeddingFormat::Base64) {
        return None;
    }
    recode_embeddings(said, format).map(Bytes::from)
}
