//! A stream said in another dialect, event by event.

use bytes::Bytes;
use yumen_llm::dialects::{DecodeError, ErrorFacts, StreamDecoder, StreamEncoder};
use yumen_llm::ir::StreamEvent;
use yumen_telemetry::HealRecord;

use super::heal::EventHealer;
use super::rescue::Told;
use crate::proofs::Keeper;

/// A decoder of the upstream's dialect and an encoder of the client's, end to end.
pub struct Transcoder {
    decoder: Box<dyn StreamDecoder>,
    encoder: Box<dyn StreamEncoder>,
    events: Vec<StreamEvent>,
    out: Vec<u8>,
    finished: bool,
    keeper: Option<Keeper>,
    healer: Option<EventHealer>,
    /// What was told, where another may go on with it.
    told: Option<Box<Told>>,
}

impl Transcoder {
    /// Puts both together.
    pub fn new(decoder: Box<dyn StreamDecoder>, encoder: Box<dyn StreamEncoder>) -> Self {
        Self {
            decoder,
            encoder,
            events: Vec::new(),
            out: Vec::new(),
            finished: false,
            keeper: None,
            healer: None,
            told: None,
        }
    }

    /// Has what proves the answer's calls kept.
    pub fn keep(&mut self, keeper: Keeper) {
        self.keeper = Some(keeper);
    }

    /// Has the JSON of its texts repaired.
    pub fn heal(&mut self, healer: EventHealer) {
        self.healer = Some(healer);
    }

    /// Has what is told remembered, so that another can go on with it.
    pub fn remember(&mut self) {
        self.told = Some(Box::default());
    }

    /// Whether it is.
    pub fn remembers(&self) -> bool {
        self.told.is_some()
    }

    /// What was told, if another can go on with that.
    pub fn begun(&self) -> Option<&str> {
        self.told.as_ref()?.begun()
    }

    /// Another upstream, which this decoder reads, goes on with the answer.
    pub fn go_on(&mut self, decoder: Box<dyn StreamDecoder>) {
        self.decoder = decoder;
        self.events.clear();
        self.encoder.goes_on();
        if let Some(told) = &mut self.told {
            told.goes_on();
        }
    }

    /// What was done to its JSON.
    pub fn healed(&self) -> Option<&HealRecord> {
        self.healer.as_ref().map(EventHealer::record)
    }

    /// Says one event of the upstream; empty when it has nothing to say to the client.
    pub fn event(&mut self, event: &[u8], data: &[u8]) -> Result<Bytes, DecodeError> {
        self.decoder.decode(event, data, &mut self.events)?;
        self.encode();
        Ok(self.taken())
    }

    /// Says that the upstream is still there.
    pub fn ping(&mut self) -> Bytes {
        self.encoder.encode(&StreamEvent::Ping, &mut self.out);
        self.taken()
    }

    /// Says what closes the stream properly.
    pub fn finish(&mut self) -> Bytes {
        if !std::mem::replace(&mut self.finished, true) {
            self.decoder.finish(&mut self.events);
            self.encode();
            self.encoder.finish(&mut self.out);
        }
        self.taken()
    }

    /// Says that the stream has failed, and ends it.
    pub fn fail(&mut self, facts: &ErrorFacts) -> Bytes {
        self.finished = true;
        self.events.clear();
        self.events.push(StreamEvent::Error(Box::new(facts.clone())));
        self.encode();
        self.encoder.finish(&mut self.out);
        self.taken()
    }

    fn encode(&mut self) {
        if let Some(told) = &mut self.told {
            told.run(&mut self.events);
        }
        if let Some(healer) = &mut self.healer {
            healer.run(&mut self.events);
        }
        for event in self.events.drain(..) {
            if let Some(keeper) = &mut self.keeper {
                keeper.event(&event);
            }
            self.encoder.encode(&event, &mut self.out);
        }
        if let Some(healer) = &self.healer {
            healer.told(&mut self.out);
        }
    }

    fn taken(&mut self) -> Bytes {
        let bytes = Bytes::copy_from_slice(&self.out);
        self.out.clear();
        bytes
    }
}
