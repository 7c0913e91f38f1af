//! Proofs of reasoning on behalf of clients that cannot carry them: kept by tool call, and put back when its result comes.
//!
//! Some models refuse a conversation with their own tool calls unless what proved the reasoning before them comes back, and a
//! client of Chat Completions that knows only the standard has no place for it. In: answers that are converted for such a
//! client, and its next requests. Out: the same requests with the proofs in their places. What is kept is bounded and lives
//! in memory only, for each virtual key by itself; a proof that was lost is missing, as it would have been without this.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use yumen_llm::dialects::{Dialect, proves_what_follows};
use yumen_llm::ir::{Answer, Chat, Content, Message, Part, Role, StreamEvent};

/// What all keys together may have kept; the oldest goes first.
const KEPT_BYTES_MOST: usize = 32 << 20;
/// What one call may have kept: more is more reasoning than any model does before a call.
const CALL_BYTES_MOST: usize = 512 << 10;
/// What an entry takes beside its texts, about.
const ENTRY_BYTES: usize = 256;

/// The virtual key's id, and the call's.
type Key = (Arc<str>, Arc<str>);

/// What is kept.
#[derive(Debug, Default)]
pub struct Proofs(Mutex<Kept>);

#[derive(Debug, Default)]
struct Kept {
    /// What is kept for a call, and how much that is.
    by_call: HashMap<Key, (Arc<[Content]>, usize)>,
    /// In the order in which they came.
    order: VecDeque<Key>,
    bytes: usize,
}

/// Whether clients of this dialect may be unable to carry proofs.
pub fn needs_keeping(dialect: Dialect) -> bool {
    matches!(dialect, Dialect::OpenAiChat | Dialect::OllamaChat)
}

impl Proofs {
    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn keep(&self, key: Key, proofs: Vec<Content>) {
        let bytes = ENTRY_BYTES + key.1.len() + proofs.iter().map(size).sum::<usize>();
        if bytes > CALL_BYTES_MOST {
            return;
        }
        let mut kept = self.lock();
        match kept.by_call.insert(key.clone(), (proofs.into(), bytes)) {
            // Ids that come twice are a provider's slip: the last one counts, in the first one's place.
            Some((_, before)) => kept.bytes -= before,
            None => kept.order.push_back(key),
        }
        kept.bytes += bytes;
        while kept.bytes > KEPT_BYTES_MOST {
            let Some(oldest) = kept.order.pop_front() else { break };
            kept.bytes -= kept.by_call.remove(&oldest).map_or(0, |(_, bytes)| bytes);
        }
    }

    /// Puts what is kept for the calls of a conversation before them. Turns in which the client has told any proof itself
    /// stay as they are.
    pub fn put_back(&self, key_id: &str, chat: &mut Chat) {
        let tells = |message: &Message| message.parts.iter().any(|part| is_proof(&part.content));
        let turns = chat.messages.iter_mut().filter(|message| message.role == Role::Assistant);
        for message in turns.filter(|message| !tells(message)) {
            let calls = message.parts.iter().filter(|part| matches!(part.content, Content::ToolCall { .. }));
            if calls.count() > 0 {
                self.put_back_turn(&Arc::from(key_id), message);
            }
        }
    }

    fn put_back_turn(&self, key_id: &Arc<str>, message: &mut Message) {
        let mut parts = Vec::with_capacity(message.parts.len() + 1);
        for part in std::mem::take(&mut message.parts) {
            if let Content::ToolCall { id, .. } = &part.content {
                let found = self.lock().by_call.get(&(Arc::clone(key_id), Arc::from(&**id))).cloned();
                for proof in found.iter().flat_map(|(proofs, _)| proofs.iter()) {
                    // Reasoning came before anything else that was said, unless it proves the call alone.
                    let at = if proves(proof) { parts.len() } else { reasoned(&parts) };
                    parts.insert(at, Part::new(proof.clone()));
                }
            }
            parts.push(part);
        }
        message.parts = parts;
    }
}

/// How many parts at the beginning are reasoning.
fn reasoned(parts: &[Part]) -> usize {
    parts.iter().take_while(|part| is_proof(&part.content) && !proves(&part.content)).count()
}

fn is_proof(content: &Content) -> bool {
    matches!(content, Content::Thinking { signature: Some(_), .. } | Content::RedactedThinking { .. })
}

/// Whether it proves the part that follows it, and nothing else.
fn proves(content: &Content) -> bool {
    matches!(content, Content::RedactedThinking { format, .. } if proves_what_follows(format.as_deref()))
}

fn size(content: &Content) -> usize {
    match content {
        Content::Thinking { text, signature, .. } => text.len() + signature.as_deref().map_or(0, str::len),
        Content::RedactedThinking { data, .. } => data.len(),
        _ => 0,
    }
}

/// Looks at an answer on its way and keeps what proves its calls.
pub struct Keeper {
    proofs: Arc<Proofs>,
    key_id: Arc<str>,
    /// Reasoning of the first choice that has not been proved yet.
    text: String,
    /// What was proved since the last call.
    pending: Vec<Content>,
    bytes: usize,
}

impl Keeper {
    /// Keeps for this key.
    pub fn new(proofs: &Arc<Proofs>, key_id: &str) -> Self {
        let (proofs, key_id) = (Arc::clone(proofs), Arc::from(key_id));
        Self { proofs, key_id, text: String::new(), pending: Vec::new(), bytes: 0 }
    }

    /// A whole answer: the first choice is the one that conversations go on with.
    pub fn answer(mut self, answer: &Answer) {
        for part in answer.choices.first().into_iter().flat_map(|choice| &choice.parts) {
            match &part.content {
                Content::ToolCall { id, .. } => self.call(id),
                Content::Text(_) => self.said(),
                proof if is_proof(proof) => self.proved(proof.clone(), size(proof)),
                _ => {}
            }
        }
    }

    /// One step of a streamed answer.
    pub fn event(&mut self, event: &StreamEvent) {
        match event {
            StreamEvent::Thinking { choice: 0, text } => {
                self.bytes += text.len();
                if self.bytes <= CALL_BYTES_MOST {
                    self.text.push_str(text);
                }
            }
            StreamEvent::Signature { choice: 0, signature, format } => {
                let (text, size) = (std::mem::take(&mut self.text), signature.len());
                let signature = Some(signature.clone());
                self.proved(Content::Thinking { text, signature, format: format.clone() }, size);
            }
            StreamEvent::RedactedThinking { choice: 0, data, format } => {
                let proof = Content::RedactedThinking { data: data.clone(), format: format.clone() };
                self.proved(proof, data.len());
            }
            StreamEvent::Text { choice: 0, .. } => self.said(),
            StreamEvent::ToolCallStart { choice: 0, id, .. } => self.call(id),
            _ => {}
        }
    }

    /// `size` is what has not been counted of it.
    fn proved(&mut self, proof: Content, size: usize) {
        self.bytes += size;
        // Reasoning that is not whole proves nothing.
        if self.bytes <= CALL_BYTES_MOST {
            self.pending.push(proof);
        } else {
            self.pending.clear();
        }
    }

    /// What proves the part that follows it has proved a text.
    fn said(&mut self) {
        self.pending.retain(|proof| !proves(proof));
    }

    fn call(&mut self, id: &str) {
        self.bytes = 0;
        self.text.clear();
        if !self.pending.is_empty() && !id.is_empty() {
            let proofs = std::mem::take(&mut self.pending);
            self.proofs.keep((Arc::clone(&self.key_id), Arc::from(id)), proofs);
        }
    }
}

#[cfg(test)]
mod tests;
