//! A request to a model, read once: the raw bytes and the few facts that the gateway acts on.

use std::sync::{Arc, LazyLock};

use bytes::Bytes;
use memchr::memmem::Finder;
use yumen_config::{Deployment, Preferences, Preset, Snapshot, VirtualKey};
use yumen_llm::dialects::{Dialect, Operation, Passing, codec};
use yumen_llm::ir::WebSearch;
use yumen_llm::json::{Kind, Object};
use yumen_llm::multipart::Form;
use yumen_llm::usage::Units;

use super::heal::{Healing, Wish};
use super::memory::Memory;
use super::realtime::Opening;
use super::rescue::Rescue;
use super::resolve::{Named, Variant};
use super::shadow::Role;
use crate::exchange::Asked;
use crate::kinds::turns::Load;
use crate::route::{Skin, Task};

static CANDIDATES: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("andidate"));

/// A request to a model.
#[derive(Debug)]
pub struct Call {
    /// The client's dialect.
    pub dialect: Dialect,
    /// What is asked.
    pub task: Task,
    /// How the answer is dressed.
    pub skin: Skin,
    /// The body as it was sent (expanded, when it was compressed).
    pub body: Bytes,
    /// Where its top-level members stand; none in a form.
    pub object: Object,
    /// Where its parts stand, when it is a form.
    pub form: Option<Form>,
    /// What it tells by itself of what will be used.
    pub units: Units,
    /// Whether reasoning in it was proved by another dialect's provider, which no provider takes as it stands.
    pub holds_sealed: bool,
    /// The model asked for.
    pub model: String,
    /// What stood behind its name.
    pub variant: Option<Variant>,
    /// Further models to try, in the client's own order (`models`).
    pub fallbacks: Vec<(String, Option<Variant>)>,
    /// The preset that was put on it.
    pub preset: Option<Arc<Preset>>,
    /// Whether the preset was asked for in the place of a model.
    pub addressed_preset: bool,
    /// How the web is to be searched, where a plugin wishes that it is.
    pub web_search: Option<Box<WebSearch>>,
    /// What is wished of the choice of deployments.
    pub wishes: Option<Box<Preferences>>,
    /// Whether a stream is asked for.
    pub stream: bool,
    /// Whether a stream is read as one JSON array and not as events.
    pub json_array: bool,
    /// The version of the AI SDK's specification that the client speaks; 0 in other dialects.
    pub ai_sdk_version: u8,
    /// Whether an OpenAI client asked for usage in its stream.
    pub include_usage: bool,
    /// What it says about the form of its answer.
    pub wish: Wish,
    /// What of the answer's JSON is repaired; nothing for nearly all.
    pub healing: Option<Healing>,
    /// Whether the client wants to be told how its request was routed.
    pub wants_trace: bool,
    /// How a session is asked for, if one is.
    pub opening: Option<Box<Opening>>,
    /// What it leaves to memory, in the dialect in which that can be said.
    pub memory: Option<Box<Memory>>,
    /// Whether its answer is gone on with elsewhere when it breaks off.
    pub rescue: Rescue,
    /// Whether it is copied to a candidate, or such a copy.
    pub shadow: Role,
    /// The tokens of its prompt where they are known, and nothing else of its body is: of an exchange that is replayed from its
    /// record.
    pub recorded_tokens: Option<u64>,
}

impl Call {
    /// A call that asks for nothing beside its model.
    pub fn plain((dialect, task, skin): (Dialect, Task, Skin), model: String, body: Bytes) -> Box<Self> {
        Box::new(Self {
            dialect,
            task,
            skin,
            body,
            object: Object::default(),
            form: None,
            units: Units::default(),
            holds_sealed: false,
            model,
            variant: None,
            fallbacks: Vec::new(),
            preset: None,
            addressed_preset: false,
            web_search: None,
            wishes: None,
            stream: false,
            json_array: false,
            ai_sdk_version: 0,
            include_usage: false,
            wish: Wish::default(),
            healing: None,
            wants_trace: false,
            opening: None,
            memory: None,
            rescue: Rescue::default(),
            shadow: Role::None,
            recorded_tokens: None,
        })
    }

    /// Whether the client is told the usage of its stream; OpenRouter's clients always are.
    pub fn tells_usage(&self) -> bool {
        self.include_usage || self.skin == Skin::OpenRouter
    }

    /// Whether it has options for a search of the web.
    pub fn has_search_options(&self) -> bool {
        let options = self.object.get(&self.body, "web_search_options");
        self.dialect == Dialect::OpenAiChat && options.is_some_and(|field| field.kind != Kind::Null)
    }

    /// About how many tokens it has, without looking at it. A long body is mostly pictures and files.
    pub fn rough_tokens(&self) -> u64 {
        const BYTES_PER_TOKEN: u64 = 4;
        const TOKENS_MOST: u64 = 32_768;
        (self.body.len() as u64 / BYTES_PER_TOKEN).min(TOKENS_MOST)
    }

    /// What is sent of it to a deployment.
    pub fn load<'d>(&self, deployment: &'d Deployment) -> Load<'d> {
        let (id, model) = (deployment.id, &*deployment.model.native_id);
        Load { deployment: id, model, tokens: self.rough_tokens() }
    }

    /// What is known of the client's dialect when it only passes through.
    pub fn passing(&self) -> Option<&'static Passing> {
        codec(self.dialect).passing()
    }

    /// What the request tells by itself of what an answer uses. A small body is copied, so that it does not keep the
    /// connection's read buffer alive as long as the answer lasts; one of which nothing can be estimated is not kept.
    pub fn asked(&self) -> Asked {
        const SMALL: usize = 4096;
        let is_text = codec(self.dialect).outline().operation.is_of_texts();
        let kept = || match self.body.len() {
            ..=SMALL => Bytes::copy_from_slice(&self.body),
            _ => self.body.clone(),
        };
        let text = is_text.then(|| match self.rescue.begun() {
            // Another message, for whoever estimates.
            Some(begun) => {
                let message = serde_json::json!({ "content": begun }).to_string();
                Bytes::from([&self.body, message.as_bytes()].concat())
            }
            None => kept(),
        });
        Asked { text, units: self.units, model: None }
    }

    /// Whether several answers to one question may be asked for, each with an end of its own.
    pub fn may_have_several_answers(&self) -> bool {
        if let Some(form) = &self.form {
            return form.value(&self.body, "n").is_some_and(|number| number != b"1");
        }
        let member = |name| Some(self.object.get(&self.body, name)?.value(&self.body));
        // The AI SDK's prompt is a list, too, but one of messages.
        let is_text = codec(self.dialect).outline().operation == Operation::Completions;
        member("n").is_some_and(|number| number != b"1")
            || is_text && member("prompt").is_some_and(|prompt| prompt.starts_with(b"["))
            || member("generationConfig").is_some_and(|config| CANDIDATES.find(config).is_some())
    }

    /// Decides what of the answer's JSON is repaired.
    pub fn decide_healing(&mut self, snapshot: &Snapshot, key: &VirtualKey) {
        self.healing = self.wish.decided(snapshot, key, &self.model);
    }

    /// The names for which its key needs a permission: those of the models, unless it may use the preset that stands in
    /// their place.
    pub fn to_permit(&self, key: &VirtualKey) -> impl Iterator<Item = &str> {
        let preset = self.preset.as_ref().filter(|_| self.addressed_preset);
        let is_allowed = preset.is_some_and(|preset| key.models.allows(&format!("@preset/{}", preset.name)));
        self.models().map(|named| named.name).filter(move |_| !is_allowed)
    }

    /// All models that the client names.
    pub fn models(&self) -> impl Iterator<Item = Named<'_>> {
        let further = self.fallbacks.iter().map(|(name, variant)| Named { name, variant: *variant });
        std::iter::once(Named { name: &self.model, variant: self.variant }).chain(further)
    }
}
