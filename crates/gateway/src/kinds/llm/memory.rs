//! What requests of the Responses API leave to memory: whether they are to be kept, and what they continue.
//! <https://platform.openai.com/docs/guides/conversation-state>
//!
//! In: a request that names an earlier response. Out: the same request with the whole conversation in it, where it is kept
//! here, or the account that keeps it. It never guesses: a conversation that is not found as a whole is refused.

use std::time::Duration;

use bytes::Bytes;
use yumen_config::{GatewaySettings, KeepWish, VirtualKey};
use yumen_llm::dialects::{Dialect, holds_sealed, memory};
use yumen_llm::json::{Edit, Object, scan_object, splice};
use yumen_telemetry::{Account, Conversation, LookupError, ObjectKind, OwnedObject};

use super::call::Call;
use super::decode::expect;
use super::referred::Referred;
use crate::exchange::Exchange;
use crate::kinds::owned::{is_id, unavailable};
use crate::rejection::{Code, Rejection};

/// How long something that is remembered is looked for.
const LOOK_UP_MOST: Duration = Duration::from_secs(2);
/// The member that names the response to continue.
const PREVIOUS: &str = "previous_response_id";
/// Members that are acted on here, beside those of every request.
const ACTED_ON: [&str; 5] = [PREVIOUS, "conversation", "input", "store", "background"];
/// What ids begin with of responses that are kept here. What follows is random and tells nothing.
const OURS: &str = "resp_yu_";
/// Random bytes of such an id.
const ID_BYTES: usize = 24;

/// What a request leaves to memory.
#[derive(Debug)]
pub struct Memory {
    /// What it says of whether its response is to be kept.
    pub store: Option<bool>,
    /// Whether it is to be worked on in the background.
    pub background: bool,
    /// Its own input, as it was sent.
    pub input: Bytes,
    /// What it continues.
    pub previous: Option<Previous>,
    /// What else it names of that which only a provider keeps.
    pub referred: Referred,
}

/// A response that is continued.
#[derive(Debug)]
pub enum Previous {
    /// It was not looked for yet.
    Named(String),
    /// It was kept here, and stands in the request by now.
    Here(String),
    /// A provider keeps it.
    There(OwnedObject),
}

impl Memory {
    /// Reads what a request says; nothing in other dialects.
    pub fn read(dialect: Dialect, object: &Object, body: &Bytes) -> Result<Option<Box<Self>>, Rejection> {
        if dialect != Dialect::OpenAiResponses {
            return Ok(None);
        }
        // One reader could take the first and another the last of them, which is another key's.
        if let Some((name, position)) = object.ambiguous(body, &ACTED_ON) {
            let message = format!(
                "The field at byte {position} could be read as a second `{name}`. Send `{name}` once, spelt plainly."
            );
            return Err(Rejection::new(Code::AmbiguousField, message).param(name));
        }
        let previous = expect(PREVIOUS, "the id of a response", object.string(body, PREVIOUS))?;
        let background = expect("background", "true or false", object.bool(body, "background"))?;
        Ok(Some(Box::new(Self {
            store: expect("store", "true or false", object.bool(body, "store"))?,
            background: background.unwrap_or(false),
            input: object
                .get(body, "input")
                .map(|field| body.slice_ref(field.value(body)))
                .unwrap_or_default(),
            previous: previous.map(|id| Previous::Named(id.into_owned())),
            referred: Referred::read(object, body)?,
        })))
    }

    /// The kept response that is continued.
    pub fn kept(&self) -> Option<&str> {
        match &self.previous {
            Some(Previous::Here(id)) => Some(id),
            _ => None,
        }
    }

    /// The account that keeps what is continued or named, and the field that says so.
    pub fn account(&self) -> Option<(&Account, &'static str)> {
        match (&self.previous, &self.referred) {
            (Some(Previous::There(object)), _) => Some((&object.account, PREVIOUS)),
            (_, Referred::At(account, field)) => Some((account, field)),
            _ => None,
        }
    }

    /// Whether only a provider knows all that it continues.
    pub fn is_bound(&self) -> bool {
        matches!(self.previous, Some(Previous::There(_))) || !matches!(self.referred, Referred::Nothing)
    }
}

/// Finds what a request continues, and what else it names. Only such a request waits.
pub async fn recall(
    exchange: &Exchange,
    settings: &GatewaySettings,
    key: &VirtualKey,
    call: Box<Call>,
) -> Result<Box<Call>, Rejection> {
    let mut call = continued(exchange, settings, key, call).await?;
    if let Some(memory) = &mut call.memory {
        let Memory { previous, referred, .. } = &mut **memory;
        let previous = match previous {
            Some(Previous::There(object)) => Some(&object.account),
            _ => None,
        };
        referred.look_up(exchange, key, previous).await?;
    }
    Ok(call)
}

/// The same call with what came before it, where that is kept here.
async fn continued(
    exchange: &Exchange,
    settings: &GatewaySettings,
    key: &VirtualKey,
    mut call: Box<Call>,
) -> Result<Box<Call>, Rejection> {
    let Some(memory) = &mut call.memory else { return Ok(call) };
    let Some(Previous::Named(id)) =
        memory.previous.take_if(|previous| matches!(previous, Previous::Named(_)))
    else {
        return Ok(call);
    };
    let missing = || not_found(settings, &id);
    if !is_id(&id) {
        return Err(missing());
    }
    let gateway = &exchange.worker().gateway;
    if !is_kept_here(&id) {
        let found = gateway.owners.find(ObjectKind::Response, &id, &key.id);
        memory.previous = Some(Previous::There(remembered(found).await?.ok_or_else(missing)?));
        return Ok(call);
    }
    if settings.responses.store == KeepWish::Never {
        return Err(missing());
    }
    // Beside what was said, a kept turn holds some hundred bytes: the whole is looked at again when it is put together.
    let most = (settings.max_body_bytes as u64).saturating_mul(2);
    let found = gateway.keeper.conversation(&key.id, &id, oldest(exchange, settings), most);
    let conversation = remembered(found).await?.ok_or_else(missing)?;
    if conversation.bytes > most {
        return Err(too_large(settings));
    }
    if !conversation.is_whole {
        let message = format!(
            "What came before the response `{id}` cannot be found: it was deleted, or there are too many turns. Send the \
             whole conversation in the request."
        );
        return Err(Rejection::new(Code::PreviousResponseNotFound, message).param(PREVIOUS));
    }
    let input = memory::continued(&turns(&conversation), &memory.input).map_err(|error| {
        let message = "The earlier response, or this request's `input`, cannot be read.";
        Rejection::new(Code::InvalidRequest, message).param("input").cause(error)
    })?;
    let edits = [Edit::Set { name: "input", value: input.into() }, Edit::Remove { name: PREVIOUS }];
    memory.previous = Some(Previous::Here(id));
    call.body = splice(&call.body, &call.object, &edits).concat().into();
    if call.body.len() > settings.max_body_bytes {
        return Err(too_large(settings));
    }
    call.object = scan_object(&call.body, settings.max_json_depth).map_err(|error| {
        Rejection::new(Code::Internal, "The conversation could not be put together.").cause(error)
    })?;
    call.holds_sealed = holds_sealed(&call.body);
    // Whoever answered the earlier turns may have read them otherwise than a provider reads them that looks things up.
    memory.referred = Referred::read(&call.object, &call.body)?;
    Ok(call)
}

fn not_found(settings: &GatewaySettings, id: &str) -> Rejection {
    let id: String = id.chars().take(200).filter(|letter| !letter.is_control()).collect();
    let how = match settings.responses.store {
        KeepWish::Never => {
            "the gateway keeps none itself (`gateway.responses.store` is `never`), and no provider keeps it for this virtual key"
        }
        KeepWish::WhenAsked => {
            "this virtual key has none that is kept; one is when its request says `store: true`"
        }
        KeepWish::UnlessRefused => {
            "this virtual key has none that is kept; one is unless its request says `store: false`"
        }
    };
    let message = format!(
        "Previous response with id '{id}' not found: {how}. Or send the whole conversation in the request."
    );
    Rejection::new(Code::PreviousResponseNotFound, message).param(PREVIOUS)
}

fn too_large(settings: &GatewaySettings) -> Rejection {
    let most = settings.max_body_bytes;
    let message = format!("With what came before it the request is larger than {most} bytes: begin anew.");
    Rejection::new(Code::BodyTooLarge, message).param(PREVIOUS)
}

/// What is remembered, if it is found in time.
pub async fn remembered<T>(looking: impl Future<Output = Result<T, LookupError>>) -> Result<T, Rejection> {
    let late = || LookupError(format!("nothing came within {LOOK_UP_MOST:?}"));
    let found = tokio::time::timeout(LOOK_UP_MOST, looking).await.unwrap_or_else(|_| Err(late()));
    found.map_err(|error| unavailable(&error))
}

/// The turns of a conversation.
pub fn turns(conversation: &Conversation) -> Vec<memory::Turn<'_>> {
    let kept = conversation.turns.iter();
    kept.map(|kept| memory::Turn { id: &kept.id, input: &kept.input, response: &kept.response }).collect()
}

/// Conversations that were last continued before this Unix second are forgotten.
pub fn oldest(exchange: &Exchange, settings: &GatewaySettings) -> i64 {
    let retention = i64::try_from(settings.responses.retention.as_secs()).unwrap_or(i64::MAX);
    exchange.created().saturating_sub(retention)
}

/// Whether this is the id of a response that the gateway keeps itself.
pub fn is_kept_here(id: &str) -> bool {
    id.starts_with(OURS)
}

/// A new id for a response that is kept here: nobody can guess it.
pub fn new_id() -> Option<String> {
    let mut random = [0; ID_BYTES];
    getrandom::fill(&mut random).ok()?;
    let mut id = String::with_capacity(OURS.len() + 2 * ID_BYTES);
    id.push_str(OURS);
    random.iter().for_each(|byte| id.push_str(&format!("{byte:02x}")));
    Some(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(body: &'static str) -> Result<Box<Memory>, Code> {
        let body = Bytes::from_static(body.as_bytes());
        let object = scan_object(&body, 128).unwrap();
        let read = Memory::read(Dialect::OpenAiResponses, &object, &body);
        read.map(Option::unwrap).map_err(|rejection| rejection.code)
    }

    #[test]
    fn what_is_acted_on_is_said_once_and_plainly() {
        let memory = read(r#"{"input": [1] ,"store":true,"previous_response_id":"resp_1"}"#).unwrap();
        assert_eq!((memory.store, memory.background, &memory.input[..]), (Some(true), false, &b"[1]"[..]));
        assert!(matches!(&memory.previous, Some(Previous::Named(id)) if id == "resp_1"));
        let memory = read(r#"{"store":null,"previous_response_id":null}"#).unwrap();
        assert!(memory.store.is_none() && memory.previous.is_none());
        for twice in [
            r#"{"previous_response_id":"a","previous_response_id":"b"}"#,
            r#"{"previous_response_id":"a","previous_response_i\u0064":"b"}"#,
            r#"{"store":false,"Store":true}"#,
        ] {
            assert_eq!(read(twice).unwrap_err(), Code::AmbiguousField, "{twice}");
        }
        for wrong in [r#"{"store":"true"}"#, r#"{"previous_response_id":7}"#, r#"{"background":1}"#] {
            assert_eq!(read(wrong).unwrap_err(), Code::InvalidRequest, "{wrong}");
        }
        let body = Bytes::from_static(b"{}");
        let object = scan_object(&body, 128).unwrap();
        assert!(Memory::read(Dialect::OpenAiChat, &object, &body).unwrap().is_none());
    }

    #[test]
    fn ids_are_known_again_and_differ() {
        let (one, other) = (new_id().unwrap(), new_id().unwrap());
        assert!(one != other && is_kept_here(&one) && is_id(&one));
        assert_eq!(one.len(), OURS.len() + 48);
        assert!(!is_kept_here("resp_68"));
    }
}
