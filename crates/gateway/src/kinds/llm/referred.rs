//! What a request names of that which only its provider keeps: conversations, and items of earlier answers. Whoever holds a
//! provider's credential may read all of it, so that the gateway says which key may.
//!
//! In: a request of the Responses API. Out: the account that keeps what it names, where all of it is the key's own; else the
//! providers to which the key may let such requests through anyway, or the refusal.

use std::collections::HashSet;

use bytes::Bytes;
use smallvec::SmallVec;
use yumen_config::{Provider, Snapshot, VirtualKey};
use yumen_llm::dialects::{Dialect, memory};
use yumen_llm::json::Object;
use yumen_telemetry::{Account, ObjectKind};

use super::memory::remembered;
use super::resolve::Step;
use crate::exchange::Exchange;
use crate::kinds::http::lets_through;
use crate::kinds::owned::is_id;
use crate::rejection::{Code, Rejection};

/// Most items that a request may name.
const ITEMS_MOST: usize = 1000;
/// The path at which a key that may let it through could name anything.
const RESPONSES: &str = "/responses";

/// What a request names of that which only its provider keeps.
#[derive(Debug)]
pub enum Referred {
    /// Nothing.
    Nothing,
    /// These, which were not looked up yet.
    Named(Vec<memory::Reference>),
    /// What this account keeps for the key; the field that names it.
    At(Account, &'static str),
    /// Something that is not known to be the key's own.
    Unknown(memory::Reference),
}

impl Referred {
    /// Reads what a request names.
    pub fn read(object: &Object, body: &Bytes) -> Result<Self, Rejection> {
        let named = memory::references(object, body);
        if named.len() > ITEMS_MOST {
            let message = format!("A request may name at most {ITEMS_MOST} items that a provider keeps.");
            return Err(Rejection::new(Code::InvalidRequest, message).param("input"));
        }
        Ok(if named.is_empty() { Self::Nothing } else { Self::Named(named) })
    }

    /// Finds whose it is; what is continued is kept at `previous`. Only a request that names something waits.
    pub async fn look_up(
        &mut self,
        exchange: &Exchange,
        key: &VirtualKey,
        previous: Option<&Account>,
    ) -> Result<(), Rejection> {
        let Self::Named(named) = self else { return Ok(()) };
        let named = std::mem::take(named);
        *self = remembered(async {
            let owners = &exchange.worker().gateway.owners;
            let mut at: Option<(Account, &'static str)> = None;
            for kind in [ObjectKind::Conversation, ObjectKind::Item] {
                let ids: Vec<&str> = named.iter().filter_map(|one| id_of(one, kind)).collect();
                let Some(first) = ids.first() else { continue };
                let unknown = |id: &str| Self::Unknown(of(kind, id));
                // Providers may give the same ids: what is the key's own at one may be another's where the request goes.
                let account = match previous.or(at.as_ref().map(|(account, _)| account)) {
                    Some(account) => account.clone(),
                    None => {
                        let found =
                            if is_id(first) { owners.find(kind, first, &key.id).await? } else { None };
                        let Some(found) = found else { return Ok(unknown(first)) };
                        found.account
                    }
                };
                let asked = ids.iter().copied().map(str::to_owned).collect();
                let own = owners.of_these(kind, &key.id, &account.provider, asked).await?;
                let own: HashSet<&str> = own.iter().map(String::as_str).collect();
                if let Some(id) = ids.iter().find(|id| !own.contains(*id)) {
                    return Ok(unknown(id));
                }
                at.get_or_insert((account, field(kind)));
            }
            Ok(at.map_or(Self::Nothing, |(account, field)| Self::At(account, field)))
        })
        .await?;
        Ok(())
    }

    /// Leaves the steps at providers to which the key may let such a request through as it is, if what it names is not
    /// known to be the key's own.
    pub fn permit(
        &self,
        snapshot: &Snapshot,
        key: &VirtualKey,
        steps: &mut SmallVec<[Step; 2]>,
    ) -> Result<(), Rejection> {
        let Self::Unknown(reference) = self else { return Ok(()) };
        let knows = |step: &Step| step.dialect == Dialect::OpenAiResponses;
        let Some(asked) = steps.iter().find(|step| knows(step)).map(|step| step.provider().id.clone()) else {
            // Nobody would look it up, and the request is refused for that.
            return Ok(());
        };
        steps.retain(|step| knows(step) && may(snapshot, key, step.provider()));
        if steps.is_empty() { Err(refusal(reference, &asked)) } else { Ok(()) }
    }
}

fn may(snapshot: &Snapshot, key: &VirtualKey, provider: &Provider) -> bool {
    lets_through(snapshot, key, &http::Method::POST, &provider.id, RESPONSES).is_ok()
}

fn id_of(reference: &memory::Reference, kind: ObjectKind) -> Option<&str> {
    match (reference, kind) {
        (memory::Reference::Conversation(id), ObjectKind::Conversation)
        | (memory::Reference::Item(id), ObjectKind::Item) => Some(id),
        _ => None,
    }
}

fn of(kind: ObjectKind, id: &str) -> memory::Reference {
    let id = id.to_owned();
    if kind == ObjectKind::Item { memory::Reference::Item(id) } else { memory::Reference::Conversation(id) }
}

fn field(kind: ObjectKind) -> &'static str {
    if kind == ObjectKind::Item { "input" } else { "conversation" }
}

fn refusal(reference: &memory::Reference, provider: &str) -> Rejection {
    let (kind, id) = match reference {
        memory::Reference::Conversation(id) => (ObjectKind::Conversation, id),
        memory::Reference::Item(id) => (ObjectKind::Item, id),
    };
    let id: String = id.chars().take(200).filter(|letter| !letter.is_control() && *letter != '`').collect();
    let message = format!(
        "This virtual key has no {} `{id}` at the provider `{provider}`: it is none that the key has made here. A key may name \
         what was made elsewhere if it may let requests through to the provider as they are: `access: \
         [\"providers/{provider}\"]` of the key, and `passthrough: [\"POST {RESPONSES}\"]` of the provider.",
        kind.as_str()
    );
    Rejection::new(Code::ObjectNotFound, message).param(field(kind))
}
