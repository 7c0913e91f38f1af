//! What an upstream has said, kept beside its way to the client and read once it is all there.
//!
//! In: an upstream's own bytes, before anything is repaired, converted or dressed. Out: the answer that they make. It can
//! neither fail nor delay what goes to the client.

use bytes::Bytes;
use yumen_llm::dialects::{Dialect, Tap, codec};
use yumen_llm::framing::{Framer, Framing};
use yumen_llm::ir::{Answer, Gatherer, Response};

/// Larger answers are not compared.
const BYTES_MOST: usize = 4 << 20;

/// What was said so far.
#[derive(Debug)]
pub struct Heard {
    dialect: Dialect,
    /// How events stand in it; nothing in a whole answer.
    framing: Option<Framing>,
    said: Vec<u8>,
    too_large: bool,
}

impl Heard {
    /// Nothing yet.
    pub fn new(dialect: Dialect, framing: Option<Framing>) -> Self {
        Self { dialect, framing, said: Vec::new(), too_large: false }
    }

    /// Keeps what comes. It is copied, so that no read buffer lives as long as the answer.
    pub fn take(&mut self, bytes: &[u8]) {
        self.too_large |= self.said.len() + bytes.len() > BYTES_MOST;
        if self.too_large {
            self.said = Vec::new();
        } else {
            self.said.extend_from_slice(bytes);
        }
    }

    /// Whether there was more than is compared.
    pub fn is_too_large(&self) -> bool {
        self.too_large
    }

    /// The answer that it makes, if it makes one.
    pub fn read(self) -> Option<Answer> {
        if self.too_large {
            return None;
        }
        let upstream = codec(self.dialect);
        let Some(framing) = self.framing else {
            return match upstream.decode_response(&self.said).ok()? {
                Response::Chat(answer) => Some(*answer),
                _ => None,
            };
        };
        let mut framer = Framer::new(framing, BYTES_MOST);
        let (mut decoder, mut gatherer, mut tap) =
            (upstream.stream_decoder(), Gatherer::default(), Tap::default());
        let mut events = Vec::new();
        framer.push(Bytes::from(self.said));
        while !tap.finished {
            let Some(frame) = framer.next_frame().ok()?.or_else(|| framer.finish()) else { break };
            let Some(data) = &frame.data else { continue };
            upstream.tap_event(&frame.event, data, &mut tap);
            decoder.decode(&frame.event, data, &mut events).ok()?;
            events.drain(..).for_each(|event| gatherer.take(event));
        }
        decoder.finish(&mut events);
        events.into_iter().for_each(|event| gatherer.take(event));
        gatherer.finish().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use yumen_llm::ir::Content;

    #[test]
    fn streams_and_whole_answers_read_the_same() {
        let whole = br#"{"id":"x","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"ab"},"finish_reason":"stop"}]}"#;
        let mut heard = Heard::new(Dialect::OpenAiChat, None);
        heard.take(whole);
        let whole = heard.read().unwrap();
        let mut heard = Heard::new(Dialect::OpenAiChat, Some(Framing::Sse));
        for piece in ["a", "b"] {
            let chunk = format!(
                "data: {{\"id\":\"x\",\"choices\":[{{\"index\":0,\"delta\":{{\"content\":\"{piece}\"}}}}]}}\n\n"
            );
            heard.take(chunk.as_bytes());
        }
        heard.take(
            b"data: {\"id\":\"x\",\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n",
        );
        heard.take(b"data: [DONE]\n\n");
        let streamed = heard.read().unwrap();
        for answer in [whole, streamed] {
            assert_eq!(answer.choices[0].parts[0].content, Content::Text("ab".into()));
        }
    }

    #[test]
    fn what_is_too_large_or_broken_makes_no_answer() {
        let mut heard = Heard::new(Dialect::OpenAiChat, None);
        heard.take(&vec![b' '; BYTES_MOST]);
        assert!(!heard.is_too_large());
        heard.take(b"x");
        assert!(heard.is_too_large() && heard.said.capacity() == 0);
        assert_eq!(heard.read(), None);
        for framing in [None, Some(Framing::Sse), Some(Framing::Lines)] {
            let mut heard = Heard::new(Dialect::AnthropicMessages, framing);
            heard.take(b"{\"type\":");
            assert_eq!(heard.read(), None);
        }
    }
}
