//! relay: response → client. Says the answer in the client's dialect and counts its usage; never retries.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use yumen_config::Timeouts;
use yumen_llm::dialects::codec;
use yumen_telemetry::Outcome;

use super::account::Account;
use super::arrival::{Arrival, Arrived};
use super::call::Call;
use super::flow::StreamFlow;
use super::large::{LargeFlow, Watch};
use super::realtime::Conversation;
use super::rescue::Rescuer;
use super::{headers, heal};
use crate::body::Body;
use crate::exchange::Exchange;
use crate::route::Task;
use crate::shadows::Fate;

/// An answer that the gateway gives itself never waits.
const OWN_ANSWER: Timeouts = Timeouts {
    connect: Duration::ZERO,
    first_byte: Duration::ZERO,
    idle: Duration::ZERO,
    total: Duration::ZERO,
};

/// An answer on its way to the client.
pub struct Answer {
    /// Its status.
    pub status: StatusCode,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Body,
}

impl Answer {
    /// Adds headers to the answer's own.
    pub fn with(mut self, headers: HeaderMap) -> Self {
        self.headers.extend(headers);
        self
    }
}

/// Sends an answer on. The exchange closes when the last of it is handed to the socket's writer.
pub fn relay(mut exchange: Box<Exchange>, call: Box<Call>, mut arrival: Box<Arrival>) -> Answer {
    let mut account = Account { price: None, asked: call.asked() };
    let mut timeouts = OWN_ANSWER;
    if let Some(step) = &arrival.step {
        timeouts = account.served_by(&mut exchange, step);
    }
    exchange.record.status = arrival.status.as_u16();
    let mut headers = headers::to_client(&arrival.headers);
    headers.extend(headers::lossy(&arrival.lossy));
    exchange.record.lossy = arrival.lossy;
    match arrival.answer {
        Arrived::Stream(mut stream, held) => {
            stream.paid_before(exchange.cost_before());
            exchange.record.streamed = true;
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(stream.content_type()));
            headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
            headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
            if call.healing.is_some() {
                headers.extend([heal::header(None)]);
            }
            exchange.stamp(&mut headers);
            let due = call.shadow.due();
            let rescuer = arrival.prospect.take().map(|prospect| Box::new(Rescuer::new(prospect, call)));
            let (remembering, parts) = (arrival.remembering, (account, rescuer));
            let body = StreamFlow::new(exchange, stream, held, parts, &timeouts, remembering, due);
            Answer { status: arrival.status, headers, body: Body::Flow(Box::new(body)) }
        }
        Arrived::Large(begin, rest) => {
            exchange.stamp(&mut headers);
            // Sound says nothing of itself.
            let is_told = call.passing().is_none() || headers::is_json(&arrival.headers);
            let watch = Watch::new(arrival.dialect, is_told, &begin);
            if let Some(due) = call.shadow.due() {
                due.leave_out(&exchange, Fate::Large);
            }
            let body = LargeFlow::new(exchange, begin, rest, account, watch, &timeouts);
            Answer { status: arrival.status, headers, body: Body::Flow(Box::new(body)) }
        }
        Arrived::Session(tunnel, scrub) => {
            let (Some(opening), Some(step)) = (&call.opening, arrival.step) else {
                exchange.close(Outcome::Failed);
                return Answer { status: arrival.status, headers, body: Body::full(Bytes::new()) };
            };
            opening.confirm(&mut headers);
            exchange.record.streamed = true;
            exchange.stamp(&mut headers);
            let session = Conversation::new(exchange, &call.model, opening, step, (tunnel, scrub));
            Answer { status: arrival.status, headers, body: Body::Session(Box::new(session)) }
        }
        Arrived::Whole { tap, told, streamed, healed, heard } => {
            headers.extend(healed.as_deref().map(|record| heal::header(Some(record))));
            exchange.record.streamed = streamed;
            let mut dress = arrival.dress;
            if let Some(dress) = &mut dress {
                dress.paid_before(exchange.cost_before());
                dress.healed(healed.as_deref());
            }
            exchange.record.heal = healed;
            let told = match dress {
                Some(dress) if streamed => dress.events(&told, &tap),
                Some(dress) => dress.answer(told, &tap),
                None => told,
            };
            if call.passing().is_none() {
                let framing = codec(call.dialect).outline().framing;
                let kind =
                    if streamed && !call.json_array { framing.media_type() } else { "application/json" };
                headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
            }
            exchange.first_byte();
            exchange.stamp(&mut headers);
            match call.task {
                Task::Generate => account.close(&mut exchange, &tap, Outcome::Completed),
                Task::CountTokens | Task::Converse => exchange.close(Outcome::Completed),
                Task::Explain => exchange.discard(),
            }
            if let Some(due) = call.shadow.due() {
                due.send(&exchange, heard);
            }
            Answer { status: arrival.status, headers, body: Body::full(told) }
        }
    }
}
