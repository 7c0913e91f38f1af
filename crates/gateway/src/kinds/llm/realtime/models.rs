//! Which models a client's message may name within a session, and by which names the provider knows them.
//!
//! In: the names that stand in a message. Out: the message with the provider's own names in their place, or why it goes no
//! further. It sends nothing.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use yumen_config::{Deployment, ModelTarget, Snapshot, VirtualKey, may_use};
use yumen_llm::dialects::{ModelPlace, NamedModel};
use yumen_llm::price::Price;

use crate::rejection::{Code, Rejection};

/// The model of a session: as the client has asked for it, and what serves it.
pub struct Chosen {
    /// As it was asked for.
    pub asked: String,
    /// What serves it.
    pub deployment: Deployment,
    /// Whether nothing but transcripts was asked for, so that every model that is named is one for them.
    pub transcribes: bool,
}

/// A model that writes down what a client says.
pub struct Transcriber {
    /// The provider's own name of it.
    pub native_id: Arc<str>,
    /// What it charges.
    pub price: Option<Price>,
}

/// Puts the provider's own names into a message. Gives the last model named for a part of the session as well.
pub fn spell(
    snapshot: &Snapshot,
    key: &VirtualKey,
    chosen: &Chosen,
    message: BytesMut,
    named: &[NamedModel],
) -> Result<(BytesMut, Option<Transcriber>), Rejection> {
    let (mut spelt, mut copied, mut transcriber) = (BytesMut::new(), 0, None);
    for model in named {
        let native_id = match model.place {
            ModelPlace::Session if !chosen.transcribes => {
                own(chosen, &model.name)?;
                Arc::clone(&chosen.deployment.model.native_id)
            }
            _ => {
                let found = part(snapshot, key, chosen, &model.name)?;
                let native_id = Arc::clone(&found.native_id);
                transcriber = Some(found);
                native_id
            }
        };
        if *native_id != *model.name {
            spelt.extend_from_slice(message.get(copied..model.start).unwrap_or_default());
            spelt.extend_from_slice(serde_json::Value::from(&*native_id).to_string().as_bytes());
            copied = model.end;
        }
    }
    if copied == 0 {
        return Ok((message, transcriber));
    }
    spelt.extend_from_slice(message.get(copied..).unwrap_or_default());
    Ok((spelt, transcriber))
}

/// The model of a session stays what it was.
fn own(chosen: &Chosen, name: &str) -> Result<(), Rejection> {
    let model = &chosen.deployment.model;
    if name == chosen.asked || name == &*model.native_id || model.canonical_id.as_deref() == Some(name) {
        return Ok(());
    }
    let asked = &chosen.asked;
    let message =
        format!("This session was opened for the model `{asked}`; another one needs another session.");
    Err(Rejection::new(Code::InvalidRequest, message).param("session.model"))
}

/// A model that does a part of the session's work, at the same provider: as its own name or any public one says.
fn part(
    snapshot: &Snapshot,
    key: &VirtualKey,
    chosen: &Chosen,
    name: &str,
) -> Result<Transcriber, Rejection> {
    let provider = &chosen.deployment.provider;
    let qualified = format!("{}/{name}", provider.id);
    let here = |target: &ModelTarget| {
        let mut all = target.deployments.items().iter().chain(&target.fallbacks);
        all.find(|deployment| deployment.provider.id == provider.id).cloned()
    };
    for public in [name, qualified.as_str()] {
        let Some(target) = snapshot.target(public) else { continue };
        if let Some(deployment) = here(&target).filter(|_| may_use(&key.models, public, &target)) {
            let model = &deployment.model;
            return Ok(Transcriber { native_id: Arc::clone(&model.native_id), price: model.price });
        }
    }
    let shown: String = name.chars().take(200).collect();
    let message = format!("The virtual key `{}` may not use the model `{shown}` in this session.", key.name);
    Err(Rejection::new(Code::ModelNotAllowed, message).param("session"))
}

/// A refusal as a message.
pub fn refusal(rejection: &Rejection, generation_id: &str, caused_by: Option<&str>) -> Bytes {
    yumen_llm::dialects::realtime_error(&rejection.facts(generation_id), generation_id, caused_by).into()
}
