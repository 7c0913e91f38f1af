//! A request as conditions read it: each attribute is found out when it is asked for, and at most once.

use std::borrow::Cow;
use std::cell::OnceCell;
use std::time::{SystemTime, UNIX_EPOCH};

use http::{HeaderMap, request};
use yumen_config::VirtualKey;
use yumen_config::cel::{Attribute, Facts, Fault, Items, Map, Value};
use yumen_llm::dialects::codec;
use yumen_llm::json::{Kind, Object};

use super::texts::{Texts, tool_names};
use crate::affinity::key_of;
use crate::kinds::llm::call::Call;
use crate::kinds::llm::resolve::{Ask, session_name};

/// Tags of a request that are looked at.
const TAGS_MOST: usize = 64;
/// A share of a hundred is told in so many parts.
pub const PARTS: u64 = 10_000_000;

/// A request as conditions read it.
pub struct Request<'a> {
    /// The call.
    pub call: &'a Call,
    key: &'a VirtualKey,
    path: &'a str,
    headers: &'a HeaderMap,
    /// A number below [`PARTS`], drawn for this request.
    drawn: u64,
    category: Option<&'a str>,
    ask: OnceCell<Ask<'a>>,
    texts: OnceCell<Texts>,
    tools: OnceCell<Vec<Value<'static>>>,
    tags: OnceCell<Vec<Value<'static>>>,
    metadata: OnceCell<Option<Object>>,
    session: OnceCell<Option<Cow<'a, str>>>,
    now: OnceCell<i64>,
}

impl<'a> Request<'a> {
    /// A call with its head, who makes it, a number below [`PARTS`] that was drawn for it, and what its last message is
    /// about, once that is known.
    pub fn new(
        call: &'a Call,
        key: &'a VirtualKey,
        head: &'a request::Parts,
        drawn: u64,
        category: Option<&'a str>,
    ) -> Self {
        Self {
            call,
            key,
            path: head.uri.path(),
            headers: &head.headers,
            drawn,
            category,
            ask: OnceCell::new(),
            texts: OnceCell::new(),
            tools: OnceCell::new(),
            tags: OnceCell::new(),
            metadata: OnceCell::new(),
            session: OnceCell::new(),
            now: OnceCell::new(),
        }
    }

    /// The same at this time, in seconds since the epoch, instead of now.
    pub fn at(self, seconds: i64) -> Self {
        Self { now: OnceCell::from(seconds), ..self }
    }

    fn ask(&self) -> &Ask<'a> {
        self.ask.get_or_init(|| Ask::of(self.call, self.headers))
    }

    fn texts(&self) -> &Texts {
        self.texts.get_or_init(|| Texts::read(self.call))
    }

    fn tools(&self) -> &[Value<'static>] {
        self.tools.get_or_init(|| {
            let names = tool_names(&self.call.object, &self.call.body).into_iter();
            names.map(|name| Value::Text(Cow::Owned(name))).collect()
        })
    }

    fn session(&self) -> Option<&str> {
        self.session.get_or_init(|| session_name(self.call, self.headers)).as_deref()
    }

    /// Seconds since the epoch.
    fn now(&self) -> i64 {
        *self.now.get_or_init(|| {
            let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
            i64::try_from(since.as_secs()).unwrap_or(0)
        })
    }

    fn metadata(&self) -> Option<&Object> {
        let read = || self.call.object.object(&self.call.body, "metadata").value();
        self.metadata.get_or_init(read).as_ref()
    }

    /// Tags of the key, and what clients of several gateways write in their requests.
    fn tags(&self) -> &[Value<'static>] {
        self.tags.get_or_init(|| {
            let body = &self.call.body;
            let texts = |object: &Object| -> Vec<String> {
                let field = object.get(body, "tags").filter(|field| field.kind == Kind::Array);
                field.and_then(|field| serde_json::from_slice(field.value(body)).ok()).unwrap_or_default()
            };
            let within = |object: &Object, name: &str| object.object(body, name).value();
            let vercel = within(&self.call.object, "providerOptions").and_then(|one| within(&one, "gateway"));
            let said = [Some(&self.call.object), self.metadata(), vercel.as_ref()];
            let said = said.into_iter().flatten().flat_map(texts);
            let own = self.key.tags.iter().map(ToString::to_string);
            own.chain(said.take(TAGS_MOST)).map(|tag| Value::Text(Cow::Owned(tag))).collect()
        })
    }
}

/// A part of [`PARTS`] as a share of a hundred.
fn share(part: u64) -> f64 {
    part as f64 / (PARTS / 100) as f64
}

fn whole(number: u64) -> Value<'static> {
    Value::Int(i64::try_from(number).unwrap_or(i64::MAX))
}

fn count(number: usize) -> Value<'static> {
    whole(number as u64)
}

impl Facts for Request<'_> {
    fn attribute(&self, attribute: Attribute) -> Result<Value<'_>, Fault> {
        let text = |text| Value::Text(Cow::Borrowed(text));
        let outline = || codec(self.call.dialect).outline();
        Ok(match attribute {
            Attribute::Model => text(&self.call.model),
            Attribute::Preset => text(self.call.preset.as_ref().map_or("", |preset| &preset.name)),
            Attribute::Path => text(self.path),
            Attribute::Dialect => text(outline().name),
            Attribute::Operation => text(outline().operation.word()),
            Attribute::Stream => Value::Bool(self.call.stream),
            Attribute::Tokens => whole(self.ask().prompt_tokens()),
            Attribute::MaxTokens => whole(self.ask().max_output.unwrap_or(0)),
            Attribute::Tools => count(self.tools().len()),
            Attribute::ToolNames => Value::List(Items::Lent(self.tools())),
            Attribute::Images => count(self.texts().images),
            Attribute::LastMessage => text(&self.texts().last),
            Attribute::MessagesText => text(&self.texts().all),
            Attribute::KeyName => text(&self.key.name),
            Attribute::KeyId => text(&self.key.id),
            Attribute::Team => text(self.key.team.as_deref().unwrap_or_default()),
            Attribute::Tags => Value::List(Items::Lent(self.tags())),
            Attribute::Session => text(self.session().unwrap_or_default()),
            Attribute::Now => Value::Int(self.now()),
            Attribute::Category => text(self.category.ok_or(Fault::Unknown(attribute))?),
            Attribute::Random => Value::Double(share(self.drawn)),
        })
    }

    fn entry(&self, map: Map, name: &str) -> Option<Cow<'_, str>> {
        match map {
            Map::Header => self.headers.get(name)?.to_str().ok().map(Cow::Borrowed),
            Map::Metadata => self.metadata()?.string(&self.call.body, name).value(),
        }
    }

    fn split(&self, name: &str, by: Option<&str>) -> f64 {
        let by = by.or_else(|| self.session()).unwrap_or(&self.key.id);
        share(key_of((name, by)) % PARTS)
    }
}
