//! Streams: texts as they are put out, and why there are no more.

use serde::Deserialize;

use crate::dialects::read::Loose;
use crate::dialects::{DecodeError, StreamDecoder, Tap, fault};
use crate::ir::{ErrorFacts, ErrorKind, Finish, FinishReason, StreamEvent};

/// How the records call the end of a prediction that has ended well, as those of whole answers do.
const SUCCEEDED: &str = "succeeded";

#[derive(Deserialize, Default)]
#[serde(default)]
struct Said<'a> {
    #[serde(borrow)]
    detail: Loose<'a>,
    reason: Loose<'a>,
}

/// How a stream ends, if the event is its end. An error is told before it.
fn end(event: &[u8], data: &[u8]) -> Option<Result<(), Box<ErrorFacts>>> {
    let server = |sentence: &str| Box::new(fault::of_kind(fault::plain(0, sentence), ErrorKind::Server));
    let said: Said<'_> = serde_json::from_slice(data).unwrap_or_default();
    match event {
        b"error" => {
            let text = String::from_utf8_lossy(data);
            Some(Err(server(said.detail.text().unwrap_or(&text))))
        }
        b"done" => Some(match said.reason.text() {
            None => Ok(()),
            Some("canceled") => Err(server("The prediction was cancelled.")),
            Some(_) => Err(server("The prediction has failed.")),
        }),
        _ => None,
    }
}

/// The reader's state.
#[derive(Default)]
pub(super) struct Decoder {
    started: bool,
    over: bool,
}

impl StreamDecoder for Decoder {
    fn decode(&mut self, event: &[u8], data: &[u8], out: &mut Vec<StreamEvent>) -> Result<(), DecodeError> {
        if self.over {
            return Ok(());
        }
        let end = end(event, data);
        // What a model logs is no part of its answer.
        if event != b"output" && end.is_none() {
            return Ok(());
        }
        if !std::mem::replace(&mut self.started, true) {
            out.push(StreamEvent::Start(Box::default()));
        }
        match end {
            None => {
                let text = String::from_utf8_lossy(data).into_owned();
                out.push(StreamEvent::Text { choice: 0, text, logprobs: None });
            }
            Some(Ok(())) => {
                self.over = true;
                let native = Some(SUCCEEDED.to_owned());
                let finish = Finish { reason: FinishReason::Stop, native, stop_sequence: None };
                out.push(StreamEvent::Finish { choice: 0, finish });
                out.push(StreamEvent::End);
            }
            Some(Err(error)) => {
                self.over = true;
                out.push(StreamEvent::Error(error));
            }
        }
        Ok(())
    }

    fn finish(&mut self, out: &mut Vec<StreamEvent>) {
        if !std::mem::replace(&mut self.over, true) {
            out.push(StreamEvent::Error(Box::new(fault::truncated())));
        }
    }
}

/// The side reader of events.
pub(super) fn tap(event: &[u8], data: &[u8], tap: &mut Tap) {
    match end(event, data) {
        None if event == b"output" => {
            tap.output_bytes += data.len() as u64;
            tap.content_seen |= !data.is_empty();
        }
        None => {}
        Some(Ok(())) => {
            tap.finish_reason = Some(SUCCEEDED.to_owned());
            tap.finished = true;
        }
        Some(Err(error)) => tap.error = tap.error.take().or(Some(error)),
    }
}
