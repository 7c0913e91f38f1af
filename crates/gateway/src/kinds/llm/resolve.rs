//! resolve: Call → Plan. A pure choice of what to try in which order; never sends.

use std::sync::Arc;

use smallvec::SmallVec;
use yumen_config::{Credential, Deployment, Provider, Scheme, Snapshot, VirtualKey};
use yumen_llm::dialects::{Dialect, Outline, sayable_in};
use yumen_telemetry::Account;

use super::call::Call;
use crate::kinds::accounts;
use crate::rejection::{Code, Rejection};
use crate::stages::unknown_model;

/// What to try, in order.
#[derive(Debug)]
pub struct Plan {
    /// The steps; never empty.
    pub steps: SmallVec<[Step; 2]>,
    /// The only credential that may be used: the one that made what the request continues.
    pub only: Option<Arc<Credential>>,
}

/// One deployment and the dialect in which it is spoken to.
#[derive(Debug, Clone)]
pub struct Step {
    /// What is called.
    pub deployment: Deployment,
    /// The dialect of the upstream.
    pub dialect: Dialect,
}

/// Chooses the deployments for a call: those of the model asked for, in weighted rotation, then its fallbacks,
/// then the same for each further model that the client names.
pub fn resolve(snapshot: &Snapshot, key: &VirtualKey, call: &Call) -> Result<Plan, Rejection> {
    let mut steps: SmallVec<[Step; 2]> = SmallVec::new();
    let mut served = false;
    for name in call.models() {
        let Some(target) = snapshot.target(name) else { continue };
        served |= target.deployments.items().iter().any(exists);
        for deployment in target.deployments.turn().chain(&target.fallbacks) {
            if let Some(dialect) = spoken(call.dialect, deployment).filter(|_| exists(deployment)) {
                steps.push(Step { deployment: deployment.clone(), dialect });
            }
        }
    }
    if !served {
        return Err(unknown_model(snapshot, &key.models, &call.model));
    }
    if steps.is_empty() {
        let message = format!("No provider of the model `{}` can serve this kind of request.", call.model);
        return Err(Rejection::new(Code::InvalidRequest, message).param("model"));
    }
    let only = match call.memory.as_ref().and_then(|memory| memory.owned()) {
        Some(previous) => pin(snapshot, &mut steps, &previous.account, &call.model)?,
        None => None,
    };
    Ok(Plan { steps, only })
}

/// Leaves the steps at the account that keeps what the request continues; nobody else knows it.
fn pin(
    snapshot: &Snapshot,
    steps: &mut SmallVec<[Step; 2]>,
    account: &Account,
    model: &str,
) -> Result<Option<Arc<Credential>>, Rejection> {
    let refuse = |message: String| {
        Err(Rejection::new(Code::PreviousResponseElsewhere, message).param("previous_response_id"))
    };
    let Some((provider, credential)) = accounts::found(snapshot, account) else {
        return refuse(format!("{} Send the whole conversation in the request.", accounts::gone(account)));
    };
    steps.retain(|step| step.dialect == Dialect::OpenAiResponses && step.provider().id == provider.id);
    if steps.is_empty() {
        return refuse(format!(
            "The provider `{}` keeps the earlier response, and does not serve the model `{model}` in this API. Ask for a model \
             of it, or send the whole conversation in the request.",
            account.provider
        ));
    }
    Ok(credential.cloned())
}

/// Whether there can be such a model: a network provider may know more than we, the built-in one knows only its own.
fn exists(deployment: &Deployment) -> bool {
    let provider = &deployment.provider;
    let builtin = provider.endpoints.values().any(|endpoint| endpoint.scheme == Scheme::Builtin);
    !builtin || provider.models.contains_key(&deployment.model.native_id)
}

/// The dialect in which to speak to a deployment: the client's own where possible, so that bytes pass through.
fn spoken(client: Dialect, deployment: &Deployment) -> Option<Dialect> {
    let known = &deployment.model.operations;
    let can = |outline: &&Outline| known.is_empty() || known.contains(&outline.operation);
    let speaks = |outline: &&Outline| deployment.provider.endpoints.contains_key(&outline.dialect);
    sayable_in(client).filter(can).find(speaks).map(|outline| outline.dialect)
}

impl Step {
    /// The provider that is called.
    pub fn provider(&self) -> &Provider {
        &self.deployment.provider
    }
}
